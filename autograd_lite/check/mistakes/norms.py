"""Mistakes in the backward pass of a normalisation, as it is written in three terms."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Made, always, steps, text_of
from autograd_lite.check.mistakes.paths import scaled_path
from autograd_lite.check.mistakes.registry import (
    Array,
    Candidate,
    Case,
    Target,
    mistake,
    remembered,
)
from autograd_lite.check.mistakes.replay import Replay
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
        if node.id in replay.gradients and 1 < len(node.shape) < 5 and min(node.shape) > 1
    ]
    for i, node in enumerate(nodes):
        n = np.asarray(replay.values[node.id], float)
        for axis in _axes(n):
            mean, square = n.mean(axis, keepdims=True), (n * n).mean(axis, keepdims=True)
            if np.abs(mean).max() > 1e-9 or not (0.2 < square.min() <= square.max() < 1 + 1e-9):
                continue
            for other in nodes[:i]:
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
        yield from _of_length(replay, node, nodes[:i])


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


def _in_words(axes: Axes) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


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
    if replay is None or target.id is None:
        return
    for norm in norms(replay):
        if target.id not in replay.behind(norm.into):
            continue
        g = replay.gradients[norm.out]
        u = text_of(replay.graph, replay.graph[norm.into])
        right = norm.terms(g)
        total = sum(right)
        for title, cost, instead in _changes(g, norm, u):
            yield Candidate(title, cost, predict=Made(replay, norm.into, instead, always(total)))
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
            yield Candidate(
                f"the gradient at {step.name} goes through the mean and the variance of the batch, "
                f"though {text_of(graph, constants[1])} and {text_of(graph, constants[0])} are "
                f"constants",
                0.9,
                predict=step.wrong(always(step.rule(inner))),
            )


def _changes(g: Array, norm: Norm, u: str) -> Iterator[tuple[str, float, Callable[[], Any]]]:
    """Yield what may go wrong, and what comes out."""
    axis, s, n, std = norm.axis, norm.s, norm.n, norm.std
    first, second, third = norm.terms(g)
    scale, square = norm.called
    if norm.centred:
        yield f"mean and variance of {u} are taken as constants", 0.6, lambda: first
    else:
        yield f"the {scale} of {u} is taken as a constant", 0.6, lambda: first
        yield f"the division of {u} by its {scale} is left out", 0.7, lambda: g
        for word, power in (("stands", 2), ("stands once", 1)):
            yield (
                f"{u} {word} in place of {u} divided by its {scale} on the way back",
                0.84,
                always(first + third * s**power),
            )
    rest = "mean and variance are" if norm.centred else f"the {scale} is"
    yield (
        f"the direct path to {u} is left out: only {rest} there",
        0.7,
        lambda: second + third,
    )
    yield (
        f"the factor 1 / {scale} of {u} is missing",
        0.7,
        lambda: (first + second + third) * s,
    )
    by = f"divided by the {square} of {u}, not by its {scale}"
    for title, terms in (
        (by, (first / s + second + third)),
        (f"{by}, throughout", (first + second + third) / s),
        (
            f"the factor 1 / {scale} of {u} is missing in the direct path",
            first * s + second + third,
        ),
    ):
        yield title, 0.8, always(terms)
    eps = s**2 - std**2
    for word, bad in (
        ("eps is left out of", std),
        ("eps is added outside of", std + np.mean(eps)),
        ("eps is twice in", np.sqrt(s**2 + eps)),
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
        yield (
            f"the mean of the gradient is subtracted on the way back to {u} too, as if its mean "
            f"had been subtracted forwards",
            0.8,
            always(first + third - g.mean(axis, keepdims=True) / s),
        )
    yield (
        f"the sum in the path through the {square if norm.centred else scale} of {u} is left out",
        0.85,
        always(first + second - n * g * n * (norm.share if norm.share == 1 else 1) / s),
    )
    normalised = f"{u} divided by its {scale}"
    if norm.centred:
        normalised = f"{u}, normalised,"
    spread = np.zeros_like(g)
    for where, term in (
        ("outside", spread - (g * n).sum(axis, keepdims=True) * norm.share / s),
        ("inside", -n * g.sum(axis, keepdims=True) * norm.share / s),
    ):
        yield (
            f"the factor {normalised} is missing {where} the sum in the path through its "
            f"{square if norm.centred else scale}",
            0.85,
            always(first + second + term),
        )
    size = np.prod([g.shape[k] for k in axis])
    for other in _axes(g):
        if other == axis:
            continue
        instead = f"along {_in_words(other)}, in place of {_in_words(axis)}"
        _, wrong_mean, wrong_third = norm.terms_with(g, s, n, other)
        if norm.share < 1:
            wrong_third = wrong_third * size / np.prod([g.shape[k] for k in other])
        if not norm.centred:
            yield (
                f"the sum on the way back to {u} is taken {instead}",
                0.8,
                always(first + wrong_third),
            )
            continue
        wrong_sum = np.broadcast_to(-(g / s).sum(other, keepdims=True) / size, g.shape)
        for what, three in (
            ("the mean of the gradient", (first, wrong_mean, third)),
            ("the mean of the gradient", (first, wrong_sum, third)),
            ("the term of the variance", (first, second, wrong_third)),
            ("both means", (first, wrong_mean, wrong_third)),
        ):
            verb = "are" if what.startswith("both") else "is"
            yield (
                f"{what} on the way back to {u} {verb} taken {instead}",
                0.8,
                always(sum(three)),
            )
