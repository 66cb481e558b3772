"""The rules by which parameters move: gradient descent, and steps scaled by past gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.core.operands import is_recorder, owned
from autograd_lite.numpy_api.versions import note_write
from autograd_lite.optim.optimizer import LARGE, Optimizer, Params, number
from autograd_lite.tensor import Tensor


class SGD(Optimizer):
    r"""Gradient descent: :math:`w \leftarrow w - \mathrm{lr} \, \partial L / \partial w`.

    It is stochastic where the gradient comes from a part of the data. With weight decay
    :math:`\lambda`, momentum :math:`\mu` and dampening :math:`\tau`, step :math:`t` is

    .. math::
        g_t &= \partial L / \partial w + \lambda w_{t-1} \\
        b_t &= \mu b_{t-1} + (1 - \tau) g_t, \quad b_1 = g_1 \\
        w_t &= w_{t-1} - \mathrm{lr} \, b_t, \quad\text{Nesterov:}\quad
        w_t = w_{t-1} - \mathrm{lr} \, (g_t + \mu b_t)

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        The parameters to train: ``net.parameters()``, for instance; or groups of them, as
        ``{"params": layer.parameters(), "lr": 0.01}``. A parameter that is listed twice moves once.
    lr : float
        The learning rate, 0 or more.
    momentum : float
        How much of the last step's direction goes into the next, 0 or more.
    dampening : float
        How much less of the gradient goes into the direction, 0 or more.
    weight_decay : float
        The factor of :math:`\lVert w \rVert^2 / 2` in the loss, 0 or more.
    nesterov : bool
        Whether to look ahead along the direction.
    maximize : bool
        Whether to climb instead.

    Raises
    ------
    TypeError
        If `params` is not an iterable of Tensors or groups, or a setting is not a number.
    ValueError
        If `params` is empty or holds a tensor that is not a leaf or does not require a gradient, a
        setting is negative or not finite, or Nesterov's step has no momentum or is dampened.

    Notes
    -----
    A step gives each parameter a new array. Graphs that were recorded before the step keep the old
    values, so ``backward()`` on them stays right. The order of operations and the first direction
    are those of ``torch.optim.SGD``. `Optimizer` lists the attributes and the methods.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor(1.0, requires_grad=True)
    >>> optimiser = al.optim.SGD([w], lr=0.01)
    >>> for _ in range(20):
    ...     loss = (5 * w - 42) ** 2 / 2
    ...     optimiser.zero_grad()
    ...     loss.backward()
    ...     optimiser.step()
    >>> round(5 * w.item(), 4)
    41.8827
    """

    at_least_zero = ("lr", "momentum", "weight_decay", "dampening")

    def __init__(
        self,
        params: Params,
        lr: float = 0.001,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        })  # fmt: skip

    def _check(self, settings: Mapping[str, Any]) -> None:
        super()._check(settings)
        if settings["nesterov"] and (settings["momentum"] == 0 or settings["dampening"] != 0):
            raise ValueError(
                f"SGD needs a momentum, and no dampening, for Nesterov's step, got "
                f"momentum={settings['momentum']} and dampening={settings['dampening']}. Write "
                f"momentum=0.9, nesterov=True."
            )

    def _move_group(self, group: dict[str, Any]) -> bool:
        if group["momentum"] or group["weight_decay"] or group["maximize"]:
            return super()._move_group(group)
        moved = False
        # An array in place of a number: NumPy takes half as long again for those.
        lr, rate, dtype = number(group["lr"]), None, None
        for p in group["params"]:
            g = p._grad
            if g is not None:
                if type(g) is not np.ndarray:
                    change = lr * (g._value() if isinstance(g, Tensor) else g)
                else:
                    if g.dtype is not dtype:
                        dtype = g.dtype
                        rate = lr if is_recorder(lr) else np.array(lr, dtype)
                    change = rate * g
                out = change if change.size > LARGE and not is_recorder(change) else None
                p._array = (
                    p._array - change if out is None else np.subtract(p._array, change, out=out)
                )
                moved = True
                if p._rare is not None and p._shared:
                    note_write(p)
        return moved

    def update(self, p: Any, gradient: Any, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Return the learning rate times the direction."""
        if group["weight_decay"]:
            gradient = gradient + number(group["weight_decay"]) * p
        if group["momentum"]:
            momentum = number(group["momentum"])
            direction = state.get("momentum_buffer")
            if direction is None:
                direction = owned(gradient)
            else:
                direction *= momentum
                direction += (1 - number(group["dampening"])) * gradient
            state["momentum_buffer"] = direction
            gradient = gradient + momentum * direction if group["nesterov"] else direction
        return number(group["lr"]) * gradient


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
