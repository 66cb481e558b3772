"""Activations that bend at 0, and the error function, of which a smooth one is made."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import PRODUCT, Form, Notation
from autograd_lite.core.primitive import example, primitive


@primitive(
    x=lambda g, y, x, negative_slope: np.where(x > 0, g, negative_slope * g),
    notation=Notation(
        python=Form("np.where({x:sum} > 0, {x:loose}, {negative_slope} * {x:factor})"),
        latex=Form(r"\mathrm{{leaky\ relu}}_{{{negative_slope}}}\left({x:loose}\right)"),
    ),
    domain={"x": "nonzero"},
    entrywise=True,
    bends=True,
    examples=(example((2, 3)), example((), negative_slope=0.5), example((0, 3))),
)
def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """Return `x`, times `negative_slope` where it is not positive: also the derivative at 0."""
    return np.where(x > 0, x, negative_slope * x)


@primitive(
    x=lambda g, y, x, alpha: np.where(x > 0, g, g * (y + alpha)),
    notation=Notation(
        python=Form(
            "np.where({x:sum} > 0, {x:loose}, {alpha} * np.expm1(np.minimum({x:loose}, 0)))"
        ),
        latex=Form(r"\mathrm{{elu}}_{{{alpha}}}\left({x:loose}\right)"),
    ),
    domain={"x": "nonzero"},
    entrywise=True,
    bends=True,
    examples=(example((2, 3)), example((), alpha=0.5), example((0, 3))),
)
def elu(x: Any, *, alpha: float = 1.0) -> Any:
    """Return `x`, but ``alpha * (exp(x) - 1)`` where it is not positive."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


_POINTS = 32  # How many for each unit of x.


@functools.cache
def _erf_series(order: int, dtype: Any) -> Any:
    """Return the Taylor coefficients of the error function, of each order, at points up to 6."""
    x = np.arange(-6 * _POINTS, 6 * _POINTS + 1) / _POINTS
    rows = [np.array([math.erf(point) for point in x])]
    before, now = np.zeros_like(x), 2 / math.sqrt(math.pi) * np.exp(-x * x)  # Of the derivative,
    for k in range(order):  # which is u with u' = -2 x u.
        rows.append(now / (k + 1))
        before, now = now, -2 * (x * now + before) / (k + 1)
    return np.array(rows, dtype)


_RULE = "np.polynomial.legendre.leggauss(64)"
_CLIPPED = "np.clip({x:loose}, -6, 6)"


@primitive(
    x=lambda g, y, x: g * (2 / math.sqrt(math.pi) * np.exp(-x * x)),
    notation=Notation(
        python=Form(
            f"{_CLIPPED} * (np.exp(-np.multiply.outer({_CLIPPED}, {_RULE}[0]) ** 2) @ {_RULE}[1]) "
            "/ np.sqrt(np.pi)",
            PRODUCT,
        ),
        latex=Form(r"\mathrm{{erf}}\left({x:loose}\right)"),
    ),
    entrywise=True,
    whole=True,
    machine="math.erf({0}) + {zero}",  # Ours gives no -0.0.
    jax="jax.scipy.special.erf({x})",
)
def erf(x: Any) -> Any:
    r"""Error function, :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} \, dt`.

    NumPy has none: this is a Taylor series around the nearest of many points, right to two units in
    the last place. The printed form integrates, by Gauss and Legendre's rule, which is exact to the
    last digits where the function is not 1.
    """
    order, dtype = (3, np.float32) if x.dtype in (np.float16, np.float32) else (8, np.float64)
    rows = _erf_series(order, dtype)[::-1]  # From the highest power down.
    step = np.clip(x, -6, 6).astype(dtype) * dtype(_POINTS)
    nearest = np.rint(step)
    with np.errstate(invalid="ignore"):  # Of nan, whose steps are nan as well.
        at = nearest.astype(np.intp) + 6 * _POINTS
    step = (step - nearest) / dtype(_POINTS)
    y = np.zeros_like(step)
    for row in rows:
        y = y * step + np.take(row, at, mode="clip")
    return y.astype(x.dtype if x.dtype.kind == "f" else float)
