"""Entrywise statements as one loop of machine code, in which every number is NumPy's.

Only operations whose results IEEE 754 defines are fused. What NumPy would warn of, and arrays that
lie in memory in another way, are left to its own calls.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compile.blocked import Block
from autograd_lite.compile.machine import (
    ARGUMENTS,
    DATA,
    FLAGS,
    WORD,
    Table,
    arrays_lie_so,
    available,
    built_in,
    code,
    kept_code,
    llvm,
    object_code,
    process,
)
from autograd_lite.compile.sheet import LoweringError
from autograd_lite.program.program import Statement, Variable

SIGNS = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
COMPARED = {
    "greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "==",
}  # fmt: skip
PICKED = {"maximum": ">=", "minimum": "<="}
OF_ONE = {"sqrt": "llvm.sqrt", "absolute": "llvm.fabs", "negative": ""}
EXCEPTIONS = {"x86_64": 13, "AMD64": 13, "aarch64": 7, "arm64": 7}
"""What C calls a division by 0, an overflow and an invalid operation, by processor."""


def able() -> bool:
    """Return whether loops can be made."""
    return (
        available()
        and arrays_lie_so()
        and platform.machine() in EXCEPTIONS
        and process() is not None  # Else LLVM does not look in it.
        and all(map(llvm().address_of_symbol, ("feclearexcept", "fetestexcept")))
    )


class Fused(Block):
    """Entrywise statements of one shape, in one loop."""

    @staticmethod
    def worth(statements: Sequence[Statement]) -> bool:
        """Return whether there are several, or one that NumPy would stretch or convert for."""
        unlike = [
            (x.shape, x.dtype) != (s.result.shape, s.result.dtype)
            for s in statements
            for x in s.operands
            if isinstance(x, Variable) and x.shape
        ]
        return len(statements) > 1 or any(unlike)

    @property
    def given(self) -> list[Any]:
        """The variables and arrays that the loop reads."""
        return list(dict.fromkeys(x for x in self.uses if isinstance(x, Variable)))


def fits(s: Statement) -> bool:
    """Return whether a statement can be in such a loop."""
    x, name = s.result, _name(s)
    variables = [v for v in s.operands if isinstance(v, Variable)]
    floats = {v.dtype for v in (x, *variables) if not v.weak} - {np.dtype(bool)}
    return (
        name != ""
        and x.shape != ()
        and x.size > 0
        and (x.dtype != bool or name in COMPARED)
        and len(floats) == 1
        and floats <= {np.dtype(np.float32), np.dtype(np.float64)}
        and all(v.dtype.kind in ("fb" if v.shape else "f") for v in variables)
        and all(isinstance(v, Variable) or type(v) in (int, float) for v in s.operands)
    )


def _name(s: Statement) -> str:
    """Return what a loop calls the function of a statement; empty if it has none."""
    if s.function in (ops.where, ops.broadcast_to):
        return s.name
    name = s.ufunc.__name__ if s.ufunc is not None and not s.parameters and s.entrywise else ""
    return name if name in {*SIGNS, *COMPARED, *PICKED, *OF_ONE} else ""


def description(block: Fused, known: dict[Variable, Any]) -> Any:
    """Return a loop as numbers and texts alone: its lengths, arguments and statements.

    - `known`: arrays that are there already; others must have the order of C.
    """
    shape, given = block.shape, block.given
    place: dict[Any, Any] = {x: ("given", i) for i, x in enumerate(given)}
    lines = []
    for i, s in enumerate(block.statements):
        operands = [place[x] if x in place else ("number", float(x)) for x in s.operands]
        out = block.kept.index(s.result) if s.result in block.kept else -1
        lines.append((_name(s), s.result.dtype.str, operands, out))
        place[s.result] = ("line", i)
    steps, kinds = [], []
    for x in given:
        kinds.append((x.dtype.str if x.shape else "", x not in known))
        array = known.get(x)
        own = _dense(x.shape) if array is None else [n // array.itemsize for n in array.strides]
        own = [n if size > 1 else 0 for n, size in zip(own, x.shape, strict=True)]
        if x.shape:
            steps.append([0] * (len(shape) - len(x.shape)) + own)
    kinds += [(x.dtype.str, False) for x in block.kept]
    sizes, steps = _merged(shape, steps + [_dense(shape)] * len(block.kept))
    return sizes, kinds, steps, lines


def _dense(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[k + 1 :]) for k in range(len(shape))]


def _merged(shape: Sequence[int], steps: list[Any]) -> tuple[list[int], list[list[int]]]:
    """Return lengths and steps with as few axes as will do."""
    sizes: list[int] = []
    columns: list[list[int]] = []
    for size, *column in zip(shape, *steps, strict=True):
        if size == 1:
            continue
        if columns and columns[-1] == [step * size for step in column]:
            sizes[-1], columns[-1] = sizes[-1] * size, column
        else:
            sizes.append(size)
            columns.append(column)
    return sizes, [list(row) for row in zip(*columns, strict=True)] or [[] for _ in steps]


def functions(descriptions: Sequence[Any], *, make: bool) -> list[Any]:
    """Return for each loop a function, which is true if it left its work to NumPy.

    It raises a LoweringError if there is none, or they are still to be made and must not be.
    """
    source = repr(descriptions)

    def write() -> tuple[bytes, Any, list[str]]:
        from llvmlite import ir

        module = ir.Module()
        for i, given in enumerate(descriptions):
            _Loop(ir, module, f"loop{i}", *given)
        return object_code(module, [f"loop{i}" for i in range(len(descriptions))], 3)

    if not (descriptions and able()):
        raise LoweringError("loops")
    made = code(source, write) if make else kept_code(source)
    if made is None:
        raise LoweringError("loops that are not made yet")
    table = Table([0], made)
    return [
        built_in(b"loop", made.address(f"loop{i}"), table, ARGUMENTS)
        for i in range(len(descriptions))
    ]


class _Loop:
    """Writes a loop in LLVM's language."""

    def __init__(
        self, ir: Any, module: Any, name: str, sizes: Any, kinds: Any, steps: Any, lines: Any
    ) -> None:
        self._ir, self._module, self._lines = ir, module, lines
        self._word, self._int = ir.IntType(8 * WORD), ir.IntType(32)
        self._dtypes = [dtype for dtype, _ in kinds]
        self._inner = self._body(f"{name}_body", sizes, steps)
        entry = ir.Function(module, ir.FunctionType(self._word, [self._word] * 3), name)
        self._b = b = ir.IRBuilder(entry.append_basic_block())
        objects = [self._load(entry.args[1], WORD * i, self._word) for i in range(len(kinds))]
        lie_so = ir.Constant(self._int, 0x101)
        held = lie_so
        arguments = []
        for x, (kind, unsure) in zip(objects, kinds, strict=True):
            if unsure and kind:
                held = b.and_(held, self._load(x, FLAGS, self._int))
            if kind:
                arguments.append(self._load(x, DATA, self._kind(kind).as_pointer()))
            else:
                arguments.append(self._call("PyFloat_AsDouble", ir.DoubleType(), x))
        yes, no = b.append_basic_block(), b.append_basic_block()
        b.cbranch(b.icmp_signed("==", held, lie_so), yes, no)
        b.position_at_end(no)
        b.ret(self._call("PyBool_FromLong", self._word, self._word(1)))
        b.position_at_end(yes)
        which = self._int(EXCEPTIONS[platform.machine()])
        self._call("feclearexcept", self._int, which)
        b.call(self._inner, arguments)
        raised = b.sext(self._call("fetestexcept", self._int, which), self._word)
        b.ret(self._call("PyBool_FromLong", self._word, raised))

    def _kind(self, dtype: str) -> Any:
        """Return how an entry of an array lies in memory."""
        kinds = {"b1": self._ir.IntType(8), "f4": self._ir.FloatType(), "": self._ir.DoubleType()}
        return kinds.get(dtype[1:], self._ir.DoubleType())

    def _load(self, address: Any, offset: int, kind: Any) -> Any:
        at = self._b.add(address, self._word(offset))
        return self._b.load(self._b.inttoptr(at, kind.as_pointer()))

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        of = self._ir.FunctionType(result, [x.type for x in arguments])
        found = self._module.globals.get(name) or self._ir.Function(self._module, of, name)
        return self._b.call(found, arguments)

    def _body(self, name: str, sizes: Sequence[int], steps: Sequence[Sequence[int]]) -> Any:
        """Return a function of addresses and numbers."""
        ir = self._ir
        kinds = [self._kind(k).as_pointer() if k else ir.DoubleType() for k in self._dtypes]
        body = ir.Function(self._module, ir.FunctionType(ir.VoidType(), kinds), name)
        body.linkage = "internal"
        body.attributes.add("noinline")
        self._b = b = ir.IRBuilder(body.append_basic_block())
        indices, backs = [], []
        for size in sizes:
            before, inside = b.block, b.append_basic_block()
            b.branch(inside)
            b.position_at_end(inside)
            index = b.phi(self._word)
            index.add_incoming(self._word(0), before)
            indices.append(index)
            backs.append((index, inside, size))
        self._entries(body.args, indices, iter(steps))
        for index, inside, size in reversed(backs):
            after = b.add(index, self._word(1))
            index.add_incoming(after, b.block)
            end = b.append_basic_block()
            b.cbranch(b.icmp_signed("<", after, self._word(size)), inside, end)
            b.position_at_end(end)
        b.ret_void()
        return body

    def _entries(self, arguments: Any, indices: Any, steps: Any) -> None:
        """Write what is done for one entry of each array."""
        b, values, addresses = self._b, [], []
        for x, kind in zip(arguments, self._dtypes, strict=True):
            if not kind:
                values.append(x)
                continue
            x.add_attribute("noalias")
            at = self._word(0)
            for index, step in zip(indices, next(steps), strict=True):
                at = b.add(at, b.mul(index, self._word(step)))
            addresses.append(b.gep(x, [at]))
            values.append(addresses[-1])
        outs = max(line[-1] for line in self._lines) + 1
        given = [
            self._loaded(x) if kind else x
            for x, kind in zip(values[:-outs], self._dtypes[:-outs], strict=True)
        ]
        done: list[Any] = []
        for name, dtype, operands, out in self._lines:
            of = [
                {"given": given, "line": done}[what][x] if what != "number" else x
                for what, x in operands
            ]
            done.append(self._result(name, dtype, of))
            if out >= 0:
                x = done[-1]
                x = b.zext(x, self._ir.IntType(8)) if dtype[1:] == "b1" else x
                b.store(x, values[out - outs])

    def _loaded(self, address: Any) -> Any:
        x, byte = self._b.load(address), self._ir.IntType(8)
        return self._b.icmp_unsigned("!=", x, byte(0)) if x.type == byte else x

    def _result(self, name: str, dtype: str, operands: Any) -> Any:
        ir, b, bit = self._ir, self._b, self._ir.IntType(1)
        float32 = ir.FloatType()
        if dtype[1:] == "b1":
            same = any(getattr(x, "type", None) == float32 for x in operands)
            kind = float32 if same else ir.DoubleType()
        else:
            kind = self._kind(dtype)

        def number(x: Any) -> Any:
            if isinstance(x, float):
                return kind(x)
            if x.type == bit:
                return b.uitofp(x, kind)
            return x if x.type == kind else b.fptrunc(x, kind)

        if name == "where":
            test, *rest = operands
            test = test if test.type == bit else b.fcmp_unordered("!=", test, test.type(0.0))
            return b.select(test, *map(number, rest))
        numbers = [*map(number, operands)]
        if name == "broadcast_to":
            return numbers[0]
        if name in SIGNS:
            return getattr(b, SIGNS[name])(*numbers)
        if name in COMPARED:
            return b.fcmp_ordered(COMPARED[name], *numbers)
        if name in PICKED:
            first, second = numbers
            nan = b.fcmp_unordered("!=", first, first)
            return b.select(b.or_(b.fcmp_ordered(PICKED[name], *numbers), nan), first, second)
        if name == "negative":
            return b.fneg(*numbers)
        function = self._module.declare_intrinsic(OF_ONE[name], [kind])
        return b.call(function, numbers)
