"""Mistakes in the order of the entries or of the rows, or in the shape."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import MOST_AXES, always, orders, steps
from autograd_lite.check.mistakes.made import distinct, replaced
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Array,
    Candidate,
    Case,
    Mistake,
    Target,
    digits,
    mistake,
    more,
    same,
)
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node


def _summed(axes: tuple[int, ...], shape: tuple[int, ...]) -> Callable[[Array], Array]:
    return lambda hand: np.reshape(hand.sum(axis=axes), shape)


def _oversummed(axes: tuple[int, ...]) -> Callable[[Target], Array]:
    return lambda target: np.reshape(target.right.sum(axis=axes), target.hand.shape)


@mistake("transposed", "Rows and columns are exchanged: a.T @ b in place of b.T @ a.")
def transposed(case: Case, target: Target) -> Iterator[Candidate]:
    """Rows and columns are exchanged, or other axes."""
    del case
    for order, words in orders(target.hand.shape, target.right.shape):
        plain = len(order) == 2
        title = "transposed" if plain else f"{words} are exchanged"
        title = f"{title}: by hand = autodiff.{'T' if plain else _undone(order)}"
        yield Candidate(
            title, 0.5 if plain else 0.6, correct=functools.partial(np.transpose, axes=order)
        )
    for moved in _read(target.right) if target.fits else ():
        title = "read in another order: reshape in place of transpose"
        yield Candidate(title, 0.9, predict=always(moved), kind="rearranged")


MISTAKES["rearranged"] = Mistake(
    "rearranged", "A transpose is undone by a transpose; a reshape leaves the order."
)


@more("transposed")
def axes_exchanged(case: Case, target: Target) -> Iterator[Candidate]:
    """Axes of what comes back to a tensor on the way are exchanged."""
    replay = case.replay
    for node in replay.graph:
        g = replay.gradients.get(node.id)
        if g is None or node.id == target.id or target.id not in replay.behind(node.id):
            continue
        for order, words in orders(g.shape, g.shape):
            title = f"{words} of the gradient at {text_of(replay.graph, node)} are exchanged"
            made = replaced(replay, node.id, g.transpose(order))
            yield Candidate(title, 0.9 if node.name else 1.0, predict=made)
        if not node.name and not any(x.primitive in MOVING for x in _around(replay, node)):
            continue  # Only what is reshaped or transposed is read in another order.
        for moved in _read(g):
            text = (
                f"the gradient at {text_of(replay.graph, node)} is read in another order: "
                f"reshape in place of transpose"
            )
            yield Candidate(text, 1.05, predict=replaced(replay, node.id, moved), kind="rearranged")


def _read(g: Array) -> Iterator[Array]:
    """Yield a gradient as a reshape reads it where a transpose belongs."""
    for order in itertools.permutations(range(g.ndim)) if g.ndim <= MOST_TURNED else ():
        turned = g.transpose(order)
        back = g.reshape(turned.shape).transpose(np.argsort(order))
        for moved in (turned.reshape(g.shape), back) if turned.shape != g.shape else ():
            if not np.array_equal(moved, g):
                yield moved


MOST_TURNED = 4
"""Of how many axes a gradient may be read in any order."""

MOVING = (ops.reshape, ops.transpose)


def _around(replay: Replay, node: Node) -> Iterator[Node]:
    yield from (node, *replay.graph.operands(node), *replay.graph.consumers(node))


def _undone(order: Sequence[int]) -> str:
    moved = [k for k, axis in enumerate(order) if axis != k]
    back = ", ".join(map(str, moved if len(moved) == 2 else np.argsort(order)))
    return f"swapaxes({back})" if len(moved) == 2 else f"transpose({back})"


@mistake(
    "symmetric argument",
    "Of a symmetric matrix, entry (i, j) is entry (j, i): by the free entries, both count.",
)
def symmetric_argument(case: Case, target: Target) -> Iterator[Candidate]:
    """Take the derivative by the free entries of a symmetric matrix."""
    hand, right = target.hand, target.right
    if target.id not in case.replay.values or not target.fits or hand.ndim != 2:
        return
    value = np.asarray(case.replay.values[target.id])
    if not same(value, value.T) or len(value) < 2:
        return
    both = right + right.T
    free = both - np.diag(np.diag(right))
    says = (
        "every entry off the diagonal counts twice{}: the derivative by the free entries of a "
        "symmetric matrix, where autodiff takes each entry by itself"
    )
    for form, title in (
        (free, says.format("")),
        (np.tril(free), says.format(", in the lower triangle")),
        (np.triu(free), says.format(", in the upper triangle")),
        (both, says.format(", and the diagonal, too")),
        (both / 2, "the gradient was made symmetric, though the function is not"),
    ):
        if same(form, hand) and not same(form, right):
            yield Candidate(title, 0.9, predict=always(form))


@mistake("permuted", "The right numbers are in other places: a reshape, a reversal, another order.")
def permuted(case: Case, target: Target) -> Iterator[Candidate]:
    """Look for the right numbers in other places."""
    del case
    hand, right = target.hand, target.right
    if hand.shape != right.shape or not hand.size or not np.isfinite(hand).all():
        return
    for axes in itertools.combinations(range(hand.ndim), 2) if hand.ndim < MOST_AXES else ():
        title = f"flipped along the axes {axes[0]} and {axes[1]}, as a kernel is in a convolution"
        yield Candidate(title, 0.8, correct=functools.partial(np.flip, axis=axes))
    for axis, noun in zip(range(hand.ndim), ("row", "column", "slice"), strict=False):
        order = _order(hand, right, axis)
        moved = order is not None and (order != np.arange(len(order))).any()
        if order is not None and moved and not _tells_little(hand, order):
            noun = "entrie" if hand.ndim == 1 else noun
            turned = (order == np.arange(len(order))[::-1]).all()
            listed = ", ".join(map(str, np.argsort(order)))
            title = (
                f"the {noun}s are {'reversed: flipped, ' if turned else ''}in the order {listed}"
            )
            cost = 0.8 if len(order) > 2 else 0.9  # Two may be those of two branches.
            yield Candidate(
                title, cost, correct=functools.partial(np.take, indices=order, axis=axis)
            )


def _order(hand: Array, right: Array, axis: int) -> Array | None:
    """Return the order in which the slices of one are those of the other."""
    slices, wanted = np.moveaxis(hand, axis, 0), np.moveaxis(right, axis, 0)
    if not 1 < len(slices) <= 64:
        return None
    left = list(range(len(slices)))
    order = []
    for one in wanted:
        found = next((i for i in left if same(slices[i], one)), None)
        if found is None:
            return None
        left.remove(found)
        order.append(found)
    return np.array(order)


@mistake("not summed over the batch", "What was broadcast forwards is summed backwards.")
def not_summed(case: Case, target: Target) -> Iterator[Candidate]:
    """Axes are left over that broadcasting had stretched: a bias's gradient for every row."""
    del case
    hand, shape = target.hand, target.right.shape
    for count in range(1, hand.ndim + 1):
        for axes in itertools.combinations(range(hand.ndim), count):
            if np.prod([hand.shape[i] for i in axes]) > 1:
                listed = axes[0] if len(axes) == 1 else axes
                title = f"not summed over the batch: by hand.sum(axis={listed}) = autodiff"
                yield Candidate(title, 0.5, correct=_summed(axes, shape))


