"""Of several mistakes that give the same numbers, the simplest has its name."""

import numpy as np
import pytest

import autograd_lite as al
from tests.check.test_search_masks import title_of

rng = np.random.default_rng(19)
X, Y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))


def parameters(**values):
    return [al.Tensor(x, requires_grad=True, name=name) for name, x in values.items()]


def test_a_length_is_likelier_than_a_bias_that_happens_to_be_its_inverse():
    w, v, b = parameters(w=W, v=V[:, :1], b=np.full((1, 1), 0.1))
    e = np.sin(np.tanh(X @ w) @ v + b)
    h = np.tanh(X @ W)
    z = h @ V[:, :1] + 0.1
    d = 2 * np.sin(z) * np.cos(z) / 10
    dw = X.T @ (d @ V[:, :1].T * (1 - h * h)) / 10
    title = title_of(np.sum(e * e) / 10, w=dw, v=h.T @ d, b=np.sum(d, keepdims=True))
    assert title == "by hand = 0.1 × autodiff: divided by the size of the batch, 10"


def test_one_of_two_paths_that_are_alike_has_no_factor_of_its_own():
    (w,) = parameters(w=W[:, :2])
    x, y = X[:7], Y[:7]
    e = (x @ w - y).T
    title = title_of(0.5 * np.trace(e @ e.T) / 7, w=x.T @ (x @ W[:, :2] - y) / 2)
    assert title == "by hand = 3.5 × autodiff: divided by 2 where 7 belongs"


def test_what_is_used_twice_is_averaged_where_the_square_is_right_for_others():
    w, b = parameters(w=W, b=V[:, 0])
    loss = np.sum((np.tanh(X @ w + b) @ w.T - X) ** 2)
    dw, db = al.grad(
        lambda w, b: np.sum((np.tanh(X @ w + b) @ w.T - X) ** 2), argnums=(0, 1)
    )(W, V[:, 0])  # fmt: skip
    assert title_of(loss, w=dw / 2, b=db).endswith("averaged over its 2 uses, which add up")


def test_what_an_inner_tensor_sends_on_twice_is_averaged():
    w, v = parameters(w=W, v=V @ V.T)
    h = np.tanh(X @ w)
    h.name = "h"
    half = al.grad(lambda w: np.sum(np.log(np.cosh(np.tanh(X @ w) @ (np.eye(4) + V @ V.T)))))(W) / 2
    title = title_of(np.sum(np.log(np.cosh(h + h @ v))), w=half)
    assert title.endswith("averaged over its 2 uses, which add up")
    tied = 0.5 * np.mean(np.sum((np.tanh(X @ w[:3, :3]) @ w[:3, :3].T - X) ** 2, axis=0))
    title = title_of(tied, w=al.grad(
        lambda w: 0.25 * np.mean(np.sum((np.tanh(X @ w[:3, :3]) @ w[:3, :3].T - X) ** 2, axis=0))
    )(W))  # fmt: skip
    assert title.endswith("averaged over its 2 uses, which add up")


def test_two_that_are_averaged_are_a_reason_for_a_factor_2():
    (w,) = parameters(w=W)
    loss = np.sum(np.log(np.cosh(np.mean(np.reshape(X @ w, (5, 2, 4)), axis=1))))
    pairs = np.tanh(np.mean(np.reshape(X @ W, (5, 2, 4)), axis=1))
    title = title_of(loss, w=X.T @ np.repeat(pairs, 2, axis=0))
    assert title.startswith("by hand = 2 × autodiff: summed over the 2 entries that ")


@pytest.mark.parametrize(
    ("factor", "says"), [(0.5, "a factor 2 is missing"), (None, "divided by np.linalg.norm(b)")]
)
def test_a_square_that_is_written_as_a_product_is_one_term(factor, says):
    (b,) = parameters(b=W[:, 0])
    e = Y[:, 0] - (X @ b + 0.5)
    db = X.T @ (X @ W[:, 0] + 0.5 - Y[:, 0]) / 10
    title = title_of(
        (e @ e) / 20 + 0.5 * 0.3 * b @ b,
        b=db + 0.3 * W[:, 0] * (factor or 1 / np.linalg.norm(W[:, 0])),
    )
    assert title.startswith("the term ((0.15 * b) @ b) of the loss has a factor")
    assert title.endswith(says)


