"""What the user calls the values of a computation."""

from collections.abc import Container, Mapping
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph import Graph, arrays_in, names_in
from autograd_lite.graph.variables import name_of_copy
from autograd_lite.tensor import Tensor


def split(names: Mapping[str, Any] | None) -> tuple[dict[str, Tensor], dict[str, NDArray[Any]]]:
    """Sort the names that were given to `draw` into those of tensors and those of arrays."""
    if not isinstance(names, Mapping | None):
        raise TypeError(
            f"names must map names to tensors, as in names={{'loss': loss}}; got "
            f"{type(names).__name__}."
        )
    tensors, arrays = {}, {}
    for name, value in (names or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"names: a name is text, got {name!r} of type {type(name).__name__}.")
        if isinstance(value, Tensor):
            tensors[name] = value
        elif isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            raise TypeError(
                f"names[{name!r}] must be a Tensor or an array, got {type(value).__name__}."
            )
    return tensors, arrays


def from_frame(
    frame: FrameType | None, taken: Container[str]
) -> tuple[dict[str, Tensor], dict[str, NDArray[Any]]]:
    """Return the tensors and the arrays that variables are bound to, but for some names."""
    tensors = {name: x for name, x in names_in(frame).items() if name not in taken}
    return tensors, {name: x for name, x in arrays_in(frame).items() if name not in taken}


def by_node(
    graph: Graph, tensors: Mapping[str, Tensor], *arrays: Mapping[str, NDArray[Any]]
) -> dict[str, str]:
    """Name the nodes of a graph, by identifier.

    Names that are given here come before those that the graph knows. A node that shows a copy of
    an array (every bare operand is one) is called like the one array that has the same entries,
    in the first of the mappings that has it.
    """
    called: dict[int, str] = {}
    for name, tensor in tensors.items():
        called.setdefault(id(tensor), name)
    names: dict[str, str] = {}
    at = {id(node.tensor): node.id for node in graph if node.tensor is not None}
    for node in graph:
        known = called.get(id(node.tensor)) or node.name
        if not known and node.kind in ("constant", "input") and np.ndim(node.value):
            known = next(filter(None, (name_of_copy(node.value, a) for a in arrays)), None)
        if known:
            names[node.id] = known
    for node in graph:  # After backward(create_graph=True), a gradient may be in the graph.
        grad = None if node.tensor is None or node.tensor._grad is None else node.tensor.grad
        if grad is not None and id(grad) in at:
            names.setdefault(at[id(grad)], f"∂L/∂{names.get(node.id, node.id)}")
    return names
