"""What `compare` found, and how it is shown: text, HTML, Markdown, JSON."""

from __future__ import annotations

import html
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.finding import FOLLOWS, Diagnosis, describe
from autograd_lite.check.names import stems
from autograd_lite.tensor import Tensor

AGREE = "agree"
HAND = "by hand is wrong"
AUTODIFF = "autodiff is wrong"
BOTH = "both are wrong"
UNDECIDED = "differ, undecided"
KINK = "differ at a kink, where there is no derivative"
SHAPE = "shapes differ"
DTYPE = "right for its dtype"
SYMMETRIC = "right for a symmetric matrix"
ROUNDED = "agrees to the digits that are given"

PASSING = (AGREE, DTYPE, SYMMETRIC, KINK)
"""With these, nothing is wrong: at a kink, each side has another of the derivatives there are."""

ALONE = {HAND: "by hand", AUTODIFF: "autodiff", BOTH: "numerical"}


class DisagreementError(AssertionError):
    """Gradients differ; the message is the table, with the mistakes by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """The comparison for one tensor.

    Attributes
    ----------
    name : str
        Of the tensor.
    by_hand, autodiff : ndarray
        The two gradients.
    numerical : ndarray or None
        The third opinion; nan where it was not asked. None if it was not needed or not wanted.
    verdict : str
        ``agree``, ``by hand is wrong``, ``autodiff is wrong``, ``both are wrong`` (they agree, and
        the numbers do not), ``differ, undecided`` or ``shapes differ``. What was rounded ``agrees
        to the digits that are given``: that proves nothing, and does not pass. Nothing is wrong
        with ``right for its dtype`` (it agrees to the digits that float32, say, has), with ``right
        for a symmetric matrix`` (the operation reads one triangle, to which autodiff gives all of
        the gradient; along every symmetric direction the two are the same) and with ``differ at a
        kink …``, if both are between the derivatives to the left and to the right.
    oracle : str
        Where `numerical` comes from.
    orders : tuple of float or None
        Of the Taylor remainder with the gradient by hand, and by autodiff: 2 is right, 1 wrong.
    diagnosis : Diagnosis or None
        Which mistake it is, where by hand is wrong.
    remark : str
        What the verdict says besides, in parentheses.
    tensor : Tensor or None
        Whose gradient it is.
    """

    name: str
    by_hand: NDArray[Any]
    autodiff: NDArray[Any]
    numerical: NDArray[Any] | None
    verdict: str
    oracle: str
    orders: tuple[float, float] | None = None
    diagnosis: Diagnosis | None = None
    remark: str = ""
    tensor: Tensor | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: see `verdict`."""
        return self.verdict in PASSING

    @property
    def alone(self) -> str | None:
        """Which of the three stands alone: ``by hand``, ``autodiff``, ``numerical``."""
        return ALONE.get(self.verdict)

    @property
    def difference(self) -> NDArray[Any]:
        """Absolute difference of the two, entry by entry; where one is nan, infinite."""
        if self.by_hand.shape != self.autodiff.shape:
            return np.array(np.inf)
        return distance(self.by_hand, self.autodiff)

    @property
    def largest(self) -> float:
        """Largest absolute difference."""
        return float(self.difference.max(initial=0.0))

    @property
    def relative(self) -> float:
        """Largest difference relative to the larger of the two entries."""
        if self.by_hand.shape != self.autodiff.shape:
            return np.inf
        size = np.fmax(np.abs(self.by_hand), np.abs(self.autodiff))
        with np.errstate(invalid="ignore"):
            ratio = self.difference / np.where(size == 0, 1, size)
        return float(np.nan_to_num(ratio, nan=np.inf, posinf=np.inf).max(initial=0.0))

    @property
    def where(self) -> tuple[int, ...]:
        """Index of the largest difference."""
        if not self.difference.size:
            return ()
        index = np.unravel_index(np.argmax(self.difference), self.difference.shape)
        return tuple(int(i) for i in index)

    @property
    def ratio(self) -> float | None:
        """By hand divided by autodiff, if that is one number for all entries."""
        if self.by_hand.shape != self.autodiff.shape:
            return None
        used = self.autodiff != 0
        if not used.any() or (self.by_hand[~used] != 0).any():
            return None
        ratios = self.by_hand[used] / self.autodiff[used]
        first = float(ratios.flat[0])
        same = np.isfinite(first) and np.allclose(ratios, first, rtol=1e-6, atol=0)
        return first if same else None

    @property
    def finding(self) -> str:
        """The verdict in words, with what is known about the difference."""
        if self.verdict in (AGREE, DTYPE, SYMMETRIC, ROUNDED):
            return f"{self.verdict}{self.remark}"
        if self.verdict == SHAPE:
            return f"{SHAPE}: {self.by_hand.shape} by hand, {self.autodiff.shape} by autodiff"
        parts = [f"{self.verdict}{self.remark}"]
        side = "side" if self.oracle.endswith("s") else "sides"
        if self.verdict in (HAND, AUTODIFF) and self.oracle:
            other = "autodiff" if self.verdict == HAND else "by hand"
            parts.append(f"{self.oracle} {side} with {other}")
        elif self.numerical is not None:
            parts.append(f"{self.oracle} {side} with neither")
        if self.ratio is not None and abs(self.ratio - 1) > 1e-6:
            parts.append(f"by hand = {self.ratio:.6g} × autodiff")
        return "; ".join(parts)

    @property
    def summary(self) -> str:
        """The verdict with the name of the mistake: what a table shows."""
        if self.diagnosis is None:
            return self.finding
        known = self.finding if self.verdict == SHAPE else self.verdict
        return f"{known}: {self.diagnosis.title.split(';')[0]}"

    def details(self) -> list[tuple[str, str]]:
        """Return label and text of everything that is known about the mistake."""
        found = self.diagnosis
        if found is None:
            return []
        lines = [("mistake", found.title)]
        if found.how:
            lines.append(("how", found.how))
        if found.evidence:
            lines.append(("verified", found.evidence))
        parts = self.finding.split("; ")
        lines += [("oracle", x) for x in parts if self.oracle and x.startswith(self.oracle)]
        if self.orders is not None:
            by_hand, by_autodiff = map(_order, self.orders)
            lines.append(
                (
                    "oracle",
                    f"Taylor remainder: order {by_hand} by hand, {by_autodiff} by autodiff "
                    f"(1 is wrong, 2 right)",
                )
            )
        if found.explained:
            lines.append(("confidence", found.confidence))
        lines += [("or else", title) for _, title in found.alternatives]
        return lines


