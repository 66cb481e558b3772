"""Mistakes with local derivatives: left out, doubled, at the wrong point, with a factor missing.

Like those of `other_operands`, each is made on purpose in the backward pass of the graph, to see
what comes out. Because the rest of the pass runs as it should, a mistake in a delta is recognised
in the weights behind it, where no ratio shows it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    FEWEST_BITS,
    MOST_VALUES,
    activations,
    as_it_is,
    compositions,
    is_gate,
    scaled,
    steps,
    tells,
    times,
)
from autograd_lite.check.mistakes.made import Made, wrong
from autograd_lite.check.mistakes.reasons import SLOPES, averaged
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake, more, same
from autograd_lite.check.mistakes.repeated import recurrent
from autograd_lite.check.mistakes.replay import Replay, Rule
from autograd_lite.check.mistakes.rule_factors import factors
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.check.mistakes.written_out import SILU, functions_of_several
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Node


@mistake("derivative left out", "The chain rule goes through the activation too: delta * f'(z).")
def derivative_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Pass back through an activation as if it were not there."""
    for step in activations(case, target):
        y, value = step.name, np.asarray(step.node.value)
        yield step.candidate(f"the derivative of the {step.function} at {y} is left out", 0.6)
        instead = f"{y} stands in place of its derivative"
        if y not in dict(factors(step)) and tells(step, times(value)):  # Not y (1 - y).
            yield step.candidate(f"{instead}: it is not derived", 1.2, times(value))
            if step.operand.primitive is ops.negative:  # As of log(1 + exp(-m)) by m.
                (inner,) = step.replay.graph.operands(step.operand)
                by = text_of(step.replay.graph, inner)
                yield step.candidate(f"{instead} by {by}: it is not derived", 1.2, times(-value))
    for step in steps(case, target, once=True):
        if step.primitive not in (ops.power, ops.square):
            continue
        y, value = step.name, np.asarray(step.replay.values[step.node.id])
        if step.node.shape:
            title = f"{y} stands in place of its derivative: it is not derived"
            yield step.candidate(title, 1.25, times(value))
        x, k = (step.replay.values[step.node.operands[i]] for i in (0, -1))
        if step.primitive is ops.power and not step.edge[1] and not np.ndim(k):
            yield step.candidate(f"the derivative of {y} is left out", 1.3)
            if k != 2:  # That would be what is squared, squared once more.
                base = grouped(text_of(step.replay.graph, step.operand))
                title = (
                    f"the exponent is not made 1 less: {base} ** {k:g} stands in place of "
                    f"{base} ** {k - 1:g} in the derivative of {y}"
                )
                rule = scaled(step.rule, x, divide=False)
                yield step.candidate(title, 0.8, rule, kind="other power")
                if k not in (0, 0.5, 1):  # Else it is a sign, or nothing.
                    rule = scaled(step.rule, (k - 1) / k, divide=False)
                    factor = f"the factor {k - 1:g}, the exponent less 1, stands in place of {k:g}"
                    title = f"{factor} in the derivative of {y}"
                    yield step.candidate(title, 0.95, rule, kind="other power")
    gates = {step.operand.id: step for step in steps(case, target, once=True) if is_gate(step)}
    for step in gates.values():
        outer, replay = gates.get(step.node.id), step.replay
        if outer is not None:  # A clip, written as a minimum of a maximum.
            whole = replay.gradients[outer.node.id]
            part = replay.parts[step.edge]
            title = f"the derivative of the clip at {outer.name} is left out"
            yield Candidate(title, 0.6, predict=Made(replay, step.operand.id, whole, part))


@mistake("derivative doubled", "The activation's derivative was already in what came from above.")
def derivative_doubled(case: Case, target: Target) -> Iterator[Candidate]:
    """Pass back through an activation twice."""

    def twice(rule: Rule) -> Rule:
        return lambda g: rule(rule(g))

    for step in activations(case, target):
        title = f"the derivative of the {step.function} at {step.name} is there twice"
        yield step.candidate(title, 0.9, twice(step.rule))


@mistake("derivative at the activation", "f'(z) was evaluated at a = f(z): a formula in z given a.")
def derivative_at_activation(case: Case, target: Target) -> Iterator[Candidate]:
    """Take a derivative at the output of the function, in place of its input."""
    for step in activations(case, target):
        before = text_of(step.replay.graph, step.operand)
        title = f"{step.function}' is taken at {step.name}, in place of {before}"
        yield step.candidate(title, 0.8, step.at(step.replay.values[step.node.id]))
        if step.function == "relu":
            continue  # That is its mask, reversed.
        rule = step.at(-np.asarray(step.replay.values[step.operand.id]))
        g = step.replay.gradients[step.node.id]
        right = np.asarray(step.rule(g))
        even = any(same(rule(g), x) for x in (right, -right))  # sigmoid', or 1 / -x: a sign.
        if tells(step, rule) and not even:
            turned = (
                step.operand.primitive is ops.negative
                and step.replay.graph[step.operand.operands[0]]
            )
            there = text_of(step.replay.graph, turned) if turned else f"-{grouped(before)}"
            title = f"{step.function}' is taken at {there}, in place of {before}: a sign inside"
            cost = 0.68 if step.others else 0.95  # Of an exp, it is a division.
            yield step.candidate(title, cost, rule)


