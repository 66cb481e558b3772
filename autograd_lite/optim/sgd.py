"""Gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.core.later import refuse_call
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


refuse_call(globals(), "al.optim.SGD(net.parameters(), lr=0.1)")
