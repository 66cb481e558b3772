"""Compare for any function of arrays; and other sizes, at which a coincidence ends."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.alignment import Aligned, align
from autograd_lite.check.diagnosis import diagnose
from autograd_lite.check.finding import OTHERS, SIZES_COINCIDE, VALUES_COINCIDE, Diagnosis
from autograd_lite.check.mistakes.registry import Case, Target
from autograd_lite.check.names import is_library, with_forms
from autograd_lite.check.numerical import swept_differences
from autograd_lite.check.oracle import at_kinks
from autograd_lite.check.report import AGREE, HAND, KINK, SHAPE, Comparison, Row
from autograd_lite.core.modes import GradientError, enable_grad
from autograd_lite.graph import Graph, names_in
from autograd_lite.tensor import Tensor

Array = NDArray[Any]

MOST_AXES = 8
"""How many axes of equal length are tried in all combinations: what must change together."""


def compare_function(
    f: Callable[..., Any],
    by_hand: Any,
    inputs: Any,
    once: Callable[[Graph, Aligned], Comparison],
    *,
    strict: bool = False,
) -> Comparison:
    """Compare at the inputs; if all agrees there, at inputs of other sizes too.

    Parameters
    ----------
    f, by_hand, inputs
        As in `compare`.
    once : callable
        Compares one graph with the gradients that belong to its nodes.
    strict : bool
        Whether to differ at a kink is to differ.
    """
    names, arrays = named_inputs(f, inputs)
    try:
        graph, lifted = traced(f, names, arrays)
    except (TypeError, ValueError, GradientError) as error:
        # An array's entry that cannot be a Tensor is a ValueError of NumPy's.
        if isinstance(error, ValueError) and not isinstance(error.__cause__, GradientError):
            raise
        return by_numbers_alone(f, by_hand, names, arrays, str(error), strict)
    result = once(graph, aligned(graph, lifted, names, arrays, by_hand))
    if not result or not callable(by_hand):
        return result
    notes = list(result.notes)
    here = graph
    for other, what, settles in probes(f, names, arrays):
        graph, lifted = traced(f, names, other)
        try:
            pairs = aligned(graph, lifted, names, other, by_hand)
        except Exception as error:  # noqa: BLE001  (whatever their function raises is a note)
            notes.append(f"Not compared for {what}: by_hand raises {error!r}.")
            continue
        there = once(graph, pairs)
        if there:
            continue
        if not settles:
            notes += [
                f"For {what}, by hand differs from autodiff: {row.name}, {_said(row)}. Pass such "
                f"values if they can occur."
                for row in there.rows
                if row.verdict == HAND and np.isfinite(row.by_hand).all()
            ][:1]
            continue
        if all(x.shape == y.shape for x, y in zip(arrays, other, strict=True)):
            return _at_other_values(result, there, what, notes)
        doubt = _doubt(here, graph, there, (arrays, other))
        if doubt:
            notes.append(f"For {what}, by hand differs from autodiff; {doubt}.")
            continue
        number = _fixed_number(by_hand, (arrays, other), (here, graph))
        if number is not None:
            fixed = f"right here; the number {number} in the formula is "
            if not any(fixed in note for note in notes):
                notes.append(
                    f"For {what}, by hand differs from autodiff: {fixed}"
                    f"{_place(number, names, (arrays, other))}, which is another there."
                )
            continue
        return _coincidence(result, there, what, (arrays, other), notes)
    return Comparison(result.rows, notes)


def _said(row: Row) -> str:
    return row.diagnosis.title if row.diagnosis is not None else row.finding


def _at_other_values(
    result: Comparison, there: Comparison, what: str, notes: Sequence[str]
) -> Comparison:
    """Return what is right for the values given, and wrong for others."""
    rows = []
    for row, other in zip(result.rows, there.rows, strict=True):
        if other.ok or other.verdict not in (HAND, SHAPE):
            rows.append(row)
            continue
        why = _said(other)
        found = Diagnosis(
            VALUES_COINCIDE,
            f"right only for values like those given; for {what}: {why}",
            OTHERS[VALUES_COINCIDE],
            f"it agrees for the values given, and not for {what}",
        )
        rows.append(dataclasses.replace(other, diagnosis=found))
    return Comparison(tuple(rows), notes)


def _doubt(
    here: Graph, graph: Graph, there: Comparison, inputs: tuple[Sequence[Array], Sequence[Array]]
) -> str:
    """Return why a difference at other sizes says nothing against a formula; empty if it does."""
    pairs = [
        (old, new)
        for x, y in zip(*inputs, strict=True)
        for old, new in zip(x.shape, y.shape, strict=True)
        if old != new
    ]
    numbers = [
        [float(node.value) for node in g if node.kind == "constant" and not np.ndim(node.value)]
        for g in (here, graph)
    ]
    for old, _ in pairs:
        of_old = [[x for x in found if x in (old, 1 / old, 2 / old)] for found in numbers]
        given = any(not x.ndim and x == old for x in inputs[0])
        if given or (of_old[0] and of_old[0] == of_old[1]):
            return f"the function itself has the number {old} in it, whatever the size is"
    for row in there.rows:
        if not row.ok and row.verdict == SHAPE:
            return f"its gradient of {row.name} has a shape of its own, as if sizes were fixed"
    for row in there.rows:
        if row.ok:
            continue
        for k in range(row.autodiff.ndim):
            last = row.autodiff.take(-1, axis=k)
            if row.autodiff.shape[k] > 1 and not last.any() and row.autodiff.any():
                return (
                    f"the function ignores the last entries of {row.name}, as if sizes were fixed"
                )
    return ""


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
        why = _said(other)
        found = Diagnosis(
            SIZES_COINCIDE,
            f"right only because sizes coincide; for {shapes}: {why}",
            OTHERS[SIZES_COINCIDE],
            f"it agrees for the shapes {given}, and not for {shapes}",
        )
        verdict = SHAPE if other.verdict == SHAPE else HAND
        rows.append(dataclasses.replace(other, verdict=verdict, diagnosis=found))
    return Comparison(tuple(rows), notes)


def _fixed_number(
    by_hand: Callable[..., Any],
    inputs: tuple[Sequence[Array], Sequence[Array]],
    graphs: tuple[Graph, Graph],
) -> int | None:
    """Return a size that the code by hand has as a number, at other sizes too; None if it has none.

    Such code is right for its own sizes, and makes no claim for others.
    """
    here, there = (
        {n for node in graph for n in (*node.shape, np.size(node.value))} for graph in graphs
    )
    moved = {
        old
        for x, y in zip(*inputs, strict=True)
        for old, new in zip(x.shape, y.shape, strict=True)
        if old != new
    }
    known = _numbers_in(by_hand, inputs[0]) & _numbers_in(by_hand, inputs[1])
    for size in (*sorted(moved, reverse=True), *sorted(here - there, reverse=True)):
        forms = {size, 1 / size, 2 / size, 0.5 / size, size - 1, 1 / max(size - 1, 1)}
        if size > 1 and known.intersection(forms - {0, 1}):
            return int(size)
    return None


def _numbers_in(by_hand: Callable[..., Any], arrays: Sequence[Array]) -> set[float]:
    """Return the numbers that stand in the code that runs, in its globals, and in its arguments."""
    found: set[float] = set()

    def keep(value: Any, depth: int = 2) -> None:
        if isinstance(value, int | float | np.number):
            found.add(abs(float(value)))
        elif depth and isinstance(value, tuple | list | Mapping):
            for x in list(value.values() if isinstance(value, Mapping) else value)[:100]:
                keep(x, depth - 1)

    def watch(frame: FrameType, event: str, _: Any) -> None:
        library = is_library(frame.f_globals)
        if event == "call" and not library:
            keep(frame.f_code.co_consts)
            keep([frame.f_globals[x] for x in frame.f_code.co_names if x in frame.f_globals])
            for value in frame.f_locals.values():
                keep(value)
                keep(getattr(value, "__dict__", None))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        by_hand(*(x.copy(order="K") for x in arrays))
    finally:
        sys.setprofile(before)
    return found


def _place(
    number: int, names: Sequence[str], inputs: tuple[Sequence[Array], Sequence[Array]]
) -> str:
    """Return which axis of the inputs has a length: ``X.shape[0]``."""
    for name, x, y in zip(names, inputs[0], inputs[1], strict=True):
        for k, (old, new) in enumerate(zip(x.shape, y.shape, strict=True)):
            if old != new and old == number:
                return f"{name}.shape[{k}]"
    return "a size"


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
        loss, variables = _watched(f, lifted)
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
    unused = [x for x in lifted if x.requires_grad]
    return Graph([loss, *unused], _names(variables)), lifted


def _watched(f: Callable[..., Any], lifted: Sequence[Tensor]) -> tuple[Any, dict[str, Any]]:
    """Call a function; return its result, and its local variables, for names."""
    code, before = getattr(inspect.unwrap(f), "__code__", None), sys.getprofile()
    variables: dict[str, Any] = {}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            variables.update(frame.f_locals)
        elif event == "return" and not is_library(frame.f_globals):
            for name, x in frame.f_locals.items():  # Of a function that it calls.
                if isinstance(x, np.ndarray):
                    variables.setdefault(name, x)

    if code is None:
        return f(*lifted), {}
    sys.setprofile(watch)
    try:
        return f(*lifted), variables
    finally:
        sys.setprofile(before)


def _names(variables: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {
        name: x
        for name, x in variables.items()
        if isinstance(x, np.ndarray) and name.isidentifier() and not name.startswith("_")
    }
    return with_forms({**arrays, **names_in(variables)})


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
        given = by_hand(*(x.copy(order="K") for x in arrays))
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
    strict: bool = False,
) -> Comparison:
    """Compare with differences alone, where a function cannot be recorded."""
    plain = [x.astype(float) for x in arrays]
    value = np.asarray(f(*(x.copy(order="K") for x in plain)))
    if value.size != 1:
        raise ValueError(
            f"compare needs a function that returns a single number, got shape {value.shape}."
        )
    given = by_hand(*(x.copy(order="K") for x in arrays)) if callable(by_hand) else by_hand
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
        if verdict == HAND and not strict and _only_at_kinks(f, target, names, plain):
            verdict = KINK
            failing.pop(target)
        rows.append(Row(target.name, target.hand, target.right, target.right, verdict, ""))
    found = diagnose(list(failing.values()), Case(None, None, batch))
    rows = [
        dataclasses.replace(
            row, diagnosis=found.get(failing[target]) if target in failing else None
        )
        for row, target in zip(rows, targets, strict=True)
    ]
    notes = [f"Compared with central differences, in place of autodiff. {reason}"]
    if "sequence" in reason or "Tensor into" in reason or "setting an array element" in reason:
        notes.append(
            "A function that fills a bare array can be recorded if that is a Tensor: start with "
            "`out = al.Tensor(np.zeros(shape))` in place of `out = np.zeros(shape)`."
        )
    return Comparison(tuple(rows), notes)


MOST_DIFFERENCES = 100
"""Of so many entries, all are compared with differences; of more, some at random."""


def _some_entries(x: Array, hand: Array) -> list[tuple[int, ...]] | None:
    """Return which entries to look at, if not at all."""
    if x.size <= MOST_DIFFERENCES or hand.shape != x.shape:
        return None
    places = np.random.default_rng(0).choice(x.size, size=MOST_DIFFERENCES // 4, replace=False)
    return [tuple(map(int, np.unravel_index(place, x.shape))) for place in places]


def _only_at_kinks(
    f: Callable[..., Any], target: Target, names: Sequence[str], arrays: Sequence[Array]
) -> bool:
    """Return whether by hand gives one of the derivatives wherever it differs: ties, kinks."""
    i = list(names).index(target.name)

    def at(moved: Array) -> Any:
        return np.reshape(f(*arrays[:i], moved, *arrays[i + 1 :]), ())[()]

    scale = float(np.abs(target.hand).max(initial=0.0))
    looked, kinks, valid = at_kinks(
        at, arrays[i], target.hand, target.right, 1e-5, 1e-7 * scale, most=target.hand.size
    )
    return bool(looked.any() and (looked == kinks).all() and valid)


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

        hand = np.asarray(gradient, float)
        right = swept_differences(at, arrays[i], _some_entries(arrays[i], hand))
        # What was not asked counts as right: most of a large array stays open.
        if hand.shape == right.shape:
            right = np.where(np.isnan(right), hand, right)
        targets.append(Target(name, hand, right))
    return targets


# ------------------------------------------------------------------------ other values and sizes


def probes(
    f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]
) -> Iterator[tuple[list[Array], str, bool]]:
    """Yield other inputs, what they are, and whether a formula has to be right for them.

    Other values come first, then other sizes. Where every entry is the same number, 0 or 1 say,
    that hides mistakes, and is nothing that a formula may count on; that all are between 0 and 1,
    it may.
    """
    rng = np.random.default_rng(0)
    kinds = [structure(x) for x in arrays]
    for what, scale in (
        ("other values", 1.0),
        ("values three times as large", 3.0),
        ("values a third as large", 1 / 3),
    ):
        other = [
            scale * _like(x, x.shape, kind, rng, signs=True) if kind == "" else
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
        same or kind in ("", "between 0 and 1") for same, kind in zip(equal, kinds, strict=True)
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


def structure(x: Array) -> str:
    """Return what is special about an array, so that another one can have it too."""
    if x.dtype.kind != "f":
        return "as it is"
    if not x.size or not np.isfinite(x).all() or not x.ndim:
        return "as it is" if x.ndim else ""
    if set(np.unique(x)) <= {0.0, 1.0} or (x == np.round(x)).all():
        rows = x.ndim == 2 and set(np.unique(x)) <= {0.0, 1.0} and (x.sum(axis=1) == 1).all()
        return "one-hot rows" if rows else "of these numbers"
    if x.ndim == 2 and x.shape[1] > 1 and (x >= 0).all() and np.allclose(x.sum(axis=1), 1):
        return "rows of probabilities"
    if x.ndim == 1 and x.size > 1 and (x >= 0).all() and np.isclose(x.sum(), 1):
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
        return "of these numbers"
    if ((x > 0) & (x < 1)).all():
        return "between 0 and 1"
    return ""


def _like(
    x: Array, shape: tuple[int, ...], kind: str, rng: np.random.Generator, *, signs: bool = False
) -> Array:
    """Return an array with the structure of another one, and other values."""
    if kind == "as it is":
        return x if shape == x.shape else rng.choice(x.ravel(), size=shape)
    if kind == "of these numbers":
        return rng.choice(x.ravel(), size=shape)
    if kind == "one-hot rows":
        return np.eye(shape[1], dtype=x.dtype)[rng.integers(0, shape[1], shape[0])]
    if kind == "between 0 and 1":
        return rng.uniform(x.min(), x.max(), size=shape).astype(x.dtype)
    drawn = rng.normal(size=shape) * max(float(np.abs(x).mean()), 1e-300)
    if kind == "rows of probabilities":
        drawn = np.exp(rng.normal(size=shape))
        drawn /= drawn.sum(axis=-1, keepdims=True)
    elif kind == "orthogonal":
        drawn = np.linalg.qr(rng.normal(size=shape))[0]
    elif kind == "symmetric":
        drawn = drawn + drawn.T
    elif kind == "positive definite":
        drawn = drawn @ drawn.T + float(np.diag(x).mean()) * np.eye(len(drawn))
    elif kind == "lower triangular":
        drawn = np.tril(drawn)
    elif kind == "upper triangular":
        drawn = np.triu(drawn)
    elif kind == "unit vectors":
        drawn /= np.linalg.norm(drawn, axis=-1, keepdims=True)
    elif not signs and x.ndim:
        return rng.choice(x.ravel(), size=shape)
    return drawn.astype(x.dtype)


SQUARE = ("orthogonal", "symmetric", "positive definite", "lower triangular", "upper triangular")


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
                if resized is None or not _runs(f, names, resized):
                    continue
                if not _ignores(f, names, resized, group):  # Rows without labels, say.
                    groups.append(group)
                    yield resized
    if len(groups) > 1:
        lengths = itertools.count(2)
        wanted = {group: next(lengths) for group in groups}
        resized = _resized(arrays, wanted, rng)
        if resized is not None and _runs(f, names, resized):
            yield resized


def _ignores(
    f: Callable[..., Any],
    names: Sequence[str],
    arrays: Sequence[Array],
    group: frozenset[tuple[int, int, int]],
) -> bool:
    """Return whether a function does not look at the last entries along some axis."""
    rng = np.random.default_rng(0)
    value = traced(f, names, arrays)[0].outputs[0].value
    for i, axis, _ in group:
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


def _resized(
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
