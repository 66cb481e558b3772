"""The chain rule as it is taught: the derivative of each named value by the one before it."""

from __future__ import annotations

import functools
import operator

from autograd_lite.derive.math_names import partial, total
from autograd_lite.derive.writer import Writer
from autograd_lite.graph import Node
from autograd_lite.program.expression import Expression, Name
from autograd_lite.program.underived import operation_of

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
