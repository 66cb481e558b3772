"""Complex numbers on the way from real parameters to a real result: parts, conjugates, angles.

The cotangent of ``z = x + 1j * y`` is the derivative of the result by `x`, minus 1j times that by
`y`. Then the rules of analytic functions are those for real numbers; these here have their own.
`real` is in the core, which needs it where complex cotangents arrive at real numbers.
"""

import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.universal import ufunc


@primitive(
    x=lambda g, y, x: -1j * g,
    notation=call("np.imag", r"\mathrm{{Im}}\left({x:loose}\right)"),
    entrywise=True,
    linear=("x",),
    takes_complex=True,
)
def imag(x: Any) -> Any:
    """Imaginary part of complex numbers."""
    return x.imag


conjugate = ufunc(
    np.conjugate,
    "Change the sign of the imaginary part.",
    x=lambda g, y, x: np.conjugate(g),
    notation=call("np.conj", r"\overline{{{x:loose}}}"),
    linear=("x",),
    takes_complex=True,
)


@primitive(
    # dx / x is how much it grows, and how far it turns.
    x=lambda g, y, x, deg: -1j * (180 / math.pi if deg else 1) * g / np.where(x == 0, np.inf, x),
    notation=call("np.angle", r"\mathrm{{arg}}\left({x:loose}\right)"),
    numpy=(np.angle,),
    domain={"x": "nonzero"},
    entrywise=True,
    takes_complex=True,
    examples=(example((2, 3)), example((), deg=True)),
)
def angle(x: Any, *, deg: bool = False) -> Any:
    """Angle of complex numbers, in radians or degrees; at 0, its derivative is set to 0."""
    return np.angle(x, deg)


def direction(x: Any) -> Any:
    """Return the derivative of ``abs(x)``: the sign, or of a complex number its conjugate.

    0 at 0.
    """
    if x.dtype.kind != "c":
        return np.sign(x)
    size = np.abs(x)
    return np.conjugate(x) / np.where(size == 0, np.inf, size)


def mirrored(x: Any) -> Any:
    """Return the conjugate of complex numbers, and real ones as they are."""
    return np.conjugate(x) if x.dtype.kind == "c" else x
