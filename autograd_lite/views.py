"""What NumPy would change along with a Tensor that is written to.

Tensors share no memory that can be seen: ``t[1:]`` is a value of its own. A program written for
arrays may count on the opposite (``row = a[0]; row += 1`` and ``a[0][1] = 2`` change `a`), and must
not be given another result without a word.
"""

from __future__ import annotations

import dis
import functools
from sys import getrefcount
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from numpy import ndarray

if TYPE_CHECKING:
    from autograd_lite.tensor import Tensor


def is_seen_elsewhere(t: Tensor) -> bool:
    """Say whether a tensor is a view of another one, as NumPy has it, that somebody still holds.

    Nobody can tell views and values apart where what they were taken from has gone.
    """
    data = t._data
    if not isinstance(data, ndarray) or data.base is None:
        return False
    if t._primitive is None:  # What it was computed from is not remembered, but owns the memory.
        return getrefcount(data.base) > _ONE_HOLDER
    operands: tuple[Any, ...] = t._operands
    for i, value in enumerate(t._values):
        if operands[i] is None or not isinstance(value, ndarray):
            continue
        if data.base is (value if value.base is None else value.base):
            return getrefcount(operands[i]) > _ONE_HOLDER or is_seen_elsewhere(operands[i])
    return False


_held = (object(),)
_ONE_HOLDER = getrefcount(_held[0])
"""How many references are counted to what one other object holds."""


def is_put_back(frame: FrameType) -> bool:
    """Say whether an operator that is being run is that of ``t[i] += u``.

    Python makes of it ``part = t[i]; part += u; t[i] = part``.
    """
    return _stores_an_entry(frame.f_code, frame.f_lasti)


@functools.lru_cache(maxsize=1024)
def _stores_an_entry(code: CodeType, position: int) -> bool:
    for instruction in dis.get_instructions(code):
        if instruction.offset > position and instruction.opname not in ("SWAP", "CACHE"):
            return instruction.opname in ("STORE_SUBSCR", "STORE_SLICE")
    return False