@mistake("derivative at the pre-activation", "A formula in a = f(z), as a (1 - a), was given z.")
def derivative_at_pre_activation(case: Case, target: Target) -> Iterator[Candidate]:
    """Give the input to a derivative that is written in terms of the output."""
    for step in activations(case, target):
        rule = step.given(step.replay.values[step.operand.id])
        title = f"the formula of {step.function}' for its output {step.name} is given the input "
        yield step.candidate(title + text_of(step.replay.graph, step.operand), 0.8, rule)


LINEAR = (ops.add, ops.subtract, ops.sum, ops.mean, ops.negative)
"""Their derivatives are the same everywhere."""


@mistake("constant left out", "A derivative is taken where the function was: at var + eps, say.")
def constant_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Take a derivative without the number that is added to its operand."""
    for step in steps(case, target):
        graph, values, i = step.replay.graph, step.replay.values, step.edge[1]
        if step.operand.primitive not in (ops.add, ops.subtract) or step.primitive in LINEAR:
            continue
        for without in graph.operands(step.operand):
            (other,) = [x for x in graph.operands(step.operand) if x is not without] or [without]
            if other.kind != "constant" or other.shape or without.shape != step.operand.shape:
                continue
            operands = [values[x] for x in step.node.operands]
            operands[i] = values[without.id]
            try:
                y = step.primitive.forward(*operands, **step.node.parameters)
            except ValueError:
                continue
            # Of so few numbers, a relu is cut off elsewhere by chance.
            few = is_gate(step) and step.node.value.size < FEWEST_BITS
            for output in (y, values[step.node.id]):
                rule = step.replay.rule(step.edge, y=output, operands={i: operands[i]})
                title = (
                    f"the derivative of {step.name} is taken at {text_of(graph, without)}, in "
                    f"place of {text_of(graph, step.operand)}"
                )
                yield step.candidate(title, 0.9 + 0.5 * few, rule)


@mistake(
    "another activation's derivative", "a (1 - a) is sigmoid', 1 - a**2 is tanh', z > 0 is relu'."
)
def derivative_of_another(case: Case, target: Target) -> Iterator[Candidate]:
    """Use the derivative of another activation."""
    for step in activations(case, target):
        x, y = (step.replay.values[node.id] for node in (step.operand, step.node))
        name, before = step.name, text_of(step.replay.graph, step.operand)
        for other in (ops.sigmoid, ops.tanh, ops.relu):
            # Entry by entry, the derivative of a softmax would be that of a sigmoid: see below.
            if other.name == step.function or step.mixes:
                continue
            for origin, output in ((before, other.forward(x)), (name, y)):
                rule = _of(other, output, x)
                if tells(step, rule):
                    title = (
                        f"{other.name}' stands in place of {step.function}' at {name}; it is "
                        f"computed from {origin}"
                    )
                    yield step.candidate(title, 0.9, rule)


@more("another activation's derivative")
def derivative_of_a_relative(case: Case, target: Target) -> Iterator[Candidate]:
    """Take the derivative of the hinge for that of a softplus, or that of another form of GELU."""
    for step in activations(case, target):
        x = np.asarray(step.replay.values[step.operand.id])
        before = text_of(step.replay.graph, step.operand)
        if step.primitive is ops.softplus and tells(step, rule := times((x > -1).astype(float))):
            title = (
                f"the derivative of the hinge, 1 where {before} > -1, stands in place of "
                f"softplus' at {step.name}"
            )
            yield step.candidate(title, 1.0, rule)
    replay = case.replay
    for inner, y, _ in functions_of_several(replay):
        x, g = np.asarray(replay.values[inner.id]), replay.gradients[y.id]
        real = x.dtype.kind == "f"
        here = next((k for k, (f, _) in GELUS.items() if real and same(x * f(x), y.value)), None)
        part = replay.added(y.id, g).get(inner.id) if here else None
        for other, (function, derivative) in GELUS.items() if part is not None else ():
            if other != here:
                slope = function(x) + x * derivative(x)
                title = (
                    f"the derivative of {other} stands in place of that of {here}, which "
                    f"{text_of(replay.graph, y)} is"
                )
                yield Candidate(title, 1.0, predict=Made(replay, inner.id, g * slope, part))


C = np.sqrt(2 / np.pi)
GELUS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "the exact GELU": (
        lambda x: (1 + ops.erf.forward(x / np.sqrt(2))) / 2,
        lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
    ),
    "the GELU by tanh": (
        lambda x: (1 + np.tanh(C * (x + 0.044715 * x**3))) / 2,
        lambda x: C * (1 + 0.134145 * x * x) / np.cosh(C * (x + 0.044715 * x**3)) ** 2 / 2,
    ),
    "the GELU by a sigmoid": (
        lambda x: ops.sigmoid.forward(1.702 * x),
        lambda x: 0.4255 / np.cosh(0.851 * x) ** 2,
    ),
}
"""Each is x times a function, which is here with its derivative."""


def _of(primitive: Primitive, y: Any, x: Any) -> Rule:
    return lambda g: primitive.rules[0](g, y, x)


@mistake("factor inverted", "Divided where it is to be multiplied, or the other way round.")
def factor_inverted(case: Case, target: Target) -> Iterator[Candidate]:
    """Divide by a factor of a local derivative, where one multiplies by it, or the reverse."""
    for step in itertools.chain(compositions(case, target), steps(case, target)):
        for text, value in factors(step):
            inverse = text.startswith("1 / ")
            plain = text.removeprefix("1 / ")
            verbs = ("multiplied", "divided") if inverse else ("divided", "multiplied")
            with np.errstate(all="ignore"):
                square = np.asarray(value) ** 2
            title = f"{verbs[0]} by {plain}, where it is to be {verbs[1]} by it"
            users = {x.primitive for x in step.replay.graph.consumers(step.node)}
            if inverse and step.primitive is ops.divide and users & {ops.square, ops.power}:
                title = f"the factor 1 / {plain} ** 2 is missing"  # Of a / b, squared.
            yield step.candidate(title, 0.85, scaled(step.rule, square, divide=True))
            if np.ndim(value) and (np.asarray(value) > 0).all():
                root = f"np.sqrt({plain}) stands in place of {plain}: {verbs[1]} by its square root"
                rule = scaled(step.rule, np.sqrt(value), divide=True)
                yield step.candidate(root, 1.25, rule, "other power")


@mistake("sign in a derivative", "1 - a**2 is tanh', a (1 - a) is sigmoid'.")
def sign_in_derivative(case: Case, target: Target) -> Iterator[Candidate]:
    """Write a plus where the derivative of an activation has a minus."""
    for step in activations(case, target):
        x, y = (np.asarray(step.replay.values[n.id]) for n in (step.operand, step.node))
        for title, derivative in sign_forms(step.primitive, step.name, y, x):
            yield step.candidate(title, 0.78, times(derivative))
        first, power = {ops.tanh: (1.0, 2), ops.sigmoid: (y, 1)}.get(step.primitive, (None, 0))
        for n in (1, *averaged(case)) if power else ():  # What is averaged at the end is larger.
            whole = f"1 - {grouped(step.name)}{' ** 2' * (power > 1)}"
            title = f"the brackets of {whole} are missing: it is subtracted from the whole product"
            yield step.candidate(title, 1.2, _apart(first, y**power / n))


def _apart(factor: Any, taken: Any) -> Rule:
    return lambda g: g * factor - taken


def sign_forms(primitive: Primitive, name: str, y: Any, x: Any) -> list[tuple[str, Any]]:
    """Return how the derivative of an activation is miswritten, at `y` of an input `x`."""
    at, name = name, grouped(name)
    if primitive is ops.tanh:
        right, flipped = f"1 - {name} ** 2", f"{name} ** 2 - 1"
        forms = [
            (f"1 + {name} ** 2", 1 + y * y),
            (f"{name} ** 2", y * y),
            (f"1 - {name}", 1 - y),
            (f"1 - 2 * {name}", 1 - 2 * y),
            (flipped, y * y - 1),
        ]
    elif primitive is ops.sigmoid:
        right, flipped = f"{name} * (1 - {name})", f"{name} * ({name} - 1)"
        forms = [
            (f"{name} * (1 + {name})", y * (1 + y)),
            (flipped, y * (y - 1)),
            (f"{name} - 1", y - 1),
        ]
    elif primitive is SILU:
        gate = ops.sigmoid.forward(x)
        right, flipped = f"sigmoid + {name} * (1 - sigmoid)", ""
        forms = [
            (f"sigmoid + {name} * (1 + sigmoid)", gate + y * (1 + gate)),
            (f"sigmoid - {name} * (1 - sigmoid)", gate - y * (1 - gate)),
            (f"sigmoid + {name} * (1 - {name})", gate + y * (1 - y)),
            (f"{name} + sigmoid * (1 - sigmoid)", y + gate * (1 - gate)),
        ]
    elif primitive is ops.arctan:
        right, flipped = "1 / (1 + x ** 2)", ""
        forms = [("1 / (1 - x ** 2)", 1 / (1 - x * x))]
    else:
        return []
    return [
        (
            f"a sign is flipped at {at}: of what comes back to it, or as in {form} for {right}"
            if form == flipped
            else f"{form} stands in place of {right} at {at}",
            value,
        )
        for form, value in forms
    ]


# ------------------------------------------------------------------------ factors


@mistake("factor missing", "A factor of the chain rule was dropped.")
def factor_missing(case: Case, target: Target) -> Iterator[Candidate]:
    """Drop a factor of a local derivative, or divide by what a tensor is multiplied with."""
    yield from _of_derivatives(case, target, missing=True)
    yield from _of_tensors(case, target, missing=True)


@more("factor missing")
def any_factor_missing(case: Case, target: Target) -> Iterator[Candidate]:
    """Divide by any tensor."""
    return _of_tensors(case, target, missing=True, near=False)


@mistake("factor doubled", "A factor of the chain rule stands there twice.")
def factor_doubled(case: Case, target: Target) -> Iterator[Candidate]:
    """Double a factor of a local derivative, or what a tensor is multiplied with."""
    yield from _of_derivatives(case, target, missing=False)
    yield from _of_tensors(case, target, missing=False)


def _ratio(text: str, missing: bool) -> str:
    """Write what the ratio of the two gradients is."""
    return f"; by hand = autodiff {'/' if missing else '*'} {grouped(text)}"


def _of_derivatives(case: Case, target: Target, missing: bool) -> Iterator[Candidate]:
    """Take a factor out of a local derivative, or put it in once more."""
    composed = list(compositions(case, target))
    inside = {edge for step in composed for edge in (step.edge, *step.others)}
    for step in itertools.chain(composed, steps(case, target)):
        # Nobody derives an activation that is written out piece by piece.
        piece = 0.25 if not step.others and step.edge in inside else 0.0
        if len(set(step.node.operands)) < len(step.node.operands):
            piece += 0.6  # Half of a square: the other half keeps the factor.
        for text, value in factors(step):
            here, seen = step.operand.id == target.id, ""
            if here and len(step.replay.graph.consumers(step.operand)) == 1:
                seen = _ratio(text, missing)
            elif here:
                seen = f" on the way back from {step.name}"
            plain = abs(float(value)) if text.isidentifier() and not np.ndim(value) else 0.0
            title = f"the factor {text} is {'missing' if missing else 'there twice'}{seen}"
            number = not np.ndim(value) and next((x for x in SLOPES if x == value), None)
            if (
                number
                and not missing
                and (other := next((x for x in SLOPES if abs(x - number * number) < 1e-12), None))
            ):
                title = f"{other:g} stands in place of {text}{seen}"
            # That a 2 is missing is likelier than that what happens to be 0.5 is there twice.
            cost = piece + (1.25 if plain in (0.5, 2.0) else 0.8 if text[:4] == "1 + " else 0.7)
            yield step.candidate(title, cost, scaled(step.rule, value, missing))


def _of_tensors(
    case: Case, target: Target, *, missing: bool, near: bool = True
) -> Iterator[Candidate]:
    """Divide what arrives somewhere by a tensor that it was multiplied with forwards, or multiply.

    What is not `near` is less likely: one too many of that is left to `any_form`.
    """
    replay = case.replay
    for place in replay.graph:
        if place.id not in replay.gradients or target.id not in replay.behind(place.id):
            continue
        if place.id in recurrent(replay):
            continue
        here = place.id == target.id
        at = "" if here else f" in the gradient of {text_of(replay.graph, place)}"
        beside = {x for node in replay.graph.consumers(place) for x in node.operands}
        chosen = [node for node in replay.graph if (node.id in beside) is near]
        for text, value in _tensors(replay, place, chosen[:MOST_VALUES]):
            seen = _ratio(text, missing) if here else ""
            title = f"the factor {text} is {'missing' if missing else 'one too many'}{at}{seen}"
            made = wrong(replay, nodes={place.id: scaled(as_it_is, value, missing)})
            yield Candidate(title, (1.0 if near else 3.0) + (0.0 if here else 0.2), predict=made)


def _tensors(replay: Replay, place: Node, chosen: list[Node]) -> Iterator[tuple[str, Any]]:
    """Yield what a gradient may be multiplied by, with its name."""
    shape = np.shape(replay.values[place.id])
    for node in chosen:
        value = replay.values[node.id]
        if np.ndim(value) == 0 and node.kind == "constant":
            continue  # One factor for all is the business of another entry.
        try:
            fits = np.broadcast_shapes(np.shape(value), shape) == shape
        except ValueError:
            continue
        if fits and np.asarray(value).dtype.kind == "f":
            yield grouped(text_of(replay.graph, node)), value
