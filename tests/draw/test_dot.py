"""What pictures say: names, formulas, numbers, gradients, and what is asked for."""

import os
import types
from pathlib import Path

import numpy as np
import pytest
from drawn import boxes_by_title, read, texts_of

import autograd_lite as al
from autograd_lite import nn, optim
from autograd_lite.core.primitive import REGISTRY
from autograd_lite.draw.formulas import formula, printable, shortened
from autograd_lite.ops.writing import Written

GOLDEN = Path(__file__).parent / "golden"


def one_weight():
    w = al.Tensor(1.0, requires_grad=True)
    prediction = w * 5
    error = (prediction - 42) ** 2
    error.backward()
    return al.draw(error, title="One weight")


def neuron():
    rows = np.array([[0.0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]])
    y = al.Tensor([[0.0], [1], [1], [0]])
    w = al.Tensor([[-0.25], [0.5], [-1.0]], requires_grad=True)
    out = al.sigmoid(rows @ w)
    out.retain_grad()
    loss = al.mse(out, y, reduction="half_sum")
    loss.backward()
    return al.draw(loss)


def layers_before_backward():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    for parameter in net.parameters():
        parameter.data = np.linspace(-1, 1, parameter.size).reshape(parameter.shape)
    x = al.Tensor([[2.0, 3.0]])
    return al.draw(net(x), rankdir="TB", legend=False, show=("shape", "value"))


# ------------------------------------------------------------------ names and formulas


def test_every_value_is_a_box_with_name_formula_shape_and_numbers():
    boxes = boxes_by_title(one_weight())
    assert set(boxes) == {
        "w",
        "prediction = w × 5",
        "prediction − 42",
        "error = (prediction − 42)²",
    }
    assert boxes["w"].texts == ["w", "scalar · float64", "value", "1", "grad", "−370"]
    assert boxes["prediction − 42"].numbers == ["−37"]
    assert boxes["error = (prediction − 42)²"].role == "output"


def test_names_come_from_name_then_the_callers_variables_and_names_override():
    a = al.Tensor(2.0, requires_grad=True, name="alpha")
    b = al.Tensor(3.0, requires_grad=True)
    product = a * b
    assert set(boxes_by_title(al.draw(product))) == {"alpha", "b", "product = alpha × b"}
    given = al.draw(product, names={"x": a, "product": b})
    assert set(boxes_by_title(given)) == {"x", "product", "x × product"}


def test_a_bare_array_goes_by_the_name_of_the_array_with_its_entries():
    rows, w = np.eye(2), al.Tensor(np.ones((2, 1)), requires_grad=True)
    assert {"rows", "w", "rows @ w"} <= set(boxes_by_title(al.draw(rows @ w)))
    alias = rows
    assert "rows" in boxes_by_title(al.draw(alias @ w))
    same = np.eye(2)
    assert "rows" not in boxes_by_title(al.draw(same @ w))  # Or is it `same`?
    assert "given" in boxes_by_title(al.draw(same @ w, names={"given": np.eye(2)}))


def test_parameters_of_modules_go_by_their_path():
    net = nn.Sequential(nn.Linear(2, 1))
    x = al.Tensor([[1.0, 2.0]])
    assert {"0.weight", "0.bias", "x @ 0.weight"} <= set(boxes_by_title(al.draw(net(x))))


def test_nameless_parts_stand_in_the_formula_that_uses_them_or_get_an_identifier():
    x = al.Tensor([1.0, 2.0], requires_grad=True)
    assert "mean((x − 1)²)" in boxes_by_title(al.draw(((x - 1) ** 2).mean()))
    assert {"n0", "n2 = n0 + 1", "n2 × n2"} == set(boxes_by_title(al.draw(shared_part())))
    total = np.concatenate([x] * 8).sum()  # Too long to be repeated.
    assert {"n1 = concat(x, x, x, x, x, x, x, x)", "total = Σ(n1)"} < set(
        boxes_by_title(al.draw(total))
    )


def shared_part():
    part = al.Tensor(1.0, requires_grad=True) + 1
    return part * part


