"""Runs Graphviz: DOT texts come in through standard input, pictures go to files.

``python layout.py SITE FOLDER FORMAT``, with a zero byte between two texts. This is the program of
the process that `render` starts; it sees the standard library and what lies in SITE.
"""

import sys
from pathlib import Path

DENSITY = 192  # Dots per inch. A multiple of 96, which is the grid that Graphviz sets type on.
LONGEST, LARGEST = 16_000, 40e6  # Dots along one side of a bitmap, and in all.


def main(site: str, folder: str, kind: str) -> None:
    """Lay out, and write files that are called ``0``, ``1``, …."""
    sys.path.append(site)
    import pygraphviz

    for i, text in enumerate(sys.stdin.buffer.read().decode().split("\0")):
        graph = pygraphviz.AGraph(string=text)
        if kind == "png":
            graph.graph_attr["dpi"] = str(_density(graph.draw(format="plain", prog="dot")))
        Path(folder, str(i)).write_bytes(graph.draw(format=kind, prog="dot"))


def _density(plain: bytes) -> int:
    """Return the density at which a bitmap stays within bounds; sizes are in inches."""
    width, height = (float(size) for size in plain.split()[2:4])
    fits = min(LONGEST / max(width, height), (LARGEST / (width * height)) ** 0.5)
    return max(1, int(min(DENSITY, fits)))


if __name__ == "__main__":
    main(*sys.argv[1:])
