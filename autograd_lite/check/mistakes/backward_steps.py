"""What the searches inside a backward pass share: its steps, their names, and a pass made wrong."""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.reasons import shown
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, digits, same
from autograd_lite.check.mistakes.repeated import recurrent
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.check.mistakes.written_out import written_out
from autograd_lite.core.notation import ATOM, LOOSE
from autograd_lite.core.primitive import Primitive
from autograd_lite.graph import Graph, Node
from autograd_lite.ops import writing
from autograd_lite.ops.writing import Written

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


class AnotherPass:
    """What gradients are after a backward pass that differs in several places."""

    def __init__(self, predict: Callable[[Target], Any]) -> None:
        self._predict = predict

    def __call__(self, target: Target) -> Any:
        """Return the wrong gradient."""
        return self._predict(target)

    def changes(self, target: Target) -> bool:
        """Return whether it makes another gradient of one that is right."""
        made = self(target)
        return made is not None and not same(made, target.right)


class Made:
    """What gradients are if another cotangent is sent along an edge, or arrives at a node.

    At the node `key`, `instead` arrives in place of `part`: arrays, or what returns them.
    """

    def __init__(self, replay: Replay, key: str, instead: Any, part: Any) -> None:
        self.replay, self.key = replay, key
        self.only_used = False  # Whether what stands for the gradient there may be right.
        self._instead, self._part = instead, part
        self._both: tuple[Any, Any] | None = None
        self._added: dict[float, dict[str, Any]] = {}

    @property
    def both(self) -> tuple[Any, Any]:
        """The wrong cotangent, and the right one; None, if the wrong one cannot be computed."""
        if self._both is None:
            self._both = None, None
            try:
                with np.errstate(all="ignore"):
                    self._both = _computed(self._instead), _computed(self._part)
            except (ValueError, TypeError, IndexError):
                pass
        return self._both

    def __call__(self, target: Target, times: float = 1.0) -> Any:
        """Return the wrong gradient; with the wrong cotangent `times` a number."""
        instead, part = self.both
        if instead is None or target.id not in self.replay.gradients:
            return None
        right = self.replay.gradients[target.id]
        if instead.shape != part.shape:
            # Only here is a shape no more than a shape: what comes after would not fit.
            return times * instead + (right - part) if self.key == target.id else None
        if times not in self._added:
            self._added[times] = self.replay.added(self.key, times * instead - part)
        return right + self._added[times].get(target.id, 0.0)

    def times(self, factor: float) -> Made:
        """Return the mistake with the wrong cotangent multiplied."""
        return Made(self.replay, self.key, lambda: factor * self.both[0], lambda: self.both[1])

    def may_give(self, target: Target) -> bool:
        """Return False if it certainly does not give a gradient by hand, from two numbers of it."""
        instead, part = self.both
        if instead is None:
            return False
        if target.hand.shape != target.right.shape or instead.shape != part.shape:
            return self.key == target.id
        if 0 < largest_in(instead) < VANISHES * largest_in(part):
            return False  # That it is left out is simpler.
        for goal, moved in self.goals(target):
            terms = (instead - part) * moved
            size = float(np.abs(terms).sum()) + abs(goal)
            if abs(terms.sum() - goal) > slack(target) * size:
                return False
        return True

    def comes_to_nothing(self, target: Target) -> bool:
        """Return whether nothing of the wrong cotangent is left in a gradient."""
        instead = self.both[0]
        if target.hand.shape != target.right.shape or not np.any(instead):
            return False
        terms = [instead * moved for _, moved in self.goals(target)]
        return all(abs(x.sum()) <= VANISHES * np.abs(x).sum() for x in terms)

    def moves(self, target: Target) -> tuple[list[float], list[float]] | None:
        """Return what it adds to a gradient along each direction, and what is missing there."""
        instead, part = self.both
        if instead is None or instead.shape != part.shape:
            return None
        goals = list(self.goals(target))
        added = [float(np.sum((instead - part) * moved)) for _, moved in goals]
        if len(added) < 2 or not np.isfinite(added).all() or not any(added):
            return None
        return added, [goal for goal, _ in goals]

    def changes(self, target: Target) -> bool:
        """Return whether it makes another gradient of one that is right."""
        instead, part = self.both
        if self.key == target.id and self.only_used:
            return False
        if instead is None or instead.shape != part.shape:
            return self.key == target.id
        for _, moved in self.goals(target):
            terms = (instead - part) * moved
            if abs(float(terms.sum())) > 1e-6 * float(np.abs(terms).sum()):
                return True
        return False

    def factor(self, target: Target) -> float | None:
        """Return how many times the wrong cotangent gives a gradient by hand, if any number does.

        That number is solved for in two ways, and only one that comes out alike counts.
        """
        instead, part = self.both
        if instead is None or instead.shape != part.shape:
            return None
        if target.hand.shape != target.right.shape:
            return None
        found = []
        for goal, moved in self.goals(target):
            there, here = float(np.sum(instead * moved)), float(np.sum(part * moved))
            if not abs(there) > 1e-12 * float(np.abs(instead * moved).sum()):
                return None
            found.append((goal + here) / there)
        if len(found) < 2 or not np.isfinite(found).all():
            return None
        if abs(found[0] - found[1]) > slack(target) * max(1.0, abs(found[0])):
            return None
        return self._refined(target, found[0])

    def _refined(self, target: Target, about: float) -> float:
        """Solve for a factor with all entries, to all digits."""
        right, all_of_it = self(target, 0.0), self(target, 1.0)
        if right is None or all_of_it is None:
            return about
        step = np.asarray(all_of_it - right, float)
        size = float(np.sum(step * step))
        factor = float(np.sum((target.hand - right) * step)) / size if size else about
        nearest = round(factor)
        return float(nearest) if abs(factor - nearest) < 1e-9 else factor

    def goals(self, target: Target) -> Iterator[tuple[float, Any]]:
        """Yield what is missing along each direction, and how the node moves along it."""
        if self.key not in target.goals:
            goals, fits = [], target.hand.shape == target.right.shape
            fits = fits and target.id in self.replay.order  # Not if all samples are one.
            for u, moved in self.replay.tangents(target.id) if fits else ():
                goal = float(np.sum(u * (target.hand - target.right)))
                there = moved.get(self.key, np.zeros(()))
                if np.isfinite(goal) and np.isfinite(there).all():
                    goals.append((goal, there))
            target.goals[self.key] = goals
        yield from target.goals[self.key]


