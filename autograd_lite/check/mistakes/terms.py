"""The additive terms of a loss, and the pass of each alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.repeated import loops
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node


def terms(replay: Replay) -> list[Node]:
    """Return the additive terms of the loss, and the sums of some of them that stand together."""
    found: list[Node] = []
    partial = {x for loop in loops(replay) for nodes in loop.classes for x in nodes[:-1]}
    waiting = [replay.graph.outputs[0]]
    while waiting:
        node = waiting.pop()
        operands = [x for x in replay.graph.operands(node) if x.id in replay.gradients]
        sums = node.primitive in (ops.add, ops.subtract)
        alone = node.primitive in SCALING and len(operands) == 1
        reduced = node.primitive in (ops.mean, ops.sum) and operands[0].primitive in ADDING
        leaves = () if alone else [x for x in operands if x.primitive is None]
        inner = [x for x in operands if x not in leaves]  # A leaf may be in other terms besides.
        shared = any(_is_shared(replay, x) for x in inner)  # It belongs to several terms.
        if (sums or alone or reduced) and operands and not shared:
            waiting += [x for x in operands if x in inner or not _is_shared(replay, x)]
            whole = node is replay.graph.outputs[0] or node in partial  # What a loop adds up.
            if (sums or node.name) and not whole:
                found.append(node)
        elif node.id in replay.gradients:
            found.append(node)
    everything = [node for node in found if _is_all(replay, node)]
    several = len(found) - len(everything) > 1
    return [node for node in found if node not in everything] if several else []


def terms_alone(replay: Replay) -> dict[Node, Replay]:
    """Return the pass of each of the terms that add up to the loss, as if it were the only one.

    Those of the steps of a loop are one term, under its last.
    """
    if terms_alone not in replay.known:
        found = terms(replay)
        ends = [x for x in found if not any(y is not x and y.id in replay.behind(x.id)
                                            for y in found)]  # fmt: skip
        step = {x.id: k for k, nodes in enumerate(x for loop in loops(replay) for x in loop.classes)
                for x in nodes}  # fmt: skip
        leaves = {x.id for x in replay.graph if x.kind == "parameter"}
        together: dict[Any, list[Node]] = {}
        for end in ends:
            of = step.get(end.id, end.id), replay.behind(end.id) & leaves
            together.setdefault(of, []).append(end)
        made = {}
        for some in together.values() if 1 < len(together) <= MOST_TERMS else ():
            others = [x for x in ends if x not in some]
            silent = {x.id: np.zeros_like(replay.gradients[x.id]) for x in others}
            made[max(some, key=replay.graph.index)] = Replay(replay.graph, replay.values, silent)
        replay.known[terms_alone] = made
    alone: dict[Node, Replay] = replay.known[terms_alone]
    return alone


def term_text(replay: Replay, end: Node) -> str:
    """Return what a term is called, or what it is a factor of."""
    node = end
    while not node.name:
        users = [x for x in replay.graph.consumers(node) if x.id in replay.gradients]
        if len(users) != 1 or users[0].primitive in (ops.add, ops.subtract):
            return text_of(replay.graph, end)
        node = users[0]
    return node.name


MOST_TERMS = 8
"""Of how many terms of a loss each is looked at by itself."""

SCALING = (ops.multiply, ops.divide, ops.negative)

ADDING = (ops.add, ops.subtract, *SCALING)


def _is_shared(replay: Replay, node: Node) -> bool:
    return sum(x.id in replay.gradients for x in replay.graph.consumers(node)) > 1


def _is_all(replay: Replay, node: Node) -> bool:
    """Return whether everything comes back through a node."""
    while node is not replay.graph.outputs[0]:
        users = [x for x in replay.graph.consumers(node) if x.id in replay.gradients]
        if len(users) != 1 or users[0].primitive in (ops.add, ops.subtract):
            others = [x for x in replay.graph.operands(users[0]) if x.id in replay.gradients]
            if len(users) != 1 or len(others) > 1:
                return False
        node = users[0]
    return True
