"""A module as a function of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor

Array = NDArray[Any]


def with_parameters(
    module: Module, arrays: list[Array], names: list[str]
) -> tuple[Callable[..., Any], list[Array], list[str]]:
    """Return a module as a function of its inputs and its parameters."""
    parameters = module.named_parameters()
    count = len(arrays)

    def call(*values: Any) -> Any:
        replacing = {id(p): x for (_, p), x in zip(parameters, values[count:], strict=True)}
        with _replaced(module, replacing):
            return module(*values[:count])

    call.__name__ = type(module).__name__
    own = [np.array(p.data, dtype=np.float64) for _, p in parameters]
    return call, arrays + own, names + [f"parameter {path}" for path, _ in parameters]


@contextmanager
def _replaced(module: Module, replacing: dict[int, Any]) -> Iterator[None]:
    """Put other tensors in the place of a module's parameters, for a while."""
    places = [place for place in _places(module, set()) if id(place[2]) in replacing]
    try:
        for holder, key, tensor in places:
            holder[key] = replacing[id(tensor)]
        yield
    finally:
        for holder, key, tensor in places:
            holder[key] = tensor


def _places(value: Any, seen: set[int]) -> Iterator[tuple[Any, Any, Tensor]]:
    """Yield where in a module tensors stand: the container, the key, and the tensor."""
    if id(value) in seen:
        return
    seen.add(id(value))
    holder = vars(value) if isinstance(value, Module) else value
    if isinstance(holder, dict):
        items = list(holder.items())
    elif isinstance(holder, list | tuple):
        items = list(enumerate(holder))
    else:
        return
    for key, part in items:
        if isinstance(part, Tensor):
            if isinstance(holder, tuple) and part.requires_grad:
                raise TypeError("gradcheck cannot vary parameters in a tuple. Make it a list.")
            yield holder, key, part
        else:
            yield from _places(part, seen)
