"""The methods of universal functions of two numbers, on Tensors, for any that has a derivative.

``np.add.reduce`` and the like are operations of their own; these here go through the entries one
by one, and are right for every function, ``np.hypot.reduce`` and ``np.subtract.accumulate``.
"""

import operator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.table import as_array, cast, laid_out, values_of


def outer(ufunc: np.ufunc, a: Any, b: Any, *, dtype: Any = None) -> Any:
    """Apply to every pair of an entry of `a` and one of `b`."""
    a, b = cast(a, dtype), cast(b, dtype)
    return ufunc(a.reshape(a.shape + (1,) * b.ndim), b)


def reduce(
    ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: Any = False
) -> Any:
    """Apply to the first two entries along `axis`, to the result and the third one, and so on."""
    array = cast(array, dtype)
    result = ufunc.reduce(values_of(array), axis=axis, keepdims=keepdims)  # Or NumPy's error.
    if ufunc is np.logaddexp and array.size and axis != () and array.dtype.kind == "f":
        return laid_out(ops.logsumexp(array, axis=axis, keepdims=keepdims), result)
    axes = range(array.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    rows = np.moveaxis(array, tuple(axes), tuple(range(len(axes))))
    rows = rows.reshape((-1, *rows.shape[len(axes) :]))
    if not len(rows):
        return result
    total = rows[0]
    for i in range(1, len(rows)):
        total = ufunc(total, rows[i])
    return laid_out(total.reshape(np.shape(result)), result)


def accumulate(ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None) -> Any:
    """Do what `reduce` does, and keep every step."""
    array = cast(array, dtype)
    value = ufunc.accumulate(values_of(array), axis=axis)  # Or NumPy's error.
    steps = list(np.moveaxis(array, axis, 0))
    for i in range(1, len(steps)):
        steps[i] = ufunc(steps[i - 1], steps[i])
    return laid_out(np.stack(steps, axis), value) if steps else array


def reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    """Reduce from each index to the next one; take one entry where that is not larger."""
    array = cast(array, dtype)
    value = ufunc.reduceat(values_of(array), values_of(indices), axis=axis)  # Or NumPy's error.
    rows = np.moveaxis(array, axis, 0)
    starts = [int(i) for i in as_array(values_of(indices))]
    if not starts:
        return np.moveaxis(rows[:0], 0, axis).copy()
    ends = [*starts[1:], len(rows)]
    # Without a pass for each part. Shorter floats would lose more digits than NumPy loses.
    if ufunc is np.add and rows.dtype == float and all(map(operator.lt, starts, ends)):
        owners = np.repeat(np.arange(len(starts)), np.subtract(ends, starts))
        shape = (len(starts), *rows.shape[1:])
        sums = ops.scatter_add(rows[starts[0] :], index=owners, shape=shape)
        return laid_out(np.moveaxis(sums, 0, axis), value)
    parts = [
        ufunc.reduce(rows[start : max(end, start + 1)], axis=0)
        for start, end in zip(starts, ends, strict=True)
    ]
    return laid_out(np.stack(parts, axis), value)
