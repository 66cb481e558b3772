"""The algebra that a person does without thinking: no factor 1, one sign, one number in front.

Here is what several operations have to do with each other. What concerns one alone (a transpose of
a transpose, a sum over all axes) is in its entry, as `simplify` and `linear`.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.ops.indexing import scatter_add
from autograd_lite.ops.writing import names
from autograd_lite.program.expression import REWRITES, Expression, identity, parts_of, quotient


def _make(primitive: Any, *operands: Any, **parameters: Any) -> Expression:
    """Apply an operation to expressions, and simplify the result."""
    sum_of = operands if primitive in (ops.add, ops.subtract) else ()
    if sum_of and all(isinstance(x, Expression) and x.dtype == bool for x in sum_of):
        operands = scaled(1.0, operands[0]), operands[1]  # Numbers: True + True is True.
    return cast(Expression, primitive(*operands, **parameters))


def _is(e: Expression, primitive: Primitive) -> bool:
    return e.operation is primitive


def split(e: Expression) -> tuple[float, Expression]:
    """Split into a number in front and the rest."""
    if e.operation is ops.negative:
        factor, rest = split(e.operands[0])
        return -factor, rest
    if e.operation is ops.multiply:
        number = number_of(e.operands[0])
        if number is not None and e.operands[1].shape == e.shape:
            return number, e.operands[1]
    if e.operation is ops.divide:
        number = number_of(e.operands[0])
        if number not in (None, 1.0) and e.operands[1].shape == e.shape:
            assert number is not None
            return number, Expression(
                e.value / number, operation=ops.divide, operands=(Expression(1.0), e.operands[1])
            )
        count = number_of(e.operands[1])
        if count and count != 1.0 and count.is_integer() and e.operands[0].shape == e.shape:
            factor, rest = split(e.operands[0])
            return quotient(factor, count), rest
    number = identity(e.value) if e.is_number else None
    if number in (None, 1.0):
        return 1.0, e
    assert number is not None
    share = quotient(1.0, len(e.value))  # A mean over the diagonal.
    return share if number == share else number, Expression(e.value / number)


def number_of(e: Expression) -> float | None:
    """Return the number that an expression is, if it is one."""
    if e.ratio is not None:
        return e.ratio
    if e.is_number and np.asarray(e.value).dtype.kind in "fiu" and np.size(e.value):
        array = np.asarray(e.value, dtype=float)
        if (array == array.flat[0]).all():
            return float(array.flat[0])
    return None


def scaled(factor: float, e: Expression) -> Expression:
    """Put a number in front."""
    if e.dtype != bool:  # What is true or false has no sign.
        if factor == 1.0:
            return e
        if factor == -1.0:
            return _make(ops.negative, e)
        if parts_of(factor)[0] == -1.0 and _takes_sign(e):  # -(a - b) / n -> (b - a) / n
            return _make(ops.multiply, -factor, _make(ops.negative, e))
    return _make(ops.multiply, factor, e)


def _takes_sign(e: Expression) -> bool:
    """Return whether a minus goes into a difference that an expression begins with."""
    while e.operation in (ops.multiply, ops.divide) and e.operands[0].shape == e.shape:
        e = e.operands[0]
    return _is(e, ops.subtract)


def _one_number_in_front(e: Expression) -> Expression | None:
    """2 * (a * (3 * b)) -> 6 * (a * b); 1 * a -> a; a * -b -> -(a * b)."""
    a, b = e.operands
    for number, other in ((number_of(a), b), (number_of(b), a)):
        if number is not None and other.shape == e.shape:
            factor, rest = split(other)
            if other.dtype == bool and b is other:
                return None
            signed = parts_of(number)[0] == -1.0 and (number == -1.0 or _takes_sign(other))
            if factor != 1.0 or number == 1.0 or signed or b is not other:
                return scaled(number * factor, rest)
            return None
    (left, x), (right, y) = split(a), split(b)
    if left * right == 1.0 and x is a and y is b:
        return None
    return scaled(left * right, _make(ops.multiply, x, y))


def _nothing(e: Expression) -> Expression | None:
    """0 * a -> 0, zeros @ a -> zeros."""
    none = any(number_of(x) == 0.0 for x in e.operands)
    return Expression(np.zeros(e.shape, e.dtype)) if none and e.dtype.kind == "f" else None


def _mean_over(e: Expression) -> Expression | None:
    """(t / n) * sum(x) -> t * mean(x), also where the sum is stretched."""
    for number, x in _both_orders(e):
        spread = number.ratio is not None and getattr(x.operation, "stretches", False)
        total = x.operands[0] if spread else x
        if number.ratio is None or not _is(total, ops.sum) or x.shape != e.shape:
            continue
        if number.ratio.bottom == total.operands[0].size / max(1, total.size):
            mean = _make(ops.mean, *total.operands, **total.parameters)
            whole = _make(x.operation, mean, **x.parameters) if spread else mean
            return scaled(number.ratio.top, whole)
    return None


def _rows_of_identity(e: Expression) -> Expression | None:
    """Sum over the columns of np.eye(k)[labels] -> 1: every row of it has a single one."""
    (x,), axis = e.operands, e.parameters["axis"]
    total = _in_each_row(x, x.shape[-1]) if axis in (x.ndim - 1, -1) else None
    return None if total is None else _make(ops.broadcast_to, Expression(total), shape=e.shape)


def _in_each_row(x: Expression, n: int) -> float | None:
    """Return what every row of np.eye(k)[labels], of a number, or of a sum of such, adds up to."""
    number = number_of(x)
    if number is not None:
        return number * n
    factor, x = split(x.meant if x.name == "?" else x)
    found = None
    if x.operation in (ops.add, ops.subtract):
        one, two = (_in_each_row(y, n) for y in x.operands)
        if one is not None and two is not None:
            found = one + two if _is(x, ops.add) else one - two
    elif _is(x, ops.getitem):
        eye, index = x.operands[0], x.parameters["index"]
        plain = isinstance(index, np.ndarray) and index.dtype.kind in "iu"
        found = (
            identity(eye.value) if plain and index.ndim == x.ndim - 1 and eye.is_number else None
        )
    return None if found is None else factor if found == 1.0 else factor * found


def _of_shares(e: Expression) -> Expression | None:
    """Sum(x / sum(x)) -> 1."""
    x = e.operands[0].meant
    if not _is(x, ops.divide) or not e.parameters.get("axis"):
        return None
    top, total = x.operands[0], x.operands[1].meant
    same = _is(total, ops.sum) and total.parameters["keepdims"] and alike(total.operands[0], top)
    axes = [np.atleast_1d(y.parameters["axis"]) % x.ndim for y in (e, total)] if same else [0, 1]
    return Expression(np.ones(e.shape, e.dtype)) if np.array_equal(*axes) else None


def _all_put_back(e: Expression) -> Expression | None:
    """Sum of all that was put into zeros -> the sum of it."""
    (x,), axis = e.operands, e.parameters["axis"]
    if not _is(x, scatter_add) or (axis is not None and len(np.atleast_1d(axis)) < x.ndim):
        return None
    total = _make(ops.sum, x.operands[0], axis=None, keepdims=False)
    return total if total.shape == e.shape else _make(ops.reshape, total, shape=e.shape)


def _single_outside(e: Expression) -> Expression | None:
    """Sum(a * s) -> sum(a) * s, sum(a / s) -> sum(a) / s, of a single number `s` and a table."""
    (x,) = e.operands
    for i, s in enumerate(x.operands if x.operation in (ops.multiply, ops.divide) else ()):
        other = x.operands[1 - i]
        if s.ndim == 0 < other.ndim and not s.is_number and (i or _is(x, ops.multiply)):
            total = _make(ops.sum, other, **e.parameters)
            return _make(x.operation, *((total, s) if i else (s, total)))
    return None


def _common_factor(e: Expression) -> Expression | None:
    """Take out a common factor: a * b - 2 * a * c -> a * (b - 2 * c), a + a * c -> a * (1 + c)."""
    one = Expression(1.0)
    (left, a), (right, b) = map(split, e.operands)
    if left < 0 or right < 0 or a.shape != e.shape or b.shape != e.shape:
        return None
    for x, y in _both_orders(a) if _is(a, ops.multiply) else ((a, one),):
        for u, v in _both_orders(b) if _is(b, ops.multiply) else ((b, one),):
            same = alike(x, u) and not x.is_number and x.shape == e.shape
            if same and y is not v and {y.shape, v.shape} <= {(), e.shape}:
                return _make(ops.multiply, x, _make(e.operation, scaled(left, y), scaled(right, v)))
    return None


def _chosen(e: Expression) -> Expression | None:
    """where(c, a, 0) * x + where(c, 0, b) * y -> where(c, a * x, b * y)."""
    one, two = (_gated(x) for x in e.operands)
    if one is None or two is None:
        return None
    (c, first, x), (other, second, y) = one, two
    if first is second or not alike(c, other) or not x.shape == y.shape == e.shape:
        return None
    y = _make(ops.negative, y) if _is(e, ops.subtract) else y
    a, b = (x, y) if first else (y, x)
    (left, p), (right, q) = split(a), split(b)
    if alike(p, q):
        return _make(ops.multiply, p, _make(ops.where, c, left, right))
    (top, count), (over, same) = parts_of(left), parts_of(right)
    if count != same:
        return _make(ops.where, c, a, b)
    number = abs(top) if abs(top) == abs(over) else 1.0
    parts = scaled(top / number, p), scaled(over / number, q)
    return scaled(quotient(number, count), _make(ops.where, c, *parts))


def _gated(e: Expression) -> tuple[Expression, bool, Expression] | None:
    """Return `c`, whether it is to hold or not, and what is 0 elsewhere."""
    factor, rest = split(e)
    if _is(rest, ops.where):
        c, a, b = rest.operands
        if number_of(b) == 0.0 or number_of(a) == 0.0:
            return c, number_of(b) == 0.0, scaled(factor, a if number_of(b) == 0.0 else b)
    for one, other in _both_orders(rest) if _is(rest, ops.multiply) else ():
        found = _gated(one)
        if found is not None:
            c, holds, x = found
            return c, holds, scaled(factor, _make(ops.multiply, x, other))
    return None


def _square(e: Expression) -> Expression | None:
    """Write a * a as a**2, also at the end of a longer product."""
    a, b = e.operands
    if a is b:
        return _make(ops.square, a)
    if _is(a, ops.multiply) and a.operands[1] is b and a.operands[0].shape == e.shape:
        return _make(ops.multiply, a.operands[0], _make(ops.square, b))
    return None


def _divided(e: Expression) -> Expression | None:
    a, b = e.operands
    if number_of(b) == 1.0:
        return a
    (left, x), (right, y) = split(a), split(b)
    number = number_of(b)
    top, bottom = parts_of(left)
    if number and not number.is_integer() and left != 1.0 and len(repr(top / number)) < 6:
        return scaled(quotient(top / number, bottom), x)
    if number is not None and _is(a, ops.divide) and number_of(a.operands[1]) is None:
        return _make(ops.divide, _make(ops.divide, a.operands[0], b), a.operands[1])  # (x / n) / y
    if number and number.is_integer() and a.shape == e.shape:
        return scaled(quotient(left, number), x)
    if (left == 1.0 and right == 1.0) or (number_of(a) is not None and right == 1.0):
        return None
    return scaled(quotient(left, right), _make(ops.divide, x, y))


def _undone(e: Expression) -> Expression | None:
    """Cancel: (a * b) / b -> a, also in a longer product."""
    a, b = e.operands
    return None if b.is_number or a.shape != e.shape else _without_factor(a, b)


def _without_factor(e: Expression, b: Expression) -> Expression | None:
    factor, rest = split(e)
    if alike(rest, b):
        return Expression(np.full(e.shape, factor))
    for x, y in _both_orders(rest) if _is(rest, ops.multiply) else ():
        if x.shape != e.shape:
            continue
        if alike(y, b):
            return scaled(factor, x)
        left = _without_factor(x, b)
        if left is not None:
            return scaled(factor, _make(ops.multiply, left, y))
    return None


def _negated(e: Expression) -> Expression | None:
    (x,) = e.operands
    if _is(x, ops.negative):
        return x.operands[0]
    if _is(x, ops.subtract):
        return _make(ops.subtract, x.operands[1], x.operands[0])
    if _is(x, ops.multiply) and (number := x.operands[0].ratio or number_of(x.operands[0])):
        return scaled(-number, x.operands[1])
    if x.operation in (ops.multiply, ops.divide) and _takes_sign(x):  # -(a - b) * c: (b - a) * c
        a, b = x.operands
        return _make(x.operation, _make(ops.negative, a), b)
    return None


def _added(e: Expression) -> Expression | None:
    a, b = e.operands
    if number_of(b) == 0.0 and a.shape == e.shape:
        return a
    if number_of(a) == 0.0 and b.shape == e.shape:
        return b
    if alike(a, b):
        return scaled(2.0, a)
    if _is(a, ops.subtract) and split(a.operands[0])[0] < 0 < split(b)[0]:  # -x - y + b: b - x - y
        x, y = a.operands
        return _make(ops.subtract, _make(ops.subtract, b, _make(ops.negative, x)), y)
    if _is(b, ops.subtract) and split(b.operands[0])[0] < 0:  # a + (-x - y) -> a - x - y
        x, y = b.operands
        return _make(ops.subtract, _make(ops.add, a, x), y)
    again = _again(e)
    return _combined(a, b, 1.0) if again is None else again


def _again(e: Expression) -> Expression | None:
    """X + a + a -> x + 2 * a, x - a + a -> x; likewise for a difference."""
    whole, b = e.operands
    if whole.operation not in (ops.add, ops.subtract) or not alike(whole.operands[1], b):
        return None
    x = whole.operands[0]
    if x.shape != e.shape or b.shape != e.shape:
        return None
    return _make(whole.operation, x, scaled(2.0, b)) if whole.operation is e.operation else x


def _subtracted(e: Expression) -> Expression | None:
    a, b = e.operands
    if number_of(b) == 0.0 and a.shape == e.shape:
        return a
    if number_of(a) == 0.0 and b.shape == e.shape:
        return _make(ops.negative, b)
    if _is(b, ops.subtract) and alike(a, b.operands[1]) and a.shape == b.shape:
        return _make(ops.subtract, scaled(2.0, a), b.operands[0])  # a - (b - a) -> 2 * a - b
    again = _again(e)
    return _combined(a, b, -1.0) if again is None else again


def _combined(a: Expression, b: Expression, sign: float) -> Expression | None:
    """Put a common number before a sum, and write no sign twice: a + -2 * b -> a - 2 * b."""
    over = _over_one_count(a, b, sign)
    if over is not None:
        return over
    (left, x), (right, y) = split(a), split(b)
    right *= sign
    if alike(x, y) and x.shape == a.shape and parts_of(left)[1] == parts_of(right)[1]:
        (top, count), (other, _) = parts_of(left), parts_of(right)
        return scaled(quotient(top + other, count), x)
    number = number_of(b)
    first = number_of(a)
    if first is not None and abs(first) == abs(right) != 1.0 and y.shape == b.shape:
        if first == right:
            return scaled(right, _make(ops.add, 1.0, y))
        return scaled(right, _make(ops.subtract, y, 1.0))
    if abs(left) != 1.0 and number is not None and abs(left) == abs(number) and x.shape == a.shape:
        return scaled(left, _make(ops.add if left == sign * number else ops.subtract, x, 1.0))
    if number is not None and number < 0 and a.shape == (x if left < 0 else a).shape:
        return _make(ops.subtract if sign > 0 else ops.add, a, -number)
    if abs(left) == abs(right) != 1.0 and not x.dtype == y.dtype == bool:
        if left < 0 < right:
            return scaled(right, _make(ops.subtract, y, x))
        return scaled(left, _make(ops.add if left == right else ops.subtract, x, y))
    if left < 0 < right:
        return _make(ops.subtract, scaled(right, y), scaled(-left, x))
    if right < 0 < sign or (sign < 0 and split(b)[0] < 0):
        return _make(ops.add if right > 0 else ops.subtract, a, scaled(abs(right), y))
    return None


def _over_one_count(a: Expression, b: Expression, sign: float) -> Expression | None:
    """2 / n * a - b / n -> (2 * a - b) / n."""
    (left, x), (right, y) = (
        (number_of(e) or 1.0, Expression(1.0)) if e.is_number else split(e) for e in (a, b)
    )
    (top, count), (other, same) = parts_of(left), parts_of(sign * right)
    if count == 1 or count != same or abs(top) == abs(other):
        return None
    if top < 0 < other:
        (top, x), (other, y) = (other, y), (top, x)
    operation = ops.add if top * other > 0 else ops.subtract
    whole = _make(operation, scaled(abs(top), x), scaled(abs(other), y))
    return scaled(quotient(1.0 if top > 0 else -1.0, count), whole)


def alike(a: Expression, b: Expression, depth: int = 4) -> bool:
    """Return whether two expressions are the same, seeing through names to some depth."""
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
        if _is(one_over, ops.divide) and number_of(one_over.operands[0]) == 1.0:
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
        number = number_of(x)
        if number is not None and x.shape != a.shape:
            x = Expression(np.full(a.shape, number))
        if _is_square_of(y, b):
            return _make(ops.divide, x, b)
        return x if alike(y, b) and x.shape == a.shape else None
    if _is(a, ops.sum) and not a.parameters["keepdims"] and b.ndim:  # Of rows, by one.
        (x,), axis = a.operands, a.parameters["axis"]
        leading = axis in (0, tuple(range(x.ndim - a.ndim)))
        product = _times(x, b) if leading else None
        return None if product is None else _make(ops.sum, product, **a.parameters)
    if _is(a, scatter_add) and a.shape == b.shape:  # What goes back meets what was there.
        picked = _make(ops.getitem, b, index=a.parameters["index"])
        product = _times(a.operands[0], picked)
        return None if product is None else _make(scatter_add, product, **a.parameters)
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


def _is_square_of(y: Expression, b: Expression) -> bool:
    y = y.meant
    powers = (ops.square, ops.power)
    return y.operation in powers and alike(y.operands[0], b) and (
        len(y.operands) == 1 or number_of(y.operands[1]) == 2.0)  # fmt: skip


def _rest_of_one(e: Expression) -> Expression | None:
    """Return `u` of ``1 - u``."""
    e = e.meant
    return e.operands[1] if _is(e, ops.subtract) and number_of(e.operands[0]) == 1.0 else None


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


def _without_kept_axes(e: Expression) -> Expression | None:
    """sum(x, keepdims=True).reshape(n) -> sum(x), where that has the shape already."""
    (x,) = e.operands
    if not isinstance(x.operation, Primitive) or not x.parameters.get("keepdims"):
        return None
    plain = _make(x.operation, *x.operands, **{**x.parameters, "keepdims": False})
    return plain if plain.shape == e.shape else None


def _both_orders(product: Expression) -> tuple[tuple[Expression, ...], ...]:
    return product.operands, product.operands[::-1]


def _without_stretching(e: Expression) -> Expression | None:
    """Leave out what broadcasting does by itself."""
    for i, x in enumerate(e.operands):
        inner, other = _unstretched(x), e.operands[1 - i]
        if inner is None or other.is_number:
            continue
        if np.broadcast_shapes(inner.shape, other.shape) == e.shape:
            return _make(e.operation, *((other, inner) if i else (inner, other)))
    return None


def _unstretched(x: Expression) -> Expression | None:
    """Return the smaller array that broadcasting makes this one of."""
    factor, rest = split(x)
    for full, s in _both_orders(x) if _is(x, ops.multiply) else ():  # full(n, c) * s
        number = number_of(full)
        if number is not None and s.shape != x.shape:
            return scaled(number, s)
    whole = rest.operation in (ops.sum, ops.mean) and rest.parameters["keepdims"]
    if whole and rest.shape == (1,):
        return scaled(factor, _make(rest.operation, *rest.operands, axis=None))
    picked = rest.operation in (ops.getitem, ops.reshape) and not rest.operands[0].ndim
    if not picked and not getattr(rest.operation, "stretches", False):
        return None
    inner = rest.operands[0]
    leading = inner.ndim == 0 or rest.shape[rest.ndim - inner.ndim :] == inner.shape
    if rest.size == inner.size and not leading:  # A column is not what broadcasting makes.
        return None
    return scaled(factor, inner)


def _product_stretched(e: Expression) -> Expression | None:
    """Multiply a matrix by equal columns -> its product with one, stretched."""
    a, b = e.operands
    if a.ndim != 2 or b.ndim != 2:
        return None
    left, right = (x.operands[0] if getattr(x.operation, "stretches", False) else x for x in (a, b))
    if right.shape == (len(b), 1) != b.shape:
        return _make(ops.broadcast_to, _make(ops.matmul, a, right), shape=e.shape)
    if left.shape == (len(a), 1) != a.shape:
        return _make(ops.multiply, left, _make(ops.sum, b, axis=0, keepdims=False))
    return None


def _with_vector(e: Expression) -> Expression | None:
    """Sum(c[:, None] * g, axis=0) -> c @ g, and likewise for the rows of a matrix."""
    (x,), axis = e.operands, e.parameters["axis"]
    if not _is(x, ops.multiply) or x.ndim != 2 or e.ndim != 1:
        return None
    for vector, other in _both_orders(x):
        v, n = vector.meant if vector.name == "?" else vector, x.shape[axis]
        if other.shape != x.shape or vector.size != n or n == 1 or v.is_number:
            continue
        inner = v.operands[0] if v.operation in (ops.getitem, ops.expand_dims) else v
        if inner.shape != (n,) or vector.shape not in ((n, 1), (1, n), (n,)):
            continue
        if vector.shape == (n, 1) and axis % 2 == 0:
            return _make(ops.matmul, inner, other)
        if vector.shape != (n, 1) and axis % 2 == 1:
            return _make(ops.matmul, other, inner)
    return None


def _trace(e: Expression) -> Expression | None:
    """Sum of all entries of x * I -> the trace of x."""
    (x,) = e.operands
    for eye, other in _both_orders(x) if _is(x, ops.multiply) and not e.ndim else ():
        factor = identity(eye.value) if eye.is_number else None
        if factor is not None and other.shape == x.shape:
            return scaled(factor, _make(ops.trace, other))
    return None


def _number_alone(e: Expression) -> Expression | None:
    """V * (full(c) - s) -> v * (c - s), where `v` has the shape already."""
    for i, x in enumerate(e.operands):
        if x.operation not in (ops.add, ops.subtract):
            continue
        other = e.operands[1 - i]
        parts = [p if number_of(p) is None else Expression(number_of(p)) for p in x.operands]
        shape = np.broadcast_shapes(*(p.shape for p in parts))
        if shape != x.shape and np.broadcast_shapes(shape, other.shape) == e.shape:
            inner = _make(x.operation, *parts)
            return _make(ops.multiply, *((other, inner) if i else (inner, other)))
    return None


def _times_identity(e: Expression) -> Expression | None:
    """I @ b -> b."""
    for e_i, other in zip(e.operands, e.operands[::-1], strict=True):
        factor = identity(e_i.value) if e_i.is_number else None
        if factor is not None:
            return scaled(factor, other)
    return None


def untied(e: Expression) -> Expression | None:
    """Leave out how a rule shares a derivative between equals, and what guards against 0 and nan.

    (a > b) + 0.5 * (a == b) -> a > b, hit / sum(hit) -> hit, where(a == 0, inf, a) -> a; nothing
    where that would change the value. It is not one of `REWRITES`, which hold for all values: this
    one needs values that do not tie, and divisors other than 0.
    """
    a, b = e.operands[-2:] if len(e.operands) > 1 else (None, None)
    if a is None or b is None:
        return None
    tested = next(iter(e.operands)).meant if _is(e, ops.where) else a
    if tested.operation is np.equal and number_of(a) == np.inf:
        guarded, number = tested.operands
        return b if number_of(number) == 0.0 and guarded is b and not (b == 0).any() else None
    if _is(e, ops.add) and _is(b, ops.multiply) and b.operands[1].operation is np.equal:
        return None if b.operands[1].any() else _make(ops.multiply, 1.0, a)
    if e.operation is np.logical_or and b.operation is np.isnan:
        return None if b.any() else a
    if _is(e, ops.divide) and _is(b, ops.sum) and b.operands[0] is a and a.dtype == bool:
        return _make(ops.multiply, 1.0, a) if (np.asarray(b.value) == 1).all() else None
    return None


def is_positive(e: Expression, or_zero: bool = False) -> bool:
    """Return whether an expression is above 0, or at least 0, whatever its names stand for."""
    e, parts = e.meant, e.meant.operands
    number = number_of(e)
    if number is not None:
        return number > 0 or (or_zero and number == 0)
    if or_zero and e.operation in (ops.square, ops.absolute, ops.var):
        return True
    if or_zero and _is(e, ops.power) and (number_of(parts[1]) or 1.0) % 2 == 0:
        return True
    if e.operation in (ops.sqrt, ops.mean, ops.sum):
        return is_positive(parts[0], or_zero)
    if _is(e, ops.add):
        one, other = (is_positive(x, or_zero) for x in parts)
        return (one and is_positive(parts[1], True)) or (other and is_positive(parts[0], True))
    return False


def whole_rows(e: Expression) -> tuple[str, int] | None:
    """Return which argument is summed along which axis, if its entries there add up to 1."""
    axis = e.parameters.get("axis")
    x = e.operands[0] if _is(e, ops.sum) else e
    row = x.meant
    if x is not e and row.operation is ops.getitem and x.ndim == 1 and axis in (None, 0, -1):
        x, index = row.operands[0], row.parameters["index"]  # A row, of which all have to do so.
        leading = index if isinstance(index, tuple) else (index,)
        if all(isinstance(i, int) for i in leading) and len(leading) == x.ndim - 1:
            return whole_rows(ops.sum(x, axis=x.ndim - 1))
    if x is e or x.name is None or x.meaning is not None or not isinstance(axis, int):
        return None
    return (x.name, axis % x.ndim) if e.size and np.allclose(e.value, 1.0, atol=0) else None


def _product_transposed(e: Expression) -> Expression | None:
    """Transpose a product, or each of a stack: (a @ b).T -> b.T @ a.T."""
    (x,), axes = e.operands, e.parameters["axes"]
    last_two = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
    if _is(x, ops.matmul) and x.ndim > 1 and axes in (last_two, None if x.ndim == 2 else last_two):
        a, b = x.operands
        if a.ndim == b.ndim == x.ndim:
            return _make(ops.matmul, ops.transpose(b, axes=axes), ops.transpose(a, axes=axes))
    return None


def _mean_of(e: Expression) -> Expression | None:
    """Sum, divided by how many there are -> mean."""
    x, count = e.operands
    if _is(x, ops.sum) and number_of(count) == x.operands[0].size / max(1, x.size) > 1:
        return _make(ops.mean, *x.operands, **x.parameters)
    return None


def _numbers_outside(e: Expression) -> Expression | None:
    """Write f(2 * x) as 2 * f(x), where `f` is linear in it."""
    assert isinstance(e.operation, Primitive)
    if not e.operation.linear:
        return None
    operands, factor = list(e.operands), 1.0
    for i, name in enumerate(names(e.operation, len(operands))):
        if e.operation.variadic or name in e.operation.linear:
            number, operands[i] = split(operands[i])
            factor *= number
    if all(x is y for x, y in zip(operands, e.operands, strict=True)):
        return None
    inner = _make(e.operation, *operands, **e.parameters)
    # What counts is added up otherwise than numbers are: True + True is True.
    wrong = inner.dtype == bool and not np.array_equal(factor * inner.value, e.value)
    return None if wrong else scaled(factor, inner)


REWRITES |= {
    ops.multiply: (
        _nothing, _mean_over, _without_stretching, _number_alone, _square, _one_number_in_front,
        _over, _cancelled,
    ),
    ops.divide: (_without_stretching, _mean_of, _undone, _divided),
    ops.negative: (_negated,),
    ops.sum: (_rows_of_identity, _of_shares, _all_put_back, _single_outside, _trace, _with_vector),
    ops.add: (_without_stretching, _chosen, _common_factor, _added),
    ops.subtract: (_without_stretching, _chosen, _mixed_with_its_rest, _common_factor, _subtracted),
    ops.matmul: (_nothing, _times_identity, _product_stretched),
    ops.reshape: (_without_kept_axes,),
    ops.transpose: (_product_transposed,),
    None: (_numbers_outside,),
}  # fmt: skip
