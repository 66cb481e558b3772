"""Kinks, ties and edges, pinned: what happens where a derivative is a matter of agreement."""

import decimal
import math
import warnings

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import Tensor, ops

FLOATS = [np.float64, np.float32]
INF, NAN = math.inf, math.nan


def gradient(f, x, dtype=None, cotangent=None):
    """Value and gradient of a function, checked to be the same if the sweep is recorded."""
    found = []
    for create_graph in (False, True):
        t = Tensor(x, requires_grad=True, dtype=dtype)
        y = f(t)
        y.backward(np.ones(y.shape) if cotangent is None else cotangent, create_graph=create_graph)
        found.append(t.grad.numpy())
    np.testing.assert_array_equal(*found)
    assert found[0].dtype == t.dtype
    return y.numpy(), found[0]


def second(f, x):
    """The second derivative of a function of one number; 0 if the first does not depend on it."""
    t = Tensor(x, requires_grad=True)
    f(t).backward(create_graph=True)
    first = t.grad
    t.zero_grad()
    if not first.requires_grad:
        return 0.0
    first.backward()
    return 0.0 if t.grad is None else t.grad.item()


# ------------------------------------------------------------ kinks


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (abs, 0.0, 0.0),
        (abs, -0.0, 0.0),
        (al.relu, 0.0, 0.0),
        (np.sqrt, 0.0, 0.0),
        (lambda x: np.maximum(x, 0.0), 0.0, 0.5),
        (lambda x: np.minimum(0.0, x), 0.0, 0.5),
        (lambda x: np.maximum(x, x), 3.0, 1.0),
        (lambda x: np.minimum(x, x), 3.0, 1.0),
        (lambda x: np.clip(x, -1.0, 1.0), 1.0, 0.5),
        (lambda x: np.clip(x, -1.0, 1.0), -1.0, 0.5),
        (lambda x: np.clip(x, np.array(-1.0), np.array(1.0)), 1.0, 0.5),
        (lambda x: np.clip(x, 2.0, 2.0), 2.0, 0.25),
        (lambda x: np.clip(x, -1.0, 1.0), 5.0, 0.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**0, 3.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x**3, -2.0, 12.0),
        (lambda x: x**-1.0, -2.0, -0.25),
        (lambda x: x ** np.array(0.0), 0.0, 0.0),
        (lambda x: 0.0**x, 2.0, 0.0),
        (lambda x: 0.0**x, 0.0, 0.0),
        (lambda x: 1.0**x, 2.0, 0.0),
        (np.tanh, 1000.0, 0.0),
        (np.square, 0.0, 0.0),
    ],
)
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)
def test_slope_at_a_kink(f, x, slope, dtype):
    value, found = gradient(f, x, dtype)
    assert value == f(np.array(x, dtype))
    assert found == slope


def test_second_derivatives_at_a_kink_are_finite():
    assert second(abs, 0.0) == 0.0
    assert second(np.sqrt, 0.0) == 0.0
    assert second(lambda x: x**2, 0.0) == 2.0
    assert second(lambda x: x**3, 0.0) == 0.0
    assert second(lambda x: x**1, 0.0) == 0.0
    assert second(lambda x: x**0, 0.0) == 0.0
    assert second(lambda x: (al.relu(x)) ** 2, 0.0) == 0.0


@pytest.mark.parametrize("b", [0.0, 1.0, 2.0, -1.0, 0.5])
@pytest.mark.parametrize("a", [2.0, 0.5])
def test_second_derivatives_of_a_power_with_a_variable_exponent(a, b):
    """Also where the exponent is 0: the right slope there does not make these right."""
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    (x**y).backward(create_graph=True)
    by_x, by_y = x.grad, y.grad
    mixed = a ** (b - 1) * (1 + b * math.log(a))
    for first, expected in (
        (by_x, (b * (b - 1) * a ** (b - 2), mixed)),
        (by_y, (mixed, a**b * math.log(a) ** 2)),
    ):
        x.zero_grad()
        y.zero_grad()
        first.backward()
        np.testing.assert_allclose((x.grad.item(), y.grad.item()), expected, rtol=1e-14, atol=1e-15)


