"""Repetition in a program: rounds of equal statements become a loop.

A loop in the user's code is traced as so many statements. They are found as such, by what finds
the loops in a picture (`autograd_lite.graph.repetition`), and compared with each other once more:
what each round uses is its own, shared, handed on by the round before, or given to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.graph.repetition import repetitions
from autograd_lite.program.program import Program, Statement, Variable, constant_key, key_of

WORTH = 60
"""Statements from which a loop is worth being one; fewer of them are as quick one by one."""
FEWEST_ROUNDS = 8


@dataclass(eq=False, slots=True)
class Loop:
    """Equal bodies in a row.

    - `body`: of a round, with variables of its own.
    - `carried`: what a round gets from the one before: what it is called in the body, what the
      first round gets, and the result that is handed on.
    - `given`: what each round has of its own: what it is called in the body, and a value for each.
    - `kept`: for results of the body that are used elsewhere: what they are called there, by the
      round.
    """

    count: int
    body: tuple[Statement, ...]
    carried: list[tuple[Variable, Any, Variable]]
    given: list[tuple[Variable, list[Any]]]
    kept: dict[Variable, dict[int, Variable]]

    @property
    def uses(self) -> Iterator[Any]:
        """What the body uses from outside."""
        inside = {id(x) for x in (*(s.result for s in self.body), *(c[0] for c in self.carried))}
        inside.update(id(g[0]) for g in self.given)
        yield from (x for s in self.body for x in s.operands if id(x) not in inside)
        yield from (initial for _, initial, _ in self.carried)
        yield from (x for _, values in self.given for x in values)

    @property
    def results(self) -> Iterator[Variable]:
        """The results that others use."""
        yield from (x for used in self.kept.values() for x in used.values())

    def ends(self, result: Variable) -> bool:
        """Return whether nothing but the last round's result is used elsewhere."""
        return self.kept.get(result, {}).keys() <= {self.count - 1}


def rolled(program: Program) -> list[Statement | Loop]:
    """Return the statements of a program in an order that computes the same, with loops."""
    if len(program.statements) < WORTH:
        return list(program.statements)
    first, rest = _parted(program)
    outputs = {x for x in program.outputs if isinstance(x, Variable)}
    return [*first, *_rolled(rest, outputs)]


def _rolled(statements: list[Statement], outside: set[Variable]) -> list[Statement | Loop]:
    """Roll statements whose results are used by each other, and outside.

    What is between the loops that are found is looked at once more: what comes from before is
    then given. So is found what goes back over a loop, last round first.
    """
    if len(statements) < WORTH:
        return list(statements)
    nodes = _Nodes(statements)
    found: list[Statement | Loop] = []
    position = 0

    def between(stop: int) -> list[Statement | Loop]:
        part = statements[position:stop]
        others = statements[:position] + statements[stop:]
        return _rolled(part, outside | _used(others)) if len(part) < len(statements) else list(part)

    for repetition in repetitions(nodes, FEWEST_ROUNDS):  # type: ignore[arg-type]  # As much of one.
        start, length = nodes.position(repetition.rounds[0][0]), len(repetition.body)
        for peeled in (0, 1):  # The first round may be another after all.
            begin, count = start + peeled * length, len(repetition.rounds) - peeled
            if count * length < WORTH:
                break
            rounds = [
                statements[begin + t * length : begin + (t + 1) * length] for t in range(count)
            ]
            end = begin + count * length
            loop = _loop(rounds, outside | _used(statements[:begin] + statements[end:]))
            if loop is not None:
                found += [*between(begin), loop]
                position = end
                break
    return found + between(len(statements))


def _parted(program: Program) -> tuple[list[Statement], list[Statement]]:
    """Part off what picks from the inputs: each round may do so with an index of its own."""
    first: list[Statement] = []
    rest: list[Statement] = []
    inputs = set(program.inputs)
    for s in program.statements:
        picks = s.function is ops.getitem and s.operands[0] in inputs
        (first if picks else rest).append(s)
    return first, rest


def _used(statements: Sequence[Statement]) -> set[Variable]:
    return {x for s in statements for x in s.operands if isinstance(x, Variable)}


