"""Calls of NumPy's products, linear algebra, signals and polynomials, and their inputs."""

import inspect
import warnings

import numpy as np

from autograd_lite import Tensor
from autograd_lite.numpy_api import values_of
from autograd_lite.numpy_api.products import DIMENSIONS

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 3)) + np.diag([2.0, -4.0, 6.0])  # Full rank, real eigenvalues.
SPD = A @ A.T
SYM = A + A.T
TALL = RNG.normal(size=(4, 3))
WIDE = TALL.T.copy()
STACK = RNG.normal(size=(2, 3, 3)) + np.diag([2.0, -4.0, 6.0])
CUBE = RNG.normal(size=(2, 3, 4))
V = np.array([0.5, -0.25, 2.0])
U = np.array([1.5, 0.75, -1.0, 0.25])
X = np.array([0.3, 1.7, -0.4, 2.6, 5.0, -3.0])
GIVEN = {"a": A, "p": SPD, "s": SYM, "t": TALL, "w": WIDE, "k": STACK, "c": CUBE, "v": V, "u": U,
         "x": X}  # fmt: skip


def leaf(value, **kwargs):
    return Tensor(value, requires_grad=True, **kwargs)


PRODUCTS = [
    lambda np, v: np.dot(v, [1.0, 2.0, 3.0], out=None),
    lambda np, v: np.vdot(v, V + 1),
    lambda np, a, k: np.vdot(a, k[0]),
    lambda np, v, t: np.inner(v, t),
    lambda np, t, a: np.inner(t, a),
    lambda np, c, u: np.inner(c, u),
    lambda np, v: np.inner(2.0, v),
    lambda np, v, u: np.outer(v, u),
    lambda np, t, v: np.outer(t, v, None),
    lambda np, v, u: np.linalg.outer(v, u),
    lambda np, a, t: np.tensordot(a, t, (1, 1)),
    lambda np, c, t: np.tensordot(c, t, axes=([1, 2], [1, 0])),
    lambda np, k, a: np.tensordot(k, a),
    lambda np, v, u: np.tensordot(v, u, 0),
    lambda np, c, w: np.tensordot(c, w, axes=((-1, 1), (-1, 0))),
    lambda np, c, u: np.linalg.tensordot(c, u, axes=1),
    lambda np, a, t: np.kron(a, t),
    lambda np, c, v: np.kron(c, v),
    lambda np, v, c: np.kron(v, c),
    lambda np, v: np.kron(2.0, v),
    lambda np, v, t: np.cross(v, t),
    lambda np, w, v: np.cross(w, v, axisa=0),
    lambda np, w, t: np.cross(w, t, 0, 1, 0),
    lambda np, a, k: np.cross(a, k, axis=1),
    lambda np, c, w: np.cross(c, w, 1, 0, 1),
    lambda np, w: np.linalg.cross(w, w[::-1], axis=0),
    lambda np, t, v: np.vecdot(t, v),
    lambda np, k, v: np.matvec(k, v),
    lambda np, k, v: np.vecmat(v, k),
    lambda np, k, a: np.linalg.vecdot(k, a, axis=-2),
    lambda np, k, t: np.linalg.matmul(t, k),
    lambda np, a, t, w: np.linalg.multi_dot([t, a, w]),
    lambda np, v, a, w, u: np.linalg.multi_dot((v, a, w, u)),
    lambda np, v, a: np.linalg.multi_dot([v, a]),
    lambda np, t, w: np.linalg.multi_dot([t, w, t, A, w]),
    lambda np, a: np.linalg.matrix_power(a, 5),
    lambda np, k: np.linalg.matrix_power(k, 6),
    lambda np, k: np.linalg.matrix_power(k, -3),
    lambda np, a: np.linalg.matrix_power(a, 1),
    lambda np, k: np.linalg.matrix_power(k, 0),
    lambda np, c: np.trace(c, 1, 2, 1),
    lambda np, t: np.trace(t, offset=-1),
    lambda np, c: np.linalg.trace(c, offset=1),
    lambda np, c: np.linalg.diagonal(c, offset=-1),
    lambda np, c: np.linalg.diagonal(c, offset=7),
    lambda np, k: np.linalg.diagonal(k),
    lambda np, c: np.linalg.matrix_transpose(c),
    lambda np, a, t: np.einsum("ij,kj->ik", a, t),
    lambda np, a: np.einsum("ii", a),
    lambda np, k: np.einsum("...ii->...i", k),
    lambda np, k, v: np.einsum("...ij,...j", k, v),
    lambda np, k, a: np.einsum("...ij, ...jk -> ...ik", k, a),
    lambda np, c, t: np.einsum("b...a,a...", c, t),
    lambda np, a, t, w: np.einsum("ij,kj,jl->kl", a, t, w, optimize=True),
    lambda np, a, t, w: np.einsum("ij,kj,jl->kl", a, t, w,
                                  optimize=["einsum_path", (0, 1), (0, 1)]),
    lambda np, a, v: np.einsum(a, [0, 1], v, [1]),
    lambda np, a, v: np.einsum(a, [0, 1], v, [1], [0]),
    lambda np, k, v: np.einsum(k, [..., 5, 30], v, [30], [5, ...]),
    lambda np, k: np.einsum(k, [..., 1, 0]),
    lambda np, v, u: np.einsum("z,a", v, u, order="C", casting="safe", dtype=None),
    lambda np, v: np.einsum(",i->", 2.0, v),
]  # fmt: skip