def test_a_shared_operand_is_one_box_with_one_arrow():
    w = al.Tensor(2.0, requires_grad=True)
    square = w * w
    boxes, arrows = read(al.draw(square + w))
    assert len(boxes) == 3
    assert sorted(arrows) == [("n0", "n1"), ("n0", "n2"), ("n1", "n2")]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_operation_has_a_short_formula(name):
    primitive = REGISTRY[name]
    operands = ["left", "right", "third"][: 2 if primitive.variadic else len(primitive.operands)]
    for _, parameters in primitive.examples or [((), {})]:
        node = types.SimpleNamespace(
            primitive=primitive, parameters=primitive.defaults | parameters
        )
        text = formula(node, [Written(operand) for operand in operands]).text
        assert "np." not in text
        assert not set("{}") & set(text)
        assert all(operand in text for operand in operands)


@pytest.mark.parametrize(
    ("program", "written"),
    [
        (lambda x, b: x - (b - 2), "x − (b − 2)"),
        (lambda x, b: x / b / 2, "x / b / 2"),
        (lambda x, b: x * -3.0, "x × −3"),
        (lambda x, b: x**-1, "x⁻¹"),
        (lambda x, b: x**0.5, "x^0.5"),
        (lambda x, b: np.square(x + b), "(x + b)²"),
        (lambda x, b: np.abs(x - b), "|x − b|"),
        (lambda x, b: -(x + b), "−(x + b)"),
        (lambda x, b: (x + b).T, "(x + b)ᵀ"),
        (lambda x, b: x.transpose(1, 0), "transpose(x, axes=(1, 0))"),
        (lambda x, b: x[:, 1:], "x[:, 1:]"),
        (lambda x, b: x[np.arange(2), [0, 2]], "x[[0, 1], [0, 2]]"),
        (lambda x, b: x[np.array([0, 1, 1, 0])], "x[[0, …, 0]]"),
        (lambda x, b: np.sum(x, axis=0), "Σ(x, axis=0)"),
        (lambda x, b: np.concatenate([x, x]), "concat(x, x)"),
        (lambda x, b: al.mse(x, x, reduction="half_sum"), "½Σ(x − x)²"),
        (lambda x, b: x * 1.0001, "x × 1.0001"),
        (lambda x, b: x * (1 / 3), "x × 0.3333"),
        (lambda x, b: x * 1e-9, "x × (1×10⁻⁹)"),
    ],
)
def test_formulas_read_as_in_a_textbook(program, written):
    x = al.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    b = al.Tensor(1.0, requires_grad=True, name="b")
    assert written in boxes_by_title(al.draw(program(x, b), names={}))


# ------------------------------------------------------------------ gradients and numbers


def test_not_yet_zero_and_not_needed_are_three_different_gradients():
    zero = al.Tensor(1.0, requires_grad=True)
    later = al.Tensor(1.0, requires_grad=True)
    x = al.Tensor(1.0)
    first = zero * 0.0 * x
    first.backward()
    boxes = boxes_by_title(al.draw([first, later * 2]))
    assert boxes["zero"].numbers == ["value", "1", "grad", "0"]
    assert boxes["later"].numbers == ["value", "1", "grad", "none yet"]
    assert boxes["x"].numbers == ["1", "needs no gradient"]
    assert boxes["zero × 0"].numbers == ["0"]


def test_a_result_shows_its_gradient_if_it_was_retained_and_the_legend_says_so():
    drawing = neuron()
    boxes = boxes_by_title(drawing)
    assert boxes["out = σ(rows @ w)"].numbers[5] == "grad"
    assert "grad" not in boxes["rows @ w"].numbers
    assert "retain_grad()" in drawing.source


def test_numbers_have_four_significant_digits_alike_within_a_matrix():
    w = al.Tensor([[9.67299303, -0.2078435], [0.0, -1e-9]], requires_grad=True)
    assert boxes_by_title(al.draw(w))["w"].numbers[1:5] == ["9.673", "−0.208", "0", "0.000"]


def test_a_large_array_is_summed_up_and_its_gradient_beside_it():
    w = al.Tensor(np.arange(128.0), requires_grad=True)
    (w * 2).sum().backward()
    assert boxes_by_title(al.draw(w))["w"].texts == [
        "w", "length 128 · float64", "value", "grad",
        "min", "0", "2", "mean", "63.5", "2", "max", "127", "2",
        "value", "grad",  # Beside the miniatures.
    ]  # fmt: skip


