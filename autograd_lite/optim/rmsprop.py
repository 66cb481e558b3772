"""Steps scaled by a running mean of the squared gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.core.later import refuse_call
from autograd_lite.optim.optimizer import Optimizer, Params, number


class RMSprop(Optimizer):
    r"""The gradient over the root of a running mean of its square.

    With the gradient :math:`g_t`, plus :math:`\lambda w_{t-1}` for a weight decay :math:`\lambda`,
    step :math:`t` is

    .. math::
        v_t &= \alpha v_{t-1} + (1 - \alpha) g_t^2, \quad v_0 = 0 \\
        m_t &= \alpha m_{t-1} + (1 - \alpha) g_t \text{ if centered, else } 0 \\
        b_t &= \mu b_{t-1} + \frac{g_t}{\sqrt{v_t - m_t^2} + \epsilon}, \quad b_0 = 0 \\
        w_t &= w_{t-1} - \mathrm{lr} \, b_t

    Parameters
    ----------
    params, lr, weight_decay, maximize, momentum
        As for `SGD`.
    alpha : float
        How much the running means keep in a step, 0 or more.
    eps : float
        Keeps the quotient finite, 0 or more.
    centered : bool
        Whether to divide by the standard deviation of the gradient.

    Raises
    ------
    TypeError, ValueError
        As for `SGD`, or if a setting is out of range.

    References
    ----------
    T. Tieleman, G. Hinton: *Neural networks for machine learning*, lecture 6.5, 2012;
    A. Graves: *Generating sequences with recurrent neural networks*, 2013, arXiv:1308.0850, is
    `centered`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor([1.0, 1.0], requires_grad=True)
    >>> optimiser = al.optim.RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w * [2.0, 1000.0]).sum().backward()
    >>> optimiser.step()
    >>> w.numpy().round(6).tolist()
    [0.8, 0.8]
    """

    at_least_zero = ("lr", "eps", "momentum", "weight_decay", "alpha")

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "maximize": maximize,
        })  # fmt: skip

    def update(self, p: Any, gradient: Any, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Return the gradient over the root of its running square."""
        alpha, momentum = number(group["alpha"]), number(group["momentum"])
        if group["weight_decay"]:
            gradient = gradient + number(group["weight_decay"]) * p
        if not state:
            state["step"], state["square_avg"] = 0, np.zeros_like(gradient)[()]
            if group["centered"]:
                state["grad_avg"] = np.zeros_like(gradient)[()]
        state["step"] += 1
        square = state["square_avg"]
        square *= alpha
        square += (1 - alpha) * gradient * gradient
        state["square_avg"] = square
        if group["centered"]:
            mean = state["grad_avg"]
            mean += (1 - alpha) * (gradient - mean)
            state["grad_avg"] = mean
            square = square - mean * mean
        change = gradient / (np.sqrt(square) + number(group["eps"]))
        if momentum:
            change += momentum * state.get("momentum_buffer", 0.0)
            state["momentum_buffer"] = change
        return number(group["lr"]) * change


refuse_call(globals(), "al.optim.RMSprop(net.parameters(), lr=0.01)")
