"""A small computation with its gradients, right by hand."""

import numpy as np

import autograd_lite as al


def build(seed=0):
    """Return loss, tensors, and right gradients."""
    rng = np.random.default_rng(seed)
    x = al.Tensor(rng.normal(size=(5, 3)), name="x")
    w = al.Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="w")
    b = al.Tensor(rng.normal(size=2), requires_grad=True, name="b")
    z = x @ w + b
    z.name = "z"
    loss = np.sum(np.tanh(z))
    delta = 1 - np.tanh(z.data) ** 2
    return loss, (x, w, b, z), {"w": x.data.T @ delta, "b": delta.sum(axis=0), "z": delta}
