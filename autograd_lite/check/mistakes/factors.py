"""Mistakes that show in a gradient itself: a factor, a sign, a precision."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import viewed
from autograd_lite.check.mistakes.entries import entries_in_words
from autograd_lite.check.mistakes.made import distinct, only
from autograd_lite.check.mistakes.reasons import (
    LEARNING_RATES,
    another_number,
    chosen_ones,
    complement,
    divided_by,
    is_square,
    numbers,
    of_the_loss,
    or_a_half,
    other_divisor,
    reasons,
    shown,
    twos,
    users_of,
    within,
)
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Array,
    Candidate,
    Case,
    Mistake,
    Target,
    cancelled,
    last_digit,
    mistake,
    same,
)
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node

# ------------------------------------------------------------------------ one factor for all


MOST_PARTS = 100
"""Up to which denominator a factor may be a fraction that was rounded."""


def factor_of(hand: Array, right: Array) -> float | None:
    """Return by hand / right, if that is one number for all entries."""
    if hand.shape != right.shape or not np.isfinite(hand).all():
        return None
    largest = np.argmax(np.abs(right)) if right.size else 0
    if not right.size or right.flat[largest] == 0 or not hand.any():
        return None
    factor = float(hand.flat[largest]) / float(right.flat[largest])
    rounding = last_digit(hand, right)
    if rounding > np.finfo(float).eps and np.isfinite(factor):  # In float32, 4 is 3.998.
        nearest = float(Fraction(factor).limit_denominator(MOST_PARTS))
        factor = nearest if abs(nearest - factor) <= 8 * rounding * abs(factor) else factor
    return factor if same(hand, factor * right) else None


Lengths = dict[int, set[str]]
"""How many entries are pooled, and in which nodes."""


def _lengths(case: Case, target: Target) -> tuple[Lengths, Lengths, set[str]]:
    """Return over how many entries of what depends on a tensor there are means and sums.

    And which of them are squares.
    """
    averages: Lengths = {}
    sums: Lengths = {}
    squares = set[str]()
    for node in case.replay.graph:
        made_by = node.primitive
        if target.id not in case.replay.behind(node.id):
            continue  # That is another term: a regulariser of other tensors, say.
        for n in divided_by(case, node):  # A mean, written out.
            averages.setdefault(n, set()).add(node.id)
        if made_by not in (ops.mse, ops.mean, ops.sum, ops.square, ops.power):
            continue
        if made_by in (ops.mean, ops.sum) and np.size(node.value) > 1:
            continue  # That of a row or a column is not that of the loss.
        n = int(np.size(case.replay.values[node.operands[0]]) / max(1, np.size(node.value)))
        reduction = node.parameters.get("reduction")
        if is_square(case.replay, node) and reduction != "half_sum":
            squares |= {node.id} if _is_of_the_loss(case.replay, node) else set()
        if made_by is ops.mean or reduction == "mean":
            averages.setdefault(n, set()).add(node.id)
        if made_by is ops.sum or reduction in ("sum", "half_sum"):
            sums.setdefault(n, set()).add(node.id)
    averages.pop(1, None)
    sums = {n: at for n, at in sums.items() if n != 1 and n not in averages}
    return averages, sums, squares


def _is_on_the_way(case: Case, target: Target, k: float) -> bool:
    return any(target.id in case.replay.behind(x.id) for x in users_of(case, k))


def _meets_itself(case: Case, target: Target) -> bool:
    """Return whether both operands of an operation are one tensor, as in x[:, None] - x."""
    graph = case.replay.graph
    return any(
        len(x.operands) == 2 and {viewed(graph, y).id for y in graph.operands(x)} == {target.id}
        for x in graph
    )


def _is_of_the_loss(replay: Replay, node: Node) -> bool:
    """Return whether a square is summed up to the loss, and not halved: it gives a factor 2."""
    while node is not replay.graph.outputs[0]:
        users = replay.graph.consumers(node)
        made_by = users[0].primitive if len(users) == 1 else None
        if made_by is None or not (made_by.linear or made_by.jointly_linear):
            return False
        (node,) = users
        half = {ops.multiply: 0.5, ops.divide: 2.0}.get(node.primitive or ops.add)
        if half and any(
            not np.ndim(x.value) and x.value == half for x in replay.graph.operands(node)
        ):
            return False
    return True


def _sums_the_batch(case: Case, target: Target) -> bool:
    """Return whether a gradient is the sum over the batch of another, as that of a bias is."""
    return target.right.ndim == 1 and any(
        len(node.shape) > 1 and node.shape[0] == case.batch for node in case.replay.users(target.id)
    )


def _stretched_to(case: Case, target: Target) -> set[int]:
    """Return for how many entries of a result an entry of the tensor is used: that of a bias."""
    graph, size = case.replay.graph, max(1, target.right.size)
    uses = [(graph[target.id], x) for x in case.replay.users(target.id)]
    for _, x in uses:
        if x.primitive in (ops.getitem, ops.reshape) and x.value.size <= size:  # As ``b[:, None]``.
            uses += [(x, user) for user in graph.consumers(x)]
    picked = [_repeated(x, y) for x, y in uses if y.primitive is ops.getitem]
    wide = [(x, y) for x, y in uses for made_by in [y.primitive]
            if made_by and (made_by.entrywise or made_by in (ops.repeat, ops.tile))]  # fmt: skip
    each = [y.value.size // size for x, y in wide if x.value.size == size]
    of_two = {2} if each == [1, 1] else set()  # Half of two uses is a 2 that was forgotten.
    along = {
        n for x, y in wide
        for n, own in zip(y.shape[::-1], (*x.shape[::-1], *(1,) * len(y.shape)), strict=False)
        if own == 1 < n
    }  # fmt: skip
    return {*each, sum(each), *along, *itertools.chain(*picked)} - {0, 1} - of_two


def _repeated(x: Node, picked: Node) -> set[int]:
    """Return how long the axes are along which the same entries of a tensor are picked."""
    places = np.arange(np.size(x.value)).reshape(x.shape)[picked.parameters["index"]]
    return {n for d, n in enumerate(places.shape) if n and not np.ptp(places, axis=d).any()}


Reading = tuple[str, str, float, Collection[str]]
"""What a factor can be: its kind, its meaning, its cost, and the nodes at one of which it arose."""

STRETCHED = ("",)
"""In place of nodes: the factor is that of a tensor that is stretched, as a bias."""


def _readings(case: Case, target: Target, a: float) -> Iterator[Reading]:
    """Yield everything that a factor can be."""
    graph = case.replay.graph
    end = (graph.outputs[0].id,)
    known = {case.batch} if case.batch > 1 and _sums_the_batch(case, target) else set()
    if known and within(a, 1 / case.batch):
        text = f"averaged over the batch of {case.batch}, whose gradients add up"
        yield "averaged, not summed", text, 0.8, STRETCHED
    copies = any(x.primitive in (ops.repeat, ops.tile) for x in case.replay.users(target.id))
    for n in _stretched_to(case, target) - known:
        if within(a, 1 / n):
            text = f"averaged over the {n} {'copies' if copies else 'entries'} that it adds up"
            yield "averaged, not summed", text, 0.8, STRETCHED
    averages, sums, squares = _lengths(case, target)
    doubled = {x for x in twos(case, target.id) if target.id in case.replay.behind(x)}
    if within(a, 0.5) or within(a, 2):
        title = "divided by 2 once too often"
        if doubled:
            title = f"the factor 2{' of the square' if squares else ''} is missing"
        if a > 1:
            title = f"there is a factor 2 too many{or_a_half(case, target.id)}"
        if other := other_divisor(case, a):
            title += f", or {other}"
        at = squares or doubled if a < 1 else ()
        yield "constant factor", title, 1.0 if a > 1 or doubled else 1.2, at
        if a < 1 and not squares:
            yield "constant factor", title, 1.2, ()  # It is in this gradient alone.
    users = case.replay.users(target.id)
    uses = 0 if _meets_itself(case, target) else sum(x.operands.count(target.id) for x in users)
    if uses > 1 and within(a, 1 / uses):
        text = f"averaged over its {uses} uses, which add up"
        yield "averaged, not summed", text, 1.1 if squares else 0.95, ()
    for n, at in sorted(averages.items()):
        if within(a, n):
            yield "summed, not averaged", f"summed over {n} entries that the loss averages", 0.9, at
        elif text := next(chosen_ones(case, a, {n}), ""):
            single = np.count_nonzero(target.right) < 2  # That tells little.
            yield "constant factor", text, 1.5 if single else 1.0, ()
        elif within(a, n / 2) and squares:
            text = f"that of half the sum, where the loss averages {n} entries"
            yield "summed, not averaged", text, 1.1, at
    for n, at in sorted(sums.items()):
        if within(a, 1 / n):
            text = f"averaged over {n} entries that the loss sums"
            yield "averaged, not summed", text, 1.05 if n == 2 else 0.9, at
        elif within(a, 2 / n) and not squares:
            text = f"that of the mean square, where the loss is half the sum of {n} entries"
            yield "averaged, not summed", text, 1.1, at
    for k, divides in numbers(case).items():
        if abs(float(f"{k:.3g}") - k) < 1e-12 and _is_on_the_way(case, target, k):
            for why, cost in complement(1 / a if divides else a, f"{k:g}", k, numbers(case)):
                if cost < 0.4:  # That n - 1 stands for n is likelier.
                    yield "constant factor", why, 0.8 + cost, ()
    once = within(1 / a, round(1 / a))  # Divided by one length too many explains it better.
    if not once and not within(a, 2) and (other := other_divisor(case, a)):
        yield "constant factor", other, 1.2, ()
    for n in sorted({*averages, *sums} - {case.batch}):
        if within(a, n) or within(a, 1 / n):
            text = f"{'multiplied' if a > 1 else 'divided'} by n = {n}, the number of entries"
            yield "constant factor", text, 1.5, averages.get(n, set()) | sums.get(n, set())
    for node in graph:  # Of rows, say: those of the loss are above.
        if node.primitive is ops.mean:
            n = np.size(graph.operands(node)[0].value) // max(1, np.size(node.value))
            behind = target.id in case.replay.behind(node.id)
            if n > 1 and within(a, n) and behind and n not in {*numbers(case), *case.replay.uses}:
                text = f"summed over the {n} entries that {text_of(graph, node)} averages"
                cost = 0.95 if n == 2 and not doubled else 1.15
                yield "summed, not averaged", text, cost, (node.id,)
    ambiguous = any(case.batch in node.shape[1:] for node in graph)
    batch = f"the size of the batch{' or another length' if ambiguous else ''}, {case.batch}"
    if case.batch > 1 and (within(a, case.batch) or within(a, 1 / case.batch)):
        text = f"{'multiplied' if a > 1 else 'divided'} by {batch}"
        at = averages.get(case.batch, set()) | sums.get(case.batch, set())
        yield "constant factor", text, 1.4, at
    if case.lr is not None and case.lr != 1 and within(a, case.lr):
        yield "learning rate", f"the learning rate {case.lr:g} is in it already", 0.8, ()
    if case.lr is not None and case.lr != 1 and within(a, 1 / case.lr):
        yield "learning rate", f"divided by the learning rate {case.lr:g}", 0.8, ()
    if case.lr is None and any(within(a, lr) for lr in LEARNING_RATES):
        yield "learning rate", f"a learning rate of {a:g} may be in it already", 2.5, end


@mistake("constant factor", "Every entry has the same factor too many or too few.")
def constant_factor(case: Case, target: Target) -> Iterator[Candidate]:
    """By hand is a number times the right gradient."""
    factor = factor_of(target.hand, target.right)
    if factor is None or within(factor, 1) or within(factor, -1):
        return
    sign = "with its sign flipped, and " if factor < 0 else ""
    known = list(_readings(case, target, abs(factor)))
    if not known:
        known = [("constant factor", why, 1.0 + cost, ()) for why, cost in reasons(case, factor)]
    if not known:
        # A single number is always some multiple of another: that it is a known one may be chance.
        single = np.count_nonzero(target.right) < 2
        why = "" if single else other_divisor(case, abs(factor)) or of_the_loss(case, factor)
        cost = 1.2 if why else 3.0
        any_number = "" if single else "one factor for all entries"
        why = why or another_number(case, factor) or any_number
        known = [("constant factor", why, cost, ())] if why else []

    def of_stretched(other: Target) -> Array | None:
        found = any(x is STRETCHED for *_, x in _readings(case, other, abs(factor)))
        return factor * other.right if found else None

    for kind, meaning, cost, at in known:
        stretched = at is STRETCHED
        yield Candidate(
            f"by hand = {shown(factor)} × autodiff: {sign}{meaning}",
            cost + (0.1 if factor < 0 else 0),
            correct=None if stretched else lambda hand: hand / factor,
            predict=of_stretched if stretched else None,
            kind=kind,
            at=() if stretched else at,
        )


for _kind, _how in (
    ("summed, not averaged", "The loss is a mean, so its gradient has the factor 1/n."),
    ("averaged, not summed", "What adds up in the loss adds up in its gradient, without 1/n."),
    ("learning rate", "The gradient itself knows no learning rate: it belongs in the update."),
):
    MISTAKES[_kind] = Mistake(_kind, _how)


@mistake("several passes", "backward() adds to .grad: call zero_grad() before the next pass.")
def several_passes(case: Case, target: Target) -> Iterator[Candidate]:
    """Give `.grad`, to which several backward passes have added up."""
    node = case.replay.graph[target.id] if target.id in case.replay.values else None
    if node is not None and node.passes > 1 and node.grad is not None:
        passes = f"the sum of {node.passes} backward passes without zero_grad() between them"
        title = f"that is {target.name}.grad, {passes}"
        yield Candidate(title, 0.2, predict=only(target, np.asarray(node.grad)))


@mistake("zero", "Nothing was computed for it, or it was overwritten or detached.")
def zero(case: Case, target: Target) -> Iterator[Candidate]:
    """Everything is 0, be it that terms cancel, as the deltas of a softmax do in a sum."""
    if target.hand.size and cancelled(target.hand, target.right):
        why = ", but for rounding: all terms cancel" if target.hand.any() else ""
        replay = case.replay
        edges = [edge for edge in replay.parts if replay.operand(edge) == target.id]
        for which, k in (("first", -1), ("last", 0)) if len(edges) > 1 and not why else ():
            if not np.any(replay.parts[edges[k]]):
                use = text_of(replay.graph, replay.graph[edges[k][0]])
                why = (
                    f", as what comes back from the {which} use, {use}, is: overwritten, not added"
                )
                why += " up, or never computed"
        title = f"by hand is zero everywhere{why}"
        yield Candidate(title, 0.3, predict=lambda target: np.zeros_like(target.right))


@mistake("clipped", "The gradient was clipped before it was compared: clip what the update uses.")
def clipped(case: Case, target: Target) -> Iterator[Candidate]:
    """Entries end at one size, or all together at one length."""
    del case
    hand, right = target.hand, target.right
    if cancelled(hand, right):
        return
    most = float(np.abs(hand).max(initial=0.0))
    at_most = np.abs(hand) > most * (1 - 1e-9)
    if hand.shape == right.shape and at_most.sum() > 1 and (np.abs(right[at_most]) > most).all():
        yield Candidate(
            f"clipped to ±{most:g}",
            2.5 if at_most[hand != 0].all() else 0.5,  # Any one number is as large everywhere.
            predict=lambda target: np.clip(target.right, -most, most),
        )
    norm = float(np.linalg.norm(hand))
    if hand.size > 1 and norm and within(norm, float(f"{norm:.2g}")):
        length = float(np.linalg.norm(right))
        if length > norm:
            title = f"clipped to the norm {norm:.2g}"
            yield Candidate(title, 1.4, correct=lambda hand: hand * length / norm)


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
    # Counts may be the same by chance.
    ratios = np.abs(right) / np.abs(right).max(initial=0.0)
    tells = distinct(right) > 3 or not np.isclose(60 * ratios, np.round(60 * ratios)).all()
    if flipped.any() and tells and np.count_nonzero(right) > np.count_nonzero(flipped):
        signs = np.where(flipped, -1, 1)
        title = f"the sign is flipped in {entries_in_words(flipped, right != 0)}"
        yield Candidate(title, 1.9, correct=lambda hand: hand * signs)  # It says not why.


# ------------------------------------------------------------------------ precision


def shorter_dtype(target: Target) -> np.dtype[Any] | None:
    """Return the shorter type to whose precision a gradient is right, if it has that type's digits.

    It was computed in that type, or has passed through it: a kernel in float32, say.
    """
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
