"""What the command shows of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograd_lite import Comparison
from models.experiment import Experiment, Fact, Finding, Run
from models.hand import lines_by_hand
from models.mistakes import Mistake
from models.training import Report

GOOD, BAD = "[green]✓[/]", "[red]✗[/]"


def show(run: Run, files: Sequence[Path], console: Console) -> None:
    """Print one network: architecture, article's numbers, gradients, findings, files."""
    experiment = run.experiment
    console.rule(f"[bold]{experiment.title}", align="left", style="dim")
    console.print(f"[dim]After “{experiment.article}”. {experiment.note}[/]")
    console.print(Padding(Text(repr(run.net)), (1, 0, 1, 2)))
    console.print(_facts(run.facts, run.articles_seed))
    console.print(_gradients(run))
    _derivation(run, console)
    for finding in run.findings:
        console.print(_finding(finding))
    console.print(
        f"{GOOD if run.in_step else BAD} {_steps(run.steps)} by autodiff and by hand from the "
        f"same start: the weights are never more than {run.ulps:.0f} ulp apart"
    )
    listed = ", ".join(path.name for path in files)
    console.print(f"Files in {files[0].parent}: {listed}", soft_wrap=True)
    for problem in run.problems:
        console.print(f"{BAD} {problem}")
    console.print()


def show_training(report: Report, console: Console) -> None:
    """Print what came of a training on real data."""
    console.rule(f"[bold]{report.title}", align="left", style="dim")
    console.print(f"[dim]{report.about}[/]")
    for heading, text in report.texts.items():
        console.print(Padding(Group(f"[bold]{heading}[/]", Text(text)), (1, 0, 0, 2)))
    console.print()
    for check in report.checks:
        console.print(f"{GOOD if check.ok else BAD} {check.what}: {check.found}")
    listed = ", ".join(path.name for path in report.files)
    console.print(f"Files in {report.files[0].parent}: {listed}", soft_wrap=True)
    console.print(f"[dim]{report.seconds:.0f} seconds[/]\n")


def summary(runs: Sequence[Run]) -> Table:
    """Return the last table: a row for every network."""
    table = Table(
        title="Summary",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption="gradients, numbers: how many agree with the article; apart: the largest "
        "difference ever between the weights trained by autodiff and by "
        "hand, in units in the last place (ulp) of a layer's largest weight",
        caption_justify="left",
    )
    table.add_column("network")
    for header in ("steps", "gradients", "numbers", "apart", "seconds"):
        table.add_column(header, justify="right")
    table.add_column("")
    for run in runs:
        rows = [row for comparison in run.comparisons.values() for row in comparison]
        table.add_row(
            run.experiment.title,
            f"{run.steps:,}",
            f"{sum(row.ok for row in rows)} of {len(rows)}",
            f"{sum(fact.ok for fact in run.judged)} of {len(run.judged)}",
            f"{run.ulps:.0f} ulp",
            f"{run.seconds:.1f}",
            BAD if run.problems else GOOD,
        )
    return table


def _facts(facts: Sequence[Fact], articles_seed: bool) -> Table:
    """Return the article's numbers beside ours."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("number")
    table.add_column("article")
    table.add_column("ours")
    table.add_column("")
    for fact in facts:
        judged = articles_seed or not fact.seeded
        mark = (GOOD if fact.ok else BAD) if judged else "[dim]other seed[/]"
        table.add_row(fact.what, number(fact.article), number(fact.ours, fact.decimals), mark)
    return table


def _gradients(run: Run) -> Table:
    """Return how far by hand, autodiff and numbers agree, at the start, on the way, at the end."""
    oracles = {row.oracle for rows in run.comparisons.values() for row in rows if row.oracle}
    table = Table(
        title="Gradients by hand beside autodiff: largest relative difference, at step",
        caption=None if run.problems else f"{', '.join(sorted(oracles))} agrees as well",
        title_justify="left",
        caption_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        show_edge=False,
    )
    table.add_column("gradient of")
    table.add_column("shape")
    for step in run.comparisons:
        table.add_column(f"{step + 1:,}", justify="right")
    table.add_column("verdict")
    for rows in zip(*run.comparisons.values(), strict=True):
        failed = [row.summary for row in rows if not row.ok]
        verdict = f"{BAD} {failed[0]}" if failed else f"{GOOD} agree"
        cells = [f"{row.relative:.0e}" if row.relative else "0" for row in rows]
        table.add_row(rows[0].name, str(rows[0].autodiff.shape), *cells, verdict)
    return table


def _derivation(run: Run, console: Console) -> None:
    """Print the article's derivation, that by the rules, and whether they are one."""
    derivation = run.derivation
    by_hand = "\n".join(line.text for line in lines_by_hand(run.experiment))
    for pieces in (
        {"By hand, as formulas": by_hand, "Derived by the rules": run.formulas.text},
        {"By hand, as in the article": run.experiment.source_by_hand(),
         "By the rules, as code": derivation.code},
    ):  # fmt: skip
        console.print()
        console.print(_beside(pieces, console.width))
    for proof in run.proofs:
        console.print(Text.assemble(_verdict(bool(proof)), f" {proof}"))
    if not run.proofs:
        console.print("[dim]Compared in numbers only: for proofs, pip install sympy[/]")
    console.print(f"Run as it stands, the code is {derivation.rounding.summary}")


