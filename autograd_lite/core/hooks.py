"""What happens to a cotangent that has arrived: hooks see it, and leaves add it up."""

import itertools
from _thread import allocate_lock  # To import threading takes a sixth of all that is imported.
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.core.arithmetic import astype
from autograd_lite.core.node import Node, leaf, new_tensor, record


def cast(tensor: Node, dtype: np.dtype[Any]) -> Any:
    """Record a conversion to another type."""
    return record(astype, (tensor,), {"dtype": dtype.name})


class Taps:
    """What looks at, or changes, the cotangent of one node as a backward pass comes by."""

    def __init__(self) -> None:
        self.hooks: dict[int, Callable[[Any], Any]] = {}
        self.retain = False

    def __bool__(self) -> bool:
        return self.retain or bool(self.hooks)  # Hooks are removed again.

    def __call__(self, node: Any, g: Any) -> Any:
        """Return what goes on from a node that a cotangent has arrived at."""
        recorded = isinstance(g, Node)
        for hook in list(self.hooks.values()):
            found = hook(g if recorded else leaf(g))
            if found is None:
                continue
            changed: Any = found if isinstance(found, Node) else new_tensor(found)
            if changed.dtype != node.dtype:
                changed = cast(changed, node.dtype)
            if changed.shape != node.shape:
                raise ValueError(
                    f"A hook on {node._label()} must return a gradient of shape {node.shape}, got "
                    f"{changed.shape}."
                )
            g = changed if recorded else changed._value()
        if self.retain:
            now = node._now() if node._now else None  # Written to since, or taken again.
            accumulate([(node if now is None else now, g)])
        return g


class HookHandle:
    """Takes a hook away again."""

    _numbers = itertools.count()

    def __init__(self, hooks: dict[int, Callable[[Any], Any]], hook: Callable[[Any], Any]) -> None:
        self._hooks, self._number = hooks, next(self._numbers)
        hooks[self._number] = hook

    def remove(self) -> None:
        """Remove the hook; doing it twice is harmless."""
        self._hooks.pop(self._number, None)


# NumPy lets other threads run while it adds large arrays: 4 threads that share a leaf lost two of
# three gradients.
adding = allocate_lock()


def accumulate(pairs: list[tuple[Any, Any]]) -> None:
    """Add cotangents that have arrived to the gradients of leaves."""
    adding.acquire()  # Threads may share a leaf, and each must find what the other added.
    try:  # `with` takes twice as long.
        for leaf, g in pairs:
            before = leaf._grad
            if before is None:
                leaf._grad = g
                if leaf._rare is not None and "_passes" in leaf._rare:
                    leaf._passes = None
            else:
                leaf._grad = before + g
                rare = leaf._rare = leaf._rare or {}  # Not through `_passes`, which takes longer.
                rare["_passes"] = rare.get("_passes", 1) + 1
    finally:
        adding.release()
