"""Pictures of computations: `draw` makes one, a `Drawing` is one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from autograd_lite.draw import names as called
from autograd_lite.draw.dot import picture
from autograd_lite.draw.drawing import FORMATS, Drawing
from autograd_lite.draw.planning import Folding
from autograd_lite.draw.scene import Options, scene
from autograd_lite.draw.theme import THEMES, Theme
from autograd_lite.graph import Graph, names_in
from autograd_lite.tensor import Tensor

__all__ = ["Drawing", "draw", "draw_dot", "make_dot"]

SHOW = ("shape", "dtype", "value", "grad", "map")
PARTS = (*SHOW, "local")
DIRECTIONS = ("LR", "TB")
SWEEPS = ("forward", "backward", "both")
LEAST_NODES = 5


def draw(
    t: Tensor | Iterable[Tensor] | Graph,
    *,
    names: Mapping[str, Tensor | NDArray[Any]] | None = None,
    show: str | Iterable[str] = SHOW,
    rankdir: str = "LR",
    legend: bool = True,
    title: str | None = None,
    sweep: str = "forward",
    depth: int | None = None,
    collapse: str | Iterable[str] = (),
    roll: bool | None = None,
    max_nodes: int = 400,
    theme: Theme = "auto",
) -> Drawing:
    """Draw how a tensor was computed, with the numbers in it.

    Every value is a box: name, operation, shape, entries (of a large array: least, mean, largest)
    and gradient. Arrows lead from operands to results; plain numbers stand in the formulas. Numbers
    have four significant digits: ``0`` is exact, and ``0.000`` is rounded.

    Parameters
    ----------
    t : Tensor, iterable of Tensor, or Graph
        What was computed.
    names : mapping of str to Tensor or array, optional
        What values are called. Others go by `Tensor.name`, or else by the caller's local variable;
        a bare array by that of the caller's array with the same entries.
    show, rankdir : iterable of {"shape", "dtype", "value", "grad", "map", "local"}; {"LR", "TB"}
        What boxes show, and arrows (local derivatives); left to right, or top to bottom.
    legend, title : bool; str, optional
        Whether the looks of the boxes are explained; what stands above.
    max_nodes : int
        Past so many values, stretches of operations become one box, which says so.

    Returns
    -------
    Drawing
        Shows itself in Jupyter; ``.save("picture.svg")`` writes it; `Drawing.save` has the formats.

    Examples
    --------
    >>> import autograd_lite as al
    >>> x, w = al.Tensor(5.0, name="x"), al.Tensor(1.0, requires_grad=True, name="w")
    >>> print(al.draw(x * w - 42))
    x           scalar · float64
    w           scalar · float64
    x × w       scalar · float64
    x × w − 42  scalar · float64
    """
    options = _options(show, rankdir, legend, title, _folding(depth, collapse, roll, max_nodes))
    if theme not in THEMES:
        raise ValueError(f"theme is one of {_listed(THEMES)}; got {theme!r}.")
    if sweep not in SWEEPS:
        raise ValueError(f"sweep is one of {_listed(SWEEPS)}; got {sweep!r}.")
    tensors, arrays = called.split(names)
    local_tensors, local_arrays = called.from_frame(sys._getframe(1), taken=names or ())
    graph = t if isinstance(t, Graph) else Graph(_roots(t), local_tensors)
    known = called.by_node(graph, tensors, arrays, local_arrays)
    if sweep != "forward":
        graph = graph.backward(forward=sweep == "both", names=known)
    drawing = picture(scene(graph, known, options))
    return replace(drawing, theme=theme)


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


def draw_dot(root: Tensor, format: str = "svg", rankdir: str = "LR") -> Drawing:
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


def _options(show: Any, rankdir: Any, legend: Any, title: Any, folding: Folding) -> Options:
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
    return Options(tuple(p for p in PARTS if p in wanted), rankdir, bool(legend), title, folding)


def _folding(depth: Any, collapse: Any, roll: Any, max_nodes: Any) -> Folding:
    """Check the arguments that choose what a picture folds."""
    if depth is not None and (not isinstance(depth, int) or isinstance(depth, bool) or depth < 0):
        raise ValueError(f"depth is how many levels of modules are open: 0, 1, …; got {depth!r}.")
    patterns = (collapse,) if isinstance(collapse, str) else tuple(collapse)
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(
                f"collapse takes paths and classes of modules, as in ['hidden', 'Linear']; got "
                f"{type(pattern).__name__}."
            )
    if roll not in (None, True, False):
        raise ValueError(f"roll is True, False or None (where it saves room); got {roll!r}.")
    if not isinstance(max_nodes, int) or isinstance(max_nodes, bool) or max_nodes < LEAST_NODES:
        raise ValueError(f"max_nodes is a whole number from {LEAST_NODES} up; got {max_nodes!r}.")
    return Folding(depth, patterns, roll, max_nodes)


def _listed(choices: Iterable[str]) -> str:
    return ", ".join(map(repr, choices))
