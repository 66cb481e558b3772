"""NumPy's functions that have no derivative: computed on the values, or refused at the call."""

import re
import warnings

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import Tensor, numpy_api

CUBE = np.arange(24.0).reshape(2, 3, 4) / 10 - 1.03


def leaf(value):
    return Tensor(value, requires_grad=True)


def name(function):
    return function.__name__


# ------------------------------------------------------------ what has no derivative


def test_where_with_one_argument_gives_positions():
    (positions,) = np.where(leaf([0.0, 1.0, 2.0]))
    assert positions.tolist() == [1, 2]


def test_comparison_of_an_array_with_a_tensor():
    result = np.ones(2) < leaf([0.0, 2.0])
    assert type(result) is np.ndarray
    assert result.tolist() == [False, True]


def test_testing_functions_work_on_values():
    t = leaf([1.0, 2.0])
    for x in (t.numpy(), t.detach()):
        np.testing.assert_allclose(x, np.array([1.0, 2.0]))
        np.testing.assert_allclose(np.array([1.0, 2.0]), x * 1.0)
        np.testing.assert_array_equal(x, x)
        np.testing.assert_almost_equal(x, [1.0, 2.0])
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(x, np.array([1.0, 2.1]))
        with pytest.raises(AssertionError):
            np.testing.assert_array_equal(x, [1.0, 3.0])


# ------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("call", "called"),
    [
        (lambda t: np.floor_divide.outer(t, t), "np.floor_divide.outer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_function_without_a_rule_is_refused_at_the_call(call, called):
    with pytest.raises(TypeError) as caught:
        call(leaf(np.eye(2)))
    assert str(caught.value) == (
        f"{called} has no derivative in autograd_lite, so it cannot be recorded. For its value "
        f"alone, pass t.numpy(); to differentiate it, define it with @autograd_lite.primitive."
    )


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda t: np.add.at(np.ones(2), [0], t[0, :1]), r"np\.add\.at .* np\.bincount"),
        (lambda t: np.put(np.ones(2), [0], t[0, :1]), r"np\.put .* a = al\.Tensor\(a\)"),
        (lambda t: np.ma.exp(t), r"masked array cannot carry .* t \* m\.filled"),
        (lambda t: np.matmul(t, t, axes=[(0, 1)] * 3), r"np\.matmul .* no axes=; .* np\.moveaxis"),
        (lambda t: Tensor(t), r"Tensor\(t\) would detach .* t\.detach\(\)"),
        (lambda t: np.ones(2).dot(t), r"np\.dot\(a, t\) for a\.dot\(t\)"),
        (lambda t: t.register_hook(3), "register_hook needs a function .* got 3"),
        (lambda t: al.grad(np.sum, argnums="x"), "grad: argnums must be a position .* got 'x'"),
        (lambda t: al.grad(np.sum, iter([0])), "grad: argnums must be .* got <list_iterator"),
        (lambda t: al.jacobian(np.sin, t[0]), r"argnums must be .*\. Write jacobian\(f\)\(x\)"),
        (lambda t: al.checkpoint(np.sin, t), r"but 2 were given\. Write checkpoint\(f\)\(x\)"),
        (lambda t: t.sum(0, out=np.ones(2)), r"np\.sum cannot write into out="),
    ],
    ids=range(12),
)
def test_an_error_says_what_to_write_instead(refused, message):
    with pytest.raises((TypeError, al.GradientError), match=message):
        refused(leaf(np.eye(2)))


def test_universal_function_of_another_library_is_named_without_np():
    ufunc = np.frompyfunc(lambda x: x, 1, 1)
    with pytest.raises(TypeError, match=r"^<lambda> \(vectorized\) has no derivative"):
        ufunc(leaf([1.0]))


