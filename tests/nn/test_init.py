"""Initial values have the distribution that their names promise, and come from the generator."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.nn import init

ROOM = 0.03
"""How far the deviation of 20,000 numbers may be from that of the distribution."""


def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize(
    ("draw", "matrix", "filters"),
    [
        (init.xavier_uniform_, 2 / 300, 2 / (9 * 300)),
        (init.xavier_normal_, 2 / 300, 2 / (9 * 300)),
        (init.kaiming_uniform_, 2 / 200, 2 / (9 * 100)),
        (init.kaiming_normal_, 2 / 200, 2 / (9 * 100)),
    ],
)
def test_the_variance_is_that_of_the_formula(draw, matrix, filters):
    for shape, variance in (((200, 100), matrix), ((200, 100, 3, 3), filters)):
        drawn = draw(shape, rng())
        assert drawn.shape == shape
        assert drawn.std() == pytest.approx(np.sqrt(variance), rel=ROOM)
        assert abs(drawn.mean()) < ROOM * np.sqrt(variance)


def test_gains_and_modes():
    assert init.calculate_gain("relu") == np.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(np.sqrt(2 / 1.04))
    outwards = init.kaiming_normal_((200, 100), rng(), mode="fan_out", nonlinearity="linear")
    assert outwards.std() == pytest.approx(0.1, rel=ROOM)


def test_uniform_values_stay_in_range_and_truncated_ones_too():
    drawn = init.uniform_(10_000, rng(), -3, 2)
    assert -3 <= drawn.min() < -2.9
    assert 1.9 < drawn.max() < 2
    drawn = init.trunc_normal_(10_000, rng(), std=2.0)
    assert abs(drawn).max() <= 2


def test_orthogonal_rows_or_columns():
    for shape in ((3, 5), (5, 3), (4, 2, 3)):
        w = init.orthogonal_(shape, rng(), gain=2.0).reshape(shape[0], -1)
        product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(product, 4 * np.eye(min(w.shape)), atol=1e-12)


def test_a_shape_gives_an_array_and_a_tensor_gets_the_same_values():
    layer = al.nn.Linear(3, 4, dtype=np.float32)
    same = init.xavier_uniform_((3, 4), rng())
    assert init.xavier_uniform_(layer.weight, rng()) is layer.weight
    assert layer.weight.dtype == np.float32
    assert layer.weight.requires_grad
    np.testing.assert_array_equal(layer.weight.numpy(), same.astype(np.float32))
    assert init.zeros_(layer.bias).tolist() == [0, 0, 0, 0]
    assert init.ones_(2).tolist() == [1, 1]
    assert init.constant_((1, 2), 3).tolist() == [[3, 3]]
    assert init.eye_((2, 2)).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.xavier_uniform_((2, 2), 1.0), TypeError, r"got rng=1\.0\. Write xavier_u"),
        (lambda: init.normal_((2, 2), None), TypeError, r"random\.Generator, got rng=None"),
        (lambda: init.xavier_normal_(3, rng()), ValueError, r"two axes or more .* got \(3,\)"),
        (lambda: init.calculate_gain("tan"), ValueError, "one of linear, sigmoid, tanh, relu"),
        (lambda: init.kaiming_normal_((2, 2), rng(), mode="in"), ValueError, "fan_in or fan_out"),
        (lambda: init.eye_(3), ValueError, r"a matrix, got shape \(3,\)"),
        (lambda: init.trunc_normal_(3, rng(), a=20, b=30), ValueError, "something to draw"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
