"""A program as numba runs it: a whole loop of steps in one call of machine code."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.compile.scalars import assigned, entry, unrolled
from autograd_lite.compile.sheet import LoweringError, Number, Sheet, check_dtype, objects
from autograd_lite.compile.straight import packed
from autograd_lite.program.program import Program, Variable

MOST = 4000
"""Lines of arithmetic up to which a program is written out; numba takes about 1 ms for each."""


def available() -> bool:
    """Return whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


Within = dict[Variable, tuple[int, int]]
"""Between which integers the entries of inputs must lie that code uses for indices."""


def loop_source(
    program: Program, back: Sequence[int], *, data: int, stacked: bool
) -> tuple[str, Within]:
    """Return the source of a loop of steps.

    Parameters
    ----------
    program : Program
        The first output is the value of a step; the others are fed back.
    back : sequence of int
        For every other output, the position of the input that it is fed back to.
    data : int
        How many inputs, the first ones, are data.
    stacked : bool
        Whether data have a leading axis, with an entry for each step in turn.

    Returns
    -------
    str
        Of ``loop(n, *inputs, values)``, which writes the values, and into the inputs that are fed
        back.
    dict of Variable to (int, int)
        Between which integers the entries of some inputs must lie, or it must not be called.

    Raises
    ------
    LoweringError
        If numba cannot do it this way.
    """
    sheet = _sheet(program, skip=back)
    before: list[str] = []
    inside: list[str] = []
    after: list[str] = []
    given = {}
    kept = set(back)
    for position, variable in enumerate(program.inputs):
        given[variable] = objects(sheet, variable, functools.partial(entry, variable.name))
        turns = stacked and position < data
        step = f"k % len({variable.name})"
        if turns and variable in sheet.arrays:
            sheet.arrays[variable] = (variable.name, f"{step}, ")
        for index in np.ndindex(variable.shape):
            where = ", ".join(map(str, (step, *index) if turns else index))
            plain = not (where or position in kept)
            text = variable.name if plain else f"{variable.name}[{where or '()'}]"
            (inside if turns else before).append(f"{entry(variable.name, index)} = {text}")
    value, *outputs = unrolled(program, given, sheet)
    loads, inside = inside, [*sheet.lines, f"values[k] = {_text(sheet, value[()])}"]
    names, texts = [], []
    for position, output in zip(back, outputs, strict=True):
        variable = program.inputs[position]
        for index in np.ndindex(variable.shape):
            names.append(entry(variable.name, index))
            texts.append(_text(sheet, output[index]))
            where = ", ".join(map(str, index)) or "()"
            after.append(f"{variable.name}[{where}] = {names[-1]}")
    inside += assigned(names, texts)
    before, inside = _needed(before, [*inside, *after]), _needed(loads, inside) + inside
    arguments = ", ".join(["n", *(v.name for v in program.inputs), "values"])
    body = [*before, "for k in range(n):", *(f"    {line}" for line in inside), *after]
    source = "\n".join([f"def loop({arguments}):", *(f"    {line}" for line in body), ""])
    return source, sheet.within


def call_source(program: Program, back: Sequence[int] = ()) -> tuple[str, Within]:
    """Return the source of ``call(*inputs, *arrays)``, which returns what has no axes.

    It comes with what `loop_source` returns beside it.

    Parameters
    ----------
    program : Program
        Its last outputs are fed back.
    back : sequence of int
        For each of those the position of the input that it is fed back to: arrays are written into.
    """
    sheet = _sheet(program, skip=back)
    given, before, after, results, arrays = {}, [], [], [], []
    for variable in program.inputs:
        given[variable] = objects(sheet, variable, functools.partial(entry, variable.name))
        for index in np.ndindex(variable.shape):
            where = f"[{', '.join(map(str, index))}]" if index else ""
            before.append(f"{entry(variable.name, index)} = {variable.name}{where}")
    outputs = unrolled(program, given, sheet)
    names = [f"out{k}" for k in range(len(outputs) - len(back))]
    names += [program.inputs[i].name for i in back]
    for k, (name, output) in enumerate(zip(names, outputs, strict=True)):
        if output.shape and k < len(outputs) - len(back):
            arrays.append(name)
        for index in np.ndindex(output.shape):
            text = _text(sheet, output[index])
            if index:
                after.append(f"{name}[{', '.join(map(str, index))}] = {text}")
            else:
                results.append(text)
    arguments = [v.name for v in program.inputs] + arrays
    lines = [*sheet.lines, *after, f"return {', '.join(results)}"]
    body = _needed(before, lines) + lines
    lines = [f"def call({', '.join(arguments)}):", *(f"    {x}" for x in body), ""]
    return "\n".join(lines), sheet.within


