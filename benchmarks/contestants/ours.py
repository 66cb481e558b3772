"""Steps in autograd_lite: tensors, functions and an optimiser."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as al
from benchmarks.workloads import Array, Run

Data = tuple[Array, ...]
Loss = Callable[..., Any]
Trainer = Callable[..., Run]
"""Makes a step of a loss, its parameters, a rate and data, as `_eagerly` does."""


def _parameters(*values: Any) -> list[al.Tensor]:
    return [al.Tensor(value, requires_grad=True) for value in values]


def _eagerly(
    loss: Loss, parameters: list[al.Tensor], rate: float, data: Data = (), *, stacked: bool = False
) -> Run:
    """Return a step of gradient descent on ``loss(*data)``, or on its rows one after the other."""
    optimiser = al.optim.SGD(parameters, lr=rate)
    rows = list(zip(*data, strict=True)) if stacked else [data]
    batches = itertools.cycle([tuple(map(al.Tensor, row)) for row in rows])

    def step() -> None:
        optimiser.zero_grad()
        loss(*next(batches)).backward()
        optimiser.step()

    return step, lambda: [p.numpy() for p in parameters]


def one_weight(w: float, x: float, goal: float, alpha: float, train: Trainer = _eagerly) -> Run:
    weight = al.Tensor(w, requires_grad=True)
    # The article's derivative leaves the factor 2 out, so half of its alpha is the same step.
    return train(lambda: (weight * x - goal) ** 2, [weight], alpha / 2)


def neuron(x: Array, y: Array, w: Array, train: Trainer = _eagerly) -> Run:
    (weight,) = parameters = _parameters(w)

    def loss(x: Any, y: Any) -> Any:
        return al.mse(al.sigmoid(x @ weight), y, reduction="half_sum")

    return train(loss, parameters, 1.0, (x, y))


def two_layers(x: Array, y: Array, w1: Array, w2: Array, train: Trainer = _eagerly) -> Run:
    v1, v2 = parameters = _parameters(w1, w2)

    def loss(x: Any, y: Any) -> Any:
        return al.mse(al.sigmoid(al.sigmoid(x @ v1) @ v2), y, reduction="half_sum")

    return train(loss, parameters, 1.0, (x, y))


def per_sample(
    x: Array,
    y: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    rate: float,
    train: Trainer = _eagerly,
) -> Run:
    v1, c1, v2, c2 = parameters = _parameters(w1, b1, w2, b2)

    def loss(row: Any, target: Any) -> Any:
        return al.mse(al.sigmoid(al.sigmoid(row @ v1 + c1) @ v2 + c2), target)

    return train(loss, parameters, rate, (x, y[:, None]), stacked=True)


def chain(
    x: Array, scale: float, shift: float, links: int, rate: float, train: Trainer = _eagerly
) -> Run:
    parameters = _parameters(x)

    def loss() -> Any:
        y: Any = parameters[0]
        for _ in range(links):
            y = np.sin(y * scale + shift)
        return y.sum()

    return train(loss, parameters, rate)


def mlp(x: Array, y: Array, rate: float, train: Trainer = _eagerly, **start: Array) -> Run:
    v1, c1, v2, c2, v3, c3 = parameters = _parameters(*start.values())

    def loss(x: Any, y: Any) -> Any:
        h = np.tanh(np.tanh(x @ v1 + c1) @ v2 + c2)
        return al.mse(h @ v3 + c3, y)

    return train(loss, parameters, rate, (x, y))


def elementwise(x: Array, rate: float, train: Trainer = _eagerly) -> Run:
    (t,) = parameters = _parameters(x)
    return train(lambda: (np.tanh(t) * np.exp(-t * t)).sum(), parameters, rate)


def filling(w: float, shares: Array, rate: float) -> Run:
    (weight,) = parameters = _parameters(w)
    given = shares.tolist()

    def loss() -> Any:
        y = al.Tensor(np.zeros(len(given)))
        for i, share in enumerate(given):
            y[i] = weight * share
        return (y * y).sum()

    return _eagerly(loss, parameters, rate)


def joining(w: float, shares: Array, rate: float) -> Run:
    (weight,) = parameters = _parameters(w)
    given = shares.tolist()

    def loss() -> Any:
        y: Any = np.stack([weight * share for share in given])
        return (y * y).sum()

    return _eagerly(loss, parameters, rate)


def waves(height: Array, steps: int, dt: float, pull: float, rate: float) -> Run:
    (start,) = parameters = _parameters(height)
    n, m = height.shape

    def loss() -> Any:
        h = start.copy()
        u, v = np.zeros((n + 1, m), like=h), np.zeros((n, m + 1), like=h)
        for _ in range(steps):
            u[1:-1] -= pull * (h[1:] - h[:-1])
            v[:, 1:-1] -= pull * (h[:, 1:] - h[:, :-1])
            h[:, :] -= dt * (u[1:] - u[:-1])
            h[:, :] -= dt * (v[:, 1:] - v[:, :-1])
        return (h * h).sum()

    return _eagerly(loss, parameters, rate)


def forward(x: Array, y: Array, w1: Array, w2: Array, v1: Array, v2: Array, rate: float) -> Run:
    def loss(w1: Any, w2: Any) -> Any:
        return np.mean((np.tanh(x @ w1) @ w2 - y) ** 2)

    def step() -> None:
        nonlocal w1, w2
        _, rise = al.jvp(loss, (w1, w2), (v1, v2))
        w1 = w1 - rate * rise * v1
        w2 = w2 - rate * rise * v2

    return step, lambda: [w1, w2]


def record(length: int) -> tuple[object, int]:
    """Record a chain; return what keeps it alive, and the bytes of data in each node."""
    y = al.Tensor(np.ones(4), requires_grad=True)
    for _ in range(length):
        y = y * 1.0
    return y, y.numpy().__sizeof__()
