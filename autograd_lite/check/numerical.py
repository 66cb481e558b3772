"""Derivatives from values alone: the oracle that knows no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPS = float(np.finfo(float).eps)

STEP = float(EPS**0.2)  # Balances h**4, cut off, with eps / h, rounded off.


def steps_for(size: float) -> list[float]:
    """Return the steps to try by a number of this size, the widest first.

    A function may vary on the scale of 1, or on that of its argument: ``sin(1 + x)`` and ``log(x)``
    at 1e-7. Near the edge of its domain, a step must be shorter than the way to the edge.
    """
    wide = STEP * max(1.0, size)
    steps = [wide / 6.0**k for k in range(12)]
    if 0 < size < 1:
        steps += [STEP * size / 6.0**k for k in range(4) if STEP * size / 6.0**k < steps[-1]]
    return steps


def steadiest(
    f: Callable[[float], NDArray[Any]], steps: Iterable[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differentiate a function of one number at 0 with several steps.

    Two wide steps may agree on what lies beyond a kink, or on how a steep function looks from afar:
    ``abs`` at 1e-9. So a step counts only if no shorter one contradicts it by more than rounding
    can: by more than the function changes for the last digits of its argument, and by more than
    the least difference between two of its values.

    Parameters
    ----------
    f : callable
        Takes a number, returns an array; it may be nan outside of its domain.
    steps : iterable of float
        What `f` is moved by, the widest first; two or more.

    Returns
    -------
    derivative, error : ndarray
        For every entry of the result, the derivative with the step that agrees best with the one
        before; and by how much the two differ, and rounding adds. They are nan and inf where no two
        steps give numbers.
    """
    steps = np.array(list(steps))
    with np.errstate(all="ignore"):
        moves = np.multiply.outer(steps, [1.0, 0.5, -0.5, -1.0])
        values = np.array([[f(t) for t in row] for row in moves], dtype=np.float64)
        h = steps.reshape((-1,) + (1,) * (values.ndim - 2))
        far, right, left, back = np.moveaxis(values, 1, 0)
        found = (4 * (right - left) / h - (far - back) / (2 * h)) / 3
        rounded = EPS * np.fmax(np.abs(right), np.abs(left)) / h
        rounded += _noise(f, values, steps) / h
        unsteady = np.abs(np.diff(found, axis=0)) + rounded[1:]
        found, unsteady = found[1:], np.nan_to_num(unsteady, nan=np.inf, posinf=np.inf)
    contradicted = np.zeros(found.shape, bool)
    for k in range(1, len(found)):
        contradicted[:k] |= np.abs(found[:k] - found[k]) > 4 * (unsteady[:k] + unsteady[k])
    best = np.argmin(np.where(contradicted, np.inf, unsteady), axis=0)[None]
    error = np.take_along_axis(unsteady, best, axis=0)[0]
    derivative = np.take_along_axis(found, best, axis=0)[0]
    return np.where(np.isinf(error), np.nan, derivative), error


def _noise(f: Callable[[float], NDArray[Any]], values: Any, steps: NDArray[np.float64]) -> Any:
    """Return by how much the values of a function are off: they jump, or have few digits."""
    here, least = f(0.0), 0.01 * steps[-1]
    jumps = np.array([np.abs(f(t) - here) for t in (least, -least, least / 2, -least / 2)])
    # Where it is flat here, but not far away, it tells two numbers apart there.
    offsets = (0.0, least, 1e-11 * steps[0], 1e-9 * steps[0])
    away = [f(w + t) for w in (steps[0], -steps[0]) for t in offsets]
    ordered = np.sort(np.concatenate([values.reshape(-1, *values.shape[2:]), away]), axis=0)
    gaps = np.diff(ordered, axis=0)
    smallest = np.where(gaps > 0, gaps, np.inf).min(axis=0, initial=np.inf)
    # A sign has few values, too, but none between them.
    flat = ((values[:2, 0] == values[:2, 1]) & (values[:2, 2] == values[:2, 3])).all(axis=0)
    return np.nan_to_num(jumps).max(axis=0) + np.where(flat | np.isinf(smallest), 0.0, smallest)


