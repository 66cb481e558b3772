"""Marks for many: the first wrong gradient of each submission, and the mistake in it."""

from __future__ import annotations

import csv
import html
import io
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autograd_lite.check.finding import UNEXPLAINED
from autograd_lite.check.report import SHAPE
from autograd_lite.practice.exercises import OPEN, RIGHT, WRONG, Exercise


@dataclass(frozen=True)
class Mark:
    """What became of one submission.

    Attributes
    ----------
    who : str
        Whose it is.
    right, total : int
        How many gradients are right, of how many.
    first_wrong : str
        The first gradient, from the loss backwards, that is wrong; empty if none is.
    mistake : str
        The mistake in it; or what was raised, or what was not given.
    kind : str
        The name of the mistake, for the histogram.
    missing : int
        How many gradients were not given.
    """

    who: str
    right: int
    total: int
    first_wrong: str = ""
    mistake: str = ""
    kind: str = ""
    missing: int = 0


GUARDED = ("=", "+", "-", "@")
"""What a spreadsheet takes for a formula at the beginning of a text."""

STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.4 sans-serif;margin:1em auto;max-width:70em;"
    "padding:0 1em}div{overflow-x:auto}table{border-collapse:collapse}th,td{padding:.3em .6em;"
    "text-align:left;vertical-align:top;border-bottom:1px solid #8886}"
    "th,td:first-child{white-space:nowrap}td:nth-child(7){min-width:14em}"
)
"""A wide table scrolls by itself on a phone."""

COLUMNS = ("who", "right", "total", "missing", "first_wrong", "kind", "mistake")


@dataclass(frozen=True)
class Grades:
    """The marks of many submissions, as a table in text, CSV or HTML."""

    marks: tuple[Mark, ...]

    @property
    def histogram(self) -> dict[str, int]:
        """How many submissions have each mistake as their first, the commonest on top."""
        kinds = Counter(mark.kind for mark in self.marks if mark.kind)
        return dict(kinds.most_common())

    def __str__(self) -> str:
        rows = [("who", "right", "first wrong", "mistake")]
        rows += [(m.who, f"{m.right}/{m.total}", m.first_wrong, m.mistake) for m in self.marks]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        counts = [f"{count} x {kind}" for kind, count in self.histogram.items()]
        return "\n".join([*lines, *(["", *counts] if counts else [])])

    __repr__ = __str__  # What a notebook shows.

    def to_csv(self) -> str:
        """Return a line for each submission, for a spreadsheet."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for mark in self.marks:
            writer.writerow([_plain(getattr(mark, column)) for column in COLUMNS])
        return out.getvalue()

    def to_html(self) -> str:
        """Return a page with the table, and how often each mistake was made."""
        head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in COLUMNS)
        rows = "\n".join(
            "<tr>"
            + "".join(f"<td>{html.escape(str(getattr(mark, c)))}</td>" for c in COLUMNS)
            + "</tr>"
            for mark in self.marks
        )
        most = max(self.histogram.values(), default=1)
        bars = "\n".join(
            f'<tr><td>{html.escape(kind)}</td><td>{count}</td><td><div style="background:#4a7fb5;'
            f'height:1em;width:{8 * count / most:.2f}em"></div></td></tr>'
            for kind, count in self.histogram.items()
        )
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Grades</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{STYLE}</style></head><body>\n<h1>Grades</h1>\n"
            f"<div><table>\n<tr>{head}</tr>\n{rows}\n</table></div>\n"
            f"<h2>First mistakes, by kind</h2>\n<div><table>\n{bars}\n</table></div>\n"
            "</body></html>\n"
        )


def grade(
    task: Exercise, submissions: Mapping[str, Mapping[str, Any] | Callable[[], Any]]
) -> Grades:
    """Check many submissions of one exercise.

    Parameters
    ----------
    task : Exercise
        What was asked.
    submissions : mapping of str to mapping or callable
        Gradients by name, as `Exercise.check` takes them; or a function that returns them. What it
        raises is the mistake.

    Returns
    -------
    Grades
        With ``to_csv()``, ``to_html()`` and ``histogram``.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> task = al.exercise(np.sum(w**2))
    >>> print(al.grade(task, {"one": {"dw": [2.0, 4.0]}, "two": {"dw": [-2.0, -4.0]}}))
    who  right  first wrong  mistake
    one  1/1
    two  0/1    w            the sign is flipped: by hand = -autodiff
    <BLANKLINE>
    1 x sign flipped
    """
    if not isinstance(task, Exercise):
        raise TypeError(
            f"grade needs an exercise, got a {type(task).__name__}. Write grade(al.exercise(loss), "
            f"submissions)."
        )
    if not isinstance(submissions, Mapping):
        raise TypeError(
            f"grade needs submissions by name, got a {type(submissions).__name__}. Write "
            f"grade(task, {{'first': {{'dw': dw}}}})."
        )
    return Grades(tuple(_mark(task, who, given) for who, given in submissions.items()))


def _mark(task: Exercise, who: str, given: Mapping[str, Any] | Callable[[], Any]) -> Mark:
    total = len(task.names)
    try:
        progress = task.check(given() if callable(given) else given)
    except Exception as error:  # noqa: BLE001  (whatever a submission raises is its mistake)
        return Mark(who, 0, total, "", f"{type(error).__name__}: {error}", "an error")
    right = sum(mark == RIGHT for mark in progress.marks.values())
    missing = [name for name, mark in progress.marks.items() if mark == OPEN]
    name = progress.first_wrong
    if name is None or progress.comparison is None:
        rounded = [x for x in progress.marks.values() if x not in (RIGHT, OPEN)]
        absent = f"not given: {', '.join(missing)}" if missing else ""
        return Mark(who, right, total, mistake=(*rounded, absent)[0], missing=len(missing))
    row = progress.comparison[name]
    shape = row.verdict == SHAPE
    title, kind = progress.marks[name].removeprefix(f"{WRONG}: "), "shape" if shape else "wrong"
    if (found := row.diagnosis) and not (shape and found.name == UNEXPLAINED):
        title, kind = found.title, found.name
    return Mark(who, right, total, name, title, kind, len(missing))


def _plain(value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(GUARDED) else value
