"""The backward pass of a Graph in plain NumPy, with room for a mistake made on purpose.

An edge may have another derivative than its rule, and a node another cotangent than the one that
arrives. So a supposed mistake is tested by making it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.core.backward import of_kind, unbroadcast
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.nodes import Nodes
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
    operands : mapping of edge to array, optional
        Other operands than the nodes' values, in some operations alone.
    ties : {"shared", "first", "all"}
        Of several largest entries, each gets a share of the gradient; or the first all of it, as
        with ``argmax``; or each all of it, as with ``x == max``. Behind a relu, the right gradient
        is the same; a wrong one is not.
    shifts : bool
        Whether what comes back to a maximum that was subtracted goes on: of a right gradient,
        nothing but rounding does; of a wrong one, as much as the person has let through.

    Attributes
    ----------
    gradients : dict of str to array
        What arrives at every node, by identifier.
    parts : dict of tuple to array
        What is sent along every edge.
    order : dict of str to float
        When the gradient of a node is complete, counted from the end of the graph.
    has_shifts : bool
        Whether a maximum is subtracted somewhere.
    """

    def __init__(
        self,
        graph: Graph,
        values: Mapping[str, Any] | None = None,
        given: Mapping[str, NDArray[Any]] | None = None,
        operands: Mapping[Edge, Any] | None = None,
        *,
        ties: str = "shared",
        shifts: bool = False,
    ) -> None:
        self.graph = graph
        self._operands = dict(operands or {})
        self.ties, self.shifts = ties, shifts
        self.given = dict(given or {})
        self.values = dict(values or {node.id: node.value for node in graph})
        self.position = {node.id: i for i, node in enumerate(graph)}
        self.parts: dict[Edge, Any] = {}
        self.known: dict[Any, Any] = {}  # What was found in it.
        self._behind: dict[str, frozenset[str]] = {}
        self._rules: dict[Edge, Rule] = {}
        self._compiled: list[Any] | None = None
        self._tangents: dict[str, Sequence[tuple[NDArray[Any], dict[str, NDArray[Any]]]]] = {}
        self._silent: set[Edge] = set()
        self._leaves = {node.id for node in graph if node.primitive is None}
        self.gradients = self._run(self._apply)
        silent = {edge for edge in self.parts if self._is_silent(edge)}
        self.has_shifts, self._silent = bool(silent), set() if shifts else silent
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
                return self.parts[node.id, i]
            try:
                return self.sent((node.id, i), g, edges.get((node.id, i)), stretched)
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
        operands = [
            self._operands.get((node.id, i), self.values[x]) for i, x in enumerate(node.operands)
        ]
        for i, value in other.get("operands", {}).items():
            operands[i] = np.asarray(value)
        y = other.get("y", self.values[node.id])
        assert node.primitive is not None  # It has operands.
        made = node.primitive.rules[edge[1]]
        if self.ties != "shared" and node.primitive in (ops.max, ops.min):
            made = functools.partial(_to_the_largest, first=self.ties == "first")

        usual = None if other else np.shape(y)

        def rule(g: Any) -> Any:
            if np.shape(g) != usual:
                _check_broadcast(g, y, *operands)
            return made(g, y, *operands, **node.parameters)

        return rule

    def _rule(self, edge: Edge) -> Rule:
        """Return the rule of an edge, made once."""
        if edge not in self._rules:
            self._rules[edge] = self.rule(edge)
        return self._rules[edge]

    @property
    def has_ties(self) -> bool:
        """Whether a maximum or a minimum has several entries to choose from."""
        return any(
            (self.parts[node.id, 0] != 0).sum() > np.count_nonzero(self.gradients[node.id])
            for node in self.graph
            if node.primitive in (ops.max, ops.min) and (node.id, 0) in self.parts
        )

    def total(self, edges: Sequence[Edge]) -> Any:
        """Return all that is sent along some edges, to one node."""
        return sum((np.asarray(self.parts[edge]) for edge in edges[1:]), self.parts[edges[0]])

    def operand(self, edge: Edge) -> str:
        """Return the identifier of the node that an edge goes back to."""
        return self.graph[edge[0]].operands[edge[1]]

    def users(self, key: str) -> Sequence[Node]:
        """Return the operations that use a node; an empty sequence if it is not in the graph."""
        return self.graph.consumers(self.graph[key]) if key in self.values else ()

    def edges(self) -> list[Edge]:
        """List the edges along which a gradient flows, from the end backwards."""
        return list(self.parts)

    @property
    def uses(self) -> list[int]:
        """How many times each parameter is used, for those that are used several times."""
        counts = [
            sum(other.operands.count(node.id) for other in self.graph.consumers(node))
            for node in self.graph
            if node.kind == "parameter"
        ]
        return sorted({n for n in counts if n > 1})

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

    def tangents(self, key: str) -> Sequence[tuple[NDArray[Any], dict[str, NDArray[Any]]]]:
        """Return, for two random directions at a node, how all values move along each.

        A gradient is linear in every cotangent on the way to it. So what another cotangent at a
        node would add to the gradient at `key`, along a direction, is one scalar product of that
        cotangent with how the node moves: thousands of mistakes are ruled out for one pass each
        way. Central differences are good enough for that.
        """
        if key not in self._tangents:
            rng = np.random.default_rng([self.position[key], 1])  # Data may come from rng(0).
            directions = [rng.normal(size=np.shape(self.values[key])) for _ in range(2)]
            self._tangents[key] = [(u, self._moved(key, u)) for u in directions]
        return self._tangents[key]

    def _moved(self, key: str, direction: NDArray[Any]) -> dict[str, NDArray[Any]]:
        moved: dict[str, Any] = {key: direction}
        for node in self.graph:
            moves = [
                None if (node.id, i) in self._silent else moved.get(x)
                for i, x in enumerate(node.operands)
            ]
            if node.id in moved or node.id in self.given or all(m is None for m in moves):
                continue
            assert node.primitive is not None  # It has operands.
            moved[node.id] = _along(node, [self.values[x] for x in node.operands], moves)
        return moved

    def added(self, key: str, cotangent: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return what a cotangent that arrives at a node besides adds to every gradient."""
        arrived: dict[str, NDArray[Any]] = {key: cotangent}
        self._send(arrived, lambda node, i, g: self.sent((node.id, i), g), operator.add, key)
        return arrived

    def rerun(self, rules: Mapping[Edge, Callable[[Any, Any], Any]], only: str) -> dict[str, Any]:
        """Return gradients of a pass with other rules at many edges, as fast as can be.

        Those of inner nodes, and of a single leaf: the others are half of the work.
        A rule gets what arrives at its node, and all that has arrived so far, by identifier.
        """
        if self._compiled is None:
            self._compiled = self._compile()
        end = self.graph.outputs[0].id
        arrived: dict[str, Any] = {end: np.ones(np.shape(self.values[end]))}
        for key, edges in self._compiled:
            g = arrived.get(key)
            if g is None:
                continue
            if key in self.given:
                g = arrived[key] = self.given[key]
            for edge, x, shape, rule in edges:
                other = rules.get(edge)
                if edge in self._silent or (x in self._leaves and x != only):
                    continue
                part = rule(g) if other is None else other(g, arrived)
                if np.shape(part) != shape:
                    part = unbroadcast(np.asarray(part), shape)
                arrived[x] = arrived[x] + part if x in arrived else part
        return arrived

    def _compile(self) -> list[tuple[str, list[tuple[Edge, str, tuple[int, ...], Rule]]]]:
        steps: dict[str, list[tuple[Edge, str, tuple[int, ...], Rule]]] = {}
        for edge in self.parts:
            x = self.operand(edge)
            made = (edge, x, np.shape(self.values[x]), self.rule(edge))
            steps.setdefault(edge[0], []).append(made)
        return list(steps.items())

    def _run(
        self,
        apply: Callable[[Node, int, Any], Any],
        add: Callable[[Any, Any], Any] = operator.add,
        nodes: Mapping[str, Rule] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Go backwards; None arrives where a mistake leaves no gradient."""
        found: dict[str, NDArray[Any]] = {}
        lost: set[str] = set()

        def visit(node: Node, g: Any) -> Any:
            if g is None:
                lost.update(self.behind(node.id))
            else:
                g = self.given.get(node.id, g)
                if nodes and node.id in nodes:
                    g = nodes[node.id](g)
                found[node.id] = np.asarray(g)
            return g

        end = self.graph.outputs[0].id
        walk(self.graph, {end: np.ones(np.shape(self.values[end]))}, apply, add=add, visit=visit)
        return {key: g for key, g in found.items() if key not in lost}

    def _send(
        self,
        arrived: dict[str, Any],
        apply: Callable[[Node, int, Any], Any],
        add: Callable[[Any, Any], Any],
        start: str,
    ) -> None:
        """Go backwards from one node; what arrives at a gradient that is given, stays there."""

        def visit(node: Node, g: Any) -> Any:
            return None if node.id in self.given and node.id != start else g

        walk(self.graph[: self.position[start] + 1], arrived, apply, add=add, visit=visit)

    def _apply(self, node: Node, i: int, g: Any) -> Any:
        """Return what a node sends to its operand `i`, and keep it."""
        part = self.parts[node.id, i] = self.sent((node.id, i), g)
        return part

    def sent(self, edge: Edge, g: Any, rule: Rule | None = None, stretched: bool = False) -> Any:
        """Return what is sent along an edge; what does not come from broadcasting, as it is."""
        if rule:
            _check_broadcast(g, self.values[edge[0]])
        sent = np.asarray((rule or self._rule(edge))(g))
        if edge in self._silent:
            sent = np.zeros_like(sent)
        operand = np.asarray(self.values[self.operand(edge)])
        sent, shape = of_kind(sent, operand.dtype), operand.shape
        try:
            fitted = unbroadcast(sent, shape)
        except ValueError:
            return sent
        return unbroadcast(sent, sent.shape[sent.ndim - len(shape) :]) if stretched else fitted

    def _is_silent(self, edge: Edge) -> bool:
        """Return whether nothing but rounding comes back to a maximum that was subtracted."""
        node = self.graph[edge[0]]
        if edge[1] != 1 or not is_shifted(self.graph, node):
            return False
        size = np.abs(self.gradients[node.id]).max(initial=0.0)
        return bool(np.abs(self.parts[edge]).max(initial=0.0) <= 1e-6 * size)

    def _completed(self, node: Node) -> float:
        """Return when the gradient of a node is complete, counted from the end of the graph.

        That of a leaf is when its earliest use has been passed, wherever the leaf was made.
        """
        if node.primitive is not None:
            return float(self.position[node.id])
        uses = [self.position[other.id] for other in self.graph.consumers(node)]
        return min(uses, default=0) - 0.5


MOST_BROADCAST = 10_000_000
"""How many entries arrays may broadcast to by mistake: a row and a column become a table."""


def _check_broadcast(*arrays: Any) -> None:
    """Raise ValueError if arrays broadcast to more entries than there is room for."""
    shapes = set(map(np.shape, arrays))
    if math.prod(map(math.prod, shapes)) <= MOST_BROADCAST:  # Whatever they broadcast to.
        return
    try:
        size = math.prod(np.broadcast_shapes(*shapes))
    except ValueError:  # They do not go together: as in a matrix product.
        return
    if size > MOST_BROADCAST and size > max(map(math.prod, shapes)):
        raise ValueError(
            f"Arrays of shapes {shapes} broadcast to {size:,} entries; a mistake is tried with "
            f"{MOST_BROADCAST:,} at most."
        )


STILL = 1e-13
"""How little a tensor moves, relative to what moves it, that stays where it is but for rounding."""


def _along(node: Node, operands: Sequence[Any], moves: Sequence[Any]) -> NDArray[Any]:
    """Return how a result moves with its operands, of which some stay where they are: None."""
    primitive = node.primitive
    assert primitive is not None  # It has operands.
    pairs = [(x, m) for x, m in zip(operands, moves, strict=True) if m is not None]
    most = max(np.max(np.abs(m) / np.fmax(1.0, np.abs(x)), initial=0.0) for x, m in pairs)
    if not most:
        return np.zeros(node.shape)

    def moved_by(h: complex) -> Any:
        sides = (x if m is None else x + h * m for x, m in zip(operands, moves, strict=True))
        return primitive.forward(*sides, **node.parameters)

    gap = None
    if primitive.analytic:
        with contextlib.suppress(TypeError, ValueError):
            gap = np.imag(moved_by(TINY * 1j)) / TINY
    if gap is None:
        h = 1e-5 / most
        gap = np.asarray(moved_by(h) - moved_by(-h)) / (2 * h)
    size = most * np.fmax(1.0, np.abs(node.value))  # Entry by entry: some may be masked by -1e30.
    still = (np.abs(gap) <= STILL * size).all()  # As behind a batch norm.
    return np.zeros(node.shape) if still else np.asarray(gap)


TINY = 1e-30
"""An imaginary step that changes no digit of the real part."""


def _to_the_largest(
    g: Any, y: Any, x: Any, *, first: bool, axis: Any = None, keepdims: bool = False
) -> Any:
    """Return what a maximum sends back if each largest entry gets all of it, or the first."""
    x = np.asarray(x)
    axes = tuple(range(x.ndim)) if axis is None else np.atleast_1d(axis)
    if not keepdims:
        y, g = (np.expand_dims(a, tuple(axes)) for a in (y, g))
    if not first:
        return g * (x == y)
    last = [k - x.ndim for k in range(len(axes) and x.ndim - len(axes), x.ndim)]
    chosen = np.moveaxis(np.equal(x, y), tuple(axes), last)
    rows = chosen.reshape(*chosen.shape[: x.ndim - len(axes)], -1)
    one = (rows.cumsum(-1) == 1) & rows
    return g * np.moveaxis(one.reshape(chosen.shape), last, tuple(axes))


def is_shifted(graph: Graph, node: Node) -> bool:
    """Return whether a node is ``x - max(x)``, from which nothing comes back to the maximum.

    It is there against overflow, in a softmax say. What differs by a shift gives the same result.
    """
    if node.primitive is not ops.subtract:
        return False
    x, largest = graph.operands(node)
    return largest.primitive is ops.max and largest.operands[0] == x.id


def merged(graph: Graph, kept: Collection[str | None]) -> Graph:
    """Return a graph in which what is written twice is computed once, as in ``e / np.sum(e)``.

    On paper it is one thing, with one derivative. What has a name, or is in `kept`, stays; so does
    what a loop may compute again of parameters alone, as ``W.T``, and what is a number.
    """
    first: dict[Any, Node] = {}
    at: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph:
        operands = tuple(at.get(key, key) for key in node.operands)
        inner = any(graph[key].kind != "parameter" and graph[key].shape for key in operands)
        plain = node.kind == "constant" and not node.shape
        value = np.asarray(node.value)
        if (inner or plain) and value.size <= MOST_ENTRIES:
            key = node.primitive, operands, value.shape, value.dtype.str, value.tobytes()
            twin = first.setdefault(key, node)
            alike = repr(twin.parameters) == repr(node.parameters)
            if twin is not node and alike and node.name is None and node.id not in kept:
                at[node.id] = twin.id
                continue
        nodes.append(node if operands == node.operands else replace(node, operands=operands))
    return with_nodes(graph, nodes, [at.get(x.id, x.id) for x in graph.outputs])


def negatives_last(graph: Graph) -> Graph:
    """Return a graph with ``-(x @ w + b)`` for ``-x @ w - b`` inside an exponential: the same."""
    nodes: list[Node] = []
    plain: dict[str, str] = {}  # Of what something is the negative, by identifiers.

    def is_power(node: Node) -> bool:
        users = graph.consumers(node)
        return bool(users) and all(
            user.primitive is ops.exp
            or (user.primitive is ops.subtract and user.operands[0] == node.id and is_power(user))
            for user in users
        )

    for given in graph:
        node, kind = given, given.primitive
        if kind in (ops.matmul, ops.subtract) and node.operands[0] in plain and is_power(node):
            operands = plain[node.operands[0]], *node.operands[1:]
            kind = ops.add if kind is ops.subtract else kind
            other = replace(node, id=f"{node.id}+", name=None, primitive=kind, operands=operands)
            nodes.append(replace(other, value=-np.asarray(node.value)))
            node = replace(node, primitive=ops.negative, operands=(other.id,), parameters={})
        elif node.kind == "constant" and (node.name or "").startswith("-"):
            name, value = (node.name or "")[1:], -np.asarray(node.value)
            nodes.append(replace(node, id=f"{node.id}+", name=name, value=value))
            plain[node.id] = f"{node.id}+"
        if node.primitive is ops.negative and node.name is None:
            plain[node.id] = node.operands[0]
        nodes.append(node)
    used = {key for node in nodes for key in node.operands}
    ends = {node.id for node in graph if not graph.consumers(node)}
    left = [node for node in nodes if node.id in used | ends]
    return with_nodes(graph, left) if len(nodes) > len(graph) else graph


def part_of(graph: Graph, end: Node) -> Graph:
    """Return the graph of what a node was computed from."""
    inside = {end.id}
    for node in reversed(graph):
        inside.update(node.operands if node.id in inside else ())
    return with_nodes(graph, [node for node in graph if node.id in inside], [end.id])


def with_nodes(graph: Graph, nodes: list[Node], outputs: Sequence[str] = ()) -> Graph:
    """Return a graph that has other nodes, and by default the same outputs."""
    new = copy.copy(graph)
    Nodes.__init__(new, nodes, outputs or [x.id for x in graph.outputs], graph.held)
    return new


MOST_ENTRIES = 100_000
"""Of how many entries an array is compared with others."""


def recompute_all(
    graph: Graph, changes: Mapping[str, Any], operands: Mapping[Edge, Any] | None = None
) -> dict[str, Any]:
    """Return the values of all nodes, computed again with other values or operands at some."""
    others = operands or {}
    values: dict[str, Any] = {}
    for node in graph:
        if node.id in changes:
            values[node.id] = changes[node.id]
        elif node.primitive is None:
            values[node.id] = node.value
        else:
            used = [others.get((node.id, i), values[x]) for i, x in enumerate(node.operands)]
            values[node.id] = node.primitive.forward(*used, **node.parameters)
    return values


def recomputed(
    graph: Graph, leaf: Callable[[Any], Any], result: Callable[[Any], Any]
) -> dict[str, Any]:
    """Return the values of all nodes, computed once more of other floating-point numbers."""
    values: dict[str, Any] = {}
    for node in graph:
        value, change = node.value, leaf
        if node.primitive is not None:
            value = node.primitive.forward(*(values[x] for x in node.operands), **node.parameters)
            change = result
        values[node.id] = change(value) if np.asarray(value).dtype.kind == "f" else value
    return values


def in_double(graph: Graph) -> Graph:
    """Return a graph with its values computed once more, of the same numbers, in float64."""
    if not any(str(x.dtype) in SHORT for node in graph if (x := np.asarray(node.value)).size):
        return graph
    values = recomputed(graph, lambda value: np.asarray(value, float)[()], lambda value: value)
    return with_nodes(graph, [replace(x, value=values[x.id]) for x in graph])


SHORT = ("float16", "float32")
"""Types with fewer digits than float64."""


def _sum_or_none(a: Any, b: Any) -> Any:
    try:
        return None if a is None or b is None else a + b
    except ValueError:
        return None
