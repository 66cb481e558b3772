"""Layers that carry a state along a sequence."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_lite import ops
from autograd_lite.functional.settings import check_counts, check_range
from autograd_lite.nn.layers import Dropout, generator
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor


class _Recurrent(Module):
    """What the recurrent layers share: parameters, layers on each other, directions, shapes."""

    gates: ClassVar[int]
    states: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        name = type(self).__name__
        check_counts(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_range(name, "from 0 to 1", dropout=dropout)
        self.input_size, self.hidden_size = int(input_size), int(hidden_size)
        self.num_layers, self.bias, self.batch_first = int(num_layers), bias, batch_first
        self.bidirectional = bidirectional
        ends = "ih", "hh"
        self.transposed = tuple(f"weight_{end}_{path}" for path, _ in self._paths() for end in ends)
        rng = generator(name, rng)
        self.dropout = Dropout(dropout, rng=rng) if dropout else None
        bound, width = 1 / np.sqrt(hidden_size), self.gates * hidden_size
        for path, entering in self._paths():
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (entering, width),
                "weight_hh": (hidden_size, width),
            }
            if bias:
                shapes |= {"bias_ih": (width,), "bias_hh": (width,)}
            for what, shape in shapes.items():
                start = rng.uniform(-bound, bound, shape)
                setattr(self, f"{what}_{path}", Tensor(start, requires_grad=True, dtype=dtype))

    def _paths(self) -> list[tuple[str, int]]:
        """Return the end of the names of parameters, and the width of the input, in order."""
        directions = ("", "_reverse") if self.bidirectional else ("",)
        deeper = self.hidden_size * len(directions)
        return [
            (f"l{k}{direction}", deeper if k else self.input_size)
            for k in range(self.num_layers)
            for direction in directions
        ]

    def _run(self, z: Any, start: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        """Carry states along one layer; return them after every step."""
        raise NotImplementedError

    def _bias(self, path: str) -> tuple[Any, Any]:
        """Return what is added outside of the recurrence, and inside."""
        if not self.bias:
            return None, None
        return getattr(self, f"bias_ih_{path}") + getattr(self, f"bias_hh_{path}"), None

    def _forward(self, x: Any, given: tuple[Any, ...] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the output of the last layer, and each state at the end, of all layers."""
        name = type(self).__name__
        x = x if isinstance(x, Tensor) else Tensor(x)
        axis = 0 if self.batch_first and x.ndim == 3 else 1
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size or not x.shape[1 - axis]:
            rows = "batch, steps" if self.batch_first else "steps, batch"
            raise ValueError(
                f"{name} needs an input of shape ({rows}, {self.input_size}) or (steps, "
                f"{self.input_size}), and at least one step, got {x.shape}."
            )
        single = x.ndim == 2
        x = x[:, None] if single else x if axis else np.swapaxes(x, 0, 1)
        starts = [self._start(name, start, x, single) for start in given or (None,) * self.states]
        per_layer = 2 if self.bidirectional else 1
        ends: list[tuple[Any, ...]] = []
        for k in range(self.num_layers):
            if k and self.dropout is not None:
                x = self.dropout(x)
            results: list[Any] = []
            for path, _ in self._paths()[k * per_layer : (k + 1) * per_layer]:
                outside, inside = self._bias(path)
                entering = x if not results else x[::-1]
                rows = entering.reshape(-1, x.shape[-1]) @ getattr(self, f"weight_ih_{path}")
                rows = rows if outside is None else rows + outside
                z = rows.reshape(*x.shape[:2], self.gates * self.hidden_size)
                start = tuple(s[len(ends)] for s in starts)
                found = self._run(z, start, getattr(self, f"weight_hh_{path}"), inside)
                ends.append(tuple(state[-1] for state in found))
                results.append(found[0] if not results else found[0][::-1])
            x = results[0] if len(results) == 1 else np.concatenate(results, axis=-1)
        last = [ops.stack(*states) for states in zip(*ends, strict=True)]
        if single:
            return x[:, 0], [state[:, 0] for state in last]
        return (x if axis else np.swapaxes(x, 0, 1)), last

    def _start(self, name: str, start: Any, x: Tensor, single: bool) -> Any:
        """Return the state that every layer starts with; zeros, unless one was given."""
        shape = (len(self._paths()), x.shape[1], self.hidden_size)
        if start is None:
            return np.zeros(shape, x.dtype)
        start = start if isinstance(start, Tensor) else Tensor(start)
        wanted = (shape[0], shape[2]) if single else shape
        if start.shape != wanted:
            raise ValueError(f"{name} needs a first state of shape {wanted}, got {start.shape}.")
        return start[:, None] if single else start

    def extra_repr(self) -> str:
        """Return the sizes, and what is not the default."""
        parts = [str(self.input_size), str(self.hidden_size)]
        for what, default in (("num_layers", 1), ("batch_first", False), ("bidirectional", False)):
            value = getattr(self, what)
            parts += [f"{what}={value}"] if value != default else []
        return ", ".join(parts)


