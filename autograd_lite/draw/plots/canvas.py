"""Areas, lines, dots and texts, as SVG and as a graph for Graphviz, which makes PNG and PDF of it.

Coordinates are points, from the upper left corner. Colours are those of `style`, in light: every
form is written in dark ones where that is asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree as ET

from autograd_lite.draw.style import INK, PAPER, QUIET
from autograd_lite.draw.svg import WHOLE, finished, hold
from autograd_lite.draw.text_width import FAMILY, width_of, wrapped
from autograd_lite.draw.theme import DARK, Theme

Point = tuple[float, float]
Place = Literal["start", "middle", "end"]

TYPE = 12.5
"""The size of type. A plot is at most `WIDTH` wide, so that on a phone of 390 points, with margins,
no text is below 9 points."""
WIDTH = 480


@dataclass(frozen=True, slots=True)
class Area:
    """Polygons in one colour."""

    polygons: Sequence[Sequence[Point]]
    fill: str
    hint: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points."""

    points: Sequence[Point]
    ink: str
    width: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle with a rim."""

    centre: Point
    radius: float
    fill: str
    ink: str
    hint: str


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; `y` is that of its base line."""

    x: float
    y: float
    words: str
    ink: str
    bold: bool
    place: Place


@dataclass(slots=True)
class Canvas:
    """What a plot is drawn on."""

    width: float
    height: float
    marks: list[Area | Line | Dot | Text] = field(default_factory=list)

    def area(self, polygons: Iterable[Sequence[Point]], fill: str, hint: str = "") -> None:
        """Fill polygons; pointed at, they say the hint."""
        self.marks.append(Area(tuple(polygons), fill, hint))

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, hint: str = ""
    ) -> None:
        """Fill a rectangle."""
        self.area([rectangle(x, y, width, height)], fill, hint)

    def line(self, points: Iterable[Point], ink: str = QUIET, width: float = 1) -> None:
        """Draw a line through points."""
        self.marks.append(Line(tuple(points), ink, width))

    def dot(
        self, centre: Point, radius: float, fill: str, ink: str = PAPER, hint: str = ""
    ) -> None:
        """Draw a filled circle with a rim."""
        self.marks.append(Dot(centre, radius, fill, ink, hint))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        ink: str = INK,
        bold: bool = False,
        place: Place = "start",
    ) -> None:
        """Write a line that starts, ends or has its middle at a point."""
        self.marks.append(Text(x, y, words, ink, bold, place))

    def paragraph(self, y: float, words: str, *, ink: str = INK, bold: bool = False) -> float:
        """Write lines as wide as the picture; return where the next one would stand."""
        for line in wrapped(words, self.width - 16, TYPE, bold=bold):
            self.text(8, y, line, ink=ink, bold=bold)
            y += LEADING
        return y

    def svg(self, description: str, theme: Theme) -> str:
        """Return the text of an SVG element."""
        dark = theme == "dark"
        root = ET.Element("svg", {
            "width": f"{self.width:g}", "height": f"{self.height:g}",
            "viewBox": f"0 0 {self.width:g} {self.height:g}", **WHOLE,
        })  # fmt: skip
        ET.SubElement(root, "title").text = description
        paper = {"width": f"{self.width:g}", "height": f"{self.height:g}"}
        ET.SubElement(root, "rect", {**paper, "fill": _colour(PAPER, dark)})
        for mark in self.marks:
            root.append(_element(mark, dark))
        return finished(root, follow=theme == "auto")

    def dot_text(self, *, dark: bool) -> str:
        """Return the picture as a graph without arrows: areas, lines and dots lie behind its nodes.

        The nodes are the texts, since Graphviz crashes over texts in the background.
        """
        corners = [
            f'c{i} [style=invis shape=point width=0 height=0 pos="{x:g},{y:g}!"]'
            for i, (x, y) in enumerate(((0, 0), (self.width, self.height)))
        ]
        texts = [mark for mark in self.marks if isinstance(mark, Text)]
        nodes = [_node(i, text, self.height, dark) for i, text in enumerate(texts)]
        drawn = _BREAK.join(
            _operations(mark, self.height, dark)
            for mark in self.marks if not isinstance(mark, Text)
        )  # fmt: skip
        return (
            f'graph {{\nlayout="nop" pad=0 bgcolor="{_colour(PAPER, dark)}" '
            f'_background="{drawn}"\n' + "\n".join([*corners, *nodes]) + "\n}\n"
        )


