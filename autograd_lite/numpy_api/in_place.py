"""Writing to Tensors, and the views that NumPy would change along with them.

A recorded value never changes: to write to a tensor makes it a new node, and what has used it goes
on with the version that it used. So values share no memory, but a program written for arrays may
count on it. ``t[1:]`` is therefore taken again when it is used after a write to `t`; and a write to
it (``row = t[0]; row += 1``, ``t[0][1] = 2``) is one to `t`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from sys import getrefcount
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from autograd_lite import ops
from autograd_lite.core.backward import next_birth
from autograd_lite.core.modes import GradientError, Watched, enable_grad, no_grad, recording
from autograd_lite.core.operands import constant, explained, is_recorder, refuse_nested
from autograd_lite.core.primitive import Primitive
from autograd_lite.core.tensor import Rare, Taps, Tensor, result_of

Written = TypeVar("Written", bound="Writes")

_last_write = 0
"""When a Tensor was last written to, on the clock that counts births."""

_Steps = tuple[Primitive, dict[str, Any], Any] | None
"""An operation, with its parameters, and those before it."""


# ---------------------------------------------------------------- writing


def become(t: Written, primitive: Primitive, other: Any, what: str, **parameters: Any) -> Written:
    """Make a tensor the result of an operation on it, and write it to what it is a view of.

    What would be a number in NumPy stays what it is, and the result is a new one: ``s += v`` binds
    the name `s` anew.
    """
    if primitive is not ops.assign and _is_number(t):
        new: Written = t.__record__(primitive, (t, other), parameters)
        return new
    view = t._rare and t._rare.get("_view")
    if view:
        catch_up(t)
        index = _place(view)
        if index is _NOWHERE:
            raise ValueError(
                f"{what} on {t._label()}, a view that NumPy does not write to: it has been "
                f"stretched, or is a diagonal, windows, or a part of complex numbers. Write to a "
                f"copy: t = t.copy()."
            )
        if not _is_alone(t, view):
            part = _changed(t, t, primitive, other, what, parameters)
            become(view.owner, ops.assign, part, f"{what} through a view", index=index)
            _share_memory(part, view.owner, index)
            return t
    if t._primitive is None and t._requires_grad and t._keeps_grad and recording.get():
        raise GradientError(
            f"{what} on {t._label()}, a leaf that requires a gradient, would detach "
            f"it from its gradient. To move a parameter, write t.data = t.data - lr * t.grad.data, "
            f"or take an optimiser; for a result, write a new tensor (u = t + 1)."
        )
    if t._primitive is not None and not recording.get():
        raise GradientError(
            f"{what} on {t._label()}, a result of {t._primitive.name}, inside no_grad() "
            f"would leave a gradient that belongs to another value. Use t.detach() first."
        )
    if primitive is ops.assign and _written_into(t, other, parameters["index"]):
        return t
    old = _version_of(t)
    changed = _changed(t, old, primitive, other, what, parameters)
    first = t._past is None
    _keep_layout(changed, t._array)
    _turn_into(t, changed, old)
    t._view = None
    note_write(t)
    if first:
        _let_go(t, old._birth)
    return t


def note_write(t: Writes) -> None:
    """Remember that a tensor has another value now, for all views of it."""
    global _last_write
    _last_write = next_birth()
    rare = t._rare = t._rare or {}  # Not through `_written`, which takes longer.
    rare["_written"] = _last_write


def _keep_layout(new: Writes, like: Any) -> None:
    """Lay out a new value like another one: what is a view of it depends on that."""
    if not like.ndim or is_recorder(new._array) or is_recorder(like):
        return
    if new._array.strides != like.strides:
        data = np.empty_like(like, new.dtype)
        data[...] = new._array
        new._array = data


def refusal(sign: str) -> Callable[[Writes, Any], Writes]:
    """Return a method that refuses an operator."""

    def refuse(self: Writes, _: Any) -> Any:
        if _is_number(self):
            return NotImplemented  # Python goes on with the operator itself.
        raise TypeError(
            f"t {sign}= u on {self._label()} is not recorded. Write a new tensor (t = t {sign} u), "
            f"or give a leaf a new value (t.data = ...)."
        )

    return refuse


def _is_number(t: Writes) -> bool:
    """Return whether NumPy would have a number here, and not an array without axes."""
    array = t._array
    if type(array) is np.ndarray or t._given:
        return False
    if t._primitive is None and t._requires_grad and t._keeps_grad:
        return False
    return array.is_number if is_recorder(array) else isinstance(array, np.generic)


def _changed(
    t: Writes, old: Writes, primitive: Primitive, other: Any, what: str, parameters: dict[str, Any]
) -> Writes:
    """Return what a tensor is to become, computed from `old`."""
    new: Writes = t.__record__(primitive, (old, old if other is t else other), parameters)
    got, kept = new._array, t._array
    if got.dtype is kept.dtype and got.shape == kept.shape and got.dtype.kind in "fc":
        return new  # The usual case.
    _must_fit(t, new, what)
    if new._requires_grad and t.dtype.kind not in "fc":
        raise TypeError(
            f"{what} on {t._label()} of dtype {t.dtype} would round away a gradient. "
            f"Make it of floating-point numbers first: t = t.astype(float)."
        )
    return new if new.dtype == t.dtype else new.astype(t.dtype)


def _must_fit(t: Writes, new: Any, what: str) -> None:
    if new.shape != t.shape or not np.can_cast(new.dtype, t.dtype, "same_kind"):
        raise ValueError(
            f"{what} on {t._label()} would change it from {t.dtype} {t.shape} to "
            f"{new.dtype} {new.shape}. Write a new tensor: t = {what.replace('=', '')}."
        )


def _version_of(t: Writes) -> Writes:
    """Return what a tensor is now, for what uses it, whatever is written to the tensor later."""
    rare = t._rare or {}
    if "_version" in rare:
        known: Writes = rare["_version"]
        known._array = t._array  # It lets go of it where entries are picked.
        return known
    version = t._twin()
    version._birth, version.name = t._birth, t.name
    version._primitive, version._inputs = t._primitive, t._inputs
    version._parameters = t._parameters
    version._requires_grad, version._grad = t._requires_grad, t._grad
    kept = version._rare = {"_now": weakref.ref(t)}
    if not _KEPT.isdisjoint(rare):
        kept |= {name: rare[name] for name in _KEPT.intersection(rare)}
        if "_filling" in kept:
            kept["_position"] = len(kept["_filling"].before)
    return version


_KEPT = {"_taps", "_call", "_source", "_filling"}


def _turn_into(t: Writes, new: Writes, old: Writes | None) -> None:
    """Take over the value and the record of another tensor.

    What used the first version, `old`, holds `t` itself. What uses a later one, or a view, holds
    that version, since it is known by then that `t` changes.
    """
    t._array, rare = new._array, t._rare or {}
    for name in ("_filling", "_version"):
        rare.pop(name, None)
    if new._requires_grad:
        if old is not None:
            rare.setdefault("_past", old)
        t._birth, t._primitive, t._requires_grad = new._birth, new._primitive, True
        t._inputs, t._parameters, t._grad = new._inputs, new._parameters, None
        rare.pop("_taps", None)
        t._rare = rare
        if new._rare or "_call" in rare or "_source" in rare:
            t._call, t._source = new._call, new._source


# ---------------------------------------------------------------- filling, entry by entry


_ZERO = bytes(16)
_ARRAYS = np.ndarray, np.generic


class Filling:
    """An array that entries are written into, and what it was before each of the writes.

    The rules of writing and picking need shapes alone. So where nobody else holds the array, a
    write changes it, and the version before is no more than a place in this list.

    Attributes
    ----------
    array : ndarray
        With all that has been written.
    before : list of pairs
        For each write the index, and the entries that it replaced.
    blank : ndarray
        What nodes hold in place of the array: of its shape and dtype, without memory of its own.
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self.before: list[tuple[Any, Any]] = []
        self.blank = np.ndarray(array.shape, array.dtype, _ZERO, strides=(0,) * array.ndim)
        self._restored: tuple[Any, int] | None = None

    def at(self, position: int) -> Any:
        """Return the array as it was before a write, counted from 0."""
        array, done = self._restored or (self.array, len(self.before))
        if done < position:  # From the newest to the oldest, one write is undone for each.
            array, done = self.array, len(self.before)
        array = array.copy("K")
        for index, entries in reversed(self.before[position:done]):
            array[index] = entries
        self._restored = array, position
        return array


