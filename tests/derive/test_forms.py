"""Derivations in their other forms: the chain rule, MathML, HTML, sources, rounding."""

import ast
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from oracles import cases, over

import autograd_lite as al
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.derive import Line, markup
from autograd_lite.derive.layout import divided
from models import NETWORKS

MATHML = "{http://www.w3.org/1998/Math/MathML}"


def nine(w1, w2, w3, w4, w5, w6, b1, b2, b3, x1, x2, y_true):
    h1 = al.sigmoid(w1 * x1 + w2 * x2 + b1)
    h2 = al.sigmoid(w3 * x1 + w4 * x2 + b2)
    y_pred = al.sigmoid(w5 * h1 + w6 * h2 + b3)
    return (y_true - y_pred) ** 2


WEIGHTS = ["w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"]
POINT = np.random.default_rng(0).normal(size=12)


def nine_partials():
    return al.derive(nine, *POINT, wrt=WEIGHTS, chain=True)


def test_the_nine_partials_of_a_simple_neural_net_read_as_in_a_textbook():
    assert nine_partials().text.splitlines() == [
        "h₁ = σ(w₁ x₁ + w₂ x₂ + b₁)",
        "h₂ = σ(w₃ x₁ + w₄ x₂ + b₂)",
        "y_pred = σ(w₅ h₁ + w₆ h₂ + b₃)",
        "loss = (y_true − y_pred)²",
        "∂L/∂y_pred = −2 (y_true − y_pred)",
        "∂y_pred/∂w₅ = y_pred (1 − y_pred) h₁",
        "∂y_pred/∂w₆ = y_pred (1 − y_pred) h₂",
        "∂y_pred/∂b₃ = y_pred (1 − y_pred)",
        "∂y_pred/∂h₁ = y_pred (1 − y_pred) w₅",
        "∂y_pred/∂h₂ = y_pred (1 − y_pred) w₆",
        "∂h₁/∂w₁ = h₁ (1 − h₁) x₁",
        "∂h₁/∂w₂ = h₁ (1 − h₁) x₂",
        "∂h₁/∂b₁ = h₁ (1 − h₁)",
        "∂h₂/∂w₃ = h₂ (1 − h₂) x₁",
        "∂h₂/∂w₄ = h₂ (1 − h₂) x₂",
        "∂h₂/∂b₂ = h₂ (1 − h₂)",
        "∂L/∂w₁ = ∂L/∂y_pred ∂y_pred/∂h₁ ∂h₁/∂w₁",
        "∂L/∂w₂ = ∂L/∂y_pred ∂y_pred/∂h₁ ∂h₁/∂w₂",
        "∂L/∂w₃ = ∂L/∂y_pred ∂y_pred/∂h₂ ∂h₂/∂w₃",
        "∂L/∂w₄ = ∂L/∂y_pred ∂y_pred/∂h₂ ∂h₂/∂w₄",
        "∂L/∂w₅ = ∂L/∂y_pred ∂y_pred/∂w₅",
        "∂L/∂w₆ = ∂L/∂y_pred ∂y_pred/∂w₆",
        "∂L/∂b₁ = ∂L/∂y_pred ∂y_pred/∂h₁ ∂h₁/∂b₁",
        "∂L/∂b₂ = ∂L/∂y_pred ∂y_pred/∂h₂ ∂h₂/∂b₂",
        "∂L/∂b₃ = ∂L/∂y_pred ∂y_pred/∂b₃",
    ]


def test_the_partials_are_those_that_the_article_derives():
    by_hand = NETWORKS["two-two-one"]()
    values = dict(zip([*WEIGHTS, "x1", "x2", "y_true"], POINT, strict=True))
    w = {
        "hidden.weight": np.array([[values["w1"], values["w3"]], [values["w2"], values["w4"]]]),
        "hidden.bias": np.array([values["b1"], values["b2"]]),
        "out.weight": np.array([[values["w5"]], [values["w6"]]]),
        "out.bias": np.array([values["b3"]]),
    }
    x, y = np.array([values["x1"], values["x2"]]), np.array([values["y_true"]])
    g = by_hand.by_hand(w, x, y)
    (w1, w3), (w2, w4) = g["hidden.weight"]
    article = [w1, w2, w3, w4, *g["out.weight"][:, 0], *g["hidden.bias"], *g["out.bias"]]
    ours = nine_partials().evaluate()
    assert list(ours) == WEIGHTS
    np.testing.assert_allclose(list(ours.values()), article, rtol=1e-14)


