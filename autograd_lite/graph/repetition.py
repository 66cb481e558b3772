"""Loops, found in what they did: equal bodies in a row, what they share and what they hand on.

A loop in the user's code leaves operations that repeat with a period. They are looked for as such,
whether modules made them or not. Operations are numbered in the order of computation. At a period
p, operation i repeats as i + p if it is the same operation, and each of its operands is as far
back, or the very same value, or a leaf that looks the same. A stretch in which every operation
repeats is a loop. Its first round starts from other values than those that a round hands on, so it
is recognised by that.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.graph.graph import Graph
from autograd_lite.graph.node import Node
from autograd_lite.graph.nodes import Nodes
from autograd_lite.ops.writing import literal

FEWEST_ROUNDS = 3
LONGEST_BODY = 400
MOST_OPERANDS = 6  # An operation with more is taken to be the only one of its kind.
MOSTLY = 0.8
"""A loop that spans this much of a longer-period one is the loop: of x, y, x, y, x, y, x, y the
period is 2, not 4."""


class Carried(NamedTuple):
    """What a round hands on to the next one."""

    source: int  # The position in the body of the operation that computes it.
    # What the first round starts from instead; None if that is computed in the round itself.
    initial: Node | None


@dataclass(frozen=True, eq=False)
class Repetition:
    """Equal bodies in a row.

    Attributes
    ----------
    rounds : tuple of tuple of Node
        The operations of each round, in the order of computation. Those at one position are equal.
    shared : tuple of Node
        What every round uses: weights, say.
    carried : tuple of Carried
        What each round hands on to the next one: the state.
    given : tuple of tuple of Node
        What each round has of its own from outside: in each tuple, a value for every round.
    inner : tuple of Repetition
        The loops in the body, in the last round.

    Examples
    --------
    >>> import autograd_lite as al
    >>> a, x = (al.Tensor(value, requires_grad=True) for value in (2.0, 1.0))
    >>> for _ in range(6):
    ...     x = x - (x * x - a) / (2 * x)
    >>> (loop,) = repetitions(al.Graph(x, names={}))
    >>> loop
    <Repetition: 6 rounds of multiply, subtract, multiply, divide, subtract>
    >>> loop.shared, loop.carried
    ((<n0 parameter parameter ()>,), (Carried(source=4, initial=<n1 parameter parameter ()>),))
    """

    rounds: tuple[tuple[Node, ...], ...]
    shared: tuple[Node, ...]
    carried: tuple[Carried, ...]
    given: tuple[tuple[Node, ...], ...]
    inner: tuple[Repetition, ...] = ()

    @property
    def body(self) -> tuple[Node, ...]:
        """The last round, whose results are what the rest of the computation uses."""
        return self.rounds[-1]

    @cached_property
    def columns(self) -> tuple[tuple[Node, ...], ...]:
        """The operations that are equal, first round first; inside a loop in the body, in all."""
        inner = {node.id: column for loop in self.inner for column in loop.columns
                 for node in column}  # fmt: skip
        position = {node.id: i for i, node in enumerate(self.body)}
        found: dict[tuple[Node, ...], None] = {}
        for node in self.body:
            places = [position[x.id] for x in inner.get(node.id, (node,))]
            found[tuple(body[i] for body in self.rounds for i in places)] = None
        return tuple(found)

    @cached_property
    def counterparts(self) -> Mapping[str, tuple[Node, ...]]:
        """The column of each operation, by its identifier."""
        return {node.id: column for column in self.columns for node in column}

    @property
    def all_given(self) -> list[tuple[Node, ...]]:
        """The values that every round has of its own, of the loops in the body too."""
        return [column for inner in self.walk() for column in inner.given]

    def walk(self) -> Iterator[Repetition]:
        """Yield this loop and all in it."""
        yield self
        for loop in self.inner:
            yield from loop.walk()

    def __len__(self) -> int:
        return len(self.rounds)

    def __repr__(self) -> str:
        names = ", ".join(node.label if node.primitive is None else node.primitive.name
                          for node in self.body)  # fmt: skip
        return f"<Repetition: {len(self)} rounds of {names}>"


def repetitions(graph: Nodes, fewest: int = FEWEST_ROUNDS) -> tuple[Repetition, ...]:
    """Find the loops of a computation, in order; those in the body of another are in its `inner`.

    Parameters
    ----------
    graph : Graph
        The computation.
    fewest : int
        How many rounds make a loop.

    Returns
    -------
    tuple of Repetition
        No operation is in two of them.
    """
    return _found(graph, [node for node in graph if node.operands], fewest)


def _found(graph: Nodes, operations: Sequence[Node], fewest: int) -> tuple[Repetition, ...]:
    if len(operations) < fewest:
        return ()
    trace = _Trace(graph, operations)
    taken = np.zeros(len(operations), bool)
    loops: list[tuple[int, Repetition]] = []
    for first, last, period in trace.candidates(fewest):
        start, times = trace.aligned(first, last, period)
        stop = start + times * period
        if times < fewest or taken[start:stop].any():
            continue
        loop = trace.repetition(start, period, times)
        if loop is None and times > fewest:  # The first round may be another after all.
            start, times = start + period, times - 1
            loop = trace.repetition(start, period, times)
        if loop is None:
            continue
        taken[start:stop] = True
        inner = _found(graph, loop.body, fewest) if period > fewest else ()
        loops.append((start, Repetition(loop.rounds, loop.shared, loop.carried, loop.given, inner)))
    return tuple(loop for _, loop in sorted(loops, key=lambda pair: pair[0]))


def bound_again(loop: Repetition, names: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Return the variable and a number, by identifier, of what a loop bound again and again.

    What the first round starts from has the number 0.

    - `names`: names of values, by identifier; of a variable, only the last value has one.
    """
    found: dict[str, tuple[str, int]] = {}
    for column in [*loop.columns, *loop.all_given]:
        name = names.get(column[-1].id)
        if name is None or {names.get(node.id, name) for node in column} != {name}:
            continue
        if len({node.id for node in column}) == len(column):
            found |= {node.id: (name, i + 1) for i, node in enumerate(column)}
            starts = [x.initial for x in loop.carried if loop.body[x.source] is column[-1]]
            found |= {x.id: (name, 0) for x in starts if x and x.id not in {*names, *found}}
    return found


