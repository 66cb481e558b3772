"""The same mistake at every step of a loop: another time, a derivative left out, no history."""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    LONGEST_TEXT,
    AnotherPass,
    Made,
    Step,
    text_of,
    times,
)
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Array,
    Candidate,
    Case,
    Mistake,
    Target,
    mistake,
    more,
)
from autograd_lite.check.mistakes.repeated import MOST_BY_HAND, Loop, loops
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.check.mistakes.written_out import WrittenOut, written_out
from autograd_lite.check.mistakes.wrong_derivatives import sign_forms, softmax_forms
from autograd_lite.core.notation import ATOM, LOOSE
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Node, write
from autograd_lite.ops.writing import Written

Values = Sequence[Any]
"""A value of every step."""

EdgeRule = Callable[[Any, Any], Any]


@mistake("at every step", "What a loop computes forwards at every step has a step backwards.")
def at_every_step(case: Case, target: Target) -> Iterator[Candidate]:
    """Make the same mistake at every step of a loop."""
    replay = case.replay
    if replay is None or target.id is None:
        return
    for loop in loops(replay):
        key = id(loop)
        if key not in _candidates.setdefault(replay, {}):
            _candidates[replay][key] = list(_of_loop(replay, loop))
        yield from _candidates[replay][key]


MISTAKES["wrong time"] = Mistake(
    "wrong time",
    "On the way back, each step uses what its own step forwards has used.",
    lambda _case, _target: iter(()),  # Found with the other mistakes of every step.
)

_candidates: weakref.WeakKeyDictionary[Replay, dict[int, list[Candidate]]] = (
    weakref.WeakKeyDictionary()
)


def _truncated(replay: Replay, loop: Loop, k: int) -> Callable[[Target], Any]:
    """Return what predicts gradients of which the steps before the last `k` are left out."""
    gone = {node.id for nodes in loop.classes for node in nodes[: loop.steps - k]}

    def predict(target: Target) -> Any:
        parts = [
            np.asarray(part)
            for edge, part in replay.parts.items()
            if replay.graph[edge[0]].operands[edge[1]] == target.id and edge[0] not in gone
        ]
        return sum(parts[1:], parts[0]) if parts else None

    return AnotherPass(predict)


def _of_loop(replay: Replay, loop: Loop) -> Iterator[Candidate]:
    for k in range(1, loop.steps):
        yield Candidate(
            f"only the last {k} of {loop.steps} steps are gone back through: truncated",
            0.9,
            predict=_truncated(replay, loop, k),
            kind="path missing",
        )
    values = _values(replay, loop)
    yield from _of_all(replay, loop)
    inside: set[Edge] = set()
    for together in _compositions(replay, loop):
        yield from _of_composition(replay, loop, together, values)
        inside.update(edge for x in together for edge in (x.edge, *x.others))
    for nodes in loop.classes:
        for i in range(len(nodes[0].operands)):
            edges = [(node.id, i) for node in nodes]
            if any(edge in replay.parts for edge in edges) and inside.isdisjoint(edges):
                yield from _of_edges(replay, loop, nodes, i, edges, values)


