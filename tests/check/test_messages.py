"""Mistakes in chains, in rows of a loop, and on several ways back: found at every step."""

import numpy as np
import pytest

import autograd_lite as al

RNG = np.random.default_rng(0)


def logsumexp(x, axis):
    return np.log(np.sum(np.exp(x), axis=axis))


def said(f, by_hand, data, right, wrong):
    """Return what is said of a line that is wrong."""
    assert by_hand.count(right) == 1
    made = {**data, "np": np, "lse": logsumexp}
    exec(by_hand.replace(right, wrong), made)
    tensors = {k: al.Tensor(x, requires_grad=True, name=k) for k, x in data.items()}
    result = al.compare(f(**tensors), {k: made[f"d{k}"] for k in data})
    found = [str(row.diagnosis) for row in result.failures]
    return next((x for x in found if "follows" not in x and "same mistake" not in x), found)


WORDS, CENTRES = np.array([[0, 2, 3], [1, 3, 4], [2, 4, 5]]), [1, 2, 3]
CBOW = {"W": RNG.normal(size=(6, 4)), "V": RNG.normal(size=(4, 6))}


def cbow(W, V):
    loss = 0
    for words, k in zip(WORDS, CENTRES, strict=True):
        u = (W[words[0]] + W[words[1]] + W[words[2]]) / 3 @ V
        loss = loss + logsumexp(u, 0) - u[k]
    return loss


CBOW_BY_HAND = """
dW, dV = 0 * W, 0 * V
for words, k in zip([[0, 2, 3], [1, 3, 4], [2, 4, 5]], [1, 2, 3]):
    h = W[words].mean(axis=0)
    du = np.exp(h @ V - lse(h @ V, 0))
    du[k] -= 1
    dV += np.outer(h, du)
    for word in words:
        dW[word] += V @ du / 3
"""


@pytest.mark.parametrize(
    ("right", "wrong", "title"),
    [
        ("in words:", "in words[:1]:", "only the first slice along axis 1 of the gradient at W[k]"),
        ("dW[word]", "dW[k]", "what belongs to the entries of W that W[k] picks is put where ("),
        ("dW[word]", "dW[words[2]]", "that W[k] picks is put where column 2 of W[k] picks"),
        ("np.outer(h", "np.outer(W[words[1]]", "piece 2 of W is used in place of"),
        (
            "np.outer(h",
            "np.outer(W[k]",
            "W[k], with the k by which",
        ),
    ],
)
def test_rows_that_a_loop_picks_are_told_apart(right, wrong, title):
    assert title in said(cbow, CBOW_BY_HAND, CBOW, right, wrong)


RESIDUAL = {"U": 0.5 * RNG.normal(size=(3, 3)), "p": RNG.normal(size=3), "q": RNG.normal(size=3)}


def residual(U, p, q):
    h, loss = np.ones(3), 0
    for _ in range(4):
        h = h + np.tanh(h @ U) + al.sigmoid(p * h) * al.sigmoid(q * h)
        loss = loss + np.sum(h**2) - 1
    return loss


RESIDUAL_BY_HAND = """
s, hs = lambda x: 1 / (1 + np.exp(-x)), [np.ones(3)]
for t in range(4):
    h = hs[-1]
    hs.append(h + np.tanh(h @ U) + s(p * h) * s(q * h))
dU, dp, dq, dn = 0 * U, 0 * p, 0 * q, 0
for t in (3, 2, 1, 0):
    h = hs[t]
    dh = 2 * hs[t + 1] + dn
    dz = dh * (1 - np.tanh(h @ U) ** 2)
    i, j = s(p * h), s(q * h)
    di, dj = dh * j * i * (1 - i), dh * i * j * (1 - j)
    dU += np.outer(h, dz); dp += di * h; dq += dj * h
    dn = dh + dz @ U.T + di * p + dj * q
"""


@pytest.mark.parametrize(
    ("right", "wrong", "title"),
    [
        ("dh = 2 * hs[t + 1] + dn", "dh = 2 * hs[t + 1]", "nothing comes back from the step after"),
        ("dn = dh + dz @ U.T + di * p + dj * q", "dn = dz @ U.T", "only that from"),
        ("dn = dh +", "dn = dz +", "is computed from the gradient at"),
    ],
)
def test_of_several_ways_back_to_a_state_one_may_be_wrong_or_all_but_one(right, wrong, title):
    assert title in said(residual, RESIDUAL_BY_HAND, RESIDUAL, right, wrong)
