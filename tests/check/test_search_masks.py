"""Mistakes with masks, thresholds, windows, axes, and several terms at once, found by name."""

import numpy as np
import pytest

import autograd_lite as al

RELUS = {
    "bool": lambda z: z * (z > 0),
    "float": lambda z: z * (z > 0).astype(float),
    "where": lambda z: np.where(z > 0, z, 0),
    "maximum": lambda z: np.maximum(z, 0),
}

SLOPES = {
    "the mask at h is that of what arrives there, not of z": lambda z, g: g > 0,
    "the mask at h is reversed": lambda z, g: z < 0,
    "the derivative of the relu at h is left out": lambda z, g: np.ones_like(z),
    "the value of h stands in place of its mask": lambda z, g: z * (z > 0),
    "z is compared with a number from 0.2": lambda z, g: z > 0.3,
}


def title_of(loss, **by_hand):
    result = al.compare(loss, by_hand)
    assert not result
    return str(next(row for row in result if row.diagnosis).diagnosis)


@pytest.mark.parametrize("f", RELUS.values(), ids=RELUS)
@pytest.mark.parametrize("title", SLOPES)
def test_a_mask_is_called_alike_however_it_is_written(f, title):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    w = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="w")
    z = x @ w
    h = f(z)
    z.name, h.name = "z", "h"
    loss = np.mean((h - y) ** 2)
    at = z.numpy()
    g = 2 * (h.numpy() - y) / y.size
    slope = SLOPES[title](at, g)
    assert title_of(loss, w=x.T @ (g * slope)).startswith(title)


CHOICES = {
    "where": lambda e, a, d: np.where(a <= d, 0.5 * e**2, d * (a - 0.5 * d)),
    "minimum": lambda e, a, d: np.minimum(e, d) + 0.1 * e,
    "mask": lambda e, a, d: (a <= d) * np.sin(e),
}


@pytest.mark.parametrize("times", [0.0, 2.0])
@pytest.mark.parametrize("kind", CHOICES)
def test_another_threshold_is_told_with_what_it_may_be(kind, times):
    rng = np.random.default_rng(1)
    x, d = 2 * rng.normal(size=(30, 3)), 0.7
    w = al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    e = x @ w
    a = np.abs(e)
    e.name, a.name = "e", "a"
    loss = np.sum(CHOICES[kind](e, a, d))
    at, t = e.numpy(), times * d
    slope = {
        "where": np.where(np.abs(at) <= t, at, d * np.sign(at)),
        "minimum": (at < t) + 0.1,
        "mask": (np.abs(at) <= t) * np.cos(at),
    }[kind]
    title = title_of(loss, w=x.T @ slope)
    name = {"where": "a", "minimum": "e", "mask": "np.abs(e)"}[kind]
    if times:
        assert title.startswith(f"{name} is compared with ")
        assert ("2 * 0.7, or a number from" in title) == (kind != "mask")  # There it is unknown.
    else:
        assert "compared with 0" in title or "left out" in title or "goes back" in title or (
            "zero everywhere" in title
        )  # fmt: skip


def test_a_sign_in_a_short_type_is_a_sign():
    rng = np.random.default_rng(3)
    x, y = (rng.normal(size=(8, n)).astype(np.float32) for n in (4, 6))
    w = al.Tensor(rng.normal(size=(4, 6)).astype(np.float32), requires_grad=True, name="w")
    u = x @ w
    u.name = "u"
    loss = np.sum(np.where(u > 0, u, np.float32(0.1) * u) * y)
    slope = np.where(u.numpy() > 0, np.float32(1), np.float32(-0.1))
    title = title_of(loss, w=x.T @ (y * slope) * np.float32(1 + 3e-6))
    assert title == "what comes back to u from 0.1 * u has its sign flipped"


