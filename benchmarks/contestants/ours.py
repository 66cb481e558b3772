"""Steps in autograd_lite: tensors, functions and an optimiser."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as al
from benchmarks.workloads import Array, Run


def _parameters(*values: Any) -> list[al.Tensor]:
    return [al.Tensor(value, requires_grad=True) for value in values]


def _train(loss: Callable[[], Any], parameters: list[al.Tensor], rate: float) -> Run:
    """Return a step of gradient descent on a loss."""
    optimiser = al.optim.SGD(parameters, lr=rate)

    def step() -> None:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()

    return step, lambda: [p.numpy() for p in parameters]


def one_weight(w: float, x: float, goal: float, alpha: float) -> Run:
    weight = al.Tensor(w, requires_grad=True)
    # The article's derivative leaves the factor 2 out, so half of its alpha is the same step.
    return _train(lambda: (weight * x - goal) ** 2, [weight], alpha / 2)


def neuron(x: Array, y: Array, w: Array) -> Run:
    inputs, targets = al.Tensor(x), al.Tensor(y)
    (weight,) = parameters = _parameters(w)

    def loss() -> Any:
        return al.mse(al.sigmoid(inputs @ weight), targets, reduction="half_sum")

    return _train(loss, parameters, 1.0)


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    inputs, targets = al.Tensor(x), al.Tensor(y)
    v1, v2 = parameters = _parameters(w1, w2)

    def loss() -> Any:
        out = al.sigmoid(al.sigmoid(inputs @ v1) @ v2)
        return al.mse(out, targets, reduction="half_sum")

    return _train(loss, parameters, 1.0)


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    samples = itertools.cycle([(al.Tensor(a), al.Tensor([b])) for a, b in zip(x, y, strict=True)])
    v1, c1, v2, c2 = parameters = _parameters(w1, b1, w2, b2)

    def loss() -> Any:
        row, target = next(samples)
        return al.mse(al.sigmoid(al.sigmoid(row @ v1 + c1) @ v2 + c2), target)

    return _train(loss, parameters, rate)


def chain(x: Array, scale: float, shift: float, links: int, rate: float) -> Run:
    parameters = _parameters(x)

    def loss() -> Any:
        y: Any = parameters[0]
        for _ in range(links):
            y = np.sin(y * scale + shift)
        return y.sum()

    return _train(loss, parameters, rate)


def mlp(
    x: Array,
    y: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
    rate: float,
) -> Run:
    inputs, targets = al.Tensor(x), al.Tensor(y)
    v1, c1, v2, c2, v3, c3 = parameters = _parameters(w1, b1, w2, b2, w3, b3)

    def loss() -> Any:
        h = np.tanh(np.tanh(inputs @ v1 + c1) @ v2 + c2)
        return al.mse(h @ v3 + c3, targets)

    return _train(loss, parameters, rate)


def elementwise(x: Array, rate: float) -> Run:
    (t,) = parameters = _parameters(x)
    return _train(lambda: (np.tanh(t) * np.exp(-t * t)).sum(), parameters, rate)


def filling(w: float, shares: Array, rate: float) -> Run:
    (weight,) = parameters = _parameters(w)
    given = shares.tolist()

    def loss() -> Any:
        y = al.Tensor(np.zeros(len(given)))
        for i, share in enumerate(given):
            y[i] = weight * share
        return (y * y).sum()

    return _train(loss, parameters, rate)


def joining(w: float, shares: Array, rate: float) -> Run:
    (weight,) = parameters = _parameters(w)
    given = shares.tolist()

    def loss() -> Any:
        y: Any = np.stack([weight * share for share in given])
        return (y * y).sum()

    return _train(loss, parameters, rate)


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
