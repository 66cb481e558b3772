"""Logarithms of densities of `scipy.stats`, on Tensors: in the data and in every parameter."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from autograd_lite.core.later import missing
from autograd_lite.numpy_api.table import as_array, fixed, values_of
from autograd_lite.scipy import linalg
from autograd_lite.scipy.special import betaln, gammaln, log_expit, log_ndtr, ndtr, xlog1py, xlogy

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma", "laplace",
    "logistic", "lognorm", "multivariate_normal", "norm", "poisson", "t", "uniform",
]  # fmt: skip

__getattr__ = missing(
    globals(),
    "Write the logarithm of its density with autograd_lite.scipy.special; for values alone, use "
    "scipy.stats.{name}",
)

INF = math.inf


class Distribution:
    """A distribution: some of the methods that it has in SciPy.

    Parameters
    ----------
    name : str
    shapes : str
        The names of its parameters besides `loc` and `scale`.
    log : callable
        Of a number and the parameters: the logarithm of the density.
    low, high : float
        Where it lives.
    """

    methods: tuple[str, ...]
    usual: Mapping[str, float]

    def __init__(
        self, name: str, shapes: str, log: Callable[..., Any], low: float = -INF, high: float = INF
    ) -> None:
        self.name, self._log, self._low, self._high = name, log, low, high
        self._names = (*shapes.split(), *self.usual)

    def __repr__(self) -> str:
        return f"<{self.name}: {', '.join(self.methods)} of x, {', '.join(self._names)}>"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{self.name} has no {name} here, only {', '.join(self.methods)}. For values alone, "
            f"call scipy.stats.{self.name}.{name}."
        )

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Sort parameters by the names that SciPy gives them."""
        by_position = dict(zip(self._names, args, strict=False))
        given = {**self.usual, **by_position, **kwargs}
        twice = by_position.keys() & kwargs.keys()
        if given.keys() != set(self._names) or twice or len(args) > len(self._names):
            raise TypeError(
                f"{self.name} takes {', '.join(self._names)}, got {len(args)} of them by position "
                f"and {', '.join(kwargs) or 'none'} by name."
            )
        return [as_array(given[name]) for name in self._names]

    def _inside(self, outside: Any, z: Any, inner: float, shapes: list[Any]) -> Any:
        """Return the logarithm of the density, and minus infinity outside.

        There, another number stands for `z`: what is not chosen must be finite.
        """
        return np.where(outside, -INF, self._log(np.where(outside, inner, z), *shapes))


class Continuous(Distribution):
    """A distribution of real numbers."""

    methods: tuple[str, ...] = ("logpdf", "pdf")
    usual = MappingProxyType({"loc": 0.0, "scale": 1.0})

    def logpdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the logarithm of the density.

        Parameters
        ----------
        x : array or Tensor, any shape
        *args, **kwargs : arrays or Tensors, shapes that broadcast with `x`
            The parameters, as in SciPy; `loc` is 0 and `scale` 1 if they are left out.

        Returns
        -------
        array or Tensor
            Minus infinity, with the derivative 0, where there is no density.
        """
        *shapes, loc, scale = self._given(args, kwargs)
        z = (as_array(x) - loc) / scale
        outside = (z < self._low) | (z > self._high)
        return self._inside(outside, z, 0.5, shapes) - np.log(scale)

    def pdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the density: the exponential of `logpdf`."""
        return np.exp(self.logpdf(x, *args, **kwargs))


class Normal(Continuous):
    """The normal distribution, of which there is more."""

    methods = ("logpdf", "pdf", "cdf", "logcdf")

    def cdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the share of the distribution that lies below `x`."""
        loc, scale = self._given(args, kwargs)
        return ndtr((as_array(x) - loc) / scale)

    def logcdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the logarithm of `cdf`, accurate where that underflows."""
        loc, scale = self._given(args, kwargs)
        return log_ndtr((as_array(x) - loc) / scale)


class Discrete(Distribution):
    """A distribution of whole numbers."""

    methods = ("logpmf", "pmf")
    usual = MappingProxyType({"loc": 0.0})

    def logpmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the logarithm of the probability of `k`.

        Parameters
        ----------
        k : array, any shape
            Not a Tensor that requires a gradient.
        *args, **kwargs : arrays or Tensors, shapes that broadcast with `k`
            The parameters, as in SciPy; `loc`, which is not a Tensor that requires a gradient
            either, is 0 if it is left out.

        Returns
        -------
        array or Tensor
            Minus infinity for what is not a whole number, or out of reach.
        """
        *shapes, loc = self._given(args, kwargs)
        z = np.asarray(fixed(k, self.name, "k")) - fixed(loc, self.name, "loc")
        high = values_of(shapes[0]) if self.name == "binom" else self._high
        outside = (z < self._low) | (z > high) | (z != np.floor(z))
        return self._inside(outside, z, 0.0, shapes)

    def pmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the probability of `k`: the exponential of `logpmf`."""
        return np.exp(self.logpmf(k, *args, **kwargs))


# -------------------------------------------------------------------- their densities

_HALF_LOG = 0.5 * math.log(2 * math.pi)


def _t(z: Any, df: Any) -> Any:
    return (
        gammaln((df + 1) / 2)
        - gammaln(df / 2)
        - 0.5 * np.log(np.pi * df)
        - (df + 1) / 2 * np.log1p(z * z / df)
    )


