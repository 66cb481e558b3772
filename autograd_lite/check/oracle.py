"""By hand, autodiff, and the numbers of an oracle: who stands alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.check.numerical import complex_step, swept_differences, taylor_orders
from autograd_lite.check.report import AGREE, AUTODIFF, BOTH, HAND, KINK, UNDECIDED, distance
from autograd_lite.graph import Graph, Node

Array = NDArray[Any]

MOST_ENTRIES = 100
"""How many entries of one tensor the numerical oracle looks at: each costs a pass, or 20."""

FEWEST_ENTRIES, MOST_WORK = 4, 1e6
"""In a large network it looks at fewer: each pass costs as much as there are numbers in it."""

MOST_KINKS = 10
"""At how many entries it looks for a kink."""

TOLERANCES = {64: (1e-9, 1e-12, 1e-6), 32: (1e-4, 1e-6, 1e-3), 16: (2e-2, 2e-3, 5e-2)}
"""By the bits of a type: relative and absolute tolerance, and that of the oracle."""

MUCH_NEARER = 100
"""How many times nearer to the oracle's numbers one of two is that is right, if both are off."""

Judgement = tuple[str, Array | None, str, tuple[float, float] | None]
"""Verdict, numerical gradient, oracle, orders of the Taylor remainder by hand and by autodiff."""


def close(a: Array, b: Array, rtol: float, atol: float) -> bool:
    """Return whether all entries agree."""
    size = np.fmax(np.abs(a), np.abs(b))
    return bool(np.all(distance(a, b) <= atol + rtol * np.where(np.isfinite(size), size, 0)))


def largest(array: Any) -> float:
    """Return the largest finite absolute value."""
    array = np.abs(np.asarray(array, float))
    return float(array[np.isfinite(array)].max(initial=0.0))


def judge(
    loss_at: Callable[[Array], Any],
    value: Any,
    hand: Array,
    autodiff: Array,
    tolerances: tuple[float | None, float | None],
    numerical: bool | None,
    oracle: Callable[[Array], tuple[Array, str]],
    loss: float,
    extra: float,
) -> Judgement:
    """Judge one gradient: by hand, by autodiff, and by the oracle if it is needed.

    Parameters
    ----------
    loss_at : callable
        The loss as a function of the tensor.
    value : array
        The tensor.
    hand, autodiff : ndarray
        Its gradients, of one shape.
    tolerances : tuple of float or None
        `rtol` and `atol` of `compare`.
    numerical : bool or None
        Whether to ask the oracle always, never, or where the two differ.
    oracle : callable
        Takes where to look; returns the numerical gradient, and how it was computed.
    loss : float
        Its size there.
    extra : float
        Rounding that the gradient by hand has come through besides its own.
    """
    usual_rtol, usual_atol, loose = TOLERANCES.get(np.finfo(autodiff.dtype).bits, TOLERANCES[64])
    size = largest(value)
    scale = max(largest(autodiff), loss / size if size else 0.0)
    rtol, atol = tolerances
    rtol = usual_rtol if rtol is None else rtol
    atol = usual_atol * scale + extra if atol is None else atol
    agree = close(hand, autodiff, rtol, atol)
    if numerical is False or (agree and not numerical):
        return AGREE if agree else UNDECIDED, None, "", None
    third, how = oracle(distance(hand, autodiff))
    asked = ~np.isnan(third)
    slack = atol + loose * 1e-2 * max(largest(autodiff), 1e-30)

    def right(side: Array) -> bool:
        return close(side[asked], third[asked], loose, slack)

    by_numbers = right(autodiff)
    if agree and by_numbers:
        return AGREE, third, how, None
    if not agree and how != "complex step":
        looked, kinks, valid = at_kinks(loss_at, value, hand, autodiff, rtol, atol)
        if looked.any() and (looked == kinks).all():
            return (KINK if valid else HAND), third, how, None
        asked &= ~kinks  # There, no number is the derivative; the others tell who is right.
        by_numbers = right(autodiff)
    orders = orders_of(loss_at, value, hand, autodiff)
    if agree:
        # Differences can be noisy; the order of the remainder tells whether it is them.
        return AGREE if orders[1] > 1.7 else BOTH, third, how, orders
    if by_numbers != right(hand):
        return HAND if by_numbers else AUTODIFF, third, how, orders
    if orders[1] > 1.7 and orders[0] < 1.3:
        return HAND, third, "the Taylor remainder", orders
    if orders[0] > 1.7 and orders[1] < 1.3:
        return AUTODIFF, third, "the Taylor remainder", orders
    gaps = [float(distance(g[asked], third[asked]).max(initial=0.0)) for g in (hand, autodiff)]
    if not by_numbers and max(gaps) > MUCH_NEARER * min(gaps):
        return HAND if gaps[1] < gaps[0] else AUTODIFF, third, how, orders
    return UNDECIDED, third, how, orders


