"""New arrays with ``like=``, ranges, shapes that are assigned, and spectra that are complex."""

import numpy as np
import pytest
from linalg_calls import gradient_agrees

import autograd_lite as al

CREATED = {
    "zeros": lambda x: np.zeros((2, 3), like=x),
    "zeros of a type": lambda x: np.zeros(3, np.float32, like=x),
    "ones": lambda x: np.ones(3, like=x),
    "full": lambda x: np.full((2, 2), 7.0, like=x),
    "full of a type": lambda x: np.full(2, 7, dtype=np.float32, like=x),
    "eye": lambda x: np.eye(2, 3, 1, like=x),
    "identity": lambda x: np.identity(2, like=x),
    "tri": lambda x: np.tri(3, like=x),
    "arange": lambda x: np.arange(1.0, 3.0, 0.5, like=x),
    "arange of whole numbers": lambda x: np.arange(4, like=x),
    "array": lambda x: np.array([[1.0, 2.0], [3.0, 4.0]], like=x),
    "asarray": lambda x: np.asarray([1, 2], float, like=x),
    "fromiter": lambda x: np.fromiter(iter([1.0, 2.0]), float, like=x),
    "fromfunction": lambda x: np.fromfunction(lambda i, j: i + 2 * j, (2, 3), like=x),
}
X = np.array([0.5, 2.0])


@pytest.mark.parametrize("name", CREATED)
def test_what_is_made_like_a_tensor_is_a_tensor_with_numpys_values(name):
    create = CREATED[name]
    wanted = create(X)
    assert type(wanted) is np.ndarray
    made = create(al.Tensor(X, requires_grad=True))
    assert type(made) is al.Tensor
    assert not made.requires_grad
    assert made.dtype == wanted.dtype
    np.testing.assert_array_equal(made.numpy(), wanted)


def test_empty_has_shape_and_type():
    made = np.empty((2, 3), np.float32, like=al.Tensor(X))
    assert (type(made), made.shape, made.dtype) == (al.Tensor, (2, 3), np.float32)


@pytest.mark.parametrize("name", ["zeros", "ones", "full", "eye", "arange", "array"])
def test_it_can_be_written_to_and_passes_gradients_on(name):
    def written(x):
        y = CREATED[name](x)
        y[0] = x[0] * x[1]
        y[-1:] *= x[1]
        return np.sum(y * y)

    np.testing.assert_allclose(written(al.Tensor(X)).numpy(), written(X))
    assert al.gradcheck(written, X, order=2)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.full(3, x[0], like=x),
        lambda x: np.full((2, 2), x, like=x),
        lambda x: np.array([x[1], 1.0, x[0]], like=x),
        lambda x: np.asarray([[x[1], x[0]], [x[0], 0.0]], like=x),
    ],
)
def test_what_is_made_of_tensors_has_their_gradient(f):
    np.testing.assert_allclose(f(al.Tensor(X)).numpy(), f(X))
    assert al.gradcheck(f, X, order=2)


def test_the_ends_of_a_range_have_derivatives():
    def f(x):  # Its length changes in steps, so differences do not.
        return np.arange(x[0], 4.0, x[1], like=x)

    np.testing.assert_allclose(f(al.Tensor(X)).numpy(), f(X))
    assert al.jacobian(f)(X).tolist() == [[1.0, 0.0], [1.0, 1.0]]


# -------------------------------------------------------------------- shapes


