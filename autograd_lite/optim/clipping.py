"""Bounds for gradients, between the backward pass and the step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite.core.operands import is_recorder
from autograd_lite.functional.settings import check_range
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    r"""Shorten all gradients by one factor, so that together they are no longer than `max_norm`.

    Their norm is :math:`N = \left(\sum |g_i|^p\right)^{1/p}` over all entries of all gradients, and
    each gradient becomes :math:`g \min(1, \mathrm{max\_norm} / (N + 10^{-6}))`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are left out.
    max_norm : float
        The largest norm, 0 or more.
    norm_type : float
        The exponent :math:`p`; ``inf`` is the largest magnitude.
    error_if_nonfinite : bool
        Whether a norm that is infinite or nan is an error. If not, it spoils every gradient.

    Returns
    -------
    float
        The norm before; 0.0 without any gradient.

    Raises
    ------
    TypeError
        If `parameters` are not Tensors.
    ValueError
        If `max_norm` is negative, or the norm is not finite and `error_if_nonfinite` is set.

    Notes
    -----
    Each gradient gets a new array. Arguments and formula are those of
    ``torch.nn.utils.clip_grad_norm_``.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor([1.0, 1.0], requires_grad=True)
    >>> (w * [3.0, 4.0]).sum().backward()
    >>> al.optim.clip_grad_norm_([w], max_norm=1.0)
    5.0
    >>> w.grad.numpy().round(4).tolist()
    [0.6, 0.8]
    """
    if isinstance(parameters, Module):
        raise TypeError("clip_grad_norm_ needs Tensors, got a Module. Pass net.parameters().")
    check_range("clip_grad_norm_", "of 0 or more", max_norm=max_norm)
    check_range("clip_grad_norm_", norm_type=math.inf if str(norm_type) == "inf" else norm_type)
    gradients: list[tuple[Tensor, Any]] = []
    for i, p in enumerate([parameters] if isinstance(parameters, Tensor) else parameters):
        if not isinstance(p, Tensor):
            raise TypeError(
                f"clip_grad_norm_ needs Tensors, got {type(p).__name__} at position {i}."
            )
        g: Any = p._grad
        if g is not None:
            gradients.append((p, g._value() if isinstance(g, Tensor) else g))
    order, total = float(norm_type), 0.0
    traced = any(is_recorder(g) for _, g in gradients)  # By al.compile: numbers have no values.
    norms = [np.linalg.norm(np.ravel(g), order) for _, g in gradients if g.size]
    if norms:
        together: Any = np.stack(norms) if traced else [*map(float, norms)]
        norm: Any = np.linalg.norm(together, order)
        total = norm if traced else float(norm)
    if error_if_nonfinite and not math.isfinite(total):
        raise ValueError(
            f"clip_grad_norm_ needs gradients of finite norm, got {total}. al.detect_anomaly() "
            f"finds the operation that they come from."
        )
    factor: Any = float(max_norm) / (total + 1e-6)
    # Either way hands a nan on.
    factor = np.minimum(factor, 1.0) if traced else min(factor, 1.0)
    for p, g in gradients:
        p._grad = (g * factor).astype(g.dtype) if traced else g * factor
    return total
