"""Roots, absolute values, remainders, and choices between two."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.core.notation import POWER, Form, Notation, call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.complex_numbers import direction


@primitive(
    x=lambda g, y, x: g * 0.5 / np.where(y == 0, np.inf, y),
    notation=call("np.sqrt", r"\sqrt{{{x:loose}}}", text="√({x:loose})"),
    numpy=(np.sqrt,),
    domain={"x": "positive"},
    analytic=True,
)
def sqrt(x: Any) -> Any:
    """Square root; at 0, where its derivative has no bound, that is taken to be 0."""
    return np.sqrt(x)


@primitive(
    x=lambda g, y, x: g / (3 * np.where(y == 0, np.inf, y * y)),
    notation=call("np.cbrt", r"\sqrt[3]{{{x:loose}}}", text="∛({x:loose})"),
    numpy=(np.cbrt,),
    machine="np.copysign(np.cbrt({0}), {0})",  # Of -0.0, numba's is 0.0.
    domain={"x": "nonzero"},
)
def cbrt(x: Any) -> Any:
    """Cube root; at 0, where its derivative has no bound, that is taken to be 0."""
    return np.cbrt(x)


@primitive(
    x=lambda g, y, x: -g * (y * y),
    notation=call("np.reciprocal", Form(r"\frac{{1}}{{{x:loose}}}", POWER)),
    numpy=(np.reciprocal,),
    domain={"x": "nonzero"},
    analytic=True,
)
def reciprocal(x: Any) -> Any:
    """Divide 1 by it."""
    return np.reciprocal(x)


@primitive(
    x=lambda g, y, x: g * (2 * x),
    notation=Notation(
        python=Form("{x:tight} ** 2", POWER),
        latex=Form("{{{x:tight}}}^2", POWER),
        text=Form("{x:tight}²", POWER),
    ),
    numpy=(np.square,),
    analytic=True,
)
def square(x: Any) -> Any:
    """Multiply by itself."""
    return np.square(x)


@primitive(
    x=lambda g, y, x: g * direction(x),
    takes_complex=True,
    notation=call("np.abs", r"\left|{x:loose}\right|", text="|{x:loose}|"),
    numpy=(np.absolute,),
    domain={"x": "nonzero"},
    bends=True,
)
def absolute(x: Any) -> Any:
    """Absolute value; its derivative at 0 is 0."""
    return np.abs(x)


@primitive(
    a=lambda g, y, a, b: g * ((a > b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * ((b > a) + 0.5 * (a == b)),
    notation=call("np.maximum", r"\max\left({a:loose}, {b:loose}\right)"),
    numpy=(np.maximum,),
    bends=True,
)
def maximum(a: Any, b: Any) -> Any:
    """Larger of two, elementwise; where they are equal, each gets half of the cotangent."""
    return np.maximum(a, b)


@primitive(
    a=lambda g, y, a, b: g * ((a < b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * ((b < a) + 0.5 * (a == b)),
    notation=call("np.minimum", r"\min\left({a:loose}, {b:loose}\right)"),
    numpy=(np.minimum,),
    bends=True,
)
def minimum(a: Any, b: Any) -> Any:
    """Smaller of two, elementwise; where they are equal, each gets half of the cotangent."""
    return np.minimum(a, b)


@primitive(
    a=lambda g, y, a, b: g * np.where(np.isnan(b), 1.0, (a > b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * np.where(np.isnan(a), 1.0, (b > a) + 0.5 * (a == b)),
    numpy=(np.fmax,),
    bends=True,
)
def fmax(a: Any, b: Any) -> Any:
    """Larger of two, or the one that is a number; equal ones get half of the cotangent each."""
    return np.fmax(a, b)


@primitive(
    a=lambda g, y, a, b: g * np.where(np.isnan(b), 1.0, (a < b) + 0.5 * (a == b)),
    b=lambda g, y, a, b: g * np.where(np.isnan(a), 1.0, (b < a) + 0.5 * (a == b)),
    numpy=(np.fmin,),
    bends=True,
)
def fmin(a: Any, b: Any) -> Any:
    """Smaller of two, or the one that is a number; equal ones get half of the cotangent each."""
    return np.fmin(a, b)


@primitive(
    a=lambda g, y, a, b: g * (np.sign(a) * np.where(np.signbit(b), -1.0, 1.0)),
    b=None,
    numpy=(np.copysign,),
    domain={"a": "nonzero", "b": "nonzero"},
)
def copysign(a: Any, b: Any) -> Any:
    """Give `a` the sign of `b`; its derivative at ``a = 0`` is 0."""
    return np.copysign(a, b)


@primitive(
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: -g * np.floor(a / b),
    notation=call(
        "np.remainder", r"{a:tight}\ \mathrm{{mod}}\ {b:tight}", text="mod({a:loose}, {b:loose})"
    ),
    numpy=(np.remainder,),
    domain={"a": "positive", "b": "above one"},
)
def remainder(a: Any, b: Any) -> Any:
    """Remainder of a division, with the sign of the divisor."""
    return np.remainder(a, b)


@primitive(
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: -g * np.trunc(a / b),
    numpy=(np.fmod,),
    domain={"a": "positive", "b": "above one"},
)
def fmod(a: Any, b: Any) -> Any:
    """Remainder of a division, with the sign of the dividend."""
    return np.fmod(a, b)


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
