"""``numpy.fft``: transforms along several axes, Hermitian forms, shifts."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.numpy_api.arguments import refuse
from autograd_lite.numpy_api.products import INTO
from autograd_lite.numpy_api.table import as_array, composes

INVERSE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}
"""The normalisation of the transform in the other direction."""


def _one(numpy: Any, primitive: Primitive) -> Any:
    """Adapt a transform along one axis."""

    @composes(numpy)
    def transform(
        a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
    ) -> Any:
        refuse(f"np.fft.{numpy.__name__}", INTO, out=out)
        return primitive(as_array(a), n=n, axis=axis, norm=norm)

    return transform


fft, ifft = _one(np.fft.fft, ops.fft), _one(np.fft.ifft, ops.ifft)
rfft, irfft = _one(np.fft.rfft, ops.rfft), _one(np.fft.irfft, ops.irfft)


@composes(np.fft.hfft)
def hfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    """Compose ``np.fft.hfft``: the real spectrum of half of a Hermitian sequence."""
    return irfft(np.conjugate(as_array(a)), n, axis, _inverse(norm), out)


@composes(np.fft.ihfft)
def ihfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    """Compose ``np.fft.ihfft``: half of the Hermitian sequence of a real spectrum."""
    return np.conjugate(rfft(a, n, axis, _inverse(norm), out))


def _inverse(norm: str | None) -> str:
    if norm not in INVERSE:
        raise ValueError(
            f'Invalid norm value {norm}; should be None, "backward", "ortho" or "forward".'
        )
    return INVERSE[norm]


def _lengths(
    a: Any, s: Sequence[int] | None, axes: Sequence[int] | None, *, half: bool
) -> tuple[list[int], list[int]]:
    """Return the lengths of a transform along several axes, and the axes."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    axes = list(axes)
    lengths = [-1] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError(f"Shape and axes have different lengths: {s} and {axes}.")
    found = [a.shape[i] if n == -1 else n for n, i in zip(lengths, axes, strict=True)]
    if half and s is None and axes:
        found[-1] = 2 * (found[-1] - 1)
    return found, axes


def _several(numpy: Any, each: Any, last: Any, default: tuple[int, int] | None) -> Any:
    """Compose a transform along several axes: one of them after the other, `last` of them in front.

    Real sequences become complex along the last axis first, and real again along it at the end.
    """

    @composes(numpy)
    def transform(
        a: Any, s: Any = None, axes: Any = default, norm: str | None = None, out: Any = None
    ) -> Any:
        refuse(f"np.fft.{numpy.__name__}", INTO, out=out)
        a = as_array(a)
        lengths, along = _lengths(a, s, axes, half=last is irfft)
        steps = list(zip([each] * (len(along) - 1) + [last], lengths, along, strict=False))
        for step, n, axis in steps if last is irfft else steps[::-1]:
            a = step(a, n, axis, norm)
        return a

    return transform


for _end, _default in (("2", (-2, -1)), ("n", None)):
    for _name, _each, _last in (
        ("fft", fft, fft), ("ifft", ifft, ifft), ("rfft", fft, rfft), ("irfft", ifft, irfft)
    ):  # fmt: skip
        _several(getattr(np.fft, _name + _end), _each, _last, _default)


def _shift(numpy: Any, sign: int) -> Any:
    """Compose a shift by half of the length: it brings the frequency 0 to the middle, or back."""

    @composes(numpy)
    def shifted(x: Any, axes: Any = None) -> Any:
        x = as_array(x)
        axes = range(x.ndim) if axes is None else np.atleast_1d(axes)
        along = tuple(map(operator.index, axes))
        halves = tuple(sign * (x.shape[i] // 2) for i in along)
        return ops.roll(x, shift=halves, axis=along)

    return shifted


fftshift, ifftshift = _shift(np.fft.fftshift, 1), _shift(np.fft.ifftshift, -1)
