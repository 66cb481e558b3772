"""Trigonometric and hyperbolic functions, and their inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import primitive


def _or_inf(x: Any) -> Any:
    """Replace 0 by infinity, so that a quotient by it is 0."""
    return np.where(x == 0, np.inf, x)


@primitive(
    x=lambda g, y, x: g * np.cos(x),
    numpy=(np.sin,),
    analytic=True,
)
def sin(x: Any) -> Any:
    """Sine of an angle in radians."""
    return np.sin(x)


@primitive(
    x=lambda g, y, x: -g * np.sin(x),
    numpy=(np.cos,),
    analytic=True,
)
def cos(x: Any) -> Any:
    """Cosine of an angle in radians."""
    return np.cos(x)


@primitive(
    x=lambda g, y, x: g * (1 + y * y),
    notation=call("np.tan", r"\tan\left({x:loose}\right)"),
    numpy=(np.tan,),
    domain={"x": "probability"},
    analytic=True,
)
def tan(x: Any) -> Any:
    """Tangent of an angle in radians."""
    return np.tan(x)


@primitive(
    x=lambda g, y, x: g / np.sqrt(1 - x * x),
    notation=call("np.arcsin", r"\arcsin\left({x:loose}\right)"),
    numpy=(np.arcsin,),
    domain={"x": "probability"},
    analytic=True,
)
def arcsin(x: Any) -> Any:
    """Angle, in radians, of a sine."""
    return np.arcsin(x)


@primitive(
    x=lambda g, y, x: -g / np.sqrt(1 - x * x),
    notation=call("np.arccos", r"\arccos\left({x:loose}\right)"),
    numpy=(np.arccos,),
    domain={"x": "probability"},
    analytic=True,
)
def arccos(x: Any) -> Any:
    """Angle, in radians, of a cosine."""
    return np.arccos(x)


@primitive(
    x=lambda g, y, x: g / (1 + x * x),
    notation=call("np.arctan", r"\arctan\left({x:loose}\right)"),
    numpy=(np.arctan,),
    analytic=True,
)
def arctan(x: Any) -> Any:
    """Angle, in radians, of a tangent."""
    return np.arctan(x)


@primitive(
    a=lambda g, y, a, b: g * b / _or_inf(a * a + b * b),
    b=lambda g, y, a, b: -g * a / _or_inf(a * a + b * b),
    numpy=(np.arctan2,),
    domain={"a": "nonzero", "b": "nonzero"},
)
def arctan2(a: Any, b: Any) -> Any:
    """Angle, in radians, of the point ``(b, a)``; at the origin, its derivatives are set to 0."""
    return np.arctan2(a, b)


@primitive(
    a=lambda g, y, a, b: g * (a / _or_inf(y)),
    b=lambda g, y, a, b: g * (b / _or_inf(y)),
    notation=call("np.hypot", r"\sqrt{{{{{a:tight}}}^2 + {{{b:tight}}}^2}}"),
    numpy=(np.hypot,),
    domain={"a": "nonzero", "b": "nonzero"},
)
def hypot(a: Any, b: Any) -> Any:
    """Length of the vector ``(a, b)``; at the origin, its derivatives are set to 0."""
    return np.hypot(a, b)


@primitive(
    x=lambda g, y, x: g * np.cosh(x),
    notation=call("np.sinh", r"\sinh\left({x:loose}\right)"),
    numpy=(np.sinh,),
    analytic=True,
)
def sinh(x: Any) -> Any:
    """Hyperbolic sine."""
    return np.sinh(x)


@primitive(
    x=lambda g, y, x: g * np.sinh(x),
    notation=call("np.cosh", r"\cosh\left({x:loose}\right)"),
    numpy=(np.cosh,),
    analytic=True,
)
def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""
    return np.cosh(x)


@primitive(
    x=lambda g, y, x: g * (1 - y * y),
    numpy=(np.tanh,),
    analytic=True,
)
def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return np.tanh(x)


@primitive(
    x=lambda g, y, x: g / np.sqrt(x * x + 1),
    numpy=(np.arcsinh,),
    analytic=True,
)
def arcsinh(x: Any) -> Any:
    """Inverse of the hyperbolic sine."""
    return np.arcsinh(x)


def _legs(x: Any) -> Any:
    """Return the root of ``x**2 - 1``; of complex numbers, the branch that `arccosh` is on."""
    return np.sqrt(x * x - 1) if x.dtype.kind != "c" else np.sqrt(x - 1) * np.sqrt(x + 1)


@primitive(
    x=lambda g, y, x: g / _legs(x),
    numpy=(np.arccosh,),
    domain={"x": "above one"},
    analytic=True,
)
def arccosh(x: Any) -> Any:
    """Inverse of the hyperbolic cosine, from 1 up."""
    return np.arccosh(x)


@primitive(
    x=lambda g, y, x: g / (1 - x * x),
    numpy=(np.arctanh,),
    domain={"x": "probability"},
    analytic=True,
)
def arctanh(x: Any) -> Any:
    """Inverse of the hyperbolic tangent."""
    return np.arctanh(x)


@primitive(
    x=lambda g, y, x: g * (np.pi / 180),
    numpy=(np.deg2rad, np.radians),
    linear=("x",),
)
def deg2rad(x: Any) -> Any:
    """Degrees to radians."""
    return np.deg2rad(x)


@primitive(
    x=lambda g, y, x: g * (180 / np.pi),
    numpy=(np.rad2deg, np.degrees),
    linear=("x",),
)
def rad2deg(x: Any) -> Any:
    """Radians to degrees."""
    return np.rad2deg(x)


_SINC_SLOPE = [(-1) ** n * 2 * n / math.factorial(2 * n + 1) for n in range(8, 0, -1)]


def _sinc_derivative(x: Any, y: Any) -> Any:
    """Return the derivative of `sinc`; by its series near 0, where the quotient loses its digits.

    The series has no gap at 0, so higher derivatives are right there too.
    """
    near = np.abs(x) < 0.15
    t = np.pi * np.where(near, x, 0.0)
    series = _SINC_SLOPE[0]
    for coefficient in _SINC_SLOPE[1:]:
        series = series * (t * t) + coefficient
    quotient = (np.cos(np.pi * x) - y) / np.where(near, 1.0, x)
    return np.where(near, np.pi * series * t, quotient)


@primitive(
    x=lambda g, y, x: g * _sinc_derivative(x, y),
    numpy=(np.sinc,),
    compute=np.sinc,
    analytic=True,
    entrywise=True,
)
def sinc(x: Any) -> Any:
    """Return ``sin(pi x) / (pi x)``, which is 1 at 0."""
    return np.sinc(x)