def at_kinks(
    loss_at: Callable[[Array], Any],
    value: Any,
    hand: Array,
    autodiff: Array,
    rtol: float,
    atol: float,
    most: int = MOST_KINKS,
) -> tuple[Array, Array, bool]:
    """Find entries at which the loss has another derivative to the left and to the right.

    Of more than `most` that differ, those that differ most are looked at.

    Returns
    -------
    looked, kinks : ndarray of bool
        Which entries were looked at, and which of them are at a kink.
    valid : bool
        Whether by hand is between the derivatives to the left and to the right at each of these.
    """
    value = np.asarray(value, dtype=float)
    gap = distance(hand, autodiff)
    differ = gap > atol + rtol * np.fmax(np.abs(hand), np.abs(autodiff))
    sizes = np.where(differ, gap, 0).ravel()
    count = min(most, int(differ.sum()))
    chosen = np.argpartition(-sizes, max(0, count - 1))[:count]
    here = float(np.real(loss_at(value)))
    looked, kinks = np.zeros(gap.shape, dtype=bool), np.zeros(gap.shape, dtype=bool)
    valid = True

    def sides(index: Any) -> tuple[Array, float]:
        """Return the derivatives to the right and to the left, and what is within rounding."""
        step = 1e-6 * max(1.0, float(np.abs(value[index]).max()))
        derivatives = []
        for sign in (1, -1):
            moved = value.copy(order="K")
            moved[index] += sign * step
            derivatives.append(sign * (float(np.real(loss_at(moved))) - here) / step)
        return np.array(derivatives), 1e-3 * max(map(abs, derivatives))

    added = np.zeros(2)
    for place in chosen:
        index = np.unravel_index(place, value.shape)
        derivatives, slack = sides(index)
        looked[index] = True
        kinks[index] = np.ptp(derivatives) > slack
        if kinks[index]:
            added += derivatives
            valid &= bool(np.ptp([*derivatives, hand[index]]) <= np.ptp(derivatives) + slack)
    if valid and kinks.sum() > 1:
        together, slack = sides(kinks)
        if not np.allclose(together, added, rtol=0, atol=slack):  # A tie: not each gets all.
            valid = bool(np.ptp([*together, hand[kinks].sum()]) <= np.ptp(together) + slack)
    return looked, kinks, valid


def orders_of(
    loss_at: Callable[[Array], Any], value: Any, hand: Array, autodiff: Array
) -> tuple[float, float]:
    """Return the order of the Taylor remainder by hand and by autodiff, along their difference."""
    gap = np.nan_to_num(np.asarray(hand - autodiff, float), posinf=0.0, neginf=0.0)
    if not np.isfinite(hand).all():
        gap = np.zeros_like(gap)
    direction = np.random.default_rng([0, 1]).normal(size=gap.shape)
    direction /= max(float(np.linalg.norm(direction)), 1e-300)
    if gap.any():
        direction = 0.1 * direction + gap / np.linalg.norm(gap)

    def real(x: Array) -> float:
        return float(np.real(loss_at(x[()])))

    with np.errstate(all="ignore"):
        by_hand, by_autodiff = taylor_orders(real, np.asarray(value), (hand, autodiff), direction)
    return by_hand, by_autodiff


def chosen(
    shape: tuple[int, ...], interest: Array | None, size: int
) -> list[tuple[int, ...]] | None:
    """Return the entries of the largest interest, if there are too many to look at all."""
    most = min(MOST_ENTRIES, max(FEWEST_ENTRIES, int(MOST_WORK / max(1, size))))
    if int(np.prod(shape)) <= most:
        return None
    weight = np.zeros(shape) if interest is None else interest
    best = np.sort(np.argpartition(-weight.ravel(), most)[:most])
    return [tuple(map(int, index)) for index in zip(*np.unravel_index(best, shape), strict=True)]


def loss_of(graph: Graph, node: Node) -> Callable[[Array], Any]:
    """Return the first output of a graph as a function of the value of a node."""
    values = {other.id: other.value for other in graph}
    steps, touched = [], {node.id}
    for other in graph:
        if other.primitive is not None and touched.intersection(other.operands):
            touched.add(other.id)
            steps.append((other.id, other.primitive.forward, other.operands, other.parameters))
    steps = [step for step in steps if step[0] != node.id]
    end = graph.outputs[0].id

    def loss_at(value: Array) -> Any:
        now: dict[str, Any] = {node.id: value[()]}
        for key, forward, operands, parameters in steps:
            used = [now[x] if x in now else values[x] for x in operands]
            if forward is ops.assign.forward and any(np.iscomplexobj(x) for x in used):
                used[0] = np.asarray(used[0], np.complex128)  # Else the imaginary part were lost.
            try:
                now[key] = forward(*used, **parameters)
            except np.linalg.LinAlgError:  # Outside the domain: of no definite matrix, say.
                return np.nan
        return np.reshape(now.get(end, values[end]), ())

    return loss_at


def numerical_gradient(
    graph: Graph, node: Node, interest: Array | None = None
) -> tuple[Array, str]:
    """Differentiate the first output of a graph numerically by the value of a node.

    Of more than `MOST_ENTRIES` entries, those with the largest `interest` are looked at.

    Returns
    -------
    gradient : ndarray
        Of the shape of the node; nan where it was not asked.
    oracle : str
        How it was computed.
    """
    loss_at = loss_of(graph, node)
    behind, analytic, eps = {node.id}, True, np.finfo(float).eps
    for other in graph:
        if behind.intersection(other.operands):
            behind.add(other.id)
            analytic = analytic and other.primitive is not None and other.primitive.analytic
            if "dtype" in other.parameters:  # It is told to have fewer digits.
                eps = max(eps, np.finfo(np.asarray(other.value).dtype).eps)
    passes = 1 if analytic else 20
    size = passes * sum(np.size(graph[key].value) for key in behind)
    entries = chosen(node.shape, interest, size)
    if analytic:
        return complex_step(loss_at, node.value, entries), "complex step"
    return swept_differences(loss_at, node.value, entries, eps=float(eps)), "central differences"
