"""What a tensor remembers of the module call that returned it."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple


class Card:
    """Which module it is: what its calls keep of it, since their results may outlive it.

    - `module`: the module, while it exists. The module may hold a result that remembers the call,
      so a strong reference would be a cycle.
    - `path`: its path in the outermost module that was built with it; empty for that one.
    - `kind`: the name of its class.
    """

    __slots__ = ("kind", "module", "path")

    def __init__(self, module: Any, path: str) -> None:
        self.module, self.path, self.kind = weakref.ref(module), path, type(module).__name__


class ModuleCall(NamedTuple):
    """One call of a module.

    A tensor keeps the plain tuple, which takes a third of the time to make: read it with
    ``ModuleCall(*tensor._call)``.

    - `since`: tensors that were made in the call were born after this.
    - `inner`: the call, inside this one, that returned the same tensor.
    """

    card: Card
    since: int
    inner: tuple[Any, ...] | None