def test_a_number_is_not_that_of_one_row_times_their_count():
    signs, (w, b) = np.array([1.0, -1.0] * 4 + [1.0]), parameters(w=W[:, 0], b=np.array(0.2))
    m = signs * (0.1 * (X[:9] @ w) - b)
    loss = 0.5 * w @ w + 2.0 * np.mean(np.maximum(0, 1 - m))
    title = title_of(loss, w=W[:, 0] - 0.2 / 9 * X[:9].T @ signs, b=np.array(2.0))
    assert title == "by hand = 9 × autodiff: summed over 9 entries that the loss averages"


def test_few_signs_are_no_proof_of_another_threshold():
    signs, (w,) = np.array([1.0, -1.0, 1.0]), parameters(w=V)
    pieces = [(X[:3, :2], slice(0, 2)), (X[:3, 1:], slice(2, 4))]
    out = sum(np.einsum("ni,io->no", x, w[k]) for x, k in pieces)
    slack = np.maximum(0, 1 - signs * np.sum(out, axis=1))
    g = np.repeat(-2 * slack.numpy() * signs, 2).reshape(3, 2)
    dw = np.concatenate([x[:1].T @ g[:1] for x, _ in pieces])
    title = title_of(np.sum(slack**2), w=dw)
    assert title.startswith("at every use of w, only the first row of what arrives counts")


def test_few_signs_tell_no_more_where_they_are_broadcast():
    draw = np.random.default_rng(0).normal
    x, (w,), v, u = (
        draw(size=(4, 3)),
        parameters(w=draw(size=(3, 4))),
        draw(size=(4, 4)),
        draw(size=4),
    )
    h = np.tanh(x @ w)
    s = np.sum(h * v, axis=1, keepdims=True)
    h.name, s.name = "h", "s"
    dh = (np.cos(s.numpy()) * v + u) * (s.numpy() > 0)
    title = title_of(np.sum(np.sin(s)) + np.sum(h @ u), w=x.T @ (dh * (1 - h.numpy() ** 2)))
    assert title.startswith("unexplained")


def test_a_constant_is_not_a_prediction_minus_a_target():
    (w,) = parameters(w=W)
    lv = X @ w
    lv.name = "lv"
    title = title_of(-0.5 * np.sum(1 + lv - np.exp(lv)), w=X.T @ (np.exp(X @ W) + 1) / 2)
    assert title == "the term (1 + lv) of the loss has its sign flipped"


def test_one_of_several_equal_uses_is_told_apart_by_its_number():
    (w,) = parameters(w=W)
    loss = np.sum(np.tanh(np.stack([2 * x @ np.reshape(w, (3, 4)) for x in X[:4]])))
    dw = sum(np.outer(2 * x, 1 - np.tanh(2 * x @ W) ** 2) for x in X[:3])
    assert title_of(loss, w=dw).endswith("use 4 of 4, is left out")


def test_the_scale_of_another_mask():
    w, v = parameters(w=W, v=V)
    one, two = (rng.uniform(size=(10, 4)) > 0.25) / 0.75, (rng.uniform(size=(10, 2)) > 0.4) / 0.6
    dropped = np.tanh(X @ w) * one
    loss = np.sum(dropped @ v * two)
    right = (np.tanh(X @ W) * one).T @ (two > 0) / 0.75
    title = title_of(loss, v=right)
    assert "1.33333 that " in title
    assert "stands in place of 1.66667 that " in title


def test_an_exponent_that_is_not_made_1_less():
    (w,) = parameters(w=W)
    var = np.mean((X @ w) ** 2, axis=1, keepdims=True)
    var.name = "var"
    z = X @ W
    v = np.mean(z**2, axis=1, keepdims=True)
    title = title_of(np.sum(var**-0.5), w=X.T @ (-0.5 * v**-0.5 * 2 * z / 4))
    assert title.startswith("the exponent is not made 1 less: var ** -0.5 stands in place of")


