"""A computation as one HTML file that steps through it, forward and backward.

The page needs no network and no server. Its data are JSON in a script element that is not run, its
one script is named by its hash in a policy that forbids every other, and whatever the user has
called things reaches the page as text.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from autograd_lite.draw import digits
from autograd_lite.draw.cards import shape_and_type
from autograd_lite.draw.data import entries
from autograd_lite.draw.dot import picture
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import printable
from autograd_lite.draw.scene import Scene
from autograd_lite.draw.story import Story
from autograd_lite.draw.style import GRADIENT, LEGEND
from autograd_lite.draw.sweep import Sweep, sweep
from autograd_lite.graph import Node, write

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("view.js", "details.js", "player.js")
LARGEST = 10_000
"""Entries of an array that are written into the page; of a larger one, what describes it."""


def page(scene: Scene) -> str:
    """Write a scene as a page."""
    found = sweep(scene.graph)
    story = Story(scene, found)
    data = {
        "steps": story.steps,
        "boxes": {box.id: _box(story, box) for box in scene.plan.boxes},
        "edges": scene.plan.edges(),
    }
    script = "\n".join((PAGE / name).read_text("utf-8") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    roles = set(scene.roles.values())
    parts = {
        "title": html.escape(printable(scene.subject)),
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        "style": (PAGE / "page.css").read_text("utf-8"),
        "legend": "".join(
            f'<li class="{role}">{label}</li>' for role, label in LEGEND.items() if role in roles
        ),
        "picture": _svg(scene, found),
        # A less-than sign could end the element, or open a comment in it.
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "script": script,
    }
    template = (PAGE / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _svg(scene: Scene, found: Sweep) -> str:
    """Draw the scene with the gradients of this sweep, and mark what is value and what gradient."""
    boxes = tuple(
        box if isinstance(box, Fold) else dataclasses.replace(box, grad=found.arrived.get(box.id))
        for box in scene.plan.boxes
    )
    options = dataclasses.replace(
        scene.options, show=("shape", "dtype", "value", "grad"), legend=False, title=None
    )
    plan = dataclasses.replace(scene.plan, boxes=boxes)
    root = ET.fromstring(picture(dataclasses.replace(scene, plan=plan, options=options)).svg())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    nodes = {box.id: box for box in boxes}
    for group in root.iter("g"):
        box = nodes.get(group.get("data-id", ""))
        if box is not None:
            _mark(group, box)
            group.attrib |= {"tabindex": "0", "role": "button"}
            group.set("aria-label", printable(scene.title(box)))
    title = root.find("title")
    if title is not None:
        root.set("aria-label", title.text or "")
        root.remove(title)
    root.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "role": "group"}
    root.attrib.pop("style")
    return ET.tostring(root, encoding="unicode")


def _mark(group: ET.Element, box: Box) -> None:
    """Give the numbers of a box the class of what they are: value or gradient."""
    if isinstance(box, Fold):
        return
    below, part, title = False, "value", shape_and_type(box)
    for element in group:
        colour = (element.get("fill") if element.tag == "text" else element.get("stroke")) or ""
        if not below:
            below = element.tag == "text" and element.text == title
            continue
        if element.tag == "text" and element.text in ("value", "grad"):
            part = element.text
        if element.tag == "polyline" or element.tag == "text":
            of_gradient = colour.upper() == GRADIENT or (part == "grad" and "b3261e" in colour)
            element.set("class", "grad" if of_gradient else "value")


def _box(story: Story, box: Box) -> dict[str, Any]:
    """Describe a box: what the page shows of it on a click."""
    scene = story.scene
    role, name, formula = scene.heading(box)
    described: dict[str, Any] = {"role": LEGEND[role], "label": printable(scene.title(box))}
    if isinstance(box, Fold):
        members = [printable(_line(scene, node)) for node in box.nodes[:200]]
        return described | {"count": len(box.nodes), "members": members}
    full = printable(scene.names.get(box.id, ""))
    described |= {
        "name": full or name,
        "formula": formula,
        "shape": shape_and_type(box),
        "value": _array(box.value),
        "grad": _array(story.sweep.arrived.get(box.id)),
        "partial": story.partial(box),
        "needs": box.requires_grad,
        "locals": _locals(story, box),
    }
    if box.primitive is not None:
        described |= {"operation": box.primitive.name, "code": printable(_line(scene, box))}
    arrived = story.sweep.arrived.get(box.id)
    if box.grad is not None and (
        arrived is None or not np.allclose(box.grad, arrived, rtol=1e-6, equal_nan=True)
    ):
        described["kept"] = _array(box.grad)
    return described


def _line(scene: Scene, node: Node) -> str:
    """Write a value as NumPy code."""
    if node.primitive is None:
        return scene.names.get(node.id, node.id)
    operands = [
        f"{x.value}" if x.kind == "constant" and not x.shape else scene.names.get(x.id, x.id)
        for x in scene.graph.operands(node)
    ]
    return f"{scene.names.get(node.id, node.id)} = {write(node, operands)}"


def _locals(story: Story, node: Node) -> list[dict[str, Any]]:
    """Describe the local derivatives of a result by its operands."""
    described = []
    for i, operand in enumerate(story.graph.operands(node)):
        rule = story.locals.get((node.id, i))
        if rule is None:
            continue
        value = rule.value
        described.append(
            {
                "by": story.name(operand),
                "rule": rule.text(story.scene.called),
                "multiplies": rule.factor is not None,
                "value": None if value is None else _array(np.broadcast_to(value, operand.shape)),
                "part": _array(story.sweep.parts[node.id, i]),
            }
        )
    return described


def _array(value: Any) -> dict[str, Any] | None:
    """Describe an array: all its entries, or of a large one, what sums it up."""
    if value is None:
        return None
    array = np.asarray(value)
    shape = list(array.shape)
    if array.size <= LARGEST:
        return {"shape": shape, "entries": entries(array)}
    found = ", ".join(f"{label} {text}".rstrip() for label, text in digits.summary(array))
    return {"shape": shape, "summary": f"{array.size:,} entries: {found}"}
