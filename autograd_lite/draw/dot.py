"""A computation as DOT text."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np

from autograd_lite.draw import cards, digits
from autograd_lite.draw.arrows import AT, Arrows
from autograd_lite.draw.blocks import SUBSTITUTED, WORD_JOINER, cell, gap, row, table, words
from autograd_lite.draw.clusters import Cluster, name_and_class
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import code, cut, printable
from autograd_lite.draw.rows import MARGIN, STRETCH, Rows, label_size
from autograd_lite.draw.scene import Options, Scene
from autograd_lite.draw.style import (
    FONT,
    FRAMED,
    LEGEND,
    LINE,
    LOOKS,
    PAPER,
    QUIET,
    RIM,
    SMALL,
    TEXT,
)
from autograd_lite.graph import Graph, Node

LONGEST_TOOLTIP, LONGEST_MENTION = 300, 32
ON_ARROWS = "on an arrow: what happens to the gradient g of the result on its way back"
FRAME = {
    "peripheries": "1",
    "margin": "12",
    "labelloc": "t",
    "labeljust": "l",
    "style": "rounded,filled",
    "color": RIM,
    "fillcolor": FRAMED,
    "class": "module",
}
MENTIONS = "small box: a value that is drawn in full elsewhere, mentioned where it is used"
SPARSE = "the values that a gradient is computed from stand in its formula, without arrows"
ON_MAPS = "map: orange above 0, blue below, as its scale says; bars: how many entries are how large"
ON_USES = "+ on an arrow: what this use adds to the gradient of a value that is used more than once"
GRAPH = {"bgcolor": PAPER, "fontname": FONT, "fontsize": str(TEXT), "pad": "0.1",
         "nodesep": "0.3", "ranksep": "0.4"}  # fmt: skip


def written(scene: Scene) -> tuple[str, ...]:
    """Write a computation as DOT text: a row, or several, which stand below each other."""
    return _Writer(scene).written()


class _Writer:
    """Writes one scene: its boxes, each with what is mentioned beside it, and its arrows."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.arrows = scene, Arrows(scene)
        self.boxes = {box.id: [(box.id, _box(scene, box))] for box in scene.plan.boxes}

    def written(self) -> tuple[str, ...]:
        """Return the rows."""
        options, arrows = self.scene.options, self.arrows
        rows, upright = self._rows()
        if upright == set(range(len(rows))):
            return written(replace(self.scene, options=replace(options, rankdir="TB")))
        for start, end in arrows.mentions:
            self.boxes[end].append((f"{start}{AT}{end}", _mention(self.scene, start)))
        below = _legend(self.scene, _remarks(self.scene, arrows)) if options.legend else {}
        if len(rows) == 1:
            if options.title and not below:
                below = {"label": ""}  # Or else the frame would have the title once more.
            return (self._row(options, rows[0], below),)
        texts = []
        untitled = replace(options, title=None)
        if options.title:
            texts.append(_alone(untitled, "title", f"<{cards.caption(printable(options.title))}>"))
        for i, keys in enumerate(rows):
            turned = replace(untitled, rankdir="TB") if i in upright else untitled
            texts.append(self._row(turned, keys, {}, f".{i}", {x for row in rows[:i] for x in row}))
        if below:
            texts.append(_alone(untitled, "legend", below["label"]))
        return tuple(texts)

    def _rows(self) -> tuple[list[list[str]], set[int]]:
        """Choose the boxes of each row; and the rows that run from top to bottom, to have room.

        If all do, what is drawn is not divided.
        """
        scene, arrows, boxes = self.scene, self.arrows, self.boxes
        if scene.options.width is None or not arrows.wide:
            return [list(boxes)], set()
        sizes = {key: label_size(drawn[0][1]["label"]) for key, drawn in boxes.items()}
        on_edges = {
            (start.partition(AT)[0], end): label_size(attributes["label"])[0]
            for start, end, attributes in arrows if "label" in attributes
        }  # fmt: skip
        many = set(arrows.mentions)
        edges = [edge for edge in arrows.edges if edge not in many]
        mentioned = {key: label_size(_mention(scene, key)["label"]) for key in boxes}
        found = Rows(
            sizes, mentioned, edges, many, scene.plan.clusters, on_edges, arrows.beside,
            arrows.levelled,
        )  # fmt: skip
        rows = found.chosen(scene.options.width)
        if len(rows) == 1:
            return rows, set()
        if scene.options.turns and found.reads_down(rows, scene.options.width):
            return rows, set(range(len(rows)))
        arrows.in_rows(rows)
        return rows, {i for i, row in enumerate(rows) if found.upright(row, scene.options.width)}

    def _row(
        self, options: Options, row: Sequence[str], below: Mapping[str, str], number: str = "",
        before: Collection[str] = (),
    ) -> str:  # fmt: skip
        """Write the boxes of a row, with their frames and arrows."""
        dot, here = _digraph(options), set(row)
        if self.arrows.straight:
            dot.graph_attr["splines"] = "line"
        parts = (_part(x, here, number, before) for x in self.scene.plan.clusters)
        clusters = [part for part in parts if part]
        framed = {key for cluster in clusters for key in cluster.members}
        attributes = {"peripheries": "0", "margin": "0", **below}
        with dot.subgraph(name=f"cluster_values{number}", graph_attr=attributes) as body:
            loose = [key for key in row if key not in framed]
            self._fill(body, loose, clusters, -1 if options.rankdir == "LR" else 1)
            for tail, head, attributes in self.arrows:
                if head in here and (tail in here or AT in tail):
                    body.edge(tail, head, **attributes)
        return str(dot.source)

    def _fill(self, body: Any, keys: Sequence[str], clusters: Sequence[Cluster], step: int) -> None:
        """Put boxes into a frame, and frames into it; with step -1 in reverse.

        From left to right, Graphviz puts what a frame lists first at the bottom.
        """
        beside, levelled = self.arrows.beside, self.arrows.levelled
        for key in keys[::step]:
            for identifier, attributes in self.boxes[key][::step]:
                body.node(identifier, **attributes)
        for key in keys:
            if beside.get(key) in keys:
                with body.subgraph(graph_attr={"rank": "same"}) as pair:
                    pair.edge(key, beside[key], style="dotted", arrowhead="none", weight="10")
            if levelled.get(key) in keys:
                with body.subgraph(graph_attr={"rank": "same"}) as pair:
                    pair.node(key)
                    pair.node(levelled[key])
        for cluster in clusters[::step]:
            name, *rest = cluster.title.split(" · ")
            rest = ["continued"] if cluster.continued else rest
            small = "".join(f" · {part}" for part in rest)
            heading = words(name, QUIET, bold=True) + words(small, QUIET, SMALL)
            label = table(row(cell(heading, ALIGN="LEFT")), gap(12))  # An arrow may pass below it.
            frame = FRAME | {"label": f"<{label}>", "tooltip": _plain(cluster.title)}
            with body.subgraph(name=f"cluster_{cluster.id}", graph_attr=frame) as inside:
                self._fill(inside, cluster.boxes, cluster.inner, step)


