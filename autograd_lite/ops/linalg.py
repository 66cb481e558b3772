"""Products of matrices, and what solves for a factor of one: inverses, determinants, norms."""

from typing import Any

import numpy as np

from autograd_lite.core.notation import POWER, PRODUCT, SIGN, Form, Notation, call
from autograd_lite.core.operands import is_recorder
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.complex_numbers import direction, mirrored
from autograd_lite.ops.reduction import keep

# -------------------------------------------------------------------- what rules are written with


def transposed(x: Any) -> Any:
    """Exchange the last two axes."""
    return x.T if x.ndim == 2 else x.swapaxes(-1, -2)


def value_of(x: Any) -> Any:
    """Return the array of an operand that records; a rule may choose its form by it."""
    value = x.data if hasattr(type(x), "__record__") else x
    return getattr(value, "value", value)  # Of what is written down, the value that it has here.


def fold(x: Any, *, upper: bool = False) -> Any:
    """Add the triangle that is not read to the one that is: the adjoint of `mirror`."""
    flipped = transposed(x)
    return np.triu(x) + np.triu(flipped, 1) if upper else np.tril(x) + np.tril(flipped, -1)


@primitive(
    x=lambda g, y, x, upper: fold(g, upper=upper),
    notation=call("mirror"),
    analytic=True,
    linear=("x",),
    examples=(example((3, 3)), example((2, 3, 3), upper=True), example((0, 2, 2))),
)
def mirror(x: Any, *, upper: bool = False) -> Any:
    """Return the symmetric matrix of which one triangle is read."""
    read = np.tri(x.shape[-1], dtype=bool)
    return np.where(read.T if upper else read, x, x.swapaxes(-1, -2))


@primitive(
    a=lambda g, y, a, b: cross(b, g),
    b=lambda g, y, a, b: cross(g, a),
    notation=call(
        "np.cross",
        Form(r"{a:tight} \times {b:tight}", PRODUCT),
        text=Form("{a:tight} × {b:tight}", PRODUCT),
    ),
    analytic=True,
    linear=("a", "b"),
    examples=(example((3,), (3,)), example((2, 3), (3,)), example((2, 1, 3), (4, 3))),
)
def cross(a: Any, b: Any) -> Any:
    """Cross product of vectors in space, along the last axis."""
    return np.cross(a, b)


# -------------------------------------------------------------------- inverses


@primitive(
    a=lambda g, y, a: -(transposed(y) @ g @ transposed(y)),
    notation=call(
        "np.linalg.inv", Form("{{{a:tight}}}^{{-1}}", POWER), text=Form("{a:tight}⁻¹", POWER)
    ),
    numpy=(np.linalg.inv,),
    domain={"a": "full rank"},
    analytic=True,
    examples=(example((3, 3)), example((2, 2, 2)), example((1, 1)), example((0, 2, 2))),
)
def inv(a: Any) -> Any:
    """Inverse of a matrix."""
    return np.linalg.inv(a)


def _right_side(g: Any, a: Any, b: Any) -> Any:
    """Cotangent of `b` in ``solve(a, b)``: the transposed system, solved for `g`."""
    if b.ndim == 1 < g.ndim:  # Only then, a stack of vectors would be read as a matrix.
        return solve(transposed(a), g[..., None])[..., 0]
    return solve(transposed(a), g)


def _matrix(g: Any, y: Any, a: Any, b: Any) -> Any:
    """Cotangent of `a` in ``solve(a, b)``."""
    right = _right_side(g, a, b)
    return -(right[..., None] * y[..., None, :]) if b.ndim == 1 else -(right @ transposed(y))


