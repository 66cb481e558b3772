"""Compare for any function of arrays; and other sizes, at which a coincidence ends."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.alignment import Aligned, align
from autograd_lite.check.diagnosis import OTHERS, SIZES_COINCIDE, Diagnosis, diagnose
from autograd_lite.check.mistakes.registry import Case, Target
from autograd_lite.check.numerical import swept_differences
from autograd_lite.check.report import AGREE, HAND, SHAPE, Comparison, Row
from autograd_lite.core.modes import GradientError, enable_grad
from autograd_lite.graph import Graph
from autograd_lite.tensor import Tensor

Array = NDArray[Any]

MOST_AXES = 8
"""How many axes of equal length are tried in all combinations: what must change together."""


def compare_function(
    f: Callable[..., Any],
    by_hand: Any,
    inputs: Any,
    once: Callable[[Graph, Aligned], Comparison],
) -> Comparison:
    """Compare at the inputs; if all agrees there, at inputs of other sizes too.

    Parameters
    ----------
    f, by_hand, inputs
        As in `compare`.
    once : callable
        Compares one graph with the gradients that belong to its nodes.
    """
    names, arrays = named_inputs(f, inputs)
    try:
        graph, lifted = traced(f, names, arrays)
    except (TypeError, ValueError, GradientError) as error:
        # An array's entry that cannot be a Tensor is a ValueError of NumPy's.
        if isinstance(error, ValueError) and not isinstance(error.__cause__, GradientError):
            raise
        return by_numbers_alone(f, by_hand, names, arrays, str(error))
    result = once(graph, aligned(graph, lifted, names, arrays, by_hand))
    if not result or not callable(by_hand):
        return result
    notes = list(result.notes)
    for other in other_sizes(f, names, arrays):
        shapes = ", ".join(f"{n} {x.shape}" for n, x in zip(names, other, strict=True))
        graph, lifted = traced(f, names, other)
        try:
            there = once(graph, aligned(graph, lifted, names, other, by_hand))
        except Exception as error:  # noqa: BLE001  (whatever their function raises is a note)
            notes.append(f"Not compared for {shapes}: by_hand raises {error!r}.")
            continue
        if not there:
            return _coincidence(result, there, shapes, (arrays, other), notes)
    return Comparison(result.rows, notes)


def _coincidence(
    result: Comparison,
    there: Comparison,
    shapes: str,
    inputs: tuple[Sequence[Array], Sequence[Array]],
    notes: list[str],
) -> Comparison:
    """Return what is right at the sizes given, and wrong at others."""
    rows = []
    given = ", ".join(str(x.shape) for x in inputs[0])
    for row, other in zip(result.rows, there.rows, strict=True):
        if other.ok:
            rows.append(row)
            continue
        size = _written_in(other.ratio, *inputs)
        why = other.diagnosis.title if other.diagnosis is not None else other.finding
        if size is not None:
            why = f"the number {size} stands in the formula where a size belongs"
        found = Diagnosis(
            SIZES_COINCIDE,
            f"right only because sizes coincide; for {shapes}: {why}",
            OTHERS[SIZES_COINCIDE],
            f"it agrees for the shapes {given}, and not for {shapes}",
        )
        verdict = SHAPE if other.verdict == SHAPE else HAND
        rows.append(dataclasses.replace(other, verdict=verdict, diagnosis=found))
    return Comparison(tuple(rows), notes)


def _written_in(
    ratio: float | None, arrays: Sequence[Array], others: Sequence[Array]
) -> int | None:
    """Return the length that a formula has as a number: it is off by the ratio of the lengths."""
    pairs = {
        (old, new)
        for x, y in zip(arrays, others, strict=True)
        for old, new in zip(x.shape, y.shape, strict=True)
        if old != new
    }
    for old, new in sorted(pairs):
        if ratio is not None and min(abs(ratio - new / old), abs(ratio - old / new)) < 1e-9:
            return int(old)
    return None


def named_inputs(f: Callable[..., Any], inputs: Any) -> tuple[list[str], list[Array]]:
    """Return the inputs as arrays, with the names of the parameters that they are for."""
    if isinstance(inputs, Mapping):
        names = [str(name) for name in inputs]
        return names, [_array(x) for x in inputs.values()]
    arrays = [_array(x) for x in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names += [f"input {i}" for i in range(len(names), len(arrays))]
    return names[: len(arrays)], arrays


def _array(x: Any) -> Array:
    return np.array(x.data if isinstance(x, Tensor) else x)


def traced(
    f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]
) -> tuple[Graph, list[Tensor]]:
    """Record a call of the function."""
    lifted = [
        Tensor(x, requires_grad=x.dtype.kind == "f", name=name)
        for name, x in zip(names, arrays, strict=True)
    ]
    title = getattr(f, "__name__", "the function")
    with enable_grad():
        loss = f(*lifted)
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"compare: {title} returned {type(loss).__name__}, so it could not be recorded. It "
            f"must compute with its arguments in NumPy, without float() or np.asarray()."
        )
    if loss.size != 1 or not loss.requires_grad:
        raise ValueError(
            f"compare needs a function that returns a single number and depends on its "
            f"floating-point inputs, got {loss!r} from {title}."
        )
    return Graph(loss, {}), lifted


def aligned(
    graph: Graph,
    lifted: Sequence[Tensor],
    names: Sequence[str],
    arrays: Sequence[Array],
    by_hand: Any,
) -> Aligned:
    """Call the function by hand, and pair what it returns with the inputs."""
    given = by_hand
    if callable(by_hand):
        given = by_hand(*(x.copy() for x in arrays))
    if isinstance(given, np.ndarray | np.generic | float | int) and len(arrays) == 1:
        given = [given]
    if isinstance(given, list | tuple):
        if len(given) != len(arrays):
            raise ValueError(
                f"compare: by position there must be one gradient for every input: "
                f"{', '.join(names)}. Got {len(given)}; leave one out with None, or give a dict."
            )
        pairs = zip(lifted, given, strict=True)
        given = {tensor: g for tensor, g in pairs if g is not None}
    elif isinstance(given, np.ndarray | np.generic | float | int):
        raise ValueError(
            f"compare: by_hand gives one array for {len(arrays)} inputs ({', '.join(names)}). "
            f"Give a dict that says whose gradient it is."
        )
    return align(graph, given)


# ------------------------------------------------------------------------ without autodiff


def by_numbers_alone(
    f: Callable[..., Any],
    by_hand: Any,
    names: Sequence[str],
    arrays: Sequence[Array],
    reason: str,
) -> Comparison:
    """Compare with differences alone, where a function cannot be recorded."""
    plain = [x.astype(float) for x in arrays]
    value = np.asarray(f(*(x.copy() for x in plain)))
    if value.size != 1:
        raise ValueError(
            f"compare needs a function that returns a single number, got shape {value.shape}."
        )
    given = by_hand(*(x.copy() for x in arrays)) if callable(by_hand) else by_hand
    if isinstance(given, np.ndarray | np.generic | float | int):
        given = [given]
    if not isinstance(given, Mapping):
        given = {name: g for name, g in zip(names, given, strict=True) if g is not None}
    targets = _beside_differences(f, given, names, plain)
    batch = max((x.shape[0] for x in arrays if x.ndim > 1), default=0)
    rows, failing = [], {}
    for target in targets:
        scale = float(np.abs(target.right).max(initial=0.0))
        agree = target.hand.shape == target.right.shape and np.allclose(
            target.hand, target.right, rtol=1e-6, atol=1e-8 * scale
        )
        if not agree:
            # Differences have half the digits of what they come from: so has float32.
            failing[target] = dataclasses.replace(target, right=target.right.astype(np.float32))
        shapes = target.hand.shape == target.right.shape
        verdict = AGREE if agree else HAND if shapes else SHAPE
        rows.append(Row(target.name, target.hand, target.right, target.right, verdict, ""))
    found = diagnose(list(failing.values()), Case(None, None, batch))
    rows = [
        dataclasses.replace(row, diagnosis=found.get(failing[target]) if not row.ok else None)
        for row, target in zip(rows, targets, strict=True)
    ]
    note = f"Compared with central differences, in place of autodiff. {reason}"
    return Comparison(tuple(rows), [note])


def _beside_differences(
    f: Callable[..., Any],
    given: Mapping[str, Any],
    names: Sequence[str],
    arrays: Sequence[Array],
) -> list[Target]:
    """Return every gradient by hand with its numerical one."""
    targets = []
    for name, gradient in given.items():
        if name not in names:
            raise KeyError(f"{name!r} is not among the inputs: {', '.join(names)}.")
        i = list(names).index(name)

        def at(moved: Array, i: int = i) -> Any:
            return np.reshape(f(*arrays[:i], moved, *arrays[i + 1 :]), ())[()]

        targets.append(Target(name, np.asarray(gradient, float), swept_differences(at, arrays[i])))
    return targets


# ------------------------------------------------------------------------ other sizes


def other_sizes(
    f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]
) -> Iterator[list[Array]]:
    """Yield inputs of other sizes that the function takes: first each size, then all at once."""
    rng = np.random.default_rng(0)
    axes = [(i, k, n) for i, x in enumerate(arrays) for k, n in enumerate(x.shape) if n > 1]
    groups: list[frozenset[tuple[int, int, int]]] = []
    for length in dict.fromkeys(n for _, _, n in axes):
        alike = [axis for axis in axes if axis[2] == length][:MOST_AXES]
        for count in range(1, len(alike) + 1):
            for combination in itertools.combinations(alike, count):
                group = frozenset(combination)
                if any(known <= group for known in groups):
                    continue
                resized = _resized(arrays, {group: length + 1}, rng)
                if _runs(f, names, resized):
                    groups.append(group)
                    yield resized
    if len(groups) > 1:
        lengths = itertools.count(2)
        wanted = {group: next(lengths) for group in groups}
        resized = _resized(arrays, wanted, rng)
        if _runs(f, names, resized):
            yield resized


def _resized(
    arrays: Sequence[Array],
    wanted: Mapping[frozenset[tuple[int, int, int]], int],
    rng: np.random.Generator,
) -> list[Array]:
    """Return arrays with other lengths of some axes, filled with entries of the same array."""
    shapes = [list(x.shape) for x in arrays]
    for group, length in wanted.items():
        for i, axis, _ in group:
            shapes[i][axis] = length
    return [
        x if list(x.shape) == shape else rng.choice(x.ravel(), size=shape)
        for x, shape in zip(arrays, shapes, strict=True)
    ]


def _runs(f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]) -> bool:
    try:
        graph, _ = traced(f, names, arrays)
    except Exception:  # noqa: BLE001  (that it does not take these sizes is all that is asked)
        return False
    return bool(np.isfinite(graph.outputs[0].value).all())
