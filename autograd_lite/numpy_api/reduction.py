"""Sums, products, means and extremes of part of the entries; those of all are operations."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.table import (
    as_array,
    cast,
    cast_inexact,
    composes,
    extends,
    laid_out,
    values_of,
)


def _only(a: Any, where: Any, otherwise: Any) -> Any:
    """Put something that does not count where `where` does not hold."""
    return a if where is True else ops.where(values_of(where), a, otherwise)


def _counted(a: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """Count the entries that go into each result."""
    counted = np.broadcast_to(values_of(where), a.shape)
    dtype = np.finfo(a.dtype).dtype if a.dtype.kind in "fc" else None  # Small integers overflow.
    return np.sum(counted, axis=axis, keepdims=keepdims, dtype=dtype)


def _total(
    of_all: Callable[..., Any], of_two: Callable[..., Any], neutral: int, numpy: Any
) -> Callable[..., Any]:
    """Make ``np.sum`` or ``np.prod`` of some of the entries, on top of a first one."""

    @extends(numpy)
    def total(
        a: Any, axis: Any = None, dtype: Any = None, *,
        keepdims: Any = False, initial: Any = None, where: Any = True,
    ) -> Any:  # fmt: skip
        found = of_all(_only(cast(a, dtype), where, neutral), axis=axis, keepdims=keepdims)
        return found if initial is None else of_two(found, cast(initial, found.dtype))

    return total


sum = _total(ops.sum, ops.add, 0, np.sum)
prod = _total(ops.prod, ops.multiply, 1, np.prod)


@extends(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False, where: Any = True
) -> Any:
    """Compose ``np.mean`` of some of the entries."""
    a = cast_inexact(a, dtype)
    if where is True:
        return ops.mean(a, axis=axis, keepdims=keepdims)
    if a.dtype == np.float16:  # A sum, and a count, may be too large for it.
        return cast(mean(a, axis, np.float32, keepdims=keepdims, where=where), a.dtype)
    return sum(a, axis, where=where, keepdims=keepdims) / _counted(a, axis, keepdims, where)


@extends(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: Any = False,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Compose ``np.var`` of some of the entries, or about a mean that is given."""
    if where is True and mean is None:
        ddof = _ddof(ddof, correction)
        return ops.var(cast_inexact(a, dtype), axis=axis, ddof=ddof, keepdims=keepdims)
    total, free = _squares(a, axis, dtype, ddof, keepdims, where, mean, correction)
    return total / np.maximum(free, 0)


def _squares(
    a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, mean: Any, correction: Any
) -> tuple[Any, Any]:
    """Return a sum of squared deviations, and how many of them are free to differ."""
    a = cast_inexact(a, dtype)
    mean = _mean_of(a, axis, keepdims=True, where=where) if mean is None else cast(mean, dtype)
    # Left out before they are squared: the derivative of the square of nan is nan.
    off = _only(a - mean, where, 0)
    square = ops.square(off) if off.dtype.kind != "c" else ops.real(off * np.conjugate(off))
    total = sum(square, axis, keepdims=keepdims)
    return total, _counted(a, axis, keepdims, where) - _ddof(ddof, correction)


_mean_of = mean  # A parameter of `var` has the same name.


def _ddof(ddof: Any, correction: Any) -> Any:
    """Return what is taken off the number of entries, which has two names."""
    if correction is None:
        return ddof
    if ddof != 0:
        raise ValueError(f"The variance takes ddof={ddof} or correction={correction}, not both.")
    return correction


def _root_of(variance: Callable[..., Any]) -> Callable[..., Any]:
    """Make the standard deviation of a variance; its derivative is 0 where that is 0."""

    @functools.wraps(variance)
    def std(*args: Any, **kwargs: Any) -> Any:
        return ops.sqrt(variance(*args, **kwargs))

    return std


composes(np.std)(_root_of(var))


def of_nothing(a: Any, axis: Any, keepdims: Any, value: Any) -> Any:
    """Record the value that stands for no entries: their sum is 0."""
    return ops.sum(a, axis=axis, keepdims=keepdims) + value


def _extreme(
    of_all: Callable[..., Any],
    of_two: Callable[..., Any],
    numpy: Callable[..., Any],
    alias: Callable[..., Any],
) -> Callable[..., Any]:
    """Make ``np.max`` or ``np.min`` of some of the entries, on top of a first one."""

    @extends(numpy, alias)
    def extreme(
        a: Any, axis: Any = None, *, keepdims: Any = False, initial: Any = None, where: Any = True
    ) -> Any:
        if initial is None:
            if where is not True:  # NumPy's error: without, there may be nothing to compare.
                numpy(values_of(a), axis, keepdims=keepdims, where=values_of(where))
            return of_all(a, axis=axis, keepdims=keepdims)
        numpy(values_of(a), axis, keepdims=keepdims, initial=values_of(initial), where=where)
        if not a.size:  # NumPy has no error for it.
            return of_nothing(a, axis, keepdims, cast(initial, a.dtype))
        found = of_all(_only(a, where, initial), axis=axis, keepdims=keepdims)
        return of_two(found, initial)

    return extreme


