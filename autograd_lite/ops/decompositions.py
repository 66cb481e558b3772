"""Factors of a matrix: Cholesky, QR, eigenvalues and singular values.

An operation has one result. A decomposition that gives several arrays lays them on top of each
other in one (``[w; V]`` for ``eigh``), from which NumPy's namedtuple is picked by indexing. So
the factors are computed once, the one rule finds all of them in its output `y`, and since picking
is recorded too, derivatives of every order come out of that rule.

Eigenvectors and singular vectors have a derivative only while their values are apart. Terms between
values that are equal, as far as can be told, are taken as 0, and so is the derivative of a singular
value at 0, where it has a kink like that of ``abs``.
"""

from typing import Any

import numpy as np

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.complex_numbers import mirrored
from autograd_lite.ops.linalg import mirror, solve, transposed, value_of


def _after(x: Any, r: Any) -> Any:
    """Compute ``x @ inv(r.T)``."""
    return transposed(solve(r, transposed(x)))


@primitive(
    x=lambda g, y, x, limit: -g * y * y,
    limit=None,
    notation=call("inverse_or_zero"),
    domain={"x": "nonzero", "limit": "probability"},
    entrywise=True,
    takes_complex=True,
    examples=(example((2, 3), ()), example((4,), (4,)), example((2, 3), (2, 1))),
)
def inverse_or_zero(x: Any, limit: Any) -> Any:
    """Return 1 / x, and 0 where `x` is at most `limit`."""
    nothing = np.abs(x) <= limit
    return np.where(nothing, 0, 1 / np.where(nothing, 1, x))


def _limit(w: Any, n: int) -> Any:
    """Return what rounding errors can make of a 0 among eigenvalues or singular values."""
    # Equal eigenvalues of 600 rotated matrices came out up to 2 n eps apart.
    return np.abs(w).max(axis=-1, keepdims=True) * (8 * n * float(np.finfo(w.dtype).eps))


def _apart(w: Any) -> Any:
    """For each pair of values the reciprocal of the second minus the first; 0 if they are equal."""
    differences = w[..., None, :] - w[..., :, None]
    return inverse_or_zero(differences, _limit(w, w.shape[-1])[..., None])


def _cholesky(g: Any, y: Any, upper: bool) -> Any:
    """Cotangent of the matrix, of which one triangle is read."""
    g, y = (mirrored(transposed(g)), mirrored(transposed(y))) if upper else (g, y)
    rt = transposed(y)
    product = rt @ g
    half = 0.5 * (np.tril(product) + np.tril(product, -1))
    return _read(_after(solve(rt, half), mirrored(rt)), upper)


def _read(x: Any, upper: bool) -> Any:
    """Cotangent of a Hermitian matrix of which one triangle is read."""
    kept = np.tri(x.shape[-1]) - np.eye(x.shape[-1]) / 2
    return (x + mirrored(transposed(x))) * (kept.T if upper else kept).astype(x.dtype)


@primitive(
    a=lambda g, y, a, upper: _cholesky(g, y, upper),
    notation=call("np.linalg.cholesky"),
    numpy=(np.linalg.cholesky,),
    domain={"a": "positive definite"},
    takes_complex=True,
    examples=(
        example((3, 3)),
        example((2, 2, 2)),
        example((3, 3), upper=True),
        example((1, 1)),
        example((0, 2, 2)),
    ),
)
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """Triangular factor of a positive definite matrix.

    NumPy reads one triangle of the matrix (the lower, or with `upper` the upper one), so the
    gradient lies in that triangle.
    """
    return np.linalg.cholesky(a, upper=upper)


def _qr(g: Any, y: Any, a: Any) -> Any:
    """Cotangent of a matrix from those of its factors ``q`` and ``r.T``, one upon the other."""
    m = a.shape[-2]
    q, rt, gq, grt = y[..., :m, :], y[..., m:, :], g[..., :m, :], np.tril(g[..., m:, :])
    inner = transposed(rt) @ grt - transposed(gq) @ q
    return _after(gq + q @ mirror(inner), transposed(rt))


@primitive(
    a=lambda g, y, a: _qr(g, y, a),
    notation=call("qr"),
    domain={"a": "full rank"},
    packed=True,
    examples=(example((3, 3)), example((4, 2)), example((2, 3, 2)), example((1, 1))),
)
def qr(a: Any) -> Any:
    """Orthogonal and triangular factor of a matrix with as many rows as columns, or more.

    ``q``, upon the transpose of ``r``.
    """
    q, r = np.linalg.qr(a)
    return np.concatenate([q, r.swapaxes(-1, -2)], axis=-2)


