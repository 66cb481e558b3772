"""From tensors to nodes: everything that was computed on the way to them, in order of birth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.backward import operands_of
from autograd_lite.core.operands import is_recorder
from autograd_lite.graph.calls import calls
from autograd_lite.graph.node import Kind, Node
from autograd_lite.graph.nodes import Parts
from autograd_lite.graph.variables import name_of_copy
from autograd_lite.tensor import Tensor


def recorded(roots: Sequence[Tensor], names: Mapping[str, Tensor | NDArray[Any]]) -> Parts:
    """Return the nodes of a computation; `Graph` says what the names do."""
    for root in roots:
        root._value()  # A view shows what has been written since.
    found = _Recorded(_in_order(roots), names)
    outputs = [found.node_of[_key(root, root._array)] for root in roots]
    return found.nodes, outputs, found.held


class _Recorded:
    """The nodes of tensors, and of the bare arrays and numbers that these were computed from."""

    def __init__(
        self,
        ordered: Sequence[tuple[Tensor, Any]],
        names: Mapping[str, Tensor | NDArray[Any]],
    ) -> None:
        self.nodes: list[Node] = []
        self.node_of: dict[tuple[int, int], str] = {}
        self._calls, self.held = calls([tensor for tensor, _ in ordered])
        self._called = {id(tensor): name for name, tensor in names.items()}
        self._arrays = {name: x for name, x in names.items() if isinstance(x, np.ndarray)}
        for tensor, value in ordered:
            self._add(tensor, value)

    def _add(self, tensor: Tensor, value: Any) -> None:
        """Append the node of a tensor, after nodes for its bare operands."""
        used = []
        for x, operand_value in zip(operands_of(tensor), tensor._values, strict=True):
            if x is not None:
                used.append(self.node_of[_key(x, operand_value)])
                continue
            key = (0, id(operand_value))
            if key not in self.node_of or not isinstance(operand_value, np.ndarray):
                name = self._array_name(operand_value)
                self.node_of[key] = self._put("constant", name, operand_value)
            used.append(self.node_of[key])
        leaf: Kind = "parameter" if tensor._requires_grad else "input"
        kind: Kind = "operation" if tensor._primitive else leaf
        name = tensor.name or self._called.get(id(tensor))
        self.node_of[_key(tensor, value)] = self._put(kind, name, value, tensor, tuple(used))

    def _put(
        self,
        kind: Kind,
        name: str | None,
        value: Any,
        tensor: Tensor | None = None,
        operands: tuple[str, ...] = (),
    ) -> str:
        identifier = f"n{len(self.nodes)}"
        grad = None if tensor is None or tensor.grad is None else tensor.grad.data
        node = Node(
            id=identifier,
            kind=kind,
            name=name,
            primitive=tensor._primitive if tensor is not None else None,
            operands=operands,
            parameters=dict((tensor._parameters if tensor is not None else None) or {}),
            value=value,
            grad=grad,
            requires_grad=tensor is not None and tensor._requires_grad,
            tensor=tensor,
            source=tensor._source if tensor is not None else None,
            calls=self._calls.get(tensor, ()) if tensor is not None else (),
            passes=1 if tensor is None or grad is None else tensor._passes or 1,
        )
        self.nodes.append(node)
        return identifier

    def _array_name(self, value: Any) -> str | None:
        """Return the name of the array that a bare operand was copied from, if only one can be."""
        if is_recorder(value) or not np.ndim(value):  # A symbol has no entries to know it by.
            return None
        return name_of_copy(np.asarray(value), self._arrays)


def _key(tensor: Tensor, value: Any) -> tuple[int, int]:
    """Identify a node: a leaf that was given a new value in between is two nodes."""
    return id(tensor), id(value) if tensor._primitive is None else 0


def _in_order(roots: Iterable[Tensor]) -> list[tuple[Tensor, Any]]:
    """Return all tensors behind the roots, with the values that were used, in order of birth."""
    found = {_key(root, root._array): (root, root._array) for root in roots}
    waiting = [root for root, _ in found.values()]
    while waiting:
        tensor = waiting.pop()
        for x, value in zip(operands_of(tensor), tensor._values, strict=True):
            if x is not None and _key(x, value) not in found:
                found[_key(x, value)] = (x, value)
                waiting.append(x)
    return sorted(found.values(), key=lambda pair: pair[0]._birth)
