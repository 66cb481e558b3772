"""Integrals of Gauss's bell curve and their inverses, from `scipy.special`."""

import math

import numpy as np
from scipy import special

from autograd_lite.ops.entropies import FEW, scipys

_HEIGHT = 2 / math.sqrt(math.pi)
_NORMAL = math.sqrt(2 * math.pi)
_ROOT = math.sqrt(2)


erfc = scipys(
    special.erfc,
    "Return ``1 - erf(x)``, accurate where that is small.",
    x=lambda g, y, x: g * (-_HEIGHT * np.exp(-x * x)),
)

erfcx = scipys(
    special.erfcx,
    "Return ``exp(x**2) * erfc(x)``.",
    x=lambda g, y, x: g * (2 * x * y - _HEIGHT),
)

erfi = scipys(
    special.erfi,
    "Error function along the imaginary axis: ``-1j * erf(1j * x)``.",
    x=lambda g, y, x: g * (_HEIGHT * np.exp(x * x)),
    jax="",
)

dawsn = scipys(
    special.dawsn,
    "Dawson's integral: ``exp(-x**2)`` times the integral of ``exp(t**2)`` from 0 to x.",
    x=lambda g, y, x: g * (1 - 2 * x * y),
    jax="",
)

erfinv = scipys(
    special.erfinv,
    "Inverse of the error function.",
    r"\mathrm{{erf}}^{{-1}}\left({x:loose}\right)",
    x=lambda g, y, x: g * (np.exp(y * y) / _HEIGHT),
    domain={"x": "probability"},
)

erfcinv = scipys(
    special.erfcinv,
    "Inverse of ``1 - erf(x)``.",
    r"\mathrm{{erfc}}^{{-1}}\left({x:loose}\right)",
    x=lambda g, y, x: g * (np.exp(y * y) / -_HEIGHT),
    domain={"x": "probability"},
    examples=FEW,
    jax="",
)

ndtr = scipys(
    special.ndtr,
    "Share of the standard normal distribution that lies below `x`.",
    r"\Phi\left({x:loose}\right)",
    text="Φ({x:loose})",
    x=lambda g, y, x: g * (np.exp(-0.5 * x * x) / _NORMAL),
)

log_ndtr = scipys(
    special.log_ndtr,
    "Logarithm of `ndtr`, accurate where that underflows.",
    r"\ln\Phi\left({x:loose}\right)",
    text="ln Φ({x:loose})",
    # From there on it is 0 to all digits, and `erfcx` infinite.
    x=lambda g, y, x: (
        g
        * (2 / _NORMAL / special.erfcx(np.minimum(x, 37 if x.dtype.itemsize > 4 else 13) / -_ROOT))
    ),
)

ndtri = scipys(
    special.ndtri,
    "Inverse of `ndtr`.",
    r"\Phi^{{-1}}\left({x:loose}\right)",
    text="Φ⁻¹({x:loose})",
    x=lambda g, y, x: g * (np.exp(0.5 * y * y) * _NORMAL),
    domain={"x": "probability"},
    examples=FEW,
)
