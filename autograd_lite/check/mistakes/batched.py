"""A loop over samples as one computation of all of them, in which a mistake is looked for at once.

``loss = loss + f(X[i] @ W)`` is the sum of ``f(X @ W)`` over the rows. A slip in such a loop is
made at every step: it is that of the computation of all rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.loop_passes import stem
from autograd_lite.check.mistakes.registry import remembered
from autograd_lite.check.mistakes.replay import Replay, part_of, with_nodes
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Graph, Node

FEWEST, FEWEST_AROUND = 3, 2
"""How many terms that do the same are a loop, at least: by themselves, and around another loop."""


@remembered
def batched(replay: Replay) -> Iterator[Replay]:
    """Return the pass in which the steps of loops that do not depend on each other are one."""
    graph, inner = replay.graph, _Batches(replay.graph).graph()
    while inner is not None:  # A loop around it comes next.
        graph, inner = inner, _Batches(inner, FEWEST_AROUND).graph()
    if graph is not replay.graph:
        yield Replay(graph)


class _Batches:
    """A graph in the making, in which the terms of a sum that do the same are one array."""

    def __init__(self, graph: Graph, fewest: int = FEWEST) -> None:
        self.old, self.new, self.fewest = graph, dict[str, Node](), fewest
        self._known: dict[tuple[str, ...], Node | None] = {}
        self._done = set[str]()
        self._forms: dict[Any, int] = {}  # Of equal form, two nodes have the same number.
        self._form: dict[str, int] = {}
        self._count, self._stem = 0, f"of all {len(graph)}"  # Each time, there are fewer nodes.

    def graph(self) -> Graph | None:
        """Build the graph in which each loop is one computation, or return None without loops."""
        for node in self.old:
            self._form[node.id] = self._forms.setdefault(self._written(node), len(self._forms))
            other = None
            if not self._done.isdisjoint(node.operands):
                self._done.add(node.id)  # What is around a loop comes next.
            elif other := self._sum_of(node) or self._joined(node):
                self._done.add(node.id)
            self.new[node.id] = other or node
        if not self._count:
            return None
        nodes = [node for key, node in self.new.items() if key == node.id]
        graph = part_of(with_nodes(self.old, nodes), self.new[self.old.outputs[0].id])
        return graph if len(graph) < len(self.old) else None

    def _written(self, node: Node) -> Any:
        """Return what nodes have in common that do the same, of other entries."""
        if node.primitive is None:
            return node.id if node.kind == "parameter" else (node.kind, node.shape)
        parts = tuple(self._form[x] for x in node.operands)
        index = node.primitive is ops.getitem and node.parameters["index"]
        if index is False:
            return node.primitive, node.shape, repr(node.parameters), parts
        some = index if isinstance(index, tuple) else (index,)
        return node.primitive, node.shape, parts, tuple(_sort_of(x) for x in some)

    def _sum_of(self, end: Node) -> Node | None:
        """Add up the terms of a sum, those that do the same at once."""
        users = self.old.consumers(end)
        if end.primitive not in SUMS or any(self._goes_on(end, user) for user in users):
            return None
        alike: dict[tuple[bool, int], list[str]] = {}
        for minus, key in self._terms(end):
            alike.setdefault((minus, self._form[key]), []).append(key)
        picked = all(self.old[x[0]].primitive is ops.getitem for x in alike.values())
        if max(map(len, alike.values())) < self.fewest or (end.shape and not picked):
            return None  # Other arrays may be those of the taps of a kernel.
        total: Node | None = None
        made = False
        for (minus, _), keys in alike.items():
            terms = self._batch(tuple(keys)) if len(set(keys)) == len(keys) >= self.fewest else None
            made = made or terms is not None
            axis = 0 if end.shape else None
            parts = (
                [self._made(ops.sum, [terms], axis=axis)] if terms else [self.new[x] for x in keys]
            )
            for x in parts:
                if total is None:
                    total = self._made(ops.negative, [x]) if minus else x
                else:
                    total = self._made(ops.subtract if minus else ops.add, [total, x])
        return replace(total, id=end.id, name=end.name) if total and made else None

    def _joined(self, end: Node) -> Node | None:
        """Return at once what a loop has joined: stacked, or written to an array entry by entry."""
        parts = list(end.operands) if end.primitive in (ops.stack, ops.concatenate) else []
        node, later = end, None
        while node.primitive is ops.assign and (later is None or _alone(self.old, node, later)):
            parts.insert(0, node.operands[1])
            node, later = self.old[node.operands[0]], node
        whole = self._batch(tuple(parts)) if len(set(parts)) == len(parts) >= self.fewest else None
        if whole is None or np.size(whole.value) != np.size(end.value):
            return None
        if whole.shape != end.shape:
            whole = self._made(ops.reshape, [whole], shape=end.shape)
        same = np.allclose(whole.value, end.value)
        return replace(whole, id=end.id, name=end.name) if same else None

    def _goes_on(self, node: Node, user: Node) -> bool:
        """Return whether a sum is only a part of another one."""
        return _alone(self.old, node, user) and user.primitive in SUMS

    def _terms(self, end: Node) -> list[tuple[bool, str]]:
        """Return what is added up: whether it is subtracted, and its identifier."""
        found: list[tuple[bool, str]] = []
        while True:
            first, term = self.old.operands(end)
            found.append((end.primitive is ops.subtract, term.id))
            if first.primitive not in SUMS or not self._goes_on(first, end):
                return [(False, first.id), *found[::-1]]
            end = first

    def _batch(self, keys: tuple[str, ...]) -> Node | None:
        """Stack nodes along a new first axis, or return None where their operation takes none."""
        if keys not in self._known:
            nodes, found = [self.old[key] for key in keys], None
            with contextlib.suppress(ValueError, TypeError, IndexError):  # It takes no more axes.
                value = np.stack([np.asarray(node.value) for node in nodes])
                made = self._batched(nodes)
                if made is not None and made.shape == value.shape:
                    found = made if np.allclose(made.value, value) else None
            self._known[keys] = found
        return self._known[keys]

    def _batched(self, nodes: list[Node]) -> Node | None:
        """Do what `_batch` does for nodes that were not stacked before."""
        first = nodes[0]
        distinct = list(dict.fromkeys(node.id for node in nodes))
        if first.primitive is None:
            if any(x.kind != "constant" or x.shape != first.shape for x in nodes):
                return None
            return self._made(None, [], *nodes, value=np.stack([x.value for x in nodes]))
        if any(self._form[x.id] != self._form[first.id] for x in nodes):
            return None
        if first.primitive is ops.getitem:
            return self._picked(nodes)
        if len(distinct) < len(nodes):
            whole = self._batch(tuple(distinct))
            places = np.array([distinct.index(node.id) for node in nodes])
            return whole and self._made(ops.getitem, [whole], *nodes, index=places)
        operands: list[tuple[Node, bool]] = []
        for together in zip(*(x.operands for x in nodes), strict=True):
            x = self._together(together)
            if x is None:
                return None
            operands.append(x)
        return self._applied(first.primitive, operands, nodes)

    def _together(self, keys: Sequence[str]) -> tuple[Node, bool] | None:
        """Return an operand of all steps, and whether it has an axis for them."""
        values = [self.old[key].value for key in keys]
        number = all(np.ndim(x) == 0 and x == values[0] for x in values)
        constant = all(self.old[key].kind == "constant" for key in keys)
        if len(set(keys)) == 1 or (number and constant):
            return self.new[keys[0]], False
        whole = self._batch(tuple(keys))
        return None if whole is None else (whole, True)

    def _applied(
        self, primitive: Primitive, operands: list[tuple[Node, bool]], nodes: list[Node]
    ) -> Node | None:
        """Return an operation of all steps: the same one, of arrays with one more axis."""
        parameters = dict(nodes[0].parameters)
        if primitive is ops.matmul:
            return self._product(operands, nodes)
        most = max(np.ndim(x.value) - of_all for x, of_all in operands)
        if primitive.entrywise:
            operands = [
                (self._stretched(x, most) if of_all else x, of_all) for x, of_all in operands
            ]
        elif not all(of_all for _, of_all in operands):
            return None
        axis = parameters.get("axis", ())
        if axis is None:
            parameters["axis"] = tuple(range(1, most + 1)) if most > 1 else 1
        elif isinstance(axis, int | tuple):
            axes = axis if isinstance(axis, tuple) else (axis,)
            moved = tuple(k + 1 if k >= 0 else k for k in axes)
            parameters["axis"] = moved if isinstance(axis, tuple) else moved[0]
        if "shape" in parameters:
            parameters["shape"] = (len(nodes), *np.atleast_1d(parameters["shape"]).tolist())
        if "axes" in parameters:
            axes = parameters["axes"] or tuple(range(most))[::-1]
            parameters["axes"] = (0, *(k % most + 1 for k in axes))
        return self._made(primitive, [x for x, _ in operands], *nodes, **parameters)

    def _stretched(self, x: Node, most: int) -> Node:
        """Give an array of all steps the axes that the others have."""
        missing = most - (np.ndim(x.value) - 1)
        index = (slice(None), *(None,) * missing)
        return self._made(ops.getitem, [x], x, index=index) if missing else x

    def _product(self, operands: list[tuple[Node, bool]], nodes: list[Node]) -> Node | None:
        (a, first), (b, second) = operands
        if second and np.ndim(b.value) == 2:
            if first and np.ndim(a.value) == 2:
                return self._made(ops.sum, [self._made(ops.multiply, [a, b])], *nodes, axis=1)
            if not first:  # A matrix times a vector at every step: the vectors are rows here.
                turned = np.ndim(a.value) == 2
                a = self._made(ops.transpose, [a], axes=None) if turned else a
                return self._made(ops.matmul, [b, a], *nodes)
        return self._made(ops.matmul, [a, b], *nodes)

    def _picked(self, nodes: list[Node]) -> Node | None:
        """Return what all steps pick, of one tensor or each of its own."""
        keys = [node.operands[0] for node in nodes]
        distinct = list(dict.fromkeys(keys))
        indices = [node.parameters["index"] for node in nodes]
        columns = list(zip(*(x if isinstance(x, tuple) else (x,) for x in indices), strict=True))
        one = len(distinct) == 1
        of = self.new[keys[0]] if one else self._batch(tuple(distinct))
        if of is None:
            return None
        kept = [_sort_of(c[0]) == repr(c[0]) for c in columns]  # A slice, or a new axis.
        if any(k and len(set(map(repr, c))) > 1 for k, c in zip(kept, columns, strict=True)):
            places = np.arange(np.size(of.value)).reshape(of.shape)  # Windows.
            rows = [places if one else places[distinct.index(key)] for key in keys]
            windows = np.stack([x[i] for x, i in zip(rows, indices, strict=True)])
            flat = self._made(ops.reshape, [of], shape=(-1,))
            return self._made(ops.getitem, [flat], *nodes, index=windows)
        index = tuple(c[0] if k else np.array(c) for k, c in zip(kept, columns, strict=True))
        if one and len(index) == 1 and np.array_equal(index[0], np.arange(len(of.value))):
            return of
        if not one:
            index = (np.array([distinct.index(key) for key in keys]), *index)
        made = self._made(ops.getitem, [of], *nodes, index=index if len(index) > 1 else index[0])
        if of.name and not made.name:
            made = self.new[made.id] = replace(made, name=f"{of.name}[k]")
        return made

    def _made(
        self, primitive: Primitive | None, operands: Sequence[Node], *like: Node,
        value: Any = None, **parameters: Any,
    ) -> Node:  # fmt: skip
        """Return a new node, called as those that it stands for."""
        named = {stem(x.name) for x in like if x.name} if len(like) > 1 else ()
        self._count += 1
        if primitive is not None:
            given = {**primitive.defaults, **parameters}
            parameters = {name: given[name] for name in primitive.parameters}
            value = primitive.forward(*(x.value for x in operands), **parameters)
        made = replace(
            (like or operands)[0], id=f"{self._stem}.{self._count}", primitive=primitive,
            value=value, operands=tuple(x.id for x in operands), parameters=parameters,
            name=min(named) if len(named) == 1 else None, tensor=None, grad=None,
            kind="constant" if primitive is None else "operation",
            requires_grad=any(x.requires_grad for x in operands),
        )  # fmt: skip
        self.new[made.id] = made
        return made


SUMS = (ops.add, ops.subtract)


def _sort_of(index: Any) -> Any:
    """Return what is the same of an index at every step of a loop."""
    return np.shape(index) if isinstance(index, int | np.integer | np.ndarray) else repr(index)


def _alone(graph: Graph, node: Node, user: Node) -> bool:
    """Return whether a node is the first operand of another one, of its shape, and nothing else."""
    first = user.operands[0] == node.id and user.operands.count(node.id) == 1
    return first and len(graph.consumers(node)) == 1 and user.shape == node.shape
