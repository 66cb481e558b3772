"""Arrays as blocks of numbers in Graphviz's HTML: a number, a matrix in brackets, a summary.

Graphviz hands surplus room out to all columns of a table alike, which would tear a matrix and its
brackets apart. So blocks know how wide they are, and are set into exactly the room there is.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw import digits
from autograd_lite.draw.style import ALARM, INK, QUIET, SMALL, TEXT

PLAIN = {"BORDER": 0, "CELLBORDER": 0, "CELLSPACING": 0, "CELLPADDING": 0}

Attributes = Mapping[str, object]


def tag(name: str, attributes: Attributes, *content: str) -> str:
    """Write an element."""
    given = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(content)}</{name}>"


def words(text: str, color: str = INK, size: int = TEXT, *, bold: bool = False) -> str:
    """Write escaped text in some ink and size."""
    content = escape(text)
    font = {"COLOR": color, "POINT-SIZE": size}
    return tag("FONT", font, tag("B", {}, content) if bold else content)


def row(*cells: str) -> str:
    """Write a row of cells."""
    return tag("TR", {}, *cells)


def cell(content: str, **attributes: object) -> str:
    """Write a cell."""
    return tag("TD", attributes, content)


def spacer(width: int) -> str:
    """Write an empty cell."""
    return cell("", WIDTH=width)


def gap(height: int) -> str:
    """Write an empty row."""
    return row(cell("", HEIGHT=height))


def table(*rows: str, **attributes: object) -> str:
    """Write a table, without borders and gaps unless they are asked for."""
    return tag("TABLE", {**PLAIN, **attributes}, *rows)


class Block(NamedTuple):
    """A table, and how wide it is, in points."""

    html: str
    width: float

    def within(self, width: float, *, centred: bool = True) -> Block:
        """Return the block with empty room beside it, up to a width."""
        room = width - self.width
        if room < 2:
            return self
        left = math.floor(room / 2) if centred else 0
        spacers = [spacer(n) if n else "" for n in (left, math.floor(room) - left)]
        return Block(table(row(spacers[0], cell(self.html), spacers[1])), width)


def line(text: str, color: str = INK, size: int = TEXT) -> Block:
    """Make a block of one line of text."""
    return Block(words(text, color, size), width_of(text, size))


def numbers(array: NDArray[np.generic], color: str, columns: Sequence[float] = ()) -> Block:
    """Make a block of the numbers of an array.

    Parameters
    ----------
    array : ndarray
        Any array.
    color : str
        Ink.
    columns : sequence of float
        Least widths of the columns of a matrix.
    """
    if array.ndim == 0:
        text = digits.number(array)
        return Block(_number(text, color), width_of(text, TEXT))
    if not digits.is_small(array):
        return _summary(digits.summary(array), color)
    widths = [max(pair) for pair in zip_longest(column_widths(array), columns, fillvalue=0.0)]
    texts, factor = digits.written(array)
    rows = [
        row(
            *(
                cell(_number(text, color), ALIGN="RIGHT", CELLPADDING=2, WIDTH=math.ceil(width))
                for text, width in zip(line, widths, strict=True)
            )
        )
        for line in texts
    ]
    bracket: dict[str, object] = {"WIDTH": 5, "BORDER": 1, "COLOR": color}
    cells = [
        cell("", SIDES="LTB", **bracket),
        cell(table(*rows, CELLSPACING=2)),
        cell("", SIDES="RTB", **bracket),
    ]
    total = 10 + sum(math.ceil(width) + 2 for width in widths) + 2
    if factor:
        cells.append(cell(words(f" {factor}", color)))
        total += math.ceil(width_of(f" {factor}", TEXT))
    return Block(table(row(*cells)), total)


def column_widths(array: NDArray[np.generic]) -> list[float]:
    """Return how wide the columns of a matrix are; nothing for what is not drawn as a matrix."""
    if array.ndim == 0 or not digits.is_small(array):
        return []
    columns = zip(*digits.written(array).rows, strict=True)
    return [max(width_of(text, TEXT) for text in column) + 4 for column in columns]


def _summary(entries: Sequence[tuple[str, str]], color: str) -> Block:
    """Make a block of a few numbers with their labels."""
    rows = [
        row(
            cell(words(label, QUIET, SMALL), ALIGN="RIGHT"),
            spacer(6),
            cell(_number(text, color), ALIGN="RIGHT"),
        )
        for label, text in entries
    ]
    labels = max(width_of(label, SMALL) for label, _ in entries)
    return Block(table(*rows), labels + 6 + max(width_of(text, TEXT) for _, text in entries))


def _number(text: str, color: str) -> str:
    """Write a number; one that is none stands out."""
    odd = "nan" in text or "∞" in text
    return words(text, ALARM if odd else color, bold=odd)


# Advance widths of Arial, in thousandths of the size of type.
_GROUPS = {
    222: "'ijl|",
    278: " !,./:;I[]\\ft",
    333: '()-`r²·⁻{}"',
    389: "*",
    433: "ᵀ^",
    500: "Jcksvxyz",
    584: "+<=>~−×√",
    611: "FTZσΣ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw∞",
    778: "GOQ",
    833: "Mm%½",
    1000: "W@…",
}
_WIDTHS = {c: thousandths for thousandths, group in _GROUPS.items() for c in group}
_DEFAULT = 556  # Digits and most small letters.


def width_of(text: str, size: int, *, bold: bool = False) -> float:
    """Estimate how wide a text is set in the font of the pictures, in points."""
    total = sum(
        1000 if unicodedata.east_asian_width(c) in "WF" else _WIDTHS.get(c, _DEFAULT) for c in text
    )
    return total * size / 1000 * (1.06 if bold else 1)
