"""Layers compute their formulas, and their gradients are those that were derived by hand."""

import math

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn

RNG = np.random.default_rng(17)
X = RNG.normal(size=(6, 4)) * 2
G = RNG.normal(size=(6, 4))
PHI = np.array([[(1 + math.erf(x / math.sqrt(2))) / 2 for x in row] for row in X])
BELL = np.exp(-(X**2) / 2) / math.sqrt(2 * math.pi)
ROOT = math.sqrt(2 / math.pi)
TANH = np.tanh(ROOT * (X + 0.044715 * X**3))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


S, COLUMNS = softmax(X, 1), softmax(X, 0)
ACTIVATIONS = [
    (nn.LeakyReLU(), np.where(X > 0, X, 0.01 * X), G * np.where(X > 0, 1, 0.01)),
    (nn.LeakyReLU(0.3), np.where(X > 0, X, 0.3 * X), G * np.where(X > 0, 1, 0.3)),
    (nn.ELU(), np.where(X > 0, X, np.exp(X) - 1), G * np.where(X > 0, 1, np.exp(X))),
    (nn.ELU(0.5), np.where(X > 0, X, np.exp(X) / 2 - 0.5), G * np.where(X > 0, 1, np.exp(X) / 2)),
    (nn.GELU(), X * PHI, G * (PHI + X * BELL)),
    (
        nn.GELU("tanh"),
        X * (1 + TANH) / 2,
        G * ((1 + TANH) / 2 + X * (1 - TANH**2) * ROOT * (1 + 0.134145 * X**2) / 2),
    ),
    (nn.SiLU(), X * sigmoid(X), G * sigmoid(X) * (1 + X * (1 - sigmoid(X)))),
    (nn.Softplus(), np.log(1 + np.exp(X)), G * sigmoid(X)),
    (nn.Softplus(0.5), 2 * np.log(1 + np.exp(X / 2)), G * sigmoid(X / 2)),
    (nn.Softmax(), S, S * (G - (G * S).sum(axis=1, keepdims=True))),
    (nn.Softmax(0), COLUMNS, COLUMNS * (G - (G * COLUMNS).sum(axis=0, keepdims=True))),
    (nn.LogSoftmax(), np.log(S), G - S * G.sum(axis=1, keepdims=True)),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("layer", "value", "gradient"), ACTIVATIONS, ids=lambda x: str(x)[:20])
def test_an_activation_and_its_gradient_follow_the_formula(layer, value, gradient, dtype):
    x = al.Tensor(X, requires_grad=True, dtype=dtype)
    y = layer(x)
    y.backward(G.astype(dtype))
    assert y.dtype == x.grad.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(y.numpy(), value, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(x.grad, gradient, rtol=tolerance, atol=tolerance)
    if dtype == np.float64:
        al.gradcheck(layer, [X], order=2)


def test_the_derivatives_at_0_are_those_of_the_left_side():
    for layer, expected in ((nn.LeakyReLU(0.25), 0.25), (nn.ELU(0.5), 0.5)):
        x = al.Tensor(0.0, requires_grad=True)
        layer(x).backward()
        assert x.grad.item() == expected


def test_activations_far_out_are_finite():
    far = al.Tensor([-1000.0, 1000.0], requires_grad=True)
    for layer in (nn.ELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Softplus()):
        far.zero_grad()
        y = layer(far)
        y.sum().backward()
        assert y[1].item() == 1000.0
        assert far.grad.tolist() == [0.0, 1.0]


# ------------------------------------------------------------ normalisation


def normalised(x, axes):
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5), np.sqrt(variance + 1e-5)


def by_hand(h, hat, root, axes):
    spread = (h * hat).mean(axis=axes, keepdims=True)
    return (h - h.mean(axis=axes, keepdims=True) - hat * spread) / root


def with_values(layer):
    for p in layer.parameters():
        p.data = RNG.normal(size=p.shape)
    return layer


@pytest.mark.parametrize(("shape", "axes"), [(4, (-1,)), ((3, 4), (-2, -1))])
def test_layer_norm_follows_the_formula(shape, axes):
    x = RNG.normal(size=(5, 3, 4)) * 3 + 1
    g = RNG.normal(size=x.shape)
    layer = with_values(nn.LayerNorm(shape))
    tensor = al.Tensor(x, requires_grad=True)
    y = layer(tensor)
    y.backward(g)
    hat, root = normalised(x, axes)
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    rows = tuple(range(3 - len(axes)))
    np.testing.assert_allclose(y.numpy(), weight * hat + bias, rtol=1e-12)
    np.testing.assert_allclose(tensor.grad, by_hand(weight * g, hat, root, axes), atol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, (g * hat).sum(axis=rows), rtol=1e-11)
    np.testing.assert_allclose(layer.bias.grad, g.sum(axis=rows), rtol=1e-11)
    al.gradcheck(layer, [x[:2]], order=2)


