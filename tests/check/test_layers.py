"""`check_layer` and `check_jacobian`: right layers pass, wrong ones have their mistake named."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(3)


def layer_norm(x, gain, bias):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    std = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    n = centred / std
    return gain * n + bias, (n, std, gain)


def layer_norm_backward(dy, cache):
    n, std, gain = cache
    dn = dy * gain
    mean = dn.mean(axis=-1, keepdims=True)
    dx = (dn - mean - n * (dn * n).mean(axis=-1, keepdims=True)) / std
    return dx, (dy * n).sum(axis=0), dy.sum(axis=0)


NORM = [rng.normal(size=(5, 6)), rng.normal(size=6), rng.normal(size=6)]


def test_a_right_layer_passes_by_position_and_by_name():
    assert al.check_layer(layer_norm, layer_norm_backward, NORM)

    def by_name(dy, cache):
        return dict(zip(("dx", "dgain", "bias_grad"), layer_norm_backward(dy, cache), strict=True))

    assert al.check_layer(layer_norm, by_name, dict(zip(("x", "gain", "bias"), NORM, strict=True)))


def test_the_mistake_of_a_wrong_layer_is_named():
    def forgets_the_mean(dy, cache):
        n, std, gain = cache
        dn = dy * gain
        dx = (dn - n * (dn * n).mean(axis=-1, keepdims=True)) / std
        return dx, (dy * n).sum(axis=0), dy.sum(axis=0)

    result = al.check_layer(layer_norm, forgets_the_mean, NORM)
    assert result["x"].diagnosis.title == "the path through the mean of x is left out"
    assert result["gain"].ok


def test_a_layer_in_float32_is_right_for_its_dtype():
    def backward(dy, cache):
        return tuple(g.astype(np.float32) for g in layer_norm_backward(np.float32(dy), cache))

    assert al.check_layer(layer_norm, backward, NORM)


def test_running_statistics_stay_as_they_were():
    statistics = {"mean": np.zeros(3)}

    def forward(x, running):
        running["mean"] += 1.0
        return x * 2.0, None

    assert al.check_layer(forward, lambda dy, _: 2 * dy, [rng.normal(size=(4, 3)), statistics])
    np.testing.assert_array_equal(statistics["mean"], 0.0)


def test_dropout_without_a_seed_is_said():
    def dropout(x):
        return x * (np.random.default_rng().uniform(size=np.shape(x)) > 0.5)

    with pytest.raises(ValueError, match="another result when it is called again"):
        al.check_layer(dropout, lambda dy, x: dy, [rng.normal(size=50)])


def naive(x, k):
    out = np.zeros(len(x) - 2)
    for i in range(len(out)):
        out[i] = x[i] * k[0] + x[i + 1] * k[1] + x[i + 2] * k[2]
    return out


@pytest.mark.parametrize("accumulate", [True, False])
def test_a_loop_that_fills_a_bare_array_is_checked_by_differences(accumulate):
    def backward(dy, x, k):
        dx, dk = np.zeros_like(x), np.zeros(3)
        for i in range(len(dy)):
            if accumulate:
                dx[i : i + 3] += dy[i] * k
            else:
                dx[i : i + 3] = dy[i] * k
            dk += dy[i] * x[i : i + 3]
        return dx, dk

    result = al.check_layer(naive, backward, [rng.normal(size=8), rng.normal(size=3)])
    assert bool(result) is accumulate
    assert result["k"].ok
    assert any("al.Tensor(np.zeros(shape))" in note for note in result.notes)


def test_a_jacobian_is_checked_with_its_layout():
    def f(x):
        return np.sin(x[:2]) * x[2]

    def jacobian(x):
        return np.array(
            [[np.cos(x[0]) * x[2], 0, np.sin(x[0])], [0, np.cos(x[1]) * x[2], np.sin(x[1])]]
        )

    x = [1.0, 2.0, 3.0]
    assert al.check_jacobian(f, jacobian, x)
    assert not al.check_jacobian(f, lambda x: 2 * jacobian(x), x)
    with pytest.raises(ValueError, match="It is transposed: outputs come first"):
        al.check_jacobian(f, lambda x: jacobian(x).T, x)


@pytest.mark.parametrize(
    ("backward", "says"),
    [
        (lambda dy, cache: (dy,), "returns 1 gradients for 3"),
        (lambda dy, cache: {"dz": dy}, "a gradient called 'dz'"),
    ],
)
def test_what_backward_must_return_is_said(backward, says):
    with pytest.raises(ValueError, match=says):
        al.check_layer(layer_norm, backward, NORM)


def test_assert_gradients_raises_with_the_mistake():
    al.assert_gradients(lambda x: np.sum(x**3), lambda x: {"x": 3 * x**2}, [np.ones(3)])
    with pytest.raises(al.DisagreementError, match="sign"):
        al.assert_gradients(lambda x: np.sum(x**3), lambda x: {"x": -3 * x**2}, [np.ones(3) + 1])


def lstm_forward(x, h, c, w):
    z = np.concatenate([x, h], axis=1) @ w
    i, f, o = (al.sigmoid(z[:, 3 * k : 3 * k + 3]) for k in range(3))
    g = np.tanh(z[:, 9:])
    new = f * c + i * g
    return (o * np.tanh(new), new), (x, h, c, w, (i, f, o, g), new)


def lstm_backward(cotangents, cache, with_cell=True):
    dh, dc = cotangents
    x, h, c, w, (i, f, o, g), new = cache
    t = np.tanh(new)
    dc = dc * with_cell + dh * o * (1 - t**2)
    dz = [dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g**2)]
    dz = np.concatenate(dz, axis=1)
    both = dz @ w.T
    return both[:, : x.shape[1]], both[:, x.shape[1] :], dc * f, np.concatenate([x, h], 1).T @ dz


def test_a_layer_with_several_results_and_a_nested_cache():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape) for shape in ((4, 2), (4, 3), (4, 3), (5, 12))]
    assert al.check_layer(lstm_forward, lstm_backward, inputs)
    forgotten = al.check_layer(
        lstm_forward, lambda d, cache: lstm_backward(d, cache, with_cell=False), inputs
    )
    assert not forgotten
    assert "left out" in str(forgotten["c"].diagnosis)