def _of_all(replay: Replay, loop: Loop) -> Iterator[Candidate]:
    """Yield what goes wrong at several operations of every step at once."""
    every = "at every step, "
    plain: dict[Edge, EdgeRule] = {}
    count = 0
    for nodes in loop.classes:
        operands = [[replay.values[node.operands[i]] for node in nodes] for i in range(
            len(nodes[0].operands))]  # fmt: skip
        primitive = nodes[0].primitive
        products = primitive is not None and len(operands) == 2 == len(primitive.linear)
        for i in (0, 1) if products else ():
            other, edges = operands[1 - i], [(node.id, i) for node in nodes]
            shape = np.shape(other[0])
            if len(shape) == 2 and shape[0] == shape[1] > 1:
                count += 1
                for edge, x in zip(edges, other, strict=True):
                    plain[edge] = _plain(replay.rule(edge, operands={1 - i: x.T}))
        if products and np.shape(operands[0][-1]) == np.shape(operands[1][-1]) == nodes[-1].shape:
            rules = {
                (node.id, i): _plain(replay.rule((node.id, i), operands={1 - i: operands[i][k]}))
                for k, node in enumerate(nodes)
                for i in (0, 1)
            }
            one, two = (_operand_name(replay, loop, nodes, i) for i in (0, 1))
            yield Candidate(
                f"{every}{one} and {two} are exchanged: what comes back to either from "
                f"{_name(replay, loop, nodes)} is multiplied by itself",
                1.0,
                predict=_made(replay, rules, False),
                kind="exchanged",
            )
        yield from _nothing_from_later(replay, loop, nodes)
        yield from _of_reductions(replay, loop, nodes)
    yield from _pieces_exchanged(replay, loop)
    step_of = {node.id: k for members in loop.classes for k, node in enumerate(members)}
    crossing: dict[Edge, EdgeRule] = {
        (node.id, i): _nothing(replay.values[x])
        for members in loop.classes
        for node in members
        for i, x in enumerate(node.operands)
        if not (node.primitive is ops.add and any(x == y.id for y in members))  # Adds up a loss.
        if step_of.get(x, step_of[node.id]) < step_of[node.id]
    }
    if crossing:
        yield Candidate(
            f"{every}nothing comes back from the step after: each is derived by itself",
            0.9,
            predict=_made(replay, crossing, False),
            kind="path missing",
        )
    if count > 1:
        yield Candidate(
            f"{every}.T is forgotten in every product with a square matrix",
            0.75,
            predict=_made(replay, plain, False),
            kind="not transposed",
        )


def _of_reductions(replay: Replay, loop: Loop, nodes: Sequence[Node]) -> Iterator[Candidate]:
    """Take another softmax for that of a logsumexp, or sum what was broadcast over another axis."""
    name = _name(replay, loop, nodes)
    for forms in zip(*(softmax_forms(replay, node, name) for node in nodes), strict=False):
        rules = {(x.id, 0): _plain(form[2]) for x, form in zip(nodes, forms, strict=True)}
        title, cost, _ = forms[-1]
        yield Candidate(
            f"at every step, {title}",
            cost,
            predict=_made(replay, rules, False),
            kind="another softmax",
        )
    for i, key in enumerate(nodes[-1].operands):
        shape = replay.graph[key].shape
        if nodes[-1].shape == shape[:1] * 2 and len(shape) == 2 and shape[1] == 1 < shape[0]:
            rules = {(x.id, i): _summed_down(replay.rule((x.id, i))) for x in nodes}
            yield Candidate(
                f"at every step, what comes back to {_operand_name(replay, loop, nodes, i)} from "
                f"{name} is summed over axis 0, in place of 1",
                0.9,
                predict=_made(replay, rules, False),
                kind="summed over the wrong axis",
            )


def _summed_down(rule: Rule) -> EdgeRule:
    return lambda g, _: np.asarray(rule(g)).sum(axis=0)[:, None]


def _pieces_exchanged(replay: Replay, loop: Loop) -> Iterator[Candidate]:
    """Put what comes back to one piece of a tensor where another one belongs: gates exchanged."""
    picked = [nodes for nodes in loop.classes if nodes[0].primitive is ops.getitem]
    for one, two in itertools.combinations(picked, 2):
        together = list(zip(one, two, strict=False))
        if any(a.operands != b.operands or a.shape != b.shape for a, b in together):
            continue
        rules = {
            (node.id, 0): _plain(replay.rule((other.id, 0)))
            for pair in together
            for node, other in (pair, pair[::-1])
        }
        names = (_used_as(replay, loop, nodes) for nodes in (one, two))
        yield Candidate(
            f"at every step, the pieces that become {' and '.join(names)} are exchanged: "
            f"concatenated in another order",
            1.0,
            predict=_made(replay, rules, False),
            kind="exchanged",
        )


