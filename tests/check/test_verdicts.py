"""Who is right where by hand and autodiff differ: verdicts, kinks, structures, oracles."""

import functools

import numpy as np
import pytest
from built import build

import autograd_lite as al
from autograd_lite.check.numerical import central_differences, swept_differences, taylor_order

# -------------------------------------------------------------------- forms of the hand side


def test_the_verdict_says_who_stands_alone():
    loss, _, right = build()
    assert al.compare(loss, {"w": 3 * right["w"]})["w"].alone == "by hand"
    assert al.compare(loss, right)["w"].alone is None

    rule = al.primitive(x=lambda g, y, x: g * 3 * x, analytic=True)

    def wrongly_squared(x):
        """Square, with a derivative that is wrong on purpose."""
        return x * x

    x = al.Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = rule(wrongly_squared)(x).sum()
    row = al.compare(loss, {"x": 2 * x.data})["x"]
    assert (row.alone, row.diagnosis) == ("autodiff", None)
    row = al.compare(loss, {"x": 3 * x.data}, numerical=True)["x"]
    assert (row.alone, row.verdict) == ("numerical", "both are wrong")
    assert row.orders[1] == pytest.approx(1, abs=0.05)


def test_the_taylor_remainder_is_of_order_two_for_the_right_gradient_only():
    loss, _, right = build()
    row = al.compare(loss, {"w": 1.001 * right["w"]})["w"]
    by_hand, by_autodiff = row.orders
    assert by_hand == pytest.approx(1, abs=0.1)
    assert by_autodiff == pytest.approx(2, abs=0.1)


def test_the_taylor_order_of_a_linear_function_is_infinite():
    assert taylor_order(np.sum, np.ones(3), np.ones(3), np.ones(3)) == np.inf
    assert taylor_order(np.sum, np.ones(3), np.zeros(3), np.ones(3)) == pytest.approx(1)
    assert np.isnan(taylor_order(lambda x: np.nan, np.ones(3), np.ones(3), np.ones(3)))


def test_the_step_sweep_copes_with_kinks_and_with_few_digits():
    x = np.array([0.0004, -1.0, 2.0])
    fixed = central_differences(lambda x: np.sum(np.abs(x)), x)
    swept = swept_differences(lambda x: np.sum(np.abs(x)), x)
    assert abs(fixed[0] - 1) > 0.1
    np.testing.assert_allclose(swept, [1, -1, 1], rtol=1e-8)

    def short(x):
        return np.sum(np.float32(np.sin(x)), dtype=np.float64)

    eps = float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(swept_differences(short, x, eps=eps), np.cos(x), rtol=1e-4)


@pytest.mark.parametrize(
    ("operation", "point", "autodiff", "by_hand"),
    [
        (lambda w: al.relu(w).sum(), [0.0, 2.0], [0.0, 1.0], [1.0, 1.0]),
        (lambda w: np.abs(w).sum(), [0.0, -3.0], [0.0, -1.0], [1.0, -1.0]),
        (np.max, [2.0, 2.0, 1.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]),
    ],
)
def test_at_a_kink_nobody_is_wrong(operation, point, autodiff, by_hand):
    w = al.Tensor(point, requires_grad=True, name="w")
    row = al.compare(operation(w), {"w": np.array(by_hand)})["w"]
    np.testing.assert_array_equal(row.autodiff, autodiff)
    assert row.verdict == "differ at a kink, where there is no derivative"
    wrong = np.array(by_hand)
    wrong[-1] += 0.5  # Where there is a derivative, a mistake is one.
    verdict = al.compare(operation(w), {"w": wrong})["w"].verdict
    assert verdict in ("by hand is wrong", "differ, undecided")


def test_a_mistake_beside_a_kink_is_a_mistake():
    x = al.Tensor([0.0, 1.0, -2.0, 3.0], requires_grad=True, name="x")
    loss = (np.abs(x) * np.array([1.0, 2.0, 3.0, 4.0])).sum()
    kink_only = al.compare(loss, {"x": [1.0, 2.0, -3.0, 4.0]})
    assert kink_only["x"].verdict == "differ at a kink, where there is no derivative"
    both = al.compare(loss, {"x": [1.0, 2.0, -3.0, 5.0]})
    assert both["x"].verdict == "by hand is wrong"
    autodiff_alone = al.compare(loss, {"x": [1.0, 2.0, 3.0, 4.0]})
    assert autodiff_alone["x"].verdict == "by hand is wrong"


def test_a_single_number_that_is_wrong_near_a_kink_is_named():
    scale = al.Tensor(0.5, requires_grad=True, name="scale")
    loss = np.maximum(scale * np.array([1.0, -2.0, 3.0]), 0).sum()
    assert al.compare(loss, {"scale": 4.0})
    assert al.compare(loss, {"scale": -4.0})["scale"].diagnosis.name == "sign flipped"


