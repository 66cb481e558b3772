"""A computation as a story in steps: forward, value by value, then backward, part by part.

Every step says in a sentence what happens, with the formula and with the numbers put in. A step is
a mapping with these keys: ``phase`` (start, forward, backward, end), ``box``, ``edges``, the boxes
whose ``values`` and ``grads`` are known from then on, ``caption``, and ``lines`` of pieces. A
piece is ``{"text": …}``, or numbers: ``{"rows": …, "factor": …, "grad": …}``. What travels along
the edges is ``cargo``; ``parts`` has a box and how many of how many parts of its gradient are in.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.notation import ATOM, PRODUCT, SUM
from autograd_lite.draw import digits
from autograd_lite.draw.fold import Box, Fold, members
from autograd_lite.draw.formulas import applied, cut, elsewhere, is_inline
from autograd_lite.draw.local_derivatives import (
    GRADIENT,
    Leaf,
    Local,
    core,
    local,
    names_of,
    times,
    written,
)
from autograd_lite.draw.page.entry import Pieces, number, one_entry, text
from autograd_lite.draw.scene import Scene
from autograd_lite.graph import Node
from autograd_lite.graph.cotangents import Cotangents, Use
from autograd_lite.ops.writing import Written

MOST_PARTS = 8  # Of a gradient that are written out.
Step = dict[str, Any]
LONGEST, LONGEST_RULE = 60, 100  # Of a formula in a sentence, and on a line of its own.
MOST_IN_THE_END = 12  # Gradients that are listed in the last step.
MOST_ROUNDS = 40  # Steps through the rounds of a loop that are not drawn.
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass
class Story:
    """Writes the steps of one scene."""

    scene: Scene
    cotangents: Cotangents
    steps: list[Step] = field(default_factory=list)  # From the start to the end.
    locals: dict[Use, Local] = field(default_factory=dict)  # The local derivatives that were shown.
    order: list[Box] = field(default_factory=list)  # The boxes, operands before results.

    def __post_init__(self) -> None:
        self.graph, self.home = self.scene.graph, self.scene.plan.home
        self.position = {node.id: i for i, node in enumerate(self.graph)}
        root = self.graph.outputs[0]
        one = len(self.graph.outputs) == 1
        self.root = self.scene.titles.get(root.id, "L") if one else "L"
        self.waiting = dict.fromkeys(self.position, 0)
        for key, i in self.cotangents.parts:
            self.waiting[self.graph[key].operands[i]] += 1
        self.total = dict(self.waiting)
        self.parts: dict[str, list[Any]] = {}
        self.into: dict[str, list[list[str]]] = {}
        self.carried = {start for start, _ in self.scene.plan.back()}
        self._write()

    def _write(self) -> None:
        boxes = self.scene.plan.boxes
        leaves = [box.id for box in boxes if isinstance(box, Node) and box.primitive is None]
        leaf = set(leaves)
        made = sorted((box for box in boxes if box.id not in leaf), key=self._last)
        self.order = [box for box in boxes if box.id in leaf] + made
        for start, end in self.scene.plan.edges():
            self.into.setdefault(end, []).append([start, end])
        given = "The inputs and the parameters are given; everything else will be computed."
        self._step("start", None, given, values=leaves)
        for looped, together in groupby(made, key=self._is_looped):
            row = list(together)
            if looped:
                self._other_rounds_forward(row)
            for box in row:
                self._forward(box)
        if not self.cotangents.arrived:
            self._step("end", None, "Nothing here requires a gradient, so there is no way back.")
            return
        self._seed()
        for looped, together in groupby(reversed(made), key=self._is_looped):
            row = list(together)
            for box in row:
                if isinstance(box, Fold):
                    self._through_fold(box)
                else:
                    self._backward(box)
            if looped:
                self._other_rounds_backward(row)
        self._end()

    def _is_looped(self, box: Box) -> bool:
        return box.id in self.scene.plan.steps

    def _rounds(self, boxes: Sequence[Box]) -> list[tuple[str, list[Node]]]:
        """Return the rounds that are not drawn, of boxes in a loop: a step tells of one, or some.

        If the loop has loops in it, one step tells of all.
        """
        columns = [self.scene.plan.steps[box.id] for box in boxes]
        count = max(map(len, columns))
        together = 1 if any(len(column) != count for column in columns) else MOST_ROUNDS
        stops = [count * i // min(count, together) for i in range(min(count, together) + 1)]
        return [
            (
                f"round{'s' * (b - a > 1)} {f'{a + 1:,} to ' * (b - a > 1)}{b:,} of {count + 1:,}",
                sorted(
                    (x for column in columns for x in (column if together == 1 else column[a:b])),
                    key=lambda node: self.position[node.id],
                ),
            )
            for a, b in pairwise(stops)
        ]

    def _states(self, boxes: Sequence[Box], nodes: Sequence[Node]) -> list[tuple[str, Node]]:
        """Return what the last of some rounds hands on, with its name."""
        inside = {node.id for node in nodes}
        found = []
        for box in boxes:
            own = [x for x in self.scene.plan.steps[box.id] if x.id in inside]
            if box.id in self.carried and own:
                found.append((self.scene.names.get(own[-1].id) or self.name(own[-1]), own[-1]))
        return found

    def _other_rounds_forward(self, boxes: Sequence[Box]) -> None:
        for which, nodes in self._rounds(boxes):
            lines = [[*text(f"{name} = "), *number(node.value)]
                     for name, node in self._states(boxes, nodes)]  # fmt: skip
            caption = f"Forward: {which} of the loop, with {len(nodes):,} operations."
            self._step("forward", boxes[-1].id, caption, lines=lines)

    def _other_rounds_backward(self, boxes: Sequence[Box]) -> None:
        """Send the gradient through the rounds that are not drawn, from the last to the first."""
        rounds = self._rounds(boxes)
        inside = {node.id for _, nodes in rounds for node in nodes}
        drawn = set(self.scene.plan.edges())
        for which, nodes in reversed(rounds):
            arrived = self.cotangents.arrived
            lines = [
                [*text(f"∂{self.root}/∂{name} = "), *number(arrived[node.id], grad=True)]
                for name, node in self._states(boxes, nodes) if node.id in arrived
            ]  # fmt: skip
            reached = self._pass_through(list(reversed(nodes)), inside)
            to = listed([self.name(self.graph[x]) for x in reached])
            caption = (
                f"Backward: through {which} of the loop the gradient passes in the same way"
                f"{f', and goes to {to}' if to else ''}."
            )
            grads = [self.home[key] for key in reached if not self.waiting[key]]
            edges = [(self.home[key], boxes[-1].id) for key in reached if key in self.home]
            shown = [list(edge) for edge in edges if edge in drawn]
            self._step("backward", boxes[-1].id, caption, edges=shown, grads=grads, lines=lines)

    def _last(self, box: Box) -> int:
        return max(self.position[node.id] for node in members(box))

    def _step(self, phase: str, box: str | None, caption: str, **more: Any) -> None:
        empty: Step = {"edges": [], "values": [], "grads": [], "lines": []}
        self.steps.append({"phase": phase, "box": box, "caption": caption, **empty, **more})

    def name(self, node: Node) -> str:
        """Return what a value is called in a sentence."""
        return self.scene.called.get(node.id, Written("a folded value")).text

    def partial(self, node: Node) -> str:
        """Write the gradient of a node: ``∂loss/∂w``."""
        name = self.scene.called.get(node.id, Written("…"))
        text = name.text if re.fullmatch(r"[\w.\[\]…]+", name.text) else f"({name.text})"
        return f"∂{self.root}/∂{text}"

    # -------------------------------------------------------------- forward

    def _forward(self, box: Box) -> None:
        edges = self.into.get(box.id, [])
        if isinstance(box, Fold):
            caption = f"Forward: {len(box.nodes):,} operations are computed, folded into one box."
            self._step("forward", box.id, caption, edges=edges, values=[box.id])
            return
        names = [self.name(self.graph[start]) for start, _ in edges if start in self.position]
        title, formula = self.scene.titles.get(box.id), self.scene.formulas.get(box.id, "")
        what = f"{title} is computed as {formula}" if title else f"{formula} is computed"
        source = f", from {listed(names)}" if names else ""
        lines = [[*text(f"{title or formula} = "), *self._numbers_in(box), *text(" = "),
                  *number(box.value)]]  # fmt: skip
        caption = f"Forward: {what}{source}."
        self._step("forward", box.id, caption, edges=edges, values=[box.id], lines=lines)

    def _numbers_in(self, node: Node) -> Pieces:
        """Write an operation with numbers in place of its operands."""
        assert node.primitive is not None
        slots = _Slots()
        operands = [
            elsewhere(x) if is_inline(x) else slots.put(x.value) for x in self.graph.operands(node)
        ]
        return slots.pieces(applied(node.primitive, node.parameters, operands).text)

    # -------------------------------------------------------------- backward

    def _seed(self) -> None:
        outputs = list(dict.fromkeys(self.graph.outputs))
        name = listed([self.name(node) for node in outputs])
        what = name if outputs[0].shape == () and len(outputs) == 1 else f"the sum of {name}"
        caption = (
            f"Backward: how does {what} change when something else does? Beside itself it "
            f"changes exactly as much, so its own gradient is 1."
        )
        root = outputs[0]
        own = self.cotangents.arrived.get(root.id, np.ones(()))
        lines = [[*text(f"{self.partial(root)} = "), *number(own, grad=True)]]
        boxes = [self.home[node.id] for node in outputs if node.id in self.cotangents.arrived]
        known = [self.home[n.id] for n in outputs if not self.waiting[n.id]]
        self._step("backward", boxes[0], caption, grads=known, lines=lines)

    def _backward(self, node: Node) -> None:
        """Send the gradient of a result to each of its operands."""
        for i, operand in enumerate(self.graph.operands(node)):
            part = self.cotangents.parts.get((node.id, i))
            if part is None:
                continue
            g = self.cotangents.arrived[node.id]
            rule = self.locals[node.id, i] = local(self.graph, node, i, g)
            self._arrives(operand.id, part)
            caption = f"Backward: {self._sentence(node, i, rule)}{self._count(operand)}"
            lines = [self._rule_line(node, operand, rule), self._number_line(rule, g, part)]
            lines.append(one_entry(rule, g, np.asarray(part)))
            if rule.passes:
                lines[0] += [*text(" = "), *number(part, grad=True)]
            total, done = self.total[operand.id], not self.waiting[operand.id]
            more: dict[str, Any] = {"cargo": cargo(part)}
            if total > 1:
                lines.append(self._sum_line(operand))
                arrived = total - self.waiting[operand.id]
                more["parts"] = [self.home[operand.id], arrived, total]
            self._step(
                "backward", node.id, caption, edges=self._edge(operand, node),
                grads=[self.home[operand.id]] * done, lines=[line for line in lines if line],
                **more,
            )  # fmt: skip

    def _arrives(self, key: str, part: Any) -> None:
        """Note a part of the gradient of a node."""
        self.waiting[key] -= 1
        self.parts.setdefault(key, []).append(part)

    def _pass_through(self, nodes: Sequence[Node], inside: Collection[str]) -> list[str]:
        """Note all parts that some nodes send; return which values outside they go to."""
        reached: dict[str, None] = {}
        for node in nodes:
            for i, key in enumerate(node.operands):
                if (node.id, i) in self.cotangents.parts:
                    self._arrives(key, self.cotangents.parts[node.id, i])
                    if key not in inside:
                        reached[key] = None
        return list(reached)

    def _edge(self, start: Node, end: Node) -> list[list[str]]:
        return [[self.home[start.id], self.home[end.id]]]

    def _sentence(self, node: Node, i: int, rule: Local) -> str:
        """Say what one step does to the gradient."""
        operand = self.graph.operands(node)[i]
        to, by = self.name(operand), rule.text(self.scene.called)
        if rule.factor is not None:
            if rule.is_one:
                twice = node.operands.count(operand.id) > 1
                use = "through this one use, " if twice else ""
                entry = "an entry of " if operand.shape != node.shape else ""
                return (
                    f"{use}{self.name(node)} changes by as much as {entry}{to} does, so its "
                    f"gradient goes back to {to} unchanged."
                )
            return (
                f"the gradient of {self.name(node)}, times the local derivative "
                f"{cut(by.removeprefix('× '), LONGEST)}, goes to {to}."
            )
        assert node.primitive is not None
        if node.primitive.sentence:
            left = [self.name(x) for j, x in enumerate(self.graph.operands(node)) if j != i]
            return node.primitive.sentence.format(y=self.name(node), x=to, others=listed(left))
        if rule.rule is not None and core(rule.rule).operation is ops.sum:
            return (
                f"{to} goes into several entries of {self.name(node)}, so what comes back from "
                f"them is summed."
            )
        return (
            f"the rule of {node.primitive.name} turns the gradient of {self.name(node)} into "
            f"that of {to}."
        )

    def _count(self, operand: Node) -> str:
        """Say how many parts of a gradient have come together."""
        total, left = self.total[operand.id], self.waiting[operand.id]
        if total < 2:
            return ""
        name = self.name(operand)
        if not left:
            return f" It is the last of {total} parts; together they are the gradient of {name}."
        nth = total - left - 1
        which = ORDINALS[nth] if nth < len(ORDINALS) else f"{nth + 1}th"
        return f" It is the {which} of {total} parts, because {name} is used {total} times."

    def _rule_line(self, node: Node, operand: Node, rule: Local) -> Pieces:
        """Write the rule in symbols."""
        if rule.rule is None:
            return []

        called = {**self.scene.called, GRADIENT: Written(self.partial(node))}
        shown = self._whole(rule, None, names_of(called))
        if len(shown) > LONGEST_RULE:
            times = f"{self.partial(node)} × local derivative"
            shown = times if rule.factor is not None else f"rule of {node.label}"
        part = " (a part)" if self.total[operand.id] > 1 else ""
        return text(f"{self.partial(operand)}{part} = {shown}")

    def _number_line(self, rule: Local, g: Any, part: Any) -> Pieces:
        """Write the rule with the numbers put in."""
        if rule.rule is None:
            return [*text("= "), *number(part, grad=True)]
        slots = _Slots()
        if rule.passes:
            return []
        long = len(rule.text(self.scene.called)) > LONGEST_RULE
        if long and rule.factor is None:
            return [*text("= "), *number(part, grad=True)]
        if rule.factor is not None and (long or np.size(g) > 1):
            shown = f"{slots.put(g, grad=True).text} × {slots.put(rule.value).text}"
        else:
            shown = self._whole(rule, g, lambda name, x: slots.put(x, grad=name == GRADIENT))
        return [*text("= "), *slots.pieces(shown), *text(" = "), *number(part, grad=True)]

    def _whole(self, rule: Local, g: Any, leaf: Leaf) -> str:
        """Write a rule: the gradient first, where it is multiplied with something."""
        if rule.factor is None:
            return written(rule.rule, leaf).text
        if rule.is_one:
            return leaf(GRADIENT, g).text
        factor = times(written(rule.factor, leaf))
        return f"{leaf(GRADIENT, g).text} {factor}"

    def _sum_line(self, operand: Node) -> Pieces:
        """Write how the parts of a gradient add up, as far as they are in."""
        line = text(f"{self.partial(operand)} = ")
        parts = self.parts[operand.id]
        if len(parts) > MOST_PARTS:
            line += text(f"{len(parts) - MOST_PARTS:,} parts + ")
            parts = parts[-MOST_PARTS:]
        for k, part in enumerate(parts):
            line += [*text(" + " if k else ""), *number(part, grad=True)]
        if self.waiting[operand.id]:
            return [*line, *text(" + …")]
        return [*line, *text(" = "), *number(self.cotangents.arrived[operand.id], grad=True)]

    def _through_fold(self, fold: Fold) -> None:
        """Send the gradient through a fold in one step."""
        inside = {node.id for node in fold.nodes}
        outside = self._pass_through(fold.nodes, inside)
        if not outside:
            return
        to = listed([self.name(self.graph[key]) for key in outside])
        caption = f"Backward: through {len(inside):,} folded operations, the gradient goes to {to}."
        grads = [self.home[key] for key in outside if not self.waiting[key]]
        edges = [self._edge(self.graph[key], fold.nodes[-1])[0] for key in outside]
        self._step("backward", fold.id, caption, edges=edges, grads=grads)

    def _end(self) -> None:
        """Say what has been found, and what it is for."""
        trained = [node for node in self.graph if node.kind == "parameter"]
        found = [node for node in trained if node.id in self.scene.called]
        names, arrived = [self.name(node) for node in found], self.cotangents.arrived
        lines = [
            [*text(f"{self.partial(node)} = "), *number(arrived[node.id], grad=True)]
            for node in found[:MOST_IN_THE_END] if node.id in arrived
        ]  # fmt: skip
        if not names:
            caption = "Done: every gradient is known."
        else:
            one = len(names) == 1
            caption = (
                f"Done: {listed(names)} {'has its gradient' if one else 'have their gradients'}. "
                f"A step of gradient descent moves {'it' if one else 'each'} against its gradient, "
                f"so that {self.root} gets smaller."
            )
        self._step("end", None, caption, lines=lines)


class _Slots:
    """Arrays on their way into a formula: marks stand for them until it is written."""

    def __init__(self) -> None:
        self.arrays: list[Pieces] = []

    def put(self, value: Any, *, grad: bool = False) -> Written:
        """Return a mark for an array."""
        self.arrays.append(number(value, grad=grad))
        shown = "".join(piece.get("text", "") for piece in self.arrays[-1])
        product = "×" in shown and not shown.startswith("[")  # Not the shape of a large array.
        rank = SUM if shown.startswith("−") else PRODUCT if product else ATOM
        return Written(f"\ue000{len(self.arrays) - 1}\ue001", rank)

    def pieces(self, shown: str) -> Pieces:
        """Put the arrays in place of their marks."""
        parts = re.split("\ue000(\\d+)\ue001", shown)
        found: Pieces = []
        for i, part in enumerate(parts):
            found += self.arrays[int(part)] if i % 2 else text(part)
        return found


def cargo(part: Any) -> str:
    """Write a gradient on its way: the number, or the shape of several."""
    array = np.asarray(part)
    if array.size == 1:
        return digits.number(array)
    return "×".join(map(str, array.shape)) if array.ndim > 1 else f"length {array.size}"


def listed(names: Sequence[str]) -> str:
    """Write names as a list in a sentence, the first ones only if there are many."""
    kept = list(dict.fromkeys(names))
    if len(kept) > 6:
        kept = [*kept[:5], f"{len(kept) - 5:,} more"]
    return " and ".join(filter(None, [", ".join(kept[:-1]), *kept[-1:]]))