def test_out_is_refused():
    t, buffer = leaf([1.0, 2.0]), np.zeros(2)
    for call in (
        lambda: np.exp(t, out=buffer),
        lambda: np.exp(t, buffer),
        lambda: np.add.reduce(t, out=np.zeros(())),
    ):
        with pytest.raises(TypeError, match=r"cannot write into out=: a plain array has no gradie"):
            call()
    for call in (
        lambda: np.sum(t, out=np.zeros(())),
        lambda: np.concatenate([t, t], out=np.zeros(4)),
        lambda: np.clip(t, 0, 1, out=buffer),
        lambda: np.stack([t, t], out=np.zeros((2, 2))),
    ):
        with pytest.raises(TypeError, match="out"):
            call()
    assert buffer.tolist() == [0.0, 0.0]
    with pytest.raises(al.GradientError, match="a leaf that requires a gradient"):
        np.add(buffer, 1.0, out=leaf([0.0, 0.0]))
    with pytest.raises(TypeError, match=r"np.multiply: cannot write float64 .* dtype int64"):
        np.multiply(t, 2.0, out=Tensor([1, 2]))
    with pytest.raises(ValueError, match=r"shape \(2,\) does not fit out= of \(3,\)"):
        np.exp(t, out=Tensor(np.zeros(3)), where=[True, False])
    np.add(buffer, Tensor([1.0, 2.0]), out=buffer)  # Without a gradient.
    np.copyto(buffer[:1], Tensor(5.0))
    assert buffer.tolist() == [5.0, 2.0]


MASKED, MATRIX = np.ma.array([1.0, 2.0], mask=[0, 1]), np.ones((2, 2)).view(np.matrix)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: MASKED * t, lambda t: t * MASKED, lambda t: np.add(MASKED, t),
        lambda t: np.add(t, MASKED), lambda t: np.ma.exp(t), lambda t: np.ma.array(t),
        lambda t: np.ma.sum(t), lambda t: np.ma.where(MASKED > 1, t, 0.0), lambda t: MASKED @ t,
        lambda t: np.where(MASKED > 1, t, 0.0), lambda t: np.stack([t, MASKED]),
        lambda t: np.dot(MASKED, t), lambda t: np.average(t, weights=MASKED),
        lambda t: Tensor(MASKED), lambda t: MATRIX * t, lambda t: t * MATRIX,
        lambda t: MATRIX @ t, lambda t: np.multiply(MATRIX, t),
        lambda t: np.linalg.solve(MATRIX, t),
    ],
)  # fmt: skip
def test_masks_are_not_dropped_and_products_of_matrices_not_mistaken(call):
    with pytest.raises((TypeError, al.GradientError), match=r"mask|np\.matrix|cannot carry"):
        call(leaf([1.0, 2.0]))


def test_a_static_parameter_that_requires_a_gradient_is_refused():
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(TypeError, match="roll has no derivative for shift="):
        np.roll(t, leaf(1.0))
    assert np.take_along_axis(t, Tensor([[0], [1]]), -1).tolist() == [[1.0], [4.0]]
    assert np.roll(t, Tensor(1), axis=Tensor(0)).tolist() == [[3.0, 4.0], [1.0, 2.0]]


