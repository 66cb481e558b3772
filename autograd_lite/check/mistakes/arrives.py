"""Mistakes with what arrives at a step from above: left out, or taken for a value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    Made,
    activations,
    always,
    replaced,
    steps,
    text_of,
    times,
)
from autograd_lite.check.mistakes.registry import (
    Candidate,
    Case,
    Target,
    mistake,
)
from autograd_lite.check.mistakes.replay import Rule


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
        made = replaced(replay, key, always(np.ones_like(value)))
        if node is end or value.dtype.kind != "f":
            continue
        if not made.comes_to_nothing(target):  # That it is left out is simpler.
            text = text_of(graph, node)
            yield Candidate(
                f"1 is given for the gradient at {text}: what arrives there is left out",
                0.95 if node.name else 1.05,
                predict=made,
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

    through = list(activations(case, target))
    for step in through:
        twins = [x for x in through if x.primitive is step.primitive and x.node is not step.node]
        behind = step.replay.behind
        if any(
            x.node.id not in behind(step.node.id) and step.node.id not in behind(x.node.id)
            for x in twins
        ):
            yield Candidate(
                f"what comes back through {step.name} is subtracted, not added",
                0.77,
                predict=step.wrong(_negative(step.rule)),
            )


def _negative(rule: Rule) -> Rule:
    return lambda g: -rule(g)


@mistake("term elsewhere", "All that arrives at an activation goes through its derivative.")
def term_elsewhere(case: Case, target: Target) -> Iterator[Candidate]:
    """Add one of several terms after an activation's derivative, not before it, or reversed."""
    for step in activations(case, target):
        replay, graph, rule = step.replay, step.replay.graph, step.rule
        g, inside = replay.gradients[step.node.id], {step.edge, *step.others}
        for to, after in ((step.node, True), (step.operand, False)):
            found = [
                edge
                for edge in replay.edges()
                if graph[edge[0]].operands[edge[1]] == to.id and edge not in inside
            ]
            for edge in found if len(found) > after else ():
                part, right = replay.parts[edge], np.asarray(rule(g))
                if np.shape(part) != right.shape:
                    continue
                wrong = rule(g - part) + part if after else rule(g + part) - part
                words = ("after", "before") if after else ("before", "after")
                source = text_of(graph, graph[edge[0]])
                yield Candidate(
                    f"what comes back to {text_of(graph, to)} from {source} is added {words[0]} "
                    f"the derivative of the {step.function}, not {words[1]} it",
                    0.95,
                    predict=Made(replay, step.operand.id, always(wrong), always(right)),
                )


@mistake("steps left out", "Each step on the way back has its own factor.", last=True)
def steps_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Hand on what arrives further up, as if all that is between were not there."""
    for step in steps(case, target, once=True):
        replay, graph, node = step.replay, step.replay.graph, step.node
        for _ in range(MOST_STEPS):
            users = [x for x in graph.consumers(node) if x.id in replay.gradients]
            if len(users) != 1 or users[0].operands.count(node.id) > 1:
                break
            node = users[0]
            if node.shape == step.operand.shape and node.shape:
                to, at = text_of(graph, step.operand), text_of(graph, node)
                yield Candidate(
                    f"what arrives at {at} goes back to {to} as it is: all that is between them is "
                    f"left out",
                    3.5,
                    predict=Made(
                        replay,
                        step.operand.id,
                        always(replay.gradients[node.id]),
                        always(replay.parts[step.edge]),
                    ),
                )


MOST_STEPS = 6
"""How many of them are left out."""


@mistake("rows of a gradient", "Row i of a gradient belongs to row i of the data.", last=True)
def rows_of_a_gradient(case: Case, target: Target) -> Iterator[Candidate]:
    """Reverse the rows of a gradient, or shift them by one."""
    replay = case.replay
    if replay is None:
        return
    for key in dict.fromkeys(step.node.id for step in steps(case, target, once=True)):
        g = replay.gradients[key]
        for axis, n in enumerate(g.shape):
            for words, moved in (
                ("reversed", np.flip(g, axis)),
                ("shifted by one", np.roll(g, 1, axis)),
                ("shifted by one", np.roll(g, -1, axis)),
            ) if n > 2 else ():  # fmt: skip
                noun = ("rows", "columns")[axis] if g.ndim < 3 else f"slices along axis {axis}"
                yield Candidate(
                    f"the {noun} of the gradient at {text_of(replay.graph, replay.graph[key])} are "
                    f"{words}",
                    3.5 + 0.1 * axis,
                    predict=replaced(replay, key, always(moved)),
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
