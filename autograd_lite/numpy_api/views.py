"""Views: what NumPy would change along with a tensor that is written to.

Values share no memory, but a program written for arrays may count on it. ``t[1:]`` is therefore
taken again when it is used after a write to `t`; and a write to it (``row = t[0]; row += 1``,
``t[0][1] = 2``) is one to `t`.
"""

from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.core.modes import enable_grad, no_grad
from autograd_lite.core.primitive import Primitive
from autograd_lite.numpy_api import versions
from autograd_lite.numpy_api.versions import ONE_HOLDER, Versioned, turn_into

_Steps = tuple[Primitive, dict[str, Any], Any] | None
"""An operation, with its parameters, and those before it."""


class View(NamedTuple):
    """What a tensor is a view of, and how it is taken."""

    # The tensor whose memory it would share in NumPy: at the start of a chain of views.
    owner: Versioned
    steps: _Steps  # The operations with their parameters, the last one first.
    detached: bool  # Whether it was taken outside the record of an owner that required a gradient.


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


def memory_of(array: Any) -> Any:
    """Return the array that owns the memory of another one."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def catch_up(t: Versioned) -> None:
    """Take a view again if its owner has been written to since."""
    if t._birth > versions.last_write or not t._rare or "_view" not in t._rare:  # The usual cases.
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
    turn_into(t, new, None)
    t._taps, t._call, t._source, t._grad = kept
    if old is not None:
        t._taps = None  # They stay with a value that has been used.
    t._seen = versions.last_write


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


def is_alone(t: Versioned, view: View) -> bool:
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
    return getrefcount(view.owner) - ONE_HOLDER < holders


def place(view: View) -> Any:
    """Return the index at which a view lies in its owner; `NOWHERE` if NumPy does not write there.

    None is an index.
    """
    primitive, parameters, before = view.steps  # type: ignore[misc]  # There is a step.
    if before is None and primitive is ops.getitem and not _is_picked(parameters):
        return parameters["index"]
    if any(_is_picked(parameters) for _, parameters in _in_order(view.steps)):
        return NOWHERE  # Windows, which overlap.
    positions = _positions(view)
    return _index(view, positions) if positions.flags.writeable else NOWHERE


def _is_picked(parameters: dict[str, Any]) -> bool:
    index = parameters.get("index")
    return type(index) is tuple and type(index[0]) is np.ndarray


NOWHERE = object()


def _positions(view: View) -> Any:
    """Return the position in its owner, counted through, of every entry of a view."""
    positions = np.arange(view.owner.size).reshape(view.owner.shape)
    for primitive, parameters in _in_order(view.steps):
        positions = primitive.forward(positions, **parameters)
    return positions


def _index(view: View, positions: Any) -> Any:
    return np.unravel_index(positions, view.owner.shape) if view.owner.ndim else (...,)


def is_taken_at(value: Versioned, owner: Versioned, index: Any) -> bool:
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
