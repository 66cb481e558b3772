"""Attention: every query gets a mean of values, weighted by how well their keys fit it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autograd_lite.functional.operations import softmax
from autograd_lite.functional.settings import check_counts, check_range
from autograd_lite.nn.init import xavier_uniform_
from autograd_lite.nn.layers import Dropout, Linear, generator
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor


def _to_add(name: str, mask: Any, shape: tuple[int, ...], dtype: Any, hides: bool) -> Any:
    """Return a mask as what is added to scores: 0, and -inf for what is hidden."""
    values = mask.numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    try:
        fits = np.broadcast_shapes(values.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} needs a mask for scores of shape {shape}, got {values.shape}.")
    if values.dtype == bool:
        return np.where(values == hides, np.array(-np.inf, dtype), np.array(0, dtype))
    if values.dtype.kind != "f":
        raise TypeError(
            f"{name} needs a mask of booleans, or of numbers to add to the scores, got dtype "
            f"{values.dtype}. Write mask.astype(bool)."
        )
    return values.astype(dtype)


def _attend(
    name: str, query: Any, key: Any, value: Any, added: Any, scale: float | None = None,
    dropout: Dropout | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the weighted means, and the weights; an additive mask hides with -inf."""
    # A Python float: times a float32 array, np.float64 would give float64.
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    scores = (query * scale) @ np.swapaxes(key, -1, -2)
    if added is not None:
        if np.isneginf(np.broadcast_to(added, scores.shape)).all(axis=-1).any():
            raise ValueError(f"{name} needs a mask that leaves each query at least one key.")
        scores = scores + added
    weights = softmax(scores, axis=-1)
    weights = weights if dropout is None else dropout(weights)
    return weights @ value, weights


def causal(queries: int, keys: int, dtype: Any) -> Any:
    """Return a mask to add: query i may look at the keys 0 to i."""
    return np.where(np.tri(queries, keys, dtype=bool), 0.0, -np.inf).astype(dtype)


def scaled_dot_product_attention(
    query: Tensor | ArrayLike,
    key: Tensor | ArrayLike,
    value: Tensor | ArrayLike,
    attn_mask: Tensor | ArrayLike | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    r"""Compute :math:`\mathrm{softmax}(Q K^T / \sqrt{d} + M) \, V`.

    Parameters
    ----------
    query : Tensor or array_like, shape (..., queries, d)
    key : Tensor or array_like, shape (..., keys, d)
    value : Tensor or array_like, shape (..., keys, width)
    attn_mask : array_like, shape (..., queries, keys), optional
        Booleans, True where a query may look, or numbers to add to the scores. (In
        `MultiheadAttention`, as in PyTorch's, True hides.)
    is_causal : bool
        Whether query i may look at the keys 0 to i only.
    scale : float, optional
        In place of :math:`1 / \sqrt{d}`.

    Returns
    -------
    Tensor, shape (..., queries, width)

    Raises
    ------
    ValueError
        If shapes do not fit, or a mask hides all keys from a query.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.nn import functional
    >>> q = k = np.zeros((3, 2))
    >>> v = np.array([[0.0], [2.0], [4.0]])
    >>> functional.scaled_dot_product_attention(q, k, v, is_causal=True).tolist()
    [[0.0], [1.0], [2.0]]
    """
    name = "scaled_dot_product_attention"
    q, k, v = (x if isinstance(x, Tensor) else Tensor(x) for x in (query, key, value))
    if q.ndim < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"{name} needs a query (..., queries, d), a key (..., keys, d) and a value (..., keys, "
            f"width), got {q.shape}, {k.shape} and {v.shape}."
        )
    ahead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2])
    shape = (*ahead, q.shape[-2], k.shape[-2])
    added = None if attn_mask is None else _to_add(name, attn_mask, shape, q.dtype, hides=False)
    if is_causal:
        later = causal(shape[-2], shape[-1], q.dtype)
        added = later if added is None else added + later
    return _attend(name, q, k, v, added, scale)[0]


