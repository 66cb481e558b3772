"""How machine code gets its arguments from Python, and hands over its results.

Whoever calls has looked at them: of an array, only its address and its shape are read, and of the
shape, the compiler knows nothing. Only code that numba compiles imports this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from autograd_lite.compile.machine import DATA, DIMENSIONS, WORD

_I = types.intp


def _c(name: str, result: Any, *arguments: Any) -> Any:
    return types.ExternalFunction(name, result(*arguments))


failed = _c("PyErr_Occurred", _I)
let_go = _c("PyEval_SaveThread", _I)
take_back = _c("PyEval_RestoreThread", types.void, _I)
READ = {"f": ("PyFloat_AsDouble", types.float64), "b": ("PyObject_IsTrue", types.int32),
        "i": ("PyLong_AsLongLong", types.int64),
        "u": ("PyLong_AsUnsignedLongLongMask", types.uint64)}  # fmt: skip
MADE = {"f": ("PyFloat_FromDouble", types.float64), "b": ("PyBool_FromLong", types.long_),
        "i": ("PyLong_FromLongLong", types.int64)}  # fmt: skip


class _Emitter:
    """Emits what C would do, where words stand for addresses."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder
        self.word = context.get_value_type(_I)

    def at(self, address: Any, offset: int, kind: Any = None) -> Any:
        place = self.builder.add(address, self.word(offset))
        return self.builder.inttoptr(place, (kind or self.word).as_pointer())

    def load(self, address: Any, offset: int = 0) -> Any:
        return self.builder.load(self.at(address, offset))

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        kind = cgutils.ir.FunctionType(
            self.context.get_value_type(result), [x.type for x in arguments]
        )
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)


def typed(dtype: str, axes: int) -> Any:
    """Return numba's type of an argument: of an array, or with -1 axes of a plain number."""
    scalar = from_dtype(np.dtype(dtype))
    return scalar if axes < 0 else types.Array(scalar, axes, "C")


def given(kinds: Sequence[tuple[str, int]]) -> Any:
    """Return what reads arguments of these dtypes, and with so many axes."""
    found = [typed(*kind) for kind in kinds]
    result = types.Tuple(found)

    def emit(context: Any, builder: Any, _: Any, values: Any) -> Any:
        e = _Emitter(context, builder)

        def argument(i: int, kind: Any) -> Any:
            x = e.load(values[0], WORD * i)
            if isinstance(kind, types.Array):
                return array(x, kind)
            name, read = READ[np.dtype(kinds[i][0]).kind]
            return context.cast(builder, e.call(name, read, x), read, kind)

        def array(x: Any, kind: Any) -> Any:
            made = context.make_array(kind)(context, builder)
            sizes = e.load(x, DIMENSIONS)
            shape = [e.load(sizes, WORD * axis) for axis in range(kind.ndim)]
            size = step = e.word(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
            strides: list[Any] = []
            for length in reversed(shape):
                strides = [step, *strides]
                step = builder.mul(step, length)
            entries = builder.inttoptr(
                e.load(x, DATA), context.get_data_type(kind.dtype).as_pointer()
            )
            populate_array(
                made, data=entries, shape=shape, strides=strides, itemsize=size, meminfo=None
            )
            return made._getvalue()

        return context.make_tuple(builder, result, [*map(argument, range(len(found)), found)])

    def read(context: Any, arguments: Any) -> Any:  # noqa: ARG001  (numba asks for the names)
        return result(arguments), emit

    return intrinsic(read)


def handed(results: Sequence[tuple[str, bool]]) -> Any:
    """Return what makes objects of numbers: NumPy's of a dtype, or Python's; a tuple of several.

    Of NumPy's numbers each is put in an array, which the table of the built-in function names, and
    read from there.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        e = _Emitter(context, builder)
        table = e.call("PyByteArray_AsString", _I, values[0])

        def made(i: int, x: Any, kind: Any) -> Any:
            (dtype, weak) = results[i]
            if weak:
                name, wanted = MADE[np.dtype(dtype).kind]
                return e.call(name, _I, context.cast(builder, x, kind, wanted))
            wanted = from_dtype(np.dtype(dtype))
            place = e.load(table, 2 * WORD * i)
            to = builder.inttoptr(place, context.get_data_type(wanted).as_pointer())
            context.pack_value(builder, wanted, context.cast(builder, x, kind, wanted), to)
            return e.call("PySequence_GetItem", _I, e.load(table, 2 * WORD * i + WORD), e.word(0))

        found = [*map(made, range(len(results)), values[1:], signature.args[1:])]
        if not found:
            none = e.load(table)
            e.call("Py_IncRef", types.void, none)
            return none
        if len(found) == 1:
            return found[0]
        none = e.word(0)
        result = e.call("PyTuple_New", _I, e.word(len(found)))
        for i, x in enumerate(found):
            e.call("PyTuple_SetItem", types.int32, result, e.word(i), x)
        for x in found:  # Where memory ran out.
            result = builder.select(builder.icmp_signed("==", x, none), none, result)
        return result

    names = ", ".join(f"x{i}" for i in range(len(results)))
    scope: dict[str, Any] = {"word": _I, "emit": emit}
    exec(f"def hand(context, me, {names}): return word(me, {names}), emit", scope)
    return intrinsic(scope["hand"])
