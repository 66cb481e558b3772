"""The discrete Fourier transform along one axis, of complex and of real sequences.

Its matrix is symmetric, so it is its own adjoint, up to what was cut off or filled up with zeros.
"""

from typing import Any

import numpy as np

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import example, primitive


def _to_length(x: Any, length: int, axis: int) -> Any:
    """Cut a sequence off, or fill it up with zeros."""
    missing = length - x.shape[axis]
    if missing > 0:
        widths = [(0, 0)] * x.ndim
        widths[axis] = (0, missing)
        return np.pad(x, tuple(widths))
    before = (slice(None),) * (axis % x.ndim)
    return x[(*before, slice(0, length))] if missing else x


def _spectrum_back(g: Any, x: Any, axis: int, norm: Any, n: int | None = None) -> Any:
    """Cotangent of a sequence; half of a spectrum is of length `n` with zeros behind it."""
    return _to_length(fft(g, n=n, axis=axis, norm=norm), x.shape[axis], axis)


def _half_back(g: Any, x: Any, axis: int, norm: Any) -> Any:
    """Cotangent of half of a spectrum; all but its ends stand for two frequencies."""
    n = g.shape[axis]
    spectrum = _to_length(ifft(g, axis=axis, norm=norm), n // 2 + 1, axis)
    times = np.full(n // 2 + 1, 2, np.finfo(spectrum.dtype).dtype)
    times[0] = 1
    if n % 2 == 0:
        times[-1] = 1
    shape = [1] * x.ndim
    shape[axis] = -1
    return _to_length(spectrum * times.reshape(shape), x.shape[axis], axis)


LENGTHS = (
    example((5,)),
    example((4,), n=6),
    example((2, 5), n=3, norm="ortho"),
    example((4, 2), axis=0, norm="forward"),
)


@primitive(
    x=lambda g, y, x, n, axis, norm: _spectrum_back(g, x, axis, norm),
    notation=call("np.fft.fft"),
    analytic=True,
    linear=("x",),
    examples=LENGTHS,
)
def fft(x: Any, *, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """Spectrum of a sequence."""
    return np.fft.fft(x, n, axis, norm)


@primitive(
    x=lambda g, y, x, n, axis, norm: _to_length(ifft(g, axis=axis, norm=norm), x.shape[axis], axis),
    notation=call("np.fft.ifft"),
    analytic=True,
    linear=("x",),
    examples=LENGTHS,
)
def ifft(x: Any, *, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """Sequence of a spectrum."""
    return np.fft.ifft(x, n, axis, norm)


@primitive(
    x=lambda g, y, x, n, axis, norm: _spectrum_back(g, x, axis, norm, n or x.shape[axis]),
    notation=call("np.fft.rfft"),
    linear=("x",),
    takes_complex=True,  # For its cotangent: an operand is real.
    examples=LENGTHS,
)
def rfft(x: Any, *, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """Half of the spectrum of a real sequence; the other half is its conjugate."""
    return np.fft.rfft(x, n, axis, norm)


@primitive(
    x=lambda g, y, x, n, axis, norm: _half_back(g, x, axis, norm),
    notation=call("np.fft.irfft"),
    linear=("x",),
    takes_complex=True,
    examples=(*LENGTHS, example((3, 4), n=7), example((2,), n=9)),
)
def irfft(x: Any, *, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """Real sequence of half of a spectrum."""
    return np.fft.irfft(x, n, axis, norm)