LEADING = 17
"""From one line of text to the next."""


_BREAK = " \\\n"
"""DOT allows 16,384 characters in a line of a string; a break is not part of the string."""


def rectangle(x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    """Return the corners of a rectangle."""
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def shortened(words: str, width: float) -> str:
    """Return text with its middle left out where it is too wide."""
    if width_of(words, TYPE) <= width:
        return words
    kept = len(words)
    while kept > 1 and width_of(_middle_out(words, kept), TYPE) > width:
        kept -= 1
    return _middle_out(words, kept)


def _middle_out(words: str, kept: int) -> str:
    return f"{words[: kept - kept // 2]}…{words[len(words) - kept // 2 :]}"


def _colour(light: str, dark: bool) -> str:
    return (DARK.get(light, light) if dark else light).lower()


def _element(mark: Area | Line | Dot | Text, dark: bool) -> ET.Element:
    """Write a mark as an element of SVG."""
    match mark:
        case Area():
            path = "".join(f"M{_joined(points)}Z" for points in mark.polygons)
            element = ET.Element("path", {"fill": _colour(mark.fill, dark), "d": path})
        case Line():
            element = ET.Element("path", {
                "fill": "none", "stroke": _colour(mark.ink, dark),
                "stroke-width": f"{mark.width:g}", "stroke-linejoin": "round",
                "d": f"M{_joined(mark.points)}",
            })  # fmt: skip
        case Dot():
            element = ET.Element("circle", {
                "cx": _number(mark.centre[0]), "cy": _number(mark.centre[1]),
                "r": f"{mark.radius:g}", "fill": _colour(mark.fill, dark),
                "stroke": _colour(mark.ink, dark),
            })  # fmt: skip
        case Text():
            element = ET.Element("text", {
                "x": _number(mark.x), "y": _number(mark.y), "font-size": f"{TYPE:g}",
                "fill": _colour(mark.ink, dark), "text-anchor": mark.place,
            })  # fmt: skip
            if mark.bold:
                element.set("font-weight", "bold")
            element.text = mark.words
            hold(element)
    if isinstance(mark, Area | Dot) and mark.hint:
        ET.SubElement(element, "title").text = mark.hint
    return element


def _joined(points: Iterable[Point]) -> str:
    return "L".join(f"{_number(x)} {_number(y)}" for x, y in points)


def _number(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _operations(mark: Area | Line | Dot | Text, height: float, dark: bool) -> str:
    """Write a mark in the language of Graphviz's drawing operations, where y goes up."""

    def listed(points: Sequence[Point]) -> str:
        numbers = " ".join(f"{_number(x)} {_number(height - y)}" for x, y in points)
        return f"{len(points)} {numbers}"

    match mark:
        case Area():
            shapes = _BREAK.join(f"P {listed(points)}" for points in mark.polygons)
            return f"{_fill(mark.fill, dark)} {_wide(0)} {shapes}"
        case Line():
            return f"{_pen(mark.ink, dark)} {_wide(mark.width)} L {listed(mark.points)}"
        case Dot():
            x, y = _number(mark.centre[0]), _number(height - mark.centre[1])
            circle = f"{_wide(1)} E {x} {y} {mark.radius:g} {mark.radius:g}"
            return f"{_fill(mark.fill, dark)} {_pen(mark.ink, dark)} {circle}"
        case Text():
            return ""


def _pen(colour: str, dark: bool) -> str:
    return f"c 7 -{_colour(colour, dark)}"


def _fill(colour: str, dark: bool) -> str:
    return f"C 7 -{_colour(colour, dark)} {_pen(colour, dark)}"


def _wide(width: float) -> str:
    style = f"setlinewidth({width:g})"
    return f"S {len(style)} -{style}"


def _node(i: int, text: Text, height: float, dark: bool) -> str:
    """Write a text as a node of Graphviz, which has its middle at a point."""
    width = width_of(text.words, TYPE, bold=text.bold)
    x = text.x + {"start": 0.5, "middle": 0.0, "end": -0.5}[text.place] * width
    words = text.words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    label = f"<B>{words}</B>" if text.bold else words
    return (
        f'x{i} [shape=none width=0 height=0 fixedsize=true fontname="{FAMILY}" fontsize={TYPE:g} '
        f"label=<{label}> "
        f'fontcolor="{_colour(text.ink, dark)}" pos="{x:g},{height - text.y + 0.42 * TYPE:g}!"]'
    )
