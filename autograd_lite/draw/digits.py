"""Numbers as a figure prints them: four significant digits, alike within an array."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 4
LARGEST_SIDE = 6
"""An array with more rows or columns than this is summed up instead of written out."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Written(NamedTuple):
    """The entries of an array as text, and the power of ten that all of them are to be taken by."""

    rows: list[list[str]]
    factor: str = ""


def superscript(text: str) -> str:
    """Write an integer as an exponent."""
    return text.translate(_SUPERSCRIPT)


def number(value: Any) -> str:
    """Write one number."""
    rows, factor = written(np.asarray(value).reshape(1))
    return rows[0][0] + factor


def is_small(array: NDArray[Any]) -> bool:
    """Return whether an array is written out entry by entry."""
    return array.ndim <= 2 and array.size > 0 and max(array.shape, default=1) <= LARGEST_SIDE


def written(array: NDArray[Any]) -> Written:
    """Write an array of at most two axes out, one row of texts for each of its rows.

    All entries have the same number of decimals, as few as show them exactly, and at most as
    many as give the largest four significant digits. An exact zero is ``0``, and an entry that
    is only rounded to it is ``0.000``. Where a power of ten for all would hide an entry, as it
    would the 3 beside 10⁸, each has its own.
    """
    table = np.atleast_2d(array)
    if table.dtype.kind not in "iuf":  # Truth values, complex numbers.
        return Written([[_other(x) for x in row] for row in table.tolist()])
    sizes = [abs(x) for x in table.ravel().tolist() if x != 0 and math.isfinite(x)]
    # Read off the rounded text: 9.9999 is written as 10.00.
    exponent = int(f"{max(sizes, default=1):.{SIGNIFICANT - 1}e}".partition("e")[2])
    power = 0 if -4 < exponent < 6 else exponent
    decimals = max(0, SIGNIFICANT - 1 - exponent + power)
    while decimals and all(_exact(x, decimals - 1, power) for x in table.ravel()):
        decimals -= 1
    rows = [[_entry(x, decimals, power) for x in row] for row in table.tolist()]
    if power and any(x and float(_shown(x, decimals, power)) == 0 for x in sizes):
        return Written([[number(x) for x in row] for row in table])
    return Written(rows, f"×10{superscript(str(power))}" if power else "")


def summary(array: NDArray[Any]) -> list[tuple[str, str]]:
    """Describe a large array by a few numbers, each with its label."""
    if array.size == 0:
        return [("empty", "")]
    if array.dtype.kind == "b":
        return [("true", f"{np.count_nonzero(array):,} of {array.size:,}")]
    if array.dtype.kind == "c":
        return [("mean", f"{array.mean():.{SIGNIFICANT}g}")]
    finite = array[np.isfinite(array)]
    described = []
    if finite.size:
        with np.errstate(over="ignore"):
            mean = finite.mean(dtype=np.float64)
        described = [("min", finite.min()), ("mean", mean), ("max", finite.max())]
        described = [(label, number(x)) for label, x in described]
    for label, found in (("nan", np.isnan(array)), ("±∞", np.isinf(array))):
        if count := np.count_nonzero(found):
            described.append((label, f"{count:,} of {array.size:,}"))
    return described


def _exact(x: Any, decimals: int, power: int) -> bool:
    """Return whether so many decimals show a number of NumPy's exactly, in its own precision."""
    if not np.isfinite(x):
        return True
    return bool(type(x)(float(f"{_shifted(float(x), power):.{decimals}f}e{power}")) == x)


def _shifted(x: float, power: int) -> float:
    """Divide by a power of ten, in two steps where it is too small to be a number itself."""
    half = power // 2
    return x / 10.0**half / 10.0 ** (power - half)


def _shown(x: float, decimals: int, power: int) -> str:
    return f"{_shifted(x, power):.{decimals}f}"


def _entry(x: float, decimals: int, power: int) -> str:
    if x != x:
        return "nan"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if x == 0:
        return "0"
    text = _shown(x, decimals, power)
    if float(text) == 0:
        text = text.lstrip("-")  # A minus sign before a zero is noise.
    return text.replace("-", "−")


def _other(x: Any) -> str:
    return str(x) if isinstance(x, bool) else f"{x:.{SIGNIFICANT}g}".replace("-", "−")
