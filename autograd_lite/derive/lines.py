"""The lines of a derivation: while they are put in order, and when they are done.

A draft becomes a line when it is known what is still used: what the algebra has made superfluous
is left out, what is used once is written where it is used, and what is written twice gets a name.
"""

from __future__ import annotations

import itertools
import keyword
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.collected import Step, pieces, roots, steps, written_over
from autograd_lite.derive.math_names import identifier, text_name
from autograd_lite.derive.writing import OPPOSITE, Form
from autograd_lite.graph import Node
from autograd_lite.graph.source import Source
from autograd_lite.ops.indexing import may_repeat
from autograd_lite.ops.writing import has_call, is_short, times_written
from autograd_lite.program.expression import Expression, Name, walk
from autograd_lite.program.simplify import number_of, split

LONGEST = 8
"""A line in which more operations are written is divided."""


@dataclass(frozen=True)
class Line:
    """One step: a name, and what it stands for.

    Attributes
    ----------
    name : Name
        As it stands in the code.
    expression : Expression
        What it is computed from; parts that have lines of their own are names in it.
    of : Node or None
        On the way back, the node whose gradient this is.
    node : Node or None
        On the way forward, the node that this computes.
    source : Source or None
        The line of the user's code that it comes from, if that was recorded.
    at : Expression or None
        What a delta is the gradient at, where that has no name: ``X @ W``, before ``a``.
    """

    name: Name
    expression: Expression
    of: Node | None = None
    node: Node | None = None
    at: Expression | None = None

    @property
    def source(self) -> Source | None:
        """The line of the user's code that it comes from, if that was recorded."""
        node = self.node or self.of
        return node.source if node is not None else None

    @cached_property
    def code(self) -> str:
        """The step as NumPy code: one statement, or several."""
        return self._written("python", "\n", "{left} {sign} {right}")

    @property
    def text(self) -> str:
        """The step as plain text."""
        return self._written("text", "\n", "{left} {sign} {right}")

    @property
    def latex(self) -> str:
        """The step as LaTeX."""
        return self._written("latex", " \\\\\n", "{left} &{sign} {right}")

    def steps(self, form: Form) -> list[Step]:
        """Return its statements: what is put back into zeros takes several."""
        return steps(self.name, self.expression, form, self.like)

    @property
    def like(self) -> Name | None:
        """The argument whose gradient this is."""
        given = self.of is not None and self.of.primitive is None
        return self.name.parts[0] if given and self.name.kind == "gradient" else None

    def _written(self, form: Form, between: str, template: str) -> str:
        return between.join(template.format(**x._asdict()).strip() for x in self.steps(form))


@dataclass(eq=False)
class Draft:
    """A line that may still be merged into another one."""

    # The name by which other lines refer to it; what it is called is known in the end.
    symbol: Expression
    expression: Expression
    backward: bool = False  # Whether it belongs to the way back.
    # Returns the name that is wanted; None for one that nobody has named.
    called: Callable[[], Name] | None = None
    fixed: bool = True  # Whether it is to stay, even if it is used once.
    of: Node | None = None
    node: Node | None = None


def symbol_for(expression: Expression, name: Name | None = None) -> Expression:
    """Return a name for an expression."""
    return Expression(expression.value, name=name or Name("?"), meaning=expression)


RESERVED = ("_fits", "_refuse", "_derived", "_equal", "_close", "_asked", "_known")
"""What the function around a derivation uses (see `Derivation.function`)."""


@dataclass
class Names:
    """Identifiers that are taken, and what is written as mathematics: h1 and h_1 are both h₁."""

    taken: set[str] = field(default_factory=lambda: {"np", *RESERVED})
    shown: set[str] = field(default_factory=set)
    values: int = 0

    def new(self, wanted: Name) -> Name:
        """Return a new identifier, as near to what is wanted as Python and the others allow."""
        base = identifier(wanted)
        if keyword.iskeyword(base):
            base = f"{base}_"
        elif not base.isidentifier():
            base = f"_{base}"
        name, i = base, 1
        while name in self.taken or (i > 1 and text_name(Name(name)) in self.shown):
            i += 1
            name = f"{base}_{i}"
        self.taken.add(name)
        made = Name(name)
        if name == base:
            made = Name(name, wanted.kind, *wanted.parts)
        elif wanted.kind == "delta":
            made = Name(name, "delta", *wanted.parts, Name(str(i)))
        if text_name(made) in self.shown and made.kind in ("value", "gradient"):
            # A sum over paths beside the partial derivative along one of them is the total one.
            made = Name(name, "word" if made.kind == "value" else "total", *made.parts)
        self.shown.add(text_name(made))
        return made

    def next_value(self) -> Name:
        """Return the next of v1, v2, …, the usual names of intermediate values."""
        self.values += 1
        while f"v{self.values}" in self.taken:
            self.values += 1
        return self.new(Name(f"v{self.values}"))


