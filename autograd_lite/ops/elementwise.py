"""Roots, absolute values, remainders, and choices between two."""

from typing import Any

import numpy as np

from autograd_lite.core.notation import POWER, Form, Notation, call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.complex_numbers import direction
from autograd_lite.ops.universal import ufunc

sqrt = ufunc(
    np.sqrt,
    "Square root; at 0, where its derivative has no bound, that is taken to be 0.",
    r"\sqrt{{{x:loose}}}",
    text="√({x:loose})",
    x=lambda g, y, x: g * 0.5 / np.where(y == 0, np.inf, y),
    domain={"x": "positive"},
    analytic=True,
)

cbrt = ufunc(
    np.cbrt,
    "Cube root; at 0, where its derivative has no bound, that is taken to be 0.",
    r"\sqrt[3]{{{x:loose}}}",
    text="∛({x:loose})",
    x=lambda g, y, x: g / (3 * np.where(y == 0, np.inf, y * y)),
    machine="np.copysign(np.cbrt({0}), {0})",  # Of -0.0, numba's is 0.0.
    domain={"x": "nonzero"},
)

reciprocal = ufunc(
    np.reciprocal,
    "Divide 1 by it.",
    Form(r"\frac{{1}}{{{x:loose}}}", POWER),
    x=lambda g, y, x: -g * (y * y),
    domain={"x": "nonzero"},
    analytic=True,
)

square = ufunc(
    np.square,
    "Multiply by itself.",
    x=lambda g, y, x: g * (2 * x),
    notation=Notation(
        python=Form("{x:tight} ** 2", POWER),
        latex=Form("{{{x:tight}}}^2", POWER),
        text=Form("{x:tight}²", POWER),
    ),
    analytic=True,
)

absolute = ufunc(
    np.absolute,
    "Absolute value; its derivative at 0 is 0.",
    x=lambda g, y, x: g * direction(x),
    takes_complex=True,
    notation=call("np.abs", r"\left|{x:loose}\right|", text="|{x:loose}|"),
    domain={"x": "nonzero"},
    bends=True,
)

maximum = ufunc(
    np.maximum,
    "Larger of two, elementwise; where they are equal, each gets half of the cotangent.",
    r"\max\left({a:loose}, {b:loose}\right)",
    a=lambda g, y, a, b: g * ((a > b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * ((b > a) + 0.5 * (a == b)),
    bends=True,
)

minimum = ufunc(
    np.minimum,
    "Smaller of two, elementwise; where they are equal, each gets half of the cotangent.",
    r"\min\left({a:loose}, {b:loose}\right)",
    a=lambda g, y, a, b: g * ((a < b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * ((b < a) + 0.5 * (a == b)),
    bends=True,
)

fmax = ufunc(
    np.fmax,
    "Larger of two, or the one that is a number; equal ones get half of the cotangent each.",
    a=lambda g, y, a, b: g * np.where(np.isnan(b), 1.0, (a > b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * np.where(np.isnan(a), 1.0, (b > a) + 0.5 * (a == b)),
    bends=True,
)

fmin = ufunc(
    np.fmin,
    "Smaller of two, or the one that is a number; equal ones get half of the cotangent each.",
    a=lambda g, y, a, b: g * np.where(np.isnan(b), 1.0, (a < b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * np.where(np.isnan(a), 1.0, (b < a) + 0.5 * (a == b)),
    bends=True,
)

copysign = ufunc(
    np.copysign,
    "Give `a` the sign of `b`; its derivative at ``a = 0`` is 0.",
    a=lambda g, y, a, b: g * (np.sign(a) * np.where(np.signbit(b), -1.0, 1.0)),
    b=None,
    domain={"a": "nonzero", "b": "nonzero"},
)

remainder = ufunc(
    np.remainder,
    "Remainder of a division, with the sign of the divisor.",
    r"{a:tight}\ \mathrm{{mod}}\ {b:tight}",
    text="mod({a:loose}, {b:loose})",
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: -g * np.floor(a / b),
    domain={"a": "positive", "b": "above one"},
)

fmod = ufunc(
    np.fmod,
    "Remainder of a division, with the sign of the dividend.",
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: -g * np.trunc(a / b),
    domain={"a": "positive", "b": "above one"},
)


@primitive(
    condition=None,
    # A choice, not a product with 0 or 1: nan * 0 is nan.
    a=lambda g, y, condition, a, b: np.where(condition, g, 0.0),
    b=lambda g, y, condition, a, b: np.where(condition, 0.0, g),
    notation=call(
        "np.where",
        r"\left({a:loose}\ \mathrm{{if}}\ {condition:loose}\ \mathrm{{else}}\ {b:loose}\right)",
    ),
    numpy=(np.where,),
    compute=np.where,
    machine="pick({0}, {1}, {2})",
    domain={"condition": "boolean"},
    analytic=True,
    entrywise=True,
)
def where(condition: Any, a: Any, b: Any) -> Any:
    """Take `a` where `condition` holds, else `b`."""
    return np.where(condition, a, b)


def _inside(x: Any, low: Any, high: Any) -> Any:
    """1 strictly between the bounds, 1/2 on one, 0 outside."""
    above = 1.0 if low is None else (x > low) + 0.5 * (x == low)
    below = 1.0 if high is None else (x < high) + 0.5 * (x == high)
    return above * below


@primitive(
    x=lambda g, y, x, low, high: g * _inside(x, low, high),
    notation=Notation(
        python=Form("np.clip({x:loose}, {low}, {high})"),
        latex=Form(r"\mathrm{{clip}}\left({x:loose}, {low}, {high}\right)"),
        text=Form("clip({x:loose}, {low}, {high})"),
    ),
    entrywise=True,
    examples=(
        example((2, 3), low=-0.3, high=0.4),
        example((2, 3), low=None, high=0.4),
        example((), low=-0.3, high=None),
    ),
)
def clip(x: Any, *, low: Any, high: Any) -> Any:
    """Keep between two bounds; the derivative on a bound is 1/2, as for `maximum` at a tie."""
    return np.clip(x, low, high)
