"""Miniatures of arrays that are too large to be written out: a heat map, or a histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw.blocks import Block, cell, row, table
from autograd_lite.draw.style import MISSING, NEGATIVE, POSITIVE, ZERO

MOST_ROWS, MOST_COLUMNS = 10, 16
DOT = 6  # Points along a side of an entry, and the width of a bar.
BARS, TALLEST = 16, 30


def miniature(array: NDArray[Any], color: str) -> Block | None:
    """Draw a matrix as a heat map, and any other array as a histogram; None if neither can be.

    Parameters
    ----------
    array : ndarray
        Any array.
    color : str
        Of the bars.
    """
    if array.dtype.kind not in "iuf" or not np.isfinite(array).any():
        return None
    if array.ndim == 2 and min(array.shape) > 1:
        return _heat(array.astype(np.float64))
    return _histogram(array, color)


def _heat(array: NDArray[np.float64]) -> Block:
    """Draw entries as squares, or means of entries side by side where there are many."""
    means = _shrunk(_shrunk(array, MOST_ROWS).T, MOST_COLUMNS).T
    low, high = np.nanmin(means), np.nanmax(means)
    if low < 0 < high:
        scaled = means / max(-low, high)  # White is zero.
    else:
        span = high - low
        scaled = (means - low) / span if span else means - low
        scaled = scaled - 1 if span and high <= 0 else scaled
    rows = [
        row(*(cell("", WIDTH=DOT, HEIGHT=DOT, BGCOLOR=_colour(x)) for x in line))
        for line in scaled.tolist()
    ]
    return Block(table(*rows), DOT * len(scaled[0]))


def _shrunk(array: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Average rows so that there are at most so many; what is not finite is left out."""
    parts = np.array_split(np.where(np.isfinite(array), array, np.nan), min(len(array), most))
    counts = [np.isfinite(part).sum(axis=0) for part in parts]
    return np.array(
        [
            np.where(count > 0, np.nansum(part, axis=0) / np.maximum(count, 1), np.nan)
            for part, count in zip(parts, counts, strict=True)
        ]
    )


def _colour(x: float) -> str:
    """Mix a colour for a number from -1 to 1."""
    if x != x:
        return MISSING
    end = POSITIVE if x > 0 else NEGATIVE
    parts = [
        round(int(a, 16) + (int(b, 16) - int(a, 16)) * min(1.0, abs(x)))
        for a, b in ((ZERO[i : i + 2], end[i : i + 2]) for i in (1, 3, 5))
    ]
    return "#" + "".join(f"{part:02X}" for part in parts)


def _histogram(array: NDArray[Any], color: str) -> Block:
    """Draw how many entries are how large, from the least to the largest."""
    finite = array[np.isfinite(array)].astype(np.float64)
    with np.errstate(over="ignore"):
        wide = bool(np.isfinite(finite.max() - finite.min()))
    counts = np.histogram(finite if wide else finite / 4, BARS)[0]
    heights = np.ceil(counts / counts.max() * TALLEST).astype(int).tolist()
    bars = [cell(table(*_bar(height, color))) for height in heights]
    return Block(table(row(*bars)), DOT * BARS)


def _bar(height: int, color: str) -> list[str]:
    """Write a bar, and the room above it: alone, it would be stretched."""
    parts = [("", TALLEST - height), (color, height)]
    return [
        row(cell("", WIDTH=DOT, HEIGHT=points, **({"BGCOLOR": fill} if fill else {})))
        for fill, points in parts
        if points
    ]
