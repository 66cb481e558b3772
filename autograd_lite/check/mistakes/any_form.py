"""Anything else in place of a derivative, of an operand, or of all that arrives at a tensor.

A gradient is linear in each of these. So two numbers of every form, along random directions, rule
out nearly all of thousands, and tell what the form is multiplied by.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import FEWEST_BITS, Step, compositions, steps
from autograd_lite.check.mistakes.factors import factor_of
from autograd_lite.check.mistakes.forms import (
    MOST_ENTRIES,
    Share,
    Table,
    arriving,
    others,
    pairs_of,
    prediction_minus_target,
    shares,
    table_of,
    value_of,
)
from autograd_lite.check.mistakes.made import Made, distinct, replaced, slack
from autograd_lite.check.mistakes.norms import Norm, norms
from autograd_lite.check.mistakes.reasons import reason, shown
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Array,
    Candidate,
    Case,
    Mistake,
    Target,
    digits,
    mistake,
    same,
)
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.rule_factors import factors
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.check.mistakes.written_out import functions_of_several
from autograd_lite.check.mistakes.wrong_derivatives import LINEAR
from autograd_lite.core.backward import unbroadcast
from autograd_lite.graph import Node

FEWEST, FEWEST_SHORT = 3, 8
"""How many different numbers prove a form: in float64, and in a shorter type."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where something else may stand: what arrives at the node `key`, or a part of it.

    From a move of the node, `weigh` gives the weights of a form of that `shape`: their sum is what
    comes of it. It is likeliest one of the node `own`; `also` returns what else may stand here;
    at a place that `arrives`, a form is in place of all that does.
    """

    key: str
    part: Any
    shape: tuple[int, ...]
    weigh: Callable[[Any], Any]
    made: Callable[[Any], Made]
    says: Callable[[str], str]
    cost: float
    own: str
    also: Sequence[Callable[[], Table]] = ()
    arrives: bool = False


MISTAKES["another form"] = Mistake(  # The last resort: see `any_form`.
    "another form", "Each derivative has its own form: derive it, or look it up."
)


def any_form(
    case: Case, target: Target, deadline: float = np.inf, *, pairs: bool = False
) -> Iterator[Candidate]:
    """Put any form of any tensor in any place, where nothing that is known explains a gradient.

    With `pairs`, those of two tensors.
    """
    replay, enough = case.replay, FEWEST if digits(target.hand) < 1e-8 else FEWEST_SHORT
    if not target.fits:
        return
    if not np.isfinite(target.hand).all() or _told(target.hand) < enough:
        return
    for place in [
        *_steps(case, target), *_of_several_steps(replay, target), *_arriving(replay, target),
        *_on_one_edge(case, target),
        *(place for norm in norms(replay) if target.id in replay.behind(norm.into)
          for place in _of_norm(replay, norm)),
    ]:  # fmt: skip
        if time.thread_time() > deadline:
            return
        real = np.asarray(place.part).dtype.kind == "f"
        if not real or not 1 < np.prod(place.shape, dtype=int) <= MOST_ENTRIES:
            continue
        yield from _found(
            case, target, place, (pairs_of if pairs else table_of)(replay, place.shape)
        )
        if place.arrives:
            there = arriving(replay, place.shape, pairs=pairs)
            above = {x.id for x in replay.graph if place.key in replay.behind(x.id)} - {place.key}
            yield from _found(case, target, place, there, above)
        for table in () if pairs else place.also:
            yield from _found(case, target, place, table())


def _steps(case: Case, target: Target) -> Iterator[Place]:
    """Yield the operands of products, and the derivatives that are multiplied entry by entry."""
    functions = functions_of_several(case.replay)
    inside = {z for _, y, between in functions if y.name for z in between if z is not y}
    for step in itertools.chain(compositions(case, target), steps(case, target, once=True)):
        to = text_of(step.replay.graph, step.operand)
        on = f"on the way back from {step.name} to {to}"
        if step.other is not None and step.is_matrix_product:
            yield _operand(step, step.other, on)
        elif step.node.shape and (step.others or _has_slope(step)):
            other = step.other
            what = "the derivative" if other is None else text_of(step.replay.graph, other)
            own = step.operand.id if other is None else other.id
            number = other is not None and not other.shape  # That is a factor for all.
            far = 0.4 if number or step.node in inside else 0.0
            yield _slope(step, f"{what} {on}", own, far)
            if step.primitive is ops.divide and step.edge[1]:
                yield _numerator(step, on)
            # The two of 1 - a * a are written as one.
            above = step.replay.values[step.node.operands[0]]  # That is `_numerator`.
            above = above if step.primitive is ops.divide else None
            several = [(text, x) for text, x in factors(step)
                       if not text.startswith("1 + ") and x is not above]  # fmt: skip
            for text, x in several if len(several) > 1 else ():
                if np.shape(x) == step.node.shape and np.all(x):
                    yield _slope(step, f"{text} {on}", own, far + 0.1, besides=x)
        elif step.primitive.entrywise and step.node.shape != step.operand.shape:
            yield _slope(step, "", "", 0.1, 1.0, partial(_a_factor, f"what is summed {on}"))


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
        return Made(replay, step.operand.id, lambda: replay.sent(step.edge, g, rule), part)

    part = replay.parts[step.edge]
    name = text_of(replay.graph, other)
    return Place(
        step.operand.id, part, other.shape, weigh, made,
        lambda form: f"{form} is used in place of {name} {on}", 0.0, other.id,
    )  # fmt: skip


def _a_factor(where: str, form: str) -> str:
    inverse = form.removeprefix("1 / ")
    says = (
        f"a factor {form} is one too many"
        if inverse == form
        else f"the factor {inverse} is missing"
    )
    return f"{says} in {where}"


def _slope(
    step: Step, right: str, own: str, far: float, besides: Any = None, says: Any = None
) -> Place:
    """Return the place of a derivative; `besides` is the factor of it whose place it is."""
    replay, shape = step.replay, step.node.shape
    g = replay.gradients[step.node.id]
    part = step.rule(g) if step.others else replay.parts[step.edge]
    if besides is not None:
        g = np.asarray(step.rule(g)) / besides
    also: list[Callable[[], Table]] = []
    if step.operand.primitive is ops.subtract:
        also.append(lambda: prediction_minus_target(replay, step.operand.id, shape, links=False))

    def made(form: Any) -> Made:
        sent = unbroadcast(np.asarray(g * form), step.operand.shape)
        return Made(replay, step.operand.id, sent, part)

    return Place(
        step.operand.id, part, shape, lambda moved: np.broadcast_to(g * moved, shape), made,
        says or (lambda form: f"{form} stands in place of {right}"), far, own, also,
    )  # fmt: skip


def _numerator(step: Step, on: str) -> Place:
    """Return the place of what is divided, in what comes back to what it is divided by."""
    replay, (key, _) = step.replay, step.edge
    g, x = replay.gradients[key], replay.graph[step.node.operands[0]]
    part, below = replay.parts[step.edge], -(g / np.square(replay.values[step.operand.id]))
    name = text_of(replay.graph, x)
    return Place(
        step.operand.id, part, x.shape, lambda moved: unbroadcast(below * moved, x.shape),
        lambda form: Made(
            replay, step.operand.id, unbroadcast(below * form, step.operand.shape),
            part,
        ),
        lambda form: f"{form} is used in place of {name} {on}", 0.3, x.id,
    )  # fmt: skip


def _of_several_steps(replay: Replay, target: Target) -> Iterator[Place]:
    """Yield the derivatives of functions of several operations."""
    for x, y, _ in functions_of_several(replay):
        g = replay.gradients[y.id]
        part = replay.added(y.id, g).get(x.id) if target.id in replay.behind(x.id) else None
        if part is not None and np.shape(part) == x.shape:
            yield _function(replay, x, y, g, part)


def _function(replay: Replay, x: Node, y: Node, g: Array, part: Array) -> Place:
    what = f"the derivative of {grouped(text_of(replay.graph, y))} by {text_of(replay.graph, x)}"
    return Place(
        x.id, part, x.shape, lambda moved: g * moved,
        lambda form: Made(replay, x.id, g * form, part),
        lambda form: f"{what} is left out" if form == "1" else f"{form} stands in place of {what}",
        0.0 if y.name else 0.45, x.id if y.name else "", (lambda: value_of(replay, y),),
    )  # fmt: skip


def _arriving(replay: Replay, target: Target) -> Iterator[Place]:
    """Yield all that arrives at each tensor: something else, or multiplied by something."""
    for node in replay.graph:
        g = replay.gradients.get(node.id)
        if g is None or target.id not in replay.behind(node.id) or not g.any():
            continue
        at = text_of(replay.graph, node)
        far = (0.3 if node.name else 0.4) - 0.02 * replay.position[node.id] / len(replay.graph)
        far -= 0.03 * (node.id == target.id)  # What is nearest is simplest.
        yield _all_of_it(replay, node, g, at, far)
        yield _times_it(replay, node, g, f"the gradient at {at}", far)
        if node.name:
            yield Place(
                node.id, nothing := np.zeros_like(g), g.shape, lambda moved: moved,
                partial(Made, replay, node.id, part=nothing),
                partial("{1} is added to the gradient at {0}".format, at), 0.3 + far, "",
            )  # fmt: skip


def _on_one_edge(case: Case, target: Target) -> Iterator[Place]:
    """Yield what arrives at a product that has two ways back, on one of them."""
    for step in steps(case, target, once=True):
        replay, (key, i) = step.replay, step.edge
        if step.other is None or (key, 1 - i) not in replay.parts or not step.node.shape:
            continue
        g, rule, part = replay.gradients[key], step.rule, replay.parts[step.edge]

        def weigh(moved: Any, step: Step = step, i: int = i) -> Any:
            x = step.replay.values[step.node.operands[1 - i]]
            pair = (moved, x) if i == 0 else (x, moved)
            return step.primitive.forward(*pair, **step.node.parameters)

        def made(form: Any, step: Step = step, rule: Any = rule, part: Any = part) -> Made:
            sent = partial(step.replay.sent, step.edge, form, rule)
            return Made(step.replay, step.operand.id, sent, part)

        says = f"is given for the gradient at {step.name}, in what comes back to "
        says += text_of(replay.graph, step.operand)
        yield Place(
            step.operand.id, part, g.shape, weigh, made,
            partial("{1} {0}".format, says), 0.5, key,
        )  # fmt: skip


def _of_norm(replay: Replay, norm: Norm) -> Iterator[Place]:
    """Yield what is summed in the terms of a normalisation, and what such a sum multiplies."""
    g, n, s = replay.gradients[norm.out], norm.n, norm.s
    u, (scale, square) = text_of(replay.graph, replay.graph[norm.into]), norm.called
    _, mean, rest = norm.terms(g)
    pooled = partial(np.sum, axis=norm.axis, keepdims=True)
    path, share = (
        f"the path through the {square if norm.centred else scale} of {u}",
        -norm.share / s,
    )
    count, k = n.size // s.size, share * pooled(g * n)

    def place(part: Array, weigh: Any, sent: Any, says: Callable[[str], str]) -> Place:
        def made(form: Any) -> Made:
            return Made(replay, norm.into, sent(form), part)

        return Place(norm.into, part, g.shape, weigh, made, says, 0.1, norm.out)

    factor = partial(_a_factor, f"what is summed in the path through the mean of {u}")
    what = f"{{}} stands in place of {u}, normalised, {{}} the sum in {path}".format
    yield place(rest, lambda x: k * x, lambda x: k * x, lambda form: what(form, "outside"))
    yield place(
        rest, lambda x: g * pooled(share * n * x), lambda x: share * n * pooled(g * x),
        lambda form: what(form, "inside"),
    )  # fmt: skip
    if norm.centred:
        yield place(
            mean, lambda x: -g * pooled(x / s) / count,
            lambda x: np.broadcast_to(-pooled(g * x) / s / count, g.shape), factor,
        )  # fmt: skip


def _all_of_it(replay: Replay, node: Node, g: Array, at: str, far: float) -> Place:
    return Place(
        node.id, g, g.shape, lambda moved: moved,
        lambda form: replaced(replay, node.id, form, only_used=True),
        lambda form: f"{form} is given for the gradient at {at}", far, _minus(replay, node).id,
        (lambda: prediction_minus_target(replay, node.id, g.shape), lambda: value_of(replay, node)),
        arrives=True,
    )  # fmt: skip


def _minus(replay: Replay, node: Node) -> Node:
    """Return of what the rest is a function, if only a difference with a tensor is used."""
    users = replay.graph.consumers(node)
    plain = len(users) == 1 and users[0].primitive is ops.subtract
    return users[0] if plain and users[0].shape == node.shape else node


def _times_it(replay: Replay, node: Node, g: Array, at: str, far: float) -> Place:
    def text(form: str) -> str:
        return f"{at} {'has its sign flipped' if form == '-1' else f'is multiplied by {form}'}"

    return Place(
        node.id, g, g.shape, lambda moved: g * moved,
        lambda form: replaced(replay, node.id, g * form), text, 0.2 + far, "",
    )  # fmt: skip


def _found(
    case: Case, target: Target, place: Place, table: Table, nodes: Collection[str] | None = None
) -> Iterator[Candidate]:
    """Yield the forms that two numbers do not rule out, with the factors that these tell.

    If `nodes` are given, only those of them.
    """
    if not table.texts:
        return
    goals = list(Made(place.made(0.0).replay, place.key, 0.0, 0.0).goals(target))
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
        if nodes is not None and table.nodes[i] not in nodes:
            continue
        form = table.values[i].reshape(place.shape)
        made = place.made(form)
        factor = made.factor(target)
        if factor is None or same(np.asarray(factor * made.both[0]), place.part):
            continue
        factor = _rounded(factor, digits(target.hand))
        plain = abs(factor) == 1
        why = None if plain else reason(case, abs(factor))
        text, cost = table.texts[i], float(table.costs[i])
        if distinct(form) < 2:  # Of signs, those of another tensor may be the same by chance.
            text, cost = table.alike[i].get(place.own, (text, cost))
        title = place.says(_times(factor) + text)
        if text == "1" and not plain:
            if why is None or factor < 0 or not place.own:
                continue  # A factor by itself is another mistake.
            title = f"{place.says(text)}, with a factor {shown(factor)}: {why[0]}"
        itself = factor == 1 and place.arrives and table.nodes[i] == place.key
        of_its_own = itself or table.nodes[i] == place.own or text != table.texts[i]
        free = not plain and why is None  # Whatever factor fits.
        of = made.replay.values.get(table.nodes[i], form)  # What is broadcast tells no more.
        few = distinct(form) < 2 and min(np.size(of), form.size) < FEWEST_BITS and text != "1"
        if free and (_told(target.hand) < (2 - of_its_own) * FEWEST or form.size < FEWEST):
            continue
        if (few or (free and _told(form) < FEWEST)) and not of_its_own:
            continue  # There are so many tensors that one has these few numbers by chance.
        if free and distinct(made.both[0]) < 2:
            continue  # With some factor, whatever adds up to one number gives another.
        yield Candidate(
            title,
            2.0 + place.cost + cost - 0.25 * of_its_own - 0.5 * itself
            + (0.0 if factor == 1 else 0.1 if plain else 0.2 if why else 0.6),
            predict=made if factor == 1 else made.times(factor),
            kind="another form", source="another form",
            weak=few or free,
        )  # fmt: skip


def _told(array: Array) -> int:
    """Return how many numbers an array tells: signs tell a third of one each, unless all agree."""
    signs = np.count_nonzero(array) if np.ptp(np.sign(array)) else 0
    return max(distinct(array), 4 * int(signs) // FEWEST_BITS)


def _rounded(factor: float, rtol: float) -> float:
    """Return a factor without its last digits, which are rounding."""
    short = float(f"{factor:.{9 if rtol < 1e-8 else 4}g}")
    return short if abs(short - factor) < rtol / 10 * abs(factor) else factor


def _times(factor: float) -> str:
    return "" if factor == 1 else "-" if factor == -1 else f"{shown(factor)} * "


# ------------------------------------------------------------------------ shares


@mistake("another share", "Of a sum, each part gets its share of the gradient: w / np.sum(w).")
def another_share(case: Case, target: Target) -> Iterator[Candidate]:
    """Put a prior, the largest part, or shares along another axis in place of shares of a sum."""
    replay = case.replay
    if not target.fits:
        return
    if factor_of(target.hand, target.right) is not None:
        return  # One number for all entries is a factor, and nothing else.
    for share in shares(replay):
        for place in _arriving(replay, target):
            if place.arrives and place.shape == share.value.shape:
                there = _in_place_of(replay, place, share)
                for candidate in _found(case, target, there, others(replay, share)):
                    if candidate.weak:
                        continue
                    candidate.cost -= 1.0  # As far-fetched as another tensor.
                    candidate.kind = ""
                    yield candidate


def _in_place_of(replay: Replay, place: Place, share: Share) -> Place:
    g = place.part

    def says(form: str) -> str:
        at = text_of(replay.graph, replay.graph[place.key])
        return f"in the gradient at {at}, {form} stands in place of {share.text}"

    return Place(
        place.key, g, g.shape, lambda moved: g * moved / share.value,
        lambda form: replaced(replay, place.key, g * form / share.value), says,
        place.cost, share.key,
    )  # fmt: skip
