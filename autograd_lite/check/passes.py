"""In which backward passes a gradient is looked at: the right one, and those beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from autograd_lite.check.finding import Diagnosis
from autograd_lite.check.kinks import other_passes
from autograd_lite.check.mistakes import batched, picks
from autograd_lite.check.mistakes.made import Made
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, same, stretched
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.terms import term_text, terms_alone


@dataclass
class Progress:
    """What has been found on the way from the loss backwards."""

    case: Case
    failing: Sequence[Target]
    agreeing: Sequence[Target]
    found: dict[Target, Diagnosis] = field(default_factory=dict)
    made: list[tuple[Target, Candidate]] = field(default_factory=list)
    besides: dict[Made, Replay] = field(default_factory=dict)
    upstream: dict[str, Array] = field(default_factory=dict)
    wrong: list[Target] = field(default_factory=list)
    cut_short: set[str] = field(default_factory=set)
    budget: float = 0.0
    deadline: float = np.inf

    def given(self) -> dict[str, Array]:
        """Return the gradients by hand of inner tensors, in their shapes."""
        values = self.case.replay.values
        fitted = {key: stretched(g, np.shape(values[key])) for key, g in self.upstream.items()}
        return {key: g for key, g in fitted.items() if g is not None}


def cases(progress: Progress, target: Target) -> Iterator[tuple[Case, str, Target]]:
    """Yield the pass as it should be, those with what is wrong above, and those of single terms.

    With each comes where it differs, in words, and what a gradient is to be in it.
    """
    for case, besides in _passes(progress, target):
        yield case, besides and f"besides {besides}, ", _relative(case, target)
    yield from _terms_alone(progress.case, target)


def _terms_alone(case: Case, target: Target) -> Iterator[tuple[Case, str, Target]]:
    """Yield the pass of each term of the loss, as if the others were right."""
    replay = case.replay
    if not target.fits:
        return
    ends = {x: y for x, y in terms_alone(replay).items() if target.id in replay.behind(x.id)}
    if len(ends) < 2:
        return
    alone = list(ends.values())
    parts = [one.gradients.get(target.id, np.zeros(())) for one in alone]
    if not same(sum(parts[1:], parts[0]), target.right):
        return  # They depend on one another.
    for end, one, part in zip(ends, alone, parts, strict=True):
        if part.shape == target.right.shape and part.any():
            hand = target.hand - (target.right - part)
            of_term = replace(target, hand=hand, right=part)
            yield replace(case, replay=one), f"in the term {term_text(one, end)}: ", of_term


def _passes(progress: Progress, target: Target) -> Iterator[tuple[Case, str]]:
    replay = progress.case.replay

    def tied(one: Replay) -> Iterator[tuple[Case, str]]:
        for ties in ("first", "all") if one.has_ties else ():
            yield replace(progress.case, replay=Replay(one.graph, ties=ties)), ""

    for of_all in batched.batched(replay):
        if _gives_the_same(of_all, replay, target):
            yield replace(progress.case, replay=of_all), ""
            yield from tied(of_all)
    yield progress.case, ""
    if replay.has_shifts:
        yield replace(progress.case, replay=Replay(replay.graph, shifts=True)), ""
    yield from tied(replay)
    for merged in picks.picked(replay):
        if _gives_the_same(merged, replay, target):  # That of the scores themselves is another.
            yield replace(progress.case, replay=merged), ""
    for beside in other_passes(replay.graph):  # Right at a kink, with a mistake elsewhere.
        yield replace(progress.case, replay=beside), ""
    if any(t.id in progress.upstream for t in progress.wrong):
        changed = Replay(replay.graph, replay.values, progress.given())
        if target.id in changed.gradients:
            yield (
                replace(progress.case, replay=changed),
                f"what follows from {progress.wrong[-1].name}",
            )
    for other, candidate in progress.made:
        made = candidate.predict
        if (
            isinstance(made, Made)
            and (made.replay is replay or made.replay in progress.besides.values())
            and target.id in replay.behind(made.key)
        ):
            instead, part = made.both
            if target.id != made.key and np.shape(instead) == np.shape(part):
                if made not in progress.besides:
                    there = {made.key: made.replay.gradients[made.key] + instead - part}
                    changed = Replay(replay.graph, replay.values, {**made.replay.given, **there})
                    progress.besides[made] = changed
                yield (
                    replace(progress.case, replay=progress.besides[made]),
                    f"the mistake in {other.name}",
                )


def _gives_the_same(one: Replay, other: Replay, target: Target) -> bool:
    a, b = (x.gradients.get(target.id) for x in (one, other))
    return a is not None and b is not None and same(a, b)


def _relative(case: Case, target: Target) -> Target:
    """Return a target against what its gradient should be in a pass."""
    g = case.replay.gradients.get(target.id)
    return target if g is None or g.shape != target.right.shape else replace(target, right=g)
