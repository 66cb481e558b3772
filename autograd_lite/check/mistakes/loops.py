"""The same mistake at every step of a loop: no history, a path left out, gates exchanged."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import is_product, times
from autograd_lite.check.mistakes.loop_passes import (
    EVERY,
    EdgeRule,
    Into,
    Slip,
    Values,
    indices_of,
    made_at_each,
    name_of,
    nothing,
    operand_name,
    plain,
    stem,
    values_of,
)
from autograd_lite.check.mistakes.loop_steps import (
    compositions,
    of_alike,
    of_composition,
    of_edges,
    rule_of,
)
from autograd_lite.check.mistakes.made import AnotherPass
from autograd_lite.check.mistakes.reasons import numbers, reason, shown
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Candidate,
    Case,
    Mistake,
    Target,
    mistake,
    more,
    remembered,
    same,
)
from autograd_lite.check.mistakes.repeated import Loop, loops, summing, unequal_steps
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.check.mistakes.softmax import forms_at, softmaxes
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.check.mistakes.written_out import WrittenOut
from autograd_lite.graph import Node


@mistake("at every step", "What a loop computes forwards at every step has a step backwards.")
def at_every_step(case: Case, target: Target) -> Iterator[Candidate]:
    """Make the same mistake at every step of a loop."""
    del target
    yield from _of_loops(case.replay)


@remembered
def _of_loops(replay: Replay) -> Iterator[Candidate]:
    for loop in (*loops(replay), *unequal_steps(replay)):
        yield from (slip.candidate(replay) for slip in _of_loop(replay, loop))


MISTAKES["wrong time"] = Mistake(
    "wrong time", "On the way back, each step uses what its own step forwards has used."
)


def _of_loop(replay: Replay, loop: Loop) -> Iterator[Slip]:
    values = values_of(replay, loop)
    yield from _of_all(replay, loop)
    yield from of_alike(replay, loop)
    inside: set[Edge] = set()
    for together in compositions(replay, loop):
        yield from of_composition(replay, loop, together, values)
        inside.update(edge for x in together for edge in (x.edge, *x.others))
    for nodes in loop.classes:
        for i in range(len(nodes[0].operands)):
            edges = [(node.id, i) for node in nodes]
            if any(edge in replay.parts for edge in edges) and inside.isdisjoint(edges):
                yield from of_edges(replay, loop, nodes, i, edges, values)


def _of_all(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Yield what goes wrong at several operations of every step at once."""
    for nodes in loop.classes:
        yield from _of_joints(replay, loop, nodes)
        yield from _operands_exchanged(replay, loop, nodes)
        yield from _of_softmaxes(replay, loop, nodes)
    yield from _pieces_exchanged(replay, loop)
    yield from _of_uses(replay, loop)
    yield from _by_another_index(replay, loop)
    yield from _each_by_itself(replay, loop)
    yield from _untransposed(replay, loop)


