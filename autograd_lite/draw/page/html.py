"""A computation as one HTML file that steps through it, forward and backward.

The page needs no network and no server. Its data are JSON in a script element that is not run, its
one script is named by its hash in a policy that forbids every other, and whatever the user has
called things reaches the page as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.draw import digits
from autograd_lite.draw.cards import shape_and_type
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import code, cut, printable
from autograd_lite.draw.page.stage import opened, stage
from autograd_lite.draw.page.story import Story, listed
from autograd_lite.draw.scene import Scene
from autograd_lite.draw.style import LEGEND
from autograd_lite.draw.theme import Theme, rules
from autograd_lite.graph import Node
from autograd_lite.graph.cotangents import Use, cotangents
from autograd_lite.graph.json import entries

PAGE = Path(__file__).parent
SCRIPTS = ("view.js", "fold.js", "paths.js", "training.js", "details.js", "steps.js", "player.js")
LONGEST = 300  # Of a rule.
LARGEST, MOST_NUMBERS = 10_000, 200_000
"""Entries of an array that are written into the page, and of all arrays together: about four
megabytes. A larger one, and what comes after so many, is described instead."""


def page(scene: Scene, theme: Theme = "auto") -> str:
    """Write a scene as a page that steps through it."""
    scene, folds = opened(scene)
    found = cotangents(scene.graph)
    story = Story(scene, found)
    parts: dict[str, dict[Use, Any]] = {}
    for (user, i), part in found.parts.items():
        parts.setdefault(scene.graph[user].operands[i], {})[user, i] = part
    several = {key: uses for key, uses in parts.items() if len(uses) > 1}
    picture, staged = stage(scene, folds, {}, found.arrived, several)
    room = _Room()
    data = {
        **staged,
        **relations(scene),
        "steps": story.steps,
        "boxes": {box.id: _box(story, box, room) for box in story.order},
    }
    return document(scene, picture, data, theme)


def document(scene: Scene, picture: str, data: dict[str, Any], theme: Theme = "auto") -> str:
    """Put a page together; "auto" has the colours that the reader prefers."""
    script = "\n".join((PAGE / name).read_text("utf-8") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    roles = set(scene.roles.values())
    parts = {
        "title": html.escape(printable(scene.subject)),
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        "style": f"{(PAGE / 'page.css').read_text('utf-8')}{rules(picture)}",
        "legend": "".join(
            f'<li class="{role}">{label}</li>' for role, label in LEGEND.items() if role in roles
        ),
        "picture": picture,
        "theme": "" if theme == "auto" else f' data-theme="{theme}"',
        # A less-than sign could end the element, or open a comment in it.
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "script": script,
    }
    template = (PAGE / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def relations(scene: Scene) -> dict[str, Any]:
    """Say which boxes use which, how often, and which are the results."""
    home = scene.plan.home
    uses = Counter(
        (home[start], home[node.id])
        for node in scene.graph for start in node.operands
        if start in home and home[start] != home[node.id]
    )  # fmt: skip
    outputs = list(dict.fromkeys(home[node.id] for node in scene.graph.outputs))
    return {
        "edges": [[start, end, times] for (start, end), times in uses.items()],
        "outputs": outputs,
        "root": listed(
            [printable(scene.titles.get(x) or scene.formulas.get(x) or x) for x in outputs]
        ),
    }


def _box(story: Story, box: Box, room: _Room) -> dict[str, Any]:
    """Describe a box: what the page shows of it on a click."""
    scene = story.scene
    if isinstance(box, Fold):
        return facts(scene, box)
    described = facts(scene, box) | {
        "value": room.array(box.value),
        "grad": room.array(story.cotangents.arrived.get(box.id)),
        "partial": story.partial(box),
        "locals": _locals(story, box, room),
    }
    arrived = story.cotangents.arrived.get(box.id)
    if box.grad is not None and (
        arrived is None or not np.allclose(box.grad, arrived, rtol=1e-6, equal_nan=True)
    ):
        described |= {"kept": room.array(box.grad), "passes": box.passes}
    return described


def facts(scene: Scene, box: Box) -> dict[str, Any]:
    """Describe a box, but for its numbers."""
    role, name, formula = scene.heading(box)
    described: dict[str, Any] = {"role": LEGEND[role], "label": printable(scene.title(box))}
    if isinstance(box, Fold):
        members = [code(scene.graph, node, scene.names) for node in box.nodes[:200]]
        return described | {"count": len(box.nodes), "members": members}
    described |= {
        "name": printable(scene.names.get(box.id, "")) or name,
        "formula": formula,
        "shape": shape_and_type(box),
        "needs": box.requires_grad,
        # The modules that it was made in, the outermost first: ``Net › hidden: Linear``.
        "module": " › ".join(
            printable(f"{x.path}: {x.kind}" if x.path else x.kind) for x in box.calls
        ),
    }
    if box.source is not None:
        described["source"] = {"at": printable(str(box.source)), "text": box.source.text}
    if box.primitive is not None:
        described |= {"operation": box.primitive.name, "code": code(scene.graph, box, scene.names)}
    return described


def _locals(story: Story, node: Node, room: _Room) -> list[dict[str, Any]]:
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
                "rule": cut(rule.text(story.scene.called), LONGEST),
                "multiplies": rule.factor is not None,
                "value": None
                if value is None
                else room.array(np.broadcast_to(value, operand.shape)),
                "part": room.array(story.cotangents.parts[node.id, i]),
            }
        )
    return described


class _Room:
    """How many numbers the page still has room for."""

    def __init__(self) -> None:
        self.left = MOST_NUMBERS

    def array(self, value: Any) -> dict[str, Any] | None:
        """Describe an array: all its entries, or what sums it up."""
        if value is None:
            return None
        array = np.asarray(value)
        shape = list(array.shape)
        if array.size <= min(LARGEST, self.left):
            self.left -= array.size
            return {"shape": shape, "entries": entries(array)}
        found = ", ".join(f"{label} {text}".rstrip() for label, text in digits.summary(array))
        return {"shape": shape, "summary": f"{array.size:,} entries: {found}"}
