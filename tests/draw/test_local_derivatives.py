"""Local derivatives on the arrows of a picture: formulas from the rules, values of small arrays."""

import subprocess
import sys

import numpy as np
import pygraphviz
import pytest
from drawn import texts_of

import autograd_lite as al
from autograd_lite import ops
from autograd_lite.draw.local_derivatives import local
from autograd_lite.ops.writing import Written


def labels(drawing):
    graph = pygraphviz.AGraph(string=drawing.source)
    arrows = ((ends, graph.get_edge(*ends)) for ends in drawing.scene.plan.edges())
    return {ends: texts_of(arrow.attr["label"]) for ends, arrow in arrows if arrow.attr["label"]}


def test_multiplying_along_a_path_gives_the_gradient_at_its_start():
    w = al.Tensor(1.0, requires_grad=True)
    pred = w * 5
    error = (pred - 42) ** 2
    found = labels(al.draw(error, show=["value", "local"]))
    assert list(found.values()) == [["× 5"], ["× 1"], ["× 2 × (pred − 42)", "−74"]]
    error.backward()
    assert w.grad == 5 * 1 * -74


def test_a_rule_that_is_no_product_of_entries_is_written_with_g():
    x = al.Tensor([[1.0, 2.0]], requires_grad=True)
    w = al.Tensor([[3.0], [4.0]], requires_grad=True)
    b = al.Tensor([1.0], requires_grad=True)
    out = al.sigmoid(np.concatenate([x @ w, x @ w]) + b)
    found = [" ".join(texts) for texts in labels(al.draw(out, show="local")).values()]
    assert "g @ wᵀ" in found
    assert "xᵀ @ g" in found
    assert "g.sum(axis=0)" in found or "Σ(g, axis=0)" in found
    assert any(text.startswith("× out × (1 − out)") for text in found)


def rules_of(y, x, v):
    """Write what the last operation sends back to some of its operands."""
    graph = al.Graph(y, {"x": x, "v": v})
    node = graph.outputs[0]
    called = {x.id: Written(x.name or x.id) for x in graph}
    return [
        local(graph, node, i, np.ones(node.shape)).text(called)
        for i, x in enumerate(graph.operands(node)) if x.name
    ]  # fmt: skip


X = np.random.default_rng(0).uniform(0.5, 1.5, (5, 3))


@pytest.mark.parametrize(
    ("shape", "f", "wanted"),
    [
        ((3,), lambda x, v: x + v, ["× 1", "Σ(g, axis=0)"]),
        ((5, 1), lambda x, v: x * v, ["× v", "Σ(g × x, axis=1)"]),
        ((), lambda x, v: x - v, ["× 1", "−Σ(g)"]),
        ((), lambda x, v: x**2, ["× 2 × x"]),
        ((), lambda x, v: np.sum(x, axis=1), ["g"]),
        ((), lambda x, v: np.mean(x, axis=(0,), keepdims=True), ["g / 5"]),
        ((), lambda x, v: np.max(x, axis=1), ["g × ((x == n1) / Σ(x == n1, axis=1))"]),
        ((), lambda x, v: np.linalg.norm(x, axis=1), ["g × (x / n1)"]),
        ((3,), lambda x, v: np.maximum(x, v),
         ["× (x > v)", "Σ(g × (v > x), axis=0)"]),
        ((3,), lambda x, v: x @ v, ["g @ vᵀ", "xᵀ @ g"]),
        ((), lambda x, v: np.reshape(x, 15), ["reshape(g, shape=(5, 3))"]),
    ],
)  # fmt: skip
def test_what_only_restores_a_shape_or_guards_in_vain_is_left_out(shape, f, wanted):
    x = al.Tensor(X, requires_grad=True)
    v = al.Tensor(np.resize(X[0] + 0.1, shape), requires_grad=True)
    assert rules_of(f(x, v), x, v) == wanted


def test_what_provides_for_a_case_that_occurs_stays():
    x = al.Tensor([1.0, 4.0], requires_grad=True)
    v = al.Tensor([1.0, 5.0], requires_grad=True)
    assert rules_of(np.maximum(x, v), x, v)[0] == "× ((x > v) + 0.5 × (x == v))"
    x = al.Tensor([0.0, 4.0], requires_grad=True)
    assert rules_of(np.sqrt(x), x, x * 1) == ["× 0.5 / where(n1 == 0, ∞, n1)"]
    x = al.Tensor([np.nan, 4.0], requires_grad=True)
    (text,) = rules_of(np.max(x), x, x * 1)
    assert "isnan(x)" in text


