"""Objects of pandas and xarray beside a Tensor: the right gradient, or an error that says why."""

import array
import functools
import operator

import numpy as np
import pytest

import autograd_lite as al

OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv)
X, LABELLED = np.array([1.0, 2.0, 4.0]), np.array([3.0, 0.5, 2.0])


def of_pandas():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    return pd.Series(LABELLED.copy(), index=[2, 1, 0])


def of_xarray():
    xr = pytest.importorskip("xarray", reason="xarray is not installed")
    return xr.DataArray(LABELLED.copy(), dims="place")


@pytest.mark.parametrize("make", [of_pandas, of_xarray])
@pytest.mark.parametrize("combine", OPERATORS)
def test_on_the_right_it_is_its_numbers(make, combine):
    labelled = make()
    x = al.Tensor(X, requires_grad=True)
    y = combine(x, labelled)
    assert type(y) is al.Tensor
    np.testing.assert_array_equal(y.numpy(), combine(X, LABELLED))
    assert al.gradcheck(lambda x: combine(x, labelled), X)


@pytest.mark.parametrize("combine", [*OPERATORS, np.add, operator.iadd])
def test_on_the_left_pandas_refuses_what_has_a_gradient(combine):
    with pytest.raises(al.GradientError, match=r"s\.to_numpy\(\) \* t"):
        combine(of_pandas(), al.Tensor(X, requires_grad=True) * 1.0)
    constant = combine(of_pandas(), al.Tensor(X))
    np.testing.assert_array_equal(constant, combine(LABELLED.copy(), X))


@pytest.mark.parametrize("combine", [*OPERATORS, np.add])
def test_on_the_left_xarray_keeps_the_gradient(combine):
    made = combine(of_xarray(), al.Tensor(X))
    assert made.dims == ("place",)
    np.testing.assert_array_equal(made, combine(LABELLED, X))
    assert al.gradcheck(lambda x: combine(of_xarray(), x).data, X)
    with pytest.raises(TypeError, match=r"np\.add cannot write into out="):
        operator.iadd(of_xarray(), al.Tensor(X, requires_grad=True))


@pytest.mark.parametrize("make", [of_pandas, of_xarray])
def test_elsewhere_it_is_its_numbers(make):
    labelled = make()
    assert al.gradcheck(lambda x: np.where(labelled > 1, x * x, 0.0), X)
    assert al.gradcheck(lambda x: np.sum(x, where=labelled > 1), X)
    assert al.gradcheck(lambda x: np.concatenate([x, labelled]), X)
    assert al.gradcheck(lambda x: x[labelled > 1], X)
    assert al.Tensor(labelled).tolist() == LABELLED.tolist()
    before = al.Tensor(X) * labelled
    labelled[:] = 0.0
    assert before.tolist() == (X * LABELLED).tolist()


def test_a_frame_takes_no_gradient_unasked():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    t = al.Tensor(X, requires_grad=True)
    for lose in (pd.Series, lambda t: pd.DataFrame({"a": t}), lambda t: pd.Series(X).add(t)):
        with pytest.raises(al.GradientError):
            lose(t)
    frame = pd.DataFrame(np.outer(X, X))
    assert al.gradcheck(lambda x: x @ frame, X)
    with pytest.raises(al.GradientError):
        frame @ t


def test_a_layer_takes_a_frame():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(4, 3))
    net = al.nn.Sequential(al.nn.Linear(3, 2, rng=rng), al.nn.Tanh(), al.nn.Linear(2, 1, rng=rng))
    loss = al.mse(net(pd.DataFrame(numbers))[:, 0], pd.Series(numbers[:, 0]))
    of_arrays = al.mse(net(numbers)[:, 0], numbers[:, 0])
    assert loss.item() == of_arrays.item()
    loss.backward()
    assert all(p.grad.numpy().any() for p in net.parameters())


def test_an_array_of_xarray_may_hold_a_tensor():
    xr = pytest.importorskip("xarray", reason="xarray is not installed")

    def f(x):
        held = xr.DataArray(x, dims="place", coords={"place": [0, 1, 2]})
        other = xr.DataArray(np.array([1.0, 3.0]), dims="time")
        spread = np.exp(held / 4) * other
        return (spread.mean("time") - held.isel(place=[2, 0, 1]).data).std().data

    assert isinstance(f(al.Tensor(X, requires_grad=True)), al.Tensor)
    assert al.gradcheck(f, X, order=2)


def of_jax():
    return pytest.importorskip("jax.numpy", reason="jax is not installed").asarray


POSITIONS = {
    "Tensor": lambda: al.Tensor,
    "pandas": lambda: pytest.importorskip("pandas", reason="pandas is not installed").Index,
    "jax": of_jax,
    "array": lambda: functools.partial(array.array, "q"),
    "memoryview": lambda: lambda numbers: memoryview(np.array(numbers)),
}


@pytest.mark.parametrize("kind", POSITIONS)
@pytest.mark.parametrize("use", [
    lambda x, i: x[i],
    lambda x, i: x[i, None],
    lambda x, i: np.take(x, i),
    lambda x, i: np.take(x, i, mode="wrap"),
])  # fmt: skip
def test_positions_of_any_kind_may_repeat(kind, use):
    """An entry that was picked twice receives both gradients."""
    positions = POSITIONS[kind]()([2, 0, 2])
    assert al.gradcheck(lambda x: use(x, positions), X)
    x, v = al.Tensor(X) * 1.0, al.Tensor(LABELLED, requires_grad=True)
    x[positions] = v
    np.sum(x * X).backward()
    assert v.grad.tolist() == [0, 1, 4]  # The first was written over at once.


def test_an_index_may_be_written_to_afterwards():
    i, x = al.Tensor(0), al.Tensor(X, requires_grad=True)
    y = x[i]
    i[...] = 2
    y.backward()
    assert x.grad.tolist() == [1, 0, 0]


def test_masked_arrays_and_plots_take_a_tensor_without_gradient():
    t, m = al.Tensor(X), np.ma.array(LABELLED, mask=[0, 1, 0])
    np.testing.assert_array_equal((m * t).filled(0), (m * X).filled(0))
    np.testing.assert_array_equal(np.ma.ravel(t), X)  # As ``plt.scatter`` does.
