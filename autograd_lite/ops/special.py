"""Functions of `scipy.special`: logarithms, the bell curve, gamma and beta, Bessel functions.

Where a logarithm of 0 is multiplied with 0 the product is 0, and so is its derivative. The
parameters of incomplete functions are static: their derivatives have no closed form.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from autograd_lite.core.arithmetic import as_exact
from autograd_lite.core.notation import PRODUCT, SUM, Form, Notation
from autograd_lite.core.primitive import FIELDS, Primitive, example, primitive
from autograd_lite.ops.neural import sigmoid
from autograd_lite.ops.universal import defined, ufunc

ONE = (example((2, 3)), example(()))
FEW = (example((3,)), example(()))  # Close to 0 they are too steep for differences.
TWO = (example((2, 3), (3,)), example((), ()))


def scipys(
    function: np.ufunc, doc: str, latex: Form | str = "", *, name: str = "", **entry: Any
) -> Primitive:
    """Make a universal function of `scipy.special` an operation, and of JAX if nothing is said."""
    name = name or function.__name__
    operands = ", ".join(f"{{{key}}}" for key in entry if key not in FIELDS | {"text"})
    usual = {"examples": ONE if function.nin == 1 else TWO,
             "jax": f"jax.scipy.special.{name}({operands})"}  # fmt: skip
    entry = usual | entry
    return ufunc(function, doc, latex, name=name, module=special, prefix="special", **entry)


def with_parameters(
    function: Callable[..., Any],
    doc: str,
    latex: str,
    *,
    text: str = "",
    compute: Callable[..., Any] | None = None,
    **entry: Any,
) -> Primitive:
    """Make a function of `scipy.special` an operation of its last argument.

    The others are static parameters, in the order in which the rule has them. `compute` does what
    `function` does, where that needs help.
    """
    rule, name = next(filter(callable, entry.values())), function.__name__
    _, _, x, *parameters = rule.__code__.co_varnames[: rule.__code__.co_argcount]
    given, called = ", ".join(parameters), "compute" if compute else f"special.{name}"
    known = {"special": special, "compute": compute, "in_kind": in_kind}
    result = f"in_kind({called}({given}, {x}), {x})"
    forward = defined(name, f"{x}, *, {given}", result, known, doc, rule.__module__)
    braced = ", ".join(f"{{{key}}}" for key in parameters)
    written = f"{name}({braced}, {{{x}:loose}})"
    usual = {
        "notation": Notation(Form(f"special.{written}"), Form(latex), Form(text or written)),
        "jax": f"jax.scipy.special.{name}({braced}, {{{x}}})",
    }
    entry = {"entrywise": True, "whole": True, **usual, **entry}
    return primitive(**entry)(forward)


def in_kind(y: Any, x: Any) -> Any:
    """Return a result of SciPy's, which may be in double precision, in that of the operand."""
    return y.astype(x.dtype) if x.dtype.kind == "f" else y


def _log(x: Any, zero: Any) -> Any:
    """Logarithm, but 0 where the factor of `x` is."""
    return np.log(np.where(zero, 1.0, x))


def _ratio(a: Any, b: Any) -> Any:
    """Quotient, but 0 where `a` is."""
    return np.where(a == 0, 0.0, a / np.where(a == 0, 1.0, b))


xlogy = scipys(
    special.xlogy,
    "Return ``a * log(b)``, and 0 where `a` is 0.",
    Form(r"{a:tight} \ln\left({b:loose}\right)", PRODUCT),
    a=lambda g, y, a, b: g * _log(as_exact(b, y), (a == 0) & (b == 0)),
    b=lambda g, y, a, b: g * _ratio(a, b),
    domain={"b": "positive"},
    linear=("a",),
)

xlog1py = scipys(
    special.xlog1py,
    "Return ``a * log(1 + b)``, accurate for a small `b`, and 0 where `a` is 0.",
    Form(r"{a:tight} \ln\left(1 + {b:sum_right}\right)", PRODUCT),
    a=lambda g, y, a, b: g * np.log1p(np.where((a == 0) & (b == -1), 0.0, as_exact(b, y))),
    b=lambda g, y, a, b: g * _ratio(a, 1 + b),
    domain={"b": "positive"},
    linear=("a",),
)

