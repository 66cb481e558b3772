"""Adam, and Adam with the weight decay beside the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.core.later import refuse_call
from autograd_lite.optim.optimizer import Optimizer, Params, number


class Adam(Optimizer):
    r"""Steps of about the learning rate, whatever the size of the gradients.

    With the gradient :math:`g_t`, plus :math:`\lambda w_{t-1}` for a weight decay :math:`\lambda`,
    and :math:`\beta_1, \beta_2` the `betas`, step :math:`t` is

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad m_0 = 0 \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad v_0 = 0 \\
        w_t &= w_{t-1} - \mathrm{lr} \, \frac{m_t / (1 - \beta_1^t)}
        {\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    params, lr, weight_decay, maximize
        As for `SGD`.
    betas : (float, float)
        How much the running means of the gradient and of its square keep in a step, from 0 to
        less than 1.
    eps : float
        Keeps the quotient finite, 0 or more.
    amsgrad : bool
        Whether to divide by the largest :math:`v` so far.

    Raises
    ------
    TypeError, ValueError
        As for `SGD`, or if a setting is out of range.

    References
    ----------
    D. P. Kingma, J. Ba: *Adam: a method for stochastic optimization*, 2014, arXiv:1412.6980.
    S. J. Reddi, S. Kale, S. Kumar: *On the convergence of Adam and beyond*, 2019, arXiv:1904.09237,
    is `amsgrad`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor([1.0, 1.0], requires_grad=True)
    >>> optimiser = al.optim.Adam([w], lr=0.1)
    >>> (w * [2.0, 1000.0]).sum().backward()
    >>> optimiser.step()
    >>> w.numpy().round(6).tolist()
    [0.9, 0.9]
    """

    at_least_zero = ("lr", "eps", "weight_decay")
    _decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize,
        })  # fmt: skip

    def update(self, p: Any, gradient: Any, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Return the running mean over the root of the running square, and the decay."""
        lr, decay = number(group["lr"]), number(group["weight_decay"])
        beta1, beta2 = map(number, group["betas"])
        if decay and not self._decoupled:
            gradient = gradient + decay * p
        if not state:
            state["step"] = 0
            names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]
            state.update((name, np.zeros_like(gradient)[()]) for name in names)
        step = state["step"] = state["step"] + 1
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean += (1 - beta1) * (gradient - mean)
        square *= beta2
        square += (1 - beta2) * gradient * gradient
        state["exp_avg"], state["exp_avg_sq"] = mean, square
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], square)
        size = np.sqrt(square)
        size /= (1 - beta2**step) ** 0.5
        size += number(group["eps"])
        change = (lr / (1 - beta1**step)) * mean
        change /= size
        return change + (lr * decay) * p if decay and self._decoupled else change


class AdamW(Adam):
    r"""Adam whose weight decay does not pass through the running means.

    Step :math:`t` subtracts :math:`\mathrm{lr} \, \lambda w_{t-1}` besides what `Adam` without
    weight decay subtracts.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        As for `Adam`.
    weight_decay : float
        The rate :math:`\lambda`, 0 or more.

    Raises
    ------
    TypeError, ValueError
        As for `Adam`.

    References
    ----------
    I. Loshchilov, F. Hutter: *Decoupled weight decay regularization*, 2017, arXiv:1711.05101.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(2.0, requires_grad=True)
    >>> optimiser = al.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (3 * w).backward()
    >>> optimiser.step()
    >>> round(w.item(), 6)
    1.8
    """

    _decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


refuse_call(globals(), "al.optim.Adam(net.parameters(), lr=0.001)")
