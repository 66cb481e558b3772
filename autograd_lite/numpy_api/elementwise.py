"""Functions of one number at a time, and choices."""

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.numpy_api.table import (
    COMPOSED,
    OF_COMPLEX,
    alike,
    as_array,
    cast,
    composes,
    laid_out,
    values_of,
)


@composes(np.float_power)
def float_power(a: Any, b: Any) -> Any:
    """Compose ``np.float_power``, which computes in double precision whatever it is given."""
    a, b = as_array(a), as_array(b)
    return ops.power(*(cast(x, np.result_type(x.dtype, float)) for x in (a, b)))


@composes(np.fabs)
def fabs(x: Any) -> Any:
    """Compose ``np.fabs``, which takes no complex numbers."""
    if x.dtype.kind == "c":
        raise TypeError(f"np.fabs needs real numbers, got dtype {x.dtype}. Write np.abs(x).")
    return ops.absolute(x)


@composes(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Compose ``np.clip``: with Tensors for bounds, they get their part of the cotangent."""
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is None and high is None:
        raise TypeError("np.clip needs a_min or a_max, got neither.")
    if all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return ops.clip(a, low=low, high=high)
    bounded = a if low is None else ops.maximum(a, low)
    return bounded if high is None else ops.minimum(bounded, high)


@composes(np.ldexp)
def ldexp(x1: Any, x2: Any) -> Any:
    """Compose ``np.ldexp``: a product with a power of 2, whose exponent is a whole number."""
    x1 = as_array(x1)
    return x1 * np.ldexp(np.ones((), x1.dtype), values_of(x2))


@composes(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """Compose ``np.frexp``: only the mantissa has a derivative."""
    mantissa, exponent = np.frexp(x.data)
    return laid_out(x * np.ldexp(np.ones((), x.dtype), -exponent), mantissa), exponent


@composes(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """Compose ``np.modf``: only the fractional part has a derivative."""
    fraction, whole = np.modf(x.data)
    finite = np.isfinite(whole)
    return laid_out(ops.where(finite, x - np.where(finite, whole, 0), fraction), fraction), whole


@composes(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Compose ``np.nan_to_num``: what is replaced has derivative 0."""
    if not copy:
        raise TypeError("np.nan_to_num on Tensors makes a copy; leave copy=False out.")
    if x.dtype.kind == "c":
        raise TypeError("np.nan_to_num on Tensors takes real numbers: pass np.real(t), np.imag(t).")
    replaced = np.nan_to_num(x.data, nan=nan, posinf=posinf, neginf=neginf)
    return laid_out(ops.where(np.isfinite(x.data), x, replaced), replaced)


def _part(primitive: Primitive, x: Any) -> Any:
    """Take a part of complex numbers: like NumPy's, it shows what is written to them later."""
    part = primitive(x)
    if hasattr(part, "_note_view"):
        part._note_view((x, x._value()), primitive, {})
    return part


@composes(np.real)
def real(val: Any) -> Any:
    """Adapt ``np.real``: a real array is its own real part."""
    return _part(ops.real, val) if val.dtype.kind == "c" else val


@composes(np.imag)
def imag(val: Any) -> Any:
    """Adapt ``np.imag``: that of real numbers is 0, and has no derivative."""
    return _part(ops.imag, val) if val.dtype.kind == "c" else np.imag(val.data)


def sign(x: Any) -> Any:
    """Compose ``np.sign`` of complex numbers, which turns with them: on the unit circle, or 0."""
    size = np.abs(x)
    return x / ops.where(values_of(size) == 0, 1, size)


OF_COMPLEX[np.sign] = sign


@composes(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """Compose ``np.unwrap``: it adds whole periods, which have no derivative."""
    value = np.unwrap(p.data, discont, axis, period=period)
    return laid_out(p + (value - p.data), value)


@composes(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: Any = True,
    shape: Any = None, *, device: Any = None,
) -> Any:  # fmt: skip
    """Compose ``np.full_like``: with a Tensor to fill in, its stretched value."""
    del order, subok, device
    like = np.zeros_like(values_of(a), dtype, shape=shape)
    if not getattr(fill_value, "requires_grad", False):
        return alike(a, np.full_like(like, values_of(fill_value)))
    return laid_out(ops.broadcast_to(fill_value.astype(like.dtype), shape=like.shape), like)


@composes(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    del device
    return x.astype(dtype, copy=copy)


COMPOSED.update(
    {
        # Only the remainder has a derivative.
        np.divmod: lambda a, b: (np.floor_divide(values_of(a), values_of(b)), ops.remainder(a, b)),
        # A step; at 0 it is `x2`, and has its derivative.
        np.heaviside: lambda x1, x2: ops.where(
            np.equal(values_of(x1), 0), x2, np.heaviside(values_of(x1), 0.0)
        ),
        np.positive: lambda x: ops.copy(x),
        np.real_if_close: lambda a, tol=100: (
            real(a) if np.isrealobj(np.real_if_close(a.data, tol)) else a
        ),
        # It gives positions if there is nothing to choose from.
        np.where: lambda condition, *choices: (
            ops.where(condition, *choices) if choices else np.where(values_of(condition))
        ),
    }
)
