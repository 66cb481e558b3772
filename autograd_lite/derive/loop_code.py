"""The code of a derivation with its loops: what the values of a round are called, and kept in."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from keyword import iskeyword
from typing import Any

from autograd_lite import ops
from autograd_lite.derive.collected import is_new
from autograd_lite.derive.layout import AT
from autograd_lite.derive.lines import Line
from autograd_lite.derive.loops import Loops
from autograd_lite.derive.rounds import Code, Loop, Printed
from autograd_lite.program.expression import Expression


class LoopCode(Loops):
    """The lines of a derivation as statements, with loops.

    - `forward`: how many of them are of the forward pass.
    - `arguments`: of the function.
    - `results`: what is returned.
    - `rolled`: whether there are loops.
    """

    def __init__(
        self, lines: Sequence[Line], forward: int,
        arguments: Iterable[str], results: Sequence[str], *, rolled: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(lines, forward, results, rolled=rolled)
        self.taken = {"np", *arguments, *self.order}
        self.instead: dict[str, str] = {}  # What a line is called that a loop goes on from.
        for loop in self.loops:
            self._choose_indices(loop)
        self.taken.update(*(loop.indices for loop in self.loops))
        self._keep()
        for loop in self.loops:
            self._call(loop)

    def _choose_indices(self, loop: Loop) -> None:
        """Choose the indices of a loop, and where they start: where a number is the index."""
        depth = len(loop.counts)
        nests = [self.nests[self.order[names[0]]] for names in loop.names]
        nest = min(nests, key=len, default=self.nests[loop.start]) or self.deepest
        # An outer loop of few rounds is written out: its lines repeat; an inner one may be a sum.
        lines = [self.order[names[0]] for x in self.loops for names in x.names]
        lines += [total.line for x in self.loops for total in x.sums]
        sources = [self.lines[i].source for i in lines]
        several = sources.count(self.lines[loop.start].source) > 1
        nest = nest[-depth:] if several else nest[:depth]
        free = [x for x, _ in nest if x != "_" and x not in self.taken]
        others = (x for x in (*"ijkmn", *map("i{}".format, range(depth))) if x not in self.taken)
        loop.indices = list(dict.fromkeys((*free, *others)))[:depth]
        loop.origins = [(0, 1)] * len(loop.counts)
        numbers: list[Sequence[int]] = []
        rounds: list[Sequence[int]] = []
        for column in loop.columns():
            if isinstance(column[0], int):
                numbers.append(column)
            elif (of := self.rounds(loop, column)) and of[0] is not loop:
                other, position, at = of
                rounds.append([other.slot(position, x) for x in at])
        for level in reversed(range(len(loop.counts))):
            known = [
                (grown[0], grown[level + 1])
                for grown in filter(None, map(loop.growth, [*numbers, *rounds]))
                if abs(grown[level + 1]) == 1 == sum(x != 0 for x in grown[1:])
            ]
            if loop.start < self.forward:
                known = [*{(start, 1) for _, start in nest[level : level + 1]} & {*known}, *known]
            loop.origins[level] = next(iter(known), (0, 1))

    def _keep(self) -> None:
        """Find out of which values those of all rounds are needed."""
        for loop in self.loops:
            for q, codes in enumerate(loop.body):
                assigned = q + codes[0].several
                for column in zip(*(code.holes for code in codes), strict=True):
                    self._keep_for(loop, assigned, column)
            for total in loop.sums:
                for column in zip(*(x.holes for x in total.codes), strict=True):
                    if column[0] != self.lines[total.line].name:
                        self._keep_for(loop, len(loop.body), column)
        for code in (*self._straight(), *self.results):
            for name in self.code(code).holes:
                if name in self.places:
                    loop, position, at = self.places[name]
                    if at < loop.count - 1:
                        loop.kept.add(position)

    def _keep_for(self, loop: Loop, assigned: int, column: tuple[Any, ...]) -> None:
        """Keep what is read in other loops, or after the next round's, up to here, is assigned."""
        if isinstance(column[0], int):
            return
        of = self.rounds(loop, column)
        if of:
            other, position, rounds = of
            if other is not loop or (rounds[0] < 0 and position < assigned):
                other.kept.add(position)
        elif column[0] in self.places:
            other, position, at = self.places[column[0]]
            if at < other.count - 1:
                other.kept.add(position)

    def _straight(self) -> Iterator[str]:
        """Yield the code outside of loops."""
        for i, line in enumerate(self.lines):
            if i in self.sums:
                for total in self.sums[i]:
                    yield from (total.head, *self.said(total, total.before + total.after))
            elif line.name not in self.places and i not in self.gone:
                yield line.code

    def _call(self, loop: Loop) -> None:
        """Choose what the values of a round are called, and the lists of them."""
        for q in loop.kept:
            self.taken.difference_update(loop.names[q])
        last = max((self.order[x] for names in loop.names for x in names), default=-1)
        for q, names in enumerate(loop.names):
            base = re.sub(r"(?<!_delta)(?<!_delta_)_?\d+(|_delta|_delta_\d+)$", r"\1", names[0])
            node = self.lines[self.order[names[0]]].node
            own = [base] if node and (node.name or "").startswith(f"{base}[") else []  # rows[0]
            base = names[0] if self.unnamed[self.order[names[0]]] else base or names[0]
            first = loop.initial.get(q)
            if q in loop.kept:
                wanted = itertools.chain(
                    own,
                    (f"{base}s", f"{base}_all"),
                    map(f"{base}s_{{}}".format, itertools.count(2)),
                )
                called = next(x for x in wanted if x not in self.taken and not iskeyword(x))
            elif first is not None and self._is_past(loop, first, starts=1):
                called = self.instead.get(first, first)
                if base not in self.taken - set(names):
                    called = base
                    if first in self.order:
                        self.instead[first] = base
            else:
                later = self.order.get(base, -1) > last and base not in self.places
                free = (
                    base not in self.taken - set(names)
                    or later
                    or (
                        self.order.get(base, loop.start) < loop.start
                        and base not in loop.called.values()
                        and self._is_past(loop, base, starts=0)
                    )
                )
                called = base if free else names[-1]
            self.taken.add(called)
            loop.called[q] = called

    def _is_past(self, loop: Loop, name: str, starts: int) -> bool:
        """Return whether nothing from a loop on needs a value, but for loops that start from it."""
        later = [x for column in loop.columns() if len(set(column)) == 1 for x in column[:1]]
        for other in self.loops:
            if other.start > loop.start:
                later += [x for column in other.columns() for x in column]
                codes = (code for total in other.sums
                         for code in (total.head, *self.said(total, total.before)))  # fmt: skip
                later += [x for code in codes for x in self.code(code).holes]
        for i, line in enumerate(self.lines[loop.start :], loop.start):
            if i in self.sums:
                after = (code for total in self.sums[i] for code in self.said(total, total.after))
                later += [x for code in after for x in self.code(code).holes]
            elif line.name not in self.places and i not in self.gone:
                later += self.codes[i].holes
        started = [x for other in self.loops for x in other.initial.values() if x == name]
        needed = name in later or name in self.results or name in self.places
        return not needed and len(started) == starts

    # ---------------------------------------------------------------- printing them

    def name(self, name: str) -> str:
        """Return what a value is called outside of loops."""
        if name not in self.places:
            return self.instead.get(name, name)
        loop, position, at = self.places[name]
        called = loop.called[position]
        return f"{called}[{loop.slot(position, at)}]" if position in loop.kept else called

    def printed(self, start: int, stop: int, comments: Sequence[str]) -> Iterator[Printed]:
        """Yield the statements of some lines, with what stands behind each of all lines."""
        for i in range(start, stop):
            for loop in self.loops:
                if loop.start == i:
                    yield from self._printed(loop, comments)
            if i in self.sums:
                yield from (Printed(self._plain(x)) for y in self.sums[i]
                            for x in self.said(y, y.after))  # fmt: skip
            elif self.lines[i].name not in self.places and i not in self.gone:
                code, *others = self._plain(self.lines[i].code).split("\n")
                shape, at, where = comments[i].partition(AT)
                yield Printed(code, shape + at + (where and self._plain(where)))
                yield from map(Printed, others)

    def _plain(self, code: str) -> str:
        """Write a statement outside of loops."""
        taken_apart = self.code(code)
        text = taken_apart.filled(self.name(x) if isinstance(x, str) else str(x)
                                  for x in taken_apart.holes)  # fmt: skip
        for loop in self.loops:  # A list of all rounds is the list that there is.
            for q in loop.kept:
                whole, first = ", ".join(map(self.name, loop.names[q])), loop.slot(q, 0)
                if first < loop.slot(q, 1):
                    part = loop.called[q] + f"[{first}:]" * (first > 0)
                    text = text.replace(f"[{whole}]", part)
        return text

    def _printed(self, loop: Loop, comments: Sequence[str]) -> Iterator[Printed]:
        """Yield the statements of a loop, with what has to be there before."""
        for q, first in loop.initial.items():
            called, first = loop.called[q], self.name(first)
            if q not in loop.kept and called != first:
                yield Printed(f"{called} = {first}")
        for q in sorted(loop.kept):
            ends = loop.slot(q, 0), loop.slot(q, loop.count - 1), loop.slot(q, -1)
            filled = [f"[None] * {max(ends[:2]) + (q not in loop.initial or ends[2] > 0)}"]
            if q in loop.initial:
                filled.insert(ends[2] > 0, f"[{self.name(loop.initial[q])}]")
            yield Printed(f"{loop.called[q]} = {' + '.join(filled)}")
        for total in loop.sums:
            line, head = self.lines[total.line], total.head
            before = self.said(total, total.before)
            if not self.codes[total.line].several and head and before and " += " in before[0]:
                head = before.pop(0).replace(" += ", " = ", 1)
                term = self._first_term(line)
                new = is_new(term) or term.is_number or not term.shape
                head += "" if new else ".copy()"  # It is changed in place.
            if head:
                yield Printed(self._plain(head), _shape(comments[total.line]))
            yield from (Printed(self._plain(x)) for x in before)
        yield from loop.heads()
        depth = len(loop.counts)
        for q, codes in enumerate(loop.body):
            lines = self._inside(loop, codes).split("\n")
            comment = _shape(comments[self.order[loop.names[q][0]]])
            yield Printed(lines[0], comment, depth)
            yield from (Printed(x, "", depth) for x in lines[1:])
        for total in loop.sums:
            for code in self._inside(loop, total.codes).split("\n"):
                yield Printed(code, "", depth)

    def _first_term(self, line: Line) -> Expression:
        """Return what a sum begins with, which may be in a line of its own."""
        e = line.expression
        while True:
            if e.name in self.order and self.order[e.name] in self.gone:
                e = self.lines[self.order[e.name]].expression
            elif e.name is None and e.operation in (ops.add, ops.subtract):
                e = e.operands[0]
            else:
                return e

    def _inside(self, loop: Loop, codes: Sequence[Code]) -> str:
        """Write code in a loop."""
        texts = []
        for column in zip(*(code.holes for code in codes), strict=True):
            if isinstance(column[0], int):
                same = len(set(column)) == 1
                texts.append(str(column[0]) if same else loop.written(column))
                continue
            of = None
            if column[0] not in (self.lines[x.line].name for x in loop.sums):
                of = self.rounds(loop, column)
            if not of:
                texts.append(self.name(column[0]))
                continue
            other, position, rounds = of
            called = other.called[position]
            if position in other.kept:
                called += f"[{loop.written([other.slot(position, x) for x in rounds])}]"
            texts.append(called)
        return codes[0].filled(texts)


def _shape(comment: str) -> str:
    return comment.partition(AT)[0]
