"""The universal functions of `scipy.special` that take an order, or are others by another name.

It is loaded when the first of SciPy's universal functions meets a Tensor. Those that are an
operation by themselves stand in the operation's entry in `ops`.
"""

import functools
from typing import Any

import numpy as np
from scipy import special

from autograd_lite import ops
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION, Primitive
from autograd_lite.numpy_api.table import COMPOSED, composes, fixed
from autograd_lite.ops import cylinder, entropies, gammas, gaussian

FAMILIES = (cylinder, entropies, gammas, gaussian)
"""Those of universal functions: with this file, they are all there."""

BY_NUMPY_FUNCTION.update(
    {
        special.erf: ops.erf,
        special.expit: ops.sigmoid,
        special.exp2: ops.exp2,
        special.expm1: ops.expm1,
        special.log1p: ops.log1p,
        special.cbrt: ops.cbrt,
    }
)


def _of_order(function: np.ufunc, operation: Primitive) -> None:
    """Record ``jv(v, x)`` as an operation of `x` alone: the arguments before it are constants."""

    def called(*args: Any) -> Any:
        *given, x = args
        named = zip(operation.parameters, given, strict=True)
        return operation(x, **{name: fixed(v, function.__name__, name) for name, v in named})

    COMPOSED[function] = called


for _function, _operation in (
    (special.jv, cylinder.jv), (special.yv, cylinder.yv), (special.yn, cylinder.yv),
    (special.iv, cylinder.iv), (special.ive, cylinder.ive), (special.kv, cylinder.kv),
    (special.kn, cylinder.kv), (special.kve, cylinder.kve),
    (special.gammainc, gammas.gammainc), (special.gammaincc, gammas.gammaincc),
    (special.gammaincinv, gammas.gammaincinv), (special.betainc, gammas.betainc),
    (special.betaincinv, gammas.betaincinv), (special.hyp1f1, entropies.hyp1f1),
    (special.hyp2f1, entropies.hyp2f1),
):  # fmt: skip
    _of_order(_function, _operation)
for _zero, _one, _operation in (
    (special.j0, special.j1, cylinder.jv), (special.y0, special.y1, cylinder.yv),
    (special.i0, special.i1, cylinder.iv), (special.i0e, special.i1e, cylinder.ive),
    (special.k0, special.k1, cylinder.kv), (special.k0e, special.k1e, cylinder.kve),
):  # fmt: skip
    COMPOSED[_zero] = functools.partial(_operation, v=0)
    COMPOSED[_one] = functools.partial(_operation, v=1)


@composes(special.betaincc)
def betaincc(a: Any, b: Any, x: Any) -> Any:
    """Return ``1 - betainc(a, b, x)``."""
    return special.betainc(b, a, 1 - x)


@composes(special.boxcox)
def boxcox(x: Any, lmbda: Any) -> Any:
    """Return ``(x**lmbda - 1) / lmbda``, which is ``log(x)`` where `lmbda` is 0."""
    log = np.log(x)
    return log * special.exprel(lmbda * log)


@composes(special.boxcox1p)
def boxcox1p(x: Any, lmbda: Any) -> Any:
    """Return the same of ``1 + x``."""
    log = np.log1p(x)
    return log * special.exprel(lmbda * log)


@composes(special.huber)
def huber(delta: Any, r: Any) -> Any:
    """Return half of the square of `r`, but linear beyond `delta`."""
    size = np.abs(r)
    inside = size <= delta
    # The branch that is not taken must not overflow.
    found = np.where(inside, 0.5 * np.where(inside, r, 0.0) ** 2, delta * (size - 0.5 * delta))
    return np.where(delta < 0, np.inf, found)


@composes(special.pseudo_huber)
def pseudo_huber(delta: Any, r: Any) -> Any:
    """Return a smooth function that is much like `huber`."""
    positive = delta > 0
    scale = np.where(positive, delta, 1.0)
    square = (r / scale) ** 2
    found = scale**2 * square / (1 + np.sqrt(1 + square))
    return np.where(positive, found, np.where(delta < 0, np.inf, delta * np.abs(r)))
