"""Entries that are written, read and written again, as in ``C[i, j] += a``: what they hold."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from autograd_lite import ops
from autograd_lite.functional.nests import leaves_of
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.nodes import Nodes
from autograd_lite.program.expression import uniform

Key = tuple[int, ...]


def without_rereads(graph: Graph) -> Graph:
    """Return a graph in which no entry is read that was written, and none is written twice."""
    if all(node.primitive is not ops.assign for node in graph):
        return graph
    new = copy.copy(graph)
    entries = _Entries(graph)
    Nodes.__init__(new, entries.nodes(), entries.outputs, graph.held)
    return new


@dataclass
class _Version:
    """An array that entries have been written into: what it was before, and their last writes."""

    base: str
    writes: dict[Key, Node] = field(default_factory=dict)
    again: bool = False  # Whether an entry was written twice.


class _Entries:
    def __init__(self, graph: Graph) -> None:
        self.by_id: dict[str, Node] = {}
        self.versions: dict[str, _Version] = {}  # The latest of every array.
        self.chains: dict[str, list[Node]] = {}  # What stands before a version, and makes it.
        at: dict[str, str] = {}
        for node in graph:
            operands = tuple(at.get(x, x) for x in node.operands)
            node = node if operands == node.operands else replace(node, operands=operands)
            key = _key(node, self.by_id)
            read = self._read(node, key) if key and node.primitive is ops.getitem else node
            if read.id != node.id:
                at[node.id] = read.id
                continue
            written = key is not None and node.primitive is ops.assign
            for x in read.operands[1:] if written else read.operands:
                self._settle(x)
            self.by_id[node.id] = read
            if key is not None and written:
                self._write(node, key)
        self.outputs = [at.get(x.id, x.id) for x in graph.outputs]
        for x in self.outputs:
            self._settle(x)

    def _read(self, node: Node, key: Key) -> Node:
        """Return the node of what an entry holds, or that of an earlier array's entry."""
        version = self.versions.get(node.operands[0])
        named = node.name is not None or np.asarray(node.value).dtype.kind != "f"
        if named or version is None or any(len(x) != len(key) for x in version.writes):
            return node
        if key in version.writes:
            value = self.by_id[version.writes[key].operands[1]]
            kinds = [(x.shape, np.asarray(x.value).dtype) for x in (value, node)]
            return value if kinds[0] == kinds[1] and value.primitive else node
        if self.by_id[version.base].parameters.get("made"):
            return replace(
                node, kind="constant", primitive=None, operands=(), parameters={"made": True},
                requires_grad=False,
            )  # fmt: skip
        return replace(node, operands=(version.base,))

    def _write(self, node: Node, key: Key) -> None:
        """Note a write, and whether it replaces an earlier one."""
        array = node.operands[0]
        version = self.versions.pop(array, None)
        if version is None or any(len(x) != len(key) for x in version.writes):
            version, base = _Version(array), self.by_id[array]
            given = base.primitive is not None or base.name is not None or base.requires_grad
            if not given and uniform(base.value):  # Zeros to be filled are made anew.
                self.by_id[array] = replace(base, parameters={"made": True})
        version.again = version.again or key in version.writes
        version.writes[key] = node
        self.versions[node.id] = version

    def _settle(self, array: str) -> None:
        """Make a version that is needed as a whole of the last writes to its entries."""
        version = self.versions.get(array)
        if version is None or not version.again:
            return
        self.versions[array] = _Version(array)
        x, chain, last = version.base, [], len(version.writes) - 1
        value = np.array(self.by_id[x].value)
        for i, (key, node) in enumerate(version.writes.items()):
            value = value.copy()
            value[key] = self.by_id[node.operands[1]].value
            whole = self.by_id[array] if i == last else replace(node, id=f"{array}_{i}", name=None)
            operands = x, node.operands[1]
            chain.append(replace(whole, operands=operands, value=value, parameters={"index": key}))
            x = whole.id
        self.chains[array] = chain

    def nodes(self) -> list[Node]:
        """Return the nodes that the computation needs, and all that it is given."""
        kept: list[Node] = []
        used = set(self.outputs)
        for x in reversed(self.by_id.values()):
            for node in reversed(self.chains.get(x.id, [x])):
                if node.id in used or node.primitive is None:
                    kept.append(node)
                    positions = (getattr(y, "node", None) for y in leaves_of(dict(node.parameters)))
                    used.update(node.operands, filter(None, positions))
        return kept[::-1]


def _key(node: Node, by_id: Mapping[str, Node]) -> Key | None:
    """Return the index of the single entry, or row, that a node reads or writes."""
    if node.primitive not in (ops.getitem, ops.assign):
        return None
    index, shape = node.parameters["index"], by_id[node.operands[0]].shape
    parts = index if isinstance(index, tuple) else (index,)
    if not parts or not all(type(i) is int for i in parts):
        return None
    return tuple(i % n for i, n in zip(parts, shape, strict=False))
