"""Mistakes with the gradient of a loss where it is a difference: prediction minus target."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import always
from autograd_lite.check.mistakes.differences import LINKS, Difference, along, differences, multiple
from autograd_lite.check.mistakes.made import Made, Together, replaced
from autograd_lite.check.mistakes.picks import indices
from autograd_lite.check.mistakes.reasons import shown
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, mistake, same
from autograd_lite.check.mistakes.repeated import loops, recurrent
from autograd_lite.check.mistakes.replay import Replay, is_shifted
from autograd_lite.check.mistakes.terms import term_text, terms_alone
from autograd_lite.check.mistakes.texts import grouped, text_of


@mistake("loss", "Derive the loss by what it is compared with: prediction minus target, usually.")
def wrong_loss(case: Case, target: Target) -> Iterator[Candidate]:
    """Put something else in the place of prediction minus target."""
    replay = case.replay
    whole = differences(replay)
    of_terms = {
        d: f"in the term {term_text(one, end)}: "
        for end, one in terms_alone(replay).items()
        for d in differences(one)
    }
    for d in whole:
        if target.id in replay.behind(d.key):
            yield from _half_weighted(replay, d, target)
    known = {d.key for d in whole}
    every = [*whole, *(d for d in of_terms if d.key not in known)]
    for d in every:
        if target.id not in replay.behind(d.key) or d.key in recurrent(replay):
            continue
        far = 0.0 if replay.graph[d.key].name else 0.04
        for title, cost, wrong in (*_instead(replay, d), *_of_another(d, every)):
            where = of_terms.get(d, "")
            yield Candidate(where + title, cost + far, predict=d.instead(replay, wrong))
    yield from _at_every_step(replay)


def _of_another(
    d: Difference, every: Sequence[Difference]
) -> Iterator[tuple[str, float, Callable[[], Any]]]:
    """Yield the prediction or the target of another term, where those of one belong."""
    p, y, c = d.p, d.y, d.c
    for other in every:
        alike = other is not d and other.p.shape == p.shape and other.link == d.link != ""
        if not alike or other.axis != d.axis:
            continue
        for one, belongs, text, wrong in (
            (other.p, p, (other.p_text, d.p_text), lambda x=other.p: c * (x - y)),
            (other.y, y, (other.y_text, d.y_text), lambda x=other.y: c * (p - x)),
        ):
            if text[0] != text[1] and not np.array_equal(one, belongs):
                yield f"{text[0]} stands in place of {text[1]}", 0.85, wrong


def _half_weighted(replay: Replay, d: Difference, target: Target) -> Iterator[Candidate]:
    """Solve for the one factor of a prediction, or of a target, that is weighted row by row."""
    if not np.ndim(d.c) or np.count_nonzero(target.hand) < 3:
        return
    there = [
        (x, np.ravel(replay.values[x.id])) for x in replay.graph if x.name or x.kind == "constant"
    ]
    weights, k = next(
        ((f"{x.name} is" if x.name else "the weights are", k) for x, w in there
         if w.size == np.size(d.c) and w.dtype.kind in "fib" and (k := multiple(np.ravel(d.c), w))),
        ("the weights are", 0.0),
    )  # fmt: skip
    for text, other, term in ((d.p_text, d.y_text, d.p), (d.y_text, d.p_text, -d.y)):
        sides = (along(x, d.axis) for x in (term, d.c * term))
        made = Made(replay, d.key, *map(always, sides))
        factor = made.factor(target)
        if factor is not None and abs(factor) > 1e-9:
            besides = "" if abs(factor - k) < 1e-7 * abs(k) else f"; its factor is {shown(factor)}"
            title = f"{weights} missing from {text}, and only at {other}{besides}"
            yield Candidate(title, 1.4 if besides else 1.1, predict=made.times(factor))


def _at_every_step(replay: Replay) -> Iterator[Candidate]:
    """Put the same in the place of each difference, if there is one at every step of a loop."""
    alike: dict[Any, list[Difference]] = {}
    for d in differences(replay):  # What was shifted by its maximum is the same again.
        each = alike.setdefault((d.link, d.p.shape, d.y_text in ("0", "1") and d.y_text), [])
        again = [x for x in each if x.key in replay.behind(d.key) or d.key in replay.behind(x.key)]
        if not any(same(d.p, x.p) for x in again):
            each.append(d)
    for each in alike.values():
        apart = all(a.key not in replay.behind(b.key) for a in each for b in each if a is not b)
        if len(each) > 1 and apart:
            yield from _at_each(replay, each)


def _at_each(replay: Replay, each: Sequence[Difference]) -> Iterator[Candidate]:
    for changes in zip(*(_instead(replay, d) for d in each), strict=False):
        made = [d.instead(replay, x[2]) for d, x in zip(each, changes, strict=True)]
        title = f"at every step, {changes[0][0]}"
        yield Candidate(title, changes[0][1] + 0.1, predict=Together(made))
    for title, cost, targets in _targets_of_steps(replay, each):
        made = [
            d.instead(replay, functools.partial(_minus, d, y))
            for d, y in zip(each, targets, strict=True)
        ]
        yield Candidate(f"at every step, {title}", cost, predict=Together(made))


def _minus(d: Difference, y: Any) -> Any:
    return d.c * (d.p - y)


def _less_target(d: Difference, p: Any) -> Callable[[], Any]:
    return functools.partial(_minus, replace(d, p=p), d.y)


def _apart(d: Difference, times_p: float, times_y: float) -> Any:
    return times_p * d.p - times_y * d.y


def _targets_of_steps(
    replay: Replay, each: Sequence[Difference]
) -> Iterator[tuple[str, float, Sequence[Any]]]:
    """Yield targets of another step, or what the steps use, in place of the targets of each."""
    text, ys = each[0].y_text, [d.y for d in each]  # The last step comes first.
    for word, others in (
        ("before", [*ys[1:], ys[0]]), ("before", [*ys[1:], ys[-1]]),
        ("after", [ys[-1], *ys[:-1]]), ("after", [ys[0], *ys[:-1]]),
        ("that is first", [ys[-1]] * len(ys)), ("that is last", [ys[0]] * len(ys)),
    ):  # fmt: skip
        yield f"{text} is that of the step {word}", 0.95, others
    used: list[list[Any]] = []
    for loop in loops(replay):
        for nodes in loop.classes:
            for i in range(len(nodes[0].operands)):
                values = [replay.values[node.operands[i]] for node in nodes][::-1]
                turned = [np.swapaxes(x, each[0].axis, -1) for x in values if np.ndim(x) > 1]
                if len(turned) == len(ys) and all(
                    x.shape == y.shape for x, y in zip(turned, ys, strict=True)
                ):
                    inner = nodes[-1].operands[i] in replay.gradients
                    if not inner and not all(x is turned[0] for x in turned):
                        used.append(turned)
    for values in used:
        yield f"the input of the step stands in place of {text}", 0.95, values


def _instead(replay: Replay, d: Difference) -> Iterator[tuple[str, float, Callable[[], Any]]]:
    """Yield everything that may stand in place of a difference."""
    p, y, c, e = d.p, d.y, d.c, d.p - d.y
    z = along(replay.values[d.key], d.axis)
    pt, yt = grouped(d.p_text), d.y_text
    error = f"{pt} - {yt}" if yt != "0" else pt
    if yt == "0":
        yield f"1 is subtracted from {pt}, though the target is 0", 0.8, lambda: c * (p - 1)
    missing = "" if yt == f"np.eye({len(p)})" else ": the target is missing"
    yield f"{yt} is not subtracted from {pt}{missing}", 0.6, lambda: c * p
    whole = 0.1 if np.ndim(c) else 0.0  # That the term has its sign flipped is simpler.
    yield f"the sign of {error} is flipped", 0.62 + whole, lambda: -c * e
    yield f"{yt} is added to {pt}, in place of subtracted", 0.65, lambda: c * (p + y)
    target = yt if yt.startswith("the ") else f"the target {yt}"
    yield f"only {target} is there, without the prediction {pt}", 0.9, lambda: -c * y
    yield f"{error} is squared", 1.0, lambda: c * e * e
    if np.ndim(c) and np.shape(c)[-1] == 1 < p.shape[-1] and not np.all(c):
        text = f"{pt} is there in the rows, too, that do not count in the loss"
        yield text, 1.0, lambda: np.max(c) * p - c * y
    if not np.ndim(c) and yt != "0":
        for times_p, times_y in ((1, c), (c, 1), (2, c / 2)):
            text = f"the brackets of {error} are missing: only one of the two has the factor"
            yield text, 1.2, functools.partial(_apart, d, times_p, times_y)
    yield f"the absolute value of {error} stands in its place", 1.1, lambda: c * np.abs(e)
    yield f"only the sign of {error} is there", 1.1, lambda: c * np.sign(e)
    text = f"the derivative of |{error}| stands in place of that of its square"
    yield text, 1.1, lambda: c / 2 * np.sign(e)
    if d.link == "":
        return
    name = d.link
    zt = grouped(text_of(replay.graph, replay.graph[d.key]))
    text = f"the prediction is taken before the {name}: {zt} - {yt} in place of {error}"
    yield text, 0.8, lambda: c * (z - y)
    if is_shifted(replay.graph, node := replay.graph[d.key]) and d.axis == -1:
        before = np.asarray(replay.values[node.operands[0]])
        text = grouped(text_of(replay.graph, replay.graph[node.operands[0]]))
        text = f"the prediction is taken before the {name}: {text} - {yt} in place of {error}"
        yield text, 0.8, lambda: c * (before - y)
    derivative = {"softmax": p * (1 - p), "sigmoid": p * (1 - p), "exp": p}[name]
    written = pt if name == "exp" else f"{pt} * (1 - {pt})"
    title = (
        f"the derivative of the {name} is there once too often: {error} has it already, "
        f"{written} is one factor too many"
    )
    yield title, 0.55, lambda: c * e * derivative
    if name == "sigmoid":
        text = f"2 * ({error}) * {written}, as of the squared error, stands in place of {error}"
        yield text, 0.7, lambda: 2 * c * e * derivative
    if name == "exp":
        yield f"the exp is left out: 1 - {yt} in place of {error}", 0.8, lambda: c * (1 - y)
        return
    text = f"the formula of the derivative is given the error: ({error}) * (1 - ({error}))"
    yield text, 1.0, lambda: c * e * (1 - e)
    text = f"only the term of {yt} * log({pt}) is there"
    if name == "softmax":
        text = f"only the diagonal of the softmax's Jacobian is there: -{yt} * (1 - {pt})"
    yield text, 0.9, lambda: -c * y * (1 - p)
    yield f"the logarithm of {pt} stands in its place", 1.0, lambda: c * (np.log(p) - y)
    if name == "sigmoid":
        text = f"the label -1 or 1 is subtracted from {pt}, in place of 0 or 1"
        yield text, 0.9, lambda: c * (p - (2 * y - 1))
        text = f"{pt} is made 0 or 1 by a threshold before {yt} is subtracted"
        yield text, 0.9, lambda: c * ((p > 0.5) - y)
        text = f"only the term of (1 - {yt}) * log(1 - {pt}) is there"
        yield text, 0.9, lambda: c * (1 - y) * p
        yield f"1 - {pt} stands in place of {pt}", 1.0, lambda: c * (1 - p - y)
        twice = f"the sigmoid is applied twice: sigmoid({d.p_text}) in place of {pt}"
        yield twice, 1.0, lambda: c * (LINKS[name](p) - y)
        text = f"the derivative of the sigmoid at {pt} is left out"
        yield text, 0.65, lambda: c * e / (p * (1 - p))
        return
    shifted = z - z.max(axis=-1, keepdims=True)
    title = (
        f"the prediction is taken before the {name}: {zt}, less its largest entry, - {yt} in place "
        f"of {error}"
    )
    yield title, 0.95, lambda: c * (shifted - y)
    yield from _softmax(d, z)
    for other, _, text in indices(replay):
        rows = d.p.ndim == 2 and d.axis == -1 and other.ndim == 1
        if rows and len(other) == len(p) and other.max() < p.shape[1]:
            text = f"{yt} is that of {text}"
            yield text, 0.95, functools.partial(_minus, d, np.eye(p.shape[1])[other])
    node = replay.graph[d.key]
    for x in node.operands if node.primitive in (ops.multiply, ops.divide) else ():
        scores = np.asarray(replay.values[x])
        if scores.shape == z.shape and d.axis == -1:
            text = f"the softmax is that of {text_of(replay.graph, replay.graph[x])}, not of {zt}"
            yield text, 0.9, _less_target(d, ops.softmax.forward(scores, axis=-1))


def _one_hot(labels: Array, n: int) -> Array:
    return np.asarray(labels[..., None] == np.arange(n), float)


def _softmax(d: Difference, z: Array) -> Iterator[tuple[str, float, Callable[[], Any]]]:
    """Yield what only a softmax offers."""
    p, y, c, e = d.p, d.y, d.c, d.p - d.y
    pt, yt = grouped(d.p_text), d.y_text
    n = p.shape[-1]
    yield f"the softmax is left out: -{yt} / {pt}", 0.7, lambda: -c * y / p
    yield f"1 stands in place of {pt}: 1 - {yt}", 0.9, lambda: c * (1 - y)
    text = f"1 is subtracted from every entry of {pt}, not from that of the label alone"
    yield text, 0.85, lambda: c * (p - 1)
    text = (
        f"-{yt} times {pt} * (1 - {pt}), the diagonal of the softmax's Jacobian, stands in place "
        f"of {pt} - {yt}"
    )
    yield text, 0.9, lambda: -c * y * p * (1 - p)
    text = f"-1 is put at the entry of the label, in place of subtracted from {pt}: = for -="
    yield text, 0.85, lambda: c * np.where(y == 1, -1, p)
    for title, wrong in (
        (f"the softmax is applied twice: softmax({d.p_text}) in place of {pt}",
         LINKS["softmax"](p)),
        (f"the sigmoid stands in place of the softmax {pt}", LINKS["sigmoid"](z)),
        *((f"exp is not divided by its sum in the softmax {pt}", np.exp(scores))
          for scores in (z, z - z.max(axis=-1, keepdims=True))),
        *((f"exp is divided by the sum of all its entries in the softmax {pt}",
           np.exp(scores) / np.exp(scores).sum())
          for scores in (z, z - z.max(axis=-1, keepdims=True))),
    ):  # fmt: skip
        yield title, 0.95, _less_target(d, wrong)
    if z.ndim == 2:
        for scores in (z, z - z.max(axis=1, keepdims=True)):
            text = (
                f"the softmax is computed along the wrong axis, {0 if d.axis == -1 else 1}, on the "
                f"way back"
            )
            yield text, 0.9, _less_target(d, ops.softmax.forward(scores, axis=0))
    text = f"1 at the largest entry of {pt}, and 0 elsewhere, stands in its place"
    yield text, 1.1, lambda: c * (_one_hot(p.argmax(axis=-1), n) - y)
    text = f"the largest entry of {pt} is taken for the label"
    yield text, 0.9, lambda: c * (p - _one_hot(p.argmax(axis=-1), n))
    text = "only the entry of the true class gets a gradient"
    yield text, 0.8, lambda: c * np.where(y == y.max(axis=-1, keepdims=True), e, 0)
    text = "the entry of the true class gets no gradient"
    yield text, 0.85, lambda: c * np.where(y == y.max(axis=-1, keepdims=True), 0, e)
    for shift, word in ((1, "too large"), (-1, "too small")):
        text = f"the labels are 1 {word} (counted from {max(shift, 0)})"
        yield text, 0.9, functools.partial(_minus, d, np.roll(y, shift, axis=-1))
    if z.ndim > 1:
        for shift, word in ((1, "before"), (-1, "after")):
            text = f"{yt} is that of the row {word}"
            yield text, 0.95, functools.partial(_minus, d, np.roll(y, shift, axis=-2))
    if z.ndim == 2:
        present = y.max(axis=0) > 0
        lines = "columns: d[:, y] -= 1 in place of d[arange(n), y] -= 1"
        if d.axis != -1:
            lines = "rows: d[y] -= 1 in place of d[y, arange(n)] -= 1"
        text = f"1 is subtracted in whole {lines}"
        yield text, 0.8, lambda: c * (p - present)
        counts = y.sum(axis=0)
        text = f"1 is subtracted in whole {lines.split(':')[0]}, once for each label"
        yield text, 0.9, lambda: c * (p - counts)


@mistake("entry of the label", "The entry of the true class has a term of its own.")
def label_entry(case: Case, target: Target) -> Iterator[Candidate]:
    """Add the same number too much or too little at the entry that belongs to the label."""
    replay = case.replay
    graph = replay.graph
    for node in graph:
        if node.primitive is not ops.getitem or node.id not in replay.gradients:
            continue
        index, key = node.parameters.get("index"), node.operands[0]
        labels = isinstance(index, tuple) and any(
            isinstance(x, np.ndarray) and x.dtype.kind in "iu" for x in index
        )
        g = replay.gradients.get(key)
        if not labels or g is None or target.id not in replay.behind(key) or g.ndim != 2:
            continue
        unit = np.abs(g[np.abs(g) > 0]).min(initial=np.inf)
        if not np.isfinite(unit):
            continue
        at_label = np.zeros_like(g)
        at_label[index] = 1.0
        at = f"at the entries of the labels, the gradient at {text_of(graph, graph[key])}"
        on, off = at_label != 0, at_label == 0
        once = f"{at} is -1 for each row, and not minus how many classes count"
        forms = [
            (once, 0.9, np.where(on, -unit, g)),
            (once, 0.92, np.where(on & (g != 0), -unit, g)),
            (f"the true class gets no gradient: {at} is 0", 0.8, g * off),
            (f"only the true class gets a gradient: {at} is there, and 0 elsewhere", 0.85, g * on),
            (f"{at} has its sign flipped", 0.92, np.where(on, -g, g)),
        ]
        far = f"{at} is {unit:.4g} too"
        if (g[off] != 0).any():  # Else that is a factor of all of it.
            less, more = g - unit * at_label, g + unit * at_label
            forms.append((f"{far} small: the true class itself is counted too", 0.95, less))
            text = f"{far} large: the margin of the true class itself is not taken out"
            forms.append((text, 0.95, more))
        for title, cost, wrong in forms:
            yield Candidate(title, cost, predict=replaced(replay, key, wrong))
