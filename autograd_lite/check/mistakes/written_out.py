"""Activations that are written out, as ``1 / (1 + np.exp(-z))``: found by their values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.registry import Array, remembered, same
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Node


def silu(x: Any) -> Any:
    """Return ``x * sigmoid(x)``, also called swish."""
    return x * ops.sigmoid.forward(x)


def _through_silu(g: Any, y: Any, x: Any) -> Any:
    gate = ops.sigmoid.forward(x)
    return g * (gate + y * (1 - gate))


SILU = Primitive(silu, {"x": _through_silu})


def softsign(x: Any) -> Any:
    """Return ``x / (1 + abs(x))``."""
    return x / (1 + np.abs(x))


SOFTSIGN = Primitive(softsign, {"x": lambda g, y, x: g * (1 - abs(y)) / (1 + abs(x))})

KNOWN = (ops.sigmoid, ops.tanh, ops.softplus, SILU, SOFTSIGN)
"""What is looked for. A relu is a single operation, however it is written."""

LONGEST = 12
"""Of how many operations one may consist."""


@dataclass(frozen=True, eq=False)
class WrittenOut:
    """Several operations that are, together, one activation, from `operand` to `node`.

    On the way back, its first edge is `edge`; with the rules for the `others`, all that this gives
    arrives at the operand.
    """

    primitive: Primitive
    operand: Node
    node: Node
    edge: Edge
    others: dict[Edge, Rule]


@remembered
def written_out(replay: Replay) -> Iterator[WrittenOut]:
    """Return all of them, the last one first."""
    nodes = [node for node in replay.graph if node.id in replay.gradients]
    for i, node in reversed(list(enumerate(nodes))):
        if node.primitive is None or node.primitive in KNOWN:
            continue
        for operand in nodes[max(0, i - LONGEST) : i]:
            if operand.id in replay.behind(node.id):
                x, y = (np.asarray(replay.values[key]) for key in (operand.id, node.id))
                for primitive in KNOWN:
                    real = x.dtype.kind == y.dtype.kind == "f"
                    if real and x.shape == y.shape and _is(primitive, x, y):
                        found = _between(replay, primitive, operand, node)
                        if found is not None:
                            yield found


def _is(primitive: Primitive, x: Array, y: Array) -> bool:
    """Return whether one array is a function of another; a few numbers rule out nearly all."""
    few = slice(0, 4)
    if not same(primitive.forward(x.ravel()[few]), y.ravel()[few]):
        return False
    if primitive is SOFTSIGN and (x >= 0).all():
        return False  # As in ``np.exp(z) / (1 + np.exp(z))``.
    return same(primitive.forward(x), y) and not same(x, y)


def _between(replay: Replay, primitive: Primitive, operand: Node, node: Node) -> WrittenOut | None:
    """Return the operations between two nodes, if nothing else uses what they compute."""
    graph, edges = replay.graph, set(replay.edges())
    inside = {
        x.id: x
        for x in graph
        if x.id != operand.id
        and operand.id in replay.behind(x.id)
        and x.id in replay.behind(node.id)
    }
    for x in inside.values():
        leaves = x is not node and any(user.id not in inside for user in graph.consumers(x))
        if leaves or x.shape != node.shape or (x.primitive in KNOWN and primitive is not SILU):
            return None
    others: dict[Edge, Rule] = {
        (x.id, i): _nothing
        for x in inside.values()
        for i, key in enumerate(x.operands)
        if (x.id, i) in edges and (key in inside or key == operand.id)
    }
    path, here = [], node
    while here is not operand:
        edge = next((edge for edge in others if edge[0] == here.id), None)
        if edge is None:
            return None
        path.append(edge)
        here = graph[here.operands[edge[1]]]
    others.update(dict.fromkeys(path[1:], _everything))
    del others[path[0]]
    if len(inside) < 2 and len(node.operands) < 2:
        return None  # A single operation is a step as it is, but for ``np.logaddexp(0, x)``.
    others.setdefault((node.id, 1 - path[0][1]), _nothing)
    return WrittenOut(primitive, operand, node, path[0], others)


def _everything(g: Any) -> Any:
    return g


def _nothing(g: Any) -> Any:
    return np.zeros_like(g)


@remembered
def functions_of_several(replay: Replay) -> Iterator[tuple[Node, Node, list[Node]]]:
    """Return which tensors are functions of others entry by entry, by several operations.

    On paper each is one function, such as swish or the inside of a GELU, with one derivative. What
    is returned is the tensor, its function, and all that is computed from one for the other.
    """
    graph, found = replay.graph, 0
    for y in reversed(list(graph)):
        if y.id not in replay.gradients or not y.shape or y.primitive is None:
            continue
        for x in graph:
            before = x.id in replay.behind(y.id) and x is not y and x.shape == y.shape
            if not before or len(graph.consumers(x)) < 2 or found > MOST_FUNCTIONS:
                continue
            between = [z for z in graph if z.id in replay.behind(y.id)
                       and x.id in replay.behind(z.id) and z is not x]  # fmt: skip
            if len(between) > 2 and all(
                z.shape == y.shape and z.primitive is not None and z.primitive.entrywise
                for z in between
            ):
                found += 1
                yield x, y, between


MOST_FUNCTIONS = 20
"""Of how many functions of several operations another derivative is looked for."""
