"""A program of small arrays, written out number by number: one line of plain arithmetic each.

NumPy itself does the writing: the functions of the program are called on arrays of objects, which
stand for numbers and write down the arithmetic that is done to them. So a matrix product, a sum, a
transpose or an index needs no definition here.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.compile.rolled import Loop, rolled
from autograd_lite.numpy_api.table import REDUCTIONS
from autograd_lite.program.formulas import FORMULAS
from autograd_lite.program.program import Program, Statement, Variable
from autograd_lite.program.trace import expanded, function_of


class LoweringError(Exception):
    """A backend cannot express a statement; it says which one."""


class Number:
    """A number that has a name in the code."""

    __slots__ = ("kind", "name", "sheet")

    def __init__(self, sheet: Sheet, name: str, dtype: np.dtype[Any] | None) -> None:
        # Under another name than `dtype`, by which NumPy knows its own.
        self.sheet, self.name, self.kind = sheet, name, dtype

    def __bool__(self) -> bool:
        raise LoweringError("a comparison inside of it")

    def _compared(self, _: object) -> Any:
        raise LoweringError("a comparison inside of it")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared
    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Any:
        return self.sheet.infix("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.sheet.infix("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.sheet.infix("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.sheet.infix("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.sheet.infix("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.sheet.infix("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.sheet.infix("/", self, other)

    def __neg__(self) -> Any:
        return self.sheet.line(f"-{self.name}", self.kind)

    def conjugate(self) -> Number:
        """Return itself: numbers here are real."""
        return self

    def __repr__(self) -> str:
        return self.name


INFIX = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.greater: ">",
    np.less: "<", np.greater_equal: ">=", np.less_equal: "<=", np.equal: "==",
    np.not_equal: "!=",
}  # fmt: skip
"""The signs of universal functions that Python's operators call."""

UNLIKE = {np.spacing, np.bitwise_count, *FORMULAS}
"""Functions that numba lacks, or whose numbers for nan, inf or -0.0 differ, there or on objects."""


