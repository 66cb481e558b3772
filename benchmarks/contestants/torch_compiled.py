"""Steps in PyTorch whose loss and gradient go through ``torch.compile``."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)
# mypy: disallow-untyped-calls=False, disallow-untyped-decorators=False

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.workloads import Array, Run


def _train(loss: Callable[..., Any], start: list[Any], rate: float, *rows: tuple[Any, ...]) -> Run:
    """Return a step down the gradient of ``loss(parameters, *row)``, for one row after another."""
    parameters = [torch.tensor(np.asarray(p), requires_grad=True) for p in start]
    batches = itertools.cycle([tuple(torch.tensor(np.asarray(x)) for x in row) for row in rows])
    compiled = torch.compile(loss)

    def step() -> None:
        compiled(parameters, *next(batches)).backward()
        with torch.no_grad():
            for p in parameters:
                assert p.grad is not None
                p.sub_(p.grad, alpha=rate)
                p.grad = None

    return step, lambda: [p.detach().numpy() for p in parameters]


def neuron(x: Array, y: Array, w: Array) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        return 0.5 * torch.sum((torch.sigmoid(x @ p[0]) - y) ** 2)

    return _train(loss, [w], 1.0, (x, y))


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        return 0.5 * torch.sum((torch.sigmoid(torch.sigmoid(x @ p[0]) @ p[1]) - y) ** 2)

    return _train(loss, [w1, w2], 1.0, (x, y))


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = p
        return torch.sum((torch.sigmoid(torch.sigmoid(x @ w1 + b1) @ w2 + b2) - y) ** 2)

    return _train(loss, [w1, b1, w2, b2], rate, *zip(x, y, strict=True))


def mlp(x: Array, y: Array, rate: float, **start: Array) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = p
        h = torch.tanh(torch.tanh(x @ w1 + b1) @ w2 + b2)
        return torch.mean((h @ w3 + b3 - y) ** 2)

    return _train(loss, list(start.values()), rate, (x, y))


def elementwise(x: Array, rate: float) -> Run:
    return _train(lambda p: torch.sum(torch.tanh(p[0]) * torch.exp(-p[0] * p[0])), [x], rate, ())
