"""Mistakes with what arrives at one step, and with what it sends: another power, one row, 1."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    Step,
    activations,
    added_up,
    always,
    given,
    is_product,
    scaled,
    steps,
    times,
    viewed,
)
from autograd_lite.check.mistakes.made import Made, only, replaced, wrong
from autograd_lite.check.mistakes.registry import Candidate, Case, Target, mistake, same
from autograd_lite.check.mistakes.replay import Edge, Replay
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.graph import Node


@mistake("other power", "The derivative of a power, an absolute value or a sum is of another form.")
def other_power(case: Case, target: Target) -> Iterator[Candidate]:
    """Put |x|, x², sign(x), or a sum in the place of x, where a step sends a multiple of it."""
    for step in steps(case, target):
        x = np.asarray(step.replay.values[step.operand.id], float)
        part = step.replay.parts.get(step.edge)
        if step.operand.kind != "parameter" or len(step.node.operands) > 2:
            continue
        if part is None or np.shape(part) != x.shape or x.size < 2:
            continue
        name = text_of(step.replay.graph, step.operand)
        forms = {
            name: x,
            f"|{name}|": np.abs(x),
            f"sign({name})": np.sign(x),
            f"{grouped(name)} ** 2": x * x,
            f"sum({name})": np.full_like(x, x.sum()),
            f"mean({name})": np.full_like(x, x.mean()),
        }
        forms |= _of_matrix(name, x)
        text, c = next(
            ((t, c) for t, form in forms.items() if (c := _multiple(part, form))), ("", 0.0)
        )
        if not c:
            continue
        twice = step.node.operands.count(step.operand.id)
        for other, form in forms.items():
            if other != text:
                yield Candidate(
                    f"{other} stands in place of {text} in what comes back to {name} from "
                    f"{step.name}",
                    0.9,
                    predict=Made(step.replay, step.operand.id, c * twice * form, twice * part),
                )
        if text == name:
            title = (
                f"sign({name}) stands in place of 2 * {grouped(name)} in what comes back to {name} "
            )
            title += f"from {step.name}: the derivative of |{name}|, not of its square"
            half = c * twice / 2 * np.sign(x)
            made = Made(step.replay, step.operand.id, half, twice * part)
            yield Candidate(title, 0.9, predict=made)


def _of_matrix(name: str, x: Any) -> dict[str, Any]:
    """Return what may stand in the derivative of a determinant, an inverse or a trace."""
    if x.ndim != 2 or x.shape[0] != x.shape[1] or abs(np.linalg.det(x)) < 1e-12:
        return {}
    inverse, unit, name = np.linalg.inv(x), np.eye(len(x)), grouped(name)
    return {
        f"inv({name}).T": inverse.T,
        f"inv({name})": inverse,
        f"{name}.T": x.T,
        f"the diagonal of {name}": unit * x,
        "the unit matrix": unit,
        f"the unit matrix / det({name})": unit / np.linalg.det(x),
    }


def _multiple(part: Any, form: Any) -> float | None:
    """Return the number by which one is a multiple of the other."""
    size = float(np.sum(form * form))
    if not size or not np.isfinite(size):
        return None
    c = float(np.sum(part * form)) / size
    return c if c and same(np.asarray(part, float), c * form) else None


@mistake("stretched", "What was stretched forwards is summed backwards, over all of it.")
def stretched(case: Case, target: Target) -> Iterator[Candidate]:
    """Take the mean of what comes back to what was used for each of several."""
    for step in steps(case, target, once=True):
        g, x, wide = step.replay.gradients[step.node.id], step.operand, step.primitive.entrywise
        layout = (*(1,) * (g.ndim - len(x.shape)), *x.shape)
        before = g.ndim - len(x.shape) if step.is_product or wide else 0
        axes = [k for k, n in enumerate(g.shape) if k < before or (wide and layout[k] < n)]
        alone = x.id == target.id and len(step.replay.graph.consumers(x)) == 1  # A factor of all.
        column = wide and g.ndim == 2 and x.shape == (len(g), 1)
        table = (g.ndim > 2 or column) and (x.shape or x.id == target.id)
        if g.size > 1 and axes and (table or (wide and not x.shape and not alone)):
            count = int(np.prod([g.shape[k] for k in axes]))
            title = (
                f"what comes back to {text_of(step.replay.graph, x)} from {step.name} is averaged "
                f"over the {count} that it was used for, not summed"
            )
            yield step.candidate(title, 0.75, always(step.rule(g / count)))


@mistake("one row only", "Every row of the batch counts.")
def one_row_only(case: Case, target: Target) -> Iterator[Candidate]:
    """Count a single row of the batch, as a loop leaves behind that overwrites; or all in each."""
    for word, pool in (("sum", np.sum), ("mean", np.mean)) if target.right.ndim > 1 else ():
        rows = np.broadcast_to(pool(target.right, axis=0), target.right.shape)
        title = f"every row gets the {word} of all rows"
        yield Candidate(title, 1.0, predict=only(target, rows))
    yield from _rows_only(case, target)
    for step in steps(case, target):
        inner = step.primitive is ops.matmul and step.operand.id != target.id
        for which, kept in added_up(step.replay, step.edge) if inner else ():
            to, g = text_of(step.replay.graph, step.operand), step.replay.gradients[step.node.id]
            title = f"only {which} comes back to {to} from {step.name}: overwritten, not added up"
            yield step.candidate(title, 1.0, given(step.rule, g * kept))


def _rows_only(case: Case, target: Target) -> Iterator[Candidate]:
    """Count a single row."""
    replay = case.replay
    turned = [x.id for x in replay.users(target.id) if x.primitive is ops.transpose]
    alike: dict[Any, list[Edge]] = {}
    for edge in replay.edges():
        node = replay.graph[edge[0]]
        used = replay.graph[node.operands[edge[1]]]
        if used.id in (target.id, *turned) and node.id not in turned and node.shape:
            yield from _some_rows(replay, edge, node, target)
        elif is_product(node) and node.shape and viewed(replay.graph, used).id == target.id:
            alike.setdefault((node.primitive, node.shape), []).append(edge)
    for (_, shape), edges in alike.items():
        for which, k in (("last", -1), ("first", 0)) if len(edges) > 1 < shape[0] else ():
            kept = np.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)) == k % shape[0]
            rules = {e: given(replay.rule(e), kept * replay.gradients[e[0]]) for e in edges}
            title = (
                f"at every use of {target.name}, only the {which} row of what arrives counts: "
                f"overwritten for each sample in place of added up"
            )
            yield Candidate(title, 1.0, predict=wrong(replay, rules))


def _some_rows(replay: Replay, edge: Edge, node: Node, target: Target) -> Iterator[Candidate]:
    g, rule, at = replay.gradients[node.id], replay.rule(edge), text_of(replay.graph, node)
    axes = range(node.value.ndim)
    varied = [k for k in axes if not same(g, np.broadcast_to(g.mean(k, keepdims=True), g.shape))]
    for several in itertools.chain.from_iterable(
        itertools.combinations(varied, n) for n in range(1, len(varied) + (len(varied) < 5))
    ):
        one = len(several) == 1
        if one and several[0] == len(axes) - 1 > 0:
            continue  # Those are columns of the target.
        row = "row" if several == (0,) else f"slice along axis {several[0]}"
        if not one:
            row = f"entry along axes {', '.join(map(str, several))}"
        far = 0.1 * sum(several) if one else 0.15 * len(several)
        there_is = g.any(tuple(k for k in axes if k != several[0]))
        if one and np.count_nonzero(there_is) < min(3, there_is.size):
            far += 1.2  # One of two that a mask lets through is that by chance.
        for which, k in (("last", -1), ("first", 0)):
            only, others = np.ones((2, *node.shape), bool)
            for axis in several:
                there = np.arange(node.shape[axis]) == k % node.shape[axis]
                there = there.reshape([-1 if i == axis else 1 for i in axes])
                only, others = only & there, others & ~there
            n, whose = node.shape[several[0]], f"{which} {row} of the gradient at {at}"
            overwritten = f"overwritten for each {'sample' if one else 'of them'}"
            # By that factor, a single number is as well that of one row.
            chance = np.count_nonzero(target.right) < 2
            for kept, title, cost in (
                (only, f"only the {whose} counts: {overwritten} in place of added up", 0.9),
                (n * only, f"only the {whose} counts, times {n}: {overwritten}", 0.9 + 2 * chance)
                if one
                else (others, f"the {whose} is left out", 1.3),
            ):  # fmt: skip
                made = wrong(replay, {edge: given(rule, kept * g)})
                yield Candidate(title, cost + far, predict=made)


@mistake("another's numbers", "The gradient of one tensor was stored as that of another.")
def anothers_numbers(case: Case, target: Target) -> Iterator[Candidate]:
    """Find the gradient, or the value, of another tensor."""
    replay = case.replay
    if target.hand.size < 2:
        return
    here = target.name
    for node in replay.graph:
        value = np.asarray(replay.values[node.id])
        text = text_of(replay.graph, node)
        g = replay.gradients.get(node.id)
        both = g is not None and np.array_equal(g, value)  # As of half a sum of squares.
        if value.shape == target.hand.shape and value.dtype.kind == "f" and not both:
            for word, form in (("", value), ("minus ", -value)):
                title = f"{word}the value of {text} was given for the gradient of {here}"
                yield Candidate(
                    title, 0.6 if node.id == target.id else 1.6, predict=only(target, form)
                )
        longer = g is not None and g.shape[1:] == target.hand.shape[1:] and g.ndim
        if g is not None and longer and len(g) > len(target.hand) > 1:
            title = (
                f"the first {len(target.hand)} of the gradient of {text} were given for that of "
                f"{here}"
            )
            yield Candidate(title, 1.3, predict=only(target, g[: len(target.hand)]))
        if g is not None and node.id != target.id and g.shape == target.hand.shape:
            yield Candidate(
                f"the gradient of {text} was given for that of {here}",
                0.9 if node.name and np.ptp(g) > 1e-9 * np.abs(g).max() else 1.3,  # By chance.
                predict=only(target, g),
            )


@mistake("factors missing", "Several factors in a row were dropped.")
def factors_missing(case: Case, target: Target) -> Iterator[Candidate]:
    """Skip several products in a row."""
    replay = case.replay
    for step in steps(case, target):
        square = step.node.shape == step.operand.shape and step.node.value.size > 1
        if step.other is not None and step.is_matrix_product and square:
            title = (
                f"the factor {text_of(replay.graph, step.other)} is left out on the way back from "
                f"{step.name}"
            )
            yield step.candidate(title, 0.85, lambda g: g, "factor missing")
        texts: list[str] = []
        here = step
        while len(texts) < 4:
            divides = here.primitive is ops.divide and here.edge[1] == 0
            other = replay.graph[here.node.operands[1]] if divides else here.other
            if other is None or not here.primitive.entrywise or here.primitive is ops.add:
                break
            if not (here.primitive is ops.multiply or divides):
                break
            if here.node.shape != here.operand.shape:
                break
            name = text_of(replay.graph, other)
            texts.append(f"1 / {grouped(name)}" if divides else name)
            g = replay.gradients[here.node.id]
            made, one = replaced_path(replay, step, g), len(texts) == 1
            cost, kind = 0.95 if one and not other.shape else 0.68, "factor missing" if one else ""
            yield Candidate(_missing(texts), cost, predict=made, kind=kind)
            above = [e for e in replay.edges() if replay.operand(e) == here.node.id]
            if len(above) != 1:
                break
            node = replay.graph[above[0][0]]
            assert node.primitive is not None
            here = Step(replay, above[0], node, here.node, node.primitive)


def _missing(texts: list[str]) -> str:
    if len(texts) == 1:
        return f"the factor {texts[0]} is missing"
    return f"the factors {' and '.join(reversed(texts))} are missing"


def replaced_path(replay: Replay, step: Step, g: Any) -> Made:
    """Send what arrives further up along an edge, as it is."""
    return Made(replay, step.operand.id, lambda: g, lambda: replay.parts[step.edge])


# ------------------------------------------------------------------------ what arrives


@mistake("upstream left out", "The chain rule multiplies by what arrives from above, dL/da.")
def upstream_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Begin in the middle: 1 in place of what arrives at a tensor, as if that were the loss."""
    replay = case.replay
    if target.id not in replay.gradients or target.hand.dtype.kind != "f":
        return
    graph, end = replay.graph, replay.graph.outputs[0]
    keys = dict.fromkeys([target.id, *(step.node.id for step in steps(case, target))])
    for key in keys:
        node, value, g = graph[key], np.asarray(replay.values[key]), replay.gradients[key]
        number = g.size > 1 or key != target.id  # One number for all is a factor that is missing.
        if number and (g == g.flat[0]).all():
            continue
        made = replaced(replay, key, np.ones_like(value))
        if node is end or value.dtype.kind != "f":
            continue
        if not made.comes_to_nothing(target):  # That it is left out is simpler.
            text = text_of(graph, node)
            title = f"1 is given for the gradient at {text}: what arrives there is left out"
            yield Candidate(title, 0.95 if node.name else 1.05, predict=made)