def finish(
    drafts: list[Draft], results: Iterable[Expression], names: Names, common: bool = True
) -> list[Line]:
    """Make lines of drafts.

    - `drafts`: in the order of computation.
    - `results`: symbols that are needed in the end.
    - `names`: gives the lines their names.
    - `common`: give names to parts that are written several times.
    """
    wanted = {result.number for result in results}
    _set_apart(drafts)
    _shorten(drafts)
    if common:
        _name_common_parts(drafts)
        drafts = _merge(drafts, wanted)
        _name_common_parts(drafts)  # What was written where it is used may be another line now.
    drafts = _before_all(_merge(drafts, wanted))
    for draft in drafts:
        if draft.called is None:
            draft.symbol.name = names.next_value()
        elif draft.symbol.name == "?":
            draft.symbol.name = names.new(draft.called())
    return [
        Line(draft.symbol.name or Name("?"), draft.expression, draft.of, draft.node)
        for draft in drafts
    ]


def replaced(root: Expression, by: Mapping[int, Expression], simplify: bool = False) -> Expression:
    """Put other expressions in the place of some; they are given by their number."""
    new: dict[int, Expression] = {}
    for e in walk((root,)):
        parts = tuple(new[x.number] for x in e.parts)
        if e.number in by:
            new[e.number] = by[e.number]
        elif all(x is y for x, y in zip(parts, e.parts, strict=True)):
            new[e.number] = e
        elif simplify and isinstance(e.operation, Primitive):
            new[e.number] = Expression.__record__(e.operation, *e.given(parts))
        else:
            new[e.number] = e.of_parts(parts)
    return new[root.number]


def spelled(e: Expression) -> Expression:
    """Replace every name without a line by what it stands for."""
    merged = {x.number: x.meaning for x in walk((e,)) if x.name == "?"}
    return replaced(
        e, {key: spelled(meaning) for key, meaning in merged.items() if meaning is not None}
    )


def written(roots: Iterable[Expression]) -> Counter[int]:
    """Count how often every part is written, in all roots together."""
    counts: Counter[int] = Counter()
    for root in roots:
        here: Counter[int] = Counter({root.number: 1})
        for e in reversed(list(walk((root,)))):
            for x in e.positions:
                here[x.number] += here[e.number]
            for position, x in enumerate(e.operands):
                here[x.number] += here[e.number] * _times_written(e, position)
        counts.update(here)
    return counts


def _times_written(e: Expression, position: int) -> int:
    """Return how often the notation of an operation has an operand in it."""
    if not isinstance(e.operation, Primitive):
        return 1
    return times_written(e.operation, e.parameters, position)


def _set_apart(drafts: list[Draft]) -> None:
    """Give lines of their own to what is put together in place, entry by entry."""
    waiting = [x for x in drafts if x.backward]
    while waiting:
        draft = waiting.pop()
        while inner := [x for x in map(_largest_sum, roots(draft.expression)) if x is not None]:
            at = drafts.index(draft)
            _split_off(drafts, at, inner[0])
            waiting.append(drafts[at])


def _largest_sum(root: Expression) -> Expression | None:
    """Return the largest part of an expression that is put together in place."""
    known: set[int] = set()  # Parts of sums that are not.
    for e in reversed(list(walk((root,)))):
        if e.name is None and e.number not in known and (pieces(e) or written_over(e)[1]):
            return e
        if e.name is None and e.operation in OPPOSITE and len({x.shape for x in e.operands}) == 1:
            known.update(x.number for x in e.operands)
    return None


