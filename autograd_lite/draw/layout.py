"""Runs Graphviz: DOT texts come in through standard input, pictures go to files.

``python layout.py SITE FOLDER FORMAT``, with a zero byte between two pictures. A picture may have
several rows, with a form feed between them: each is laid out on its own, and they are put below
each other. This is the program of the process that `render` starts; it sees the standard library
and what lies in SITE.
"""

import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

DENSITY = 192  # Dots per inch. A multiple of 96, which is the grid that Graphviz sets type on.
LONGEST, LARGEST = 32_000, 160e6  # Dots along one side of a bitmap, and in all.
BETWEEN = 16  # Points between rows.
PLACE = re.compile(r'\b(pos|lp|bb)="([^"]*)"')
POINT = re.compile(r"(?<![\d.])(-?[\d.]+(?:e[+-]?\d+)?),(-?[\d.]+(?:e[+-]?\d+)?)")


def main(site: str, folder: str, kind: str) -> None:
    """Lay out, and write files that are called ``0``, ``1``, …."""
    sys.path.append(site)
    import pygraphviz

    for i, text in enumerate(sys.stdin.buffer.read().decode().split("\0")):
        rows = [pygraphviz.AGraph(string=row) for row in text.split("\f")]
        graph, engine = rows[0], rows[0].graph_attr.get("layout") or "dot"
        if len(rows) > 1:
            graph, engine = pygraphviz.AGraph(string=_stacked(rows)), "nop2"
        if kind == "png":
            _require_room(graph.draw(format="plain", prog=engine))
            graph.graph_attr["dpi"] = str(DENSITY)
        Path(folder, str(i)).write_bytes(graph.draw(format=kind, prog=engine))


def _stacked(rows: list[Any]) -> str:
    """Lay rows out, and return them as one graph, with every box in its place."""
    texts = []
    top = 0.0
    for i, row in enumerate(rows):
        row.layout(prog="dot")
        left, bottom, _, height = map(float, row.graph_attr["bb"].split(","))
        dx, dy = -left, top - height
        top = dy + bottom - BETWEEN
        row.graph_attr["bb"] = ""
        # As text, since of two arrows between the same boxes only one is found by its ends.
        text = PLACE.sub(partial(_moved, dx, dy), row.to_string().replace("\\\n", ""))
        texts.append(text if not i else re.sub(r"^[^{]*\{", f"subgraph row{i} {{", text, count=1))
    return texts[0].rstrip().removesuffix("}") + "\n".join(texts[1:]) + "}"


def _moved(dx: float, dy: float, place: re.Match[str]) -> str:
    """Move all points of a position, of a curve or of a rectangle."""
    points = POINT.sub(lambda xy: f"{float(xy[1]) + dx:.6g},{float(xy[2]) + dy:.6g}", place[2])
    return f'{place[1]}="{points}"'


def _require_room(plain: bytes) -> None:
    """Refuse a bitmap that could only be written with fewer dots: it would not be legible."""
    width, height = (float(size) * DENSITY for size in plain.split()[2:4])
    if max(width, height) > LONGEST or width * height > LARGEST:
        sys.exit(
            f"Error: a PNG of this picture would have {width:,.0f} x {height:,.0f} dots, which "
            f"few programs can show. Save it as .svg or .pdf, fold it (depth=1, max_nodes=20), or "
            f"give it more room (width=1600)"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
