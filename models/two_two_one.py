"""Two inputs, two hidden neurons, one output, with biases.

After "A Simple Neural Net": nine numbers w1…w6 and b1…b3, trained one sample at a time to tell from
a weight and a height which of two groups a person belongs to. The article draws the start from
a standard normal distribution without a seed; ours is seeded.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import Tensor, derive, nn, sigmoid
from autograd_lite.derive import Derivation
from models.experiment import Arrays, Experiment, Fact, Run, Sample, name

DATA = [[-2.0, -1.0], [25.0, 6.0], [17.0, 4.0], [-15.0, -6.0]]
LABELS = [1.0, 0.0, 0.0, 1.0]


class TwoTwoOne(nn.Module):
    """``o1 = sigmoid([h1 h2] @ [w5 w6] + b3)`` with ``h = sigmoid(x @ [[w1 w3] [w2 w4]] + b)``."""

    def __init__(self, w: Sequence[float], b: Sequence[float]) -> None:
        self.hidden = nn.Linear(2, 2)
        self.out = nn.Linear(2, 1)
        self.activation = nn.Sigmoid()
        w1, w2, w3, w4, w5, w6 = w
        self.hidden.weight.data = [[w1, w3], [w2, w4]]
        self.out.weight.data = [[w5], [w6]]
        assert self.hidden.bias is not None
        assert self.out.bias is not None
        self.hidden.bias.data = b[:2]
        self.out.bias.data = b[2:]

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output for one sample, or for every row."""
        sum_h = name("sum_h", self.hidden(x))
        h = name("h", self.activation(sum_h))
        sum_o1 = name("sum_o1", self.out(h))
        return name("y_pred", self.activation(sum_o1))


def f(x: Any) -> Any:
    """Compute the sigmoid as the article does."""
    return 1 / (1 + np.exp(-x))


def deriv(x: Any) -> Any:
    """Compute its derivative as the article does: ``f(x) * (1 - f(x))``."""
    return f(x) * (1 - f(x))


def loss_of_nine(
    w1: Any, w2: Any, w3: Any, w4: Any, w5: Any, w6: Any, b1: Any, b2: Any, b3: Any,
    x1: Any, x2: Any, y_true: Any,
) -> Any:  # fmt: skip
    """Compute the loss of one sample from nine numbers, as the article does."""
    h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
    h2 = sigmoid(w3 * x1 + w4 * x2 + b2)
    y_pred = sigmoid(w5 * h1 + w6 * h2 + b3)
    return (y_true - y_pred) ** 2


