"""Steps in autograd_lite with networks put together from `nn`."""

# ruff: noqa: D103  (a function does one step of the workload it is named after)

from __future__ import annotations

import itertools

import autograd_lite as al
from autograd_lite import nn, optim
from benchmarks.workloads import Array, Run


def _load(net: nn.Module, *values: Array) -> list[al.Tensor]:
    """Give a network its start; return its parameters."""
    parameters = net.parameters()
    for p, value in zip(parameters, values, strict=True):
        p.data = value
    return parameters


def _train(net: nn.Module, criterion: nn.MSE, rate: float, x: Array, y: Array) -> Run:
    """Return a step on the whole of the data."""
    inputs, targets = al.Tensor(x), al.Tensor(y)
    parameters = net.parameters()
    optimiser = optim.SGD(parameters, lr=rate)

    def step() -> None:
        optimiser.zero_grad()
        criterion(net(inputs), targets).backward()
        optimiser.step()

    return step, lambda: [p.numpy() for p in parameters]


def neuron(x: Array, y: Array, w: Array) -> Run:
    net = nn.Sequential(nn.Linear(3, 1, bias=False), nn.Sigmoid())
    _load(net, w)
    return _train(net, nn.MSE("half_sum"), 1.0, x, y)


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    net = nn.Sequential(
        nn.Linear(3, 4, bias=False), nn.Sigmoid(), nn.Linear(4, 1, bias=False), nn.Sigmoid()
    )
    _load(net, w1, w2)
    return _train(net, nn.MSE("half_sum"), 1.0, x, y)


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    samples = itertools.cycle([(al.Tensor(a), al.Tensor([b])) for a, b in zip(x, y, strict=True)])
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    parameters = _load(net, w1, b1, w2, b2)
    criterion, optimiser = nn.MSE(), optim.SGD(parameters, lr=rate)

    def step() -> None:
        row, target = next(samples)
        optimiser.zero_grad()
        criterion(net(row), target).backward()
        optimiser.step()

    return step, lambda: [p.numpy() for p in parameters]


def mlp(x: Array, y: Array, rate: float, **start: Array) -> Run:
    net = nn.Sequential(
        nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 10)
    )
    _load(net, *start.values())
    return _train(net, nn.MSE(), rate, x, y)
