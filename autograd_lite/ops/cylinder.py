"""Bessel functions of a fixed order, from `scipy.special`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from autograd_lite.core.primitive import Primitive, example
from autograd_lite.ops.entropies import with_parameters

ORDERS = (example((2, 3), v=0), example((), v=1.5))

_ZERO_AND_ONE = {
    special.jv: (special.j0, special.j1),
    special.yv: (special.y0, special.y1),
    special.ive: (special.i0e, special.i1e),
    special.kve: (special.k0e, special.k1e),
}


def _of_order(function: Any, v: Any, x: Any) -> Any:
    """Call SciPy, whose functions of order 0 and 1 are exact further out than those of any."""
    if np.ndim(v) or abs(v) not in (0, 1):
        return function(v, x)
    y = _ZERO_AND_ONE[function][int(abs(v))](x)
    return -y if v < 0 and function in (special.jv, special.yv) else y


def bessels(letter: str, **entry: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """Define a Bessel function, by the letter that mathematics has for it."""
    latex = rf"{letter}_{{{{{{v}}}}}}\left({{x:loose}}\right)"
    return with_parameters(latex, domain={"x": "positive"}, examples=ORDERS, jax="", **entry)


def _jv(x: Any, v: Any) -> Any:
    return 0.5 * (jv(x, v=v - 1) - jv(x, v=v + 1))


@bessels("J", x=lambda g, y, x, v: g * _jv(x, v))
def jv(x: Any, *, v: Any) -> Any:
    """Return the Bessel function of the first kind."""
    return _of_order(special.jv, v, x)


def _yv(x: Any, v: Any) -> Any:
    return 0.5 * (yv(x, v=v - 1) - yv(x, v=v + 1))


@bessels("Y", x=lambda g, y, x, v: g * _yv(x, v))
def yv(x: Any, *, v: Any) -> Any:
    """Return the Bessel function of the second kind."""
    return _of_order(special.yv, v, x)


def _iv(x: Any, v: Any) -> Any:
    return 0.5 * (iv(x, v=v - 1) + iv(x, v=v + 1))


@bessels("I", x=lambda g, y, x, v: g * _iv(x, v))
def iv(x: Any, *, v: Any) -> Any:
    """Return the modified Bessel function of the first kind."""
    return special.iv(v, x)


def _ive(y: Any, x: Any, v: Any) -> Any:
    return 0.5 * (ive(x, v=v - 1) + ive(x, v=v + 1)) - np.sign(x) * y


@bessels(r"e^{{-|x|}} I", x=lambda g, y, x, v: g * _ive(y, x, v), bends=True)
def ive(x: Any, *, v: Any) -> Any:
    """Return the modified Bessel function of the first kind, times ``exp(-abs(x))``."""
    return _of_order(special.ive, v, x)


def _kv(x: Any, v: Any) -> Any:
    return -0.5 * (kv(x, v=v - 1) + kv(x, v=v + 1))


@bessels("K", x=lambda g, y, x, v: g * _kv(x, v))
def kv(x: Any, *, v: Any) -> Any:
    """Return the modified Bessel function of the second kind."""
    return special.kv(v, x)


def _kve(y: Any, x: Any, v: Any) -> Any:
    return y - 0.5 * (kve(x, v=v - 1) + kve(x, v=v + 1))


@bessels(r"e^{{x}} K", x=lambda g, y, x, v: g * _kve(y, x, v))
def kve(x: Any, *, v: Any) -> Any:
    """Return the modified Bessel function of the second kind, times ``exp(x)``."""
    return _of_order(special.kve, v, x)
