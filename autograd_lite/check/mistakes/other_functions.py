"""The right derivative of another function: one from which a part is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    AnotherPass,
    Step,
    as_it_is,
    run_once,
    steps,
    text_of,
    viewed,
)
from autograd_lite.check.mistakes.registry import (
    Array,
    Candidate,
    Case,
    Target,
    mistake,
    remembered,
    same,
)
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule, recompute_all, with_parameters
from autograd_lite.check.mistakes.written_out import functions_of_several
from autograd_lite.graph import Node

NEUTRAL = {ops.add: 0.0, ops.subtract: 0.0, ops.multiply: 1.0, ops.divide: 1.0}
"""What leaves an operand of these out."""


@mistake(
    "another function", "Derive what the forward pass computes, with all that is in it.", last=True
)
def part_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Leave an operand out forwards as well as backwards, or reverse a mask."""
    replay = case.replay
    yield from _changed(replay)
    yield from _inner_values(replay)
    yield from _without_activation(case, target)


@remembered
def _inner_values(replay: Replay) -> Iterator[Candidate]:
    """Put an operand in place of what is computed of it, inside the derivative of a function."""
    for x, y, between in functions_of_several(replay):
        inner = [z for z in between if z is not y]
        before = [z for z in replay.graph if z.id in replay.behind(x.id) and z is not x]
        for other in [y, *before] if y.name else ():
            if other.shape == x.shape and other.name and other.primitive is not None:
                inside = _recomputed(replay, inner, {x.id: np.asarray(replay.values[other.id])})
                del inside[x.id]  # What it is multiplied by is as it was.
                title = (
                    f"{other.name} stands in place of {text_of(replay.graph, x)} inside all of the "
                    f"derivative of {y.name}"
                )
                yield Candidate(title, 1.61, predict=_with_values(replay, inside, {}))
        for v in between:
            for i, key in enumerate(v.operands if v is not y else ()):
                u = np.asarray(replay.values[key])
                if u.shape != v.shape or key not in replay.gradients or same(u, v.value):
                    continue
                inside = _recomputed(replay, inner, {v.id: u})
                names = [text_of(replay.graph, node) for node in (replay.graph[key], v, y)]
                title = f"{names[0]} stands in place of {names[1]} in the derivative of {names[2]}"
                for also, rules in ((", throughout", {(v.id, i): as_it_is}), ("", {})):
                    yield Candidate(
                        title + also,
                        1.62 + 0.01 * len(between),
                        predict=_with_values(replay, inside, rules),
                    )


def _recomputed(replay: Replay, nodes: Sequence[Node], known: dict[str, Any]) -> dict[str, Any]:
    """Return the values of some nodes, computed from others that are given."""
    for node in nodes:
        if node.id not in known:
            used = [known.get(x, replay.values[x]) for x in node.operands]
            assert node.primitive is not None  # It is computed.
            known[node.id] = node.primitive.forward(*used, **node.parameters)
    return known


def _with_values(
    replay: Replay, inside: Mapping[str, Any], rules: Mapping[Edge, Rule]
) -> Callable[[Target], Any]:
    """Return what predicts the gradients with other values of some nodes in their rules."""

    def run() -> Mapping[str, Any]:
        other = Replay(replay.graph, {**replay.values, **inside})
        return other.with_mistake(edges=rules) if rules else other.gradients

    return AnotherPass(run_once(run))