def _used_as(replay: Replay, loop: Loop, nodes: Sequence[Node]) -> str:
    """Return what is computed from a piece, if that is one thing; else what the piece is called."""
    users = replay.graph.consumers(nodes[-1])
    members = [m for m in loop.classes if len(users) == 1 and users[0] in m]
    return _name(replay, loop, members[0] if members else nodes)


def _nothing_from_later(replay: Replay, loop: Loop, nodes: Sequence[Node]) -> Iterator[Candidate]:
    """Let nothing come back to what a step hands on, along any path, from the next step."""
    step_of = {node.id: k for members in loop.classes for k, node in enumerate(members)}
    rules = {
        (user.id, i): _nothing(replay.values[node.id])
        for k, node in enumerate(nodes)
        for user in replay.graph.consumers(node)
        for i, key in enumerate(user.operands)
        if key == node.id and step_of.get(user.id, k) == k + 1
    }
    if len(rules) >= 2 * (len(nodes) - 1) > 0:
        name = _name(replay, loop, nodes)
        yield Candidate(
            f"at every step, nothing comes back to {name} from the step after: all paths of time "
            f"through it are left out",
            0.95,
            predict=_made(replay, rules, False),
            kind="path missing",
        )
        every_use = {
            (user.id, i): _nothing(replay.values[node.id])
            for node in nodes
            for user in replay.graph.consumers(node)
            for i, key in enumerate(user.operands)
            if key == node.id and user.id in step_of
        }
        for members in loop.classes:
            kept = {(node.id, i) for node in members for i in range(len(node.operands))}
            others = {edge: rule for edge, rule in every_use.items() if edge not in kept}
            if 1 < len(others) < len(every_use) - 1:
                yield Candidate(
                    f"at every step, of what comes back to {name} from the step after, only that "
                    f"from {_name(replay, loop, members)} is there: the other paths are left out",
                    1.0,
                    predict=_made(replay, others, False),
                    kind="path missing",
                )


@more("at every step")
def clipped_at_every_step(case: Case, target: Target) -> Iterator[Candidate]:
    """Clip what arrives at one operation of every step, to a usual size."""
    replay = case.replay
    if replay is None or target.id is None:
        return
    for loop in loops(replay):
        for nodes in loop.classes:
            reached = [node for node in nodes if node.id in replay.gradients]
            if not reached or not nodes[-1].shape:
                continue
            edges = [edge for node in reached for edge in replay.parts if edge[0] == node.id]
            name = _name(replay, loop, nodes)
            for most in CLIPPED_TO:
                for word, clip in (("±", _entries_clipped(most)), ("the norm ", _length(most))):
                    rules = {edge: _after(replay.rule(edge), clip) for edge in edges}
                    yield Candidate(
                        f"at every step, the gradient at {name} is clipped to {word}{most:g}",
                        1.5,
                        predict=_made(replay, rules, False),
                        kind="clipped",
                    )


CLIPPED_TO = (1.0, 0.5, 5.0, 0.1, 0.25, 0.2, 0.3, 0.4, 2.0, 3.0, 10.0)


def _entries_clipped(most: float) -> Rule:
    return lambda g: np.clip(g, -most, most)


def _length(most: float) -> Rule:
    return lambda g: g * min(1.0, most / max(float(np.linalg.norm(g)), 1e-300))


def _after(rule: Rule, clip: Rule) -> EdgeRule:
    return lambda g, _: rule(clip(g))


def _compositions(replay: Replay, loop: Loop) -> Iterator[list[WrittenOut]]:
    """Yield the activations that are written out at every step, each as one operation."""
    found = {x.node.id: x for x in written_out(replay)}
    for nodes in loop.classes:
        if all(node.id in found for node in nodes):
            yield [found[node.id] for node in nodes]


