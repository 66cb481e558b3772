"""Mistakes with the terms of a sum: a path or a term of the loss left out, scaled, overwritten."""

from __future__ import annotations

import collections
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import compositions
from autograd_lite.check.mistakes.made import AnotherPass, Made, only
from autograd_lite.check.mistakes.reasons import another_number, numbers, reason, scalars, shown
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Candidate,
    Case,
    Mistake,
    Target,
    digits,
    mistake,
    more,
    same,
)
from autograd_lite.check.mistakes.repeated import loops
from autograd_lite.check.mistakes.replay import Edge, Replay, part_of, recompute_all
from autograd_lite.check.mistakes.terms import ADDING, term_text, terms
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.check.mistakes.written_out import SILU
from autograd_lite.graph import Node


def _without(replay: Replay, edges: Sequence[Edge]) -> Made:
    """Return the mistake that nothing comes back along some edges to one node."""
    part = replay.total(edges)
    return Made(replay, replay.operand(edges[0]), lambda: np.zeros_like(part), lambda: part)


def scaled_path(
    case: Case, target: Target, key: str, part: Any, path: str, cost: float, kind: str,
    scaled: str = "factor on a path", use: str = "",
) -> Iterator[Candidate]:  # fmt: skip
    """Solve for the factor of one of several terms: `path` sends `part` back to the node `key`.

    That it is left out costs `cost` and is a mistake of one kind; a factor, of another. The path
    is that from the node `use` of it, if it is of one.
    """
    made = Made(case.replay, key, lambda: part, lambda: part)
    factor = made.factor(target)
    near = max(1e-6, digits(target.hand))
    if factor is None or abs(factor - 1) < near:
        return
    single = np.count_nonzero(target.hand) < 2  # It is always some multiple of another.
    cost += 0.2 * single
    if abs(factor) < near:
        factor, title, price = 0.0, f"{path} is left out", cost
    elif abs(factor + 1) < near:
        factor, title, price = -1.0, f"{path} has its sign flipped", cost + 0.05
    else:
        origin = key if kind == "term of the loss" or np.size(part) == 1 else None
        at, flipped, size = (origin, use or key), "", factor
        why = reason(case, factor, *at)
        if factor < 0 and why == reason(case, -factor, *at):  # Which is of its size alone.
            flipped, size = "its sign flipped, and ", -factor
        says = why[0] if why else another_number(case, size)
        if (single and not (why and why[1] <= SURE)) or not (
            says or (np.count_nonzero(target.hand) > 2 and np.size(part) > 1)
        ):
            return
        title = f"{path} has {flipped}a factor {shown(size)}"
        title += f": {says}" if says else ""
        price = cost + (0.3 + why[1] if why else 1.8)
    yield Candidate(title, price, predict=made.times(factor), kind=scaled if factor else kind)


SURE = 0.1
"""A factor that is explained so well is told from a single number: a 2."""


@mistake("path missing", "What is used twice gets the sum of what comes back from both.")
def path_missing(case: Case, target: Target) -> Iterator[Candidate]:
    """Leave out what comes back along one of several paths, or give it a factor."""
    replay = case.replay
    composed = {
        edge
        for step in compositions(case, target)
        if step.primitive is not SILU  # That is a product, and derived as one.
        for edge in (step.edge, *step.others)
    }
    yield from _at_a_tensor(case, replay, target)
    for operand, uses in _several_uses(replay, target):
        to = text_of(replay.graph, operand)
        parts = {node.id: replay.total(edges) for node, edges in uses}
        called = _apart(replay, [node for node, _ in uses])
        for node, edges in uses:
            path = f"what comes back to {to} from {called[node.id]}"
            part = parts[node.id]
            # Half of x * x, say, is a factor 2.
            half = any(key != node.id and same(part, other) for key, other in parts.items())
            alike = half or _in_proportion(part, replay.gradients[operand.id])
            # Nobody derives an activation that is written out piece by piece.
            cost = 0.65 + 0.5 * composed.issuperset(edges) + 0.7 * alike
            yield Candidate(f"{path} is left out", cost, predict=_without(replay, edges))
            value = np.asarray(replay.values[operand.id])
            if value.ndim and value.dtype.kind == "f":
                title = f"{path} has a factor {to} too many"
                sent = Made(replay, operand.id, part * value, part)
                yield Candidate(title, 1.1, predict=sent, kind="factor on a path")
            kind = "path missing"
            for made in scaled_path(case, target, operand.id, part, path, cost, kind, use=node.id):
                reasoned = ": " in made.title or not made.title.rpartition(" factor ")[1]
                if not made.title.endswith("left out") and (reasoned or not alike):
                    yield made
        for (one, _), (two, _) in itertools.permutations(uses, 2) if len(uses) < 5 else ():
            yield Candidate(
                f"what comes back to {to} from {called[one.id]} is there twice, and "
                f"that from {called[two.id]} not at all",
                1.1,
                predict=Made(replay, operand.id, parts[one.id], parts[two.id]),
            )
        if len(uses) > 2:
            of_loops = [[use for use in uses if use[0] in nodes]
                        for loop in loops(replay) for nodes in loop.classes]  # fmt: skip
            for some in [uses, *(x for x in of_loops if 2 < len(x) < len(uses))]:
                yield from _some_steps(replay, operand, some, to)
            yield from _of_one_kind(case, target, operand, uses, to)


