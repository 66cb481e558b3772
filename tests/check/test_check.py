"""compare says who is wrong, gradcheck rejects what is wrong; both are tried on wrong answers."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.check.numerical import central_differences, complex_step
from autograd_lite.check.oracle import MOST_ENTRIES


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.fixture
def network():
    """Return tensors and right gradients of a two-layer network, derived by hand."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(6, 3)), rng.random((6, 2))
    w0, w1 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    t0, t1 = (al.Tensor(w, True, name=n) for w, n in ((w0, "w0"), (w1, "w1")))
    z1 = al.Tensor(x) @ t0
    l1 = al.sigmoid(z1)
    z2 = l1 @ t1
    loss = al.mse(al.sigmoid(z2), y, reduction="half_sum")
    a1 = sigmoid(x @ w0)
    a2 = sigmoid(a1 @ w1)
    d2 = (a2 - y) * a2 * (1 - a2)
    d1 = (d2 @ w1.T) * a1 * (1 - a1)
    z1.name, z2.name = "z1", "z2"
    return loss, {"w0": x.T @ d1, "w1": a1.T @ d2, "z1": d1, "z2": d2}


def test_right_derivations_agree_for_parameters_and_inner_tensors(network):
    loss, by_hand = network
    result = al.compare(loss, by_hand)
    assert result
    assert len(result) == 4
    result.assert_ok()
    assert all(row.relative < 1e-12 and row.numerical is None for row in result)
    assert repr(result) == "<Comparison: 4 of 4 gradients agree.>"


def test_the_third_opinion_confirms_when_asked(network):
    loss, by_hand = network
    result = al.compare(loss, by_hand, numerical=True)
    assert result
    for row in result:
        assert row.oracle == "complex step"
        np.testing.assert_allclose(row.numerical, row.autodiff, rtol=1e-10)


def test_a_wrong_derivation_is_found_and_the_numbers_say_that_it_is_the_wrong_side(network):
    loss, by_hand = network
    by_hand["w1"] = by_hand["w1"].copy()
    by_hand["w1"][2, 1] += 1e-3
    result = al.compare(loss, by_hand)
    assert not result
    (row,) = result.failures
    assert (row.name, row.verdict, row.where) == ("w1", "by hand is wrong", (2, 1))
    assert row.largest == pytest.approx(1e-3)
    with pytest.raises(al.DisagreementError, match="3 of 4 gradients agree") as caught:
        result.assert_ok()
    assert "(2, 1)" in str(caught.value)


@pytest.mark.parametrize("factor", [0.5, 2.0, -1.0, 6.0])
def test_one_factor_for_all_entries_is_stated(network, factor):
    loss, by_hand = network
    row = al.compare(loss, {"w0": factor * by_hand["w0"]})["w0"]
    assert row.ratio == pytest.approx(factor)
    assert f"by hand = {factor:g} × autodiff" in row.finding


def test_a_wrong_rule_of_ours_is_told_from_a_wrong_derivation():
    wrong = al.primitive(x=lambda g, y, x: g * 3 * x, analytic=True)

    @wrong
    def badly_squared(x):
        """Square, with a derivative that is wrong on purpose."""
        return x * x

    x = al.Tensor([1.0, 2.0], requires_grad=True)
    row = al.compare(badly_squared(x).sum(), {"x": np.array([2.0, 4.0])})["x"]
    assert row.verdict == "autodiff is wrong"
    both = al.compare(badly_squared(x).sum(), {"x": np.array([3.0, 6.0])}, numerical=True)
    assert both["x"].verdict == "both are wrong"
    neither = al.compare(badly_squared(x).sum(), {"x": np.array([9.0, 9.0])})
    assert neither["x"].verdict == "differ, undecided"


def test_shapes_that_differ_are_stated_and_never_broadcast(network):
    loss, by_hand = network
    row = al.compare(loss, {"w0": by_hand["w0"].T})["w0"]
    assert row.finding == "shapes differ: (4, 3) by hand, (3, 4) by autodiff"
    assert not al.compare(loss, {"w0": 0.0})


def test_nan_and_inf_never_agree_with_a_number(network):
    loss, by_hand = network
    for bad in (np.nan, np.inf):
        hand = by_hand["w0"].copy()
        hand[0, 0] = bad
        assert al.compare(loss, {"w0": hand})["w0"].verdict == "by hand is wrong"


def test_kinks_are_left_to_central_differences():
    x = al.Tensor([-1.0, 2.0], requires_grad=True)
    row = al.compare(np.abs(x).sum(), {x: np.array([1.0, 1.0])}).rows[0]
    assert row.verdict == "by hand is wrong"
    assert row.oracle == "central differences"


def test_of_a_large_tensor_the_oracle_looks_where_the_two_differ_most():
    x = al.Tensor(np.linspace(-1, 1, 5000), requires_grad=True)
    hand = 2 * x.data
    hand[4321] += 0.5
    row = al.compare((x * x).sum(), {x: hand}).rows[0]
    assert row.verdict == "by hand is wrong"
    assert 4 <= np.count_nonzero(~np.isnan(row.numerical)) <= MOST_ENTRIES
    assert not np.isnan(row.numerical[4321])


def test_float32_is_held_to_float32():
    w = al.Tensor([0.1, 0.2], True, dtype=np.float32)
    loss = np.sum(np.exp(w) * w)
    hand = np.exp(w.data) * (1 + w.data)
    assert al.compare(loss, {w: hand}, numerical=True)
    assert not al.compare(loss, {w: 1.01 * hand})


