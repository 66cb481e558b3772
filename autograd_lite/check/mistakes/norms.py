"""Mistakes in the backward pass of a normalisation, as it is written in three terms."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.check.mistakes.backward_steps import Made, always, text_of
from autograd_lite.check.mistakes.reasons import reason, shown
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, mistake
from autograd_lite.check.mistakes.replay import Replay


@dataclass(frozen=True, eq=False)
class Norm:
    """``n = (u - mean(u)) / s`` with ``s = sqrt(var(u) + eps)``, along an axis."""

    out: str
    into: str
    axis: int
    n: Array
    s: Array
    std: Array


_found: weakref.WeakKeyDictionary[Replay, list[Norm]] = weakref.WeakKeyDictionary()


def norms(replay: Replay) -> list[Norm]:
    """Return the normalisations of a computation, found by their values."""
    if replay not in _found:
        _found[replay] = list(_search(replay))
    return _found[replay]


def _search(replay: Replay) -> Iterator[Norm]:
    graph = replay.graph
    nodes = [
        node
        for node in graph
        if node.id in replay.gradients and len(node.shape) == 2 and min(node.shape) > 1
    ]
    for i, node in enumerate(nodes):
        n = np.asarray(replay.values[node.id], float)
        for axis in (0, 1):
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
                    yield Norm(node.id, other.id, axis, n, s, std)
                    break


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
        right = _terms(g, norm.axis, norm.s, norm.n)
        total = sum(right)
        for title, cost, instead in _changes(g, norm, u):
            yield Candidate(title, cost, predict=Made(replay, norm.into, instead, always(total)))
        names = (
            f"the direct path to {u}",
            f"the path through the mean of {u}",
            f"the path through the variance of {u}",
        )
        for name, term in zip(names, right, strict=True):
            made = Made(replay, norm.into, always(term), always(term))
            factor = made.factor(target)
            if factor is None or abs(factor - 1) < 1e-6 or np.count_nonzero(target.hand) < 3:
                continue
            why = reason(case, abs(factor))
            if abs(factor) < 1e-6:
                title, cost, factor = f"{name} is left out", 0.6, 0.0
            elif abs(factor + 1) < 1e-6:
                title, cost = f"{name} has its sign flipped", 0.7
            elif why is not None:
                title, cost = f"{name} has a factor {shown(factor)}: {why[0]}", 0.75 + why[1]
            else:
                title, cost = f"{name} has a factor {shown(factor)}", 2.0
            yield Candidate(title, cost, predict=made.times(factor))


def _terms(g: Array, axis: int, s: Array, n: Array) -> tuple[Array, Array, Array]:
    """Return the direct term, that of the mean, and that of the variance."""
    return (
        g / s,
        -np.broadcast_to(g.mean(axis, keepdims=True), g.shape) / s,
        -n * (g * n).mean(axis, keepdims=True) / s,
    )


def _changes(g: Array, norm: Norm, u: str) -> Iterator[tuple[str, float, Callable[[], Any]]]:
    """Yield what may go wrong, and what comes out."""
    axis, s, n, std = norm.axis, norm.s, norm.n, norm.std
    first, second, third = _terms(g, axis, s, n)
    yield f"mean and variance of {u} are taken as constants", 0.6, lambda: first
    yield (
        f"the direct path to {u} is left out: only mean and variance are there",
        0.7,
        lambda: second + third,
    )
    yield (
        f"the factor 1 / std of {u} is missing",
        0.7,
        lambda: (first + second + third) * s,
    )
    for title, terms in (
        ("divided by the variance, not by the standard deviation", (first / s + second + third)),
        (
            "divided by the variance, not by the standard deviation, throughout",
            (first + second + third) / s,
        ),
        ("the factor 1 / std is missing in the direct path", first * s + second + third),
    ):
        yield f"{title} of {u}", 0.8, always(terms)
    eps = s**2 - std**2
    for word, bad in (
        ("eps is left out of", std),
        ("eps is added outside of", std + np.mean(eps)),
        ("eps is twice in", np.sqrt(s**2 + eps)),
    ):
        if np.allclose(bad, s, rtol=1e-12):
            continue
        title = f"{word} the square root of the standard deviation of {u}"
        scaled = n * s / bad
        for each in (
            _terms(g, axis, bad, scaled),
            _terms(g, axis, bad, n),
            (g / bad, second, third),
            (first, second, -scaled * (g * scaled).mean(axis, keepdims=True) / bad),
        ):
            yield title, 0.9, always(sum(each))
    other = 1 - axis
    size = g.shape[axis]
    wrong_mean = np.broadcast_to(-g.mean(other, keepdims=True), g.shape) / s
    wrong_sum = np.broadcast_to(-(g / s).sum(other, keepdims=True) / size, g.shape)
    wrong_third = -n * (g * n).mean(other, keepdims=True) / s
    for what, three in (
        ("the mean of the gradient", (first, wrong_mean, third)),
        ("the mean of the gradient", (first, wrong_sum, third)),
        ("the term of the variance", (first, second, wrong_third)),
        ("the sums", (first, wrong_mean, wrong_third)),
    ):
        yield (
            f"{what} on the way back to {u} is taken along axis {other}, in place of axis {axis}",
            0.8,
            always(sum(three)),
        )
