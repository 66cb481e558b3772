"""A mistake that is made: what gradients are in a backward pass that goes wrong somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache, partial
from typing import Any

import numpy as np

from autograd_lite.check.mistakes.registry import Array, Target, digits, same
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule


class AnotherPass:
    """What gradients are after a backward pass that differs in several places."""

    def __init__(self, predict: Callable[[Target], Any]) -> None:
        self._predict = predict

    def __call__(self, target: Target) -> Any:
        """Return the wrong gradient."""
        return self._predict(target)

    def changes(self, target: Target) -> bool:
        """Return whether it makes another gradient of one that is right."""
        made = self(target)
        return made is not None and not same(made, target.right)


class Made:
    """What gradients are if another cotangent is sent along an edge, or arrives at a node.

    At the node `key`, `instead` arrives in place of `part`: arrays, or what returns them.
    """

    def __init__(self, replay: Replay, key: str, instead: Any, part: Any) -> None:
        self.replay, self.key = replay, key
        self.only_used = False  # Whether what stands for the gradient there may be right.
        self._instead, self._part = instead, part
        self._both: tuple[Any, Any] | None = None
        self._added: dict[float, dict[str, Any]] = {}

    @property
    def both(self) -> tuple[Any, Any]:
        """The wrong cotangent, and the right one; None, if the wrong one cannot be computed."""
        if self._both is None:
            self._both = None, None
            try:
                with np.errstate(all="ignore"):
                    self._both = _computed(self._instead), _computed(self._part)
            except (ValueError, TypeError, IndexError):
                pass
        return self._both

    def __call__(self, target: Target, times: float = 1.0) -> Any:
        """Return the wrong gradient; with the wrong cotangent `times` a number."""
        instead, part = self.both
        if instead is None or target.id not in self.replay.gradients:
            return None
        right = self.replay.gradients[target.id]
        if instead.shape != part.shape:
            # Only here is a shape no more than a shape: what comes after would not fit.
            return times * instead + (right - part) if self.key == target.id else None
        if times not in self._added:
            self._added[times] = self.replay.added(self.key, times * instead - part)
        return right + self._added[times].get(target.id, 0.0)

    def times(self, factor: float) -> Made:
        """Return the mistake with the wrong cotangent multiplied."""
        return Made(self.replay, self.key, lambda: factor * self.both[0], lambda: self.both[1])

    def may_give(self, target: Target) -> bool:
        """Return False if it certainly does not give a gradient by hand, from two numbers of it."""
        instead, part = self.both
        if instead is None:
            return False
        if not target.fits or instead.shape != part.shape:
            return self.key == target.id
        if 0 < largest_in(instead) < VANISHES * largest_in(part):
            return False  # That it is left out is simpler.
        for goal, moved in self.goals(target):
            terms = (instead - part) * moved
            size = float(np.abs(terms).sum()) + abs(goal)
            if abs(terms.sum() - goal) > slack(target) * size:
                return False
        return True

    def comes_to_nothing(self, target: Target) -> bool:
        """Return whether nothing of the wrong cotangent is left in a gradient."""
        instead = self.both[0]
        if not target.fits or not np.any(instead):
            return False
        terms = [instead * moved for _, moved in self.goals(target)]
        return all(abs(x.sum()) <= VANISHES * np.abs(x).sum() for x in terms)

    def moves(self, target: Target) -> tuple[list[float], list[float]] | None:
        """Return what it adds to a gradient along each direction, and what is missing there."""
        instead, part = self.both
        if instead is None or instead.shape != part.shape:
            return None
        goals = list(self.goals(target))
        added = [float(np.sum((instead - part) * moved)) for _, moved in goals]
        if len(added) < 2 or not np.isfinite(added).all() or not any(added):
            return None
        return added, [goal for goal, _ in goals]

    def changes(self, target: Target) -> bool:
        """Return whether it makes another gradient of one that is right."""
        instead, part = self.both
        if self.key == target.id and self.only_used:
            return False
        if instead is None or instead.shape != part.shape:
            return self.key == target.id
        for _, moved in self.goals(target):
            terms = (instead - part) * moved
            if abs(float(terms.sum())) > 1e-6 * float(np.abs(terms).sum()):
                return True
        return False

    def factor(self, target: Target) -> float | None:
        """Return how many times the wrong cotangent gives a gradient by hand, if any number does.

        That number is solved for in two ways, and only one that comes out alike counts.
        """
        instead, part = self.both
        if instead is None or instead.shape != part.shape:
            return None
        if not target.fits:
            return None
        found = []
        for goal, moved in self.goals(target):
            there, here = float(np.sum(instead * moved)), float(np.sum(part * moved))
            if not abs(there) > 1e-12 * float(np.abs(instead * moved).sum()):
                return None
            found.append((goal + here) / there)
        if len(found) < 2 or not np.isfinite(found).all():
            return None
        if abs(found[0] - found[1]) > slack(target) * max(1.0, abs(found[0])):
            return None
        return self._refined(target, found[0])

    def _refined(self, target: Target, about: float) -> float:
        """Solve for a factor with all entries, to all digits."""
        right, all_of_it = self(target, 0.0), self(target, 1.0)
        if right is None or all_of_it is None:
            return about
        step = np.asarray(all_of_it - right, float)
        size = float(np.sum(step * step))
        factor = float(np.sum((target.hand - right) * step)) / size if size else about
        nearest = float(Fraction(factor).limit_denominator(SIMPLE))
        return nearest if abs(factor - nearest) < digits(target.hand) * abs(nearest) else factor

    def goals(self, target: Target) -> Iterator[tuple[float, Any]]:
        """Yield what is missing along each direction, and how the node moves along it."""
        if self.key not in target.goals:
            goals, fits = [], target.fits
            fits = fits and target.id in self.replay.order  # Not if all samples are one.
            for u, moved in self.replay.tangents(target.id) if fits else ():
                goal = float(np.sum(u * (target.hand - target.right)))
                there = moved.get(self.key, np.zeros(()))
                if np.isfinite(goal) and np.isfinite(there).all():
                    goals.append((goal, there))
            target.goals[self.key] = goals
        yield from target.goals[self.key]


def _computed(x: Any) -> Array:
    return np.asarray(x() if callable(x) else x)


SIMPLE = 12
"""Up to which denominator a factor is that fraction, but for rounding."""

VANISHES = 1e-8
"""What is smaller, relative to what belongs there, is next to nothing."""


def largest_in(x: Any) -> float:
    """Return the largest size of an entry."""
    return float(np.abs(x).max(initial=0.0))


def slack(target: Target) -> float:
    """Return how much of two numbers along a direction may be rounding."""
    return 1e-6 if digits(target.hand) < 1e-8 else 10 * digits(target.hand)


def distinct(array: Array) -> int:
    """Return how many different sizes the numbers of an array have, but for 0 and rounding."""
    sizes = np.abs(array[array != 0])
    largest = sizes.max(initial=0.0)
    return np.unique(np.round(sizes / largest, 6 if digits(array) < 1e-8 else 3)).size


def replaced(replay: Replay, key: str, instead: Any, *, only_used: bool = False) -> Made:
    """Return the mistake that all that arrives at a node is replaced, or only where it is used."""
    made = Made(replay, key, instead, replay.gradients[key])
    made.only_used = only_used
    return made


def wrong(
    replay: Replay,
    edges: Mapping[Edge, Rule] | None = None,
    nodes: Mapping[str, Rule] | None = None,
    stretched: bool = False,
) -> Callable[[Target], Any]:
    """Return what predicts gradients of a pass that has other rules; it is run once, when asked."""
    if edges and len(edges) == 1 and not stretched:
        ((edge, rule),) = edges.items()
        if edge[0] in replay.gradients:
            g, key = replay.gradients[edge[0]], replay.operand(edge)
            return Made(replay, key, lambda: replay.sent(edge, g, rule), lambda: replay.parts[edge])
    if nodes and len(nodes) == 1 and not edges:
        ((key, rule),) = nodes.items()
        if key in replay.gradients:
            return replaced(replay, key, lambda: rule(replay.gradients[key]))
    run = partial(replay.with_mistake, edges=edges, nodes=nodes, stretched=stretched)
    return AnotherPass(run_once(run))


def run_once(run: Callable[[], Mapping[str, Any]]) -> Callable[[Target], Any]:
    """Return what predicts gradients of a pass, which is run when it is first asked."""
    run = cache(run)
    return lambda target: run().get(target.id)


class Together(AnotherPass):
    """Mistakes on parallel paths: what they change adds up."""

    def __init__(self, made: Sequence[Made]) -> None:
        super().__init__(self._added)
        self.made = made

    def _added(self, target: Target) -> Any:
        right = self.made[0].replay.gradients.get(target.id)
        found = [one(target) for one in self.made]
        if right is None or any(x is None for x in found):
            return None
        return sum(found[1:], found[0]) - (len(found) - 1) * right

    def may_give(self, target: Target) -> bool:
        """Return False if they certainly do not give a gradient by hand, from two numbers of it."""
        if len(self.made) == 1:
            return self.made[0].may_give(target)
        if not target.fits:
            return True
        gaps, size = np.zeros(2), np.zeros(2)
        for one in self.made:
            instead, part = one.both
            goals = list(one.goals(target))
            if instead is None or instead.shape != part.shape or len(goals) < 2:
                return instead is not None
            terms = [(instead - part) * moved for _, moved in goals]
            gaps += [float(x.sum()) for x in terms]
            size += [float(np.abs(x).sum()) for x in terms]
        wanted = np.array([goal for goal, _ in goals])
        return bool((np.abs(gaps - wanted) <= slack(target) * (size + np.abs(wanted))).all())


def only(target: Target, value: Any) -> Callable[[Target], Any]:
    """Return what predicts the gradient of one tensor, and none of any other."""
    return lambda other: value if other.id == target.id else None
