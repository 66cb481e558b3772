"""Modules in a picture: which boxes stand in which call, and what is written on its frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from autograd_lite.graph import Graph, Node
from autograd_lite.graph.calls import Call
from autograd_lite.graph.nodes import Homes


@dataclass(frozen=True, slots=True)
class Loop(Call):
    """A loop, framed like the call of a module: its path is what it computes, ``h₁ … h₁₀``."""

    times: int = 1


@dataclass(frozen=True, slots=True)
class Cluster:
    """The boxes of one call of a module, framed."""

    id: str  # ``call0``, ``call1``, … in the order of the calls in the picture.
    call: Call
    parameters: int  # How many numbers the module learns, as far as is known.
    boxes: tuple[str, ...]  # Identifiers of the boxes that are in no inner cluster.
    inner: tuple[Cluster, ...]  # The calls in this call.
    continued: bool = False  # Whether it began in a row above.

    @property
    def title(self) -> str:
        """What stands on the frame: ``hidden · Linear · 16 parameters``."""
        return " · ".join(filter(None, [*name_and_class(self.call), counted(self.parameters)]))

    def walk(self) -> Iterator[Cluster]:
        """Yield this cluster and all in it."""
        yield self
        for cluster in self.inner:
            yield from cluster.walk()

    @property
    def members(self) -> list[str]:
        """Identifiers of all boxes in it."""
        return [box for cluster in self.walk() for box in cluster.boxes]


def deepest(at: Homes) -> int:
    """Return how many levels of modules there are."""
    return max(map(len, at.values()), default=0)


def way_there(call: Call) -> tuple[str, str, int]:
    """Return what tells a call; on the way back through it, numbers are negative."""
    return call.path, call.kind, max(call.number, -1 - call.number)


def name_and_class(call: Call) -> list[str]:
    """Return what is written of a call: path, class, which of several calls."""
    if isinstance(call, Loop):
        return [part for part in (call.path, call.kind) if part]
    number = way_there(call)[2]
    again = f"call {number + 1}" if number else ""
    return [part for part in (call.path, call.kind, again) if part]


def counted(parameters: int) -> str:
    """Write how many parameters there are; nothing for none."""
    return f"{parameters:,} parameter{'' if parameters == 1 else 's'}" if parameters else ""


def parameters_of(call: Call, nodes: Iterable[Node]) -> int:
    """Return how many numbers a module learns: what it says, or those among its values."""
    if call.parameters is not None:
        return call.parameters
    return sum(int(np.size(node.value)) for node in nodes if node.kind == "parameter")


@dataclass(slots=True)
class _Frame:
    """A cluster that is being filled."""

    boxes: list[str]
    inner: dict[Call, _Frame]


def clusters(
    graph: Graph, at: Homes, boxes: Iterable[tuple[str, tuple[Call, ...]]]
) -> tuple[Cluster, ...]:
    """Frame the boxes of a picture by the calls they stand in; a frame around one box is left out.

    - `at`: the calls that each value belongs to.
    - `boxes`: the boxes by identifier, and the calls that each stands in.
    """
    top = _Frame([], {})
    order: dict[str, int] = {}
    for key, calls in boxes:
        order[key] = len(order)
        frame = top
        for call in calls:
            frame = frame.inner.setdefault(call, _Frame([], {}))
        frame.boxes.append(key)
    learnt: dict[Call, list[Node]] = {}
    for node in graph:
        if node.kind == "parameter":
            for call in at[node.id]:
                learnt.setdefault(call, []).append(node)
    backward = {node.id for node in graph if node.backward}
    numbers = iter(range(len(graph)))

    def built(frame: _Frame) -> tuple[list[str], list[Cluster]]:
        """Return the boxes and the clusters of a frame."""
        own, inner = list(frame.boxes), []
        for call, part in frame.inner.items():
            identifier = f"call{next(numbers)}"
            loose, parts = built(part)
            inside = [*loose, *(key for cluster in parts for key in cluster.members)]
            ways = Counter(key in backward for key in inside)
            alone = max(ways.values()) == 1  # A box, or a value and its gradient.
            if alone and not isinstance(call, Loop):
                own += loose
                inner += parts
            else:
                count = parameters_of(call, learnt.get(call, ()))
                inner.append(Cluster(identifier, call, count, tuple(loose), tuple(parts)))
        return sorted(own, key=order.__getitem__), inner

    return tuple(built(top)[1])
