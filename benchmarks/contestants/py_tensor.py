"""Steps in PyTensor: a function that is compiled once, with updates of shared variables."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from benchmarks.workloads import Array, Run


def _train(loss: Callable[..., Any], start: list[Any], rate: float, *rows: tuple[Any, ...]) -> Run:
    """Return a step down the gradient of ``loss(parameters, *row)``, for one row after another."""
    parameters = [pytensor.shared(np.asarray(p, dtype=np.float64)) for p in start]
    given = [pt.tensor(dtype="float64", shape=np.shape(x)) for x in rows[0]]
    value = loss(parameters, *given)
    gradients = pytensor.grad(value, parameters)
    updates = [(p, p - rate * g) for p, g in zip(parameters, gradients, strict=True)]
    step = pytensor.function(given, value, updates=updates)
    step.trust_input = True
    batches = itertools.cycle([tuple(map(np.asarray, row)) for row in rows])
    return lambda: step(*next(batches)), lambda: [p.get_value() for p in parameters]


def one_weight(w: float, x: float, goal: float, alpha: float) -> Run:
    return _train(lambda p: (p[0] * x - goal) ** 2, [w], alpha / 2, ())


def neuron(x: Array, y: Array, w: Array) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        return 0.5 * pt.sum((pt.sigmoid(x @ p[0]) - y) ** 2)

    return _train(loss, [w], 1.0, (x, y))


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        return 0.5 * pt.sum((pt.sigmoid(pt.sigmoid(x @ p[0]) @ p[1]) - y) ** 2)

    return _train(loss, [w1, w2], 1.0, (x, y))


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = p
        return pt.sum((pt.sigmoid(pt.sigmoid(x @ w1 + b1) @ w2 + b2) - y) ** 2)

    return _train(loss, [w1, b1, w2, b2], rate, *zip(x, y, strict=True))


def mlp(x: Array, y: Array, rate: float, **start: Array) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = p
        h = pt.tanh(pt.tanh(x @ w1 + b1) @ w2 + b2)
        return pt.mean((h @ w3 + b3 - y) ** 2)

    return _train(loss, list(start.values()), rate, (x, y))


def elementwise(x: Array, rate: float) -> Run:
    return _train(lambda p: pt.sum(pt.tanh(p[0]) * pt.exp(-p[0] * p[0])), [x], rate, ())
