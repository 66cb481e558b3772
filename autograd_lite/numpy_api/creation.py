"""New arrays: with ``like=tensor``, and ranges of numbers, both ends of which have derivatives.

``np.zeros(3, like=x)`` is an array for an array `x`, at full speed, and for a Tensor a Tensor that
can be written to, so that one source serves both.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.node import new_tensor
from autograd_lite.numpy_api.shape import asarray_like
from autograd_lite.numpy_api.table import (
    as_array,
    cast,
    composes,
    laid_out,
    untyped,
    values_of,
)


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


@composes(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """Compose ``np.linspace``: means of both ends, with weights from 0 to 1."""
    del device
    ends = values_of(start), values_of(stop)
    value = untyped.linspace(*ends, num, endpoint, axis=axis)  # Or NumPy's error.
    start, stop = cast(start, value.dtype), cast(stop, value.dtype)
    if dtype is not None and np.dtype(dtype).kind in "iu":  # NumPy's, to the last digit.
        made = untyped.linspace(*ends, num, endpoint, False, dtype, axis)
    else:
        first, last = (_with_axis(x, value.ndim, axis) for x in (start, stop))
        weights = _weights(value, axis, endpoint)
        made = laid_out(cast(first * (1 - weights) + last * weights, dtype), value)
    if not retstep:
        return made
    parts = num - 1 if endpoint else num
    return made, (stop - start) / parts if parts > 0 else np.nan


def _weights(value: Any, axis: int, endpoint: bool) -> Any:
    """Return the places of the entries along an axis, from 0 to 1."""
    shape = [1] * value.ndim
    shape[axis] = -1
    return np.linspace(0.0, 1.0, value.shape[axis], endpoint, dtype=value.dtype).reshape(shape)


def _with_axis(x: Any, ndim: int, axis: int) -> Any:
    """Insert an axis of length 1 where a range is to run; a number needs none."""
    if not x.ndim:
        return x
    return np.expand_dims(np.reshape(x, (1,) * (ndim - 1 - x.ndim) + x.shape), axis)


@composes(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Compose ``np.logspace``: a base to the powers of a range."""
    if np.ndim(base):
        raise TypeError("np.logspace on Tensors takes one number as base=, got several.")
    powers = linspace(start, stop, num, endpoint, axis=axis)
    return laid_out(cast(ops.power(base, powers), dtype), values_of(powers))


@composes(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Compose ``np.geomspace``: one end times a range of powers of the ratio of both."""
    ends = values_of(start), values_of(stop)
    value = np.geomspace(*ends, num, endpoint, None, axis)  # Or NumPy's error.
    if dtype is not None and np.dtype(dtype).kind in "iu":
        return np.geomspace(*ends, num, endpoint, dtype, axis)
    start, stop = cast(start, value.dtype), cast(stop, value.dtype)
    if num <= 1 + endpoint:  # Nothing lies between, which is nan where the ends have other signs.
        return cast(linspace(start, stop, num, endpoint, axis=axis), dtype)
    weights = _weights(value, axis, endpoint)
    first, last = (_with_axis(x, value.ndim, axis) for x in (start, stop))
    return laid_out(cast(first * (last / first) ** weights, dtype), value)
