"""`scipy.special` on Tensors.

Its universal functions take Tensors themselves, so they are the same here as there; its other
functions are those of this file. What has no derivative here is missing.
"""

from typing import Any

import numpy as np
from scipy import special as scipys

from scipy.special import (  # isort: skip
    beta, betainc, betaincc, betaincinv, betaln, binom, boxcox, boxcox1p, cbrt, cosm1, dawsn,
    digamma, entr, erf, erfc, erfcinv, erfcx, erfi, erfinv, exp1, exp2, exp10, expi, expit, expm1,
    exprel, gamma, gammainc, gammaincc, gammaincinv, gammaln, huber, hyp1f1, hyp2f1, i0, i0e, i1,
    i1e, iv, ive, j0, j1, jn, jv, k0, k0e, k1, k1e, kl_div, kn, kv, kve, log1p, log_expit, log_ndtr,
    logit, ndtr, ndtri, poch, pseudo_huber, psi, rel_entr, rgamma, xlog1py, xlogy, y0, y1, yn, yv,
)  # fmt: skip

from autograd_lite import ops
from autograd_lite.core.later import missing
from autograd_lite.numpy_api.table import as_array, fixed, values_of
from autograd_lite.ops import gammas

sinc = np.sinc

__all__ = [
    "beta", "betainc", "betaincc", "betaincinv", "betaln", "binom", "boxcox", "boxcox1p", "cbrt",
    "cosm1", "dawsn", "digamma", "entr", "erf", "erfc", "erfcinv", "erfcx", "erfi", "erfinv",
    "exp1", "exp2", "exp10", "expi", "expit", "expm1", "exprel", "gamma", "gammainc", "gammaincc",
    "gammaincinv", "gammaln", "huber", "hyp1f1", "hyp2f1", "i0", "i0e", "i1", "i1e", "iv", "ive",
    "j0", "j1", "jn", "jv", "k0", "k0e", "k1", "k1e", "kl_div", "kn", "kv", "kve", "log1p",
    "log_expit", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
    "poch", "polygamma", "pseudo_huber", "psi", "rel_entr", "rgamma", "sinc", "softmax",
    "softplus", "xlog1py", "xlogy", "y0", "y1", "yn", "yv", "zeta",
]  # fmt: skip

__getattr__ = missing(
    globals(),
    "It has no derivative here. For its value, call scipy.special.{name} with t.numpy(); to "
    "differentiate it, define it with @autograd_lite.primitive",
)


def polygamma(n: Any, x: Any) -> Any:
    """Return the derivative of order `n` of `digamma`, which is that of order 0.

    Parameters
    ----------
    n : int
        Not a Tensor that requires a gradient.
    x : array or Tensor, any shape

    Returns
    -------
    array or Tensor, shape and dtype of `x`

    Examples
    --------
    >>> import autograd_lite as al
    >>> print(al.scipy.special.polygamma(1, 1.0).round(4))  # A sixth of the square of π.
    1.6449
    """
    n, x = fixed(n, "polygamma", "n"), as_array(x)
    return digamma(x) if n == 0 else gammas.polygamma(x, n=n)


def zeta(x: Any, q: Any = None) -> Any:
    """Return the sum of ``1 / (k + q)**x`` for k from 0 on; without `q`, Riemann's function.

    Parameters
    ----------
    x : array, any shape
        Not a Tensor that requires a gradient.
    q : array or Tensor, shape that broadcasts with `x`

    Returns
    -------
    array or Tensor
    """
    x = fixed(x, "zeta", "x")
    return scipys.zeta(x) if q is None else gammas.zeta(as_array(q), s=x)


def multigammaln(a: Any, d: int) -> Any:
    r"""Return the logarithm of the gamma function of matrices with `d` rows.

    .. math:: \frac{d (d - 1)}{4} \ln \pi + \sum_{j=0}^{d-1} \ln \Gamma\left(a - \frac{j}{2}\right)

    Parameters
    ----------
    a : array or Tensor, any shape
        More than ``(d - 1) / 2``.
    d : int

    Returns
    -------
    array or Tensor, shape and dtype of `a`

    Raises
    ------
    ValueError
        If `a` is too small.
    """
    a = as_array(a)
    if np.any(a <= 0.5 * (d - 1)):
        raise ValueError(f"multigammaln needs a > (d - 1) / 2 = {0.5 * (d - 1)}.")
    return sum((gammaln(a - 0.5 * j) for j in range(d)), d * (d - 1) / 4 * np.log(np.pi))


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """Return ``log(sum(b * exp(a)))`` without overflow.

    Parameters
    ----------
    a : array or Tensor, any shape
    axis : int or tuple of int or None
        Along which to sum; None: over all entries.
    b : array or Tensor, shape that broadcasts with `a`, optional
        Factors; where one is 0, `a` counts for nothing.
    keepdims : bool
        Whether the axes that are summed over stay, with length 1.

    Returns
    -------
    array or Tensor

    Examples
    --------
    >>> import autograd_lite as al
    >>> print(al.scipy.special.logsumexp([0.0, 0.0], b=[2.0, 0.5]).round(4))  # log(2.5)
    0.9163
    """
    a = as_array(a)
    if b is None:
        return ops.logsumexp(a, axis=axis, keepdims=keepdims)
    b = as_array(b)
    values = np.broadcast_to(values_of(a), np.broadcast_shapes(a.shape, b.shape))
    top = np.max(values, axis=axis, keepdims=True, initial=-np.inf, where=values_of(b) != 0)
    top = np.where(np.isfinite(top), top, 0.0)
    terms = b * np.exp(np.where(b == 0, -np.inf, a - top))
    total = np.log(np.sum(terms, axis=axis, keepdims=keepdims))
    return total + (top if keepdims else np.squeeze(top, axis))


def softmax(x: Any, axis: Any = None) -> Any:
    """Return positive numbers that sum to 1 along an axis; by default, all together.

    Parameters
    ----------
    x : array or Tensor, any shape
    axis : int or tuple of int or None

    Returns
    -------
    array or Tensor, shape of `x`
    """
    return ops.softmax(as_array(x), axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """Return the logarithm of `softmax`, accurate also where that underflows.

    Parameters
    ----------
    x : array or Tensor, any shape
    axis : int or tuple of int or None

    Returns
    -------
    array or Tensor, shape of `x`
    """
    return ops.log_softmax(as_array(x), axis=axis)


def softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))`` without overflow.

    Parameters
    ----------
    x : array or Tensor, any shape

    Returns
    -------
    array or Tensor, shape of `x`
    """
    return ops.softplus(as_array(x))
