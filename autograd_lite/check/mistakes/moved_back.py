"""What only moves entries, undone in another way: copies, axes in another order, pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    Step,
    always,
    replaced,
    steps,
    text_of,
    wrong,
)
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, mistake
from autograd_lite.check.mistakes.replay import Replay

MOST_AXES = 4
"""Of so many axes, all orders are tried."""

Way = tuple[str, float, Array]
"""How it was undone, how far-fetched that is, and what comes back so."""


@mistake("moved back", "What a copy, a transpose or a join has moved goes back where it came from.")
def moved_back(case: Case, target: Target) -> Iterator[Candidate]:
    """Undo a repetition, a transpose or a join in another way."""
    if case.replay is None:
        return
    yield from _exchanged(case.replay, target)
    yield from _one_slice(case.replay, target)
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


def _one_slice(replay: Replay, target: Target) -> Iterator[Candidate]:
    """Count one slice of what arrives at the last tensor with a name: the first sample, say."""
    for node in reversed(list(replay.graph)):
        g = replay.gradients.get(node.id)
        if g is None or node.primitive is None or not node.name or g.ndim < 2:
            continue
        for axis, n in enumerate(g.shape) if target.id in replay.behind(node.id) else ():
            for k, which in ((0, "first"), (n - 1, "last")) if n > 1 else ():
                kept = np.zeros_like(g)
                at = (slice(None),) * axis + (k,)
                kept[at] = g[at]
                yield Candidate(
                    f"only the {which} slice along axis {axis} of the gradient at {node.name} "
                    f"counts",
                    1.2,
                    predict=replaced(replay, node.id, always(kept)),
                    kind="one row only",
                )
        return


def _exchanged(replay: Replay, target: Target) -> Iterator[Candidate]:
    """Exchange the two halves of what was joined."""
    for node in replay.graph:
        g = replay.gradients.get(node.id)
        if g is None or node.primitive not in (ops.concatenate, ops.stack):
            continue
        for axis in range(g.ndim) if target.id in replay.behind(node.id) else ():
            if g.shape[axis] > 1 and not g.shape[axis] % 2:
                other = np.roll(g, g.shape[axis] // 2, axis)
                yield Candidate(
                    f"the two halves of the gradient at {text_of(replay.graph, node)} along axis "
                    f"{axis} are exchanged",
                    1.1,
                    predict=replaced(replay, node.id, always(other)),
                )


WAYS = {ops.repeat: _of_repeat, ops.tile: _of_tile, ops.transpose: _of_transpose}
"""In what other ways an operation may be undone."""
