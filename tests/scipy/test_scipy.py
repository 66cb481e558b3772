"""linalg, stats, sparse and signal: SciPy's values, and derivatives of differences and of JAX."""

import re

import numpy as np
import pytest

import autograd_lite as al

scipy = pytest.importorskip("scipy", reason="SciPy is not installed")
linalg, stats, sparse, signal = (
    pytest.importorskip(f"scipy.{name}") for name in ("linalg", "stats", "sparse", "signal")
)
ours = al.scipy

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
S = A @ A.T
B, V = RNG.normal(size=(3, 2)), RNG.normal(size=3)


def agree(mine, scipys, *arrays, order=2):
    wanted = scipys(*arrays)
    for made in (mine(*arrays), mine(*map(al.Tensor, arrays)).numpy()):
        np.testing.assert_allclose(made, wanted, rtol=1e-10, atol=1e-12)
        assert np.shape(made) == np.shape(wanted)
    assert al.gradcheck(mine, list(arrays), order=order)


# -------------------------------------------------------------------- linalg


@pytest.mark.parametrize("b", [V, B], ids=["vector", "matrix"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("trans", [0, "T"])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_systems(b, lower, trans, unit):
    agree(
        lambda a, b: ours.linalg.solve_triangular(a, b, trans, lower, unit),
        lambda a, b: linalg.solve_triangular(a, b, trans, lower, unit),
        A,
        b,
        order=1,
    )


@pytest.mark.parametrize("b", [V, B], ids=["vector", "matrix"])
@pytest.mark.parametrize("lower", [False, True])
def test_cholesky_factors_solve(b, lower):
    def solved(linalg, a, b):
        a = (a + a.T) / 2
        return linalg.cho_solve(linalg.cho_factor(a, lower), b)

    agree(lambda a, b: solved(ours.linalg, a, b), lambda a, b: solved(linalg, a, b), S, b)


@pytest.mark.parametrize(
    "known",
    [{}, {"transposed": True}, {"assume_a": "sym"}, {"assume_a": "sym", "lower": True},
     {"assume_a": "pos"}, {"assume_a": "upper triangular"}, {"assume_a": "lower triangular"}],
    ids=str,
)  # fmt: skip
def test_systems_of_which_something_is_known(known):
    agree(
        lambda a, b: ours.linalg.solve(a, b, **known),
        lambda a, b: linalg.solve(a, b, **known),
        S if "assume_a" in known else A,
        B,
        order=1,
    )


def test_functions_of_matrices():
    agree(ours.linalg.expm, linalg.expm, A / 2)
    agree(lambda a: ours.linalg.sqrtm(a @ a.T), lambda a: linalg.sqrtm(a @ a.T), A)
    agree(ours.linalg.solve_sylvester, linalg.solve_sylvester, A, np.eye(2) + 0.1, B, order=1)
    agree(ours.linalg.block_diag, linalg.block_diag, A, V, B, np.array(2.0), order=1)
    agree(lambda a: ours.linalg.cholesky(a @ a.T), lambda a: linalg.cholesky(a @ a.T), A)
    assert ours.linalg.block_diag().shape == linalg.block_diag().shape


def test_a_root_that_is_complex():
    def half_turn(a):
        root = ours.linalg.sqrtm(a)
        return np.sum(np.real(root) + 2 * np.imag(root))

    assert ours.linalg.sqrtm(-S).dtype == complex
    assert al.gradcheck(half_turn, np.array([[-2.0, 0.3], [0.1, -5.0]]))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ours.linalg.expm(B), "expm needs a square matrix, got an array of shape (3, 2)"),
        (lambda: ours.linalg.sqrtm(A[None]), "sqrtm needs a square matrix"),
        (lambda: ours.linalg.solve(A, B[:2]), "solve needs (n, n) and (n,) or (n, k), got a: (3,"),
        (lambda: ours.linalg.solve(A, B, assume_a="banded"), "no special way for assume_a='band"),
        (lambda: ours.linalg.solve_triangular(A, B, 2), "pass np.conj(a) with trans=1"),
        (lambda: ours.linalg.block_diag(A[None]), "block_diag needs matrices, got one of shape"),
        (lambda: ours.stats.multivariate_normal.logpdf(V, V, np.eye(2)), "mean: (d,) and cov"),
        (lambda: ours.stats.dirichlet.logpdf(V, V), "x that sum to 1 along the first axis"),
        (lambda: ours.stats.dirichlet.logpdf(V, V[:2]), "needs x: (d, ...) and alpha: (d,)"),
        (lambda: ours.sparse.matmul(sparse.eye_array(3), B.T), "matmul needs (m, n) @ (n,) or"),
        (lambda: ours.signal.convolve(A, V), "convolve needs arrays with as many axes"),
        (lambda: ours.signal.convolve(V, V, "some"), "needs mode='full', 'same' or 'valid'"),
        (lambda: ours.signal.convolve(B, B.T, "valid"), "at least as long as the other along"),
    ],
)
def test_errors_say_what_is_needed(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


# -------------------------------------------------------------------- stats

X = np.array([-0.7, 0.05, 0.3, 0.8, 1.4, 2.5])
CONTINUOUS = {
    "norm": (), "uniform": (), "expon": (), "laplace": (), "logistic": (), "cauchy": (),
    "t": (3.5,), "gamma": (2.5,), "beta": (1.5, 2.5), "chi2": (3.0,), "lognorm": (0.7,),
}  # fmt: skip
DISCRETE = {"bernoulli": (0.3,), "binom": (4, 0.3), "poisson": (2.0,)}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities(name):
    mine, scipys, shapes = getattr(ours.stats, name), getattr(stats, name), CONTINUOUS[name]
    given = [np.array(s) for s in (*shapes, -0.1, 1.3)]
    agree(mine.logpdf, scipys.logpdf, X[1:2], *given, order=1 if shapes else 2)
    np.testing.assert_allclose(mine.logpdf(X, *given), scipys.logpdf(X, *given), rtol=1e-12)
    np.testing.assert_allclose(
        mine.pdf(X, *shapes, scale=2.0), scipys.pdf(X, *shapes, scale=2.0), rtol=1e-12
    )
    assert np.isnan(mine.logpdf(np.nan, *shapes))


@pytest.mark.parametrize("name", ["gamma", "beta", "expon", "lognorm", "chi2", "uniform"])
def test_where_there_is_no_density_the_derivative_is_0(name):
    x = al.Tensor([-1.0, 0.4], requires_grad=True)
    scale = al.Tensor([1.0, 1.0], requires_grad=True)
    y = getattr(ours.stats, name).logpdf(x, *CONTINUOUS[name], scale=scale)
    y[1].backward()
    assert y[0].item() == -np.inf
    assert x.grad[0].item() == 0.0
    assert np.isfinite(scale.grad.numpy()).all()


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities(name):
    mine, scipys = getattr(ours.stats, name), getattr(stats, name)
    k, parameters = np.array([-1, 0, 1, 1.5, 3, 5]), DISCRETE[name]
    for loc in (0, 1):
        np.testing.assert_allclose(
            mine.logpmf(k, *parameters, loc=loc), scipys.logpmf(k, *parameters, loc=loc), rtol=1e-12
        )
    np.testing.assert_allclose(mine.pmf(k, *parameters), scipys.pmf(k, *parameters), rtol=1e-12)
    *n, p = parameters
    assert al.gradcheck(lambda p: mine.logpmf(np.array([0, 1]), *n, p), np.array(p), order=2)
    with pytest.raises(TypeError, match=f"{name} has no derivative by k"):
        mine.logpmf(al.Tensor(1.0, requires_grad=True), *parameters)


def test_the_normal_distribution_function():
    agree(ours.stats.norm.cdf, stats.norm.cdf, X, np.array(0.2), np.array(1.5))
    agree(ours.stats.norm.logcdf, stats.norm.logcdf, X, np.array(0.2), np.array(1.5))


@pytest.mark.parametrize("cov", [S, np.array([1.0, 2.0, 3.0]), np.array(2.0)], ids=np.ndim)
@pytest.mark.parametrize("x", [V, RNG.normal(size=(4, 3)), RNG.normal(size=(2, 2, 3))], ids=np.ndim)
def test_vectors_of_the_normal_distribution(x, cov):
    def of(kind):
        return lambda x, mean, cov: kind.multivariate_normal.logpdf(x, mean, cov)

    symmetric = of(ours.stats)
    np.testing.assert_allclose(
        symmetric(x, V / 2, cov), of(stats)(x, V / 2, cov), rtol=1e-10, atol=1e-12
    )
    assert al.gradcheck(symmetric, [x, V / 2, cov])


def test_numbers_of_the_normal_distribution_of_vectors():
    for x in (np.array(0.3), np.array([0.3, -1.0])):
        mine = ours.stats.multivariate_normal.logpdf(x)
        np.testing.assert_allclose(mine, stats.multivariate_normal.logpdf(x), rtol=1e-12)
    with pytest.raises(np.linalg.LinAlgError):
        ours.stats.multivariate_normal.logpdf(V, V, -S)


def test_probabilities_of_the_dirichlet_distribution():
    x, alpha = np.array([0.2, 0.3, 0.5]), np.array([1.5, 2.0, 0.7])
    many = np.stack([x, x[::-1]], axis=1)
    for points in (x, many):
        mine = ours.stats.dirichlet.logpdf(points, alpha)
        np.testing.assert_allclose(mine, stats.dirichlet.logpdf(points, alpha), rtol=1e-12)
        assert al.gradcheck(lambda a, x=points: ours.stats.dirichlet.logpdf(x, a), alpha, order=2)
    np.testing.assert_allclose(
        ours.stats.dirichlet.pdf(x, alpha), stats.dirichlet.pdf(x, alpha), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("name", "shapes"),
    [(n, CONTINUOUS[n]) for n in CONTINUOUS if n != "lognorm"]  # JAX has no lognorm.
    + [("poisson", (2.0,)), ("bernoulli", (0.3,))],
)
def test_gradients_are_those_of_jax(name, shapes):
    jax = pytest.importorskip("jax", reason="jax is not installed: pip install '.[jax]'")
    jax.config.update("jax_enable_x64", True)
    there, here = getattr(jax.scipy.stats, name), getattr(ours.stats, name)
    method = "logpdf" if name in CONTINUOUS else "logpmf"
    x = 0.6 if method == "logpdf" else 1.0
    where = tuple(range(1, len(shapes) + 1)) + (() if method == "logpmf" else (0,))
    mine = al.grad(lambda *a: getattr(here, method)(*a), where)(x, *shapes)
    theirs = jax.grad(lambda *a: getattr(there, method)(*a), where)(x, *shapes)
    np.testing.assert_allclose(mine, np.array(theirs), rtol=1e-9)


def test_what_a_distribution_does_not_have_is_said():
    with pytest.raises(AttributeError, match=r"gamma has no rvs here, only logpdf, pdf\. For val"):
        _ = ours.stats.gamma.rvs
    with pytest.raises(AttributeError, match=r"for values alone, use scipy\.stats\.weibull_min"):
        _ = ours.stats.weibull_min
    for args, kwargs in [((), {}), ((1.0, 2.0, 3.0, 4.0), {}), ((1.0,), {"a": 2.0}),
                         ((1.0,), {"mu": 2.0})]:  # fmt: skip
        with pytest.raises(TypeError, match=r"gamma takes a, loc, scale, got \d of them by pos"):
            ours.stats.gamma.logpdf(0.5, *args, **kwargs)
    assert repr(ours.stats.t) == "<t: logpdf, pdf of x, df, loc, scale>"


# -------------------------------------------------------------------- sparse


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dia", "bsr", "lil", "dok"])
def test_products_with_sparse_matrices(kind):
    dense = np.where(RNG.uniform(size=(4, 3)) < 0.5, RNG.normal(size=(4, 3)), 0.0)
    matrix = sparse.csr_array(dense).asformat(kind)
    for x in (V, B):
        agree(lambda x: ours.sparse.matmul(matrix, x), lambda x: dense @ x, x)
    for x in (np.ones(4), RNG.normal(size=(2, 4))):
        agree(lambda x: ours.sparse.matmul(x, matrix), lambda x: x @ dense, x)
    assert al.gradcheck(lambda x: ours.sparse.matmul(sparse.csr_matrix(matrix), x), V)


def test_a_sparse_matrix_that_is_changed_later_does_not_change_the_gradient():
    matrix, x = sparse.eye_array(3, format="csr"), al.Tensor(V, requires_grad=True)
    y = ours.sparse.matmul(matrix, x)
    matrix.data[:] = 7.0
    matrix.indices[:] = 0
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "call",
    [lambda a, t: a @ t, lambda a, t: t @ a, lambda a, t: a * t, lambda a, t: t * a,
     lambda a, t: t + a, lambda a, t: np.add(t, a), lambda a, t: a.dot(t)],
)  # fmt: skip
def test_operators_with_sparse_matrices_say_what_to_write(call):
    with pytest.raises((TypeError, al.GradientError), match=r"al\.scipy\.sparse\.matmul\(a, t\)"):
        call(sparse.eye_array(3), al.Tensor(V, requires_grad=True))


