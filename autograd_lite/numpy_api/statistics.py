"""Quantiles, covariances, differences and integrals."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_lite import ops
from autograd_lite.core.operands import is_recorder
from autograd_lite.numpy_api.arguments import refuse
from autograd_lite.numpy_api.reduction import of_nothing
from autograd_lite.numpy_api.shape import concatenate, moved
from autograd_lite.numpy_api.table import (
    as_array,
    cast,
    cast_inexact,
    composes,
    laid_out,
    untyped,
    values_of,
)
from autograd_lite.ops.complex_numbers import mirrored

# ---------------------------------------------------------------- quantiles

COUNTED = 1000
"""How many numbers a program counts, where some may be nan."""


def _quantile(
    function: Any, plain: Any, a: Any, q: Any, axis: Any, method: str, keepdims: Any
) -> Any:
    """Compute quantiles by any of NumPy's methods, as `function` does.

    Where `function` is not `plain`, it ignores nan.

    A quantile lies between two neighbours in order. At which place depends on their number alone:
    it is the same quantile of 0, 1, 2, …, which NumPy computes.
    """
    a, q, skip_nan = as_array(a), values_of(q), function is not plain
    if skip_nan and not a.size:
        value = function(values_of(a), q, axis=axis, keepdims=keepdims)
        return of_nothing(a, axis, keepdims, value)
    axes = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    rows = moved(a, tuple(axes), tuple(range(len(axes))))
    rest = rows.shape[len(axes) :]
    rows = rows if len(axes) == 1 else rows.reshape((-1, *rest))
    rows = ops.sort(rows, axis=0)  # What is nan comes last.
    n, unknown = len(rows), np.isnan(rows.data)

    def pick(places: Any) -> Any:
        if skip_nan:
            return _picked(rows, places, rest)
        return ops.getitem(rows, index=places if places.ndim else int(places))

    counts: Any = np.sum(np.where(unknown, 0, 1), axis=0) if skip_nan else np.array(n)
    known = not is_recorder(counts)
    nothing = counts == 0 if skip_nan else unknown.any(axis=0)  # Where one is nan, the result is.
    dtype = plain(np.zeros(1, a.dtype), q, method=method).dtype
    some = np.unique(counts) if known or n > COUNTED else np.arange(n + 1)
    places = np.zeros((*np.shape(q), len(some)))
    for k, count in enumerate(some):
        if count:
            places[..., k] = plain(np.arange(float(count)), q, method=method)
    lower = np.floor(places).astype(int)
    upper = np.minimum(lower + 1, np.maximum(some - 1, 0))
    share = (places - lower).astype(dtype)
    at, lift = (np.searchsorted(some, counts), np.asarray) if known else (counts, counts.lift)
    lower, upper, share = (lift(x)[..., at] for x in (lower, upper, share))
    below = pick(lower)
    if not skip_nan:
        share = share.reshape(share.shape + (1,) * len(rest))
    found = below if below.dtype == dtype else below.astype(dtype)
    if not known or share.any():
        between = below * (1 - share) + pick(upper) * share
        # No product with 0: 0 times infinity is nan.
        found = ops.where(share == 0, below, between) if not (known and share.all()) else between
    if is_recorder(nothing) or nothing.any():  # A trace does not know.
        if nothing.shape != found.shape:
            nothing = np.broadcast_to(nothing, found.shape)
        found = ops.where(nothing, rows[-1], found)
    if keepdims:
        kept = tuple(1 if i in axes else length for i, length in enumerate(a.shape))
        found = found.reshape((*np.shape(q), *kept))
    like = np.empty(found.shape, found.dtype)[()]
    if not np.ndim(q):
        like = np.sum(values_of(a), axis=tuple(axes), keepdims=keepdims)
    elif skip_nan and np.ndim(axis) == 0 and axis is not None:  # NumPy puts them there first.
        like = np.moveaxis(np.empty_like(np.moveaxis(like, 0, -1), order="C"), -1, 0)
    return laid_out(found, like)


def _weighted(
    function: Callable[..., Any], a: Any, q: Any, axis: Any, method: str, keepdims: Any,
    weights: Any,
) -> Any:  # fmt: skip
    """Pick the entry that NumPy finds by weights: it is one of them, and has its derivative."""
    a = as_array(a)
    value = function(
        values_of(a), q, axis=axis, method=method, keepdims=True, weights=weights
    )  # Or NumPy's error.
    axes = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    rows = moved(a, tuple(axes), tuple(range(len(axes))))
    rest = rows.shape[len(axes) :]
    rows = rows.reshape((-1, *rest))
    wanted = value.reshape((-1, 1, *rest))
    places = np.argmax(rows.data == wanted, axis=1)
    found = ops.where(np.isnan(wanted[:, 0]), np.nan, _picked(rows, places, rest))
    kept = tuple(1 if i in axes else n for i, n in enumerate(a.shape)) if keepdims else rest
    return found.reshape((*np.shape(q), *kept))


def _picked(rows: Any, places: Any, rest: tuple[int, ...]) -> Any:
    """Pick from every column of `rows` the entries at some places."""
    flat = places.reshape((-1, *rest))
    picked = ops.take_along_axis(rows, indices=flat, axis=0)
    return picked if flat.shape == places.shape else picked.reshape(places.shape)


def _quantiles(function: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return what `function` is on Tensors; `plain` is the same function if it propagates nan."""

    @composes(function)
    def quantile(
        a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
        method: str = "linear", keepdims: Any = False, *, weights: Any = None,
    ) -> Any:  # fmt: skip
        del overwrite_input  # A Tensor never is.
        name = f"np.{function.__name__}"
        refuse(name, ALIKE, out=out)
        if getattr(weights, "requires_grad", False):
            refuse(name, "the result changes with them in steps", weights=weights)
        if getattr(q, "requires_grad", False):
            raise TypeError(f"{name} has no derivative by q, got {q!r}. Pass its value: q.numpy().")
        if weights is not None:
            return _weighted(function, a, values_of(q), axis, method, keepdims, values_of(weights))
        return _quantile(function, plain, a, q, axis, method, keepdims)

    return quantile


