"""Integrals of Gauss's bell curve and their inverses, from `scipy.special`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import primitive
from autograd_lite.ops.entropies import FEW, ONE

_HEIGHT = 2 / math.sqrt(math.pi)
_NORMAL = math.sqrt(2 * math.pi)
_ROOT = math.sqrt(2)


@primitive(
    x=lambda g, y, x: g * (-_HEIGHT * np.exp(-x * x)),
    notation=call("special.erfc"),
    numpy=(special.erfc,),
    compute=special.erfc,
    jax="jax.scipy.special.erfc({x})",
    entrywise=True,
    examples=ONE,
)
def erfc(x: Any) -> Any:
    """Return ``1 - erf(x)``, accurate where that is small."""
    return special.erfc(x)


@primitive(
    x=lambda g, y, x: g * (2 * x * y - _HEIGHT),
    notation=call("special.erfcx"),
    numpy=(special.erfcx,),
    compute=special.erfcx,
    jax="jax.scipy.special.erfcx({x})",
    entrywise=True,
    examples=ONE,
)
def erfcx(x: Any) -> Any:
    """Return ``exp(x**2) * erfc(x)``."""
    return special.erfcx(x)


@primitive(
    x=lambda g, y, x: g * (_HEIGHT * np.exp(x * x)),
    notation=call("special.erfi"),
    numpy=(special.erfi,),
    compute=special.erfi,
    entrywise=True,
    examples=ONE,
)
def erfi(x: Any) -> Any:
    """Error function along the imaginary axis: ``-1j * erf(1j * x)``."""
    return special.erfi(x)


@primitive(
    x=lambda g, y, x: g * (1 - 2 * x * y),
    notation=call("special.dawsn"),
    numpy=(special.dawsn,),
    compute=special.dawsn,
    entrywise=True,
    examples=ONE,
)
def dawsn(x: Any) -> Any:
    """Dawson's integral: ``exp(-x**2)`` times the integral of ``exp(t**2)`` from 0 to x."""
    return special.dawsn(x)


@primitive(
    x=lambda g, y, x: g * (np.exp(y * y) / _HEIGHT),
    notation=call("special.erfinv", r"\mathrm{{erf}}^{{-1}}\left({x:loose}\right)"),
    numpy=(special.erfinv,),
    compute=special.erfinv,
    domain={"x": "probability"},
    jax="jax.scipy.special.erfinv({x})",
    entrywise=True,
    examples=ONE,
)
def erfinv(x: Any) -> Any:
    """Inverse of the error function."""
    return special.erfinv(x)


@primitive(
    x=lambda g, y, x: g * (np.exp(y * y) / -_HEIGHT),
    notation=call("special.erfcinv", r"\mathrm{{erfc}}^{{-1}}\left({x:loose}\right)"),
    numpy=(special.erfcinv,),
    compute=special.erfcinv,
    domain={"x": "probability"},
    entrywise=True,
    examples=FEW,
)
def erfcinv(x: Any) -> Any:
    """Inverse of ``1 - erf(x)``."""
    return special.erfcinv(x)


@primitive(
    x=lambda g, y, x: g * (np.exp(-0.5 * x * x) / _NORMAL),
    notation=call("special.ndtr", r"\Phi\left({x:loose}\right)", text="Φ({x:loose})"),
    numpy=(special.ndtr,),
    compute=special.ndtr,
    jax="jax.scipy.special.ndtr({x})",
    entrywise=True,
    examples=ONE,
)
def ndtr(x: Any) -> Any:
    """Share of the standard normal distribution that lies below `x`."""
    return special.ndtr(x)


@primitive(
    # From there on it is 0 to all digits, and `erfcx` infinite.
    x=lambda g, y, x: (
        g
        * (2 / _NORMAL / special.erfcx(np.minimum(x, 37 if x.dtype.itemsize > 4 else 13) / -_ROOT))
    ),
    notation=call("special.log_ndtr", r"\ln\Phi\left({x:loose}\right)", text="ln Φ({x:loose})"),
    numpy=(special.log_ndtr,),
    compute=special.log_ndtr,
    jax="jax.scipy.special.log_ndtr({x})",
    entrywise=True,
    examples=ONE,
)
def log_ndtr(x: Any) -> Any:
    """Logarithm of `ndtr`, accurate where that underflows."""
    return special.log_ndtr(x)


@primitive(
    x=lambda g, y, x: g * (np.exp(0.5 * y * y) * _NORMAL),
    notation=call("special.ndtri", r"\Phi^{{-1}}\left({x:loose}\right)", text="Φ⁻¹({x:loose})"),
    numpy=(special.ndtri,),
    compute=special.ndtri,
    domain={"x": "probability"},
    jax="jax.scipy.special.ndtri({x})",
    entrywise=True,
    examples=FEW,
)
def ndtri(x: Any) -> Any:
    """Inverse of `ndtr`."""
    return special.ndtri(x)
