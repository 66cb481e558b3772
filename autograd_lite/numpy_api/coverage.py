"""What each NumPy function does with Tensors: ``python -m autograd_lite.coverage``."""

import argparse
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from autograd_lite.core.primitive import BY_NUMPY_FUNCTION
from autograd_lite.numpy_api import dispatch  # noqa: F401  (it fills the tables)
from autograd_lite.numpy_api.table import COMPOSED, CONVERSIONS, REFUSED, WITHOUT_DERIVATIVE

Status = Literal["differentiable", "value", "refused", "conversion", "other"]

MEANING: dict[Status, str] = {
    "differentiable": "the result is a Tensor, recorded, with derivatives of every order",
    "value": "computed from the values: the result has no derivative",
    "refused": "a TypeError at the call, with the reason",
    "conversion": "keep the gradient with like=: np.array([t, u], like=t); or use "
    "autograd_lite.array",
    "other": "takes no Tensor: settings, files, text, new arrays",
}


class Row(NamedTuple):
    """What becomes of one function.

    Attributes
    ----------
    name : str
        As it is written: ``np.linalg.inv``.
    status : {"differentiable", "value", "refused", "conversion", "other"}
    reason : str
        Why it is refused; else empty.
    """

    name: str
    status: Status
    reason: str = ""


def public() -> dict[str, Callable[..., Any]]:
    """Return every public function of numpy, its linalg and its fft, as it is written."""
    found: dict[str, Callable[..., Any]] = {}
    for prefix, module in (("np.", np), ("np.linalg.", np.linalg), ("np.fft.", np.fft)):
        for name in sorted(vars(module)):
            function = getattr(module, name)
            if name.startswith("_") or not callable(function) or isinstance(function, type):
                continue
            found[prefix + name] = function
    return found


def table() -> list[Row]:
    """Return what becomes of every public function of numpy, its linalg and its fft.

    Examples
    --------
    >>> from autograd_lite.numpy_api import coverage
    >>> rows = {row.name: row.status for row in coverage.table()}
    >>> rows["np.fft.rfft"], rows["np.argmax"], rows["np.nextafter"]
    ('differentiable', 'value', 'refused')
    """
    return [_row(name, function) for name, function in public().items()]


def _row(name: str, function: Callable[..., Any]) -> Row:
    if function in CONVERSIONS:
        return Row(name, "conversion")
    if function in BY_NUMPY_FUNCTION or function in COMPOSED:
        return Row(name, "differentiable")
    if function in WITHOUT_DERIVATIVE:
        return Row(name, "value")
    handed_over = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
    if function in REFUSED or handed_over:
        return Row(name, "refused", REFUSED.get(function, "it has no derivative here"))
    return Row(name, "other")


def counts() -> dict[Status, int]:
    """Count the functions by what becomes of them; one that has two names counts once."""
    functions = public()
    status = {functions[row.name]: row.status for row in table()}
    found = Counter(status.values())
    return {status: found[status] for status in MEANING}


def _listing(rows: Sequence[Row]) -> str:
    """Write the table for a terminal, a paragraph for each status."""
    number = counts()
    parts = []
    for status, meaning in MEANING.items():
        chosen = [row for row in rows if row.status == status]
        parts.append(f"{status}: {number[status]} functions ({meaning})")
        if status == "refused":
            width = max(len(row.name) for row in chosen)
            lines = [f"{row.name:{width}}  {row.reason}" for row in chosen]
        else:
            lines = textwrap.wrap("  ".join(row.name for row in chosen), 96)
        parts.append(textwrap.indent("\n".join(lines), "    "))
    return "\n".join(parts)


def _markdown(rows: Sequence[Row]) -> str:
    """Write the table in Markdown, a line for each function."""
    lines = ["| function | on Tensors | reason |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.status} | {row.reason} |" for row in rows]
    return "\n".join(lines)


def main(
    arguments: Sequence[str] | None = None, runs: Callable[[Sequence[str]], None] | None = None
) -> None:
    """Print the table; or, if asked, call `runs` with the names, to print where functions run."""
    parser = argparse.ArgumentParser(
        prog="python -m autograd_lite.coverage",
        description="What becomes of every function of numpy, its linalg and fft on Tensors.",
    )
    parser.add_argument("name", nargs="*", help="only functions with this in their names")
    parser.add_argument("--markdown", action="store_true", help="as a table in Markdown")
    if runs is not None:
        where = "where they run: compiled by NumPy and by numba, exported to JAX and to NumPy"
        parser.add_argument("--runs", action="store_true", help=where)
    options = parser.parse_args(arguments)
    if runs is not None and options.runs:
        runs(options.name)
        return
    rows = table()
    if options.name:
        rows = [row for row in rows if any(part in row.name for part in options.name)]
        if not rows:
            raise SystemExit(f"Nothing here has {' or '.join(options.name)} in its name.")
        if not options.markdown:
            width = max((len(row.name) for row in rows), default=0)
            for name, status, reason in rows:
                print(f"{name:{width}}  {status:14}  {reason}".rstrip())
            return
    print(_markdown(rows) if options.markdown else _listing(rows))