def _shorten(drafts: list[Draft]) -> None:
    """Give lines of their own to the inner parts of what is too long to read."""
    for draft in list(drafts):
        while long := [x for x in roots(draft.expression) if x.length > 2 * LONGEST]:
            there = {x.number for x in walk((draft.expression,))} - {draft.expression.number}
            parts = _long_parts(long[0], there)
            if not parts:
                break
            at = drafts.index(draft)
            symbols = {number: symbol for number, (symbol, _) in parts.items()}
            for other in drafts[at:]:
                other.expression = replaced(other.expression, symbols)
            drafts[at:at] = [Draft(*x, draft.backward) for x in parts.values()]


def _long_parts(root: Expression, there: set[int]) -> dict[int, tuple[Expression, Expression]]:
    """Return names for parts of an expression, so many that it is short enough, and the parts."""
    times = Counter({root.number: 1})
    for e in reversed(list(walk((root,)))):
        for x in e.parts:
            times[x.number] += times[e.number]
    length = root.length
    found: dict[int, tuple[Expression, Expression]] = {}
    new: dict[int, Expression] = {}
    for e in walk((root,)):
        parts = [new[x.number] for x in e.parts]
        same = all(x is y for x, y in zip(parts, e.parts, strict=True))
        made = new[e.number] = e if same else e.of_parts(parts)
        if made.length >= LONGEST and e.number in there and length > 2 * LONGEST:
            symbol = new[e.number] = symbol_for(made)
            found[e.number] = symbol, made
            length -= made.length * times[e.number]
    return found


def _split_off(drafts: list[Draft], before: int, part: Expression) -> Expression:
    """Put a part into a line of its own, and its name wherever it stands."""
    symbol = symbol_for(part)
    new = Draft(symbol, part, drafts[before].backward)
    drafts.insert(before, new)
    for draft in drafts[before + 1 :]:
        draft.expression = replaced(draft.expression, {part.number: symbol})
    return symbol


def _name_common_parts(drafts: list[Draft]) -> None:
    """Write once what is written in several places."""
    known: dict[Any, Expression] = {}
    counted: dict[int, Counter[int]] = {}  # What is made of known parts.
    while True:
        counts: Counter[int] = Counter()
        for draft in drafts:
            if draft.expression.number not in counted:
                draft.expression = _interned(draft.expression, known)
                counted[draft.expression.number] = written([draft.expression])
            counts.update(counted[draft.expression.number])
        whole = {draft.expression.number for draft in drafts}
        common = [
            e
            for e in known.values()
            if counts[e.number] > 1 and (e.number in whole or _is_worth_a_name(e))
        ]
        if not common:
            return
        part = max(common, key=lambda e: e.length)
        first = next(i for i, d in enumerate(drafts) if _contains(d.expression, part))
        draft = drafts[first]
        if draft.expression is part:
            for other in drafts[first + 1 :]:
                if other.expression is not part:
                    other.expression = replaced(other.expression, {part.number: draft.symbol})
                elif other.expression.operation is not None:
                    other.expression = draft.symbol
        else:
            _split_off(drafts, first, part)


def _interned(root: Expression, known: dict[Any, Expression]) -> Expression:
    """Make equal parts the same object."""
    new: dict[int, Expression] = {}
    for e in walk((root,)):
        if e.operation is None:
            new[e.number] = e
            continue
        parts = tuple(new[x.number] for x in e.parts)
        same = all(x is y for x, y in zip(parts, e.parts, strict=True))
        e_of_known = e if same else e.of_parts(parts)
        key = (e_of_known.key, tuple(_identity(x) for x in parts))
        known.setdefault(key, e_of_known)
        new[e.number] = known[key]
    return new[root.number]


def _identity(e: Expression) -> Any:
    """Identify a number by its value, everything else by itself."""
    if not e.is_number:
        return e.number
    array = np.asarray(e.value)
    return array.shape, array.dtype.name, array.tobytes()


def _is_worth_a_name(e: Expression) -> bool:
    return not is_view(e) and (e.length > 1 or not _is_plain(e))


def is_view(e: Expression) -> bool:
    """Return whether this is a part of a name, or a name with further axes: x[0], x[:, None]."""
    picked = e.operation is ops.getitem and not may_repeat(e.parameters["index"])
    if e.positions or not (picked or e.operation is ops.expand_dims):
        return False
    return e.length == 1 or is_view(e.operands[0])


