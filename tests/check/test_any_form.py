"""Any form of any tensor in place of a derivative, an operand, or a difference."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check import diagnosis
from autograd_lite.check.mistakes.forms import FORMS, POOLED

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


ALIKE = ("np.sign({})", "({} > 0)", "np.abs({})", "relu({})", "({} != 0)")
"""Of positive numbers, these are 1, or the number."""


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ALIKE])
def test_each_form_in_place_of_a_derivative_is_named(form):
    text = form.replace("{}", "z")
    title = said(by_hand(slope=FORMS[form][1](Z)))
    assert (
        f"{text} stands in place of the derivative on the way back from h" in title
        or "' stands in place of arctan' at h" in title
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


def test_one_number_for_all_is_no_form():
    z = al.Tensor(rng.normal(size=(12, 5)))
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    s = al.Tensor(rng.uniform(1, 2, size=(12, 1)), requires_grad=True, name="s")
    row = al.compare(np.sum((e * s) ** 2), {"s": np.full((12, 1), -0.3)})["s"]
    assert not row.diagnosis.explained


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


def mixture():
    """Return a mixture's loss, the weights of its means, and by hand with any responsibilities."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=7)
    weights = {"G": rng.normal(size=(3, 4)), "M": rng.normal(size=(3, 4))}
    gates, means = (al.Tensor(w, requires_grad=True, name=n) for n, w in weights.items())
    z, mu = x @ gates, x @ means
    z.name, mu.name = "z", "mu"
    pi = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    density = np.exp(-0.5 * (y[:, None] - mu) ** 2)
    pi.name, density.name = "pi", "density"
    loss = -np.mean(np.log(np.sum(pi * density, axis=1)))
    priors, d = pi.numpy(), density.numpy()
    share = priors * d / (priors * d).sum(1, keepdims=True)

    def by_hand(of_means=share, of_gates=share):
        dmu = -of_means * (y[:, None] - mu.numpy()) / 7
        return {"G": x.T @ ((priors - of_gates) / 7), "M": x.T @ dmu}

    return loss, by_hand, priors, d, share


def test_what_stands_in_place_of_a_responsibility_has_its_name():
    loss, by_hand, priors, d, share = mixture()
    assert al.compare(loss, by_hand())
    largest = 1.0 * (share == share.max(1, keepdims=True))
    over_rows = priors * d / (priors * d).sum(0)
    for wrong, said in (
        ({"of_means": priors}, "pi stands in place of (pi * density) / its"),
        ({"of_means": largest}, "the mask of the largest (pi * density) along axis 1 stands"),
        ({"of_gates": over_rows}, "(pi * density) / its sum over axis 0"),
        ({"of_gates": d / d.sum(1, keepdims=True)}, "density / its sum over axis 1 stands"),
    ):
        (row,) = al.compare(loss, by_hand(**wrong)).failures
        assert said in str(row.diagnosis)


def test_a_value_that_is_given_for_a_gradient_on_one_edge_alone_has_its_name():
    rng = np.random.default_rng(0)
    goal, c, b = rng.normal(size=2), rng.normal(size=3), rng.normal(size=2)
    q = al.Tensor(rng.normal(size=3), requires_grad=True, name="q")
    weights = al.Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="W")
    h = np.tanh(c * q)
    u = h @ weights
    u.name = "u"
    loss = np.sum((u + al.Tensor(b, name="b") - goal) ** 2)
    right = al.grad(lambda q: np.sum((np.tanh(c * q) @ weights.numpy() + b - goal) ** 2))(q.numpy())
    result = al.compare(loss, {"q": right, "W": np.outer(h.numpy(), b)})
    assert "b is given for the gradient at u, in what comes back to W" in str(result["W"].diagnosis)


