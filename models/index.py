"""One page with all networks: picture, formulas by hand beside those derived, numbers, loss."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from autograd_lite.derive.loop_formulas import rows_of
from autograd_lite.derive.markup import mathml
from autograd_lite.draw.plots.plot import Plot
from models.experiment import Run
from models.files import SWEEPS, curve, element, stem_of
from models.hand import lines_by_hand
from models.tables import (
    Cell,
    facts,
    findings,
    gradients,
    mark,
    overview,
    predictions,
    table,
)
from models.training import Report

PAGE = Path(__file__).with_name("page")

CAPTIONS = {
    "forward": "Values go along the arrows, each with its gradient below it.<span "
    'class="wide-picture"> On the arrows stand the local derivatives: multiplied along a path to '
    "the loss, they are the gradient at its start. The g in some is the gradient at the end of the "
    "arrow.</span>",
    "backward": "The backward pass as a computation of its own: every gradient with its rule and "
    "its numbers, from the loss to the weights.",
    "both": "Every gradient beside the value that it belongs to. Grey arrows lead from values "
    "that a rule needs.",
}
LABELS = {"forward": "Forward", "backward": "Backward", "both": "Both"}


def write_index(runs: Sequence[Run], folder: Path, reports: Sequence[Report] = ()) -> Path:
    """Write the page beside the files of `files.write_files`, and return its path."""
    path = folder / "index.html"
    named = [(run.experiment.name, not run.problems) for run in runs]
    named += [(report.name, not report.problems) for report in reports]
    parts = {
        "style": (PAGE / "page.css").read_text("utf-8"),
        "first": named[0][0],
        "verdict": _verdict(runs, reports),
        "contents": "".join(
            f'<li><a href="#{name}">{mark(ok)} {name}</a></li>' for name, ok in named
        ),
        "overview": _filled("overview.html", {"table": overview(runs)}) if runs else "",
        "sections": "".join(_section(run, folder) for run in runs)
        + "".join(map(_training, reports)),
    }
    path.write_text(_filled("page.html", parts), encoding="utf-8")
    return path


def _filled(template: str, parts: dict[str, str]) -> str:
    """Fill in a template."""
    text = (PAGE / template).read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], text)


def _training(report: Report) -> str:
    """Present a training on real data."""
    rows: list[list[Cell]] = [[check.what, (check.ok, check.found)] for check in report.checks]
    figures = "".join(
        f"<div><h3>{escape(what.capitalize())}</h3>\n"
        f"{_figure(figure, f'{report.name}-{i}', f'{report.title}: {what}')}</div>\n"
        for i, (what, figure) in enumerate(report.figures.items())
    )
    texts = "".join(
        f'<h3>{escape(heading)}</h3>\n<pre tabindex="0">{escape(text)}</pre>\n'
        for heading, text in report.texts.items()
    )
    parts = {
        "name": report.name,
        "title": escape(report.title),
        "about": escape(report.about),
        "checks": table("What must hold", ["what must hold", "found"], rows),
        "figures": figures,
        "texts": texts,
    }
    return _filled("training.html", parts)


def _figure(figure: Any, name: str, said: str) -> str:
    """Return a plot, of Matplotlib or of the package, as an element of the page."""
    return figure.svg() if isinstance(figure, Plot) else element(figure, name, said)


def _verdict(runs: Sequence[Run], reports: Sequence[Report]) -> str:
    """Say in one line what came of it all."""
    rows = [row for run in runs for compared in run.comparisons.values() for row in compared]
    judged = [fact for run in runs for fact in run.judged]
    proofs = [proof for run in runs for proof in run.proofs]
    checks = [check.ok for report in reports for check in report.checks]
    counts = [
        f"{sum(ok)} of {len(ok)} {what}"
        for what, ok in (
            ("gradients agree", [row.ok for row in rows]),
            ("formulas are proved", [bool(proof) for proof in proofs]),
            ("printed numbers are reproduced", [fact.ok for fact in judged]),
            ("claims about trainings hold", checks),
        )
        if ok
    ]
    failed = [*(run.problems for run in runs), *(report.problems for report in reports)]
    return f"{mark(not any(failed))} {', '.join(counts)}."


def _section(run: Run, folder: Path) -> str:
    """Present one network."""
    experiment = run.experiment
    note = f'<p class="quiet">{escape(experiment.note)}</p>' if experiment.note else ""
    switches, figures = _pictures(experiment.name, experiment.title, folder)
    return _filled(
        "section.html",
        {
            "name": experiment.name,
            "title": escape(experiment.title),
            "article": escape(experiment.article),
            "about": escape(experiment.about),
            "note": note,
            "problems": "".join(
                f'<p class="problem">{mark(False)} {escape(problem)}</p>'
                for problem in run.problems
            ),
            "switches": switches,
            "pictures": figures,
            "links": _links(run),
            "hand": mathml(rows_of(lines_by_hand(experiment), "latex")),
            "derived": run.formulas.mathml,
            "proofs": _proofs(run),
            "hand_code": escape(experiment.source_by_hand()),
            "derived_code": escape(run.derivation.code),
            "rounding": escape(run.derivation.rounding.summary),
            "compiled": _compiled(run),
            "agreement": f"{mark(run.in_step)} {_agreement(run)}",
            "gradients": gradients(run),
            "predictions": predictions(run),
            "loss": _loss(run, folder),
            "facts": facts(run),
            "findings": findings(run.findings),
            "network": escape(repr(run.net)),
        },
    )


def _compiled(run: Run) -> str:
    """Show the code that trained the network, if it was compiled."""
    if run.step is None:
        return ""
    return _filled(
        "compiled.html",
        {
            "why": escape(run.step.why),
            "compiled_code": escape(run.step.source),
            "gap": f"{run.gap:.0e}" if run.gap else "nothing",
        },
    )


def _agreement(run: Run) -> str:
    """Say how far the two trainings came apart."""
    if run.ulps == 0:
        apart = "equal to the last bit"
    else:
        apart = f"at most {run.ulps:.0f} units in the last place apart"
    steps = f"each of {run.steps:,} steps" if run.steps > 1 else "its only step"
    if run.step is not None and run.steps > len(run.losses):
        steps = f"{len(run.losses)} of {run.steps:,} steps, where they were compared,"
    return f"After {steps} the weights by autodiff and by hand were {apart}."


def _pictures(name: str, title: str, folder: Path) -> tuple[str, str]:
    """Return the switches between the pictures, and the pictures."""
    switches, figures = "", ""
    for sweep in SWEEPS:
        switch = f"{name}-{sweep}-pass"
        checked = " checked" if sweep == "forward" else ""
        switches += (
            f'<input type="radio" name="{name}-pass" id="{switch}" class="{sweep}"{checked}>'
            f'<label for="{switch}">{LABELS[sweep]}</label>\n'
        )
        file = f"{stem_of(name, sweep)}.svg"
        svg = (folder / file).read_text("utf-8")
        narrow = folder / f"{stem_of(name, sweep)}-narrow.svg"
        column = (
            f'<div class="frame column">{narrow.read_text("utf-8")}</div>'
            if narrow.exists()
            else f'<p class="column">It is for wider screens: <a href="{file}">the picture</a>.</p>'
        )
        figures += (
            f'<figure class="{sweep}" aria-label="{escape(title)}, {sweep}">'
            f'<div class="frame wide-picture">{svg}</div>{column}'
            f'<figcaption>{CAPTIONS[sweep]} <a href="{file}">The picture alone</a></figcaption>'
            f"</figure>\n"
        )
    return switches, figures


def _links(run: Run) -> str:
    """Return the links to the pages beside this one."""
    name = run.experiment.name
    links = [(f"{name}.html", "Step through it, forward and backward")]
    if len(run.losses) > 1:
        links.append((f"{name}-training.html", "Watch it being trained"))
    return " ".join(f'<a class="button" href="{file}">{said}</a>' for file, said in links)


def _proofs(run: Run) -> str:
    """Return what algebra says of the article's formulas, one badge each."""
    if not run.proofs:
        return '<p class="quiet">Compared in numbers only: for proofs, install SymPy.</p>'
    badges = "".join(
        f"<li>{mark(bool(proof))} <b>{escape(proof.name)}</b> "
        f"{'proved' if proof else escape(str(proof).partition(': ')[2])}</li>"
        for proof in run.proofs
    )
    return (
        '<p class="proofs">Is the gradient by hand the gradient by the rules, for any numbers at '
        f'all? As algebra:</p>\n<ul class="badges">{badges}</ul>'
    )


def _loss(run: Run, folder: Path) -> str:
    """Return the curve of the loss and the loss around its path, if there is one."""
    if len(run.losses) < 2:
        return ""
    around = (folder / f"{run.experiment.name}-surface.svg").read_text("utf-8")
    return (
        f"<div><h3>The loss on the way</h3>\n{curve(run)}</div>\n"
        f"<div><h3>The loss around it</h3>\n{around}</div>"
    )
