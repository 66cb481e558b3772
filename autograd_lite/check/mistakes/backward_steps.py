"""What the searches inside a backward pass share: its steps, and what may be sent along them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.made import Made, wrong
from autograd_lite.check.mistakes.registry import Candidate, Case, Target
from autograd_lite.check.mistakes.repeated import recurrent
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.check.mistakes.written_out import written_out
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Graph, Node

MOST_VALUES = 60
"""How many tensors are tried as the missing factor, or as the wrong operand, of one step."""

VIEWS = (ops.reshape, ops.expand_dims, ops.getitem, ops.transpose)

FEWEST_BITS = 12
"""In one of 70 cases, one of `MOST_VALUES` tensors has given signs at so many places by chance."""


@dataclass(frozen=True, eq=False)
class Step:
    """One edge of the pass: from an operation back to one of its operands."""

    replay: Replay
    edge: Edge
    node: Node
    operand: Node
    primitive: Primitive
    others: Mapping[Edge, Rule] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        """What it does to a cotangent."""
        if not self.others:
            return self.replay.rule(self.edge)
        return self.ruled(self.replay.values[self.operand.id], self.replay.values[self.node.id])

    def ruled(self, x: Any, y: Any) -> Rule:
        """Return its rule at another input and output."""
        if self.others:
            return lambda g: self.primitive.rules[0](g, y, x)
        return self.replay.rule(self.edge, y=y, operands={self.edge[1]: x})

    def wrong(self, rule: Rule) -> Callable[[Target], Any]:
        """Return what predicts gradients of a pass in which it has another rule."""
        if not self.others:
            return wrong(self.replay, {self.edge: rule})
        g = self.replay.gradients[self.node.id]
        return Made(self.replay, self.operand.id, lambda: rule(g), lambda: self.rule(g))

    def candidate(
        self, title: str, cost: float, rule: Rule | None = None, kind: str = "", weak: bool = False
    ) -> Candidate:
        """Return the mistake that it has another rule; without one, it sends back what arrives."""
        return Candidate(title, cost, predict=self.wrong(rule or as_it_is), kind=kind, weak=weak)

    @property
    def name(self) -> str:
        """What the result of the operation is called."""
        if self.others and not self.node.name:
            return f"{self.primitive.name}({text_of(self.replay.graph, self.operand)})"
        return text_of(self.replay.graph, self.node)

    @property
    def function(self) -> str:
        """What an activation is called, however it is written."""
        return "relu" if _is_relu(self) else self.primitive.name

    @property
    def is_product(self) -> bool:
        """Whether the operation is linear in each of two operands."""
        return is_product(self.node)

    @property
    def is_matrix_product(self) -> bool:
        """Whether it is a product in which rows meet columns, not one entry by entry."""
        return self.is_product and not self.primitive.entrywise

    @property
    def mixes(self) -> bool:
        """Whether one entry of the result depends on several of the operand, as in a softmax."""
        g = np.zeros(self.node.shape)
        g.flat[:1] = 1.0
        return int(np.count_nonzero(self.rule(g))) > 1

    @property
    def other(self) -> Node | None:
        """The other operand of a product."""
        if not self.is_product or len(set(self.node.operands)) < 2:
            return None
        other: Node = self.replay.graph[self.node.operands[1 - self.edge[1]]]
        return other

    @property
    def mask(self) -> int | None:
        """Position of the operand that says where a relu lets through, if it is written with one.

        As in ``np.where(z > 0, z, 0)`` and ``z * (z > 0)``.
        """
        values = [np.asarray(self.replay.values[x]) for x in self.node.operands]
        shape = self.node.shape
        masks = [
            i
            for i, value in enumerate(values)
            if value.dtype.kind == "b" or (i != self.edge[1] and value.shape == shape)
        ]
        if not masks or self.others:
            return None
        x = values[self.edge[1]]
        if not np.array_equal(self.replay.values[self.node.id], np.where(x > 0, x, 0)):
            return None
        return next((i for i in masks if np.array_equal(values[i], x > 0)), None)

    def at(self, x: Any) -> Rule:
        """Return the rule of an activation as it is at another input."""
        return lambda g: self._at(x)(g)  # Where it is not defined, it fails when it is asked.

    def _at(self, x: Any) -> Rule:
        if self.mask is not None:
            return self.replay.rule(self.edge, operands={self.mask: np.asarray(x) > 0})
        if self.others:
            return self.ruled(x, self.primitive.forward(x))
        operands = [self.replay.values[key] for key in self.node.operands]
        operands[self.edge[1]] = x
        return self.ruled(x, self.primitive.forward(*operands, **self.node.parameters))

    def using(self, value: Any) -> Rule:
        """Return the rule of a product with another value of its other operand."""
        return self.replay.rule(self.edge, operands={1 - self.edge[1]: value})

    def given(self, y: Any) -> Rule:
        """Return the rule of an activation with another output, in a formula that has one."""
        return self.ruled(self.replay.values[self.operand.id], y)


def steps(case: Case, target: Target, *, once: bool = False) -> Iterator[Step]:
    """Yield the steps that a gradient has come along, the one closest to it first.

    With `once`, those inside a recurrence are left out.
    """
    replay = case.replay
    inside = recurrent(replay) if once else ()
    for edge in reversed(replay.edges()):
        if edge[0] in inside:
            continue
        node = replay.graph[edge[0]]
        operand = replay.graph[node.operands[edge[1]]]
        if node.primitive is not None and target.id in replay.behind(operand.id):
            yield Step(replay, edge, node, operand, node.primitive)


def activations(case: Case, target: Target) -> Iterator[Step]:
    """Yield those of the steps that go through an activation, be it of several operations.

    Not those inside a recurrence: what is wrong there is wrong at every step.
    """
    composed = list(compositions(case, target))
    inside = {edge for step in composed for edge in (step.edge, *step.others)}
    yield from (step for step in composed if step.node.id not in recurrent(step.replay))
    for step in steps(case, target, once=True):
        if step.edge not in inside and _is_activation(step):
            yield step


def compositions(case: Case, target: Target) -> Iterator[Step]:
    """Yield the activations that are written out as several operations, as one step each."""
    replay = case.replay
    for x in written_out(replay):
        if target.id in replay.behind(x.operand.id):
            yield Step(replay, x.edge, x.node, x.operand, x.primitive, x.others)


def _is_activation(step: Step) -> bool:
    """Return whether a step is a function of one tensor, whose derivative depends on where it is.

    Found out by asking its rule at another place: new operations need no entry anywhere.
    """
    x, g = step.replay.values[step.operand.id], step.replay.gradients[step.node.id]
    alone = len(step.node.operands) == 1
    if np.shape(x) != step.node.shape or not (alone or is_gate(step) or _is_relu(step)):
        return False
    try:
        there = step.at(-0.37 - np.asarray(x))(g)
    except ValueError:  # It is not defined there: an inverse, say.
        return False
    return not np.array_equal(step.rule(g), there)


def is_gate(step: Step) -> bool:
    """Return whether an operation lets entries through or not, by a number: a clip, say."""
    others = [x for i, x in enumerate(step.node.operands) if i != step.edge[1]]
    if any(np.ndim(step.replay.values[x]) for x in others) or not step.primitive.entrywise:
        return False
    slope = step.rule(np.ones(step.node.shape))
    return bool(np.isin(slope, (0, 1)).all()) and not np.all(slope)


def _is_relu(step: Step) -> bool:
    """Return whether an operation is a relu, however it is written: asked at other places."""
    if step.others or step.mask is not None:
        return not step.others
    operands = [step.replay.values[key] for key in step.node.operands]
    x = np.asarray(operands[step.edge[1]])
    if x.shape != step.node.shape or any(np.ndim(other) for other in operands if other is not x):
        return False
    for there in (np.abs(x) + 1, -np.abs(x) - 1):
        operands[step.edge[1]] = there
        try:
            with np.errstate(all="ignore"):
                value = step.primitive.forward(*operands, **step.node.parameters)
        except ValueError:
            return False
        if not np.array_equal(value, np.maximum(there, 0)):
            return False
    return True


def tells(step: Step, rule: Rule) -> bool:
    """Return whether a rule gives neither what is right, nor all of a gradient, nor none of it."""
    g = step.replay.gradients[step.node.id]
    try:
        gx = np.asarray(rule(g))
    except ValueError:
        return False
    return bool(gx.any()) and not any(np.array_equal(gx, known) for known in (g, step.rule(g)))


def orders(shape: tuple[int, ...], right: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the orders in which the axes of an array have another shape, or the same, in words."""
    axes = range(len(shape))
    for order in itertools.permutations(axes) if len(shape) == len(right) <= MOST_AXES else ():
        moved = [k for k in axes if order[k] != k]
        long = [k for k in order if shape[k] > 1]
        if long == sorted(long) or any(shape[order[k]] != right[k] for k in axes):
            continue  # The entries are in the same order, or of another shape.
        yield order, f"axes {', '.join(map(str, moved[:-1]))} and {moved[-1]}"


