"""Choices and masks that go by another threshold on the way back than forwards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import distinct, slack, text_of, times, wrong
from autograd_lite.check.mistakes.reasons import numbers, shown
from autograd_lite.check.mistakes.registry import Candidate, Case, Target
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.graph import Node

MOST_ORDERED, FEWEST_NUMBERS, FEWEST_ORDERS = 4, 2, 300
"""By how many tensors a choice may be thought to go; how many numbers tell a threshold; of how
many orders that of any tensor may be that of the choice."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Where one of two operands is taken, or one operand or nothing."""

    node: Node
    taken: Any
    edges: tuple[Edge, ...]


def another_threshold(case: Case, target: Target) -> Iterator[Candidate]:
    """Compare with another number on the way back: with 0, say, and not with a margin.

    A gradient is linear in each entry of a mask, and the masks of all thresholds are nested. So
    the running sum of what the entries contribute, along two directions, tells the threshold.
    """
    replay = case.replay
    if replay is None or target.id is None or target.hand.shape != target.right.shape:
        return
    if distinct(target.hand) < FEWEST_NUMBERS:
        return  # Of few numbers, chance gives too many: each is some sum over the entries.
    for choice in _choices(replay):
        if target.id not in replay.behind(choice.node.id):
            continue
        for by in _goes_by(replay, choice)[:MOST_ORDERED]:
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
                if size[other].max() <= size[one].min():
                    found.append(By(text, size, above, cost))
            cost += 0.05
            if (value >= 0).all():
                break
    return sorted(found, key=lambda by: by.cost)


def _moved(case: Case, target: Target, choice: Choice, by: By) -> Iterator[Candidate]:
    replay = case.replay
    assert replay is not None
    value = by.value.ravel()
    order = np.argsort(-value if by.above else value, kind="stable")  # What is taken comes first.
    taken = choice.taken.ravel()[order]
    right = int(taken.sum())
    if not taken[:right].all():
        return
    found, size = [], 0.0
    g = replay.gradients[choice.node.id]
    for u, moved in replay.tangents(target.id or ""):
        sides = [moved.get(replay.graph[key].operands[i], 0.0) for key, i in choice.edges]
        each = np.broadcast_to(g * (sides[0] - (sides[1] if len(sides) > 1 else 0.0)), g.shape)
        each = each.ravel()[order]
        sums = np.concatenate([[0.0], np.cumsum(each)])
        goal = float(np.sum(u * (target.hand - target.right)))
        found.append(np.abs(sums - sums[right] - goal))
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
        border = _border(case, (value[order[k - 1]], value[order[last]]))
        at = f" from {choice.node.name}" if choice.node.name else ""
        yield Candidate(
            f"{by.text} is compared with {border} on the way back{at}: another threshold than "
            f"forwards",
            by.cost,
            predict=wrong(replay, rules),
        )


def _ranges(numbers: Any) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of those that follow one another."""
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1):
        if run.size:
            yield int(run[0]), int(run[-1])


def _border(case: Case, ends: tuple[Any, Any]) -> str:
    """Return the text of a threshold between two values: a known number, or the interval."""
    low, high = sorted(ends)
    leaves = [x for x in case.replay.graph if x.primitive is None] if case.replay else []
    known = {"0": 0.0, **{shown(k): k for k in numbers(case)}}
    known |= {
        x.name: float(np.real(x.value).flat[0]) for x in leaves if x.name and x.value.size == 1
    }
    known |= {f"-{text}": -k for text, k in known.items() if k}
    known |= {f"2 * {text}": 2 * k for text, k in known.items() if k} | {"1": 1.0, "0.5": 0.5}
    fits = next((text for text, k in known.items() if low <= k <= high), None)
    between = f"a number from {low:.4g} to {high:.4g}"
    return f"{fits}, or {between}" if fits else between
