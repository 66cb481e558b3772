"""`scipy.signal` on Tensors: convolution in any number of dimensions."""

from typing import Any, Literal

import numpy as np

from autograd_lite import ops
from autograd_lite.core.later import missing
from autograd_lite.numpy_api.table import as_array

__all__ = ["convolve", "correlate", "fftconvolve"]

__getattr__ = missing(globals(), "For its value alone, call scipy.signal.{name} with t.numpy()")

Mode = Literal["full", "same", "valid"]

DIRECT = 2**20
"""Products up to which sums are written out; beyond, transforms are faster."""


def convolve(in1: Any, in2: Any, mode: Mode = "full", method: str = "auto") -> Any:
    """Convolve two arrays with as many axes.

    Parameters
    ----------
    in1, in2 : array or Tensor, the same number of axes
    mode : {"full", "same", "valid"}
        All places; the middle ones, as many as `in1` has entries; or those where one array lies
        entirely inside of the other.
    method : {"auto", "direct", "fft"}
        Sums of products, or a product of Fourier transforms, which is faster for large arrays and
        as accurate as their largest entries allow.

    Returns
    -------
    array or Tensor

    Raises
    ------
    ValueError
        If the numbers of axes differ, or an argument is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> blurred = lambda x: al.scipy.signal.convolve(x, [0.25, 0.5, 0.25], mode="same")
    >>> print(al.grad(lambda x: blurred(x)[1])(np.zeros(4)))
    [0.25 0.5  0.25 0.  ]
    """
    a, b = as_array(in1), as_array(in2)
    if a.ndim != b.ndim:
        raise ValueError(
            f"convolve needs arrays with as many axes, got {a.shape} and {b.shape}. Insert axes "
            f"with b[None]."
        )
    if mode not in ("full", "same", "valid") or method not in ("auto", "direct", "fft"):
        raise ValueError(
            f"convolve needs mode='full', 'same' or 'valid' and method='auto', 'direct' or "
            f"'fft', got mode={mode!r} and method={method!r}."
        )
    if a.ndim == 0:
        return a * b
    larger = all(n >= m for n, m in zip(a.shape, b.shape, strict=True))
    if mode == "valid" and not larger:
        if not all(n <= m for n, m in zip(a.shape, b.shape, strict=True)):
            raise ValueError(
                f"convolve with mode='valid' needs one array that is at least as long as the "
                f"other along every axis, got {a.shape} and {b.shape}."
            )
        a, b = b, a
    full = tuple(n + m - 1 for n, m in zip(a.shape, b.shape, strict=True))
    if 0 in a.shape or 0 in b.shape:
        return np.zeros(0)
    if method == "auto":
        exact = {a.dtype.kind, b.dtype.kind} <= set("biu")
        method = "direct" if exact or a.ndim == 1 or a.size * b.size <= DIRECT else "fft"
    whole = _transformed(a, b, full) if method == "fft" else _summed(a, b)
    if mode == "full":
        return whole
    kept = a.shape if mode == "same" else [n - m + 1 for n, m in zip(a.shape, b.shape, strict=True)]
    starts = [(n - k) // 2 for n, k in zip(full, kept, strict=True)]
    return whole[tuple(slice(s, s + k) for s, k in zip(starts, kept, strict=True))]


def fftconvolve(in1: Any, in2: Any, mode: Mode = "full") -> Any:
    """Convolve two arrays by Fourier transforms, as `convolve` does with ``method="fft"``.

    Parameters
    ----------
    in1, in2 : array or Tensor, the same number of axes
    mode : {"full", "same", "valid"}

    Returns
    -------
    array or Tensor
    """
    return convolve(in1, in2, mode, "fft")


def correlate(in1: Any, in2: Any, mode: Mode = "full", method: str = "auto") -> Any:
    """Correlate two arrays: convolve the first with the second read backwards, and conjugated.

    Parameters
    ----------
    in1, in2 : array or Tensor, the same number of axes
    mode : {"full", "same", "valid"}
    method : {"auto", "direct", "fft"}

    Returns
    -------
    array or Tensor
    """
    return convolve(in1, np.conj(np.flip(as_array(in2))), mode, method)


def _transformed(a: Any, b: Any, full: tuple[int, ...]) -> Any:
    axes = tuple(range(len(full)))
    if "c" in (a.dtype.kind, b.dtype.kind):
        return np.fft.ifftn(np.fft.fftn(a, full, axes) * np.fft.fftn(b, full, axes), full, axes)
    return np.fft.irfftn(np.fft.rfftn(a, full, axes) * np.fft.rfftn(b, full, axes), full, axes)


def _summed(a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return np.convolve(a, b)
    ones = (1,) * a.ndim
    return ops.conv(
        a[None, None],
        np.flip(b)[None, None],
        stride=ones,
        padding=tuple((m - 1, m - 1) for m in b.shape),
        dilation=ones,
        groups=1,
    )[0, 0]
