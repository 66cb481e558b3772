"""The derivative along a direction from values alone, its steps, and the size of what is passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.check.judging import largest_in
from autograd_lite.check.numerical import EPS, steadiest, steps_for
from autograd_lite.check.subject import Array, Check, array_of, joined, lying_like, values_of
from autograd_lite.core.backward import fit
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
    """How large the numbers are whose digits are rounded off, as far as that gets to a tensor.

    A rule rounds what it sends, and more where that is left of what cancels: as 1 - y**2 is, if y
    is near 1. What was rounded before, it passes on in proportion. What values are rounded by
    moves the result by as much as their cotangents say.
    """

    def __init__(self) -> None:
        self.sizes: dict[int, float] = {}  # By birth.
        self.of_values = 0.0
        self.rng = np.random.default_rng(0)

    def passed(self, node: Tensor, i: int, g: Any, gx: Any, *_: Any) -> None:
        """Add what is sent to an operand, and what had been rounded off the cotangent."""
        operation, value = node._primitive, node._inputs[2 * i + 1]
        assert operation is not None  # A leaf sends nothing on.
        g, gx = array_of(g), array_of(gx)
        near = [self._near(x) for x in (node._array, *node._inputs[1::2])]
        with np.errstate(all="ignore"):
            other = operation.rules[i](g, *near, **(node._parameters or {}))
            moved = largest_in(_finite(fit(other, value, operation, i) - gx))
        given, sent = largest_in(_finite(g)), largest_in(_finite(gx))
        # A rule that compares, such as that of a maximum, may choose another entry. The jump that
        # this makes is not a rounding error.
        jumps = moved > 1e-3 * max(given, sent)
        cancels = 0.0 if jumps else moved / np.finfo(value.dtype).eps
        self.of_values = max(self.of_values, largest_in(_finite(g * node._array)))
        before = self.sizes.get(node._birth, 0.0) * (sent / given if given else 1.0)
        birth = node._inputs[2 * i]._birth
        self.sizes[birth] = self.sizes.get(birth, 0.0) + before + sent + cancels

    def _near(self, x: Any) -> Any:
        """Return what rounding may have made of an operand or a result."""
        if getattr(x, "dtype", np.dtype(bool)).kind not in "fc":
            return x
        return x * (1 + np.finfo(x.dtype).eps * self.rng.choice([-1, 1], np.shape(x))).astype(
            x.dtype
        )


def _finite(x: Array) -> Array:
    return x[np.isfinite(x)]


def pulled(
    check: Check, arrays: Sequence[Array], weights: list[Array], i: int
) -> tuple[Any, float, float]:
    """Return the gradient by input `i` at other inputs.

    With it comes how large what is rounded is: in the gradient, and in what values say of it.
    """
    f, x = check.f, arrays[i]
    inputs: list[Tensor] = []

    def of_one(x: Any) -> Any:
        inputs.append(x)
        return f(*arrays[:i], x, *arrays[i + 1 :])

    _, pullback = vjp(of_one, x)
    with _Arriving() as arriving:
        (gradient,) = pullback(weights)
    of_values = arriving.of_values / (largest_in(x) or 1.0)
    return gradient, arriving.sizes.get(inputs[0]._birth, 0.0), of_values
