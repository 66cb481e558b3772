"""Windows that are shifted, flipped, used with another stride, left out, or pooled otherwise.

A slip in a convolution or a pooling is another table of places: for what is put back, or for what
the gradient of a kernel is computed from.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.backward_steps import Step, always, steps
from autograd_lite.check.mistakes.made import AnotherPass, Made, Together
from autograd_lite.check.mistakes.registry import Array, Candidate, Case, Target, mistake
from autograd_lite.check.mistakes.repeated import recurrent
from autograd_lite.check.mistakes.replay import Edge, Replay
from autograd_lite.check.mistakes.texts import text_of
from autograd_lite.check.mistakes.windows import Windows, all_windows
from autograd_lite.graph import Node

REARRANGED = (ops.getitem, ops.reshape, ops.transpose, ops.stack, ops.concatenate)
"""What moves entries and computes nothing."""

FARTHEST = 2
"""By how many places windows are shifted around the end of an array."""

STRIDES = (1, 2, 3)
"""What is tried as a stride, besides the length of a window."""

Change = Callable[[Array], Array]

Moved = Callable[[Array], tuple[Array, Array]]
"""What becomes of the numbers in a table: those, and where they are."""

Slip = tuple[str, float, Moved]
"""What is wrong, how far-fetched it is, and what it does."""

KEPT = {
    "only the first counts": slice(0, 1),
    "only the last counts": slice(-1, None),
    "the first is left out": slice(1, None),
    "the last is left out": slice(0, -1),
    "the first and the last are left out": slice(1, -1),
    "only the middle one counts": None,
}


@mistake("windows", "What comes back to a window is put where it was picked.", last=True)
def wrong_windows(case: Case, target: Target) -> Iterator[Candidate]:
    """Put windows back at other places, or compute a kernel's gradient from others."""
    replay = case.replay
    if not target.fits:
        return
    for w in all_windows(replay):
        if recurrent(replay).issuperset([w.key, *(node.id for node in w.nodes)]):
            continue  # What is wrong there is wrong at every step.
        reached = all(node.id in replay.gradients for same in w.alike for node in same)
        if w.key is not None and reached and target.id in replay.behind(w.key):
            yield from _put_back(replay, w, w.key)
        yield from _used(replay, w, target)
    yield from _cropped(case, target)


def _put_back(replay: Replay, w: Windows, key: str) -> Iterator[Candidate]:
    """Put what comes back to windows at other places, or give it to other entries of each."""
    arrived = [sum(np.asarray(replay.gradients[x.id]) for x in same) for same in w.alike]
    g = np.array(arrived).reshape(w.sizes)
    part = sum(np.asarray(replay.parts[node.id, 0]) for same in w.alike for node in same)
    right, shape = w.places(), w.value.shape

    def filled(numbers: Array, places: Array) -> Array:
        inside = w.holds(places)
        made = np.zeros(shape)
        np.add.at(made, tuple(x[inside] for x in places), numbers[inside])
        return made

    def slipped(slip: Moved) -> Array:
        return filled(*slip(g))

    def assigned() -> Array:
        made = np.zeros(shape)
        made[tuple(x[g != 0] for x in right)] = g[g != 0]
        return made

    def changed(change: Change) -> Array:
        return filled(change(g), right)

    def made(text: str, cost: float, instead: Callable[[], Array]) -> Candidate:
        return Candidate(text, cost, predict=Made(replay, key, instead, part))

    whence = "its windows" if w.paired() else text_of(replay.graph, w.nodes[0])
    for text, cost, slip in _slips(w):
        text = f"what comes back to {w.name} from {whence} is put back {text}"
        yield made(text, cost, partial(slipped, slip))
    for text, cost, change in _subsets(w):
        text = f"on the way back to {w.name}, {text}"
        yield made(text, cost, partial(changed, change))
    if not g.all():
        text = f"where several windows of {w.name} choose one entry, the last overwrites the others"
        yield made(f"{text}: = in place of +=", 0.9, assigned)


