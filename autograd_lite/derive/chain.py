"""Number by number, with the chain rule: from each named value to the one before."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.math_names import entry, identifier, partial, total
from autograd_lite.derive.writer import Writer
from autograd_lite.graph import Graph, Node
from autograd_lite.numpy_api import WITHOUT_DERIVATIVE
from autograd_lite.program.expression import Expression, Name
from autograd_lite.program.underived import operation_of
from autograd_lite.tensor import Tensor

MOST_NUMBERS = 200
"""Nobody reads more."""


def by_component(graph: Graph, wrt: list[Node]) -> tuple[Graph, list[Node], dict[str, Name]]:
    """Record a computation again with a scalar in place of every entry.

    - `graph`: of one output.
    - `wrt`: nodes of it.

    It returns the same computation on scalars, the entries of the nodes in it, and what the entries
    of arrays are called.

    It raises a ValueError if there are too many numbers, or an operation cannot be written out.
    """
    numbers = sum(int(np.size(node.value)) for node in graph)
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"derive with chain=True writes every number by itself, and here are {numbers}; "
            f"{MOST_NUMBERS} are the most that it writes. Derive a smaller case, or leave chain "
            f"out for formulas of whole arrays."
        )
    entries: dict[str, Name] = {}
    scalars: dict[str, NDArray[Any]] = {}
    for node in graph:
        if node.primitive is None:
            scalars[node.id] = _leaves(node)
        else:
            scalars[node.id] = _applied(node, [scalars[x] for x in node.operands])
        if node.name is not None:
            _call(scalars[node.id], node.name, entries)
    (loss,) = (scalars[node.id].reshape(()).item() for node in graph.outputs)
    written = Graph(loss, {})
    used = [x for node in wrt for x in scalars[node.id].flat if x in written.tensors]
    found = dict.fromkeys(map(written.find, used))
    return written, [node for node in found if node.requires_grad], entries


def _bare(x: Any) -> Any:
    if isinstance(x, np.ndarray):  # Written at a position, an array of one stays an array.
        x = x.item()
    return x.scalar if isinstance(x, _Number) else x


def _operator(function: Callable[..., Any], back: bool = False) -> Callable[..., Any]:
    return lambda *xs: _Number(function(*map(_bare, xs[::-1] if back else xs)))


class _Number:
    """A scalar that only does arithmetic: a comparison would choose the formula by the values."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar

    def conjugate(self) -> _Number:
        """Return itself, as NumPy asks a real number to."""
        return self

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *xs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or ufunc in WITHOUT_DERIVATIVE:
            return NotImplemented
        return np.vectorize(_operator(ufunc), otypes=[object])(*xs)[()]

    __neg__, __pos__, __abs__ = _operator(operator.neg), _operator(operator.pos), _operator(abs)
    __add__, __radd__ = _operator(operator.add), _operator(operator.add, back=True)
    __sub__, __rsub__ = _operator(operator.sub), _operator(operator.sub, back=True)
    __mul__, __rmul__ = _operator(operator.mul), _operator(operator.mul, back=True)
    __truediv__, __rtruediv__ = _operator(operator.truediv), _operator(operator.truediv, back=True)
    __pow__ = _operator(operator.pow)
    __eq__ = __hash__ = None  # type: ignore[assignment]  # Neither may be called.


def _leaves(node: Node) -> NDArray[Any]:
    """Return a scalar for every entry of what is given; a constant without a name stays itself."""
    if node.kind == "constant" and not np.ndim(node.value):
        made = np.empty((), dtype=object)
        made[()] = node.value
        return made
    value = np.asarray(node.value)
    made = np.empty(value.shape, dtype=object)
    for index in np.ndindex(value.shape):
        as_is = node.kind == "constant" and node.name is None
        number = value[index]
        made[index] = number.item() if as_is else Tensor(number, node.requires_grad)
    return made


def _call(scalars: NDArray[Any], name: str, entries: dict[str, Name]) -> None:
    """Name the entries of an array, after their indices along the axes that have several."""
    for index in np.ndindex(scalars.shape):
        short = tuple(i for i, n in zip(index, scalars.shape, strict=True) if n > 1)
        called, scalar = entry(identifier(name), short), scalars[index]
        if isinstance(scalar, Tensor):
            scalar.name = called
            entries[called] = called


def _applied(node: Node, operands: list[NDArray[Any]]) -> NDArray[Any]:
    """Apply an operation to arrays of scalars."""
    primitive = node.primitive
    assert primitive is not None  # It has operands.
    if _is_elementwise(primitive, node, [x.shape for x in operands]):

        def once(*numbers: Any) -> Any:
            return primitive(*numbers, **node.parameters)

        result = np.vectorize(once, otypes=[object])(*operands)
    else:
        wrap, unwrap = (np.vectorize(f, otypes=[object]) for f in (_Number, _bare))
        try:
            result = unwrap(primitive.forward(*map(wrap, operands), **node.parameters))
        except (TypeError, AttributeError, ValueError):
            raise ValueError(
                f"derive with chain=True cannot write {primitive.name} out number by number. Leave "
                f"chain out, or compose it of operations on single numbers."
            ) from None
    made = np.empty(np.shape(node.value), dtype=object)
    if isinstance(result, np.ndarray):
        made[...] = result
    else:
        made[()] = result
    return made


