"""What a compiled function depends on besides its arguments: found, and compared with what was.

Everything that a function closes over is looked at: cells, globals that its code names, attributes
of objects, what is in lists and dicts. A Tensor is an input of the program; anything else must be
what it was when the function was traced.
"""

from __future__ import annotations

import array
import builtins
import collections
import dis
import os
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.tensor import Tensor

MISSING = object()
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
_LIBRARIES = tuple(sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "purelib"))
SPEAKING = (print, input, open)
"""What does something that no program does."""
READING = (
    "globals", "eval", "exec", "environ", "getenv",
    "geterr", "geterrcall", "getbufsize", "get_printoptions", "getrecursionlimit",
)  # fmt: skip
"""Names of what reads anything, by a name that is computed, or the state of a library."""
CLOCKS = ("time", "datetime")
"""Modules whose functions give something else a moment later."""
UNWATCHED = (set, collections.deque, bytearray, memoryview, array.array)
"""What may change without a trace that could be seen at once."""
MAKING = ("__init__", "__new__")
ANY = frozenset((
    "getattr", "setattr", "vars", "dir", "attrgetter", "getmembers", "__dict__", "__getattribute__",
))  # fmt: skip
"""Names of what reaches attributes whose names no function has in it."""


class Attributes:
    """Attributes as a mapping, of an object that has no ``__dict__`` for them."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def get(self, name: str, default: Any) -> Any:
        """Return an attribute, or something else if there is none."""
        return getattr(self.of, name, default)

    def __getitem__(self, name: str) -> Any:
        return getattr(self.of, name, MISSING)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self.of, name, value)


class Guard(NamedTuple):
    """Something that was found under a key.

    Attributes
    ----------
    holder : cell, mapping, list or Attributes
    key : object
    value : object
        What it was: the object itself.
    path : str
        How the user would write it.
    """

    holder: Any
    key: Any
    value: Any
    path: str

    def now(self) -> Any:
        """Return what is there now."""
        if isinstance(self.holder, types.CellType):
            try:
                return self.holder.cell_contents
            except ValueError:
                return MISSING
        if isinstance(self.holder, list):
            return self.holder[self.key] if self.key < len(self.holder) else MISSING
        return self.holder.get(self.key, MISSING)


class Surroundings:
    """What a function closes over.

    Attributes
    ----------
    tensors : list of Tensor
        Each once, in the order in which they are found.
    guards : list of Guard
    arrays : list of (path, array, what it was)
        Whose shape, dtype and bytes must be what they were.
    lengths : list of (path, holder, length)
        Containers, which must have as many parts as they had.
    orders : list of (path, dict, items)
        Dicts, whose keys must be the same ones in the same order.
    names : set of str
        What the user's functions name: variables, attributes, texts.
    hazard : str
        Why the function must not be compiled; empty if nothing is known.
    """

    def __init__(self, *roots: Any, but: tuple[Any, ...] = ()) -> None:
        self.tensors: list[Tensor] = []
        self.guards: list[Guard] = []
        self.arrays: list[tuple[str, np.ndarray[Any, Any], tuple[Any, ...]]] = []
        self.lengths: list[tuple[str, Any, int]] = []
        self.orders: list[tuple[str, Any, list[tuple[Any, Any]]]] = []
        self.generators: list[tuple[str, Any, Any]] = []
        self.names: set[str] = set()
        self.hazard = ""
        self._seen: set[int] = set(map(id, but))
        self._classes: set[type] = set()
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._keep: list[Any] = []
        for root in roots:
            self._look(root, getattr(root, "__name__", type(root).__name__))

    def changed(self) -> str:
        """Return the path of something that is not what it was; empty if there is none."""
        for guard in self.guards:
            now = guard.now()
            if now is not guard.value and not _same(now, guard.value):
                return guard.path
        for path, x, kept in self.arrays:
            if _state(x) != kept:
                return path
        for path, holder, length in self.lengths:
            if len(holder) != length:
                return path
        for path, holder, items in self.orders:
            if [*map(id, holder)] != [id(key) for key, _ in items]:
                return path
        return ""

    def restore(self) -> str:
        """Put back what a trace has changed; return the path of something that was."""
        changed = ""
        for path, generator, state in self.generators:
            if repr(generator.bit_generator.state) != repr(state):
                generator.bit_generator.state = state
                changed = f"{path}, a generator of random numbers"
        for path, holder, length in self.lengths:
            if len(holder) != length:
                changed = path
                if isinstance(holder, list):
                    del holder[length:]
        for path, holder, items in self.orders:
            if [*map(id, holder)] != [id(key) for key, _ in items]:
                changed = path
                holder.clear()
                holder.update(items)
        for guard in self.guards:
            if guard.now() is not guard.value:
                changed = guard.path
                if isinstance(guard.holder, types.CellType):
                    guard.holder.cell_contents = guard.value
                elif isinstance(guard.holder, dict | list | Attributes):
                    guard.holder[guard.key] = guard.value
        for path, x, kept in self.arrays:
            if _state(x) != kept:
                changed, (shape, dtype, data) = path, kept
                if (x.shape, x.dtype) != (shape, dtype):
                    x.dtype, x.shape = dtype, shape  # type: ignore[misc]  # NumPy's stubs have them read-only.
                x[...] = np.frombuffer(data, dtype).reshape(shape)
        return changed

    def conditions(self, names: dict[str, Any]) -> str:
        """Return an expression that compares all identities at once; it is quick.

        Where it is false, or raises a LookupError (no such key), AttributeError or ValueError (an
        empty cell), `changed` says whether anything has. What it refers to is put into `names`.
        """
        parts: list[str] = []
        holders: dict[int, str] = {}
        for i, guard in enumerate(self.guards):
            holder = holders.setdefault(id(guard.holder), f"h{len(holders)}")
            names[holder], names[f"v{i}"] = guard.holder, guard.value
            if isinstance(guard.holder, types.CellType):
                parts.append(f"{holder}.cell_contents is v{i}")
            elif isinstance(guard.holder, Attributes):
                names[holder] = guard.holder.of
                parts.append(f"{holder}.{guard.key} is v{i}")
            else:
                names[f"n{i}"] = guard.key
                key = repr(guard.key) if type(guard.key) in (str, int) else f"n{i}"
                parts.append(f"{holder}[{key}] is v{i}")
        for i, (_, x, kept) in enumerate(self.arrays):
            names[f"b{i}"], (shape, names[f"b_{i}"], names[f"kept{i}"]) = x, kept
            parts.append(
                f"b{i}.shape == {shape} and b{i}.dtype is b_{i} and b{i}.tobytes() == kept{i}"
            )
        for i, (_, holder, length) in enumerate(self.lengths):
            names[f"l{i}"] = holder
            # Before what it holds is read.
            parts.insert(0, f"len(l{i}) == {length}" if length else f"not l{i}")
        for i, (_, holder, items) in enumerate(self.orders):
            keys = [key for key, _ in items]
            texts = all(type(key) is str for key in keys)  # Equal texts are as good as the same.
            names[f"o_{i}"], names[f"keys{i}"] = holder, keys if texts else [*map(id, keys)]
            now = f"[*o_{i}]" if texts else f"[*map(id, o_{i})]"
            parts.insert(0, f"{now} == keys{i}" if keys else f"not o_{i}")
        return " and ".join(parts) or "True"

    # ------------------------------------------------------------ looking

    def _look(self, x: Any, path: str) -> None:
        if x is None or isinstance(
            x, int | float | complex | str | bytes | np.generic | np.dtype | types.CodeType
        ):
            return
        if id(x) in self._seen:
            return
        self._seen.add(id(x))
        self._keep.append(x)
        if isinstance(x, Tensor):
            self.tensors.append(x)
        elif isinstance(x, np.ndarray):
            if x.dtype.hasobject:
                self._warn(f"{path} is an array of objects, whose changes are not seen; use a list")
            self.arrays.append((path, x, _state(x)))
        elif isinstance(x, np.random.Generator):
            self.generators.append((path, x, x.bit_generator.state))
        elif isinstance(x, types.FunctionType):
            self._look_into_function(x, path)
        elif isinstance(x, types.MethodType):
            self._look(x.__self__, path)
            self._look(x.__func__, path)
        elif isinstance(x, partial):
            self._look(x.func, path)
            self._look(list(x.args), path)
            self._look(dict(x.keywords), path)
        elif isinstance(x, list | tuple | dict):
            self._look_into_container(x, path)
        elif isinstance(x, UNWATCHED):
            self._warn(
                f"{path} is of type {type(x).__name__}, whose changes are not seen; use a list"
            )
        elif hasattr(type(x), "__next__"):
            self._warn(f"{path} is an iterator, which every step moves on")
        elif isinstance(x, staticmethod | classmethod):
            self._look(x.__func__, path)
        elif isinstance(x, property):
            self._look(x.fget, path)
        elif isinstance(x, types.ModuleType | types.BuiltinFunctionType | np.ufunc | type):
            if x.__name__ in CLOCKS or getattr(x, "__module__", "") in CLOCKS:
                self._warn(f"{path} tells the time, which goes on")
            elif isinstance(x, type):
                self._look_into_class(x)
        elif hasattr(type(x), "_depends_on"):
            for name in x._depends_on:
                self.guard(vars(x), name, vars(x)[name], f"{path}.{name}")
        else:
            self.look_into(x, path)

    def look_into(self, x: Any, path: str) -> None:
        """Look at what an object has, and at its class."""
        if isinstance(getattr(x, "__dict__", None), dict):  # A foreign library has none.
            self.guards.append(Guard(Attributes(x), "__dict__", vars(x), f"{path}.__dict__"))
            self._look_into_container(vars(x), path, dot=True, all_=_is_read_elsewhere(type(x)))
        self.guards.append(Guard(Attributes(x), "__class__", x.__class__, f"{path}.__class__"))
        self._look_into_class(type(x), x, path)

    def _warn(self, hazard: str) -> None:
        self.hazard = self.hazard or hazard

    def guard(self, holder: Any, key: Any, value: Any, path: str) -> None:
        """Demand that something stays under its key, and look into it."""
        self.guards.append(Guard(holder, key, value, path))
        self._look(value, path)

    def _look_into_container(
        self, x: Any, path: str, *, dot: bool = False, all_: bool = True
    ) -> None:
        items = list(x.items() if isinstance(x, dict) else enumerate(x))
        if isinstance(x, dict) and not dot:
            self.orders.append((path, x, items))
        elif not isinstance(x, tuple):
            self.lengths.append((path, x, len(x)))
        for key, value in items:
            if dot and key in ("_card", "_path"):
                continue  # How messages name a module; one inside of another gets them there.
            where = f"{path}.{key}" if dot else f"{path}[{key!r}]"
            if isinstance(x, tuple):
                self._look(value, where)
            elif all_ or key.startswith("__"):
                self.guard(x, key, value, where)
            else:
                self._when_named(key, partial(self.guard, x, key, value, where))

    def _when_named(self, name: str, look: Callable[[], None]) -> None:
        """Look at an attribute if a function names it, or might."""
        if name in self.names or not self.names.isdisjoint(ANY):
            look()
        else:
            self._waiting.setdefault(name, []).append(look)

    def _look_at(self, name: str) -> None:
        """Look at what has waited for a name, since a function may use it."""
        self.names.add(name)
        for look in self._waiting.pop(name, ()):
            look()

    def _look_into_class(self, kind: type, x: Any = None, path: str = "") -> None:
        """Look into a class and its bases, and into what an object of it has in slots.

        A method that no function names is not called, unless by a base from elsewhere; nor is what
        makes objects, where there is one already.
        """
        all_ = _is_read_elsewhere(kind)
        if x is None:
            self._look_at("type")
        if type(kind) is not type:
            self._look_into_class(type(kind), kind, path)
        for base in kind.__mro__:
            if not _is_users(sys.modules.get(base.__module__)):
                continue
            members = vars(base)
            for key, value in members.items():
                slot = x is not None and isinstance(value, types.MemberDescriptorType)
                if slot and hasattr(x, key):
                    self.guard(Attributes(x), key, getattr(x, key), f"{path}.{key}")
            if base in self._classes:
                continue
            self._classes.add(base)
            self.lengths.append((base.__name__, members, len(members)))
            for key, value in members.items():
                member = f"{base.__name__}.{key}"
                if key.startswith("__"):
                    if not hasattr(value, "__code__"):
                        continue
                    if key in MAKING and x is not None and not all_:
                        self._when_named("type", partial(self._look, value, member))
                    elif _is_users_file(value.__code__.co_filename):
                        self._look(value, member)
                elif all_:
                    self.guard(members, key, value, member)
                else:
                    self._when_named(key, partial(self.guard, members, key, value, member))

    def _look_into_function(self, f: types.FunctionType, path: str) -> None:
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                continue  # Not bound yet.
            if name == "__class__":  # For super(): an object has been looked at with its bases.
                self.guards.append(Guard(cell, None, value, name))
            else:
                self.guard(cell, None, value, name)
        for name in ("__code__", "__defaults__", "__kwdefaults__", "__dict__"):
            self.guards.append(Guard(Attributes(f), name, getattr(f, name), f"{path}.{name}"))
            if name != "__dict__":
                self._look(getattr(f, name), f"{path}.{name}")
        self._look_into_container(vars(f), path, dot=True)
        if not _is_users_file(f.__code__.co_filename):
            return
        names, called = set(_names_of(f.__code__)), set(_arguments(f.__code__, "LOAD_GLOBAL"))
        for name in _arguments(f.__code__, "IMPORT_NAME"):
            self._look(sys.modules.get(name), f"{path}: {name}")
        for name in sorted(names if names.isdisjoint(ANY) else names | {*self._waiting}):
            self._look_at("type" if name == "__class__" else name)
        for name in sorted(names):
            if name in READING and (name in called or not hasattr(builtins, name)):
                self._warn(f"{path} uses {name}, which may read anything")
            elif name in f.__globals__:
                value = f.__globals__[name]
                self.guard(f.__globals__, name, value, name)
                if isinstance(value, types.ModuleType) and _is_users(value):
                    for attribute in sorted(names & set(vars(value))):
                        inner = vars(value)[attribute]
                        self.guard(vars(value), attribute, inner, f"{name}.{attribute}")
            elif name in called and getattr(builtins, name, None) in SPEAKING:
                self._warn(f"{path} calls {name}, which every step should do")


def _names_of(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant  # As in getattr(module, "name").
        elif isinstance(constant, tuple):
            yield from (x for x in constant if isinstance(x, str))  # As in case C(name=x).
        elif isinstance(constant, types.CodeType):
            yield from _names_of(constant)


def _arguments(code: types.CodeType, operation: str) -> Iterator[str]:
    """Yield the names that bytecode of one kind takes, as against those of attributes."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == operation:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _arguments(constant, operation)


