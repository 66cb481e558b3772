"""What is picked by an index, and put back in another place or not added; scores computed twice."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Step, scaled, steps
from autograd_lite.check.mistakes.made import Made
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Array,
    Candidate,
    Case,
    Mistake,
    Target,
    mistake,
    remembered,
    same,
)
from autograd_lite.check.mistakes.repeated import loops, recurrent
from autograd_lite.check.mistakes.replay import Replay, Rule
from autograd_lite.check.mistakes.terms import term_text, terms_alone
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.graph import Node
from autograd_lite.graph.nodes import Nodes

ASSIGNED = ": = in place of +="


@mistake("overwritten, not added", "What is picked twice gets the sum of both: np.add.at(d, i, g).")
def overwritten(case: Case, target: Target) -> Iterator[Candidate]:
    """Put the gradients of picked entries back with an assignment."""
    picking: dict[str, list[Step]] = {}
    for step in steps(case, target):
        if step.primitive is ops.getitem and step.node.value.size:
            count = np.asarray(step.rule(np.ones(step.node.shape)))
            last, mean = _assigned(step), scaled(step.rule, np.maximum(count, 1), divide=True)
            g = step.replay.gradients[step.node.id]
            says = (
                "what comes back, the same each time, counts once"
                if same(np.asarray(last(g)), np.asarray(mean(g)))
                else f"only the last gradient counts{ASSIGNED}"
            )
            title = f"where {step.name} picks an entry several times, {says}"
            yield step.candidate(title, 0.8, last)
            title = (
                f"what comes back to {text_of(step.replay.graph, step.operand)} is divided by how "
                f"often an entry was picked"
            )
            yield step.candidate(title, 0.9 if np.ptp(count[count > 0]) else 1.6, mean)
            picking.setdefault(step.operand.id, []).append(step)
            yield from _elsewhere(step)
            total = step.replay.gradients[step.operand.id]
            for end, alone in terms_alone(step.replay).items():
                part = alone.gradients[step.operand.id]
                again = total + (count - 1) * part
                if step.node.id not in alone.behind(end.id) and not same(again, total):
                    title = (
                        f"the term {term_text(step.replay, end)} of the loss is added for each "
                        f"time that {step.name} picks an entry"
                    )
                    made = Made(step.replay, step.operand.id, again, total)
                    yield Candidate(title, 1.3, predict=made, kind="term of the loss")
            if not same(total, step.replay.parts[step.edge]):
                to = text_of(step.replay.graph, step.operand)
                title = f"what comes back from {step.name} overwrites what {to} got from elsewhere"
                over = Made(step.replay, step.operand.id, _assigned(step, total), total)
                yield Candidate(title + ASSIGNED, 1.0, predict=over)
    for key, picked in picking.items():
        if len(picked) > 1:
            yield from _windows(picked, key)
        for one, two in itertools.combinations(picked if len(picked) <= MOST_PIECES else (), 2):
            if one.node.shape == two.node.shape and _apart(one, two):
                yield _exchanged(one, two)
        yield from _row_by_row(picked, key)


def _apart(one: Step, two: Step) -> bool:
    """Return whether two pieces have no entry in common, and are not those of steps in a loop."""
    ones, inside = np.ones(one.node.shape), recurrent(one.replay)
    both = sum(_added_at(x, x.node.parameters["index"])(ones) for x in (one, two))
    return bool(np.max(both) == 1) and not {one.node.id, two.node.id} & set(inside)


def _exchanged(one: Step, two: Step) -> Candidate:
    """Put what comes back to one piece where the other is: gates in another order."""
    replay = one.replay

    def instead() -> Any:
        return sum(
            _added_at(x, other.node.parameters["index"])(replay.gradients[x.node.id])
            for x, other in ((one, two), (two, one))
        )

    made = Made(replay, one.operand.id, instead, lambda: replay.total([one.edge, two.edge]))
    title = f"what comes back to {one.name} and to {two.name} is exchanged"
    return Candidate(title, 1.0, predict=made, kind="another index")


def _elsewhere(step: Step) -> Iterator[Candidate]:
    """Put what was picked back where another index points, or everywhere."""
    replay, to = step.replay, text_of(step.replay.graph, step.operand)
    g, index = replay.gradients[step.node.id], step.node.parameters["index"]
    if g.size > 1 and not np.ptp(g):
        title = f"every entry of {to} gets the gradient of those that {step.name} picks"
        yield step.candidate(title, 0.9, _everywhere(step), "another index")
    picks = [x for x in replay.graph if x.primitive is ops.getitem and x.shape == g.shape]
    picks = picks if len(picks) <= MOST_PIECES else []  # As in a loop over places.
    others: list[tuple[str, float, Any]] = [
        (f"where {text} picks: another index", 1.2, other)
        for text, other in (
            *((text_of(replay.graph, node), node.parameters["index"]) for node in picks),
            *((text, _of_rows(x, g.shape[: 1 + g.ndim - step.operand.value.ndim]))
              for x, text, _ in indices(replay)),
        )
        if other is not None
    ]  # fmt: skip
    *before, by = index if isinstance(index, tuple) else (index,)
    plain = not any(x is None or x is Ellipsis for x in before)
    if plain and isinstance(by, np.ndarray) and by.dtype.kind in "iu" and by.ndim:
        for off, words in ((1, "too large (counted from 1)"), (-1, "too small (counted from 0)")):
            moved = (*before, (by + off) % step.operand.shape[len(before)])
            others.append(
                (f"where an index that is 1 {words} points", 1.15 if before else 0.75, moved)
            )
        rows = np.arange(len(by)).reshape(-1, *(1,) * (by.ndim - 1)) + 0 * by
        others.append(("row after row, without the index", 1.15, (*before, rows)))
        for d in range(0 if before else by.ndim):
            title = f"the gradient at the first of {step.name} along axis {d} is used for all"
            if np.ptp(by, axis=d).any():
                rule = partial(_of_the_first, step.rule, d)
                yield step.candidate(title, 1.15, rule, "another index")
    if isinstance(index, tuple) and len(index) == 2:
        largest = step.operand.value.argmax(-1)
        text = "at the largest entry of each row: the argmax, not the label"
        others.append((text, 1.15, (index[0], largest)))
        text = "back with row and column exchanged: the transposed index"
        others.append((text, 0.9, index[::-1]))
        columns = "in whole columns: d[:, y] = ... in place of d[arange(n), y] = ..."
        title = f"what belongs to the entries of {to} that {step.name} picks is put {columns}"
        whole = _assigned(step, at=(slice(None), index[1]))
        yield step.candidate(title, 0.9, whole, "another index")
    if isinstance(index, np.ndarray) and index.dtype.kind in "iu" and index.ndim > 1:
        first = np.repeat(index[:, :1], index.shape[1], axis=1)
        others.append(("where the first of its row was picked", 1.15, first))
        others.append(("in reversed order in each row", 1.15, index[:, ::-1]))
    for k, x in enumerate(index) if isinstance(index, tuple) else ():
        if isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.size:
            for word, one in (("first", x.flat[0]), ("last", x.flat[-1])):
                for_all = (*index[:k], np.full_like(x, one), *index[k + 1 :])
                title = f"the index of the {word} is used for all entries that {step.name} picks"
                yield step.candidate(title, 1.15, _added_at(step, for_all), "another index")
    for where, cost, other in others:
        if repr(other) != repr(index) and _fits(step, other, g):
            title = f"what belongs to the entries of {to} that {step.name} picks is put {where}"
            yield step.candidate(title, cost, _added_at(step, other), "another index")


def _of_the_first(rule: Rule, axis: int, g: Array) -> Any:
    return rule(np.repeat(np.take(g, [0], axis), g.shape[axis], axis))


def _of_rows(index: Array, shape: tuple[int, ...]) -> Array | None:
    """Return an index that has an entry for each row of a table, for all of the table."""
    if index.shape != shape[: index.ndim]:
        return None
    return np.broadcast_to(index.reshape(index.shape + (1,) * (len(shape) - index.ndim)), shape)


def _fits(step: Step, index: Any, g: Array) -> bool:
    try:
        return bool(np.shape(step.operand.value[index]) == g.shape)
    except IndexError:
        return False


@remembered
def indices(replay: Replay) -> Iterator[tuple[Array, str, str]]:
    """Return the arrays by which tensors are picked, what picks by them, and what they are."""
    for node in replay.graph:
        index = node.parameters.get("index") if node.primitive is ops.getitem else None
        for x in index if isinstance(index, tuple) else (index,):
            if isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.ndim:
                text = text_of(replay.graph, node)
                yield x, text, f"the index by which {text} is picked"
                for k, column in enumerate(x.T if x.ndim == 2 else ()):
                    yield column, f"column {k} of {text}", f"column {k} of what {text} is picked by"


def _everywhere(step: Step) -> Any:
    return lambda g: np.full(step.operand.shape, g.flat[0])


def _added_at(step: Step, index: Any) -> Any:
    def rule(g: Any) -> Any:
        filled = np.zeros(step.operand.shape)
        np.add.at(filled, index, g)
        return filled

    return rule


MISTAKES["another index"] = Mistake(
    "another index", "What is picked forwards is put back with the same index."
)


def _assigned(step: Step, over: Any = 0.0, at: Any = None) -> Any:
    def rule(g: Any = step.replay.gradients[step.node.id]) -> Any:
        filled = np.zeros(step.operand.shape) + over
        filled[step.node.parameters["index"] if at is None else at] = g
        return filled

    return rule


def _windows(picked: Sequence[Step], key: str) -> Iterator[Candidate]:
    """Assign what comes back from windows that overlap, or from one, in place of adding it."""
    replay = picked[0].replay
    if all(step.node.value.size == np.size(replay.values[key]) for step in picked):
        return  # Each is all of it, as ``X[:, None]`` and ``X[None]``.
    to = text_of(replay.graph, replay.graph[key])
    step_of = {node.id: k for loop in loops(replay) for nodes in loop.classes
               for k, node in enumerate(nodes)}  # fmt: skip

    alike = [some for loop in loops(replay) for nodes in loop.classes
             if 1 < len(some := [x for x in picked if x.node in nodes]) < len(picked)]  # fmt: skip

    def of_step(step: Step) -> tuple[str, Any]:
        return repr(step.node.parameters["index"]), step_of.get(step.node.id, step)

    def events(order: Sequence[Step]) -> Iterator[Event]:
        for _, alike in itertools.groupby(order, of_step):
            some = list(alike)  # Picked twice in one step, it is assigned once.
            g = sum(replay.gradients[step.node.id] for step in some)
            yield some[0].node.parameters["index"], g, some[0]

    in_turn = partial(_in_turn, picked, key)
    each = {repr(x.node.parameters["index"]): x for x in picked}.values()
    apart = sum(x.rule(np.ones(x.node.shape)) for x in each).max() <= 1
    forwards, from_the_end = "each overwrites what came before", "only the first of them counts"
    for order, how in ((picked[::-1], from_the_end), (picked, forwards)):
        title = f"where the pieces of {to} overlap, {how}{ASSIGNED}"
        cost = 0.82 if apart else 0.62  # Likelier than that nothing comes back from one of them.
        yield Candidate(title, cost, predict=in_turn(partial(events, order), picked))
        for some in [[one] for one in order[1:]] + alike if 2 < len(picked) <= MOST_PIECES else ():
            every, one = ("at every step, ", some[-1]) if len(some) > 1 else ("", some[0])
            title = f"{every}what comes back to {to} from {one.name} overwrites what came before"
            yield Candidate(title + ASSIGNED, 0.95, predict=in_turn(partial(events, order), some))


Event = tuple[Any, Any, Step]
"""An index, what is put there, and what has picked it."""


def _in_turn(
    picked: Sequence[Step], key: str, events: Callable[[], Iterator[Event]],
    assigned: Sequence[Step], *, once: bool = False,
) -> Made:  # fmt: skip
    """Put back what was picked, one after the other: some is assigned, or added `once` an entry."""
    replay = picked[0].replay

    def instead() -> Array:
        filled = np.zeros(np.shape(replay.values[key]))
        for index, g, step in events():
            if step in assigned:
                filled[index] = filled[index] + g if once else g
            else:
                np.add.at(filled, index, g)
        return filled

    return Made(replay, key, instead, lambda: replay.total([step.edge for step in picked]))


MOST_PIECES = 10
"""Of how many pieces each may overwrite what came before."""


def _row_by_row(picked: Sequence[Step], key: str) -> Iterator[Candidate]:
    """Put back what the rows of a batch pick in a loop over them, in which some is not added."""
    replay, tables = picked[0].replay, [step.node.parameters["index"] for step in picked]
    if not all(isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.ndim for x in tables):
        return
    n, to = min(map(len, tables)), text_of(replay.graph, replay.graph[key])
    if not 0 < n <= MOST_ROWS or any(len(x) % n for x in tables):
        return

    def events(order: Sequence[Step]) -> Iterator[Event]:
        for row, step in itertools.product(range(n), order):
            index, g = step.node.parameters["index"], replay.gradients[step.node.id]
            each = len(index) // n  # More than one in a loop inside that of the rows.
            for k in range(row * each, (row + 1) * each):
                yield index[k], g[k], step

    in_turn = partial(_in_turn, picked, key)
    for one, index in zip(picked, tables, strict=True):
        if index.ndim > 1:
            once = f"what {one.name} picks several times in a row counts once in it"
            made = in_turn(partial(events, picked), [one], once=True)
            yield Candidate(f"{once}: d[i] += g in place of np.add.at", 0.95, predict=made)
        title = f"row by row, what comes back to {to} from {one.name} overwrites what came before"
        for order in (picked, picked[::-1]) if len(picked) > 1 else ():
            yield Candidate(title + ASSIGNED, 0.95, predict=in_turn(partial(events, order), [one]))


MOST_ROWS = 200
"""Of how many rows a loop is gone through."""


# ------------------------------------------------------------------------ scores computed twice


FEWEST_CLASSES = 3


@remembered
def picked(replay: Replay) -> Iterator[Replay]:
    """Return the pass in which what is one of several scores, by its value, is picked from them.

    As in ``logsumexp(U @ v) - U[o] @ v``: on paper, all scores have one gradient.
    """
    graph, changed = list(replay.graph), False
    tables = [x for x in graph if x.shape[-1:] >= (FEWEST_CLASSES,) and x.id in replay.gradients]
    for node in replay.graph:
        made_of = node.primitive in (ops.sum, ops.matmul, ops.einsum)
        pick = _pick(replay, node, tables) if made_of and node.id in replay.gradients else None
        if pick is None:
            continue
        graph.remove(node)
        after = max(graph.index(replay.graph[pick.operands[0]]) + 1, replay.position[node.id])
        if any(graph.index(user) < after for user in replay.graph.consumers(node)):
            return
        graph.insert(after, pick)
        changed = True
    if changed:
        new = copy.copy(replay.graph)
        Nodes.__init__(new, graph, [x.id for x in replay.graph.outputs], replay.graph.held)
        yield Replay(new, replay.values)


def _pick(replay: Replay, node: Node, tables: Sequence[Node]) -> Node | None:
    """Return the pick from a table that is equal to a node, if there is exactly one."""
    value = np.asarray(replay.values[node.id])
    for table in tables if value.ndim < 2 else ():
        if table.shape[:-1] != value.shape:
            continue
        if node.id in replay.behind(table.id) or table.id in replay.behind(node.id):
            continue
        equal = np.isclose(replay.values[table.id], value[..., None], rtol=1e-9, atol=0)
        if (equal.sum(axis=-1) == 1).all() and table.value.dtype.kind == "f":
            at = equal.argmax(axis=-1)
            index = (np.arange(len(at)), at) if value.ndim else int(at)
            return replace(
                node, primitive=ops.getitem, operands=(table.id,), parameters={"index": index}
            )
    return None
