"""The right derivative of another function: one from which a part is missing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import viewed
from autograd_lite.check.mistakes.made import run_once
from autograd_lite.check.mistakes.registry import (
    Array,
    Candidate,
    Case,
    Target,
    mistake,
    remembered,
)
from autograd_lite.check.mistakes.repeated import summing
from autograd_lite.check.mistakes.replay import Edge, Replay, recompute_all, with_nodes
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Node

NEUTRAL = {ops.add: 0.0, ops.subtract: 0.0, ops.multiply: 1.0, ops.divide: 1.0}
"""What leaves an operand of these out."""


@mistake(
    "another function", "Derive what the forward pass computes, with all that is in it.", last=True
)
def part_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Leave an operand out forwards as well as backwards, or reverse a mask."""
    del target
    yield from _changed(case.replay)


@remembered
def _changed(replay: Replay) -> Iterator[Candidate]:
    biases: dict[Edge, Array] = {}
    added = set(summing(replay))  # A term of the loss that is left out is told as such.
    for node in replay.graph:
        if node.primitive not in NEUTRAL or len(node.operands) != 2 or node.id in added:
            continue
        whole = text_of(replay.graph, node)
        for i, operand in enumerate(replay.graph.operands(node)):
            if node.primitive is ops.divide and i == 0:
                continue
            value = np.asarray(replay.values[operand.id])
            neutral = np.full_like(value, NEUTRAL[node.primitive])
            text = text_of(replay.graph, operand)
            if node.primitive is ops.multiply and value.size and (value < 0).all():
                neutral, text = -neutral, text.removeprefix("-")  # Its sign is not left out.
            cost = 1.6 if NEUTRAL[node.primitive] else 1.61  # A factor, rather than what is in it.
            if value.dtype.kind in "iuf" and not np.array_equal(value, neutral):
                title = (
                    f"{text} is left out of {whole}, forwards too: that is the derivative of "
                    f"another function"
                )
                predict = _of_another(replay, {(node.id, i): neutral})
                yield Candidate(title, cost, predict=predict)
                if NEUTRAL[node.primitive] and ((value > 0) & (value < 1)).all() and value.ndim:
                    said = f"1 - {grouped(text)} stands in place of {text}, forwards too"
                    made = _of_another(replay, {(node.id, i): 1 - value})
                    yield Candidate(said, 1.6, predict=made)
                if not NEUTRAL[node.primitive] and (operand.id in replay.gradients or value.ndim):
                    flipped = f"the sign of {text} is flipped in {whole}, forwards too"
                    predict = _of_another(replay, {(node.id, i): -value})
                    yield Candidate(flipped, 1.65, predict=predict)
                if operand.primitive is not None and operand.id in replay.gradients:
                    predict = _of_another(replay, {(node.id, i): neutral}, cut=True)
                    yield Candidate(title, cost, predict=predict)
                if NEUTRAL[node.primitive]:
                    said = f"{text} is left out of {whole} forwards, and not in its derivative"
                    made = _of_another(replay, {(node.id, i): neutral}, derived=False)
                    yield Candidate(said, 1.65, predict=made)
                if node.primitive is ops.add and _is_bias(replay, operand):
                    biases[node.id, i] = neutral
    for search in (_unchosen, _exponents, _labels, _slices, _axes):
        yield from search(replay)
    if len(biases) > 1:
        said = "the biases are left out forwards: that is the derivative of another function"
        yield Candidate(said, 1.7, predict=_of_another(replay, biases))


def _unchosen(replay: Replay) -> Iterator[Candidate]:
    """Take one of two choices everywhere, forwards too: no mask, or no margin."""
    for node in replay.graph:
        if node.primitive in (ops.maximum, ops.minimum) and node.id in replay.gradients:
            for bound, choice in itertools.permutations(replay.graph.operands(node)):
                if bound.kind == "constant" and not np.any(bound.value):
                    title = (
                        f"{text_of(replay.graph, choice)} is taken in place of "
                        f"{text_of(replay.graph, node)}, forwards too"
                    )
                    predict = _with_others(replay, {node: {}}, ops.add)
                    yield Candidate(title, 1.6, predict=predict)
        elif node.primitive is ops.where and node.id in replay.gradients:
            mask, *choices = replay.graph.operands(node)
            for value, choice in zip((True, False), choices, strict=True):
                if choice.id in replay.gradients and mask.kind == "constant":
                    title = (
                        f"{mask.name or 'the mask'} is left out: "
                        f"{text_of(replay.graph, choice)} is taken everywhere, forwards too"
                    )
                    instead = {(node.id, 0): np.full(mask.shape, value)}
                    yield Candidate(title, 1.6, predict=_of_another(replay, instead))


def _exponents(replay: Replay) -> Iterator[Candidate]:
    """Raise to another power, by 1 less or more."""
    for node in replay.graph:
        if node.primitive is not ops.power or node.id not in replay.gradients:
            continue
        value = np.asarray(replay.values[node.operands[1]])
        for other in (value - 1, value + 1) if not value.ndim else ():
            if other:
                title = (
                    f"the exponent of {text_of(replay.graph, node)} is {other:g}, in place of "
                    f"{value:g}, forwards too"
                )
                yield Candidate(title, 1.7, predict=_of_another(replay, {(node.id, 1): other}))


