"""The right derivative of another function: one from which a part is missing."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import text_of
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, mistake, more
from autograd_lite.check.mistakes.replay import Edge, Replay, recompute_all
from autograd_lite.graph import Node

NEUTRAL = {ops.add: 0.0, ops.subtract: 0.0, ops.multiply: 1.0, ops.divide: 1.0}
"""What leaves an operand of these out."""

VIEWS = (ops.getitem, ops.reshape)


@mistake("another function", "Derive what the forward pass computes, with all that is in it.")
def another_function(case: Case, target: Target) -> Iterator[Candidate]:
    """Yield nothing: what is looked for is costly."""
    del case, target
    return iter(())


@more("another function")
def part_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Leave an operand out forwards as well as backwards, or reverse a mask."""
    replay = case.replay
    if replay is None or target.id is None:
        return
    if replay not in _candidates:
        _candidates[replay] = list(_changed(replay))
    yield from _candidates[replay]


_candidates: weakref.WeakKeyDictionary[Replay, list[Candidate]] = weakref.WeakKeyDictionary()


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
            if value.dtype.kind == "f" and not np.array_equal(value, neutral):
                yield Candidate(
                    f"{text} is left out of {whole}, forwards too: that is the derivative of "
                    f"another function",
                    1.6,
                    predict=_of_another(replay, {(node.id, i): neutral}),
                )
                if node.primitive is ops.add and _is_bias(replay, operand):
                    biases[node.id, i] = neutral
            masked = node.primitive is ops.multiply and value.ndim
            levels: list[Any] = list(np.unique(value)) if masked else []
            if len(levels) == 2 and operand.id not in replay.gradients:
                low, high = levels
                what = f"the {'factor' if low else 'mask'} {text}"
                for title, other in (
                    (f"{what} is reversed in {whole}", low + high - value),
                    (f"{what} is {low:g} everywhere in {whole}", np.full_like(value, low)),
                    (f"{what} is {high:g} everywhere in {whole}", np.full_like(value, high)),
                ):
                    yield Candidate(
                        f"{title}, forwards too",
                        1.6,
                        predict=_of_another(replay, {(node.id, i): other}),
                    )
    if len(biases) > 1:
        yield Candidate(
            "the biases are left out forwards: that is the derivative of another function",
            1.7,
            predict=_of_another(replay, biases),
        )


def _is_bias(replay: Replay, node: Node) -> bool:
    while node.primitive in VIEWS:
        node = replay.graph[node.operands[0]]
    return node.kind == "parameter" and sum(n > 1 for n in node.shape) <= 1


def _of_another(replay: Replay, operands: Mapping[Edge, Array]) -> Callable[[Target], Any]:
    """Return what predicts the gradients with other operands in some operations."""
    found: list[dict[str, Array]] = []

    def predict(target: Target) -> Any:
        if not found:
            values = recompute_all(replay.graph, {}, operands)
            found.append(Replay(replay.graph, values, operands=operands).gradients)
        return found[0].get(target.id or "")

    return predict
