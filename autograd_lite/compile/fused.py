"""Entrywise statements as one loop of machine code, in which every number is NumPy's.

Only operations whose results IEEE 754 defines are in it. Where a result is not finite, of which
NumPy may warn, and where an array lies in memory in another way, NumPy's own calls follow.
"""

from __future__ import annotations

import math
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
    built_in,
    code,
    kept_code,
    object_code,
)
from autograd_lite.compile.sheet import LoweringError
from autograd_lite.program.program import Statement, Variable

SIGNS = {
    "add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv", "negative": "fneg",
}  # fmt: skip
CALLED = {"sqrt": "llvm.sqrt", "absolute": "llvm.fabs"}
COMPARED = {
    "greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=",
    "equal": "==", "not_equal": "!=",
}  # fmt: skip
CHOSEN = {"maximum": ">", "minimum": "<"}
"""Of two zeros, or other equals, NumPy takes the second for the larger, and for the smaller."""

STRETCHED = "stretched"
"""What broadcasting is called: an entry is as it was."""


class Fused(Block):
    """Entrywise statements of one shape, in one loop."""

    @staticmethod
    def worth(statements: Sequence[Statement]) -> bool:
        """Return whether there are several, or one that NumPy would stretch or convert for."""
        return len(statements) > 1 or any(
            (x.shape, x.dtype) != (s.result.shape, s.result.dtype)
            for s in statements
            for x in s.operands
            if np.shape(x)
        )

    @property
    def given(self) -> list[Variable]:
        """What the loop reads."""
        return list(dict.fromkeys(x for x in self.uses if isinstance(x, Variable)))


def fused(block: Block) -> Block:
    """Return a block as one loop, if all of it can be."""
    kinds = {fits(s) for s in block.statements}
    return block if len(kinds) > 1 or None in kinds else Fused(block.statements, block.kept)


def fits(s: Statement) -> Any:
    """Return what statements of one loop have in common; None if this one can be in none."""
    x, name = s.result, _name(s)
    dtypes = {
        getattr(v, "dtype", None)
        for v in (x, *s.operands)
        if not getattr(v, "weak", type(v) in (int, float))
    } - {np.dtype(bool)}
    alike = (
        name
        and x.size
        and (x.dtype != bool or name in COMPARED)
        and (name != "where" or getattr(s.operands[0], "dtype", None) == np.dtype(bool))
        and dtypes in ({np.dtype(np.float32)}, {np.dtype(np.float64)})
        and all(
            v.dtype.kind in ("fb" if v.shape else "f") if isinstance(v, Variable) else _number(v)
            for v in s.operands
        )
    )
    return (x.shape, *dtypes) if alike and x.shape else None


def _number(x: Any) -> tuple[str, float] | None:
    """Return the number that a constant has in all entries, if it has one, for `description`.

    None for nan, which is neither larger nor smaller, and for what float32 may not hold, of which
    NumPy warns.
    """
    if type(x) in (int, float):
        return ("number", float(x)) if abs(x) < 1e38 or abs(x) == math.inf else None
    array = np.asarray(x)
    if array.dtype.kind != "f" or not array.size:
        return None
    first = array.reshape(-1)[0]
    same = array.tobytes() == first.tobytes() * array.size
    return _number(float(first)) if same else None


def _name(s: Statement) -> str:
    """Return what a loop calls the function of a statement; empty if it has none."""
    if s.function in (ops.where, ops.broadcast_to):
        return "where" if s.function is ops.where else STRETCHED
    name = s.ufunc.__name__ if s.ufunc is not None and not s.parameters and s.entrywise else ""
    return name if name in {*SIGNS, *COMPARED, *CHOSEN, *CALLED} else ""