@pytest.mark.parametrize(("divisor", "said"), [("a", "np.sum(a)"), ("g", "np.sum(g)")])
def test_another_sum_in_a_quotient_has_its_name(divisor, said):
    rng = np.random.default_rng(0)
    x, sizes = rng.normal(size=(6, 3)), {n: rng.uniform(0.5, 1.5, size=6) for n in ("a", "g")}
    a, g = (al.Tensor(v, requires_grad=True, name=n) for n, v in sizes.items())
    w = a * g
    w.name = "w"
    loss = np.sum(((w @ x) / np.sum(w)) ** 2)
    w_, total = w.numpy(), w.numpy().sum()
    dmean = 2 * (w_ @ x) / total
    dw = x @ dmean / sizes[divisor].sum() - (w_ @ x) @ dmean / total**2
    result = al.compare(loss, {"a": dw * sizes["g"], "g": dw * sizes["a"]})
    titles = " ".join(str(row.diagnosis) for row in result.failures)
    assert f"{said} stands in place of np.sum(w)" in titles


def test_a_function_of_several_operations_has_one_derivative():
    x, w = rng.normal(size=(6, 3)), al.Tensor(rng.normal(size=(3, 4)), True, name="w")
    z = x @ w
    h = z / (1 + np.exp(-1.3 * z))
    z.name, h.name = "z", "h"
    s = 1 / (1 + np.exp(-1.3 * z.numpy()))
    title = str(
        al.compare(np.sum(h**3), {"w": x.T @ (3 * h.numpy() ** 2 * s * (1 - s))})["w"].diagnosis
    )
    assert title == "sigmoid'(-1.3 * z) stands in place of the derivative of h by z"
    u = 0.8 * (z + 0.2 * z**3)
    title = str(
        al.compare(
            np.sum(np.sin(u) * z), {"w": x.T @ (np.sin(u.numpy()) + np.cos(u.numpy()) * z.numpy())}
        )["w"].diagnosis
    )
    assert title == "the derivative of u by z is left out"


NEAR = (rng.uniform(size=(6, 6)) < 0.4) + 1.0 * np.eye(6)
NEAR = np.minimum(NEAR, 1) * rng.uniform(1, 2, size=(6, 1)) * rng.uniform(1, 2, size=6)
START = rng.normal(size=(6, 3))
HEAD, GOAL = rng.normal(size=(3, 3)), rng.normal(size=(6, 3))


def graph_network(w):
    h = np.tanh(NEAR @ START @ w)
    return np.sum(np.arctan(NEAR @ (h @ HEAD) - GOAL))


GRAPH_NETWORK = """
h = np.tanh(NEAR @ START @ w)
dz = 1 / (1 + (NEAR @ (h @ HEAD) - GOAL) ** 2)
dh = NEAR.T @ dz @ HEAD.T
dw = (NEAR @ START).T @ (dh * (1 - h**2))
"""

COUNTS = np.log(rng.integers(1, 9, size=(6, 3)))


def factors(w):
    e = START @ w - COUNTS
    return np.sum(NEAR[:, :3] * e**2)


FACTORS = """
e = START @ w - COUNTS
dw = START.T @ (2 * NEAR[:, :3] * e)
"""


def ratio(w):
    s = 1 + np.exp(START @ w)
    n = (2 + HEAD[0]) * START @ w / s
    return np.sum(np.arctan(n))


RATIO = """
s = 1 + np.exp(START @ w)
n = (2 + HEAD[0]) * START @ w / s
dn = 1 / (1 + n**2)
ds = -dn * ((2 + HEAD[0]) * START @ w) / s**2
dw = ((2 + HEAD[0]) * START).T @ (dn / s) + START.T @ (ds * (s - 1))
"""


def gated(w):
    return np.sum((np.maximum(START @ w, 0.1) * GOAL) ** 3) / 18


GATED = """
h = np.maximum(START @ w, 0.1)
dw = START.T @ (3 * (h * GOAL) ** 2 / 18 * GOAL * (START @ w > 0.1))
"""


