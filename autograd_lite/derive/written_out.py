"""Sigmoid, softmax and log-sum-exp that are written out of exponentials, known as what they are.

The way forward stays as the user wrote it. The way back goes by the rule of the whole, in which
``p * (1 - p)`` stands for what the parts would send, and nothing is sent through a shift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.nodes import Nodes
from autograd_lite.ops.reduction import keep
from autograd_lite.ops.writing import literal


def _logistic(x: Any, *, slope: float) -> Any:
    return 1 / (1 + np.exp(-slope * x))


def _log_of_sum(x: Any, e: Any, s: Any, *, axis: Any, keepdims: bool) -> Any:
    return ops.logsumexp.forward(x, axis=axis, keepdims=keepdims)


def _softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


def _standardised(x: Any, s: Any, *, axis: Any) -> Any:
    return (x - x.mean(axis=axis, keepdims=True)) / s


def _standardised_rule(g: Any, y: Any, x: Any, s: Any, axis: Any) -> Any:
    means = ops.mean(g, axis=axis, keepdims=True), ops.mean(g * y, axis=axis, keepdims=True)
    return (g - means[0] - y * means[1]) / s


def _unit(x: Any, s: Any, *, axis: Any, mean: Any) -> Any:
    return x / s


def _unit_rule(g: Any, y: Any, x: Any, s: Any, axis: Any, mean: Any) -> Any:
    total = ops.mean if mean else ops.sum
    return (g - y * total(g * y, axis=axis, keepdims=axis is not None)) / s


def _swish(x: Any, s: Any) -> Any:
    return x * s


def _swish_quotient(x: Any, e: Any, total: Any) -> Any:
    return x / total


LOGISTIC = Primitive(_logistic, {"x": lambda g, y, x, slope: slope * (g * (y * (1.0 - y)))})
"""A sigmoid of a multiple."""
LOG_OF_SUM = Primitive(_log_of_sum, {
    "x": lambda g, y, x, e, s, axis, keepdims: (
        keep(g, axis, keepdims) * (e / keep(s, axis, keepdims))
    )
})  # fmt: skip
"""A log-sum-exp, given its exponentials and their sum: they are lines already."""
KNOWN_SUM = Primitive(ops.logsumexp.forward, {
    "x": lambda g, y, x, axis, keepdims: (
        keep(g, axis, keepdims) * np.exp(x - keep(y, axis, keepdims))
    )
})  # fmt: skip
"""A log-sum-exp, by what it is."""
SOFTPLUS = Primitive(_softplus, {"x": lambda g, y, x: g * ops.sigmoid(x)})
"""The log of 1 + exp(x)."""
COUNTED = Primitive(_softplus, {})
"""A term of what another one stands for as a whole: it sends nothing."""
STANDARDISED = Primitive(_standardised, {"x": _standardised_rule})
"""What is brought to mean 0 and variance 1, given the root of its variance."""
UNIT = Primitive(_unit, {"x": _unit_rule})
"""What is divided by its length, or by the root of its mean square."""
SWISH = Primitive(_swish, {"x": lambda g, y, x, s: g * (s + y * (1 - s))})
"""What is multiplied by its own sigmoid, given that."""
SWISH_QUOTIENT = Primitive(
    _swish_quotient, {"x": lambda g, y, x, e, total: g * (1 + y * e) / total}
)
"""The same as ``x / (1 + exp(-x))``, given the exponential and the sum."""

for _name, _whole in [*globals().items()]:
    if isinstance(_whole, Primitive):  # Pickled by its name in this module.
        _whole.name, _whole.__module__ = _name, __name__


class Whole(NamedTuple):
    """What a node is: an operation on others than those that it was computed from."""

    primitive: Primitive
    operands: tuple[Node, ...]  # A gradient flows to the first.
    parameters: dict[str, Any]


def known_as_whole(graph: Graph, is_kept: Callable[[Node], bool]) -> Nodes:
    """Return the nodes for the way back.

    - `is_kept`: whether a gradient is wanted of a node, so that it has to go through it.
    """
    reader = _Reader(graph, is_kept)
    nodes = [reader.read(node) for node in graph]
    return Nodes(nodes, [node.id for node in graph.outputs], graph.held)


class _Reader:
    """Reads the nodes of a graph, operands first."""

    def __init__(self, graph: Graph, is_kept: Callable[[Node], bool]) -> None:
        self.sums: dict[str, Whole] = {}  # What is a log-sum-exp, with and without a shift.
        self.graph = graph
        self.kept = {node.id for node in graph if is_kept(node)}
        self.first: dict[str, Node] = {}  # What is computed twice is one.
        known: dict[Any, Node] = {}
        for node in graph:
            key: Any = node.id
            if node.primitive is not None and node.id not in self.kept:
                operands = tuple(x.id for x in self.operands(node))
                said = tuple((name, literal(x)) for name, x in node.parameters.items())
                key = node.primitive, operands, said
            elif node.kind == "constant" and not node.shape:
                key = type(node.value), np.asarray(node.value).tobytes()
            self.first[node.id] = known.setdefault(key, node)
        self.counted: dict[str, Whole] = {}  # Of the two terms of a softplus, both.
        for node in graph:
            self.pair(node)

    def read(self, node: Node) -> Node:
        """Return a node as the whole that it is, if it is one."""
        is_real = np.asarray(node.value).dtype.kind == "f"
        if node.id in self.counted:
            whole = self.counted[node.id]
            return replace(
                node, primitive=whole.primitive, operands=(whole.operands[0].id,), parameters={}
            )
        if node.primitive not in READERS or not node.requires_grad or not is_real:
            return node
        for whole in READERS[node.primitive](self, node):
            x = whole.operands[0]
            if whole.primitive is LOG_OF_SUM:
                self.sums.setdefault(node.id, whole)
            if x.requires_grad and self._all_goes_through(node, x):
                return replace(
                    node,
                    primitive=whole.primitive,
                    operands=tuple(x.id for x in whole.operands),
                    parameters=whole.parameters,
                )
        return node

    def _all_goes_through(self, node: Node, x: Node) -> bool:
        """Return whether every gradient that is wanted comes by `x`."""
        seen, waiting = {x.id}, [*self.operands(node)]
        while waiting:
            part = waiting.pop()
            if part.id in seen:
                continue
            seen.add(part.id)
            if part.id in self.kept:
                return False
            waiting += self.operands(part)
        return True

    def operands(self, node: Node) -> tuple[Node, ...]:
        """Return the operands of a node; of those that are computed twice, the first."""
        return tuple(self.first[x] for x in node.operands)

    def parts(self, node: Node, primitive: Primitive) -> tuple[Node, ...]:
        """Return the operands of a node, if it is of an operation; else none."""
        return self.operands(node) if node.primitive is primitive else ()

    def in_both_orders(self, node: Node, primitive: Primitive) -> tuple[tuple[Node, ...], ...]:
        """Return the operands of a node as they stand and the other way round."""
        parts = self.parts(node, primitive)
        return (parts, parts[::-1]) if parts else ()

    def exponent(self, node: Node) -> Node | None:
        """Return `u` of ``exp(u)``."""
        return next(iter(self.parts(node, ops.exp)), None)

    def beside(self, number: float, node: Node, primitive: Primitive) -> Node | None:
        """Return the other operand of a sum or product with a number."""
        pairs = self.in_both_orders(node, primitive)
        return next((x for one, x in pairs if _number(one) == number), None)

    def logistic(self, u: Node, slope: float) -> Whole:
        """Return a sigmoid, of what is under a sign."""
        for x in self.parts(u, ops.negative):
            return self.logistic(x, -slope)
        return Whole(LOGISTIC, (u,), {"slope": slope})

    def quotients(self, node: Node) -> Iterator[Whole]:
        """Read ``1 / (1 + exp(-x))``, ``exp(x) / (1 + exp(x))`` and ``exp(x) / sum(exp(x))``."""
        top, bottom = self.operands(node)
        rest = self.beside(1.0, bottom, ops.add)
        u = None if rest is None else self.exponent(rest)
        if _number(top) == 1.0 and u is not None:
            yield self.logistic(u, -1.0)
        if rest is not None and u is not None and self.parts(u, ops.negative) == (top,):
            yield Whole(SWISH_QUOTIENT, (top, rest, bottom), {})
        x = self.exponent(top)
        if x is not None and x is u:
            yield self.logistic(x, 1.0)
        yield from self.tangents(node)
        yield from self.standardised(top, bottom)
        yield from self.unit(top, bottom)
        total = self.unshaped(bottom)
        if x is None or not self.is_sum_of_exp(total, x) or not _is_kept_shape(bottom, x, total):
            return
        axis = total.parameters["axis"]
        for inner in self.unshifted(x, axis):
            yield Whole(ops.softmax, (inner,), {"axis": axis})

    def powers(self, node: Node) -> Iterator[Whole]:
        """Read ``(1 + exp(-x)) ** -1``."""
        base, exponent = self.operands(node)
        rest = self.beside(1.0, base, ops.add) if _number(exponent) == -1.0 else None
        u = None if rest is None else self.exponent(rest)
        if u is not None:
            yield self.logistic(u, -1.0)

    def products(self, node: Node) -> Iterator[Whole]:
        """Read ``x * sigmoid(x)``, and what `tangents` does."""
        for x, s in self.in_both_orders(node, ops.multiply):
            whole = self.read(s)
            is_sigmoid = whole.primitive is ops.sigmoid or whole.parameters.get("slope") == 1.0
            if is_sigmoid and whole.operands[0] == x.id and s.shape == x.shape:
                yield Whole(SWISH, (x, s), {})
        yield from self.tangents(node)

    def tangents(self, node: Node) -> Iterator[Whole]:
        """Read ``0.5 * (1 + tanh(x / 2))``, also with a division by 2."""
        if node.primitive is ops.divide:
            top, bottom = self.operands(node)
            twice = top if _number(bottom) == 2.0 else None
        else:
            twice = self.beside(0.5, node, ops.multiply)
        rest = None if twice is None else self.beside(1.0, twice, ops.add)
        for u in () if rest is None else self.parts(rest, ops.tanh):
            yield self.logistic(u, 2.0)

    def is_sum_of_exp(self, node: Node, x: Node) -> bool:
        """Return whether a node is ``sum(exp(x))``."""
        return any(self.exponent(e) is x for e in self.parts(node, ops.sum))

    def unshifted(self, x: Node, axis: Any) -> Iterator[Node]:
        """Yield `z` of ``z - m``, where `m` is the same along the axis, then ``z - m`` itself."""
        parts = self.parts(x, ops.subtract)
        if parts and parts[0].shape == x.shape and _is_one_along(parts[1], x, axis):
            yield parts[0]
        yield x

    def unshaped(self, node: Node) -> Node:
        """Return what a node has the entries of, in their order."""
        while node.primitive is not None and (node.primitive.only_shapes or _keeps_order(node)):
            (x,) = self.operands(node)
            if np.size(node.value) != np.size(x.value):
                break
            node = x
        return node

    def standardised(self, top: Node, s: Node) -> Iterator[Whole]:
        """Read ``(x - mean(x)) / sqrt(var(x) + eps)``."""
        for x, m in (self.parts(top, ops.subtract),) if self.parts(top, ops.subtract) else ():
            roots = self.parts(self.unshaped(s), ops.sqrt)
            sums = self.in_both_orders(roots[0], ops.add) if roots else ()
            variances = [a for a, eps in sums if _number(eps) is not None] or [*roots]
            mean = self.unshaped(m)
            if not self.parts(mean, ops.mean) or self.operands(mean)[0] is not x or not variances:
                continue
            axis = mean.parameters["axis"]
            var = self.unshaped(variances[0])
            if var.parameters.get("axis", ()) != axis or not all(
                _is_kept_shape(part, x, mean) for part in (m, s)
            ):
                continue
            if self.is_variance(var, x, top):
                yield Whole(STANDARDISED, (x, s), {"axis": axis})

    def is_variance(self, var: Node, x: Node, centred: Node) -> bool:
        """Return whether a node is ``var(x)``, or the mean of the square of what is centred."""
        if self.parts(var, ops.var):
            return self.operands(var)[0] is x and var.parameters["ddof"] == 0
        return any(self.is_square(x, centred) for x in self.parts(var, ops.mean))

    def is_square(self, node: Node, x: Node) -> bool:
        """Return whether a node is the square of another one."""
        base, *other = self.operands(node) or (node,)
        if node.primitive is ops.power:
            return base is x and _number(other[0]) == 2.0
        is_product = node.primitive is ops.multiply and other == [x]
        return base is x and (is_product or node.primitive is ops.square)

    def unit(self, x: Node, s: Node) -> Iterator[Whole]:
        """Read ``x / norm(x)`` and ``x / sqrt(mean(x**2) + eps)``."""
        root = self.unshaped(s)
        for inner in self.parts(root, ops.sqrt):
            sums = self.in_both_orders(inner, ops.add)
            root = self.unshaped(next((a for a, b in sums if _number(b) is not None), inner))
        if root.primitive in (ops.sum, ops.mean):
            fits = self.is_square(self.operands(root)[0], x)
        else:
            norms = self.parts(root, ops.vector_norm)
            fits = any(part is x and root.parameters["ord"] == 2 for part in norms)
        if fits and _is_kept_shape(s, x, root):
            known = {"axis": root.parameters["axis"], "mean": root.primitive is ops.mean}
            yield Whole(UNIT, (x, s), known)

    def of_one_more(self, node: Node) -> Node | None:
        """Return `u` of ``log(1 + exp(u))``, also as log1p and logaddexp."""
        if node.primitive is ops.logaddexp:
            return self.beside(0.0, node, ops.logaddexp)
        for s in self.parts(node, ops.log):
            rest = self.beside(1.0, s, ops.add)
            return None if rest is None else self.exponent(rest)
        return next((u for e in self.parts(node, ops.log1p) for u in self.parts(e, ops.exp)), None)

    def pair(self, node: Node) -> None:
        """Read ``max(x, 0) + log(1 + exp(-abs(x)))``, wherever both are terms of one sum."""
        u = self.of_one_more(node)
        for size in self.parts(u, ops.negative) if u is not None else ():
            for z in self.parts(size, ops.absolute):
                sums = self.sums_with(node) if self._all_goes_through(node, z) else {}
                for other in self.graph if sums else ():
                    x = self.beside(0.0, other, ops.maximum)
                    if x is None or not (x is z or self.parts(x, ops.negative) == (z,)):
                        continue
                    if other.shape == x.shape and sums.items() & self.sums_with(other).items():
                        self.counted[node.id] = Whole(COUNTED, (z,), {})
                        self.counted[other.id] = Whole(SOFTPLUS, (x,), {})
                        return

    def sums_with(self, node: Node) -> dict[str, int]:
        """Return the sums that a node is a term of, and of nothing else, with its sign."""
        found, sign = {}, 1
        while node.id not in self.kept and len(after := self.graph.consumers(node)) == 1:
            (whole,) = after
            if whole.primitive not in (ops.add, ops.subtract) or whole.shape != node.shape:
                break
            a, b = whole.operands
            if a == b:
                break
            sign = -sign if whole.primitive is ops.subtract and b == node.id else sign
            node, found[whole.id] = whole, sign
        return found

    def logarithms(self, node: Node) -> Iterator[Whole]:
        """Read ``log(sum(exp(x)))`` and ``log(1 + exp(x))``."""
        u = self.of_one_more(node)
        if u is not None:
            yield Whole(SOFTPLUS, (u,), {})
        for s in self.parts(node, ops.log):
            yield from self.logarithms_of_sums(s)

    def logarithms_of_sums(self, s: Node) -> Iterator[Whole]:
        """Read ``log(sum(exp(x)))``."""
        for e in self.parts(s, ops.sum):
            x = self.exponent(e)
            if x is not None:
                yield Whole(LOG_OF_SUM, (x, e, s), dict(s.parameters))

    def added(self, node: Node) -> Iterator[Whole]:
        """Read ``log(sum(exp(z - m))) + m``."""
        for log, m in self.in_both_orders(node, ops.add):
            whole = self.sums.get(log.id)
            if whole is None or log.shape != node.shape:
                continue
            x, *others = whole.operands
            for z in self.unshifted(x, whole.parameters["axis"]):
                if z is not x and self.is_added_again(self.operands(x)[1], m, whole):
                    yield Whole(LOG_OF_SUM, (z, *others), whole.parameters)

    def is_added_again(self, m: Node, other: Node, whole: Whole) -> bool:
        """Return whether a shift comes back, entry by entry in its place."""
        x, _, s = whole.operands
        shape = (1,) * (len(s.shape) - len(other.shape)) + other.shape
        if not whole.parameters["keepdims"]:
            for i in sorted(_along(x, whole.parameters["axis"])):
                shape = (*shape[:i], 1, *shape[i:])
        same = (1,) * (len(x.shape) - len(m.shape)) + m.shape == shape
        return same and self.unshaped(m) is self.unshaped(other)

    def known_sum(self, node: Node) -> Iterator[Whole]:
        """Read a log-sum-exp."""
        yield Whole(KNOWN_SUM, self.operands(node), dict(node.parameters))

    def subtracted(self, node: Node) -> Iterator[Whole]:
        """Read ``x - log(sum(exp(x)))``, also as a log-sum-exp."""
        x, log = self.operands(node)
        total = self.unshaped(log)
        whole = self.sums.get(total.id)
        if whole is None and total.primitive is ops.logsumexp:
            whole = Whole(KNOWN_SUM, (*self.operands(total), total, total), dict(total.parameters))
        if whole is None or whole.operands[0] is not x:
            return
        axis = whole.parameters["axis"]
        if _is_kept_shape(log, x, whole.operands[2]):
            for inner in self.unshifted(x, axis):
                yield Whole(ops.log_softmax, (inner,), {"axis": axis})


READERS: dict[Primitive | None, Callable[[_Reader, Node], Iterator[Whole]]] = {
    ops.divide: _Reader.quotients,
    ops.power: _Reader.powers,
    ops.multiply: _Reader.products,
    ops.log: _Reader.logarithms,
    ops.log1p: _Reader.logarithms,
    ops.logaddexp: _Reader.logarithms,
    ops.logsumexp: _Reader.known_sum,
    ops.add: _Reader.added,
    ops.subtract: _Reader.subtracted,
}
"""What an operation may be the last one of."""


def _number(node: Node) -> float | None:
    """Return the number that a node is, if it is one."""
    plain = node.kind == "constant" and not node.shape
    return float(node.value) if plain and np.isrealobj(node.value) else None


def _keeps_order(node: Node) -> bool:
    """Return whether an index says where axes of length 1 are, as in ``m[:, None]``."""
    index = node.parameters.get("index")
    parts = index if isinstance(index, tuple) else (index,)
    plain = (part is None or isinstance(part, int | EllipsisType) or
             (isinstance(part, slice) and part == slice(None)) for part in parts)  # fmt: skip
    return node.primitive is ops.getitem and all(plain)


def _along(x: Node, axis: Any) -> set[int]:
    """Return the axes of a sum, counted from 0."""
    if axis is None:
        return set(range(len(x.shape)))
    return {i % len(x.shape) for i in (axis if isinstance(axis, tuple) else (axis,))}


def _is_one_along(m: Node, x: Node, axis: Any) -> bool:
    """Return whether an array that broadcasts to `x` is the same along an axis."""
    shape = (1,) * (len(x.shape) - len(m.shape)) + m.shape
    return all(shape[i] == 1 for i in _along(x, axis))


def _is_kept_shape(bottom: Node, x: Node, total: Node) -> bool:
    """Return whether a sum over `x` has the shape in which it stands beside its terms."""
    along = _along(x, total.parameters["axis"])
    kept = tuple(1 if i in along else n for i, n in enumerate(x.shape))
    return (1,) * (len(kept) - len(bottom.shape)) + bottom.shape == kept
