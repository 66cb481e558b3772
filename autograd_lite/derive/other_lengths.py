"""A derivation at other lengths: which axes are free, and what is printed there."""

from __future__ import annotations

import copy
import itertools
import math
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.backward import next_birth
from autograd_lite.derive.derivation import Derivation
from autograd_lite.derive.helpers import namespace
from autograd_lite.derive.lengths import NUMBER, Length, Sizes
from autograd_lite.functional.nests import leaves_of
from autograd_lite.functional.structure import Group, progress, together, with_lengths
from autograd_lite.functional.tracing import call_with_tensors
from autograd_lite.functional.transforms import value_and_grad
from autograd_lite.graph.nodes import Nodes
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import Place, lent
from autograd_lite.tensor import Tensor

MOST_MADE = 2000
"""How many expressions a derivation may take that is made again."""

FEW_MADE, GROWTH = 300, 6
"""How many it may take at other lengths, and how many times as many on top: a product has more."""

MOST_CALLS, MOST_SECONDS = 100, 1.0
"""Of calls of a function, to find out which axes have the same length."""

FEW_NODES = 400
"""Where a derivation at other lengths may have more of them than at those that are given."""

SMALL = 4
"""Up to this length, code may not show it: ``2 / n`` may be 1, and a loop a single round."""

FURTHER = 2, 3, 8
"""Lengths at which a function may do something else: if there are few rows, or an even number."""

LARGE = 64
"""With arrays of such a length, a function is not called more often than it has to be."""

_WRITTEN = re.compile(r"#.*|\*\* \d+|axis=[-\d(), ]+")
"""Text whose numbers are not lengths: comments, exponents and axes."""

Made = tuple[Derivation, Mapping[str, int]]
"""A derivation, and whole numbers that variables of the function hold."""


