"""The arrows of a picture: where they run, what stands on them, and which of them set places."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from autograd_lite.draw import digits
from autograd_lite.draw.blocks import cell, gap, numbers, row, spacer, table, words
from autograd_lite.draw.clusters import way_there
from autograd_lite.draw.fold import Box, Fold, members
from autograd_lite.draw.formulas import cut
from autograd_lite.draw.local_derivatives import local
from autograd_lite.draw.scene import DETAILED, Scene
from autograd_lite.draw.style import GRADIENT, LOOPED, QUIET, RIM, SMALL
from autograd_lite.draw.text_width import width_of
from autograd_lite.graph import Node
from autograd_lite.graph.walk import sends

AT = "@"
"""Stands between the value that is mentioned and the box beside which it is."""
LONGEST_LOCAL = 32
MOST_ARROWS = 8  # Of a value with more, every use gets a mention of its own: no tangle.
MOST_CURVED = 200  # Boxes up to which the arrows are curves, where they run both ways.
MOST_LOCAL = 16  # Entries of a local derivative that stand on an arrow.


class Arrows:
    """All arrows of a scene.

    - `mentions`: boxes that are mentioned beside others, because very many use them, or in another
      row.
    - `tails`: where arrows start that start at a mention.
    - `handed_on`: the arrows from the end of a loop to its start.
    - `adding`: what uses add to gradients, where it stands on an arrow.
    - `beside`: what belongs to the way back, beside the forward box to which it belongs.
    - `sparse`, `straight`: whether arrows from values to gradients are left out, and arrows are
      straight lines: with so many arrows against the current, curves take a minute, and nobody
      follows them.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.edges = scene.plan.edges()
        self.handed_on = scene.plan.back()
        looped = {x.id for nodes in scene.plan.steps.values() for x in nodes}
        looped.update(scene.plan.steps)
        self.boxes = {box.id: box for box in scene.plan.boxes}
        self.back = {key for key, box in self.boxes.items() if members(box)[-1].backward}
        self.beside = dict(self._pairs())
        self.sparse = bool(self.beside) and len(self.boxes) > DETAILED
        self.straight = bool(self.beside) and len(self.boxes) > MOST_CURVED
        if self.sparse:
            self.edges = [(a, b) for a, b in self.edges if b not in self.back or a in self.back]
        uses = Counter(start for start, _ in self.edges)
        self.mentions = [(a, b) for a, b in self.edges if uses[a] > MOST_ARROWS]
        self.tails = {(a, b): f"{a}{AT}{b}" for a, b in self.mentions}
        self.adding = {
            use: part
            for key, parts in scene.parts.items()
            if len(self.boxes) <= DETAILED and uses[key] <= MOST_ARROWS
            for use, part in parts.items()
            if use[0] not in looped
        }

    def in_rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Put boxes into rows: where a row uses a value of another one, it is mentioned."""
        row_of = {key: i for i, row in enumerate(rows) for key in row}
        self.beside = {a: b for a, b in self.beside.items() if row_of[a] == row_of[b]}
        at: dict[tuple[str, int], str] = {}
        for start, end in (*self.edges, *self.handed_on):
            if row_of[start] != row_of[end] and (start, end) not in self.tails:
                if (start, row_of[end]) not in at:
                    at[start, row_of[end]] = f"{start}{AT}{end}"
                    self.mentions.append((start, end))
                self.tails[start, end] = at[start, row_of[end]]

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Yield forward boxes with the way back through them."""
        modules = {
            way_there(box.calls[0]): box.id
            for box in self.boxes.values()
            if isinstance(box, Fold) and box.calls and box.id not in self.back
        }
        for key, box in self.boxes.items():
            if key not in self.back:
                continue
            if isinstance(box, Fold):
                owner = modules.get(way_there(box.calls[0])) if box.calls else None
                yield from [(owner, key)] if owner else []
            else:
                made = [x for x in box.gradient_of if self.scene.roles.get(x) != "constant"]
                yield from ((x, key) for x in made if x in self.boxes)

    @property
    def wide(self) -> bool:
        """Whether levels follow each other from left to right."""
        return self.scene.options.rankdir == "LR"

    @cached_property
    def levelled(self) -> dict[str, str]:
        """Parameters that stand at the level of their only use, by which box that is.

        One level before it they would stand beside what enters their frame, which would have to be
        above or below the frame then: a wide picture became a staircase. Labels on arrows, and
        pairs of values and gradients, need the level.
        """
        if self.beside or "local" in self.scene.options.show or not self.wide:
            return {}
        uses = Counter(start for start, _ in self.edges)
        return {
            start: end
            for start, end in self.edges
            if uses[start] == 1 and self.scene.roles[start] == "parameter"
            and self.frame_of.get(start, "") == self.frame_of.get(end)
        }  # fmt: skip

    @cached_property
    def frame_of(self) -> dict[str, str]:
        """The innermost frames of boxes."""
        frames = [x for outer in self.scene.plan.clusters for x in outer.walk()]
        return {key: frame.id for frame in frames for key in frame.boxes}

    def __iter__(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Yield every arrow: from, to, and its attributes."""
        # Beside a forward pass, it is that which sets the places.
        free = {"constraint": "false"} if self.beside else {}
        for start, end in self.edges:
            tail = self.tails.get((start, end), start)
            if end in self.back:
                color = GRADIENT if start in self.back else RIM
                yield tail, end, {"color": color, **({} if tail != start else free)}
            else:
                yield tail, end, self._label(start, self.boxes[end])
        for start, end in self.handed_on:
            tail = self.tails.get((start, end), start)
            free = {"constraint": "false"} if tail == start else {}
            yield tail, end, {"style": "dashed", "color": LOOPED, **free}
        for start, end in self._before_frames():
            yield start, end, {"style": "invis"}

    def _before_frames(self) -> Iterator[tuple[str, str]]:
        """Yield arrows, not to be seen, that put what enters a frame before what stands in it."""
        made = {end for _, end in self.edges}
        outermost = {key: x.id for x in self.scene.plan.clusters for key in x.members}
        hidden = {start for start, _ in self.tails}
        used: dict[str, list[str]] = {}
        for start, end in self.edges:
            used.setdefault(end, []).append(start)
        for start, end in self.edges:
            at = self.frame_of if start in made else outermost
            if start in hidden or end in self.back or at.get(end) in (None, at.get(start)):
                continue
            if (self.levelled or not self.wide) if start in made else start in outermost:
                continue
            for other in used[end]:
                if other not in made and at.get(other) == at[end]:
                    yield start, other

    def _label(self, start: str, node: Box) -> dict[str, str]:
        """Return the attributes that put on an arrow what the gradient does there.

        That is the local derivative, if it is asked for, and at the uses of a shared value what
        each adds to its gradient.
        """
        scene = self.scene
        if not isinstance(node, Node) or node.primitive is None:
            return {}
        rows: list[str] = []
        for i, operand in enumerate(scene.graph.operands(node)):
            if operand.id != start or not sends(node, i, operand):
                continue
            if "local" in scene.options.show:
                rows += _derivative(scene, node, i)
            part = self.adding.get((node.id, i))
            if part is not None and part.size <= MOST_LOCAL and digits.is_small(part):
                minus = not part.ndim and part < 0
                block = numbers(-part if minus else part, GRADIENT)
                sign = words("−" if minus else "+", GRADIENT, SMALL)
                added = table(row(cell(sign), spacer(3), cell(block.html)))
                rows += [row(cell(added)), gap(4)]
        return {"label": f"<{table(*rows, CELLPADDING=2)}>"} if rows else {}


def _derivative(scene: Scene, node: Node, i: int) -> list[str]:
    """Write the derivative of a node by one of its operands."""
    rows: list[str] = []
    rule = local(scene.graph, node, i, np.ones_like(np.asarray(node.value)))
    text, value = cut(rule.text(scene.called), LONGEST_LOCAL), rule.value
    if text:
        rows.append(row(cell(words(text, GRADIENT, SMALL))))
    if value is None or rule.factor.is_number:
        return rows
    if digits.is_small(value) and value.size <= MOST_LOCAL:
        block = numbers(value, QUIET).within(width_of(text, SMALL))
        rows += [row(cell(block.html)), gap(4)]
    return rows
