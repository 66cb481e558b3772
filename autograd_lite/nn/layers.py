"""Layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_lite import ops
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor


class Linear(Module):
    r"""A weighted sum: ``X @ weight + bias``.

    Parameters
    ----------
    in_features, out_features : int
        Numbers of inputs and outputs.
    bias : bool
        Whether a bias is added.
    rng : numpy.random.Generator, optional
        Draws the start: uniform in :math:`\pm 1 / \sqrt{\mathrm{in\_features}}`, weight first.
        Without one, every start is different.
    dtype : dtype
        Type of the parameters.

    Raises
    ------
    TypeError, ValueError
        If a number of features is not a whole number of 1 or more, or `rng` draws no numbers.

    Attributes
    ----------
    weight : Tensor, shape (in_features, out_features)
        As the formula writes it: a row of `X` times this matrix.
    bias : Tensor, shape (out_features,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> layer = nn.Linear(2, 1, rng=np.random.default_rng(0))
    >>> layer.weight.data = [[2.0], [3.0]]
    >>> layer.bias.data = [1.0]
    >>> layer(np.array([[1.0, 1.0]])).item()
    6.0
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        for name, count in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(count, int | np.integer):
                raise TypeError(
                    f"Linear needs whole numbers of inputs and outputs, got {name}={count!r}. "
                    f"Write Linear(3, 2), say."
                )
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"Linear needs at least one input and one output, got in_features={in_features} "
                f"and out_features={out_features}."
            )
        rng = np.random.default_rng() if rng is None else rng
        if not hasattr(rng, "uniform"):
            raise TypeError(
                f"Linear needs a numpy.random.Generator to draw its start, got rng={rng!r}. Write "
                f"rng=np.random.default_rng(0); layers that share one start differently."
            )
        bound = 1 / np.sqrt(in_features)
        weight = rng.uniform(-bound, bound, (in_features, out_features))
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype)
        self.bias = None
        if bias:
            start = rng.uniform(-bound, bound, out_features)
            self.bias = Tensor(start, requires_grad=True, dtype=dtype)

    def forward(self, x: Any) -> Any:
        """Compute ``x @ weight + bias`` for `x` of shape (..., in_features)."""
        weighted = x @ self.weight
        return weighted if self.bias is None else weighted + self.bias

    def extra_repr(self) -> str:
        """Return the numbers of inputs and outputs."""
        return ", ".join(map(str, self.weight.shape))


class Sigmoid(Module):
    """The logistic function, entry by entry: see `autograd_lite.sigmoid`."""

    def forward(self, x: Any) -> Any:
        """Compute ``1 / (1 + exp(-x))``."""
        return ops.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent, entry by entry."""

    def forward(self, x: Any) -> Any:
        """Compute ``tanh(x)``."""
        return ops.tanh(x)


class ReLU(Module):
    """The positive part, entry by entry; its derivative at 0 is 0."""

    def forward(self, x: Any) -> Any:
        """Compute ``max(x, 0)``."""
        return ops.relu(x)


class Sequential(Module):
    """Modules one after the other; their paths are their positions: ``0.weight``.

    Parameters
    ----------
    *modules : Module
        The first gets the input, each next one the output of the one before.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Sigmoid(), nn.Linear(2, 1, rng=rng))
    >>> net
    Sequential          9 parameters
      0: Linear(2, 2)   weight (2, 2), bias (2,)
      1: Sigmoid
      2: Linear(2, 1)   weight (2, 1), bias (1,)
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not callable(module):
                raise TypeError(
                    f"Sequential needs modules, got {type(module).__name__} at position {i}."
                )
            setattr(self, str(i), module)
        self._positions = tuple(map(str, range(len(modules))))

    def forward(self, x: Any) -> Any:
        """Pass the input through all modules."""
        parts = vars(self)
        for i in self._positions:
            x = parts[i](x)
        return x

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, i: int) -> Module:
        module: Module = getattr(self, self._positions[i])
        return module

    def __iter__(self) -> Iterator[Module]:
        return (self[i] for i in range(len(self)))
