"""Derivatives from values alone: the oracle that knows no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = np.finfo(float).eps ** 0.2  # Balances h**4, cut off, with eps / h, rounded off.


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
    slopes = np.full(x.shape, np.nan)
    for index in np.ndindex(x.shape) if entries is None else entries:

        def at(offset: float, index: tuple[int, ...] = index) -> float:
            moved = x.copy()
            moved[index] += offset
            return float(f(moved))

        h = (step or STEP) * max(1.0, abs(x[index]))
        wide = (at(h) - at(-h)) / (2 * h)
        narrow = (at(h / 2) - at(-h / 2)) / h
        slopes[index] = (4 * narrow - wide) / 3
    return slopes


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
    with np.errstate(invalid="ignore"):
        unsteady = np.abs(np.diff(tried, axis=0))
    best = np.argmin(np.nan_to_num(unsteady, nan=np.inf), axis=0)
    chosen: NDArray[np.float64] = np.take_along_axis(tried, best[None], axis=0)[0]
    return chosen


def taylor_slope(
    f: Callable[[NDArray[Any]], Any],
    x: NDArray[Any],
    gradient: NDArray[Any],
    direction: NDArray[Any],
) -> float:
    r"""Return how fast :math:`|f(x + hd) - f(x) - h\, g \cdot d|` falls with `h`, as a power.

    It is 2 for a right gradient and 1 for a wrong one, whatever the size of the step and the noise:
    no tolerance is involved. Infinite, if there is no remainder but rounding (`f` is linear along
    `d`); nan, if too little of it is above the rounding to tell.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> slopes = [taylor_slope(lambda x: np.sum(x**3), x, c * x**2, np.ones(2)) for c in (3, 3.1)]
    >>> [round(slope, 1) for slope in slopes]
    [2.0, 1.0]
    """
    x = np.asarray(x, dtype=np.float64)
    start = float(f(x))
    along = float(np.sum(gradient * direction))
    size = max(1.0, float(np.abs(x).max(initial=0.0)))
    kept, noisy = [], 0
    for h in size * 2.0 ** -np.arange(3, 19):
        moved = float(f(x + h * direction))
        remainder = abs(moved - start - h * along)
        if not np.isfinite(remainder):
            return float("nan")
        noise = 1e-14 * max(abs(start), abs(moved), abs(h * along))
        noisy += remainder <= noise
        if remainder > noise:
            kept.append((np.log2(h), np.log2(remainder)))
    if len(kept) < 4:
        return float("inf") if noisy > 12 else float("nan")
    steps, sizes = np.transpose(kept[-4:])
    return float(np.polyfit(steps, sizes, 1)[0])


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
    h = 1e-30
    slopes = np.full(np.shape(x), np.nan)
    for index in np.ndindex(slopes.shape) if entries is None else entries:
        moved = np.array(x, dtype=np.complex128)
        moved[index] += 1j * h
        slopes[index] = np.imag(f(moved)) / h
    return slopes
