"""One cycle: up to a large learning rate, and down to a tiny one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from autograd_lite.functional.settings import check_counts, check_range
from autograd_lite.optim.optimizer import Optimizer
from autograd_lite.optim.schedules import LRScheduler, for_each, require_optimiser


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def _line(start: float, end: float, part: float) -> float:
    return (end - start) * part + start


_CURVES: dict[str, Callable[[float, float, float], float]] = {"cos": _cosine, "linear": _line}


class OneCycleLR(LRScheduler):
    """Rise to a large learning rate, then fall to a tiny one; momentum goes the other way.

    It starts at ``max_lr / div_factor``, reaches `max_lr` after `pct_start` of the steps, and ends
    at ``max_lr / div_factor / final_div_factor``. Call `step` after every step of the optimiser.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or sequence of float
        The largest learning rate, of all groups or of each.
    total_steps : int, optional
        The number of steps; by default `epochs` times `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        The part of the steps in which the learning rate rises, from 0 to 1.
    anneal_strategy : {"cos", "linear"}
        The curve between its values.
    cycle_momentum : bool
        Whether the momentum, or the first of the betas, changes too.
    base_momentum, max_momentum : float or sequence of float
        The momentum where the learning rate is largest, and where it is smallest.
    div_factor, final_div_factor : float
        How much smaller the learning rate is at the start, and at the end than at the peak.
    three_phase : bool
        Whether to fall as fast as it rose, and then to the tiny one.
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    TypeError
        If `optimizer` is not an optimiser, or a number of steps is not an integer.
    ValueError
        If the number of steps is not given, a number is out of range, the curve is not known, the
        optimiser has no momentum to change, or `step` is called too often.

    References
    ----------
    L. N. Smith, N. Topin: *Super-convergence: very fast training of neural networks using large
    learning rates*, 2017, arXiv:1708.07120.

    Examples
    --------
    >>> import autograd_lite as al
    >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.1)
    >>> schedule = al.optim.OneCycleLR(optimiser, max_lr=1.0, total_steps=5, pct_start=0.4)
    >>> for step in range(5):
    ...     print(round(optimiser.lr, 4), round(optimiser.param_groups[0]["momentum"], 3))
    ...     schedule.step()
    0.04 0.95
    1.0 0.85
    0.75 0.875
    0.25 0.925
    0.0 0.95
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        require_optimiser(optimizer, "OneCycleLR")
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError(
                    "OneCycleLR needs total_steps, or epochs and steps_per_epoch, got neither."
                )
            check_counts("OneCycleLR", epochs=epochs, steps_per_epoch=steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        check_counts("OneCycleLR", total_steps=total_steps)
        check_range("OneCycleLR", "from 0 to 1", pct_start=pct_start)
        check_range(
            "OneCycleLR", "of more than 0", div_factor=div_factor, final_div_factor=final_div_factor
        )
        if anneal_strategy not in _CURVES:
            raise ValueError(
                f"OneCycleLR needs an anneal_strategy among {', '.join(_CURVES)}, got "
                f"{anneal_strategy!r}."
            )
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        rise = float(pct_start * total_steps) - 1
        self._phases = [(rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            self._phases += [
                (2 * pct_start * total_steps - 2, "max_lr", "initial_lr", "base_momentum",
                 "max_momentum"),
                (total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]  # fmt: skip
        else:
            last = (total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")
            self._phases.append(last)
        self.cycle_momentum = cycle_momentum
        groups = optimizer.param_groups
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(
                f"OneCycleLR needs an optimiser with momentum or betas to change them, got "
                f"{type(optimizer).__name__}. Write cycle_momentum=False."
            )
        if last_epoch == -1:
            peaks = for_each("OneCycleLR", "max_lr", max_lr, groups)
            for group, peak in zip(groups, peaks, strict=True):
                group["max_lr"], group["initial_lr"] = peak, peak / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                lows = for_each("OneCycleLR", "base_momentum", base_momentum, groups)
                highs = for_each("OneCycleLR", "max_momentum", max_momentum, groups)
                for group, low, high in zip(groups, lows, highs, strict=True):
                    group["base_momentum"], group["max_momentum"] = low, high
                    self._set_momentum(group, high)
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _set_momentum(group: dict[str, Any], momentum: float) -> None:
        if "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group, and set its momentum."""
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR.step: this is step {t} of {self.total_steps}. Make the schedule with "
                f"as many total_steps as the training has."
            )
        begin = 0.0
        for end, *ends in self._phases:  # noqa: B007  # The phase that holds this step.
            if t <= end:
                break
            if end != self._phases[-1][0]:
                begin = end
        part = (t - begin) / (end - begin)
        curve, rates = _CURVES[self.anneal_strategy], []
        for group in self.optimizer.param_groups:
            rates.append(curve(group[ends[0]], group[ends[1]], part))
            if self.cycle_momentum:
                self._set_momentum(group, curve(group[ends[2]], group[ends[3]], part))
        return rates
