"""A computation in box-drawing characters, for a terminal, a log or a comment.

The boxes stand below each other in the order of computation. Beside them a rail runs from every
value to whatever uses it: ``├─▶`` where it is used, ``└─▶`` where it is used last. Rails that only
cross are ``┼``.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.draw import digits
from autograd_lite.draw.cards import described, equation, figures
from autograd_lite.draw.clusters import name_and_class
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import printable
from autograd_lite.draw.scene import Scene
from autograd_lite.graph import Node


def text(scene: Scene) -> str:
    """Draw a scene in characters."""
    boxes = scene.plan.boxes
    used: dict[str, list[str]] = {box.id: [] for box in boxes}
    uses: dict[str, list[str]] = {box.id: [] for box in boxes}
    for start, end in scene.plan.edges():
        used[start].append(end)
        uses[end].append(start)
    order = _in_order([box.id for box in boxes], uses)
    by_id = {box.id: box for box in boxes}
    rails = _Rails()
    lines = [scene.options.title, ""] if scene.options.title else []
    modules = _modules(scene)
    before = ""
    for key in order:
        if modules.get(key, "") != before:
            before = modules.get(key, "")
            rails.heading(before or "outside of modules")
        rails.box(key, _lines(scene, by_id[key]), uses[key], len(used[key]))
    width = max((len(side) for side, _ in rails.lines), default=0)
    lines += [
        side.ljust(width, "─" if content[0] == "─" else " ") + content
        for side, content in rails.lines
    ]
    return "\n".join(lines) + "\n"


def _in_order(keys: Sequence[str], uses: dict[str, list[str]]) -> list[str]:
    """Put every leaf right before the first box that uses it, so that rails are short."""
    placed: dict[str, None] = {}
    for key in keys:
        if uses[key]:
            placed |= dict.fromkeys(x for x in uses[key] if not uses[x])
            placed[key] = None
    return [*placed, *(key for key in keys if key not in placed)]


def _modules(scene: Scene) -> dict[str, str]:
    """Return what stands above the boxes of a module: the way to it."""
    found: dict[str, str] = {}
    waiting = [("", cluster) for cluster in scene.plan.clusters]
    while waiting:
        way, cluster = waiting.pop()
        title = f"{way}{printable(cluster.title)}"
        found.update(dict.fromkeys(cluster.boxes, title))
        short = " ".join(name_and_class(cluster.call)[:1])
        waiting += [(f"{way}{printable(short)} › ", inner) for inner in cluster.inner]
    return found


class _Rails:
    """The lines that lead from box to box, as columns left of the boxes."""

    def __init__(self) -> None:
        self.columns: list[str | None] = []
        self.left: dict[str, int] = {}
        self.lines: list[tuple[str, str]] = []

    def box(self, key: str, content: list[str], uses: Sequence[str], users: int) -> None:
        """Add a box: an arrow for each value it uses, and a rail that starts from it."""
        ports = len(uses) + (users > 0)
        content = content + [""] * (ports - len(content))
        width = max(map(columns, content))
        self.lines.append((self._side(), f"  ┌{'─' * (width + 2)}┐"))
        for i, line in enumerate(content):
            padded = line + " " * (width - columns(line))
            if i < len(uses):
                self.lines.append((self._arrive(uses[i]), f"─▶│ {padded} │"))
            elif users and i == len(content) - 1:
                self.lines.append((self._depart(key, users), f"──┤ {padded} │"))
            else:
                self.lines.append((self._side(), f"  │ {padded} │"))
        self.lines.append((self._side(), f"  └{'─' * (width + 2)}┘"))

    def heading(self, title: str) -> None:
        """Add a line that says where the boxes below belong."""
        self.lines.append((self._side(), f"  ■ {title}"))

    def _side(self) -> str:
        return "".join("  " if column is None else "│ " for column in self.columns).rstrip()

    def _arrive(self, key: str) -> str:
        """Draw the arrow from a rail, which ends if nothing else will use it."""
        at = self.columns.index(key)
        self.left[key] -= 1
        line = self._across(at, "├" if self.left[key] else "└")
        if not self.left[key]:
            self.columns[at] = None
        return line

    def _depart(self, key: str, users: int) -> str:
        """Start a rail, in the free column nearest to the boxes."""
        free = [i for i, column in enumerate(self.columns) if column is None]
        at = free[-1] if free else len(self.columns)
        if not free:
            self.columns.append(None)
        line = self._across(at, "┌")
        self.columns[at], self.left[key] = key, users
        return line

    def _across(self, at: int, corner: str) -> str:
        """Draw a line from a column to the boxes."""
        before = "".join("  " if column is None else "│ " for column in self.columns[:at])
        after = "".join("──" if column is None else "┼─" for column in self.columns[at + 1 :])
        return f"{before}{corner}─{after}"


def columns(line: str) -> int:
    """Return how many columns of a terminal a line takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in line
    )


def _lines(scene: Scene, box: Box) -> list[str]:
    """Return what stands in a box."""
    role, name, formula = scene.heading(box)
    if isinstance(box, Fold):
        return [box.title, *(_below(scene, box.result, "output") if box.has_output else [])]
    return [equation(name, formula) or role, *_below(scene, box, role)]


def _below(scene: Scene, box: Node, role: str) -> list[str]:
    """Return the lines below a heading."""
    kind = described(box, scene.options.show)
    lines = [f"{role} · {kind}"] if kind else []
    for label, array in figures(box, scene.options.show):
        lines += ["grad   none yet"] if array is None else _numbers(label, array)
    return lines


def _numbers(label: str, value: Any) -> list[str]:
    """Write an array as a matrix beside its label, or sum it up."""
    array = np.asarray(value)
    if not digits.is_small(array):
        found = [f"{what} {text}".rstrip() for what, text in digits.summary(array)]
        return [f"{label:<6} {', '.join(found)}"]
    rows, factor = digits.written(array)
    if not array.ndim:
        return [f"{label:<6} {rows[0][0]}{factor}"]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    texts = [" ".join(f"{x:>{w}}" for x, w in zip(row, widths, strict=True)) for row in rows]
    texts = [f"[{row}]" for row in texts]
    texts[0] += f" {factor}" if factor else ""
    return [f"{label if i == 0 else '':<6} {row}" for i, row in enumerate(texts)]
