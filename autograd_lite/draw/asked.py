"""What `draw` was asked for: its arguments are checked, and the picture made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import FrameType
from typing import Any

from autograd_lite.draw import names as called
from autograd_lite.draw.dot import picture
from autograd_lite.draw.drawing import FORMATS, Drawing
from autograd_lite.draw.planning import Folding
from autograd_lite.draw.scene import Options, scene
from autograd_lite.draw.theme import THEMES
from autograd_lite.graph import Graph, names_in
from autograd_lite.tensor import Tensor

PARTS = ("shape", "dtype", "value", "grad", "map", "local")
DIRECTIONS = ("LR", "TB")
SWEEPS = ("forward", "backward", "both")


def drawn(
    t: Any, frame: FrameType, names: Any, options: Options, sweep: Any, theme: Any
) -> Drawing:
    """Name the values by what a frame calls them, and draw them."""
    for what, given, known in (("sweep", sweep, SWEEPS), ("theme", theme, THEMES)):
        if given not in known:
            raise ValueError(f"{what} is one of {_listed(known)}; got {given!r}.")
    tensors, arrays = called.split(None if names is False else names)
    local_tensors, local_arrays = called.from_frame(frame, taken=names or ())
    graph = t if isinstance(t, Graph) else Graph(_roots(t), local_tensors)
    found = {} if names is False else called.by_node(graph, tensors, arrays, local_arrays)
    if sweep != "forward":
        graph = graph.backward(forward=sweep == "both", names=found)
    return replace(picture(scene(graph, found, options)), theme=theme)


def graph_of(t: Any, frame: FrameType) -> Graph:
    """Return the computation of tensors, with the names that a frame has for them."""
    return Graph(_roots(t), names_in(frame))


def with_format(drawing: Drawing, format: str) -> Drawing:
    """Return a drawing that is saved in a format where the path has no extension."""
    if f".{format}" not in FORMATS:
        kinds = _listed(kind.removeprefix(".") for kind in FORMATS)
        raise ValueError(f"format is one of {kinds}; got {format!r}.")
    return replace(drawing, format=format)


def _roots(t: Any) -> list[Tensor]:
    """Return the tensors to be drawn."""
    roots = [t] if isinstance(t, Tensor) else list(t) if isinstance(t, Iterable) else []
    for root in roots or [t]:
        if not isinstance(root, Tensor):
            inside = "" if root is t else f" with {type(root).__name__} in it"
            hint = " It draws itself: use its .save(path)." if hasattr(t, "save") else ""
            raise TypeError(
                f"draw needs a Tensor, several Tensors in a list, or a Graph; got "
                f"{type(t).__name__}{inside}.{hint}"
            )
    return roots


def options_of(show: Any, rankdir: Any, legend: Any, title: Any, folded: Folding) -> Options:
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