def test_negative_base_has_integer_powers_only():
    _, slope = gradient(lambda x: x ** np.array([2.0, 3.0]), np.array([-2.0, -1.0]))
    assert slope.tolist() == [-4.0, 3.0]
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(gradient(lambda b: (-2.0) ** b, 2.0)[1])


# ------------------------------------------------------------ ties


@pytest.mark.parametrize("function", [np.max, np.min])
def test_ties_share_evenly(function):
    sign = 1.0 if function is np.max else -1.0
    x = sign * np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, 1.0, 5.0]])
    _, found = gradient(lambda t: function(t, axis=1), x, cotangent=[6.0, 6.0, 6.0])
    assert found.tolist() == [[0, 3, 3], [2, 2, 2], [0, 0, 6]]
    _, found = gradient(function, np.full((2, 2), 7.0))
    assert found.tolist() == [[0.25, 0.25], [0.25, 0.25]]


def test_maximum_and_minimum_split_ties_between_their_operands():
    for function in (np.maximum, np.minimum):
        a, b = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        function(a, b).backward([4.0, 6.0])
        assert a.grad.tolist() == b.grad.tolist() == [2.0, 3.0]


# ------------------------------------------------------------ products with zeros


@pytest.mark.parametrize(
    "x",
    [
        [2.0, 0.0, 3.0],
        [0.0, 2.0, 0.0],
        [0.0, 0.0, 0.0],
        [2.0, 3.0, 4.0],
        [1e-200, 1e-200, 1e200],
        [0.0, 1e-300, 2.0],
    ],
)
def test_derivatives_of_a_product_with_zeros(x):
    t = Tensor(x, requires_grad=True)
    np.prod(t).backward(create_graph=True)
    first = t.grad
    others = [math.prod(x[:i] + x[i + 1 :]) for i in range(3)]
    np.testing.assert_allclose(first.numpy(), others, rtol=1e-14)
    direction = np.array([1.0, -2.0, 5.0])
    t.zero_grad()
    (first * direction).sum().backward()
    second = [sum(direction[i] * x[3 - i - k] for i in range(3) if i != k) for k in range(3)]
    np.testing.assert_allclose(t.grad, second, rtol=1e-14)


def test_product_with_zeros_along_axes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4))
    x[0, 1, 2] = x[1, 0, 0] = x[1, 2, 0] = 0.0
    for axis in (0, 1, -1, (0, 2), (-1, 0), (2, 1, 0), None):
        for keepdims in (False, True):
            _, found = gradient(lambda t, a=axis, k=keepdims: np.prod(t, axis=a, keepdims=k), x)
            for index in np.ndindex(x.shape):
                ends = []
                for value in (1.0, 0.0):  # A product is linear in every factor.
                    changed = x.copy()
                    changed[index] = value
                    ends.append(changed.prod(axis=axis).sum())
                np.testing.assert_allclose(found[index], ends[0] - ends[1], rtol=1e-9, atol=1e-12)


def test_product_of_many_entries_with_a_zero():
    x = np.full(3000, 1.001)
    x[7] = 0.0
    _, slope = gradient(np.prod, x)
    np.testing.assert_allclose(slope[7], 1.001**2999, rtol=1e-12)
    assert np.count_nonzero(slope) == 1


# ------------------------------------------------------------ far out