def test_compare_leaves_gradients_alone(network):
    loss, by_hand = network
    al.compare(loss, by_hand)
    assert all(node.grad is None for node in al.Graph(loss))


def test_the_table_is_aligned(network):
    loss, by_hand = network
    lines = str(al.compare(loss, by_hand)).splitlines()
    assert lines[0].startswith("gradient of  shape")
    column = lines[0].index("verdict")
    assert all(line[column:] == "agree" for line in lines[2:])


def test_mistakes_in_calling_compare_are_named(network):
    loss, by_hand = network
    with pytest.raises(KeyError, match="'w9' is not in this graph"):
        al.compare(loss, {"w9": 1.0})
    with pytest.raises(TypeError, match="loss as a Tensor, got float"):
        al.compare(1.0, by_hand)
    with pytest.raises(ValueError, match="single entry"):
        al.compare(al.Tensor([1.0, 2.0], True) * 2, by_hand)
    with pytest.raises(ValueError, match="at least one gradient"):
        al.compare(loss, {})
    x = al.Tensor(2.0, name="x")
    with pytest.raises(ValueError, match=r"no gradient flows to x.*requires_grad=True"):
        al.compare(x * al.Tensor(1.0, True), {"x": 1.0})
    with pytest.raises(KeyError, match="No row 'w9'"):
        al.compare(loss, by_hand)["w9"]


# -------------------------------------------------------------------- numerical oracles


def test_the_numerical_oracles_have_the_accuracy_that_they_state():
    x = np.array([0.3, -1.7, 25.0])
    exact = np.cos(x) * np.exp(np.sin(x))

    def f(x):
        return np.sum(np.exp(np.sin(x)))

    np.testing.assert_allclose(complex_step(f, x), exact, rtol=1e-14)
    np.testing.assert_allclose(central_differences(f, x), exact, rtol=1e-8, atol=1e-10)
    some = central_differences(f, x, [(1,)])
    assert np.isnan(some[[0, 2]]).all()
    assert some[1] == pytest.approx(exact[1], rel=1e-9)


# -------------------------------------------------------------------- gradcheck


def program(x, w):
    return al.softmax(np.tanh(x @ w), axis=-1)


INPUTS = [np.random.default_rng(2).normal(size=s) for s in ((4, 3), (3, 5))]


def test_gradcheck_accepts_right_gradients_to_the_third_order():
    assert al.gradcheck(program, INPUTS)
    assert al.gradcheck(program, INPUTS, order=2, draws=1)
    assert al.gradcheck(lambda x: x**4 / np.exp(x), [1.5], order=3)
    assert al.gradcheck(np.sin, 1.0)
    assert al.gradcheck(program, [x.astype(np.float32) for x in INPUTS])


FAULTS = {
    "scaled": lambda g: 777 * g,
    "slightly scaled": lambda g: 1.001 * g,
    "negated": lambda g: -g,
    "zeroed": lambda g: 0 * g,
    "permuted": lambda g: g[..., ::-1],
    "one entry": lambda g: np.where(np.arange(g.size).reshape(g.shape) == 1, g + 0.01, g),
    "nan": lambda g: g * np.nan,
    "averaged": lambda g: g.mean(keepdims=True) + 0 * g,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_gradcheck_rejects_a_gradient_that_is(fault):
    def faulty(x):
        y = al.softmax(x)
        if y.requires_grad:
            y.register_hook(lambda g: None)
            x.register_hook(lambda g: FAULTS[fault](g))
        return y

    x = np.random.default_rng(3).normal(size=5)
    assert al.gradcheck(al.softmax, x)
    with pytest.raises(al.GradcheckError, match="first derivative by input 0"):
        al.gradcheck(faulty, x)
    assert not al.gradcheck(faulty, x, raise_exception=False)


def test_gradcheck_rejects_a_rule_whose_own_derivative_is_wrong():
    def constant_slope(x):
        y = x**3
        if x.requires_grad:
            y.register_hook(lambda g: None)
        return y.detach() + (x - x.detach()) * (3 * x.detach() ** 2)

    assert al.gradcheck(constant_slope, [1.3], order=1)
    with pytest.raises(al.GradcheckError, match="second derivative by input 0"):
        al.gradcheck(constant_slope, [1.3], order=2)


def test_gradcheck_says_where_and_by_how_much():
    def wrong(x):
        x.register_hook(lambda g: g * np.array([1.0, 1.0, 2.0])) if x.requires_grad else None
        return x * 3.0

    with pytest.raises(al.GradcheckError) as caught:
        al.gradcheck(wrong, [np.ones(3)])
    message = str(caught.value)
    assert "1 of 3 entries, worst at (2,)" in message
    assert "by the rules" in message
    assert "ratio 2" in message


def test_gradcheck_refuses_what_has_no_derivative_to_check():
    with pytest.raises(
        TypeError, match=r"gradcheck needs a function, got 3\. Write gradcheck\(f, "
    ):
        al.gradcheck(3, [1.0])
    rng = np.random.default_rng(0)
    with pytest.raises(al.GradcheckError, match="different values for equal inputs"):
        al.gradcheck(lambda x: x * rng.normal(), [1.0])

    def changing(x):
        if not x.requires_grad:
            x[0] = 5.0
        return x * 2.0

    with pytest.raises(al.GradcheckError, match="changed its input 0 in place"):
        al.gradcheck(changing, [np.ones(2)])
