"""Sixteen computations that people have, each as its loss, after its backward pass."""

import numpy as np

import autograd_lite as al
from autograd_lite import nn

rng = np.random.default_rng(0)


def learnt(*shape, name=None):
    return al.Tensor(rng.normal(size=shape) * 0.3, requires_grad=True, name=name)


def scalar_expression():
    a, b, c = (al.Tensor(x, requires_grad=True) for x in (2.0, -3.0, 10.0))
    d = a * b + c
    e = np.tanh(d * 0.1)
    return al.draw(backward(e * e + a))


def mlp():
    net = nn.Sequential(nn.Linear(784, 128, rng=rng), nn.ReLU(), nn.Linear(128, 10, rng=rng))
    x = al.Tensor(rng.normal(size=(32, 784)))
    logits = net(x)
    loss = nn.CrossEntropyLoss()(logits, rng.integers(0, 10, 32))
    return al.draw(backward(loss))


def rnn():
    wx, wh, b, wo = learnt(3, 4), learnt(4, 4), learnt(4), learnt(4, 1)
    h = al.Tensor(np.zeros((5, 4)))
    for x in [rng.normal(size=(5, 3)) for _ in range(10)]:
        h = np.tanh(x @ wx + h @ wh + b)
    loss = ((h @ wo - 1.0) ** 2).mean()
    return al.draw(backward(loss))


def cnn():
    x, kernels, b, w = learnt(8, 1, 12, 12), learnt(4, 1, 3, 3), learnt(4), learnt(100, 10)
    parts = [x[:, :, i : i + 10, j : j + 10] for i in range(3) for j in range(3)]
    windows = np.stack(parts, axis=-1).reshape(8, 1, 10, 10, 3, 3)
    conv = np.einsum("bchwij,ocij->bohw", windows, kernels) + b[:, None, None]
    act = np.maximum(conv, 0)
    pool = act.reshape(8, 4, 5, 2, 5, 2).mean(axis=(3, 5))
    logits = pool.reshape(8, -1) @ w
    loss = (-al.log_softmax(logits, axis=1)[np.arange(8), np.arange(8)]).mean()
    return al.draw(backward(loss))


def attention():
    x = al.Tensor(rng.normal(size=(6, 8)))
    wq, wk, wv, wo = (learnt(8, 8) for _ in range(4))
    w1, w2 = learnt(8, 32), learnt(32, 8)
    q, k, v = x @ wq, x @ wk, x @ wv
    weights = al.softmax(q @ k.T / np.sqrt(8), axis=-1)
    r = x + weights @ v @ wo
    mu = r.mean(axis=-1, keepdims=True)
    var = ((r - mu) ** 2).mean(axis=-1, keepdims=True)
    normed = (r - mu) / np.sqrt(var + 1e-5)
    out = normed + np.maximum(normed @ w1, 0) @ w2
    return al.draw(backward((out**2).mean()))


def resnet():
    h = al.Tensor(rng.normal(size=(4, 8)))
    for w in [learnt(8, 8, name=f"W{i}") for i in range(30)]:
        h = h + np.maximum(h @ w, 0)
    return al.draw(backward((h**2).mean()))


class Block(nn.Module):
    def __init__(self):
        self.fc, self.act = nn.Linear(8, 8, rng=rng), nn.ReLU()

    def forward(self, x):
        return x + self.act(self.fc(x))


def resnet_of_modules():
    net = nn.Sequential(*[Block() for _ in range(30)], nn.Linear(8, 1, rng=rng))
    loss = (net(al.Tensor(rng.normal(size=(4, 8)))) ** 2).mean()
    return al.draw(backward(loss))


def newton():
    a, x = al.Tensor(2.0, requires_grad=True), al.Tensor(1.0, requires_grad=True)
    for _ in range(6):
        x = x - (x * x - a) / (2 * x)
    return al.draw(backward(x))


def physics():
    k, x, v = al.Tensor(1.5, requires_grad=True), al.Tensor(1.0), al.Tensor(0.0)
    for _ in range(500):
        v = v - 0.01 * k * x
        x = x + 0.01 * v
    return al.draw(backward((x - 0.3) ** 2))


def fifty_summed():
    parameters = [al.Tensor(float(i), requires_grad=True) for i in range(50)]
    return al.draw(backward(sum(p * p for p in parameters)))


def fifty_stacked():
    parameters = [al.Tensor(float(i), requires_grad=True, name=f"p{i}") for i in range(50)]
    return al.draw(backward((np.stack(parameters) ** 2).sum()))


def second_order():
    x = al.Tensor(1.5, requires_grad=True, name="x")
    (np.sin(x) * x**2).backward(create_graph=True)
    return al.draw(x.grad)


def second_order_of_a_layer():
    w, x = learnt(3, 2, name="W"), al.Tensor(rng.normal(size=(4, 3)), name="X")
    (np.tanh(x @ w) ** 2).sum().backward(create_graph=True)
    return al.draw((w.grad**2).sum())


def chain(length):
    y = al.Tensor(1.0, requires_grad=True, name="x")
    for i in range(length):
        y = y * 1.00001 if i % 2 else y + 0.0001
    return al.draw(backward(y))


def chain_of_5_000():
    return chain(5_000)


def chain_of_50_000():
    return chain(50_000)


def random_graph():
    r = np.random.default_rng(1)
    values = [al.Tensor(r.normal(), requires_grad=True) for _ in range(10)]
    for i in range(5_000):
        a, b = (values[j] for j in r.integers(max(0, len(values) - 200), len(values), 2))
        values.append([0.5 * (a + b), np.tanh(a * b), np.tanh(a) - b * 0.5][i % 3])
    return al.draw(sum(values[-5:]))


def backward(loss):
    loss.name = loss.name or "loss"
    loss.backward()
    return loss


ALL = (
    scalar_expression, mlp, rnn, cnn, attention, resnet, resnet_of_modules, newton, physics,
    fifty_summed, fifty_stacked, second_order, second_order_of_a_layer, chain_of_5_000,
    chain_of_50_000, random_graph,
)  # fmt: skip
