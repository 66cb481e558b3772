"""Mistakes with what a step uses: another tensor, another layer, another time, another axis."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import (
    FEWEST_BITS,
    MOST_VALUES,
    Step,
    activations,
    given,
    orders,
    steps,
    tells,
    viewed,
)
from autograd_lite.check.mistakes.made import Made, only, wrong
from autograd_lite.check.mistakes.reasons import LEARNING_RATES
from autograd_lite.check.mistakes.registry import (
    MISTAKES,
    Candidate,
    Case,
    Mistake,
    Target,
    mistake,
    more,
    same,
)
from autograd_lite.check.mistakes.replay import Replay, Rule
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.graph import Node

MOST_MEETING, MOST_USES = 6, 50
"""Of how many paths that meet any two are exchanged, and of how many uses one tensor is flipped."""

MISTAKES["wrong layer's weights"] = Mistake(
    "wrong layer's weights", "Backwards, each layer's gradient goes through its own weights."
)


@mistake("not transposed", "The way back through X @ W is g @ W.T, and to W it is X.T @ g.")
def not_transposed(case: Case, target: Target) -> Iterator[Candidate]:
    """Use another operand of a product, or a square matrix as it is, or what arrives, turned."""
    yield from _replaced(case, target)
    for step in steps(case, target):
        *most, rows = step.node.shape or (0,)
        if step.is_matrix_product and most[-1:] == [rows] != [1]:
            title = f"the gradient at {step.name} is used transposed"
            yield step.candidate(title, 0.9, _of_transposed(step.rule))
        for i, x in enumerate(step.node.operands if not step.is_product else ()):
            value = np.asarray(step.replay.values[x])  # As in the rule of a solution.
            if not step.primitive.entrywise and value.ndim == 2 and len(set(value.shape)) == 1:
                title = (
                    f"the .T of {text_of(step.replay.graph, step.replay.graph[x])} is forgotten on "
                    f"the way back from {step.name}"
                )
                yield step.candidate(title, 0.9, step.replay.rule(step.edge, operands={i: value.T}))


@more("not transposed")
def other_throughout(case: Case, target: Target) -> Iterator[Candidate]:
    """Use a matrix turned, or another tensor, wherever one is needed: as in A @ A.T for A.T @ A."""
    uses: dict[str, list[Step]] = {}
    for step in steps(case, target):
        if step.other is not None:
            uses.setdefault(viewed(step.replay.graph, step.other).id, []).append(step)
    for key, some in uses.items():
        replay, root = some[0].replay, some[0].replay.graph[key]
        if len(some) > MOST_USES or not root.shape:
            continue
        name, value = grouped(text_of(replay.graph, root)), np.asarray(replay.values[key])
        instead = [
            (f"{name} is flipped along axis {k} on the way back", "permuted", np.flip(value, k))
            for k, n in enumerate(value.shape)
            if n > 1 and np.unique(value).size > 2  # A mask is drawn anew rather.
        ]
        if len(some) > 1:  # As sin is, in a rotation that is not turned back.
            title = f"the sign of {name} is flipped throughout, on the way back"
            instead.append((title, "sign flipped in part", -value))
        several = 1 < len(some) <= MOST_MEETING
        if several and value.ndim == 2 and len(set(value.shape)) == 1:
            title = f"{name} stands for {name}.T throughout, and {name}.T for {name}"
            instead.append((title, "not transposed", value.T))
        for x in replay.graph if several else ():
            alike = (x.name and x.kind == root.kind) or x in replay.graph.operands(root)
            if alike and x.shape == root.shape and x is not root:
                title = f"{text_of(replay.graph, x)} is used in place of {name} throughout"
                instead.append((title, "wrong tensor", np.asarray(replay.values[x.id])))
        for title, kind, other in instead[: 2 * MOST_MEETING]:
            rules = {step.edge: step.using(_seen(replay, step.other, key, other)) for step in some}
            yield Candidate(title, 1.3, predict=wrong(replay, rules), kind=kind)


def _seen(replay: Replay, view: Node | None, key: str, value: Any) -> Any:
    """Return what a view of a tensor would be if that had another value."""
    if view is None or view.id == key or view.primitive is None:
        return value
    inner = _seen(replay, replay.graph[view.operands[0]], key, value)
    return view.primitive.forward(inner, **view.parameters)


def _of_transposed(rule: Rule) -> Rule:
    return lambda g: rule(np.swapaxes(g, -1, -2))


@mistake("wrong tensor", "Another tensor of the same shape stands where one belongs.")
def wrong_tensor(case: Case, target: Target) -> Iterator[Candidate]:
    """Use another value where one belongs."""
    for step in steps(case, target, once=True):
        yield from _of_other_shapes(step)
    for step in activations(case, target):
        for other in _alike(step):
            if other.shape == step.node.shape and other is not step.node:
                values = step.replay.values
                rule = step.replay.rule(
                    step.edge, y=values[other.id], operands={0: values[other.operands[0]]}
                )
                title = (
                    f"{step.function}' is taken for {text_of(step.replay.graph, other)}, in "
                    f"place of {step.name}"
                )
                yield step.candidate(title, 1.2, rule)
        yield from _derivative_of_another_tensor(step)


def _alike(step: Step) -> list[Node]:
    """Return the nodes of the same function of one tensor."""
    if step.others or len(step.node.operands) > 1:
        return []
    return [node for node in step.replay.graph if node.primitive is step.primitive]


def _derivative_of_another_tensor(step: Step) -> Iterator[Candidate]:
    """Take the derivative of an activation where another tensor is: a mask of h where z belongs."""
    replay, graph, name = step.replay, step.replay.graph, f"{step.function}'"
    before, dtype = text_of(graph, step.operand), np.asarray(step.node.value).dtype
    done = {step.operand.id, *(x for node in _alike(step) for x in (node.id, *node.operands))}
    tried: list[Any] = []
    alike = [x for x in graph.nodes if x.shape == step.node.shape and x.id not in done]
    place = replay.position[step.node.id]
    alike.sort(key=lambda x: abs(replay.position[x.id] - place))  # What is near is likelier.
    for other, value in [
        *((x, np.asarray(replay.values[x.id])) for x in alike),
        *(found for x in graph.nodes for found in _widened(replay, x, step.node.shape)),
    ][:MOST_VALUES]:
        if value.dtype.kind not in "iuf":
            continue
        if not value.ndim or any(np.array_equal(value, known) for known in tried):
            continue
        tried.append(value)
        text, value = text_of(graph, other), value.astype(dtype)
        for title, rule in (
            (f"{name} is taken at {text}, in place of {before}", step.at(value)),
            (
                f"the formula of {name} for its output {step.name} is given {text}",
                step.given(value),
            ),
        ):
            if tells(step, rule):
                few = _few_bits(step, rule)
                cost = 1.3 if other.name else 2.2 if few else 1.4
                yield step.candidate(title, cost, rule, weak=few)


def _widened(replay: Replay, node: Node, shape: tuple[int, ...]) -> Iterator[tuple[Node, Any]]:
    """Yield a tensor as broadcast to a shape, be it with an axis put in: that of a sum, say."""
    value = np.asarray(replay.values[node.id])
    missing = len(shape) - value.ndim
    forms = [value] if missing else []
    forms += [np.expand_dims(value, k) for k in range(1, len(shape)) if missing == 1]
    for form in forms if max(value.shape, default=1) > 1 else ():
        try:
            yield node, np.broadcast_to(form, shape)
        except ValueError:
            continue


def _few_bits(step: Step, rule: Rule) -> bool:
    """Whether a derivative is 0 or 1 at so few places that another tensor's may be so by chance."""
    derivative = np.asarray(rule(np.ones(step.node.shape)))
    told = np.count_nonzero(step.replay.gradients[step.node.id])
    return bool(told <= FEWEST_BITS and np.isin(derivative, (0, 1)).all())


