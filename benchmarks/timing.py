"""Agreement first, then times: interleaved rounds, each contestant once in every round.

Two noisy times are divided by each other, so the ratio is taken within a round, where both met
the same machine, and its median over the rounds is reported. The control is the hand-written
step in a second process: its ratio shows what the noise of this run amounts to.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from benchmarks.contestants import HAND
from benchmarks.worker import Playing

LEAST_ROUNDS = 3


@dataclass(frozen=True)
class Times:
    """How long one step of a workload took.

    Attributes
    ----------
    seconds : dict of str to dict of int to float
        For each contestant, the seconds per step in each of the rounds that it took part in.
    """

    seconds: dict[str, dict[int, float]]

    def median(self, key: str) -> float | None:
        """Return the median seconds per step; None if it was not timed."""
        rounds = self.seconds.get(key)
        return statistics.median(rounds.values()) if rounds else None

    def ratio(self, key: str, to: str = HAND) -> float | None:
        """Return the median, over the rounds that both were in, of one time by the other."""
        ratios = self.ratios(key, to)
        return statistics.median(ratios) if ratios else None

    def ratios(self, key: str, to: str = HAND) -> list[float]:
        """Return one time by the other for every round that both were in."""
        base = self.seconds.get(to, {})
        return [t / base[i] for i, t in self.seconds.get(key, {}).items() if i in base]


def disagreements(players: Mapping[str, Playing], workload: str, steps: int = 2) -> list[str]:
    """Do a few steps with everybody; say who changes a parameter otherwise than by hand.

    It is the changes that are compared: a wrong gradient would hide behind a large parameter.
    """
    changes = {key: player.change(workload, steps) for key, player in players.items()}
    expected = changes[HAND] or []
    found = []
    for key, change in changes.items():
        for i, (want, got) in enumerate(zip(expected, change or expected, strict=True)):
            top = float(np.abs(want).max())
            who = f"{workload}: {key}, parameter {i}"
            if want.shape != got.shape:
                found.append(f"{who} has shape {got.shape} and should have {want.shape}")
            elif not np.allclose(got, want, rtol=1e-6, atol=1e-9 * top):
                worst = float(np.abs(got - want).max())
                found.append(f"{who} changes by up to {top:.3g}, and is off by up to {worst:.3g}")
    return found


def measure(players: Mapping[str, Playing], workload: str, *, seconds: float, rounds: int) -> Times:
    """Time everybody in interleaved rounds, for about so many seconds or so many rounds.

    Whoever has used up an even share of the seconds sits out the rest, so that one who takes
    seconds for a step does not leave everybody else with three rounds.
    """
    times: dict[str, dict[int, float]] = {
        key: {} for key, player in players.items() if player.prepare(workload)
    }
    spent = dict.fromkeys(times, 0.0)
    share, end = seconds / len(times), perf_counter() + seconds
    for i in range(rounds):
        if i >= LEAST_ROUNDS and perf_counter() > end:
            break
        for key in _order(list(times), i):
            if i < LEAST_ROUNDS or spent[key] < share or key == HAND:
                took, count = players[key].batch()
                spent[key] += took
                times[key][i] = took / count
    return Times(times)


def _order(keys: list[str], i: int) -> list[str]:
    """Rotate by one in every round, backwards in every other: nobody always follows the same."""
    shift = i % len(keys)
    rotated = keys[shift:] + keys[:shift]
    return rotated[::-1] if i % 2 else rotated
