"""Steps in PyTorch: plain tensors and an update under no_grad.

That is its fastest eager form on small networks: torch.nn and torch.optim cost more.
"""

# ruff: noqa: D103  (a function does one step of the workload it is named after)
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from benchmarks.workloads import Array, Run


def _parameters(*values: Any) -> list[torch.Tensor]:
    return [torch.tensor(np.asarray(value), requires_grad=True) for value in values]


def _descend(parameters: list[torch.Tensor], rate: float) -> None:
    with torch.no_grad():
        for p in parameters:
            p.sub_(p.grad, alpha=rate)  # type: ignore[arg-type]  # It has a gradient.
            p.grad = None


def one_weight(w: float, x: float, goal: float, alpha: float) -> Run:
    weights = _parameters(w)
    (weight,) = weights

    def step() -> None:
        ((weight * x - goal) ** 2).backward()
        _descend(weights, alpha / 2)

    return step, lambda: [weight.detach().numpy()]


def neuron(x: Array, y: Array, w: Array) -> Run:
    inputs, targets = torch.tensor(x), torch.tensor(y)
    weights = _parameters(w)
    (weight,) = weights

    def step() -> None:
        out = torch.sigmoid(inputs @ weight)
        torch.nn.functional.mse_loss(out, targets, reduction="sum").backward()
        _descend(weights, 0.5)

    return step, lambda: [weight.detach().numpy()]


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    inputs, targets = torch.tensor(x), torch.tensor(y)
    weights = _parameters(w1, w2)
    v1, v2 = weights

    def step() -> None:
        out = torch.sigmoid(torch.sigmoid(inputs @ v1) @ v2)
        torch.nn.functional.mse_loss(out, targets, reduction="sum").backward()
        _descend(weights, 0.5)

    return step, lambda: [p.detach().numpy() for p in weights]


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    samples = itertools.cycle(
        [(torch.tensor(a), torch.tensor([b])) for a, b in zip(x, y, strict=True)]
    )
    # Rows of weights for each neuron, as torch.nn keeps them: addmv takes 10 % less than addmm.
    v1, c1, v2, c2 = parameters = _parameters(w1.T, b1, w2.T, b2)

    def step() -> None:
        row, target = next(samples)
        out = torch.sigmoid(torch.addmv(c2, v2, torch.sigmoid(torch.addmv(c1, v1, row))))
        torch.nn.functional.mse_loss(out, target).backward()
        _descend(parameters, rate)

    return step, lambda: [p.detach().numpy().T for p in parameters]


def chain(x: Array, scale: float, shift: float, links: int, rate: float) -> Run:
    parameters = _parameters(x)

    def step() -> None:
        y = parameters[0]
        for _ in range(links):
            y = torch.sin(y * scale + shift)
        y.sum().backward()
        _descend(parameters, rate)

    return step, lambda: [p.detach().numpy() for p in parameters]


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
    inputs, targets = torch.tensor(x), torch.tensor(y)
    parameters = _parameters(w1, b1, w2, b2, w3, b3)
    v1, c1, v2, c2, v3, c3 = parameters

    def step() -> None:
        h = torch.tanh(torch.addmm(c1, inputs, v1))
        h = torch.tanh(torch.addmm(c2, h, v2))
        torch.nn.functional.mse_loss(torch.addmm(c3, h, v3), targets).backward()
        _descend(parameters, rate)

    return step, lambda: [p.detach().numpy() for p in parameters]


def elementwise(x: Array, rate: float) -> Run:
    parameters = _parameters(x)
    (t,) = parameters

    def step() -> None:
        (torch.tanh(t) * torch.exp(-t * t)).sum().backward()
        _descend(parameters, rate)

    return step, lambda: [p.detach().numpy() for p in parameters]


def filling(w: float, shares: Array, rate: float) -> Run:
    parameters = _parameters(w)
    (weight,) = parameters
    given = shares.tolist()

    def step() -> None:
        y = torch.zeros(len(given), dtype=torch.float64)
        for i, share in enumerate(given):
            y[i] = weight * share
        (y * y).sum().backward()
        _descend(parameters, rate)

    return step, lambda: [p.detach().numpy() for p in parameters]


def joining(w: float, shares: Array, rate: float) -> Run:
    parameters = _parameters(w)
    (weight,) = parameters
    given = shares.tolist()

    def step() -> None:
        y = torch.stack([weight * share for share in given])
        (y * y).sum().backward()
        _descend(parameters, rate)

    return step, lambda: [p.detach().numpy() for p in parameters]


def waves(height: Array, steps: int, dt: float, pull: float, rate: float) -> Run:
    parameters = _parameters(height)
    (start,) = parameters
    n, m = height.shape

    def step() -> None:
        h = start.clone()
        u = torch.zeros((n + 1, m), dtype=torch.float64)
        v = torch.zeros((n, m + 1), dtype=torch.float64)
        for _ in range(steps):
            u[1:-1] -= pull * (h[1:] - h[:-1])
            v[:, 1:-1] -= pull * (h[:, 1:] - h[:, :-1])
            h[:, :] -= dt * (u[1:] - u[:-1])
            h[:, :] -= dt * (v[:, 1:] - v[:, :-1])
        (h * h).sum().backward()
        _descend(parameters, rate)

    return step, lambda: [p.detach().numpy() for p in parameters]
