"""How large the gradients are along a network, at one step or over a training."""

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.draw import digits
from autograd_lite.draw.page.recorder import Recorder
from autograd_lite.draw.page.training import Frame
from autograd_lite.draw.plots.canvas import LEADING, TYPE, WIDTH, Canvas, shortened
from autograd_lite.draw.plots.layers import Measured, measure, of_graph, of_module, verdicts
from autograd_lite.draw.plots.plot import Plot, aligned, check_theme
from autograd_lite.draw.style import ALARM, GRADIENT, MISSING, POSITIVE, QUIET, RIM, ZERO, mixed
from autograd_lite.draw.text_width import width_of
from autograd_lite.draw.theme import Theme
from autograd_lite.graph import Graph, names_in
from autograd_lite.graph.cotangents import cotangents
from autograd_lite.nn import Module
from autograd_lite.tensor import Tensor

MOST_LAYERS = 60
"""Rows of a picture. Of more layers, those of a regular distance are drawn, and all are judged."""
MOST_STEPS = 60
"""Columns of a picture of a training."""
ROW = 22
SHADES = 7
LEFT, RIGHT, EDGE = 128, 356, 8
"""Where the part of a row that shows sizes begins and ends; the margin of the picture."""


def draw_gradients(
    of: Module | Tensor | Recorder, *, title: str | None = None, theme: Theme = "auto"
) -> Plot:
    """Draw how large the gradient of each layer is, on one logarithmic scale, and what is dead.

    A row stands for a layer, the one nearest to the input at the top. A dot is the root of the mean
    square of its gradient's entries, and the bar goes from the tenth to the ninetieth percentile of
    those that are not 0. Below the title stands what is wrong: gradients that vanish or explode on
    the way back, by a factor of 100 or more between two layers; units whose gradient is exactly
    0, so that they do not learn (a ReLU that no sample of the batch passes, say); layers that get
    no gradient.

    Parameters
    ----------
    of : Module, Tensor with one entry, or Recorder
        A module after ``backward()``: the gradients that its parameters have. Or a loss: those are
        computed anew, for the parameters that it was computed from, with or without modules. Or a
        recorded training: a column for every step, its colour the size.
    title : str, optional
        A line above the picture.
    theme : {"auto", "light", "dark"}
        The colours, as for `draw`.

    Returns
    -------
    Plot
        ``.save(path)`` writes SVG, PNG, PDF, HTML or text, by the extension; printed, it is a
        table; in a notebook, it shows itself.

    Raises
    ------
    TypeError
        If `of` is something else.
    ValueError
        If no gradient is known yet, or nothing was recorded.

    Notes
    -----
    Units are counted where the weight of a layer is known to be made of them: the columns of `W` in
    ``x @ W``, the rows in ``W @ x``, the filters of a convolution. A unit is dead if the
    gradient of all its weights, and of its bias, is exactly 0.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> w1, w2 = (al.Tensor([[x]], requires_grad=True) for x in (0.001, 1000.0))
    >>> print(al.draw_gradients((np.array([[1.0]]) @ w1 @ w2).sum()))
    layer   size   10 %   90 %  dead units
    w1      1000   1000   1000      0 of 1
    w2     0.001  0.001  0.001      0 of 1
    exploding on the way back: w1 has 1,000,000 times more than w2
    """
    check_theme(theme)
    if isinstance(of, Recorder):
        return _over_time(of, title, theme)
    if isinstance(of, Module):
        layers, subject = of_module(of), type(of).__name__
        known = {
            name: None if p.grad is None else np.asarray(p.grad.data)
            for name, p in of.named_parameters()
        }
        if not layers:
            raise ValueError(f"draw_gradients: {subject} has no parameters.")
        if all(g is None for g in known.values()):
            raise ValueError(
                f"draw_gradients: no parameter of {subject} has a gradient yet. Call "
                f"loss.backward() first, or draw_gradients(loss)."
            )
    elif isinstance(of, Tensor):
        graph = Graph(of, names_in(sys._getframe(1)))
        if of.size != 1:
            raise ValueError(
                f"draw_gradients needs a loss with one entry, got shape {of.shape}. Take .mean() "
                f"or .sum() of it."
            )
        layers, known = of_graph(graph), dict(cotangents(graph).arrived)
        subject = graph.outputs[0].name or "the loss"
        if not layers:
            raise ValueError(
                f"draw_gradients: {subject} was computed from nothing that requires a gradient."
            )
    else:
        raise TypeError(
            f"draw_gradients needs a Module, a loss (a Tensor) or a Recorder; got "
            f"{type(of).__name__}."
        )
    found = [measure(layer, known) for layer in layers]
    return _at_once(found, subject, title, theme)


