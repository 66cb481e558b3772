"""What `draw` was asked for: its arguments are checked, and the scene made, to fit if need be."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from autograd_lite.draw import names as called
from autograd_lite.draw.dot import written
from autograd_lite.draw.planning import LEAST_NODES, Folding, folding
from autograd_lite.draw.render import BREAK, render
from autograd_lite.draw.rows import STRETCH
from autograd_lite.draw.scene import Options, Scene, loops_of, overview_of, scene
from autograd_lite.draw.style import SMALL
from autograd_lite.draw.theme import THEMES
from autograd_lite.graph import Graph, names_in
from autograd_lite.graph.recording import uncollected
from autograd_lite.tensor import Tensor

PARTS = ("shape", "dtype", "value", "grad", "map", "local")
DIRECTIONS = ("LR", "TB")
NARROWEST = 100
SWEEPS = ("forward", "backward", "both")
SMALLEST = 7
"""Pixels of the smallest text."""
LARGE = ("map", "grad", "value")
"""Parts that boxes are large by, in the order in which they are left out."""


def asked(
    t: Any, frame: FrameType | None, *, names: Any = None,
    show: Any = ("shape", "dtype", "value", "grad", "map"), sweep: Any = "forward",
    rankdir: Any = None, legend: Any = True, title: Any = None, theme: Any = "auto",
    depth: Any = None, collapse: Any = (), roll: Any = None, max_nodes: Any = None,
    width: Any = 900, height: Any = None, overview: Any = False,
) -> Scene:  # fmt: skip
    """Return what `draw` is to draw, with values named by what a frame calls them."""
    options = _options(
        show, rankdir, legend, title, folding(depth, collapse, roll, max_nodes), width, height
    )
    for what, given, known in (("sweep", sweep, SWEEPS), ("theme", theme, THEMES)):
        if given not in known:
            raise ValueError(f"{what} is one of {_listed(known)}; got {given!r}.")
    tensors, arrays = called.split(None if names is False else names)
    local_tensors, local_arrays = called.from_frame(frame, taken=names or ())
    with uncollected():
        graph = (
            t
            if isinstance(t, Graph)
            else Graph(_roots(t), {**arrays, **local_arrays, **local_tensors})
        )
        found = {} if names is False else called.by_node(graph, tensors, arrays, local_arrays)
        if sweep != "forward":
            graph = graph.backward(forward=sweep == "both", names=found)
        make = partial(overview_of if overview else scene, graph, found)
        if height is None:
            return make(options)
        return _fitted(partial(make, repeated=loops_of(graph, options)), options)


def graph_of(t: Any, frame: FrameType) -> Graph:
    """Return the computation of tensors, with the names that a frame has for them."""
    return Graph(_roots(t), names_in(frame))


def _roots(t: Any) -> list[Tensor]:
    """Return the tensors to be drawn."""
    roots = [t] if isinstance(t, Tensor) else list(t) if isinstance(t, Iterable) else []
    for root in roots or [t]:
        if not isinstance(root, Tensor):
            inside = (
                "" if root is t or hasattr(t, "dtype") else f" with {type(root).__name__} in it"
            )
            hint = " It draws itself: use its .save(path)." if hasattr(t, "save") else ""
            hint = " Draw what it returns: draw(net(x))." if callable(t) else hint
            hint = " Make it a Tensor, and compute with that." if hasattr(root, "dtype") else hint
            raise TypeError(
                f"draw needs a Tensor, several Tensors in a list, or a Graph; got "
                f"{type(t).__name__}{inside}.{hint}"
            )
    return roots


def _options(
    show: Any, rankdir: Any, legend: Any, title: Any, folded: Folding, width: Any, height: Any
) -> Options:
    """Check the arguments that choose what a picture shows."""
    wanted = [show] if isinstance(show, str) or not isinstance(show, Iterable) else list(show)
    for part in wanted:
        if part not in PARTS:
            raise ValueError(f"show takes any of {_listed(PARTS)}; got {part!r}.")
    if rankdir not in (None, *DIRECTIONS):
        raise ValueError(
            f"rankdir is one of {_listed(DIRECTIONS)} (left to right, top to bottom), or None "
            f"(whichever fits); got {rankdir!r}."
        )
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title is text or None; got {type(title).__name__}.")
    if width is not None and (not isinstance(width, int | float) or not width >= NARROWEST):
        raise ValueError(
            f"width is the room for the picture in pixels, {NARROWEST} or more, or None for one "
            f"row however long; got {width!r}."
        )
    if height is not None and (
        width is None or not isinstance(height, int | float) or not height >= NARROWEST
    ):
        raise ValueError(
            f"height is the room for the picture in pixels, {NARROWEST} or more, beside a "
            f"width, or None for as much as it takes; got {height!r} and width {width!r}."
        )
    parts = tuple(p for p in PARTS if p in wanted)
    turns = rankdir is None
    return Options(parts, rankdir or "LR", bool(legend), title, folded, width, turns, height)


def _listed(choices: Iterable[str]) -> str:
    return ", ".join(map(repr, choices))


def _fitted(make: Callable[[Options], Scene], options: Options) -> Scene:
    """Return what is drawn, given how it is made, in the room that its options say.

    Text is made smaller first. Then maps and numbers are left out, and then so many values are
    folded as have to be.

    It raises a ValueError if there is room for nothing.
    """
    room = options.width or 0.0, options.height or 0.0

    def fitting(tried: Options) -> Scene | None:
        found = make(tried)
        missing = [part for part in LARGE if part in set(options.show).difference(tried.show)]
        if missing:
            remarks = *found.plan.remarks, f"left out, to fit: {', '.join(missing)}"
            found = replace(found, plan=replace(found.plan, remarks=remarks))
        return found if _scale(found, room) * SMALL >= SMALLEST else None

    tried = replace(options, width=room[0] * SMALL / SMALLEST / STRETCH)
    best = fitting(options) or fitting(tried)
    for part in LARGE:
        if best is None and part in tried.show:
            tried = replace(tried, show=tuple(x for x in tried.show if x != part))
            best = fitting(tried)
    low, high = LEAST_NODES, 0 if best else len(make(tried).plan.boxes)
    while low < high:
        count = (low + high) // 2
        folded = fitting(replace(tried, folding=replace(tried.folding, max_nodes=count)))
        best, low, high = (folded, count + 1, high) if folded else (best, low, count)
    if best is None:
        raise ValueError(
            f"draw: all of this would have text below {SMALLEST} pixels in {room[0]:g} × "
            f"{room[1]:g} pixels. Give more height=, or draw less: overview=True."
        )
    return best


def _scale(scene: Scene, room: tuple[float, float]) -> float:
    """Return by how much a picture is to be shrunk, or 1, given the room."""
    svg = render(BREAK.join(written(scene)), "svg").decode()
    (size,) = re.findall(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)
    return min(1.0, *(has / float(needs) for has, needs in zip(room, size, strict=True)))
