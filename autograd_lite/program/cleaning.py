"""The simplifier of programs: the same numbers from fewer statements.

Parts that occur twice are computed once, what depends on constants only is computed now, and what
nothing needs is dropped. Its algebra changes no digit: x * 1, -(-x), -(a * b) where there is
a * -b, a copy, a transpose of a transpose. It takes one pass over the statements, and the same
program always gives the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.program.program import Program, Statement, Variable, key_of
from autograd_lite.program.symbol import Call

OF_ONE_SHAPE = {np.linspace, np.gradient, np.real, np.imag, np.modf, np.frexp}
"""What compositions call for its shape, order or errors alone; nothing else asks for the result."""

FOLDED = 1_000_000
"""Entries up to which a constant is computed beforehand."""


def cleaned(program: Program) -> Program:
    """Return a program of the same inputs and outputs, with no statement that can be spared.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.program.trace import trace
    >>> print(trace(lambda x: (x * 1.0 + np.exp(x)) - -np.exp(x), np.ones(2)).program)
    x0: float64[2]
    v0: float64[2] = exp(x0)
    v1: float64[2] = add(x0, v0)
    v2: float64[2] = negative(v0)
    v3: float64[2] = subtract(v1, v2)
    return v3
    """
    stands_for: dict[Variable, Any] = {}
    known: dict[Any, Variable] = {}
    made: dict[Variable, Statement] = {}
    for statement in program.statements:
        operands = tuple(
            stands_for.get(x, x) if isinstance(x, Variable) else x for x in statement.operands
        )
        statement = Statement(
            statement.result, statement.function, operands, statement.parameters, statement.source
        )
        simpler = _simpler(statement, made)
        if isinstance(simpler, Statement):
            statement = simpler
        elif simpler is not None:
            stands_for[statement.result] = simpler
            continue
        key = _key(statement.function, *statement.operands, **statement.parameters)
        same = known.get(key) or _negated(statement, known, made)
        if same is not None:
            stands_for[statement.result] = same
            continue
        known[key] = statement.result
        made[statement.result] = statement
    outputs = tuple(stands_for.get(x, x) if isinstance(x, Variable) else x for x in program.outputs)
    return _renumbered(_alive(Program(program.inputs, tuple(made.values()), outputs)))


def _key(function: Any, *operands: Any, **parameters: Any) -> Any:
    ordered = tuple(sorted(operands, key=_rank)) if function in COMMUTE else operands
    return key_of(function, ordered, parameters)


def _negated(s: Statement, known: dict[Any, Variable], made: dict[Variable, Statement]) -> Any:
    """Return what is there as a * -b for -(a * b), or the other way round; or None."""
    product = _made_by(s.operands[0], made) if s.function is ops.negative else s
    if product is None or product.function is not ops.multiply:
        return None
    for a, b in (product.operands, product.operands[::-1]):
        if product is s:
            inner = _made_by(b, made)
            if inner is None or inner.function is not ops.negative:
                continue
            found = known.get(_key(ops.negative, known.get(_key(ops.multiply, a, *inner.operands))))
        else:
            found = known.get(_key(ops.multiply, a, known.get(_key(ops.negative, b))))
        if s.result.like(found):
            return found
    return None


def _rank(x: Any) -> tuple[int, str]:
    return (0, x.name) if isinstance(x, Variable) else (1, repr(x))


COMMUTE = (ops.add, ops.multiply)


def _alive(program: Program) -> Program:
    """Drop what no output needs, and whose shape depends on nothing but shapes."""
    needed = {x for x in program.outputs if isinstance(x, Variable)}
    kept = []
    for statement in reversed(program.statements):
        if statement.result in needed or _may_change_shape(statement):
            kept.append(statement)
            needed.update(x for x in statement.operands if isinstance(x, Variable))
    return Program(program.inputs, tuple(reversed(kept)), program.outputs)


def _may_change_shape(s: Statement) -> bool:
    """Return whether its call also checks a shape, which the rest of the program was made for."""
    call = s.function
    if not isinstance(call, Call) or call.part or call.function in OF_ONE_SHAPE:
        return False
    module = getattr(call.function, "__module__", None) or ""
    masks = any(isinstance(x, Variable) and x.dtype == bool for x in s.operands)
    return masks or (module.startswith("numpy") and "linalg" not in module)


def _renumbered(program: Program) -> Program:
    for i, statement in enumerate(program.statements):
        statement.result.name = f"v{i}"
    return program


def _simpler(s: Statement, made: dict[Variable, Statement]) -> Any:
    """Return what a statement may be replaced by: a statement, variable, constant; or None."""
    constant = not any(isinstance(x, Variable) for x in s.operands)
    if constant and s.result.size <= FOLDED:
        with np.errstate(all="ignore"):
            return s.compute(*s.operands, **s.parameters)
    for rewrite in REWRITES.get(s.function, ()):
        better = rewrite(s, made)
        if better is not None and (not isinstance(better, Variable) or s.result.like(better)):
            return better
    return None


def _made_by(x: Any, made: dict[Variable, Statement]) -> Statement | None:
    """Return the statement that makes an operand; a constant, however large, has none."""
    return made.get(x) if isinstance(x, Variable) else None


def _is_one(x: Any) -> bool:
    if isinstance(x, Variable):
        return False
    array = np.asarray(x)
    return array.dtype.kind in "iuf" and array.size > 0 and bool((array == 1).all())


def _times_one(s: Statement, _: Any) -> Any:
    a, b = s.operands
    return b if _is_one(a) and isinstance(b, Variable) else a if _is_one(b) else None


def _over_one(s: Statement, _: Any) -> Any:
    a, b = s.operands
    return a if _is_one(b) else None


def _twice(s: Statement, made: dict[Variable, Statement]) -> Any:
    """-(-x) -> x."""
    inner = _made_by(s.operands[0], made)
    return inner.operands[0] if inner and inner.function is s.function else None


def _itself(s: Statement, _: Any) -> Any:
    """Whatever changes neither shape nor dtype here changes nothing."""
    return s.operands[0]


def _square(s: Statement, _: Any) -> Any:
    """X ** 2 -> x * x, as NumPy computes it."""
    x, exponent = s.operands
    if isinstance(exponent, Variable) or np.shape(exponent) != () or not isinstance(x, Variable):
        return None
    if x.dtype.kind != "f" or x.weak:
        return None
    if exponent == 2:
        return Statement(s.result, ops.multiply, (x, x), {}, s.source)
    return x if exponent == 1 else None


def _squared(s: Statement, _: Any) -> Any:
    (x,) = s.operands
    return Statement(s.result, ops.multiply, (x, x), {}, s.source)


def _back(s: Statement, made: dict[Variable, Statement]) -> Any:
    """Return x for a transpose of a transpose that undoes it."""
    inner = _made_by(s.operands[0], made)
    if inner is None or inner.function is not ops.transpose:
        return None
    axes = np.arange(len(s.result.shape))
    for statement in (inner, s):
        order = statement.parameters["axes"]
        axes = axes[::-1] if order is None else axes[list(order)]
    return inner.operands[0] if np.array_equal(axes, np.arange(len(axes))) else None


Rewrite = Callable[[Statement, dict[Variable, Statement]], Any]
REWRITES: dict[Any, tuple[Rewrite, ...]] = {
    ops.multiply: (_times_one,),
    ops.divide: (_over_one,),
    ops.negative: (_twice,),
    ops.power: (_square,),
    ops.square: (_squared,),
    ops.transpose: (_back,),
    **dict.fromkeys((ops.copy, ops.reshape, ops.broadcast_to, ops.astype), (_itself,)),
}
