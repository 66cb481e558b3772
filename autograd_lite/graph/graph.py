"""A recorded computation as an object: named, ordered, frozen.

Pictures, tables, formulas and printed code all read a `Graph`, and nothing else about the engine.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph.backward import backward
from autograd_lite.graph.json import as_json
from autograd_lite.graph.node import Node, write
from autograd_lite.graph.nodes import Nodes
from autograd_lite.graph.recording import recorded
from autograd_lite.graph.variables import arrays_in, names_in
from autograd_lite.tensor import Tensor


class Graph(Nodes):
    """The computation of one or more tensors.

    Parameters
    ----------
    outputs : Tensor or iterable of Tensor
        What was computed. What depends on nothing that requires a gradient was not recorded, and
        is a node without operands.
    names : mapping of str to Tensor or ndarray, optional
        Names for tensors that have none of their own (`Tensor.name` comes first), and for bare
        arrays: one is called after the only array here that is equal to it. By default, the
        variables of the caller.

    Attributes
    ----------
    nodes : tuple of Node
        In the order of computation: operands come before results.
    outputs : tuple of Node
        The nodes of the tensors that were asked for.
    differentiated : Graph or None
        The computation that this one is the backward pass of; None for a forward computation.

    Raises
    ------
    TypeError
        If an output is not a Tensor, or the names are not a dict.
    ValueError
        If there are no outputs.

    Examples
    --------
    Printed, it has a line for every node: identifier, name, how it was computed, shape; then the
    module call and the line of code, where they are known.

    >>> import autograd_lite as al
    >>> w = al.Tensor(3.0, requires_grad=True, name="w")
    >>> graph = al.Graph(5 * w - 42)
    >>> print(graph)
    n0  w         parameter  ()
    n1  5         constant   ()
    n2  multiply  n1 * n0    ()
    n3  42        constant   ()
    n4  subtract  n2 - n3    ()

    It is a sequence of nodes, which are also found by their identifiers:

    >>> len(graph), graph[0], graph["n4"].value
    (5, <n0 w parameter ()>, np.float64(-27.0))
    """

    def __init__(
        self,
        outputs: Tensor | Iterable[Tensor],
        names: Mapping[str, Tensor | NDArray[Any]] | None = None,
    ) -> None:
        several = isinstance(outputs, Iterable) and not isinstance(outputs, Tensor)
        roots: list[Any] = list(outputs) if several else [outputs]
        for root in roots:
            if not isinstance(root, Tensor):
                raise TypeError(f"Graph needs Tensors, got {type(root).__name__}.")
        if not roots:
            raise ValueError("Graph needs at least one Tensor, got none.")
        if names is not None and not isinstance(names, Mapping):
            raise TypeError(
                f"Graph needs names as a dict, got a {type(names).__name__}. Write "
                f"Graph(loss, {{'w': w}}), or leave it out for the names of your variables."
            )
        if names is None:
            frame = sys._getframe(1)
            names = {**arrays_in(frame), **names_in(frame)}
        super().__init__(*recorded(roots, names))
        self.differentiated: Graph | None = None
        self._how: dict[str, Any] = {}  # What `backward` was given, if this is its result.

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
        graph = self._like(*backward(self, forward=forward, names=names or {}))
        graph.differentiated, graph._how = self, {"forward": forward, "names": names}
        return graph

    @property
    def tensors(self) -> frozenset[Tensor]:
        """All tensors of the computation.

        Examples
        --------
        >>> import autograd_lite as al
        >>> x = al.Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x.sum()
        >>> al.Graph(y).tensors == {x, y}
        True
        """
        return frozenset(node.tensor for node in self.nodes if node.tensor is not None)

    def recompute(self, changes: Mapping[str, Any]) -> tuple[Any, ...]:
        """Compute the outputs again with other values at some nodes.

        Parameters
        ----------
        changes : mapping of str or Tensor to array_like
            New values by the identifier of the node, by name or by tensor, of the shape that it
            has; inner nodes too, whose operation is then not carried out. What was computed outside
            of the record, as a comparison is, stays as it was. In a graph of gradients, the rules
            see the new values.

        Returns
        -------
        tuple of array
            The values of `outputs`, in NumPy, without recording.

        Raises
        ------
        KeyError
            If a node is not in this graph.
        ValueError
            If a value has another shape. In a graph of gradients, if these are computed by other
            operations at the new forward values, and gradients on the way are to be changed too.

        Examples
        --------
        >>> import autograd_lite as al
        >>> x = al.Tensor(3.0, requires_grad=True)
        >>> al.Graph(x * x).recompute({"n0": 5.0})
        (np.float64(25.0),)
        """
        if not isinstance(changes, Mapping):
            raise TypeError(
                f"recompute needs a dict of new values by node, got a {type(changes).__name__}."
            )
        new = {}
        for key, value in changes.items():
            node = self._to_change(key)
            if np.shape(value) != node.shape:
                raise ValueError(
                    f"recompute needs a value of shape {node.shape} for {node.label}, got "
                    f"{np.shape(value)}."
                )
            new[node.id] = np.asarray(value)[()]
        return tuple(node.value for node in self._at(new).outputs)

    def _to_change(self, key: Any) -> Node:
        """Return the node that is meant, here or in what this is the backward pass of."""
        forward = self.differentiated
        for graph in (self, forward):
            if graph is not None and key in graph._by_id:
                return graph._by_id[key]
        try:
            return self.find(key)
        except KeyError:
            if forward is None:
                raise
            return forward.find(key)

    def _at(self, changes: Mapping[str, Any], *, follow: bool = True) -> Graph:
        """Return the computation with other values at some nodes, and at what follows from them."""
        graph, changed = self, dict(changes)
        forward = self.differentiated
        if forward is not None:
            moved = {key: changed.pop(key) for key in changes if key in forward._by_id}
            if moved:  # Masks, positions and choices in the rules follow from the values.
                graph = forward._at(moved, follow=self._how["forward"]).backward(**self._how)
                if changed and [node.primitive for node in graph] != [x.primitive for x in self]:
                    raise ValueError(
                        f"recompute: at these values the gradients are computed by other "
                        f"operations, so {', '.join(changed)} cannot be changed too. Change the "
                        f"values first: Graph(...).backward() of a loss computed from them."
                    )
        for node in graph if follow else ():
            if node.id in changed or not any(x in changed for x in node.operands):
                continue
            values = [changed.get(x, graph._by_id[x].value) for x in node.operands]
            assert node.primitive is not None  # It has operands.
            changed[node.id] = node.primitive.forward(*values, **node.parameters)
        nodes = [replace(x, value=changed[x.id]) if x.id in changed else x for x in graph]
        return graph._like(nodes, [node.id for node in graph.outputs], graph.held)

    def _like(self, *parts: Any) -> Graph:
        """Return a graph of other nodes, that is a backward pass of what this is one of."""
        graph = Graph.__new__(Graph)
        Nodes.__init__(graph, *parts)
        graph.differentiated, graph._how = self.differentiated, self._how
        return graph

    def to_json(self, max_entries: float = math.inf) -> str:
        """Return the graph as JSON; `autograd_lite.graph.json` lists the keys.

        Parameters
        ----------
        max_entries : int
            How many entries of arrays are written, in all; past that, the largest arrays are
            summed up, and ``left_out`` says how many.

        Examples
        --------
        >>> import json
        >>> import autograd_lite as al
        >>> w = al.Tensor(3.0, requires_grad=True, name="w")
        >>> json.loads(al.Graph(5 * w, names={}).to_json())["nodes"][2]["code"]
        'n1 * n0'
        """
        title = ", ".join(node.label for node in self.outputs)
        return as_json(self, {node.id: node.name for node in self if node.name}, title, max_entries)

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
                write(node, node.operands) if node.primitive else node.kind,
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
