"""``+ - * / **`` and the sign."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.core.primitive import primitive
from autograd_lite.ops.notation import POWER, PRODUCT, SIGN, SUM, Notation, infix, prefix


@primitive(
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: g,
    notation=Notation("+", "{a} + {b}", "{a} + {b}", SUM),
    numpy=(np.add,),
    analytic=True,
)
def add(a: Any, b: Any) -> Any:
    """Add."""
    return a + b


@primitive(
    a=lambda g, y, a, b: g,
    b=lambda g, y, a, b: -g,
    notation=infix("-", "{a} - {b:tight}", SUM, picture="−"),
    numpy=(np.subtract,),
    analytic=True,
)
def subtract(a: Any, b: Any) -> Any:
    """Subtract `b` from `a`."""
    return a - b


@primitive(
    a=lambda g, y, a, b: g * b,
    b=lambda g, y, a, b: g * a,
    notation=infix("*", r"{a} \odot {b}", PRODUCT, picture="×"),
    numpy=(np.multiply,),
    analytic=True,
)
def multiply(a: Any, b: Any) -> Any:
    """Multiply elementwise."""
    return a * b


@primitive(
    a=lambda g, y, a, b: g / b,
    b=lambda g, y, a, b: -g * y / b,
    notation=infix(
        "/", r"\frac{{{a:loose}}}{{{b:loose}}}", PRODUCT, latex_precedence=POWER, picture="÷"
    ),
    numpy=(np.divide,),
    domain={"b": "nonzero"},
    analytic=True,
)
def divide(a: Any, b: Any) -> Any:
    """Divide elementwise."""
    return a / b


@primitive(
    x=lambda g, y, x: -g,
    notation=prefix("-", "-{x}", SIGN),
    numpy=(np.negative,),
    analytic=True,
)
def negative(x: Any) -> Any:
    """Change the sign."""
    return -x


def _one_less(a: Any, b: Any) -> Any:
    """Return the exponent of the derivative of ``a**b``; one that is harmless at ``0**0``."""
    if isinstance(b, (int, float)) and b:
        return b - 1
    return np.where(np.logical_and(a == 0, b == 0), 1, b - 1)


@primitive(
    a=lambda g, y, a, b: g * (b * a ** _one_less(a, b)),
    # 0**b does not change with b > 0: log 1 = 0 in place of log 0. Undefined (nan) for a < 0.
    b=lambda g, y, a, b: g * y * np.log(np.where(a == 0, 1, a)),
    notation=Notation("^", "{a:tight} ** {b:tight}", "{{{a:tight}}}^{{{b:loose}}}", POWER),
    numpy=(np.power,),
    domain={"a": "positive"},
    analytic=True,
)
def power(a: Any, b: Any) -> Any:
    """Raise `a` to the power `b`; the derivative of ``a**0`` by `a` is 0, also at ``a = 0``."""
    return a**b
