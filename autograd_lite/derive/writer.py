"""Derive the gradients of a recorded computation, one line for each step.

The rules of the operations are run on expressions in place of arrays; what they return is the
derivation. Nothing is differentiated twice, and there is no second set of rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from autograd_lite import ops
from autograd_lite.core.backward import of_kind, unbroadcast
from autograd_lite.core.modes import GradientError
from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.lines import (
    LONGEST,
    Draft,
    Line,
    Names,
    finish,
    is_view,
    replaced,
    spelled,
    symbol_for,
)
from autograd_lite.derive.math_names import delta, gradient
from autograd_lite.derive.positions import Positioned
from autograd_lite.derive.written_out import known_as_whole
from autograd_lite.functional.nests import leaves_of
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.walk import walk
from autograd_lite.ops.indexing import windows_at
from autograd_lite.ops.writing import literal
from autograd_lite.program import simplify
from autograd_lite.program.expression import (
    Budget,
    Expression,
    Given,
    Name,
    as_expression,
    identity,
    uniform,
)
from autograd_lite.program.expression import walk as walk_expressions
from autograd_lite.program.graph_of import UNLINKED
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.underived import operation_of

MOST_STAGES = 6
"""What is made of a value so many operations later is not called after."""


NEUTRAL = {ops.add: 0, ops.subtract: 0, ops.multiply: 1}


class Writer:
    """The state of one derivation.

    - `lines`: the way forward, and the way back.
    - `gradients`: for every tensor asked for, the line that has its gradient.
    - `arguments`: what the computation starts from.
    - `loss`: the line of the loss.
    - `asked`: arguments that the computation holds for the value of only.
    - `order`: names of arguments that come first.
    - `exact`: whether to write out what else is left out, for values that tie and divisors of 0.
    - `most`: how many expressions may be made.
    - `unnamed`: arguments that are known as arrays only: they may depend on others outside of the
      record.
    - `unties`: whether what rules provide for ties was left out, since nothing ties.
    - `divides`: whether a guard against a division by 0 was left out, since nothing is 0.
    - `sums`: arguments that add up to 1 along an axis, as labels do, which the way back makes use
      of.
    """

    names_parts = True
    """Whether what is written several times gets a name."""

    def __init__(
        self,
        graph: Graph,
        wrt: Sequence[Node],
        entries: dict[str, Name],
        arrays: Mapping[str, Any] = MappingProxyType({}),
        asked: Mapping[str, Any] = MappingProxyType({}),
        order: Sequence[str] = (),
        exact: bool = False,
        most: float = math.inf,
    ) -> None:
        self.budget = Budget(most)
        self.graph, self.wrt, self.entries, self.exact = graph, wrt, entries, exact
        self.positions = Positioned(arrays)
        self.asked = dict(asked)
        self.names = Names()
        self.drafts: list[Draft] = []
        self.draft_of: dict[str, Draft] = {}
        self.expressions: dict[str, Expression] = {}
        self.same: dict[str, str] = {}
        self.unties = self.divides = False
        self.sums: dict[str, int] = {}
        self.unnamed: list[Name] = []
        self.needed = self._needed()
        self.back = known_as_whole(graph, self.goes_through)
        data: dict[str, Any] = {}
        parameters: dict[str, Any] = {}
        known: dict[Any, str] = {}
        for node in graph:
            if node.primitive is None:
                group = parameters if node.kind == "parameter" else data
                self.expressions[node.id] = self._leaf(node, group)
            else:
                self.expressions[node.id] = self._result(node, known)
        data |= self.positions.arguments
        given = data | parameters
        known_first = {name: given[name] for name in order if name in given}
        self.arguments = known_first | given
        found = self.backwards()
        for node in wrt:
            if node.id not in found and node.kind == "parameter":  # The loss changes in steps.
                none = Expression(np.zeros(node.shape, np.asarray(node.value).dtype))
                found[node.id] = self._gradient_line(none, node)
        missing = [node for node in wrt if node.id not in found]
        if missing:
            raise GradientError(
                f"derive: no gradient flows to {', '.join(node.label for node in missing)}; "
                f"create them with requires_grad=True."
            )
        root = self.expressions[graph.outputs[0].id]
        results = [root, *found.values()]
        self.made = self.budget.spent()
        lines = finish(self.drafts, results, self.names, self.names_parts)
        self.lines: list[Line] = [replace(line, at=self._at(line)) for line in lines]
        self.loss = final(root)
        names = [node.name or node.label for node in wrt]
        # Tensors of one name are told apart as their lines are: w, w_2.
        self.gradients = {
            name if names.count(name) == 1 else line.removeprefix("d_"): line
            for name, line in zip(names, (final(found[node.id]) for node in wrt), strict=True)
        }

    def _at(self, line: Line) -> Expression | None:
        """Return the value whose gradient a delta is, if it is not named after that."""
        if line.of is None or line.name.kind == "gradient":
            return None
        symbol = self.expressions[line.of.id]
        if line.name.kind != "delta":  # It is called after nothing.
            return spelled(symbol)
        if symbol.name in line.name.parts:
            return None
        for node, after in pairwise(self._stages(line.of)):
            first = after.operands[0] == node.id
            if after.primitive is not ops.add and not (after.primitive is ops.subtract and first):
                return spelled(symbol)
            if self.expressions[after.id].name in line.name.parts:
                break
        return None

    def _needed(self) -> set[str]:
        """Return all values through which a gradient must go."""
        needed = {node.id for node in self.wrt}
        for node in self.graph:
            if node.requires_grad and any(x in needed for x in node.operands):
                needed.add(node.id)
        return needed

    def goes_through(self, node: Node) -> bool:
        """Return whether a gradient is to be written at a value."""
        return any(node.id == x.id for x in self.wrt)

    def name_of(self, node: Node) -> Name:
        """Return what the user calls a node."""
        is_mask = node.kind == "constant" and np.asarray(node.value).dtype == bool
        name = node.name or ("mask" if is_mask else node.kind)
        return self.entries.get(name) or Name(name)

    def _leaf(self, node: Node, group: dict[str, Any]) -> Expression:
        """Return a number, or the name of an argument."""
        value = np.asarray(node.value)  # What compares a number is a mask, too; True is itself.
        plain = node.kind == "constant" or (node.kind == "input" and node.name is None)
        number = not value.ndim and (isinstance(node.value, bool) or value.dtype != bool)
        if node.parameters.get("made") or (plain and number):
            return Expression(node.value)
        name = self.names.new(self.name_of(node))
        if node.name is None and node.kind == "constant":
            self.unnamed.append(name)
        group[name] = node.value
        return Expression(node.value, name=name)

    def _result(self, node: Node, known: dict[Any, str]) -> Expression:
        """Write the line of a result; two of one meaning are one."""
        operands = tuple(self.expressions[x] for x in node.operands)
        expression = self.forwards(node, operands)
        is_loss = node is self.graph.outputs[0]
        named = node.name is not None or is_loss
        key = (expression.key, tuple(x.number for x in operands))
        first = known.setdefault(key, node.id)
        if expression.is_number and not named and node not in self.wrt:
            return expression
        if first != node.id and not named and node not in self.wrt:
            self.same[node.id] = first
            return self.expressions[first]
        symbol = symbol_for(expression)
        if named:
            symbol.name = self.names.new(self.name_of(node) if node.name else Name("loss"))
        draft = Draft(symbol, expression, node=node, fixed=named)
        if named:
            draft.called = lambda: symbol.name or Name("")
        self.draft_of[node.id] = draft
        self.drafts.append(draft)
        return symbol

    def forwards(self, node: Node, operands: tuple[Expression, ...]) -> Expression:
        """Write an operation as the user did."""
        assert node.primitive is not None  # It has operands.
        if node.primitive is UNLINKED:
            return operands[0]
        if node.primitive in NEUTRAL:  # total = 0, then total + x, is x.
            for number, x in (operands, operands[::-1]):
                alike = (x.shape, x.dtype) == (node.shape, np.asarray(node.value).dtype)
                neutral = number.is_number and np.all(number.value == NEUTRAL[node.primitive])
                if neutral and alike and not x.is_number:
                    minus = node.primitive is ops.subtract and number is operands[0]
                    return Expression.__record__(ops.negative, (x,), {}) if minus else x
        operation, parameters = operation_of(node.primitive), self.parameters(node)
        if isinstance(operation, Primitive) and any(x.is_number and x.ndim for x in operands):
            return Expression.__record__(operation, operands, parameters)  # zeros @ W is no step.
        return Expression(node.value, operation=operation, operands=operands, parameters=parameters)

    def parameters(self, node: Node) -> dict[str, Any]:
        """Return static parameters in which positions and masks know what they are called."""
        if "index" in node.parameters and windows_at(
            node.parameters["index"], np.shape(self.expressions[node.operands[0]].value)
        ):
            return dict(node.parameters)  # Windows are written as such.
        return self.positions.named(node.parameters, self.expressions, self.names)

    def backwards(self) -> dict[str, Expression]:
        """Run the rules backwards over expressions; return the name of every gradient asked for."""
        root = self.graph.outputs[0]
        found: dict[str, Expression] = {}
        wanted = {node.id for node in self.wrt}

        def visit(node: Node, g: Expression) -> Expression:
            if node.id in wanted:
                g = found[node.id] = self._gradient_line(g, node)
            elif self._has_line(node, g):
                g = self._delta_line(g, node)
            return g

        self.walk(root, Expression(np.ones(root.shape)[()]), visit)
        return found

    def walk(
        self, start: Node, g: Expression, visit: Callable[[Node, Expression], Expression | None]
    ) -> None:
        """Send the cotangent of a node back; of nodes with one meaning, only the first is visited.

        See `autograd_lite.graph.walk.walk` for `visit`.
        """
        arrived = {start.id: g}

        def visit_first(node: Node, g: Expression) -> Expression | None:
            first = self.same.get(node.id)
            if first is None:
                return visit(node, g)
            arrived[first] = arrived[first] + g if first in arrived else g
            return None

        walk(
            self.back, arrived, self._apply,
            visit=visit_first, between=self.needed, where="a derivation",
        )  # fmt: skip

    def _apply(self, node: Node, i: int, g: Expression) -> Expression:
        """Return what a node with the cotangent `g` sends to its operand `i`."""
        assert node.primitive is not None
        self.budget.spent()
        # Rules look at the type of a plain number: x**2 has another derivative than x**b.
        expressions = [self.expressions[x] for x in node.operands]
        operands = [x.value if x.is_number and x.ndim == 0 else x for x in expressions]
        y, rule = self.expressions[node.id], node.primitive.rules[i]
        parameters = self.parameters(node)
        sent = self._as_here(as_expression(rule(g, y, *operands, **parameters)), node)
        self._check_positions(parameters, sent, node)
        sent = of_kind(sent, expressions[i].dtype)
        fitted: Expression = unbroadcast(sent, expressions[i].shape, written=True)
        return fitted

    def _check_positions(self, parameters: Mapping[str, Any], sent: Expression, node: Node) -> None:
        """Remember the arguments that a rule has computed with, and has written no formula for.

        It raises a TraceError if such an array is not an argument, but computed.
        """
        given = [x for x in leaves_of(dict(parameters)) if isinstance(x, Given)]
        pasted = given and any(map(_has_entries, walk_expressions((sent,))))
        for x in given:
            if not x.looked and not pasted:
                continue
            name = x.expression.name
            if name is None or x.expression.meaning is not None:
                raise TraceError(
                    f"derive cannot write the derivative of {node.label}, for which it would need "
                    f"the values of an array that is computed. Pass that array as an argument."
                )
            self.asked[name] = x.expression.value

    def _as_here(self, sent: Expression, node: Node) -> Expression:
        """Leave out the special cases of a rule that these values do not have; note which."""
        for e in walk_expressions((sent,)):
            new = None if self.exact else simplify.untied(e)
            if new is not None:
                if e.operation is ops.where:
                    self.divides = self.divides or not simplify.is_positive(new)
                else:  # An or is that of nan.
                    self.unties = self.unties or e.operation is not np.logical_or
            elif node.primitive in (ops.softmax, ops.log_softmax):
                rows = simplify.whole_rows(e)
                if rows is not None:
                    self.sums[rows[0]] = rows[1]
                    new = Expression(np.ones(e.shape, e.dtype))
            if new is not None:
                return self._as_here(replaced(sent, {e.number: new}, simplify=True), node)
        return sent

    def _gradient_line(self, g: Expression, node: Node) -> Expression:
        """Give the gradient that was asked for a line, unless it is a name already."""
        if node.primitive is not None and g.name is not None:
            return g
        called = self.expressions[node.id].name
        name = called if called and called != "?" else Name(node.label)
        return self.line(g, self.names.new(gradient(name)), of=node)

    def _delta_line(self, g: Expression, node: Node) -> Expression:
        """Give the gradient of a value on the way a line, unless it is short enough."""
        factor, rest = simplify.split(g)
        if rest.operation is ops.broadcast_to:
            (inner,) = rest.operands
            if is_view(inner):
                return g
            line = self._delta_line(simplify.scaled(factor, inner), node)
            return as_expression(ops.broadcast_to(line, **rest.parameters))
        if g.name is not None or g.is_number or (factor == -1.0 and rest.name is not None):
            return g
        subjects = [self.draft_of[x.id] for x in self._stages(node) if x.id in self.draft_of]

        def called() -> Name:
            names = [draft.symbol.name for draft in subjects]
            named = [name for name in names if name and name != "?"]
            return delta(named[0]) if named else Name("delta")

        has_name = any(draft.fixed for draft in subjects)
        fixed = (node.primitive is ops.matmul or has_name) and g.operation is not ops.assign
        if not fixed and rest.name is not None:
            return g  # 2 * v1 needs no other name.
        symbol = symbol_for(g)
        of = node if g.shape == node.shape else None
        self.drafts.append(Draft(symbol, g, True, called, fixed, of=of))
        return symbol

    def line(self, g: Expression, name: Name, of: Node | None = None) -> Expression:
        """Write a line of the way back that is to stay."""
        symbol = symbol_for(g, name)
        self.drafts.append(Draft(symbol, g, True, lambda: name, of=of))
        return symbol

    def _has_line(self, node: Node, g: Expression) -> bool:
        """Give a line to the gradient of a result that several, or a parameter, take it from."""
        if node.primitive is None or node.id == self.graph.outputs[0].id:
            return False
        if g.length > LONGEST:
            return True
        operands = self.graph.operands(node)
        receivers = [x for x in operands if x.requires_grad and x.id in self.needed]
        several = sum(not self.expressions[x.id].is_number for x in operands) > 1
        is_taken = len(receivers) > 1 or any(x.kind == "parameter" for x in receivers)
        return several and is_taken

    def _stages(self, node: Node) -> list[Node]:
        """Return a result and what is made of it, up to the first that has a name.

        A delta is called after it: the gradient at ``X @ w`` is that of the neuron ``out``.
        """
        stages = [node]
        while stages[-1].name is None and len(stages) < MOST_STAGES:
            after = self.graph.consumers(stages[-1])
            if len(after) != 1 or after[0].shape != node.shape:
                break
            stages.append(after[0])
        return stages


def _has_entries(e: Expression) -> bool:
    """Return whether an array is written with its entries: as a number, or a static parameter."""
    if e.is_number:
        return e.ndim > 0 and not uniform(e.value) and identity(e.value) is None
    arrays = [x for x in leaves_of(e.parameters) if type(x) is np.ndarray and x.ndim]
    return any(not literal(x).startswith("np.arange") for x in arrays)


def final(symbol: Expression) -> Name:
    """Return what a line is called in the end."""
    assert symbol.name is not None
    return symbol.name


class Steps:
    """The forward pass and every gradient, one line for each step; `Derivation` says which.

    - `wrt`: by what it is differentiated.
    - `writer`: writes the lines.
    - `**how`: as the writer takes it.

    `lengths` are those that have names, `made` is how many expressions it took.
    """

    def __init__(self, graph: Graph, wrt: Sequence[Node], writer: type[Writer], **how: Any) -> None:
        self.graph = graph
        self._wrt, self._writer, self._how = tuple(wrt), writer, how
        written = writer(graph, wrt, **how)
        back = {draft.symbol.name for draft in written.drafts if draft.backward}
        first = next(
            (i for i, line in enumerate(written.lines) if line.name in back), len(written.lines)
        )
        self.forward, self.backward = tuple(written.lines[:first]), tuple(written.lines[first:])
        self.gradients: dict[str, Name] = written.gradients
        self.arguments: dict[str, Any] = written.arguments
        self._loss = written.loss
        self._asked, self._sums = written.asked, written.sums
        self._unties, self._divides = written.unties, written.divides
        self._unnamed = written.unnamed
        self.lengths: dict[str, int] = {}
        self.made = written.made

    @property
    def lines(self) -> tuple[Line, ...]:
        """All steps."""
        return (*self.forward, *self.backward)

    def also(self, names: Iterable[str]) -> Self:
        """Return the same derivation with the gradients of further tensors, by their names."""
        more = [self.graph.find(name) for name in names]
        made = type(self)(self.graph, (*self._wrt, *more), self._writer, **self._how)
        made.lengths = self.lengths
        return made

    def of(self, graph: Graph, **how: Any) -> Self:
        """Return the same derivation of a graph with other values, or written otherwise."""
        wrt = [graph[node.id] for node in self._wrt]
        return type(self)(graph, wrt, self._writer, **{**self._how, **how})
