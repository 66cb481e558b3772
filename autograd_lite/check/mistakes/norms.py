"""Mistakes in the backward pass of a normalisation, and in what is summed on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import always, steps
from autograd_lite.check.mistakes.made import Made, Together
from autograd_lite.check.mistakes.other_operands import wrong_axis
from autograd_lite.check.mistakes.paths import scaled_path
from autograd_lite.check.mistakes.registry import (
    Array,
    Candidate,
    Case,
    Target,
    mistake,
    more,
    remembered,
    same,
)
from autograd_lite.check.mistakes.repeated import Tries
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node

Axes = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Norm:
    """``n = (u - mean(u)) / s`` with ``s = sqrt(var(u) + eps)``, along some axes.

    Without ``centred``, ``n = u / s``, with the root of the mean square; or, if ``share`` is 1 in
    place of 1/n, of the sum of the squares: a unit vector.
    """

    out: str
    into: str
    axis: Axes
    n: Array
    s: Array
    std: Array
    centred: bool = True
    share: float = 0.0

    @property
    def called(self) -> tuple[str, str]:
        """What it divides by, and the square of that, in words."""
        if self.centred:
            return "standard deviation", "variance"
        return (
            ("length", "squared length") if self.share == 1 else ("root mean square", "mean square")
        )

    def terms(self, g: Array) -> tuple[Array, Array, Array]:
        """Return the direct term, that of the mean, and that of the variance."""
        return self.terms_with(g, self.s, self.n, self.axis)

    def terms_with(self, g: Array, s: Array, n: Array, axis: Axes) -> tuple[Array, Array, Array]:
        """Return them with another scale, other results, or along other axes."""
        mean = np.broadcast_to(g.mean(axis, keepdims=True), g.shape)
        return (
            g / s,
            -mean / s if self.centred else np.zeros_like(g),
            -n * (g * n).sum(axis, keepdims=True) * self.share / s,
        )


@remembered
def norms(replay: Replay) -> Iterator[Norm]:
    """Return the normalisations of a computation, found by their values."""
    graph = replay.graph
    nodes = [
        node
        for node in graph
        if node.id in replay.gradients and 1 < len(node.shape) < 6 and min(node.shape) > 1
    ]
    tries = Tries(replay)
    for i, node in enumerate(nodes):
        if tries.are_left(node):
            found = list(_norms_at(replay, node, nodes[:i]))
            tries.note(node, found)
            yield from found


def _norms_at(replay: Replay, node: Node, before: Sequence[Node]) -> Iterator[Norm]:
    """Find what is divided by its standard deviation, or by its length."""
    n = np.asarray(replay.values[node.id], float)
    for axis in _axes(n):
        mean, square = n.mean(axis, keepdims=True), (n * n).mean(axis, keepdims=True)
        if np.abs(mean).max() > 1e-9 or not (0.2 < square.min() <= square.max() < 1 + 1e-9):
            continue
        for other in before:
            if other.shape != node.shape or other.id not in replay.behind(node.id):
                continue
            u = np.asarray(replay.values[other.id], float)
            std = u.std(axis, keepdims=True)
            if np.abs(u.mean(axis, keepdims=True)).max() < 1e-9 or not std.all():
                continue  # It has no mean any more: that is u - mean(u).
            s = std / np.sqrt(square)
            centred = u - u.mean(axis, keepdims=True)
            if np.allclose(centred, n * s, rtol=1e-8, atol=1e-10):
                share = _share(centred, s, axis)
                std = np.sqrt((centred**2).sum(axis, keepdims=True) * share)
                yield Norm(node.id, other.id, axis, n, s, std, share=share)
                break
    yield from _of_length(replay, node, before)


def _share(centred: Array, s: Array, axis: Axes) -> float:
    """Return 1/n or 1/(n - 1), with which the variance and an equal number for all give `s`."""
    count = centred.size // s.size
    sums = (centred**2).sum(axis, keepdims=True)

    def eps(share: float) -> Array:
        return np.asarray(s * s - sums * share)

    def spread(share: float) -> float:
        left = eps(share)
        return float(np.ptp(left)) if left.min() > -1e-12 else np.inf

    return min((1 / count, 1 / (count - 1)), key=spread)


def _axes(array: Array) -> list[Axes]:
    """Return some axes of an array, in every choice: a single one first, and never all of two."""
    chosen = [
        axes
        for count in range(1, array.ndim + 1)
        for axes in itertools.combinations(range(array.ndim), count)
    ]
    return chosen if array.ndim > 2 else chosen[:2]


def _of_length(replay: Replay, node: Node, before: Sequence[Node]) -> Iterator[Norm]:
    """Find what is divided by its length, or by the root of its mean square."""
    n = np.asarray(replay.values[node.id], float)
    single = [axes for axes in _axes(n)[::-1] if len(axes) == 1]
    for axis, share in ((axes, w) for axes in single for w in (1.0, 1 / n.shape[axes[0]])):
        square = (n * n).sum(axis, keepdims=True) * share
        if not 0.2 < square.min() <= square.max() < 1 + 1e-9:
            continue
        for other in before:
            if other.shape != node.shape or other.id not in replay.behind(node.id):
                continue
            u = np.asarray(replay.values[other.id], float)
            if np.abs(u.mean(axis)).max() < 1e-9:
                continue  # It is u - mean(u), and its length a standard deviation.
            length = np.sqrt((u * u).sum(axis, keepdims=True) * share)
            s = length / np.sqrt(square)
            eps = s**2 - length**2
            even = np.allclose(eps, eps.mean(), rtol=1e-3, atol=1e-9 * float((s**2).max()))
            if length.all() and even and np.allclose(u, n * s, rtol=1e-8, atol=1e-10):
                if not np.allclose(s, 1):
                    yield Norm(node.id, other.id, axis, n, s, length, False, share)
                return


@mistake("normalisation", "Mean and variance depend on every entry: the gradient has three terms.")
def wrong_norm(case: Case, target: Target) -> Iterator[Candidate]:
    """Change one of the three terms of the gradient of a normalisation."""
    replay = case.replay
    for norm in norms(replay):
        if target.id not in replay.behind(norm.into):
            continue
        g = replay.gradients[norm.out]
        u = text_of(replay.graph, replay.graph[norm.into])
        first, second, _ = norm.terms(g)
        total = replay.added(norm.out, g).get(norm.into)
        if total is None:  # It stops at a gradient that is given.
            continue
        right = first, second, total - first - second  # As eps may be outside of the root.
        for title, cost, instead in _changes(g, norm, u, right):
            yield Candidate(title, cost, predict=Made(replay, norm.into, instead, total))
        for node in replay.graph.consumers(replay.graph[norm.out]):
            above = replay.gradients.get(node.id)
            if node.primitive is ops.multiply and above is not None and above.shape == g.shape:
                (gain,) = [x for x in replay.graph.operands(node) if x.id != norm.out] or [node]
                _, *without = norm.terms(above)
                through = "the mean and the variance" if norm.centred else f"the {norm.called[0]}"
                title = f"the factor {text_of(replay.graph, gain)} is missing in what comes through"
                made = Made(replay, norm.into, right[0] + sum(without), total)
                yield Candidate(f"{title} {through} of {u}", 0.86, predict=made)
        scale = "variance" if norm.centred else norm.called[0]
        named = {
            f"the direct path to {u}": right[0],
            f"the path through the mean of {u}": right[1],
            f"the path through the {scale} of {u}": right[2],
        }
        if norm.centred:
            named[f"what comes through the mean and through the variance of {u}"] = (
                right[1] + right[2]
            )
        for name, term in named.items():
            if term.any():
                kinds = ("normalisation", "normalisation")
                yield from scaled_path(case, target, norm.into, term, name, 0.6, *kinds)


@mistake("running statistics", "What is not computed from the batch is a constant on the way back.")
def running_statistics(case: Case, target: Target) -> Iterator[Candidate]:
    """Take the mean and the variance for those of the batch, though they are constants."""
    for step in steps(case, target):
        replay, graph = step.replay, step.replay.graph
        scale = [x for x in graph.operands(step.node) if x is not step.operand]
        moved = step.operand.primitive in (ops.subtract, ops.add) and step.edge[1] == 0
        if step.primitive is not ops.divide or not moved or len(step.node.shape) < 2:
            continue
        constants = [*scale, *graph.operands(step.operand)[1:]]
        if any(x.id in replay.gradients or not x.shape for x in constants):
            continue
        n, g = np.asarray(replay.values[step.node.id]), replay.gradients[step.node.id]
        for axes in _axes(n):
            inner = g - g.mean(axes, keepdims=True) - n * (g * n).mean(axes, keepdims=True)
            title = (
                f"the gradient at {step.name} goes through the mean and the variance of the batch, "
                f"though {text_of(graph, constants[1])} and {text_of(graph, constants[0])} are "
                f"constants"
            )
            yield step.candidate(title, 0.9, always(step.rule(inner)))


def _changes(
    g: Array, norm: Norm, u: str, right: tuple[Array, Array, Array]
) -> Iterator[tuple[str, float, Callable[[], Any]]]:
    """Yield what may go wrong, and what comes out."""
    axis, s, n, std = norm.axis, norm.s, norm.n, norm.std
    first, second, third = right
    scale, square = norm.called
    if norm.centred:
        yield f"mean and variance of {u} are taken as constants", 0.6, lambda: first
    else:
        yield f"the {scale} of {u} is taken as a constant", 0.6, lambda: first
        yield f"the division of {u} by its {scale} is left out", 0.7, lambda: g
    plain = f"{u} minus its mean" if norm.centred else u
    for word, power in (("stands", 2), ("stands once", 1)):
        yield (
            f"{plain} {word} in place of {plain} divided by its {scale} on the way back",
            0.86 if norm.centred else 0.84,  # As likely as another power of the deviation.
            always(first + second + third * s**power),
        )
    rest = "mean and variance are" if norm.centred else f"the {scale} is"
    text = f"the direct path to {u} is left out: only {rest} there"
    yield text, 0.7, lambda: second + third
    text = f"the factor 1 / {scale} of {u} is missing"
    yield text, 0.7, lambda: (first + second + third) * s
    text = f"multiplied by the {scale} of {u}, where it is to be divided by it"
    yield text, 0.75, lambda: (first + second + third) * s**2
    text = f"1 stands in place of {u}, normalised, inside the sum in the path through the "
    inside = n * g.sum(axis, keepdims=True) * norm.share / s
    yield (
        text + (square if norm.centred else scale) + f" of {u}",
        0.86,
        always(first + second - inside),
    )
    by = f"divided by the {square} of {u}, not by its {scale}"
    for title, terms in (
        (by, (first / s + second + third)),
        (f"{by}, throughout", (first + second + third) / s),
        (
            f"the factor 1 / {scale} of {u} is missing in the direct path",
            first * s + second + third,
        ),
        (
            f"the factor 1 / {scale} of {u} is there in the direct path alone",
            first + (second + third) * s,
        ),
    ):
        yield title, 0.8, always(terms)
    eps = s**2 - std**2
    for word, bad in (
        ("eps is left out of", std),
        ("eps is added outside of", std + np.mean(eps)),
        ("eps is twice in", np.sqrt(s**2 + eps)),
        ("n - 1 stands in place of n in", np.sqrt(std**2 / (1 - norm.share) + eps)),
    ):
        if np.allclose(bad, s, rtol=1e-12):
            continue
        title = f"{word} the square root in the {scale} of {u}"
        scaled = n * s / bad
        for each in (
            norm.terms_with(g, bad, scaled, axis),
            norm.terms_with(g, bad, n, axis),
            (g / bad, second, third),
            (first, second, norm.terms_with(g, bad, scaled, axis)[2]),
        ):
            yield title, 0.9, always(sum(each))
    if not norm.centred:
        said = (
            f"the mean of the gradient is subtracted on the way back to {u} too, as if its mean "
            f"had been subtracted forwards"
        )
        yield said, 0.8, always(first + third - g.mean(axis, keepdims=True) / s)
    yield (
        f"the sum in the path through the {square if norm.centred else scale} of {u} is left out",
        0.85,
        always(first + second - n * g * n * (norm.share if norm.share == 1 else 1) / s),
    )
    for other in (x for x in _axes(g) if x != axis and norm.share < 1):
        _, mean, variance = norm.terms_with(g, s, n, other)
        size, count = (np.prod([g.shape[k] for k in some]) for some in (axis, other))
        inside = -n * s * (g * n / s**2).sum(other, keepdims=True) * norm.share
        over = f"axis {', '.join(map(str, other))}, in place of {', '.join(map(str, axis))}"
        term_of = [f"the term of the {x} on the way back to {u} is" for x in ("mean", "variance")]
        both = mean + variance * size / count
        for title, cost, wrong_sum in (
            (f"the sums on the way back to {u} are taken along {over}", 0.8, both),
            (f"{term_of[1]} taken along {over}", 0.8, second + inside),
            (f"{term_of[1]} summed over {over}", 1.05, second + variance),
            (f"{term_of[1]} averaged over {over}", 1.05, second + variance * size / count),
            (f"{term_of[0]} averaged over {over}", 1.05, mean + third),
            (
                f"{term_of[0]} averaged over {over}",
                1.06,
                third - (first + third).mean(other, keepdims=True),
            ),
            (f"{term_of[0]} summed over {over}", 1.05, mean * count / size + third),
        ):
            yield title, cost, always(first + wrong_sum)


@more(wrong_axis)
def wrong_sums(case: Case, target: Target) -> Iterator[Candidate]:
    """Sum what comes back to a tensor that was broadcast over another axis, or not at all."""
    if not target.fits:
        return
    for step in steps(case, target, once=True):
        x, shape = step.operand, step.node.shape
        layout = (*(1,) * (len(shape) - len(x.shape)), *x.shape)
        axes = tuple(k for k in range(len(shape)) if layout[k] < shape[k])
        if not step.primitive.entrywise or not axes or x.primitive is None:
            continue
        replay, key = step.replay, step.node.id
        raw = np.asarray(step.rule(replay.gradients[key]))
        if raw.shape != shape:
            continue
        value = np.reshape(replay.values[x.id], layout)
        right = _further(replay, x, raw.sum(axes, keepdims=True), layout)
        terms = [raw]
        for edge, part in replay.parts.items():  # As that of a mean, of which the others are 0.
            if replay.operand(edge) == key and np.shape(part) == shape:
                term = np.asarray(step.rule(part))
                if same(term.sum(axes), raw.sum(axes)) and not same(term, raw):
                    terms.append(term)
        at = f"what comes back to {text_of(replay.graph, x)} from {step.name}"
        # What is the same along an axis may be taken out of the sum: that is another sum, then.
        factors = [np.ones_like(value), value**-2.0, 1 / value]
        factors += [1 / np.reshape(replay.values[node.id], layout) for node in replay.graph
                    if node.shape == x.shape and node is not x and np.all(node.value)]  # fmt: skip
        each = itertools.product(terms, factors, _other_axes(len(shape), axes))
        for far, (term, outside, other) in enumerate(each if right else ()):
            total = (term / outside).sum(other, keepdims=True) * outside
            n, m = (int(np.prod([shape[k] for k in some])) for some in (axes, other))
            over = f"axis {', '.join(map(str, other))}" if other else "no axis"
            over = "all axes" if len(other) == len(shape) else over
            means = [("summed", 1.0)] + [("averaged", n / m)] * (n != m and bool(other))
            for verb, factor in means:
                wrong = _further(replay, x, factor * total, layout)
                if wrong.keys() == right.keys():
                    yield Candidate(
                        f"{at} is {verb} over {over}, in place of {', '.join(map(str, axes))}",
                        1.0 + 0.001 * far,
                        predict=Together([
                            Made(replay, key, wrong[key], part)
                            for key, part in right.items()
                        ]),
                    )  # fmt: skip


def _other_axes(n: int, right: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return over which axes something may be summed: each, all, or none."""
    found = [(k,) for k in range(n)] + [tuple(range(n)), ()]
    found += itertools.combinations(range(n), 2) if n > 2 else []
    return [axes for axes in dict.fromkeys(found) if axes != right]


def _further(replay: Replay, x: Node, g: Array, layout: tuple[int, ...]) -> dict[str, Any]:
    """Send a cotangent on from `x`, which was broadcast, to the tensors that it is reduced from.

    It has all axes of what `x` was broadcast to, of which `layout` is the shape of `x`. What
    cannot be told is empty.
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
