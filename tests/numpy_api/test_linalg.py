"""NumPy's products, linear algebra, signals and polynomials on Tensors."""

import warnings

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from linalg_calls import GIVEN, PLANE, SPD, VARIANTS, A, V, arguments, call, joined, leaf, source

import autograd_lite as al
from autograd_lite import Tensor
from autograd_lite.numpy_api import coverage, values_of


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
            got = values_of(got)
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
    lambda np, a: np.real(np.linalg.eig(a)[0]),
    lambda np, a: np.real(np.linalg.eig(a)[1]),
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


def test_polyfit_warns_as_numpy_does():
    with pytest.warns(np.exceptions.RankWarning, match="poorly conditioned"):
        np.polyfit(leaf([1.0, 1.0, 1.0]), V, 2)


def test_ranks_and_plans_are_numpys():
    t = leaf(A)
    assert np.linalg.matrix_rank(t) == 3
    assert np.einsum_path("ij,jk", t, t)[0] == np.einsum_path("ij,jk", A, A)[0]


def test_every_public_function_of_linalg_is_differentiable_or_known_to_be_none():
    for row in coverage.table():
        if row.name.startswith("np.linalg.") and row.name != "np.linalg.test":
            assert row.status in ("differentiable", "value"), row.name


def test_roots_move_with_coefficients_of_0_that_numpy_strips():
    """Each coefficient c_j moves a root r by -r**(n-j) / p'(r), whether it is 0 or not."""
    for p in (
        [1.0, -3.0, 2.0, 0.0],
        [0.0, 1.0, -3.0, 2.0],
        [0.0, 2.0, -3.0, -4.0, 0.0],
        [2.0, 0.0],
    ):
        p = np.array(p)
        found = np.roots(p)
        moved = -np.vander(found, len(p)) / np.polyval(np.polyder(p), found)[:, None]
        np.testing.assert_allclose(al.jacobian(np.roots)(p), moved, rtol=1e-10, atol=1e-12)
    assert al.gradcheck(
        lambda p: np.sum(np.sin(np.roots(p))), np.array([1.0, -3.0, 2.0, 0.0]), order=2
    )


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_hermitian_matrices_have_numpys_factors_to_the_phase(uplo):
    x, y = np.random.default_rng(0).normal(size=(2, 3, 3))
    weights = y + 1j * x.T

    def f(x, y):
        w, v = np.linalg.eigh(x + 1j * y, uplo)
        c = np.linalg.cholesky(0.1 * x + 4 * np.eye(3) + 0.1j * y, upper=uplo == "U")
        return np.real(np.sum(weights * v) + np.sum(weights * c)) + w[0] ** 2

    np.testing.assert_allclose(f(leaf(x), leaf(y)).item(), f(x, y))
    assert al.gradcheck(f, [x, y], order=2)
    assert np.linalg.eigvalsh(leaf(x) + 1j * y).dtype == float
