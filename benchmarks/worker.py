"""A process for each contestant, which imports no other library than its own.

In one process the contestants disturb each other: beside PyTorch's thread pool, whoever used
NumPy's took up to a hundred times as long for a step; collecting garbage costs everybody the
objects of all imports; and the memory that a large workload has freed halved the time of a
smaller one.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Protocol

from benchmarks.contestants import Contestant, load
from benchmarks.player import Player
from benchmarks.workloads import Array


class Playing(Protocol):
    """A `Player`, here or in a process of its own."""

    def change(self, workload: str, steps: int) -> list[Array] | None:
        """As `Player.change`."""

    def prepare(self, workload: str) -> bool:
        """As `Player.prepare`."""

    def batch(self) -> tuple[float, int]:
        """As `Player.batch`."""

    def bytes_per_node(self) -> float | None:
        """As `Player.bytes_per_node`."""


class Worker:
    """A `Player` in a process of its own, asked through a pipe.

    Parameters
    ----------
    contestant : Contestant
        Whose module the process imports.
    """

    def __init__(self, contestant: Contestant) -> None:
        self._title = contestant.title
        context = multiprocessing.get_context("spawn")  # A fork would inherit our imports.
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, contestant), daemon=True)
        self._process.start()
        theirs.close()

    def installed(self) -> bool:
        """Wait for the import; say whether the library is there."""
        return bool(self._answer())

    def change(self, workload: str, steps: int) -> list[Array] | None:
        """As `Player.change`."""
        changes: list[Array] | None = self._ask("change", workload, steps)
        return changes

    def prepare(self, workload: str) -> bool:
        """As `Player.prepare`."""
        return bool(self._ask("prepare", workload))

    def batch(self) -> tuple[float, int]:
        """As `Player.batch`."""
        seconds, count = self._ask("batch")
        return seconds, count

    def bytes_per_node(self) -> float | None:
        """As `Player.bytes_per_node`."""
        size: float | None = self._ask("bytes_per_node")
        return size

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)

    def _ask(self, *question: Any) -> Any:
        self._pipe.send(question)
        return self._answer()

    def _answer(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"The process of {self._title} has failed; see above.") from None


def _serve(pipe: Connection, contestant: Contestant) -> None:
    """Answer questions until the pipe is closed; an error ends the process with a traceback."""
    module = load(contestant)
    pipe.send(module is not None)
    if module is None:
        return
    player = Player(module)
    while True:
        try:
            question, *details = pipe.recv()
        except EOFError:
            return
        pipe.send(getattr(player, question)(*details))


@contextmanager
def workers(contestants: Iterable[Contestant], threads: int | None) -> Iterator[dict[str, Worker]]:
    """Start a process for everybody who is installed, and end them all afterwards.

    Parameters
    ----------
    contestants : iterable of Contestant
        Who is to take part.
    threads : int or None
        How many threads each library may use; None: as many as it chooses.
    """
    before = dict(os.environ)
    os.environ.update(environment(threads))  # Libraries read it when they are imported.
    try:
        started = {c.key: Worker(c) for c in contestants}
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        yield {key: worker for key, worker in started.items() if worker.installed()}
    finally:
        for worker in started.values():
            worker.stop()


def environment(threads: int | None) -> dict[str, str]:
    """Return the environment variables that give a library so many threads."""
    if threads is None:
        return {}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    found = dict.fromkeys(names, str(threads))
    if threads == 1:  # JAX has no number to set: one thread, or as many as it chooses.
        flags = os.environ.get("XLA_FLAGS", "")
        found["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    return found
