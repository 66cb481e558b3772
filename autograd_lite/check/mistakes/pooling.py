"""A pooling goes back to other entries of each window, or by other values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Made, Step, always, steps, text_of
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake
from autograd_lite.graph import Node


@mistake("pooling", "The largest entry of a window gets all of the gradient, the others none.")
def wrong_pooling(case: Case, target: Target) -> Iterator[Candidate]:
    """Send what arrives at a maximum to all of its window, on average, or to the first entry."""
    for step in steps(case, target):
        yield from _one_of_window(step)
        inner, wide, window = step.node, step.replay.gradients[step.node.id], tuple[int, ...]()
        while inner.primitive in (ops.max, ops.min, ops.mean):
            (operand,) = step.replay.graph.operands(inner)
            ndim, axis = len(operand.shape), inner.parameters.get("axis")
            axes = range(ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
            axes = tuple(k % ndim for k in axes)
            kept = list(range(ndim))
            if not inner.parameters.get("keepdims", False):
                wide, kept = np.expand_dims(wide, axes), [k for k in kept if k not in axes]
            window = tuple(sorted({*axes, *(kept[k] for k in window)}))
            yield from _of_windows(step, inner, operand, wide, window)
            if (
                operand.primitive is not step.primitive
                or len(step.replay.graph.consumers(operand)) > 1
            ):
                break
            inner = operand  # The largest of some largest entries is one of all.


def _of_windows(
    step: Step, inner: Node, operand: Node, wide: Any, window: tuple[int, ...]
) -> Iterator[Candidate]:
    """Send what arrives, which has 1 entry for each window, to other entries of it."""
    x, mean = np.asarray(step.replay.values[operand.id]), step.primitive is ops.mean
    if mean and len(window) == x.ndim:
        return  # The mean of everything has no windows.
    everywhere, first = np.broadcast_to(wide, x.shape), np.zeros(x.shape)
    first[tuple(slice(0, 1) if k in window else slice(None) for k in range(x.ndim))] = wide
    count = int(np.prod([x.shape[k] for k in window]))
    before = text_of(step.replay.graph, operand)
    gets = f"of each window in {before} gets the gradient of {step.name}"
    found = [
        (f"the first entry {gets}", first),
        (f"the last entry {gets}", np.flip(first, window)),
    ]
    if mean:
        largest = everywhere * (x == x.max(window, keepdims=True))
        found.append((f"the largest entry {gets}: that of a maximum, not of a mean", largest))
    else:
        spread = f"the gradient of {step.name} is spread over the window in {before}"
        found += [
            (f"every entry {gets}", everywhere),
            (f"{spread}, as that of a mean", everywhere / count),
            (f"the entries of each window in {before} stand in place of the mask of the largest",
             everywhere * x),
        ]  # fmt: skip
        if 0 not in window:
            mask = np.broadcast_to(_chosen(step, x, window)[:1], x.shape)
            where = "the places of the largest entries of the first row"
            found.append((f"{where} are those of all in {before}", everywhere * mask))
    for title, sent in found:
        for text, part in ((title, sent), (f"{title}, divided by {count}", sent / count))[
            : 1 + mean
        ]:
            yield Candidate(
                text,
                0.8 + 0.1 * (part is not sent),
                predict=Made(
                    step.replay,
                    operand.id,
                    always(part),
                    always(step.replay.parts[inner.id, 0]),
                ),
            )


def _chosen(step: Step, x: Any, window: tuple[int, ...]) -> Any:
    """Return where the largest entry of each window is, or the first of several."""
    ends = tuple(range(-len(window), 0))
    moved = np.moveaxis(x if step.primitive is ops.max else -x, window, ends)
    flat = moved.reshape(*moved.shape[: -len(window)], -1)
    hot = np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]
    return np.moveaxis(hot.reshape(moved.shape), ends, window)


def _one_of_window(step: Step) -> Iterator[Candidate]:
    """Use one entry of each window forwards, or send back to one, where all of them count."""
    replay, other = step.replay, step.other
    pooled = step.node if step.primitive is ops.mean else other
    if pooled is None or pooled.primitive not in (ops.mean, ops.max, ops.min):
        return
    axis, x = pooled.parameters.get("axis"), replay.values[pooled.operands[0]]
    if not isinstance(axis, int) or np.shape(x)[axis] < 2:
        return
    before = text_of(replay.graph, replay.graph[pooled.operands[0]])
    for which, i in (("first", 0), ("last", -1)):
        if pooled is other:
            one = np.take(x, [i] if pooled.parameters.get("keepdims") else i, axis)
            yield Candidate(
                f"the {which} of {before} along axis {axis} is used in place of "
                f"{text_of(replay.graph, pooled)}",
                1.0,
                predict=step.wrong(replay.rule(step.edge, operands={1 - step.edge[1]: one})),
            )
        else:
            only = np.arange(np.shape(x)[axis]) == i % np.shape(x)[axis]
            shape = [-1 if k == axis % np.ndim(x) else 1 for k in range(np.ndim(x))]
            yield Candidate(
                f"only the {which} of {before} along axis {axis} gets its share of the gradient "
                f"of {step.name}",
                0.9,
                predict=step.wrong(
                    always(np.where(only.reshape(shape), replay.parts[step.edge], 0.0))
                ),
            )
