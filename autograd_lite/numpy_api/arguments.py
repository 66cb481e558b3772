"""Arguments that are not operands: indices as an operation keeps them, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.core.operands import is_recorder, refuse_nested

FIXED = {slice, int, type(None), type(...)}


def frozen_index(index: Any) -> Any:
    """Return an index that nobody can change afterwards, with Tensors replaced by their values."""
    if type(index) in FIXED:
        return index
    if isinstance(index, tuple):
        if type(index) is tuple and FIXED.issuperset(map(type, index)):
            return index
        return tuple([frozen_index(part) for part in index])
    if isinstance(index, list):
        refuse_nested(index)
    if is_recorder(index) and is_recorder(index.data):
        return index.data  # Of a trace.
    if isinstance(index, list | np.ndarray) or is_recorder(index):
        frozen = np.array(index)
        return frozen.astype(int) if frozen.size == 0 and isinstance(index, list) else frozen
    return index


def refuse(name: str, reason: str, **arguments: Any) -> None:
    """Raise a TypeError for an argument that was given and that Tensors have no use for.

    - `name`: the NumPy function.
    - `reason`: why, or what to do.
    - `**arguments`: what was given; None stands for nothing.
    """
    for key, value in arguments.items():
        if value is not None:
            raise TypeError(f"{name} on Tensors takes no {key}= (got {value!r}): {reason}.")
