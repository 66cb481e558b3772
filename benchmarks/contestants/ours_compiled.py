"""Steps of autograd_lite compiled by `al.compile`, from the losses of `ours`: in four ways.

A call of a step checks that nothing has changed; one that is bound to its arrays has checked them
once; ``run`` does a whole loop in one call. On the NumPy backend, the step is bound, too.
"""

from __future__ import annotations

import functools
import itertools
from types import SimpleNamespace
from typing import Any, Literal

import autograd_lite as al
from benchmarks.contestants import ours
from benchmarks.contestants.ours import Data, Loss
from benchmarks.workloads import Run

COMPILED = ("one_weight", "neuron", "two_layers", "per_sample", "chain", "mlp", "elementwise")


def _train(
    loss: Loss,
    parameters: list[al.Tensor],
    rate: float,
    data: Data = (),
    *,
    stacked: bool = False,
    way: str,
) -> Run:
    """Return a compiled step of gradient descent on ``loss(*data)``, or on its rows in turn."""
    backend: Literal["auto", "numpy"] = "numpy" if way == "numpy" else "auto"
    step = al.compile(loss, al.optim.SGD(parameters, lr=rate), backend=backend)
    rows: list[Any] = list(zip(*data, strict=True)) if stacked else [data]

    def call() -> None:
        step(*next(batches))

    def bound() -> None:
        next(steps)()

    def loop(n: int) -> None:
        step.run(n, *data, stacked=stacked)

    batches = itertools.cycle(rows)
    steps = itertools.cycle([step.bind(*row) for row in rows] if way != "loop" else ())
    one = steps.__next__() if len(rows) == 1 and way != "loop" else bound
    do: Any = {"call": call, "bound": one, "numpy": one, "loop": loop}[way]
    return do, lambda: [p.numpy() for p in parameters]


def _way(name: str) -> SimpleNamespace:
    train = functools.partial(_train, way=name)
    steps = {w: functools.partial(getattr(ours, w), train=train) for w in COMPILED}
    return SimpleNamespace(**steps, WHOLE=name == "loop")


call, bound, loop, numpy = map(_way, ("call", "bound", "loop", "numpy"))