def in_loops(graph: Nodes) -> list[tuple[str, Node]]:
    """Return what loops bound to variables again and again, with the names of the variables."""
    names = {node.id: node.name for node in graph if node.name}
    return [
        (name, graph[key])
        for loop in repetitions(graph)
        for key, (name, _) in sorted(bound_again(loop, names).items(), key=lambda x: x[1])
    ]


def with_numbers(graph: Graph, bound: Sequence[tuple[str, Node]]) -> Graph:
    """Return a graph in which all that was bound to one variable has a name: ``h1``, ``h2``, ``h``.

    The last keeps the name of the variable. A running sum is one value.

    - `bound`: variables, and what they were bound to, in order.
    """
    variable: dict[str, str] = {}
    for name, node in bound:
        variable.setdefault(node.id, name)
    taken = {node.name for node in graph} | {*variable.values()}
    leaves = [name for key, name in variable.items() if graph[key].primitive is None]
    starts = {name: leaves.count(name) == 1 for name in leaves}  # The first round starts from h0.
    counts: dict[str, int] = {}
    called: dict[str, str] = {}
    for key, name in variable.items():
        node, after = graph[key], graph.consumers(graph[key])
        runs = len(after) == 1 and name in (after[0].name, variable.get(after[0].id))
        if node.name is None and not (runs and after[0].primitive in RUNNING):
            i = counts[name] = counts.get(name, -starts.get(name, 0)) + 1
            like = (x for x in taken if x and x.startswith(name) and x[len(name) :].isdigit())
            short = not name[-1].isdigit() and not any(like)
            called[key] = f"{name}{'' if short else '_'}{i}"
    new = copy.copy(graph)
    nodes = [replace(x, name=called[x.id]) if x.id in called else x for x in graph]
    Nodes.__init__(new, nodes, [x.id for x in graph.outputs], graph.held)
    return new


RUNNING = (ops.add, ops.subtract, ops.multiply)
"""What a running sum or product is made of."""


