"""Sequences: convolution, and interpolation between the points of one."""

from typing import Any

import numpy as np

from autograd_lite.core.notation import PRODUCT, Form, call
from autograd_lite.core.operands import is_recorder
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.indexing import scatter_add


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
    notation=call("np.convolve", Form(r"{a} \ast {v:tight}", PRODUCT)),
    analytic=True,
    linear=("a", "v"),
    examples=tuple(
        example((n,), (m,), mode=mode)
        for n, m in ((5, 3), (2, 4), (4, 4), (1, 3))
        for mode in ("full", "same", "valid")
    ),
)
def convolve(a: Any, v: Any, *, mode: Any = "full") -> Any:
    """Convolution of two sequences: the coefficients of the product of two polynomials."""
    return np.convolve(a, v, mode)


# Interpolation is linear in the heights of the points, and so is its derivative. Their adjoints
# carry a cotangent back to the points. The rules of these four are written in each other, for any
# order.


POINTS = (
    example((7,), (4,), (4,)),
    example((2, 3), (3,), (3,)),
    example((), (5,), (5,)),
    example((4,), (1,), (1,)),
    example((0,), (2,), (2,)),
)
PLACES = tuple(example(x, x, xp) for (x, xp, _), _ in POINTS)


@primitive(
    x=lambda g, y, x, xp, fp: g * interp_derivative(x, xp, fp),
    xp=lambda g, y, x, xp, fp: -interp_adjoint(g * interp_derivative(x, xp, fp), x, xp),
    fp=lambda g, y, x, xp, fp: interp_adjoint(g, x, xp),
    notation=call("np.interp"),
    domain={"xp": "increasing"},
    linear=("fp",),
    examples=POINTS,
)
def interp(x: Any, xp: Any, fp: Any) -> Any:
    """Interpolate linearly between points, which are in order of their `xp`.

    On a point, the derivative is the middle of those on both sides; outside, it is 0.
    """
    return np.interp(x, xp, fp)


def _steps_at(x: Any, xp: Any, fp: Any) -> Any:
    steps = np.concatenate([[0.0], np.diff(fp) / np.diff(xp), [0.0]])
    left, right = np.searchsorted(xp, x), np.searchsorted(xp, x, "right")
    steps = left.lift(steps) if is_recorder(left) else steps
    return (steps[left] + steps[right]) / 2


@primitive(
    x=None,  # It changes in steps.
    xp=lambda g, y, x, xp, fp: -interp_derivative_adjoint(g * y, x, xp),
    fp=lambda g, y, x, xp, fp: interp_derivative_adjoint(g, x, xp),
    notation=call("interp_derivative"),
    whole=True,
    formula=_steps_at,
    domain={"xp": "increasing"},
    linear=("fp",),
    examples=POINTS,
)
def interp_derivative(x: Any, xp: Any, fp: Any) -> Any:
    """Return the derivative of the interpolation; on a point, the middle of those on both sides."""
    return _steps_at(x, xp, fp)


@primitive(
    c=lambda g, y, c, x, xp: interp(x, xp, g),
    x=lambda g, y, c, x, xp: c * interp_derivative(x, xp, g),
    xp=lambda g, y, c, x, xp: -interp_adjoint(c * interp_derivative(x, xp, g), x, xp),
    notation=call("interp_adjoint"),
    domain={"xp": "increasing"},
    linear=("c",),
    examples=PLACES,
    whole=True,
    jax="jax.linear_transpose(lambda f: jnp.interp({x}, {xp}, f), {xp})({c})[0]",
)
def interp_adjoint(c: Any, x: Any, xp: Any) -> Any:
    """Share numbers at `x` between the points on both sides: the adjoint of `interp` by `fp`."""
    i = np.clip(np.searchsorted(xp, x, "right") - 1, 0, len(xp) - 1)
    k = np.minimum(i + 1, len(xp) - 1)
    t = np.clip((x - xp[i]) / np.where(i < k, xp[k] - xp[i], 1.0), 0, 1)
    shares = np.zeros(len(xp))
    np.add.at(shares, i, c * (1 - t))
    np.add.at(shares, k, c * t)
    return shares


@primitive(
    c=lambda g, y, c, x, xp: interp_derivative(x, xp, g),
    x=None,
    xp=lambda g, y, c, x, xp: -interp_derivative_adjoint(c * interp_derivative(x, xp, g), x, xp),
    notation=call("interp_derivative_adjoint"),
    domain={"xp": "increasing"},
    linear=("c",),
    examples=PLACES,
    whole=True,
    jax=(
        "jax.linear_transpose(lambda f: jnp.take(jnp.pad(jnp.diff(f) / jnp.diff({xp}), 1), "
        "jnp.stack([jnp.searchsorted({xp}, {x}, s) for s in ('left', 'right')])).sum(0) / 2, "
        "{xp})({c})[0]"
    ),
)
def interp_derivative_adjoint(c: Any, x: Any, xp: Any) -> Any:
    """Tilt the line at each `x` by a number: the adjoint of `interp_derivative` by `fp`."""
    taken = np.zeros(len(xp) + 1)
    np.add.at(taken, np.searchsorted(xp, x), c / 2)
    np.add.at(taken, np.searchsorted(xp, x, "right"), c / 2)
    return -np.diff(np.concatenate([[0.0], taken[1:-1] / np.diff(xp), [0.0]]))