def _computed(x: Any) -> Array:
    return np.asarray(x() if callable(x) else x)


VANISHES = 1e-8
"""What is smaller, relative to what belongs there, is next to nothing."""


def largest_in(x: Any) -> float:
    """Return the largest size of an entry."""
    return float(np.abs(x).max(initial=0.0))


def slack(target: Target) -> float:
    """Return how much of two numbers along a direction may be rounding."""
    return 1e-6 if digits(target.hand) < 1e-8 else 10 * digits(target.hand)


def distinct(array: Array) -> int:
    """Return how many different sizes the numbers of an array have, but for 0 and rounding."""
    sizes = np.abs(array[array != 0])
    largest = sizes.max(initial=0.0)
    return np.unique(np.round(sizes / largest, 6 if digits(array) < 1e-8 else 3)).size


def replaced(replay: Replay, key: str, instead: Any, *, only_used: bool = False) -> Made:
    """Return the mistake that all that arrives at a node is replaced, or only where it is used."""
    made = Made(replay, key, instead, replay.gradients[key])
    made.only_used = only_used
    return made


def wrong(
    replay: Replay,
    edges: Mapping[Edge, Rule] | None = None,
    nodes: Mapping[str, Rule] | None = None,
    stretched: bool = False,
) -> Callable[[Target], Any]:
    """Return what predicts gradients of a pass that has other rules; it is run once, when asked."""
    if edges and len(edges) == 1 and not stretched:
        ((edge, rule),) = edges.items()
        if edge[0] in replay.gradients:
            g, key = replay.gradients[edge[0]], replay.operand(edge)
            return Made(replay, key, lambda: replay.sent(edge, g, rule), lambda: replay.parts[edge])
    if nodes and len(nodes) == 1 and not edges:
        ((key, rule),) = nodes.items()
        if key in replay.gradients:
            return replaced(replay, key, lambda: rule(replay.gradients[key]))
    run = partial(replay.with_mistake, edges=edges, nodes=nodes, stretched=stretched)
    return AnotherPass(run_once(run))


def run_once(run: Callable[[], Mapping[str, Any]]) -> Callable[[Target], Any]:
    """Return what predicts gradients of a pass, which is run when it is first asked."""
    run = cache(run)
    return lambda target: run().get(target.id)


