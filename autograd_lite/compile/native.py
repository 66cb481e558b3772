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
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numba import cfunc

from autograd_lite.compile.numba_code import module_of
from autograd_lite.program.program import Variable
from autograd_lite.program.surroundings import MISSING, Attributes, Surroundings
from autograd_lite.program.trace import Output, Place
from autograd_lite.tensor import Tensor

machine = module_of(Path(__file__).with_name("watch.py").read_text())
"""That module, in the cache, where its machine code goes."""

WORD: int = machine.WORD
IS: int = machine.IS


PLAIN = (dict, types.MappingProxyType)
"""Mappings that look something up without any code in Python."""


class UnfitError(Exception):
    """Something is watched in a way that machine code has no word for."""


# -------------------------------------------------------------- tables


class _Table(bytearray):
    """Words that machine code reads, and what must live as long."""

    def __init__(self, words: Sequence[int], *kept: Any) -> None:
        super().__init__(np.array([*words, 0, 0, 0], np.intp).tobytes())
        self.words = memoryview(self).cast("q" if WORD == 8 else "i")
        self.begin = ctypes.addressof(ctypes.c_char.from_buffer(self))
        self.end = self.begin + len(self) - 3 * WORD
        self.kept: list[Any] = [*kept]


class _Method(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("code", ctypes.c_void_p),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


_make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)
_dict_of = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)(
    ("PyObject_GenericGetDict", ctypes.pythonapi)
)
_state_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(
    ("PyModule_GetState", ctypes.pythonapi)
)
_method = functools.cache(_Method)
"""It is never freed: a built-in function that the collector frees reads it last of all."""


def _built_in(name: bytes, code: Any, table: _Table) -> Callable[[], Any]:
    """Return a built-in function without arguments, of machine code that gets a table."""
    table.kept.append(code)  # It frees its code when it goes.
    method = _method(name, code.address, 0x0004, name + b"($self)\n--\n\n")
    made: Callable[[], Any] = _make(ctypes.addressof(method), table, None)
    return made


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
    """Return whether objects and arrays lie in memory as is thought, and there is a lock."""
    x = np.empty((3, 5))
    more = [x] * 3
    head = _words_at(id(x), 8)
    nd = np.array(head[3:4], np.intp).view(np.intc)
    return (
        sys.implementation.name == "cpython"
        and getattr(sys, "_is_gil_enabled", lambda: True)()
        and head[:3] == [1 + len(more), id(np.ndarray), x.ctypes.data]
        and 2 in nd.tolist()
        and head[5] - head[4] == 2 * WORD
        and head[7] == id(x.dtype)
        and _words_at(head[4], 4) == [*x.shape, *x.strides]
    )


def _words_at(address: int, count: int) -> list[int]:
    found: list[int] = np.frombuffer(ctypes.string_at(address, count * WORD), np.intp).tolist()
    return found


def _layout(x: Any) -> list[int]:
    """Return what `laid_out` takes for an array."""
    axes = [word for pair in zip(x.shape, x.strides, strict=True) for word in pair]
    return [*_words_at(id(x) + machine.ND, 1), id(x.dtype), *axes]


def _array(x: Any) -> list[int]:
    """Demand that an array lies where it is, and as it does."""
    return [machine.ARRAY, id(x), x.ndim, x.ctypes.data, *_layout(x)]


def watched(around: Surroundings) -> list[int]:
    """Return what `holds` takes, but for the end; it is never less strict than `changed`."""
    if not usable():
        raise UnfitError
    table: list[int] = []
    given = {(id(g.holder), g.key): id(g.value) for g in around.guards if g.value is not MISSING}
    whole = set()
    counts = Counter(map(itemgetter(0), given))
    through = [holder for _, holder, _ in around.orders]
    through += [x for _, x, n in around.lengths if type(x) is dict and n <= 2 * counts[id(x)]]
    for holder in through:  # Where most is given, that is faster than to look it up.
        if type(holder) is not dict:
            raise UnfitError
        table += [machine.DICT, id(holder), len(holder)]
        for key in holder:
            table += [id(key), given.get((id(holder), key), 0)]
        whole.add(id(holder))
    for _, holder, length in around.lengths:
        if id(holder) in whole:
            continue
        if type(holder) is list:
            table += [machine.LIST, id(holder), length]
            table += [given.get((id(holder), k), 0) for k in range(length)]
            whole.add(id(holder))
        elif type(holder) in PLAIN:
            table += [machine.SIZE, id(holder), length]
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
                table += [machine.VARS, id(x), id(g.value)]
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
                table += [machine.ENTRY, id(x), id(key), there]
            else:
                table += [machine.ITEM, id(x), id(key), id(g.value)]
    if around.registered is not None:
        state = _state_of(sys.modules["_abc"])
        words = _words_at(state, 2) if state else []
        if words.count(around.registered) != 1:
            raise UnfitError
        table += [IS, state + WORD * words.index(around.registered), around.registered]
    for _, x, (_, _, kept) in around.arrays:
        if not x.flags.c_contiguous:
            raise UnfitError
        table += _array(x)
        if kept:
            of = np.frombuffer(kept, np.uint8).ctypes.data
            table += [machine.BYTES, x.ctypes.data, of, len(kept)]
    return table


