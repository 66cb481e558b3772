"""The backward pass of a Graph in plain NumPy, with room for a mistake made on purpose.

An edge may have another derivative than its rule, and a node another cotangent than the one that
arrives. So a supposed mistake is tested by making it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.backward import of_kind, unbroadcast
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.walk import walk

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
        self._parts: dict[Edge, Any] = {}
        self._behind: dict[str, frozenset[str]] = {}
        self.gradients = self._run(self._apply)
        self.order = {node.id: self._completed(node) for node in graph}

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

        def apply(node: Node, i: int, g: Any) -> Any:
            if self.position[node.id] > self.position[first]:
                return self._parts[node.id, i]
            try:
                return self._sent((node.id, i), g, edges.get((node.id, i)), stretched)
            except ValueError:  # With the mistake, shapes do not fit here; elsewhere they may.
                return None

        return self._run(apply, add=_sum_or_none, nodes=nodes)

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
        assert node.primitive is not None  # It has operands.
        made = node.primitive.rules[edge[1]]
        return lambda g: made(g, y, *operands, **node.parameters)

    def edges(self) -> list[Edge]:
        """List the edges along which a gradient flows, from the end backwards."""
        return list(self._parts)

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
        apply: Callable[[Node, int, Any], Any],
        add: Callable[[Any, Any], Any] = operator.add,
        nodes: Mapping[str, Rule] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Go backwards; None arrives where a mistake leaves no gradient."""
        found: dict[str, NDArray[Any]] = {}

        def visit(node: Node, g: Any) -> Any:
            if g is not None:
                g = self._given.get(node.id, g)
                if nodes and node.id in nodes:
                    g = nodes[node.id](g)
                found[node.id] = np.asarray(g)
            return g

        end = self.graph.outputs[0].id
        walk(self.graph, {end: np.ones(np.shape(self.values[end]))}, apply, add=add, visit=visit)
        return found

    def _apply(self, node: Node, i: int, g: Any) -> Any:
        """Return what a node sends to its operand `i`, and keep it."""
        part = self._parts[node.id, i] = self._sent((node.id, i), g)
        return part

    def _sent(self, edge: Edge, g: Any, rule: Rule | None = None, stretched: bool = False) -> Any:
        """Return what is sent along an edge; what does not come from broadcasting, as it is."""
        sent = np.asarray((rule or self.rule(edge))(g))
        operand = np.asarray(self.values[self.graph[edge[0]].operands[edge[1]]])
        sent, shape = of_kind(sent, operand.dtype), operand.shape
        try:
            fitted = unbroadcast(sent, shape)
        except ValueError:
            return sent
        return unbroadcast(sent, sent.shape[sent.ndim - len(shape) :]) if stretched else fitted

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


def _sum_or_none(a: Any, b: Any) -> Any:
    try:
        return None if a is None or b is None else a + b
    except ValueError:
        return None