def _used(replay: Replay, w: Windows, target: Target) -> Iterator[Candidate]:
    """Use other windows in what comes back to what they are multiplied by."""
    moved, edges = _multiplied(replay, w, target)
    if not edges:
        return
    here = w.value[tuple(w.places())]
    by_key: dict[str, list[Edge]] = {}
    for edge in edges:
        by_key.setdefault(replay.operand(edge), []).append(edge)

    def made(change: Callable[[], Array]) -> Together:
        known: dict[str, Any] = {}

        def sent(edge: Edge) -> Any:
            if not known:
                table = change().reshape(w.shape)
                for same, piece in zip(w.alike, table, strict=True):
                    known.update({x.id: piece.reshape(x.shape) for x in same})
                for node in moved:
                    used = [known.get(x, replay.values[x]) for x in node.operands]
                    assert node.primitive is not None  # It has operands.
                    known[node.id] = node.primitive.forward(*used, **node.parameters)
            operands = replay.graph[edge[0]].operands
            rule = replay.rule(
                edge, operands={i: known[x] for i, x in enumerate(operands) if x in known}
            )
            return replay.sent(edge, replay.gradients[edge[0]], rule)

        def all_sent(some: list[Edge]) -> Made:
            part = sum(np.asarray(replay.parts[edge]) for edge in some)
            return Made(replay, replay.operand(some[0]), lambda: sum(map(sent, some)), part)

        return Together([all_sent(some) for some in by_key.values()])

    def taken(slip: Moved) -> Array:
        numbers, places = slip(here)
        if numbers is not here:
            return np.asarray(numbers)
        limits = np.array(w.value.shape).reshape(-1, *(1,) * len(w.axes)) - 1
        return np.where(w.holds(places), w.value[tuple(np.clip(places, 0, limits))], 0.0)

    for text, cost, slip in _slips(w):
        text = f"the windows of {w.name} are used {text}"
        yield Candidate(text, cost, predict=made(partial(taken, slip)))
    for text, cost, keep in _subsets(w):
        if "entries of each" not in text:
            text = f"on the way back from the windows of {w.name}, {text}"
            yield Candidate(text, cost, predict=made(partial(keep, here)))


def _multiplied(replay: Replay, w: Windows, target: Target) -> tuple[list[Node], list[Edge]]:
    """Return what windows are rearranged to, and the edges back to what they are multiplied by."""
    moved, there, edges = list[Node](), {x.id for same in w.alike for x in same}, list[Edge]()
    for node in replay.graph:
        if node.primitive is None or there.isdisjoint(node.operands):
            continue
        if node.primitive in REARRANGED:
            moved.append(node)
            there.add(node.id)
            continue
        for i, x in enumerate(node.operands):
            step = Step(replay, (node.id, i), node, replay.graph[x], node.primitive)
            back = x not in there and (node.id, i) in replay.parts
            if back and step.is_product and target.id in replay.behind(x):
                edges.append((node.id, i))
    return moved, edges


