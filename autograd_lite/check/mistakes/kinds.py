"""Mistakes that show in a gradient itself: a factor, a sign, a precision.

A mistake is an entry of the registry `MISTAKES`: a function that looks at one gradient by hand
beside the right one and yields a `Candidate` for every way in which it could have come about. A
candidate is a claim that can be tested: what the gradient would be with the mistake taken back
(`correct`), or what it would be if the mistake were made (`predict`). Nobody reports one untested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.check.replay import Replay

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Target:
    """One gradient by hand that differs from the right one."""

    name: str
    hand: Array
    right: Array
    id: str | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """All that is known where mistakes are looked for.

    Attributes
    ----------
    replay : Replay or None
        The backward pass; None if there is no graph.
    lr : float or None
        The learning rate, if it is known.
    batch : int
        Length of the first axis of the data; 0 if unknown.
    """

    replay: Replay | None = None
    lr: float | None = None
    batch: int = 0


@dataclass(frozen=True, eq=False)
class Candidate:
    """A mistake that may have been made.

    Attributes
    ----------
    title : str
        What is wrong, in a clause.
    cost : float
        How far-fetched it is: of two that explain as much, the smaller one is named first.
    correct : callable, optional
        Takes the mistake back: from the gradient by hand to the right one.
    predict : callable, optional
        Makes the mistake: from the identifier of a node to its gradient.
    kind : str
        The name of its registry entry, unless it says otherwise.
    how : str
        How it comes about, or what to do.
    weak : bool
        Whether so little speaks for it that it may be chance, though it gives the same numbers.
    """

    title: str
    cost: float
    correct: Callable[[Array], Array] | None = None
    predict: Callable[[Target], Array | None] | None = None
    kind: str = ""
    how: str = ""
    weak: bool = False

    def explains(self, target: Target) -> bool:
        """Say whether taking the mistake back, or making it, accounts for all of a gradient."""
        try:
            with np.errstate(all="ignore"):
                if self.correct is not None:
                    return same(self.correct(target.hand), target.right)
                made = self.predict(target) if self.predict is not None else None
        except (ValueError, TypeError, IndexError):
            return False  # It cannot be made here: the shapes do not fit.
        return made is not None and same(made, target.hand)


Finder = Callable[[Case, Target], Iterator[Candidate]]


@dataclass(frozen=True)
class Mistake:
    """An entry of the registry: the name of a mistake, and how it comes about."""

    name: str
    how: str
    find: Finder = field(repr=False)


MISTAKES: dict[str, Mistake] = {}
"""Every mistake that is known, by name."""


def mistake(name: str, how: str) -> Callable[[Finder], Finder]:
    """Register a mistake."""

    def register(find: Finder) -> Finder:
        MISTAKES[name] = Mistake(name, how, find)
        return find

    return register


def same(a: Array, b: Array) -> bool:
    """Say whether two gradients are equal up to rounding."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or not np.isfinite(a).all() or not np.isfinite(b).all():
        return False
    rtol = max(digits(a), digits(b))
    scale = float(np.abs(b).max(initial=0.0))
    return bool(np.all(np.abs(a - b) <= rtol * np.abs(b) + 1e-2 * rtol * scale))


def digits(array: Array) -> float:
    """Return how far two computations in a type may differ: half of its digits is generous."""
    if array.dtype.kind != "f":
        return 1e-9
    return {8: 1e-9, 4: 1e-4, 2: 2e-2}.get(array.dtype.itemsize, 1e-9)


# ------------------------------------------------------------------------ one factor for all


def factor_of(hand: Array, right: Array) -> float | None:
    """Return by hand / right, if that is one number for all entries."""
    if hand.shape != right.shape or not np.isfinite(hand).all():
        return None
    largest = np.argmax(np.abs(right)) if right.size else 0
    if not right.size or right.flat[largest] == 0 or not hand.any():
        return None
    factor = float(hand.flat[largest] / right.flat[largest])
    return factor if same(hand, factor * right) else None


def _is(a: float, b: float) -> bool:
    return bool(np.isclose(a, b, rtol=1e-6, atol=0))


def _lengths(case: Case) -> tuple[set[int], set[int], bool]:
    """Return over how many entries the graph averages, and sums, and whether it squares."""
    averages: set[int] = set()
    sums: set[int] = set()
    squares = False
    if case.replay is None:
        return averages, sums, squares
    for node in case.replay.graph:
        made_by = node.primitive
        divisor = case.replay.values[node.operands[1]] if made_by is ops.divide else 0
        if np.ndim(divisor) == 0 and divisor == case.batch > 1:  # A mean, written out.
            averages.add(case.batch)
        if made_by not in (ops.mse, ops.mean, ops.sum, ops.square, ops.power):
            continue
        n = int(np.size(case.replay.values[node.operands[0]]) / max(1, np.size(node.value)))
        reduction = node.parameters.get("reduction")
        if made_by in (ops.mse, ops.square, ops.power):
            squares = squares or reduction != "half_sum"
        if made_by is ops.mean or reduction == "mean":
            averages.add(n)
        if made_by is ops.sum or reduction in ("sum", "half_sum"):
            sums.add(n)
    return averages - {1}, sums - {1}, squares


