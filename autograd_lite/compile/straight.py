"""Lines of arithmetic in a row, handed to LLVM by numba in one piece.

numba takes some 4 ms to find the type of each line and to lower it; what it then emits for an
addition is one instruction. Here the lines are one function that it knows how to lower, by asking
numba once for each operation and its types. So the instructions are numba's, for its own reasons.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.compile.sheet import LoweringError

FEWEST = 4
"""Lines from which it is worth it."""

SIGNS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.USub: operator.neg,
    ast.Invert: operator.invert,
}  # fmt: skip


# -------------------------------------------------------------- the source


def packed(source: str) -> str:
    """Return the source of a function in which lines in a row are one call."""
    tree = ast.parse(source)
    (function,) = (x for x in tree.body if isinstance(x, ast.FunctionDef))
    blocks: list[str] = []
    function.body = [*_packed(function.body, _counts(function), blocks)]
    if not blocks:
        return source
    head = [f"from {__name__} import straight  # {_version():x}", "", *blocks, "", ""]
    return "\n".join([*head, ast.unparse(tree), ""])


@functools.cache
def _version() -> int:
    """Return a number that is another one when this file has changed, and so what it emits."""
    return zlib.crc32(Path(__file__).read_bytes())


def _counts(node: ast.AST) -> dict[str, int]:
    """Return how often each name stands in a piece of code."""
    found: dict[str, int] = {}
    for x in ast.walk(node):
        if isinstance(x, ast.Name):
            found[x.id] = found.get(x.id, 0) + 1
    return found


def _packed(body: list[ast.stmt], used: dict[str, int], blocks: list[str]) -> Iterator[ast.stmt]:
    run: list[ast.stmt] = []
    for statement in [*body, None]:
        if statement is not None and _is_straight(statement):
            run.append(statement)
            continue
        if len(run) < FEWEST:
            yield from run
        else:
            yield _call(run, used, blocks)
        run = []
        if isinstance(statement, ast.For):
            statement.body = [*_packed(statement.body, used, blocks)]
        if statement is not None:
            yield statement


def _call(run: list[ast.stmt], used: dict[str, int], blocks: list[str]) -> ast.stmt:
    """Return a statement that does those of a run."""
    module = ast.Module(run, [])
    inside = _counts(module)
    made: dict[str, None] = {}
    given: dict[str, None] = {}
    for s in run:
        assert isinstance(s, ast.Assign)
        (target,) = s.targets
        for x in [*ast.walk(s.value), *(() if isinstance(target, ast.Name) else ast.walk(target))]:
            if isinstance(x, ast.Name) and x.id not in made and x.id not in ("np", "math", "pick"):
                given[x.id] = None
        if isinstance(target, ast.Name):
            made[target.id] = None
    results = [x for x in made if used[x] > inside[x]]
    name = f"block{len(blocks)}"
    text = ast.unparse(module)
    blocks.append(
        f"{name} = straight({', '.join(given)!r}, {', '.join(results)!r}, '''\n{text}\n''')"
    )
    call = f"{name}({', '.join(given)})"
    (statement,) = ast.parse(f"{', '.join(results)} = {call}" if results else call).body
    return statement


def _is_straight(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Assign):
        return False
    (target,) = statement.targets
    return (isinstance(target, ast.Name) or _is_entry(target)) and _is_plain(statement.value)


def _is_entry(x: ast.AST) -> bool:
    """Return whether it is an entry of an array that has axes."""
    if not (isinstance(x, ast.Subscript) and isinstance(x.value, ast.Name)):
        return False
    places = _places(x)
    return bool(places) and all(map(_is_plain, places))


def _places(x: ast.Subscript) -> list[ast.expr]:
    return x.slice.elts if isinstance(x.slice, ast.Tuple) else [x.slice]


def _is_plain(x: ast.expr) -> bool:
    match x:
        case ast.Name() | ast.Constant() | ast.Attribute(value=ast.Name("np"), attr="inf" | "nan"):
            return True
        case ast.Subscript():
            return _is_entry(x)
        case ast.BinOp(a, sign, b) | ast.Compare(a, [sign], [b]):
            return type(sign) in SIGNS and _is_plain(a) and _is_plain(b)
        case ast.UnaryOp(sign, a):
            return type(sign) in SIGNS and _is_plain(a)
        case ast.Call(ast.Attribute(ast.Name("np" | "math")) | ast.Name("pick"), arguments, []):
            return all(map(_is_plain, arguments))
    return False


# -------------------------------------------------------------- the instructions


def straight(given: str, results: str, text: str) -> Any:
    """Return a function for code that numba compiles: lines of arithmetic.

    Parameters
    ----------
    given, results : str
        Names, with commas between them.
    text : str
    """
    from numba.extending import intrinsic

    arguments = ", ".join(f"a{i}" for i, _ in enumerate(given.split(", ")))
    names: dict[str, Any] = {"lines": functools.partial(_lines, given, results, text)}
    exec(f"def block(context, {arguments}): return lines(context, {arguments})", names)
    return intrinsic(names["block"])


def _lines(given: str, results: str, text: str, typing: Any, *kinds: Any) -> Any:
    """Return the signature of a block, and what emits it."""
    from numba.core.types import containers, none

    writer = _Writer(typing, dict(zip(given.split(", "), kinds, strict=True)))
    emitters = [writer.statement(s) for s in ast.parse(text).body]
    names = [name for name in results.split(", ") if name]
    found = [writer.kinds[name] for name in names]
    result = found[0] if len(found) == 1 else containers.Tuple(found) if found else none

    def emit(context: Any, builder: Any, _: Any, values: Any) -> Any:
        known = dict(zip(given.split(", "), values, strict=True))
        for emitter in emitters:
            emitter(context, builder, known)
        if len(found) == 1:
            return known[names[0]]
        if not found:
            return context.get_dummy_value()
        return context.make_tuple(builder, result, [known[name] for name in names])

    return result(*kinds), emit


class _Writer:
    """Finds types as numba does, and what emits each expression.

    Attributes
    ----------
    kinds : dict of str to type of numba
    """

    def __init__(self, typing: Any, kinds: dict[str, Any]) -> None:
        self._typing, self.kinds = typing, kinds
        self._known: dict[Any, Any] = {}
        self._impls: dict[Any, Any] = {}

    def statement(self, s: Any) -> Any:
        """Return what emits an assignment."""
        (target,) = s.targets
        kind, value = self.expression(s.value)
        if isinstance(target, ast.Name):
            self.kinds[target.id] = kind

            def assign(context: Any, builder: Any, known: Any) -> None:
                known[target.id] = value(context, builder, known)

            return assign
        array, pointer = self._entry(target)

        def store(context: Any, builder: Any, known: Any) -> None:
            cast = context.cast(builder, value(context, builder, known), kind, array.dtype)
            context.pack_value(builder, array.dtype, cast, pointer(context, builder, known))

        return store

    def expression(self, x: Any) -> tuple[Any, Any]:
        """Return the type of an expression, and what emits it."""
        from numba.core import types

        match x:
            case ast.Name(name):
                return self.kinds[name], lambda _c, _b, known: known[name]
            case ast.Constant() | ast.UnaryOp(ast.USub(), ast.Constant()):
                value: Any = ast.literal_eval(x)
                kind = (
                    types.boolean if isinstance(value, bool)
                    else types.intp if isinstance(value, int) else types.float64
                )  # fmt: skip
                return kind, lambda c, _b, _: c.get_constant(kind, value)
            case ast.Attribute(_, name):
                return types.float64, lambda c, _b, _: c.get_constant(
                    types.float64, getattr(math, name)
                )
            case ast.Subscript():
                array, pointer = self._entry(x)
                return array.dtype, lambda c, b, known: c.unpack_value(
                    b, array.dtype, pointer(c, b, known)
                )
            case ast.BinOp(a, sign, b) | ast.Compare(a, [sign], [b]):
                return self._applied(SIGNS[type(sign)], a, b)
            case ast.UnaryOp(sign, a):
                return self._applied(SIGNS[type(sign)], a)
            case ast.Call(ast.Attribute(ast.Name(module), name), operands):
                return self._applied(getattr({"np": np, "math": math}[module], name), *operands)
            case ast.Call(_, operands):
                from autograd_lite.compile.choice import pick

                return self._applied(pick, *operands)
        raise NotImplementedError(ast.unparse(x))

    def _entry(self, x: Any) -> tuple[Any, Any]:
        """Return the type of an array, and what emits the address of an entry."""
        from numba.core import cgutils, types

        name, places = x.value.id, [self.expression(place) for place in _places(x)]
        known_places = all(isinstance(place, ast.Constant) for place in _places(x))
        kind = self.kinds[name]

        def pointer(context: Any, builder: Any, known: Any) -> Any:
            array = context.make_array(kind)(context, builder, known[name])
            at = [
                context.cast(builder, place(context, builder, known), of, types.intp)
                for of, place in places
            ]
            return cgutils.get_item_pointer(
                context, builder, kind, array, at, wraparound=not known_places
            )

        return kind, pointer

    def _applied(self, function: Any, *operands: Any) -> tuple[Any, Any]:
        """Return the type of what a function gives, and what emits its call."""
        parts = [self.expression(x) for x in operands]
        kinds = tuple(kind for kind, _ in parts)
        key = function, kinds
        if key not in self._known:
            self._known[key] = self._resolved(function, kinds)
        of, signature = self._known[key]

        def call(context: Any, builder: Any, known: Any) -> Any:
            if key not in self._impls:
                self._impls[key] = context.get_function(of, signature)
            values = [
                context.cast(builder, value(context, builder, known), kind, wanted)
                for (kind, value), wanted in zip(parts, signature.args, strict=True)
            ]
            return self._impls[key](builder, values)

        return signature.return_type, call

    def _resolved(self, function: Any, kinds: Any) -> tuple[Any, Any]:
        """Return the type of a function, and its signature for operands of these types."""
        from numba.core.errors import NumbaError

        try:
            of = self._typing.resolve_value_type(function)
            signature = self._typing.resolve_function_type(of, kinds, {})
        except (ValueError, NumbaError):
            signature = None
        if signature is None:
            raise LoweringError(f"{function.__name__} of {', '.join(map(str, kinds))}")
        return of, signature
