"""Rearranging, joining and splitting."""

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_lite import ops
from autograd_lite.core.node import new_tensor
from autograd_lite.core.operands import is_recorder
from autograd_lite.numpy_api.in_place import Writes
from autograd_lite.numpy_api.table import (
    COMPOSED,
    as_array,
    cast,
    composes,
    extends,
    laid_out,
    values_of,
)
from autograd_lite.numpy_api.views import show_writes


def rearranged(move: Callable[..., Any], *arrays: Any) -> Any:
    """Do to arrays what `move` does, which puts entries in places and computes nothing.

    NumPy does it to the numbers of the entries, and the entries are picked by their numbers: so
    every way that NumPy has of saying where they go is understood.
    """
    dtype = np.result_type(
        *(x if isinstance(x, int | float) else as_array(x).dtype for x in arrays)
    )
    arrays = tuple(cast(x, dtype) for x in arrays)
    numbers, start = [], 0
    for array in arrays:
        laid_out_like = values_of(array)
        if is_recorder(laid_out_like):  # Of a trace, which knows no layout.
            laid_out_like = np.empty(array.shape)
        of_entries = np.empty_like(laid_out_like, int)
        of_entries[...] = np.arange(start, start + array.size).reshape(array.shape)
        numbers.append(of_entries)
        start += array.size
    moved = np.asarray(move(*numbers))
    return laid_out(ops.getitem(ops.concatenate(*arrays, axis=None), index=moved), moved)


# ---------------------------------------------------------------- joining


def _joinable(x: Any, dtype: Any, casting: Any) -> Any:
    """Return a part in the type of the whole, to which NumPy must be allowed to cast it."""
    x = as_array(x)
    if dtype is not None and not np.can_cast(x.dtype, dtype, casting):
        np.concatenate([np.empty(0, x.dtype)], dtype=dtype, casting=casting)  # NumPy's error.
    return cast(x, dtype)


