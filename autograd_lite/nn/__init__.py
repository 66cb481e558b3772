"""Networks from parts: modules, layers and losses."""

from autograd_lite.nn import functional, init
from autograd_lite.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    SiLU,
    Softmax,
    Softplus,
)
from autograd_lite.nn.attention import MultiheadAttention
from autograd_lite.nn.convolution import AvgPool2d, Conv1d, Conv2d, MaxPool2d
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
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from autograd_lite.nn.module import Module
from autograd_lite.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from autograd_lite.nn.pytorch import from_pytorch, to_pytorch
from autograd_lite.nn.recurrent import GRU, LSTM, RNN

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "MSE",
    "RNN",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
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
    "MSELoss",
    "MaxPool2d",
    "Module",
    "MultiheadAttention",
    "NLLLoss",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Tanh",
    "from_pytorch",
    "functional",
    "init",
    "to_pytorch",
]