@primitive(
    a=lambda g, y, a, b: _matrix(g, y, a, b),
    b=lambda g, y, a, b: _right_side(g, a, b),
    notation=call("np.linalg.solve", Form("{{{a:tight}}}^{{-1}} {b:tight}", SIGN)),
    numpy=(np.linalg.solve,),
    domain={"a": "full rank"},
    analytic=True,
    linear=("b",),
    examples=(
        example((3, 3), (3,)),
        example((3, 3), (3, 2)),
        example((4, 2, 2), (2, 3)),
        example((2, 2), (3, 2, 1)),
        example((4, 2, 2), (2,)),
        example((2, 2), (0, 2, 3)),
    ),
)
def solve(a: Any, b: Any) -> Any:
    """Solve ``a @ x = b``; `b` is a vector exactly if it has one axis."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise
    except ValueError:
        raise ValueError(
            f"solve needs (..., n, n) and (n,) or (..., n, k), got a: {np.shape(a)} and "
            f"b: {np.shape(b)}. A stack of vectors needs a last axis of length 1: b[..., None]."
        ) from None


def _pinv(g: Any, y: Any, a: Any, hermitian: bool) -> Any:
    """Cotangent of `a` in ``pinv(a)``, as long as the rank stays what it is."""
    a = mirror(a) if hermitian else a
    yt, gt = transposed(y), transposed(g)
    left, right = gt @ (y @ yt), (yt @ y) @ gt
    gx = -(yt @ g @ yt) + (left - a @ (y @ left)) + (right - (right @ y) @ a)
    return fold(gx) if hermitian else gx


@primitive(
    a=lambda g, y, a, rcond, hermitian: _pinv(g, y, a, hermitian),
    notation=call("np.linalg.pinv", Form("{{{a:tight}}}^{{+}}", POWER)),
    domain={"a": "full rank"},
    examples=(
        example((3, 3)),
        example((4, 2)),
        example((2, 2, 3), rcond=1e-9),
        example((3, 3), hermitian=True),
    ),
)
def pinv(a: Any, *, rcond: Any = 1e-15, hermitian: bool = False) -> Any:
    """Pseudo-inverse.

    It jumps where the rank changes. There the derivative is that along matrices of the same rank.
    """
    return np.linalg.pinv(a, rcond, hermitian)


# -------------------------------------------------------------------- numbers that tell of a matrix


MINORS = 10
"""Rows of the largest matrix whose minors a program computes."""


def _cofactors(y: Any, a: Any) -> Any:
    """Return the derivative of the determinant `y`: the cofactors, which singular ones have too."""
    values, n = value_of(a), a.shape[-1]
    limit = np.finfo(a.dtype).eps ** -0.5
    unknown = is_recorder(values) and n <= MINORS
    if not a.size or not (unknown or (np.linalg.cond(values, 1) > limit).any()):
        return y[..., None, None] * transposed(inv(a))
    # Close to a singular matrix the inverse is useless, but minors are not, in any derivative. A
    # program does not know which matrices it will get.
    others = np.array([[k for k in range(n) if k != i] for i in range(n)], int).reshape(n, n - 1)
    signs = (-1.0) ** np.arange(n)
    rows = [
        det(a[..., others[i][None, :, None], others[:, None, :]]) * (signs * signs[i])
        for i in range(n)
    ]
    return np.stack(rows, axis=-2)


@primitive(
    a=lambda g, y, a: g[..., None, None] * _cofactors(y, a),
    notation=call("np.linalg.det", Form(r"\det {a:tight}", SIGN)),
    numpy=(np.linalg.det,),
    domain={"a": "full rank"},
    analytic=True,
    examples=(example((3, 3)), example((2, 2, 2)), example((1, 1)), example((0, 2, 2))),
)
def det(a: Any) -> Any:
    """Return the determinant.

    Its derivative is right at singular matrices too, where it takes a minor for every entry. A
    program of a matrix of up to 10 rows always does.
    """
    return np.linalg.det(a)


@primitive(
    a=lambda g, y, a: g[..., None, None] * transposed(inv(a)),
    notation=Notation(
        python=Form("np.linalg.slogdet({a:loose})[1]"),
        latex=Form(r"\ln\left|\det {a:tight}\right|"),
        text=Form("ln|det({a:loose})|"),
    ),
    takes_complex=True,
    domain={"a": "full rank"},
    examples=(example((3, 3)), example((2, 2, 2)), example((1, 1)), example((0, 2, 2))),
)
def logabsdet(a: Any) -> Any:
    """Logarithm of the absolute value of the determinant."""
    return np.linalg.slogdet(a)[1]


def _along_diagonal(g: Any, a: Any, offset: int, axis1: int, axis2: int) -> Any:
    """Cotangent of a matrix whose diagonal was summed."""
    mask = np.eye(a.shape[axis1], a.shape[axis2], offset, dtype=bool)
    return np.moveaxis(np.where(mask, g[..., None, None], 0.0), (-2, -1), (axis1, axis2))


@primitive(
    a=lambda g, y, a, offset, axis1, axis2: _along_diagonal(g, a, offset, axis1, axis2),
    notation=call(
        "np.trace", Form(r"\mathrm{{tr}} {a:tight}", SIGN), text="tr({operands}{parameters})"
    ),
    numpy=(np.trace,),
    analytic=True,
    linear=("a",),
    examples=(
        example((3, 3)),
        example((2, 4)),
        example((3, 4), offset=-1),
        example((2, 3, 4), offset=1, axis1=-1, axis2=0),
        example((2, 3, 3), axis1=1, axis2=2),
        example((2, 2), offset=5),
    ),
)
def trace(a: Any, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum along a diagonal."""
    return np.trace(a, offset, axis1, axis2)