@mistake("shape", "The numbers are right; the shape is not that of the tensor.")
def wrong_shape(case: Case, target: Target) -> Iterator[Candidate]:
    """Look for the right numbers in another shape, or summed up."""
    del case
    hand, right = target.hand, target.right
    if hand.shape == right.shape:
        return
    if hand.size == right.size:
        title = f"the right numbers in the shape {hand.shape} in place of {right.shape}"
        yield Candidate(title, 0.6, correct=lambda hand: hand.reshape(right.shape))
    for count in range(1, right.ndim + 1):
        for axes in itertools.combinations(range(right.ndim), count):
            title = f"summed over axis {', '.join(map(str, axes))} as well"
            yield Candidate(title, 0.7, predict=_oversummed(axes))


# ------------------------------------------------------------------------ rows


MOST_ENUMERATED = 8
"""Of so many rows, all 40,320 orders are tried."""

MOST_SOLVED, MOST_MOVED = 128, 1000
"""For how many rows a system is solved, and of how many any two are exchanged, or all shifted."""

MOST_LISTED = 12

MOST_CHANCE = 1e-4


@mistake("rows in another order", "Row i of X belongs to row i of the deltas: shuffle both alike.")
def rows_in_another_order(case: Case, target: Target) -> Iterator[Candidate]:
    """Multiply deltas with the rows of the data in another order than theirs."""
    for step in steps(case, target):
        other = step.other
        if other is None or step.operand.id != target.id or not step.is_matrix_product:
            continue
        replay, position = step.replay, step.edge[1]
        data, g = replay.values[other.id], replay.gradients[step.node.id]
        if not target.fits or data.ndim != 2 or g.ndim not in (1, 2):
            continue
        # W may be used elsewhere too, and what comes back from there is right.
        wanted = target.hand - (target.right - step.rule(g))
        if g.ndim == 1:
            g, wanted = (x[None] if position == 0 else x[:, None] for x in (g, wanted))
        columns = position == 0  # W @ X: the samples are columns.
        sides = (data.T, g.T, wanted.T) if columns else (data, g, wanted)
        if _may_be_chance(len(sides[0]), target):
            continue
        for order in _orders(*sides):
            if (order == np.arange(len(order))).all() or _tells_little(g, order):
                continue
            moved = data[:, order] if columns else data[order]
            title = (
                f"the {'columns' if columns else 'rows'} of {text_of(replay.graph, other)} are in "
                f"another order than those of the gradient at {step.name}; {_in_words(order)}"
            )
            yield step.candidate(title, 1.0, step.using(moved))