def _apart(replay: Replay, nodes: Sequence[Node]) -> dict[str, str]:
    """Return what nodes are called; those that are called alike, with what they are used in."""
    texts = {node.id: text_of(replay.graph, node) for node in nodes}
    for text, count in collections.Counter(texts.values()).items():
        alike = [node for node in nodes if texts[node.id] == text]
        around, told = alike, 1
        for _ in range(MOST_AROUND if count > 1 else 0):
            around = [(replay.graph.consumers(x) or [x])[0] for x in around]
            inside = [text_of(replay.graph, x) for x in around]
            if told < len(set(inside)) and "loss" not in inside:
                texts.update({x.id: f"{text}, in {y}," for x, y in zip(alike, inside, strict=True)})
                told = len(set(inside))
    same_again: dict[str, list[str]] = {}
    for key, text in texts.items():
        same_again.setdefault(text, []).append(key)
    for text, keys in same_again.items():
        for k, key in enumerate(keys if len(keys) > 1 else (), 1):
            texts[key] = f"{text.rstrip(',')}, use {k} of {len(keys)},"
    return texts


MOST_AROUND = 4
"""So far is looked for what tells two equal expressions apart."""


def _at_a_tensor(case: Case, replay: Replay, target: Target) -> Iterator[Candidate]:
    """Flip the sign of all that comes back to a named tensor, give it a factor, or leave it out."""
    for node in replay.graph:
        g = replay.gradients.get(node.id)
        if g is None or not node.name or node.primitive is None or node.id == target.id:
            continue
        if target.id in replay.behind(node.id) and node is not replay.graph.outputs[0]:
            path = f"what comes back to {node.name}"
            uses = sum(x.id in replay.gradients for x in replay.graph.consumers(node))
            for made in scaled_path(case, target, node.id, g, path, 1.26, "path missing"):
                before, _, factor = made.title.split(":")[0].partition(" a factor ")
                if uses > 1 and factor == shown(1 / uses) and "flipped" not in before:
                    made.title = f"{path} is averaged over its {uses} uses, which add up"
                    made.cost = 1.15
                elif factor:
                    made.cost += 0.19
                elif made.title.endswith("left out"):
                    made.title = f"nothing is sent on from {node.name}: it is taken as a constant"
                yield made


def _in_proportion(part: Any, total: Any) -> bool:
    """Return whether a path gives all entries the same share: then one factor says it simpler."""
    size = float(np.sum(total * total))
    share = float(np.sum(part * total)) / size if size else 0.0
    return np.size(total) > 1 and bool(np.allclose(part, share * total, rtol=1e-9, atol=0))


def _several_uses(
    replay: Replay, target: Target
) -> Iterator[tuple[Node, list[tuple[Node, list[Edge]]]]]:
    """Yield every node that gets gradients from several places, with these."""
    by_operand: dict[str, dict[str, list[Edge]]] = {}
    for edge in reversed(replay.edges()):
        key = replay.operand(edge)
        by_operand.setdefault(key, {}).setdefault(edge[0], []).append(edge)
    for key, all_uses in by_operand.items():
        uses = {x: edges for x, edges in all_uses.items() if _carries(replay, edges)}
        if len(uses) > 1 and target.id in replay.behind(key):
            yield replay.graph[key], [(replay.graph[x], edges) for x, edges in uses.items()]


def _carries(replay: Replay, edges: Sequence[Edge]) -> bool:
    """Return whether anything comes back: behind ``x - max(x)``, the maximum gets nothing."""
    part = np.abs(replay.total(edges)).max(initial=0.0)
    keys = [replay.operand(edges[0]), *(edge[0] for edge in edges)]
    size = max(np.abs(replay.gradients[key]).max(initial=0.0) for key in keys)
    return bool(part > 1e-12 * size)