def _written_into(t: Written, value: Any, index: Any) -> bool:
    """Write entries into the array that a tensor has, or into a copy if somebody else can tell.

    It does what recording does for most writes, in half of the time.
    """
    array, rare, mode = t._array, t._rare or {}, recording.get()
    filling, primitive = rare.get("_filling"), t._primitive
    if type(array) is not np.ndarray or array.dtype.kind != "f" or mode.__class__ is Watched:
        return False
    if isinstance(value, Tensor):
        value = value._as_operand() if value._rare is not None else value
        v, needs = value._array, t._requires_grad or value._requires_grad
    else:
        v, needs, value = constant(value, ops.assign), t._requires_grad, None
    if not isinstance(v, _ARRAYS):
        if not isinstance(v, (int, float)):
            return False  # Of a trace, or complex.
    elif v.dtype is not array.dtype and v.dtype.kind not in "fiub":
        return False
    before = None
    # Counted when it is known what is written, which may hold the array: another part of it, say.
    held = getrefcount(array) - _ONE_HOLDER - (filling is not None)
    fills = held <= 1 and array.flags.owndata and v is not array  # Held by this function.
    if fills and (primitive is ops.assign or not (primitive or t._requires_grad)):
        array.flags.writeable = True  # Who has asked for it, to read it, has let go of it.
    else:
        fills = False
    try:
        if fills:
            before = array[index]
            if before.base is not None:
                before = before.copy()
            array[index] = v
        elif _replaces_all(v, array, array[index]):
            array = v
        else:
            array = array.copy("K")
            array[index] = v
    except (ValueError, TypeError, IndexError):
        if before is not None:
            array[index] = before
        return False  # The error is raised where others are.
    if not (needs and mode):
        t._filling = t._version = t._view = None
        t._array = array
        note_write(t)
        return True
    old = _version_of(t)
    rare = t._rare = t._rare or {}
    first = rare.setdefault("_past", old) is old
    for name in _REPLACED.intersection(rare):
        del rare[name]
    if fills:
        filling = rare["_filling"] = filling or Filling(array)
        _hold_before(old, filling)
        filling.before.append((index, before))
    t._inputs, t._parameters = (old, old._array, value, v), {"index": index}
    t._birth, t._primitive, t._requires_grad = next_birth(), ops.assign, True
    t._array, t._grad = array, None
    note_write(t)
    if first:
        _let_go(t, old._birth)
    return True


