"""A network trained data-parallel by JAX, from its exported step.

Run ``python -m models.data_parallel``: on a machine without several devices, JAX simulates eight.
"""

from __future__ import annotations

import argparse
import importlib
import os
from typing import Any

import numpy as np

import autograd_lite as al

DEVICES = "--xla_force_host_platform_device_count=8"
STEPS, RATE = 20, 0.5


def loss(weights: Any, x: Any, y: Any) -> Any:
    """Mean squared error of a network of two layers."""
    hidden = np.tanh(x @ weights["w1"] + weights["b1"])
    return al.mse(al.sigmoid(hidden @ weights["w2"] + weights["b2"]), y)


def main() -> None:
    """Train, beside eager mode, and compare every loss and every gradient."""
    argparse.ArgumentParser(prog="python -m models.data_parallel", description=__doc__).parse_args()
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DEVICES}"
    jax: Any = importlib.import_module("jax")  # It reads the flags when it is imported.
    sharding: Any = importlib.import_module("jax.sharding")

    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 8))
    y = (x[:, :1] * x[:, 1:2] > 0).astype(float)
    weights = {
        "w1": rng.normal(size=(8, 16)) / 3,
        "b1": np.zeros(16),
        "w2": rng.normal(size=(16, 1)) / 4,
        "b2": np.zeros(1),
    }
    eager = al.value_and_grad(loss)
    step = jax.jit(al.export(eager, weights, x, y))

    mesh = sharding.Mesh(np.array(jax.devices()), ("batch",))
    rows = sharding.NamedSharding(mesh, sharding.PartitionSpec("batch"))
    everywhere = sharding.NamedSharding(mesh, sharding.PartitionSpec())
    theirs = jax.device_put(weights, everywhere)
    data = jax.device_put((x, y), rows)
    for i in range(STEPS):
        value, gradients = step(theirs, *data)
        expected, ours = eager(weights, x, y)
        np.testing.assert_allclose(value, expected, rtol=1e-10)
        for name, gradient in ours.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=1e-8, atol=1e-12)
        weights = {name: w - RATE * ours[name] for name, w in weights.items()}
        theirs = {name: w - RATE * gradients[name] for name, w in theirs.items()}
        if i in (0, STEPS - 1):
            print(f"step {i}: loss {float(value):.6f}")
    print(f"{len(jax.devices())} devices: losses and gradients equal those of eager mode")


if __name__ == "__main__":
    main()