ALIKE = "every entry counts once, and the result is a new Tensor"
quantile = _quantiles(np.quantile, np.quantile)
percentile = _quantiles(np.percentile, np.percentile)
nanquantile = _quantiles(np.nanquantile, np.quantile)
nanpercentile = _quantiles(np.nanpercentile, np.percentile)


def _median(function: Callable[..., Any], quantile: Callable[..., Any]) -> None:
    """Compose ``np.median``, or the one of numbers: the two in the middle get half each."""

    @composes(function)
    def median(
        a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False,
        keepdims: Any = False,
    ) -> Any:  # fmt: skip
        del overwrite_input
        a = as_array(a)
        if a.size:
            return quantile(a, 0.5, axis, out, keepdims=keepdims)
        # Of nothing, NumPy gives nan, where it has no other quantile.
        return function(values_of(a), axis, keepdims=keepdims) + ops.sum(a)


_median(np.median, quantile)
_median(np.nanmedian, nanquantile)


# ---------------------------------------------------------------- histograms


@composes(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """Compose ``np.histogram_bin_edges``: from the smallest entry to the largest."""
    edges = np.histogram_bin_edges(*map(values_of, (a, bins, range, weights)))
    if np.ndim(bins):
        return bins if is_recorder(bins) else edges
    a = as_array(a)
    if range is not None:
        low, high = range
    else:
        low, high = (np.min(a), np.max(a)) if a.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, len(edges), dtype=edges.dtype)


@composes(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any]:
    """Compose ``np.histogram``: the counts have no derivative; the widths and weights have."""
    counts, found = np.histogram(*map(values_of, (a, bins, range, None, weights)))
    edges = histogram_bin_edges(a, bins, range, weights)
    if getattr(weights, "requires_grad", False):
        entries = np.ravel(values_of(a))
        at = np.searchsorted(found, entries, "right") - 1
        at[entries == found[-1]] -= 1  # The last bin has both of its ends.
        within = (at >= 0) & (at < counts.size)
        kept = np.ravel(weights)[within]
        counts = cast(np.bincount(at[within], kept, counts.size), weights.dtype)
    return counts / np.diff(edges) / counts.sum() if density else counts, edges


# ---------------------------------------------------------------- covariance


