"""Mistakes on the way back through one operation, the same at every step of a loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Step, added_up, times
from autograd_lite.check.mistakes.loop_passes import (
    EVERY,
    EdgeRule,
    Slip,
    Values,
    name_of,
    nothing,
    operand_name,
    plain,
    stem,
)
from autograd_lite.check.mistakes.reasons import numbers
from autograd_lite.check.mistakes.registry import Case
from autograd_lite.check.mistakes.repeated import MOST_BY_HAND, Loop
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.check.mistakes.written_out import WrittenOut, written_out
from autograd_lite.check.mistakes.wrong_derivatives import sign_forms
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Node

MOST_WEIGHTS = 6
"""How many other weights are tried in place of those of a step."""


def compositions(replay: Replay, loop: Loop) -> Iterator[list[WrittenOut]]:
    """Yield the activations that are written out at every step, each as one operation."""
    found = {x.node.id: x for x in written_out(replay)}
    for nodes in loop.classes:
        if all(node.id in found for node in nodes):
            yield [found[node.id] for node in nodes]


def of_composition(
    replay: Replay, loop: Loop, together: Sequence[WrittenOut], values: Mapping[str, Values]
) -> Iterator[Slip]:
    """Yield what may go wrong on the way back through an activation that is written out."""
    primitive, nodes = together[0].primitive, [x.node for x in together]
    xs, ys = ([replay.values[key] for key in keys] for keys in (
        [x.operand.id for x in together], [x.id for x in nodes]))  # fmt: skip
    others = {edge: plain(rule) for x in together for edge, rule in x.others.items()}

    def rules(inputs: Values, outputs: Values) -> list[Rule]:
        return [rule_of(primitive, x, y) for x, y in zip(inputs, outputs, strict=False)]

    edges, name = [x.edge for x in together], name_of(replay, loop, nodes)
    activation = Activation(primitive, name, edges, xs, ys, rules, others)
    yield activation.left_out()
    if nodes[-1].shape or len(nodes) > MOST_BY_HAND:
        yield from _derivatives(activation, values)


def _activation(
    replay: Replay, nodes: Sequence[Node], i: int, name: str, primitive: Primitive
) -> Activation:
    """Return an activation that is one operation at every step."""
    edges = [(node.id, i) for node in nodes]

    def rules(inputs: Values, outputs: Values) -> list[Rule]:
        return [
            rule_of(primitive, x, y)
            if primitive is ops.relu
            else replay.rule(edge, y=y, operands={i: x})
            for edge, x, y in zip(edges, inputs, outputs, strict=False)
        ]

    xs = [np.asarray(replay.values[node.operands[i]]) for node in nodes]
    ys = [replay.values[node.id] for node in nodes]
    return Activation(primitive, name, edges, xs, ys, rules)


def rule_of(primitive: Primitive, x: Any, y: Any) -> Rule:
    """Return the rule of an activation with other values."""
    return lambda g: primitive.rules[0](g, y, x)


def _is_added_up(replay: Replay, nodes: Sequence[Node]) -> bool:
    """Return whether a single number is added to at every step, as a loss is."""
    waiting = [nodes[1]]
    while waiting:
        node = waiting.pop()
        if node is nodes[0]:
            return True
        if node.primitive in (ops.add, ops.subtract) and not node.shape:
            waiting += replay.graph.operands(node)
    return False


def of_edges(
    replay: Replay,
    loop: Loop,
    nodes: Sequence[Node],
    i: int,
    edges: Sequence[Edge],
    values: Mapping[str, Values],
) -> Iterator[Slip]:
    """Yield what may go wrong on the way back through one operation, at every step."""
    primitive = nodes[0].primitive
    assert primitive is not None
    name = name_of(replay, loop, nodes)
    operand = operand_name(replay, loop, nodes, i)
    xs = [replay.values[node.operands[i]] for node in nodes]
    leaf = replay.graph[nodes[-1].operands[i]].kind == "parameter"

    def change(
        title: str, cost: float, rules: Sequence[EdgeRule], kind: str = "", where: str = EVERY
    ) -> Slip:
        return Slip(title, cost, dict(zip(edges, rules, strict=False)), kind, where)

    if not _is_added_up(replay, nodes) and (not leaf or _elsewhere_too(loop, nodes, i)):
        text = f"nothing comes back to {operand} from {name}: that path is left out"
        yield change(text, 0.75, [nothing(x) for x in xs], "path missing")
        for wrong, cost, k in (("has its sign flipped", 0.9, -1), ("is added twice", 1.2, 2)):
            title = f"what comes back to {operand} from {name} {wrong}"
            times = [_times_besides(replay.rule(edge), k) for edge in edges]
            yield change(title, cost, times, "factor on a path")
    first = Step(replay, edges[0], nodes[0], replay.graph[nodes[0].operands[i]], primitive)
    alone = len(nodes[0].operands) == 1 or first.function == "relu"
    function = "relu" if first.function == "relu" else primitive.name
    products = len(nodes[0].operands) == 2 and len(primitive.linear) == 2
    whole = primitive is not ops.negative  # Its derivative is a sign, and flipped above.
    spread = products and primitive.entrywise  # What was stretched is summed back.
    if (np.shape(xs[-1]) == nodes[-1].shape or spread) and (alone or products) and whole:
        what = (
            f"the derivative of the {function} at {name}"
            if alone
            else f"the factor {operand_name(replay, loop, nodes, 1 - i)}"
        )
        of = "" if alone else f" of what comes back to {operand}"
        kind = "derivative left out" if alone else "factor missing"
        yield change(f"{what} is left out{of}", 0.65, [lambda g, _: g] * len(nodes), kind)
    if (
        alone
        and (function == "relu" or not primitive.linear)  # A pick, say, is no activation.
        and np.shape(xs[-1]) == nodes[-1].shape
        and (nodes[-1].shape or len(nodes) > MOST_BY_HAND)
    ):
        called = ops.relu if function == "relu" else primitive
        yield from _derivatives(_activation(replay, nodes, i, name, called), values)
    if products or primitive is ops.divide:
        yield from _operands(replay, loop, nodes, i, edges, values, change)
    masks = zip(*(added_up(replay, e) for e in edges), strict=False)
    for each in masks if primitive is ops.matmul else ():
        yield change(
            f"only {each[0][0]} comes back to {operand} from {name}: overwritten, not added up",
            1.0,
            [_masked(replay.rule(e), kept) for e, (_, kept) in zip(edges, each, strict=True)],
            "one row only",
        )
    yield from _gradients(replay, loop, nodes, edges, name, operand)


def _masked(rule: Rule, kept: Any) -> EdgeRule:
    return lambda g, _: rule(g * kept)


def of_alike(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Yield what may go wrong at all activations of one kind at once: at every gate of a cell."""
    kinds: dict[Primitive, list[list[Node]]] = {}
    for nodes in loop.classes:
        primitive = nodes[0].primitive
        x = replay.values[nodes[-1].operands[0]]
        if primitive and len(nodes[0].operands) == 1 and np.shape(x) == nodes[-1].shape:
            kinds.setdefault(primitive, []).append(nodes)
    for primitive, members in kinds.items():
        told = members[0][-1].shape or len(members[0]) > MOST_BY_HAND
        if len(members) < 2 or primitive.linear or not told:
            continue
        names = f"each of {', '.join(name_of(replay, loop, nodes) for nodes in members)}"
        every = [_activation(replay, nodes, 0, names, primitive) for nodes in members]
        for slips in zip(*([x.left_out(), *_derivatives(x, {})] for x in every), strict=True):
            rules = {edge: rule for slip in slips for edge, rule in slip.rules.items()}
            yield slips[0]._replace(cost=slips[0].cost + 0.05, rules=rules)


