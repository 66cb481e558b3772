"""The backward pass of a Graph in plain NumPy, with room for a mistake made on purpose.

`sweep` in the engine is fast and cannot be told to err. This one can: an edge may have another
derivative than its rule, and a node another cotangent than the one that arrives. So a supposed
mistake is tested by making it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph import Graph, Node

Edge = tuple[str, int]
"""A node, and the position of one of its operands."""

Rule = Callable[[Any], Any]
"""What an edge does to the cotangent that arrives at its node."""


class Replay:
    """The gradients of one number by every node of its graph, and how a mistake changes them.

    Parameters
    ----------
    graph : Graph
        Of an output with a single entry.
    values : mapping of str to array, optional
        Other values of the nodes than the recorded ones, by identifier; all or none.
    given : mapping of str to array, optional
        Gradients that take the place of those that arrive at some nodes, by identifier.
    """

    def __init__(
        self,
        graph: Graph,
        values: Mapping[str, Any] | None = None,
        given: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self.graph = graph
        self._given = dict(given or {})
        self.values = dict(values or {node.id: node.value for node in graph})
        self.position = {node.id: i for i, node in enumerate(graph)}
        self._before: dict[str, dict[str, Any]] = {}
        self._behind: dict[str, frozenset[str]] = {}
        self.gradients = self._run({self._end.id: np.ones(np.shape(self.values[self._end.id]))})
        self.order = {node.id: self._completed(node) for node in graph}

    @property
    def _end(self) -> Node:
        return self.graph.outputs[0]

    def with_mistake(
        self,
        *,
        edges: Mapping[Edge, Rule] | None = None,
        nodes: Mapping[str, Rule] | None = None,
        stretched: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """Return all gradients, with other rules at some edges, and for what arrives at some nodes.

        Only what lies behind the mistake is computed again. If `stretched`, a column that has
        become a table stays one.
        """
        edges, nodes = edges or {}, nodes or {}
        first = max((*(e for e, _ in edges), *nodes), key=lambda key: self.position[key])
        if first not in self.gradients:
            return {}
        start = self.position[first]
        after = {k: g for k, g in self.gradients.items() if self.position[k] > start}
        return after | self._run(dict(self._before[first]), edges, nodes, start, stretched)

    def rule(self, edge: Edge, **other: Any) -> Rule:
        """Return the rule of an edge.

        Parameters
        ----------
        edge : tuple of str and int
            Which.
        **other
            ``y``: another output for the rule to see; ``operands``: others, by position.
        """
        node = self.graph[edge[0]]
        operands = [self.values[x] for x in node.operands]
        for i, value in other.get("operands", {}).items():
            operands[i] = value
        y = other.get("y", self.values[node.id])
        made = node.primitive.rules[edge[1]]
        return lambda g: made(g, y, *operands, **node.parameters)

    def slope(self, edge: Edge) -> Any:
        """Return the local derivative of an operation on each number by itself; else None."""
        node = self.graph[edge[0]]
        one = np.ones(np.shape(self.values[node.id]))
        slope = np.asarray(self.rule(edge)(one))
        return slope if slope.shape == np.shape(self.values[node.operands[edge[1]]]) else None

    def edges(self) -> list[Edge]:
        """List the edges along which a gradient flows, from the end backwards."""
        found = []
        for node in reversed(self.graph.nodes):
            if node.primitive is None or node.id not in self.gradients:
                continue
            for i, x in enumerate(node.operands):
                if self.graph[x].requires_grad and node.primitive.rules[i] is not None:
                    found.append((node.id, i))
        return found

    def behind(self, key: str) -> frozenset[str]:
        """Return the identifiers of a node and of everything that it was computed from."""
        if key not in self._behind:
            found, waiting = {key}, [key]
            while waiting:
                for x in self.graph[waiting.pop()].operands:
                    if x not in found:
                        found.add(x)
                        waiting.append(x)
            self._behind[key] = frozenset(found)
        return self._behind[key]

    def _run(
        self,
        arriving: dict[str, Any],
        edges: Mapping[Edge, Rule] | None = None,
        nodes: Mapping[str, Rule] | None = None,
        start: int | None = None,
        stretched: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """Go backwards from a position."""
        true = edges is None
        edges, nodes = edges or {}, nodes or {}
        last = len(self.graph) - 1 if start is None else start
        found: dict[str, NDArray[Any]] = {}
        lost: set[str] = set()
        for node in reversed(self.graph.nodes[: last + 1]):
            if node.id not in arriving or node.id in lost:
                continue
            if true:
                self._before[node.id] = dict(arriving)
            g = arriving.pop(node.id)
            g = self._given.get(node.id, g)
            if node.id in nodes:
                g = nodes[node.id](g)
            found[node.id] = np.asarray(g)
            if node.primitive is None:
                continue
            for i, x in enumerate(node.operands):
                if not self.graph[x].requires_grad or node.primitive.rules[i] is None:
                    continue
                rule = edges.get((node.id, i)) or self.rule((node.id, i))
                try:
                    gx = unbroadcast(rule(g), np.shape(self.values[x]), stretched)
                    arriving[x] = arriving[x] + gx if x in arriving else gx
                except ValueError:
                    if true:
                        raise
                    lost.add(x)  # With the mistake, shapes do not fit here; elsewhere they may.
        return found

    def _completed(self, node: Node) -> float:
        """Return when the gradient of a node is complete, counted from the end of the graph.

        That of a leaf is when its earliest use has been passed, wherever the leaf was made.
        """
        if node.primitive is not None:
            return float(self.position[node.id])
        uses = [self.position[other.id] for other in self.graph.consumers(node)]
        return min(uses, default=0) - 0.5


def recompute_all(graph: Graph, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all nodes, computed again with other values at some."""
    values: dict[str, Any] = {}
    for node in graph:
        if node.id in changes:
            values[node.id] = changes[node.id]
        elif node.primitive is None:
            values[node.id] = node.value
        else:
            operands: Sequence[Any] = [values[x] for x in node.operands]
            values[node.id] = node.primitive.forward(*operands, **node.parameters)
    return values


def unbroadcast(g: Any, shape: tuple[int, ...], stretched: bool = False) -> Any:
    """Sum over what broadcasting stretched; leave alone what does not come from broadcasting."""
    g = np.asarray(g)
    extra = g.ndim - len(shape)
    if g.shape == shape or extra < 0:
        return g
    if any(n not in (1, m) for n, m in zip(shape, g.shape[extra:], strict=True)):
        return g
    axes = tuple(range(extra))
    if not stretched:
        axes += tuple(i for i in range(extra, g.ndim) if shape[i - extra] == 1 != g.shape[i])
    summed = g.sum(axis=axes)
    return summed if stretched else summed.reshape(shape)