def _eigh(g: Any, y: Any, upper: bool) -> Any:
    """Cotangent of a Hermitian matrix from those of its eigenvalues and, below, eigenvectors."""
    w, v, gw, gv = y[..., 0, :], y[..., 1:, :], g[..., 0, :], g[..., 1:, :]
    vt = transposed(v)
    if v.dtype.kind == "c":  # They keep their phase, too: one row of them is real.
        n = v.shape[-1]
        real = np.arange(n)[:, None] == (n - 1 if upper else 0)
        gv = _in_phase(gv, v, real, (v * gv).sum(axis=-2, keepdims=True))
    turned = mirrored(v) @ (_apart(w) * (vt @ gv))
    return _read((mirrored(v) * gw[..., None, :] + turned) @ vt, upper)


def _in_phase(gv: Any, v: Any, real: Any, along: Any) -> Any:
    """Return cotangents of eigenvectors, of which some entries are real, without their phase."""
    return gv - np.where(real, 1j * np.imag(along) / np.where(real & (v != 0), v, 1), 0)


@primitive(
    a=lambda g, y, a, uplo: _eigh(g, y, uplo in "Uu") if a.size else a,
    notation=call("eigh"),
    domain={"a": "symmetric"},
    packed=True,
    takes_complex=True,
    examples=(
        example((3, 3)),
        example((2, 2, 2)),
        example((3, 3), uplo="U"),
        example((1, 1)),
        example((0, 2, 2)),
    ),
)
def eigh(a: Any, *, uplo: Any = "L") -> Any:
    """Eigenvalues of a symmetric or Hermitian matrix, upon its eigenvectors.

    NumPy reads one triangle of the matrix, so the gradient lies in that triangle.
    """
    w, v = np.linalg.eigh(a, uplo)
    return np.concatenate([w[..., None, :], v], axis=-2)


def _eig(g: Any, y: Any) -> Any:
    """Cotangent of any matrix from those of its eigenvalues and, below, eigenvectors."""
    w, v, gw, gv = y[..., 0, :], y[..., 1:, :], g[..., 0, :], g[..., 1:, :]
    along = (v * gv).sum(axis=-2, keepdims=True)
    if v.dtype.kind == "c":  # They keep their phase, too: their largest entry is real.
        size = np.abs(value_of(v))
        largest = size == size.max(axis=-2, keepdims=True)
        largest = largest & (np.cumsum(largest, axis=-2) == 1)
        gv = _in_phase(gv, v, largest, along)
        along = np.real(along)
    gv = gv - mirrored(v) * along  # They keep the length 1.
    vt = transposed(v)
    return solve(vt, gw[..., None] * vt + (_apart(w) * (vt @ gv)) @ vt)


@primitive(
    a=lambda g, y, a: _eig(g, y) if a.size else a,
    notation=call("eig"),
    domain={"a": "full rank"},
    packed=True,
    takes_complex=True,
    examples=(example((3, 3)), example((2, 2, 2)), example((1, 1)), example((0, 2, 2))),
)
def eig(a: Any) -> Any:
    """Eigenvalues of a matrix, upon its eigenvectors."""
    w, v = np.linalg.eig(a)
    return np.concatenate([w[..., None, :], v], axis=-2)


def _svd(g: Any, y: Any, a: Any) -> Any:
    """Cotangent of a matrix from those of ``u``, the singular values and ``vt.T``."""
    m, n = a.shape[-2:]
    u, s, v = y[..., :m, :], y[..., m, :], y[..., m + 1 :, :]
    gu, gs, gv = g[..., :m, :], g[..., m, :], g[..., m + 1 :, :]
    vt, limit = transposed(v), _limit(s, max(m, n))
    sums = s[..., None, :] + s[..., :, None]
    apart = _apart(s) * inverse_or_zero(sums, limit[..., None])  # Of the differences of squares.
    turned_u, turned_v = transposed(u) @ gu, vt @ gv
    first = (turned_u - transposed(turned_u)) * s[..., None, :]
    second = s[..., None] * (turned_v - transposed(turned_v))
    turned = u @ (apart * (first + second))
    gx = (u * np.where(s <= limit, 0.0, gs)[..., None, :] + turned) @ vt
    reciprocal = inverse_or_zero(s, limit)[..., None, :]
    if m > n:
        gx = gx + ((gu - u @ turned_u) * reciprocal) @ vt
    if n > m:
        gx = gx + (u * reciprocal) @ transposed(gv - v @ turned_v)
    return gx


@primitive(
    a=lambda g, y, a: _svd(g, y, a) if a.size else a,
    notation=call("svd"),
    domain={"a": "full rank"},
    packed=True,
    examples=(
        example((3, 3)),
        example((4, 2)),
        example((2, 3)),
        example((2, 3, 2)),
        example((1, 1)),
        example((0, 2, 2)),
    ),
)
def svd(a: Any) -> Any:
    """Singular value decomposition: ``u``, upon the singular values, upon the transpose of ``vt``.

    The derivative of a singular value at 0 is 0.
    """
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], vt.swapaxes(-1, -2)], axis=-2)
