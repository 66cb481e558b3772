"""What was put side by side, taken apart at other places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import steps, text_of
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake
from autograd_lite.check.mistakes.replay import Replay, Rule
from autograd_lite.graph import Node


@mistake("another part", "What was put side by side is taken apart at the same places.")
def another_part(case: Case, target: Target) -> Iterator[Candidate]:
    """Take the gradient of one part of what was concatenated for that of another."""
    for step in steps(case, target, once=True):
        names = [text_of(step.replay.graph, x) for x in step.replay.graph.operands(step.node)]
        for words, rule in other_parts(step.replay, step.node, step.edge[1], names):
            yield Candidate(
                f"what comes back to {names[step.edge[1]]} from {step.name} is {words}",
                1.1,
                predict=step.wrong(rule),
            )


def other_parts(replay: Replay, node: Node, i: int, names: list[str]) -> Iterator[tuple[str, Rule]]:
    """Yield in words which other part of a gradient an operand may get, and the rule for it.

    Parameters
    ----------
    replay : Replay
        The pass.
    node : Node
        Any; for what is not a concatenation, nothing is yielded.
    i : int
        Which of its operands.
    names : list of str
        What these are called.
    """
    axis = node.parameters.get("axis")
    if node.primitive is not ops.concatenate or not isinstance(axis, int):
        return
    lengths = [np.shape(replay.values[x])[axis] for x in node.operands]
    starts = [0, *np.cumsum(lengths)]
    n, total, seen = lengths[i], starts[-1], {starts[i]}
    places = [(f"the part of {name}", start)
              for name, start, length in zip(names, starts, lengths, strict=False)
              if length == n]  # fmt: skip
    places += [
        (f"the first {n} along axis {axis}", 0),
        (f"the last {n} along axis {axis}", total - n),
    ]
    for words, start in places:
        if start not in seen:
            seen.add(start)
            yield words, _part(axis, start, start + n)


def _part(axis: int, start: int, stop: int) -> Rule:
    def rule(g: Any) -> Any:
        return np.take(g, range(start, stop), axis)

    return rule
