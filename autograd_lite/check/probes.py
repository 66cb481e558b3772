"""Other values and other sizes for a function: what the given ones may hide."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.check.recorded import traced
from autograd_lite.graph import Graph
from autograd_lite.tensor import Tensor

Array = NDArray[Any]


MOST_AXES = 8
"""How many axes of equal length are tried in all combinations: what must change together."""


NUMBERS = "of these numbers"

SQUARE = (
    "both one-hot rows",
    "both rows of probabilities",
    "orthogonal",
    "symmetric",
    f"symmetric, {NUMBERS}",
    "positive definite",
    "lower triangular",
    "upper triangular",
)
LOOSE = ("", "increasing")
"""What other values may have another size of, and noise."""

NEARBY, FEWEST = "values next to those given", 4
"""Where only what is special about arrays of so many numbers is lost: that they are orthogonal."""

BY_ROW, ALONG = ("one-hot rows", "rows of probabilities", "unit vectors"), " along axis "


def probes(
    f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]
) -> Iterator[tuple[list[Array], str, bool]]:
    """Yield other inputs, what they are, and whether a formula has to be right for them.

    Other values come first, then other sizes. Where every entry is the same number, 0 or 1 say,
    that hides mistakes, and is nothing that a formula may count on; that all are between 0 and 1,
    it may.
    """
    rng = np.random.default_rng([0, 1])  # Inputs may come from default_rng(0).
    kinds = [structure(x) for x in arrays]
    near = [_near(x, kind, rng) for x, kind in zip(arrays, kinds, strict=True)]
    if _runs(f, names, near):
        yield near, NEARBY, True
    for what, scale in (
        ("other values", 1.0),
        ("values three times as large", 3.0),
        ("values a third as large", 1 / 3),
    ):
        other = [
            scale * _like(x, x.shape, kind, rng, signs=True) if kind in LOOSE else
            _like(x, x.shape, kind, rng)
            for x, kind in zip(arrays, kinds, strict=True)
        ]  # fmt: skip
        if _runs(f, names, other):
            yield other, f"{what} of the same sizes", True
    equal = [x.dtype.kind == "f" and x.size > 1 and np.ptp(x) == 0 for x in arrays]
    if any(equal):
        other = [
            _like(x + (not x.any()), x.shape, "" if same else kind, rng, signs=True)
            for x, kind, same in zip(arrays, kinds, equal, strict=True)
        ]
        if _runs(f, names, other):
            said = " and ".join(n for n, same in zip(names, equal, strict=True) if same)
            yield other, f"values of {said} that are not all equal", True
    free = [
        same or kind in (*LOOSE, "between 0 and 1") for same, kind in zip(equal, kinds, strict=True)
    ]
    other = [
        rng.permutation(np.linspace(-3, 3, x.size)).reshape(x.shape).astype(x.dtype)
        if loose
        else _like(x, x.shape, kind, rng)
        for x, kind, loose in zip(arrays, kinds, free, strict=True)
    ]
    if any(free) and _runs(f, names, other):
        yield other, "values from -3 to 3 of the same sizes", False
    for other in other_sizes(f, names, arrays):
        sizes = ", ".join(f"{n} {x.shape}" for n, x in zip(names, other, strict=True))
        yield other, sizes, True


def _near(x: Array, kind: str, rng: np.random.Generator) -> Array:
    """Return an array that differs by a hundredth at most, and has the structure that is known."""
    if kind == "as it is" or kind.endswith(NUMBERS) or "one-hot" in kind or x.size < FEWEST:
        return x
    room = x if (x > 0).all() else np.abs(x).mean()
    if kind == "between 0 and 1":
        room = np.minimum(x, 1 - x)
    elif kind == "increasing":
        room = np.diff(x).min()
    noise = rng.uniform(-0.01, 0.01, size=x.shape) * room
    return _with_structure(x + noise, kind).astype(x.dtype)


def structure(x: Array) -> str:
    """Return what is special about an array, so that another one can have it too."""
    kind = _of_rows(x)
    if kind in ("", NUMBERS, "between 0 and 1"):
        for axis in range(x.ndim - 1):  # Samples may be columns, or pixels behind the classes.
            if (along := _of_rows(np.moveaxis(x, axis, -1))) in BY_ROW:
                return f"{along}{ALONG}{axis}"
    both = kind in BY_ROW[:2] and x.ndim == 2 and x.shape[0] == x.shape[1]
    return f"both {kind}" if both and _of_rows(x.T) == kind else kind


def _of_rows(x: Array) -> str:
    if x.dtype.kind != "f":
        return "as it is"
    if not x.size or not np.isfinite(x).all() or not x.ndim:
        return "as it is" if x.ndim else ""
    if (x == np.round(x)).all():
        rows = ((x == 0) | (x == 1)).all() and (x.sum(axis=-1) == 1).all()
        if not rows and x.ndim == 2 and np.ptp(x) and np.array_equal(x, x.T):
            return f"symmetric, {NUMBERS}"
        return "one-hot rows" if rows else NUMBERS
    if x.shape[-1] > 1 and (x >= 0).all() and np.allclose(x.sum(axis=-1), 1):
        return "rows of probabilities"
    if x.ndim == 2 and x.shape[0] == x.shape[1] > 1:
        if np.allclose(x @ x.T, np.eye(len(x)), atol=1e-8):
            return "orthogonal"
        if np.allclose(x, x.T, rtol=1e-8, atol=1e-12):
            definite = np.linalg.eigvalsh(x).min() > 0
            return "positive definite" if definite else "symmetric"
        for kind, part in (("lower triangular", np.tril(x)), ("upper triangular", np.triu(x))):
            if np.array_equal(part, x):
                return kind
    if x.size > 1 and np.allclose(np.linalg.norm(x, axis=-1), 1):
        return "unit vectors"
    if len(np.unique(x)) <= max(2, x.size // 3):
        return NUMBERS
    if ((x > 0) & (x < 1)).all():
        return "between 0 and 1"
    if x.ndim == 1 and x.size >= FEWEST and (np.diff(x) > 0).all():
        return "increasing"
    return ""


def _like(
    x: Array, shape: tuple[int, ...], kind: str, rng: np.random.Generator, *, signs: bool = False
) -> Array:
    """Return an array with the structure of another one, and other values."""
    if ALONG in kind:
        kind, axis = kind.split(ALONG)
        lengths = (*shape[: int(axis)], *shape[int(axis) + 1 :], shape[int(axis)])
        return np.moveaxis(_like(x, lengths, kind, rng), -1, int(axis))
    if kind == "as it is":
        return x if shape == x.shape else rng.choice(x.ravel(), size=shape)
    if kind == NUMBERS:
        return rng.choice(x.ravel(), size=shape)
    if kind.endswith(NUMBERS):  # An adjacency, say: with its diagonal.
        below = np.tril(rng.choice(x[~np.eye(len(x), dtype=bool)], size=shape), -1)
        return np.asarray(below + below.T + np.diag(rng.choice(np.diag(x), size=len(below))))
    if kind == "one-hot rows":
        return np.eye(shape[-1], dtype=x.dtype)[rng.integers(0, shape[-1], shape[:-1])]
    if kind == "between 0 and 1":
        return rng.uniform(x.min(), x.max(), size=shape).astype(x.dtype)
    if kind.startswith("both "):  # A permutation; or a mixture of some, with the same sums.
        n = shape[0]
        mixed = sum(np.eye(n)[rng.permutation(n)] for _ in range(1 if "one-hot" in kind else n))
        return np.asarray(mixed / np.sum(mixed, axis=0), x.dtype)
    drawn = rng.normal(size=shape)
    if kind == "rows of probabilities":
        drawn = np.exp(drawn)
    drawn *= max(float(np.abs(x).mean()), 1e-300)
    if kind == "positive definite":
        drawn = drawn @ drawn.T + float(np.diag(x).mean()) * np.eye(len(drawn))
    elif kind == "increasing":
        drawn = np.sort(drawn if (x < 0).any() else np.abs(drawn))
    elif kind == "" and not signs and x.ndim:
        drawn = rng.choice(x.ravel(), size=shape) * rng.uniform(0.99, 1, size=shape)  # No ties.
    made = _with_structure(drawn, kind).astype(x.dtype)
    if kind == "orthogonal" and np.linalg.det(made) * np.linalg.det(x) < 0:
        made[0] *= -1  # A rotation stays one.
    return made


def _with_structure(x: Array, kind: str) -> Array:
    """Return the array of a kind that is next to another array."""
    if ALONG in kind:
        kind, axis = kind.split(ALONG)
        return np.moveaxis(_with_structure(np.moveaxis(x, int(axis), -1), kind), -1, int(axis))
    if kind == "orthogonal":
        q, r = np.linalg.qr(x)
        return np.asarray(q * np.sign(np.diag(r)))
    if kind in ("symmetric", "positive definite"):
        return (x + x.T) / 2
    if kind.endswith("triangular"):
        return np.tril(x) if kind.startswith("lower") else np.triu(x)
    if kind == "rows of probabilities":
        return np.asarray(x / x.sum(axis=-1, keepdims=True))
    return x / np.linalg.norm(x, axis=-1, keepdims=True) if kind == "unit vectors" else x


def other_sizes(
    f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]
) -> Iterator[list[Array]]:
    """Yield inputs of other sizes that the function takes: first each size, then all at once."""
    rng = np.random.default_rng([0, 1])
    axes = [(i, k, n) for i, x in enumerate(arrays) for k, n in enumerate(x.shape) if n > 1]
    groups: list[frozenset[tuple[int, int, int]]] = []
    for length in dict.fromkeys(n for _, _, n in axes):
        alike = [axis for axis in axes if axis[2] == length][:MOST_AXES]
        for count in range(1, len(alike) + 1):
            for combination in itertools.combinations(alike, count):
                group = frozenset(combination)
                if any(known <= group for known in groups):
                    continue
                resized = with_lengths(arrays, {group: length + 1}, rng)
                if resized is None or not _runs(f, names, resized):
                    continue
                if not _ignores(f, names, resized, group):  # Rows without labels, say.
                    groups.append(group)
                    yield resized
    if len(groups) > 1:
        lengths = itertools.count(2)
        wanted = {group: next(lengths) for group in groups}
        resized = with_lengths(arrays, wanted, rng)
        if resized is not None and _runs(f, names, resized):
            yield resized


def _ignores(
    f: Callable[..., Any],
    names: Sequence[str],
    arrays: Sequence[Array],
    group: frozenset[tuple[int, int, int]],
) -> bool:
    """Return whether a function does not look at the last entries along some axis.

    Nor if it has read, one by one, all entries that there were, and not these.
    """
    rng = np.random.default_rng([0, 1])
    graph, lifted = traced(f, names, arrays)
    value = graph.outputs[0].value
    for i, axis, n in group:
        if _read_one_by_one(graph, lifted[i], axis) == set(range(n)):
            return True
        others = [x.copy(order="K") for x in arrays]
        last = np.moveaxis(others[i], axis, 0)[-1:]
        if last.dtype.kind == "f":
            last[...] += rng.normal(size=last.shape) * (1 + np.abs(last))
            try:
                moved = traced(f, names, others)[0].outputs[0].value
            except Exception:  # noqa: BLE001  (a probability may not be negative, for instance)
                continue
            if np.array_equal(value, moved):
                return True
    return False


def _read_one_by_one(graph: Graph, x: Tensor, axis: int) -> set[int]:
    """Return the places along an axis at which single entries are picked: x[0], x[1]."""
    picks = [node.parameters["index"] for node in graph.consumers(x)
             if node.primitive is ops.getitem] if x.requires_grad else []  # fmt: skip
    each = [(index if isinstance(index, tuple) else (index,))[axis:] for index in picks]
    return {int(at[0]) for at in each if at and isinstance(at[0], int | np.integer)}


def with_lengths(
    arrays: Sequence[Array],
    wanted: Mapping[frozenset[tuple[int, int, int]], int],
    rng: np.random.Generator,
) -> list[Array] | None:
    """Return arrays with other lengths of some axes, and the structure that they had.

    None if they cannot have both.
    """
    shapes = [list(x.shape) for x in arrays]
    for group, length in wanted.items():
        for i, axis, _ in group:
            shapes[i][axis] = length
    found = []
    for x, shape in zip(arrays, shapes, strict=True):
        kind = structure(x)
        if list(x.shape) == shape:
            found.append(x)
        elif kind in SQUARE and shape[0] != shape[1]:
            return None
        else:
            found.append(_like(x, tuple(shape), kind, rng))
    return found


def _runs(f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]) -> bool:
    try:
        graph, _ = traced(f, names, arrays)
    except Exception:  # noqa: BLE001  (that it does not take these sizes is all that is asked)
        return False
    return bool(np.isfinite(graph.outputs[0].value).all())
