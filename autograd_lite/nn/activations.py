"""Activations with settings, or made of several operations."""

from __future__ import annotations

import math
from typing import Any, Literal

from autograd_lite import ops
from autograd_lite.functional.operations import log_softmax, sigmoid, softmax, softplus
from autograd_lite.functional.settings import check_range
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor


class LeakyReLU(Module):
    r"""The entry where it is positive, else a small part of it.

    .. math::
        y = \begin{cases} x & x > 0 \\ a x & \text{else} \end{cases} \qquad
        \frac{\partial L}{\partial x} = g \begin{cases} 1 & x > 0 \\ a & \text{else} \end{cases}

    Parameters
    ----------
    negative_slope : float
        The part :math:`a`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.LeakyReLU(0.1)(al.Tensor([-2.0, 3.0])).tolist()
    [-0.2, 3.0]
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        check_range("LeakyReLU", negative_slope=negative_slope)
        self.negative_slope = float(negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``x``, or ``negative_slope * x``, of the shape of `x`."""
        return ops.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        """Return the factor for negative entries."""
        return f"{self.negative_slope:g}"


class ELU(Module):
    r"""The entry where it is positive, else an exponential that levels off.

    .. math::
        y = \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{else} \end{cases} \qquad
        \frac{\partial L}{\partial x} =
        g \begin{cases} 1 & x > 0 \\ y + \alpha & \text{else} \end{cases}

    Parameters
    ----------
    alpha : float
        The size :math:`\alpha` of what it levels off at.

    References
    ----------
    D.-A. Clevert, T. Unterthiner, S. Hochreiter: *Fast and accurate deep network learning by
    exponential linear units*, 2015, arXiv:1511.07289.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.ELU()(al.Tensor([-2.0, 3.0])).numpy().round(4).tolist()
    [-0.8647, 3.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        check_range("ELU", alpha=alpha)
        self.alpha = float(alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``x``, or ``alpha * (exp(x) - 1)``, of the shape of `x`."""
        return ops.elu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        """Return alpha."""
        return f"alpha={self.alpha:g}"


class GELU(Module):
    r"""The entry times the probability that a normal number is less.

    .. math::
        y = x \Phi(x), \quad \Phi(x) = \frac{1 + \mathrm{erf}(x / \sqrt 2)}{2}, \qquad
        \frac{\partial L}{\partial x} =
        g \left(\Phi(x) + x \frac{e^{-x^2 / 2}}{\sqrt{2 \pi}}\right)

    Parameters
    ----------
    approximate : {"none", "tanh"}
        With "tanh", :math:`\Phi(x) \approx (1 + t) / 2` with
        :math:`t = \tanh\left(\sqrt{2 / \pi} (x + 0.044715 x^3)\right)`, whose gradient is
        :math:`g \left((1 + t) / 2 + x (1 - t^2) \sqrt{2 / \pi} (1 + 0.134145 x^2) / 2\right)`.
        It is faster.

    Raises
    ------
    ValueError
        If `approximate` is not one of them.

    References
    ----------
    D. Hendrycks, K. Gimpel: *Gaussian error linear units*, 2016, arXiv:1606.08415.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.GELU()(al.Tensor([-1.0, 0.0, 2.0])).numpy().round(4).tolist()
    [-0.1587, 0.0, 1.9545]
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU needs approximate to be none or tanh, got {approximate!r}.")
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``x * Phi(x)``, of the shape of `x`."""
        if self.approximate == "tanh":
            inner: Any = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            phi: Any = 1 + ops.tanh(inner)
        else:
            phi = 1 + ops.erf(x * math.sqrt(0.5))
        return 0.5 * x * phi

    def extra_repr(self) -> str:
        """Return the approximation, if any."""
        return "" if self.approximate == "none" else self.approximate


class SiLU(Module):
    r"""The entry times its sigmoid.

    .. math::
        y = x \sigma(x), \qquad
        \frac{\partial L}{\partial x} = g \, \sigma(x) \left(1 + x (1 - \sigma(x))\right)

    References
    ----------
    S. Elfwing, E. Uchibe, K. Doya: *Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning*, 2017, arXiv:1702.03118.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.SiLU()(al.Tensor([-1.0, 0.0, 2.0])).numpy().round(4).tolist()
    [-0.2689, 0.0, 1.7616]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``x * sigmoid(x)``, of the shape of `x`."""
        return x * sigmoid(x)


class Softplus(Module):
    r"""The positive part of every entry, rounded near 0.

    .. math::
        y = \frac{1}{\beta} \ln(1 + e^{\beta x}), \qquad
        \frac{\partial L}{\partial x} = g \, \sigma(\beta x)

    Parameters
    ----------
    beta : float
        How sharp it is, more than 0.

    Raises
    ------
    ValueError
        If `beta` is not more than 0.

    Notes
    -----
    It neither overflows nor loses digits, so there is no ``threshold`` as in PyTorch, beyond which
    it would be `x`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.Softplus()(al.Tensor([-1.0, 0.0, 1000.0])).numpy().round(4).tolist()
    [0.3133, 0.6931, 1000.0]
    """

    def __init__(self, beta: float = 1.0) -> None:
        check_range("Softplus", "of more than 0", beta=beta)
        self.beta = float(beta)

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``log(1 + exp(beta * x)) / beta``, of the shape of `x`."""
        return softplus(x) if self.beta == 1 else softplus(self.beta * x) / self.beta

    def extra_repr(self) -> str:
        """Return beta, if it is not 1."""
        return "" if self.beta == 1 else f"beta={self.beta:g}"


class _AlongAxis(Module):
    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    r"""Positive numbers that sum to 1 along an axis.

    .. math::
        y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}, \qquad
        \frac{\partial L}{\partial x_i} = y_i \left(g_i - \sum_j g_j y_j\right)

    Parameters
    ----------
    dim : int
        The axis.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.Softmax()(al.Tensor([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``exp(x) / sum(exp(x))`` along the axis, of the shape of `x`."""
        return softmax(x, axis=self.dim)


class LogSoftmax(_AlongAxis):
    r"""The logarithm of `Softmax`, accurate where that is 0 to the last digit.

    .. math::
        y_i = x_i - \ln \sum_j e^{x_j}, \qquad
        \frac{\partial L}{\partial x_i} = g_i - e^{y_i} \sum_j g_j

    Parameters
    ----------
    dim : int
        The axis.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.LogSoftmax()(al.Tensor([0.0, -1000.0])).tolist()
    [0.0, -1000.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``x - log(sum(exp(x)))`` along the axis, of the shape of `x`."""
        return log_softmax(x, axis=self.dim)
