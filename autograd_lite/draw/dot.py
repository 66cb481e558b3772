"""A computation as DOT text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from autograd_lite.draw import cards, digits
from autograd_lite.draw.blocks import (
    SUBSTITUTED,
    WORD_JOINER,
    Block,
    cell,
    gap,
    line,
    numbers,
    row,
    spacer,
    table,
    words,
)
from autograd_lite.draw.clusters import Cluster, name_and_class
from autograd_lite.draw.drawing import Drawing
from autograd_lite.draw.fold import Box, Fold, Plan
from autograd_lite.draw.formulas import cut, is_inline, printable
from autograd_lite.draw.local import local
from autograd_lite.draw.metrics import width_of
from autograd_lite.draw.scene import DETAILED, Options, Scene
from autograd_lite.draw.style import (
    FONT,
    FRAMED,
    GRADIENT,
    LEGEND,
    LINE,
    LOOKS,
    PAPER,
    QUIET,
    RIM,
    SMALL,
    TEXT,
    Role,
)
from autograd_lite.draw.sweep import Use, sends
from autograd_lite.graph import Graph, Node, write

LONGEST_TOOLTIP, LONGEST_LOCAL = 300, 32
MOST_ARROWS = 8  # Of a value with more, every use gets a mention of its own: no tangle.
MOST_LOCAL = 16  # Entries of a local derivative that stand on an arrow.
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
MENTIONS = "small box: a mention of a value with many uses, which is drawn in full elsewhere"
ON_MAPS = "miniature: orange above 0, blue below; as bars, from the least to the largest entry"
ON_USES = "+ on an arrow: what this use adds to the gradient of a value that is used more than once"
GRAPH = {"bgcolor": PAPER, "fontname": FONT, "pad": "0.1", "nodesep": "0.3", "ranksep": "0.4"}


def picture(scene: Scene) -> Drawing:
    """Write a computation as DOT text."""
    options = scene.options
    dot = _digraph(options)
    uses = Counter(start for start, _ in scene.plan.edges())
    wide = {start for start, count in uses.items() if count > MOST_ARROWS}
    by_id = {box.id: box for box in scene.plan.boxes}
    boxes = {key: [(key, _box(scene, box))] for key, box in by_id.items()}
    arrows = scene.plan.edges()
    adding = {
        use: part
        for key, parts in scene.parts.items()
        if len(boxes) <= DETAILED and key not in wide
        for use, part in parts.items()
    }
    for start, end in arrows:
        if start in wide:
            boxes[end].append((f"{start}@{end}", _chip(scene, by_id[start])))
    framed = {key for cluster in scene.plan.clusters for key in cluster.members}
    below = {"peripheries": "0", "margin": "0"}
    if options.legend:
        remarks = _remarks(scene, mentions=bool(wide), sums=bool(adding))
        below |= _legend(set(scene.roles.values()), remarks)
    with dot.subgraph(name="cluster_values", graph_attr=below) as body:
        _fill(body, [key for key in boxes if key not in framed], scene.plan.clusters, boxes)
        for start, end in arrows:
            tail = f"{start}@{end}" if start in wide else start
            body.edge(tail, end, **_on_arrow(scene, start, by_id[end], adding))
        for start, end in _before_frames(scene.plan):
            if start not in wide:
                body.edge(start, end, style="invis")
    listing = (cards.summary(box, *scene.heading(box)[1:]) for box in scene.plan.boxes)
    return Drawing(dot.source, scene.subject, tuple(listing), scene)


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


def _chip(scene: Scene, box: Box) -> dict[str, Any]:
    """Return what makes a node of a mention of a box, which is drawn in full elsewhere."""
    look, title = LOOKS[scene.roles[box.id]], scene.title(box)
    name = words(cut(title, LONGEST_LOCAL), look.ink, SMALL)
    label = cards.framed(look, row(cell(name, CELLPADDING=4)))
    hint = _plain(printable(title))
    return {"label": f"<{label}>", "tooltip": hint, "_attributes": {"class": "mention"}}


def _before_frames(planned: Plan) -> list[tuple[str, str]]:
    """Return arrows, not to be seen, that put what enters a frame before what stands in it."""
    edges = planned.edges()
    made = {end for _, end in edges}
    frame_of = {key: frame.id for frame in planned.clusters for key in frame.members}
    used: dict[str, list[str]] = {}
    for start, end in edges:
        used.setdefault(end, []).append(start)
    return [
        (start, other)
        for start, end in edges
        if start not in made and end in frame_of and start not in frame_of
        for other in used[end]
        if other not in made and frame_of.get(other) == frame_of[end]
    ]


def _fill(
    body: Any,
    keys: Sequence[str],
    clusters: Sequence[Cluster],
    boxes: Mapping[str, Sequence[tuple[str, dict[str, Any]]]],
) -> None:
    """Put boxes into a frame, and frames into it."""
    for key in keys:
        for identifier, attributes in boxes[key]:
            body.node(identifier, **attributes)
    for cluster in clusters:
        name, *rest = cluster.title.split(" · ")
        label = words(name, QUIET, bold=True) + words(
            "".join(f" · {x}" for x in rest), QUIET, SMALL
        )
        frame = FRAME | {"label": f"<{label}>", "tooltip": _plain(cluster.title)}
        with body.subgraph(name=f"cluster_{cluster.id}", graph_attr=frame) as inside:
            _fill(inside, cluster.boxes, cluster.inner, boxes)


def _on_arrow(scene: Scene, start: str, node: Box, adding: Mapping[Use, Any]) -> dict[str, str]:
    """Return the attributes that put on an arrow what the gradient does there.

    That is the local derivative, if it is asked for, and at the uses of a shared value what each
    adds to its gradient.
    """
    if not isinstance(node, Node) or node.primitive is None:
        return {}
    rows: list[str] = []
    for i, operand in enumerate(scene.graph.operands(node)):
        if operand.id != start or not sends(node, i, operand):
            continue
        if "local" in scene.options.show:
            rows += _derivative(scene, node, i)
        part = adding.get((node.id, i))
        if part is not None and part.size <= MOST_LOCAL and digits.is_small(part):
            plus = line("+", GRADIENT, SMALL)
            block = Block(
                table(row(cell(plus.html), spacer(3), cell(numbers(part, GRADIENT).html))), 0
            )
            rows += [row(cell(block.html)), gap(4)]
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
    return graphviz.Digraph(
        "computation",
        graph_attr={**GRAPH, "rankdir": options.rankdir, **_caption(options.title)},
        node_attr={"shape": "plain", "fontname": FONT, "fontsize": str(TEXT)},
        edge_attr={"color": LINE, "penwidth": "1.2", "arrowsize": "0.8"},
    )


def _caption(title: str | None) -> dict[str, str]:
    """Return the attributes that put a title above."""
    if not title:
        return {}
    return {"label": f"<{cards.caption(printable(title))}>", "labelloc": "t"}


def _legend(roles: Collection[Role], remarks: Sequence[str]) -> dict[str, str]:
    """Return the attributes that put a legend below."""
    entries = [(role, label) for role, label in LEGEND.items() if role in roles]
    return {"label": f"<{cards.legend(entries, remarks)}>", "labelloc": "b"}


def _remarks(scene: Scene, *, mentions: bool, sums: bool) -> list[str]:
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
    if sums:
        remarks.append(ON_USES)
    if mentions:
        remarks.append(MENTIONS)
    if "map" in options.show and any(_has_miniature(box) for box in planned.boxes):
        remarks.append(ON_MAPS)
    return [*remarks, *planned.remarks]


def _has_miniature(box: Box) -> bool:
    """Say whether an array in a box is drawn small."""
    node = box if isinstance(box, Node) else box.result
    drawn = isinstance(box, Node) or bool(box.calls)
    return drawn and np.size(node.value) > 0 and not digits.is_small(np.asarray(node.value))


def _tooltip(graph: Graph, node: Node, names: Mapping[str, str]) -> str:
    """Say in full what a box may have had to shorten."""
    name = printable(names.get(node.id, node.id))
    line = name
    if node.primitive is not None:
        operands = [_operand(graph[x], names) for x in node.operands]
        line = f"{name} = {printable(write(node, operands))}"
    value = np.asarray(node.value)
    lines = [cut(line, LONGEST_TOOLTIP), f"{node.kind} {value.shape} {value.dtype}"]
    if node.calls:
        lines.append("in " + " › ".join(" ".join(name_and_class(x)[:2]) for x in node.calls))
    if node.source is not None:
        lines.append(f"{node.source}: {cut(node.source.text, LONGEST_TOOLTIP)}")
    return "\n".join(map(printable, lines))


def _operand(node: Node, names: Mapping[str, str]) -> str:
    """Return what an operand is called in NumPy code."""
    if is_inline(node):
        return f"{node.value}"
    return printable(names.get(node.id, node.id))


def _plain(text: str) -> str:
    """Escape a tooltip, in which Graphviz reads entities, and backslashes before letters."""
    apart = SUBSTITUTED.sub(WORD_JOINER, text)
    return escape(apart).replace("\\", "&#92;&#92;")


def _fold_tooltip(fold: Fold) -> str:
    """Say which operations a fold stands for, the most frequent first."""
    counts = Counter(node.primitive.name for node in fold.nodes if node.primitive is not None)
    found = ", ".join(f"{count:,} {name}" for name, count in counts.most_common(8))
    return f"{len(fold.nodes):,} values: {found}" if found else f"{len(fold.nodes):,} values"
