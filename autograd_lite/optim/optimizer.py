"""What all optimisers share: parameter groups, settings and state."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Never

import numpy as np

from autograd_lite.core.later import names_its_arguments, unknown_argument
from autograd_lite.core.modes import GradientError
from autograd_lite.core.operands import is_recorder
from autograd_lite.functional.settings import FINITE, check_range
from autograd_lite.nn.module import Module
from autograd_lite.numpy_api.versions import note_write
from autograd_lite.tensor import Tensor

LARGE = 10_000
"""Entries of an array for which getting new memory takes longer than subtracting."""


def number(setting: Any) -> Any:
    """Return a setting as a Python number: a NumPy one makes float64 of float32."""
    if type(setting) is float or is_recorder(setting):
        return setting
    check_range("A group of parameters", None, setting=setting)
    return float(setting)


Params = Iterable[Tensor] | Iterable[Mapping[str, Any]]

_SCHEDULED = {"initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"}


class Optimizer:
    """The base of the optimisers: a subclass says how a group of parameters moves.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        The parameters, or groups of them: dicts with ``"params"`` and the settings that differ from
        the defaults.
    defaults : dict of str to object
        The settings of a group that says nothing else.

    Attributes
    ----------
    param_groups : list of dict
        Each group's parameters, under ``"params"``, and its settings, which may be assigned.
    state : dict of Tensor to dict
        What the optimiser remembers of each parameter; nothing before its first step.
    defaults : dict of str to object
        As given.

    Raises
    ------
    TypeError
        If `params` is not an iterable of Tensors or dicts, or a setting is of a wrong type.
    ValueError
        If there are no parameters, one is not a leaf that requires a gradient or stands in two
        groups, or a setting is out of range.

    Examples
    --------
    A sign descent: every entry moves by the learning rate.

    >>> import numpy as np
    >>> import autograd_lite as al
    >>> class SignDescent(al.optim.Optimizer):
    ...     def update(self, p, gradient, state, group):
    ...         return group["lr"] * np.sign(gradient)
    >>> w = al.Tensor([1.0, -2.0], requires_grad=True)
    >>> optimiser = SignDescent([w], {"lr": 0.5})
    >>> (w * w).sum().backward()
    >>> optimiser.step()
    >>> w.tolist()
    [0.5, -1.5]
    """

    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "weight_decay")
    """The settings that must be finite numbers of 0 or more."""

    def __init_subclass__(cls) -> None:
        """Let a misspelt setting be answered with the right one."""
        if "__init__" in vars(cls):
            setattr(cls, "__init__", names_its_arguments(cls.__init__))  # noqa: B010  (for mypy)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse what looks like a setting and would be none."""
        if name == "learning_rate" or (name != "lr" and name in getattr(self, "defaults", ())):
            write = "optimiser.lr = …"
            if name != "learning_rate":
                write = f"group[{name!r}] = … for each group in optimiser.param_groups"
            raise AttributeError(
                f"{type(self).__name__}.{name} = {value!r} would change nothing. Write {write}."
            )
        super().__setattr__(name, value)

    def __init__(self, params: Params, defaults: Mapping[str, Any]) -> None:
        name = type(self).__name__
        if isinstance(params, Module | Tensor) or not isinstance(params, Iterable):
            call = "[params]" if isinstance(params, Tensor) else "net.parameters()"
            raise TypeError(
                f"{name} needs an iterable of Tensors, got a {type(params).__name__}. Pass {call}."
            )
        listed = list(params)
        if not listed:
            raise ValueError(
                f"{name} needs at least one parameter, got none. Pass net.parameters()."
            )
        self.defaults = dict(defaults)
        self._check(self.defaults)
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        groups = listed if isinstance(listed[0], Mapping) else [{"params": listed}]
        for group in groups:
            if not isinstance(group, Mapping):
                raise TypeError(
                    f"{name} needs Tensors or groups, not both: got a dict first and a "
                    f"{type(group).__name__} later. Write {{'params': [...]}} for the others."
                )
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with settings of their own.

        Parameters
        ----------
        group : mapping
            ``"params"``, a Tensor or an iterable of them, and the settings that differ from the
            defaults. A ``"name"`` is kept.

        Raises
        ------
        TypeError, ValueError
            As when the optimiser is made; also for settings that it does not have.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w, b = al.Tensor(1.0, requires_grad=True), al.Tensor(0.0, requires_grad=True)
        >>> optimiser = al.optim.SGD([w], lr=0.1, weight_decay=0.01)
        >>> optimiser.add_param_group({"params": b, "weight_decay": 0})
        >>> [group["weight_decay"] for group in optimiser.param_groups]
        [0.01, 0]
        """
        name = type(self).__name__
        if not isinstance(group, Mapping):
            raise TypeError(
                f"{name} needs a group as a dict, got a {type(group).__name__}. Write "
                f"{{'params': layer.parameters(), 'lr': 0.01}}."
            )
        given = group.get("params")
        if given is None:
            raise ValueError(
                f"{name} needs 'params' in every group, got {sorted(group)}. Write "
                f"{{'params': layer.parameters(), 'lr': 0.01}}."
            )
        if isinstance(given, Module):
            raise TypeError(f"{name} needs Tensors, got a Module. Pass module.parameters().")
        unknown = set(group) - {"params", "name"} - set(self.defaults) - _SCHEDULED
        if unknown:
            raise TypeError(
                f"{name} has no setting {', '.join(map(repr, sorted(unknown)))} for a group. It "
                f"has {', '.join(self.defaults)}."
            )
        params = [given] if isinstance(given, Tensor) else list(given)
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"{name} needs Tensors, got {type(p).__name__} at position {i}. Pass "
                    f"net.parameters()."
                )
            if not (p.is_leaf and p.requires_grad):
                raise ValueError(
                    f"{name} needs leaf tensors with requires_grad=True, got {p!r} at position "
                    f"{i}. Pass the tensors that were created, not results computed from them."
                )
        params = list(dict.fromkeys(params))  # One of two layers moves once.
        known = set(self.params)
        for i, p in enumerate(params):
            if p in known:
                raise ValueError(
                    f"{name} needs each parameter in one group, got {p!r} at position {i} of "
                    f"group {len(self.param_groups)} and in a group before."
                )
        made = {**self.defaults, **group, "params": params}
        self._check(made)
        self.param_groups.append(made)

    @property
    def params(self) -> list[Tensor]:
        """All parameters, each once, in the order of the groups.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> al.optim.SGD([w, w], lr=0.1).params
        [Tensor(1., requires_grad=True)]
        """
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def lr(self) -> float:
        """The learning rate; assign to it at any time, for all groups at once.

        Raises
        ------
        ValueError
            On reading, if the groups have different ones; on assignment, if it is negative or not
            finite.
        TypeError
            On assignment of what is not a number.

        Examples
        --------
        >>> import autograd_lite as al
        >>> optimiser = al.optim.Adam([al.Tensor(1.0, requires_grad=True)])
        >>> optimiser.lr
        0.001
        >>> optimiser.lr = 0.01
        >>> optimiser.param_groups[0]["lr"]
        0.01
        """
        rates = [group["lr"] for group in self.param_groups]
        if any(rate != rates[0] for rate in rates):
            raise ValueError(
                f"{type(self).__name__} has groups with different learning rates, {rates}. Read "
                f"optimiser.param_groups[i]['lr']."
            )
        rate: float = rates[0]
        return rate

    @lr.setter
    def lr(self, value: float) -> None:
        check_range(type(self).__name__, FINITE, lr=value)
        for group in self.param_groups:
            group["lr"] = value

    def zero_grad(self, **unknown: Never) -> None:
        """Clear the gradients of all parameters: ``grad`` is None again.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> (3 * w).backward()
        >>> al.optim.SGD([w], lr=0.1).zero_grad()
        >>> w.grad is None
        True
        """
        if unknown:
            raise unknown_argument(Optimizer.zero_grad, unknown)
        for group in self.param_groups:
            for p in group["params"]:
                p._grad = None

    @names_its_arguments
    def step(self) -> None:
        """Move every parameter that has a gradient.

        A parameter keeps its shape and dtype; one without a gradient stays as it is.

        Raises
        ------
        GradientError
            If no parameter has a gradient: ``backward()`` was not called, or reached none of them.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> (3 * w).backward()
        >>> al.optim.SGD([w], lr=0.25).step()
        >>> w.item()
        0.25
        """
        moved = False
        for group in self.param_groups:
            moved = self._move_group(group) or moved
        if not moved:
            raise GradientError(
                f"{type(self).__name__}.step: no parameter has a gradient. Call loss.backward() "
                f"first, on a loss computed from these parameters."
            )

    def update(self, p: Any, gradient: Any, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Return what a step subtracts from a parameter; a subclass defines it.

        Parameters
        ----------
        p : array
            The parameter's value.
        gradient : array, shape and dtype of `p`
            To be descended: negative with ``maximize=True``. It must not be changed.
        state : dict of str to object
            What is remembered of this parameter, to be read and written; empty before the first
            step.
        group : dict of str to object
            The settings.

        Returns
        -------
        array, shape and dtype of `p`
            A new one: `step` may reuse its memory.

        Raises
        ------
        NotImplementedError
            If the subclass does not define it.

        Examples
        --------
        >>> import numpy as np
        >>> import autograd_lite as al
        >>> optimiser = al.optim.Adagrad([al.Tensor(1.0, requires_grad=True)], lr=0.5)
        >>> group, state = optimiser.param_groups[0], {}
        >>> round(float(optimiser.update(np.float64(1.0), np.float64(3.0), state, group)), 6)
        0.5
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no update. Define `def update(self, p, gradient, state, "
            f"group): return ...`."
        )

    def _move_group(self, group: dict[str, Any]) -> bool:
        """Move the parameters of a group; return whether there was a gradient."""
        moved, climbs = False, group.get("maximize")
        for p in group["params"]:
            g = p._grad
            if g is not None:
                g = g._value() if isinstance(g, Tensor) else g
                state = self.state.get(p, {})
                change = self.update(p._array, -g if climbs else g, state, group)
                if state:
                    self.state[p] = state
                out = change if change.size > LARGE and not is_recorder(change) else None
                p._array = (
                    p._array - change if out is None else np.subtract(p._array, change, out=out)
                )
                if p._rare is not None and p._shared:
                    note_write(p)
                moved = True
        return moved

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the settings, and of what is remembered of each parameter.

        Returns
        -------
        dict
            ``"param_groups"``, a list with the settings of each group, where ``"params"`` are
            numbers; ``"state"``, a dict from these numbers to dicts of numbers and arrays. The
            parameters themselves are in the state of their module.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> optimiser = al.optim.SGD([w], lr=0.1, momentum=0.9)
        >>> (3 * w).backward()
        >>> optimiser.step()
        >>> optimiser.state_dict()["state"]
        {0: {'momentum_buffer': array(3.)}}
        """
        numbers = {p: i for i, p in enumerate(self.params)}
        return {
            "state": {
                numbers[p]: {
                    name: np.array(part) if isinstance(part, np.ndarray | np.generic) else part
                    for name, part in state.items()
                }
                for p, state in self.state.items()
                if state
            },
            "param_groups": [
                {**copy.deepcopy({k: v for k, v in group.items() if k != "params"}),
                 "params": [numbers[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }  # fmt: skip

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where another optimiser of the same class and parameters stopped.

        Parameters
        ----------
        state_dict : mapping
            What `state_dict` returned. Arrays are copied and take the dtype of their parameter.

        Raises
        ------
        ValueError
            If groups, settings or shapes do not fit. The optimiser is unchanged.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> one, two = al.optim.Adam([w], lr=0.1), al.optim.Adam([w], lr=0.2)
        >>> two.load_state_dict(one.state_dict())
        >>> two.lr
        0.1
        """
        name = type(self).__name__
        refusal = f"load_state_dict: the state does not fit this {name}, which is unchanged: "
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(
                f"{refusal}it needs 'state' and 'param_groups'. Pass what state_dict() returned."
            )
        groups: Sequence[Mapping[str, Any]] = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        given = [len(group.get("params", ())) for group in groups]
        if sizes != given:
            raise ValueError(
                f"{refusal}its groups have {sizes} parameters, those of the state {given}."
            )
        numbers = [number for group in groups for number in group["params"]]
        params = dict(zip(numbers, self.params, strict=True))
        if len(params) != len(numbers):
            raise ValueError(f"{refusal}a parameter stands twice in the groups of the state.")
        made, states = [], {}
        for own, group in zip(self.param_groups, groups, strict=True):
            missing = set(self.defaults) - set(group)
            if missing:
                raise ValueError(
                    f"{refusal}the state has no {', '.join(sorted(missing))}. It is of another "
                    f"optimiser."
                )
            settings = {k: copy.deepcopy(v) for k, v in group.items() if k != "params"}
            self._check(settings)
            made.append({**settings, "params": own["params"]})
        for number, parts in state_dict["state"].items():
            if number not in params:
                raise ValueError(f"{refusal}no group has the parameter {number}.")
            p = params[number]
            state = states[p] = dict(parts)
            for key, part in parts.items():
                if isinstance(part, np.ndarray | np.generic):
                    if part.shape != p.shape:
                        raise ValueError(
                            f"{refusal}{key} of parameter {number} needs shape {p.shape}, got "
                            f"{part.shape}."
                        )
                    state[key] = np.array(part, dtype=p.dtype)[()]
        self.param_groups, self.state = made, states

    def __repr__(self) -> str:
        lines = [
            ", ".join(
                [f"{len(group['params'])} parameters"]
                + [f"{key}={value}" for key, value in group.items() if key != "params"]
            )
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(lines)})"

    def _check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that no step could use."""
        given = {key: settings[key] for key in self.at_least_zero if key in settings}
        check_range(type(self).__name__, FINITE, **given)
        if "betas" in settings:
            betas = settings["betas"]
            try:
                first, second = map(float, betas)
            except (TypeError, ValueError):
                raise TypeError(
                    f"{type(self).__name__} needs two numbers as its betas, got betas={betas!r}. "
                    f"Write betas=(0.9, 0.999)."
                ) from None
            if not (0 <= first < 1 and 0 <= second < 1):
                raise ValueError(
                    f"{type(self).__name__} needs betas of 0 or more that are less than 1, got "
                    f"betas={betas!r}."
                )