@pytest.mark.parametrize("shape", [(6, 3), (5, 3, 4)])
def test_batch_norm_follows_the_formula(shape):
    x = RNG.normal(size=shape) * 3 + 1
    g = RNG.normal(size=shape)
    axes, along = ((0,), (3,)) if len(shape) == 2 else ((0, 2), (3, 1))
    layer = with_values(nn.BatchNorm1d(3))
    tensor = al.Tensor(x, requires_grad=True)
    y = layer(tensor)
    y.backward(g)
    hat, root = normalised(x, axes)
    weight, bias = layer.weight.numpy().reshape(along), layer.bias.numpy().reshape(along)
    np.testing.assert_allclose(y.numpy(), weight * hat + bias, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(tensor.grad, by_hand(weight * g, hat, root, axes), atol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, (g * hat).sum(axis=axes), rtol=1e-11)
    np.testing.assert_allclose(layer.bias.grad, g.sum(axis=axes), rtol=1e-11)
    mean, variance = x.mean(axis=axes), x.var(axis=axes, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * variance, rtol=1e-12)

    layer.eval().zero_grad()
    tensor.zero_grad()
    y = layer(tensor)
    y.backward(g)
    root = np.sqrt(0.9 + 0.1 * variance + 1e-5).reshape(along)
    hat = (x - 0.1 * mean.reshape(along)) / root
    np.testing.assert_allclose(y.numpy(), weight * hat + bias, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(tensor.grad, weight * g / root, rtol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, (g * hat).sum(axis=axes), rtol=1e-11)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * mean, rtol=1e-12)


def test_running_means_of_batch_norm_are_in_the_state_and_not_among_the_parameters():
    layer = nn.BatchNorm1d(4, momentum=None)
    for batch in (X, 2 * X, X + 1):
        layer(batch)
    expected = np.mean([X.mean(axis=0), 2 * X.mean(axis=0), X.mean(axis=0) + 1], axis=0)
    np.testing.assert_allclose(layer.running_mean.numpy(), expected, rtol=1e-12)
    assert [p.name for p in layer.parameters()] == ["weight", "bias"]
    state = layer.state_dict()
    assert state["num_batches_tracked"] == 3
    twin = nn.BatchNorm1d(4)
    twin.load_state_dict(state)
    np.testing.assert_array_equal(twin.eval()(X).numpy(), layer.eval()(X).numpy())


def test_batch_norm_without_running_means_uses_the_batch_always():
    layer = nn.BatchNorm1d(4, affine=False, track_running_stats=False)
    expected = layer(X).numpy()
    np.testing.assert_array_equal(layer.eval()(X).numpy(), expected)
    assert layer.state_dict() == {}


@pytest.mark.parametrize(
    "make", [lambda d: nn.LayerNorm(4, dtype=d), lambda d: nn.BatchNorm1d(4, dtype=d)]
)
def test_normalisation_keeps_float32(make):
    layer = make(np.float32)
    x = al.Tensor(X, requires_grad=True, dtype=np.float32)
    for mode in (True, False):
        y = layer.train(mode)(x)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == layer.weight.grad.dtype == np.float32


# ------------------------------------------------------------ dropout, flatten, embedding


def test_dropout_drops_and_enlarges_in_training_only():
    layer = nn.Dropout(0.25, rng=np.random.default_rng(3))
    x = al.Tensor(np.ones((400, 50)), requires_grad=True)
    y = layer(x)
    mask = (np.random.default_rng(3).random((400, 50)) >= 0.25) / 0.75
    np.testing.assert_array_equal(y.numpy(), mask)
    assert abs(y.numpy().mean() - 1) < 0.02
    g = RNG.normal(size=x.shape)
    y.backward(g)
    np.testing.assert_array_equal(x.grad, g * mask)
    assert not np.array_equal(layer(x).numpy(), mask)
    assert layer.eval()(x) is x
    assert nn.Dropout(1.0)(x).numpy().sum() == 0
    assert nn.Dropout(0.5)(al.Tensor([1.0], dtype=np.float32)).dtype == np.float32


def test_flatten_and_its_gradient():
    x = al.Tensor(RNG.normal(size=(2, 3, 4, 5)), requires_grad=True)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0)(x).shape == (120,)
    y = nn.Flatten(1, -2)(x)
    g = RNG.normal(size=(2, 12, 5))
    y.backward(g)
    np.testing.assert_array_equal(x.grad, g.reshape(x.shape))


