"""No search for a mistake stumbles over sizes that are equal or 1, or a loss of shape (1, 1)."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.mistakes.factors import factor_of
from autograd_lite.check.mistakes.picks import overwritten
from autograd_lite.check.mistakes.registry import Case, Target
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Graph
from tests.check.test_search_masks import title_of

rng = np.random.default_rng(20)


def gradient(f, x):
    return al.grad(f)(x)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_what_is_divided_by_an_array_with_one_entry(shape):
    x, scale = rng.normal(size=(4, 2)), np.full(shape, 4.0)
    w = rng.normal(size=(2, 3))

    def f(w):
        return np.sum(np.tanh(x @ w) / scale)

    given = al.Tensor(w, requires_grad=True, name="w")
    title = title_of(f(given), w=4 * gradient(f, w))
    assert title == f"the factor 1 / {'scale' if shape else 4} is missing"


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_root_of_a_loss_with_one_entry(shape):
    x, w = rng.normal(size=(4, 2)), rng.normal(size=(2, 1))

    def f(w):
        return np.reshape(np.sum(np.tanh(x @ w) ** 2), shape)

    loss = f(al.Tensor(w, requires_grad=True, name="w"))
    right = gradient(lambda w: np.sum(f(w)), w)
    title = title_of(loss, w=right / (2 * np.sqrt(loss.item())))
    assert title.endswith("that of the root of the loss")


def test_a_logsumexp_of_a_single_row_along_both_axes():
    x = rng.normal(size=(1, 4))
    given = al.Tensor(x, requires_grad=True, name="x")
    z = given * 2
    p = np.exp(2 * x) / np.sum(np.exp(2 * x))
    title = title_of(np.log(np.sum(np.exp(z))), x=2 * p * (1 - p))
    assert title.startswith("p * (1 - p) stands in place of the softmax p")


def test_a_sum_over_taps_that_starts_at_0_and_is_square():
    x, w = rng.normal(size=(3, 3, 5)), rng.normal(size=(3, 3, 3))

    def f(w):
        z = 0
        for j in range(3):
            z = z + x[:, :, j : j + 3].transpose(0, 2, 1) @ w[:, :, j].T
        return np.mean(np.maximum(z, 0) ** 2)

    given = al.Tensor(w, requires_grad=True, name="w")
    title = title_of(f(given), w=gradient(f, w).transpose(1, 0, 2))
    assert title.startswith("axes 0 and 1 are exchanged")


def test_another_gradient_that_has_another_shape():
    x, given = rng.normal(size=(3, 3)), {"w": rng.normal(size=(3, 3)), "v": np.ones((3, 3))}
    given["gamma"] = rng.normal(size=3)

    def f(w, v, gamma):
        return np.sum((np.maximum(gamma * np.tanh(x @ w), 0) @ v - x) ** 2)

    dw, dv, dgamma = al.grad(f, argnums=(0, 1, 2))(*given.values())
    tensors = {k: al.Tensor(a, requires_grad=True, name=k) for k, a in given.items()}
    by_hand = {"w": dw, "gamma": dgamma[:2], "v": dv * given["gamma"]}
    result = al.compare(f(**tensors), by_hand)
    assert str(result["v"].diagnosis) == "the gradient at v is multiplied by gamma"


def test_right_gradients_within_a_sample_beside_a_wrong_sum_over_samples():
    x, y = rng.normal(size=(3, 3)), np.array([0, 1, 1])
    w, b = (al.Tensor(a, requires_grad=True) for a in (np.array([0.5, -1, 0.2]), np.array(0.3)))
    total = 0
    for i in range(3):
        z = b
        for j in range(3):
            z = z + x[i, j] * w[j]
        p = 1 / (1 + np.exp(-z))
        total = total - y[i] * np.log(p) - (1 - y[i]) * np.log(1 - p)
    dz = p.numpy() - y[2]
    result = al.compare(total / 3, {w: x[2] * dz / 3, b: dz / 3, z: dz / 3, p: -1 / p.numpy() / 3})
    assert "only the last row of the gradient at z counts" in str(result["b"].diagnosis)


@pytest.mark.parametrize("right", [np.nan, 1e-310])
def test_in_float32_a_gradient_that_is_not_finite_has_no_factor(right):
    assert factor_of(np.full(1, 5, np.float32), np.array([right])) is None


def test_a_gradient_without_entries():
    x, w = rng.normal(size=(5, 3)), al.Tensor(np.ones((3, 3)), requires_grad=True, name="w")
    result = al.compare(np.sum(np.tanh(x @ w)), {"w": np.zeros((0, 3))})
    assert result["w"].verdict == "shapes differ"


def test_first_entries_of_two_tensors_of_other_shapes_are_no_loop_over_one():
    em = al.Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="em")
    tr = al.Tensor(rng.normal(size=(2, 2)), requires_grad=True, name="tr")
    a, score = em[0], em[0, 1]
    for t in (1, 2):
        a = em[t] + np.log(np.sum(np.exp(a[:, None] + tr), axis=0))
        score = score + tr[1, 0] + em[t, 0]
    loss = np.log(np.sum(np.exp(a))) - score
    assert not al.compare(loss, {"tr": rng.normal(size=(2, 2))})


def test_an_array_without_a_name_that_is_filled_place_by_place():
    x, w, b = (rng.normal(size=shape) for shape in ((4, 4, 3, 3), (1, 4, 2, 2), 1))

    def conv(x, w, b):
        y = np.zeros((4, 1, 2, 2))
        for i in range(2):
            for j in range(2):
                windows = x[:, :, i : i + 2, j : j + 2]
                y[:, 0, i, j] = np.sum(windows * w[0], axis=(1, 2, 3)) + b[0]
        return y

    def f(x, w, b):
        return np.sum(conv(x, w, b) ** 2)

    assert not al.compare(f, {"x": rng.normal(size=x.shape)}, {"x": x, "w": w, "b": b})


def test_pooling_is_right_at_other_sizes_where_no_values_are_equal():
    def pool(x):
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
        return y, (x, y)

    def back(dy, cache):
        x, y = cache
        return np.where(x == y.repeat(2, 2).repeat(2, 3), dy.repeat(2, 2).repeat(2, 3), 0)

    result = al.check_layer(pool, back, [rng.normal(size=(4, 2, 2, 2))])
    assert result
    assert not result.notes


def test_what_is_picked_at_many_places_was_not_put_at_each_other_place():
    x = al.Tensor(rng.normal(size=40), requires_grad=True, name="x")
    graph = Graph(np.sum(np.stack([x[i] ** 2 for i in range(40)])), {})
    node = graph.find("x")
    found = overwritten(Case(Replay(graph)), Target("x", x.numpy(), 2 * x.numpy(), node.id))
    assert len(list(found)) < 40**2


def test_what_is_withdrawn_of_a_gradient_that_was_stretched():
    s = al.Tensor(np.array([0.3, -0.5, -0.2]), requires_grad=True, name="s")
    c = np.cumsum(s)
    q = np.sort(c)
    loss = np.sum(q * np.arange(3))
    assert not al.compare(loss, {"c": np.array(1.0), "q": np.array([2.0, 0.0, 1.0])})
