"""What a compiled function depends on besides its arguments: found, and held against what was.

Everything that a function closes over is looked at: cells, globals that its code names, attributes
of objects, what is in lists and dicts. A Tensor is an input of the program; anything else must be
what it was when the function was traced.
"""

from __future__ import annotations

import builtins
import functools
import os
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.tensor import Tensor

MISSING = object()
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
_LIBRARIES = tuple(sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "purelib"))
SPEAKING = (print, input, open)
"""What does something that no program does."""


class Guard(NamedTuple):
    """Something that was found under a key.

    Attributes
    ----------
    holder : cell, mapping or list
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
    arrays : list of (path, array, copy)
        Whose entries must be what they were.
    lengths : list of (path, holder, length)
        Containers, which must have as many parts as they had.
    hazard : str
        Why the function must not be compiled; empty if nothing is known.
    """

    def __init__(self, *roots: Any, but: tuple[Any, ...] = ()) -> None:
        self.tensors: list[Tensor] = []
        self.guards: list[Guard] = []
        self.arrays: list[tuple[str, np.ndarray[Any, Any], Any]] = []
        self.lengths: list[tuple[str, Any, int]] = []
        self.generators: list[tuple[str, Any, Any]] = []
        self.hazard = ""
        self._seen: set[int] = set(map(id, but))
        self._keep: list[Any] = []
        for root in roots:
            self._look(root, getattr(root, "__name__", type(root).__name__))

    def changed(self) -> str:
        """Return the path of something that is not what it was; empty if there is none."""
        for guard in self.guards:
            now = guard.now()
            if now is not guard.value and not _same(now, guard.value):
                return guard.path
        for path, array, kept in self.arrays:
            if array.tobytes() != kept:
                return path
        for path, holder, length in self.lengths:
            if len(holder) != length:
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
        for guard in self.guards:
            if guard.now() is not guard.value:
                changed = guard.path
                if isinstance(guard.holder, types.CellType):
                    guard.holder.cell_contents = guard.value
                elif isinstance(guard.holder, dict | list):
                    guard.holder[guard.key] = guard.value
        for path, array, kept in self.arrays:
            if array.tobytes() != kept:
                changed = path
                array[...] = np.frombuffer(kept, array.dtype).reshape(array.shape)
        return changed

    def unchanged(self) -> Callable[[], bool]:
        """Return a function that says whether all is as it was; it compares identities first."""
        fast = self._checks()
        return lambda: fast() or not self.changed()

    def _checks(self) -> Callable[[], bool]:
        """Return a function that compares all identities at once."""
        names: dict[str, Any] = {"MISSING": MISSING}
        parts = []
        for i, guard in enumerate(self.guards):
            names[f"h{i}"], names[f"v{i}"] = guard.holder, guard.value
            names[f"n{i}"] = guard.key
            if isinstance(guard.holder, types.CellType):
                parts.append(f"h{i}.cell_contents is v{i}")
            elif isinstance(guard.holder, list):
                parts.append(f"h{i}[n{i}] is v{i}")
            else:
                parts.append(f"h{i}.get(n{i}) is v{i}")
        for i, (_, array, kept) in enumerate(self.arrays):
            names[f"a{i}"], names[f"k{i}"] = array, kept
            parts.append(f"a{i}.tobytes() == k{i}")
        for i, (_, holder, length) in enumerate(self.lengths):
            names[f"l{i}"] = holder
            parts.insert(0, f"len(l{i}) == {length}")  # Before what it holds is read.
        check: Callable[[], bool] = eval(f"lambda: {' and '.join(parts) or 'True'}", names)
        return check

    # ------------------------------------------------------------ looking

    def _look(self, x: Any, path: str) -> None:
        if x is None or isinstance(x, int | float | complex | str | bytes | np.generic | np.dtype):
            return
        if id(x) in self._seen:
            return
        self._seen.add(id(x))
        self._keep.append(x)
        if isinstance(x, Tensor):
            self.tensors.append(x)
        elif isinstance(x, np.ndarray):
            self.arrays.append((path, x, x.tobytes()))
        elif isinstance(x, np.random.Generator):
            self.generators.append((path, x, x.bit_generator.state))
        elif isinstance(x, types.FunctionType):
            self._look_into_function(x, path)
        elif isinstance(x, types.MethodType):
            self._look(x.__self__, path)
            self._look(x.__func__, path)
        elif isinstance(x, functools.partial):
            self._look(x.func, path)
            self._look(list(x.args), path)
            self._look(dict(x.keywords), path)
        elif isinstance(x, list | tuple | dict):
            self._look_into_container(x, path)
        elif hasattr(x, "__next__"):
            self.hazard = self.hazard or f"{path} is an iterator, which every step moves on"
        elif isinstance(x, type | types.ModuleType | types.BuiltinFunctionType | np.ufunc):
            if isinstance(x, type) and _is_users(sys.modules.get(x.__module__)):
                self._look_into_class(x)
        elif hasattr(x, "__dict__"):
            self._look_into_container(vars(x), path, dot=True)
            self._look_into_class(type(x))

    def guard(self, holder: Any, key: Any, value: Any, path: str) -> None:
        """Demand that something stays under its key, and look into it."""
        self.guards.append(Guard(holder, key, value, path))
        self._look(value, path)

    def _look_into_container(self, x: Any, path: str, *, dot: bool = False) -> None:
        if not isinstance(x, tuple):
            self.lengths.append((path, x, len(x)))
        items = x.items() if isinstance(x, dict) else enumerate(x)
        for key, value in list(items):
            if dot and key == "_card":
                continue  # Made when a module is called first.
            where = f"{path}.{key}" if dot else f"{path}[{key!r}]"
            if isinstance(x, tuple) or (isinstance(x, dict) and not isinstance(key, str | int)):
                self._look(value, where)
            else:
                self.guard(x, key, value, where)

    def _look_into_class(self, kind: type) -> None:
        for base in kind.__mro__:
            if _is_users(sys.modules.get(base.__module__)) and id(base) not in self._seen:
                self._seen.add(id(base))
                for key, value in vars(base).items():
                    if not key.startswith("__"):
                        self.guard(vars(base), key, value, f"{base.__name__}.{key}")

    def _look_into_function(self, f: types.FunctionType, path: str) -> None:
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                self.guard(cell, None, cell.cell_contents, name)
            except ValueError:
                continue  # Not bound yet.
        for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            self._look(value, path)
        if hasattr(f, "__wrapped__"):
            self._look(f.__wrapped__, path)
        if not _is_users_file(f.__code__.co_filename):
            return
        names = set(_names_of(f.__code__))
        for name in sorted(names):
            if name in f.__globals__:
                value = f.__globals__[name]
                self.guard(f.__globals__, name, value, name)
                if isinstance(value, types.ModuleType) and _is_users(value):
                    for attribute in sorted(names & set(vars(value))):
                        inner = vars(value)[attribute]
                        self.guard(vars(value), attribute, inner, f"{name}.{attribute}")
            elif getattr(builtins, name, None) in SPEAKING:
                self.hazard = self.hazard or f"{path} calls {name}, which every step should do"


def _names_of(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_of(constant)


def _is_users(module: Any) -> bool:
    file = getattr(module, "__file__", None)
    name = getattr(module, "__name__", "")
    return name == "__main__" or (file is not None and _is_users_file(file))


def _is_users_file(file: str) -> bool:
    if "site-packages" in file or file.startswith(_OURS):
        return False
    return not file.startswith(_LIBRARIES) and not file.startswith("<frozen")


def _same(a: Any, b: Any) -> bool:
    """Return whether two objects are equal numbers or texts."""
    kinds = (int, float, complex, str, bytes, np.generic, type(None))
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return isinstance(a, kinds) and (a == b or repr(a) == repr(b))


def described(value: Any) -> str:
    """Return a value for a message."""
    text = repr(value)
    return text if len(text) < 40 else f"a {type(value).__name__}"
