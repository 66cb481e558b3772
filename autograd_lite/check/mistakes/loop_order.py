"""In what order a loop is gone back through, and what each step hands on to the one before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.check.mistakes.loop_passes import name_of
from autograd_lite.check.mistakes.made import AnotherPass
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake, remembered
from autograd_lite.check.mistakes.repeated import MOST_BY_HAND, Loop, loops, summing
from autograd_lite.check.mistakes.replay import Edge, Replay
from autograd_lite.graph import Node

MOST_TRUNCATED = 12
"""How many steps a pass is cut short after, at most."""

LONGEST_RESET = 4
"""After how many steps what is handed on may be forgotten."""


@dataclass(frozen=True, eq=False)
class State:
    """What a step hands on to the next: the node of each step, and the edges back to it.

    Those of the first step go back to what the loop started from. What a step joins to its inputs
    comes through one more edge, as that of ``np.concatenate([x[t], h])`` back to h.
    """

    nodes: list[Node]
    edges: dict[int, list[Edge]] = field(default_factory=dict)
    through: list[Edge] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """How a loop is gone back through: which steps, and in which order.

    What arrives at the last state is handed on to the first step that is done if the plan
    `carries`, else it belongs to the last; and what is left goes to where the loop started. A
    state, by its number, `enters` at other nodes; a step `adds` to what is handed on, or `keeps`
    it; after so many steps, it `resets` that. What arrives at the last state may be `repeated`.
    """

    order: tuple[int, ...]
    carries: bool = True
    enters: tuple[tuple[int, tuple[Node, ...]], ...] = ()
    adds: tuple[int, ...] = ()
    keeps: tuple[int, ...] = ()
    resets: int = 0
    repeated: bool = False


class Unrolled:
    """The steps of a loop on the way back, one by one."""

    def __init__(self, replay: Replay, loop: Loop) -> None:
        self.replay, self.loop = replay, loop
        known = set(summing(replay))
        sums = [m for m in loop.classes if known.issuperset(x.id for x in m)]
        self.step_of = {
            node.id: k for m in loop.classes if m not in sums for k, node in enumerate(m)
        }
        outside = {node.id for m in sums for node in m}
        starts = [
            min(replay.position[key] for key, at in self.step_of.items() if at == k)
            for k in range(1 + max(self.step_of.values(), default=-1))
        ]
        last = max((replay.position[key] for key in self.step_of), default=-1)
        self.after: list[str] = []
        self.before: list[str] = []
        for node in replay.graph:
            at = replay.position[node.id]
            if node.id in self.step_of or node.primitive is None:
                continue
            if node.id not in outside and starts and starts[0] < at < last:
                self.step_of[node.id] = sum(start <= at for start in starts) - 1
            else:
                (self.after if starts and at > starts[0] else self.before).insert(0, node.id)
        self.steps: list[list[str]] = [[] for _ in starts]
        for node in reversed(list(replay.graph)):
            if node.id in self.step_of:
                self.steps[self.step_of[node.id]].append(node.id)
        self.states = self._states()

    def _states(self) -> list[State]:
        """Return what is handed on, if each step gets it from the one before."""
        place = {node.id: (m, k) for m in map(tuple, self.loop.classes) for k, node in enumerate(m)}
        found: dict[tuple[Node, ...], State] = {}
        for members in self.loop.classes:
            for i in range(len(members[0].operands)):
                from_before = {}
                for k, node in enumerate(members):
                    x = node.operands[i]
                    if node.id in self.step_of and x in self.step_of and x in place:
                        of, j = place[x]
                        if j < k:
                            from_before[k] = of, j
                of_class = {of for of, _ in from_before.values()}
                if not from_before:
                    continue
                if len(of_class) > 1 or any(k - j != 1 for k, (_, j) in from_before.items()):
                    return []
                (of,) = of_class
                state = found.setdefault(of, State(list(of)))
                for k, node in enumerate(members):
                    state.edges.setdefault(k, []).append((node.id, i))
        return [self._unjoined(state) for state in found.values()]

    def _unjoined(self, state: State) -> State:
        """Return what is handed on before it is joined to the inputs of a step, if it is."""
        replay, n = self.replay, len(self.steps)
        crossing = {edge for some in state.edges.values() for edge in some}
        through = [edge for x in state.nodes for edge in replay.parts if edge[0] == x.id]
        users = {
            (user.id, i)
            for x in state.nodes
            for user in replay.graph.consumers(x)
            for i, key in enumerate(user.operands)
            if key == x.id
        }
        joined = [replay.graph[replay.graph[x].operands[i]] for x, i in through]
        members = next((m for m in self.loop.classes if m[: n - 1] == joined), None)
        if members is None or len(state.nodes) != n - 1 or not users <= crossing:
            return state
        return State(members, state.edges, through)

    def run(self, plan: Plan) -> dict[str, Any]:
        """Return what arrives at every node."""
        replay, end = self.replay, self.replay.graph.outputs[0].id
        arrived: dict[str, Any] = {end: np.ones(np.shape(replay.values[end]))}
        crossing = {e for state in self.states for some in state.edges.values() for e in some}
        for key in self.after:
            self._send(key, arrived, crossing)
        carried: dict[int, Any] = {}
        for s, state in enumerate(self.states):
            alone = not any(node.id in arrived for node in state.nodes[:-1])
            if plan.carries and alone and state.nodes[-1].id in arrived:
                carried[s] = arrived.pop(state.nodes[-1].id)
        enters, last = dict(plan.enters), dict(carried)
        for turn, k in enumerate(plan.order):
            if plan.resets and turn and turn % plan.resets == 0:
                carried = {}
            for s, g in last.items() if plan.repeated and turn else ():
                carried[s] = carried[s] + g if s in carried else g
            for s, state in enumerate(self.states):
                nodes = enters.get(s, state.nodes)
                if s in carried and k < len(nodes):
                    _add(arrived, nodes[k].id, carried[s])
            for key in self.steps[k]:
                self._send(key, arrived, crossing)
            for s, state in enumerate(self.states):
                edges = [edge for edge in state.edges.get(k, ()) if edge[0] in arrived]
                sent = [replay.sent(edge, arrived[edge[0]]) for edge in edges]
                if state.through:
                    sent = [replay.sent(state.through[max(k - 1, 0)], x) for x in sent]
                if s in plan.keeps or not sent:
                    continue
                added = [carried[s]] if s in plan.adds and s in carried else []
                carried[s] = sum([*sent[1:], *added], sent[0])
        for s, state in enumerate(self.states):
            first = state.edges.get(0, ())
            if s in carried and first and (plan.carries or not plan.order or plan.order[-1] == 0):
                start = replay.graph[first[0][0]].operands[first[0][1]]
                _add(arrived, start, carried[s])
        for key in self.before:
            self._send(key, arrived, crossing)
        return arrived

    def _send(self, key: str, arrived: dict[str, Any], crossing: set[Edge]) -> None:
        if key not in arrived:
            return
        for i, x in enumerate(self.replay.graph[key].operands):
            if (key, i) in self.replay.parts and (key, i) not in crossing:
                _add(arrived, x, self.replay.sent((key, i), arrived[key]))


def _add(arrived: dict[str, Any], key: str, part: Any) -> None:
    arrived[key] = arrived[key] + part if key in arrived else part


@mistake(
    "order of steps",
    "The steps are gone back through one by one, each with what the one after it hands on.",
)
def order_of_steps(case: Case, target: Target) -> Iterator[Candidate]:
    """Go through a loop in another order, leave steps out, or hand something else on."""
    del target
    yield from _cut_short(case.replay)
    yield from _in_another_order(case.replay)


@remembered
def _unrolled(replay: Replay) -> Iterator[Unrolled]:
    return (Unrolled(replay, loop) for loop in loops(replay))


@remembered
def _cut_short(replay: Replay) -> Iterator[Candidate]:
    for unrolled in _unrolled(replay):
        n = len(unrolled.steps)
        if not unrolled.states and n <= MOST_BY_HAND:
            continue  # Two towers, say.
        right = tuple(reversed(range(n)))
        for carries in (True, False):
            for k in range(1, min(n - 1, MOST_TRUNCATED)):
                alone = k == 1 and not unrolled.states  # Each is by itself: a sample, say.
                text = f"only the last {k} of {n} steps are gone back through: truncated"
                if alone:
                    text = f"only the last of {n} steps counts: overwritten in place of added up"
                made = _candidate(unrolled, text, 0.88, Plan(right[:k], carries))
                made.kind = "overwritten, not added" if alone else "path missing"
                yield made
            for which, order in (("first", right[:-1]), ("last", right[1:])):
                text = f"the {which} step is left out on the way back"
                yield _candidate(unrolled, text, 0.9, Plan(order, carries))


@remembered
def _in_another_order(replay: Replay) -> Iterator[Candidate]:
    for unrolled in _unrolled(replay):
        for text, cost, plan in _plans(unrolled) if unrolled.states else ():
            yield _candidate(unrolled, text, cost, plan)


def _candidate(unrolled: Unrolled, text: str, cost: float, plan: Plan) -> Candidate:
    return Candidate(text, cost, predict=_made(unrolled, plan))


def _made(unrolled: Unrolled, plan: Plan) -> Callable[[Target], Any]:
    found: list[dict[str, Any]] = []

    def predict(target: Target) -> Any:
        if not found:
            with np.errstate(all="ignore"):
                found.append(unrolled.run(plan))
        step = unrolled.step_of.get(target.id)  # What a step that is left out has, is not known.
        known = target.id in unrolled.replay.gradients and step in (None, *plan.order)
        return found[0].get(str(target.id), np.zeros_like(target.right)) if known else None

    return AnotherPass(predict)


def _plans(unrolled: Unrolled) -> Iterator[tuple[str, float, Plan]]:
    """Yield other ways to go back through a loop, in words, with how far-fetched each is."""
    replay, loop, states = unrolled.replay, unrolled.loop, unrolled.states
    n = len(unrolled.steps)
    right = tuple(reversed(range(n)))
    names = [name_of(replay, loop, state.nodes) for state in states]
    for carries in (True, False):
        far = 0.9 if carries else 0.95
        forwards = "the steps are gone through in the same order as forwards, not in reversed order"
        yield forwards, far, Plan(right[::-1], carries)
    every = "what comes back from the loss to the last step alone comes back to every step"
    yield every, 1.0, Plan(right, repeated=True)
    for k in range(2, min(n, LONGEST_RESET + 1)):
        text = f"what is handed on is forgotten after every {k} steps: truncated"
        yield text, 1.1, Plan(right, resets=k)
    several = [tuple(range(len(states)))] if len(states) > 1 else []
    for some in [*((s,) for s in range(len(states))), *several]:
        of = " and ".join(names[s] for s in some)
        back = f"what comes back to {of} from the step after"
        yield f"{back} is added up over all steps: += in place of =", 0.9, Plan(right, adds=some)
        yield f"{back} is not handed on: it stays as it was", 1.0, Plan(right, keeps=some)
        yield f"{back} is not added there", 0.9, Plan(right, enters=tuple((s, ()) for s in some))
    for s, state in enumerate(states):
        for members in loop.classes:
            alike = members[0].shape == state.nodes[0].shape and members[0].id in unrolled.step_of
            if alike and members != state.nodes and len(members) >= len(state.nodes):
                text = (
                    f"what comes back from the step after is added to the gradient at "
                    f"{name_of(replay, loop, members)}, not to that at {names[s]}"
                )
                yield text, 1.0, Plan(right, enters=((s, tuple(members)),))
    for a, b in itertools.combinations(range(len(states)), 2):
        if states[a].nodes[0].shape == states[b].nodes[0].shape:
            exchanged = (a, tuple(states[b].nodes)), (b, tuple(states[a].nodes))
            text = (
                f"what comes back to {names[a]} and to {names[b]} from the step after is exchanged"
            )
            yield text, 1.0, Plan(right, enters=exchanged)