def _binom(k: Any, n: Any, p: Any) -> Any:
    ways = -betaln(n - k + 1, k + 1) - np.log1p(n)
    return ways + xlogy(k, p) + xlog1py(n - k, -p)


norm = Normal("norm", "", lambda z: -0.5 * z * z - _HALF_LOG)
uniform = Continuous("uniform", "", lambda z: 0.0 * z, 0, 1)
expon = Continuous("expon", "", lambda z: -z, 0)
laplace = Continuous("laplace", "", lambda z: -np.abs(z) - math.log(2))
logistic = Continuous("logistic", "", lambda z: log_expit(z) + log_expit(-z))
cauchy = Continuous("cauchy", "", lambda z: -np.log1p(z * z) - math.log(math.pi))
t = Continuous("t", "df", _t)
gamma = Continuous("gamma", "a", lambda z, a: xlogy(a - 1, z) - z - gammaln(a), 0)
beta = Continuous(
    "beta", "a b", lambda z, a, b: xlogy(a - 1, z) + xlog1py(b - 1, -z) - betaln(a, b), 0, 1
)
chi2 = Continuous(
    "chi2",
    "df",
    lambda z, df: xlogy(df / 2 - 1, z) - z / 2 - gammaln(df / 2) - df / 2 * math.log(2),
    0,
)
lognorm = Continuous(
    "lognorm",
    "s",
    lambda z, s: -0.5 * (np.log(z) / s) ** 2 - np.log(s * z) - _HALF_LOG,
    math.ulp(0),  # At 0 there is no density.
)
bernoulli = Discrete("bernoulli", "p", lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p), 0, 1)
binom = Discrete("binom", "n p", _binom, 0)
poisson = Discrete("poisson", "mu", lambda k, mu: xlogy(k, mu) - gammaln(k + 1) - mu, 0)


class Multivariate:
    """A distribution of vectors.

    Parameters
    ----------
    name : str
    logpdf : callable
        The logarithm of its density.
    """

    def __init__(self, name: str, logpdf: Callable[..., Any]) -> None:
        self.name, self.logpdf = name, logpdf

    def __repr__(self) -> str:
        return f"<{self.name}: logpdf, pdf>"

    def pdf(self, *args: Any, **kwargs: Any) -> Any:
        """Return the density: the exponential of `logpdf`."""
        return np.exp(self.logpdf(*args, **kwargs))


def _normal(x: Any, mean: Any = None, cov: Any = 1.0) -> Any:
    """Return the logarithm of the density.

    Parameters
    ----------
    x : array or Tensor, shape (..., d)
        Vectors; numbers, if d is 1.
    mean : array or Tensor, shape (d,), optional
        By default, 0.
    cov : array or Tensor, shape (d, d), (d,) or ()
        The covariances; a vector is the diagonal, a number stands all along it.

    Returns
    -------
    array or Tensor, shape (...)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    numpy.linalg.LinAlgError
        If `cov` is not positive definite.
    """
    x, cov = as_array(x), as_array(cov)
    mean = np.zeros(cov.shape[:1]) if mean is None else as_array(mean)
    d = max(mean.size, cov.shape[0] if cov.ndim else 1)
    whole = cov if cov.ndim == 2 else np.eye(d) * cov
    rows = x.reshape(-1, 1) if d == 1 and x.ndim < 2 else x.reshape(-1, x.shape[-1])
    if whole.shape != (d, d) or mean.ndim > 1 or rows.shape[1] != d:
        raise ValueError(
            f"multivariate_normal needs x: (..., d), mean: (d,) and cov: (d, d), got {x.shape}, "
            f"{mean.shape} and {cov.shape}."
        )
    root = linalg.cholesky((whole + whole.T) / 2, lower=True)
    z = linalg.solve_triangular(root, (rows - mean).T, lower=True)
    logs = np.sum(np.log(np.diagonal(root)))
    result = -0.5 * np.sum(z * z, axis=0) - logs - d * _HALF_LOG
    return result.reshape(x.shape if d == 1 and x.ndim < 2 else x.shape[:-1])


def _dirichlet(x: Any, alpha: Any) -> Any:
    """Return the logarithm of the density.

    Parameters
    ----------
    x : array or Tensor, shape (d, ...)
        Probabilities that sum to 1 along the first axis.
    alpha : array or Tensor, shape (d,)

    Returns
    -------
    array or Tensor, shape (...)

    Raises
    ------
    ValueError
        If the shapes do not fit, or `x` does not sum to 1.
    """
    x, alpha = as_array(x), as_array(alpha)
    if alpha.ndim != 1 or x.shape[:1] != alpha.shape:
        raise ValueError(
            f"dirichlet needs x: (d, ...) and alpha: (d,), got {x.shape} and {alpha.shape}."
        )
    if (abs(np.sum(values_of(x), axis=0) - 1) > 1e-9).any() or np.any(x < 0):
        raise ValueError("dirichlet needs probabilities x that sum to 1 along the first axis.")
    powers = (alpha - 1).reshape(-1, *[1] * (x.ndim - 1))
    constant = gammaln(np.sum(alpha)) - np.sum(gammaln(alpha))
    return np.sum(xlogy(powers, x), axis=0) + constant


multivariate_normal = Multivariate("multivariate_normal", _normal)
dirichlet = Multivariate("dirichlet", _dirichlet)
