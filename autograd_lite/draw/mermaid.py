"""A computation as a Mermaid flowchart, which GitHub, GitLab and many editors draw in Markdown."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from autograd_lite.draw import digits
from autograd_lite.draw.cards import described
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import printable
from autograd_lite.draw.scene import Scene
from autograd_lite.draw.style import LOOKS, Role

# ``1. x`` would be a list in Markdown.
_SPECIAL = re.compile(r"[^\w .,=+()×·\u0100-\U0010ffff]|_|\.(?= )")

OPEN: dict[Role, tuple[str, str]] = {
    "input": ("[", "]"),
    "parameter": ("[[", "]]"),
    "constant": ("[", "]"),
    "result": ("(", ")"),
    "output": ("([", "])"),
    "fold": ("(", ")"),
}
"""The brackets that give a box its outline: every role has its own, beside its colour."""


def flowchart(scene: Scene) -> str:
    """Write a scene as a flowchart."""
    lines = []
    if scene.options.title:
        # The title is YAML, which reads JSON, and not HTML.
        lines += ["---", f"title: {json.dumps(printable(scene.options.title))}", "---"]
    lines.append(f"flowchart {scene.options.rankdir}")
    for box in scene.plan.boxes:
        role = scene.roles[box.id]
        left, right = OPEN[role]
        label = "<br/>".join(map(escaped, _texts(scene, box)))
        lines.append(f'    {box.id}{left}"{label}"{right}:::{role}')
    lines += [f"    {start} --> {end}" for start, end in scene.plan.edges()]
    for role in dict.fromkeys(scene.roles[box.id] for box in scene.plan.boxes):
        look = LOOKS[role]
        dashed = ",stroke-dasharray:4 3" if look.style.endswith(("DASHED", "DOTTED")) else ""
        width = 3 if look.double else look.border
        colours = f"fill:{look.fill},stroke:{look.ink},color:{look.ink}"
        lines.append(f"    classDef {role} {colours},stroke-width:{width}px{dashed}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Write text so that Mermaid, and the HTML it makes, take no character for their own."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text)


def _texts(scene: Scene, box: Box) -> list[str]:
    """Return the lines of a box."""
    _, name, formula = scene.heading(box)
    if isinstance(box, Fold):
        return [box.title]
    texts = [" = ".join(filter(None, (name, formula))) or scene.roles[box.id]]
    texts += filter(None, [described(box, scene.options.show)])
    if "value" in scene.options.show:
        texts += _numbers("", box.value)
    if "grad" in scene.options.show:
        if box.grad is not None:
            texts += _numbers("grad ", box.grad)
        elif box.kind == "parameter":
            texts.append("grad none yet")
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
