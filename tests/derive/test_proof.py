"""The articles' formulas, proved: as algebra, not at sample points."""

import sys
import time

import numpy as np
import pytest

import autograd_lite as al
from models import NETWORKS


def first_step(network):
    """Derive the gradients of a network's first step, under the article's names."""
    run_of = NETWORKS[network]()
    return al.derive(run_of.first_step(run_of.build(run_of.seed)), names={})


def test_one_weight_half_of_the_gradient_of_the_squared_error():
    w = al.Tensor(1.0, requires_grad=True, name="weight")
    pred = al.Tensor(5.0, name="input") * w
    delta = pred - al.Tensor(42.0, name="goal")
    delta.name = "delta"
    (proof,) = al.derive(delta**2, names={}).prove(weight="delta * input")
    assert not proof
    assert str(proof.ratio) == "1/2"
    assert str(proof) == "weight: by hand = 1/2 × gradient"
    (proof,) = al.derive(delta**2 / 2, names={}).prove(weight="delta * input")
    assert proof.equal


def test_one_weight_as_the_network_computes_it():
    (proof,) = first_step("one-weight").prove(w="(pred - goal) * input")
    assert proof.equal


def test_repeat_the_input_delta_is_the_gradient_divided_by_the_input():
    (proof,) = first_step("repeat-alpha").prove(w="pred - goal")
    assert str(proof.ratio) == "1/input_0_0"


@pytest.mark.parametrize("network", ["sigmoid-neuron", "sigmoid-neuron-2"])
def test_the_error_weighted_derivative(network):
    (proof,) = first_step(network).prove(w="-(X.T @ ((y - out) * out * (1 - out)))")
    assert proof.equal
    (proof,) = first_step(network).prove(w="-(X.T @ ((y - out) * out))")
    assert not proof
    assert proof.ratio is None
    assert proof.difference != 0


def test_the_slope_of_the_sigmoid_written_with_exponentials():
    slope = "np.exp(-z) / (1 + np.exp(-z)) ** 2"
    (proof,) = first_step("sigmoid-neuron").prove(w=f"X.T @ ((out - y) * {slope})")
    assert proof.equal


def test_the_deltas_of_the_eleven_lines():
    l2_delta = "(y - l2) * (l2 * (1 - l2))"
    proofs = first_step("two-layers").prove(
        syn1=f"-l1.T @ ({l2_delta})",
        syn0=f"-X.T @ ((({l2_delta}) @ syn1.T) * (l1 * (1 - l1)))",
    )
    assert all(proofs)


def test_the_nine_partial_derivatives_of_two_two_one():
    l_ypred = "-2 * (y_true[0] - y_pred[0])"
    f_o1 = "(y_pred[0] * (1 - y_pred[0]))"
    f_h1, f_h2 = "(h[0] * (1 - h[0]))", "(h[1] * (1 - h[1]))"
    to_h1 = f"{l_ypred} * (out_weight[0, 0] * {f_o1})"
    to_h2 = f"{l_ypred} * (out_weight[1, 0] * {f_o1})"
    proofs = first_step("two-two-one").prove(
        **{
            "hidden.weight": f"np.array([[{to_h1} * (x[0] * {f_h1}), {to_h2} * (x[0] * {f_h2})],"
            f"[{to_h1} * (x[1] * {f_h1}), {to_h2} * (x[1] * {f_h2})]])",
            "hidden.bias": f"np.array([{to_h1} * {f_h1}, {to_h2} * {f_h2}])",
            "out.weight": f"np.array([[{l_ypred} * (h[0] * {f_o1})],"
            f"[{l_ypred} * (h[1] * {f_o1})]])",
            "out.bias": f"np.array([{l_ypred} * {f_o1}])",
        }
    )
    assert [proof.name for proof in proofs if proof] == [
        "hidden.weight", "hidden.bias", "out.weight", "out.bias",
    ]  # fmt: skip


def test_a_mistake_in_one_entry_is_placed():
    derivation = first_step("two-layers")
    formula = "-l1.T @ ((y - l2) * (l2 * (1 - l2))) + np.array([[0], [0], [1], [0]])"
    (proof,) = derivation.prove(syn1=formula)
    assert (proof.equal, proof.where, str(proof.difference)) == (False, (2, 0), "1")


