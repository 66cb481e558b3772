"""A recorded training as one HTML file: weights, gradients and loss at every step, on one graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw import digits
from autograd_lite.draw.fold import Fold
from autograd_lite.draw.page.html import document, facts, relations
from autograd_lite.draw.page.stage import opened, stage
from autograd_lite.draw.page.story import Story
from autograd_lite.draw.scene import Scene
from autograd_lite.draw.theme import Theme
from autograd_lite.graph.cotangents import Cotangents
from autograd_lite.graph.json import entries, entry
from autograd_lite.graph.variables import same

MOST_NUMBERS = 400_000
"""Entries that are written into a page, over all steps: about seven megabytes. The arrays that do
not fit, the largest ones, are summed up."""

WIDEST = -0.08888
"""What takes the room in a box that any number may need, of those that the page shows."""

Line = list[Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded step."""

    label: float  # What the step is called.
    loss: float
    # By the identifier of the node.
    values: Mapping[str, NDArray[Any]]
    grads: Mapping[str, NDArray[Any]]


def page(scene: Scene, frames: Sequence[Frame], theme: Theme = "auto") -> str:
    """Write recorded steps of a scene as a page.

    - `frames`: the steps, at least one.
    - `theme`: {"auto", "light", "dark"}; the colours.
    """
    scene, folds = opened(scene)
    story = Story(scene, Cotangents())
    nodes = [box for box in story.order if not isinstance(box, Fold)]
    values = {node.id: [frame.values[node.id] for frame in frames] for node in nodes}
    grads = {
        node.id: [frame.grads[node.id] for frame in frames]
        for node in nodes if node.id in frames[0].grads
    }  # fmt: skip
    picture, staged = stage(
        scene, folds, {key: _widest(line) for key, line in values.items()},
        {key: np.full_like(line[0], WIDEST) for key, line in grads.items()},
    )  # fmt: skip
    written = _affordable(values, len(frames))
    data = {
        **staged,
        **relations(scene),
        "boxes": {box.id: facts(scene, box) for box in story.order},
        "frames": {
            "labels": [entry(frame.label) for frame in frames],
            "losses": [entry(frame.loss) for frame in frames],
            "values": {key: _changes(line) for key, line in values.items() if key in written},
            "grads": {key: _changes(line) for key, line in grads.items() if key in written},
            "sums": {"values": _sums(values), "grads": _sums(grads)},
        },
    }
    for node in nodes:
        data["boxes"][node.id] |= {
            "axes": list(node.shape),
            "partial": story.partial(node),
            "trained": node.kind == "parameter",
        }
    return document(scene, picture, data, theme)


def _widest(line: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return an array that takes as much room as any of several does."""
    first = line[0]
    if first.dtype.kind != "f" or all(same(first, x) for x in line):
        return first
    return np.full_like(first, WIDEST)


def _affordable(values: Mapping[str, Sequence[NDArray[Any]]], frames: int) -> set[str]:
    """Choose the arrays that are written in full, the small ones first."""
    room, chosen = MOST_NUMBERS, set()
    for key in sorted(values, key=lambda key: values[key][0].size):
        room -= 2 * frames * values[key][0].size
        if room < 0:
            break
        chosen.add(key)
    return chosen


def _changes(line: Sequence[NDArray[Any]]) -> Line:
    """Write an array at every step; None where it is as before."""
    found: Line = [entries(line[0].ravel())]
    found += [None if same(before, x) else entries(x.ravel()) for before, x in pairwise(line)]
    return found


def _sums(lines: Mapping[str, Sequence[NDArray[Any]]]) -> dict[str, Line]:
    """Sum up, at every step, the arrays that are too large to be written out in a box."""
    return {
        key: [[list(pair) for pair in digits.summary(array)] for array in line]
        for key, line in lines.items() if not digits.is_small(line[0]) and line[0].size
        and line[0].ndim
    }  # fmt: skip
