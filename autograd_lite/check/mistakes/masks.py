"""Mistakes with masks: reversed, of another tensor, drawn anew, by another threshold."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    FEWEST_BITS,
    Step,
    compositions,
    steps,
    times,
)
from autograd_lite.check.mistakes.made import Made, distinct, slack, wrong
from autograd_lite.check.mistakes.reasons import numbers, shown
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake, more, same
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.check.mistakes.terms import term_text, terms_alone
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node


@mistake("mask", "A mask lets the same entries through backwards as forwards.")
def wrong_mask(case: Case, target: Target) -> Iterator[Candidate]:
    """Reverse a mask, leave it out, take it of what arrives, or put the value in its place."""
    inside = {edge for whole in compositions(case, target) for edge in (whole.edge, *whole.others)}
    for step in steps(case, target):
        g = step.replay.gradients[step.node.id]
        other, is_mask = step.other, False
        if other is not None and step.primitive.entrywise:
            mask = np.asarray(step.replay.values[other.id], float)
            entries = np.unique(mask)
            is_mask = mask.ndim > 0 and len(entries) == 2 and entries[0] == 0
            if is_mask and step.mask is None:
                text = text_of(step.replay.graph, other)
                scale = f"{entries[1]:.6g} that {text} scales by"
                for title, factor in (
                    (f"the mask {text} is reversed", entries[1] - mask),
                    (f"the factor {scale} is missing", mask != 0),
                    (f"the mask is left out: {scale} comes back everywhere", entries[1]),
                )[: 3 if entries[1] != 1 else 1]:
                    yield step.candidate(title, 0.8, times(factor))
                continue
        if g.shape != step.operand.shape or not g.ndim or len(step.node.operands) > 3:
            continue
        derivative = np.asarray(step.rule(np.ones_like(g)))
        plain = step.primitive is not ops.where and step.edge not in inside
        if derivative.shape == g.shape and plain:
            made = functools.partial(_sends_times, step)
            yield from _of_levels(
                step.node, step.operand, target, step.replay, derivative=derivative, made=made
            )
        yield from _of_two(step)
    yield from _of_pieces(case, target)
    yield from _exchanged(case.replay)
    yield from _counted(case.replay, target)


def _counted(replay: Replay, target: Target) -> Iterator[Candidate]:
    """Add a term of the loss for each entry that a mask lets through, where these are gone over."""
    masks = [x for x in replay.graph if x.name and np.ndim(x.value) == 2 and _is_mask(x.value)]
    for end, alone in terms_alone(replay).items() if masks else ():
        part = np.asarray(alone.gradients.get(target.id, 0.0))
        for mask, axis in itertools.product(masks, (0, 1)):
            each = np.sum(mask.value, axis=axis)
            if part.shape[:1] != each.shape or not np.ptp(each):
                continue
            for more_often, words in ((0, ""), (1, ", and once more")):
                times_each = (each + more_often).reshape(-1, *(1,) * (part.ndim - 1))
                title = (
                    f"the term {term_text(replay, end)} of the loss is added for each 1 in a "
                    f"{'row' if axis else 'column'} of {mask.name}{words}"
                )
                made = Made(replay, target.id, part * times_each, part)
                yield Candidate(title, 1.3, predict=made, kind="term of the loss")


def _exchanged(replay: Replay) -> Iterator[Candidate]:
    """Take labels the other way round, where what is counted for 0 and for 1 is written out."""
    graph = replay.graph
    labels = [x for x in graph if not x.requires_grad and _is_mask(np.asarray(x.value))]
    for one, two in itertools.combinations(labels, 2):
        if one.shape != two.shape or not np.array_equal(one.value, 1 - np.asarray(two.value)):
            continue
        rules = {
            (node.id, 1 - node.operands.index(x.id)): times(other.value)
            for x, other in ((one, two), (two, one))
            for node in graph.consumers(x)
            if node.primitive is ops.multiply
        }
        if len(rules) > 1:
            title = f"{text_of(graph, one)} and {text_of(graph, two)} are exchanged"
            yield Candidate(title, 0.85, predict=wrong(replay, rules))


def _of_two(step: Step) -> Iterator[Candidate]:
    """Choose the larger of two tensors by what arrives, or the smaller one."""
    replay, edges = step.replay, [(step.node.id, i) for i in (0, 1)]
    if step.primitive not in (ops.maximum, ops.minimum) or step.edge[1]:
        return
    one, two = (np.asarray(replay.values[x]) for x in step.node.operands)
    if one.shape != two.shape or not one.shape or any(e not in replay.parts for e in edges):
        return
    wins = np.greater if step.primitive is ops.maximum else np.less
    reverse, arrives = wins(two, one), wins(replay.gradients[step.node.id], 0)
    for title, *each in (
        ("the condition of {} is reversed", reverse, ~reverse),
        ("{} goes by the sign of what arrives there", arrives, ~arrives),
        ("all that arrives at {} goes back to both: the mask is left out", 1.0, 1.0),
        ("what arrives at {} is halved: each gets a half, and there is no mask", 0.5, 0.5),
    ):
        rules = dict(zip(edges, map(times, each), strict=True))
        yield Candidate(title.format(step.name), 0.85, predict=wrong(replay, rules))


def _sends_times(step: Step, factor: Any) -> Any:
    return step.wrong(times(factor))


def _of_pieces(case: Case, target: Target) -> Iterator[Candidate]:
    """Find what is one multiple of a tensor where that is positive, and another elsewhere."""
    replay = case.replay
    for node in replay.graph:
        if node.primitive is not ops.where or node.id not in replay.gradients:
            continue
        g, y = replay.gradients[node.id], np.asarray(replay.values[node.id])
        for x in replay.graph:
            value = np.asarray(replay.values[x.id])
            inside = x.id in replay.behind(node.id) and target.id in replay.behind(x.id)
            if x is node or not inside or value.shape != y.shape or not value.all():
                continue
            derivative = np.round(y / value, 12)
            if len(np.unique(derivative)) != 2 or len(np.unique(derivative[value > 0])) != 1:
                continue

            def made(factor: Any, g: Any = g, derivative: Any = derivative, x: Node = x) -> Made:
                return Made(replay, x.id, lambda: g * factor, lambda: g * derivative)

            yield from _of_levels(node, x, target, replay, derivative=derivative, made=made)
            break


def _of_levels(
    node: Node,
    operand: Node,
    target: Target,
    replay: Replay,
    *,
    derivative: Any,
    made: Callable[[Any], Any],
) -> Iterator[Candidate]:
    """Yield what may stand in place of a derivative that has two values."""
    levels = np.unique(derivative)
    if len(levels) != 2 or node.primitive is ops.assign:
        return
    low, high = levels
    g, value = replay.gradients[node.id], np.asarray(replay.values[node.id])
    name, before = text_of(replay.graph, node), text_of(replay.graph, operand)
    few = derivative.size < FEWEST_BITS  # Then chance gives every pattern now and then.
    found = [
        (f"the mask at {name} is reversed", 0.8, low + high - derivative),
        (f"the value of {name} stands in place of its mask", 0.9, value),
    ]
    if 0 < np.count_nonzero(g > 0) < g.size:  # Else a factor is missing.
        title = f"the mask at {name} is that of what arrives there, not of {before}"
        found.append((title, 1.35, np.where(g > 0, high, low)))
    if low:
        found += [
            (
                f"the derivative at {name} is {high:g} or 0, in place of {high:g} or {low:g}",
                0.8,
                np.where(derivative == high, high, 0.0),
            ),
            (f"the derivative at {name} is left out", 0.65, np.ones_like(derivative)),
        ]
    for title, cost, factor in found:
        yield Candidate(title, cost + (0.6 if few else 0.0), predict=made(factor), weak=few)
    outside = made(np.where(derivative == low, 1.0, 0.0))
    shared = replay.ties == "shared" and replay.has_ties  # A share looks like a leaky slope.
    if low or shared or not isinstance(outside, Made) or outside.both[0] is None:
        return
    besides = Made(replay, outside.key, lambda: outside.both[0], 0 * outside.both[0])
    slope = besides.factor(target)
    flipped = slope is not None and abs(slope + high) < 1e-6
    if slope is not None and not few and (flipped or 1e-6 < slope / high < 0.6):
        why = "as in a sign" if flipped else "as in a leaky relu"
        text = f"the slope at {name} is {shown(slope)} where it is to be 0, {why}"
        yield Candidate(text, 1.1, predict=besides.times(slope))


@mistake("shared noise", "What was drawn at random forwards is needed backwards: keep it.")
def another_mask(case: Case, target: Target) -> Iterator[Candidate]:
    """Find, column by column, the zeros and ones with which a mask drawn anew gives a gradient."""
    for step in steps(case, target):
        other, replay = step.other, step.replay
        if other is None or not step.primitive.entrywise:
            continue
        mask = np.asarray(replay.values[other.id], float)
        entries = np.unique(mask)
        if mask.ndim != 2 or len(entries) != 2 or entries[0] != 0 or len(mask) > 10:
            continue
        if step.mask is not None:
            continue  # Nothing was drawn: it goes by a sign.
        sent = np.asarray(step.rule(np.ones(step.node.shape)))
        if sent.shape != mask.shape:
            continue
        drawn = _drawn(step, target, entries[1])
        if drawn is not None:
            title = (
                f"the mask {text_of(replay.graph, other)} is not that of the forward pass: it was "
                f"drawn anew"
            )
            yield step.candidate(title, 2.8, times(drawn))


def _drawn(step: Step, target: Target, size: float) -> Any:
    """Solve for a mask: each column of the gradient depends on one of the mask's."""
    replay = step.replay
    g = replay.gradients[step.node.id] * size
    rows, columns = g.shape
    hand, right = target.hand, target.right
    if hand.shape != right.shape or hand.ndim != 2 or hand.shape[1] != columns:
        return None
    without = Made(replay, step.operand.id, lambda: 0 * g, lambda: replay.parts[step.edge])(target)
    if without is None:
        return None
    each = []
    for row in range(rows):
        alone = np.zeros_like(g)
        alone[row] = g[row]
        each.append(replay.added(step.operand.id, alone).get(target.id))
    if any(part is None for part in each):
        return None
    parts = np.array(each)
    choices = (np.arange(2**rows)[:, None] >> np.arange(rows)) & 1
    if min(rows, columns) < 2:
        return None
    drawn = np.zeros_like(g)
    for column in range(columns):
        given = choices @ parts[:, :, column]
        gap = np.abs(given - (hand - without)[:, column]).sum(axis=1)
        best = int(np.argmin(gap))
        drawn[:, column] = choices[best] * size
        if gap[best] > 1e-6 * (1e-12 + np.abs(hand[:, column]).sum()):
            return None
    assert step.other is not None  # The step is a product.
    turned = same(drawn, size - np.asarray(replay.values[step.other.id]))
    return None if turned or np.array_equal(drawn * g, size * g) or not drawn.any() else drawn


