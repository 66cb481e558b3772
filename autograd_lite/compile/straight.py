"""Lines of arithmetic, handed to LLVM by numba in one piece.

numba takes some 4 ms to find the type of each line and to lower it; what it then emits for an
addition is one instruction. Here all lines are one function that it knows how to lower, by asking
numba once for each operation and its types. So the instructions are numba's, for its own reasons.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.compile.machine import WORD
from autograd_lite.compile.sheet import LoweringError

APART = {
    np.exp, np.expm1, np.log, np.log2, np.log10, np.log1p, np.power, np.sin, np.cos,
    np.tan, np.arcsin, np.arccos, np.arctan, np.arctan2, np.sinh, np.cosh, np.tanh,
    np.maximum, np.minimum,
}  # fmt: skip
OFTEN = 32
"""Calls from which one of those is a function of its own: LLVM takes seconds for copies."""

STACK = 1 << 16
"""Bytes of an array that lies on the stack; others get memory of their own."""

SIGNS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.USub: operator.neg, ast.Invert: operator.invert,
}  # fmt: skip


def straight(
    source: str,
    given: Sequence[tuple[str, int]],
    found: Sequence[tuple[str, bool]],
    *,
    direct: bool,
) -> Any:
    """Return a function for numba, as Python's C interface calls one; `machine_code` says of what.

    It gets the addresses of a table and of the arguments, and how many they are.
    """
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    from autograd_lite.compile.handing import Emitter, argument, handed, kind_of

    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    names = [x.arg for x in function.args.args]
    lines, parts = function.body, list[ast.expr]()
    match lines[-1]:
        case ast.Return(value):
            lines = lines[:-1]
            parts = value.elts if isinstance(value, ast.Tuple) else [value] if value else []

    def typed(typing: Any, me: Any, args: Any, count: Any) -> Any:
        kinds = {name: kind_of(*how) for name, how in zip(names, given, strict=True)}
        writer = _Writer(typing, kinds, _counts(function))
        emitters = [writer.statement(s) for s in lines]
        numbers = [writer.expression(x) for x in parts]

        def emit(context: Any, builder: Any, _: Any, values: Any) -> Any:
            e, known = Emitter(context, builder), dict[Any, Any]()
            table, at, count = values
            for i, (name, how) in enumerate(zip(names, given, strict=True)):
                known[name] = argument(e, e.load(at, WORD * i), *how)
            for name, size in writer.large.items():
                known[name, "memory"] = e.call("PyMem_RawMalloc", types.intp, e.word(size))
                missing = cgutils.is_null(builder, known[name, "memory"])
                with cgutils.if_unlikely(builder, missing):
                    e.call("PyErr_NoMemory", types.intp)
                    context.call_conv.return_value(builder, e.word(0))
            state = None if direct else e.call("PyEval_SaveThread", types.intp)
            for emitter in emitters:
                emitter(context, builder, known)
            made = [(kind, number(context, builder, known)) for kind, number in numbers]
            for name in writer.large:
                e.call("PyMem_RawFree", types.void, known[name, "memory"])
            if state is not None:
                e.call("PyEval_RestoreThread", types.void, state)
            return handed(e, table, at, count, found, made)

        return types.intp(me, args, count), emit

    return intrinsic(typed)


def _counts(node: ast.AST) -> dict[str, int]:
    """Return how often each name stands in a piece of code."""
    found: dict[str, int] = {}
    for x in ast.walk(node):
        if isinstance(x, ast.Name):
            found[x.id] = found.get(x.id, 0) + 1
    return found


def _made(statement: ast.AST) -> set[str]:
    """Return the names that a statement sets."""
    names = (x for x in ast.walk(statement) if isinstance(x, ast.Name))
    return {x.id for x in names if isinstance(x.ctx, ast.Store)}


def _places(x: ast.Subscript) -> list[ast.expr]:
    return x.slice.elts if isinstance(x.slice, ast.Tuple) else [x.slice]


class _Writer:
    """Finds types as numba does, and what emits each expression.

    - `large`: bytes of the arrays that get memory of their own, from before until the end.
    """

    def __init__(self, typing: Any, kinds: dict[str, Any], used: dict[str, int]) -> None:
        self._typing, self.kinds, self._used = typing, kinds, used
        self.large: dict[str, int] = {}
        self._known: dict[Any, Any] = {}
        self._impls: dict[Any, Any] = {}
        self._calls: dict[Any, int] = {}

    def statement(self, s: Any) -> Any:
        """Return what emits an assignment, or a loop."""
        match s:
            case ast.For():
                return self._loop(s)
            case ast.Assign(
                [ast.Name(name)],
                ast.Call(ast.Attribute(ast.Name("np"), "empty" | "zeros" as how), [shape, of]),
            ):
                dtype = np.dtype(ast.unparse(of).removeprefix("np."))
                return self._array(name, ast.literal_eval(shape), dtype, zeros=how == "zeros")
            case ast.AugAssign(target, sign, x):
                before = ast.parse(ast.unparse(target), mode="eval").body
                kind, value = self.expression(ast.BinOp(before, sign, x))
            case ast.Assign([target], x):
                kind, value = self.expression(x)
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

    def _array(self, name: str, shape: Any, dtype: np.dtype[Any], *, zeros: bool) -> Any:
        """Return what emits an array."""
        from numba import from_dtype
        from numba.core import cgutils, types
        from numba.np.arrayobj import populate_array

        of, count = from_dtype(dtype), math.prod(shape)
        self.kinds[name] = types.Array(of, len(shape), "C")
        large = count * dtype.itemsize > STACK
        if large:
            self.large[name] = count * dtype.itemsize
        steps = [math.prod(shape[i + 1 :]) * dtype.itemsize for i in range(len(shape))]

        def emit(context: Any, builder: Any, known: Any) -> None:
            word = context.get_value_type(types.intp)
            kind, size = context.get_data_type(of), word(count * dtype.itemsize)
            if large:
                data = builder.inttoptr(known[name, "memory"], kind.as_pointer())
            else:
                data = cgutils.alloca_once(builder, kind, word(count))
            if zeros:
                cgutils.memset(builder, data, size, 0)
            array = context.make_array(self.kinds[name])(context, builder)
            populate_array(
                array, data=data, shape=[*map(word, shape)], strides=[*map(word, steps)],
                itemsize=word(dtype.itemsize), meminfo=None,
            )  # fmt: skip
            known[name] = array._getvalue()
            known.pop((name,), None)

        return emit

    def _loop(self, s: Any) -> Any:
        """Return what emits a loop; names that it sets again keep one type through all rounds."""
        from numba.core import cgutils, types

        of, count = self.expression(s.iter.args[0])
        inside = _counts(s)
        kept = sorted(
            x for x in _made(s) if x in self.kinds or self._used.get(x, 0) > inside.get(x, 0)
        )
        first = {name: self.kinds[name] for name in kept if name in self.kinds}
        wanted = dict(first)
        while True:
            self.kinds |= {**wanted, s.target.id: types.intp}
            body = [self.statement(x) for x in s.body]
            last = {name: self.kinds[name] for name in kept}
            common = {x: self._typing.unify_types(wanted.get(x, last[x]), last[x]) for x in kept}
            if common == wanted:
                break
            if None in common.values():
                raise LoweringError("a loop that changes the type of what it goes on with")
            wanted = common
        self.kinds |= wanted

        def emit(context: Any, builder: Any, known: Any) -> None:
            slots: dict[str, Any] = {}

            def put(kinds: Any, values: Any) -> None:
                for name, kind in kinds.items():
                    value = context.cast(builder, values[name], kind, wanted[name])
                    builder.store(value, slots[name])

            for name in kept:
                kind = context.get_value_type(wanted[name])
                slots[name] = cgutils.alloca_once(builder, kind, zfill=name not in first)
            put(first, known)
            rounds = context.cast(builder, count(context, builder, known), of, types.intp)
            with cgutils.for_range(builder, rounds) as loop:
                within = {**known, **{name: builder.load(slots[name]) for name in kept}}
                within[s.target.id] = loop.index
                for emitter in body:
                    emitter(context, builder, within)
                put(last, within)
            known |= {name: builder.load(slots[name]) for name in kept}

        return emit

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
            case ast.Subscript(ast.Attribute(ast.Name(name), "shape"), place):
                axis = ast.literal_eval(place)
                return types.intp, lambda c, b, known: self._lies(name, c, b, known)[1][axis]
            case ast.Subscript():
                array, pointer = self._entry(x)
                return array.dtype, lambda c, b, known: c.unpack_value(
                    b, array.dtype, pointer(c, b, known)
                )
            case ast.BinOp(a, sign, b) | ast.Compare(a, [sign], [b]):
                return self._applied(SIGNS[type(sign)], a, b)
            case ast.UnaryOp(sign, a):
                return self._applied(SIGNS[type(sign)], a)
            case ast.IfExp(test, a, b):
                return self._chosen(*map(self.expression, (test, a, b)), apart=True)
            case ast.Call(ast.Attribute(ast.Name(module), name), operands):
                return self._applied(getattr({"np": np, "math": math}[module], name), *operands)
            case ast.Call(ast.Name("pick"), operands):
                return self._chosen(*map(self.expression, operands), apart=False)
        raise LoweringError(ast.unparse(x))

    def _chosen(self, test: Any, *branches: Any, apart: bool) -> tuple[Any, Any]:
        """Return the type of one of two expressions, and what emits that one.

        If they are `apart`, the other one is not computed; LLVM takes more than linear time for
        such branches: 400 of them in a row compile in a minute, and 400 choices in a second.
        """
        from numba.core import types

        kind = self._typing.unify_types(*(of for of, _ in branches))

        def emit(context: Any, builder: Any, known: Any) -> Any:
            def cast(expression: tuple[Any, Any], wanted: Any) -> Any:
                of, value = expression
                return context.cast(builder, value(context, builder, {**known}), of, wanted)

            held, ends = cast(test, types.boolean), []
            if not apart:
                return builder.select(held, *(cast(branch, kind) for branch in branches))
            with builder.if_else(held) as ways:
                for way, branch in zip(ways, branches, strict=True):
                    with way:
                        ends.append((cast(branch, kind), builder.block))
            result = builder.phi(context.get_value_type(kind))
            for end in ends:
                result.add_incoming(*end)
            return result

        return kind, emit

    def _entry(self, x: Any) -> tuple[Any, Any]:
        """Return the type of an array, and what emits the address of an entry."""
        from numba.core import cgutils, types

        name, places = x.value.id, [self.expression(place) for place in _places(x)]
        known_places = all(isinstance(place, ast.Constant) for place in _places(x))
        kind = self.kinds[name]

        def pointer(context: Any, builder: Any, known: Any) -> Any:
            at = [
                context.cast(builder, place(context, builder, known), of, types.intp)
                for of, place in places
            ]
            lies = self._lies(name, context, builder, known)
            if not at:
                return lies[0]
            return cgutils.get_item_pointer2(
                context, builder, *lies, kind.layout, at, wraparound=not known_places
            )

        return kind, pointer

    def _lies(self, name: str, context: Any, builder: Any, known: Any) -> Any:
        """Return where the entries of an array begin, its shape and its strides."""
        from numba.core import cgutils

        if (name,) not in known:  # It is asked for many times.
            array = context.make_array(self.kinds[name])(context, builder, known[name])
            parts = [cgutils.unpack_tuple(builder, x) for x in (array.shape, array.strides)]
            known[(name,)] = array.data, *parts
        return known[(name,)]

    def _applied(self, function: Any, *operands: Any) -> tuple[Any, Any]:
        """Return the type of what a function gives, and what emits its call."""
        parts = [self.expression(x) for x in operands]
        kinds = tuple(kind for kind, _ in parts)
        key = function, kinds
        if key not in self._known:
            self._known[key] = self._resolved(function, kinds)
        of, signature = self._known[key]
        self._calls[key] = self._calls.get(key, 0) + 1

        def call(context: Any, builder: Any, known: Any) -> Any:
            if key not in self._impls:
                impl = context.get_function(of, signature)
                apart = function in APART and self._calls[key] > OFTEN
                self._impls[key] = _apart(impl, context, builder, signature) if apart else impl
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


def _apart(impl: Any, context: Any, builder: Any, signature: Any) -> Any:
    """Return what emits a call of a function of its own, which does what `impl` emits."""
    from llvmlite import ir

    kinds = [*map(context.get_value_type, signature.args)]
    of = ir.FunctionType(context.get_value_type(signature.return_type), kinds)
    module = builder.module
    function = ir.Function(module, of, module.get_unique_name("apart"))
    function.linkage = "internal"
    function.attributes.add("noinline")
    inside = ir.IRBuilder(function.append_basic_block())
    inside.ret(impl(inside, function.args))
    return lambda builder, values: builder.call(function, values)
