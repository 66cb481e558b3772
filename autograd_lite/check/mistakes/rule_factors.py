"""The factors of a local derivative: the rule of a step, recorded and taken apart.

So the factors of a new operation are known from its rule, and need no entry anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Step
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.core.modes import GradientError, enable_grad
from autograd_lite.core.node import variable
from autograd_lite.graph import Graph, Node
from autograd_lite.tensor import Tensor

Factors = list[tuple[str, Any]]
"""Each by what it is called, with its value."""


def factors(step: Step) -> Factors:
    """Return the factors whose product the local derivative of a step is."""
    known, key = step.replay.known, (factors, step.edge, bool(step.others))
    if key not in known:
        known[key] = list(_factors(step))
    found: Factors = known[key]
    return found


def _factors(step: Step) -> Iterator[tuple[str, Any]]:
    replay = step.replay
    inputs = (step.operand,) if step.others else replay.graph.operands(step.node)
    called = {step.name: replay.values[step.node.id]}
    called |= {text_of(replay.graph, x): replay.values[x.id] for x in inputs}
    g: Tensor = variable(replay.gradients[step.node.id])
    sent = _recorded(step, g, inputs)
    if sent is None:
        return
    graph = Graph(sent, {})
    depends = {node.id for node in graph if node.tensor is g}
    for node in graph:
        if depends.intersection(node.operands):
            depends.add(node.id)
    waiting, found = [(graph.outputs[0], False)], []
    while waiting:
        node, below = waiting.pop()
        operands = graph.operands(node)
        if node.primitive in (ops.multiply, ops.negative):
            waiting += [(x, below) for x in operands]
        elif node.primitive is ops.divide:
            waiting += [(operands[0], below), (operands[1], not below)]
        elif node.id not in depends:
            found.append((node, below))
        elif node.tensor is not g:
            return  # A sum, or something else than a product.
    # A number of the rule's own, or a mean's, is a factor for all: that is another mistake.
    scales = bool(step.node.shape and step.primitive.linear)
    given = [x for x in called.values() if not np.ndim(x) and scales]
    for node, below in found:
        if node.kind == "constant" and not np.ndim(node.value) and node.value not in given:
            continue
        text = _text(graph, node, called)
        root = _root(graph, node)
        if text.startswith("-") and node.primitive is None:
            text, value = text[1:], -node.value  # Its sign is another matter.
            yield (f"1 / {grouped(text)}", 1 / value) if below else (text, value)
        elif below:
            yield f"1 / {grouped(text)}", 1 / node.value
            yield from _inside(replay, text, inputs)
        elif root is None:
            yield text, node.value
            if text == step.name and step.primitive is ops.divide:  # y of y / b, which is a / b.
                a = inputs[0]
                yield grouped(text_of(replay.graph, a)), replay.values[a.id]
        else:
            text = grouped(_text(graph, root, called))
            yield f"1 - {text}", 1 - root.value
            yield f"1 + {text}", 1 + root.value


def _inside(replay: Replay, text: str, inputs: tuple[Node, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the factors of a product that a step divides by."""
    for x in inputs:
        if x.primitive is ops.multiply and not x.name and text_of(replay.graph, x) == text:
            for part in replay.graph.operands(x):
                if np.ndim(part.value) or part.kind != "constant":
                    yield f"1 / {grouped(text_of(replay.graph, part))}", 1 / replay.values[part.id]


def _root(graph: Graph, node: Node) -> Node | None:
    """Return `u` of ``1 - u * u``, which is ``(1 - u) * (1 + u)``."""
    if node.primitive is not ops.subtract:
        return None
    one, square = graph.operands(node)
    if np.ndim(one.value) or one.value != 1 or len(set(square.operands)) != 1:
        return None
    is_square = square.primitive in (ops.square, ops.multiply)
    return graph.operands(square)[0] if is_square else None


def _recorded(step: Step, g: Tensor, inputs: tuple[Node, ...]) -> Tensor | None:
    """Record the rule of a step; None if it cannot be, or is not a function of `g`."""
    graph, values = step.replay.graph, step.replay.values

    def tensor(x: Node, text: str) -> Any:
        value = np.asarray(values[x.id])
        is_number = x.kind == "constant" and not value.ndim
        if is_number or value.dtype.kind not in "fc":
            return values[x.id]
        return variable(value, text)

    y = tensor(step.node, step.name)
    operands = [tensor(x, text_of(graph, x)) for x in inputs]
    position, parameters = step.edge[1], dict(step.node.parameters)
    if step.others:
        position, parameters = 0, {}
    try:
        with enable_grad(), np.errstate(all="ignore"):
            sent = step.primitive.rules[position](g, y, *operands, **parameters)
    except (TypeError, ValueError, AttributeError, GradientError):
        return None
    return sent if isinstance(sent, Tensor) and sent.requires_grad else None


def _text(graph: Graph, node: Node, called: dict[str, Any]) -> str:
    """Write a factor, by the name of what it is equal to if there is one: ``x`` for ``x ** 1``."""
    if node.name:
        return node.name
    for name, value in called.items():
        if np.array_equal(node.value, value):
            return name
    return text_of(graph, node)