def _hold_before(version: Writes, filling: Filling) -> None:
    """Let a version hold its place in the list of writes, and not the array."""
    version._array = filling.blank
    rare = version._rare = version._rare or {}  # Not through its descriptors, which takes longer.
    rare["_filling"], rare["_position"] = filling, len(filling.before)


def _replaces_all(new: Any, array: Any, part: Any) -> bool:
    """Return whether all of an array is written, so that the new one may take its place."""
    return (
        new.__class__ is np.ndarray
        and new.shape == array.shape == part.shape
        and new.strides == array.strides == part.strides
        and new.dtype is array.dtype
        and part.base is array  # It is not a copy.
    )


def _share_memory(part: Writes, owner: Writes, index: Any) -> None:
    """Let a part that was written apart share the memory of its owner."""
    inputs, array = owner._inputs, owner._array
    if len(inputs) == 4 and inputs[2] is part and owner._filling is None:
        shared = array[index]
        if shared.base is array and shared.dtype is part._array.dtype:
            part._array = shared
            owner._inputs = (*inputs[:3], shared)


_REPLACED = frozenset(("_version", "_filling", "_view", "_taps", "_call", "_source"))
"""What a tensor no longer has when it has been written to."""


def picked(t: Any, index: Any) -> Any:
    """Return ``t[index]``. It does what `record` does, in less time."""
    if type(index) not in _FIXED:
        index = frozen_index(index)
    x = t if t._rare is None else t._as_operand()
    array = x._array
    if type(array) is not np.ndarray:
        return t.__record__(ops.getitem, (x,), {"index": index})
    try:
        data = array[index]
    except (ValueError, TypeError, IndexError) as error:
        raise explained(error, ops.getitem, (array,), {"index": index}) from None
    inputs, parameters = (x, array), {"index": index}
    entry = result_of(ops.getitem, data, x._requires_grad, inputs, parameters)
    if t._primitive is ops.assign and (data.base is None or data.size * _SMALL <= array.size):
        _let_go_of_array(entry, t)
    return entry