rng = np.random.default_rng(5)


def rotation():
    q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize(
    ("f", "by_hand", "inputs"),
    [
        (
            lambda x, y, w: -np.mean(np.sum(y * al.log_softmax(x @ w, axis=1), axis=1)),
            lambda x, y, w: {"w": x.T @ (al.softmax(x @ w, axis=1) - y) / len(x)},
            [rng.normal(size=(6, 4)), np.eye(3)[[0, 2, 1, 1, 0, 2]], rng.normal(size=(4, 3))],
        ),
        (
            lambda a, x: x @ a @ x,
            lambda a, x: {"x": 2 * a @ x},
            [np.array([[2.0, 0.5, -0.3], [0.5, 1.7, 0.1], [-0.3, 0.1, 0.9]]), np.ones(3) + 0.1],
        ),
        (
            lambda q, x: np.sum((q @ x) ** 2),
            lambda q, x: {"x": 2 * x},
            [np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.normal(size=4)],
        ),
        (
            lambda v: v[0] * np.exp(v[1]),
            lambda v: {"v": np.array([np.exp(v[1]), v[0] * np.exp(v[1])])},
            [np.array([0.3, 0.4])],
        ),
        (
            lambda x, w: np.sum((x @ w) ** 2) / 4,
            lambda x, w: {"w": 2 * x.T @ (x @ w) / len(x)},
            [rng.normal(size=(4, 3)), rng.normal(size=3)],
        ),
        (
            lambda q, g: g @ q / np.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2),
            lambda q, g: {"q": (g - q * (g @ q) / (q @ q)) / np.sqrt(q @ q)},
            [rng.normal(size=3), rng.normal(size=3)],
        ),
        (
            lambda q, x, y: np.sum((q @ x - y) ** 2),
            lambda q, x, y: {"x": 2 * (x - q.T @ y)},
            [np.linalg.qr(rng.normal(size=(5, 3)))[0], rng.normal(size=3), rng.normal(size=5)],
        ),
        (
            lambda p, x: np.sum((p @ x - 1) ** 2),
            lambda p, x: {"x": 2 * (x - 1)},
            [np.eye(4)[[2, 0, 3, 1]], rng.normal(size=4)],
        ),
        (
            lambda x, w: np.var(x @ w),
            lambda x, w: {"w": 2 * x.T @ x @ w / len(x)},
            [(lambda x: x - x.mean(axis=0))(rng.normal(size=(6, 3))), rng.normal(size=3)],
        ),
        (
            lambda y, t: np.sum((y[1:] + y[:-1]) / 2 * np.diff(t)),
            lambda y, t: {"y": (t[1] - t[0]) * np.r_[0.5, np.ones(len(y) - 2), 0.5]},
            [rng.normal(size=6), np.linspace(0, 2, 6)],
        ),
        (
            lambda x: np.sum(np.abs(np.diff(x))),
            lambda x: {"x": np.r_[-1.0, np.zeros(len(x) - 2), 1.0]},
            [np.sort(rng.normal(size=5))],
        ),
        (
            lambda x: np.sum(np.abs(x) ** 1.5),
            lambda x: {"x": 1.5 * np.sqrt(x)},
            [rng.uniform(0.5, 3, size=5)],
        ),
        (
            lambda a, x: x @ a @ x,
            lambda a, x: {"x": 0 * x},
            [(lambda a: a - a.T)(rng.normal(size=(4, 4))), rng.normal(size=4)],
        ),
        (
            lambda r, a, b: np.cross(r @ a, r @ b) @ b,
            lambda r, a, b: {"a": np.cross(b, r.T @ b)},
            [rotation(), rng.normal(size=3), rng.normal(size=3)],
        ),
        (
            lambda b, c: np.sum(b @ c + b.T @ c),
            lambda b, c: {"c": 2 * np.ones_like(c)},
            [(np.eye(3) + np.eye(3)[[1, 2, 0]] * 2) / 3, rng.normal(size=3)],
        ),
        (
            lambda a, h: np.sum(np.tanh(a @ h)),
            lambda a, h: {"h": a @ (1 - np.tanh(a @ h) ** 2)},
            [np.array([[0.0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]), np.ones(4)],
        ),
        (
            lambda s: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(s)))),
            np.linalg.inv,
            [np.array([[1.0, 0.99], [0.99, 1.0]])],
        ),
        (
            lambda x: np.mean((x - np.mean(x)) ** 2),
            lambda x: {"x": 2 * x / x.size - 2 * x.mean() / x.size},
            [np.float16(10) + np.random.default_rng(4).normal(size=(20, 5)).astype(np.float16)],
        ),
    ],
    ids=[
        "one-hot", "symmetric", "orthogonal", "fixed length", "size in the function",
        "entries by number", "orthonormal columns", "permutation", "centred columns", "even grid",
        "sorted", "positive", "skew", "rotation", "doubly stochastic", "adjacency", "definite",
        "few digits",
    ],
)  # fmt: skip
def test_what_is_right_for_its_structure_is_right(f, by_hand, inputs):
    assert al.compare(f, by_hand, inputs)


