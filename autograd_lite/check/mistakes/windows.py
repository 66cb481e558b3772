"""The windows of a convolution or a pooling: where in an array every entry was picked.

All pieces of one shape that are picked from one array are one table of places.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import is_product, viewed
from autograd_lite.check.mistakes.registry import Array, remembered
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node

MOST_PLACES = 20_000
"""Of how many entries windows are looked at."""


@dataclass(frozen=True, eq=False)
class Axis:
    """An axis of a table of places: along which axis of the array it goes, and in what steps."""

    along: int
    step: int
    length: int
    kernel: bool = False


@dataclass(frozen=True, eq=False)
class Windows:
    """All pieces of one shape that are picked from an array.

    Attributes
    ----------
    name : str
        What the array is called.
    value : ndarray
        The array.
    nodes : list of Node
        The pieces, in the order of the table.
    shape : tuple of int
        Of the table of pieces, one above the other; `axes` may split it finer.
    first : tuple of int
        The place of the very first entry.
    axes : list of Axis
        Of the table.
    key : str or None
        The node of the array, if there is one.
    alike : list of list of Node
        For each piece, all that are picked from the same places.
    """

    name: str
    value: Array
    nodes: list[Node]
    shape: tuple[int, ...]
    first: tuple[int, ...]
    axes: list[Axis]
    key: str | None
    alike: list[list[Node]]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How long each axis is."""
        return tuple(axis.length for axis in self.axes)

    def places(self, steps: Sequence[int] = ()) -> Array:
        """Return where every entry is picked, along each axis of the array; or with other steps."""
        found = np.zeros((self.value.ndim, *self.sizes), int)
        found += np.reshape(self.first, (-1, *(1,) * len(self.axes)))
        for s, axis in enumerate(self.axes):
            each = (steps[s] if len(steps) else axis.step) * np.arange(axis.length)
            found[axis.along] += np.expand_dims(each, [k for k in range(len(self.axes)) if k != s])
        return found

    def holds(self, places: Array) -> Array:
        """Return which places are in the array."""
        shape = np.reshape(self.value.shape, (-1, *(1,) * len(self.axes)))
        return np.asarray(((places >= 0) & (places < shape)).all(axis=0))

    def paired(self) -> list[tuple[int, int]]:
        """Return pairs of axes that go along one of the array: inside a window, and to the next."""
        return [
            (i, j) if self.axes[i].kernel else (j, i)
            for i, j in itertools.combinations(range(len(self.axes)), 2)
            if self.axes[i].along == self.axes[j].along
        ]

    @property
    def inner(self) -> list[int]:
        """The axes inside a window."""
        return [i for i, _ in self.paired()]

    @property
    def outer(self) -> list[int]:
        """The axes from window to window."""
        return [j for _, j in self.paired()]

    @property
    def rest(self) -> list[int]:
        """The axes that windows have as the array has them."""
        return [k for k in range(len(self.axes)) if k not in (*self.inner, *self.outer)]


# ------------------------------------------------------------------------ what windows there are


@remembered
def all_windows(replay: Replay) -> Iterator[Windows]:
    """Return the windows of every tensor, and of what they let see of an array of the data."""
    picked: dict[tuple[str, Any], list[Node]] = {}
    for node in replay.graph:
        if node.primitive is ops.getitem and 1 < np.size(node.value) <= MOST_PLACES:
            picked.setdefault((node.operands[0], node.shape), []).append(node)
    for (key, _), nodes in picked.items():
        base = np.asarray(replay.values[key])
        numbers = np.arange(base.size).reshape(base.shape)
        taken = [np.asarray(numbers[node.parameters["index"]]) for node in nodes]
        several = len(nodes) > 1 or np.unique(taken[0]).size < taken[0].size
        if not several and not _slices(nodes[0]):
            continue
        once: dict[bytes, list[int]] = {}
        for k, piece in enumerate(taken):
            once.setdefault(piece.tobytes(), []).append(k)
        groups = sorted(once.values(), key=lambda group: int(taken[group[0]].flat[0]))
        alike = [[nodes[k] for k in group] for group in groups]
        nodes, table = [group[0] for group in alike], np.array([taken[g[0]] for g in groups])
        places = np.array(np.unravel_index(table, base.shape))
        axes = _axes(places, _taps(replay, nodes), _contracted(replay, nodes[0]))
        if axes is not None:
            name, first = text_of(replay.graph, replay.graph[key]), places.reshape(base.ndim, -1)
            found = Windows(name, base, nodes, table.shape, tuple(first[:, 0]), axes, key, alike)
            if np.array_equal(found.places().reshape(places.shape), places):
                yield found
    yield from _of_data(replay)