def _elsewhere_too(loop: Loop, nodes: Sequence[Node], i: int) -> bool:
    """Return whether another operation of a step uses the same tensor, from outside the loop."""
    key = nodes[-1].operands[i]
    return any(key in members[-1].operands for members in loop.classes if members is not nodes)


def _times_besides(rule: Rule, factor: Any) -> EdgeRule:
    return lambda g, _: rule(g) * factor


def _besides(rule: Rule, other: Rule) -> EdgeRule:
    return lambda g, _: rule(g) + other(g)


def _from_another(rule: Rule, key: str) -> EdgeRule:
    return lambda g, arrived: rule(arrived.get(key, 0 * g))


@dataclass(frozen=True, eq=False)
class Activation:
    """A function of one tensor at every step: its inputs, its outputs, and its rules for others.

    If it consists of several operations, there are other edges besides the first, with their rules.
    """

    primitive: Primitive
    name: str
    edges: Sequence[Edge]
    xs: Values
    ys: Values
    rules: Callable[[Values, Values], list[Rule]]
    others: Mapping[Edge, EdgeRule] = field(default_factory=dict)

    def change(self, title: str, cost: float, rules: Sequence[EdgeRule], kind: str = "") -> Slip:
        """Return the mistake that it has other rules."""
        first = dict(zip(self.edges, rules, strict=False))
        return Slip(title, cost, {**first, **self.others}, kind)

    def given(self, outputs: Values) -> list[EdgeRule]:
        """Return its rules with other outputs, in a formula that has these."""
        inputs = outputs if self.primitive is ops.relu else self.xs
        return [plain(rule) for rule in self.rules(inputs, outputs)]

    def left_out(self) -> Slip:
        """Return the mistake that it has no derivative."""
        title = f"the derivative of the {self.primitive.name} at {self.name} is left out"
        return self.change(title, 0.65, [lambda g, _: g] * len(self.ys), "derivative left out")


