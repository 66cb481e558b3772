"""The files that a run leaves: pictures of its first step, pages that play it, its loss."""

from __future__ import annotations

import io
import math
import re
from operator import truediv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from autograd_lite import Drawing, Graph, draw, draw_surface
from autograd_lite.draw import Shown
from autograd_lite.draw.digits import superscript
from models.experiment import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Sweep = Literal["forward", "backward", "both"]

SWEEPS: tuple[Sweep, ...] = ("forward", "backward", "both")
WIDEST = 1300
"""A picture that comes out wider continues in rows, or runs from top to bottom."""
PAGE = (718, 640)
"""The room for a picture on paper, below a title: of the two, it is the one with larger text."""

NARROW = 358
"""The room of a picture on a phone, between the margins: its text is not below 9 pixels there."""

PARTS: tuple[Shown, ...] = ("shape", "value", "grad")
"""What the boxes show. All numbers are float64 here, and the arrays small."""

LINE, INK, GRID = "#0b5fa5", "#1b1f24", "#d5dae0"


def pictures(graph: Graph) -> dict[Sweep, Drawing]:
    """Draw a first step: forward with local derivatives, backward, and both beside each other."""
    found: dict[Sweep, Drawing] = {}
    for sweep in SWEEPS:
        shown = (*PARTS, "local") if sweep == "forward" else PARTS
        drawing = draw(graph, sweep=sweep, show=shown, legend=False, width=None)
        if size(drawing.svg())[0] > WIDEST:
            drawing = max(
                draw(graph, sweep=sweep, show=shown, legend=False, rankdir="TB"),
                draw(graph, sweep=sweep, show=shown, legend=False),
                key=lambda way: min(map(truediv, PAGE, size(way.svg()))),
            )
        found[sweep] = drawing
    return found


def narrow_pictures(graph: Graph) -> dict[Sweep, Drawing]:
    """Draw a first step forward and backward in a column, for phones."""
    ways: tuple[Sweep, ...] = ("forward", "backward")
    return {
        sweep: draw(graph, sweep=sweep, show=PARTS, legend=False, width=NARROW) for sweep in ways
    }


def stem_of(name: str, sweep: Sweep) -> str:
    """Return what the files of a picture are called, without what says their kind."""
    return name if sweep == "forward" else f"{name}-{sweep}"


def size(svg: str) -> tuple[float, float]:
    """Return how wide and how high a picture is."""
    ((width, height),) = re.findall(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)
    return float(width), float(height)


def write_files(run: Run, folder: Path) -> list[Path]:
    """Draw the graph of the first step, and the training; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / run.experiment.name
    files = []
    for sweep, picture in pictures(run.graph).items():
        named = stem.with_name(stem_of(stem.name, sweep))
        files += [picture.save(named.with_suffix(suffix)) for suffix in (".svg", ".png")]
    for sweep, picture in narrow_pictures(run.graph).items():
        files.append(picture.save(stem.with_name(f"{stem_of(stem.name, sweep)}-narrow.svg")))
    stepped = draw(run.graph, title=f"{run.experiment.title}, first step")
    files.append(stepped.save(stem.with_suffix(".html")))
    if len(run.losses) > 1:
        played = stem.with_name(f"{stem.name}-training.html")
        files.append(run.recorder.save(played, title=f"{run.experiment.title}, training"))
        files.append(stem.with_name(f"{stem.name}-loss.png"))
        plot(run, title=run.experiment.title).savefig(files[-1], dpi=150)
        around = draw_surface(run.recorder)
        files += [around.save(f"{stem}-surface{suffix}") for suffix in (".svg", ".png")]
    return files


def plot(run: Run, title: str = "", size: tuple[float, float] = (6, 3.5)) -> Figure:
    """Plot the loss against the epochs, on a logarithmic axis where it covers decades."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    steps, losses = np.array(run.losses).T
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    per_epoch = run.steps // run.experiment.epochs
    axes.plot(steps / per_epoch, losses, color=LINE, linewidth=1.8)
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel("loss", color=INK)
    axes.set_title(title, color=INK)
    positive = losses[losses > 0]
    if len(positive) and positive.max() / positive.min() > 100:
        logarithmic_scale(axes)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(which="both", color=GRID, labelcolor=INK)
    axes.spines[:].set_color(GRID)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def logarithmic_scale(axes: Any) -> None:
    """Make the vertical axis logarithmic, with exponents in type that is not smaller."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda x, _: f"10{superscript(f'{math.log10(x):.0f}')}")
    axes.yaxis.set_minor_formatter(lambda _x, _: "")


def curve(run: Run) -> str:
    """Return the plot of the loss as an SVG element that has the colours of its page."""
    first, last = run.losses[0][1], run.losses[-1][1]
    said = f"Loss over the epochs, from {first:.3g} at the start to {last:.3g} in the end"
    return element(plot(run, size=(4.8, 2.9)), run.experiment.name, said)


def element(figure: Figure, name: str, said: str) -> str:
    """Return a plot as an SVG element that has the colours of its page, and is read aloud."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = re.sub(r'\bid="', f'id="{name}-', svg[svg.index("<svg") :])
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)  # Ids are those of the whole page.
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]*;?|font: ([\d.]+px)[^;\"]*", _size, svg)
    for colour, role in ((LINE, "rules"), (INK, "ink"), (GRID, "line")):
        svg = svg.replace(colour, f"var(--{role})")
    return svg.replace("<svg ", f'<svg class="curve" role="img" aria-label="{said}" ', 1)


def _size(font: re.Match[str]) -> str:
    """Keep the size of a font: the page has its own."""
    return f"font-size: {font[1]}" if font[1] else ""
