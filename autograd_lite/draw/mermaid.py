"""A computation as a Mermaid flowchart, which GitHub, GitLab and many editors draw in Markdown."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite.draw import digits
from autograd_lite.draw.cards import described, equation, figures
from autograd_lite.draw.clusters import Cluster
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import printable
from autograd_lite.draw.scene import Scene
from autograd_lite.draw.scene import scene as make_scene
from autograd_lite.draw.style import FRAMED, LOOKS, QUIET, RIM, Role
from autograd_lite.draw.theme import DARK
from autograd_lite.graph import Node

MOST_TEXT, MOST_ARROWS, FEWEST = 49_000, 490, 5
"""Mermaid's ``maxTextSize`` and ``maxEdges`` are 50,000 and 500, unless a page sets others."""

# ``1. x`` would be a list in Markdown.
_SPECIAL = re.compile(r"[^\w .,=+()×·\u0100-\U0010ffff]|_|\.(?= )")

# In a label, a number sign is written as an entity.
_COLOUR = re.compile("|".join(DARK))

OPEN: dict[Role, tuple[str, str]] = {
    "input": ("[", "]"),
    "parameter": ("[[", "]]"),
    "constant": ("[", "]"),
    "result": ("(", ")"),
    "output": ("([", "])"),
    "gradient": ("(", ")"),
    "fold": ("(", ")"),
}
"""The brackets that give a box its outline: every role has its own, beside its colour."""


def flowchart(scene: Scene, *, dark: bool = False) -> str:
    """Write a scene as a flowchart that Mermaid's default limits let pass.

    What is too long for them has no numbers, and if that is not enough, is folded: the last line
    says so.
    """
    text = _flowchart(scene, dark=dark)
    if _fits(text):
        return text
    plain = replace(scene, options=replace(scene.options, show=("shape",)))
    left_out = "%% numbers are left out: Mermaid draws up to 50,000 characters and 500 arrows"
    most = len(scene.plan.boxes)
    while not _fits(text := f"{_flowchart(plain, dark=dark)}{left_out}\n") and most > FEWEST:
        most //= 2
        folding = replace(plain.options.folding, max_nodes=max(FEWEST, most))
        plain = make_scene(scene.graph, scene.names, replace(plain.options, folding=folding))
        left_out = f"%% folded to about {most} boxes, for Mermaid's limits"
    return text


def _fits(text: str) -> bool:
    return len(text) < MOST_TEXT and text.count("->") < MOST_ARROWS


def _flowchart(scene: Scene, *, dark: bool) -> str:
    """Write a scene as a flowchart, however long."""
    lines = []
    if scene.options.title:
        # The title is YAML, which reads JSON, and not HTML.
        lines += ["---", f"title: {json.dumps(printable(scene.options.title))}", "---"]
    lines.append(f"flowchart {scene.options.rankdir}")
    framed = {key for cluster in scene.plan.clusters for key in cluster.members}
    boxes = {box.id: _box(scene, box) for box in scene.plan.boxes}
    lines += [f"    {text}" for key, text in boxes.items() if key not in framed]
    for cluster in scene.plan.clusters:
        lines += [f"    {line}" for line in _frame(cluster, boxes)]
    lines += [f"    {start} --> {end}" for start, end in scene.plan.edges()]
    lines += [f"    {start} -.-> {end}" for start, end in scene.plan.back()]
    for role in dict.fromkeys(scene.roles[box.id] for box in scene.plan.boxes):
        look = LOOKS[role]
        dashed = ",stroke-dasharray:4 3" if look.style.endswith(("DASHED", "DOTTED")) else ""
        width = 3 if look.double else look.border
        colours = f"fill:{look.fill},stroke:{look.ink},color:{look.ink}"
        lines.append(f"    classDef {role} {colours},stroke-width:{width}px{dashed}")
    if framed:
        lines.append(f"    classDef module fill:{FRAMED},stroke:{RIM},color:{QUIET}")
    text = "\n".join(lines) + "\n"
    return _COLOUR.sub(lambda found: DARK[found[0]], text) if dark else text


def _box(scene: Scene, box: Box) -> str:
    """Write a box."""
    role = scene.roles[box.id]
    left, right = OPEN[role]
    label = "<br/>".join(map(escaped, _texts(scene, box)))
    return f'{box.id}{left}"{label}"{right}:::{role}'


def _frame(cluster: Cluster, boxes: Mapping[str, str]) -> list[str]:
    """Write a module, and all in it."""
    lines = [boxes[key] for key in cluster.boxes]
    for inner in cluster.inner:
        lines += _frame(inner, boxes)
    head = f'subgraph {cluster.id}["{escaped(cluster.title)}"]'
    return [head, *(f"    {line}" for line in lines), "end", f"class {cluster.id} module"]


def escaped(text: str) -> str:
    """Write text so that Mermaid, and the HTML it makes, take no character for their own."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text)


def _texts(scene: Scene, box: Box) -> list[str]:
    """Return the lines of a box."""
    role, name, formula = scene.heading(box)
    if isinstance(box, Fold):
        return [box.title, *(["output", *_below(scene, box.result)] if box.has_output else [])]
    return [equation(name, formula) or role, *_below(scene, box)]


def _below(scene: Scene, box: Node) -> list[str]:
    """Return the lines below a heading."""
    texts = list(filter(None, [described(box, scene.options.show)]))
    for what, array in figures(box, scene.options.show):
        label = "grad " if what == "grad" else ""
        texts += ["grad none yet"] if array is None else _numbers(label, array)
    return texts


def _numbers(label: str, value: Any) -> list[str]:
    """Write an array: a line for each row, or one that sums it up."""
    array = np.asarray(value)
    if not array.ndim:
        return [label + digits.number(array)]
    if not digits.is_small(array):
        found = digits.summary(array)
        return [label + ", ".join(f"{what} {text}".rstrip() for what, text in found)]
    rows, factor = digits.written(array)
    texts = [f"[{', '.join(row)}]" for row in rows]
    return [label + texts[0], *texts[1:-1], *[texts[-1] + factor] * (len(texts) > 1)]