@pytest.mark.parametrize("dtype", [*FLOATS, np.float16], ids=lambda dtype: dtype.__name__)
def test_sigmoid_far_out(dtype):
    value, slope = gradient(al.sigmoid, np.array([-1000.0, 0.0, 1000.0], dtype))
    assert value.dtype == dtype
    assert value.tolist() == [0.0, 0.5, 1.0]
    assert slope.tolist() == [0.0, 0.25, 0.0]
    assert gradient(al.sigmoid, np.array([-INF, INF], dtype))[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("dtype", "lowest", "ulp"), [(np.float64, -700.0, 4), (np.float32, -80.0, 4)], ids=["64", "32"]
)
def test_sigmoid_keeps_all_digits_in_both_tails(dtype, lowest, ulp):
    decimal.getcontext().prec = 60
    for x in np.linspace(lowest, -lowest, 1001).astype(dtype):
        exact = 1 / (1 + (-decimal.Decimal(float(x))).exp())
        got = decimal.Decimal(float(ops.sigmoid(x)))
        assert abs(got - exact) <= ulp * decimal.Decimal(float(np.finfo(dtype).eps)) * exact, x


@pytest.mark.parametrize("x", [-30.0, -40.0, -700.0])
def test_expm1_far_out(x):
    np.testing.assert_allclose(gradient(np.expm1, x)[1], np.exp(x), rtol=1e-14)


def test_softplus_far_out():
    value, slope = gradient(al.softplus, [-1000.0, 0.0, 1000.0])
    np.testing.assert_allclose(value, [0.0, math.log(2), 1000.0])
    assert slope.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)
def test_softmax_of_huge_and_infinite_entries(dtype):
    x = np.array([[1e30, 1e30, -1e30], [-INF, 0.0, -INF], [1000.0, -1000.0, 1000.0]], dtype)
    g = np.array([[1.0, 2.0, 3.0]] * 3, dtype)
    value, slope = gradient(al.softmax, x, dtype, g)
    assert value.tolist() == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]
    assert slope.tolist() == [[-0.25, 0.25, 0.0], [0.0, 0.0, 0.0], [-0.5, 0.0, 0.5]]
    value, slope = gradient(lambda t: al.logsumexp(t, axis=-1), x, dtype)
    np.testing.assert_allclose(value, np.array([1e30, 0.0, 1000.0 + math.log(2)], dtype))
    assert slope.tolist() == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]
    value, slope = gradient(al.log_softmax, x[1:], dtype, g[1:])
    np.testing.assert_allclose(
        value, [[-INF, 0.0, -INF], [-math.log(2), -2000 - math.log(2), -math.log(2)]], rtol=1e-6
    )
    np.testing.assert_allclose(slope, [[1.0, -4.0, 3.0], [-2.0, 2.0, 0.0]], atol=1e-6)


def test_nothing_but_minus_infinity():
    """The value is known, the weights are 0 / 0, of which NumPy warns."""
    value = al.logsumexp(Tensor([[-INF, -INF], [0.0, 0.0]], requires_grad=True), axis=-1)
    np.testing.assert_array_equal(value.numpy(), [-INF, math.log(2)])
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(al.softmax(Tensor([-INF, -INF], requires_grad=True)).numpy()).all()


def test_log_softmax_is_accurate_where_softmax_underflows():
    value, _ = gradient(al.log_softmax, [0.0, -800.0])
    assert value.tolist() == [0.0, -800.0]


# ------------------------------------------------------------ nan, inf


def test_nan_propagates():
    x = np.array([1.0, NAN, 3.0])
    for f in (np.exp, np.log, np.tanh, al.sigmoid, np.sqrt, np.sin, np.square):
        for found in gradient(f, x):
            assert np.isnan(found).tolist() == [False, True, False]
    for f in (np.max, np.min, np.sum, np.mean, np.prod, np.var):
        assert np.isnan(gradient(f, x)[0])
    for f in (lambda t: np.maximum(t, 2.0), lambda t: np.minimum(2.0, t), al.relu,
              lambda t: np.clip(t, 0.0, 2.0)):  # fmt: skip
        assert np.isnan(gradient(f, x)[0]).tolist() == [False, True, False]