def test_mistakes_in_asking_for_a_proof_are_named():
    derivation = first_step("two-layers")
    with pytest.raises(
        KeyError, match="w9 is not among the gradients that can be derived: syn0, syn1, z1"
    ):
        derivation.prove(w9="1")
    with pytest.raises(NameError, match=r"'l9' is not defined.*Names that it may use: X, y"):
        derivation.prove(syn1="l9 * 2")
    with pytest.raises(SyntaxError, match=r"formula for syn1, '8\*\(', is not Python: '\(' was"):
        derivation.prove(syn1="8*(")
    with pytest.raises(ZeroDivisionError) as caught:
        derivation.prove(syn1="1/0")
    assert caught.value.__notes__ == ["This was the formula for syn1, '1/0', in prove."]
    with pytest.raises(ValueError, match=r"has shape \(3, 1\), the gradient \(4, 1\)"):
        derivation.prove(syn1="np.ones((3, 1))")


def test_it_is_no_test_at_sample_points():
    x = al.Tensor(np.float64(2.0), requires_grad=True, name="x")
    (proof,) = al.derive((x**2).sum(), names={}).prove(x="x ** 2")  # Equal at 2, not elsewhere.
    assert not proof


def test_a_function_of_arrays_is_proved_as_it_stands():
    derivation = first_step("two-layers")

    def by_hand(X, y, syn0, syn1):
        l1 = 1 / (1 + np.exp(-X.dot(syn0)))
        l2 = 1 / (1 + np.exp(-np.dot(l1, syn1)))
        l2_delta = (l2 - y) * l2 * (1 - l2)
        return {"syn1": l1.T @ l2_delta, "z1": l2_delta @ syn1.T * l1 * (1 - l1)}

    assert all(derivation.prove(by_hand))

    def without_slope(X, y, l1, l2):
        return {"syn1": np.einsum("ni,nj->ij", l1, l2 - y)}

    (proof,) = derivation.prove(without_slope)
    assert not proof
    with pytest.raises(KeyError, match="by_hand takes l9; there are X, y"):
        derivation.prove(lambda l9: {})


def test_equals_decides_on_one_formula():
    derivation = first_step("sigmoid-neuron")
    assert derivation.equals("X.T @ ((out - y) * out * (1 - out))")
    assert derivation.equals("X.T @ ((out - y) * out * (1 - out))", "w")
    assert not derivation.equals("X.T @ ((out - y) * out)")
    with pytest.raises(KeyError, match="equals needs the name of a gradient, got None"):
        first_step("two-layers").equals("1")


def test_deltas_of_inner_tensors_are_proved():
    proofs = first_step("two-layers").prove(
        z2="(l2 - y) * l2 * (1 - l2)", l1="((l2 - y) * l2 * (1 - l2)) @ syn1.T", l2="l2 - y"
    )
    assert [str(proof) for proof in proofs] == [
        f"{name}: proved, by hand = gradient" for name in ("z2", "l1", "l2")
    ]


def test_choices_and_means_are_proved():
    x = al.Tensor([[0.5, -1.0], [2.0, 0.3]], requires_grad=True, name="x")
    derivation = al.derive((al.relu(x) ** 2).mean() + np.abs(x).sum(), names={})
    assert derivation.equals("np.maximum(x, 0) / 2 + np.sign(x)")
    assert not derivation.equals("np.maximum(x, 0) / 2")


def test_numbers_refute_without_algebra():
    derivation = first_step("two-layers")
    twice, wrong = derivation.prove(
        syn1="2 * l1.T @ ((l2 - y) * l2 * (1 - l2))", z2="(l2 - y) * l2", time_limit=1e-3
    )
    assert str(twice) == "syn1: by hand = 2 × gradient"
    assert not wrong
    assert "by hand is" in wrong.reason


def test_what_takes_too_long_is_not_decided(monkeypatch):
    module = sys.modules["autograd_lite.derive.proof"]
    compare = module._compare

    def slowly(*args):
        for _ in range(10_000):
            time.sleep(0.001)
        return compare(*args)

    monkeypatch.setattr(module, "_compare", slowly)
    (proof,) = first_step("two-layers").prove(z2="(l2 - y) * l2 * (1 - l2)", time_limit=1e-6)
    assert not proof
    assert str(proof) == "z2: not decided in 1e-06 s; at sample points, by hand = gradient"


def test_a_gradient_that_was_derived_is_no_proof_of_itself():
    derivation = first_step("two-layers")
    with pytest.raises(ValueError, match="uses d_syn1, which is the gradient that was derived"):
        derivation.prove(syn1="d_syn1 + 0")


