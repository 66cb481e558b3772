"""Derivations: what is printed runs, agrees with autodiff, and reads as a person would write it."""

import cProfile
import inspect
import pstats
import re
import traceback

import numpy as np
import pytest
from oracles import cases, over
from printed_code import assert_runs

import autograd_lite as al
from autograd_lite.functional.nests import leaves_of


def network(seed=1):
    """Return the two-layer network of the README and its tensors, in the article's names."""
    rng = np.random.default_rng(seed)
    x = al.Tensor([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float, name="X")
    y = al.Tensor([[0], [1], [1], [0]], dtype=float, name="y")
    syn0 = al.Tensor(rng.uniform(-1, 1, (3, 4)), requires_grad=True, name="syn0")
    syn1 = al.Tensor(rng.uniform(-1, 1, (4, 1)), requires_grad=True, name="syn1")
    l1 = al.sigmoid(x @ syn0)
    l2 = al.sigmoid(l1 @ syn1)
    l1.name, l2.name = "l1", "l2"
    return al.mse(l2, y, reduction="half_sum")


TWO_LAYERS = """\
def loss_and_gradients(X, y, syn0, syn1):
    # forward
    l1 = 1 / (1 + np.exp(-(X @ syn0)))                # (4, 4)
    l2 = 1 / (1 + np.exp(-(l1 @ syn1)))               # (4, 1)
    loss = 0.5 * np.sum((l2 - y) ** 2)                # ()
    # backward
    l2_delta = (l2 - y) * (l2 * (1 - l2))             # (4, 1), at l1 @ syn1
    l1_delta = (l2_delta @ syn1.T) * (l1 * (1 - l1))  # (4, 4), at X @ syn0
    d_syn1 = l1.T @ l2_delta                          # (4, 1)
    d_syn0 = X.T @ l1_delta                           # (3, 4)
    return loss, {"syn0": d_syn0, "syn1": d_syn1}"""


def test_the_articles_own_delta_lines_come_out():
    assert str(al.derive(network())) == TWO_LAYERS


def test_the_formulas_are_the_same_steps_in_latex():
    steps = al.derive(network()).latex.splitlines()[1:-1]
    assert steps[0] == r"l_{1} &= \sigma\left(X \mathrm{syn}_{0}\right) \\"
    assert steps[3].startswith(r"\delta_{l_{2}} &= \left(l_{2} - y\right) \odot")
    assert steps[-1] == (r"\frac{\partial L}{\partial \mathrm{syn}_{0}} &= {X}^\top \delta_{l_{1}}")
    assert al.derive(network())._repr_latex_().startswith("$$\n\\begin{aligned}")


@over(cases())
def test_the_derivation_of_every_operation_runs_and_agrees_with_autodiff(case):
    for weighted in (True, False):
        operands = [
            al.Tensor(x, requires_grad=i in case.differentiable, name=f"x{i}")
            for i, x in enumerate(case.operands())
        ]
        y = case.entry(*operands, **case.parameters)
        # Ones arrive at the result of a plain sum: what is one number may be written as an array.
        weights = np.random.default_rng(0).normal(size=y.shape) if weighted else 1.0
        loss = (y * weights).sum()
        loss = np.real(loss) if loss.dtype.kind == "c" else loss
        derivation = al.derive(loss)
        loss.backward()
        gradients = {name: operands[int(name[1:])].grad.numpy() for name in derivation.gradients}
        assert_runs(derivation, gradients, close=1e-11)


def test_one_number_stands_for_an_array_only_where_that_makes_no_difference():
    w = al.Tensor(np.eye(2) + 1, requires_grad=True, name="w")
    h = np.tanh(w)
    h[0] = h[0] * 2
    for loss, line in [
        ((w @ w).sum(), "d_w = np.ones((n, n)) @ w.T + w.T @ np.ones((n, n))"),
        (np.linalg.inv(w).mean(), "d_w = -((v1.T @ np.full((2, 2), 1 / 4)) @ v1.T)"),
        (np.concatenate([w, w]).mean(), "d_w = np.full((2, 2), 0.25)"),
        ((w * 2.5 + h).sum(), None),
    ]:
        derivation = al.derive(loss)
        assert line is None or line in str(derivation)
        w.zero_grad()
        loss.backward()
        np.testing.assert_allclose(derivation.function(w.numpy())[1]["w"], w.grad, rtol=1e-13)
    assert "∂L/∂w = 𝟏 wᵀ + wᵀ 𝟏" in al.derive((w @ w).sum()).text


def test_the_function_computes_anew_for_other_numbers():
    derivation = al.derive(network(1))
    loss = network(2)
    graph = al.Graph(loss)
    arguments = {name: graph.find(name).value for name in derivation.arguments}
    value, gradients = derivation.function(**arguments)
    assert value == pytest.approx(loss.item(), rel=1e-15)
    loss.backward()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, graph.find(name).tensor.grad, rtol=1e-13)


