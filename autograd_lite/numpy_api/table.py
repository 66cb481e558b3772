"""What becomes of a NumPy function that is called on Tensors: the tables, and what fills them.

An operation's entry names the functions that it stands for. Here stand the others: compositions
of operations, and functions that NumPy computes from the values, having no derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

WITHOUT_DERIVATIVE: frozenset[Callable[..., Any]] = frozenset(
    {
        # Comparisons and tests
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
        np.isfinite, np.isinf, np.isnan, np.signbit, np.logical_and, np.logical_or,
        np.logical_not, np.logical_xor, np.isclose, np.allclose, np.array_equal,
        np.array_equiv, np.all, np.any, np.isreal, np.iscomplex, np.isrealobj, np.iscomplexobj,
        # Steps: constant wherever they have a derivative
        np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round, np.fix,
        # Positions
        np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero,
        np.count_nonzero, np.searchsorted, np.unique, np.digitize, np.bincount, np.histogram,
        np.linalg.matrix_rank, np.einsum_path,
        # Shapes and types
        np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type,
        np.min_scalar_type, np.may_share_memory, np.shares_memory,
        # New arrays that take the shape of another
        np.zeros_like, np.ones_like, np.empty_like, np.full_like,
        # Text
        np.array2string, np.array_repr, np.array_str,
    }
)  # fmt: skip
"""What NumPy computes from the values alone."""

COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy functions that are compositions, or take their operands in a form of their own."""


def composes(*functions: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorate what a NumPy function does on Tensors; it takes the same arguments."""

    def register(composition: Function) -> Function:
        COMPOSED.update(dict.fromkeys(functions, composition))
        return composition

    return register


REDUCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}
"""What ``np.add.reduce`` and its like are."""

CARRIED: dict[Callable[..., Any], tuple[int, str]] = {
    np.full_like: (1, "fill_value"),
    np.bincount: (1, "weights"),
    np.histogram: (4, "weights"),
}
"""Arguments that do have a derivative, of functions that else have none."""


def is_recorder(x: Any) -> bool:
    """Say whether this operand records what is done to it."""
    return hasattr(type(x), "__record__")


def as_array(x: Any) -> Any:
    """Return what has a shape: an operand that records as it is, anything else as an array."""
    if is_recorder(x):
        return x
    refuse_nested(x)
    return np.asarray(x)


def refuse_nested(x: Any) -> None:
    """Refuse a list with a Tensor in it: NumPy would take its value and lose its gradient."""
    if isinstance(x, list | tuple):
        for part in x:
            if is_recorder(part):
                raise TypeError(
                    f"A {type(x).__name__} of Tensors would lose their gradients. "
                    f"Join them with np.stack([...]) or np.concatenate([...])."
                )
            refuse_nested(part)


def values_of(x: Any) -> Any:
    """Replace Tensors by their values, also inside lists and tuples."""
    if is_recorder(x):
        return x.data
    if isinstance(x, list | tuple):
        return type(x)(map(values_of, x))
    return x
