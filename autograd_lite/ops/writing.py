"""Operations as text: the notation of an entry, filled in with its operands and parameters.

`write` serves every form. What is written is a `Written`: a text that knows how tightly it binds,
so that whoever puts it into a larger one knows whether it needs parentheses.
"""

import functools
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from autograd_lite.core.notation import ATOM, LOOSE, POWER, PRODUCT, SUM, Choice, Form, Notation
from autograd_lite.core.primitive import Primitive

Style = Literal["python", "latex", "text", "picture"]


class Written(NamedTuple):
    """A piece of text, and how tightly its outermost operator binds."""

    text: str
    precedence: float = ATOM

    def __str__(self) -> str:
        return self.text


def write(
    primitive: Primitive,
    operands: Sequence[Written],
    parameters: Mapping[str, Any] | None = None,
    style: Style = "python",
) -> Written:
    r"""Write an operation.

    Parameters
    ----------
    primitive : Primitive
        The operation.
    operands : sequence of Written
        The text of every operand.
    parameters : mapping of str to object, optional
        The static parameters; those that are left out have their defaults.
    style : {"python", "latex", "text", "picture"}
        The form to write.

    Examples
    --------
    >>> from autograd_lite import ops
    >>> x, y = Written("x"), Written("y")
    >>> total = write(ops.add, [x, y])
    >>> for style in ("python", "latex", "text", "picture"):
    ...     print(write(ops.square, [total], style=style))
    (x + y) ** 2
    {\left(x + y\right)}^2
    (x + y)²
    (x + y)²
    """
    named = dict(zip(names(primitive, len(operands)), operands, strict=True))
    parameters = {**primitive.defaults, **(parameters or {})}
    return fill(primitive.notation, named, parameters, style, primitive.defaults, primitive.name)


def names(primitive: Primitive, count: int) -> Sequence[str]:
    """Return the names of its operands; those of a variadic operation are numbered."""
    if primitive.variadic:
        return [f"{primitive.operands[0]}{i}" for i in range(count)]
    return primitive.operands


def fill(
    notation: Notation | Choice,
    operands: Mapping[str, Written],
    parameters: Mapping[str, Any],
    style: Style = "python",
    defaults: Mapping[str, Any] | None = None,
    name: str = "",
) -> Written:
    """Fill a notation in; `name` is what the operation is called where its form says too little."""
    notation, parameters = chosen(notation, parameters)
    if notation.usual and style != "python":
        defaults = {**(defaults or {}), **notation.usual}
        parameters = {k: once(x) if k in notation.usual else x for k, x in parameters.items()}
    differing = _differing(parameters, defaults or {}, style)
    fields = {key: _LITERAL[style](value) for key, value in parameters.items()}
    form = _form(notation, style, name, differing, defaults or {})
    fields["below"] = rf"_{{\mathrm{{axis}}\,{fields['axis']}}}" if differing == ["axis"] else ""
    said = _fields(form.template)
    if style in ("text", "picture"):  # A number among arguments is mathematics; an index is code.
        fields |= {
            key: text.replace("-", "−")
            for key, text in fields.items()
            if re.search(rf"[( ]{{{key}}}[,)]", form.template)
        }
    fields["parameters"] = "".join(
        f", {key}={_argument(parameters[key], fields[key], style)}"
        for key in differing
        if key not in said
    )
    fields["operands"] = ", ".join(written.text for written in operands.values())
    brackets = (r"\left(", r"\right)") if style == "latex" else ("(", ")")
    slots = {key: _Slot(written, form, brackets) for key, written in operands.items()}
    return Written(form.template.format_map({**fields, **slots}), form.precedence)


def chosen(
    notation: Notation | Choice, parameters: Mapping[str, Any]
) -> tuple[Notation, Mapping[str, Any]]:
    """Return the notation for these parameters, and those that the choice does not say."""
    if isinstance(notation, Notation):
        return notation, parameters
    others = {key: x for key, x in parameters.items() if key != notation.parameter}
    return notation.table[parameters[notation.parameter]], others


def times_written(primitive: Primitive, parameters: Mapping[str, Any], position: int) -> int:
    """Count how often the NumPy code of an operation has an operand in it."""
    notation, _ = chosen(primitive.notation, parameters)
    name = primitive.operands[min(position, len(primitive.operands) - 1)]
    return max(1, _fields(notation.python.template)[name])


def has_call(primitive: Primitive, parameters: Mapping[str, Any]) -> bool:
    """Return whether there is a function in its NumPy code, not operators alone."""
    return "(" in chosen(primitive.notation, parameters)[0].python.template


def is_short(primitive: Primitive, parameters: Mapping[str, Any]) -> bool:
    """Return whether its NumPy code has a short form, and no parameter is in the way."""
    notation, parameters = chosen(primitive.notation, parameters)
    differing = _differing(parameters, primitive.defaults, "python")
    form = _form(notation, "python", primitive.name, differing, primitive.defaults)
    return form is notation.short


def _form(
    notation: Notation, style: Style, name: str, differing: list[str], defaults: Mapping[str, Any]
) -> Form:
    """Choose the form that says what differs."""

    def is_silent(form: Form) -> bool:
        said = _fields(form.template)
        if "parameters" in said or ("below" in said and differing == ["axis"]):
            return False
        every = "operands" in said  # A call of its name, which says what it was given.
        return any((every or key in defaults) and key not in said for key in differing)

    if style == "python":
        short = notation.short
        return notation.python if short is None or is_silent(short) else short
    if style == "latex":
        if not is_silent(notation.latex):
            return notation.latex
        upright = {key: r"\mathrm{{" + key.replace("_", r"\_") + "}}" for key in (name, *differing)}
        listed = "".join(rf",\ {upright[key]} = {{{key}}}" for key in differing)
        return Form(rf"{upright[name]}\left({{operands}}{listed}\right)")
    own = (style == "picture" and notation.picture) or notation.text
    return Form(f"{name}({{operands}}{{parameters}})") if own is None or is_silent(own) else own


