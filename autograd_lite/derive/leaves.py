"""What a derivation starts from: one argument for an array, and none for what is made of it.

A recorded loss knows bare arrays, and what was computed without a gradient, by their entries only.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.derive.rereads import without_rereads
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.nodes import Nodes
from autograd_lite.graph.repetition import with_numbers
from autograd_lite.tensor import Tensor


def as_told(graph: Graph, names: Mapping[str, Any], bound: Sequence[tuple[str, Node]]) -> Graph:
    """Return a graph with few leaves, and with names for what variables were bound to before.

    - `names`: what the user has given names to.
    - `bound`: variables, and what they were bound to, in order.
    """
    few = without_rereads(with_few_leaves(graph, names))
    same = {x.id: x.primitive for x in few}  # Not a leaf that is a row now.
    return with_numbers(few, [x for x in bound if same.get(x[1].id, ...) is x[1].primitive])


def with_few_leaves(graph: Graph, names: Mapping[str, Any]) -> Graph:
    """Return a graph in which equal arrays of one name are one leaf.

    ``1 - y``, ``-y`` and ``X[0]`` are computed from the array with a name.

    - `names`: what the user has given names to.
    """
    merged, at = _merged(graph)
    leaves = [node for node in merged if node.primitive is None]
    named = [x for x in leaves if x.name is not None and x.kind != "parameter" and x.shape]
    others = _others(leaves, names)
    new_leaves: list[Node] = []
    made: list[Node] = []
    known = {x.id: _made_of(x, named) or _made_of(x, others) for x in leaves if x.name is None}
    of_rows = [x[1] for x in known.values() if x is not None and x[0] is ops.getitem]
    for leaf in leaves:
        # x of `for x in xs` is the last row, though it has a name.
        found = known[leaf.id] if leaf.name is None else _row_of(leaf, of_rows)
        if found is None:
            new_leaves.append(leaf)
            continue
        operation, source, *index = found
        operands: tuple[str, ...] = (source.id,)
        parameters = {"index": index[0]} if index else {}
        if source not in leaves and source not in new_leaves:
            new_leaves.append(source)
        if operation is ops.subtract:
            one = f"{leaf.id}_one"
            new_leaves.append(replace(leaf, id=one, kind="constant", value=1, tensor=None))
            operands = (one, *operands)
        made.append(
            replace(
                leaf, kind="operation", primitive=operation, operands=operands,
                parameters=parameters, name=None,
            )
        )  # fmt: skip
    if made:
        merged = [*new_leaves, *made, *(x for x in merged if x.primitive is not None)]
    new = copy.copy(graph)
    Nodes.__init__(new, merged, [at.get(x.id, x.id) for x in graph.outputs], graph.held)
    return new


def _others(leaves: Sequence[Node], names: Mapping[str, Any]) -> list[Node]:
    """Return leaves for arrays that have a name, and are not used themselves."""
    known = {leaf.name for leaf in leaves}, {id(leaf.tensor) for leaf in leaves}
    others: dict[int, Node] = {}
    for name, x in names.items():
        is_tensor = isinstance(x, Tensor)
        if name in known[0] or id(x) in known[1] or (is_tensor and not _is_given(x)):
            continue
        value = x.data if is_tensor else x
        called = (x.name if is_tensor else None) or name
        if isinstance(value, np.ndarray) and value.ndim and called not in known[0]:
            node = Node(
                id=f"given_{name}", kind="input" if is_tensor else "constant", name=called,
                primitive=None, operands=(), parameters={}, value=value.copy(), grad=None,
                requires_grad=False, tensor=x if is_tensor else None,
            )  # fmt: skip
            others.setdefault(id(x), node)
    return list(others.values())


def _is_given(x: Tensor) -> bool:
    return x.is_leaf and not x.requires_grad


def _merged(graph: Graph) -> tuple[list[Node], dict[str, str]]:
    """Return the nodes without copies of bare arrays, and what stands in the place of those."""
    first: dict[Any, str] = {}
    at: dict[str, str] = {}
    nodes = []
    for node in graph:
        if node.kind == "constant" and node.name is not None and node.shape:
            array = np.asarray(node.value)
            key = node.name, array.shape, array.dtype.str, array.tobytes()
            at[node.id] = first.setdefault(key, node.id)
        if at.get(node.id, node.id) == node.id:
            operands = tuple(at.get(x, x) for x in node.operands)
            nodes.append(node if operands == node.operands else replace(node, operands=operands))
    return nodes, at


def _made_of(leaf: Node, named: Sequence[Node]) -> tuple[Any, ...] | None:
    """Return how a leaf without a name follows from the only named one that it can be made of.

    It is the operation, what that has for an operand, and the index of a row.
    """
    value = np.asarray(leaf.value)
    if leaf.kind == "parameter" or value.dtype.kind not in "fi":
        return None
    if value.size < 2 or (value == value.flat[0]).all():  # Too little to know it by.
        return None
    found = _rows(leaf, named)
    for x in named:
        array = np.asarray(x.value)
        alike = x.kind == leaf.kind and array.shape == value.shape  # A Tensor is made of Tensors.
        if not alike or array.dtype.kind not in "fi":
            continue
        for operation, made in ((ops.subtract, 1 - array), (ops.negative, -array)):
            if made.dtype == value.dtype and np.array_equal(made, value):
                found.append((operation, x))
    return found[0] if len(found) == 1 else None


def _row_of(leaf: Node, named: Sequence[Node]) -> tuple[Any, ...] | None:
    """Return which row of which array a bare array is, if there is only one."""
    found = _rows(leaf, [*dict.fromkeys(named)]) if leaf.kind == "constant" else []
    return found[0] if len(found) == 1 else None


def _rows(leaf: Node, named: Sequence[Node]) -> list[tuple[Any, ...]]:
    value, found = np.asarray(leaf.value), []
    for x in named:
        array = np.asarray(x.value)
        if x.kind == leaf.kind and array.shape[1:] == value.shape and array.dtype == value.dtype:
            rows = np.flatnonzero((array == value).reshape(len(array), -1).all(axis=1))
            found += [(ops.getitem, x, int(i)) for i in rows]
    return found