@composes(np.concatenate)
def concatenate(
    arrays: Sequence[Any], axis: int | None = 0, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """Adapt ``np.concatenate``, which takes a sequence."""
    return ops.concatenate(*(_joinable(x, dtype, casting) for x in arrays), axis=axis)


@composes(np.stack)
def stack(
    arrays: Sequence[Any], axis: int = 0, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """Adapt ``np.stack``, which takes a sequence."""
    return ops.stack(*(_joinable(x, dtype, casting) for x in arrays), axis=axis)


@composes(np.block)
def block(arrays: Any) -> Any:
    """Compose ``np.block``: nested lists, from the innermost axis outwards."""
    leaves: list[Any] = []

    def numbered(part: Any) -> Any:
        if isinstance(part, list):
            return [numbered(x) for x in part]
        leaves.append(as_array(part))
        return len(leaves) - 1

    nest = numbered(arrays)

    def filled(part: Any, numbers: tuple[Any, ...]) -> Any:
        return [filled(x, numbers) for x in part] if isinstance(part, list) else numbers[part]

    return rearranged(lambda *numbers: np.block(filled(nest, numbers)), *leaves)


def array(nest: Any, dtype: Any = None) -> Any:
    """Make one Tensor of numbers, arrays and Tensors in nested lists, keeping their gradients.

    What ``np.array`` is for arrays: it cannot be for Tensors, since it asks each for its bare
    value.

    Parameters
    ----------
    nest : Tensor, array_like, or nested lists and tuples of them
        All parts of a list must have one shape.
    dtype : dtype, optional
        As in ``np.array``; the common type of all parts by default.

    Returns
    -------
    Tensor
        Of the shape that ``np.array`` gives for the values; an array if there is no Tensor in it.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor([1.0, 2.0], requires_grad=True)
    >>> rotated = al.array([[x[0], -x[1]], [x[1], x[0]]])
    >>> rotated
    Tensor([[ 1., -2.],
            [ 2.,  1.]], from=stack)
    """
    made = cast(_joined(nest), dtype)
    return ops.copy(made) if made is nest else made


def _joined(nest: Any) -> Any:
    if isinstance(nest, list | tuple):
        parts = [_joined(part) for part in nest]
        if any(map(is_recorder, parts)):
            shapes = dict.fromkeys(np.shape(part) for part in parts)
            if len(shapes) > 1:
                raise ValueError(
                    f"array needs parts of one shape in a list, got {', '.join(map(str, shapes))}. "
                    f"Join parts of several lengths with np.concatenate."
                )
            return ops.stack(*map(as_array, parts))
    return as_array(nest)


@composes(np.array)
def array_like(nest: Any, dtype: Any = None, *, copy: Any = True, **ignored: Any) -> Any:
    """Adapt ``np.array(..., like=tensor)``, which NumPy hands over."""
    del ignored  # Where things lie in memory.
    return _tensor(array(nest, dtype) if copy else asarray_like(nest, dtype))


def _tensor(made: Any) -> Any:
    """Make a Tensor of what had none in it."""
    return made if is_recorder(made) else new_tensor(made)


@composes(np.asarray, np.asanyarray)
def asarray_like(nest: Any, dtype: Any = None, **ignored: Any) -> Any:
    """Adapt ``np.asarray(..., like=tensor)``: what is a Tensor is returned."""
    del ignored
    return _tensor(cast(_joined(nest), dtype))


@composes(np.ascontiguousarray)
def ascontiguousarray_like(nest: Any, dtype: Any = None, **ignored: Any) -> Any:
    """Adapt ``np.ascontiguousarray(..., like=tensor)``."""
    made = asarray_like(nest, dtype, **ignored)
    return made if values_of(made).flags.c_contiguous else ops.copy(made)


@composes(np.asfortranarray)
def asfortranarray_like(nest: Any, dtype: Any = None, **ignored: Any) -> Any:
    """Adapt ``np.asfortranarray(..., like=tensor)``."""
    made = asarray_like(nest, dtype, **ignored)
    return made if values_of(made).flags.f_contiguous else ops.copy(made)


# ---------------------------------------------------------------- splitting


@composes(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Compose ``np.array_split``: slices."""
    axis, given = normalize_axis_index(axis, ary.ndim), values_of(indices_or_sections)
    n = ary.shape[axis]
    if np.ndim(given):
        ends = [0, *map(operator.index, given), n]
    else:
        if int(given) <= 0:
            raise ValueError("number sections must be larger than 0.")
        each, extras = divmod(n, int(given))
        ends = [0, *np.cumsum([each + (i < extras) for i in range(int(given))]).tolist()]
    before = (slice(None),) * axis
    return [ary[(*before, slice(start, end))] for start, end in itertools.pairwise(ends)]


# ---------------------------------------------------------------- axes and shapes


@extends(np.reshape)
def reshape(a: Any, /, shape: Any = None, order: str = "C", *, copy: bool | None = None) -> Any:
    """Compose ``np.reshape`` in column-major order: of the transpose, backwards."""
    if copy is False:
        raise TypeError("np.reshape on Tensors makes a new one; leave copy=False out.")
    if order == "C":
        return ops.reshape(a, shape=shape)
    if order == "A":
        flags = values_of(a).flags
        return reshape(a, shape, "F" if flags.f_contiguous and not flags.c_contiguous else "C")
    if order != "F":
        raise ValueError(f"np.reshape: order must be one of 'C', 'F' or 'A', got {order!r}.")
    lengths = tuple(shape) if np.ndim(shape) else (shape,)
    return ops.reshape(a.T, shape=lengths[::-1]).T


@composes(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """Compose ``np.ravel``: a view of what lies in one piece, else a copy."""
    if order == "K":  # As the entries lie in memory: longest steps first.
        strides = np.abs(values_of(a).strides)
        laid = tuple(map(int, np.argsort(-strides, kind="stable")))
        return ravel(a if laid == tuple(range(a.ndim)) else ops.transpose(a, axes=laid))
    flat = reshape(a, (-1,), order)
    value = values_of(a)
    value = np.asarray(getattr(value, "sample", value))  # In a trace, it decides on a view alone.
    flags = value.flags
    whole = {"C": flags.c_contiguous, "F": flags.f_contiguous, "A": flags.forc}[order]
    return flat if whole or not np.may_share_memory(values_of(a), values_of(flat)) else +flat


@composes(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """Compose ``sliding_window_view``: the windows, which are not written to."""
    del subok
    if writeable:
        raise TypeError("sliding_window_view on Tensors is not written to; leave writeable= out.")
    windows = np.lib.stride_tricks.sliding_window_view
    places = windows(np.arange(x.size).reshape(x.shape), window_shape, axis)
    parameters = {"index": np.unravel_index(places, x.shape)}
    result = ops.getitem(x, **parameters)
    if isinstance(result, Writes):
        show_writes(result, x, ops.getitem, parameters)
    return result


@composes(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    i, k = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    order = list(range(a.ndim))
    order[i], order[k] = k, i
    return ops.transpose(a, axes=tuple(order))


@composes(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return swapaxes(x, -1, -2)


def moved(a: Any, source: Any, destination: Any) -> Any:
    """Move axes on the way to a result; where they are in order, there is nothing to record."""
    sources, places = (normalize_axis_tuple(x, a.ndim) for x in (source, destination))
    order = [i for i in range(a.ndim) if i not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return a if order == list(range(a.ndim)) else ops.transpose(a, axes=tuple(order))


def _each(arrays: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Change several arrays, giving one for one, and a tuple for several."""
    changed = tuple(change(as_array(x)) for x in arrays)
    return changed[0] if len(changed) == 1 else changed


@composes(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    del subok
    shape = np.broadcast_shapes(*(np.shape(x) for x in args))
    return tuple(ops.broadcast_to(as_array(x), shape=shape) for x in args)


@composes(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Compose ``np.meshgrid``: each coordinate stretched along the axes of the others."""
    n = len(xi)
    lying = [as_array(x).reshape((1,) * i + (-1,) + (1,) * (n - 1 - i)) for i, x in enumerate(xi)]
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    if indexing == "xy" and n > 1:
        lying = [swapaxes(x, 0, 1) for x in lying]
    found = tuple(lying) if sparse else broadcast_arrays(*lying)
    return tuple(ops.copy(x, order="C") for x in found) if copy else found


COMPOSED.update(
    {
        np.append: lambda arr, values, axis=None: concatenate([arr, values], axis),
        np.column_stack: lambda tup: concatenate(
            [x if x.ndim > 1 else x.reshape((x.size, 1)) for x in map(as_array, tup)], 1
        ),
        np.fliplr: lambda m: ops.flip(m, axis=1),
        np.flipud: lambda m: ops.flip(m, axis=0),
        np.atleast_1d: lambda *arys: _each(arys, lambda x: x if x.ndim else x.reshape((1,))),
        np.atleast_2d: lambda *arys: _each(
            arys, lambda x: x if x.ndim > 1 else x.reshape((1, x.size))
        ),
        np.atleast_3d: lambda *arys: _each(
            arys,
            lambda x: (
                x if x.ndim > 2 else x.reshape((*x.shape, 1) if x.ndim == 2 else (1, x.size, 1))
            ),
        ),
    }
)