@functools.cache
def _fields(template: str) -> Counter[str]:
    """Count the names that stand in a template."""
    return Counter(name for _, name, _, _ in string.Formatter().parse(template) if name)


def _differing(
    parameters: Mapping[str, Any], defaults: Mapping[str, Any], style: Style
) -> list[str]:
    """List the parameters that differ from their defaults; for mathematics, those that matter."""
    return [
        key
        for key, value in parameters.items()
        if not (key in defaults and _is_same(value, defaults[key]))
        and not (key in COMPUTING and style != "python")
    ]


def once(value: Any) -> Any:
    """Return the entry for every axis, where it is the same for all."""
    parts = [once(x) for x in value] if isinstance(value, tuple) and value else []
    return parts[0] if parts and parts.count(parts[0]) == len(parts) else value


def _is_same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


class _Slot:
    """An operand on its way into a template; the format specification says how it is bracketed."""

    def __init__(self, written: Written, form: Form, brackets: tuple[str, str]) -> None:
        self.written, self.brackets = written, brackets
        self.limits: dict[str, float] = {
            "": form.precedence,
            "tight": form.precedence + 0.5,  # Between two.
            "loose": LOOSE,
            "factor": PRODUCT + 0.5,
            "sum": SUM,
            "sum_right": SUM + 0.5,
            "raised": POWER + 0.5,
        }

    def __format__(self, spec: str) -> str:
        text, precedence = self.written
        if spec == "negated":
            product = precedence >= PRODUCT and not re.search(r" (%|//) ", text)
            return text[1:] if product and text[0] == "-" else f"-{self}"
        if spec == "raised" and re.fullmatch(r"[-−]?\d+", text):
            return text.translate(RAISED)
        if precedence < self.limits[spec]:
            text = text.join(self.brackets)
        return f"^{text}" if spec == "raised" else text


COMPUTING = ("keepdims", "optimize")
"""Parameters that only say how something is computed: mathematics leaves them out."""

RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""Superscripts."""


# -------------------------------------------------------------------- static parameters


def literal(value: Any) -> str:
    """Write a static parameter so that it reads, and evaluates inside ``[ ]``, as NumPy code."""
    if isinstance(value, str):
        return value
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([] if value.step is None else [value.step])
        return ":".join("" if part is None else literal(part) for part in parts)
    if value is Ellipsis:
        return "..."
    if isinstance(value, type):
        return value.__name__ if value.__module__ == "builtins" else f"np.{value.__name__}"
    if hasattr(value, "itemsize") and not hasattr(value, "tolist"):  # A dtype.
        return f"np.{value.name}"
    if isinstance(value, float):
        return _NOT_FINITE.sub(r"np.\g<0>", repr(float(value)))
    if hasattr(value, "called"):  # An array that has a name where it is written.
        return str(value.called)
    if hasattr(value, "tolist"):  # An array, or a number of NumPy's.
        listed: str = _NOT_FINITE.sub(r"np.\g<0>", repr(value.tolist()))
        if type(value).__name__ != "ndarray":
            return listed
        if not value.size:  # A list of nothing has lost its axes.
            return f"np.zeros({value.shape}, {value.dtype.name!r})"
        counted = value.size == max(value.shape, default=0) > 1 and value.dtype.name == "int64"
        if counted and value.ravel().tolist() == list(range(value.size)):
            column = value.shape == (value.size, 1)
            turned = "[:, None]" if column else f".reshape{value.shape}" if value.ndim > 1 else ""
            return f"np.arange({value.size}){turned}"
        obvious = value.size and value.dtype.name in ("float64", "int64", "bool", "complex128")
        return f"np.array({listed})" if obvious else f"np.array({listed}, {value.dtype.name!r})"
    if _mixed(value):
        return ", ".join(literal(part) for part in value) + ("," if len(value) == 1 else "")
    return _NOT_FINITE.sub(r"np.\g<0>", repr(value)) if isinstance(value, tuple) else repr(value)


_ARRAY = re.compile(r"np\.array\((\[[^()]*\])\)")
_NOT_FINITE = re.compile(r"\b(inf|nan)\b")


def _latex(value: Any) -> str:
    text = _plain(value).replace("∞", r"\infty").replace("->", r" \to ")
    return re.sub(r"(?<!\\)_(?!\{)", r"\_", text)  # What has a name is in LaTeX already.


def _plain(value: Any) -> str:
    """Write a value without NumPy: an array as its numbers, infinity as such."""
    text = _ARRAY.sub(r"\1", literal(value))
    text = text.replace("np.arange", "arange")
    return text.replace("np.inf", "∞").replace("np.nan", "nan")


_LITERAL = {"python": literal, "latex": _latex, "text": _plain, "picture": _plain}


def _mixed(value: Any) -> bool:
    """Return whether this is an index with more than numbers in it."""
    return isinstance(value, tuple) and any(
        not isinstance(part, int | float) and (not isinstance(part, tuple) or _mixed(part))
        for part in value
    )


def _argument(value: Any, written: str, style: Style) -> str:
    """Write a static parameter where an index may not stand: as a keyword argument."""
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, slice) or _mixed(value):
        return f"np.s_[{written}]" if style == "python" else f"[{written}]"
    return written
