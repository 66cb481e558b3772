"""Rows of the data in another order than those of the deltas: a permutation, solved for."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np

from autograd_lite.check.mistakes.backward_steps import steps, text_of, wrong
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, digits, mistake

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
        if target.hand.shape != target.right.shape or data.ndim != 2 or g.ndim not in (1, 2):
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
            if (order == np.arange(len(order))).all():
                continue
            moved = data[:, order] if columns else data[order]
            yield Candidate(
                f"the {'columns' if columns else 'rows'} of {text_of(replay.graph, other)} are in "
                f"another order than those of the gradient at {step.name}; {_in_words(order)}",
                1.0,
                predict=wrong(
                    replay, {step.edge: replay.rule(step.edge, operands={1 - position: moved})}
                ),
            )


def _may_be_chance(n: int, target: Target) -> bool:
    """Whether one of the orders of `n` rows may well give the same numbers as another mistake.

    One number, of the few digits of float32, say, is that of some order of seven rows.
    """
    precision = 10 * max(digits(target.hand), digits(target.right))
    orders = math.lgamma(n + 1) if n <= MOST_ENUMERATED else 2 * math.log(n)
    numbers = int(np.count_nonzero(target.hand))
    return orders + numbers * math.log(precision) > math.log(MOST_CHANCE)


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
