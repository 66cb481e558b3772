"""A program of small arrays, written out number by number: one line of plain arithmetic each.

NumPy itself does the writing: the functions of the program are called on arrays of objects, which
stand for numbers and write down the arithmetic that is done to them. So a matrix product, a sum, a
transpose or an index needs no definition here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compile.places import at_index
from autograd_lite.compile.rolled import Loop, rolled
from autograd_lite.compile.sheet import (
    LoweringError,
    Number,
    Row,
    Sheet,
    check_dtype,
    objects,
    span,
    total_span,
)
from autograd_lite.numpy_api.table import REDUCTIONS
from autograd_lite.program.formulas import FORMULAS, MOVING
from autograd_lite.program.program import Program, Statement, Variable
from autograd_lite.program.trace import expanded, function_of, operation_of

INFIX = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.greater: ">",
    np.less: "<", np.greater_equal: ">=", np.less_equal: "<=", np.equal: "==",
    np.not_equal: "!=",
}  # fmt: skip
"""The signs of universal functions that Python's operators call."""

_ODD = "({1} == 0) | ({1} == -1)"  # By these, a processor may refuse to divide.
INTEGERS: dict[Any, str] = {
    np.floor_divide: f"pick({_ODD}, pick({{1}} == 0, 0, -{{0}}), {{0}} // pick({_ODD}, 1, {{1}}))",
    np.remainder: f"pick({_ODD}, 0, {{0}} % pick({_ODD}, 1, {{1}}))",
    np.left_shift: "pick(({1} >= 0) & ({1} < 64), {0} << {1}, 0)",
    np.right_shift: "pick(({1} >= 0) & ({1} < 64), {0} >> {1}, {0} >> 63)",
}
"""Functions of integers, as templates: what NumPy gives where a processor has no answer, too."""

UNLIKE = {np.spacing, np.bitwise_count, *FORMULAS} - MOVING
"""Functions that numba lacks, or whose numbers for nan, inf or -0.0 differ, there or on objects."""


def unrolled(program: Program, given: dict[Variable, Any], sheet: Sheet) -> list[Any]:
    """Write out a program, given arrays of numbers for its inputs; return those of its outputs.

    What `sheet.arrays` has under an input says how to index it, where a loop picks from it.

    It raises a LoweringError if a statement cannot be written out; or for more lines than the sheet
    takes.
    """
    known: dict[Variable, Any] = dict(given)
    for item in rolled(program):
        if isinstance(item, Loop):
            _loop(item, known, sheet)
        else:
            _statement(item, known, sheet)
    return [_numbers(x, known, sheet) for x in program.outputs]


def _statement(s: Statement, known: dict[Variable, Any], sheet: Sheet) -> None:
    index = s.parameters.get("index")
    if s.function is ops.getitem and type(index) is int and s.operands[0] in sheet.arrays:
        array, before = sheet.arrays[s.operands[0]]
        known[s.result] = Row(array, index % s.operands[0].shape[0], before)
        return
    operands = [_numbers(x, known, sheet) for x in s.operands]
    try:
        known[s.result] = _written_out(s, operands, sheet)
    except Exception as error:  # noqa: BLE001  (it is raised again, as what it says)
        failed, inner = _behind(error), expanded(s)
        if inner is not None:
            given = zip(s.operands, operands, strict=True)
            variable = (x for of, x in given if isinstance(of, Variable))
            try:
                (result,) = unrolled(inner, dict(zip(inner.inputs, variable, strict=True)), sheet)
            except LoweringError as inside:
                failed = inside
            else:
                known[s.result] = result
                return
        reason = getattr(failed, "reason", "it is more than arithmetic on numbers")
        source = "" if getattr(failed, "source", None) == "" else s.source
        raise LoweringError(f"{s.name} ({s.result.type}): {reason}", reason, source) from failed


