"""The backward pass as a graph, and in pictures: every gradient by name, beside its value."""

import numpy as np
import pytest
from drawn import boxes_by_title, read

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.graph.cotangents import cotangents


def fan_out():
    x = al.Tensor(2.0, requires_grad=True, name="x")
    a, b = x * 3, x + 1
    a.name, b.name = "a", "b"
    y = a * b + x**2
    y.name = "y"
    return x, y


def network():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 2, rng=rng), nn.Tanh(), nn.Linear(2, 1, rng=rng))
    x = al.Tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]], name="x")
    loss = nn.MSE()(net(x), al.Tensor([[1.0], [0.0]], name="t"))
    loss.name = "loss"
    return net, loss


def test_every_gradient_is_a_node_with_a_name_and_its_value():
    net, loss = network()
    loss.backward()
    graph = al.Graph(loss, names={})
    back = graph.backward()
    assert back.differentiated is graph
    of = {key: node for node in back for key in node.gradient_of}
    arrived = cotangents(graph).arrived
    assert of.keys() == arrived.keys()
    for key, node in of.items():
        assert node.name == f"∂loss/∂{graph[key].name or key}"
        np.testing.assert_allclose(node.value, arrived[key], rtol=1e-12)
    for path, parameter in net.named_parameters():
        np.testing.assert_allclose(back.find(f"∂loss/∂{path}").value, parameter.grad.data)
    assert [node.name for node in back.outputs] == [
        f"∂loss/∂{path}" for path in ("2.bias", "2.weight", "0.bias", "0.weight")
    ]


def test_it_is_a_computation_that_gives_the_same_again():
    _net, loss = network()
    back = al.Graph(loss, names={}).backward()
    for node in back:
        if node.primitive is not None:
            values = [x.value for x in back.operands(node)]
            again = node.primitive.forward(*values, **node.parameters)
            np.testing.assert_array_equal(again, node.value)


def test_identifiers_of_forward_values_stay_and_both_passes_fit_together():
    _net, loss = network()
    graph = al.Graph(loss, names={})
    back, both = graph.backward(), graph.backward(forward=True)
    assert both.nodes[: len(graph)] == graph.nodes
    assert [n.id for n in both.nodes[len(graph) :]] == [n.id for n in back if n.backward]
    for node in back:
        if not node.backward:
            assert node.kind == "constant"
            assert node.value is graph[node.id].value
    assert both.outputs[0] is graph.outputs[0]
    ids = [node.id for node in both]
    assert len(set(ids)) == len(ids)
    seen = set()
    for node in both:
        assert set(node.operands) <= seen
        seen.add(node.id)


def test_nothing_of_the_users_is_touched():
    x, y = fan_out()
    called = []
    x.register_hook(called.append)
    before = al.Graph(y, names={})
    before.backward()
    assert x.grad is None
    assert not called
    x.data = 7.0  # What was used is what counts.
    assert al.Graph(y, names={}).backward().find("∂y/∂x").value == 3 * 3 + 6 + 4


def test_gradients_belong_where_their_values_do():
    _net, loss = network()
    both = al.Graph(loss, names={}).backward(forward=True)
    for node in both:
        for key in node.gradient_of:
            assert both.home(node) == both.home(both[key])


def test_without_gradients_it_says_so():
    with pytest.raises(ValueError, match="has no gradients: no output requires one"):
        al.Graph(al.Tensor(1.0)).backward()


def test_print_is_a_listing(capsys):
    _x, y = fan_out()
    print(al.Graph(y, names={}).backward())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["n0", "x", "constant", "()"]
    assert "∂y/∂x" in lines[-1]
    assert len(lines) == len(al.Graph(y, names={}).backward())


# ------------------------------------------------------------------ pictures


