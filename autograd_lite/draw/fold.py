"""The boxes of a picture: a value each, or a fold that stands for several.

Runs of nameless operations that each use only the one before become one box; if that is not
enough, the operations between the first and the last ones do. What lies between two points in the
order of computation has no way out and back in, so such a fold never closes a cycle. Inputs and
parameters are kept, unless there is no room for them, or there are many that only folded
operations use.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import groupby

from autograd_lite.draw.clusters import Cluster, counted, name_and_class
from autograd_lite.draw.formulas import is_inline
from autograd_lite.graph import Graph, Kind, Node
from autograd_lite.graph.calls import Call

SHORTEST_RUN = 3  # Two operations take no more room than the box that would stand for them.
MOST_PRIVATE = 12  # Leaves of a fold that are drawn: a few are telling, hundreds are a wall.


@dataclass(slots=True)
class Fold:
    """A box that stands for several values."""

    id: str  # Of the box.
    nodes: list[Node] = field(default_factory=list)  # The values, in the order of computation.
    # The calls of modules that it stands for: one, or several equal ones in a row. Empty for a
    # stretch of operations.
    calls: tuple[Call, ...] = ()
    # Of what each of several equal blocks consists: classes, and operations between them.
    kinds: tuple[str, ...] = ()
    parameters: int = 0  # How many numbers those modules learn.
    times: int = 1  # How many equal blocks in a row it stands for.
    more: bool = False  # Whether the block before, which is drawn in full, is equal to these.
    name: str = ""  # What formulas call the output of modules, if that has a name of its own.
    # Whether it stands for leaves that are alike; `name` is then that of the first and the last.
    alike: bool = False
    takes: str = ""  # The shapes of what enters it, where they are to be shown.

    def count(self, *kinds: Kind) -> int:
        """Return how many of its values are of some kind."""
        return sum(node.kind in kinds for node in self.nodes)

    @property
    def result(self) -> Node:
        """The last of its values; of a module, what it returned."""
        return next(
            node for node in reversed(self.nodes) if node.kind == "operation" or not self.calls
        )

    @property
    def has_output(self) -> bool:
        """Whether its last value is what it stands for: so for a module on the way there."""
        return bool(self.calls) and not self.result.backward

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
    def heading(self) -> tuple[str, str]:
        """What is written first, and what small below: a path; class and parameter count."""
        if self.alike:
            return self.name or self.contents[0], self.contents[0] * bool(self.name)
        if not self.calls:
            first, *others = self.contents
            return f"… {first}", ", ".join(others)
        if self.times == 1:
            path, *rest = name_and_class(self.calls[0])
        else:
            path = " … ".join(name_and_class(call)[0] for call in (self.calls[0], self.calls[-1]))
            rest = [f"{', '.join(self.kinds)} × {self.times:,}"]
        if self.name not in ("", path):
            path = f"{path} → {self.name}"
        back = "" if self.has_output else "backward"
        return path, " · ".join(filter(None, [*rest, back, counted(self.parameters)]))

    @property
    def title(self) -> str:
        """What it stands for, in one line."""
        if self.alike or self.calls:
            return " · ".join(filter(None, self.heading))
        return f"… {', '.join(self.contents)}"


Box = Node | Fold


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn."""

    boxes: tuple[Box, ...]  # In the order of computation.
    home: dict[str, str]  # Which box each value is in, by identifiers.
    clusters: tuple[Cluster, ...] = ()  # The frames around the boxes, the outermost.
    remarks: tuple[str, ...] = ()  # What is folded, and what to do about it.
    # Values that are in the box of another, by its identifier: steps of the backward pass in that
    # of a gradient, the other rounds of a loop in that of the last.
    steps: Mapping[str, Sequence[Node]] = field(default_factory=dict)
    # Which operations of a loop use which results of the round before.
    carried: Collection[tuple[str, str]] = ()

    @property
    def folds(self) -> list[Fold]:
        """The boxes that stand for several values."""
        return [box for box in self.boxes if isinstance(box, Fold)]

    def edges(self) -> list[tuple[str, str]]:
        """Return the arrows between boxes, each once, in the order of the operands."""
        return self._arrows(back=False)

    def back(self) -> list[tuple[str, str]]:
        """Return the arrows on which a loop hands on its state, from the end to the start."""
        return self._arrows(back=True) if self.carried else []

    def _arrows(self, *, back: bool) -> list[tuple[str, str]]:
        found: dict[tuple[str, str], None] = {}
        for box in self.boxes:
            for node in _all_in(box, self.steps):
                for operand in node.operands:
                    start = self.home.get(operand, "" if back else box.id)
                    if (start != box.id or back) and back == ((node.id, operand) in self.carried):
                        found[start, box.id] = None
        return list(found)


def members(box: Box) -> list[Node]:
    """Return the values of a box."""
    return box.nodes if isinstance(box, Fold) else [box]


def _all_in(box: Box, steps: Mapping[str, Sequence[Node]]) -> list[Node]:
    """Return the values of a box, after the steps that lead to them."""
    if not steps:
        return members(box)
    return [x for node in members(box) for x in (*steps.get(node.id, ()), node)]


