"""The nodes of a computation: who uses whom, and which calls of modules each belongs to."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import overload

from autograd_lite.graph.calls import Call, Held
from autograd_lite.graph.node import Node
from autograd_lite.tensor import Tensor

Parts = tuple[Sequence[Node], Sequence[str], Mapping[Call, Held]]
"""What `Nodes` is made of."""


class Nodes(Sequence[Node]):
    """Nodes in the order of computation.

    - `nodes`: operands come before results.
    - `outputs`: identifiers of what was computed.
    - `held`: which leaves the module of a call holds.
    """

    def __init__(
        self, nodes: Sequence[Node], outputs: Sequence[str], held: Mapping[Call, Held]
    ) -> None:
        self.nodes = tuple(nodes)
        self._by_id = {node.id: node for node in nodes}
        self.outputs = tuple(self._by_id[key] for key in outputs)
        self.held = held
        self._consumers: dict[str, list[Node]] | None = None

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

    def find(self, what: str | Tensor) -> Node:
        """Return the node of a tensor, or the one with a name.

        Parameters
        ----------
        what : str or Tensor
            A name, an identifier (``n3``; a name comes first), or a tensor of the computation.

        Raises
        ------
        TypeError
            If it is something else.
        KeyError
            If no node, or more than one, is called so; the message lists the names.

        Examples
        --------
        >>> import autograd_lite as al
        >>> x = al.Tensor([1.0, 2.0], requires_grad=True, name="x")
        >>> graph = al.Graph(x.sum())
        >>> graph.find("x")
        <n0 x parameter (2,)>
        >>> graph.find(x) is graph.find("n0")
        True
        """
        if not isinstance(what, str | Tensor):
            raise TypeError(f"A node is found by its name or its tensor, got {what!r}.")
        if isinstance(what, Tensor):
            found = [node for node in self.nodes if node.tensor is what]
        else:
            found = [node for node in self.nodes if node.name == what]
            found = found or [node for node in self.nodes if node.id == what]
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

    def _node(self, node: Node | str | Tensor) -> Node:
        return node if isinstance(node, Node) else self.find(node)

    def operands(self, node: Node | str | Tensor) -> tuple[Node, ...]:
        """Return what a node was computed from, in the order of the operation.

        Examples
        --------
        >>> import autograd_lite as al
        >>> x = al.Tensor([1.0, 2.0], requires_grad=True, name="x")
        >>> graph = al.Graph(x * x)
        >>> graph.operands(graph["n1"])
        (<n0 x parameter (2,)>, <n0 x parameter (2,)>)
        """
        return tuple(self._by_id[identifier] for identifier in self._node(node).operands)

    def consumers(self, node: Node | str | Tensor) -> tuple[Node, ...]:
        """Return what was computed from a node, in the order of computation, each once.

        Examples
        --------
        >>> import autograd_lite as al
        >>> x = al.Tensor([1.0, 2.0], requires_grad=True, name="x")
        >>> graph = al.Graph(x * x)
        >>> graph.consumers(graph["n0"])
        (<n1 multiply = multiply(n0, n0) operation (2,)>,)
        """
        if self._consumers is None:
            self._consumers = {other.id: [] for other in self.nodes}
            for other in self.nodes:
                for identifier in dict.fromkeys(other.operands):
                    self._consumers[identifier].append(other)
        return tuple(self._consumers[self._node(node).id])

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
        while common and node.tensor is not None and node.tensor not in self.held[common[-1]]:
            common = common[:-1]
        return common


Homes = Mapping[str, tuple[Call, ...]]
"""The calls of modules that values belong to, by the identifier of the value."""


def homes(graph: Nodes, names: Collection[str]) -> dict[str, tuple[Call, ...]]:
    """Return the calls that each value belongs to.

    Arrays that the user has named are outside; and those that the first operation on arrays alone
    of an outermost call uses, if that is given nothing else: they are what it was called with.
    """
    if not any(node.calls for node in graph):
        return dict.fromkeys((node.id for node in graph), ())
    at = {
        node.id: () if node.id in names and _is_array(node) else graph.home(node) for node in graph
    }
    given: dict[Call, list[str]] = {}
    fed: set[Call] = set()
    for node in graph:
        if node.primitive is None or not at[node.id]:
            continue
        call = at[node.id][0]
        arrays = [x for x in graph.operands(node) if x.shape or x.kind != "constant"]
        fed.update(call for x in arrays if at[x.id][:1] != (call,))
        if (bare := [x.id for x in arrays if _is_array(x)]) and not any(x.operands for x in arrays):
            given.setdefault(call, bare)
    return at | {key: () for call, keys in given.items() if call not in fed for key in keys}


def _is_array(node: Node) -> bool:
    """Return whether this is a bare array, or what a module made of one."""
    return node.kind == "constant" or (node.kind == "input" and bool(node.calls))


def ordered_calls(at: Homes) -> list[Call]:
    """Return all calls, in the order in which values belong to them, an outer one first."""
    return list(dict.fromkeys(call for chain in at.values() for call in chain))
