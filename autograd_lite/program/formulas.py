"""NumPy's functions in terms of simpler ones, for backends that lack them.

Each gives NumPy's very numbers, of nan, infinity and -0.0 too, with comparisons and choices alone.
(Where zeros of both signs tie, NumPy itself takes either, by how arrays lie in memory.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

FORMULAS: dict[Any, Callable[..., Any]] = {}
"""For each, one of the same arguments; it raises a TypeError for those that it does not take."""


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


def _rows(x: Any, axis: Any) -> list[Any]:
    """Return what lies along an axis, or all entries, as so many arrays."""
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    return [x[(slice(None),) * (axis % x.ndim) + (k,)] for k in range(x.shape[axis])]


def _kept(result: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    if not keepdims:
        return result
    return result.reshape((1,) * x.ndim) if axis is None else np.expand_dims(result, axis)


@stands_for(np.sort)
def _sort(a: Any, axis: Any = -1, **_: Any) -> Any:
    """Batcher's network: the same comparisons whatever the numbers."""
    rows = _rows(a, axis)
    n, p = len(rows), 1
    while p < n:
        k = p
        while k:
            for j in range(k % p, n - k, 2 * k):
                for i in range(j, j + min(k, n - j - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        low, high = rows[i], rows[i + k]
                        turned = (high < low) | (np.isnan(low) & ~np.isnan(high))
                        rows[i] = np.where(turned, high, low)
                        rows[i + k] = np.where(turned, low, high)
            k //= 2
        p *= 2
    return np.stack(rows, axis=0 if axis is None else axis)


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
