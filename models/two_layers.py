"""Two layers, 3-4-1.

After "A Neural Network in 11 lines of Python (Part 1)": two weight matrices, a sigmoid after each,
60,000 passes over four rows. The article sets no seed; with 1 the numbers below come out of its
own arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import Graph, Tensor, nn
from models.experiment import Arrays, Experiment, Fact, Run, Sample, name

ROWS = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
ANSWERS = [0, 1, 1, 0]


class TwoLayers(nn.Module):
    """``l2 = sigmoid(sigmoid(X @ syn0) @ syn1)``, without biases."""

    def __init__(self, seed: int | None) -> None:
        self.hidden = nn.Linear(3, 4, bias=False)
        self.out = nn.Linear(4, 1, bias=False)
        self.activation = nn.Sigmoid()
        rng = np.random.RandomState(seed)
        self.hidden.weight.data = 2 * rng.random_sample((3, 4)) - 1
        self.out.weight.data = 2 * rng.random_sample((4, 1)) - 1
        name("syn0", self.hidden.weight)
        name("syn1", self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output for every row."""
        z1 = name("z1", self.hidden(x))
        l1 = name("l1", self.activation(z1))
        z2 = name("z2", self.out(l1))
        return name("l2", self.activation(z2))


class ElevenLines(Experiment):
    """Article and network, side by side."""

    name = "two-layers"
    title = "Two layers, 3-4-1"
    article = "A Neural Network in 11 lines of Python (Part 1)"
    about = (
        "Three inputs, four hidden neurons, one output, without biases: the answer is the "
        "exclusive or of the first two columns, which no single neuron can learn. It is trained "
        "for 60,000 passes over all four rows."
    )
    note = "It sets no seed; its own arithmetic with seed 1 gives the numbers below."
    lr, epochs = 1.0, 60_000
    criterion = nn.MSE("half_sum")

    def build(self, seed: int | None) -> nn.Module:
        """Return the network with weights uniform in [-1, 1), syn0 drawn first."""
        return TwoLayers(seed)

    def samples(self) -> list[Sample]:
        """Return all rows at once."""
        answers = np.array([ANSWERS]).T
        return [(Tensor(ROWS, name="X", dtype=float), Tensor(answers, name="y", dtype=float))]

    def by_hand(self, w: Arrays, x: NDArray[Any], y: NDArray[Any]) -> Arrays:
        """Derive the two deltas; each is minus the gradient at a layer's weighted sum."""
        l1 = 1 / (1 + np.exp(-np.dot(x, w["syn0"])))
        l2 = 1 / (1 + np.exp(-np.dot(l1, w["syn1"])))
        l2_delta = (y - l2) * (l2 * (1 - l2))
        l1_delta = l2_delta.dot(w["syn1"].T) * (l1 * (1 - l1))
        return {
            "syn1": -l1.T.dot(l2_delta),
            "syn0": -x.T.dot(l1_delta),
            "z2": -l2_delta,
            "z1": -l1_delta,
        }

    def facts(self, run: Run) -> Sequence[Fact]:
        """Return the output of the last forward pass."""
        printed = [0.00260572, 0.99672209, 0.99701711, 0.00386759]
        l2 = Graph(run.last_loss).find("l2").value
        return [Fact("l2 after training", printed, l2[:, 0], 8, seeded=True)]