def _derivatives(activation: Activation, values: Mapping[str, Values]) -> Iterator[Slip]:
    """Yield a derivative at another value, doubled, or that of another function."""
    primitive, name, change = activation.primitive, activation.name, activation.change
    xs, ys, given = activation.xs, activation.ys, activation.given
    function = f"{primitive.name}'"
    title = f"the derivative of the {primitive.name} at {name} is there twice"
    yield change(title, 0.9, list(map(_twice, activation.rules(xs, ys))), "derivative doubled")
    there = [plain(rule) for rule in activation.rules(ys, [primitive.forward(y) for y in ys])]
    yield change(f"{function} is taken at its output {name}", 0.85, there)
    title = f"the formula of {function} for its output {name} is given its input"
    yield change(title, 0.85, given(xs))
    for when, others in [
        ("step before", [np.zeros_like(ys[0]), *ys[:-1]]),
        ("step before", [ys[-1], *ys[:-1]]),
        ("step after", [*ys[1:], ys[-1]]),
        ("last step", [ys[-1]] * len(ys)),
        ("first step", [ys[0]] * len(ys)),
    ][: 5 if len(ys) > MOST_BY_HAND else 3]:
        yield change(f"{function} is computed from {name} of the {when}", 0.9, given(others))
    title = f"the formula of {function} is given what arrives at {name}"
    yield change(title, 1.0, [_of_what_arrives(activation, step) for step in range(len(xs))])
    for other in (ops.sigmoid, ops.tanh, ops.relu):
        for from_input in (False, True) if other is not primitive else ():
            outputs = map(other.forward, xs) if from_input else ys
            title = f"{other.name}' stands in place of {function} at {name}"
            rules = [plain(rule_of(other, x, y)) for x, y in zip(xs, outputs, strict=True)]
            yield change(title, 0.95, rules, "another activation's derivative")
    wrongly = [sign_forms(primitive, name, y, x) for x, y in zip(xs, ys, strict=True)]
    for k, (title, _) in enumerate(wrongly[0]):
        forms = [plain(times(forms[k][1])) for forms in wrongly]
        yield change(title, 0.8, forms, "sign in a derivative")
    if primitive is ops.relu:
        reversed_masks = [plain(times(np.less_equal(x, 0))) for x in xs]
        yield change(f"the mask at {name} is reversed", 0.8, reversed_masks, "mask")
    for text, factor in (
        (f"1 - {name}", [1 - np.asarray(y) for y in ys]), (name, ys), ("its input", xs)
    ):  # fmt: skip
        title = f"{text} stands in place of {function} at {name}"
        yield change(title, 0.95, [plain(times(f)) for f in factor], "factor missing")
    for text, of_class in values.items():
        pairs = list(zip(of_class, ys, strict=False))
        if all(np.shape(x) == np.shape(y) for x, y in pairs) and any(x is not y for x, y in pairs):
            title = f"the formula of {function} is given {text}, in place of {name}"
            yield change(title, 1.2, given(of_class), "wrong tensor")


