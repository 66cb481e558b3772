"""Rearranging, and joining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_lite import ops
from autograd_lite.numpy_api.table import composes


@composes(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Adapt ``np.concatenate``, which takes a sequence."""
    return ops.concatenate(*arrays, axis=axis)


@composes(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Adapt ``np.stack``, which takes a sequence."""
    return ops.stack(*arrays, axis=axis)


@composes(np.ravel)
def ravel(a: Any) -> Any:
    """Compose ``np.ravel``."""
    return ops.reshape(a, shape=(-1,))


@composes(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Compose ``np.swapaxes``."""
    i, k = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    order = list(range(a.ndim))
    order[i], order[k] = k, i
    return ops.transpose(a, axes=tuple(order))


@composes(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Compose ``np.moveaxis``."""
    sources = normalize_axis_tuple(source, a.ndim, "source")
    order = [i for i in range(a.ndim) if i not in sources]
    for i, axis in sorted(
        zip(normalize_axis_tuple(destination, a.ndim, "destination"), sources, strict=True)
    ):
        order.insert(i, axis)
    return ops.transpose(a, axes=tuple(order))