@mistake("minus left out", "What is subtracted gets the negative of what arrives.")
def minus_left_out(case: Case, target: Target) -> Iterator[Candidate]:
    """Send what arrives at a difference to what is subtracted in it, as it is."""
    for step in steps(case, target, once=True):
        if step.primitive is ops.subtract and step.edge[1] == 1:
            title = f"the minus before {text_of(step.replay.graph, step.operand)} is left out"
            yield step.candidate(title, 1.0, times(1.0))

    through = list(activations(case, target))
    for step in through:
        twins = [x for x in through if x.primitive is step.primitive and x.node is not step.node]
        behind = step.replay.behind
        if any(
            x.node.id not in behind(step.node.id) and step.node.id not in behind(x.node.id)
            for x in twins
        ):
            title = f"what comes back through {step.name} is subtracted, not added"
            yield step.candidate(title, 0.77, scaled(step.rule, -1.0, divide=False))


@mistake("term elsewhere", "All that arrives at an activation goes through its derivative.")
def term_elsewhere(case: Case, target: Target) -> Iterator[Candidate]:
    """Add one of several terms after an activation's derivative, not before it, or reversed."""
    for step in activations(case, target):
        replay, graph, rule = step.replay, step.replay.graph, step.rule
        g, inside = replay.gradients[step.node.id], {step.edge, *step.others}
        for to, after in ((step.node, True), (step.operand, False)):
            found = [
                edge
                for edge in replay.edges()
                if replay.operand(edge) == to.id and edge not in inside
            ]
            for edge in found if len(found) > after else ():
                part, right = replay.parts[edge], np.asarray(rule(g))
                if np.shape(part) != right.shape:
                    continue
                wrong = rule(g - part) + part if after else rule(g + part) - part
                words = ("after", "before") if after else ("before", "after")
                source = text_of(graph, graph[edge[0]])
                title = (
                    f"what comes back to {text_of(graph, to)} from {source} is added {words[0]} "
                    f"the derivative of the {step.function}, not {words[1]} it"
                )
                yield Candidate(title, 0.95, predict=Made(replay, step.operand.id, wrong, right))


