"""The backward pass in a picture: one box for each gradient, with its rule in the box."""

from collections.abc import Mapping

import numpy as np

from autograd_lite.core.notation import PRODUCT
from autograd_lite.draw.formulas import LONGEST_FORMULA, cut, is_inline, summed
from autograd_lite.draw.local_derivatives import GRADIENT, local, names_of, written
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.walk import sends
from autograd_lite.ops.writing import Written


def hosts(graph: Graph) -> dict[str, str]:
    """Return the gradients in whose boxes other steps of the backward pass are, by identifier.

    A step is in the box of a gradient if that alone is computed from it.
    """
    found: dict[str, str] = {}
    for node in reversed(graph.nodes):
        if not node.backward or node.gradient_of or is_inline(node):
            continue
        users = {found.get(user.id, user.id) for user in graph.consumers(node)}
        if len(users) == 1:
            found[node.id] = users.pop()
    return found


def rules(graph: Graph, called: Mapping[str, Written]) -> dict[str, str]:
    """Write every gradient in terms of those that it is computed from: ``∂L/∂out × 2(out − y)``.

    - `graph`: from `Graph.backward`.
    - `called`: what values are called, gradients too.
    """
    forward = graph.differentiated
    if forward is None:
        return {}
    gradient = {key: node.id for node in graph for key in node.gradient_of}
    found: dict[str, str] = {}
    for key, cotangent in gradient.items():
        uses = [
            (user, i)
            for user in forward.consumers(forward[key])
            for i, operand in enumerate(forward.operands(user))
            if operand.id == key and user.id in gradient and sends(user, i, operand)
        ]
        parts = [_part(forward, user, i, called, gradient[user.id]) for user, i in uses]
        if parts:
            found[cotangent] = cut(summed(parts), LONGEST_FORMULA)
    return found


def _part(forward: Graph, user: Node, i: int, called: Mapping[str, Written], g: str) -> str:
    """Write what a result sends to one of its operands."""
    rule = local(forward, user, i, np.ones_like(np.asarray(user.value))).rule
    if rule is None:  # It cannot be run on expressions.
        return "…"
    text = written(rule, names_of({**called, GRADIENT: called[g]}))
    return text.text if text.precedence >= PRODUCT - 0.5 else f"({text.text})"