def test_a_threshold_is_likelier_than_rows_that_happen_to_follow_one_another():
    w = al.Tensor([1.0], requires_grad=True, name="w")
    m = np.linspace(-2, 3, 10)[:, None] @ w
    m.name = "m"
    title = title_of(np.mean(np.maximum(0, 1 - m)), m=-0.1 * (m.numpy() < 0))
    assert title.startswith("m is compared with 0, or a number from")


@pytest.mark.parametrize(("taken", "explained"), [(4, True), (5, False), (1, False)])
def test_no_threshold_lies_between_equal_numbers(taken, explained):
    rng = np.random.default_rng(1)
    s = al.Tensor([0.5, 0.5, 1.0, 1.9, 2.0, 2.0, 3.0], requires_grad=True, name="s")
    x, w = rng.normal(size=(7, 3)), al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    e = x @ w
    loss = np.sum(np.where(s < 1.5, s * e, 3 * e))
    title = title_of(loss, w=x.T @ np.where(np.arange(7) < taken, s.numpy(), 3.0))
    assert title.startswith("s is compared with") == explained
    assert title.startswith("unexplained") != explained


@pytest.mark.parametrize(("times", "says"), [(-1, "-d, or a number from"), (2, "2 * d, or a n")])
def test_a_threshold_with_a_name_has_its_sign(times, says):
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(30, 3)), al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    d = al.Tensor(-0.7, requires_grad=True, name="d")
    e = x @ w
    e.name = "e"
    loss = np.sum(np.where(e > d, np.sin(e), d * e))
    at = e.numpy()
    title = title_of(loss, w=x.T @ np.where(at > times * -0.7, np.cos(at), -0.7))
    assert title.startswith("e is compared with ")
    assert says in title


def test_a_threshold_may_be_anywhere_among_entries_that_add_nothing():
    rng = np.random.default_rng(1)
    x = np.array(rng.normal(size=(8, 3)))
    x[3:5] = 0
    s, w = np.arange(8.0), al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    s = al.Tensor(s, requires_grad=True, name="s")
    loss = np.sum(np.where(s < 5.5, (s + 1) * (x @ w), 9 * (x @ w)))
    title = title_of(loss, w=x.T @ np.where(np.arange(8) < 4, np.arange(1.0, 9.0), 9.0))
    assert "a number from 2 to 5 " in title


WINDOWS = {
    "the first entry of each window": lambda g, x: np.concatenate([g, 0 * g, 0 * g], axis=-1),
    "the largest entry of each window": lambda g, x: g * (x == x.max(-1, keepdims=True)),
}


@pytest.mark.parametrize("share", [1, 3])
@pytest.mark.parametrize("title", WINDOWS)
def test_of_a_mean_all_entries_of_a_window_count(title, share):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4, 2, 3))
    w = al.Tensor(rng.normal(size=(2, 3)), requires_grad=True, name="w")
    h = np.tanh(x * w)
    pool = h.mean(axis=-1)
    h.name, pool.name = "h", "pool"
    g = 2 * pool.numpy()[..., None] / share
    sent = WINDOWS[title](g, h.numpy()) * (1 - h.numpy() ** 2)
    said = title_of(np.sum(pool**2), w=(sent * x).sum(axis=0))
    gets = "gets its share of" if share == 3 else "gets"
    assert said.startswith(f"{'only ' * (share == 3)}{title} in h {gets} the gradient of pool")


def test_two_axes_of_one_length_are_exchanged_in_a_kernel_or_on_the_way():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(5, 2, 3, 3)), rng.normal(size=(5, 2, 3, 3))
    k = al.Tensor(rng.normal(size=(2, 3, 3)), requires_grad=True, name="k")
    h = np.tanh(x * k)
    h.name = "h"
    g = 2 * (h.numpy() - y)
    slope = x * (1 - h.numpy() ** 2)
    right = (g * slope).sum(axis=0)
    loss = np.sum((h - y) ** 2)
    assert title_of(loss, k=right.swapaxes(1, 2)) == (
        "axes 1 and 2 are exchanged: by hand = autodiff.swapaxes(1, 2)"
    )
    assert title_of(loss, k=(g.swapaxes(2, 3) * slope).sum(axis=0)) == (
        "axes 2 and 3 of the gradient at h are exchanged"
    )


