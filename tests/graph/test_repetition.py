"""Loops are found in what they did: with and without modules, shared weights, state handed on."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn
from autograd_lite.graph import repetitions

rng = np.random.default_rng(0)


def loops(result):
    return repetitions(al.Graph(result, names={}))


def test_steps_that_share_weights_and_hand_on_a_state():
    w, v = (al.Tensor(rng.normal(size=(3, 3)), requires_grad=True, name=name) for name in "wv")
    h = al.Tensor(np.zeros((2, 3)), name="start")
    data = [rng.normal(size=(2, 3)) for _ in range(10)]
    for x in data:
        h = np.tanh(x @ w + h @ v)
    (loop,) = loops((h**2).mean())
    assert len(loop) == 10
    assert [node.primitive.name for node in loop.body] == ["matmul", "matmul", "add", "tanh"]
    assert {node.name for node in loop.shared} == {"w", "v"}
    ((source, initial),) = loop.carried
    assert loop.body[source].primitive.name == "tanh"
    assert initial.name == "start"
    (given,) = loop.given
    for node, x in zip(given, data, strict=True):
        np.testing.assert_array_equal(node.value, x)


def test_several_states_and_one_that_is_used_twice():
    k, x, v = al.Tensor(1.5, requires_grad=True), al.Tensor(1.0), al.Tensor(0.0)
    for _ in range(100):
        v = v - 0.01 * k * x
        x = x + 0.01 * v
    (loop,) = loops((x - 0.3) ** 2)
    assert (len(loop), len(loop.body), len(loop.carried)) == (100, 5, 2)


def test_blocks_of_modules_have_weights_of_their_own():
    class Block(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(3, 3, rng=rng)

        def forward(self, x):
            return x + np.tanh(self.fc(x))

    net = nn.Sequential(*[Block() for _ in range(7)])
    (loop,) = loops(net(np.ones((1, 3))).sum())
    assert len(loop) == 7
    assert [len(column) for column in loop.given] == [7, 7]  # Weights, biases.
    assert len(loop.carried) == 1


def test_a_loop_in_a_loop_is_in_its_body():
    h, w = (al.Tensor(np.ones(3), requires_grad=True) for _ in range(2))
    for _ in range(4):
        for _ in range(10):
            h = np.tanh(h * w)
        h = h / h.sum()
    (outer,) = loops(h)
    (inner,) = outer.inner
    assert (len(outer), len(outer.body)) == (4, 22)
    assert (len(inner), len(inner.body)) == (10, 2)
    assert sorted(map(len, outer.columns)) == [4, 4, 40, 40]


def test_a_sum_of_squares_takes_another_parameter_in_every_round():
    parameters = [al.Tensor(float(i), requires_grad=True) for i in range(50)]
    (loop,) = loops(sum(p * p for p in parameters))
    assert len(loop) == 50
    (given,) = loop.given
    assert [node.tensor for node in given] == parameters


@pytest.mark.parametrize(
    "change",
    [lambda h, w, i: h @ w * (1 + i), lambda h, w, i: np.sum(h @ w, axis=i % 2, keepdims=True) + h],
    ids=["a number", "a setting"],
)
def test_rounds_that_differ_are_not_equal(change):
    h, w = (al.Tensor(np.eye(2), requires_grad=True) for _ in range(2))
    for i in range(4):
        h = change(h, w, i)
    assert not loops(h)


def test_what_does_not_repeat_is_no_loop_and_two_rounds_are_none():
    x = al.Tensor(2.0, requires_grad=True)
    assert loops(np.sin(x) * np.exp(x) + x) == ()
    assert loops(np.tanh(np.tanh(x) * 2.0) * 2.0) == ()


def test_rounds_follow_each_other_and_no_operation_is_in_two_loops():
    r = np.random.default_rng(1)
    values = [al.Tensor(r.normal(), requires_grad=True) for _ in range(4)]
    for i in range(300):
        a, b = (values[j] for j in r.integers(max(0, len(values) - 6), len(values), 2))
        values.append([a + b, a * b, np.tanh(a)][i % 3])
    graph = al.Graph(sum(values[-3:]), names={})
    seen = [node.id for loop in repetitions(graph) for body in loop.rounds for node in body]
    assert len(seen) == len(set(seen))
    for loop in repetitions(graph):
        for column in loop.columns:
            assert len({(node.primitive, node.shape) for node in column}) == 1