LINALG = [
    lambda np, a, v: np.linalg.solve(a, v),
    lambda np, k, w: np.linalg.solve(k, w),
    lambda np, k, v: np.linalg.solve(k, v),
    lambda np, k: np.linalg.solve(A, k),
    lambda np, k: np.linalg.inv(k),
    lambda np, k: np.linalg.det(k),
    lambda np, k: np.linalg.slogdet(k),
    lambda np, a: np.linalg.slogdet(a).sign * np.linalg.slogdet(-a)[1],
    lambda np, p: np.linalg.cholesky(p),
    lambda np, p: np.linalg.cholesky(p, upper=True),
    lambda np, s: np.linalg.eigh(s),
    lambda np, s: np.linalg.eigh(s, UPLO="U"),
    lambda np, k: np.linalg.eigh(k),
    lambda np, s: np.linalg.eigvalsh(s, "u"),
    lambda np, a: np.linalg.eig(a),
    lambda np, k: np.linalg.eigvals(k),
    lambda np, k: np.linalg.svd(k),
    lambda np, t: np.linalg.svd(t, full_matrices=False),
    lambda np, w: np.linalg.svd(w, False),
    lambda np, w: np.linalg.svd(w, compute_uv=False),
    lambda np, k: np.linalg.svd(k, hermitian=True),
    lambda np, s: np.linalg.svd(s, compute_uv=False, hermitian=True),
    lambda np, c: np.linalg.svdvals(c),
    lambda np, c: np.linalg.qr(c),
    lambda np, t: np.linalg.qr(t, "r"),
    lambda np, w: np.linalg.qr(w),
    lambda np, w: np.linalg.qr(w, mode="complete"),
    lambda np, c: np.linalg.qr(c, mode="r"),
    lambda np, c: np.linalg.pinv(c),
    lambda np, t: np.linalg.pinv(t, 1e-9),
    lambda np, t: np.linalg.pinv(t, rtol=1e-9),
    lambda np, w: np.linalg.pinv(w, rtol=None),
    lambda np, k: np.linalg.pinv(k, hermitian=True),
    lambda np, k: np.linalg.pinv(k, np.array([1e-9, 1e-8])),
    lambda np, t, u: np.linalg.lstsq(t, u)[0],
    lambda np, t, u: np.linalg.lstsq(t, u)[1],
    lambda np, t, a: np.linalg.lstsq(t, np.concatenate([a, a[:1]]), rcond=-1),
    lambda np, w, v: np.linalg.lstsq(w, v, 1e-9),
    lambda np, u: np.linalg.lstsq([[1, 2], [3, 5], [0, 1], [2, 2]], u),
    lambda np, c: np.linalg.tensorinv(c.reshape(4, 6)[:, :4].reshape(2, 2, 4), 2),
    lambda np, c: np.linalg.tensorinv(c.reshape(4, 6)[:, :4].reshape(4, 2, 2), ind=1),
    lambda np, c, u: np.linalg.tensorsolve(
        c.reshape(4, 6)[:, :4].reshape(2, 2, 4), u.reshape(2, 2)
    ),
    lambda np, c, u: np.linalg.tensorsolve(
        c.reshape(4, 6)[:, :4].reshape(4, 2, 2), u.reshape(2, 2), (0,)
    ),
    lambda np, k: np.linalg.cond(k),
    lambda np, t: np.linalg.cond(t, -2),
    lambda np, k: np.linalg.cond(k, "fro"),
    lambda np, a: np.linalg.cond(a, 1),
    lambda np, a: np.linalg.cond(a, np.inf),
    lambda np, c: np.linalg.norm(c),
    lambda np, t: np.linalg.norm(t, "fro"),
    lambda np, t: np.linalg.norm(t, ord="nuc", keepdims=True),
    lambda np, c: np.linalg.norm(c, "nuc", (0, 2)),
    lambda np, c: np.linalg.norm(c, 2, axis=(2, 0), keepdims=True),
    lambda np, t: np.linalg.norm(t, -2),
    lambda np, t: np.linalg.norm(t, 1),
    lambda np, c: np.linalg.norm(c, -1, (-1, 0)),
    lambda np, c: np.linalg.norm(c, np.inf, (0, 1), True),
    lambda np, c: np.linalg.norm(c, -np.inf, axis=(1, 0)),
    lambda np, c: np.linalg.norm(c, axis=(1, 0)),
    lambda np, c: np.linalg.norm(c, axis=-2),
    lambda np, c: np.linalg.norm(c, 3, 1),
    lambda np, v: np.linalg.norm(v, np.inf),
    lambda np, v: np.linalg.norm(v, -np.inf),
    lambda np, v: np.linalg.norm(v, 1),
    lambda np, v: np.linalg.norm(v, 0),
    lambda np, v: np.linalg.norm(v, ord=2, axis=0, keepdims=True),
    lambda np, v: np.linalg.norm(v, 0.5),
    lambda np, v: np.linalg.norm(v, -3.5),
    lambda np, c: np.linalg.vector_norm(c, axis=(0, 2), ord=3),
    lambda np, c: np.linalg.vector_norm(c, keepdims=True),
    lambda np, c: np.linalg.matrix_norm(c),
    lambda np, c: np.linalg.matrix_norm(c, keepdims=True, ord="nuc"),
]