def _sums_the_batch(case: Case, target: Target) -> bool:
    """Say whether a gradient is the sum over the batch of another, as that of a bias is."""
    if case.replay is None or target.id is None or target.right.ndim != 1:
        return False
    uses = case.replay.graph.consumers(case.replay.graph[target.id])
    return any(len(node.shape) > 1 and node.shape[0] == case.batch for node in uses)


def _readings(case: Case, target: Target, a: float) -> Iterator[tuple[str, str, float]]:
    """Yield kind, meaning and cost of everything that a factor can be."""
    if case.batch > 1 and _is(a, 1 / case.batch) and _sums_the_batch(case, target):
        text = f"averaged over the batch of {case.batch}, whose gradients add up"
        yield "averaged, not summed", text, 0.8
    averages, sums, squares = _lengths(case)
    of_square = " of the square" if squares else ""
    if _is(a, 0.5):
        yield "constant factor", f"the factor 2{of_square} is missing", 1.0
    if _is(a, 2):
        yield "constant factor", "there is a factor 2 too many", 1.0
    for n in sorted(averages):
        if _is(a, n):
            yield "summed, not averaged", f"summed over {n} entries that the loss averages", 0.9
        elif _is(a, n / 2):
            text = f"that of half the sum, where the loss averages {n} entries"
            yield "summed, not averaged", text, 1.1
    for n in sorted(sums):
        if _is(a, 1 / n):
            yield "averaged, not summed", f"averaged over {n} entries that the loss sums", 0.9
        elif _is(a, 2 / n):
            text = f"that of the mean square, where the loss is half the sum of {n} entries"
            yield "averaged, not summed", text, 1.1
    for n in sorted({*averages, *sums} - {case.batch}):
        if _is(a, n):
            yield "constant factor", f"multiplied by n = {n}, the number of entries", 1.5
        elif _is(a, 1 / n):
            yield "constant factor", f"divided by n = {n}, the number of entries", 1.5
    if case.batch > 1 and _is(a, case.batch):
        yield "constant factor", f"multiplied by the size of the batch, {case.batch}", 1.4
    if case.batch > 1 and _is(a, 1 / case.batch):
        yield "constant factor", f"divided by the size of the batch, {case.batch}", 1.4
    if case.lr is not None and case.lr != 1 and _is(a, case.lr):
        yield "learning rate", f"the learning rate {case.lr:g} is in it already", 0.8
    if case.lr is not None and case.lr != 1 and _is(a, 1 / case.lr):
        yield "learning rate", f"divided by the learning rate {case.lr:g}", 0.8
    if case.lr is None and any(_is(a, lr) for lr in (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 1e-4)):
        yield "learning rate", f"a learning rate of {a:g} may be in it already", 2.5


@mistake("constant factor", "Every entry has the same factor too many or too few.")
def constant_factor(case: Case, target: Target) -> Iterator[Candidate]:
    """By hand is a number times the right gradient."""
    factor = factor_of(target.hand, target.right)
    if factor is None or _is(factor, 1) or _is(factor, -1):
        return
    sign = "with its sign flipped, and " if factor < 0 else ""
    known = list(_readings(case, target, abs(factor)))
    # A single number is always some multiple of another, which proves nothing.
    if not known and np.count_nonzero(target.right) > 1:
        known = [("constant factor", "one factor for all entries", 3.0)]
    for kind, meaning, cost in known:
        yield Candidate(
            f"by hand = {factor:.6g} × autodiff: {sign}{meaning}",
            cost + (0.1 if factor < 0 else 0),
            correct=lambda hand: hand / factor,
            kind=kind,
        )


for _kind, _how in (
    ("summed, not averaged", "The loss is a mean, so its gradient has the factor 1/n."),
    ("averaged, not summed", "What adds up in the loss adds up in its gradient, without 1/n."),
    ("learning rate", "The gradient itself knows no learning rate: it belongs in the update."),
):
    MISTAKES[_kind] = Mistake(_kind, _how, lambda _case, _target: iter(()))


@mistake("sign flipped", "target - output in place of output - target, or the update's own minus.")
def sign_flipped(case: Case, target: Target) -> Iterator[Candidate]:
    """Everything has the other sign."""
    del case, target
    yield Candidate("the sign is flipped: by hand = -autodiff", 0.5, correct=lambda hand: -hand)


