"""What is done with a call of NumPy's that involves a Tensor.

NumPy hands it over through ``__array_ufunc__`` or ``__array_function__``. It becomes one of our
operations, a composition of them, NumPy's own work on the bare values (where the result has no
derivative), or a TypeError that says so at the call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.numpy_api.table import (
    CARRIED,
    COMPOSED,
    REDUCTIONS,
    WITHOUT_DERIVATIVE,
    values_of,
)
from autograd_lite.primitive import BY_NUMPY_FUNCTION, Primitive


def call_function(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Do what a NumPy function does, on Tensors (the body of ``__array_function__``)."""
    if function in WITHOUT_DERIVATIVE:
        if function in CARRIED:
            position, name = CARRIED[function]
            carried = args[position] if len(args) > position else kwargs.get(name)
            if getattr(carried, "requires_grad", False):
                raise TypeError(_refusal(function))
        return function(*map(values_of, args), **{k: values_of(v) for k, v in kwargs.items()})
    composed = COMPOSED.get(function)
    if composed is not None:
        try:
            return composed(*args, **kwargs)
        except TypeError:
            signature = inspect.signature(composed)
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(
                    f"np.{function.__name__} on Tensors: {error}. It takes "
                    f"{composed.__name__}{signature}."
                ) from None
            raise
    primitive = BY_NUMPY_FUNCTION.get(function)
    if primitive is None:
        raise TypeError(_refusal(function))
    operands, parameters = _bind(primitive, function, args, kwargs)
    return primitive(*operands, **parameters)


def call_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Do what a universal function does, on Tensors (the body of ``__array_ufunc__``)."""
    name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
    if getattr(np, ufunc.__name__, None) is ufunc:
        name = f"np.{name}"
    out = kwargs.get("out")
    if out is not None:
        raise TypeError(
            f"{name} cannot write into out=: a Tensor's value never changes under its graph, and a "
            f"plain array has no gradient. Write `result = {name}(...)`, or `a = a + t` in place "
            f"of `a += t` where a is an array."
        )
    if method == "__call__":
        if ufunc in WITHOUT_DERIVATIVE:
            return ufunc(*map(values_of, inputs), **kwargs)
        function = BY_NUMPY_FUNCTION.get(ufunc) or COMPOSED.get(ufunc)
        if function is not None:
            if not kwargs:
                return function(*inputs)
            raise TypeError(
                f"{name} on Tensors takes no {', '.join(f'{key}=' for key in kwargs)}; "
                f"leave it out, or compute with np.where afterwards."
            )
    elif method == "reduce" and ufunc in REDUCTIONS:
        return call_function(REDUCTIONS[ufunc], inputs, {"axis": 0, **kwargs})
    raise TypeError(_refusal(ufunc, name))


def _refusal(function: Callable[..., Any], name: str | None = None) -> str:
    """Say that a NumPy function has no derivative here, and what to do."""
    if name is None:
        module = function.__module__.replace("numpy", "np", 1)
        name = f"{module}.{function.__name__}"
    return (
        f"{name} has no derivative in autograd_lite, so it cannot be recorded. For its value "
        f"alone, pass t.numpy(); to differentiate it, define it with @autograd_lite.primitive."
    )


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _bind(
    primitive: Primitive,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Sort NumPy's arguments into our operands (the first ones) and static parameters."""
    count = len(primitive.operands)
    if len(args) == count and kwargs.keys() <= set(primitive.parameters):
        return args, kwargs
    signature = _signature(function)
    bound = signature.bind(*args, **kwargs)
    names = list(signature.parameters)
    operands = tuple(bound.arguments.get(name) for name in names[:count])
    parameters = {}
    for name, value in bound.arguments.items():
        if name in names[:count] or value is signature.parameters[name].default:
            continue
        if name not in primitive.parameters:
            raise TypeError(
                f"np.{function.__name__} on Tensors takes no {name}= (got {value!r}); it takes "
                f"{', '.join((*primitive.operands, *primitive.parameters))}."
            )
        parameters[name] = value
    return operands, parameters
