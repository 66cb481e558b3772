"""Losses."""

from __future__ import annotations

from typing import Any, Literal

from autograd_lite import ops
from autograd_lite.nn.module import Module


class MSE(Module):
    r"""Squared error of a prediction.

    Parameters
    ----------
    reduction : {"mean", "sum", "half_sum", "none"}
        With :math:`e` = prediction - target, over all :math:`n` entries:
        :math:`\frac1n \sum e^2`, :math:`\sum e^2`, :math:`\frac12 \sum e^2`, or every
        :math:`e^2` for itself. Their gradients by the prediction are :math:`\frac2n e`,
        :math:`2 e`, :math:`e` and :math:`2 e`.

    Raises
    ------
    ValueError
        For an unknown reduction, or when prediction and target differ in shape.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> import numpy as np
    >>> nn.MSE()(np.array([1, 0, 0, 1]), np.array([0, 0, 0, 0])).item()
    0.5
    """

    def __init__(self, reduction: Literal["mean", "sum", "half_sum", "none"] = "mean") -> None:
        if reduction not in ops.neural.REDUCTIONS:
            raise ValueError(
                f"MSE needs a reduction among {', '.join(ops.neural.REDUCTIONS)}, got "
                f"{reduction!r}."
            )
        self.reduction = reduction

    def forward(self, prediction: Any, target: Any) -> Any:
        """Compare a prediction with a target of the same shape."""
        return ops.mse(prediction, target, reduction=self.reduction)

    def extra_repr(self) -> str:
        """Return the reduction."""
        return self.reduction