def _some_steps(
    replay: Replay, operand: Node, uses: Sequence[tuple[Node, list[Edge]]], to: str
) -> Iterator[Candidate]:
    """Of what is used again and again, keep one step only."""
    total = replay.total([edge for _, edges in uses for edge in edges])
    parts = [replay.total(edges) for _, edges in uses]
    n = len(parts)

    for i in (0, n - 1, *range(1, n - 1))[:40]:
        which = "the first use" if i == 0 else "the last use" if i == n - 1 else "one use"
        yield Candidate(
            f"only what comes back to {to} from {which}, {text_of(replay.graph, uses[i][0])}, is "
            f"there: overwritten in place of added up",
            0.9 if i in (0, n - 1) else 1.0,
            predict=Made(replay, operand.id, parts[i], total),
            kind="overwritten, not added",
        )


def _of_one_kind(
    case: Case, target: Target, operand: Node, uses: Sequence[tuple[Node, list[Edge]]], to: str
) -> Iterator[Candidate]:
    """Leave out all uses of one kind: those by the same operation, or in one term of the loss."""
    replay = case.replay
    kinds = dict.fromkeys(node.primitive for node, _ in uses if node.primitive)
    piece = {ops.getitem: "piece of it"}
    groups = [
        (f"each {piece.get(x, x.name)}", 0.8, {n.id for n, _ in uses if n.primitive is x})
        for x in kinds
    ]
    ends = terms(replay) if operand.primitive is not None else []
    named = [(x, text) for x in ends if "…" not in (text := term_text(replay, x))]
    groups += [(f"the term {text}", 0.59, set(replay.behind(x.id))) for x, text in named]
    known: set[tuple[Edge, ...]] = set()
    for source, cost, some_of in groups:
        edges = tuple(edge for node, some in uses if node.id in some_of for edge in some)
        if edges not in known and 1 < len(edges) < sum(len(some) for _, some in uses):
            known.add(edges)
            path = f"what comes back to {to} from {source}"
            part = replay.total(edges)
            yield from scaled_path(case, target, operand.id, part, path, cost, "path missing")


# ------------------------------------------------------------------------ terms of the loss


@mistake("term of the loss", "The gradient of a sum is the sum of the gradients of its terms.")
def term_missing(case: Case, target: Target) -> Iterator[Candidate]:
    """Leave out a term of the loss, or give it a factor."""
    replay = case.replay
    called: dict[str, list[Node]] = {}
    for node in sorted(found := terms(replay), key=replay.graph.index):
        called.setdefault(grouped(text_of(replay.graph, node)), []).append(node)
    for node in found:
        if target.id in replay.behind(node.id):
            text, alike = next((text, some) for text, some in called.items() if node in some)
            which = f", {alike.index(node) + 1} of {len(alike)} alike," if len(alike) > 1 else ""
            path = f"the term {text}{which} of the loss"
            part = replay.gradients[node.id]
            cost = 0.58 if node.name else 0.63 if node.primitive in ADDING else 0.6
            yield from scaled_path(case, target, node.id, part, path, cost, "term of the loss")


@more("term of the loss")
def several_terms(case: Case, target: Target) -> Iterator[Candidate]:
    """Give several terms of the loss one factor: both of the regularisers, say."""
    replay, gap = case.replay, np.zeros(())
    if target.fits:
        gap = target.hand - target.right
    if gap.size < 3 or not np.isfinite(gap).all():
        return
    found = terms(replay)
    ends = [x for x in found if not any(y is not x and y.id in replay.behind(x.id) for y in found)]
    added = {x: replay.added(x.id, replay.gradients[x.id]) for x in ends[:MOST_TOGETHER]}
    added = {x: parts for x, parts in added.items() if target.id in parts}
    yield from _exchanged(case, target, added, gap)
    together = (itertools.combinations(added, count) for count in range(2, len(added)))
    for some in itertools.chain(*together):
        parts = [added[x] for x in some]
        part = sum(np.asarray(one[target.id]) for one in parts)
        size = float(np.sum(part * part))
        factor = 1 + float(np.sum(gap * part)) / size if size else 1.0
        why = reason(case, abs(factor))
        if abs(factor) < 1e-9:
            says = "are left out"
        elif abs(factor + 1) < 1e-9:
            says = "have their signs flipped"
        elif abs(abs(factor) - 1) > 1e-9 and why is not None:
            says = f"have a factor {shown(factor)}: {why[0]}"
        else:
            continue
        named = " and ".join(grouped(text_of(replay.graph, x)) for x in some)

        def predict(other: Target, parts: Any = parts, factor: float = factor) -> Any:
            return other.right + (factor - 1) * sum(one.get(other.id, 0) for one in parts)

        yield Candidate(f"the terms {named} of the loss {says}", 0.9, predict=AnotherPass(predict))


