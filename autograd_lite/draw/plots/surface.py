"""The loss around a point, along one direction or two, beside the path that a training took."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw import digits
from autograd_lite.draw.page.recorder import Recorder
from autograd_lite.draw.plots.canvas import LEADING, TYPE, WIDTH, Canvas, Point, rectangle
from autograd_lite.draw.plots.plane import Landscape, Vector
from autograd_lite.draw.plots.plot import Plot, check_theme
from autograd_lite.draw.style import (
    GRADIENT,
    LOOKS,
    MISSING,
    NEGATIVE,
    PAPER,
    QUIET,
    RIM,
    ZERO,
    mixed,
)
from autograd_lite.draw.text_width import width_of
from autograd_lite.draw.theme import Theme
from autograd_lite.graph import Graph, names_in
from autograd_lite.tensor import Tensor

CELLS, FEWEST = 48, 12
"""Along each side, and of a large computation: the loss is computed in the middle of every cell."""
FINE = 3
"""Into how many parts each side of a cell is divided, with the loss interpolated in between."""
WORK = 4e8
"""Entries that are computed in all: beyond, there are fewer cells."""
SEAM = 0.4
"""How far a row of cells reaches into the next one, so that no paper shines through between."""
POINTS = 201
"""Of a curve, where there is one parameter."""
LEVELS = 12
LARGEST = 1e307
"""Losses beyond this are left out of a curve, like infinite ones: differences must be finite."""
TICKS = 5
"""Into how many parts round numbers divide an axis, at most."""
FACTOR = 50
"""From this ratio of largest to smallest loss on, its scale is logarithmic."""
LEFT, SIDE, EDGE = 74, 300, 8
"""Where the square of the surface begins, how long its sides are, the margin of the picture."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A part of a plane, or of a line, through a point."""

    centre: Vector  # The point.
    directions: list[Vector]  # One or two.
    names: list[str]  # What they are called.
    ends: list[tuple[float, float]]  # From where to where it goes along each direction.
    # What is added to a coordinate when it is written: the parameter itself is shown, where a
    # direction is one.
    offsets: list[float]
    path: NDArray[np.float64]  # (steps, directions): where the training went.
    # Which part of the path, by the squares of its distances, lies in the plane.
    share: float | None = None

    def at(self, *coordinates: float) -> Vector:
        """Return the point with some coordinates."""
        moves = (x * d for x, d in zip(coordinates, self.directions, strict=True))
        found: Vector = self.centre + np.sum(list(moves), axis=0)
        return found