def test_largest_entries_and_labels_are_proved():
    labels = np.array([1, 0])

    def loss(W):
        z = W - np.max(W, axis=1, keepdims=True)
        p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
        return -np.sum(np.log(p[np.arange(2), labels]))

    def by_hand(W, labels):
        e = np.exp(W)
        return {"W": e / e.sum(axis=1, keepdims=True) - np.eye(2)[labels]}

    derivation = al.derive(loss, np.array([[0.3, -0.2], [0.1, 0.4]]))
    assert all(derivation.prove(by_hand))


def test_norms_choices_softmax_and_inverses_are_taken_as_algebra():
    rng = np.random.default_rng(2)
    u, v, a = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(2, 2))
    cosine = al.derive(lambda u, v: u @ v / (np.sqrt(u @ u) * np.sqrt(v @ v)), u, v, wrt=["u"])
    assert cosine.equals(
        "v / (np.linalg.norm(u) * np.linalg.norm(v))"
        " - (u @ v) * u / (np.linalg.norm(u)**3 * np.linalg.norm(v))"
    )
    clipped = al.derive(lambda u, v: np.minimum(np.maximum(u, 0), 1) @ v, u, v, wrt=["v"])
    assert clipped.equals("np.clip(u, 0, 1)")
    softmax = al.derive(lambda u, v: np.sum(al.softmax(u) * v), u, v, wrt=["v"])
    assert softmax.equals("np.exp(u) / np.sum(np.exp(u))")
    inverse = al.derive(lambda a, b: b @ np.linalg.inv(a) @ b, a + 3 * np.eye(2), u[:2], wrt=["b"])
    assert inverse.equals("(np.linalg.inv(a) + np.linalg.inv(a).T) @ b")


def test_a_formula_for_special_values_is_not_proved_and_that_is_said():
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    derivation = al.derive(lambda a, x: x @ a @ x, a, np.array([1.0, 2.0]), wrt=["x"])
    proof = derivation.equals("2 * a @ x")
    assert not proof
    assert "symmetric" in str(proof)
    assert derivation.equals("(a + a.T) @ x")
    both = al.derive(lambda a, x: x @ a @ x, a, np.array([1.0, 2.0]))
    assert "as long as a is symmetric" in str(both.equals("2 * a @ x", "x"))


def test_hyperbolic_functions_are_known_by_each_other():
    def loss(x, m, k):
        r = m * x + k
        return np.sum(np.log(np.cosh(r)))

    derivation = al.derive(loss, np.array([0.3, -0.7, 1.1]), 0.4, 0.2, wrt="m")
    assert derivation.prove(m="np.sum(np.tanh(r) * x)", time_limit=10)[0]


def test_a_ratio_says_what_a_value_without_a_name_stands_for():
    def loss(s, p, T):
        e = np.exp(s / T)
        return -np.sum(p * np.log(e / np.sum(e))) * T**2

    derivation = al.derive(loss, *np.random.default_rng(1).uniform(0.5, 1.0, (2, 3)), 0.7, wrt="s")
    q = "e / np.sum(e)"
    assert str(derivation.equals(f"({q}) * np.sum(p) - p")) == "s: by hand = 1/T × gradient"


def test_what_holds_for_labels_is_not_refuted():
    rng = np.random.default_rng(3)
    x, y, w = rng.normal(size=(4, 2)), np.array([0.0, 1.0, 1.0, 0.0]), rng.normal(size=2)

    def loss(x, y, w):
        return np.sum(np.logaddexp(0, -(2 * y - 1) * (x @ w)))

    derivation = al.derive(loss, x, y, w, wrt=["w"])
    proof = derivation.equals("x.T @ (1 / (1 + np.exp(-(x @ w))) - y)")
    assert str(proof).startswith(
        "w: by hand = gradient at sample points, as long as y has no entries but -1, 0 and 1; else "
    )
    assert "as long as" not in str(derivation.equals("x.T @ (1 / (1 + np.exp(-(x @ w))))"))


def test_what_holds_whatever_a_line_without_algebra_is_is_proved():
    def loss(K, y):
        return np.sum(np.log(np.diag(np.linalg.cholesky(K)))) + y @ y

    derivation = al.derive(loss, 2 * np.eye(2) + 0.5, np.ones(2), wrt=["y"])
    assert derivation.equals("2 * y")
    proof = derivation.equals("2 * y * np.linalg.cholesky(K)[0, 0] / np.sqrt(K[0, 0])")
    assert str(proof).startswith("y: not decided")


