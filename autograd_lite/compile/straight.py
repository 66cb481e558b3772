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
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.compile.sheet import LoweringError

HANDING = ("argument", "let_go", "take_back", "handed")
"""Functions of `handing` that lines call."""

APART = {
    np.exp, np.expm1, np.log, np.log2, np.log10, np.log1p, np.power, np.sin, np.cos,
    np.tan, np.arcsin, np.arccos, np.arctan, np.arctan2, np.sinh, np.cosh, np.tanh,
    np.maximum, np.minimum,
}  # fmt: skip
OFTEN = 32
"""Calls from which one of those is a function of its own: LLVM takes seconds for copies."""

STACK = 1 << 16
"""Bytes of an array that lies on the stack; others are numba's."""

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
    *_, function = tree.body
    assert isinstance(function, ast.FunctionDef)
    blocks: list[str] = []
    known = {x.arg for x in function.args.args}
    function.body = [*_packed(function.body, _counts(function), blocks, known)]
    if not blocks:
        return source
    head = [f"from {__name__} import straight", "", *blocks, "", ""]
    return "\n".join([*head, ast.unparse(tree), ""])


def _counts(node: ast.AST) -> dict[str, int]:
    """Return how often each name stands in a piece of code."""
    found: dict[str, int] = {}
    for x in ast.walk(node):
        if isinstance(x, ast.Name):
            found[x.id] = found.get(x.id, 0) + 1
    return found


def _packed(
    body: list[ast.stmt], used: dict[str, int], blocks: list[str], known: set[str]
) -> Iterator[ast.stmt]:
    """Return statements where those in a row are calls; add to what is known."""
    run: list[ast.stmt] = []
    before = set(known)
    for statement in [*body, None]:
        if statement is not None and _is_straight(statement):
            run.append(statement)
        else:
            if run:
                yield _call(run, used, blocks, before)
            run = []
            if isinstance(statement, ast.For):
                statement.body = [*_packed(statement.body, used, blocks, known | _made(statement))]
            if statement is not None:
                yield statement
        if statement is not None:
            known |= _made(statement)
        if not run:
            before = set(known)


def _made(statement: ast.AST) -> set[str]:
    """Return the names that a statement sets."""
    names = (x for x in ast.walk(statement) if isinstance(x, ast.Name))
    return {x.id for x in names if isinstance(x.ctx, ast.Store)}


def _call(run: list[ast.stmt], used: dict[str, int], blocks: list[str], known: set[str]) -> Any:
    """Return a statement that does those of a run."""
    module = ast.Module(run, [])
    inside = _counts(module)
    made: dict[str, None] = {}
    given: dict[str, None] = {}
    for s in run:
        names = [x.id for x in ast.walk(s) if isinstance(x, ast.Name)]
        new = _made(s)
        if not isinstance(s, ast.For):  # Where that has no rounds, what it sets stays as it is.
            names = [x for x in names if x not in new or names.count(x) > 1]
        given |= dict.fromkeys(x for x in names if x in known and x not in made)
        made |= dict.fromkeys(x for x in names if x in new) | dict.fromkeys(sorted(new))
    results = [x for x in made if used[x] > inside[x]]
    name = f"block{len(blocks)}"
    text = ast.unparse(module)
    blocks.append(
        f"{name} = straight({' '.join(given)!r}, {' '.join(results)!r}, '''\n{text}\n''')"
    )
    call = f"{name}({', '.join(given)})"
    (statement,) = ast.parse(f"{', '.join(results)} = {call}" if results else call).body
    return statement


def _is_straight(statement: ast.stmt) -> bool:
    """Return whether it is an assignment, or a loop of them."""
    match statement:
        case ast.Assign([ast.Name()], ast.Call() as value) if _array_of(value):
            return True
        case ast.Assign([target], value):
            return (isinstance(target, ast.Name) or _is_entry(target)) and _is_plain(value)
        case ast.AugAssign(target, sign, value):
            return _is_entry(target) and type(sign) in SIGNS and _is_plain(value)
        case ast.For(ast.Name(), ast.Call(ast.Name("range"), [count], []), body, []):
            return _is_plain(count) and all(map(_is_straight, body))
    return False


def _array_of(x: ast.Call) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    """Return the shape and dtype of the array that a call makes, if the stack has room for it."""
    match x:
        case ast.Call(
            ast.Attribute(ast.Name("np"), "empty" | "zeros"), [shape, ast.Attribute() as of]
        ):
            sizes, dtype = ast.literal_eval(shape), np.dtype(of.attr)
            return (sizes, dtype) if math.prod(sizes) * dtype.itemsize <= STACK else None
    return None


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
        case ast.Subscript(ast.Attribute(ast.Name(), "shape"), place):
            return _is_plain(place)
        case ast.Subscript():
            return _is_entry(x)
        case ast.BinOp(a, sign, b) | ast.Compare(a, [sign], [b]):
            return type(sign) in SIGNS and _is_plain(a) and _is_plain(b)
        case ast.UnaryOp(sign, a):
            return type(sign) in SIGNS and _is_plain(a)
        case ast.IfExp(test, a, b):
            return all(map(_is_plain, (test, a, b)))
        case ast.Call(ast.Attribute(ast.Name("np" | "math")), arguments, []):
            return all(map(_is_plain, arguments))
        case ast.Call(ast.Name(name), arguments, []):
            return name in ("pick", *HANDING) and all(map(_is_plain, arguments))
    return False


