"""Slips in dense networks and their losses: each has the name that a reader would give it."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.mistakes.registry import Case, Target
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.check.mistakes.variants import rows_of_a_gradient
from autograd_lite.graph import Graph
from tests.check.test_search_masks import title_of

rng = np.random.default_rng(23)
X, Y, C = rng.normal(size=(9, 4)), rng.normal(size=(9, 3)), rng.normal(size=(9, 3))
W, V = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 1, 0])
SIGNS, ROWS = np.where(LABELS > 0, 1.0, -1.0), np.arange(9)


def parameters(dtype=float, **values):
    return [al.Tensor(x, requires_grad=True, name=k, dtype=dtype) for k, x in values.items()]


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ((1, 0), "the targets of logp are 1 and 0, at the label and elsewhere, in place of 0.9"),
        ((0.8, 0), "the targets of logp are 0.8 and 0, at the label and elsewhere"),
        (None, "only the diagonal of the softmax's Jacobian is there: -smooth * (1 - soft"),
    ],
)
def test_targets_that_are_smoothed(levels, says):
    (w,) = parameters(w=W)
    z = np.tanh(X) @ w
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    z.name, logp.name, p = "z", "logp", softmax(z.numpy())
    smooth = np.eye(3)[LABELS] * 0.85 + 0.05
    wrong = p - np.where(smooth > 0.5, *levels) if levels else smooth * (p - 1)
    loss = -np.mean(np.sum(smooth * logp, axis=1))
    assert title_of(loss, w=np.tanh(X).T @ wrong / 9).startswith(says)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda g, on: np.where(on, -g, g), "at the entries of the labels, the gradient at s has"),
        (lambda g, on: g * on, "only the true class gets a gradient"),
        (lambda g, on: np.where(on & (g != 0), -1 / 9, g), "at the entries of the labels, the grad"
         "ient at s is -1 for each row"),
    ],
)  # fmt: skip
def test_the_true_class_of_a_hinge(wrong, says):
    (w,) = parameters(w=W)
    s = X @ w
    s.name, z = "s", s.numpy()
    loss = np.sum(np.maximum(0, s - s[ROWS, LABELS][:, None] + 0.2)) / 9
    on = np.eye(3, dtype=bool)[LABELS]
    mask = (z - z[on][:, None] + 0.2 > 0) * ~on / 9
    assert title_of(loss, w=X.T @ wrong(mask - on * mask.sum(1, keepdims=True), on)).startswith(
        says
    )


def test_a_factor_of_a_numerator_is_missing_on_one_path():
    w, u = parameters(w=W[:, 0], u=V[:, 0])
    mu, s = X @ w, np.exp(X @ u)
    mu.name, s.name = "mu", "s"
    e, s_ = Y[:, 0] - mu.numpy(), s.numpy()
    loss = np.mean(0.5 * ((Y[:, 0] - mu) / s) ** 2 + np.log(s))
    du = X.T @ (1 - e / s_**2) / 9
    title = title_of(loss, w=-X.T @ (e / s_**2) / 9, u=du)
    assert title.endswith("- mu) is missing")
    right = X.T @ (1 - e**2 / s_**2) / 9
    assert title_of(loss, w=-X.T @ e / 9, u=right) == "the factor 1 / s ** 2 is missing"


def test_in_float32_a_factor_1_is_not_written():
    x, y = X.astype(np.float32), Y.astype(np.float32)
    (w,) = parameters(np.float32, w=W)
    a = x @ w
    a.name, z = "a", a.numpy()
    dw = x.T @ (2 * (z - y) * (1 - z * z) / np.float32(27))
    title = title_of(np.mean((a - y) ** 2), w=dw)
    assert title == "the gradient at a is multiplied by (1 - a ** 2)"


def two_tasks(s, t, w):
    h = np.tanh(X @ w)
    one, two = np.mean((h - Y[:, :2]) ** 2), np.mean(np.abs(h - C[:, :2]))
    one.name = "one"
    return np.exp(-s) * one + 0.5 * np.exp(-2 * t) * two + 0.5 * s + t


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one, two: (one * np.exp(1.1), two * np.exp(-1.1)), "are exchanged"),
        (lambda one, two: (one * 2, two), "or divided by 9 where 18 belongs"),
    ],
)
def test_the_weights_of_two_terms_are_parameters_that_are_terms_too(change, says):
    s, t, w = parameters(s=0.3, t=-0.4, w=W[:, :2])
    part = [
        al.grad(lambda w, k=k: two_tasks(*k, w))(W[:, :2]) for k in ((0.3, 40.0), (900.0, -0.4))
    ]
    assert says in title_of(two_tasks(s, t, w), w=sum(change(*part)))


def test_a_2_is_told_from_a_single_number():
    s, t, w = parameters(s=0.3, t=-0.4, w=W[:, :2])
    right = al.grad(two_tasks, argnums=(0, 1, 2))(0.3, -0.4, W[:, :2])
    title = title_of(two_tasks(s, t, w), t=(right[1] + 1) / 2, s=right[0], w=right[2])
    assert title == "what comes back to t from -2 * t has a factor 0.5: a factor 2 is missing"


def test_a_term_of_two_that_are_right_is_no_2():
    w, v, u = parameters(w=W, v=V.T, u=V.T)

    def f(w, v, u):
        h = np.tanh(X @ w)
        return np.mean((h @ v) ** 2) + np.mean((h @ u) ** 2)

    dw, dv, du = al.grad(f, argnums=(0, 1, 2))(W, V.T, V.T)
    h = np.tanh(X @ w)
    h.name = "h"
    loss = np.mean((h @ v) ** 2) + 0.5 * np.mean(2 * (h @ u) ** 2)
    title = title_of(loss, w=dw / 2, v=dv, u=du)
    assert title == "what comes back to h is averaged over its 2 uses, which add up"


def test_dropout_is_divided_by_the_rate():
    w, v = parameters(w=W, v=V.T)
    mask = np.where(rng.uniform(size=(9, 3)) < 0.75, 1.0, 0.0)
    h = np.maximum(X @ w, 0) * mask / 0.75
    dh = 2 * h.numpy() @ v.numpy() / 9 @ v.numpy().T
    right = h.numpy().T @ (2 * h.numpy() @ v.numpy() / 9)
    dw = X.T @ (dh * (h.numpy() > 0) * mask / 0.25)
    title = title_of(np.sum((h @ v) ** 2) / 9, w=dw, v=right)
    assert title == "by hand = 3 × autodiff: 1 - 0.75 stands in place of 0.75"


def test_an_identity_is_no_target():
    (w,) = parameters(w=W)
    loss = np.sum((w.T @ w - np.eye(3)) ** 2)
    title = title_of(loss, w=4 * W @ (W.T @ W))
    assert title == "np.eye(3) is not subtracted from (w.T @ w)"


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (lambda g, n, s: g / s - g.mean(1, keepdims=True) - n * (g * n).mean(1, keepdims=True),
         "the factor 1 / standard deviation of z is there in the direct path alone"),
    ],
)  # fmt: skip
def test_the_brackets_of_a_normalisation_are_missing(of, says):
    (w,) = parameters(w=W)
    z = X @ w
    z.name = "z"
    s = np.sqrt(np.var(z, axis=1, keepdims=True) + 0.1)
    n = (z - np.mean(z, axis=1, keepdims=True)) / s
    assert title_of(np.sum(C * n), w=X.T @ of(C, n.numpy(), s.numpy())) == says


def test_what_is_split_otherwise_stands_in_place_of_an_operand():
    w, gain = parameters(w=rng.normal(size=(4, 6)), gain=rng.uniform(1, 2, 6))
    z, c = np.cos((X @ w).reshape(9, 2, 3)), rng.normal(size=(9, 6))
    z.name = "z"
    hat = np.tanh(z).reshape(9, 6)
    title = title_of(np.sum(c * (hat * gain)), gain=np.sum(c * z.numpy().reshape(9, 6), axis=0))
    assert title == "z is used in place of np.reshape(np.tanh(z), shape=(9, 6))"


def test_the_slope_of_an_arctangent_has_another_sign():
    (w,) = parameters(w=W)
    h = np.arctan(X @ w)
    h.name, z = "h", X @ W
    title = title_of(np.sum(C * h), w=X.T @ (C / (1 - z * z)))
    assert title == "1 / (1 - x ** 2) stands in place of 1 / (1 + x ** 2) at h"


@pytest.mark.parametrize(
    ("loss", "of", "says"),
    [
        (lambda m: np.mean(np.maximum(0, m) ** 2), lambda m: 2 * m / 9,
         "m is taken in place of np.maximum(0, m), forwards too"),
        (lambda m: np.mean((1 - np.sin(m)) ** 2 * m), lambda m: np.ones(9) / 9,
         "(1 - np.sin(m)) ** 2 is left out of (1 - np.sin(m)) ** 2 * m, forwards too"),
        (lambda m: np.mean(np.exp(-2 * m) * m), lambda m: np.exp(-m) * (1 - m) / 9,
         "2 is left out of -2 * m, forwards too"),
    ],
)  # fmt: skip
def test_what_is_left_out_forwards_too(loss, of, says):
    (w,) = parameters(w=W[:, 0])
    m = 1 - SIGNS * (X @ w)
    m.name = "m"
    dw = -X.T @ (SIGNS * of(m.numpy()))
    assert title_of(loss(m), w=dw).startswith(says)


def test_rows_that_nearly_all_are_like_the_first_tell_nothing_of_it():
    (w,) = parameters(w=W[:, 0])
    loss = np.sum(np.where(ROWS < 7, 1.0, ROWS) * (X @ w))
    replay, dw = Replay(Graph(loss, {})), np.ones(4)
    target = Target("w", dw, dw, next(x.id for x in replay.graph if x.name == "w"))
    titles = [x.title for x in rows_of_a_gradient(Case(replay), target)]
    assert not any(title.endswith("all taken from the first") for title in titles)


def test_weights_without_a_name_are_at_the_target_alone():
    (w,) = parameters(w=W)
    z = X @ w
    loss = np.sum((ROWS + 1) * (np.log(np.sum(np.exp(z), axis=1)) - z[ROWS, LABELS])) / 45
    hand = X.T @ (softmax(z.numpy()) - (ROWS + 1)[:, None] * np.eye(3)[LABELS]) / 45
    title = title_of(loss, w=hand)
    assert title.startswith("the weights are missing from softmax(")
    assert title.endswith("and only at the one-hot of the labels")


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (lambda one: 1, lambda one: 1, "all that arrives at h goes back to both: the mask is"),
        (lambda one: 0.5, lambda one: 0.5, "what arrives at h is halved: each gets a half"),
        (lambda one: ~one, lambda one: one, "the condition of h is reversed"),
    ],
)
def test_the_mask_of_the_larger_of_two_pieces(first, second, says):
    (w,) = parameters(w=np.stack([W, V]))
    h = np.maximum(X @ w[0], X @ w[1])
    h.name = "h"
    one = X @ W > X @ V
    dw = np.stack([X.T @ (C * first(one)), X.T @ (C * second(one))])
    assert title_of(np.sum(C * h), w=dw).startswith(says)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda c, k: (c * 7 / 3, k), "a factor 7/3: 1 - 0.3 stands in place of 0.3"),
        (
            lambda c, k: (c / 0.3, k / 0.7),
            "the factor 1 - 0.3 is missing, and not multiplied by 0.3",
        ),
    ],
)
def test_1_less_a_number_is_that_number_but_for_its_last_digit(wrong, says):
    (w,) = parameters(w=W)
    mix = 0.7
    ce, kd = np.mean(np.cos(X @ w)), np.mean(np.abs(X @ w))
    parts = (1 - mix) * -X.T @ np.sin(X @ W) / 27, mix * X.T @ np.sign(X @ W) / 27
    assert title_of((1 - mix) * ce + 4 * mix * (kd / 4), w=sum(wrong(*parts))).endswith(says)


def test_1_less_a_number_has_no_place_to_give_where_it_does_not_stand():
    (w,) = parameters(w=W)
    title = title_of(np.sum(0.25 * np.tanh(X @ w)), w=X.T @ (1 - np.tanh(X @ W) ** 2) / 12)
    assert "1 - 0.25" not in title


def test_a_factor_2_is_missing_only_where_there_is_one():
    (w,) = parameters(w=W)
    rows, dz = np.arange(0, 8, 2), np.zeros((8, 3))
    dz[rows] = np.exp(X[rows] @ W) / 8
    loss = np.sum(np.exp(X[:8] @ w)[rows]) / 4 + np.sum(w**2)
    title = title_of(loss, w=X[:8].T @ dz + 2 * W)
    assert title.endswith("has a factor 0.5: divided by 8 where 4 belongs")


def test_a_variance_has_a_factor_2():
    (w,) = parameters(w=W)
    z, g = X @ W, np.exp(np.var(X @ W, axis=0)) / 9
    title = title_of(np.sum(np.exp(np.var(X @ w, axis=0))), w=X.T @ (g * (z - z.mean(0))))
    assert title == "by hand = 0.5 × autodiff: the factor 2 is missing"


def test_the_gradients_of_copies_and_of_pieces_add_up():
    v, w = parameters(v=np.array([W[:, 0], V[:, 0]]), w=W)
    pieces = [np.tanh(X[:2] * v[k]) for k in range(2)]
    loss = np.sum(np.exp(np.repeat(w, 2, axis=0))) + np.sum(pieces[0]) + np.sum(pieces[1])
    dv = np.stack([np.sum(X[:2] / np.cosh(X[:2] * x) ** 2, axis=0) for x in v.numpy()])
    result = al.compare(loss, {"v": dv / 2, "w": np.exp(W)})
    assert "averaged over the 2 copies" in str(result["w"].diagnosis)
    assert str(result["v"].diagnosis) == "the same mistake as in w"


def test_the_sign_of_a_factor_is_another_matter():
    (w,) = parameters(w=W[:, 0])
    y = SIGNS
    m = -y * (X @ w)
    m.name = "m"
    title = title_of(np.mean(np.log(1 + np.exp(m))), w=-X.T @ (1 / (1 + np.exp(-m.numpy()))) / 9)
    assert title == "the factor y is missing"


def test_no_form_stands_in_place_of_a_number_and_of_two_reasons_the_better_is_given():
    w, u = parameters(w=W[:3, 0], u=W[:, 0])
    q = np.linspace(0.4, 1.9, 9)

    def loss(w, x, q):
        return np.sum(q * (2.5 * np.log(1 + np.sin(x @ w) ** 2))) / np.sum(q)

    for p, says in ((w, "1 stands in place of q"), (u, "two mistakes: 1 is given for the grad")):
        x = X[:, : p.size]
        title = title_of(loss(p, x, q), **{p.name: al.grad(loss)(p.numpy(), x, np.ones(9))})
        assert title.startswith(says)
        assert "10.35" in title or title.endswith("a factor 1/9 (divided by 9 once too often)")


@pytest.mark.parametrize(
    ("slope", "says"),
    [
        (lambda z, h: 1, "the derivative of the softsign at h is left out"),
        (lambda z, h: 1 / (1 + np.abs(h)) ** 2, "softsign' is taken at h, in place of X @ w"),
        (lambda z, h: 1 - h**2, "tanh' stands in place of softsign' at h; it is computed from h"),
        (lambda z, h: 1 / (1 + np.abs(z)), "the factor 1 / (1 + np.abs(X @ w)) is missing"),
    ],
)
def test_a_softsign_has_one_derivative(slope, says):
    (w,) = parameters(w=W)
    z = X @ w
    h = z / (1 + np.abs(z))
    h.name = "h"
    hand = X.T @ (C * slope(z.numpy(), h.numpy()))
    assert title_of(np.sum(C * h), w=hand).startswith(says)


def test_a_slip_that_is_made_in_every_layer_is_found_in_the_first_one_too():
    weights = [rng.normal(size=(4, 4)) for _ in range(4)]
    tensors = parameters(**{f"w{k}": x for k, x in enumerate(weights)})
    h, outs, found = X, [X], []
    for w in tensors:
        h = np.tanh(h @ w)
        outs.append(h.numpy())
    delta = 2 * (outs[-1] - X)
    for k in reversed(range(4)):
        delta = delta * (1 - np.arctanh(outs[k + 1]) ** 2)
        found.insert(0, outs[k].T @ delta)
        delta = delta @ weights[k].T
    result = al.compare(np.sum((h - X) ** 2), dict(zip(tensors, found, strict=True)))
    for k, above in ((0, "besides the mistake in w1, "), (3, "")):
        says = f"{above}the formula of tanh' for its output"
        assert result[f"w{k}"].diagnosis.title.startswith(says)


def test_a_bias_of_few_numbers_has_the_mistake_of_its_weights():
    w, b = parameters(w=W, b=np.zeros(3))
    labels = np.minimum(LABELS, 1)
    smooth, p = np.eye(3)[labels] * 0.9 + 0.1 / 3, softmax(X @ W)
    delta = p - np.eye(3)[labels]
    loss = -np.sum(smooth * al.log_softmax(X @ w + b, axis=1))
    result = al.compare(loss, {"w": X.T @ delta, "b": delta.sum(axis=0)})
    assert "at the label and elsewhere" in str(result["w"].diagnosis), result
    assert str(result["b"].diagnosis) == "the same mistake as in w"


def bent(z, by, border=0.0):
    return np.where(by > border, z, 0.1 * z)


@pytest.mark.parametrize("border", [0.0, -0.4])
def test_a_choice_may_go_by_another_tensor(border):
    (w,) = parameters(w=W)
    u = X @ w
    z = u + 0.3 * np.tanh(u[::-1]) - 0.4 * border
    u.name, z.name = "u", "z"
    h = bent(z, z, border)
    h.name = "h"
    g = 2 * (h.numpy() - Y) * bent(np.ones((9, 3)), u.numpy(), border)
    back = g + 0.3 * (g * (1 - np.tanh(u.numpy()[::-1]) ** 2))[::-1]
    title = title_of(np.sum((h - Y) ** 2), w=X.T @ back)
    assert title.startswith("u is compared with ")
    assert title.endswith("from h: another tensor than forwards")


def test_zeros_and_ones_that_overlap_are_not_windows():
    (w,) = parameters(w=W)
    mask = (rng.random((9, 3)) < 0.5) | np.array([True, False, True])
    z = X @ w
    g = 2 * (z.numpy() * mask - Y) * np.roll(mask, 1, axis=0)
    assert "windows" not in title_of(np.sum((z * mask - Y) ** 2), w=X.T @ g)


def test_weights_of_the_other_class_stand_in_place_of_those_of_each():
    (w,) = parameters(w=W[:, 0])
    p, share = al.sigmoid(X @ w), np.where(LABELS > 0, 0.25, 0.75)
    loss = np.sum(share * (1 - p) ** 2 * np.log(p))
    s = p.numpy()
    g = (1 - share) * (-2 * (1 - s) * np.log(s) + (1 - s) ** 2 / s) * s * (1 - s)
    assert title_of(loss, w=X.T @ g).startswith("1 - share stands in place of")


def test_a_length_over_which_nothing_is_averaged_is_not_missing():
    (w,) = parameters(w=W[:, 0])
    r = Y[:, 0] - X @ w
    loss = np.mean(np.maximum(0.8 * r, -0.2 * r))
    g = np.where(r.numpy() > 0, -0.8, 0.8) / 9
    assert "0.8 stands in place of" in title_of(loss, w=X.T @ g)


def test_two_strengths_are_exchanged_of_which_one_is_halved():
    (w,) = parameters(w=W[:, 0])
    loss = np.sum((X @ w) ** 2) + 0.3 * np.sum(np.abs(w)) + 0.1 * np.sum(w**2)
    v = w.numpy()
    dw = 2 * X.T @ X @ v + 0.2 * np.sign(v) + 0.3 * v
    assert title_of(loss, w=dw).endswith("of the loss are exchanged")


def test_a_simple_factor_is_one_in_a_short_type():
    x, y, v = (a.astype(np.float32) for a in (X, Y, W))
    (w,) = parameters(w=v, dtype=np.float32)
    z = x @ w
    a = z + np.float32(0.1) * z**3
    g = 2 * (a.numpy() - y) * (1 + np.float32(0.1) * z.numpy() ** 2)
    assert " has a factor 1/3" in title_of(np.sum((a - y) ** 2), w=x.T @ g)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (lambda g, b: g + b, "b is added to the gradient at z"),
        (lambda g, _: g.sum(axis=0), " over axis 0 stands in place of "),
    ],
)
def test_what_is_passed_on_may_meet_another_mistake_later(more, says):
    u, w, c, v, b = parameters(u=W, w=V[:3], c=C[1], v=V[1:], b=C[0])
    first = np.tanh(X @ u)
    h = np.tanh(first @ w + c)
    z = h @ v + b
    h.name, z.name = "h", "z"
    g = more(2 * (z.numpy() - Y), C[0]) @ V[1:].T * (1 - h.numpy() ** 2)
    du = X.T @ (g @ V[:3].T)  # Without the slope of the first tanh.
    by_hand = {"u": du, "w": first.numpy().T @ g, "c": g.sum(axis=0)}
    result = al.compare(np.sum((z - Y) ** 2), by_hand)
    assert says in str(result["w"].diagnosis), result
    assert not str(result["w"].diagnosis).endswith("alone")
    assert str(result["c"].diagnosis) == "the same mistake as in w"


def of_columns(z):
    return softmax((z - z.max(axis=1, keepdims=True)).T).T


@pytest.mark.parametrize(
    ("p", "says"),
    [
        (lambda z: z, "the input of the softmax stands in its place on the way back"),
        (of_columns, "the softmax is taken along axis 0, in place of 1, on the way back"),
    ],
)
def test_something_else_stands_in_place_of_the_softmax_of_a_weighted_log_softmax(p, says):
    (w,) = parameters(w=W)
    q = (np.eye(3)[LABELS] * 0.9 + 0.1 / 3) * np.array([0.5, 1, 2])[LABELS][:, None]
    z = X @ w
    g = q.sum(axis=1, keepdims=True) * p(z.numpy()) - q
    assert title_of(-np.sum(q * al.log_softmax(z, axis=1)), w=X.T @ g).startswith(says)


def test_each_entry_is_given_the_sum_along_an_axis_of_its_own():
    (s,) = parameters(s=np.abs(W[:, 0]))
    title = title_of(0.1 * s @ s, s=np.full(4, 0.2 * s.numpy().sum()))
    assert title == "what comes back to s is summed over its axis 0, in every entry"


def test_the_width_of_each_unit_is_given_the_sum_of_all():
    (s,) = parameters(s=np.abs(W[:, 0]))
    loss = np.sum(np.tanh(X / s) ** 3)
    y = np.tanh(X / s.numpy())
    ds = np.sum(-3 * y**2 * (1 - y**2) * X / s.numpy() ** 2)
    title = title_of(loss, s=np.full(4, ds))
    assert title == "what comes back to s from X / s is summed over all axes"


def test_a_prediction_less_the_logarithm_of_its_target():
    (w,) = parameters(w=W[:, 0] * 0.3)
    rate, counts = np.exp(X @ w), np.abs(LABELS * 3.0 - 1)
    rate.name = "rate"
    dw = X.T @ (rate.numpy() - np.log(1 + counts))
    title = title_of(np.sum(rate - counts * np.log(rate)), w=dw)
    assert title.startswith("(rate - np.log(1 + counts)) is given for the gradient")


def test_counts_that_are_the_same_but_for_their_signs_are_chance():
    (b,) = parameters(b=np.zeros(3))
    loss = np.sum(b * np.array([-3.0, 1.0, 2.0])) / 7 + np.sum(np.tanh(b) * 0.0)
    title = title_of(loss, b=np.array([3.0, 1.0, 2.0]) / 7)
    assert not title.startswith("the sign is flipped in entry")
