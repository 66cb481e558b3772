"""Compare for any function of arrays; and what is right at these values or sizes alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.alignment import Aligned
from autograd_lite.check.filling import filling
from autograd_lite.check.finding import OTHERS, SIZES_COINCIDE, VALUES_COINCIDE, Diagnosis
from autograd_lite.check.mistakes.registry import last_digit
from autograd_lite.check.names import is_library
from autograd_lite.check.numbers_alone import by_numbers_alone
from autograd_lite.check.probes import NEARBY, probes
from autograd_lite.check.recorded import aligned, by_position, named_inputs, traced
from autograd_lite.check.report import HAND, SHAPE, Comparison, Row
from autograd_lite.core.modes import GradientError
from autograd_lite.graph import Graph
from autograd_lite.graph.variables import watching

Array = NDArray[Any]


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
    f, by_hand = by_position(f, names), by_position(by_hand, names)
    try:
        graph, lifted = traced(f, names, arrays)
    except (TypeError, ValueError, GradientError) as error:
        # An array's entry that cannot be a Tensor is a ValueError of NumPy's.
        if isinstance(error, ValueError) and not isinstance(error.__cause__, GradientError):
            raise
        try:
            filled = filling(f)
            graph, lifted = traced(filled, names, arrays)
            bare = np.asarray(f(*(x.copy(order="K") for x in arrays)))
            if not np.allclose(graph.outputs[0].value, bare, rtol=1e-9, atol=0):
                raise TypeError("With Tensors in place of bare arrays, the function is another.")
        except Exception:  # noqa: BLE001  (whatever their function raises: the numbers are left)
            return by_numbers_alone(f, by_hand, names, arrays, str(error), strict)
        f = filled
    result = once(graph, aligned(graph, lifted, names, arrays, by_hand))
    if not result or not callable(by_hand):
        return result
    notes = list(result.notes)
    here, special = graph, ""
    for other, what, settles in probes(f, names, arrays):
        graph, lifted = traced(f, names, other)
        try:
            pairs = aligned(graph, lifted, names, other, by_hand)
        except Exception as error:  # noqa: BLE001  (whatever their function raises is a note)
            notes.append(f"Not compared for {what}: by_hand raises {error!r}.")
            continue
        there = once(graph, pairs)
        if not _differs(there, result):
            continue
        if what == NEARBY:
            special = "the formula counts on something that is special about the values given"
            continue
        if not all(np.isfinite(row.by_hand).all() for row in there.rows):
            if not any("is not finite" in note for note in notes):
                notes.append(f"For {what}, by hand is not finite, and autodiff is.")
            continue
        if not settles:
            notes += [
                f"For {what}, by hand differs from autodiff: {row.name}, {_said(row)}. Pass such "
                f"values if they can occur."
                for row in there.rows
                if row.verdict == HAND
            ][:1]
            continue
        if all(x.shape == y.shape for x, y in zip(arrays, other, strict=True)):
            if not special or _ignores(result, there):
                return _here_alone(result, there, what, notes)
            notes.append(f"For {what}, by hand differs from autodiff: right here; {special}.")
            break
        doubt = special or _doubt(here, graph, there, (arrays, other))
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
        shapes = ", ".join(str(x.shape) for x in arrays)
        return _here_alone(result, there, what, notes, shapes)
    return Comparison(result.rows, notes)


def _differs(there: Comparison, here: Comparison) -> bool:
    """Return whether by hand is wrong elsewhere: by more than its digits, where all cancels."""
    size = max(np.abs(x.autodiff).max(initial=0.0) for x in (*there.rows, *here.rows))
    for row in there.rows:
        gap = np.inf
        if row.verdict == HAND:
            gap = np.abs(row.by_hand - row.autodiff).max(initial=0.0)
        few = 64 * last_digit(row.by_hand, row.autodiff)
        if row.verdict in (HAND, SHAPE) and not gap <= few * size:
            return True
    return False


def _ignores(here: Comparison, there: Comparison) -> bool:
    """Return whether by hand gives the same numbers, more than 0 and 1, for other values."""
    pairs = list(zip(here.rows, there.rows, strict=True))
    some = any(np.unique(x.by_hand).size > 2 for x, _ in pairs)
    return some and all(np.array_equal(x.by_hand, y.by_hand) for x, y in pairs)


def _said(row: Row) -> str:
    return row.diagnosis.title if row.diagnosis is not None else row.finding


def _here_alone(
    result: Comparison, there: Comparison, what: str, notes: Sequence[str], shapes: str = ""
) -> Comparison:
    """Return what is right for the values given, or for the shapes, and wrong for others."""
    name, only, given = VALUES_COINCIDE, "for values like those given", "values given"
    if shapes:
        name, only, given = SIZES_COINCIDE, "because sizes coincide", f"shapes {shapes}"
    ignores = not shapes and _ignores(result, there)
    rows = []
    for row, other in zip(result.rows, there.rows, strict=True):
        if other.ok or not (shapes or other.verdict in (HAND, SHAPE)):
            rows.append(row)
            continue
        found = Diagnosis(
            name,
            f"for {what}, by_hand gives the same numbers: it does not use its arguments, but "
            f"arrays from outside"
            if ignores
            else f"right only {only}; for {what}: {_said(other)}",
            OTHERS[name],
            f"it agrees for the {given}, and not for {what}",
        )
        verdict = SHAPE if other.verdict == SHAPE else HAND
        rows.append(dataclasses.replace(other, verdict=verdict, diagnosis=found))
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

    with watching(watch):
        by_hand(*(x.copy(order="K") for x in arrays))
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