def test_a_shape_is_assigned_and_the_gradient_finds_its_way():
    x = al.Tensor(np.arange(6.0), requires_grad=True)
    y = x * x
    y.shape = 2, -1
    assert y.shape == (2, 3)
    (y @ np.array([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 4.0, 12.0, 6.0, 16.0, 30.0]


def test_a_constant_is_given_a_shape_and_written_to():
    t = al.Tensor(np.arange(4.0))
    t.shape = (2, 2)
    t[0] = 5.0
    assert t.tolist() == [[5.0, 5.0], [2.0, 3.0]]


def test_what_used_the_old_shape_goes_on_with_it():
    x = al.Tensor(np.arange(4.0), requires_grad=True)
    y = x * 2.0
    before = np.sum(y[1:] * 3.0)
    z = x * 1.0
    z.shape = (2, 2)
    (before + np.sum(z[0])).backward()
    assert x.grad.tolist() == [1.0, 7.0, 6.0, 6.0]


def test_shapes_that_may_not_be_assigned():
    x = al.Tensor(np.arange(4.0), requires_grad=True)
    with pytest.raises(al.GradientError, match=r"leaf that requires a gradient.*t\.reshape\(s\)"):
        x.shape = (2, 2)
    y = x * 1.0
    view = y[:2]
    for t in (y, view):
        with pytest.raises(TypeError, match=r"is a view, or has views\. Write a new tensor"):
            t.shape = (1, *t.shape)
    with pytest.raises(ValueError, match="reshape"):
        (x * 1.0).shape = (3, 2)


# -------------------------------------------------------------------- complex spectra

TURNING = np.array([[0.3, -2.0, 0.4], [1.5, 0.1, -0.2], [0.2, 0.5, 1.0]])
OF_SPECTRA = {
    "growth": lambda a: np.max(np.real(np.linalg.eigvals(a))),
    "radius": lambda a: np.max(np.abs(np.linalg.eigvals(a))),
    "frequencies": lambda a: np.sum(np.imag(np.linalg.eigvals(a)) ** 2),
    "rebuilt": lambda a: np.real(
        (v := np.linalg.eig(a))[1] @ np.diag(np.exp(v[0])) @ np.linalg.inv(v[1])
    ),
    "shares": lambda a: np.sum(np.abs(np.linalg.eig(a)[1]) ** 4, axis=0),
}


@pytest.mark.parametrize("name", OF_SPECTRA)
def test_a_real_result_of_a_complex_spectrum_has_its_gradient(name):
    f = OF_SPECTRA[name]
    assert np.linalg.eigvals(TURNING).dtype == complex
    np.testing.assert_allclose(f(al.Tensor(TURNING)).numpy(), f(TURNING), rtol=1e-12)
    assert al.gradcheck(f, TURNING, order=2 if name != "shares" else 1)


def test_a_stack_in_which_some_spectra_are_complex():
    a = np.stack([TURNING, np.diag([1.0, 2.0, 3.0]), TURNING.T])
    assert al.gradcheck(lambda a: np.sum(np.abs(np.linalg.eigvals(a)) ** 2, axis=-1), a)


@pytest.mark.parametrize("f", [np.linspace, np.geomspace])
@pytest.mark.parametrize("axis", [0, -1])
def test_ranges_end_where_they_should_along_any_axis(f, axis):
    """Their ends broadcast, as NumPy's, and whole numbers are NumPy's."""
    start, stop = np.array([[1.0, 2.0, 0.7], [1.0, 8.0, 3.0]]), np.array([1000.0, 2.0, 13.0])
    tensors = (al.Tensor(x, requires_grad=True) for x in (start, stop))
    result = f(*tensors, 4, axis=axis)
    np.testing.assert_allclose(result.take(-1, axis=axis).numpy(), [stop, stop], rtol=1e-15)
    gradient_agrees(lambda *x: f(*x, 4, axis=axis), [start, stop])
    for ends in ((1.0, 1000.0), (-1.0, -1000.0)):
        whole = f(*(al.Tensor(x, requires_grad=True) for x in ends), 4, dtype=int)
        np.testing.assert_array_equal(whole, f(*ends, 4, dtype=int))


def test_ranges_of_a_few_numbers_have_nothing_between():
    a, b = (al.Tensor(x, requires_grad=True) for x in (-2.0, 3.0))
    with np.errstate(invalid="ignore"):  # NumPy takes the logarithm of -3/2, and drops it.
        np.geomspace(a, b, 2).sum().backward()
    assert (a.grad, b.grad) == (1, 1)
    assert np.isnan(np.linspace(a, b, 0, retstep=True)[1])
    with np.errstate(divide="ignore"):
        assert np.isinf(np.gradient(al.Tensor([1.0, 3.0], requires_grad=True), 0.0)).all()
