"""Steps scaled by the sum of all squared gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.core.later import refuse_call
from autograd_lite.optim.optimizer import Optimizer, Params, number


class Adagrad(Optimizer):
    r"""The gradient over the root of the sum of all its squares: steps that become smaller.

    With the gradient :math:`g_t`, plus :math:`\lambda w_{t-1}` for a weight decay :math:`\lambda`,
    step :math:`t` is

    .. math::
        s_t &= s_{t-1} + g_t^2 \\
        w_t &= w_{t-1} - \frac{\mathrm{lr}}{1 + (t - 1) \, \mathrm{lr\_decay}}
        \frac{g_t}{\sqrt{s_t} + \epsilon}

    Parameters
    ----------
    params, lr, weight_decay, maximize
        As for `SGD`.
    lr_decay : float
        How fast the learning rate decreases, 0 or more.
    initial_accumulator_value : float
        The sum :math:`s_0`, 0 or more.
    eps : float
        Keeps the quotient finite, 0 or more.

    Raises
    ------
    TypeError, ValueError
        As for `SGD`, or if a setting is out of range.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer: *Adaptive subgradient methods for online learning and stochastic
    optimization*, Journal of Machine Learning Research 12, 2011.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor([1.0, 1.0], requires_grad=True)
    >>> optimiser = al.optim.Adagrad([w], lr=0.1)
    >>> (w * [2.0, 1000.0]).sum().backward()
    >>> optimiser.step()
    >>> w.numpy().round(6).tolist()
    [0.9, 0.9]
    """

    at_least_zero = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        })  # fmt: skip

    def update(self, p: Any, gradient: Any, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Return the gradient over the root of the sum of its squares."""
        if group["weight_decay"]:
            gradient = gradient + number(group["weight_decay"]) * p
        if not state:
            state["step"] = 0
            state["sum"] = np.zeros_like(gradient)[()] + number(group["initial_accumulator_value"])
        total = state["sum"]
        total += gradient * gradient
        lr = number(group["lr"]) / (1 + state["step"] * number(group["lr_decay"]))
        state["step"], state["sum"] = state["step"] + 1, total
        return lr * gradient / (np.sqrt(total) + number(group["eps"]))


refuse_call(globals(), "al.optim.Adagrad(net.parameters(), lr=0.01)")
