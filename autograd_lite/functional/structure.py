"""Other arrays in the place of some: of other values and lengths, with the structure of these."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.backward import next_birth

Array = NDArray[Any]

Axis = tuple[int, int, int]
"""Which array, which of its axes, and how long that is."""

Group = frozenset[Axis]
"""Axes of one length."""

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

FEWEST = 4
"""Where only what is special about arrays of so many numbers is lost: that they are orthogonal."""

BY_ROW, ALONG = ("one-hot rows", "rows of probabilities", "unit vectors"), " along axis "


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
    if len(np.unique(x)) <= min(x.size - 1, max(2, x.size // 3)):
        return NUMBERS
    if ((x > 0) & (x < 1)).all():
        return "between 0 and 1"
    if x.ndim == 1 and x.size >= FEWEST and (np.diff(x) > 0).all():
        return "increasing"
    return ""


def like(
    x: Array, shape: tuple[int, ...], kind: str, rng: np.random.Generator, *, signs: bool = False
) -> Array:
    """Return an array with the structure of another one, and other values."""
    if ALONG in kind:
        kind, axis = kind.split(ALONG)
        lengths = (*shape[: int(axis)], *shape[int(axis) + 1 :], shape[int(axis)])
        return np.moveaxis(like(x, lengths, kind, rng), -1, int(axis))
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
    made = with_structure(drawn, kind).astype(x.dtype)
    if kind == "orthogonal" and np.linalg.det(made) * np.linalg.det(x) < 0:
        made[0] *= -1  # A rotation stays one.
    return made


def with_structure(x: Array, kind: str) -> Array:
    """Return the array of a kind that is next to another array."""
    if ALONG in kind:
        kind, axis = kind.split(ALONG)
        return np.moveaxis(with_structure(np.moveaxis(x, int(axis), -1), kind), -1, int(axis))
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


def with_lengths(arrays: Sequence[Array], wanted: Mapping[Group, int]) -> list[Array]:
    """Return arrays with other lengths of some axes, and the structure that they had.

    None at all if they cannot have both.
    """
    rng = np.random.default_rng([0, 1])  # Inputs may come from default_rng(0).
    shapes = [list(x.shape) for x in arrays]
    for group, length in wanted.items():
        for i, axis, _ in group:
            shapes[i][axis] = length
    found = []
    for x, shape in zip(arrays, shapes, strict=True):
        kind = structure(x)
        if kind in SQUARE and shape[0] != shape[1]:
            return []
        found.append(x if list(x.shape) == shape else like(x, tuple(shape), kind, rng))
    return found


def progress(call: Callable[[], bool]) -> float:
    """Return how far a computation comes; infinity if to an end that is right."""
    start = next_birth()
    try:
        done = call()
    except Exception:  # noqa: BLE001  (how far it comes is all that is asked)
        done = False
    return math.inf if done else next_birth() - start


def together(
    axes: Sequence[Axis], length: int, runs: Callable[[Mapping[Group, int]], float]
) -> Group:
    """Return the axes that have to have another length if the first one has.

    - `runs`: how far a function comes if some have it; infinity if to the end.
    """
    group, come = frozenset(axes[:1]), runs({frozenset(axes[:1]): length})
    while come < math.inf:
        for axis in axes:
            further = runs({group | {axis}: length})
            if further > come:
                group, come = group | {axis}, further
                break
        else:  # Lengths of several may have to be equal before anything is computed.
            whole = frozenset(axes)
            return whole if runs({whole: length}) == math.inf else group
    return group
