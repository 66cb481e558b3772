"""Expressions as text: NumPy code, and LaTeX."""

from __future__ import annotations

import re
from typing import Any, Literal

from autograd_lite import ops
from autograd_lite.derive.expression import Expression, notation_of, walk, write_number
from autograd_lite.notation import ATOM, PRODUCT, Notation, Written

Form = Literal["python", "latex"]

MATRIX_PRODUCT = PRODUCT - 0.5
"""Matrix products are set apart from the products around them: ``(a @ b) * c``."""

SHORTER: dict[Any, Notation] = {
    ops.transpose: Notation("T", "{x}.T", r"{{{x}}}^\top", ATOM),
}
"""Where a person would write something shorter than a call, if no parameters are in the way."""


def write(expression: Expression, form: Form) -> str:
    """Write an expression; parts with a name are written by it."""
    texts: dict[int, Written] = {}
    for part in walk((expression,)):
        texts[part.number] = _written(part, texts, form)
    return texts[expression.number].text


def _written(e: Expression, texts: dict[int, Written], form: Form) -> Written:
    """Write one expression, given the texts of its operands."""
    if e.name is not None:
        return Written(e.name if form == "python" else latex_name(e.name))
    if e.operation is None:
        return write_number(e.value, form)
    notation, defaults, names = notation_of(e)
    if e.operation in SHORTER and e.parameters == defaults:
        notation = SHORTER[e.operation]
    operands = {name: texts[x.number] for name, x in zip(names, e.operands, strict=True)}
    written: Written = getattr(notation, form)(operands, e.parameters, defaults)
    if e.operation is ops.matmul:
        return Written(written.text, MATRIX_PRODUCT)
    return written


def latex_name(name: str) -> str:
    r"""Write an identifier as mathematics: ``syn0`` is :math:`\mathrm{syn}_{0}`.

    ``d_w`` is the gradient of the loss by `w`, and ``z_delta`` is :math:`\delta_z`.
    """
    if name.startswith("d_") and len(name) > 2:
        return rf"\frac{{\partial L}}{{\partial {latex_name(name[2:])}}}"
    if name.endswith("_delta") and len(name) > 6:
        return rf"\delta_{{{latex_name(name[:-6])}}}"
    stem, digits = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]  # Matches all.
    stem = stem if len(stem) == 1 else rf"\mathrm{{{stem}}}".replace("_", r"\_")
    return f"{stem}_{{{digits}}}" if digits else stem
