"""Which boxes a picture has: what the user folds, what repeats, and what there is no room for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import takewhile

from autograd_lite.calls import Call
from autograd_lite.draw.clusters import Homes, clusters, deepest, homes
from autograd_lite.draw.fold import Box, Plan, planned, within
from autograd_lite.draw.formulas import is_inline
from autograd_lite.draw.modules import boxed, check, shut_calls
from autograd_lite.graph import Graph, Node

ROLLED_FROM = 40
"""Of a picture with more boxes, equal modules in a row are drawn once."""


@dataclass(frozen=True, slots=True)
class Folding:
    """What is to be folded; the fields are parameters of `draw`."""

    depth: int | None = None
    collapse: tuple[str, ...] = ()
    roll: bool | None = None
    max_nodes: int = 400


def plan(graph: Graph, named: Collection[str], folding: Folding) -> Plan:
    """Decide what is drawn.

    Parameters
    ----------
    graph : Graph
        The computation.
    named : collection of str
        Identifiers of nodes that the user has given a name.
    folding : Folding
        What is to be folded.
    """
    at = homes(graph, named)
    check(folding.collapse, at)
    drawn = [node for node in graph if not is_inline(node)]
    level = deepest(at)
    shut, most = shut_calls(at, folding.depth, folding.collapse), folding.max_nodes
    roll = bool(shut) if folding.roll is None else folding.roll
    boxes: list[Box] = boxed(graph, at, drawn, shut, roll=roll) if level else [*drawn]
    if folding.roll is None and not roll and level and len(boxes) > ROLLED_FROM:
        boxes = boxed(graph, at, drawn, shut, roll=True)
    asked = boxes
    while len(boxes) > most and level > 0:
        level -= 1
        shut |= shut_calls(at, level)
        boxes = boxed(graph, at, drawn, shut, roll=folding.roll is not False)
    if len(boxes) > most:
        boxes = within(graph, planned(graph, boxes).boxes, named, most)
    found = planned(graph, boxes)
    frames = clusters(graph, at, [(box.id, _stands_in(box, at)) for box in found.boxes])
    remarks = _remarks(found, folding, squeezed=boxes is not asked)
    return replace(found, clusters=frames, remarks=tuple(remarks))


def _stands_in(box: Box, at: Homes) -> tuple[Call, ...]:
    """Return the calls that a box stands in: those that all of its values belong to."""
    if isinstance(box, Node):
        return at[box.id]
    chains = zip(*(at[node.id] for node in box.nodes), strict=False)
    common = takewhile(lambda calls: len(set(calls)) == 1, chains)
    return tuple(calls[0] for calls in common if calls[0] not in box.calls)


def _remarks(found: Plan, folding: Folding, *, squeezed: bool) -> list[str]:
    """Say what is folded, and what to do about it."""
    remarks = []
    hidden = sum(len(fold.nodes) for fold in found.folds)
    if squeezed and hidden:
        total = f"{len(found.home):,}"
        remarks.append(f"{hidden:,} of {total} values are folded: max_nodes={folding.max_nodes}")
    elif folding.roll is None and any(fold.more for fold in found.folds):
        remarks.append("of equal modules in a row, the first is drawn: roll=False draws all")
    return remarks
