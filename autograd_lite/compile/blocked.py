"""Entrywise statements on large arrays, block by block, so that results stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.compile.rolled import Loop
from autograd_lite.program.program import Statement, Variable

LARGE = 1 << 17
"""Entries from which an array is computed in blocks."""
ENTRIES = 1 << 15
"""Entries of a block."""
FEWEST = 3


@dataclass(eq=False, slots=True)
class Block:
    """Entrywise statements of one shape, in blocks along the first axis.

    - `kept`: results that are used elsewhere.
    """

    statements: list[Statement]
    kept: list[Variable]

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

    def cuts(self, x: Any) -> bool:
        """Return whether an operand has a part for each block; others are the same for all."""
        shape = np.shape(x)
        return len(shape) == len(self.shape) and shape[0] == self.shape[0]


def blocked(items: Sequence[Statement | Loop], outputs: Sequence[Any]) -> list[Any]:
    """Return the items in an order that computes the same, with blocks.

    Items between the statements of a block come after it, if it does not need them.
    """
    left: list[Any] = list(items)
    done: list[Any] = []
    while left:
        run, late = _gathered(left)
        if len(run) < FEWEST:
            done.append(left.pop(0))
            continue
        used = {id(x) for item in late for x in item.uses} | set(map(id, outputs))
        done.append(Block(run, [s.result for s in run if id(s.result) in used]))
        left = late
    return done


def _gathered(items: list[Any]) -> tuple[list[Statement], list[Any]]:
    """Return the statements that make a block with the first item, and all other items."""
    run: list[Statement] = []
    late: list[Any] = []
    others: set[int] = set()
    for item in items:
        shape = run[0].result.shape if run else None
        if _fits(item, shape) and others.isdisjoint(map(id, item.operands)):
            run.append(item)
        elif not run:
            return run, items
        else:
            late.append(item)
            others.update(map(id, item.results))
    return run, late


def _fits(item: Any, shape: tuple[int, ...] | None) -> bool:
    if not isinstance(item, Statement) or item.parameters or not item.entrywise:
        return False
    x = item.result
    constants = (c for c in item.operands if not isinstance(c, Variable))
    return (
        item.ufunc is not None
        and x.size >= LARGE
        and x.shape == (shape or x.shape)
        and not any(map(Block([item], []).cuts, constants))
    )
