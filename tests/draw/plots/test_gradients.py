"""Gradient sizes along a network: they are NumPy's, and what is wrong is called by its name."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim
from autograd_lite.draw.plots.layers import measure, of_graph, of_module
from autograd_lite.graph.cotangents import cotangents


def rms(*gradients):
    entries = np.concatenate([np.asarray(g.data).ravel() for g in gradients])
    return np.sqrt((entries**2).mean())


def deep(width=8, count=8, act=nn.Sigmoid, scale=1.0):
    rng = np.random.default_rng(0)
    layers = []
    for _ in range(count):
        linear = nn.Linear(width, width, rng=rng)
        linear.weight.data = linear.weight.numpy() * scale
        layers += [linear, act()]
    net = nn.Sequential(*layers, nn.Linear(width, 1, rng=rng))
    return net, (net(rng.normal(size=(16, width))) ** 2).mean()


def test_sizes_are_those_of_the_gradients_of_weight_and_bias_together():
    net, loss = deep(count=2)
    loss.backward()
    plot = al.draw_gradients(net)
    for i, line in zip((0, 2, 4), plot.lines[1:4], strict=True):
        size = float(line.split()[3].translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789"))
                     .replace("×10", "e"))  # fmt: skip
        assert size == pytest.approx(rms(net[i].weight.grad, net[i].bias.grad), rel=1e-3)
    assert al.draw_gradients(loss).lines == plot.lines  # Computed anew, from the loss.


def test_gradients_of_a_module_are_those_it_has_and_of_a_loss_those_of_one_pass():
    net, loss = deep(count=1)
    loss.backward()
    once = al.draw_gradients(loss).lines
    loss.backward()
    assert al.draw_gradients(loss).lines == once
    (first, *_) = [measure(x, {n: p.grad.numpy() for n, p in net.named_parameters()})
                   for x in of_module(net)]  # fmt: skip
    (anew, *_) = [measure(x, cotangents(al.Graph(loss)).arrived) for x in of_graph(al.Graph(loss))]
    assert first.size == pytest.approx(2 * anew.size)


def test_vanishing_and_exploding_are_told_apart_and_name_the_layers():
    _, loss = deep()
    assert "vanishing on the way back: 0 · Linear has" in str(al.draw_gradients(loss))
    _, loss = deep(act=nn.Tanh, scale=6.0)
    _, healthy = deep(act=nn.Tanh, scale=1.7, count=3)
    assert "no layer has 100 times the gradient of another" in str(al.draw_gradients(healthy))
    w1, w2 = (al.Tensor([[x]], requires_grad=True) for x in (0.001, 1000.0))
    assert "exploding on the way back: w1 has" in str(
        al.draw_gradients((np.ones((1, 1)) @ w1 @ w2).sum())
    )


def test_dead_units_are_counted_by_layer():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 1, rng=rng))
    net[0].bias.data = np.where(np.arange(8) < 3, -100.0, 100.0)
    loss = net(rng.normal(size=(16, 4))).sum()
    loss.backward()
    for plot in (al.draw_gradients(net), al.draw_gradients(loss)):
        assert plot.lines[1].endswith("3 of 8")
        assert "dead units, whose gradient is exactly 0: 3 of 8 in 0 · Linear" in plot.lines


def test_an_input_that_is_always_0_is_no_dead_unit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4)) * [1, 0, 1, 0]
    w = al.Tensor(rng.normal(size=(4, 3)), requires_grad=True)
    v = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True)
    assert "0 of 3" in al.draw_gradients((x @ w).sum()).lines[1]
    assert "0 of 3" in al.draw_gradients((v @ x.T).sum()).lines[1]
    both = np.tanh(w @ v)  # Whose units they are is not known.
    assert al.draw_gradients((w.T * v).sum() + both.sum()).lines[1].endswith("–")


def test_filters_are_units():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3, rng=rng), nn.ReLU())
    net[0].bias.data = np.array([-100.0, 1.0, 1.0, -100.0])
    loss = net(rng.normal(size=(3, 2, 6, 6))).sum()
    loss.backward()
    for plot in (al.draw_gradients(net), al.draw_gradients(loss)):
        assert plot.lines[1].endswith("2 of 4")


def test_tiny_gradients_are_not_taken_for_0_and_infinite_ones_are_said():
    w = al.Tensor(np.ones((2, 2)), requires_grad=True)
    assert "1×10⁻²⁰⁰" in str(al.draw_gradients((np.ones((1, 2)) @ w).sum() * 1e-200))
    w.grad = np.full((2, 2), np.inf)
    net = nn.Linear(2, 2, bias=False)
    net.weight.grad = np.full((2, 2), np.inf)
    assert "not finite: weight" in str(al.draw_gradients(net))
    net.weight.grad = np.zeros((2, 2))
    assert "all exactly 0: weight" in str(al.draw_gradients(net))


def test_a_layer_that_is_not_used_is_said_and_no_gradient_at_all_is_an_error():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Linear(2, 1, rng=rng))
    with pytest.raises(ValueError, match=r"no parameter of Sequential has a gradient yet"):
        al.draw_gradients(net)
    net[0](np.ones((1, 2))).sum().backward()
    assert "no gradient, not part of the computation: 1 · Linear" in str(al.draw_gradients(net))
    with pytest.raises(ValueError, match=r"one entry, got shape \(1, 2\)"):
        al.draw_gradients(net[0](np.ones((1, 2))))
    with pytest.raises(TypeError, match=r"needs a Module, a loss .* or a Recorder; got list"):
        al.draw_gradients([net])
    with pytest.raises(ValueError, match="nothing was recorded"):
        al.draw_gradients(al.Recorder())
    with pytest.raises(ValueError, match="requires a gradient"):
        al.draw_gradients(al.Tensor(1.0))
    with pytest.raises(ValueError, match="theme is one of"):
        al.draw_gradients(net, theme="blue")


def test_a_training_has_a_row_for_every_layer_and_a_column_for_every_step():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 8, rng=rng), nn.ReLU(), nn.Linear(8, 1, rng=rng))
    x, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 1))
    optimiser, recorder, sizes = optim.SGD(net.parameters(), lr=0.05), al.Recorder(), []
    for step in range(20):
        if step == 10:
            net[0].bias.data = net[0].bias.numpy() - 100.0
        loss = al.mse(net(x), y)
        recorder.record(loss)
        optimiser.zero_grad()
        loss.backward()
        sizes.append(rms(net[2].weight.grad, net[2].bias.grad))
        optimiser.step()
    plot = al.draw_gradients(recorder)
    header, first, second = plot.lines[:3]
    assert header.split("  ")[0] == "layer"
    assert "step 19" in header
    assert first.endswith("8 of 8")
    assert f"{sizes[0]:.4f}" in second
    assert "step 19: all exactly 0: 0 · Linear" in plot.lines
    svg = plot.svg()
    assert svg.count("<title>2 · Linear, step ") == 20
    assert svg.count("8 of 8 units dead") == 2 * 10  # The column, and the bar in it.


def test_of_very_many_layers_some_are_drawn_and_all_are_judged():
    _, loss = deep(width=2, count=150, act=nn.Tanh, scale=0.5)
    plot = al.draw_gradients(loss)
    assert "60 of 151 layers are drawn" in plot.svg()
    assert len([line for line in plot.lines if "Linear  " in line]) == 151
    assert len(plot.svg()) < 60_000


def test_a_module_that_holds_several_weights_has_a_row_for_each():
    rng = np.random.default_rng(0)

    class Net(nn.Module):
        def __init__(self):
            self.W1 = al.Tensor(rng.normal(size=(3, 4)), requires_grad=True)
            self.W2 = al.Tensor(rng.normal(size=(4, 1)), requires_grad=True)

        def forward(self, x):
            return np.tanh(x @ self.W1) @ self.W2

    inner = nn.Sequential(Net(), nn.GRU(1, 2, rng=rng))
    x = rng.normal(size=(5, 2, 3))
    loss = (inner[1](inner[0](x))[0] ** 2).sum()
    loss.backward()
    lines = al.draw_gradients(loss).lines
    assert lines[1].startswith("0.W1 ")
    assert lines[1].endswith("0 of 4")
    assert lines[2].startswith("0.W2 ")
    assert len(al.draw_gradients(inner).lines) >= 4


def test_rows_of_layers_with_long_names_are_told_apart():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    outer = nn.Sequential(nn.Sequential(net))
    plot = al.draw_gradients((outer(np.arange(12.0).reshape(4, 3)) ** 2).sum())
    assert [line.split("  ")[0] for line in plot.lines[1:3]] == [
        "0.0.0 · BatchNorm1d",
        "0.0.1 · BatchNorm1d",
    ]
    svg = plot.svg()
    assert ">0.0.0<" in svg
    assert ">0.0.1<" in svg
