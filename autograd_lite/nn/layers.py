"""Layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_lite import ops
from autograd_lite.core.operands import checked, drawn, is_recorder
from autograd_lite.functional.operations import relu, sigmoid
from autograd_lite.functional.settings import check_counts, check_range
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
        If a number of features is less than 1; on a call, if the last axis of the input has another
        length.

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

    transposed = ("weight",)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        check_counts("Linear", in_features=in_features, out_features=out_features)
        rng = generator("Linear", rng)
        bound = 1 / np.sqrt(in_features)
        weight = rng.uniform(-bound, bound, (in_features, out_features))
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype)
        self.bias = None
        if bias:
            start = rng.uniform(-bound, bound, out_features)
            self.bias = Tensor(start, requires_grad=True, dtype=dtype)

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Compute ``x @ weight + bias``: (..., in_features) becomes (..., out_features)."""
        # The product of another kind of array on the left would be its own: a frame's, say.
        weighted = x @ self.weight if isinstance(x, Tensor) else ops.matmul(x, self.weight)
        bias = self.bias
        return weighted if bias is None else weighted + bias

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
        return ops.tanh(x)


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

    ``net[i]``, ``net[i:j]``, ``net[i] = module``, ``len(net)`` and iteration work as for a list. A
    part of a network shares its parameters.

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
            _check_part(module, i)
            setattr(self, str(i), module)
        self._positions = tuple(map(str, range(len(modules))))

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Pass what the first module takes through all, and return what the last returns."""
        parts = vars(self)
        y: Tensor = x  # type: ignore[assignment]  # What the first module makes a Tensor of.
        for i in self._positions:
            y = parts[i](y)
        return y

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, i: int) -> Module: ...
    @overload
    def __getitem__(self, i: slice) -> Sequential: ...
    def __getitem__(self, i: int | slice) -> Module:
        at = self._positions[i]
        parts = vars(self)
        module: Module = (
            parts[at] if isinstance(at, str) else Sequential(*(parts[name] for name in at))
        )
        return module

    def __setitem__(self, i: int, module: Module) -> None:
        _check_part(module, i)
        setattr(self, self._positions[i], module)

    def __iter__(self) -> Iterator[Module]:
        return (self[i] for i in range(len(self)))


def _check_part(module: object, i: int) -> None:
    if isinstance(module, type) or not callable(module):
        got = f"the class {module.__name__}" if isinstance(module, type) else type(module).__name__
        raise TypeError(
            f"Sequential needs modules, got {got} at position {i}. Pass one after the other: "
            f"nn.Sequential(nn.Linear(2, 3), nn.Tanh())."
        )


class Flatten(Module):
    """One axis in place of several: a row of numbers for every image, for instance.

    The gradient of the input is that of the output, in the shape of the input.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of the axes; by default all but the first.

    Raises
    ------
    ValueError
        If the input does not have these axes, in this order.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.nn.Flatten()(al.Tensor(np.zeros((5, 2, 3)))).shape
    (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Reshape `x`."""
        first, last = (d + x.ndim if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < x.ndim:
            raise ValueError(
                f"Flatten needs an input with the axes {self.start_dim} to {self.end_dim}, got "
                f"shape {x.shape}."
            )
        length = int(np.prod(x.shape[first : last + 1]))
        return x.reshape(*x.shape[:first], length, *x.shape[last + 1 :])

    def extra_repr(self) -> str:
        """Return the axes."""
        return f"{self.start_dim}, {self.end_dim}"


class Dropout(Module):
    r"""In training, put 0 in place of a random part of the entries, and enlarge the others.

    With a random mask :math:`m` of zeros, with probability :math:`p`, and ones,

    .. math::
        y = \frac{m x}{1 - p}, \qquad \frac{\partial L}{\partial x} = \frac{m g}{1 - p}

    After ``eval()``, :math:`y = x`.

    Parameters
    ----------
    p : float
        The probability of a 0, from 0 to 1.
    rng : numpy.random.Generator, optional
        Draws the masks. By default, a new generator with a random seed.

    Raises
    ------
    TypeError
        If `rng` is not a generator.
    ValueError
        If `p` is not from 0 to 1.

    References
    ----------
    N. Srivastava and others: *Dropout: a simple way to prevent neural networks from overfitting*,
    Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.Dropout(0.5, rng=np.random.default_rng(0))
    >>> layer(al.Tensor([1.0, 2.0, 3.0, 4.0])).tolist()
    [2.0, 0.0, 0.0, 0.0]
    >>> layer.eval()(al.Tensor([1.0, 2.0, 3.0, 4.0])).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        check_range("Dropout", "from 0 to 1", p=p)
        self.p, self.rng = float(p), generator("Dropout", rng)

    def forward(self, x: Tensor) -> Tensor:
        """Drop entries in training, of the shape of `x`."""
        if not self.training or self.p == 0:
            return x
        p, shape, dtype = self.p, x.shape, x.dtype
        factor = 1 / (1 - p) if p < 1 else 0.0
        mask = drawn(self.rng, lambda rng: ((rng.random(shape) >= p) * factor).astype(dtype), x)
        return x * mask

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p:g}"


