"""The search for a mistake: nothing that is tried ends a report, and nothing false is said."""

import dataclasses
import gc

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.mistakes import registry
from autograd_lite.check.mistakes.replay import Replay

RNG = np.random.default_rng(0)


def recorded(rows=5, columns=2):
    x = RNG.normal(size=(rows, 3))
    w = al.Tensor(RNG.normal(size=(3, columns)), requires_grad=True, name="w")
    return x, w, x @ w


MASKED = {
    "bool": lambda z: z * (z > 0),
    "int": lambda z: z * (z > 0).astype(int),
    "float32": lambda z: z * (z > 0).astype(np.float32),
    "two levels": lambda z: z * np.where(z > 0, 1.0, 0.1),
    "where": lambda z: np.where(z > 0, z, 0),
    "clip": lambda z: np.clip(z, -0.5, 0.5),
    "weights": lambda z: z * np.arange(1.0, 6.0)[:, None],
    "power": lambda z: (z > 0) * z**2,
}


@pytest.mark.parametrize("f", MASKED.values(), ids=MASKED)
def test_numbers_that_nothing_explains_are_searched_to_the_end(f):
    _, w, z = recorded()
    assert not al.compare(np.mean(f(z) ** 2), {"w": RNG.normal(size=w.shape)})


@pytest.mark.parametrize("delta", [0.7, np.array(0.7)])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_a_number_among_the_inputs_that_is_used_twice_is_no_loop(delta, scale):
    def huber(x, y, delta):
        a = np.abs(x - y)
        return np.mean(np.where(a <= delta, 0.5 * a**2, delta * (a - 0.5 * delta)))

    def by_hand(x, y, delta):
        return {"x": scale * np.clip(x - y, -delta, delta)}  # Not divided by 3.

    data = {"x": np.array([1.0, 2.0, 0.3]), "y": np.array([0.9, 0.0, -1.0]), "delta": delta}
    assert not al.compare(huber, by_hand, data)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("search", ["find", "find_more"])
def test_a_search_that_fails_does_not_end_the_report(monkeypatch, search, strict):
    def fails(case, target):
        yield registry.Candidate("never", 0.0, correct=lambda g: 1 / 0)
        raise KeyError("no such node")

    entry = registry.MISTAKES["another function"]
    replaced = dataclasses.replace(entry, **{search: fails})
    monkeypatch.setitem(registry.MISTAKES, "another function", replaced)
    monkeypatch.setattr(registry, "STRICT", strict)
    x, w, z = recorded()
    loss, wrong = np.sum(z**2), RNG.normal(size=w.shape)
    if strict:
        with pytest.raises((KeyError, ZeroDivisionError)):
            al.compare(loss, {"w": wrong})
    else:
        assert not al.compare(loss, {"w": wrong})
        right = al.compare(loss, {"w": x.T @ z.numpy()})["w"].diagnosis
        assert "2 of the square" in right.title


KINKS = {
    "where": (lambda z: np.where(z > 0, z, 0), 1.0, 0.0),
    "leaky": (lambda z: np.where(z > 0, z, 0.1 * z), 1.0, 0.1),
    "from above": (lambda z: np.where(z >= 0, z, 0.1 * z), 1.0, 0.1),
    "elu": (lambda z: np.where(z > 0, z, 0.5 * (np.exp(z) - 1)), 1.0, 0.5),
    "mask": (lambda z: z * (z > 0), 1.0, 0.0),
    "float mask": (lambda z: (z > 0).astype(float) * z, 1.0, 0.0),
    "lower bound": (lambda z: np.clip(z, 0, 5), 1.0, 0.0),
    "upper bound": (lambda z: np.clip(z, -5, 0), 0.0, 1.0),
    "hinge": (lambda z: np.where(1 - z < 1, z, 0), 1.0, 0.0),
    "maximum": (lambda z: np.maximum(z, 0), 1.0, 0.0),
    "abs": (lambda z: np.abs(z), 1.0, -1.0),
}


@pytest.mark.parametrize(("f", "above", "below"), KINKS.values(), ids=KINKS)
@pytest.mark.parametrize("inner", [False, True])
def test_either_side_of_a_kink_is_right(f, above, below, inner):
    x = np.array([[1.0, 2.0], [0.0, 0.0], [-1.0, 1.0]])
    start, weights = np.array([[1.0, -1.0], [0.5, 1.0]]), np.arange(1, 7).reshape(3, 2)
    w = al.Tensor(start, requires_grad=True, name="w")
    z = x @ w
    z.name = "z"
    loss = np.sum(f(z) * weights)
    at_w = z.numpy()
    slope = al.compare(loss, {"z": np.zeros((3, 2))}, diagnose=False)["z"].autodiff / weights
    for side in (above, below):
        dz = np.where(at_w == 0, side, slope) * weights
        by_hand = {"w": x.T @ dz} | ({"z": dz} if inner else {})
        assert al.compare(loss, by_hand)
        assert al.compare(loss, by_hand, kinks="any")
    wrong = np.where(at_w == 0, above, slope + (at_w > 0)) * weights
    assert not al.compare(loss, {"w": x.T @ wrong}, diagnose=False)


