"""What differs and is right all the same, or as far as its digits tell."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.check.finding import SOME_ENTRIES, UNEXPLAINED, Diagnosis
from autograd_lite.check.kinks import other_passes
from autograd_lite.check.mistakes.factors import shorter_dtype
from autograd_lite.check.mistakes.registry import Target, same
from autograd_lite.check.mistakes.replay import Replay, in_double, recomputed
from autograd_lite.check.oracle import TOLERANCES, close, largest
from autograd_lite.check.report import (
    AGREE,
    AUTODIFF,
    BOTH,
    DTYPE,
    HAND,
    KINK,
    ROUNDED,
    SYMMETRIC,
    UNDECIDED,
    Row,
)
from autograd_lite.graph import Graph


def reconsidered(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Return the rows with other verdicts on what is right for its type, at a kink, and so on."""
    rows = _judged_in_double(graph, rows, targets)
    rows = _right_for_their_dtype(graph, rows, targets)
    rows = _right_for_symmetric(graph, rows, targets)
    rows = _right_by_another_side(graph, rows, targets)
    rows = _right_up_to_rounding(graph, rows, targets)
    return _right_to_their_digits(graph, rows, targets)


def by_hand_is_wrong(row: Row) -> bool:
    """Return whether a mistake is to be looked for by hand, and not in autodiff."""
    return not row.ok and row.verdict not in (AUTODIFF, BOTH, KINK, ROUNDED)


NEAR = Diagnosis(
    "too near to tell",
    "the two are too near to tell who is right: so much can be rounding",
    "Large terms cancel. Write the loss so that they do not, or compare at other values; float64 "
    "tells more than float32.",
    confidence="none",
)


