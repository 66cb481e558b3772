"""One weight that learns to turn 5 into 42.

After "How I Implemented The Most Simple Neural Network Using Python": pred = w * input, the error
is the squared distance from the goal, and the weight moves against ``delta * input``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import Tensor, compare, derive, nn
from models.experiment import Arrays, Experiment, Fact, Finding, Run, Sample, name

INPUT, GOAL = 5.0, 42.0
START, ALPHA, EPOCHS = 1.0, 0.01, 20


class OneWeight(nn.Module):
    """``pred = input @ w`` with a single weight and no bias."""

    def __init__(self) -> None:
        self.neuron = nn.Linear(1, 1, bias=False)
        self.neuron.weight.data = [[START]]
        name("w", self.neuron.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Predict."""
        return name("pred", self.neuron(x))


class FiveToFortyTwo(Experiment):
    """Article and network, side by side."""

    name = "one-weight"
    title = "One weight, 5 → 42"
    article = "How I Implemented The Most Simple Neural Network Using Python"
    about = (
        "The smallest network there is: one weight, no bias, one sample. It starts at 1 and learns "
        "to turn the input 5 into 42, by moving against the derivative of the squared error."
    )
    lr, epochs, seed = ALPHA, EPOCHS, None
    criterion = nn.MSE("half_sum")  # The loss whose gradient the article's formula is.

    def build(self, seed: int | None) -> nn.Module:
        """Return the network; nothing in it is random."""
        del seed
        return OneWeight()

    def samples(self) -> list[Sample]:
        """Return the only sample."""
        return [(Tensor([[INPUT]], name="input"), Tensor([[GOAL]], name="goal"))]

    def by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Derive as the article does: ``derivative = delta * input``."""
        pred = x * w["w"]
        delta = pred - y
        derivative = delta * x
        return {"w": derivative, "pred": delta}

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the printed errors, and what the network predicts in the end."""
        w, errors = START, []
        for _ in range(EPOCHS):
            errors.append((w * INPUT - GOAL) ** 2)
            w -= ALPHA * (w * INPUT - GOAL) * INPUT
        ours = [2 * loss for _, loss in run.losses]  # error = delta², the loss is half of it.
        predicted = run.net(Tensor([[INPUT]])).item()
        return [
            Fact("first three errors", [1369.0, 770.0625, 433.16015625], ours[:3]),
            Fact("all 20 errors, by its loop", errors, ours, within=1e-11),
            Fact("predict(5)", 41.88266515825944, predicted, within=1e-13),
        ]

    def findings(self, run: Run) -> Sequence[Finding]:
        """Show the dropped factor 2, and what it is that is off by 0.02."""
        w = Tensor([[START]], requires_grad=True, name="w")
        error = (Tensor([[INPUT]], name="input") @ w - Tensor([[GOAL]], name="goal")) ** 2
        derivative = self.by_hand({"w": w.data}, np.array([[INPUT]]), np.array([[GOAL]]))["w"]
        last = 2 * run.losses[-1][1]
        off = GOAL - run.net(Tensor([[INPUT]])).item()
        return [
            Finding(
                "derivative = delta * input is the derivative of error = delta ** 2.",
                "It is half of it: the gradient of delta² / 2. The step is the same with twice "
                "the learning rate.",
                compare(error, {w: derivative}),
                self.prove(derive(error, names={}), only="w"),
            ),
            Finding(
                "After 20 rounds the prediction is off by about 0.02.",
                f"{last:.4f} is the last squared error. The prediction is off by {off:.4f}.",
            ),
        ]