def one_sided(
    f: Callable[[float], NDArray[Any]], steps: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    r"""Differentiate a function of one number at 0 to the left and to the right.

    Where there is a kink, the two stay apart however short the step. Elsewhere they approach each
    other in proportion to it; where there is a jump, they part.

    Returns
    -------
    left, right : ndarray
        With the shortest step.
    kink : ndarray of bool
        For every entry of the result, whether there is a kink, or the function ends.
    """
    with np.errstate(all="ignore"):
        here = f(0.0)
        sides = np.array([[(here - f(-h)) / h, (f(h) - here) / h] for h in steps], np.float64)
        gaps = np.abs(sides[:, 1] - sides[:, 0])
        size = np.abs(sides).max(axis=(0, 1))
        rounded = 100 * np.finfo(float).eps * np.abs(here) / min(steps)
        same = (gaps[-1] > 0.5 * gaps[0]) & (gaps[-1] < 2 * gaps[0])
        apart = (gaps > 1e-3 * size + rounded).all(axis=0) & same
        ends = np.isfinite(sides).any(axis=1).all(axis=0) & ~np.isfinite(gaps).any(axis=0)
    return sides[-1, 0], sides[-1, 1], apart | ends


def central_differences(
    f: Callable[[NDArray[Any]], Any],
    x: NDArray[Any],
    entries: Iterable[tuple[int, ...]] | None = None,
    *,
    step: float | None = None,
) -> NDArray[np.float64]:
    r"""Differentiate a scalar function entry by entry.

    With :math:`D(h) = (f(x + h) - f(x - h)) / 2h`, Richardson's extrapolation
    :math:`(4 D(h/2) - D(h)) / 3` leaves an error of order :math:`h^4`.

    Parameters
    ----------
    f : callable
        Takes an array like `x`, returns a number.
    x : ndarray
        Where; floating-point.
    entries : iterable of tuple of int, optional
        The indices to differentiate by; all, if not given. Others come out as nan.
    step : float, optional
        `h` for an entry of size up to 1; it grows with the entry. By default `STEP`.

    Returns
    -------
    ndarray
        Of the shape of `x`.
    """
    x = np.asarray(x, dtype=np.float64)
    derivatives = np.full(x.shape, np.nan)
    for index in np.ndindex(x.shape) if entries is None else entries:

        def at(offset: float, index: tuple[int, ...] = index) -> float:
            moved = x.copy(order="K")
            moved[index] += offset
            return float(f(moved))

        h = (step or STEP) * max(1.0, abs(x[index]))
        wide = (at(h) - at(-h)) / (2 * h)
        narrow = (at(h / 2) - at(-h / 2)) / h
        derivatives[index] = (4 * narrow - wide) / 3
    return derivatives


def swept_differences(
    f: Callable[[NDArray[Any]], Any],
    x: NDArray[Any],
    entries: Iterable[tuple[int, ...]] | None = None,
    *,
    eps: float = float(np.finfo(float).eps),
) -> NDArray[np.float64]:
    """Differentiate by `central_differences` with several steps, and take the steadiest result.

    A step that is too wide cuts off too much, or crosses a kink; one that is too narrow leaves
    nothing but rounding. Where two steps in a row agree best, neither is the case.

    Parameters
    ----------
    f, x, entries
        As in `central_differences`.
    eps : float
        The precision of `f`: that of the shortest floating-point type it computes in.
    """
    x = np.asarray(x, dtype=np.float64)
    indices = list(np.ndindex(x.shape) if entries is None else entries)
    steps = [eps**0.2 * shrink for shrink in (1.0, 1 / 6, 1 / 36, 1 / 216, 1 / 1296)]
    tried = np.array([central_differences(f, x, indices, step=h) for h in steps])
    rounded = np.multiply.outer(eps / np.array(steps[1:]), np.abs(f(x)) / np.maximum(1, np.abs(x)))
    with np.errstate(invalid="ignore"):
        unsteady = np.abs(np.diff(tried, axis=0)) + rounded
    best = np.argmin(np.nan_to_num(unsteady, nan=np.inf), axis=0)
    chosen: NDArray[np.float64] = np.take_along_axis(tried, best[None], axis=0)[0]
    return chosen


def taylor_orders(
    f: Callable[[NDArray[Any]], Any],
    x: NDArray[Any],
    gradients: Iterable[NDArray[Any]],
    direction: NDArray[Any],
) -> list[float]:
    r"""Return how fast :math:`|f(x + hd) - f(x) - h\, g \cdot d|` falls with `h`, as a power.

    For each gradient `g`, it is 2 if that is right and 1 if it is wrong, whatever the size of the
    step and the noise: no tolerance is involved. It is infinite if nothing remains but rounding
    (`f` is linear along `d`), and nan if too little of the remainder is above rounding to tell.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> found = taylor_orders(lambda x: np.sum(x**3), x, [3 * x**2, 3.1 * x**2], np.ones(2))
    >>> [round(order, 1) for order in found]
    [2.0, 1.0]
    """
    x = np.asarray(x, dtype=np.float64)
    start = float(f(x))
    steps = max(1.0, float(np.abs(x).max(initial=0.0))) * 2.0 ** -np.arange(3, 19)
    moved = [float(f(x + h * direction)) for h in steps]

    def order(gradient: NDArray[Any]) -> float:
        eps = float(np.finfo(gradient.dtype).eps) if gradient.dtype.kind == "f" else 0.0
        rounded = eps * float(np.sum(np.abs(gradient * direction))) if eps > EPS else 0.0
        along = float(np.sum(gradient * direction))
        kept, noisy = [], 0
        for h, there in zip(steps, moved, strict=True):
            remainder = abs(there - start - h * along)
            if not np.isfinite(remainder):
                continue  # So far away, it is outside the domain.
            noise = 1e-14 * max(abs(start), abs(there), abs(h * along)) + h * rounded
            noisy += remainder <= noise
            if remainder > noise:
                kept.append((np.log2(h), np.log2(remainder)))
        if len(kept) < 4:
            return float("inf") if noisy > 12 else float("nan")
        widths, sizes = np.transpose(kept[-4:])
        return float(np.polyfit(widths, sizes, 1)[0])

    return [order(gradient) for gradient in gradients]


def complex_step(
    f: Callable[[NDArray[Any]], Any],
    x: NDArray[Any],
    entries: Iterable[tuple[int, ...]] | None = None,
) -> NDArray[np.float64]:
    r"""Differentiate an analytic scalar function to the last digit: :math:`\Im f(x + ih) / h`.

    Nothing is subtracted, so `h` can be so small that nothing is cut off (W. Squire and
    G. Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 40,
    1998). Parameters and result are those of `central_differences`.
    """
    derivatives = np.full(np.shape(x), np.nan)
    for index in np.ndindex(derivatives.shape) if entries is None else entries:
        moved = np.array(x, dtype=np.complex128)
        h = 1e-30 * max(min(1.0, abs(moved[index]) or 1.0), 1e-270)  # Tiny beside the entry, too.
        moved[index] += 1j * h
        derivatives[index] = np.imag(f(moved)) / h
    return derivatives
