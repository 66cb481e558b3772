"""Name the mistake in a gradient that was derived by hand: propose, test, and only then report."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.check.finding import (
    FOLLOWS,
    NEARLY,
    NOT_FINITE,
    NOTHING,
    OTHERS,
    Diagnosis,
    entries,
    evidence,
    partly,
)
from autograd_lite.check.mistakes import (
    any_form,
    factors,
    loop_order,
    loops,
    losses,
    masks,
    moved_back,
    norms,
    other_functions,
    other_operands,
    other_rules,
    paths,
    picks,
    shapes,
    softmax,
    variants,
    window_slips,
    wrong_derivatives,
)
from autograd_lite.check.mistakes.entries import where_not_finite, wrong_entries, zero_entries
from autograd_lite.check.mistakes.made import AnotherPass, Made, distinct, largest_in
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Array,
    Candidate,
    Case,
    Mistake,
    Target,
    at_its_own_risk,
    same,
    stretched,
)
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.passes import Progress, cases
from autograd_lite.check.two_mistakes import two_together, with_a_factor

REGISTERED = (
    factors, losses, wrong_derivatives, any_form, softmax, loops, loop_order, norms,
    other_functions, other_operands, other_rules, paths, picks, shapes, variants, masks,
    moved_back, window_slips,
)  # fmt: skip
"""The modules whose import fills the registry; of two mistakes that cost the same, that of the
earlier module is named first."""

ORDER = {module.__name__: k for k, module in enumerate(REGISTERED)}

MOST_NODES, MOST_UNROLLED = 2000, 20_000
"""In a larger graph, only what concerns whole arrays is looked for; in a still larger one, only
what shows in the gradients alone."""

OF_WHOLE_ARRAYS = (factors, shapes, moved_back, window_slips)
"""Where else mistakes are looked for in a large graph, as of a loop that was unrolled."""

MOST_ALTERNATIVES = 4

ALWAYS_TRIED = 30
"""How many of the likeliest mistakes are tried, however long that takes."""

AGAINST = 0.8
"""How much less likely a mistake is that would have changed a gradient that is right, too."""

MORE_AGAINST = 1.3
"""How much less likely a factor is that of the loss, if what has come through that is right."""

FAR_FETCHED = 0.9
"""By how much the cost of an alternative may be larger than that of the likeliest mistake."""

BUDGET, NUMBERS, NODES = 2.0, 5e6, 250
"""For how many seconds mistakes are looked for, in a backward pass of up to so many numbers and
nodes; in a larger one, for as many times longer as it is larger."""

SHARE = 0.75
"""How much of the time that is left a gradient may take, if there are others."""

FOR_WHAT_IS_KNOWN = 0.6
"""How much of its time a gradient may take before the last resort."""

NOTHING_LEFT = 1e-12
"""What is so small beside other gradients is what rounding has left of a sum that cancels."""

CLEAR, THROUGH_MAXIMUM = 0.8, 0.3
"""What costs more is weighed against what the path through a maximum explains, which few take."""

UNLIKELY = 2.0
"""What costs more, as a factor without a reason, is not yet enough."""

FEWEST_IN_PART = 4
"""How many different numbers prove a mistake that was made at some entries only."""

BESIDES = "besides the mistake"
"""How the words begin for a pass in which what was found nearer to the loss goes wrong, too."""

FEW = 4
"""Of a gradient with fewer numbers than these, a mistake is looked for in the others first."""


def diagnose(
    failing: Sequence[Target], case: Case, agreeing: Sequence[Target] = ()
) -> dict[Target, Diagnosis]:
    """Name the mistake in every gradient that is wrong.

    Parameters
    ----------
    failing, agreeing : sequence of Target
        Gradients by hand that are wrong, and those that are right.
    case : Case
        The graph, and what else is known.

    Returns
    -------
    dict of Target to Diagnosis
        For every failing target, from the loss backwards.
    """
    order = case.replay.order
    if len(order) > MOST_UNROLLED:
        case = Case(lr=case.lr, batch=case.batch)

    def from_the_end(target: Target) -> float:
        return -order.get(target.id, 0)

    numbers = sum(map(np.size, case.replay.values.values()))
    nodes = len(order) if len(order) <= MOST_NODES else 0
    budget = BUDGET * max(1.0, numbers / NUMBERS, nodes / NODES)
    progress = Progress(case, sorted(failing, key=from_the_end), agreeing, budget=budget)
    end = time.thread_time() + budget
    right = {target.id for target in agreeing}

    def in_turn(target: Target) -> tuple[int, float]:
        missing = max(0, FEW - int(np.count_nonzero(target.hand))) * _is_leaf(case, target)
        return missing, from_the_end(target)  # Few numbers tell little: others first.

    for target in sorted([*failing, *agreeing], key=in_turn):
        if target.id not in right:
            now = time.thread_time()
            progress.deadline = now + (end - now) * (SHARE if len(failing) > 1 else 1)
            found = NOTHING
            with at_its_own_risk():
                found = _one(progress, target)
            first = not progress.wrong and len(failing) > 1 and target.id in order
            progress.found[target] = replace(found, first=first)
            progress.wrong.append(target)
        if target.id in case.replay.order and not _is_leaf(case, target):
            progress.upstream[target.id] = target.hand
    _withdraw_what_others_contradict(progress)
    return progress.found


def _withdraw_what_others_contradict(progress: Progress) -> None:
    """Take back a mistake that would have shown in another gradient, which nothing explains.

    Chance may have given its numbers, unless it explains two gradients.
    """
    unexplained = [t for t, found in progress.found.items() if not found.explained and t.fits]
    for target, candidate in progress.made:
        made = candidate.predict
        if not isinstance(made, Made | AnotherPass):
            continue
        others = [t.name for t in unexplained if made.changes(t)]
        if others and sum(map(candidate.explains, progress.failing)) < 2:
            how = f"These would be the numbers, but not those of {others[0]}, if {candidate.title}."
            whole = next(t for t in progress.found if t.name == target.name)  # It may be stretched.
            first = progress.found[whole].first
            progress.found[whole] = replace(NOTHING, how=how, first=first)


def _is_leaf(case: Case, target: Target) -> bool:
    known = target.id in case.replay.order
    return known and case.replay.graph[target.id].primitive is None


def _one(progress: Progress, target: Target) -> Diagnosis:
    """Name the mistake in one gradient."""
    follows = _follows(progress, target)
    if follows is not None:
        return follows
    if same(target.hand, target.right):
        return NEARLY
    not_finite = where_not_finite(target)
    if not_finite is not None:
        return Diagnosis(NOT_FINITE, not_finite, OTHERS[NOT_FINITE])
    for other, candidate in progress.made:
        if candidate.explains(target):
            return Diagnosis(
                FOLLOWS,
                f"the same mistake as in {other.name}",
                OTHERS[FOLLOWS],
                evidence(candidate, target),
            )
    tried: list[Tried] = []
    now = time.thread_time()
    late = now + FOR_WHAT_IS_KNOWN * (progress.deadline - now)
    kept = None
    for case, besides, against in cases(progress, target):
        if tried and time.thread_time() > late:
            progress.cut_short.add(target.name)
            break
        fitting = _seen_before(case, against, progress)
        proposed: list[Candidate] = []
        for known, far_fetched in _rounds(progress):
            if not fitting or fitting[0].cost > UNLIKELY:
                candidates = _proposed(case, against, progress, known, far_fetched=far_fetched)
                more = _fitting(case, against, progress, candidates)
                fitting = sorted([*fitting, *more], key=lambda x: x.rank)
                proposed = proposed or candidates
        if besides.startswith(BESIDES):  # Another far-fetched one would be chance.
            fitting = [x for x in fitting if x.cost <= UNLIKELY]
        if kept and not (fitting and _is_nearer(fitting[0], kept[0][0])):
            break
        shifted = case is progress.case and case.replay.has_shifts
        if fitting and shifted and fitting[0].cost > CLEAR:
            kept = fitting, (target, against), besides  # By the path through the maximum, too?
        elif fitting:
            return _diagnosis(fitting, progress, (target, against), besides)
        tried.append((case, against, proposed, besides))
    if kept:
        return _diagnosis(kept[0], progress, *kept[1:])
    spread_out = stretched(target.hand, target.right.shape)
    if spread_out is not None and spread_out.shape != target.hand.shape:
        spread = _one(progress, replace(target, hand=spread_out))
        if spread.explained:
            number = "" if target.hand.ndim else "; a single number stands for all entries"
            return replace(spread, title=spread.title + number)
    if zero_entries(target):
        return partly(target)
    two, far = _with_a_factor(progress, tried)
    for pairs in (False, True):
        for case, against, _, besides in tried:
            of_term = against.hand is not target.hand  # A pair may be that of another term.
            if time.thread_time() < progress.deadline and not (pairs and of_term):
                forms = any_form.any_form(case, against, progress.deadline, pairs=pairs)
                fitting = _fitting(case, against, progress, sorted(forms, key=lambda x: x.cost))
                alone = _alone(fitting, target, progress)
                fitting = [x for x in fitting if not _promises_more(x, target, progress)
                           and not (x.weak and besides.startswith("besides"))]  # fmt: skip
                for some in (fitting, alone):
                    if some and some[0].cost < far:
                        return _diagnosis(some, progress, (target, against), besides)
        if time.thread_time() > progress.deadline:
            progress.cut_short.add(target.name)
        for _, against, proposed, besides in reversed(tried) if not pairs else ():
            both = None if two else two_together(against, proposed, progress.deadline)
            two = two or (both and replace(both, title=besides + both.title))
        if two is not None:
            return two
    found = partly(target)
    if found.explained:
        return _in_part(found, tried)
    how = []
    if target.name in progress.cut_short:
        how.append(
            f"After {progress.budget:.2g} seconds the search was stopped: only the likeliest were "
            f"tried."
        )
    inner = _would_settle(progress, target)
    if inner is not None:
        how.append(
            f"Give the gradient of {inner} too: it tells whether the mistake is before or after it."
        )
    return replace(found, how=" ".join(how))


def _is_nearer(candidate: Candidate, other: Candidate) -> bool:
    """Return whether a mistake, with the path through a maximum, is likelier than one without."""
    contradicted, also, cost = candidate.rank
    return (contradicted, also, cost + THROUGH_MAXIMUM) < other.rank


Tried = tuple[Case, Target, list[Candidate], str]
"""A pass, what a gradient is to be in it, what was tried of it, and where it differs."""


def _in_part(found: Diagnosis, tried: Sequence[Tried]) -> Diagnosis:
    """Name the mistake that gives the numbers of the wrong entries, where the others are right."""
    for _, against, proposed, _ in tried if " × " not in found.title else ():
        _, wrong = wrong_entries(against) or ("", np.zeros(against.hand.shape, bool))
        for candidate in proposed if distinct(against.hand[wrong]) >= FEWEST_IN_PART else ():
            there = partial(_there, candidate.predict, wrong)
            if replace(candidate, correct=None, predict=there).explains(against):
                return replace(found, title=f"{found.title}: there, {candidate.title}")
    return found


def _there(made: Any, wrong: Array, target: Target) -> Array | None:
    g = made(target) if made is not None else None
    return None if g is None else np.where(wrong, g, target.hand)


def _with_a_factor(progress: Progress, tried: Sequence[Tried]) -> tuple[Diagnosis | None, float]:
    for case, against, proposed, besides in reversed(tried):
        two, far = with_a_factor(case, against, proposed, progress.deadline)
        if two is not None:
            return replace(two, title=besides + two.title), far
    return None, np.inf


def _would_settle(progress: Progress, target: Target) -> str | None:
    """Name the inner tensor halfway to the loss whose gradient by hand is not known."""
    replay = progress.case.replay
    known = {t.id for t in (*progress.failing, *progress.agreeing)}
    inner = [
        node
        for node in replay.graph
        if node.name and node.primitive is not None and node is not replay.graph.outputs[0]
        and node.id in replay.gradients and node.id not in known
        and target.id in replay.behind(node.id)
    ]  # fmt: skip
    return inner[len(inner) // 2].name if inner else None


def _follows(progress: Progress, target: Target) -> Diagnosis | None:
    """Return whether the rest of the pass turns the wrong gradients above into this one."""
    replay = progress.case.replay
    above = [t for t in progress.wrong if t.id in progress.upstream]
    if not above:
        return None
    given = progress.given()
    for ties in ("shared", "first", "all") if replay.has_ties else ("shared",):
        made = Replay(replay.graph, replay.values, given, ties=ties).gradients.get(target.id)
        if made is not None and _same_also_where_not_finite(made, target.hand):
            break
    else:
        return None
    through = [t for t in above if target.id in replay.behind(t.id)]
    name = (through or above)[-1].name
    return Diagnosis(
        FOLLOWS,
        f"follows from {name}",
        OTHERS[FOLLOWS],
        f"the right backward pass from the gradient of {name} by hand gives "
        f"{entries(target.hand)} of {target.name}",
    )


def _same_also_where_not_finite(a: Array, b: Array) -> bool:
    if np.shape(a) != np.shape(b):
        return False
    finite = np.isfinite(a)
    return np.array_equal(a[~finite], b[~finite], equal_nan=True) and same(a[finite], b[finite])


def _seen_before(case: Case, target: Target, progress: Progress) -> list[Candidate]:
    """Return the mistakes that fit, of those kinds alone that other gradients have."""
    kinds = {candidate.kind for _, candidate in progress.made}
    if not kinds:
        return []
    sources = {candidate.source for _, candidate in progress.made}
    candidates = _proposed(case, target, progress, [MISTAKES[name] for name in sorted(sources)])
    return _fitting(case, target, progress, [x for x in candidates if x.kind in kinds])


def _proposed(
    case: Case,
    target: Target,
    progress: Progress,
    entries: Sequence[Mistake] = (),
    *,
    far_fetched: bool = False,
) -> list[Candidate]:
    """Return every way in which a gradient may have come about, the likeliest first."""
    proposed: list[Candidate] = []
    large = len(case.replay.graph) > MOST_NODES
    alone = target.id not in case.replay.order
    for entry in entries or sorted(MISTAKES.values(), key=_turn):
        if (large and not _is_of_whole_arrays(entry)) or (alone and not _is_cheap(entry)):
            continue
        late = time.thread_time() > progress.deadline
        if late and (far_fetched or not _is_cheap(entry)):
            progress.cut_short.add(target.name)
            continue
        find = entry.find_more if far_fetched else entry.find
        with warnings.catch_warnings():  # What a real array is made of may be complex.
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            with at_its_own_risk():
                for candidate in find(case, target):
                    candidate.kind = candidate.kind or entry.name
                    candidate.source = entry.name
                    proposed.append(candidate)
    return sorted(proposed, key=lambda candidate: candidate.cost)


def _rounds(progress: Progress) -> Sequence[tuple[Sequence[Mistake], bool]]:
    """Return which mistakes are looked for in turn, and whether far-fetched: none named is all.

    In a large pass what is cheap is enough, if it fits: all else takes as long as the pass.
    """
    cheap = [entry for entry in MISTAKES.values() if _is_cheap(entry)]
    return [*([(cheap, False)] if progress.budget > BUDGET else []), ((), False), ((), True)]


def _turn(entry: Mistake) -> tuple[bool, int]:
    """Return when a mistake is looked for: those of every step first."""
    return entry.find is not loops.at_every_step, ORDER.get(entry.find.__module__, len(ORDER))


def _is_of_whole_arrays(entry: Mistake) -> bool:
    modules = {module.__name__ for module in OF_WHOLE_ARRAYS}
    searches = (entry.find, entry.find_more)
    return picks.overwritten in searches or any(x.__module__ in modules for x in searches)


def _is_cheap(entry: Mistake) -> bool:
    """Return whether a mistake is looked for in a gradient alone, and not in a backward pass."""
    alone = entry.find.__module__ in (factors.__name__, shapes.__name__)
    return alone and entry.find is not shapes.rows_in_another_order


def _fitting(
    case: Case, target: Target, progress: Progress, proposed: Sequence[Candidate]
) -> list[Candidate]:
    """Return every mistake that accounts for a gradient, the likeliest first."""
    others = [t for t in progress.failing if t not in progress.found and t.id != target.id]
    if case is not progress.case and not case.replay.shifts:
        others = []
    fitting: dict[tuple[str, str], Candidate] = {}
    worst, late = np.inf, False
    for tried, candidate in enumerate(proposed):
        if candidate.cost > worst:
            break  # What is so much more far-fetched is no alternative.
        if tried >= ALWAYS_TRIED and not tried % 8:  # To ask for the time takes time.
            late = time.thread_time() > progress.deadline
        if late and candidate.correct is None:  # To take back costs nothing.
            progress.cut_short.add(target.name)
            continue
        if candidate.explains(target):
            also = sum(candidate.explains(other) for other in others)
            contradicted = _contradicted(candidate, progress)
            odd = _is_right_elsewhere(candidate, case, progress)
            if not (contradicted or odd):
                worst = min(worst, candidate.cost + FAR_FETCHED)
            cost = candidate.cost + AGAINST * contradicted + MORE_AGAINST * odd
            made = candidate.predict  # That it is left out is simpler.
            cost += AGAINST * (isinstance(made, Made) and made.comes_to_nothing(target))
            if not target.fits:
                also = 0  # The shape itself says where it is.
            candidate.rank = (contradicted, -also, cost)
            title = candidate.title.split(";")[0].split(" in the gradient of")[0]
            key = (candidate.kind, title)
            if key not in fitting or candidate.rank < fitting[key].rank:
                fitting[key] = candidate
    return sorted(fitting.values(), key=lambda candidate: candidate.rank)


def _contradicted(candidate: Candidate, progress: Progress) -> bool:
    """Return whether a mistake would have changed a gradient that is right."""
    made = candidate.predict
    return isinstance(made, Made | AnotherPass) and any(map(made.changes, progress.agreeing))


def _is_right_elsewhere(candidate: Candidate, case: Case, progress: Progress) -> bool:
    """Return whether a right gradient has come through what a factor is said to be of."""
    replay = case.replay
    if not candidate.at:
        return False
    size = max(largest_in(t.right) for t in (*progress.failing, *progress.agreeing))
    right = {t.id for t in progress.agreeing if largest_in(t.right) > NOTHING_LEFT * size}
    return all(not right.isdisjoint(replay.behind(key)) for key in candidate.at)


def _promises_more(candidate: Candidate, target: Target, progress: Progress) -> bool:
    """Return whether a form gives other numbers of a gradient than there are: it fits by chance."""
    made = candidate.predict
    if any(t.id != target.id and candidate.explains(t) for t in progress.failing):
        return False  # Elsewhere, the same may have been done once more.
    for t in (*progress.failing, *progress.agreeing):
        explained = t in progress.found and progress.found[t].explained
        if t.id == target.id or explained or not isinstance(made, Made) or not made.changes(t):
            continue
        if not _is_leaf(progress.case, target) and t.id in made.replay.behind(target.id):
            continue  # It comes from the gradient that is given for the target.
        g, there = made.replay.gradients.get(t.id), made(t)
        if g is None or there is None or not same(t.right + (there - g), t.hand):
            return True
    return False


def _alone(fitting: list[Candidate], target: Target, progress: Progress) -> list[Candidate]:
    """Return the forms that may be those of one leaf alone, whose gradient is computed apart."""
    if not _is_leaf(progress.case, target):
        return []
    told = distinct(target.hand)

    def only(made: Callable[[Target], Array | None]) -> Callable[[Target], Array | None]:
        return lambda other: made(other) if other.id == target.id else None

    title = f", in what comes back to {target.name} alone"
    return [
        replace(x, title=x.title + title, predict=only(x.predict))
        for x in fitting
        if x.predict is not None and not x.weak and told >= (8 if x.cost > NEAREST else 4)
    ]  # So many numbers prove a form of which nothing is seen in other gradients.


NEAREST = 1.8
"""How far-fetched it may be that a tensor itself, as it is, is given for its gradient."""


def _diagnosis(
    fitting: list[Candidate], progress: Progress, targets: tuple[Target, Target], besides: str
) -> Diagnosis:
    """Report the likeliest of the mistakes that fit, and the others as alternatives.

    The target comes as it is, and against what it is to be in the pass that was searched.
    """
    best, *rest = fitting
    as_it_is, target = targets
    if not besides or besides.startswith(BESIDES):
        progress.made.append((as_it_is, best))
    numbers = np.count_nonzero(target.hand)
    numbers += sum(
        np.count_nonzero(t.hand) for t in progress.failing if t.id != target.id and best.explains(t)
    )
    confidence = "possible" if numbers < 2 or best.weak else "likely" if rest else "certain"
    return Diagnosis(
        best.kind,
        besides + (best.title.split("; by hand =")[0] if besides else best.title),
        MISTAKES[best.kind].how,
        evidence(best, target),
        confidence,
        tuple((c.kind, c.title) for c in rest[:MOST_ALTERNATIVES]),
    )


def names() -> Mapping[str, str]:
    """Return the name of everything that can be found, and how it comes about."""
    return {name: entry.how for name, entry in MISTAKES.items()} | OTHERS
