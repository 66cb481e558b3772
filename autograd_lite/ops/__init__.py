"""The calculus: every operation with its derivative, a file per family.

Inside a rule `g` is the cotangent of the output, `y` the output, and the other names are the
operands. A rule is written once, in operators and NumPy functions that work on arrays and on
Tensors alike, so the same line serves the first derivative and every higher one.
"""

from autograd_lite.ops.arithmetic import add, divide, multiply, negative, power, subtract
from autograd_lite.ops.decompositions import cholesky, eig, eigh, inverse_or_zero, qr, svd
from autograd_lite.ops.einsum import einsum
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
from autograd_lite.ops.linalg import (
    det,
    fold,
    inv,
    logabsdet,
    matmul,
    mirror,
    pinv,
    solve,
    trace,
    vector_norm,
)
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
from autograd_lite.ops.signals import convolve, interp

__all__ = [
    "absolute",
    "add",
    "assign",
    "astype",
    "broadcast_to",
    "cholesky",
    "clip",
    "concatenate",
    "convolve",
    "copy",
    "cos",
    "det",
    "divide",
    "eig",
    "eigh",
    "einsum",
    "exp",
    "expand_dims",
    "fold",
    "getitem",
    "interp",
    "inv",
    "inverse_or_zero",
    "log",
    "log_softmax",
    "logabsdet",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mirror",
    "mse",
    "multiply",
    "negative",
    "pinv",
    "power",
    "prod",
    "qr",
    "relu",
    "reshape",
    "scatter_add",
    "sigmoid",
    "sin",
    "softmax",
    "softplus",
    "solve",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "svd",
    "tanh",
    "trace",
    "transpose",
    "var",
    "vector_norm",
    "where",
]
