"""How an operation is written: as NumPy code, as LaTeX, as plain text, and in a picture.

A notation is data, a template for every form. `autograd_lite.ops.writing` fills templates in, with
parentheses around exactly those parts that bind less tightly than their place needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Python's own order of binding, from loosest to tightest; but a matrix product is set apart from
# the products around it: (a @ b) * c.
LOOSE, SUM, MATRIX_PRODUCT, PRODUCT, SIGN, POWER, ATOM = 0, 5, 5.5, 6, 7, 8, 10


class Form(NamedTuple):
    """A template, and how tightly the outermost operator in it binds.

    ``{name}`` stands for an operand, bracketed if it binds less tightly than the operation itself.
    ``{name:tight}`` is bracketed at equal precedence too, ``{name:loose}`` never, ``{name:factor}``
    unless it binds more tightly than a product, ``{name:sum}`` and ``{name:sum_right}`` like the
    left and right side of a difference. ``{name:negated}`` has a minus in front, and no second one.
    ``{name:raised}`` is an exponent: an integer is raised,
    anything else follows a ``^``. ``{operands}`` is the list of all.

    A static parameter stands under its name. ``{parameters}`` lists the others that differ
    from their defaults. ``{below}`` (LaTeX only) is the axis as a subscript, if it alone differs.
    """

    template: str
    precedence: float = ATOM


@dataclass(frozen=True, slots=True)
class Notation:
    """The forms of an operation.

    Parameters
    ----------
    python : Form
        Plain NumPy, which runs without this package. An operation that NumPy does not have is
        written as a call of its name; derivations then print its forward function too.
    latex : Form
        Mathematics.
    text : Form, optional
        Mathematics as it is typed; by default, a call of its name.
    picture : Form, optional
        What stands in a box; by default, like `text`.
    short : Form, optional
        Shorter NumPy, for where no parameters are in the way: ``x.T``.
    usual : mapping of str to object
        Parameters that have an entry for each axis, and the entry that mathematics leaves out; one
        that is the same for all is written once.

    A form that does not show a parameter is not used where that differs from its default.
    """

    python: Form
    latex: Form
    text: Form | None = None
    picture: Form | None = None
    short: Form | None = None
    usual: Mapping[str, Any] = field(default_factory=dict, hash=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Choice:
    """A notation that depends on the value of a static parameter."""

    parameter: str
    table: Mapping[Any, Notation]


def infix(
    symbol: str, latex: Form | str, precedence: float, *, text: Form | str = "", picture: str = ""
) -> Notation:
    """Write ``a * b``, grouping to the left: the right operand is bracketed at equal precedence.

    `text` and `picture` may be other symbols.
    """
    between = "{{a}} {} {{b:tight}}".format
    if isinstance(text, str):
        text = Form(between(text or symbol), precedence)
    return Notation(
        python=Form(between(symbol), precedence),
        latex=_form(latex, precedence),
        text=text,
        picture=Form(between(picture), precedence) if picture else None,
    )


def call(
    name: str,
    latex: Form | str = "",
    *,
    text: Form | str = "",
    picture: Form | str = "",
    short: Form | str = "",
    usual: Mapping[str, Any] | None = None,
) -> Notation:
    """Write ``np.exp(x)``, or ``np.sum(x, axis=0)`` with the static parameters that are given."""
    arguments = "({operands}{parameters})"
    last = name.rpartition(".")[2]
    upright = r"\mathrm{{" + last.replace("_", r"\_") + "}}"
    return Notation(
        python=Form(name + arguments),
        latex=_form(latex or upright + r"{below}\left({operands}\right)"),
        text=_form(text or last + arguments),
        picture=_form(picture) if picture else None,
        short=_form(short) if short else None,
        usual=usual or {},
    )


def _form(x: Form | str, precedence: float = ATOM) -> Form:
    return x if isinstance(x, Form) else Form(x, precedence)
