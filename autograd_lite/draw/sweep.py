"""The backward sweep over a `Graph`, with every cotangent and every part of it kept.

It runs the rules on the values that the graph holds. No tensor is touched: ``.grad``, hooks and
what was recorded stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.backward import fit, named_rule
from autograd_lite.graph import Graph, Node

Use = tuple[str, int]
"""A result by its identifier, and the position of one of its operands."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a backward sweep sends from node to node.

    Attributes
    ----------
    arrived : dict of str to ndarray
        The gradient of every node that one flows to, by identifier.
    parts : dict of (str, int) to ndarray
        What each result sends to each of its operands, newest result first.
    """

    arrived: dict[str, NDArray[Any]] = field(default_factory=dict)
    parts: dict[Use, NDArray[Any]] = field(default_factory=dict)


def sweep(graph: Graph) -> Sweep:
    """Differentiate the sum of all entries of the outputs by every node."""
    found = Sweep()
    for root in dict.fromkeys(graph.outputs):
        if root.requires_grad:
            found.arrived[root.id] = np.ones_like(np.asarray(root.value))
    with np.errstate(all="ignore"):  # Whoever computed the values has seen the warnings.
        for node in reversed(graph.nodes):
            if node.id in found.arrived and node.primitive is not None:
                _send(graph, node, found)
    return found


def contributions(graph: Graph, boxes: Iterable[object]) -> dict[str, dict[Use, NDArray[Any]]]:
    """Return what each use of a value adds to its gradient, where there are several uses.

    Only of the values among `boxes` with a gradient that is the sum of these: it may also come
    from several calls of ``backward``, or have been changed by a hook.
    """
    known = {x.id for x in boxes if isinstance(x, Node) and x.grad is not None}
    uses = Counter(x for node in graph for x in node.operands)
    several = {key for key in known if uses[key] > 1}
    if not several:
        return {}
    swept = sweep(graph)
    found: dict[str, dict[Use, NDArray[Any]]] = {}
    for (user, i), part in reversed(swept.parts.items()):  # Kept newest first.
        operand = graph[user].operands[i]
        if operand in several:
            found.setdefault(operand, {})[user, i] = part
    return {
        key: parts
        for key, parts in found.items()
        if len(parts) > 1
        and (grad := graph[key].grad) is not None
        and np.allclose(grad, swept.arrived[key], rtol=1e-5, atol=0, equal_nan=True)
    }


def _send(graph: Graph, node: Node, found: Sweep) -> None:
    """Apply the rules of one node."""
    for i, operand in enumerate(graph.operands(node)):
        if not sends(node, i, operand):
            continue
        g = apply(graph, node, i, found.arrived[node.id])
        found.parts[node.id, i] = g
        before = found.arrived.get(operand.id)
        found.arrived[operand.id] = g if before is None else before + g


def sends(node: Node, i: int, operand: Node) -> bool:
    """Say whether a gradient flows from a result to one of its operands."""
    assert node.primitive is not None
    return operand.requires_grad and node.primitive.rules[i] is not None


def apply(graph: Graph, node: Node, i: int, g: NDArray[Any]) -> NDArray[Any]:
    """Return what a result sends to one of its operands, given its own gradient."""
    assert node.primitive is not None
    assert node.tensor is not None
    operands = graph.operands(node)
    # Rules are written for NumPy's scalars where a value is one, as in the engine.
    rule, values = node.primitive.rules[i], [x.value for x in operands]
    with named_rule(node.primitive, i):
        sent = rule(g[()], node.value, *values, **node.parameters)
    return np.asarray(fit(sent, np.asarray(values[i]), node.primitive, i))
