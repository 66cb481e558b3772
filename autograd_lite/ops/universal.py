"""Universal functions as operations: each is its own forward function."""

import linecache
from types import ModuleType
from typing import Any

import numpy as np

from autograd_lite.core.notation import Form, call
from autograd_lite.core.primitive import FIELDS, Primitive, primitive


def ufunc(
    function: np.ufunc,
    doc: str,
    latex: Form | str = "",
    *,
    name: str = "",
    text: Form | str = "",
    picture: Form | str = "",
    module: ModuleType = np,
    prefix: str = "np",
    **entry: Any,
) -> Primitive:
    """Make a universal function an operation: it is the whole forward function.

    - `doc`: what it computes.
    - `latex`, `text`, `picture`: as of `call`.
    - `name`: what it is called in `module`, where that is not its own name.
    - `prefix`: what code calls the module.
    - `entry`: as of `primitive`; the operands are those that have a rule.
    """
    name = name or function.__name__
    operands = ", ".join(key for key in entry if key not in FIELDS)
    called = f"{prefix}.{name}"
    usual = {"numpy": (function,), "notation": call(called, latex, text=text, picture=picture)}
    where = next(filter(callable, entry.values())).__module__  # That of a rule.
    forward = defined(name, operands, f"{called}({operands})", {prefix: module}, doc, where)
    return primitive(**usual | entry)(forward)


def defined(
    name: str, signature: str, result: str, known: dict[str, Any], doc: str, module: str
) -> Any:
    """Define a function by its source, which tracebacks and printed code show like any other's."""
    source, file = f"def {name}({signature}):\n    return {result}\n", f"<{module}.{name}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    exec(compile(source, file, "exec"), known)
    function = known.pop(name)
    function.__doc__, function.__module__ = doc, module
    return function
