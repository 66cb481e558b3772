"""A program of a user, as a type checker sees it: the tests check it, and run it."""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, assert_type, cast

import numpy as np
from numpy.typing import NDArray

import autograd_lite as al
from autograd_lite import Tensor, nn, optim

Floats = NDArray[np.float64]


class Net(nn.Module):
    """A network with options of its own, in its constructor and in its call."""

    def __init__(self, width: int, *, rng: np.random.Generator | None = None) -> None:
        self.hidden = nn.Linear(3, width, rng=rng)
        self.out = nn.Linear(width, 1, bias=False, rng=rng)
        self.activation = nn.Sigmoid()

    def forward(self, x: Tensor, *, scale: float = 1.0) -> Tensor:
        hidden = self.activation(self.hidden(x))
        assert_type(hidden, Tensor)
        return self.activation(self.out(hidden)) * scale


class Statistics(nn.Module):
    """A module that returns something else than a tensor."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"mean": x.mean(), "max": x.max()}


def modules() -> None:
    net = Net(4, rng=np.random.default_rng(0))
    x = Tensor(np.ones((5, 3)))
    assert_type(net, Net)
    assert_type(net.hidden, nn.Linear)
    assert_type(net.hidden.weight, Tensor)
    assert_type(net.hidden.bias, Tensor | None)
    assert_type(nn.Linear(2, 3), nn.Linear)
    assert_type(nn.MSE("half_sum"), nn.MSE)
    assert_type(net(x), Tensor)
    assert_type(net(x, scale=2.0), Tensor)
    assert_type(nn.Linear(3, 2)(np.ones((5, 3))), Tensor)
    assert_type(Statistics()(x), dict[str, Tensor])
    assert_type(net.eval(), Net)
    assert_type(net.parameters(), list[Tensor])
    assert_type(net.named_parameters(), list[tuple[str, Tensor]])
    assert_type(net.modules(), list[nn.Module])
    assert_type(net.named_modules(), list[tuple[str, nn.Module]])
    assert_type(net.state_dict(), dict[str, NDArray[Any]])
    net.load_state_dict(net.state_dict())
    stack = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.ReLU())
    assert_type(stack(x), Tensor)
    assert_type(stack[0], nn.Module)


def training() -> None:
    rng = np.random.default_rng(0)
    x, y = Tensor(rng.normal(size=(8, 3))), Tensor(rng.normal(size=(8, 1)))
    net = Net(4, rng=rng)
    loss_of = nn.MSE(reduction="mean")
    optimiser = optim.SGD(net.parameters(), lr=0.1)
    losses: list[float] = []
    for _ in range(3):
        loss = loss_of(net(x), y)
        assert_type(loss, Tensor)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    gradient = net.hidden.weight.grad
    assert_type(gradient, Tensor | None)
    assert gradient is not None
    assert_type(gradient.numpy(), NDArray[Any])


def operations() -> None:
    t, array = Tensor([[1.0, 2.0]]), np.array([[1.0, 2.0]])
    assert_type(al.sigmoid(t), Tensor)
    assert_type(al.relu(t), Tensor)
    assert_type(al.softplus(t), Tensor)
    assert_type(al.softmax(t, axis=0), Tensor)
    assert_type(al.log_softmax(t), Tensor)
    assert_type(al.logsumexp(t, axis=(0, 1), keepdims=True), Tensor)
    assert_type(al.mse(t, array, reduction="sum"), Tensor)
    assert_type(al.mse(array, t), Tensor)
    values: NDArray[Any] = array
    assert_type(al.sigmoid(values), NDArray[Any])
    assert_type(al.softmax(values), NDArray[Any])
    assert_type(al.logsumexp(values), NDArray[Any])


def spelling() -> None:
    """Write what checks, where NumPy's own types do not know Tensors."""
    w = Tensor([0.5, -1.0], requires_grad=True)
    data: Floats = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = Tensor(data)  # Once, at the start: then all that follows are Tensors.
    assert_type(x @ w, Tensor)
    assert_type(2 * x + 1, Tensor)
    assert_type(w * data, Tensor)  # The Tensor stands on the left.
    assert_type(data @ w, Floats)  # It is a Tensor, but NumPy says that it is an array.
    assert_type(-(x**2), Tensor)
    assert_type(x[0].sum(), Tensor)
    assert_type(x.mean(axis=0).reshape(2, 1).T, Tensor)
    h = cast(Tensor, np.tanh(x @ w))  # np.tanh says array.
    assert_type(al.mse(h, Tensor([0.0, 1.0])), Tensor)
    total: Tensor = np.sum(h)  # np.sum, np.dot and np.einsum say Any, which needs no cast.
    total.backward()
    assert_type(w.numpy(), NDArray[Any])