def test_tracebacks_show_the_derived_line():
    derivation = al.derive(network())
    wrong = dict(derivation.arguments, syn1=np.full((4, 1), None))
    with pytest.raises(TypeError) as caught:
        derivation.function(**wrong)
    shown = "".join(traceback.format_exception(caught.value))
    assert "l2 = 1 / (1 + np.exp(-(l1 @ syn1)))" in shown


def test_the_function_refuses_other_sizes_which_stand_in_it_as_numbers():
    derivation = al.derive(network())
    with pytest.raises(ValueError, match=r"is for y of shape \(2, 1\), got \(4, 1\)"):
        derivation.function(**dict(derivation.arguments, X=np.ones((2, 3))))
    with pytest.raises(ValueError, match=r"is for X of shape \(4, 3\), got \(4, 2\)"):
        derivation.function(**dict(derivation.arguments, X=np.ones((4, 2))))


def test_tensors_of_one_name_are_told_apart():
    a, b = (al.Tensor(value, requires_grad=True, name="w") for value in (1.0, 2.0))
    assert al.derive(a * b * b, names={}).evaluate() == {"w": 4.0, "w_2": 4.0}


def test_bare_arrays_have_the_names_of_the_callers_arrays():
    inputs, targets = np.arange(6.0).reshape(2, 3), np.ones((2, 1))
    w = al.Tensor(np.ones((3, 1)), requires_grad=True)
    derivation = al.derive(al.mse(inputs @ w, targets))
    assert list(derivation.arguments) == ["inputs", "targets", "w"]


def test_what_is_written_is_simplified():
    x = al.Tensor([1.0, 2.0], requires_grad=True, name="x")
    for loss, line in [
        ((x * 1.0).sum(), "d_x = np.ones(n)"),
        ((-(x * -1.0)).sum(), "d_x = np.ones(n)"),
        ((3.0 * (2.0 * x)).sum(), "d_x = np.full(n, 6.0)"),
        ((x * x).sum(), "d_x = 2 * x"),
        ((x**2).sum(), "d_x = 2 * x"),
        ((x**3).mean(), "d_x = 3 / n * x ** 2"),
        ((5.0 - x).sum(), "d_x = np.full(n, -1.0)"),
        ((x - al.Tensor([1.0, 1.5], name="y")).sum(), "d_x = np.ones(n)"),
    ]:
        assert line in [shown.strip() for shown in re.split(r"\n|#", str(al.derive(loss)))]


def test_a_bias_is_summed_over_the_batch_along_one_axis():
    x = al.Tensor(np.ones((5, 2)), name="X")
    w = al.Tensor(np.ones((2, 3)), requires_grad=True, name="W")
    b = al.Tensor(np.zeros(3), requires_grad=True, name="b")
    z = x @ w + b
    z.name = "z"
    code = str(al.derive((z * z).mean(), names={}))
    assert "d_b = np.sum(z_delta, axis=0)" in code
    assert "d_W = X.T @ z_delta" in code


def test_a_piecewise_rule_is_written_with_its_condition_not_with_its_values():
    x = al.Tensor([-1.0, 2.0], requires_grad=True, name="x")
    derivation = al.derive(al.relu(x).sum())
    assert "d_x = 1.0 * (x > 0)" in str(derivation)
    assert derivation.text.endswith("∂L/∂x = [x > 0]")
    _, gradients = derivation.function(x=np.array([3.0, -3.0]))
    np.testing.assert_array_equal(gradients["x"], [1.0, 0.0])


