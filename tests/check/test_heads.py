"""Slips at each of two heads, and at every step of a loop what one step has computed."""

import numpy as np
import pytest

import autograd_lite as al
from tests.check.test_search_masks import title_of

rng = np.random.default_rng(61)
X, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 6))
WEIGHTS = {name: rng.normal(size=(3, 6)) for name in ("Wq", "Wk", "Wv")}
HEADS = (slice(0, 3), slice(3, 6))
RIGHT = "att * (datt - np.sum(datt * att, axis=1, keepdims=True))"


def heads():
    w = {name: al.Tensor(x, requires_grad=True, name=name) for name, x in WEIGHTS.items()}
    q, k, v = (X @ x for x in w.values())
    out = []
    for s in HEADS:
        e = np.exp(q[:, s] @ k[:, s].T)
        att = e / np.sum(e, axis=1, keepdims=True)
        out.append(att @ v[:, s])
    e.name, att.name = "e", "att"
    return np.sum((np.concatenate(out, axis=1) - Y) ** 2)


def by_hand(softmax, which=lambda h: h):
    q, k, v = (X @ x for x in WEIGHTS.values())
    scores = [q[:, s] @ k[:, s].T for s in HEADS]
    atts = [np.exp(s) / np.exp(s).sum(1, keepdims=True) for s in scores]
    dout = 2 * (np.hstack([att @ v[:, s] for att, s in zip(atts, HEADS, strict=True)]) - Y)
    dq, dk, dv = (np.zeros_like(x) for x in (q, k, v))
    for h, s in enumerate(HEADS):
        att = atts[which(h)]
        datt = dout[:, s] @ v[:, s].T
        dv[:, s] = att.T @ dout[:, s]
        ds = eval(softmax, {"np": np, "att": att, "datt": datt})
        dq[:, s], dk[:, s] = ds @ k[:, s], ds.T @ q[:, s]
    return {"Wq": X.T @ dq, "Wk": X.T @ dk, "Wv": X.T @ dv}


@pytest.mark.parametrize(("h", "word"), [(0, "first"), (-1, "last")])
def test_one_head_is_used_for_all(h, word):
    rows = al.compare(heads(), by_hand(RIGHT, lambda _: h)).failures
    title = next(t for row in rows if "same mistake" not in (t := str(row.diagnosis)))
    assert title == f"at every step, att_t is that of the {word} step"


def test_two_heads_are_right():
    assert al.compare(heads(), by_hand(RIGHT))


def test_the_softmax_of_every_head_has_terms_between_the_entries():
    rows = al.compare(heads(), by_hand("att * datt")).failures
    title = next(t for row in rows if "same mistake" not in (t := str(row.diagnosis)))
    assert title.startswith("at every step, the derivative of the softmax at att_t is not att_t")


def test_a_slope_is_that_of_the_last_step():
    w = al.Tensor(rng.normal(size=(3, 3)) / 2, requires_grad=True, name="w")
    h, states = X, [X]
    for _ in range(4):
        h = np.tanh(h @ w)
        states.append(h.numpy())
    h.name = "h"
    d, dw = np.ones((4, 3)), np.zeros((3, 3))
    for before in states[-2::-1]:
        d = d * (1 - states[-1] ** 2)
        dw, d = dw + before.T @ d, d @ w.numpy().T
    title = title_of(np.sum(h), w=dw)
    assert title == "at every step, tanh' is computed from h_t of the last step"