class Sheet:
    """Lines of arithmetic, each part of them written once.

    Attributes
    ----------
    lines : list of str
    arrays : dict of Variable to (str, str)
        Inputs that are arrays in the code: their names, and what comes first in an index.
    zero : str
        Added to how often a loop is run, so that its body is compiled once, and not a number of
        times in a row, which takes long.
    """

    def __init__(self, most: int) -> None:
        self.lines: list[str] = []
        self.most = most
        self._known: dict[str, Number] = {}
        self._doubled: dict[str, tuple[float, str]] = {}
        self._count = self._lines = 0
        self.arrays: dict[Variable, tuple[str, str]] = {}
        self.zero = ""

    def fresh(self) -> int:
        """Return a number that no name has yet."""
        self._count += 1
        return self._count

    def put(self, line: str) -> None:
        """Write a line as it is."""
        self._lines += 1
        if self._lines > self.most:
            raise LoweringError(f"more than {self.most} numbers")
        self.lines.append(line)

    def rows(self, kind: str, count: int, x: Variable) -> str:
        """Make an array with a row for each round of a loop; return its name."""
        name = f"{kind}{self.fresh()}"
        self.put(f"{name} = np.empty({(count, *x.shape)}, np.{x.dtype.name})")
        return name

    def store(self, row: Row, x: Variable, numbers: Any) -> None:
        """Write the numbers of a variable into a row."""
        for index in np.ndindex(x.shape):
            self.put(f"{row.at(index)} = {self.written(numbers[index], None)}")

    def load(self, row: Row, x: Variable) -> Any:
        """Return the numbers of a variable that are in a row."""
        dtype = None if x.weak else x.dtype
        array = np.empty(x.shape, object)
        for index in np.ndindex(x.shape):
            array[index] = self.line(row.at(index), dtype)
        return array

    def copy(self, to: Row, row: Row, x: Variable) -> None:
        """Write what is in a row into another."""
        for index in np.ndindex(x.shape):
            self.put(f"{to.at(index)} = {row.at(index)}")

    @contextmanager
    def repeated(self, k: str, count: int) -> Iterator[None]:
        """Write a loop; what stands in it is not known after it."""
        before, known = self.lines, dict(self._known)
        self.lines = []
        yield
        head = f"for {k} in range({count}{self.zero}):"
        self.lines = [*before, head, *(f"    {line}" for line in self.lines)]
        self._known = known

    def line(self, expression: str, dtype: np.dtype[Any] | None) -> Number:
        """Write a line, unless it stands there, and return its result."""
        factor, x = _product(expression) if dtype is not None and dtype.kind == "f" else (0.0, "")
        if x in self._doubled and 1 <= factor <= 1e30:  # c * (2 * x) is (2 * c) * x to the bit.
            more, of = self._doubled[x]
            expression = f"{of} * {factor * more!r}"
        if expression not in self._known:
            number = Number(self, f"v{self._count}", dtype)
            if factor in (2, 4, 8):
                self._doubled[number.name] = factor, x
            self._count += 1
            self.put(f"{number.name} = {expression}")
            self._known[expression] = number
        return self._known[expression]

    def infix(self, sign: str, a: Any, b: Any) -> Any:
        """Write a sum, difference, product or quotient; nothing for what does nothing."""
        if sign == "+" and _is(a, 0):
            return b
        if sign in "+-" and _is(b, 0):
            return a
        if sign == "*" and (_is(a, 1) or _is(b, 1)):
            return b if _is(a, 1) else a
        dtype = a.kind if isinstance(a, Number) else b.kind
        return self.line(f"{self.written(a, dtype)} {sign} {self.written(b, dtype)}", dtype)

    def written(self, x: Any, dtype: np.dtype[Any] | None) -> str:
        """Return a number as it stands in an expression whose result has a dtype."""
        if isinstance(x, Number):
            if x.kind is None and dtype is not None and dtype == np.float32:
                return f"np.float32({x.name})"
            return x.name
        x = x.item() if isinstance(x, np.generic | np.ndarray) else x
        text = repr(x)
        if isinstance(x, float):
            if math.isnan(x):
                text = "np.nan"
            elif math.isinf(x):
                text = "np.inf" if x > 0 else "(-np.inf)"
        if text.startswith("-"):
            text = f"({text})"
        return f"np.float32({text})" if dtype is not None and dtype == np.float32 else text


def _product(expression: str) -> tuple[float, str]:
    """Return the number and the name that an expression multiplies; 0 if it does not."""
    found = re.fullmatch(r"([\d.]+) \* ([a-z]\w*)|([a-z]\w*) \* ([\d.]+)", expression)
    return (float(found[1] or found[4]), found[2] or found[3]) if found else (0.0, "")


def _is(x: Any, number: int) -> bool:
    return not isinstance(x, Number) and type(x) is int and x == number


def objects(sheet: Sheet, variable: Variable, name: Callable[[tuple[int, ...]], str]) -> Any:
    """Return an array of the numbers of a variable, each with the name that it is given."""
    array = np.empty(variable.shape, object)
    dtype = None if variable.weak else variable.dtype
    for index in np.ndindex(variable.shape):
        array[index] = Number(sheet, name(index), dtype)
    return array