def _let_go_of_array(entry: Any, t: Any) -> None:
    """Let what was picked from an array that is being filled keep the entries alone, if few."""
    data, array, rare = entry._array, t._array, t._rare or {}
    is_view = data.base is not None
    if (
        "_past" not in rare  # It is the result of an operation, not of a write.
        or not entry._inputs
        or entry._inputs[1] is not array
    ):
        return
    filling = rare.get("_filling")
    others = getrefcount(array) - _ONE_HOLDER - _PICKED - is_view - (filling is not None)
    if others > 0 or type(array) is not np.ndarray or not array.flags.owndata:
        return
    if is_view:
        if not data.flags.c_contiguous:
            return
        entry._array = data.copy()
    if filling is None:
        filling = t._filling = Filling(array)
    version = entry._inputs[0]
    _hold_before(version, filling)
    entry._inputs = (version, filling.blank)


_PICKED = 4
"""How many others hold an array that was just picked from: the entry, a version, two functions."""

_SMALL = 8
"""By how much a part must be smaller than the whole to be worth a copy."""


_FAR = 1000  # Nodes.


def _let_go(t: Writes, since: int) -> None:
    """Let what a tensor was computed from hold versions of what has changed since.

    In ``t[1] = 2 * t[0]`` it would hold `t`, or a view of it, and `t` it: a cycle, that nothing but
    the garbage collector frees. It looks for as many nodes as there usually are; that one finds the
    others.
    """
    seen, waiting = {t}, [t]
    while waiting and len(seen) < _FAR:
        node = waiting.pop()
        birth = node._birth
        if any(x is not None and x._birth > birth for x in node._inputs[::2]):
            node._inputs = tuple([_used(x, node) for x in node._inputs])
        for x in node._inputs[::2]:
            if x is not None and x._birth > since and x not in seen:
                seen.add(x)
                waiting.append(x)


def _used(x: Any, by: Writes) -> Any:
    newer = getattr(x, "_birth", 0) > by._birth  # An array has none.
    return x._version_before(by._birth) if newer else x


# ---------------------------------------------------------------- views


class View(NamedTuple):
    """What a tensor is a view of, and how it is taken.

    Attributes
    ----------
    owner : Writes
        The tensor whose memory it would share in NumPy: at the start of a chain of views.
    steps : nested pairs
        The operations with their parameters, the last one first.
    detached : bool
        Whether it was taken outside the record of an owner that required a gradient.
    """

    owner: Writes
    steps: _Steps
    detached: bool