class _Trace:
    """Operations in the order of computation, described by numbers that can be compared."""

    def __init__(self, graph: Nodes, operations: Sequence[Node]) -> None:
        self.graph, self.operations = graph, operations
        self.at = {node.id: i for i, node in enumerate(operations)}
        kinds: dict[Any, int] = {}
        numbers: dict[str, int] = {}
        count = len(operations)
        self.kind = np.zeros(count, np.int64)
        self.which = np.full((MOST_OPERANDS, count), -1)  # The operand itself,
        self.back = np.zeros((MOST_OPERANDS, count), np.int64)  # how far back, if it is computed,
        self.look = np.zeros((MOST_OPERANDS, count), np.int64)  # what it looks like, if not.
        for i, node in enumerate(operations):
            operands = graph.operands(node)
            own: Any = _kind(node)
            if len(operands) > MOST_OPERANDS:
                own, operands = node.id, ()
            self.kind[i] = kinds.setdefault(own, len(kinds))
            for k, x in enumerate(operands):
                if _is_number(x):
                    self.look[k, i] = kinds.setdefault(str(x.value), len(kinds)) + 1
                    continue
                self.which[k, i] = numbers.setdefault(x.id, len(numbers))
                if x.id in self.at:
                    self.back[k, i] = i - self.at[x.id]
                else:
                    self.look[k, i] = kinds.setdefault(_look(x), len(kinds)) + 1

    def candidates(self, fewest: int) -> list[tuple[int, int, int]]:
        """Return first, last and period of stretches that repeat, the longest first."""
        count = len(self.operations)
        found = np.zeros((0, 3), np.int64)
        for period in range(1, min(LONGEST_BODY, count // 2) + 1):
            same = self._same(period)
            edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).view(np.int8)))
            runs = edges.reshape(-1, 2) + np.array([0, period])
            spans = runs[:, 1] - runs[:, 0]
            starts, stops, _ = found.T
            new = [
                (first, stop, period)
                for first, stop in runs[spans >= period * (fewest - 1)].tolist()
                if not (
                    np.minimum(stops, stop) - np.maximum(starts, first) >= MOSTLY * (stop - first)
                ).any()
            ]
            if new:
                found = np.concatenate([found, new])
                if (found[:, 1] - found[:, 0] >= MOSTLY * count).any():
                    break
        ordered = sorted(found.tolist(), key=lambda run: (run[0] - run[1], run[2]))
        return [(first, stop - period, period) for first, stop, period in ordered]

    def _same(self, period: int) -> NDArray[np.bool_]:
        """Say of every operation whether it repeats after a period."""
        now, then = slice(None, -period), slice(period, None)
        same: NDArray[np.bool_] = self.kind[now] == self.kind[then]
        for k in range(MOST_OPERANDS):
            if not same.any():
                break
            same &= self._alike((k, now), (k, then))
        return same

    def _alike(self, now: Any, then: Any) -> Any:
        """Return how operands compare: the same node, as many nodes back, or alike."""
        which, back, look = (x[now] == x[then] for x in (self.which, self.back, self.look))
        return (which & look) | (back & (self.back[then] > 0)) | (look & (self.look[then] > 0))

    def aligned(self, first: int, last: int, period: int) -> tuple[int, int]:
        """Return where the first round starts, and how many there are.

        A stretch repeats from any of its operations on. The loop starts where it has most rounds,
        and hands on least.
        """
        best, chosen = (-1, 0, 0), (first, 0)
        for start in range(max(0, first - period), min(first + period, last)):
            times = (last + period - start) // period
            if start < first and not self._starts(start, first, period):
                continue
            if times < best[0]:
                break
            handed = self.which[:, start + period : start + 2 * period]
            back = self.back[:, start + period : start + 2 * period]
            beyond = back > np.arange(period)
            score = (times, -len(np.unique(handed[beyond])), -start)
            if score > best:
                best, chosen = score, (start, times)
        return chosen

    def _starts(self, start: int, first: int, period: int) -> bool:
        """Return whether a round that begins here differs from the next in its state alone."""
        now, then = slice(start, first), slice(start + period, first + period)
        if (self.kind[now] != self.kind[then]).any():
            return False
        at = np.arange(start + period, first + period)
        handed = at - self.back[:, then] < start + period
        everything = slice(None)
        alike = self._alike((everything, now), (everything, then))
        return bool((alike | (handed & (self.back[:, then] > 0))).all())

    def repetition(self, start: int, period: int, times: int) -> Repetition | None:
        """Sort the operands of all rounds into what is shared, handed on and given."""
        rounds = tuple(
            tuple(self.operations[i : i + period])
            for i in range(start, start + times * period, period)
        )
        shared: dict[str, Node] = {}
        carried: dict[int, Carried] = {}
        given: dict[tuple[str, ...], tuple[Node, ...]] = {}
        for column in zip(*rounds, strict=True):
            for used in zip(*(self.graph.operands(node) for node in column), strict=True):
                if _is_number(used[-1]):
                    continue
                places = [self._place(x, start, period, times) for x in used]
                own = [place and place[0] - t for t, place in enumerate(places)]
                if all(x is used[0] for x in used) and places[0] is None:
                    shared[used[0].id] = used[0]
                elif places[-1] is None:
                    if any(place is not None for place in places):
                        return None
                    if _look(used[0]) != _look(used[-1]):
                        return None
                    given[tuple(x.id for x in used)] = used
                elif any(place is None or place[1] != places[-1][1] for place in places[1:]):
                    return None
                elif own[1:] == [-1] * (times - 1):
                    source = places[-1][1]
                    initial = None if places[0] is not None else used[0]
                    fits = initial is None or initial.shape == rounds[-1][source].shape
                    if not fits and not _is_number(used[0]):
                        return None
                    if source not in carried or carried[source].initial is None:
                        carried[source] = Carried(source, initial)
                elif own != [0] * times:
                    return None
        return Repetition(rounds, tuple(shared.values()), tuple(carried.values()),
                          tuple(given.values()))  # fmt: skip

    def _place(self, x: Node, start: int, period: int, times: int) -> tuple[int, int] | None:
        """Return round and position of an operation; None for what is outside."""
        i = self.at.get(x.id, -1) - start
        return divmod(i, period) if 0 <= i < period * times else None


def _is_number(x: Node) -> bool:
    return x.kind == "constant" and not x.shape


def _kind(node: Node) -> tuple[Any, ...]:
    """Describe an operation, but for its operands."""
    settings = [(key, literal(x)) for key, x in node.parameters.items()]
    return (
        node.primitive and node.primitive.name, len(node.operands), *settings, node.shape,
        _dtype(node), node.requires_grad, node.backward,
        tuple(call.kind for call in node.calls),
    )  # fmt: skip


def _look(x: Node) -> tuple[Any, ...]:
    return x.kind, x.shape, _dtype(x), x.requires_grad


def _dtype(x: Node) -> Any:
    return getattr(x.value, "dtype", None) or np.asarray(x.value).dtype