def test_matrices_are_written_as_in_a_textbook():
    w = al.Tensor(np.eye(3) + 0.1, requires_grad=True, name="w")
    for loss, text in [
        (np.linalg.det(w), "loss = det(w)\n∂L/∂w = loss (w⁻¹)ᵀ"),
        (np.trace(w @ w.T), "loss = tr(w wᵀ)\n∂L/∂w = 2 w"),
        (np.trace(w), "loss = tr(w)\n∂L/∂w = I"),
        (np.linalg.norm(w), "loss = ‖w‖\n∂L/∂w = w / loss"),
        (np.einsum("ij,ij->", w, w), "loss = einsum('ij,ij->', w, w)\n"
                                     "∂L/∂w = 2 einsum(',ij->ij', 1, w)"),
    ]:  # fmt: skip
        assert al.derive(loss, names={}).text == text


def test_what_is_true_or_false_has_no_sign_and_is_not_subtracted():
    x = al.Tensor([-1.0, 2.0, 3.0], requires_grad=True, name="x")
    for loss, gradient in [
        (-al.relu(x).sum(), "-1.0 * (x > 0)"),
        (1 - (1 - al.relu(x)).sum(), "1.0 * (x > 0)"),
        (al.relu(x).sum() - al.relu(x - 2.5).sum(), "1.0 * (x > 0) - 1.0 * (x - 2.5 > 0)"),
        (al.relu(al.relu(x) - 1).sum(), "1.0 * (v1 > 0) * (x > 0)"),
        (-np.max(x), "-1.0 * (x == v1)"),
    ]:
        derivation = al.derive(loss)
        assert derivation.backward[-1].code == f"d_x = {gradient}"
        x.zero_grad()
        loss.backward()
        np.testing.assert_array_equal(derivation.evaluate()["x"], x.grad)


def test_ties_are_provided_for_where_there_are_some_and_said_where_not():
    untied = np.array([[1.0, -2.0], [0.5, 3.0]])
    for f, line in [
        (lambda x: np.sum(np.maximum(x, 0) ** 2), "2 * v1 * (x > 0)"),
        (lambda x: np.sum(np.clip(x, -1, 2)), "1.0 * (x > -1) * (x < 2)"),
        (lambda x: np.max(x), "1.0 * (x == loss)"),
    ]:
        derivation = al.derive(f, untied)
        assert f"d_x = {line}" in str(derivation)
        assert "    # where nothing ties, as here" in str(derivation)
        ((_, gradient),) = derivation.function(untied)[1].items()
        assert gradient.dtype == np.float64
        np.testing.assert_array_equal(gradient, al.grad(f)(untied))
        tied = np.array([[2.0, 0.0], [-1.0, 2.0]])
        derivation = al.derive(f, tied)
        assert "nothing ties" not in str(derivation)
        np.testing.assert_array_equal(derivation.evaluate()["x"], al.grad(f)(tied))


def test_any_name_can_stand_in_the_code_and_long_lists_are_divided():
    names = ['say "w"', "back\\slash", "two\nlines", "{w}", "größe", "theta", *("w" * 20 + str(i)
             for i in range(8))]  # fmt: skip
    tensors = [al.Tensor(float(i), requires_grad=True, name=name) for i, name in enumerate(names)]
    derivation = al.derive(sum((w * w for w in tensors), 0.0), names={})
    assert derivation.evaluate() == {name: 2.0 * i for i, name in enumerate(names)}
    listed = [line for line in derivation.code.splitlines() if "#" not in line]
    assert max(map(len, listed)) <= 100
    assert "∂L/∂θ = 2 θ" in derivation.text


