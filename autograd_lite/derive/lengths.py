"""Lengths in a derivation, found by deriving at others: ``2 / n`` where an array has n rows.

What is printed at one length and at another differs in the numbers that are lengths, or follow from
them. These get names; any other number is one that the user wrote.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd_lite.check.probes import with_lengths
from autograd_lite.core.backward import next_birth
from autograd_lite.derive.helpers import namespace
from autograd_lite.derive.layout import AT
from autograd_lite.derive.loop_formulas import Row, is_bound
from autograd_lite.derive.rounds import Printed
from autograd_lite.derive.writing import NAME, Form
from autograd_lite.functional.tracing import call_with_tensors
from autograd_lite.functional.transforms import value_and_grad
from autograd_lite.graph.nodes import Nodes
from autograd_lite.program.expression import Name
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import Place, lent
from autograd_lite.tensor import Tensor

if TYPE_CHECKING:
    from autograd_lite.derive.derivation import Derivation

MOST_NODES = 600
"""Of a computation that is derived again."""

MOST_CALLS = 100
"""Of a function, to find out which axes have the same length."""

SMALL = 4
"""At such a length, what follows from it may be missing: ``2 / n`` is 1, a loop is none."""

LARGE = 64
"""Arrays of such a length are not called with it more often than once."""

Axis = tuple[int, int, int]
"""Which argument, which of its axes, and how long that is."""

Group = frozenset[Axis]
"""Axes of one length."""

_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
_WRITTEN = re.compile(r"#.*|\*\* \d+|axis=[-\d(), ]+")
"""Where a number is none that follows from a length."""


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
        of = NAME[form](Name(self.of))
        word = (
            rf"\mathrm{{{'len' if self.axis == 0 else 'size' if self.axis is None else 'shape'}}}"
        )
        word = word if form == "latex" else word[8:-1]
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
        self, pair: Mapping[int, Derivation], axes: Mapping[tuple[str, int], Length],
        counts: Sequence[Length], numbers: Sequence[Mapping[str, int]],
    ) -> None:  # fmt: skip
        self.pair, self.axes, self._more = pair, axes, (counts, numbers)
        first = next(iter(pair.values()))
        taken = {*re.findall(r"[^\W\d]\w*", first.code), *first.arguments}
        others = map("n{}".format, itertools.count(1))
        self._letters = (x for x in itertools.chain("nmkdq", others) if x not in taken)
        self._all = [*dict.fromkeys(axes.values()), *counts]
        own = [self._of_users(name, [x.get(name, 0) for x in numbers])
               for name in numbers[0] if name not in taken]  # fmt: skip
        self._all[:0] = filter(None, own)
        self._names: dict[Length, str] = {}
        self._used: dict[Length, str] = {}

    def of(self, pair: Mapping[int, Derivation]) -> Sizes:
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

    def _apart(self, pair: Sequence[int], values: Sequence[int]) -> set[int]:
        """Return by how much numbers at both sizes are apart from some at all sizes."""
        return {x - y for x, y in zip(pair, self._at(values), strict=True)}

    def merged(
        self, said: Callable[[Derivation], list[Any]], form: Form = "python"
    ) -> tuple[list[Any], list[tuple[str, Length]]]:
        """Return what both say, with names in the place of lengths, and these.

        It raises an UnfitError if they differ in anything else.
        """
        self._used = {}
        one, other = map(said, self.pair.values())
        if len(one) != len(other):
            raise UnfitError
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
        if one == other:
            return one
        if _NUMBER.sub("0", one) != _NUMBER.sub("0", other):
            raise UnfitError
        numbers = map(int, _NUMBER.findall(other))

        def said(found: re.Match[str]) -> str:
            pair = int(found[0]), next(numbers)
            if pair[0] == pair[1] or (not named and 0 in self.pair):
                return found[0]
            of, times, plus = self._fitted(pair)
            if not named:
                return str(times * math.prod(x.at[0] for x in of) + plus)
            factors = [*([str(times)] if times > 1 else []),
                       *(NAME[form](Name(self._called(x))) for x in of)]  # fmt: skip
            text = {"python": " * ", "text": " ", "latex": r" \, "}[form].join(factors)
            if plus:
                text += f" {'+' if plus > 0 else '−' if form == 'text' else '-'} {abs(plus)}"
            return f"({text})" if " " in text and is_bound(one, *found.span()) else text

        return _NUMBER.sub(said, one)

    def _fitted(self, pair: tuple[int, int]) -> tuple[tuple[Length, ...], int, int]:
        """Return lengths, by what their product is multiplied, and what is added to it."""
        apart = [(self._apart(pair, x.at), x) for x in self._all]
        for (plus, *others), x in sorted(apart, key=lambda found: found[0] != {0}):
            if not others:
                return (x,), 1, plus
        for count in (1, 2):
            for of in itertools.combinations(self._all, count):
                at = self._at([math.prod(x) for x in zip(*(x.at for x in of), strict=True)])
                if 0 not in at and pair[0] % at[0] == pair[1] % at[1] == 0 and (
                    pair[0] // at[0] == pair[1] // at[1]):  # fmt: skip
                    return of, pair[0] // at[0], 0
        raise UnfitError

    def _called(self, length: Length) -> str:
        """Return the name of a length: the user's, or a letter."""
        if length not in self._names:
            self._names[length] = length.name or next(self._letters)
        self._used[length] = self._names[length]
        return self._names[length]