def _of_what_arrives(activation: Activation, step: int) -> EdgeRule:
    ys = list(activation.ys)

    def rule(g: Any, _: Any) -> Any:
        return activation.rules(activation.xs, [*ys[:step], g, *ys[step + 1 :]])[step](g)

    return rule


def _twice(rule: Rule) -> EdgeRule:
    return lambda g, _: rule(rule(g))


def _operands(
    replay: Replay,
    loop: Loop,
    nodes: Sequence[Node],
    i: int,
    edges: Sequence[Edge],
    values: Mapping[str, Values],
    change: Callable[..., Slip],
) -> Iterator[Slip]:
    """Yield another operand of a product at every step: of another time, transposed, another."""
    belongs = [replay.values[node.operands[1 - i]] for node in nodes]
    name = operand_name(replay, loop, nodes, 1 - i)

    def using(others: Values) -> list[EdgeRule]:
        rules = []
        for node, edge, x in zip(nodes, edges, others, strict=False):
            y = replay.values[node.id]
            if node.primitive is ops.divide and i == 1:  # Its rule goes by the quotient.
                y = x / replay.values[node.operands[1]]
            rules.append(plain(replay.rule(edge, y=y, operands={1 - i: x})))
        return rules

    shapes = set(map(np.shape, belongs))
    shape = shapes.pop() if len(shapes) == 1 else ()  # () for operands of several shapes.
    if len(shape) == 2 and shape[0] == shape[1]:
        title = f".T is forgotten: {name} is used in place of {name}.T"
        yield change(title, 0.7, using([np.transpose(x) for x in belongs]), "not transposed")
    varies = any(x is not belongs[0] for x in belongs)
    for k in range(len(shape)) if not varies and max(shape, default=1) > 1 else ():
        along = f" along axis {k}" if len(shape) > 1 else ""
        turned = [np.flip(belongs[0], k)] * len(belongs)
        yield change(f"{name} is used flipped{along}", 0.95, using(turned), "not transposed")
    right = replay.graph[nodes[-1].operands[1 - i]]
    alike = [x for x in replay.graph if right.kind == x.kind == "parameter" and x.shape == shape]
    for other in alike[:MOST_WEIGHTS] if len(shape) == 2 else ():
        if other is not right:
            title = f"{other.name} is used in place of {name}"
            yield change(
                title, 0.8, using([replay.values[other.id]] * len(belongs)), "wrong layer's weights"
            )
    if varies and shape:
        last = next((v[-1] for v in values.values() if v[0] is belongs[0]), belongs[-1])
        shifts: list[tuple[str, Values]] = [
            ("of the step before", [np.zeros(shape), *belongs[:-1]]),
            ("of the step before (at the first step, of the last)", [last, *belongs[:-1]]),
            ("of the step before", [belongs[0], *belongs[:-1]]),
            ("of the step after", [*belongs[1:], belongs[-1]]),
            ("of the step after", [*belongs[1:], belongs[0]]),
            ("of the last step", [belongs[-1]] * len(belongs)),
            ("of the first step", [belongs[0]] * len(belongs)),
        ]
        if right.primitive is not ops.getitem:  # Else those are windows, which are flipped.
            shifts.append(("of the opposite step, the last for the first,", belongs[::-1]))
        each = [replay.graph[node.operands[1 - i]].name for node in nodes]
        if all(each) and len({stem(str(x)) for x in each}) == len(each):  # Each has its own.
            shifts = []
            for k in (0, -1):
                rest = ", ".join(str(x) for x in each if x != each[k])
                title = f"{each[k]} is used in place of each of {rest}"
                yield change(title, 0.85, using([belongs[k]] * len(belongs)), "wrong tensor", "")
        for text, others in shifts:
            yield change(f"{name} {text} is used", 0.85, using(others), "wrong time")
    now = name.replace("_{t-1}", "_t").replace("[t - 1]", "[t]").removesuffix(" of step t - 1")
    for text, others in values.items():
        if np.shape(others[-1]) != shape or all(
            x is y for x, y in zip(others, belongs, strict=False)
        ):
            continue
        said = f"{text} is used in place of {name}"
        yield change(said, 0.8 if text == now else 1.0, using(others), "wrong tensor")
        if varies:
            title = f"{text} of the last step is used in place of {name}"
            first = using([others[-1], *belongs[1:]])
            yield change(title, 1.0, first, "wrong time", "at the first step, ")
            title = f"{text} of the last step is used in place of {name}"
            yield change(title, 1.1, using([others[-1]] * len(belongs)), "wrong time")
        title = f"1 - {text} is used in place of {name}"
        yield change(title, 1.1, using([1 - np.asarray(x) for x in others]), "wrong tensor")
    if not shape and not varies and nodes[-1].primitive is not ops.divide:
        size = abs(float(belongs[0]))
        for number in {*numbers(Case(replay)), 2 * size, size / 2} - {size}:
            signed = math.copysign(number, float(belongs[0]))
            title = f"{signed:g} stands in place of {name}"
            yield change(title, 0.95, using([signed] * len(belongs)))
    if shape:
        title = f"1 - {name} is used in place of {name}"
        yield change(title, 1.0, using([1 - np.asarray(x) for x in belongs]), "wrong tensor")


