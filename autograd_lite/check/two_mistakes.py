"""Two mistakes at once: each made on purpose, their changes add up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.check.finding import Diagnosis, entries
from autograd_lite.check.mistakes.made import Made
from autograd_lite.check.mistakes.reasons import reason, shown
from autograd_lite.check.mistakes.registry import MISTAKES, Candidate, Case, Target, same

FEWEST_FOR_TWO = 4
"""How many numbers it takes to believe in two mistakes at once."""

MOST_COSTLY_OF_TWO, MOST_PAIRS = 1.25, 50
"""How far-fetched either of two mistakes may be, and how many pairs are tested on all digits."""


def with_a_factor(
    case: Case, target: Target, proposed: Sequence[Candidate], deadline: float
) -> tuple[Diagnosis | None, float]:
    """Look for a mistake that gives a gradient but for a factor; add how far-fetched it is."""
    sizes = np.abs(target.hand[target.hand != 0])
    if sizes.size < 4 or same(sizes, np.full_like(sizes, sizes[0])):
        return None, np.inf  # That would be a multiple of too much.
    best: Diagnosis | None = None
    least = np.inf
    for candidate in proposed:
        if time.thread_time() > deadline or 1 + candidate.cost >= least:
            break
        made = candidate.predict
        if not isinstance(made, Made) or candidate.kind == "wrong gradient":
            continue
        factor = made.factor(target)
        if factor is None or abs(factor) < 1e-6:
            continue
        if candidate.kind == "factor on a path" and factor < 0:
            continue  # Its sign would be flipped twice.
        flipped = "its sign is flipped" if factor < 0 else ""
        why = None if abs(abs(factor) - 1) < 1e-6 else reason(case, abs(factor))
        if why is None and not (flipped and abs(factor + 1) < 1e-6):
            continue
        found = made(target, factor)
        if found is None or not same(found, target.hand):
            continue
        more = " and ".join(filter(None, (flipped, why and f"a factor {shown(abs(factor))}")))
        because = f" ({why[0]})" if why else ""
        cost = 1 + candidate.cost + (why[1] if why else 0.0)
        if cost >= least:
            continue
        least, best = (
            cost,
            Diagnosis(
                candidate.kind,
                f"two mistakes: {candidate.title.split(';')[0]}, and {more}{because}",
                MISTAKES[candidate.kind].how,
                f"made on purpose in a right backward pass, it gives the numbers by hand, in "
                f"{entries(target.hand)}, but for that factor",
                "likely",
            ),
        )
    return best, least


def two_together(
    target: Target, proposed: Sequence[Candidate], deadline: float
) -> Diagnosis | None:
    """Look for two mistakes that together give a gradient: their changes add up.

    Two numbers of each, along random directions, tell which pairs are worth a test.
    """
    if not target.fits or np.count_nonzero(target.hand) < FEWEST_FOR_TWO:
        return None
    each: list[tuple[Candidate, Made]] = []
    moves: list[Any] = []
    goals: Any = (0.0, 0.0)
    for candidate in proposed:
        made = candidate.predict
        if candidate.cost > MOST_COSTLY_OF_TWO or time.thread_time() > deadline:
            break
        if isinstance(made, Made) and (move := made.moves(target)) is not None:
            each.append((candidate, made))
            moves.append(move[0])
            goals = move[1]
    if len(each) < 2:
        return None
    along = np.array(moves)
    size = np.abs(along).sum(axis=1) + np.abs(goals).sum()
    fits: list[tuple[float, int, int]] = []
    for i in range(len(each)):
        gaps = np.abs(along[i + 1 :] + along[i] - goals)
        near = (gaps <= 1e-5 * (size[i + 1 :, None] + size[i])).all(axis=1)
        fits += [
            (each[i][0].cost + each[j][0].cost, i, int(j)) for j in np.flatnonzero(near) + i + 1
        ]
    for _, i, j in sorted(fits)[:MOST_PAIRS]:
        (one, first), (two, second) = each[i], each[j]
        found = first(target) + second(target) - target.right
        alone = same(first(target), target.right) or same(second(target), target.right)
        if not alone and same(found, target.hand):
            titles = list(dict.fromkeys(x.title.split(";")[0] for x in (one, two)))
            return Diagnosis(
                one.kind,
                "two mistakes: " + "; and ".join(titles) if len(titles) > 1 else titles[0],
                " ".join(dict.fromkeys(MISTAKES[x.kind].how for x in (one, two))),
                f"both made on purpose in a right backward pass, they give the numbers by hand, in "
                f"{entries(target.hand)}",
                "likely",
            )
    return None
