"""Mistakes in networks of many kinds: each name is true of its numbers, and says the operand."""

import numpy as np
import pytest

import autograd_lite as al

rng = np.random.default_rng(3)


def tensor(name, *shape):
    return al.Tensor(rng.normal(size=shape), requires_grad=True, name=name)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (np.cumsum, "the sum runs forwards"),
        (lambda g: g, "is left out"),
        (lambda g: np.full_like(g, g.sum()), "every entry gets the sum of all"),
    ],
)
def test_a_running_sum_of_a_vector_needs_no_axis_to_be_named(mistake, said):
    x = tensor("x", 5)
    weights = rng.normal(size=5)
    loss = np.sum(np.cumsum(x) * weights)
    assert said in str(al.compare(loss, {"x": mistake(weights)})["x"].diagnosis)


def quantile():
    """Return a quantile loss, its tensors, and the arrays that its gradients are made of."""
    w, b = tensor("w", 4), al.Tensor(0.1, requires_grad=True, name="b")
    x, y = rng.normal(size=(10, 4)), rng.normal(size=10)
    e = y - (x @ w + b)
    e.name = "e"
    return np.mean(np.maximum(0.9 * e, -0.1 * e)), x, e.numpy()


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda e: np.where(e > 0, 0.9, -0.9) / 10, "0.9 stands in place of 0.1"),
        (lambda e: np.where(e > 0, 0.9, -0.1) / 9, "n - 1 = 9 stands where n = 10 belongs"),
    ],
)
def test_a_number_that_is_there_by_chance_is_no_reason(mistake, said):
    loss, x, e = quantile()  # b is 0.1 as well, and 1 / 0.9 is 10 / 9.
    d = -mistake(e)
    assert said in str(al.compare(loss, {"w": x.T @ d, "b": d.sum()}).first.diagnosis)


def test_what_the_loss_divides_by_is_a_reason_for_a_factor():
    w, x, y = tensor("w", 5, 3), rng.normal(size=(8, 5)), rng.integers(0, 3, 8)
    weights = np.array([1, 1, 1, 1, 1, 1, 2, 2.0])  # 8 rows, whose weights add up to 10.
    z = x @ w
    loss = -np.sum(weights * al.log_softmax(z, axis=1)[np.arange(8), y]) / np.sum(weights)
    loss.backward()
    found = str(al.compare(loss, {"w": w.grad.numpy() * 10 / 8})["w"].diagnosis)
    assert "divided by 8 where 10 belongs" in found


def test_a_term_of_the_loss_is_not_named_if_other_gradients_have_it():
    p, b = tensor("p", 5), tensor("b", 5)
    penalty = np.sum(p**2) + np.sum(b**2)
    penalty.name = "penalty"
    loss = np.sum((p * b - 1) ** 2) + 0.1 * penalty
    loss.backward()
    hand = {"p": p.grad.numpy(), "b": b.grad.numpy() - 0.2 * b.numpy()}
    title = str(al.compare(loss, hand)["b"].diagnosis)
    assert "penalty" not in title
    assert "b ** 2" in title


def test_two_numbers_that_come_out_alike_are_not_clipped():
    x = tensor("x", 3)
    loss = np.sum(x * np.array([3.0, 1.0, 5.0]))
    title = str(al.compare(loss, {"x": np.array([3.0, 1.0, 3.0])})["x"].diagnosis)
    assert "clipped" not in title


Y = rng.normal(size=4)
FILTER = """
a, q = 0.8, 0.6
P, S, E, K, m, Q = [], [], [], [], [0.0], [1.0]
for t in range(4):
    P.append(a * a * Q[t] + q); S.append(P[t] + 1.2); E.append(Y[t] - a * m[t])
    K.append(P[t] / S[t]); m.append(a * m[t] + K[t] * E[t]); Q.append((1 - K[t]) * P[t])
da = dq = dm = dQ = 0.0
for t in (3, 2, 1, 0):
    dK = dm * E[t] - dQ * P[t]
    de = dm * K[t] + E[t] / S[t]
    dS = 0.5 / S[t] - 0.5 * E[t] ** 2 / S[t] ** 2 - dK * P[t] / S[t] ** 2
    dP = dQ * (1 - K[t]) + dK / S[t] + dS
    dmp = dm - de
    da = da + dmp * m[t] + 2 * a * dP * Q[t]
    dq = dq + dP
    dm, dQ = dmp * a, dP * a * a
"""


