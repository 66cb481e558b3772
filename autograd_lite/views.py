"""Views: what NumPy would change along with a Tensor that is written to.

Recorded values share no memory, but a program written for arrays may count on it. So ``t[1:]`` is
taken again when it is used after a write to `t`; and a write to it (``row = t[0]; row += 1``,
``t[0][1] = 2``) is one to `t`.
"""

from __future__ import annotations

import weakref
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

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


def held_owner(t: Tensor) -> tuple[Tensor, _Steps] | None:
    """Return what a tensor is a view of, and how it is taken, if somebody else can see that.

    Nobody can tell views and values apart where what they were taken from has gone.
    """
    here = t
    while True:
        alone = bool(here._inputs) and getrefcount(here._inputs[0]) <= _ONE_HOLDER
        owner, steps = _owner(here)
        if owner is None or owner._primitive in _PACKED:
            return None
        if not alone or owner is not here._inputs[0]:
            owner, steps = _owner(t)
            return None if owner is None else (owner, steps)
        here = owner


def place(owner: Tensor, steps: _Steps) -> Any:
    """Return the index at which a view lies in its owner; None if NumPy writes to no such view."""
    if len(steps) == 1 and steps[0][0] is ops.getitem:
        return (steps[0][1] or {})["index"]
    where = np.arange(owner.size).reshape(owner.shape)
    for primitive, parameters in steps:
        where = primitive.forward(where, **(parameters or {}))
    return np.unravel_index(where, owner.shape) if where.flags.writeable else None


def is_taken_at(value: Tensor, owner: Tensor, index: Any) -> bool:
    """Say whether a tensor is ``owner[index]``, as what is put back by ``owner[index] += u`` is."""
    found, steps = _owner(value)
    if found is not owner or len(steps) != 1 or steps[0][0] is not ops.getitem:
        return False
    try:
        return bool((steps[0][1] or {})["index"] == index)
    except ValueError:  # One of them has arrays in it.
        return False


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
