"""The one walk of the backward pass: its order, who gets something, and what its callers decide."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite.core.backward import unbroadcast
from autograd_lite.graph.cotangents import cotangents
from autograd_lite.graph.walk import walk
from autograd_lite.program.expression import Expression


def branches():
    """Two ways from x to the end; the second operand of each product is a constant."""
    x = al.Tensor(2.0, requires_grad=True, name="x")
    a = x * 3.0
    b = np.exp(a) * 5.0
    return al.Graph(a + b, names={"a": a, "b": b})


def test_nodes_are_visited_newest_first_once_everything_has_arrived():
    graph, seen = branches(), []

    def visit(node, g):
        seen.append((node.label, g))
        return g

    arrived = {graph.outputs[0].id: 1}
    walk(graph, arrived, lambda node, i, g: g, visit=visit)
    assert seen == [("add", 1), ("b", 1), ("exp", 1), ("a", 2), ("x", 2)]
    assert arrived == {graph.find(name).id: g for name, g in seen if name in "abx"} | {
        graph.outputs[0].id: 1, graph.consumers(graph.find("a"))[0].id: 1,
    }  # fmt: skip


def test_only_what_requires_a_gradient_and_has_a_rule_gets_something():
    x = al.Tensor([1.0, -1.0], requires_grad=True)
    y = np.where(x > 0, x, 3.0)
    graph, asked = al.Graph(y, names={}), []

    def apply(node, i, g):
        asked.append((node.label, i))
        return g

    walk(graph, {graph.outputs[0].id: 1}, apply)
    assert asked == [("where", 1)]


def test_the_caller_decides_what_a_sum_is_and_where_the_walk_ends():
    graph = branches()
    end, exp = graph.outputs[0].id, graph.consumers(graph.find("a"))[0].id
    paths = {end: "y"}
    walk(graph, paths, lambda node, i, g: g + str(i), add=lambda a, b: f"{a} or {b}")
    assert paths[graph.find("a").id] == "y0 or y100"
    stopped = {end: 1}
    walk(graph, stopped, lambda node, i, g: g, visit=lambda node, g: None if node.id == exp else g)
    assert stopped[graph.find("x").id] == 1
    between = {end: 1}
    walk(graph, between, lambda node, i, g: g, between={graph.find("b").id})
    assert set(between) == {end, graph.find("b").id}


def test_an_error_names_the_rule():
    graph = branches()

    def apply(node, i, g):
        raise ValueError("no such rule")

    with pytest.raises(ValueError, match="no such rule") as caught:
        walk(graph, {graph.outputs[0].id: 1}, apply, where="a derivation")
    (note,) = caught.value.__notes__
    assert note == "This was the rule of <primitive add> for a, in a derivation."


def test_a_long_chain_is_a_loop():
    y = al.Tensor(0.5, requires_grad=True)
    for _ in range(20_000):
        y = -y
    graph = al.Graph(y, names={})
    assert cotangents(graph).arrived["n0"] == 1.0


def test_cotangents_on_arrays_are_those_of_backward_and_sums_of_their_parts():
    rng = np.random.default_rng(0)
    x = al.Tensor(rng.uniform(size=(3, 1)), requires_grad=True, name="x")
    pieces = [x, x * 2.0, np.tanh(x)]
    loss = (np.concatenate(pieces) * np.stack(pieces).sum(axis=2).reshape(9, 1) + x.sum()).sum()
    graph = al.Graph(loss, names={})
    found = cotangents(graph)
    assert x.grad is None
    loss.backward()
    np.testing.assert_array_equal(found.arrived[graph.find("x").id], x.grad.numpy())
    for node in graph:
        parts = [g for (user, i), g in found.parts.items() if graph[user].operands[i] == node.id]
        if parts:
            np.testing.assert_array_equal(found.arrived[node.id], sum(parts[1:], parts[0]))


@pytest.mark.parametrize(
    ("shape", "operand", "operation"),
    [
        ((4, 3), (3,), "sum"),
        ((4, 3), (1, 3), "sum"),
        ((1, 3), (3,), "sum"),
        ((4, 3), (4, 3), None),
        ((2, 4, 3), (1, 3), "reshape"),
    ],
)
def test_unbroadcast_writes_what_it_computes_on_arrays(shape, operand, operation):
    g = np.random.default_rng(0).uniform(size=shape)
    plain = unbroadcast(g, operand)
    written = unbroadcast(Expression(g, name="g"), operand, written=True)
    np.testing.assert_array_equal(plain, written.value)
    assert (written.operation and written.operation.name) == operation
    with pytest.raises(ValueError, match=r"broadcasting does not lead from \(5,\)"):
        unbroadcast(Expression(g, name="g"), (5,), written=True)
