"""``np.pad`` in its modes that compute what they put around: statistics and ramps."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.numpy_api.table import as_array, composes, values_of

STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median,
}  # fmt: skip


def _pairs(given: Any, ndim: int, name: str) -> list[Any]:
    """Return a pair for every axis, as NumPy reads one number, one pair or all of them."""
    if isinstance(given, dict):
        pairs = [(0, 0)] * ndim
        for axis, pair in given.items():
            pairs[axis] = pair if isinstance(pair, tuple | list) else (pair, pair)
        return pairs
    try:
        return list(np.broadcast_to(np.asarray(values_of(given), object), (ndim, 2)).tolist())
    except ValueError:
        raise ValueError(
            f"np.pad needs {name} as a number, a pair, or a pair for each of {ndim} axes, got "
            f"{given!r}."
        ) from None


@composes(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **more: Any) -> Any:
    """Compose ``np.pad``: one axis after the other, where the border is computed."""
    x = as_array(array)
    if mode in STATISTICS and more.keys() <= {"stat_length"}:
        lengths = _pairs(more.get("stat_length"), x.ndim, "stat_length")
        return _around(x, pad_width, lengths, _statistic(STATISTICS[mode]))
    if mode == "linear_ramp" and more.keys() <= {"end_values"}:
        ends = _pairs(more.get("end_values", 0), x.ndim, "end_values")
        return _around(x, pad_width, ends, _ramp)
    if mode in ("reflect", "symmetric") and more == {"reflect_type": "odd"}:
        return _around(x, pad_width, _pairs(mode == "symmetric", x.ndim, "mode"), _turned)
    unknown = more.keys() - ({"constant_values"} if mode == "constant" else {"reflect_type"})
    if unknown or more.get("reflect_type", "even") != "even":
        raise TypeError(
            f"np.pad on Tensors takes no {', '.join(more)} for mode={mode!r}. Join the border with "
            f"np.concatenate."
        )
    more.pop("reflect_type", None)
    width = values_of(pad_width)
    return ops.pad(x, pad_width=width, mode=mode, **more)


def _around(x: Any, pad_width: Any, settings: list[Any], border: Callable[..., Any]) -> Any:
    """Put a border before and behind, along one axis after the other."""
    for axis, (widths, given) in enumerate(
        zip(_pairs(pad_width, x.ndim, "pad_width"), settings, strict=True)
    ):
        before, behind = (
            [border(x, axis, int(widths[i]), given[i], i == 1)] if widths[i] else [] for i in (0, 1)
        )
        x = ops.concatenate(*before, x, *behind, axis=axis)
    return x


def _turned(x: Any, axis: int, width: int, symmetric: bool, behind: bool) -> Any:
    """Return a border as ``reflect_type="odd"`` has it: turned by half a turn about the edge."""
    start, n = (0 if symmetric else 1), x.shape[axis]
    if width > n - start:
        raise ValueError(
            f"np.pad on Tensors turns what there is about the edge once: with reflect_type='odd' "
            f"axis {axis} of length {n} takes a border of {n - start} at most, got {width}. Pad "
            f"several times."
        )
    order = np.arange(start, start + width)
    before = (slice(None),) * axis
    edge = x[(*before, slice(n - 1, n) if behind else slice(0, 1))]
    return 2 * edge - x[(*before, n - 1 - order if behind else order[::-1])]


def _statistic(function: Callable[..., Any]) -> Callable[..., Any]:
    def border(x: Any, axis: int, width: int, length: Any, behind: bool) -> Any:
        n = x.shape[axis]
        length = n if length is None else min(int(length), n)
        chosen = slice(n - length, n) if behind else slice(0, length)
        part = function(x[(slice(None),) * axis + (chosen,)], axis=axis, keepdims=True)
        if x.dtype.kind in "iu":
            part = np.rint(part)
        part = part if part.dtype == x.dtype else part.astype(x.dtype)
        shape = tuple(width if i == axis else k for i, k in enumerate(x.shape))
        return ops.broadcast_to(part, shape=shape)

    return border


def _ramp(x: Any, axis: int, width: int, end: Any, behind: bool) -> Any:
    """From the edge to a value."""
    edge = x[(slice(None),) * axis + (slice(-1, None) if behind else slice(0, 1),)]
    steps = np.arange(width) / width
    lengths = [-1 if i == axis else 1 for i in range(x.ndim)]
    share = (steps[::-1] if behind else steps).reshape(lengths)
    made = end * (1 - share) + edge * share
    return made if made.dtype == x.dtype else made.astype(x.dtype)
