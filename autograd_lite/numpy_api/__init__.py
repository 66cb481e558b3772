"""Which NumPy function is which operation, when it is called on Tensors."""

from typing import TYPE_CHECKING

from autograd_lite.core.later import later

if TYPE_CHECKING:
    from autograd_lite.numpy_api.dispatch import call_function, call_ufunc, cast_for
    from autograd_lite.numpy_api.elementwise import clip
    from autograd_lite.numpy_api.products import dot
    from autograd_lite.numpy_api.shape import array, swapaxes
    from autograd_lite.numpy_api.table import COMPOSED, WITHOUT_DERIVATIVE, untyped, values_of
else:
    __getattr__ = later(
        globals(),
        {
            "autograd_lite.numpy_api.dispatch": (  # With it, everything that composes.
                "COMPOSED",
                "call_function",
                "call_ufunc",
                "cast_for",
            ),
            "autograd_lite.numpy_api.elementwise": ("clip",),
            "autograd_lite.numpy_api.products": ("dot",),
            "autograd_lite.numpy_api.shape": ("array", "swapaxes"),
            "autograd_lite.numpy_api.table": ("WITHOUT_DERIVATIVE", "untyped", "values_of"),
        },
    )

__all__ = [
    "COMPOSED", "WITHOUT_DERIVATIVE", "array", "call_function", "call_ufunc", "cast_for", "clip",
    "dot", "swapaxes", "untyped", "values_of",
]  # fmt: skip
