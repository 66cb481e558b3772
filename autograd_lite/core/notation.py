"""How an operation is written, as Python and as LaTeX.

A notation is two templates and a precedence. The templates name the operands of the operation;
filling one in puts parentheses around exactly those parts that bind less tightly than their
place needs. The Python form is plain NumPy: it runs without this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

# Python's own order of binding, from loosest to tightest.
LOOSE, SUM, PRODUCT, SIGN, POWER, ATOM = 0, 5, 6, 7, 8, 10


class Written(NamedTuple):
    """A piece of text, and how tightly its outermost operator binds."""

    text: str
    precedence: float = ATOM

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Notation:
    """Templates for an operation.

    In a template, ``{name}`` stands for an operand, bracketed if it binds less tightly than the
    operation itself; ``{name:tight}`` is bracketed at equal precedence too, ``{name:loose}``
    never, and ``{name:sum}`` and ``{name:sum_right}`` like the left and right side of a
    difference. ``{operands}`` is the comma-separated list of all. A static parameter stands under
    its name, and ``{parameters}`` (Python only) writes those that differ from their defaults as
    keyword arguments.

    Parameters
    ----------
    symbol : str
        A short label for a picture: ``×``, ``σ``, ``exp``.
    python_template, latex_template : str
        How it is written.
    precedence : float
        How tightly the outermost operator of the Python template binds.
    latex_precedence : float, optional
        The same for LaTeX, where it differs: a fraction needs no parentheses.
    """

    symbol: str
    python_template: str
    latex_template: str
    precedence: float = ATOM
    latex_precedence: float | None = None

    def python(
        self,
        operands: Mapping[str, Written],
        parameters: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> Written:
        """Write the operation as NumPy code.

        Parameters
        ----------
        operands : mapping of str to Written
            The text of every operand, by its name.
        parameters, defaults : mapping of str to object
            The static parameters, and those values that go without saying.
        """
        literals = {name: literal(value) for name, value in parameters.items()}
        keywords = "".join(
            f", {name}={_argument(value, literals[name])}"
            for name, value in parameters.items()
            if name not in defaults or value is not defaults[name]
        )
        fields = literals | {"parameters": keywords}
        text = _fill(self.python_template, operands, fields, self.precedence, ("(", ")"))
        return Written(text, self.precedence)

    def latex(
        self,
        operands: Mapping[str, Written],
        parameters: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> Written:
        """Write the operation as LaTeX mathematics; see `python`."""
        del defaults
        precedence = self.precedence if self.latex_precedence is None else self.latex_precedence
        fields = {
            name: _ARRAY.sub(r"\1", literal(value))
            .replace("np.inf", r"\infty")
            .replace("_", r"\_")
            .replace("->", r" \to ")
            for name, value in parameters.items()
        }
        brackets = (r"\left(", r"\right)")
        text = _fill(self.latex_template, operands, fields, precedence, brackets)
        return Written(text, precedence)


@dataclass(frozen=True, slots=True)
class Choice:
    """A notation that depends on the value of a static parameter."""

    parameter: str
    table: Mapping[Any, Notation]

    @property
    def symbol(self) -> str:
        """The label of the first choice, for where no parameters are known."""
        return next(iter(self.table.values())).symbol

    def of(self, parameters: Mapping[str, Any]) -> Notation:
        """Choose."""
        return self.table[parameters[self.parameter]]

    def python(
        self,
        operands: Mapping[str, Written],
        parameters: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> Written:
        """Write as NumPy code; see `Notation.python`."""
        return self.of(parameters).python(operands, parameters, defaults)

    def latex(
        self,
        operands: Mapping[str, Written],
        parameters: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> Written:
        """Write as LaTeX mathematics; see `Notation.python`."""
        return self.of(parameters).latex(operands, parameters, defaults)


class _Slot:
    """An operand on its way into a template; the format specification says how it is bracketed."""

    def __init__(self, written: Written, precedence: float, brackets: tuple[str, str]) -> None:
        self.written, self.brackets = written, brackets
        self.limits: dict[str, float] = {
            "": precedence,
            "tight": precedence + 0.5,  # Between two: matrix products bind like this.
            "loose": LOOSE,
            "sum": SUM,
            "sum_right": SUM + 1,
        }

    def __format__(self, spec: str) -> str:
        if self.written.precedence >= self.limits[spec]:
            return self.written.text
        return self.written.text.join(self.brackets)


def _fill(
    template: str,
    operands: Mapping[str, Written],
    fields: Mapping[str, str],
    precedence: float,
    brackets: tuple[str, str],
) -> str:
    """Fill a template in, with parentheses where they are needed."""
    slots = {name: _Slot(written, precedence, brackets) for name, written in operands.items()}
    listed = ", ".join(written.text for written in operands.values())
    return template.format_map({**slots, **fields, "operands": listed})


def literal(value: Any) -> str:
    """Write a static parameter so that it reads, and evaluates inside ``[ ]``, as NumPy code."""
    if isinstance(value, str):
        return value
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([] if value.step is None else [value.step])
        return ":".join("" if part is None else literal(part) for part in parts)
    if value is Ellipsis:
        return "..."
    if isinstance(value, float):
        return _NOT_FINITE.sub(r"np.\g<0>", repr(float(value)))
    if hasattr(value, "tolist"):  # An array, or a number of NumPy's.
        listed = _NOT_FINITE.sub(r"np.\g<0>", repr(value.tolist()))
        if type(value).__name__ != "ndarray":
            return listed
        obvious = value.size and value.dtype.name in ("float64", "int64", "bool")
        return f"np.array({listed})" if obvious else f"np.array({listed}, {value.dtype.name!r})"
    if _mixed(value):
        return ", ".join(literal(part) for part in value) + ("," if len(value) == 1 else "")
    return _NOT_FINITE.sub(r"np.\g<0>", repr(value)) if isinstance(value, tuple) else repr(value)


_ARRAY = re.compile(r"np\.array\((\[[^()]*\])\)")
_NOT_FINITE = re.compile(r"\b(inf|nan)\b")


def _mixed(value: Any) -> bool:
    """Say whether this is an index with more than numbers in it."""
    return isinstance(value, tuple) and any(
        not isinstance(part, int | float) and (not isinstance(part, tuple) or _mixed(part))
        for part in value
    )


def _argument(value: Any, written: str) -> str:
    """Write a static parameter where an index may not stand: as a keyword argument."""
    if isinstance(value, str):
        return repr(value)
    return f"np.s_[{written}]" if isinstance(value, slice) or _mixed(value) else written


def infix(
    symbol: str,
    latex: str,
    precedence: float,
    *,
    latex_precedence: int | None = None,
    picture: str | None = None,
) -> Notation:
    """Write ``a * b``, grouping to the left: the right operand is bracketed at equal precedence."""
    python = f"{{a}} {symbol} {{b:tight}}"
    return Notation(picture or symbol, python, latex, precedence, latex_precedence)


def prefix(symbol: str, latex: str, precedence: int) -> Notation:
    """Write ``-x``."""
    return Notation(symbol, f"{symbol}{{x}}", latex, precedence)


def call(
    name: str,
    latex: str | None = None,
    *,
    symbol: str | None = None,
    latex_precedence: int | None = None,
) -> Notation:
    """Write ``np.exp(x)``, or ``np.sum(x, axis=0)`` with the static parameters that are given."""
    short = name.rpartition(".")[2]
    upright = r"\mathrm{{" + short.replace("_", r"\_") + "}}"
    latex = latex or rf"{upright}\left({{operands}}\right)"
    python = f"{name}({{operands}}{{parameters}})"
    return Notation(symbol or short, python, latex, ATOM, latex_precedence)
