"""Expressions as text: NumPy code, LaTeX, and mathematics as it is typed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from types import EllipsisType
from typing import Any, Literal

import numpy as np

from autograd_lite import ops
from autograd_lite.core.notation import ATOM, MATRIX_PRODUCT, POWER, PRODUCT, SUM
from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.math_names import latex_name, text_name
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.ops.indexing import windows_at
from autograd_lite.ops.writing import RAISED, Written, fill, literal
from autograd_lite.ops.writing import write as write_operation
from autograd_lite.program.expression import (
    Expression,
    Given,
    Name,
    Ratio,
    as_plain,
    identity,
    notation_of,
    uniform,
    walk,
)

Form = Literal["python", "latex", "text"]

NAME: dict[Form, Callable[[Name], str]] = {"python": str, "latex": latex_name, "text": text_name}
"""How a name is written."""

_MINUS: dict[Form, str] = {"python": "-", "latex": "-", "text": "−"}

UNBROKEN = (ops.sum, ops.matmul)
"""What a number may stand before without parentheses: ``2 Σ x``, ``2 Xᵀ δ``."""

OPPOSITE: dict[Any, Primitive] = {ops.add: ops.subtract, ops.subtract: ops.add}
"""What stands in place of an operation whose second operand changes its sign."""

FILLED = (ops.assign, ops.broadcast_to)
"""What gives integers for a whole number, whatever else there is."""

_WORD_AT_THE_END = re.compile(r"\\mathrm\{[^{}]*\}(_\{[^{}]*\})?$")
"""What runs into the next factor of a matrix product without a space."""


def write(expression: Expression, form: Form) -> str:
    """Write an expression; parts with a name are written by it."""
    return write_whole(expression, form).text


def write_whole(expression: Expression, form: Form) -> Written:
    """Do the same, and return how tightly the outermost operation binds, too."""
    if form == "python" and _is_filled(expression):
        return filled(expression, form)
    texts: dict[int, Written] = {}
    for part in walk((expression,)):
        texts[part.number] = _written(part, texts, form)
    return _minus(expression, texts, form)


def changes_sign(term: Written) -> bool:
    """Return whether a term of a sum has a sign, which changes that of the sum."""
    return term.precedence >= PRODUCT and bool(re.match(r"[-−](?!.* (%|//) )", term.text))


def _is_filled(e: Expression) -> bool:
    """Return whether this is an array of one number."""
    return e.is_number and e.ndim > 0 and uniform(e.value)


def _whole(e: Expression, texts: dict[int, Written], form: Form) -> Written:
    """Write an array where one of its numbers would not do."""
    return filled(e, form) if _is_filled(e) else texts[e.number]


def nothing(form: Form) -> str:
    """Write zeros as mathematics."""
    return r"\mathbf{0}" if form == "latex" else "𝟎"


def filled(e: Expression, form: Form, like: Name | None = None) -> Written:
    """Write an array of one number as such: ``np.ones((2, 3))``, or a bold 1.

    `like` is something that has the same shape.
    """
    number = e.ratio or (np.asarray(e.value).flat[0] if e.size else 0)
    factor = write_number(number, form)
    if form != "python":
        ones = (r"\mathbf{1}" if form == "latex" else "𝟏") if number else nothing(form)
        alone = number in (0, 1)
        return Written(ones) if alone else Written(f"{factor.text} {ones}", PRODUCT)
    of_type = "" if e.dtype == np.float64 else f", np.{e.dtype.name}"
    shape = f"{like}.shape" if like else e.shape[0] if e.ndim == 1 else e.shape
    if number in (0, 1):
        return Written(f"np.{'ones' if number else 'zeros'}({shape}{of_type})")
    text = f"{number}" if float(number).is_integer() else factor.text
    return Written(f"np.full({shape}, {text}{of_type})")


def _with_filled(e: Expression, given: list[Written], form: Form) -> list[Written]:
    """Write operands that are arrays of one number as such where the number alone would not do."""
    forward = e.operation.forward if isinstance(e.operation, Primitive) else e.operation
    assert forward is not None
    values = [x.value for x in e.operands]
    given = list(given)
    indexed = e.operation in (ops.assign, ops.getitem)
    for i, x in enumerate(e.operands):
        if indexed and i == 0 and x.is_number and uniform(x.value):
            given[i] = filled(x, form)  # Also if it has no axes: 0[...] is no code.
        if not _is_filled(x):
            continue
        try:
            alone = [*values[:i], np.asarray(x.value).flat[0], *values[i + 1 :]]
            with np.errstate(all="ignore"):
                same = np.array_equal(
                    forward(*alone, **as_plain(e.parameters)), e.value, equal_nan=True
                )
        except (ValueError, IndexError, TypeError):
            same = False
        if same:
            values = alone
        else:
            given[i] = filled(x, form)
    return given


def _written(e: Expression, texts: dict[int, Written], form: Form) -> Written:
    """Write one expression, given the texts of its operands."""
    if e.name is not None:
        return Written(NAME[form](e.name))
    if e.operation is None:
        return write_number(e.value if e.ratio is None else e.ratio, form)
    given = _with_filled(e, [texts[x.number] for x in e.operands], form)
    if form == "python":
        given = _as_floats(e, given)
    ratio = e.operands[0].ratio if e.operation is ops.multiply else None
    if ratio is not None and e.operands[1].shape == e.shape and (ratio.top == 1 or (
        ratio.top == -1 and not _begins_with_truth(e.operands[1]))):  # fmt: skip
        return _over(e, given, form)
    if e.operation in OPPOSITE and changes_sign(given[1]):  # a + -0.1 is a - 0.1.
        operation: Any = OPPOSITE[e.operation]
        e = Expression(e.value, operation=operation, operands=e.operands)
        given = [given[0], given[1]._replace(text=given[1].text[1:])]
    if e.operation is ops.negative and (
        re.search(r" (%|//) ", given[0].text) or _begins_with_truth(e.operands[0])
    ):
        given = [given[0]._replace(precedence=SUM)]  # -(a % b) is not -a % b.
    if e.operation is ops.negative and _is_bare(e.operands[0], ops.negative):
        return texts[e.operands[0].operands[0].number]
    if form != "python":
        special = _special(e, given, texts, form)
        if special is not None:
            return special
    if form != "python" and e.operation is ops.multiply and any(map(_is_scalar, e.operands)):
        return _scaled(e, given, form)
    if form == "latex" and e.operation is ops.matmul and _WORD_AT_THE_END.search(given[0].text):
        given[1] = given[1]._replace(text=rf"\, {given[1].text}")
    if form == "python":
        special = _as_numpy(e, given, texts)
        if special is not None:
            return special
    notation, defaults, names = notation_of(e)
    named = dict(zip(names, given, strict=True))
    assert e.operation is not None
    parameters = e.parameters
    if e.positions:
        called = [_Called(texts[x.expression.number].text) if isinstance(x, Given) else x
                  for x in leaves_of(parameters)]  # fmt: skip
        parameters = rebuild(parameters, called)
    if e.operation is ops.getitem:
        size = windows_at(parameters["index"], e.operands[0].shape)
        if size:
            return Written(windows(given[0].text, size, form))
    written = fill(notation, named, parameters, form, defaults, e.operation.__name__)
    if e.operation is ops.getitem:  # x[0, 1], not x[(0, 1)].
        return written._replace(text=_COMMA.sub("", _TUPLE.sub(r"\1\2\3", written.text)))
    return written


def windows(x: str, size: str, form: Form) -> str:
    """Write the windows that slide over an array, given as `windows_at` returns them."""
    if form == "python":
        return f"np.lib.stride_tricks.sliding_window_view({x}, {size})"
    return f"windows({x}, {size})" if form == "text" else rf"\mathrm{{windows}}({x}, {size})"


def index_of(e: Expression, form: Form) -> str:
    """Write the index of what is picked or put back, as it stands in brackets."""
    picked = Expression(
        np.zeros(()), operation=ops.getitem, operands=(Expression(np.zeros(()), name="x"),),
        parameters={"index": e.parameters["index"]},
    )  # fmt: skip
    text = write(picked, form)
    return text[len("{x}_{") : -1] if form == "latex" else text[len("x[") : -1]


_TUPLE = re.compile(r"([\[{])\((-?\d+(?:, -?\d+)+)\)([\]}])$")
_COMMA = re.compile(r",(?=[\]}]$)")


def _as_numpy(e: Expression, given: list[Written], texts: dict[int, Written]) -> Written | None:
    """Write what a person has a shorter form for in NumPy."""
    is_scaled = e.operation is ops.multiply and e.operands[0].is_number
    if (
        is_scaled
        and _is_product(e.operands[1])
        and given[1].precedence == PRODUCT
        and re.match(r"[-\d]", given[1].text) is None
    ):
        return Written(f"{given[0].text} * {given[1].text}", PRODUCT)  # 2 * x * y
    if e.operation is ops.reshape:
        sizes = ", ".join(map(str, e.shape))
        alone = not (e.shape and e.operands[0].ndim)
        return None if alone else Written(f"{_atom(given[0])}.reshape({sizes})")
    if _swaps_last_two(e):
        return Written(f"{_atom(given[0])}.mT")
    if e.operation is ops.expand_dims:
        return _with_axes(e, given[0])
    if e.operation is ops.vector_norm and np.ndim(e.parameters["axis"] or 0) == 0:
        long = write_operation(e.operation, given, e.parameters)
        plain = e.parameters["ord"] == 2 or e.parameters["axis"] is not None
        return long._replace(text=long.text.replace("vector_norm", "norm", 1)) if plain else None
    outer = column_and_row(e)
    product = e.operands[0] if e.operation is ops.transpose else e
    ellipsis = product.operation is ops.multiply and any(
        x.operation is ops.getitem and literal(x.parameters["index"]) == "..., None"
        for x in product.operands
    )
    if outer is not None and (ellipsis or product.operation is ops.matmul):
        column, row = (_whole(x, texts, "python").text for x in outer)
        return Written(f"np.outer({column}, {row})")
    return None


def _with_axes(e: Expression, x: Written) -> Written | None:
    """Write an array with further axes as it is indexed."""
    axis = e.parameters["axis"]
    new = [i % e.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    if not new:
        return x
    index = ["None" if i in new else ":" for i in range(max(new) + 1)]
    # A number alone has no index.
    return Written(f"{_atom(x)}[{', '.join(index)}]") if e.operands[0].ndim else None


def _swaps_last_two(e: Expression) -> bool:
    """Return whether this transposes each matrix of a stack."""
    n = e.ndim
    return n > 2 and e.operation is ops.transpose and (
        e.parameters["axes"] == (*range(n - 2), n - 1, n - 2))  # fmt: skip


def _is_product(e: Expression) -> bool:
    return e.name is None and e.operation in (ops.multiply, ops.divide)


def _atom(written: Written) -> str:
    return written.text if written.precedence == ATOM else f"({written.text})"


class _Called:
    """What stands in the place of an array among static parameters."""

    def __init__(self, called: str) -> None:
        self.called = called


def _over(e: Expression, given: list[Written], form: Form) -> Written:
    """Write a product with 1 / n as a quotient."""
    assert e.operands[0].ratio is not None
    top, bottom = e.operands[0].ratio.top, e.operands[0].ratio.bottom
    x = given[1]
    if top < 0 and x.precedence >= PRODUCT and x.text[0] not in "-−":
        x = Written(f"{'−' if form == 'text' else '-'}{x.text}", PRODUCT)
        top = 1
    notation, _, (a, b) = notation_of(
        Expression(e.value, operation=ops.divide, operands=(e.operands[1], Expression(bottom)))
    )
    over = fill(notation, {a: x, b: Written(str(bottom))}, {}, form, {}, "divide")
    if top > 0:
        return over
    notation, _, (a,) = notation_of(Expression(e.value, operation=ops.negative, operands=(e,)))
    return fill(notation, {a: over}, {}, form, {}, "negative")


def _as_floats(e: Expression, given: list[Written]) -> list[Written]:
    """Write 1.0 where 1 would make integers of what is a float, or be refused: ``2.0 ** n``."""
    if e.dtype.kind != "f" or e.operation is ops.divide:
        return given
    decide = e.operands[1:] if e.operation is ops.where else e.operands
    if e.operation not in FILLED and any(x.dtype.kind in "fc" for x in decide if not x.is_number):
        return given
    return [w._replace(text=f"{w.text}.0")
            if x.is_number and x.dtype.kind == "f" and re.fullmatch(r"-?\d+", w.text) else w
            for x, w in zip(e.operands, given, strict=True)]  # fmt: skip


def _scaled(e: Expression, given: list[Written], form: Form) -> Written:
    """Write a product with a single number, which needs no ⊙."""
    if e.operands[1].is_number and not e.operands[0].is_number:
        given.reverse()
    apart = r" \, " if form == "latex" else " "
    if given[1].precedence in (SUM, MATRIX_PRODUCT) and e.operands[1].operation in UNBROKEN:
        return Written(" ".join(x.text for x in given), given[1].precedence)
    if re.match(r"[-−\d]", given[1].text) and given[1].precedence >= PRODUCT:
        given[1] = Written(f"({given[1].text})")
    left, right = (r"\left(", r"\right)") if form == "latex" else ("(", ")")
    parts = [x.text if x.precedence >= PRODUCT else f"{left}{x.text}{right}" for x in given]
    return Written(apart.join(parts), PRODUCT)


def _begins_with_truth(e: Expression) -> bool:
    """Return whether the first factor of a product is true or false, which has no sign."""
    while e.name is None and e.operation in (ops.multiply, ops.divide, ops.matmul):
        e = e.operands[0]
    return e.dtype == bool


def _is_scalar(e: Expression) -> bool:
    return e.ndim == 0 or (e.is_number and uniform(e.value))


def _is_all(e: Expression, number: float) -> bool:
    return e.is_number and bool(np.all(e.value == number))


def _special(
    e: Expression, given: list[Written], texts: dict[int, Written], form: Form
) -> Written | None:
    """Write what mathematics says otherwise than code: guards are left out, exponents are raised.

    ``np.where(y == 0, np.inf, y)`` under a fraction makes a derivative 0 where it has no bound; the
    formula says what holds everywhere else.
    """
    if e.operation is ops.where and e.operands[0].meant.operation is np.equal:
        guarded, zero = e.operands[0].meant.operands
        _, instead, divisor = e.operands
        guards = any(x is guarded for x in (divisor, *divisor.operands))
        if guards and _is_all(zero, 0) and _is_all(instead, np.inf):
            return given[2]
    if e.operation is ops.multiply:
        for one, other in ((0, 1), (1, 0)):
            x = e.operands[one]
            if x.is_number and (x.value == np.ones(1)).all() and e.operands[other].dtype == bool:
                return given[other]
    if e.operation in OPPOSITE:
        if _is_bare(e.operands[0], ops.negative):
            given[0] = _minus(e.operands[0], texts, form)
        if e.operation is ops.subtract and _is_bare(e.operands[1], ops.sum):
            return Written(f"{given[0].text} {_MINUS[form]} {given[1].text}", SUM)
    if _swaps_last_two(e):
        return write_operation(ops.transpose, given, style=form)
    if form == "text" and e.operation is ops.expand_dims:
        return _with_axes(e, given[0])
    outer = column_and_row(e)
    if outer is not None:
        return _outer(_whole(outer[0], texts, form), _whole(outer[1], texts, form), form)
    if e.operation is ops.matmul and not e.ndim and e.operands[0].ndim == 1:
        dot = r" \cdot " if form == "latex" else " · "
        return Written(dot.join(_bracketed(x, form) for x in given), MATRIX_PRODUCT)
    return None


def _is_bare(e: Expression, operation: Primitive) -> bool:
    return e.name is None and e.operation is operation


def _minus(e: Expression, texts: dict[int, Written], form: Form) -> Written:
    """Write a term; minus a sum needs no parentheses there."""
    if form == "python" or not (_is_bare(e, ops.negative) and _is_bare(e.operands[0], ops.sum)):
        return texts[e.number]
    return Written(_MINUS[form] + texts[e.operands[0].number].text, SUM)


def column_and_row(e: Expression) -> tuple[Expression, Expression] | None:
    """Return the two vectors whose outer product this is; None if it is something else."""
    if e.operation is ops.transpose and e.ndim == 2 and e.operands[0].name is None:
        turned = column_and_row(e.operands[0])
        return None if turned is None else turned[::-1]
    if e.operation is ops.matmul:
        column, row = (_vector(x) for x in e.operands)
        if e.operands[0].shape == (column.size, 1) and e.operands[1].shape == (1, row.size):
            return (column, row) if column.ndim == row.ndim == 1 else None
    if e.operation is ops.multiply:
        axes = [_axis_of(x, e) for x in e.operands]
        if sorted(axes) == [0, 1]:
            column, row = (_vector(e.operands[axes.index(axis)]) for axis in (0, 1))
            return column, row
    return None


def _vector(e: Expression) -> Expression:
    """Return the vector that has been made a column, or a row."""
    index = e.parameters.get("index", ())
    parts = index if isinstance(index, tuple) else (index,)
    moved = all(isinstance(part, slice | None | EllipsisType) for part in parts)
    return e.operands[0] if moved and e.operation in (ops.getitem, ops.expand_dims) else e


def _axis_of(e: Expression, product: Expression) -> int:
    """Say along which axis of a table a vector lies: 0 is a column, 1 a row; else -1."""
    vector = _vector(e)
    if product.ndim != 2 or vector.ndim != 1 or vector.size != e.size:
        return -1
    if vector.size == 1:  # What lies across it says which it is.
        if vector is e:
            return 1 if product.shape[1] == 1 else -1
        index = e.parameters.get("index")
        return {"..., None": 0, "..., None, :": 1}.get(literal(index), -1)
    return {(vector.size, 1): 0, (1, vector.size): 1, (vector.size,): 1}.get(e.shape, -1)


def _outer(column: Written, row: Written, form: Form) -> Written:
    """Write the outer product of two vectors, ``x δᵀ``."""
    raised = r"^\top" if form == "latex" else "ᵀ"
    parts = [_bracketed(column, form), _bracketed(row, form, "/" in row.text)]
    transposed = f"{{{parts[1]}}}{raised}" if form == "latex" else parts[1] + raised
    return Written(f"{parts[0]} {transposed}", MATRIX_PRODUCT)


def _bracketed(part: Written, form: Form, divided: bool = False) -> str:
    whole = part.precedence == ATOM and not (divided and form == "text")
    around = (r"\left(", r"\right)") if form == "latex" else ("(", ")")
    return part.text if whole else part.text.join(around)


def write_number(value: Any, form: Form = "python") -> Written:
    """Write a number: integers without a point, thirds as 1 / 3, an array of one number by it."""
    if isinstance(value, Ratio):
        return _quotient(value, form)
    array = np.asarray(value)
    factor = identity(array)
    if factor is not None:
        unit = f"np.eye({len(array)})" if form == "python" else "I"
        times = {"python": " * ", "latex": r" \, ", "text": " "}[form]
        number = "" if factor == 1 else write_number(factor, form).text + times
        return Written(number + unit, PRODUCT if number else ATOM)
    if array.dtype == bool or not array.size or not _is_one_number(array):
        in_numpy = form == "python" and array.ndim
        return Written(literal(array) if in_numpy else f"{array.tolist()}")
    number = np.asarray(array, array.dtype.char.replace("g", "d")).flat[0].item()
    if isinstance(number, complex):
        return Written(_complex(number, form))
    if not np.isfinite(number):
        sign = ("−" if form == "text" else "-") if number < 0 else ""
        infinity = {"python": "np.inf", "latex": r"\infty", "text": "∞"}[form]
        none = {"python": "np.nan", "latex": r"\mathrm{nan}", "text": "nan"}[form]
        text = sign + infinity if np.isinf(number) else none
        return Written(text, PRODUCT if sign else ATOM)
    text = repr(int(number)) if float(number).is_integer() and abs(number) < 2**53 else repr(number)
    if array.dtype.kind == "f" and (zeros := len(text) - len(text.rstrip("0"))) > 5:  # -1e9
        text = f"{text[:-zeros]}e{zeros}"
    constant = _constant(number, form) if len(text) > 8 else None
    if constant is not None:
        return constant
    if len(text) > 15 and _is_near(float(f"{number:.6g}"), number):  # 0.9 - 1 is -0.1.
        text = repr(float(f"{number:.6g}"))
    fraction = Fraction(number).limit_denominator(9999)
    plain = fraction.denominator > 1 and abs(fraction.numerator) < 1e6
    if len(text) > 8 and plain and _is_near(float(fraction), number):
        top, bottom = fraction.numerator, fraction.denominator
        text = f"{top} / {bottom}" if form == "python" else f"{top}/{bottom}"
        if form == "latex":
            text = rf"\frac{{{abs(top)}}}{{{bottom}}}"
            return Written(f"-{text}" if top < 0 else text, PRODUCT)
    if form != "python" and "e" in text:
        return _power_of_ten(text, form)
    text = text.replace("-", "−") if form == "text" else text
    return Written(text, PRODUCT if text[0] in "-−" or "/" in text else ATOM)


def _is_one_number(array: Any) -> bool:
    return bool((array == array.flat[0]).all() or (array != array).all())  # Or nan everywhere.


OF_PI: dict[float, tuple[str, str, str]] = {
    np.sqrt(2 / np.pi): ("np.sqrt(2 / np.pi)", r"\sqrt{2 / \pi}", "√(2 / π)"),
    np.sqrt(2 * np.pi): ("np.sqrt(2 * np.pi)", r"\sqrt{2 \pi}", "√(2 π)"),
    np.log(2 * np.pi): ("np.log(2 * np.pi)", r"\ln\left(2 \pi\right)", "ln(2 π)"),
}
"""Numbers of GELU and of normal densities, in every form."""


def _constant(number: float, form: Form) -> Written | None:
    """Write the root of a small whole number, or halves of one that has to do with π."""
    square, which = round(number * number), ("python", "latex", "text").index(form)
    if 1 < square < 1000 and np.sqrt(square) == number:
        roots = f"np.sqrt({square})", rf"\sqrt{{{square}}}", f"√{square}"
        return Written(roots[which])
    square = round(1 / number**2) if 1e-3 < abs(number) < 1 else 0
    if 1 < square < 1000 and math.isqrt(square) ** 2 < square and _is_near(square**-0.5, number):
        over = f"1 / np.sqrt({square})", rf"\frac{{1}}{{\sqrt{{{square}}}}}", f"1/√{square}"
        return Written(over[which], PRODUCT)
    times = {"python": " * ", "latex": r" \, ", "text": " "}[form]
    for value, texts in OF_PI.items():
        halves = round(2 * number / value)
        if 0 < abs(halves) < 1000 and _is_near(halves / 2 * value, number):
            one, factor = abs(halves) == 2, write_number(halves / 2, form).text
            sign = factor[: halves < 0] if one else factor + times
            return Written(sign + texts[which], PRODUCT if sign else ATOM)
    return None


def _is_near(a: float, b: float) -> bool:
    """Return whether two numbers are equal but for how they were rounded."""
    return bool(abs(a - b) <= 5e-16 * abs(b))


def _quotient(ratio: Ratio, form: Form) -> Written:
    """Write a number over a count: 2 / 5."""
    top, bottom = write_number(ratio.top, form), ratio.bottom
    if form == "latex":
        sign = "-" if ratio.top < 0 else ""
        return Written(
            rf"{sign}\frac{{{write_number(abs(ratio.top), form).text}}}{{{bottom}}}", PRODUCT
        )
    return Written(
        f"{top.text} / {bottom}" if form == "python" else f"{top.text}/{bottom}", PRODUCT
    )


def _complex(number: complex, form: Form) -> str:
    """Write a complex number, with the letter that mathematics has for its unit."""
    text = repr(number + 0)  # Not -0.
    text = f"({text})" if text[0] == "-" else text
    if form == "python":
        return re.sub(r"\b(inf|nan)", r"np.\1", text)
    return text.replace("-", "−" if form == "text" else "-").replace("j", "i")


def _power_of_ten(text: str, form: Form) -> Written:
    """Write 1e-05 as mathematics."""
    digits, _, exponent = text.partition("e")
    exponent, times = str(int(exponent)), r" \cdot " if form == "latex" else "·"
    factor = digits[:-1] if digits in ("1", "-1") else f"{digits}{times}"
    if form == "latex":
        return Written(f"{factor}10^{{{exponent}}}", PRODUCT if factor else POWER)
    factor = factor.replace("-", "−")
    return Written(f"{factor}10{exponent.translate(RAISED)}", PRODUCT if factor else POWER)