class Groups(Experiment):
    """Article and network, side by side."""

    name = "two-two-one"
    title = "2-2-1 with biases, one sample at a time"
    article = "A Simple Neural Net"
    about = (
        "Two inputs, two hidden neurons, one output, and a bias at each: nine numbers, and nine "
        "partial derivatives by the chain rule. From the weight and the height of four people it "
        "learns to tell two groups apart."
    )
    note = "It sets no seed, so its two predictions are only approached."
    lr, epochs, seed = 0.1, 1000, 7
    criterion = nn.MSE("mean")

    def build(self, seed: int | None) -> nn.Module:
        """Return the network with nine numbers from a standard normal distribution."""
        drawn = np.random.RandomState(seed).normal(size=9)
        return TwoTwoOne(drawn[:6].tolist(), drawn[6:].tolist())

    def samples(self) -> list[Sample]:
        """Return one person at a time."""
        return [
            (Tensor(x, name="x"), Tensor([y], name="y_true"))
            for x, y in zip(DATA, LABELS, strict=True)
        ]

    def formulas(self, derivation: Derivation) -> Derivation:
        """Return the nine partial derivatives, each as a product of the chain rule."""
        w = derivation.arguments
        weights = [*w["hidden_weight"].T.ravel(), *w["out_weight"][:, 0]]
        numbers = [*weights, *w["hidden_bias"], *w["out_bias"], *w["x"], *w["y_true"]]
        wrt = list(inspect.signature(loss_of_nine).parameters)[:9]
        return derive(loss_of_nine, *numbers, wrt=wrt, chain=True)

    def by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Derive all nine partial derivatives, and lay them out like the parameters."""
        (w1, w3), (w2, w4) = w["hidden.weight"]
        b1, b2 = w["hidden.bias"]
        (w5,), (w6,) = w["out.weight"]
        (b3,) = w["out.bias"]
        sum_h1 = w1 * x[0] + w2 * x[1] + b1
        sum_h2 = w3 * x[0] + w4 * x[1] + b2
        h1, h2 = f(sum_h1), f(sum_h2)
        sum_o1 = w5 * h1 + w6 * h2 + b3
        d_l_d_ypred = -2 * (y[0] - f(sum_o1))
        d_ypred_d_w5 = h1 * deriv(sum_o1)
        d_ypred_d_w6 = h2 * deriv(sum_o1)
        d_ypred_d_b3 = deriv(sum_o1)
        d_ypred_d_h1 = w5 * deriv(sum_o1)
        d_ypred_d_h2 = w6 * deriv(sum_o1)
        d_h1_d_w1, d_h1_d_w2, d_h1_d_b1 = x[0] * deriv(sum_h1), x[1] * deriv(sum_h1), deriv(sum_h1)
        d_h2_d_w3, d_h2_d_w4, d_h2_d_b2 = x[0] * deriv(sum_h2), x[1] * deriv(sum_h2), deriv(sum_h2)
        d_l_d_h1, d_l_d_h2 = d_l_d_ypred * d_ypred_d_h1, d_l_d_ypred * d_ypred_d_h2
        d_l_d_w1 = d_l_d_ypred * d_ypred_d_h1 * d_h1_d_w1
        d_l_d_w2 = d_l_d_ypred * d_ypred_d_h1 * d_h1_d_w2
        d_l_d_b1 = d_l_d_ypred * d_ypred_d_h1 * d_h1_d_b1
        d_l_d_w3 = d_l_d_ypred * d_ypred_d_h2 * d_h2_d_w3
        d_l_d_w4 = d_l_d_ypred * d_ypred_d_h2 * d_h2_d_w4
        d_l_d_b2 = d_l_d_ypred * d_ypred_d_h2 * d_h2_d_b2
        d_l_d_w5 = d_l_d_ypred * d_ypred_d_w5
        d_l_d_w6 = d_l_d_ypred * d_ypred_d_w6
        d_l_d_b3 = d_l_d_ypred * d_ypred_d_b3
        return {
            "hidden.weight": np.array([[d_l_d_w1, d_l_d_w3], [d_l_d_w2, d_l_d_w4]]),
            "hidden.bias": np.array([d_l_d_b1, d_l_d_b2]),
            "out.weight": np.array([[d_l_d_w5], [d_l_d_w6]]),
            "out.bias": np.array([d_l_d_b3]),
            "h": np.array([d_l_d_h1, d_l_d_h2]),
            "y_pred": np.array([d_l_d_ypred]),
        }

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the demonstrations, and two predictions after training."""
        neuron = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
        neuron.load_state_dict({"0.weight": [[0.0], [1.0]], "0.bias": [4.0]})
        demo = TwoTwoOne([0, 1, 0, 1, 0, 1], [0, 0, 0])
        x = Tensor([2.0, 3.0])
        half = self.criterion(Tensor([1.0, 0, 0, 1]), Tensor([0.0, 0, 0, 0])).item()
        emily, frank = run.net(Tensor([[-7.0, -3.0], [20.0, 2.0]])).data[:, 0]
        return [
            Fact("demo neuron", 0.9990889488055994, neuron(x).item(), within=2e-16),
            Fact("demo network", 0.7216325609518421, demo(x).item(), within=2e-16),
            Fact("mse([1, 0, 0, 1], [0, 0, 0, 0])", 0.5, half),
            Fact("prediction for [-7, -3], about", 0.951, emily, within=0.01, seeded=True),
            Fact("prediction for [20, 2], about", 0.039, frank, within=0.01, seeded=True),
        ]