Made = tuple["Derivation", Mapping[str, int]]
"""A derivation, and whole numbers that variables of the function hold."""


def measured(
    own: Derivation,
    f: Callable[..., Any],
    given: Mapping[str, Any],
    at: Callable[[Mapping[str, Any]], Made],
    numbers: Mapping[str, int],
) -> Derivation:
    """Find out which numbers in a derivation are lengths.

    - `f`: what was derived.
    - `given`: the arguments.
    - `at`: derives it at others.
    - `numbers`: whole numbers that variables of the function hold.
    """
    if len(own.graph) > MOST_NODES:
        return own
    finder = _Finder(f, given, own)
    groups = finder.groups()
    while groups:
        values = [given, *(finder.at({x: n[i] for x, n in groups.items()}) for i in (0, 1))]
        made: list[Made] = [(own, numbers)]
        small = any(n <= SMALL for group in groups for *_, n in group)
        for first, check in ((0, 2), (1, 0)) if small else ((0, 2),):
            try:
                made.append(at(values[first + 1]))
                pair = {i: made[i][0] for i in (first, first + 1)}
                own.measure(Sizes(pair, *finder.lengths(groups, values), [x[1] for x in made]))
                if finder.agrees(values[check]):
                    return own
            except UnfitError:
                continue
            except Exception:  # noqa: BLE001  (that it cannot be derived there is all that is asked)
                pass
            own.measure(None)
        groups = dict([*groups.items()][: len(groups) > 1])
    return own


class Again:
    """What was recorded, as a function of its arrays: numbers in it stay as they are."""

    def __init__(self, own: Derivation) -> None:
        self.own = own
        given = [(name, x) for name, x in own.arguments.items() if np.ndim(x)]
        self.leaves = {name: node for name, x in given for node in own.graph
                       if node.primitive is None and node.value is x}  # fmt: skip
        self.given = {name: node.value for name, node in self.leaves.items()}

    def __call__(self, *given: Any) -> Any:
        """Compute the loss."""
        return self._values(given)[self.own.graph.outputs[0].id]

    def _values(self, given: Iterable[Any], plain: bool = False) -> dict[str, Any]:
        values = dict(zip((x.id for x in self.leaves.values()), given, strict=True))
        for node in self.own.graph:
            if node.primitive is None:
                values.setdefault(node.id, node.value)
            else:
                compute = node.primitive.forward if plain else node.primitive
                values[node.id] = compute(*(values[x] for x in node.operands), **node.parameters)
        return values

    def at(self, given: Mapping[str, Any]) -> Made:
        """Derive it with other arrays."""
        own = self.own
        with np.errstate(all="ignore"):
            values = self._values(given.values(), plain=True)
        graph = copy.copy(own.graph)
        nodes = [replace(node, value=values[node.id]) for node in graph]
        Nodes.__init__(graph, nodes, [x.id for x in graph.outputs], graph.held)
        return own.of(graph), {}


