"""One sigmoid neuron with three inputs.

After "How to build a simple neural network in 9 lines of Python code" and "Machine Learning: A
Simple Neural Network", which train it on the same four examples, and the "2 Layer Neural Network"
of "A Neural Network in 11 lines of Python (Part 1)", which has other data. All adjust the weights
by the error, weighted with the inputs and the derivative of the sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autograd_lite import Graph, Tensor, nn, sigmoid
from models.experiment import Arrays, Experiment, Fact, Finding, Run, Sample, name


class SigmoidNeuron(nn.Module):
    """``out = sigmoid(X @ w)``, without a bias."""

    def __init__(self, seed: int | None) -> None:
        self.neuron = nn.Linear(3, 1, bias=False)
        self.activation = nn.Sigmoid()
        self.neuron.weight.data = 2 * np.random.RandomState(seed).random_sample((3, 1)) - 1
        name("w", self.neuron.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output for every row."""
        z = name("z", self.neuron(x))
        return name("out", self.activation(z))


class _SigmoidNeuron(Experiment):
    """What the two data sets share."""

    lr, epochs = 1.0, 10_000
    criterion = nn.MSE("half_sum")
    rows: ClassVar[list[list[float]]]
    answers: ClassVar[list[float]]

    def build(self, seed: int | None) -> nn.Module:
        """Return the neuron with weights uniform in [-1, 1)."""
        return SigmoidNeuron(seed)

    def samples(self) -> list[Sample]:
        """Return all rows at once."""
        answers = np.array([self.answers]).T
        return [(Tensor(self.rows, name="X", dtype=float), Tensor(answers, name="y", dtype=float))]

    def by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Derive by the "error weighted derivative", which is minus the gradient."""
        out = 1 / (1 + np.exp(-np.dot(x, w["w"])))
        error = y - out
        delta = error * out * (1 - out)
        adjustment = np.dot(x.T, delta)
        return {"w": -adjustment, "z": -delta, "out": -error}


class FourExamples(_SigmoidNeuron):
    """The data of the two articles about a single neuron."""

    name = "sigmoid-neuron"
    title = "One sigmoid neuron"
    article = (
        "Machine Learning: A Simple Neural Network; "
        "How to build a simple neural network in 9 lines of Python code"
    )
    about = (
        "One neuron with three inputs, no bias and a sigmoid. From four examples, whose answer is "
        "the first input, it learns what to say to [1, 0, 0], which it has never seen."
    )
    rows: ClassVar = [[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]
    answers: ClassVar = [0, 1, 1, 0]

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the weights before and after, and the answer to a new question."""
        new = np.array([1.0, 0.0, 0.0])
        before, after = run.start["w"], run.net.parameters()[0].data
        untrained = sigmoid(new @ before).item()
        trained = run.net(Tensor([new])).item()
        return [
            Fact("w before", [-0.16595599, 0.44064899, -0.99977125], before[:, 0], 8, seeded=True),
            Fact("untrained output for [1, 0, 0]", 0.45860596, untrained, 8, seeded=True),
            Fact("w after", [9.67299303, -0.2078435, -4.62963669], after[:, 0], 8, seeded=True),
            Fact("output for [1, 0, 0]", 0.99993704, trained, 8, seeded=True),
        ]

    def findings(self, run: Run) -> Sequence[Finding]:
        """Show the range of the sigmoid."""
        del run
        ends = [sigmoid(np.float64(z)).item() for z in (-1000.0, -5.0, 0.0, 5.0, 1000.0)]
        listed = ", ".join(f"{value:.4g}" for value in ends)
        return [
            Finding(
                "The sigmoid always returns a value between -1 or 1 (Machine Learning: A Simple "
                "Neural Network).",
                f"It is always between 0 and 1: at -1000, -5, 0, 5 and 1000 it is {listed}.",
            )
        ]


class LeftmostColumn(_SigmoidNeuron):
    """The data of the "2 Layer Neural Network", whose answer is the leftmost column."""

    name = "sigmoid-neuron-2"
    title = "One sigmoid neuron, second data set"
    article = "A Neural Network in 11 lines of Python (Part 1), 2 Layer Neural Network"
    about = (
        "The same neuron in another article, on four other rows: here, too, the answer is the "
        "leftmost column, and 10,000 passes take all four outputs to within 0.01 of it."
    )
    rows: ClassVar = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
    answers: ClassVar = [0, 0, 1, 1]

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the output as it is printed: that of the last forward pass."""
        printed = [0.00966449, 0.00786506, 0.99358898, 0.99211957]
        out = Graph(run.last_loss).find("out").value
        return [Fact("output after training", printed, out[:, 0], 8, seeded=True)]