def test_extreme_that_is_nan_sends_its_gradient_to_the_nan():
    x = np.array([[1.0, NAN, 3.0], [1.0, 2.0, 3.0]])
    _, slope = gradient(lambda t: np.max(t, axis=1), x)
    assert slope.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_what_was_not_chosen_cannot_spoil_the_gradient():
    """Where the safe branch is taken, nan and inf of the other stay out."""
    x = np.array([0.0, 4.0])
    with np.errstate(divide="ignore"):
        _, slope = gradient(lambda t: np.where(t > 0, np.log(t + (t == 0) * 1.0), 0.0), x)
    assert slope.tolist() == [0.0, 0.25]
    _, slope = gradient(lambda t: np.where([True, False], t, 0.0), x, cotangent=[1.0, NAN])
    assert slope.tolist() == [1.0, 0.0]
    _, slope = gradient(lambda t: t[:1] * 2.0, np.array([1.0, INF]))
    assert slope.tolist() == [2.0, 0.0]


def test_infinity_keeps_finite_neighbours_finite():
    _, slope = gradient(np.exp, np.array([-INF, 0.0]))
    assert slope.tolist() == [0.0, 1.0]
    _, slope = gradient(np.prod, np.array([INF, 2.0, 3.0]))
    assert slope.tolist() == [6.0, INF, INF]


# ------------------------------------------------------------ empty, 0-d, odd layouts


@pytest.mark.parametrize("dtype", [*FLOATS, np.int64, complex])
@pytest.mark.parametrize(
    "index",
    [
        np.array([2, 0, 2, -1] * 5),
        (np.array([1, 1] * 9), np.array([3, -1] * 9)),
        (slice(None), np.array([0, 0, 1, 3, 3])),
        (np.array([[0], [2]] * 4), slice(1, 3)),
        np.array([1]),
    ],
)
def test_entries_are_added_in_the_order_of_the_index(index, dtype):
    x = np.random.default_rng(0).normal(size=np.zeros((3, 4))[index].shape) * 1e3
    x = x.astype(dtype)
    expected = np.zeros((3, 4), dtype)
    np.add.at(expected, index, x)
    found = ops.scatter_add.compute(x, index=index, shape=(3, 4))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == dtype


def test_empty_arrays():
    for f in (np.exp, np.sum, np.prod, lambda t: t @ np.ones((3, 2)), lambda t: t.T, np.ravel,
              lambda t: np.concatenate([t, t]), lambda t: t[:, 1], lambda t: np.sum(t, axis=0),
              lambda t: np.where(t > 0, t, 0.0), lambda t: al.softmax(t, axis=1),
              lambda t: np.max(t, axis=1), lambda t: np.prod(t, axis=0)):  # fmt: skip
        _, slope = gradient(f, np.zeros((0, 3)))
        assert slope.shape == (0, 3)
    with pytest.raises(ValueError, match=r"^max got x: \(0, 3\), axis=None"):
        np.max(Tensor(np.zeros((0, 3)), requires_grad=True))


@pytest.mark.parametrize(
    ("a", "b"), [((5, 2, 0), (0, 4)), ((2, 0, 3), (3, 4)), ((5, 2, 3), (3, 0)), ((0,), (0, 3))]
)
def test_products_of_empty_matrices(a, b):
    x, y = (Tensor(np.ones(shape), requires_grad=True) for shape in (a, b))
    result = x @ y
    result.backward(np.ones(result.shape))
    assert x.grad.shape == a
    assert y.grad.shape == b


def test_numbers_without_axes():
    for f in (np.sum, np.mean, np.max, np.min, np.prod, np.var, al.logsumexp, np.ravel, np.copy,
              np.squeeze, lambda t: np.sum(t, axis=0), lambda t: np.max(t, axis=-1),
              lambda t: np.prod(t, axis=0), lambda t: np.sum(t, axis=()), lambda t: t[()],
              lambda t: t[None], lambda t: t.reshape(1, 1), lambda t: t.T,
              lambda t: al.softmax(t, axis=None)):  # fmt: skip
        value, slope = gradient(f, 2.0)
        np.testing.assert_array_equal(value, f(np.array(2.0)))
        assert slope.shape == ()