@composes(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """Compose ``np.cov``: products of the deviations from the mean."""
    weights = [w for w in (fweights, aweights) if w is not None]
    if weights:  # NumPy checks whether they are weights.
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            given = (m, y, rowvar, bias, ddof, fweights, aweights)
            np.cov(*map(values_of, given), dtype=dtype)
    if max(np.ndim(m), 0 if y is None else np.ndim(y)) > 2:
        raise ValueError(
            f"np.cov needs one row, or a row per variable, got {np.shape(m)}"
            f"{'' if y is None else f' and {np.shape(y)}'}."
        )
    x = np.atleast_2d(as_array(m))
    if not rowvar and np.ndim(m) > 1:
        x = x.T
    if y is not None:
        other = np.atleast_2d(as_array(y))
        x = concatenate([x, other.T if not rowvar and np.ndim(y) > 1 else other])
    x = cast_inexact(x, dtype or np.result_type(x.dtype, float))  # More exact than `x`, as NumPy.
    less = (0 if bias else 1) if ddof is None else ddof
    if less != int(less):
        raise ValueError(f"np.cov needs an integer as ddof, got {ddof!r}.")
    if not weights:
        centred = x - ops.mean(x, axis=1, keepdims=True)
        count = x.shape[1] - less
        return ops.squeeze(centred @ mirrored(centred.T) / max(float(count), 0.0))
    w = math.prod(cast(as_array(w), float) for w in weights)
    total = np.sum(w)
    centred = x - np.sum(x * w, axis=1, keepdims=True) / total
    if less and aweights is not None:
        less = less * np.sum(w * aweights) / total
    return ops.squeeze((centred * w) @ mirrored(centred.T) / np.maximum(total - less, 0))


@composes(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """Compose ``np.corrcoef``: the covariance over both deviations."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = ops.sqrt(ops.diagonal(c))
    return np.clip(c / deviation[:, None] / deviation[None, :], -1, 1)


# ---------------------------------------------------------------- differences and integrals


@composes(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Compose ``np.diff``: later entries less earlier ones, `n` times over."""
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    if n == 0:
        return a
    a = as_array(a)
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = normalize_axis_index(axis, a.ndim)
    parts = [part for part in (prepend, a, append) if part is not None]
    if len(parts) > 1:
        one = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
        a = concatenate([x if np.ndim(x) else np.broadcast_to(x, one) for x in parts], axis)
    before = (slice(None),) * axis
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


@composes(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    steps = diff(as_array(ary).ravel())
    ends = [None if x is None else np.ravel(cast(x, steps.dtype)) for x in (to_begin, to_end)]
    parts = [part for part in (ends[0], steps, ends[1]) if part is not None]
    return concatenate(parts) if len(parts) > 1 else steps


@composes(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Compose ``np.trapezoid``: widths times the means of neighbours; `x` has derivatives too."""
    y = as_array(y)
    axis = normalize_axis_index(axis, y.ndim)
    if x is not None:
        x = as_array(x)
        flat = x.ndim == 1
        dx = diff(x).reshape((-1,) + (1,) * (y.ndim - axis - 1)) if flat else diff(x, axis=axis)
    before = (slice(None),) * axis
    pairs = y[(*before, slice(1, None))] + y[(*before, slice(None, -1))]
    return np.sum(dx * pairs / 2.0, axis=axis)


@composes(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Compose ``np.gradient``: differences of neighbours, on any grid."""
    f = as_array(f)
    values = untyped.gradient(
        values_of(f), *map(values_of, varargs), axis=axis, edge_order=edge_order
    )
    axes = range(f.ndim) if axis is None else normalize_axis_tuple(axis, f.ndim)
    grids = list(varargs) or [1.0]
    grids = grids * len(axes) if len(grids) == 1 else grids
    found = [
        laid_out(_differences(cast(f, value.dtype), i, as_array(grid), edge_order), value)
        for i, grid, value in zip(axes, grids, [values] if len(axes) == 1 else values, strict=True)
    ]
    return found[0] if len(found) == 1 else tuple(found)


def _differences(f: Any, axis: int, x: Any, edge_order: int) -> Any:
    """Return the derivatives of parabolas through three neighbours, by points or by their step."""
    y = moved(f, axis, 0)
    width = diff(cast(x, np.result_type(x.dtype, np.float16))) if x.ndim else x
    width = cast(width, f.dtype)
    if isinstance(width, np.ndarray) and width.ndim and (width == width[0]).all():
        width = width[0]
    width = width.reshape((-1,) + (1,) * (y.ndim - 1)) if width.ndim else width
    slopes = diff(y, axis=0) / width
    if width.ndim:
        before, after = width[:-1], width[1:]
        inner = (after * slopes[:-1] + before * slopes[1:]) / (before + after)
    else:
        inner = (y[2:] - y[:-2]) / (2.0 * width)
    first, last = slopes[:1], slopes[-1:]
    if edge_order == 2:  # A parabola's derivative is a line, on which a slope lies in the middle.
        first, last = 2.0 * first - inner[:1], 2.0 * last - inner[-1:]
    return moved(concatenate([first, inner, last]), 0, axis)
