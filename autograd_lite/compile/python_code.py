"""A program of a few numbers as Python's own arithmetic, where that is faster than calls of NumPy.

An operation on two floats takes Python a twentieth of what a call of NumPy's takes for arrays of a
few numbers. What Python refuses (a division by zero, an overflow in `exp`), and results that are
not finite, are left to NumPy's code for the same program, and to its warnings.
"""

from __future__ import annotations

import functools
import math
import re
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_lite.compile.numpy_code import Code, made, numpy_function
from autograd_lite.compile.rolled import Loop, rolled
from autograd_lite.compile.scalars import entry, unrolled
from autograd_lite.compile.sheet import LoweringError, Number, Row, Sheet, objects
from autograd_lite.program.program import Program, Variable

LINES = 1000
"""Lines up to which a program is written out."""

CALL, ARITHMETIC, FUNCTION = 250, 20, 50
"""Nanoseconds for a call of NumPy's, for an operation on floats, and for one of `math`'s."""

FORMS = {
    "minimum": "{0} if {0} < {1} or {0} != {0} else {1}",
    "maximum": "{0} if {0} > {1} or {0} != {0} else {1}",
    "pick": "{1} if {0} else {2}",
    "absolute": "abs({0})",
    "square": "{0} * {0}",
    "reciprocal": "1.0 / {0}",
    "float64": "float({0})",
}
"""How functions of NumPy's are written in Python; others are those of `math`, if it has them."""

NAMED_OTHERWISE = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "power": "pow",
    "floor": "", "ceil": "", "trunc": "", "gcd": "", "lcm": "", "remainder": "", "fmod": "",
}  # fmt: skip
"""What `math` calls them; empty for what differs there, as Python's integers do."""


class _Sheet(Sheet):
    """Lines in Python; rows are tuples in lists.

    - `cost`: about how many nanoseconds the lines take.
    """

    has_arrays = False

    def __init__(self, code: Code) -> None:
        super().__init__(LINES)
        self._code = code
        self._rows: dict[str, Any] = {}
        self._times = 1
        self.cost = 0.0

    def put(self, line: str) -> None:
        super().put(line)
        self.cost += self._times * (FUNCTION if "(" in line else ARITHMETIC)

    @contextmanager
    def repeated(self, k: str, count: int) -> Iterator[None]:
        times, rows = self._times, dict(self._rows)
        self._times *= count
        with super().repeated(k, count):
            yield
        self._times, self._rows = times, rows

    def rows(self, kind: str, count: int, x: Variable) -> str:  # noqa: ARG002  (a list of anything)
        name = f"{kind}{self.fresh()}"
        self.put(f"{name} = [None] * {count}")
        return name

    def store(self, row: Row, x: Variable, numbers: Any) -> None:
        texts = np.array([self.written(n, x.dtype) for n in numbers.flat], object)
        self.put(f"{row.at(())} = {nested(texts.reshape(x.shape))}")

    def load(self, row: Row, x: Variable) -> Any:
        place = row.at(())
        if place not in self._rows:
            start = self.fresh()
            numbers = objects(self, x, functools.partial(entry, f"r{start}"))
            self._rows[place] = numbers
            self.put(f"{nested(numbers)} = {place}")
        return self._rows[place]

    def copy(self, to: Row, row: Row, x: Variable) -> None:  # noqa: ARG002  (of any shape)
        self.put(f"{to.at(())} = {row.at(())}")

    def line(self, expression: str, dtype: np.dtype[Any] | None) -> Number:
        return super().line(self._in_python(expression), dtype)

    def written(self, x: Any, dtype: np.dtype[Any] | None) -> str:
        if isinstance(x, int | np.integer) and dtype is not None and dtype.kind == "f":
            x = float(x)  # Python adds a float to a float faster than an integer.
        return re.sub(r"np\.(inf|nan)", self._of_math, super().written(x, dtype))

    def _in_python(self, expression: str) -> str:
        call = re.fullmatch(r"(?:np\.)?(\w+)\((.*)\)", expression)
        if call is not None and call[1] in FORMS:
            return FORMS[call[1]].format(*call[2].split(", "))
        return re.sub(r"(?:np|math)\.(\w+)", self._of_math, expression)

    def _of_math(self, call: re.Match[str]) -> str:
        name = NAMED_OTHERWISE.get(call[1], call[1])
        if name not in vars(math):
            raise LoweringError("a function that Python lacks")
        return self._code.bind(name, getattr(math, name))


