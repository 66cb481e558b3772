"""Gradients that are a difference: prediction minus target."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.made import Made
from autograd_lite.check.mistakes.registry import Array, remembered
from autograd_lite.check.mistakes.repeated import Tries
from autograd_lite.check.mistakes.replay import Replay, is_shifted
from autograd_lite.check.mistakes.texts import grouped, text_of
from autograd_lite.graph import Graph, Node


@dataclass(frozen=True, eq=False)
class Difference:
    """The gradient at the node `key` if it is ``c * (p - y)``, prediction minus target.

    The prediction is the `link` of the node, as its softmax; in all arrays, the classes are last.
    """

    key: str
    link: str
    p: Array
    y: Array
    p_text: str
    y_text: str
    c: Any
    axis: int = -1

    def instead(self, replay: Replay, wrong: Callable[[], Any]) -> Made:
        """Return the mistake with something else in the place of the difference."""
        return Made(
            replay,
            self.key,
            lambda: along(wrong(), self.axis),
            lambda: along(self.right, self.axis),
        )

    @functools.cached_property
    def right(self) -> Any:
        """The difference, with its factor."""
        return self.c * (self.p - self.y)


def along(x: Any, axis: int) -> Any:
    """Return an array with its last axis put in another place."""
    return x if axis == -1 else np.swapaxes(x, axis, -1)


LINKS: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda z: ops.softmax.forward(z, axis=-1),
    "sigmoid": ops.sigmoid.forward,
    "exp": np.exp,
    "": lambda z: z,
}


@remembered
def differences(replay: Replay) -> Iterator[Difference]:
    """Return the gradients that are a difference, the one closest to the loss first."""
    graph = replay.graph
    targets = [
        node
        for node in graph
        if (node.name or (node.id not in replay.gradients and not _is_data(graph, node)))
        and np.asarray(node.value).dtype.kind in "fiub"
    ]
    alike: dict[tuple[int, ...], list[Array]] = {}
    for node in targets:
        w = np.asarray(node.value, float)
        if node.shape and node.id not in replay.gradients and w.size <= MOST_WEIGHTS and np.ptp(w):
            alike.setdefault(w.shape, []).append(w)
    weights = {shape: np.stack(some) for shape, some in alike.items()}
    tries = Tries(replay)

    def late(node: Node) -> tuple[bool, int]:  # What is shifted, after what it was before.
        return is_shifted(graph, node), -replay.position[node.id]

    for node in sorted(graph, key=late):
        same_again = is_shifted(graph, node) or node.primitive is ops.negative
        if same_again and not node.name:
            continue  # What comes back is that of what it was before.
        g = replay.gradients.get(node.id)
        z = np.asarray(replay.values[node.id])
        if g is None or g.shape != z.shape or not g.any() or z.size < 2:
            continue
        if (d := _beside_others(replay, node, z, g)) is not None:
            yield d
        for link, axis in _links(z, g):
            p, h = LINKS[link](along(z, axis)), along(g, axis)
            if not np.isfinite(p).all():
                continue
            seen: list[Array] = []
            for target in targets if tries.are_left(node, link, axis) else ():
                y = np.asarray(replay.values[target.id], float)
                if not y.ndim or np.size(y) != np.size(p) or node.id in replay.behind(target.id):
                    continue
                if not link and not y.any():
                    continue  # Nothing is subtracted: the start of a loop, say.
                if y.ndim == p.ndim:
                    y = along(y, axis)
                if y.shape != p.shape:
                    y = y.reshape(p.shape)
                signs = link == "sigmoid" and np.isin(y, (-1, 1)).all()
                for form in ((1 + y) / 2, (1 - y) / 2) if signs else (y,):
                    c: Any = multiple(h, p - form)
                    if np.ptp(p - form) <= 1e-9 * np.abs(p).max():
                        continue  # As of 1 + x and x: a constant is not an error.
                    if c is None and form.any():
                        c = _weights(h, p - form, form, weights)
                    if c is not None and not any(np.array_equal(form, x) for x in seen):
                        p_text = _text_of_prediction(replay, node, link, p, axis)
                        text = target.name or grouped(text_of(graph, target))
                        text = "the target" if "array of" in text else text
                        text = "the 0 or 1 of the label" if signs else text
                        yield Difference(node.id, link, p, form, p_text, text, c, axis)
                        seen.append(form)
            tries.note(node, seen, link, axis)
            for y in (np.ones_like(p), np.zeros_like(p)) if link == "sigmoid" and not seen else ():
                c = multiple(g, p - y)
                if c is not None:
                    p_text = _text_of_prediction(replay, node, link, p)
                    yield Difference(node.id, link, p, y, p_text, f"{y.flat[0]:g}", c)
            if link == "softmax" and not seen:
                found = _of_labels(g, p)
                if found is not None:
                    p_text = _text_of_prediction(replay, node, link, p, axis)
                    plain = np.isin(found[0], (0, 1)).all()
                    one_hot = "the one-hot of the labels"
                    one_hot = one_hot if plain else "the mean of the one-hots of the labels"
                    yield Difference(node.id, link, p, found[0], p_text, one_hot, found[1], axis)


def _beside_others(replay: Replay, node: Node, z: Array, g: Array) -> Difference | None:
    """Return a prediction minus a target, if the prediction gets a gradient from elsewhere, too."""
    if node.primitive is not ops.subtract:
        return None
    sides = replay.graph.operands(node)
    (p, y), sign = (sides, 1.0) if sides[0].id in replay.gradients else (sides[::-1], -1.0)
    alike = p.shape == y.shape == node.shape and y.id not in replay.gradients
    used = [x for x in replay.graph.consumers(p) if x.id in replay.gradients]
    c = multiple(g, z) if alike and p.id in replay.gradients and len(used) > 1 else None
    if c is None:
        return None
    one, two = (np.asarray(replay.values[x.id], float) for x in (p, y))
    texts = [text_of(replay.graph, x) for x in (p, y)]
    return Difference(node.id, "", one, two, texts[0], texts[1], sign * c)


def _is_data(graph: Graph, node: Node) -> bool:
    """Return whether an array is only multiplied by weights, be it one entry of a kernel."""
    users = graph.consumers(node)
    others = [graph[x] for user in users for x in user.operands if x != node.id]
    picked = [graph[x.operands[0]] if x.primitive is ops.getitem else x for x in others]
    return all(
        len(user.operands) == 2 == len(user.primitive.linear) for user in users if user.primitive
    ) and (bool(picked) and all(x.kind == "parameter" for x in picked))


def _links(z: Array, g: Array) -> Iterator[tuple[str, int]]:
    """Yield how a prediction may come from a node, and along which axis."""
    for link in LINKS:
        if link != "softmax" or z.shape[-1] > 1:
            yield link, -1
    columns = z.ndim > 1 and z.shape[-2] > 1
    if columns and np.abs(g.sum(-2)).max() <= 1e-9 * np.abs(g).max() * z.shape[-2]:
        yield "softmax", -2


def multiple(g: Array, difference: Array) -> float | None:
    """Return the number by which one array is a multiple of another."""
    flat, other = np.ravel(difference), np.ravel(g)
    size, along = flat @ flat, flat @ other
    if not size or along * along < 0.999 * size * (other @ other):  # The directions differ.
        return None
    c = float(along / size)
    gap = np.abs(g - c * difference).max()
    return c if c and gap <= 1e-9 * np.abs(g).max() + 1e-7 * digits_of(g) else None


MOST_WEIGHTS = 10_000
"""Of how many entries an array may be what a difference is weighted by."""


def _weights(
    g: Array, difference: Array, y: Array, weights: Mapping[tuple[int, ...], Array]
) -> Array | None:
    """Return by which multiple of an array, of the entries or of the rows, a difference goes."""
    rows = (*g.shape[:-1], 1)
    shapes = [shape for shape in (g.shape, rows, rows[:-1]) if shape in weights]
    if g.size <= MOST_LEVELS or not shapes:
        return None
    most = np.abs(g).ravel().argpartition(-2)[-2:]  # They tell most that differ apart.
    (a, b), (c, d) = g.ravel()[most], difference.ravel()[most]
    for shape in shapes:
        some = weights[shape]
        places = most if shape == g.shape else most // g.shape[-1]
        one, two = (some.reshape(len(some), -1)[:, places] * (c, d)).T
        near = np.abs(a * two - b * one) <= 1e-6 * np.maximum(np.abs(a * two), np.abs(b * one))
        for k in np.flatnonzero(near & (one * two != 0)):
            w = some[k].reshape(g.shape if shape == g.shape else rows)
            times = multiple(g, w * difference)
            if times is not None and (w * y).any():
                scaled: Array = times * w
                return scaled
    return None


MOST_LEVELS = 4
"""Of fewer entries, an array may be proportional to another by chance."""


def digits_of(g: Array) -> float:
    """Return the rounding of an array relative to its largest entry."""
    return float(np.finfo(g.dtype).eps * np.abs(g).max()) * 100 if g.dtype.kind == "f" else 0.0


def _of_labels(g: Array, p: Array) -> tuple[Array, Any] | None:
    """Return the one-hot of the labels, and `c`, if ``g`` is ``c (softmax(z) - one_hot)``."""
    rows, gs = (x.reshape(-1, p.shape[-1]) for x in (p, g))
    with np.errstate(all="ignore"):
        ratio = gs / rows
    # All entries of a row have the ratio c, but that of the label, which is smaller.
    c = ratio.max(axis=1, keepdims=True)
    if rows.shape[1] > 2:  # Also where a negative number multiplies the row.
        c = np.median(ratio, axis=1, keepdims=True)
    masked: Any = ~gs.any(axis=1)  # Rows that do not count.
    if not np.isfinite(c).all() or not c[~masked].all() or 2 * masked.sum() > len(c):
        return None
    if rows.shape[1] < 3 and not (c[~masked] > 0).all():
        return None
    if np.abs(c).max() > 1e6 * np.abs(gs).max():
        return None  # One entry has all of the probability: anything would fit.
    y = rows - gs / np.where(masked[:, None], 1, c)
    y[masked] = np.arange(rows.shape[1]) == 0
    several = next((k for k in range(1, MOST_LABELS) if np.abs(k * y - np.round(k * y)).max()
                    < 1e-7), 0)  # fmt: skip
    one_hot = np.round(several * y) / max(several, 1)
    if not several or (one_hot < 0).any() or np.abs(one_hot.sum(axis=1) - 1).max() > 1e-9:
        return None
    alike = np.allclose(c, c[0], rtol=1e-9)
    return one_hot.reshape(p.shape), float(c[0, 0]) if alike else c.reshape((*p.shape[:-1], 1))


MOST_LABELS = 7
"""How many labels of a row may be added up, but for one."""


def _text_of_prediction(replay: Replay, node: Node, link: str, p: Array, axis: int = -1) -> str:
    """Return what a prediction is called: by its name, or as the function of a node."""
    text = text_of(replay.graph, node)
    return _text_of_value(replay, along(p, axis)) or (f"{link}({text})" if link else text)


def _text_of_value(replay: Replay, value: Array) -> str | None:
    """Return what a value is called, if it occurs."""
    for node in replay.graph:
        other = np.asarray(replay.values[node.id])
        if other.shape == value.shape and np.allclose(other, value, rtol=1e-9, atol=1e-12):
            return text_of(replay.graph, node)
    return None
