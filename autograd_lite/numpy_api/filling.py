"""Arrays that entries are written into one by one, in time and memory that grow with the entries.

Each write to a tensor makes a new version of it. Where nobody else holds the array, all versions
share it, and each knows how many of the writes came before it.
"""

from sys import getrefcount
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.backward import next_birth
from autograd_lite.core.modes import Watched, recording
from autograd_lite.core.node import result_of
from autograd_lite.core.operands import constant, explained
from autograd_lite.core.tensor import Tensor
from autograd_lite.numpy_api.arguments import FIXED, frozen_index
from autograd_lite.numpy_api.versions import ONE_HOLDER, Versioned, let_go, note_write, version_of

_ZERO = bytes(16)
_ARRAYS = np.ndarray, np.generic


class Filling:
    """An array that entries are written into, and what it was before each of the writes.

    The rules of writing and picking need shapes alone. So where nobody else holds the array, a
    write changes it, and the version before is no more than a place in this list.

    - `array`: with all that has been written.
    - `before`: for each write the index, and the entries that it replaced.
    - `blank`: what nodes hold in place of the array: of its shape and dtype, without memory of its
      own.
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


def written_into(t: Versioned, value: Any, index: Any) -> bool:
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
    held = getrefcount(array) - ONE_HOLDER - (filling is not None)
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
    old = version_of(t)
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
        let_go(t, old._birth)
    return True


def _hold_before(version: Versioned, filling: Filling) -> None:
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


def share_memory(part: Versioned, owner: Versioned, index: Any) -> None:
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
    if type(index) not in FIXED:
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
    others = getrefcount(array) - ONE_HOLDER - _PICKED - is_view - (filling is not None)
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