def test_a_position_computed_from_labels_keeps_them_whole():
    derivation = al.derive(lambda E, t: E[0, t[0]] * E[1, t[1]], np.eye(2) + 1, np.array([0, 1]))
    assert not derivation.equals("E")


def test_what_has_no_algebra_is_undecided():
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    derivation = al.derive(lambda a: np.sum(a * a), a, wrt=["a"])
    proof = derivation.equals("2 * a + 0 * np.linalg.eigvalsh(a @ a.T)[0]")
    assert not proof
    assert "not decided" in str(proof)


def test_values_at_which_a_matrix_has_no_inverse_decide_nothing():
    def f(w):
        return np.sum(np.linalg.solve(np.diag(np.floor(w) - 1), w))

    derivation = al.derive(f, np.array([3.0, 5.0]))
    proof = derivation.equals("1 / (np.floor(w) - 1)")
    said = "not decided; at sample points, by hand = gradient; at others, NumPy raises: Singular"
    assert said in str(proof)
    assert not derivation.equals("np.floor(w) - 1")


@pytest.mark.parametrize(
    ("f", "by_hand"),
    [
        (lambda x: np.sum(x[1:] * x[:-1]), "np.append(x[1:], 0) + np.append(0, x[:-1])"),
        (lambda x: np.sum(np.diff(x) ** 2), "-2 * np.diff(np.diff(x), prepend=0, append=0)"),
        (
            lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, 2).sum(1) ** 2),
            "2 * np.convolve(x[1:] + x[:-1], [1, 1])",
        ),
    ],
)
def test_what_is_added_to_slices_and_windows_is_proved(f, by_hand):
    derivation = al.derive(f, np.array([0.5, -1.2, 2.0, 0.7]))
    assert derivation.prove(x=by_hand)[0].equal
    assert not derivation.prove(x=f"{by_hand} + x")[0].equal


@pytest.mark.parametrize(
    ("f", "spellings", "wrong"),
    [
        (
            lambda x: np.sum(np.maximum(x, 0)),
            ["(x >= 0) * 1.0", "1 - (x < 0)", "(np.sign(x) + 1) / 2", "(x > 0).astype(float)",
             "np.heaviside(x, 0)", "1 - ~((x > 0) & (x > -1))"],
            "(x > -9) * 1.0",
        ),
        (lambda x: np.sum(np.abs(x)), ["x / np.abs(x)", "np.where(x > 0, 1, -1)"], "x"),
        (lambda x: np.sum(np.log(1 + np.exp(x))), ["(1 + np.tanh(x / 2)) / 2"], "np.tanh(x)"),
        (lambda x: np.std(x), ["(x - np.mean(x)) / (3 * np.std(x))"], "x / np.std(x)"),
    ],
)  # fmt: skip
def test_what_differs_at_a_kink_or_in_spelling_only_is_proved(f, spellings, wrong):
    derivation = al.derive(f, np.array([0.5, -1.2, 2.0]))
    assert [x for x in spellings if not derivation.prove(x=x)[0].equal] == []
    assert not derivation.prove(x=wrong)[0].equal


def test_algebra_refutes_nothing_that_no_sample_refutes():
    derivation = al.derive(lambda x: np.sum(np.exp(x)), np.array([0.5, -1.2]))
    assert "not decided by algebra; at sample points" in str(derivation.prove(x="np.e ** x")[0])
    squares = al.derive(lambda x: np.sum(x**2), np.array([0.5, -1.2]))
    assert squares.prove(x="2 * x + x * 1e-10")[0].difference is not None


def test_a_mask_that_a_function_makes_stays_what_it_is():
    def f(x, w):
        s = np.where(np.triu(np.ones((3, 3), dtype=bool), 1), -1e9, w * x)
        e = np.exp(s - np.max(s, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
        return np.sum(p * x)

    derivation = al.derive(f, np.arange(9.0).reshape(3, 3) / 10, 0.5, wrt="w")
    proof = derivation.prove(
        w="np.sum(p * x * (x - np.sum(p * x, axis=1, keepdims=True)))", time_limit=1
    )
    assert "as long as" not in str(proof[0])
