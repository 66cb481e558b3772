"""Layers that give numbers the mean 0 and the variance 1, then a scale and a shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_lite import ops
from autograd_lite.functional.checkpointing import AGAIN
from autograd_lite.functional.settings import check_counts, check_range
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor


class LayerNorm(Module):
    r"""Normalise every row: the entries along the last axes.

    With the mean :math:`\mu` and the variance :math:`v` of a row of :math:`n` entries, and
    :math:`\hat x = (x - \mu) / \sqrt{v + \epsilon}`,

    .. math::
        y &= \gamma \hat x + \beta, \qquad
        \frac{\partial L}{\partial \gamma} = \sum_{\text{rows}} g \hat x, \qquad
        \frac{\partial L}{\partial \beta} = \sum_{\text{rows}} g \\
        \frac{\partial L}{\partial x} &= \frac{1}{\sqrt{v + \epsilon}} \left(h - \bar h -
        \hat x \, \overline{h \hat x}\right), \quad h = \gamma g

    where a bar is the mean over the row.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The lengths of the last axes, which are a row.
    eps : float
        Keeps the quotient finite.
    elementwise_affine : bool
        Whether there are a scale and a shift.
    bias : bool
        Whether there is a shift.
    dtype : dtype
        The floating-point type of the parameters.

    Attributes
    ----------
    weight : Tensor, shape `normalized_shape`, or None
        The scale :math:`\gamma`, 1 at first.
    bias : Tensor, shape `normalized_shape`, or None
        The shift :math:`\beta`, 0 at first.

    Raises
    ------
    TypeError
        If a length is not an integer.
    ValueError
        If a length is less than 1, or the last axes of an input have other lengths.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton: *Layer normalization*, 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import autograd_lite as al
    >>> layer = al.nn.LayerNorm(3)
    >>> layer(al.Tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])).numpy().round(3).tolist()
    [[-1.225, 0.0, 1.225], [-1.225, 0.0, 1.225]]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float64,
    ) -> None:
        given: Any = normalized_shape
        shape = tuple(given) if isinstance(given, Sequence) else (given,)
        for length in shape or (given,):
            check_counts("LayerNorm", normalized_shape=length)
        check_range("LayerNorm", "of 0 or more", eps=eps)
        self.normalized_shape, self.eps = shape, float(eps)
        self.weight = self.bias = None
        if elementwise_affine:
            self.weight = Tensor(np.ones(shape), requires_grad=True, dtype=dtype)
            if bias:
                self.bias = Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Normalise every row of `x`, of shape (..., *normalized_shape); the shape stays."""
        x = x if isinstance(x, Tensor) else Tensor(x)
        shape = self.normalized_shape
        if x.shape[-len(shape) :] != shape:
            raise ValueError(
                f"LayerNorm needs an input of shape (..., {', '.join(map(str, shape))}), got "
                f"{x.shape}."
            )
        y = _normalised(x, tuple(range(-len(shape), 0)), self.eps)[0]
        y = y if self.weight is None else y * self.weight
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """Return the shape of a row."""
        return ", ".join(map(str, self.normalized_shape))


class _BatchNorm(Module):
    """What the batch normalisations share: all but the shape of the input."""

    shapes: ClassVar[tuple[str, ...]]
    """What comes behind (rows, features) in the shapes that it takes."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = np.float64,
    ) -> None:
        name = type(self).__name__
        check_counts(name, num_features=num_features)
        check_range(name, "of 0 or more", eps=eps)
        if momentum is not None:
            check_range(name, "from 0 to 1", momentum=momentum)
        self.num_features, self.eps, self.momentum = int(num_features), float(eps), momentum
        self.weight = self.bias = None
        if affine:
            self.weight = Tensor(np.ones(num_features), requires_grad=True, dtype=dtype)
            self.bias = Tensor(np.zeros(num_features), requires_grad=True, dtype=dtype)
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            self.running_mean = Tensor(np.zeros(num_features), dtype=dtype)
            self.running_var = Tensor(np.ones(num_features), dtype=dtype)
            self.num_batches_tracked = Tensor(0)

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Normalise every feature of `x`; in training, take note of its mean and variance."""
        x = x if isinstance(x, Tensor) else Tensor(x)
        name, features = type(self).__name__, self.num_features
        if x.ndim not in (2 + rest.count(",") for rest in self.shapes) or x.shape[1] != features:
            shapes = " or ".join(f"(rows, {features}{rest})" for rest in self.shapes)
            raise ValueError(f"{name} needs an input of shape {shapes}, got {x.shape}.")
        along: tuple[int, ...] = (features,) + (1,) * (x.ndim - 2)
        if self.training or self.running_mean is None or self.running_var is None:
            count = x.size // features
            if count < 2 and self.training:
                raise ValueError(
                    f"{name} needs more than one entry for each feature in training, got an "
                    f"input of shape {x.shape}. Call eval() first, or leave out the last batch."
                )
            y, mean, variance = _normalised(x, (0, *range(2, x.ndim)), self.eps)
            if self.training and not AGAIN.get():
                self._note(mean, variance, count)
        else:
            scale = 1 / np.sqrt(self.running_var.numpy() + self.eps)
            y = (x - self.running_mean.numpy().reshape(along)) * scale.reshape(along)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.reshape(along) + self.bias.reshape(along)
        return y

    def _note(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Let the statistics of a batch go into the running means."""
        tracked = self.num_batches_tracked
        if tracked is None or self.running_mean is None or self.running_var is None:
            return
        tracked.data = tracked.numpy() + 1
        part = 1 / int(tracked.item()) if self.momentum is None else float(self.momentum)
        unbiased = variance.numpy().ravel() * (count / (count - 1))
        for running, new in (
            (self.running_mean, mean.numpy().ravel()),
            (self.running_var, unbiased),
        ):
            running.data = (1 - part) * running.numpy() + part * new

    def extra_repr(self) -> str:
        """Return the number of features."""
        return str(self.num_features)