def draw_surface(
    of: Tensor | Recorder,
    *,
    directions: tuple[Mapping[Any, Any], Mapping[Any, Any]] | None = None,
    span: float | None = None,
    title: str | None = None,
    theme: Theme = "auto",
) -> Plot:
    """Draw the loss around a point along two directions, and the path that training took.

    The surface is seen from above: a colour is a level of the loss, on a scale that is printed
    beside it. Of a recorded training, the plane is the one in which most of its path lies, through
    the last step; of a loss, the one in which it is curved most. Where there are two parameters in
    all, they are the axes themselves; where there is one, the loss is a curve.

    Parameters
    ----------
    of : Tensor with one entry, or Recorder
        A loss, or a recorded training. The loss is computed again, with other parameters, from what
        was recorded: on the same data, of a training on those of the last step, and with the same
        choices where the program chooses by a value in Python.
    directions : pair of mappings, optional
        Two directions, each a mapping of parameters, or their names, to arrays of their shapes;
        parameters that are left out stay as they are.
    span : float, optional
        How far it goes to either side: along each direction, in its length. By default, as far as
        the path goes; without one, as far as the point is from 0.
    title : str, optional
        A line above the picture.
    theme : {"auto", "light", "dark"}
        The colours, as for `draw`.

    Returns
    -------
    Plot
        As of `draw_gradients`.

    Raises
    ------
    TypeError
        If `of` is something else, or a direction is not a mapping.
    ValueError
        If the loss has several entries or no parameters, nothing was recorded, or a direction does
        not fit.

    Notes
    -----
    The directions of the path are its first principal components about the last step; the picture
    says which part of the path they hold. Those of curvature are the eigenvectors of the Hessian
    with the largest eigenvalues by size. Both have length 1. A large computation is drawn from
    fewer points, and the picture says from how many.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True, name="w")
    >>> print(al.draw_surface((w * 5 - 42) ** 2 / 2))
    loss of 1 parameter, w from 0 to 2
    loss at the point: 684.5
    loss drawn: 512 to 882
    """
    check_theme(theme)
    if isinstance(of, Recorder):
        graph, frames = of.recorded()
        places, losses = [frame.values for frame in frames], [frame.loss for frame in frames]
        step, last = frames[-1].label, frames[-1].values
        data = {
            x.id: last[x.id]
            for x in graph if x.kind in ("input", "constant")
            and not np.array_equal(np.asarray(x.value), last[x.id])
        }  # fmt: skip
    elif isinstance(of, Tensor):
        if of.size != 1:
            raise ValueError(
                f"draw_surface needs a loss with one entry, got shape {of.shape}. Take .mean() or "
                f".sum() of it."
            )
        graph = Graph(of, names_in(sys._getframe(1)))
        places, losses, data, step = [], [], {}, 0
    else:
        raise TypeError(
            f"draw_surface needs a loss (a Tensor) or a Recorder; got {type(of).__name__}."
        )
    landscape = Landscape.of(graph, data)
    if not landscape.leaves:
        raise ValueError(
            "draw_surface: the loss was computed from nothing that requires a gradient."
        )
    if span is not None and not (math.isfinite(span) and span > 0):
        raise ValueError(f"draw_surface: span is a positive number; got {span!r}.")
    path = np.array([landscape.point(place) for place in places])
    cells = min(CELLS, max(FEWEST, math.isqrt(int(WORK / landscape.entries))))
    plane = _plane(landscape, path, directions, span, cells / CELLS)
    said = [f"The data are those of step {step:,}."] if data else []
    if cells < CELLS and len(plane.directions) > 1:
        said.append(f"So large a computation is drawn from {cells} × {cells} points.")
    if plane.share is not None and plane.share < 0.9995:
        said.append(f"{plane.share:.1%} of the path lies in this plane.")
    called = graph.outputs[0].name or "loss"
    count = f"{plane.centre.size:,} parameter{'s' * (plane.centre.size != 1)}"
    draw = _curve if len(plane.directions) == 1 else partial(_surface, cells=cells)
    around = "the path of a training" if places else "a point"
    named = title or f"{called[:1].upper()}{called[1:]} around {around}, {count}"
    canvas, ends = draw(landscape, plane, losses, named, said)
    across = ", ".join(
        f"{name} from {_short(low + offset)} to {_short(high + offset)}"
        for name, offset, (low, high) in zip(plane.names, plane.offsets, plane.ends, strict=True)
    )
    lines = [
        f"{called} of {count}, {across}",
        f"{called} at the point: {digits.number(landscape.loss(plane.centre))}",
        f"{called} drawn: {' to '.join(map(digits.number, ends))}",
        *said,
    ]
    return Plot(f"{called} around {around}", canvas, tuple(lines), theme)


# ---------------------------------------------------------------------- which plane


def _plane(
    landscape: Landscape, path: NDArray[Any], given: Any, span: float | None, care: float
) -> Plane:
    """Choose the directions, and how far they go; with less care, in less time."""
    centre = path[-1] if len(path) else landscape.start
    moved = path - centre if len(path) else np.zeros((0, centre.size))
    offsets = [0.0, 0.0]
    if given is not None:
        if not isinstance(given, Sequence) or len(given) != 2:
            raise ValueError("draw_surface: directions is a pair, of two mappings.")
        found = [landscape.direction(one) for one in given]
        if np.linalg.matrix_rank(np.array(found)) < 2:
            raise ValueError("draw_surface: the two directions are the same line, or one is 0.")
        names = ["1st direction", "2nd direction"]
    elif centre.size <= 2:
        found, names = list(np.eye(centre.size)), landscape.labels()
        offsets = centre.tolist()
    else:
        found, names = _along(moved), ["1st direction of the path", "2nd direction of the path"]
        if len(found) < 2:
            found, names = (
                landscape.curved(centre, 2, care),
                ["most curved direction", "2nd most curved"],
            )
    coordinates = np.linalg.lstsq(np.array(found).T, moved.T, rcond=None)[0].T
    whole = float((moved**2).sum())
    inside = float(((coordinates @ np.array(found)) ** 2).sum())
    ends = [_ends(column, centre, span, given is not None) for column in coordinates.T]
    share = inside / whole if whole else None
    return Plane(centre, found, names, ends, offsets, coordinates.astype(np.float64), share)


