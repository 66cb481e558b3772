"""Folding by modules: a call becomes one box, and equal calls in a row become one box together.

The values of a call are convex: what lies between two of them was made in the call too. So neither
a call nor a row of calls closes a cycle when it is folded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from autograd_lite.draw.clusters import parameters_of
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import is_inline
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.calls import Call
from autograd_lite.graph.nodes import Homes, ordered_calls
from autograd_lite.ops.writing import literal

FEWEST_IN_A_ROW = 3
LONGEST_PERIOD = 4

Signature = tuple[Any, ...]


def check(patterns: Iterable[str], at: Homes) -> None:
    """Refuse a path or class that no module of a computation has."""
    calls = ordered_calls(at)
    for pattern in patterns:
        if not any(_fits(call, pattern) for call in calls):
            known = dict.fromkeys(name for call in calls for name in (call.path, call.kind) if name)
            raise ValueError(
                f"collapse={pattern!r} is neither path nor class of a module here. There are: "
                f"{', '.join(known) or 'none, since nothing was computed by a module'}."
            )


def _fits(call: Call, pattern: str) -> bool:
    return fnmatchcase(call.path, pattern) or fnmatchcase(call.kind, pattern)


def shut_calls(at: Homes, depth: int | None, patterns: Sequence[str] = ()) -> set[Call]:
    """Return the calls that are one box: those below a depth, and those that a pattern names."""
    found: set[Call] = set()
    for chain in set(at.values()):
        if depth is not None:
            found.update(chain[depth:])
        found.update(call for call in chain if any(_fits(call, p) for p in patterns))
    return found


def _finished(fold: Fold) -> Box:
    """Give a fold its identifier and its parameter count; a single value is not a fold."""
    operations = [node for node in fold.nodes if node.operands]
    if len(fold.nodes) == 1 or not operations:
        return fold.nodes[0]
    fold.id = f"fold_{operations[0].id}"
    if len(fold.calls) == 1:
        fold.parameters = parameters_of(fold.calls[0], fold.nodes)
    else:
        learnt = (node for node in fold.nodes if node.kind == "parameter")
        fold.parameters = sum(int(np.size(node.value)) for node in learnt)
    return fold


@dataclass(slots=True)
class _Item:
    """A call among its siblings, or a loose operation between calls, with its leaves."""

    call: Call | None
    nodes: list[Node] = field(default_factory=list)


class ModuleFolds:
    """Folds the modules of a graph, given the calls that each value belongs to."""

    def __init__(self, graph: Graph, at: Homes) -> None:
        self.graph, self.at = graph, at
        self.outputs = {node.id for node in graph.outputs}
        # The longest row from an item on, by level, first value, and number of items that follow.
        self.known: dict[tuple[int, str, int], tuple[int, int]] = {}

    def boxed(self, drawn: Sequence[Node], shut: Collection[Call], *, roll: bool) -> list[Box]:
        """Put the values of a call that is shut into one box, and those of equal calls in a row.

        - `drawn`: the values that are to be in a box.
        - `shut`: what is one box; the outermost counts.
        - `roll`: whether of equal calls in a row only the first is drawn, or none where they are
          shut.
        """
        fold_of: dict[str, Fold] = {}
        for fold in self._rows(shut) if roll else ():
            fold_of.update((node.id, fold) for node in fold.nodes)
            fold.nodes = []
        single: dict[Call, Fold] = {}
        boxes: list[Box] = []
        for node in drawn:
            home = fold_of.get(node.id)
            if home is None:
                call = next((call for call in self.at[node.id] if call in shut), None)
                if call is None:
                    boxes.append(node)
                    continue
                home = single.setdefault(call, Fold("", calls=(call,)))
            if not home.nodes:
                boxes.append(home)
            home.nodes.append(node)
        return [_finished(box) if isinstance(box, Fold) else box for box in boxes]

    def _rows(self, shut: Collection[Call]) -> list[Fold]:
        """Find equal calls in a row, each of which uses the one before; fold what is hidden.

        A row may have a period: of ``Linear, Tanh, Linear, Tanh, …`` two make a block.
        """
        found: list[Fold] = []
        levels: list[tuple[int, list[Node]]] = [(0, list(self.graph))]
        while levels:
            level, nodes = levels.pop()
            items = _items(self.at, nodes, level)
            first = 0
            while first < len(items):
                key = level, items[first].nodes[0].id, len(items) - first
                if key not in self.known:
                    self.known[key] = self._longest(items, first, level)
                period, times = self.known[key]
                last = first + period * times
                blocks = [items[i : i + period] for i in range(first, last, period)]
                first += max(1, period * times)
                hidden = blocks
                inside = [x for x in blocks[0] if x.call is not None and x.call not in shut]
                if inside:
                    hidden = blocks[1:]
                    levels += [(level + 1, x.nodes) for x in inside]
                if times > 1:
                    found.append(_fold_of(hidden, len(blocks)))
        return found

    def _longest(self, items: Sequence[_Item], first: int, level: int) -> tuple[int, int]:
        """Return period and number of the equal blocks in a row that start at an item."""
        best = (1, 1)
        for period in range(1, LONGEST_PERIOD + 1):
            block = items[first : first + period]
            if not any(item.call for item in block):
                continue
            before, times, links = _Block(self.graph, block, self.at, level), 1, None
            while True:
                start = first + period * times
                block = items[start : start + period]
                if len(block) < period or [x.call and x.call.kind for x in block] != before.kinds:
                    break
                after = _Block(self.graph, block, self.at, level)
                link = before.link(self.graph, after, self.outputs)
                if link is None or links not in (None, link):
                    break
                before, links, times = after, link, times + 1
            if times >= FEWEST_IN_A_ROW and period * times > best[0] * best[1]:
                best = (period, times)
                if times > LONGEST_PERIOD:
                    break  # A longer block repeats within these, and no further.
        return best


def _fold_of(blocks: Sequence[Sequence[_Item]], times: int) -> Fold:
    calls = tuple(item.call for block in blocks for item in block if item.call is not None)
    nodes = [node for block in blocks for item in block for node in item.nodes]
    kinds = tuple(item.call.kind if item.call else _operation(item) for item in blocks[0])
    return Fold("", nodes, calls, kinds, times=len(blocks), more=len(blocks) < times)


def _operation(item: _Item) -> str:
    """Return the operation of a loose item."""
    return next(node.primitive.name for node in item.nodes if node.primitive is not None)


def _items(at: Homes, nodes: Iterable[Node], level: int) -> list[_Item]:
    """Sort values into the calls at a level; a loose operation is an item with its own leaves."""
    by_call: dict[Call, _Item] = {}
    items: list[_Item] = []
    leaves: list[Node] = []
    for node in nodes:
        call = at[node.id][level] if len(at[node.id]) > level else None
        if call is not None:
            if call not in by_call and node.operands:
                items.append(by_call.setdefault(call, _Item(call)))
            (by_call[call].nodes if call in by_call else leaves).append(node)
        elif node.operands:
            items.append(_Item(None, [node]))
    for leaf in leaves:  # Born before the first operation of their call.
        if at[leaf.id][level] in by_call:
            by_call[at[leaf.id][level]].nodes.append(leaf)
    return items


class _Block:
    """Some items in a row, described so that equal ones are told."""

    def __init__(self, graph: Graph, items: Sequence[_Item], at: Homes, level: int) -> None:
        self.kinds = [item.call and item.call.kind for item in items]
        self.members = {node.id: node for item in items for node in item.nodes}
        self.index: dict[str, int] = {}
        self.outside: dict[str, int] = {}
        self.signature = [
            (
                node.primitive.name,
                {key: literal(x) for key, x in node.parameters.items()},
                node.shape,
                tuple(call.kind for call in at[node.id][level:]),
                [self._operand(x) for x in graph.operands(node)],
                self.index.setdefault(node.id, len(self.index)),
            )
            for node in self.members.values()
            if node.primitive is not None
        ]

    def _operand(self, x: Node) -> tuple[Any, ...]:
        if is_inline(x):
            return ("number", str(x.value))
        look = (x.kind, x.shape, np.asarray(x.value).dtype, x.requires_grad)
        if x.id in self.members:
            return ("inside", self.index.setdefault(x.id, len(self.index)), *look)
        return ("outside", self.outside.setdefault(x.id, len(self.outside)), *look[1:3])

    def link(self, graph: Graph, after: _Block, outputs: Collection[str]) -> list[int] | None:
        """Return how the next block uses this one; None if it is another, or something else does.

        That is for each of its operands from outside the position in this block, or -1 for one
        that both use.
        """
        if self.signature != after.signature or outputs & self.members.keys():
            return None
        before = list(self.outside)
        found = []
        for i, x in enumerate(after.outside):
            if x not in self.index and before[i : i + 1] != [x]:
                return None
            found.append(self.index.get(x, -1))
        if max(found, default=-1) < 0:
            return None
        for node in self.members.values():
            for user in graph.consumers(node):
                if user.id not in self.members and user.id not in after.members:
                    return None
        return found
