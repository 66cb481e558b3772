"""Bessel functions of a fixed order, from `scipy.special`."""

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


def bessels(function: np.ufunc, doc: str, letter: str, **entry: Any) -> Primitive:
    """Make a Bessel function an operation, with the letter that mathematics has for it."""

    def compute(v: Any, x: Any) -> Any:
        """Call SciPy, whose functions of order 0 and 1 are exact further out than those of any."""
        if np.ndim(v) or abs(v) not in (0, 1) or function not in _ZERO_AND_ONE:
            return function(v, x)
        y = _ZERO_AND_ONE[function][int(abs(v))](x)
        return -y if v < 0 and function in (special.jv, special.yv) else y

    latex = rf"{letter}_{{{{{{v}}}}}}\left({{x:loose}}\right)"
    entry |= {"domain": {"x": "positive"}, "examples": ORDERS, "jax": ""}
    return with_parameters(function, doc, latex, compute=compute, **entry)


jv = bessels(
    special.jv,
    "Return the Bessel function of the first kind.",
    "J",
    x=lambda g, y, x, v: g * (0.5 * (jv(x, v=v - 1) - jv(x, v=v + 1))),
)

yv = bessels(
    special.yv,
    "Return the Bessel function of the second kind.",
    "Y",
    x=lambda g, y, x, v: g * (0.5 * (yv(x, v=v - 1) - yv(x, v=v + 1))),
)

iv = bessels(
    special.iv,
    "Return the modified Bessel function of the first kind.",
    "I",
    x=lambda g, y, x, v: g * (0.5 * (iv(x, v=v - 1) + iv(x, v=v + 1))),
)

ive = bessels(
    special.ive,
    "Return the modified Bessel function of the first kind, times ``exp(-abs(x))``.",
    r"e^{{-|x|}} I",
    x=lambda g, y, x, v: g * (0.5 * (ive(x, v=v - 1) + ive(x, v=v + 1)) - np.sign(x) * y),
    bends=True,
)

kv = bessels(
    special.kv,
    "Return the modified Bessel function of the second kind.",
    "K",
    x=lambda g, y, x, v: g * (-0.5 * (kv(x, v=v - 1) + kv(x, v=v + 1))),
)

kve = bessels(
    special.kve,
    "Return the modified Bessel function of the second kind, times ``exp(x)``.",
    r"e^{{x}} K",
    x=lambda g, y, x, v: g * (y - 0.5 * (kve(x, v=v - 1) + kve(x, v=v + 1))),
)
