"""Pictures of computations: `draw` makes one, a `Drawing` is one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from autograd_lite.core.later import later

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
        {
            "autograd_lite.draw.drawing": ("Drawing",),
            "autograd_lite.draw.planning": ("Folding",),
        },
    )

__all__ = ["Drawing", "Folding", "draw", "draw_dot", "make_dot"]


def draw(
    t: Tensor | Iterable[Tensor] | Graph,
    *,
    names: Mapping[str, Tensor | NDArray[Any]] | Literal[False] | None = None,
    show: str | Iterable[str] = ("shape", "dtype", "value", "grad", "map"),
    sweep: Literal["forward", "backward", "both"] = "forward",
    rankdir: Literal["LR", "TB"] = "LR",
    legend: bool = True,
    title: str | None = None,
    theme: Theme = "auto",
    depth: int | None = None,
    collapse: str | Iterable[str] = (),
    roll: bool | None = None,
    max_nodes: int = 400,
) -> Drawing:
    """Draw how a tensor was computed, with the numbers in it.

    Every value is a box, every module a frame; arrows lead from operands to results. Numbers have
    four significant digits: ``0`` is exact, and ``0.000`` is rounded.

    Parameters
    ----------
    t : Tensor, iterable of Tensor, or Graph
        What was computed.
    names : mapping of str to Tensor or array, or False, optional
        What values are called; others by `Tensor.name`, or the caller's variables. False: by none.
    show : iterable of {"shape", "dtype", "value", "grad", "map", "local"}
        What boxes show, miniatures of large arrays too, and arrows (local derivatives).
    sweep, rankdir : {"forward", "backward", "both"}, {"LR", "TB"}
        Which pass is drawn (`Graph.backward`); from left to right, or from top to bottom.
    legend, title : bool; str, optional
        Whether the looks of the boxes are explained; what stands above.
    theme : {"auto", "light", "dark"}
        By default an SVG has the colours of the page that it stands in, and the rest is light.
    depth, collapse, roll, max_nodes : optional
        Modules that become one box, and when equal ones do; `Folding` says how.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True, name="w")
    >>> print(al.draw(5 * w))
    w      scalar · float64
    5 × w  scalar · float64
    """
    from autograd_lite.draw.arguments import asked
    from autograd_lite.draw.dot import written
    from autograd_lite.draw.drawing import Drawing
    from autograd_lite.draw.page.html import page

    scene = asked(
        t,
        sys._getframe(1),
        names=names,
        show=show,
        sweep=sweep,
        rankdir=rankdir,
        legend=legend,
        title=title,
        theme=theme,
        depth=depth,
        collapse=collapse,
        roll=roll,
        max_nodes=max_nodes,
    )
    return Drawing(written(scene), scene, page, theme=theme)


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