def _behind(error: BaseException) -> BaseException:
    """Return what failed: NumPy's loops over objects go on after an error, into a SystemError."""
    while isinstance(error, SystemError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _numbers(x: Any, known: dict[Variable, Any], sheet: Sheet) -> Any:
    if not isinstance(x, Variable):
        return np.asarray(x)
    place = known[x]
    return sheet.load(place, x) if isinstance(place, Row) else place


def _loop(loop: Loop, known: dict[Variable, Any], sheet: Sheet) -> None:
    """Write a loop; what others use of every round is kept in an array."""
    k = f"k{sheet.fresh()}"
    inner = dict(known)
    names: list[str] = []
    results: list[tuple[Variable, Variable]] = []
    for x, initial, result in loop.carried:
        inner[x] = objects(sheet, x, functools.partial(entry, x.name))
        values = np.broadcast_to(_numbers(initial, known, sheet), x.shape)
        for index in np.ndindex(x.shape):
            names.append(inner[x][index].name)
            sheet.put(f"{names[-1]} = {sheet.written(values[index], None)}")
        results.append((x, result))
    for x, given in loop.given:
        places = [known[v] for v in given]
        row = _row(places, k)
        if row is None:
            array, start = sheet.rows("given", loop.count, x), 0
            while start < loop.count:
                start += _fill(array, start, given[start:], known, sheet)
            row = Row(array, k)
        inner[x] = row
    rows = {x: sheet.rows("rows", loop.count, x) for x in loop.kept if not loop.ends(x)}
    with sheet.repeated(k, loop.count):
        for s in loop.body:
            _statement(s, inner, sheet)
            if s.result in rows:
                sheet.store(Row(rows[s.result], k), s.result, inner[s.result])
        texts = [
            sheet.written(inner[result][index], None)
            for x, result in results
            for index in np.ndindex(x.shape)
        ]
        for line in assigned(names, texts):
            sheet.put(line)
    for x, used in loop.kept.items():
        for t, outside in used.items():
            known[outside] = Row(rows[x], t) if x in rows else inner[x]


def _fill(
    array: str, start: int, given: list[Variable], known: dict[Variable, Any], sheet: Sheet
) -> int:
    """Put values into rows of an array, as many as a loop can or one; return how many."""
    places = [known[v] for v in given]
    count = next(n for n in range(len(given), 0, -1) if n < 4 or _row(places[:n], "") is not None)
    if count < 4:
        sheet.store(Row(array, start), given[0], _numbers(given[0], known, sheet))
        return 1
    k = f"k{sheet.fresh()}"
    row = _row(places[:count], k)
    assert row is not None
    with sheet.repeated(k, count):
        sheet.copy(Row(array, f"{start} + {k}"), row, given[0])
    return count


def _row(places: list[Any], k: str) -> Row | None:
    """Return one place for a value in each round, if it is in the rows of another loop."""
    if not all(isinstance(p, Row) and p[::2] == places[0][::2] for p in places):
        return None
    at = [int(p.place) for p in places]
    step = at[1] - at[0]
    if at != [at[0] + step * t for t in range(len(at))]:
        return None
    first: Row = places[0]
    return first._replace(place=f"{at[0]} + {step} * {k}")


def entry(name: str, index: tuple[int, ...]) -> str:
    """Return the name of a number in an array."""
    return f"{name}__{'_'.join(map(str, index))}"  # No name of an input has two in a row.


def assigned(names: list[str], texts: list[str]) -> list[str]:
    """Assign all at once: none of them may be read after another has been assigned."""
    late = set(texts) & set(names)
    first = [f"new_{text} = {text}" for text in sorted(late)]
    return first + [
        f"{name} = {'new_' if text in late else ''}{text}"
        for name, text in zip(names, texts, strict=True)
        if name != text
    ]


def _written_out(s: Statement, operands: list[Any], sheet: Sheet) -> Any:
    dtype = None if s.result.weak else s.result.dtype
    check_dtype(s.result.dtype)
    if s.result.size > sheet.most:  # As of data that the function closes over.
        raise LoweringError(f"more than {sheet.most} numbers", source="")
    if function_of(s) in UNLIKE and not _is_of_integers(s):
        raise LoweringError("machine code has no such function")
    if s.entrywise:
        expression = _entry(s, sheet)
        result: Any = np.empty(s.result.shape, object)
        spread = np.broadcast_arrays(*operands)
        for index in np.ndindex(s.result.shape):
            numbers = [x[index] for x in spread]
            result[index] = sheet.line(expression(*numbers), dtype)
            if s.function is ops.where and s.result.dtype.kind == "i":
                result[index].within = span(*numbers[1:])
            elif s.ufunc is np.add:
                result[index].within = total_span(*numbers)
        return result
    p = operation_of(s)
    if p is not None and p.at:
        return at_index(p, s, operands, sheet)
    reduced = next(
        (u for u, f in REDUCTIONS.items() if f in getattr(s.function, "numpy", ())), None
    )
    if reduced in (np.maximum, np.minimum):
        return _folded(s, reduced, operands[0], sheet, dtype)
    lifted = [x if x.dtype == object else x.astype(object) for x in operands]
    if dtype == np.float64 and any(getattr(x, "dtype", 0) == np.float32 for x in s.operands):
        lifted = [_widened(x, sheet) for x in lifted]
    result = np.asarray(s.compute(*lifted, **s.parameters), dtype=object)
    if result.shape != s.result.shape:
        raise LoweringError("its shape")
    given = {id(x) for operand in operands for x in operand.flat} if _is_narrow(s.result) else ()
    if given and any(isinstance(x, Number) and id(x) not in given for x in result.flat):
        raise LoweringError(f"arithmetic in {s.result.dtype}")
    return result


def _widened(x: Any, sheet: Sheet) -> Any:
    """Return numbers of float32 as those of float64, where numbers of the other kind meet them."""
    numbers: Any = np.empty(x.shape, object)
    for index in np.ndindex(x.shape):
        n = x[index]
        narrow = isinstance(n, Number) and n.kind == np.float32
        numbers[index] = sheet.line(f"np.float64({n.name})", np.dtype(float)) if narrow else n
    return numbers


def _is_of_integers(s: Statement) -> bool:
    """Return whether it divides or shifts integers; those of Python raise an error at 0."""
    fits = s.result.dtype == np.int64 and not s.result.weak
    return fits and s.ufunc in INTEGERS


def _is_narrow(x: Variable) -> bool:
    """Return whether NumPy's arithmetic stays in a dtype that numba's leaves."""
    return x.dtype.kind in "biu" and x.dtype != np.int64


def _folded(s: Statement, ufunc: Any, x: Any, sheet: Sheet, dtype: Any) -> Any:
    """Write out the largest or the smallest entry along axes."""
    axis, keepdims = s.parameters["axis"], s.parameters["keepdims"]
    wanted: Any = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted({a % x.ndim for a in wanted})
    moved = np.moveaxis(x, axes, range(len(axes))) if axes else x[None]
    rest = moved.shape[len(axes) :] if axes else x.shape
    rows = moved.reshape(-1, *rest)
    result = np.empty(rest, object)
    for index in np.ndindex(rest):
        total = rows[(0, *index)]
        for k in range(1, len(rows)):
            texts = [sheet.written(x, dtype) for x in (total, rows[(k, *index)])]
            total = sheet.line(f"np.{ufunc.__name__}({', '.join(texts)})", dtype)
        result[index] = total
    return np.expand_dims(result, tuple(axes)) if keepdims and axes else result


def _entry(s: Statement, sheet: Sheet) -> Callable[..., str]:
    """Return how an entry of an entrywise statement is written."""
    dtype = None if s.result.weak else s.result.dtype

    def common(*numbers: Any) -> Any:
        """Return the dtype in which a comparison is made, or something is computed."""
        if dtype is not None and dtype.kind in "fc":
            return dtype
        known = [x.kind for x in numbers if isinstance(x, Number) and x.kind is not None]
        return np.float32 if known and all(k == np.float32 for k in known) else None

    def text(x: Any, d: Any) -> str:
        """Write an operand of a function, which numba would compute in float32 beside integers."""
        narrow = d == np.float64 and isinstance(x, Number) and x.kind == np.float32
        return f"np.float64({x.name})" if narrow else sheet.written(x, d)

    ufunc = s.ufunc
    if _is_of_integers(s):
        return lambda *x: INTEGERS[ufunc].format(*(sheet.written(e, None) for e in x))
    arithmetic = s.result.dtype != bool or ufunc in (np.add, np.multiply)
    if arithmetic and _is_narrow(s.result) and s.function not in (ops.where, ops.astype, ops.copy):
        raise LoweringError(f"arithmetic in {s.result.dtype}")
    if ufunc in INFIX:
        sign = INFIX[ufunc]

        def infix(a: Any, b: Any) -> str:
            d = common(a, b)
            return f"{sheet.written(a, d)} {sign} {sheet.written(b, d)}"

        return infix
    if form := getattr(s.function, "machine", ""):
        zero = sheet.written(0.0, dtype)
        return lambda *x: form.format(*(sheet.written(e, dtype) for e in x), zero=zero)
    if s.function is ops.astype:
        return lambda x: f"np.{s.result.dtype.name}({sheet.written(x, None)})"
    if s.function is ops.copy or (s.function is ops.real and s.result.dtype.kind != "c"):
        return lambda x: sheet.written(x, dtype)
    if ufunc is None:
        raise LoweringError("no universal function")
    if ufunc is np.sign and s.result.dtype.kind == "f":  # Of -0.0 it is 0.0.
        return lambda x: f"np.sign({sheet.written(x, dtype)}) + {sheet.written(0.0, dtype)}"
    if ufunc is np.power:
        if s.result.dtype.kind != "f":
            raise LoweringError("powers of integers")
        if np.size(s.operands[1]) == 1:  # NumPy takes the root where one exponent serves all.
            return lambda x, e: _power(text(x, dtype), text(e, dtype), e)
    if ufunc is np.fmod and s.result.dtype.kind != "f":
        raise LoweringError("rests of integers")
    name = ufunc.__name__
    if getattr(np, name, None) is not ufunc:
        raise LoweringError(f"{name} of another library")
    return lambda *x: f"np.{name}({', '.join(text(e, common(*x)) for e in x)})"


def _power(x: str, exponent: str, e: Any) -> str:
    """Write a power as NumPy computes it: of -inf and -0.0, the root is another number."""
    if not isinstance(e, Number):
        return f"np.sqrt({x})" if e == 0.5 else f"np.power({x}, {exponent})"
    return f"np.sqrt({x}) if {exponent} == 0.5 else np.power({x}, {exponent})"
