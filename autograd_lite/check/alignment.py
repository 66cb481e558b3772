"""Which gradient by hand is whose: by name, by tensor, by position, by attribute."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph import Graph, Node
from autograd_lite.tensor import Tensor

Aligned = list[tuple[Node, str, NDArray[Any]]]
"""Node, what it is called, its gradient by hand."""

SPELLINGS = ("{}_grad", "grad_{}", "d_{}", "d{}", "{}")
"""Names of an attribute that holds the gradient of something, the clearest first."""


def align(graph: Graph, by_hand: Any) -> Aligned:
    """Return the nodes that gradients by hand belong to.

    Parameters
    ----------
    graph : Graph
        Of the loss.
    by_hand : mapping, sequence, array, callable or object
        See `compare`.
    """
    if inspect.isroutine(by_hand) or isinstance(by_hand, functools.partial):
        by_hand = _called(graph, by_hand)
    if isinstance(by_hand, Mapping):
        pairs = list(by_hand.items())
    elif isinstance(by_hand, list | tuple):
        pairs = _by_position(graph, by_hand)
    elif isinstance(by_hand, np.ndarray | np.generic | float | int | Tensor):
        pairs = _by_position(graph, [by_hand])
    else:
        pairs = _by_attribute(graph, by_hand)
    if not pairs:
        raise ValueError("compare needs at least one gradient by hand, got none.")
    found = []
    for key, gradient in pairs:
        node = _parameters(graph)[key] if isinstance(key, int) else graph.find(key)
        name = key if isinstance(key, str) else node.label
        found.append((node, name, _array(gradient, name)))
    return found


def _array(gradient: Any, name: str) -> NDArray[Any]:
    array = np.asarray(gradient.data if isinstance(gradient, Tensor) else gradient)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"compare: the gradient of {name} by hand is {gradient!r}, which is not an array of "
            f"real numbers."
        )
    return array if array.dtype.kind == "f" else array.astype(float)


def _parameters(graph: Graph) -> list[Node]:
    return [node for node in graph if node.kind == "parameter"]


def _by_position(graph: Graph, gradients: Any) -> list[tuple[Any, Any]]:
    """Pair gradients with the parameters, in the order in which these were made."""
    names = [node.label for node in _parameters(graph)]
    if len(gradients) != len(names):
        raise ValueError(
            f"compare: by position there must be one gradient for every parameter, in their "
            f"order: {', '.join(names)}. Got {len(gradients)}; leave one out with None, or give a "
            f"dict."
        )
    return [(i, gradient) for i, gradient in enumerate(gradients) if gradient is not None]


def _called(graph: Graph, by_hand: Callable[..., Any]) -> Any:
    """Call a function with the values of the tensors that its parameters are called after."""
    arguments = {}
    for name, parameter in inspect.signature(by_hand).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        known = [node for node in graph if node.name in (name, name.replace("_", "."))]
        if len(known) == 1:
            arguments[name] = np.array(known[0].value)
        elif parameter.default is parameter.empty:
            names = ", ".join(dict.fromkeys(node.name for node in graph if node.name))
            raise TypeError(
                f"compare: {getattr(by_hand, '__name__', 'by_hand')} takes {name!r}, which is "
                f"no name of a tensor of the graph. Names in it: {names or 'none'}."
            )
    return by_hand(**arguments)


def _by_attribute(graph: Graph, thing: Any) -> list[tuple[Any, Any]]:
    """Pair the attributes of an object with the tensors that they are called after."""
    found: list[tuple[Any, Any]] = []
    for node in graph:
        if not node.name or not node.requires_grad:
            continue
        *path, last = node.name.split(".")
        for words in ([*path, last], ["_".join([*path, last])]):
            *outer, inner = words
            owner = thing
            for part in outer:
                owner = getattr(owner, part, None)
            value = next(
                (
                    getattr(owner, spelling.format(inner))
                    for spelling in SPELLINGS
                    if hasattr(owner, spelling.format(inner))
                ),
                None,
            )
            if value is not None and not callable(value):
                found.append((node.name, value))
                break
    if not found:
        names = ", ".join(dict.fromkeys(node.name for node in graph if node.name))
        raise TypeError(
            f"compare: {type(thing).__name__} has no attribute that is called after a tensor of "
            f"the graph ({names or 'which has no names'}). For a tensor w, one of "
            f"{', '.join(spelling.format('w') for spelling in SPELLINGS)} is looked for."
        )
    return found