def test_names_become_identifiers_that_do_not_collide():
    a = al.Tensor(2.0, requires_grad=True, name="hidden.weight")
    b = al.Tensor(3.0, requires_grad=True, name="hidden weight")
    c = al.Tensor(4.0, requires_grad=True, name="lambda")
    derivation = al.derive(a * b * c, names={})
    assert list(derivation.arguments) == ["hidden_weight", "hidden_weight_2", "lambda_"]
    assert {k: float(v) for k, v in derivation.evaluate().items()} == {
        "hidden.weight": 12.0, "hidden weight": 8.0, "lambda": 6.0,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["θ₁", "x²", "µ", "½", "w′", "∂L/∂w", "ﬁ", "1x", "∑", "🙂"])
def test_any_name_becomes_one_that_python_reads(name):
    w = al.Tensor(3.0, requires_grad=True, name=name)
    derivation = al.derive(w * w)
    assert derivation.function(2.0) == (4.0, {name: 4.0})
    assert list(derivation.arguments) == list(inspect.signature(derivation.function).parameters)
    assert derivation.equals("2 * " + next(iter(derivation.arguments)))


def test_a_derivation_does_not_depend_on_those_before_it():
    w = al.Tensor([[3.0, 1.0], [2.0, 5.0]], requires_grad=True, name="w")
    by_column = np.sum(np.sort(w, axis=0) * [[1.0], [2.0]])
    assert "argsort" in al.derive(by_column).formula()
    alone = np.median(w)  # The same functions, for another shape.
    assert "argsort" in al.derive(alone).formula()


def test_one_tensor_can_be_asked_for():
    w = al.Tensor([2.0, 3.0], requires_grad=True, name="w")
    assert al.derive(np.sum(w * w), wrt=w).formula() == "∂L/∂w = 2 w"


def test_gradients_of_inputs_and_inner_tensors_can_be_asked_for():
    w = al.Tensor(2.0, requires_grad=True)
    h = w * 3.0
    loss = h * h
    derivation = al.derive(loss, wrt=[h])
    assert derivation.gradients == {"h": "d_h"}
    assert derivation.evaluate()["h"] == 12.0
    assert al.derive(loss, wrt=["w"]).evaluate()["w"] == 36.0


def test_a_function_is_derived_in_the_names_of_its_parameters_and_local_variables():
    def loss(x, y, w, b):
        h = np.tanh(x @ w + b)
        error = h - y
        return np.sum(error**2)

    point = [np.ones((4, 3)), np.zeros((4, 2)), np.full((3, 2), 0.1), np.zeros(2)]
    derivation = al.derive(loss, *point, wrt=["w", "b"])
    assert derivation.text.splitlines() == [
        "h = tanh(x w + b)",
        "error = h − y",
        "loss = Σ error²",
        "δh = 2 error ⊙ (1 − h²)",
        "∂L/∂b = sum(δh, axis=0)",
        "∂L/∂w = xᵀ δh",
    ]
    gradients = derivation.evaluate()
    np.testing.assert_allclose(gradients["w"], al.grad(loss, 2)(*point), rtol=1e-14)
    np.testing.assert_allclose(gradients["b"], al.grad(loss, 3)(*point), rtol=1e-14)


def test_the_linear_model_has_its_textbook_gradient():
    def loss(x, w, y):
        r = x @ w - y
        return np.sum(r * r)

    text = al.derive(loss, np.ones((5, 3)), np.ones((3, 2)), np.ones((5, 2)), wrt=["w"]).text
    assert text.splitlines()[-2:] == ["δr = 2 r", "∂L/∂w = xᵀ δr"]


def positional(x, /):
    return x * x


@pytest.mark.parametrize(
    "f", [np.tanh, al.sigmoid, abs, positional, lambda x: x * np.longdouble(3)]
)
def test_a_function_without_named_parameters_is_derived_too(f):
    value, gradients = al.derive(f, 2.0).function(0.5)
    assert value == pytest.approx(float(f(0.5)), rel=1e-15)
    assert gradients["x"] == pytest.approx(float(al.grad(f)(0.5)), rel=1e-14)


def test_a_gradient_in_one_line_that_is_too_long_is_refused():
    def f(a):
        x = a
        for _ in range(40):
            x = x * np.tanh(x)
        return np.sum(x)

    with pytest.raises(ValueError, match=r"The gradient of a in one line has .* parts, more than"):
        al.derive(f, np.ones(2)).formula()


