"""The forward walk: the derivative of a recorded computation along a direction, oldest first.

Rules are linear in their cotangent, and that is all that forward mode needs. No operation has a
second rule: what is entrywise multiplies by its local derivative, forwards as backwards; what is
linear does to a tangent what it does to its operand; and any other rule is transposed on the spot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.core.backward import fit, of_kind, operands_of, seen_by_rules
from autograd_lite.core.modes import enable_grad
from autograd_lite.core.operands import owned
from autograd_lite.functional.tracing import pull_back, upstream
from autograd_lite.tensor import Tensor


def push_forward(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], tangents: Sequence[Any], linked: bool
) -> list[Any] | None:
    """Return the derivatives of outputs along tangents of the inputs, each of its output's dtype.

    They are Tensors with a record if `linked`, else arrays. None where a backward pass does more
    than apply rules: where a hook may change what passes, or complex numbers do.
    """
    moved: dict[Any, Any] = {}
    for x, v in zip(inputs, tangents, strict=True):
        moved[x] = _cast(v if linked or not isinstance(v, Tensor) else v.data, x._array)
    oldest = min((x._birth for x in inputs), default=0)

    def is_outside(x: Any) -> bool:
        return x._birth < oldest or x._primitive is None or x in moved

    between = (y for y in outputs if y._requires_grad)
    nodes = [x for x in upstream(between, is_outside) if not is_outside(x)]
    for node in sorted(nodes, key=lambda x: x._birth):
        operands = operands_of(node)
        along = [(i, moved[x]) for i, x in enumerate(operands) if x in moved]
        if along:
            if node._array.dtype.kind == "c" or node._taps:
                return None
            moved[node] = _cast(_pushed(node, along, linked), node._array)
    if not linked:  # An output may be an input, and another output.
        return [owned(moved.get(y, np.zeros(y.shape, y.dtype))) for y in outputs]
    with enable_grad():
        return [moved[y].copy() if y in moved else np.zeros(y.shape)[()] for y in outputs]


def _cast(v: Any, like: Any) -> Any:
    """Return a tangent as an array, or a Tensor, of the shape and dtype of what it belongs to."""
    if not hasattr(v, "dtype"):
        v = np.asarray(v)
    v = v if v.dtype == like.dtype else v.astype(like.dtype)
    return v if v.shape == like.shape else np.broadcast_to(v, like.shape)


def _pushed(node: Any, along: Sequence[tuple[int, Any]], linked: bool) -> Any:
    """Return the tangent of a result, given those of its operands."""
    primitive, inputs, shape = node._primitive, node._inputs, node._array.shape
    y, values = node._array, inputs[1::2]
    if linked:
        y, values = node, seen_by_rules(node)[1::2]
    parameters = node._parameters or {}
    if primitive.jointly_linear:
        arrays = (x if hasattr(x, "dtype") else np.asarray(x) for x in inputs[1::2])
        parts: list[Any] = [np.zeros(x.shape, x.dtype) for x in arrays]
        for i, v in along:
            parts[i] = v
        return primitive(*parts, **parameters)
    total: Any = None
    rest = []
    for i, v in along:
        rule = primitive.rules[i]
        if rule is None:
            continue
        if primitive.entrywise:
            stretched = v if v.shape == shape else np.broadcast_to(v, shape)
            part = of_kind(rule(stretched, y, *values, **parameters), node._array.dtype)
        elif primitive.operands[0 if primitive.variadic else i] in primitive.linear:
            part = primitive(*values[:i], v, *values[i + 1 :], **parameters)
        elif primitive.reduces:
            share = rule(np.ones(shape, node._array.dtype)[()], y, *values, **parameters)
            keepdims = {"axis": parameters["axis"], "keepdims": parameters["keepdims"]}
            part = np.sum(share * v, **keepdims)
        else:
            rest.append((i, v))
            continue
        if part.shape != shape:  # A rule may sum over what was broadcast by itself.
            rest.append((i, v))
        else:
            total = part if total is None else total + part
    if rest:
        part = _transposed(node, rest, linked)
        total = part if total is None else total + part
    return np.zeros(shape) if total is None else total


def _transposed(node: Tensor, along: Sequence[tuple[int, Any]], linked: bool) -> Any:
    """Push tangents through the rules of one operation, by pulling back through them.

    What a rule returns is linear in the cotangent `g`, so the derivative by `g` of its product with
    the tangent is the rule's transpose, applied to the tangent. The construction is from
    J. Townsend, "A new trick for calculating Jacobian vector products" (2017).
    """
    primitive, parameters = node._primitive, node._parameters or {}
    assert primitive is not None
    if linked:
        y, seen = node, seen_by_rules(node)[1::2]
    else:
        y = node._wrap(node._array)
        seen = tuple(node._wrap(x) if isinstance(x, np.ndarray) else x for x in node._values)
    with enable_grad():
        g = Tensor(np.zeros(node.shape, node.dtype), requires_grad=True)
        product: Any = 0.0
        for i, v in along:
            rule = primitive.rules[i]
            if rule is not None:
                gx = fit(rule(g, y, *seen, **parameters), node._inputs[2 * i + 1], primitive, i)
                product = product + np.sum(gx * v)
    return pull_back([(product, np.ones(()))], [g], linked)[0]