def test_the_formulas_of_the_article_are_proved_to_be_the_partials():
    pytest.importorskip("sympy")
    d_l_d_ypred = "(-2 * (y_true - y_pred))"
    proofs = nine_partials().prove(
        w1=f"{d_l_d_ypred} * (w5 * y_pred * (1 - y_pred)) * (x1 * h1 * (1 - h1))",
        w6=f"{d_l_d_ypred} * (h2 * y_pred * (1 - y_pred))",
        b2=f"{d_l_d_ypred} * (w6 * y_pred * (1 - y_pred)) * (h2 * (1 - h2))",
        h1=f"{d_l_d_ypred} * (w5 * y_pred * (1 - y_pred))",
    )
    assert all(proofs)
    (proof,) = nine_partials().prove(w6="-(y_true - y_pred) * h2 * y_pred * (1 - y_pred)")
    assert str(proof) == "w6: by hand = 1/2 × gradient"


def test_a_small_network_of_arrays_is_written_out_entry_by_entry():
    experiment = NETWORKS["two-two-one"]()
    loss = experiment.first_step(experiment.build(7))
    derivation = al.derive(loss, names={}, chain=True)
    lines = derivation.text.splitlines()
    assert "sum_h₁ = x₁ hidden_weight₁₁ + x₂ hidden_weight₂₁ + hidden_bias₁" in lines
    assert "∂L/∂y_pred = 2 (y_pred − y_true)" in lines
    assert (
        "∂L/∂hidden_weight₁₂ = ∂L/∂y_pred ∂y_pred/∂sum_o₁ ∂sum_o₁/∂h₂ ∂h₂/∂sum_h₂ "
        "∂sum_h₂/∂hidden_weight₁₂" in lines
    )
    whole = al.derive(loss, names={}).evaluate()
    for name, value in derivation.evaluate().items():
        array, *index = re.fullmatch(r"(\w+?)_?(\d*)(?:_(\d))?", name).groups()
        place = tuple(int(i) - 1 for i in index if i)
        gradient = np.squeeze(whole[array.replace("_", ".")])
        assert value == pytest.approx(gradient[place], rel=1e-12), name


def test_paths_that_meet_are_added():
    def loss(w, x):
        a = w * x
        b = np.sin(a)
        return a * b

    derivation = al.derive(loss, 2.0, 3.0, wrt=["w"], chain=True)
    assert derivation.text.splitlines()[-2:] == [
        "dL/da = ∂L/∂a + ∂L/∂b ∂b/∂a",
        "∂L/∂w = dL/da ∂a/∂w",
    ]
    assert derivation.evaluate()["w"] == pytest.approx(al.grad(loss)(2.0, 3.0), rel=1e-14)


def test_a_sum_over_paths_is_not_called_as_the_path_that_is_direct():
    def f(w, x):
        h = al.sigmoid(w * x)
        return h * w

    written = al.derive(f, 0.5, 2.0, wrt="w", chain=True).text.splitlines()
    assert written[-1] == "dL/dw = ∂L/∂w + ∂L/∂h ∂h/∂w"


def test_what_the_loss_is_computed_from_directly_has_one_line():
    derivation = al.derive(lambda a, b: a * b, 2.0, 3.0, chain=True)
    assert derivation.text.splitlines() == ["loss = a b", "∂L/∂a = b", "∂L/∂b = a"]
    assert derivation.evaluate() == {"a": 3.0, "b": 2.0}


