"""What takes the bare value of a Tensor in the user's code, and would lose its gradient.

Python hands ``float(t)`` and ``math.exp(t)`` and ``array[i] = t`` to the same method. Only the line
that is being run tells them apart: the first says what it does, the others drop a gradient unseen.
"""

from __future__ import annotations

import ast
import dis
import functools
import linecache
from itertools import islice
from types import CodeType, FrameType, ModuleType

import numpy as np

_STORES = "an entry of an array"
_NUMBERS_OF_NUMPY = (np.fromiter, *np.sctypeDict.values())
"""What of NumPy's asks for a Python number, and does not hand the Tensor over to it."""

_ONLY_LOOK = ("numpy.testing", "_pytest", "matplotlib")
"""Packages that compare, print and plot values, and give back nothing that is computed with."""


def only_looks(frame: FrameType) -> bool:
    """Say whether the code that wants a bare array computes nothing with it."""
    return str(frame.f_globals.get("__name__")).startswith(_ONLY_LOOK)


def taker(frame: FrameType) -> str | None:
    """Name what takes a bare number in the line being run; None if that is no accident.

    Parameters
    ----------
    frame : frame
        Of the code that asks a Tensor for a number.
    """
    called = _called(frame.f_code, frame.f_lasti)
    if not isinstance(called, tuple):
        return called
    found = frame.f_locals.get(called[0], frame.f_globals.get(called[0]))
    for name in called[1:]:
        found = getattr(found, name, None) if isinstance(found, ModuleType) else None
    module = getattr(found, "__module__", None)
    takes = module in ("math", "cmath") or any(found is x for x in _NUMBERS_OF_NUMPY)
    return f"{module}.{getattr(found, '__name__', '')}" if takes else None


@functools.lru_cache(maxsize=1024)
def _called(code: CodeType, position: int) -> tuple[str, ...] | str | None:
    """Return the dotted name of the function that an instruction calls, if its source is there."""
    if dis.opname[code.co_code[position]] in ("STORE_SUBSCR", "STORE_SLICE"):
        return _STORES
    line, last, start, end = next(islice(code.co_positions(), position // 2, None))
    if line is None or last is None:
        return None
    lines = linecache.getlines(code.co_filename)[line - 1 : last]
    if not lines:
        return None
    lines[-1] = lines[-1].encode()[:end].decode()
    lines[0] = lines[0].encode()[start:].decode()
    try:
        node: ast.AST = ast.parse(f"({''.join(lines)})", mode="eval").body
    except SyntaxError:
        return None
    node = node.func if isinstance(node, ast.Call) else node
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return (node.id, *names) if isinstance(node, ast.Name) else None