def unchanged(around: Surroundings) -> Callable[[], bool] | None:
    """Return what says whether all is the very same, in machine code; None if it cannot see it."""
    try:
        table = watched(around)
    except UnfitError:
        return None
    made = _Table([0, id(False), id(True), 0, *table], around)
    made.words[3] = made.end
    return _built_in(b"unchanged", _same(), made)


@functools.cache
def _same() -> Any:
    return cfunc("intp(intp, intp)", cache=True)(machine.same)


# -------------------------------------------------------------- bound steps


class _Step:
    """A bound step: lines of code, the words that they name, and what must be, for `holds`."""

    def __init__(self, slow: Callable[[], Any]) -> None:
        self.words = [0, id(slow)]
        self.lines = ["t = bytes_of(me)"]
        self.unless("holds(load(t))")
        self.table: list[int] = []
        self.kept: list[Any] = [slow]
        self.cells = dict(zip(slow.__code__.co_freevars, slow.__closure__ or (), strict=True))

    def word(self, word: int) -> str:
        """Return how a word is written."""
        self.words.append(word)
        return f"load(t + {WORD * (len(self.words) - 1)})"

    def unless(self, condition: str) -> None:
        """Leave it to Python unless a condition holds."""
        self.lines += [f"if not ({condition}):", f"    return call_none(load(t + {WORD}))"]

    def array(self, i: int, data: str, variable: Variable) -> None:
        """Read an array at an address; how long it is, the compiler must not know."""
        shape = "".join(f"{self.word(n)}, " for n in variable.shape)
        self.lines.append(
            f"x{i} = carray(at({data}), ({shape}), np.dtype({variable.dtype.name!r}))"
        )

    def fixed(self, i: int, x: Any, variable: Variable) -> None:
        """Read an array that stays the same one, or a number that stays the same."""
        if variable.shape:
            if not (x.flags.c_contiguous and x.flags.aligned):
                raise UnfitError
            self.table += _array(x)
            self.array(i, self.word(x.ctypes.data), variable)
        else:
            x = x if variable.dtype.kind == "f" else int(x)
            self.number(i, self.word(id(x)), variable)
        self.kept.append(x)

    def number(self, i: int, x: str, variable: Variable) -> None:
        """Read a number from an object."""
        dtype = variable.dtype.name
        if dtype not in ("float64", "float32", "int64"):
            raise UnfitError
        read = "as_int" if dtype == "int64" else "as_float"
        self.lines.append(f"x{i} = np.{dtype}({read}({x}))")

    def tensor(self, t: Tensor, *, written: bool) -> None:
        """Demand that nobody else has to do with a Tensor."""
        slots = {"_rare": t._rare, "_requires_grad": t._requires_grad}
        if written:
            slots |= {"_rare": None, "_grad": None}
        elif t._rare is not None:
            if not t._rare.keys().isdisjoint(("_view", "_taps")):
                raise UnfitError
            keys = [word for key in t._rare for word in (id(key), 0)]
            self.table += [machine.DICT, id(t._rare), len(t._rare), *keys]
            self.kept.append(t._rare)
        for name, value in slots.items():
            self.table += [IS, id(t) + offset(Tensor, name), id(value)]

    def place(self, i: int, place: Place, variable: Variable, *, written: bool) -> str:
        """Read what is at a place; return where it lies, if that is a slot."""
        holder, mine, x = place.holder, self.cells.get(f"m{i}"), place.read()
        slot = ""
        if place.part is not None or not (isinstance(holder, Tensor) or type(holder) is dict):
            raise UnfitError
        if isinstance(holder, Tensor):
            self.tensor(holder, written=written)
            slot = self.word(id(holder) + offset(Tensor, "_array"))
            self.lines.append(f"v{i} = load({slot})")
        else:
            key = self.word(id(place.key))
            self.lines.append(f"v{i} = dict_item({self.word(id(holder))}, {key})")
        if mine is not None:  # An array that nobody holds but the place and us.
            cell = self.word(id(mine) + offset(types.CellType, "cell_contents"))
            like = [self.word(word) for word in _layout(np.array(x, order="C"))]
            at = like[0][len("load(") : -1]
            self.unless(
                f"v{i} == load({cell}) and load(v{i}) == 2 and laid_out(v{i}, {x.ndim}, {at})"
            )
            self.array(i, f"load(v{i} + DATA)", variable)
        elif variable.shape:
            self.unless(f"v{i} == {self.word(id(x))}")
            self.fixed(i, x, variable)
        else:
            self.unless(f"v{i} != 0 and load(v{i} + {WORD}) == {self.word(id(type(x)))}")
            self.number(i, f"v{i}", variable)
            if variable.dtype.kind == "i":
                self.lines += [f"if x{i} == -1:", "    clear()"]  # Perhaps it is too large.
                self.unless(f"x{i} != -1")
        return slot

    def scalar(self, name: str, dtype: np.dtype[Any]) -> str:
        """Return an expression for a result as a scalar of NumPy."""
        cell = np.empty(1, dtype)
        self.kept.append(cell)
        data = self.word(cell.ctypes.data)
        self.lines.append(f"carray(at({data}), 1, np.{dtype.name})[0] = {name}")
        return f"entry({self.word(id(cell))}, 0)"


