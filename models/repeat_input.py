"""One weight that learns to repeat its input.

After "Build Your First Neural Network: Part 1": y = x * w starts from w = 0, and the weight moves
by ``delta = pred - goal``, later by ``alpha * delta``. The article's code, data and alpha are not
in its text, so the choice here is ours, and shows all that the text tells: trained on 1 the
weight is right at once; trained on the larger inputs 4, 5 and 6 it runs away; with
``alpha = 0.1`` it is 1 after 18 passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autograd_lite import Tensor, compare, derive, nn
from models.experiment import Arrays, Experiment, Fact, Finding, Run, Sample, name, proved

SMALL, LARGE = (1.0,), (4.0, 5.0, 6.0)


class Repeater(nn.Module):
    """``pred = x @ w`` with a single weight that starts at 0."""

    def __init__(self) -> None:
        self.neuron = nn.Linear(1, 1, bias=False)
        self.neuron.weight.data = [[0.0]]
        name("w", self.neuron.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Predict."""
        return name("pred", self.neuron(x))


class _RepeatInput(Experiment):
    """What the three parts of the article share."""

    article = "Build Your First Neural Network: Part 1"
    note = "Its data and alpha are not in its text: those here are ours, to show what it tells."
    seed = None
    criterion = nn.MSE("half_sum")
    inputs: ClassVar[tuple[float, ...]]

    def build(self, seed: int | None) -> nn.Module:
        """Return the network; nothing in it is random."""
        del seed
        return Repeater()

    def samples(self) -> list[Sample]:
        """Return each input with itself as the goal."""
        return [(Tensor([[x]], name="input"), Tensor([[x]], name="goal")) for x in self.inputs]

    def by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Derive the gradient at the prediction, and from it, at the weight."""
        pred = x * w["w"]
        delta = pred - y
        return {"pred": delta, "w": delta * x}

    def update_by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Move as the article does: by delta itself, times alpha."""
        delta = x * w["w"] - y
        return {"w": w["w"] - self.lr * delta}

    def learning_rate(self, x: NDArray[Any]) -> float:
        """Return what turns the gradient, ``delta * x``, into the article's step."""
        return self.lr / float(x[0, 0])

    def weights(self) -> list[float]:
        """Return the weight after every pass of the article's loop."""
        w, after = 0.0, []
        for _ in range(self.epochs):
            for x in self.inputs:
                w = w - self.lr * (x * w - x)
            after.append(w)
        return after


class RightAtOnce(_RepeatInput):
    """Train on 1: one update."""

    name = "repeat-once"
    title = "Repeat the input: right at once"
    about = (
        "One weight that starts at 0 and is to repeat its input. Trained on the input 1, a single "
        "step by the plain error makes it exactly 1, and it repeats 4, 5 and 6 unseen."
    )
    lr, epochs, inputs = 1.0, 1, SMALL

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the weight after one update, and predictions for inputs it has not seen."""
        unseen = [run.net(Tensor([[x]])).item() for x in LARGE]
        return [
            Fact("weight after one update", 1.0, run.net.parameters()[0].item()),
            Fact("predictions for 4, 5, 6", LARGE, unseen),
        ]


class Diverges(_RepeatInput):
    """Train on 4, 5 and 6 with the plain delta: every step overshoots further."""

    name = "repeat-diverges"
    title = "Repeat the input: divergence"
    about = (
        "The same weight, trained on 4, 5 and 6. The plain error is now too long a step: every "
        "update overshoots the goal by more than the one before, and the weight runs away."
    )
    lr, epochs, inputs = 1.0, 5, LARGE

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return how far the weight is from 1 after each pass: 60 times further each time."""
        away = [abs(w - 1) for w in self.weights()]
        ours = abs(run.net.parameters()[0].item() - 1)
        return [
            Fact("farther from 1 after every pass", True, bool(np.all(np.diff(away) > 0))),
            Fact("distance from 1 after 5 passes", 60.0**5, ours, within=1e-3),
        ]

    def findings(self, run: Run) -> Sequence[Finding]:
        """Show that delta is the gradient at the prediction, not at the weight."""
        del run
        w = Tensor([[0.0]], requires_grad=True, name="w")
        pred = name("pred", Tensor([[LARGE[0]]], name="input") @ w)
        loss = self.criterion(pred, Tensor([[LARGE[0]]], name="goal"))
        delta = pred.data - LARGE[0]
        return [
            Finding(
                "delta tells how to update the weight.",
                "delta is the gradient at the prediction. At the weight it is delta * input; for "
                "the input 1 the two are equal, for 4 the article's step is a quarter of it.",
                compare(loss, {pred: delta, w: delta}),
                proved(
                    derive(loss, names={}),
                    lambda pred, goal: {"pred": pred - goal, "w": pred - goal},
                ),
            )
        ]


class Converges(_RepeatInput):
    """Train on 4, 5 and 6 with alpha = 0.1."""

    name = "repeat-alpha"
    title = "Repeat the input: 18 passes with alpha"
    about = (
        "The same weight and the same inputs 4, 5 and 6, with steps shortened by alpha = 0.1. "
        "After 18 passes it is 1."
    )
    lr, epochs, inputs = 0.1, 18, LARGE

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the pass after which the weight is 1 to the last bit."""
        first = self.weights().index(1.0) + 1
        return [
            Fact("passes until the weight is 1, by its loop", 18, first),
            Fact("weight after 18 passes", 1.0, run.net.parameters()[0].item(), within=1e-15),
            Fact("prediction for 1", 1.0, run.net(Tensor([[1.0]])).item(), within=1e-15),
        ]
