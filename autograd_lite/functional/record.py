"""The record behind a tensor: what it was computed from."""

from __future__ import annotations

from autograd_lite.tensor import Tensor


def operands_of(tensor: Tensor) -> tuple[Tensor | None, ...]:
    """Return the operands of a tensor, in the versions that it used."""
    return tuple(
        x._version_before(tensor._birth) if x is not None and x._birth > tensor._birth else x
        for x in tensor._operands
    )
