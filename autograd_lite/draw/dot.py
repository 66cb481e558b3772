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
    cell,
    gap,
    numbers,
    row,
    table,
    words,
)
from autograd_lite.draw.clusters import Cluster
from autograd_lite.draw.drawing import Drawing
from autograd_lite.draw.fold import Box, Fold, Plan
from autograd_lite.draw.formulas import cut, is_inline, printable
from autograd_lite.draw.local import local
from autograd_lite.draw.metrics import width_of
from autograd_lite.draw.scene import Options, Scene
from autograd_lite.draw.style import (
    FONT,
    FRAMED,
    GRADIENT,
    LEGEND,
    LINE,
    PAPER,
    QUIET,
    RIM,
    SMALL,
    TEXT,
    Role,
)
from autograd_lite.draw.sweep import sends
from autograd_lite.graph import Graph, Node, write

LONGEST_TOOLTIP, LONGEST_LOCAL = 300, 32
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
GRAPH = {"bgcolor": PAPER, "fontname": FONT, "pad": "0.1", "nodesep": "0.3", "ranksep": "0.4"}


def picture(scene: Scene) -> Drawing:
    """Write a computation as DOT text."""
    options = scene.options
    dot = _digraph(options)
    below = {"peripheries": "0", "margin": "0"}
    if options.legend:
        below |= _legend(set(scene.roles.values()), _remarks(scene.plan, options))
    boxes = {box.id: _box(scene, box) for box in scene.plan.boxes}
    framed = {key for cluster in scene.plan.clusters for key in cluster.members}
    with dot.subgraph(name="cluster_values", graph_attr=below) as body:
        _fill(body, [key for key in boxes if key not in framed], scene.plan.clusters, boxes)
        for start, end in scene.plan.edges():
            body.edge(start, end, **_local(scene, start, end))
    listing = (cards.summary(box, *scene.heading(box)[1:]) for box in scene.plan.boxes)
    return Drawing(dot.source, scene.subject, tuple(listing), scene)


def _box(scene: Scene, box: Box) -> dict[str, Any]:
    """Return what makes a node of a box."""
    role, name, formula = scene.heading(box)
    if isinstance(box, Fold):
        label, hint = cards.fold_card(box, scene.options.show), _fold_tooltip(box)
    else:
        label = cards.card(box, role, name, formula, scene.options.show)
        hint = _tooltip(scene.graph, box, scene.names)
    return {"label": f"<{label}>", "tooltip": _plain(hint), "_attributes": {"class": role}}


def _fill(
    body: Any, keys: Sequence[str], clusters: Sequence[Cluster], boxes: Mapping[str, dict[str, Any]]
) -> None:
    """Put boxes into a frame, and frames into it."""
    for key in keys:
        body.node(key, **boxes[key])
    for cluster in clusters:
        name, *rest = cluster.title.split(" · ")
        label = words(name, QUIET, bold=True) + words(
            "".join(f" · {x}" for x in rest), QUIET, SMALL
        )
        attributes = FRAME | {"label": f"<{label}>", "tooltip": _plain(cluster.title)}
        with body.subgraph(name=f"cluster_{cluster.id}", graph_attr=attributes) as inside:
            _fill(inside, cluster.boxes, cluster.inner, boxes)


def _local(scene: Scene, start: str, end: str) -> dict[str, str]:
    """Return the attributes that put the local derivatives on an arrow, if they are asked for."""
    node = next((box for box in scene.plan.boxes if box.id == end), None)
    if "local" not in scene.options.show or not isinstance(node, Node) or node.primitive is None:
        return {}
    rows: list[str] = []
    for i, operand in enumerate(scene.graph.operands(node)):
        if operand.id != start or not sends(node, i, operand):
            continue
        rule = local(scene.graph, node, i, np.ones_like(np.asarray(node.value)))
        text, value = cut(rule.text(scene.called), LONGEST_LOCAL), rule.value
        if text:
            rows.append(row(cell(words(text, GRADIENT, SMALL))))
        if value is None or rule.factor.is_number:
            continue
        if digits.is_small(value) and value.size <= MOST_LOCAL:
            block = numbers(value, QUIET).within(width_of(text, SMALL))
            rows += [row(cell(block.html)), gap(4)]
    return {"label": f"<{table(*rows, CELLPADDING=2)}>"} if rows else {}


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


def _remarks(planned: Plan, options: Options) -> list[str]:
    """Say what the boxes leave open."""
    remarks = []
    if "grad" in options.show:
        visible = [box for box in planned.boxes if isinstance(box, Node)]
        done = any(node.grad is not None for node in visible)
        inner = any(node.kind == "operation" and node.grad is None for node in visible)
        if done and inner:
            remarks.append("grad of a result: kept if retain_grad() was called before backward()")
    if "local" in options.show:
        remarks.append(ON_ARROWS)
    return [*remarks, *planned.remarks]


def _tooltip(graph: Graph, node: Node, names: Mapping[str, str]) -> str:
    """Say in full what a box may have had to shorten."""
    name = printable(names.get(node.id, node.id))
    line = name
    if node.primitive is not None:
        operands = [_operand(graph[x], names) for x in node.operands]
        line = f"{name} = {printable(write(node, operands))}"
    value = np.asarray(node.value)
    return f"{cut(line, LONGEST_TOOLTIP)}\n{node.kind} {value.shape} {value.dtype}"


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
