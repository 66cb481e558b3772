"""Numbers from one end to another; both ends have derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.table import cast, composes, laid_out, untyped, values_of


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
