"""What rounding makes of gradients, by hand or by autodiff, is told from a mistake."""

import numpy as np
import pytest

import autograd_lite as al


def test_a_cast_to_fewer_digits_does_not_make_the_oracle_wrong():
    x = al.Tensor([0.3, 0.7], requires_grad=True, name="x")
    loss = np.sum(np.sin(x).astype(np.float32))
    result = al.compare(loss, {"x": np.cos(x.data)}, rtol=1e-6, numerical=True)
    assert result, str(result)


def test_entries_that_are_far_off_are_not_called_rounded():
    w = al.Tensor([1.0, 2.0, 1e6], requires_grad=True, name="w")
    row = al.compare((w**2).sum(), {"w": np.array([2.5, 3.0, 2e6])})["w"]
    assert "float32" not in row.finding


def in_half_precision(formula):
    rng = np.random.default_rng(3)
    x, y = (rng.normal(size=shape).astype(np.float16) for shape in ((16, 8), (16, 5)))
    start = (0.5 * rng.normal(size=(8, 5))).astype(np.float16)
    w = al.Tensor(start, requires_grad=True, name="w")
    loss = np.mean((np.tanh(x @ w) - y) ** 2)
    a = np.tanh(x @ start)
    delta = 2 * (a - y) / np.float16(y.size)
    return al.compare(loss, {"w": formula(x, a, delta)})


def by_rows(x, a, delta):
    found = np.zeros((8, 5), np.float16)
    for row, d in zip(x, delta * (1 - a**2), strict=True):
        found += np.outer(row, d)
    return found


def test_sixteen_bits_are_compared_to_their_digits():
    assert in_half_precision(by_rows)
    row = in_half_precision(lambda x, a, delta: x.T @ delta)["w"]
    assert "derivative of the tanh" in row.diagnosis.title
    row = in_half_precision(lambda x, a, delta: 4 * (x.T @ (delta * (1 - a**2))))["w"]
    assert row.diagnosis.title.startswith("by hand = 4 × autodiff")


def test_what_may_be_rounding_gets_no_name():
    rng = np.random.default_rng(0)
    v = al.Tensor(1000 + 1e-3 * rng.normal(size=50), requires_grad=True, name="v")
    x = v.numpy()
    loss = np.mean(v**2) - np.mean(v) ** 2  # Of 13 digits, 7 cancel.
    (row,) = al.compare(loss, {"v": 2 * (x - x.mean()) / 50}).rows
    assert row.ok
    assert row.diagnosis is None or row.diagnosis.name == "too near to tell"


def test_what_is_computed_from_a_float32_gradient_is_right_for_that_dtype():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(6, 3)), rng.normal(size=(3, 2))

    def loss(w, b):
        return np.sum(np.tanh(x @ w + b))

    def by_hand(w, b):
        d = (1 - np.tanh(x @ w + b) ** 2).astype(np.float32)
        return {"w": x.T @ d, "b": d.sum(axis=0)}

    result = al.compare(loss, by_hand, [w, np.zeros(2)])
    result.assert_ok()
    assert {row.verdict for row in result} == {"right for its dtype"}


@pytest.mark.parametrize(("factor", "passes"), [(1.0, True), (1 + 2e-4, False)])
def test_what_differs_by_the_rounding_of_a_saturated_sigmoid_is_right(factor, passes):
    z = np.linspace(-24, 24, 7)
    w = al.Tensor(np.ones(()), requires_grad=True, name="w")
    p = 1 / (1 + np.exp(-z * w))
    loss = -np.sum(np.log(1 - p))
    q = p.numpy()
    exact = np.sum(q * z)  # The digits that 1 - p has lost cancel here, and not in autodiff.
    result = al.compare(loss, {"w": np.array(exact * factor)})
    assert bool(result) == passes
    assert abs(result["w"].by_hand / result["w"].autodiff - factor) > 1e-9


@pytest.mark.parametrize(
    ("n", "k", "scale", "seed"), [(5, 2, 9, 12), (5, 2, 9, 95), (4, 1, 6, 3), (6, 3, 4, 49)]
)
def test_a_right_formula_is_not_accused_where_autodiff_has_no_digits_left(n, k, scale, seed):
    rng = np.random.default_rng(seed)
    x = np.hstack([np.ones((n, 1)), rng.normal(size=(n, k))])
    y = (rng.uniform(size=n) > 0.5) * 1.0
    w = scale * rng.normal(size=k + 1)

    def probability(w):
        return 1 / (1 + np.exp(-(x @ w)))

    def loss(w):
        p = probability(w)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    with np.errstate(all="ignore"):
        result = al.compare(loss, lambda w: {"w": x.T @ (probability(w) - y) / n}, [w])
    assert result["w"].verdict != "by hand is wrong"