def nested(numbers: Any) -> str:
    """Write an array as nested tuples."""
    numbers = numbers.tolist() if isinstance(numbers, np.ndarray) else numbers
    if not isinstance(numbers, list):
        return str(numbers)
    return f"({', '.join(map(nested, numbers))}{',' * (len(numbers) == 1)})"


def python_function(program: Program, most: float = math.inf) -> tuple[str, Callable[..., Any]]:
    """Return the source of a program and its function: of the inputs, to a tuple of outputs.

    It raises a LoweringError if it has other numbers than float64, or functions that Python lacks;
    or if it takes more than so many nanoseconds.
    """
    outputs = [x if isinstance(x, Variable) else np.asarray(x) for x in program.outputs]
    inside = (s.result for s in program.statements if s.result.dtype != bool)
    for x in (*program.inputs, *inside, *outputs):
        if x.dtype != float and not (getattr(x, "weak", False) and x.dtype.kind in "bi"):
            raise LoweringError(f"numbers of dtype {x.dtype}")
    if sum(x.size for x in program.inputs) > LINES:
        raise LoweringError("many numbers")
    code = Code(program.inputs)
    sheet = _Sheet(code)
    given, lists, loads = {}, {}, {}
    for x in program.inputs:
        given[x] = objects(sheet, x, functools.partial(entry, x.name))
        if x.shape:
            lists[x] = f"{x.name}__list"
            sheet.arrays[x] = (lists[x], "")
            unpack = code.bind(f"unpack{x.size}", struct.Struct(f"{x.size}d").unpack_from)
            loads[x] = f"{nested(given[x].reshape(-1))} = {unpack}({x.name})"
            sheet.cost += CALL / 2
        else:
            loads[x] = f"{given[x][()]} = {x.name if x.weak else f'float({x.name})'}"
    results = unrolled(program, given, sheet)
    after, values, numbers = [], [], []
    for k, (x, result) in enumerate(zip(outputs, results, strict=True)):
        texts = [sheet.written(number, x.dtype) for number in result.flat]
        numbers += [n.name for n in result.flat if isinstance(n, Number)]
        weak = getattr(x, "weak", False)
        if x.shape:
            pack = code.bind(f"pack{x.size}", struct.Struct(f"{x.size}d").pack_into)
            after += [
                f"out__{k} = {code.bind('empty', np.empty)}({tuple(x.shape)})",
                f"{pack}(out__{k}, 0, {', '.join(texts)})",
            ]
            sheet.cost += CALL
        values.append(
            f"out__{k}" if x.shape else texts[0] if weak
            else f"{code.bind('float64', np.float64)}({texts[0]})"
        )  # fmt: skip
    if sheet.cost > most:
        raise LoweringError("NumPy is faster")
    arguments = ", ".join(x.name for x in program.inputs)
    by_numpy = f"return {code.bind('by_numpy', _later(program))}({arguments})"
    finite = [
        f"if not {code.bind('isfinite', math.isfinite)}({' + '.join(numbers)}):",
        f"    {by_numpy}",
    ]
    lines = [*sheet.lines, *(finite if numbers else ()), *after]
    used = set(re.findall(r"\w+", "\n".join([*lines, *values])))
    head = []
    for x in program.inputs:
        if any(n.name in used for n in given[x].flat):
            head.append(loads[x])
        if lists.get(x) in used:
            head.append(f"{lists[x]} = {x.name}.tolist()")
    code.lines = [
        "try:",
        *(
            f"    {line}"
            for line in (*head, *lines, f"return ({''.join(f'{x}, ' for x in values)})")
        ),
        f"except ({code.bind('ArithmeticError', ArithmeticError)}, ValueError):",
        f"    {by_numpy}",
    ]
    source = code.source("program", arguments)
    return source, made(source, "program", code.names, "compiled program")


def cost_of_calls(program: Program) -> int:
    """Return about how many nanoseconds the calls of NumPy take."""
    return CALL * sum(
        item.count * len(item.body) if isinstance(item, Loop) else 1 for item in rolled(program)
    )


def _later(program: Program) -> Callable[..., Any]:
    """Return NumPy's function of a program, which is made when it is needed."""
    function, lock = functools.cache(lambda: numpy_function(program)[1]), threading.Lock()

    def later(*inputs: Any) -> Any:
        with lock:
            return function()(*inputs)

    return later
