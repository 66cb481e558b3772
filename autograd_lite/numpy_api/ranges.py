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
    """Compose ``np.linspace``: steps from one end, and the other end as it is."""
    del device
    ends = values_of(start), values_of(stop)
    value, step = untyped.linspace(*ends, num, endpoint, True, None, axis)  # Or NumPy's error.
    start, stop = cast(start, value.dtype), cast(stop, value.dtype)
    places = _places(value, axis)
    parts = num - 1 if endpoint else num
    first, last = (_with_axis(x, value.ndim, axis) for x in (start, stop))
    made = first + places * ((last - first) / max(parts, 1))
    made = _with_last(made, last, places, endpoint)
    if dtype is not None and np.dtype(dtype).kind in "iu":
        made = made - made % 1  # As NumPy, which does not cut off.
    made = laid_out(cast(made, dtype), value)
    if not retstep:
        return made
    return made, (stop - start) / parts if parts > 0 else step


def _with_last(made: Any, last: Any, places: Any, endpoint: bool) -> Any:
    """Put the last entry of a range where it ends, without the rounding on the way there."""
    n = places.size
    return ops.where(places == n - 1, last, made) if endpoint and n > 1 else made


def _places(value: Any, axis: int) -> Any:
    """Return the place of each entry along an axis."""
    shape = [1] * value.ndim
    shape[axis] = -1
    return np.arange(value.shape[axis], dtype=value.dtype).reshape(shape)


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
    start, stop = cast(start, value.dtype), cast(stop, value.dtype)
    if num <= 1 + endpoint:  # Nothing lies between, which is nan where the ends have other signs.
        return cast(linspace(start, stop, num, endpoint, axis=axis), dtype)
    sign = np.sign(values_of(start))
    low, high = (ops.log10(x / sign) for x in (start, stop))
    places = _places(value, axis)
    first, last, sign = (_with_axis(x, value.ndim, axis) for x in (start, stop, sign))
    made = ops.where(
        places == 0, first, sign * 10.0 ** linspace(low, high, num, endpoint, axis=axis)
    )
    return laid_out(cast(_with_last(made, last, places, endpoint), dtype), value)
