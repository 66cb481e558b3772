"""The graph as an object: order, names, values, recomputation."""

import copy
import gc
import pickle
import sys
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.graph import names_in, write
from autograd_lite.graph.nodes import homes


def network():
    x = al.Tensor([[1.0, 2.0]], name="x")
    w = al.Tensor([[0.5], [-0.25]], requires_grad=True, name="w")
    z = x @ w
    out = al.sigmoid(z)
    return x, w, z, out, al.mse(out, np.array([[1.0]]))


def test_nodes_stand_in_order_of_computation_with_operands_before_results():
    *_, loss = network()
    graph = al.Graph(loss)
    assert [node.id for node in graph] == [f"n{i}" for i in range(len(graph))]
    for node in graph:
        assert all(int(x[1:]) < int(node.id[1:]) for x in node.operands)
    assert [node.kind for node in graph] == [
        "input", "parameter", "operation", "operation", "constant", "operation",
    ]  # fmt: skip


def test_the_same_program_gives_the_same_text():
    assert str(al.Graph(network()[-1])) == str(al.Graph(network()[-1]))
    assert str(al.Graph(network()[-1])).splitlines()[2].split() == ["n2", "matmul", "n0", "@", "n1",
                                                                    "(1,", "1)"]  # fmt: skip


def test_local_variables_give_names_and_a_tensors_own_name_comes_first():
    _x, w, z, _out, loss = network()
    layers = [z]
    graph = al.Graph(loss, names_in(sys._getframe()))
    assert [node.name for node in graph] == ["x", "w", "z", None, None, "loss"]
    assert layers[0] is graph.find("z").tensor
    names = names_in(sys._getframe())
    assert names["z"] is z
    assert "layers[0]" not in names  # It has a name already.
    w.name = "weight"
    assert al.Graph(loss, names_in(sys._getframe())).find("weight").tensor is w


def test_what_dicts_and_objects_hold_has_names_that_are_not_taken():
    a, b, c, d, e = (al.Tensor(float(k)) for k in range(5))
    net = SimpleNamespace(W=a, params={"V": b, "b": c}, other=al.nn)
    vars(net)[3] = e  # No name: it has another one.
    found = names_in(
        {"net": net, "cache": {"b": d, "Z1": e, "W": a, 1: a}, "V": 3, "nothing": None}
    )
    assert found == {"W": a, "net.params['V']": b, "net.params['b']": c, "cache['b']": d, "Z1": e}
    w = al.Tensor(1.0, requires_grad=True)
    found = names_in({"grads": {"W": d}, "params": {"W": w}})
    assert found == {"grads['W']": d, "W": w}
    assert names_in({"hs": {-1: a, 1: b}}) == {"hs[1]": b}


def test_variables_of_the_module_give_names():
    space = {"al": al, "w": al.Tensor([1.0, 2.0], requires_grad=True)}
    space["by_hand"] = np.array([2.0, 4.0])
    program = """
loss = (w * w).sum()
found_last = w

def main():
    al.compare(loss, {"w": by_hand}).assert_ok()
    return str(al.draw(loss)), str(al.derive(loss))

def hidden(w):
    inner = w * 2.0
    return names(), loss

def shadowed():
    return hidden(al.Tensor(1.0))
"""
    space["names"] = lambda: names_in(sys._getframe(1))
    exec(program, space)
    drawn, derived = space["main"]()
    assert drawn.splitlines()[0].split()[0] == "w"
    assert "d_w = 2 * w" in derived
    found, loss = space["shadowed"]()
    assert found["loss"] is loss
    assert found["w"].item() == 1.0
    assert list(found) == ["w", "inner", "loss", "found_last"]  # Another w stands before that.


def test_shared_operands_are_one_node_and_consumers_are_known():
    a = al.Tensor(2.0, requires_grad=True, name="a")
    b = a + a
    graph = al.Graph(b * b)
    assert len(graph) == 3
    assert graph.find("a").id == "n0"
    assert graph[1].operands == ("n0", "n0")
    assert graph.consumers(graph[0]) == (graph[1],)
    assert graph.operands(graph[2]) == (graph[1], graph[1])
    assert graph.outputs == (graph[2],)