def test_reducing_no_axes():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for f in (np.sum, np.mean, np.prod, np.max):
        value, slope = gradient(lambda t, f=f: f(t, axis=()), x)
        np.testing.assert_array_equal(value, x)
        np.testing.assert_array_equal(slope, np.ones((2, 2)))


def test_negative_axes_are_the_positive_ones():
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3))
    for f in (np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std):
        results = [
            gradient(lambda t, f=f, axis=axis: f(t, axis=axis), x, cotangent=g)[1]
            for axis in (2, -1)
        ]
        np.testing.assert_array_equal(*results)
    for f in (al.softmax, al.log_softmax):
        results = [
            gradient(lambda t, f=f, axis=axis: f(t, axis=axis), x, cotangent=x)[1]
            for axis in (1, -2)
        ]
        np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("layout", ["fortran", "reversed", "strided", "broadcast", "big-endian"])
def test_layout_of_the_input_does_not_matter(layout):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 4))
    laid = {
        "fortran": np.asfortranarray(x),
        "reversed": x[::-1, ::-1],
        "strided": np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
        "broadcast": np.broadcast_to(x[:, :1], (3, 4)),
        "big-endian": x.astype(">f8"),
    }[layout]
    plain, w = np.ascontiguousarray(laid).astype(float), rng.normal(size=(4, 3))

    def f(t):
        u = np.tanh(t @ w) @ t
        return (u.T.reshape(2, 6) * t.reshape(6, 2).T).sum() + np.prod(t[1:, ::2]) + t.ravel()[5]

    np.testing.assert_allclose(gradient(f, laid)[1], gradient(f, plain)[1], rtol=1e-13)
    _, by_w = gradient(lambda v: (laid @ v).sum(), w)
    np.testing.assert_allclose(by_w, gradient(lambda v: (plain @ v).sum(), w)[1], rtol=1e-13)
    t = Tensor(plain, requires_grad=True)
    (t * 2.0).backward(laid)
    np.testing.assert_array_equal(t.grad, 2 * plain)


def test_variance_of_too_few_entries():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        value, slope = gradient(lambda t: np.var(t, ddof=1), [2.0])
        assert np.isnan(value)
        assert np.isnan(slope).tolist() == [True]


# ------------------------------------------------------------ losses


def test_mse_wants_a_known_reduction():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"^mse needs a reduction among .*, got 'avg'"):
        al.mse(x, [0.0, 0.0], reduction="avg")


def test_mse_does_not_broadcast():
    column, row = Tensor(np.ones((3, 1)), requires_grad=True), np.ones(3)
    with pytest.raises(ValueError, match=r"prediction: \(3, 1\) and target: \(3,\). Reshape one, "
                       r"e.g. target.reshape\(\(3, 1\)\)"):  # fmt: skip
        al.mse(column, row)


def test_mse_of_a_number():
    for reduction, expected in (("mean", 4.0), ("sum", 4.0), ("half_sum", 2.0), ("none", 4.0)):
        value, slope = gradient(lambda t, r=reduction: al.mse(t, 1.0, reduction=r), 3.0)
        assert value == expected
        assert slope == (2.0 if reduction == "half_sum" else 4.0)


@pytest.mark.parametrize(("dtype", "units"), [(np.float64, 2), (np.float32, 2), (np.float16, 1)])
def test_the_error_function_is_right_to_two_units_in_the_last_place(dtype, units):
    x = np.concatenate([np.linspace(-6.5, 6.5, 20_001), [1e-300, -1e-30, np.inf, -np.inf]])
    x = x.astype(dtype)
    y = ops.erf(x)
    right = np.array([math.erf(point) for point in x.astype(float)])
    assert y.dtype == dtype
    assert np.all(np.abs(y - right) <= units * np.spacing(np.abs(right).astype(dtype)))
    assert np.isnan(ops.erf(np.array(np.nan, dtype)))
    assert ops.erf(np.array([0, 1])).tolist() == [0.0, math.erf(1)]


