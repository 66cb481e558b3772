"""From tensors to nodes: everything that was computed on the way to them, in order of birth."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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

Operands = Sequence[tuple[Tensor | None, Any]]
Used = tuple[Tensor, Any, Operands]
"""A tensor, its value, and its operands with theirs."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage, where it would go through all nodes over and over."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@uncollected()
def recorded(roots: Sequence[Tensor], names: Mapping[str, Tensor | NDArray[Any]]) -> Parts:
    """Return the nodes of a computation; `Graph` says what the names do."""
    for root in roots:
        root._value()  # A view shows what has been written since.
    found = _Recorded(_in_order(roots), names)
    outputs = [found.node_of[_key(root, root._array)] for root in roots]
    return found.nodes, outputs, found.held


class _Recorded:
    """The nodes of tensors, and of the bare arrays and numbers that these were computed from."""

    def __init__(self, ordered: Sequence[Used], names: Mapping[str, Tensor | NDArray[Any]]) -> None:
        self.nodes: list[Node] = []
        self.node_of: dict[tuple[int, int], str] = {}
        self._calls, self.held = calls([tensor for tensor, *_ in ordered])
        self._called = {id(tensor): name for name, tensor in names.items()}
        self._arrays = {name: x for name, x in names.items() if isinstance(x, np.ndarray)}
        self._copies: dict[str, tuple[str, Any]] = {}  # What shows an array, by the array's name.
        for tensor, value, operands in ordered:
            self._add(tensor, value, operands)

    def _add(self, tensor: Tensor, value: Any, operands: Operands) -> None:
        """Append the node of a tensor, after nodes for its bare operands."""
        used = []
        for x, operand_value in operands:
            if x is not None:
                used.append(self.node_of[_key(x, operand_value)])
                continue
            key = (0, id(operand_value))
            if key not in self.node_of or not isinstance(operand_value, np.ndarray):
                name = self._array_name(operand_value)
                known = self._shown(name, operand_value)
                self.node_of[key] = known or self._put("constant", name, operand_value)
                if name:
                    self._copies[name] = self.node_of[key], operand_value
            used.append(self.node_of[key])
        leaf: Kind = "parameter" if tensor._requires_grad else "input"
        kind: Kind = "operation" if tensor._primitive else leaf
        name = tensor.name or self._called.get(id(tensor))
        copied = self._array_name(value) if kind == "input" and not name else None
        known = self._shown(copied, value)
        self.node_of[_key(tensor, value)] = known or self._put(
            kind, name or copied, value, tensor, tuple(used)
        )
        if copied:
            self._copies[copied] = self.node_of[_key(tensor, value)], value

    def _put(
        self,
        kind: Kind,
        name: str | None,
        value: Any,
        tensor: Tensor | None = None,
        operands: tuple[str, ...] = (),
    ) -> str:
        identifier = f"n{len(self.nodes)}"
        kept: Any = None if tensor is None or tensor._grad is None else tensor.grad
        grad = None if kept is None else kept.data
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

    def _shown(self, name: str | None, value: Any) -> str | None:
        """Return the node that shows an array already, to the last bit: −0 is not 0."""
        known, shown = self._copies.get(name or "", (None, None))
        same = known is not None and np.asarray(shown).tobytes() == value.tobytes()
        return known if same else None

    def _array_name(self, value: Any) -> str | None:
        """Return the name of the array that a bare operand was copied from, if only one can be."""
        if not self._arrays or is_recorder(value) or not np.ndim(value):
            return None  # A symbol has no entries to know it by.
        return name_of_copy(np.asarray(value), self._arrays)


def _key(tensor: Tensor, value: Any) -> tuple[int, int]:
    """Identify a node: a leaf that was given a new value in between is two nodes."""
    return id(tensor), id(value) if tensor._primitive is None else 0


def _in_order(roots: Iterable[Tensor]) -> list[Used]:
    """Return all tensors behind the roots, with the values that were used, in order of birth."""
    found: dict[tuple[int, int], Used] = {}
    waiting: list[tuple[Tensor, Any]] = [(root, root._array) for root in roots]
    while waiting:
        tensor, value = waiting.pop()
        key = _key(tensor, value)
        if key not in found:
            pairs = zip(operands_of(tensor), tensor._inputs[1::2], strict=True)
            operands = [(x, used if x is None else x._as_it_was(used)) for x, used in pairs]
            found[key] = (tensor, value, operands)
            waiting += [(x, used) for x, used in operands if x is not None]
    return sorted(found.values(), key=lambda one: one[0]._birth)
