"""The formulas of a derivation with its loops: one for each line of a body, and sums over rounds.

On paper nothing is written over. So what a round makes has an index, ``h[t + 1]``, and so has what
a loop starts from; where an index runs is said behind a formula, or below a sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from autograd_lite.core.notation import SUM
from autograd_lite.derive.lines import Line, replaced, symbol_for
from autograd_lite.derive.loop_code import LoopCode
from autograd_lite.derive.round_names import RoundNames, UnevenError
from autograd_lite.derive.rounds import Code, Loop, Sum, Term
from autograd_lite.derive.writing import NAME, Form, changes_sign, write_whole
from autograd_lite.program.expression import Expression, Name, walk


class Row(NamedTuple):
    """A formula: its sides, the sign between them, for which rounds it holds, and its line."""

    left: str
    sign: str
    right: str
    where: str = ""
    line: Line | None = None


def rows_of(lines: Iterable[Line], form: Form) -> tuple[Row, ...]:
    """Return formulas line by line, without loops."""
    return tuple(Row(*x, "", line) for line in lines for x in line.steps(form))


class Column(NamedTuple):
    """What stands in one place of all rounds: a name or text that is the same, but for numbers."""

    same: str
    numbers: list[int]


_MARKS, _WORD = 0xF0000, "\ue000"
_HOLE = re.compile(
    rf"\\mathrm{{([\U000f0000-\U000fffff]){_WORD}}}|([\U000f0000-\U000fffff]){_WORD}?"
    r"|(?<![\d.])([0-9]+)(?![\d.]*\d)"
)
"""A mark in place of a name, with a second letter where that ends in a word; or a whole number."""

_BRACKETS = {"text": ("(", ")"), "latex": (r"\left(", r"\right)")}

_AROUND = re.compile(r"[\[{:,(=…]|$")
"""Between such brackets and signs, a sum needs no parentheses."""


class LoopFormulas(RoundNames):
    """The lines of a derivation as formulas, with loops.

    - `found`: the lines and their loops.
    - `arguments`: of the function.
    - `form`: {"text", "latex"}

    It raises an UnevenError if they cannot be written so.
    """

    def __init__(self, found: LoopCode, arguments: Iterable[str], form: Form) -> None:
        super().__init__(found, arguments, form)
        starts = [x for loop in found.loops for x in loop.initial.values()]
        self.marks = {
            x: chr(_MARKS + i) for i, x in enumerate(dict.fromkeys((*self.names, *starts)))
        }
        self.marked = {mark: str(x) for x, mark in self.marks.items()}

    def _plain(self, code: Code) -> str:
        """Write what is outside of loops."""
        return code.filled(str(x) if isinstance(x, int) else self.alone(x) for x in code.holes)

    # ---------------------------------------------------------------- taken apart

    def _code(self, text: str) -> Code:
        """Take a formula with marks apart."""
        holes: list[str | int] = []
        bound, between, end = [], [], 0
        for found in _HOLE.finditer(text):
            between.append(text[end : found.start()])
            end = found.end()
            mark = found[1] or found[2]
            holes.append(self.marked[mark] if mark else int(found[3]))
            bound.append(not mark and is_bound(text, found.start(), end))
        return Code(tuple(holes), tuple(bound), (*between, text[end:]))

    def _marked(self, e: Expression) -> Expression:
        """Put marks in the place of names that may have an index."""
        return replaced(e, {
            x.number: symbol_for(x, self._mark(x.name))
            for x in walk((e,)) if x.name in self.marks
        })  # fmt: skip

    def _mark(self, name: Name) -> Name:
        if name not in self.marks:
            return name
        started = [entry for x in self.started.values() for first, entry in x if first == name]
        written = self.named(started[0]) if started else self.alone(name)
        ends_in_word = "mathrm" in written  # Some space has to go behind it.
        return Name(self.marks[name] + _WORD * ends_in_word)

    def _steps(self, i: int) -> list[Code]:
        """Return the statements of a line."""
        line = self.lines[i]
        marked = replace(line, name=self._mark(line.name), expression=self._marked(line.expression))
        return [self._code("\0".join(step)) for step in marked.steps(self.form)]

    def _term(self, term: Term) -> Code:
        """Return a term of a sum, with its sign."""
        assert term.e is not None
        text, sign = write_whole(self._marked(term.e), self.form), term.sign
        if changes_sign(text):
            text, sign = text._replace(text=text.text[1:]), -sign
        left, right = _BRACKETS[self.form]
        whole = text.text if text.precedence > SUM else f"{left}{text}{right}"
        return self._code(f"{'-' if sign < 0 else '+'}{whole}")

    # ---------------------------------------------------------------- rounds

    def _columns(self, loop: Loop, codes: Sequence[Code]) -> list[Column]:
        """Return what stands in each place of all rounds."""
        if len({code.key for code in codes}) > 1:
            raise UnevenError
        columns = []
        for column in zip(*(code.holes for code in codes), strict=True):
            entries = [self.names.get(x) for x in column] if isinstance(column[0], str) else []
            if isinstance(column[0], int):
                columns.append(Column("", list(column)))
            elif len(set(column)) == 1:
                columns.append(Column(self.alone(column[0]), []))
            else:
                known = [x for x in entries if x is not None]
                if len(known) < len(column) or len({str(name) for name, _ in known}) > 1:
                    of = self.found.rounds(loop, column)
                    known = [self.entry(*of[:2], t) for t in of[2]] if of else []
                if len({str(name) for name, _ in known}) != 1:
                    raise UnevenError
                columns.append(Column(known[0][0], [index for _, index in known]))
        return columns

    def _counted(self, loop: Loop, columns: Sequence[Column], alone: bool = False) -> Loop:
        """Count the rounds as some index does, where none is that of the code.

        With `alone`, it has to be that of a name.
        """
        grown = [x for x in columns if len(x.numbers) > 1 and abs(x.numbers[1] - x.numbers[0]) == 1]
        named = [x for x in grown if isinstance(x.same, Name)]
        starts = [(x.numbers[0], x.numbers[1] - x.numbers[0]) for x in (alone and named) or grown]
        if len(loop.counts) > 1 or not starts or loop.origins[0] in starts:
            return loop
        return replace(loop, origins=starts[:1])

    def _round(self, loop: Loop, code: Code, columns: Sequence[Column]) -> str:
        """Write what is the same in every round but for names and numbers."""
        texts = []
        for same, numbers in columns:
            if numbers and loop.growth(numbers) is None:
                raise UnevenError
            index = self._index(loop.written(numbers)) if len(set(numbers)) > 1 else None
            if isinstance(same, Name):
                texts.append(self.named((same, numbers[0]), index or ""))
            else:
                texts.append(same or index or str(numbers[0]))
        return code.filled(texts)

    def _index(self, text: str) -> str:
        """Write an index that has been written as code."""
        text = text.replace(" * ", "").replace("-", "−" if self.form == "text" else "-")
        return re.sub(r"[^\W\d]\w*", lambda name: NAME[self.form](Name(name[0])), text)

    def _where(self, loop: Loop) -> str:
        """Write the values that the indices of a loop take."""
        dots = r"\dots" if self.form == "latex" else "…"
        said = []
        for index, (start, sign), n in zip(loop.indices, loop.origins, loop.counts, strict=True):
            values = [str(start + sign * k) for k in range(n)]
            values = values if n < 4 else [values[0], dots, values[-1]]
            said.append(f"{self._index(index)} = {', '.join(values)}")
        return "; ".join(said)

    def _over(self, loop: Loop) -> str:
        """Return the sign of a sum over the rounds of a loop."""
        signs = []
        for index, (start, sign), n in zip(loop.indices, loop.origins, loop.counts, strict=True):
            low, high = sorted((start, start + sign * (n - 1)))
            signs.append((self._index(index), low, high))
        if self.form == "latex":
            return " ".join(rf"\sum_{{{i}={low}}}^{{{high}}}" for i, low, high in signs)
        return f"Σ_{{{', '.join(f'{i}={low}…{high}' for i, low, high in signs)}}}"

    # ---------------------------------------------------------------- rows

    def rows(self) -> Iterator[Row]:
        """Yield all formulas."""
        for i, line in enumerate(self.lines):
            for loop in self.found.loops:
                if loop.start == i:
                    yield from self._rows_of(loop)
            if i in self.found.sums:
                yield from self._rows_of_sum(i)
            elif line.name not in self.found.places and i not in self.found.gone:
                for code in self._steps(i):
                    yield _row(self._plain(code), "", line)

    def _body(self, loop: Loop, body: Sequence[tuple[Line, Code, list[Column]]]) -> Iterator[Row]:
        """Yield the formulas of a body."""
        loop = self._counted(loop, [x for _, _, columns in body for x in columns], alone=True)
        for line, code, columns in body:
            yield _row(self._round(loop, code, columns), self._where(loop), line)

    def _rows_of(self, loop: Loop) -> Iterator[Row]:
        """Yield the formulas of a loop, with what it starts from."""
        for x, entry in self.started[loop.start]:
            yield Row(self.named(entry), "=", self.alone(x), "", self.lines[loop.start])
        body = []
        for names in loop.names:
            at = [self.found.order[name] for name in names]
            rounds = zip(*map(self._steps, at), strict=True)
            body += [(self.lines[at[0]], x[0], self._columns(loop, x)) for x in rounds]
        yield from self._body(loop, body)
        for x in self.results.get(loop.start, []):
            line = self.lines[self.found.order[x]]
            yield Row(NAME[self.form](x), "=", self.named(self.names[x]), "", line)

    def _rows_of_sum(self, i: int) -> Iterator[Row]:
        """Yield the formulas of a line that is added up, or written part by part, in loops."""
        terms, line = self.found.terms[i][0], self.lines[i]
        first = terms[0].e
        if first is None:
            steps = self._steps(i)
            head, steps = steps[: -len(terms)], steps[-len(terms) :]
            for total, loop in self._sums(i):
                begun = head if total.head else []
                for code in (*begun, *(steps[k] for k in total.before)):
                    yield _row(self._plain(code), "", line)
                rounds = [[steps[k] for k in x] for x in zip(*total.rounds, strict=True)]
                yield from self._body(
                    loop, [(line, codes[0], self._columns(loop, codes)) for codes in rounds]
                )
                for k in total.after:
                    yield _row(self._plain(steps[k]), "", line)
            return
        said: list[str] = []
        for total, loop in self._sums(i):
            nothing = [0] if first.is_number and not np.any(first.value) else []
            before, after = (
                [self._term(terms[k]) for k in x if k not in nothing]
                for x in (total.before, total.after)
            )
            rounds = [[self._term(terms[k]) for k in x] for x in total.rounds]
            said += self._total(loop, before, rounds, after)
        left = self._plain(self._code(NAME[self.form](self._mark(line.name))))
        yield Row(left, "=", self._sum_of(said), "", line)

    def _sums(self, i: int) -> Iterator[tuple[Sum, Loop]]:
        for total in self.found.sums[i]:
            yield total, next(x for x in self.found.loops if total in x.sums)

    def _total(
        self, loop: Loop, before: list[Code], rounds: list[list[Code]], after: list[Code]
    ) -> list[str]:
        """Return the terms of a sum, with those of all rounds as one."""
        columns = [self._columns(loop, codes) for codes in zip(*rounds, strict=True)]
        n = len(columns)
        if len(loop.counts) == 1:  # Terms beside it may be another round.
            start, step = loop.origins[0]
            while before and (more := self._more(before[-n:], rounds[0], columns, -1)):
                before, columns, start = before[:-n], more, start - step
                loop = replace(loop, counts=[loop.count + 1], origins=[(start, step)])
            while after and (more := self._more(after[:n], rounds[0], columns, 1)):
                after, columns = after[n:], more
                loop = replace(loop, counts=[loop.count + 1])
        loop = self._counted(loop, [x for column in columns for x in column])
        texts = [self._round(loop, code, x) for code, x in zip(rounds[0], columns, strict=True)]
        sign, inside = texts[0][0], texts[0][1:]
        if len(texts) > 1:
            left, right = _BRACKETS[self.form]
            sign, inside = "+", f"{left}{self._sum_of(texts)}{right}"
        whole = f"{sign}{self._over(loop)} {inside}"
        return [*map(self._plain, before), whole, *map(self._plain, after)]

    def _sum_of(self, terms: Sequence[str]) -> str:
        """Write a sum of terms with signs."""
        minus = "−" if self.form == "text" else "-"
        first, *others = (x.replace("-", minus, 1) if x[0] == "-" else x for x in terms)
        return "".join((first.removeprefix("+"), *(f" {x[0]} {x[1:]}" for x in others)))

    def _read(self, x: str | int, indexed: bool) -> tuple[str, int]:
        """Return the name and the index, or the number, that stand in a place."""
        if isinstance(x, int):
            return ("", x) if indexed else (str(x), 0)
        return self.names.get(x, (x, 0)) if indexed else (self.alone(x), 0)

    def _more(
        self, spare: Sequence[Code], round_: Sequence[Code], columns: Sequence[list[Column]],
        side: int,
    ) -> list[list[Column]] | None:  # fmt: skip
        """Return the columns of one round more, if terms beside a sum are that."""
        if [code.key for code in spare] != [code.key for code in round_]:
            return None
        longer: list[list[Column]] = []
        for code, of_term in zip(spare, columns, strict=True):
            longer.append([])
            for x, (same, numbers) in zip(code.holes, of_term, strict=True):
                name, number = self._read(x, indexed=bool(numbers))
                ends = numbers[:2] if side < 0 else numbers[:-3:-1]
                if name != same or (ends and number != 2 * ends[0] - ends[1]):
                    return None
                others = [number, *numbers] if side < 0 else [*numbers, number]
                longer[-1].append(Column(same, others if numbers else []))
        return longer


def _row(text: str, where: str, line: Line) -> Row:
    left, sign, right = text.split("\0")
    return Row(left, sign, right, where, line)


def is_bound(text: str, start: int, end: int) -> bool:
    """Return whether a sum needs parentheses in the place of a part of a text."""
    around = text[:start].rstrip()[-1:], text[end:].lstrip()[:1].translate(_CLOSING)
    return not all(map(_AROUND.match, around))


_CLOSING = str.maketrans("]})", "[{(")