def _slices(node: Node) -> bool:
    index = node.parameters["index"]
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(x, slice) and x != slice(None) for x in parts)


def _taps(replay: Replay, nodes: Sequence[Node]) -> bool:
    """Return whether each piece is multiplied by a number of its own: an entry of a kernel."""
    others = [
        replay.graph[x]
        for node in nodes
        for user in replay.graph.consumers(node)
        for x in user.operands
        if x != node.id and len(user.operands) == 2
    ]
    picked = {(x.operands, repr(x.parameters)) for x in others}
    return len(picked) == len(nodes) > 1 and all(x.primitive is ops.getitem for x in others)


def _axes(places: Array, taps: bool, contracted: int) -> list[Axis] | None:
    """Return the axes of a table, each along one axis of the array, in equal steps; or None.

    Those of a kernel are told by the product that windows are in, or by their lengths.
    """
    found: list[Axis] = []
    of: list[int] = []  # Which axis of the table each is a part of.
    grid = 0  # How many of them go from window to window.
    for s in range(1, places.ndim):
        lines = np.moveaxis(places, s, 1).reshape(len(places), places.shape[s], -1)
        split = _split(lines[:, :, 0] - lines[:, :1, 0])
        if split is None:
            return None
        found += [Axis(*axis, kernel=taps and s == 1) for axis in split]
        of += [s] * len(split)
        grid = len(found) if s == 1 else grid
    inside = places.ndim + contracted if contracted else None
    for k, axis in enumerate(found if not taps else ()):
        twins = [i for i, x in enumerate(found) if x.along == axis.along and i != k]
        if len(twins) != 1:
            continue
        if grid:  # From window to window, the first axes go.
            kernel = k >= grid
        elif of[k] != of[twins[0]] and inside is not None:
            kernel = of[k] == inside
        else:
            other = found[twins[0]]
            kernel = (axis.length, -k) < (other.length, -twins[0])
        found[k] = replace(axis, kernel=kernel)
    return found or None


def _contracted(replay: Replay, node: Node) -> int:
    """Return which axis of an array a matrix product sums over; 0 if it has none."""
    for user in replay.graph.consumers(node):
        if user.primitive is ops.matmul:
            return -1 if user.operands[0] == node.id or np.ndim(node.value) < 2 else -2
    return 0


def _split(offsets: Array) -> list[tuple[int, int, int]] | None:
    """Return axes, steps and lengths of a line of places that is a grid in the usual order."""
    n = offsets.shape[1]
    if n == 1:
        return []
    moving = [d for d in range(len(offsets)) if offsets[d].any()]
    counts = [len(np.unique(offsets[d])) for d in moving]
    if int(np.prod(counts)) != n:
        return None
    grid = np.unravel_index(np.arange(n), counts)
    found = []
    for d, count, at in zip(moving, counts, grid, strict=True):
        step = int(offsets[d].max()) // (count - 1)
        if not np.array_equal(offsets[d], step * at) or step <= 0:
            return None
        found.append((d, step, count))
    return found