@pytest.mark.parametrize("seed", [18, 27, 84])
def test_a_tie_is_a_kink_beside_what_has_few_digits(seed):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(6, 3)).astype("f4"), (6 * rng.normal(size=(3, 8))).astype("f4")
    a = np.maximum(x @ al.Tensor(w, requires_grad=True), 0)
    a.name, v = "a", rng.normal(size=4).astype("f4")
    y = (rng.uniform(size=6) > 0.5).astype("f4")
    p = 1 / (1 + np.exp(-(a.reshape(6, 4, 2).max(axis=2) @ v)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    g = ((p.numpy() - y) / np.float32(6))[:, None] * v
    first, da = a.numpy().reshape(6, 4, 2).argmax(2)[..., None], np.zeros((6, 4, 2))
    np.put_along_axis(da, first, g[..., None], 2)
    assert al.compare(loss, {"a": da.reshape(6, 8)})


@pytest.mark.parametrize("seed", [0, 5, 27, 61])
def test_autodiff_is_right_to_the_digits_that_a_saturated_sigmoid_has_left(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(7, 3)).astype("f4"), (rng.uniform(size=7) > 0.5).astype("f4")
    w = al.Tensor((4 * rng.normal(size=3)).astype("f4"), requires_grad=True, name="w")
    p = 1 / (1 + np.exp(-(x @ w)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    (row,) = al.compare(loss, {"w": x.T @ ((p.numpy() - y) / np.float32(7))})
    assert row.verdict == "right for its dtype"


def rounded_case():
    rng = np.random.default_rng(5)
    w, x = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name="w"), rng.normal(size=(5, 3))
    h = np.tanh(x @ w)
    h.name = "h"
    dh = 2 * h.numpy()
    return np.sum(h**2), dh, lambda g: x.T @ (g * (1 - h.numpy() ** 2))


@pytest.mark.parametrize("decimals", [2, 3, 4, 6, 8])
def test_a_rounded_gradient_agrees_to_its_digits_and_does_not_pass(decimals):
    loss, dh, dw = rounded_case()
    row = al.compare(loss, {"w": np.round(dw(dh), decimals)})["w"]
    assert row.finding == (
        f"agrees to the digits that are given, {decimals} decimals: give all of them to be certain"
    )
    assert not row.ok
    assert row.diagnosis is None
    short = np.round(dh, decimals)
    result = al.compare(loss, {"h": short, "w": dw(short)})
    assert [r.verdict for r in result] == ["agrees to the digits that are given"] * 2
    assert "follows from one that has" in result["w"].finding


@pytest.mark.parametrize("off", [1e-11, 1e-9, 1e-7])
def test_numerical_differences_agree_to_their_digits_and_do_not_pass(off):
    loss, dh, dw = rounded_case()
    right = dw(dh)
    noise = np.random.default_rng(5).uniform(-1, 1, right.shape) * off * np.abs(right).max()
    row = al.compare(loss, {"w": right + noise})["w"]
    if off > 1e-10:
        assert row.verdict == "agrees to the digits that are given"
        assert row.diagnosis is None
    assert row.ok == (off < 1e-10)
    one = right.copy()
    one[1, 2] *= 1 + off * 10
    assert "numerical" not in al.compare(loss, {"w": one})["w"].finding


@pytest.mark.parametrize(
    "hand",
    [
        lambda g: np.round(2 * g, 4),
        lambda g: np.round(g, 4) + np.eye(3, 4) * 1e-3,
        np.round,  # Whole numbers are near by chance.
        lambda g: np.zeros_like(g),
    ],
)
def test_a_wrong_gradient_that_is_rounded_stays_wrong(hand):
    loss, dh, dw = rounded_case()
    assert al.compare(loss, {"w": hand(dw(dh))})["w"].verdict == "by hand is wrong"


def confident(dtype, rule=1.0, margin=12, kind=float):
    """A classifier that is nearly certain, for which ``p - 1`` has few digits: loss, by hand."""

    @al.primitive(x=lambda g, y, x: rule * g)
    def passed(x):
        return 1 * x

    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(6, 4)).astype(dtype), rng.integers(0, 3, 6)
    w = al.Tensor(rng.normal(size=(4, 5)), requires_grad=True, dtype=dtype, name="w")
    v = al.Tensor(rng.normal(size=(5, 3)), requires_grad=True, dtype=dtype, name="v")
    h = al.relu(x @ w)
    z = passed(h @ v) + (margin * np.eye(3)[labels]).astype(dtype)
    p = np.exp(z.numpy().astype(kind))
    dz = (p / p.sum(axis=1, keepdims=True) - np.eye(3, dtype=kind)[labels]) / kind(6)
    dv, dw = h.numpy().T @ dz, x.T @ (dz @ v.numpy().T * (h.numpy() > 0))
    return al.nn.functional.cross_entropy(z, labels), {"v": dv, "w": dw}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_few_digits_of_autodiff_are_not_taken_for_a_wrong_rule(dtype):
    loss, by_hand = confident(dtype)
    result = al.compare(loss, by_hand)
    assert {row.verdict for row in result} == {"right for its dtype"}, result


def test_in_few_digits_a_mistake_is_still_wrong_and_so_is_a_rule():
    loss, by_hand = confident(np.float32)
    off = al.compare(loss, {"v": by_hand["v"] * [1, 2, 1], "w": by_hand["w"][::-1]})
    assert {row.verdict for row in off} == {"by hand is wrong"}, off
    loss, by_hand = confident(np.float32, rule=1.5)
    assert {row.verdict for row in al.compare(loss, by_hand)} == {"autodiff is wrong"}


def test_where_rounding_is_all_there_is_nobody_is_called_wrong():
    loss, by_hand = confident(np.float32, margin=18, kind=np.float32)
    result = al.compare(loss, by_hand)
    assert {row.verdict for row in result} == {"differ, undecided"}
    assert "too near to tell" in str(result["w"].diagnosis)