@pytest.mark.parametrize(
    ("factor", "says"),
    [(-1.0, "have their signs flipped"), (0.1, "divided by 10 once too often")],
)
def test_both_regularisers_have_one_mistake(factor, says):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(10, 4)), rng.normal(size=10)
    w = al.Tensor(rng.normal(size=4), requires_grad=True, name="w")
    loss = np.mean((x @ w - y) ** 2) + 0.2 * np.sum(np.abs(w)) + 0.05 * np.sum(w**2)
    data = 2 * x.T @ (x @ w.numpy() - y) / 10
    both = 0.2 * np.sign(w.numpy()) + 0.1 * w.numpy()
    title = title_of(loss, w=data + factor * both)
    assert "np.abs(w)" in title
    assert "w ** 2" in title
    assert says in title


def test_a_weight_that_is_passed_back_with_its_regulariser_is_a_factor():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, 3))
    w, v = (al.Tensor(rng.normal(size=s), requires_grad=True, name=n)
            for s, n in (((3, 4), "w"), ((4, 2), "v")))  # fmt: skip
    h = np.tanh(x @ w)
    loss = np.sum((h @ v) ** 2) + 0.2 * np.sum(v**2)
    dh = 2 * (h.numpy() @ v.numpy()) @ (1.4 * v.numpy()).T
    title = title_of(loss, w=x.T @ (dh * (1 - h.numpy() ** 2)))
    assert "1 + 2 * 0.2" in title


def test_a_mask_is_forgotten_forwards_too():
    rng = np.random.default_rng(6)
    x, mask = rng.normal(size=(4, 3)), np.tri(4, 5, 1, dtype=bool)
    w = al.Tensor(rng.normal(size=(3, 5)), requires_grad=True, name="w")
    scores = x @ w
    scores.name = "scores"
    weights = rng.normal(size=(4, 5))
    loss = np.mean(np.sum(al.softmax(np.where(mask, scores, -1e9), axis=1) * weights, axis=1) ** 2)
    e = np.exp(scores.numpy())
    p = e / e.sum(axis=1, keepdims=True)
    g = (p * weights).sum(axis=1, keepdims=True) * weights / 2
    title = title_of(loss, w=x.T @ (p * (g - (p * g).sum(axis=1, keepdims=True))))
    assert title.endswith("mask is left out: scores is taken everywhere, forwards too")


@pytest.mark.parametrize("sign", [1, -1])
def test_the_derivative_of_the_hinge_is_told_in_a_logistic_loss(sign):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(40, 3)), np.where(rng.normal(size=40) > 0, sign, -sign)
    w = al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    m = y * (x @ w)
    dm = -1.0 * (m.numpy() < 1) / 40
    title = title_of(np.mean(np.log(1 + np.exp(-m))), w=x.T @ (dm * y))
    assert title.startswith("the derivative of the hinge, 1 where")


def test_the_value_of_a_loss_of_two_branches_for_its_derivative():
    rng = np.random.default_rng(8)
    x, d = rng.normal(size=(9, 3)), 0.7
    w = al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    e = x @ w
    e.name = "e"
    each = np.where(np.abs(e) <= d, 0.5 * e**2, d * (np.abs(e) - 0.5 * d))
    each.name = "each"
    title = title_of(np.mean(each), w=x.T @ each.numpy() / 9)
    assert title == "each stands in place of the derivative of each by e"