def _of_data(replay: Replay) -> Iterator[Windows]:
    """Yield the windows that are constants: where they overlap, they tell what they are of."""
    used: dict[Any, list[Node]] = {}
    for node in replay.graph:
        for x, other in (node.operands, node.operands[::-1]) if is_product(node) else ():
            piece, of = replay.graph[x], replay.graph[other]
            if piece.kind == "constant" and 1 < np.size(piece.value) <= MOST_PLACES:
                of, shape = viewed(replay.graph, of), piece.shape
                if len(of.shape) > 2 and shape[-1] == np.prod(of.shape[1:]):  # As im2col has them.
                    shape = (*shape[:-1], *of.shape[1:])
                used.setdefault((of.id, shape), []).append(piece)
    for (_, layout), every in used.items():
        once: dict[bytes, list[Node]] = {}  # Several kernels see the same windows.
        for node in every:
            once.setdefault(np.asarray(replay.values[node.id]).tobytes(), []).append(node)
        alike = list(once.values())
        nodes = [same[0] for same in alike]
        pieces = [np.reshape(replay.values[node.id], layout) for node in nodes]
        n = len(nodes)
        for rows in (*range(2, n // 2 + 1), 1) if len({x.id for x in nodes}) == n > 1 else ():
            if n % rows or (stitched := _grid(pieces, rows)) is None:
                continue
            base, across = stitched
            axes = [Axis(d, a, count) for d, a, _, count in across]
            twice = {d: b for d, _, b, _ in across}
            axes += [Axis(d, twice.get(d, 1), m, kernel=d in twice)
                     for d, m in enumerate(layout) if m > 1]  # fmt: skip
            if _taps(replay, nodes):
                axes = [Axis(x.along, x.step, x.length, kernel=k < len(across))
                        for k, x in enumerate(axes)]  # fmt: skip
            shape = (n, *layout)
            yield Windows("the data", base, nodes, shape, (0,) * base.ndim, axes, None, alike)
            break
        tells = np.unique(pieces[0]).size > 2  # Zeros and ones overlap by chance.
        if n == 1 and tells and (together := _of_one_array(pieces[0])) is not None:
            base, axes = together
            shape = (1, *layout)
            yield Windows("the data", base, nodes, shape, (0,) * base.ndim, axes, None, alike)


def _of_one_array(windows: Array) -> tuple[Array, list[Axis]] | None:
    """Return what windows that are one array are of, and its axes; None if they do not overlap."""
    base, along = windows, [[k] for k in range(windows.ndim)]  # The window's own axis comes first.
    steps = [1] * windows.ndim
    for d in range(windows.ndim):
        at = next(k for k, some in enumerate(along) if some[0] == d or d in some)
        if along[at] != [d] or base.shape[at] > MOST_WINDOWS:
            continue
        row = _row([base.take(k, at) for k in range(base.shape[at])])
        left = [some for k, some in enumerate(along) if k != at]
        if row is not None and len(left[row[1][0]]) == 1:
            base, (to, steps[d], steps[left[to][0]], _) = row
            left[to].append(d)
            along = left
    if base is windows:
        return None
    return base, [
        Axis(to, steps[d], n, kernel=len(along[to]) > 1 and along[to][0] == d)
        for d, n in enumerate(windows.shape)
        for to in [next(k for k, some in enumerate(along) if d in some)]
        if n > 1
    ]


MOST_WINDOWS = 100
"""Of how many windows in a row it is asked whether they overlap."""


Across = list[tuple[int, int, int, int]]
"""Axis, step from window to window, step inside a window, and count of windows."""


def _grid(pieces: list[Array], rows: int) -> tuple[Array, Across] | None:
    """Put windows together that are `rows` rows of as many."""
    wide, across = [], None
    for k in range(0, len(pieces), len(pieces) // rows):
        row = _row(pieces[k : k + len(pieces) // rows])
        if row is None or (across is not None and row[1] != across):
            return None
        wide.append(row[0])
        across = row[1]
    if rows == 1:
        return wide[0], [across] if across else []
    whole = _row(wide, across and across[0])  # Padding overlaps with padding.
    if whole is None or across is None:
        return None
    return whole[0], [whole[1], across]


def _row(
    pieces: list[Array], taken: int | None = None
) -> tuple[Array, tuple[int, int, int, int]] | None:
    """Put windows together that overlap along one axis, not `taken`, one after the other."""
    n = len(pieces)
    for d in sorted({*range(pieces[0].ndim)} - {taken}, reverse=True):
        m = pieces[0].shape[d]
        moved = [np.moveaxis(x, d, 0) for x in pieces]
        layouts = [(s, 1) for s in range(1, m)] + [(1, s) for s in range(2, n)]
        for a, b in layouts if n > 1 and m > 1 else ():
            base = np.full((a * (n - 1) + b * (m - 1) + 1, *moved[0].shape[1:]), np.nan)
            fits = True
            for k, piece in enumerate(moved):
                there = base[a * k : a * k + b * (m - 1) + 1 : b]
                fits = fits and bool((np.isnan(there) | (there == piece)).all())
                there[...] = piece
            if fits and not np.isnan(base).any():
                return np.moveaxis(base, 0, d), (d, a, b, n)
    return None