entr = scipys(
    special.entr,
    "Return ``-x * log(x)``; at 0, where its derivative has no bound, that is taken to be 0.",
    Form(r"-{x:tight} \ln\left({x:loose}\right)", PRODUCT),
    x=lambda g, y, x: g * np.where(x == 0, 0.0, -1 - _log(x, x == 0)),
    domain={"x": "positive"},
)

rel_entr = scipys(
    special.rel_entr,
    "Return ``a * log(a / b)``; at ``a = 0`` its derivative is taken to be 0.",
    Form(r"{a:tight} \ln\frac{{{a:loose}}}{{{b:loose}}}", PRODUCT),
    a=lambda g, y, a, b: g * np.where(a == 0, 0.0, 1 + _log(_ratio(a, b), a == 0)),
    b=lambda g, y, a, b: -g * _ratio(a, b),
    domain={"a": "positive", "b": "positive"},
)

kl_div = scipys(
    special.kl_div,
    "Return ``a * log(a / b) - a + b``; at ``a = 0`` its derivative is taken to be 0.",
    Form(r"{a:tight} \ln\frac{{{a:loose}}}{{{b:loose}}} - {a:sum_right} + {b:sum_right}", SUM),
    a=lambda g, y, a, b: g * _log(_ratio(a, b), a == 0),
    b=lambda g, y, a, b: g * (1 - _ratio(a, b)),
    domain={"a": "positive", "b": "positive"},
)

logit = scipys(
    special.logit,
    "Return ``log(x / (1 - x))``, the inverse of `sigmoid`.",
    x=lambda g, y, x: g / (x * (1 - x)),
    domain={"x": "probability"},
    examples=FEW,
)

log_expit = scipys(
    special.log_expit,
    "Logarithm of `sigmoid`, accurate where that underflows.",
    r"\ln\sigma\left({x:loose}\right)",
    text="ln σ({x:loose})",
    x=lambda g, y, x: g * sigmoid(-x),
    jax="jax.nn.log_sigmoid({x})",
)

cosm1 = scipys(
    special.cosm1,
    "Return ``cos(x) - 1``, accurate for a small `x`.",
    Form(r"\cos\left({x:loose}\right) - 1", SUM),
    x=lambda g, y, x: -g * np.sin(x),
    jax="",
)

exp10 = scipys(
    special.exp10,
    "Return ``10**x``.",
    r"10^{{{x:loose}}}",
    x=lambda g, y, x: g * (math.log(10) * y),
    jax="",
)


# -------------------------------------------------------------------- integrals and series


expi = scipys(
    special.expi,
    "Exponential integral: that of ``exp(t) / t`` up to `x`.",
    r"\mathrm{{Ei}}\left({x:loose}\right)",
    x=lambda g, y, x: g * (np.exp(x) / x),
    domain={"x": "nonzero"},
)

exp1 = scipys(
    special.exp1,
    "Exponential integral: that of ``exp(-t) / t`` from `x` on.",
    r"E_1\left({x:loose}\right)",
    x=lambda g, y, x: -g * (np.exp(-x) / x),
    domain={"x": "positive"},
)

exprel = scipys(
    special.exprel,
    "Return ``(exp(x) - 1) / x``, which is 1 at 0.",
    Form(r"\frac{{e^{{{x:loose}}} - 1}}{{{x:loose}}}"),
    x=lambda g, y, x: g * (0.5 * hyp1f1(x, a=2, b=3)),
    jax="",
)

hyp1f1 = with_parameters(
    special.hyp1f1,
    "Kummer's hypergeometric function.",
    r"{{}}_1F_1\left({a}; {b}; {x:loose}\right)",
    x=lambda g, y, x, a, b: g * (a / b * hyp1f1(x, a=a + 1, b=b + 1)),
    examples=(example((2, 3), a=1.5, b=2.0), example((), a=2, b=3)),
)

hyp2f1 = with_parameters(
    special.hyp2f1,
    "Gauss's hypergeometric function.",
    r"{{}}_2F_1\left({a}, {b}; {c}; {x:loose}\right)",
    x=lambda g, y, x, a, b, c: g * (a * b / c * hyp2f1(x, a=a + 1, b=b + 1, c=c + 1)),
    domain={"x": "probability"},
    examples=(example((2, 3), a=1.5, b=0.5, c=2.0), example((), a=1, b=0.5, c=1.5)),
)


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
