"""A bound step as a built-in function: machine code itself looks whether anything has changed.

In CPython, with what its C interface says: tables of addresses hold what things must be, and a
difference calls the same step in Python, which knows what to do about it. Where attributes lie in
objects is found out by putting something there.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import types
from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.compile import machine
from autograd_lite.compile.machine import (
    DATA,
    ND,
    WORD,
    Code,
    Table,
    arrays_lie_so,
    built_in,
    words_at,
)  # fmt: skip
from autograd_lite.compile.numba_code import Machine
from autograd_lite.compile.words import functions
from autograd_lite.program.program import Variable
from autograd_lite.program.surroundings import MISSING, Attributes, Surroundings
from autograd_lite.program.trace import BUSY, Output, Place
from autograd_lite.tensor import Tensor

IS, DICT, LIST, SIZE, ITEM, ENTRY, BYTES, ARRAY, VARS = range(9)
TYPE: int = DATA - WORD
"""Where an object has its class."""

LENGTH, ITEMS = DATA, DATA + WORD
"""Where a dict or a list has its length, and a list the address of its items."""

PLAIN = (dict, types.MappingProxyType)
"""Mappings that look something up without any code in Python."""


class UnfitError(Exception):
    """Something is watched in a way that machine code has no word for."""


# -------------------------------------------------------------- tables


_dict_of = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)(
    ("PyObject_GenericGetDict", ctypes.pythonapi)
)
_state_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(
    ("PyModule_GetState", ctypes.pythonapi)
)


def _words(x: Any) -> Any:
    return np.frombuffer(ctypes.string_at(id(x), type(x).__basicsize__), np.intp)


def _where(x: Any, word: int) -> int:
    """Return how far into an object a word lies."""
    found = np.flatnonzero(_words(x) == word)
    if len(found) != 1:
        raise UnfitError
    return WORD * int(found[0])


@functools.cache
def offset(kind: type, name: str) -> int:
    """Return how far into objects of a kind an attribute lies; found by setting it."""

    def specimen() -> None: ...

    x: Any = Tensor(0.0) if kind is Tensor else specimen
    if kind is types.CellType:
        x = types.CellType()
    values = {
        "__dict__": {},
        "__code__": (lambda: 0).__code__,
        "__defaults__": (x,),
        "__kwdefaults__": {},
    }
    value: Any = values.get(name, [x])
    setattr(x, name, value)
    return _where(x, id(value))


@functools.cache
def usable() -> bool:
    """Return whether objects lie in memory as is thought, and there is a lock."""
    x = np.empty(0)
    more = [x] * 3
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    lengths = [words_at(id(x) + LENGTH, 1) for x in (more, dict.fromkeys("abc"))]
    lie_so = arrays_lie_so() and words_at(id(x), 1) == [1 + len(more)] and lengths == [[3], [3]]
    return lie_so and locked and words_at(words_at(id(more) + ITEMS, 1)[0], 3) == [id(x)] * 3


def _layout(x: Any) -> list[int]:
    """Return what `laid_out` takes for an array."""
    axes = [word for pair in zip(x.shape, x.strides, strict=True) for word in pair]
    return [*words_at(id(x) + ND, 1), id(x.dtype), *axes]


def _array(x: Any) -> list[int]:
    """Demand that an array lies where it is, and as it does."""
    return [ARRAY, id(x), x.ndim, x.ctypes.data, *_layout(x)]


def watched(around: Surroundings) -> list[int]:
    """Return what `holds` takes, but for the end; it is never less strict than `changed`."""
    if not usable():
        raise UnfitError
    table: list[int] = [IS, BUSY.ctypes.data, 0]
    given = {(id(g.holder), g.key): id(g.value) for g in around.guards if g.value is not MISSING}
    whole = set()
    counts = Counter(map(itemgetter(0), given))
    through = [holder for _, holder, _ in around.orders]
    through += [x for _, x, n in around.lengths if type(x) is dict and n <= 2 * counts[id(x)]]
    for holder in through:  # Where most is given, that is faster than to look it up.
        if type(holder) is not dict:
            raise UnfitError
        table += [DICT, id(holder), len(holder)]
        for key in holder:
            table += [id(key), given.get((id(holder), key), 0)]
        whole.add(id(holder))
    for _, holder, length in around.lengths:
        if id(holder) in whole:
            continue
        if type(holder) is list:
            table += [LIST, id(holder), length]
            table += [given.get((id(holder), k), 0) for k in range(length)]
            whole.add(id(holder))
        elif type(holder) is dict:
            table += [IS, id(holder) + LENGTH, length]
        elif type(holder) in PLAIN:
            table += [SIZE, id(holder), length]
        else:
            raise UnfitError
    for g in around.guards:
        x, key = g.holder, g.key
        if isinstance(x, Attributes):
            x = x.of
            if key == "__class__" and type(x) is g.value:
                table += [IS, id(x) + WORD, id(g.value)]
                continue
            if key == "__dict__" and type(x) is not types.FunctionType:
                try:
                    found = _dict_of(x, None)
                except AttributeError:
                    found = None
                if found is not g.value:
                    raise UnfitError
                table += [VARS, id(x), id(g.value)]
                continue
            if isinstance(x, type):
                table += [IS, id(x) + _where(x, id(g.value)), id(g.value)]
                continue
            if type(x) is not types.FunctionType:
                raise UnfitError
        if isinstance(x, types.CellType | types.FunctionType):
            if g.value is MISSING:
                raise UnfitError
            kind: Any = type(x)
            place = offset(kind, key or "cell_contents")
            unset = g.value is None and key is not None  # Then there is nothing.
            table += [IS, id(x) + place, 0 if unset else id(g.value)]
        elif id(x) not in whole:
            if type(x) not in PLAIN or type(key) is not str:
                raise UnfitError
            if type(x) is dict:
                there = 0 if g.value is MISSING else id(g.value)
                table += [ENTRY, id(x), id(key), there]
            else:
                table += [ITEM, id(x), id(key), id(g.value)]
    if around.registered is not None:
        state = _state_of(sys.modules["_abc"])
        words = words_at(state, 2) if state else []
        if words.count(around.registered) != 1:
            raise UnfitError
        table += [IS, state + WORD * words.index(around.registered), around.registered]
    for _, x, (_, _, kept) in around.arrays:
        if not x.flags.c_contiguous:
            raise UnfitError
        table += _array(x)
        if kept:
            of = np.frombuffer(kept, np.uint8).ctypes.data
            table += [BYTES, x.ctypes.data, of, len(kept)]
    return table


@functools.cache
def _code() -> Code:
    """Return the functions of `watch`."""
    names = {**vars(machine), **globals()}
    constants = {name: x for name, x in names.items() if name.isupper() and type(x) is int}
    return functions(Path(__file__).with_name("watch.py").read_text(), constants)


def unchanged(around: Surroundings) -> Callable[[], bool] | None:
    """Return what says whether all is the very same, in machine code; None if it cannot see it."""
    try:
        table = watched(around)
    except UnfitError:
        return None
    code = _code()
    made = Table([0, id(False), id(True), 0, *table], around, code)
    made.words[0] = made.begin + 3 * WORD
    made.words[3] = made.end
    answer: Callable[[], bool] = built_in(b"unchanged", code.address("same"), made)
    return answer


# -------------------------------------------------------------- bound steps


class _Step:
    """A bound step: its arguments, where some are read before each, and what must hold."""

    def __init__(self, slow: Callable[[], Any], count: int) -> None:
        self.arguments = Table([0] * count)
        self.reads: list[int] = []
        self.table: list[int] = []
        self.kept: list[Any] = [slow, self.arguments]
        self.cells = dict(zip(slow.__code__.co_freevars, slow.__closure__ or (), strict=True))

    def fixed(self, i: int, x: Any, variable: Variable) -> None:
        """Demand an array that stays the same one; a number does."""
        if variable.shape:
            if not (x.flags.c_contiguous and x.flags.aligned):
                raise UnfitError
            self.table += _array(x)
        self.arguments.words[i] = id(x)
        self.kept.append(x)

    def tensor(self, t: Tensor, *, written: bool) -> None:
        """Demand that nobody else has to do with a Tensor."""
        slots = {"_rare": t._rare, "_requires_grad": t._requires_grad}
        if written:
            slots |= {"_rare": None, "_grad": None}
        elif t._rare is not None:
            if not t._rare.keys().isdisjoint(("_view", "_taps")):
                raise UnfitError
            keys = [word for key in t._rare for word in (id(key), 0)]
            self.table += [DICT, id(t._rare), len(t._rare), *keys]
            self.kept.append(t._rare)
        for name, value in slots.items():
            self.table += [IS, id(t) + offset(Tensor, name), id(value)]

    def place(self, i: int, place: Place, variable: Variable, *, written: bool) -> list[int]:
        """Read what is at a place; return where that is, as `drive` takes it."""
        holder, mine, x = place.holder, self.cells.get(f"m{i}"), place.read()
        if place.part is not None or not (isinstance(holder, Tensor) or type(holder) is dict):
            raise UnfitError
        if isinstance(holder, Tensor):
            self.tensor(holder, written=written)
            at = [id(holder) + offset(Tensor, "_array"), 0]
        else:
            at = [id(holder), id(place.key)]
        if mine is None and variable.shape:
            if at[1]:
                self.table += [ENTRY, *at, id(x)]
            else:
                self.table += [IS, at[0], id(x)]
            self.fixed(i, x, variable)
            return at
        like = [0, id(type(x)), 0]
        if mine is not None:  # An array that nobody holds but the place and us.
            layout = Table(_layout(np.array(x, order="C")))
            self.kept.append(layout)
            like = [id(mine) + offset(types.CellType, "cell_contents"), layout.begin, x.ndim]
        self.reads += [self.arguments.begin + WORD * i, *at, *like]
        return at


def bound_step(
    plan: Any, code: Machine, slow: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[], Any]:
    """Return a bound step in machine code, which leaves to `slow` what is unusual.

    - `code`: that of a call.
    - `slow`: the step in Python, whose closure has the arrays that are written into.

    It raises an UnfitError if machine code cannot see all that may change.
    """
    traced, program = plan.traced, plan.traced.program
    value, *outputs = program.outputs
    single = isinstance(value, Variable) and not value.shape
    depends = traced.drawn or traced.asked or traced.decided
    if depends or not (usable() and single and traced.result == Output(0)):
        raise UnfitError
    inputs, arguments = program.inputs, len(plan.signature.reads)
    step, writes = _Step(slow, len(inputs) + len(program.outputs)), {}
    for i, (x, variable) in enumerate(zip(plan.inputs(args, kwargs), inputs, strict=True)):
        if i >= arguments:
            place, written = traced.places[i - arguments], i in plan.back
            writes[i] = step.place(i, place, variable, written=written)
        elif plan.is_fixed(i):
            step.fixed(i, x, variable)
        else:
            raise UnfitError
    puts = [
        word
        for i, x in zip(plan.back, outputs, strict=True)
        if not np.shape(x)
        for word in writes[i]
    ]
    watch = _code()
    holds = [*watched(plan.around), *step.table]
    words = [
        *([0, id(slow), 0, 0, code.address, id(code.table)]),
        *([step.arguments.begin, -len(inputs), 0, 0, *step.reads, *puts, 0, *holds]),
    ]
    table = Table(words, plan, watch, *step.kept)
    reads = table.begin + 10 * WORD
    writes_at = reads + WORD * len(step.reads)
    end = writes_at + WORD * len(puts)
    table.words[0], table.words[2], table.words[3] = end, reads, writes_at
    table.words[8], table.words[9] = writes_at, end
    table.words[(end - table.begin) // WORD] = table.end
    made: Callable[[], Any] = built_in(b"step", watch.address("drive"), table)
    return made