def _judged_in_double(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Judge once more where it is not the rules of autodiff that are off, but its few digits.

    The oracle computes in float64. Where a loss is nearly 0, ``p - 1`` has no digit left that is
    right in float32; the same rules in float64 tell how far off that is.
    """
    asked = [
        row.verdict in (AUTODIFF, BOTH, UNDECIDED)
        and row.numerical is not None
        and row.autodiff.dtype.itemsize < 8
        for row in rows
    ]
    if not any(asked):
        return rows
    double = Replay(in_double(graph)).gradients
    found = []
    for row, target, short in zip(rows, targets, asked, strict=True):
        wide = double.get(target.id)
        if short and wide is not None and row.numerical is not None:
            seen, size = ~np.isnan(row.numerical), largest(wide)
            rtol, atol, loose = TOLERANCES[np.finfo(row.autodiff.dtype).bits]
            if close(wide[seen], row.numerical[seen], loose, loose * 1e-2 * size):
                off = largest(row.autodiff - wide)
                verdict, remark, diagnosis = HAND, "", None
                if row.verdict == BOTH:
                    verdict = AGREE
                elif close(row.by_hand, wide, rtol, atol * size + 4 * off):
                    certain = off <= 1e-3 * size or close(row.by_hand, wide, rtol, atol * size)
                    verdict, diagnosis = (DTYPE, None) if certain else (UNDECIDED, NEAR)
                    remark = ", as far as rounding tells" if certain else ""
                row = dataclasses.replace(
                    row, verdict=verdict, remark=remark, diagnosis=diagnosis, orders=None
                )
        found.append(row)
    return found


def _right_for_their_dtype(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Let pass what agrees to the digits that it was computed with, and what follows from that."""
    short = {
        target.id: kind
        for row, target in zip(rows, targets, strict=True)
        if by_hand_is_wrong(row) and (kind := shorter_dtype(target)) is not None
    }
    if not short:
        return rows
    given = {t.id: t.hand.astype(t.right.dtype) for t in targets if t.id in short}
    inner = {key: g for key, g in given.items() if key and graph[key].primitive is not None}
    made = Replay(graph, given=inner).gradients if inner else {}
    found = []
    for row, target in zip(rows, targets, strict=True):
        kind = short.get(target.id)
        follows = target.id in made and same(np.asarray(made[target.id]), target.hand)
        if by_hand_is_wrong(row) and kind is None and not follows:
            # Computed from such numbers, it has no more digits than they have.
            some = next(iter(short.values()))
            rounded = target.hand.astype(some).astype(target.hand.dtype)
            kind = shorter_dtype(dataclasses.replace(target, hand=rounded))
        if by_hand_is_wrong(row) and (kind is not None or follows):
            kind = kind or next(iter(short.values()))
            remark = f", {kind.name}"
            row = dataclasses.replace(row, verdict=DTYPE, remark=remark, diagnosis=None)
        found.append(row)
    return found


def _right_for_symmetric(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Let pass what differs only in how the two triangles of a symmetric matrix share a gradient.

    An operation that reads one triangle defines its derivative along symmetric directions alone:
    a textbook writes ``v v.T`` for an eigenvalue, autodiff puts all of it into that triangle.
    """
    found = []
    for row, target in zip(rows, targets, strict=True):
        hand, right = row.by_hand, row.autodiff
        asked = by_hand_is_wrong(row) and hand.shape == right.shape
        both = asked and _reads_one_triangle(graph, target)
        if both and same(hand + _turned(hand), right + _turned(right)):
            row = dataclasses.replace(row, verdict=SYMMETRIC, diagnosis=None)
        found.append(row)
    return found


def _reads_one_triangle(graph: Graph, target: Target) -> bool:
    """Return whether a matrix is symmetric, and all that uses it reads one triangle."""
    node = graph[target.id]
    users = [user.primitive for user in graph.consumers(node)]
    reads_one = bool(users) and all(user in READ_ONE_TRIANGLE for user in users)
    return reads_one and same(np.asarray(node.value), _turned(node.value))


def in_one_triangle(graph: Graph, target: Target) -> Target:
    """Return a symmetric gradient as autodiff has it: a mistake is looked for in its triangle."""
    hand = target.hand
    if hand.shape != target.right.shape or not _reads_one_triangle(graph, target):
        return target
    if not same(hand, _turned(hand)):
        return target
    both = np.where(target.right != 0, hand + _turned(hand), 0.0)
    diagonal = np.eye(hand.shape[-1]) * hand
    return dataclasses.replace(target, hand=both - diagonal)


def _right_by_another_side(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Let pass what takes the derivative of one side at every kink, as ``z >= 0`` does for relu.

    Where several inputs are at a kink at once, that need not be between two derivatives.
    """
    found = rows
    if not any(map(by_hand_is_wrong, rows)):
        return rows
    passes = list(other_passes(graph))
    if (double := Replay(in_double(graph))).has_ties:  # In a short type, more differs than the tie.
        passes.append(Replay(double.graph, ties="first"))
    for other in passes:
        made = other.gradients
        found = [
            dataclasses.replace(row, verdict=KINK, diagnosis=None)
            if by_hand_is_wrong(row)
            and (g := made.get(target.id)) is not None
            and same(row.by_hand.astype(row.autodiff.dtype), g)
            else row
            for row, target in zip(found, targets, strict=True)
        ]
    return found


def _right_up_to_rounding(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Accept two gradients that differ by no more than rounding explains, whoever is nearer.

    Where ``1 - p`` has lost its digits, in a saturated sigmoid, two right formulas differ. What has
    the digits of a shorter type may be rounded as that type rounds. If the difference is so large
    that three digits are not left, it is too near to tell.
    """
    asked = [
        (row, t)
        for row, t in zip(rows, targets, strict=True)
        if not row.ok
        and row.verdict not in (BOTH, KINK, ROUNDED)
        and row.by_hand.shape == row.autodiff.shape
        and np.isfinite(row.by_hand).all()
    ]
    near = [
        row
        for row, _ in asked
        if row.verdict == AUTODIFF  # By hand is right, then.
        or np.all(np.abs(row.by_hand - row.autodiff) <= 1e-3 * largest(row.autodiff))
    ]
    if not asked:
        return rows
    rng, replay = np.random.default_rng(0), Replay(graph)
    least = float(np.finfo(float).eps)
    spread = {t: np.full(t.right.shape, least * largest(t.right)) for _, t in asked}
    short = near and all((row.by_hand == row.by_hand.astype(np.float32)).all() for row in near)
    for shakes in range(1, 5):
        made = Replay(graph, _shaken(graph, rng, np.float32 if short else np.float64)).gradients
        for _, t in asked:
            if t.id in made:
                spread[t] = np.fmax(spread[t], np.abs(made[t.id] - replay.gradients[t.id]))
        gaps = {t: np.abs(row.by_hand - row.autodiff) for row, t in asked}
        asked = [
            (row, t)
            for row, t in asked
            if shakes < 2 or row in near or largest(gaps[t]) <= 1000 * spread[t].max(initial=0.0)
        ]
        if not asked:
            break
    explained = {t for _, t in asked if np.all(gaps[t] <= 10 * spread[t])}
    near += [row for row, t in asked if largest(row.autodiff) <= 10 * spread[t].max()]  # 0, and 0.
    return [
        row
        if t not in explained
        else dataclasses.replace(
            row, verdict=DTYPE, remark=", as far as rounding tells", diagnosis=None
        )
        if row in near
        else dataclasses.replace(row, verdict=UNDECIDED, diagnosis=NEAR)
        if row.oracle  # Else it follows from what is wrong nearer to the loss.
        else row
        for row, t in zip(rows, targets, strict=True)
    ]


def _shaken(graph: Graph, rng: np.random.Generator, kind: Any) -> dict[str, Any]:
    """Return the values of all nodes, computed once more with random last digits of a type."""
    steps = (-3, -2, -1, 1, 2, 3)  # None is 0, and few cancel: in ``1 - p``, one digit is all.

    def shaken(value: Any) -> Any:
        eps = max(float(np.finfo(x).eps) for x in (np.asarray(value).dtype, kind))
        return value * (1 + eps * rng.choice(steps, np.shape(value)))

    return recomputed(graph, lambda value: value, shaken)


def _turned(matrix: NDArray[Any]) -> NDArray[Any]:
    return np.swapaxes(matrix, -1, -2)


READ_ONE_TRIANGLE = (ops.cholesky, ops.eigh)


FEWEST_DECIMALS, MOST_DECIMALS = 2, 8
"""With fewer decimals, a wrong gradient may be near by chance; what has more is not rounded."""


def _right_to_their_digits(graph: Graph, rows: list[Row], targets: list[Target]) -> list[Row]:
    """Tell what was rounded before it was given, and is right to the digits that are left.

    Such a row does not pass, since digits that were not given may differ; it is not called wrong.
    """
    given = {t.id: d for row, t in zip(rows, targets, strict=True)
             if by_hand_is_wrong(row) and (d := _decimals(t))}  # fmt: skip
    rounded = {t.id: t.hand for t in targets if t.id in given and graph[t.id].primitive is not None}
    made = Replay(graph, given=rounded).gradients if rounded else {}
    found = []
    for row, target in zip(rows, targets, strict=True):
        key, remark = target.id, ""
        if key in given:
            remark = f", {given[key]} decimals: give all of them to be certain"
        elif by_hand_is_wrong(row) and key in made and same(np.asarray(made[key]), target.hand):
            remark = f": it follows from one that has {min(given.values())} decimals"
        if remark:
            row = dataclasses.replace(row, verdict=ROUNDED, remark=remark, diagnosis=None)
        found.append(row)
    return found


def as_differences(row: Row) -> Row:
    """Tell what has the digits of numerical differences, where no mistake explains what is off."""
    found, gap = row.diagnosis, 0.0
    if found is not None and by_hand_is_wrong(row) and row.by_hand.shape == row.autodiff.shape:
        off = np.abs(row.by_hand - row.autodiff)
        if off[row.autodiff != 0].all() and row.autodiff.any() and np.isfinite(off).all():
            gap = largest(off) / largest(row.autodiff)
    most = 1e-6 if found is not None and found.name in (UNEXPLAINED, SOME_ENTRIES) else 1e-9
    if not 0 < gap <= most:
        return row
    remark = f", about {-math.log10(gap):.0f}, as numerical differences have"
    return dataclasses.replace(row, verdict=ROUNDED, remark=remark, diagnosis=None)


def _decimals(target: Target) -> int:
    """Return to how many decimals a gradient was rounded, if it is right to these; else 0."""
    hand, right = target.hand, target.right
    if hand.shape != right.shape or not np.isfinite(hand).all() or not hand.any():
        return 0
    for decimals in range(MOST_DECIMALS + 1):
        if np.array_equal(np.round(hand, decimals), hand):
            unit = 10.0**-decimals
            near = np.abs(hand - right).max() <= 0.5000001 * unit
            tells = np.abs(right).max() >= 10 * unit
            return decimals if near and tells and decimals >= FEWEST_DECIMALS else 0
    return 0
