"""A function that fills bare arrays, with Tensors in their place: then it can be recorded."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from autograd_lite.check.names import is_library
from autograd_lite.numpy_api import array
from autograd_lite.tensor import Tensor


def filling(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose ``np.zeros`` and the like give Tensors, which can be filled.

    It is a copy that sees another ``np``; so are the functions of its module that it calls.
    """
    copies: dict[int, Any] = {}

    def copied(value: Any) -> Any:
        if value is np:
            return _NumPy()
        if isinstance(value, MethodType) and not isinstance(value.__self__, type):
            return getattr(instance(value.__self__), value.__name__)
        call = inspect.getattr_static(type(value), "__call__", None)
        if isinstance(call, FunctionType) and not is_library(call.__globals__):
            return instance(value)
        made = MAKERS.get(getattr(value, "__name__", ""))
        if made is not None and value is getattr(np, value.__name__, None):
            return made
        if not isinstance(value, FunctionType) or id(value) in copies:
            return copies.get(id(value), value)
        library = is_library(value.__globals__)
        if library and value is not f and value.__module__ != f.__module__:
            return value
        outside = value.__globals__ if library else globals_of(value)
        cells = tuple(CellType() for _ in value.__closure__ or ())
        new = FunctionType(value.__code__, outside, value.__name__, value.__defaults__, cells)
        new.__kwdefaults__, new.__dict__ = value.__kwdefaults__, dict(value.__dict__)
        copies[id(value)] = new
        for cell, old in zip(cells, value.__closure__ or (), strict=True):
            try:
                cell.cell_contents = copied(old.cell_contents)
            except ValueError:  # It is empty as yet.
                continue
        return new

    def instance(x: Any) -> Any:
        """Copy an object, so that its methods, and those that they call, are copies too."""
        kind, new = type(x), copy.copy(x)
        methods = {name: f for base in reversed(kind.__mro__) for name, f in vars(base).items()}
        own = {n: copied(f) for n, f in methods.items() if isinstance(f, FunctionType)}
        new.__class__ = type(kind.__name__, (kind,), own)
        return new

    def globals_of(value: FunctionType) -> dict[str, Any]:
        own = value.__globals__
        if id(own) not in copies:
            copies[id(own)] = seen = dict(own)
            seen.update({name: copied(x) for name, x in own.items()})
        known: dict[str, Any] = copies[id(own)]
        return known

    new: Callable[..., Any] = copied(f)
    return new


def _maker(name: str) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        args = tuple(x.data if isinstance(x, Tensor) else x for x in args)
        made = getattr(np, name)(*args, **options)
        return Tensor(made) if made.dtype.kind == "f" else made

    return make


def _stacked(values: Any, *args: Any, **options: Any) -> Any:
    return (
        array(values, *args, **options)
        if _holds_tensors(values)
        else np.array(values, *args, **options)
    )


def _holds_tensors(values: Any) -> bool:
    return isinstance(values, Tensor) or (
        isinstance(values, list | tuple) and any(map(_holds_tensors, values))
    )


SHAPED = ("zeros", "ones", "full", "zeros_like", "ones_like", "full_like")

MAKERS: dict[str, Callable[..., Any]] = {
    **{name: _maker(name) for name in SHAPED},
    "empty": _maker("zeros"),
    "empty_like": _maker("zeros_like"),
    "array": _stacked,
    "asarray": _stacked,
}
"""What makes a new array, by its name in NumPy."""


class _NumPy:
    """NumPy, but that new arrays of floating-point numbers are Tensors."""

    def __getattr__(self, name: str) -> Any:
        return MAKERS.get(name) or getattr(np, name)
