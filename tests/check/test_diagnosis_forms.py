"""Softmax and its logarithm by values, labels, exponents, terms elsewhere, rows and steps."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(21)
X, W, U = rng.normal(size=(8, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
LABELS, ROWS = rng.integers(0, 4, 8), np.arange(8)
P = np.exp(X @ W) / np.exp(X @ W).sum(axis=1, keepdims=True)
HOT = np.eye(4)[LABELS]


def first(loss, **gradients):
    (row, *_) = al.compare(loss, gradients).failures
    return str(row.diagnosis)


def parameter(array, name):
    return al.Tensor(array, requires_grad=True, name=name)


def logarithms():
    w = parameter(W, "w")
    z = X @ w
    z.name = "z"
    lse = np.log(np.sum(np.exp(z), axis=1))
    lse.name = "lse"
    return np.sum(np.tanh(lse)), 1 - np.tanh(lse.numpy()) ** 2


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (P, None),
        (np.ones_like(P), "the derivative of the logsumexp at lse is left out"),
        (P * (1 - P), "p * (1 - p) stands in place of the softmax p"),
        (np.exp(X @ W), "the derivative of the log at lse is left out"),
        (np.exp(X @ W) / np.exp(X @ W).sum(axis=0), "along axis 0, in place of 1"),
        (np.exp(X @ W) / np.exp(X @ W).sum(), "divided by the sum over all axes"),
        (P.max(axis=1, keepdims=True) == P, "the largest entry gets all, as from a maximum"),
    ],
)
def test_a_logsumexp_that_is_written_out_has_the_mistakes_of_one(form, said):
    loss, g = logarithms()
    hand = X.T @ (g[:, None] * form)
    if said is None:
        assert al.compare(loss, {"w": hand})
    else:
        assert said in first(loss, w=hand)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (lambda g: g - P * g.sum(axis=1, keepdims=True), None),
        (lambda g: g * P * (1 - P), "g * p * (1 - p) stands in place"),
        (lambda g: g * P, "g * p stands in place"),
        (lambda g: g * (1 - P), "g * (1 - p) stands in place of g - p * sum(g)"),
        (lambda g: g - P, "g - p stands in place"),
        (
            lambda g: g - P * g.mean(axis=1, keepdims=True),
            "from logp is averaged over the 4 that it was used for, not summed",
        ),
    ],
)
def test_the_logarithm_of_a_softmax_has_its_own_mistakes(form, said):
    w = parameter(W, "w")
    z = X @ w
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    logp.name = "logp"
    loss, g = np.sum(np.sin(logp)), np.cos(logp.numpy())
    hand = X.T @ form(g)
    if said is None:
        assert al.compare(loss, {"w": hand})
    else:
        assert said in first(loss, w=hand)


@pytest.mark.parametrize(("shift", "said"), [(1, "1 too large"), (-1, "1 too small")])
def test_labels_that_are_shifted_are_named_where_no_softmax_is(shift, said):
    w, labels = parameter(W, "w"), (LABELS + shift) % 4
    s = 1 / (1 + np.exp(-(X @ W)))
    ds = np.zeros_like(s)
    ds[ROWS, labels] = 1 / s[ROWS, labels]
    loss = np.sum(np.log(al.sigmoid(X @ w)[ROWS, LABELS]))
    assert said in first(loss, w=X.T @ (ds * s * (1 - s)))


@pytest.mark.parametrize("exponent", [2, 4])
def test_another_exponent_is_named(exponent):
    w, z = parameter(W, "w"), X @ W
    g = np.cos(z**exponent * np.exp(z))
    hand = X.T @ (g * np.exp(z) * (exponent * z ** (exponent - 1) + z**exponent))
    y = (X @ w) ** 3.0 * np.exp(X @ w)
    assert f"is {exponent}, in place of 3" in first(np.sum(np.sin(y)), w=hand)


def penalised():
    w, u = parameter(W, "w"), parameter(U, "u")
    h = np.tanh(X @ w)
    h.name = "h"
    v = h @ u
    v.name = "v"
    rest = h + np.exp(v)
    return 0.5 * np.sum(rest**2) + np.sum(np.sqrt(1 + h**2))


def by_hand(after=False, skipped=False, moved=lambda g: g):
    h = np.tanh(X @ W)
    d = h + np.exp(h @ U)
    dv, penalty = np.exp(h @ U) * d, h / np.sqrt(1 + h**2)
    dh = d + (d if skipped else moved(dv) @ U.T) + (0 if after else penalty)
    dz = dh * (1 - h**2) + (penalty if after else 0)
    return {"w": X.T @ dz, "u": h.T @ moved(dv)}


@pytest.mark.parametrize(
    ("hand", "said"),
    [
        (by_hand(after=True), "is added after the derivative of the tanh, not before it"),
        (by_hand(skipped=True), "from h + np.exp(v) is there twice, and that from v not at all"),
        (by_hand(moved=lambda g: g[::-1]), "the rows of the gradient at v are reversed"),
        (by_hand(moved=lambda g: np.roll(g, 1, 0)), "the rows of the gradient at v are shifted"),
    ],
)
def test_what_is_put_elsewhere_is_named(hand, said):
    assert al.compare(penalised(), by_hand())
    found = " ".join(str(row.diagnosis) for row in al.compare(penalised(), hand).failures)
    assert said in found


def test_the_second_of_two_towers_is_subtracted():
    w, other = parameter(W, "w"), rng.normal(size=X.shape)
    a, b = np.tanh(X @ w), np.tanh(other @ w)
    a.name, b.name = "a", "b"
    loss = np.sum(a * b)
    da, db = (x.numpy() * (1 - y.numpy() ** 2) for x, y in ((b, a), (a, b)))
    assert al.compare(loss, {"w": X.T @ da + other.T @ db})
    found = al.compare(loss, {"w": X.T @ da - other.T @ db})["w"].diagnosis
    titles = [found.title, *(title for _, title in found.alternatives)]
    assert "what comes back through b is subtracted, not added" in titles


def test_a_regulariser_of_a_single_number_is_possible():
    w, b = parameter(W[:, 0], "w"), parameter(np.array(0.7), "b")
    e = X @ w + b - X[:, 0]
    g = 2 * e.numpy() / 8
    right = {"w": X.T @ g + 0.2 * W[:, 0], "b": g.sum()}
    loss = np.mean(e**2) + 0.1 * np.sum(w**2)
    assert al.compare(loss, right)
    found = al.compare(loss, {**right, "b": right["b"] + 0.2 * 0.7})["b"].diagnosis
    assert "np.sum(w ** 2) is applied to b too" in found.title
    assert found.confidence == "possible"


@pytest.mark.parametrize("weighted", ["both", "target", "prediction"])
def test_weights_of_rows_that_one_term_alone_has_are_named(weighted):
    w, weights = parameter(W, "w"), rng.uniform(1, 2, 8)
    loss = -np.sum(weights * al.log_softmax(X @ w, axis=1)[ROWS, LABELS])
    rows = weights[:, None]
    left, right = (rows if weighted in ("both", x) else 1.5 for x in ("prediction", "target"))
    result = al.compare(loss, {"w": X.T @ (left * P - right * HOT)})
    said = {"target": "missing from softmax(X @ w)", "prediction": "missing from the one-hot"}
    if weighted == "both":
        assert result
    else:
        assert said[weighted] in str(result["w"].diagnosis)


@pytest.mark.parametrize("data", [True, False])
@pytest.mark.parametrize(
    "power", [lambda x, v, b: -x @ v, lambda x, v, b: -x @ v - b, lambda x, v, b: -(x @ v) - b]
)
def test_a_sigmoid_of_minus_x_at_w_is_a_sigmoid(power, data):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.integers(0, 2, (12, 1))
    w, v, b = (al.Tensor(rng.normal(size=s), requires_grad=True) for s in ((3, 3), (3, 1), 1))
    h = x if data else np.tanh(x @ w)
    p = 1 / (1 + np.exp(power(h, v, b)))
    loss = np.mean((p - y) ** 2)
    rows, a = x if data else h.numpy(), p.numpy()
    assert al.compare(loss, {"v": rows.T @ ((a - y) * a * (1 - a) / 6)})
    found = al.compare(loss, {"v": rows.T @ (a - y) / 6})["v"].diagnosis
    assert found.title == "the derivative of the sigmoid at p is left out"
