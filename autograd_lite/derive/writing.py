"""Expressions as text: NumPy code, and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from autograd_lite import ops
from autograd_lite.derive.expression import Expression, notation_of, walk, write_number
from autograd_lite.notation import ATOM, POWER, PRODUCT, SIGN, SUM, Choice, Notation, Written, infix

Form = Literal["python", "latex", "text"]

MATRIX_PRODUCT = PRODUCT - 0.5
"""Matrix products are set apart from the products around them: ``(a @ b) * c``."""

SHORTER: dict[Any, Notation] = {
    ops.transpose: Notation("T", "{x}.T", r"{{{x}}}^\top", ATOM),
}
"""Where a person would write something shorter than a call, if no parameters are in the way."""


TEXT: dict[Any, Notation | Choice] = {
    ops.add: infix("+", "", SUM),
    ops.subtract: infix("−", "", SUM),
    ops.multiply: infix("⊙", "", PRODUCT),
    ops.divide: infix("/", "", PRODUCT),
    ops.negative: Notation("", "−{x}", "", SIGN),
    ops.power: Notation("", "{a:tight}^{b:tight}", "", POWER),
    ops.square: Notation("", "{x:tight}²", "", POWER),
    ops.matmul: Notation("", "{a} {b:tight}", "", PRODUCT),
    ops.transpose: Notation("", "{x}ᵀ", "", ATOM),
    ops.sigmoid: Notation("", "σ({x:loose})", ""),
    ops.tanh: Notation("", "tanh({x:loose})", ""),
    ops.exp: Notation("", "exp({x:loose})", ""),
    ops.log: Notation("", "ln({x:loose})", ""),
    ops.sqrt: Notation("", "√({x:loose})", ""),
    ops.relu: Notation("", "relu({x:loose})", ""),
    ops.absolute: Notation("", "|{x:loose}|", ""),
    ops.sum: Notation("", "Σ {x:tight}", "", SUM),
    ops.mean: Notation("", "mean({x:loose})", ""),
    ops.mse: Choice(
        "reduction",
        {
            reduction: Notation("", f"{front}({{prediction:sum}} − {{target:sum_right}})²", "", how)
            for reduction, front, how in (
                ("mean", "1/n Σ ", SUM),
                ("sum", "Σ ", SUM),
                ("half_sum", "½ Σ ", SUM),
                ("none", "", POWER),
            )
        },
    ),
}
"""How mathematics is typed in plain text; what is not here is written as NumPy code."""

NAME: dict[Form, Callable[[str], str]] = {
    "python": str,
    "latex": lambda name: latex_name(name),
    "text": lambda name: text_name(name),
}
"""How a name is written."""

SCALED: dict[Form, Notation] = {
    "latex": Notation("", "", r"{a} \, {b:tight}", PRODUCT),
    "text": Notation("", "{a} {b:tight}", "", PRODUCT),
}
"""A product with a single number needs no ⊙."""


def write(expression: Expression, form: Form) -> str:
    """Write an expression; parts with a name are written by it."""
    texts: dict[int, Written] = {}
    for part in walk((expression,)):
        texts[part.number] = _written(part, texts, form)
    return texts[expression.number].text


def _written(e: Expression, texts: dict[int, Written], form: Form) -> Written:
    """Write one expression, given the texts of its operands."""
    if e.name is not None:
        return Written(NAME[form](e.name))
    if e.operation is None:
        number = write_number(e.value, form)
        return number._replace(text=number.text.replace("-", "−")) if form == "text" else number
    notation, defaults, names = notation_of(e)
    if e.operation in SHORTER and e.parameters == defaults:
        notation = SHORTER[e.operation]
    if form == "text" and (e.parameters == defaults or e.operation is ops.mse):
        notation = TEXT.get(e.operation, notation)
    if form in SCALED and e.operation is ops.multiply and 0 in (x.ndim for x in e.operands):
        notation = SCALED[form]
    operands = {name: texts[x.number] for name, x in zip(names, e.operands, strict=True)}
    method = notation.latex if form == "latex" else notation.python
    written = method(operands, e.parameters, defaults)
    if e.operation is ops.matmul:
        return Written(written.text, MATRIX_PRODUCT)
    return written


def text_name(name: str) -> str:
    """Write an identifier as plain text: ``d_w`` is ``∂L/∂w``, and ``z_delta`` is ``δz``."""
    if name.startswith("d_") and len(name) > 2:
        return f"∂L/∂{name[2:]}"
    return f"δ{name[:-6]}" if name.endswith("_delta") and len(name) > 6 else name


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