def bound_step(
    plan: Any, slow: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[], Any]:
    """Return a bound step in machine code, which leaves to `slow` what is unusual.

    Parameters
    ----------
    plan : Plan
    slow : callable
        The step in Python, whose closure has the arrays that are written into.
    args, kwargs
        What it is bound to.
    """
    try:
        source, made = _written(plan, slow, args, kwargs)
    except UnfitError:
        return slow
    return _built_in(b"step", _code(source, plan.machine), made)


def _written(
    plan: Any, slow: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, _Table]:
    traced, program = plan.traced, plan.traced.program
    if not usable() or traced.drawn or traced.asked or traced.result != Output(0):
        raise UnfitError
    step, slots, arguments = _Step(slow), {}, len(plan.signature.reads)
    for i, (x, variable) in enumerate(zip(plan.inputs(args, kwargs), program.inputs, strict=True)):
        if i < arguments:
            if not plan.is_fixed(i):
                raise UnfitError
            step.fixed(i, x, variable)
        else:
            slots[i] = step.place(i, traced.places[i - arguments], variable, written=i in plan.back)
    value, *outputs = program.outputs
    results, puts = ["out0"], []
    step.lines.append("")
    call = len(step.lines) - 1
    if not isinstance(value, Variable) or value.shape or value.weak:
        raise UnfitError
    value_text = step.scalar("out0", value.dtype)
    for k, (i, x) in enumerate(zip(plan.back, outputs, strict=True), start=1):
        if not isinstance(x, Variable):
            raise UnfitError
        if x.shape:
            continue
        results.append(f"out{k}")
        place = traced.places[i - arguments]
        if not x.weak:
            new = step.scalar(results[-1], x.dtype)
        elif x.dtype.kind in "fi":
            new = f"{'of_float' if x.dtype.kind == 'f' else 'of_int'}({results[-1]})"
        else:
            raise UnfitError
        if slots[i]:
            puts.append(f"put_slot({slots[i]}, {new})")
        else:
            key = step.word(id(place.key))
            puts.append(f"put_item({step.word(id(place.holder))}, {key}, {new})")
    given = ", ".join(f"x{i}" for i in range(len(program.inputs)))
    step.lines[call] = f"{', '.join(results)} = call({given})"
    puts = [line for put in puts for line in (f"if {put} == 0:", "    return 0")]
    lines = [*step.lines, *puts, f"return {value_text}"]
    source = "\n".join(["def step(me, _):", *(f"    {line}" for line in lines), ""])
    table = _Table([*step.words, 0, *watched(plan.around), *step.table], plan, *step.kept)
    table.words[0] = table.begin + WORD * len(step.words)
    table.words[len(step.words)] = table.end
    return source, table


def _code(source: str, call: Any) -> Any:
    """Return a step in machine code that calls that of a program."""
    module = module_of(f"from {machine.__name__} import *  # {call.__module__}\n\n\n{source}")
    module.call = call
    module.made = cfunc("intp(intp, intp)", cache=True, error_model="numpy")(module.step)
    return module.made
