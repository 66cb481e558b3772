"""Activations that bend at 0, and the error function, of which a smooth one is made."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_lite.core.notation import PRODUCT, Form, Notation
from autograd_lite.core.primitive import example, primitive


@primitive(
    x=lambda g, y, x, negative_slope: np.where(x > 0, g, negative_slope * g),
    notation=Notation(
        python=Form("np.where({x:tight} > 0, {x:loose}, {negative_slope} * {x:tight})"),
        latex=Form(r"\mathrm{{leaky\ relu}}_{{{negative_slope}}}\left({x:loose}\right)"),
    ),
    domain={"x": "nonzero"},
    entrywise=True,
    examples=(example((2, 3)), example((), negative_slope=0.5), example((0, 3))),
)
def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """Return `x`, times `negative_slope` where it is not positive: also the derivative at 0."""
    return np.where(x > 0, x, negative_slope * x)


@primitive(
    x=lambda g, y, x, alpha: np.where(x > 0, g, g * (y + alpha)),
    notation=Notation(
        python=Form(
            "np.where({x:tight} > 0, {x:loose}, {alpha} * np.expm1(np.minimum({x:loose}, 0)))"
        ),
        latex=Form(r"\mathrm{{elu}}_{{{alpha}}}\left({x:loose}\right)"),
    ),
    domain={"x": "nonzero"},
    entrywise=True,
    examples=(example((2, 3)), example((), alpha=0.5), example((0, 3))),
)
def elu(x: Any, *, alpha: float = 1.0) -> Any:
    """Return `x`, but ``alpha * (exp(x) - 1)`` where it is not positive."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


_erf = np.frompyfunc(math.erf, 1, 1)
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
    jax="jax.scipy.special.erf({x})",
)
def erf(x: Any) -> Any:
    r"""Error function, :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} \, dt`.

    NumPy has none: the printed form integrates, by Gauss and Legendre's rule, which is exact to the
    last digits where the function is not 1.
    """
    return np.asarray(_erf(x), dtype=x.dtype)[()]
