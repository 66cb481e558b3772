"""A recorded computation as an object: named, ordered, frozen.

Pictures, tables, formulas and printed code all read a `Graph`, and nothing else about the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph.calls import Call, Held, calls, operands
from autograd_lite.graph.node import Kind, Node, write
from autograd_lite.graph.variables import arrays_in, name_of_copy, names_in
from autograd_lite.tensor import Tensor

__all__ = ["Call", "Graph", "Kind", "Node", "arrays_in", "names_in", "write"]


class Graph(Sequence[Node]):
    """The computation of one or more tensors.

    Parameters
    ----------
    outputs : Tensor or iterable of Tensor
        What was computed.
    names : mapping of str to Tensor or ndarray, optional
        Names for tensors that have none of their own (`Tensor.name` comes first), and for bare
        arrays: one is called after the only array here that is equal to it.

    Attributes
    ----------
    nodes : tuple of Node
        In the order of computation: operands come before results.
    outputs : tuple of Node
        The nodes of the tensors that were asked for.
    differentiated : Graph or None
        The computation that this one is the backward pass of; None for a computation.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(3.0, requires_grad=True, name="w")
    >>> print(al.Graph(5 * w - 42, names={}))
    n0  w         parameter  ()
    n1  5         constant   ()
    n2  multiply  n1 * n0    ()
    n3  42        constant   ()
    n4  subtract  n2 - n3    ()
    """

    def __init__(
        self,
        outputs: Tensor | Iterable[Tensor],
        names: Mapping[str, Tensor | NDArray[Any]] | None = None,
    ) -> None:
        roots = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        for root in roots:
            if not isinstance(root, Tensor):
                raise TypeError(f"Graph needs Tensors, got {type(root).__name__}.")
            root._value()  # A view shows what has been written since.
        if not roots:
            raise ValueError("Graph needs at least one Tensor, got none.")
        called = {id(tensor): name for name, tensor in (names or {}).items()}
        self._arrays = {
            name: value for name, value in (names or {}).items() if isinstance(value, np.ndarray)
        }
        self._by_id: dict[str, Node] = {}
        self._node_of: dict[tuple[int, int], str] = {}
        ordered = _in_order(roots)
        self._held: Mapping[Call, Held]
        self._calls, self._held = calls([tensor for tensor, _ in ordered])
        for tensor, value in ordered:
            self._add(tensor, value, called)
        self.nodes = tuple(self._by_id.values())
        self.outputs = tuple(self._by_id[self._node_of[_key(t, t._data)]] for t in roots)
        self._consumers: dict[str, list[Node]] | None = None
        self.differentiated: Graph | None = None

    @classmethod
    def of_nodes(
        cls, nodes: Sequence[Node], outputs: Sequence[str], held: Mapping[Call, Held], of: Graph
    ) -> Graph:
        """Make the graph of gradients, of nodes that are there already, operands before results."""
        graph = cls.__new__(cls)
        graph._by_id = {node.id: node for node in nodes}
        graph._held = held
        graph.nodes = tuple(nodes)
        graph.outputs = tuple(graph._by_id[key] for key in outputs)
        graph._consumers = None
        graph.differentiated = of
        return graph

    def backward(self, *, forward: bool = False, names: Mapping[str, str] | None = None) -> Graph:
        """Return the computation of the gradients as a graph of its own.

        It is what ``backward(create_graph=True)`` records, from ones at the outputs, but with every
        gradient known by name: ``∂loss/∂h``. No tensor is touched. Identifiers of forward values
        stay, and those of gradients go on from there.

        Parameters
        ----------
        forward : bool
            Whether the forward computation is in it too; otherwise the values of it that gradients
            are computed from are constants.
        names : mapping of str to str, optional
            What forward values are called, by identifier, instead of by `Node.name`.

        Returns
        -------
        Graph
            Its outputs are the gradients of leaves; with `forward`, after the outputs of this one.

        Raises
        ------
        ValueError
            If no output requires a gradient.

        Examples
        --------
        >>> import autograd_lite as al
        >>> x, w = (al.Tensor(3.0, requires_grad=True, name=name) for name in "xw")
        >>> print(al.Graph(x * w, names={}).backward())
        n0  x       constant  ()
        n1  w       constant  ()
        n3  ∂L/∂n2  input     ()
        n4  ∂L/∂x   n3 * n1   ()
        n5  ∂L/∂w   n3 * n0   ()
        """
        from autograd_lite.graph.cotangents import backward

        return backward(self, forward=forward, names=names or {}, held=self._held)

    def _add(self, tensor: Tensor, value: Any, called: Mapping[int, str]) -> None:
        """Append the node of a tensor, after nodes for its bare operands."""
        used = []
        for x, operand_value in zip(operands(tensor), tensor._values, strict=True):
            if x is not None:
                used.append(self._node_of[_key(x, operand_value)])
                continue
            key = (0, id(operand_value))
            if key not in self._node_of or not isinstance(operand_value, np.ndarray):
                name = self._array_name(operand_value)
                self._node_of[key] = self._put("constant", name, operand_value)
            used.append(self._node_of[key])
        leaf: Kind = "parameter" if tensor._requires_grad else "input"
        kind: Kind = "operation" if tensor._primitive else leaf
        name = tensor.name or called.get(id(tensor))
        self._node_of[_key(tensor, value)] = self._put(kind, name, value, tensor, tuple(used))

    def _put(
        self,
        kind: Kind,
        name: str | None,
        value: Any,
        tensor: Tensor | None = None,
        operands: tuple[str, ...] = (),
    ) -> str:
        identifier = f"n{len(self._by_id)}"
        grad = None if tensor is None or tensor.grad is None else tensor.grad.data
        self._by_id[identifier] = Node(
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
        )
        return identifier

    def _array_name(self, value: Any) -> str | None:
        """Return the name of the array that a bare operand was copied from, if only one can be."""
        if not np.ndim(value):
            return None
        return name_of_copy(np.asarray(value), self._arrays)

    def __len__(self) -> int:
        return len(self.nodes)

    @overload
    def __getitem__(self, key: str | int) -> Node: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Node, ...]: ...
    def __getitem__(self, key: str | int | slice) -> Node | tuple[Node, ...]:
        """Return a node by its identifier or its position, or the nodes of a slice."""
        return self._by_id[key] if isinstance(key, str) else self.nodes[key]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def tensors(self) -> frozenset[Tensor]:
        """All tensors of the computation."""
        return frozenset(node.tensor for node in self.nodes if node.tensor is not None)

    def operands(self, node: Node) -> tuple[Node, ...]:
        """Return what a node was computed from."""
        return tuple(self._by_id[identifier] for identifier in node.operands)

    def consumers(self, node: Node) -> tuple[Node, ...]:
        """Return what was computed from a node."""
        if self._consumers is None:
            self._consumers = {other.id: [] for other in self.nodes}
            for other in self.nodes:
                for identifier in dict.fromkeys(other.operands):
                    self._consumers[identifier].append(other)
        return tuple(self._consumers[node.id])

    def home(self, node: Node) -> tuple[Call, ...]:
        """Return the calls of modules that a value belongs to, the outermost first.

        A result belongs where it was made; a leaf to the innermost call that holds it and alone
        uses it.

        Examples
        --------
        >>> import autograd_lite as al
        >>> net = al.nn.Sequential(al.nn.Linear(2, 1), al.nn.Tanh())
        >>> graph = al.Graph(net(al.Tensor([[1.0, 2.0]])), names={})
        >>> [call.kind for call in graph.home(graph.find("0.weight"))]
        ['Sequential', 'Linear']
        """
        if node.primitive is not None or node.calls:
            return node.calls
        consumers = self.consumers(node)
        users = [user.calls for user in consumers if user.backward <= node.backward]
        users = users or [user.calls for user in consumers]
        common = users[0] if users else ()
        for calls_of_user in users[1:]:
            common = tuple(a for a, b in zip(common, calls_of_user, strict=False) if a == b)
        while common and node.tensor is not None and node.tensor not in self._held[common[-1]]:
            common = common[:-1]
        return common

    def find(self, what: str | Tensor) -> Node:
        """Return the node of a tensor, or the one with a name.

        Parameters
        ----------
        what : str or Tensor
            A name, an identifier (``n3``), or a tensor of the computation.

        Raises
        ------
        KeyError
            If there is none, or several have the name; the message lists what there is.
        """
        if isinstance(what, Tensor):
            found = [node for node in self.nodes if node.tensor is what]
        else:
            found = [node for node in self.nodes if what in (node.name, node.id)]
        if len(found) == 1:
            return found[0]
        label = what._label() if isinstance(what, Tensor) else repr(what)
        if found:
            raise KeyError(
                f"{label} is the name of {len(found)} nodes: {', '.join(n.id for n in found)}. "
                f"Use an identifier, or name them apart with name=."
            )
        named = [node.name for node in self.nodes if node.name]
        raise KeyError(
            f"{label} is not in this graph of {len(self.nodes)} nodes. Names in it: "
            f"{', '.join(named) or 'none'}. Name a tensor with Tensor(..., name=) or t.name = ..."
        )

    def recompute(self, changes: Mapping[str, Any]) -> tuple[Any, ...]:
        """Compute the outputs again with other values at some nodes.

        Parameters
        ----------
        changes : mapping of str to array_like
            New values by the identifier of the node, of the shape that it has; inner nodes too,
            whose operation is then not carried out.

        Returns
        -------
        tuple of array
            The values of `outputs`, in NumPy, without recording.
        """
        changed: dict[str, Any] = dict(changes)
        for node in self.nodes:
            if node.id in changed or not any(x in changed for x in node.operands):
                continue
            values = [changed.get(x, self._by_id[x].value) for x in node.operands]
            assert node.primitive is not None  # It has operands.
            changed[node.id] = node.primitive.forward(*values, **node.parameters)
        return tuple(changed.get(node.id, node.value) for node in self.outputs)

    def to_json(self) -> str:
        """Return the graph as JSON; `autograd_lite.graph.data` lists the keys.

        Examples
        --------
        >>> import json
        >>> import autograd_lite as al
        >>> w = al.Tensor(3.0, requires_grad=True, name="w")
        >>> json.loads(al.Graph(5 * w, names={}).to_json())["nodes"][2]["code"]
        'n1 * n0'
        """
        from autograd_lite.graph.data import as_json

        title = ", ".join(node.label for node in self.outputs)
        return as_json(self, {node.id: node.name for node in self if node.name}, title)

    def to_networkx(self) -> Any:
        """Return the graph as a `networkx.MultiDiGraph` (needs networkx).

        Its nodes are the identifiers, with the attributes of `Node` as theirs; there is an edge
        from every operand to the result, with ``operand``, its position among the operands.

        Examples
        --------
        >>> import networkx
        >>> import autograd_lite as al
        >>> w = al.Tensor(3.0, requires_grad=True, name="w")
        >>> exported = al.Graph(w * w, names={}).to_networkx()
        >>> networkx.dag_longest_path(exported)
        ['n0', 'n1']
        >>> exported.nodes["n0"]["name"], exported.number_of_edges("n0", "n1")
        ('w', 2)
        """
        try:
            import networkx
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "Graph.to_networkx needs networkx. Install it with:\n"
                "    python -m pip install networkx",
                name="networkx",
            ) from None
        exported = networkx.MultiDiGraph()
        for node in self.nodes:
            attributes = {key: getattr(node, key) for key in Node.__slots__ if key != "id"}
            exported.add_node(node.id, **attributes)
            for position, operand in enumerate(node.operands):
                exported.add_edge(operand, node.id, operand=position)
        return exported

    def __str__(self) -> str:
        rows = [
            (
                node.id,
                self._title(node),
                self._made(node),
                str(node.shape),
                node.calls[-1].path or node.calls[-1].kind if node.calls else "",
                f"{node.source}: {node.source.text}" if node.source else "",
            )
            for node in self
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width
            ).rstrip()
            for row in rows
        )

    def __repr__(self) -> str:
        outputs = ", ".join(node.label for node in self.outputs)
        return f"<Graph of {outputs}: {len(self.nodes)} nodes>"

    def _title(self, node: Node) -> str:
        if node.kind == "constant" and node.name is None and np.ndim(node.value) == 0:
            return f"{node.value:g}"
        return node.label

    def _made(self, node: Node) -> str:
        """Write the operation with the identifiers of its operands."""
        return write(node, node.operands) if node.primitive else node.kind


def _key(tensor: Tensor, value: Any) -> tuple[int, int]:
    """Identify a node: a leaf that was given a new value in between is two nodes."""
    return id(tensor), id(value) if tensor._primitive is None else 0


def _in_order(roots: Iterable[Tensor]) -> list[tuple[Tensor, Any]]:
    """Return all tensors behind the roots, with the values that were used, in order of birth."""
    found = {_key(root, root._data): (root, root._data) for root in roots}
    waiting = [root for root, _ in found.values()]
    while waiting:
        tensor = waiting.pop()
        for x, value in zip(operands(tensor), tensor._values, strict=True):
            if x is not None and _key(x, value) not in found:
                found[_key(x, value)] = (x, value)
                waiting.append(x)
    return sorted(found.values(), key=lambda pair: pair[0]._birth)