MOST_ORDERED, FEWEST_NUMBERS, FEWEST_ENTRIES, FEWEST_ORDERS = 4, 2, 8, 300
"""By how many tensors a choice may be thought to go; how many numbers tell a threshold, or entries
that are one number or nothing; of how many orders that of any tensor may be that of the choice."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Where one of two operands is taken, or one operand or nothing."""

    node: Node
    taken: Any
    edges: tuple[Edge, ...]


@more("mask")
def another_threshold(case: Case, target: Target) -> Iterator[Candidate]:
    """Compare with another number on the way back: with 0, say, and not with a margin.

    A gradient is linear in each entry of a mask, and the masks of all thresholds are nested. So
    the running sum of what the entries contribute, along two directions, tells the threshold.
    """
    replay = case.replay
    if not target.fits:
        return
    if distinct(target.hand) < FEWEST_NUMBERS and target.hand.size < FEWEST_ENTRIES:
        return  # Of few numbers, chance gives too many: each is some sum over the entries.
    for choice in _choices(replay):
        if target.id not in replay.behind(choice.node.id):
            continue
        some = _goes_by(replay, choice)
        for by in some if choice.node.primitive is ops.where else some[:MOST_ORDERED]:
            yield from _moved(case, target, choice, by)


def _choices(replay: Replay) -> Iterator[Choice]:
    for node in replay.graph:
        if node.id not in replay.gradients or not node.shape or node.primitive is None:
            continue
        operands = [np.asarray(replay.values[key]) for key in node.operands]
        edges: tuple[Edge, ...]
        if node.primitive is ops.where:
            taken, edges = operands[0], ((node.id, 1), (node.id, 2))
        elif node.primitive in (ops.maximum, ops.minimum):
            first = node.primitive is ops.maximum
            taken = operands[0] > operands[1] if first else operands[0] < operands[1]
            edges = ((node.id, 0), (node.id, 1))
        elif node.primitive is ops.multiply and any(map(_is_mask, operands)):
            i = int(_is_mask(operands[1]))
            taken, edges = operands[i], ((node.id, 1 - i),)
        else:
            continue
        if taken.shape == node.shape:
            yield Choice(node, taken.astype(bool), edges)


