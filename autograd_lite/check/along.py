"""The derivative along a direction from values alone, its steps, and the size of what is passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.check.judging import largest_in
from autograd_lite.check.numerical import EPS, steadiest, steps_for
from autograd_lite.check.subject import Array, Check, array_of, joined, lying_like, values_of
from autograd_lite.core.modes import Watch, enable_grad
from autograd_lite.functional.transforms import vjp
from autograd_lite.graph import Graph, Node
from autograd_lite.tensor import Tensor


class Along:
    """The derivative along a direction of all inputs, from values; and which oracle can be trusted.

    The complex step is, where all recorded operations are analytic and differences agree with it:
    not all that a function does is recorded.
    """

    def __init__(self, check: Check) -> None:
        self.check = check
        self.tangents = [
            lying_like(x, check.rng.normal(size=x.shape) * size_of(x)) for x in check.arrays
        ]
        moves = max(float(np.abs(v).max(initial=0.0)) for v in self.tangents)
        self.steps = [h / moves for h in steps_for(moves)]
        self.largest, analytic = _recorded(check)
        self.oracle, self.error = "central differences", np.zeros(())
        h = check.eps or self.steps[0]
        wide, narrow = ((self.at(s) - self.at(-s)) / (2 * s) for s in (h, h / 2))
        self.derivative: Array = np.asarray((4 * narrow - wide) / 3)
        if check.eps is None and analytic:
            exact = self._complex(check.arrays)
            close = 1e-5 * np.abs(exact) + 1e-6 * np.abs(exact).max(initial=0.0)
            if not (np.abs(exact - self.derivative) <= close).all():
                self.sweep()
            unsteady = 10 * self.error.max(initial=0.0)
            if (np.abs(exact - self.derivative) <= close + unsteady).all():
                self.derivative, self.oracle = exact, "complex step"

    def at(self, t: Any, arrays: Sequence[Array] | None = None) -> Array:
        """Return all results, laid end to end, having gone so far."""
        pairs = zip(arrays or self.check.arrays, self.tangents, strict=True)
        return joined(values_of(self.check.f, [x + t * v for x, v in pairs]))

    def sweep(self) -> None:
        """Take the steadiest of several steps."""
        self.derivative, self.error = steadiest(self.at, self.steps)

    def again(self, arrays: Sequence[Array]) -> Array:
        """Return the derivative at other inputs, by the same oracle."""
        if self.oracle == "complex step":
            return self._complex(arrays)
        return steadiest(lambda t: self.at(t, arrays), self.steps)[0]

    def _complex(self, arrays: Sequence[Array]) -> Array:
        try:
            return np.asarray(self.at(1e-30j, arrays).imag / 1e-30)
        except Exception:  # noqa: BLE001  (whatever it cannot do with complex numbers)
            return np.full(self.derivative.shape, np.nan)


def size_of(x: Array) -> Array:
    """Return the size of every entry; of one that is 0, that of the largest, else 1."""
    size = np.abs(x)
    return np.where(size > 0, size, size.max(initial=0.0) or 1.0)


def _record(f: Callable[..., list[Any]], arrays: Sequence[Array]) -> tuple[list[Node], bool]:
    """Return all that a function records, and whether that is all that it returns."""
    with enable_grad():
        found = f(*(Tensor(x, requires_grad=True) for x in arrays))
    results = [y for y in found if isinstance(y, Tensor)]
    return list(Graph(results, {})) if results else [], len(results) == len(found)


def coarsest(f: Callable[..., list[Any]], arrays: Sequence[Array]) -> float:
    """Return the distance from 1 to the next number in the coarsest type that is computed in."""
    nodes, _ = _record(f, arrays)
    types = {np.asarray(x.value).dtype for x in nodes if x.primitive is not None}
    return max((float(np.finfo(dtype).eps) for dtype in types if dtype.kind in "fc"), default=EPS)


def _recorded(check: Check) -> tuple[float, bool]:
    """Return the largest number that is recorded, and whether all operations are analytic."""
    nodes, whole = _record(check.f, check.arrays)
    sizes = [np.abs(np.asarray(node.value)) for node in nodes]
    largest = max((float(s[np.isfinite(s)].max(initial=0.0)) for s in sizes), default=0.0)
    analytic = all(node.primitive is None or node.primitive.analytic for node in nodes)
    return largest, analytic and whole


class _Arriving(Watch):
    """The largest number that arrives anywhere in a backward pass: its digits are rounded off."""

    def __init__(self) -> None:
        self.largest = 0.0

    def passed(self, *sent: Any) -> None:
        """See what is sent to an operand: the fourth."""
        gx = sent[3]
        array = array_of(gx)
        self.largest = max(self.largest, largest_in(array[np.isfinite(array)]))


def pulled(
    check: Check, arrays: Sequence[Array], weights: list[Array]
) -> tuple[Sequence[Any], float]:
    """Return the gradients at other inputs, and the largest number on the way."""
    _, pullback = vjp(check.f, *arrays)
    with _Arriving() as arriving:
        gradients = pullback(weights)
    return gradients, arriving.largest