def _part(
    cluster: Cluster, here: Collection[str], number: str, before: Collection[str]
) -> Cluster | None:
    """Return what of a frame is in a row, given the boxes of the rows before it."""
    parts = (_part(x, here, number, before) for x in cluster.inner)
    inner = [part for part in parts if part]
    boxes = tuple(key for key in cluster.boxes if key in here)
    if not boxes and not inner:
        return None
    continued = any(key in before for key in cluster.members)
    return replace(
        cluster, id=f"{cluster.id}{number}", boxes=boxes, inner=tuple(inner), continued=continued
    )


def _alone(options: Options, name: str, label: str) -> str:
    """Write a label as a row of its own."""
    dot = _digraph(options)
    dot.node(name, label=label)
    return str(dot.source)


def loose(scene: Scene) -> str:
    """Write the boxes of a computation as DOT text, without arrows and frames."""
    dot = _digraph(scene.options)
    for box in scene.plan.boxes:
        dot.node(box.id, **_box(scene, box))
    return str(dot.source)


def _box(scene: Scene, box: Box) -> dict[str, Any]:
    """Return what makes a node of a box."""
    role, name, formula = scene.heading(box)
    if isinstance(box, Fold):
        label, hint = cards.fold_card(box, scene.options.show), _fold_tooltip(box)
    else:
        parts = list(scene.parts.get(box.id, {}).values())
        label = cards.card(box, role, name, formula, scene.options.show, parts)
        hint = _tooltip(scene.graph, box, scene.names)
    return {"label": f"<{label}>", "tooltip": _plain(hint), "_attributes": {"class": role}}


