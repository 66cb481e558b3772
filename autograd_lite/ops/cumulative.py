"""Running sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.core.operands import has_values
from autograd_lite.core.primitive import example, primitive

ALONG = (
    example((3,)),
    example((2, 3)),
    example((2, 3), axis=0),
    example((2, 3, 4), axis=-2),
    example((0, 3), axis=1),
    example((2, 0), axis=1),
    example((), axis=None),
)


def _summed_from_behind(g: Any, axis: Any, shape: Any) -> Any:
    """Give every entry the cotangents of all the sums that it is part of."""
    along = -1 if axis is None or not shape else axis
    return np.flip(np.cumsum(np.flip(g, along), along), along).reshape(shape)


@primitive(
    x=lambda g, y, x, axis: _summed_from_behind(g, axis, x.shape),
    numpy=(np.cumsum,),
    analytic=True,
    linear=("x",),
    examples=ALONG,
)
def cumsum(x: Any, *, axis: Any = None) -> Any:
    """Sum up along `axis`, or over all entries, keeping every step."""
    return np.cumsum(x, axis=axis)


def _cumprod_derivative(g: Any, y: Any, x: Any, axis: Any) -> Any:
    """Return the cotangent of what `cumprod` multiplied."""
    along = axis
    if axis is None or not x.ndim:  # A single number has an axis 0, too.
        along, x = -1, x.reshape(-1)
    if not g.size:
        return g
    if has_values(y) and not np.logical_or(y == 0, np.isinf(y)).any():
        return np.flip(np.cumsum(np.flip(g * y, along), along), along) / x
    # A zero cannot be divided out. What comes before an entry multiplies what comes behind it,
    # s[i] = g[i] + x[i + 1] s[i + 1]: a loop, and right everywhere.
    xs, gs = np.moveaxis(x, along, 0), np.moveaxis(g, along, 0)
    before = np.concatenate([np.ones_like(xs[:1]), np.cumprod(xs, axis=0)[:-1]])
    behind = [gs[-1]]
    for i in range(len(xs) - 2, -1, -1):
        behind.append(gs[i] + xs[i + 1] * behind[-1])
    return np.moveaxis(before * np.stack(behind[::-1]), 0, along)


@primitive(
    x=lambda g, y, x, axis: _cumprod_derivative(g, y, x, axis).reshape(x.shape),
    numpy=(np.cumprod,),
    analytic=True,
    examples=ALONG,
)
def cumprod(x: Any, *, axis: Any = None) -> Any:
    """Multiply up along `axis`, or over all entries; right also where entries are 0."""
    return np.cumprod(x, axis=axis)