class Embedding(Module):
    r"""A vector for every number: row :math:`i` of a table.

    .. math::
        y_{k} = W_{i_k}, \qquad
        \frac{\partial L}{\partial W_j} = \sum_{k : \, i_k = j} g_k

    Parameters
    ----------
    num_embeddings : int
        The number of rows.
    embedding_dim : int
        The length of a row.
    rng : numpy.random.Generator, optional
        Draws the initial values from the standard normal distribution. By default, a new generator
        with a random seed.
    dtype : dtype
        The floating-point type of the table.

    Attributes
    ----------
    weight : Tensor, shape (num_embeddings, embedding_dim)
        The table :math:`W`.

    Raises
    ------
    TypeError
        If a size is not an integer, or `rng` is not a generator; on a call, if a number is not an
        integer.
    ValueError
        If a size is less than 1; on a call, if a number is not a row of the table.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.Embedding(5, 2, rng=np.random.default_rng(0))
    >>> layer.weight.data = np.arange(10).reshape(5, 2)
    >>> layer([3, 0]).tolist()
    [[6.0, 7.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        check_counts("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        table = generator("Embedding", rng).normal(size=(num_embeddings, embedding_dim))
        self.weight = Tensor(table, requires_grad=True, dtype=dtype)

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Look up rows, by integers from 0: of shape ``(*x.shape, embedding_dim)``."""
        rows: Any = x._value() if isinstance(x, Tensor) else x
        rows = rows if is_recorder(rows) else np.array(rows)
        if rows.dtype.kind not in "iu":
            raise TypeError(
                f"Embedding needs integers, got dtype {rows.dtype}. Write x.astype(int)."
            )
        rows = checked(_are_rows, rows, self.weight.shape[0])
        return ops.getitem(self.weight, index=rows)

    def extra_repr(self) -> str:
        """Return the sizes of the table."""
        return ", ".join(map(str, self.weight.shape))


def generator(name: str, rng: np.random.Generator | None) -> np.random.Generator:
    """Return a generator, a new one if none is given; anything else is refused."""
    rng = np.random.default_rng() if rng is None else rng
    if not hasattr(rng, "uniform"):
        raise TypeError(
            f"{name} needs a numpy.random.Generator, got rng={rng!r}. Write "
            f"rng=np.random.default_rng(0), and pass the same one to every layer."
        )
    return rng


def _are_rows(rows: Any, count: int) -> Any:
    wrong = rows[(rows < 0) | (rows >= count)]
    if wrong.size:
        raise ValueError(
            f"Embedding needs numbers from 0 to {count - 1} for {count} rows, got {wrong[0]}."
        )
    return rows