def kalman():
    """Return the loss of a Kalman filter that is written as a loop."""
    a, q = (al.Tensor(x, requires_grad=True, name=n) for n, x in (("a", 0.8), ("q", 0.6)))
    mean, size, loss = 0.0, 1.0, 0.0
    for t in range(4):
        ahead = a**2 * size + q
        noise = ahead + 1.2
        e = Y[t] - a * mean
        loss = loss + 0.5 * (np.log(noise) + e**2 / noise)
        gain = ahead / noise
        mean = a * mean + gain * e
        size = (1 - gain) * ahead
    return loss


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("0.5 * E[t] ** 2", "0.5 * E[t]", "is used in place of"),
        ("da + dmp * m[t]", "da - de * m[t]", "nothing comes back to a from"),
        ("dP * a * a", "dP * a", "a is used in place of a ** 2"),
        ("dmp * a, dP * a * a", "0, 0", "nothing comes back from the step after"),
    ],
)
def test_what_goes_wrong_at_every_step_of_a_loop_of_numbers(right, wrong, said):
    assert right in FILTER
    made = {"Y": Y}
    exec(FILTER.replace(right, wrong), made)
    result = al.compare(kalman(), {"a": np.array(made["da"]), "q": np.array(made["dq"])})
    titles = [str(row.diagnosis) for row in result.failures]
    assert any(said in title and "at every step" in title for title in titles)


def norm_backward(g, x, outside=1.0, inside=1.0):
    """Return what comes back to x from x / sqrt(mean(x²)), but for factors of its second term."""
    s = np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    n = x / s
    first, second = np.where(outside, n, 1.0), np.where(inside, n, 1.0)
    return (g - first * np.mean(g * second, axis=1, keepdims=True)) / s


@pytest.mark.parametrize(
    ("outside", "inside", "said"),
    [(0, 1, "is missing in the gradient of x ** 2"), (1, 0, "is missing")],
)
def test_a_factor_that_is_missing_in_the_second_term_of_a_norm_is_placed(outside, inside, said):
    x, g = tensor("x", 5, 4), rng.normal(size=(5, 4))
    loss = np.sum(g * (x / np.sqrt(np.mean(x**2, axis=1, keepdims=True))))
    hand = norm_backward(g, x.numpy(), outside, inside)
    assert al.compare(loss, {"x": norm_backward(g, x.numpy())})
    title = str(al.compare(loss, {"x": hand})["x"].diagnosis)
    assert title.startswith(("the factor x", "the factor (x / np.sqrt"))
    assert said in title


@pytest.mark.parametrize(
    ("slope", "said"),
    [(0.1, "0.1 where it is to be 0, as in a leaky relu"), (-1.0, "as in a sign")],
)
def test_another_slope_of_a_relu_below_zero_is_solved_for(slope, said):
    w, x, v = tensor("w", 3, 6), rng.normal(size=(8, 3)), rng.normal(size=(8, 6))
    z = x @ w
    loss = np.sum(v * np.maximum(z, 0))
    hand = x.T @ (v * np.where(z.numpy() > 0, 1, slope))
    assert said in str(al.compare(loss, {"w": hand})["w"].diagnosis)


def test_a_mask_reversed_before_a_maximum_with_ties_has_its_name():
    x, k = rng.normal(size=(6, 10)), tensor("k", 3)
    z = x[:, :-2] * k[0] + x[:, 1:-1] * k[1] + x[:, 2:] * k[2]
    windows = np.maximum(z, 0).reshape(6, 4, 2)
    loss = np.sum(np.max(windows, axis=2) ** 2 + np.max(windows, axis=2))
    a = windows.numpy()
    top = a.max(axis=2, keepdims=True)
    assert (top == 0).any()  # There both entries of a window are the largest.
    d = ((2 * top + 1) * (a == top)).reshape(6, 8) * (z.numpy() <= 0)
    hand = np.array([np.sum(d * x[:, i : i + 8]) for i in range(3)])
    assert "reversed" in str(al.compare(loss, {"k": hand})["k"].diagnosis)


def test_a_gradient_that_reaches_one_word_alone_has_its_name():
    words, target = tensor("words", 5, 3, 4), rng.normal(size=(5, 4))
    d = np.mean(words, axis=1) - target
    hand = np.zeros(words.shape)
    hand[:, -1] = d.numpy() / 3
    found = str(al.compare(0.5 * np.sum(d**2), {"words": hand})["words"].diagnosis)
    assert "only the last entry of each window in words gets its share" in found


def test_labels_are_not_pasted_into_a_sentence():
    w, x, y = tensor("w", 4, 3), rng.normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
    p = al.sigmoid(x @ w)
    loss = -np.sum(np.log(p[np.arange(6), y])) + np.sum(w**2)
    d = np.zeros((6, 3))
    d[np.arange(6), y] = -(p.numpy() * (1 - p.numpy()))[np.arange(6), y]
    found = str(al.compare(loss, {"w": x.T @ d + 2 * w.numpy()})["w"].diagnosis)
    assert "np.log" in found
    assert "array" not in found


def softmax_of(z, axis):
    return np.exp(z) / np.sum(np.exp(z), axis=axis, keepdims=True)