@contextmanager
def _quietly() -> Iterator[None]:
    """Whatever is warned of has been once, at the given lengths."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        yield


@_quietly()
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
    if own.made > MOST_MADE:
        return own
    finder = _Finder(f, given, own)
    groups = finder.groups()
    while groups:
        values = [given, *(finder.at({x: n[i] for x, n in groups.items()}) for i in (0, 1))]
        made: list[Made] = [(own, numbers)]
        small = any(n <= SMALL for group in groups for *_, n in group)
        for first, check in ((0, 2), (1, 0)) if small else ((0, 2),):
            if not finder.is_quick({x: n[first] for x, n in groups.items()}):
                break
            try:
                made.append(at(values[first + 1]))
                pair = {i: made[i][0] for i in (first, first + 1)}
                own.measure(Sizes(pair, *finder.lengths(groups, values), [x[1] for x in made]))
                if finder.agrees(values[check]) and finder.holds(groups):
                    return own
            except Exception:  # noqa: BLE001  (that it cannot be derived there is all that is asked)
                pass
            own.measure(None)
        groups = dict([*groups.items()][: len(groups) > 1])
    return own


def most_made(own: Derivation) -> float:
    """Return how many expressions a derivation may take at other lengths."""
    return min(MOST_MADE, FEW_MADE + GROWTH * own.made)


class Again:
    """What was recorded, as a function of its arrays: numbers in it stay as they are."""

    def __init__(self, own: Derivation) -> None:
        self.own = own
        given = [(name, x) for name, x in own.arguments.items() if np.ndim(x)]
        self.leaves = {name: node for name, x in given for node in own.graph
                       if node.primitive is None and node.value is x}  # fmt: skip
        self.given = {name: node.value for name, node in self.leaves.items()}

    def standing(self) -> Iterator[float]:
        """Return numbers that may follow from lengths: divisors, shares, squares of them, stops."""
        graph = self.own.graph
        divisors = {x.operands[1] for x in graph if x.primitive is ops.divide}
        for node in graph:
            slices = (x for x in leaves_of(node.parameters) if isinstance(x, slice))
            yield from (x.stop for x in slices if x.stop)
            if node.primitive is None and not np.ndim(node.value) and (x := float(abs(node.value))):
                x = x if node.id in divisors else 1 / x
                yield from (round(x, 9), round(x * x, 9))

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
        values = self._values(given.values(), plain=True)
        graph = copy.copy(own.graph)
        nodes = [replace(node, value=values[node.id]) for node in graph]
        Nodes.__init__(graph, nodes, [x.id for x in graph.outputs], graph.held)
        return own.of(graph, most=most_made(own)), {}


class _Finder:
    """Finds out which axes of the arguments of a function have one length, by calling it."""

    def __init__(self, f: Callable[..., Any], given: Mapping[str, Any], own: Derivation) -> None:
        self.f, self.given, self.own, self.calls, self.nodes = f, given, own, 0, 0
        self.until = time.thread_time() + MOST_SECONDS
        self.names = list(given)
        self.arrays = [np.asarray(x.data if isinstance(x, Tensor) else x) for x in given.values()]

    def groups(self) -> dict[Group, tuple[int, int]]:
        """Return axes of one length, which are free, and two others that they may have."""
        with self._apart() as around:
            found = {} if around.hazard else self._groups()
            self.calls, self.until = 0, self.until + MOST_SECONDS  # What was found stays.
            while found and self._runs({x: n[1] for x, n in found.items()}) < math.inf:
                found.popitem()
        return found

    def is_quick(self, wanted: Mapping[Group, int]) -> bool:
        """Return whether a derivation at other lengths takes about as long as at the given ones."""
        with self._apart():
            done = self._runs(wanted) == math.inf
        return done and self.nodes <= max(FEW_NODES, len(self.own.graph))

    @contextmanager
    def _apart(self) -> Iterator[Surroundings]:
        """Call the function without a trace in what it closes over."""
        around = Surroundings(*([] if isinstance(self.f, Again) else [self.f]))
        try:
            with lent([Place(t) for t in around.tensors if t.is_leaf]):
                yield around
        finally:
            around.restore()

    def _groups(self) -> dict[Group, tuple[int, int]]:
        code = _WRITTEN.sub("", self.own.code)
        said = {int(x) for x in NUMBER.findall(code) if x.isdecimal()}
        shares = [float(x) for x in re.findall(r"\d*\.\d+", code)]  # 0.5 may be 2 / 4.
        axes = [(i, k, n) for i, x in enumerate(self.arrays) for k, n in enumerate(x.shape)]
        # Of an argument that the code does not take, only a length may be used.
        fixed = {n for i, _, n in axes if self.names[i] not in self.own.arguments}
        if isinstance(self.f, Again):
            lengths = {n for *_, n in axes}
            several = {1, 2, *lengths, *(2 * n for n in lengths)}
            standing = {*self.f.standing()}
            fixed |= {n for n in lengths if not standing.isdisjoint(n * k for k in several)}
        # A share of 5 is a number of few digits, which does not show that it is one.
        primes = (x for x in itertools.count(7) if all(x % y for y in (2, 3, 5, 7)) or x == 7)
        found: dict[Group, tuple[int, int]] = {}
        for length in sorted({n for *_, n in axes if n > 1} - fixed, reverse=True):
            known = self.own.made < FEW_MADE or any((x * length).is_integer() for x in shares)
            known = known or any(abs(x - length) < 3 or (x and x % length == 0) for x in said)
            left = [x for x in axes if x[2] == length]
            rows = length <= SMALL and sum(k == 0 for _, k, _ in left) > 1
            while left and (known or (rows and left[0][1] == 0)):
                one, two = itertools.islice((x for x in primes if x != length), 2)
                for others in ((one, two), (2 * length, 3 * length)):  # An even number, say.
                    group = together(left, others[0], self._runs)
                    if self._runs({group: others[1]}) == math.inf:
                        break
                fewer = length - (1 + (length > 3)) * (others[1] % length > 0 and length < LARGE)
                if self._runs({group: fewer}) < math.inf:  # Labels pick from as many rows or more.
                    group = together(left, fewer, self._runs)
                if self._runs({group: others[1]}) == math.inf == self._runs({group: fewer}):
                    found[group] = others
                    if length > LARGE:  # Whatever is called now is quick.
                        self.arrays = self._taken({group: others[0]})
                left = [x for x in left if x not in group]
        return dict(sorted(found.items(), key=lambda x: -sum(k == 0 for _, k, _ in x[0])))

    def _runs(self, wanted: Mapping[Group, int]) -> float:
        """Return how far the function comes with other lengths; infinity if to the end."""
        self.calls += 1
        if self.calls > MOST_CALLS or time.thread_time() > self.until:
            return -1
        start = next_birth()
        tensors = [Tensor(x, x.dtype.kind == "f") for x in self._taken(wanted)]
        come = progress(lambda: np.size(call_with_tensors(self.f, tensors, {})) == 1)
        self.nodes = next_birth() - start
        return come

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
        found = with_lengths(self._taken(smaller), wanted)
        return dict(zip(self.names, found, strict=False))

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

    def holds(self, groups: Iterable[Group]) -> bool:
        """Return whether the code is right at further lengths where the function runs."""
        for length in FURTHER:
            wanted = dict.fromkeys(groups, length)
            with suppress(Exception):
                if self.is_quick(wanted) and not self.agrees(self.at(wanted)):
                    return False
        return True

    def agrees(self, values: Mapping[str, Any]) -> bool:
        """Return whether the printed code gives the gradients of autodiff at other lengths."""
        own, space = self.own, namespace(self.own.lines)
        by = [name for name, x in values.items() if np.asarray(x).dtype.kind == "f"]
        with self._apart():
            argnums = tuple(map(self.names.index, by))
            true = value_and_grad(self.f, argnums)(*values.values())
            exec(own.code, space)
            arguments = {**own.arguments, **values}
            try:
                got = space["loss_and_gradients"](**{x: arguments[x] for x in own.arguments})
            except (IndexError, ValueError):  # An array of the function has the lengths it had.
                return False
            pairs = [(got[1][x], b) for x, b in zip(by, true[1], strict=True) if x in got[1]]
            return all(
                np.shape(a) == np.shape(b)
                and np.allclose(a, b, 1e-6, 1e-6 * np.abs(b).max(initial=0), equal_nan=True)
                for a, b in [(got[0], true[0]), *pairs]
            )
