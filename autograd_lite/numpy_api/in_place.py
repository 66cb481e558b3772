"""Writing to Tensors: each write is recorded, and goes to what a view is a view of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np

from autograd_lite import ops
from autograd_lite.core.modes import GradientError, recording
from autograd_lite.core.operands import is_recorder
from autograd_lite.core.primitive import Primitive
from autograd_lite.numpy_api import versions, views
from autograd_lite.numpy_api.arguments import FIXED, frozen_index
from autograd_lite.numpy_api.filling import share_memory, written_into
from autograd_lite.numpy_api.versions import (
    MOVE,
    Versioned,
    let_go,
    note_write,
    turn_into,
    version_of,
)
from autograd_lite.numpy_api.views import View, catch_up, is_taken_at, memory_of, show_writes

Written = TypeVar("Written", bound="Writes")


def become(t: Written, primitive: Primitive, other: Any, what: str, **parameters: Any) -> Written:
    """Make a tensor the result of an operation on it, and write it to what it is a view of.

    What would be a number in NumPy stays what it is, and the result is a new one: ``s += v`` binds
    the name `s` anew.
    """
    if primitive is not ops.assign and _is_number(t):
        return t.__record__(primitive, (t, other), parameters)
    view = t._rare and t._rare.get("_view")
    if view:
        catch_up(t)
        index = views.place(view)
        if index is views.NOWHERE:
            raise ValueError(
                f"{what} on {t._label()}, a view that NumPy does not write to: it has been "
                f"stretched, or is a diagonal, windows, or a part of complex numbers. Write to a "
                f"copy: t = t.copy(); or z.real = t, z.imag = t."
            )
        if not views.is_alone(t, view):
            if view.detached and view.owner._requires_grad and recording.get():
                raise GradientError(
                    f"{what} on {t._label()}, a view that was taken inside no_grad(), would detach "
                    f"what it shares with {view.owner._label()}. Take the view outside, or write "
                    f"to a copy: t = t.copy()."
                )
            part = _changed(t, t, primitive, other, what, parameters)
            become(view.owner, ops.assign, part, f"{what} through a view", index=index)
            share_memory(part, view.owner, index)
            return t
    if t._primitive is None and t._requires_grad and t._keeps_grad and recording.get():
        raise GradientError(
            f"{what} on {t._label()}, a leaf that requires a gradient, would detach "
            f"it from its gradient. {MOVE}; for a result, write a new tensor (u = t + 1)."
        )
    if t._primitive is not None and not recording.get():
        raise GradientError(
            f"{what} on {t._label()}, a result of {t._primitive.name}, inside no_grad() "
            f"would leave a gradient that belongs to another value. Use t.detach() first."
        )
    if primitive is ops.assign and written_into(t, other, parameters["index"]):
        return t
    old = version_of(t)
    changed = _changed(t, old, primitive, other, what, parameters)
    first = t._past is None
    _keep_layout(changed, t._array)
    turn_into(t, changed, old)
    t._view = None
    note_write(t)
    if first:
        let_go(t, old._birth)
    return t


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
    t: Writes,
    old: Versioned,
    primitive: Primitive,
    other: Any,
    what: str,
    parameters: dict[str, Any],
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


class Writes(Versioned):
    """A Tensor that can be written to, and that has views."""

    __slots__ = ()

    def _catch_up(self) -> None:
        catch_up(self)

    def _as_operand(self) -> Any:
        rare = self._rare or {}
        if "_view" in rare:
            if self._birth <= versions.last_write:
                catch_up(self)
        elif "_past" not in rare:
            return self
        version = rare["_version"] = version_of(self)
        return version

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
        if base is array or base is array.base or memory_of(base) is memory_of(array):
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
        return self._array.shape

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
        old = version_of(self)
        turn_into(self, self.__record__(ops.reshape, (old,), {"shape": lengths}), old)
        self._view = self._filling = None
        note_write(self)

    def __setitem__(self, index: Any, value: Any) -> None:
        if type(index) not in FIXED:
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