def test_a_mask_forgotten_where_all_units_are_on_is_found():
    x, w = np.abs(rng.normal(size=(4, 3))), np.abs(rng.normal(size=(3, 1)))
    row = al.compare(
        lambda x, w: np.mean(al.relu(x @ w) ** 2),
        lambda x, w: {"w": x.T @ (2 * (x @ w)) / len(x)},
        [x, w],
    )["w"]
    assert row.diagnosis.name == "values coincide"
    assert "other values of the same sizes" in row.diagnosis.title


@pytest.mark.parametrize(
    ("kinks", "passes", "verdict"),
    [("valid", True, "differ at a kink"), ("any", True, "agree"), ("strict", False, "differ")],
)
def test_what_counts_at_a_kink_can_be_chosen(kinks, passes, verdict):
    x = al.Tensor([0.0, 1.0, -2.0], requires_grad=True, name="x")
    result = al.compare(np.abs(x).sum(), {"x": [1.0, 1.0, -1.0]}, kinks=kinks)
    assert bool(result) is passes
    assert result["x"].verdict.startswith(verdict)
    outside = al.compare(np.abs(x).sum(), {"x": [3.0, 1.0, -1.0]})  # None of the derivatives.
    assert not outside
    with pytest.raises(ValueError, match="kinks is 'valid', 'any' or 'strict'"):
        al.compare(np.abs(x).sum(), {"x": [1.0, 1.0, -1.0]}, kinks="all")


def test_of_a_tie_not_every_entry_gets_all():
    x = al.Tensor([[1.0, 3, 3], [2, 0, 2]], requires_grad=True, name="x")
    loss = np.sum(np.max(x, axis=1) ** 2)
    row = al.compare(loss, {"x": [[0, 6.0, 6], [4, 0, 4]]})["x"]
    assert not row.ok
    assert row.diagnosis.title.startswith("where several entries are the largest, each of them")
    assert al.compare(loss, {"x": [[0, 6.0, 0], [0, 0, 4]]})


def test_a_tie_in_a_function_that_cannot_be_recorded_is_none():
    def pooled(x):
        return float(np.max(np.maximum(x, 0)))  # float() is not recorded.

    picks_the_first = [np.array([1.0, 0.0, 0.0])]
    assert al.compare(pooled, picks_the_first, [np.array([2.0, 2.0, -1.0])])


def test_autodiff_that_is_not_finite_is_said_first():
    w = al.Tensor(-800.0, requires_grad=True, name="w")
    with np.errstate(over="ignore", invalid="ignore"):
        row = al.compare(1 / (1 + np.exp(-w)), {"w": 0.0})["w"]
    assert row.diagnosis.name == "autodiff not finite"
    assert row.diagnosis.title.startswith("autodiff itself is not finite")


def test_a_symmetric_matrix_may_share_its_gradient_between_both_triangles():
    def largest(A):
        return np.linalg.eigh(A)[0][-1]

    def textbook(A):
        v = np.linalg.eigh(A)[1][:, -1]
        return {"A": np.outer(v, v)}

    matrix = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 3.0]])
    row = al.compare(largest, textbook, [matrix])["A"]
    assert (row.ok, row.verdict) == (True, "right for a symmetric matrix")
    assert not al.compare(largest, lambda A: {"A": 2 * textbook(A)["A"]}, [matrix])
    assert not al.compare(lambda A: np.sum(A[0] ** 2), lambda A: {"A": A + A.T}, [matrix])


def test_one_side_at_every_kink_is_right():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 3)), np.zeros((3, 4))  # Every unit is at its kink.

    def loss(w, v):
        return np.sum(np.maximum(x @ w, 0) @ v)

    def by_hand(w, v, on=np.greater_equal):
        z = x @ w
        return {"w": x.T @ (on(z, 0) * v), "v": np.maximum(z, 0).sum(axis=0)}

    v = rng.normal(size=4)
    row = al.compare(loss, by_hand, [w, v])["w"]
    assert (row.ok, row.verdict[:16]) == (True, "differ at a kink")
    assert al.compare(loss, functools.partial(by_hand, on=np.greater), [w, v])
    assert not al.compare(loss, by_hand, [w, v], kinks="strict")
    assert not al.compare(loss, lambda W, v: {"w": 2 * by_hand(w, v)["w"]}, [w, v])