def test_too_many_numbers_and_operations_that_cannot_be_written_out_are_refused():
    w = al.Tensor(np.ones((20, 20)), requires_grad=True, name="w")
    with pytest.raises(ValueError, match="writes every number by itself, and here are 801"):
        al.derive((w * w).sum(), names={}, chain=True)
    small = al.Tensor(np.ones((2, 2)), requires_grad=True, name="w")
    with pytest.raises(ValueError, match="cannot write logsumexp out number by number"):
        al.derive(REGISTRY["logsumexp"](small), names={}, chain=True)


# -------------------------------------------------------------------- MathML and HTML


@over(cases())
def test_every_operation_becomes_well_formed_mathml(case):
    operands = [
        al.Tensor(x, requires_grad=i in case.differentiable, name=f"x{i}")
        for i, x in enumerate(case.operands())
    ]
    loss = case.entry(*operands, **case.parameters).sum()
    math = ElementTree.fromstring(al.derive(loss, names={}).mathml)
    assert math.tag == f"{MATHML}math"
    text = "".join(math.itertext())
    assert "\\" not in text
    assert "&" not in text


def test_identifiers_are_whole_in_mathml_and_signs_of_equality_are_aligned():
    experiment = NETWORKS["two-layers"]()
    math = al.derive(experiment.first_step(experiment.build(1)), names={}).mathml
    root = ElementTree.fromstring(math)
    words = {element.text for element in root.iter(f"{MATHML}mi")}
    assert {"syn", "loss", "X", "σ"} <= words
    rows = list(root.iter(f"{MATHML}mtr"))
    assert len(rows) == 9
    for row in rows:
        left, right = row
        assert "=" not in "".join(left.itertext())
        assert "".join(right.itertext()).startswith("=")


def test_without_latex2mathml_the_message_names_the_command_and_notebooks_show_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    w = al.Tensor(2.0, requires_grad=True, name="w")
    derivation = al.derive(al.sigmoid(w), names={})
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'autograd_lite\[mathml\]'"):
        _ = derivation.mathml
    assert "= σ(w)" in derivation._repr_html_()
    assert "<math" not in derivation._repr_html_()


def test_a_notebook_shows_steps_shapes_sources_and_rounding():
    derivation = al.derive(nine, *POINT, wrt=["w1"])
    shown = ElementTree.fromstring(f"<div>{derivation._repr_html_()}</div>")
    text = "".join(shown.itertext())
    assert "h1 = al.sigmoid(w1 * x1 + w2 * x2 + b1)" in text
    assert f"test_forms.py:{nine.__code__.co_firstlineno + 1}" in text
    assert "autodiff" in text
    assert len(list(shown.iter(f"{MATHML}math"))) == 2 * len(derivation.lines)
    assert "color:" not in derivation._repr_html_()  # It is the page's, dark or light.


def test_names_from_outside_are_escaped():
    hostile = "<script>alert(1)</script>"
    w = al.Tensor(2.0, requires_grad=True, name=hostile)
    derivation = al.derive(w * w, names={})
    for text in (derivation._repr_html_(), derivation.mathml):
        assert "<script" not in text
    assert "&lt;b&gt;" in markup.table([], [], "<b>", "text")


# -------------------------------------------------------------------- sources


def test_the_line_that_a_step_comes_from_stands_beside_it():
    code = al.derive(nine, *POINT, wrt=WEIGHTS).code_with_source
    line = nine.__code__.co_firstlineno + 1
    where = f"test_forms.py:{line}  h1 = al.sigmoid(w1 * x1 + w2 * x2 + b1)"
    assert [row.split("# ")[0].strip() for row in code.splitlines() if where in row] == [
        "h1 = 1 / (1 + np.exp(-(w1 * x1 + w2 * x2 + b1)))",
        "h1_delta = y_pred_delta * w5 * (h1 * (1 - h1))",
    ]
    exec(compile(code, "<code>", "exec"), {"np": np})


def test_a_recorded_loss_shows_lines_where_they_were_recorded():
    w = al.Tensor(2.0, requires_grad=True, name="w")
    with al.record_source():
        h = np.exp(w)
    loss = h * w
    (forward, last) = al.derive(loss, names={"h": h, "loss": loss}).forward
    assert forward.source.text == "h = np.exp(w)"
    assert last.source is None
    assert isinstance(forward, Line)