def _sheet(program: Program, *, skip: Sequence[int]) -> Sheet:
    """Return a sheet for a program, whose inputs it can have."""
    sheet = Sheet(MOST)
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
    return sheet


def _needed(loads: list[str], lines: list[str]) -> list[str]:
    """Return those assignments whose names stand in other lines."""
    used = set(re.findall(r"\w+", "\n".join(lines)))
    return [load for load in loads if load.partition(" ")[0] in used]


def _text(sheet: Sheet, x: Any) -> str:
    return x.name if isinstance(x, Number) else sheet.written(x, None)


def machine_code(
    source: str,
    name: str,
    kinds: Sequence[tuple[np.dtype[Any], int]],
    *,
    direct: bool = False,
) -> Callable[..., Any]:
    """Return a function compiled by numba, from the disk if it has been compiled before.

    Parameters
    ----------
    source : str
    name : str
    kinds : sequence of (dtype, int)
        For every argument its dtype and how many axes it has; -1 for a plain number.
    direct : bool
        Whether it is for calls that take less than a microsecond: other threads wait.

    Raises
    ------
    LoweringError
        If numba does not take the source.
    """
    import numba
    from numba.core.errors import NumbaError

    def typed(kind: np.dtype[Any], axes: int) -> Any:
        scalar = numba.from_dtype(kind)
        if axes < 0:
            return scalar
        # Read-only arrays are copied: arguments of the very type take half as long to hand over.
        return numba.types.Array(scalar, axes, "C")

    try:
        signature = tuple(typed(*kind) for kind in kinds)
    except NumbaError as error:
        raise LoweringError(f"an array of this type: {_reason(error)}") from None
    heads = {
        "math.": "import math\n\n",
        "np.": "import numpy as np\n",
        "pick(": "from autograd_lite.compile.choice import pick\n",
    }
    head = "".join(text for name, text in heads.items() if name in source)
    module = module_of(f"{head}\n\n{packed(source)}")
    jit = numba.njit(
        signature, cache=True, error_model="numpy", nogil=not direct, no_cfunc_wrapper=True
    )
    try:
        function: Callable[..., Any] = jit(getattr(module, name))
    except NumbaError as error:
        raise LoweringError(f"this program: {_reason(error)}") from None
    return function


def entry_point(function: Any) -> Callable[..., Any]:
    """Return machine code as a function that reads only the addresses of its arguments."""
    (compiled,) = function.overloads.values()
    _KEPT.append(compiled)  # It frees its code when it goes.
    entry: Callable[..., Any] = compiled.entry_point
    return entry


def _reason(error: Exception) -> str:
    """Return the line of numba's error that says what it does not know."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[1] if lines[0].startswith("Failed in") and len(lines) > 1 else lines[0]
    ours = [line for line in lines if line.startswith(f"{LoweringError.__name__}: ")]
    return (ours[0].partition(": ")[2] if ours else said).rstrip(".")


_KEPT: list[Any] = []


def cache_folder() -> Path:
    """Return where compiled code is kept: ``AUTOGRAD_LITE_CACHE``, or the user's cache."""
    given = os.environ.get("AUTOGRAD_LITE_CACHE")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / __name__.partition(".")[0]


def module_of(source: str) -> Any:
    """Return a module of a source that lies in the cache, where numba puts the machine code."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:24]
    name = f"autograd_lite_compiled_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    file = cache_folder() / f"{name}.py"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(source)
        partial.replace(file)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Numba looks for it there while it is imported.
    try:
        spec.loader.exec_module(module)
    except BaseException:  # Raised again: whatever it is, half a module must not stay.
        del sys.modules[name]
        raise
    return module