def _is_plain(e: Expression) -> bool:
    """Return whether it may be written twice, if there are names and numbers in it only."""
    operation = e.operation
    if not isinstance(operation, Primitive):
        return False
    operators_alone = operation.entrywise and not has_call(operation, e.parameters)
    return operators_alone or operation.only_shapes or is_short(operation, e.parameters)


def _contains(root: Expression, part: Expression) -> bool:
    return any(e is part for e in walk((root,)))


def _merge(drafts: list[Draft], wanted: set[int]) -> list[Draft]:
    """Leave out what is not used, and write what is used once where it is used."""
    counts = written(draft.expression for draft in drafts)
    kept: list[Draft] = []
    for draft in reversed(drafts):  # Users first: what they do not need, nobody computes.
        if draft.symbol.number in wanted or counts[draft.symbol.number]:
            kept.append(draft)
        else:
            counts.subtract(written([draft.expression]))
    kept.reverse()
    users: dict[int, list[Draft]] = {}
    for draft in kept:
        for x in walk((draft.expression,)):
            if x.name:
                users.setdefault(x.number, []).append(draft)
    result = []
    for draft in kept:
        e, number = draft.expression, draft.symbol.number
        hosts = users.get(number, [])
        if number in wanted or not hosts or not _may_go(draft, counts[number], hosts[-1]):
            result.append(draft)
            continue
        for host in hosts:
            # One number is enough, and one sign.
            over = e.operation is ops.divide and any(number_of(x) is not None for x in e.operands)
            more = host.backward and (over or split(e)[0] != 1.0 or e.operation is ops.subtract)
            host.expression = replaced(host.expression, {number: e}, simplify=more)
    return result


def _before_all(drafts: list[Draft]) -> list[Draft]:
    """Put first what is computed of arguments alone and used by many: no round of a loop has it."""
    made = {draft.symbol.number for draft in drafts}
    named = [{x.number for x in walk((draft.expression,)) if x.name} for draft in drafts]
    uses = Counter(itertools.chain.from_iterable(named))

    def later(pair: tuple[Draft, set[int]]) -> bool:
        draft, parts = pair
        own = draft.backward or draft.called is not None or parts & made
        return bool(own) or uses[draft.symbol.number] < USED_BY_MANY

    return [draft for draft, _ in sorted(zip(drafts, named, strict=True), key=later)]


USED_BY_MANY = 4
"""By how many lines."""


def _may_go(draft: Draft, uses: int, host: Draft) -> bool:
    """Return whether a line is short enough to be written where it is used."""
    e, length = draft.expression, host.expression.length
    if e.name is not None and draft.called is None:
        return True
    if draft.fixed or (draft.backward and pieces(e)):
        return False
    if written_over(e)[1]:  # Others may be written after these.
        return uses == 1 and written_over(host.expression)[0] is draft.symbol
    if written_over(host.expression)[1]:
        there = [x for x in roots(host.expression) if _contains(x, draft.symbol)]
        length = max((x.length for x in there), default=0)
    shortest = isinstance(e.operation, Primitive) and is_short(e.operation, e.parameters)
    # A name, or a transpose.
    trivial = e.length == 0 or (e.length == 1 and shortest) or is_view(e)
    # (out - y), in a loss and once after.
    short = e.length == 1 and _is_plain(e) and uses == 2
    if short and written([host.expression])[draft.symbol.number] == 1:
        return True
    most = 5 * LONGEST if _is_term(draft, host.expression) else LONGEST + 4
    return trivial or (uses == 1 and e.length + length <= most)


def _is_term(draft: Draft, whole: Expression) -> bool:
    """Return whether a line is a term, or the first terms, of a long sum of short ones."""
    waiting, terms = [draft.expression, whole], []
    while waiting:
        e = waiting.pop()
        if e.operation in (ops.add, ops.subtract) and e.name is None:
            waiting += e.operands
        else:
            terms.append(e)
    short = all(e.length <= LONGEST // 2 for e in terms)
    return short and len(terms) > 3 and any(e is draft.symbol for e in terms)
