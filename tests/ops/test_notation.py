"""Formulas have parentheses where they are needed, and print numbers that can be read back."""

import math
import re

import numpy as np
import pytest
from oracles import NUMPY_SCOPE, cases

import autograd_lite as al
from autograd_lite import ops
from autograd_lite.ops import writing
from autograd_lite.ops.writing import Written, literal

NAMES = {name: Written(name) for name in "abcx"}


def write(form, entry, *operands, **parameters):
    """Write an operation on operands that are names or have been written before."""
    operands = [NAMES[o] if isinstance(o, str) and o in NAMES else o for o in operands]
    return writing.write(entry, operands, parameters, form)


def python(entry, *operands, **parameters):
    return write("python", entry, *operands, **parameters)


def latex(entry, *operands, **parameters):
    return write("latex", entry, *operands, **parameters)


@pytest.mark.parametrize(
    ("outer", "inner", "side", "text"),
    [
        (ops.multiply, ops.add, "left", "(a + b) * c"),
        (ops.multiply, ops.add, "right", "c * (a + b)"),
        (ops.subtract, ops.subtract, "left", "a - b - c"),
        (ops.subtract, ops.subtract, "right", "c - (a - b)"),
        (ops.subtract, ops.add, "right", "c - (a + b)"),
        (ops.divide, ops.multiply, "left", "a * b / c"),
        (ops.divide, ops.multiply, "right", "c / (a * b)"),
        (ops.divide, ops.divide, "right", "c / (a / b)"),
        (ops.matmul, ops.multiply, "left", "(a * b) @ c"),
        (ops.matmul, ops.multiply, "right", "c @ (a * b)"),
        (ops.multiply, ops.matmul, "left", "(a @ b) * c"),
        (ops.multiply, ops.matmul, "right", "c * (a @ b)"),
        (ops.power, ops.power, "left", "(a ** b) ** c"),
        (ops.power, ops.power, "right", "c ** (a ** b)"),
        (ops.power, ops.multiply, "left", "(a * b) ** c"),
        (ops.maximum, ops.add, "left", "np.maximum(a + b, c)"),
    ],
)
def test_python_parentheses(outer, inner, side, text):
    nested = python(inner, "a", "b")
    assert str(python(outer, *((nested, "c") if side == "left" else ("c", nested)))) == text


def test_python_parentheses_around_signs():
    minus = python(ops.negative, "a")
    assert str(python(ops.power, minus, "b")) == "(-a) ** b"
    assert str(python(ops.negative, python(ops.power, "a", "b"))) == "-a ** b"
    assert str(python(ops.square, minus)) == "(-a) ** 2"
    assert str(python(ops.negative, python(ops.add, "a", "b"))) == "-(a + b)"
    assert str(python(ops.power, "b", minus)) == "b ** (-a)"
    assert str(python(ops.getitem, python(ops.add, "a", "b"), index=0)) == "(a + b)[0]"


ELEMENTWISE = [
    case.entry
    for case in cases()
    if case.number == 0 and not case.entry.examples and case.entry.name != "where"
]


