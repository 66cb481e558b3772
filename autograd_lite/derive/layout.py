"""Printed code in lines that are not too long."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

LONGEST_LINE = 100
"""What is longer is divided."""

INDENT = "    "

WIDEST = 60
"""Comments stand in one column behind all lines that are not longer than this."""

AT = ", at "
"""What stands in a comment before an expression, if that is not too long."""

_STEPS = (re.compile(r"(?<=,) "), re.compile(r" (?=[+-] )"), re.compile(r" (?=(?:[*/@%]|//) )"))
"""Where a line may end, outside of all brackets: the first of these that is there."""


def step(code: str, comment: str, width: int, depth: int) -> list[str]:
    """Write a statement, in several lines if it is too long for one.

    Behind an assignment may be a comment, in a column behind `width` characters.
    """
    indent = INDENT * depth
    if AT in comment and len(comment) + max(WIDEST, len(code)) + 8 > LONGEST_LINE:
        comment = comment.partition(AT)[0]
    shape = comment.split("  ")[0].strip()
    if len(f"{indent}{code}  # {shape}" if comment else indent + code) <= LONGEST_LINE:
        within = width - len(indent) + len(INDENT)
        return [f"{indent}{code:{within}}  # {comment}" if comment else indent + code]
    parts = re.split(r" ([+-]?=) ", code, maxsplit=1)
    if len(parts) < 3:
        return divided(code, depth)
    left, sign, right = parts
    remark = f"  # {comment}" if comment else ""
    return [f"{indent}{left} {sign} ({remark}", *divided(right, depth + 1), f"{indent})"]


def listed(start: str, items: Iterable[str], end: str) -> list[str]:
    """Write a list in one line, or in several where that is too long."""
    items = list(items)
    whole = f"{start}{', '.join(items)}{end}"
    if len(whole) <= LONGEST_LINE:
        return [whole]
    indent = start[: len(start) - len(start.lstrip())]
    return [start, *_filled([f"{item}," for item in items], f"{indent}{INDENT}"), indent + end]


def divided(text: str, depth: int) -> list[str]:
    r"""Write an expression that stands in brackets; `depth` is that of its indentation.

    Examples
    --------
    >>> from autograd_lite.derive.layout import divided
    >>> print(*divided("np.sum(" + " + ".join(["f(x, y)"] * 12) + ") * 2", 1), sep="\n")
        np.sum(
            f(x, y) + f(x, y) + f(x, y) + f(x, y) + f(x, y) + f(x, y) + f(x, y) + f(x, y) + f(x, y)
            + f(x, y) + f(x, y) + f(x, y)
        )
        * 2
    """
    indent = INDENT * depth
    if len(indent) + len(text) <= LONGEST_LINE:
        return [indent + text]
    outside = _outside(text)
    for pattern in _STEPS:
        ends = [0, *(m.end() for m in pattern.finditer(outside) if m.start()), len(text)]
        parts = [text[a:b].rstrip() for a, b in itertools.pairwise(ends)]
        if len(parts) > 1:
            if all(len(indent) + len(part) <= LONGEST_LINE for part in parts):
                return _filled(parts, indent)
            return [line for part in parts for line in divided(part, depth)]
    groups = [(m.start(), m.end() - 1) for m in re.finditer(r"[(\[]_*[)\]]", outside)]
    first, last = max(groups, key=lambda group: group[1] - group[0], default=(0, 0))
    if last <= first + 1:
        return [indent + text]
    return [
        indent + text[: first + 1],
        *divided(text[first + 1 : last], depth + 1),
        indent + text[last:],
    ]


def _outside(text: str) -> str:
    """Return a text of the same length without what is in brackets and in strings."""
    depth, quote, kept = 0, "", []
    for c in text:
        if quote or c in "'\"":
            kept.append("_")
            quote = "" if c == quote else quote or c
            continue
        depth -= c in ")]}"
        kept.append("_" if depth else c)
        depth += c in "([{"
    return "".join(kept)


def _filled(parts: list[str], indent: str) -> list[str]:
    """Put as many parts into every line as it can hold."""
    lines = [indent + parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 1 + len(part) <= LONGEST_LINE:
            lines[-1] += f" {part}"
        else:
            lines.append(indent + part)
    return lines