CLIPPED = {
    "the derivative of the clip": lambda r, c, a: a,
    "the factor a is missing": lambda r, c, a: 1.0 * (r * a <= c * a),
}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("said", CLIPPED)
def test_a_slip_with_the_smaller_of_two_has_its_name(said, whole):
    a = np.where(np.arange(12) % 3, 1.0, -1.0) * np.random.default_rng(2).uniform(0.5, 2, size=12)

    def loss(z, a, eps):
        r = np.exp(z)
        s = np.minimum(r * a, np.clip(r, 1 - eps, 1 + eps) * a)
        return -np.sum(s)

    def by_hand(z, a, eps):
        r = np.exp(z)
        return {"z": -CLIPPED[said](r, np.clip(r, 1 - eps, 1 + eps), a) * r}

    z = np.random.default_rng(3).normal(size=12)
    if whole:
        result = al.compare(loss, by_hand, {"z": z, "a": a, "eps": 0.2})
    else:
        tensor = al.Tensor(z, requires_grad=True, name="z")
        r = np.exp(tensor)
        s = np.minimum(r * a, np.clip(r, 0.8, 1.2) * a)
        s.name = "s"
        result = al.compare(-np.sum(s), by_hand(z, a, 0.2))
    assert said in str(result["z"].diagnosis)


def test_labels_may_be_the_other_way_round():
    rng = np.random.default_rng(0)
    one, two, same = (
        rng.normal(size=(6, 4)),
        rng.normal(size=(6, 4)),
        np.array([1.0, 0, 0, 1, 0, 1]),
    )
    w = al.Tensor(rng.normal(size=(4, 3)) * 0.4, requires_grad=True, name="w")

    def loss(w, same):
        d = np.sqrt(np.sum(((one - two) @ w) ** 2, axis=1))
        return np.mean(same * d**2 + (1 - same) * np.maximum(3 - d, 0) ** 2)

    title = title_of(loss(w, same), w=al.grad(loss)(w.numpy(), 1 - same))
    assert title == "same and 1 - same are exchanged"


def test_a_bias_that_is_left_out_is_likelier_than_a_threshold_that_moves_one_entry():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 3)), np.where(rng.uniform(size=10) > 0.5, 1.0, -1.0)
    w = al.Tensor(rng.normal(size=3), requires_grad=True, name="w")
    b = al.Tensor(0.1, requires_grad=True, name="b")
    margins = y * (x @ w + b)
    margins.name = "margins"
    g = -y * (y * (x @ w.numpy()) < 1) / 10
    title = title_of(np.mean(np.maximum(0, 1 - margins)), w=x.T @ g, b=g.sum())
    assert title.startswith("b is left out of x @ w + b, forwards too")


def test_one_of_two_rows_that_a_mask_lets_through_is_the_first_by_chance():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 6, 4)), rng.normal(size=(4, 3)) * 0.5
    b = al.Tensor(rng.normal(size=3), requires_grad=True, name="b")
    one, two, three = np.tanh(x @ w + b)
    two.name = "two"
    near, far = np.sum((one - two) ** 2, axis=1), np.sum((one - three) ** 2, axis=1)
    dtwo = 2 * (two - one).numpy() * (near.numpy() > far.numpy())[:, None]
    title = title_of(np.sum(np.maximum(near - far + 0.5, 0)), two=dtwo)
    assert title.endswith(", in place of … - … + 0.5")


@pytest.mark.parametrize("more", [0, 1])
def test_a_regulariser_is_added_for_each_entry_that_is_gone_over(more):
    rng = np.random.default_rng(0)
    ratings, seen = rng.normal(size=(5, 6)), np.arange(30).reshape(5, 6) % 7 % 3 % 2 * 1.0
    p, q = (
        al.Tensor(rng.normal(size=(k, 2)), requires_grad=True, name=x)
        for k, x in ((5, "p"), (6, "q"))
    )
    error = (p @ q.T - ratings) * seen
    loss = np.sum(error**2) + 0.1 * np.sum(p**2) + 0.1 * np.sum(q**2)
    dp = 2 * error.numpy() @ q.numpy() + 0.2 * p.numpy() * (seen.sum(1) + more)[:, None]
    title = title_of(loss, p=dp)
    assert title.endswith(
        "of the loss is added for each 1 in a row of seen" + ", and once more" * more
    )
