"""Arguments that are not operands: indices as an operation keeps them, and what is refused."""

from typing import Any

import numpy as np

from autograd_lite.core.operands import is_recorder, joined

FIXED = {slice, int, type(None), type(...)}


def frozen_index(index: Any) -> Any:
    """Return an index that nobody can change afterwards, with Tensors replaced by their values."""
    if type(index) in FIXED:
        return index
    if isinstance(index, tuple):
        if type(index) is tuple and FIXED.issuperset(map(type, index)):
            return index
        return tuple(map(_frozen_part, index))
    return _frozen_part(index)


def _frozen_part(part: Any) -> Any:
    """Return what an index says of some axes: all sequences are arrays, as they are to NumPy."""
    if type(part) in FIXED:
        return part
    part = joined(part)
    if is_recorder(part) and is_recorder(part.data):
        return part.data  # Of a trace.
    if hasattr(part, "__index__") and (isinstance(part, np.generic) or not hasattr(part, "dtype")):
        return part
    frozen = np.array(part.data if is_recorder(part) else part)
    if frozen.ndim == 0 and frozen.dtype.kind in "iu" and not isinstance(part, np.ndarray):
        return int(frozen)  # Of a Tensor, or another library's array.
    return frozen.astype(int) if frozen.size == 0 and not hasattr(part, "dtype") else frozen


def refuse(name: str, reason: str, **arguments: Any) -> None:
    """Raise a TypeError for an argument that was given and that Tensors have no use for.

    - `name`: the NumPy function.
    - `reason`: why, or what to do.
    - `**arguments`: what was given; None stands for nothing.
    """
    for key, value in arguments.items():
        if value is not None:
            raise TypeError(f"{name} on Tensors takes no {key}= (got {value!r}): {reason}.")
