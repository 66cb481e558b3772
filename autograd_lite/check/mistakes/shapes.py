"""Mistakes in the order of the entries, or in the shape."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import always, orders, replaced, text_of
from autograd_lite.check.mistakes.registry import (
    Array,
    Candidate,
    Case,
    Target,
    mistake,
    more,
    same,
)
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Node


def _taken(order: Array, axis: int) -> Callable[[Array], Array]:
    return lambda hand: hand.take(order, axis)


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
        yield Candidate(
            f"{title}: by hand = autodiff.{'T' if plain else _undone(order)}",
            0.5 if plain else 0.6,
            correct=_turned(order),
        )


@more("transposed")
def axes_exchanged(case: Case, target: Target) -> Iterator[Candidate]:
    """Axes of what comes back to a tensor on the way are exchanged."""
    replay = case.replay
    for node in replay.graph if replay is not None else ():
        assert replay is not None
        g = replay.gradients.get(node.id)
        if g is None or node.id == target.id or target.id not in replay.behind(node.id):
            continue
        for order, words in orders(g.shape, g.shape):
            yield Candidate(
                f"{words} of the gradient at {text_of(replay.graph, node)} are exchanged",
                0.9 if node.name else 1.0,
                predict=replaced(replay, node.id, always(g.transpose(order))),
            )
        if not node.name and not any(x.primitive in MOVING for x in _around(replay, node)):
            continue  # A matrix is no row of numbers, then.
        for order in itertools.permutations(range(g.ndim)) if g.ndim <= MOST_TURNED else ():
            turned = g.transpose(order)
            back = g.reshape(turned.shape).transpose(np.argsort(order))
            for moved in (turned.reshape(g.shape), back):
                if turned.shape != g.shape and not np.array_equal(moved, g):
                    yield Candidate(
                        f"the gradient at {text_of(replay.graph, node)} is read in another order: "
                        f"reshape in place of transpose",
                        1.05,
                        predict=replaced(replay, node.id, always(moved)),
                        kind="rearranged",
                    )


MOST_TURNED = 4
"""Of how many axes a gradient may be read in any order."""

MOVING = (ops.reshape, ops.transpose)


def _around(replay: Replay, node: Node) -> Iterator[Node]:
    yield from (node, *replay.graph.operands(node), *replay.graph.consumers(node))


def _turned(order: Sequence[int]) -> Callable[[Array], Array]:
    return lambda hand: hand.transpose(order)


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
    if case.replay is None or target.id is None or hand.shape != right.shape or hand.ndim != 2:
        return
    value = np.asarray(case.replay.values[target.id])
    if not same(value, value.T) or len(value) < 2:
        return
    both = right + right.T
    free = both - np.diag(np.diag(right))
    forms = (
        (free, ""), (np.tril(free), ", in the lower triangle"),
        (np.triu(free), ", in the upper triangle"), (both, ", and the diagonal, too"),
        (both / 2, ", half in each triangle"),
    )  # fmt: skip
    for form, where in forms:
        if same(form, hand) and not same(form, right):
            yield Candidate(
                f"every entry off the diagonal counts twice{where}: the derivative by the free "
                f"entries of a symmetric matrix, where autodiff takes each entry by itself"
                if not where.startswith(", half")
                else "the gradient was made symmetric, though the function is not",
                0.9,
                predict=always(form),
            )


@mistake("permuted", "The right numbers are in other places: a reshape, a reversal, another order.")
def permuted(case: Case, target: Target) -> Iterator[Candidate]:
    """Look for the right numbers in other places."""
    del case
    hand, right = target.hand, target.right
    if hand.shape != right.shape or not hand.size or not np.isfinite(hand).all():
        return
    if hand.ndim > 1:
        yield Candidate(
            f"flipped along the axes {hand.ndim - 2} and {hand.ndim - 1}, as a kernel is in a "
            f"convolution",
            0.8,
            correct=lambda hand: hand[..., ::-1, ::-1],
        )
    for axis, noun in zip(range(hand.ndim), ("row", "column", "slice"), strict=False):
        order = _order(hand, right, axis)
        if order is not None:
            noun = "entrie" if hand.ndim == 1 else noun
            turned = (order == np.arange(len(order))[::-1]).all()
            listed = ", ".join(map(str, np.argsort(order)))
            yield Candidate(
                f"the {noun}s are {'reversed: flipped, ' if turned else ''}in the order {listed}",
                0.8,
                correct=_taken(order, axis),
            )
    by_size, wanted = np.argsort(hand, axis=None), np.argsort(right, axis=None)
    inverse = np.empty_like(wanted)
    inverse[wanted] = by_size
    yield Candidate(
        "the right numbers, in other places",
        1.5,
        correct=lambda hand: hand.ravel()[inverse].reshape(hand.shape),
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
                yield Candidate(
                    f"not summed over the batch: by hand.sum(axis={listed}) = autodiff",
                    0.5,
                    correct=_summed(axes, shape),
                )


@mistake("shape", "The numbers are right; the shape is not that of the tensor.")
def wrong_shape(case: Case, target: Target) -> Iterator[Candidate]:
    """Look for the right numbers in another shape, or summed up."""
    del case
    hand, right = target.hand, target.right
    if hand.shape == right.shape:
        return
    if hand.size == right.size:
        yield Candidate(
            f"the right numbers in the shape {hand.shape} in place of {right.shape}",
            0.6,
            correct=lambda hand: hand.reshape(right.shape),
        )
    for count in range(1, right.ndim + 1):
        for axes in itertools.combinations(range(right.ndim), count):
            yield Candidate(
                f"summed over axis {', '.join(map(str, axes))} as well",
                0.7,
                predict=_oversummed(axes),
            )