def _along(moved: NDArray[Any]) -> list[Vector]:
    """Return the two directions in which a path mostly goes; fewer if it is straight."""
    finite = moved[np.isfinite(moved).all(axis=1)]
    if len(finite) < 3:
        return []
    _, sizes, rows = np.linalg.svd(finite, full_matrices=False)
    if sizes[1] <= 1e-9 * sizes[0]:
        return []
    # Either sign would do: the path comes from the right, and from above.
    return [row if finite[0] @ row >= 0 else -row for row in rows[:2]]


def _ends(
    column: NDArray[Any], centre: Vector, span: float | None, given: bool
) -> tuple[float, float]:
    """Return from where to where a direction is drawn."""
    if span is not None:
        return (-span, span)
    finite = column[np.isfinite(column)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if high - low > 0:
        room = 0.3 * (high - low)
        return (low - room, high + room)
    far = 1.0 if given else float(np.linalg.norm(centre)) or 1.0
    return (-far, far)


# ---------------------------------------------------------------------- what is drawn


def _surface(
    landscape: Landscape,
    plane: Plane,
    losses: Sequence[float],
    title: str,
    said: Sequence[str],
    *,
    cells: int,
) -> tuple[Canvas, tuple[float, float]]:
    """Draw the loss on a plane from above; return its smallest and largest value, too."""
    (left, right), (low, high) = plane.ends
    middles = (np.arange(cells) + 0.5) / cells
    table = np.array(
        [[landscape.loss(plane.at(left + x * (right - left), low + y * (high - low)))
          for x in middles] for y in middles]
    )  # fmt: skip
    levels = _levels(table)
    canvas, top = _started(title, said, plane.names[1])
    each, small = SIDE / cells, SIDE / cells / FINE
    finer = _finer(table)
    # Level 0 holds the smallest losses; losses that are not finite have no level.
    part = np.where(np.isfinite(finer), np.digitize(finer, levels[1:-1]), -1)
    for level in range(-1, LEVELS):
        runs = [
            rectangle(LEFT + a * small, top + SIDE - (i + 1) * small, (b - a) * small, small + SEAM)
            for i, row in enumerate(part) for a, b in _runs(row == level)
        ]  # fmt: skip
        if runs:
            bounds = " to ".join(_apart(levels[level : level + 2]))
            fill, hint = (MISSING, "not finite") if level < 0 else (_blue(level), bounds)
            canvas.area(runs, fill, hint)
    for edge in levels[1:-1]:
        for a, b in _crossings(table, edge):
            canvas.line(
                [(LEFT + (x + 0.5) * each, top + SIDE - (y + 0.5) * each) for x, y in (a, b)],
                PAPER, 0.6,
            )  # fmt: skip
    _level_scale(canvas, LEFT + SIDE + 16, top, levels)

    def placed(x: float, y: float) -> Point:
        return (
            LEFT + SIDE * (x - left) / (right - left),
            top + SIDE - SIDE * (y - low) / (high - low),
        )

    for x, text in _ticks(left, right, plane.offsets[0]):
        canvas.text(placed(x, low)[0], top + SIDE + 16, text, ink=QUIET, place="middle")
    for y, text in _ticks(low, high, plane.offsets[1]):
        canvas.text(LEFT - 6, placed(left, y)[1] + 4, text, ink=QUIET, place="end")
    bottom = top + SIDE + 16
    canvas.text(LEFT, bottom + LEADING, f"→ {plane.names[0]}", ink=QUIET)
    _path(canvas, [placed(x, y) for x, y in plane.path], losses, placed(0, 0), bottom + 2 * LEADING)
    canvas.height = bottom + 2 * LEADING + 12
    return canvas, (float(levels[0]), float(levels[-1]))


def _curve(
    landscape: Landscape, plane: Plane, losses: Sequence[float], title: str, said: Sequence[str]
) -> tuple[Canvas, tuple[float, float]]:
    """Draw the loss along the only parameter; return its smallest and largest value, too."""
    ((left, right),) = plane.ends
    xs = np.linspace(left, right, POINTS)
    ys = np.array([landscape.loss(plane.at(x)) for x in xs])
    shown = np.abs(ys) < LARGEST
    low, high = _bounds(ys[shown])
    lowest = low
    low = 0.0 if 0 < low < high / 20 else low
    called = landscape.graph.outputs[0].name or "loss"
    canvas, top = _started(title, said, called)
    width = WIDTH - EDGE - LEFT - 20
    height = SIDE * 0.7

    def placed(x: float, y: float) -> Point:
        return (
            LEFT + width * (x - left) / (right - left),
            top + height - height * ((y - low) / (high - low)),
        )

    for y, text in _ticks(low, high):
        up = placed(left, y)[1]
        canvas.line([(LEFT, up), (LEFT + width, up)], RIM)
        canvas.text(LEFT - 6, up + 4, text, ink=QUIET, place="end")
    for x, text in _ticks(left, right, plane.offsets[0]):
        canvas.text(placed(x, low)[0], top + height + 16, text, ink=QUIET, place="middle")
    for a, b in _runs(shown):
        points = [placed(x, y) for x, y in zip(xs[a:b], ys[a:b], strict=True)]
        canvas.line(points, LOOKS["result"].ink, 2)
    bottom = top + height + 16
    canvas.text(LEFT, bottom + LEADING, f"→ {plane.names[0]}", ink=QUIET)
    inside = [
        placed(float(x), min(max(y, low), high)) for (x,), y in zip(plane.path, losses, strict=True)
    ]
    _path(canvas, inside, losses, placed(0, landscape.loss(plane.centre)), bottom + 2 * LEADING)
    canvas.height = bottom + 2 * LEADING + 12
    return canvas, (lowest, high)


def _started(title: str, said: Sequence[str], upwards: str) -> tuple[Canvas, float]:
    """Begin a picture; return where the square begins, too."""
    canvas = Canvas(WIDTH, 0)
    y = canvas.paragraph(22, title, bold=True)
    for words in said:
        y = canvas.paragraph(y + 2, words, ink=QUIET)
    canvas.text(EDGE, y + 8, f"↑ {upwards}", ink=QUIET)
    return canvas, y + 18


def _bounds(losses: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and the largest loss, or what is around them, if they are one number."""
    low, high = (float(losses.min()), float(losses.max())) if losses.size else (0.0, 1.0)
    if high - low > np.finfo(np.float64).tiny:
        return low, high
    room = max(0.5, abs(low) / 1000)
    return low - room, high + room


def _levels(table: NDArray[Any]) -> list[float]:
    """Return the bounds of the levels: equal steps, or equal ratios where it spans decades."""
    low, high = _bounds(table[np.isfinite(table)])
    if low > 0 and high > FACTOR * low:
        return [float(x) for x in np.geomspace(low, high, LEVELS + 1)]
    return [float(x) for x in np.linspace(low, high, LEVELS + 1)]


def _finer(table: NDArray[Any]) -> NDArray[Any]:
    """Return a table with `FINE` times as many rows and columns, interpolated between them."""
    cells = np.arange(len(table))
    places = (np.arange(len(table) * FINE) + 0.5) / FINE - 0.5
    wide = np.array([np.interp(places, cells, row) for row in table])
    finer = np.array([np.interp(places, cells, column) for column in wide.T]).T
    nearest = table.repeat(FINE, axis=0).repeat(FINE, axis=1)
    return np.where(np.isfinite(finer) & np.isfinite(nearest), finer, nearest)


def _blue(level: int) -> str:
    return mixed(ZERO, NEGATIVE, level / (LEVELS - 1))


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where entries that are true begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _crossings(table: NDArray[Any], level: float) -> list[tuple[Point, Point]]:
    """Return where the loss has some value, as pieces of line, one for a cell: marching squares."""
    found: list[tuple[Point, Point]] = []
    above = table > level
    for i in range(len(table) - 1):
        mixed_cells = above[i, :-1] + 0 + above[i, 1:] + above[i + 1, :-1] + above[i + 1, 1:]
        for j in np.flatnonzero((mixed_cells > 0) & (mixed_cells < 4)).tolist():
            corners = [(j, i), (j + 1, i), (j + 1, i + 1), (j, i + 1)]
            values = [float(table[y, x]) for x, y in corners]
            if not all(map(math.isfinite, values)):
                continue
            points: list[Point] = []
            for k in range(4):
                a, b = values[k], values[(k + 1) % 4]
                if (a > level) != (b > level):
                    part = (level - a) / (b - a)
                    (x, y), (u, v) = corners[k], corners[(k + 1) % 4]
                    points.append((x + part * (u - x), y + part * (v - y)))
            found += list(zip(points[::2], points[1::2], strict=True))
    return found


def _level_scale(canvas: Canvas, x: float, top: float, levels: Sequence[float]) -> None:
    """Draw the colours of the levels, with every third bound beside them."""
    each = SIDE / LEVELS
    for level in range(LEVELS):
        canvas.box(x, top + SIDE - (level + 1) * each, 16, each, _blue(level))
    for i, bound in zip(range(0, LEVELS + 1, 3), _apart(levels[::3]), strict=True):
        y = top + SIDE - i * each
        down = {0: 0, LEVELS: 10}.get(i, 4)
        canvas.text(x + 22, y + down, bound, ink=QUIET)


def _ticks(low: float, high: float, offset: float = 0.0) -> list[tuple[float, str]]:
    """Return round numbers between the ends of an axis, two to six, each with its text.

    The text has the offset added: from there the axis counts.
    """
    rough = (high - low) / TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(k * size for k in (1, 2, 5, 10) if k * size >= rough)
    decimals = max(0, -math.floor(math.log10(step)))
    whole = np.arange(math.ceil((low + offset) / step), math.floor((high + offset) / step) + 1)
    numbers = np.unique([float(f"{x:.{decimals}f}") for x in whole * step])
    rows, factor = digits.written(numbers)
    texts = [text if text == "0" else text + factor for text in rows[0]]
    if len(set(texts)) < len(texts):  # They differ in later digits.
        texts = [f"{x:.{decimals}f}".replace("-", "−") for x in numbers]
    return list(zip((numbers - offset).tolist(), texts, strict=True))


def _path(
    canvas: Canvas, points: Sequence[Point], losses: Sequence[float], point: Point, y: float
) -> None:
    """Draw a path with its ends, or the point alone, and say which is which."""
    x: float = LEFT
    if len(points) > 1:
        drawn = [p for p in points if all(map(math.isfinite, p))]
        canvas.line(drawn, PAPER, 4)
        canvas.line(drawn, GRADIENT, 1.8)
        if len(drawn) <= 60:
            for p in drawn[1:-1]:
                canvas.dot(p, 2.2, GRADIENT, GRADIENT)
        canvas.dot(drawn[0], 5, PAPER, GRADIENT, f"start: {_short(losses[0])}")
        canvas.dot((x + 5, y - 4), 5, PAPER, GRADIENT)
        words = f"start, loss {_short(losses[0])}"
        canvas.text(x + 15, y, words, ink=QUIET)
        x += 15 + width_of(words, TYPE) + 18
        end = f"end, loss {_short(losses[-1])}"
        point = points[-1] if all(map(math.isfinite, points[-1])) else drawn[-1]
    else:
        end = "the point"
    canvas.dot(point, 5, GRADIENT, PAPER, end)
    canvas.dot((x + 5, y - 4), 5, GRADIENT, PAPER)
    canvas.text(x + 15, y, end, ink=QUIET)


def _apart(numbers: Sequence[float]) -> list[str]:
    """Write numbers with three digits, or with four, if they differ in those."""
    short = [_short(x) for x in numbers]
    return short if len(set(short)) == len(short) else [digits.number(x) for x in numbers]


def _short(x: float) -> str:
    """Write a number with three digits at most."""
    return digits.number(float(f"{x:.3g}"))
