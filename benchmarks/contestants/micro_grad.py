"""Steps in micrograd, one number at a time; it has no sigmoid, so a user adds one.

It takes no part in the chain: its search recurses, and 10,000 operations exceed Python's limit.
"""

# ruff: noqa: D103  (a function does one step of the workload it is named after)

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

from micrograd.engine import Value

from benchmarks.workloads import Array, Run


def _sigmoid(x: Any) -> Any:
    y = 1 / (1 + math.exp(-x.data))
    out = Value(y, (x,), "sigmoid")

    def back() -> None:
        x.grad += y * (1 - y) * out.grad

    out._backward = back
    return out


def _values(array: Array) -> list[list[Any]]:
    """Make the columns of a matrix of values: one list for each neuron."""
    return [[Value(float(v)) for v in column] for column in array.T]


def _matrix(columns: list[list[Any]]) -> list[list[float]]:
    return [[value.data for value in row] for row in zip(*columns, strict=True)]


def _layer(inputs: list[Any], columns: list[list[Any]]) -> list[Any]:
    return [
        _sigmoid(sum((w * x for w, x in zip(column, inputs, strict=True)), start=Value(0.0)))
        for column in columns
    ]


def _descend(values: Iterable[Any], rate: float) -> None:
    for v in values:
        v.data -= rate * v.grad
        v.grad = 0.0


def one_weight(w: float, x: float, goal: float, alpha: float) -> Run:
    weight = Value(w)

    def step() -> None:
        ((weight * x - goal) ** 2).backward()
        _descend([weight], alpha / 2)

    return step, lambda: [weight.data]


def neuron(x: Array, y: Array, w: Array) -> Run:
    rows, targets, columns = x.tolist(), y.ravel().tolist(), _values(w)

    def step() -> None:
        outputs = [_layer(row, columns)[0] for row in rows]
        errors = [(out - t) ** 2 for out, t in zip(outputs, targets, strict=True)]
        sum(errors, start=Value(0.0)).backward()
        _descend(columns[0], 0.5)

    return step, lambda: [_matrix(columns)]


def two_layers(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    rows, targets = x.tolist(), y.ravel().tolist()
    columns1, columns2 = _values(w1), _values(w2)
    weights = list(itertools.chain(*columns1, *columns2))

    def step() -> None:
        outputs = [_layer(_layer(row, columns1), columns2)[0] for row in rows]
        errors = [(out - t) ** 2 for out, t in zip(outputs, targets, strict=True)]
        sum(errors, start=Value(0.0)).backward()
        _descend(weights, 0.5)

    return step, lambda: [_matrix(columns1), _matrix(columns2)]


def per_sample(x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float) -> Run:
    samples = itertools.cycle(list(zip(x.tolist(), y.tolist(), strict=True)))
    (u1, u2), (u3, u4) = _values(w1)
    ((u5, u6),) = _values(w2)
    c1, c2, c3 = (Value(float(b)) for b in (*b1, *b2))
    values = [u1, u2, u3, u4, u5, u6, c1, c2, c3]

    def step() -> None:
        row, target = next(samples)
        h1 = _sigmoid(u1 * row[0] + u2 * row[1] + c1)
        h2 = _sigmoid(u3 * row[0] + u4 * row[1] + c2)
        out = _sigmoid(u5 * h1 + u6 * h2 + c3)
        ((out - target) ** 2).backward()
        _descend(values, rate)

    def read() -> list[Any]:
        n1, n2, n3, n4, n5, n6, d1, d2, d3 = (v.data for v in values)
        return [[[n1, n3], [n2, n4]], [d1, d2], [[n5], [n6]], [d3]]

    return step, read


def record(length: int) -> tuple[object, int]:
    """Record a chain; return what keeps it alive, and the bytes of data in each node."""
    y = Value(1.5)
    for _ in range(length):
        y = y + 1.0
    return y, (0.0).__sizeof__()
