"""Runs Graphviz: DOT text comes in through standard input, pictures go to files.

``python layout.py SITE FOLDER FORMAT...``. This is the program of a process of its own, started
by `render`; it sees the standard library and what lies in SITE.
"""

import sys
from pathlib import Path

DENSITY = 192  # Dots per inch. A multiple of 96, which is the grid that Graphviz sets type on.
LONGEST, LARGEST = 16_000, 40e6  # Dots along one side of a bitmap, and in all.
POINTS_PER_INCH = 72


def main(site: str, folder: str, *formats: str) -> None:
    """Lay out and write ``picture.FORMAT`` for each format."""
    sys.path.append(site)
    import pygraphviz

    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    for name in formats:
        if name == "png":
            graph.graph_attr["dpi"] = str(_density(graph.draw(format="plain", prog="dot")))
        Path(folder, f"picture.{name}").write_bytes(graph.draw(format=name, prog="dot"))


def _density(plain: bytes) -> int:
    """Return the density at which a bitmap stays within bounds; sizes are in inches."""
    width, height = (float(size) for size in plain.split()[2:4])
    fits = min(LONGEST / max(width, height), (LARGEST / (width * height)) ** 0.5)
    return max(1, int(min(DENSITY, fits)))


if __name__ == "__main__":
    main(*sys.argv[1:])
