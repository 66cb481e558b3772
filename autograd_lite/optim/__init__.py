"""Optimisers, schedules of their learning rates, and bounds for gradients."""

from typing import TYPE_CHECKING

from autograd_lite.core.later import later
from autograd_lite.optim.adagrad import Adagrad
from autograd_lite.optim.adam import Adam, AdamW
from autograd_lite.optim.clipping import clip_grad_norm_
from autograd_lite.optim.optimizer import Optimizer
from autograd_lite.optim.rmsprop import RMSprop
from autograd_lite.optim.schedules import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)
from autograd_lite.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "LRScheduler",
    "LinearLR",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "StepLR",
    "clip_grad_norm_",
]

INSTEAD = {
    "lr_scheduler": "al.optim.StepLR(optimiser, 10), for instance",
    "LBFGS": "scipy.optimize.minimize(al.value_and_grad(f), x, jac=True)",
}
"""What to write in place of names that others have."""

if not TYPE_CHECKING:
    __getattr__ = later(globals(), {})
