"""Functions of one number at a time, choices, and moments."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.table import as_array, composes, values_of


@composes(np.float_power)
def float_power(a: Any, b: Any) -> Any:
    """Compose ``np.float_power``, which computes in double precision whatever it is given."""
    return ops.power(*(ops.astype(x, dtype="float64") for x in map(as_array, (a, b))))


@composes(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Compose ``np.clip``: with Tensors for bounds, they get their part of the cotangent."""
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is None and high is None:
        raise TypeError("np.clip needs a_min or a_max, got neither.")
    if all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return ops.clip(a, low=low, high=high)
    bounded = a if low is None else ops.maximum(a, low)
    return bounded if high is None else ops.minimum(bounded, high)


@composes(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """Adapt ``np.where``, which gives positions if there is nothing to choose from."""
    return ops.where(condition, *choices) if choices else np.where(values_of(condition))


@composes(np.std)
def std(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False) -> Any:
    """Compose ``np.std``: the root of the variance."""
    return ops.sqrt(ops.var(a, axis=axis, ddof=ddof, keepdims=keepdims))
