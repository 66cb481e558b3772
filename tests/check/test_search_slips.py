"""Slips in the slope of an activation, in a loss, in what is divided by, and in a normalisation."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.diagnosis import diagnose
from autograd_lite.check.mistakes.registry import Case, Target
from tests.check.test_search_masks import title_of

rng = np.random.default_rng(16)
X, LABELS = rng.normal(size=(7, 3)), np.array([2, 0, 3, 1, 1, 0, 2])
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 6))


def parameter(value, name):
    return al.Tensor(value, requires_grad=True, name=name)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_one_factor_of_a_slope_is_that_of_another_tensor():
    w = parameter(W, "w")
    z = X @ w
    a = 1 / (1 + np.exp(-z))
    z.name, a.name = "z", "a"
    h = a.numpy()
    title = title_of(np.sum((a @ V) ** 2), w=X.T @ (2 * h @ V @ V.T * h * (1 - z.numpy())))
    assert title.startswith("(1 - z) stands in place of 1 - a on the way back")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda s, p, y: np.where(y == 1, -1, p), "-1 is put at the entry of the label"),
        (lambda s, p, y: softmax(p) - y, "the softmax is applied twice"),
        (lambda s, p, y: sigmoid(s) - y, "the sigmoid stands in place of the softmax"),
        (lambda s, p, y: np.exp(s) - y, "exp is not divided by its sum"),
        (lambda s, p, y: np.exp(s) / np.exp(s).sum() - y, "exp is divided by the sum of all"),
    ],
)
def test_what_stands_in_place_of_the_softmax(wrong, says):
    w = parameter(W, "w")
    s = X @ w
    loss = -np.mean(np.log(al.softmax(s, axis=1)[np.arange(7), LABELS]))
    s = s.numpy()
    title = title_of(loss, w=X.T @ wrong(s, softmax(s), np.eye(4)[LABELS]) / 7)
    assert title.startswith(says)


def test_a_sigmoid_is_applied_twice():
    w, y = parameter(W[:, 0], "w"), LABELS % 2
    z = X @ w
    p = sigmoid(sigmoid(z.numpy()))
    title = title_of(np.mean(np.log(1 + np.exp(z)) - y * z), w=X.T @ (p - y) / 7)
    assert title.startswith("the sigmoid is applied twice")


@pytest.mark.parametrize(
    ("mean", "variance"),
    [(1, (0, 4)), (1, (0, 7)), (0, (1, 4)), ((0, 4), (1, 4))],
)
def test_one_of_two_sums_is_along_the_other_axis(mean, variance):
    w, c = parameter(W, "w"), rng.normal(size=(7, 4))
    z = X @ w
    s = np.sqrt(z.numpy().var(1, keepdims=True) + 0.01)
    n = (z - np.mean(z, axis=1, keepdims=True)) / np.sqrt(np.var(z, axis=1, keepdims=True) + 0.01)
    axis, count = mean if isinstance(mean, tuple) else (mean, (7, 4)[mean])
    first = c - c.sum(axis, keepdims=True) / count
    second = n.numpy() * (c * n.numpy()).sum(variance[0], keepdims=True) / variance[1]
    title = title_of(np.sum(c * n), w=X.T @ ((first - second) / s))
    which, count = ("variance", variance[1]) if variance[0] == 0 else ("mean", count)
    assert title.startswith(f"the term of the {which} on the way back to")
    verb = "averaged" if count == 7 else "summed"
    assert title.endswith(f"is {verb} over axis 0, in place of 1")


def test_the_term_of_a_variance_is_summed_along_the_other_axis():
    w, c = parameter(W, "w"), rng.normal(size=(7, 4))
    z = X @ w
    n = (z - np.mean(z, axis=1, keepdims=True)) / np.sqrt(np.var(z, axis=1, keepdims=True) + 0.01)
    centred = z.numpy() - z.numpy().mean(1, keepdims=True)
    s = np.sqrt((centred**2).mean(1, keepdims=True) + 0.01)
    variance = -0.5 * (c * centred / s**3).sum(0, keepdims=True)
    delta = c / s - (c / s).mean(1, keepdims=True) + variance * 2 * centred / 4
    title = title_of(np.sum(c * n), w=X.T @ delta)
    assert title.startswith("the term of the variance on the way back to")
    assert title.endswith("is taken along axis 0, in place of 1")


def test_what_is_normalised_is_left_out_of_a_sum():
    w, c = parameter(W, "w"), rng.normal(size=(7, 4))
    z = X @ w
    mean, inverse = np.mean(z, axis=1, keepdims=True), 1 / np.sqrt(np.var(z, axis=1, keepdims=True))
    n = (z - mean) * inverse
    z.name = "z"
    wrong = (c - c.mean(1, keepdims=True) * (1 + n.numpy())) * inverse.numpy()
    title = title_of(np.sum(c * n), w=X.T @ wrong)
    assert title.startswith(
        "1 stands in place of z, normalised, inside the sum in the path through"
    )


@pytest.mark.parametrize(
    ("mean", "spread", "says"),
    [
        (1, 0, "the path through the variance of z is left out"),
        (0, 1, "the term of the mean on the way back to z is averaged over axis 0, in place of 1"),
    ],
)
def test_a_normalisation_whose_eps_is_outside_of_the_root(mean, spread, says):
    w, c = parameter(W, "w"), rng.normal(size=(7, 4))
    z = X @ w
    z.name = "z"
    deviation = np.std(z, axis=1, keepdims=True)
    n = (z - np.mean(z, axis=1, keepdims=True)) / (deviation + 0.2)
    s, n_by_hand = deviation.numpy(), n.numpy()
    dz = c / (s + 0.2) - spread * n_by_hand * (c * n_by_hand).sum(1, keepdims=True) / 4 / s
    assert title_of(np.sum(c * n), w=X.T @ (dz - dz.mean(mean, keepdims=True))) == says


def hinge(w):
    margin = np.maximum(X @ w + 0.1, 0)
    margin.name = "margin"
    return np.mean(margin), int(np.count_nonzero(margin.numpy()))


def test_what_is_divided_by_a_length_that_is_a_count_too():
    w, y = parameter(W[:, 0], "w"), np.array([1.0, 0, 0, 1, 0, 1, 0])
    y_or_not = 1 - y
    p = 1 / (1 + np.exp(-(X @ w)))
    loss = -np.sum(y * np.log(p) + y_or_not * np.log(1 - p)) / 7 + 0 * np.sum(np.ones(4) * w[0])
    said = "divided by 4 where 7 belongs: a length, or the entries of y_or_not that are not 0"
    assert title_of(loss, w=X.T @ (p.numpy() - y) / 4).endswith(said)


def test_what_is_divided_by_another_count():
    w = parameter(W[:, 0] / 2, "w")
    loss, some = hinge(w)
    (right,) = al.grad(lambda w: hinge(w)[0], argnums=(0,))(w.numpy())
    said = f"divided by {some}, the entries of margin that are not 0, where 7 belongs"
    assert title_of(loss, w=right * 7 / some).endswith(said)


@pytest.mark.parametrize(
    ("shape", "wrong", "says"),
    [
        ((7, 6), 6, "divided by 6 where 7 belongs"),
        ((2, 3), 3, "divided by 3 where 2 belongs"),
    ],
)
def test_the_length_of_another_axis_is_no_correction(shape, wrong, says):
    rows, columns = shape
    x, w = rng.normal(size=(rows, 5)), parameter(rng.normal(size=(5, columns)), "w")
    loss = np.sum(np.tanh(x @ w)) / rows
    right = x.T @ (1 - np.tanh(x @ w.numpy()) ** 2)
    assert title_of(loss, w=right / wrong).endswith(says)


def test_the_root_of_another_width():
    w, k = parameter(rng.normal(size=(3, 5)), "w"), rng.normal(size=(6, 5))
    loss = np.sum(np.tanh(X @ w @ k.T / np.sqrt(5)))
    slope = 1 - np.tanh(X @ w.numpy() @ k.T / np.sqrt(5)) ** 2
    title = title_of(loss, w=X.T @ slope @ k / np.sqrt(6))
    assert title.endswith("divided by the square root of 6 where that of 5 belongs")


def test_half_of_what_is_used_twice_lacks_a_two():
    w = parameter(W, "w")
    h = np.tanh(X @ w)
    h.name = "h"
    a, b = rng.normal(size=(2, 7, 4))
    loss = np.sum(np.exp(h) * a) + np.sum(h * h * b)
    right = np.exp(h.numpy()) * a + 2 * h.numpy() * b
    assert "the factor 2" in title_of(loss, h=right / 2)


PAIRS = np.array([[0, 1], [1, 0], [1, 3], [4, 3], [3, 1], [5, 2], [1, 2]])
U0, V0 = rng.normal(size=(2, 6, 4))


def skip_gram():
    v, u = parameter(V0, "V"), parameter(U0, "U")
    picked = v[PAIRS[:, 0]]
    scores = picked @ u.T
    picked.name, scores.name = "centre", "scores"
    right = np.sum(picked * u[PAIRS[:, 1]], axis=1)
    return np.mean(np.log(np.sum(np.exp(scores), axis=1)) - right)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda p, y: p * (1 - p) * (p - y), "the derivative of the softmax is there once too"),
        (lambda p, y: (p - y) * y, "only the entry of the true class gets a gradient"),
        (lambda p, y: np.where(np.arange(7)[:, None] == 6, p - y, 0), "only the last row of the"),
        (lambda p, y: np.where(np.arange(7)[:, None] == 0, 0, p - y), "the first row of"),
    ],
)
def test_a_score_that_is_computed_by_itself_is_one_of_all(wrong, says):
    p, y = softmax(V0[PAIRS[:, 0]] @ U0.T), np.eye(6)[PAIRS[:, 1]]
    assert title_of(skip_gram(), U=wrong(p, y).T @ V0[PAIRS[:, 0]] / 7).startswith(says)


def test_scores_that_are_given_are_judged_by_their_own_path():
    scores = V0[PAIRS[:, 0]] @ U0.T
    wrong = softmax((scores - scores.max(1, keepdims=True)).T).T / 7
    title = title_of(skip_gram(), scores=wrong)
    assert title.startswith("the softmax is taken along axis 0, in place of 1")


def test_the_labels_are_what_something_else_is_picked_by():
    v, u = parameter(V0, "V"), parameter(U0, "U")
    picked = v[PAIRS[:, 0]]
    loss = -np.mean(np.log(al.softmax(picked @ u.T, axis=1)[np.arange(7), PAIRS[:, 1]]))
    delta = softmax(picked.numpy() @ U0.T) - np.eye(6)[PAIRS[:, 0]]
    title = title_of(loss, U=delta.T @ picked.numpy() / 7)
    assert title.startswith("the one-hot of the labels is that of the index by which")


def test_the_first_row_is_used_for_all():
    w = parameter(W, "w")
    a = np.tanh(X @ w)
    a.name = "a"
    v = parameter(V, "v")
    title = title_of(np.sum((a @ v) ** 2), v=np.repeat(a.numpy()[:1], 7, 0).T @ (2 * a.numpy() @ V))
    assert title.startswith("a[0], the first for all rows, is used in place of a")


def test_the_last_place_of_every_window_is_left_out():
    k = parameter(rng.normal(size=(2, 3, 3)), "k")
    windows = np.lib.stride_tricks.sliding_window_view(rng.normal(size=(2, 6, 6)), (3, 3), (1, 2))
    z = np.einsum("nijab,kab->nkij", windows, k)
    g = 2 * z.numpy()
    g[..., -1, :], g[..., -1] = 0, 0
    title = title_of(np.sum(z * z), k=np.einsum("nijab,nkij->kab", windows, g))
    assert title.startswith("the last entry along axes 2, 3 of the gradient at")
    assert title.endswith("is left out")


SIGNS = np.array([1.0, -1, 1, 1, -1, -1, 1])


def squared_hinge():
    w, b = parameter(W[:, 0], "w"), parameter(np.array(0.2), "b")
    s = X @ w + b
    return np.mean(np.maximum(0, 1 - SIGNS * s) ** 2) + 0.5 * np.sum(w * w), s.numpy()


@pytest.mark.parametrize(
    ("margin", "says"),
    [
        (lambda s: -SIGNS * s, "1 is left out of 1 - "),
        (lambda s: 1 + SIGNS * s, "the sign of "),
    ],
)
def test_a_margin_that_is_wrong_forwards_too(margin, says):
    loss, s = squared_hinge()
    m = np.maximum(0, margin(s))
    ds = -2 * SIGNS * m / 7
    title = title_of(loss, w=X.T @ ds + W[:, 0])
    assert title.startswith(says)
    assert "forwards too" in title


def test_a_single_bias_is_averaged_or_regularised():
    loss, s = squared_hinge()
    db = np.sum(-2 * SIGNS * np.maximum(0, 1 - SIGNS * s) / 7)
    assert title_of(loss, b=db / 7).endswith("averaged over the 7 entries that it adds up")
    assert title_of(loss, b=db + 0.2).startswith("w * w is applied to b too")


def test_a_sum_that_is_divided_by_the_entries_that_count():
    w, mask = parameter(W, "w"), np.random.default_rng(3).uniform(size=(7, 4)) < 0.6
    err = mask * (X @ w - V[0, :4])
    some = int(mask.sum())
    title = title_of(np.sum(err * err), w=X.T @ (2 * err.numpy()) / some)
    assert title.endswith(f"divided by {some}, the entries of mask that are not 0")


@pytest.mark.parametrize("says", ["the condition of h is reversed", "h goes by the sign of what"])
def test_a_leaky_relu_of_a_maximum_goes_by_something_else(says):
    w = parameter(W, "w")
    z = X @ w
    h = np.maximum(z, 0.2 * z)
    h.name = "h"
    dh = 2 * h.numpy() @ V @ V.T
    first = z.numpy() < 0 if "reversed" in says else dh > 0
    title = title_of(np.sum((h @ V) ** 2), w=X.T @ (dh * np.where(first, 1, 0.2)))
    assert title.startswith(says)


def test_another_tensor_is_divided():
    w = parameter(W, "w")
    u = X @ w
    e = np.tanh(u)
    h = e + u / (1 + np.exp(-u))
    u.name, e.name, h.name = "u", "e", "h"
    g = sigmoid(u.numpy())
    slope = 1 - e.numpy() ** 2 + g + h.numpy() * g * (1 - g)
    title = title_of(np.sum((h @ V) ** 2), w=X.T @ (2 * h.numpy() @ V @ V.T * slope))
    assert title.startswith("h is used in place of u on the way back from")


def test_the_value_of_a_loss_of_minus_the_margin_is_one_mistake():
    rng = np.random.default_rng(0)
    x, s = rng.normal(size=(7, 3)), rng.choice([-1.0, 1.0], 7)
    w = al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    m = s * (x @ w)
    loss = np.mean(np.log(1 + np.exp(-m)))
    margin = m.numpy()
    row = al.compare(loss, {w: x.T @ (s * np.log(1 + np.exp(-margin))) / 7})["w"]
    assert "in place of its derivative by m: it is not derived" in str(row.diagnosis)
    assert "two mistakes" not in str(row.diagnosis)


def test_a_mean_of_rows_is_forgotten():
    w = parameter(W, "w")
    out = np.tanh(X @ w)
    out.name = "out"
    loss = np.sum((np.mean(out, axis=1) - X[:, 0]) ** 2)
    dz = (out.numpy().mean(axis=1) - X[:, 0])[:, None] * 2 * (1 - out.numpy() ** 2)
    title = title_of(loss, w=X.T @ dz)
    assert title.endswith("summed over the 4 entries that np.mean(out, axis=1) averages")


def test_all_that_a_tensor_sends_on_is_forgotten():
    w = parameter(W, "w")
    h = np.tanh(X @ w)
    k = np.concatenate([np.sin(h), np.cos(h), h * h], axis=1)
    h.name, k.name = "h", "k"
    total = np.sum(k, axis=1) + np.sum(h, axis=1) + h @ V[0, :4]
    dh = 2 * total.numpy()[:, None] * (1 + V[0, :4])
    title = title_of(np.sum(total**2), w=X.T @ (dh * (1 - h.numpy() ** 2)))
    assert title == "nothing is sent on from k: it is taken as a constant"


POOLS = {
    "axes": lambda a: a.reshape(4, 2, 2, 2, 2).max(axis=(2, 4)),
    "nested": lambda a: a.reshape(4, 2, 2, 2, 2).max(axis=4).max(axis=2),
    "kept": lambda a: a.reshape(4, 2, 2, 2, 2).max(axis=4, keepdims=True).max(axis=2)[..., 0],
    "pieces": lambda a: np.stack(
        [a[:, i : i + 2, j : j + 2].max(axis=(1, 2)) for i in (0, 2) for j in (0, 2)], axis=1
    ).reshape(4, 2, 2),
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (lambda x, top, g: g + 0 * x, "every entry of each window in"),
        (lambda x, top, g: g / 4 + 0 * x, "is spread over the window in"),
        (lambda x, top, g: g * x, "stand in place of the mask of the largest"),
        (lambda x, top, g: g * top[:1], "the places of the largest entries of the first row are"),
        (lambda x, top, g: g * (x == x.min((2, 4), keepdims=True)), "the smallest entr"),
    ],
)
def test_a_maximum_of_maxima_is_one_pooling(pool, sent, says):
    rng = np.random.default_rng(4)
    a = rng.normal(size=(4, 4, 4))
    c = rng.normal(size=(4, 2, 2))
    x, g = a.reshape(4, 2, 2, 2, 2), c[:, :, None, :, None]
    t = al.Tensor(a, requires_grad=True, name="a")
    top = x == x.max((2, 4), keepdims=True)
    assert says in title_of(np.sum(pool(t) * c), a=sent(x, top, g).reshape(4, 4, 4))


def test_a_zero_gradient_says_which_use_alone_sends_nothing():
    w, s = parameter(V[:, :4], "w"), np.zeros((2, 4))
    for _ in range(3):
        s = np.tanh(s @ w + 0.5)
    title = title_of(np.sum(s), w=np.zeros((4, 4)))
    assert title.startswith("by hand is zero everywhere, as what comes back from the first use, ")


def test_a_number_that_is_used_for_each_of_several_is_averaged():
    s, r = al.Tensor(np.array(0.3), requires_grad=True, name="s"), X[:, 0]
    e = r / np.exp(s)
    e.name = "e"
    ds = len(r) - np.mean(e.numpy() ** 2)
    says = "is averaged over the 7 that it was used for, not summed"
    assert says in title_of(np.sum(0.5 * e**2 + s), s=ds)
    assert says in title_of(np.sum(0.5 * e**2 + s), s=1 - np.sum(e.numpy() ** 2))


def test_the_target_of_one_column_is_used_for_all():
    w, y = parameter(W, "w"), rng.normal(size=(7, 4))
    out = X @ w
    out.name = "out"
    delta = 2 * (out.numpy() - y[:, :1]) / 7
    title = title_of(np.sum((out - al.Tensor(y, name="y")) ** 2) / 7, w=X.T @ delta)
    assert "out - y[:, 0] for all columns" in title


def test_the_first_sample_is_skipped():
    w, y = parameter(W[:, 0], "w"), LABELS % 2
    z = X @ w
    delta = (sigmoid(z.numpy()) - y) / 7
    title = title_of(np.mean(np.log(1 + np.exp(z)) - y * z), w=X[1:].T @ delta[1:])
    assert title.startswith("the first row of ")
    assert title.endswith("is left out")


@pytest.mark.parametrize("keepdims", [False, True])
def test_a_bias_is_summed_over_the_wrong_axis_where_samples_are_columns(keepdims):
    b = parameter(rng.normal(size=(4, 1)), "b")
    z = (X @ W).T + b
    z.name = "z"
    by_hand = (2 * z.numpy()).sum(axis=0, keepdims=keepdims)
    assert title_of(np.sum(z**2), b=by_hand) == "the gradient at z is summed over axis 0"


def test_a_factor_that_is_in_a_number_of_the_loss_is_missing():
    w = parameter(W, "w")
    loss = np.sum((X @ w) ** 2) / 7 + 0.7 / 14 * np.sum(w**2)
    title = title_of(loss, w=2 * X.T @ X @ W / 7 + W / 7)
    assert title.endswith("not multiplied by 0.7, of which 0.05 is 1/14")


def test_one_minus_a_tanh_is_squared():
    w = parameter(W, "w")
    h = np.tanh(X @ w)
    h.name, a = "h", np.tanh(X @ W)
    title = title_of(np.sum((h @ V) ** 2), w=X.T @ (2 * a @ V @ V.T * (1 - a) ** 2))
    assert title.startswith("(1 - h) ** 2 stands in place of the derivative")


@pytest.mark.parametrize("function", [np.tanh, al.sigmoid])
def test_the_brackets_of_a_slope_are_missing(function):
    w = parameter(W, "w")
    h = function(X @ w)
    h.name, a = "h", h.numpy()
    g = 2 * a @ V @ V.T
    delta, slope = (g * 1 - a**2, "1 - h ** 2") if function is np.tanh else (g * a * 1 - a, "1 - h")
    title = title_of(np.sum((h @ V) ** 2), w=X.T @ delta)
    assert title.startswith(f"the brackets of {slope} are missing")


@pytest.mark.parametrize(
    "delta", [lambda z, y: z - y / 7, lambda z, y: z / 7 - y, lambda z, y: 2 * z - y / 14]
)
def test_the_brackets_of_a_difference_are_missing(delta):
    w, y = parameter(W, "w"), rng.normal(size=(7, 4))
    loss = np.sum((X @ w - y) ** 2) / 14
    assert "are missing: only one of the two" in title_of(loss, w=X.T @ delta(X @ W, y))


def test_the_scale_of_a_mask_is_missing_on_one_of_two_ways():
    w, m = parameter(W, "w"), (rng.uniform(size=(7, 4)) < 0.6) / 0.6
    u = X @ w
    s = np.tanh(u)
    out = u + s * al.Tensor(m, name="m")
    g = 2 * out.numpy()
    title = title_of(np.sum(out**2), w=X.T @ (g + g * (m > 0) * (1 - s.numpy() ** 2)))
    assert title == "the factor 1.66667 that m scales by is missing"


def test_a_square_stands_in_place_of_its_derivative():
    w, y = parameter(W, "w"), rng.normal(size=(7, 4))
    e = X @ w - y
    e.name, g = "e", X @ W - y
    title = title_of(np.sum(0.5 * e**2), w=X.T @ (0.5 * g**2))
    assert title == "e ** 2 stands in place of its derivative: it is not derived"


def test_of_a_constant_that_was_rounded_no_mistake_is_named():
    target = Target("w", W * (1 + 1e-10), W)
    found = diagnose([target], Case())[target]
    assert found.title == "unexplained: only the last digits differ, as of a rounded number"


def test_what_goes_back_through_a_normalisation_may_stop_at_a_gradient_that_is_given():
    data, target = np.random.default_rng(0).normal(size=(2, 8, 3))
    w = al.Tensor(np.random.default_rng(1).normal(size=(3, 3)), requires_grad=True, name="w")
    u = data @ w
    c = u - u.mean(0)
    v = (c**2).mean(0)
    n = c / np.sqrt(v)
    dn = n.numpy() - target
    dv = -(dn * c.numpy()).sum(0) * v.numpy() ** -1.5  # Not halved.
    dc = dn / np.sqrt(v.numpy()) + c.numpy() * dv / 4
    result = al.compare(0.5 * np.sum((n - target) ** 2), {w: data.T @ dc, c: dc, v: dv})
    assert "besides what follows from c, what comes back to u from np.mean(u" in str(result)
