"""The algebra that a person does without thinking: no factor 1, one sign, one number in front."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.program.expression import REWRITES, Expression, identity


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


def split(e: Expression) -> tuple[float, Expression]:
    """Split into a number in front and the rest."""
    if _is(e, ops.negative):
        factor, rest = split(e.operands[0])
        return -factor, rest
    if _is(e, ops.multiply):
        number = _number(e.operands[0])
        if number is not None and e.operands[1].shape == e.shape:
            return number, e.operands[1]
    if _is(e, ops.divide):
        number = _number(e.operands[0])
        if number not in (None, 1.0) and e.operands[1].shape == e.shape:
            assert number is not None
            return number, Expression(
                e.value / number, operation=ops.divide, operands=(Expression(1.0), e.operands[1])
            )
    return 1.0, e


def scaled(factor: float, e: Expression) -> Expression:
    """Put a number in front."""
    if e.dtype != bool:  # What is true or false has no sign.
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
            factor, rest = split(other)
            if other.dtype == bool and b is other:
                return None
            if factor != 1.0 or number in (1.0, -1.0) or b is not other:
                return scaled(number * factor, rest)
            return None
    (left, x), (right, y) = split(a), split(b)
    if left * right == 1.0 and x is a and y is b:
        return None
    return scaled(left * right, _make(ops.multiply, x, y))


def _square(e: Expression) -> Expression | None:
    a, b = e.operands
    return _make(ops.square, a) if a is b else None


def _divided(e: Expression) -> Expression | None:
    a, b = e.operands
    if _number(b) == 1.0:
        return a
    (left, x), (right, y) = split(a), split(b)
    if _number(b) is not None and _is(a, ops.divide):  # x / y / n -> (x / n) / y
        return _make(ops.divide, _make(ops.divide, a.operands[0], b), a.operands[1])
    if (left == 1.0 and right == 1.0) or (_number(a) is not None and right == 1.0):
        return None
    return scaled(left / right, _make(ops.divide, x, y))


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
            return scaled(-number, b)
        if _is(a, ops.subtract):  # -(a - b) * c reads better as (b - a) * c.
            return _make(ops.multiply, ops.negative(a), b)
    return None


def _added(e: Expression) -> Expression | None:
    a, b = e.operands
    if _number(b) == 0.0 and a.shape == e.shape:
        return a
    if _number(a) == 0.0 and b.shape == e.shape:
        return b
    if alike(a, b):
        return scaled(2.0, a)
    return _combined(a, b, 1.0)


def _subtracted(e: Expression) -> Expression | None:
    a, b = e.operands
    if _number(b) == 0.0 and a.shape == e.shape:
        return a
    if _number(a) == 0.0 and b.shape == e.shape:
        return _make(ops.negative, b)
    return _combined(a, b, -1.0)


def _combined(a: Expression, b: Expression, sign: float) -> Expression | None:
    """Put a common number before a sum, and write no sign twice: a + -2 * b -> a - 2 * b."""
    (left, x), (right, y) = split(a), split(b)
    right *= sign
    if abs(left) == abs(right) != 1.0:
        if left < 0 < right:
            return scaled(right, _make(ops.subtract, y, x))
        return scaled(left, _make(ops.add if left == right else ops.subtract, x, y))
    if left < 0 < right:
        return _make(ops.subtract, scaled(right, y), scaled(-left, x))
    if right < 0 < sign or (sign < 0 and split(b)[0] < 0):
        return _make(ops.add if right > 0 else ops.subtract, a, scaled(abs(right), y))
    return None


def alike(a: Expression, b: Expression, depth: int = 4) -> bool:
    """Say whether two expressions are the same, seeing through names to some depth."""
    if a is b:
        return True
    if depth and a.shape == b.shape:
        a, b = a.meant, b.meant
        if a.is_number and b.is_number:
            return bool(np.array_equal(a.value, b.value))
        return (
            a.operation is b.operation is not None
            and len(a.operands) == len(b.operands)
            and a.key == b.key
            and all(alike(x, y, depth - 1) for x, y in zip(a.operands, b.operands, strict=True))
        )
    return False


def _cancelled(e: Expression) -> Expression | None:
    """Cancel: (a / b) * b -> a, also inside a sum and a longer product."""
    a, b = e.operands
    product = _times(a, b)
    return _times(b, a) if product is None else product


def _over(e: Expression) -> Expression | None:
    """(1 / a) * b -> b / a."""
    for one_over, x in _both_orders(e):
        if _is(one_over, ops.divide) and _number(one_over.operands[0]) == 1.0:
            return _make(ops.divide, x, one_over.operands[1])
    return None


def _times(a: Expression, b: Expression) -> Expression | None:
    """Multiply `a` by `b` if a division by it is undone, else return None."""
    if np.broadcast_shapes(a.shape, b.shape) != a.shape or b.is_number:
        return None
    if _is(b, ops.multiply):
        for first, second in (b.operands, b.operands[::-1]):
            product = _times(a, first)
            if product is not None:
                return _make(ops.multiply, product, second)
    factor, rest = split(a)
    if factor != 1.0:
        product = _times(rest, b)
        return None if product is None else scaled(factor, product)
    if _is(a, ops.divide):
        x, y = a.operands
        return x if alike(y, b) and x.shape == a.shape else None
    if _is(a, ops.multiply):
        for first, second in (a.operands, a.operands[::-1]):
            product = _times(first, b)
            if product is not None:
                return _make(ops.multiply, product, second)
    if a.operation in (ops.add, ops.subtract):
        parts = [_times(x, b) for x in a.operands]
        if any(part is not None for part in parts):
            x, y = (
                part if part is not None else _make(ops.multiply, whole, b)
                for part, whole in zip(parts, a.operands, strict=True)
            )
            return _make(a.operation, x, y)
    return None


def _rest_of_one(e: Expression) -> Expression | None:
    """Return `u` of ``1 - u``."""
    e = e.meant
    return e.operands[1] if _is(e, ops.subtract) and _number(e.operands[0]) == 1.0 else None


def _mixed_with_its_rest(e: Expression) -> Expression | None:
    """(1 - u) * v - u * (1 - v) -> v - u: what is left of a cross-entropy and its sigmoid."""
    if not all(_is(x, ops.multiply) for x in e.operands):
        return None
    for a, v in _both_orders(e.operands[0]):
        for u, b in _both_orders(e.operands[1]):
            rest_a, rest_b = _rest_of_one(a), _rest_of_one(b)
            if rest_a is not None and rest_b is not None and alike(rest_a, u) and alike(rest_b, v):
                return _make(ops.subtract, v, u)
    return None


def _both_orders(product: Expression) -> tuple[tuple[Expression, ...], ...]:
    return product.operands, product.operands[::-1]


def _without_stretching(e: Expression) -> Expression | None:
    """Leave out what broadcasting does by itself."""
    stretches = (ops.broadcast_to, ops.expand_dims)
    for i, x in enumerate(e.operands):
        number_as_table = _is(x, ops.getitem) and x.operands[0].ndim == 0  # det[..., None, None]
        if x.operation not in stretches and not number_as_table:
            continue
        inner, other = x.operands[0], e.operands[1 - i]
        leading = inner.ndim == 0 or x.shape[x.ndim - inner.ndim :] == inner.shape
        if _is(x, ops.expand_dims) and not leading:
            continue
        if np.broadcast_shapes(inner.shape, other.shape) == e.shape:
            pair = (other, inner) if i else (inner, other)
            return _make(e.operation, *pair)  # type: ignore[arg-type]  # It is a primitive.
    return None


def _power(e: Expression) -> Expression | None:
    return e.operands[0] if _number(e.operands[1]) == 1.0 else None


def _matrix_product(e: Expression) -> Expression | None:
    """(2 * a) @ b -> 2 * (a @ b); I @ b -> b."""
    for e_i, other in zip(e.operands, e.operands[::-1], strict=True):
        factor = identity(e_i.value) if e_i.is_number else None
        if factor is not None:
            return scaled(factor, other)
    (left, x), (right, y) = map(split, e.operands)
    if left == 1.0 and right == 1.0:
        return None
    return scaled(left * right, _make(ops.matmul, x, y))


def _twice_transposed(e: Expression) -> Expression | None:
    (x,) = e.operands
    if e.parameters["axes"] is None and x.ndim < 2:
        return x
    if e.parameters["axes"] is not None:
        return None
    meant = x.meant
    if _is(meant, ops.transpose) and meant.parameters["axes"] is None:
        return meant.operands[0]
    if _is(x, ops.matmul) and all(part.ndim == 2 for part in x.operands):
        a, b = x.operands
        return _make(ops.matmul, ops.transpose(b, axes=None), ops.transpose(a, axes=None))
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
    factor, rest = split(x)
    if factor != 1.0:
        return scaled(factor, _make(ops.sum, rest, **e.parameters))
    return None


def _mean_of(e: Expression) -> Expression | None:
    """Sum, divided by how many there are -> mean."""
    x, count = e.operands
    if _is(x, ops.sum) and _number(count) == x.operands[0].size / max(1, x.size) > 1:
        return _make(ops.mean, *x.operands, **x.parameters)
    return None


def _kept(e: Expression) -> Expression | None:
    """Put reduced axes back -> never take them away."""
    (x,) = e.operands
    if x.operation in (ops.sum, ops.mean) and not x.parameters["keepdims"]:
        kept = _make(x.operation, *x.operands, **(x.parameters | {"keepdims": True}))
        return kept if kept.shape == e.shape else None
    return None


def _number_outside(e: Expression) -> Expression | None:
    """Rearrange 2 * x -> 2 * what is rearranged."""
    factor, rest = split(e.operands[0])
    if factor == 1.0:
        return None
    return scaled(factor, _make(cast(Primitive, e.operation), rest, **e.parameters))


def _one_index(e: Expression) -> Expression | None:
    """x[(0,)] -> x[0]."""
    index = e.parameters["index"]
    if isinstance(index, tuple) and len(index) == 1:
        return _make(ops.getitem, *e.operands, index=index[0])
    return None


def _operand(e: Expression) -> Expression | None:
    return e.operands[0]


REWRITES |= {
    ops.multiply: (_without_stretching, _square, _one_number_in_front, _over, _cancelled),
    ops.divide: (_without_stretching, _mean_of, _divided),
    ops.negative: (_negated,),
    ops.add: (_without_stretching, _added),
    ops.subtract: (_without_stretching, _mixed_with_its_rest, _subtracted),
    ops.power: (_power,),
    ops.matmul: (_matrix_product,),
    ops.transpose: (_twice_transposed, _number_outside),
    ops.reshape: (_same_shape, _number_outside),
    ops.expand_dims: (_kept, _number_outside),
    ops.getitem: (_one_index, _number_outside),
    ops.squeeze: (_same_shape, _number_outside),
    ops.broadcast_to: (_same_shape, _number_outside),
    ops.sum: (_sum_of,),
    ops.mean: (_number_outside,),
    ops.copy: (_operand,),
}
