"""What machine code looks at in Python's objects, by the C interface; `native` runs it.

A table says what must be: words at addresses, entries of dicts and lists, sizes, bytes.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import carray, njit
from numba import types as kinds
from numba.core import cgutils
from numba.extending import intrinsic

WORD = np.dtype(np.intp).itemsize
_I = kinds.intp
DATA = 2 * WORD
ND, DIMENSIONS, STRIDES, _, DESCR = range(3 * WORD, 8 * WORD, WORD)
"""Where NumPy's C interface has what an array is, after the head of every object."""


def _c(name: str, result: Any, *arguments: Any) -> Any:
    return kinds.ExternalFunction(name, result(*arguments))


bytes_of = _c("PyByteArray_AsString", _I, _I)
call_none = _c("PyObject_CallNoArgs", _I, _I)
dict_item = _c("PyDict_GetItem", _I, _I, _I)
dict_next = _c("PyDict_Next", kinds.int32, _I, _I, _I, _I)
dict_put = _c("PyDict_SetItem", kinds.int32, _I, _I, _I)
list_size = _c("PyList_Size", _I, _I)
list_item = _c("PyList_GetItem", _I, _I, _I)
any_size = _c("PyObject_Size", _I, _I)
any_dict = _c("PyObject_GenericGetDict", _I, _I, _I)
any_item = _c("PyObject_GetItem", _I, _I, _I)
entry = _c("PySequence_GetItem", _I, _I, _I)
clear = _c("PyErr_Clear", kinds.void)
hold = _c("Py_IncRef", kinds.void, _I)
drop = _c("Py_DecRef", kinds.void, _I)
as_float = _c("PyFloat_AsDouble", kinds.float64, _I)
as_int = _c("PyLong_AsLongLong", kinds.int64, _I)
of_float = _c("PyFloat_FromDouble", _I, kinds.float64)
of_int = _c("PyLong_FromLongLong", _I, kinds.int64)
differ = _c("memcmp", kinds.int32, _I, _I, _I)


def _pointer(context: Any, builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, context.get_value_type(_I).as_pointer())


# An intrinsic is told the types of its arguments; `args`, later, are their values.


@intrinsic
def load(_: Any, _address: Any) -> Any:
    """Return the word at an address."""
    return _I(_I), lambda c, b, _, args: b.load(_pointer(c, b, args[0]))


@intrinsic
def store(_: Any, _address: Any, _word: Any) -> Any:
    """Put a word at an address."""

    def put(c: Any, b: Any, _: Any, args: Any) -> Any:
        b.store(args[1], _pointer(c, b, args[0]))
        return c.get_dummy_value()

    return kinds.void(_I, _I), put


@intrinsic
def at(_: Any, _address: Any) -> Any:
    """Return an address as `carray` takes it."""
    return kinds.voidptr(_I), lambda _, b, __, args: b.inttoptr(args[0], cgutils.voidptr_t)


IS, DICT, LIST, SIZE, ITEM, ENTRY, BYTES, ARRAY, VARS = range(9)
_jit = functools.partial(
    njit, cache=True, error_model="numpy", no_cfunc_wrapper=True, no_cpython_wrapper=True
)


@_jit(kinds.boolean(_I, _I, _I))
def laid_out(x: int, n: int, i: int) -> bool:
    """Return whether an array of n axes has these: ND, DESCR, what lies at the other two."""
    if load(x + ND) != load(i) or load(x + DESCR) != load(i + WORD):
        return False
    shape, strides = load(x + DIMENSIONS), load(x + STRIDES)
    for _ in range(n):
        i += 2 * WORD
        if load(shape) != load(i) or load(strides) != load(i + WORD):
            return False
        shape += WORD
        strides += WORD
    return True


@_jit(kinds.boolean(_I))
def holds(i: int) -> bool:
    """Return whether all is as a table says, which begins with its end; scratch lies after it."""
    end = load(i)
    i += WORD
    while i < end:
        kind, x, n = load(i), load(i + WORD), load(i + 2 * WORD)
        i += 3 * WORD
        if kind == IS:
            if load(x) != n:
                return False
        elif kind == DICT:
            store(end, 0)
            for _ in range(n):
                if dict_next(x, end, end + WORD, end + 2 * WORD) == 0:
                    return False
                if load(end + WORD) != load(i):
                    return False
                if load(i + WORD) != 0 and load(i + WORD) != load(end + 2 * WORD):
                    return False
                i += 2 * WORD
            if dict_next(x, end, end + WORD, end + 2 * WORD) != 0:
                return False
        elif kind == LIST:
            if list_size(x) != n:
                return False
            for k in range(n):
                if load(i) != 0 and load(i) != list_item(x, k):
                    return False
                i += WORD
        elif kind == SIZE:
            if any_size(x) != n:
                clear()
                return False
        elif kind == ITEM:
            found = any_item(x, n)
            if found == 0:
                clear()
                return False
            drop(found)
            if found != load(i):
                return False
            i += WORD
        elif kind == ENTRY:
            if dict_item(x, n) != load(i):
                return False
            i += WORD
        elif kind == ARRAY:
            if load(x + DATA) != load(i) or not laid_out(x, n, i + WORD):
                return False
            i += WORD * (3 + 2 * n)
        elif kind == VARS:
            found = any_dict(x, 0)
            if found == 0:
                clear()
                return False
            drop(found)
            if found != n:
                return False
        else:
            if differ(x, n, load(i)) != 0:
                return False
            i += WORD
    return True


@_jit(_I(_I, _I, _I))
def put_item(x: int, key: int, new: int) -> int:
    """Put a new object into a dict; return 1, or 0 where memory ran out."""
    if new == 0 or dict_put(x, key, new) != 0:
        return 0
    drop(new)
    return 1


@_jit(_I(_I, _I))
def put_slot(slot: int, new: int) -> int:
    """Replace the object at an address; return 1, or 0 where memory ran out."""
    if new == 0:
        return 0
    old = load(slot)
    store(slot, new)
    drop(old)
    return 1


def same(me: int, _: int) -> int:
    """Answer, as a built-in function, with one of the two objects that a table begins with."""
    t = bytes_of(me)
    answer: int = load(t + WORD * (1 + holds(t + 3 * WORD)))
    hold(answer)
    return answer


__all__ = [
    "DATA", "as_float", "as_int", "at", "bytes_of", "call_none", "carray", "clear", "dict_item",
    "entry", "holds", "laid_out", "load", "np", "of_float", "of_int", "put_item", "put_slot",
]  # fmt: skip
