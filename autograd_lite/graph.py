"""A recorded computation as an object: named, ordered, frozen.

Pictures, tables, formulas and printed code all read a `Graph`, and nothing else about the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autograd_lite.calls import Call, calls, operands
from autograd_lite.notation import Written
from autograd_lite.primitive import Primitive
from autograd_lite.source import Source
from autograd_lite.tensor import Tensor

Kind = Literal["input", "parameter", "constant", "operation"]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value of a computation.

    Attributes
    ----------
    id : str
        ``n0``, ``n1``, … in the order of computation; the same for the same program.
    kind : {"input", "parameter", "constant", "operation"}
        A Tensor that was given; one that requires a gradient; a bare array or number; a result.
    name : str or None
        What the user calls it.
    primitive : Primitive or None
        The operation that made it.
    operands : tuple of str
        Identifiers of what it was computed from, in the operation's order.
    parameters : mapping of str to object
        The static parameters of the operation.
    value : ndarray or NumPy scalar or Python number
        As it was when the computation was recorded.
    grad : ndarray or None
        Its gradient, where one is known; None is "not computed", which is not 0.
    requires_grad : bool
        Whether a gradient flows to it.
    tensor : Tensor or None
        The tensor that it shows.
    source : Source or None
        The line of the user's code that made it, if that was recorded (`record_source`).
    calls : tuple of Call
        The calls of modules that it was made in, the outermost first.
    """

    id: str
    kind: Kind
    name: str | None
    primitive: Primitive | None
    operands: tuple[str, ...]
    parameters: Mapping[str, Any]
    value: Any
    grad: NDArray[Any] | None
    requires_grad: bool
    tensor: Tensor | None
    source: Source | None = None
    calls: tuple[Call, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes of the value."""
        return np.shape(self.value)

    @property
    def label(self) -> str:
        """Its name, else its operation, else what kind it is."""
        return self.name or (self.primitive.name if self.primitive else self.kind)

    def __repr__(self) -> str:
        made = f" = {self.primitive.name}({', '.join(self.operands)})" if self.primitive else ""
        return f"<{self.id} {self.label}{made} {self.kind} {self.shape}>"


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
        if not roots:
            raise ValueError("Graph needs at least one Tensor, got none.")
        called = {id(tensor): name for name, tensor in (names or {}).items()}
        self._arrays = {
            name: value for name, value in (names or {}).items() if isinstance(value, np.ndarray)
        }
        self._by_id: dict[str, Node] = {}
        self._node_of: dict[tuple[int, int], str] = {}
        ordered = _in_order(roots)
        self._calls, self._held = calls([tensor for tensor, _ in ordered])
        for tensor, value in ordered:
            self._add(tensor, value, called)
        self.nodes = tuple(self._by_id.values())
        self.outputs = tuple(self._by_id[self._node_of[_key(t, t._data)]] for t in roots)
        self._consumers: dict[str, list[Node]] | None = None

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
            parameters=(tensor._parameters if tensor is not None else None) or {},
            value=value,
            grad=grad,
            requires_grad=tensor is not None and tensor._requires_grad,
            tensor=tensor,
            source=getattr(tensor, "_source", None),
            calls=self._calls.get(tensor, ()) if tensor is not None else (),
        )
        return identifier

    def _array_name(self, value: Any) -> str | None:
        """Return the name of the array that a bare operand was copied from, if only one can be."""
        if not np.ndim(value):
            return None
        same = [n for n, x in self._arrays.items() if np.array_equal(x, value, equal_nan=False)]
        return same[0] if len(same) == 1 else None

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, key: Any) -> Any:
        """Return a node by its identifier, or by its position (or a slice of them)."""
        return self._by_id[key] if isinstance(key, str) else self.nodes[key]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

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
        if node.primitive is not None:
            return node.calls
        users = [user.calls for user in self.consumers(node)]
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
        rows = [(node.id, self._title(node), self._made(node), str(node.shape)) for node in self]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def __repr__(self) -> str:
        outputs = ", ".join(node.label for node in self.outputs)
        return f"<Graph of {outputs}: {len(self.nodes)} nodes>"

    def _title(self, node: Node) -> str:
        if node.kind == "constant" and np.ndim(node.value) == 0:
            return f"{node.value:g}"
        return node.label

    def _made(self, node: Node) -> str:
        """Write the operation with the identifiers of its operands."""
        return write(node, node.operands) if node.primitive else node.kind


def write(node: Node, operands: Sequence[str], form: Literal["python", "latex"] = "python") -> str:
    """Write the operation of a node, given the text of each operand.

    Parameters
    ----------
    node : Node
        A result.
    operands : sequence of str
        What to write for each operand: a name, or anything that needs no parentheses.
    form : {"python", "latex"}
        NumPy code, or mathematics.
    """
    primitive = node.primitive
    if primitive is None:
        raise ValueError(f"{node!r} is no result of an operation, so there is nothing to write.")
    names = (
        [f"{primitive.operands[0]}{i}" for i in range(len(operands))]
        if primitive.variadic
        else primitive.operands
    )
    texts = {name: Written(text) for name, text in zip(names, operands, strict=True)}
    written: Written = getattr(primitive, form)(texts, node.parameters)
    return written.text


def names_in(where: FrameType | Mapping[str, Any] | None) -> dict[str, Tensor]:
    """Return the tensors that the variables of a frame or mapping are bound to, first name first.

    Lists and tuples of tensors count too: the second of ``layers`` is called ``layers[1]``.
    """
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    variables = where.f_locals if isinstance(where, FrameType) else where or {}
    for name, value in variables.items():
        if name.startswith("_") or not name.isidentifier():
            continue
        several = enumerate(value) if type(value) in (list, tuple) and len(value) < 1000 else ()
        for text, x in [(name, value), *((f"{name}[{i}]", part) for i, part in several)]:
            if isinstance(x, Tensor) and id(x) not in taken:
                taken.add(id(x))
                found[text] = x
    return found


def arrays_in(where: FrameType | None) -> dict[str, NDArray[Any]]:
    """Return the arrays that the local variables of a frame are bound to."""
    return {
        name: value
        for name, value in (where.f_locals if where is not None else {}).items()
        if isinstance(value, np.ndarray) and not name.startswith("_") and name.isidentifier()
    }


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
