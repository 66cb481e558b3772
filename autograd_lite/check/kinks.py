"""The other derivatives that there are at a kink: those of the other side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.check.mistakes.replay import Edge, Replay
from autograd_lite.graph import Graph, Node

NEAR = 1e-9
"""How far from a kink its side is, relative to the point."""


def other_passes(graph: Graph) -> Iterator[Replay]:
    """Yield the backward pass that takes another side at every kink, all alike.

    Beside a `maximum` or an `abs`, say, its operand is moved, to the one or to the other side;
    beside the bounds of `clip`, also inwards or outwards. A mask, as in ``np.where(z > 0, z, 0)``
    and ``z * (z > 0)``, is another one where what it goes by is on the border and both choices are
    equal there: that of ``z >= 0``.
    """
    bends, masks = _bends(graph), dict(_masks(graph))
    moves = [{}, *([_moved(graph, bends, *sides) for sides in SIDES] if bends else [])]
    for moved, others in itertools.product(moves, [{}, masks] if masks else [{}]):
        if moved or others:
            yield Replay(graph, operands=moved | others)


SIDES = ((1, 1), (-1, -1), (1, -1), (-1, 1))
"""Where to go from a kink, and from an upper bound."""


def _bends(graph: Graph) -> dict[Edge, tuple[NDArray[Any], NDArray[Any]]]:
    """Return operands on a kink, and on an upper bound, as masks."""
    found = {}
    for node in graph:
        if node.primitive is ops.clip:
            x, *_ = (np.asarray(operand.value) for operand in graph.operands(node))
            low, high = (node.parameters[k] for k in ("low", "high"))
            nowhere = np.zeros(x.shape, bool)
            at = [nowhere if k is None else x == k for k in (low, high)]
        elif node.primitive is not None and node.primitive.bends:
            x, *other = (np.asarray(operand.value) for operand in graph.operands(node))
            at = [x == (other[0] if other else 0), np.zeros((), bool)]
        else:
            continue
        if at[0].any() or at[1].any():
            found[node.id, 0] = at[0], at[1]
    return found


def _moved(
    graph: Graph, bends: dict[Edge, tuple[NDArray[Any], NDArray[Any]]], at_kink: int, at_top: int
) -> dict[Edge, Any]:
    moved = {}
    for (key, i), (kink, top) in bends.items():
        x = np.asarray(graph.operands(graph[key])[i].value)
        step = NEAR * (1 + np.abs(x))
        moved[key, i] = np.where(kink, x + at_kink * step, np.where(top, x + at_top * step, x))
    return moved


def _masks(graph: Graph) -> Iterator[tuple[Edge, NDArray[Any]]]:
    """Yield the masks of which some entries are on the border, with these turned round."""
    for node in graph:
        operands = graph.operands(node)
        if node.primitive is ops.where:
            mask, one, two = operands
            tie, i = np.asarray(one.value) == np.asarray(two.value), 0
        elif node.primitive is ops.multiply and any(map(_is_mask, operands)):
            i = 0 if _is_mask(operands[0]) else 1
            mask = operands[i]
            tie = np.asarray(operands[1 - i].value) == 0
        else:
            continue
        on = np.asarray(mask.value)
        if tie.any() and on.shape == node.shape:
            border = np.broadcast_to(tie, on.shape) & _border(graph, node, on.astype(bool))
            if border.any():
                yield (node.id, i), np.where(border, 1 - on, on).astype(on.dtype)


def _is_mask(node: Node) -> bool:
    value = np.asarray(node.value)
    return node.kind == "constant" and value.ndim > 0 and bool(np.isin(value, (0, 1)).all())


def _border(graph: Graph, node: Node, on: NDArray[Any]) -> NDArray[Any]:
    """Return where something that a node is computed from is at the border that a mask goes by."""
    border, behind = np.zeros(on.shape, bool), {node.id}
    for x in reversed(graph):
        if x.id not in behind:
            continue
        behind.update(x.operands)
        value = np.asarray(x.value)
        if x is not node and value.shape == on.shape and value.dtype.kind == "f":
            ends = {f(value[side]) for side in (on, ~on) if side.any() for f in (np.min, np.max)}
            for at in ends:
                border |= (value == at) & _goes_by(on, value, at)
    return border


def _goes_by(on: NDArray[Any], value: NDArray[Any], border: Any) -> bool:
    """Return whether a mask tells what is above a border, with it or without, from what is below.

    If all is on the border, a mask of nothing may be one; one of everything may be anything.
    """
    above, below, at = on[value > border], on[value < border], on[value == border]
    if not above.size and not below.size:
        return not at.any()
    return bool(at.all() or not at.any()) and any(
        one.all() and not other.any() for one, other in ((above, below), (below, above))
    )
