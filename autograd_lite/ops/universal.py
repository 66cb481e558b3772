"""Universal functions as operations: each is its own forward function."""

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
    forward = eval(f"lambda {operands}: {prefix}.{name}({operands})", {prefix: module})
    notation = call(f"{prefix}.{name}", latex, text=text, picture=picture)
    where = next(filter(callable, entry.values())).__module__  # That of a rule.
    usual = {"numpy": (function,), "notation": notation}
    return primitive(**usual | entry)(named(forward, name, doc, where))


def named(function: Any, name: str, doc: str, module: str) -> Any:
    """Give a function that was made what one has that is defined."""
    function.__name__ = function.__qualname__ = name
    function.__doc__, function.__module__ = doc, module
    return function