def test_a_gradient_in_one_line_reads_as_matrixcalculus_org_and_sympy_write_it():
    # matrixcalculus.org: 2*X'*((sigma(X*w)-y) .* sigma(X*w) .* (1-sigma(X*w))), with t_0 for σ(Xw).
    x, y, w = np.ones((5, 3)), np.full(5, 0.5), np.full(3, 0.1)
    neuron = al.derive(lambda X, w, y: np.sum((al.sigmoid(X @ w) - y) ** 2), x, w, y, wrt=["w"])
    assert neuron.formula() == "∂L/∂w = 2 Xᵀ ((σ(X w) − y) ⊙ σ(X w) ⊙ (1 − σ(X w)))"
    # SymPy: 2*X.T*(X*W - Y).
    linear = al.derive(lambda X, w, y: np.sum((X @ w - y) ** 2), x, w, y, wrt=["w"])
    assert linear.formula("w") == "∂L/∂w = 2 Xᵀ (X w − y)"
    assert linear.formula("w", "python") == "d_w = 2 * (X.T @ (X @ w - y))"
    assert linear.formula("w", "latex") == (
        r"\frac{\partial L}{\partial w} = 2 {X}^\top \left(X w - y\right)"
    )
    two = al.derive(network())
    assert two.formula("syn0") == (
        "∂L/∂syn₀ = Xᵀ ((((l₂ − y) ⊙ l₂ ⊙ (1 − l₂)) syn₁ᵀ) ⊙ l₁ ⊙ (1 − l₁))"
    )
    with pytest.raises(KeyError, match="formula needs the name of a gradient, got None; there are"):
        two.formula()


def logistic(X, w, b, y):
    p = al.sigmoid(X @ w + b)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def cross_entropy(X, W, Y):
    p = al.softmax(X @ W)
    return -np.sum(Y * np.log(p)) / len(X)


def centred(X, w):
    z = X @ w
    return np.sum((z - z.mean(axis=0)) ** 2)


def ridge(w, lam):
    return lam * np.sum(w**2)


def length(x):
    return np.sqrt(np.sum(x**2))


RNG = np.random.default_rng(0)
X, W, V = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=3)


@pytest.mark.parametrize(
    ("f", "args", "wrt", "line"),
    [
        (logistic, (X, V, np.float64(0.1), np.array([0.0, 1, 1, 0, 1])), "w", "δp = (p − y) / n"),
        (cross_entropy, (X, W, np.eye(2)[[0, 1, 1, 0, 1]]), "W",
         "δv₁ = (p − Y) / n"),
        (centred, (X, W), "w", "δz = 2 (v₁ − mean(v₁, axis=0))"),
        (ridge, (V, np.float64(0.5)), "w", "∂L/∂w = 2 lam w"),
        (length, (V,), "x", "∂L/∂x = x / loss"),
    ],
)  # fmt: skip
def test_what_cancels_is_cancelled_and_what_broadcasts_is_not_stretched(f, args, wrt, line):
    derivation = al.derive(f, *args, wrt=[wrt])
    assert line in derivation.text.splitlines(), derivation.text
    position = f.__code__.co_varnames.index(wrt)
    np.testing.assert_allclose(
        derivation.evaluate()[wrt], al.grad(f, position)(*args), rtol=1e-12, atol=1e-14
    )


def test_values_that_nobody_reads_again_have_no_line_and_what_is_written_twice_has_one():
    x = al.Tensor(V, requires_grad=True, name="x")
    shared = np.exp(np.sin(x))
    code = str(al.derive((shared * np.exp(np.sin(x))).sum() + shared.sum(), names={}))
    assert code.count("np.exp(np.sin(x))") == 1
    assert code.count("np.sin(x)") == 1
    assert "v1 = np.exp(np.sin(x))" in code


@al.primitive(
    xs=lambda g, y, *xs, i, scale: g * scale[i],
    notation=None,
)
def weighted(*xs, scale=(1.0, 1.0)):
    """Add up with static weights; an operation that no table of the derivation knows."""
    return sum(s * x for s, x in zip(scale, xs, strict=True))


