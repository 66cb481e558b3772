"""Layers with a window that slides: convolutions and pooling."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_lite.functional.settings import check_counts
from autograd_lite.nn.layers import generator
from autograd_lite.nn.module import Module
from autograd_lite.nn.sliding import (
    Padding,
    Size,
    avg_pool2d,
    borders,
    conv1d,
    conv2d,
    max_pool2d,
    sizes,
)
from autograd_lite.tensor import Tensor


class _Conv(Module):
    """What the convolutions share: the parameters."""

    axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        name = type(self).__name__
        check_counts(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name} needs groups that divide its channels, got in_channels={in_channels}, "
                f"out_channels={out_channels} and groups={groups}."
            )
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self.axes)
        self.stride = sizes(name, "stride", stride, self.axes)
        self.dilation = sizes(name, "dilation", dilation, self.axes)
        borders(name, padding, self.kernel_size, self.stride, self.dilation)  # It must make sense.
        self.padding, self.groups = padding, groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        rng = generator(name, rng)
        self.weight = Tensor(rng.uniform(-bound, bound, shape), requires_grad=True, dtype=dtype)
        self.bias = None
        if bias:
            start = rng.uniform(-bound, bound, out_channels)
            self.bias = Tensor(start, requires_grad=True, dtype=dtype)

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Slide the filters over `x`, of shape (batch, in_channels, length), or without the batch.

        The result is (batch, out_channels, places). Images have two axes in place of the last.
        """
        slide = conv1d if self.axes == 1 else conv2d
        return slide(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """Return the numbers of channels, the size of the window, and what is not the default."""
        filters, channels = self.weight.shape[:2]
        parts = [str(channels * self.groups), str(filters), _short(self.kernel_size)]
        for what, default in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, what)
            value = _short(value) if isinstance(value, tuple) else str(value)
            if value != str(default):
                parts.append(f"{what}={value}")
        return ", ".join(parts)


def _short(given: tuple[int, ...]) -> str:
    return str(given[0]) if len(set(given)) == 1 else str(given)


class Conv1d(_Conv):
    r"""Slide filters along sequences: every result is a weighted sum of what is in the window.

    With the input :math:`x_{nct}`, the filters :math:`w_{fck}`, the bias :math:`b_f`, the stride
    :math:`s`, the dilation :math:`d` and :math:`a` zeros on both sides,

    .. math::
        y_{nft} &= b_f + \sum_{ck} w_{fck} \, x_{n, c, st + dk - a} \\
        \frac{\partial L}{\partial w_{fck}} &= \sum_{nt} g_{nft} \, x_{n, c, st + dk - a}, \quad
        \frac{\partial L}{\partial b_f} = \sum_{nt} g_{nft}, \quad
        \frac{\partial L}{\partial x_{nci}} = \sum_f \sum_{k, t:\, st + dk - a = i}
        w_{fck} \, g_{nft}

    where :math:`x` is 0 outside. (This is a correlation; networks call it a convolution.)

    Parameters
    ----------
    in_channels, out_channels : int
        The numbers of channels of the input, and of filters.
    kernel_size : int
        The length of the window.
    stride : int
        By how much the window moves.
    padding : int or {"same", "valid"}
        How many zeros to put on each side; "same" keeps the length, "valid" is 0.
    dilation : int
        How far apart the entries in a window are.
    groups : int
        Into how many groups the channels and the filters are parted. A filter sees its own.
    bias : bool
        Whether to add a bias.
    rng : numpy.random.Generator, optional
        Draws the initial values, `weight` first, from the uniform distribution on
        :math:`\pm 1 / \sqrt{\text{entries in a window}}`.
    dtype : dtype
        The floating-point type of the parameters.

    Attributes
    ----------
    weight : Tensor, shape (out_channels, in_channels / groups, kernel_size)
    bias : Tensor, shape (out_channels,), or None

    Raises
    ------
    TypeError
        If a number is not an integer, or `rng` is not a generator.
    ValueError
        If a number is too small, or `groups` does not divide the channels; on a call, if the input
        is of another shape, or smaller than the window.

    Examples
    --------
    >>> import autograd_lite as al
    >>> layer = al.nn.Conv1d(1, 1, 2, bias=False)
    >>> layer.weight.data = [[[-1.0, 1.0]]]
    >>> layer(al.Tensor([[[1.0, 2.0, 4.0, 8.0]]])).tolist()
    [[[1.0, 2.0, 4.0]]]
    """

    axes = 1


