"""Mistakes on the way back through a softmax, or the logarithm of one, however it is written."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.made import Made
from autograd_lite.check.mistakes.reasons import reason, shown
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake, remembered
from autograd_lite.check.mistakes.repeated import Tries
from autograd_lite.check.mistakes.replay import Replay, Rule, is_shifted
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.graph import Node


@mistake("another softmax", "The derivative of a logsumexp is the softmax along the same axis.")
def another_softmax(case: Case, target: Target) -> Iterator[Candidate]:
    """Go back through a logsumexp with something else than the softmax of what it is given."""
    replay = case.replay
    for x, node, axis in logarithms(replay):
        if target.id not in replay.behind(x.id):
            continue
        g, name = replay.gradients[node.id], text_of(replay.graph, node)
        p = ops.softmax.forward(np.asarray(replay.values[x.id]), axis=axis)
        if node.shape == x.shape:
            right = g - p * g.sum(axis, keepdims=True)
            forms = [*_logarithm_forms(g, p, np.asarray(replay.values[x.id]), axis, name)]
            forms += _other_targets(replay, x, target, g, p, axis, name)
        else:
            kept = len(node.shape) == len(x.shape)
            right = _sent(p, axis)(g)
            forms = [(t, c, rule(g)) for t, c, rule in _forms(replay, x, axis, kept, name)]
        far = 0.05 if is_shifted(replay.graph, x) else 0.0
        for title, cost, instead in forms:
            made = Made(replay, x.id, instead, right)
            yield Candidate(title, cost + far, predict=made)


def _logarithm_forms(
    g: Any, p: Any, x: Any, axis: int, name: str
) -> Iterator[tuple[str, float, Any]]:
    """Yield what may stand in place of ``g - p * sum(g)``, with `p` the softmax of `x`."""
    total, at = g.sum(axis, keepdims=True), f"on the way back through the log-softmax {name}"
    for power in (x, x - x.max(axis, keepdims=True)):
        title = f"exp is not divided by its sum {at}"
        yield title, 0.85, g - np.exp(power) * total
    for form, wrong in (
        ("g * p * (1 - p)", g * p * (1 - p)), ("g * p", g * p), ("g * (1 - p)", g * (1 - p)),
        ("g - p", g - p), ("g - sum(g)", g - total),
    ):  # fmt: skip
        yield f"{form} stands in place of g - p * sum(g) {at}", 0.93, wrong
    for text, instead in (
        ("the sigmoid stands in place of the softmax", ops.sigmoid.forward(x)),
        ("the logarithm of the softmax stands in its place", np.log(p)),
        ("the input of the softmax stands in its place", x),
        *((f"the softmax is taken along axis {k}, in place of {axis},",
           ops.softmax.forward(scores, axis=k)) for k in range(x.ndim) if k != axis
          for scores in (x, x - x.max(axis, keepdims=True))),
    ):  # fmt: skip
        yield f"{text} {at}", 1.02, g - instead * total
    yield f"the sum of g has a mean in its place {at}", 0.94, g - p * total / g.shape[axis]


def _other_targets(
    replay: Replay, x: Node, target: Target, g: Any, p: Any, axis: int, name: str
) -> Iterator[tuple[str, float, Any]]:
    """Solve for the targets: one number at the labels, one elsewhere, as if smoothed otherwise."""
    total = g.sum(axis, keepdims=True)
    if not target.fits or target.hand.size < 4 or not total.all():
        return
    at = g / total > (np.min(g / total) + np.max(g / total)) / 2
    right = np.array([np.mean((g / total)[side]) for side in (at, ~at) if side.any()])
    if len(right) < 2 or not np.allclose(g / total, np.where(at, *right), rtol=0, atol=1e-9):
        return
    added = [replay.added(x.id, total * side) for side in (at, ~at)]
    if target.id not in added[0]:  # It stops at a gradient that is given.
        return
    sides = [np.ravel(sent[target.id]) for sent in added]
    gap = np.ravel(target.hand - target.right)
    wrong = right + np.linalg.lstsq(np.transpose(sides), gap, rcond=None)[0]
    here, there = (" and ".join(shown(round(x, 12) + 0.0) for x in pair) for pair in (wrong, right))
    said = f"the targets of {name} are {here}, at the label and elsewhere, in place of {there}"
    yield said, 0.95, total * (np.where(at, *wrong) - p)


@remembered
def logarithms(replay: Replay) -> Iterator[tuple[Node, Node, int]]:
    """Return each logsumexp and log-softmax: its input, its output, its axis; found by values."""
    sums: list[tuple[Node, int, Any, float]] = []
    tries = Tries(replay)
    for node in replay.graph:
        y = np.asarray(replay.values[node.id])
        if node.id not in replay.gradients or y.dtype.kind != "f":
            continue
        for x, axis, total, start in sums if tries.are_left(node) else ():
            full = node.shape == x.shape
            if not (full or y.size == total.size) or x.id not in replay.behind(node.id):
                continue
            one = start if full else float(total.flat[0])
            if not abs(y.flat[0] - one) <= 1e-9 * abs(one) + 1e-12:
                continue  # One entry tells most that differ apart.
            made = np.asarray(replay.values[x.id]) - total if full else total.reshape(y.shape)
            said = _axes_between(replay, x, node)
            if axis in (said or (axis,)) and np.allclose(y, made, rtol=1e-9, atol=1e-12):
                yield x, node, axis
                break
        else:
            tries.note(node, found=False)
        # A bias of zeros changes nothing: what is nearest to the loss has its gradient, too.
        sums = [z for z in sums if not np.array_equal(replay.values[z[0].id], y)]
        for axis in range(y.ndim) if y.size > 1 and y.ndim < 4 else ():
            if y.shape[axis] > 1:
                total = ops.logsumexp.forward(y, axis=axis, keepdims=True)
                sums.append((node, axis, total, float(y.flat[0] - total.flat[0])))


def _axes_between(replay: Replay, x: Node, node: Node) -> set[int]:
    """Return the axes along which something is done on the way: a symmetric `x` hides them."""
    inside = replay.behind(node.id) - replay.behind(x.id)
    axes = (replay.graph[key].parameters.get("axis") for key in inside)
    return {axis % len(x.shape) for axis in axes if isinstance(axis, int)}


def _sent(p: Any, along: int) -> Rule:
    shape = tuple(1 if k == along else n for k, n in enumerate(p.shape))
    return lambda g: np.reshape(g, shape) * p


def _forms(
    replay: Replay, operand: Node, axis: int, kept: bool, name: str
) -> Iterator[tuple[str, float, Rule]]:
    x = np.asarray(replay.values[operand.id])
    right = ops.softmax.forward(x, axis=axis)

    sent = functools.partial(_sent, along=axis)
    at = f"on the way back from {name}"
    yield f"the derivative of the logsumexp at {name} is left out", 0.65, sent(np.ones_like(x))
    for power in (x, x - x.max(axis, keepdims=True)):
        yield f"exp is not divided by its sum in the softmax {at}", 0.8, sent(np.exp(power))
    yield f"p * (1 - p) stands in place of the softmax p {at}", 0.9, sent(right * (1 - right))
    best = x == x.max(axis, keepdims=True)
    yield f"the largest entry gets all, as from a maximum, {at}", 0.9, sent(best)
    if x.ndim > 1:
        whole = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
        yield f"the softmax is divided by the sum over all axes {at}", 0.9, sent(whole)
    for k in range(x.ndim):
        if k != axis:
            for scores in (x, x - x.max(axis, keepdims=True)):
                form = ops.softmax.forward(scores, axis=k)
                title = f"the softmax is taken along axis {k}, in place of {axis}, {at}"
                yield title, 0.8, sent(form)
            if x.shape[k] == x.shape[axis] and x.ndim == 2 and not kept:
                text = (
                    f"the gradient multiplies the softmax along axis {k}, in place of {axis}, {at}"
                )
                yield text, 0.9, _sent(right, k)
    for part in replay.graph.operands(operand) if operand.primitive is ops.add else ():
        alone = np.broadcast_to(replay.values[part.id], x.shape)
        text = f"the softmax is that of {text_of(replay.graph, part)} alone {at}"
        yield text, 1.0, sent(ops.softmax.forward(alone, axis=axis))


@mistake("softmax in pieces", "Each entry of a softmax depends on all of its row.")
def softmax_in_pieces(case: Case, target: Target) -> Iterator[Candidate]:
    """Change the gradient of a softmax, however it is written."""
    replay = case.replay
    for x, node, axis in softmaxes(replay):
        if target.id in replay.behind(x.id):
            yield from _softmax_forms(replay, x, node, axis)
            yield from _scaled_sum(case, target, x, node, axis)


@remembered
def softmaxes(replay: Replay) -> Iterator[tuple[Node, Node, int]]:
    """Return each softmax, also one that is written out: its input, its output, its axis."""
    for node in replay.graph:
        if node.primitive is ops.softmax and node.id in replay.gradients and node.shape:
            x, axis = replay.graph[node.operands[0] or ""], node.parameters["axis"]
            if x.id in replay.gradients and isinstance(axis, int):
                yield x, node, axis % len(node.shape)
    nodes = [x for x in replay.graph if x.id in replay.gradients and x.shape and x.value.size > 1]
    for i, node in enumerate(nodes):
        y = np.asarray(replay.values[node.id])
        last_first = range(y.ndim)[::-1] if y.min() >= 0 else ()
        axis = next((k for k in last_first if np.allclose(y.sum(k), 1)), None)
        if axis is None or node.primitive is ops.softmax:
            continue
        inside = [x for x in nodes[:i] if x.shape == node.shape and x.id in replay.behind(node.id)]
        several = (np.count_nonzero(y, axis) > 1).any()  # Masked before the exponential, or after.
        for kept, x in itertools.product((np.True_, y != 0)[: 1 + several], inside):
            scores = np.where(kept, replay.values[x.id], -np.inf)
            if is_shifted(replay.graph, x):
                continue
            if np.allclose(ops.softmax.forward(scores, axis=axis), y):
                yield x, node, axis
                break


def forms_at(
    replay: Replay, x: Node, node: Node, axis: int, g: Any, name: str
) -> list[tuple[str, float, Any]]:
    """Return what may stand in place of ``y * (g - sum(g * y))``."""
    y = np.asarray(replay.values[node.id])
    between = "it has terms between the entries of a row"
    forms = (
        (f"the derivative of the softmax at {name} is not {name} * (1 - {name}): {between}",
         g * y * (1 - y)),
        (f"the derivative of the softmax at {name} is not {name}: {between}", g * y),
        (f"the derivative of the softmax at {name} is left out", g),
        (f"the factor {name} of the softmax is missing", g - (g * y).sum(axis, keepdims=True)),
        (f"in the sum of the softmax, the factor {name} is missing",
         y * (g - g.sum(axis, keepdims=True))),
        (f"the mean of the gradient stands in place of its sum with the weights {name}, in the "
         f"softmax", y * (g - g.mean(axis, keepdims=True))),
        ("in the sum of the softmax, the gradient is missing",
         g * y - y * y.sum(axis, keepdims=True)),
        (f"in what the softmax takes away, the factor {name} is missing",
         g * y - (g * y).sum(axis, keepdims=True)),
        *((f"the sum of the softmax is taken along axis {k}, in place of {axis}",
           y * (g - (g * y).sum(k, keepdims=True))) for k in range(y.ndim) if k != axis),
        *((f"the derivative of the softmax at {name} is that of the {which} row, for all rows",
           y[k] * (g - (g * y[k]).sum(axis, keepdims=True)))
          for which, k in (("first", 0), ("last", -1)) if axis % y.ndim),
        *((f"the sum of the softmax is taken over each block of {n}, in place of over all",
           y * (g - np.repeat(np.add.reduceat(g * y, range(0, y.shape[axis], n), axis), n, axis)))
          for n in range(2, y.shape[axis]) if not y.shape[axis] % n),
        *_masked_otherwise(replay, x, y, g, axis),
    )  # fmt: skip
    # It says more than a factor does.
    return [(title, 0.6 if title.endswith(between) else 0.69, form) for title, form in forms]


def _softmax_forms(replay: Replay, x: Node, node: Node, axis: int) -> Iterator[Candidate]:
    y, g = np.asarray(replay.values[node.id]), replay.gradients[node.id]
    right = g * y - y * (g * y).sum(axis, keepdims=True)
    name = grouped(text_of(replay.graph, node))
    for title, cost, instead in forms_at(replay, x, node, axis, g, name):
        yield Candidate(title, cost, predict=Made(replay, x.id, instead, right))
        for i, key in enumerate(x.operands if x.primitive is ops.where else ()):
            if key in replay.gradients and replay.graph[key].shape == node.shape:
                # What is masked gets nothing from the right formula, and needs no mask.
                made = Made(replay, key, instead, replay.parts[x.id, i])
                also = "" if title.startswith("the mask") else "; the mask is left out"
                yield Candidate(title + also, cost + 0.1, predict=made)


def _scaled_sum(case: Case, target: Target, x: Node, node: Node, axis: int) -> Iterator[Candidate]:
    """Solve for the factor of what the derivative of a softmax takes away."""
    replay = case.replay
    y, g, name = replay.values[node.id], replay.gradients[node.id], text_of(replay.graph, node)
    name, sums = grouped(name), y * (g * y).sum(axis, keepdims=True)
    made = Made(replay, x.id, -sums, -sums)
    factor = made.factor(target)
    if factor is None or min(abs(factor), abs(factor - 1)) < 1e-6 or target.hand.size < 3:
        return
    path = f"the sum over the row in the derivative of the softmax at {name}"
    title = f"{path} is added, in place of taken away" if factor < 0 else path
    if abs(factor + 1) >= 1e-6:
        why = reason(case, abs(factor))
        if why is None:
            return
        title += f"{', and' if factor < 0 else ''} has a factor {shown(abs(factor))}: {why[0]}"
    yield Candidate(title, 0.68, predict=made.times(factor))


def _masked_otherwise(
    replay: Replay, x: Node, y: Any, g: Any, axis: int
) -> Iterator[tuple[str, Any]]:
    """Yield what comes back through a softmax with another mask than that of the scores."""
    kept = y != 0
    rows, columns = (y.shape or (0,))[-1], (y.shape or (0,))[-2:-1]
    if kept.all() or not kept.any():
        return
    scores = scores_of(replay, x, kept)
    if scores is None and not np.allclose(ops.softmax.forward(replay.values[x.id], axis=axis), y):
        scores = x

    def through(p: Any) -> Any:
        return p * (g - (g * p).sum(axis, keepdims=True))

    if columns == (rows,) and kept[..., range(rows), range(rows)].all():
        text = "the diagonal is masked, too, on the way back through the softmax: a strict mask"
        yield text, through(y) * ~np.eye(rows, dtype=bool)
        text = "the mask is that of the other triangle on the way back: only the diagonal is left"
        yield text, through(y) * np.eye(rows)
    if scores is None:
        return
    plain = ops.softmax.forward(replay.values[scores.id], axis=axis)
    masks = [("is left out of", None), ("is reversed in", ~kept)]
    if columns == (rows,):
        masks.append(("is transposed in", np.swapaxes(kept, -1, -2)))
    for word, mask in masks:
        p = plain if mask is None else plain * mask
        total = p.sum(axis, keepdims=True)
        yield f"the mask {word} the softmax on the way back", through(p / np.where(total, total, 1))
    text = "the mask is applied after the softmax, not before, on the way back"
    yield text, through(plain * kept)


def scores_of(replay: Replay, x: Node, kept: Any) -> Node | None:
    """Return what the input of a softmax is but for a mask; None if none was applied to it."""
    masked = np.asarray(replay.values[x.id])
    for node in replay.graph.operands(x) if not kept.all() else ():
        alike = node.id in replay.gradients and node.shape == x.shape
        if alike and np.array_equal(np.asarray(replay.values[node.id])[kept], masked[kept]):
            return node
    return None
