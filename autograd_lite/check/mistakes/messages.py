"""Mistakes in the messages and the pairs of a chain: the backward algorithm of an HMM or a CRF.

On paper, what comes back to ``a_t = logsumexp(a_{t-1} + scores)`` is a probability,
``exp(a_t + b_t - log Z)``, with messages b that are computed by a recursion of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import VIEWS, AnotherPass, run_once, text_of
from autograd_lite.check.mistakes.registry import (
    Array,
    Candidate,
    Case,
    Target,
    mistake,
    remembered,
    same,
)
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.softmax import logarithms
from autograd_lite.graph import Node


@dataclass(frozen=True, eq=False)
class Chain:
    """States in a row, ``a_0`` to ``a_T``, each a logsumexp of the one before and of scores.

    Of each step but the first, `pairs` is what that is of, if `turned` with the states that are
    come from as columns, and `terms` the scores in their parts; ``a_0`` is the sum of `start`.
    """

    states: list[Node]
    pairs: list[Node]
    turned: bool
    terms: list[dict[str, Array]]
    start: list[Array]


@remembered
def _chains(replay: Replay) -> Iterator[Chain]:
    """Return the chain of a computation, if it has one: logsumexps of tables in a row."""
    graph, found = replay.graph, list(logarithms(replay))
    steps = [x for x in found if len(x[0].shape) == 2 != len(x[1].shape)]
    ends = [x for x, *_ in found if len(x.shape) == 1]
    chain = Chain([], [], bool(steps and steps[0][2]), [], [])

    def add(nodes: Sequence[Node], shape: tuple[int, ...]) -> None:
        for node in nodes:
            table = np.broadcast_to(replay.values[node.id], shape)
            name = re.sub(r"\d+\]$", "t]", text_of(graph, node))
            chain.terms[-1][name] = table.T if chain.turned and len(node.shape) == 2 else table

    sent: Node | None = None
    for x, node, axis in steps:
        parts = _parts(replay, x)
        states = [
            (part, y)
            for part in parts
            if len(part.shape) == 2 and part.shape[axis] > 1 == part.shape[1 - axis]
            and (y := _viewed(replay, part)).id in replay.gradients
            and (sent is None or sent.id in replay.behind(y.id))
        ]  # fmt: skip
        if len(states) != 1 or x.shape[0] != x.shape[1] or bool(axis) != chain.turned:
            return
        (part, state), before = states[0], sent
        if before is not None:
            add([y for y in _parts(replay, state) if y is not before], x.shape)
        chain.states.append(state)
        chain.pairs.append(x)
        chain.terms.append({})
        add([y for y in parts if y is not part], x.shape)
        sent = node
    last = [x for x in ends if sent is not None and sent.id in replay.behind(x.id)]
    if len(steps) < 2 or not last:
        return
    add([y for y in _parts(replay, last[0]) if y is not sent], chain.pairs[-1].shape)
    chain.states.append(last[0])
    chain.start.extend(np.asarray(replay.values[y.id]) for y in _parts(replay, chain.states[0]))
    if len({tuple(terms) for terms in chain.terms}) == 1:
        yield chain


def _parts(replay: Replay, node: Node) -> list[Node]:
    """Return what a node is the sum of."""
    if node.primitive is not ops.add:
        return [node]
    return [part for x in replay.graph.operands(node) for part in _parts(replay, x)]


def _viewed(replay: Replay, node: Node) -> Node:
    """Return what a node is a view of all of."""
    while node.primitive in VIEWS:
        inner = replay.graph[node.operands[0]]
        if np.size(inner.value) != np.size(node.value):
            break
        node = inner
    return node


Scores = list[dict[str, Array]]
Edit = tuple[str, Scores]


def _edited(chain: Chain) -> Iterator[Edit]:
    """Yield other scores of each step: without a part, or with one that is transposed or old."""
    for name, last in chain.terms[-1].items():
        each = [terms[name] for terms in chain.terms]
        others = [("left out", [0 * x for x in each])]
        if not same(last, last.T) and np.ptp(last, axis=0).any():
            others.append(("transposed", [x.T for x in each]))
        if not same(each[0], last):
            for first in chain.start:
                before = [np.broadcast_to(first, last.shape), *each[:-1]]
                others.append(("that of the step before", before))
        for words, tables in others:
            changed = [{**terms, name: x} for terms, x in zip(chain.terms, tables, strict=True)]
            yield f"{name} is {words}", changed


def _sum(terms: dict[str, Array]) -> Any:
    return sum(terms.values())


def _messages(scores: Scores, axis: int = 1) -> list[Array]:
    """Return what each state gets from those after it: ``logsumexp(scores + b)``."""
    found = [np.zeros(len(_sum(scores[0])))]
    for terms in reversed(scores):
        table = _sum(terms) + found[0]
        found.insert(0, ops.logsumexp.forward(table, axis=axis, keepdims=False))
    return found


@mistake("messages", "b_t = logsumexp(scores_{t+1} + b_{t+1}); pairs have a_{t-1}, scores and b_t.")
def wrong_messages(case: Case, target: Target) -> Iterator[Candidate]:
    """Miswrite the recursion of the messages, or the probabilities of the pairs."""
    del target
    yield from _of_chains(case.replay)


@remembered
def _of_chains(replay: Replay) -> Iterator[Candidate]:
    for chain in _chains(replay):
        a = [np.asarray(replay.values[x.id]) for x in chain.states]
        total = ops.logsumexp.forward(a[-1], axis=0, keepdims=False)
        b, c = _messages(chain.terms), float(replay.gradients[chain.states[-1].id].sum())

        def pairs(scores: Scores, b: Any, a: Any = a, total: Any = total) -> list[Array]:
            steps = zip(a, scores, b[1:], strict=False)
            return [np.exp(x[:, None] + _sum(terms) + y - total) for x, terms, y in steps]

        double = pairs(chain.terms, b)
        single = [np.exp(x + y - total) for x, y in zip(a, b, strict=True)]
        right = [c * (x.T if chain.turned else x) for x in double]
        if not all(
            same(replay.gradients[x.id], g) for x, g in zip(chain.pairs, right, strict=True)
        ):
            continue

        def made(
            title: str, single: Any, double: Any, chain: Chain = chain, c: float = c
        ) -> Candidate:
            given = {x.id: c * p for x, p in zip(chain.states, single, strict=True)}
            for x, p in zip(chain.pairs, double, strict=True):
                given[x.id] = c * (p.T if chain.turned else p)
            run = run_once(lambda: Replay(replay.graph, replay.values, given).gradients)
            return Candidate(title, 1.0, predict=AnotherPass(run))

        to = "in the message from each step to the one before"
        others = [(f"{to}, {words}", _messages(scores)) for words, scores in _edited(chain)]
        others += [
            (f"{to}, the sum is over the states that are come from", _messages(chain.terms, 0)),
            ("no messages from further steps are handed on", _one_step(chain.terms)),
        ]
        for title, wrong in others:
            alone = [np.exp(x + y - total) for x, y in zip(a, wrong, strict=True)]
            yield made(title, alone, pairs(chain.terms, wrong))
            yield made(f"{title}, and not for pairs", alone, double)
        for words, values in (("the messages from the steps after are", a), *_alone(chain)):
            alone = [ops.softmax.forward(x, axis=0) for x in values]
            yield made(f"{words} left out: each step has a softmax of its own", alone, double)
        at = "in the probabilities of the pairs"
        for words, scores in _edited(chain):
            yield made(f"{at}, {words}", single, pairs(scores, b))
        zero = [0 * x for x in a]
        for words, tables in (
            ("the messages from the steps after are left out", pairs(chain.terms, zero)),
            ("what comes from the steps before is left out", pairs(chain.terms, b, zero)),
            ("the state is that after the step, not before", pairs(chain.terms, b, a[1:])),
            ("the message is that to the step before", pairs(chain.terms, [b[0], *b[:-1]])),
            ("both states are taken as independent", list(map(np.outer, single, single[1:]))),
        ):
            yield made(f"{at}, {words}", single, tables)


def _one_step(scores: Scores) -> list[Array]:
    """Return messages that go one step."""
    found = [ops.logsumexp.forward(_sum(x), axis=1, keepdims=False) for x in scores]
    return [*found, 0 * found[-1]]


def _alone(chain: Chain) -> Iterator[tuple[str, list[Array]]]:
    """Yield the scores of each state by itself."""
    for name, table in chain.terms[-1].items():
        if not np.ptp(table, axis=0).any():
            each = [terms[name][0] for terms in chain.terms]
            for first in chain.start:
                yield f"all but {name} is", [np.broadcast_to(first, each[0].shape), *each]
