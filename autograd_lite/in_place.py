"""Writing to Tensors, and the views that NumPy would change along with them.

A recorded value never changes: to write to a tensor makes it a new node, and what has used it goes
on with the version that it used. So values share no memory, but a program written for arrays may
count on it. ``t[1:]`` is therefore taken again when it is used after a write to `t`; and a write to
it (``row = t[0]; row += 1``, ``t[0][1] = 2``) is one to `t`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection
from sys import getrefcount
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autograd_lite import ops
from autograd_lite.engine import GradientError, enable_grad, next_birth, state

if TYPE_CHECKING:
    from autograd_lite.primitive import Primitive
    from autograd_lite.tensor import Tensor

Written = TypeVar("Written", bound="Tensor")

_last_write = 0
"""When a Tensor was last written to, on the clock that counts births."""

_Steps = tuple[tuple["Primitive", dict[str, Any] | None], ...]
"""Operations, with their parameters, that make a view of what it was taken from."""


# ---------------------------------------------------------------- writing


def become(t: Written, primitive: Primitive, other: Any, what: str, **parameters: Any) -> Written:
    """Make a tensor the result of an operation on it, and of what it is a view of a part.

    What would be a number in NumPy stays what it is, and the result is a new one: ``s += v`` binds
    the name `s` anew.
    """
    global _last_write
    if primitive is not ops.assign and _is_number(t):
        new: Written = t.__record__(primitive, (t, other), parameters)
        return new
    catch_up(t)
    found = _held_owner(t)
    if found is not None:
        owner, steps = found
        index = _place(owner, steps)
        if index is None:
            raise ValueError(
                f"{what} on {t._label()}, a view that NumPy does not write to: it has been "
                f"stretched, or is a diagonal. Write to a copy: t = t.copy()."
            )
        part = _changed(t, t, primitive, other, what, parameters)
        become(owner, ops.assign, part, f"{what} through a view", index=index[0])
        return t
    if t._primitive is None and t._requires_grad and t._keeps_grad and state.recording:
        raise GradientError(
            f"{what} on {t._label()}, a leaf that requires a gradient, would cut it off "
            f"from its gradient. Write a new tensor (t = t + u), or change the value outside "
            f"the graph: with no_grad(): ..."
        )
    if t._primitive is not None and not state.recording:
        raise GradientError(
            f"{what} on {t._label()}, a result of {t._primitive.name}, inside no_grad() "
            f"would leave a gradient that belongs to another value. Use t.detach() first."
        )
    old = _version(t)
    _turn_into(t, _changed(t, old, primitive, other, what, parameters), old)
    _let_go_of(t, {t}, old._birth)
    t._viewed = None
    _last_write = t._written = next_birth()
    return t


def refusal(sign: str) -> Callable[[Tensor, Any], Tensor]:
    """Return a method that refuses an operator."""

    def refuse(self: Tensor, _: Any) -> Any:
        if _is_number(self):
            return NotImplemented  # Python goes on with the operator itself.
        raise TypeError(
            f"t {sign}= u on {self._label()} is not recorded. Write a new tensor (t = t {sign} u), "
            f"or give a leaf a new value (t.data = ...)."
        )

    return refuse


def _is_number(t: Tensor) -> bool:
    """Say whether NumPy would have a number here, and not an array without axes."""
    if t._given or (t._primitive is None and t._requires_grad and t._keeps_grad):
        return False
    return isinstance(t._data, np.generic)


def _changed(
    t: Tensor, old: Tensor, primitive: Primitive, other: Any, what: str, parameters: dict[str, Any]
) -> Tensor:
    """Return what a tensor is to become, computed from `old`."""
    new: Tensor = t.__record__(primitive, (old, old if other is t else other), parameters)
    if new.shape != t.shape or not np.can_cast(new.dtype, t.dtype, "same_kind"):
        raise ValueError(
            f"{what} on {t._label()} would change it from {t.dtype} {t.shape} to "
            f"{new.dtype} {new.shape}. Write a new tensor: t = t + u."
        )
    if new._requires_grad and t.dtype.kind != "f":
        raise TypeError(
            f"{what} on {t._label()} of dtype {t.dtype} would round away a gradient. "
            f"Make it of floating-point numbers first: t = t.astype(float)."
        )
    return new if new.dtype == t.dtype else new.astype(t.dtype)


def _version(t: Tensor) -> Tensor:
    """Return what a tensor is now, for what has used it, before it turns into another."""
    version = t._twin()
    for slot in ("name", "_birth", "_primitive", "_inputs", "_parameters", "_requires_grad",
                 "_grad", "_taps", "_call", "_source"):  # fmt: skip
        setattr(version, slot, getattr(t, slot))
    version._now = weakref.ref(t)
    return version


def _turn_into(t: Tensor, new: Tensor, old: Tensor) -> None:
    """Take over the value and the record of another tensor; `old` is the version until now."""
    t._data = new._data
    if new._requires_grad:
        t._past = t._past or []
        t._past.append(old)
        t._birth, t._primitive, t._requires_grad = new._birth, new._primitive, True
        t._inputs, t._parameters, t._grad = new._inputs, new._parameters, None
        t._taps, t._call, t._source = None, new._call, new._source


_FAR = 1000  # Nodes.


def _let_go_of(t: Tensor, changed: Collection[Tensor], since: int) -> None:
    """Let what a tensor was computed from hold the versions of others that it used, not them.

    In ``t[1] = 2 * t[0]`` it would hold `t`, and `t` it: a cycle, that nothing but the garbage
    collector frees. It looks for as many nodes as there usually are; that one finds the others.
    """

    def used(x: Any, by: Tensor) -> Any:
        newer = getattr(x, "_birth", 0) > by._birth and x in changed  # An array has none.
        return x._version_before(by._birth) if newer else x

    seen, waiting = {t}, [t]
    while waiting and len(seen) < _FAR:
        node = waiting.pop()
        if any(x in changed for x in node._operands if x is not None):
            node._inputs = tuple(used(x, node) for x in node._inputs)
        for x in node._operands:
            if x is not None and x not in seen and x._birth > since:
                seen.add(x)
                waiting.append(x)


# ---------------------------------------------------------------- views


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
            _take_again(view, owner, steps)
            view._written = _last_write  # Its own views follow.
            taken_again.add(view)
        view._seen = _last_write
    if taken_again:
        _let_go_of(t, taken_again, since)


def _take_again(view: Tensor, owner: Tensor, steps: _Steps) -> None:
    """Turn a view into the one that the same operations make of what its owner is now."""
    old, new = _version(view), owner
    with enable_grad():
        for primitive, parameters in steps:
            new = view.__record__(primitive, (new,), parameters or {})
    _turn_into(view, new, old)
    view._taps = old._taps


def _owner(t: Tensor) -> tuple[Tensor | None, _Steps]:
    """Return what a tensor is a view of, if that can still be written to, and how to take it."""
    if t._primitive is None:
        alive = ((owner(), steps) for owner, steps in t._viewed or ())
        return next(((owner, steps) for owner, steps in alive if owner is not None), (None, ()))
    if _position_of_the_owner(t._data, t._inputs) is None or len(t._inputs) != 2:
        return None, ()
    owner = t._inputs[0]
    return owner._now() if owner._now else owner, ((t._primitive, t._parameters),)


def _held_owner(t: Tensor) -> tuple[Tensor, _Steps] | None:
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


def _place(owner: Tensor, steps: _Steps) -> tuple[Any] | None:
    """Return the index at which a view lies in its owner; None if NumPy writes to no such view."""
    if len(steps) == 1 and steps[0][0] is ops.getitem:
        return ((steps[0][1] or {})["index"],)
    where = np.arange(owner.size).reshape(owner.shape)
    for primitive, parameters in steps:
        where = primitive.forward(where, **(parameters or {}))
    return (np.unravel_index(where, owner.shape),) if where.flags.writeable else None


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
