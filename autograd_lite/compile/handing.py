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
from numba.np.arrayobj import populate_array

from autograd_lite.compile.machine import DATA, DIMENSIONS, WORD

_I = types.intp


READ = {"f": ("PyFloat_AsDouble", types.float64), "b": ("PyObject_IsTrue", types.int32),
        "i": ("PyLong_AsLongLong", types.int64),
        "u": ("PyLong_AsUnsignedLongLongMask", types.uint64)}  # fmt: skip
MADE = {"f": ("PyFloat_FromDouble", types.float64), "b": ("PyBool_FromLong", types.long_),
        "i": ("PyLong_FromLongLong", types.int64)}  # fmt: skip


class Emitter:
    """Emits what C would do, where words stand for addresses."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder
        self.word = context.get_value_type(_I)

    def at(self, address: Any, offset: int, kind: Any = None) -> Any:
        """Return an address with a type."""
        place = self.builder.add(address, self.word(offset))
        return self.builder.inttoptr(place, (kind or self.word).as_pointer())

    def load(self, address: Any, offset: int = 0) -> Any:
        """Read a word."""
        return self.builder.load(self.at(address, offset))

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call a function of C."""
        kind = cgutils.ir.FunctionType(
            self.context.get_value_type(result), [x.type for x in arguments]
        )
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)


def kind_of(dtype: str, axes: int) -> Any:
    """Return the type of an argument; with -1 axes, of a number."""
    scalar = from_dtype(np.dtype(dtype))
    return scalar if axes < 0 else types.Array(scalar, axes, "C")


def argument(e: Emitter, x: Any, dtype: str, axes: int) -> Any:
    """Emit an argument, given the address of the object."""
    context, builder, kind = e.context, e.builder, kind_of(dtype, axes)
    if axes < 0:
        name, read = READ[np.dtype(dtype).kind]
        number = e.call(name, read, x)
        if read is types.int64:  # It may be none that C has.
            with cgutils.if_unlikely(builder, builder.icmp_signed("==", number, number.type(-1))):
                raised = e.call("PyErr_Occurred", _I)
                with cgutils.if_unlikely(builder, cgutils.is_not_null(builder, raised)):
                    context.call_conv.return_value(builder, e.word(0))
        return context.cast(builder, number, read, kind)
    of = context.get_data_type(kind.dtype)
    sizes = e.load(x, DIMENSIONS)
    shape = [e.load(sizes, WORD * axis) for axis in range(axes)]
    size = step = e.word(context.get_abi_sizeof(of))
    strides: list[Any] = []
    for length in reversed(shape):
        strides = [step, *strides]
        step = builder.mul(step, length)
    made = context.make_array(kind)(context, builder)
    entries = builder.inttoptr(e.load(x, DATA), of.as_pointer())
    populate_array(made, data=entries, shape=shape, strides=strides, itemsize=size, meminfo=None)
    return made._getvalue()


def handed(
    e: Emitter, me: Any, args: Any, count: Any,
    results: Sequence[tuple[str, bool]], numbers: Sequence[tuple[Any, Any]],
) -> Any:  # fmt: skip
    """Make objects of numbers, which come with their types: NumPy's of a dtype, or Python's.

    Several are a tuple, or lie after the arguments, if the count of those is negative. Of NumPy's
    numbers each is put in an array, which the table of the built-in function names, and read from
    there.
    """
    context, builder = e.context, e.builder
    table = e.call("PyByteArray_AsString", _I, me)
    found = []
    for i, ((dtype, weak), (kind, x)) in enumerate(zip(results, numbers, strict=True)):
        if weak:
            name, wanted = MADE[np.dtype(dtype).kind]
            found.append(e.call(name, _I, context.cast(builder, x, kind, wanted)))
            continue
        wanted = from_dtype(np.dtype(dtype))
        to = e.at(e.load(table, 2 * WORD * i), 0, context.get_data_type(wanted))
        context.pack_value(builder, wanted, context.cast(builder, x, kind, wanted), to)
        array = e.load(table, 2 * WORD * i + WORD)
        found.append(e.call("PySequence_GetItem", _I, array, e.word(0)))
    if not found:
        result = e.load(table)
        e.call("Py_IncRef", types.void, result)
        return result
    if len(found) == 1:
        return found[0]
    place = cgutils.alloca_once_value(builder, found[0])
    after = builder.sub(args, builder.mul(count, e.word(WORD)))
    with builder.if_else(builder.icmp_signed("<", count, e.word(0))) as (put, pack):
        with put:
            for i, x in enumerate(found):
                builder.store(x, e.at(after, WORD * i))
        with pack:
            several = e.call("PyTuple_New", _I, e.word(len(found)))
            for i, x in enumerate(found):
                e.call("PyTuple_SetItem", types.int32, several, e.word(i), x)
            builder.store(several, place)
    result = builder.load(place)
    for x in found:  # Where memory ran out.
        result = builder.select(builder.icmp_signed("==", x, e.word(0)), e.word(0), result)
    return result