def test_arguments_that_are_not_understood_are_refused_by_name():
    t, mask = leaf([1.0, 2.0]), np.array([True, False])
    for call, text in (
        (lambda: np.exp(t, where=mask), "np.exp on Tensors takes no where="),
        (lambda: np.add(t, t, casting="unsafe"), "np.add on Tensors takes no casting="),
        (lambda: np.logaddexp.reduce(t, initial=1.0), "np.logaddexp.reduce on Tensors: "),
        (lambda: np.quantile(t, 0.5, weights=t), "np.quantile on Tensors takes no weights="),
        (lambda: np.quantile([1.0, 2.0], t[0]), "np.quantile has no derivative by q"),
        (lambda: np.nanpercentile(t, t), "np.nanpercentile has no derivative by q"),
        (lambda: np.nan_to_num(t, copy=False), "np.nan_to_num on Tensors makes a copy"),
        (lambda: np.pad(t, 1, mode="empty"), "pad has derivatives for the modes constant, edge"),
        (lambda: np.pad(t, 1, "wrap", reflect_type="odd"), "np.pad on Tensors takes no reflec"),
        (lambda: np.logspace(t[0], 1, base=[2.0, 3.0]), "np.logspace on Tensors takes one number"),
        (lambda: np.average(t, weights=[1, 1], returned=True, keepdims=2, out=1), "unexpected"),
    ):
        with pytest.raises(TypeError, match=re.escape(text)):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda np, t: np.split(t, [1.0]),
        lambda np, t: np.hsplit(t, [1.0]),
        lambda np, t: np.vander(t, 1.5),
        lambda np, t: np.vander(t, -1),
        lambda np, t: np.fft.fftshift(t, 0.5),
        lambda np, t: np.trim_zeros(t, "q"),
        lambda np, t: np.cov(t, ddof=0.5),
    ],
)
def test_numbers_that_must_be_whole_are_whole(call):
    for x in (np.arange(3.0), leaf(np.arange(3.0))):
        with pytest.raises((TypeError, ValueError)):
            call(np, x)


@pytest.mark.parametrize("dtype", [float, int])
@pytest.mark.parametrize(
    ("function", "usual"),
    [(np.nanstd, "out"), (np.nanvar, "out"), (np.cumulative_sum, "out"), (np.ptp, "out")]
    + [(function, "overwrite_input") for function in (np.median, np.nanmedian)],
)
def test_arguments_that_change_nothing_are_taken(function, usual, dtype):
    x, given = np.array([3, 1, 2], dtype), {usual: usual != "out" or None}
    np.testing.assert_array_equal(function(Tensor(x), **given), function(x))


def test_wrong_axes_are_reported_as_numpy_reports_them():
    t = leaf(CUBE)
    for call in (
        lambda: np.sum(t, axis=3),
        lambda: np.swapaxes(t, 0, 3),
        lambda: np.moveaxis(t, 3, 0),
        lambda: np.expand_dims(t, 7),
        lambda: np.concatenate([t, t], axis=3),
        lambda: np.stack([t, t], axis=5),
        lambda: np.max(t, axis=-4),
        lambda: np.squeeze(t, 3),
    ):
        with pytest.raises(np.exceptions.AxisError):
            call()
    with pytest.raises(ValueError, match="cannot select an axis to squeeze"):
        np.squeeze(t, 0)
    for axis in (None, 0):
        with pytest.raises(ValueError, match=r"compress needs a condition with one axis, got shap"):
            t.compress([[True, False]], axis)
    for few in (t[0, 0, 0], t[0, 0]):
        with pytest.raises(ValueError, match="mT of a tensor needs at least two axes"):
            few.mT  # noqa: B018  (the property raises)


def test_axes_of_many_dimensions_can_be_moved():
    t = leaf(np.ones((1,) * 30))
    assert np.moveaxis(t, 0, -1).shape == (1,) * 30
    assert np.swapaxes(t, 0, -1).shape == (1,) * 30


def test_numpy_integers_are_axes():
    t = leaf(CUBE)
    for function in (np.sum, np.mean, np.var, np.max, np.prod, np.std):
        t.zero_grad()
        function(t, axis=np.int64(1)).sum().backward()
        plain = leaf(CUBE)
        function(plain, axis=1).sum().backward()
        np.testing.assert_array_equal(t.grad, plain.grad)


def test_nothing_is_computed_on_arrays_of_objects():
    t = leaf([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for result in (np.ones(2) * t, np.float64(2) * t, np.ones((3, 2)) - t, np.exp(t)):
            assert type(result) is Tensor


def test_values_are_found_inside_lists():
    assert numpy_api.values_of([Tensor(1.0), (2.0, Tensor(3.0))]) == [1.0, (2.0, 3.0)]