def test_half_of_a_square_is_a_two_that_is_missing():
    (w,) = parameters(w=W)
    z = X @ w
    c = z - np.mean(z, axis=1, keepdims=True)
    c.name = "c"
    gain = np.linspace(1, 3, 10)[:, None]
    loss = np.sum(np.sum(c * c, axis=1, keepdims=True) * gain) + np.sum(c * Y[:, :1] * V[:, 0])
    z = X @ W
    d = z - np.mean(z, axis=1, keepdims=True)
    dc = gain * d + Y[:, :1] * V[:, 0]
    title = title_of(loss, w=X.T @ (dc - np.mean(dc, axis=1, keepdims=True)))
    assert title.endswith("has a factor 0.5: a factor 2 is missing")


def test_a_loop_over_what_a_product_adds_up_overwrites():
    x, (w, v) = X[0], parameters(w=W.T, v=V.T)
    h = np.tanh(w @ x)
    h.name = "h"
    a = np.tanh(W.T @ x)
    d = V.T @ a - Y[0]
    dh = d[-1] * V.T[-1]
    title = title_of(0.5 * np.sum((v @ h - Y[0]) ** 2), w=np.outer(dh * (1 - a * a), x))
    assert title.startswith("only the last of 2 terms comes back to h from ")


def test_weights_that_are_at_the_prediction_alone_are_named():
    (w,) = parameters(w=W[:, :2])
    m = (rng.uniform(size=(10, 2)) > 0.3) * 1.0
    hand = 2 * X.T @ (m * (X @ W[:, :2]) - Y)
    title = title_of(np.sum((m * (Y - X @ w)) ** 2), w=hand)
    assert "is missing from Y, and only at" in title
    _m, m = m, None  # It has no name.
    assert "the weights are missing from Y" in title_of(np.sum((_m * (Y - X @ w)) ** 2), w=hand)


def test_the_penalty_of_a_lasso_stands_in_place_of_that_of_a_ridge():
    (w,) = parameters(w=W[:, 0])
    e = X @ W[:, 0] - Y[:, 0]
    dw = 2 * X.T @ e / 10 + 0.3 * np.sign(W[:, 0])
    title = title_of(np.mean((X @ w - Y[:, 0]) ** 2) + 0.3 * (w @ w), w=dw)
    assert title.endswith("w @ w: the derivative of |w|, not of its square")


def test_rows_that_do_not_count_get_a_gradient_too():
    (w,) = parameters(w=W)
    rows, labels, p = [0, 2, 3, 5, 7, 8], [1, 3, 0, 2, 2, 1], al.softmax(X @ W, axis=1)
    p[rows, labels] -= 1
    title = title_of(-np.mean(al.log_softmax(X @ w, axis=1)[rows, labels]), w=X.T @ p / 6)
    assert title.endswith("in the rows, too, that do not count in the loss")


def test_one_entry_of_each_window_is_used_for_the_average_of_all():
    w, v = parameters(w=W, v=W[0])
    words = np.tanh(X[:8] @ w).reshape(2, 4, 4)
    words.name = "words"
    loss = np.sum((np.mean(words, axis=1) @ v) ** 2)
    d = np.mean(words.numpy(), axis=1) @ W[0]
    title = title_of(loss, v=2 * words.numpy()[:, 0].T @ d)
    assert title.startswith("the first of words along axis 1 is used in place of")


@pytest.mark.parametrize(
    ("factor", "says"),
    [(4, "summed over the 4 entries that np.mean("), (8 / 11, "divided by 11 where 8 belongs")],
)
def test_what_is_divided_by_is_a_reason_for_a_factor(factor, says):
    def loss_of(w):
        n = (X[:4] @ w).reshape(2, 8)
        h = np.tanh(n - np.mean(n, axis=1, keepdims=True)).reshape(4, 4)
        return np.sum(np.sin(np.mean(h, axis=1)))

    (w,) = parameters(w=W)
    assert says in title_of(loss_of(w), w=factor * al.grad(loss_of)(W))


