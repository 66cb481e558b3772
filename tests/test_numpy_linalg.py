"""NumPy's products, linear algebra, signals and polynomials on Tensors."""

import inspect
import itertools
import warnings

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_lite as al
from autograd_lite import Tensor
from autograd_lite.numpy_api.table import COMPOSED, WITHOUT_DERIVATIVE
from autograd_lite.primitive import BY_NUMPY_FUNCTION

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
    lambda np, v: np.cross(v[:2], v[1:]),
    lambda np, v, t: np.cross(v[:2], t),
    lambda np, v, t: np.cross(t, v[1:]),
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
PLANE = ".*2-dimensional vectors"


def source(function):
    """The line that a variant stands in."""
    text = inspect.getsource(function).strip().rstrip(",")
    return " ".join(text.partition(": ")[2].split())


def arguments(variant):
    return list(inspect.signature(variant).parameters)[1:]


def call(variant, values):
    """All results of a variant that are no constants, joined to one array or Tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", PLANE)
        result = variant(np, *values)
    return [*result] if isinstance(result, tuple) else [result]


def joined(results):
    floats = [x for x in results if isinstance(x, Tensor | np.ndarray | np.float64)]
    return np.concatenate([np.reshape(x, (-1,)) for x in floats])


@pytest.mark.parametrize("variant", VARIANTS, ids=source)
def test_value_is_numpys(variant):
    names = arguments(variant)
    plain = call(variant, [GIVEN[name] for name in names])
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 3e-4)):
        results = call(variant, [leaf(GIVEN[name].astype(dtype)) for name in names])
        expected = call(variant, [GIVEN[name].astype(dtype) for name in names])
        assert any(isinstance(x, Tensor) and x.requires_grad for x in results)
        for got, want, exact in zip(results, expected, plain, strict=True):
            assert np.shape(got) == np.shape(want)
            assert getattr(got, "dtype", int) == getattr(want, "dtype", int) or np.ndim(want) == 0
            if dtype == np.float32 and np.size(want):
                # Both are as far from the exact value; of QR and eigenvectors, the sign may differ.
                scale = np.abs(exact).max(initial=0)
                np.testing.assert_allclose(got, exact, rtol=tolerance, atol=tolerance * scale)
            else:
                np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("variant", VARIANTS, ids=source)
def test_type_of_the_result_is_numpys(variant):
    names = arguments(variant)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", PLANE)
        plain = variant(np, *(GIVEN[name] for name in names))
        recorded = variant(np, *(leaf(GIVEN[name]) for name in names))
    if isinstance(plain, tuple):
        assert type(recorded) is type(plain)
        assert getattr(recorded, "_fields", None) == getattr(plain, "_fields", None)


@pytest.mark.parametrize("variant", VARIANTS, ids=source)
def test_first_and_second_derivative_along_a_line(variant):
    """Against central differences: of the function, and of its own first derivative."""
    rng = np.random.default_rng(3)
    starts = [GIVEN[name] for name in arguments(variant)]
    directions = [rng.normal(size=start.shape) for start in starts]
    cotangent = rng.uniform(0.5, 1.5, joined(call(variant, starts)).shape)

    def f(*values):
        return np.sum(joined(call(variant, values)) * cotangent)

    def moved(h):
        return [x + h * d for x, d in zip(starts, directions, strict=True)]

    def slope(*values):
        gradients = al.grad(f, argnums=tuple(range(len(values))))(*values)
        return sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))

    def difference(function, step):
        near = function(*moved(step)) - function(*moved(-step))
        far = function(*moved(2 * step)) - function(*moved(-2 * step))
        return float((8 * near - far) / (12 * step))

    first = float(slope(*starts))
    np.testing.assert_allclose(first, difference(f, 5e-5), rtol=1e-7, atol=1e-8)
    second = sum(
        np.sum(g * d)
        for g, d in zip(
            al.grad(slope, argnums=tuple(range(len(starts))))(*starts), directions, strict=True
        )
    )
    np.testing.assert_allclose(float(second), difference(slope, 5e-5), rtol=1e-6, atol=1e-7)


# ------------------------------------------------------------ an independent library

HIPS = [
    lambda np, a: np.linalg.norm(a),
    lambda np, a: np.linalg.norm(a, "nuc"),
    lambda np, t: np.linalg.norm(t, axis=0),
    lambda np, t: np.linalg.norm(t, 3.5, 1),
    lambda np, c: np.linalg.norm(c, "nuc", (0, 2)),
    lambda np, s: np.linalg.eigh(s)[1] * np.linalg.eigh(s)[0],
    lambda np, s: np.linalg.eigh(s, "U")[1],
    lambda np, a: np.linalg.eig(a)[0],
    lambda np, a: np.linalg.eig(a)[1],
    lambda np, c: np.linalg.svd(c, full_matrices=False)[0],
    lambda np, c: np.linalg.svd(c, full_matrices=False)[2],
    lambda np, c: np.linalg.svd(c, compute_uv=False),
    lambda np, k: np.linalg.pinv(k),
    lambda np, a, t: np.kron(a, t),
    lambda np, a, s: np.cross(a, s),
    lambda np, t, a: np.inner(t, a),
    lambda np, v, u: np.outer(v, u),
    lambda np, c, t: np.tensordot(c, t, ([1, 2], [1, 0])),
    lambda np, k, v: np.einsum("...ij,...j", k, v),
    lambda np, k, a: np.einsum("bij,jk->bik", k, a),
    lambda np, k: np.linalg.slogdet(k)[1],
]


@pytest.mark.parametrize("variant", HIPS, ids=source)
def test_gradient_is_that_of_hips_autograd(variant):
    names = arguments(variant)
    values = [GIVEN[name] for name in names]
    cotangent = np.random.default_rng(5).uniform(0.5, 1.5, np.shape(variant(np, *values)))

    def f(numpy):
        return lambda *values: numpy.sum(variant(numpy, *values) * cotangent)

    for i in range(len(names)):
        np.testing.assert_allclose(
            np.asarray(al.grad(f(np), i)(*values)), autograd.grad(f(anp), i)(*values), rtol=1e-10
        )


def test_cholesky_is_half_of_hips_on_both_sides_of_the_diagonal():
    """NumPy reads one triangle; HIPS shares the gradient with the other, which is not read."""
    ours = al.grad(lambda p: np.sum(np.linalg.cholesky(p) * A))(SPD)
    theirs = autograd.grad(lambda p: anp.sum(anp.linalg.cholesky(p) * A))(SPD)
    np.testing.assert_allclose((ours + ours.T) / 2, theirs, rtol=1e-12)
    assert not np.triu(ours, 1).any()


# ------------------------------------------------------------ drawn


def gradient_agrees(f, values, tolerance=1e-6):
    """The gradient against central differences, along a random direction in all arrays."""
    rng = np.random.default_rng(1)
    cotangent = rng.uniform(0.5, 1.5, np.shape(f(*values)))
    directions = [rng.normal(size=x.shape) for x in values]
    tensors = [leaf(x) for x in values]
    result = f(*tensors)
    np.testing.assert_allclose(result, f(*values), rtol=1e-12, atol=1e-12)
    result.backward(cotangent)

    def at(h):
        moved = [x + h * d for x, d in zip(values, directions, strict=True)]
        return float(np.sum(f(*moved) * cotangent))

    slope = (8 * (at(1e-4) - at(-1e-4)) - (at(2e-4) - at(-2e-4))) / 12e-4
    product = sum(
        np.sum(t.grad * d) for t, d in zip(tensors, directions, strict=True) if t.grad is not None
    )
    np.testing.assert_allclose(float(product), slope, rtol=tolerance, atol=tolerance)


@st.composite
def contractions(draw):
    """Subscripts, in one of their forms, and operands that fit; lengths of 1 are stretched."""
    sizes = draw(st.fixed_dictionaries({label: st.integers(0, 3) for label in "aBcd"}))
    terms = draw(st.lists(st.text("aBcd", max_size=3), min_size=1, max_size=3))
    ellipses = [draw(st.booleans()) for _ in terms]
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    operands, written = [], []
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    for term, dotted in zip(terms, ellipses, strict=True):
        lengths = dict(sizes)
        if draw(st.booleans()):  # One label has the length 1 here.
            lengths |= dict.fromkeys(term[:1], 1)
        front = [draw(st.sampled_from([1, n])) for n in batch[draw(st.integers(0, len(batch))) :]]
        shape = (front if dotted else []) + [lengths[label] for label in term]
        operands.append(rng.normal(size=shape))
        written.append(("..." if dotted else "") + term)
    subscripts = ",".join(written)
    used = sorted({label for term in terms for label in term})
    if draw(st.booleans()):
        output = "".join(draw(st.permutations(draw(st.lists(st.sampled_from(used), unique=True))
                                              if used else [])))  # fmt: skip
        subscripts += "->" + ("..." if any(ellipses) else "") + output
    return subscripts, operands


@settings(max_examples=300, deadline=None)
@given(contractions(), st.booleans())
def test_einsum_of_any_subscripts(drawn, optimize):
    subscripts, operands = drawn
    try:
        expected = np.einsum(subscripts, *operands, optimize=optimize)
    except ValueError:
        with pytest.raises(ValueError, match="einsum"):
            np.einsum(subscripts, *map(leaf, operands), optimize=optimize)
        return
    result = np.einsum(subscripts, *map(leaf, operands), optimize=optimize)
    assert result.shape == expected.shape
    gradient_agrees(lambda *x: np.einsum(subscripts, *x, optimize=optimize), operands)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_norm_of_any_order_along_any_axes(data):
    shape = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    ndim = len(shape)
    x = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=shape)
    axes = [st.integers(-ndim, ndim - 1)]
    if ndim > 1:
        pairs = [(i, k) for i in range(-ndim, ndim) for k in range(-ndim, ndim) if (i - k) % ndim]
        axes.append(st.sampled_from(pairs))
    axis = data.draw(st.one_of(axes))
    orders = [None, 1, -1, 2, -2, np.inf, -np.inf]
    orders += ["fro", "nuc"] if isinstance(axis, tuple) else [3, 0.5, -2.5]
    order, keepdims = data.draw(st.sampled_from(orders)), data.draw(st.booleans())
    result = np.linalg.norm(leaf(x), order, axis, keepdims)
    np.testing.assert_allclose(result, np.linalg.norm(x, order, axis, keepdims), rtol=1e-12)
    assert result.shape == np.linalg.norm(x, order, axis, keepdims).shape
    # Not so close to a kink that the difference steps over it.
    gradient_agrees(lambda x: np.linalg.norm(x, order, axis, keepdims), [x], 1e-5)


STACKS = st.lists(st.integers(0, 2), max_size=2)


@settings(max_examples=100, deadline=None)
@given(STACKS, STACKS, st.integers(1, 3), st.integers(0, 2), st.integers(0, 99), st.booleans())
def test_stacks_of_systems_broadcast(stack, other, n, k, seed, fortran):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(*stack, n, n)) + 4 * np.eye(n)
    b = rng.normal(size=(*other, n, k))
    if fortran:
        a, b = np.asfortranarray(a), np.asfortranarray(b)
    try:
        np.linalg.solve(a, b)
    except ValueError:
        with pytest.raises(ValueError, match="solve"):
            np.linalg.solve(leaf(a), leaf(b))
        return
    gradient_agrees(np.linalg.solve, [a, b])


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("stack", [(), (0,), (2,), (2, 1)], ids=str)
@pytest.mark.parametrize(
    "function",
    [
        np.linalg.inv,
        np.linalg.det,
        np.linalg.pinv,
        np.linalg.svdvals,
        np.linalg.eigvals,
        lambda a: np.linalg.slogdet(a)[1],
        lambda a: np.linalg.eigvalsh(a),
        lambda a: np.linalg.eigh(a)[1],
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.qr(a)[1],
        lambda a: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2)),
        lambda a: np.linalg.matrix_power(a, -2),
        lambda a: np.linalg.norm(a, "nuc", (-2, -1)),
        lambda a: np.linalg.trace(a, offset=1),
    ],
    ids=lambda f: getattr(f, "__name__", "f"),
)
def test_stacks_of_any_length(function, stack, n):
    rng = np.random.default_rng(n)
    a = 0.5 * rng.normal(size=(*stack, n, n)) + np.diag([2.0, -4.0, 6.0][:n])
    gradient_agrees(function, [a])
    gradient_agrees(function, [np.asfortranarray(a)])


SHAPES = [(), (1,), (3,), (0,), (1, 1), (2, 2), (3, 3), (0, 0), (0, 3), (3, 0), (2, 3), (3, 2),
          (2, 3, 3), (0, 2, 2), (2, 0, 0), (2, 2, 3), (2, 2, 2, 2)]  # fmt: skip
OF_ONE = """
np.linalg.inv(a)  np.linalg.det(a)  np.linalg.slogdet(a)  np.linalg.cholesky(a)  np.linalg.eigh(a)
np.linalg.eigvalsh(a)  np.linalg.eig(a)  np.linalg.eigvals(a)  np.linalg.svd(a)  np.linalg.qr(a)
np.linalg.svd(a, False)  np.linalg.svdvals(a)  np.linalg.svd(a, hermitian=True)
np.linalg.qr(a, "r")  np.linalg.qr(a, "complete")  np.linalg.pinv(a)  np.linalg.pinv(a, rtol=None)
np.linalg.matrix_power(a, 0)  np.linalg.matrix_power(a, 3)  np.linalg.matrix_power(a, -1)
np.linalg.tensorinv(a, 1)  np.linalg.tensorinv(a)  np.linalg.cond(a)  np.linalg.cond(a, 1)
np.linalg.trace(a)  np.linalg.diagonal(a)  np.linalg.matrix_transpose(a)  np.linalg.matrix_norm(a)
np.linalg.norm(a)  np.linalg.norm(a, 1)  np.linalg.norm(a, -2)  np.linalg.norm(a, "nuc")
np.linalg.norm(a, np.inf)  np.linalg.norm(a, -1)  np.linalg.norm(a, 2)  np.linalg.norm(a, 3)
np.linalg.vector_norm(a, ord=-np.inf)  np.linalg.matrix_norm(a, ord=-1)  np.trace(a)  np.poly(a)
np.linalg.matrix_norm(a, ord=np.inf)  np.vander(a)  np.polyder(a)  np.polyint(a)  np.roots(a)
"""
OF_TWO = """
np.dot(a, b)  np.vdot(a, b)  np.inner(a, b)  np.outer(a, b)  np.linalg.outer(a, b)
np.tensordot(a, b)  np.tensordot(a, b, 1)  np.tensordot(a, b, 0)  np.kron(a, b)
np.linalg.cross(a, b)  np.vecdot(a, b)  np.matvec(a, b)  np.vecmat(a, b)  np.linalg.vecdot(a, b)
np.linalg.matmul(a, b)  np.linalg.multi_dot([a, b])  np.linalg.solve(a, b)  np.linalg.lstsq(a, b)
np.linalg.tensorsolve(a, b)  np.convolve(a, b)  np.convolve(a, b, "same")  np.correlate(a, b)
np.correlate(a, b, "same")  np.polyval(a, b)  np.polyadd(a, b)  np.polymul(a, b)  np.polydiv(a, b)
np.einsum("...i,...i", a, b)  np.einsum("...ij,...jk", a, b)  np.einsum("ij,kj", a, b)
"""


def calls(text):
    return [call.strip() for call in text.replace("\n", "  ").split("  ") if call]


@pytest.mark.parametrize("text", calls(OF_ONE) + calls(OF_TWO))
@np.errstate(all="ignore")  # Integers are 0 here and there.
def test_shapes_of_all_kinds_give_what_numpy_gives_or_an_error(text):
    """Also the values of integers, whose type must become what NumPy makes of it."""
    rng = np.random.default_rng(0)
    code = compile(text, "call", "eval")
    for dtype in (float, int):
        for shape, other in itertools.product(SHAPES, SHAPES if text in calls(OF_TWO) else [()]):
            given = {"a": 3 * rng.normal(size=shape), "b": 3 * rng.normal(size=other)}
            given = {name: x.astype(dtype) for name, x in given.items()}
            lifted = {name: Tensor(x, dtype is float) for name, x in given.items()}
            try:
                wanted = eval(code, {"np": np, **given})
            except (TypeError, ValueError, IndexError):
                if shape or "tensorinv" not in text:  # Of a number, NumPy fails by accident.
                    with pytest.raises((TypeError, ValueError, IndexError)):
                        eval(code, {"np": np, **lifted})
                continue
            try:
                results = eval(code, {"np": np, **lifted})
            except (TypeError, ValueError):
                continue  # What may be refused is listed below.
            wanted, results = (x if isinstance(x, tuple) else (x,) for x in (wanted, results))
            for got, want in zip(results, wanted, strict=True):
                assert np.shape(got) == np.shape(want)
                assert np.result_type(got) == np.result_type(want)
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------ kinks, ties, singular points


def gradient(f, x):
    return np.asarray(al.grad(lambda x: np.sum(f(x)))(np.array(x, float)))


def hessian(f, x):
    return np.asarray(al.hessian(lambda x: np.sum(f(x)))(np.array(x, float)))


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, 0.5, np.inf, -np.inf, 0])
def test_norm_of_zeros_has_the_gradient_zero(order):
    assert not gradient(lambda x: np.linalg.norm(x, order), [0.0, 0.0]).any()


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_norm_of_a_matrix_of_zeros_has_the_gradient_zero(order):
    assert not gradient(lambda x: np.linalg.norm(x, order), np.zeros((2, 3))).any()


def test_an_entry_of_zero_gets_nothing_where_it_makes_a_kink():
    for order in (1, 0.5, 1.5, -1):
        with np.errstate(divide="ignore"):
            g = gradient(lambda x, order=order: np.linalg.norm(x, order), [3.0, 0.0, -4.0])
        assert g[1] == 0
        assert np.isfinite(g).all()
    assert gradient(lambda x: np.linalg.norm(x, -1), [3.0, 4.0]).all()


def test_ties_share_the_gradient_of_a_norm():
    g = gradient(lambda x: np.linalg.norm(x, np.inf), [2.0, -2.0, 1.0])
    assert g.tolist() == [0.5, -0.5, 0.0]
    g = gradient(lambda x: np.linalg.norm(x, -np.inf), [2.0, -1.0, 1.0])
    assert g.tolist() == [0.0, -0.5, 0.5]
    # Two equal singular values: half of each u v'.
    np.testing.assert_allclose(gradient(lambda x: np.linalg.norm(x, 2), np.eye(2)), np.eye(2) / 2)


def test_nuclear_norm_of_a_singular_matrix_has_its_middle_subgradient():
    g = gradient(lambda x: np.linalg.norm(x, "nuc"), [[3.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(g, [[1, 0], [0, 0]], atol=1e-15)


def test_equal_eigenvalues_and_singular_values_stay_finite():
    for f in (np.linalg.eigh, np.linalg.svd, np.linalg.eig):
        for x in (np.eye(3), np.zeros((3, 3)), np.diag([2.0, 2.0, 1.0])):
            for k in range(len(f(x))):
                g = gradient(lambda x, f=f, k=k: f(x)[k] * A[: f(x)[k].shape[0]], x)
                assert np.isfinite(g).all()
                assert np.isfinite(hessian(lambda x, f=f, k=k: f(x)[k], x)).all()


def test_eigenvalues_that_differ_by_rounding_are_equal():
    for seed in range(20):
        q = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]
        g = gradient(
            lambda x: np.linalg.eigh(x)[1] * np.arange(4.0), q @ np.diag([1, 2, 2, 3]) @ q.T
        )
        assert np.abs(g).max() < 100


def test_eigenvalues_alone_are_right_where_they_are_equal():
    """As far as they have a derivative: all that are equal, with the same weight."""
    np.testing.assert_allclose(gradient(np.linalg.eigvalsh, 2 * np.eye(3)), np.eye(3))
    np.testing.assert_allclose(gradient(np.linalg.svdvals, 2 * np.eye(3)), np.eye(3))
    with_rounding = A @ np.diag([2.0, 2.0, 1.0]) @ np.linalg.inv(A)  # Not equal to the last digit.
    g = gradient(np.linalg.eigvals, with_rounding)
    np.testing.assert_allclose(g, np.eye(3), atol=1e-9)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 2)),
        np.ones((2, 2)),
        np.zeros((3, 3)),
        np.ones((3, 3)),
        np.arange(1.0, 10.0).reshape(3, 3),
        np.diag([1.0, 1e-12, 0.0]),
        np.diag([2.0, 3.0, 0.0, 0.0]),
        np.stack([np.eye(2), np.ones((2, 2))]),
        np.zeros((1, 1)),
    ],
    ids=lambda x: str(x.tolist()),
)
def test_determinant_of_a_singular_matrix_has_its_cofactors(x):
    def by_permutations(x):
        total = 0.0
        for order in itertools.permutations(range(x.shape[-1])):
            sign = np.linalg.det(np.eye(len(order))[list(order)])
            total = total + round(sign) * np.prod(
                np.stack([x[..., i, k] for i, k in enumerate(order)]), axis=0
            )
        return total

    np.testing.assert_allclose(gradient(np.linalg.det, x), gradient(by_permutations, x), atol=1e-12)
    np.testing.assert_allclose(hessian(np.linalg.det, x), hessian(by_permutations, x), atol=1e-12)


def test_gradient_of_a_triangle_that_is_read_lies_in_it():
    weights = np.arange(1.0, 4.0)
    for f, upper in (
        (np.linalg.cholesky, False),
        (lambda p: np.linalg.cholesky(p, upper=True), True),
        (np.linalg.eigvalsh, False),
        (lambda p: np.linalg.eigh(p, "U")[1], True),
        (lambda p: np.linalg.pinv(p, hermitian=True), False),
    ):
        g = gradient(lambda p, f=f: f(p) * weights, SPD)
        assert not np.triu(g if not upper else g.T, 1).any()
        # A function of a symmetric matrix made from parameters comes out as by either triangle.
        both = gradient(lambda r, f=f: f(r @ r.T) * weights, A)
        fitted = gradient(lambda r, f=f: f((r @ r.T).T) * weights, A)
        np.testing.assert_allclose(both, fitted, rtol=1e-9)


def test_pseudo_inverse_of_a_deficient_matrix_has_the_derivative_along_its_rank():
    def deficient(x):
        return np.outer(x[:3], x[1:])  # Of rank 1, whatever x is.

    gradient_agrees(lambda x: np.linalg.pinv(deficient(x), 1e-9), [np.array([1.0, -0.5, 2.0, 0.7])])


def test_interpolation_has_the_middle_slope_on_a_point():
    xp, fp = [0.0, 1.0, 3.0], np.array([0.0, 2.0, -2.0])
    g = gradient(lambda x: np.interp(x, xp, fp), [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0])
    assert g.tolist() == [0.0, 1.0, 2.0, 0.0, -2.0, -1.0, 0.0]
    g = gradient(lambda fp: np.interp([-1.0, 0.0, 0.5, 1.0, 4.0], xp, fp), fp)
    assert g.tolist() == [2.5, 1.5, 1.0]


def test_derivation_of_an_interpolation_holds_at_other_places():
    def f(x, u):
        return np.sum(np.interp(x, np.array([-2.0, 0.1, 1.0, 4.0]), u) ** 2)

    derivation = al.derive(f, X, U)
    given = {**derivation.arguments, "x": X[::-1] + 0.37}
    _, gradients = derivation.function(**given)
    for i, name in enumerate(("x", "u")):
        expected = al.grad(f, i)(given["x"], given["u"])
        np.testing.assert_allclose(gradients[name], np.asarray(expected), rtol=1e-13)


# ------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: np.linalg.svd(t), "np.linalg.svd on Tensors takes no full_matrices="),
        (lambda t: np.linalg.qr(t, "complete"), "np.linalg.qr on Tensors takes no mode= .*basis"),
        (lambda t: np.linalg.qr(t, "raw"), "np.linalg.qr on Tensors has modes .*'raw'"),
        (lambda t: np.linalg.eig(np.array([[0.0, 1.0], [-1.0, 0.0]]) * t[0, 0]), "eig needs"),
        (lambda t: np.roots(t[0, 0] * np.array([1.0, 0.0, 1.0])), "eig needs .* real"),
        (lambda t: np.linalg.inv(t), "inv got a: .*square"),
        (lambda t: np.linalg.eigh(t), r"np.linalg.eigh needs square matrices.*got .*\(4, 3\)"),
        (lambda t: np.linalg.svd(t * np.array(1j)), "np.linalg.svd on Tensors takes real numbers"),
        (lambda t: np.linalg.norm(t[0], t[0, 0]), "vector_norm needs a number for ord"),
        (lambda t: np.kron(t, [t[0], t[1]]), "A list of Tensors would lose their gradients"),
        (lambda t: np.einsum("ij,jk", t, (t[0],)), "A tuple of Tensors would lose"),
        (lambda t: np.linalg.solve(t.T @ t, t), "solve needs .* got a: .* b: "),
        (lambda t: np.linalg.inv(np.zeros((2, 2)) * t[0, 0]), "inv got .*Singular matrix"),
        (lambda t: np.linalg.cholesky(-t.T @ t), "cholesky got .*not positive definite"),
        (lambda t: np.linalg.eigh(t.T @ t, "X"), "eigh got .*UPLO"),
        (lambda t: np.linalg.norm(t, 3), "Invalid norm order for matrices"),
        (lambda t: np.linalg.norm(t[0], "fro"), "Invalid norm order 'fro' for vectors"),
        (lambda t: np.linalg.norm(t[None], 2), "Improper number of dimensions"),
        (lambda t: np.linalg.norm(t, axis=(0, -2)), "Duplicate axes"),
        (lambda t: np.linalg.norm(t, axis=[0, 1]), "'axis' must be None"),
        (lambda t: np.linalg.norm(t, axis=2), "axis 2 is out of bounds"),
        (lambda t: np.linalg.pinv(t, 1e-9, rtol=1e-9), "can't be both set"),
        (lambda t: np.linalg.lstsq(t, t[1:]), r"np.linalg.lstsq needs .*got \(4, 3\) and \(3, 3\)"),
        (lambda t: np.linalg.matrix_power(t, 2), "matrix_power needs square"),
        (lambda t: np.linalg.matrix_power(t.T @ t, 0.5), "exponent must be an integer, got 0.5"),
        (lambda t: np.linalg.tensorinv(t, 0), "Invalid ind"),
        (lambda t: np.linalg.tensorinv(t, 1), "tensorinv needs square"),
        (lambda t: np.linalg.tensorsolve(t, t[:, 0]), "tensorsolve needs prod"),
        (lambda t: np.linalg.cond(t[:0]), "not defined on empty"),
        (lambda t: np.linalg.multi_dot([t]), "at least two arrays, got 1"),
        (lambda t: np.linalg.multi_dot([t, t[0], t]), "1-dimensional array given as number 1"),
        (lambda t: np.linalg.outer(t, t), "must be one-dimensional"),
        (lambda t: np.linalg.cross(t, t[:, :2]), "3-dimensional vectors, but they are 3 and 2"),
        (lambda t: np.cross(t.T, t.T), "dimension must be 2 or 3"),
        (lambda t: np.tensordot(t, t, 1), "shape-mismatch for sum"),
        (lambda t: np.tensordot(t, t, ([0, 0], [0, 0])), "an axis is given twice"),
        (lambda t: np.einsum("ij,jk", t, t), "einsum"),
        (lambda t: np.einsum("ij", t, t), "for 1 operands, got 2"),
        (lambda t: np.einsum("...j->j", t), "the result must have them too"),
        (lambda t: np.einsum("...ijk", t), "does not fit"),
        (lambda t: np.einsum("ij->ij", t, dtype=np.float32), "takes no dtype="),
        (lambda t: np.einsum("ij->ij", t, out=np.empty((4, 3))), "out="),
        (lambda t: np.einsum("ij->ij", t, casting="unsafe"), "takes no casting= .*'unsafe'"),
        (lambda t: np.einsum(t, [0, 99]), "lists of numbers below 52"),
        (lambda t: np.linalg.trace(t, dtype=np.float32), "takes no dtype="),
        (lambda t: np.dot(t, t.T, np.empty((4, 4))), "out="),
        (lambda t: np.convolve(t, [1.0]), r"np.convolve needs sequences.*\(4, 3\)"),
        (lambda t: np.convolve(t[0, :0], [1.0]), "not empty"),
        (lambda t: np.correlate(t[0], [1.0], "some"), "one of 'valid', 'same', or 'full'"),
        (lambda t: np.correlate(t[0], [1.0j]), "np.correlate on Tensors takes real numbers"),
        (lambda t: np.interp(t, [0.0, 1.0], [0.0, 1.0], period=0), "period must be"),
        (lambda t: np.polyval(np.poly1d([1, 2]), t), "np.polyval on Tensors .*poly1d"),
        (lambda t: np.polyval(t, 2.0), "np.polyval needs a sequence"),
        (lambda t: np.polyfit(t[:, 0], t, 1, full=True), "np.polyfit on Tensors takes no full="),
        (lambda t: np.polyfit(t[:, 0], t, 1, cov="unscaled"), "np.polyfit on .* takes no cov="),
        (lambda t: np.polyfit(t[:3, 0], t, 1), r"np.polyfit needs x of shape"),
        (lambda t: np.polyint(t[0], 3, [1.0, 2.0]), "k must be a scalar"),
        (lambda t: np.polyint(t[0], -1), "must be positive"),
        (lambda t: np.polyder(t[0], -1), "must be positive"),
        (lambda t: np.poly(t), r"must be 1d or non-empty square, got \(4, 3\)"),
        (lambda t: np.vander(t), "must be a one-dimensional array"),
    ],
    ids=lambda value: source(value) if callable(value) else "",
)  # fmt: skip
def test_what_is_not_possible_is_said_at_the_call(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(leaf(TALL))


def test_polyfit_warns_as_numpy_does():
    with pytest.warns(np.exceptions.RankWarning, match="poorly conditioned"):
        np.polyfit(leaf([1.0, 1.0, 1.0]), V, 2)


def test_ranks_and_plans_are_numpys():
    t = leaf(A)
    assert np.linalg.matrix_rank(t) == 3
    assert np.einsum_path("ij,jk", t, t)[0] == np.einsum_path("ij,jk", A, A)[0]


def test_every_public_function_of_linalg_is_differentiable_or_known_to_be_none():
    for name in dir(np.linalg):
        function = getattr(np.linalg, name)
        if name.startswith("_") or not callable(function) or isinstance(function, type):
            continue
        known = function in COMPOSED or function in BY_NUMPY_FUNCTION
        assert known or function in WITHOUT_DERIVATIVE or name == "test", name