def _of_composition(
    replay: Replay, loop: Loop, together: Sequence[WrittenOut], values: Mapping[str, Values]
) -> Iterator[Candidate]:
    """Yield what may go wrong on the way back through an activation that is written out."""
    primitive, nodes = together[0].primitive, [x.node for x in together]
    xs = [replay.values[x.operand.id] for x in together]
    name = _name(replay, loop, nodes)

    def change(title: str, cost: float, rules: Sequence[EdgeRule], kind: str = "") -> Candidate:
        chosen = {x.edge: rule for x, rule in zip(together, rules, strict=True)}
        passed = {edge: _plain(r) for x in together for edge, r in x.others.items()}
        return Candidate(title, cost, predict=_made(replay, chosen | passed, False), kind=kind)

    def rules(inputs: Values, outputs: Values) -> list[Rule]:
        return [_rule_of(primitive, x, y) for x, y in zip(inputs, outputs, strict=False)]

    yield change(
        f"at every step, the derivative of the {primitive.name} at {name} is left out",
        0.65,
        [lambda g, _: g for _ in nodes],
        "derivative left out",
    )
    if nodes[-1].shape or len(nodes) > MOST_BY_HAND:
        activation = Activation(primitive, name, xs, [replay.values[x.id] for x in nodes], rules)
        yield from _derivatives(activation, values, change)


def _rule_of(primitive: Primitive, x: Any, y: Any) -> Rule:
    return lambda g: primitive.rules[0](g, y, x)


def _values(replay: Replay, loop: Loop) -> dict[str, Values]:
    """Return every value that a loop computes or uses, step by step, by what it is called."""
    found: dict[str, Values] = {}
    one_more: dict[str, Any] = {}
    for nodes in loop.classes:
        name = _name(replay, loop, nodes)
        known = [replay.values[node.id] for node in nodes]
        if len(known) < loop.steps:  # Computed by hand, and in no graph.
            known.append(_one_more(replay, loop, nodes, one_more))
        if len(known) == loop.steps and known[-1] is not None:
            found.setdefault(name, known)
    for nodes in loop.classes:
        for text, others in _other_windows(replay, nodes):
            found.setdefault(text, others)
    for nodes in loop.classes:  # What comes from the step before, or from outside.
        for i in range(len(nodes[0].operands)):
            used = [replay.values[node.operands[i]] for node in nodes]
            varies = len(used) == loop.steps and any(x is not used[0] for x in used)
            scales = nodes[-1].primitive is not ops.matmul
            if varies or (scales and replay.graph[nodes[-1].operands[i]].name):
                found.setdefault(_operand_name(replay, loop, nodes, i), used)
    return found


def _other_windows(replay: Replay, nodes: Sequence[Node]) -> Iterator[tuple[str, Values]]:
    """Yield windows of one tensor with another stride or offset than those of the steps."""
    indices = [node.parameters.get("index") for node in nodes]
    if nodes[0].primitive is not ops.getitem or len({node.operands for node in nodes}) > 1:
        return
    base = np.asarray(replay.values[nodes[0].operands[0]])
    name = text_of(replay.graph, replay.graph[nodes[0].operands[0]])
    rows = [index if isinstance(index, tuple) else (index,) for index in indices]
    for axis in range(len(rows[0])):
        at = [row[axis] if len(row) > axis else None for row in rows]
        slices = [x for x in at if isinstance(x, slice) and x.step in (None, 1) and x.stop]
        starts = [x.start or 0 for x in slices]
        strides = set(np.diff(starts))
        if len(slices) < len(at) or len(strides) > 1 or not strides - {0}:
            continue
        width, stride = slices[0].stop - starts[0], strides.pop()
        for text, moved in (
            ("with stride 1", [starts[0] + k for k in range(len(starts))]),
            ("one further", [x + 1 for x in starts]),
            ("one before", [x - 1 for x in starts]),
        ):
            inside = min(moved) >= 0 and max(moved) + width <= base.shape[axis]
            if inside and not (stride == 1 and text == "with stride 1"):
                windows = [(*row[:axis], slice(x, x + width), *row[axis + 1 :])
                           for row, x in zip(rows, moved, strict=True)]  # fmt: skip
                yield f"the window of {name} {text}", [base[index] for index in windows]