def _replaced(case: Case, target: Target) -> Iterator[Candidate]:
    """Put another operand, or the same transposed, in the place of one of a product's."""
    for step in steps(case, target, once=True):
        belongs, replay = step.other, step.replay
        if belongs is None:
            continue
        name, shape = text_of(replay.graph, belongs), np.shape(replay.values[belongs.id])
        turned = (*shape[:-2], *shape[:-3:-1])
        root, kin = viewed(replay.graph, belongs), belongs.primitive
        alike = [x for x in replay.graph.nodes if x.shape in (shape, turned)]
        alike.sort(key=lambda x: x.primitive is not kin)
        uncut = [x for x in replay.graph.nodes if x.shape == root.shape != shape]
        uncut = uncut if len(root.shape) != len(shape) else []  # Else it is one of the turned.
        for other in (*alike[:MOST_VALUES], *uncut[:MOST_VALUES]):
            value, text = replay.values[other.id], text_of(replay.graph, other)
            value = _seen(replay, belongs, root.id, value) if other in uncut else value
            kind, cost, tried = "wrong tensor", 1.2, []
            if other is belongs:
                kind, cost = "not transposed", 0.7
            elif belongs.kind == other.kind == "parameter":
                kind, cost = "wrong layer's weights", 0.8
            if np.shape(value) == shape and other is not belongs and (shape or other.name):
                tried.append((f"{text} is used in place of {name}", value))
            if len(shape) > 1 and np.shape(value) == turned and min(shape[-2:]) > 1:
                title = f"{grouped(text)}.T is used in place of {name}"
                forgotten = f"the .T of {name} is forgotten on the way back"
                turn = np.swapaxes(value, -1, -2)
                tried.append((forgotten if other is belongs else title, turn))
            matrix = step.is_matrix_product and len(shape) == 2 and min(shape) > 1
            if other is belongs and matrix:
                title = f"{name} is read in another order: reshape in place of transpose"
                tried.append((title, np.reshape(value, turned).T))
            for title, operand in tried:
                yield step.candidate(title, cost, step.using(operand), kind)
        if not step.primitive.entrywise:
            yield from _rearranged(step, belongs, name)


