"""Losses."""

from __future__ import annotations

from numpy.typing import ArrayLike

from autograd_lite.functional.operations import Reduction, mse
from autograd_lite.nn.module import Module
from autograd_lite.ops.neural import REDUCTIONS
from autograd_lite.tensor import Tensor


class MSE(Module):
    r"""The squared error of a prediction; by default its mean.

    Parameters
    ----------
    reduction : {"mean", "sum", "half_sum", "none"}
        What becomes of the squared errors, with :math:`e` = prediction - target of :math:`n`
        entries:

        ============  =======================  ============================
        `reduction`   loss                     gradient of the prediction
        ============  =======================  ============================
        "mean"        :math:`\sum e^2 / n`     :math:`2 e / n`
        "sum"         :math:`\sum e^2`         :math:`2 e`
        "half_sum"    :math:`\sum e^2 / 2`     :math:`e`
        "none"        :math:`e^2`, per entry   :math:`2 e` times the cotangent
        ============  =======================  ============================

    Raises
    ------
    ValueError
        If `reduction` is not one of them.

    See Also
    --------
    autograd_lite.mse : The function.

    Examples
    --------
    >>> import autograd_lite as al
    >>> prediction = al.Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = al.nn.MSE()(prediction, [0.0, 0.0])
    >>> loss.item()
    2.5
    >>> loss.backward()
    >>> prediction.grad.tolist()
    [1.0, 2.0]
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"MSE needs a reduction among {', '.join(REDUCTIONS)}, got {reduction!r}."
            )
        self.reduction: Reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor | ArrayLike) -> Tensor:
        """Compare a prediction with a target.

        Parameters
        ----------
        prediction : Tensor, any shape
        target : Tensor or array_like, shape of `prediction`

        Returns
        -------
        Tensor
            A single number; with "none", an array of the shape of `prediction`.

        Raises
        ------
        ValueError
            If the shapes differ: a column and a row would broadcast to a table.
        """
        return mse(prediction, target, reduction=self.reduction)

    def extra_repr(self) -> str:
        """Return the reduction."""
        return self.reduction
