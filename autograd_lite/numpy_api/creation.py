"""New arrays with ``like=tensor``: Tensors, so that one source serves arrays and Tensors.

``np.zeros(3, like=x)`` is an array for an array `x`, at full speed, and for a Tensor a Tensor that
can be written to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.node import new_tensor
from autograd_lite.numpy_api.shape import asarray_like
from autograd_lite.numpy_api.table import as_array, composes, untyped, values_of


def _new(function: Callable[..., Any]) -> None:
    """Compose a function whose arguments are sizes, bare numbers and types."""

    @composes(function)
    def created(*args: Any, **kwargs: Any) -> Any:
        return new_tensor(function(*map(values_of, args), **kwargs))


for _function in (
    np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.fromiter, np.frombuffer,
    np.fromfunction, np.fromstring,
):  # fmt: skip
    _new(_function)


@composes(np.full)
def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None
) -> Any:
    """Compose ``np.full(..., like=tensor)``: with a Tensor to fill in, its stretched value."""
    del device, order
    fill = as_array(fill_value) if dtype is None else asarray_like(fill_value, dtype)
    if getattr(fill, "requires_grad", False):
        return +ops.broadcast_to(fill, shape=np.empty(values_of(shape), bool).shape)
    return new_tensor(untyped.full(values_of(shape), values_of(fill)))


@composes(np.arange)
def arange(
    start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: Any = None
) -> Any:
    """Compose ``np.arange(..., like=tensor)``: both ends of a step have derivatives."""
    del device
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    value = untyped.arange(*map(values_of, (start, stop, step)), dtype=dtype)
    if not any(getattr(x, "requires_grad", False) for x in (start, step)):
        return new_tensor(value)
    made = start + step * np.arange(len(value))
    return made if made.dtype == value.dtype else made.astype(value.dtype)
