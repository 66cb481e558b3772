"""Which values of a large computation are drawn, and which are folded into one box.

Up to `max_nodes` values everything is drawn. Past that, runs of nameless operations that each
use only the one before become one box; if that is not enough, the operations between the first
and the last ones do. What lies between two points in the order of computation has no way out
and back in, so a fold never closes a cycle. Inputs and parameters are kept, unless there is no
room for them, or there are many that only folded operations use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from autograd_lite.draw.formulas import is_inline
from autograd_lite.graph import Graph, Kind, Node

SHORTEST_RUN = 3  # Two operations take no more room than the box that would stand for them.
MOST_PRIVATE = 12  # Leaves of a fold that are drawn: a few are telling, hundreds are a wall.


@dataclass(slots=True)
class Fold:
    """A box that stands for several values."""

    id: str
    nodes: list[Node] = field(default_factory=list)

    def count(self, *kinds: Kind) -> int:
        """Return how many of its values are of some kind."""
        return sum(node.kind in kinds for node in self.nodes)

    @property
    def contents(self) -> list[str]:
        """What it stands for: ``12 operations``, ``1 parameter``."""
        counts = {
            "operation": self.count("operation"),
            "parameter": self.count("parameter"),
            "input": self.count("input", "constant"),
        }
        return [f"{n:,} {kind}{'' if n == 1 else 's'}" for kind, n in counts.items() if n]

    @property
    def title(self) -> str:
        """What it stands for, in one line."""
        return f"… {', '.join(self.contents)}"


Box = Node | Fold


@dataclass(frozen=True, slots=True)
class Plan:
    """The boxes of a picture in the order of computation, and which box each node is in."""

    boxes: tuple[Box, ...]
    home: dict[str, str]

    @property
    def folds(self) -> list[Fold]:
        """The boxes that stand for several values."""
        return [box for box in self.boxes if isinstance(box, Fold)]

    def edges(self) -> list[tuple[str, str]]:
        """Return the arrows between boxes, each once, in the order of the operands."""
        found: dict[tuple[str, str], None] = {}
        for box in self.boxes:
            for node in box.nodes if isinstance(box, Fold) else [box]:
                for operand in node.operands:
                    start = self.home.get(operand, box.id)
                    if start != box.id:
                        found[start, box.id] = None
        return list(found)


def plan(graph: Graph, named: Collection[str], max_nodes: int) -> Plan:
    """Decide what is drawn.

    Parameters
    ----------
    graph : Graph
        The computation.
    named : collection of str
        Identifiers of nodes that the user has given a name.
    max_nodes : int
        How many values are drawn one by one.
    """
    drawn = [node for node in graph if not is_inline(node)]
    if len(drawn) <= max_nodes:
        return _planned(graph, drawn)
    outputs = {node.id for node in graph.outputs}
    boxes = _with_runs_folded(graph, drawn, outputs.union(named))
    if len(boxes) > max_nodes:
        boxes = _with_middle_folded(graph, boxes, outputs, max_nodes)
    return _planned(graph, boxes)


def _planned(graph: Graph, boxes: Iterable[Box]) -> Plan:
    home: dict[str, str] = {}
    position = {node.id: i for i, node in enumerate(graph)}
    start: dict[str, int] = {}
    boxes = list(boxes)
    for box in boxes:
        members = box.nodes if isinstance(box, Fold) else [box]
        home.update((node.id, box.id) for node in members)
        start[box.id] = min(position[node.id] for node in members)
    return Plan(tuple(sorted(boxes, key=lambda box: start[box.id])), home)


def _with_runs_folded(graph: Graph, drawn: Sequence[Node], kept: Collection[str]) -> list[Box]:
    """Fold runs in which every operation uses only the one before, and nothing else uses that."""
    run_of: dict[str, Fold] = {}
    boxes: list[Box] = []
    for node in drawn:
        operands = {x for x in node.operands if not is_inline(graph[x])}
        alone = len(operands) == 1 and len(graph.consumers(node)) == 1
        if node.kind != "operation" or node.id in kept or not alone:
            boxes.append(node)
            continue
        (before,) = operands
        run = run_of.get(before)
        if run is None:
            run = Fold(f"fold_{node.id}")
            boxes.append(run)
        run.nodes.append(node)
        run_of[node.id] = run
    return _without_small(boxes, SHORTEST_RUN)


def _without_small(boxes: Iterable[Box], least: int) -> list[Box]:
    """Draw the values of small folds one by one after all."""
    kept: list[Box] = []
    for box in boxes:
        kept += box.nodes if isinstance(box, Fold) and len(box.nodes) < least else [box]
    return kept


def _with_middle_folded(
    graph: Graph, boxes: Sequence[Box], outputs: Collection[str], max_nodes: int
) -> list[Box]:
    """Fold all operations but the first, the last and the outputs, and leaves past the budget."""
    leaves = [box for box in boxes if isinstance(box, Node) and box.primitive is None]
    is_leaf = {leaf.id for leaf in leaves}
    operations = [box for box in boxes if box.id not in is_leaf]
    room = max(max_nodes - len(leaves), max_nodes // 2)
    if len(outputs) > room // 2:
        outputs = ()  # Too many to be kept whatever they are.
    ends = max(1, (room - len(outputs)) // 2)
    kept = {box.id for box in (*operations[:ends], *operations[-ends:])}.union(outputs)
    shown = _gaps_folded(operations, kept)
    return _leaves_folded(graph, shown, leaves, max(1, max_nodes - len(shown)))


def _gaps_folded(boxes: Sequence[Box], kept: Collection[str]) -> list[Box]:
    """Make one fold of each unbroken stretch that is not kept."""
    shown: list[Box] = []
    gap: Fold | None = None
    for box in boxes:
        if box.id in kept:
            gap = None
            shown.append(box)
            continue
        if gap is None:
            gap = Fold(f"fold_{box.id.removeprefix('fold_')}")
            shown.append(gap)
        gap.nodes += box.nodes if isinstance(box, Fold) else [box]
    return _without_small(shown, 2)


def _leaves_folded(graph: Graph, shown: list[Box], leaves: Sequence[Node], room: int) -> list[Box]:
    """Fold what only folded operations use, if that is much, and whatever there is no room for."""
    home = _planned(graph, shown).home
    folds = {box.id: box for box in shown if isinstance(box, Fold)}
    visible: list[Node] = []
    private: dict[str, list[Node]] = {}
    for leaf in leaves:
        users = [home[user.id] for user in graph.consumers(leaf)]
        if users and leaf not in graph.outputs and all(user in folds for user in users):
            private.setdefault(users[0], []).append(leaf)
        else:
            visible.append(leaf)
    for key, used in private.items():
        if len(used) <= MOST_PRIVATE:
            visible += used
        else:
            folds[key].nodes += used
    for leaf in visible[room:]:
        users = [home[user.id] for user in graph.consumers(leaf)] or ["nothing"]
        key = users[0] if users[0] in folds else f"fold_into_{users[0]}"
        if key not in folds:
            folds[key] = Fold(key)
            shown.append(folds[key])
        folds[key].nodes.append(leaf)
    return [*visible[:room], *shown]
