"""Optimisers: what turns gradients into new parameters."""

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
    r"""Gradient descent: :math:`w \leftarrow w - \mathrm{lr} \cdot \partial L / \partial w`.

    A step gives each parameter a new array; graphs that were recorded before keep the old one.

    Parameters
    ----------
    params : iterable of Tensor
        What to train, for instance ``net.parameters()``.
    lr : float
        The learning rate; may be changed at any time.

    Raises
    ------
    TypeError, ValueError
        If `params` is empty or holds anything but leaf tensors that require a gradient, or `lr`
        is not a finite number of 0 or more.

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
            raise ValueError("SGD needs at least one parameter, got none.")
        for i, p in enumerate(self.params):
            if not isinstance(p, Tensor):
                raise TypeError(f"SGD needs Tensors, got {type(p).__name__} at position {i}.")
            if not (p.is_leaf and p.requires_grad):
                raise ValueError(
                    f"SGD needs leaf tensors with requires_grad=True, got {p!r} at position {i}."
                )
        self.params = list(dict.fromkeys(self.params))  # One of two layers moves once.
        try:
            fits = math.isfinite(lr) and lr >= 0
        except TypeError:
            raise TypeError(
                f"SGD needs a number as its learning rate, got lr={lr!r}. Write lr=0.1, say."
            ) from None
        if not fits:
            raise ValueError(f"SGD needs a finite learning rate of 0 or more, got lr={lr!r}.")
        self.lr = lr

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.params:
            p._grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient.

        Raises
        ------
        GradientError
            If none has one: `backward` was not called, or reached none of them.
        """
        moved = False
        lr = float(self.lr)  # A NumPy number would make float64 of a parameter in float32.
        for p in self.params:
            g = p._grad
            if g is not None:
                change = lr * (g._value() if isinstance(g, Tensor) else g)
                # To get new memory for a large array takes longer than to subtract.
                out = change if change.size > _LARGE else None
                p._data = p._data - change if out is None else np.subtract(p._data, change, out=out)
                moved = True
                if p._rare is not None and p._shared:
                    note_write(p)
        if not moved:
            raise GradientError(
                "SGD.step: no parameter has a gradient. Call loss.backward() first, on a loss that "
                "was computed from these parameters."
            )