def _may_be_chance(n: int, target: Target) -> bool:
    """Whether one of the orders of `n` rows may well give the same numbers as another mistake.

    One number, of the few digits of float32, say, is that of some order of seven rows.
    """
    precision = 10 * max(digits(target.hand), digits(target.right))
    orders = math.lgamma(n + 1) if n <= MOST_ENUMERATED else 2 * math.log(n)
    numbers = int(np.count_nonzero(target.hand))
    return orders + numbers * math.log(precision) > math.log(MOST_CHANCE)


def _tells_little(array: Array, order: Array) -> bool:
    """Return whether so few different numbers may be in this order for any reason: a mask, say."""
    turned = order[::-1] if order[0] > order[-1] else order
    shifted = (turned - turned[0]) % len(order)
    few = distinct(array) < min(FEWEST_TO_ORDER, len(order))
    return few and bool((shifted != np.arange(len(order))).any())


FEWEST_TO_ORDER = 4
"""Of how many different numbers an order at random tells something."""


def _in_words(order: Array) -> str:
    """Describe an order."""
    n = len(order)
    shifted = (order - np.arange(n)) % n
    if (order == np.arange(n)[::-1]).all():
        return "reversed"
    if (shifted == shifted[0]).all():
        return f"shifted by {min(shifted[0], n - shifted[0])}"
    moved = np.flatnonzero(order != np.arange(n))
    if len(moved) == 2:
        return f"{moved[0]} and {moved[1]} are exchanged"
    listed = ", ".join(map(str, order[:MOST_LISTED]))
    return f"in the order {listed}{', …' if n > MOST_LISTED else ''}"


def _orders(data: Array, g: Array, wanted: Array) -> Iterator[Array]:
    """Yield orders for which ``data[order].T @ g`` may be what is wanted, to be tested.

    With as many columns as rows on one side, the equation has one solution. Else all orders are
    tried of a few rows, and of more the reversed one, shifts, and any two rows exchanged: an order
    at random among many rows cannot be told from fewer numbers than it has rows.
    """
    n = len(data)
    shapes = (data.shape[1], g.shape[1])
    if n < 2 or len(g) != n or wanted.shape != shapes:
        return
    if not all(np.isfinite(array).all() for array in (data, g, wanted)):
        return
    if n <= min(MOST_SOLVED, max(shapes)):
        yield from _solved(data, g, wanted)
    rng = np.random.default_rng(0)
    u, v = (rng.normal(size=size) for size in shapes)
    a, b, goal = data @ u, g @ v, float(u @ wanted @ v)  # One number decides what is worth a test.
    orders = _all_orders(n) if n <= MOST_ENUMERATED else _moved(a, b, goal)
    gaps = np.abs(a[orders] @ b - goal)
    yield from orders[np.argsort(gaps, kind="stable")[:2]]


def _solved(data: Array, g: Array, wanted: Array) -> Iterator[Array]:
    """Solve for the rows of one side as they were used, and find each among the rows there are."""
    n = len(data)
    if n <= data.shape[1] and np.linalg.matrix_rank(data) == n:
        yield np.argsort(_matched(np.linalg.lstsq(data.T, wanted, rcond=None)[0], g))
    elif n <= g.shape[1] and np.linalg.matrix_rank(g) == n:
        yield _matched(np.linalg.lstsq(g.T, wanted.T, rcond=None)[0], data)


def _matched(used: Array, rows: Array) -> Array:
    """Return which row each of those that were used is: the nearest that is left."""
    left = np.ones(len(rows), bool)
    order = np.empty(len(rows), int)
    for i, row in enumerate(used):
        distances = np.abs(rows - row).sum(axis=1)
        order[i] = np.argmin(np.where(left, distances, np.inf))
        left[order[i]] = False
    return order


@functools.cache
def _all_orders(n: int) -> Array:
    return np.array(list(itertools.permutations(range(n))))


def _moved(a: Array, b: Array, goal: float) -> Array:
    """Return the reversed order, and the most promising of the others that are near the right one.

    ``a[order] @ b`` shall be `goal`.
    """
    there = np.arange(len(a))
    orders = [there[::-1]]
    if len(a) <= MOST_MOVED:
        shifted = np.array([np.roll(a, -shift) @ b for shift in there])
        orders.append(np.roll(there, -np.argmin(np.abs(shifted - goal))))
        gained = -np.subtract.outer(a, a) * np.subtract.outer(b, b)
        i, j = np.unravel_index(np.argmin(np.abs(a @ b + gained - goal)), gained.shape)
        exchanged = there.copy()
        exchanged[[i, j]] = j, i
        orders.append(exchanged)
    return np.array(orders)
