"""The operations behind Python's operators: ``+ - * / ** @`` and the signs.

In a rule, `g` is the cotangent of the output `y`, and the other names are the operands. A rule is
written in operators and functions that work on arrays and on Tensors alike, so that it serves the
first derivative and every higher one.
"""

import itertools
import math
import operator
from typing import Any

import numpy as np

from autograd_lite.core.notation import (
    MATRIX_PRODUCT,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Form,
    Notation,
    call,
    infix,
)
from autograd_lite.core.operands import has_values
from autograd_lite.core.primitive import example, primitive


@primitive(
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: g,
    notation=Notation(*[Form("{a} + {b}", SUM)] * 3),
    numpy=(np.add,),
    compute=operator.add,
    analytic=True,
)
def add(a: Any, b: Any) -> Any:
    """Add."""
    return a + b


@primitive(
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: -g,
    notation=infix("-", "{a} - {b:tight}", SUM, text="−"),
    numpy=(np.subtract,),
    compute=operator.sub,
    analytic=True,
)
def subtract(a: Any, b: Any) -> Any:
    """Subtract `b` from `a`."""
    return a - b


@primitive(
    a=lambda g, y, a, b: g * b,
    b=lambda g, y, a, b: g * a,
    notation=infix("*", r"{a} \odot {b}", PRODUCT, text=Form("{a} ⊙ {b}", PRODUCT), picture="×"),
    numpy=(np.multiply,),
    compute=operator.mul,
    analytic=True,
    linear=("a", "b"),
)
def multiply(a: Any, b: Any) -> Any:
    """Multiply elementwise."""
    return a * b


@primitive(
    a=lambda g, y, a, b: g / b,
    b=lambda g, y, a, b: -g * y / b,
    notation=infix(
        "/",
        Form(r"\frac{{{a:loose}}}{{{b:loose}}}", POWER),
        PRODUCT,
        text=Form("{a} / {b:factor}", MATRIX_PRODUCT),
        picture="/",
    ),
    numpy=(np.divide,),
    compute=operator.truediv,
    domain={"b": "nonzero"},
    analytic=True,
    linear=("a",),
)
def divide(a: Any, b: Any) -> Any:
    """Divide elementwise."""
    return a / b


@primitive(
    x=lambda g, y, x: -g,
    # A sign in front of a product needs no parentheses, and changes no digit.
    notation=Notation(
        python=Form("-{x}", PRODUCT),
        latex=Form("-{x}", PRODUCT),
        text=Form("−{x}", PRODUCT),
        picture=Form("−{x}", SIGN),
    ),
    numpy=(np.negative,),
    compute=operator.neg,
    analytic=True,
    linear=("x",),
)
def negative(x: Any) -> Any:
    """Change the sign."""
    return -x


def as_exact(a: Any, y: Any) -> Any:
    """Return an operand so that NumPy's logarithm of it is as exact as the result `y`."""
    if not hasattr(a, "dtype"):
        return a  # Python's numbers are.
    enough = y.dtype.itemsize if a.dtype.kind == "f" else min(y.dtype.itemsize, 4)
    return a.astype(y.dtype) if a.dtype.itemsize < enough else a


def _base(a: Any, y: Any) -> Any:
    """Return the base of ``y = a**b`` for its logarithm: 1 for 0, complex where the power is."""
    a = as_exact(np.where(a == 0, 1, a), y)
    return a + 0j if y.dtype.kind == "c" != a.dtype.kind else a


def _lowered(a: Any, b: Any) -> Any:
    """Return ``a ** (b - 1)``, the factor in the derivative of ``a**b``; 1 at ``0**0``."""
    if isinstance(b, (int, float)):
        return a if b == 2 else a ** (b - 1 if b else 0)  # 0 times 1, also where 1 / a is infinite.
    nothing = a == 0
    known = has_values(a) and has_values(b)
    if known and np.any(np.logical_and(b == 0, np.isinf(np.reciprocal(np.where(nothing, 1.0, a))))):
        nothing = np.abs(a) < np.finfo(a.dtype).tiny
    return a ** np.where(np.logical_and(nothing, b == 0), 1, b - 1)


def _first_power(e: Any) -> Any:
    """X ** 1 -> x, x ** 0 -> 1."""
    base, exponent = e.operands
    if not exponent.is_number or base.shape != e.shape or not exponent.size:
        return None
    if np.all(np.equal(exponent.value, 0)):
        return type(e)(np.ones(e.shape, e.dtype))
    return base if np.all(np.equal(exponent.value, 1)) else None


@primitive(
    a=lambda g, y, a, b: g * (b * _lowered(a, b)),
    # 0**b does not change with b > 0: log 1 = 0 in place of log 0. Undefined (nan) for a < 0.
    b=lambda g, y, a, b: g * y * np.log(_base(a, y)),
    notation=Notation(
        python=Form("{a:tight} ** {b:tight}", POWER),
        latex=Form("{{{a:tight}}}^{{{b:loose}}}", POWER),
        text=Form("{a:tight}{b:raised}", POWER),
    ),
    numpy=(np.power,),
    compute=operator.pow,
    domain={"a": "positive"},
    analytic=True,
    simplify=(_first_power,),
)
def power(a: Any, b: Any) -> Any:
    """Raise `a` to the power `b`; the derivative of ``a**0`` by `a` is 0, also at ``a = 0``."""
    return a**b


