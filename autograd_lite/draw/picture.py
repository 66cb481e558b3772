"""What all pictures have in common: they save themselves, and show themselves in a notebook."""

import os
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from autograd_lite.draw.render import LayoutError
from autograd_lite.draw.theme import DARK_PAGES

HEIGHT = 640  # Of a page, in pixels.


def in_page(svg: str) -> str:
    """Put a picture into a page; it is never wider than that."""
    return f'<div style="max-width:100%;overflow-x:auto">{svg}</div>'


def framed_page(document: str, title: str) -> str:
    """Put a page into another one, where neither's style nor its scripts reach the other's."""
    style = f"<style>{DARK_PAGES} iframe.autograd-lite{{color-scheme:dark}}</style>"
    return (
        f'{style}<iframe class="autograd-lite" title="{escape(title)}" sandbox="allow-scripts" '
        f'style="width:100%;height:{HEIGHT}px;border:1px solid #8884;border-radius:6px" '
        f'srcdoc="{escape(document)}"></iframe>'
    )


class Picture:
    """A finished picture.

    A subclass lists its `formats`, and writes the contents of a file in `_rendered` and an SVG in
    `svg`.
    """

    __slots__ = ()

    formats: ClassVar[tuple[str, ...]]

    def __getattr__(self, name: str) -> Any:
        if name in ("show", "view", "render", "display", "plot"):
            kind = type(self).__name__
            it = kind.lower()
            raise AttributeError(
                f"a {kind} has no {name}. Write {it}.save('graph.svg'), or .png, .html, .txt; "
                f"print({it}) shows it in a terminal; in a notebook it shows itself."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, in the format that the extension says.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.svg``, ``.png`` (two dots per point), ``.pdf``, ``.html`` or ``.txt`` (for a
            terminal); that of a `Drawing` also in ``.dot`` (for Graphviz), ``.mmd`` (Mermaid, which
            GitHub draws) or ``.json`` (data, with the keys that `autograd_lite.graph.json` lists),
            and its ``.html`` is a page that steps through the computation. Missing folders are
            made.

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
        kind = path.suffix.lower()
        if kind not in self.formats:
            raise ValueError(
                f"save: the extension says the format, and {path.name!r} "
                f"{f'has {path.suffix!r}' if kind else 'has none'}. Known are "
                f"{', '.join(self.formats)}."
            )
        content = self._rendered(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def svg(self) -> str:
        """Return the picture as the text of an SVG element, to be put into a page or a file."""
        raise NotImplementedError

    def _rendered(self, kind: str) -> bytes:
        """Return the contents of a file of some kind."""
        raise NotImplementedError

    def _shown(self) -> dict[str, str]:
        """Return what a notebook shows, by its type.

        HTML comes first wherever there is a choice, since it has the colours of the page around
        it; what does not trust that, GitHub say, takes the SVG.
        """
        drawn = self.svg()
        return {"text/html": in_page(drawn), "image/svg+xml": drawn}

    def _repr_html_(self) -> str:
        """Show the picture in a notebook."""
        return self._shown()["text/html"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Show the picture in a notebook, or what it says where it cannot be laid out."""
        del include, exclude  # What a front end cannot show, it ignores.
        try:
            return {"text/plain": repr(self), **self._shown()}
        except LayoutError as error:
            return {"text/plain": f"{self}\n{error}"}
