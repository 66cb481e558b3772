"""Schedules: what changes the learning rate of an optimiser in the course of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from autograd_lite.functional.settings import check_counts, check_range
from autograd_lite.optim.optimizer import Optimizer
from autograd_lite.tensor import Tensor


def require_optimiser(optimizer: Any, name: str) -> None:
    """Refuse what is not an optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{name} needs an optimiser, got {type(optimizer).__name__}. Write "
            f"{name}(optim.SGD(net.parameters(), lr=0.1), ...)."
        )


def for_each(
    name: str, key: str, value: float | Sequence[float], groups: Sequence[Any]
) -> list[float]:
    """Return a number for each group."""
    values: Any = value if isinstance(value, list | tuple) else [value] * len(groups)
    if len(values) != len(groups):
        raise ValueError(
            f"{name} needs one {key} for each of {len(groups)} groups, got {len(values)}."
        )
    for x in values:
        check_range(name, **{key: x})
    return [float(x) for x in values]


class Schedule:
    """What all schedules have: their state is their attributes but for the optimiser."""

    optimizer: Optimizer

    def get_last_lr(self) -> list[float]:
        """Return the learning rate of each group.

        Examples
        --------
        >>> import autograd_lite as al
        >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.8)
        >>> al.optim.LinearLR(optimiser, start_factor=0.5).get_last_lr()
        [0.4]
        """
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of where the schedule stands.

        Returns
        -------
        dict of str to object
            Its settings and counters, for `load_state_dict`.

        Examples
        --------
        >>> import autograd_lite as al
        >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.1)
        >>> al.optim.StepLR(optimiser, step_size=3).state_dict()["last_epoch"]
        0
        """
        return {
            key: list(value) if isinstance(value, list) else value
            for key, value in vars(self).items()
            if key != "optimizer"
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where another schedule of the same class stopped.

        The learning rate itself is in the state of the optimiser.

        Parameters
        ----------
        state_dict : mapping
            What `state_dict` returned.

        Raises
        ------
        ValueError
            If it is the state of another kind of schedule. This one is unchanged.

        Examples
        --------
        >>> import autograd_lite as al
        >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.1)
        >>> one, two = (al.optim.StepLR(optimiser, step_size=n) for n in (3, 5))
        >>> two.load_state_dict(one.state_dict())
        >>> two.step_size
        3
        """
        own = self.state_dict()
        if set(state_dict) != set(own):
            raise ValueError(
                f"load_state_dict: the state does not fit this {type(self).__name__}, which is "
                f"unchanged: it needs {sorted(own)}, got {sorted(state_dict)}."
            )
        vars(self).update({k: list(v) if isinstance(v, list) else v for k, v in state_dict.items()})