def _one_more(replay: Replay, loop: Loop, nodes: list[Node], known: dict[str, Any]) -> Any:
    """Return what the last step would compute for another one; None if that is not known."""
    last = nodes[-1]
    following = {members[k].id: members[k + 1].id for members in loop.classes
                 for k in range(len(members) - 1)}  # fmt: skip
    ends = {members[-1].id for members in loop.classes}
    operands = []
    for i, x in enumerate(last.operands):
        if x in following:
            operands.append(replay.values[following[x]])
        elif x in ends:
            operands.append(known.get(x))
        else:
            same_for_all = all(node.operands[i] == x for node in nodes)
            operands.append(replay.values[x] if same_for_all else None)
    if last.primitive is None or any(x is None for x in operands):
        return None
    known[last.id] = last.primitive.forward(*operands, **last.parameters)
    return known[last.id]


def _name(replay: Replay, loop: Loop, nodes: Sequence[Node], depth: int = 2) -> str:
    """Return what is called by one name at every step, or how it is computed."""
    names = [node.name for node in nodes if node.name]
    stems = {re.sub(r"\[-?\d+\]$", "", name) for name in names}
    if len(stems) < len(set(names)) == len(nodes):
        return f"{min(stems)}[t]"
    if 1 < len(stems) == len(nodes) <= MOST_BY_HAND:
        return f"each of {', '.join(names)}"
    if names:
        return f"{names[0]}_t"
    if depth and nodes[-1].primitive is not None:
        texts = [
            _operand_name(replay, loop, nodes, i, depth - 1) for i in range(len(nodes[-1].operands))
        ]
        text = write(nodes[-1], [Written(x, LOOSE if " " in x else ATOM) for x in texts])
    else:
        text = text_of(replay.graph, nodes[-1])
    return text if len(text) < LONGEST_TEXT else f"{_kind(nodes[-1])}(…)"


def _kind(node: Node) -> str:
    return node.primitive.name if node.primitive is not None else ""


def _operand_name(replay: Replay, loop: Loop, nodes: Sequence[Node], i: int, depth: int = 2) -> str:
    """Return what an operand is called: that of the step before, if it is handed on."""
    operand = nodes[-1].operands[i]
    for members in loop.classes:
        ids = [node.id for node in members]
        if operand in ids:
            name = _name(replay, loop, members, depth)
            if ids.index(operand) == len(nodes) - 1:
                return name
            for now, before in (("_t", "_{t-1}"), ("[t]", "[t - 1]")):
                if name.endswith(now):
                    return name.removesuffix(now) + before
            return f"{name} of step t - 1"
    first = replay.graph[nodes[0].operands[i]]
    last = replay.graph[operand]
    if first is last or (first.kind == "constant" and np.array_equal(first.value, last.value)):
        return text_of(replay.graph, last)
    return last.name or "the input of step t"


