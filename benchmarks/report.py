"""The results as a table on the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.contestants import HAND, Contestant, version
from benchmarks.targets import Target, targets
from benchmarks.timing import Times
from benchmarks.workloads import WORKLOADS

CAPTION = (
    "One training step: the time by hand, and ratios to it in the same round (medians; lower is "
    "faster)"
)

Table = list[list[str]]
"""Rows of cells; the first row is the heading."""


@dataclass(frozen=True)
class Report:
    """Everything that one run found out.

    Attributes
    ----------
    header : dict of str to str
        When, where and with what it was run.
    contestants : list of Contestant
        Who took part, in the order of the columns.
    times : dict of str to Times
        By workload.
    memory : dict of str to float
        Bytes per recorded node beyond the data, by contestant.
    """

    header: dict[str, str]
    contestants: list[Contestant]
    times: dict[str, Times]
    memory: dict[str, float] = field(default_factory=dict)

    def ratios(self) -> Table:
        """Tabulate a row per contestant: ratios to the time that the first row, by hand, gives."""
        timed = [w for w in WORKLOADS if w.name in self.times]
        heading = ["", *(w.title for w in timed)]
        seconds = [self.times[w.name].median(HAND) for w in timed]
        first = ["by hand, µs", *(_number(s and s * 1e6) for s in seconds)]
        table = [heading, first]
        for c in self.contestants:
            if c.key != HAND:
                cells = [_number(self.times[w.name].ratio(c.key)) for w in timed]
                table.append([c.title, *cells])
        return table

    def nodes(self) -> str:
        """Say in a line how large a recorded node is."""
        sizes = [
            f"{c.title} {self.memory[c.key]:,.0f}" for c in self.contestants if c.key in self.memory
        ]
        return f"Bytes that a recorded node takes beyond its data: {', '.join(sizes) or 'not told'}"

    def verdicts(self) -> Table:
        """Tabulate one row per target."""
        rows = [
            [t.text, f"{'≤' if t.at_most else '≥'} {t.bound:g}", _number(t.value), t.verdict]
            for t in self.targets()
        ]
        return [["target", "bound", "measured", "verdict"], *rows]

    def targets(self) -> list[Target]:
        """Hold what was measured against every target."""
        return targets(self.times, self.memory)


def header(
    contestants: Iterable[Contestant], absent: Iterable[Contestant], threads: int | None
) -> dict[str, str]:
    """Describe when, where and with what the benchmarks are run."""
    versions = {c.distribution: version(c) for c in contestants}
    missing = dict.fromkeys(c.title for c in absent)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "Python": platform.python_version(),
        "libraries": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "not installed": ", ".join(missing) or "none of the peers is missing",
        "threads": "as many as each library chooses" if threads is None else f"{threads} each",
        "processes": "one for each contestant; garbage collector on",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _number(value: float | None) -> str:
    """Write three significant digits, and no fewer than all before the point."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(report: Report) -> str:
    """Write a report as Markdown."""
    lines = ["# Benchmarks", ""]
    lines += [f"- **{name}**: {text}" for name, text in report.header.items()]
    lines += ["", f"{CAPTION}:", ""]
    lines += _markdown_table(report.ratios(), numbers=len(report.times))
    lines += ["", f"{report.nodes()}.", "", "## Targets", ""]
    lines += _markdown_table(report.verdicts(), numbers=0)
    return "\n".join(lines) + "\n"


def _markdown_table(table: Table, numbers: int) -> list[str]:
    left = len(table[0]) - numbers
    rule = ["---"] * left + ["---:"] * numbers
    return ["| " + " | ".join(row) + " |" for row in (table[0], rule, *table[1:])]


def to_json(report: Report) -> str:
    """Write a report as JSON: medians, quartiles of the ratios, memory and targets."""
    workloads = {
        name: {key: _summary(times, key) for key in times.seconds}
        for name, times in report.times.items()
    }
    found = {
        "header": report.header,
        "workloads": workloads,
        "bytes_per_node": report.memory,
        "targets": [{**t._asdict(), "verdict": t.verdict} for t in report.targets()],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _summary(times: Times, key: str) -> dict[str, Any]:
    ratios = times.ratios(key)
    quartiles = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else None
    return {
        "rounds": len(ratios),
        "seconds": times.median(key),
        "ratio": times.ratio(key),
        "quartiles": quartiles and [quartiles[0], quartiles[2]],
    }


def show(report: Report) -> None:
    """Print a report: with rich where it is installed, else as plain text."""
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        print(plain(report))
    else:
        _show_rich(report, Console())


def plain(report: Report) -> str:
    """Write a report as text in columns."""
    lines = [f"{name}: {text}" for name, text in report.header.items()]
    for table in (report.ratios(), report.verdicts()):
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines += ["", *(_aligned(row, widths) for row in table)]
    return "\n".join([*lines, "", report.nodes()])


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])


def _show_rich(report: Report, console: Any) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    colours: Mapping[str, str] = {"reached": "green", "not reached": "red"}
    for name, text in report.header.items():
        console.print(f"[bold]{name}[/]: {text}", highlight=False)
    for title, rows in ((CAPTION, report.ratios()), ("Targets", report.verdicts())):
        # With so little padding, the ratios fit into 80 columns.
        table = RichTable(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for i, cells in enumerate(zip(*rows, strict=True)):
            heading = cells[0].replace(" ", "\n")
            # Where the terminal is narrow, the text of a target is wrapped, and nothing else.
            fixed = bool(i) or rows[0][0] != "target"
            table.add_column(heading, justify="right" if i else "left", no_wrap=fixed)
        for row in rows[1:]:
            table.add_row(*row, style=colours.get(row[-1]))
        console.print(table)
    console.print(report.nodes(), highlight=False)