@dataclass(frozen=True, slots=True)
class Planner:
    """Puts the values of a graph into boxes; `steps` and `carried` are those of the plan."""

    graph: Graph
    steps: Mapping[str, Sequence[Node]]
    carried: Collection[tuple[str, str]]

    def planned(self, boxes: Iterable[Box]) -> Plan:
        """Put boxes in order, and note which values are in which; a fold in a cycle opens."""
        boxes = list(boxes)
        while True:
            home = {node.id: box.id for box in boxes for node in _all_in(box, self.steps)}
            ordered = self._in_order(boxes, home)
            if len(ordered) == len(boxes):
                return Plan(tuple(ordered), home, steps=self.steps, carried=self.carried)
            done = {box.id for box in ordered}
            boxes = [
                part
                for box in boxes
                for part in ([box] if isinstance(box, Node) or box.id in done else box.nodes)
            ]

    def within(self, boxes: Iterable[Box], named: Collection[str], most: int) -> list[Box]:
        """Fold until there are at most about so many boxes.

        - `boxes`: those that there would be.
        - `named`: identifiers of values that are not to be in the run of a chain.
        - `most`: how many boxes there may be.
        """
        outputs = {node.id for node in self.graph.outputs}
        boxes = self.planned(boxes).boxes
        folded = _with_runs_folded(self.graph, boxes, outputs.union(named))
        if len(folded) > most:
            leaves, shown = _with_middle_folded(folded, outputs, most)
            home = self.planned(shown).home
            folded = _leaves_folded(self.graph, shown, leaves, max(1, most - len(shown)), home)
        return folded

    def _in_order(self, boxes: Sequence[Box], home: Mapping[str, str]) -> list[Box]:
        """Sort boxes so that arrows lead onwards, by birth where there is a choice.

        What lies on a cycle, or behind one, is left out.
        """
        position = {node.id: i for i, node in enumerate(self.graph)}
        if not self.carried and not any(isinstance(box, Fold) for box in boxes):
            return sorted(boxes, key=lambda box: position[box.id])
        by_id = {box.id: box for box in boxes}
        start = {}
        waits: dict[str, set[str]] = {}
        then: dict[str, list[str]] = {box.id: [] for box in boxes}
        for box in boxes:
            inside = _all_in(box, self.steps)
            made = [node for node in inside if node.operands] or inside
            start[box.id] = min(position[node.id] for node in made)
            uses = {
                home[x]
                for node in inside for x in node.operands
                if x in home and (node.id, x) not in self.carried
            }  # fmt: skip
            waits[box.id] = uses - {box.id}
            for x in waits[box.id]:
                then[x].append(box.id)
        ready = [(start[key], key) for key, uses in waits.items() if not uses]
        heapify(ready)
        ordered = []
        while ready:
            _, key = heappop(ready)
            ordered.append(by_id[key])
            for other in then[key]:
                waits[other].discard(key)
                if not waits[other]:
                    heappush(ready, (start[other], other))
        return ordered


def _with_runs_folded(graph: Graph, drawn: Iterable[Box], kept: Collection[str]) -> list[Box]:
    """Fold runs in which every operation uses only the one before, and nothing else uses that."""
    run_of: dict[str, Fold] = {}
    boxes: list[Box] = []
    for node in drawn:
        if isinstance(node, Fold):
            boxes.append(node)
            continue
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
        small = isinstance(box, Node) or (
            not box.calls and not box.alike and len(box.nodes) < least
        )
        kept += members(box) if small else [box]
    return kept


def _with_middle_folded(
    boxes: Sequence[Box], outputs: Collection[str], max_nodes: int
) -> tuple[list[Node], list[Box]]:
    """Fold all operations but the first, the last and the outputs; leaves are apart."""
    leaves = [box for box in boxes if isinstance(box, Node) and box.primitive is None]
    is_leaf = {leaf.id for leaf in leaves}
    operations = [box for box in boxes if box.id not in is_leaf]
    room = max(max_nodes - len(leaves), max_nodes // 2)
    if len(outputs) > room // 2:
        outputs = ()  # Too many to be kept whatever they are.
    ends = max(1, (room - len(outputs)) // 2)
    kept = {box.id for box in (*operations[:ends], *operations[-ends:])}.union(outputs)
    return leaves, _gaps_folded(operations, kept)


def _gaps_folded(boxes: Sequence[Box], kept: Collection[str]) -> list[Box]:
    """Make one fold of each unbroken stretch of several boxes that is not kept."""
    shown: list[Box] = []
    for keep, stretch in groupby(boxes, key=lambda box: box.id in kept):
        several = list(stretch)
        if keep or len(several) == 1:
            shown += several
            continue
        gap = Fold(f"fold_{several[0].id.removeprefix('fold_')}")
        gap.nodes += [node for box in several for node in members(box)]
        shown.append(gap)
    return shown


def _leaves_folded(
    graph: Graph, shown: list[Box], leaves: Sequence[Node], room: int, home: Mapping[str, str]
) -> list[Box]:
    """Fold what only folded operations use, if that is much, and whatever there is no room for."""
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
