"""Loops of a computation: the same operations again and again, found by the use of a parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.registry import remembered
from autograd_lite.check.mistakes.replay import Replay, with_nodes
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Graph, Node

MOST_BY_HAND = 3
"""How many steps somebody writes one by one, with no loop."""


@dataclass(frozen=True, eq=False)
class Loop:
    """The same operations again and again: for each of them, its nodes, one of every step.

    What the last step computes for another one is in no graph: such nodes are one fewer.
    """

    classes: list[list[Node]]

    @property
    def steps(self) -> int:
        """How many times."""
        return max(map(len, self.classes))

    def following(self, nodes: list[Node]) -> list[str | None] | None:
        """Return what the node after the last of a class has as operands; None if not known.

        An operand of the loop is that of the next step, and one from outside is None.
        """
        place = {node.id: (c, k) for c, members in enumerate(self.classes)
                 for k, node in enumerate(members)}  # fmt: skip
        found: list[str | None] = []
        for x in nodes[-1].operands:
            if x not in place:
                found.append(None)
                continue
            c, k = place[x]
            if k + 1 >= len(self.classes[c]):
                return None
            found.append(self.classes[c][k + 1].id)
        return found


@remembered
def loops(replay: Replay) -> Iterator[Loop]:
    """Return the loops of a computation: parameters are used at equal distances."""
    made = [node for node in replay.graph if node.primitive is not None]
    place = {node.id: i for i, node in enumerate(made)}
    distances = _distances(replay, place, True)
    if not any(len(x) > 2 for x in distances):  # What is computed of a parameter, as a softmax.
        distances = _distances(replay, place, False) or distances
    for places in distances:
        distances[places] = _classes(made, places, ())
    for places in _distances(replay, place, False, pairs=True):  # Two heads of an attention.
        if len(places) == 2 and (classes := _twice(made, *places)):
            distances.setdefault(places, classes)
    if not distances:
        return
    # Of several distances, the shortest at which all operations of a step repeat.
    alike = {x: min(1.0, len(classes) / (x[1] - x[0])) for x, classes in distances.items()}
    taken: set[str] = set()
    for best in sorted(distances, key=lambda x: (round(alike[x], 1), len(x)), reverse=True):
        loop = Loop(_classes(made, best, taken) if taken else distances[best])
        if any(node.id in taken for nodes in loop.classes for node in nodes):
            continue  # It is, for the most part, one that was found before.
        if any(_of_several(replay, nodes) for nodes in loop.classes):
            continue  # Two loops, as those of a bidirectional network: each has its own weights.
        if len(best) > 2:
            _add_last(loop, made)
        elif taken or len(loop.classes) < 2 or alike[best] < HALF_ALIKE:
            continue  # An operation done twice is not a loop.
        if loop.classes:
            yield loop
        taken.update(node.id for nodes in loop.classes for node in nodes)


def unequal_steps(replay: Replay) -> Iterator[Loop]:
    """Return what a loop does to single numbers, if its steps differ: those at the ends, say."""

    def kind(node: Node, further: int = 3) -> tuple[object, ...]:
        users = replay.graph.consumers(node) if further and node.id not in sums else ()
        return node.primitive, *((kind(x, further - 1), x.operands.index(node.id)) for x in users)

    sums = set(summing(replay))
    alike: dict[object, list[Node]] = {}
    for node in replay.graph:
        if node.primitive is not None and not node.shape and node.id in replay.gradients:
            operands = tuple(x.primitive for x in replay.graph.operands(node))
            alike.setdefault((operands, kind(node)), []).append(node)
    most = max(MOST_BY_HAND, *(loop.steps for loop in loops(replay)), 0)
    classes = [nodes for nodes in alike.values() if len(nodes) > most]
    if classes:
        yield Loop(classes)


HALF_ALIKE = 1.0
"""What share of the operations between two uses of a parameter are repeated in a loop."""

SHORTEST_TWICE = 5
"""How many operations make a loop of two steps, if all of them are the same."""


def _of_several(replay: Replay, nodes: list[Node]) -> bool:
    """Return whether some nodes use one parameter, and the rest another."""
    used = [replay.graph[x] for node in nodes for x in node.operands]
    weights = [x.id for x in used if x.kind == "parameter" and x.shape]
    return 1 < len(set(weights)) < len(weights) == len(nodes)


MOST_USES = 3
"""How many times a step may use the same parameter."""


def _distances(
    replay: Replay, place: dict[str, int], parameters: bool, *, pairs: bool = False
) -> dict[tuple[int, ...], list[list[Node]]]:
    """Return where tensors are used at equal distances: parameters twice, others more often.

    With `pairs`, others twice, too.
    """
    found: dict[tuple[int, ...], list[list[Node]]] = {}
    for node in replay.graph:
        if (node.kind == "parameter") != parameters or not (parameters or node.id in place):
            continue
        by_kind: dict[Primitive | None, list[int]] = {}
        for user in replay.graph.consumers(node):
            by_kind.setdefault(user.primitive, []).append(place[user.id])
        for uses in by_kind.values():
            for each in range(1, MOST_USES + 1):
                some = uses[::each]
                if len(some) > 2 - (parameters or pairs) and len(set(np.diff(some))) == 1:
                    found[tuple(some)] = []
    return found


def _classes(made: list[Node], best: tuple[int, ...], taken: Collection[str]) -> list[list[Node]]:
    """Return the operations that are the same around all of these places but the last."""
    length = best[1] - best[0]
    names = [node.primitive for node in made]
    whole = best[:-1] if len(best) > 2 else best
    before = 0
    while before < length - 1 and best[0] - before > 0:
        if any(names[i - before - 1] is not names[best[0] - before - 1] for i in whole):
            break
        if made[best[0] - before - 1].id in taken:
            break
        before += 1
    classes = []
    for offset in range(-before, length - before):
        places = [i + offset for i in whole]
        if places[-1] < len(made) and len({names[i] for i in places}) == 1:
            classes.append([made[i] for i in places])
    return classes


def _twice(made: list[Node], first: int, second: int) -> list[list[Node]]:
    """Return the operations of two steps, if all that is done in one is done in the other."""
    length, places = second - first, {node.id for node in made}
    for start in range(first, max(-1, first - length), -1) if length >= SHORTEST_TWICE else ():
        pairs = list(zip(made[start : start + length], made[start + length :], strict=False))
        other = {a.id: b.id for a, b in pairs}
        if len(pairs) == length and all(
            a.primitive is b.primitive and a.shape == b.shape
            and all(other.get(x, x) == y or places.isdisjoint((x, y))
                    for x, y in zip(a.operands, b.operands, strict=False))
            for a, b in pairs
        ):  # fmt: skip
            return [[a, b] for a, b in pairs]
    return []


def _add_last(loop: Loop, made: list[Node]) -> None:
    """Add the nodes of the last step, in which some may not be there."""
    taken = {node.id for members in loop.classes for node in members}
    place = {node.id: i for i, node in enumerate(made)}
    for members in loop.classes:
        wanted = loop.following(members)
        if wanted is None:
            continue
        for node in made[place[members[-1].id] + 1 :]:
            alike = node.primitive is members[-1].primitive and node.id not in taken
            if alike and len(node.operands) == len(wanted) and all(
                x == y or (y is None and x not in taken)
                for x, y in zip(node.operands, wanted, strict=True)
            ):  # fmt: skip
                members.append(node)
                taken.add(node.id)
                break


MOST_FOLDED = 6
"""How many operations of constants the first step of a loop may do."""


def unfolded(graph: Graph) -> Graph:
    """Return a graph in which the first step of each loop does what the others do.

    Where it starts from an array, as with ``0.9 * h``, what it computes of that is recorded as a
    constant, and the steps look different.
    """
    for weight in [node for node in graph if node.kind == "parameter"]:
        made = [node for node in graph if node.primitive is not None]
        place = {node.id: i for i, node in enumerate(made)}
        by_kind: dict[Primitive | None, list[int]] = {}
        for user in graph.consumers(weight):
            by_kind.setdefault(user.primitive, []).append(place[user.id])
        for uses in by_kind.values():
            first, *others = np.diff(uses) if len(uses) > 2 else (0, 0)
            if 0 < others[0] - first <= MOST_FOLDED and len(set(others)) == 1:
                steps = made[uses[0] : uses[1]], made[uses[1] : uses[2]]
                if nodes := _unfolded(graph, *steps):
                    graph = with_nodes(graph, nodes)
                    break
    return graph


def _unfolded(graph: Graph, step: Sequence[Node], later: Sequence[Node]) -> list[Node]:
    """Return all nodes, with those that a step folded as in a later one; none if they differ."""
    at: dict[str, str] = {}  # What corresponds to what the later step uses.
    folded: set[str] = set()
    rest = list(step)
    for node in later:
        first = rest[0] if rest else node
        pairs = list(zip(node.operands, first.operands, strict=False))
        alike = (node.primitive, node.shape) == (first.primitive, first.shape) and all(
            at.get(x, y) == y or np.array_equal(graph[at[x]].value, graph[y].value)
            for x, y in pairs
        )
        if rest and alike and all(graph[y].primitive is None for x, y in pairs if x in folded):
            at.update({x: at.get(x, y) for x, y in pairs}, **{node.id: rest.pop(0).id})
        else:
            folded.add(node.id)
    new: dict[str, Node] = {}

    def of_first(key: str) -> Node:
        there = graph[at.get(key, key)]
        if key not in folded and (key in at or there.kind == "parameter"):
            return there
        there = replace(graph[key], id=at.get(key, f"{key}'"), name=None, requires_grad=False)
        if there.primitive is not None:
            operands = [of_first(x) for x in there.operands]
            value = there.primitive.forward(*(x.value for x in operands), **there.parameters)
            there = replace(there, operands=tuple(x.id for x in operands), value=value)
        return new.setdefault(there.id, there)

    wanted = [key for key in at if key in folded]
    if rest or not wanted:
        return []
    for key in wanted:
        if not np.array_equal(of_first(key).value, graph[at[key]].value):
            return []
    nodes: list[Node] = []
    for node in graph:
        if node.id in new:  # What it is computed from comes first.
            nodes += new.values()
            new = {}
        if node.id not in {at[key] for key in wanted}:
            nodes.append(node)
    return nodes


@remembered
def summing(replay: Replay) -> Iterator[str]:
    """Return the nodes that do no more than add up the loss, also over steps, by identifier."""
    waiting = [replay.graph.outputs[0]]
    while waiting:
        node = waiting.pop()
        operands = [x for x in replay.graph.operands(node) if x.id in replay.gradients]
        scales = node.primitive in (ops.negative, ops.multiply, ops.divide) and len(operands) == 1
        if scales or node.primitive in (ops.add, ops.subtract):
            yield node.id
            waiting += [x for x in operands if len(replay.graph.consumers(x)) == 1]


class Tries:
    """Limits a search over all nodes: in a loop, a few steps without a find stand for the rest."""

    def __init__(self, replay: Replay) -> None:
        classes = [nodes for loop in loops(replay) for nodes in loop.classes]
        self._first = {x.id: nodes[0].id for nodes in classes for x in nodes}
        self._in_vain: Counter[Any] = Counter()

    def are_left(self, node: Node, *what: Any) -> bool:
        """Return whether to search at a node for `what`."""
        return self._in_vain[self._first.get(node.id, node.id), *what] < MOST_BY_HAND

    def note(self, node: Node, found: Any, *what: Any) -> None:
        """Record whether the search at a node has found `what`."""
        self._in_vain[self._first.get(node.id, node.id), *what] += not found


def recurrent(replay: Replay) -> frozenset[str]:
    """Return the nodes of a loop in which each step depends on the one before, by identifier.

    A slip in such a loop is made at every step, as it is written once; what has few steps may be
    written step by step.
    """
    if recurrent not in replay.known:
        inside: set[str] = set()
        for loop in loops(replay):
            last = [nodes[-1] for nodes in loop.classes]
            behind = (nodes[0].id in replay.behind(x.id) for nodes in loop.classes for x in last)
            if loop.steps > MOST_BY_HAND and any(behind):
                inside.update(node.id for nodes in loop.classes for node in nodes)
        replay.known[recurrent] = frozenset(inside)
    found: frozenset[str] = replay.known[recurrent]
    return found
