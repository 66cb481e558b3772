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

from autograd_lite.compile.machine import WORD, Code, code, llvm, target

W = f"i{8 * WORD}"
INT = ("PyDict_Next", "PyDict_SetItem", "memcmp")
"""Functions of C that return an int; others return a word, or nothing."""

SIGNS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Eq: "eq", ast.NotEq: "ne",
    ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt", ast.GtE: "sge",
}  # fmt: skip


def functions(source: str, constants: dict[str, int]) -> Code:
    """Return the functions of a source, in which some names are numbers."""
    declared: dict[str, str] = {}
    found = [x for x in ast.parse(source).body if isinstance(x, ast.FunctionDef)]
    texts = [_Function(f, constants, declared).text() for f in found]
    names = [f.name for f in found]
    texts += [text for name, text in declared.items() if name not in names]
    text = "\n".join(texts)

    def make() -> tuple[bytes, Any, list[str]]:
        module, machine = llvm().parse_assembly(text), target()
        options = llvm().create_pipeline_tuning_options(speed_level=2)
        passes = llvm().create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
        return machine.emit_object(module), module, names

    return code(text, make)


def _to(kind: str) -> str:
    """Return the type of an address of something; since LLVM 16, there is one."""
    return "ptr" if llvm().llvm_version_info[0] >= 16 else f"{kind}*"


class _Function:
    """Writes a function in LLVM's language; LLVM itself finds out what is needed of it."""

    def __init__(
        self, function: ast.FunctionDef, constants: dict[str, int], declared: dict[str, str]
    ) -> None:
        self._function, self._constants, self._declared = function, constants, declared
        self._names: dict[str, None] = {}
        self._lines: list[str] = []
        self._count = 0

    def text(self) -> str:
        """Return the function."""
        given = [x.arg for x in self._function.args.args]
        for name in given:
            self._put(name, f"%{name}.given")
        self._all(self._function.body)
        arguments = ", ".join(f"{W} %{name}.given" for name in given)
        variables = [f"%{name} = alloca {W}" for name in self._names]
        body = "\n".join([*variables, *self._lines, f"ret {W} 0"])
        return f"define {W} @{self._function.name}({arguments}) {{\n{body}\n}}\n"

    def _new(self, text: str, sign: str = "%t") -> str:
        self._count += 1
        if text:
            self._lines.append(f"{sign}{self._count} = {text}")
        return f"{sign}{self._count}"

    def _labels(self, count: int) -> list[str]:
        return [self._new("", "l") for _ in range(count)]

    def _at(self, label: str) -> None:
        self._lines += [f"br label %{label}", f"{label}:"]

    def _put(self, name: str, value: str) -> None:
        self._names[name] = None
        self._lines.append(f"store {W} {value}, {_to(W)} %{name}")

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
                self._lines.append(f"ret {W} {self._value(x)}")
                self._lines.append(f"{self._labels(1)[0]}:")
            case ast.If(condition, body, orelse):
                yes, no, end = self._labels(3)
                self._branch(condition, yes, no)
                for label, part in ((yes, body), (no, orelse)):
                    self._lines.append(f"{label}:")
                    self._all(part)
                    self._lines.append(f"br label %{end}")
                self._lines.append(f"{end}:")
            case ast.While(condition, body):
                start, inside, end = self._labels(3)
                self._at(start)
                self._branch(condition, inside, end)
                self._lines.append(f"{inside}:")
                self._all(body)
                self._lines += [f"br label %{start}", f"{end}:"]
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), [end]), body):
                self._statement(ast.parse(f"{name} = 0").body[0])
                loop = ast.parse(f"while {name} < {ast.unparse(end)}: {name} += 1").body[0]
                assert isinstance(loop, ast.While)
                loop.body = [*body, *loop.body]
                self._statement(loop)
            case _:
                raise NotImplementedError(ast.unparse(s))

    def _branch(self, x: ast.expr, yes: str, no: str) -> None:
        """Go on at one of two labels."""
        match x:
            case ast.BoolOp(sign, parts):
                for part in parts[:-1]:
                    (after,) = self._labels(1)
                    ends = (after, no) if isinstance(sign, ast.And) else (yes, after)
                    self._branch(part, *ends)
                    self._lines.append(f"{after}:")
                self._branch(parts[-1], yes, no)
            case ast.UnaryOp(ast.Not(), part):
                self._branch(part, no, yes)
            case ast.Compare(a, [sign], [b]):
                a_text, b_text = self._value(a), self._value(b)
                held = self._new(f"icmp {SIGNS[type(sign)]} {W} {a_text}, {b_text}")
                self._lines.append(f"br i1 {held}, label %{yes}, label %{no}")
            case _:
                self._branch(ast.Compare(x, [ast.NotEq()], [ast.Constant(0)]), yes, no)

    def _value(self, x: ast.expr) -> str:
        match x:
            case ast.Constant(int(value)):
                return str(int(value))
            case ast.Name(name):
                if name in self._constants:
                    return str(self._constants[name])
                return self._new(f"load {W}, {_to(W)} %{name}")
            case ast.BinOp(a, sign, b):
                return self._new(f"{SIGNS[type(sign)]} {W} {self._value(a)}, {self._value(b)}")
            case ast.Call(ast.Name(name), arguments):
                return self._call(name, [*map(self._value, arguments)])
        raise NotImplementedError(ast.unparse(x))

    def _call(self, name: str, values: list[str]) -> str:
        if name in ("load", "store"):
            place = self._new(f"inttoptr {W} {values[0]} to {_to(W)}")
            if name == "load":
                return self._new(f"load {W}, {_to(W)} {place}")
            self._lines.append(f"store {W} {values[1]}, {_to(W)} {place}")
            return "0"
        kind = "i32" if name in INT else W
        given = f"({', '.join(f'{W} {x}' for x in values[name == 'run' :])})"
        kinds = f"({', '.join([W] * len(values[name == 'run' :]))})"
        if name == "run":
            place = self._new(f"inttoptr {W} {values[0]} to {_to(f'{W} {kinds}')}")
        else:
            place = f"@{name}"
            self._declared[name] = f"declare {kind} {place}{kinds}"
        found = self._new(f"call {kind} {place}{given}")
        return self._new(f"sext i32 {found} to {W}") if kind != W else found
