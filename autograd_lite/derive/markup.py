"""A derivation for notebooks and web pages: MathML, and a table with shapes and sources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from autograd_lite.derive.lines import Line
from autograd_lite.derive.math_names import latex_name, text_name
from autograd_lite.derive.writing import write

MATHML = "http://www.w3.org/1998/Math/MathML"
_LETTERS = re.compile(r'(?:<m[in] mathvariant="normal">[^<]*</m[in]>|<mn>[^<]*</mn>){2,}')


def mathml(lines: Iterable[Line]) -> str:
    """Write steps as one ``<math>`` element; the signs of equality stand below each other."""
    rows = "\n".join(
        f'<mtr><mtd style="text-align:right">{_row(latex_name(line.name))}</mtd>'
        f'<mtd style="text-align:left">{_row("= " + write(line.expression, "latex"))}</mtd></mtr>'
        for line in lines
    )
    return (
        f'<math xmlns="{MATHML}" display="block">\n<mtable displaystyle="true">\n{rows}\n'
        f"</mtable>\n</math>"
    )


def _row(latex: str) -> str:
    """Convert a formula to an ``<mrow>``."""
    try:
        from latex2mathml.converter import convert
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "MathML needs latex2mathml, which is not installed. Run: "
            "pip install 'autograd_lite[mathml]'",
            name="latex2mathml",
        ) from None
    (row,) = re.findall(r"<math[^>]*>(.*)</math>", convert(latex), re.DOTALL)
    return _LETTERS.sub(lambda found: _word(found[0]), row)


def _word(letters: str) -> str:
    """Make one identifier of letters that belong together."""
    return f"<mi>{re.sub('<[^>]*>', '', letters)}</mi>"


def table(forward: Sequence[Line], backward: Sequence[Line], note: str) -> str:
    """Write steps as an HTML table that takes its colours from the page around it.

    Formulas are MathML; without latex2mathml, they are text.
    """
    rows = [_heading("forward"), *map(_cells, forward), _heading("backward")]
    rows += map(_cells, backward)
    body = "\n".join(rows)
    return (
        f'<table style="border-collapse:collapse;text-align:left">\n{body}\n</table>\n'
        f'<p style="opacity:.7">{escape(note)}</p>'
    )


def _heading(text: str) -> str:
    return f'<tr><th colspan="4" style="text-align:left;opacity:.7">{text}</th></tr>'


def _cells(line: Line) -> str:
    """Write one step: name, formula, shape, and the line of the user's code."""
    try:
        left, right = (
            f'<math xmlns="{MATHML}" displaystyle="true">{_row(latex)}</math>'
            for latex in (latex_name(line.name), "= " + write(line.expression, "latex"))
        )
    except ModuleNotFoundError:
        left, right = escape(text_name(line.name)), escape("= " + write(line.expression, "text"))
    source = line.source
    cells = [
        ("text-align:right", left),
        ("text-align:left", right),
        (
            "text-align:left;opacity:.7;white-space:nowrap",
            escape(str(line.expression.shape or "")),
        ),
        (
            "text-align:left;opacity:.7",
            f"<code>{escape(source.text)}</code> {escape(str(source))}" if source else "",
        ),
    ]
    written = [f'<td style="{style};padding:.15em .5em">{cell}</td>' for style, cell in cells]
    return f"<tr>{''.join(written)}</tr>"