def _cropped(case: Case, target: Target) -> Iterator[Candidate]:
    """Cut a padding off at the wrong end, be it one that is joined to an array."""
    for step in steps(case, target):
        g, sizes = step.replay.gradients[step.node.id], np.array(step.operand.shape)
        start = 0 * sizes
        if step.primitive is ops.pad:
            start += np.broadcast_to(step.node.parameters["pad_width"], (len(sizes), 2))[:, 0]
        elif step.primitive is ops.concatenate:
            before = [step.replay.graph[x] for x in step.node.operands[: step.edge[1]]]
            axis = step.node.parameters.get("axis") or 0
            start[axis] = sum(x.shape[axis] for x in before)
        else:
            continue
        room = np.array(g.shape) - sizes
        for some, along in _each_and_all(np.flatnonzero(room).tolist()):
            for words, other in (
                ("at the end only", 0 * start),
                ("at the start only", room),
                ("half at either end", room // 2),
                ("one place too far on", start + 1),
                ("one place too early", start - 1),
            ):
                begins = np.where(np.isin(np.arange(len(sizes)), some), other, start)
                index = tuple(map(slice, begins, begins + sizes))
                moved = (begins >= 0).all() and not np.array_equal(begins, start)
                if moved and g[index].shape == step.operand.shape:
                    title = (
                        f"what {text_of(step.replay.graph, step.operand)} was padded with is cut "
                        f"off {words}{along} on the way back from {step.name}"
                    )
                    yield step.candidate(title, 0.9, always(g[index]))


# ------------------------------------------------------------------------ other tables


def _each_and_all(axes: Sequence[int], called: Sequence[int] = ()) -> Iterator[tuple[Any, str]]:
    """Yield each axis by itself, in words, and all of them."""
    for x in axes:
        yield [x], f" along axis {called[x] if called else x}" if len(axes) > 1 else ""
    if len(axes) > 1:
        yield axes, ""


def _slips(w: Windows) -> Iterator[Slip]:
    """Yield other tables of places, and what else becomes of the numbers in them."""
    right, sizes = w.places(), w.sizes
    along = [axis.along for axis in w.axes]
    inner, outer = w.inner, w.outer

    def changed(change: Change) -> Callable[[Array], tuple[Array, Array]]:
        return lambda g: (change(g), right)

    for axes, where in ((inner, "inside each window"), (outer, "from window to window")):
        for some, text in _each_and_all(axes, along):
            yield f"in reversed order {where}{text}: flipped", 1.0, changed(_flipped(some))
        for i, j in itertools.combinations(axes, 2):
            if sizes[i] == sizes[j]:
                text = f"with the axes {along[i]} and {along[j]} exchanged {where}"
                yield text, 1.0, changed(partial(np.swapaxes, axis1=i, axis2=j))
    for x in w.rest:
        yield f"in reversed order along axis {along[x]}", 1.2, changed(_flipped([x]))
    for x in outer:
        for k, word in ((1, "before"), (-1, "after")):
            yield (
                f"each at the place of the one {word} it",
                1.2,
                changed(partial(np.roll, shift=k, axis=x)),
            )
    rest = [([x], f" along axis {along[x]}") for x in w.rest]
    for ways, words in (
        (_each_and_all(inner, along), "with their {} entry in every place"),
        ([*_each_and_all(outer, along), *rest], "always at the {} place"),
    ):
        for some, text in ways:
            for which, at in (("first", 0), ("last", -1), ("middle", None)):
                there = right
                for k in some:
                    place = sizes[k] // 2 if at is None else at
                    there = np.repeat(np.take(there, [place], k + 1), sizes[k], k + 1)
                yield words.format(which) + text, 1.2, _to(there)
    yield from _moved(w, right)


def _moved(w: Windows, right: Array) -> Iterator[Slip]:
    """Yield windows that are shifted, or have another stride."""
    along, wide = [axis.along for axis in w.axes], (-1, *(1,) * len(w.axes))
    flat = right.reshape(len(right), -1)
    size, low, high = np.array(w.value.shape), flat.min(axis=1), flat.max(axis=1)
    half = np.zeros_like(size)
    for i in w.inner:
        half[along[i]] = w.sizes[i] // 2
    front = np.array([np.append(np.flatnonzero(w.value.any(tuple({*range(len(size))} - {d}))), 0)[0]
                      for d in range(len(size))])  # fmt: skip
    free = [d for d in range(len(size)) if high[d] - low[d] < size[d] - 1 or half[d]]
    seen = set()
    for some, text in _each_and_all(free):
        for words, by in (
            ("one place further on", np.ones_like(size)),
            ("one place too early", -np.ones_like(size)),
            ("two places further on", np.full_like(size, 2)),
            ("two places too early", np.full_like(size, -2)),
            ("from the very start", -low),
            ("up to the very end", size - 1 - high),
            ("centred", -half),
            ("as if nothing were padded in front", front),
        ):
            shift = np.where(np.isin(np.arange(len(size)), some), by, 0)
            if not shift.any() or tuple(shift) in seen:
                continue
            seen.add(tuple(shift))
            places = right + shift.reshape(wide)
            yield words + text, 1.1, _to(places)
            if np.abs(shift).max() <= FARTHEST:
                around = places % size.reshape(wide)
                yield f"{words}{text}, around the end", 1.2, _to(around)
    pairs = w.paired()
    for some, text in _each_and_all(range(len(pairs)), [along[i] for i, _ in pairs]):
        inside, between = ({pairs[k][side] for k in some} for side in (0, 1))
        for part, where in ((between, ""), (inside, " inside each window")):
            had = {w.axes[k].step for k in part}
            for s in sorted({*STRIDES, *(w.sizes[k] for k in inside)} - had):
                steps = [s if k in part else axis.step for k, axis in enumerate(w.axes)]
                was = ", ".join(map(str, sorted(had)))
                yield f"with stride {s} in place of {was}{where}{text}", 1.1, _to(w.places(steps))


def _to(places: Array) -> Callable[[Array], tuple[Array, Array]]:
    return lambda g: (g, places)


def _flipped(axes: Sequence[int]) -> Change:
    return lambda g: np.flip(g, tuple(axes))


def _kept(w: Windows, axes: Sequence[int], keep: slice | None) -> Change:
    mask = np.zeros(w.sizes)
    middle = [slice(n // 2, n // 2 + 1) for n in w.sizes]
    mask[tuple((keep or middle[k]) if k in axes else slice(None) for k in range(mask.ndim))] = 1.0
    return lambda g: g * mask


def _subsets(w: Windows) -> Iterator[tuple[str, float, Change]]:
    """Yield which windows, which entries of each, or which rows of an array may count alone."""
    along = [axis.along for axis in w.axes]
    for axes, noun in ((w.outer, "windows"), (w.inner, "entries of each window")):
        for some, text in _each_and_all(axes, along):
            n, count = w.sizes[some[0]], " x ".join(str(w.sizes[k]) for k in some)
            for words, keep in KEPT.items():
                if n > 2 or words.startswith("only"):
                    yield f"of the {count} {noun}{text}, {words}", 1.0, _kept(w, some, keep)
            for m in range(2, n - 1) if noun.startswith("entries") else ():
                first = " x ".join([str(m)] * len(some))
                words = f"of the {count} {noun}{text}, only the first {first} count"
                yield words, 1.2, _kept(w, some, slice(0, m))
    for x in w.rest:
        for words, keep in KEPT.items():
            text = f"of the {w.sizes[x]} slices along axis {along[x]}, {words}"
            yield text, 1.1, _kept(w, [x], keep)


# ------------------------------------------------------------------------ pooling


@mistake("pooling", "The largest entry of a window gets all of the gradient, the others none.")
def wrong_pooling(case: Case, target: Target) -> Iterator[Candidate]:
    """Send what arrives at a maximum to all of its window, on average, or to the first entry."""
    if case.replay.has_ties:
        each = Replay(case.replay.graph, ties="all").gradients
        title = "where several entries are the largest, each of them gets all of the gradient"
        yield Candidate(title, 0.55, predict=AnotherPass(lambda other: each.get(other.id)))
    alike: dict[Any, list[Step]] = {}
    for step in steps(case, target):
        yield from _one_of_window(step)
        source = step.operand.operands[0] if step.operand.primitive is ops.getitem else step.edge
        how = step.primitive, source, repr(step.node.parameters)
        alike.setdefault(how, []).append(step)
    for pieces in alike.values():  # Windows that a loop cuts out are pooled one by one.
        for found in zip(*(_pooled(step, len(pieces) > 1) for step in pieces), strict=False):
            made = [x.predict for x in found if isinstance(x.predict, Made)]
            yield replace(found[0], predict=Together(made) if len(made) > 1 else made[0])


def _pooled(step: Step, piece: bool) -> Iterator[Candidate]:
    """Send what arrives at a maximum, or at that of some, elsewhere; be it that of one `piece`."""
    inner, wide, window = step.node, step.replay.gradients[step.node.id], tuple[int, ...]()
    while inner.primitive in (ops.max, ops.min, ops.mean):
        (operand,) = step.replay.graph.operands(inner)
        ndim, axis = len(operand.shape), inner.parameters.get("axis")
        axes = range(ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
        axes = tuple(k % ndim for k in axes)
        kept = list(range(ndim))
        if not inner.parameters.get("keepdims", False):
            wide, kept = np.expand_dims(wide, axes), [k for k in kept if k not in axes]
        window = tuple(sorted({*axes, *(kept[k] for k in window)}))
        yield from _of_windows(step, inner, operand, wide, window, piece)
        if operand.primitive is not step.primitive or len(step.replay.graph.consumers(operand)) > 1:
            break
        inner = operand  # The largest of some largest entries is one of all.


def _of_windows(
    step: Step, inner: Node, operand: Node, wide: Any, window: tuple[int, ...], piece: bool
) -> Iterator[Candidate]:
    """Send what arrives, which has 1 entry for each window, to other entries of it."""
    x, mean = np.asarray(step.replay.values[operand.id]), step.primitive is ops.mean
    if mean and len(window) == x.ndim and not piece:
        return  # The mean of everything has no windows.
    everywhere, first = np.broadcast_to(wide, x.shape), np.zeros(x.shape)
    first[tuple(slice(0, 1) if k in window else slice(None) for k in range(x.ndim))] = wide
    count = int(np.prod([x.shape[k] for k in window]))
    before, whose = text_of(step.replay.graph, operand), step.name
    if piece:
        whole = step.replay.graph[operand.operands[0]]
        before, whose = text_of(step.replay.graph, whole), f"its {step.primitive.name}"
    gets = f"of each window in {before} gets the gradient of {whose}"
    found = [(f"the first entry {gets}", first), (f"the last entry {gets}", np.flip(first, window))]
    if all(k and k - 1 not in window for k in window):  # A reshape has cut them out.
        kept = [k for k in range(x.ndim) if k not in window]
        copies = [x.shape[k + 1] if k + 1 in window else 1 for k in kept]
        tiled = np.tile(np.squeeze(wide, window), copies).reshape(x.shape)
        title = f"the gradient of {whose} is put into {before} by np.tile, not by np.repeat"
        found.append((title, tiled))
    if mean:
        largest = everywhere * (x == x.max(window, keepdims=True))
        found.append((f"the largest entry {gets}: that of a maximum, not of a mean", largest))
    else:
        worst, *words = np.min, "smallest", "largest"
        if step.primitive is ops.min:
            worst, *words = np.max, "largest", "smallest"
        spread = f"the gradient of {whose} is spread over the window in {before}"
        found += [
            (f"every entry {gets}", everywhere),
            (f"the {words[0]} entries of {before} get the gradient of {whose}, not the {words[1]}",
             everywhere * (x == worst(x, axis=window, keepdims=True))),
            (f"{spread}, as that of a mean", everywhere / count),
            (f"the entries of each window in {before} stand in place of the mask of the largest",
             everywhere * x),
        ]  # fmt: skip
        if 0 not in window:
            mask = np.broadcast_to(_chosen(step, x, window)[:1], x.shape)
            where = "the places of the largest entries of the first row"
            found.append((f"{where} are those of all in {before}", everywhere * mask))
    for title, sent in found:
        share = f"only {title}".replace("gets the", "gets its share of the")
        if share == f"only {title}":
            share = f"{title}, divided by {count}"
        for text, part in ((title, sent), (share, sent / count))[: 1 + mean]:
            made = Made(step.replay, operand.id, part, step.replay.parts[inner.id, 0])
            yield Candidate(text, 0.8 + 0.1 * (part is not sent), predict=made)


def _chosen(step: Step, x: Any, window: tuple[int, ...]) -> Any:
    """Return where the largest entry of each window is, or the first of several."""
    ends = tuple(range(-len(window), 0))
    moved = np.moveaxis(x if step.primitive is ops.max else -x, window, ends)
    flat = moved.reshape(*moved.shape[: -len(window)], -1)
    hot = np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]
    return np.moveaxis(hot.reshape(moved.shape), ends, window)


def _one_of_window(step: Step) -> Iterator[Candidate]:
    """Use one entry of each window forwards, where all of them count."""
    replay, pooled = step.replay, step.other
    if pooled is None or pooled.primitive not in (ops.mean, ops.max, ops.min):
        return
    axis, x = pooled.parameters.get("axis"), replay.values[pooled.operands[0]]
    if not isinstance(axis, int) or np.shape(x)[axis] < 2:
        return
    before = text_of(replay.graph, replay.graph[pooled.operands[0]])
    for which, i in (("first", 0), ("last", -1)):
        one = np.take(x, [i] if pooled.parameters.get("keepdims") else i, axis)
        title = f"the {which} of {before} along axis {axis} is used in place of "
        yield step.candidate(title + text_of(replay.graph, pooled), 1.0, step.using(one))
