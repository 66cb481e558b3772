"""What the code of functions names, and whose code it is."""

from __future__ import annotations

import builtins
import dis
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
_LIBRARIES = tuple(sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "purelib"))
_MADE_BY_CODE = 1 << 9
"""Python's flag of a class that does not belong to the interpreter."""


def names_of(code: types.CodeType) -> Iterator[str]:
    """Yield the variables, attributes and texts that a function, and those in it, have."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant  # As in getattr(module, "name").
        elif isinstance(constant, tuple):
            yield from (x for x in constant if isinstance(x, str))  # As in case C(name=x).
        elif isinstance(constant, types.CodeType):
            yield from names_of(constant)


def _instructions(code: types.CodeType) -> Iterator[dis.Instruction]:
    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _instructions(constant)


def arguments(code: types.CodeType, *operations: str) -> list[str]:
    """Return the names that bytecode of some kinds takes, as against those of attributes."""
    return [x.argval for x in _instructions(code) if x.opname in operations]


def attributes_alone(code: types.CodeType) -> set[str]:
    """Return the names that code uses as attributes alone, not as variables or strings."""
    of_objects, others = set[str](), set[str]()
    for x in _instructions(code):
        if type(x.argval) is str and not x.opname.endswith(("_FAST", "_DEREF")):
            (of_objects if "_ATTR" in x.opname or "_METHOD" in x.opname else others).add(x.argval)
    return of_objects - others


def paths_of(code: types.CodeType) -> set[tuple[str, ...]]:
    """Return what is read as variables and attributes of them: ``np.linalg.norm``, in parts.

    What is an attribute of anything else begins with "".
    """
    found: set[tuple[str, ...]] = set()
    path: tuple[str, ...] = ()
    for x in _instructions(code):
        path = _further(path, x)
        found.add(path)
    return found - {()}


def compared_with(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """Yield the paths of what stands after ``is``, but for constants; () where it has none."""
    path: tuple[str, ...] = ()
    before = ""
    for x in _instructions(code):
        if x.opname == "IS_OP" and "CONST" not in before:
            yield path
        path, before = _further(path, x), x.opname


def _further(path: tuple[str, ...], x: dis.Instruction) -> tuple[str, ...]:
    if x.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
        return (x.argval,)
    return (*(path or ("",)), x.argval) if x.opname in ("LOAD_ATTR", "LOAD_METHOD") else ()


def is_users(module: Any) -> bool:
    """Return whether a module is neither a library nor a part of Python; it may have no file."""
    file, name = getattr(module, "__file__", None), getattr(module, "__name__", "")
    if not isinstance(file, str):
        made = module is not None and getattr(module, "__spec__", None) is None
        return name == "__main__" or made
    return is_users_file(file)


def is_users_class(kind: type) -> bool:
    """Return whether a class is made by the user's code."""
    module = sys.modules.get(kind.__module__)
    if module is None or module is builtins:  # As exec does it.
        return bool(kind.__flags__ & _MADE_BY_CODE)
    return is_users(module)


def is_users_file(file: str) -> bool:
    """Return whether code of a file is neither this package's nor a library's."""
    if "site-packages" in file or file.startswith(_OURS):
        return False
    return not file.startswith(_LIBRARIES) and not file.startswith("<frozen")
