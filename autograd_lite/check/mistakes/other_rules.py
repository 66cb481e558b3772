"""Mistakes with the rule of one operation: a running sum, a determinant, a maximum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Step, steps
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake
from autograd_lite.check.mistakes.replay import Rule
from autograd_lite.check.mistakes.texts import text_of

Forms = Iterator[tuple[str, Rule]]
"""What is wrong, and the rule that it makes."""


@mistake("another rule", "Each operation has its own way back.")
def another_rule(case: Case, target: Target) -> Iterator[Candidate]:
    """Miswrite the way back through one operation."""
    for step in steps(case, target, once=True):
        for forms in (_running_sum, _determinant):
            for title, rule in forms(step):
                yield step.candidate(title, 0.75, rule)
        yield from _largest(step)


def _running_sum(step: Step) -> Forms:
    """Sum in the wrong direction, along another axis, in all, or not at all."""
    if step.primitive is not ops.cumsum:
        return
    x, axis = step.replay.values[step.operand.id], step.node.parameters["axis"]
    shape = np.shape(x)
    if axis is None and len(shape) == 1:
        axis = 0
    if axis is None:
        return
    back = f"on the way back through the running sum {step.name}"
    yield f"the running sum of {step.name} is left out on the way back", lambda g: g
    yield f"{back}, the sum runs forwards, not from the end", lambda g: np.cumsum(g, axis)
    yield (
        f"{back}, the sum from the end is not put back in order",
        lambda g: np.cumsum(np.flip(g, axis), axis),
    )
    yield (
        f"{back}, every entry gets the sum of all",
        lambda g: np.broadcast_to(g.sum(axis, keepdims=True), shape),
    )
    yield f"{back}, the entry itself is not counted", lambda g: step.rule(g) - g


def _determinant(step: Step) -> Forms:
    """Mistake the derivative of a determinant for that of its logarithm, or the reverse."""
    if step.primitive not in (ops.det, ops.logabsdet):
        return
    det = np.linalg.det(np.asarray(step.replay.values[step.operand.id]))[..., None, None]
    rule, back = step.rule, f"on the way back from {step.name}"
    if step.primitive is ops.det:
        yield f"the factor det is missing {back}", lambda g: rule(g) / det
    else:
        yield f"a factor det is too many {back}: that is for det, not log", lambda g: rule(g) * det


def _largest(step: Step) -> Iterator[Candidate]:
    """Send what arrives at a maximum to the smallest entry, or to all, times their values."""
    if step.primitive not in (ops.max, ops.min):
        return
    axis, keep = step.node.parameters.get("axis"), step.node.parameters.get("keepdims", False)
    x = np.asarray(step.replay.values[step.operand.id])
    if not isinstance(axis, int | tuple) or x.ndim < 2 or np.size(axis) >= x.ndim:
        return
    largest = step.primitive is ops.max
    worst = np.min if largest else np.max
    words = ("largest", "smallest") if largest else ("smallest", "largest")
    name = text_of(step.replay.graph, step.operand)

    def to(chosen: Any) -> Rule:
        return lambda g: chosen * (g if keep else np.expand_dims(g, axis))

    title = f"the {words[1]} entries of {name} get the gradient of {step.name}, not the {words[0]}"
    yield step.candidate(title, 0.8, to(x == worst(x, axis, keepdims=True)))