def test_a_temperature_is_a_number_though_it_is_a_half():
    def loss_of(w, v):
        return np.mean(np.sin(np.tanh(X @ w) @ v / 0.5))

    dw, dv = al.grad(loss_of, argnums=(0, 1))(W, V)
    title = title_of(loss_of(*parameters(w=W, v=V)), w=dw / 4, v=dv)
    assert title.endswith("multiplied by 0.5, where it is to be divided by it")


@pytest.mark.parametrize("n", [4, 8])
def test_what_is_picked_for_all_rows_adds_up(n):
    (b,) = parameters(b=W[0])
    loss = np.sum(np.exp(b[np.repeat(np.arange(4), 32).reshape(4, 8, 4).transpose(1, 2, 0)]))
    assert f"averaged over the {n} entries that it adds up" in title_of(
        loss, b=32 / n * np.exp(W[0])
    )


PICKS = (0, 2), (1, 4), (3, 0), (2, 1)


def pairs(table):
    loss = 0.0
    for i, k in PICKS:
        score = table[i] @ table[k]
        loss = loss - np.log(1 / (1 + np.exp(-score)))
    return loss


def test_the_target_1_of_single_scores_in_a_loop_is_missing():
    table = rng.normal(size=(5, 3))
    wrong = np.zeros_like(table)
    for i, k in PICKS:
        p = 1 / (1 + np.exp(-table[i] @ table[k]))
        wrong[i] += p * table[k]
        wrong[k] += p * table[i]
    (t,) = parameters(table=table)
    assert title_of(pairs(t), table=wrong).startswith("1 is not subtracted from")


LABELS = np.array([0, 1, 1, 0, 1, 0, 1, 1, 0, 1])
T = np.eye(2)[LABELS]


def cross_entropy():
    (w,) = parameters(w=W[:, :2])
    e = np.exp(X @ w)
    p = e / np.sum(e, axis=1, keepdims=True)
    p.name = "p"
    return -np.sum(T * np.log(p)) / 10, np.exp(X @ W[:, :2])


def test_a_sum_along_another_axis_forwards_too():
    loss, e = cross_entropy()
    title = title_of(loss, p=-T / (e / e.sum(axis=0)) / 10)
    assert title.endswith("is taken along axis 0, in place of 1, forwards too")


def test_the_squared_error_of_a_bernoulli_likelihood():
    (w,) = parameters(w=W[:, 0])
    p = 1 / (1 + np.exp(-(X @ w)))
    p.name = "p"
    loss = -np.mean(LABELS * np.log(p) + (1 - LABELS) * np.log(1 - p))
    q = 1 / (1 + np.exp(-(X @ W[:, 0])))
    title = title_of(loss, w=X.T @ (2 * (q - LABELS) * q * (1 - q)) / 10)
    assert "as of the squared error, stands in place of p - " in title


def test_a_single_number_for_all_entries_is_a_mistake_made_in_all():
    (w,) = parameters(w=W[:, 0])
    rate = np.exp(X @ w)
    rate.name = "rate"
    loss = np.mean(rate - Y[:, 0] * np.log(rate))
    title = title_of(loss, rate=np.array(0.1))
    assert title.startswith("what comes back to rate from np.log(rate) is left out; a single")


Z, U = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)) / 2


def states(w, u):
    h, loss = np.zeros(4), 0.0
    for t in range(4):
        h = np.tanh(X[t] @ w + h @ u)
        loss = loss + np.sum((h - Z[t]) ** 2) / 2
    return loss


def test_the_target_of_every_step_is_missing_where_the_state_is_handed_on():
    hs = [np.zeros(4)]
    for t in range(4):
        hs.append(np.tanh(X[t] @ W + hs[-1] @ U))
    du, dh = 0 * U, np.zeros(4)
    for t in reversed(range(4)):
        dz = (hs[t + 1] + dh) * (1 - hs[t + 1] ** 2)
        du += np.outer(hs[t], dz)
        dh = U @ dz
    w, u = parameters(w=W, u=U)
    title = title_of(states(w, u), u=du)
    assert title.startswith("at every step, ")
    assert title.endswith("the target is missing")