@pytest.mark.parametrize("zero", [True, False])
def test_a_mask_that_does_not_go_by_a_sign_has_no_other_side(zero):
    """Padding that is left in is a mistake, also where all the weights are still zero."""
    x, w, z = recorded()
    w = al.Tensor(w.numpy() * (not zero), requires_grad=True, name="w")
    mask = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [1, 1]], bool)
    z = np.where(mask, x @ w, 0)
    loss = np.sum(z * np.arange(10).reshape(5, 2))
    assert not al.compare(loss, {"w": x.T @ np.arange(10.0).reshape(5, 2)})


def test_where_autodiff_overflows_is_told_in_the_type_of_the_loss():
    w = al.Tensor(np.array([1.0, 2.0], np.float16), requires_grad=True, name="w")
    p = np.exp(-5 * w)
    row = al.compare(np.sum(np.log(p) * 10), {"w": [-50.0, -50.0]})["w"]
    assert row.autodiff[1] == -np.inf
    assert "it arises on the way back through np.log(p)" in row.diagnosis.title


def titles_of(loss, by_hand, **options):
    return {row.name: str(row.diagnosis) for row in al.compare(loss, by_hand, **options)}


def test_a_sign_that_several_rows_have_is_flipped_where_they_meet():
    x = RNG.normal(size=(6, 2))
    a, b = (al.Tensor(RNG.normal(size=2), requires_grad=True, name=n) for n in "ab")
    p = 1 / (1 + np.exp(-(x @ a))) + np.exp(x @ b)
    p.name = "p"
    loss = np.mean(-np.log(p) * (x[:, 0] > 0) + p**2)
    rows = al.compare(loss, {"a": np.zeros(2), "b": np.zeros(2)}, diagnose=False)
    of_log = np.mean(-np.log(p) * (x[:, 0] > 0))
    of_log.backward()
    by_hand = {n: rows[n].autodiff - 2 * t.grad.numpy() for n, t in (("a", a), ("b", b))}
    titles = titles_of(loss, by_hand).values()
    assert any("has its sign flipped" in title for title in titles)
    assert not any("log'" in title for title in titles)


@pytest.mark.parametrize(
    ("f", "slope", "text"),
    [
        (np.tanh, lambda h: h**2 - 1, "h ** 2 - 1"),
        (al.sigmoid, lambda h: h * (h - 1), "h * (h - 1)"),
    ],
)
def test_a_flipped_sign_at_an_activation_names_both_places(f, slope, text):
    x, _, z = recorded()
    h = f(z)
    h.name, z.name = "h", "z"
    weights = RNG.normal(size=h.shape)
    g = 2 * (h.numpy() * weights + z.numpy())
    title = titles_of(
        np.sum((h * weights + z) ** 2), {"w": x.T @ (g + g * weights * slope(h.numpy()))}
    )["w"]
    assert title in (
        "what comes back to z from h has its sign flipped",
        f"a sign is flipped at h: of what comes back to it, or as in {text}",
    )


@pytest.mark.parametrize("power", [2, 3])
def test_an_equation_is_true_of_the_numbers_it_is_printed_with(power):
    """A factor that one of two terms has twice is no factor of the sum."""
    _, w, z = recorded()
    loss = np.mean((z - 1) ** 2) + np.sum(w**power)
    right = al.compare(loss, {"w": np.zeros(w.shape)}, diagnose=False)["w"].autodiff
    slope = power * w.numpy() ** (power - 1)
    title = titles_of(loss, {"w": right - slope + slope * w.numpy()})["w"]
    assert "w" in title
    assert "by hand =" not in title


@pytest.mark.parametrize(("half", "rows"), [(True, False), (False, True), (False, False)])
def test_a_factor_that_another_divisor_gives_too_names_both(half, rows):
    x, _, z = recorded()
    total = np.mean(z**2) if rows else np.mean(np.sum(z**2, axis=1))
    right = 2 * x.T @ z.numpy() / (10 if rows else 5)
    title = titles_of(0.5 * total if half else total, {"w": right * (2 if rows else 0.5)
                                                       * (0.5 if half else 1)})["w"]  # fmt: skip
    assert ("divided by 5 where 10 belongs" if rows else "divided by 10 where 5") in title
    assert ("of the square" in title) == (not half and not rows)


