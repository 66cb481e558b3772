"""Compare with differences alone, where a function cannot be recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.diagnosis import diagnose
from autograd_lite.check.mistakes.registry import Case, Target
from autograd_lite.check.numerical import swept_differences
from autograd_lite.check.oracle import at_kinks
from autograd_lite.check.report import AGREE, HAND, KINK, SHAPE, Comparison, Row

Array = NDArray[Any]


MOST_DIFFERENCES = 100
"""Of so many entries, all are compared with differences; of more, some at random."""


def by_numbers_alone(
    f: Callable[..., Any],
    by_hand: Any,
    names: Sequence[str],
    arrays: Sequence[Array],
    reason: str,
    strict: bool = False,
) -> Comparison:
    """Compare with differences alone, where a function cannot be recorded."""
    given = by_hand(*(x.copy(order="K") for x in arrays)) if callable(by_hand) else by_hand
    if isinstance(given, np.ndarray | np.generic | float | int):
        given = [given]
    if not isinstance(given, Mapping):
        given = {name: g for name, g in zip(names, given, strict=True) if g is not None}
    plain = [  # An index stays one.
        x if x.dtype.kind in "iub" and name not in given else x.astype(float)
        for name, x in zip(names, arrays, strict=True)
    ]
    value = np.asarray(f(*(x.copy(order="K") for x in plain)))
    if value.size != 1:
        raise ValueError(
            f"compare needs a function that returns a single number, got shape {value.shape}."
        )
    targets = _beside_differences(f, given, names, plain)
    batch = max((x.shape[0] for x in arrays if x.ndim > 1), default=0)
    rows, failing = [], {}
    for target in targets:
        scale = float(np.abs(target.right).max(initial=0.0))
        agree = target.fits and np.allclose(target.hand, target.right, rtol=1e-6, atol=1e-8 * scale)
        if not agree:
            # Differences have half the digits of what they come from: so has float32.
            failing[target] = dataclasses.replace(target, right=target.right.astype(np.float32))
        shapes = target.fits
        verdict = AGREE if agree else HAND if shapes else SHAPE
        if verdict == HAND and not strict and _only_at_kinks(f, target, names, plain):
            verdict = KINK
            failing.pop(target)
        rows.append(Row(target.name, target.hand, target.right, target.right, verdict, ""))
    found = diagnose(list(failing.values()), Case(batch=batch))
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
    f: Callable[..., Any], given: Mapping[str, Any], names: Sequence[str], arrays: Sequence[Array]
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