@primitive(
    x=lambda g, y, x, order: g,
    notation=call("np.copy", "{x}"),
    numpy=(np.copy,),
    analytic=True,
    entrywise=True,
    linear=("x",),
    simplify=(lambda e: e.operands[0],),
    examples=(example((2, 3)), example((2, 3), order="F"), example(())),
)
def copy(x: Any, *, order: Any = "K") -> Any:
    """Return an equal array, recorded as a node of its own."""
    return x.copy(order) if x.ndim else x[()]


def _left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """Cotangent of `a` in ``a @ b``: ``g @ b.T`` for matrices."""
    if b.ndim == 2 and a.ndim <= 2:
        return g.dot(b.T) if a.ndim == 2 else b.dot(g)
    if b.ndim == 1:
        return g * b if a.ndim == 1 else g[..., None] * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    return g @ b.swapaxes(-1, -2)


def _right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """Cotangent of `b` in ``a @ b``: ``a.T @ g`` for matrices."""
    if a.ndim == 2 and b.ndim <= 2:
        return a.T.dot(g)
    if a.ndim == 1:
        if b.ndim <= 2:
            # As one column times one row, in half of the time of a product that is broadcast.
            return g * a if b.ndim == 1 else a[:, None].dot(g[None])
        return a[:, None] * g[..., None, :]
    if b.ndim <= 2:  # One product in place of a stack of them that would then be summed.
        rows = math.prod(a.shape[:-1])
        return a.reshape(rows, a.shape[-1]).T @ g.reshape(rows, *b.shape[1:])
    return a.swapaxes(-1, -2) @ g


_PRODUCTS = (
    ((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((2, 1, 2, 3), (5, 3, 4)), ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)), ((0, 3), (3, 4)), ((2, 0), (0, 4)), ((5, 2, 0), (0, 4)), ((3, 3), (3, 3)),
)  # fmt: skip
"""Shapes that the tests multiply."""


@primitive(
    a=_left,
    b=_right,
    notation=Notation(
        python=Form("{a:factor} @ {b:factor}", MATRIX_PRODUCT),
        latex=Form("{a:factor} {b:factor}", MATRIX_PRODUCT),
        text=Form("{a:factor} {b:factor}", MATRIX_PRODUCT),
        picture=Form("{a:factor} @ {b:factor}", MATRIX_PRODUCT),
    ),
    numpy=(np.matmul,),
    analytic=True,
    linear=("a", "b"),
    sentence="{x} reaches {y} through {others}, so the gradient goes back to {x} through {others} "
    "too.",
    examples=tuple(itertools.starmap(example, _PRODUCTS)),
)
def matmul(a: Any, b: Any) -> Any:
    """Matrix product with NumPy's full semantics: vectors, matrices, stacks of matrices."""
    # Up to matrices, the method is nearly three times as fast on small ones as the operator; but
    # that of an array would ask what stands for another one for its entries.
    try:
        return a.dot(b) if 0 < a.ndim < 3 > b.ndim > 0 and type(a) is type(b) else a @ b
    except (ValueError, TypeError, AttributeError):
        raise ValueError(_mismatch(np.shape(a), np.shape(b))) from None


def _mismatch(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """Explain why two shapes cannot be multiplied."""
    got = f"matmul needs (m, k) @ (k, n), got a: {a} and b: {b}"
    if not a or not b:
        return f"{got}: a number is not a matrix; multiply by it with *."
    k, n = a[-1], b[0] if len(b) == 1 else b[-2]
    if k != n:
        hint = ", or transpose one" if k in b or n in a else ""
        return f"{got}: k is {k} in a but {n} in b. Change one{hint}."
    return f"{got}: the leading axes {a[:-2]} and {b[:-2]} do not broadcast."


@primitive(
    x=lambda g, y, x, dtype: g,  # The backward pass casts to the operand's dtype.
    notation=Notation(
        python=Form("{x}.astype({dtype!r})"), latex=Form("{x}"), text=Form("{x}.astype({dtype!r})")
    ),
    examples=(example((2, 3), dtype="float64"),),
    entrywise=True,
    linear=("x",),
    takes_complex=True,
)
def astype(x: Any, *, dtype: Any) -> Any:
    """Convert to another type of real or complex floating-point numbers."""
    return x.astype(dtype)


@primitive(
    x=lambda g, y, x: g,  # The backward pass makes it complex.
    notation=call("np.real", r"\mathrm{{Re}}\left({x:loose}\right)"),
    entrywise=True,
    linear=("x",),
    takes_complex=True,
)
def real(x: Any) -> Any:
    """Real part of complex numbers."""
    part = x.real
    # What is written to a view of it would be written to all of the number.
    if part is x and x.ndim and has_values(x):
        part = x.view()
        part.flags.writeable = False
    return part