def _is_users(module: Any) -> bool:
    file = getattr(module, "__file__", None)
    name = getattr(module, "__name__", "")
    return name == "__main__" or (file is not None and _is_users_file(file))


def _is_read_elsewhere(kind: type) -> bool:
    """Return whether functions of other files may read what an object of a class has.

    They do if it is a dataclass, or a base of it is from elsewhere and has methods. What matches a
    pattern by position is read by no name, either.
    """
    return any(
        "__match_args__" in vars(base)
        or (
            not _is_users(sys.modules.get(base.__module__))
            and any(callable(x) and not name.startswith("__") for name, x in vars(base).items())
        )
        for base in kind.__mro__
    )


def _is_users_file(file: str) -> bool:
    if "site-packages" in file or file.startswith(_OURS):
        return False
    return not file.startswith(_LIBRARIES) and not file.startswith("<frozen")


def _state(x: Any) -> tuple[Any, ...]:
    return x.shape, x.dtype, x.tobytes()


def _same(a: Any, b: Any) -> bool:
    """Return whether two objects are equal numbers or texts; -0.0 is not 0.0."""
    kinds = (int, float, complex, str, bytes, np.generic, type(None))
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return isinstance(a, kinds) and repr(a) == repr(b)


def described(value: Any) -> str:
    """Return a value for a message."""
    text = repr(value)
    return text if len(text) < 40 else f"a {type(value).__name__}"
