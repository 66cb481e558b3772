"""A finished picture."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from autograd_lite.draw.scene import Scene
from autograd_lite.draw.theme import Theme, recoloured

FORMATS = (".svg", ".png", ".pdf", ".dot", ".html", ".json", ".mmd", ".txt")


@dataclass(frozen=True, slots=True, repr=False)
class Drawing:
    """A picture of a computation as it was when `draw` was called; later changes do not show.

    In Jupyter it shows itself. Pictures are laid out by Graphviz, which pygraphviz's wheels carry;
    ``.dot``, ``.json``, ``.mmd`` and ``.txt`` need no layout.

    Parameters
    ----------
    source : str
        The picture as DOT text: the same for the same program.
    subject : str
        What it shows.
    listing : tuple of (str, str)
        What stands in its boxes, and shapes.
    scene : Scene
        The computation, its boxes and their names.
    format : str, optional
        The extension for paths that have none.
    theme : {"auto", "light", "dark"}
        Its colours; those of the page it stands in, where it is an SVG with "auto".

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

    source: str
    subject: str
    listing: tuple[tuple[str, str], ...]
    scene: Scene = field(compare=False)
    format: str | None = None
    theme: Theme = "light"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, in the format that the extension says.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.svg``, ``.png`` (two dots per point), ``.pdf``, ``.dot`` (for Graphviz),
            ``.html`` (a page that steps through the computation), ``.mmd`` (Mermaid, which GitHub
            draws), ``.txt`` (for a terminal) or ``.json`` (data, with the keys that
            `autograd_lite.graph.json` lists). Missing folders are made.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ValueError
            If the extension is another one.
        LayoutError
            If pygraphviz is missing or broken; the message says how to mend that.
        """
        path = Path(path)
        if self.format and not path.suffix:
            path = path.with_suffix(f".{self.format}")
        kind = path.suffix.lower()
        if kind not in FORMATS:
            raise ValueError(
                f"save: the extension says the format, and {path.name!r} "
                f"{f'has {path.suffix!r}' if kind else 'has none'}. Known are "
                f"{', '.join(FORMATS)}."
            )
        content = self._rendered(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def svg(self) -> str:
        """Return the picture as the text of an SVG element, to be put into a page or a file."""
        from autograd_lite.draw.svg import svg

        described = f"Computation graph: {self.subject}"
        return svg(self._coloured(), described, follow=self.theme == "auto")

    def html(self) -> str:
        """Return a page that steps through the computation, forward and backward, as its text."""
        from autograd_lite.draw.page.html import page

        if self.scene.graph.differentiated is not None:
            raise ValueError(
                "A page steps forward and backward by itself. Draw the computation for it: "
                "draw(..., sweep='forward').save('graph.html')."
            )
        return page(self.scene, self.theme)

    def _rendered(self, kind: str) -> bytes:
        """Return the contents of a file of some kind."""
        if kind == ".dot":
            return self._coloured().encode()
        if kind == ".svg":
            return self.svg().encode()
        if kind == ".html":
            return self.html().encode()
        if kind in (".json", ".mmd", ".txt"):
            return self._written(kind).encode()
        from autograd_lite.draw.render import render

        return render(self._coloured(), kind.removeprefix("."))

    def _coloured(self) -> str:
        """Return the picture as DOT text, in the colours that are asked for."""
        return recoloured(self.source) if self.theme == "dark" else self.source

    def _written(self, kind: str) -> str:
        """Return the picture in a format that needs no layout."""
        from autograd_lite.draw import mermaid, terminal
        from autograd_lite.graph import json

        scene = self.scene
        if kind == ".mmd":
            return mermaid.flowchart(scene, dark=self.theme == "dark")
        if kind == ".txt":
            return terminal.text(scene)
        return json.as_json(scene.graph, scene.names, self.subject)

    def _repr_svg_(self) -> str:
        """Show the picture in Jupyter."""
        return self.svg()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Show the picture in Jupyter, or what it says where it cannot be laid out."""
        del include, exclude  # What a front end cannot show, it ignores.
        from autograd_lite.draw.render import LayoutError

        try:
            return {"text/plain": repr(self), "image/svg+xml": self.svg()}
        except LayoutError as error:
            return {"text/plain": f"{self}\n{error}"}

    def __str__(self) -> str:
        width = max(len(what) for what, _ in self.listing)
        return "\n".join(f"{what:<{width}}  {shape}".rstrip() for what, shape in self.listing)

    def __repr__(self) -> str:
        count = len(self.listing)
        boxes = f"{count} box{'' if count == 1 else 'es'}"
        path = f"picture.{self.format or 'svg'}"
        return f'<Drawing of {self.subject}: {boxes}; .save("{path}") writes it>'
