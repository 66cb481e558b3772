"""Exponentials, logarithms, and the Bessel function that is their mean over a circle."""

import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import POWER, SUM, Form, Notation, call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.universal import ufunc


def _finite(y: Any) -> Any:
    """Replace the logarithm of 0, so that a difference with it is not nan."""
    return np.where(y == -np.inf, 0, y)


exp = ufunc(
    np.exp,
    "Exponential function.",
    Form(r"e^{{{x:loose}}}", POWER),
    x=lambda g, y, x: g * y,
    analytic=True,
)

exp2 = ufunc(
    np.exp2,
    "Raise 2 to a power.",
    Form(r"2^{{{x:loose}}}", POWER),
    x=lambda g, y, x: g * (y * math.log(2)),
    analytic=True,
)

expm1 = ufunc(
    np.expm1,
    "Return ``exp(x) - 1``, accurate near 0.",
    Form(r"e^{{{x:loose}}} - 1", SUM),
    x=lambda g, y, x: g * np.exp(x),  # y + 1 has no digit left where y is near -1.
    analytic=True,
)

log = ufunc(
    np.log,
    "Natural logarithm.",
    r"\ln\left({x:loose}\right)",
    text="ln({x:loose})",
    picture="log({x:loose})",
    x=lambda g, y, x: g / x,
    domain={"x": "positive"},
    analytic=True,
)

log2 = ufunc(
    np.log2,
    "Logarithm to base 2.",
    r"\log_2\left({x:loose}\right)",
    x=lambda g, y, x: g / (x * math.log(2)),
    domain={"x": "positive"},
    analytic=True,
)

log10 = ufunc(
    np.log10,
    "Logarithm to base 10.",
    r"\log_{{10}}\left({x:loose}\right)",
    x=lambda g, y, x: g / (x * math.log(10)),
    domain={"x": "positive"},
    analytic=True,
)

log1p = ufunc(
    np.log1p,
    "Return ``log(1 + x)``, accurate near 0.",
    r"\ln\left(1 + {x:loose}\right)",
    x=lambda g, y, x: g / (1 + x),
    domain={"x": "positive"},
    analytic=True,
)

logaddexp = ufunc(
    np.logaddexp,
    "Return ``log(exp(a) + exp(b))`` without overflow.",
    r"\ln\left(e^{{{a:loose}}} + e^{{{b:loose}}}\right)",
    a=lambda g, y, a, b: g * np.exp(a - _finite(y)),
    b=lambda g, y, a, b: g * np.exp(b - _finite(y)),
)

logaddexp2 = ufunc(
    np.logaddexp2,
    "Return ``log2(2**a + 2**b)`` without overflow.",
    r"\log_2\left(2^{{{a:loose}}} + 2^{{{b:loose}}}\right)",
    a=lambda g, y, a, b: g * np.exp2(a - _finite(y)),
    b=lambda g, y, a, b: g * np.exp2(b - _finite(y)),
)


# The integrand is periodic, so the midpoint rule converges exponentially: with 128 points it is
# exact to the last digits for all x whose exponential does not overflow.
_ANGLES = (np.arange(128) + 0.5) * (np.pi / 128)
_T = "(np.arange(128) + 0.5) * (np.pi / 128)"


@primitive(
    x=lambda g, y, x, order: g * (0.5 * (bessel(x, order=order - 1) + bessel(x, order=order + 1))),
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