@mistake("sign flipped in part", "A sign was lost in some terms only.")
def sign_flipped_in_part(case: Case, target: Target) -> Iterator[Candidate]:
    """Look whether only signs differ, in some entries."""
    del case
    hand, right = target.hand, target.right
    if hand.shape != right.shape or not same(np.abs(hand), np.abs(right)):
        return
    flipped = (hand * right < 0) & (np.abs(right) > 1e-9 * np.abs(right).max(initial=0))
    if flipped.any() and np.count_nonzero(right) > np.count_nonzero(flipped):
        signs = np.where(flipped, -1, 1)
        title = f"the sign is flipped in {entries_in_words(flipped, right != 0)}"
        yield Candidate(title, 0.6, correct=lambda hand: hand * signs)


def entries_in_words(chosen: Array, counting: Array | None = None) -> str:
    """Say which entries are chosen: rows, columns, or single ones, by their indices."""
    counting = np.ones(chosen.shape, bool) if counting is None else counting
    for axis, noun in ((0, "row"), (1, "column")) if chosen.ndim == 2 else ():
        others = 1 - axis
        whole = (chosen | ~counting).all(axis=others) & chosen.any(axis=others)
        if chosen.shape[others] > 1 and (chosen.any(axis=others) == whole).all():
            listed = ", ".join(map(str, np.flatnonzero(whole)))
            return f"{noun}{'s' if whole.sum() > 1 else ''} {listed}"
    places = [tuple(map(int, index)) for index in np.argwhere(chosen)]
    texts = [str(place if len(place) > 1 else place[0]) if place else "()" for place in places]
    more = f" and {len(texts) - 6} more" if len(texts) > 6 else ""
    return f"{'entry' if len(texts) == 1 else 'entries'} {', '.join(texts[:6])}{more}"


# ------------------------------------------------------------------------ precision


@mistake("dtype too low", "It was computed with fewer digits than the network.")
def dtype_too_low(case: Case, target: Target) -> Iterator[Candidate]:
    """Look whether it agrees as far as a shorter floating-point type goes."""
    del case
    short = _short(target)
    if short is not None:
        yield Candidate(
            f"computed in {short.name}: right to the {np.finfo(short).precision} digits it has",
            0.4,
            # Its other digits are gone for good, so nothing can give them back.
            predict=lambda target: target.hand if _short(target) == short else None,
        )


def _short(target: Target) -> np.dtype[Any] | None:
    """Return the shorter type to whose precision a gradient is right."""
    hand, right = target.hand, target.right
    if hand.shape != right.shape or right.dtype.kind != "f":
        return None
    for short in (np.dtype(np.float32), np.dtype(np.float16)):
        info = np.finfo(short)
        with np.errstate(over="ignore", invalid="ignore"):
            is_short = info.bits < np.finfo(right.dtype).bits and (hand == hand.astype(short)).all()
        gap, size = np.abs(hand - right), np.abs(right)
        if is_short and np.all(gap <= 64 * float(info.eps) * size.max(initial=0)):
            # Rounding may spoil a few small entries among large ones, but not half of them.
            return short if np.median(gap / np.maximum(size, 1e-300)) < 1e-2 else None
    return None


def where_not_finite(target: Target) -> str | None:
    """Say which entries by hand are no numbers: nothing else can be told from them."""
    hand, right = target.hand, target.right
    if hand.shape != right.shape:
        return None
    wrong = ~np.isfinite(hand) & (hand != right)
    found = [
        what + (f" in {entries_in_words(chosen)}" if not chosen.all() else " everywhere")
        for what, chosen in (("NaN", np.isnan(hand)), ("an infinity", wrong & np.isinf(hand)))
        if chosen.any()
    ]
    if not found:
        return None
    if not np.isfinite(right[wrong]).all():
        found.append("autodiff as well")
    others = np.isfinite(hand)
    good = int(np.isclose(hand[others], right[others], rtol=1e-9, atol=0).sum())
    count = "" if good == others.sum() else f"{good} of "
    rest = f"; {count}the other {others.sum()} agree" if others.any() else ""
    return f"by hand has {', '.join(found)}{rest}"


def wrong_entries(target: Target) -> tuple[str, Array] | None:
    """Say which entries are wrong, if at least half of those that are not 0 are right."""
    hand, right = target.hand, target.right
    if hand.shape != right.shape:
        return None
    scale = float(np.abs(right).max(initial=0))
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(hand - right) <= 1e-9 * np.abs(right) + 1e-12 * scale)
    good = np.count_nonzero(~wrong & (right != 0))
    if not good or good < np.count_nonzero(wrong):
        return None
    return entries_in_words(wrong), wrong
