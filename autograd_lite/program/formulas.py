"""NumPy's functions in terms of simpler ones, for backends that lack them.

Each gives NumPy's very numbers, of nan, infinity and -0.0 too, with comparisons and choices alone.
(Where zeros of both signs tie, NumPy itself takes either, by how arrays lie in memory.)
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_lite.core.operands import is_recorder

FORMULAS: dict[Any, Callable[..., Any]] = {}
"""For each, one of the same arguments; it raises a TypeError for those that it does not take."""

MOVING = {np.take, np.take_along_axis, np.sum}
"""Those of them that NumPy itself does on objects, if not with all arguments."""


UNLIKE_JAX = {np.choose, np.compress, np.apply_over_axes, np.polyadd, np.polysub}
"""Functions that take more than JAX's of the same names, or give something else."""


def unlike_jax(function: Any, args: Any, given: dict[str, Any]) -> bool:
    """Return whether JAX's function of the same name does something else, with these arguments."""
    k = {np.geomspace: 4, np.logspace: 5}.get(function)
    dtype = None if k is None else given.get("dtype", args[k] if len(args) > k else None)
    return (
        function in UNLIKE_JAX
        or bool(given.get("hermitian"))  # JAX reads both triangles there.
        or given.get("method") == "nearest"  # Of two that are as near, JAX takes the other.
        or (dtype is not None and np.dtype(dtype).kind in "iu")
    )


TYPES_BY_VALUES = {np.linalg.eig, np.linalg.eigvals}
"""Functions whose results are complex, or not, as values have it."""