def _labels(replay: Replay) -> Iterator[Candidate]:
    """Pick the entries of other labels: of the next class, or of the next row."""
    for node in replay.graph:
        index = _parts(node) if node.id in replay.gradients else ()
        labels = index[-1] if len(index) > 1 and _is_plain(index) else None
        if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.size < 2:
            continue
        if np.ndim(index[0]) and np.unique(index[0]).size < np.size(index[0]):
            continue  # Of a row that is picked several times, none is the one before.
        n = replay.graph[node.operands[0]].shape[len(index) - 1]
        for words, other in (
            ("1 too large (counted from 1)", (labels + 1) % n),
            ("1 too small (counted from 0)", (labels - 1) % n),
            ("those of the row before", np.roll(labels, 1)),
            ("those of the row after", np.roll(labels, -1)),
        ):
            picks = f"the labels by which {text_of(replay.graph, node)} picks"
            changed = {node: {"index": (*index[:-1], other)}}
            predict = _with_others(replay, changed)
            yield Candidate(f"{picks} are {words}, forwards too", 1.5, predict=predict)


def _slices(replay: Replay) -> Iterator[Candidate]:
    """Take all of a tensor, or the other end of it, where a slice leaves out an end.

    Of what is sliced at every step, at all of them: as risk[i + 1:] for risk[i:].
    """
    pieces: dict[tuple[str, int], list[Node]] = {}
    for node in replay.graph:
        parts = _parts(node) if node.id in replay.gradients else ()
        for k, part in enumerate(parts if _is_plain(parts) else ()):
            if isinstance(part, slice) and part.step is None and part != slice(None):
                pieces.setdefault((node.operands[0], k), []).append(node)
    for (key, k), nodes in pieces.items():
        n, name = np.shape(replay.values[key])[k], text_of(replay.graph, replay.graph[key])
        for some in [[node] for node in nodes] + [nodes] * (len(nodes) > 1):
            many = len(some) > 1
            ends = [_parts(node)[k].indices(n) for node in some]
            what = f"each piece of {name}" if many else text_of(replay.graph, some[0])
            tables = {
                f"all of {name}": [(0, n)] * len(ends),
                f"the first {{}} along axis {k} of {name}": [(0, e - s) for s, e, _ in ends],
                f"the last {{}} along axis {k} of {name}": [(n - e + s, n) for s, e, _ in ends],
            }
            if many:
                tables |= {
                    "what begins one later": [(s + 1, e) for s, e, _ in ends],
                    "what begins one earlier": [(max(s - 1, 0), e) for s, e, _ in ends],
                    "what ends one earlier": [(s, e - 1) for s, e, _ in ends],
                    "what ends one later": [(s, min(e + 1, n)) for s, e, _ in ends],
                    "what ends where it begins": [(0, s + 1) for s, _, _ in ends],
                    "what ends before it": [(0, s) for s, _, _ in ends],
                }
            for words, others in tables.items():
                if others != [end[:2] for end in ends]:
                    count = "so many" if many else ends[0][1] - ends[0][0]
                    changed = {
                        node: {"index": (*_parts(node)[:k], slice(*other), *_parts(node)[k + 1 :])}
                        for node, other in zip(some, others, strict=True)
                    }
                    title = f"{words.format(count)} stands in place of {what}, forwards too"
                    yield Candidate(title, 1.5, predict=_with_others(replay, changed))


def _parts(node: Node) -> tuple[Any, ...]:
    index = node.parameters.get("index")
    return index if isinstance(index, tuple) else (index,)


def _is_plain(index: tuple[Any, ...]) -> bool:
    """Return whether each part of an index picks from the axis at its own place."""
    return all(x is not None and x is not Ellipsis for x in index)


def _axes(replay: Replay) -> Iterator[Candidate]:
    """Reduce along another axis: in one operation, or in all that do along one."""
    along: dict[tuple[int, int], list[Node]] = {}
    for node in replay.graph:
        axis = node.parameters.get("axis")
        keeps = node.parameters.get("keepdims") or node.primitive is ops.softmax
        if keeps and isinstance(axis, int) and node.id in replay.gradients:
            along.setdefault((axis % len(node.shape), len(node.shape)), []).append(node)
    for (axis, n), nodes in along.items():
        for k in {*range(n)} - {axis}:
            for some in [nodes] * (len(nodes) > 1) + [[x] for x in nodes]:
                text = text_of(replay.graph, some[0]) if len(some) == 1 else "everything"
                title = f"{text} is taken along axis {k}, in place of {axis}, forwards too"
                yield Candidate(
                    title, 1.55, predict=_with_others(replay, {x: {"axis": k} for x in some})
                )


def _with_others(
    replay: Replay, parameters: Mapping[Node, Mapping[str, Any]], primitive: Primitive | None = None
) -> Callable[[Target], Any]:
    """Return what predicts the gradients if some nodes have other parameters, or do another."""

    def run() -> Mapping[str, Any]:
        nodes = [
            replace(
                x, primitive=primitive or x.primitive, parameters={**x.parameters, **parameters[x]}
            )
            if x in parameters
            else x
            for x in replay.graph
        ]
        changed = with_nodes(replay.graph, nodes)
        return Replay(changed, recompute_all(changed, {})).gradients

    return run_once(run)


def _is_bias(replay: Replay, node: Node) -> bool:
    node = viewed(replay.graph, node)
    return node.kind == "parameter" and sum(n > 1 for n in node.shape) <= 1


def _of_another(
    replay: Replay, operands: Mapping[Edge, Array], *, derived: bool = True, cut: bool = False
) -> Callable[[Target], Any]:
    """Return what predicts the gradients with other operands in some operations.

    With `cut`, nothing comes back to the operands that were there.
    """

    def run() -> Mapping[str, Any]:
        values = recompute_all(replay.graph, {}, operands)
        other = Replay(replay.graph, values, operands=operands if derived else {})
        gradients = dict(other.gradients)
        for edge in operands if cut else ():
            key = replay.operand(edge)
            for x, g in other.added(key, other.parts.get(edge, np.zeros(()))).items():
                gradients[x] = gradients[x] - g
        return gradients

    return run_once(run)
