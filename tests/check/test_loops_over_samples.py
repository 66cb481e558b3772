"""Mistakes in a loop over samples are looked for in one computation of all of them."""

import re

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import autograd_lite as al
from autograd_lite.check.mistakes.batched import batched
from autograd_lite.check.mistakes.replay import Replay

rng = np.random.default_rng(5)
X, labels, targets = rng.normal(size=(8, 4)), rng.integers(0, 4, 8), rng.normal(size=8)
images = rng.normal(size=(3, 6, 6))


def parameters():
    draw = np.random.default_rng(6).normal
    return {"W": 0.7 * draw(size=(4, 4)), "w": 0.7 * draw(size=4), "K": 0.5 * draw(size=(3, 3)),
            "v": draw(size=16), "b": np.array(0.3)}  # fmt: skip


def hinge(p):
    loss = 0.0
    for i in range(len(X)):
        scores = X[i] @ p["W"]
        scores.name, correct = "scores", scores[labels[i]]
        correct.name = "correct"
        for j in range(4):
            if j != labels[i]:
                loss = loss + np.maximum(0, scores[j] - correct + 1)
    return loss / len(X)


def hinge_of_branches(p):
    loss = 0.0
    for i in range(len(X)):
        scores = X[i] @ p["W"]
        scores.name = "scores"
        for j in range(4):
            margin = scores[j] - scores[labels[i]] + 1
            if j != labels[i] and margin > 0:
                loss += margin
    return loss / len(X)


def cross_entropy(p):
    loss = 0.0
    for i in range(len(X)):
        f = X[i] @ p["W"]
        q = np.exp(f) / np.sum(np.exp(f))
        loss = loss - np.log(q[labels[i]])
    return loss / len(X)


def neurons(p):
    outputs = []
    for i in range(len(X)):
        z = np.dot(p["w"], X[i]) + p["b"]
        outputs.append(np.tanh(z))
    return np.mean((np.stack(outputs) - targets) ** 2)


def rows(p):
    joined = np.concatenate([np.tanh((x @ p["W"])[None]) for x in X])
    return np.sum(joined @ p["w"])


def convolution(p):
    loss = 0.0
    for s in range(len(images)):
        out = al.Tensor(np.zeros((4, 4)))
        for i in range(4):
            for j in range(4):
                out[i, j] = np.sum(images[s, i : i + 3, j : j + 3] * p["K"]) + p["b"]
        loss += (np.maximum(out, 0).reshape(-1) @ p["v"] - targets[s]) ** 2
    return loss / len(images)


CORNERS = (0, 0), (0, 2), (2, 0), (2, 2)


def pooling(p):
    rows = []
    for x in images[:2]:
        largest = []
        for i, j in CORNERS:
            out = [np.sum(x[i + k : i + k + 3, j + m : j + m + 3] * p["K"]) + p["b"] - 2
                   for k in (0, 1) for m in (0, 1)]  # fmt: skip
            largest.append(np.max(np.maximum(np.stack(out), 0)))
        rows.append(np.stack(largest))
    return np.sum(np.stack(rows) @ p["w"])


def embeddings(p):
    loss = 0.0
    for i in range(6):
        h = p["W"][labels[i]] + p["W"][labels[i + 1]] + p["W"][labels[i + 2]]
        loss = loss + (h @ p["w"] - targets[i]) ** 2
    return loss


def recorded(loss_of):
    given = {k: al.Tensor(v, requires_grad=True, name=k) for k, v in parameters().items()}
    return loss_of(given), given


@pytest.mark.parametrize(
    ("loss_of", "most"),
    [(hinge, 20), (hinge_of_branches, 16), (cross_entropy, 16), (neurons, 12), (convolution, 22),
     (embeddings, 12), (rows, 10), (pooling, 18)],
)  # fmt: skip
def test_it_has_the_gradients_of_the_loop_and_no_more_operations_than_a_step(loss_of, most):
    replay = Replay(al.Graph(recorded(loss_of)[0]))
    (whole,) = batched(replay)
    assert len(whole.graph) <= most < len(replay.graph)
    for node in replay.graph:
        if node.kind == "parameter":
            np.testing.assert_allclose(whole.gradients[node.id], replay.gradients[node.id])


def test_what_depends_on_the_step_before_is_no_such_loop():
    h = np.zeros(4)
    w = al.Tensor(parameters()["W"], requires_grad=True)
    for t in range(6):
        h = np.tanh(h @ w + X[t])
    assert not list(batched(Replay(al.Graph(np.sum(h)))))


