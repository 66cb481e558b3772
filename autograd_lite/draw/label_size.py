"""How large a label in Graphviz's HTML will be, without asking Graphviz."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from autograd_lite.draw.style import TEXT
from autograd_lite.draw.text_width import width_of

Size = tuple[float, float]
LINE = 1.2  # The height of a line of text, in sizes of type.


def label_size(label: str) -> Size:
    """Return width and height of a label, in points; as Graphviz lays tables out."""
    return _table(ET.fromstring(label.removeprefix("<").removesuffix(">") if label[:2] == "<<"
                                else label))  # fmt: skip


def _table(table: ET.Element) -> Size:
    border, gap = (_number(table, key) for key in ("BORDER", "CELLSPACING"))
    padding = _number(table, "CELLPADDING")
    widths: list[float] = []
    height = 2 * border + gap
    for line in table:
        if line.tag == "HR":
            height += 1
            continue
        tallest = 0.0
        for i, cell in enumerate(line):
            width, tall = _cell(cell, padding)
            widths += [0.0] * (i + 1 - len(widths))
            widths[i] = max(widths[i], width)
            tallest = max(tallest, tall)
        height += tallest + gap
    return sum(widths) + gap * (len(widths) + 1) + 2 * border, height


def _cell(cell: ET.Element, padding: float) -> Size:
    inner = cell.find("TABLE")
    width, height = _text(cell, TEXT, False) if inner is None else _table(inner)
    around = 2 * (float(cell.get("CELLPADDING", padding)) + _number(cell, "BORDER"))
    return (
        max(width + around, _number(cell, "WIDTH")),
        max(height + around, _number(cell, "HEIGHT")),
    )


def _text(element: ET.Element, size: float, bold: bool) -> Size:
    """Return the size of the one line of text that is in an element."""
    size, bold = float(element.get("POINT-SIZE", size)), bold or element.tag == "B"
    texts = [element.text or "", *(part.tail or "" for part in element)]
    width = sum(width_of(text, size, bold=bold) for text in texts if text)
    height = LINE * size if any(texts) else 0.0
    for part in element:
        more, tall = _text(part, size, bold)
        width, height = width + more, max(height, tall)
    return width, height


def _number(element: ET.Element, key: str) -> float:
    return float(element.get(key, 0))
