"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.table import as_array, composes


@composes(np.dot)
def dot(a: Any, b: Any) -> Any:
    """Compose ``np.dot``: a product with a number, `matmul`, or over two inner axes."""
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return ops.multiply(a, b)
    if b.ndim <= 2:
        return ops.matmul(a, b)
    axes = (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1)
    rest = tuple(b.shape[i] for i in axes[1:])
    flat = ops.transpose(b, axes=axes).reshape((b.shape[-2], math.prod(rest)))
    return ops.reshape(ops.matmul(a, flat), shape=(*a.shape[:-1], *rest))
