"""What a compiled function depends on besides its arguments: found, and compared with what was.

Everything that a function closes over is looked at: cells, globals that its code names, attributes
of objects, what is in lists and dicts. A Tensor is an input of the program; anything else must be
what it was when the function was traced.
"""

from __future__ import annotations

import abc
import array
import builtins
import collections
import copyreg
import datetime
import decimal
import functools
import operator
import random
import re
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.functional.nests import parts_of
from autograd_lite.program.code import (
    arguments,
    attributes_alone,
    compared_with,
    is_users,
    is_users_class,
    is_users_file,
    names_of,
    paths_of,
)
from autograd_lite.tensor import Tensor

MISSING = object()
SPEAKING = (print, input, open)
"""What does something that no program does."""
READING = (
    "globals", "__globals__", "f_globals", "eval", "exec", "environ", "getenv", "import_module",
    "__import__", "getmodule", "resolve_name",
    "geterr", "geterrcall", "getbufsize", "get_printoptions", "getrecursionlimit", "getcontext",
)  # fmt: skip
"""Names of what reads anything, by a name that is computed, or the state of a library."""
CLOCKS = ("time", "datetime")
"""Modules whose functions give something else a moment later."""
FILES = {
    "os", "posix", "nt", "io", "_io", "pathlib", "subprocess", "glob", "shutil", "genericpath",
}  # fmt: skip
"""Modules whose functions and classes read files, or ask the system."""
READERS = {"load", "loadtxt", "genfromtxt", "fromfile", "fromregex", "memmap"}
"""What NumPy and this package call functions that read files."""
UNWATCHED = (
    set, collections.deque, bytearray, memoryview, array.array, np.void, weakref.ref,
    type(functools.lru_cache(id)),
)  # fmt: skip
"""What may change without a trace that could be seen at once."""
FIXED = (
    range, slice, type(...), type(NotImplemented), decimal.Decimal, re.Pattern, operator.itemgetter,
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, np.random.BitGenerator,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.ClassMethodDescriptorType, type(threading.Lock()),
    type(threading.RLock()), type(vars(abc.ABC)["_abc_impl"]),
    type(vars(collections.namedtuple("_", "a"))["a"]), type(np.sum),
)  # fmt: skip
"""What C code keeps, and what stays what it is as far as a result depends on it."""
NUMBERS = (int, float, complex, str, bytes, np.generic)
MADE_IN_PYTHON = {"__slots__", "__weakref__"}
"""What classes have that no C code makes."""
MAKING = ("__init__", "__new__")
ANY = frozenset((
    "getattr", "setattr", "hasattr", "vars", "dir", "attrgetter", "methodcaller", "getmembers",
    "format", "__dict__", "__getattribute__",
))  # fmt: skip
"""Names of what reaches attributes whose names no function has in it."""