@pytest.mark.parametrize("reduction", ["mean", "sum", "half_sum"])
@pytest.mark.filterwarnings("ignore:Mean of empty:RuntimeWarning", "ignore:invalid value")
def test_mse_of_nothing_has_a_gradient_of_nothing(reduction):
    nothing = np.zeros((0, 4))
    gradient = al.grad(lambda x: al.mse(x, nothing, reduction=reduction))(nothing)
    assert gradient.shape == (0, 4)


@pytest.mark.parametrize("name", ["i0e", "i1e", "k0e", "k1e", "j0", "j1", "y0", "y1"])
@pytest.mark.parametrize("x", [0.5, 30.0, 1e10])
def test_bessel_functions_far_out_are_scipys(name, x):
    special = pytest.importorskip("scipy.special", reason="scipy is not installed")
    f = getattr(special, name)
    assert f(al.Tensor(x)).item() == f(x)
    assert np.isfinite(al.grad(f)(x)) or (
        x > 1e9 and name in ("i1e", "k1e")
    )  # SciPy's, of order 2.


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("x", [14.0, 45.0, 1e3, 1e30])
def test_second_derivative_of_log_ndtr_far_out(dtype, x):
    f = al.scipy.special.log_ndtr
    assert abs(al.grad(al.grad(f))(dtype(x))) < 1e-30


@pytest.mark.parametrize("base", [
    np.array([1, 3, 7], np.uint8), np.array([2, 9], np.int16), np.array([0.1, 3], np.float16),
    np.array([0.1, 3], np.float32), np.array([True]), 3.0,
])  # fmt: skip
def test_logarithm_of_a_narrow_operand_is_as_exact_as_the_result(base):
    special = pytest.importorskip("scipy.special", reason="scipy is not installed")

    def slope(f, b):
        return al.grad(lambda t: np.sum(f(b, t)))(1.3)

    for f in (np.power, lambda b, t: special.xlogy(t, b), lambda b, t: special.xlog1py(t, b)):
        assert slope(f, base) == pytest.approx(slope(f, np.asarray(base, float)), rel=1e-14)


def test_means_of_more_numbers_than_16_bits_can_count():
    n, x = 70_000, np.full(70_000, 2.0, np.float16)
    for f, value, slope in (
        (np.mean, 2, 1), (np.nanmean, 2, 1), (lambda t: np.mean(t, where=x > 1), 2, 1),
        (lambda t: al.mse(t, 0 * x), 4, 4), (lambda t: al.nn.functional.l1_loss(t, 0 * x), 2, 1),
    ):  # fmt: skip
        got, gradient = al.value_and_grad(f)(x)
        assert (got, got.dtype) == (value, np.float16)
        np.testing.assert_allclose(gradient, slope / n, rtol=0.01)
        scaled = al.Tensor(x, requires_grad=True)  # As a loss of 16 bits is, before it goes back.
        f(scaled).backward(40_000.0)
        np.testing.assert_allclose(scaled.grad.numpy(), 40_000 * slope / n, rtol=1e-3)


def test_an_index_of_tuples_adds_up_what_it_picks_twice():
    gradient = al.grad(lambda x: ops.getitem(x, index=((0, 0), (1, 1))).sum())(np.ones((2, 3)))
    assert gradient.tolist() == [[0, 2, 0], [0, 0, 0]]


@pytest.mark.parametrize(("x", "first"), [(0.0, 1), (-1.0, -1), (-3.0, -6)])
def test_derivatives_of_the_reciprocal_gamma_function_at_its_zeros(x, first):
    f, h = al.scipy.special.rgamma, 1e-5
    slope = al.grad(f)
    assert slope(x) == pytest.approx(first, rel=1e-14)
    assert al.grad(slope)(x) == pytest.approx((slope(x + h) - slope(x - h)) / (2 * h), rel=1e-6)
