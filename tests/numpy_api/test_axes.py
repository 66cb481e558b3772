"""NumPy's functions along any axes of any shape: empty ones, 0-d ones, with nan and inf in them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from autograd_lite import Tensor

SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
NUMBERS = st.floats(-8, 8, width=32).map(lambda x: round(x * 4) / 4)  # With ties.
ANYTHING = st.sampled_from([0.0, 1.5, -2.0, np.nan, np.inf, -np.inf])

REDUCTIONS = (
    np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.ptp, np.nansum, np.nanprod,
    np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.median, np.nanmedian, np.average,
)  # fmt: skip
ALONG = (
    np.cumsum, np.cumprod, np.nancumsum, np.nancumprod, np.sort, np.diff, np.flip, np.unstack,
    np.trapezoid, np.gradient,
)  # fmt: skip


def outcome(call, *args, **kwargs):
    """What a call returns, or the kind of error that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call(*args, **kwargs)
        except (ValueError, TypeError, IndexError, ZeroDivisionError) as error:
            return type(error).__mro__[-3]


def same(result, expected):
    if isinstance(expected, type):
        assert isinstance(result, type), (result, expected)
        return False
    if isinstance(expected, tuple | list):
        assert len(result) == len(expected)
        return all(same(got, want) for got, want in zip(result, expected, strict=True))
    assert isinstance(result, Tensor)
    assert result.shape == np.shape(expected)
    assert result.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, atol=1e-5)
    return True


@st.composite
def calls(draw, functions, several):
    """A function, an array and an axis that may or may not be there."""
    shape = draw(SHAPES)
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    x = draw(arrays(dtype, shape, elements=draw(st.sampled_from([NUMBERS, ANYTHING]))))
    axis = st.integers(-len(shape) - 1, len(shape))
    options = [st.none(), axis]
    if several:
        options.append(st.lists(axis, max_size=3).map(tuple))
    keywords = {"axis": draw(st.one_of(options))}
    function = draw(st.sampled_from(functions))
    if several and draw(st.booleans()):
        keywords["keepdims"] = True
    return function, x, keywords


def check(function, x, keywords):
    expected = outcome(function, x, **keywords)
    for given_ in (x, x.copy(order="F"), np.flip(np.flip(x).copy())):
        t = Tensor(given_, requires_grad=True)
        result = outcome(function, t, **keywords)
        if not same(result, expected):
            return
    parts = result if isinstance(result, tuple) else (result,)
    differentiable = [part for part in parts if part.requires_grad]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, part in enumerate(differentiable):
            weights = np.random.default_rng(i).normal(size=part.shape).astype(part.dtype)
            part.backward(weights)
    if differentiable and x.size:
        assert t.grad.shape == x.shape
        assert t.grad.dtype == x.dtype


@settings(derandomize=True, max_examples=1000, deadline=None)
@given(calls(REDUCTIONS, several=True))
def test_reductions_along_any_axes_do_what_numpy_does(call):
    check(*call)


@settings(derandomize=True, max_examples=600, deadline=None)
@given(calls(ALONG, several=False))
def test_functions_along_an_axis_do_what_numpy_does(call):
    check(*call)


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_gradient_where_entries_tie_is_shared_evenly(function):
    """Nothing but the place tells equal entries apart, and the place must not matter."""
    t = Tensor([[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]], requires_grad=True)
    result = function(t, axis=1)
    if result.requires_grad:
        result.backward(np.array([1.0, 3.0]))
    gradient = t.grad.numpy()
    if function in (np.median, np.nanmedian):
        assert gradient.sum(axis=1).tolist() == [1.0, 3.0]
    else:
        assert (gradient == gradient[:, :1]).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("function", "arguments", "slopes"),
    [
        (np.hypot, (0.0, 0.0), (0.0, 0.0)),
        (np.arctan2, (0.0, 0.0), (0.0, 0.0)),
        (np.cbrt, (0.0,), (0.0,)),
        (np.copysign, (0.0, -1.0), (0.0, None)),
        (np.fmax, (1.0, 1.0), (0.5, 0.5)),
        (np.fmin, (np.nan, 1.0), (0.0, 1.0)),
        (np.fmax, (1.0, np.nan), (1.0, 0.0)),
        (np.sinc, (0.0,), (0.0,)),
        (np.logaddexp, (-np.inf, -np.inf), (0.0, 0.0)),
        (np.logaddexp, (-np.inf, 1.0), (0.0, 1.0)),
        (np.logaddexp, (np.inf, 1.0), (np.nan, 0.0)),
        (np.heaviside, (1.0, 0.5), (None, 0.0)),
        (np.heaviside, (0.0, 0.5), (None, 1.0)),
        (np.nan_to_num, (np.nan,), (0.0,)),
        (np.ptp, ([1.0, 1.0],), ([0.0, 0.0],)),
        (np.std, ([1.0, 1.0],), ([0.0, 0.0],)),
        (np.median, ([3.0, 1.0, 2.0, 4.0],), ([0.5, 0.0, 0.5, 0.0],)),
        (np.median, ([3.0, np.nan, 2.0],), ([0.0, 1.0, 0.0],)),
        (np.unique, ([2.0, 2.0],), ([1.0, 0.0],)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_derivative_at_a_kink_is_the_documented_one(function, arguments, slopes):
    tensors = [Tensor(x, requires_grad=True) for x in arguments]
    with np.errstate(invalid="ignore"):
        function(*tensors).sum().backward()
    for tensor, slope in zip(tensors, slopes, strict=True):
        if slope is None:
            assert tensor.grad is None
        else:
            np.testing.assert_array_equal(tensor.grad, slope)


def test_second_derivative_of_sinc_at_0():
    from autograd_lite import grad

    assert grad(grad(np.sinc))(0.0) == pytest.approx(-(np.pi**2) / 3, rel=1e-12)
