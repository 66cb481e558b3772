"""What is put together in place: entries that go back to where they were picked, and writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.derive.writing import NAME, Form, filled, index_of, nothing, windows, write
from autograd_lite.ops.indexing import may_repeat, windows_at
from autograd_lite.program.expression import Expression, Given, Name, as_plain, uniform
from autograd_lite.program.simplify import number_of, scaled, split


class Piece(NamedTuple):
    """A term of a sum: an expression that is put back somewhere, or one of the whole shape."""

    sign: int
    e: Expression
    back: Expression | None  # The scatter_add that says where.


def pieces(e: Expression) -> list[Piece]:
    """Return the terms of a sum in which something is put back; none of any other expression."""
    found = list(_terms(e, 1))
    return found if any(piece.back is not None for piece in found) else []


def _terms(e: Expression, sign: int) -> Iterator[Piece]:
    """Yield the terms of a sum, from the left: it may be of thousands."""
    waiting = [(e, sign)]
    while waiting:
        e, sign = waiting.pop()
        if e.name is None and e.operation in (ops.add, ops.subtract) and _alike(e):
            left, right = e.operands
            waiting += [(right, sign if e.operation is ops.add else -sign), (left, sign)]
            continue
        factor, rest = split(e)
        if rest.name is None and rest.operation is ops.scatter_add and rest.shape == e.shape:
            sign = -sign if factor < 0 else sign
            inside, x = split(rest.operands[0])
            if x.operation is ops.broadcast_to and x.name is None:  # NumPy does that there.
                rest = rest.of_parts((scaled(inside, x.operands[0]), *rest.positions))
            value = scaled(abs(factor), rest.operands[0])
            if value.is_number and uniform(value.value):  # NumPy spreads it.
                value = Expression(number_of(value))
            if (number_of(value) or 1.0) < 0:
                sign, value = -sign, scaled(-1.0, value)
            yield Piece(sign, value, rest)
        else:
            yield Piece(sign, e, None)


def _alike(e: Expression) -> bool:
    return all(x.shape == e.shape for x in e.operands)


def is_even(e: Expression) -> bool:
    """Return whether all terms of a sum can be added to its first one in place."""
    waiting, first = [e], e
    while first.name is None and first.operation in (ops.add, ops.subtract):
        first = first.operands[0]
    while waiting:
        x = waiting.pop()
        if x.name is None and x.operation in (ops.add, ops.subtract):
            waiting += x.operands
        if x.dtype != e.dtype and not (x.is_number and not x.ndim):
            return False
    return first.shape == e.shape or (first.is_number and not first.ndim)


def roots(e: Expression) -> list[Expression]:
    """Return what is written of a line: terms and entries, and not where they are put."""
    found = pieces(e)
    base, writes = written_over(e)
    terms = [x.e if x.back is None else x.back.operands[0] for x in found]
    return terms or [base, *(x.operands[1] for x in writes)]


def written_over(e: Expression) -> tuple[Expression, list[Expression]]:
    """Return what entries are written over, and the writes in their order, which may be none."""
    writes = []
    while e.name is None and e.operation is ops.assign and e.ndim:
        writes.append(e)
        e = e.operands[0]
    return e, writes[::-1]


class Step(NamedTuple):
    """One statement: what is assigned to, how, and what."""

    left: str
    sign: str
    right: str


def steps(name: Name, e: Expression, form: Form, like: Name | None = None) -> list[Step]:
    """Write a line as statements: one, or an array and what is added to it, or written into it.

    As mathematics, entries that are all there need no zeros; `like` has the same shape.
    """
    found = pieces(e)
    left = NAME[form](name)
    if not found:
        base, writes = written_over(e)
        one_number = writes and base.is_number and uniform(base.value)
        text = filled(base, form).text if one_number else write(base, form)
        if form == "python" and writes and not (base.is_number or is_new(base)):
            text += ".copy()"
        elif form == "python" and e.dtype.kind == "f" and text.lstrip("-").isdigit():
            text += ".0"  # What is computed from an integer may be integers.
        lines = [Step(left, "=", text)]
        kept = np.ones(e.shape, bool)
        for x in writes:
            index, value = index_of(x, form), write(x.operands[1], form)
            lines.append(Step(_at(left, index, form), "=", value))
            kept[as_plain(x.parameters["index"])] = False
        hidden = form != "python" and base.is_number and not kept.any()
        return lines[1:] if writes and hidden else lines
    apart, whole = _in_order(found)
    found = apart or found
    first = [x for x in found if x.back is None and x.sign > 0 and _may_begin(x.e, e)]
    begun = next((x for x in first if is_new(x.e)), first[0] if first else None)
    copied = ".copy()" if form == "python" and begun and not is_new(begun.e) else ""
    lines = [Step(left, "=", write(begun.e, form) + copied if begun else zeros(e, form, like))]
    if whole and form != "python":
        lines = []
    for piece in found:
        if piece is begun:
            continue
        sign = "-" if piece.sign < 0 else "+"
        if piece.back is None:
            lines.append(Step(left, f"{sign}=", write(piece.e, form)))
            continue
        e_of_piece = scaled(float(piece.sign), piece.e) if apart else piece.e
        given, value = piece.back.parameters["index"], write(e_of_piece, form)
        size, index = windows_at(given, e.shape), index_of(piece.back, form)
        if form == "python" and _may_meet(given):
            called = f"np.{'add' if piece.sign > 0 else 'subtract'}.at"
            where = f"({index})" if isinstance(given, tuple) else index
            if isinstance(given, tuple) and any(type(x) in (slice, type(...)) for x in given):
                where = f"np.s_[{index}]"
            at = (windows(left, f"{size}, writeable=True", form), "...") if size else (left, where)
            lines.append(Step("", "", f"{called}({', '.join(at)}, {value})"))
        elif size:
            lines.append(Step(windows(left, size, form), f"{sign}=", value))
        elif apart:
            lines.append(Step(_at(left, index, form), "=", value))
        else:
            lines.append(Step(_at(left, index, form), f"{sign}=", value))
    return lines


def _may_meet(given: Any) -> bool:
    """Return whether positions may repeat, also with other values.

    What counts from 0 does not, and tells others apart; what sorts an array has each once.
    """
    if not may_repeat(given):
        return False
    arrays = [x for x in (given if isinstance(given, tuple) else (given,)) if np.ndim(x)]
    if len(arrays) == 1 and isinstance(arrays[0], Given) and arrays[0].ndim == 1:
        e = arrays[0].expression.meant
        while e.operation is ops.getitem and not may_repeat(e.parameters["index"]):
            e = e.operands[0].meant
        return e.operation is None or e.operation.__name__ != "argsort"
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    fixed = [np.broadcast_to(x, shape).ravel() for x in arrays if type(x) is np.ndarray]
    if not fixed or len(arrays) > 3:  # A long index is divided as an argument only.
        return True
    return len(set(zip(*(x.tolist() for x in fixed), strict=True))) < fixed[0].size


def _in_order(found: list[Piece]) -> tuple[list[Piece], bool]:
    """Return pieces that meet nowhere, first entry first, and whether they are all; none if not."""
    places, size = [], 0
    for piece in found:
        meets = may_repeat if len(found) > 1 else _may_meet
        if piece.back is None or meets(piece.back.parameters["index"]):
            return [], False
        if piece.back.positions:  # A mask may be another one elsewhere.
            return ([], False) if len(found) > 1 else (found, False)
        size = piece.back.size
        at = np.arange(size).reshape(piece.back.shape)
        places.append(at[as_plain(piece.back.parameters["index"])].ravel())
    met = np.concatenate(places or [[]])
    if len(np.unique(met)) < len(met):
        return [], False
    order = sorted(range(len(found)), key=lambda i: tuple(places[i][:1]))
    return [found[i] for i in order], len(met) == size


def is_new(e: Expression) -> bool:
    """Return whether an expression makes an array of its own, that may be changed in place."""
    if e.is_number and e.ndim and uniform(e.value):
        return True
    several = len(e.operands) > 1 or getattr(e.operation, "analytic", False)  # No np.real(x).
    return e.operation is ops.matmul or (getattr(e.operation, "entrywise", False) and several)


def _may_begin(x: Expression, e: Expression) -> bool:
    """Return whether a sum may begin with a term: it is new, or a name to be copied."""
    return is_new(x) or (x.name is not None and (x.shape, x.dtype) == (e.shape, e.dtype))


def _at(name: str, index: str, form: Form) -> str:
    return f"{{{name}}}_{{{index}}}" if form == "latex" else f"{name}[{index}]"


def zeros(e: Expression, form: Form = "python", like: Name | None = None) -> str:
    """Write zeros of the shape and dtype of an expression."""
    if form == "python":
        return filled(Expression(np.zeros(e.shape, e.dtype)), form, like).text if e.ndim else "0.0"
    return nothing(form)
