"""A program of small arrays, written out number by number: one line of plain arithmetic each.

NumPy itself does the writing: the functions of the program are called on arrays of objects, which
stand for numbers and write down the arithmetic that is done to them. So a matrix product, a sum, a
transpose or an index needs no definition here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.table import REDUCTIONS
from autograd_lite.program.program import Program, Statement, Variable


class LoweringError(Exception):
    """A backend cannot express a statement; it says which one."""


class Number:
    """A number that has a name in the code."""

    __slots__ = ("dtype", "name", "sheet")

    def __init__(self, sheet: Sheet, name: str, dtype: np.dtype[Any] | None) -> None:
        self.sheet, self.name, self.dtype = sheet, name, dtype

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
        return self.sheet.line(f"-{self.name}", self.dtype)

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


class Sheet:
    """Lines of arithmetic, each part of them written once.

    Attributes
    ----------
    lines : list of str
    """

    def __init__(self, most: int) -> None:
        self.lines: list[str] = []
        self.most = most
        self._known: dict[str, Number] = {}
        self._count = 0
        self.prefix = "v"

    def line(self, expression: str, dtype: np.dtype[Any] | None) -> Number:
        """Write a line, unless it stands there, and return its result."""
        if expression not in self._known:
            if len(self.lines) > self.most:
                raise LoweringError(f"more than {self.most} numbers")
            number = Number(self, f"v{self._count}", dtype)
            self._count += 1
            self.lines.append(f"{number.name} = {expression}")
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
        dtype = a.dtype if isinstance(a, Number) else b.dtype
        return self.line(f"{self.written(a, dtype)} {sign} {self.written(b, dtype)}", dtype)

    def written(self, x: Any, dtype: np.dtype[Any] | None) -> str:
        """Return a number as it stands in an expression whose result has a dtype."""
        if isinstance(x, Number):
            if x.dtype is None and dtype is not None and dtype == np.float32:
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

    Raises
    ------
    LoweringError
        If a statement cannot be written out; or for more lines than the sheet takes.
    """
    known: dict[Variable, Any] = dict(given)
    for s in program.statements:
        operands = [known[x] if isinstance(x, Variable) else np.asarray(x) for x in s.operands]
        try:
            known[s.result] = _written_out(s, operands, sheet)
        except LoweringError as error:
            raise LoweringError(f"{s.name} ({s.result.type}): {error}") from None
        except Exception as error:  # noqa: BLE001  (NumPy refuses arrays of objects in many ways)
            raise LoweringError(f"{s.name} ({s.result.type}): {type(error).__name__}") from None
    return [known[x] if isinstance(x, Variable) else np.asarray(x) for x in program.outputs]


def _written_out(s: Statement, operands: list[Any], sheet: Sheet) -> Any:
    dtype = None if s.result.weak else s.result.dtype
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
    return result


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
        known = [x.dtype for x in numbers if isinstance(x, Number) and x.dtype is not None]
        return np.float32 if known and all(k == np.float32 for k in known) else None

    ufunc = s.ufunc
    if ufunc in INFIX:
        sign = INFIX[ufunc]

        def infix(a: Any, b: Any) -> str:
            d = common(a, b)
            return f"{sheet.written(a, d)} {sign} {sheet.written(b, d)}"

        return infix
    if s.function is ops.where:
        return lambda c, a, b: (
            f"{sheet.written(a, dtype)} if {sheet.written(c, None)} else {sheet.written(b, dtype)}"
        )
    if s.function is ops.astype:
        return lambda x: f"np.{s.result.dtype.name}({sheet.written(x, None)})"
    if s.function is ops.copy:
        return lambda x: sheet.written(x, dtype)
    if ufunc is None:
        raise LoweringError("no universal function")
    return lambda *x: f"np.{ufunc.__name__}({', '.join(sheet.written(e, common(*x)) for e in x)})"