def test_pictures_do_not_depend_on_whether_something_was_derived_before():
    """The algebra of derivations simplifies rules; it has to be there from the start."""
    program = (
        "import numpy as np, autograd_lite as al\n"
        "x = al.Tensor(np.ones((5, 3)), requires_grad=True, name='x')\n"
        "b = al.Tensor(np.ones(3), requires_grad=True, name='b')\n"
        "loss = ((x + b) ** 2).sum()\n"
        "first = al.draw(loss, show='local').source\n"
        "al.derive(loss).text\n"
        "assert first == al.draw(loss, show='local').source\n"
        "assert 'Σ(g, axis=0)' in first\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_vectors_and_matrices_without_axes_put_in_and_out():
    h = al.Tensor([1.0, 2.0], requires_grad=True)
    w = al.Tensor([[3.0], [4.0]], requires_grad=True)
    found = labels(al.draw(h @ w, show="local"))
    assert sorted(found.values()) == [["h @ gᵀ"], ["w @ g"]]


def test_every_use_of_an_operand_has_its_own_line_and_constants_none():
    w = al.Tensor(3.0, requires_grad=True)
    x = al.Tensor(2.0, name="x")
    found = labels(al.draw(w * w * x, show="local"))
    assert list(found.values()) == [["× w", "3", "× w", "3"], ["× x", "2"]]


def test_by_default_there_are_none_and_an_unknown_part_is_an_error():
    w = al.Tensor(3.0, requires_grad=True)
    assert not labels(al.draw(w * 2))
    assert "on an arrow" in al.draw(w * 2, show="local").source
    with pytest.raises(ValueError, match="'map', 'local'; got 'locals'"):
        al.draw(w * 2, show="locals")


def test_pictures_with_formulas_on_arrows_are_laid_out(tmp_path):
    w = al.Tensor(np.full((3, 3), 0.5), requires_grad=True, name='<"&\\N>')
    path = al.draw(al.softmax(w, axis=1).max(), show=("value", "local")).save(tmp_path / "x.svg")
    assert "&lt;" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("f", "multiplies"),
    [
        (al.sigmoid, True), (al.relu, True), (np.exp, True), (lambda x: x * x, True),
        (np.sum, True), (al.softmax, False), (lambda x: x @ x, False), (np.transpose, False),
        (lambda x: np.sum(x, axis=0), False), (lambda x: x[0], False),
    ],
)  # fmt: skip
def test_a_factor_is_claimed_only_where_the_rule_is_one(f, multiplies):
    x = al.Tensor([[0.5, -1.0], [2.0, 3.0]], requires_grad=True)
    graph = al.Graph(f(x))
    node = graph.outputs[0]
    g = np.random.default_rng(0).normal(size=node.shape)
    found = local(graph, node, 0, g)
    assert (found.factor is not None) == multiplies
    if multiplies:
        rule = node.primitive.rules[0]
        sent = rule(g[()], node.value, *[x.value for x in graph.operands(node)], **node.parameters)
        np.testing.assert_allclose(np.broadcast_to(g * found.value, x.shape),
                                   np.broadcast_to(sent, x.shape))  # fmt: skip


def test_every_operation_that_derivations_know_has_a_rule_in_symbols():
    x = al.Tensor([[0.5, 0.25], [0.75, 0.3]], requires_grad=True)
    made = [op(x) for op in (ops.exp, ops.log, ops.tanh, ops.sqrt, ops.square, ops.sin, ops.mean)]
    for y in made:
        graph = al.Graph(y, {"x": x})
        node = graph.outputs[0]
        drawing = al.draw(graph)
        text = local(graph, node, 0, np.ones(node.shape)).text(drawing.scene.called)
        assert text.startswith(("× ", "g / "))
        assert "np." not in text


def test_a_mean_is_written_in_one_form_on_arrows_and_in_the_backward_pass():
    w = al.Tensor(np.ones((2, 2)), requires_grad=True, name="w")
    loss = (w * w).mean()
    assert ">g / 4<" in al.draw(loss, show="local").source
    assert "/ 4" in str(al.draw(loss, sweep="both"))
    assert "0.25" not in al.draw(loss, show="local").source
