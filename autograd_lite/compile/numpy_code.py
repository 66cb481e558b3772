"""A program as NumPy runs it: one call a statement, into memory that was got beforehand."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compile.blocked import Block, blocked
from autograd_lite.compile.fused import Fused, description, fits, fused
from autograd_lite.compile.rolled import Loop, rolled
from autograd_lite.compile.scalars import INFIX
from autograd_lite.core.primitive import Primitive
from autograd_lite.ops.writing import literal
from autograd_lite.program.program import Program, Statement, Variable
from autograd_lite.program.trace import Output


class Code:
    """A function in source, and what its names stand for.

    - `first`, `lines`: the body; what must be done before anything else, and the rest.
    - `where`: what those results are called that a loop has left: a name, or rows and an index.
    """

    def __init__(self, inputs: Sequence[Variable]) -> None:
        self.inputs, self.given = inputs, {x.name for x in inputs}
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.first: list[str] = []
        self.where: dict[Variable, Any] = {}
        self._constants: dict[int, str] = {}
        self._numbers: dict[Any, Any] = {}

    def constant(self, x: Any) -> str:
        """Return how a constant is written: as a number, or as a name for an array."""
        if type(x) in (int, bool) or (type(x) is float and np.isfinite(x)):
            return repr(x)
        if isinstance(x, np.ndarray) and not x.shape:
            x = self._numbers.setdefault((x.dtype, x.tobytes()), x)
        if id(x) not in self._constants:
            self._constants[id(x)] = self.bind(f"c{len(self._constants)}", x)
        return self._constants[id(x)]

    def bind(self, name: str, value: Any) -> str:
        """Let a name stand for something, or a longer one if it is taken, as by an input."""
        wanted, k = name, 1
        while name in self.given or (name in self.names and self.names[name] is not value):
            k += 1
            name = f"{wanted}_{k}"
        self.names[name] = value
        return name

    def operand(self, x: Any) -> str:
        """Return how an operand is written."""
        if not isinstance(x, Variable):
            return self.constant(x)
        place = self.where.get(x, x.name)
        return place if isinstance(place, str) else f"{place[0]}[{place[1]}]"

    def source(self, name: str, arguments: str) -> str:
        """Return the whole function."""
        body = "\n".join(f"    {line}" for line in [*self.first, *self.lines])
        return f"def {name}({arguments}):\n{body}\n"


def made(source: str, name: str, names: dict[str, Any], title: str) -> Callable[..., Any]:
    """Return a function of its source, which tracebacks and debuggers can show."""
    file = f"<{title} {len(linecache.cache)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)
    function: Callable[..., Any] = names[name]
    return function


def nest_source(nest: Any, outputs: list[str]) -> str | None:
    """Return the expression of a nest, given those of its outputs; None for one of other kinds."""
    if isinstance(nest, Output):
        return outputs[nest]
    if type(nest) in (dict, list, tuple):
        keys = list(nest) if isinstance(nest, dict) else range(len(nest))
        parts = [nest_source(nest[key], outputs) for key in keys]
        if None in parts:
            return None
        if isinstance(nest, dict):
            plain = all(type(key) in (str, int) for key in keys)
            pairs = ", ".join(f"{key!r}: {part}" for key, part in zip(keys, parts, strict=True))
            return f"{{{pairs}}}" if plain else None
        listed = "".join(f"{part}, " for part in parts)
        listed = listed if len(parts) == 1 and type(nest) is tuple else listed.removesuffix(", ")
        return f"[{listed}]" if isinstance(nest, list) else f"({listed.rstrip()})"
    if nest is None or type(nest) in (bool, int, float, str):
        return literal(nest) if isinstance(nest, float) else repr(nest)
    return None


def numpy_function(
    program: Program, loops: Callable[[list[Any]], list[Any]] | None = None
) -> tuple[str, Callable[..., Any]]:
    """Return the source of a program and its function: of the inputs, to a tuple of outputs.

    - `loops`: makes loops of entrywise statements, as `functions` of `fused` does.

    Results are written into buffers that are there from the start, each used again once nobody
    needs what is in it; only the outputs are new arrays. So the function is not reentrant.
    """
    code = Code(program.inputs)
    items = blocked(rolled(program), program.outputs)
    if loops is not None:
        items = [fused(x) if isinstance(x, Block) else x for x in items]
        items = blocked(items, program.outputs, fits, Fused)
    described: list[Any] = []
    buffers = _Buffers(items, program.outputs, code)
    fixed: dict[Any, Any] = {}
    arrays = {x for x in program.outputs if isinstance(x, Variable)}
    for i, item in enumerate(items):
        if isinstance(item, Loop):
            _write_loop(item, code)
            continue
        if isinstance(item, Fused):
            outs = {}
            for x in item.kept:
                outs[x] = x.name if x in arrays else buffers.take(i, x)
                if x in arrays:
                    code.lines.append(f"{x.name} = {_empty(x, code)}")
                else:
                    fixed[x] = code.names[outs[x]]
            _write_fused(item, code, outs, fixed, described)
            buffers.give_back(i)
            continue
        if isinstance(item, Block):
            _write_block(item, code, arrays)
            continue
        if _bound_as_view(item, fixed, code):
            buffers.give_back(i)
            continue
        out = buffers.take(i, item.result) if _writes(item) and item.result not in arrays else None
        if out is not None:
            fixed[item.result] = code.names[out]
        code.lines.append(f"{item.result.name} = {_call(item, code, out)}")
        buffers.give_back(i)
    shared = buffers.aliased
    outputs = [
        f"{code.bind('owned', _owned)}({code.operand(x)})"
        if not isinstance(x, Variable) or x in program.inputs or x in shared
        else x.name
        for x in program.outputs
    ]
    code.lines.append(f"return ({''.join(f'{x}, ' for x in outputs)})")
    if loops is not None:
        code.names |= {f"loop{i}": f for i, f in enumerate(loops(described))}
    source = code.source("program", ", ".join(x.name for x in program.inputs))
    return source, made(source, "program", code.names, "compiled program")


def _bound_as_view(s: Statement, fixed: dict[Variable, Any], code: Code) -> bool:
    """Bind a statement that is a view of a buffer to a name; return whether it is one."""
    x = s.operands[0] if len(s.operands) == 1 else None
    array = fixed.get(x) if isinstance(x, Variable) else None
    parameters = dict.fromkeys(s.parameters, "")
    if array is None or s.result.shape == () or not _inlined(s, "", parameters):
        return False
    view = s.compute(array, **s.parameters)
    if not np.may_share_memory(view, array):
        return False
    fixed[s.result] = view
    code.where[s.result] = code.bind(f"{s.result.name}_view", view)
    return True


def _write_loop(loop: Loop, code: Code) -> None:
    """Write a loop, each result in an array of its own.

    What others use of every round is kept in rows. What a round hands on to the next one must not
    be overwritten before it has been used: it has two arrays, which take turns.
    """
    count, rows, turns = loop.count, {}, []
    handed = {result for _, _, result in loop.carried}
    lists = {x.name: _listed(values, code) for x, values in loop.given}
    outer, code.lines = code.lines, []
    for s in loop.body:
        x, out = s.result, None
        if not loop.ends(x):
            rows[x] = _rows(count, x, code)
            out = f"row_{x.name}" if x.shape else None
        elif _writes(s):
            out = code.bind(f"b{len(code.names)}", np.empty(x.shape, x.dtype))
            if x in handed:
                other = code.bind(f"b{len(code.names)}", np.empty(x.shape, x.dtype))
                turns.append((out, other))
        call = _call(s, code, out if _writes(s) else None)
        if x in handed and x.shape and not _writes(s):
            call = f"{code.bind('array', np.array)}({call})"  # It may be a view.
        code.lines.append(f"{x.name} = {call}")
        if x in rows and not _writes(s):
            code.lines.append(
                f"{rows[x]}[k][...] = {x.name}" if x.shape else f"{rows[x]}[k] = {x.name}"
            )
    code.lines += [f"{c.name} = {result.name}" for c, _, result in loop.carried]
    code.lines += [f"{a}, {b} = {b}, {a}" for a, b in turns]
    body, code.lines = code.lines, outer
    for a, b in turns:  # They are assigned to, so they must be local.
        code.lines += [f"{x} = own_{x}" for x in (a, b)]
        code.names |= {f"own_{x}": code.names[x] for x in (a, b)}
    code.lines += [f"{c.name} = {code.operand(initial)}" for c, initial, _ in loop.carried]
    lists = {f"row_{x.name}": rows[x] for x in rows if x.shape} | {
        name: text for name, text in lists.items() if any(name in line for line in body)
    }
    if not lists or any("[k]" in line for line in body):
        lists = {"k": f"range({count})", **lists}
    (rounds,) = lists.values() if len(lists) == 1 else (f"zip({', '.join(lists.values())})",)
    code.lines.append(f"for {', '.join(lists)} in {rounds}:")
    code.lines += [f"    {line}" for line in body]
    for x, used in loop.kept.items():
        for t, outside in used.items():
            code.where[outside] = (rows[x], t) if x in rows else x.name


def _write_block(block: Block, code: Code, fresh: set[Variable]) -> None:
    """Write a loop over blocks, with buffers for one of them, and arrays for what is kept.

    - `fresh`: which results must be new arrays.
    """
    n, rows = block.shape[0], block.rows
    parts = [slice(i, min(i + rows, n)) for i in range(0, n, rows)]
    small = [slice(0, part.stop - part.start) for part in parts]
    names: list[str] = ["part"]
    columns: list[list[Any]] = [parts]
    last = {x: i for i, s in enumerate(block.statements) for x in s.operands if _named_array(x)}
    free: dict[Any, list[str]] = {}
    held: dict[Variable, str] = {}

    def parted(array: Any, taken: list[slice]) -> str:
        names.append(code.bind(f"t{len(code.names)}", None))
        columns.append([array[part] for part in taken])
        return names[-1]

    cut = dict.fromkeys(x for x in block.uses if _named_array(x) and block.cuts(x))
    first, body = [], [f"{_part(x, code)} = {code.operand(x)}[part]" for x in cut]
    outer = dict(code.where)
    code.where |= {x: _part(x, code) for x in cut}
    for i, s in enumerate(block.statements):
        x = s.result
        for y in dict.fromkeys(y for y in s.operands if _named_array(y)):
            if y in held and last[y] == i:  # An entrywise call may write into its operand.
                free[y.dtype].append(held.pop(y))
        code.where[x] = _part(x, code)
        if x in fresh:
            first.append(f"{x.name} = {_empty(x, code)}")
            out = f"{x.name}[part]"
        elif x in block.kept:
            whole = np.empty(x.shape, x.dtype)
            outer[x] = code.bind(f"b{len(code.names)}", whole)
            out = parted(whole, parts)
        else:
            stack = free.setdefault(x.dtype, [])
            if not stack:
                stack.append(parted(np.empty((rows, *x.shape[1:]), x.dtype), small))
            out = held[x] = stack.pop()
        body.append(f"{_part(x, code)} = {_call(s, code, out)}")
    code.where = outer
    blocks = code.bind(f"blocks{len(code.names)}", [*zip(*columns, strict=True)])
    code.lines += [*first, f"for {', '.join(names)} in {blocks}:"]
    code.lines += [f"    {line}" for line in body]


def _write_fused(
    block: Fused,
    code: Code,
    outs: dict[Variable, str],
    fixed: dict[Variable, Any],
    loops: list[Any],
) -> None:
    """Write a call of machine code, and the statements that are done if it does nothing.

    - `outs`: the arrays that results are written into.
    """
    loop = description(block, fixed)
    if loop not in loops:
        loops.append(loop)
    name = f"loop{loops.index(loop)}"
    given = [*map(code.operand, block.given), *outs.values()]
    code.lines.append(f"if {name}({', '.join(given)}):")
    code.where |= outs
    for s in block.statements:
        out = outs.get(s.result)
        written = out and s.ufunc is not None
        call = _call(s, code, out if written else None)
        name = s.result.name if out is None or written else f"{out}[...]"
        code.lines.append(f"    {name} = {call}")


def _named_array(x: Any) -> bool:
    return isinstance(x, Variable) and x.shape != ()


def _empty(x: Variable, code: Code) -> str:
    """Return the call that makes an array for a result."""
    return f"{code.bind('empty', np.empty)}({x.shape}, {code.bind(x.dtype.name, x.dtype)})"


def _part(x: Variable, code: Code) -> str:
    name = f"{x.name}_part"
    return name if name not in code.given else f"{name}_of_it"


def _rows(count: int, x: Variable, code: Code) -> str:
    rows = list(np.empty((count, *x.shape), x.dtype)) if x.shape else [None] * count
    return code.bind(f"rows{len(code.names)}", rows)


def _listed(values: list[Any], code: Code) -> str:
    """Return a list with a value for each round: a slice of rows, if it is one."""
    places: list[Any] = [code.where.get(x) for x in values]
    if all(isinstance(p, tuple) and p[0] == places[0][0] for p in places):
        at = [p[1] for p in places]
        step = at[1] - at[0]
        if step and at == list(range(at[0], at[-1] + (1 if step > 0 else -1), step)):
            stop = at[-1] + (1 if step > 0 else -1)
            return f"{places[0][0]}[{at[0]}:{stop if stop >= 0 else ''}:{step}]"
    return f"({', '.join(map(code.operand, values))})"


def _owned(x: Any) -> Any:
    return np.array(x)[()]


def _call(s: Statement, code: Code, out: str | None) -> str:
    """Return the call of a statement, with the name of the array that it writes into."""
    ufunc = s.ufunc
    if s.function is ops.matmul and all(0 < len(np.shape(x)) < 3 for x in s.operands):
        a, b = map(code.operand, s.operands)  # The method does the same, and skips a dispatch.
        return f"{a}.dot({b}, {out})" if out else f"{a}.dot({b})"
    if _reduces(s):
        of = REDUCED[s.function]
        axis, keepdims = literal(s.parameters["axis"]), s.parameters["keepdims"]
        x, name = s.operands[0], code.bind(of.__name__, of)
        call = f"{name}.reduce({code.operand(x)}, {axis}, None, {out}, {keepdims})"
        if s.function is not ops.mean:
            return call
        count = code.constant(np.array(x.size // max(1, s.result.size), x.dtype))
        return f"{code.bind('divide', np.divide)}({call}, {count}, {out})"
    if ufunc in INFIX and not s.parameters and out is None:
        a, b = map(code.operand, s.operands)
        return f"{a} {INFIX[ufunc]} {b}"
    if ufunc is not None and not s.parameters and out is not None:
        operands = [_ready(x, s, code) for x in s.operands]
        # By position it is faster, where NumPy does not take a third operand for one too many.
        last = f"out={out}" if ufunc in (np.maximum, np.minimum) else out
        return f"{code.bind(ufunc.__name__, ufunc)}({', '.join([*operands, last])})"
    operands = [code.operand(x) for x in s.operands]
    parameters = {key: _parameter(value, code) for key, value in s.parameters.items()}
    if len(operands) == 1:
        return _inlined(s, operands[0], parameters) or _named(s, operands, parameters, code)
    return _named(s, operands, parameters, code)


def _named(s: Statement, operands: list[str], parameters: dict[str, str], code: Code) -> str:
    name = code.bind(s.name if s.name.isidentifier() else "f", _compute(s))
    return f"{name}({', '.join([*operands, *(f'{k}={v}' for k, v in parameters.items())])})"


def _ready(x: Any, s: Statement, code: Code) -> str:
    """Return how an operand is written: a number as an array, which NumPy need not convert."""
    dtype = s.result.dtype
    number = x.weak and x.dtype.kind in "if" if isinstance(x, Variable) else type(x) in (int, float)
    others = [v for v in s.operands if isinstance(v, Variable) and not v.weak]
    if not number or dtype.kind != "f" or not any(v.dtype == dtype for v in others):
        return code.operand(x)
    if not isinstance(x, Variable):
        return code.constant(np.array(x, dtype))
    name = f"{x.name}_as_{dtype.name}"
    if x not in code.inputs:
        return code.operand(x)
    if name not in code.names:
        code.names[name], seen = None, code.bind(f"{name}_seen", None)
        array = f"{code.bind('array', np.array)}({x.name}, {code.bind(dtype.name, dtype)})"
        code.first += [
            f"global {name}, {seen}",
            f"if {x.name} is not {seen}:",
            f"    {name}, {seen} = {array}, {x.name}",
        ]
    return name


class _Method:
    """Stands for an array in a forward function, and writes down what methods it calls."""

    __array_ufunc__ = None  # Else NumPy takes it for an object with a method of that name.

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, name: str) -> Callable[..., _Method]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args: _Method(f"{self._text}.{name}({', '.join(map(str, args))})")

    def __getitem__(self, index: Any) -> _Method:
        return _Method(f"{self._text}[{index}]")


def _inlined(s: Statement, operand: str, parameters: dict[str, str]) -> str:
    """Return what a forward function does with methods and indices alone; empty if that fails."""
    if not isinstance(s.function, Primitive) or s.result.weak:
        return ""
    try:
        result = s.compute(_Method(operand), **parameters)
    except Exception:  # noqa: BLE001  (it does something else)
        return ""
    return result._text if isinstance(result, _Method) else ""


def _compute(s: Statement) -> Any:
    """Return what computes a statement; operators are several times as fast for numbers."""
    if not s.parameters and s.result.shape == ():
        return getattr(s.function, "compute", s.compute)
    return s.compute


def _parameter(value: Any, code: Code) -> str:
    simple = value is None or isinstance(value, bool | int | str)
    return repr(value) if simple else code.bind("p", value)


class _Buffers:
    """Memory for results, each piece used again once nobody needs what is in it."""

    def __init__(self, items: Sequence[Statement | Loop], outputs: Any, code: Code) -> None:
        self.code = code
        self.free: dict[Any, list[str]] = {}
        self.count = 0
        owner: dict[Variable, Variable] = {}
        self.aliased: set[Variable] = set()
        last: dict[Variable, int] = {}
        for i, s in enumerate(items):
            for x in s.uses:
                if isinstance(x, Variable):
                    last[owner.get(x, x)] = i
            if isinstance(s, Loop):
                self.aliased.update(s.results)
                continue
            if isinstance(s, Block):
                continue
            if not (_writes(s) or _reduces(s) or s.function is ops.matmul):
                for x in s.operands:
                    if isinstance(x, Variable) and x.shape:  # It may be a view of any of them.
                        owner.setdefault(s.result, owner.get(x, x))
                        self.aliased.add(s.result)
                others = [owner.get(x, x) for x in s.operands if isinstance(x, Variable)]
                if len(set(others)) > 1:  # Keep all but the first for good.
                    for x in others[1:]:
                        last[x] = len(items)
        for x in outputs:
            if isinstance(x, Variable):
                last[owner.get(x, x)] = len(items)
        self.last = last
        self.at: dict[int, list[tuple[Any, str]]] = {}

    def take(self, i: int, x: Variable) -> str:
        """Return the name of an array for a result."""
        key = x.shape, x.dtype
        free = self.free.setdefault(key, [])
        if not free:
            free.append(self.code.bind(f"b{self.count}", np.empty(*key)))
            self.count += 1
        name = free.pop()
        self.at.setdefault(self.last.get(x, i), []).append((key, name))
        return name

    def give_back(self, i: int) -> None:
        """Let those arrays be used again whose contents statement `i` was the last to need."""
        for key, name in self.at.pop(i, ()):
            self.free[key].append(name)


REDUCED: dict[Any, np.ufunc] = {
    ops.sum: np.add,
    ops.mean: np.add,
    ops.max: np.maximum,
    ops.min: np.minimum,
}
"""What NumPy itself reduces with, behind functions that take time of their own."""


def _reduces(s: Statement) -> bool:
    """Return whether a statement is such a reduction; a mean may be added in another dtype."""
    return s.function in REDUCED and (
        s.function is not ops.mean or s.operands[0].dtype == s.result.dtype != np.float16
    )


def _writes(s: Statement) -> bool:
    """Return whether a statement can write into an array that is given to it."""
    if s.result.shape == ():
        return False
    if _reduces(s):
        return True
    return s.ufunc is not None and not s.parameters
