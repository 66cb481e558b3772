"""Steps in CasADi, in two ways: by its virtual machine, and as a loop in generated C.

Networks are written out number by number (``SX``), which is what is fast for small ones. A call is
bound to its buffers. A loop is compiled by gcc, in blocks of steps; without gcc there is none. The
MLP takes no part: CasADi multiplies matrices without BLAS.
"""

# ruff: noqa: D103  (a function does one step of the workload it is named after)
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import casadi as ca  # pyright: ignore[reportMissingImports]
import numpy as np

from benchmarks.workloads import Array, Run

SIZES = (10_000, 100, 1)
"""How many steps the calls of generated C do: CasADi's loops have a fixed length."""

Loss = Callable[..., Any]


def _symbols(values: Any, name: str) -> list[Any]:
    return [ca.SX.sym(f"{name}{i}", *_columns(v).shape) for i, v in enumerate(values)]


def _columns(x: Any) -> Any:
    """Return an array as a matrix, as CasADi wants it: a vector is a row."""
    return np.atleast_2d(np.asarray(x, dtype=np.float64))


def _one(loss: Loss, start: list[Any], rate: float, data: tuple[Any, ...]) -> Any:
    """Return the function of a step: of the parameters and the data, to the parameters."""
    parameters, given = _symbols(start, "p"), _symbols(data, "x")
    value = loss(parameters, *given)
    after = [p - rate * ca.gradient(value, p) for p in parameters]
    return ca.Function("step", [*parameters, *given], after)


def _on(f: Any, moved: list[Any], given: list[Any]) -> Callable[[], None]:
    """Return a call of a function that reads and writes these arrays: they are bound once."""
    buffer, call = f.buffer()
    for i, x in enumerate([*moved, *given]):
        buffer.set_arg(i, memoryview(x))
    for i, x in enumerate(moved):
        buffer.set_res(i, memoryview(x))

    def called(_: Any = (buffer, given)) -> None:  # The call does not keep them alive.
        call()

    return called


def _bound(loss: Loss, start: list[Any], rate: float, *rows: tuple[Any, ...]) -> Run:
    """Return a step whose arrays are bound once."""
    one = _one(loss, start, rate, rows[0])
    parameters = [_columns(p).T.copy() for p in start]  # Column by column, as CasADi has them.
    calls = [_on(one, parameters, [_columns(x).T.copy() for x in row]) for row in rows]
    turns = itertools.cycle(calls)

    def step() -> None:
        next(turns)()

    def read() -> list[Any]:
        return [p.T.reshape(np.shape(s)) for p, s in zip(parameters, start, strict=True)]

    return calls[0] if len(calls) == 1 else step, read


def _loop(loss: Loss, start: list[Any], rate: float, *rows: tuple[Any, ...]) -> Run:
    """Return a loop of steps in generated C, where the data are constants."""
    one = _one(loss, start, rate, rows[0])
    shapes = [_columns(p).shape for p in start]
    ends = np.cumsum([0, *(n * m for n, m in shapes)]).tolist()
    state = ca.MX.sym("state", ends[-1])
    parts = [ca.reshape(x, *s) for x, s in zip(ca.vertsplit(state, ends), shapes, strict=True)]

    def after(row: tuple[Any, ...]) -> Any:
        moved = ca.veccat(*one.call([*parts, *map(_columns, row)]))
        return ca.Function("one", [state], [moved])

    several = [after(row) for row in rows]
    turn = ca.Function("turn", [state], [functools.reduce(lambda x, f: f(x), several, state)])
    values = np.concatenate([_columns(p).T.ravel() for p in start])
    singly = [_on(f, [values], []) for f in several]
    turns = [(n, _on(_compiled(turn.fold(n)), [values], [])) for n in SIZES]

    def steps(n: int) -> None:
        for call in singly[: n % len(rows)]:
            call()
        n //= len(rows)
        for size, call in turns:
            for _ in range(n // size):
                call()
            n %= size

    def read() -> list[Any]:
        return [
            x.reshape(m, n).T.reshape(np.shape(p))
            for x, (n, m), p in zip(np.split(values, ends[1:-1]), shapes, start, strict=True)
        ]

    return steps, read


def _compiled(f: Any) -> Any:
    """Return a function by way of C and gcc."""
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)  # It generates code where it is.
        try:
            f.generate("generated.c")
            options: Any = {"compiler": "gcc", "flags": ["-O3", "-march=native"], "cleanup": False}
            return ca.external(f.name(), ca.Importer("generated.c", "shell", options))
        finally:
            os.chdir(before)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + ca.exp(-x))


def _sum(x: Any) -> Any:
    return ca.sum1(ca.sum2(x))


def one_weight(w: float, x: float, goal: float, alpha: float, train: Any) -> Run:
    return train(lambda p: (p[0] * x - goal) ** 2, [w], alpha / 2, ())


def neuron(x: Array, y: Array, w: Array, train: Any) -> Run:
    return train(lambda p, x, y: _sum((_sigmoid(x @ p[0]) - y) ** 2) / 2, [w], 1.0, (x, y))


def two_layers(x: Array, y: Array, w1: Array, w2: Array, train: Any) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        return _sum((_sigmoid(_sigmoid(x @ p[0]) @ p[1]) - y) ** 2) / 2

    return train(loss, [w1, w2], 1.0, (x, y))


def per_sample(
    x: Array, y: Array, w1: Array, b1: Array, w2: Array, b2: Array, rate: float, train: Any
) -> Run:
    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = p
        return (_sigmoid(_sigmoid(x @ w1 + b1) @ w2 + b2) - y) ** 2

    return train(loss, [w1, b1, w2, b2], rate, *zip(x, y, strict=True))


def _way(train: Any, **more: Any) -> SimpleNamespace:
    networks = (one_weight, neuron, two_layers, per_sample)
    return SimpleNamespace(
        **{f.__name__: functools.partial(f, train=train) for f in networks}, **more
    )


bound = _way(_bound)
loop = _way(_loop, WHOLE=True) if shutil.which("gcc") else SimpleNamespace()