@pytest.mark.parametrize("inner", ELEMENTWISE, ids=lambda entry: entry.name)
def test_nested_python_computes_the_nested_value(inner):
    values = {"a": 1.3, "b": 0.7, "c": 2.1}
    scope = NUMPY_SCOPE | {name: np.float64(value) for name, value in values.items()}
    nested = python(inner, *"ab"[: len(inner.operands)])
    with np.errstate(all="ignore"):  # The arcsine of 1.3.
        value = inner(*(scope[name] for name in "ab"[: len(inner.operands)]))
        for outer in ELEMENTWISE:
            sides = [((nested, "c"), (value, scope["c"])), (("c", nested), (scope["c"], value))]
            one = len(outer.operands) == 1
            for operands, numbers in [((nested,), (value,))] if one else sides:
                text, want = str(python(outer, *operands)), outer(*numbers)
                np.testing.assert_allclose(eval(text, scope), want, rtol=1e-13, err_msg=text)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        # The cross of a product, the juxtaposition of a matrix product and its parts
        (latex(ops.matmul, latex(ops.multiply, "a", "b"), "c"), r"\left(a \odot b\right) c"),
        (latex(ops.multiply, "a", latex(ops.matmul, "b", "c")), r"a \odot \left(b c\right)"),
        (latex(ops.matmul, "a", latex(ops.matmul, "b", "c")), r"a \left(b c\right)"),
        (latex(ops.matmul, latex(ops.add, "a", "b"), "c"), r"\left(a + b\right) c"),
        # What only looks like a call ends where the reader would not expect it
        (latex(ops.multiply, latex(ops.sum, "a"), "b"), r"\left(\sum a\right) \odot b"),
        (latex(ops.sum, latex(ops.multiply, "a", "b")), r"\sum a \odot b"),
        (latex(ops.sum, latex(ops.add, "a", "b")), r"\sum \left(a + b\right)"),
        (latex(ops.subtract, "a", latex(ops.sum, "b")), r"a - \left(\sum b\right)"),
        (latex(ops.square, latex(ops.prod, "a")), r"{\left(\prod a\right)}^2"),
        (
            latex(ops.multiply, latex(ops.mse, "a", "b"), "c"),
            r"\left(\frac{1}{n} \sum \left(a - b\right)^2\right) \odot c",
        ),
        (
            latex(ops.square, latex(ops.logsumexp, "a")),
            r"{\left(\ln \sum e^{a}\right)}^2",
        ),
        # An exponent on what already has one
        (latex(ops.square, latex(ops.exp, "a")), r"{\left(e^{a}\right)}^2"),
        (latex(ops.power, latex(ops.square, "a"), "b"), r"{\left({a}^2\right)}^{b}"),
        (latex(ops.power, latex(ops.divide, "a", "b"), "c"),
         r"{\left(\frac{a}{b}\right)}^{c}"),
        (latex(ops.square, latex(ops.transpose, "a")), r"{\left({a}^\top\right)}^2"),
        (latex(ops.square, latex(ops.negative, "a")), r"{\left(-a\right)}^2"),
        # Operations that are not shown must not hide the parentheses
        (latex(ops.multiply, latex(ops.copy, latex(ops.add, "a", "b")), "c"),
         r"\left(a + b\right) \odot c"),
        (latex(ops.multiply, latex(ops.squeeze, latex(ops.add, "a", "b")), "c"),
         r"\left(a + b\right) \odot c"),
        (latex(ops.multiply, latex(ops.expand_dims, latex(ops.add, "a", "b"), axis=0), "c"),
         r"\left(a + b\right) \odot c"),
        (latex(ops.divide, latex(ops.add, "a", "b"), "c"), r"\frac{a + b}{c}"),
    ],
    ids=str,
)  # fmt: skip
def test_latex_parentheses(written, text):
    assert str(written) == text


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1.5,
        True,
        None,
        math.inf,
        -math.inf,
        math.nan,
        (2, 3),
        (2,),
        (),
        (-1, None),
        [1, 0],
        slice(1, 4, 2),
        slice(None, -1),
        (slice(None), slice(1, 4, 2)),
        (..., -1),
        (slice(None, None, -1), None),
        (slice(1, 2),),
        np.array([2, 0, 2]),
        np.array([True, False]),
        np.array([], int),
        np.array(3),
        np.array([math.nan, -math.inf]),
        np.float64(0.1),
        np.int64(7),
        (np.array([0, 1]), np.array([3, 3])),
        ((0, 1), (2, 3)),
        (np.array([[True]]), slice(2)),
    ],
    ids=str,
)
def test_static_parameter_reads_back_as_the_same_value(value):
    """As an index inside brackets, and as a keyword argument."""

    class Index:
        def __getitem__(self, index):
            return index

    def same(a, b):
        if isinstance(a, tuple):
            return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, np.ndarray):
            return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return a == b or (a != a and b != b)

    text = str(python(ops.getitem, "x", index=value))
    assert same(value, eval(text, {"np": np, "x": Index()})), text
    text = str(python(ops.scatter_add, "x", index=value, shape=(3,)))
    given = eval(text, {"np": np, "x": 0, "scatter_add": lambda x, **given: given})
    assert same(value, given["index"]), text


def test_text_parameters_are_written_without_quotes_where_a_template_adds_them():
    assert literal("float32") == "float32"
    assert str(python(ops.astype, "x", dtype="float32")) == "x.astype('float32')"


def test_parameters_that_go_without_saying_are_left_out():
    assert str(python(ops.sum, "x")) == "np.sum(x)"
    assert str(python(ops.sum, "x", axis=0)) == "np.sum(x, axis=0)"
    assert str(python(ops.sum, "x", axis=(0, 1), keepdims=True)) == (
        "np.sum(x, axis=(0, 1), keepdims=True)"
    )
    assert str(python(ops.clip, "x", low=-math.inf, high=1000000)) == (
        "np.clip(x, -np.inf, 1000000)"
    )


def test_a_number_among_the_arguments_of_a_formula_has_a_minus_sign_and_an_index_a_hyphen():
    for form in ("text", "picture"):
        assert write(form, ops.clip, "x", low=-4, high=-0.5).text == "clip(x, −4, −0.5)"
        assert write(form, ops.hyp1f1, "x", a=-1, b=2).text == "hyp1f1(−1, 2, x)"
        assert write(form, ops.getitem, "x", index=-1).text == "x[-1]"
        assert write(form, ops.sum, "x", axis=-1).text.endswith("axis=-1)")
    assert write("python", ops.clip, "x", low=-4, high=4).text == "np.clip(x, -4, 4)"


CALLS = [
    case
    for case in cases()
    if "{operands}" in writing.chosen(case.entry.notation, case.parameters)[0].latex.template
]


@pytest.mark.parametrize("case", CALLS, ids=str)
def test_a_call_in_latex_says_every_parameter_that_has_no_default(case):
    text = write("latex", case.entry, *map(Written, case.names), **case.parameters).text
    notation, said = writing.chosen(case.entry.notation, case.parameters)
    for key in said.keys() - case.entry.defaults.keys() - notation.usual.keys():
        assert key.replace("_", r"\_") in text or f"{{{key}}}" in notation.latex.template
    assert not re.search(r"[a-z]_[a-z]", text)  # LaTeX would lower one letter.


def test_a_parameter_that_is_computed_is_latex_as_it_stands():
    w = al.Tensor(np.eye(3), requires_grad=True, name="w")
    text = al.derive(np.median(w @ w)).latex
    assert r"\mathrm{argsort}\left(v_{1}\right)" in text