def unrolled(program: Program, given: dict[Variable, Any], sheet: Sheet) -> list[Any]:
    """Write out a program, given arrays of numbers for its inputs; return those of its outputs.

    What `sheet.arrays` has under an input says how to index it, where a loop picks from it.

    Raises
    ------
    LoweringError
        If a statement cannot be written out; or for more lines than the sheet takes.
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
    except Exception as error:
        inner = expanded(s)
        if inner is not None:
            given = zip(s.operands, operands, strict=True)
            variable = (x for of, x in given if isinstance(of, Variable))
            (result,) = unrolled(inner, dict(zip(inner.inputs, variable, strict=True)), sheet)
            known[s.result] = result
            return
        name = f"{s.name} ({s.result.type})"
        if isinstance(error, LoweringError):
            raise LoweringError(f"{name}: {error}") from None
        raise LoweringError(f"{name} number by number") from error


class Row(NamedTuple):
    """Where the result of a round of a loop is kept: in an array, under an index."""

    array: str
    place: str | int
    before: str = ""

    def at(self, index: tuple[int, ...]) -> str:
        """Return how one of them is written."""
        return f"{self.array}[{self.before}{', '.join(map(str, (self.place, *index)))}]"


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
    if function_of(s) in UNLIKE:
        raise LoweringError("a function that machine code lacks")
    if s.entrywise:
        expression = _entry(s, sheet)
        result = np.empty(s.result.shape, object)
        spread = np.broadcast_arrays(*operands)
        for index in np.ndindex(s.result.shape):
            result[index] = sheet.line(expression(*(x[index] for x in spread)), dtype)
        return result
    reduced = next(
        (u for u, f in REDUCTIONS.items() if f in getattr(s.function, "numpy", ())), None
    )
    if reduced in (np.maximum, np.minimum):
        return _folded(s, reduced, operands[0], sheet, dtype)
    lifted = [x if x.dtype == object else x.astype(object) for x in operands]
    result = np.asarray(s.compute(*lifted, **s.parameters), dtype=object)
    if result.shape != s.result.shape:
        raise LoweringError("its shape")
    given = {id(x) for operand in operands for x in operand.flat} if _is_narrow(s.result) else ()
    if given and any(isinstance(x, Number) and id(x) not in given for x in result.flat):
        raise LoweringError(f"arithmetic in {s.result.dtype}")
    return result


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Raise a LoweringError for numbers that machine code has no plain arithmetic for."""
    if dtype.kind not in "biuf" or dtype in (np.float16, np.longdouble):
        raise LoweringError(f"numbers of dtype {dtype}")


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
            text = f"np.{ufunc.__name__}({total.name}, {rows[(k, *index)].name})"
            total = sheet.line(text, dtype)
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

    ufunc = s.ufunc
    arithmetic = s.result.dtype != bool or ufunc in (np.add, np.multiply)
    if arithmetic and _is_narrow(s.result) and s.function not in (ops.where, ops.astype, ops.copy):
        raise LoweringError(f"arithmetic in {s.result.dtype}")
    if ufunc in INFIX:
        sign = INFIX[ufunc]

        def infix(a: Any, b: Any) -> str:
            d = common(a, b)
            return f"{sheet.written(a, d)} {sign} {sheet.written(b, d)}"

        return infix
    if s.function is ops.where:
        return lambda c, a, b: (
            f"pick({sheet.written(c, None)}, {sheet.written(a, dtype)}, {sheet.written(b, dtype)})"
        )
    if s.function is ops.erf:  # Ours gives no -0.0.
        return lambda x: f"math.erf({sheet.written(x, dtype)}) + {sheet.written(0.0, dtype)}"
    if ufunc is np.cbrt:  # Of -0.0, numba's is 0.0.
        return lambda x: (
            f"np.copysign(np.cbrt({sheet.written(x, dtype)}), {sheet.written(x, dtype)})"
        )
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
            return lambda x, e: _power(sheet.written(x, dtype), sheet.written(e, dtype), e)
    return lambda *x: f"np.{ufunc.__name__}({', '.join(sheet.written(e, common(*x)) for e in x)})"


def _power(x: str, exponent: str, e: Any) -> str:
    """Write a power as NumPy computes it: of -inf and -0.0, the root is another number."""
    if not isinstance(e, Number):
        return f"np.sqrt({x})" if e == 0.5 else f"np.power({x}, {exponent})"
    return f"np.sqrt({x}) if {exponent} == 0.5 else np.power({x}, {exponent})"
