"""A backward pass that goes wrong at every step of a loop, or on the way to one tensor alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_lite.check.mistakes.backward_steps import AnotherPass, Made, always, text_of
from autograd_lite.check.mistakes.registry import Array, Candidate, Target
from autograd_lite.check.mistakes.replay import Edge, Replay, Rule

EdgeRule = Callable[[Any, Any], Any]
"""What an edge does to what arrives at its node, given all that has arrived so far."""

ALONE = 0.2
"""How much more far-fetched it is that something goes wrong for one gradient alone."""


def nothing(x: Any) -> EdgeRule:
    """Return the rule that sends nothing back to an operand."""
    return lambda *_: np.zeros(np.shape(x))


def plain(rule: Rule) -> EdgeRule:
    """Return a rule that goes by what arrives at its own node alone."""
    return lambda g, _: rule(g)


def _alone(rule: EdgeRule, arrived: Mapping[str, Any]) -> Rule:
    return lambda g: rule(g, arrived)


def made_at_each(
    replay: Replay, rules: Mapping[Edge, EdgeRule], leaf: bool
) -> Callable[[Target], Any]:
    """Return what predicts gradients; those of a leaf alone need no pass."""
    if leaf:
        present = {edge: rule for edge, rule in rules.items() if edge in replay.parts}
        edge = next(iter(present))
        key = replay.graph[edge[0]].operands[edge[1]]

        def instead() -> Any:
            return sum(
                replay.sent(edge, replay.gradients[edge[0]], _alone(rule, replay.gradients))
                for edge, rule in present.items()
            )

        return Made(
            replay, key, instead, lambda: sum(np.asarray(replay.parts[edge]) for edge in present)
        )
    found: dict[str, dict[str, Array]] = {}

    def predict(target: Target) -> Any:
        key = target.id or ""
        if not any(key in known for known in found.values()):
            try:
                with np.errstate(all="ignore"):
                    found[key] = replay.rerun(rules, key)
            except (ValueError, TypeError, IndexError):
                found[key] = {}
        return next((known[key] for known in found.values() if key in known), None)

    return AnotherPass(predict)


@dataclass(frozen=True, eq=False)
class Into:
    """The way on to a tensor that all steps use, from where something goes wrong for it alone.

    Attributes
    ----------
    replay : Replay
        The right pass.
    key : str
        The tensor.
    part : ndarray
        What comes back to it on this way.
    below : list of list of callable
        The rules on the way to it, for each step.
    """

    replay: Replay
    key: str
    part: Any
    below: Sequence[Sequence[Rule]]

    def candidate(
        self, title: str, cost: float, rules: Mapping[Edge, EdgeRule], kind: str
    ) -> Candidate:
        """Return the mistake with other rules at one operation of every step."""
        replay = self.replay

        def instead() -> Any:
            total: Any = 0.0
            for (edge, rule), below in zip(rules.items(), self.below, strict=False):
                if edge[0] in replay.gradients:
                    g = replay.gradients[edge[0]]
                    g = replay.sent(edge, g, _alone(rule, replay.gradients))
                    for further in below:
                        g = further(g)
                    total = total + g
            return total

        name = text_of(replay.graph, replay.graph[self.key])
        return Candidate(
            f"{title}, in what comes back to {name} alone",
            cost + ALONE,
            predict=Made(replay, self.key, instead, always(self.part)),
            kind=kind,
        )

    def further(self, rules: Sequence[Rule]) -> Into:
        """Return the way on from one operation further up."""
        below = [[rule, *others] for rule, others in zip(rules, self.below, strict=True)]
        return replace(self, below=below)
