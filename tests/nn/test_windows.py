"""Convolutions and pooling follow the formulas of their docstrings, entry by entry."""

import itertools

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.nn import functional

RNG = np.random.default_rng(29)


def conv_by_hand(x, w, b, g, stride, padding, dilation, groups):
    """The sums of the docstring of Conv2d, term by term: the result and all gradients."""
    (s, t), (a, e), (d, f) = stride, padding, dilation
    x = np.pad(x, ((0, 0), (0, 0), (a, a), (e, e)))
    share = len(w) // groups
    down = (x.shape[2] - d * (w.shape[2] - 1) - 1) // s + 1
    across = (x.shape[3] - f * (w.shape[3] - 1) - 1) // t + 1
    y = np.zeros((len(x), len(w), down, across)) + b[:, None, None]
    g = y * 0 + 1 if g is None else g
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for n, o, i, j in np.ndindex(y.shape):
        for c, k, m in np.ndindex(w.shape[1:]):
            at = n, o // share * w.shape[1] + c, s * i + d * k, t * j + f * m
            y[n, o, i, j] += w[o, c, k, m] * x[at]
            dw[o, c, k, m] += g[n, o, i, j] * x[at]
            dx[at] += g[n, o, i, j] * w[o, c, k, m]
    inside = (..., slice(a, x.shape[2] - a), slice(e, x.shape[3] - e))
    return y, dx[inside], dw, g.sum(axis=(0, 2, 3))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("size", "stride", "padding", "dilation"),
    [
        ((3, 2), (1, 1), (0, 0), (1, 1)),
        ((3, 3), (2, 1), (1, 1), (1, 1)),
        ((2, 3), (1, 2), (0, 2), (2, 1)),
        ((1, 1), (2, 2), (1, 0), (3, 1)),
    ],
)
def test_conv2d_and_its_gradients_are_those_by_hand(size, stride, padding, dilation, groups):
    layer = nn.Conv2d(2, 4, size, stride, padding, dilation, groups, rng=RNG)
    x = al.Tensor(RNG.normal(size=(2, 2, 6, 5)), requires_grad=True)
    y = layer(x)
    g = RNG.normal(size=y.shape)
    y.backward(g)
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    by_hand = conv_by_hand(x.numpy(), weight, bias, g, stride, padding, dilation, groups)
    ours = (y, x.grad, layer.weight.grad, layer.bias.grad)
    for got, want in zip(ours, by_hand, strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)


def test_conv1d_is_conv2d_of_height_1():
    for stride, padding, dilation in itertools.product((1, 2), (0, 1), (1, 2)):
        layer = nn.Conv1d(2, 4, 3, stride, padding, dilation, groups=2, rng=RNG)
        x = al.Tensor(RNG.normal(size=(3, 2, 9)), requires_grad=True)
        y = layer(x)
        g = RNG.normal(size=y.shape)
        y.backward(g)
        flat, dx, dw, db = conv_by_hand(
            x.numpy()[:, :, None], layer.weight.numpy()[:, :, None], layer.bias.numpy(),
            g[:, :, None], (1, stride), (0, padding), (1, dilation), 2,
        )  # fmt: skip
        np.testing.assert_allclose(y.numpy(), flat[:, :, 0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(x.grad, dx[:, :, 0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(layer.weight.grad, dw[:, :, 0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(layer.bias.grad, db, rtol=1e-12, atol=1e-12)


def test_padding_same_keeps_the_size():
    for size, dilation in itertools.product(((3, 3), (4, 1), (2, 5)), (1, 2)):
        layer = nn.Conv2d(1, 1, size, padding="same", dilation=dilation)
        assert layer(np.ones((1, 1, 7, 6))).shape == (1, 1, 7, 6)
    assert nn.Conv1d(1, 1, 3, padding="valid")(np.ones((1, 1, 7))).shape == (1, 1, 5)


def test_a_large_batch_is_cut_into_blocks_and_loses_nothing():
    layer = nn.Conv2d(8, 4, 3, padding=1, rng=RNG)
    x = al.Tensor(RNG.normal(size=(40, 8, 20, 20)), requires_grad=True)
    layer(x).sum().backward()
    whole, weight = x.grad.numpy(), layer.weight.grad.numpy()
    parts, layer.weight.grad = [], None
    for start in range(0, 40, 10):
        part = al.Tensor(x.numpy()[start : start + 10], requires_grad=True)
        layer(part).sum().backward()
        parts.append(part.grad.numpy())
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, weight, rtol=1e-9)


def pool_by_hand(x, g, size, stride, padding, what):
    """The largest, or the mean, of every window; and where the cotangent of each goes."""
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)),
                  constant_values=-np.inf if what == "max" else 0)  # fmt: skip
    places = [(n - size) // stride + 1 for n in wide.shape[2:]]
    y, back = np.zeros((*x.shape[:2], *places)), np.zeros_like(wide)
    for n, c, i, j in np.ndindex(y.shape):
        view = n, c, slice(stride * i, stride * i + size), slice(stride * j, stride * j + size)
        window = wide[view]
        y[n, c, i, j] = window.max() if what == "max" else window.mean()
        if g is not None:
            share = np.full(window.shape, 1 / window.size)
            if what == "max":
                share = np.zeros(window.size)
                share[window.argmax()] = 1
            back[view] += g[n, c, i, j] * share.reshape(window.shape)
    return y, back[..., padding : padding + x.shape[2], padding : padding + x.shape[3]]


@pytest.mark.parametrize("what", ["max", "avg"])
@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 1, 0), (1, 2, 0)]
)
@pytest.mark.parametrize("ties", [False, True])
def test_pooling_and_its_gradient_are_those_by_hand(what, size, stride, padding, ties):
    layer = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}[what](size, stride, padding)
    values = RNG.normal(size=(2, 3, 6, 5))
    x = al.Tensor(np.round(values) if ties else values, requires_grad=True)
    y = layer(x)
    g = RNG.normal(size=y.shape)
    y.backward(g)
    value, gradient = pool_by_hand(x.numpy(), g, size, stride, padding, what)
    np.testing.assert_allclose(y.numpy(), value, rtol=1e-13)
    np.testing.assert_allclose(x.grad, gradient, rtol=1e-12, atol=1e-14)