def _mention(scene: Scene, key: str) -> dict[str, Any]:
    """Return what makes a node of the mention of a box, which is drawn in full elsewhere."""
    box = next(box for box in scene.plan.boxes if box.id == key)
    look, title = LOOKS[scene.roles[key]], scene.title(box)
    name = words(cut(title, LONGEST_MENTION), look.ink, SMALL)
    label = cards.framed(look, row(cell(name, CELLPADDING=4)))
    hint = _plain(printable(title))
    return {"label": f"<{label}>", "tooltip": hint, "_attributes": {"class": "mention"}}


def _digraph(options: Options) -> Any:
    """Return an empty picture."""
    try:
        import graphviz
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "draw needs the Python package graphviz, which writes DOT. Install it with:\n"
            "    python -m pip install graphviz",
            name="graphviz",
        ) from None
    titled = {}
    if options.title:
        titled = {"label": f"<{cards.caption(printable(options.title))}>", "labelloc": "t"}
    # What runs down for want of room stands closer together.
    narrow = {"nodesep": "0.2"} if options.turns and options.rankdir == "TB" else {}
    return graphviz.Digraph(
        "computation",
        graph_attr={**GRAPH, **narrow, "rankdir": options.rankdir, **titled},
        node_attr={"shape": "plain", "fontname": FONT, "fontsize": str(TEXT)},
        edge_attr={"color": LINE, "penwidth": "1.2", "arrowsize": "0.8"},
    )


def _legend(scene: Scene, remarks: Sequence[str]) -> dict[str, str]:
    """Return the attributes that put a legend below."""
    roles = set(scene.roles.values())
    entries = [(role, label) for role, label in LEGEND.items() if role in roles]
    room = STRETCH * (scene.options.width or math.inf) - 2 * MARGIN
    return {"label": f"<{cards.legend(entries, remarks, room)}>", "labelloc": "b"}


def _remarks(scene: Scene, arrows: Arrows) -> list[str]:
    """Say what the boxes leave open."""
    planned, options = scene.plan, scene.options
    remarks = []
    if "grad" in options.show:
        visible = [box for box in planned.boxes if isinstance(box, Node)]
        done = any(node.grad is not None for node in visible)
        inner = any(node.kind == "operation" and node.grad is None for node in visible)
        if done and inner:
            remarks.append("grad of a result: kept if retain_grad() was called before backward()")
    if "local" in options.show:
        remarks.append(ON_ARROWS)
    if arrows.adding:
        remarks.append(ON_USES)
    if arrows.sparse:
        remarks.append(SPARSE)
    if arrows.mentions:
        remarks.append(MENTIONS)
    if "map" in options.show and any(_has_miniature(box) for box in planned.boxes):
        remarks.append(ON_MAPS)
    return [*remarks, *planned.remarks]


def _has_miniature(box: Box) -> bool:
    """Return whether an array in a box is drawn small."""
    node = box if isinstance(box, Node) else box.result
    drawn = isinstance(box, Node) or box.has_output
    return drawn and np.size(node.value) > 0 and not digits.is_small(np.asarray(node.value))


def _tooltip(graph: Graph, node: Node, names: Mapping[str, str]) -> str:
    """Say in full what a box may have had to shorten."""
    value = np.asarray(node.value)
    lines = [
        cut(code(graph, node, names), LONGEST_TOOLTIP),
        f"{node.kind} {value.shape} {value.dtype}",
    ]
    if node.calls:
        lines.append("in " + " › ".join(" ".join(name_and_class(x)[:2]) for x in node.calls))
    if node.source is not None:
        lines.append(f"{node.source}: {cut(node.source.text, LONGEST_TOOLTIP)}")
    return "\n".join(map(printable, lines))


def _plain(text: str) -> str:
    """Escape a tooltip, in which Graphviz reads entities, and backslashes before letters."""
    apart = SUBSTITUTED.sub(WORD_JOINER, text)
    return escape(apart).replace("\\", "&#92;&#92;")


def _fold_tooltip(fold: Fold) -> str:
    """Say which operations a fold stands for, the most frequent first."""
    counts = Counter(node.primitive.name for node in fold.nodes if node.primitive is not None)
    found = ", ".join(f"{count:,} {name}" for name, count in counts.most_common(8))
    return f"{len(fold.nodes):,} values: {found}" if found else f"{len(fold.nodes):,} values"