def _rearranged(step: Step, belongs: Node, name: str) -> Iterator[Candidate]:
    """Turn an operand of a product round, or exchange its axes: the kernel of a convolution."""
    value = np.asarray(step.replay.values[belongs.id])
    long = [k for k in range(value.ndim) if value.shape[k] > 1]
    inner = tuple(k for k in long if k > 1) if step.primitive in SLIDING else ()
    each: list[tuple[int, ...]] = [(k,) for k in long if value.ndim != 2]
    each += [tuple(long[-2:])] * (len(long) > 2)
    for axes in dict.fromkeys([inner, *each]):
        along = f"{'axes' if len(axes) > 1 else 'axis'} {' and '.join(map(str, axes))}"
        flipped, cost = f"{name} is used flipped along {along}", 1.2
        if axes == inner:
            flipped, cost = (
                f"{name} is used as it is on the way back, not turned round: of a convolution, it "
                f"is flipped along {along}",
                0.7,
            )
        elif value.ndim == 1:
            flipped = f"{grouped(name)}[::-1] (flipped) is used in place of {name}"
        if axes:
            rule = step.using(np.flip(value, axes))
            yield step.candidate(flipped, cost, rule, "not transposed")
    for order, words in orders(value.shape, value.shape) if value.ndim > 2 else ():
        title = f"{words} of {name} are exchanged"
        yield step.candidate(title, 0.9, step.using(value.transpose(order)), "not transposed")


SLIDING = (ops.conv, ops.conv_input, ops.conv_weight)


