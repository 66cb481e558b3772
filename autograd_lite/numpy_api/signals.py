"""Sequences: convolution, correlation, interpolation."""

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.products import real
from autograd_lite.numpy_api.table import as_array, composes, values_of
from autograd_lite.ops.complex_numbers import mirrored

MODES = ("valid", "same", "full")  # In the order of NumPy's numbers for them.


def _sequence(x: Any, name: str) -> Any:
    """Return a sequence: a single number is one, of length 1."""
    x = as_array(x)
    if x.ndim > 1 or not x.size:
        raise ValueError(f"{name} needs sequences that are not empty, got an array of {x.shape}.")
    return x if x.ndim else ops.reshape(x, shape=(1,))


def _mode(mode: Any, name: str) -> str:
    if mode in MODES:
        return str(mode)
    if mode in (0, 1, 2):
        return MODES[mode]
    raise ValueError(f"{name}: use one of 'valid', 'same', or 'full' for mode, got {mode!r}.")


@composes(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """Adapt ``np.convolve``, which takes single numbers too."""
    name = "np.convolve"
    return ops.convolve(_sequence(a, name), _sequence(v, name), mode=_mode(mode, name))


@composes(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Compose ``np.correlate``: the convolution with `v` reversed."""
    name = "np.correlate"
    a, v = as_array(a), mirrored(as_array(v))
    if not a.ndim or not v.ndim:
        raise ValueError(f"{name} needs two sequences, got arrays of {a.shape} and {v.shape}.")
    a, v = _sequence(a, name), _sequence(v, name)
    mode = _mode(mode, name)
    if len(v) > len(a):  # It matters for what is left out at both ends.
        return ops.convolve(v, a[::-1], mode=mode)[::-1]
    return ops.convolve(a, v[::-1], mode=mode)


@composes(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Compose ``np.interp``: other values outside, and points that come again after a period."""
    x, xp, fp = as_array(x), as_array(xp), real(fp, "np.interp")
    if period is not None:
        if period == 0:
            raise ValueError("np.interp: period must be a non-zero value.")
        period = abs(period)
        x, xp = (t - np.floor(values_of(t) / values_of(period)) * period for t in (x, xp))
        order = np.argsort(values_of(xp))
        xp, fp = xp[order], fp[order]
        xp = ops.concatenate(xp[-1:] - period, xp, xp[:1] + period)
        fp = ops.concatenate(fp[-1:], fp, fp[:1])
        return ops.interp(x, xp, fp)
    y = ops.interp(x, xp, fp)
    if left is not None:
        y = ops.where(values_of(x) < values_of(xp)[0], left, y)
    if right is not None:
        y = ops.where(values_of(x) > values_of(xp)[-1], right, y)
    return y