class _Finder:
    """Finds out which axes of the arguments of a function have one length, by calling it."""

    def __init__(self, f: Callable[..., Any], given: Mapping[str, Any], own: Derivation) -> None:
        self.f, self.given, self.own, self.calls = f, given, own, 0
        self.names = list(given)
        self.arrays = [np.asarray(x.data if isinstance(x, Tensor) else x) for x in given.values()]

    def groups(self) -> dict[Group, tuple[int, int]]:
        """Return axes of one length, which are free, and two others that they may have."""
        with self._apart() as around:
            found = {} if around.hazard else self._groups()
            while found and self._runs({x: n[1] for x, n in found.items()}) < math.inf:
                found.popitem()
        return found

    @contextmanager
    def _apart(self) -> Iterator[Surroundings]:
        """Call the function without a trace in what it closes over."""
        around = Surroundings(*([] if isinstance(self.f, Again) else [self.f]))
        try:
            with np.errstate(all="ignore"), lent([Place(t) for t in around.tensors if t.is_leaf]):
                yield around
        finally:
            around.restore()

    def _groups(self) -> dict[Group, tuple[int, int]]:
        said = {int(x) for x in _NUMBER.findall(_WRITTEN.sub("", self.own.code))}
        axes = [(i, k, n) for i, x in enumerate(self.arrays) for k, n in enumerate(x.shape)
                if self.names[i] in self.own.arguments]  # fmt: skip
        primes = (x for x in itertools.count(7) if all(x % y for y in (2, 3, 5, 7)) or x == 7)
        found: dict[Group, tuple[int, int]] = {}
        for length in sorted({n for *_, n in axes if n > 1}, reverse=True):
            known = any(abs(x - length) < 3 or (x and x % length == 0) for x in said)
            left = [x for x in axes if x[2] == length]
            while left and (known or (length <= SMALL and left[0][1] == 0)):
                others = next(primes), next(primes)
                group = self._group(left, others[0])
                if self._runs({group: others[1]}) < math.inf:  # An even number of them, say.
                    others = 2 * length, 3 * length
                    group = self._group(left, others[0])
                fewer = {group: length - (others[1] % length > 0 and length < LARGE)}
                if self._runs({group: others[1]}) == math.inf == self._runs(fewer):
                    found[group] = others
                    if length > LARGE:  # Whatever is called now is quick.
                        self.arrays = self._taken({group: others[0]})
                left = [x for x in left if x not in group]
        return dict(sorted(found.items(), key=lambda x: -sum(k == 0 for _, k, _ in x[0])))

    def _group(self, axes: Sequence[Axis], length: int) -> Group:
        """Return the axes that have to have another length if the first one has."""
        group = frozenset(axes[:1])
        progress = self._runs({group: length})
        while progress < math.inf:
            for axis in axes:
                further = self._runs({group | {axis}: length})
                if further > progress:
                    group, progress = group | {axis}, further
                    break
            else:
                return group
        return group

    def _runs(self, wanted: Mapping[Group, int]) -> float:
        """Return how far the function comes with other lengths; infinity if to the end."""
        self.calls += 1
        if self.calls > MOST_CALLS:
            return -1
        start = next_birth()
        try:
            tensors = [Tensor(x, x.dtype.kind == "f") for x in self._taken(wanted)]
            result = call_with_tensors(self.f, tensors, {})
            done = np.size(result) == 1
        except Exception:  # noqa: BLE001  (how far it comes is all that is asked)
            done = False
        return math.inf if done else next_birth() - start

    def _taken(self, wanted: Mapping[Group, int]) -> list[Any]:
        """Return the first entries along axes, so many that they are as long as wanted."""
        arrays = list(self.arrays)
        for group, length in wanted.items():
            for i, k, _ in group:
                arrays[i] = arrays[i].take(np.arange(length) % arrays[i].shape[k], axis=k)
        return arrays

    def at(self, wanted: Mapping[Group, int]) -> dict[str, Any]:
        """Return arguments of other lengths; none if they cannot have these."""
        smaller = {group: min(length, *(n for *_, n in group)) for group, length in wanted.items()}
        found = with_lengths(self._taken(smaller), wanted, np.random.default_rng([0, 1]))
        return {} if found is None else dict(zip(self.names, found, strict=True))

    def lengths(
        self, groups: Iterable[Group], values: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[tuple[str, int], Length], list[Length]]:
        """Return the lengths of free axes, and how many entries arrays have that have some."""
        axes: dict[tuple[str, int], Length] = {}
        for group in groups:
            i, k, _ = min(group, key=lambda x: (x[1], x[0]))
            at = tuple(np.shape(x[self.names[i]])[k] for x in values)
            axes |= {(self.names[j], axis): Length(self.names[i], k, at) for j, axis, _ in group}
        tables = (x for x, array in zip(self.names, self.arrays, strict=True) if array.ndim > 1)
        counts = [Length(name, None, tuple(np.size(x[name]) for x in values))
                  for name in tables if any(name == x for x, _ in axes)]  # fmt: skip
        return axes, counts

    def agrees(self, values: Mapping[str, Any]) -> bool:
        """Return whether the printed code gives the gradients of autodiff at other lengths."""
        own, space = self.own, namespace(self.own.lines)
        by = [name for name in own.gradients if np.asarray(values.get(name)).dtype.kind == "f"]
        with self._apart():
            exec(own.code, space)
            arguments = {**own.arguments, **values}
            got = space["loss_and_gradients"](**{x: arguments[x] for x in own.arguments})
            argnums = tuple(map(self.names.index, by))
            true = value_and_grad(self.f, argnums)(*values.values())
            return all(
                np.allclose(a, b, rtol=1e-6, atol=1e-6 * np.abs(b).max(initial=0))
                for a, b in zip(
                    (got[0], *(got[1][x] for x in by)), (true[0], *true[1]), strict=True
                )
            )
