"""Any form of any tensor in place of a derivative, an operand, or a difference."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check import diagnosis
from autograd_lite.check.mistakes.any_form import FORMS, POOLED

rng = np.random.default_rng(5)
X, Y, W = rng.normal(size=(7, 3)), rng.uniform(1, 2, size=(7, 4)), rng.normal(size=(3, 4))
V = rng.normal(size=4)
Z = np.abs(X @ W) + 0.1  # Of positive numbers, there is every form.


def loss(w, v):
    z = np.abs(X @ w) + 0.1
    z.name = "z"
    h = np.arctan(z)
    h.name = "h"
    return np.mean((h * v - Y) ** 2), z, h


def by_hand(slope=1 / (1 + Z**2), at=None, data=X, height=None):
    h = np.arctan(Z) if height is None else height
    d = 2 * (np.arctan(Z) * V - Y) / Y.size
    dz = d * V * slope if at is None else at
    return {"w": data.T @ (dz * np.sign(X @ W)), "v": (d * h).sum(axis=0)}


def said(hand):
    w, v = (al.Tensor(x, requires_grad=True, name=n) for x, n in ((W, "w"), (V, "v")))
    result = al.compare(loss(w, v)[0], {w: hand["w"], v: hand["v"]})
    assert not result
    (first, *more) = [row.diagnosis for row in result.failures]
    assert all(d.explained for d in (first, *more))
    return " | ".join([first.title, *(title for _, title in first.alternatives)])


def test_the_right_formulas_agree():
    w, v = (al.Tensor(x, requires_grad=True, name=n) for x, n in ((W, "w"), (V, "v")))
    al.compare(loss(w, v)[0], {w: by_hand()["w"], v: by_hand()["v"]}).assert_ok()


ALIKE = ("np.sign({})", "({} > 0)", "np.abs({})", "relu({})")
"""Of positive numbers, these are 1, or the number."""


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ALIKE])
def test_each_form_in_place_of_a_derivative_is_named(form):
    text = form.replace("{}", "z")
    title = said(by_hand(slope=FORMS[form][1](Z)))
    assert (
        f"{text} stands in place of the derivative on the way back from h" in title
        or "tanh' stands in place of arctan' at h" in title
    )


@pytest.mark.parametrize("words", POOLED)
def test_each_pooled_operand_is_named(words):
    pooled = POOLED[words][1](X, axis=0, keepdims=True)
    title = said(by_hand(data=np.broadcast_to(pooled, X.shape)))
    assert f"{words.format('X', 0)} is used in place of X on the way back from X @ w" in title


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ((np.exp(Z) - Y) / 28, "(exp(z) - Y) is given for the gradient at z"),
        ((np.tanh(Z) - Y) / 28, "(tanh(z) - Y) is given for the gradient at z"),
        (2 * (Z - Y) / 28, "1/14 * (z - Y) is given for the gradient at z"),
        (np.log(Z), "np.log(z) is given for the gradient at z"),
    ],
)
def test_the_difference_of_another_loss_is_named(at, text):
    assert text in said(by_hand(at=at))


def test_rows_of_a_gradient_that_are_shifted_are_named():
    assert "are shifted by one" in said(by_hand(height=np.roll(np.arctan(Z), 1, axis=0)))


def test_noise_is_no_form():
    noise = by_hand(slope=rng.normal(size=Z.shape))
    w, v = (al.Tensor(x, requires_grad=True, name=n) for x, n in ((W, "w"), (V, "v")))
    found = al.compare(loss(w, v)[0], {w: noise["w"], v: noise["v"]})["w"].diagnosis
    assert not found.explained


MASK = np.array([[1.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("seed", range(4))
def test_of_few_signs_no_other_tensor_is_taken_for_a_mask(seed):
    drawn = np.random.default_rng(seed)
    many = [al.Tensor(drawn.normal(size=(2, 2)), requires_grad=True, name=n) for n in "abcdefgh"]
    z = sum(many)
    z.name = "z"
    t = drawn.normal(size=(2, 2))
    loss = np.sum((np.arctan(z) - t) ** 2)
    row = al.compare(loss, {"a": 2 * (np.arctan(z.numpy()) - t) * MASK})["a"]
    assert not row.diagnosis.explained


def test_braces_in_a_name_are_part_of_it():
    w, v = (al.Tensor(x, requires_grad=True, name=n) for x, n in ((W, "w{1}"), (V, "v")))
    made, z, _ = loss(w, v)
    z.name = "z_{1}"
    title = str(al.compare(made, {w: by_hand(at=np.log(Z))["w"]}).failures[0].diagnosis)
    assert title == "np.log(z_{1}) is given for the gradient at z_{1}"


def test_a_search_ends_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(diagnosis, "BUDGET", 0.0)
    w, v = (al.Tensor(x, requires_grad=True, name=n) for x, n in ((W, "w"), (V, "v")))
    found = al.compare(loss(w, v)[0], {"w": by_hand(at=np.log(Z))["w"]})["w"].diagnosis
    assert not found.explained
    assert "the search was stopped" in found.how