def _of_edges(
    replay: Replay,
    loop: Loop,
    nodes: Sequence[Node],
    i: int,
    edges: Sequence[Edge],
    values: Mapping[str, Values],
) -> Iterator[Candidate]:
    """Yield what may go wrong on the way back through one operation, at every step."""
    primitive = nodes[0].primitive
    assert primitive is not None
    name = _name(replay, loop, nodes)
    operand = _operand_name(replay, loop, nodes, i)
    xs = [replay.values[node.operands[i]] for node in nodes]
    leaf = replay.graph[nodes[-1].operands[i]].kind == "parameter"

    def change(title: str, cost: float, rules: Sequence[EdgeRule], kind: str = "") -> Candidate:
        chosen = dict(zip(edges, rules, strict=False))
        return Candidate(title, cost, predict=_made(replay, chosen, leaf), kind=kind)

    steps = range(len(nodes))
    every = "at every step, "
    if not leaf or _elsewhere_too(loop, nodes, i):
        yield change(
            f"{every}nothing comes back to {operand} from {name}: that path is left out",
            0.75,
            [_nothing(x) for x in xs],
            "path missing",
        )
        yield change(
            f"{every}what comes back to {operand} from {name} has its sign flipped",
            0.9,
            [_negated(replay.rule(edge)) for edge in edges],
            "factor on a path",
        )
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
            else "the factor " + (_operand_name(replay, loop, nodes, 1 - i))
        )
        yield change(
            f"{every}{what} is left out",
            0.65,
            [lambda g, _: g for _ in steps],
            "derivative left out" if alone else "factor missing",
        )
    if (
        alone
        and np.shape(xs[-1]) == nodes[-1].shape
        and (nodes[-1].shape or len(nodes) > MOST_BY_HAND)
    ):

        def rules(inputs: Values, outputs: Values) -> list[Rule]:
            return [
                replay.rule(edge, y=y, operands={i: x})
                for edge, x, y in zip(edges, inputs, outputs, strict=False)
            ]

        ys = [replay.values[node.id] for node in nodes]
        called = ops.relu if function == "relu" else primitive
        yield from _derivatives(Activation(called, name, xs, ys, rules), values, change)
    if products or primitive is ops.divide:
        yield from _operands(replay, loop, nodes, i, edges, values, change)
    for title, factor in _of_power(primitive, i, operand, name, xs):
        yield change(
            f"{every}{title}",
            0.8,
            [_times_besides(replay.rule(e), f) for e, f in zip(edges, factor, strict=True)],
            "other power",
        )
    if products and leaf and nodes[-1].shape[:1] > (1,):
        for which, row in (("first", 0), ("last", -1)):
            yield change(
                f"{every}only the {which} row of the gradient at {name} counts for {operand}",
                0.95,
                [_of_row(replay.rule(edge), row) for edge in edges],
                "one row only",
            )
    yield from _gradients(replay, loop, nodes, edges, change, name, operand)


def _elsewhere_too(loop: Loop, nodes: Sequence[Node], i: int) -> bool:
    """Return whether another operation of a step uses the same tensor, from outside the loop."""
    key = nodes[-1].operands[i]
    return any(key in members[-1].operands for members in loop.classes if members is not nodes)


def _of_power(
    primitive: Primitive, i: int, operand: str, name: str, xs: Values
) -> Iterator[tuple[str, Values]]:
    """Yield what may go wrong with a power, and a factor for each step that makes it."""
    if i != (1 if primitive is ops.divide else 0):
        return
    if primitive is ops.divide:
        title = f"what comes back to {operand} from {name} is divided by {operand} once, not twice"
        yield title, xs
    elif primitive in (ops.square, ops.power):
        yield (
            f"the factor 2 of the square is missing on the way back to {operand} from {name}",
            [0.5] * len(xs),
        )
        if all(np.all(x) for x in xs):
            yield (
                f"the factor {operand} is missing in the derivative of {name}",
                [1 / np.asarray(x) for x in xs],
            )


def _times_besides(rule: Rule, factor: Any) -> EdgeRule:
    return lambda g, _: rule(g) * factor


def _of_row(rule: Rule, row: int) -> EdgeRule:
    def kept(g: Any, _: Any) -> Any:
        only = np.zeros_like(g)
        only[row] = g[row]
        return rule(only)

    return kept


def _nothing(x: Any) -> EdgeRule:
    return lambda *_: np.zeros(np.shape(x))


def _plain(rule: Rule) -> EdgeRule:
    return lambda g, _: rule(g)


def _alone(rule: EdgeRule, arrived: Mapping[str, Any]) -> Rule:
    return lambda g: rule(g, arrived)


def _negated(rule: Rule) -> EdgeRule:
    return lambda g, _: -rule(g)


def _from_another(rule: Rule, key: str) -> EdgeRule:
    return lambda g, arrived: rule(arrived.get(key, 0 * g))


@dataclass(frozen=True, eq=False)
class Activation:
    """A function of one tensor at every step: its inputs, its outputs, and its rules for others."""

    primitive: Primitive
    name: str
    xs: Values
    ys: Values
    rules: Callable[[Values, Values], list[Rule]]


