"""Lines with numbers in them, in pieces; among them, one entry of a gradient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite import ops
from autograd_lite.derive.writing import column_and_row
from autograd_lite.draw import digits
from autograd_lite.draw.local_derivatives import GRADIENT, Local, bare
from autograd_lite.program.expression import walk

Pieces = list[dict[str, Any]]
LARGEST_SHOWN = 36  # Entries of an array that stands in a formula; of a larger one, the shape does.
MOST_TERMS = 4  # Of the sum that an entry is.


def text(words: str) -> Pieces:
    """Make pieces of text."""
    return [{"text": words}] if words else []


def number(value: Any, *, grad: bool = False) -> Pieces:
    """Make pieces of an array: a number, a matrix, or what describes a large one."""
    array = np.asarray(value)
    mark = {"grad": grad}
    if array.size == 1:
        return [{"text": digits.number(array), "number": True, **mark}]
    if not digits.is_small(array) or array.size > LARGEST_SHOWN:
        return [{"text": f"[{'×'.join(map(str, array.shape))}]", "number": True, **mark}]
    rows, factor = digits.written(array)
    return [{"rows": rows, "factor": factor, **mark}]


def one_entry(rule: Local, g: Any, part: NDArray[Any]) -> Pieces:
    """Write how the largest entry of a gradient is computed: ``[0, 3]: −0.0021 × 0.83 = …``.

    - `g`: the gradient of the result.
    - `part`: what it sends to the operand.
    """
    if part.size < 2 or rule.rule is None or not np.isfinite(part).all():
        return []
    at = tuple(int(i) for i in np.unravel_index(np.abs(part).argmax(), part.shape))
    found = _terms(rule, np.asarray(g), part, at)
    if found is None or not np.isclose(sum(np.prod(x) for x, _ in found), part[at], rtol=1e-4):
        return []
    line = text(f"[{', '.join(map(str, at))}]: ")
    for k, (factors, sides) in enumerate(found[:MOST_TERMS]):
        line += text(" + " if k else "")
        for j, (x, grad) in enumerate(zip(factors, sides, strict=True)):
            sign = bool((j or k) and x < 0)
            line += [*text(" × " if j else ""), *text("(" * sign)]
            line += [*number(x, grad=grad), *text(")" * sign)]
    return [*line, *text(" + …" * (len(found) > MOST_TERMS) + " = "), *number(part[at], grad=True)]


Terms = list[tuple[Sequence[Any], Sequence[bool]]]
"""Products, and for each factor whether it is a gradient."""


def _terms(rule: Local, g: NDArray[Any], part: NDArray[Any], at: tuple[int, ...]) -> Terms | None:
    """Return the products whose sum an entry is; None if it is not such a sum."""
    if rule.factor is not None:
        if rule.passes:
            return None
        factors = [np.broadcast_to(x, part.shape)[at] for x in (g, rule.factor.value)]
        return [(factors, (True, False))]
    e = bare(rule.rule)
    vectors = column_and_row(e) if e.operation in (ops.matmul, ops.multiply) else None
    if vectors and len(at) == 2:
        factors = [np.ravel(x.value)[i] for x, i in zip(vectors, at, strict=True)]
        return [(factors, [_is_gradient(x) for x in vectors])]
    if e.operation is ops.matmul and part.ndim == e.ndim:
        a, b = (np.asarray(x.value) for x in e.operands)
        if a.ndim < 3 and b.ndim < 3:
            row = a[at[0]] if a.ndim == 2 else a
            column = b[:, at[-1]] if b.ndim == 2 else b
            sides = [_is_gradient(x) for x in e.operands]
            return [(pair, sides) for pair in zip(row, column, strict=True)]
    if e.operation is ops.sum and e.shape == part.shape:
        x, axis = np.asarray(e.operands[0].value), e.parameters["axis"]
        here = np.zeros(part.shape, bool)
        here[at] = True
        if not e.parameters["keepdims"]:
            here = np.expand_dims(here, tuple(range(x.ndim)) if axis is None else axis)
        return [((term,), (True,)) for term in x[np.broadcast_to(here, x.shape)]]
    return None


def _is_gradient(e: Any) -> bool:
    return any(x.name == GRADIENT for x in walk((e,)))