def description(block: Fused, known: dict[Variable, Any]) -> Any:
    """Return a loop as numbers and texts alone: its lengths, arguments and statements.

    - `known`: arrays that are there already; others must have the order of C.
    """
    shape, given, kept = block.shape, block.given, block.kept
    place: dict[Any, Any] = {x: ("value", i) for i, x in enumerate(given)}
    lines = []
    for s in block.statements:
        operands = [place[x] if isinstance(x, Variable) else _number(x) for x in s.operands]
        lines.append((_name(s), operands, kept.index(s.result) if s.result in kept else -1))
        place[s.result] = ("value", len(place))
    kinds = [(x.dtype.str if x.shape else "", x not in known) for x in given]
    kinds += [(x.dtype.str, False) for x in kept]
    steps = []
    for x in (*(x for x in given if x.shape), *kept):
        array = known.get(x)
        own = _dense(x.shape) if array is None else [n // array.itemsize for n in array.strides]
        own = [n if size > 1 else 0 for n, size in zip(own, x.shape, strict=True)]
        steps.append([0] * (len(shape) - len(x.shape)) + own)
    return (fits(block.statements[0])[1].str, *_merged(shape, steps), kinds, lines)


def _dense(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[k + 1 :]) for k in range(len(shape))]


def _merged(shape: Sequence[int], steps: list[Any]) -> tuple[list[int], list[list[int]]]:
    """Return lengths and steps with as few axes as will do."""
    sizes: list[int] = []
    columns: list[list[int]] = []
    for size, *column in zip(shape, *steps, strict=True):
        if columns and columns[-1] == [step * size for step in column]:
            sizes[-1], columns[-1] = sizes[-1] * size, column
        elif size > 1:
            sizes.append(size)
            columns.append(column)
    return sizes, [[column[i] for column in columns] for i in range(len(steps))]


def functions(descriptions: Sequence[Any], *, make: bool) -> list[Any]:
    """Return for each loop a function, which returns True where NumPy has to do its work.

    It raises a LoweringError if `descriptions` is empty, or if the loops have not been made and
    `make` is false.
    """
    source, names = repr(descriptions), [f"loop{i}" for i in range(len(descriptions))]

    def write() -> tuple[bytes, Any, list[str]]:
        from llvmlite import ir

        module = ir.Module()
        for name, given in zip(names, descriptions, strict=True):
            _Loop(ir, module, name, *given)
        return object_code(module, names, 3)

    if not descriptions:
        raise LoweringError("loops")
    made = code(source, write) if make else kept_code(source)
    if made is None:
        raise LoweringError("loops that are not made yet")
    table = Table([0], made)
    return [built_in(b"loop", made.address(name), table, ARGUMENTS) for name in names]


