"""The right derivative of another function: one from which a part is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from autograd_lite.check.mistakes.replay import Edge, Replay, recompute_all
from autograd_lite.check.mistakes.texts import text_of
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
    if len(biases) > 1:
        yield Candidate(
            "the biases are left out forwards: that is the derivative of another function",
            1.7,
            predict=_of_another(replay, biases),
        )


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
