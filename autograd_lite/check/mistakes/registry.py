"""The registry of mistakes: what one is, and what it is looked for in.

A mistake is an entry of the registry `MISTAKES`: a function that looks at one gradient by hand
beside the right one and yields a `Candidate` for every way in which it could have come about. A
candidate is a claim that can be tested: what the gradient would be with the mistake taken back
(`correct`), or what it would be if the mistake were made (`predict`). Nobody reports one untested.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Graph
from autograd_lite.tensor import Tensor

Array = NDArray[Any]


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Target:
    """One gradient by hand that differs from the right one."""

    name: str
    hand: Array
    right: Array
    id: str = ""
    goals: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def fits(self) -> bool:
        """Whether by hand has the right shape."""
        return self.hand.shape == self.right.shape


@dataclass(frozen=True, eq=False)
class Case:
    """All that is known where mistakes are looked for.

    Attributes
    ----------
    replay : Replay
        The backward pass; without a graph, that of a single number.
    lr : float or None
        The learning rate, if it is known.
    batch : int
        Length of the first axis of the data; 0 if unknown.
    """

    replay: Replay = field(default_factory=lambda: Replay(Graph(Tensor(0.0), {})))
    lr: float | None = None
    batch: int = 0


@dataclass(slots=True, eq=False)
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
    source : str
        The registry entry that found it.
    at : collection of str
        If it was made at a node, and nothing behind that is right: the identifier, of one of these.
    rank : tuple
        Whether a right gradient contradicts it, minus how many more it explains, and its cost.
    """

    title: str
    cost: float
    correct: Callable[[Array], Array] | None = None
    predict: Callable[[Target], Array | None] | None = None
    kind: str = ""
    how: str = ""
    weak: bool = False
    source: str = ""
    at: Collection[str] = ()
    rank: tuple[bool, int, float] = (False, 0, 0.0)

    def explains(self, target: Target) -> bool:
        """Return whether taking the mistake back, or making it, accounts for all of a gradient."""
        try:
            with np.errstate(all="ignore"):
                if self.correct is not None:
                    return same(self.correct(target.hand), target.right)
                may_give = getattr(self.predict, "may_give", None)
                if may_give is not None and not may_give(target):
                    return False
                made = self.predict(target) if self.predict is not None else None
        except (ValueError, TypeError, IndexError):
            return False  # It cannot be made here: the shapes do not fit.
        except Exception:  # Of one hypothesis: the report says what the others have found.
            if STRICT:
                raise
            return False
        if made is None or np.shape(made) != target.hand.shape:
            return False
        nothing = all(cancelled(x, target.right) for x in (made, target.hand))
        return nothing or same(made, target.hand) or _same_but_for_rounding(made, target)


def _same_but_for_rounding(made: Array, target: Target) -> bool:
    """Return whether a small gradient is another one up to the rounding of the right, large one.

    What is left of a sum of which most was left out has no more digits.
    """
    size = float(np.abs(target.right).max(initial=0.0))
    gap = float(np.abs(made - target.hand).max(initial=0.0))
    return gap <= ROUNDING * size < ENOUGH_DIGITS * float(np.abs(target.hand).max(initial=0.0))


ROUNDING, ENOUGH_DIGITS = 1e-15, 1e-8
"""What a sum is rounded by, and how small that must be beside what is left to prove anything."""


def cancelled(g: Array, right: Array) -> bool:
    """Return whether nothing but rounding is there of a gradient."""
    size = float(np.abs(right).max(initial=0.0))
    return bool(np.abs(g).max(initial=0.0) < CANCELLED * last_digit(g, right) * size)


CANCELLED = 450
"""How many times the last digit of the right gradient is still rounding."""


def last_digit(*arrays: Array) -> float:
    """Return how far apart neighbouring numbers near 1 are, in the shortest of the types."""
    return max(float(np.finfo(x.dtype).eps) if x.dtype.kind == "f" else 0.0 for x in arrays)


Finder = Callable[[Case, Target], Iterator[Candidate]]

STRICT = False
"""Whether an exception in the search for a mistake is raised, as in the tests, or ends it alone."""


@contextlib.contextmanager
def at_its_own_risk() -> Iterator[None]:
    """Let a supposed mistake fail by itself: a report says what the others have found."""
    try:
        yield
    except Exception:  # The tests raise it; a person gets the rest of the report.
        if STRICT:
            raise


def found_elsewhere(_case: Case, _target: Target) -> Iterator[Candidate]:
    """Find nothing: what is found with another mistake, or only if nothing else fits."""
    return iter(())


@dataclass(frozen=True)
class Mistake:
    """An entry of the registry: the name of a mistake, and how it comes about."""

    name: str
    how: str
    find: Finder = field(repr=False, default=found_elsewhere)
    find_more: Finder = field(repr=False, default=found_elsewhere)
    """What is looked for only if nothing else fits: it is costly, or far-fetched."""


MISTAKES: dict[str, Mistake] = {}
"""Every mistake that is known, by name."""


def mistake(name: str, how: str, *, last: bool = False) -> Callable[[Finder], Finder]:
    """Register a mistake; with `last`, one that is looked for only if nothing else fits."""

    def register(find: Finder) -> Finder:
        MISTAKES[name] = Mistake(name, how, **{"find_more" if last else "find": find})
        return find

    return register


def more(known: str | Finder) -> Callable[[Finder], Finder]:
    """Register a later search for a mistake, by its name or finder: if nothing else fits."""

    def register(find: Finder) -> Finder:
        name = next(x.name for x in MISTAKES.values() if known in (x.name, x.find))
        MISTAKES[name] = replace(MISTAKES[name], find_more=find)
        return find

    return register


def remembered(search: Callable[[Replay], Iterable[T]]) -> Callable[[Replay], list[T]]:
    """Decorate a search in a pass, which is made once for each."""

    @functools.wraps(search)
    def found(replay: Replay) -> list[T]:
        if search not in replay.known:
            replay.known[search] = list(search(replay))
        kept: list[T] = replay.known[search]
        return kept

    return found


MANY, FEW = 10_000, 100
"""Of arrays with more entries than these, so many are compared first."""


def stretched(g: Array, shape: tuple[int, ...]) -> Array | None:
    """Return a gradient by hand, broadcast to a shape; None if that is impossible."""
    try:
        return np.broadcast_to(g, shape)
    except ValueError:
        return None


def same(a: Array, b: Array) -> bool:
    """Return whether two gradients are equal up to rounding."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape == b.shape and a.size > MANY:
        some = slice(None, None, a.size // FEW)  # They tell most that differ apart.
        largest = np.abs(b).max()
        slack = 10 * max(digits(a), digits(b)) * largest
        if not (np.abs(a.ravel()[some] - b.ravel()[some]) <= slack).all():
            return False
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
