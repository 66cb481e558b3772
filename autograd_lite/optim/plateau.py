"""A schedule that goes by how a number improves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from autograd_lite.functional.settings import check_counts, check_range
from autograd_lite.optim.optimizer import Optimizer
from autograd_lite.optim.schedules import Schedule, for_each, require_optimiser
from autograd_lite.tensor import Tensor


class ReduceLROnPlateau(Schedule):
    """Multiply the learning rate by `factor` when a number has stopped improving.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        Whether less is better, as of a loss, or more, as of an accuracy.
    factor : float
        The factor, less than 1.
    patience : int
        How many steps in a row may pass without an improvement.
    threshold : float
        What counts as one: how much better than the best so far.
    threshold_mode : {"rel", "abs"}
        Whether `threshold` is a fraction of the best, or a difference.
    cooldown : int
        How many steps are not counted after a reduction.
    min_lr : float or sequence of float
        The smallest learning rate, of all groups or of each.
    eps : float
        A reduction by less than this is left out.

    Attributes
    ----------
    best : float
        The best number so far.

    Raises
    ------
    TypeError
        If `optimizer` is not an optimiser.
    ValueError
        If `factor` is not less than 1, a mode is not known, or the numbers of groups and of minima
        differ.

    Examples
    --------
    >>> import autograd_lite as al
    >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = al.optim.ReduceLROnPlateau(optimiser, factor=0.5, patience=1)
    >>> rates = []
    >>> for loss in [3.0, 2.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    ...     rates.append(optimiser.lr)
    >>> rates
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        require_optimiser(optimizer, "ReduceLROnPlateau")
        name = "ReduceLROnPlateau"
        check_range(name, "of less than 1", factor=factor)
        check_range(name, threshold=threshold, eps=eps)
        check_counts(name, 0, patience=patience, cooldown=cooldown)
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau needs the mode min or max, got {mode!r}.")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau needs the threshold_mode rel or abs, got {threshold_mode!r}."
            )
        self.min_lrs = for_each(name, "min_lr", min_lr, optimizer.param_groups)
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: float | Tensor) -> None:
        """Take note of a number, and reduce the learning rate if it is time.

        Parameters
        ----------
        metrics : float, or Tensor with one entry
            The number that should improve.

        Examples
        --------
        >>> import autograd_lite as al
        >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.5)
        >>> schedule = al.optim.ReduceLROnPlateau(optimiser, factor=0.5, patience=0)
        >>> schedule.step(1.0)
        >>> schedule.step(1.0)
        >>> optimiser.lr
        0.25
        """
        given: Any = metrics.detach() if isinstance(metrics, Tensor) else metrics
        check_range("ReduceLROnPlateau.step", None, metrics=given)
        value = float(given)
        self.last_epoch += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            for group, low in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                reduced = max(group["lr"] * self.factor, low)
                if group["lr"] - reduced > self.eps:
                    group["lr"] = reduced
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, value: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * value < sign * self.best - self.threshold
        return sign * value < sign * self.best * (1 - sign * self.threshold)
