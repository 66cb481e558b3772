"""Products of vectors, matrices and stacks of them."""

import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_lite import ops
from autograd_lite.numpy_api.arguments import refuse
from autograd_lite.numpy_api.shape import moved
from autograd_lite.numpy_api.table import as_array, composes
from autograd_lite.ops.complex_numbers import mirrored

INTO = "a Tensor's value never changes under its graph; take the result"


def real(x: Any, name: str) -> Any:
    """Return an array of real numbers; for complex ones, the function has no derivative here."""
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{name} on Tensors takes real numbers, got dtype {x.dtype}.")
    return x


@composes(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Compose ``np.dot``: a product with a number, `matmul`, or over two inner axes."""
    refuse("np.dot", INTO, out=out)
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return ops.multiply(a, b)
    if b.ndim <= 2:
        return ops.matmul(a, b)
    axes = (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1)
    rest = tuple(b.shape[i] for i in axes[1:])
    flat = ops.transpose(b, axes=axes).reshape((b.shape[-2], math.prod(rest)))
    return ops.reshape(ops.matmul(a, flat), shape=(*a.shape[:-1], *rest))


@composes(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Compose ``np.vdot``: the dot product of all entries, in order."""
    a, b = (ops.reshape(as_array(x), shape=(-1,)) for x in (a, b))
    return ops.matmul(mirrored(a), b)


@composes(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Compose ``np.inner``: the sum of products over the last axis of both."""
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return ops.multiply(a, b)
    if b.ndim <= 2:
        return ops.matmul(a, b.T if b.ndim == 2 else b)
    return tensordot(a, b, axes=(-1, -1))


@composes(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Compose ``np.outer``: every entry times every entry."""
    refuse("np.outer", INTO, out=out)
    vectors = (x if x.ndim == 1 else ops.reshape(x, shape=(-1,)) for x in map(as_array, (a, b)))
    a, b = vectors
    return ops.multiply(a[..., None], b[..., None, :])


@composes(np.linalg.outer)
def outer_of_vectors(x1: Any, x2: Any, /) -> Any:
    """Compose ``np.linalg.outer``, which takes vectors only."""
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"np.linalg.outer: Input arrays must be one-dimensional, got {x1.shape} and {x2.shape}."
        )
    return outer(x1, x2)


@composes(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Compose ``np.tensordot``: one product of matrices, the axes to sum over laid side by side."""
    a, b = as_array(a), as_array(b)
    try:
        left, right = axes
    except TypeError:
        count = operator.index(axes)
        left, right = range(a.ndim - count, a.ndim), range(count)
    left, right = _axes(left, a.ndim), _axes(right, b.ndim)
    lengths = [a.shape[i] for i in left], [b.shape[i] for i in right]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"np.tensordot: shape-mismatch for sum, over axes {left} of {a.shape} and {right} of "
            f"{b.shape}: their lengths are {lengths[0]} and {lengths[1]}."
        )
    rest_a = [i for i in range(a.ndim) if i not in left]
    rest_b = [i for i in range(b.ndim) if i not in right]
    size, outside = math.prod(lengths[0]), [a.shape[i] for i in rest_a]
    inside = [b.shape[i] for i in rest_b]
    rows = _laid_out(a, [*rest_a, *left], (math.prod(outside), size))
    columns = _laid_out(b, [*right, *rest_b], (size, math.prod(inside)))
    return _laid_out(ops.matmul(rows, columns), [0, 1], (*outside, *inside))


def _laid_out(x: Any, axes: list[int], shape: tuple[int, ...]) -> Any:
    """Reorder the axes and reshape, where that changes anything."""
    if axes != list(range(x.ndim)):
        x = ops.transpose(x, axes=tuple(axes))
    return x if x.shape == shape else ops.reshape(x, shape=shape)


def _axes(axes: Any, ndim: int) -> list[int]:
    """Return axes as a list of numbers from 0 on."""
    listed = list(axes) if np.iterable(axes) else [axes]
    normal = [normalize_axis_index(operator.index(i), ndim) for i in listed]
    if len(set(normal)) < len(normal):
        raise ValueError(f"np.tensordot: an axis is given twice in {listed}.")
    return normal


@composes(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Compose ``np.kron``: every entry of `a` times the whole of `b`, in its place."""
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    lengths = [(1,) * (ndim - x.ndim) + x.shape for x in (a, b)]
    wide = tuple(n for length in lengths[0] for n in (length, 1))
    narrow = tuple(n for length in lengths[1] for n in (1, length))
    product = ops.multiply(ops.reshape(a, shape=wide), ops.reshape(b, shape=narrow))
    return ops.reshape(product, shape=tuple(n * m for n, m in zip(*lengths, strict=True)))


DIMENSIONS = {2, 3} if np.lib.NumpyVersion(np.__version__) < "2.5.0" else {3}
"""Of the vectors that ``np.cross`` takes: NumPy 2.5 no longer takes those in the plane."""


@composes(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Compose ``np.cross``; vectors in the plane, where NumPy takes them, have a third of 0."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = (moved(as_array(x), i, -1) for x, i in ((a, axisa), (b, axisb)))
    if {a.shape[-1], b.shape[-1]} - DIMENSIONS:
        raise ValueError(
            f"np.cross: incompatible dimensions for cross product (dimension must be "
            f"{' or '.join(map(str, sorted(DIMENSIONS)))}), got {a.shape[-1]} and {b.shape[-1]}."
        )
    plane = a.shape[-1] == b.shape[-1] == 2
    if 2 in (a.shape[-1], b.shape[-1]):
        warnings.warn(
            "np.cross: Arrays of 2-dimensional vectors are deprecated. Use arrays of "
            "3-dimensional vectors instead. (deprecated in NumPy 2.0)",
            DeprecationWarning,
            stacklevel=2,
        )
        if plane:
            return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        a, b = (
            x
            if x.shape[-1] == 3
            else ops.concatenate(x, np.zeros((*x.shape[:-1], 1), x.dtype), axis=-1)
            for x in (a, b)
        )
    return moved(ops.cross(a, b), -1, axisc)


@composes(np.linalg.cross)
def cross_in_space(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Compose ``np.linalg.cross``, which takes vectors with three coordinates only."""
    x1, x2 = as_array(x1), as_array(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(
            f"np.linalg.cross: Both input arrays must be (arrays of) 3-dimensional vectors, but "
            f"they are {x1.shape[axis]} and {x2.shape[axis]} dimensional instead."
        )
    return cross(x1, x2, axis=axis)


def _stack(x: Any, name: str, kind: str, ndim: int) -> Any:
    """Return an array that has the axes of vectors or matrices."""
    if x.ndim < ndim:
        raise ValueError(f"{name} needs {kind} there, got an array of {x.shape}.")
    return x


@composes(np.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Compose ``np.vecdot``: dot products of vectors along an axis."""
    x1, x2 = (_stack(as_array(x), "np.vecdot", "vectors", 1) for x in (x1, x2))
    x1, x2 = moved(x1, axis, -1), moved(x2, axis, -1)
    return ops.matmul(mirrored(x1)[..., None, :], x2[..., None])[..., 0, 0]


@composes(np.matvec)
def matvec(x1: Any, x2: Any, /) -> Any:
    """Compose ``np.matvec``: matrices times vectors."""
    matrices = _stack(as_array(x1), "np.matvec", "matrices", 2)
    return ops.matmul(matrices, _stack(as_array(x2), "np.matvec", "vectors", 1)[..., None])[..., 0]


@composes(np.vecmat)
def vecmat(x1: Any, x2: Any, /) -> Any:
    """Compose ``np.vecmat``: vectors times matrices."""
    vectors = mirrored(_stack(as_array(x1), "np.vecmat", "vectors", 1))[..., None, :]
    return ops.matmul(vectors, _stack(as_array(x2), "np.vecmat", "matrices", 2))[..., 0, :]


@composes(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """Compose ``np.linalg.multi_dot``: the products in the cheapest order."""
    refuse("np.linalg.multi_dot", INTO, out=out)
    factors = [as_array(x) for x in arrays]
    if len(factors) < 2:
        raise ValueError(f"np.linalg.multi_dot: Expecting at least two arrays, got {len(factors)}.")
    if len(factors) == 2:
        return dot(*factors)
    for i, x in enumerate(factors):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(factors) - 1)):
            raise np.linalg.LinAlgError(
                f"np.linalg.multi_dot: {x.ndim}-dimensional array given as number {i}. The first "
                f"and the last must be 1-D or 2-D, the others 2-D."
            )
    # The lengths between which the factors lead; a vector is a row in front and a column behind.
    sizes = [1 if factors[0].ndim == 1 else factors[0].shape[0], *(x.shape[0] for x in factors[1:])]
    sizes.append(1 if factors[-1].ndim == 1 else factors[-1].shape[1])
    split = _cheapest(sizes)

    def product(i: int, j: int) -> Any:
        if i == j:
            return factors[i]
        k = split[i, j]
        return ops.matmul(product(i, k), product(k + 1, j))

    return product(0, len(factors) - 1)


def _cheapest(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each run of factors, say after which one to split it, so that it costs least."""
    n = len(sizes) - 1
    cost: dict[tuple[int, int], int] = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return split
