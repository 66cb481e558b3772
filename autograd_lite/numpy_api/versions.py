"""Versions: what a tensor was when something used it, whatever is written to it later.

A recorded value never changes: to write to a tensor makes it a new node, and what has used it goes
on with the version that it used.
"""

import weakref
from sys import getrefcount
from typing import Any, Self

from autograd_lite.core.backward import next_birth
from autograd_lite.core.hooks import Taps
from autograd_lite.core.node import Rare
from autograd_lite.numpy_api.conversions import Conversions

MOVE = "To move a parameter, write t.data = t.data - lr * t.grad.data, or take an optimiser"
"""What to write in place of ``t -= lr * t.grad``, and of ``t.data -= lr * t.grad``."""
last_write = 0
"""When a Tensor was last written to, on the clock that counts births."""
_held = (object(),)
ONE_HOLDER = getrefcount(_held[0])
"""How many references are counted to what one other object holds."""


class Versioned(Conversions):
    """A Tensor that what has used it knows by the version that it used."""

    __slots__ = ()

    # Whether there are views of this.
    _shared: Rare[bool] = Rare()
    # The array that entries are written into, and, for a version, before which write that was.
    _filling: Rare[Any] = Rare()
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


def note_write(t: Versioned) -> None:
    """Remember that a tensor has another value now, for all views of it."""
    global last_write
    last_write = next_birth()
    rare = t._rare = t._rare or {}  # Not through `_written`, which takes longer.
    rare["_written"] = last_write


def version_of(t: Versioned) -> Versioned:
    """Return what a tensor is now, for what uses it, whatever is written to the tensor later."""
    rare = t._rare or {}
    if "_version" in rare:
        known: Versioned = rare["_version"]
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


def turn_into(t: Versioned, new: Versioned, old: Versioned | None) -> None:
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


_FAR = 1000  # Nodes.


def let_go(t: Versioned, since: int) -> None:
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
            node._inputs = tuple([  # An array has no birth.
                x._version_before(birth) if getattr(x, "_birth", 0) > birth else x
                for x in node._inputs
            ])  # fmt: skip
        for x in node._inputs[::2]:
            if x is not None and x._birth > since and x not in seen:
                seen.add(x)
                waiting.append(x)
