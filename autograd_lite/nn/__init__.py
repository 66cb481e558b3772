"""Networks from parts: modules, layers and losses."""

from autograd_lite.nn import functional
from autograd_lite.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    SiLU,
    Softmax,
    Softplus,
)
from autograd_lite.nn.layers import (
    Dropout,
    Embedding,
    Flatten,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from autograd_lite.nn.losses import (
    MSE,
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HingeEmbeddingLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    NLLLoss,
    SmoothL1Loss,
)
from autograd_lite.nn.module import Module
from autograd_lite.nn.normalization import BatchNorm1d, LayerNorm

__all__ = [
    "ELU",
    "GELU",
    "MSE",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "HingeEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Module",
    "NLLLoss",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Tanh",
    "functional",
]
