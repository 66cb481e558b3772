"""Terms, weights, pieces and slopes: what is said is what a person would look for."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import ops
from tests.check.test_search_masks import title_of

rng = np.random.default_rng(17)
X, SIGNS, W = rng.normal(size=(8, 3)), rng.choice([-1.0, 1.0], 8), rng.normal(size=(3, 4))
Y = rng.normal(size=(8, 4))


def parameter(value, name):
    return al.Tensor(value, requires_grad=True, name=name)


@pytest.mark.parametrize(
    ("slope", "says"),
    [
        (lambda m: m < 1, "the derivative of the hinge, 1 where -m > -1, stands in place"),
        (lambda m: 1 / (1 + np.exp(-m)), "softplus' is taken at m, in place of -m: a sign inside"),
        (lambda m: np.ones_like(m), "the derivative of the softplus at softplus(-m) is left out"),
    ],
)
def test_a_logaddexp_with_nothing_is_a_softplus(slope, says):
    w = parameter(W[:, 0], "w")
    m = SIGNS * (X @ w) * 0.3
    m.name = "m"
    loss = np.mean(np.logaddexp(0, -m))
    assert title_of(loss, w=-0.3 * X.T @ (SIGNS * slope(m.numpy())) / 8).startswith(says)


def weighed():
    w, s, v = parameter(W, "w"), parameter(np.array(0.4), "s"), parameter(W[0, 0], "v")
    error = X @ w - Y
    square, size = np.mean(error**2), np.mean(np.abs(error))
    square.name, size.name = "square", "size"
    loss = np.exp(-s) * square + np.exp(v) * size + 0.1 * np.sum(np.sqrt(v**2 + 0.1)) + 0.1 * v
    g = 2 * X.T @ error.numpy() / 32 * np.exp(-0.4)
    return loss, g, X.T @ np.sign(error.numpy()) / 32 * np.exp(v.item()), square.item(), size.item()


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (np.exp(0.4), "the factor np.exp(-s) is missing"),
        (np.exp(0.8), "divided by np.exp(-s), where it is to be multiplied by it"),
        (np.exp(-0.4), "the factor np.exp(-s) is there twice"),
    ],
)
def test_the_weight_of_a_term_is_written_as_it_is_computed(factor, says):
    loss, one, two, *_ = weighed()
    assert title_of(loss, w=factor * one + two).endswith(says)


def test_a_number_that_stands_in_place_of_another():
    loss, *_, size = weighed()
    assert title_of(loss, s=-np.exp(-0.4) * size) == "size is used in place of square"
    x, r = X[:, 0], parameter(np.array(0.7), "r")
    k = np.exp(r)
    k.name = "k"
    gradient = np.mean(np.tanh(k.item() * x) * x) + 0.07 + 0.1
    loss = np.mean(np.log(np.cosh(k * x))) + 0.1 * k * r
    title = title_of(loss, r=np.array(gradient * 0.7))
    assert title.endswith("r stands in place of k")


def test_a_term_is_added_for_each_time_that_a_row_is_picked():
    w, rows = parameter(X, "w"), np.array([0, 2, 2, 5, 2])
    picked = w[rows]
    picked.name = "picked"
    loss = np.sum((picked - Y[:5, :3]) ** 2) + 0.1 * np.sum(w**2)
    dw = np.zeros((8, 3))
    np.add.at(dw, rows, 2 * (X[rows] - Y[:5, :3]) + 0.2 * X[rows])
    title = title_of(loss, w=dw)
    assert title.endswith("of the loss is added for each time that picked picks an entry")


@pytest.mark.parametrize(
    ("g", "says"),
    [
        (lambda a, b, c: (a @ c @ b).T, "a @ c @ b is used in place of (a @ b) @ c"),
        (lambda a, b, c: (a @ b.T @ c.T).T, "a @ b.T @ c.T is used in place of (a @ b) @ c"),
    ],
)
def test_the_factors_of_a_product_of_three_are_in_another_order(g, says):
    a, b, c = W[:2, :3], W[:, :3], W[:, 1:]
    tensors = [parameter(x, name) for x, name in zip((a, b, c), "abc", strict=True)]
    d = parameter(X[:3].copy(), "d")
    loss = np.sum((tensors[0] @ tensors[1] @ tensors[2] @ d - X[3:5]) ** 2)
    e = 2 * (a @ b @ c @ X[:3] - X[3:5])
    assert says in title_of(loss, d=g(a, b, c) @ e)


def test_what_is_counted_is_the_mean_of_what_was():
    w, counts = parameter(W[:, 0] * 0.3, "w"), np.arange(8.0) ** 2 % 7
    rate = np.exp(X @ w)
    rate.name = "rate"
    loss = np.sum(rate - counts * np.log(rate))
    title = title_of(loss, w=X.T @ (rate.numpy() - counts.mean()))
    assert title.startswith("(rate - np.mean(")


def test_a_term_of_another_parameter():
    w, b = parameter(W[:, 0], "w"), parameter(np.array(0.3), "b")
    loss = np.mean((X @ w + b) ** 2) + 0.1 * np.sum(np.sqrt(w**2 + 0.1))
    db = 2 * np.mean((X @ w + b).numpy()) + 0.1 * 0.3 / np.sqrt(0.09 + 0.1)
    assert title_of(loss, b=np.array(db)).endswith(
        "applied to b too: a term that the loss has of w alone"
    )
    dw = 2 * X.T @ (X @ w + b).numpy() / 8
    title = title_of(loss, w=dw + 0.1 * 0.5 / np.sqrt(w.numpy() ** 2 + 0.1))
    assert title == "the derivative of w ** 2 is left out"


def test_two_terms_are_averaged_that_the_loss_sums():
    b = parameter(W[0], "b")
    one, two = np.sum(np.tanh(X[:, :1] + b)), np.sum((Y[:5] + b) ** 2)
    d = [1 - np.tanh(X[:, :1] + b.numpy()) ** 2, 2 * (Y[:5] + b.numpy())]
    title = title_of(one + two, b=d[0].mean(axis=0) + d[1].mean(axis=0))
    assert "have the factors 0.125 and 0.2" in title or "have the factors 0.2 and 0.125" in title


def at_risk(first, last):
    w = parameter(W[:, 0], "w")
    risk = X @ w
    risk.name = "risk"
    loss, delta, r = 0.0, np.zeros(8), risk.numpy()
    for i in (0, 2, 3, 6, 7):
        loss = loss + np.log(np.sum(np.exp(risk[i:]))) - risk[i]
        piece, delta[i] = slice(first(i), last(i)), delta[i] - 1
        delta[piece] += np.exp(r[piece]) / np.exp(r[piece]).sum()
    return title_of(loss, w=X.T @ delta)


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (lambda i: i + 1, lambda i: 8, "what begins one later stands in place of each piece"),
        (lambda i: 0, lambda i: i + 1, "what ends where it begins stands in place of each piece"),
        (lambda i: 0, lambda i: 8, "all of risk stands in place of each piece of risk"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_the_pieces_of_every_step_are_others(first, last, says):
    assert at_risk(first, last).startswith(says)


def test_the_slope_of_a_bent_branch_is_a_number():
    w = parameter(W, "w")
    z = X @ w
    h = np.where(z > 0, z, np.exp(z) - 1)
    z.name, h.name = "z", "h"
    slope = np.where(z.numpy() > 0, 1, 0.01)
    title = title_of(np.mean((h - Y) ** 2), w=X.T @ (2 * (h.numpy() - Y) / 32 * slope))
    assert title.startswith("at h, the slope is 0.01 where np.exp(z) - 1 is taken")


def test_the_kept_share_of_a_mask_is_that_of_what_is_dropped():
    w, mask = parameter(W, "w"), rng.uniform(size=(8, 4)) < 0.7
    h = np.tanh(X @ w) * mask / 0.7
    g = 2 * (h.numpy() - Y) * mask / 0.3 * (1 - np.tanh(X @ w).numpy() ** 2)
    assert "1 - 0.7 stands in place of 0.7" in title_of(np.sum((h - Y) ** 2), w=X.T @ g)


def test_the_mean_of_the_loss_is_of_all_entries():
    w = parameter(W, "w")
    u = (X @ w).reshape(8, 2, 2)
    n = (u - u.mean(axis=2, keepdims=True)).reshape(8, 4)
    e = n - Y[:, :4]
    d = (2 * e.numpy() / 8).reshape(8, 2, 2)
    dw = X.T @ (d - d.mean(axis=2, keepdims=True)).reshape(8, 4)
    assert "divided by 8 where 32 belongs" in title_of(np.mean(e**2), w=dw)


def test_a_sign_is_that_of_the_difference():
    w = parameter(W, "w")
    out = X @ w
    out.name = "out"
    y = 0.1 * np.abs(Y) * np.sign(out.numpy()) / np.abs(Y).max() * np.abs(out.numpy()).min()
    g = np.sign(out.numpy() - y) / 32
    title = title_of(np.mean(np.log(np.cosh(out - y))), w=X.T @ g)
    assert "np.sign(out - " in title


def test_what_is_centred_stands_in_place_of_what_is_normalised():
    w = parameter(W, "w")
    u = X @ w
    c = u - u.mean(axis=0)
    n = c / np.sqrt((c**2).mean(axis=0) + 0.01)
    u.name, n.name = "u", "n"
    s, g, centred = np.sqrt(c.numpy().var(axis=0) + 0.01), 2 * (n.numpy() - Y), c.numpy()
    du = (g - g.mean(axis=0) - centred * (g * centred).mean(axis=0)) / s
    found = al.compare(np.sum((n - Y) ** 2), {"w": X.T @ du})["w"].diagnosis
    said = [found.title, *(title for _, title in found.alternatives)]
    assert any(x.startswith("u minus its mean stands in place of u minus its mean") for x in said)


GELU = {
    "the exact GELU": lambda z: z * (1 + ops.erf(z / np.sqrt(2))) / 2,
    "the GELU by tanh": lambda z: z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2,
    "the GELU by a sigmoid": lambda z: z / (1 + np.exp(-1.702 * z)),
}


@pytest.mark.parametrize("here", GELU)
@pytest.mark.parametrize("other", GELU)
def test_the_derivative_of_another_form_of_gelu(here, other):
    w = parameter(W, "w")
    z = X @ w
    h = GELU[here](z)
    slope = al.grad(lambda x: np.sum(GELU[other](x)))(z.numpy())
    by_hand = X.T @ (2 * (h.numpy() - Y) / 32 * slope)
    loss = np.mean((h - Y) ** 2)
    if here == other:
        assert al.compare(loss, {"w": by_hand})
    else:
        assert title_of(loss, w=by_hand).startswith(f"the derivative of {other} stands in place")


def ratings(scale=1.0, twice=1.0, assign=False, slope=None):
    users, rows, t = [0, 1, 0, 2, 3, 3], [1, 0, 2, 3, 0, 1], [1.0, 0, 1, 1, 0, 1]
    p, q = parameter(W.T.copy(), "p"), parameter(rng.normal(size=(4, 3)), "q")
    loss, dp = 0.0, np.zeros((4, 3))
    for u, i, label in zip(users, rows, t, strict=True):
        s = p[u] @ q[i]
        s.name = "s"
        loss = loss + np.log(1 + np.exp(s)) - label * s + 0.1 * np.sum(p[u] ** 2)
        a = s.item()
        sigmoid = 1 / (1 + np.exp(-a))
        e = scale * (((sigmoid if slope is None else slope(a)) - label) / 6)
        step = e * q.numpy()[i] + twice * 0.2 * p.numpy()[u] / 6
        dp[u] = step if assign else dp[u] + step
    return title_of(loss / 6, p=dp)


@pytest.mark.parametrize(
    ("slip", "says"),
    [
        ({"scale": 6.0}, "has a factor 6: the factor 1/6 is missing"),
        ({"twice": 2.0}, "the term np.sum(p[k] ** 2, axis=1) of the loss has a factor 2"),
        (
            {"assign": True},
            "row by row, what comes back to p from p[k] overwrites what came before: =",
        ),
        ({"slope": lambda s: s}, "the prediction is taken before the sigmoid: s - the target"),
    ],
)
def test_a_slip_in_a_loop_over_samples(slip, says):
    assert says in ratings(**slip)


def test_what_a_loop_in_the_loop_picks_for_a_row_is_overwritten_by_the_next():
    words, contexts, u, v = [1, 4, 1], [[0, 2], [3, 3], [2, 6]], X, W.T.copy()
    p, q = parameter(u, "p"), parameter(rng.normal(size=(8, 3)), "q")
    loss, dp = 0.0, np.zeros((8, 3))
    for i, word in enumerate(words):
        loss = loss + np.tanh(p[word] @ v[i])
        dp[word] = (1 - np.tanh(u[word] @ v[i]) ** 2) * v[i]
        for k in contexts[i]:
            loss = loss + np.exp(q[k] @ p[word])
            dp[word] += np.exp(q.numpy()[k] @ u[word]) * q.numpy()[k]
    title = title_of(loss, p=dp)
    assert title.startswith(
        "row by row, what comes back to p from p[k] overwrites what came before"
    )


@pytest.mark.parametrize("mean", [lambda e: np.sum(e) / 8, lambda e: 1 / 8 * np.sum(e)])
def test_a_mean_that_is_written_out_is_one_where_samples_are_columns(mean):
    v, columns = W.T[:2].copy(), X.T.copy()
    w = parameter(v, "w")
    r = w @ columns - Y.T[:2]
    loss, g = mean(r**2), r.numpy() @ X / 4
    assert "summed over 8 entries that the loss averages" in title_of(loss, w=8 * g)
    assert "divided by n = 8" in title_of(loss, w=g / 8)
    assert "missing, or divided by 16 where 8 belongs" in title_of(loss, w=g / 2)
    penalised = loss + 0.3 * np.sum(w**2)
    assert "missing, or divided by 16 where" in title_of(penalised, w=g / 2 + 0.6 * v)
    assert title_of(penalised, w=g + 0.3 * v).endswith("a factor 2 is missing")
    assert "added 8 times more" in title_of(penalised, w=g + 9 * 0.6 * v)


def test_a_mask_of_few_signs_is_not_an_order_of_rows():
    w = parameter(W[:, 0], "w")
    signs = np.array([1.0, -1, 1, 1, -1, -1, 1, -1])
    s = X @ w
    s.name = "s"
    mask = s.numpy() < 1
    said = title_of(np.sum(np.maximum(0, 1 - signs * s)), w=X.T @ (-signs * mask))
    assert "order" not in said
    assert "exchanged" not in said


def softmax_loop(each, keep=lambda total, part: total + part, scale=1.0):
    w, labels = parameter(W, "w"), [2, 0, 3, 1, 1, 0, 2, 1]
    loss, dw = 0.0, np.zeros_like(W)
    for i, label in enumerate(labels):
        s = X[i] @ w
        s = s - np.max(s)
        loss = loss - s[label] + np.log(np.sum(np.exp(s)))
        score, hot = s.numpy(), np.eye(4)[[label, labels[0]]]
        p = np.exp(score) / np.exp(score).sum()
        dw = keep(dw, np.outer(X[i], each(score, p, *hot)))
    return title_of(loss / 8 + 0.2 * np.sum(w * w), w=scale * dw / 8 + 0.4 * W)


@pytest.mark.parametrize(
    ("each", "says"),
    [
        (lambda s, p, y, first: p, "the one-hot of the labels is not subtracted from"),
        (lambda s, p, y, first: p * (1 - y), "the entry of the true class gets no gradient"),
        (lambda s, p, y, first: (p - 1) * y, "only the entry of the true class gets a gradient"),
        (lambda s, p, y, first: p - first, "the index of the first is used for all entries"),
        (lambda s, p, y, first: s - y, "the prediction is taken before the softmax: "),
    ],
)
def test_a_slip_in_a_softmax_of_each_sample(each, says):
    assert softmax_loop(each).startswith(says)


def test_only_the_last_sample_of_a_loop_is_there():
    said = softmax_loop(lambda s, p, y, first: p - y, keep=lambda total, part: part)
    assert said.startswith(
        "only the last row of the gradient at X @ w counts: overwritten for each"
    )


def test_a_number_of_another_term_is_no_reason_for_a_factor():
    said = softmax_loop(lambda s, p, y, first: p - y, scale=4.0)
    assert "0.2" not in said


PICKED = np.array([[0, 2, 2], [3, 1, 0], [4, 4, 1]])


def by_rows(add, then):
    """Put back what two indices pick, row by row, each as it is said."""

    def put(table, one, two):
        for i in range(3):
            add(table, PICKED[i], one[i])
            then(table, PICKED[i, 1], two[i])

    return put


def added(table, index, g):
    np.add.at(table, index, g)


def assigned(table, index, g):
    table[index] = g


def once(table, index, g):
    table[index] += g


def at(index):
    return lambda table, one, two: (
        np.add.at(table, index, one),
        np.add.at(table, PICKED[:, 1], two),
    )


@pytest.mark.parametrize(
    ("put", "says"),
    [
        (by_rows(once, added), "what a picks several times in a row counts once in it: d[i] += g"),
        (
            by_rows(assigned, added),
            "row by row, what comes back to table from a overwrites what came",
        ),
        (
            by_rows(added, assigned),
            "row by row, what comes back to table from b overwrites what came",
        ),
        (at(PICKED[:, ::-1]), "picks is put in reversed order in each row"),
        (at(PICKED[:, :1] + 0 * PICKED), "picks is put where the first of its row was picked"),
        (at(np.arange(3)[:, None] + 0 * PICKED), "a picks is put row after row, without the index"),
    ],
)
def test_what_an_index_picks_is_put_back_otherwise(put, says):
    table = parameter(np.random.default_rng(3).normal(size=(5, 4)), "table")
    a, b = table[PICKED], table[PICKED[:, 1]]
    a.name, b.name = "a", "b"
    loss, g = np.sum(np.tanh(a) * W[:, None]) + np.sum(b**3), np.zeros((5, 4))
    put(g, (1 - np.tanh(a.numpy()) ** 2) * W[:, None], 3 * b.numpy() ** 2)
    assert says in title_of(loss, table=g)


@pytest.mark.parametrize(
    ("factors", "says"),
    [
        ((8, 1), "by hand = 8 × autodiff: summed over 8 entries that the loss averages"),
        ((8, 8), "by hand = 8 × autodiff: summed over 8 entries that the loss averages"),
        ((1, 1 / 8), "by hand = 0.125 × autodiff: averaged over the batch of 8"),
        ((1 / 8, 1 / 8), "by hand = 0.125 × autodiff: divided by the size of the batch, 8"),
    ],
)
def test_a_factor_is_laid_to_what_has_it_in_all_gradients_that_are_wrong(factors, says):
    w, b = parameter(W, "w"), parameter(W[0], "b")
    p = np.tanh(X @ w + b)
    loss, dz = np.mean(np.sum(p, axis=1)), (1 - p.numpy() ** 2) / 8
    result = al.compare(loss, {"w": factors[0] * X.T @ dz, "b": factors[1] * dz.sum(0)})
    assert str(result["b" if factors[1] != 1 else "w"].diagnosis).startswith(says)


def test_a_factor_2_is_not_laid_to_a_batch_of_2_if_another_gradient_has_it_not():
    w, b, v = parameter(W, "w"), parameter(W[0], "b"), parameter(W[1], "v")
    h = np.tanh(X[:2] @ w + b)
    dh = 0.5 * v.numpy() * (1 - h.numpy() ** 2)
    by_hand = {"v": h.numpy().mean(0), "w": 2 * X[:2].T @ dh, "b": 2 * dh.sum(0)}
    result = al.compare(np.mean(h @ v), by_hand)
    assert str(result["b"].diagnosis).startswith("by hand = 2 × autodiff: there is a factor 2 too")


@pytest.mark.parametrize(("factor", "says"), [(0, "is left out"), (-1, "has its sign flipped")])
def test_what_a_whole_term_sends_back_to_a_tensor_is_said_of_the_term(factor, says):
    w, m, eps = (
        parameter(W, "w"),
        parameter(W[1:], "m"),
        np.random.default_rng(8).normal(size=(8, 4)),
    )
    v = X @ w
    fit = np.sum((np.exp(v / 2) * eps) ** 2)
    kl = -0.5 * (np.sum(1 + v - np.exp(v)) - np.sum(m**2))
    v.name, kl.name = "v", "kl"
    dv = np.exp(v.numpy()) * eps**2 + factor * 0.5 * (np.exp(v.numpy()) - 1)
    title = title_of(fit + kl, w=X.T @ dv, m=W[1:])
    assert title == f"what comes back to v from the term kl {says}"


def test_one_number_for_all_entries_is_a_factor_and_no_other_share():
    scores, target = np.random.default_rng(8).normal(size=(8, 4)), np.eye(4)[np.arange(8) % 4]
    s = al.Tensor(scores, requires_grad=True, name="s")
    lse = np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    logp = s - lse
    lse.name, logp.name = "lse", "logp"
    loss = np.mean(np.sum(-(0.9 * target + 0.025) * logp, axis=1))
    dlogp = -(0.9 * target + 0.025) / 8
    dlse = -dlogp.sum(axis=1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    by_hand = {"logp": dlogp, "lse": dlse, "s": 8 * (dlogp + dlse * p)}
    result = al.compare(loss, by_hand)
    assert [row.name for row in result.failures] == ["s"]
    assert result["s"].diagnosis.title.startswith("by hand = 8 × autodiff")


def test_a_probability_in_place_of_its_error_has_its_name():
    v = parameter(W[0], "v")
    p = ops.sigmoid(W[1] @ v)
    p.name = "p"
    loss = -np.log(p) + np.sum(np.cos(X @ W @ v))
    title = title_of(loss, v=p.item() * W[1] - (X @ W).T @ np.sin(X @ W @ W[0]))
    assert title.endswith("p stands in place of p - 1")


def test_the_derivative_of_the_absolute_error_is_not_that_of_its_square():
    w = parameter(W[:, 0], "w")
    out = X @ w
    error = out - Y[:, 0]
    out.name = "out"
    title = title_of(np.mean(error**2), out=np.sign(error.numpy()) / 8)
    assert title.startswith("the derivative of |out - ")
    assert title.endswith(" stands in place of that of its square")


ORDINAL = {
    "the derivative of the sigmoid at each of hi_t, lo_t is left out": (
        lambda hi, lo: ((hi < 1) * 1.0, (lo > 0) * 1.0, hi - lo)
    ),
    "the derivative of the log at": lambda hi, lo: (hi * (1 - hi), lo * (1 - lo), 1.0),
    "a sign is flipped at lo_t": lambda hi, lo: (hi * (1 - hi), lo * (lo - 1), hi - lo),
}


@pytest.mark.parametrize("says", ORDINAL)
def test_the_steps_of_a_loop_may_differ_at_the_ends(says):
    values, classes, eta = (
        np.array([-1.0, 0.2, 1.3]),
        [0, 3, 1, 3, 2, 1, 0, 2],
        X @ parameter(W[:, 0], "w"),
    )
    th, loss, found = parameter(values, "th"), 0.0, np.zeros(3)
    for i, k in enumerate(classes):
        hi = 1.0 if k == 3 else al.sigmoid(th[k] - eta[i])
        lo = 0.0 if k == 0 else al.sigmoid(th[k - 1] - eta[i])
        loss = loss - np.log(hi - lo)
        ends = np.array([-np.inf, *values, np.inf])
        down, up = 1 / (1 + np.exp(eta[i].item() - ends[k : k + 2]))
        above, below, p = ORDINAL[says](up, down)
        found[min(k, 2)] -= above / p * (k < 3)
        found[max(k - 1, 0)] += below / p * (k > 0)
    hi.name, lo.name = "hi", "lo"
    assert title_of(loss, th=found).startswith(f"at every step, {says}")