def test_a_number_is_not_taken_for_one_after_an_update():
    def f(w, lam):
        return np.sum(np.sin(w)) + lam * np.sum(w**2)

    def by_hand(w, lam):
        return {"w": np.cos(w) + lam * w}  # Without the 2.

    title = str(al.compare(f, by_hand, [RNG.normal(size=4), 0.3])["w"].diagnosis)
    assert "update" not in title
    assert "2" in title


def test_a_sum_over_positions_that_is_averaged_says_over_how_many():
    x = RNG.normal(size=(3, 4, 5))
    k = al.Tensor(RNG.normal(size=2), requires_grad=True, name="k")
    z = np.tanh(x[..., None] * k)
    loss = np.mean(np.sum(z, axis=(1, 2)))
    right = al.compare(loss, {"k": np.zeros(2)}, diagnose=False)["k"].autodiff
    assert "averaged over 20 entries, 4 x 5" in titles_of(loss, {"k": right / 20})["k"]


def test_what_was_found_goes_with_the_pass_it_was_found_in():
    def passes():
        gc.collect()
        return sum(type(x) is Replay for x in gc.get_objects())

    before = passes()
    w, h = al.Tensor([[0.3, -0.2], [0.1, 0.4]], requires_grad=True, name="w"), np.ones(2)
    for _ in range(5):
        h = np.tanh(h @ w)
    assert not al.compare(np.sum(h**3), {"w": [[0.7, 0.1], [0.3, -0.9]]})
    del w, h
    assert passes() == before


def test_two_picks_of_one_tensor_are_told_apart():
    i, j = np.array([0, 1, 2, 4, 2]), np.array([3, 3, 1, 0, 2])
    u = al.Tensor(np.random.default_rng(0).normal(size=(5, 3)), requires_grad=True, name="u")
    v, hand = u.numpy(), np.zeros((5, 3))
    np.add.at(hand, i, (1 - np.tanh(v[i] * v[j]) ** 2) * v[j])
    (row,) = al.compare(np.sum(np.tanh(u[i] * u[j])), {"u": hand})
    assert row.diagnosis.title == "what comes back to u from u[[3, 3, …]] is left out"


def logistic_with_weights():
    x, y = RNG.normal(size=(9, 3)), (RNG.uniform(size=9) > 0.5) * 1.0
    weight, w = np.where(y > 0, 2.5, 1.0), al.Tensor(RNG.normal(size=3), True, name="w")
    z = x @ w
    p = 1 / (1 + np.exp(-z))
    p.name, z.name = "p", "z"
    loss = -np.sum(weight * (y * np.log(p) + (1 - y) * np.log(1 - p))) / np.sum(weight)
    c = weight / weight.sum()
    return loss, lambda d: {"w": x.T @ (c * d)}, p.numpy(), y, z.numpy()


def test_a_weighted_cross_entropy_is_prediction_minus_target():
    loss, by_hand, p, y, z = logistic_with_weights()
    assert al.compare(loss, by_hand(p - y))
    for wrong, title in {
        "z - y": "the prediction is taken before the sigmoid: z - y in place of p - y",
        "np.round(p) - y": "p is made 0 or 1 by a threshold before y is subtracted",
    }.items():
        delta = eval(wrong, {"p": p, "y": y, "z": z, "np": np})
        assert titles_of(loss, by_hand(delta))["w"] == title


def test_a_softmax_of_which_some_rows_do_not_count_is_prediction_minus_target():
    x, labels, counts = RNG.normal(size=(7, 4)), np.arange(7) % 3, np.array([1.0, 1, 0, 1, 0, 1, 0])
    w = al.Tensor(RNG.normal(size=(4, 3)), requires_grad=True, name="w")
    z = x @ w
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    p.name = "p"
    loss = -np.sum(counts * np.log(p[np.arange(7), labels])) / 4
    d = counts[:, None] * p.numpy() / 4
    expected = "the one-hot of the labels is not subtracted from p: the target is missing"
    assert titles_of(loss, {"w": x.T @ d})["w"] == expected


def test_a_half_that_is_missing_is_no_2_too_many():
    x = RNG.normal(size=(6, 3))
    w = al.Tensor(RNG.normal(size=(3, 2)), requires_grad=True, name="w")
    r = x[:, :2] + 0.5 * np.tanh(x @ w)
    title = titles_of(
        np.sum(r**3), {"w": x.T @ (3 * r.numpy() ** 2 * (1 - np.tanh(x @ w.data) ** 2))}
    )
    assert "the factor 0.5 is missing" in title["w"]
    c = al.Tensor(RNG.normal(size=3), requires_grad=True, name="c")
    title = titles_of(np.sum(c**2) + 0 * np.sum(r), {"c": 4 * c.data})
    assert "0.5" not in title["c"]


