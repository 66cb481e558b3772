"""What the values of rounds are called on paper, where nothing is written over: by an index."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from autograd_lite.derive.loop_code import LoopCode
from autograd_lite.derive.math_names import latex_name
from autograd_lite.derive.rounds import Loop
from autograd_lite.derive.writing import NAME, Form
from autograd_lite.program.expression import Name, walk

Entry = tuple[Name, int]
"""A name that takes an index, and the index."""


class UnevenError(Exception):
    """What differs from round to round cannot be written with an index."""


class RoundNames:
    """The names of a derivation, with an index where a loop makes them.

    - `found`: the lines and their loops.
    - `arguments`: of the function.
    - `form`: {"text", "latex"}

    It has

    - `names`: for what rounds make and what belongs to it, what it is called, and its index.
    - `started`: for each loop, by its start, what else its first round starts from, and as what.
    - `results`: likewise the gradients asked for that are values of its last round.

    It raises an UnevenError if two values would have one name, or an index would be negative.
    """

    def __init__(self, found: LoopCode, arguments: Iterable[str], form: Form) -> None:
        self.found, self.lines, self.form = found, found.lines, form
        self.known = {x: Name(x) for x in arguments}  # As Names that know how they are written.
        for line in self.lines:
            parts = (x.name for x in walk((line.expression,)) if x.name)
            self.known |= {x: x for x in (line.name, *parts)}
        self.names: dict[str, Entry] = {}
        self.results: dict[int, list[Name]] = {}
        groups: dict[str, list[Name]] = {}
        for i, line in enumerate(self.lines):
            groups.setdefault(self._stem(i), []).append(line.name)
        looped = [stem for stem, group in groups.items()
                  if stem and not found.places.keys().isdisjoint(group)]  # fmt: skip
        numbered = {x for stem in looped for x in groups[stem]}
        taken = {latex_name(name) for x, name in self.known.items() if x not in numbered}
        for stem in looped:
            self._number(stem, groups[stem], taken)
        self._name_derivatives()
        self._name_results()
        self.started = {
            loop.start: [(x, entry) for q, x in loop.initial.items()
                         if self.names.get(x) != (entry := self.entry(loop, q, -1))]
            for loop in found.loops
        }  # fmt: skip
        entries = [*self.names.values(), *(entry for x in self.started.values() for _, entry in x)]
        if len({(str(x), i) for x, i in entries}) < len(entries) or any(i < 0 for _, i in entries):
            raise UnevenError

    def _stem(self, i: int) -> str:
        """Return what those values have in common that one name was bound to; "" for others."""
        name: Name = self.lines[i].name
        of_loop: tuple[str, ...] = ("",)
        if name in self.found.places:
            loop, q, _ = self.found.places[name]
            of_loop = loop.names[q]
            name = of_loop[1]  # The last may be called otherwise.
            i = self.found.order[name]
        if name.kind != "value":
            return ""
        if self.found.unnamed[i]:
            return of_loop[0]
        return re.sub(r"_?\d+$", "", name) or name

    def _number(self, stem: str, group: Sequence[Name], taken: set[str]) -> None:
        """Count the values that one name was bound to, as the loop that makes some of them does."""
        places = self.found.places
        loop, q, _ = next(places[x] for x in group if x in places)
        zero, one = map(group.index, loop.names[q][:2])
        first, sign, size = loop.slot(q, 0), loop.slot(q, 1) - loop.slot(q, 0), one - zero
        if size > 1:  # What is before the first round has an index, too.
            first = max(first, zero > 0, (len(group) - 1 - zero) // size if sign < 0 else 0)
        for r in range(size):
            numbers = {
                x: first + sign * ((j - zero) // size)
                for j, x in enumerate(group) if (j - zero) % size == r
            }  # fmt: skip
            # And what a loop starts from.
            indices = range(min(numbers.values()) - 1, max(numbers.values()) + 2)
            base = stem if size == 1 else f"{stem}{r + 1}"
            more = map(f"{base}_{{}}".format, itertools.count(2))
            for called in map(Name, itertools.chain((base, f"{base}s", f"{base}_all"), more)):
                name = Name(f"{called}[]", "round", called)
                used = {latex_name(with_index(name, Name(str(k)))) for k in indices}
                used.add(latex_name(called))
                if taken.isdisjoint(used):  # On paper, x[0] and x0 are both x with an index.
                    break
            taken |= used
            self.names |= {x: (name, k) for x, k in numbers.items() if k >= 0}

    def _name_derivatives(self) -> None:
        """Give derivatives the index of the value that they are by."""
        for line in self.lines:
            kind, parts = line.name.kind, line.name.parts
            if any(x in self.names for x in parts):
                if kind == "partial":
                    raise UnevenError
                of, index = self.names[parts[0]]
                name = Name(f"{kind} {(of, *parts[1:])}", kind, of, *parts[1:])
                self.names[line.name] = name, index

    def _name_results(self) -> None:
        """Give what is called otherwise in a last round, as it was asked for, the next index."""
        for loop in self.found.loops:
            for q, names in enumerate(loop.names):
                for t, x in enumerate(names):
                    if x not in self.names and t > 1:
                        (name, zero), (_, one) = (self.entry(loop, q, k) for k in (0, 1))
                        self.names[x] = name, zero + t * (one - zero)
                        if x in self.found.results:
                            self.results.setdefault(loop.start, []).append(x)

    def entry(self, loop: Loop, q: int, t: int) -> Entry:
        """Return the name and index of what a round has made; -1 is what the first round got."""
        try:
            if t >= 0:
                return self.names[loop.names[q][t]]
            (name, zero), (_, one) = (self.names[x] for x in loop.names[q][:2])
        except KeyError:
            raise UnevenError from None
        return name, 2 * zero - one

    def named(self, entry: Entry, index: str = "") -> str:
        """Write a name with an index."""
        return NAME[self.form](with_index(entry[0], Name(index or str(entry[1]))))

    def alone(self, x: str) -> str:
        """Write a name as it stands outside of loops."""
        return self.named(self.names[x]) if x in self.names else NAME[self.form](self.known[x])


def with_index(name: Name, index: Name) -> Name:
    """Return a name with an index put in."""
    if name.kind == "round":
        return Name(name, "round", name.parts[0], index)
    return Name(name, name.kind, with_index(name.parts[0], index), *name.parts[1:])
