"""Which NumPy function is which operation, when it is called on Tensors."""

from autograd_lite.numpy_api import einsum, linalg, polynomial, signals  # noqa: F401
from autograd_lite.numpy_api.dispatch import call_function, call_ufunc
from autograd_lite.numpy_api.elementwise import clip
from autograd_lite.numpy_api.products import dot
from autograd_lite.numpy_api.shape import swapaxes
from autograd_lite.numpy_api.table import (
    WITHOUT_DERIVATIVE,
    is_recorder,
    refuse_nested,
    values_of,
)

__all__ = [
    "WITHOUT_DERIVATIVE",
    "call_function",
    "call_ufunc",
    "clip",
    "dot",
    "is_recorder",
    "refuse_nested",
    "swapaxes",
    "values_of",
]