def test_a_gradient_that_was_not_computed_is_none_and_not_zero():
    _, w, z, _, loss = network()
    assert al.Graph(loss).find(w).grad is None
    z.retain_grad()
    loss.backward()
    graph = al.Graph(loss)
    np.testing.assert_array_equal(graph.find(w).grad, w.grad)
    np.testing.assert_array_equal(graph.find(z).grad, z.grad)


def test_a_graph_keeps_the_values_that_were_computed_with():
    _, w, _, _, loss = network()
    w.data = [[9.0], [9.0]]
    np.testing.assert_array_equal(al.Graph(loss).find(w).value, [[0.5], [-0.25]])


def test_a_parameter_used_with_two_values_is_two_nodes():
    w = al.Tensor(1.0, requires_grad=True, name="w")
    first = w * 2.0
    w.data = 5.0
    graph = al.Graph(first + w)
    assert {node.value for node in graph if node.name == "w"} == {1.0, 5.0}
    with pytest.raises(KeyError, match="name of 2 nodes"):
        graph.find("w")


def test_an_assignment_shows_as_an_operation_on_the_old_value():
    t = al.Tensor([1.0, 2.0], requires_grad=True) * 1.0
    before = t.sum()
    t[0] = 7.0
    graph = al.Graph([before, t.sum()])
    assert [node.primitive.name for node in graph if node.primitive] == [
        "multiply", "sum", "assign", "sum",
    ]  # fmt: skip
    assert [float(node.value) for node in graph.outputs] == [3.0, 9.0]


def test_recompute_gives_the_outputs_for_other_values_anywhere():
    _, w, z, _, loss = network()
    graph = al.Graph(loss)
    (same,) = graph.recompute({})
    assert same == loss.item()
    (moved,) = graph.recompute({graph.find(w).id: np.zeros((2, 1))})
    assert moved == 0.25  # (sigmoid(0) - 1)²
    (inner,) = graph.recompute({graph.find(z).id: np.zeros((1, 1))})
    assert inner == 0.25
    assert graph.recompute({"w": np.zeros((2, 1))}) == graph.recompute({w: [[0], [0]]}) == (0.25,)
    back = graph.backward()  # Its forward values are found, too.
    same = back.recompute({graph.find("w").id: np.ones((2, 1))})
    np.testing.assert_array_equal(back.recompute({"w": np.ones((2, 1))}), same)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.recompute({"q": 1.0}), KeyError, "'q' is not in this graph"),
        (lambda g: g.recompute({"w": np.ones(3)}), ValueError, r"\(2, 1\) for w, got \(3,\)"),
        (lambda g: g.recompute([1.0]), TypeError, "a dict of new values by node, got a list"),
        (lambda g: g.backward().recompute({"q": 1.0}), KeyError, "'q' is not in this graph"),
        (lambda g: g.consumers("q"), KeyError, "'q' is not in this graph"),
        (lambda g: g.operands(3), TypeError, "found by its name or its tensor, got 3"),
        (lambda g: g.find(np.ones(2)), TypeError, "found by its name or its tensor, got array"),
        (lambda g: al.Graph(g[0].tensor, 3), TypeError, r"names as a dict, got a int"),
    ],
)
def test_what_is_not_in_a_graph_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call(al.Graph(network()[-1], {"w": network()[1]}))