# -------------------------------------------------------------------- rounding


def test_rounding_is_reported_with_the_line_where_it_begins():
    x = al.Tensor(np.array([0.3, -0.7]), requires_grad=True, name="x")
    s = al.sigmoid(x)
    derivation = al.derive((s**2).sum(), names={"s": s})
    rounded = derivation.rounding["x"]
    by_code = derivation.evaluate()["x"]
    loss = (al.sigmoid(x) ** 2).sum()
    loss.backward()
    gap = np.abs(by_code - x.grad.data).max() / np.spacing(np.abs(x.grad.data).max())
    assert rounded.ulps == gap
    if gap:
        assert "ulp from autodiff" in str(rounded)
        assert rounded.since.name == "s"
    assert "autodiff" in repr(derivation)


def test_a_line_that_rounds_otherwise_is_found():
    x = al.Tensor(np.linspace(0.1, 0.9, 50), requires_grad=True, name="x")
    p = al.sigmoid(x)
    p.name = "p"
    loss = -(np.log(p) + np.log(1 - p)).mean()
    rounding = al.derive(loss, names={}).rounding
    assert 0 < rounding.largest < 64
    assert rounding.since is not None
    assert "first rounded otherwise: " in str(rounding)


def test_what_is_computed_in_the_same_way_agrees_to_the_last_bit():
    w = al.Tensor(np.array([1.5, -2.0]), requires_grad=True, name="w")
    derivation = al.derive((w * w).sum(), names={})
    assert str(derivation.rounding) == "w: as autodiff, to the last bit"
    assert repr(derivation) == "<Derivation of loss by w: as autodiff, to the last bit>"


@pytest.mark.parametrize(
    "f",
    [
        lambda x: al.logsumexp(x),
        lambda x: np.sum(al.logsumexp(x, axis=1, keepdims=True) ** 2),
        lambda x: np.sum(al.log_softmax(x) * np.array([1.0, 2.0, 3.0])),
        lambda x: np.sum(al.softmax(x, axis=(0, 1)) ** 2),
        lambda x: al.nn.functional.cross_entropy(x, np.array([2, 1])),
    ],
)
def test_large_scores_do_not_overflow(f):
    x = np.array([[800.0, -800.0, 1.0], [1.0, 2.0, 3.0]])
    derivation = al.derive(f, np.zeros((2, 3)))
    value, gradients = derivation.function(**{**derivation.arguments, "x": x})
    np.testing.assert_allclose(value, f(x))
    np.testing.assert_allclose(*gradients.values(), np.asarray(al.grad(f)(x)), atol=1e-12)


@pytest.mark.parametrize("operand", ["-x", "-x * 2", "-(x + 1)", "(-x) % 3", "-2 * x", "x - 1"])
def test_a_sigmoid_has_one_minus(operand):
    def f(x):
        return np.sum(al.sigmoid(eval(operand)))

    x = np.array([0.5, 1.5])
    derivation = al.derive(f, x)
    assert "--" not in str(derivation)
    np.testing.assert_allclose(derivation.function(x + 0.25)[0], f(x + 0.25))


def test_a_number_beside_an_array_is_a_number():
    code = str(al.derive(lambda x: np.sum(al.softmax(x) * 1.5), np.ones((1, 3))))
    assert "np.full" not in code


def long_names(the_first_long_argument, the_second_long_argument):
    the_scores_of_everything = the_first_long_argument @ the_second_long_argument
    weighted = np.einsum("ij,jk->ik", the_scores_of_everything, the_first_long_argument)
    return np.sum((weighted * the_scores_of_everything - the_first_long_argument**2) ** 2)


def test_long_lines_are_divided():
    a, b, c = np.random.default_rng(0).normal(size=(3, 3, 3))
    derivation = al.derive(long_names, a, b)
    code = str(derivation)
    assert " = (  # (3, 3)\n" in code
    assert max(map(len, code.splitlines())) <= 100
    _, gradients = derivation.function(b, c)
    expected = al.grad(lambda x: long_names(x, c))(b)
    np.testing.assert_allclose(gradients["the_first_long_argument"], np.asarray(expected))
    exec(compile(derivation.code_with_source, "", "exec"), {"np": np})


