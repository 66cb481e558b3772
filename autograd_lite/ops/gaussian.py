"""Integrals of Gauss's bell curve and their inverses, from `scipy.special`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from autograd_lite.ops.entropies import FEW, scipys

_HEIGHT = 2 / math.sqrt(math.pi)
_NORMAL = math.sqrt(2 * math.pi)
_ROOT = math.sqrt(2)


@scipys(special.erfc, x=lambda g, y, x: g * (-_HEIGHT * np.exp(-x * x)))
def erfc(x: Any) -> Any:
    """Return ``1 - erf(x)``, accurate where that is small."""
    return special.erfc(x)


@scipys(special.erfcx, x=lambda g, y, x: g * (2 * x * y - _HEIGHT))
def erfcx(x: Any) -> Any:
    """Return ``exp(x**2) * erfc(x)``."""
    return special.erfcx(x)


@scipys(special.erfi, x=lambda g, y, x: g * (_HEIGHT * np.exp(x * x)), jax="")
def erfi(x: Any) -> Any:
    """Error function along the imaginary axis: ``-1j * erf(1j * x)``."""
    return special.erfi(x)


@scipys(special.dawsn, x=lambda g, y, x: g * (1 - 2 * x * y), jax="")
def dawsn(x: Any) -> Any:
    """Dawson's integral: ``exp(-x**2)`` times the integral of ``exp(t**2)`` from 0 to x."""
    return special.dawsn(x)


@scipys(
    special.erfinv,
    r"\mathrm{{erf}}^{{-1}}\left({x:loose}\right)",
    x=lambda g, y, x: g * (np.exp(y * y) / _HEIGHT),
    domain={"x": "probability"},
)
def erfinv(x: Any) -> Any:
    """Inverse of the error function."""
    return special.erfinv(x)


@scipys(
    special.erfcinv,
    r"\mathrm{{erfc}}^{{-1}}\left({x:loose}\right)",
    x=lambda g, y, x: g * (np.exp(y * y) / -_HEIGHT),
    domain={"x": "probability"},
    examples=FEW,
    jax="",
)
def erfcinv(x: Any) -> Any:
    """Inverse of ``1 - erf(x)``."""
    return special.erfcinv(x)


@scipys(
    special.ndtr,
    r"\Phi\left({x:loose}\right)",
    text="Φ({x:loose})",
    x=lambda g, y, x: g * (np.exp(-0.5 * x * x) / _NORMAL),
)
def ndtr(x: Any) -> Any:
    """Share of the standard normal distribution that lies below `x`."""
    return special.ndtr(x)


@scipys(
    special.log_ndtr,
    r"\ln\Phi\left({x:loose}\right)",
    text="ln Φ({x:loose})",
    # From there on it is 0 to all digits, and `erfcx` infinite.
    x=lambda g, y, x: (
        g
        * (2 / _NORMAL / special.erfcx(np.minimum(x, 37 if x.dtype.itemsize > 4 else 13) / -_ROOT))
    ),
)
def log_ndtr(x: Any) -> Any:
    """Logarithm of `ndtr`, accurate where that underflows."""
    return special.log_ndtr(x)


@scipys(
    special.ndtri,
    r"\Phi^{{-1}}\left({x:loose}\right)",
    text="Φ⁻¹({x:loose})",
    x=lambda g, y, x: g * (np.exp(0.5 * y * y) * _NORMAL),
    domain={"x": "probability"},
    examples=FEW,
)
def ndtri(x: Any) -> Any:
    """Inverse of `ndtr`."""
    return special.ndtri(x)
