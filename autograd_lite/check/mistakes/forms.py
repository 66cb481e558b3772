"""What may stand in place of something else: forms of tensors, shares of a sum, and differences."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.differences import LINKS
from autograd_lite.check.mistakes.registry import Array, remembered, same
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.softmax import scores_of, softmaxes
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.graph import Node

MOST_FORMS, MOST_ENTRIES = 2500, 1500
"""How many forms are tried at a place, and of how many entries."""


class Table(NamedTuple):
    """Forms of one shape: what they are called, how far-fetched each is, and of which node.

    Of other nodes, `alike` has the same numbers.
    """

    texts: list[str]
    costs: Array
    nodes: list[str]
    values: Array
    sizes: Array
    alike: list[dict[str, tuple[str, float]]]


FORMS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "{}": (0.0, lambda x: x),
    "(1 - {})": (0.2, lambda x: 1 - x),
    "(1 + {})": (0.4, lambda x: 1 + x),
    "(1 + np.tanh({}))": (0.45, lambda x: 1 + np.tanh(x)),
    "{} * (1 - {})": (0.3, lambda x: x * (1 - x)),
    "(1 - {} ** 2)": (0.3, lambda x: 1 - x * x),
    "{} ** 2": (0.25, lambda x: x * x),
    "(1 - {}) ** 2": (0.4, lambda x: (1 - x) ** 2),
    "1 / {}": (0.3, lambda x: 1 / x),
    "1 / {} ** 2": (0.4, lambda x: 1 / x**2),
    "np.exp({})": (0.3, np.exp),
    "np.log({})": (0.3, np.log),
    "np.sqrt({})": (0.4, np.sqrt),
    "1 / np.sqrt({})": (0.4, lambda x: 1 / np.sqrt(x)),
    "np.sign({})": (0.25, np.sign),
    "({} > 0)": (0.35, lambda x: (x > 0).astype(float)),
    "np.abs({})": (0.35, np.abs),
    "np.tanh({})": (0.35, np.tanh),
    "(1 - np.tanh({}) ** 2)": (0.4, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid({})": (0.35, ops.sigmoid.forward),
    "sigmoid'({})": (0.32, lambda x: ops.sigmoid.forward(x) * ops.sigmoid.forward(-x)),
    "relu({})": (0.35, lambda x: np.maximum(x, 0)),
    "np.log(1 + np.exp({}))": (0.45, lambda x: np.logaddexp(0, x)),
    "({} != 0)": (0.24, lambda x: (x != 0).astype(float)),
}
"""What somebody writes of one tensor, how far-fetched that is, and what it is."""

POOLED: dict[str, tuple[float, Callable[..., Any]]] = {
    "the sum of {} over axis {}": (0.3, np.sum),
    "the mean of {} over axis {}": (0.3, np.mean),
    "the largest of {} over axis {}": (0.45, np.max),
}


def table_of(replay: Replay, shape: tuple[int, ...]) -> Table:
    """Return the forms of all tensors that fit a shape."""
    if (table_of, shape) not in replay.known:
        forms = itertools.islice(_forms(replay, shape), MOST_FORMS)
        replay.known[table_of, shape] = _as_table(forms, shape)
    found: Table = replay.known[table_of, shape]
    return found


Form = tuple[str, float, str, Any]
LAST = "", np.inf


def _as_table(forms: Iterator[Form], shape: tuple[int, ...]) -> Table:
    size, kept = int(np.prod(shape)), dict[str, int]()
    alike: dict[str, dict[str, tuple[str, float]]] = {}
    with np.errstate(all="ignore"):
        found = list(forms)
        values = np.empty((len(found), *shape))
        for i, form in enumerate(found):
            values[i] = form[3]
        values = values.reshape(len(found), size)
        told = values @ np.random.default_rng([0, 1]).normal(size=size)  # Of equal ones, one.
        largest = np.abs(values).max(axis=1, initial=0.0)
        useful = np.isfinite(told) & (np.ptp(values, axis=1) > 1e-9 * largest)
    for i, (text, cost, node, _) in enumerate(found):
        if useful[i] or (text == "1" and np.isfinite(told[i])):
            of_node = alike.setdefault(key := f"{told[i]:.9g}", {})
            if cost < of_node.get(node, LAST)[1]:
                of_node[node] = text, cost
            if key not in kept or cost < found[kept[key]][1]:
                kept[key] = i
    chosen = list(kept.values())
    found, values = [found[i] for i in chosen], values[chosen]
    return Table(
        [text for text, *_ in found], np.array([cost for _, cost, *_ in found]),
        [node for *_, node, _ in found], values, np.abs(values).astype(np.float32),
        [alike[key] for key in kept],
    )  # fmt: skip


def _forms(replay: Replay, shape: tuple[int, ...]) -> Iterator[Form]:
    yield "1", 0.3, "", np.ones(shape)
    for text, cost, key, value in _values(replay):
        for called, fitted, far in _fitted(text, value, shape):
            inside = called[1:-1] if called.startswith("(") and called.endswith(")") else called
            for form, (more, function) in FORMS.items():
                says = form.replace("({})", f"({inside})").replace("{}", called)
                made = function(fitted)  # Of 1 - p, p is a probability.
                odd = 0.1 if form.startswith("(1 - ") and made.max() > 1 else 0.0
                yield says, cost + more + far + odd, key, made
        for axis in range(value.ndim) if value.size > 1 else ():
            for words, (more, function) in POOLED.items():
                pooled = function(value, axis=axis, keepdims=value.ndim == len(shape))
                called = words.format(text, axis)
                for _, fitted, _ in _fitted(called, pooled, shape):
                    yield called, cost + more, key, fitted
                    yield f"1 / ({called})", cost + more + 0.1, key, 1 / fitted
                if value.shape == pooled.shape or not _fits(value, shape):
                    continue
                if value.ndim == len(shape):
                    if function is np.max:
                        called = f"the mask of the largest of {text} over axis {axis}"
                        yield called, cost + more, key, (value == pooled).astype(float)
                    elif function is np.mean:
                        yield f"({text} - {called})", cost + more, key, value - pooled
                    else:
                        yield f"{text} / ({called})", cost + more, key, value / pooled
                        there = (value != 0).astype(float)
                        called = f"({text} != 0) / its sum over axis {axis}"
                        total = there.sum(axis=axis, keepdims=True)
                        yield called, cost + more + 0.2, key, there / total
        if value.ndim == 2 and value.shape == shape and (np.diag(value) != 0).all():
            there = (value != 0) * (1.0 - np.eye(len(value), value.shape[1]))
            yield f"({text} != 0) without its diagonal", cost + 0.5, key, there
        if value.ndim and value.shape[0] > 1:
            for words, moved in (
                ("{}, that of the row before,", np.roll(value, 1, 0)),
                ("{}, that of the row after,", np.roll(value, -1, 0)),
                ("{}[::-1]", value[::-1]),
                ("{}[0], the first for all rows,", value[:1]),
                ("{}[-1], the last for all rows,", value[-1:]),
            )[0 if len(value) > 2 else 3 if value.ndim > 1 else 5 :]:
                for called, fitted, _ in _fitted(words.format(text), moved, shape):
                    yield called, cost + 0.5, key, fitted
        if value.ndim == 1 and value.size > 2 and value.std():
            called = f"({text} - its mean) / its deviation"
            for _, fitted, _ in _fitted(called, (value - value.mean()) / value.std(), shape):
                yield called, cost + 0.4, key, fitted


@remembered
def _values(replay: Replay) -> Iterator[Form]:
    """Return every tensor that can be called something, once, and softmaxes of what has a name."""
    seen: list[Array] = []
    for node in sorted(replay.graph, key=lambda node: not node.name):
        value = np.asarray(replay.values[node.id])
        text = text_of(replay.graph, node)
        if value.dtype.kind not in "fiub" or value.size > MOST_ENTRIES or "…" in text:
            continue
        value = value.astype(float)
        flat = value.size < 2 or (value == value.flat[0]).all()  # A factor of 1 is one.
        if flat or any(value.shape == x.shape and np.array_equal(value, x) for x in seen):
            continue
        seen.append(value)
        yield grouped(text), 0.0 if node.name else 0.2, node.id, value
        if node.name and node.id in replay.gradients and value.ndim and value.shape[-1] > 1:
            yield f"softmax({text})", 0.35, node.id, ops.softmax.forward(value, axis=-1)
    for x, node, axis in softmaxes(replay):
        unmasked = scores_of(replay, x, np.asarray(replay.values[node.id]) != 0)
        if unmasked is not None:
            plain = ops.softmax.forward(replay.values[unmasked.id], axis=axis)
            yield f"({text_of(replay.graph, node)} without its mask)", 0.3, node.id, plain


def _fitted(text: str, value: Array, shape: tuple[int, ...]) -> Iterator[tuple[str, Array, float]]:
    """Yield an array as it fits a shape, with axes put in where they are missing, or transposed.

    With each comes what it is called, and how far-fetched it is.
    """
    missing = len(shape) - value.ndim
    if missing < 0:
        return
    forms = [(text, value, 0.0)]
    forms += [
        (text, np.expand_dims(value, axes), 0.1)
        for axes in (itertools.combinations(range(len(shape)), missing) if missing else ())
        if axes != tuple(range(missing))
    ]
    if value.ndim == 2 and missing == 0:
        forms.append((f"{grouped(text)}.T", value.T, 0.1))
    yield from (form for form in forms if _fits(form[1], shape))


def _fits(value: Array, shape: tuple[int, ...]) -> bool:
    return all(n in (1, m) for n, m in zip(value.shape[::-1], shape[::-1], strict=False))


def pairs_of(replay: Replay, shape: tuple[int, ...]) -> Table:
    """Return products, quotients, sums and differences of two tensors that fit a shape."""
    if (pairs_of, shape) not in replay.known:
        forms = itertools.islice(_pairs(replay, shape), MOST_FORMS)
        replay.known[pairs_of, shape] = _as_table(forms, shape)
    found: Table = replay.known[pairs_of, shape]
    return found


def _pairs(replay: Replay, shape: tuple[int, ...]) -> Iterator[Form]:
    known = _values(replay)[:MOST_IN_PAIRS]
    fitting = [(called, cost + far, key, x) for text, cost, key, value in known
               for called, x, far in _fitted(text, value, shape)]  # fmt: skip
    for (p, cost, key, x), (q, far, other, y) in itertools.permutations(fitting, 2):
        if np.broadcast_shapes(x.shape, y.shape) != shape:
            continue
        forms = [(f"{p} / {q}", x / y)]
        if (key, p) < (other, q):
            forms += [(f"{p} * {q}", x * y), (f"({p} - {q})", x - y), (f"({p} + {q})", x + y)]
        yield from ((text, 0.5 + cost + far, key, value) for text, value in forms)
    tables = [form for form in known if form[3].ndim == 2 == len(shape)]
    for (p, cost, key, x), (q, far, _, y) in itertools.product(tables, tables):
        for text, one, two in ((f"{p} @ {q}", x, y), (f"{p}.T @ {q}", x.T, y),
                               (f"{p} @ {q}.T", x, y.T)):  # fmt: skip
            if one.shape[1] == two.shape[0] and (len(one), two.shape[1]) == shape:
                yield text, 0.5 + cost + far, key, one @ two


def arriving(replay: Replay, shape: tuple[int, ...], *, pairs: bool) -> Table:
    """Return the gradients at all tensors that fit a shape; or each times a tensor."""
    if (arriving, shape, pairs) not in replay.known:
        forms = itertools.islice(_arriving(replay, shape, pairs), MOST_FORMS)
        replay.known[arriving, shape, pairs] = _as_table(forms, shape)
    found: Table = replay.known[arriving, shape, pairs]
    return found


def _arriving(replay: Replay, shape: tuple[int, ...], pairs: bool) -> Iterator[Form]:
    for node in reversed(replay.graph):
        g, text = replay.gradients.get(node.id), text_of(replay.graph, node)
        if g is None or not 1 < g.size <= MOST_ENTRIES or "…" in text or g.dtype.kind != "f":
            continue
        text, cost = f"the gradient at {text}", 0.4 if node.name else 0.6
        pooled = [(f"{text}, summed over axis {k},", g.sum(k, keepdims=g.ndim == len(shape)))
                  for k in range(g.ndim)]  # fmt: skip
        for words, x in ((text, g), *pooled) if not pairs else ():
            for called, fitted, far in _fitted(words, x, shape):
                yield called, cost + far, node.id, fitted
        for name, more, _, x in _values(replay)[:MOST_IN_PAIRS] if pairs else ():
            far = cost + more + 0.3
            for (p, one, _), (q, two, _) in itertools.product(
                _fitted(f"({text})", g, shape), _fitted(name, x, shape)
            ):
                if np.broadcast_shapes(one.shape, two.shape) == shape:
                    yield f"{p} * {q}", far, node.id, one * two
                    yield f"{p} / {q}", far + 0.1, node.id, one / two
            for p, one, q, two in (
                (f"({text})", g, name, x), (f"({text})", g, f"{name}.T", x.T),
                (f"{name}.T", x.T, f"({text})", g),
            ) if g.ndim == x.ndim == 2 == len(shape) else ():  # fmt: skip
                if one.shape[1] == two.shape[0] and (len(one), two.shape[1]) == shape:
                    yield f"{p} @ {q}", far, node.id, one @ two


MOST_IN_PAIRS = 40
"""How many tensors are tried in pairs."""


class Share(NamedTuple):
    """A part of a sum, of entries that are not negative: the responsibility of a component."""

    text: str
    key: str
    value: Array
    of: list[tuple[str, Array]]


@remembered
def shares(replay: Replay) -> Iterator[Share]:
    """Return the shares that entries have in each sum of a computation."""
    for node in replay.graph:
        if node.primitive is not ops.sum or node.operands[0] not in replay.gradients:
            continue
        x, axis = replay.graph[node.operands[0]], node.parameters.get("axis")
        of = np.asarray(replay.values[x.id])
        if of.ndim < 2 or not isinstance(axis, int) or not (of > 0).all():
            continue
        share = of / of.sum(axis=axis, keepdims=True)
        if not any(same(share, replay.values[other.id]) for other in replay.graph):
            parts = [x, *(y for y in replay.graph.operands(x) if x.primitive is ops.multiply)]
            made = [(grouped(text_of(replay.graph, y)), replay.values[y.id]) for y in parts]
            made = [(text, y) for text, y in made if np.shape(y) == of.shape and (y > 0).all()]
            yield Share(f"{made[0][0]} / its sum over axis {axis}", x.id, share, made)


def others(replay: Replay, share: Share) -> Table:
    """Return what may stand in place of a share: a prior, what it is a part of, or the largest."""
    if (others, share.key) not in replay.known:
        shape = share.value.shape
        forms: list[Form] = [("1", 0.2, "", np.ones(shape)), *_normalised(share)]
        forms += [form for form in _values(replay) if form[3].shape == shape]
        replay.known[others, share.key] = _as_table(iter(forms), shape)
    found: Table = replay.known[others, share.key]
    return found


def _normalised(share: Share) -> Iterator[Form]:
    """Yield shares along another axis, or of a factor alone, and which share is the largest."""
    for (text, of), axis in itertools.product(share.of, range(share.value.ndim)):
        value = of / of.sum(axis=axis, keepdims=True)
        if not same(value, share.value):
            yield f"{text} / its sum over axis {axis}", 0.2, share.key, value
        largest = (of == of.max(axis=axis, keepdims=True)).astype(float)
        yield f"the mask of the largest {text} along axis {axis}", 0.2, share.key, largest


def value_of(replay: Replay, node: Node) -> Table:
    """Return a tensor itself, whatever it is called."""
    form = f"the value of {text_of(replay.graph, node)}", 0.1, node.id, replay.values[node.id]
    return _as_table(iter([form]), node.shape)


OF_TARGETS: dict[str, Callable[[Any], Any]] = {
    "np.exp({})": np.exp,
    "np.log({})": np.log,
    "np.log(1 + {})": np.log1p,
    "np.log(1 + np.exp({}))": lambda x: np.logaddexp(0, x),
    "{} ** 2": np.square,
    "np.mean({})": lambda x: np.full_like(x, x.mean()),
}
"""What of a target may be compared in its place."""


def _of_one_sample(text: str, cost: float, key: str, x: Array) -> Iterator[Form]:
    """Yield the first or the last row, or column, for all of them."""
    for axis, noun in zip(range(x.ndim), ("rows", "columns"), strict=False):
        for k in (0, -1) if x.shape[axis] > 1 else ():
            one = x.take([k], axis)
            if one.size > 1 or one.item() not in (0, 1):  # Without the target, or all but it.
                called = f"{text}[{':, ' * axis}{k}] for all {noun if x.ndim > 1 else 'entries'}"
                yield called, cost + 0.4, key, np.broadcast_to(one, x.shape)


def prediction_minus_target(
    replay: Replay, here: str, shape: tuple[int, ...], *, links: bool = True
) -> Table:
    """Return what may be compared at a tensor: some prediction minus some target.

    With `links`, a prediction may be a function of the tensor, as its sigmoid.
    """
    graph = replay.graph
    z = np.real(replay.values[here])
    name = grouped(text_of(graph, graph[here]))
    one: list[Form] = []
    values = _values(replay)
    for link, function in (LINKS | {"tanh": np.tanh}).items() if z.ndim and links else ():
        with np.errstate(all="ignore"):
            value = function(z)
        known = [(cost, text) for text, cost, _, x in values if x.shape == shape and same(x, value)]
        text = min(known)[1] if known else f"{link}({name})" if link else name
        one.append((text, -0.5, here, value))
    other = []
    for text, cost, key, value in values:
        if value.shape == shape and key != here:
            one.append((text, cost + 0.1, key, value))
        if key not in replay.gradients:
            for called, x, far in _fitted(text, value, shape):
                other.append((called, cost + far, key, x))
                other += _of_one_sample(called, cost + far, key, x)
                other += [(form.format(called), cost + 0.2, key, function(x))
                          for form, function in OF_TARGETS.items()]  # fmt: skip
            if value.size == np.prod(shape) and value.shape != shape:
                other.append((text, cost, key, value.reshape(shape)))
    for share in shares(replay):
        if share.value.shape == shape:
            other += [(share.text, 0.2, share.key, share.value), *_normalised(share)]
    return _as_table(
        (
            (f"({p} - {y})", cost + more + 0.1, key, x - target)
            for p, cost, key, x in one
            for y, more, there, target in other
            if there != key and target.any()
        ),
        shape,
    )