class _Loop:
    """Writes a loop in LLVM's language: one function that Python calls, and one with addresses."""

    def __init__(
        self, ir: Any, module: Any, name: str,
        dtype: str, sizes: Any, steps: Any, kinds: Any, lines: Any,
    ) -> None:  # fmt: skip
        self._ir, self._module, self._lines = ir, module, lines
        self._word, self._byte, self._int = map(ir.IntType, (8 * WORD, 8, 32))
        self._float = ir.FloatType() if dtype[1:] == "f4" else ir.DoubleType()
        kinds = [(self._byte if kind[1:] == "b1" else kind and self._float, x) for kind, x in kinds]
        body = self._body(f"{name}_body", [kind for kind, _ in kinds], sizes, steps)
        entry = ir.Function(module, ir.FunctionType(self._word, [self._word] * 3), name)
        self._b = b = ir.IRBuilder(entry.append_basic_block())
        held = in_order = self._int(0x101)
        arguments = []
        for i, (kind, unsure) in enumerate(kinds):
            x = self._load(entry.args[1], WORD * i, self._word)
            if not kind:
                number = self._call("PyFloat_AsDouble", ir.DoubleType(), x)
                is_double = number.type == self._float
                arguments.append(number if is_double else b.fptrunc(number, self._float))
                continue
            if unsure:
                held = b.and_(held, self._load(x, FLAGS, self._int))
            arguments.append(self._load(x, DATA, kind.as_pointer()))
        yes, no = b.append_basic_block(), b.append_basic_block()
        b.cbranch(b.icmp_signed("==", held, in_order), yes, no)
        b.position_at_end(no)
        b.ret(self._call("PyBool_FromLong", self._word, self._word(1)))
        b.position_at_end(yes)
        left = b.fcmp_unordered("!=", b.call(body, arguments), self._float(0.0))
        b.ret(self._call("PyBool_FromLong", self._word, b.zext(left, self._word)))

    def _load(self, address: Any, offset: int, kind: Any) -> Any:
        at = self._b.add(address, self._word(offset))
        return self._b.load(self._b.inttoptr(at, kind.as_pointer()))

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        of = self._ir.FunctionType(result, [x.type for x in arguments])
        found = self._module.globals.get(name) or self._ir.Function(self._module, of, name)
        return self._b.call(found, arguments)

    def _body(self, name: str, kinds: Any, sizes: Sequence[int], steps: Any) -> Any:
        """Return a function of addresses and numbers, which is 0 if all was finite."""
        given = [kind.as_pointer() if kind else self._float for kind in kinds]
        body = self._ir.Function(self._module, self._ir.FunctionType(self._float, given), name)
        self._b = b = self._ir.IRBuilder(body.append_basic_block())
        self._all = b.alloca(self._float)
        b.store(self._float(0.0), self._all)
        rounds = []
        for size in sizes:
            before, inside = b.block, b.append_basic_block()
            b.branch(inside)
            b.position_at_end(inside)
            index = b.phi(self._word)
            index.add_incoming(self._word(0), before)
            rounds.append((index, inside, size))
        values, steps = [], iter(steps)
        for x, kind in zip(body.args, kinds, strict=True):
            values.append(x)
            if kind:
                x.add_attribute("noalias")
                at = self._word(0)
                for (index, _, _), step in zip(rounds, next(steps), strict=True):
                    at = b.add(at, b.mul(index, self._word(step)))
                values[-1] = b.gep(x, [at])
        self._entry(values, kinds)
        for index, inside, size in reversed(rounds):
            after, end = b.add(index, self._word(1)), b.append_basic_block()
            index.add_incoming(after, b.block)
            b.cbranch(b.icmp_signed("<", after, self._word(size)), inside, end)
            b.position_at_end(end)
        b.ret(b.load(self._all))
        return body

    def _entry(self, places: list[Any], kinds: list[Any]) -> None:
        """Write what is done for one entry of each array."""
        b, values = self._b, list[Any]()
        count = len(places) - 1 - max(out for *_, out in self._lines)
        for x, kind in zip(places[:count], kinds, strict=False):
            value = b.load(x) if kind else x
            is_byte = kind == self._byte
            values.append(b.icmp_unsigned("!=", value, self._byte(0)) if is_byte else value)
        self._seen: set[Any] = set()
        for name, operands, out in self._lines:
            x = self._result(name, [x if how == "number" else values[x] for how, x in operands])
            values.append(x)
            if out >= 0:
                self._look_at(x)
                b.store(b.zext(x, self._byte) if x.type != self._float else x, places[count + out])

    def _look_at(self, *numbers: Any) -> None:
        """Keep in mind if one is not finite: then its difference from itself is not 0."""
        for x in numbers:
            if x.type == self._float and not isinstance(x, self._ir.Constant):
                if x not in self._seen:
                    off, before = self._b.fsub(x, x), self._b.load(self._all)
                    self._b.store(self._b.fadd(before, off, flags=["reassoc"]), self._all)
                self._seen.add(x)

    def _result(self, name: str, operands: list[Any]) -> Any:
        """Write an operation; look at what its result may not show if it is not finite."""
        b, bit = self._b, self._ir.IntType(1)
        test = operands.pop(0) if name == "where" else None
        numbers = [
            self._float(x) if isinstance(x, float)
            else b.uitofp(x, self._float) if x.type == bit else x
            for x in operands
        ]  # fmt: skip
        if name == STRETCHED:
            return numbers[0]
        if name in CALLED:
            return b.call(self._module.declare_intrinsic(CALLED[name], [self._float]), numbers)
        if name in SIGNS:
            self._look_at(*numbers[1:] if SIGNS[name] == "fdiv" else ())
            return getattr(b, SIGNS[name])(*numbers)
        self._look_at(*numbers)
        test = test or b.fcmp_ordered((COMPARED | CHOSEN)[name], *numbers)
        if name in COMPARED:
            return test
        chosen = b.select(test, *numbers)
        self._seen.add(chosen)
        return chosen
