"""Mistakes on the way back through a softmax, where values alone do not tell what it is."""

import itertools

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


@pytest.mark.parametrize("masked", [-1e30, -np.inf])
def test_what_a_mask_adds_hides_nothing(masked):
    mask = np.triu(np.full((4, 4), masked), 1)
    w = al.Tensor(W, requires_grad=True, name="w")
    p = softmax(X @ w @ V.T + mask)
    q = softmax(X @ W @ V.T + mask)
    title = title_of(np.sum(p * V[:, :4]), w=X.T @ (q * (1 - q) * V[:, :4]) @ V)
    assert "it has terms between the entries of a row" in title


def test_a_mask_after_the_exponential_hides_nothing():
    w = al.Tensor(W, requires_grad=True, name="w")
    kept = np.tril(np.ones((4, 5)))
    e = np.exp(X @ w) * kept
    p = e / np.sum(e, axis=1, keepdims=True)
    p.name = "p"
    title = title_of(np.sum(p * V), w=X.T @ (p.numpy() * V))
    assert title.startswith("the derivative of the softmax at p is not p")


@pytest.mark.parametrize(
    ("instead", "says"),
    [
        (lambda s: 1 / (1 + np.exp(-s)), "the sigmoid stands in place of the softmax on the way"),
        (lambda s: np.log(softmax(s)), "the logarithm of the softmax stands in its place"),
    ],
)
def test_something_else_stands_for_the_softmax_in_a_log_softmax(instead, says):
    w = al.Tensor(W, requires_grad=True, name="w")
    delta = V - instead(X @ W) * V.sum(axis=1, keepdims=True)
    assert says in title_of(np.sum(al.log_softmax(X @ w, axis=1) * V), w=X.T @ delta)


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


KEPT = np.tril(np.ones((4, 4), bool))


def attention(p, q, k, v, out):
    """Return the gradients of q, k and v, given the probabilities that are used."""
    delta = 2 * (p @ v - out)
    dp = delta @ v.T
    ds = p * (dp - (p * dp).sum(1, keepdims=True))
    return {"q": ds @ k, "k": ds.T @ q, "v": p.T @ delta}


def test_a_factor_that_is_missing_in_the_sum_of_a_softmax_is_said_to_be_there():
    rng = np.random.default_rng(7)
    x, w, v = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    t = al.Tensor(w, requires_grad=True, name="w")
    scores = x @ t
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    a = e / np.sum(e, axis=1, keepdims=True)
    e.name, a.name = "e", "a"
    p = a.numpy()
    result = al.compare(np.sum(a * v), {t: x.T @ (p * (v - v.sum(axis=1, keepdims=True)))})
    assert str(result[t].diagnosis) == "in the sum of the softmax, the factor a is missing"


def test_several_labels_of_a_row_are_a_target():
    t = al.Tensor(W, requires_grad=True, name="w")
    scores, labels = X @ t, np.array([[0, 2], [1, 1], [3, 4], [2, 0]])
    p = softmax(scores)
    p.name = "p"
    loss = -sum(np.sum(np.log(p[np.arange(4), labels[:, j]])) for j in range(2))
    title = title_of(loss, w=X.T @ (2 * p.numpy()))
    assert title.startswith("the mean of the one-hots of the labels is not subtracted from p")
    counts = np.array([np.bincount(row, minlength=5) for row in labels])
    title = title_of(loss, w=2 * X.T @ (np.log(p.numpy()) - counts / 2))
    assert title == "the logarithm of p stands in its place"


def test_a_mask_of_the_other_triangle_leaves_the_diagonal():
    t = al.Tensor(W[:, :4], requires_grad=True, name="w")
    scores = np.where(np.tril(np.ones((4, 4))) == 0, -1e9, X @ t)
    p = softmax(scores).numpy()
    v = V[:, :4]
    d = p * (v - np.sum(p * v, axis=1, keepdims=True))
    title = title_of(np.sum(softmax(scores) * v), w=X.T @ np.triu(d))
    assert title.startswith("the mask is that of the other triangle on the way back")


def test_a_one_hot_is_added_where_it_is_to_be_subtracted():
    w, labels = al.Tensor(W, requires_grad=True, name="w"), np.array([0, 4, 2, 2])
    e = np.exp(X @ w)
    p = e / np.sum(e, axis=1, keepdims=True)
    e.name, p.name = "e", "p"
    loss = -np.mean(np.log(p[np.arange(4), labels]))
    title = title_of(loss, w=X.T @ (p.numpy() + np.eye(5)[labels]) / 4)
    assert title == "the one-hot of the labels is added to p, in place of subtracted"


def test_what_goes_back_may_stop_at_a_gradient_that_is_given():
    sizes, data, labels = (3, 4, 5, 4, 3), rng.normal(size=(7, 3)), np.eye(3)[rng.integers(0, 3, 7)]
    ws = [al.Tensor(rng.normal(size=s), requires_grad=True) for s in itertools.pairwise(sizes)]
    bs = [al.Tensor(np.zeros(size), requires_grad=True) for size in sizes[1:]]
    hs = [al.Tensor(data)]
    for w, b in zip(ws, bs, strict=True):
        hs.append(np.tanh(hs[-1] @ w + b))
    p = al.softmax(hs[-2] @ ws[-1] + bs[-1], axis=1)
    delta, by_hand = (p.numpy() - labels) / 7, {}
    for w, b, h in zip(ws[::-1], bs[::-1], hs[-2::-1], strict=True):
        by_hand |= {w: h.data.T @ delta, b: delta.sum(0)}
        delta = delta @ w.data.T * (1 - h.data)
    result = al.compare(-np.mean(np.sum(labels * np.log(p), axis=1)), by_hand)
    assert "besides the mistake in bs[1], 1 - hs[1] stands in place of 1 - hs[1] ** 2" in str(
        result
    )
