"""The parameters of a computation as points, and the loss at any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph import Graph, Node
from autograd_lite.tensor import Tensor

Vector = NDArray[np.float64]

TURNS = 40
"""Rounds of the power iteration that finds the directions of the largest curvature."""


@dataclass(frozen=True, slots=True)
class Landscape:
    """The loss as a function of all parameters at once, in the order of their nodes.

    Its operations and data are those that were recorded: where a program chooses by a value in
    Python, it is the choice that was taken.
    """

    graph: Graph
    leaves: tuple[Node, ...]
    data: Mapping[str, Any]

    @classmethod
    def of(cls, graph: Graph, data: Mapping[str, Any]) -> Landscape:
        """Return that of a recorded computation, with other data by identifier."""
        return cls(graph, tuple(node for node in graph if node.kind == "parameter"), data)

    @property
    def entries(self) -> int:
        """How many entries are computed, and given, for one loss."""
        return sum(int(np.size(node.value)) for node in self.graph)

    @property
    def start(self) -> Vector:
        """The parameters that it was recorded with."""
        return self.point({leaf.id: leaf.value for leaf in self.leaves})

    def point(self, values: Mapping[str, Any]) -> Vector:
        """Return the values of all parameters, by identifier, as a vector."""
        parts = [np.asarray(values[leaf.id], np.float64).ravel() for leaf in self.leaves]
        return np.concatenate(parts)

    def loss(self, point: Vector) -> float:
        """Return the loss there."""
        with np.errstate(all="ignore"):  # Far from the path it may overflow: it is drawn as such.
            (value,) = self.graph.recompute({**self.data, **self._values(point)})
        return float(np.real(value))

    def labels(self) -> list[str]:
        """Return what each entry of a point is called: ``w[0, 1]``."""
        found = []
        for leaf in self.leaves:
            for place in np.ndindex(leaf.shape):
                index = f"[{', '.join(map(str, place))}]" if np.size(leaf.value) > 1 else ""
                found.append(f"{leaf.label}{index}")
        return found

    def direction(self, given: Mapping[Any, Any]) -> Vector:
        """Return a direction that is given by parameters or their names; the others stay."""
        if not isinstance(given, Mapping):
            raise TypeError(
                f"draw_surface: a direction is a mapping of parameters, or their names, to arrays; "
                f"got {type(given).__name__}. Write directions=({{'w': 1.0}}, {{'b': 1.0}})."
            )
        known = {leaf.label: leaf for leaf in self.leaves}
        values = {leaf.id: np.zeros(leaf.shape) for leaf in self.leaves}
        for key, value in given.items():
            leaf = next((x for x in self.leaves if x.tensor is key), None)
            leaf = known.get(key) if leaf is None and isinstance(key, str) else leaf
            if leaf is None:
                what = key._label() if isinstance(key, Tensor) else repr(key)
                raise ValueError(
                    f"draw_surface: {what} is not a parameter of this loss. It has "
                    f"{', '.join(known)}."
                )
            try:
                values[leaf.id] = np.broadcast_to(np.asarray(value, np.float64), leaf.shape)
            except ValueError:
                raise ValueError(
                    f"draw_surface: a direction of {leaf.label} has its shape, {leaf.shape}; got "
                    f"{np.shape(value)}."
                ) from None
        return self.point(values)

    def curved(self, start: Vector, count: int, care: float = 1.0) -> list[Vector]:
        """Return the directions in which the gradient changes most, of length 1.

        It is the power iteration, with differences of gradients as products with the Hessian, and
        with a part of its `TURNS`.
        """
        back = self.graph.backward(forward=True)
        given = [node.gradient_of[0] for node in back.outputs[1:]]
        step = 1e-5 * max(1.0, float(np.abs(start).max()))

        def gradient(point: Vector) -> Vector:
            changes = {**self.data, **self._values(point)}
            gradients = dict(zip(given, back.recompute(changes)[1:], strict=True))
            return self.point({
                leaf.id: gradients.get(leaf.id, np.zeros(leaf.shape)) for leaf in self.leaves
            })  # fmt: skip

        found = np.random.default_rng(0).normal(size=(start.size, count))
        with np.errstate(all="ignore"):
            for _ in range(round(care * TURNS)):
                found = np.linalg.qr(found)[0]
                turned = [gradient(start + step * d) - gradient(start - step * d) for d in found.T]
                moved = np.array(turned).T
                if not np.isfinite(moved).all() or not moved.any():
                    break
                found = moved
        return list(np.linalg.qr(found)[0].T)

    def _values(self, point: Vector) -> dict[str, Any]:
        """Return a point as the values of parameters."""
        values: dict[str, Any] = {}
        at = 0
        for leaf in self.leaves:
            size = int(np.size(leaf.value))
            part = point[at : at + size].reshape(leaf.shape)
            values[leaf.id] = part.astype(np.asarray(leaf.value).dtype)[()]
            at += size
        return values
