"""Anything else in place of a derivative, of an operand, or of all that arrives at a tensor.

A gradient is linear in each of these. So two numbers of every form, along random directions, rule
out nearly all of thousands, and tell what the form is multiplied by.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    Made,
    Step,
    always,
    compositions,
    distinct,
    grouped,
    replaced,
    slack,
    steps,
    text_of,
)
from autograd_lite.check.mistakes.losses import LINKS
from autograd_lite.check.mistakes.other_operands import FEWEST_BITS
from autograd_lite.check.mistakes.reasons import reason, shown
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Array,
    Candidate,
    Case,
    Mistake,
    Target,
    digits,
    remembered,
    same,
)
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.wrong_derivatives import LINEAR
from autograd_lite.core.backward import unbroadcast
from autograd_lite.graph import Node

MOST_FORMS, MOST_ENTRIES = 2500, 1500
"""How many forms are tried at a place, and of how many entries."""

FEWEST, FEWEST_SHORT = 3, 8
"""How many different numbers prove a form: in float64, and in a shorter type."""


class Table(NamedTuple):
    """Forms of one shape: what they are called, how far-fetched each is, and of which node."""

    texts: list[str]
    costs: Array
    nodes: list[str]
    values: Array
    sizes: Array


@dataclass(frozen=True, eq=False)
class Place:
    """Where something else may stand.

    Attributes
    ----------
    key : str
        The node that gets another cotangent.
    part : ndarray
        The right one.
    shape : tuple of int
        Of what may stand here.
    weigh : callable
        From a move of the node to the weights of a form: their sum is what comes of it.
    made : callable
        The mistake with a form.
    says : callable
        What is wrong, from the text of a form.
    cost : float
        How far-fetched a mistake here is.
    own : str
        The node of which a form is likeliest.
    alone : bool
        Whether the form takes the place of all that arrives.
    """

    key: str
    part: Any
    shape: tuple[int, ...]
    weigh: Callable[[Any], Any]
    made: Callable[[Any], Made]
    says: Callable[[str], str]
    cost: float
    own: str
    alone: bool = False


MISTAKES["another form"] = Mistake(  # The last resort: see `any_form`.
    "another form", "Each derivative has its own form: derive it, or look it up."
)


def any_form(case: Case, target: Target, deadline: float = np.inf) -> Iterator[Candidate]:
    """Put any form of any tensor in any place, where nothing that is known explains a gradient."""
    replay, enough = case.replay, FEWEST if digits(target.hand) < 1e-8 else FEWEST_SHORT
    if replay is None or target.id is None or target.hand.shape != target.right.shape:
        return
    if not np.isfinite(target.hand).all() or _told(target.hand) < enough:
        return
    for place in [*_steps(case, target), *_arriving(replay, target)]:
        if time.thread_time() > deadline:
            return
        real = np.asarray(place.part).dtype.kind == "f"
        if real and 1 < np.prod(place.shape, dtype=int) <= MOST_ENTRIES:
            yield from _found(case, target, place, _table(replay, place.shape))
            if place.alone:
                yield from _found(case, target, place, _differences(replay, place))


def _steps(case: Case, target: Target) -> Iterator[Place]:
    """Yield the operands of products, and the derivatives that are multiplied entry by entry."""
    for step in itertools.chain(compositions(case, target), steps(case, target, once=True)):
        to = text_of(step.replay.graph, step.operand)
        on = f"on the way back from {step.name} to {to}"
        if step.other is not None and step.is_matrix_product:
            yield _operand(step, step.other, on)
        elif step.node.shape and (step.others or _has_slope(step)):
            other = step.other
            what = "the derivative" if other is None else text_of(step.replay.graph, other)
            yield _slope(step, f"{what} {on}", step.operand.id if other is None else other.id)


def _has_slope(step: Step) -> bool:
    return step.primitive.entrywise and step.primitive not in LINEAR


def _operand(step: Step, other: Node, on: str) -> Place:
    replay, (key, i) = step.replay, step.edge
    g = replay.gradients[key]

    def weigh(moved: Any) -> Any:
        sent = replay.rule((key, 1 - i), operands={i: moved})(g)
        return unbroadcast(np.asarray(sent), other.shape)

    def made(form: Any) -> Made:
        rule = replay.rule(step.edge, operands={1 - i: form})
        return Made(replay, step.operand.id, lambda: replay.sent(step.edge, g, rule), always(part))

    part = replay.parts[step.edge]
    name = text_of(replay.graph, other)
    return Place(
        step.operand.id, part, other.shape, weigh, made,
        lambda form: f"{form} is used in place of {name} {on}", 0.0, other.id,
    )  # fmt: skip


def _slope(step: Step, right: str, own: str) -> Place:
    replay, shape = step.replay, step.node.shape
    g = replay.gradients[step.node.id]
    part = step.rule(g) if step.others else replay.parts[step.edge]

    def made(form: Any) -> Made:
        sent = unbroadcast(np.asarray(g * form), step.operand.shape)
        return Made(replay, step.operand.id, always(sent), always(part))

    return Place(
        step.operand.id, part, shape, lambda moved: np.broadcast_to(g * moved, shape), made,
        lambda form: f"{form} stands in place of {right}", 0.0, own,
    )  # fmt: skip


def _arriving(replay: Replay, target: Target) -> Iterator[Place]:
    """Yield all that arrives at each tensor: something else, or multiplied by something."""
    for node in replay.graph:
        g = replay.gradients.get(node.id)
        if g is None or target.id not in replay.behind(node.id) or not g.any():
            continue
        at = text_of(replay.graph, node)
        far = (0.3 if node.name else 0.4) - 0.02 * replay.position[node.id] / len(replay.graph)
        yield _all_of_it(replay, node, g, at, far)
        yield _times_it(replay, node, g, f"the gradient at {at}", far)


def _all_of_it(replay: Replay, node: Node, g: Array, at: str, far: float) -> Place:
    return Place(
        node.id, g, g.shape, lambda moved: moved,
        lambda form: replaced(replay, node.id, always(form)),
        lambda form: f"{form} is given for the gradient at {at}", far, node.id, alone=True,
    )  # fmt: skip


def _times_it(replay: Replay, node: Node, g: Array, at: str, far: float) -> Place:
    def text(form: str) -> str:
        return f"{at} {'has its sign flipped' if form == '-1' else f'is multiplied by {form}'}"

    return Place(
        node.id, g, g.shape, lambda moved: g * moved,
        lambda form: replaced(replay, node.id, always(g * form)), text, 0.2 + far, "",
    )  # fmt: skip


def _found(case: Case, target: Target, place: Place, table: Table) -> Iterator[Candidate]:
    """Yield the forms that two numbers do not rule out, with the factors that these tell."""
    if not table.texts:
        return
    goals = list(Made(place.made(0.0).replay, place.key, always(0.0), always(0.0)).goals(target))
    if len(goals) < 2:
        return
    wanted, along, size = [], [], []
    for goal, moved in goals:
        weights = np.asarray(place.weigh(np.broadcast_to(moved, place.part.shape)), float).ravel()
        if weights.size != table.values.shape[1]:
            return
        wanted.append(goal + float(np.sum(place.part * moved)))
        along.append(table.values @ weights)
        size.append(table.sizes @ np.abs(weights).astype(np.float32))
    with np.errstate(all="ignore"):
        c = wanted[0] / along[0]
        gap = np.abs(c * along[1] - wanted[1])
        fits = (gap <= slack(target) * np.abs(c) * size[1]) & (np.abs(along[0]) > 1e-9 * size[0])
    for i in np.flatnonzero(fits & (np.abs(c) > 1e-9) & np.isfinite(c)):
        form = table.values[i].reshape(place.shape)
        made = place.made(form)
        factor = made.factor(target)
        if factor is None or same(np.asarray(factor * made.both[0]), place.part):
            continue
        factor = _rounded(factor)
        plain = abs(factor) == 1
        why = None if plain else reason(case, abs(factor))
        text = table.texts[i]
        title = place.says(_times(factor) + text)
        if text == "1" and not plain:
            if why is None or factor < 0 or not place.own:
                continue  # A factor by itself is another mistake.
            title = f"{place.says(text)}, with a factor {shown(factor)}: {why[0]}"
        of_its_own = table.nodes[i] == place.own
        free = not plain and why is None  # Whatever factor fits.
        few = distinct(form) < 2 and form.size < FEWEST_BITS and text != "1"
        if free and (_told(target.hand) < (2 - of_its_own) * FEWEST or form.size < FEWEST):
            continue
        if (few or (free and _told(form) < FEWEST)) and not of_its_own:
            continue  # There are so many tensors that one has these few numbers by chance.
        yield Candidate(
            title,
            2.0 + place.cost + float(table.costs[i]) - 0.25 * of_its_own
            + (0.0 if factor == 1 else 0.1 if plain else 0.2 if why else 0.6),
            predict=made if factor == 1 else made.times(factor),
            kind="another form", source="another form",
            weak=few or free,
        )  # fmt: skip


def _told(array: Array) -> int:
    """Return how many numbers an array tells: signs alone tell a quarter of one each."""
    return max(distinct(array), 4 * int(np.count_nonzero(array)) // FEWEST_BITS)


def _rounded(factor: float) -> float:
    """Return a factor without its last digits, which are rounding."""
    short = float(f"{factor:.9g}")
    return short if abs(short - factor) < 1e-10 * abs(factor) else factor


def _times(factor: float) -> str:
    return "" if factor == 1 else "-" if factor == -1 else f"{shown(factor)} * "


# ------------------------------------------------------------------------ forms

FORMS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "{}": (0.0, lambda x: x),
    "(1 - {})": (0.2, lambda x: 1 - x),
    "{} * (1 - {})": (0.3, lambda x: x * (1 - x)),
    "(1 - {} ** 2)": (0.3, lambda x: 1 - x * x),
    "{} ** 2": (0.25, lambda x: x * x),
    "1 / {}": (0.3, lambda x: 1 / x),
    "1 / {} ** 2": (0.4, lambda x: 1 / x**2),
    "np.exp({})": (0.3, np.exp),
    "np.log({})": (0.3, np.log),
    "np.sqrt({})": (0.4, np.sqrt),
    "np.sign({})": (0.25, np.sign),
    "({} > 0)": (0.35, lambda x: (x > 0).astype(float)),
    "np.abs({})": (0.35, np.abs),
    "np.tanh({})": (0.35, np.tanh),
    "(1 - np.tanh({}) ** 2)": (0.4, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid({})": (0.35, ops.sigmoid.forward),
    "relu({})": (0.35, lambda x: np.maximum(x, 0)),
}
"""What somebody writes of one tensor, how far-fetched that is, and what it is."""

POOLED: dict[str, tuple[float, Callable[..., Any]]] = {
    "the sum of {} over axis {}": (0.3, np.sum),
    "the mean of {} over axis {}": (0.3, np.mean),
    "the largest of {} over axis {}": (0.45, np.max),
}


def _table(replay: Replay, shape: tuple[int, ...]) -> Table:
    """Return the forms of all tensors that fit a shape."""
    if (_table, shape) not in replay.known:
        forms = itertools.islice(_forms(replay, shape), MOST_FORMS)
        replay.known[_table, shape] = _as_table(forms, shape)
    found: Table = replay.known[_table, shape]
    return found


Form = tuple[str, float, str, Any]
LAST: Form = ("", np.inf, "", 0.0)


def _as_table(forms: Iterator[Form], shape: tuple[int, ...]) -> Table:
    size, kept = int(np.prod(shape)), dict[str, Form]()
    along = np.random.default_rng(0).normal(size=shape)
    with np.errstate(all="ignore"):
        for form in forms:
            told = float(np.sum(along * form[3]))  # Of those with equal entries, one is enough.
            flat = form[0] != "1" and np.ptp(form[3]) <= 1e-9 * np.abs(form[3]).max()
            if not flat and np.isfinite(told) and form[1] < kept.get(key := f"{told:.9g}", LAST)[1]:
                kept[key] = form
    found = list(kept.values())
    values = np.array([np.broadcast_to(x, shape).ravel() for *_, x in found], float)
    return Table(
        [text for text, *_ in found], np.array([cost for _, cost, *_ in found]),
        [key for *_, key, _ in found], values.reshape(len(found), size),
        np.abs(values).astype(np.float32).reshape(len(found), size),
    )  # fmt: skip


def _forms(replay: Replay, shape: tuple[int, ...]) -> Iterator[Form]:
    yield "1", 0.3, "", np.ones(shape)
    for text, cost, key, value in _values(replay):
        inside = text[1:-1] if text.startswith("(") and text.endswith(")") else text
        for fitted, plain in _fitted(value, shape):
            for form, (more, function) in FORMS.items():
                called = form.replace("({})", f"({inside})").replace("{}", text)
                yield called, cost + more + (0.0 if plain else 0.1), key, function(fitted)
        for axis in range(value.ndim) if value.size > 1 else ():
            for words, (more, function) in POOLED.items():
                pooled = function(value, axis=axis, keepdims=value.ndim == len(shape))
                called = words.format(text, axis)
                for fitted, _ in _fitted(pooled, shape):
                    yield called, cost + more, key, fitted
                    yield f"1 / ({called})", cost + more + 0.1, key, 1 / fitted
                if value.shape == pooled.shape or function is np.max or not _fits(value, shape):
                    continue
                if value.ndim == len(shape):
                    if function is np.mean:
                        yield f"({text} - {called})", cost + more, key, value - pooled
                    else:
                        yield f"{text} / ({called})", cost + more, key, value / pooled
        if value.ndim and value.shape[0] > 2:
            for words, moved in (
                ("{}, that of the row before,", np.roll(value, 1, 0)),
                ("{}, that of the row after,", np.roll(value, -1, 0)),
                ("{}[::-1]", value[::-1]),
            ):
                for fitted, _ in _fitted(moved, shape):
                    yield words.format(text), cost + 0.5, key, fitted
        if value.ndim == 1 and value.size > 2 and value.std():
            for fitted, _ in _fitted((value - value.mean()) / value.std(), shape):
                yield f"({text} - its mean) / its deviation", cost + 0.4, key, fitted


@remembered
def _values(replay: Replay) -> Iterator[Form]:
    """Return every tensor that can be called something, once, and softmaxes of what has a name."""
    seen: list[Array] = []
    for node in sorted(replay.graph, key=lambda node: not node.name):
        value = np.asarray(replay.values[node.id])
        text = text_of(replay.graph, node)
        if value.dtype.kind not in "fiub" or value.size > MOST_ENTRIES or "…" in text:
            continue
        value = value.astype(float)
        flat = value.size < 2 or (value == value.flat[0]).all()  # A factor of 1 is one.
        if flat or any(value.shape == x.shape and np.array_equal(value, x) for x in seen):
            continue
        seen.append(value)
        yield grouped(text), 0.0 if node.name else 0.2, node.id, value
        if node.name and node.id in replay.gradients and value.shape[-1] > 1:
            yield f"softmax({text})", 0.35, node.id, ops.softmax.forward(value, axis=-1)


def _fitted(value: Array, shape: tuple[int, ...]) -> Iterator[tuple[Array, bool]]:
    """Yield an array as it fits a shape, with axes put in where they are missing; or transposed."""
    missing = len(shape) - value.ndim
    if missing < 0:
        return
    forms = [(value, True)]
    forms += [
        (np.expand_dims(value, axes), False)
        for axes in (itertools.combinations(range(len(shape)), missing) if missing else ())
        if axes != tuple(range(missing))
    ]
    if value.ndim == 2 and missing == 0:
        forms.append((value.T, False))
    for form, plain in forms:
        if _fits(form, shape):
            yield form, plain


def _fits(value: Array, shape: tuple[int, ...]) -> bool:
    return all(n in (1, m) for n, m in zip(value.shape[::-1], shape[::-1], strict=False))


def _differences(replay: Replay, place: Place) -> Table:
    """Return what may be compared at a tensor: some prediction minus some target."""
    graph, shape = replay.graph, place.shape
    z = np.real(replay.values[place.key])
    name = grouped(text_of(graph, graph[place.key]))
    one: list[Form] = []
    values = _values(replay)
    for link, function in (LINKS | {"tanh": np.tanh}).items() if z.ndim else ():
        with np.errstate(all="ignore"):
            value = function(z)
        known = (text for text, *_, x in values if x.shape == shape and same(x, value))
        one.append((next(known, f"{link}({name})" if link else name), -0.5, place.key, value))
    other = []
    for text, cost, key, value in values:
        if value.shape == shape and key != place.key:
            one.append((text, cost + 0.1, key, value))
        if key not in replay.gradients:
            other += [(text, cost, key, x) for x, _ in _fitted(value, shape)]
            if value.size == np.prod(shape) and value.shape != shape:
                other.append((text, cost, key, value.reshape(shape)))
    return _as_table(
        (
            (f"({p} - {y})", cost + more + 0.1, key, x - target)
            for p, cost, key, x in one
            for y, more, there, target in other
            if there != key
        ),
        shape,
    )