def _is_mask(value: Any) -> bool:
    return value.ndim > 0 and bool(np.isin(value, (0, 1)).all())


class By(NamedTuple):
    """By what a choice may go, and whether it takes what is larger."""

    text: str
    value: Any
    above: bool
    cost: float


def _goes_by(replay: Replay, choice: Choice) -> list[By]:
    """Return by what a choice may go: by tensors or their sizes, those with a name first."""
    found, taken = list[By](), choice.taken
    if taken.all() or not taken.any():
        return []
    behind = set(replay.behind(choice.node.id))
    if math.comb(taken.size, int(taken.sum())) < FEWEST_ORDERS:  # Chance orders so few entries.
        own = () if choice.node.primitive is ops.where else choice.node.operands
        behind = {key for key in behind if replay.graph[key].name or key in own}
    for x in reversed(replay.graph):
        value = np.asarray(replay.values[x.id])
        if x is choice.node or x.id not in behind or value.shape != taken.shape:
            continue
        if value.dtype.kind != "f" or x.kind == "constant":
            continue
        name, cost = text_of(replay.graph, x), 1.3 if x.name else 1.4
        for text, size in ((name, value), (f"np.abs({name})", np.abs(value))):
            for above in (True, False):
                one, other = (taken, ~taken) if above else (~taken, taken)
                nested = size[other].max() <= size[one].min()
                if nested or choice.node.primitive is ops.where:
                    found.append(By(text, size, above, cost if nested else cost + 0.15))
            cost += 0.05
            if (value >= 0).all():
                break
    return sorted(found, key=lambda by: by.cost)