@pytest.mark.parametrize(
    ("hard", "soft", "said"),
    [
        ("p", "T * (s - Q)", "in the term hard: the one-hot of the labels is not subtracted"),
        ("s - one_hot", "T * (s - Q)", "s stands in place of p"),
        ("p - one_hot", "T * s", "is not subtracted from s: the target is missing"),
        ("p - one_hot", "T * (p - Q)", "p stands in place of s"),
        ("p - one_hot", "T * (s - one_hot)", "the one-hot of the labels stands in place of"),
    ],
)
def test_each_of_two_terms_with_a_written_out_softmax_has_its_own_difference(hard, soft, said):
    z, heat = tensor("z", 6, 4), 2.5
    labels, q = np.array([0, 2, 1, 3, 1, 0]), softmax_of(rng.normal(size=(6, 4)), 1)
    probabilities, soft_ones = softmax_of(z, 1), softmax_of(z / heat, 1)
    probabilities.name, soft_ones.name = "p", "s"
    first = -np.mean(np.log(probabilities[np.arange(6), labels]))
    second = np.mean(np.sum(q * (np.log(q) - np.log(soft_ones)), axis=1))
    first.name, second.name = "hard", "soft"
    known = {"p": probabilities.numpy(), "s": soft_ones.numpy(), "one_hot": np.eye(4)[labels]}
    known |= {"Q": q, "T": heat}
    hand = 0.3 * eval(hard, known) / 6 + 0.7 * eval(soft, known) / 6
    loss = 0.3 * first + 0.7 * heat**2 * second
    assert said in str(al.compare(loss, {"z": hand})["z"].diagnosis)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("P[t]", "is not subtracted from"),
        ("P[t] - 1", "1 is subtracted from every entry"),
        ("P[t] - ONE[LABELS[t - 1]]", "is that of the step before"),
        ("P[t] - ONE[INPUTS[t]]", "the input of the step stands in place of"),
    ],
)
def test_the_targets_of_a_loop_over_columns(wrong, said):
    one = np.eye(4)[:, :, None]
    inputs, labels, h, loss = [0, 2, 3, 2], [2, 3, 1, 0], rng.normal(size=(5, 1)), 0.0
    u, v, w = tensor("u", 5, 4), tensor("v", 5, 5), tensor("w", 4, 5)
    ps, hs = [], []
    for t in range(4):
        h = np.tanh(u @ one[inputs[t]] + v @ h)
        p = softmax_of(w @ h, None)
        loss = loss - np.log(p[labels[t], 0])
        ps.append(p.numpy())
        hs.append(h.numpy())
    known = {"P": ps, "ONE": one, "LABELS": labels, "INPUTS": inputs}
    hand = sum(eval(wrong, known | {"t": t}) @ hs[t].T for t in range(4))
    title = str(al.compare(loss, {"w": hand})["w"].diagnosis)
    assert said in title
    assert title.startswith("at every step")


def test_the_factors_of_two_terms_may_be_exchanged():
    x, c = tensor("x", 6), 0.3
    a, b = np.sum(x**2), np.sum(x**3)
    a.name, b.name = "a", "b"
    hand = (1 - c) * 2 * x.numpy() + c * 3 * x.numpy() ** 2
    title = str(al.compare(c * a + (1 - c) * b, {"x": hand})["x"].diagnosis)
    assert title.startswith("the factors of the terms")
    assert title.endswith("of the loss are exchanged")


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (lambda w: w == w.min(axis=(1, 3), keepdims=True), "the smallest entries of"),
        (lambda w: w, "stand in place of the mask of the largest"),
    ],
)
def test_the_mask_of_a_maximum_over_two_axes(mask, said):
    x, weights = tensor("x", 4, 6), rng.normal(size=(2, 3))
    windows = x.numpy().reshape(2, 2, 3, 2)
    loss = np.sum(np.reshape(x, (2, 2, 3, 2)).max(axis=(1, 3)) * weights)
    hand = (mask(windows) * weights[:, None, :, None]).reshape(4, 6)
    assert said in str(al.compare(loss, {"x": hand})["x"].diagnosis)


def test_the_diagonal_in_place_of_a_sum():
    x, weights = tensor("x", 5), rng.normal(size=(5, 5))
    hand = np.diag(weights * np.cos(x.numpy()))
    loss = np.sum(np.sin(rng.normal(size=(5, 5)) * 0 + x) * weights)
    assert "the diagonal of" in str(al.compare(loss, {"x": hand})["x"].diagnosis)


def test_another_slope_of_a_leaky_relu_is_said_as_such():
    z, weights = tensor("z", 4, 5), rng.normal(size=(4, 5))
    loss = np.sum(np.where(z > 0, z, 0.2 * z) * weights)
    hand = np.where(z.numpy() > 0, 1, 0.01) * weights
    assert "0.01 stands in place of 0.2" in str(al.compare(loss, {"z": hand})["z"].diagnosis)