class Comparison:
    """What `compare` found: true when everything agrees, prints as a table.

    ``result[w]`` is the row of a tensor: by itself, its name, or the name of its gradient.

    Attributes
    ----------
    rows : tuple of Row
        One for each gradient by hand, in the order in which they were given.
    notes : tuple of str
        What else there is to know.
    """

    def __init__(self, rows: tuple[Row, ...], notes: Sequence[str] = ()) -> None:
        self.rows = rows
        self.notes = tuple(notes)

    def __bool__(self) -> bool:
        return all(row.ok for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: Any) -> Row:
        """Return the row of a tensor: by itself, its name, or the name of its gradient."""
        if isinstance(name, Tensor):
            found = [row for row in self.rows if row.tensor is name or row.name == name.name]
        else:
            found = [row for row in self.rows if row.name == name]
            for stem in (name, *stems(name)) if isinstance(name, str) else ():
                ends = (f"['{stem}']", f".{stem}")  # Of what a dict or an object holds.
                found += [row for row in self.rows if row.name == stem or row.name.endswith(ends)]
        if not found:
            there = ", ".join(row.name for row in self.rows)
            raise KeyError(f"No row {name!r}; there are {there}.")
        return found[0]

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that do not agree."""
        return tuple(row for row in self.rows if not row.ok)

    @property
    def first(self) -> Row | None:
        """The first row, from the loss backwards, at which by hand and autodiff part."""
        for row in self.failures:
            if row.diagnosis is not None and (row.diagnosis.first or len(self.failures) == 1):
                return row
        return None

    def assert_ok(self) -> None:
        """Raise, with the table and the mistakes as the message, unless everything agrees.

        Raises
        ------
        DisagreementError
        """
        if not self:
            raise DisagreementError(f"{self._summary()}\n{self}")

    def _summary(self) -> str:
        return f"{len(self.rows) - len(self.failures)} of {len(self.rows)} gradients agree."

    def table(self) -> list[tuple[str, ...]]:
        """Return the cells, a header first, for whatever prints tables."""
        header = ("gradient of", "shape", "largest difference", "relative", "at", "verdict")
        cells: list[tuple[str, ...]] = [header]
        for row in self.rows:
            at = "" if row.ok or not row.autodiff.ndim or row.verdict == SHAPE else str(row.where)
            size, relative = f"{row.largest:.1e}", f"{row.relative:.1e}"
            cells.append((row.name, str(row.autodiff.shape), size, relative, at, row.summary))
        return cells

    def mistakes(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return a heading and labelled lines for each mistake, the first from the loss on top."""
        found = [row for row in self.failures if row.diagnosis is not None]
        own = [row for row in found if row.diagnosis and row.diagnosis.name != FOLLOWS]
        own.sort(key=lambda row: row is not self.first)
        return [
            (
                f"{row.name}, where the two part first, from the loss backwards"
                if row is self.first and len(found) > 1
                else row.name,
                row.details(),
            )
            for row in own
        ]

    def __str__(self) -> str:
        return self._text(colour=False)

    def show(self, file: TextIO | None = None) -> None:
        """Print the table, in colour if `file` is a terminal and ``NO_COLOR`` is not set.

        Parameters
        ----------
        file : text stream, optional
            Where to; by default ``sys.stdout``.
        """
        file = sys.stdout if file is None else file
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        print(self._text(colour=file.isatty() and not plain), file=file)

    def _text(self, colour: bool) -> str:
        """Return the table, and the mistakes under it."""

        def paint(line: str, code: int) -> str:
            return f"\033[{code}m{line}\033[0m" if colour else line

        cells = self.table()
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        ]
        text = [lines[0], "-" * max(map(len, lines))]
        text += [
            paint(line, 32 if row.ok else 31)
            for line, row in zip(lines[1:], self.rows, strict=True)
        ]
        for heading, details in self.mistakes():
            text += ["", paint(f"{heading}:", 1)]
            text += [f"  {label:10}  {words}" for label, words in details]
        text += ["", *self.notes] if self.notes else []
        return "\n".join(text)

    def __repr__(self) -> str:
        return f"<Comparison: {self._summary()}>"

    def _repr_html_(self) -> str:
        """Show as a table in a notebook."""
        head, *body = self.table()
        *headings, last = (html.escape(cell) for cell in head)
        rows = ["".join(f"<th>{cell}</th>" for cell in headings)]
        rows[0] += f'<th style="text-align:left">{last}</th>'
        for row, cells in zip(self.rows, body, strict=True):
            colour = "#2da44e" if row.ok else "#e5534b"  # Legible on white and on black.
            *others, verdict = (html.escape(cell) for cell in cells)
            rows.append(
                "".join(f"<td>{cell}</td>" for cell in others)
                + f'<td style="color:{colour};text-align:left">{verdict}</td>'
            )
        parts = ["<table>", *(f"<tr>{row}</tr>" for row in rows), "</table>"]
        for heading, details in self.mistakes():
            listed = "".join(
                f'<tr><td style="opacity:.7;text-align:left">{html.escape(label)}</td>'
                f'<td style="text-align:left">{html.escape(words)}</td></tr>'
                for label, words in details
            )
            parts.append(f"<p><b>{html.escape(heading)}</b></p>\n<table>{listed}</table>")
        parts += [f"<p>{html.escape(note)}</p>" for note in self.notes]
        return "\n".join(parts)

    def to_markdown(self) -> str:
        """Return the table, and the mistakes, as Markdown."""
        head, *body = [[cell.replace("|", r"\|") for cell in line] for line in self.table()]
        lines = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body)]
        for heading, details in self.mistakes():
            lines += ["", f"**{heading}**", ""]
            lines += [f"- {label}: {words}" for label, words in details]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])

    def to_json(self, indent: int | None = None) -> str:
        """Return everything as JSON; nan and infinity, which JSON has not, become null."""
        rows = [
            {
                "name": row.name,
                "ok": row.ok,
                "verdict": row.verdict,
                "alone": row.alone,
                "finding": row.finding,
                "oracle": row.oracle or None,
                "largest": row.largest,
                "relative": row.relative,
                "where": row.where,
                "ratio": row.ratio,
                "orders": row.orders,
                "by_hand": row.by_hand.tolist(),
                "autodiff": row.autodiff.tolist(),
                "numerical": None if row.numerical is None else row.numerical.tolist(),
                "diagnosis": None if row.diagnosis is None else describe(row.diagnosis),
            }
            for row in self.rows
        ]
        first = self.first.name if self.first else None
        data = {"ok": bool(self), "first": first, "rows": rows, "notes": self.notes}
        return json.dumps(_finite(data), indent=indent, ensure_ascii=False, allow_nan=False)


def distance(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the absolute difference; 0 between equal infinities, infinite where one is nan."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.asarray(a, float) - np.asarray(b, float))
    return np.where(a == b, 0.0, np.nan_to_num(gap, nan=np.inf))


def _order(order: float) -> str:
    if np.isnan(order):
        return "unknown"
    return "2 or more" if order > 2.5 else f"{order:.1f}"


def _finite(data: Any) -> Any:
    """Replace what JSON cannot say."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not np.isfinite(data) else data
