"""Layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_lite import ops
from autograd_lite.functional.operations import relu, sigmoid
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor


class Linear(Module):
    r"""A weighted sum of the inputs: ``x @ weight + bias``.

    Parameters
    ----------
    in_features, out_features : int
        The numbers of inputs and outputs.
    bias : bool
        Whether to add a bias.
    rng : numpy.random.Generator, optional
        Draws the initial values, `weight` first, from the uniform distribution on
        :math:`\pm 1 / \sqrt{\mathrm{in\_features}}`. By default, a new generator with a random
        seed.
    dtype : dtype
        The floating-point type of the parameters.

    Attributes
    ----------
    weight : Tensor, shape (in_features, out_features)
        As the formula writes it: a row of `x` times this matrix.
    bias : Tensor, shape (out_features,), or None
        None with ``bias=False``.

    Raises
    ------
    TypeError
        If a number of features is not an integer, `rng` is not a generator, or `dtype` is not a
        floating-point type.
    ValueError
        If a number of features is less than 1.

    Notes
    -----
    The range is the one of ``torch.nn.Linear``. It is not from a paper: for a scale that fits the
    activation, assign ``layer.weight.data``.

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
                    f"Linear needs integers as its numbers of inputs and outputs, got "
                    f"{name}={count!r}. Write Linear(3, 2), for instance."
                )
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"Linear needs at least one input and one output, got in_features={in_features} "
                f"and out_features={out_features}."
            )
        rng = np.random.default_rng() if rng is None else rng
        if not hasattr(rng, "uniform"):
            raise TypeError(
                f"Linear needs a numpy.random.Generator for its initial values, got rng={rng!r}. "
                f"Write rng=np.random.default_rng(0), and pass the same generator to every layer: "
                f"each then gets values of its own."
            )
        bound = 1 / np.sqrt(in_features)
        weight = rng.uniform(-bound, bound, (in_features, out_features))
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype)
        self.bias = None
        if bias:
            start = rng.uniform(-bound, bound, out_features)
            self.bias = Tensor(start, requires_grad=True, dtype=dtype)

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Compute ``x @ weight + bias``.

        Parameters
        ----------
        x : Tensor or array_like, shape (..., in_features)

        Returns
        -------
        Tensor, shape (..., out_features)

        Raises
        ------
        ValueError
            If the last axis of `x` has another length.
        """
        weighted = x @ self.weight
        return weighted if self.bias is None else weighted + self.bias

    def extra_repr(self) -> str:
        """Return the numbers of inputs and outputs."""
        return ", ".join(map(str, self.weight.shape))


class Sigmoid(Module):
    r"""The logistic function of every entry, :math:`\sigma(x) = 1 / (1 + e^{-x})`.

    See `autograd_lite.sigmoid` for the function.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.Sigmoid()(al.Tensor(0.0)).item()
    0.5
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``1 / (1 + exp(-x))``, of the shape of `x`."""
        return sigmoid(x)


class Tanh(Module):
    r"""The hyperbolic tangent of every entry, :math:`(e^x - e^{-x}) / (e^x + e^{-x})`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.Tanh()(al.Tensor(0.0)).item()
    0.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``tanh(x)``, of the shape of `x`."""
        y: Tensor = ops.tanh(x)
        return y


class ReLU(Module):
    r"""The positive part of every entry, :math:`\max(x, 0)`; its derivative at 0 is 0.

    See `autograd_lite.relu` for the function.

    Examples
    --------
    >>> import autograd_lite as al
    >>> al.nn.ReLU()(al.Tensor([-2.0, 3.0])).tolist()
    [0.0, 3.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``max(x, 0)``, of the shape of `x`."""
        return relu(x)


class Sequential(Module):
    """Modules one after the other: the output of each is the input of the next.

    ``net[i]``, ``len(net)`` and iteration work as for a list.

    Parameters
    ----------
    *modules : Module
        In order. Their paths are their positions: ``0.weight``.

    Raises
    ------
    TypeError
        If one of them cannot be called.

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
    >>> net[0].weight.shape, len(net)
    ((2, 2), 3)
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not callable(module):
                raise TypeError(
                    f"Sequential needs modules, got {type(module).__name__} at position {i}."
                )
            setattr(self, str(i), module)
        self._positions = tuple(map(str, range(len(modules))))

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Pass the input through all modules.

        Parameters
        ----------
        x : Tensor or array_like
            What the first module takes.

        Returns
        -------
        Tensor
            What the last module returns.
        """
        parts = vars(self)
        y: Tensor = x  # type: ignore[assignment]  # What the first module makes a Tensor of.
        for i in self._positions:
            y = parts[i](y)
        return y

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, i: int) -> Module:
        module: Module = getattr(self, self._positions[i])
        return module

    def __iter__(self) -> Iterator[Module]:
        return (self[i] for i in range(len(self)))
