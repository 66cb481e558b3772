"""Mistakes to put into the articles' formulas on purpose: ``python -m models --break NAME``.

Each replaces a piece of the source of a network's ``by_hand``, and says what `compare`
must then call it.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

from models.experiment import Experiment


@dataclass(frozen=True)
class Mistake:
    """A mistake in a formula by hand.

    Attributes
    ----------
    name : str
        For the command line.
    network : str
        Into whose formulas it is put.
    right, wrong : str
        The piece of source code that is replaced, and by what.
    called : str
        What the tool calls it.
    """

    name: str
    network: str
    right: str
    wrong: str
    called: str

    def put_into(self, experiment: type[Experiment]) -> type[Experiment]:
        """Return an experiment whose formulas have the mistake."""
        function = experiment.by_hand
        right = textwrap.dedent(inspect.getsource(function))
        if self.right not in right:
            raise ValueError(f"{self.right!r} is not in the formulas of {experiment.__name__}.")
        made: dict[str, Any] = {}
        code = compile(right.replace(self.right, self.wrong), f"<{self.name}>", "exec")
        module = vars(sys.modules[function.__module__])
        exec(code, module, made)
        return type(experiment.__name__, (experiment,), {"by_hand": made["by_hand"]})

    def difference(self, experiment: type[Experiment]) -> list[str]:
        """Return the lines that it changes, as they should be and as they are."""
        right = textwrap.dedent(inspect.getsource(experiment.by_hand))
        wrong = right.replace(self.right, self.wrong)
        changed = difflib.unified_diff(right.splitlines(), wrong.splitlines(), lineterm="", n=0)
        return [f"{line[0]} {line[1:].strip()}" for line in list(changed)[2:] if line[0] in "+-"]


NEURON, LAYERS, GROUPS = "sigmoid-neuron", "two-layers", "two-two-one"

MISTAKES: dict[str, Mistake] = {
    mistake.name: mistake
    for mistake in (
        Mistake("factor-2", "one-weight", "delta * x", "2 * delta * x", "constant factor"),
        Mistake("input-missing", "one-weight", "derivative = delta * x", "derivative = delta",
                "factor missing"),
        Mistake("sign", NEURON, '"w": -adjustment', '"w": adjustment', "sign flipped"),
        Mistake("averaged", NEURON, "error = y - out", "error = (y - out) / len(y)",
                "averaged, not summed"),
        Mistake("slope-missing", NEURON, "error * out * (1 - out)", "error",
                "derivative left out"),
        Mistake("broadcast", NEURON, "error = y - out", "error = y[:, 0] - out", "broadcast"),
        Mistake("half-a-slope", LAYERS, "(l1 * (1 - l1))", "l1", "factor missing"),
        Mistake("slope-twice", LAYERS, "(l1 * (1 - l1))", "(l1 * (1 - l1)) ** 2",
                "derivative doubled"),
        Mistake("slope-of-weighted-sum", LAYERS, "(l1 * (1 - l1))",
                '(np.dot(x, w["syn0"]) * (1 - np.dot(x, w["syn0"])))',
                "derivative at the pre-activation"),
        Mistake("updated-weights", LAYERS, 'w["syn1"].T',
                '(w["syn1"] + l1.T.dot(l2_delta)).T', "after the update"),
        Mistake("transposed", LAYERS, "-x.T.dot(l1_delta)", "-l1_delta.T.dot(x)", "transposed"),
        Mistake("row-order", LAYERS, "-x.T.dot(l1_delta)", "-x.T[::-1].dot(l1_delta)",
                "permuted"),
        Mistake("no-factor-2", GROUPS, "-2 * (y[0]", "-(y[0]", "constant factor"),
        Mistake("slope-of-output", GROUPS, "deriv(sum_o1)", "deriv(f(sum_o1))",
                "derivative at the activation"),
        Mistake("bias-slope-missing", GROUPS, "d_ypred_d_b3 = deriv(sum_o1)",
                "d_ypred_d_b3 = 1.0", "derivative left out"),
        Mistake("one-weight-wrong", GROUPS, "d_h1_d_w2, d_h1_d_b1 = x[0] * deriv(sum_h1), x[1]",
                "d_h1_d_w2, d_h1_d_b1 = x[0] * deriv(sum_h1), x[0]", "some entries"),
    )
}  # fmt: skip
"""Every mistake by the name that the command line knows."""
