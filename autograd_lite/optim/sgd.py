"""Gradient descent."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from autograd_lite.core.modes import GradientError
from autograd_lite.nn.module import Module
from autograd_lite.numpy_api.in_place import note_write
from autograd_lite.tensor import Tensor

_LARGE = 10_000  # Entries.


class SGD:
    r"""Gradient descent: :math:`w \leftarrow w - \mathrm{lr} \, \partial L / \partial w`.

    It is stochastic where the gradient comes from a part of the data.

    Parameters
    ----------
    params : iterable of Tensor
        The parameters to train: ``net.parameters()``, for instance. A parameter that is listed
        twice moves once.
    lr : float
        The learning rate, 0 or more.

    Attributes
    ----------
    params : list of Tensor
        The parameters, each once.
    lr : float
        The learning rate; assign to it at any time.

    Raises
    ------
    TypeError
        If `params` is not an iterable of Tensors, or `lr` is not a number.
    ValueError
        If `params` is empty or holds a tensor that is not a leaf or does not require a gradient, or
        `lr` is negative or not finite.

    Notes
    -----
    A step gives each parameter a new array. Graphs that were recorded before the step keep the old
    values, so ``backward()`` on them stays right.

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

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        if isinstance(params, Module | Tensor):
            call = "params.parameters()" if isinstance(params, Module) else "[params]"
            raise TypeError(
                f"SGD needs an iterable of Tensors, got a {type(params).__name__}. Pass {call}."
            )
        self.params = list(params)
        if not self.params:
            raise ValueError("SGD needs at least one parameter, got none. Pass net.parameters().")
        for i, p in enumerate(self.params):
            if not isinstance(p, Tensor):
                raise TypeError(f"SGD needs Tensors, got {type(p).__name__} at position {i}.")
            if not (p.is_leaf and p.requires_grad):
                raise ValueError(
                    f"SGD needs leaf tensors with requires_grad=True, got {p!r} at position {i}. "
                    f"Pass the tensors that were created, not results computed from them."
                )
        self.params = list(dict.fromkeys(self.params))  # One of two layers moves once.
        try:
            fits = math.isfinite(lr) and lr >= 0
        except TypeError:
            raise TypeError(
                f"SGD needs a number as its learning rate, got lr={lr!r}. Write lr=0.1, for "
                f"instance."
            ) from None
        if not fits:
            raise ValueError(f"SGD needs a finite learning rate of 0 or more, got lr={lr!r}.")
        self.lr = lr

    def zero_grad(self) -> None:
        """Clear the gradients of all parameters: ``grad`` is None again.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> (3 * w).backward()
        >>> al.optim.SGD([w], lr=0.1).zero_grad()
        >>> w.grad is None
        True
        """
        for p in self.params:
            p._grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient, against it.

        A parameter keeps its shape and dtype; one without a gradient stays as it is.

        Raises
        ------
        GradientError
            If no parameter has a gradient: ``backward()`` was not called, or reached none of them.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> (3 * w).backward()
        >>> al.optim.SGD([w], lr=0.25).step()
        >>> w.item()
        0.25
        """
        moved = False
        lr = float(self.lr)  # A NumPy number would turn a float32 parameter into float64.
        for p in self.params:
            g = p._grad
            if g is not None:
                change = lr * (g._value() if isinstance(g, Tensor) else g)
                # For a large array, getting new memory takes longer than subtracting.
                out = change if change.size > _LARGE else None
                p._data = p._data - change if out is None else np.subtract(p._data, change, out=out)
                moved = True
                if p._rare is not None and p._shared:
                    note_write(p)
        if not moved:
            raise GradientError(
                "SGD.step: no parameter has a gradient. Call loss.backward() first, on a loss "
                "computed from these parameters."
            )
