"""Other values and other sizes for a function: what the given ones may hide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.check.recorded import traced
from autograd_lite.functional.structure import (
    FEWEST,
    LOOSE,
    NUMBERS,
    Group,
    like,
    progress,
    structure,
    together,
    with_lengths,
    with_structure,
)
from autograd_lite.graph import Graph
from autograd_lite.tensor import Tensor

Array = NDArray[Any]


NEARBY = "values next to those given"


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
            scale * like(x, x.shape, kind, rng, signs=True) if kind in LOOSE else
            like(x, x.shape, kind, rng)
            for x, kind in zip(arrays, kinds, strict=True)
        ]  # fmt: skip
        if _runs(f, names, other):
            yield other, f"{what} of the same sizes", True
    equal = [x.dtype.kind == "f" and x.size > 1 and np.ptp(x) == 0 for x in arrays]
    if any(equal):
        other = [
            like(x + (not x.any()), x.shape, "" if same else kind, rng, signs=True)
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
        else like(x, x.shape, kind, rng)
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
    return with_structure(x + noise, kind).astype(x.dtype)


def other_sizes(
    f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]
) -> Iterator[list[Array]]:
    """Yield inputs of other sizes that the function takes: first each size, then all at once."""
    axes = [(i, k, n) for i, x in enumerate(arrays) for k, n in enumerate(x.shape) if n > 1]
    groups: list[Group] = []

    def comes(wanted: Mapping[Group, int]) -> float:
        other = with_lengths(arrays, wanted)
        # Rows without labels, say, are ignored.
        return progress(lambda: _runs(f, names, other) and not _ignores(f, names, other, *wanted))

    for length in dict.fromkeys(n for _, _, n in axes):
        left = [axis for axis in axes if axis[2] == length]
        while left:
            group = together(left, length + 1, comes)
            if comes({group: length + 1}) == math.inf:
                groups.append(group)
                yield with_lengths(arrays, {group: length + 1})
            left = [axis for axis in left if axis not in group]
    if len(groups) > 1:
        other = with_lengths(arrays, {group: n for n, group in enumerate(groups, 2)})
        if _runs(f, names, other):
            yield other


def _ignores(
    f: Callable[..., Any],
    names: Sequence[str],
    arrays: Sequence[Array],
    group: Group,
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


def _runs(f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]) -> bool:
    try:
        graph, _ = traced(f, names, arrays)
    except Exception:  # noqa: BLE001  (that it does not take these sizes is all that is asked)
        return False
    return bool(np.isfinite(graph.outputs[0].value).all())
