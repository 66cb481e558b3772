"""What we want to reach, and whether a run of the benchmarks says that we do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from benchmarks.contestants import CONTESTANTS, HAND, OURS
from benchmarks.timing import Times
from benchmarks.workloads import WORKLOADS

SIGMOID_NETWORKS = ("neuron", "two_layers", "per_sample")
TITLES = {workload.name: workload.title for workload in WORKLOADS}


class Target(NamedTuple):
    """A ratio that a run should reach.

    Attributes
    ----------
    text : str
        The target in words.
    value : float or None
        What was measured; None if it was not.
    bound : float
        The target as a number.
    at_most : bool
        Whether `value` should be at most `bound`, or else at least.
    """

    text: str
    value: float | None
    bound: float
    at_most: bool

    @property
    def verdict(self) -> str:
        """Say whether the target was reached."""
        if self.value is None:
            return "not measured"
        reached = self.value <= self.bound if self.at_most else self.value >= self.bound
        return "reached" if reached else "not reached"


def targets(results: Mapping[str, Times], memory: Mapping[str, float]) -> list[Target]:
    """Hold the times, by workload, and the bytes per node, by contestant, against every target."""
    return [
        *_by_hand(results),
        *_against_pytorch(results),
        *_against_micrograd(results),
        *_against_hips(results),
        *_in_place(results),
        *_first(results),
        *_compiled(results),
        *_first_compiled(results),
        Target("bytes per node beyond its data", memory.get(OURS), 400.0, at_most=True),
    ]


def _by_hand(results: Mapping[str, Times]) -> Iterator[Target]:
    bounds = {**dict.fromkeys(SIGMOID_NETWORKS, 4.0), "chain": 2.5, "mlp": 1.15}
    for name, bound in bounds.items():
        text = f"{TITLES[name]}: at most {bound:g} times hand-written NumPy"
        yield Target(text, _ratio(results, name, OURS, HAND), bound, at_most=True)


SMALL = ("one_weight", *SIGMOID_NETWORKS)
COMPILED: dict[str, dict[str, float]] = {
    "loop": dict(zip(SMALL, (0.012, 0.008, 0.015, 0.007), strict=True)) | {"chain": 0.08},
    "bound": dict(zip(SMALL, (1.5, 0.08, 0.08, 0.09), strict=True)) | {"elementwise": 0.5},
    "step": dict(zip(SMALL, (10.0, 0.45, 0.35, 0.45), strict=True)),
    "step-numpy": {**dict.fromkeys(SIGMOID_NETWORKS, 1.05), "mlp": 0.95, "chain": 0.4},
}
"""What compiled steps should take of the time by hand."""


def _compiled(results: Mapping[str, Times]) -> Iterator[Target]:
    for key, bounds in COMPILED.items():
        for name, bound in bounds.items():
            text = f"{TITLES[name]}, {KINDS[key]}: at most {bound:g} of hand-written NumPy"
            yield Target(text, _ratio(results, name, key, HAND), bound, at_most=True)


KINDS = {
    "loop": "compiled loop",
    "bound": "compiled, bound",
    "step": "compiled step",
    "step-numpy": "compiled for NumPy",
}
RIVALS = {
    "loop": ("jax-loop", "casadi-loop"),
    "bound": ("casadi",),
    "step": ("jax-jit", "torch-compile", "pytensor"),
}
"""What compares with each way of running a compiled step."""


def _first_compiled(results: Mapping[str, Times]) -> Iterator[Target]:
    """For each workload and way, name the peer that is hardest to beat."""
    for key, rivals in RIVALS.items():
        for name, title in TITLES.items():
            found = {rival: _ratio(results, name, rival, key) for rival in rivals}
            ratios = {rival: ratio for rival, ratio in found.items() if ratio is not None}
            if ratios:
                best = min(ratios, key=ratios.__getitem__)
                text = f"{title}, {KINDS[key]}: ahead of every peer (closest: {best})"
                yield Target(text, ratios[best], 1.0, at_most=False)


def _against_pytorch(results: Mapping[str, Times]) -> Iterator[Target]:
    for name in SIGMOID_NETWORKS:
        text = f"{TITLES[name]}: at least 3 times as fast as PyTorch"
        yield Target(text, _ratio(results, name, "torch", OURS), 3.0, at_most=False)


def _against_hips(results: Mapping[str, Times]) -> Iterator[Target]:
    text = f"{TITLES['forward']}: at most twice the time of HIPS autograd"
    yield Target(text, _ratio(results, "forward", OURS, "autograd"), 2.0, at_most=True)


def _in_place(results: Mapping[str, Times]) -> Iterator[Target]:
    text = f"{TITLES['waves']}: at most 6 times hand-written NumPy"
    yield Target(text, _ratio(results, "waves", OURS, HAND), 6.0, at_most=True)


def _against_micrograd(results: Mapping[str, Times]) -> Iterator[Target]:
    text = f"{TITLES['one_weight']}: no slower than micrograd"
    yield Target(text, _ratio(results, "one_weight", "micrograd", OURS), 1.0, at_most=False)


def _first(results: Mapping[str, Times]) -> Iterator[Target]:
    """For each workload, name the eager peer that is hardest to beat."""
    for name, title in TITLES.items():
        found = {}
        for peer in CONTESTANTS:
            ratio = _ratio(results, name, peer.key, OURS)
            if peer.peer and ratio is not None:
                found[peer.title] = ratio
        best = min(found, key=found.__getitem__, default=None)
        text = f"{title}: ahead of every eager peer" + (f" (closest: {best})" if best else "")
        yield Target(text, found[best] if best else None, 1.0, at_most=False)


def _ratio(results: Mapping[str, Times], name: str, key: str, to: str) -> float | None:
    return results[name].ratio(key, to) if name in results else None
