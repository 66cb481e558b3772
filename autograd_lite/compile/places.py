"""Picking and writing entries at an index that is computed: on an array, in machine code too."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.compile.sheet import LoweringError, Number, Sheet, span
from autograd_lite.core.primitive import Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.program.program import Statement, Variable
from autograd_lite.program.symbol import Call, Symbol


def at_index(p: Primitive, s: Statement, operands: list[Any], sheet: Sheet) -> Any:
    """Write out an operation at an index that is computed: on an array, in the code too."""
    assert isinstance(s.function, Call)
    if not sheet.has_arrays:
        raise LoweringError("an index that is computed")
    given, nest = iter(operands), s.function.nest
    leaves = [next(given) if x is Symbol else x for x in leaves_of(nest)]
    (x, *values), how = rebuild(nest, leaves)
    dtype, adds = s.result.dtype, p.at == "adds"
    values = [x] if adds else values
    shape = how["shape"] if adds else np.shape(x)
    places = _places(how["index"], shape, sheet)
    array = f"given{sheet.fresh()}"
    source = s.operands[0]
    if p.at == "reads" and isinstance(source, Variable) and source in sheet.arrays:
        array, before = sheet.arrays[source]
        places = np.vectorize(lambda place: f"{before}{place}", otypes=[object])(places)
    else:
        sheet.put(f"{array} = np.{'zeros' if adds else 'empty'}({tuple(shape)}, np.{dtype.name})")
        entries = () if adds else np.ndenumerate(np.asarray(x))
        for at, entry in entries:
            sheet.put(f"{array}[{_listed(at)}] = {sheet.written(entry, dtype)}")
    if values:
        spread = np.broadcast_to(values[0], places.shape)
        for at, place in np.ndenumerate(places):
            sign = "+=" if adds else "="
            sheet.put(f"{array}[{place}] {sign} {sheet.written(spread[at], dtype)}")
        places = np.empty(shape, object)
        for at in np.ndindex(*shape):
            places[at] = _listed(at)
    result = np.empty(places.shape, object)
    for at, place in np.ndenumerate(places):
        result[at] = entry = sheet.line(f"{array}[{place}]", None if s.result.weak else dtype)
        if p.at == "reads" and dtype.kind == "i":
            entry.within = span(*np.ravel(x))
    if result.shape != s.result.shape:
        raise LoweringError("its shape")
    return result


def _listed(index: tuple[int, ...]) -> str:
    return ", ".join(map(str, index)) or "()"


def _places(index: Any, shape: tuple[int, ...], sheet: Sheet) -> Any:
    """Return how each entry is indexed that NumPy picks from an array of this shape.

    Where it takes them from is what NumPy itself says of the constant parts of the index, and of
    which entry of a computed part, an array of numbers, goes where.
    """
    parts = index if isinstance(index, tuple) else (index,)
    used = [0 if x is None or x is ... else max(1, np.ndim(x) * (np.asarray(x).dtype == bool))
            for x in parts]  # fmt: skip
    axis, computed = 0, dict[int, int]()
    for k, (x, count) in enumerate(zip(parts, used, strict=True)):
        if getattr(x, "dtype", int) == np.dtype(object):
            computed[axis] = k
        axis += len(shape) - sum(used) if x is ... else count
    along = []
    for axis, n in enumerate(shape):
        here = computed.get(axis)
        entries = range(n) if here is None else parts[here].flat
        numbered = tuple(
            x if i not in computed.values()
            else np.arange(x.size).reshape(x.shape) if i == here
            else np.zeros(x.shape, int)
            for i, x in enumerate(parts)
        )  # fmt: skip
        texts = np.array([_checked(x, n, sheet) for x in entries], object)
        texts = texts.reshape(-1, *[1] * (len(shape) - axis - 1))
        grid = np.broadcast_to(texts, (*shape[:axis], len(texts), *shape[axis + 1 :]))
        along.append(grid[numbered])
    return np.vectorize(lambda *texts: ", ".join(texts), otypes=[object])(*along)


def _checked(x: Any, n: int, sheet: Sheet) -> str:
    """Return an index along an axis of n entries, if it is sure to be one before the code runs."""
    if not isinstance(x, Number):
        return str(int(x))
    if x.kind is None or x.kind.kind not in "iu":
        raise LoweringError("an index that is not an integer")
    low, high = x.within if isinstance(x.within, tuple) else (-n, n - 1)
    if x.within is None or not -n <= low <= high < n:
        raise LoweringError("an index that is computed from values")
    if isinstance(x.within, Variable):
        before = sheet.within.get(x.within, (low, high))
        sheet.within[x.within] = max(low, before[0]), min(high, before[1])
    return x.name
