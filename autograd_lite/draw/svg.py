"""Graphviz's SVG, made fit to stand in a page."""

from xml.etree import ElementTree as ET

from autograd_lite.draw.blocks import WORD_JOINER
from autograd_lite.draw.render import render
from autograd_lite.draw.style import FRAMED
from autograd_lite.draw.text_width import covers, width_of
from autograd_lite.draw.theme import style

FAMILY = "Arial, Helvetica, 'Liberation Sans', Arimo, sans-serif"
SECOND_SPACE = "\xa0"  # What Graphviz makes of a space after a space.
WHOLE = {
    "xmlns": "http://www.w3.org/2000/svg",
    "role": "img",
    "font-family": FAMILY,
    "style": "max-width: 100%; height: auto",  # No wider than the page it stands in.
}
_TOOLTIP = "{http://www.w3.org/1999/xlink}title"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def svg(dot: str, description: str, height: float | None = None, *, follow: bool = False) -> str:
    """Return DOT text as the text of an SVG picture.

    - `dot`: what to draw.
    - `description`: what the picture shows, for who cannot see it.
    - `height`: how high it is at most, in pixels.
    - `follow`: whether it is dark in a page that is.
    """
    root = parsed(render(dot, "svg"))
    for text in root.iter("text"):
        hold(text)
    for group in list(root.iter("g")):
        _describe(group)
    _raise_captions(root)
    _frame(root, description)
    if height is not None:
        root.set("style", f"{WHOLE['style']}; max-height: {height:g}px")
    return finished(root, follow=follow)


def parsed(drawn: str | bytes) -> ET.Element:
    """Read an SVG, and name its elements without their namespace."""
    root = ET.fromstring(drawn)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def finished(root: ET.Element, *, follow: bool) -> str:
    """Return a picture with a title as text; with the style sheet of both themes, if it is to."""
    if follow:
        sheet = ET.Element("style")
        sheet.text = style(ET.tostring(root, encoding="unicode"))
        root.set("class", "computation")
        root.insert(1, sheet)  # After the title.
    return ET.tostring(root, encoding="unicode")


def hold(text: ET.Element) -> None:
    """Give a text the length that it was laid out with, so that it fits its box in any font."""
    content = text.text = (text.text or "").replace(SECOND_SPACE, " ")
    if covers(content):
        width = width_of(
            content, float(text.get("font-size", 0)), bold="font-weight" in text.attrib
        )
        text.set("textLength", f"{width:g}")
        text.set("lengthAdjust", "spacingAndGlyphs")
    text.attrib.pop("font-family", None)
    if content == " ".join(content.split()):
        text.attrib.pop(_SPACE, None)


def _describe(group: ET.Element) -> None:
    """Turn the identifiers that Graphviz hands out into attributes, and tooltips into titles."""
    title = group.find("title")
    if title is None:
        return
    name = title.text or ""
    group.remove(title)
    group.attrib.pop("id", None)
    start, arrow, end = name.partition("->")
    if arrow:
        group.attrib.update({"data-from": start.partition("@")[0], "data-to": end})
    wrapper = group.find("g")
    link = group.find("g/a")
    if wrapper is not None and link is not None:
        group.remove(wrapper)
        hint = link.get(_TOOLTIP) or ""
        title.text = hint.replace(SECOND_SPACE, " ").replace(WORD_JOINER, "")
        box, _, mention = name.partition("@")
        cluster = name.removeprefix("cluster_")
        kind = "data-module" if cluster != name else "data-of" if mention else "data-id"
        group.set(kind, box if cluster == name else cluster)
        group.extend([title, *link])


def _raise_captions(root: ET.Element) -> None:
    """Put what is written on frames above the arrows, on paper that hides them there."""
    picture = root.find("g")
    assert picture is not None
    for frame in picture.findall("g[@data-module]"):
        texts = frame.findall("text")
        for text in texts:
            frame.remove(text)
        drawn = frame.find("path") if frame.find("polygon") is None else frame.find("polygon")
        fill = FRAMED if drawn is None else drawn.get("fill", FRAMED)
        picture.extend([*(_paper_below(text, fill) for text in texts), *texts])


def _paper_below(text: ET.Element, fill: str) -> ET.Element:
    """Return a strip of the colour of a frame, of the size of a text."""
    x, y, size, width = (float(text.get(key, 0)) for key in ("x", "y", "font-size", "textLength"))
    sides = {"x": x - 2, "y": y - size, "width": width + 4, "height": 1.3 * size}
    look = {"fill": fill.lower(), "fill-opacity": "0.85"}
    return ET.Element("rect", {key: f"{side:g}" for key, side in sides.items()} | look)


def _frame(root: ET.Element, description: str) -> None:
    """Set size, font and description of the whole."""
    for side in ("width", "height"):
        root.set(side, (root.get(side) or "").removesuffix("pt"))
    root.attrib.update(WHOLE)
    title = ET.Element("title")
    title.text = description
    root.insert(0, title)
