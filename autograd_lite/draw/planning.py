"""Which boxes a picture has: what the user folds, what repeats, and what there is no room for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from autograd_lite.draw.backprop import hosts
from autograd_lite.draw.clusters import Loop, clusters, deepest, way_there
from autograd_lite.draw.fold import Box, Plan, Planner
from autograd_lite.draw.formulas import is_inline
from autograd_lite.draw.loops import rolled
from autograd_lite.draw.module_folds import ModuleFolds, check, shut_calls
from autograd_lite.functional.settings import check_counts, if_given
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.calls import Call
from autograd_lite.graph.nodes import Homes, homes
from autograd_lite.graph.repetition import Repetition

FEW = 2  # A network and its loss.
ROLLED_FROM = 40
"""Of a picture with more boxes, equal modules in a row are drawn once."""


LEAST_NODES, IN_A_PICTURE, ON_A_PAGE = 5, 60, 400
LOOP = "× in a frame: a loop, of which the last round is drawn; dashed: what a round hands on"


@dataclass(frozen=True, slots=True)
class Folding:
    """What is folded into one box; the fields are parameters of `draw`.

    Attributes
    ----------
    depth : int, optional
        How many levels of modules are open: with 0, the outermost is one box, with 1 its parts.
    collapse : tuple of str
        Modules that are one box, by path or class: ``("hidden", "Block", "blocks.*")``.
    roll : bool, optional
        Whether equal modules in a row, three or more, become one box that says how many; where
        they are open, after the first. By default in a picture with more than 40 boxes.
    max_nodes : int, optional
        Past so many boxes, modules are folded, the innermost first, and then stretches of
        operations; the picture says so. Inputs, outputs and, outside of modules, parameters stay.
        By default 60 in a picture, and 400 on a page, where one can move about.
    loops : bool
        Whether of a loop one round is drawn; the page starts from one that is unrolled.
    shut_loops : bool
        Whether loops are one box each, as in an overview.
    """

    depth: int | None = None
    collapse: tuple[str, ...] = ()
    roll: bool | None = None
    max_nodes: int | None = None
    loops: bool = True
    shut_loops: bool = False

    @property
    def most(self) -> int:
        """How many boxes there may be."""
        if self.max_nodes is not None:
            return self.max_nodes
        return IN_A_PICTURE if self.loops else ON_A_PAGE


def folding(depth: Any, collapse: Any, roll: Any, max_nodes: Any) -> Folding:
    """Check the arguments of `draw` that choose what is folded."""
    check_counts("draw", 0, **if_given(depth=depth))
    one = isinstance(collapse, str) or not isinstance(collapse, Iterable)
    patterns = (collapse,) if one else tuple(collapse)
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(
                f"collapse takes paths and classes of modules, as in ['hidden', 'Linear']; got "
                f"{type(pattern).__name__}."
            )
    if roll not in (None, True, False):
        raise ValueError(f"roll is True, False or None (where it saves room); got {roll!r}.")
    check_counts("draw", LEAST_NODES, **if_given(max_nodes=max_nodes))
    return Folding(depth, patterns, roll, max_nodes)


def plan(
    graph: Graph,
    names: Mapping[str, str],
    folding: Folding,
    repeated: Sequence[Repetition] = (),
    kept: Collection[str] = (),
) -> Plan:
    """Decide what is drawn.

    - `names`: what values are called, by the identifiers of their nodes.
    - `folding`: what is to be folded.
    - `repeated`: the loops.
    - `kept`: identifiers of the nodes that the user has given a name.
    """
    homes_of = homes(graph, kept)
    shut = shut_calls(_all_apart(graph, homes_of), folding.depth, folding.collapse)
    open_ = [
        loop for loop in repeated
        if folding.loops and folding.roll is not False
        and not all(shut.intersection(homes_of[node.id]) for node in loop.body)
    ]  # fmt: skip
    roll_ = rolled(graph, open_, homes_of, names)
    frames_of = roll_.at
    at = _all_apart(graph, frames_of)
    check(folding.collapse, at)
    host = hosts(graph)
    unseen = {x.id for nodes in roll_.hidden.values() for x in nodes}
    unseen.update(node.id for group in roll_.groups for node in group.nodes)
    drawn = [
        node for node in graph
        if not is_inline(node) and node.id not in host and node.id not in unseen
    ]  # fmt: skip
    steps: dict[str, list[Node]] = {key: list(nodes) for key, nodes in roll_.hidden.items()}
    for node in graph:
        if node.id in host:
            steps.setdefault(host[node.id], []).append(node)
    level = deepest(at)
    shut, most = shut_calls(at, folding.depth, folding.collapse), folding.most
    if folding.shut_loops:
        shut |= {call for chain in at.values() for call in chain if isinstance(call, Loop)}
    roll = bool(shut) if folding.roll is None else folding.roll
    roll = roll and not open_

    modules, planner = ModuleFolds(graph, at), Planner(graph, steps, roll_.carried)

    def filled(shut: Collection[Call], *, roll: bool) -> list[Box]:
        boxes: list[Box] = [*drawn]
        if shut or roll:
            boxes = modules.boxed(drawn, shut, roll=roll)
        return [*roll_.groups, *boxes]

    boxes = filled(shut, roll=roll)
    if folding.roll is None and not roll and not open_ and level and len(boxes) > ROLLED_FROM:
        boxes = filled(shut, roll=True)
    asked = boxes
    outermost = {chain[0] for chain in frames_of.values() if chain}
    while len(boxes) > most and level > (len(outermost) <= FEW):  # One box would say nothing.
        level -= 1
        shut |= shut_calls(at, level)
        boxes = filled(shut, roll=folding.roll is not False and not open_)
    if len(boxes) > most:
        boxes = planner.within(boxes, {*kept, *roll_.hidden}, most)
    found = planner.planned(boxes)
    stands = [(box.id, _stands_in(box, frames_of)) for box in found.boxes]
    frames = clusters(graph, frames_of, stands)
    remarks = _remarks(found, folding, squeezed=boxes is not asked)
    return replace(found, clusters=frames, remarks=tuple(remarks))


def _all_apart(graph: Graph, at: Homes) -> Homes:
    if not any(node.backward for node in graph):
        return at
    return {key: _apart(graph[key], calls) for key, calls in at.items()}


def _apart(node: Node, calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Tell the way back through a module from the way there: folded into one box, it is a cycle."""
    if not node.backward:
        return calls
    return tuple(replace(call, number=-1 - call.number, parameters=0) for call in calls)


def _stands_in(box: Box, at: Homes) -> tuple[Call, ...]:
    """Return the calls that a box stands in: those that all of its values belong to."""
    if isinstance(box, Node):
        return at[box.id]
    chains = zip(*(at[node.id] for node in box.nodes), strict=False)
    common = takewhile(lambda calls: len(set(calls)) == 1, chains)
    own = {way_there(call) for call in box.calls}
    return tuple(calls[0] for calls in common if way_there(calls[0]) not in own)


def _remarks(found: Plan, folding: Folding, *, squeezed: bool) -> list[str]:
    """Say what is folded, and what to do about it."""
    remarks = []
    hidden = sum(len(fold.nodes) for fold in found.folds)
    if squeezed and hidden:
        total = f"{len(found.home):,}"
        remarks.append(f"{hidden:,} of {total} values are folded: max_nodes={folding.most}")
    elif folding.roll is None and found.carried and not folding.shut_loops:
        remarks.append(LOOP)
    elif folding.roll is None and any(fold.more for fold in found.folds):
        remarks.append("of equal modules in a row, the first is drawn: roll=False draws all")
    return remarks
