"""Functions of windows that slide: convolutions and pooling; what they refuse."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from autograd_lite import ops
from autograd_lite.tensor import Tensor

Size = int | tuple[int, ...]
Padding = Size | Literal["same", "valid"]

AXES = {1: "length", 2: "height, width"}


def sizes(name: str, what: str, given: Any, axes: int, least: int = 1) -> tuple[int, ...]:
    """Return an integer for each axis; one stands for all."""
    found = given if isinstance(given, tuple | list) else (given,) * axes
    if not all(isinstance(n, int | np.integer) for n in found):
        raise TypeError(f"{name} needs integers as its {what}, got {given!r}.")
    if len(found) != axes or min(found) < least:
        raise ValueError(
            f"{name} needs one or {axes} integers of {least} or more as its {what}, got {given!r}."
        )
    return tuple(map(int, found))


def borders(
    name: str, padding: Any, size: tuple[int, ...], stride: Any, dilation: Any
) -> tuple[tuple[int, int], ...]:
    """Return how many zeros stand before and after, along each axis."""
    if padding == "valid":
        return ((0, 0),) * len(size)
    if padding == "same":
        if any(n != 1 for n in stride):
            raise ValueError(f"{name} needs stride=1 with padding='same', got stride={stride}.")
        more = [d * (n - 1) for n, d in zip(size, dilation, strict=True)]
        return tuple((n // 2, n - n // 2) for n in more)
    if isinstance(padding, str):
        raise ValueError(f"{name} needs padding as integers, 'same' or 'valid', got {padding!r}.")
    return tuple((n, n) for n in sizes(name, "padding", padding, len(size), 0))


def _batch(name: str, x: Any, axes: int, channels: int | None = None) -> tuple[Tensor, bool]:
    """Return the input with an axis for the batch, and whether that is new."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    wanted = "channels" if channels is None else str(channels)
    if x.ndim not in (axes + 1, axes + 2) or (channels or x.shape[-axes - 1]) != x.shape[-axes - 1]:
        raise ValueError(
            f"{name} needs an input of shape (batch, {wanted}, {AXES[axes]}) or without the batch, "
            f"got {x.shape}."
        )
    if x.dtype.kind != "f":
        raise TypeError(
            f"{name} needs floating-point numbers, got dtype {x.dtype}. Write x.astype(float)."
        )
    single = x.ndim == axes + 1
    return (x[None] if single else x), single


def _fits(name: str, x: Tensor, size: Any, padding: Any, dilation: Any) -> None:
    room = [n + sum(ends) for n, ends in zip(x.shape[2:], padding, strict=True)]
    reach = [d * (n - 1) + 1 for n, d in zip(size, dilation, strict=True)]
    if any(r > n for r, n in zip(reach, room, strict=True)):
        raise ValueError(
            f"{name} needs an input that a window fits into: with padding it is {tuple(room)}, "
            f"and a window reaches over {tuple(reach)}."
        )


def _conv(
    axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{axes}d"
    weight = weight if isinstance(weight, Tensor) else Tensor(weight)
    if weight.ndim != axes + 2:
        raise ValueError(
            f"{name} needs a weight of shape (filters, channels, {AXES[axes]}), got {weight.shape}."
        )
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"{name} needs groups that divide its {weight.shape[0]} filters, got {groups}."
        )
    size = weight.shape[2:]
    stride = sizes(name, "stride", stride, axes)
    dilation = sizes(name, "dilation", dilation, axes)
    padding = borders(name, padding, size, stride, dilation)
    x, single = _batch(name, x, axes, weight.shape[1] * groups)
    _fits(name, x, size, padding, dilation)
    y: Tensor = ops.conv(
        x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    if bias is not None:
        y = y + bias.reshape(-1, *(1,) * axes)
    return y[0] if single else y


def conv1d(
    input: Tensor | ArrayLike,
    weight: Tensor | ArrayLike,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Slide filters along sequences; see `autograd_lite.nn.Conv1d`.

    Examples
    --------
    >>> from autograd_lite.nn import functional
    >>> functional.conv1d([[[1.0, 2.0, 4.0]]], [[[-1.0, 1.0]]]).tolist()
    [[[1.0, 2.0]]]
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor | ArrayLike,
    weight: Tensor | ArrayLike,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Slide filters over images; see `autograd_lite.nn.Conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.nn import functional
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> functional.conv2d(image, np.ones((1, 1, 2, 2))).tolist()
    [[[[8.0, 12.0], [20.0, 24.0]]]]
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def _pooled(
    name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Tensor, bool, dict[str, Any], tuple[tuple[int, int], ...]]:
    """Return the input, whether it has a new axis, the parameters, and the padding asked for."""
    size = sizes(name, "kernel_size", kernel_size, 2)
    stride = size if stride is None else sizes(name, "stride", stride, 2)
    dilation = sizes(name, "dilation", dilation, 2)
    around = sizes(name, "padding", padding, 2, 0)
    if any(2 * a > n for a, n in zip(around, size, strict=True)):
        raise ValueError(
            f"{name} needs padding of at most half of its kernel_size {size}, got {padding!r}."
        )
    x, single = _batch(name, x, 2)
    asked = borders(name, around, size, stride, dilation)
    _fits(name, x, size, asked, dilation)
    ends = []
    for n, m, s, a, d in zip(x.shape[2:], size, stride, around, dilation, strict=True):
        left = n + 2 * a - d * (m - 1) - 1
        places = left // s + 1
        # Another window, if it starts before the padding at the end.
        more = ceil_mode and left % s and places * s < n + a
        ends.append((a, a + (places * s - left if more else 0)))
    return x, single, {"size": size, "stride": stride, "padding": tuple(ends)}, asked


def max_pool2d(
    input: Tensor | ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the largest entry of every window; see `autograd_lite.nn.MaxPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.nn import functional
    >>> functional.max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    x, single, how, _ = _pooled(
        "max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode
    )
    y: Tensor = ops.max_pool(x, **how, dilation=sizes("max_pool2d", "dilation", dilation, 2))
    return y[0] if single else y


def avg_pool2d(
    input: Tensor | ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Take the mean of every window; see `autograd_lite.nn.AvgPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.nn import functional
    >>> functional.avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    x, single, how, asked = _pooled("avg_pool2d", input, kernel_size, stride, padding, 1, ceil_mode)
    total: Tensor = ops.sum_pool(x, **how)
    count: Any = float(np.prod(how["size"]))
    if how["padding"] != asked or (any(map(any, asked)) and not count_include_pad):
        # Windows that reach over the edge have fewer entries that count.
        counted = [n + sum(a) * count_include_pad for n, a in zip(x.shape[2:], asked, strict=True)]
        left = [
            (before - a * count_include_pad, after - a * count_include_pad)
            for (before, after), (a, _) in zip(how["padding"], asked, strict=True)
        ]
        ones = np.ones((1, 1, *counted), x.dtype)
        count = ops.sum_pool(ones, **how | {"padding": tuple(left)})
    y: Tensor = total / count
    return y[0] if single else y