def _of_other_shapes(step: Step) -> Iterator[Candidate]:
    """Put 1, a sum without its weights, or another part of a join in the place of an operand."""
    belongs = step.other
    if belongs is None or not belongs.shape:
        return
    name = text_of(step.replay.graph, belongs)
    if step.is_matrix_product:
        title = f"the factor {name} is missing: 1 stands in its place"
        yield step.candidate(title, 1.2, step.using(np.ones(belongs.shape)))
    for of in (_unweighted, _rebuilt, _copied):
        for text, operand in of(step.replay, belongs):
            yield step.candidate(f"{text} is used in place of {name}", 1.2, step.using(operand))
    for text, operand in _joined(step.replay, belongs):
        yield step.candidate(f"{text} in {name}", 1.2, step.using(operand))


def _unweighted(replay: Replay, pooled: Node) -> Iterator[tuple[str, Any]]:
    """Yield the sum and the mean of the factors of which a weighted sum was taken."""
    if pooled.primitive is ops.sum:
        (summed,) = replay.graph.operands(pooled)
        for part in replay.graph.operands(summed) if summed.primitive is ops.multiply else ():
            for pool in (np.sum, np.mean) if part.shape == summed.shape else ():
                text = f"the {pool.__name__} of {text_of(replay.graph, part)} without weights"
                yield text, pool(np.asarray(replay.values[part.id]), **pooled.parameters)