MOST_AXES = 5
"""Of how many axes all orders are tried."""


def always(value: Any) -> Callable[..., Any]:
    """Return a function that returns a value, whatever it is given."""
    return lambda *_: value


def given(rule: Rule, g: Any) -> Rule:
    """Return a rule that is given something else, whatever arrives."""
    return lambda _: rule(g)


def as_it_is(g: Any) -> Any:
    """Send back what arrives."""
    return g


def times(factor: Any) -> Rule:
    """Return the rule that multiplies by a factor, entry by entry."""
    return lambda g: g * factor


def added_up(replay: Replay, edge: Edge) -> Iterator[tuple[str, Any]]:
    """Yield masks of the first and the last term that a product on the way back adds up."""
    node, i = replay.graph[edge[0]], edge[1]
    other, own = (replay.graph[node.operands[k]] for k in (1 - i, i))
    if len(other.shape) > 1 and node.shape:  # Else that is an outer product.
        last = i == 0 or len(own.shape) < 2
        n, end = node.shape[-1 if last else -2], (1,) * (not last)
        for k, which in ((n - 1, "last"), (0, "first")) if n > 1 else ():
            yield f"the {which} of {n} terms", (np.arange(n) == k).reshape(-1, *end)


def is_product(node: Node) -> bool:
    """Return whether an operation is linear in each of two operands."""
    made_by = node.primitive
    if made_by is None or len(node.operands) != 2:
        return False
    return bool(made_by.linear) if made_by.variadic else len(made_by.linear) == 2


def viewed(graph: Graph, node: Node) -> Node:
    """Return what a node is a view of: rows that were picked, a matrix that was turned."""
    while node.primitive in VIEWS:
        node = graph[node.operands[0]]
    return node


def scaled(rule: Rule, value: Any, divide: bool) -> Rule:
    """Return a rule with a factor taken out of it, or put into it."""
    if divide:
        return lambda g: rule(g) / value
    return lambda g: rule(g) * value