def _verdict(ok: bool) -> tuple[str, str]:
    return ("✓", "green") if ok else ("✗", "red")


def _beside(pieces: Mapping[str, str], width: int) -> Table:
    """Put two pieces of text beside each other, or below where there is no room."""
    needed = sum(max(map(len, text.splitlines()), default=0) + 3 for text in pieces.values())
    table = Table.grid(padding=(0, 3, 0, 0))
    cells = [Group(title, Padding(Text(text), (0, 0, 1, 2))) for title, text in pieces.items()]
    if needed <= width:
        table.add_row(*cells)
    else:
        for cell in cells:
            table.add_row(cell)
    return table


def _finding(finding: Finding) -> Padding:
    """Return what the article says, and what holds."""
    parts: list[Any] = [
        Text.assemble(("The article says: ", "yellow"), finding.says),
        Text.assemble(("In truth: ", "yellow"), finding.truth),
    ]
    if finding.evidence is not None:
        parts.append(Padding(comparison_table(finding.evidence), (0, 0, 0, 2)))
        parts += _mistakes(finding.evidence)
    parts += [Text(f"As algebra: {proof}") for proof in finding.proofs]
    return Padding(Group(*parts), (1, 0, 1, 0))


def show_broken(
    mistake: Mistake, experiment: type[Experiment], comparison: Comparison, console: Console
) -> None:
    """Print a formula with a mistake in it, and what the comparison makes of it."""
    console.rule(f"[bold]{experiment.title}, with a mistake", align="left", style="dim")
    for line in mistake.difference(experiment):
        console.print(Text(line, style="red" if line.startswith("+") else "green"))
    console.print()
    console.print(comparison_table(comparison))
    for part in _mistakes(comparison):
        console.print(part)
    first = comparison.first
    called = first.diagnosis.name if first and first.diagnosis else "nothing"
    mark = GOOD if called == mistake.called else BAD
    console.print(f"\n{mark} The mistake {mistake.name} is called: {called}")


def _mistakes(comparison: Comparison) -> list[Padding]:
    """Return what is known about every mistake, by name and with the evidence."""
    found = []
    for heading, details in comparison.mistakes():
        table = Table(box=None, show_header=False, title=f"{heading}:", title_justify="left")
        table.add_column(style="dim")
        table.add_column()
        for label, words in details:
            table.add_row(label, Text(words))
        found.append(Padding(table, (1, 0, 0, 2)))
    return found


def comparison_table(comparison: Comparison) -> Table:
    """Return a `Comparison` as a rich table."""
    header, *rows = comparison.table()
    table = Table(*header, box=box.SIMPLE_HEAD, show_edge=False)
    for cells in rows:
        table.add_row(*cells)
    return table


def number(value: Any, decimals: int | None = None) -> str:
    """Write a number, or several, as an article would print them."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    array = np.asarray(value, dtype=float)
    if array.size > 6:
        head, last = number(array[:2], decimals), number(array[-1], decimals)
        return f"{head.rstrip(']')}, …, {last}]"
    listed = array if decimals is None else np.round(array, decimals)
    texts = [repr(x).removesuffix(".0") for x in listed.ravel().tolist()]
    return texts[0] if array.ndim == 0 else f"[{', '.join(texts)}]"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"
