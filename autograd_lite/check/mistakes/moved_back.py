"""What only moves entries, undone in another way: copies, axes in another order, pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Step, always, steps
from autograd_lite.check.mistakes.made import replaced, slack, wrong
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, mistake, same
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.texts import text_of

MOST_AXES = 4
"""Of so many axes, all orders are tried."""

Way = tuple[str, float, Array]
"""How it was undone, how far-fetched that is, and what comes back so."""


@mistake("moved back", "What a copy, a transpose or a join has moved goes back where it came from.")
def moved_back(case: Case, target: Target) -> Iterator[Candidate]:
    """Undo a repetition, a transpose or a join in another way."""
    yield from _exchanged(case.replay, target)
    for step in steps(case, target, once=True):
        ways = WAYS.get(step.primitive)
        for text, cost, sent in ways(step, step.replay.gradients[step.node.id]) if ways else ():
            if sent.shape == step.operand.shape:
                predict = wrong(step.replay, {step.edge: always(sent)})
                yield Candidate(f"{text} on the way back from {step.name}", cost, predict=predict)


def _of_repeat(step: Step, g: Array) -> Iterator[Way]:
    """Count one copy of neighbours, or take them for those of a tile."""
    axis, n = step.node.parameters.get("axis"), step.node.parameters["repeats"]
    if axis is None or not isinstance(n, int | np.integer) or n < 2:
        return
    name = text_of(step.replay.graph, step.operand)
    k = axis % g.ndim
    before, m, after = g.shape[:k], g.shape[k] // n, g.shape[k + 1 :]
    copies = g.reshape(*before, m, n, *after)
    yield f"only the first of the {n} copies of {name} counts", 0.9, copies.take(0, k + 1)
    yield f"only the last of the {n} copies of {name} counts", 1.0, copies.take(-1, k + 1)
    yield f"the {n} copies of {name} are averaged, not summed,", 0.9, copies.mean(k + 1)
    tiled = g.reshape(*before, n, m, *after)
    text = f"the copies of {name} are summed as those of np.tile are, not of np.repeat,"
    yield text, 1.0, tiled.sum(k)


def _of_tile(step: Step, g: Array) -> Iterator[Way]:
    """Take copies that come one after the other for neighbours."""
    for k, (n, m) in enumerate(zip(g.shape, step.operand.shape, strict=False)):
        rest = g.shape[:k] + g.shape[k + 1 :], step.operand.shape[:k] + step.operand.shape[k + 1 :]
        if m and n > m and g.ndim == len(step.operand.shape) and rest[0] == rest[1]:
            name = text_of(step.replay.graph, step.operand)
            copies = g.reshape(*g.shape[:k], m, n // m, *g.shape[k + 1 :])
            text = f"the copies of {name} are summed as those of np.repeat are, not of np.tile,"
            yield text, 1.0, copies.sum(k + 1)


def _of_transpose(step: Step, g: Array) -> Iterator[Way]:
    """Put axes in another order than the one that takes the forward one back."""
    if not 2 < g.ndim <= MOST_AXES:
        return
    forwards = step.node.parameters.get("axes") or tuple(range(g.ndim))[::-1]
    right = tuple(map(int, np.argsort([axis % g.ndim for axis in forwards])))
    for axes in itertools.permutations(range(g.ndim)):
        if axes not in (right, tuple(range(g.ndim))):  # Only reshaped, it is named elsewhere.
            text = f"the axes are transposed by {axes}, and not by {right},"
            yield text, 1.0, g.transpose(axes).reshape(step.operand.shape)


def _exchanged(replay: Replay, target: Target) -> Iterator[Candidate]:
    """Exchange the two halves of what was joined, or take every other slice for a half."""
    for node in replay.graph:
        g = replay.gradients.get(node.id)
        if g is None or node.primitive not in (ops.concatenate, ops.stack):
            continue
        for axis, n in enumerate(g.shape) if target.id in replay.behind(node.id) else ():
            halves = np.arange(n - n % 2).reshape(2, -1)
            for words, order in (
                ("exchanged", halves[::-1]),
                ("taken as every other slice, [0::2] and [1::2]", halves.ravel().reshape(-1, 2).T),
                ("put back as every other slice, [0::2] and [1::2]", halves.T),
            ) if n > 1 and not n % 2 else ():  # fmt: skip
                halves_of = f"the two halves of the gradient at {text_of(replay.graph, node)}"
                made = replaced(replay, node.id, g.take(order.ravel(), axis))
                yield Candidate(f"{halves_of} along axis {axis} are {words}", 1.1, predict=made)


# ------------------------------------------------------------------------ a part of a sum


MOST_SLICES, MOST_RUNS = 100, 3
"""Along an axis of how many slices a run of them is looked for, and how many runs are tested."""


@mistake("part of a sum", "All slices count on the way back, as they did forwards.", last=True)
def part_of_a_sum(case: Case, target: Target) -> Iterator[Candidate]:
    """Count a run of slices along an axis only: a tile, the first sample, all but the last steps.

    A gradient is linear in each slice. So running sums along two directions tell the run.
    """
    replay = case.replay
    if not target.fits:
        return
    directions = list(replay.tangents(target.id))
    goals = np.array([np.sum(u * (target.hand - target.right)) for u, _ in directions])
    for g, whose, weigh, without in _sums(case, target):
        each = np.array([g * weigh(moved) for _, moved in directions])
        for axis, n in enumerate(g.shape):
            if n > MOST_SLICES:
                continue
            along = each.sum(axis=tuple(k + 1 for k in range(g.ndim) if k != axis))
            sums = np.pad(np.cumsum(along, axis=1), ((0, 0), (1, 0)))
            size = slack(target) * (np.abs(along).sum(axis=1) + np.abs(goals))
            runs = sums[:, None] - sums[..., None]  # From one slice to before another.
            gap = np.abs(runs - (sums[:, -1] + goals)[:, None, None])
            fits = np.triu((gap <= size[:, None, None]).all(axis=0), 1)
            for first, end in np.argwhere(fits)[:MOST_RUNS]:
                kept = np.zeros([n if k == axis else 1 for k in range(g.ndim)])
                kept[(slice(None),) * axis + (slice(first, end),)] = 1.0
                if not same(g * kept, g):
                    title = _run(first, end, n, axis).format(whose)
                    far = 1.4 if whose.startswith("the gradient") else 1.45
                    yield Candidate(title, far, predict=without(kept))


def _run(first: int, end: int, n: int, axis: int) -> str:
    """Return which of n slices count, in words."""
    noun, along = ("slice", f" along axis {axis}") if axis else ("row", "")
    if end - first == n - 1 > 1:
        return f"the {'first' if first else 'last'} {noun}{along} of {{}} is left out"
    if end - first == 1 and (first == 0 or end == n):
        return f"only the {'last' if first else 'first'} {noun}{along} of {{}} counts"
    which = f"{noun}s {first} to {end - 1}" if first else f"first {end}"
    which = f"last {n - first}" if end == n else which
    return f"only the {which} of {n} {noun}s{along} of {{}} count"


def _sums(case: Case, target: Target) -> Iterator[tuple[Array, str, Any, Any]]:
    """Yield what is summed on the way back, whose it is, its weights, and what a part predicts."""
    for step in steps(case, target, once=True):
        replay, x, shape = step.replay, step.operand, step.node.shape
        sent = np.asarray(step.rule(g := replay.gradients[step.node.id]))
        whose = f"what comes back to {text_of(replay.graph, x)} from {step.name}"
        if step.primitive.entrywise and sent.shape == shape != x.shape:
            yield sent, whose, partial(_there, x.id), partial(_masked, step, after=True)
        elif step.is_matrix_product:
            yield g, whose, partial(_moved, step), partial(_masked, step, after=False)
    for node in dict.fromkeys(step.node for step in steps(case, target, once=True)):
        if node.name or node.primitive is ops.getitem:
            g, whose = replay.gradients[node.id], f"the gradient at {text_of(replay.graph, node)}"
            yield g, whose, partial(_there, node.id), partial(_of_all, replay, node.id, g)


def _there(key: str, moved: Any) -> Any:
    return moved.get(key, 0.0)


def _moved(step: Step, moved: Any) -> Any:
    operands = [step.replay.values[key] for key in step.node.operands]
    operands[step.edge[1]] = moved.get(step.operand.id, np.zeros(step.operand.shape))
    return step.primitive.forward(*operands, **step.node.parameters)


def _of_all(replay: Replay, key: str, g: Array, kept: Array) -> Any:
    return replaced(replay, key, g * kept)


def _masked(step: Step, kept: Array, *, after: bool) -> Any:
    return step.wrong(lambda g: step.rule(g) * kept if after else step.rule(g * kept))


WAYS = {ops.repeat: _of_repeat, ops.tile: _of_tile, ops.transpose: _of_transpose}
"""In what other ways an operation may be undone."""
