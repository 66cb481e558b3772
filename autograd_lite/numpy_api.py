"""Which NumPy function is which operation, when it is called on Tensors.

NumPy hands a call that involves a Tensor to it, through ``__array_ufunc__`` or
``__array_function__``. What becomes of it: one of our operations, a composition of them, NumPy
itself on the bare values (where the result has no derivative), or a TypeError that says so at the
call.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_lite import ops
from autograd_lite.primitive import BY_NUMPY_FUNCTION, Primitive

WITHOUT_DERIVATIVE: frozenset[Callable[..., Any]] = frozenset(
    {
        # Comparisons and tests
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
        np.isfinite, np.isinf, np.isnan, np.signbit, np.logical_and, np.logical_or,
        np.logical_not, np.logical_xor, np.isclose, np.allclose, np.array_equal,
        np.array_equiv, np.all, np.any, np.isreal, np.iscomplex, np.isrealobj, np.iscomplexobj,
        # Steps: constant wherever they have a derivative
        np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round, np.fix,
        # Positions
        np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero,
        np.count_nonzero, np.searchsorted, np.unique, np.digitize, np.bincount, np.histogram,
        # Shapes and types
        np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type,
        np.min_scalar_type, np.may_share_memory, np.shares_memory,
        # New arrays that take the shape of another
        np.zeros_like, np.ones_like, np.empty_like, np.full_like,
        # Text
        np.array2string, np.array_repr, np.array_str,
    }
)  # fmt: skip
"""What NumPy computes from the values alone."""


def dot(a: Any, b: Any) -> Any:
    """Compose ``np.dot``: a product with a number, `matmul`, or over two inner axes."""
    a, b = _array(a), _array(b)
    if a.ndim == 0 or b.ndim == 0:
        return ops.multiply(a, b)
    if b.ndim <= 2:
        return ops.matmul(a, b)
    axes = (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1)
    rest = tuple(b.shape[i] for i in axes[1:])
    flat = ops.transpose(b, axes=axes).reshape((b.shape[-2], math.prod(rest)))
    return ops.reshape(ops.matmul(a, flat), shape=(*a.shape[:-1], *rest))


def float_power(a: Any, b: Any) -> Any:
    """Compose ``np.float_power``, which computes in double precision whatever it is given."""
    return ops.power(*(ops.astype(x, dtype="float64") for x in map(_array, (a, b))))


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Compose ``np.clip``: with Tensors for bounds, they get their part of the cotangent."""
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is None and high is None:
        raise TypeError("np.clip needs a_min or a_max, got neither.")
    if all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return ops.clip(a, low=low, high=high)
    bounded = a if low is None else ops.maximum(a, low)
    return bounded if high is None else ops.minimum(bounded, high)


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Adapt ``np.concatenate``, which takes a sequence."""
    return ops.concatenate(*arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Adapt ``np.stack``, which takes a sequence."""
    return ops.stack(*arrays, axis=axis)


def ravel(a: Any) -> Any:
    """Compose ``np.ravel``."""
    return ops.reshape(a, shape=(-1,))


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Compose ``np.swapaxes``."""
    i, k = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    order = list(range(a.ndim))
    order[i], order[k] = k, i
    return ops.transpose(a, axes=tuple(order))


def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Compose ``np.moveaxis``."""
    sources = normalize_axis_tuple(source, a.ndim, "source")
    order = [i for i in range(a.ndim) if i not in sources]
    for i, axis in sorted(
        zip(normalize_axis_tuple(destination, a.ndim, "destination"), sources, strict=True)
    ):
        order.insert(i, axis)
    return ops.transpose(a, axes=tuple(order))


def std(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False) -> Any:
    """Compose ``np.std``: the root of the variance."""
    return ops.sqrt(ops.var(a, axis=axis, ddof=ddof, keepdims=keepdims))


def where(condition: Any, *choices: Any) -> Any:
    """Adapt ``np.where``, which gives positions if there is nothing to choose from."""
    return ops.where(condition, *choices) if choices else np.where(values_of(condition))


COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {
    np.dot: dot,
    np.float_power: float_power,
    np.where: where,
    np.clip: clip,
    np.concatenate: concatenate,
    np.stack: stack,
    np.ravel: ravel,
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.std: std,
}
"""NumPy functions that are compositions, or take their operands in a form of their own."""

REDUCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}
"""What ``np.add.reduce`` and its like are."""


CARRIED: dict[Callable[..., Any], tuple[int, str]] = {
    np.full_like: (1, "fill_value"),
    np.bincount: (1, "weights"),
    np.histogram: (4, "weights"),
}
"""Arguments that do have a derivative, of functions that else have none."""


def is_recorder(x: Any) -> bool:
    """Say whether this operand records what is done to it."""
    return hasattr(type(x), "__record__")


def _array(x: Any) -> Any:
    return x if is_recorder(x) else np.asarray(x)


def values_of(x: Any) -> Any:
    """Replace Tensors by their values, also inside lists and tuples."""
    if is_recorder(x):
        return x.data
    if isinstance(x, list | tuple):
        return type(x)(map(values_of, x))
    return x


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