def test_a_gradient_is_one_box_with_its_rule_in_it():
    _x, y = fan_out()
    boxes = boxes_by_title(al.draw(y, sweep="both", names={}))
    assert {title for title, box in boxes.items() if box.role == "gradient"} == {
        "∂y/∂y",
        "∂y/∂n5 = ∂y/∂y",
        "∂y/∂n7 = ∂y/∂y",
        "∂y/∂a = ∂y/∂n5 × b",
        "∂y/∂b = ∂y/∂n5 × a",
        "∂y/∂x = 3 × ∂y/∂a + ∂y/∂b + 2 × (∂y/∂n7 × x)",
    }
    assert boxes["∂y/∂x = 3 × ∂y/∂a + ∂y/∂b + 2 × (∂y/∂n7 × x)"].texts[-1] == "19"


def test_a_gradient_stands_beside_its_value_and_its_arrows_run_back():
    _net, loss = network()
    drawing = al.draw(loss, sweep="both", width=None)
    boxes = {box.id: box for box in drawing.scene.plan.boxes}
    places = drawing.source
    for box in boxes.values():
        for key in getattr(box, "gradient_of", ()):
            pair = places.partition(f"\t{key} -> {box.id} [arrowhead=none")
            assert pair[1]
            assert "rank=same" in pair[0][-200:]
    _boxes, arrows = read(drawing)
    graph = drawing.scene.graph
    found = [(a, b) for a, b in arrows if graph[a].gradient_of and graph[b].gradient_of]
    for start, end in found:  # From the gradient of a result to that of its operand.
        (result,), (operand,) = graph[start].gradient_of, graph[end].gradient_of
        assert operand in graph[result].operands
    gradients = {node.id for node in graph if node.gradient_of and node.operands}
    assert {end for _, end in found} == gradients


def test_backward_alone_has_forward_values_as_constants():
    _net, loss = network()
    boxes, _ = read(al.draw(loss, sweep="backward"))
    roles = {box.role for box in boxes.values()}
    assert roles == {"gradient", "constant"}


def test_gradients_of_create_graph_are_named_by_their_tensors():
    w = al.Tensor(2.0, requires_grad=True, name="w")
    (w**3).backward(create_graph=True)
    boxes = boxes_by_title(al.draw(w.grad, names={}))
    assert any(title.startswith("∂L/∂w = ") for title in boxes)


def test_every_format_takes_it(tmp_path):
    _net, loss = network()
    for passes in ("both", "backward"):
        drawing = al.draw(loss, sweep=passes)
        assert drawing.subject == ("loss" if passes == "both" else "loss, backward")
        for suffix in (".svg", ".mmd", ".txt", ".json", ".dot"):
            text = drawing.save(tmp_path / f"x{suffix}").read_text("utf-8")
            plain = text.replace("\\u2202", "∂").replace("#47;", "/")  # JSON, Mermaid.
            assert "∂loss/∂0.weight" in plain
        assert drawing.html() == al.draw(loss).html()  # A page goes both ways.
    with pytest.raises(ValueError, match="sweep is one of 'forward', 'backward', 'both'"):
        al.draw(loss, sweep="back")


def test_a_large_picture_of_both_leaves_arrows_out_and_says_so():
    w = al.Tensor(np.eye(2), requires_grad=True, name="w")
    h = al.Tensor(np.ones((1, 2)), name="x")
    for _ in range(40):
        h = np.tanh(h @ w)
    drawing = al.draw(h.sum(), sweep="both", max_nodes=400)
    assert "stand in its formula, without arrows" in drawing.source
    graph = drawing.scene.graph
    _, arrows = read(drawing)
    assert not [
        1
        for a, b in arrows
        if graph[b].backward and not graph[a].backward and a not in graph[b].gradient_of
    ]
    assert drawing.svg()


def test_a_gradient_that_is_negative_is_subtracted():
    w = al.Tensor(2.0, requires_grad=True, name="w")
    loss = w * 3 - w
    loss.name = "L"
    assert "∂L/∂w = 3 × ∂L/∂n2 − ∂L/∂L" in str(al.draw(loss, sweep="both"))
