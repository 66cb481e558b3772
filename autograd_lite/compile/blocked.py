"""Entrywise statements on large arrays, block by block, so that results stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.program.program import Statement, Variable

LARGE = 1 << 17
"""Entries from which an array is computed in blocks."""
ENTRIES = 1 << 15
"""Entries of a block."""
WITHIN = 300
"""How far apart the items of a block may be."""


@dataclass(eq=False, slots=True)
class Block:
    """Entrywise statements of one shape, in blocks along the first axis.

    - `kept`: results that are used elsewhere.
    """

    statements: list[Statement]
    kept: list[Variable]

    @staticmethod
    def worth(statements: Sequence[Statement]) -> bool:
        """Return whether so many statements are worth a block."""
        return len(statements) >= 3

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all results."""
        return self.statements[0].result.shape

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return max(1, ENTRIES * self.shape[0] // self.statements[0].result.size)

    @property
    def uses(self) -> Iterator[Any]:
        """What the statements use from outside."""
        inside = {id(s.result) for s in self.statements}
        yield from (x for s in self.statements for x in s.operands if id(x) not in inside)

    @property
    def results(self) -> Iterator[Variable]:
        """The results that others use."""
        yield from self.kept

    def cuts(self, x: Any) -> bool:
        """Return whether an operand has a part for each block; others are the same for all."""
        shape = np.shape(x)
        return len(shape) == len(self.shape) and shape[0] == self.shape[0]


def blocked(
    items: Sequence[Any],
    outputs: Sequence[Any],
    fits: Callable[[Statement], Any] | None = None,
    kind: type[Block] = Block,
) -> list[Any]:
    """Return the items in an order that computes the same, with blocks.

    Items between the statements of a block come after it, if it does not need them; numbers that
    it does need come before.

    - `fits`: what the statements of a block have in common; None if one can be in none.
    """
    left: list[Any] = list(items)
    kinds = {id(s): (fits or _fits)(s) for s in left if isinstance(s, Statement)}
    done: list[Any] = []
    while left:
        early, run, late = _gathered(left, kinds)
        if not kind.worth(run):
            done.append(left.pop(0))
            continue
        used = {id(x) for item in late for x in item.uses} | set(map(id, outputs))
        done += [*early, kind(run, [s.result for s in run if id(s.result) in used])]
        left = late
    return done


def _gathered(
    items: list[Any], kinds: dict[int, Any]
) -> tuple[list[Statement], list[Statement], list[Any]]:
    """Return numbers, the statements that make a block with the first item, and all other items.

    What shares no array with them is not one of them.
    """
    early: list[Statement] = []
    run: list[Statement] = []
    late: list[Any] = []
    inside: set[int] = set()
    others: set[int] = set()
    kind = kinds.get(id(items[0]))
    if kind is None:
        return early, run, items
    for item in items[:WITHIN]:
        uses = {*map(id, item.uses)}
        free = others.isdisjoint(uses)
        if free and kinds.get(id(item)) == kind:
            run.append(item)
            inside.add(id(item.result))
        elif isinstance(item, Statement) and free and not item.result.shape and not inside & uses:
            early.append(item)
        else:
            late.append(item)
            others.update(map(id, item.results))
    near = {id(x) for x in (run[0].result, *run[0].operands) if np.shape(x)}
    reached = 0
    while reached != len(near):
        reached = len(near)
        for s in run:
            arrays = {id(x) for x in (s.result, *s.operands) if np.shape(x)}
            near |= arrays if near & arrays else set()
    apart = [s for s in run if id(s.result) not in near]  # Side by side, they would be slower.
    return early, [s for s in run if id(s.result) in near], apart + late + items[WITHIN:]


def _fits(s: Statement) -> Any:
    constants = (c for c in s.operands if not isinstance(c, Variable))
    fit = (
        not s.parameters
        and s.entrywise
        and s.ufunc is not None
        and s.result.size >= LARGE
        and not any(map(Block([s], []).cuts, constants))
    )
    return s.result.shape if fit else None