class _OfOneState(_Recurrent):
    """What the layers without a cell share: their call."""

    def forward(
        self, x: Tensor | ArrayLike, h: Tensor | ArrayLike | None = None
    ) -> tuple[Tensor, Tensor]:
        """Carry the state along.

        Parameters
        ----------
        x : Tensor or array_like, shape (steps, batch, input_size) or (steps, input_size)
        h : Tensor or array_like, shape (layers, batch, hidden_size), optional
            The first state of every layer and direction; zeros by default.

        Returns
        -------
        states : Tensor, shape (steps, batch, hidden_size)
            Of the last layer, after every step; those of two directions beside each other.
        last : Tensor, shape of `h`
            At the end, of every layer.

        Raises
        ------
        ValueError
            If a shape does not fit.
        """
        y, (last,) = self._forward(x, None if h is None else (h,))
        return y, last


class RNN(_OfOneState):
    r"""Carry a state along a sequence.

    From the inputs :math:`x_t` and the first state :math:`h_0`,

    .. math::
        h_t &= \tanh(x_t W + b + h_{t-1} U + c) \\
        \delta_t &= (g_t + \delta_{t+1} U^T) \odot (1 - h_t^2), \qquad
        \frac{\partial L}{\partial x_t} = \delta_t W^T, \quad
        \frac{\partial L}{\partial h_0} = \delta_1 U^T \\
        \frac{\partial L}{\partial W} &= \sum_t x_t^T \delta_t, \quad
        \frac{\partial L}{\partial U} = \sum_t h_{t-1}^T \delta_t, \quad
        \frac{\partial L}{\partial b} = \frac{\partial L}{\partial c} =
        \sum_t \mathbf{1}^T \delta_t

    with W, U, b and c for `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, and :math:`\delta = 0`
    behind the last step.

    Parameters
    ----------
    input_size, hidden_size : int
        The widths of the input and of the state.
    num_layers : int
        How many layers there are; each has the states of the one before as its input.
    nonlinearity : {"tanh", "relu"}
        The activation.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether the input is (batch, steps, width), and not (steps, batch, width).
    dropout : float
        The probability of a 0 between the layers, in training.
    bidirectional : bool
        Whether another state is carried from the end to the start, beside the first.
    rng : numpy.random.Generator, optional
        Draws the initial values, from the uniform distribution on
        :math:`\pm 1 / \sqrt{\text{hidden\_size}}`, and what is dropped.
    dtype : dtype
        The floating-point type of the parameters.

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (input_size, hidden_size)
    weight_hh_l0 : Tensor, shape (hidden_size, hidden_size)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (hidden_size,)
        Of the first layer; l1 and so on are further ones, with _reverse at the end from the end.

    Raises
    ------
    TypeError
        If a size is not an integer, or `rng` is not a generator.
    ValueError
        If a size is less than 1; on a call, if a shape does not fit.

    References
    ----------
    J. L. Elman: *Finding structure in time*, Cognitive Science 14, 1990.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.RNN(3, 4, rng=np.random.default_rng(0))
    >>> states, last = layer(np.ones((7, 2, 3)))
    >>> states.shape, last.shape
    ((7, 2, 4), (1, 2, 4))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN needs nonlinearity to be tanh or relu, got {nonlinearity!r}.")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            rng=rng, dtype=dtype,
        )  # fmt: skip

    def _run(self, z: Any, start: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        del bias
        return (ops.rnn(z, *start, weight, relu=self.nonlinearity == "relu"),)


class GRU(_OfOneState):
    r"""Carry a state along a sequence, with a gate that keeps it and one that resets it.

    With W, U, b and c for `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, each three parts r, u,
    n beside each other, and :math:`a = h_{t-1} U_n + c_n`,

    .. math::
        r &= \sigma(x W_r + b_r + h_{t-1} U_r + c_r), \quad
        u = \sigma(x W_u + b_u + h_{t-1} U_u + c_u), \quad
        n = \tanh(x W_n + b_n + r \odot a) \\
        h_t &= u \odot h_{t-1} + (1 - u) \odot n

    With :math:`\delta_t` for the gradient of :math:`h_t`,

    .. math::
        \delta_n &= \delta_t \odot (1 - u)(1 - n^2), \quad
        \delta_u = \delta_t \odot (h_{t-1} - n) \, u (1 - u), \quad
        \delta_r = \delta_n \odot a \, r (1 - r) \\
        \delta_{t-1} &= g_{t-1} + \delta_t \odot u + [\delta_r, \delta_u, \delta_n r] \, U^T \\
        \frac{\partial L}{\partial W} &= \sum_t x_t^T [\delta_r, \delta_u, \delta_n], \quad
        \frac{\partial L}{\partial U} = \sum_t h_{t-1}^T [\delta_r, \delta_u, \delta_n r], \quad
        \frac{\partial L}{\partial x_t} = [\delta_r, \delta_u, \delta_n] \, W^T

    and for b and c the same without the factors :math:`x` and :math:`h`.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng, dtype
        As of `RNN`.

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (input_size, 3 * hidden_size)
    weight_hh_l0 : Tensor, shape (hidden_size, 3 * hidden_size)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (3 * hidden_size,)
        Named as those of `RNN`.

    Raises
    ------
    TypeError, ValueError
        As `RNN`.

    References
    ----------
    K. Cho and others: *Learning phrase representations using RNN encoder-decoder*, 2014,
    arXiv:1406.1078.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.GRU(3, 4, batch_first=True, rng=np.random.default_rng(0))
    >>> states, last = layer(np.ones((2, 7, 3)))
    >>> states.shape, last.shape
    ((2, 7, 4), (1, 2, 4))
    >>> np.array_equal(states[:, -1].numpy(), last[0].numpy())
    True
    """

    gates = 3

    def _bias(self, path: str) -> tuple[Any, Any]:
        if not self.bias:
            return None, np.zeros(3 * self.hidden_size, getattr(self, f"weight_hh_{path}").dtype)
        return getattr(self, f"bias_ih_{path}"), getattr(self, f"bias_hh_{path}")

    def _run(self, z: Any, start: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        return (ops.gru(z, *start, weight, bias),)


class LSTM(_Recurrent):
    r"""Carry a state and a cell along a sequence: gates write the cell, keep it and show it.

    With W, U, b and c for `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, each four parts i, f,
    m, o beside each other,

    .. math::
        [i, f, o] &= \sigma(x W_{ifo} + b_{ifo} + h_{t-1} U_{ifo} + c_{ifo}), \quad
        m = \tanh(x W_m + b_m + h_{t-1} U_m + c_m) \\
        c_t &= f \odot c_{t-1} + i \odot m, \qquad h_t = o \odot \tanh c_t

    With :math:`\delta_t` and :math:`\gamma_t` for the gradients of :math:`h_t` and :math:`c_t`,

    .. math::
        \gamma_t &= f_{t+1} \odot \gamma_{t+1} + \delta_t \odot o (1 - \tanh^2 c_t) \\
        D_t &= [\gamma_t m \, i (1 - i), \; \gamma_t c_{t-1} f (1 - f), \;
        \gamma_t i (1 - m^2), \; \delta_t \tanh(c_t) \, o (1 - o)] \\
        \delta_{t-1} &= g_{t-1} + D_t U^T, \quad
        \frac{\partial L}{\partial W} = \sum_t x_t^T D_t, \quad
        \frac{\partial L}{\partial U} = \sum_t h_{t-1}^T D_t, \quad
        \frac{\partial L}{\partial x_t} = D_t W^T, \quad
        \frac{\partial L}{\partial b} = \frac{\partial L}{\partial c} = \sum_t \mathbf{1}^T D_t

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng, dtype
        As of `RNN`.

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (input_size, 4 * hidden_size)
    weight_hh_l0 : Tensor, shape (hidden_size, 4 * hidden_size)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (4 * hidden_size,)
        Named as those of `RNN`.

    Raises
    ------
    TypeError, ValueError
        As `RNN`; also on a call, if `hc` are not two.

    References
    ----------
    S. Hochreiter, J. Schmidhuber: *Long short-term memory*, Neural Computation 9, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> layer = al.nn.LSTM(3, 4, num_layers=2, rng=np.random.default_rng(0))
    >>> states, (last, cell) = layer(np.ones((7, 2, 3)))
    >>> states.shape, last.shape, cell.shape
    ((7, 2, 4), (2, 2, 4), (2, 2, 4))
    """

    gates, states = 4, 2

    def forward(
        self, x: Tensor | ArrayLike, hc: tuple[Tensor | ArrayLike, Tensor | ArrayLike] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Carry state and cell along: as in `RNN`, but `hc` and what comes last are pairs."""
        if hc is not None and (not isinstance(hc, tuple | list) or len(hc) != 2):
            raise ValueError("LSTM needs a first state and a first cell: layer(x, (h, c)).")
        y, (last, cell) = self._forward(x, None if hc is None else tuple(hc))
        return y, (last, cell)

    def _run(self, z: Any, start: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        del bias
        both = ops.lstm(z, *start, weight)
        return both[0], both[1]