def test_embedding_adds_up_the_gradients_of_a_row():
    layer = nn.Embedding(4, 3, rng=np.random.default_rng(0))
    table = np.random.default_rng(0).normal(size=(4, 3))
    rows = np.array([[2, 0], [2, 3]])
    y = layer(rows)
    np.testing.assert_array_equal(y.numpy(), table[rows])
    g = RNG.normal(size=(2, 2, 3))
    y.backward(g)
    expected = [g[0, 1], np.zeros(3), g[0, 0] + g[1, 0], g[1, 1]]
    np.testing.assert_allclose(layer.weight.grad, expected, rtol=1e-15)
    rows[:] = 1  # What was recorded does not follow.
    layer.zero_grad()
    y.backward(g)
    np.testing.assert_allclose(layer.weight.grad, expected, rtol=1e-15)
    assert layer(al.Tensor(3)).shape == (3,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.GELU("erf"), ValueError, "approximate to be none or tanh, got 'erf'"),
        (lambda: nn.Softplus(0), ValueError, "beta of more than 0, got 0"),
        (lambda: nn.Dropout(1.5), ValueError, "Dropout needs a p from 0 to 1, got 1.5"),
        (lambda: nn.Dropout(rng=3), TypeError, r"Dropout needs a numpy\.random\.Generator, got"),
        (lambda: nn.Embedding(0, 3), ValueError, "num_embeddings of 1 or more, got 0"),
        (lambda: nn.Embedding(3, 1.5), TypeError, "integer as embedding_dim, got 1.5"),
        (lambda: nn.Embedding(3, 2)([0, 3]), ValueError, "from 0 to 2 for 3 rows, got 3"),
        (lambda: nn.Embedding(3, 2)([0.0]), TypeError, r"got dtype float64\. Write x\.astype\(int"),
        (lambda: nn.Flatten(2, 1)(al.Tensor(X)), ValueError, r"axes 2 to 1, got shape \(6, 4\)"),
        (lambda: nn.Flatten()(al.Tensor(1.0)), ValueError, r"got shape \(\)"),
        (lambda: nn.LayerNorm(0), ValueError, "normalized_shape of 1 or more, got 0"),
        (lambda: nn.LayerNorm(1.5), TypeError, "an integer as normalized_shape, got 1.5"),
        (lambda: nn.LayerNorm(3)(X), ValueError, r"shape \(\.\.\., 3\), got \(6, 4\)"),
        (lambda: nn.BatchNorm1d(0), ValueError, "num_features of 1 or more, got 0"),
        (lambda: nn.BatchNorm1d("4"), TypeError, "an integer as num_features, got '4'"),
        (lambda: nn.BatchNorm1d(3)(X), ValueError, r"or \(rows, 3, length\), got \(6, 4"),
        (lambda: nn.BatchNorm1d(4)(X[:1]), ValueError, r"Call eval\(\) first, or leave out"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_layers_print_their_settings():
    net = nn.Sequential(
        nn.Embedding(5, 2), nn.Flatten(), nn.LayerNorm(4), nn.LeakyReLU(), nn.ELU(), nn.GELU(),
        nn.GELU("tanh"), nn.SiLU(), nn.Softplus(), nn.Softplus(2), nn.BatchNorm1d(4), nn.Dropout(),
        nn.Softmax(), nn.LogSoftmax(1),
    )  # fmt: skip
    titles = [line.split(": ")[1].split("  ")[0] for line in str(net).splitlines()[1:]]
    assert titles == [
        "Embedding(5, 2)", "Flatten(1, -1)", "LayerNorm(4)", "LeakyReLU(0.01)", "ELU(alpha=1)",
        "GELU", "GELU(tanh)", "SiLU", "Softplus", "Softplus(beta=2)", "BatchNorm1d(4)",
        "Dropout(p=0.5)", "Softmax(dim=-1)", "LogSoftmax(dim=1)",
    ]  # fmt: skip
