"""Steps in HIPS autograd: a loss in its NumPy, and ``grad`` of it."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.builtins import tuple as autograd_tuple
from autograd.core import make_vjp

from benchmarks.workloads import Array, Run


def _train(loss: Callable[..., Any], parameters: list[Any], rate: float, *data: Any) -> Run:
    """Return a step down the gradient of ``loss(*parameters, *data)``."""
    gradient = autograd.grad(loss, tuple(range(len(parameters))))

    def step() -> None:
        for i, g in enumerate(gradient(*parameters, *data)):
            parameters[i] = parameters[i] - rate * g

    return step, lambda: parameters


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + anp.exp(-x))


def one_weight(w: float, x: float, goal: float, alpha: float) -> Run:
    gradient = autograd.grad(lambda w: (w * x - goal) ** 2)

    def step() -> None:
        nonlocal w
        w = w - alpha / 2 * gradient(w)

    return step, lambda: [w]


def neuron(x: Array, y: Array, w: Array) -> Run:
    gradient = autograd.grad(lambda w: 0.5 * anp.sum((y - _sigmoid(anp.dot(x, w))) ** 2))

    def step() -> None:
        nonlocal w
        w = w - gradient(w)

    return step, lambda: [w]


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    def loss(w1: Any, w2: Any) -> Any:
        out = _sigmoid(anp.dot(_sigmoid(anp.dot(x, w1)), w2))
        return 0.5 * anp.sum((y - out) ** 2)

    return _train(loss, [w1, w2], 1.0)


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    samples = itertools.cycle(list(zip(x, y, strict=True)))

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        row, target = next(samples)
        out = _sigmoid(anp.dot(_sigmoid(anp.dot(row, w1) + b1), w2) + b2)
        return anp.sum((target - out) ** 2)

    return _train(loss, [w1, b1, w2, b2], rate)


def chain(x: Array, scale: float, shift: float, links: int, rate: float) -> Run:
    def loss(x: Any) -> Any:
        for _ in range(links):
            x = anp.sin(x * scale + shift)
        return anp.sum(x)

    return _train(loss, [x], rate)


def mlp(x: Array, y: Array, rate: float, **parameters: Array) -> Run:
    def loss(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        h = anp.tanh(anp.dot(anp.tanh(anp.dot(x, w1) + b1), w2) + b2)
        return anp.mean((anp.dot(h, w3) + b3 - y) ** 2)

    return _train(loss, list(parameters.values()), rate)


def elementwise(x: Array, rate: float) -> Run:
    return _train(lambda x: anp.sum(anp.tanh(x) * anp.exp(-x * x)), [x], rate)


def forward(x: Array, y: Array, w1: Array, w2: Array, v1: Array, v2: Array, rate: float) -> Run:
    def loss(w: Any) -> Any:
        return anp.mean((anp.dot(anp.tanh(anp.dot(x, w[0])), w[1]) - y) ** 2)

    pushed = autograd.make_jvp(loss)
    direction = autograd_tuple((v1, v2))

    def step() -> None:
        nonlocal w1, w2
        _, rise = pushed(autograd_tuple((w1, w2)))(direction)
        w1 = w1 - rate * rise * v1
        w2 = w2 - rate * rise * v2

    return step, lambda: [w1, w2]


def record(length: int) -> tuple[object, int]:
    """Record a chain; return what keeps it alive, and the bytes of data in each node."""

    def multiply(x: Any) -> Any:
        for _ in range(length):
            x = x * 1.0
        return x

    x = np.ones(4)
    return make_vjp(multiply, x), x.__sizeof__()