@pytest.mark.parametrize(
    "text",
    [
        "f('a - (b', " + ", ".join(f"x{i}" for i in range(40)) + ")",
        "a * (" + " - ".join(f"x{i}" for i in range(40)) + ") ** 2",
        "-f(" + " @ ".join(f"x{i}" for i in range(40)) + ").T[0, :] + 1e-05 - a // b",
        "x" * 120,
    ],
)
def test_a_divided_expression_is_the_same(text):
    lines = divided(text, 2)
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse("(\n" + "\n".join(lines) + "\n)"))
    assert len(lines) > 1 or " " not in text
    assert all(len(line) <= 100 or " " not in line.strip() for line in lines)


def test_two_values_are_never_written_with_the_same_letters():
    def f(W1, W_1, h):
        for _ in range(3):
            h = np.tanh(W1 @ h)
        h_4 = W_1 @ h
        return np.sum(h_4**2)

    derivation = al.derive(f, np.eye(2), np.eye(2), np.ones(2), wrt=["W1", "W_1"])
    for form in ("text", "latex"):
        left = [getattr(line, form).partition(" &=" if form == "latex" else " =")[0]
                for line in derivation.lines]  # fmt: skip
        assert len(set(left)) == len(left)
    assert "∂L/∂W_1 = δh₄ h₃ᵀ" in derivation.text


def picked(x, y):  # Every word of every sentence has a label.
    p = np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)
    return -np.mean(np.log(p[np.arange(2)[:, None], range(4), y]))


def of_two(x, y):
    p = np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)
    return -np.sum(np.log(p[range(3), y[0]])) - np.sum(np.log(p[range(3), y[1]]))


def likelihood(x, w):
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.sum(np.log(p))


def summed(x, w):
    total = 0.0
    for row in x:
        total = total - np.sum(row * w) + np.sum(np.log(row))
    return total


def scaled(r, s):
    z = r / s
    return np.sum(0.5 * z**2)


def into_identity(x):
    t = al.Tensor(2 * np.eye(3))
    t[0] = x
    return np.sum(t @ t)


def rescaled(a, b):
    c = np.sum(a)
    q = a / c * b
    d = np.sum(q)
    return -(np.log(c) + np.log(d))


def smoothed(s, y):
    logp = al.log_softmax(s)
    return -np.mean(0.9 * logp[range(4), y] + np.mean(logp, axis=1))


def by_entries(x, y):
    total = x * y
    rows = np.sum(total, axis=1)
    return np.sum(rows**2)


DRAWN = np.random.default_rng(6).uniform(0.5, 1.0, size=(2, 4, 3))
WORDS = np.array([[0, 1, 2, 0], [1, 1, 0, 2]])


