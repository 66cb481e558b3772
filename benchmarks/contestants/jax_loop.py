"""Loops of steps in JAX: ``fori_loop`` under ``jit``, with the number of steps an argument."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.contestants import jax_eager
from benchmarks.contestants.jax_eager import Loss
from benchmarks.workloads import Array, Run

WHOLE = True


def _loop(loss: Loss, start: list[Any], rate: float, batch: Callable[[], tuple[Any, ...]]) -> Run:
    """Return a loop down the gradient of ``loss(parameters, *batch())``."""
    data = batch()
    return _looped(loss, start, rate, lambda _: data)


def _looped(
    loss: Loss, start: list[Any], rate: float, batch: Callable[[Any], tuple[Any, ...]]
) -> Run:
    @jax.jit
    def descend(n: Any, parameters: Any) -> Any:
        def one(k: Any, parameters: Any) -> Any:
            gradients = jax.grad(loss)(parameters, *batch(k))
            return [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

        return jax.lax.fori_loop(0, n, one, parameters)

    parameters = [jnp.asarray(p) for p in start]

    def steps(n: int) -> None:
        nonlocal parameters
        parameters = jax.block_until_ready(descend(n, parameters))

    return steps, lambda: parameters


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    """Take the samples in turn."""
    xs, ys = jnp.asarray(x), jnp.asarray(y)
    return _looped(
        jax_eager.sample_loss, [w1, b1, w2, b2], rate, lambda k: (xs[k % len(x)], ys[k % len(x)])
    )


one_weight = functools.partial(jax_eager.one_weight, train=_loop)
neuron = functools.partial(jax_eager.neuron, train=_loop)
two_layers = functools.partial(jax_eager.two_layers, train=_loop)
chain = functools.partial(jax_eager.chain, train=_loop, repeat=jax.lax.fori_loop)
mlp = functools.partial(jax_eager.mlp, train=_loop)
elementwise = functools.partial(jax_eager.elementwise, train=_loop)
