"""The calculus: every operation with its derivative, a file per family.

An operation is one entry: a forward function, a rule for each operand, and what else there is to
know about it (how it is written, what it does to shapes, how it simplifies). A rule takes the
cotangent `g` of the output, the output `y`, and the operands under their names. It is written once,
in operators and NumPy functions that work on arrays, Tensors and expressions alike, so the same
line serves gradients of every order and their formulas. ``README.md`` explains an entry line by
line, lists its fields, and shows how to add one.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autograd_lite.core.arithmetic import (
    add,
    astype,
    copy,
    divide,
    matmul,
    multiply,
    negative,
    power,
    real,
    subtract,
)
from autograd_lite.core.later import later
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION, Primitive

if TYPE_CHECKING:
    from autograd_lite.ops.complex_numbers import *
    from autograd_lite.ops.contraction import *
    from autograd_lite.ops.decompositions import *
    from autograd_lite.ops.elementwise import *
    from autograd_lite.ops.exponential import *
    from autograd_lite.ops.fourier import *
    from autograd_lite.ops.indexing import *
    from autograd_lite.ops.linalg import *
    from autograd_lite.ops.neural import *
    from autograd_lite.ops.rearranging import *
    from autograd_lite.ops.recurrent import *
    from autograd_lite.ops.reduction import *
    from autograd_lite.ops.shape import *
    from autograd_lite.ops.signals import *
    from autograd_lite.ops.trigonometric import *
    from autograd_lite.ops.windows import *

# fmt: off
FAMILIES = {
    "autograd_lite.ops.complex_numbers": ("angle", "conjugate", "imag"),
    "autograd_lite.ops.contraction": ("einsum",),
    "autograd_lite.ops.decompositions": ("cholesky", "eig", "eigh", "inverse_or_zero", "qr", "svd"),
    "autograd_lite.ops.elementwise": (
        "absolute", "cbrt", "clip", "copysign", "fmax", "fmin", "fmod", "maximum", "minimum",
        "reciprocal", "remainder", "sqrt", "square", "where",
    ),
    "autograd_lite.ops.exponential": (
        "bessel", "exp", "exp2", "expm1", "i0", "log", "log1p", "log2", "log10", "logaddexp",
        "logaddexp2",
    ),
    "autograd_lite.ops.fourier": ("fft", "ifft", "irfft", "rfft"),
    "autograd_lite.ops.indexing": ("assign", "getitem", "scatter_add"),
    "autograd_lite.ops.linalg": (
        "cross", "det", "inv", "logabsdet", "mirror", "pinv", "solve", "trace",
        "vector_norm",
    ),
    "autograd_lite.ops.neural": (
        "elu", "erf", "leaky_relu", "log_softmax", "logsumexp", "mse", "relu", "sigmoid", "softmax",
        "softplus",
    ),
    "autograd_lite.ops.rearranging": (
        "diagflat", "diagonal", "flip", "pad", "partition", "repeat", "resize", "roll", "rot90",
        "sort", "take", "take_along_axis", "tile", "tril", "triu",
    ),
    "autograd_lite.ops.recurrent": ("gru", "lstm", "rnn"),
    "autograd_lite.ops.reduction": (
        "cumprod", "cumsum", "max", "mean", "min", "prod", "sum", "var",
    ),
    "autograd_lite.ops.shape": (
        "broadcast_to", "concatenate", "expand_dims", "reshape", "squeeze", "stack", "transpose",
    ),
    "autograd_lite.ops.signals": (
        "convolve", "interp", "interp_adjoint", "interp_derivative", "interp_derivative_adjoint",
    ),
    "autograd_lite.ops.trigonometric": (
        "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cos", "cosh",
        "deg2rad", "hypot", "rad2deg", "sin", "sinc", "sinh", "tan", "tanh",
    ),
    "autograd_lite.ops.windows": (
        "conv", "conv_input", "conv_weight", "max_pool", "max_pool_adjoint", "max_pool_pick",
        "sum_pool", "sum_pool_adjoint",
    ),
}
"""The families that are loaded when one of their operations is first used, and what is in them."""

WITH_SCIPY = {
    "autograd_lite.ops.cylinder": (
        "iv", "ive", "jv", "kv", "kve", "yv",
    ),
    "autograd_lite.ops.entropies": (
        "cosm1", "entr", "exp1", "exp10", "expi", "exprel", "hyp1f1", "hyp2f1", "kl_div",
        "log_expit", "logit", "rel_entr", "xlog1py", "xlogy",
    ),
    "autograd_lite.ops.gammas": (
        "beta", "betainc", "betaincinv", "betaln", "binom", "digamma", "gamma", "gammainc",
        "gammaincc", "gammaincinv", "gammaln", "poch", "polygamma", "rgamma", "zeta",
    ),
    "autograd_lite.ops.gaussian": (
        "dawsn", "erfc", "erfcinv", "erfcx", "erfi", "erfinv", "log_ndtr", "ndtr", "ndtri",
    ),
    "autograd_lite.ops.matrix_functions": ("expm", "solve_sylvester", "solve_triangular", "sqrtm"),
    "autograd_lite.ops.sparse": ("sparse_product",),
}
# fmt: on
"""Those that need SciPy, and are loaded for those alone who use it."""

_find = later(globals(), FAMILIES | WITH_SCIPY)
if not TYPE_CHECKING:
    __getattr__ = _find


def load(families: Mapping[str, tuple[str, ...]] = FAMILIES) -> None:
    """Load every family: from here on, the registry is complete, but for those `WITH_SCIPY`."""
    for first, *_ in families.values():
        _find(first)


def recorded_as(function: Any) -> Primitive | None:
    """Return the operation that a NumPy function is recorded as, if there is one."""
    name = function.__name__
    if function not in BY_NUMPY_FUNCTION and name in __all__ and name not in globals():
        _find(name)
    return BY_NUMPY_FUNCTION.get(function)


__all__ = [
    "add", "astype", "copy", "divide", "matmul", "multiply", "negative", "power", "real",
    "subtract",
]  # fmt: skip
__all__ += [name for names in FAMILIES.values() for name in names]
