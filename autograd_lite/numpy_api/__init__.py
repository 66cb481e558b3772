"""Which NumPy function is which operation, when it is called on Tensors."""

from autograd_lite.numpy_api import (
    einsum,
    linalg,
    polynomial,
    ranges,
    reduction,
    selection,
    signals,
    statistics,
)
from autograd_lite.numpy_api.dispatch import call_function, call_ufunc
from autograd_lite.numpy_api.elementwise import clip
from autograd_lite.numpy_api.products import dot
from autograd_lite.numpy_api.shape import array, swapaxes
from autograd_lite.numpy_api.table import (
    WITHOUT_DERIVATIVE,
    values_of,
)

__all__ = [
    "WITHOUT_DERIVATIVE",
    "array",
    "call_function",
    "call_ufunc",
    "clip",
    "dot",
    "einsum",
    "linalg",
    "polynomial",
    "ranges",
    "reduction",
    "selection",
    "signals",
    "statistics",
    "swapaxes",
    "values_of",
]
