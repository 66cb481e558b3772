"""The weights of a layer as images, where they are images."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw import digits
from autograd_lite.draw.plots.canvas import TYPE, WIDTH, Canvas, rectangle
from autograd_lite.draw.plots.plot import Plot, check_theme
from autograd_lite.draw.style import MISSING, QUIET, RIM, signed
from autograd_lite.draw.text_width import width_of
from autograd_lite.draw.theme import Theme
from autograd_lite.nn import Module
from autograd_lite.tensor import Tensor

MOST_IMAGES, MOST_PIXELS = 64, 40_000
"""What a picture has at most: of more images, the first ones are drawn, and the picture says so."""
SHADES = 12  # Of either sign: as many as are told apart.
EDGE, GAP = 8, 6
LARGEST, SMALLEST = 12.0, 1.0
"""How long the side of an entry is, in points: as long as there is room for."""


def draw_weights(
    of: Module | Tensor,
    *,
    shape: tuple[int, int] | None = None,
    what: Literal["value", "grad"] = "value",
    title: str | None = None,
    theme: Theme = "auto",
) -> Plot:
    """Draw the weights of a layer as images: one for every unit, or for every filter.

    All have one scale, which is printed below them: orange is above 0, blue below, and the paler,
    the nearer to it.

    Parameters
    ----------
    of : Module or Tensor
        A layer with a `weight` of shape (inputs, units), or (filters, channels, height, width); or
        such a weight itself. Filters with several channels have an image for each.
    shape : (int, int), optional
        Height and width of the images that the layer sees. By default, they are square.
    what : {"value", "grad"}
        Whether the weights are drawn or their gradient.
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
        If `of` is neither, or a module that has no weight.
    ValueError
        If the weights are not images: there are no two axes or four, the inputs do not make up
        `shape`, or their number is not a square; or there is no gradient yet.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.Linear(64, 16, rng=np.random.default_rng(0))
    >>> print(al.draw_weights(layer))
    Linear: weights as 16 images of 8×8
    from −0.1250 to 0.1249
    """
    check_theme(theme)
    if what not in ("value", "grad"):
        raise ValueError(f"draw_weights: what is 'value' or 'grad'; got {what!r}.")
    weight, name = _weight(of)
    array = np.asarray(weight.data) if what == "value" else _gradient(weight, name)
    images, labels = _images(array, name, shape)
    kind = "weights" if what == "value" else "gradients"
    high, wide = images.shape[1:]
    count = min(len(images), MOST_IMAGES, max(1, MOST_PIXELS // (high * wide)))
    subject = f"{name}: {kind} as {len(images):,} image{'s' * (len(images) != 1)} of {high}×{wide}"
    said = [f"The first {count:,} of {len(images):,} are drawn."] if count < len(images) else []
    canvas = _drawn(images[:count], labels[:count], title or subject, said)
    finite = images[np.isfinite(images)]
    ends = [digits.number(x) for x in (finite.min(), finite.max())] if finite.size else ["nan"] * 2
    lines = (subject, f"from {ends[0]} to {ends[1]}", *said)
    return Plot(subject, canvas, lines, theme)


def _weight(of: Any) -> tuple[Tensor, str]:
    """Return the weight of a layer, and what it is called."""
    if isinstance(of, Tensor):
        return of, of.name or "weight"
    if not isinstance(of, Module):
        raise TypeError(f"draw_weights needs a layer or a Tensor; got {type(of).__name__}.")
    weight = getattr(of, "weight", None)
    if isinstance(weight, Tensor):
        return weight, " · ".join(filter(None, (of._path, type(of).__name__)))
    inner = [name for name, _ in of.named_parameters() if name.split(".")[-1] == "weight"]
    fix = f" Give one of its layers: it holds {', '.join(inner)}." if inner else ""
    raise TypeError(f"draw_weights: {type(of).__name__} itself has no weight.{fix}")


def _gradient(weight: Tensor, name: str) -> NDArray[Any]:
    if weight.grad is None:
        raise ValueError(
            f"draw_weights: the weight of {name} has no gradient yet. Call loss.backward() first."
        )
    return np.asarray(weight.grad.data)


def _images(
    array: NDArray[Any], name: str, shape: tuple[int, int] | None
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the images that weights are, of shape (images, height, width), and their labels."""
    if array.dtype.kind not in "iuf":
        raise ValueError(
            f"draw_weights: {name} has entries of {array.dtype}; images have real ones."
        )
    table = array.astype(np.float64)
    if table.ndim == 4:
        if shape is not None and tuple(shape) != table.shape[2:]:
            raise ValueError(
                f"draw_weights: the filters of {name} are {table.shape[2]}×{table.shape[3]}, so "
                f"leave shape= out; got {shape}."
            )
        filters, channels = table.shape[:2]
        labels = [
            f"{i}" if channels == 1 else f"{i}.{j}" for i in range(filters) for j in range(channels)
        ]
        return table.reshape(-1, *table.shape[2:]), labels
    if table.ndim != 2:
        raise ValueError(
            f"draw_weights: {name} has shape {table.shape}. Images are the columns of (inputs, "
            f"units), or the filters of (filters, channels, height, width)."
        )
    inputs, units = table.shape
    side = math.isqrt(inputs)
    if shape is None and (side * side != inputs or side < 2):
        raise ValueError(
            f"draw_weights: the {inputs} inputs of {name} are not a square image. Say what they "
            f"are: shape=(height, width)."
        )
    high, wide = shape or (side, side)
    if high * wide != inputs:
        raise ValueError(
            f"draw_weights: shape={high, wide} has {high * wide} entries, and {name} has {inputs} "
            f"inputs."
        )
    return table.T.reshape(units, high, wide), [str(i) for i in range(units)]


