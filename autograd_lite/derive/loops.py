"""Code that repeats as `for` loops: what a person writes of a loop, with an index.

A loop in the user's code is derived as so many lines. Those that differ in nothing but the names
of what each round made, and in numbers that grow with the round, are one line in a loop. So is a
sum with a term for every round, which is added up where the round is.
"""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from keyword import iskeyword
from typing import Any

from autograd_lite import ops
from autograd_lite.derive.collected import is_even, is_new, zeros
from autograd_lite.derive.layout import AT
from autograd_lite.derive.lines import Line
from autograd_lite.derive.rounds import Code, Loop, Printed, Sum, levels
from autograd_lite.program.expression import Expression

FEWEST_ROUNDS = 4
"""Fewer are as clear as they are."""

FEWEST_UNASKED = 6
"""Rounds from which there is a loop where the user's code is known to have none."""

LONGEST_BODY = 60

MOST_TERMS = 4
"""Of a sum in one round."""


class Loops:
    """The code of a derivation, with loops.

    Parameters
    ----------
    lines : sequence of Line
    comments : sequence of str
        What stands behind each.
    forward : int
        How many of them are of the forward pass.
    arguments : iterable of str
        Of the function.
    results : sequence of str
        What is returned.
    rolled : bool
        Whether loops are looked for.
    """

    def __init__(
        self, lines: Sequence[Line], comments: Sequence[str], forward: int,
        arguments: Iterable[str], results: Sequence[str], *, rolled: bool,
    ) -> None:  # fmt: skip
        self.lines, self.comments, self.forward, self.results = lines, comments, forward, results
        self.code = functools.cache(Code)
        self.codes = [self.code(line.code) for line in lines]
        self.order = {str(line.name): i for i, line in enumerate(lines)}
        self.uses = Counter(x for code in self.codes for x in code.holes)
        self.unnamed = [  # As v1, v2, …
            not (line.of or (line.node and line.node.name)) and re.match(r"v\d", line.name)
            for line in lines
        ]
        self.taken = {"np", *arguments, *self.order}
        self.nests = self._nests()
        self.deepest = max(self.nests, key=len, default=[])
        unrolled = not self.deepest and any(line.source for line in lines)
        self.fewest = FEWEST_UNASKED if unrolled else FEWEST_ROUNDS
        self.places: dict[str, tuple[Loop, int, int]] = {}
        self.loops: list[Loop] = []
        self.sums: dict[int, list[Sum]] = {}
        self.terms: dict[int, tuple[list[str], set[int]]] = {}
        self.parts: set[int] = set()
        for i in reversed(range(len(lines))):
            terms, parts = ([], set()) if i in self.parts else self._terms(lines[i])
            if len(terms) >= self.fewest - 1:
                self.terms[i] = terms, parts
                self.parts |= parts
        self.gone: set[int] = set()  # First parts of sums, which were too long for one line.
        self.instead: dict[str, str] = {}
        for start, stop in ((0, forward), (forward, len(lines))):
            if rolled:
                self._find(start, stop, self.fewest - (self.loops != []))
                self._find_sums(start, stop)
        self.loops.sort(key=lambda loop: loop.start)
        for loop in self.loops:
            self._choose_indices(loop)
        self._keep()
        for loop in self.loops:
            self._call(loop)

    def _nests(self) -> list[list[str]]:
        """Return the indices of the user's loops around each line, the outermost first."""
        files = {line.source.file for line in self.lines if line.source}
        loops = {file: list(_loops_in(file)) for file in files}
        return [
            [index for first, last, index in loops[source.file] if first <= source.line <= last]
            if (source := line.source)
            else []
            for line in self.lines
        ]

    # ---------------------------------------------------------------- finding them

    def _find(self, start: int, stop: int, fewest: int) -> None:
        """Find the largest loop among some lines, and others before and behind it.

        Going back, one round fewer is enough: the last one is often another.
        """
        keys = [() if i in self.parts else self.codes[i].key for i in range(start, stop)]
        found = []
        for period in range(1, min(LONGEST_BODY, len(keys) // fewest) + 1):
            position = start
            equal = (a == b != () for a, b in zip(keys, keys[period:], strict=False))
            for same, group in itertools.groupby(equal):
                length = sum(1 for _ in group)
                rounds = length // period + 1
                if same and rounds >= fewest:
                    found.append((-rounds * period, period, position, position + length + period))
                position += length
        for _, period, first, end in sorted(found):
            loop = self._loop(first, end, period, fewest)
            if loop is not None:
                self.loops.append(loop)
                self._find(start, loop.start, fewest)
                self._find(loop.start + loop.count * period, stop, fewest)
                return

    def _loop(self, first: int, end: int, period: int, fewest: int) -> Loop | None:
        """Return the loop of most rounds in a stretch of lines that repeat."""
        most = (end - first) // period
        for count in range(most, max(fewest, most - 2) - 1, -1):
            starts = range(first, end - count * period + 1)
            for start in sorted(starts, key=lambda i: not self._begins(i, period)):
                at = [range(start + q, start + count * period, period) for q in range(period)]
                loop = Loop(start, [count], [tuple(self.lines[i].name for i in x) for x in at])
                loop.body = [[self.codes[i] for i in x] for x in at]
                new = {
                    name: (loop, q, t)
                    for q, names in enumerate(loop.names)
                    for t, name in enumerate(names)
                }
                self.places |= new
                if self._fits(loop, list(loop.columns())):
                    return loop
                for name in new:
                    del self.places[name]
        return None

    def _begins(self, i: int, period: int) -> bool:
        """Return whether a body that begins here begins, or going back ends, as the user's does."""
        sources = (line.source for line in self.lines[i : i + period])
        at = [source.line if source else 0 for source in sources]
        return at[0] == (min(at) if i < self.forward else max(at))

    def _fits(self, loop: Loop, columns: Sequence[tuple[Any, ...]]) -> bool:
        """Find out whether what differs from round to round can be written, and settle how."""
        numbers: list[Sequence[int]] = []
        initial = dict(loop.initial)
        for column in columns:
            if isinstance(column[0], int):
                numbers.append(column)
                continue
            of = self._rounds(loop, column, initial)
            if of is None:
                return False
            numbers += [of[2]] if of and of[0] is not loop else []
        counts: list[int] | None = loop.counts
        if loop not in self.loops and not initial:
            counts = levels(numbers, loop.count)
        if counts is None:
            return False
        before, loop.counts = loop.counts, counts
        if any(loop.growth(x) is None for x in numbers):
            loop.counts = before
            return False
        loop.initial = initial
        return True

    def _rounds(
        self, loop: Loop, column: Sequence[str], initial: dict[int, str] | None = None
    ) -> tuple[Loop, int, list[int]] | tuple[()] | None:
        """Return the loop, the position in it and the rounds that names stand for.

        Nothing for what is the same in every round and known before; None for anything else.
        In `initial`, what the first round starts from is noted.
        """
        initial = dict(loop.initial) if initial is None else initial
        known = next((self.places[x] for x in reversed(column) if x in self.places), None)
        if len(set(column)) == 1 and (known is None or known[0] is not loop):
            made = self.order.get(column[0], -1) if known is None else known[0].start
            return () if made < loop.start else None
        if known is None or known[0].start > loop.start:
            return None
        other, position, _ = known
        starts = initial if other is loop else other.initial
        rounds = []
        for t, name in enumerate(column):
            place = self.places.get(name)
            if place is not None and place[:2] == (other, position):
                rounds.append(place[2])
            elif starts.get(position, name if other is loop and t == 0 else "") == name:
                starts[position] = name
                rounds.append(-1)
            else:
                return None
        if other is loop and [x - rounds[0] for x in rounds] != list(range(loop.count)):
            return None
        if other is loop and rounds[0] == -1 and self.order.get(starts[position], -1) >= loop.start:
            return None
        return other, position, rounds

    def _find_sums(self, start: int, stop: int) -> None:
        """Find lines that are added up, a term in every round: of a loop, or of one of its own."""
        for i in range(start, stop):
            terms, parts = self.terms.get(i, ([], set()))
            if not terms or self.lines[i].name in self.places:
                continue
            before = [x for x in reversed(self.loops) if start <= x.start < i]
            found = next(filter(None, (self._sum(i, terms, loop) for loop in before)), None)
            sums = [found] if found else self._own_loops(i, terms)
            if sums:
                self.sums[i] = sums
                self.gone |= parts

    def _terms(self, line: Line) -> tuple[list[str], set[int]]:
        """Return the statements that add up a sum, a term each, or write a part of an array each.

        And the lines that are nothing but the first terms of it.
        """
        name, code = line.name, line.code
        found, parts = code.split("\n")[1:], set[int]()
        if found:
            return found, parts
        while is_even(line.expression):
            node = getattr(ast.parse(code).body[0], "value", None)
            while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
                sign = "+" if isinstance(node.op, ast.Add) else "-"
                term = ast.get_source_segment(code, node.right) or ""
                i = self._only_here(term)
                if i is not None and self.unnamed[i]:
                    parts.add(i)
                    term = self.lines[i].code.partition(" = ")[2]
                found.append(f"{name} {sign}= {term}")
                node = node.left
            first = (node and ast.get_source_segment(code, node)) or ""
            i = self._only_here(first)
            if i is None:
                return [*found, f"{name} += {first}"][::-1], parts
            line, code = self.lines[i], self.lines[i].code
            parts.add(i)
        return [], set()

    def _only_here(self, code: str) -> int | None:
        """Return the line that code is the name of, if it is a statement and used in no other."""
        i = self.order.get(code)
        if i is None or self.codes[i].several or code in self.results:
            return None
        return i if self.uses[code] == 2 else None  # Made, and used.

    def _sum(self, i: int, terms: list[str], loop: Loop) -> Sum | None:
        """Return a line as a sum in a loop, if it has terms for every round."""
        name, head = self.lines[i].name, self._head(i)
        if not self._is_known(head, name, loop.start):
            return None
        anywhere = all(re.match(r"\w+\[.*?\] = ", term) for term in terms)
        for given in (terms, terms[::-1]) if anywhere else (terms,):
            known = [self._is_known(x, name, loop.start) for x in given]
            for of_round in range(1, MOST_TERMS + 1):
                spare = len(terms) - loop.count * of_round
                if not 0 <= spare <= MOST_TERMS * of_round:
                    continue
                for first in range(spare, -1, -1):  # Last: what the round has made is used.
                    end = first + loop.count * of_round
                    starts = range(first, end, of_round)
                    rounds = [self.code("\n".join(given[j : j + of_round])) for j in starts]
                    if (anywhere or all(known[:first])) and self._fits_in(loop, name, rounds):
                        others = [*range(first), *range(end, len(given))]
                        before = [j for j in others if (known[j] if anywhere else j < first)]
                        after = [given[j] for j in others if j not in before]
                        total = Sum(i, head, [given[j] for j in before], rounds, after)
                        loop.sums.append(total)
                        return total
        return None

    def _own_loops(self, i: int, terms: list[str]) -> list[Sum]:
        """Return a line as a sum in loops of its own, for runs of terms that are equal."""
        name = self.lines[i].name
        codes = [self.code(term) for term in terms]
        whole = [code.key for code in codes]
        named = [(code.key, [x for x in code.holes if isinstance(x, str)]) for code in codes]
        for keys in (whole, named):
            sums: list[Sum] = []
            apart: list[str] = []
            position = 0
            for _, group in itertools.groupby(keys):
                end = position + sum(1 for _ in group)
                loop, rounds = Loop(i, [end - position]), codes[position:end]
                if len(rounds) >= self.fewest and self._fits_in(loop, name, rounds):
                    loop.sums.append(Sum(i, "" if sums else self._head(i), apart, rounds, []))
                    sums += loop.sums
                    self.loops.append(loop)
                    apart = []
                else:
                    apart += terms[position:end]
                position = end
            if sums:
                sums[-1].after.extend(apart)
                return sums
        return []

    def _head(self, i: int) -> str:
        """Return the statement that makes the array that others write to, or that a sum begins."""
        line = self.lines[i]
        return line.code.split("\n")[0] if self.codes[i].several else (
            f"{line.name} = {zeros(line.expression)}")  # fmt: skip

    def _fits_in(self, loop: Loop, name: str, rounds: Sequence[Code]) -> bool:
        """Find out whether statements that add to `name` differ as the rounds of a loop do."""
        if len({code.key for code in rounds}) > 1:
            return False
        columns = [x for x in zip(*(code.holes for code in rounds), strict=True) if x[0] != name]
        return any(len(set(x)) > 1 for x in columns) and self._fits(loop, columns)

    def _is_known(self, code: str, name: str, start: int) -> bool:
        """Return whether a statement uses nothing but what is made before a loop."""
        used = {x for x in self.code(code).holes if x != name}
        made = [self.places[x][0].start if x in self.places else self.order.get(str(x), -1)
                for x in used]  # fmt: skip
        return all(x < start for x in made)

    # ---------------------------------------------------------------- naming what is in them

    def _choose_indices(self, loop: Loop) -> None:
        """Choose the indices of a loop, and where they start: where a number is the index."""
        depth = len(loop.counts)
        nest = self.nests[loop.start] or self.deepest
        free = [x for x in nest[-depth:] if x != "_" and x not in self.taken]
        others = (x for x in (*"ijkmn", *map("i{}".format, range(depth))) if x not in self.taken)
        loop.indices = list(dict.fromkeys((*free, *others)))[:depth]
        loop.origins = [(0, 1)] * len(loop.counts)
        numbers: list[Sequence[int]] = []
        rounds: list[Sequence[int]] = []
        for column in loop.columns():
            if isinstance(column[0], int):
                numbers.append(column)
            elif (of := self._rounds(loop, column)) and of[0] is not loop:
                other, position, at = of
                rounds.append([other.slot(position, x) for x in at])
        for level, _ in reversed(list(enumerate(loop.counts))):
            for grown in filter(None, map(loop.growth, [*numbers, *rounds])):
                if abs(grown[level + 1]) == 1 == sum(x != 0 for x in grown[1:]):
                    loop.origins[level] = grown[0], grown[level + 1]
                    break

    def _keep(self) -> None:
        """Find out of which values those of all rounds are needed."""
        for loop in self.loops:
            for q, codes in enumerate(loop.body):
                assigned = q + codes[0].several
                for column in zip(*(code.holes for code in codes), strict=True):
                    self._keep_for(loop, assigned, column)
            for total in loop.sums:
                for column in zip(*(x.holes for x in total.rounds), strict=True):
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
        of = self._rounds(loop, column)
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
                    yield from (total.head, *total.before, *total.after)
            elif line.name not in self.places and i not in self.gone:
                yield line.code

    def _call(self, loop: Loop) -> None:
        """Choose what the values of a round are called, and the lists of them."""
        for q, names in enumerate(loop.names):
            base = re.sub(r"_?\d+(?=(_delta)?$)", "", names[0])
            node = self.lines[self.order[names[0]]].node
            own = [base] if node and (node.name or "").startswith(f"{base}[") else []  # rows[0]
            base = names[0] if self.unnamed[self.order[names[0]]] else base or names[0]
            first = loop.initial.get(q)
            if q in loop.kept:
                self.taken.difference_update(names)
                wanted = itertools.chain(
                    own,
                    (f"{base}s", f"{base}_all"),
                    map(f"{base}s_{{}}".format, itertools.count(2)),
                )
                called = next(x for x in wanted if x not in self.taken and not iskeyword(x))
            elif first is not None and self._is_past(loop, first, starts=1):
                called = self.instead.get(first, first)
                if first in self.order and base not in self.taken - set(names):
                    called = self.instead[first] = base
            else:
                free = base not in self.taken - set(names) or (
                    self.order.get(base, loop.start) < loop.start
                    and base not in (*loop.called.values(), *self.results)
                    and self._is_past(loop, base, starts=0)
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
                codes = (code for total in other.sums for code in (total.head, *total.before))
                later += [x for code in codes for x in self.code(code).holes]
        for i, line in enumerate(self.lines[loop.start :], loop.start):
            if i in self.sums:
                after = (code for total in self.sums[i] for code in total.after)
                later += [x for code in after for x in self.code(code).holes]
            elif line.name not in self.places and i not in self.gone:
                later += self.codes[i].holes
        started = [x for other in self.loops for x in other.initial.values() if x == name]
        return name not in later and len(started) == starts and name not in self.places

    # ---------------------------------------------------------------- printing them

    def name(self, name: str) -> str:
        """Return what a value is called outside of loops."""
        if name not in self.places:
            return self.instead.get(name, name)
        loop, position, at = self.places[name]
        called = loop.called[position]
        return f"{called}[{loop.slot(position, at)}]" if position in loop.kept else called

    def printed(self, start: int, stop: int) -> Iterator[Printed]:
        """Yield the statements of some lines."""
        for i in range(start, stop):
            for loop in self.loops:
                if loop.start == i:
                    yield from self._printed(loop)
            if i in self.sums:
                yield from (Printed(self._plain(x)) for y in self.sums[i] for x in y.after)
            elif self.lines[i].name not in self.places and i not in self.gone:
                code, *others = self._plain(self.lines[i].code).split("\n")
                shape, at, where = self.comments[i].partition(AT)
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

    def _printed(self, loop: Loop) -> Iterator[Printed]:
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
            line, head, before = self.lines[total.line], total.head, list(total.before)
            if not self.codes[total.line].several and head and before and " += " in before[0]:
                head = before.pop(0).replace(" += ", " = ", 1)
                term = self._first_term(line)
                new = is_new(term) or term.is_number or not term.shape
                head += "" if new else ".copy()"  # It is changed in place.
            if head:
                yield Printed(self._plain(head), _shape(self.comments[total.line]))
            yield from (Printed(self._plain(x)) for x in before)
        yield from loop.heads()
        depth = len(loop.counts)
        for q, codes in enumerate(loop.body):
            lines = self._inside(loop, codes).split("\n")
            comment = _shape(self.comments[self.order[loop.names[q][0]]])
            yield Printed(lines[0], comment, depth)
            yield from (Printed(x, "", depth) for x in lines[1:])
        for total in loop.sums:
            for code in self._inside(loop, total.rounds).split("\n"):
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
                of = self._rounds(loop, column)
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


def _loops_in(file: str) -> Iterator[tuple[int, int, str]]:
    """Yield the loops of a file: their first and last lines, and their indices."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:  # A cell of a notebook may have more than Python.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.ListComp | ast.GeneratorExp):
            for x in [node] if isinstance(node, ast.For) else node.generators:
                if isinstance(x.target, ast.Name):
                    yield node.lineno, node.end_lineno or node.lineno, x.target.id