SIGNALS = [
    lambda np, v, u: np.convolve(v, u),
    lambda np, v, u: np.convolve(v, u, "same"),
    lambda np, v, u: np.convolve(u, v, mode="valid"),
    lambda np, u: np.convolve(u, 2.0, mode="same"),
    lambda np, v, u: np.correlate(v, u),
    lambda np, v, u: np.correlate(v, u, "same"),
    lambda np, v, u: np.correlate(u, v, "same"),
    lambda np, u, x: np.correlate(u, x, "same"),
    lambda np, u, x: np.correlate(x, u, mode="same"),
    lambda np, v, u: np.correlate(u, v, mode="full"),
    lambda np, v, u: np.correlate(v, u, mode="full"),
    lambda np, x, u: np.interp(x, [-2.0, 0.1, 1.0, 4.0], u),
    lambda np, x, u: np.interp(x, [-2.0, 0.1, 1.0, 4.0], u, left=-7.0, right=9.0),
    lambda np, x, u, v: np.interp(x, [-2.0, 0.1, 1.0, 4.0], u, v[0], v[1]),
    lambda np, x, u, v: np.interp(x, np.concatenate([v[1:2], v[:1], v[2:], v[2:] * 2]), u),
    lambda np, x, u: np.interp(x, u, u * u, period=2.1),
    lambda np, x, u: np.interp(x, u, u * u, period=u[3] * 8.4),
    lambda np, x, u: np.interp(x, u, u * u, period=-2.1),
    lambda np, v: np.interp(0.7, np.array([0.0, 1.0, 2.0]), v),
]

