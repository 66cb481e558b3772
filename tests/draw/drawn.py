"""Reads pictures back: what stands in the boxes of DOT text, and which arrows there are."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pygraphviz


@dataclass
class Box:
    role: str
    texts: list[str]
    tooltip: str

    @property
    def title(self):
        """The first line: a name in bold and what follows, or a formula."""
        return self.texts[0]

    @property
    def numbers(self):
        """What stands below name and shape."""
        return self.texts[2:]


def read(drawing):
    """Return the boxes of a picture by identifier, and its arrows."""
    rows = [pygraphviz.AGraph(string=row) for row in drawing.rows]
    boxes = {
        str(node): Box(node.attr["class"], texts_of(node.attr["label"]), node.attr["tooltip"])
        for row in rows for node in row.nodes()
        if node.attr["class"] not in ("mention", None)
    }  # fmt: skip
    boxes = {box.id: boxes[box.id] for box in drawing.scene.plan.boxes if box.id in boxes}
    hidden = ("invis", "dashed")  # What a loop hands on runs back.
    arrows = [edge for row in rows for edge in row.edges() if edge.attr["style"] not in hidden]
    return boxes, [(str(a).partition("@")[0], str(b)) for a, b in arrows]


def boxes_by_title(drawing):
    """Return the boxes by their first line."""
    return {box.title: box for box in read(drawing)[0].values()}


def texts_of(label):
    """Return the texts of a label in Graphviz's HTML, cell by cell; it must be well-formed."""
    cells = (cell for cell in ET.fromstring(label).iter("TD") if cell.find("TABLE") is None)
    return [text for cell in cells if (text := "".join(cell.itertext()))]