def _derivatives(
    activation: Activation, values: Mapping[str, Values], change: Callable[..., Candidate]
) -> Iterator[Candidate]:
    """Yield a derivative at another value, doubled, or that of another function."""
    primitive, name = activation.primitive, activation.name
    xs, ys = activation.xs, activation.ys
    function = f"{primitive.name}'"

    def given(others: Values) -> list[EdgeRule]:
        return [_plain(rule) for rule in activation.rules(xs, others)]

    def at(others: Values) -> list[EdgeRule]:
        outputs = [primitive.forward(x) for x in others]
        return [_plain(rule) for rule in activation.rules(others, outputs)]

    every = "at every step, "
    yield change(
        f"{every}the derivative of the {primitive.name} at {name} is there twice",
        0.9,
        [_twice(rule) for rule in activation.rules(xs, ys)],
        "derivative doubled",
    )
    yield change(f"{every}{function} is taken at its output {name}", 0.85, at(ys))
    yield change(f"{every}the formula of {function} is given its input", 0.85, given(xs))
    for when, others in (
        ("before", [np.zeros_like(ys[0]), *ys[:-1]]),
        ("before", [ys[-1], *ys[:-1]]),
        ("after", [*ys[1:], ys[-1]]),
    ):
        yield change(
            f"{every}{function} is computed from {name} of the step {when}", 0.9, given(others)
        )
    yield change(
        f"{every}the formula of {function} is given what arrives at {name}",
        1.0,
        [_of_what_arrives(activation, step) for step in range(len(xs))],
    )
    for other in (ops.sigmoid, ops.tanh, ops.relu):
        if other is not primitive:
            for from_input in (False, True):
                yield change(
                    f"{every}{other.name}' stands in place of {function} at {name}",
                    0.95,
                    [
                        _plain(_rule_of(other, x, other.forward(x) if from_input else y))
                        for x, y in zip(xs, ys, strict=True)
                    ],
                    "another activation's derivative",
                )
    wrongly = [sign_forms(primitive, name, y, x) for x, y in zip(xs, ys, strict=True)]
    for form, right_form, _ in wrongly[0]:
        yield change(
            f"{every}{form} stands in place of {right_form}",
            0.8,
            [
                _plain(times(derivative))
                for forms in wrongly
                for f, _, derivative in forms
                if f == form
            ],
            "sign in a derivative",
        )
    for text, factor in (("1 - ", [1 - np.asarray(y) for y in ys]), ("", ys)):
        yield change(
            f"{every}{text}{name} stands in place of {function}",
            0.95,
            [_plain(times(f)) for f in factor],
            "factor missing",
        )
    for text, of_class in values.items():
        pairs = list(zip(of_class, ys, strict=False))
        if all(np.shape(x) == np.shape(y) for x, y in pairs) and any(x is not y for x, y in pairs):
            yield change(
                f"{every}the formula of {function} is given {text}, in place of {name}",
                1.2,
                given(of_class),
                "wrong tensor",
            )
            if primitive is ops.sigmoid:
                yield change(
                    f"{every}{name} * (1 - {text}) stands in place of {name} * (1 - {name})",
                    1.2,
                    [_plain(times(y * (1 - x))) for x, y in pairs],
                    "wrong tensor",
                )


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
    change: Callable[..., Candidate],
) -> Iterator[Candidate]:
    """Yield another operand of a product at every step: of another time, transposed, another."""
    belongs = [replay.values[node.operands[1 - i]] for node in nodes]
    name = _operand_name(replay, loop, nodes, 1 - i)

    def using(others: Values) -> list[EdgeRule]:
        rules = []
        for node, edge, x in zip(nodes, edges, others, strict=False):
            y = replay.values[node.id]
            if node.primitive is ops.divide and i == 1:  # Its rule goes by the quotient.
                y = x / replay.values[node.operands[1]]
            rules.append(_plain(replay.rule(edge, y=y, operands={1 - i: x})))
        return rules

    every = "at every step, "
    shape = np.shape(belongs[-1])
    if len(shape) == 2 and shape[0] == shape[1]:
        yield change(
            f"{every}.T is forgotten: {name} is used in place of {name}.T",
            0.7,
            using([np.transpose(x) for x in belongs]),
            "not transposed",
        )
    if len(shape) == 1 and shape[0] > 1:
        yield change(
            f"{every}{name} is used flipped: {name}[::-1]",
            0.85,
            using([x[::-1] for x in belongs]),
            "not transposed",
        )
    varies = any(x is not belongs[0] for x in belongs)
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
        each = [replay.graph[node.operands[1 - i]].name for node in nodes]
        if all(each) and len(set(each)) == len(each):  # No time: each has its own.
            shifts = []
            for k in (0, -1):
                rest = ", ".join(str(x) for x in each if x != each[k])
                yield change(
                    f"{each[k]} is used in place of each of {rest}",
                    0.85,
                    using([belongs[k]] * len(belongs)),
                    "wrong tensor",
                )
        for text, others in shifts:
            yield change(f"{every}{name} {text} is used", 0.85, using(others), "wrong time")
    for text, others in values.items():
        if np.shape(others[-1]) != shape or all(
            x is y for x, y in zip(others, belongs, strict=False)
        ):
            continue
        yield change(
            f"{every}{text} is used in place of {name}",
            0.8 if text == name.replace("_{t-1}", "_t").replace("[t - 1]", "[t]") else 1.0,
            using(others),
            "wrong tensor",
        )
        if varies:
            yield change(
                f"at the first step, {text} of the last step is used in place of {name}",
                1.0,
                using([others[-1], *belongs[1:]]),
                "wrong time",
            )
            yield change(
                f"{every}{text} of the last step is used in place of {name}",
                1.1,
                using([others[-1]] * len(belongs)),
                "wrong time",
            )
        yield change(
            f"{every}1 - {text} is used in place of {name}",
            1.1,
            using([1 - np.asarray(x) for x in others]),
            "wrong tensor",
        )
    if shape:
        yield change(
            f"{every}1 - {name} is used in place of {name}",
            1.0,
            using([1 - np.asarray(x) for x in belongs]),
            "wrong tensor",
        )


