"""One page with all networks: picture, formulas by hand beside those derived, numbers, loss."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from models.experiment import Finding, Run
from models.report import number

STYLE = Path(__file__).with_name("page.css")
LARGE = 700
"""A picture wider than this scrolls on a phone: in the width there is, nobody could read it."""

INTRODUCTION = (
    "Each network is trained twice from the same start: by autodiff, and by the formulas that its "
    "article derives by hand. Every gradient is compared on the way, and every number that the "
    "article prints. The pictures show the first step."
)


def write_index(runs: Sequence[Run], folder: Path) -> Path:
    """Write the page beside the files of `report.write_files`, and return its path."""
    contents = "".join(
        f'<li><a href="#{run.experiment.name}">{escape(run.experiment.title)}</a> '
        f"{_mark(not run.problems)}</li>"
        for run in runs
    )
    path = folder / "index.html"
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Networks by hand and by autodiff</title>\n<style>\n{STYLE.read_text('utf-8')}"
        f"</style>\n</head>\n<body>\n<h1>Networks by hand and by autodiff</h1>\n"
        f"<p>{INTRODUCTION}</p>\n<nav><ul>{contents}</ul></nav>\n"
        f"{''.join(_section(run, folder) for run in runs)}</body>\n</html>\n"
    )
    path.write_text(page, encoding="utf-8")
    return path


def _section(run: Run, folder: Path) -> str:
    """Present one network."""
    experiment = run.experiment
    name = experiment.name
    picture = (folder / f"{name}.svg").read_text("utf-8")
    large = " large" if float(re.findall(r'width="([\d.]+)"', picture)[0]) > LARGE else ""
    agreement = (
        f"After {run.steps:,} step{'s' * (run.steps != 1)}, the weights by autodiff and by hand "
        f"were never more than {run.ulps:.0f} units in the last place apart."
    )
    training = f"{name}-training.html"
    played = (
        f'<a class="step" href="{training}">Watch it being trained</a>'
        if len(run.losses) > 1
        else ""
    )
    problems = "".join(f"<p>{_mark(False)} {escape(problem)}</p>" for problem in run.problems)
    return f"""<section id="{name}">
<h2>{escape(experiment.title)}</h2>
<p class="quiet">After “{escape(experiment.article)}”. {escape(experiment.note)}</p>
<div class="picture{large}">{picture}</div>
<p><a class="step" href="{name}.html">Step through it, forward and backward</a> {played}</p>
{_code("The network", repr(run.net))}
<div class="beside">
<div>{_code("Derived by hand, as in the article", run.experiment.source_by_hand())}</div>
<div>{_code("Derived by the rules", run.derivation.code)}</div>
</div>
<h3>Gradients by hand beside autodiff: largest relative difference</h3>
{_gradients(run)}
<p>{_mark(run.in_step)} {agreement}</p>
{problems}{_facts(run)}{"".join(map(_finding, run.findings))}{_loss(folder / f"{name}-loss.png")}
</section>
"""


def _gradients(run: Run) -> str:
    """Return how far autodiff and the formulas by hand agree, at several steps."""
    steps = [f"step {step + 1:,}" for step in run.comparisons]
    rows = []
    for found in zip(*run.comparisons.values(), strict=True):
        failed = [row.finding for row in found if not row.ok]
        oracles = ", ".join(sorted({row.oracle for row in found if row.oracle}))
        cells = [f"{row.relative:.0e}" if row.relative else "0" for row in found]
        verdict = failed[0] if failed else f"agree ({oracles} too)"
        shape = str(found[0].autodiff.shape)
        rows.append([found[0].name, shape, *cells, (not failed, verdict)])
    return _table(["gradient of", "shape", *steps, "verdict"], rows)


def _facts(run: Run) -> str:
    """Return the article's numbers and predictions beside ours."""
    rows = []
    for fact in run.facts:
        judged = run.articles_seed or not fact.seeded
        verdict = (fact.ok, "") if judged else "other seed"
        rows.append([fact.what, number(fact.article), number(fact.ours, fact.decimals), verdict])
    if not rows:
        return ""
    table = _table(["number", "article", "ours", ""], rows)
    return f"<h3>Numbers and predictions of the article</h3>\n{table}"


def _finding(finding: Finding) -> str:
    """Return what the article says, and what holds."""
    says, truth = escape(finding.says), escape(finding.truth)
    shown = f"<h3>Where the article errs</h3>\n<p>It says: {says}<br>In truth: {truth}</p>"
    if finding.evidence is not None:
        header, *rows = finding.evidence.table()
        shown += _table(header, rows)
    return shown


def _loss(path: Path) -> str:
    """Return the plot of the loss, if there is one."""
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    alt = "The loss over the epochs"
    return f'<h3>Loss</h3><img src="data:image/png;base64,{data}" alt="{alt}" width="600">'


def _code(heading: str, code: str) -> str:
    return f"<h3>{heading}</h3>\n<pre>{escape(code)}</pre>"


def _mark(ok: bool) -> str:
    return '<span class="good">✓</span>' if ok else '<span class="bad">✗</span>'


def _table(header: Iterable[str], rows: Iterable[Sequence[str | tuple[bool, str]]]) -> str:
    """Write a table; a cell that is a pair is marked as right or wrong."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = ""
    for row in rows:
        cells = (
            escape(cell) if isinstance(cell, str) else f"{_mark(cell[0])} {escape(cell[1])}"
            for cell in row
        )
        body += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"
    return f'<div class="wide"><table><tr>{head}</tr>\n{body}</table></div>'
