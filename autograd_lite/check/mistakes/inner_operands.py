"""Another tensor inside an operand: M in place of H in ``(A @ H).T @ g``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.check.mistakes.backward_steps import MOST_VALUES, Step, grouped, steps, text_of
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target
from autograd_lite.check.mistakes.replay import Edge, Replay
from autograd_lite.graph import Node

DEEPEST, MOST_TRIED = 2, 1000
"""How many operations deep an operand is looked into, and how much is tried in all."""


def inside_an_operand(case: Case, target: Target) -> Iterator[Candidate]:
    """Put another tensor in place of one that an operand of a product is computed from."""
    tried = 0
    for step in steps(case, target, once=True):
        belongs = step.other
        if belongs is None or not belongs.shape:
            continue
        name = text_of(step.replay.graph, belongs)
        for path in _paths(step.replay, belongs):
            inner = step.replay.graph[path[-1][0]].operands[path[-1][1]]
            for cost, text, value in _others(step.replay, step.replay.graph[inner]):
                tried += 1
                if tried > MOST_TRIED:
                    return
                of = text_of(step.replay.graph, step.replay.graph[inner])
                yield Candidate(
                    f"{text} is used in place of {of} in {name}",
                    cost,
                    predict=step.wrong(_with(step, path, value)),
                )


def _paths(replay: Replay, node: Node, above: tuple[Edge, ...] = ()) -> Iterator[tuple[Edge, ...]]:
    """Yield the edges from a tensor down to each that it is computed from."""
    for i, key in enumerate(node.operands):
        path, x = (*above, (node.id, i)), replay.graph[key]
        if np.size(x.value) > 1:
            yield path
            if len(path) < DEEPEST:
                yield from _paths(replay, x, path)


def _others(replay: Replay, node: Node) -> Iterator[tuple[float, str, Array]]:
    """Yield what may stand in place of a tensor: those of its shape, and it as it is turned."""
    belongs = np.asarray(replay.values[node.id])
    if belongs.ndim > 1 and belongs.shape[-1] == belongs.shape[-2]:
        text = f"{grouped(text_of(replay.graph, node))}.T"
        yield 1.6, text, np.swapaxes(belongs, -1, -2)
    place = replay.position[node.id]
    alike = [x for x in replay.graph.nodes if x.shape == node.shape and x is not node]
    alike.sort(key=lambda x: abs(replay.position[x.id] - place))
    for x in alike[:MOST_VALUES]:
        value = np.asarray(replay.values[x.id])
        if value.dtype.kind == belongs.dtype.kind and not np.array_equal(value, belongs):
            yield 1.6 if x.name else 1.7, text_of(replay.graph, x), value


def _with(step: Step, path: tuple[Edge, ...], value: Array) -> Any:
    """Return the rule of a step with another tensor at the end of a path into its operand."""

    def rule(g: Any) -> Any:
        replay, made = step.replay, value
        for key, i in reversed(path):
            node = replay.graph[key]
            operands = [replay.values[x] for x in node.operands]
            operands[i] = made
            assert node.primitive is not None  # It has operands.
            made = node.primitive.forward(*operands, **node.parameters)
        return replay.rule(step.edge, operands={1 - step.edge[1]: made})(g)

    return rule