@pytest.mark.parametrize(
    ("f", "arguments", "says", "not_said"),
    [
        (picked, (DRAWN, WORDS), "(p - np.eye(3)[y]) / 8", "add.at"),
        (of_two, (DRAWN[0, :3], WORDS[:, :3]), "2 * p - np.eye(3)[y[1]] - np.eye(3)", "sum"),
        (likelihood, (DRAWN[0], DRAWN[0, 0]), "p_delta = p - 1", "p * (1 - p)"),
        (lambda w, lam: lam / 2 * np.sum(w**2), (DRAWN[0], 0.5), "d_w = lam * w", "2 * lam"),
        (lambda w, lam: lam / 8 * np.sum(w**2), (DRAWN[0], 0.5), "2 / 8 * lam * w", "lam / 8"),
        (lambda x, w: np.sum(np.tanh(x @ w.T)), (DRAWN, DRAWN[0]), "= v1_delta @ w ", "transpose"),
        (lambda q, k: np.sum(np.tanh(q @ np.swapaxes(k, 1, 2))), (DRAWN, DRAWN), " @ k ", "(k, "),
        (summed, (DRAWN[0, :2], DRAWN[0, 0]), "total -= np.sum(rows[i] * w)", "0 -"),
        (scaled, (DRAWN[0], np.array(0.7)), "-np.sum(z ** 2) / s", "* s"),
        (lambda x, w: np.sum(w * x**1), (DRAWN[0], 2.0), "d_x = np.", "** 0"),
        (lambda x, w: np.sum(((x @ w) ** 2 - x**2 @ w**2).sum(axis=1) ** 2), (DRAWN[0], DRAWN[0].T),
         "", "broadcast_to"),
        (lambda p, z: -p @ np.log(al.softmax(z)), (DRAWN[0, 0], DRAWN[0, 1]), "sum(v1) *", "keep"),
        (lambda r, s: np.sum(r / s**2), (DRAWN[0], 0.7), "d_s = -2 * loss / s ", "* s"),
        (lambda x, s: np.sum(np.exp(-x / np.exp(2 * s))), (DRAWN[0], DRAWN[0, 0]), "", "/ v1, a"),
        (lambda r, t: np.sum(-r * np.log(r / t)), (np.array(0.7), DRAWN[0, 0]), "", "np.full"),
        (lambda z: np.mean(np.diag(al.log_softmax(z @ z.T / 0.5, axis=1))), (DRAWN[0],),
         "v1_delta = 2 / n * (np.eye(n) - ", "/ 0.5"),
        (lambda a, b: np.sum((a @ b - b @ b) ** 2), (DRAWN[0, :3], DRAWN[1, :3]), "", "_2 = -"),
        (lambda a, y: y @ np.linalg.solve(a, y), (DRAWN[0, :3] + np.eye(3), DRAWN[1, 0]),
         "-np.outer(v2, v1)", "None"),
        (lambda a: np.sum(np.log(np.diag(a @ a))), (DRAWN[0, :3],), "np.diagflat(1 / ", "add.at"),
        (lambda x, s: np.sum((x @ x.T) * np.exp(s) * np.eye(4)), (DRAWN[0], 0.3),
         "np.trace(", "eye(4))"),
        (lambda x: np.sum(1.0 * x**2 - (0.9 - 1) * x + 1.5 * np.log(2 * np.pi)), (DRAWN[0],),
         "x ** 2 + 0.1 * x + 1.5 * np.log(2 * np.pi)", "0.09"),
        (lambda x: np.sum(np.exp(x) * x), (DRAWN[0],), "d_x = v1 * (1 + x)", "x * v1"),
        (lambda x: np.sum(np.tanh(x[0] @ np.ones(3))), (DRAWN,),
         "np.outer(1 - v1 ** 2, np.ones(3))", ", 1)"),
        (into_identity, (DRAWN[0, 0],), "t = 2 * np.eye(3)", "eye"),
        (lambda x, y: np.sum(np.flip(x, axis=()) * y), (DRAWN[0, 0], DRAWN[0, 1]), "", "::-1"),
        (rescaled, (DRAWN[0, 0], DRAWN[0, 1]), "q_delta = -1 / d ", "+ -"),
        (by_entries, (DRAWN[0], DRAWN[0, 0]), "d_y = 2 * (rows @ x)", "broadcast_to"),
        (lambda w: 0.7 / 12 * np.sum(w**2), (DRAWN[0],), "7 / 120 * np.sum(", "0."),
        (lambda x, w: np.sum(np.tanh(3**-0.5 * x @ w)), (DRAWN[0], DRAWN[0, 0]),
         "(1 / np.sqrt(3)", "0.57"),
        (lambda x, y: np.sum(np.log(x[range(4), y])), (DRAWN[0], WORDS[0]),
         "d_x[np.arange(4), y] = 1 / ", "add.at"),
        (lambda x: np.sum(x[np.argsort(-x)[:2]] ** 2), (DRAWN[0, 0],), "] = 2 * v", "add.at"),
        (lambda x: np.mean(np.sort(x)[-2:]), (DRAWN[0, 0],), "v1[-2:] = 1 / 2", "np.full"),
        (lambda x: np.sum(x[2:] * ~(x[2:] > 0.7)), (DRAWN[0],), "~(", "np.invert"),
        (lambda x, w: np.sum(np.cross(x, w) ** 2), (DRAWN[0], DRAWN[0, 0]), "np.cross(w, v1)", "["),
        (lambda a: np.sum(np.linalg.cholesky(a @ a.T + np.eye(3))), (DRAWN[0, :3],),
         "np.tril(v", "fold("),
        (lambda x, w: np.linalg.norm(x @ w), (DRAWN[0], DRAWN[0, 0]), "np.linalg.norm(v1)", "None"),
        (lambda x, i: np.sum(x) + np.sum(x[i] ** 2), (DRAWN[0, 0], WORDS[0, :2]),
         "d_x = np.ones(n)", "zeros"),
        (lambda x, k, m: np.sum(np.convolve(np.tanh(np.convolve(x, k, "valid")), m, "valid") ** 2),
         (DRAWN[0].ravel(), DRAWN[0, 0], DRAWN[0, 1]), "", " = v3 "),
        (smoothed, (DRAWN[0], WORDS[0]), "", "sum"),
    ],
)  # fmt: skip
def test_the_algebra_that_a_person_does_is_done(f, arguments, says, not_said):
    derivation = al.derive(f, *arguments)
    backward = derivation.code.partition("# backward")[2]
    assert says in derivation.code
    assert not_said not in backward
    _, gradients = derivation.function(*arguments)
    for name, expected in zip(
        gradients, al.grad(f, tuple(range(len(gradients))))(*arguments), strict=False
    ):
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-10, atol=1e-13)


