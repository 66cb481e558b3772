"""What the variables of the user's code are bound to, for names."""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.tensor import Tensor


def names_in(where: FrameType | Mapping[str, Any] | None) -> dict[str, Tensor]:
    """Return the tensors that the variables of a frame or mapping are bound to, first name first.

    Lists and tuples of tensors count too: the second of ``layers`` is called ``layers[1]``.
    """
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    variables = where.f_locals if isinstance(where, FrameType) else where or {}
    for name, value in variables.items():
        if name.startswith("_") or not name.isidentifier():
            continue
        several = enumerate(value) if type(value) in (list, tuple) and len(value) < 1000 else ()
        for text, x in [(name, value), *((f"{name}[{i}]", part) for i, part in several)]:
            if isinstance(x, Tensor) and id(x) not in taken:
                taken.add(id(x))
                found[text] = x
    return found


def arrays_in(where: FrameType | None) -> dict[str, NDArray[Any]]:
    """Return the arrays that the local variables of a frame are bound to."""
    return {
        name: value
        for name, value in (where.f_locals if where is not None else {}).items()
        if isinstance(value, np.ndarray) and not name.startswith("_") and name.isidentifier()
    }
