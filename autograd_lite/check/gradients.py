"""The gradient of autodiff at any value, and the value that a delta belongs to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.mistakes.registry import same
from autograd_lite.core.backward import backward_pass
from autograd_lite.graph import Graph, Node


def gradients_of(graph: Graph, nodes: list[Node]) -> dict[Node, NDArray[Any]]:
    """Return the gradient of the loss for each node; no ``.grad`` changes, no hook is called."""
    loss = graph.outputs[0].tensor
    assert loss is not None
    unused = {node.tensor for node in graph.outputs[1:]}
    seed = np.ones(loss.shape, loss.dtype)[()]
    leaves = dict(backward_pass(loss, seed, untapped=graph.tensors))
    found = {}
    for node in nodes:
        tensor = node.tensor
        arrived = leaves
        if tensor is not None and not tensor.is_leaf and tensor.requires_grad:
            target = frozenset([tensor])
            arrived = dict(backward_pass(loss, seed, targets=target, untapped=graph.tensors))
        if tensor is not None and tensor not in arrived and tensor in unused:
            found[node] = np.zeros(node.shape, np.asarray(node.value).dtype)
            continue  # The loss does not depend on it.
        if tensor is None or tensor not in arrived:
            raise ValueError(
                f"compare: no gradient flows to {node.label}, {node.kind} {node.id}. To compare "
                f"its gradient, create it as Tensor(..., requires_grad=True)."
            )
        found[node] = np.asarray(arrived[tensor])
    return found


def of_delta(graph: Graph, node: Node, hand: NDArray[Any], others: Collection[Any] = ()) -> Node:
    """Return the value whose gradient ``a_delta`` is: ``a``, or what it is an activation of.

    On paper, the delta of a layer is the gradient before its activation, and `derive` prints it so.
    It is the one whose gradient it equals, or is a multiple of; else that before the activation.
    Where ``a`` has its own, it may be the gradient at a value on the way to ``a``.

    Parameters
    ----------
    graph : Graph
    node : Node
        ``a``.
    hand : array
        The delta.
    others : collection of str or Tensor
        What has a gradient by hand by its own name.
    """
    before, parts, bends = node, {node}, False
    while node.requires_grad:
        last = max(parts, key=graph.index)
        wanted = {x for x in graph.operands(last) if x.requires_grad}
        whole = last.primitive is not None and last.primitive.entrywise
        if not whole or not all(_is_inner(x) and x.shape == node.shape for x in wanted):
            break
        assert last.primitive is not None
        pairs = zip(last.primitive.operands, graph.operands(last), strict=False)
        bends |= any(x in wanted and name not in last.primitive.linear for name, x in pairs)
        parts = parts - {last} | wanted
        if len(parts) == 1:
            (before,) = parts
            if before.name:
                break
    found = [x for x in (before, node) if not {x.name, x.tensor} & {*others}]
    if not found or before is node:
        inside = [] if found else _inside(graph, node)
        gradients = gradients_of(graph, inside)
        return next((x for x in inside if same(gradients[x], hand)), node)
    if before.name and not bends:
        found.reverse()
    gradients = gradients_of(graph, found)
    fits = [x for x in found if same(gradients[x], hand)]
    return (fits or [x for x in found if _is_multiple(hand, gradients[x])] or found)[0]


def _is_inner(node: Node) -> bool:
    return node.primitive is not None and not np.iscomplexobj(node.value)


def _inside(graph: Graph, node: Node) -> list[Node]:
    """Return the values without a name, of the same shape, that nothing but a node is made of."""
    found = [node]
    for after in found:
        found += [
            x for x in graph.operands(after)
            if x.requires_grad and x.primitive is not None and not x.name
            and x.shape == node.shape and len(graph.consumers(x)) == 1
        ]  # fmt: skip
    return found[1:]


def _is_multiple(hand: NDArray[Any], g: NDArray[Any]) -> bool:
    """Return whether only a factor or the sign is wrong in a gradient by hand."""
    if hand.shape != g.shape or g.size < 2 or not np.any(g):
        return False
    return same(hand, g * (np.vdot(g, hand) / np.vdot(g, g)))