@pytest.mark.parametrize(
    ("f", "at", "then"),
    [
        (lambda x: al.relu(x).sum(), [1.0, -1.0], [-1.0, 1.0]),
        (lambda x: np.max(x) * 3.0, [1.0, 2.0], [5.0, 2.0]),
        (lambda x: np.prod(x), [1.0, 2.0, 3.0], [0.0, 2.0, 3.0]),
        (lambda x: (np.sort(x) * np.arange(3.0)).sum(), [1.0, 2.0, 3.0], [3.0, 1.0, 2.0]),
        (lambda x: np.maximum(x, 0.5).sum() * np.abs(x).sum(), [1.0, -2.0], [-1.0, 2.0]),
    ],
)
@pytest.mark.parametrize("forward", [True, False])
def test_gradients_recomputed_at_other_values_take_their_masks_and_positions(f, at, then, forward):
    x = al.Tensor(at, requires_grad=True, name="x")
    gradients = al.Graph(f(x), names={}).backward(forward=forward)
    changes = {"n0": np.array(then)}
    if not forward:  # Then the forward values are given, each by itself.
        moved = al.Graph(f(al.Tensor(then, requires_grad=True)), names={})
        changes = {node.id: node.value for node in moved}
    np.testing.assert_allclose(gradients.recompute(changes)[-1], al.grad(f)(np.array(then)))
    np.testing.assert_allclose(gradients.recompute({})[-1], al.grad(f)(np.array(at)))


def test_gradients_on_the_way_are_changed_together_with_forward_values():
    x = al.Tensor([1.0, -1.0], requires_grad=True, name="x")
    gradients = al.Graph(al.relu(x).sum(), names={}).backward(forward=True)
    seed = next(node.id for node in gradients if node.gradient_of == ("n2",))
    changes = {"n0": np.array([-1.0, 1.0]), seed: np.float64(5.0)}
    np.testing.assert_array_equal(gradients.recompute(changes)[1], [0.0, 5.0])
    y = al.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="y")
    gradients = al.Graph(np.prod(y), names={}).backward(forward=True)
    seed = next(node.id for node in gradients if node.gradient_of == ("n1",))
    with pytest.raises(ValueError, match=f"computed by other operations, so {seed} cannot be"):
        gradients.recompute({"n0": np.array([0.0, 2.0, 3.0]), seed: 1.0})


def test_second_derivatives_are_recomputed_at_other_values():
    x = al.Tensor([1.0, -2.0], requires_grad=True, name="x")
    twice = (
        al.Graph((al.relu(x) ** 3).sum(), names={}).backward(forward=True).backward(forward=True)
    )
    # Of the sum of all outputs of the first: the loss x³, and its gradient 3 x².
    *_, of_both = twice.recompute({"n0": np.array([-1.0, 2.0])})
    np.testing.assert_array_equal(of_both, [0.0, 3 * 2.0**2 + 6 * 2.0])


def test_operations_are_written_as_code_and_as_mathematics():
    *_, loss = network()
    graph = al.Graph(loss)
    assert write(graph[2], ["X", "W"]) == "X @ W"
    assert write(graph[3], ["z"], "latex") == r"\sigma\left(z\right)"
    joined = al.Graph(np.concatenate([loss.reshape(1), loss.reshape(1)]))
    assert write(joined.outputs[0], ["p", "q"]) == "np.concatenate([p, q])"
    with pytest.raises(ValueError, match="not the result of an operation"):
        write(graph[0], [])


def test_a_tensor_without_history_is_a_graph_of_one_node():
    graph = al.Graph(al.Tensor([1, 2], name="data"))
    assert len(graph) == 1
    assert graph[0].kind == "input"
    assert repr(graph) == "<Graph of data: 1 nodes>"


def test_deep_and_doubling_graphs_do_not_recurse_or_explode():
    x = al.Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100):
        y = y + y
    assert len(al.Graph(y)) == 101
    for _ in range(50_000):
        x = -x
    assert len(al.Graph(x)) == 50_001


def test_mistakes_are_named():
    *_, loss = network()
    graph = al.Graph(loss)
    with pytest.raises(KeyError, match="Names in it: x, w"):
        graph.find("missing")
    with pytest.raises(KeyError, match="is not in this graph of 6 nodes"):
        graph.find(al.Tensor(1.0))
    with pytest.raises(TypeError, match="Graph needs Tensors, got float"):
        al.Graph([1.0])
    with pytest.raises(ValueError, match="at least one Tensor"):
        al.Graph([])


# ------------------------------------------------------------ where a value was made


class Net(nn.Module):
    def __init__(self):
        rng = np.random.default_rng(0)
        self.hidden = nn.Linear(2, 3, rng=rng)
        self.cell = nn.Linear(3, 3, bias=False, rng=rng)

    def forward(self, x):
        h = np.tanh(self.hidden(x))
        return self.cell(self.cell(h)), h


