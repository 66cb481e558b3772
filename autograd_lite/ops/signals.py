"""Sequences: convolution, and interpolation between the points of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.notation import PRODUCT, Notation, call
from autograd_lite.ops.indexing import scatter_add
from autograd_lite.ops.linalg import value_of
from autograd_lite.primitive import example, primitive


def _slid(g: Any, n: int, other: Any, mode: str) -> Any:
    """Cotangent of a sequence of length `n` that was convolved with another."""
    m = other.shape[0]
    start = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode]
    if mode != "full":
        g = scatter_add(g, index=slice(start, start + g.shape[0]), shape=(n + m - 1,))
    return convolve(g, other[::-1], mode="valid")


@primitive(
    a=lambda g, y, a, v, mode: _slid(g, a.shape[0], v, mode),
    v=lambda g, y, a, v, mode: _slid(g, v.shape[0], a, mode),
    notation=call("np.convolve", r"{a} \ast {v:tight}", latex_precedence=PRODUCT),
    analytic=True,
    examples=tuple(
        example((n,), (m,), mode=mode)
        for n, m in ((5, 3), (2, 4), (4, 4), (1, 3))
        for mode in ("full", "same", "valid")
    ),
)
def convolve(a: Any, v: Any, *, mode: Any = "full") -> Any:
    """Convolution of two sequences: the coefficients of the product of two polynomials."""
    return np.convolve(a, v, mode)


class _Segment:
    """The pieces on which the places `x` lie, those on a point taken to be left or right of it."""

    def __init__(self, x: Any, xp: Any, fp: Any, side: Any) -> None:
        n = xp.shape[0]
        i = np.searchsorted(value_of(xp), value_of(x), side) - 1
        self.i = np.clip(i, 0, n - 1)
        self.k = np.clip(i + 1, 0, n - 1)
        inside = self.i != self.k  # Before the first point and after the last, it is all there is.
        width = np.where(inside, xp[self.k] - xp[self.i], 1.0)
        self.t = np.where(inside, (x - xp[self.i]) / width, 0.0)
        self.slope = np.where(inside, (fp[self.k] - fp[self.i]) / width, 0.0)

    def spread(self, g: Any, n: int) -> Any:
        """Share a cotangent between the points on both sides."""
        first = scatter_add(g * (1 - self.t), index=self.i, shape=(n,))
        return first + scatter_add(g * self.t, index=self.k, shape=(n,))


def _x(g: Any, x: Any, xp: Any, fp: Any, side: Any) -> Any:
    return g * _Segment(x, xp, fp, side).slope


def _xp(g: Any, x: Any, xp: Any, fp: Any, side: Any) -> Any:
    segment = _Segment(x, xp, fp, side)
    return -segment.spread(g * segment.slope, xp.shape[0])


def _fp(g: Any, x: Any, xp: Any, fp: Any, side: Any) -> Any:
    return _Segment(x, xp, fp, side).spread(g, xp.shape[0])


def _both_sides(rule: Any, g: Any, x: Any, xp: Any, fp: Any) -> Any:
    """Apply a rule left and right of the points, and take the middle: it has a kink there."""
    if np.isin(value_of(x), value_of(xp)).any():
        return 0.5 * (rule(g, x, xp, fp, "left") + rule(g, x, xp, fp, "right"))
    return rule(g, x, xp, fp, "right")


@primitive(
    x=lambda g, y, x, xp, fp: _both_sides(_x, g, x, xp, fp),
    xp=lambda g, y, x, xp, fp: _both_sides(_xp, g, x, xp, fp),
    fp=lambda g, y, x, xp, fp: _both_sides(_fp, g, x, xp, fp),
    notation=Notation(
        "interp",
        "np.interp({operands})",
        r"\mathrm{{interp}}\left({operands}\right)",
    ),
    domain={"xp": "increasing"},
    examples=(
        example((7,), (4,), (4,)),
        example((2, 3), (3,), (3,)),
        example((), (5,), (5,)),
        example((4,), (1,), (1,)),
        example((0,), (2,), (2,)),
    ),
)
def interp(x: Any, xp: Any, fp: Any) -> Any:
    """Interpolate linearly between points, which are in order of their `xp`.

    On a point, the derivative is the middle of those on both sides; outside, it is 0.
    """
    return np.interp(x, xp, fp)
