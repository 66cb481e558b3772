"""A finished plot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import ClassVar

from autograd_lite.draw.picture import Picture
from autograd_lite.draw.plots.canvas import Canvas
from autograd_lite.draw.render import render
from autograd_lite.draw.theme import THEMES, Theme

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: {scheme}; }}
body {{ margin: 8px; background: light-dark(#ffffff, #14181d); }}
svg {{ display: block; margin: auto; }}
</style>
</head>
<body>
{picture}
</body>
</html>
"""


@dataclass(frozen=True, slots=True, repr=False)
class Plot(Picture):
    """A picture of numbers, as they were when it was drawn; what it shows is printed as text.

    In Jupyter it shows itself. An SVG needs nothing but Python; PNG and PDF are made by Graphviz,
    which pygraphviz's wheels carry.

    Parameters
    ----------
    subject : str
        What it shows, in a few words.
    canvas : Canvas
        What is drawn.
    lines : tuple of str
        What it says, as text.
    theme : {"auto", "light", "dark"}
        Its colours; those of the page it stands in, where it is an SVG with "auto".
    """

    formats: ClassVar[tuple[str, ...]] = (".svg", ".png", ".pdf", ".html", ".txt")

    subject: str
    canvas: Canvas = field(compare=False)
    lines: tuple[str, ...]
    theme: Theme = "auto"

    def svg(self) -> str:  # noqa: D102  # That of `Picture`.
        return self.canvas.svg(self.subject, self.theme)

    def html(self) -> str:
        """Return a page with the picture, as its text."""
        scheme = "light dark" if self.theme == "auto" else self.theme
        return _PAGE.format(title=escape(self.subject), scheme=scheme, picture=self.svg())

    def _rendered(self, kind: str) -> bytes:
        match kind:
            case ".svg":
                return self.svg().encode()
            case ".html":
                return self.html().encode()
            case ".txt":
                return f"{self}\n".encode()
            case _:
                dot = self.canvas.dot_text(dark=self.theme == "dark")
                return render(dot, kind.removeprefix("."))

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return f'<Plot of {self.subject}; .save("picture.svg") writes it>'


def check_theme(theme: str) -> None:
    """Refuse a theme that there is not."""
    if theme not in THEMES:
        raise ValueError(f"theme is one of {', '.join(map(repr, THEMES))}; got {theme!r}.")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows of texts below each other, the first column to the left, the others to the right.

    The first row is the header.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