def test_calls_of_modules_are_known_from_the_outermost_inwards():
    net = Net()
    out, h = net(np.ones((4, 2)))
    graph = al.Graph(out.sum(), names={"h": h})
    (net_call, cell) = graph[-2].calls
    assert (net_call.path, net_call.kind, net_call.parameters) == ("", "Net", 18)
    assert (cell.path, cell.kind, cell.number, cell.parameters) == ("cell", "Linear", 1, 9)
    assert graph[-3].calls[1].number == 0  # The first of two calls of one module.
    assert [call.path for call in graph.find("h").calls] == [""]
    assert graph[-1].calls == graph.find("hidden.weight").calls == ()


def test_calls_outlive_the_module():
    out, _ = Net()(np.ones((4, 2)))
    assert [(call.kind, call.parameters) for call in al.Graph(out)[-1].calls] == [
        ("Net", None),
        ("Linear", None),
    ]


def test_result_that_a_module_keeps_is_freed_at_once():
    class Keeps(nn.Module):
        def __init__(self):
            self.w = al.Tensor(1.0, requires_grad=True)

        def forward(self, x):
            self.last = self.w * x
            return self.last

    gc.disable()
    try:
        module = Keeps()
        module(2.0)
        kept = weakref.ref(module)
        del module
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger holds the variables")
def test_looking_for_names_keeps_nothing_alive():
    gc.disable()
    try:
        x = al.Tensor(np.ones(3), requires_grad=True)
        middle = x * 2.0
        kept = weakref.ref(middle)
        assert "middle" in str(al.draw(middle))
        str(al.derive(np.sum(middle)))
        with al.detect_anomaly():
            np.sum(middle)
        del middle
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="exec makes no variables there")
def test_looking_for_names_keeps_what_exec_has_made():
    exec("made = al.Tensor(3.0)")
    found = names_in(sys._getframe())
    assert found["made"] is eval("made")


def test_module_that_returns_what_it_was_given_made_nothing():
    t = al.Tensor(1.0, requires_grad=True) * 2.0
    nn.Sequential()(t)
    assert al.Graph(t)[-1].calls == ()


def test_source_is_recorded_where_asked_for():
    w = al.Tensor(2.0, requires_grad=True)
    before = w * w
    with al.record_source():
        inside = before * w
        with al.no_grad(), al.enable_grad():
            nested = inside + 1.0
        gradient = al.grad(lambda x: x * nested)(1.0)
    after = nested * w
    sources = [node.source for node in al.Graph(after) if node.primitive]
    assert [source and source.text for source in sources] == [
        None,
        "inside = before * w",
        "nested = inside + 1.0",
        None,
    ]
    assert str(sources[1]).startswith("test_graph.py:")
    assert gradient.item() == 9.0


def test_source_follows_what_is_changed_in_place():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    with al.record_source():
        t = w * 2.0
        t[0] = 5.0
    sources = [node.source.text for node in al.Graph(t) if node.primitive]
    assert sources == ["t = w * 2.0", "t[0] = 5.0"]


def test_source_can_be_recorded_by_a_decorator():
    @al.record_source()
    def f(w):
        return w * w

    assert al.Graph(f(al.Tensor(2.0, requires_grad=True)))[-1].source.text == "return w * w"


def test_a_listing_says_modules_and_lines_where_they_are_known():
    with al.record_source():
        y = nn.Linear(1, 1, bias=False)(np.ones((1, 1)))
        z = y * 2.0
    lines = str(al.Graph(z, names={"z": z})).splitlines()
    assert lines[0].split() == ["n0", "weight", "parameter", "(1,", "1)"]
    assert "  Linear  " in lines[2]
    assert lines[-1].endswith("z = y * 2.0")
    assert "test_graph.py:" in lines[-1]