def test_an_operation_without_special_treatment_is_written_like_its_code():
    a, b = (al.Tensor(V, requires_grad=True, name=name) for name in "ab")
    z = weighted(a, b, scale=(2.0, 3.0)) ** 2
    derivation = al.derive(z.sum(), names={})
    assert "weighted(a, b, scale=(2.0, 3.0))" in derivation.text
    assert "weighted" in derivation.latex
    assert "2.0, 3.0" in derivation.latex
    assert derivation.evaluate()["a"] == pytest.approx(4 * (2 * V + 3 * V), rel=1e-14)
    assert "def weighted(*xs, scale" in derivation.code
    assert "primitive" not in derivation.code
    assert "∂L/∂a = 4 v₁" in derivation.text
    assert "∂L/∂b = 6 v₁" in derivation.text


def test_parameters_that_differ_from_their_defaults_are_written_in_every_form():
    x = al.Tensor(X, requires_grad=True, name="x")
    derivation = al.derive((x.max(axis=1) + x.var(axis=1, ddof=1) + x.sum(axis=1)).sum(), names={})
    assert "var(x, axis=1, ddof=1)" in derivation.text
    assert r"\sum_{\mathrm{axis}\,1} x" in derivation.latex
    assert r"\mathrm{max}_{\mathrm{axis}\,1}" in derivation.latex
    assert r"\mathrm{ddof} = 1" in derivation.latex


def test_the_product_of_a_column_and_a_row_is_written_as_one():
    x, w = al.Tensor(V, name="x"), al.Tensor(W, requires_grad=True, name="w")
    z = x @ w
    z.name = "z"
    derivation = al.derive((z**2).sum(), names={})
    assert derivation.text.splitlines()[-1] == "∂L/∂w = x δzᵀ"
    assert derivation.latex.splitlines()[-2].endswith(r"= x {\delta_{z}}^\top")
    a, b = (al.Tensor(V, requires_grad=True, name=name) for name in "ab")
    reordered = a[np.array([[2], [1], [0]])] * b
    assert "a bᵀ" not in al.derive((reordered**2).sum(), names={}).text


def test_a_product_below_a_fraction_has_parentheses():
    a, b, c = (al.Tensor(V, requires_grad=True, name=name) for name in "abc")
    for y, text in ((a / (b * c), "a / (b ⊙ c)"), (a / b * c, "(a / b) ⊙ c")):
        assert al.derive(y.sum(), wrt=a, names={}).forward[-1].text == f"loss = Σ {text}"
    assert al.derive((a / (2 * b)).sum(), wrt=a, names={}).forward[-1].text == "loss = Σ a / (2 b)"


def test_a_sign_in_front_of_a_product_changes_nothing_and_is_never_taken_for_a_difference():
    x = al.Tensor(V, requires_grad=True, name="x")
    for loss, code, text in [
        (-(x / 2) * 3, "-x / 2 * 3", "3 (−(x / 2))"),
        (-(x**2), "-x ** 2", "−x²"),
        (-np.negative(x), "x", "x"),
        ((-x) ** 2, "(-x) ** 2", "(−x)²"),
        (-(x * x), "-x * x", "−x ⊙ x"),
    ]:
        derivation = al.derive(loss.sum(), names={})
        assert derivation.forward[-1].code == f"loss = np.sum({code})"
        assert derivation.forward[-1].text.removeprefix("loss = Σ ").strip("()") == text.strip("()")
        value, _ = derivation.function(**derivation.arguments)
        assert value == pytest.approx(loss.sum().item(), rel=1e-15)


