"""The picture of the page with modules folded and unfolded: one layout for each state.

The boxes are drawn once. A state says where each of them stands, which modules are one box instead,
and how the arrows run. Every state is laid out by the same engine, on boxes of the known sizes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from xml.etree import ElementTree as ET

from autograd_lite.draw.arrows import MOST_ARROWS
from autograd_lite.draw.blocks import cell, row, table
from autograd_lite.draw.fold import Fold, Plan
from autograd_lite.draw.formulas import printable, shortened
from autograd_lite.draw.render import render_all
from autograd_lite.draw.style import SMALL, TEXT
from autograd_lite.draw.svg import parsed
from autograd_lite.draw.text_width import width_of
from autograd_lite.graph import Node
from autograd_lite.ops.writing import Written

LEAST = 2  # Boxes in a module that can be folded: one alone takes no less room folded.
LONGEST_MENTION = 16
MANY = 200  # Arrows: with more, one of 300 boxes in between takes ten seconds.
MOST_STATES, MOST_BOXES = 16, 2_400  # States of one page, and boxes in all of them together.
INCH, STRAIGHT = 72, 8
TITLE, HEAD = 12, 14  # Type and height of what is written on a frame.
GRAPH = 'nodesep="0.3" ranksep="0.3" pad="0.1"'

State = frozenset[str]
"""The modules that are folded, none of them inside another."""


@dataclass(frozen=True, slots=True)
class Module:
    """What can be folded: a call of a module, or several equal ones in a row."""

    id: str  # ``m0``, ``m1``, …, the outer ones first.
    # What is written large, and small.
    title: str
    remark: str
    boxes: frozenset[str]  # All boxes in it.
    parent: str | None  # What it is inside of.
    # What formulas outside call that which it computes; empty where several, or none, use it.
    result: str

    @property
    def folded_title(self) -> str:
        """What is written large where it is one box: ``head → logits``."""
        return f"{self.title} → {self.result}" if self.result else self.title


def modules(plan: Plan, folds: Iterable[Fold], called: Mapping[str, Written]) -> list[Module]:
    """Find what can be folded: whatever is framed in a picture, and what is to be folded first.

    - `plan`: the boxes with nothing folded.
    - `folds`: modules that are one box in the picture that the page begins with.
    - `called`: how values are written where they are used, by their boxes.
    """
    inside: dict[frozenset[str], tuple[str, str]] = {}
    for fold in folds:
        inside.setdefault(boxes_of(plan, fold), replace(fold, name="").heading)
    for cluster in (inner for outer in plan.clusters for inner in outer.walk()):
        title, _, remark = cluster.title.partition(" · ")
        inside.setdefault(frozenset(cluster.members), (title, remark))
    made = {box.id for box in plan.boxes if isinstance(box, Node) and box.operands}
    users: dict[str, set[str]] = {}
    for start, end in plan.edges():
        if start in made:
            users.setdefault(start, set()).add(end)
    found: list[Module] = []
    for boxes in sorted(inside, key=lambda boxes: (-len(boxes), sorted(boxes))):
        if len(boxes) >= LEAST:
            around = [module.id for module in found if boxes < module.boxes]
            parent = around[-1] if around else None
            title, remark = map(printable, inside[boxes])
            used = {key for key in boxes & users.keys() if users[key] - boxes}
            result = called[used.pop()].text if len(used) == 1 else ""
            result = "" if result == title else result
            found.append(Module(f"m{len(found)}", title, remark, boxes, parent, result))
    return found


def boxes_of(plan: Plan, fold: Fold) -> frozenset[str]:
    """Return the boxes of a plan with nothing folded that a fold stands for."""
    return frozenset(plan.home[node.id] for node in fold.nodes)


def states(found: Sequence[Module], boxes: int, first: State) -> list[State]:
    """Choose the states that are laid out, beginning with a given one: all, if they are few.

    Else those in which nothing, everything, or one module alone is folded, or everything but one;
    as many as there is room for.
    """
    most = max(3, min(MOST_STATES, MOST_BOXES // max(boxes, 1)))
    children: dict[str | None, list[str]] = {}
    for module in found:
        children.setdefault(module.parent, []).append(module.id)
    every: list[State] = []
    for state in _all_states(None, children):
        every.append(state)
        if len(every) > most:
            break
    if len(every) <= most:
        return sorted(every, key=lambda state: (state != first, len(state), sorted(state)))
    tops = frozenset(children[None])
    parent = {module.id: module.parent for module in found}
    chosen: dict[State, None] = {first: None, frozenset(): None, tops: None}
    for module in found:
        around = [module.id]
        while (outer := parent[around[-1]]) is not None:
            around.append(outer)
        opened: set[str] = set(tops)
        for at in reversed(around):  # Open what is around it, and then itself.
            opened = (opened - {at}) | set(children.get(at, ()))
        chosen |= {frozenset([module.id]): None, frozenset(opened): None}
    return list(chosen)[:most]


def _all_states(
    module: str | None, children: Mapping[str | None, Sequence[str]]
) -> Iterator[State]:
    """Yield every way in which what is inside a module can be folded."""
    ways: list[State] = [frozenset()]
    for child in children.get(module, ()):
        inner: list[State] = [frozenset([child])]
        for state in _all_states(child, children):
            inner.append(state)
            if len(inner) > MOST_STATES:
                break
        ways = [way | state for way in ways[: MOST_STATES + 1] for state in inner]
    yield from ways


@dataclass(frozen=True)
class Layouts:
    """Lays out the states of one picture."""

    plan: Plan
    modules: Sequence[Module]  # What can be folded.
    # Width and height of the boxes and of the folded modules.
    sizes: Mapping[str, tuple[float, float]]
    rankdir: str  # The direction of the arrows.
    names: Mapping[str, str]  # What boxes and modules are called.

    def __call__(self, chosen: Sequence[State]) -> list[dict[str, Any]]:
        """Describe states: ``view``, ``at`` of every box, ``home``, ``edges`` and ``frames``.

        What a loop hands on is ``handed``.
        """
        homes = [
            {box: x.id for x in self.modules if x.id in folded for box in sorted(x.boxes)}
            for folded in chosen
        ]
        sources = [self._dot(*pair) for pair in zip(chosen, homes, strict=True)]
        drawn = render_all(sources, "svg")
        return [self._state(*each) for each in zip(chosen, homes, drawn, strict=True)]

    def _state(self, folded: State, home: Mapping[str, str], drawn: bytes) -> dict[str, Any]:
        root = parsed(drawn)
        described: dict[str, Any] = {
            "folded": sorted(folded), "view": _view(root), "home": home,
            "at": {}, "edges": [], "handed": [], "frames": {},
        }  # fmt: skip
        for group in root.iter("g"):
            name, kind = group.findtext("title") or "", group.get("class")
            if kind == "node":
                left, top, _, _ = extent(group)
                described["at"][name] = [left, top]
            elif kind == "edge":
                described["edges"].append(self._edge(group, name))
            elif kind == "edge handed":
                described["handed"].append(self._edge(group, name))
            elif kind == "cluster":
                left, top, right, bottom = extent(group)
                frame = [left, top, round(right - left, 2), round(bottom - top, 2)]
                described["frames"][name.removeprefix("cluster_")] = frame
        laid_out = {(start, end) for start, end, *_ in described["edges"]}
        taken: Counter[str] = Counter()
        for start, end in self._edges(home):
            if (start, end) not in laid_out:
                edge = self._mention(start, end, described["at"][end], taken[end])
                taken[end] += edge[-1][-1] + 4
                described["edges"].append(edge)
        return described

    def _edge(self, group: ET.Element, name: str) -> list[Any]:
        """Return start, end, line and head of an arrow, which may have been laid out backwards."""
        start, _, end = name.partition("->")
        path, head = group.find("path"), group.find("polygon")
        assert path is not None
        assert head is not None
        line = path.get("d", "")
        if end in self.leaves:
            start, end = end, start
            first, *others = reversed(re.findall(r"-?[\d.]+,-?[\d.]+", line))
            line = f"M{first}C{' '.join(others)}"
        return [start, end, line, head.get("points", "")]

    def _edges(self, home: Mapping[str, str]) -> dict[tuple[str, str], str]:
        """Return the arrows that are seen, each with where it starts when nothing is folded."""
        return {
            (home.get(a, a), home.get(b, b)): a
            for a, b in self.plan.edges() if home.get(a, a) != home.get(b, b)
        }  # fmt: skip

    def _mention(self, start: str, end: str, at: Sequence[float], taken: int) -> list[Any]:
        """Put the name of a value that very many use below a box, in place of an arrow from it.

        Like an arrow, with what is written, where, and how wide it is.
        """
        text = shortened(self.names[start], LONGEST_MENTION)
        width = round(width_of(text, SMALL)) + 10
        x, y = at[0] + 6 + taken, at[1] + self.sizes[end][1] + 4
        middle = x + width / 2
        head = f"{middle - 2.5:.1f},{y:.1f} {middle:.1f},{y - 4:.1f} {middle + 2.5:.1f},{y:.1f}"
        line = f"M{middle:.1f},{y + 8:.1f}L{middle:.1f},{y:.1f}"
        return [start, end, line, head, [text, x, y, width]]

    @cached_property
    def leaves(self) -> dict[str, Node]:
        """The boxes that are not computed."""
        return {x.id: x for x in self.plan.boxes if isinstance(x, Node) and not x.operands}

    def _dot(self, folded: State, home: Mapping[str, str]) -> str:
        """Write a state as DOT text: boxes of known sizes, in the frames of unfolded modules."""
        hidden = [module.boxes for module in self.modules if module.id in folded]
        shown = [x for x in self.modules if not any(x.boxes < boxes for boxes in hidden)]
        frames = {module.id: module for module in shown if module.id not in folded}
        frame_of: dict[str, str | None] = {module.id: module.parent for module in shown}
        frame_of |= {
            box.id: next((key for key in reversed(frames) if box.id in frames[key].boxes), None)
            for box in self.plan.boxes if box.id not in home
        }  # fmt: skip
        inside: dict[str | None, list[str]] = {}
        for key, frame in frame_of.items():
            inside.setdefault(frame, []).append(key)

        def lines(of: str | None) -> Iterator[str]:
            for key in inside.get(of, ()):
                if key not in frames:
                    width, height = (round(side / INCH, 4) for side in self.sizes[key])
                    yield f'"{key}" [width="{width}" height="{height}"]'
                    continue
                room = table(row(cell("", WIDTH=round(head_of(frames[key])), HEIGHT=HEAD)))
                yield f'subgraph "cluster_{key}" {{ label=<{room}> labeljust="l"'
                yield from lines(key)
                yield "}"

        head = [
            f'digraph {{ {GRAPH} rankdir="{self.rankdir}"',
            'node [shape="box" fixedsize="true" label=""] edge [arrowsize="0.8"]',
        ]
        return "\n".join([*head, *lines(None), *self._arrows(frames, frame_of, home), "}"])

    def _arrows(
        self,
        frames: Mapping[str, Module],
        frame_of: Mapping[str, str | None],
        home: Mapping[str, str],
    ) -> Iterator[str]:
        """Write the arrows: what is computed runs straight, and what is given stands beside it.

        A parameter has the rank of its only use, as has any leaf that joins something computed;
        other leaves have the one before. An arrow into a frame is longer where a leaf in the frame
        would otherwise stand beside the start of that.
        """
        leaves, edges = self.leaves, self._edges(home)
        uses = Counter(start for start, _ in edges)
        begun: Counter[str] = Counter()
        made = {end for start, end in edges if start not in leaves}
        beside = {
            a for a, b in edges
            if a in leaves and uses[a] == 1 and (leaves[a].kind == "parameter" or b in made)
        }  # fmt: skip
        fed = {
            b for a, b in edges
            if a in leaves and a not in beside and frame_of[a] == frame_of[b] is not None
        }  # fmt: skip
        most = MOST_ARROWS if len(edges) <= MANY else 1
        for (start, end), first in edges.items():
            begun[start] += 1
            if begun[start] > 1 and uses[start] > (most if start in leaves else MOST_ARROWS):
                continue  # So many would take very long, and end in a tangle.
            frame = frame_of[end]
            enters = end in fed and frame is not None and first not in frames[frame].boxes
            near = start in beside and frame_of[start] == frame
            if near and frame is None:  # Turned around, it hangs below, as in a frame.
                yield f'"{end}" -> "{start}" [dir="back" minlen="0"]'
            else:
                weight, length = 1 if start in leaves else STRAIGHT, 0 if near else 1 + enters
                yield f'"{start}" -> "{end}" [weight="{weight}" minlen="{length}"]'
        for start, end in self.plan.back():
            if start not in home and end not in home:
                yield f'"{start}" -> "{end}" [class="handed" constraint="false"]'


def _view(root: ET.Element) -> list[float]:
    """Return the part of the plane that a picture shows, in the coordinates of what is in it."""
    group = root.find("g")
    assert group is not None
    found = re.search(
        r"scale\(([\d.]+).*translate\(([-\d.]+)[ ,]([-\d.]+)", group.get("transform", "")
    )
    assert found is not None
    scale, dx, dy = map(float, found.groups())
    _, _, width, height = (float(x) for x in root.get("viewBox", "").split())
    return [-dx, -dy, round(width / scale, 2), round(height / scale, 2)]


def extent(group: ET.Element) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of what is drawn in a group."""
    drawn = [
        shape.get("points") or shape.get("d") or ""
        for shape in group.iter()
        if shape.tag in ("polygon", "polyline", "path")
    ]
    numbers = [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", " ".join(drawn))]
    across, down = numbers[::2], numbers[1::2]
    return min(across), min(down), max(across), max(down)


def size_of(module: Module) -> tuple[float, float]:
    """Return width and height of a folded module."""
    widest = max(width_of(module.folded_title, TEXT, bold=True), width_of(module.remark, SMALL))
    return round(widest + 46, 1), 46.0 if module.remark else 32.0


def head_of(module: Module) -> float:
    """Return the width of what is written on the frame of a module."""
    text = width_of(module.title, TITLE, bold=True) + width_of(module.remark, SMALL)
    return round(text + 36, 1)
