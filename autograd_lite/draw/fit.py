"""A picture for a page or a slide: so much is drawn that all text is legible there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from autograd_lite.draw.dot import written
from autograd_lite.draw.planning import LEAST_NODES
from autograd_lite.draw.render import BREAK, render
from autograd_lite.draw.rows import STRETCH
from autograd_lite.draw.scene import Options, Scene
from autograd_lite.draw.style import SMALL

SMALLEST = 7
"""Pixels of the smallest text."""
LARGE = ("map", "grad", "value")
"""Parts that boxes are large by, in the order in which they are left out."""


def fitted(make: Callable[[Options], Scene], options: Options) -> Scene:
    """Return what is drawn, given how it is made, in the room that its options say.

    Text is made smaller first. Then maps and numbers are left out, and then so many values are
    folded as have to be.

    Raises
    ------
    ValueError
        If there is room for nothing.
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
