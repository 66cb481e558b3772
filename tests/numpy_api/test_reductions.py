"""NumPy's reductions with the arguments that their operations do not have."""

import tracemalloc

import numpy as np
import pytest
from linalg_calls import gradient_agrees

import autograd_lite as al

X = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.8]])


@pytest.mark.parametrize("f", [np.max, np.min, np.amax, np.amin])
def test_an_extreme_of_all_entries_said_by_where_keeps_its_gradient(f):
    gradient_agrees(lambda x: f(x, where=True), [X])
    gradient_agrees(lambda x: f(x, axis=1, keepdims=True, where=True), [X])


@pytest.mark.parametrize("f", [np.sum, np.prod, np.mean, np.var, np.std, np.nanvar, np.nanstd])
def test_a_dtype_is_that_of_the_result_whatever_else_is_given(f):
    more = {"initial": np.float64(2)} if f in (np.sum, np.prod) else {}
    if f in (np.var, np.std, np.nanvar, np.nanstd):
        more = {"mean": np.zeros((2, 1)), "axis": 1}
    result = f(al.Tensor(X, requires_grad=True), dtype=np.float32, **more)
    want = f(X, dtype=np.float32, **more)
    assert result.dtype == want.dtype == np.float32
    np.testing.assert_allclose(result.numpy(), want, rtol=1e-6)


def test_covariances_have_the_dtype_that_is_asked_for():
    t = al.Tensor(X, requires_grad=True)
    assert np.cov(t, dtype=np.float32).dtype == np.corrcoef(t, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("f", [np.mean, np.var, np.std, np.nanmean, np.nanvar, np.nanstd, np.cov])
def test_a_mean_in_whole_numbers_is_refused(f):
    with pytest.raises(TypeError, match="needs a floating-point dtype=, got int64"):
        f(al.Tensor(X, requires_grad=True), dtype=int)


@pytest.mark.parametrize("join", [np.concatenate, np.stack, np.vstack, np.hstack])
def test_joining_casts_as_numpy_allows(join):
    t = al.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="same_kind"):
        join([t, t], dtype=int)
    assert join([t, t], dtype=np.float32).dtype == np.float32
    assert join([t, t], dtype=int, casting="unsafe").dtype == int


def test_a_variance_of_too_few_numbers_is_nan():
    x = np.array([[1.0, np.nan], [2.0, 5.0]])
    for f in (np.nanvar, np.nanstd):
        with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
            want = f(x, axis=0, ddof=1)
        result = f(al.Tensor(x, requires_grad=True), axis=0, ddof=1)
        np.testing.assert_array_equal(result.numpy(), want)


@pytest.mark.parametrize("f", [np.var, np.std, np.nanvar, np.nanstd])
def test_ddof_is_given_once(f):
    with pytest.raises(ValueError, match="not both"):
        f(al.Tensor(X), ddof=1, correction=1)


def test_nothing_has_the_extremes_and_quantiles_that_numpy_gives_it():
    empty = al.Tensor(np.zeros((2, 0)), requires_grad=True)
    start = al.Tensor(4.0, requires_grad=True)
    assert np.nanmin(empty, axis=1, initial=3.0).tolist() == [3.0, 3.0]
    np.nanmax(empty, axis=1, initial=start).sum().backward()
    assert start.grad.item() == 2.0
    with pytest.warns(RuntimeWarning, match="empty slice"):
        assert np.isnan(np.nanquantile(empty, 0.5, axis=1)).tolist() == [True, True]


@pytest.mark.parametrize("f", [np.cov, np.corrcoef])
def test_a_covariance_of_more_than_a_table_is_refused(f):
    with pytest.raises(ValueError, match=r"got \(2, 2, 2\)"):
        f(al.Tensor(np.ones((2, 2, 2)), requires_grad=True))


def test_a_variance_of_complex_numbers_is_real():
    t = al.Tensor(X, requires_grad=True)
    z = t * (1 - 2j)
    for f in (np.var, np.std, np.nanvar, np.nanstd):
        result = f(z, axis=0, where=X > -1)
        np.testing.assert_allclose(result.numpy(), f(X * (1 - 2j), axis=0, where=X > -1))
        assert result.dtype == float
        with pytest.raises(TypeError, match="imaginary parts would be lost"):
            f(z, dtype=float)


def test_a_dtype_of_a_universal_function_is_in_what_numpy_computes():
    t = al.Tensor(X, requires_grad=True)
    size = np.abs(t * (3 + 4j), dtype=float)
    np.testing.assert_allclose(size.numpy(), 5 * np.abs(X))
    size.sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), 5 * np.sign(X))
    assert np.add(t, 1, dtype=np.float32).dtype == np.float32
    for wrong in (lambda: np.add(t, 1.5, dtype=int), lambda: np.exp(1j * t, dtype=float)):
        with pytest.raises(TypeError, match="Cannot cast ufunc"):
            wrong()


@pytest.mark.parametrize("function", [np.max, np.min, np.nanmax, np.nanmin])
def test_extreme_of_nothing_is_recorded(function):
    """Of no entries, the largest is the first one that is given, and has its derivative."""
    x, first = al.Tensor(np.zeros((2, 0)), requires_grad=True), al.Tensor(2.0, requires_grad=True)
    for result in (function(x, axis=0, initial=0.0), function(x, axis=1, initial=first)):
        result.sum().backward()
    assert x.grad.shape == (2, 0)
    assert first.grad == 2


def test_many_quantiles_take_no_more_memory_than_the_numbers():
    x = al.Tensor(np.arange(20_000.0))
    tracemalloc.start()
    try:
        quantiles = np.quantile(x, np.linspace(0, 1, 101))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(quantiles.numpy(), np.linspace(0, 19_999, 101))
    assert most < 10 * x.numpy().nbytes


def test_quantile_of_nothing_is_recorded():
    x = al.Tensor(np.zeros((2, 0)), requires_grad=True)
    with pytest.warns(RuntimeWarning, match="empty slice"):  # NumPy's own.
        result = np.nanquantile(x, [0.2, 0.5], axis=1)
    assert np.isnan(result.numpy()).all()
    result.sum().backward()
    assert x.grad.shape == (2, 0)


@pytest.mark.parametrize("zeros", [[], [3], [2, 140]])
def test_products_of_many_numbers_have_derivatives_at_zeros(zeros):
    x, w = np.random.default_rng(0).uniform(0.9, 1.1, (2, 150))
    x[zeros] = 0.0
    others = np.where(np.eye(150), 1.0, x)
    running = np.triu(np.cumprod(others, axis=1))  # By x[i], a product up to the j-th, j >= i.
    np.testing.assert_allclose(al.grad(np.prod)(x), others.prod(1), atol=1e-12)
    for f in (al.grad, lambda f: al.compile(al.grad(f))):
        gradient = f(lambda x: np.sum(np.cumprod(x) * w))(x)
        np.testing.assert_allclose(gradient, running @ w, atol=1e-12)
    assert "np.cumprod" in str(al.derive(lambda x: np.prod(x), x))


def test_a_grid_of_integers_may_be_finer_than_they_are():
    x = np.array([0.0, 0.5, 2.0])
    found = np.gradient(np.array([1, 2, 4]), al.Tensor(x, requires_grad=True))
    np.testing.assert_allclose(found.numpy(), np.gradient([1, 2, 4], x))


def test_products_on_the_way_may_be_too_large():
    x = np.array([0.0, *[1e10] * 150])
    np.testing.assert_array_equal(al.grad(lambda x: np.cumprod(x)[0])(x), np.arange(151) == 0)
