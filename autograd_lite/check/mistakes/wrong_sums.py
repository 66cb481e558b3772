"""Sums over the wrong axis on the way back to what was broadcast, as inside a normalisation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.check.mistakes.backward_steps import Made, Together, always, steps, text_of
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, more
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Node


@more("summed over the wrong axis")
def wrong_sums(case: Case, target: Target) -> Iterator[Candidate]:
    """Sum what comes back to a tensor that was broadcast over another axis, or not at all."""
    if target.hand.shape != target.right.shape:
        return
    for step in steps(case, target, once=True):
        x, shape = step.operand, step.node.shape
        layout = (*(1,) * (len(shape) - len(x.shape)), *x.shape)
        axes = tuple(k for k in range(len(shape)) if layout[k] < shape[k])
        if not step.primitive.entrywise or not axes or x.primitive is None:
            continue
        raw = np.asarray(step.rule(step.replay.gradients[step.node.id]))
        if raw.shape != shape:
            continue
        value = np.reshape(step.replay.values[x.id], layout)
        right = _further(step.replay, x, raw.sum(axes, keepdims=True), layout)
        if not right:
            continue
        name = text_of(step.replay.graph, x)
        at = f"what comes back to {name} from {step.name}"
        # What is the same along an axis may be taken out of the sum: that is another sum, then.
        for cost, outside in ((1.0, np.ones_like(value)), (1.0, value**-2.0), (1.05, 1 / value)):
            for other in _other_axes(len(shape), axes):
                total = (raw / outside).sum(other, keepdims=True) * outside
                n, m = (int(np.prod([shape[k] for k in some])) for some in (axes, other))
                over = f"axis {', '.join(map(str, other))}" if other else "no axis"
                over = "all axes" if len(other) == len(shape) else over
                means = [("summed", 1.0)] + [("averaged", n / m)] * (n != m and bool(other))
                for verb, factor in means:
                    wrong = _further(step.replay, x, factor * total, layout)
                    if wrong.keys() == right.keys():
                        yield Candidate(
                            f"{at} is {verb} over {over}, in place of {', '.join(map(str, axes))}",
                            cost + 0.05 * (len(other) != len(axes)),
                            predict=Together([
                                Made(step.replay, key, always(wrong[key]), always(part))
                                for key, part in right.items()
                            ]),
                        )  # fmt: skip


def _other_axes(n: int, right: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return over which axes something may be summed: each, all, or none."""
    found = [(k,) for k in range(n)] + [tuple(range(n)), ()]
    found += itertools.combinations(range(n), 2) if n > 2 else []
    return [axes for axes in dict.fromkeys(found) if axes != right]


def _further(replay: Replay, x: Node, g: Array, layout: tuple[int, ...]) -> dict[str, Any]:
    """Send a cotangent on that may be larger than its tensor, to where that was reduced.

    Parameters
    ----------
    replay : Replay
        The pass.
    x : Node
        A tensor that is reduced from others, and that was broadcast.
    g : ndarray
        What arrives there, with all axes of what `x` was broadcast to.
    layout : tuple of int
        The shape of `x` with all these axes.

    Returns
    -------
    dict of str to array
        What arrives at the tensors that it is reduced from; empty if it cannot be told.
    """
    found: dict[str, Any] = {}
    arrived: dict[str, Any] = {x.id: g}
    layouts = {x.id: layout}
    for node in reversed(replay.graph[: replay.position[x.id] + 1]):
        if node.id not in arrived or node.primitive is None:
            continue
        wide, sent = layouts[node.id], arrived[node.id]
        reduces = node.parameters.get("axis") is not None and "keepdims" in node.parameters
        for i, key in enumerate(node.operands):
            if not np.any(replay.parts.get((node.id, i), 0.0)):
                continue
            operand = replay.graph[key]
            if node.primitive.entrywise and operand.shape == node.shape:
                slope = np.reshape(replay.rule((node.id, i))(np.ones(node.shape)), wide)
                arrived[key], layouts[key] = arrived.get(key, 0.0) + sent * slope, wide
            elif operand.value.size == node.value.size and not node.primitive.entrywise:
                arrived[key], layouts[key] = sent, wide  # An axis was put in.
            elif reduces and len(operand.shape) == g.ndim:
                used = [replay.values[k] for k in node.operands]
                how = {**node.parameters, "keepdims": True}
                y = np.reshape(replay.values[node.id], wide)
                back = node.primitive.rules[i](sent, y, *used, **how)
                if np.shape(back) != operand.shape:
                    return {}
                found[key] = found.get(key, 0.0) + back
            else:
                return {}
    return found
