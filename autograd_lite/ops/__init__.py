"""The calculus: every operation with its derivative, a file per family.

Inside a rule `g` is the cotangent of the output, `y` the output, and the other names are the
operands. A rule is written once, in operators and NumPy functions that work on arrays and on
Tensors alike, so the same line serves the first derivative and every higher one.
"""

from autograd_lite.ops.arithmetic import add, divide, multiply, negative, power, subtract
from autograd_lite.ops.elementwise import (
    absolute,
    astype,
    clip,
    copy,
    cos,
    exp,
    log,
    maximum,
    minimum,
    sin,
    sqrt,
    square,
    tanh,
    where,
)
from autograd_lite.ops.indexing import assign, getitem, scatter_add
from autograd_lite.ops.linalg import matmul
from autograd_lite.ops.neural import (
    log_softmax,
    logsumexp,
    mse,
    relu,
    sigmoid,
    softmax,
    softplus,
)
from autograd_lite.ops.reduction import max, mean, min, prod, sum, var
from autograd_lite.ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    reshape,
    squeeze,
    stack,
    transpose,
)

__all__ = [
    "absolute",
    "add",
    "assign",
    "astype",
    "broadcast_to",
    "clip",
    "concatenate",
    "copy",
    "cos",
    "divide",
    "exp",
    "expand_dims",
    "getitem",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse",
    "multiply",
    "negative",
    "power",
    "prod",
    "relu",
    "reshape",
    "scatter_add",
    "sigmoid",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "var",
    "where",
]
