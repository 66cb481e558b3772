"""Loops that lines of code are rounds of, found in what they say.

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
from collections.abc import Sequence
from typing import Any

from autograd_lite import ops
from autograd_lite.derive.collected import is_even, zeros
from autograd_lite.derive.lines import Line
from autograd_lite.derive.rounds import Code, Loop, Sum, Term, levels
from autograd_lite.derive.writing import OPPOSITE, changes_sign, write_whole
from autograd_lite.program.expression import Expression
from autograd_lite.program.simplify import scaled, split

FEWEST_ROUNDS = 4
"""Fewer are as clear as they are."""

FEWEST_UNASKED = 6
"""Rounds from which there is a loop where the user's code is known to have none."""

LONGEST_BODY = 60

MOST_TERMS = 4
"""Of a sum in one round."""


class Loops:
    """The loops in the lines of a derivation.

    - `forward`: how many of them are of the forward pass.
    - `results`: what is returned.
    - `rolled`: whether loops are looked for.

    It has

    - `loops`: in the order of their lines.
    - `places`: for what a round makes, its loop, the position in the body, and the round.
    - `sums`: the lines that are added up in loops.
    - `gone`: lines that are nothing but the first terms of such a sum.
    """

    def __init__(
        self, lines: Sequence[Line], forward: int, results: Sequence[str], *, rolled: bool
    ) -> None:
        self.lines, self.forward, self.results = lines, forward, results
        self.code = functools.cache(Code.of)
        self.codes = [self.code(line.code) for line in lines]
        self.order = {str(line.name): i for i, line in enumerate(lines)}
        self.uses = Counter(x for code in self.codes for x in code.holes)
        self.unnamed = [  # As v1, v2, …
            not (line.of or (line.node and line.node.name)) and re.match(r"v\d", line.name)
            for line in lines
        ]
        self.nests = self._nests()
        self.deepest = max(self.nests, key=len, default=[])
        read = any(line.source and line.source.text for line in lines)
        unrolled = read and not self.deepest
        self.fewest = FEWEST_UNASKED if unrolled else FEWEST_ROUNDS
        self.places: dict[str, tuple[Loop, int, int]] = {}
        self.loops: list[Loop] = []
        self.sums: dict[int, list[Sum]] = {}
        self.terms: dict[int, tuple[list[Term], set[int]]] = {}
        self.parts: set[int] = set()  # Lines that are terms of a sum, and used nowhere else.
        for i in reversed(range(len(lines))):
            terms, parts = ([], set()) if i in self.parts else self._terms(lines[i])
            if len(terms) >= self.fewest - 1:
                self.terms[i] = terms, parts
                self.parts |= parts
        self.gone: set[int] = set()
        for start, stop in ((0, forward), (forward, len(lines))):
            if rolled:
                at = [i for i in range(start, stop) if i not in self.parts
                      and len(self.terms.get(i, ([], []))[1]) < self.fewest - 1]  # fmt: skip
                self._find(at, self.fewest - (self.loops != []))
                self._find_sums(start, stop)
        self.loops.sort(key=lambda loop: loop.start)

    def _nests(self) -> list[list[tuple[str, int]]]:
        """Return the indices of the user's loops around each line, and where they start."""
        files = {line.source.file for line in self.lines if line.source}
        loops = {file: _loops_in("".join(linecache.getlines(file))) for file in files}
        return [
            [index for first, last, index in loops[source.file] if first <= source.line <= last]
            if (source := line.source)
            else []
            for line in self.lines
        ]

    def _find(self, at: Sequence[int], fewest: int) -> None:
        """Find the largest loop among some lines, and others before and behind it.

        Going back, one round fewer is enough: the last one is often another.
        """
        keys = [self.codes[i].key for i in at]
        found = []
        for period in range(1, min(LONGEST_BODY, len(keys) // fewest) + 1):
            position = 0
            equal = (a == b for a, b in zip(keys, keys[period:], strict=False))
            for same, group in itertools.groupby(equal):
                length = sum(1 for _ in group)
                rounds = length // period + 1
                if same and rounds >= fewest:
                    found.append((-rounds * period, period, position, position + length + period))
                position += length
        for _, period, first, end in sorted(found):
            loop = self._loop(at[first:end], period, fewest)
            if loop is not None:
                self.loops.append(loop)
                start = at.index(loop.start)
                self._find(at[:start], fewest)
                self._find(at[start + loop.count * period :], fewest)
                return

    def _loop(self, lines: Sequence[int], period: int, fewest: int) -> Loop | None:
        """Return the loop of most rounds in a stretch of lines that repeat."""
        most = len(lines) // period
        for count in range(most, max(fewest, most - 2) - 1, -1):
            starts = range(len(lines) - count * period + 1)
            for start in sorted(starts, key=lambda k: not self._begins(lines[k : k + period])):
                of_loop = lines[start : start + count * period]
                at = [of_loop[q::period] for q in range(period)]
                loop = Loop(of_loop[0], [count], [tuple(self.lines[i].name for i in x) for x in at])
                loop.body = [[self.codes[i] for i in x] for x in at]
                new: dict[str, tuple[Loop, int, int]] = {
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

    def _begins(self, lines: Sequence[int]) -> bool:
        """Return whether a body that begins here begins, or going back ends, as the user's does."""
        sources = (self.lines[i].source for i in lines)
        at = [source.line if source else 0 for source in sources]
        return at[0] == (min(at) if lines[0] < self.forward else max(at))

    def _fits(self, loop: Loop, columns: Sequence[tuple[Any, ...]]) -> bool:
        """Find out whether what differs from round to round can be written, and settle how."""
        numbers: list[Sequence[int]] = []
        initial = dict(loop.initial)
        for column in columns:
            if isinstance(column[0], int):
                numbers.append(column)
                continue
            of = self.rounds(loop, column, initial)
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

    def rounds(
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
            before.sort(key=lambda x: len(terms) % x.count > 0)  # All terms in rounds, if they may.
            found = next(filter(None, (self._sum(i, terms, loop) for loop in before)), None)
            sums = [found] if found else []
            own = self._own_loops(i, found.after if found else [*range(len(terms))], bool(found))
            if found and own:
                found.after = []
            sums += own
            if sums:
                self.sums[i] = sums
                self.gone |= parts

    def _terms(self, line: Line) -> tuple[list[Term], set[int]]:
        """Return the statements that add up a sum, a term each, or write a part of an array each.

        And the lines that are nothing but the first terms of it.
        """
        found, parts = list(map(Term, line.code.split("\n")[1:])), set[int]()
        if found:
            return found, parts
        name, e, factor = line.name, line.expression, 1.0
        while is_even(e):
            while e.name is None:
                number, rest = split(e)
                long = rest.operation in OPPOSITE and rest.operands[0].operation in OPPOSITE
                if abs(number) != 1.0 and rest.name is None and long:
                    factor, e = factor * number, rest
                if e.operation not in OPPOSITE:
                    break
                sign = 1 if e.operation is ops.add else -1
                e, term = e.operands
                i = self._only_here(term)
                if i is not None and self.unnamed[i]:
                    parts.add(i)
                    term = self.lines[i].expression
                found.append(_term(name, sign, scaled(factor, term)))
            i = self._only_here(e)
            if i is None or not (self.unnamed[i] or _stem(self.lines[i].name) == _stem(name)):
                return [*found, _term(name, 1, scaled(factor, e))][::-1], parts
            e = self.lines[i].expression
            parts.add(i)
        return [], set()

    def _only_here(self, e: Expression) -> int | None:
        """Return the line that this is the name of, if it is a statement and used in no other."""
        i = self.order.get(str(e.name))
        if i is None or self.codes[i].several or e.name in self.results:
            return None
        return i if self.uses[str(e.name)] == 2 else None  # Made, and used.

    def _sum(self, i: int, terms: Sequence[Term], loop: Loop) -> Sum | None:
        """Return a line as a sum in a loop, if it has terms for every round."""
        name, head = self.lines[i].name, self._head(i)
        if not self._is_known(head, name, loop.start):
            return None
        anywhere = all(re.match(r"\w+\[.*?\] = ", term.code) for term in terms)
        order = list(range(len(terms)))
        for given in (order, order[::-1]) if anywhere else (order,):
            known = [self._is_known(terms[k].code, name, loop.start) for k in given]
            for of_round in range(1, MOST_TERMS + 1):
                spare = len(terms) - loop.count * of_round
                if not 0 <= spare <= MOST_TERMS * of_round:
                    continue
                for first in range(spare, -1, -1):  # Last: what the round has made is used.
                    end = first + loop.count * of_round
                    rounds = [given[j : j + of_round] for j in range(first, end, of_round)]
                    codes = [self.code("\n".join(terms[k].code for k in x)) for x in rounds]
                    if len({code.key for code in codes}) > 1:  # In another order, they may fit.
                        rounds = [sorted(x, key=lambda k: self.code(terms[k].code).key[0])
                                  for x in rounds]  # fmt: skip
                        codes = [self.code("\n".join(terms[k].code for k in x)) for x in rounds]
                    if (anywhere or all(known[:first])) and self._fits_in(loop, name, codes):
                        others = [*range(first), *range(end, len(given))]
                        before = [j for j in others if (known[j] if anywhere else j < first)]
                        after = [given[j] for j in others if j not in before]
                        total = Sum(i, head, [given[j] for j in before], rounds, codes, after)
                        loop.sums.append(total)
                        return total
        return None

    def _own_loops(self, i: int, at: Sequence[int], begun: bool) -> list[Sum]:
        """Return terms of a line as sums in loops of their own, for runs of equal ones."""
        name, terms = self.lines[i].name, self.terms[i][0]
        codes = [self.code(terms[k].code) for k in at]
        whole = [code.key for code in codes]
        named = [(code.key, [x for x in code.holes if isinstance(x, str)]) for code in codes]
        for keys in (whole, named):
            sums: list[Sum] = []
            apart: list[int] = []
            position = 0
            while position < len(at):
                size = next((n for n in range(1, MOST_TERMS + 1)
                             if _repeats(keys[position:], n) >= self.fewest), 1)  # fmt: skip
                end = position + size * _repeats(keys[position:], size)
                rounds = [list(at[k : k + size]) for k in range(position, end, size)]
                of_run = [self.code("\n".join(terms[k].code for k in x)) for x in rounds]
                loop = Loop(i, [len(rounds)])
                if len(rounds) >= self.fewest and self._fits_in(loop, name, of_run):
                    head = "" if sums or begun else self._head(i)
                    loop.sums.append(Sum(i, head, apart, rounds, of_run, []))
                    sums += loop.sums
                    self.loops.append(loop)
                    apart = []
                else:
                    apart += at[position:end]
                position = end
            if sums:
                sums[-1].after.extend(apart)
                return sums
        return []

    def said(self, total: Sum, terms: Sequence[int]) -> list[str]:
        """Return some terms of a sum as statements."""
        return [self.terms[total.line][0][k].code for k in terms]

    def _head(self, i: int) -> str:
        """Return the statement that makes the array that others write to, or that a sum begins."""
        line = self.lines[i]
        return line.code.split("\n")[0] if self.codes[i].several else (
            f"{line.name} = {zeros(line.expression, like=line.like)}")  # fmt: skip

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


def _repeats(keys: Sequence[Any], size: int) -> int:
    """Return how often the first of some keys come in a row."""
    count = 1
    while keys[size * count : size * (count + 1)] == keys[:size]:
        count += 1
    return count


def _stem(name: str) -> str:
    """Return what a variable is called that was bound several times: total1, then total."""
    return re.sub(r"_?\d+$", "", name)


def _term(name: str, sign: int, e: Expression) -> Term:
    """Return the statement that adds to a sum."""
    while e.name is None and e.operation is ops.negative:
        sign, e = -sign, e.operands[0]
    text = write_whole(e, "python")
    if changes_sign(text):
        return Term(f"{name} {'-' if sign > 0 else '+'}= {text.text[1:]}", sign, e)
    return Term(f"{name} {'+' if sign > 0 else '-'}= {text}", sign, e)


@functools.lru_cache(64)
def _loops_in(source: str) -> list[tuple[int, int, tuple[str, int]]]:
    """Return the loops of a file: their first and last lines, their indices, and the first ones."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # A cell of a notebook may have more than Python.
        return []
    return [
        (node.lineno, node.end_lineno or node.lineno, _index(x.target, x.iter))
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.ListComp | ast.GeneratorExp)
        for x in ([node] if isinstance(node, ast.For) else node.generators)
    ]


def _index(target: ast.expr, over: ast.expr) -> tuple[str, int]:
    """Return the index of a loop, "_" if it has none as ``for x, y in z``, and the first."""
    text = ast.unparse(over)
    if isinstance(target, ast.Tuple) and text.startswith("enumerate("):
        target = target.elts[0]
    start = re.match(r"range\((\d+),", text)
    return target.id if isinstance(target, ast.Name) else "_", int(start[1]) if start else 0
