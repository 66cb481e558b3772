"""What the trainings on real data have in common: what they report, and how they are watched."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_lite import nn
from autograd_lite.draw.plots.plot import Plot
from models.files import GRID, INK, LINE, logarithmic_scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Progress = Callable[[int, int], None]
"""Told the steps done and their total."""

COLOURS = (LINE, "#b8500b", "#2f7d32", "#7a3fa0", "#8a6d00", "#a0284f", "#3f7f8f", "#6b7078")


@dataclass(frozen=True)
class Check:
    """A claim about a training, and whether it is true."""

    what: str
    found: str
    ok: bool


@dataclass
class Report:
    """What came of a training.

    Attributes
    ----------
    name, title, about : str
        For files, for people, and what was done.
    checks : list of Check
        What must hold.
    figures : dict of str to Figure or Plot
        By what they show.
    texts : dict of str to str
        By their headings.
    files : list of Path
        What was left in the folder.
    seconds : float
        How long it took.
    """

    name: str
    title: str
    about: str
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, Figure | Plot] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        """What does not hold, in words."""
        return [f"{check.what}: {check.found}" for check in self.checks if not check.ok]

    def check(self, what: str, found: str, ok: bool) -> None:
        """Note a claim."""
        self.checks.append(Check(what, found, ok))


def write_figures(report: Report, folder: Path) -> None:
    """Write each figure of a report as a picture."""
    for what, figure in report.figures.items():
        file = folder / f"{report.name}-{what.replace(' ', '-')}.png"
        figure.save(file) if isinstance(figure, Plot) else figure.savefig(file, dpi=150)
        report.files.append(file)


@dataclass
class Curves:
    """What is noted on the way: numbers by step, and how large gradients are in each layer.

    Attributes
    ----------
    values : dict of str to list of (int, float)
        Numbers by name.
    flow : dict of str to list of (int, float)
        For each weight, the size of its gradient: the root of the mean square.
    """

    values: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    flow: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def note(self, step: int, **values: float) -> None:
        """Note numbers at a step."""
        for name, value in values.items():
            self.values.setdefault(name, []).append((step, float(value)))

    def note_gradients(self, step: int, net: nn.Module) -> None:
        """Note how large the gradients of all weights are."""
        for name, p in net.named_parameters():
            if p.grad is not None and p.ndim > 1:
                g = p.grad.numpy()
                size = math.sqrt(float((g * g).mean()))
                self.flow.setdefault(name, []).append((step, size))


def agreement(compiled: Curves, eager: Curves, part: float) -> tuple[str, str, bool]:
    """Hold the losses of a compiled training against those of an eager one, as far as that went.

    Parameters
    ----------
    compiled, eager : Curves
        With losses at the same steps.
    part : float
        The time that it took, as a part of the eager one's.
    """
    pairs = zip(compiled.values["loss"], eager.values["loss"], strict=False)
    gap = max(abs(a - b) / abs(b) for (_, a), (_, b) in pairs)
    found = f"losses differ by {gap:.0e} of them; in {part:.2f} of the time"
    return "compiled and eager, from the same start", found, gap < 1e-3


def lines(
    series: dict[str, list[tuple[int, float]]], x: str, y: str, *, logarithmic: bool = False
) -> Figure:
    """Plot numbers against steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 2.9), layout="constrained")
    axes = figure.add_subplot()
    for (name, points), colour in zip(series.items(), COLOURS * 4, strict=False):
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, color=colour, linewidth=1.6, label=name)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    if logarithmic:
        logarithmic_scale(axes)
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def confusion(table: Any, names: Sequence[str]) -> Figure:
    """Show how often each thing was taken for each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.pcolormesh(table, cmap="Blues", edgecolors="white", linewidth=0.5)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for (i, k), count in _entries(table):
        if count:
            dark = count > table.max() / 2
            colour = "white" if dark else INK
            axes.text(
                k + 0.5,
                i + 0.5,
                str(count),
                ha="center",
                va="center",
                color=colour,
                fontsize="small",
            )
    middles = [i + 0.5 for i in range(len(names))]
    axes.set_xticks(middles, names)
    axes.set_yticks(middles, names)
    axes.set_xlabel("taken for", color=INK)
    axes.set_ylabel("is", color=INK)
    return figure


def _entries(table: Any) -> Iterable[tuple[tuple[int, int], int]]:
    return (((i, k), int(table[i, k])) for i in range(len(table)) for k in range(len(table)))
