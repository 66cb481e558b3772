"""Logarithms, exponentials and what is made of both, from `scipy.special`.

Where a logarithm of 0 is multiplied with 0 the product is 0, and so is its derivative.
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
