"""The same mistake at every step of a loop: no history, a path left out, gates exchanged."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import is_product
from autograd_lite.check.mistakes.loop_passes import (
    EdgeRule,
    Slip,
    indices_of,
    name_of,
    nothing,
    operand_name,
    plain,
    values_of,
)
from autograd_lite.check.mistakes.loop_steps import (
    compositions,
    of_alike,
    of_composition,
    of_edges,
)
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Candidate,
    Case,
    Mistake,
    Target,
    mistake,
    remembered,
)
from autograd_lite.check.mistakes.repeated import Loop, loops, summing
from autograd_lite.check.mistakes.replay import Edge, Replay
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node


@mistake("at every step", "What a loop computes forwards at every step has a step backwards.")
def at_every_step(case: Case, target: Target) -> Iterator[Candidate]:
    """Make the same mistake at every step of a loop."""
    del target
    yield from _of_loops(case.replay)


@remembered
def _of_loops(replay: Replay) -> Iterator[Candidate]:
    for loop in loops(replay):
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
    yield from _pieces_exchanged(replay, loop)
    yield from _of_uses(replay, loop)
    yield from _by_another_index(replay, loop)
    yield from _each_by_itself(replay, loop)
    yield from _untransposed(replay, loop)


def _each_by_itself(replay: Replay, loop: Loop) -> Iterator[Slip]:
    """Hand nothing on from step to step."""
    step_of = {node.id: k for members in loop.classes for k, node in enumerate(members)}
    sums = set(summing(replay))
    crossing = {
        (node.id, i): nothing(replay.values[x])
        for members in loop.classes
        for node in members
        if node.id not in sums
        for i, x in enumerate(node.operands)
        if step_of.get(x, step_of[node.id]) < step_of[node.id]
    }
    if crossing:
        title = "nothing comes back from the step after: each is derived by itself"
        yield Slip(title, 0.9, crossing, "path missing")


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
    """Keep one of several paths back to a tensor."""
    meeting: dict[str, list[tuple[list[Node], int]]] = {}
    for nodes in loop.classes:
        for i, key in enumerate(nodes[-1].operands):
            if all((node.id, i) in replay.parts for node in nodes[1:]):
                meeting.setdefault(key, []).append((nodes, i))
    for uses in meeting.values():
        to = operand_name(replay, loop, *uses[0])
        for kept, _ in uses if len(uses) > 2 else ():
            rules = {(node.id, i): nothing(replay.values[node.operands[i]])
                     for nodes, i in uses if nodes is not kept for node in nodes}  # fmt: skip
            name = name_of(replay, loop, kept)
            title = f"of what comes back to {to}, only that from {name} is there"
            yield Slip(title, 0.9, rules, "path missing")


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