# -------------------------------------------------------------- the instructions


def straight(given: str, results: str, text: str) -> Any:
    """Return a function for code that numba compiles: lines of arithmetic.

    - `given`, `results`: names, with spaces between them.
    """
    from numba.extending import intrinsic

    lines = functools.partial(_lines, given.split(), results.split(), text)
    arguments = ", ".join(["context", *(f"a{i}" for i, _ in enumerate(given.split()))])
    names: dict[str, Any] = {"lines": lines}
    exec(f"def block({arguments}): return lines({arguments})", names)
    return intrinsic(names["block"])


def _lines(given: list[str], names: list[str], text: str, typing: Any, *kinds: Any) -> Any:
    """Return the signature of a block, and what emits it."""
    from numba.core.types import containers, none

    module = ast.parse(text)
    used = _counts(module)
    used |= {name: used[name] + 1 for name in names}
    writer = _Writer(typing, dict(zip(given, kinds, strict=True)), used)
    emitters = [writer.statement(s) for s in module.body]
    found = [writer.kinds[name] for name in names]
    result = found[0] if len(found) == 1 else containers.Tuple(found) if found else none

    def emit(context: Any, builder: Any, _: Any, values: Any) -> Any:
        known = dict(zip(given, values, strict=True))
        for emitter in emitters:
            emitter(context, builder, known)
        if len(found) == 1:
            return known[names[0]]
        if not found:
            return context.get_dummy_value()
        return context.make_tuple(builder, result, [known[name] for name in names])

    return result(*kinds), emit


class _Writer:
    """Finds types as numba does, and what emits each expression."""

    def __init__(self, typing: Any, kinds: dict[str, Any], used: dict[str, int]) -> None:
        self._typing, self.kinds, self._used = typing, kinds, used
        self._known: dict[Any, Any] = {}
        self._impls: dict[Any, Any] = {}
        self._calls: dict[Any, int] = {}

    def statement(self, s: Any) -> Any:
        """Return what emits an assignment, or a loop."""
        if isinstance(s, ast.For):
            return self._loop(s)
        if isinstance(s, ast.AugAssign):
            before = ast.parse(ast.unparse(s.target), mode="eval").body
            s = ast.Assign([s.target], ast.BinOp(before, s.op, s.value))
        (target,) = s.targets
        if isinstance(s.value, ast.Call) and (array_of := _array_of(s.value)):
            return self._array(target.id, *array_of, zeros="zeros" in ast.unparse(s.value.func))
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

    def _array(self, name: str, shape: Any, dtype: np.dtype[Any], *, zeros: bool) -> Any:
        """Return what emits an array on the stack."""
        from numba import from_dtype
        from numba.core import cgutils, types
        from numba.np.arrayobj import populate_array

        of = from_dtype(dtype)
        self.kinds[name] = types.Array(of, len(shape), "C")
        steps = [math.prod(shape[i + 1 :]) * dtype.itemsize for i in range(len(shape))]

        def emit(context: Any, builder: Any, known: Any) -> None:
            word = context.get_value_type(types.intp)
            data = cgutils.alloca_once(builder, context.get_data_type(of), word(math.prod(shape)))
            if zeros:
                size = word(math.prod(shape) * dtype.itemsize)
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
                return self._chosen(*map(self.expression, (test, a, b)))
            case ast.Call(ast.Attribute(ast.Name(module), name), operands):
                return self._applied(getattr({"np": np, "math": math}[module], name), *operands)
            case ast.Call(ast.Name("pick"), operands):
                from autograd_lite.compile.choice import pick

                return self._applied(pick, *operands)
            case ast.Call(ast.Name(name), operands):
                from autograd_lite.compile import handing

                places = [getattr(a, "id", None) or ast.literal_eval(a) for a in operands[:4]]
                if name == HANDING[-1]:
                    places[4:] = map(self.expression, operands[4:])
                found: tuple[Any, Any] = getattr(handing, name)(*places)
                return found
        raise NotImplementedError(ast.unparse(x))

    def _chosen(self, test: Any, *branches: Any) -> tuple[Any, Any]:
        """Return the type of one of two expressions, and what emits that one."""
        from numba.core import types

        kind = self._typing.unify_types(*(of for of, _ in branches))

        def emit(context: Any, builder: Any, known: Any) -> Any:
            held = context.cast(builder, test[1](context, builder, known), test[0], types.boolean)
            ends = []
            with builder.if_else(held) as ways:
                for way, (of, value) in zip(ways, branches, strict=True):
                    with way:
                        found = context.cast(builder, value(context, builder, {**known}), of, kind)
                        ends.append((found, builder.block))
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
