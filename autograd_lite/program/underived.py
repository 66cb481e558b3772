"""Functions without a derivative, such as np.argmax, as operations that have no rules."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from autograd_lite.core.notation import Form, Notation, call
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION, Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.ops.writing import literal
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.symbol import Call, Symbol


def operation_of(primitive: Primitive) -> Any:
    """Return an operation as expressions know it: a function without derivative as itself."""
    function = primitive.numpy[0] if primitive.numpy else None
    plain = isinstance(function, np.ufunc) and BY_NUMPY_FUNCTION.get(function) is not primitive
    return function if plain else primitive


@functools.lru_cache(maxsize=256)
def underived(function: Any, count: int) -> Primitive:
    """Return a function that has no derivative as an operation without rules."""

    def forward(*xs: Any) -> Any:
        return function(*xs)

    forward.__name__ = function.__name__
    slots = [f"{{xs{i}:loose}}" for i in range(count)]
    if isinstance(function, Call):
        rest = iter(slots)
        args, kwargs = rebuild(
            function.nest,
            [Written(next(rest)) if x is Symbol else x for x in leaves_of(function.nest)],
        )
        args, kwargs = _said(function.function, args, kwargs)
        listed = [_literal(x) for x in args] + [f"{k}={_literal(x)}" for k, x in kwargs.items()]
        template = f"{_name(function.function)}({', '.join(listed)})"
        template += "" if function.part is None else f"[{function.part}]"
        notation = Notation(python=Form(template), latex=call(forward.__name__).latex)
    else:
        notation = call(_name(function))
    made = Underived(forward, {}, notation=notation, numpy=(function,))
    made.made_of = function, count
    return made


class Underived(Primitive):
    """An operation that is pickled as what it was made of."""

    made_of: tuple[Any, int]

    def __reduce__(self) -> Any:
        return underived, self.made_of


def _said(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments as they are written: settings by their names, where they are not usual."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (ValueError, TypeError):  # Written in C, without a signature.
        return args, kwargs
    parameters = bound.signature.parameters
    if any(x.kind in (x.POSITIONAL_ONLY, x.VAR_POSITIONAL, x.VAR_KEYWORD)
           for x in parameters.values()):  # fmt: skip
        return args, kwargs
    given = {k: x for k, x in bound.arguments.items() if x is not parameters[k].default}
    operands = [k for k in given if parameters[k].default is inspect.Parameter.empty]
    return tuple(given.pop(k) for k in operands), given


class Written(str):
    """The place of an operand in a template."""


def _literal(x: Any) -> str:
    """Write an argument of a call, for a template."""
    if isinstance(x, Written):
        return x
    if isinstance(x, list | tuple):
        inside = ", ".join(map(_literal, x))
        if isinstance(x, tuple) and len(x) == 1:
            inside += ","
        return f"[{inside}]" if isinstance(x, list) else f"({inside})"
    text = repr(x) if isinstance(x, str) else literal(x)
    return text.replace("{", "{{").replace("}", "}}")


def _name(function: Any) -> str:
    """Return how NumPy's users write a function."""
    name, owner = function.__name__, getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{name}"
    for module, prefix in ((np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft")):
        if getattr(module, name, None) is function:
            return f"{prefix}.{name}"
    raise TraceError(
        f"derive cannot write {name}, which is not of NumPy, as code. Define it with "
        f"@autograd_lite.primitive, or pass its result as an argument."
    )