@remembered
def _changed(replay: Replay) -> Iterator[Candidate]:
    biases: dict[Edge, Array] = {}
    for node in replay.graph:
        if node.primitive not in NEUTRAL or len(node.operands) != 2:
            continue
        whole = text_of(replay.graph, node)
        for i, operand in enumerate(replay.graph.operands(node)):
            if node.primitive is ops.divide and i == 0:
                continue
            value = np.asarray(replay.values[operand.id])
            neutral = np.full_like(value, NEUTRAL[node.primitive])
            if node.primitive is ops.multiply and value.size and (value < 0).all():
                neutral = -neutral  # Its sign is not left out with it.
            text = text_of(replay.graph, operand)
            if value.dtype.kind in "iuf" and not np.array_equal(value, neutral):
                title = (
                    f"{text} is left out of {whole}, forwards too: that is the derivative of "
                    f"another function"
                )
                predict = _of_another(replay, {(node.id, i): neutral})
                yield Candidate(title, 1.6, predict=predict)
                if node.primitive is ops.subtract and i == 1 and operand.primitive is None:
                    added = f"{text} is added, in place of subtracted, in {whole}"
                    predict = _of_another(replay, {(node.id, i): -value})
                    yield Candidate(added, 1.5, predict=predict)
                elif node.primitive in (ops.add, ops.subtract) and (
                    operand.id in replay.gradients or operand.shape
                ):
                    flipped = f"the sign of {text} is flipped in {whole}, forwards too"
                    predict = _of_another(replay, {(node.id, i): -value})
                    yield Candidate(flipped, 1.65, predict=predict)
                if operand.primitive is not None and operand.id in replay.gradients:
                    predict = _of_another(replay, {(node.id, i): neutral}, cut=True)
                    yield Candidate(title, 1.6, predict=predict)
                if NEUTRAL[node.primitive]:
                    yield Candidate(
                        f"{text} is left out of {whole} forwards, and not in its derivative",
                        1.65,
                        predict=_of_another(replay, {(node.id, i): neutral}, derived=False),
                    )
                if node.primitive is ops.add and _is_bias(replay, operand):
                    biases[node.id, i] = neutral
            masked = node.primitive is ops.multiply and value.ndim
            levels: list[Any] = list(np.unique(value)) if masked else []
            if len(levels) == 2 and operand.id not in replay.gradients:
                low, high = levels
                what = f"the {'factor' if low else 'mask'} {text}"
                for title, other in (
                    (f"{what} is reversed in {whole}", np.where(value == low, high, low)),
                    (f"{what} is {low:g} everywhere in {whole}", np.full_like(value, low)),
                    (f"{what} is {high:g} everywhere in {whole}", np.full_like(value, high)),
                ):
                    yield Candidate(
                        f"{title}, forwards too",
                        1.6,
                        predict=_of_another(replay, {(node.id, i): other}),
                    )
    yield from _unchosen(replay)
    yield from _exponents(replay)
    yield from _labels(replay)
    yield from _slices(replay)
    yield from _axes(replay)
    if len(biases) > 1:
        yield Candidate(
            "the biases are left out forwards: that is the derivative of another function",
            1.7,
            predict=_of_another(replay, biases),
        )


def _unchosen(replay: Replay) -> Iterator[Candidate]:
    """Take one of two choices everywhere, forwards too: no mask, or no margin."""
    for node in replay.graph:
        if node.primitive is not ops.where or node.id not in replay.gradients:
            continue
        mask, *choices = replay.graph.operands(node)
        called = mask.name or "the mask"
        for value, choice in zip((True, False), choices, strict=True):
            if choice.id in replay.gradients and mask.kind == "constant":
                yield Candidate(
                    f"{called} is left out: {text_of(replay.graph, choice)} is taken everywhere, "
                    f"forwards too",
                    1.6,
                    predict=_of_another(replay, {(node.id, 0): np.full(mask.shape, value)}),
                )