class BatchNorm1d(_BatchNorm):
    r"""Normalise every feature over the rows of a batch.

    In training, with the mean :math:`\mu` and the variance :math:`v` of a feature over :math:`n`
    rows, and :math:`\hat x = (x - \mu) / \sqrt{v + \epsilon}`,

    .. math::
        y &= \gamma \hat x + \beta, \qquad
        \frac{\partial L}{\partial \gamma} = \sum_{\text{rows}} g \hat x, \qquad
        \frac{\partial L}{\partial \beta} = \sum_{\text{rows}} g \\
        \frac{\partial L}{\partial x} &= \frac{\gamma}{\sqrt{v + \epsilon}} \left(g - \bar g -
        \hat x \, \overline{g \hat x}\right)

    where a bar is the mean over the rows. After ``eval()``, :math:`\mu` and :math:`v` are running
    means from training, which are constant, and
    :math:`\partial L / \partial x = g \gamma / \sqrt{v + \epsilon}`.

    Parameters
    ----------
    num_features : int
        The number of features: an input is (rows, num_features), or has a length behind these.
    eps : float
        Keeps the quotient finite.
    momentum : float or None
        How much of the batch goes into the running means in a step; None is the mean of all
        batches so far.
    affine : bool
        Whether there are a scale and a shift.
    track_running_stats : bool
        Whether there are running means. Without, a batch is always normalised by its own.
    dtype : dtype
        The floating-point type of the parameters.

    Attributes
    ----------
    weight, bias : Tensor, shape (num_features,), or None
        The scale :math:`\gamma`, 1 at first, and the shift :math:`\beta`, 0 at first.
    running_mean, running_var : Tensor, shape (num_features,), or None
        They are in the state, and not among the parameters. The variance is the unbiased one,
        divided by :math:`n - 1`.
    num_batches_tracked : Tensor of int, or None

    Raises
    ------
    TypeError
        If the number of features is not an integer.
    ValueError
        If it is less than 1; on a call, if the input is of another shape, or has one entry for
        each feature in training.

    References
    ----------
    S. Ioffe, C. Szegedy: *Batch normalization*, 2015, arXiv:1502.03167.

    Examples
    --------
    >>> import autograd_lite as al
    >>> layer = al.nn.BatchNorm1d(2)
    >>> x = al.Tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> layer(x).numpy().round(3).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    >>> layer.running_mean.numpy().round(3).tolist()
    [0.2, 2.0]
    >>> list(layer.state_dict())
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    """

    shapes = ("", ", length")


class BatchNorm2d(_BatchNorm):
    r"""Normalise every channel over the images of a batch.

    It is `BatchNorm1d` with channels for features, and with all pixels of all images for rows: with
    the mean :math:`\mu` and the variance :math:`v` of a channel and
    :math:`\hat x = (x - \mu) / \sqrt{v + \epsilon}`,

    .. math::
        y &= \gamma \hat x + \beta, \qquad
        \frac{\partial L}{\partial \gamma} = \sum g \hat x, \qquad
        \frac{\partial L}{\partial \beta} = \sum g \\
        \frac{\partial L}{\partial x} &= \frac{\gamma}{\sqrt{v + \epsilon}} \left(g - \bar g -
        \hat x \, \overline{g \hat x}\right)

    where sums and means, with a bar, are over all entries of a channel. Its attributes, its errors
    and what it does after ``eval()`` are those of `BatchNorm1d`.

    Parameters
    ----------
    num_features : int
        The number of channels: an input is (images, num_features, height, width).
    eps, momentum, affine, track_running_stats, dtype
        As of `BatchNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.BatchNorm2d(3)
    >>> x = np.random.default_rng(0).normal(5.0, 2.0, (4, 3, 8, 8))
    >>> y = layer(x).numpy()
    >>> (abs(y.mean(axis=(0, 2, 3))) < 1e-12).all(), y.std().round(3)
    (np.True_, np.float64(1.0))
    >>> layer.running_mean.numpy().round(1)
    array([0.5, 0.5, 0.5])
    """

    shapes = (", height, width",)


def _normalised(x: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return `x` with the mean 0 and the variance 1 along axes, the mean, and the variance."""
    mean: Tensor = ops.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    variance: Tensor = ops.mean(centred * centred, axis=axes, keepdims=True)
    y: Tensor = centred / ops.sqrt(variance + eps)
    return y, mean, variance
