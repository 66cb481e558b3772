"""What a tensor remembers of the call of a module that returned it."""

from __future__ import annotations

import functools
import weakref
from typing import Any, NamedTuple


class Card:
    """What a module is called, kept by its calls: the tensors that it returned outlive it.

    Attributes
    ----------
    module : weakref
        The module, as long as it is there: a tensor that held it could be held by it in turn.
    path : str
        Where it stands in the outermost module that was built with it; empty for that itself.
    kind : str
        The name of its class.
    """

    __slots__ = ("kind", "module", "path")

    def __init__(self, module: Any, path: str) -> None:
        self.module, self.path, self.kind = weakref.ref(module), path, type(module).__name__


class ModuleCall(NamedTuple):
    """One call of a module, kept by the tensors that it returned.

    Attributes
    ----------
    card : Card
        Of the module.
    since : int
        The birth from which on tensors were made in the call.
    inner : ModuleCall or None
        The call, inside this one, that returned the same tensor.
    """

    card: Card
    since: int
    inner: ModuleCall | None

    @property
    def module(self) -> weakref.ref[Any]:
        """The module, as `Card` has it."""
        return self.card.module

    @property
    def path(self) -> str:
        """Where the module stands, as `Card` has it."""
        return self.card.path

    @property
    def kind(self) -> str:
        """The name of the module's class, as `Card` has it."""
        return self.card.kind


call_of = functools.partial(tuple.__new__, ModuleCall)
"""``call_of((card, since, inner))`` is that `ModuleCall`, in a third of the time."""
