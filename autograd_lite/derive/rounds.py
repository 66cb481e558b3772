"""A loop in printed code: its rounds, which are equal but for names, and numbers that grow."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.program.expression import Expression, Name


class Printed(NamedTuple):
    """A statement, the comment behind it, and how far it is indented."""

    code: str
    comment: str = ""
    depth: int = 0


_TIGHTER = ast.BinOp | ast.UnaryOp | ast.Compare
"""Where a sum needs parentheses."""


class Code(NamedTuple):
    """Code, taken apart into what may differ from round to round, and the text in between."""

    holes: tuple[str | int, ...]  # Names and whole numbers, in the order in which they stand there.
    bound: tuple[bool, ...]  # Where a sum needs parentheses.
    between: tuple[str, ...]  # All but that, one more than there are holes.

    @classmethod
    def of(cls, text: str) -> Code:
        """Take Python code apart."""
        lines = [line.encode() for line in text.split("\n")]
        starts = list(itertools.accumulate((len(line) + 1 for line in lines), initial=0))
        tree = ast.parse(text)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        found: list[tuple[int, int, str | int, bool]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                value: Any = node.id
            elif isinstance(node, ast.Constant) and type(node.value) is int:
                value = node.value
            else:
                continue
            begin = starts[node.lineno - 1] + node.col_offset
            bound = isinstance(value, int) and isinstance(parents[node], _TIGHTER)
            found.append((begin, begin + len(str(value).encode()), value, bound))
        found.sort()
        whole = text.encode()
        ends = [0, *(end for _, end, _, _ in found)]
        begins = [*(begin for begin, *_ in found), len(whole)]
        return cls(
            tuple(value for _, _, value, _ in found),
            tuple(bound for *_, bound in found),
            tuple(whole[a:b].decode() for a, b in zip(ends, begins, strict=True)),
        )

    @property
    def key(self) -> tuple[Any, ...]:
        """What is the same for all that differs in names and numbers alone."""
        return self.between, tuple(map(type, self.holes))

    @property
    def several(self) -> bool:
        """Whether it is more than one statement."""
        return any("\n" in x for x in self.between)

    def filled(self, texts: Iterable[str]) -> str:
        """Return the text with others in the place of what may differ."""
        made = [f"({x})" if bound and " " in x else x
                for x, bound in zip(texts, self.bound, strict=True)]  # fmt: skip
        return "".join(map("".join, itertools.zip_longest(self.between, made, fillvalue="")))


class Term(NamedTuple):
    """A statement that adds to an array, or writes a part of it."""

    code: str
    sign: int = 1
    # What is added; None where a part is written, as the line itself says.
    e: Expression | None = None


@dataclass(eq=False)
class Sum:
    """A line that is added up in a loop, or written part by part: some of it in every round.

    - `line`: which of the lines it is.
    - `head`: the statement that begins it; empty where an earlier loop has begun it.
    - `before`, `after`: which of its terms go before and behind the loop.
    - `rounds`: those of each round.
    - `codes`: the same as code.
    """

    line: int
    head: str
    before: list[int]
    rounds: list[list[int]]
    codes: list[Code]
    after: list[int]


@dataclass(eq=False)
class Loop:
    """Equal bodies in a row."""

    start: int  # The line that it is printed in the place of.
    counts: list[int]  # How many rounds there are, on every level of a nest.
    # For every position in the body, the line's name in each round.
    names: list[tuple[Name, ...]] = field(default_factory=list)
    # For every position in the body, the code of each round.
    body: list[list[Code]] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)
    # For positions whose value is handed on to the next round, what the first round starts from.
    initial: dict[int, str] = field(default_factory=dict)
    # For every level what its index is called, where it starts, and whether it falls.
    indices: list[str] = field(default_factory=list)
    origins: list[tuple[int, int]] = field(default_factory=list)
    # The positions whose values of all rounds are needed: in lists.
    kept: set[int] = field(default_factory=set)
    # What the value of a position, or the list of them, is called.
    called: dict[int, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many rounds there are in all."""
        return math.prod(self.counts)

    def columns(self) -> Iterator[tuple[Any, ...]]:
        """Yield what stands in one place of the body, in each round."""
        for codes in (*self.body, *(total.codes for total in self.sums)):
            yield from zip(*(code.holes for code in codes), strict=True)

    def growth(self, numbers: Sequence[int]) -> list[int] | None:
        """Return the first number, and what is added to it along each level; None: it is not so."""
        grid = np.reshape(numbers, self.counts)
        first = int(grid.flat[0])
        steps = [int(np.moveaxis(grid, axis, 0)[1].flat[0]) - first for axis in range(grid.ndim)]
        made = first + np.tensordot(steps, np.indices(self.counts), 1)
        return [first, *steps] if np.array_equal(made, grid) else None

    def slot(self, position: int, round_: int) -> int:
        """Return where in its list the value of a round is; -1 is what the first round got.

        That is at the index of the loop, if it goes down to 0 or 1, and else counted from 0.
        """
        start, sign = self.origins[0]
        if len(self.counts) == 1 and min(start, start + sign * (self.count - 1)) in (0, 1):
            return start + sign * round_ + (position in self.initial and sign > start)
        return round_ + (position in self.initial)

    def written(self, numbers: Sequence[int]) -> str:
        """Write a number that grows with the rounds: ``2 * i + 1``."""
        first, *steps = self.growth(numbers) or [numbers[0]]
        parts = []
        for step, index, (start, sign) in zip(steps, self.indices, self.origins, strict=True):
            first -= step * sign * start
            if step:
                size = index if abs(step) == 1 else f"{abs(step)} * {index}"
                parts.append(("-" if step * sign < 0 else "+", size))
        if first or not parts:
            parts.append(("-" if first < 0 else "+", str(abs(first))))
        parts.sort(key=lambda part: part[0])  # What is added comes first.
        text = " ".join(f"{sign} {size}" for sign, size in parts)
        return text[2:] if text[0] == "+" else f"-{text[2:]}"

    def heads(self) -> Iterator[Printed]:
        """Yield the lines that begin it."""
        levels = zip(self.indices, self.origins, self.counts, strict=True)
        for depth, (index, (start, sign), n) in enumerate(levels):
            low, high = (start, start + n) if sign > 0 else (start - n + 1, start + 1)
            counted = f"range({low}, {high})" if low else f"range({high})"
            counted = counted if sign > 0 else f"reversed({counted})"
            yield Printed(f"for {index} in {counted}:", "", depth)


def levels(numbers: Sequence[Sequence[int]], count: int) -> list[int] | None:
    """Return how many rounds each level of a nest has, so that all numbers grow evenly in each."""
    if all(len(set(np.diff(x))) < 2 for x in numbers):
        return [count]
    for inner in range(count // 2, 1, -1):
        if count % inner == 0:
            steps = [np.diff(np.reshape(x, (-1, inner)), axis=1) for x in numbers]
            if all((x == x.flat[0]).all() for x in steps):
                outer = levels([x[::inner] for x in numbers], count // inner)
                return None if outer is None else [*outer, inner]
    return None