def test_sparse_matmul_needs_one_sparse_matrix():
    for a, b in ((A, V), (sparse.eye_array(3), sparse.eye_array(3))):
        with pytest.raises(TypeError, match="matmul needs one sparse matrix, got a "):
            ours.sparse.matmul(a, b)


# -------------------------------------------------------------------- signal


@pytest.mark.parametrize(
    "shapes", [((5,), (3,)), ((2,), (4,)), ((4, 3), (2, 3)), ((2, 3, 2), (2, 3, 2))]
)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("method", ["direct", "fft"])
def test_convolution(shapes, mode, method):
    a, b = (RNG.normal(size=shape) for shape in shapes)
    for name in ("convolve", "correlate"):
        agree(
            lambda a, b, name=name: getattr(ours.signal, name)(a, b, mode, method),
            lambda a, b, name=name: getattr(signal, name)(a, b, mode, method),
            a,
            b,
            order=1,
        )
    np.testing.assert_allclose(
        ours.signal.fftconvolve(a, b, mode), signal.fftconvolve(a, b, mode), rtol=1e-10, atol=1e-12
    )


def test_convolution_of_what_is_large_whole_complex_or_empty():
    a, b = RNG.normal(size=(200, 60)), RNG.normal(size=(20, 10))
    np.testing.assert_allclose(
        ours.signal.convolve(a, b), signal.convolve(a, b), rtol=1e-9, atol=1e-9
    )
    whole = np.arange(1, 13).reshape(3, 4)
    got, wanted = ours.signal.convolve(whole, whole), signal.convolve(whole, whole)
    assert np.array_equal(got, wanted)
    assert got.dtype == wanted.dtype
    for method in ("direct", "fft"):
        z = a[:3, :3] + 1j * b[:3, :3]
        np.testing.assert_allclose(
            ours.signal.correlate(z, z, method=method), signal.correlate(z, z), rtol=1e-10
        )
    assert ours.signal.convolve([], [1.0]).shape == (0,)
    assert ours.signal.convolve(2.0, 3.0) == 6.0


