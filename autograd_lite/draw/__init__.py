"""Pictures of computations: `draw` makes one, a `Drawing` is one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any, Literal

from numpy.typing import NDArray

from autograd_lite.draw import names as called
from autograd_lite.draw.dot import picture
from autograd_lite.draw.drawing import FORMATS, Drawing
from autograd_lite.draw.planning import Folding, folding
from autograd_lite.draw.scene import Options, scene
from autograd_lite.draw.theme import THEMES, Theme
from autograd_lite.graph import Graph, names_in
from autograd_lite.tensor import Tensor

__all__ = ["Drawing", "Folding", "draw", "draw_dot", "make_dot"]

SHOW = ("shape", "dtype", "value", "grad", "map")
PARTS = (*SHOW, "local")
DIRECTIONS = ("LR", "TB")
SWEEPS = ("forward", "backward", "both")


def draw(
    t: Tensor | Iterable[Tensor] | Graph,
    *,
    names: Mapping[str, Tensor | NDArray[Any]] | None = None,
    show: str | Iterable[str] = SHOW,
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
    names : mapping of str to Tensor or array, optional
        What values are called; others go by `Tensor.name`, or else by the caller's variables.
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
    fold = folding(depth, collapse, roll, max_nodes)
    options = _options(show, rankdir, legend, title, fold)
    return _drawn(t, sys._getframe(1), names, options, sweep, theme)


def _drawn(
    t: Any, frame: FrameType, names: Any, options: Options, sweep: Any, theme: Any
) -> Drawing:
    """Name the values by what a frame calls them, and draw them."""
    for what, given, known in (("sweep", sweep, SWEEPS), ("theme", theme, THEMES)):
        if given not in known:
            raise ValueError(f"{what} is one of {_listed(known)}; got {given!r}.")
    tensors, arrays = called.split(names)
    local_tensors, local_arrays = called.from_frame(frame, taken=names or ())
    graph = t if isinstance(t, Graph) else Graph(_roots(t), local_tensors)
    found = called.by_node(graph, tensors, arrays, local_arrays)
    if sweep != "forward":
        graph = graph.backward(forward=sweep == "both", names=found)
    return replace(picture(scene(graph, found, options)), theme=theme)


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
    graph = Graph(_roots(t), names_in(sys._getframe(1)))
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
    if f".{format}" not in FORMATS:
        kinds = _listed(kind.removeprefix(".") for kind in FORMATS)
        raise ValueError(f"format is one of {kinds}; got {format!r}.")
    graph = Graph(_roots(root), names_in(sys._getframe(1)))
    return replace(draw(graph, rankdir=rankdir), format=format)


def _roots(t: Any) -> list[Tensor]:
    """Return the tensors to be drawn."""
    roots = [t] if isinstance(t, Tensor) else list(t) if isinstance(t, Iterable) else []
    for root in roots or [t]:
        if not isinstance(root, Tensor):
            raise TypeError(
                f"draw needs a Tensor, several Tensors in a list, or a Graph; got "
                f"{type(t).__name__}{'' if root is t else f' with {type(root).__name__} in it'}."
            )
    return roots


def _options(show: Any, rankdir: Any, legend: Any, title: Any, folded: Folding) -> Options:
    """Check the arguments that choose what a picture shows."""
    wanted = [show] if isinstance(show, str) or not isinstance(show, Iterable) else list(show)
    for part in wanted:
        if part not in PARTS:
            raise ValueError(f"show takes any of {_listed(PARTS)}; got {part!r}.")
    if rankdir not in DIRECTIONS:
        raise ValueError(
            f"rankdir is one of {_listed(DIRECTIONS)} (left to right, top to bottom); got "
            f"{rankdir!r}."
        )
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title is text or None; got {type(title).__name__}.")
    return Options(tuple(p for p in PARTS if p in wanted), rankdir, bool(legend), title, folded)


def _listed(choices: Iterable[str]) -> str:
    return ", ".join(map(repr, choices))
