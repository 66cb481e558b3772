"""Mistakes with the rule of one operation: a running sum, a triangle, a branch, an inverse."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import FEWEST_BITS, Step, always, steps, times
from autograd_lite.check.mistakes.made import Made, wrong
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake
from autograd_lite.check.mistakes.replay import Edge, Rule
from autograd_lite.check.mistakes.texts import grouped, text_of

Forms = Iterator[tuple[str, Rule]]
"""What is wrong, and the rule that it makes."""


@mistake("another rule", "Each operation has its own way back.")
def another_rule(case: Case, target: Target) -> Iterator[Candidate]:
    """Miswrite the way back through one operation."""
    for step in steps(case, target, once=True):
        for forms in (_running_sum, _triangle, _inverse, _determinant, _diagonal, _variance):
            for title, rule in forms(step):
                yield step.candidate(title, 0.75, rule)
    yield from _branches(case, target)


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
    text = f"{back}, the sum from the end is not put back in order"
    yield text, lambda g: np.cumsum(np.flip(g, axis), axis)
    text = f"{back}, every entry gets the sum of all"
    yield text, lambda g: np.broadcast_to(g.sum(axis, keepdims=True), shape)
    yield f"{back}, the entry itself is not counted", lambda g: step.rule(g) - g


def _triangle(step: Step) -> Forms:
    """Let through another triangle than forwards."""
    if step.primitive not in (ops.tril, ops.triu):
        return
    k = step.node.parameters.get("k", 0)
    lower = step.primitive is ops.tril
    one, other = (np.tril, np.triu) if lower else (np.triu, np.tril)
    name, back = step.primitive.name, f"on the way back from {step.name}"
    yield f"the {name} is left out {back}: entries outside get a gradient, too", lambda g: g
    yield f"{other.__name__} stands in place of {name} {back}", lambda g: other(g, k)
    inner = k - 1 if lower else k + 1
    yield f"the diagonal is left out {back}, too", lambda g: one(g, inner)


def _inverse(step: Step) -> Forms:
    """Miswrite ``-Y.T @ g @ Y.T``."""
    if step.primitive is not ops.inv:
        return
    y = np.asarray(step.replay.values[step.node.id])
    t, name = np.swapaxes(y, -1, -2), grouped(step.name)
    made: dict[str, Rule] = {
        f"-{name} @ g @ {name}": lambda g: -y @ g @ y,
        f"-{name}.T @ g @ {name}": lambda g: -t @ g @ y,
        f"-{name} @ g @ {name}.T": lambda g: -y @ g @ t,
        f"{name}.T @ g @ {name}.T, with no minus,": lambda g: t @ g @ t,
        f"-{name}.T @ g, a factor left out,": lambda g: -t @ g,
        f"-g @ {name}.T, a factor left out,": lambda g: -g @ t,
        f"-{name} @ g": lambda g: -y @ g,
        f"-g @ {name}": lambda g: -g @ y,
        f"-{name}.T @ {name}.T, without g,": always(-t @ t),
    }
    for text, rule in made.items():
        right = f"-{name}.T @ g @ {name}.T"
        yield f"{text} stands in place of {right} on the way back from {step.name}", rule


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


def _diagonal(step: Step) -> Forms:
    """Add the gradient of a diagonal to each row or column."""
    n = step.node.shape[:1]
    if step.primitive is ops.diagonal and step.operand.shape == n * 2:
        title = f"the gradient of {step.name} is added to every {{}}, not put on the diagonal"
        yield title.format("row"), lambda g: np.broadcast_to(g, n * 2)
        yield title.format("column"), lambda g: np.broadcast_to(g[:, None], n * 2)


def _variance(step: Step) -> Forms:
    """Forget that a variance takes away the mean."""
    if step.primitive is not ops.var or not step.operand.shape:
        return
    x, rule = np.asarray(step.replay.values[step.operand.id]), step.rule
    deviation = x - x.mean(step.node.parameters.get("axis"), keepdims=True)
    ratio, name = (
        x / np.where(deviation == 0, 1, deviation),
        text_of(step.replay.graph, step.operand),
    )
    title = f"{name} stands in place of {name} less its mean, on the way back from the variance"
    yield title, lambda g: rule(g) * ratio


def _branches(case: Case, target: Target) -> Iterator[Candidate]:
    """Go back through one branch of a choice alone, through the other, or with another slope."""
    seen: dict[str, list[Step]] = {}
    for step in steps(case, target, once=True):
        if step.primitive is ops.where:
            seen.setdefault(step.node.id, []).append(step)
    for both in seen.values():
        if len({step.operand.id for step in both}) < 2:
            continue
        one, two = sorted(both, key=lambda step: step.edge[1])
        replay, shape = one.replay, one.node.shape
        taken = np.asarray(one.rule(np.ones(shape)))
        if np.shape(taken) != shape or not np.isin(taken, (0, 1)).all():
            continue
        few = taken.size < FEWEST_BITS
        names = [text_of(replay.graph, step.operand) for step in (one, two)]
        at = f"at {one.name if one.node.name else f'the choice between {names[0]} and {names[1]}'}"
        for title, mask in (
            (f"{at}, all goes back to {names[0]}", np.ones(shape)),
            (f"{at}, all goes back to {names[1]}", np.zeros(shape)),
            (f"{at}, the condition is reversed on the way back", 1 - taken),
        ):
            if not np.array_equal(mask, taken):
                rules: dict[Edge, Rule] = {one.edge: times(mask), two.edge: times(1 - mask)}
                kind = "mask" if "condition" in title else ""
                made = wrong(replay, rules)
                yield Candidate(title, 0.8, predict=made, kind=kind, weak=few)
        for x, curved, mask in ((one, two, 1 - taken), (two, one, taken)):
            part = replay.added(curved.operand.id, replay.parts[curved.edge]).get(x.operand.id)
            if part is None or x.operand.shape != shape or few:
                continue
            g = replay.gradients[one.node.id] * mask
            if not g.any() or np.ptp(part[g != 0] / g[g != 0]) < 1e-9:
                continue  # It has one slope, and a factor says it simpler.
            straight = Made(replay, x.operand.id, g, part)
            slope = straight.factor(target)
            if slope and abs(slope) < 1 and abs(float(f"{slope:.3g}") / slope - 1) < 1e-9:
                text = (
                    f"{at}, the slope is {slope:g} where {names[curved is two]} is taken, as in a "
                    f"leaky relu"
                )
                yield Candidate(text, 1.1, predict=straight.times(slope), kind="mask")


@mistake("another part", "What was put side by side is taken apart at the same places.")
def another_part(case: Case, target: Target) -> Iterator[Candidate]:
    """Take the gradient of one part of what was concatenated for that of another."""
    for step in steps(case, target, once=True):
        axis, operands = step.node.parameters.get("axis"), step.replay.graph.operands(step.node)
        if step.primitive is not ops.concatenate or not isinstance(axis, int):
            continue
        if not any(x.requires_grad for x in operands if x is not step.operand):
            continue  # Padding, of which `window_slips` says more.
        n, lengths = step.operand.shape[axis], [x.shape[axis] for x in operands]
        *starts, whole = itertools.accumulate(lengths, initial=0)
        places = {
            0: f"the first {n} along axis {axis}",
            whole - n: f"the last {n} along axis {axis}",
        }
        places |= {
            start: f"the part of {text_of(step.replay.graph, x)}"
            for x, start in zip(operands, starts, strict=True)
            if x.shape[axis] == n
        }
        del places[starts[step.edge[1]]]
        before = (slice(None),) * (axis % len(step.node.shape))
        for start, words in places.items():
            rule = operator.itemgetter((*before, slice(start, start + n)))
            to = text_of(step.replay.graph, step.operand)
            title = f"what comes back to {to} from {step.name} is {words}"
            yield step.candidate(title, 1.1, rule)
