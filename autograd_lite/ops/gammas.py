"""The gamma and beta functions and their relatives, from `scipy.special`.

The parameters of incomplete ones are static: their derivatives have no closed form.
"""

from typing import Any

import numpy as np
from scipy import special

from autograd_lite.core.primitive import example
from autograd_lite.ops.entropies import scipys, with_parameters, xlog1py, xlogy

SHAPES = ((2, 3), ())


polygamma = with_parameters(
    special.polygamma,
    "Return the derivative of order `n` of `digamma`.",
    r"\psi^{{({n})}}\left({x:loose}\right)",
    compute=lambda n, x: special.polygamma(n, x)[()],
    x=lambda g, y, x, n: g * polygamma(x, n=n + 1),
    domain={"x": "positive"},
    examples=tuple(example(shape, n=n) for shape, n in zip(SHAPES, (1, 3), strict=True)),
)

digamma = scipys(
    special.digamma,
    "Return the derivative of the logarithm of the gamma function.",
    r"\psi\left({x:loose}\right)",
    name="digamma",
    text="ψ({x:loose})",
    x=lambda g, y, x: g * polygamma(x, n=1),
    domain={"x": "positive"},
)

gamma = scipys(
    special.gamma,
    "Gamma function: the factorial of ``x - 1``.",
    r"\Gamma\left({x:loose}\right)",
    text="Γ({x:loose})",
    x=lambda g, y, x: g * (y * digamma(x)),
    domain={"x": "positive"},
)


def _reciprocal(g: Any, y: Any, x: Any) -> Any:
    """Cotangent of `x` in ``rgamma(x)``, which is smooth where the gamma function has poles."""
    pole = (y == 0) & (x <= 0)
    here, away = np.where(pole, x, 0.0), np.where(pole, 1.0, x)
    # By 1/Γ(x) = sin(πx) Γ(1 - x) / π: all of it, for the second derivative.
    turn, mirrored = np.pi * here, 1 - here
    reflected = gamma(mirrored) * (np.cos(turn) - np.sin(turn) / np.pi * digamma(mirrored))
    return g * np.where(pole, reflected, -y * digamma(away))


rgamma = scipys(
    special.rgamma,
    "Return ``1 / gamma(x)``, which is 0 at the poles of the gamma function.",
    r"\frac{{1}}{{\Gamma\left({x:loose}\right)}}",
    text="1/Γ({x:loose})",
    x=_reciprocal,
    domain={"x": "positive"},
    jax="",
)

gammaln = scipys(
    special.gammaln,
    "Logarithm of the absolute value of the gamma function.",
    r"\ln\left|\Gamma\left({x:loose}\right)\right|",
    text="ln|Γ({x:loose})|",
    x=lambda g, y, x: g * digamma(x),
    domain={"x": "positive"},
)

zeta = with_parameters(
    special.zeta,
    "Hurwitz's zeta function: the sum of ``1 / (k + q)**s`` for k from 0 on.",
    r"\zeta\left({s}, {q:loose}\right)",
    text="ζ({s}, {q:loose})",
    q=lambda g, y, q, s: g * (-s * zeta(q, s=s + 1)),
    domain={"q": "positive"},
    examples=tuple(example(shape, s=s) for shape, s in zip(SHAPES, (2, 3.5), strict=True)),
)


# -------------------------------------------------------------------- of two arguments


beta = scipys(
    special.beta,
    "Beta function: ``gamma(a) * gamma(b) / gamma(a + b)``.",
    r"\mathrm{{B}}\left({a:loose}, {b:loose}\right)",
    a=lambda g, y, a, b: g * (y * (digamma(a) - digamma(a + b))),
    b=lambda g, y, a, b: g * (y * (digamma(b) - digamma(a + b))),
    domain={"a": "positive", "b": "positive"},
)

betaln = scipys(
    special.betaln,
    "Logarithm of the absolute value of the beta function.",
    r"\ln\mathrm{{B}}\left({a:loose}, {b:loose}\right)",
    a=lambda g, y, a, b: g * (digamma(a) - digamma(a + b)),
    b=lambda g, y, a, b: g * (digamma(b) - digamma(a + b)),
    domain={"a": "positive", "b": "positive"},
)

poch = scipys(
    special.poch,
    "Pochhammer's symbol: ``gamma(a + b) / gamma(a)``.",
    r"\left({a:loose}\right)_{{{b:loose}}}",
    a=lambda g, y, a, b: g * (y * (digamma(a + b) - digamma(a))),
    b=lambda g, y, a, b: g * (y * digamma(a + b)),
    domain={"a": "positive", "b": "positive"},
)

binom = scipys(
    special.binom,
    "Binomial coefficient: how many ways there are to choose `b` things among `a`.",
    r"\binom{{{a:loose}}}{{{b:loose}}}",
    a=lambda g, y, a, b: g * (y * (digamma(a + 1) - digamma(a - b + 1))),
    b=lambda g, y, a, b: g * (y * (digamma(a - b + 1) - digamma(b + 1))),
    domain={"a": "above one", "b": "probability"},
    jax="",
)


# -------------------------------------------------------------------- incomplete


def _gamma_density(x: Any, a: Any) -> Any:
    return np.exp(xlogy(a - 1, x) - x - special.gammaln(a))


def _beta_density(x: Any, a: Any, b: Any) -> Any:
    return np.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - special.betaln(a, b))


INCOMPLETE = tuple(example(shape, a=a) for shape, a in zip(SHAPES, (1.5, 0.7), strict=True))
PARTIAL = tuple(
    example(shape, a=a, b=b) for shape, a, b in zip(SHAPES, (1.5, 0.7), (2.5, 1.0), strict=True)
)

gammainc = with_parameters(
    special.gammainc,
    "Regularised lower incomplete gamma function: it grows from 0 to 1.",
    r"P\left({a}, {x:loose}\right)",
    x=lambda g, y, x, a: g * _gamma_density(x, a),
    domain={"x": "positive"},
    examples=INCOMPLETE,
)

gammaincc = with_parameters(
    special.gammaincc,
    "Regularised upper incomplete gamma function: ``1 - gammainc(a, x)``.",
    r"Q\left({a}, {x:loose}\right)",
    x=lambda g, y, x, a: -g * _gamma_density(x, a),
    domain={"x": "positive"},
    examples=INCOMPLETE,
)

gammaincinv = with_parameters(
    special.gammaincinv,
    "Inverse of `gammainc` by its last argument.",
    r"P^{{-1}}\left({a}, {x:loose}\right)",
    x=lambda g, y, x, a: g / _gamma_density(y, a),
    domain={"x": "probability"},
    examples=INCOMPLETE,
    jax="",
)

betainc = with_parameters(
    special.betainc,
    "Regularised incomplete beta function: it grows from 0 to 1.",
    r"I_{{{x:loose}}}\left({a}, {b}\right)",
    x=lambda g, y, x, a, b: g * _beta_density(x, a, b),
    domain={"x": "probability"},
    examples=PARTIAL,
)

betaincinv = with_parameters(
    special.betaincinv,
    "Inverse of `betainc` by its last argument.",
    r"I^{{-1}}_{{{x:loose}}}\left({a}, {b}\right)",
    x=lambda g, y, x, a, b: g / _beta_density(y, a, b),
    domain={"x": "probability"},
    examples=PARTIAL,
    jax="",
)