def _exchanged(case: Case, target: Target, added: Any, gap: Any) -> Iterator[Candidate]:
    """Solve for the factors of two terms: that of the other, as ``1 - c`` for ``c``, or known."""
    known = {*numbers(case), *(k for _, k, _ in scalars(case))} - {1.0}
    ratios = [k / other for k, other in itertools.permutations(known, 2)]
    ratios += [times * ratio for ratio in ratios for times in (0.5, 2.0)]  # As of q / 2.
    ratios += [ratio for k in known for ratio in (k / (1 - k), (1 - k) / k)]
    for (x, one), (y, two) in itertools.combinations(added.items(), 2):
        sides = np.array([one[target.id].ravel(), two[target.id].ravel()])
        if target.hand.size < 4 or np.linalg.matrix_rank(sides) < 2:
            continue
        a, b = 1 + np.linalg.lstsq(sides.T, gap.ravel(), rcond=None)[0]
        named = " and ".join(term_text(case.replay, node) for node in (x, y))
        whys = [reason(case, factor) for factor in (a, b) if factor > 0 and abs(factor - 1) > 1e-6]
        if abs(a * b - 1) < 1e-7 and any(abs(ratio - a) < 1e-7 * abs(a) for ratio in ratios):
            title = f"the factors of the terms {named} of the loss are exchanged"
        elif all(whys) and len(whys) == 2 and abs(a - b) > 1e-7 * abs(a):
            title = f"the terms {named} of the loss have the factors {shown(a)} and {shown(b)}: "
            title += ", and ".join(why[0] for why in whys if why)
        else:
            continue

        def predict(other: Target, one: Any = one, two: Any = two, a: Any = a, b: Any = b) -> Any:
            right = other.right
            return right + (a - 1) * one.get(other.id, 0) + (b - 1) * two.get(other.id, 0)

        yield Candidate(title, 0.9, predict=AnotherPass(predict))


MOST_TOGETHER = 5
"""Of how many terms several are looked at together."""


@mistake("term too many", "Only what is in the loss has a gradient: a regulariser, say.")
def term_too_many(case: Case, target: Target) -> Iterator[Candidate]:
    """Find a multiple of the tensor itself, or of its signs, that is there besides."""
    replay = case.replay
    if not target.fits:
        return
    x, besides = np.asarray(replay.values[target.id], float), target.hand - target.right
    yield from _of_another(case, target, x)
    if x.shape != besides.shape or np.count_nonzero(x) < 3 or not np.isfinite(besides).all():
        return
    for form, value in ((target.name, x), (f"sign({target.name})", np.sign(x))):
        if (value == value.flat[0]).all() or _in_proportion(target.right, value):
            continue  # A constant is not a regulariser's gradient, and a factor says it simpler.
        c = float(np.sum(besides * value) / np.sum(value * value))
        added = c * value
        chosen = float(f"{c:.3g}")
        c = chosen if abs(c - chosen) < 1e-6 * abs(c) else c
        why = ": a regulariser that the loss does not have" if c == chosen else ""
        alike = any(_in_proportion(part, value) for part in _of_terms(replay, target))
        if c and same(target.right + added, target.hand) and not alike:
            title = f"{shown(c)} * {form} is added, which is not a term of this gradient{why}"
            yield Candidate(title, 1.3, predict=only(target, target.right + added))


def _of_terms(replay: Replay, target: Target) -> list[Any]:
    """Return what each term of the loss sends to a tensor."""
    sent = [replay.added(node.id, replay.gradients[node.id]) for node in terms(replay)]
    return [parts[target.id] for parts in sent if target.id in parts]


def _of_another(case: Case, target: Target, x: Any) -> Iterator[Candidate]:
    """Apply to this tensor too what the loss has of another parameter alone."""
    replay = case.replay
    for end in terms(replay):
        part = part_of(replay.graph, end)
        leaves = [node for node in part if node.primitive is None and node.shape != ()]
        others = [node for node in part if node.kind == "parameter" and node.id != target.id]
        even = not np.ptp(replay.gradients[end.id])  # A number, or an array that is summed.
        if len(others) != 1 or not even or any(node not in others for node in leaves):
            continue
        ndim = len(others[0].shape)
        there = x if x.ndim == ndim else x.reshape((1,) * (ndim - 1) + (-1,))
        try:
            values = recompute_all(part, {others[0].id: there})
            sent = Replay(part, values).gradients[others[0].id].reshape(x.shape)
        except (ValueError, IndexError):
            continue  # It is one of a matrix, or of rows that are picked.
        added = np.ravel(replay.gradients[end.id])[0] * sent
        title = (
            f"{term_text(replay, end)} is applied to {target.name} too: a term that the loss has "
            f"of {text_of(replay.graph, others[0])} alone"
        )
        yield Candidate(title, 1.25, correct=functools.partial(np.add, -added))


MISTAKES["factor on a path"] = Mistake(
    "factor on a path", "Of several terms of a gradient, one has a factor that it should not have."
)