@pytest.mark.parametrize(
    ("f", "by_hand", "right", "wrong", "title"),
    [
        (graph_network, GRAPH_NETWORK, "dh = NEAR.T", "dh = (NEAR != 0).T", "!= 0) is used in"),
        (graph_network, GRAPH_NETWORK, "NEAR.T @", "(NEAR != 0).T / (NEAR != 0).sum(1) @",
         "!= 0) / its sum over axis 1 is used in place of"),
        (factors, FACTORS, "- COUNTS", "- np.exp(COUNTS)", "- np.exp(COUNTS)) stands in place of"),
        (ratio, RATIO, "-dn * ((2 + HEAD[0]) * START @ w)", "-dn * (START @ w)",
         "(START @ w) is used in place of (the array"),
        (gated, GATED, "* GOAL * (", "* (h / START) * (", ") / START stands in place of"),
    ],
)  # fmt: skip
def test_arrays_made_otherwise_and_forms_of_two_tensors_are_named(f, by_hand, right, wrong, title):
    assert by_hand.count(right) == 1
    w = al.Tensor(HEAD + 0.1, requires_grad=True, name="w")
    made = {**globals(), "w": HEAD + 0.1}
    exec(by_hand, made)
    assert al.compare(f(w), {"w": made["dw"]})
    exec(by_hand.replace(right, wrong), made)
    result = al.compare(f(w), {"w": made["dw"]})
    assert title in str(result["w"].diagnosis)


def deep(w):
    h = np.tanh(START @ w)
    h.name = "h"
    return np.sum(np.arctan(np.tanh(h @ V2) @ HEAD) * GOAL), h


V2 = rng.normal(size=(3, 3))


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (lambda above, h: above * h, "* h is given for the gradient at START @ w"),
        (lambda above, h: above @ V2, "is given for the gradient at"),
        (lambda above, h: above / h, "/ h is given for the gradient at START @ w"),
    ],
)
def test_what_arrives_further_up_times_a_tensor_is_named(at, text):
    w = al.Tensor(HEAD, requires_grad=True, name="w")
    loss, h = deep(w)
    u = np.tanh(h.numpy() @ V2)
    above = GOAL / (1 + (u @ HEAD) ** 2) @ HEAD.T * (1 - u**2)
    right = START.T @ (above @ V2.T * (1 - h.numpy() ** 2))
    assert al.compare(loss, {w: right})
    wrong = START.T @ at(above, h.numpy())
    title = str(al.compare(loss, {w: wrong})["w"].diagnosis)
    assert text in title
    assert title.startswith("(the gradient at h @ ")


def test_the_value_of_a_tensor_with_a_long_name_is_given_for_its_gradient():
    a, b, w = (
        al.Tensor(x, requires_grad=True, name=n) for x, n in ((W, "a"), (W.T, "b"), (W, "w"))
    )
    h = np.tanh(np.tanh(X @ W) @ W.T)
    wrong = {w: h.T @ (h @ W)}
    row = al.compare(np.mean((np.tanh(np.tanh(X @ a) @ b) @ w - Y) ** 2), wrong)[w]
    title = "the value of np.tanh(np.tanh(…) @ b) @ w is given for the gradient at "
    assert row.diagnosis.title.startswith(title)


def test_an_operand_with_something_added_or_without_its_mask_is_named():
    rng = np.random.default_rng(8)
    x, c, s0, v0, w0 = (rng.normal(size=n) for n in ((4, 3), (4, 3), (4, 4), (4, 3), (3, 3)))
    s, v, w = (
        al.Tensor(a, requires_grad=True, name=k) for k, a in zip("svw", (s0, v0, w0), strict=True)
    )
    a = al.softmax(np.where(np.tril(np.ones((4, 4))) > 0, s, -1e9), axis=1)
    mixed = a @ v
    loss = np.sum(np.tanh(x + mixed @ w) * c)
    d = c / np.cosh(x + mixed.numpy() @ w0) ** 2
    dw = str(al.compare(loss, {"w": (x + mixed.numpy()).T @ d})["w"].diagnosis)
    assert dw.startswith("(mixed + x) is used in place of mixed on the way back")
    dv = al.softmax(s0, axis=1).T @ (d @ w0.T)
    found = str(al.compare(loss, {"v": dv})["v"].diagnosis)
    assert found.startswith("(a without its mask) is used in place of a on the way back")
