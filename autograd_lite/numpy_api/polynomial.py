"""Polynomials as sequences of coefficients, the highest power first."""

import warnings
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.arguments import refuse
from autograd_lite.numpy_api.linalg import eigvals, lapack_cut, pseudo_inverse
from autograd_lite.numpy_api.products import real
from autograd_lite.numpy_api.signals import convolve
from autograd_lite.numpy_api.table import as_array, composes, values_of


def _coefficients(p: Any, name: str) -> Any:
    """Return coefficients as an array of one axis; a single number is one."""
    if isinstance(p, np.poly1d):
        raise TypeError(f"{name} on Tensors takes coefficients, got a poly1d. Pass its .coef.")
    p = as_array(p)
    if p.ndim > 1:
        raise ValueError(f"{name} needs a sequence of coefficients, got an array of {p.shape}.")
    return p if p.ndim else ops.reshape(p, shape=(1,))


def _sequence(p: Any, name: str) -> Any:
    """Return a sequence of coefficients; refuse a single number."""
    if not np.ndim(p):
        raise TypeError(f"{name} needs a sequence of coefficients, got a single number.")
    return _coefficients(p, name)


@composes(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Compose ``np.polyval`` by Horner's rule."""
    p, x = _sequence(p, "np.polyval"), as_array(x)
    y = np.zeros(x.shape, x.dtype)
    for i in range(len(p)):
        y = y * x + p[i]
    return y


@composes(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    return ops.add(*_padded(a1, a2, "np.polyadd"))


@composes(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    return ops.subtract(*_padded(a1, a2, "np.polysub"))


def _padded(a1: Any, a2: Any, name: str) -> tuple[Any, Any]:
    """Give the shorter sequence zeros in front."""
    a1, a2 = _coefficients(a1, name), _coefficients(a2, name)
    missing = len(a2) - len(a1)
    if missing > 0:
        a1 = ops.concatenate(np.zeros(missing, a1.dtype), a1)
    elif missing < 0:
        a2 = ops.concatenate(np.zeros(-missing, a2.dtype), a2)
    return a1, a2


@composes(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """Compose ``np.polymul``; zeros in front are left off first, as NumPy does."""
    return convolve(_trimmed(a1, "np.polymul"), _trimmed(a2, "np.polymul"))


def _trimmed(p: Any, name: str) -> Any:
    """Leave off zeros in front, but one of nothing else."""
    p = _coefficients(p, name)
    nonzero = np.flatnonzero(values_of(p))
    if nonzero.size:
        return p[int(nonzero[0]) :]
    return p[-1:] if len(p) else np.zeros(1, p.dtype)


@composes(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """Compose ``np.polydiv``: long division."""
    u, v = _coefficients(u, "np.polydiv") + 0.0, _coefficients(v, "np.polydiv") + 0.0
    m, n = len(u), len(v)
    if not m or not n:
        raise ValueError(f"np.polydiv needs coefficients, got {m} and {n} of them.")
    dtype = np.result_type(u.dtype, v.dtype)
    quotient, rest = [], u
    for k in range(m - n + 1):
        quotient.append(rest[k] * (1.0 / v[0]))
        taken = [np.zeros(k, dtype), quotient[-1] * v, np.zeros(m - n - k, dtype)]
        rest = rest - ops.concatenate(*taken)
    known = np.asarray(values_of(rest))
    large = np.flatnonzero(~np.isclose(known, 0, rtol=1e-14))
    rest = rest[int(large[0]) if large.size else m - 1 :]
    return (ops.stack(*quotient) if quotient else np.zeros(1, dtype)), rest


@composes(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    p, m = _sequence(p, "np.polyder"), int(m)
    if m < 0:
        raise ValueError("np.polyder: Order of derivative must be positive (see polyint).")
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composes(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Compose ``np.polyint``; the constants of integration may be Tensors too."""
    p, m = _sequence(p, "np.polyint"), int(m)
    if m < 0:
        raise ValueError("np.polyint: Order of integral must be positive (see polyder).")
    constants = _coefficients(np.zeros(m) if k is None else k, "np.polyint")
    if len(constants) == 1 and m > 1:
        constants = ops.multiply(constants, np.ones(m))
    if len(constants) < m:
        raise ValueError(
            "np.polyint: k must be a scalar or a rank-1 array of length 1 or >m, got length "
            f"{len(constants)} for m = {m}."
        )
    for i in range(m):
        p = ops.concatenate(p / np.arange(len(p), 0, -1), constants[i : i + 1])
    return p


@composes(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:  # noqa: N803  (NumPy's name)
    """Compose ``np.vander``: a column for each power."""
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError(f"np.vander: x must be a one-dimensional array, got {x.shape}.")
    powers = np.arange(np.empty((0, len(x) if N is None else N)).shape[1])  # Or NumPy's error.
    return ops.power(x[:, None], powers if increasing else powers[::-1])


@composes(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """Compose ``np.poly``: the product of ``x - zero``, for the eigenvalues of a matrix too."""
    zeros = real(seq_of_zeros, "np.poly")
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = eigvals(zeros)
    elif zeros.ndim > 1:
        raise ValueError(f"np.poly: input must be 1d or non-empty square, got {zeros.shape}.")
    zeros = zeros if zeros.ndim else ops.reshape(zeros, shape=(1,))
    if not len(zeros):
        return 1.0
    zeros = zeros if zeros.dtype.kind in "fc" else zeros.astype(float)
    product = one = np.ones(1, zeros.dtype)
    for i in range(len(zeros)):
        product = ops.convolve(product, ops.concatenate(one, -zeros[i : i + 1]))
    values = np.asarray(values_of(zeros), complex)
    paired = np.array_equal(np.sort(values), np.sort(values.conj()))
    return np.real(product) if paired else product


@composes(np.roots)
def roots(p: Any) -> Any:
    """Compose ``np.roots``: the eigenvalues of the companion matrix; real, if all of them are.

    NumPy strips zeros in front and at the end, and roots move with these, too: two Newton steps on
    the whole polynomial, which change no value, have the derivatives up to the second order. A
    root of 0 that occurs several times has none, and is a constant.
    """
    whole = _coefficients(p, "np.roots")
    nonzero = np.flatnonzero(values_of(whole))
    if not nonzero.size:
        return np.array([])
    trailing = len(whole) - int(nonzero[-1]) - 1
    p = whole[int(nonzero[0]) : int(nonzero[-1]) + 1]
    n = len(p) - 1
    found: Any = np.zeros(0, p.dtype)
    if n:
        first = ops.reshape(-p[1:] / p[0], shape=(1, n))
        found = eigvals(ops.concatenate(first, np.eye(n, dtype=p.dtype)[:-1]))
        if not np.imag(values_of(found)).any():
            found = np.real(found)
    if trailing == 1:
        found = ops.concatenate(found, np.zeros(1, p.dtype))
    if len(p) < len(whole) and getattr(whole, "requires_grad", False):
        for _ in range(2):
            found = found - polyval(whole, found) / polyval(polyder(whole), found)
    return ops.concatenate(found, np.zeros(trailing, p.dtype)) if trailing > 1 else found


@composes(np.polyfit)
def polyfit(
    x: Any,
    y: Any,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: Any = None,
    cov: Any = False,
) -> Any:
    """Compose ``np.polyfit``: least squares, on columns scaled to length 1."""
    refuse("np.polyfit", "only the coefficients are computed", full=full or None, cov=cov or None)
    order = int(deg) + 1
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    if order < 1:
        raise ValueError("np.polyfit: expected deg >= 0.")
    if x.ndim != 1 or not x.size or y.ndim not in (1, 2) or len(x) != len(y):
        raise TypeError(
            f"np.polyfit needs x of shape (n,) with n > 0 and y of (n,) or (n, k), got {x.shape} "
            f"and {y.shape}."
        )
    rcond = lapack_cut(rcond, len(x), x.dtype)
    columns = vander(x, order)
    if w is not None:
        w = as_array(w) + 0.0
        if w.shape != x.shape:
            raise TypeError(f"np.polyfit: expected weights of shape {x.shape}, got {w.shape}.")
        columns, y = columns * w[:, None], y * (w if y.ndim == 1 else w[:, None])
    scale = ops.vector_norm(columns, axis=0)
    columns = columns / scale
    if np.linalg.matrix_rank(values_of(columns), rtol=rcond) != order:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    c = ops.matmul(pseudo_inverse(columns, rcond), y)
    return c / (scale if y.ndim == 1 else scale[:, None])
