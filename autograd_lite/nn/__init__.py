"""Networks from parts: modules, layers and losses."""

from typing import TYPE_CHECKING

from autograd_lite.core.later import later
from autograd_lite.nn import functional, init
from autograd_lite.nn.activations import ELU, GELU, LeakyReLU, LogSoftmax, SiLU, Softmax, Softplus
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
    "ELU", "GELU", "GRU", "LSTM", "MSE", "RNN", "AvgPool2d", "BCELoss", "BCEWithLogitsLoss",
    "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "CrossEntropyLoss", "Dropout", "Embedding",
    "Flatten", "HingeEmbeddingLoss", "HingeLoss", "HuberLoss", "KLDivLoss", "L1Loss", "LayerNorm",
    "LeakyReLU", "Linear", "LogSoftmax", "MSELoss", "MaxPool2d", "Module", "MultiheadAttention",
    "NLLLoss", "ReLU", "Sequential", "SiLU", "Sigmoid", "SmoothL1Loss", "Softmax", "Softplus",
    "Tanh", "from_pytorch", "functional", "init", "to_pytorch",
]  # fmt: skip

INSTEAD = {
    "Parameter": "self.w = al.Tensor(values, requires_grad=True): it is a parameter of its module",
    "relu": "al.relu(x), or nn.ReLU() for a module",
    "sigmoid": "al.sigmoid(x), or nn.Sigmoid() for a module",
    "tanh": "np.tanh(x), or nn.Tanh() for a module",
    "softmax": "al.softmax(x), or nn.Softmax() for a module",
    "ModuleList": "a list: self.layers = [...]",
    "ModuleDict": "a dict: self.layers = {...}",
    "AdaptiveAvgPool2d": "np.mean(x, axis=(2, 3)), for one number per channel",
    "Identity": "lambda x: x",
    "Dropout2d": "x * (rng.random((len(x), channels, 1, 1)) >= p) / (1 - p)",
    "GLU": "a * al.sigmoid(b), with a, b = np.split(x, 2, axis=-1)",
    "Hardtanh": "np.clip(x, -1, 1)",
    "LogSigmoid": "-al.softplus(-x)",
    "Mish": "x * np.tanh(al.softplus(x))",
    "MaxPool1d": "nn.MaxPool2d((1, 2))(x[:, :, None])[:, :, 0]",
    "AvgPool1d": "nn.AvgPool2d((1, 2))(x[:, :, None])[:, :, 0]",
    "PReLU": "np.where(x > 0, x, slope * x), with a Tensor slope",
    "ReLU6": "np.clip(x, 0, 6)",
    "Softmin": "al.softmax(-x)",
    **{
        f"{kind}Cell": f"cell = nn.{kind}(n, m), and y, state = cell(x[None], state): a step, y[0]"
        for kind in ("RNN", "GRU", "LSTM")
    },
    "SELU": "1.0507009873554805 * nn.ELU(1.6732632423543772)(x)",
    "Hardsigmoid": "np.clip(x / 6 + 0.5, 0, 1)",
    "Hardswish": "x * np.clip(x / 6 + 0.5, 0, 1)",
    "Softsign": "x / (1 + np.abs(x))",
    "Tanhshrink": "x - np.tanh(x)",
    "RMSNorm": "x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight",
    "ZeroPad2d": "np.pad(x, ((0, 0), (0, 0), (n, n), (n, n)))",
    "Upsample": "np.repeat(np.repeat(x, 2, axis=2), 2, axis=3)",
    "Unflatten": "x.reshape(len(x), *shape)",
    "ParameterList": "a list: self.weights = [...]",
    "Buffer": "self.mean = np.zeros(n): an array is a buffer",
    "Dense": "nn.Linear(in_features, out_features)",
    "MLP": "nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))",
    "Swish": "nn.SiLU",
    **{name: f"nn.{name}Loss" for name in ("BCE", "NLL")},
    "GroupNorm": "(z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + eps), with "
    "z = x.reshape(len(x), groups, -1), and reshape it back",
    "InstanceNorm2d": "(x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) "
    "+ eps)",
    **{
        f"ConvTranspose{n}d": f"al.vjp(conv, np.zeros(shape))[1](x)[0], with conv = nn.Conv{n}d(m, "
        f"n, size, bias=False) and the shape of the result"
        for n in (1, 2)
    },
    **dict.fromkeys(
        ("TransformerEncoderLayer", "Transformer", "TransformerEncoder"),
        "a Module with an nn.MultiheadAttention, two nn.LayerNorm and two nn.Linear",
    ),
    "Tensor": "al.Tensor",
    "utils": "al.optim.clip_grad_norm_(net.parameters(), 1.0)",
}
"""What to write in place of names that others have."""

if not TYPE_CHECKING:
    __getattr__ = later(globals(), {})
