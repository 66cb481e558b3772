"""Steps in JAX compiled by ``jit``: traced once, then run without Python.

In the chain, the loop is JAX's own: unrolled, XLA compiles it for longer than all the timings here
take together.
"""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.contestants import jax_eager
from benchmarks.contestants.jax_eager import Loss
from benchmarks.workloads import Run


def _compiled(
    loss: Loss, start: list[Any], rate: float, batch: Callable[[], tuple[Any, ...]]
) -> Run:
    """Return a compiled step down the gradient of ``loss(parameters, *batch())``."""

    @jax.jit
    def descend(parameters: Any, *data: Any) -> Any:
        gradients = jax.grad(loss)(parameters, *data)
        return [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

    parameters = [jnp.asarray(p) for p in start]

    def step() -> None:
        nonlocal parameters
        parameters = jax.block_until_ready(descend(parameters, *batch()))

    return step, lambda: parameters


one_weight = functools.partial(jax_eager.one_weight, train=_compiled)
neuron = functools.partial(jax_eager.neuron, train=_compiled)
two_layers = functools.partial(jax_eager.two_layers, train=_compiled)
per_sample = functools.partial(jax_eager.per_sample, train=_compiled)
chain = functools.partial(jax_eager.chain, train=_compiled, repeat=jax.lax.fori_loop)
mlp = functools.partial(jax_eager.mlp, train=_compiled)
elementwise = functools.partial(jax_eager.elementwise, train=_compiled)