def _at_once(found: Sequence[Measured], subject: str, title: str | None, theme: Theme) -> Plot:
    """Draw the gradients of one step: a dot and a bar for every layer."""
    subject = f"Gradient sizes of {subject}"
    rows = _chosen(found)
    canvas = Canvas(WIDTH, 0)
    said = verdicts(found)
    top = _headed(canvas, title or subject, said, len(found), len(rows))
    decades = _decades([x for row in rows for x in (row.low, row.high, row.size)])

    def across(size: float) -> float:
        part = (math.log10(size) - decades[0]) / (decades[1] - decades[0])
        return LEFT + part * (RIGHT - LEFT)

    bottom = top + ROW * len(rows)
    step = -(-(decades[1] - decades[0]) // 4)
    for power in range(decades[0], decades[1] + 1, step):
        x = across(10.0**power)
        canvas.line([(x, top), (x, bottom + 4)], RIM)
        canvas.text(x, bottom + 18, _ten(power), ink=QUIET, place="middle")
    for i, row in enumerate(rows):
        y = top + ROW * i
        middle = y + ROW / 2
        _named(canvas, row.layer, middle)
        if row.size and math.isfinite(row.size):
            hint = f"{row.layer}: {digits.number(row.size)}"
            a, b = across(row.low), across(row.high)
            canvas.box(a, middle - 5, max(b - a, 1), 10, mixed(ZERO, POSITIVE, 0.35), hint)
            canvas.dot((across(row.size), middle), 4.5, GRADIENT, hint=hint)
        else:
            said_instead = "0, exactly" if row.size == 0 else _size(row)
            canvas.text(LEFT + 6, middle + 4, said_instead, ink=ALARM)
        _dead(canvas, row, middle)
    canvas.text(LEFT, bottom + 18 + LEADING, "size of the gradient", ink=QUIET)
    canvas.text(WIDTH - EDGE, top - 6, "dead units", ink=QUIET, place="end")
    canvas.height = bottom + 18 + LEADING + 8
    header = ("layer", "size", "10 %", "90 %", "dead units")
    table = aligned([header, *map(_row, found)])
    return Plot(subject, canvas, (*table, *said), theme)


def _row(row: Measured) -> tuple[str, ...]:
    if not row.size or row.size != row.size:
        return (row.layer, _size(row), "–", "–", _counted(row))
    spread = (digits.number(float(f"{x:.3g}")) for x in (row.low, row.high))
    return (row.layer, digits.number(row.size), *spread, _counted(row))


def _size(row: Measured) -> str:
    if row.size is None:
        return "none"
    return "not finite" if row.size != row.size else digits.number(row.size)


def _counted(row: Measured) -> str:
    return f"{row.dead:,} of {row.units:,}" if row.units else "–"


def _over_time(recorder: Recorder, title: str | None, theme: Theme) -> Plot:
    """Draw the gradients of a training: a row for every layer, a column for every step."""
    graph, frames = recorder.recorded()
    layers = of_graph(graph)
    if not layers:
        raise ValueError("draw_gradients: nothing in the recorded computation requires a gradient.")
    subject = f"Gradient sizes of {graph.outputs[0].name or 'the loss'} over a training"
    chosen: list[Frame] = _chosen(frames, MOST_STEPS)
    table = [[measure(layer, frame.grads) for frame in chosen] for layer in layers]
    said = [f"step {chosen[0].label:,}: {words}" for words in verdicts([row[0] for row in table])]
    if len(chosen) > 1:
        last = verdicts([row[-1] for row in table])
        said += [f"step {chosen[-1].label:,}: {words}" for words in last]
    rows = _chosen(table)
    canvas = Canvas(WIDTH, 0)
    top = _headed(canvas, title or subject, said, len(table), len(rows))
    decades = _decades([cell.size for row in rows for cell in row])
    bottom = top + ROW * len(rows)
    each = (RIGHT - LEFT) / len(chosen)
    for i, row in enumerate(rows):
        y = top + ROW * i
        _named(canvas, row[0].layer, y + ROW / 2)
        for j, cell in enumerate(row):
            hint = f"{cell.layer}, step {chosen[j].label:,}: {_size(cell)}"
            part = cell.dead / cell.units if cell.units else 0.0
            hint += f", {_counted(cell)} units dead" if part else ""
            # A little wider than a column, so that no paper shines through between two.
            canvas.box(LEFT + j * each, y + 1, each + 0.3 * (j + 1 < len(row)), ROW - 3,
                       _shade(cell.size, decades), hint)  # fmt: skip
            if part:
                height = max(1.0, part * (ROW - 3))
                canvas.box(LEFT + j * each, y + ROW - 2 - height, each, height, ALARM, hint)
        _dead(canvas, row[-1], y + ROW / 2)
    canvas.text(LEFT, bottom + 16, f"step {chosen[0].label:,}", ink=QUIET)
    if len(chosen) > 1:
        canvas.text(RIGHT, bottom + 16, f"step {chosen[-1].label:,}", ink=QUIET, place="end")
    canvas.text(WIDTH - EDGE, top - 6, "dead at the end", ink=QUIET, place="end")
    _scale(canvas, bottom + 40, decades, any(c.dead for row in rows for c in row))
    canvas.height = bottom + 54
    steps = [chosen[0], chosen[-1]]
    header = ("layer", *(f"step {frame.label:,}" for frame in steps), "dead at the end")
    listed = [(r[0].layer, _size(r[0]), _size(r[-1]), _counted(r[-1])) for r in table]
    return Plot(subject, canvas, (*aligned([header, *listed]), *said), theme)


def _chosen(rows: Sequence[Any], most: int = MOST_LAYERS) -> list[Any]:
    """Choose layers, or steps, at a regular distance, the first and the last among them."""
    places = np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)
    return [rows[i] for i in places]


