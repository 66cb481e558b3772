"""The backward pass of a `Graph`, recorded: every gradient is a node that says whose it is."""

from bisect import bisect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.backward import fit, next_birth
from autograd_lite.core.modes import enable_grad
from autograd_lite.core.node import variable
from autograd_lite.graph.node import Node
from autograd_lite.graph.nodes import Nodes, Parts
from autograd_lite.graph.recording import recorded
from autograd_lite.graph.walk import walk
from autograd_lite.tensor import Tensor

LONGEST_OUTPUT = 8  # A longer name of what is differentiated is written as L.


def backward(graph: Nodes, *, forward: bool, names: Mapping[str, str]) -> Parts:
    """Return the nodes of the computation of the gradients; `Graph.backward` says how."""
    passed = _Pass(graph)
    if not passed.arrived:
        raise ValueError(
            f"{graph!r} has no gradients: no output requires one. Create the parameters with "
            f"Tensor(..., requires_grad=True)."
        )
    leaves = [key for key in passed.arrived if graph[key].primitive is None]
    of_tensor = {id(tensor): key for key, tensor in passed.arrived.items()}
    identifier = {id(tensor): key for key, tensor in passed.seen.items()}
    renamed: dict[str, str] = {}
    nodes = list(graph) if forward else []
    used: set[str] = set()
    count = len(graph)
    root = _name_of_output(graph, names)
    made, *_ = recorded([passed.arrived[key] for key in leaves or passed.arrived], {})
    for node in made:
        key = identifier.get(id(node.tensor))
        if key is not None:
            renamed[node.id] = key
            used.add(key)
            continue
        renamed[node.id] = f"n{count}"
        count += 1
        owner = of_tensor.get(id(node.tensor))
        called = owner and (names.get(owner) or graph[owner].name or owner)
        at = graph[owner or passed.made_for(node)] if node.tensor is not None else None
        nodes.append(
            replace(
                node,
                id=renamed[node.id],
                kind="operation" if node.primitive else "input" if owner else "constant",
                name=f"∂{root}/∂{called}" if owner else None,
                operands=tuple(renamed[x] for x in node.operands),
                calls=graph.home(at) if at is not None else (),
                gradient_of=(owner,) if owner else (),
                backward=True,
            )
        )
    if not forward:
        nodes = [_given(graph, node) for node in graph if node.id in used] + nodes
    of = {key: node.id for node in nodes for key in node.gradient_of}
    outputs = [node.id for node in graph.outputs] if forward else []
    return nodes, [*outputs, *(of[key] for key in leaves or of if key in of)], graph.held


def _name_of_output(graph: Nodes, names: Mapping[str, str]) -> str:
    """Return what is differentiated."""
    root = graph.outputs[0]
    name = names.get(root.id) or root.name or ""
    return name if 0 < len(name) <= LONGEST_OUTPUT and len(set(graph.outputs)) == 1 else "L"


def _given(graph: Nodes, node: Node) -> Node:
    """Return a forward value as one that is given."""
    calls = graph.home(node)
    return replace(
        node, kind="constant", primitive=None, operands=(), parameters={}, calls=calls, grad=None
    )


class _Pass:
    """Runs the rules on Tensors that stand for the values of a graph.

    - `arrived`: the gradient of every value that one flows to.
    - `seen`: what stands for the values.
    """

    def __init__(self, graph: Nodes) -> None:
        self.graph = graph
        self.arrived: dict[str, Tensor] = {}
        self.seen: dict[str, Any] = {}
        self._made: list[tuple[int, str]] = []
        with enable_grad(), np.errstate(all="ignore"):
            for root in graph.outputs:
                if root.requires_grad:
                    ones = np.ones_like(np.asarray(root.value))
                    self.arrived[root.id] = variable(ones)
            walk(graph, self.arrived, self._apply, visit=self._visit)

    def made_for(self, node: Node) -> str:
        """Return the operation on whose way back a value was computed."""
        assert node.tensor is not None
        position = bisect(self._made, node.tensor._birth, key=lambda pair: pair[0])
        return self._made[max(0, position - 1)][1]

    def _visit(self, node: Node, g: Tensor) -> Tensor:
        """Note when the rules of a node are applied."""
        if node.primitive is not None:
            self._made.append((next_birth(), node.id))
        return g

    def _apply(self, node: Node, i: int, g: Tensor) -> Tensor:
        """Return what a node with the gradient `g` sends to its operand `i`."""
        assert node.primitive is not None
        operands = self.graph.operands(node)
        y, values = self._standing_for(node), [self._standing_for(x) for x in operands]
        sent = node.primitive.rules[i](g, y, *values, **node.parameters)
        sent = fit(sent, np.asarray(operands[i].value), node.primitive, i)
        if sent is g and operands[i].id not in self.arrived:
            sent = ops.copy(g)  # Two gradients are two nodes.
        return sent if isinstance(sent, Tensor) else variable(sent)

    def _standing_for(self, node: Node) -> Any:
        if node.kind == "constant" and not node.shape:
            return node.value
        if node.id not in self.seen:
            numeric = np.asarray(node.value).dtype.kind in "fc"
            self.seen[node.id] = variable(node.value) if numeric else Tensor(node.value)
        return self.seen[node.id]
