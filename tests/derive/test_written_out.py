"""Sigmoid, softmax and log-sum-exp that are written out are derived as what they are."""

import numpy as np
import pytest

import autograd_lite as al

RNG = np.random.default_rng(5)
X, OTHER = RNG.normal(size=(2, 4, 3))
W, OTHER_W = RNG.normal(size=(2, 3, 3))
Y = np.eye(3)[[0, 2, 1, 1]]


def split_sigmoid(z):
    e = np.exp(-z)
    below = e + 1
    return 1 / below


def stable_lse(z):
    m = np.max(z, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m


def flat_lse(z):
    m = z.max(axis=1)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1))


def stable_softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1)[:, None]


SIGMOIDS = {
    "of -z": lambda z: 1 / (1 + np.exp(-z)),
    "split": split_sigmoid,
    "of z": lambda z: np.exp(z) / (1 + np.exp(z)),
    "power": lambda z: (1 + np.exp(-z)) ** -1,
    "tanh": lambda z: 0.5 * (1 + np.tanh(z / 2)),
    "tanh / 2": lambda z: (np.tanh(0.5 * z) + 1) / 2,
}
SOFTMAXES = {
    "plain": lambda z: np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True),
    "stable": stable_softmax,
    "columns": lambda z: np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)), axis=0),
    "constant": lambda z: np.exp(z - 1.5) / np.exp(z - 1.5).sum(axis=-1, keepdims=True),
}
SUMS = {
    "plain": lambda z: np.log(np.sum(np.exp(z), axis=1)),
    "all": lambda z: np.log(np.sum(np.exp(z))),
    "stable": stable_lse,
    "flat": flat_lse,
    "minus": lambda z: z - stable_lse(z),
    "minus plain": lambda z: z - np.log(np.exp(z).sum(axis=1, keepdims=True)),
}
OTHERS = {  # What only looks like one.
    "no one": lambda z: 2 / (1 + np.exp(-z)),
    "two": lambda z: 1 / (2 + np.exp(-z)),
    "of another": lambda z: np.exp(z) / (1 + np.exp(2 * z)),
    "other axis": lambda z: np.exp(z)[:3] / np.sum(np.exp(z)[:3], axis=1),
    "not constant": lambda z: np.exp(z - z**2) / np.exp(z - z**2).sum(axis=1, keepdims=True),
    "other shift": lambda z: np.log(np.sum(np.exp(z - z.max(1)[:, None]), axis=1)) + z.min(1),
    "its own shift": lambda z: np.log(np.sum(np.exp(z - z.max(1)[:, None]), axis=1)),
    "turned": lambda z: np.exp(z[:3]) / np.exp(z[:3]).sum(axis=1, keepdims=True).T,
}
ALL = {
    f"{group} {name}": f
    for group, forms in (("σ", SIGMOIDS), ("softmax", SOFTMAXES), ("lse", SUMS), ("", OTHERS))
    for name, f in forms.items()
}


@pytest.mark.parametrize("form", ALL)
def test_values_are_right_elsewhere(form):
    def loss(x, w):
        return np.sum(ALL[form](x @ w) ** 2)

    tensor = al.Tensor(W, requires_grad=True, name="w")
    recorded = al.derive(loss(al.Tensor(X, name="x"), tensor))
    for derivation in (al.derive(loss, X, W, wrt=["w"]), recorded):
        value, gradients = derivation.function(OTHER, OTHER_W)
        np.testing.assert_allclose(value, loss(OTHER, OTHER_W), rtol=1e-12)
        expected = np.asarray(al.grad(lambda w: loss(OTHER, w))(OTHER_W))
        np.testing.assert_allclose(gradients["w"], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", SIGMOIDS)
def test_the_entropy_of_a_sigmoid_is_a_difference(form):
    y, w = al.Tensor(Y, name="y"), al.Tensor(W, requires_grad=True, name="w")
    p = SIGMOIDS[form](al.Tensor(X, name="X") @ w)
    code = str(al.derive(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))))
    assert "(p - y)" in code

    def loss(X, y, w):
        p = SIGMOIDS[form](X @ w)
        return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))

    assert "(p - y)" in str(al.derive(loss, X, Y, W, wrt=["w"]))


@pytest.mark.parametrize("form", SOFTMAXES)
def test_the_entropy_of_a_softmax_is_a_difference(form):
    def loss(X, y, w):
        z = X @ w
        p = SOFTMAXES[form](z)
        return -np.sum(y * np.log(p))

    assert "* p - y  #" in str(al.derive(loss, X, Y, W, wrt=["w"]))


@pytest.mark.parametrize("form", ["stable", "flat", "minus"])
def test_nothing_is_sent_through_a_shift(form):
    assert " == " not in str(al.derive(lambda z: np.sum(SUMS[form](z)), X))


def test_an_inner_gradient_that_is_asked_for_is_written():
    def loss(z):
        e = np.exp(-z)
        p = 1 / (1 + e)
        return np.sum(p**2)

    derivation = al.derive(loss, X)
    assert "d_e" not in str(derivation)
    z = al.Tensor(X, requires_grad=True, name="z")
    e = np.exp(-z)
    inner = al.derive(np.sum((1 / (1 + e)) ** 2), wrt=["e", "z"])
    _, gradients = inner.function(OTHER)
    np.testing.assert_allclose(gradients["e"], -2 / (1 + np.exp(-OTHER)) ** 3)


def test_a_chain_has_its_steps():
    def loss(z):
        e = np.exp(-z)
        p = 1 / (1 + e)
        return p**2

    assert "∂p/∂e" in al.derive(loss, 0.5, chain=True).text


def test_one_minus_is_computed_from_the_array():
    y, w = al.Tensor(Y, name="y"), al.Tensor(W[0], requires_grad=True, name="w")
    derivation = al.derive(np.sum((1 - y) * w - (-y) * w**2))
    assert list(derivation.arguments) == ["y", "w"]
    _, gradients = derivation.function(1 - Y, OTHER_W[0])
    np.testing.assert_allclose(gradients["w"], (Y + (1 - Y) * 2 * OTHER_W[0]).sum(axis=0))


def test_minus_is_computed_from_an_array_that_is_not_used_itself():
    y, w = al.Tensor(Y, name="y"), al.Tensor(W, requires_grad=True, name="w")
    p = 1 / (1 + np.exp(-(al.Tensor(X, name="X") @ w)))
    derivation = al.derive(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    other = al.derive(np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)))
    assert [x.text for x in other.backward] == [x.text for x in derivation.backward]
    assert list(other.arguments) == ["X", "y", "w"]


def test_what_may_be_made_of_several_is_an_argument():
    y, same = al.Tensor(Y, name="y"), al.Tensor(Y, name="same")
    w = al.Tensor(W[0], requires_grad=True, name="w")
    derivation = al.derive(np.sum(y * w + same * w + (1 - y) * w))
    assert list(derivation.arguments) == ["y", "same", "input", "w"]


def test_an_array_that_is_used_several_times_is_one_argument():
    x = RNG.normal(size=(4, 3))
    q, k, v = (al.Tensor(W, requires_grad=True, name=name) for name in "qkv")
    loss = np.sum((x @ q) * (x @ k) + x @ v + x)
    derivation = al.derive(loss)
    assert list(derivation.arguments) == ["x", "q", "k", "v"]
    _, gradients = derivation.function(OTHER, W, OTHER_W, W)
    np.testing.assert_allclose(gradients["q"], OTHER.T @ (OTHER @ OTHER_W))