def _exponents(replay: Replay) -> Iterator[Candidate]:
    """Raise to another power, by 1 less or more."""
    for node in replay.graph:
        if node.primitive is not ops.power or node.id not in replay.gradients:
            continue
        exponent = replay.graph[node.operands[1]]
        value = np.asarray(replay.values[exponent.id])
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
        index = node.parameters.get("index")
        picks = node.primitive is ops.getitem and node.id in replay.gradients
        if not picks or not isinstance(index, tuple) or not isinstance(index[-1], np.ndarray):
            continue
        if any(x is None or x is Ellipsis for x in index):
            continue  # Which axis it picks from, is another question.
        labels, (key, *_) = index[-1], node.operands
        n = np.shape(replay.values[key])[len(index) - 1]
        if labels.dtype.kind not in "iu" or labels.size < 2:
            continue
        for words, other in (
            ("are 1 too large (counted from 1)", (labels + 1) % n),
            ("are 1 too small (counted from 0)", (labels - 1) % n),
            ("are those of the row before", np.roll(labels, 1)),
            ("are those of the row after", np.roll(labels, -1)),
        ):
            title = f"the labels by which {text_of(replay.graph, node)} picks {words}, forwards too"
            yield Candidate(
                title, 1.5, predict=_with_others(replay, {node: {"index": (*index[:-1], other)}})
            )


def _slices(replay: Replay) -> Iterator[Candidate]:
    """Take all of a tensor, or the other end of it, where a slice leaves out an end.

    Of what is sliced at every step, at all of them: as risk[i + 1:] for risk[i:].
    """
    pieces: dict[tuple[str, int], list[Node]] = {}
    for node in replay.graph:
        parts = _parts(node) if node.id in replay.gradients else ()
        for k, part in enumerate(() if any(x is Ellipsis or x is None for x in parts) else parts):
            if isinstance(part, slice) and part.step is None and part != slice(None):
                pieces.setdefault((node.operands[0], k), []).append(node)
    for (key, k), nodes in pieces.items():
        n, name = np.shape(replay.values[key])[k], text_of(replay.graph, replay.graph[key])
        for some in [[node] for node in nodes] + [nodes] * (len(nodes) > 1):
            many = len(some) > 1
            ends = [_parts(node)[k].indices(n) for node in some]
            what = f"each piece of {name}" if many else text_of(replay.graph, some[0])
            for words, others in (
                (f"all of {name}", [(0, n)] * len(ends)),
                (f"the first {{}} along axis {k} of {name}", [(0, e - s) for s, e, _ in ends]),
                (f"the last {{}} along axis {k} of {name}", [(n - e + s, n) for s, e, _ in ends]),
                ("what begins one later", [(s + 1, e) for s, e, _ in ends] * many),
                ("what begins one earlier", [(max(s - 1, 0), e) for s, e, _ in ends] * many),
                ("what ends one earlier", [(s, e - 1) for s, e, _ in ends] * many),
                ("what ends one later", [(s, min(e + 1, n)) for s, e, _ in ends] * many),
                ("what ends where it begins", [(0, s + 1) for s, _, _ in ends] * many),
                ("what ends before it", [(0, s) for s, _, _ in ends] * many),
            ):
                if others and others != [end[:2] for end in ends]:
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
    replay: Replay, parameters: Mapping[Node, Mapping[str, Any]]
) -> Callable[[Target], Any]:
    """Return what predicts the gradients if some nodes have other parameters."""

    def run() -> Mapping[str, Any]:
        changed = replay.graph
        for node, others in parameters.items():
            changed = with_parameters(changed, node, **others)
        return Replay(changed, recompute_all(changed, {})).gradients

    return run_once(run)


def _without_activation(case: Case, target: Target) -> Iterator[Candidate]:
    """Leave a relu out forwards as well."""
    for step in steps(case, target, once=True):
        if step.function != "relu" or step.others:
            continue
        replay, key = step.replay, step.node.id

        def predict(other: Target, step: Step = step, replay: Replay = replay) -> Any:
            there = {step.node.id: np.asarray(replay.values[step.operand.id])}
            values = recompute_all(replay.graph, there)
            changed = Replay(replay.graph, values)
            return changed.with_mistake(edges={step.edge: lambda g: g}).get(other.id)

        title = (
            f"{text_of(replay.graph, replay.graph[key])} is left out, forwards too: "
            f"{text_of(replay.graph, step.operand)} stands in its place"
        )
        yield Candidate(title, 1.6, predict=predict)


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