def test_a_mask_is_mathematics_though_a_guard_is_not():
    def masked(s, m):
        z = np.sum(np.where(m, -np.inf, s), axis=1, keepdims=True)
        return np.sum(np.exp(np.squeeze(np.max(z, keepdims=True), axis=(0, 1))))

    derivation = al.derive(masked, DRAWN[0], DRAWN[0] < 0, wrt="all")
    assert "where(m, −∞, s)" in derivation.text
    assert r"-\infty\ \mathrm{if}\ m\ \mathrm{else}\ s" in derivation.latex
    assert "Σ where(v₁, 5, x)" in al.derive(lambda x: np.sum(np.where(x == 0, 5, x)), 2.0).text
    lost = al.derive(lambda x: np.sum(np.where(x > 1, np.nan, x * 123456789.5)), 2.0)
    assert "where(v₁, nan, 123456789.5 x)" in lost.text
    assert r"\mathrm{nan}\ \mathrm{if}" in lost.latex
    roots = al.derive(lambda x: np.sum(np.cbrt(x) + np.sqrt(x)), np.arange(3.0))
    assert "where" in roots.code
    assert "where" not in roots.text


def test_a_gradient_that_is_a_number_takes_the_shape_that_is_needed():
    def largest(s):
        top = np.squeeze(np.log(np.sum(np.exp(s), axis=0, keepdims=True)), axis=0)
        return top + 1.0

    _, gradients = al.derive(largest, DRAWN[0, 0], wrt="all").function(DRAWN[0, 0])
    np.testing.assert_allclose(gradients["s"], al.softmax(DRAWN[0, 0]))


def test_one_label_is_subtracted_from_a_copy_of_the_softmax():
    def f(s, label):
        p = np.exp(s) / np.sum(np.exp(s))
        return -np.log(p[label, 0])

    arguments = DRAWN[0, :, :1], np.array(2)
    derivation = al.derive(f, *arguments)
    backward = derivation.code.partition("# backward")[2].splitlines()
    assert backward[1].split("  #")[0].strip() == "d_s = p.copy()"
    assert backward[2].strip() == "d_s[label, 0] -= 1"
    assert derivation.text.splitlines()[-2:] == ["∂L/∂s = p", "∂L/∂s[label, 0] -= 1"]
    _, gradients = derivation.function(*arguments)
    np.testing.assert_allclose(gradients["s"], al.grad(f)(*arguments), rtol=1e-12, atol=1e-14)
