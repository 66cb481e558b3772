"""Exponentials, logarithms, and the Bessel function that is their mean over a circle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import POWER, SUM, Form, Notation, call
from autograd_lite.core.primitive import example, primitive


def _finite(y: Any) -> Any:
    """Replace the logarithm of 0, so that a difference with it is not nan."""
    return np.where(y == -np.inf, 0, y)


@primitive(
    x=lambda g, y, x: g * y,
    notation=call("np.exp", Form(r"e^{{{x:loose}}}", POWER)),
    numpy=(np.exp,),
    analytic=True,
)
def exp(x: Any) -> Any:
    """Exponential function."""
    return np.exp(x)


@primitive(
    x=lambda g, y, x: g * (y * math.log(2)),
    notation=call("np.exp2", Form(r"2^{{{x:loose}}}", POWER)),
    numpy=(np.exp2,),
    analytic=True,
)
def exp2(x: Any) -> Any:
    """Raise 2 to a power."""
    return np.exp2(x)


@primitive(
    x=lambda g, y, x: g * np.exp(x),  # y + 1 has no digit left where y is near -1.
    notation=call("np.expm1", Form(r"e^{{{x:loose}}} - 1", SUM)),
    numpy=(np.expm1,),
    analytic=True,
)
def expm1(x: Any) -> Any:
    """Return ``exp(x) - 1``, accurate near 0."""
    return np.expm1(x)


@primitive(
    x=lambda g, y, x: g / x,
    notation=call(
        "np.log", r"\ln\left({x:loose}\right)", text="ln({x:loose})", picture="log({x:loose})"
    ),
    numpy=(np.log,),
    domain={"x": "positive"},
    analytic=True,
)
def log(x: Any) -> Any:
    """Natural logarithm."""
    return np.log(x)


@primitive(
    x=lambda g, y, x: g / (x * math.log(2)),
    notation=call("np.log2", r"\log_2\left({x:loose}\right)"),
    numpy=(np.log2,),
    domain={"x": "positive"},
    analytic=True,
)
def log2(x: Any) -> Any:
    """Logarithm to base 2."""
    return np.log2(x)


@primitive(
    x=lambda g, y, x: g / (x * math.log(10)),
    notation=call("np.log10", r"\log_{{10}}\left({x:loose}\right)"),
    numpy=(np.log10,),
    domain={"x": "positive"},
    analytic=True,
)
def log10(x: Any) -> Any:
    """Logarithm to base 10."""
    return np.log10(x)


@primitive(
    x=lambda g, y, x: g / (1 + x),
    notation=call("np.log1p", r"\ln\left(1 + {x:loose}\right)"),
    numpy=(np.log1p,),
    domain={"x": "positive"},
    analytic=True,
)
def log1p(x: Any) -> Any:
    """Return ``log(1 + x)``, accurate near 0."""
    return np.log1p(x)


@primitive(
    a=lambda g, y, a, b: g * np.exp(a - _finite(y)),
    b=lambda g, y, a, b: g * np.exp(b - _finite(y)),
    notation=call("np.logaddexp", r"\ln\left(e^{{{a:loose}}} + e^{{{b:loose}}}\right)"),
    numpy=(np.logaddexp,),
)
def logaddexp(a: Any, b: Any) -> Any:
    """Return ``log(exp(a) + exp(b))`` without overflow."""
    return np.logaddexp(a, b)


@primitive(
    a=lambda g, y, a, b: g * np.exp2(a - _finite(y)),
    b=lambda g, y, a, b: g * np.exp2(b - _finite(y)),
    notation=call("np.logaddexp2", r"\log_2\left(2^{{{a:loose}}} + 2^{{{b:loose}}}\right)"),
    numpy=(np.logaddexp2,),
)
def logaddexp2(a: Any, b: Any) -> Any:
    """Return ``log2(2**a + 2**b)`` without overflow."""
    return np.logaddexp2(a, b)


# The integrand is periodic, so the midpoint rule converges exponentially: with 128 points it is
# exact to the last digits for all x whose exponential does not overflow.
_ANGLES = (np.arange(128) + 0.5) * (np.pi / 128)
_T = "(np.arange(128) + 0.5) * (np.pi / 128)"


def _bessel_derivative(x: Any, order: int) -> Any:
    return 0.5 * (bessel(x, order=order - 1) + bessel(x, order=order + 1))


@primitive(
    x=lambda g, y, x, order: g * _bessel_derivative(x, order),
    notation=Notation(
        python=Form(
            f"np.mean(np.exp(np.multiply.outer({{x:loose}}, np.cos({_T}))) * "
            f"np.cos({{order}} * {_T}), axis=-1)"
        ),
        latex=Form(r"I_{{{order}}}\left({x:loose}\right)"),
    ),
    entrywise=True,
    examples=(example((2, 3), order=1), example((), order=-2)),
)
def bessel(x: Any, *, order: int) -> Any:
    """Average ``exp(x cos t) cos(order t)``: the modified Bessel function of integer order."""
    waves = np.exp(np.expand_dims(x, -1) * np.cos(_ANGLES)) * np.cos(order * _ANGLES)
    return waves.mean(axis=-1).astype(x.dtype)


@primitive(
    x=lambda g, y, x: g * bessel(x, order=1),
    notation=call("np.i0", r"I_0\left({x:loose}\right)"),
    numpy=(np.i0,),
    jax="jax.scipy.special.i0({x})",
    entrywise=True,
)
def i0(x: Any) -> Any:
    """Evaluate the modified Bessel function of the first kind, of order 0."""
    return np.i0(x).reshape(x.shape).astype(x.dtype)
