"""The algebra that a person does without thinking: no factor 1, one sign, one number in front."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from autograd_lite import ops
from autograd_lite.derive.expression import REWRITES, Expression
from autograd_lite.primitive import Primitive


def _make(primitive: Primitive, *operands: Any, **parameters: Any) -> Expression:
    """Apply an operation to expressions, and simplify the result."""
    return cast(Expression, primitive(*operands, **parameters))


def _number(e: Expression) -> float | None:
    """Return the number that an expression is, if it is one."""
    if e.is_number and np.asarray(e.value).dtype.kind in "fiu" and np.size(e.value):
        array = np.asarray(e.value, dtype=float)
        if (array == array.flat[0]).all():
            return float(array.flat[0])
    return None


def _is(e: Expression, primitive: Primitive) -> bool:
    return e.operation is primitive


def _split(e: Expression) -> tuple[float, Expression]:
    """Split into a number in front and the rest."""
    if _is(e, ops.negative):
        factor, rest = _split(e.operands[0])
        return -factor, rest
    if _is(e, ops.multiply):
        number = _number(e.operands[0])
        if number is not None and e.operands[1].shape == e.shape:
            return number, e.operands[1]
    return 1.0, e


def _scaled(factor: float, e: Expression) -> Expression:
    """Put a number in front."""
    if factor == 1.0:
        return e
    if factor == -1.0:
        return _make(ops.negative, e)
    return _make(ops.multiply, factor, e)


def _one_number_in_front(e: Expression) -> Expression | None:
    """2 * (a * (3 * b)) -> 6 * (a * b); 1 * a -> a; a * -b -> -(a * b)."""
    a, b = e.operands
    for number, other in ((_number(a), b), (_number(b), a)):
        if number is not None and other.shape == e.shape:
            factor, rest = _split(other)
            if factor != 1.0 or number in (1.0, -1.0) or b is not other:
                return _scaled(number * factor, rest)
            return None
    (left, x), (right, y) = _split(a), _split(b)
    if left * right == 1.0 and x is a and y is b:
        return None
    return _scaled(left * right, _make(ops.multiply, x, y))


def _square(e: Expression) -> Expression | None:
    a, b = e.operands
    return _make(ops.square, a) if a is b else None


def _divided(e: Expression) -> Expression | None:
    a, b = e.operands
    if _number(b) == 1.0:
        return a
    (left, x), (right, y) = _split(a), _split(b)
    if left == 1.0 and right == 1.0:
        return None
    return _scaled(left / right, _make(ops.divide, x, y))


def _negated(e: Expression) -> Expression | None:
    (x,) = e.operands
    if _is(x, ops.negative):
        return x.operands[0]
    if _is(x, ops.subtract):
        return _make(ops.subtract, x.operands[1], x.operands[0])
    if _is(x, ops.multiply):
        a, b = x.operands
        number = _number(a)
        if number is not None:
            return _scaled(-number, b)
        if _is(a, ops.subtract):  # -(a - b) * c reads better as (b - a) * c.
            return _make(ops.multiply, ops.negative(a), b)
    return None


def _added(e: Expression) -> Expression | None:
    a, b = e.operands
    if _number(b) == 0.0:
        return a
    if _number(a) == 0.0:
        return b
    if a is b:
        return _scaled(2.0, a)
    if _is(b, ops.negative):
        return _make(ops.subtract, a, b.operands[0])
    if _is(a, ops.negative):
        return _make(ops.subtract, b, a.operands[0])
    return None


def _subtracted(e: Expression) -> Expression | None:
    a, b = e.operands
    if _number(b) == 0.0:
        return a
    if _number(a) == 0.0:
        return _make(ops.negative, b)
    return _make(ops.add, a, b.operands[0]) if _is(b, ops.negative) else None


def _power(e: Expression) -> Expression | None:
    return e.operands[0] if _number(e.operands[1]) == 1.0 else None


def _matrix_product(e: Expression) -> Expression | None:
    """(2 * a) @ b -> 2 * (a @ b)."""
    (left, x), (right, y) = map(_split, e.operands)
    if left == 1.0 and right == 1.0:
        return None
    return _scaled(left * right, _make(ops.matmul, x, y))


def _twice_transposed(e: Expression) -> Expression | None:
    (x,) = e.operands
    if e.parameters["axes"] is None and x.ndim < 2:
        return x
    if _is(x, ops.transpose) and e.parameters["axes"] == x.parameters["axes"] is None:
        return x.operands[0]
    return None


def _same_shape(e: Expression) -> Expression | None:
    """Leave out what changes nothing: a reshape or a sum to the shape there is."""
    (x,) = e.operands
    if x.shape == e.shape:
        return x
    if _is(e, ops.reshape) and _is(x, ops.reshape):
        return _make(ops.reshape, x.operands[0], shape=e.shape)
    return None


def _sum_of(e: Expression) -> Expression | None:
    """Sum over one axis, written as such; a number before the sum, not in it."""
    axis = e.parameters["axis"]
    (x,) = e.operands
    if x.shape == e.shape:
        return x
    if isinstance(axis, tuple) and len(axis) == x.ndim:
        return _make(ops.sum, x, axis=None, keepdims=e.parameters["keepdims"])
    if isinstance(axis, tuple) and len(axis) == 1:
        return _make(ops.sum, x, axis=axis[0], keepdims=e.parameters["keepdims"])
    factor, rest = _split(x)
    if factor != 1.0:
        return _scaled(factor, _make(ops.sum, rest, **e.parameters))
    return None


def _operand(e: Expression) -> Expression | None:
    return e.operands[0]


REWRITES |= {
    ops.multiply: (_square, _one_number_in_front),
    ops.divide: (_divided,),
    ops.negative: (_negated,),
    ops.add: (_added,),
    ops.subtract: (_subtracted,),
    ops.power: (_power,),
    ops.matmul: (_matrix_product,),
    ops.transpose: (_twice_transposed,),
    ops.reshape: (_same_shape,),
    ops.squeeze: (_same_shape,),
    ops.broadcast_to: (_same_shape,),
    ops.sum: (_sum_of,),
    ops.copy: (_operand,),
}
