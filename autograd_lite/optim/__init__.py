"""Optimisers, schedules of their learning rates, and bounds for gradients."""

from typing import TYPE_CHECKING

from autograd_lite.core.later import later
from autograd_lite.optim.adagrad import Adagrad
from autograd_lite.optim.adam import Adam, AdamW
from autograd_lite.optim.clipping import clip_grad_norm_
from autograd_lite.optim.one_cycle import OneCycleLR
from autograd_lite.optim.optimizer import Optimizer
from autograd_lite.optim.rmsprop import RMSprop
from autograd_lite.optim.schedules import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    StepLR,
)
from autograd_lite.optim.sgd import SGD

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "CosineAnnealingLR", "LRScheduler", "LinearLR",
    "OneCycleLR", "Optimizer", "RMSprop", "ReduceLROnPlateau", "StepLR", "clip_grad_norm_",
]  # fmt: skip

INSTEAD = {
    "lr_scheduler": "al.optim.StepLR(optimiser, 10), for instance",
    "clip_grad_value_": "p.grad = np.clip(p.grad.data, -1, 1), for p in net.parameters()",
    "ExponentialLR": "optim.StepLR(optimiser, 1, gamma)",
    "MultiStepLR": "if epoch in milestones: optimiser.lr *= gamma",
    "LambdaLR": "optimiser.lr = lr * f(epoch)",
    "LBFGS": "scipy.optimize.minimize(al.value_and_grad(f), x, jac=True)",
}
"""What to write in place of names that others have."""

if not TYPE_CHECKING:
    __getattr__ = later(globals(), {})
