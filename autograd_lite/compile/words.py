"""Functions of words, such as addresses, as machine code: the language of `watch`.

In it, every number is a word. There are assignments, ``if``, ``while``, ``for … in range(n)`` and
``return``; sums, products, comparisons, ``and``, ``or`` and ``not``; and calls: of functions beside
it, of Python's C interface, and ``load(address)``, ``store(address, word)`` and
``run(address, *words)``. Numba would take a second for what LLVM does in a few hundredths.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from autograd_lite.compile.machine import WORD, Code, code, object_code

INT = ("PyDict_Next", "PyDict_SetItem", "memcmp")
"""Functions of C that return an int; others return a word, or nothing."""

SIGNS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Eq: "==", ast.NotEq: "!=",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def functions(source: str, constants: dict[str, int]) -> Code:
    """Return the functions of a source, in which some names are numbers."""

    def make() -> tuple[bytes, Any, list[str]]:
        from llvmlite import ir

        written = ir.Module()
        found = [x for x in ast.parse(source).body if isinstance(x, ast.FunctionDef)]
        for function in found:
            _Function(function, constants, written)
        return object_code(written, [function.name for function in found])

    return code(f"{source}\n{constants}", make)


class _Function:
    """Writes a function in LLVM's language; LLVM itself finds out what is needed of it."""

    def __init__(self, function: ast.FunctionDef, constants: dict[str, int], module: Any) -> None:
        from llvmlite import ir

        self._ir, self._word = ir, ir.IntType(8 * WORD)
        self._constants, self._module = constants, module
        self._slots: dict[str, Any] = {}
        given = [x.arg for x in function.args.args]
        made = self._named(function.name, len(given))
        self._b = ir.IRBuilder(made.append_basic_block())
        for name, value in zip(given, made.args, strict=True):
            self._put(name, value)
        self._all(function.body)
        self._b.ret(self._word(0))

    def _named(self, name: str, count: int) -> Any:
        """Return a function of so many words, of the source or of C."""
        kind = self._ir.IntType(32) if name in INT else self._word
        of = self._ir.FunctionType(kind, [self._word] * count)
        return self._module.globals.get(name) or self._ir.Function(self._module, of, name)

    def _put(self, name: str, value: Any) -> None:
        if name not in self._slots:
            with self._b.goto_entry_block():
                self._slots[name] = self._b.alloca(self._word)
        self._b.store(value, self._slots[name])

    def _blocks(self, count: int) -> list[Any]:
        return [self._b.append_basic_block() for _ in range(count)]

    def _all(self, body: Sequence[ast.stmt]) -> None:
        for s in body:
            self._statement(s)

    def _statement(self, s: ast.stmt) -> None:
        match s:
            case ast.Expr(ast.Constant()):
                pass
            case ast.Expr(x):
                self._value(x)
            case ast.Assign([ast.Tuple(names)], ast.Tuple(values)):
                found = [*map(self._value, values)]
                for name, value in zip(names, found, strict=True):
                    self._put(ast.unparse(name), value)
            case ast.Assign([ast.Name(name)], x):
                self._put(name, self._value(x))
            case ast.AugAssign(ast.Name(name) as before, sign, x):
                self._put(name, self._value(ast.BinOp(before, sign, x)))
            case ast.Return(ast.expr() as x):
                self._b.ret(self._value(x))
                self._b.position_at_end(*self._blocks(1))
            case ast.If(condition, body, orelse):
                yes, no, end = self._blocks(3)
                self._branch(condition, yes, no)
                for block, part in ((yes, body), (no, orelse)):
                    self._b.position_at_end(block)
                    self._all(part)
                    self._b.branch(end)
                self._b.position_at_end(end)
            case ast.While(condition, body):
                start, inside, end = self._blocks(3)
                self._b.branch(start)
                self._b.position_at_end(start)
                self._branch(condition, inside, end)
                self._b.position_at_end(inside)
                self._all(body)
                self._b.branch(start)
                self._b.position_at_end(end)
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), [end]), body):
                self._put(name, self._word(0))
                loop = ast.parse(f"while {name} < {ast.unparse(end)}: {name} += 1").body[0]
                assert isinstance(loop, ast.While)
                loop.body = [*body, *loop.body]
                self._statement(loop)
            case _:
                raise NotImplementedError(ast.unparse(s))

    def _branch(self, x: ast.expr, yes: Any, no: Any) -> None:
        """Go on in one of two blocks."""
        match x:
            case ast.BoolOp(sign, parts):
                for part in parts[:-1]:
                    (after,) = self._blocks(1)
                    ends = (after, no) if isinstance(sign, ast.And) else (yes, after)
                    self._branch(part, *ends)
                    self._b.position_at_end(after)
                self._branch(parts[-1], yes, no)
            case ast.UnaryOp(ast.Not(), part):
                self._branch(part, no, yes)
            case ast.Compare(a, [sign], [b]):
                held = self._b.icmp_signed(SIGNS[type(sign)], self._value(a), self._value(b))
                self._b.cbranch(held, yes, no)
            case _:
                self._branch(ast.Compare(x, [ast.NotEq()], [ast.Constant(0)]), yes, no)

    def _value(self, x: ast.expr) -> Any:
        match x:
            case ast.Constant(int(value)):
                return self._word(int(value))
            case ast.Name(name) if name in self._constants:
                return self._word(self._constants[name])
            case ast.Name(name):
                return self._b.load(self._slots[name])
            case ast.BinOp(a, sign, b):
                return getattr(self._b, SIGNS[type(sign)])(self._value(a), self._value(b))
            case ast.Call(ast.Name(name), arguments):
                return self._call(name, [*map(self._value, arguments)])
        raise NotImplementedError(ast.unparse(x))

    def _call(self, name: str, values: list[Any]) -> Any:
        if name in ("load", "store"):
            place = self._b.inttoptr(values[0], self._word.as_pointer())
            return self._b.load(place) if name == "load" else self._b.store(values[1], place)
        if name == "run":
            at, *values = values
            of = self._ir.FunctionType(self._word, [self._word] * len(values))
            return self._b.call(self._b.inttoptr(at, of.as_pointer()), values)
        found = self._b.call(self._named(name, len(values)), values)
        return self._b.sext(found, self._word) if name in INT else found
