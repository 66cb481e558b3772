"""What can be found in a gradient by hand, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.check.mistakes import factors
from autograd_lite.check.mistakes.entries import wrong_entries, zero_entries
from autograd_lite.check.mistakes.registry import Array, Candidate, Target

UNEXPLAINED = "unexplained"
FOLLOWS = "follows"
NOT_FINITE = "not finite"
SOME_ENTRIES = "some entries"
SIZES_COINCIDE = "sizes coincide"
VALUES_COINCIDE = "values coincide"
FORWARDS = "forwards again"
TURNED = "Jacobian transposed"

OTHERS = {
    UNEXPLAINED: "No mistake that is known here gives these numbers.",
    FOLLOWS: "It was computed rightly from a wrong gradient nearer to the loss.",
    NOT_FINITE: "0 / 0, the logarithm of a negative number, a number too large for its type.",
    SOME_ENTRIES: "The formula is right, except for some entries.",
    SIZES_COINCIDE: "The formula is right for these sizes only.",
    VALUES_COINCIDE: "The formula is right for these values only: for these signs, say.",
    FORWARDS: "What turns forwards by an angle turns back by the opposite one.",
    TURNED: "Row i of a Jacobian is the gradient of output i.",
}
"""What can be found besides the mistakes of the registry, and what it means."""

SINGULAR = ("row ", "column ", "entry ")


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a gradient by hand.

    Attributes
    ----------
    name : str
        Which mistake it is: a key of `MISTAKES`; or ``follows``, ``some entries``,
        ``not finite``, ``sizes coincide``, ``unexplained``.
    title : str
        What is wrong, in a clause.
    how : str
        How such a mistake comes about.
    evidence : str
        How the finding was verified; empty if nothing was found.
    confidence : {"certain", "likely", "possible", "none"}
        certain: several numbers, and no other explanation. likely: there are alternatives.
        possible: a single number, or few signs, which many mistakes could give.
    alternatives : tuple of (str, str)
        Name and title of the other mistakes that give the same numbers.
    first : bool
        Whether it is the first gradient, from the loss backwards, at which the two part.
    """

    name: str
    title: str
    how: str = ""
    evidence: str = ""
    confidence: str = "certain"
    alternatives: tuple[tuple[str, str], ...] = ()
    first: bool = False

    @property
    def explained(self) -> bool:
        """Whether a mistake was found."""
        return self.name != UNEXPLAINED

    def __str__(self) -> str:
        return self.title


def evidence(candidate: Candidate, target: Target) -> str:
    """Return a sentence on how a finding was verified."""
    if candidate.correct is not None:
        gap = np.abs(candidate.correct(target.hand) - target.right).max(initial=0)
        return (
            f"taken back, it leaves the right gradient, up to {gap:.1e} in {entries(target.right)}"
        )
    return (
        f"made on purpose in a right backward pass, it gives the numbers by hand, in "
        f"{entries(target.hand)}"
    )


def entries(array: Array) -> str:
    """Return the number of entries of an array, in words."""
    return "the only entry" if array.size == 1 else f"all {array.size} entries"


NOTHING = Diagnosis(
    UNEXPLAINED, "unexplained: no known mistake gives these numbers", confidence="none"
)

NEARLY = Diagnosis(
    UNEXPLAINED,
    "unexplained: only the last digits differ, as of a rounded number",
    confidence="none",
)


def partly(target: Target) -> Diagnosis:
    """Return which entries of a gradient are wrong, where the others are right."""
    if target.hand.ndim == 0 != target.right.ndim:
        return Diagnosis(
            "shape",
            f"a single number, {target.hand:g}, in place of an array of shape {target.right.shape}",
            "A gradient has one number for every entry of its tensor.",
            f"the right gradient has {target.right.size} entries; their sum is "
            f"{target.right.sum():.6g}",
        )
    places = wrong_entries(target)
    if nothing := zero_entries(target):
        return Diagnosis(
            SOME_ENTRIES,
            f"by hand is zero in {nothing}: nothing comes back there",
            OTHERS[SOME_ENTRIES],
            "the other entries agree",
        )
    if places is None:
        return NOTHING
    words, wrong = places
    good = int(np.count_nonzero(~wrong))
    factor = factors.factor_of(target.hand[wrong], target.right[wrong])
    known = factor is not None and (wrong.sum() > 1 or abs(factor) in (0.5, 2.0, 1.0))
    times = f", by hand = {factor:.6g} × autodiff there" if known else ""
    return Diagnosis(
        SOME_ENTRIES,
        f"only {words} {'is' if words.startswith(SINGULAR) else 'are'} wrong{times}",
        OTHERS[SOME_ENTRIES],
        f"the other {good} of {wrong.size} entries agree",
        "certain" if good > 1 else "possible",
    )


def describe(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as plain data."""
    return {
        "name": diagnosis.name,
        "title": diagnosis.title,
        "how": diagnosis.how,
        "evidence": diagnosis.evidence,
        "confidence": diagnosis.confidence,
        "alternatives": [{"name": n, "title": t} for n, t in diagnosis.alternatives],
        "first": diagnosis.first,
    }