def by_hand_of_hinge(*, margin=1, others=1.0, correct=-1.0, slope=lambda m: 1.0, label=None):
    d = np.zeros((4, 4))
    for i in range(len(X)):
        scores = X[i] @ parameters()["W"]
        for j in range(4):
            m = scores[j] - scores[labels[i]] + margin
            if j != labels[i] and m > 0:
                d[:, j] += others * slope(m) * X[i]
                d[:, labels[i] if label is None else label] += correct * slope(m) * X[i]
    return {"W": d / len(X)}


def by_hand_of_convolution(
    *, mask=lambda out: out > 0, v=None, error=np.subtract, mean=False, turned=False, image=None
):  # fmt: skip
    p = parameters()
    found = {"K": np.zeros((3, 3)), "b": 0.0, "v": np.zeros(16)}
    for s, x in enumerate(images):
        windows = sliding_window_view(x, (3, 3))
        used = windows if image is None else sliding_window_view(images[image], (3, 3))
        out = np.einsum("ijkl,kl->ij", windows, p["K"]) + p["b"]
        h = np.maximum(out, 0).reshape(-1)
        d = 2 * error(h @ p["v"], targets[s]) / len(images)
        found["v"] += d * h
        dout = (d * (p["v"] if v is None else v)).reshape(4, 4) * mask(out)
        dout = dout.T if turned else dout
        found["b"] += dout.mean() if mean else dout.sum()
        found["K"] += np.einsum("ij,ijkl->kl", dout, used)
    return found


def by_hand_of_pooling(*, chosen=np.argmax, mask=lambda out: out > 0):
    p = parameters()
    found = {"K": np.zeros((3, 3)), "b": 0.0}
    for x in images[:2]:
        windows = sliding_window_view(x, (3, 3))
        out = np.einsum("ijkl,kl->ij", windows, p["K"]) + p["b"] - 2
        for (i, j), g in zip(CORNERS, p["w"], strict=True):
            d, here = np.zeros((2, 2)), out[i : i + 2, j : j + 2]
            d.flat[chosen(np.maximum(here, 0))] = g
            d = d * mask(here)
            found["b"] += d.sum()
            found["K"] += np.einsum("ij,ijkl->kl", d, windows[i : i + 2, j : j + 2])
    return found


@pytest.mark.parametrize(
    ("loss_of", "by_hand", "said"),
    [
        (hinge, by_hand_of_hinge(correct=0), "from correct is left out"),
        (hinge, by_hand_of_hinge(others=0), r"from scores\[k\] is left out"),
        (hinge, by_hand_of_hinge(correct=1), "from correct has its sign flipped"),
        (hinge, by_hand_of_hinge(others=-1), r"from scores\[k\] has its sign flipped"),
        (hinge, by_hand_of_hinge(margin=0), r"is taken at scores\[k\] - correct, in place of"),
        (hinge, by_hand_of_hinge(slope=lambda m: m), "stands in place of its mask"),
        (
            hinge,
            by_hand_of_hinge(label=labels[0]),
            "the index of the first is used for all entries that correct picks",
        ),
        (hinge_of_branches, by_hand_of_hinge(others=-1), r"scores\[k\], 1 of 2 .*its sign flipped"),
        (hinge_of_branches, by_hand_of_hinge(slope=lambda m: m), "one too many"),
        (convolution, by_hand_of_convolution(mask=lambda out: out < 0), "the mask .* is reversed"),
        (convolution, by_hand_of_convolution(v=np.ones(16)), "the factor v is missing"),
        (convolution, by_hand_of_convolution(error=lambda p, t: p), "the target is missing"),
        (convolution, by_hand_of_convolution(mean=True), "averaged over the 16"),
        (convolution, by_hand_of_convolution(turned=True), "axes 1 and 2 .* are exchanged"),
        (convolution, by_hand_of_convolution(image=0), "always at the first place along axis 0"),
        (pooling, by_hand_of_pooling(chosen=lambda h: slice(None)), "every entry of each window"),
        (pooling, by_hand_of_pooling(mask=np.ones_like), "the derivative of the relu .* left out"),
    ],
)
def test_a_slip_in_it_is_named_as_that_of_all_samples(loss_of, by_hand, said):
    loss, given = recorded(loss_of)
    result = al.compare(loss, {given[k]: g for k, g in by_hand.items()})
    named = [str(row.diagnosis) for row in result if row.diagnosis]
    assert any(re.search(said, text) for text in named), result