def _copied(replay: Replay, copies: Node) -> Iterator[tuple[str, Any]]:
    """Yield copies one after the other in place of neighbours, or the other way round."""
    for x in replay.graph.operands(copies) if copies.primitive in (ops.repeat, ops.tile) else ():
        value, name = np.asarray(replay.values[x.id]), text_of(replay.graph, x)
        for k, (n, m) in enumerate(zip(copies.shape, x.shape, strict=False)):
            if n > m and value.size * n == copies.value.size * m:
                yield f"np.tile of {name}", np.concatenate([value] * (n // m), k)
                yield f"np.repeat of {name}", np.repeat(value, n // m, k)


def _joined(replay: Replay, join: Node) -> Iterator[tuple[str, Any]]:
    """Yield what was joined with another tensor in place of one of its parts."""
    if join.primitive not in (ops.concatenate, ops.stack):
        return
    parts = replay.graph.operands(join)
    for i, part in enumerate(parts):
        for other in replay.graph.nodes[:MOST_VALUES]:
            if other.shape == part.shape and other is not part:
                some = [replay.values[x.id] for x in (*parts[:i], other, *parts[i + 1 :])]
                names = (text_of(replay.graph, x) for x in (other, part))
                yield (
                    " is used in place of ".join(names),
                    join.primitive.forward(*some, **join.parameters),
                )


def _rebuilt(replay: Replay, product: Node) -> Iterator[tuple[str, Any]]:
    """Yield a product of three matrices with its factors in another order, or some turned."""
    chain = [product]
    while len(chain) < 4 and (inner := next((x for x in chain if _is_plain(x)), None)):
        k = chain.index(inner)
        chain[k : k + 1] = replay.graph.operands(inner)
    if len(chain) != 3 or any(len(x.shape) != 2 for x in chain):
        return
    named = [(grouped(text_of(replay.graph, x)), replay.values[x.id]) for x in chain]
    either = [((text, x), (f"{text}.T", x.T)) for text, x in named]
    for order in itertools.permutations(either):
        for (a, x), (b, y), (c, z) in itertools.product(*order):
            fits = x.shape[1] == y.shape[0] and y.shape[1] == z.shape[0]
            if fits and (len(x), z.shape[1]) == product.shape and (a, b, c) != tuple(dict(named)):
                yield f"{a} @ {b} @ {c}", x @ y @ z


def _is_plain(node: Node) -> bool:
    return node.primitive is ops.matmul and not node.name


@mistake("exchanged", "Each of two paths has its own operand: the derivatives were mixed up.")
def exchanged(case: Case, target: Target) -> Iterator[Candidate]:
    """Exchange the other operands of two products that come back to the same tensor."""
    meeting: dict[str, list[Step]] = {}
    for step in steps(case, target, once=True):
        if step.other is not None:
            meeting.setdefault(step.operand.id, []).append(step)
    for key, together in meeting.items():
        for one, two in itertools.combinations(together[:MOST_MEETING], 2):
            others = [x for step in (one, two) if (x := step.other) is not None]
            if others[0] is others[1] or others[0].shape != others[1].shape:
                continue
            replay = one.replay
            title = (
                f"{' and '.join(text_of(replay.graph, x) for x in others)} are exchanged on the "
                f"way back to {text_of(replay.graph, one.operand)}"
            )
            sent = functools.partial(_sent, (one, two), [replay.values[x.id] for x in others[::-1]])
            made = Made(replay, key, sent, replay.total([one.edge, two.edge]))
            yield Candidate(title, 1.1, predict=made)


def _sent(together: Sequence[Step], operands: Sequence[Any]) -> Any:
    """Return what steps send to one tensor with other operands."""
    return sum(
        step.replay.sent(step.edge, step.replay.gradients[step.node.id], step.using(x))
        for step, x in zip(together, operands, strict=True)
    )


@mistake("wrong gradient", "The gradient of another layer was handed on.", last=True)
def wrong_gradient(case: Case, target: Target) -> Iterator[Candidate]:
    """Use the gradient at another node where that at this one belongs."""
    for step in steps(case, target, once=True):
        graph = step.replay.graph
        # So many gradients, one of them fits by chance.
        alike = [x for x in graph.nodes if x.shape == step.node.shape != () and x is not step.node]
        for other in alike[:MOST_VALUES]:
            g = step.replay.gradients.get(other.id)
            if g is None or g.shape != step.node.shape:
                continue
            whose, to = text_of(graph, other), text_of(graph, step.operand)
            elsewhere = any((step.node.id, i) in step.replay.parts for i in {0, 1} - {step.edge[1]})
            title = (
                f"the gradient at {'another ' * (whose == step.name)}{whose} is used in place of "
                f"that at {step.name}{f', in what comes back to {to}' * elsewhere}"
            )
            yield step.candidate(title, 3.4 if other.name else 3.45, given(step.rule, g))


# ------------------------------------------------------------------------ before and after


@mistake("after the update", "All gradients of a step use the values from before the step.")
def after_update(case: Case, target: Target) -> Iterator[Candidate]:
    """Update a weight before the gradients that need its old value are computed."""
    for step in steps(case, target, once=True):
        weight, replay = step.other, step.replay
        if weight is None or weight.id not in replay.gradients:
            continue
        if viewed(replay.graph, weight).kind != "parameter":
            continue
        i, old, move = 1 - step.edge[1], replay.values[weight.id], replay.gradients[weight.id]
        if old.size < 2 and case.lr is None:
            continue  # One number is what another becomes after some update.
        lr = case.lr or _rate(step, target, replay.rule(step.edge, operands={i: old - move}))
        if lr is not None:
            rule = replay.rule(step.edge, operands={i: old - lr * move})
            title = (
                f"{text_of(replay.graph, weight)} is used as it is after the update "
                f"(learning rate {lr:.6g}), in place of before"
            )
            yield step.candidate(title, 0.9, rule)


def _rate(step: Step, target: Target, after: Rule) -> float | None:
    """Solve for the learning rate: the gradient is linear in it. One number proves nothing."""
    moved = wrong(step.replay, {step.edge: after})(target)
    if moved is None or moved.shape != target.hand.shape or not np.isfinite(target.hand).all():
        return None
    direction = moved - target.right
    size = float(np.sum(direction * direction))
    if not size:
        return None
    lr = float(np.sum((target.hand - target.right) * direction)) / size
    if np.count_nonzero(direction) < 2:
        return next(
            (known for known in (1.0, 0.5, 0.05, *LEARNING_RATES) if abs(lr / known - 1) < 1e-6),
            None,
        )
    # Any number may come out by chance; who chooses one writes few digits.
    return lr if lr > 0 and abs(float(f"{lr:.3g}") / lr - 1) < 1e-6 else None


# ------------------------------------------------------------------------ broadcasting


@mistake("broadcast", "A column minus a row is a table: give both the same shape.")
def broadcast(case: Case, target: Target) -> Iterator[Candidate]:
    """Combine a column and a row to a table of all pairs."""
    for step in steps(case, target, once=True):
        if len(step.node.operands) != 2 or not (step.primitive.entrywise or _of_one_shape(step)):
            continue
        for i, x in enumerate(step.node.operands):
            value = step.replay.values[x]
            other = np.shape(step.replay.values[step.node.operands[1 - i]])
            column = np.ndim(value) == 2 and np.shape(value)[1] == 1 < np.shape(value)[0]
            fits = column and (not other or other[-1] in (1, len(value)))
            # Against a row, it would be no table.
            if fits and np.prod(np.broadcast_shapes((len(value),), other)) >= step.node.value.size:
                rule = step.replay.rule(step.edge, operands={i: np.reshape(value, -1)})
                name = text_of(step.replay.graph, step.replay.graph[x])
                title = f"{name} was broadcast as a row against a column"
                yield Candidate(
                    title, 0.9, predict=wrong(step.replay, {step.edge: rule}, stretched=True)
                )


def _of_one_shape(step: Step) -> bool:
    """Return whether all operands have the same shape, as those of a squared error must."""
    return len({np.shape(step.replay.values[x]) for x in step.node.operands}) == 1


@mistake("summed over the wrong axis", "A bias is summed over the rows of the batch: axis 0.")
def wrong_axis(case: Case, target: Target) -> Iterator[Candidate]:
    """Sum over another axis than the one that broadcasting stretched, or over that of a tensor."""
    replay = case.replay
    for axis in range(target.right.ndim):
        title = f"what comes back to {target.name} is summed over its axis {axis}, in every entry"
        summed = np.broadcast_to(target.right.sum(axis, keepdims=True), target.right.shape)
        yield Candidate(title, 1.05, predict=only(target, summed))
    for node in replay.users(target.id):
        g, edge = replay.gradients.get(node.id), (node.id, node.operands.index(target.id))
        if g is None or g.ndim < 2 or g.size <= target.right.size or edge not in replay.parts:
            continue
        at = f"the gradient at {text_of(replay.graph, node)}"
        sent = np.asarray(replay.rule(edge)(g))
        if sent.shape == g.shape and not np.array_equal(sent, g):
            at, g = f"what comes back to {target.name} from {text_of(replay.graph, node)}", sent
        parts = [replay.parts.get((node.id, i)) for i in range(len(node.operands))]
        rightly = [part for part in parts if part is not None]  # One of several uses, say.
        for axis in range(g.ndim):
            summed = g.sum(axis=axis)
            if summed.shape == tuple(n for n in target.hand.shape if n != 1):  # As a column, say.
                summed = summed.reshape(target.hand.shape)
            if not any(same(np.squeeze(summed), np.squeeze(x)) for x in [target.right, *rightly]):
                title = f"{at} is summed over axis {axis}"
                yield Candidate(title, 0.9, predict=only(target, summed))
        if g.ndim == 2 and g.shape == target.right.shape * 2:
            title = f"the diagonal of {at} stands in place of its sum"
            yield Candidate(title, 1.0, predict=only(target, np.diagonal(g)))
        if target.right.ndim:
            title = f"{at} is summed over all axes"
            yield Candidate(title, 1.0, predict=only(target, np.full(target.right.shape, g.sum())))
