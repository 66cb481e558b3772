"""The backward pass of a `Graph` on its arrays, with every cotangent and every part of it kept.

It runs the rules on the values that the graph holds. No tensor is touched: ``.grad``, hooks and
what was recorded stay as they are.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.backward import fit
from autograd_lite.graph.graph import Graph
from autograd_lite.graph.node import Node
from autograd_lite.graph.walk import walk

Use = tuple[str, int]
"""A result by its identifier, and the position of one of its operands."""


@dataclass(frozen=True, slots=True)
class Cotangents:
    """What a backward pass sends from node to node."""

    # The cotangent of every node that one flows to, by identifier: of the shape and dtype of the
    # node's value.
    arrived: dict[str, NDArray[Any]] = field(default_factory=dict)
    # What each result sends to each of its operands, newest result first.
    parts: dict[Use, NDArray[Any]] = field(default_factory=dict)


def cotangents(graph: Graph) -> Cotangents:
    """Differentiate the sum of all entries of the outputs by every node.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x = al.Tensor(3.0, requires_grad=True)
    >>> found = cotangents(al.Graph(x * x, names={}))
    >>> {use: float(part) for use, part in found.parts.items()}
    {('n1', 0): 3.0, ('n1', 1): 3.0}
    >>> float(found.arrived["n0"])
    6.0
    """
    roots = [node for node in graph.outputs if node.requires_grad]
    found = Cotangents({root.id: np.ones_like(np.asarray(root.value)) for root in roots})

    def apply(node: Node, i: int, g: NDArray[Any]) -> NDArray[Any]:
        part = found.parts[node.id, i] = apply_rule(graph, node, i, g)
        return part

    with np.errstate(all="ignore"):  # Whoever computed the values has seen the warnings.
        walk(graph, found.arrived, apply)
    return found


def apply_rule(graph: Graph, node: Node, i: int, g: NDArray[Any]) -> NDArray[Any]:
    """Return what a node with the cotangent `g` sends to its operand `i`."""
    assert node.primitive is not None
    # Rules are written for NumPy's scalars where a value is one, as in the engine.
    rule, values = node.primitive.rules[i], [x.value for x in graph.operands(node)]
    sent = rule(g[()], node.value, *values, **node.parameters)
    return np.asarray(fit(sent, np.asarray(values[i]), node.primitive, i))
