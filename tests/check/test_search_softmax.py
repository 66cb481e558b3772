"""Mistakes on the way back through a softmax, where values alone do not tell what it is."""

import numpy as np
import pytest

import autograd_lite as al
from tests.check.test_search_masks import title_of

rng = np.random.default_rng(3)
X, V = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
W = rng.normal(size=(3, 5))


def softmax(z, axis=1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_sum_exp(s):
    m = s.max(axis=1, keepdims=True)
    return m + np.log(np.exp(s - m).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("f", [log_sum_exp, lambda s: al.logsumexp(s, axis=1, keepdims=True)])
def test_the_axis_of_a_symmetric_matrix_is_the_one_that_is_written(f):
    data = rng.normal(size=(5, 3))
    w = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="w")
    u = data @ w
    s, c = u @ u.T, np.arange(1.0, 6.0)[:, None]
    delta = c * softmax(s.numpy(), 0)
    title = title_of(np.sum(c * f(s)), w=data.T @ ((delta + delta.T) @ u.numpy()))
    assert title.startswith("the softmax is taken along axis 0, in place of 1")


def test_probabilities_that_are_zero_are_no_mask():
    w = al.Tensor(W, requires_grad=True, name="w")
    s = X @ w
    s.name = "s"
    x = s / 0.001
    x.name = "x"
    q, at = softmax(s.numpy()), s.numpy()
    delta = q * (V - (q * V).sum(1, keepdims=True)) / 0.001 + 0.6 * at
    loss = np.sum(al.softmax(x, axis=1) * V) + 0.3 * np.sum(s * s)
    assert title_of(loss, w=X.T @ delta) == "softmax' is taken at s, in place of x"


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (2, "has a factor 2: a factor 2 too many"),
        (-1, "is added, in place of taken away"),
        (-2, "is added, in place of taken away, and has a factor 2: a factor 2 too many"),
    ],
)
def test_the_sum_over_a_row_has_a_sign_and_a_factor(factor, says):
    w = al.Tensor(W, requires_grad=True, name="w")
    p = al.softmax(X @ w, axis=1)
    p.name = "p"
    q = p.numpy()
    delta = q * V - factor * q * (q * V).sum(1, keepdims=True)
    title = title_of(np.sum(p * V), w=X.T @ delta)
    assert title == f"the sum over the row in the derivative of the softmax at p {says}"