def _moved(case: Case, target: Target, choice: Choice, by: By) -> Iterator[Candidate]:
    replay = case.replay
    value = by.value.ravel()
    order = np.argsort(-value if by.above else value, kind="stable")  # What is taken comes first.
    taken = choice.taken.ravel()[order]
    right = int(taken.sum())
    another = not taken[:right].all()
    found, size = [], 0.0
    g = replay.gradients[choice.node.id]
    for u, moved in replay.tangents(target.id):
        sides = [moved.get(replay.graph[key].operands[i], 0.0) for key, i in choice.edges]
        each = np.broadcast_to(g * (sides[0] - (sides[1] if len(sides) > 1 else 0.0)), g.shape)
        each = each.ravel()[order]
        sums = np.concatenate([[0.0], np.cumsum(each)])
        goal = float(np.sum(u * (target.hand - target.right)))
        found.append(np.abs(sums - each[taken].sum() - goal))
        size = max(size, float(np.abs(each).sum()), abs(goal))
    fits = np.flatnonzero((np.array(found) <= slack(target) * size).all(axis=0))
    # What adds nothing may be on either side; equal values are on the same.
    for k, last in _ranges(fits):
        if not 0 < k <= last < value.size or value[order[k - 1]] == value[order[last]]:
            continue  # That all count, or none, has other names.
        mask = np.zeros(value.size)
        mask[order[:k]] = 1.0
        mask = mask.reshape(g.shape)
        rules: dict[Edge, Rule] = {
            edge: times(m) for edge, m in zip(choice.edges, (mask, 1 - mask), strict=False)
        }
        border, known = _border(case, (value[order[k - 1]], value[order[last]]))
        at = f" from {choice.node.name}" if choice.node.name else ""
        than = "another tensor" if another else "another threshold"
        yield Candidate(
            f"{by.text} is compared with {border} on the way back{at}: {than} than forwards",
            by.cost + (0.4 if not known and abs(k - right) < 2 else 0.0),  # One entry is chance.
            predict=wrong(replay, rules),
        )


def _ranges(numbers: Any) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of those that follow one another."""
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1):
        if run.size:
            yield int(run[0]), int(run[-1])


def _border(case: Case, ends: tuple[Any, Any]) -> tuple[str, bool]:
    """Return the text of a threshold between two values, and whether that is a known number."""
    low, high = sorted(ends)
    leaves = [x for x in case.replay.graph if x.primitive is None]
    known = {"0": 0.0, **{shown(k): k for k in numbers(case)}}
    known |= {
        x.name: float(np.real(x.value).flat[0]) for x in leaves if x.name and x.value.size == 1
    }
    known |= {f"-{text}": -k for text, k in known.items() if k}
    known |= {f"2 * {text}": 2 * k for text, k in known.items() if k} | {"1": 1.0, "0.5": 0.5}
    fits = next((text for text, k in known.items() if low <= k <= high), None)
    between = f"a number from {low:.4g} to {high:.4g}"
    return (f"{fits}, or {between}", True) if fits else (between, False)