def test_nan_and_infinity_stand_out():
    w = al.Tensor([np.nan, np.inf, -np.inf, 1.0], requires_grad=True)
    drawing = al.draw(w)
    assert boxes_by_title(drawing)["w"].numbers[1:5] == ["nan", "∞", "−∞", "1"]
    assert drawing.source.count("#B3261E") == 3
    big = al.Tensor([1.0] * 8 + [np.nan, np.inf])
    assert boxes_by_title(al.draw(big))["big"].numbers[:-1] == [
        "min", "1", "mean", "1", "max", "1", "nan", "1 of 10", "±∞", "1 of 10",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [3.0, [], np.zeros((0, 3)), [[np.nan]], np.arange(24.0).reshape(2, 3, 4), [1, 2], [True], 1j],
    ids=["scalar", "empty", "no rows", "nan", "three axes", "integers", "booleans", "complex"],
)
def test_any_tensor_without_history_draws(value):
    drawing = al.draw(al.Tensor(value, name="t"))
    assert list(boxes_by_title(drawing)) == ["t"]
    assert drawing.svg().startswith("<svg")


def test_two_outputs_integers_and_what_an_optimiser_rebound_draw():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    k = al.Tensor([3, 4])
    loss, other = (w * k).sum(), w * 2
    loss.backward()
    optim.SGD([w], lr=0.5).step()
    boxes = boxes_by_title(al.draw([loss, other]))
    assert [box.role for box in boxes.values()].count("output") == 2
    assert boxes["w"].numbers == ["value", "1", "2", "grad", "3", "4"]  # As they were used.
    assert boxes["k"].texts[1] == "length 2 · int64"


def test_a_drawing_is_a_snapshot():
    w = al.Tensor(1.0, requires_grad=True)
    loss = w * 2
    drawing = al.draw(loss)
    before = drawing.source
    loss.backward()
    w.data = 5.0
    assert drawing.source == before
    with pytest.raises(AttributeError):
        drawing.rows = ()


# ------------------------------------------------------------------ what is asked for


def test_every_role_has_its_look_and_the_legend_explains_those_that_occur():
    rows = np.ones((1, 2))
    x, w = al.Tensor([[1.0], [2.0]]), al.Tensor([[3.0], [4.0]], requires_grad=True)
    drawing = al.draw((rows @ (w + x)).sum())
    assert {box.role for box in read(drawing)[0].values()} == {
        "input", "parameter", "constant", "result", "output",
    }  # fmt: skip
    legend = ["input", "parameter", "constant", "result", "output"]
    assert texts_of(legend_of(drawing)) == legend
    assert texts_of(legend_of(al.draw(w))) == ["parameter"]
    assert "label" not in al.draw(w, legend=False).source.partition("n0 [")[0]


def legend_of(drawing):
    return drawing.source.partition("label=<")[2].partition("> labelloc")[0]


@pytest.mark.parametrize(
    "show", [(), "shape", "dtype", ("shape", "dtype"), ["value"], ("grad",), ("grad", "value")]
)
def test_show_picks_what_boxes_say(show):
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    (w * 2).sum().backward()
    text = " ".join(boxes_by_title(al.draw(w, show=show))["w"].texts)
    assert ("float64" in text) == ("dtype" in show)
    assert ("length 2" in text) == ("shape" in show)
    assert ("1 2" in text) == ("value" in show)
    assert ("grad 2 2" in text) == ("grad" in show)


def test_a_title_is_drawn_once_without_a_legend_too():
    w = al.Tensor(1.0, name="w")
    assert al.draw(w, title="One weight", legend=False).svg().count(">One weight<") == 1


def test_direction_and_title_reach_the_picture():
    w = al.Tensor(1.0, requires_grad=True)
    assert "rankdir=LR" in al.draw(w).source
    drawing = al.draw(w, rankdir="TB", title='A <title> & "more"')
    assert "rankdir=TB" in drawing.source
    assert "A &lt;title&gt; &amp; &quot;more&quot;" in drawing.source
    assert "Computation graph: A &lt;title&gt;" in drawing.svg()


