"""What tensors, arrays and gradients are called in the code around a call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from types import FrameType, FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph import arrays_in, names_in
from autograd_lite.graph.variables import held_by, locals_of, variables_of

MOST_NAMED, MOST_CLASSES, MOST_STEPS = 10_000, 100, 32
"""Of how many entries, classes and steps what is computed from an array has a name."""


PREFIXES = ("d_", "grad_", "g_", "d", "g", "delta_")
SUFFIXES = ("_grad", "_delta", "_g")
"""What stands before or after the name of a tensor in the name of its gradient."""


def is_delta(key: str) -> bool:
    """Return whether a name is that of a delta, which may be the gradient before an activation."""
    return key.startswith("delta_") or DELTA.search(key) is not None


DELTA = re.compile(r"_delta(_\d+)?$")
"""How the name of a delta ends: the second one of ``h``, in `derive`, is ``h_delta_2``."""


def stems(key: str) -> list[str]:
    """Return the names whose gradient may be called `key`: of ``dW`` or ``dL_dW``, ``W``."""
    key = DELTA.sub("_delta", re.sub(r"^d_?(L|J|loss)_?d", "d", key))
    found = [key[len(p) :] for p in PREFIXES if key.startswith(p) and len(key) > len(p)]
    return found + [key[: -len(s)] for s in SUFFIXES if key.endswith(s) and len(key) > len(s)]


def named_in(frame: FrameType | None) -> dict[str, Any]:
    """Return the tensors and arrays that variables of a frame are bound to, or hold.

    ``data["X"]`` and ``self.X`` are called ``X`` if no variable is. Then come the arrays of the
    functions that its code calls, and those of its callers.
    """
    found: dict[str, Any] = {**arrays_in(frame), **names_in(frame)}
    for variable, value in (locals_of(frame) if frame is not None else {}).items():
        for key, _, x in held_by(variable, value):
            if key.isidentifier() and key not in found and isinstance(x, np.ndarray):
                found[key] = x
    for name, value in _arrays_around(frame):
        alike = (x for x in found.values() if isinstance(x, np.ndarray) and x.shape == value.shape)
        if name not in found and not any(np.array_equal(value, x) for x in alike):
            found[name] = value
    return found


MOST_FUNCTIONS, MOST_CALLERS = 50, 10
"""How many of them are asked for the names of arrays."""


def _arrays_around(frame: FrameType | None) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of the functions that a frame calls, and of the frames that call it."""
    waiting: list[Any] = list(variables_of(frame).values()) if frame is not None else []
    seen: set[int] = set()
    while waiting and len(seen) < MOST_FUNCTIONS:
        f = waiting.pop(0)
        if not isinstance(f, FunctionType) or id(f) in seen or is_library(f.__globals__):
            continue
        seen.add(id(f))
        if "__wrapped__" in f.__dict__:
            waiting.append(f.__dict__["__wrapped__"])
        try:
            outside = inspect.getclosurevars(f)
        except ValueError:  # A variable of the function around it is not there yet.
            continue
        held = {**outside.nonlocals, **outside.globals}
        waiting += held.values()
        yield from ((name, x) for name, x in held.items() if isinstance(x, np.ndarray))
    for _ in range(MOST_CALLERS):
        frame = frame.f_back if frame is not None else None
        if frame is None or is_library(frame.f_globals):
            return
        yield from arrays_in(frame).items()


def is_library(module: Mapping[str, Any]) -> bool:
    """Return whether these are the variables of a module of one of `LIBRARIES`."""
    return str(module.get("__name__")).split(".")[0] in LIBRARIES


LIBRARIES = ("numpy", "functools", "pytest", "_pytest", "pluggy", __name__.partition(".")[0])
"""Packages whose variables are not those of the code by hand."""


def with_forms(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return names with those of what is computed from arrays before anything is recorded.

    They are ``-y``, ``1 - y``, ``y[:, None]``, ``np.eye(3)[y]`` and the like, for every array that
    is called ``y``.
    """
    arrays = {name: x for name, x in names.items() if type(x) is np.ndarray}
    known = list(arrays.values())
    found = dict(names)
    for name, x in arrays.items():
        for text, form in _forms(name, x) if x.ndim and x.size < MOST_NAMED else ():
            alike = (other for other in known if form.shape == other.shape)
            if text not in found and not any((form == other).all() for other in alike):
                found[text] = form
                known.append(form)
    return found


def _forms(name: str, x: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield what is often computed from an array, as it is written."""
    if x.dtype.kind in "fi":
        yield f"-{name}", -x
        yield f"1 - {name}", 1 - x
    if x.ndim == 1:
        yield f"{name}[:, None]", x[:, None]
        if x.dtype.kind in "iu" and x.size and 0 <= x.min() < x.max() < MOST_CLASSES:
            n = int(x.max()) + 1
            yield f"np.eye({n})[{name}]", np.eye(n)[x]
    elif x.ndim == 2:
        yield f"{name}.T", x.T
        yield f"{name}[:, :, None]", x[:, :, None]
        yield f"{name}[:, None]", x[:, None]
    if 1 < x.ndim < 4 and len(x) <= MOST_STEPS:
        yield from ((f"{name}[{t}]", part) for t, part in enumerate(x))
