"""Miniatures of arrays that are too large to be written out: a heat map, or a histogram."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw import digits
from autograd_lite.draw.blocks import Block, cell, gap, line, row, spacer, table, words
from autograd_lite.draw.style import QUIET, SMALL, signed
from autograd_lite.draw.text_width import width_of

MOST_ROWS, MOST_COLUMNS = 10, 16
DOT = 6  # Points along a side of an entry, and the width of a bar.
SHADES = 3  # Of either sign, on the printed scale.
BARS, TALLEST = 16, 30


def miniature(array: NDArray[Any], color: str) -> Block | None:
    """Draw a matrix as a heat map, and any other array as a histogram; None if neither can be.

    - `color`: of the bars.
    """
    if array.dtype.kind not in "iuf" or not np.isfinite(array).any():
        return None
    if array.ndim == 2 and min(array.shape) > 1:
        return _heat(array.astype(np.float64))
    return _histogram(array, color)


def _heat(array: NDArray[np.float64]) -> Block:
    """Draw entries as squares on a scale from the negative of the largest size to that.

    Of more entries, a square has the mean of several; where those differ in sign so much that the
    mean would hide them, its left half has the size of what is above 0, and its right half of what
    is below.
    """
    counts = [min(n, most) for n, most in zip(array.shape, (MOST_ROWS, MOST_COLUMNS), strict=True)]
    cells = [
        [_cell(part) for part in np.array_split(rows, counts[1], axis=1)]
        for rows in np.array_split(array, counts[0])
    ]
    sizes = [abs(x) for line in cells for pair in line for x in pair if x == x]
    largest = max(sizes, default=0.0)
    halves = any(len(pair) > 1 for line in cells for pair in line)
    rows = [row(*(_square(pair, largest) for pair in line)) for line in cells]
    map_ = Block(table(*rows), DOT * counts[1])
    below = [_scale(largest)]
    if array.size > counts[0] * counts[1]:
        one = "×".join(str(-(-n // count)) for n, count in zip(array.shape, counts, strict=True))
        below.append(line(f"mean of {one}{' · + | −' * halves}", QUIET, SMALL))
    width = max(block.width for block in (map_, *below))
    spaced = [part for block in below for part in (gap(3), row(cell(block.within(width).html)))]
    return Block(table(row(cell(map_.within(width).html)), *spaced), width)


def _cell(part: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the mean of some entries; the two means of either sign, where they cancel."""
    finite = part[np.isfinite(part)]
    if not finite.size:
        return (math.nan,)
    mean, size = float(finite.mean()), float(np.abs(finite).mean())
    if abs(mean) >= size / 2 or part.size == 1:
        return (mean,)
    return float(finite[finite > 0].mean()), float(finite[finite < 0].mean())


def _square(means: tuple[float, ...], largest: float) -> str:
    fills = [signed(x / largest if largest else x) for x in means]
    if len(fills) == 1:
        return cell("", WIDTH=DOT, HEIGHT=DOT, BGCOLOR=fills[0])
    halves = (cell("", WIDTH=DOT // 2, HEIGHT=DOT, BGCOLOR=fill) for fill in fills)
    return cell(table(row(*halves)))


def _scale(largest: float) -> Block:
    """Draw the colours from the negative of a size to that, with both written beside them."""
    if not largest:
        return line("all 0", QUIET, SMALL)
    ends = [digits.number(x) for x in (-largest, largest)]
    bar = [
        cell("", WIDTH=DOT, HEIGHT=DOT, BGCOLOR=signed(i / SHADES))
        for i in range(-SHADES, SHADES + 1)
    ]
    texts = [words(end, QUIET, SMALL) for end in ends]
    content = row(cell(texts[0]), spacer(4), cell(table(row(*bar))), spacer(4), cell(texts[1]))
    width = sum(width_of(end, SMALL) for end in ends) + 8 + DOT * len(bar)
    return Block(table(content), width)


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
