"""What a loop computes, step by step, and a pass that goes wrong at every step of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.made import AnotherPass, Made
from autograd_lite.check.mistakes.registry import Array, Candidate, Target
from autograd_lite.check.mistakes.repeated import MOST_BY_HAND, Loop
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule
from autograd_lite.check.mistakes.texts import LONGEST_TEXT, grouped, text_of
from autograd_lite.core.notation import ATOM, LOOSE
from autograd_lite.graph import Node, write
from autograd_lite.ops.writing import Written

MADE_OF = (ops.concatenate, ops.multiply)
"""What a step makes of what is handed on, before it multiplies that by weights."""

Values = Sequence[Any]
"""A value of every step."""


def values_of(replay: Replay, loop: Loop) -> dict[str, Values]:
    """Return every value that a loop computes or uses, step by step, by what it is called."""
    found: dict[str, Values] = {}
    one_more: dict[str, Any] = {}
    handed_on = {x for nodes in loop.classes if len(nodes) > 1 for x in nodes[1].operands}
    made: list[tuple[bool, str, Values]] = []
    for nodes in loop.classes:
        known = [replay.values[node.id] for node in nodes]
        if len(known) < loop.steps:  # Computed by hand, and in no graph.
            following = _one_more(replay, loop, nodes, one_more)
            known.append(np.full(nodes[-1].shape, np.nan) if following is None else following)
        if len(known) == loop.steps:
            made.append((nodes[0].id not in handed_on, name_of(replay, loop, nodes), known))
    for _, name, values in sorted(made, key=lambda x: x[0]):  # Of one name, what is handed on.
        found.setdefault(name, values)
    for nodes in loop.classes:  # What comes from the step before, or from outside.
        for i in range(len(nodes[0].operands)):
            used = [replay.values[node.operands[i]] for node in nodes]
            varies = any(x is not used[0] for x in used)
            scales = nodes[-1].primitive is not ops.matmul
            named = scales and replay.graph[nodes[-1].operands[i]].name
            if len(used) == loop.steps and (varies or named):
                found.setdefault(operand_name(replay, loop, nodes, i), used)
    for nodes in loop.classes:
        for i in range(len(nodes[0].operands)):
            found.update(_of_this_step(replay, loop, nodes, i))
    for nodes, _, each in indices_of(loop):
        for leaf in replay.graph if len(each) == loop.steps else ():
            picked = name_of(replay, loop, nodes)
            if leaf.kind == "parameter" and len(leaf.shape) > 1 and max(each) < leaf.shape[0]:
                used = [replay.values[leaf.id][k] for k in each]
                if not any(all(map(np.array_equal, used, x)) for x in found.values()):
                    found.setdefault(
                        f"{leaf.name}[k], with the k by which {picked} is picked,", used
                    )
    return found


def _of_this_step(
    replay: Replay, loop: Loop, nodes: Sequence[Node], i: int
) -> Iterator[tuple[str, Values]]:
    """Yield what an operand is, if it is made of what this step hands on, not of what it got."""
    made = replay.graph[nodes[-1].operands[i]]
    for k, x in enumerate(made.operands if made.primitive in MADE_OF else ()):
        members = next((m for m in loop.classes if len(m) == len(nodes) and x == m[-2].id), [])
        each = []
        for node, member in zip(nodes, members, strict=False):
            used, now = replay.graph[node.operands[i]], replay.values[member.id]
            if made.primitive is ops.concatenate:
                axis, value = made.parameters["axis"], np.array(replay.values[used.id])
                start = sum(replay.graph[y].shape[axis] for y in made.operands[:k])
                place = np.moveaxis(value, axis, 0)
                place[start : start + now.shape[axis]] = np.moveaxis(now, axis, 0)
                each.append(value)
            elif used.primitive is ops.multiply:
                each.append(now * replay.values[used.operands[1 - k]])
        if each and len(each) == loop.steps:
            name, now = operand_name(replay, loop, nodes, i), name_of(replay, loop, members)
            yield f"{name} made of {now}", each


def indices_of(loop: Loop) -> list[tuple[list[Node], int | None, list[int]]]:
    """Return the operations that pick by one integer at each step: where in the index, and which.

    An index that is an integer has no place. Of those that pick by the same, one is enough.
    """
    found: dict[tuple[int, ...], tuple[list[Node], int | None, list[int]]] = {}
    for nodes in loop.classes:
        index = nodes[-1].parameters.get("index")
        parts = index if isinstance(index, tuple) else (index,)
        places = [k for k, x in enumerate(parts) if isinstance(x, int | np.integer)]
        if nodes[-1].primitive is ops.getitem and len(places) == 1:
            k = places[0] if isinstance(index, tuple) else None
            each = [x.parameters["index"] if k is None else x.parameters["index"][k] for x in nodes]
            found.setdefault((*each, hash(nodes[-1].operands[0])), (nodes, k, each))
    return list(found.values())


def _one_more(replay: Replay, loop: Loop, nodes: list[Node], known: dict[str, Any]) -> Any:
    """Return what the last step would compute for another one; None if that is not known."""
    last = nodes[-1]
    following = {members[k].id: members[k + 1].id for members in loop.classes
                 for k in range(len(members) - 1)}  # fmt: skip
    ends = {members[-1].id for members in loop.classes}
    operands = []
    for i, x in enumerate(last.operands):
        if x in following:
            operands.append(replay.values[following[x]])
        elif x in ends:
            operands.append(known.get(x))
        else:
            same_for_all = all(node.operands[i] == x for node in nodes)
            operands.append(replay.values[x] if same_for_all else None)
    if last.primitive is None or any(x is None for x in operands):
        return None
    known[last.id] = last.primitive.forward(*operands, **last.parameters)
    return known[last.id]


def name_of(replay: Replay, loop: Loop, nodes: Sequence[Node], depth: int = 2) -> str:
    """Return what is called by one name at every step, or how it is computed."""
    names = [node.name for node in nodes if node.name]
    stems = set(map(stem, names))
    if len(stems) < len(set(names)) == len(nodes):
        return f"{min(stems)}[t]"
    if 1 < len(stems) == len(nodes) <= MOST_BY_HAND:
        return f"each of {', '.join(names)}"
    if names:
        return f"{names[0]}_t"
    picked = [node.parameters.get("index") for node in nodes]
    if all(index is not None for index in picked) and len({node.operands for node in nodes}) == 1:
        base = grouped(text_of(replay.graph, replay.graph[nodes[-1].operands[0]]))
        if all(isinstance(index, int) for index in picked):
            return f"{base}[t]"
        if len(set(map(repr, picked))) == len(nodes) > 1:
            alike = [m for m in loop.classes if m[-1].operands == nodes[-1].operands
                     and m[-1].primitive is nodes[-1].primitive]  # fmt: skip
            which = next((k for k, m in enumerate(alike, 1) if m[-1] is nodes[-1]), 0)
            return f"piece {which} of {base}" if len(alike) > 1 else f"the piece of {base}"
    if depth and all(isinstance(x, int | np.integer) for x in picked) and len(set(picked)) > 1:
        return f"{grouped(operand_name(replay, loop, nodes, 0, depth - 1))}[k]"
    if depth and nodes[-1].primitive is not None:
        texts = [
            operand_name(replay, loop, nodes, i, depth - 1) for i in range(len(nodes[-1].operands))
        ]
        text = write(nodes[-1], [Written(x, LOOSE if " " in x else ATOM) for x in texts])
    else:
        text, *others = {re.sub(r"\[-?\d+\]", "[t]", text_of(replay.graph, x)) for x in nodes}
        text = text_of(replay.graph, nodes[-1]) if others or len(nodes) < 2 else text
    return text if len(text) < LONGEST_TEXT else f"{_kind(nodes[-1])}(…)"


def stem(name: str) -> str:
    """Return a name without the index of a step: ``X`` for ``X[2]``."""
    return re.sub(r"\[-?\d+\]$", "", name)


def _kind(node: Node) -> str:
    return node.primitive.name if node.primitive is not None else ""


def operand_name(replay: Replay, loop: Loop, nodes: Sequence[Node], i: int, depth: int = 2) -> str:
    """Return what an operand is called: that of the step before, if it is handed on."""
    operand = nodes[-1].operands[i]
    for members in loop.classes:
        ids = [node.id for node in members]
        if operand in ids:
            name = name_of(replay, loop, members, depth)
            if ids.index(operand) == len(nodes) - 1:
                return name
            for now, before in (("_t", "_{t-1}"), ("[t]", "[t - 1]")):
                if name.endswith(now):
                    return name.removesuffix(now) + before
            return f"{name} of step t - 1"
    first = replay.graph[nodes[0].operands[i]]
    last = replay.graph[operand]
    each = [replay.graph[node.operands[i]] for node in nodes]
    if all(x is last or (x.kind == last.kind == "constant" and np.array_equal(x.value, last.value))
           for x in each):  # fmt: skip
        return text_of(replay.graph, last)
    if last.name and first.name and stem(first.name) == stem(last.name) != last.name:
        return f"{stem(last.name)}[t]"
    return last.name or "the input of step t"


# ------------------------------------------------------------------------ passes


EdgeRule = Callable[[Any, Any], Any]
"""What an edge does to what arrives at its node, given all that has arrived so far."""

ALONE = 0.2
"""How much more far-fetched it is that something goes wrong for one gradient alone."""


def nothing(x: Any) -> EdgeRule:
    """Return the rule that sends nothing back to an operand."""
    return lambda *_: np.zeros(np.shape(x))


def plain(rule: Rule) -> EdgeRule:
    """Return a rule that goes by what arrives at its own node alone."""
    return lambda g, _: rule(g)


def _alone(rule: EdgeRule, arrived: Mapping[str, Any]) -> Rule:
    return lambda g: rule(g, arrived)


EVERY = "at every step, "


class Slip(NamedTuple):
    """The same mistake at every step: in words, how far-fetched, and the rules that make it."""

    title: str
    cost: float
    rules: Mapping[Edge, EdgeRule]
    kind: str = ""
    where: str = EVERY

    def candidate(self, replay: Replay) -> Candidate:
        """Return the mistake in a pass."""
        predict = made_at_each(replay, self.rules)
        return Candidate(self.where + self.title, self.cost, predict=predict, kind=self.kind)


def made_at_each(replay: Replay, rules: Mapping[Edge, EdgeRule]) -> Callable[[Target], Any]:
    """Return what predicts gradients; those of a leaf alone need no pass."""
    present = {edge: rule for edge, rule in rules.items() if edge in replay.parts}
    keys = {replay.operand(edge) for edge in present}
    if len(keys) == 1 and replay.graph[key := keys.pop()].kind == "parameter":

        def instead() -> Any:
            return sum(
                replay.sent(edge, replay.gradients[edge[0]], _alone(rule, replay.gradients))
                for edge, rule in present.items()
            )

        return Made(replay, key, instead, lambda: replay.total(list(present)))
    found: dict[str, dict[str, Array]] = {}

    def predict(target: Target) -> Any:
        key = target.id
        if not any(key in known for known in found.values()):
            try:
                with np.errstate(all="ignore"):
                    found[key] = replay.rerun(rules, key)
            except (ValueError, TypeError, IndexError):
                found[key] = {}
        return next((known[key] for known in found.values() if key in known), None)

    return AnotherPass(predict)


@dataclass(frozen=True, eq=False)
class Into:
    """The way on to a tensor that all steps use, from where something goes wrong for it alone.

    All of it sends `part` to the node `key`, by the rules `below` of each step.
    """

    replay: Replay
    key: str
    part: Any
    below: Sequence[Sequence[Rule]]

    def candidate(self, slip: Slip) -> Candidate:
        """Return the mistake with other rules at one operation of every step."""
        replay = self.replay

        def instead() -> Any:
            total: Any = 0.0
            for (edge, rule), below in zip(slip.rules.items(), self.below, strict=False):
                if edge[0] in replay.gradients:
                    g = replay.gradients[edge[0]]
                    g = replay.sent(edge, g, _alone(rule, replay.gradients))
                    for further in below:
                        g = further(g)
                    total = total + g
            return total

        name = text_of(replay.graph, replay.graph[self.key])
        title = f"{slip.where}{slip.title}, in what comes back to {name} alone"
        made = Made(replay, self.key, instead, self.part)
        return Candidate(title, slip.cost + ALONE, predict=made, kind=slip.kind)

    def further(self, rules: Sequence[Rule]) -> Into:
        """Return the way on from one operation further up."""
        below = [[rule, *others] for rule, others in zip(rules, self.below, strict=True)]
        return replace(self, below=below)