def test_another_divisor_is_not_that_of_a_corrected_variance():
    o = al.Tensor(RNG.normal(size=(3, 4, 5)), requires_grad=True, name="o")
    right = np.repeat(np.cos(o.data.mean(1))[:, None], 4, axis=1)
    title = titles_of(np.sum(np.sin(np.mean(o, axis=1))), {"o": right / 5})["o"]
    assert "divided by 5 where 4 belongs" in title
    assert "n - 1" not in title


def test_slices_that_are_equal_were_averaged_and_not_overwritten():
    o, b = RNG.normal(size=(3, 4, 2)), al.Tensor(RNG.normal(size=2), True, name="b")
    loss = np.sum(np.sin(np.mean(o + b, axis=1)))
    right = np.cos(o.mean(1) + b.data).sum(0)
    assert "overwritten" not in titles_of(loss, {"b": right / 4})["b"]


def test_the_slope_of_another_leaky_relu_and_a_sign_for_a_value():
    x, w = RNG.normal(size=(6, 3)), al.Tensor(RNG.normal(size=(3, 2)), True, name="w")
    z = x @ w
    slope = np.where(z.numpy() > 0, 1, 0.01)
    a = np.where(z > 0, z, 0.1 * z)
    title = titles_of(np.sum(a**3), {"w": x.T @ (3 * a.numpy() ** 2 * slope)})["w"]
    assert title == "0.01 stands in place of 0.1"
    z.name = "z"
    dist = np.sqrt(np.sum(z**2, axis=1))
    title = titles_of(np.sum(dist), {"w": x.T @ (np.sign(z.numpy()) / dist.numpy()[:, None])})["w"]
    says = "2 * np.sign(z) stands in place of the derivative on the way back from z ** 2 to z"
    assert title == says


@pytest.mark.parametrize(
    ("wrong", "title"),
    [
        ("a.T @ h", "a.T @ h is used in place of a @ h on the way back from (a @ h) @ v to v"),
        ("a @ z", "a @ z is used in place of a @ h on the way back from (a @ h) @ v to v"),
    ],
)
def test_a_tensor_inside_an_operand_is_named(wrong, title):
    a = al.Tensor(RNG.normal(size=(4, 4)), name="a")
    w, v = (al.Tensor(RNG.normal(size=s), True, name=n) for n, s in (("w", (3, 5)), ("v", (5, 2))))
    z = RNG.normal(size=(4, 3)) @ w
    h = np.tanh(z)
    z.name, h.name = "z", "h"
    out = a @ h @ v
    operand = eval(wrong, {"a": a.data, "h": h.numpy(), "z": z.numpy()})
    assert titles_of(np.sum(np.sin(out)), {"v": operand.T @ np.cos(out.numpy())})["v"] == title


def test_what_follows_from_a_wrong_gradient_by_another_choice_among_ties():
    x = np.array([[-1.0, -2.0, 3.0], [-1.0, -0.5, -2.0]])
    w = al.Tensor(np.ones((2, 1)), requires_grad=True, name="w")
    h = np.maximum(x * w, 0)
    top = np.max(h, axis=1)
    h.name, top.name = "h", "top"
    first = np.eye(3)[h.numpy().argmax(1)]
    d = np.array([1.0, 4.0])  # That of the second should be 2.
    titles = titles_of(np.sum(top * [1.0, 2.0]), {"top": d, "h": first * d[:, None]})
    assert titles["h"] == "follows from top"


def test_a_loop_that_picks_by_arrays_is_searched():
    rows = np.array([[0, 1, 3, 4], [1, 2, 4, 5], [2, 3, 5, 0], [3, 0, 0, 1]])
    w, v = (al.Tensor(RNG.normal(size=(6, 3)), True, name=n) for n in "wv")
    loss, dv = 0.0, 0.0
    for i in range(4):
        loss = loss + np.sum(np.tanh(v @ np.mean(w[rows[i]], axis=0)))
        h = w.data[rows[i]].mean(0)
        dv = dv + np.outer(np.tanh(v.data @ h), h)
    assert "stands in place of its derivative" in titles_of(loss, {"v": dv})["v"]


def test_numbers_that_were_drawn_as_the_search_draws_are_as_good_as_others():
    w = al.Tensor(np.random.default_rng(0).normal(size=(4, 3)), requires_grad=True, name="w")
    x = al.Tensor(np.random.default_rng(3).normal(size=(4, 3)), requires_grad=True, name="x")
    u = w / np.sqrt(np.sum(w * w))  # Nothing changes along w itself.
    loss = np.mean(np.tanh(u)) + np.sum((u - x) ** 2)
    (np.mean(np.tanh(u)) - np.sum((u - x) ** 2)).backward()
    result = al.compare(loss, {"w": w.grad.numpy(), "x": x.grad.numpy()})
    assert result["x"].diagnosis.title.startswith("the term np.sum((u - x) ** 2) of the loss has")
    assert result["w"].diagnosis.title == "the same mistake as in x"
