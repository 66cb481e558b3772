"""What NumPy would change along with a Tensor that is written to.

Recorded values share no memory, but a program written for arrays may count on it. So ``t[1:]`` is
taken again when it is used after a write to `t`; and a write to it, which would change `t`
(``row = t[0]; row += 1``, ``t[0][1] = 2``), is refused.
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
    from autograd_lite.primitive import Primitive
    from autograd_lite.tensor import Tensor


_last_write = 0
"""When a Tensor was last written to, on the clock that counts births."""

_Steps = tuple[tuple["Primitive", dict[str, Any] | None], ...]
"""Operations, with their parameters, that make a view of what it was taken from."""


def note_write(t: Tensor, time: int) -> None:
    """Remember that a tensor was written to, for all views of it."""
    global _last_write
    _last_write = t._written = time


def catch_up(t: Tensor) -> None:
    """Take a view again if what it was taken from has been written to since."""
    if t._birth > _last_write:  # The usual case.
        return
    found: list[tuple[Tensor, Tensor | None, _Steps]] = []
    here: Tensor | None = None if t._now else t  # A version stays what it is.
    while here is not None and (here._seen or here._birth) < _last_write:
        owner, steps = _owner(here)
        found.append((here, owner, steps))
        here = owner
    since, taken_again = t._birth, set()
    for view, owner, steps in reversed(found):
        if owner is not None and (owner._written or 0) > (view._seen or view._birth):
            since = min(since, view._birth)
            view._take_again(owner, steps)
            view._written = _last_write  # Its own views follow.
            taken_again.add(view)
        view._seen = _last_write
    if taken_again:
        t._let_go_of(taken_again, since)


def _owner(t: Tensor) -> tuple[Tensor | None, _Steps]:
    """Return what a tensor is a view of, if that can still be written to, and how to take it."""
    if t._primitive is None:
        alive = ((owner(), steps) for owner, steps in t._viewed or ())
        return next(((owner, steps) for owner, steps in alive if owner is not None), (None, ()))
    if _position_of_the_owner(t._data, t._inputs) is None or len(t._inputs) != 2:
        return None, ()
    owner = t._inputs[0]
    return owner._now() if owner._now else owner, ((t._primitive, t._parameters),)


def is_seen_elsewhere(t: Tensor) -> bool:
    """Say whether a tensor is a view of another one, as NumPy has it, that somebody still holds.

    Nobody can tell views and values apart where what they were taken from has gone.
    """
    if t._primitive is None:
        return any(owner() is not None for owner, _ in t._viewed or ())
    i = _position_of_the_owner(t._data, t._inputs)
    if i is None or t._inputs[i]._primitive in _PACKED:
        return False
    return getrefcount(t._inputs[i]) > _ONE_HOLDER or is_seen_elsewhere(t._inputs[i])


_PACKED = frozenset({ops.eig, ops.eigh, ops.qr, ops.svd})
"""Operations whose results nobody sees: what NumPy returns apart lies in one array."""

_held = (object(),)
_ONE_HOLDER = getrefcount(_held[0])
"""How many references are counted to what one other object holds."""


def viewed(
    primitive: Primitive | None,
    data: Any,
    inputs: tuple[Any, ...],
    parameters: dict[str, Any] | None,
) -> tuple[tuple[weakref.ref[Tensor], _Steps], ...]:
    """Return all that the result of an operation is a view of, for a tensor without operands."""
    found: list[tuple[weakref.ref[Tensor], _Steps]] = []
    steps: _Steps = ()
    while primitive is not None and (i := _position_of_the_owner(data, inputs)) is not None:
        owner = inputs[i]
        steps = ((primitive, parameters), *steps)
        found.append((weakref.ref(owner), steps))
        more = owner._viewed or ()
        found += [(other, (*first, *steps)) for other, first in more if other() is not None]
        primitive, data = owner._primitive, owner._data
        inputs, parameters = owner._inputs, owner._parameters
    return tuple(found)


def _position_of_the_owner(data: Any, inputs: tuple[Any, ...]) -> int | None:
    """Return where among inputs the operand is whose memory an array lies in."""
    if data.base is not None:
        memory = _memory(data)
        for i in range(0, len(inputs), 2):
            operand, value = inputs[i : i + 2]
            if operand is not None and _memory(value) is memory:
                return i
    return None


def _memory(array: Any) -> Any:
    """Return the array that owns the memory of another one."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


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
