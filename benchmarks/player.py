"""A contestant at work: what happens in its process."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import repeat
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.workloads import WORKLOADS, Array, Run

BATCH_SECONDS = 0.004
CHAIN = 10_000
DATA = {workload.name: workload.data for workload in WORKLOADS}


class Player:
    """Does the steps of one contestant.

    Parameters
    ----------
    module : module or namespace
        The contestant's, with a function for each workload that it takes part in.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._step: Any = tuple
        self._whole = getattr(module, "WHOLE", False)
        self._count = 1

    def change(self, workload: str, steps: int) -> list[Array] | None:
        """Return what some steps add to each parameter; None if it takes no part."""
        run = self._start(workload)
        if run is None:
            return None
        self._step, read = run
        before = [np.array(p, dtype=np.float64) for p in read()]
        self._time(steps)
        after = [np.array(p, dtype=np.float64) for p in read()]
        return [new - old for new, old in zip(after, before, strict=True)]

    def prepare(self, workload: str) -> bool:
        """Set a workload up and choose the size of its batches; say whether it takes part."""
        run = self._start(workload)
        if run is None:
            return False
        self._step, _ = run
        count = 1
        # The first step compiles, and warms up, what needs it; in a loop, the second one does.
        while (took := min(self._time(count) for _ in range(3))) < BATCH_SECONDS / 2:
            count *= 2
        self._count = max(1, round(count * BATCH_SECONDS / took))
        return True

    def batch(self) -> tuple[float, int]:
        """Do a batch of steps; return the seconds that it took, and how many they were."""
        return self._time(self._count), self._count

    def bytes_per_node(self) -> float | None:
        """Record a chain and weigh it; None if it is not in Python's memory."""
        if not hasattr(self._module, "record"):
            return None
        self._module.record(10)  # What is allocated once is not the nodes'.
        gc.collect()
        tracemalloc.start()
        try:
            kept, data = self._module.record(CHAIN)
            gc.collect()
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        del kept
        return float(size / CHAIN - data)

    def _start(self, workload: str) -> Run | None:
        prepare: Any = getattr(self._module, workload, None)
        if prepare is None:
            return None
        run: Run = prepare(**DATA[workload]())
        return run

    def _time(self, count: int) -> float:
        step = self._step
        begin = perf_counter()
        if self._whole:
            step(count)
            return perf_counter() - begin
        for _ in repeat(None, count):
            step()
        return perf_counter() - begin
