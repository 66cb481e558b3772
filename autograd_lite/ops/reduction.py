"""Many numbers to fewer: sums, products, extremes, moments; and running sums and products."""

from typing import Any

import numpy as np

from autograd_lite.core.notation import SUM, Form, call
from autograd_lite.core.operands import has_values
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.shape import stretch

AXES = (
    example((2, 3)),
    example((2, 3), axis=0),
    example((2, 3), axis=-1, keepdims=True),
    example((2, 3, 4), axis=(0, -1)),
    example((2, 3), axis=None, keepdims=True),
    example((3,), axis=0),
    example(()),
)


def keep(reduced: Any, axis: Any, keepdims: Any) -> Any:
    """Put the reduced axes back with length 1, so that the result broadcasts with the operand."""
    if keepdims or axis is None or reduced.ndim == 0:
        return reduced
    return np.expand_dims(reduced, axis)


def _spread(g: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """Give every entry that was reduced the cotangent of the result."""
    return stretch(keep(g, axis, keepdims), x.shape)


def _count(x: Any, axis: Any) -> int:
    """Count the entries that go into one result."""
    if axis is None or not x.ndim:
        return int(x.size)
    count = 1
    for i in axis if isinstance(axis, tuple) else (axis,):
        count *= x.shape[i]
    return count


def evenly(g: Any, n: int) -> Any:
    """Divide by a count, which may be more than the largest number of 16 bits, 65504."""
    return g / (n / 65504) / 65504 if n > 65504 and g.dtype == np.float16 else g / n


def _axes_by_name(e: Any) -> Any:
    """Sum over all axes, or one, not over a tuple of them; a sum of one entry is the entry."""
    (x,), axis = e.operands, e.parameters["axis"]
    if x.shape == e.shape:
        return x
    if isinstance(axis, tuple) and len(axis) in (x.ndim, 1):
        axis = None if len(axis) == x.ndim else axis[0]
        return sum(x, axis=axis, keepdims=e.parameters["keepdims"])
    return None


@primitive(
    x=lambda g, y, x, axis, keepdims: _spread(g, x, axis, keepdims),
    notation=call(
        "np.sum",
        Form(r"\sum{below} {x:tight}", SUM),
        text=Form("Σ {x:tight}", SUM),
        picture="Σ({operands}{parameters})",
    ),
    numpy=(np.sum,),
    analytic=True,
    linear=("x",),
    sentence="each entry of {y} is a sum of entries of {x}, each of which gets its gradient.",
    simplify=(_axes_by_name,),
    examples=(*AXES, example((0, 3), axis=0)),
)
def sum(x: Any, *, axis: Any = None, keepdims: Any = False) -> Any:
    """Add up."""
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


@primitive(
    x=lambda g, y, x, axis, keepdims: _spread(evenly(g, _count(x, axis)), x, axis, keepdims),
    numpy=(np.mean,),
    analytic=True,
    linear=("x",),
    sentence="each entry of {y} is a mean of entries of {x}, which share its gradient evenly.",
    examples=AXES,
)
def mean(x: Any, *, axis: Any = None, keepdims: Any = False) -> Any:
    """Arithmetic mean."""
    return x.mean(axis=axis, keepdims=keepdims)


def _deviation(g: Any, x: Any, axis: Any, ddof: Any, keepdims: Any) -> Any:
    """Return the derivative of the sum of squares about the mean: 2 (x - mean) / (n - ddof)."""
    centred = x - x.mean(axis=axis, keepdims=True)
    if x.dtype.kind == "c":
        centred = np.conjugate(centred)
    count = _count(x, axis) - ddof
    return keep(g, axis, keepdims) * (centred * (2 / count if count > 0 else np.nan))


@primitive(
    x=lambda g, y, x, axis, ddof, keepdims: _deviation(g, x, axis, ddof, keepdims),
    numpy=(np.var,),
    takes_complex=True,
    reduces=True,
    examples=(*AXES, example((2, 3), axis=1, ddof=1)),
)
def var(x: Any, *, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    """Variance: the mean squared deviation from the mean, over ``n - ddof``."""
    return x.var(axis=axis, ddof=ddof, keepdims=keepdims)


def _share(g: Any, y: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """Share the cotangent evenly among the entries that are the extreme (or are nan)."""
    hit = (x == keep(y, axis, keepdims)) | np.isnan(x)
    return keep(g, axis, keepdims) * (hit / hit.sum(axis=axis, keepdims=True))


@primitive(
    x=lambda g, y, x, axis, keepdims: _share(g, y, x, axis, keepdims),
    sentence="{y} is the largest of entries of {x}: that entry gets the gradient, the rest 0.",
    numpy=(np.max, np.amax),
    reduces=True,
    examples=AXES,
)
def max(x: Any, *, axis: Any = None, keepdims: Any = False) -> Any:
    """Largest entry; ties share the cotangent evenly."""
    return np.maximum.reduce(x, axis=axis, keepdims=keepdims)


@primitive(
    x=lambda g, y, x, axis, keepdims: _share(g, y, x, axis, keepdims),
    sentence="{y} is the smallest of entries of {x}: that entry gets the gradient, the rest 0.",
    numpy=(np.min, np.amin),
    reduces=True,
    examples=AXES,
)
def min(x: Any, *, axis: Any = None, keepdims: Any = False) -> Any:
    """Smallest entry; ties share the cotangent evenly."""
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)


def _others(y: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """For every entry, the product of all the others that were multiplied with it."""
    if has_values(y) and not np.logical_or(y == 0, np.isinf(y)).any():
        return keep(y, axis, keepdims) / x
    # A zero cannot be divided out. Lay the reduced entries along the last axis.
    axes: Any = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = [i % x.ndim for i in axes] if x.ndim else []  # A single number has an axis 0, too.
    kept = [i for i in range(x.ndim) if i not in axes]
    moved = np.transpose(x, (*kept, *axes))
    rows = moved.reshape((*moved.shape[: len(kept)], _count(x, axis)))
    products = _before(rows) * np.flip(_before(np.flip(rows, -1)), -1)
    return np.transpose(products.reshape(moved.shape), tuple(np.argsort([*kept, *axes])))


def _may_overflow(x: Any) -> bool:
    """Return whether a product of some entries along the last axis may be infinite."""
    with np.errstate(over="ignore"):
        return not np.isfinite(np.prod(np.maximum(np.abs(x), 1), axis=-1)).all()


def _before(x: Any) -> Any:
    """For every entry, the product of those before it along the last axis."""
    return np.concatenate([np.ones_like(x[..., :1]), np.cumprod(x, axis=-1)[..., :-1]], axis=-1)


@primitive(
    x=lambda g, y, x, axis, keepdims: keep(g, axis, keepdims) * _others(y, x, axis, keepdims),
    notation=call(
        "np.prod",
        Form(r"\prod{below} {x:tight}", SUM),
        text=Form("Π {x:tight}", SUM),
        picture="Π({operands}{parameters})",
    ),
    numpy=(np.prod,),
    analytic=True,
    reduces=True,
    examples=AXES,
)
def prod(x: Any, *, axis: Any = None, keepdims: Any = False) -> Any:
    """Multiply up; right also where entries are 0."""
    return np.multiply.reduce(x, axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------------- running

RUNNING = (
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
    examples=RUNNING,
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
    # s[i] = g[i] + x[i + 1] s[i + 1]: by a loop, right everywhere, or twice as far at every step,
    # if no product on the way is too large.
    xs, s = np.moveaxis(x, along, -1), np.moveaxis(g, along, -1)
    n, k = xs.shape[-1], 1
    if n <= 100 or (has_values(x) and _may_overflow(xs)):
        behind = [s[..., -1]]
        for i in range(n - 2, -1, -1):
            behind.append(s[..., i] + xs[..., i + 1] * behind[-1])
        s, k = np.stack(behind[::-1], axis=-1), n
    far = np.concatenate([xs[..., 1:], np.zeros_like(xs[..., :1])], axis=-1) if k < n else xs
    while k < n:
        s = np.concatenate([s[..., :-k] + far[..., :-k] * s[..., k:], s[..., -k:]], axis=-1)
        far = np.concatenate([far[..., :-k] * far[..., k:], far[..., -k:]], axis=-1)
        k *= 2
    return np.moveaxis(_before(xs) * s, -1, along)


@primitive(
    x=lambda g, y, x, axis: _cumprod_derivative(g, y, x, axis).reshape(x.shape),
    numpy=(np.cumprod,),
    analytic=True,
    examples=RUNNING,
)
def cumprod(x: Any, *, axis: Any = None) -> Any:
    """Multiply up along `axis`, or over all entries; right also where entries are 0."""
    return np.cumprod(x, axis=axis)
