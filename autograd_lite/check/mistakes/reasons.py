"""What a factor can come from: the number that is wrong, and the lengths and numbers there are."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from autograd_lite import ops
from autograd_lite.check.mistakes.registry import Case
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.core.notation import ATOM, LOOSE
from autograd_lite.graph import Graph, Node, write
from autograd_lite.ops.writing import Written

MOST_LENGTHS = 12

MOST_NUMBERS = 10_000
"""Of how many entries a mask is told."""


MOST_PARAMETERS = 3
"""Up to how many numbers of an array are each a parameter, and not an entry of many."""


MOST_SQUARE = 10_000
"""Up to which number a root is told by its digits."""


T = TypeVar("T")


def found_once(find: Callable[[Case], T]) -> Callable[[Case], T]:
    """Decorate what is found once of each computation."""

    @functools.wraps(find)
    def found(case: Case) -> T:
        kept = case.replay.known
        if (find, case.batch) not in kept:
            kept[find, case.batch] = find(case)
        value: T = kept[find, case.batch]
        return value

    return found


def shown(number: float) -> str:
    """Write a number: as a fraction, where it is one and its decimals would hide it."""
    short = f"{number:.4g}"
    if not np.isfinite(number) or abs(float(short) - number) <= 1e-11 * abs(number):
        return f"{number:.9g}" if "e+" in short else short
    whole = Fraction(round(number)) if abs(number) > 1 else Fraction(1, round(1 / number))
    for fraction in (Fraction(number).limit_denominator(1000), whole):
        if fraction and abs(float(fraction) / number - 1) < 1e-9:
            return str(fraction)
    small = 0 < number < 1
    square = (1 / number if small else number) ** 2
    if number > 0 and square < MOST_SQUARE and abs(square / round(square) - 1) < 1e-13:
        return f"{'1 / ' if small else ''}np.sqrt({round(square)})"
    return f"{number:.6g}"


@found_once
def lengths(case: Case) -> list[int]:
    """Return the lengths of axes that occur in a computation, and products of two of one array."""
    found: dict[int, None] = {case.batch: None} if case.batch > 1 else {}
    for node in case.replay.graph:
        for n in (*node.shape, int(np.prod(node.shape))):
            if n > 1:
                found[n] = None
    steps = case.replay.uses
    found.update({n: None for n in steps if n > 1})
    return list(found)[:MOST_LENGTHS]


@found_once
def blocks(case: Case) -> dict[str, int]:
    """Return the numbers of entries of two neighbouring axes, as of an image, by its sides."""
    shapes = {node.shape for node in case.replay.graph}
    pairs = {pair for shape in shapes for pair in itertools.pairwise(shape) if min(pair) > 1}
    return {f"{n} x {m}": n * m for n, m in sorted(pairs)[:MOST_LENGTHS]}


def or_a_half(case: Case, key: str | None = None) -> str:
    """Return what a factor 2 may be besides, if something on the way to `key` is halved."""
    replay = case.replay
    for node in replay.graph:
        on_the_way = any(
            x.id in replay.gradients and (key is None or key in replay.behind(x.id))
            for x in replay.graph.consumers(node)
        )
        if not on_the_way:
            continue
        value = np.asarray(node.value)
        if node.primitive is None and 0 < value.size <= MOST_NUMBERS and value.dtype.kind == "f":
            levels = np.unique(np.abs(value))
            if levels[-1] == 0.5 and (levels[:-1] == 0).all() and node.kind != "parameter":
                return f", or the factor {node.name or 0.5} is missing"
    return ""


def other_divisor(case: Case, factor: float, key: str | None = None) -> str:
    """Return the words for a division by another length, or "" if none gives this factor.

    The number of entries in place of the number of rows, say. With `key`, only what this node is
    computed from is searched for lengths.
    """
    found, means = list[tuple[int, int]](), averaged(case)
    replay = case.replay
    for node in replay.graph:
        if key is not None and node.id not in replay.behind(key):
            continue
        counts = {n for n in (*node.shape, int(np.size(node.value))) if n > 1}
        if node.primitive is not None and len(node.shape) > 1:
            pairs = itertools.product(counts, counts & means)
            found += [(n, right) for n, right in pairs if within(factor, right / n)]
    n, right = max(found, key=lambda pair: pair[1], default=(0, 0))  # All: that is the loss's.
    return f"divided by {n} where {right} belongs" if n else ""


@found_once
def numbers(case: Case) -> dict[float, bool]:
    """Return the numbers that stand in a computation, and whether one divides by them."""
    found: dict[float, bool] = {}
    for node in case.replay.graph:
        if node.kind == "constant" and not np.ndim(node.value):
            number = abs(float(np.real(node.value)))
            users = case.replay.graph.consumers(node)
            divides = any(x.primitive is ops.divide and x.operands[1] == node.id for x in users)
            usual = (0.0, 1.0, 2.0) if divides else (0.0, 1.0, 2.0, 0.5)
            if number not in usual and np.isfinite(number):
                found[number] = divides
    return found


@found_once
def averaged(case: Case) -> set[int]:
    """Return the numbers of entries that a computation averages over."""
    found = {int(k) for k, divides in numbers(case).items() if divides and float(k).is_integer()}
    replay = case.replay
    for node in replay.graph:
        means = node.primitive in (ops.mean, ops.var)
        if means or node.parameters.get("reduction") == "mean":
            size = np.size(replay.values[node.operands[0]])
            found.add(int(size / max(1, np.size(node.value))))
        else:
            found |= divided_by(case, node)
    return found


def divided_by(case: Case, node: Node) -> set[int]:
    """Return the lengths by which something is divided, maybe with a 2, or 1/n of which it is."""
    replay, found = case.replay, set[int]()
    if node.primitive not in (ops.divide, ops.multiply):
        return found
    divides = node.primitive is ops.divide
    sums = [x for x in replay.graph.operands(node) if x.primitive is ops.sum]
    known = {*lengths(case)} - {2}
    if sums:  # 1/n of a sum is a mean, if it has n terms, or rows.
        (added,) = replay.graph.operands(sums[0])
        known &= {*added.shape, np.size(added.value)}
    for x in node.operands[1:] if divides else node.operands:
        k = replay.values[x]
        if np.size(k) == 1 and replay.graph[x].primitive is None and (k := float(np.abs(k).max())):
            n = k if divides else 1 / k
            sizes = known | {case.batch} - {0, 1}
            found |= {m for m in sizes if within(n, m) or (within(n, 2 * m) and m == case.batch)}
    return found


def chosen_ones(case: Case, factor: float, averages: set[int]) -> Iterator[str]:
    """Yield over which entries one may average, of those that are not 0: a hinge's, a mask's."""
    sizes = lengths(case)
    for n, k, text in _zeros(case):
        times = n / k if n in averages else 0.0
        if within(factor, times) or (k not in sizes and within(factor, 1 / k)):
            belongs = f" where {n} belongs" if within(factor, times) else ""
            zeros = f"the entries of {text} that are not 0"
            yield (
                f"divided by {k}{belongs}: a length, or {zeros}"
                if k in sizes
                else f"divided by {k}, {zeros}{belongs and ','}{belongs}"
            )
            return


@found_once
def _zeros(case: Case) -> list[tuple[int, int, str]]:
    """Return of hinges and masks how many entries there are, how many are not 0, and the name."""
    found, uses = [], case.replay.uses
    for node in case.replay.graph:
        value = np.asarray(node.value)
        k = int(np.count_nonzero(value)) if value.size <= MOST_NUMBERS else 0
        gate = node.primitive in (ops.maximum, ops.where)
        simpler = not node.name and k in (*lengths(case), *uses)
        if 0 < k < value.size and not simpler and (gate or set(np.unique(value)) == {0, 1}):
            found.append((value.size, k, node.name or f"the array of shape {node.shape}"))
    return found


@found_once
def scalars(case: Case) -> list[tuple[str, float, bool]]:
    """Return names and values of single numbers and of scales of masks, and which are factors."""
    graph, found = case.replay.graph, list[tuple[str, float, bool]]()
    for node in graph:
        if node.primitive is ops.getitem and graph.operands(node)[0].value.size > MOST_PARAMETERS:
            continue
        multiplies = any(x.primitive in (ops.multiply, ops.divide) for x in graph.consumers(node))
        if node.primitive is not None and node.value.size == 1 and node.value.dtype.kind == "f":
            text = node.name or (_called(graph, node) if multiplies else "")
            if text and node is not graph.outputs[0]:
                found.append((text, abs(float(node.value.flat[0])), multiplies))
        elif node.primitive is None and np.asarray(node.value).dtype.kind == "f":
            numbers = np.abs(np.ravel(node.value)[:MOST_NUMBERS])
            if node.name and numbers.size == 1:
                found.append((node.name, float(numbers[0]), multiplies))
            elif np.ndim(node.value) and len(some := np.unique(numbers)) == 2 and not some[0]:
                text = node.name or f"the mask of shape {node.shape}"
                found.append((f"{some[1]:.6g} that {text} scales by", float(some[1]), True))
    return [x for x in found[:MOST_LENGTHS] if x[1] not in (0.0, 0.5, 1.0, 2.0)]


def within(a: float, b: float) -> bool:
    """Return whether two numbers are equal up to rounding."""
    return abs(a - b) <= 1e-6 * abs(b)


def reasons(
    case: Case, factor: float, key: str | None = None, at: str = ""
) -> Iterator[tuple[str, float]]:
    """Yield in words what a factor can come from, and how far-fetched that is.

    With `key`, that of the term that this node is; with `at`, that of what comes through a node.
    """
    a = abs(factor)
    divisor = other_divisor(case, a, key) if key is not None else ""
    divisor = f", or {divisor}" if divisor else ""
    if within(a, 0.5):
        there = twos(case, key or at or case.replay.graph.outputs[0].id)
        far = 0.1 if there else 0.395  # A ratio of two lengths explains it better.
        yield f"a factor 2 is missing{divisor}", far
    if within(a, 2):
        yield f"a factor 2 too many{or_a_half(case)}{divisor}", 0.1
    if case.lr is not None and case.lr != 1 and within(a, case.lr):
        yield f"the learning rate {case.lr:g} is in it already", 0.1
    known, replay, sizes = numbers(case), case.replay, lengths(case)
    if key is not None:
        known = {k: divides for k, divides in known.items()
                 if any(_concerns(replay, x, key) for x in users_of(case, k))}  # fmt: skip
    plain = {k: divides for k, divides in known.items()
             if _divisor(k, divides) not in sizes}  # fmt: skip
    for k, divides in plain.items():
        yield from _of_number(case, a, k, divides, key is not None)
    some = [(f"{k:g}", k) for k in sorted(plain)[:MOST_LENGTHS]]
    some += [(text, k) for text, k, multiplies in scalars(case) if multiplies]
    for (one, x), (other, y) in itertools.permutations(some, 2):
        if within(a, x / y):
            yield f"{one} stands in place of {other}", 0.3
    for text, k, multiplies in scalars(case):
        yield from _of_scalar(case, factor, text, k, multiplies)
    for k, divides in known.items():
        if abs(float(f"{k:.3g}") - k) < 1e-12:  # Not a root of 2 / pi.
            yield from complement(1 / a if divides else a, f"{k:g}", k)
    yield from _of_lengths(case, a, key is not None)
    if within(a, 1 / np.log(2)):
        yield "1 / ln 2: the logarithm to the base 2", 0.3
    if within(a, np.log(2)):
        yield "ln 2: the natural logarithm where that to the base 2 belongs", 0.3
    if within(a, 4) or within(a, 0.25):
        yield f"a factor 4 {'too many' if a > 1 else 'is missing'}", 0.5
    if case.lr is None and any(within(a, lr) for lr in LEARNING_RATES):
        yield f"a learning rate of {a:g} may be in it already", 0.8


def _divisor(k: float, divides: bool) -> float:
    """Return by what one divides who multiplies by 1/9; not by 0.25, which may be another thing."""
    return k if divides or float(f"{k:.3g}") == k else round(1 / k, 9)


def _of_number(
    case: Case, a: float, k: float, divides: bool, of_term: bool
) -> Iterator[tuple[str, float]]:
    """Yield how a factor can come from a number by which one multiplies, or divides."""
    sizes = lengths(case)
    once = f"divided by {k:g}" if divides else f"multiplied by {k:g}"
    if within(a, k):
        yield f"not {once}" if divides else f"{once} once too often", 0.2
    elif within(a, 1 / k):
        yield f"{once} once too often" if divides else f"not {once}", 0.2
    elif divides and within(a, k * k):
        yield f"multiplied by {k:g}, where it is to be divided by it", 0.15
    elif within(a, 1 / (k * k)):
        yield f"divided by {k:g}, where it is to be multiplied by it", 0.3
    elif of_term and not divides and within(a, 1 / (2 * k)):
        yield f"not multiplied by {shown(2 * k)}, twice {shown(k)}", 0.3
    slope = k in SLOPES and any(x.primitive in GATES for x in users_of(case, k))  # Not an eps.
    for another in SLOPES if slope else ():
        if within(a, another / k) and not within(another, k) and not within(another, k * k):
            yield f"{another:g} stands in place of {k:g}", 0.2
    for n in sizes if divides else ():
        if (
            round(k * k) in sizes
            and within(a * a, round(k * k) / n)
            and within(k * k, round(k * k))
        ):
            yield f"divided by the square root of {n} where that of {k * k:g} belongs", 0.35
        if within(a, k / n) and n not in (k, 2 * k):
            yield f"divided by {n} where {k:g} belongs", 0.35
        elif within(a, n / k) and n not in (k, k / 2):
            yield f"divided by {k:g} where {n} belongs", 0.4
    for added, times in ((f"{k:g}", k), (f"2 * {k:g}", 2 * k)):
        if not divides and within(a, 1 + times):
            yield f"1 + {added}: {added} times the same is added, as by a regulariser", 0.4
    if divides and k > 2 and not _whole(a) and abs(10 * k / a - round(10 * k / a)) < 1e-6:
        yield f"divided by {k / a:.4g} where {k:g} belongs", 0.6
    scales = of_term and k < 1 and not divides  # Somebody wrote q / (2 * n).
    for n in {2, *averaged(case), *(2 * n for n in averaged(case))} if scales else ():
        q = float(f"{k * n:.2g}")
        if within(q, k * n) and within(a, 1 / q):
            yield f"not multiplied by {q:g}, of which {k:.4g} is 1/{n}", 0.45
        elif within(q, k * n) and within(a, q):
            yield f"multiplied by {q:g} once too often: {k:.4g} is 1/{n} of it", 0.45


def _of_scalar(
    case: Case, factor: float, text: str, k: float, multiplies: bool
) -> Iterator[tuple[str, float]]:
    """Yield how a factor can come from a single number with a name, or from the scale of a mask."""
    a, sizes = abs(factor), lengths(case)
    if within(a, k):
        yield f"the factor {text} once too often", 0.25
    elif within(a, 1 / k):
        yield f"the factor {text} is missing", 0.25
    elif multiplies and within(a, 1 / (k * k)):
        yield f"divided by {text}, where it is to be multiplied by it", 0.3
    yield from (pair for pair in complement(a, text, k) if multiplies)
    if factor < 0 and k < 1 and within(a, k / (1 - k)):
        yield f"{text} stands in place of {text} - 1", 0.25
    if multiplies and within(a, 1 + k):
        yield f"1 + {text}: {text} times the same is added", 0.3
    for n in sizes if multiplies else ():
        if within(a, k / n) and n not in (k, 2 * k):
            yield f"divided by {n} where {text} belongs", 0.35


def _of_lengths(case: Case, a: float, of_term: bool) -> Iterator[tuple[str, float]]:
    """Yield how a factor can come from the lengths of axes."""
    counts, means = lengths(case), averaged(case)
    for factors, n in blocks(case).items():
        if n not in counts and (within(a, n) or within(a, 1 / n)):
            over = f"{n} entries, {factors}"
            yield f"summed over {over}" if a > 1 else f"averaged over {over}, that add up", 0.25
    near = any(within(a, n / (n - 1)) for n in means if n > 1)  # Then it is as likely.
    yield from ((text, 0.15 if near else 0.38) for text in chosen_ones(case, a, means))
    for n in counts:
        corrected = 0.15 if n in means and n - 1 not in means else 0.55
        if within(a, n):
            yield (
                f"the factor 1/{n} is missing",
                0.2 if of_term or not means.isdisjoint((n, 2 * n)) else 0.395,
            )
        elif within(a, 1 / n):
            yield f"divided by {n} once too often", 0.2 if n > 2 else 0.4
        elif n in means and within(a, n * n):
            yield f"multiplied by {n}, where it is to be divided by it", 0.3
        elif n in means and within(a, n / 2):
            yield f"the factor 2/{n} is missing", 0.4
        elif within(a, 2 / n) and 2 not in means:
            yield f"divided by {n}, and a factor 2 too many", 0.4
        elif n > 2 and within(a, n / (n - 1)):
            if n - 1 in counts:
                text = f"divided by {n - 1} where {n} belongs: n - 1, or another length"
                yield text, corrected
            else:
                yield f"n - 1 = {n - 1} stands where n = {n} belongs", corrected
        elif n > 2 and within(a, (n - 1) / n):
            if n - 1 in means:
                yield f"divided by {n} where {n - 1} belongs", corrected
            else:
                yield f"n = {n} stands where n - 1 = {n - 1} belongs", corrected
        elif of_term and within(a, n + 1):
            yield f"added {n} times more: for each of the {n}", 0.6
        elif 2 < n in means and not _whole(a) and within(n / a, round(n / a)):
            yield f"divided by {round(n / a)} where {n} belongs", 0.6
        elif within(a, np.sqrt(n)) or within(a, 1 / np.sqrt(n)):
            yield f"the square root of {n} is {'missing' if a > 1 else 'there too often'}", 0.4
    for n in counts:
        for m in counts if n in means else ():
            if n != m and within(a, n / m) and (of_term or not (within(a, 2) or within(a, 0.5))):
                yield f"divided by {m} where {n} belongs", 0.39


def _whole(a: float) -> bool:
    """Return whether a factor, or its inverse, is a whole number."""
    return any(abs(x - round(x)) < 1e-6 for x in (a, 1 / a if a else 0.0))


def users_of(case: Case, k: float) -> Iterator[Node]:
    """Yield the operations of which a number is an operand."""
    for node in case.replay.graph:
        if not np.ndim(node.value) and abs(node.value) == k:
            yield from (x for x in case.replay.graph.consumers(node) if node.primitive is None)


def _concerns(replay: Replay, node: Node, key: str) -> bool:
    """Return whether an operation is in a term, or scales it."""
    return node.id in replay.behind(key) or key in replay.behind(node.id)


def twos(case: Case, key: str) -> set[str]:
    """Return the nodes with a factor 2 or 1/2 that one can forget, on the way to or from a node."""
    replay = case.replay
    return {
        x.id
        for x in replay.graph
        if _concerns(replay, x, key)
        and (is_square(replay, x) or any(not y.shape and y.value in (2.0, 0.5)
                                         for y in replay.graph.operands(x)))
    }  # fmt: skip


def is_square(replay: Replay, node: Node) -> bool:
    """Return whether an operation squares, as b @ b does; a cube has no factor 2."""
    if node.primitive is ops.power:
        return bool((np.asarray(replay.values[node.operands[1]]) == 2).all())
    if node.primitive in (ops.multiply, ops.matmul, ops.einsum):
        pairs = itertools.permutations(replay.gradients.keys() & set(node.operands), 2)
        return len(set(node.operands)) < 2 or any(y in replay.behind(x) for x, y in pairs)
    return node.primitive in (ops.mse, ops.square, ops.var)


def complement(
    a: float, text: str, k: float, known: Collection[float] | None = None
) -> Iterator[tuple[str, float]]:
    """Yield how a factor can come from 1 minus a number by which something is multiplied.

    If the numbers that are `known` are given, 1 - k must be there to have had its place taken.
    """
    if k >= 1:
        return
    if known is None or any(within(1 - k, x) for x in known):
        if within(a, k / (1 - k)):
            yield f"{text} stands in place of 1 - {text}", 0.3
        if within(a, 1 / (1 - k)):
            yield f"the factor 1 - {text} is missing", 0.4
    if within(a, (1 - k) / k):
        yield f"1 - {text} stands in place of {text}", 0.3


def of_the_loss(case: Case, factor: float) -> str:
    """Return of which function of the loss a gradient with a factor is, in words; "" if of none."""
    loss = float(np.abs(case.replay.graph.outputs[0].value).max())
    for other, ratio in (("square", 2 * loss), ("exponential", np.exp(min(loss, 700.0)))):
        if loss and within(abs(factor), ratio):
            return f"that of the {other} of the loss"
    for other, ratio in (("root", 2 * np.sqrt(loss)), ("logarithm", loss)):
        if loss and within(abs(factor) * ratio, 1):
            return f"that of the {other} of the loss"
    return ""


def another_number(case: Case, factor: float) -> str:
    """Return which number of a computation may stand in place of another, as a sum, in words."""
    graph, single, pooled = case.replay.graph, dict[str, float](), dict[str, float]()
    below: dict[str, bool] = {}
    for node in graph:
        value = np.asarray(node.value)
        if value.dtype.kind == "f" and value.size == 1 and (text := _called(graph, node)):
            single.setdefault(text, abs(float(value.flat[0])))
            below.setdefault(text, _divides(graph, node))
        elif value.dtype.kind == "f" and node.name and 1 < value.size <= MOST_NUMBERS:
            for text, pool in POOLED.items():
                pooled[text.format(node.name)] = abs(float(pool(value)))
    for y, wrong in pooled.items():
        if "norm" in y and wrong and within(abs(factor) * wrong, 1):
            return f"divided by {y}"
    for (x, right), (y, wrong) in itertools.product(single.items(), (single | pooled).items()):
        if not right or not wrong or within(right, wrong):
            continue
        if within(abs(factor), right / wrong if below[x] else wrong / right):
            return f"{y} stands in place of {x}"
    return ""


def _divides(graph: Graph, node: Node) -> bool:
    """Return whether something is divided by a number, or by a product with it."""
    users = graph.consumers(node)
    return any(
        user.operands[1] == node.id if user.primitive is ops.divide
        else user.primitive in (ops.multiply, ops.square, ops.power) and _divides(graph, user)
        for user in users
    )  # fmt: skip


POOLED: dict[str, Callable[[Any], Any]] = {
    "np.sum({})": np.sum,
    "np.mean({})": np.mean,
    "np.linalg.norm({})": np.linalg.norm,
}


def _called(graph: Graph, node: Node, depth: int = 3) -> str:
    """Write a number by its name, or by what it is computed of; "" if that is long."""
    if node.name or node.primitive is None:
        return node.name or (f"{float(node.value):.4g}" if not np.ndim(node.value) else "")
    names = [_called(graph, x, depth - 1) for x in graph.operands(node)] if depth else [""]
    written = [Written(name, LOOSE if " " in name else ATOM) for name in names]
    return write(node, written) if all(names) else ""


GATES = (ops.multiply, ops.where)

LEARNING_RATES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 1e-4)
"""What a factor may be, if none is given."""

SLOPES = (0.01, 0.1, 0.2, 0.3, 0.001)
"""What a leaky relu has where others have 0."""


def reason(
    case: Case, factor: float, key: str | None = None, at: str = ""
) -> tuple[str, float] | None:
    """Return the likeliest reason for a factor with its cost, or None; or two of one likelihood."""
    found = sorted(dict(reasons(case, factor, key, at)).items(), key=lambda pair: pair[1])
    if not found:
        return None
    alike = [text for text, cost in found if cost == found[0][1]]
    return ", or ".join(alike[:2]), found[0][1]