max = _extreme(ops.max, ops.maximum, np.max, np.amax)
min = _extreme(ops.min, ops.minimum, np.min, np.amin)


@composes(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Compose ``np.ptp``: from the smallest entry to the largest."""
    largest, smallest = (f(a, axis=axis, keepdims=keepdims) for f in (ops.max, ops.min))
    return largest - smallest


# ---------------------------------------------------------------- nan does not count


def _numbers(a: Any, where: Any) -> Any:
    known = ~np.isnan(values_of(a))
    return known if where is True else np.logical_and(known, values_of(where))


def _skipping_nan(numpy: Callable[..., Any], composition: Callable[..., Any]) -> None:
    """Compose a function that does the same for what is a number."""

    @composes(numpy)
    @functools.wraps(composition)
    def of_numbers(a: Any, *args: Any, where: Any = True, **kwargs: Any) -> Any:
        return composition(a, *args, where=_numbers(a, where), **kwargs)


def _var_of_numbers(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: Any = False,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    total, free = _squares(a, axis, dtype, ddof, keepdims, where, mean, correction)
    return total / np.where(free > 0, free, np.asarray(np.nan, total.dtype))


_skipping_nan(np.nansum, sum)
_skipping_nan(np.nanprod, prod)
_skipping_nan(np.nanmean, mean)
_skipping_nan(np.nanvar, _var_of_numbers)
_skipping_nan(np.nanstd, _root_of(_var_of_numbers))


def _nan_extreme(
    of_all: Callable[..., Any], of_two: Callable[..., Any], worst: float, numpy: Callable[..., Any]
) -> Callable[..., Any]:
    """Make ``np.nanmax`` or ``np.nanmin``: nan only where there is nothing else."""

    @composes(numpy)
    def extreme(
        a: Any, axis: Any = None, *, keepdims: Any = False, initial: Any = None, where: Any = True
    ) -> Any:
        given = {} if initial is None else {"initial": values_of(initial)}
        if where is not True:
            given["where"] = values_of(where)
        value = numpy(values_of(a), axis, keepdims=keepdims, **given)  # Or NumPy's error.
        if not a.size:
            return of_nothing(a, axis, keepdims, 0 if initial is None else cast(initial, a.dtype))
        found = of_all(_only(a, _numbers(a, where), worst), axis=axis, keepdims=keepdims)
        if initial is not None:
            found = of_two(found, initial)
        return laid_out(ops.where(np.isnan(value), np.nan, found), value)

    return extreme


nanmax = _nan_extreme(ops.max, ops.maximum, -np.inf, np.nanmax)
nanmin = _nan_extreme(ops.min, ops.minimum, np.inf, np.nanmin)


# ---------------------------------------------------------------- running


def _running(run: Callable[..., Any], neutral: int, numpy: Any, of_numbers: Any) -> None:
    """Make ``np.cumsum`` or ``np.cumprod`` in another type, and the same of what is a number."""

    @extends(numpy)
    def running(a: Any, axis: Any = None, dtype: Any = None) -> Any:
        return run(cast(a, dtype), axis=axis)

    @composes(of_numbers)
    def skipping(a: Any, axis: Any = None, dtype: Any = None) -> Any:
        return running(_only(a, _numbers(a, True), neutral), axis, dtype)


_running(ops.cumsum, 0, np.cumsum, np.nancumsum)
_running(ops.cumprod, 1, np.cumprod, np.nancumprod)


@composes(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    """Compose ``np.average``: the weights have derivatives too."""
    a = as_array(a)
    if weights is None:
        if not a.size:
            np.average(values_of(a), axis)  # NumPy's error: it divides by a number of results.
        value: Any = ops.mean(a, axis=axis, keepdims=keepdims)
        total: Any = np.full(value.shape, a.size / np.maximum(value.size, 1))
        return (value, total) if returned else value
    weights = as_array(weights)
    mean = np.average(values_of(a), axis, values_of(weights), keepdims=keepdims)  # Or its error.
    if weights.shape != a.shape:
        axes = axis if isinstance(axis, tuple) else (axis,)
        shape = [1] * a.ndim
        for length, i in zip(weights.shape, axes, strict=True):
            shape[i] = length
        order = np.argsort([i % a.ndim for i in axes])
        weights = np.transpose(weights, tuple(order)).reshape(shape)
    scale = np.sum(np.broadcast_to(weights, a.shape), axis=axis, keepdims=keepdims)
    value = laid_out(np.sum(a * weights, axis=axis, keepdims=keepdims) / scale, mean)
    return (value, np.copy(np.broadcast_to(scale, value.shape))) if returned else value
