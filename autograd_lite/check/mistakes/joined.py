"""What was put side by side, taken apart at other places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import steps, text_of
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake
from autograd_lite.check.mistakes.replay import Rule


@mistake("another part", "What was put side by side is taken apart at the same places.")
def another_part(case: Case, target: Target) -> Iterator[Candidate]:
    """Take the gradient of one part of what was concatenated for that of another."""
    for step in steps(case, target, once=True):
        axis, operands = step.node.parameters.get("axis"), step.replay.graph.operands(step.node)
        if step.primitive is not ops.concatenate or not isinstance(axis, int):
            continue
        names = [text_of(step.replay.graph, x) for x in operands]
        lengths = [x.shape[axis] for x in operands]
        if not any(x.requires_grad for i, x in enumerate(operands) if i != step.edge[1]):
            continue  # Padding, of which `window_slips` says more.
        for words, rule in _other_parts(axis, step.edge[1], lengths, names):
            yield Candidate(
                f"what comes back to {names[step.edge[1]]} from {step.name} is {words}",
                1.1,
                predict=step.wrong(rule),
            )


def _other_parts(
    axis: int, i: int, lengths: list[int], names: list[str]
) -> Iterator[tuple[str, Rule]]:
    """Yield in words which other part of a gradient an operand may get, and the rule for it."""
    starts = [0, *itertools.accumulate(lengths)]
    n, seen = lengths[i], {starts[i]}
    places = [
        (f"the part of {name}", start)
        for name, start, length in zip(names, starts, lengths, strict=False)
        if length == n
    ]
    places += [
        (f"the first {n} along axis {axis}", 0),
        (f"the last {n} along axis {axis}", starts[-1] - n),
    ]
    for words, start in places:
        if start not in seen:
            seen.add(start)
            yield words, _part(axis, start, start + n)


def _part(axis: int, start: int, stop: int) -> Rule:
    def rule(g: Any) -> Any:
        return np.take(g, range(start, stop), axis)

    return rule
