"""Scores that are computed twice: one by one, and among those of all classes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.registry import remembered
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Node
from autograd_lite.graph.nodes import Nodes

FEWEST_CLASSES = 3


@remembered
def picked(replay: Replay) -> Iterator[Replay]:
    """Return the pass in which what is one of several scores, by its value, is picked from them.

    As in ``logsumexp(U @ v) - U[o] @ v``: on paper, all scores have one gradient.
    """
    graph, changed = list(replay.graph), False
    for node in replay.graph:
        made_of = node.primitive in (ops.sum, ops.matmul, ops.einsum)
        pick = _pick(replay, node) if made_of and node.id in replay.gradients else None
        if pick is None:
            continue
        graph.remove(node)
        after = max(graph.index(replay.graph[pick.operands[0]]) + 1, replay.position[node.id])
        if any(graph.index(user) < after for user in replay.graph.consumers(node)):
            return
        graph.insert(after, pick)
        changed = True
    if changed:
        new = copy.copy(replay.graph)
        Nodes.__init__(new, graph, [x.id for x in replay.graph.outputs], replay.graph.held)
        yield Replay(new, replay.values)


def _pick(replay: Replay, node: Node) -> Node | None:
    """Return the pick that is equal to a node, if there is exactly one."""
    value = np.asarray(replay.values[node.id])
    for table in replay.graph:
        among = table.shape[:-1] == node.shape and table.shape[-1:] >= (FEWEST_CLASSES,)
        if not among or value.ndim > 1 or table.id not in replay.gradients:
            continue
        if node.id in replay.behind(table.id) or table.id in replay.behind(node.id):
            continue
        equal = np.isclose(replay.values[table.id], value[..., None], rtol=1e-9, atol=0)
        if (equal.sum(axis=-1) == 1).all() and table.value.dtype.kind == "f":
            at = equal.argmax(axis=-1)
            index = (np.arange(len(at)), at) if value.ndim else int(at)
            return replace(
                node, primitive=ops.getitem, operands=(table.id,), parameters={"index": index}
            )
    return None
