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