class LRScheduler(Schedule):
    """The base of the schedules that go by the number of steps: a subclass defines `get_lr`.

    The first learning rate is set when the schedule is made, each further one by `step`.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates change, in each group.
    last_epoch : int
        The number of the last step of a training that is continued; -1 starts one.

    Attributes
    ----------
    optimizer : Optimizer
    base_lrs : list of float
        The learning rate of each group at the start.
    last_epoch : int
        The number of calls of `step`.

    Raises
    ------
    TypeError
        If `optimizer` is not an optimiser.
    ValueError
        If `last_epoch` continues a training and a group has no ``"initial_lr"``.

    Examples
    --------
    >>> import autograd_lite as al
    >>> class Halved(al.optim.LRScheduler):
    ...     def get_lr(self):
    ...         return [rate * 0.5**self.last_epoch for rate in self.base_lrs]
    >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.8)
    >>> schedule = Halved(optimiser)
    >>> for epoch in range(3):
    ...     print(optimiser.lr)
    ...     schedule.step()
    0.8
    0.4
    0.2
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        require_optimiser(optimizer, type(self).__name__)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"{type(self).__name__} with last_epoch={last_epoch} continues a training, but "
                    f"group {i} of the optimiser has no 'initial_lr'. Load the optimiser's state "
                    f"first, or leave last_epoch out."
                )
        self.base_lrs: list[float] = [g["initial_lr"] for g in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._first = True
        self.step()
        self._first = False

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group for step `last_epoch`; a subclass defines it.

        Raises
        ------
        NotImplementedError
            If the subclass does not define it.

        Examples
        --------
        >>> import autograd_lite as al
        >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.8)
        >>> al.optim.StepLR(optimiser, step_size=3).get_lr()
        [0.8]
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no get_lr. Define `def get_lr(self): return [...]`."
        )

    def step(self) -> None:
        """Set the next learning rate: call it after the optimiser's step, or after an epoch.

        Examples
        --------
        >>> import autograd_lite as al
        >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=0.5)
        >>> schedule = al.optim.StepLR(optimiser, step_size=1, gamma=0.5)
        >>> schedule.step()
        >>> optimiser.lr
        0.25
        """
        self.last_epoch += 1
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


class StepLR(LRScheduler):
    r"""Multiply the learning rate by `gamma` after every `step_size` steps.

    Step :math:`t` has :math:`\mathrm{lr}_t = \mathrm{lr}_0 \, \gamma^{\lfloor t / s \rfloor}`.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    step_size : int
        The number of steps :math:`s`, 1 or more.
    gamma : float
        The factor.

    Raises
    ------
    TypeError, ValueError
        As for `LRScheduler`, or if a setting is out of range.

    Examples
    --------
    >>> import autograd_lite as al
    >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = al.optim.StepLR(optimiser, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(optimiser.lr)
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        check_counts("StepLR", step_size=step_size)
        check_range("StepLR", gamma=gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group, times `gamma` where a stage ends."""
        ends = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [rate * self.gamma if ends else rate for rate in self.get_last_lr()]


class LinearLR(LRScheduler):
    r"""Go from a fraction of the learning rate to another in equal steps: a warm-up.

    Step :math:`t` has :math:`\mathrm{lr}_t = \mathrm{lr}_0 \left(a + (b - a)
    \min(t, T) / T\right)`, with `start_factor` :math:`a`, `end_factor` :math:`b` and `total_iters`
    :math:`T`.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    start_factor : float
        The first fraction, more than 0 and at most 1.
    end_factor : float
        The last fraction, from 0 to 1.
    total_iters : int
        The number of steps.

    Raises
    ------
    TypeError, ValueError
        As for `LRScheduler`, or if a setting is out of range.

    Examples
    --------
    >>> import autograd_lite as al
    >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = al.optim.LinearLR(optimiser, start_factor=0.25, total_iters=3)
    >>> rates = []
    >>> for step in range(5):
    ...     rates.append(round(optimiser.lr, 6))
    ...     schedule.step()
    >>> rates
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        check_range("LinearLR", "of more than 0 and at most 1", start_factor=start_factor)
        check_range("LinearLR", "from 0 to 1", end_factor=end_factor)
        check_counts("LinearLR", 0, total_iters=total_iters)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group, a step further along the line."""
        t, rates = self.last_epoch, self.get_last_lr()
        if t == 0:
            return [rate * self.start_factor for rate in rates]
        if self._first or t > self.total_iters:
            return rates
        rise = self.end_factor - self.start_factor
        factor = 1 + rise / (self.total_iters * self.start_factor + (t - 1) * rise)
        return [rate * factor for rate in rates]


class CosineAnnealingLR(LRScheduler):
    r"""Go from the learning rate to `eta_min` along half a cosine wave.

    Step :math:`t` has :math:`\mathrm{lr}_t = \eta + (\mathrm{lr}_0 - \eta)
    \left(1 + \cos(\pi t / T)\right) / 2`, which rises again after :math:`T` steps.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    T_max : int
        The number of steps :math:`T`, 1 or more.
    eta_min : float
        The last learning rate :math:`\eta`.

    Raises
    ------
    TypeError, ValueError
        As for `LRScheduler`, or if a setting is out of range.

    References
    ----------
    I. Loshchilov, F. Hutter: *SGDR: stochastic gradient descent with warm restarts*, 2016,
    arXiv:1608.03983; without the restarts.

    Examples
    --------
    >>> import autograd_lite as al
    >>> optimiser = al.optim.SGD([al.Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = al.optim.CosineAnnealingLR(optimiser, T_max=4)
    >>> rates = []
    >>> for step in range(5):
    ...     rates.append(round(optimiser.lr, 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.8536, 0.5, 0.1464, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803  # PyTorch's name.
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        check_counts("CosineAnnealingLR", T_max=T_max)
        check_range("CosineAnnealingLR", eta_min=eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group, a step further along the wave."""
        t, period, low, rates = self.last_epoch, self.T_max, self.eta_min, self.get_last_lr()
        if t == 0:
            return rates
        if self._first:
            wave = (1 + math.cos(math.pi * t / period)) / 2
            return [low + (base - low) * wave for base in self.base_lrs]
        if (t - 1 - period) % (2 * period) == 0:  # The step before was at the bottom: 0 / 0 below.
            rise = (1 - math.cos(math.pi / period)) / 2
            return [
                rate + (base - low) * rise for base, rate in zip(self.base_lrs, rates, strict=True)
            ]
        now, before = (1 + math.cos(math.pi * k / period) for k in (t, t - 1))
        return [now / before * (rate - low) + low for rate in rates]


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
