"""Trigonometric and hyperbolic functions, and their inverses."""

import math
from typing import Any

import numpy as np

from autograd_lite.core.primitive import primitive
from autograd_lite.ops.universal import ufunc


def _or_inf(x: Any) -> Any:
    """Replace 0 by infinity, so that a quotient by it is 0."""
    return np.where(x == 0, np.inf, x)


sin = ufunc(
    np.sin,
    "Sine of an angle in radians.",
    x=lambda g, y, x: g * np.cos(x),
    analytic=True,
)

cos = ufunc(
    np.cos,
    "Cosine of an angle in radians.",
    x=lambda g, y, x: -g * np.sin(x),
    analytic=True,
)

tan = ufunc(
    np.tan,
    "Tangent of an angle in radians.",
    r"\tan\left({x:loose}\right)",
    x=lambda g, y, x: g * (1 + y * y),
    domain={"x": "probability"},
    analytic=True,
)

arcsin = ufunc(
    np.arcsin,
    "Angle, in radians, of a sine.",
    r"\arcsin\left({x:loose}\right)",
    x=lambda g, y, x: g / np.sqrt(1 - x * x),
    domain={"x": "probability"},
    analytic=True,
)

arccos = ufunc(
    np.arccos,
    "Angle, in radians, of a cosine.",
    r"\arccos\left({x:loose}\right)",
    x=lambda g, y, x: -g / np.sqrt(1 - x * x),
    domain={"x": "probability"},
    analytic=True,
)

arctan = ufunc(
    np.arctan,
    "Angle, in radians, of a tangent.",
    r"\arctan\left({x:loose}\right)",
    x=lambda g, y, x: g / (1 + x * x),
    analytic=True,
)

arctan2 = ufunc(
    np.arctan2,
    "Angle, in radians, of the point ``(b, a)``; at the origin, its derivatives are set to 0.",
    a=lambda g, y, a, b: g * b / _or_inf(a * a + b * b),
    b=lambda g, y, a, b: -g * a / _or_inf(a * a + b * b),
    domain={"a": "nonzero", "b": "nonzero"},
)

hypot = ufunc(
    np.hypot,
    "Length of the vector ``(a, b)``; at the origin, its derivatives are set to 0.",
    r"\sqrt{{{{{a:tight}}}^2 + {{{b:tight}}}^2}}",
    a=lambda g, y, a, b: g * (a / _or_inf(y)),
    b=lambda g, y, a, b: g * (b / _or_inf(y)),
    domain={"a": "nonzero", "b": "nonzero"},
)

sinh = ufunc(
    np.sinh,
    "Hyperbolic sine.",
    r"\sinh\left({x:loose}\right)",
    x=lambda g, y, x: g * np.cosh(x),
    analytic=True,
)

cosh = ufunc(
    np.cosh,
    "Hyperbolic cosine.",
    r"\cosh\left({x:loose}\right)",
    x=lambda g, y, x: g * np.sinh(x),
    analytic=True,
)

tanh = ufunc(
    np.tanh,
    "Hyperbolic tangent.",
    x=lambda g, y, x: g * (1 - y * y),
    analytic=True,
)

arcsinh = ufunc(
    np.arcsinh,
    "Inverse of the hyperbolic sine.",
    x=lambda g, y, x: g / np.sqrt(x * x + 1),
    analytic=True,
)


def _legs(x: Any) -> Any:
    """Return the root of ``x**2 - 1``; of complex numbers, the branch that `arccosh` is on."""
    return np.sqrt(x * x - 1) if x.dtype.kind != "c" else np.sqrt(x - 1) * np.sqrt(x + 1)


arccosh = ufunc(
    np.arccosh,
    "Inverse of the hyperbolic cosine, from 1 up.",
    x=lambda g, y, x: g / _legs(x),
    domain={"x": "above one"},
    analytic=True,
)

arctanh = ufunc(
    np.arctanh,
    "Inverse of the hyperbolic tangent.",
    x=lambda g, y, x: g / (1 - x * x),
    domain={"x": "probability"},
    analytic=True,
)

deg2rad = ufunc(
    np.deg2rad,
    "Degrees to radians.",
    x=lambda g, y, x: g * (np.pi / 180),
    numpy=(np.deg2rad, np.radians),
    linear=("x",),
)

rad2deg = ufunc(
    np.rad2deg,
    "Radians to degrees.",
    x=lambda g, y, x: g * (180 / np.pi),
    numpy=(np.rad2deg, np.degrees),
    linear=("x",),
)


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