def _gradients(
    replay: Replay,
    loop: Loop,
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    name: str,
    operand: str,
) -> Iterator[Slip]:
    """Hand on the gradient of another value of the step."""
    for members in loop.classes:
        if members is nodes or members[-1].shape != nodes[-1].shape:
            continue
        if not all(m.id in replay.gradients for m in members):
            continue
        text = name_of(replay, loop, members)
        title = (
            f"what comes back to {operand} from {name} is computed from the gradient at {text}, in "
            f"place of that at {name}"
        )
        # It has arrived before, on the way back, if it was computed later.
        if replay.position[members[-1].id] > replay.position[nodes[-1].id]:
            there = [
                _from_another(replay.rule(edge), m.id)
                for edge, m in zip(edges, members, strict=False)
            ]
            title = title.replace(f" from {name}", "", 1)
            yield Slip(title, 1.1, dict(zip(edges, there, strict=False)), "wrong gradient")
            continue
        to = nodes[-1].operands[edges[-1][1]]
        if to in members[-1].operands and len(members) == len(nodes):
            j = members[-1].operands.index(to)
            rules = {e: nothing(replay.values[replay.operand(e)]) for e in edges}
            rules |= {
                (m.id, j): _besides(replay.rule((m.id, j)), replay.rule(edge))
                for m, edge in zip(members, edges, strict=True)
            }
            yield Slip(title, 1.1, rules, "wrong gradient")