def error(w: Tensor, x: Floats, *, power: int = 2) -> Tensor:
    return ((w * x) ** power).sum()


def loss_of_nest(p: dict[str, Tensor], x: Floats) -> Tensor:
    return (p["w"] * x + p["b"]).sum()


def per_entry(w: Tensor) -> Tensor:
    return w**2


def parts(w: Tensor) -> dict[str, Tensor]:
    return {"square": w**2}


def with_rest(w: Tensor) -> tuple[Tensor, str]:
    return w**2, "kept"


def transforms() -> None:
    w: Floats = np.ones(3)
    x: Floats = np.arange(3.0)
    assert_type(al.grad(error)(w, x, power=3), Floats)
    assert_type(al.grad(per_entry)(2.0), np.float64)
    assert_type(al.grad(error)(Tensor(w, requires_grad=True), x), Tensor)
    assert_type(al.grad(loss_of_nest)({"w": w, "b": w}, x), dict[str, Floats])
    assert_type(al.grad(al.grad(per_entry))(2.0), np.float64)
    assert_type(al.grad(lambda t: t**3)(2.0), np.float64)
    assert_type(al.grad(error, (0, 1))(w, x), tuple[Any, ...])
    assert_type(al.value_and_grad(error)(w, x), tuple[np.floating[Any], Floats])
    assert_type(al.value_and_grad(per_entry)(2.0), tuple[np.floating[Any], np.float64])
    assert_type(al.jacobian(per_entry)(w), NDArray[Any])
    assert_type(al.hessian(error)(w, x), NDArray[Any])
    assert al.jacobian(parts)(w)["square"].shape == (3, 3)
    y, pullback = al.vjp(error, w, x)
    assert_type(pullback(1.0), tuple[Floats, Floats])
    _, _, aux = al.vjp(with_rest, w, has_aux=True)
    y, y_dot = al.jvp(per_entry, (w,), (w,))
    assert y.shape == y_dot.shape
    assert aux == "kept"
    assert_type(al.hvp(error, (w, x), (w, w)), tuple[Floats, Floats])
    block = al.checkpoint(error)
    assert_type(block(Tensor(w), x, power=3), Tensor)


def seen() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = (w * w).sum()
    graph = al.Graph(loss)
    assert_type(graph["n0"], al.Node)
    assert_type(graph[-1], al.Node)
    assert_type(graph[1:3], tuple[al.Node, ...])
    assert_type(graph.find("w").grad, NDArray[Any] | None)
    assert_type(graph.backward(), al.Graph)
    assert_type([node.id for node in graph], list[str])
    assert_type(al.draw(loss, show=["shape", "value"], sweep="backward"), al.Drawing)
    assert_type(al.draw(graph, rankdir="TB").svg(), str)
    assert_type(al.derive(loss), al.Derivation)
    result = al.compare(loss, {"w": 2 * w.numpy()})
    assert_type(result, al.Comparison)
    assert_type(bool(result), bool)
    assert_type(bool(al.gradcheck(per_entry, [np.ones(2)], order=2, modes=["rev"])), bool)
    assert_type(bool(al.check_grads(nn.Linear(2, 1), [np.ones(2)])), bool)


def compiled() -> None:
    @al.compile(backend="numpy")
    def doubled(x: Floats, *, by: float = 2.0) -> Floats:
        return x * by

    assert_type(doubled(np.ones(2), by=3.0), Floats)
    doubled.why.upper()
    jacobian = al.compile(al.jacobian(per_entry), backend="numpy")
    assert_type(jacobian.source, str)
    net = nn.Linear(2, 1)

    def loss(x: Floats) -> Tensor:
        return al.mse(net(x), np.zeros((3, 1)))

    step = al.compile(loss, optim.SGD(net.parameters(), lr=0.1))
    step.run(2, np.ones((3, 2)))
    assert_type(al.compile(al.no_grad()(net))(np.ones((3, 2))), Tensor)


def recording() -> None:
    @al.no_grad
    def bare(x: Tensor) -> Floats:
        return x.numpy()

    assert_type(bare(Tensor(1.0)), Floats)
    with al.no_grad():
        assert_type(Tensor(1.0) * 2, Tensor)
    w = Tensor(2.0, requires_grad=True)
    handle = w.register_hook(lambda g: 2 * g)
    (w * 3).backward()
    handle.remove()
    assert_type(al.is_grad_enabled(), bool)


def reductions() -> Iterator[nn.MSE]:
    names: tuple[Literal["mean", "sum"], ...] = ("mean", "sum")
    return (nn.MSE(name) for name in names)


def main() -> None:
    modules()
    training()
    operations()
    spelling()
    transforms()
    seen()
    compiled()
    recording()
    assert len(list(reductions())) == 2