@mistake("rows of a gradient", "Row i of a gradient belongs to row i of the data.", last=True)
def rows_of_a_gradient(case: Case, target: Target) -> Iterator[Candidate]:
    """Reverse the rows of a gradient, shift them by one, or take the first for all."""
    replay = case.replay
    for key in dict.fromkeys(step.node.id for step in steps(case, target, once=True)):
        g = replay.gradients[key]
        for axis, n in enumerate(g.shape):
            for words, moved in (
                ("reversed", np.flip(g, axis)),
                ("all taken from the first", np.repeat(g.take([0], axis), n, axis)),
                ("shifted by one", np.roll(g, 1, axis)),
                ("shifted by one", np.roll(g, -1, axis)),
            ) if n > 1 + (g.ndim < 3) else ():  # fmt: skip
                if 2 * np.count_nonzero(np.isclose(moved, g, rtol=1e-9)) > g.size:
                    continue  # Of so few entries, another mistake may make the same.
                noun = ("rows", "columns")[axis] if g.ndim < 3 else f"slices along axis {axis}"
                title = (
                    f"the {noun} of the gradient at {text_of(replay.graph, replay.graph[key])} are "
                    f"{words}"
                )
                yield Candidate(title, 3.5 + 0.1 * axis, predict=replaced(replay, key, moved))
