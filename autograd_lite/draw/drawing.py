"""A finished picture."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from autograd_lite.draw import cards, mermaid, terminal
from autograd_lite.draw.picture import Picture, framed_page
from autograd_lite.draw.render import BREAK, render
from autograd_lite.draw.scene import Scene, scene
from autograd_lite.draw.svg import svg
from autograd_lite.draw.theme import Theme, recoloured
from autograd_lite.graph import Node, json

MOST_ENTRIES = 1_000_000
"""Entries of arrays that a JSON file has: about 20 megabytes. The largest ones are summed up past
that; `Graph.to_json` writes all."""
MOST_NODES = 10_000
"""Nodes that a JSON file has: of a larger computation, those that the picture shows."""
FORMATS = (".svg", ".png", ".pdf", ".dot", ".html", ".json", ".mmd", ".txt")


@dataclass(frozen=True, slots=True, repr=False)
class Drawing(Picture):
    """A picture of a computation as it was when `draw` was called; later changes do not show.

    In Jupyter it shows itself. Pictures are laid out by Graphviz, which pygraphviz's wheels carry;
    ``.dot``, ``.json``, ``.mmd`` and ``.txt`` need no layout.

    Parameters
    ----------
    rows : tuple of str
        The picture as DOT text, a text for each row.
    scene : Scene
        The computation, its boxes and their names.
    page : callable
        Writes the page of a scene in a theme, as text.
    format : str, optional
        The extension for paths that have none.
    theme : {"auto", "light", "dark"}
        Its colours; those of the page it stands in, where it is an SVG with "auto".
    steps : bool
        Whether a notebook shows the page that steps through it.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True, name="w")
    >>> drawing = al.draw(5 * w)
    >>> drawing
    <Drawing of 5 × w: 2 boxes; .save("picture.svg") writes it>
    >>> drawing.source.partition(" ")[0]
    'digraph'
    """

    formats: ClassVar[tuple[str, ...]] = FORMATS

    rows: tuple[str, ...]
    scene: Scene = field(compare=False)
    page: Callable[[Scene, Theme], str] = field(compare=False)
    format: str | None = None
    theme: Theme = "light"
    steps: bool = False

    @property
    def source(self) -> str:
        """The picture as DOT text: the same for the same program; rows are graphs of their own."""
        return "".join(self.rows)

    @property
    def subject(self) -> str:
        """What it shows."""
        return self.scene.subject

    @property
    def listing(self) -> tuple[tuple[str, str], ...]:
        """What stands in its boxes, and shapes."""
        boxes = self.scene.plan.boxes
        return tuple(cards.summary(box, *self.scene.heading(box)[1:]) for box in boxes)

    def save(self, path: str | os.PathLike[str]) -> Path:  # noqa: D102  # That of `Picture`.
        path = Path(path)
        named = path.with_suffix(f".{self.format}") if self.format and not path.suffix else path
        return Picture.save(self, named)  # A class with slots is made anew: no super().

    def svg(self) -> str:
        """Return the picture as the text of an SVG element, to be put into a page or a file."""
        described = f"Computation graph: {self.subject}"
        height = self.scene.options.height
        return svg(self._coloured(), described, height, follow=self.theme == "auto")

    def html(self) -> str:
        """Return a page that steps through the computation, forward and backward, as its text."""
        drawn, forward = self.scene, self.scene.graph.differentiated
        if forward is not None:  # A page goes backward by itself.
            known = {node.id for node in forward}
            names = {key: x for key, x in drawn.names.items() if key in known and key != x}
            options = replace(drawn.options, show=(*drawn.options.show, "grad"))
            drawn = scene(forward, names, options)
        return self.page(drawn, self.theme)

    def _rendered(self, kind: str) -> bytes:
        """Return the contents of a file of some kind."""
        match kind:
            case ".dot":
                text = self._coloured().replace(BREAK, "")
            case ".svg":
                text = self.svg()
            case ".html":
                text = self.html()
            case ".mmd":
                text = mermaid.flowchart(self.scene, dark=self.theme == "dark")
            case ".txt":
                text = terminal.text(self.scene)
            case ".json":
                graph = self.scene.graph
                drawn = {box.id for box in self.scene.plan.boxes if isinstance(box, Node)}
                shown = drawn if len(graph) > MOST_NODES else None
                text = json.as_json(graph, self.scene.names, self.subject, MOST_ENTRIES, shown)
            case _:
                return render(self._coloured(), kind.removeprefix("."))
        return text.encode()

    def _coloured(self) -> str:
        """Return the picture to be laid out, in the colours that are asked for."""
        source = BREAK.join(self.rows)
        return recoloured(source) if self.theme == "dark" else source

    def _shown(self) -> dict[str, str]:
        """Return what a notebook shows: with `steps`, the page that steps through it."""
        if not self.steps:
            return Picture._shown(self)
        return {"text/html": framed_page(self.html(), self.subject)}

    def __str__(self) -> str:
        width = max(len(what) for what, _ in self.listing)
        return "\n".join(f"{what:<{width}}  {shape}".rstrip() for what, shape in self.listing)

    def __repr__(self) -> str:
        count = len(self.scene.plan.boxes)
        boxes = f"{count} box{'' if count == 1 else 'es'}"
        path = f"picture.{self.format or 'svg'}"
        return f'<Drawing of {self.subject}: {boxes}; .save("{path}") writes it>'


def with_format(drawing: Drawing, format: str) -> Drawing:
    """Return a drawing that is saved in a format where the path has no extension."""
    if f".{format}" not in FORMATS:
        kinds = ", ".join(repr(kind.removeprefix(".")) for kind in FORMATS)
        raise ValueError(f"format is one of {kinds}; got {format!r}.")
    return replace(drawing, format=format)