class Conv2d(_Conv):
    r"""Slide filters over images: every result is a weighted sum of what is in the window.

    With the input :math:`x_{ncij}`, the filters :math:`w_{fckl}`, the bias :math:`b_f`, the stride
    :math:`s`, the dilation :math:`d` and :math:`a` zeros around,

    .. math::
        y_{nfij} &= b_f + \sum_{ckl} w_{fckl} \, x_{n, c, si + dk - a, sj + dl - a} \\
        \frac{\partial L}{\partial w_{fckl}} &=
        \sum_{nij} g_{nfij} \, x_{n, c, si + dk - a, sj + dl - a}, \quad
        \frac{\partial L}{\partial b_f} = \sum_{nij} g_{nfij} \\
        \frac{\partial L}{\partial x_{ncpq}} &=
        \sum_f \sum_{i, k:\, si + dk - a = p} \; \sum_{j, l:\, sj + dl - a = q}
        w_{fckl} \, g_{nfij}

    where :math:`x` is 0 outside. (This is a correlation; networks call it a convolution.)

    Parameters
    ----------
    in_channels, out_channels : int
        The numbers of channels of the input, and of filters.
    kernel_size : int or (int, int)
        The height and the width of the window.
    stride : int or (int, int)
        By how much the window moves.
    padding : int or (int, int) or {"same", "valid"}
        How many zeros to put around; "same" keeps height and width, "valid" is 0.
    dilation : int or (int, int)
        How far apart the entries in a window are.
    groups, bias, rng, dtype
        As of `Conv1d`.

    Attributes
    ----------
    weight : Tensor, shape (out_channels, in_channels / groups, height, width)
    bias : Tensor, shape (out_channels,), or None

    Raises
    ------
    TypeError, ValueError
        As `Conv1d`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.Conv2d(1, 8, 3, padding=1, rng=np.random.default_rng(0))
    >>> layer
    Conv2d(1, 8, 3, padding=1)   80 parameters  weight (8, 1, 3, 3), bias (8,)
    >>> layer(np.zeros((5, 1, 28, 28))).shape
    (5, 8, 28, 28)
    """

    axes = 2


class _Pool(Module):
    """What the poolings share: the window."""

    def __init__(self, kernel_size: Size, stride: Size | None, padding: Size, ceil: bool) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil

    def extra_repr(self) -> str:
        """Return the size of the window, and the settings that are not the default."""
        stride = "" if self.stride == self.kernel_size else f", stride={self.stride}"
        return f"{self.kernel_size}{stride}" + (f", padding={self.padding}" if self.padding else "")


class MaxPool2d(_Pool):
    r"""Take the largest entry of every window that slides over images.

    With the windows :math:`W_{ij}`, which start at :math:`(si - a, sj - a)`,

    .. math::
        y_{ncij} = \max_{(p, q) \in W_{ij}} x_{ncpq}, \qquad
        \frac{\partial L}{\partial x_{ncpq}} =
        \sum_{ij} g_{ncij} \, [(p, q) \text{ is the first largest in } W_{ij}]

    Parameters
    ----------
    kernel_size : int or (int, int)
        The height and the width of the window.
    stride : int or (int, int), optional
        By how much the window moves; by default, by its own size.
    padding : int or (int, int)
        How many places, never the largest, to put around.
    dilation : int or (int, int)
        How far apart the entries in a window are.
    ceil_mode : bool
        Whether a last window may reach over the edge.

    Raises
    ------
    TypeError, ValueError
        On a call, if a number is not an integer or too small, the padding is more than half of the
        window, or the input does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> x = al.Tensor(np.arange(16.0).reshape(1, 4, 4), requires_grad=True)
    >>> y = al.nn.MaxPool2d(2)(x)
    >>> y.tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    >>> y.sum().backward()
    >>> x.grad.numpy()[0].astype(int).tolist()
    [[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 1]]
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.dilation = dilation

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Take the largest entries of `x`, of shape (batch, channels, height, width)."""
        return max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )


class AvgPool2d(_Pool):
    r"""Take the mean of every window that slides over images.

    With the windows :math:`W_{ij}` of :math:`m` entries, which start at :math:`(si - a, sj - a)`,

    .. math::
        y_{ncij} = \frac{1}{m} \sum_{(p, q) \in W_{ij}} x_{ncpq}, \qquad
        \frac{\partial L}{\partial x_{ncpq}} =
        \frac{1}{m} \sum_{ij} g_{ncij} \, [(p, q) \in W_{ij}]

    Parameters
    ----------
    kernel_size, stride
        As of `MaxPool2d`.
    padding : int or (int, int)
        How many zeros to put around.
    ceil_mode : bool
        Whether a last window may reach over the edge; there, :math:`m` is smaller.
    count_include_pad : bool
        Whether the zeros count as entries.

    Raises
    ------
    TypeError, ValueError
        As `MaxPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 4, 4)).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Take the means of `x`, of shape (batch, channels, height, width)."""
        return avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )
