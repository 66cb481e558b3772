"""Arrays as blocks of numbers in Graphviz's HTML: a number, a matrix in brackets, a summary.

Graphviz hands surplus room out to all columns of a table alike, which would tear a matrix and its
brackets apart. So blocks know how wide they are, and are set into exactly the room there is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw import digits
from autograd_lite.draw.style import ALARM, INK, QUIET, SMALL, TEXT
from autograd_lite.draw.text_width import width_of

PLAIN = {"BORDER": 0, "CELLBORDER": 0, "CELLSPACING": 0, "CELLPADDING": 0}

# Graphviz puts names for \N, \G and more, where they stand in one piece of text. Markup keeps the
# letter apart; where there is none, a character that is not seen does.
SUBSTITUTED = re.compile(r"(?<=\\)(?=[NGEHTL])")
WORD_JOINER = "\u2060"

Attributes = Mapping[str, object]


def tag(name: str, attributes: Attributes, *content: str) -> str:
    """Write an element."""
    given = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(content)}</{name}>"


def words(text: str, color: str = INK, size: float = TEXT, *, bold: bool = False) -> str:
    """Write escaped text in some ink and size."""
    font: dict[str, object] = {"COLOR": color}
    if size != TEXT:
        font["POINT-SIZE"] = size
    # Not for an empty text, which Graphviz takes for an error.
    pieces = [escape(piece) for piece in SUBSTITUTED.split(text) if piece]
    return "".join(tag("FONT", font, tag("B", {}, p) if bold else p) for p in pieces)


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


def line(text: str, color: str = INK, size: float = TEXT) -> Block:
    """Make a block of one line of text."""
    return Block(words(text, color, size), width_of(text, size))


def numbers(array: NDArray[np.generic], color: str, columns: Sequence[int] = ()) -> Block:
    """Make a block of the numbers of an array.

    - `columns`: least widths of the columns of a matrix.
    """
    if array.ndim == 0:
        text = digits.number(array)
        return Block(_number(text, color), width_of(text, TEXT))
    if not digits.is_small(array):
        return summaries([("", array, color)])
    widths = [max(pair) for pair in zip_longest(column_widths(array), columns, fillvalue=0)]
    texts, factor = digits.written(array)
    rows = [
        row(
            *(
                cell(_number(text, color), ALIGN="RIGHT", CELLPADDING=2, WIDTH=width)
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
    total = 10 + sum(width + 2 for width in widths) + 2
    if factor:
        cells.append(cell(words(f" {factor}", color)))
        total += math.ceil(width_of(f" {factor}", TEXT))
    return Block(table(row(*cells)), total)


def column_widths(array: NDArray[np.generic]) -> list[int]:
    """Return how wide the columns of a matrix are; nothing for what is not drawn as a matrix."""
    if array.ndim == 0 or not digits.is_small(array):
        return []
    columns = zip(*digits.written(array).rows, strict=True)
    widths = [max(width_of(text, TEXT) for text in column) for column in columns]
    return [math.ceil(width) + (4 if i == 0 else 8) for i, width in enumerate(widths)]


def summaries(arrays: Sequence[tuple[str, NDArray[np.generic], str]]) -> Block:
    """Make a block of what describes large arrays of one shape, a column for each.

    - `arrays`: heading of the column (none if all are empty), array, and ink.
    """
    columns = [dict(digits.summary(array)) for _, array, _ in arrays]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    inks = [ink for _, _, ink in arrays]
    rows = []
    if any(heading for heading, _, _ in arrays):
        headings = [words(heading, ink, SMALL) for heading, _, ink in arrays]
        rows.append(_aligned(["", *headings]))
    for label in labels:
        texts = [
            _number(column.get(label, ""), ink) for column, ink in zip(columns, inks, strict=True)
        ]
        rows.append(_aligned([words(label, QUIET, SMALL), *texts]))
    widest = [max(width_of(text, TEXT) for text in column.values()) for column in columns]
    width = max(width_of(label, SMALL) for label in labels) + sum(widest) + 10 * len(columns)
    return Block(table(*rows), width)


def _aligned(cells: Sequence[str]) -> str:
    """Write a row of cells that are flush right, with room between them."""
    first, *others = cells
    spaced = [part for content in others for part in (spacer(10), cell(content, ALIGN="RIGHT"))]
    return row(cell(first, ALIGN="RIGHT"), *spaced)


def _number(text: str, color: str) -> str:
    """Write a number; one that is none stands out."""
    odd = "nan" in text or "∞" in text
    return words(text, ALARM if odd else color, bold=odd)
