"""Pictures of computations: `draw` makes one, a `Drawing` is one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Never

from autograd_lite.core.later import later, unknown_argument

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autograd_lite.draw.drawing import Drawing
    from autograd_lite.draw.planning import Folding
    from autograd_lite.draw.theme import Theme
    from autograd_lite.graph import Graph
    from autograd_lite.tensor import Tensor
else:
    __getattr__ = later(
        globals(),
        {"autograd_lite.draw.drawing": ("Drawing",), "autograd_lite.draw.planning": ("Folding",)},
    )

Shown = Literal["shape", "dtype", "value", "grad", "map", "local"]

__all__ = ["Drawing", "Folding", "draw", "draw_dot", "make_dot"]


def draw(
    t: Tensor | Iterable[Tensor] | Graph,
    *more: Never,
    names: Mapping[str, Tensor | NDArray[Any]] | Literal[False] | None = None,
    show: Shown | Iterable[Shown] = ("shape", "dtype", "value", "grad", "map"),
    sweep: Literal["forward", "backward", "both"] = "forward",
    rankdir: Literal["LR", "TB"] | None = None,
    legend: bool = True,
    title: str | None = None,
    theme: Theme = "auto",
    depth: int | None = None,
    collapse: str | Iterable[str] = (),
    roll: bool | None = None,
    max_nodes: int | None = None,
    width: float | None = 900,
    height: float | None = None,
    steps: bool = False,
    overview: bool = False,
    **misspelt: Never,
) -> Drawing:
    """Draw the computation of a tensor, with names, shapes, values and gradients.

    Every value is a box, and every module a frame around boxes. Arrows lead from operands to
    results. Numbers have four significant digits: ``0`` is exact, and ``0.000`` is rounded.

    Parameters
    ----------
    t : Tensor of any shape, iterable of Tensor, or Graph
        The result or results to draw the computation of.
    names : mapping of str to Tensor or array, or False, optional
        Names for values. `Tensor.name` comes first, then these; by default, the caller's variables.
        False leaves all names out.
    show : str or iterable of str
        What the boxes show: any of "shape", "dtype", "value", "grad" and "map" (a small picture of
        a large array). "local" writes the local derivatives on the arrows.
    sweep : {"forward", "backward", "both"}
        Which pass is drawn. "both" draws the gradients beside the values that they belong to.
    rankdir : {"LR", "TB"}, optional
        The direction: from left to right, or from top to bottom. By default from left to right,
        unless that takes several rows, and more height than from top to bottom.
    legend : bool
        Whether to explain the colours and borders of the boxes.
    title : str, optional
        A line above the picture.
    theme : {"auto", "light", "dark"}
        The colours. "auto" gives an SVG those of the page around it, and anything else light ones.
    depth : int, optional
        Modules below this level are folded into one box each.
    collapse : str or iterable of str
        Paths or class names of modules to fold.
    roll : bool, optional
        Whether equal modules in a row become one box; by default, where that makes it legible.
    max_nodes : int, optional
        The number of boxes above which the picture is folded, and says what is hidden: 60, or 400
        on a page.
    width : float or None
        The room there is, in pixels: a longer computation continues in rows, like text. None draws
        one row, however long it is.
    height : float, optional
        The room there is beside a width, in pixels, as on a slide or a page: heat maps and numbers
        are left out, and then values folded, until no text is below 7 pixels there.
    steps : bool
        Whether a notebook shows the page that steps through the computation, in place of a picture.
    overview : bool
        Whether all is drawn on one screen: modules and loops as boxes, with the shapes that enter
        and leave them and parameter counts, however long the computation is.

    Returns
    -------
    Drawing
        ``.save(path)`` writes SVG, PNG, PDF, HTML, DOT, Mermaid, text or JSON, by the extension;
        printed, it is text; in a notebook, it shows itself.

    Raises
    ------
    TypeError
        If `t` is not a Tensor, an iterable of Tensors or a Graph, or an argument is misspelt.
    ValueError
        If an option is unknown; the message lists those that exist. If a height has no room for
        what cannot be folded.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True, name="w")
    >>> print(al.draw(5 * w))
    w      scalar · float64
    5 × w  scalar · float64
    """
    if misspelt:
        raise unknown_argument(draw, misspelt)
    if more:
        raise TypeError(
            "draw takes what to draw, and options by name. Write draw(t).save('graph.svg') for a "
            "file, draw([t, u]) for several results."
        )
    from autograd_lite.draw.arguments import asked
    from autograd_lite.draw.dot import written
    from autograd_lite.draw.drawing import Drawing
    from autograd_lite.draw.page.html import page

    scene = asked(
        t, sys._getframe(1), names=names, show=show, sweep=sweep, rankdir=rankdir, legend=legend,
        title=title, theme=theme, depth=depth, collapse=collapse, roll=roll, max_nodes=max_nodes,
        width=width, height=height, overview=overview,
    )  # fmt: skip
    return Drawing(written(scene), scene, page, theme=theme, steps=steps)


def make_dot(
    t: Tensor | Iterable[Tensor], params: Mapping[str, Tensor] | Iterable[Any] | None = None
) -> Drawing:
    """Draw a computation: `draw`, under the name and with the argument that torchviz has.

    Parameters
    ----------
    t : Tensor or iterable of Tensor
        What was computed.
    params : mapping of str to Tensor, or iterable of (str, Tensor), optional
        Names, as from ``dict(net.named_parameters())``.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True)
    >>> print(al.make_dot(5 * w, params={"weight": w}))
    weight      scalar · float64
    5 × weight  scalar · float64
    """
    from autograd_lite.draw.arguments import graph_of

    graph = graph_of(t, sys._getframe(1))
    return draw(graph, names=None if params is None else dict(params))


def draw_dot(root: Tensor, format: str = "svg", rankdir: Literal["LR", "TB"] = "LR") -> Drawing:
    """Draw a computation: `draw`, under the name and with the arguments that micrograd has.

    Parameters
    ----------
    root : Tensor
        What was computed.
    format : {"svg", "png", "pdf", ...}
        What ``.save("graph")`` writes, where the path has no extension.
    rankdir : {"LR", "TB"}
        Left to right, or top to bottom.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True, name="w")
    >>> al.draw_dot(5 * w, format="png")
    <Drawing of 5 × w: 2 boxes; .save("picture.png") writes it>
    """
    from autograd_lite.draw.arguments import graph_of
    from autograd_lite.draw.drawing import with_format

    graph = graph_of(root, sys._getframe(1))
    return with_format(draw(graph, rankdir=rankdir), format)