def test_numbers_are_written_as_people_do():
    x = al.Tensor(np.ones(3), requires_grad=True, name="x")
    derivation = al.derive(((x + 1e-5) ** 2).mean(), names={})
    assert "2 / n * (x + 1e-05)" in str(derivation)
    assert "2/n (x + 10⁻⁵)" in derivation.text
    assert r"\frac{2}{n} \, \left(x + 10^{-5}\right)" in derivation.latex
    derivation = al.derive(-np.sum(np.where(np.eye(3)[0] > 0, -1e9, x)) - np.sum(x), names={})
    assert "-1e9, x" in derivation.code
    assert "loss = −Σ where(mask, −10⁹, x) − Σ x\n" in derivation.text
    assert r"= -\sum" in derivation.latex.replace("&", "")


def test_scalar_networks_are_written_without_signs_of_matrices():
    w, x = al.Tensor(2.0, requires_grad=True, name="w"), al.Tensor(3.0, name="x")
    h = al.sigmoid(w * x)
    h.name = "h"
    derivation = al.derive((1.0 - h) ** 2, names={})
    assert "∂L/∂w = δh x" in derivation.text
    assert r"\odot" not in derivation.latex


def test_a_deep_computation_does_not_recurse():
    x = al.Tensor(1.0, requires_grad=True, name="x")
    y = x
    for i in range(3000):
        y = y * 1.0001 + 0.0
        y.name = f"y{i}"
    loss = y * y
    assert al.derive(loss, names={}).evaluate()["x"] == pytest.approx(2 * 1.0001**6000)


def test_mistakes_are_named():
    x = al.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="loss as a Tensor, got float"):
        al.derive(1.0)
    with pytest.raises(TypeError, match="cannot call the function: missing a required"):
        al.derive(lambda a, b: a)
    with pytest.raises(TypeError, match="arguments for a function only"):
        al.derive(x.sum(), 1.0)
    with pytest.raises(ValueError, match=r"single entry, got shape \(2,\)"):
        al.derive(x * 2)
    with pytest.raises(al.GradientError, match="not computed from anything"):
        al.derive(al.Tensor(1.0))
    with pytest.raises(ValueError, match=r"single entry, got shape \(2,\)"):
        al.derive(lambda a: a * 2, [1.0, 2.0])
    with pytest.raises(TypeError, match="a single number as the loss, got a tuple"):
        al.derive(lambda a: (a.sum(), a), [1.0, 2.0])
    with pytest.raises(TypeError, match=r"\(\*a\) leaves them open"):
        al.derive(lambda *a: a[0].sum(), [1.0, 2.0])
    with pytest.raises(al.GradientError, match="returns its argument a as it is"):
        al.derive(lambda a: a, 1.0)
    with pytest.raises(al.GradientError, match=r"Pass 3\.0, not 3"):
        al.derive(lambda a: a * a, 3)
    with pytest.raises(TypeError, match="by its name or its tensor, got 3"):
        al.derive(x.sum(), wrt=3)
    constant = al.Tensor(1.0, name="c")
    with pytest.raises(al.GradientError, match="no gradient flows to c"):
        al.derive(x.sum() * constant, wrt=["c"])


def test_a_worksheet_has_blanks_in_the_order_of_the_backward_pass_and_runs():
    loss = network()
    sheet = al.derive(loss, wrt="all", blanks=True)
    blanks = [line.split(" = ")[0].strip() for line in sheet.splitlines() if " = None" in line]
    assert blanks == ["d_l2", "d_l1", "d_syn1", "d_syn0"]
    space = {"np": np}
    exec(sheet, space)
    found = space["loss_and_gradients"](**al.derive(loss).arguments)
    assert found["loss"] == pytest.approx(loss.item())
    assert found["d_syn0"] is None
    assert "where nothing ties" not in sheet


# ------------------------------------------------------------ variables that are bound again


def rounds(xs, start, wx, wh):
    h = start
    for t in range(4):
        h = np.tanh(xs[t] @ wx + h @ wh)
    return np.sum(h**2)


