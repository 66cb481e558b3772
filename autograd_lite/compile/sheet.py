"""What machine code is written on: lines of plain arithmetic, and numbers that have names there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.program.program import Variable


class LoweringError(Exception):
    """A backend cannot express a statement; it says which one, and why: the `reason` alone.

    The `source` is the line of the user's code that asked for it; it is empty where that line
    alone is not to blame.
    """

    def __init__(self, said: str, reason: str = "", source: str | None = None) -> None:
        super().__init__(said)
        self.reason, self.source = reason or said, source


def _operator(sign: str) -> tuple[Any, Any]:
    """Return the methods of an operator, for what stands before its sign and after it."""
    return (
        lambda self, other: self.sheet.infix(sign, self, other),
        lambda self, other: self.sheet.infix(sign, other, self),
    )


class Number:
    """A number that has a name in the code.

    - `kind`: None for a number of Python's.
    - `within`: between which integers it lies, or the input among whose entries it is, if that is
      known.
    """

    __slots__ = ("kind", "name", "sheet", "within")

    def __init__(self, sheet: Sheet, name: str, dtype: np.dtype[Any] | None) -> None:
        # Under another name than `dtype`, by which NumPy knows its own.
        self.sheet, self.name, self.kind = sheet, name, dtype
        self.within: tuple[int, int] | Variable | None = None

    def __bool__(self) -> bool:
        raise LoweringError("it compares numbers")

    def _compared(self, _: object) -> Any:
        raise LoweringError("it compares numbers")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared
    __hash__ = object.__hash__

    __add__, __radd__ = _operator("+")
    __sub__, __rsub__ = _operator("-")
    __mul__, __rmul__ = _operator("*")
    __truediv__, _ = _operator("/")

    def __neg__(self) -> Any:
        return self.sheet.line(f"-{self.name}", self.kind)

    def conjugate(self) -> Number:
        """Return itself: numbers here are real."""
        return self

    def __repr__(self) -> str:
        return self.name


class Sheet:
    """Lines of arithmetic, each part of them written once.

    - `arrays`: inputs that are arrays in the code: their names, and what comes first in an index.
    - `checkable`: inputs whose entries can be checked before the code runs.
    - `within`: between which integers the entries of those must lie, as the code uses them for
      indices.
    - `zero`: added to how often a loop is run, so that its body is compiled once, and not a number
      of times in a row, which takes long.
    """

    has_arrays = True
    """Whether entries of arrays can be picked in the code."""

    def __init__(self, most: int) -> None:
        self.lines: list[str] = []
        self.most = most
        self._known: dict[str, Number] = {}
        self._count = self._lines = 0
        self.arrays: dict[Variable, tuple[str, str]] = {}
        self.checkable: set[Variable] = set()
        self.within: dict[Variable, tuple[int, int]] = {}
        self.zero = ""

    def fresh(self) -> int:
        """Return a number that no name has yet."""
        self._count += 1
        return self._count

    def put(self, line: str) -> None:
        """Write a line as it is."""
        self._lines += 1
        if self._lines > self.most:
            raise LoweringError(f"more than {self.most} numbers", source="")
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
        array: Any = np.empty(x.shape, object)
        within = next((v for v, (name, _) in self.arrays.items() if name == row.array), None)
        for index in np.ndindex(x.shape):
            array[index] = self.line(row.at(index), dtype)
            array[index].within = within
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
        if expression not in self._known:
            number = Number(self, f"v{self._count}", dtype)
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
        result = self.line(f"{self.written(a, dtype)} {sign} {self.written(b, dtype)}", dtype)
        if sign == "+":
            result.within = total_span(a, b)
        return result

    def written(self, x: Any, dtype: np.dtype[Any] | None) -> str:
        """Return a number as it stands in an expression whose result has a dtype."""
        if isinstance(x, Number):
            if x.kind is None and dtype is not None and dtype == np.float32:
                return f"np.float32({x.name})"
            return x.name
        x = x.item() if isinstance(x, np.generic | np.ndarray) else x
        if type(x) is int and x.bit_length() > 63:
            raise LoweringError("integers of more than 64 bits")
        text = repr(x)
        if isinstance(x, float):
            if math.isnan(x):
                text = "np.nan"
            elif math.isinf(x):
                text = "np.inf" if x > 0 else "(-np.inf)"
        if text.startswith("-"):
            text = f"({text})"
        return f"np.float32({text})" if dtype is not None and dtype == np.float32 else text


class Row(NamedTuple):
    """Where the result of a round of a loop is kept: in an array, under an index."""

    array: str
    place: str | int
    before: str = ""

    def at(self, index: tuple[int, ...]) -> str:
        """Return how one of them is written."""
        return f"{self.array}[{self.before}{', '.join(map(str, (self.place, *index)))}]"


def _is(x: Any, number: int) -> bool:
    return not isinstance(x, Number) and type(x) is int and x == number


def _ends(numbers: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Return between which integers each lies; nothing if that is not known of all."""
    ends = []
    for x in numbers:
        within = x.within if isinstance(x, Number) else (x, x)
        if not isinstance(within, tuple) or not isinstance(within[0], int | np.integer):
            return []
        ends.append((int(within[0]), int(within[1])))
    return ends


def span(*numbers: Any) -> tuple[int, int] | None:
    """Return between which integers all of some numbers lie, if that is known of each."""
    ends = _ends(numbers)
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def total_span(*numbers: Any) -> tuple[int, int] | None:
    """Return between which integers their sum lies, if that is known."""
    ends = _ends(numbers)
    return (sum(low for low, _ in ends), sum(high for _, high in ends)) if ends else None


def objects(sheet: Sheet, variable: Variable, name: Callable[[tuple[int, ...]], str]) -> Any:
    """Return an array of the numbers of a variable, each with the name that it is given."""
    array: Any = np.empty(variable.shape, object)
    dtype = None if variable.weak else variable.dtype
    for index in np.ndindex(variable.shape):
        array[index] = Number(sheet, name(index), dtype)
        if variable in sheet.checkable:
            array[index].within = variable
    return array


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Raise a LoweringError for numbers that machine code has no plain arithmetic for."""
    if dtype.kind not in "biuf" or dtype in (np.float16, np.longdouble):
        raise LoweringError(f"numbers of dtype {dtype}")
