"""The backward pass over recorded nodes: one walk, newest node first.

Who calls it decides what a cotangent is (an array, a Tensor, an Expression), what applying a rule
means, and what a sum is. The walk decides the order, who gets something, and what has arrived.
"""

import operator
from collections.abc import Callable, Container, Sequence
from typing import TypeVar

from autograd_lite.core.backward import rule_name
from autograd_lite.graph.node import Node

G = TypeVar("G")


def walk(
    nodes: Sequence[Node],
    arrived: dict[str, G],
    apply: Callable[[Node, int, G], G],
    *,
    add: Callable[[G, G], G] = operator.add,
    visit: Callable[[Node, G], G | None] | None = None,
    between: Container[str] | None = None,
    where: str = "a backward pass",
) -> None:
    """Send cotangents back through recorded nodes.

    An error that `apply` raises gets a note that names the rule.

    - `nodes`: operands come before results.
    - `arrived`: what to start with, by identifier. Whatever arrives at a node is added here.
    - `apply`: ``apply(node, i, g)``: what a node with the cotangent `g` sends to its operand `i`.
    - `add`: ``add(before, part)``: the sum of two cotangents of one node.
    - `visit`: ``visit(node, g)`` is called with all that arrived at a node, and returns what
      `apply` gets in its place; None sends nothing on.
    - `between`: identifiers of the nodes that anything is sent to; by default every node.
    - `where`: what the note on an error calls the walk.

    Examples
    --------
    How many paths lead from each node to the end:

    >>> import autograd_lite as al
    >>> x = al.Tensor(2.0, requires_grad=True, name="x")
    >>> paths = {"n2": 1}
    >>> walk(al.Graph(x * x + x, names={}), paths, lambda node, i, count: count)
    >>> paths
    {'n2': 1, 'n1': 1, 'n0': 3}
    """
    by_id = {node.id: node for node in nodes}
    for node in reversed(nodes):
        if node.id not in arrived:
            continue
        g = arrived[node.id] if visit is None else visit(node, arrived[node.id])
        if g is None:
            continue
        for i, x in enumerate(node.operands):
            if not sends(node, i, by_id[x]) or (between is not None and x not in between):
                continue
            assert node.primitive is not None  # It has operands.
            try:
                part = apply(node, i, g)
            except Exception as error:
                error.add_note(f"This was {rule_name(node.primitive, i)}, in {where}.")
                raise
            arrived[x] = add(arrived[x], part) if x in arrived else part


def sends(node: Node, i: int, operand: Node) -> bool:
    """Return whether a cotangent flows from a node to its operand `i`."""
    assert node.primitive is not None
    return operand.requires_grad and node.primitive.rules[i] is not None
