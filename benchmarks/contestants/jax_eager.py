"""Steps in JAX as it is without ``jit``: ``grad`` traces the loss anew at every step."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.workloads import Array, Run

jax.config.update("jax_enable_x64", True)

Loss = Callable[..., Any]
Trainer = Callable[[Loss, list[Any], float, Callable[[], tuple[Any, ...]]], Run]


def _eagerly(
    loss: Loss, start: list[Any], rate: float, batch: Callable[[], tuple[Any, ...]]
) -> Run:
    """Return a step down the gradient of ``loss(parameters, *batch())``, operation by operation."""
    gradient = jax.grad(loss)
    parameters = [jnp.asarray(p) for p in start]

    def step() -> None:
        gradients = gradient(parameters, *batch())
        for i, g in enumerate(gradients):
            parameters[i] = parameters[i] - rate * g
        jax.block_until_ready(parameters)

    return step, lambda: parameters


def one_weight(w: float, x: float, goal: float, alpha: float, train: Trainer = _eagerly) -> Run:
    return train(lambda p: (p[0] * x - goal) ** 2, [w], alpha / 2, tuple)


def neuron(x: Array, y: Array, w: Array, train: Trainer = _eagerly) -> Run:
    batch = (jnp.asarray(x), jnp.asarray(y))

    def loss(p: Any, x: Any, y: Any) -> Any:
        return 0.5 * jnp.sum((jax.nn.sigmoid(x @ p[0]) - y) ** 2)

    return train(loss, [w], 1.0, lambda: batch)


def two_layers(x: Array, y: Array, w1: Array, w2: Array, train: Trainer = _eagerly) -> Run:
    batch = (jnp.asarray(x), jnp.asarray(y))

    def loss(p: Any, x: Any, y: Any) -> Any:
        out = jax.nn.sigmoid(jax.nn.sigmoid(x @ p[0]) @ p[1])
        return 0.5 * jnp.sum((out - y) ** 2)

    return train(loss, [w1, w2], 1.0, lambda: batch)


def sample_loss(p: Any, x: Any, y: Any) -> Any:
    w1, b1, w2, b2 = p
    out = jax.nn.sigmoid(jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2)
    return jnp.sum((out - y) ** 2)


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
    samples = itertools.cycle([(jnp.asarray(a), jnp.asarray(b)) for a, b in zip(x, y, strict=True)])

    return train(sample_loss, [w1, b1, w2, b2], rate, lambda: next(samples))


def _repeat(start: int, stop: int, body: Callable[[int, Any], Any], value: Any) -> Any:
    for i in range(start, stop):
        value = body(i, value)
    return value


def chain(
    x: Array,
    scale: float,
    shift: float,
    links: int,
    rate: float,
    train: Trainer = _eagerly,
    repeat: Callable[..., Any] = _repeat,
) -> Run:
    def loss(p: Any) -> Any:
        return repeat(0, links, lambda _, y: jnp.sin(y * scale + shift), p[0]).sum()

    return train(loss, [x], rate, tuple)


def mlp(x: Array, y: Array, rate: float, train: Trainer = _eagerly, **start: Array) -> Run:
    batch = (jnp.asarray(x), jnp.asarray(y))

    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = p
        h = jnp.tanh(jnp.tanh(x @ w1 + b1) @ w2 + b2)
        return jnp.mean((h @ w3 + b3 - y) ** 2)

    return train(loss, list(start.values()), rate, lambda: batch)


def elementwise(x: Array, rate: float, train: Trainer = _eagerly) -> Run:
    return train(lambda p: jnp.sum(jnp.tanh(p[0]) * jnp.exp(-p[0] * p[0])), [x], rate, tuple)
