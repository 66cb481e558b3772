"""What becomes of a NumPy function that is called on Tensors: the tables, and what fills them.

An operation's entry names the functions that it stands for. Here stand the others: compositions
of operations, functions that NumPy computes from the values, having no derivative, and those that
are refused, with the reason.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from autograd_lite.core.operands import is_recorder, joined, refuse_other_arrays

untyped: Any = np
"""NumPy without its overloads, for calls that hand on what they were given."""

Function = TypeVar("Function", bound=Callable[..., Any])

NEW: frozenset[Callable[..., Any]] = frozenset({np.zeros_like, np.ones_like, np.empty_like})
"""What makes an array to be written into, and of a Tensor's likeness a Tensor."""

OF_SHAPES: frozenset[Callable[..., Any]] = frozenset(
    {
        np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type,
        np.min_scalar_type, np.may_share_memory, np.shares_memory, np.isrealobj, np.iscomplexobj,
        *NEW,
    }
)  # fmt: skip
"""What depends on the shapes and types of arrays, and not on what is in them."""

WITHOUT_DERIVATIVE: frozenset[Callable[..., Any]] = frozenset(
    {
        # Comparisons and tests
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
        np.isfinite, np.isinf, np.isnan, np.isnat, np.isneginf, np.isposinf, np.signbit,
        np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isclose, np.allclose,
        np.array_equal, np.array_equiv, np.all, np.any, np.isreal, np.iscomplex, np.isin,
        # Steps: constant wherever they have a derivative
        np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round, np.around, np.fix,
        np.floor_divide, np.spacing,
        # Whole numbers
        np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.bitwise_count, np.invert, np.left_shift,
        np.right_shift, np.gcd, np.lcm, np.packbits, np.unpackbits,
        # Positions
        np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition,
        np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted, np.lexsort,
        np.digitize, np.histogram2d, np.histogramdd,
        np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, np.ravel_multi_index,
        np.unravel_index, np.ix_, np.unique_counts, np.unique_inverse, np.unique_all,
        np.linalg.matrix_rank, np.einsum_path,
        *OF_SHAPES,
        # Text and files
        np.array2string, np.array_repr, np.array_str, np.save, np.savez, np.savez_compressed,
        np.savetxt,
    }
)  # fmt: skip
"""What NumPy computes from the values alone."""

REFUSED: dict[Callable[..., Any], str] = {
    np.nextafter: "it is a neighbour in floating point, not a function of real numbers",
    np.sort_complex: "its result is complex; np.sort has derivatives",
    np.busday_count: "it is about dates",
    np.busday_offset: "it is about dates",
    np.is_busday: "it is about dates",
    np.datetime_as_string: "it is about dates",
}
"""What is neither, and why; what is in no table at all is refused too."""

CONVERSIONS: frozenset[Callable[..., Any]] = frozenset(
    {
        np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.zeros,
        np.ones, np.empty, np.full, np.eye, np.identity, np.tri, np.arange, np.fromiter,
        np.frombuffer, np.fromfunction, np.fromstring,
    }
)  # fmt: skip
"""What makes an array: handed over only with ``like=``."""

COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {
    function: function._implementation
    for function in (
        untyped.cumulative_prod, untyped.cumulative_sum, untyped.dsplit, untyped.dstack,
        untyped.hsplit, untyped.hstack, untyped.moveaxis, untyped.rollaxis, untyped.split,
        untyped.union1d, untyped.unique_values, untyped.unstack, untyped.vsplit, untyped.vstack,
        untyped.linalg.diagonal, untyped.linalg.matmul, untyped.linalg.svdvals,
        untyped.linalg.tensordot, untyped.linalg.vecdot,
    )
}  # fmt: skip
"""NumPy functions that are compositions, or take their operands in a form of their own. These
here are NumPy's own compositions, of functions that take Tensors."""

EXTENDED: dict[Callable[..., Any], Callable[..., Any]] = {}
"""Compositions for those calls of a function that have arguments which its entry does not take."""


def composes(
    *functions: Callable[..., Any], table: dict[Callable[..., Any], Callable[..., Any]] = COMPOSED
) -> Callable[[Function], Function]:
    """Decorate what a NumPy function does on Tensors; it takes the same arguments."""

    def register(composition: Function) -> Function:
        table.update(dict.fromkeys(functions, composition))
        return composition

    return register


def extends(*functions: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorate what takes over when an entry is asked for an argument that it does not have."""
    return composes(*functions, table=EXTENDED)


OF_COMPLEX: dict[Callable[..., Any], Callable[..., Any]] = {}
"""Compositions for complex numbers, of functions that have no derivative for real ones."""

REDUCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}
"""What ``np.add.reduce`` and its like are."""

ACCUMULATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
}
"""What ``np.add.accumulate`` and its like are."""

CARRIED: dict[Callable[..., Any], tuple[int, str]] = {
    np.histogram2d: (4, "weights"),
    np.histogramdd: (4, "weights"),
}
"""Arguments that do have a derivative, of functions that otherwise have none."""


def as_array(x: Any) -> Any:
    """Return what has a shape: an operand that records as it is, anything else as an array."""
    x = joined(x)
    if is_recorder(x):
        return x
    refuse_other_arrays(x, "NumPy on Tensors")
    return np.asarray(x)


def values_of(x: Any) -> Any:
    """Replace Tensors by their values, also inside lists and tuples."""
    if is_recorder(x):
        return x.data
    if isinstance(x, list | tuple):
        parts = map(values_of, x)
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def fixed(value: Any, name: str, argument: str) -> Any:
    """Return the value of an argument by which a function has no derivative here."""
    if getattr(value, "requires_grad", False):
        raise TypeError(
            f"{name} has no derivative by {argument} in autograd_lite, got a Tensor of shape "
            f"{value.shape} for it that requires a gradient. Pass its value: t.numpy()."
        )
    return values_of(value)


def laid_out(x: Any, like: Any) -> Any:
    """Return a new result with its numbers in memory as in `like`, an array of NumPy's own."""
    return x._lay_out(like) if hasattr(x, "_lay_out") else x


def alike(x: Any, array: Any) -> Any:
    """Return a new array as a constant of the kind of `x`, if it may hold what has a gradient."""
    return x._wrap(array[()]) if hasattr(x, "_wrap") and array.dtype.kind in "fc" else array


def cast(x: Any, dtype: Any) -> Any:
    """Return an operand in the type that a ``dtype=`` asks for."""
    x = as_array(x)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def cast_inexact(x: Any, dtype: Any) -> Any:
    """Return an operand in the type that a mean is asked for in, which must hold fractions."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise TypeError(
            f"A mean or a variance of Tensors needs a floating-point dtype=, got "
            f"{np.dtype(dtype)}: numbers would be cut off to whole ones, and their gradient lost. "
            f"Leave dtype= out, or write .astype({np.dtype(dtype)}) after it."
        )
    x = as_array(x)
    if dtype is not None and x.dtype.kind == "c" != np.dtype(dtype).kind:
        raise TypeError(
            f"A mean or a variance of complex numbers takes no real dtype=, got "
            f"{np.dtype(dtype)}: their imaginary parts would be lost. Take np.real(t) first."
        )
    return cast(x, dtype)