def test_a_graph_or_a_list_of_tensors_draws_too():
    w = al.Tensor(1.0, requires_grad=True)
    double = w * 2
    graph = al.Graph(double, {"two": double})
    assert set(boxes_by_title(al.draw(graph))) == {"n0", "two = n0 × 2"}
    assert al.draw((double, w)).source == al.draw([double, w]).source


def test_repr_and_str_tell_what_is_drawn():
    drawing = one_weight()
    assert repr(drawing) == '<Drawing of One weight: 4 boxes; .save("picture.svg") writes it>'
    assert str(drawing).splitlines()[0].split() == ["w", "scalar", "·", "float64"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"t": 3},
            TypeError,
            "draw needs a Tensor, several Tensors in a list, or a Graph; got int",
        ),
        ({"t": [1]}, TypeError, "got list with int in it"),
        ({"t": []}, TypeError, "got list"),
        (
            {"show": "values"},
            ValueError,
            "show takes any of 'shape', 'dtype', 'value', 'grad', 'map', 'local'; got 'values'",
        ),
        (
            {"show": None},
            ValueError,
            "show takes any of 'shape', 'dtype', 'value', 'grad', 'map', 'local'; got None",
        ),
        ({"rankdir": "RL"}, ValueError, "rankdir is one of 'LR', 'TB'.*got 'RL'"),
        ({"title": 3}, TypeError, "title is text or None; got int"),
        ({"max_nodes": 2}, ValueError, "max_nodes of 5 or more, got 2"),
        ({"max_nodes": True}, TypeError, "got True"),
        ({"names": [1]}, TypeError, "names must map names to tensors.*got list"),
        ({"names": {"a": 1}}, TypeError, r"names\['a'\] must be a Tensor or an array, got int"),
        ({"names": {1: al.Tensor(1.0)}}, TypeError, "a name is text, got 1 of type int"),
    ],
)
def test_wrong_arguments_are_named_with_what_there_is(arguments, error, message):
    with pytest.raises(error, match=message):
        al.draw(**{"t": al.Tensor(1.0)} | arguments)


# ------------------------------------------------------------------ hostile names

HOSTILE = [
    '"<>&|{}\\',
    "&nbsp;&lt;",
    "</FONT>",
    "a -> b; c",
    "Größe σ²",
    r"\N \G \L \l",
    "  ",
    "--",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_out_as_they_are(name):
    drawing = al.draw(al.Tensor(1.0, requires_grad=True, name=name) * 2)
    assert {name, f"{name} × 2"} == set(boxes_by_title(drawing))


def test_what_cannot_be_seen_is_written_as_an_escape():
    assert printable("a\nb\tc\x00\u202e\ud800") == r"a\nb\tc\x00\u202e\ud800"
    assert printable("中文 e\u0301 👩\u200d💻") == "中文 e\u0301 👩\u200d💻"
    assert set(boxes_by_title(al.draw(al.Tensor(1.0, name="line\nbreak")))) == {r"line\nbreak"}


def test_long_names_are_shortened_and_stand_in_full_in_the_tooltip():
    name = "module." * 10 + "weight"
    (box,) = read(al.draw(al.Tensor(1.0, name=name)))[0].values()
    assert len(box.title) == 28
    assert box.title.startswith("module.")
    assert box.title.endswith(".weight")
    assert name in box.tooltip
    assert shortened("abcdef", 5) == "ab…ef"


# ------------------------------------------------------------------ the same text every time


@pytest.mark.parametrize("program", [one_weight, neuron, layers_before_backward])
def test_the_same_program_gives_the_same_picture(program):
    """``UPDATE_GOLDEN=1 pytest tests/draw/test_dot.py`` accepts a change; look at the result."""
    source, path = program().source, GOLDEN / f"{program.__name__}.dot"
    assert source == program().source
    if "UPDATE_GOLDEN" in os.environ:
        path.write_text(source, encoding="utf-8")
    assert source == path.read_text(encoding="utf-8")


def test_names_can_be_left_out():
    w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = (3 * w).sum()
    assert (
        str(al.draw(loss, names=False)).split()
        == str(al.draw(loss)).replace("loss = Σ(", "Σ(").replace("w", "n0").split()
    )
