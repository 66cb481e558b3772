"""Mistakes that a type checker finds: in exactly these lines. Nothing here is run.

Behind each stands the code of mypy's error.
"""

# ruff: noqa: B018  (What is wrong with an attribute is that it is asked for.)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_lite as al
from autograd_lite import Tensor, nn, optim


class Net(nn.Module):
    def __init__(self, width: int, *, rng: np.random.Generator | None = None) -> None:
        self.layer = nn.Linear(2, width, rng=rng)

    def forward(self, x: Tensor, *, scale: float = 1.0) -> Tensor:
        return self.layer(x) * scale


def error(w: Tensor, x: NDArray[np.float64], *, power: int = 2) -> Tensor:
    return ((w * x) ** power).sum()


def mistakes(x: Tensor, array: NDArray[np.float64]) -> None:
    nn.Linear(2, 3, baias=False)  # wrong: call-arg
    nn.Linear("2", 3)  # wrong: arg-type
    nn.Linear(2)  # wrong: call-arg
    nn.MSE(reduction="meen")  # wrong: arg-type
    nn.Sequential(nn.Sigmoid(), 3)  # wrong: arg-type
    Net(2, range=None)  # wrong: call-arg
    net = Net(2)
    net.layr  # wrong: attr-defined
    net(x, scal=2.0)  # wrong: call-arg
    net("x")  # wrong: arg-type
    net(x).bakward()  # wrong: attr-defined
    nn.Sigmoid()(array)  # wrong: arg-type
    net.layer.bias.shape  # wrong: union-attr
    optim.SGD(net, lr=0.1)  # wrong: arg-type
    optim.SGD(net.parameters(), rate=0.1)  # wrong: call-arg
    al.sigmoid(x, axis=0)  # wrong: call-arg
    al.sigmoid("x")  # wrong: type-var
    al.softmax(x, axs=0)  # wrong: call-arg
    al.logsumexp(x, keepdim=True)  # wrong: call-overload
    al.mse(x, array, reduction="average")  # wrong: call-overload
    al.grad(error)(array, array, pwer=3)  # wrong: call-overload
    al.grad(error, argnum=1)  # wrong: call-overload
    al.grad(error)(array, array).backward()  # wrong: attr-defined
    al.hvp(error, (array, array))  # wrong: call-overload
    al.checkpoint(error)(x, array, pwer=3)  # wrong: call-arg
    al.Graph(x)["n0"].oprands  # wrong: attr-defined
    al.Graph(x)[0:2].id  # wrong: attr-defined
    al.draw(x, show=["shapes"])  # wrong: list-item
    al.draw(x, sweep="back")  # wrong: arg-type
    al.derive(x, chian=True)  # wrong: call-overload
    al.compare(x, {}, learning_rate=0.1)  # wrong: arg-type
    al.gradcheck(error, [array], modes=["reverse"])  # wrong: list-item
    al.gradcheck(error, [array], tol=1e-3)  # wrong: call-arg
    al.Tensor([1.0], require_grad=True)  # wrong: arg-type
    (array * x).backward()  # wrong: attr-defined
    np.exp(x).backward()  # wrong: attr-defined


def returns_something_else(x: Tensor) -> Any:
    y: int = Net(2)(x)  # wrong: assignment
    return y