# -------------------------------------------------------------------- optimize


def test_transforms_are_what_optimisers_and_solvers_ask_for():
    optimize = pytest.importorskip("scipy.optimize")

    def valley(x):
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2

    start = np.array([-1.0, 2.0])
    for method, more in {
        "BFGS": {}, "L-BFGS-B": {}, "CG": {}, "SLSQP": {}, "trust-constr": {},
        "Newton-CG": {"hessp": lambda x, v: al.hvp(valley, (x,), (v,))[0]},
        "trust-exact": {"hess": al.hessian(valley)},
    }.items():  # fmt: skip
        found = optimize.minimize(al.value_and_grad(valley), start, jac=True, method=method, **more)
        np.testing.assert_allclose(found.x, 1.0, rtol=1e-3, err_msg=method)
    found = optimize.minimize(valley, start, jac=al.grad(valley), method="BFGS")
    np.testing.assert_allclose(found.x, 1.0, rtol=1e-3)

    def misfit(p):
        return p[0] * np.exp(-p[1] * np.arange(4.0)) - 2.0 ** (1 - np.arange(4.0))

    for method in ("trf", "dogbox", "lm"):
        found = optimize.least_squares(misfit, [1.0, 1.0], jac=al.jacobian(misfit), method=method)
        np.testing.assert_allclose(found.x, [2.0, np.log(2.0)], rtol=1e-6)
    found = optimize.root(misfit, [1.0, 1.0], jac=al.jacobian(misfit), method="lm")
    np.testing.assert_allclose(found.x, [2.0, np.log(2.0)], rtol=1e-6)
    near = optimize.curve_fit(
        lambda x, a: a * x,
        np.arange(3.0),
        2 * np.arange(3.0),
        jac=lambda x, a: al.jacobian(lambda a: a * x)(a)[:, None],
    )
    np.testing.assert_allclose(near[0], 2.0)
    slope = al.grad(lambda x: x**3 - 2)
    assert optimize.root_scalar(lambda x: x**3 - 2, fprime=slope, x0=1.0).root == pytest.approx(
        2 ** (1 / 3)
    )