def _gradients(
    replay: Replay,
    loop: Loop,
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    change: Callable[..., Candidate],
    name: str,
    operand: str,
) -> Iterator[Candidate]:
    """Hand on the gradient of another value of the step."""
    for members in loop.classes:
        if members is nodes or members[-1].shape != nodes[-1].shape:
            continue
        if not all(m.id in replay.gradients for m in members):
            continue
        # It has arrived before, on the way back, if it was computed later.
        if replay.position[members[-1].id] < replay.position[nodes[-1].id]:
            continue
        text = _name(replay, loop, members)
        yield change(
            f"at every step, what comes back to {operand} is computed from the gradient at {text}, "
            f"in place of that at {name}",
            1.1,
            [
                _from_another(replay.rule(edge), m.id)
                for edge, m in zip(edges, members, strict=False)
            ],
            "wrong gradient",
        )


def _made(replay: Replay, rules: Mapping[Edge, EdgeRule], leaf: bool) -> Callable[[Target], Any]:
    """Return what predicts gradients; those of a leaf alone need no pass."""
    if leaf:
        present = {edge: rule for edge, rule in rules.items() if edge in replay.parts}
        edge = next(iter(present))
        key = replay.graph[edge[0]].operands[edge[1]]

        def instead() -> Any:
            return sum(
                replay.sent(edge, replay.gradients[edge[0]], _alone(rule, replay.gradients))
                for edge, rule in present.items()
            )

        return Made(
            replay, key, instead, lambda: sum(np.asarray(replay.parts[edge]) for edge in present)
        )
    found: dict[str, dict[str, Array]] = {}

    def predict(target: Target) -> Any:
        key = target.id or ""
        if not any(key in known for known in found.values()):
            try:
                with np.errstate(all="ignore"):
                    found[key] = replay.rerun(rules, key)
            except (ValueError, TypeError, IndexError):
                found[key] = {}
        return next((known[key] for known in found.values() if key in known), None)

    return AnotherPass(predict)