class MultiheadAttention(Module):
    r"""Attention by several heads, each in a part of the width.

    With :math:`Q = q W_q + b_q`, :math:`K = k W_k + b_k` and :math:`V = v W_v + b_v`, each cut into
    heads of the width :math:`d`, and a mask :math:`M` of zeros, and :math:`-\infty` for what is
    hidden, every head computes

    .. math::
        A &= \mathrm{softmax}\left(Q K^T / \sqrt d + M\right), \qquad Y = A V

    and :math:`y = [Y_1, Y_2, \dots] W_o + b_o`. With :math:`G` for the gradient of a head's
    :math:`Y`,

    .. math::
        \frac{\partial L}{\partial V} &= A^T G, \quad
        D = G V^T, \quad
        S = A \odot (D - \text{sum of } A \odot D \text{ in each row}) \\
        \frac{\partial L}{\partial Q} &= S K / \sqrt d, \quad
        \frac{\partial L}{\partial K} = S^T Q / \sqrt d, \quad
        \frac{\partial L}{\partial W_q} = q^T \frac{\partial L}{\partial Q}, \quad
        \frac{\partial L}{\partial W_o} = [Y_1, Y_2, \dots]^T g, \quad
        [G_1, G_2, \dots] = g W_o^T

    and for :math:`W_k` and :math:`W_v` like for :math:`W_q`.

    Parameters
    ----------
    embed_dim : int
        The width of queries, keys, values and results.
    num_heads : int
        How many heads share it.
    dropout : float
        The probability with which a weight, an entry of :math:`A`, is dropped in training, as by
        `Dropout`.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether inputs are (batch, steps, width), and not (steps, batch, width).
    rng : numpy.random.Generator, optional
        Draws the initial weights, and what is dropped. By default, a new generator with a random
        seed.
    dtype : dtype
        The floating-point type of the parameters.

    Attributes
    ----------
    in_proj_weight : Tensor, shape (embed_dim, 3 * embed_dim)
        :math:`W_q`, :math:`W_k` and :math:`W_v` beside each other.
    in_proj_bias : Tensor, shape (3 * embed_dim,), or None
    out_proj : Linear
        :math:`W_o` and :math:`b_o`.

    Raises
    ------
    TypeError
        If a number is not an integer, or `rng` is not a generator.
    ValueError
        If the heads do not divide the width, or `dropout` is not from 0 to 1; on a call, if a
        shape does not fit, or a mask hides all keys from a query.

    References
    ----------
    A. Vaswani and others: *Attention is all you need*, 2017, arXiv:1706.03762.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> rng = np.random.default_rng(0)
    >>> layer = al.nn.MultiheadAttention(8, 2, batch_first=True, rng=rng)
    >>> x = al.Tensor(rng.normal(size=(5, 3, 8)))
    >>> y, weights = layer(x, x, x, is_causal=True)
    >>> y.shape, weights.shape
    ((5, 3, 8), (5, 3, 3))
    >>> weights[0].numpy()[0].tolist()  # The first step sees itself alone.
    [1.0, 0.0, 0.0]
    """

    transposed = ("in_proj_weight",)

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        check_counts("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        check_range("MultiheadAttention", "from 0 to 1", dropout=dropout)
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention needs heads that divide its width, got embed_dim={embed_dim} "
                f"and num_heads={num_heads}."
            )
        self.embed_dim, self.num_heads = int(embed_dim), int(num_heads)
        self.batch_first = batch_first
        rng = generator("MultiheadAttention", rng)
        self.dropout = Dropout(dropout, rng=rng) if dropout else None
        start = xavier_uniform_((embed_dim, 3 * embed_dim), rng)
        self.in_proj_weight = Tensor(start, requires_grad=True, dtype=dtype)
        self.in_proj_bias = None
        if bias:
            self.in_proj_bias = Tensor(np.zeros(3 * embed_dim), requires_grad=True, dtype=dtype)
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.data = np.zeros(embed_dim)

    def forward(
        self,
        query: Tensor | ArrayLike,
        key: Tensor | ArrayLike,
        value: Tensor | ArrayLike,
        key_padding_mask: ArrayLike | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | ArrayLike | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Look up values.

        Parameters
        ----------
        query : Tensor or array_like, shape (queries, batch, embed_dim) or (queries, embed_dim)
        key, value : Tensor or array_like, shape (keys, batch, embed_dim) or (keys, embed_dim)
        key_padding_mask : array_like of bool, shape (batch, keys), optional
            True where there is no key.
        need_weights : bool
            Whether to return the weights, too.
        attn_mask : array_like, shape (queries, keys) or (batch * num_heads, queries, keys)
            Booleans, True where a query must not look, or numbers to add to the scores. Optional.
        average_attn_weights : bool
            Whether to return the mean of the weights over the heads.
        is_causal : bool
            Whether query i may look at the keys 0 to i only. No `attn_mask` is needed for that.

        Returns
        -------
        y : Tensor, shape of `query`
        weights : Tensor, shape (batch, queries, keys) or (batch, num_heads, queries, keys), or None

        Raises
        ------
        TypeError
            If a mask is of integers.
        ValueError
            If a shape does not fit, or a mask hides all keys from a query.
        """
        name = "MultiheadAttention"
        given = [x if isinstance(x, Tensor) else Tensor(x) for x in (query, key, value)]
        q, k, v = given
        if not (
            q.ndim in (2, 3) and {q.ndim} == {k.ndim, v.ndim} and k.shape[:-1] == v.shape[:-1]
        ) or {self.embed_dim} != {q.shape[-1], k.shape[-1], v.shape[-1]}:
            rows = "batch, steps" if self.batch_first else "steps, batch"
            raise ValueError(
                f"{name} needs a query, a key and a value of shape ({rows}, {self.embed_dim}), the "
                f"last two equal, or all without the batch; got {q.shape}, {k.shape} and {v.shape}."
            )
        single = q.ndim == 2
        turned = self.batch_first or single
        same = query is key is value
        projected = self._projected(given[:1] if same else given)
        q, k, v = (self._heads(x, single, turned) for x in projected)
        shape = (*q.shape[:3], k.shape[2])
        added = self._mask(shape, q.dtype, attn_mask, key_padding_mask, is_causal)
        y, weights = _attend(name, q, k, v, added, dropout=self.dropout)
        order = (0, 2, 1, 3) if turned else (2, 0, 1, 3)
        y = y.transpose(*order).reshape(given[0].shape)
        y = self.out_proj(y.reshape(-1, self.embed_dim)).reshape(given[0].shape)
        if not need_weights:
            return y, None
        weights = weights.mean(axis=1) if average_attn_weights else weights
        return y, (weights[0] if single else weights)

    def _projected(self, given: list[Tensor]) -> list[Any]:
        """Return the query, the key and the value times their weights; all at once if they can."""
        e, weight, bias = self.embed_dim, self.in_proj_weight, self.in_proj_bias
        found = []
        for i, x in enumerate(given):
            part = slice(None) if len(given) == 1 else slice(i * e, (i + 1) * e)
            rows = x.reshape(-1, e) @ weight[:, part]
            rows = rows if bias is None else rows + bias[part]
            found.append(rows.reshape(*x.shape[:-1], -1))
        if len(given) == 1:
            return [found[0][..., i * e : (i + 1) * e] for i in range(3)]
        return found

    def _heads(self, x: Any, single: bool, turned: bool) -> Any:
        """Cut into heads: (batch, heads, steps, width of a head)."""
        x = x[None] if single else x
        cut = x.reshape(*x.shape[:2], self.num_heads, -1)
        return cut.transpose(*((0, 2, 1, 3) if turned else (1, 2, 0, 3)))

    def _mask(
        self, shape: tuple[int, ...], dtype: Any, mask: Any, padding: Any, is_causal: bool
    ) -> Any:
        """Return the sum of all masks, or None without masks."""
        parts = [causal(shape[2], shape[3], dtype)] if is_causal else []
        if mask is not None:
            values = mask.numpy() if isinstance(mask, Tensor) else np.asarray(mask)
            if values.ndim == 3 and len(values) == shape[0] * shape[1]:
                values = values.reshape(shape)
            parts.append(_to_add("MultiheadAttention", values, shape, dtype, hides=True))
        if padding is not None:
            ends = np.asarray(padding)
            ends = ends[None] if ends.ndim == 1 else ends
            if ends.shape != (shape[0], shape[3]):
                raise ValueError(
                    f"MultiheadAttention needs a key_padding_mask of shape {(shape[0], shape[3])}, "
                    f"got {ends.shape}."
                )
            ends = ends[:, None, None]
            parts.append(_to_add("MultiheadAttention", ends, shape, dtype, hides=True))
        return sum(parts[1:], parts[0]) if parts else None

    def extra_repr(self) -> str:
        """Return the width and the number of heads."""
        return f"{self.embed_dim}, {self.num_heads}"
