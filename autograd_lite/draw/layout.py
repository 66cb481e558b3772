"""Runs Graphviz: DOT text comes in through standard input, a picture goes to a file.

``python layout.py SITE FILE FORMAT``. This is the program of the process that `render` starts; it
sees the standard library and what lies in SITE.
"""

import sys
from pathlib import Path

DENSITY = 192  # Dots per inch. A multiple of 96, which is the grid that Graphviz sets type on.
LONGEST, LARGEST = 16_000, 40e6  # Dots along one side of a bitmap, and in all.


def main(site: str, file: str, kind: str) -> None:
    """Lay out and write one file."""
    sys.path.append(site)
    import pygraphviz

    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    if kind == "png":
        graph.graph_attr["dpi"] = str(_density(graph.draw(format="plain", prog="dot")))
    Path(file).write_bytes(graph.draw(format=kind, prog="dot"))


def _density(plain: bytes) -> int:
    """Return the density at which a bitmap stays within bounds; sizes are in inches."""
    width, height = (float(size) for size in plain.split()[2:4])
    fits = min(LONGEST / max(width, height), (LARGEST / (width * height)) ** 0.5)
    return max(1, int(min(DENSITY, fits)))


if __name__ == "__main__":
    main(*sys.argv[1:])