def _norm(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, ord: Any) -> Any:
    """Cotangent of a vector whose norm was taken; 0 where all entries are 0."""
    g, y = keep(g, axis, keepdims), keep(y, axis, keepdims)
    if ord == 0:
        return g * (0.0 * np.sign(x))
    if ord == 1:
        return g * direction(x)
    if ord in (2, None):
        return g * (mirrored(x) / np.where(y == 0, np.inf, y))
    if abs(ord) == np.inf:
        hit = (np.abs(x) == y) | np.isnan(x)
        return g * (direction(x) * (hit / hit.sum(axis=axis, keepdims=True)))
    # An entry of 0 keeps out: it would be raised to a negative power, here or one order higher.
    size = np.where(x == 0, 1.0, np.abs(x))
    whole = np.where(y == 0, 1.0, y) if ord > 0 else y
    return g * (direction(x) * size ** (ord - 1) * whole ** (1 - ord))


@primitive(
    x=lambda g, y, x, axis, keepdims, ord: _norm(g, y, x, axis, keepdims, ord),
    notation=call(
        "np.linalg.vector_norm", r"\left\|{x:loose}\right\|_{{{ord}}}", text="‖{x:loose}‖"
    ),
    numpy=(np.linalg.vector_norm,),
    takes_complex=True,
    domain={"x": "nonzero"},
    reduces=True,
    examples=(
        example((2, 3)),
        example((2, 3), axis=0),
        example((2, 3, 4), axis=(0, -1), keepdims=True),
        example((2, 3), axis=-1, ord=1),
        example((2, 3), axis=1, ord=np.inf),
        example((2, 3), keepdims=True, ord=-np.inf),
        example((2, 3), axis=0, ord=3),
        example((4,), ord=2.5),
        example((2, 3), axis=1, ord=-1),
        example((2, 3), axis=1, ord=0.5),
        example((3,), ord=0),
        example((0, 3), axis=1),
    ),
)
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norm of vectors; where it has a kink, the derivative is the middle: 0 at a vector of zeros.

    Ties share the cotangent of the orders inf and -inf evenly. The order 0 counts what is not 0,
    and has the derivative 0.
    """
    if hasattr(type(ord), "__record__"):
        raise TypeError("vector_norm needs a number for ord, got a Tensor. Pass ord.item().")
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)
