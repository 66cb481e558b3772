"""Lengths in a derivation, found by deriving at others: ``2 / n`` where an array has n rows.

What is printed at one length and at another differs in the numbers that are lengths, or follow from
them. These get names; any other number is one that the user wrote.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from autograd_lite.derive.layout import AT
from autograd_lite.derive.loop_formulas import Row, is_bound
from autograd_lite.derive.rounds import Printed
from autograd_lite.derive.writing import NAME, Form
from autograd_lite.program.expression import Name

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.5)?(?![\w.])")

_UNNAMED = re.compile(r"(?<![^\W_])v(?:\d+|[₀-₉]+|_\{\d+)")
"""The name of a value without one: v18 after six rounds is v21 after seven."""

_SHARE = re.compile(
    r"(?<![\w./])(?<![/%*] )(?<!\* -)(\d+)( ?/ ?)\((\d+)(?: \* | )([\w *]+)\)(?! \*\*|[²-⁹])"
    r"|\\frac\{(\d+)\}\{(\d+) \\, (?=(?:[\w\\, ]|\{\w+\})+\})"
)
"""A number over a multiple of lengths, ``2 / (2 * n)``, that is not the end of something else."""


class UnfitError(Exception):
    """What is printed at other lengths differs in more than numbers that follow from them."""


class Length(NamedTuple):
    """A length, or a number that follows from one.

    - `of`: which argument it is of.
    - `axis`: along which axis; None for the number of entries.
    - `at`: what it is at each of the sizes.
    - `over`: what it is divided by.
    - `name`: the user's, if there is one.
    """

    of: str
    axis: int | None
    at: tuple[int, ...]
    over: int = 1
    name: str = ""

    def written(self, form: Form = "python") -> str:
        """Write how it is computed: ``len(X)``."""
        of, words = NAME[form](Name(self.of)), {0: "len", None: "size"}
        word = words.get(self.axis, "shape")
        word = rf"\mathrm{{{word}}}" if form == "latex" else word
        text = f"{word}({of})" if self.axis == 0 else f"{of}.{word}"
        text += f"[{self.axis}]" if self.axis else ""
        return text if self.over == 1 else f"{text} // {self.over}"

    def now(self, shape: tuple[int, ...]) -> int:
        """Return what it is if the argument has some shape."""
        return shape[self.axis] if self.axis is not None and self.axis < len(shape) else self.at[0]


class Sizes:
    """Two derivations of a function at different lengths, as one.

    - `pair`: the derivations, and which of the sizes each of them is at. The first of all sizes is
      the one that is given.
    - `axes`: which length the axes of arguments have that are free.
    - `counts`: how many entries arrays have.
    - `numbers`: the whole numbers that variables of the function hold, at each size.
    """

    def __init__(
        self, pair: Mapping[int, Any], axes: Mapping[tuple[str, int], Length],
        counts: Sequence[Length], numbers: Sequence[Mapping[str, int]],
    ) -> None:  # fmt: skip
        self.pair, self.axes, self._more = pair, axes, (counts, numbers)
        first = next(iter(pair.values()))
        taken = {*re.findall(r"[^\W\d]\w*", first.code), *first.arguments}
        letters = *"nmkdq", *map("n{}".format, range(1, len(axes) + len(counts) + 1))
        self._letters = [x for x in letters if x not in taken]
        self._all = [*dict.fromkeys(axes.values()), *counts]
        own = [self._of_users(name, [x.get(name, 0) for x in numbers])
               for name in numbers[0] if name not in taken]  # fmt: skip
        self._all[:0] = filter(None, own)
        self._names: dict[Length, str] = {}
        self._used: dict[Length, str] = {}

    def of(self, pair: Mapping[int, Any]) -> Sizes:
        """Return the same for other derivations."""
        return Sizes(pair, self.axes, *self._more)

    def shape(self, name: str, known: tuple[int, ...]) -> list[int | Length]:
        """Return the lengths of an argument: numbers, and those that are free."""
        return [self.axes.get((name, k), n) for k, n in enumerate(known)]

    def _of_users(self, name: str, values: Sequence[int]) -> Length | None:
        """Return what a variable holds, if it follows from a length."""
        pair = self._at(values)
        for length in self._all if pair[0] > 0 else ():
            over = self._at(length.at)[0] // pair[0]
            if self._apart([over * x for x in pair], length.at) == {0}:
                return Length(length.of, length.axis, tuple(values), over, name)
        return None

    def _at(self, values: Sequence[int]) -> tuple[int, ...]:
        return tuple(values[i] for i in self.pair)

    def _apart(self, pair: Sequence[float], values: Sequence[int]) -> set[float]:
        """Return by how much numbers at both sizes are apart from some at all sizes."""
        return {x - y for x, y in zip(pair, self._at(values), strict=True)}

    def merged(
        self, own: Any, said: Callable[[Any], list[Any]], form: Form = "python"
    ) -> tuple[list[Any], list[tuple[str, Length]]]:
        """Return what both say, with names in the place of lengths, and these; one may be `own`.

        It raises an UnfitError if they differ in anything else.
        """
        self._used = {}
        one, other = (said(x or own) for x in self.pair.values())
        if len(one) != len(other):
            raise UnfitError
        texts = (str([x[:4] if isinstance(x, tuple) else x for x in said]) for said in (other, one))
        self._alike = dict(zip(*(dict.fromkeys(_UNNAMED.findall(x)) for x in texts), strict=False))
        found = [self._merged(x, y, form) for x, y in zip(one, other, strict=True)]
        return found, [(name, length) for length, name in self._used.items()]

    def _merged(self, one: Any, other: Any, form: Form) -> Any:
        if isinstance(one, Printed):
            parts = [x.comment.partition(AT) for x in (one, other)]
            shape = self._text(parts[0][0], parts[1][0], "python", named=False)
            at = self._text("".join(parts[0][1:]), "".join(parts[1][1:]), form)
            return Printed(self._text(one.code, other.code, form), shape + at, one.depth)
        if isinstance(one, Row):
            *texts, where = (
                self._text(x, y, form) for x, y in zip(one[:4], other[:4], strict=True)
            )
            return Row(texts[0], texts[1], texts[2], where, one.line)
        return self._text(one, other, form)

    def _text(self, one: str, other: str, form: Form, named: bool = True) -> str:
        """Return what two texts say, with names for lengths, or these as they are given."""
        other = _UNNAMED.sub(lambda name: self._alike.get(name[0], name[0]), other)
        if one == other:
            return one
        if NUMBER.sub("0", one) != NUMBER.sub("0", other):
            raise UnfitError
        numbers = map(float, NUMBER.findall(other))

        def said(found: re.Match[str]) -> str:
            pair = float(found[0]), next(numbers)
            if pair[0] == pair[1] or (not named and 0 in self.pair):
                return found[0]
            of, times, plus = self._fitted(pair)
            if not named:
                return f"{times * math.prod(x.at[0] for x in of) + plus:.0f}"
            factors = [*([f"{times:g}"] if times != 1 else []),
                       *(NAME[form](Name(self._called(x))) for x in of)]  # fmt: skip
            text = {"python": " * ", "text": " ", "latex": r" \, "}[form].join(factors)
            if plus:
                text += f" {'+' if plus > 0 else '−' if form == 'text' else '-'} {abs(plus):g}"
            is_term = not plus and one[: found.start()].endswith(("= ", "+ ", "- ", "− "))
            if " " not in text or (is_term and not one.startswith(" **", found.end())):
                return text
            return f"({text})" if is_bound(one, *found.span()) else text

        return _SHARE.sub(_cancelled, NUMBER.sub(said, one))

    def _fitted(self, pair: tuple[float, float]) -> tuple[tuple[Length, ...], float, float]:
        """Return lengths, by what their product is multiplied, and what is added to it."""
        apart = [(self._apart(pair, x.at), x) for x in self._all]
        for (plus, *others), x in sorted(apart, key=lambda found: abs(min(found[0], key=abs))):
            if not others and plus.is_integer():
                return (x,), 1, plus
        for count in (1, 2):
            for of in itertools.combinations_with_replacement(self._all, count):
                at = self._at([math.prod(x) for x in zip(*(x.at for x in of), strict=True)])
                times, *others = {x / n if n else math.nan for x, n in zip(pair, at, strict=True)}
                if not others and (2 * times).is_integer():
                    return of, times, 0
        raise UnfitError

    def _called(self, length: Length) -> str:
        """Return the name of a length: the user's, or a letter."""
        if length not in self._names:
            self._names[length] = length.name or self._letters.pop(0)
        self._used[length] = self._names[length]
        return self._names[length]


def _cancelled(share: re.Match[str]) -> str:
    """Write a number over a multiple of lengths with what does not cancel: ``1 / n``."""
    top, over, count, lengths, *latex = share.groups()
    top, count = map(int, (top, count) if top else latex)
    if top % count:
        return share[0]
    if not over:
        return rf"\frac{{{top // count}}}{{"
    return f"{top // count}{over}" + (f"({lengths})" if " " in lengths else lengths)