def test_what_a_step_sends_to_a_table_overwrites():
    table = rng.normal(size=(5, 3))
    wrong = np.zeros_like(table)
    for i, k in PICKS:
        p = 1 / (1 + np.exp(-table[i] @ table[k])) - 1
        wrong[i] += p * table[k]
        wrong[k] = p * table[i]
    (t,) = parameters(table=table)
    title = title_of(pairs(t), table=wrong)
    assert "what comes back to table from table[k] overwrites what came before" in title


def test_small_probabilities_hide_no_mistake():
    (w,) = parameters(w=8 * W[:, :2])
    e = np.exp(X @ w)
    p = e / np.sum(e, axis=1, keepdims=True)
    p.name = "p"
    q = p.numpy()
    assert q.min() < 1e-6
    title = title_of(-np.sum(T * np.log(p)) / 10, p=-np.square(T / q) / 10)
    assert "1 / p" in title


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("U @ dz + V @ d", "comes back to every step"),
        ("U[:, 3] * dz[3]", "at every step, only the last of 4 terms comes back"),
    ],
)
def test_what_is_handed_on_at_every_step(wrong, said):
    source = """
hs = [np.zeros(4)]
for t in range(4):
    hs.append(np.tanh(X[t] @ W + hs[-1] @ U))
d = hs[-1] @ V - Y[0]
dh, du = V @ d, 0 * U
for t in reversed(range(4)):
    dz = dh * (1 - hs[t + 1] ** 2)
    du += np.outer(hs[t], dz)
    dh = U @ dz
"""
    made = {"np": np, "X": X, "W": W, "U": U, "V": V, "Y": Y}
    exec(source.replace("U @ dz", wrong), made)
    w, u = parameters(w=W, u=U)
    h = np.zeros(4)
    for t in range(4):
        h = np.tanh(X[t] @ w + h @ u)
    assert said in title_of(np.sum((h @ V - Y[0]) ** 2) / 2, u=made["du"])


def test_a_length_by_which_one_multiplies_in_place_of_dividing_has_a_name():
    def loss_of(w):
        return 1 / 9 * np.sum((X[:9] @ w - Y[:9]) ** 2)

    (w,) = parameters(w=W[:, :2])
    title = title_of(loss_of(w), w=81 * al.grad(loss_of)(W[:, :2]))
    assert title == "by hand = 81 × autodiff: multiplied by 9, where it is to be divided by it"


def test_all_that_a_weight_of_a_regulariser_becomes_is_left_out():
    def loss_of(w):
        return np.mean((X @ w - Y) ** 2) + 0.03 * np.sum(w**2)

    (w,) = parameters(w=W[:, :2])
    short = al.grad(loss_of)(W[:, :2]) + (1 - 0.06) * W[:, :2]
    title = title_of(loss_of(w), w=short)
    assert title.endswith("has a factor 50/3: not multiplied by 0.06, twice 0.03")


def test_a_target_that_is_0_makes_no_difference_with_a_prediction():
    y = np.eye(7)[:1]  # What the first column says for all is a number: 1, and 0 for 1 - y.

    def loss_of(w, v):
        z = w @ X[:7].T
        z = np.tanh(v @ z)
        p = 1 / (1 + np.exp(-z))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    w, v = W.T[:, :3], V[:, :1].T
    z = np.tanh(v @ w @ X[:7].T)
    title = title_of(loss_of(*parameters(w=w, v=v)), w=v.T @ (z * (1 - z * z)) @ X[:7])
    assert "for all columns" not in title


def test_three_mistakes_are_not_called_two():
    w, v = parameters(w=W, v=V)
    h = np.tanh(X @ W)
    dw = -10 * X.T @ (2 * (h @ V - Y) / 10 @ V.T)
    title = title_of(np.sum((np.tanh(X @ w) @ v - Y) ** 2) / 10, w=dw)
    assert title.startswith("three mistakes: the derivative of the tanh at np.tanh(X @ w) is left")
    assert title.endswith(" out, its sign is flipped, and a factor 10 (the factor 1/10 is missing)")