def _drawn(images: NDArray[np.float64], labels: list[str], title: str, said: list[str]) -> Canvas:
    """Draw images in rows, each with its number below, and the scale."""
    count, high, wide = images.shape
    canvas = Canvas(WIDTH, 0)
    top = canvas.paragraph(22, title, bold=True)
    for words in said:
        top = canvas.paragraph(top + 2, words, ink=QUIET)
    top -= 4
    label = max(width_of(text, TYPE) for text in labels)
    room = WIDTH - 2 * EDGE
    side = _side(count, high, wide, room, label)
    across = max(side * wide, label) + GAP
    each_row = max(1, int((room + GAP) // across))
    down = side * high + 22
    finite = np.abs(images[np.isfinite(images)])
    largest = float(finite.max()) if finite.size else 0.0
    shades: dict[str, list[Any]] = {}
    for k, image in enumerate(images):
        x, y = EDGE + across * (k % each_row), top + down * (k // each_row)
        for i, row in enumerate(image.tolist()):
            for start, end, shade in _runs(row, largest):
                piece = rectangle(x + start * side, y + i * side, (end - start) * side, side)
                shades.setdefault(shade, []).append(piece)
        canvas.line([*rectangle(x, y, wide * side, high * side), (x, y)], RIM, 0.8)
        canvas.text(x + wide * side / 2, y + high * side + 14, labels[k], ink=QUIET, place="middle")
    frames = canvas.marks
    canvas.marks = []
    for shade, pieces in shades.items():
        canvas.area(pieces, shade)
    canvas.marks += frames
    bottom = top + down * -(-count // each_row) + 14
    _scale(canvas, bottom, largest)
    canvas.height = bottom + 14
    return canvas


def _side(count: int, high: int, wide: int, room: float, label: float) -> float:
    """Return how long an entry's side is: as long as all images fit into about a square."""
    side = LARGEST
    while side > SMALLEST:
        across = max(side * wide, label) + GAP
        rows = -(-count // max(1, int((room + GAP) // across)))
        if side * wide <= room and rows * (side * high + 22) <= room:
            break
        side -= 0.5
    return min(side, room / wide)


def _runs(row: list[float], largest: float) -> list[tuple[int, int, str]]:
    """Return where entries of one shade begin and end."""
    found: list[tuple[int, int, str]] = []
    for i, x in enumerate(row):
        part = x / largest if largest else x
        shade = signed(round(part * SHADES) / SHADES) if math.isfinite(x) else MISSING
        if found and found[-1][2] == shade:
            found[-1] = (found[-1][0], i + 1, shade)
        else:
            found.append((i, i + 1, shade))
    return found


def _scale(canvas: Canvas, y: float, largest: float) -> None:
    """Draw the colours from the negative of the largest size to that."""
    if not largest:
        canvas.text(EDGE, y + 4, "all 0", ink=QUIET)
        return
    low, high = (digits.number(x) for x in (-largest, largest))
    canvas.text(EDGE, y + 4, low, ink=QUIET)
    x = EDGE + width_of(low, TYPE) + 6
    for i in range(-3, 4):
        canvas.box(x, y - 6, 12.3, 12, signed(i / 3))
        x += 12
    canvas.text(x + 6, y + 4, high, ink=QUIET)
