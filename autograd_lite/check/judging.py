"""By how much a derivative may differ from numbers: tolerances, rounding, kinks; the message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.check.numerical import one_sided
from autograd_lite.check.subject import Array, Check, GradcheckError, lying_like

Entry = tuple[int, ...]

UNSEEN = 1e-6
"""A difference of so much of what rounding changes says nothing of a rule."""

Again = Callable[[Sequence[Array], Sequence[Entry]], tuple[Array, Array, float, float]]


def largest_in(x: Any) -> float:
    """Return the largest size of an entry."""
    return float(np.abs(x).max(initial=0.0))


def indices(chosen: Array) -> list[Entry]:
    """List where a mask is true."""
    return [tuple(map(int, index)) for index in np.argwhere(chosen)]


def _allowed(check: Check, g: Array, numerical: Array, error: Array, oracle: str) -> Array:
    """Return by how much the two may differ: in proportion to their size, whatever that is."""
    exact = oracle == "complex step"
    scale = float(np.abs(numerical[np.isfinite(numerical)]).max(initial=0.0))
    close, near = (1e-10, 1e-8) if exact else (1e-7, 1e-6)
    coarse = min(0.1, 100 * check.rounded**0.8)  # The step is rounded**0.2.
    atol = max(close, 0.1 * coarse) * scale if check.atol is None else check.atol
    rtol = max(near, coarse) if check.rtol is None else check.rtol
    unsteady = np.minimum(10 * error, 1e-3 * np.maximum(np.abs(g), np.abs(numerical)))
    return np.asarray(atol + rtol * np.abs(numerical) + (0.0 if check.strict else unsteady))


def wrong_of(check: Check, g: Array, numerical: Array, error: Array, oracle: str) -> Array:
    """Return which entries differ by more than is allowed."""
    with np.errstate(invalid="ignore"):
        allowed = _allowed(check, g, numerical, error, oracle)
        return np.asarray(~(np.abs(g - numerical) <= allowed))


def hold(
    check: Check,
    words: str,
    g: Array,
    numerical: Array,
    error: Array,
    oracle: str,
    *,
    natural: float = 0.0,
    again: Again | None = None,
    towards: Callable[[Entry], tuple[Callable[[float], Array], float]] | None = None,
) -> None:
    """Raise, with the worst entry and both sides by name, if any entry is wrong.

    Parameters
    ----------
    natural : float
        The size that derivatives have here where nothing cancels.
    again : callable, optional
        Computes both sides at other inputs, and how large what is rounded in each is.
    towards : callable, optional
        For an entry, the result as a function of how far one goes, and the scale of that.
    """
    wrong = wrong_of(check, g, numerical, error, oracle)
    if not wrong.any():
        return
    gap = np.where(wrong, np.nan_to_num(np.abs(g - numerical), nan=np.inf), -1.0)
    at = tuple(int(k) for k in np.unravel_index(np.argmax(gap), gap.shape))
    doubt = ""
    if again and not check.strict:
        suspects = sorted(indices(wrong), key=lambda k: -gap[k])[:5]
        rules, values = _rounding(check, suspects, g, numerical, error, again)
        if all(
            gap[k] < UNSEEN * values[k]
            or (
                gap[k] <= 10 * (rules[k] + values[k])
                and _is_harmless(abs(g[k]), rules[k], values[k], largest_in(g), natural)
            )
            for k in suspects
        ):
            return
        if gap[at] <= 10 * values[at] < np.inf:
            doubt = (
                f" It cannot be told, though: so large are the values that their rounding alone "
                f"changes what they say by {values[at]:.2g}."
            )
    if towards and not check.strict and oracle != "complex step":
        f, scale = towards(at)
        left, right, kink = one_sided(f, [scale * h for h in (1e-4, 1e-5, 1e-6)])
        ends = not np.isfinite(left - right)
        steady = error[at] < 1e-2 * abs(left - right) > 1e-8 * natural
        if kink and (ends or steady):
            what = "is where the function ends" if ends else "has a kink, and no derivative,"
            raise GradcheckError(
                f"gradcheck: the {check.derivative} {words} {what} at {at}: {left:.6g} to the "
                f"left, {right:.6g} to the right, {g[at]:.6g} by the rules. Move the input away."
            )
    if check.rounded:
        doubt = (
            f" The function computes in a coarser type than float64: a kink within "
            f"the step of {check.eps:.2g} may be the reason. Let it compute in float64 to be sure."
        )
    by_rules, by_values = g[at], numerical[at]
    ratio = by_rules / by_values if by_values else np.inf
    raise GradcheckError(
        f"gradcheck: the {check.derivative} {words} is wrong in {np.count_nonzero(wrong)} of "
        f"{g.size} entries, worst at {at}: {by_rules:.10g} by the rules, {by_values:.10g} by "
        f"{oracle} (ratio {ratio:.6g}); allowed is a difference of "
        f"{_allowed(check, g, numerical, error, oracle)[at]:.2g}.{doubt}"
    )


def _rounding(
    check: Check, entries: Sequence[Entry], g: Array, numerical: Array, error: Array, again: Again
) -> tuple[Array, Array]:
    """Return by how much both sides change when the last digits of the inputs do."""
    rules, values = np.zeros(g.shape), error
    rng = np.random.default_rng(0)
    for _ in range(3):
        arrays = [x * lying_like(x, 1 + 1e-15 * rng.normal(size=x.shape)) for x in check.arrays]
        other_g, other_numerical, *sizes = again(arrays, entries)
        of_rules, of_values = (np.finfo(float).eps * size for size in sizes)
        rules = np.fmax(rules, np.fmax(np.abs(other_g - g), of_rules))
        values = np.fmax(values, np.fmax(np.abs(other_numerical - numerical), of_values))
        if np.abs(g - numerical)[entries[0]] > 1000 * (rules + values)[entries[0]]:
            break  # It is certain.
    return rules, values


def _is_harmless(size: float, rules: float, values: float, scale: float, natural: float) -> bool:
    """Return whether rounding may be all that is left of a derivative, since all else cancels."""
    if not np.isfinite(rules + values):
        return False
    if rules + values <= 1e-4 * scale:
        return True
    return size <= 10 * rules and rules + values <= 1e-6 * natural
