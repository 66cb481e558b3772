"""A program as numba runs it: a whole loop of steps in one call of machine code."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.compile.machine import ARGUMENTS, Code, Table, arrays_lie_so, built_in, code
from autograd_lite.compile.scalars import assigned, entry, unrolled
from autograd_lite.compile.sheet import LoweringError, Number, Sheet, check_dtype, objects
from autograd_lite.compile.straight import straight
from autograd_lite.program.program import Program, Variable

MOST = 4000
"""Lines of arithmetic up to which a program is written out; numba takes about 1 ms for each."""


Within = dict[Variable, tuple[int, int]]
"""Between which integers the entries of inputs must lie that code uses for indices."""


def loop_source(
    program: Program, back: Sequence[int], *, data: int, stacked: bool
) -> tuple[str, Within]:
    """Return the source of a loop of steps.

    - `program`: the first output is the value of a step; the others are fed back.
    - `back`: for every other output, the position of the input that it is fed back to.
    - `data`: how many inputs, the first ones, are data.
    - `stacked`: whether data have a leading axis, with an entry for each step in turn.

    It is that of ``loop(n, *inputs, values)``, which writes the values, and into the inputs that
    are fed back. With it comes between which integers the entries of some inputs must lie, or it
    must not be called.

    It raises a LoweringError if numba cannot do it this way.
    """
    sheet, given = _sheet(program, skip=back)
    before, loads, after = [], [], []
    names, texts = [], []
    for position, x in enumerate(program.inputs):
        step = f"k % {x.name}.shape[0]"
        turns = stacked and position < data
        if turns and x in sheet.arrays:
            sheet.arrays[x] = (x.name, f"{step}, ")
        for index, number in np.ndenumerate(given[x]):
            if turns:
                loads.append(f"{number} = {_at(x.name, step, *index)}")
            else:
                is_array = index or position in back
                before.append(f"{number} = {_at(x.name, *index) if is_array else x.name}")
    value, *outputs = unrolled(program, given, sheet)
    for position, output in zip(back, outputs, strict=True):
        x = program.inputs[position]
        for index, number in np.ndenumerate(given[x]):
            names.append(number.name)
            texts.append(_text(sheet, output[index]))
            after.append(f"{_at(x.name, *index)} = {number}")
    inside = [*sheet.lines, f"values[k] = {_text(sheet, value[()])}", *assigned(names, texts)]
    before, inside = _needed(before, [*inside, *after]), _needed(loads, inside) + inside
    arguments = ", ".join(["n", *(v.name for v in program.inputs), "values"])
    body = [*before, "for k in range(n):", *(f"    {line}" for line in inside), *after]
    source = "\n".join([f"def loop({arguments}):", *(f"    {line}" for line in body), ""])
    return source, sheet.within


def call_source(program: Program, back: Sequence[int] = ()) -> tuple[str, Within]:
    """Return the source of ``call(*inputs, *arrays)``, which returns what has no axes.

    It comes with what `loop_source` returns beside it.

    - `program`: its last outputs are fed back.
    - `back`: for each of those the position of the input that it is fed back to: arrays are written
      into.
    """
    sheet, given = _sheet(program, skip=back)
    after, results, arrays = [], [], []
    before = [
        f"{number} = {_at(x.name, *index) if index else x.name}"
        for x in program.inputs
        for index, number in np.ndenumerate(given[x])
    ]
    outputs = unrolled(program, given, sheet)
    names = [f"out{k}" for k in range(len(outputs) - len(back))]
    names += [program.inputs[i].name for i in back]
    for k, (name, output) in enumerate(zip(names, outputs, strict=True)):
        if output.shape and k < len(outputs) - len(back):
            arrays.append(name)
        for index in np.ndindex(output.shape):
            text = _text(sheet, output[index])
            if index:
                after.append(f"{_at(name, *index)} = {text}")
            else:
                results.append(text)
    arguments = [v.name for v in program.inputs] + arrays
    lines = [*sheet.lines, *after, f"return {', '.join(results)}"]
    body = _needed(before, lines) + lines
    lines = [f"def call({', '.join(arguments)}):", *(f"    {x}" for x in body), ""]
    return "\n".join(lines), sheet.within


def _at(name: str, *index: Any) -> str:
    """Return how an entry of an array is written."""
    return f"{name}[{', '.join(map(str, index)) or '()'}]"


def _sheet(program: Program, *, skip: Sequence[int]) -> tuple[Sheet, dict[Variable, Any]]:
    """Return a sheet for a program, whose inputs it can have, and the numbers of these."""
    sheet = Sheet(MOST)
    given = {}
    for i, variable in enumerate(program.inputs):
        check_dtype(variable.dtype)
        if variable.size > MOST:
            raise LoweringError(f"more than {MOST} numbers")
        if i not in skip:
            sheet.checkable.add(variable)
        if variable.shape:
            # Nobody but us knows what this is.
            sheet.zero = f" + {variable.name}.shape[-1] - {variable.shape[-1]}"
            if i not in skip:
                sheet.arrays[variable] = (variable.name, "")
        given[variable] = objects(sheet, variable, functools.partial(entry, variable.name))
    return sheet, given


def _needed(loads: list[str], lines: list[str]) -> list[str]:
    """Return those assignments whose names stand in other lines."""
    used = set(re.findall(r"\w+", "\n".join(lines)))
    return [load for load in loads if load.partition(" ")[0] in used]


def _text(sheet: Sheet, x: Any) -> str:
    return x.name if isinstance(x, Number) else sheet.written(x, None)


class Machine:
    """A function in machine code.

    - `call`: the function, of arguments that were looked at.
    - `address`: where it begins, for C: ``f(table, arguments, how_many)``. If that is negative,
      results are put after the arguments, and the first is returned.
    - `table`: what it gets beside its arguments.
    """

    def __init__(self, code: Code, results: Sequence[tuple[str, bool]]) -> None:
        self.address = code.address()
        cells = [None if weak else np.empty(1, dtype) for dtype, weak in results]
        words = [word for x in cells for word in ((0, 0) if x is None else (x.ctypes.data, id(x)))]
        self.table = Table(words or [id(None)], code, *cells)
        self.call = built_in(b"call", self.address, self.table, ARGUMENTS)


def machine_code(
    source: str,
    kinds: Sequence[tuple[np.dtype[Any], int]],
    results: Sequence[tuple[np.dtype[Any], bool]] = (),
    *,
    direct: bool = False,
) -> Machine:
    """Return a function compiled by numba, from the disk if it has been compiled before.

    - `source`: a function in Python, whose last line is its only `return`, if it has one.
    - `kinds`: for every argument its dtype and how many axes it has; -1 for a plain number.
    - `results`: for every result its dtype, and whether it is a number of Python.
    - `direct`: whether it is for calls that take less than a microsecond: other threads wait.

    It raises a LoweringError if numba does not take the source, or arrays lie in memory in a way
    that is not known.
    """
    if not arrays_lie_so():
        raise LoweringError("arrays of this Python and this NumPy")
    given = [(dtype.str, axes) for dtype, axes in kinds]
    found = [(dtype.str, weak) for dtype, weak in results]
    made = functools.partial(_made, source, given, found, direct)
    return Machine(code(f"{given} {found} {direct}\n{source}", made), found)


def _made(
    source: str, given: list[tuple[str, int]], found: list[tuple[str, bool]], direct: bool
) -> tuple[bytes, Any, list[str]]:
    """Return what numba makes of a source: an object file, LLVM's module, the function's name."""
    from numba import cfunc
    from numba.core.errors import NumbaError

    block = straight(source, given, found, direct=direct)

    def entry(me: Any, args: Any, count: Any) -> Any:
        return block(me, args, count)

    try:
        made = cfunc("intp(intp, intp, intp)", error_model="numpy")(entry)
    except (NumbaError, TypeError) as error:  # The latter, of two functions that it calls alike.
        raise LoweringError(f"this program: {_reason(error)}") from None
    library = made._library
    return library._get_compiled_object(), library._final_module, [made.native_name]


def _reason(error: Exception) -> str:
    """Return the line of numba's error that says what it does not know."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[1] if lines[0].startswith("Failed in") and len(lines) > 1 else lines[0]
    ours = [line for line in lines if line.startswith(f"{LoweringError.__name__}: ")]
    return (ours[0].partition(": ")[2] if ours else said).rstrip(".")