def test_what_a_loop_bound_to_a_variable_has_its_name_with_a_number():
    rng = np.random.default_rng(0)
    xs, start = rng.normal(size=(4, 2)), rng.normal(size=3)
    wx, wh = al.Tensor(rng.normal(size=(2, 3)), True), al.Tensor(rng.normal(size=(3, 3)), True)
    h = start
    for x in xs:
        h = np.tanh(x @ wx + h @ wh)
    recorded = al.derive(np.sum(h**2))
    traced = al.derive(rounds, xs, start, wx.data, wh.data, wrt=["wx", "wh"])
    codes = [line.code for line in recorded.lines]
    assert codes == [line.code for line in traced.lines]
    assert "h2 = np.tanh(xs[1] @ wx + h1 @ wh)" in codes
    assert "h3_delta = (wh @ h_delta) * (1 - h3 ** 2)" in codes
    assert "    for i in range(4):" in recorded.code  # What the user calls it is not recorded,
    assert "    for t in range(4):" in traced.code  # but stands in the code of a function.
    assert list(recorded.arguments) == ["xs", "start", "wx", "wh"]


def again(z, w, z1):
    z = z * 2
    z = np.exp(z)
    z = np.sin(z @ w) * z1
    z = z + z1  # A running sum is one line.
    return np.sum(z**2)


def test_a_number_is_set_apart_where_the_name_would_be_taken():
    rng = np.random.default_rng(0)
    code = al.derive(again, *(rng.normal(size=s) for s in ((3, 2), (2, 2), (2,)))).code
    assert "z_2 = np.exp(z_1)" in code
    assert "* z1 + z1" in code


def by_keys(net, x):
    return np.sum((np.tanh(x @ net["W1"] + net["b1"]) @ net["W2"]) ** 2)


def by_unpacking(net, x):
    for W, b in net:  # noqa: N806  (they name the arguments)
        x = np.tanh(x @ W + b)
    return np.sum(x**2)


@pytest.mark.parametrize(
    ("f", "net", "names"),
    [
        (by_keys, {"W1": np.eye(3), "b1": np.zeros(3), "W2": np.ones((3, 1))}, "W1 b1 W2"),
        (by_unpacking, [(np.eye(3), np.zeros(3)), (np.eye(3), np.ones(3))], "W1 b1 W2 b2"),
        (lambda net, x: np.sum(net[0][0] * net[0][1] * x), [(np.ones(3), 2.0)], "net_0_0 net_0_1"),
        (
            lambda net, x: np.sum(net["a"]["W"] * net["b"]["W"] * x),
            {k: {"W": np.ones(3)} for k in "ab"},
            "a_W b_W",
        ),
        (lambda net, x: np.sum(net["x"] * x), {"x": np.ones(3)}, "net_x"),
    ],
)
def test_arrays_in_dicts_and_lists_are_arguments_by_the_names_that_the_function_has(f, net, names):
    derivation = al.derive(f, net, np.ones((2, 3)), wrt="net")
    assert f"def loss_and_gradients({', '.join(names.split())}, x):" in derivation.code
    got = derivation.evaluate().values()
    for one, true in zip(got, leaves_of(al.grad(f)(net, np.ones((2, 3)))), strict=True):
        np.testing.assert_allclose(one, true)
    assert (
        derivation.gradients.keys()
        == al.derive(f, net, np.ones((1, 3)), wrt=["net"]).gradients.keys()
    )


@pytest.mark.parametrize("by_tensor", [True, False])
def test_what_the_loss_does_not_depend_on_is_said(by_tensor):
    w, b = (al.Tensor(np.ones(2), requires_grad=True, name=name) for name in "wb")
    with pytest.raises(al.GradientError, match="the loss does not depend on b, so the gradient"):
        al.derive(np.sum(w**2), wrt=["w", b if by_tensor else "b"])
    with pytest.raises(al.GradientError, match="does not depend on b"):
        al.derive(lambda w, b: np.sum(w**2), np.ones(2), np.ones(2), wrt="b")
    with pytest.raises(KeyError, match="'c' is not in this graph"):
        al.derive(np.sum(w**2), wrt=["c"])


def test_a_profiler_goes_on_after_it():
    def f(x):
        return np.sum(x * x)

    def after():
        return 1

    with cProfile.Profile() as profiler:
        al.derive(f, np.ones(2))
        assert al.compare(f, lambda x: 2 * x, {"x": np.ones(2)})
        after()
    assert "after" in {key[2] for key in pstats.Stats(profiler).stats}
