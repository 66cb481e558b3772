"""What NumPy would change along with a Tensor that is written to.

Tensors share no memory that can be seen: ``t[1:]`` is a value of its own. A program written for
arrays may count on the opposite (``row = a[0]; row += 1`` and ``a[0][1] = 2`` change `a`), and must
not be given another result without a word.
"""

from __future__ import annotations

import dis
import functools
import weakref
from sys import getrefcount
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from autograd_lite import ops

if TYPE_CHECKING:
    from autograd_lite.tensor import Tensor


def is_seen_elsewhere(t: Tensor) -> bool:
    """Say whether a tensor is a view of another one, as NumPy has it, that somebody still holds.

    Nobody can tell views and values apart where what they were taken from has gone.
    """
    if t._primitive is None:
        return any(owner() is not None for owner in t._viewed or ())
    i = _position_of_the_owner(t._data, t._inputs)
    if i is None or t._inputs[i]._primitive in _PACKED:
        return False
    return getrefcount(t._inputs[i]) > _ONE_HOLDER or is_seen_elsewhere(t._inputs[i])


_PACKED = frozenset({ops.eig, ops.eigh, ops.qr, ops.svd})
"""Operations whose results nobody sees: what NumPy returns apart lies in one array."""

_held = (object(),)
_ONE_HOLDER = getrefcount(_held[0])
"""How many references are counted to what one other object holds."""


def viewed(data: Any, inputs: tuple[Any, ...]) -> tuple[weakref.ref[Tensor], ...]:
    """Return all that the result of an operation is a view of, for a tensor without operands."""
    i = _position_of_the_owner(data, inputs)
    if i is None:
        return ()
    owner = inputs[i]
    return (weakref.ref(owner), *(owner._viewed or viewed(owner._data, owner._inputs)))


def _position_of_the_owner(data: Any, inputs: tuple[Any, ...]) -> int | None:
    """Return where among inputs the operand is whose memory an array lies in."""
    if data.base is not None:
        for i in range(0, len(inputs), 2):
            operand, value = inputs[i : i + 2]
            if operand is not None and (value is data.base or value.base is data.base):
                return i
    return None


class _Part:
    """Counts the references to itself as `Tensor` does while ``t[i] += u`` is run."""

    def __getitem__(self, index: Any) -> _Part:
        return _Part()

    def __setitem__(self, index: Any, references: int) -> None:
        self.references = references

    def __iadd__(self, other: Any) -> int:
        return self._become(other)

    def _become(self, _: Any) -> int:
        return getrefcount(self)


_whole: Any = _Part()
_whole[0] += 1


def is_put_back(frame: FrameType, references: int) -> bool:
    """Say whether an operator that is being run is that of ``t[i] += u``.

    Python makes of it ``part = t[i]; part += u; t[i] = part``, and nobody else holds the part, as
    a dict of views does in ``views["left"] += u``.
    """
    return references <= _whole.references and _stores_an_entry(frame.f_code, frame.f_lasti)


@functools.lru_cache(maxsize=1024)
def _stores_an_entry(code: CodeType, position: int) -> bool:
    for instruction in dis.get_instructions(code):
        if instruction.offset > position and instruction.opname not in ("SWAP", "CACHE"):
            return instruction.opname in ("STORE_SUBSCR", "STORE_SLICE")
    return False