class Together(AnotherPass):
    """Mistakes on parallel paths: what they change adds up."""

    def __init__(self, made: Sequence[Made]) -> None:
        super().__init__(self._added)
        self.made = made

    def _added(self, target: Target) -> Any:
        right = self.made[0].replay.gradients.get(target.id)
        found = [one(target) for one in self.made]
        if right is None or any(x is None for x in found):
            return None
        return sum(found[1:], found[0]) - (len(found) - 1) * right

    def may_give(self, target: Target) -> bool:
        """Return False if they certainly do not give a gradient by hand, from two numbers of it."""
        if len(self.made) == 1:
            return self.made[0].may_give(target)
        if target.hand.shape != target.right.shape:
            return True
        gaps, size = np.zeros(2), np.zeros(2)
        for one in self.made:
            instead, part = one.both
            goals = list(one.goals(target))
            if instead is None or instead.shape != part.shape or len(goals) < 2:
                return instead is not None
            terms = [(instead - part) * moved for _, moved in goals]
            gaps += [float(x.sum()) for x in terms]
            size += [float(np.abs(x).sum()) for x in terms]
        wanted = np.array([goal for goal, _ in goals])
        return bool((np.abs(gaps - wanted) <= slack(target) * (size + np.abs(wanted))).all())


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


def only(target: Target, value: Any) -> Callable[[Target], Any]:
    """Return what predicts the gradient of one tensor, and none of any other."""
    return lambda other: value if other.id == target.id else None


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


_texts: weakref.WeakKeyDictionary[Graph, dict[tuple[str, bool], str]] = weakref.WeakKeyDictionary()

LONGEST_TEXT = 40


def text_of(graph: Graph, node: Node, *, whole: bool = False) -> str:
    """Write a value by its name, else by the operations that made it, as far as that is short.

    With `whole`, write how it was made even if it has a name.
    """
    known = _texts.setdefault(graph, {})
    key = node.id, whole
    if key not in known:
        most = 2 * LONGEST_TEXT if whole else LONGEST_TEXT
        text = _text(graph, node, 6 if whole else 4, whole).text
        known[key] = text if len(text) <= most else _text(graph, node, 2, whole).text
    return known[key]


def _text(graph: Graph, node: Node, depth: int, whole: bool = False) -> Written:
    if node.name and not (whole and node.primitive is not None):
        return Written(node.name, ATOM if node.name == grouped(node.name) else LOOSE)  # 1 - y
    if node.kind == "constant" and np.ndim(node.value) == 0:
        number = shown(float(np.real(node.value)))
        return Written(number, LOOSE if "/" in number else ATOM)
    if node.primitive is None:
        return Written(f"the array of shape {node.shape}", LOOSE)
    if not depth:
        return Written("…")
    parts = [_text(graph, operand, depth - 1) for operand in graph.operands(node)]
    written = writing.write(node.primitive, parts, node.parameters, "python")
    if len(parts) == 1 and len(parts[0].text) > 1 < written.text.count(parts[0].text):
        return Written(f"{node.primitive.name}({parts[0].text})")  # A softmax, say.
    users = graph.consumers(graph[node.operands[0]])
    alone = sum(x.primitive is node.primitive for x in users) < 2

    def short(pasted: re.Match[str]) -> str:
        return "…" if alone else f"[{', '.join(ENTRY.findall(pasted[1])[:2])}, …]"

    return written._replace(text=PASTED.sub(short, written.text))


PASTED, ENTRY = re.compile(r"np\.array\(\[([^()]*)\]\)"), re.compile(r"[^\s,\[\]]+")
"""An array of labels or indices that is part of an operation: a sentence leaves it out, but for
its beginning if the same tensor is picked from by another one."""


def grouped(text: str) -> str:
    """Put parentheses around an expression of several words, unless it is a call."""
    called = text.endswith(")") and CALL.match(text) and _closes_last(text)
    single = " " not in text and not text.startswith("-")
    return text if single or called or ENTRIES.fullmatch(text) else f"({text})"


CALL, ENTRIES = re.compile(r"[\w.]+\("), re.compile(r"[\w.]+\[[^\[\]]*\]")


def _closes_last(text: str) -> bool:
    """Return whether the first parenthesis that is opened is the last one that is closed."""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and not depth:
            return i == len(text) - 1
    return False