def _loop(rounds: list[list[Statement]], outside: set[Variable]) -> Loop | None:
    """Return the loop of these rounds, if they are equal."""
    place = {s.result: (t, j) for t, body in enumerate(rounds) for j, s in enumerate(body)}
    count = len(rounds)
    results = [_like(s.result, f"r{s.result.name}") for s in rounds[-1]]
    carried: dict[Any, tuple[Variable, Any, Variable]] = {}
    given: dict[Any, tuple[Variable, list[Any]]] = {}
    body = []
    for j, column in enumerate(zip(*rounds, strict=True)):
        if len({_kind(s) for s in column}) > 1:
            return None
        operands: list[Any] = []
        for used in zip(*(s.operands for s in column), strict=True):
            places = [place.get(x) if isinstance(x, Variable) else None for x in used]
            last = places[-1]
            if all(x is used[0] for x in used) and last is None:
                operands.append(used[0])
            elif last is not None and places == [(t, last[1]) for t in range(count)]:
                operands.append(results[last[1]])
            elif last is not None and places[1:] == [(t, last[1]) for t in range(count - 1)]:
                result = results[last[1]]
                if places[0] is not None or not result.like(used[0]):
                    return None
                key = last[1], _key(used[0])
                name = f"c{result.name}_{len(carried)}"
                carried.setdefault(key, (_like(result, name), used[0], result))
                operands.append(carried[key][0])
            elif any(place is not None for place in places):
                return None
            elif len({_key(x) for x in used}) == 1:
                operands.append(used[0])
            elif isinstance(used[0], Variable) and all(map(used[0].like, used)):
                values = tuple(used)
                name = f"g{results[j].name}_{len(given)}"
                given.setdefault(values, (_like(used[0], name), list(used)))
                operands.append(given[values][0])
            else:
                return None
        s = column[-1]
        body.append(Statement(results[j], s.function, tuple(operands), s.parameters, s.source))
    kept: dict[Variable, dict[int, Variable]] = {}
    for t, statements in enumerate(rounds):
        for j, s in enumerate(statements):
            if s.result in outside:
                kept.setdefault(results[j], {})[t] = s.result
    return Loop(count, tuple(body), list(carried.values()), list(given.values()), kept)


def _kind(s: Statement) -> Any:
    return key_of(s.function, (), s.parameters), len(s.operands), s.result.type


def _like(x: Variable, name: str) -> Variable:
    return Variable(name, x.shape, x.dtype, x.weak)


def _key(x: Any) -> Any:
    return x if isinstance(x, Variable) else constant_key(x)


class _Nodes:
    """Statements, as far as `repetitions` looks at the nodes of a graph."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        made: dict[Any, SimpleNamespace] = {}
        self.nodes = [self._node(i, s, made) for i, s in enumerate(statements)]

    def __iter__(self) -> Iterator[SimpleNamespace]:
        return iter(self.nodes)

    def operands(self, node: SimpleNamespace) -> Any:
        """Return the operands of a node, as nodes."""
        return node.operands

    def position(self, node: Any) -> int:
        """Return which of the statements this is."""
        return int(node.id)

    def _node(self, i: int, s: Statement, made: dict[Any, SimpleNamespace]) -> SimpleNamespace:
        for x in s.operands:
            key = _key(x)
            if key not in made:
                value = x if isinstance(x, Variable) or np.ndim(x) else str(key)
                kind = "input" if isinstance(x, Variable) else "constant"
                made[key] = _described(f"x{len(made)}", kind, x, value)
        operands = tuple(made[_key(x)] for x in s.operands)
        made[s.result] = node = _described(str(i), "operation", s.result, s.result)
        node.operands, node.parameters = operands, s.parameters
        node.primitive = SimpleNamespace(name=s.function)
        return node


def _described(name: str, kind: str, x: Any, value: Any) -> SimpleNamespace:
    return SimpleNamespace(
        id=name, kind=kind, shape=np.shape(x),
        value=value, requires_grad=getattr(x, "weak", False), backward=False, calls=(),
        operands=(), parameters={}, primitive=None,
    )  # fmt: skip