POLYNOMIALS = [
    lambda np, u, t: np.polyval(u, t),
    lambda np, v: np.polyval([1.0, 2.0], v),
    lambda np, v: np.polyval(v, 2.0),
    lambda np, u, v: np.polyadd(u, v),
    lambda np, u, v: np.polyadd(v, u),
    lambda np, u, v: np.polysub(u, v),
    lambda np, v: np.polysub(v, 1.0),
    lambda np, u, v: np.polymul(u, v),
    lambda np, v: np.polymul([0.0, 1.0, 2.0], v),
    lambda np, u, v: np.polydiv(u, v),
    lambda np, u, v: np.polydiv(v, u),
    lambda np, u, v: np.polydiv(np.polymul(u, v), v)[0],
    lambda np, u: np.polyder(u),
    lambda np, u: np.polyder(u, 2),
    lambda np, u: np.polyder(u, m=0),
    lambda np, u: np.polyint(u),
    lambda np, u, v: np.polyint(u, 2, v[:2]),
    lambda np, u: np.polyint(u, m=3, k=2.0),
    lambda np, v: np.vander(v),
    lambda np, v: np.vander(v, 5, increasing=True),
    lambda np, v: np.vander(v, N=2),
    lambda np, v: np.poly(v),
    lambda np, a: np.poly(a),
    lambda np, v: np.roots(np.poly(v)),
    lambda np, v: np.roots(np.concatenate([[0.0], np.poly(v), [0.0, 0.0]])),
    lambda np, x, v: np.polyfit(x[:3], v, 1),
    lambda np, x: np.polyfit(x, np.outer(x, x)[:, :2], deg=2),
    lambda np, x: np.polyfit(x, x * x * x, 2, w=[1.0, 2.0, 0.5, 1.0, 3.0, 1.0]),
    lambda np, x: np.polyfit(x, x * x, 1, rcond=1e-9, full=False, w=x + 4, cov=False),
]

VARIANTS = [*PRODUCTS, *LINALG, *SIGNALS, *POLYNOMIALS]
if 2 in DIMENSIONS:
    VARIANTS += [
        lambda np, v: np.cross(v[:2], v[1:]),
        lambda np, v, t: np.cross(v[:2], t),
        lambda np, v, t: np.cross(t, v[1:]),
    ]

PLANE = ".*2-dimensional vectors"


def source(function):
    """The line that a variant stands in."""
    text = inspect.getsource(function).strip().rstrip(",")
    return " ".join(text.partition(": ")[2].split())


def arguments(variant):
    return list(inspect.signature(variant).parameters)[1:]


def as_real(x):
    """Complex numbers that are real, as real ones: so NumPy gave eigenvalues until 2.5."""
    if not isinstance(x, Tensor | np.ndarray | np.generic) or x.dtype.kind != "c":
        return x
    return x if np.imag(values_of(x)).any() else np.real(x)


def call(variant, values):
    """All results of a variant that are no constants, joined to one array or Tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", PLANE)
        result = variant(np, *values)
    return [as_real(x) for x in result] if isinstance(result, tuple) else [as_real(result)]


def joined(results):
    floats = [x for x in results if isinstance(x, Tensor | np.ndarray | np.float64)]
    return np.concatenate([np.reshape(x, (-1,)) for x in floats])


def gradient_agrees(f, values, tolerance=1e-6):
    """The gradient against central differences, along a random direction in all arrays."""
    computed = f

    def f(*arrays):
        return as_real(computed(*arrays))

    rng = np.random.default_rng(1)
    cotangent = rng.uniform(0.5, 1.5, np.shape(f(*values)))
    directions = [rng.normal(size=x.shape) for x in values]
    tensors = [leaf(x) for x in values]
    result = f(*tensors)
    np.testing.assert_allclose(result.numpy(), f(*values), rtol=1e-12, atol=1e-12)
    result.backward(cotangent)

    def at(h):
        moved = [x + h * d for x, d in zip(values, directions, strict=True)]
        return float(np.sum(f(*moved) * cotangent))

    slope = (8 * (at(1e-4) - at(-1e-4)) - (at(2e-4) - at(-2e-4))) / 12e-4
    product = sum(
        np.sum(t.grad * d) for t, d in zip(tensors, directions, strict=True) if t.grad is not None
    )
    np.testing.assert_allclose(float(product), slope, rtol=tolerance, atol=tolerance)