class Attributes:
    """Attributes, and attributes of these, as a mapping, of an object without ``__dict__``."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def get(self, name: str, default: Any) -> Any:
        """Return an attribute, or something else if there is none."""
        try:
            return operator.attrgetter(name)(self.of)
        except AttributeError:
            return default

    def __getitem__(self, name: str) -> Any:
        return self.get(name, MISSING)

    def __setitem__(self, name: str, value: Any) -> None:
        path, _, last = name.rpartition(".")
        setattr(operator.attrgetter(path)(self.of) if path else self.of, last, value)

    def __delitem__(self, name: str) -> None:
        delattr(self.of, name)


class Guard(NamedTuple):
    """Something that was found under a key."""

    holder: Any
    key: Any
    value: Any  # What it was: the object itself; `MISSING` where there must be nothing.
    path: str  # How the user would write it.

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

    def put_back(self, owner: type | None) -> None:
        """Make it what it was; the members of a class are set through that."""
        holder = self.holder if owner is None else Attributes(owner)
        if isinstance(holder, types.CellType):
            if self.value is MISSING:
                del holder.cell_contents
            else:
                holder.cell_contents = self.value
        elif isinstance(holder, dict | list | Attributes) and holder is not sys.modules:
            if self.value is not MISSING:
                holder[self.key] = self.value
            else:
                del holder[self.key]


class Surroundings:
    """What a function closes over.

    - `tensors`: each once, in the order in which they are found.
    - `arrays`: whose shape, dtype and bytes must be what they were.
    - `lengths`: containers, which must have as many parts as they had.
    - `orders`: dicts, whose keys must be the same ones in the same order.
    - `names`: what the user's functions name: variables, attributes, texts.
    - `compares`: whether a function asks if two objects are one, and one of them might be an
      argument.
    - `registered`: how often a class was registered with an abstract one, if a function asks for
      classes.
    - `contents`: containers, and copies of them, for `restore`.
    - `hazard`: why the function must not be compiled; empty if nothing is known.
    """

    def __init__(self, *roots: Any, but: tuple[Any, ...] = ()) -> None:
        self.tensors: list[Tensor] = []
        self.guards: list[Guard] = []
        self.arrays: list[tuple[str, np.ndarray[Any, Any], tuple[Any, ...]]] = []
        self.lengths: list[tuple[str, Any, int]] = []
        self.orders: list[tuple[str, Any, list[tuple[Any, Any]]]] = []
        self.generators: list[tuple[str, Any, Any]] = []
        self.names: set[str] = set()
        self.hazard, self.compares = "", False
        self.registered: Any = None
        self._seen: set[int] = set(map(id, but))
        self._classes: set[type] = set()
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._keep: list[Any] = []
        self._guarded: set[tuple[int, Any]] = set()
        self._modules: list[types.ModuleType] = []
        self.contents: list[tuple[str, Any, Any]] = []
        self._owners: dict[int, type] = {}  # Of the members of a class.
        for root in roots:
            self._look(root, getattr(root, "__name__", type(root).__name__))
        self._look_into_modules_of_modules()

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
        return "the register of abstract classes" if self._registered_since() else ""

    def _registered_since(self) -> bool:
        return self.registered is not None and self.registered != abc.get_cache_token()

    def apart(self, rest: Iterable[Any], arrays: Iterable[Any]) -> bool:
        """Return whether arguments are none of what was found, and the rest is not one twice."""
        ids = [*map(id, rest)]
        return len({*ids}) == len(ids) and self._found.isdisjoint((*ids, *map(id, arrays)))

    @functools.cached_property
    def _found(self) -> set[int]:
        return self._seen.union(id(guard.value) for guard in self.guards)

    def restore(self) -> str:
        """Put back what a trace has changed; return the path of something that was."""
        changed = ""
        for path, generator, state in self.generators:
            if repr(generator.bit_generator.state) != repr(state):
                generator.bit_generator.state = state
                changed = f"{path}, a generator of random numbers"
        for path, holder, before in self.contents:
            if isinstance(holder, list):
                if len(holder) != len(before):
                    changed, holder[:] = path, before
                continue
            for key in holder.keys() - before.keys():
                changed = f"{path}.{key}"
                owner = self._owners.get(id(holder))
                del (holder if owner is None else Attributes(owner))[key]
        for path, holder, items in self.orders:
            if [*map(id, holder)] != [id(key) for key, _ in items]:
                changed = path
                holder.clear()
                holder.update(items)
        for guard in self.guards:
            now = guard.now()
            if now is not guard.value and not _same(now, guard.value):
                changed = guard.path if guard.holder is not sys.modules else changed
                guard.put_back(self._owners.get(id(guard.holder)))
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
            if guard.value is MISSING:
                names[f"n{i}"] = guard.key
                parts.append(f"n{i} not in {holder}" if type(guard.holder) is dict else "False")
            elif isinstance(guard.holder, types.CellType):
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
        if self.registered is not None:
            names["token"] = abc.get_cache_token
            parts.append(f"token() == {self.registered}")
        return " and ".join(parts) or "True"

    # ------------------------------------------------------------ looking

    def _look(self, x: Any, path: str) -> None:
        kind = type(x)
        if isinstance(kind.__getattribute__, types.FunctionType):
            self._warn(f"{path} has a __getattribute__, which may read anything")
            return
        if x is None or kind in NUMBERS or isinstance(x, np.dtype | types.CodeType):
            return
        if id(x) in self._seen:
            return
        self._seen.add(id(x))
        self._keep.append(x)
        if isinstance(x, UNWATCHED) or x is sys.modules:
            self._warn(f"{path} is of type {kind.__name__}, whose changes are not seen; use a list")
        elif isinstance(x, (*NUMBERS, Tensor, np.ndarray, list, tuple, dict, frozenset)):
            self._look_at_data(x, path)
            if is_users_class(kind):
                self.look_into(x, path)
        elif isinstance(x, np.random.Generator):
            self.generators.append((path, x, x.bit_generator.state))
        elif type(x).__module__.partition(".")[0] == "pathlib":
            reads = partial(self._warn, f"{path} is a file, which may change; pass what is in it")
            for name in ("open", "read_text", "read_bytes", "exists", "stat", "iterdir", "glob"):
                self._when_named(name, reads)
        elif isinstance(x, np.random.RandomState | random.Random):
            self._warn(f"{path} draws random numbers; np.random.default_rng makes a generator")
        elif isinstance(x, types.FunctionType):
            self._look_into_function(x, path)
        elif isinstance(x, types.MethodType):
            self._look(x.__self__, path)
            self._look(x.__func__, path)
        elif isinstance(x, partial):
            self.guard(Attributes(x), "func", x.func, f"{path}.func")
            self._look(x.args, path)
            self._look(x.keywords, path)
        elif hasattr(kind, "__next__"):
            self._warn(f"{path} is an iterator, which every step moves on")
        elif isinstance(x, staticmethod | classmethod):
            self._look(x.__func__, path)
        elif isinstance(x, property):
            self._look(x.fget, path)
        elif isinstance(x, operator.attrgetter | operator.methodcaller):
            self._look_at(kind.__name__)
        elif isinstance(
            x, types.ModuleType | types.BuiltinFunctionType | types.MethodWrapperType
            | np.ufunc | type
        ):  # fmt: skip
            if x.__name__ in CLOCKS or getattr(x, "__module__", "") in CLOCKS:
                self._warn(f"{path} tells the time, which goes on")
            elif isinstance(x, type):
                self._look_into_class(x)
            elif isinstance(x, types.ModuleType):
                self._look_into_module(x)
            elif x.__name__ in ANY:
                self._look_at(x.__name__)
            else:
                self._look(getattr(x, "__self__", None), f"{path}.__self__")
        elif hasattr(kind, "_depends_on"):
            for name in x._depends_on:
                self.guard(vars(x), name, vars(x)[name], f"{path}.{name}")
        elif not isinstance(x, FIXED) or is_users_class(kind):
            self.look_into(x, path)
        else:
            self._look(getattr(x, "tzinfo", None), f"{path}.tzinfo")

    def _look_at_data(self, x: Any, path: str) -> None:
        """Look at numbers, and what has parts."""
        if isinstance(x, Tensor):
            self.tensors.append(x)
            if x._taps:
                self._warn(f"{path} has a hook, or retains its gradient: no program does")
            self._when_named("name", partial(self.guard, Attributes(x), "name", x.name, path))
        elif isinstance(x, np.ndarray):
            if x.dtype.hasobject:
                self._warn(f"{path} is an array of objects, whose changes are not seen; use a list")
            elif type(x) not in (np.ndarray, np.memmap):
                self._warn(f"{path} is a {type(x).__name__}, whose operations are not NumPy's own")
            self.arrays.append((path, x, _state(x)))
            at = "flags.writeable"
            now = partial(self.guard, Attributes(x), at, x.flags.writeable, f"{path}.{at}")
            self._when_named(".flags", now)
        elif isinstance(x, frozenset):
            for part in x:
                self._look(part, path)
        elif isinstance(x, list | tuple | dict):
            self._look_into_container(x, path)

    def look_into(self, x: Any, path: str) -> None:
        """Look at what an object has, and at its class."""
        bases = type(x).__mro__
        kept = hasattr(x, "__dict__") or any(vars(c).keys() & MADE_IN_PYTHON for c in bases)
        if not kept or (_has_a_buffer(x) and not isinstance(x, np.ndarray | bytes)):
            self._warn(f"{path} is of type {type(x).__name__}, whose changes are not seen")
        if isinstance(getattr(x, "__dict__", None), dict):  # A foreign library has none.
            self.guard(Attributes(x), "__dict__", vars(x), f"{path}.__dict__", deeper=False)
            self._look_into_container(vars(x), path, dot=True, all_=_is_read_elsewhere(type(x)))
        self.guard(Attributes(x), "__class__", x.__class__, f"{path}.__class__", deeper=False)
        self._look_into_class(type(x), x, path)

    def _warn(self, hazard: str) -> None:
        self.hazard = self.hazard or hazard

    def guard(self, holder: Any, key: Any, value: Any, path: str, *, deeper: bool = True) -> None:
        """Demand that something stays under its key, and look into it."""
        of = holder.of if isinstance(holder, Attributes) else holder
        if (id(of), key) not in self._guarded:
            self._guarded.add((id(of), key))
            self.guards.append(Guard(holder, key, value, path))
            if _reads_files(value):
                self._warn(f"{path} reads what may change; read it outside, and pass it")
        if deeper and value is not MISSING:
            self._look(value, path)

    def _look_into_container(
        self, x: Any, path: str, *, dot: bool = False, all_: bool = True
    ) -> None:
        items = list(x.items() if isinstance(x, dict) else enumerate(x))
        if isinstance(x, dict) and not dot:
            self.orders.append((path, x, items))
        elif not isinstance(x, tuple):
            self._measure(path, x)
        for key, value in items:
            if dot and key in ("_card", "_path"):
                continue  # How messages name a module; one inside of another gets them there.
            where = f"{path}.{key}" if dot else f"{path}[{key!r}]"
            self._look(key, where)
            if isinstance(x, tuple):
                self._look(value, where)
            elif all_ or key.startswith("__"):
                self.guard(x, key, value, where)
            else:
                self._when_named(key, partial(self.guard, x, key, value, where))

    def _measure(self, path: str, x: Any) -> None:
        """Demand that a container has as many parts as now."""
        self.lengths.append((path, x, len(x)))
        self.contents.append((path, x, x.copy()))

    def _when_named(self, name: str, look: Callable[[], None]) -> None:
        """Look at an attribute if a function names it, or might."""
        if name in self.names or not self.names.isdisjoint(ANY):
            look()
        else:
            self._waiting.setdefault(name, []).append(look)

    def _look_at(self, name: str) -> None:
        """Look at what has waited for a name, since a function may use it."""
        self.names.add(name)
        for waiting in sorted(self._waiting) if name in ANY else [name]:
            for look in self._waiting.pop(waiting, ()):
                look()

    def _look_into_module(self, x: types.ModuleType) -> None:
        """Look at what functions name of a user's module, by whatever name they have it."""
        if not is_users(x):
            return
        members = vars(x)
        self._modules.append(x)
        if x.__name__ != "__main__":
            self._when_named("", partial(self._measure, x.__name__, members))
        for key, value in members.items():
            if not (isinstance(value, types.ModuleType) or key.startswith("__")):
                look = partial(self.guard, members, key, value, f"{x.__name__}.{key}")
                self._when_named(key, look)

    def _look_into_modules_of_modules(self) -> None:
        """Look at these only where they are named: `getattr` reaches for what a module has made."""
        for x in self._modules:
            for key in sorted(self.names & vars(x).keys()):
                if isinstance(value := vars(x)[key], types.ModuleType):
                    self.guard(vars(x), key, value, f"{x.__name__}.{key}")

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
            members, users = vars(base), is_users_class(base)
            for key, value in members.items() if users or "__slots__" in members else ():
                slot = isinstance(value, types.MemberDescriptorType)
                if x is not None and slot and (users or not key.startswith("__")):
                    now = getattr(x, key, MISSING)
                    if users or now is not MISSING:  # A library may fill one when it is asked.
                        self.guard(Attributes(x), key, now, f"{path}.{key}")
            if not users or base in self._classes:
                continue
            self._classes.add(base)
            copyreg._slotnames(base)  # type: ignore[attr-defined]  # `copy` notes them there, first.
            self._measure(base.__name__, members)
            self._owners[id(members)] = base
            bases = f"{base.__name__}.__bases__"
            self.guard(Attributes(base), "__bases__", base.__bases__, bases, deeper=False)
            for key, value in members.items():
                member = f"{base.__name__}.{key}"
                look = partial(self.guard, members, key, value, member)
                if key.startswith("__"):
                    code = getattr(getattr(value, "__func__", value), "__code__", None)
                    if code is None or (key == "__eq__" and code.co_filename == "<string>"):
                        continue  # A dataclass made the latter, of its fields.
                    if key in MAKING and x is not None and not all_:
                        self._when_named("type", look)
                    elif is_users_file(code.co_filename):
                        look()
                elif all_:
                    look()
                else:
                    self._when_named(key, look)

    def _look_into_function(self, f: types.FunctionType, path: str) -> None:
        closed = {}
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            closed[name] = value = Guard(cell, None, None, name).now()
            # That is for super(): an object has been looked at with its bases.
            self.guard(cell, None, value, name, deeper=name != "__class__")
        for name in ("__code__", "__defaults__", "__kwdefaults__", "__dict__"):
            deeper = name != "__dict__"
            self.guard(Attributes(f), name, getattr(f, name), f"{path}.{name}", deeper=deeper)
        self._look_into_container(vars(f), path, dot=True)
        if not is_users_file(f.__code__.co_filename):
            return
        looked: Any = f  # Not all type checkers know that functions have built-in ones.
        code, known, built = f.__code__, f.__globals__, looked.__builtins__
        names, called = set(names_of(code)), set(arguments(code, "LOAD_GLOBAL", "STORE_GLOBAL"))
        package = str(known.get("__package__") or "").split(".")
        for name in arguments(code, "IMPORT_NAME"):
            for k in range(len(package) + 1):
                full = ".".join(filter(None, [*package[:k], name]))
                value = sys.modules.get(full, MISSING)
                self.guard(sys.modules, full, value, f"{path}: {full}")
        for name in sorted(names):
            self._look_at("type" if name == "__class__" else name)
        # A module of the user's that is met by any other way than sys.modules is looked into.
        of_objects = set[str]() if "modules" in names else attributes_alone(code)
        for name in sorted(names):
            if name in READING and (name in called or not hasattr(builtins, name)):
                self._warn(f"{path} uses {name}, which may read anything")
            elif name in known and name not in of_objects:
                self.guard(known, name, known[name], name)
            elif name in called:
                self.guard(known, name, MISSING, name)
                value = built.get(name, MISSING)
                deeper = isinstance(value, types.FunctionType)
                self.guard(built, name, value, f"builtins.{name}", deeper=deeper)
                if value in SPEAKING:
                    self._warn(f"{path} calls {name}, which every step should do")
        variables = {**built, **known, **closed}
        for parts in sorted(paths_of(code)):
            self._look_along(parts, variables.get(parts[0]))
        self.compares = self.compares or not names.isdisjoint(("id", "is_", "is_not"))
        for parts in compared_with(code):
            value = variables.get(parts[0], 0) if parts else 0
            for name in parts[1:]:
                value = getattr(value, name, 0) if isinstance(value, type | types.ModuleType) else 0
            kinds = (*NUMBERS, Tensor, np.ndarray, list, tuple, dict)
            if isinstance(value, kinds) or parts_of(value) is not None:
                self.compares = True
        asked = arguments(code, "MATCH_CLASS", "MATCH_SEQUENCE", "MATCH_MAPPING")
        if asked or not names.isdisjoint(("isinstance", "issubclass")):
            self.registered = abc.get_cache_token()

    def _look_along(self, parts: tuple[str, ...], value: Any) -> None:
        """Look at what is read of modules that are not the user's: ``np.linalg.norm``."""
        name, *attributes = parts
        for attribute in attributes:
            if type(value) is not types.ModuleType:
                self._look_at(f".{attributes[-1]}")
                return
            name, members = f"{name}.{attribute}", vars(value)
            users, value = is_users(value), getattr(value, attribute, MISSING)
            if not users and (attribute in members or value is MISSING):
                bound = isinstance(value, types.BuiltinFunctionType | types.MethodType | partial)
                deeper = bound or not callable(value)
                self.guard(members, attribute, value, name, deeper=deeper)


def _is_read_elsewhere(kind: type) -> bool:
    """Return whether functions of other files may read what an object of a class has.

    They do if it is a dataclass, or a base of it is from elsewhere and has methods. What matches a
    pattern by position is read by no name, either.
    """
    return any(
        "__match_args__" in vars(base)
        or (
            not is_users_class(base)
            and any(callable(x) and name not in vars(object) for name, x in vars(base).items())
        )
        for base in kind.__mro__
    )


def _reads_files(x: Any) -> bool:
    """Return whether a function or class gives what a file holds, or the system says."""
    if not isinstance(x, types.FunctionType | types.BuiltinFunctionType | type):
        return False
    module = str(x.__module__)
    ours = module.startswith(("numpy", Tensor.__module__.partition(".")[0]))
    return module in FILES or (ours and x.__name__ in READERS)


def _has_a_buffer(x: Any) -> bool:
    """Return whether it hands out memory, as objects of ctypes do."""
    try:
        memoryview(x)
    except (TypeError, ValueError, BufferError):
        return False
    return True


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
