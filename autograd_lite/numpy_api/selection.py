"""Choosing entries, by conditions, positions and size."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_lite import ops
from autograd_lite.core.operands import is_recorder
from autograd_lite.numpy_api.products import real
from autograd_lite.numpy_api.shape import concatenate, moved, rearranged
from autograd_lite.numpy_api.table import (
    as_array,
    cast,
    composes,
    extends,
    laid_out,
    untyped,
    values_of,
)


@extends(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Adapt ``np.take`` to Tensors of positions."""
    del out  # Refused before.
    return ops.take(a, indices=np.asarray(values_of(indices)), axis=axis, mode=mode)


@composes(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """Compose ``np.compress``: the positions at which a condition holds."""
    where = np.asarray(values_of(condition))
    if where.ndim != 1:
        raise ValueError(f"np.compress needs a condition with one axis, got shape {where.shape}.")
    return ops.take(as_array(a), indices=np.flatnonzero(where), axis=axis)


@composes(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return compress(np.ravel(values_of(condition)), as_array(arr).ravel())


@composes(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Compose ``np.diag``: of a vector the matrix, of a matrix the vector."""
    if v.ndim == 1:
        return ops.diagflat(v, k=k)
    if v.ndim == 2:
        return ops.diagonal(v, offset=k)
    raise ValueError("Input must be 1- or 2-d.")


@composes(np.choose)
def choose(a: Any, choices: Any, mode: str = "raise") -> Any:
    which = values_of(a)
    if is_recorder(which) and which.dtype == bool and len(choices) == 2:  # Of a trace.
        return ops.where(which, choices[1], choices[0])
    return rearranged(lambda *numbers: untyped.choose(which, numbers, mode=mode), *choices)


@composes(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Compose ``np.select``: the choice at the first condition that holds."""
    conditions = [values_of(condition) for condition in condlist]
    if any(map(is_recorder, conditions)):  # Of a trace, which knows no values.
        chosen = default
        for condition, choice in zip(reversed(conditions), reversed(choicelist), strict=True):
            chosen = ops.where(condition, choice, chosen)
        return chosen
    return rearranged(
        lambda *numbers: np.select(conditions, numbers[:-1], numbers[-1]), *choicelist, default
    )


@composes(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Compose ``np.piecewise``: every function on its own part of the entries."""
    x = as_array(x)
    conditions = values_of(condlist)
    if not isinstance(conditions, list | tuple) or np.ndim(conditions[0]) == 0 != x.ndim:
        conditions = [conditions] if np.ndim(conditions) == x.ndim else list(conditions)
    masks = [np.asarray(condition, bool) for condition in conditions]
    if len(funclist) == len(masks) + 1:
        masks.append(~np.any(masks, axis=0))
    if len(funclist) != len(masks):
        raise ValueError(
            f"with {len(masks)} condition(s), either {len(masks)} or {len(masks) + 1} functions "
            f"are expected"
        )
    pieces: Any = np.zeros(x.shape, x.dtype)
    for mask, function in zip(masks, funclist, strict=True):
        piece = function(x[mask], *args, **kw) if callable(function) else function
        pieces = ops.assign(pieces, piece, index=np.asarray(mask))
    return laid_out(pieces, np.zeros_like(values_of(x)))


@composes(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Compose ``np.insert``; `values` take the type of the array, as in NumPy."""
    arr = as_array(arr)
    values = as_array(values)
    if values.dtype != arr.dtype:
        values = values.astype(arr.dtype)
    return rearranged(lambda old, new: np.insert(old, values_of(obj), new, axis), arr, values)


@composes(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    return rearranged(lambda numbers: np.delete(numbers, values_of(obj), axis), arr)


@composes(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Compose ``np.trim_zeros``: what is not 0, and everything in between."""
    filt = as_array(filt)
    untyped.trim_zeros(np.zeros(1), trim)  # Or NumPy's error.
    places = np.argwhere(values_of(filt))
    slices = [slice(None)] * filt.ndim
    for i in range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim):
        inside = places[:, i]
        start = int(inside.min()) if len(inside) and "f" in trim.lower() else 0
        end = int(inside.max()) + 1 if len(inside) and "b" in trim.lower() else filt.shape[i]
        slices[i] = slice(start, end if len(inside) else 0)
    return filt[tuple(slices)]


# ---------------------------------------------------------------- sets of numbers


@composes(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False,
    return_counts: bool = False, axis: Any = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """Compose ``np.unique``: the first of equal entries has the derivative."""
    x = as_array(ar)
    found = untyped.unique(
        x.data, True, return_inverse, return_counts, axis, equal_nan=equal_nan, sorted=sorted
    )
    flat = x.ravel() if axis is None else x
    picked = ops.take(flat, indices=found[1], axis=0 if axis is None else axis)
    more = found[1 if return_index else 2 :]
    return (picked, *more) if more else picked


@composes(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """Compose ``np.intersect1d``: of equal numbers, those of `ar1`."""
    ar1 = as_array(ar1)
    found, first, second = np.intersect1d(values_of(ar1), values_of(ar2), assume_unique, True)
    del found
    picked = ops.take(ar1, indices=first)
    return (picked, first, second) if return_indices else picked


@composes(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    x = as_array(ar1).ravel()
    x = x if assume_unique else unique(x)
    return compress(~np.isin(values_of(x), values_of(ar2)), x)


@composes(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    return ops.sort(
        concatenate([setdiff1d(ar1, ar2, assume_unique), setdiff1d(ar2, ar1, assume_unique)])
    )


# ---------------------------------------------------------------- counting, and functions along


@composes(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """Compose ``np.bincount``: sums of weights, which have derivatives."""
    positions = np.asarray(values_of(x))
    counts = np.bincount(positions, minlength=minlength)
    if weights is None:
        return counts
    weights = cast(real(weights, "np.bincount"), np.float64)
    return ops.scatter_add(weights, index=positions, shape=counts.shape)


@composes(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Compose ``np.apply_along_axis``: the function on every line of entries."""
    rows = moved(as_array(arr), axis, -1)
    rest = rows.shape[:-1]
    flat = rows.reshape((-1, rows.shape[-1]))
    results = [as_array(func1d(row, *args, **kwargs)) for row in flat]
    if not results:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    made = ops.stack(*results).reshape((*rest, *results[0].shape))
    axis %= rows.ndim
    n = results[0].ndim
    return moved(made, tuple(range(-n, 0)), tuple(range(axis, axis + n)))


@composes(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """Compose ``np.apply_over_axes``: the function along one axis after the other."""
    for axis in np.atleast_1d(axes):
        result = func(a, int(axis) % a.ndim)
        a = result if result.ndim == a.ndim else np.expand_dims(result, int(axis) % a.ndim)
    return a