def _is_elementwise(primitive: Primitive, node: Node, shapes: list[tuple[int, ...]]) -> bool:
    """Find out whether every entry of a result is made of the entries in its place alone."""
    if isinstance(operation_of(primitive), np.ufunc):  # Without derivative: it may take bools only.
        return True
    rng = np.random.default_rng(0)
    drawn = [rng.uniform(0.1, 0.9, shape) for shape in shapes]
    try:
        shape = np.broadcast_shapes(*shapes)
        together = np.asarray(primitive.forward(*drawn, **node.parameters))
        if together.shape != shape:
            return False
        spread = [np.broadcast_to(x, shape) for x in drawn]
        return all(
            np.isclose(
                together[index],
                primitive.forward(*(np.float64(x[index]) for x in spread), **node.parameters),
                rtol=1e-9,
            )
            for index in np.ndindex(shape)
        )
    except (TypeError, ValueError, IndexError, AttributeError):
        return False


LOSS = Name("L")


class ChainWriter(Writer):
    """Writes ``d_h1_d_w1`` for every step between two names, and gradients as their products."""

    names_parts = False

    def goes_through(self, node: Node) -> bool:
        """Return whether a gradient is to be written at a value: at every step of the chain."""
        return node.requires_grad and (node.name is not None or super().goes_through(node))

    def forwards(self, node: Node, operands: tuple[Expression, ...]) -> Expression:
        """Write an operation more simply than it was carried out on arrays of one number."""
        assert node.primitive is not None  # It has operands.
        if operation_of(node.primitive) is not node.primitive:  # A comparison.
            return super().forwards(node, operands)
        return Expression.__record__(node.primitive, operands, self.parameters(node))

    def backwards(self) -> dict[str, Expression]:
        """Return the name of every gradient asked for."""
        root = self.graph.outputs[0]
        self.wanted = {node.id for node in self.wrt}
        derivatives: list[tuple[int, Node, Node, Expression]] = []
        depth = {root.id: 0}
        for y in reversed(self.graph.nodes):
            if y.id in depth and y.primitive is not None:
                for x, derivative in self._derivatives(y):
                    depth[x.id] = max(depth.get(x.id, 0), depth[y.id] + 1)
                    derivatives.append((depth[y.id], y, x, derivative))
        order = {node.id: i for i, node in enumerate(self.graph)}
        derivatives.sort(key=lambda step: (step[0], order[step[1].id], order[step[2].id]))
        steps: dict[str, list[tuple[Node, Expression]]] = {}
        for _, y, x, derivative in derivatives:
            steps.setdefault(x.id, []).append((y, self._derivative_line(y, x, derivative)))
        return self._products(root, steps)

    def _products(
        self, root: Node, steps: dict[str, list[tuple[Node, Expression]]]
    ) -> dict[str, Expression]:
        """Multiply along every path; where several meet, their sum has a line."""
        whole: dict[str, Expression] = {root.id: Expression(1.0)}
        found: dict[str, Expression] = {}
        inner = [x for x in reversed(self.graph.nodes) if x.primitive is not None]
        for x in (*inner, *self.wrt):
            if x.id not in steps or x.id in found:
                continue
            products = [whole[y.id] * derivative for y, derivative in steps[x.id]]
            whole[x.id] = functools.reduce(operator.add, products)
            if len(products) > 1 or x.id in self.wanted:
                found[x.id] = whole[x.id] = self._total_line(whole[x.id], x, len(products) > 1)
        return {key: e for key, e in found.items() if key in self.wanted}

    def _total_line(self, g: Expression, x: Node, several: bool) -> Expression:
        """Write a gradient; one that is a sum over paths is not a partial derivative."""
        if g.name is not None and g.name.kind == "partial" and g.name.parts[0] is LOSS:
            return g  # The loss is computed from it directly.
        if not several or x.primitive is None:
            return self._gradient_line(g, x)
        return self.line(g, self.names.new(total(self._called(x))), of=x)

    def _is_station(self, node: Node) -> bool:
        """Return whether the chain has a factor up to here: at what has a name, and at the ends."""
        return (
            node.name is not None
            or node.id == self.graph.outputs[0].id
            or node.primitive is None
            or node.id in self.wanted
        )

    def _derivatives(self, y: Node) -> list[tuple[Node, Expression]]:
        """Return the derivatives of a value by the nearest named ones that it is made of."""
        derivatives: list[tuple[Node, Expression]] = []

        def visit(node: Node, g: Expression) -> Expression | None:
            if node.id == y.id or not self._is_station(node):
                return g
            derivatives.append((node, g))
            return None

        self.walk(y, Expression(1.0), visit)
        return derivatives

    def _derivative_line(self, y: Node, x: Node, derivative: Expression) -> Expression:
        """Give a derivative a line, unless it is a number."""
        if derivative.is_number:
            return derivative
        above = LOSS if y is self.graph.outputs[0] else self._called(y)
        return self.line(derivative, self.names.new(partial(above, self._called(x))))

    def _called(self, node: Node) -> Name:
        name = self.expressions[node.id].name
        return name if name is not None and name != "?" else Name(node.label)
