"""Steps in MyGrad."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)

from __future__ import annotations

import itertools
from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import sigmoid
from mygrad.tensor_base import tensor

from benchmarks.workloads import Array, Run


def _parameters(*values: Any) -> list[Any]:
    return [tensor(value) for value in values]


def _descend(parameters: list[Any], rate: float) -> None:
    for p in parameters:
        p.data -= rate * p.grad  # The next forward pass forgets the gradient.


def one_weight(w: float, x: float, goal: float, alpha: float) -> Run:
    weights = _parameters(w)
    (weight,) = weights

    def step() -> None:
        ((weight * x - goal) ** 2).backward()
        _descend(weights, alpha / 2)

    return step, lambda: [weight.data]


def neuron(x: Array, y: Array, w: Array) -> Run:
    weights = _parameters(w)
    (weight,) = weights

    def step() -> None:
        (0.5 * mg.sum((sigmoid(mg.matmul(x, weight)) - y) ** 2)).backward()
        _descend(weights, 1.0)

    return step, lambda: [weight.data]


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    weights = _parameters(w1, w2)
    v1, v2 = weights

    def step() -> None:
        out = sigmoid(mg.matmul(sigmoid(mg.matmul(x, v1)), v2))
        (0.5 * mg.sum((out - y) ** 2)).backward()
        _descend(weights, 1.0)

    return step, lambda: [p.data for p in weights]


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    samples = itertools.cycle(list(zip(x, y, strict=True)))
    parameters = _parameters(w1, b1, w2, b2)
    v1, c1, v2, c2 = parameters

    def step() -> None:
        row, target = next(samples)
        out = sigmoid(mg.matmul(sigmoid(mg.matmul(row, v1) + c1), v2) + c2)
        mg.sum((out - target) ** 2).backward()
        _descend(parameters, rate)

    return step, lambda: [p.data for p in parameters]


def chain(x: Array, scale: float, shift: float, links: int, rate: float) -> Run:
    parameters = _parameters(x)

    def step() -> None:
        y = parameters[0]
        for _ in range(links):
            y = mg.sin(y * scale + shift)
        y.sum().backward()
        _descend(parameters, rate)

    return step, lambda: [p.data for p in parameters]


def mlp(x: Array, y: Array, rate: float, **start: Array) -> Run:
    parameters = _parameters(*start.values())
    w1, b1, w2, b2, w3, b3 = parameters

    def step() -> None:
        h = mg.tanh(mg.matmul(mg.tanh(mg.matmul(x, w1) + b1), w2) + b2)
        mg.mean((mg.matmul(h, w3) + b3 - y) ** 2).backward()
        _descend(parameters, rate)

    return step, lambda: [p.data for p in parameters]


def elementwise(x: Array, rate: float) -> Run:
    parameters = _parameters(x)
    (t,) = parameters

    def step() -> None:
        (mg.tanh(t) * mg.exp(-t * t)).sum().backward()
        _descend(parameters, rate)

    return step, lambda: [p.data for p in parameters]


def record(length: int) -> tuple[object, int]:
    """Record a chain; return what keeps it alive, and the bytes of data in each node."""
    y = tensor(np.ones(4))
    for _ in range(length):
        y = y * 1.0
    return y, y.data.__sizeof__()
