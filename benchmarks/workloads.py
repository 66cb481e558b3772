"""What is timed: training steps, each with the data it starts from.

A new workload is one function here, its line in `WORKLOADS`, and a function of the same name in
the module of every contestant that can express it. All numbers are float64, as in NumPy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Step = Callable[..., object]
"""Does one training step and keeps the new parameters; or as many as it is given."""

Read = Callable[[], Sequence[Any]]
"""Gives the parameters as they are now, in the order of the workload's data."""

Run = tuple[Step, Read]


class Workload(NamedTuple):
    """One training step to be timed.

    Attributes
    ----------
    name : str
        What the contestants' functions are called.
    title : str
        What tables call it.
    about : str
        What one step does, in a line.
    data : callable
        Makes the keyword arguments for the contestants' functions, anew at every call.
    """

    name: str
    title: str
    about: str
    data: Callable[[], dict[str, Any]]


def _rows(*rows: Sequence[float]) -> Array:
    return np.array(rows, dtype=np.float64)


def _uniform(rng: np.random.Generator, *shape: int) -> Array:
    return 2 * rng.random(shape) - 1


def one_weight() -> dict[str, Any]:
    """Learn to answer 42 to 5 with one multiplication (article 000); Python's own floats."""
    return {"w": 1.0, "x": 5.0, "goal": 42.0, "alpha": 0.01}


def neuron() -> dict[str, Any]:
    """One sigmoid neuron on the four samples of articles 001 and 004."""
    rng = np.random.default_rng(0)
    x = _rows([0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1])
    return {"x": x, "y": _rows([0, 1, 1, 0]).T, "w": _uniform(rng, 3, 1)}


def two_layers() -> dict[str, Any]:
    """Two sigmoid layers, 3-4-1, of article 001."""
    rng = np.random.default_rng(1)
    x = _rows([0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1])
    y = _rows([0, 1, 1, 0]).T
    return {"x": x, "y": y, "w1": _uniform(rng, 3, 4), "w2": _uniform(rng, 4, 1)}


def per_sample() -> dict[str, Any]:
    """Two hidden neurons and one output with biases, one sample at a time (article 003)."""
    rng = np.random.default_rng(3)
    return {
        "x": _rows([-2, -1], [25, 6], [17, 4], [-15, -6]),
        "y": np.array([1.0, 0.0, 0.0, 1.0]),
        "w1": rng.standard_normal((2, 2)),
        "b1": rng.standard_normal(2),
        "w2": rng.standard_normal((2, 1)),
        "b2": rng.standard_normal(1),
        "rate": 0.1,
    }


def chain() -> dict[str, Any]:
    """3333 times multiply, add, sine, on four numbers; then their sum: 10,000 operations.

    Scaling by a little more than 1 makes up for what the sine takes off, so that the gradient
    neither vanishes nor explodes on its way back.
    """
    x = np.random.default_rng(4).uniform(0.01, 0.05, 4)
    return {"x": x, "scale": 1.0001, "shift": 1e-6, "links": 3333, "rate": 1e-6}


def mlp() -> dict[str, Any]:
    """Three layers, 64-128-128-10, with tanh and the mean squared error; a batch of 128."""
    rng = np.random.default_rng(5)
    sizes = (64, 128, 128, 10)
    data: dict[str, Any] = {
        "x": rng.standard_normal((128, sizes[0])),
        "y": rng.standard_normal((128, sizes[-1])),
    }
    for i, (n, m) in enumerate(itertools.pairwise(sizes), start=1):
        data[f"w{i}"] = rng.standard_normal((n, m)) / np.sqrt(n)
        data[f"b{i}"] = np.zeros(m)
    return {**data, "rate": 0.01}


def elementwise() -> dict[str, Any]:
    """Sum of ``tanh(x) * exp(-x * x)`` over a million numbers."""
    return {"x": np.random.default_rng(6).standard_normal(1_000_000), "rate": 1e-3}


def filling() -> dict[str, Any]:
    """Write 5,000 entries into an array, one by one; then sum their squares."""
    return {"w": 0.5, "shares": np.random.default_rng(7).random(5000), "rate": 1e-6}


def joining() -> dict[str, Any]:
    """Stack 5,000 numbers, each computed by itself; then sum their squares."""
    return filling()


def waves() -> dict[str, Any]:
    """Shallow water on 64 by 64 cells, 20 steps, each of which writes to parts of its arrays."""
    height = 1 + 0.1 * np.random.default_rng(9).standard_normal((64, 64))
    return {"height": height, "steps": 20, "dt": 0.01, "pull": 0.1, "rate": 1e-3}


def forward() -> dict[str, Any]:
    """Two layers, 8-16-4; a step down along a direction, by the derivative along it alone."""
    rng = np.random.default_rng(8)
    return {
        "x": rng.standard_normal((32, 8)),
        "y": rng.standard_normal((32, 4)),
        "w1": rng.standard_normal((8, 16)) / 3,
        "w2": rng.standard_normal((16, 4)) / 4,
        "v1": rng.standard_normal((8, 16)),
        "v2": rng.standard_normal((16, 4)),
        "rate": 1e-4,
    }


WORKLOADS: tuple[Workload, ...] = (
    Workload("one_weight", "one weight", "w * 5 -> 42, squared error; Python floats", one_weight),
    Workload("neuron", "neuron 3-1", "sigmoid, no bias, 4 samples, full batch", neuron),
    Workload("two_layers", "layers 3-4-1", "sigmoid, no bias, 4 samples, full batch", two_layers),
    Workload("per_sample", "2-2-1 per sample", "sigmoid, biases, one sample", per_sample),
    Workload("chain", "10,000 ops", "multiply, add, sine on 4 numbers; then sum", chain),
    Workload("mlp", "MLP batch 128", "64-128-128-10, tanh, mean squared error", mlp),
    Workload("elementwise", "million numbers", "sum of tanh(x) * exp(-x * x)", elementwise),
    Workload("filling", "5,000 writes", "y[i] = w * s[i]; then the sum of squares", filling),
    Workload("joining", "5,000 stacked", "stack of w * s[i]; then the sum of squares", joining),
    Workload("waves", "waves in place", "shallow water, 64 x 64 cells, 80 writes to parts", waves),
    Workload("forward", "forward mode", "tanh, derivative along a direction, batch of 32", forward),
)