def _headed(canvas: Canvas, title: str, said: Sequence[str], every: int, drawn: int) -> float:
    """Write title and verdicts; return where the rows begin."""
    y = canvas.paragraph(22, title, bold=True)
    for words in said:
        y = canvas.paragraph(y + 2, words, ink=QUIET if "no unit is dead" in words else ALARM)
    if drawn < every:
        y = canvas.paragraph(y + 2, f"{drawn:,} of {every:,} layers are drawn", ink=QUIET)
    return y + 18


def _decades(sizes: Sequence[float | None]) -> tuple[int, int]:
    """Return the powers of ten around all sizes, at least one apart."""
    logs = [math.log10(x) for x in sizes if x and math.isfinite(x)]
    if not logs:
        return (-1, 0)
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return (low, max(high, low + 1))


def _ten(power: int) -> str:
    return {0: "1", 1: "10"}.get(power, f"10{digits.superscript(str(power))}")


def _shade(size: float | None, decades: tuple[int, int]) -> str:
    """Return the colour of a size: the darker, the larger."""
    if size is None or size != size:
        return ALARM
    if size == 0:
        return MISSING
    part = (math.log10(size) - decades[0]) / (decades[1] - decades[0])
    return mixed(ZERO, POSITIVE, part)


def _named(canvas: Canvas, name: str, middle: float) -> None:
    room, path = LEFT - EDGE - 8, name.partition(" · ")[0]
    if shortened(name, room) != name:  # Classes repeat, and a path is a layer's own.
        name = path
    canvas.text(EDGE, middle + 4, shortened(name, room))


def _dead(canvas: Canvas, row: Measured, middle: float) -> None:
    """Write how many units of a layer are dead, after a bar of their share."""
    if not row.units:
        return
    words = _counted(row)
    canvas.text(WIDTH - EDGE, middle + 4, words, ink=ALARM if row.dead else QUIET, place="end")
    room = WIDTH - EDGE - width_of(words, TYPE) - 8 - (RIGHT + 10)
    if row.dead and room > 8:
        canvas.box(RIGHT + 10, middle - 4, room, 8, RIM)
        canvas.box(RIGHT + 10, middle - 4, max(1, room * row.dead / row.units), 8, ALARM)


def _scale(canvas: Canvas, y: float, decades: tuple[int, int], dead: bool) -> None:
    """Draw the colours of sizes, with the ends written beside them, and what else there is."""
    x: float = EDGE
    low, high = (_ten(power) for power in decades)
    canvas.text(x, y + 4, f"size of the gradient: {low}", ink=QUIET)
    x += width_of(f"size of the gradient: {low}", TYPE) + 6
    for i in range(SHADES):
        canvas.box(x, y - 6, 12.3, 12, mixed(ZERO, POSITIVE, i / (SHADES - 1)))
        x += 12
    canvas.text(x + 6, y + 4, high, ink=QUIET)
    x += 6 + width_of(high, TYPE) + 14
    canvas.box(x, y - 6, 12, 12, MISSING)
    canvas.text(x + 17, y + 4, "0", ink=QUIET)
    if dead:
        canvas.box(x + 38, y - 6, 6, 12, ALARM)
        canvas.text(x + 50, y + 4, "part that is dead", ink=QUIET)
