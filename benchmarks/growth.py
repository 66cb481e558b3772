"""Programs whose cost must grow with their work, and no faster, beside the same in PyTorch.

Many writes, many operands, many views, many small derivatives. Both get the same numbers; their
gradients are compared before anything is timed, and then they take turns.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tracemalloc
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple, cast

import numpy as np

import autograd_lite as al


class Program(NamedTuple):
    """A program for both: it takes `Ours` or `Theirs`, and returns a gradient.

    Attributes
    ----------
    title : str
        What the table calls it.
    run : callable
        The program.
    target : float or None
        How many times PyTorch's time it may take at most; None: nothing was asked.
    """

    title: str
    run: Callable[[Any], Any]
    target: float | None


class Ours:
    """What the programs use, in this library."""

    stack, exp, no_grad = staticmethod(np.stack), np.exp, al.no_grad

    def variable(self, x: Any) -> Any:
        """Return a leaf that requires a gradient."""
        return al.Tensor(x, requires_grad=True)

    def zeros(self, *shape: int) -> Any:
        """Return what is filled."""
        return al.Tensor(np.zeros(shape))

    def larger(self, a: Any, b: Any) -> Any:
        """Return the larger entries of two."""
        return np.maximum(a, b)

    def jacobian(self, f: Callable[[Any], Any], x: Any) -> Any:
        """Return all derivatives of a function."""
        return al.jacobian(f)(x.detach())

    def inner(self, y: Any) -> Any:
        """Return the gradient of ``sum(y**3)``, as a constant, inside another computation."""
        return al.grad(lambda z: (z**3).sum())(y.detach())


class Theirs:
    """What the programs use, in PyTorch."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        self.stack, self.exp, self.larger = torch.stack, torch.exp, torch.maximum
        self.no_grad = torch.no_grad
        torch.set_num_threads(1)

    def variable(self, x: Any) -> Any:
        """Return a leaf that requires a gradient."""
        return self.torch.tensor(x, requires_grad=True, dtype=self.torch.float64)

    def zeros(self, *shape: int) -> Any:
        """Return what is filled."""
        return self.torch.zeros(shape, dtype=self.torch.float64)

    def jacobian(self, f: Callable[[Any], Any], x: Any) -> Any:
        """Return all derivatives of a function."""
        jacobian: Any = self.torch.autograd.functional.jacobian
        return jacobian(f, x.detach())

    def inner(self, y: Any) -> Any:
        """Return the gradient of ``sum(y**3)``, as a constant, inside another computation."""
        z = y.detach().requires_grad_()
        return self.torch.autograd.grad((z**3).sum(), z)[0]


def _filled(lib: Any) -> Any:
    w, y = lib.variable(0.5), lib.zeros(50_000)
    for i in range(50_000):
        y[i] = w * (i % 7)
    (y * y).sum().backward()
    return w.grad


def _stacked(lib: Any) -> Any:
    w = lib.variable(0.5)
    y = lib.stack([w * (i % 7) for i in range(40_000)])
    (y * y).sum().backward()
    return w.grad


def _views(lib: Any) -> Any:
    w = lib.variable(0.5)
    y = lib.zeros(2000, 4)
    views = [y[i] for i in range(2000)]
    for i in range(1000):
        y[i] = w * (i % 7)
    total = w * 0.0
    for view in views:
        total = total + view.sum()
    total.backward()
    return w.grad


def _attention(lib: Any) -> Any:
    """Attend to one tile after the other, as kernels do, with running maxima and sums."""
    q = lib.variable(np.random.default_rng(0).normal(size=(32, 8)))
    out, sums, most = lib.zeros(32, 8), lib.zeros(32), lib.zeros(32) - 1e9
    for k in range(0, 32, 8):
        keys = q[k : k + 8]
        for i in range(0, 32, 8):
            rows = slice(i, i + 8)
            scores = q[rows] @ keys.T / 8**0.5
            highest = lib.larger(most[rows], lib.stack([s.max() for s in scores.detach()]))
            weights, shrink = lib.exp(scores - highest[:, None]), lib.exp(most[rows] - highest)
            sums[rows] = sums[rows] * shrink + weights.sum(1)
            out[rows] = out[rows] * shrink[:, None] + weights @ keys
            most[rows] = highest
    out /= sums[:, None]
    (out * out).sum().backward()
    return q.grad


def _jacobian(lib: Any) -> Any:
    m, x = (lib.variable(np.random.default_rng(0).normal(size=n)) for n in ((40, 5), 5))
    return lib.jacobian(lambda x: lib.exp(m.detach() @ x), x)


def _inner(lib: Any) -> Any:
    w = lib.variable(np.linspace(0.1, 1.0, 5))
    y = w
    for _ in range(3000):
        y = y * 1.0001
    for _ in range(20):
        y = y + 0.001 * lib.inner(y) * y
    y.sum().backward()
    return w.grad


def _kept_view(lib: Any) -> Any:
    w = lib.variable(np.linspace(0.1, 1.0, 8))
    view, none = w[2:5], cast("Any", None)
    for _ in range(500):
        w.grad = none
        ((w * w).sum() + (w[2:5] * view.detach()).sum()).backward()
        with lib.no_grad():
            w -= 0.01 * w.grad
    return w.grad


PROGRAMS = (
    Program("50,000 entries written one by one", _filled, 3),
    Program("40,000 numbers stacked", _stacked, None),
    Program("2,000 views read after 1,000 writes", _views, 3),
    Program("attention in tiles of 8 by 8", _attention, None),
    Program("Jacobian of 40 results by 5 inputs", _jacobian, None),
    Program("20 inner gradients behind 3,000 operations", _inner, None),
    Program("500 steps with a view of the parameter kept", _kept_view, None),
)


def memory_of_filling() -> float:
    """Return how many MB the entries written one by one take at most."""
    tracemalloc.start()
    try:
        _filled(Ours())
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def measure(rounds: int) -> str:
    """Time every program, and write the ratios down as a table in Markdown."""
    lines = ["| program | of PyTorch's time | asked |", "|---|---:|---:|"]
    ours, theirs = Ours(), Theirs()
    for program in PROGRAMS:
        if not np.allclose(np.asarray(program.run(ours)), np.asarray(program.run(theirs))):
            raise SystemExit(f"{program.title}: PyTorch computes something else.")
        ratios = []
        for _ in range(rounds):
            seconds = [_seconds(program.run, lib) for lib in (ours, theirs)]
            ratios.append(seconds[0] / seconds[1])
        asked = "" if program.target is None else f"{program.target:g}"
        lines.append(f"| {program.title} | {statistics.median(ratios):.2f} | {asked} |")
    lines += "", f"Memory of the writes: {memory_of_filling():.0f} MB (asked: at most 200)"
    return "\n".join(lines)


def _seconds(run: Callable[[Any], Any], lib: Any) -> float:
    start = perf_counter()
    run(lib)
    return perf_counter() - start


if __name__ == "__main__":
    if importlib.util.find_spec("torch") is None:
        sys.exit("PyTorch is not installed.")
    print(measure(int(sys.argv[1])))
