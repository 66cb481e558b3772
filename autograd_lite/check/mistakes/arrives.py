"""Mistakes with what arrives at a step from above: left out, or taken for a value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import always, replaced, steps, text_of, times
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake


@mistake("upstream left out", "The chain rule multiplies by what arrives from above, dL/da.")
def upstream_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Begin in the middle: 1 in place of what arrives at a tensor, as if that were the loss."""
    replay = case.replay
    if replay is None or target.id not in replay.gradients or target.hand.dtype.kind != "f":
        return
    graph, end = replay.graph, replay.graph.outputs[0]
    keys = dict.fromkeys([target.id, *(step.node.id for step in steps(case, target))])
    for key in keys:
        node, value, g = graph[key], np.asarray(replay.values[key]), replay.gradients[key]
        number = g.size > 1 or key != target.id  # One number for all is a factor that is missing.
        if number and (g == g.flat[0]).all():
            continue
        if node is not end and value.dtype.kind == "f":
            text = text_of(graph, node)
            yield Candidate(
                f"1 is given for the gradient at {text}: what arrives there is left out",
                0.95 if node.name else 1.05,
                predict=replaced(replay, key, always(np.ones_like(value))),
            )


@mistake("minus left out", "What is subtracted gets the negative of what arrives.")
def minus_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Send what arrives at a difference to what is subtracted in it, as it is."""
    for step in steps(case, target, once=True):
        if step.primitive is ops.subtract and step.edge[1] == 1:
            yield Candidate(
                f"the minus before {text_of(step.replay.graph, step.operand)} is left out",
                1.0,
                predict=step.wrong(times(1.0)),
            )


@mistake("given what arrives", "A derivative is computed from the values of the forward pass.")
def given_what_arrives(case: Case, target: Target) -> Iterator[Candidate]:
    """Compute a derivative from a gradient, in place of the value."""
    for step in steps(case, target):
        if len(step.node.operands) != 1 or not step.node.shape or step.primitive.linear:
            continue
        if step.operand.shape != step.node.shape:
            continue
        g = step.replay.gradients[step.node.id]
        yield Candidate(
            f"the formula of {step.function}' for its output {step.name} is given what arrives at "
            f"{step.name}",
            1.0,
            predict=step.wrong(step.given(g)),
        )