def test_pooling_moves_by_its_own_size_and_may_reach_over_the_edge():
    x = np.arange(25.0).reshape(1, 5, 5)
    assert nn.MaxPool2d(2)(x).tolist() == [[[6, 8], [16, 18]]]
    assert nn.MaxPool2d(2, ceil_mode=True)(x).tolist() == [[[6, 8, 9], [16, 18, 19], [21, 23, 24]]]
    mean = nn.AvgPool2d(2, ceil_mode=True)(x).numpy()[0]
    assert mean[2, 2] == 24
    assert mean[0, 2] == (4 + 9) / 2
    ones = np.ones((1, 2, 2))
    assert nn.AvgPool2d(2, 1, 1)(ones).numpy()[0, 0].tolist() == [0.25, 0.5, 0.25]
    assert (nn.AvgPool2d(2, 1, 1, count_include_pad=False)(ones).numpy() == 1).all()


def test_batch_norm_2d_normalises_every_channel():
    layer = nn.BatchNorm2d(3)
    x = al.Tensor(RNG.normal(size=(4, 3, 5, 2)) * 3 + 1, requires_grad=True)
    y = layer(x)
    g = RNG.normal(size=x.shape)
    y.backward(g)
    axes = (0, 2, 3)
    mean, variance = (f(x.numpy(), axis=axes, keepdims=True) for f in (np.mean, np.var))
    root = np.sqrt(variance + 1e-5)
    hat = (x.numpy() - mean) / root
    spread = (g * hat).mean(axis=axes, keepdims=True)
    by_hand = (g - g.mean(axis=axes, keepdims=True) - hat * spread) / root
    np.testing.assert_allclose(y.numpy(), hat, rtol=1e-11)
    np.testing.assert_allclose(x.grad, by_hand, atol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, (g * hat).sum(axis=axes), rtol=1e-11)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * mean.ravel(), rtol=1e-12)
    assert "running_var" in layer.state_dict()


@pytest.mark.parametrize("backend", ["eager", "numpy", "numba"])
def test_the_first_nan_is_the_largest_of_a_window(backend):
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    x[0, 0, 0, 1] = x[0, 0, 1, 0] = np.nan
    gradient = al.grad(lambda x: nn.functional.max_pool2d(x, 2).sum())
    if backend == "numba":
        pytest.importorskip("numba", reason="numba is not installed")
    if backend != "eager":
        gradient = al.compile(gradient, backend=backend)
    by_hand = np.isin(np.arange(16), [1, 7, 13, 15]).astype(float)
    assert np.asarray(gradient(x)).ravel().tolist() == by_hand.tolist()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_layers_keep_their_dtype_and_take_an_empty_batch(dtype):
    for layer in (nn.Conv2d(3, 2, 2, dtype=dtype), nn.MaxPool2d(2), nn.AvgPool2d(2)):
        for batch in (2, 0):
            x = al.Tensor(np.ones((batch, 3, 4, 4)), requires_grad=True, dtype=dtype)
            y = layer(x)
            y.sum().backward()
            assert y.dtype == x.grad.dtype == dtype
            assert len(y) == batch


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Conv2d(0, 1, 3), ValueError, "Conv2d needs in_channels of 1 or more, got 0"),
        (lambda: nn.Conv2d(3.0, 1, 3), TypeError, "an integer as in_channels, got 3.0"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "groups that divide its channels"),
        (lambda: nn.Conv2d(1, 1, (1, 2, 3)), ValueError, "one or 2 integers of 1 or more as its k"),
        (lambda: nn.Conv2d(1, 1, 3, padding=-1), ValueError, "of 0 or more as its padding"),
        (lambda: nn.Conv2d(1, 1, 3, padding="full"), ValueError, "'same' or 'valid', got 'full'"),
        (lambda: nn.Conv2d(1, 1, 3, 2, "same"), ValueError, "stride=1 with padding='same'"),
        (lambda: nn.Conv2d(1, 1, 3, rng=1), TypeError, r"a numpy\.random\.Generator, got rng=1"),
        (lambda: nn.Conv2d(2, 1, 3)(np.ones((1, 3, 5, 5))), ValueError, r"\(batch, 2, height, wi"),
        (lambda: nn.Conv2d(1, 1, 3)(np.ones((5, 5))), ValueError, r"got \(5, 5\)"),
        (lambda: nn.Conv2d(1, 1, 9)(np.ones((1, 5, 5))), ValueError, r"over \(9, 9\)"),
        (lambda: nn.Conv2d(1, 1, 1)(np.ones((1, 5, 5), int)), TypeError, r"x\.astype\(float\)"),
        (lambda: nn.MaxPool2d(2, padding=2)(np.ones((1, 4, 4))), ValueError, "at most half of its"),
        (lambda: nn.MaxPool2d(5)(np.ones((1, 4, 4))), ValueError, "a window fits into"),
        (lambda: nn.MaxPool2d(2.5)(np.ones((1, 4, 4))), TypeError, "as its kernel_size, got 2.5"),
        (lambda: functional.conv2d(np.ones((1, 4, 4)), np.ones((2, 2))), ValueError, r"shape \("),
        (lambda: nn.BatchNorm2d(3)(np.ones((2, 3))), ValueError, r"\(rows, 3, height, width\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
