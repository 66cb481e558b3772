"""A derivation for notebooks and web pages: MathML, and a table with shapes and sources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from autograd_lite.derive.lines import Line
from autograd_lite.derive.loop_formulas import Row
from autograd_lite.derive.writing import Form

MATHML = "http://www.w3.org/1998/Math/MathML"
_LETTERS = re.compile(r'(?:<m[in] mathvariant="normal">[^<]*</m[in]>|<mn>[^<]*</mn>){2,}')


def text(rows: Iterable[Row]) -> str:
    """Write formulas as plain text."""
    return "\n".join(f"{row.left} {row.sign} {row.right}{_said(row)}" for row in rows)


def latex(rows: Iterable[Row]) -> str:
    """Write formulas as one aligned display of LaTeX."""
    steps = " \\\\\n".join(f"{row.left} &{row.sign} {row.right}{_where(row)}" for row in rows)
    return f"\\begin{{aligned}}\n{steps}\n\\end{{aligned}}"


def mathml(rows: Iterable[Row]) -> str:
    """Write formulas as one ``<math>`` element; the signs of equality stand below each other."""
    body = "\n".join(
        f'<mtr><mtd style="text-align:right">{_row(row.left)}</mtd>'
        f'<mtd style="text-align:left">{_row(f"{row.sign} {row.right}{_where(row)}")}</mtd></mtr>'
        for row in rows
    )
    return (
        f'<math xmlns="{MATHML}" display="block">\n<mtable displaystyle="true">\n{body}\n'
        f"</mtable>\n</math>"
    )


def _said(row: Row) -> str:
    return row.where and f"  ({row.where})"


def _where(row: Row) -> str:
    return row.where and rf" \qquad ({row.where})"


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


def table(rows: Iterable[Row], forward: Sequence[Line], note: str, form: Form) -> str:
    """Write formulas as an HTML table that takes its colours from the page around it.

    Those of LaTeX become MathML, which needs latex2mathml.
    """
    before, after = [_heading("forward")], [_heading("backward")]
    names = {line.name for line in forward}
    for row in rows:
        cells = _cells(row, form)
        (before if row.line is None or row.line.name in names else after).append(cells)
    body = "\n".join(before + after)
    return (
        f'<table style="border-collapse:collapse;text-align:left">\n{body}\n</table>\n'
        f'<p style="opacity:.7">{escape(note)}</p>'
    )


def _heading(text: str) -> str:
    return f'<tr><th colspan="4" style="text-align:left;opacity:.7">{text}</th></tr>'


def _cells(row: Row, form: Form) -> str:
    """Write one formula: name, right side, shape, and the line of the user's code."""
    if form == "latex":
        left, right = (
            f'<math xmlns="{MATHML}" displaystyle="true">{_row(latex)}</math>'
            for latex in (row.left, f"{row.sign} {row.right}{_where(row)}")
        )
    else:
        left, right = escape(row.left), escape(f"{row.sign} {row.right}{_said(row)}")
    source, shape = None, ""
    if row.line is not None:
        source, shape = row.line.source, str(row.line.expression.shape or "")
    cells = [
        ("text-align:right", left),
        ("text-align:left", right),
        (
            "text-align:left;opacity:.7;white-space:nowrap",
            escape(shape),
        ),
        (
            "text-align:left;opacity:.7",
            f"<code>{escape(source.text)}</code> {escape(str(source))}" if source else "",
        ),
    ]
    written = [f'<td style="{style};padding:.15em .5em">{cell}</td>' for style, cell in cells]
    return f"<tr>{''.join(written)}</tr>"