def test_a_leaf_belongs_where_it_alone_is_used_and_held():
    net = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    x = al.Tensor(np.ones((1, 1)), requires_grad=True, name="x")
    graph = al.Graph(net(x), names={})
    assert [call.path for call in graph.home(graph.find("1.bias"))] == ["", "1"]
    assert graph.home(graph.find("x")) == ()
    shared = al.Graph(net(x) + net[0].weight if hasattr(net, "__getitem__") else net(x), names={})
    assert shared.home(shared.find("1.weight"))[-1].path == "1"


def test_an_array_that_is_used_inside_and_outside_of_modules_is_one_node():
    class Residual(al.nn.Module):
        def __init__(self):
            self.fc = al.nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(x) + x

    data = np.ones((2, 4))
    result = Residual()(data) * data
    assert [node.name for node in al.Graph(result)].count("data") == 1
    assert str(al.draw(result)).count("\ndata  ") == 1
    image = np.random.default_rng(0).normal(size=(1, 1, 4, 4))
    convolved = al.nn.Conv2d(1, 1, 3, padding=1)(image) + image
    assert [node.name for node in al.Graph(convolved)].count("image") == 1


def test_two_copies_that_differ_in_a_sign_only_are_two_nodes():
    w, x = al.Tensor(np.ones(2), requires_grad=True), np.zeros(2)
    before = w * x
    x[:] = -0.0
    result = before + w * x
    graph = al.Graph(result)
    copies = [node.value for node in graph if node.kind == "constant"]
    assert [np.signbit(value).all() for value in copies] == [False, True]


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Conv2d(1, 2, 3), (1, 1, 5, 5)), (nn.LSTM(3, 2), (4, 1, 3))]
)
def test_what_a_network_was_called_with_is_outside_of_it_though_a_layer_makes_a_tensor_of_it(
    layer, shape
):
    class Net(nn.Module):
        def __init__(self):
            self.layer = layer

        def forward(self, x):
            found = self.layer(x)
            return found if isinstance(found, al.Tensor) else found[0]

    given = np.random.default_rng(0).normal(size=shape)
    graph = al.Graph(Net()(given), names={})
    (entering,) = (node for node in graph if node.kind == "input")
    assert homes(graph, ())[entering.id] == ()
    assert homes(graph, {entering.id})[entering.id] == ()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_what_shows_a_computation_can_be_copied_and_pickled(copied):
    net = nn.Sequential(nn.Linear(3, 2, rng=np.random.default_rng(0)), nn.Tanh(), nn.Linear(2, 1))
    loss = al.mse(net(np.ones((4, 3))), np.zeros((4, 1)))
    graph, drawing, derivation = al.Graph(loss), al.draw(loss, sweep="both"), al.derive(loss)
    derivation.function(**derivation.arguments)
    assert str(copied(graph).backward()) == str(graph.backward())
    assert copied(graph).to_json() == graph.to_json()
    assert copied(drawing).source == drawing.source
    assert (str(copied(derivation)), copied(derivation).latex) == (
        str(derivation),
        derivation.latex,
    )
    assert copied(graph).tensors == frozenset()
    derivation = al.derive(lambda x: np.sum(x * (x < 1)) * np.argmax(x), np.array([0.5, 2.0]))
    (gradient,) = copied(derivation).function(np.array([-0.5, 0.25]))[1].values()
    assert gradient.tolist() == [1.0, 1.0]
    derivation = al.derive(lambda x: np.mean(x[x > 0.5] ** 2), np.array([0.5, 2.0, 3.0, 4.0]))
    assert str(copied(derivation)) == str(derivation)
    _, gradients = copied(derivation).function(np.array([1.0, 0.0, 2.0, 3.0]))
    assert gradients["x"] == pytest.approx([2 / 3, 0.0, 4 / 3, 2.0])
    derivation = al.derive(lambda x: np.sum(np.maximum(x, 0)[x > 0.5]), np.array([0.0, 2.0]))
    assert copied(derivation).function(np.array([1.0, 0.0]))[0] == 1.0
    loss.backward()


def test_a_name_comes_before_an_identifier():
    x = al.Tensor(2.0, requires_grad=True, name="n1")
    graph = al.Graph(np.sin(x))
    assert graph.nodes[1].id == "n1"
    assert graph.find("n1").tensor is x