def stands_for(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a formula."""

    def register(formula: Callable[..., Any]) -> Callable[..., Any]:
        FORMULAS.update(dict.fromkeys(functions, formula))
        return formula

    return register


def _check_float(*operands: Any) -> None:
    if any(x.dtype.kind != "f" for x in operands if hasattr(x, "dtype")):
        raise TypeError("a division of integers")


@stands_for(np.remainder)
def _remainder(a: Any, b: Any) -> Any:
    _check_float(a, b)
    rest = np.fmod(a, b)
    moved = np.where((b < 0) != (rest < 0), rest + b, rest)
    return np.where(rest != 0, moved, np.copysign(rest, b))


@stands_for(np.floor_divide)
def _floor_divide(a: Any, b: Any) -> Any:
    _check_float(a, b)
    rest = np.fmod(a, b)
    ratio = (a - rest) / b
    ratio = np.where((rest != 0) & ((b < 0) != (rest < 0)), ratio - 1, ratio)
    floor = np.floor(ratio)
    floor = np.where(ratio - floor > 0.5, floor + 1, floor)
    floor = np.where(ratio != 0, floor, np.copysign(ratio * 0, a / b))
    return np.where(b == 0, a / b, floor)


@stands_for(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    if low is None or high is None:
        return np.minimum(a, high) if low is None else np.maximum(a, low)
    a = np.where((a < low) | np.isnan(low), low, a)
    return np.where((a > high) | np.isnan(high), high, a)


@stands_for(np.nan_to_num)
def _nan_to_num(
    x: Any,
    copy: bool = True,  # noqa: ARG001  (as NumPy has it)
    nan: Any = 0.0,
    posinf: Any = None,
    neginf: Any = None,
) -> Any:
    _check_float(x)
    most = float(np.finfo(x.dtype).max)
    high, low = most if posinf is None else posinf, -most if neginf is None else neginf
    finite = np.where(x == np.inf, high, np.where(x == -np.inf, low, x))
    return np.where(np.isnan(x), nan, finite)


@stands_for(np.heaviside)
def _heaviside(x: Any, h: Any) -> Any:
    kind = np.result_type(x, h).type
    step = np.where(x < 0, kind(0), kind(1))
    return np.where(np.isnan(x), x, np.where(x == 0, h, step))


@stands_for(np.sinc)
def _sinc(x: Any) -> Any:
    _check_float(x)
    x = np.pi * x
    x = np.where(x == 0, float(np.finfo(x.dtype).eps), x)
    return np.sin(x) / x


@stands_for(np.round, np.around)
def _round(a: Any, decimals: int = 0) -> Any:
    _check_float(a)
    if decimals < 0:
        return np.rint(a / 10.0**-decimals) * 10.0**-decimals
    return np.rint(a * 10.0**decimals) / 10.0**decimals if decimals else np.rint(a)


@stands_for(np.isclose)
def _isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, *, equal_nan: bool = False) -> Any:
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return close | np.isnan(a) & np.isnan(b) if equal_nan else close


@stands_for(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    _check_float(z)
    angle = np.arctan2(np.zeros_like(z), z)
    return angle * (180 / np.pi) if deg else angle


@stands_for(np.linspace)
def _linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    count = num - 1 if endpoint else num
    start, stop = start * 1.0, stop * 1.0
    difference = stop - start
    numbers = np.arange(num).reshape(-1, *[1] * np.ndim(difference)) * 1.0
    step = difference / count if count else np.nan
    if count:
        small = numbers / count * difference
        steps = np.where(np.any(step == 0), small, numbers * step)
    else:
        steps = numbers * difference
    points = steps + start
    if endpoint and num > 1:
        points = np.where(numbers == count, stop, points)
    points = np.moveaxis(points, 0, axis) if axis else points
    if dtype is not None:
        points = np.floor(points) if np.dtype(dtype).kind in "iu" else points
        points = points.astype(dtype)
    return (points, step) if retstep else points


@stands_for(np.logspace)
def _logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0) -> Any:
    return np.power(base, _linspace(start, stop, num, endpoint))


@stands_for(np.modf)
def _modf(x: Any) -> Any:
    whole = np.trunc(x)
    return np.copysign(np.where(np.isinf(x), 0.0, x - whole), x), whole


FORMULAS |= {
    np.fix: np.trunc,
    np.isposinf: lambda x: x == np.inf,
    np.isneginf: lambda x: x == -np.inf,
}


# -------------------------------------------------------------------- along an axis


def _rows(x: Any, axis: Any, most: int = 1000) -> list[Any]:
    """Return what lies along an axis, or all entries, as so many arrays."""
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    if x.shape[axis] > most and is_recorder(x):  # No machine code comes of it, in many seconds.
        raise TypeError(f"more than {most} numbers in a row")
    return [x[(slice(None),) * (axis % x.ndim) + (k,)] for k in range(x.shape[axis])]


def _kept(result: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    if not keepdims:
        return result
    return result.reshape((1,) * x.ndim) if axis is None else np.expand_dims(result, axis)


def _pairs(n: int) -> Iterator[tuple[int, int]]:
    """Yield what Batcher's network puts in order: the same places whatever the numbers."""
    p = 1
    while p < n:
        k = p
        while k:
            for j in range(k % p, n - k, 2 * k):
                for i in range(j, j + min(k, n - j - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        yield i, i + k
            k //= 2
        p *= 2


def _turn(rows: list[Any], i: int, j: int, turned: Any) -> None:
    rows[i], rows[j] = np.where(turned, rows[j], rows[i]), np.where(turned, rows[i], rows[j])


@stands_for(np.sort)
def _sort(a: Any, axis: Any = -1, **_: Any) -> Any:
    rows = _rows(a, axis, 32)
    for i, j in _pairs(len(rows)):
        _turn(rows, i, j, _comes_first(rows[j], rows[i]))
    return np.stack(rows, axis=0 if axis is None else axis)


def _comes_first(a: Any, b: Any) -> Any:
    return (a < b) | (np.isnan(b) & ~np.isnan(a)) if b.dtype.kind == "f" else a < b


@stands_for(np.argsort)
def _argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """Where entries are equal, NumPy takes any order, but for one that is asked to be stable."""
    if not (stable or kind in ("stable", "mergesort")) or order is not None:
        raise TypeError("an order that is not said to be stable")
    rows = _rows(a, axis, 32)
    places = [np.full(row.shape, k) for k, row in enumerate(rows)]
    for i, j in _pairs(len(rows)):
        equal = ~_comes_first(rows[i], rows[j]) & (places[j] < places[i])
        turned = _comes_first(rows[j], rows[i]) | equal
        _turn(rows, i, j, turned)
        _turn(places, i, j, turned)
    return np.stack(places, axis=0 if axis is None else axis)


@stands_for(np.take)
def _take(a: Any, indices: Any, axis: Any = None, *, mode: Any = "raise") -> Any:
    if mode != "raise":
        raise TypeError("indices that are changed")
    before = (slice(None),) * ((axis or 0) % max(1, np.ndim(a)))
    return _lifted(a.reshape(-1) if axis is None else a, indices)[(*before, indices)]


@stands_for(np.take_along_axis)
def _take_along_axis(a: Any, indices: Any, axis: Any = -1) -> Any:
    a, axis = (a.reshape(-1), 0) if axis is None else (a, axis)
    places: list[Any] = list(np.ogrid[tuple(map(slice, indices.shape))])
    places[axis] = indices
    return _lifted(a, indices)[tuple(places)]


def _lifted(a: Any, index: Any) -> Any:
    """Return an array, or a symbol for it where the index that it gets is one."""
    return index.lift(a) if is_recorder(index) else a


def _place_of(beats: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Make ``np.argmax`` or ``np.argmin``."""

    def place_of(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        first, *others = _rows(a, axis)
        best, place = first, np.zeros(first.shape, int)
        for k, x in enumerate(others, 1):
            better = (beats(x, best) | np.isnan(x)) & ~np.isnan(best)
            best, place = np.where(better, x, best), np.where(better, k, place)
        return _kept(place, a, axis, keepdims)

    return place_of


def _folded(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Make a reduction of a function of two arrays."""
    of_truth = join in (np.logical_or, np.logical_and)

    def folded(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        if isinstance(axis, tuple):
            raise TypeError("several axes")
        rows = _rows(a != 0 if of_truth else a, axis)
        return _kept(functools.reduce(join, rows), a, axis, keepdims)

    return folded


FORMULAS |= {
    np.argmax: _place_of(np.greater),
    np.argmin: _place_of(np.less),
    np.any: _folded(np.logical_or),
    np.all: _folded(np.logical_and),
    np.nanmax: _folded(np.fmax),
    np.nanmin: _folded(np.fmin),
}


@stands_for(np.sum)
def _sum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    """Only with a dtype; without, NumPy does it."""
    return np.sum(a.astype(dtype), axis=axis, keepdims=keepdims)


@stands_for(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    _check_float(p, 1.0 * period)
    rows, half = _rows(p, axis), period / 2
    found, added = rows[:1], None
    for before, here in itertools.pairwise(rows):
        d = here - before
        moved = np.remainder(d + half, period) - half
        moved = np.where((moved == -half) & (d > 0), half, moved)
        more = np.where(np.abs(d) < (half if discont is None else discont), 0.0, moved - d)
        added = more if added is None else added + more
        found.append(here + added)
    return np.stack(found, axis=axis)


# -------------------------------------------------------------------- among points that are known


@stands_for(np.searchsorted)
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    a = _increasing(a, sorter)
    before = np.less if side == "left" else np.less_equal
    v = v[..., None]
    return np.sum(np.where(before(a, v) | np.isnan(v), 1, 0), axis=-1)


@stands_for(np.digitize)
def _digitize(x: Any, bins: Any, right: bool = False) -> Any:
    return _searchsorted(bins, x, "left" if right else "right")


@stands_for(np.interp)
def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    xp, last = _increasing(xp, period), len(xp) - 1
    fp = np.asarray(fp) if isinstance(fp, list) else fp
    if last < 1 or (xp[1:] == xp[:-1]).any():
        raise TypeError("points that coincide")
    k = np.sum(np.where(xp[1:-1] <= x[..., None], 1, 0), axis=-1)
    a, b = (_lifted(xp, k)[k + i] for i in (0, 1))
    u, v = (_lifted(fp, k)[k + i] for i in (0, 1))
    slope = (v - u) / (b - a)
    y = slope * (x - a) + u
    other = slope * (x - b) + v
    other = np.where(np.isnan(other) & (u == v), u, other)
    y = np.where(x == a, u, np.where(np.isnan(y), other, y))
    y = np.where(
        x >= xp[last], np.where(x > xp[last], fp[last] if right is None else right, fp[last]), y
    )
    y = np.where(x < xp[0], fp[0] if left is None else left, y)
    return np.where(np.isnan(x), x, y)


def _increasing(points: Any, other: Any) -> Any:
    """Return points that are constant, and in order; what else is given must be nothing."""
    if is_recorder(points) or other is not None:
        raise TypeError("points that are computed")
    points = np.asarray(points) * 1.0
    if points.ndim != 1 or not (points[1:] >= points[:-1]).all():
        raise TypeError("points that are not in order")
    return points


@stands_for(np.isin)
def _isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False
) -> Any:
    tested = np.asarray(test_elements) if isinstance(test_elements, list) else test_elements
    found = np.any(element[..., None] == tested.reshape(-1), axis=-1)
    return ~found if invert and not assume_unique else found


@stands_for(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return np.sum(np.where(a != 0, 1, 0), axis=axis, keepdims=keepdims)


@stands_for(np.linalg.vector_norm)
def _vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    _check_float(x)
    how = {"axis": axis, "keepdims": keepdims}
    if abs(ord) == np.inf:
        return np.max(np.abs(x), **how) if ord > 0 else np.min(np.abs(x), **how)
    if ord == 0:
        return np.sum(np.where(x != 0, 1.0, 0 * x), **how)
    if ord == 2:
        return np.sqrt(np.sum(x * x, **how))
    return np.sum(np.abs(x), **how) if ord == 1 else np.sum(np.abs(x) ** ord, **how) ** (1 / ord)