def _each_by_itself(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Hand nothing on from step to step."""
    inside = {node.id for nodes in loop.classes for node in nodes}
    crossing = {
        edge: nothing(replay.values[x])
        for edges in _crossing(replay, loop).values()
        for edge in edges
        if (x := replay.operand(edge)) in inside
    }
    if crossing:
        title = "nothing comes back from the step after: each is derived by itself"
        yield Slip(title, 0.9, crossing, "path missing")


def _crossing(replay: Replay, loop: Loop) -> dict[str, list[Edge]]:
    """Return the edges back to what the step before has computed, or what the loop starts from."""
    step_of = {node.id: k for members in loop.classes for k, node in enumerate(members)}
    sums = set(summing(replay))
    found: dict[str, list[Edge]] = {}
    for nodes in loop.classes:
        for i in range(len(nodes[-1].operands)):
            before = [step_of.get(node.operands[i], k) < k for k, node in enumerate(nodes)]
            if any(before) and nodes[-1].id not in sums:
                to, name = operand_name(replay, loop, nodes, i), name_of(replay, loop, nodes)
                edges = found.setdefault(f"{to} from {name}", [])
                edges += [(node.id, i) for node in nodes if (node.id, i) in replay.parts]
    return found


def _untransposed(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Use each of several square matrices as it is."""
    rules: dict[Edge, EdgeRule] = {}
    turned = 0
    for nodes in loop.classes:
        for i in (0, 1) if is_product(nodes[0]) else ():
            shape = replay.graph[nodes[0].operands[1 - i]].shape
            if len(shape) == 2 and shape[0] == shape[1] > 1:
                turned += 1
                for node in nodes:
                    x = replay.values[node.operands[1 - i]].T
                    rules[node.id, i] = plain(replay.rule((node.id, i), operands={1 - i: x}))
    if turned > 1:
        title = ".T is forgotten in every product with a square matrix"
        yield Slip(title, 0.75, rules, "not transposed")


def _of_joints(replay: Replay, loop: Loop, nodes: Sequence[Node]) -> Iterator[Slip]:
    """Cut what comes back to one of several joined arrays out at another place."""
    if nodes[0].primitive is not ops.concatenate or nodes[0].parameters["axis"] is None:
        return
    axis = int(nodes[0].parameters["axis"])
    for i, key in enumerate(nodes[-1].operands):
        parts, whole = [replay.graph[x].shape[axis] for x in nodes[-1].operands], nodes[-1].shape
        right, n = sum(parts[:i]), replay.graph[key].shape[axis]
        for start in {0, whole[axis] - n} - {right}:
            index = (*(slice(None),) * (axis % len(whole)), slice(start, start + n))
            rules = {(node.id, i): plain(operator.itemgetter(index)) for node in nodes}
            to, name = operand_name(replay, loop, nodes, i), name_of(replay, loop, nodes)
            cut = f"cut out from {start} on, not from {right}"
            title = f"what comes back to {to} from {name} is {cut}"
            yield Slip(title, 0.9, rules, "exchanged")


def _of_softmaxes(replay: Replay, loop: Loop, nodes: Sequence[Node]) -> Iterator[Slip]:
    """Go back through the softmax of every step by another form."""
    found = {node.id: (x, node, axis) for x, node, axis in softmaxes(replay)}
    if any(node.id not in found for node in nodes):
        return
    name, each = name_of(replay, loop, nodes), [found[node.id] for node in nodes]
    ways = [[edge for edge in replay.parts
             if replay.operand(edge) == x.id and edge[0] in replay.behind(node.id)]
            for x, node, _ in each]  # fmt: skip

    def form(k: int, of: tuple[Node, Node, int], _: Any, arrived: Mapping[str, Any]) -> Any:
        return forms_at(replay, *of, arrived[of[1].id], name)[k][2]

    for k, (title, cost, _) in enumerate(
        forms_at(replay, *each[-1], replay.gradients[nodes[-1].id], name)
    ):
        rules: dict[Edge, EdgeRule] = {}
        for of, (first, *others) in zip(each, ways, strict=True):
            rules[first] = functools.partial(form, k, of)
            rules |= {edge: nothing(replay.values[of[0].id]) for edge in others}
        yield Slip(title, cost, rules, "softmax in pieces")


def _operands_exchanged(replay: Replay, loop: Loop, nodes: Sequence[Node]) -> Iterator[Slip]:
    """Multiply what comes back to each factor by itself, or exchange two that are joined."""
    made_by, last = nodes[-1].primitive, replay.graph.operands(nodes[-1])
    for i, j in itertools.combinations(range(len(last)), 2):
        ways = [(node.id, k) for node in nodes for k in (i, j)]
        joined = made_by is ops.concatenate
        if not (joined or made_by is ops.multiply) or not replay.parts.keys() >= set(ways):
            continue
        if len({replay.graph[replay.operand(edge)].shape for edge in ways}) > 1:
            continue
        one, two = (operand_name(replay, loop, nodes, k) for k in (i, j))
        title = f"{one} and {two} are exchanged on the way back from {name_of(replay, loop, nodes)}"
        rules = {
            (key, k): plain(replay.rule((key, i + j - k)))
            if joined else plain(times(replay.values[replay.operand((key, k))]))
            for key, k in ways
        }  # fmt: skip
        yield Slip(title, 1.0, rules, "exchanged")


def _pieces_exchanged(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Put what comes back to one piece of a tensor where another one belongs: gates exchanged."""
    picked = [nodes for nodes in loop.classes if nodes[0].primitive is ops.getitem]
    for one, two in itertools.combinations(picked, 2):
        together = list(zip(one, two, strict=False))
        if any(a.operands != b.operands or a.shape != b.shape for a, b in together):
            continue
        rules = {
            (node.id, 0): plain(replay.rule((other.id, 0)))
            for pair in together
            for node, other in (pair, pair[::-1])
        }
        names = (_used_as(replay, loop, nodes) for nodes in (one, two))
        title = (
            f"the pieces that become {' and '.join(names)} are exchanged: "
            f"concatenated in another order"
        )
        yield Slip(title, 1.0, rules, "exchanged")


def _of_uses(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Keep some of several paths back to a tensor, or exchange what two of them go through."""
    meeting: dict[str, list[tuple[list[Node], int]]] = {}
    for nodes in loop.classes:
        for i, key in enumerate(nodes[-1].operands):
            if all((node.id, i) in replay.parts for node in nodes[1:]):
                meeting.setdefault(key, []).append((nodes, i))
    for uses in meeting.values():
        to = operand_name(replay, loop, *uses[0])
        some = [x for n in range(1, len(uses) - 1) for x in itertools.combinations(uses, n)]
        for kept in some if len(uses) <= MOST_USES else ():
            left_out = [(node, i) for nodes, i in uses if (nodes, i) not in kept for node in nodes]
            rules = {(node.id, i): nothing(replay.values[node.operands[i]]) for node, i in left_out}
            name = " and ".join(name_of(replay, loop, nodes) for nodes, _ in kept)
            title = f"of what comes back to {to}, only that from {name} is there"
            yield Slip(title, 0.8 + 0.1 * len(kept), rules, "path missing")
        for pair in itertools.combinations([x for x in uses if is_product(x[0][0])], 2):
            others = [(nodes, 1 - i) for nodes, i in pair]
            one, two = ([node.operands[i] for node in nodes] for nodes, i in others)
            shapes = {replay.graph[x].shape for x in one + two}
            if one == two or len(one) != len(two) or len(shapes) > 1:
                continue
            names = " and ".join(operand_name(replay, loop, *x) for x in others)
            rules = {
                (node.id, i): plain(replay.rule((node.id, i), operands={1 - i: replay.values[x]}))
                for (nodes, i), used in zip(pair, (two, one), strict=True)
                for node, x in zip(nodes, used, strict=True)
            }
            title = f"{names} are exchanged on the way back to {to}"
            yield Slip(title, 1.0, rules, "exchanged")


MOST_USES = 5
"""Of how many paths back to a tensor any number is left out."""


def _by_another_index(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Put what was picked back where another operation of the step picks: in another row."""
    picks = indices_of(loop)
    for others, _, each in picks:
        where = f"where {name_of(replay, loop, others)} is picked: another index"
        rules: dict[str, dict[Edge, EdgeRule]] = {}
        for nodes, place, own in picks:
            key = nodes[-1].operands[0]
            shape = replay.graph[key].shape
            if max(each) < shape[place or 0] and len(nodes) == len(others) and own != each:
                rules.setdefault(key, {}).update({
                    (node.id, 0): _put(shape, k if place is None else _with(node, place, k))
                    for node, k in zip(nodes, each, strict=True)
                })  # fmt: skip
        for key, of_key in rules.items():
            to = text_of(replay.graph, replay.graph[key])
            ways = {f"all that comes back to {to} is put": of_key}
            for nodes, *_ in picks if len(of_key) > len(others) else ():
                one = {edge: of_key[edge] for x in nodes if (edge := (x.id, 0)) in of_key}
                ways[f"what comes back from {name_of(replay, loop, nodes)} is put"] = one
            for words, some in ways.items():
                if some and all(edge in replay.parts for edge in some):
                    title = f"{words} {where}"
                    yield Slip(title, 1.0, some, "another index")


def _with(node: Node, place: int, k: int) -> tuple[Any, ...]:
    index = node.parameters["index"]
    return (*index[:place], k, *index[place + 1 :])


def _put(shape: tuple[int, ...], index: Any) -> EdgeRule:
    def rule(g: Any, _: Any) -> Any:
        filled = np.zeros(shape)
        filled[index] = g
        return filled

    return rule


def _used_as(replay: Replay, loop: Loop, nodes: Sequence[Node]) -> str:
    """Return what is computed from a piece, if that is one thing; else what the piece is called."""
    users = replay.graph.consumers(nodes[-1])
    members = [m for m in loop.classes if len(users) == 1 and users[0] in m]
    return name_of(replay, loop, members[0] if members else nodes)


@more("at every step")
def less_likely(case: Case, target: Target) -> Iterator[Candidate]:
    """Clip, use at all steps what one has computed, scale, or go wrong for one gradient alone."""
    yield from _clipped(case.replay)
    yield from _of_one_step(case.replay)
    yield from _for_one_alone(case.replay)
    yield from _scaled(case, target)


def _scaled(case: Case, target: Target) -> Iterator[Candidate]:
    """Solve for the factor of what comes back at every step along one way, or from one tensor."""
    replay = case.replay
    if not target.fits or np.count_nonzero(target.hand) < 2 or not np.isfinite(target.hand).all():
        return
    for loop in loops(replay):
        for nodes in reversed(loop.classes):  # What is nearest to the loss says it best.
            name = name_of(replay, loop, nodes)
            ways = {}
            for i in range(len(nodes[-1].operands)):
                edges = [(node.id, i) for node in nodes if (node.id, i) in replay.parts]
                if edges:
                    ways[f"{operand_name(replay, loop, nodes, i)} from {name}"] = edges
            if len(ways) > 1:
                ways = {name: [edge for edges in ways.values() for edge in edges], **ways}
            for to, edges in ways.items():
                yield from _with_factor(case, target, to, edges)
        known = {x for k in numbers(case) for x in (k, 1 / k)}
        for to, edges in _crossing(replay, loop).items():  # In these, it is not linear.
            for k in known:
                yield from _of_factor(case, to, edges, k)


def _with_factor(case: Case, target: Target, to: str, edges: Sequence[Edge]) -> Iterator[Candidate]:
    replay, gap = case.replay, target.hand - target.right
    without = made_at_each(replay, {e: nothing(replay.values[replay.operand(e)]) for e in edges})
    rest = without(target)
    part = target.right - rest if rest is not None else np.zeros(())
    size = float(np.sum(part * part))
    factor = 1 + float(np.sum(gap * part)) / size if size else 1.0
    if abs(factor) < 1e-9 or not same(target.right + (factor - 1) * part, target.hand):
        return
    yield from _of_factor(case, to, edges, factor)


def _of_factor(case: Case, to: str, edges: Sequence[Edge], factor: float) -> Iterator[Candidate]:
    replay = case.replay
    why = ("", 0.0) if abs(factor + 1) < 1e-9 else reason(case, abs(factor))
    if why is not None:
        has = f"a factor {shown(factor)}: {why[0]}" if why[0] else "its sign flipped"
        rules = {edge: _after(replay.rule(edge), times(factor)) for edge in edges}
        slip = Slip(f"what comes back to {to} has {has}", 1.0 + why[1], rules, "factor on a path")
        yield slip.candidate(replay)


@remembered
def _of_one_step(replay: Replay) -> Iterator[Candidate]:
    """Use at all steps what one of them has computed: a variable as it is after the loop."""
    for loop in loops(replay):
        for nodes in loop.classes:
            each = {stem(node.name) for node in nodes if node.name}  # Of branches, its own.
            alike = len({node.shape for node in nodes}) == 1 and len(each) < len(nodes)
            if not nodes[-1].shape or not alike:
                continue
            name = name_of(replay, loop, nodes)
            some, more = (_computed_for(replay, loop, nodes, named) for named in (False, True))
            for inside in (some, more)[: 1 + (len(some) < len(more))]:
                for k, word in ((-1, "last"), (0, "first")):
                    title, cost = f"{EVERY}{name} is that of the {word} step", 1.15 if each else 1.3
                    made = AnotherPass(functools.partial(_with_values_of, replay, inside, k))
                    yield Candidate(title, cost, predict=made, kind="wrong time")


def _computed_for(replay: Replay, loop: Loop, nodes: list[Node], named: bool) -> list[list[Node]]:
    """Return a class of nodes with what is computed for it alone since the last product."""
    found, place = {nodes[-1].id: nodes[-1]}, {m[-1].id: m for m in loop.classes}
    waiting = [nodes[-1]]
    for node in waiting:
        for x in replay.graph.operands(node):
            users = {user.id for user in replay.graph.consumers(x)}
            alone = x.id in place and x.id not in found and users <= found.keys()
            if alone and (named or not x.name) and x.primitive not in (ops.matmul, ops.einsum):
                found[x.id] = x
                waiting.append(x)
    return [place[key] for key in found]


def _with_values_of(
    replay: Replay, classes: Sequence[Sequence[Node]], k: int, target: Target
) -> Any:
    changed = {node.id: replay.values[nodes[k].id] for nodes in classes for node in nodes}
    return Replay(replay.graph, {**replay.values, **changed}).gradients.get(target.id)


@remembered
def _for_one_alone(replay: Replay) -> Iterator[Candidate]:
    """Make the same mistake at every step in what comes back to one tensor that all steps use."""
    for loop in loops(replay):
        values, inside = values_of(replay, loop), {x.id for m in loop.classes for x in m}
        written = list(compositions(replay, loop))
        for nodes in loop.classes:
            for i, key in enumerate(nodes[-1].operands):
                edges = [(node.id, i) for node in nodes]
                alike = all(node.operands[i] == key for node in nodes)
                if not alike or key in inside or any(edge not in replay.parts for edge in edges):
                    continue
                rules = [[functools.partial(replay.sent, edge)] for edge in edges]
                part = sum(np.asarray(replay.parts[edge]) for edge in edges)
                yield from _above(loop, nodes, Into(replay, key, part, rules), values, written)


def _above(
    loop: Loop,
    nodes: Sequence[Node],
    into: Into,
    values: dict[str, Values],
    written: Sequence[Sequence[WrittenOut]],
) -> Iterator[Candidate]:
    """Go up from what uses a tensor, as long as there is one way."""
    replay = into.replay
    for _ in range(MOST_ABOVE):
        together = next((t for t in written if [x.operand for x in t] == list(nodes)), None)
        if together is not None:
            yield from map(into.candidate, of_composition(replay, loop, together, values))
            nodes = [x.node for x in together]
            into = into.further([
                rule_of(x.primitive, replay.values[x.operand.id], replay.values[x.node.id])
                for x in together
            ])  # fmt: skip
            continue
        ways = [[(user.id, j) for user in replay.graph.consumers(node)
                 for j, x in enumerate(user.operands)
                 if x == node.id and (user.id, j) in replay.parts] for node in nodes]  # fmt: skip
        users = [replay.graph[way[0][0]] for way in ways if len(way) == 1]
        members = next((m for m in loop.classes if users and users[0] in m), [])
        late = members.index(users[0]) if members else 0  # The first step may have none.
        edges = [way[0] for way in ways if way]
        positions = {i for _, i in edges}
        whole = len(users) == len(nodes) and members[late : late + len(nodes)] == users
        if not whole or len(positions) != 1:
            return
        end = late + len(users)
        known = {text: of_class[late:end] for text, of_class in values.items()}
        of_steps = Loop([m[late:end] for m in loop.classes if len(m) >= end])
        for slip in of_edges(replay, of_steps, users, positions.pop(), edges, known):
            if slip.rules.keys() <= set(edges):
                yield into.candidate(slip)
        into = into.further([functools.partial(replay.sent, edge) for edge in edges])
        nodes = users


MOST_ABOVE = 5
"""How many operations are gone up."""


def _clipped(replay: Replay) -> Iterator[Candidate]:
    """Clip what arrives at one operation of every step, or what is handed on, to a usual size."""
    for loop in loops(replay):
        clipped: list[tuple[str, list[Edge], bool]] = []
        for nodes in loop.classes:
            ids = {node.id for node in nodes}
            edges = [edge for edge in replay.parts if edge[0] in ids]
            if edges and nodes[-1].shape:
                clipped.append((f"the gradient at {name_of(replay, loop, nodes)}", edges, True))
        clipped += [
            (f"what comes back to {to}", edges, False)
            for to, edges in _crossing(replay, loop).items()
        ]
        for (what, edges, before), most in itertools.product(clipped, CLIPPED_TO):
            entries = functools.partial(np.clip, a_min=-most, a_max=most)
            for word, clip in (("±", entries), ("the norm ", _length(most))):
                each = {edge: replay.rule(edge) for edge in edges}
                rules = {e: _after(r, clip) if before else _after(clip, r) for e, r in each.items()}
                title = f"{what} is clipped to {word}{most:g}"
                yield Slip(title, 1.5, rules, "clipped").candidate(replay)


CLIPPED_TO = (1.0, 0.5, 5.0, 0.1, 0.25, 0.2, 0.3, 0.4, 2.0, 3.0, 10.0)


def _length(most: float) -> Rule:
    return lambda g: g * min(1.0, most / max(float(np.linalg.norm(g)), 1e-300))


def _after(rule: Rule, clip: Rule) -> EdgeRule:
    return lambda g, _: rule(clip(g))