def show_writes(result: Any, operand: Any, primitive: Primitive, parameters: Any) -> None:
    """Let the result of an operation on a tensor be a view of it, which shows what is written."""
    view = operand._rare and operand._rare.get("_view")
    owner, steps, detached = view or (operand, None, False)
    if result._primitive is None:
        detached = detached or operand._requires_grad
    taken = owner, (primitive, parameters, steps), detached
    result._rare = {"_view": tuple.__new__(View, taken)}  # Its own function takes twice as long.
    if owner._rare is None:
        owner._rare = {"_shared": True}
    else:
        owner._rare["_shared"] = True


def _memory(array: Any) -> Any:
    """Return the array that owns the memory of another one."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def catch_up(t: Writes) -> None:
    """Take a view again if its owner has been written to since."""
    if t._birth > _last_write or not t._rare or "_view" not in t._rare:  # The usual cases.
        return
    view = t._rare["_view"]
    if (view.owner._written or 0) <= max(t._seen or 0, t._birth):
        return
    old, new = t._version, view.owner
    with no_grad() if view.detached else enable_grad():
        if _is_long(view.steps):
            new = t.__record__(ops.getitem, (new,), {"index": _index(view, _positions(view))})
        else:
            for primitive, parameters in _in_order(view.steps):
                new = t.__record__(primitive, (new,), parameters)
    kept = t._taps, t._call, t._source, t._grad
    _turn_into(t, new, None)
    t._taps, t._call, t._source, t._grad = kept
    if old is not None:
        t._taps = None  # They stay with a value that has been used.
    t._seen = _last_write


_LONG = 8


def _is_long(steps: _Steps) -> bool:
    for _ in range(_LONG):
        if steps is None:
            return False
        steps = steps[2]
    return True


def _in_order(steps: _Steps) -> list[tuple[Primitive, dict[str, Any]]]:
    found = []
    while steps is not None:
        found.append((steps[0], steps[1]))
        steps = steps[2]
    return found[::-1]


def _is_alone(t: Writes, view: View) -> bool:
    """Return whether nobody else can see the owner, or another view of it.

    Then nobody can tell a view from a value, except by its layout, which decides what is a view of
    it in turn. The references to the owner are counted, so that the record of most programs stays
    as plain as the programs are.
    """
    if not getattr(t._array, "sample", t._array).flags.forc:
        return False
    if t._primitive is None:
        holders = 1
    elif t._inputs[0] is view.owner:
        holders = 2
    elif t._inputs[0]._known() is view.owner:
        holders = 1
    else:
        return False
    return getrefcount(view.owner) - _ONE_HOLDER < holders


_held = (object(),)
_ONE_HOLDER = getrefcount(_held[0])
"""How many references are counted to what one other object holds."""


def _place(view: View) -> Any:
    """Return the index at which a view lies in its owner; `_NOWHERE` if NumPy does not write there.

    None is an index.
    """
    primitive, parameters, before = view.steps  # type: ignore[misc]  # There is a step.
    if before is None and primitive is ops.getitem and not _is_picked(parameters):
        return parameters["index"]
    if any(_is_picked(parameters) for _, parameters in _in_order(view.steps)):
        return _NOWHERE  # Windows, which overlap.
    positions = _positions(view)
    return _index(view, positions) if positions.flags.writeable else _NOWHERE


def _is_picked(parameters: dict[str, Any]) -> bool:
    index = parameters.get("index")
    return type(index) is tuple and type(index[0]) is np.ndarray


_NOWHERE = object()


def _positions(view: View) -> Any:
    """Return the position in its owner, counted through, of every entry of a view."""
    positions = np.arange(view.owner.size).reshape(view.owner.shape)
    for primitive, parameters in _in_order(view.steps):
        positions = primitive.forward(positions, **parameters)
    return positions


def _index(view: View, positions: Any) -> Any:
    return np.unravel_index(positions, view.owner.shape) if view.owner.ndim else (...,)


def is_taken_at(value: Writes, owner: Writes, index: Any) -> bool:
    """Return whether this is ``owner[index]``, as Python puts it back in ``owner[index] += u``."""
    view = value._view
    if view is None or view.steps is None or view.steps[0] is not ops.getitem:
        return False
    of = owner._view
    whole, before = (owner, None) if of is None else (of.owner, of.steps)
    return (
        view.owner is whole
        and view.steps[2] is before
        and (
            view.steps[1]["index"] is index  # The usual case.
            or repr(view.steps[1]["index"]) == repr(index)  # 1 == True
        )
    )


def _assign_part(t: Writes, index: Any, value: Writes, view: View) -> None:
    """Do ``t[index] = value`` for a view, and refuse what exchanges two parts of a tensor.

    The views of ``t[0], t[1] = t[1], t[0]`` show each other by then: it would double a row.
    """
    owner, before = (t, None) if t._view is None else t._view[:2]
    source = None
    if view.owner is owner and view.steps is not None and view.steps[2] is before:
        source = view.steps[1].get("index")
        taken, written = max(value._birth, value._seen or 0), owner._written or 0
        if taken < written and owner._moved == (written, repr(source), repr(index)):
            raise ValueError(
                f"t[j] = v on {t._label()}, where j = {index}: v, the part at {source}, has just "
                f"become that part itself, as in NumPy. To exchange rows, write t[[i, j]] = "
                f"t[[j, i]]; in place of rng.shuffle(t), t = t[rng.permutation(len(t))]."
            )
    become(t, ops.assign, value, "t[i] = v", index=index)
    if source is not None:
        owner._moved = owner._written, repr(index), repr(source)


_FIXED = {slice, int, type(None), type(...)}


def frozen_index(index: Any) -> Any:
    """Return an index that nobody can change afterwards, with Tensors replaced by their values."""
    if type(index) in _FIXED:
        return index
    if isinstance(index, tuple):
        if type(index) is tuple and _FIXED.issuperset(map(type, index)):
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


# ---------------------------------------------------------------- the methods


class Writes(Tensor):
    """A Tensor that can be written to, and that has views."""

    __slots__ = ()

    # Whether there are views of this.
    _shared: Rare[bool] = Rare()
    # The array that entries are written into, and, for a version, before which write that was.
    _filling: Rare[Filling] = Rare()
    _position: Rare[int] = Rare()
    # When this was last written to; and up to when, as a view, it has seen what was written.
    _written: Rare[int] = Rare()
    _seen: Rare[int] = Rare()
    # When one part of this was last written to another one, and which parts.
    _moved: Rare[tuple[Any, str, str]] = Rare()
    # What operations on this have used, since it got its present value.
    _version: Rare[Any] = Rare()
    # The call of a module that returned this, and the line of the user's code, if asked for.
    _call: Rare[Any] = Rare()
    _source: Rare[Any] = Rare()

    def _catch_up(self) -> None:
        catch_up(self)

    def _as_operand(self) -> Any:
        rare = self._rare or {}
        if "_view" in rare:
            if self._birth <= _last_write:
                catch_up(self)
        elif "_past" not in rare:
            return self
        version = rare["_version"] = _version_of(self)
        return version

    def _known(self) -> Any:
        if not self._rare or "_now" not in self._rare:
            return self
        now = self._rare["_now"]()
        return self if now is None or now._birth != self._birth else now

    def _tap(self) -> Taps:
        taps = super()._tap()
        if self._version is not None:
            self._version._taps = taps
        return taps

    def _note_write(self) -> None:
        if self._shared:
            note_write(self)

    def _note_view(self, inputs: Any, primitive: Primitive, parameters: dict[str, Any]) -> None:
        """Remember what this result of an operation is a view of, if it is one."""
        operand, array = inputs[:2]
        if operand is None or len(inputs) != 2:
            return
        if operand._rare is not None:
            operand = operand._known()
        if operand._primitive is not None and operand._primitive.packed:
            return
        base = self._array.base
        if base is array or base is array.base or _memory(base) is _memory(array):
            show_writes(self, operand, primitive, parameters or {})

    def _lay_out(self, like: Any) -> Self:
        """Store a new result as NumPy does, in an array (or a number) that is not a view."""
        _keep_layout(self, like)
        self._array = self._array[()] if isinstance(like, np.generic) else self._array
        self._view = None
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, as a tuple. Assigned to, it lays the entries out anew.

        Raises
        ------
        GradientError
            On assignment to a leaf that requires a gradient.
        TypeError
            On assignment to a view, or to what has views.
        """
        shape: tuple[int, ...] = self._array.shape
        return shape

    @shape.setter
    def shape(self, lengths: Any) -> None:
        catch_up(self)
        if self._primitive is None and self._requires_grad and self._keeps_grad:
            raise GradientError(
                f"t.shape = s on {self._label()}, a leaf that requires a gradient, which keeps its "
                f"shape. Write a new tensor: t = t.reshape(s)."
            )
        if self._view is not None or self._shared:
            raise TypeError(
                f"t.shape = s on {self._label()}, which is a view, or has views. Write a new "
                f"tensor: t = t.reshape(s)."
            )
        old = _version_of(self)
        _turn_into(self, self.__record__(ops.reshape, (old,), {"shape": lengths}), old)
        self._view = self._filling = None
        note_write(self)

    def __setitem__(self, index: Any, value: Any) -> None:
        if type(index) not in _FIXED:
            index = frozen_index(index)
        if not isinstance(value, Writes) or value._rare is None or "_view" not in value._rare:
            become(self, ops.assign, value, "t[i] = v", index=index)
        elif not is_taken_at(value, self, index):
            _assign_part(self, index, value, value._rare["_view"])

    def __iadd__(self, other: Any) -> Self:
        return become(self, ops.add, other, "t += u")

    def __isub__(self, other: Any) -> Self:
        return become(self, ops.subtract, other, "t -= u")

    def __imul__(self, other: Any) -> Self:
        return become(self, ops.multiply, other, "t *= u")

    def __itruediv__(self, other: Any) -> Self:
        return become(self, ops.divide, other, "t /= u")

    def __ipow__(self, other: Any) -> Self:
        return become(self, ops.power, other, "t **= u")

    def __imatmul__(self, other: Any) -> Self:
        return become(self, ops.matmul, other, "t @= u")

    def __imod__(self, other: Any) -> Self:
        return become(self, ops.remainder, other, "t %= u")

    def __ifloordiv__(self, other: Any) -> Self:
        if _is_number(self):
            return NotImplemented
        whole = self // other  # Its derivative is 0: the old value gets no gradient.
        _must_fit(self, whole, "t //= u")
        return become(self, ops.assign, whole, "t //= u", index=...)

    # Without these, Python would bind the name to a new tensor: no longer a parameter.
    __iand__ = refusal("&")
    __ior__ = refusal("|")
    __ixor__ = refusal("^")
    __ilshift__ = refusal("<<")
    __irshift__ = refusal(">>")

    def _twin(self) -> Self:
        """Return a tensor of the same value; nothing else is set."""
        twin = object.__new__(type(self))
        twin._array = self._array
        return twin

    def _has(self, value: Any) -> bool:
        filling = self._filling
        return self._array is value or (filling is not None and filling.blank is value)

    def _as_it_was(self, value: Any) -> Any:
        filling, position = self._filling, self._position
        if filling is None or filling.blank is not value:
            return value
        if position is not None and filling.blank is self._array:
            self._array = filling.at(position)
        return self._array

    def _first(self) -> Any:
        """Return what this tensor was before anything was written to it."""
        return self if self._past is None else self._past
