"""The tables and notes of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from models.experiment import Finding, Run
from models.report import number

Cell = str | tuple[bool, str]
"""A pair is marked as right or wrong."""


def mark(ok: bool) -> str:
    """Return a mark that is read aloud, too."""
    said, sign = ("good", "✓") if ok else ("bad", "✗")
    spoken = "agrees" if ok else "differs"
    return f'<span class="{said}" role="img" aria-label="{spoken}">{sign}</span>'


def overview(runs: Sequence[Run]) -> str:
    """Return a row for every network."""
    rows: list[list[Cell]] = []
    for run in runs:
        compared = [row.ok for comparison in run.comparisons.values() for row in comparison]
        printed = [fact.ok for fact in run.judged]
        proofs = f"{sum(map(bool, run.proofs))} of {len(run.proofs)}" if run.proofs else "–"
        rows.append(
            [
                run.experiment.title,
                (not run.problems, "differs" if run.problems else "agrees"),
                f"{run.steps:,}",
                f"{sum(compared)} of {len(compared)}",
                proofs,
                f"{sum(printed)} of {len(printed)}",
                f"{run.ulps:.0f} ulp",
            ]
        )
    header = ["network", "verdict", "steps", "gradients", "proofs", "numbers", "apart"]
    return table("All networks", header, rows, right=range(2, 7))


def gradients(run: Run) -> str:
    """Return how far autodiff and the formulas by hand agree, at several steps."""
    steps = [f"step {step + 1:,}" for step in run.comparisons]
    rows: list[list[Cell]] = []
    for found in zip(*run.comparisons.values(), strict=True):
        failed = [row.finding for row in found if not row.ok]
        oracles = ", ".join(sorted({row.oracle for row in found if row.oracle}))
        cells = [f"{row.relative:.0e}" if row.relative else "0" for row in found]
        verdict = failed[0] if failed else f"agree ({oracles} too)"
        shape = "×".join(map(str, found[0].autodiff.shape)) or "scalar"
        rows.append([found[0].name, shape, *cells, (not failed, verdict)])
    caption = "Gradients by hand beside autodiff: the largest relative difference at each step"
    right = range(2, 2 + len(steps))
    return table(caption, ["gradient of", "shape", *steps, "verdict"], rows, right=right)


def predictions(run: Run) -> str:
    """Return what the network says to its samples."""
    rows: list[list[Cell]] = [
        [number(said.input), number(said.goal), f"{said.before:.4g}", f"{said.after:.6g}"]
        for said in run.predictions
    ]
    header = ["input", "goal", "before training", "after"]
    return table("What the network says to its samples", header, rows, right=range(1, 4))


def facts(run: Run) -> str:
    """Return the article's numbers beside ours."""
    rows: list[list[Cell]] = []
    for fact in run.facts:
        judged = run.articles_seed or not fact.seeded
        exactly = (
            f"within {fact.within:g}" if fact.within is not None
            else "to the last digit" if fact.decimals is None
            else f"to {fact.decimals} decimals"
        )  # fmt: skip
        verdict: Cell = (fact.ok, exactly) if judged else "other seed"
        rows.append([fact.what, number(fact.article), number(fact.ours, fact.decimals), verdict])
    return table("Numbers of the article", ["number", "article", "ours", "verdict"], rows)


def findings(found: Sequence[Finding]) -> str:
    """Return where an article errs, if it does."""
    if not found:
        return ""
    shown = "".join(map(_finding, found))
    return f'<aside class="errs">\n<h3>Where the article errs</h3>\n{shown}</aside>\n'


def _finding(found: Finding) -> str:
    """Return what the article says, what holds, and what the tool makes of it."""
    shown = (
        f'<div class="finding">\n<dl class="claim"><dt>It says</dt><dd>{escape(found.says)}</dd>'
        f"<dt>In truth</dt><dd>{escape(found.truth)}</dd></dl>\n"
    )
    if found.evidence is not None:
        header, *rows = found.evidence.table()
        shown += "<h4>The comparison finds it</h4>\n" + table("Evidence", header, rows)
        for heading, details in found.evidence.mistakes():
            lines = [
                f"<dt>{escape(label)}</dt><dd>{escape(words)}</dd>" for label, words in details
            ]
            shown += f"<h4>The mistake in {escape(heading)}</h4>\n<dl>{''.join(lines)}</dl>\n"
    proofs = "".join(f"<li>{escape(str(proof))}</li>" for proof in found.proofs)
    if proofs:
        shown += f'<h4>As algebra</h4>\n<ul class="badges">{proofs}</ul>\n'
    return f"{shown}</div>\n"


def table(
    caption: str,
    header: Iterable[str],
    rows: Iterable[Sequence[Cell]],
    right: Iterable[int] = (),
) -> str:
    """Write a table; the columns in `right` hold numbers.

    Where there is little room, each row becomes a list, in which every cell says its column.
    """
    numbers, labels = set(right), list(header)

    def kind(column: int) -> str:
        return ' class="number"' if column in numbers else ""

    head = "".join(f'<th scope="col"{kind(i)}>{escape(cell)}</th>' for i, cell in enumerate(labels))
    body = ""
    for row in rows:
        texts = [
            escape(cell) if isinstance(cell, str) else f"{mark(cell[0])} {escape(cell[1])}"
            for cell in row
        ]
        cells = "".join(
            f'<td{kind(i)} data-label="{escape(labels[i])}">{text}</td>'
            for i, text in enumerate(texts[1:], 1)
        )
        body += f'<tr><th scope="row">{texts[0]}</th>{cells}</tr>\n'
    return (
        f'<div class="wide"><table>'
        f'<caption class="unseen">{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )
