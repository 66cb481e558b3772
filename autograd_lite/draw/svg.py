"""Graphviz's SVG, made fit to stand in a page.

Graphviz sizes boxes by the font that it finds, and a viewer may find another one. So every text is
given the length that it was laid out with: it fits its box in whatever font it is shown. Names of
nodes become full descriptions that show when one points at a box.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from autograd_lite.draw.render import render

FAMILY = "Arial, Helvetica, 'Liberation Sans', Arimo, sans-serif"
_TOOLTIP = "{http://www.w3.org/1999/xlink}title"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def svg(dot: str, description: str) -> str:
    """Return DOT text as the text of an SVG picture.

    Parameters
    ----------
    dot : str
        What to draw.
    description : str
        What the picture shows, for who cannot see it.
    """
    drawn, measured = render(dot, "svg", "json")
    root = ET.fromstring(drawn)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    widths = _widths(json.loads(measured))
    for group in root.iter("g"):
        name = group.findtext("title")
        if name is not None:
            _fit_texts(group, widths.get(name, []))
            _describe(group, name)
    _frame(root, description)
    return ET.tostring(root, encoding="unicode")


def _widths(graph: dict[str, Any]) -> dict[str, list[float]]:
    """Return how long the texts of every node, cluster and of the graph itself are."""
    return {
        part["name"]: [op["width"] for op in part.get("_ldraw_", ()) if op["op"] == "T"]
        for part in (graph, *graph.get("objects", ()))
    }


def _fit_texts(group: ET.Element, widths: list[float]) -> None:
    """Give the texts that belong to a group their lengths; they come in the same order."""
    texts = list(_texts(group))
    for text, width in zip(texts, widths, strict=True) if len(texts) == len(widths) else ():
        text.set("textLength", f"{width:g}")
        text.set("lengthAdjust", "spacingAndGlyphs")
    for text in texts:
        del text.attrib["font-family"]
        content = text.text or ""
        if content == content.strip():
            text.attrib.pop(_SPACE, None)


def _texts(group: ET.Element) -> Iterator[ET.Element]:
    """Find the texts of a group, without those of groups that have a name themselves."""
    for child in group:
        if child.tag == "text":
            yield child
        elif child.find("title") is None:
            yield from _texts(child)


def _describe(group: ET.Element, name: str) -> None:
    """Replace the identifiers that Graphviz hands out by attributes and a description."""
    title = group.find("title")
    assert title is not None  # That is how the group was found.
    group.attrib.pop("id", None)
    link = group.find("g/a")
    if link is not None:
        title.text = link.get(_TOOLTIP)
        wrapper = group.find("g")
        assert wrapper is not None
        group.remove(wrapper)
        group.extend(link)
        group.set("data-id", name)
        return
    group.remove(title)
    start, arrow, end = name.partition("->")
    if arrow:
        group.set("data-from", start)
        group.set("data-to", end)


def _frame(root: ET.Element, description: str) -> None:
    """Set size, font and description of the whole."""
    for side in ("width", "height"):
        root.set(side, (root.get(side) or "").removesuffix("pt"))
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("role", "img")
    root.set("font-family", FAMILY)
    root.set("style", "max-width: 100%; height: auto")  # No wider than the page it stands in.
    title = ET.Element("title")
    title.text = description
    root.insert(0, title)
