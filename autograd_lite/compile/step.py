"""Compiled training steps: a loss and an optimiser as one program."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite.compile.compiled import OFTEN, Compiled, FirstStepError, kept
from autograd_lite.compile.machine import available
from autograd_lite.compile.sheet import LoweringError
from autograd_lite.compile.signature import Signature
from autograd_lite.functional.nests import leaves_of
from autograd_lite.functional.tracing import Input
from autograd_lite.optim.optimizer import Optimizer
from autograd_lite.program.program import Program
from autograd_lite.program.refusals import NOTES, TraceError
from autograd_lite.program.surroundings import ANY, Guard, Surroundings
from autograd_lite.program.symbol import Symbol
from autograd_lite.program.trace import TRACING, Output, Place, Traced, trace
from autograd_lite.tensor import Tensor


class Step(Compiled):
    """A compiled training step; `autograd_lite.compile` makes it of a loss and an optimiser."""

    _depends_on = ("_f", "_optimiser")

    def __init__(self, loss: Callable[..., Any], optimiser: Optimizer, backend: str) -> None:
        super().__init__(loss, backend)
        self._optimiser = optimiser
        self._moving: dict[tuple[int, str], None] = {}

    def run(
        self,
        n: int,
        *args: Any,
        stacked: bool = False,
        every: int | None = None,
        progress: Callable[[int, float], Any] | None = None,
        until: Callable[[float], bool] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Do `n` steps, in one call of machine code if there is one.

        Parameters
        ----------
        n : int
            How many steps.
        *args, **kwargs
            The arguments of the loss.
        stacked : bool
            Whether the arrays have a leading axis with the data of one step after the other, of one
            length for all; after the last one, the first comes again.
        every : int, optional
            After how many steps `progress` and `until` are asked; by default a tenth of `n`.
        progress : callable, optional
            ``progress(steps, loss)``.
        until : callable, optional
            ``until(loss)``: True ends the run.

        Returns
        -------
        array, shape (steps,)
            The loss before each step.

        Raises
        ------
        TypeError
            If `n` or `every` is not an integer, `progress` or `until` not a function, or a stack a
            list or dict of arrays.
        ValueError
            If `n` is negative, `every` is less than 1, or stacked arrays differ in length.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> step = al.compile(lambda x: (w * x - 42) ** 2, al.optim.SGD([w], lr=0.01))
        >>> step.run(50, 5.0)[[0, -1]].round(3)
        array([1369.,    0.])
        """
        _check_count("n", n, 0)
        if every is not None:
            _check_count("every", every, 1)
        for name, asked in (("progress", progress), ("until", until)):
            if asked is not None and not callable(asked):
                raise TypeError(f"run needs {name}, a function, got {asked!r}.")
        if stacked:
            _check_stacks(args, kwargs)
        losses: list[Any] = []
        chunk = every or max(1, n // 10)
        if progress is None and until is None:
            chunk = n
        done = 0
        while done < n:
            some = self._some(min(chunk, n - done), done, args, kwargs, stacked)
            losses.append(some)
            done += len(some)
            if progress is not None:
                progress(done, float(some[-1]))
            if until is not None and until(float(some[-1])):
                break
        if len(losses) == 1:  # Nothing is copied.
            return losses[0]
        return np.concatenate(losses) if losses else np.empty(0)

    def _some(
        self, n: int, done: int, args: tuple[Any, ...], kwargs: dict[str, Any], stacked: bool
    ) -> Any:
        """Do steps; unless a loop is new, the first of them by a call, which checks."""

        def at(k: int) -> tuple[Any, Any]:
            return _at(done + k, args, kwargs) if stacked else (args, kwargs)

        one, named = at(0)
        plan = self._plan_for(one, named)
        loop = self._loop(plan, stacked) if plan is not None and not plan.calls and n > 1 else None
        if plan is not None and loop is not None:
            begun, plan.calls = 0, 1
            values = np.empty(n, plan.traced.program.outputs[0].dtype)
        else:
            first, begun = self(*one, **named), 1
            values = np.empty(n, np.asarray(first).dtype)
            values[0] = first
            if n == 1:
                return values
            plan = None if self._eager_because else self._plan_for(*at(1))
            loop = None if plan is None else self._loop(plan, stacked)
        if plan is None or (
            loop is None and (plan.traced.may_refuse or not plan.is_steady(stacked=stacked))
        ):
            for k in range(1, n):
                one, named = at(k)
                values[k] = self(*one, **named)
        elif loop is None:
            if n > OFTEN:
                with TRACING:
                    self._fuse(plan, make=True)
            plan.many(n - 1, args, kwargs, (lambda k: at(k + 1)) if stacked else None, values[1:])
        else:
            if stacked:
                shift = -(done + begun)
                args, kwargs = _changed(lambda x: np.roll(x, shift, axis=0), args, kwargs)
            plan.run(loop, n - begun, args, kwargs, values[begun:])
        return values

    def _loop(self, plan: Any, stacked: bool) -> Any:
        """Return a loop in machine code, if there is one."""
        if self._backend == "numpy" or not available() or stacked in plan.without_loop:
            return None
        try:
            with TRACING:
                return plan.loop(stacked=stacked)
        except (LoweringError, LookupError) as error:
            plan.without_loop.add(stacked)  # To find that out once more takes as long.
            self._note(f"a loop of calls, since machine code does not do {error}")
            return None

    def bind(self, *args: Any, **kwargs: Any) -> Callable[[], Any]:
        """Return a function without arguments: a step on these arrays, which are checked now.

        What is in the arrays is read at every call; the loss, the settings and the arrays
        themselves must stay what they are.

        Returns
        -------
        callable
            Returns the loss before the step.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> step = al.compile(lambda x: (w * x - 42) ** 2, al.optim.SGD([w], lr=0.01))
        >>> bound = step.bind(5.0)
        >>> round(float(bound()), 3), round(float(bound()), 3)
        (1369.0, 342.25)
        """
        plan = self._plan_for(args, kwargs)
        checked = functools.partial(self, *args, **kwargs)
        if plan is None:
            return checked
        with TRACING:
            self._ready(plan)
            self._fuse(plan, make=True)
            if not plan.traced.may_refuse:
                return plan.bound(args, kwargs)
            bound = plan.bind(args, kwargs)

        def either() -> Any:
            try:
                return bound()
            except TraceError:  # Of other values, something has another shape.
                return checked()

        return either

    def as_function(self, *args: Any) -> tuple[Traced, dict[str, Any]]:
        """Return a trace of ``(state, *args, *drawn) -> (state, loss)``, and the state now.

        The state is a dict of arrays and numbers: the parameters and other tensors, the learning
        rates, and what the optimiser remembers.
        """
        around = Surroundings(self._f, *Signature(args, {}).others, but=self._apart())
        self._watch(around)
        if around.hazard:
            raise TraceError(f"{around.hazard}.")
        try:
            traced = self._traced_twice(around, args, {}, checked=False, drawing=True)
        finally:
            around.restore()
        if traced.asked:
            names = ", ".join(variable.name for variable in traced.asked)
            raise TraceError(f"what it does depends on the value of {names}, which may change.")
        program, places = traced.program, traced.places
        count = len(program.outputs) - len(traced.written)
        first = len(program.inputs) - len(places) - len(traced.drawn)
        inputs = program.inputs[first : first + len(places)]
        written = dict(zip(map(id, traced.written), program.outputs[count:], strict=True))
        after = [written.get(id(place), x) for place, x in zip(places, inputs, strict=True)]
        state = self._named(places)
        marked = {key: Output(count + i) for i, key in enumerate(state)}
        return replace(
            traced,
            program=Program(
                (*inputs, *program.inputs[:first], *program.inputs[first + len(places) :]),
                program.statements,
                (*program.outputs[:count], *after),
            ),
            result=(marked, traced.result),
            samples=[*traced.samples[:count], *state.values()],
        ), state

    def put(self, state: Mapping[str, Any]) -> None:
        """Give the parameters and the optimiser the values of a state.

        Parameters
        ----------
        state : mapping of str to array or number
            With the keys, and the shapes, of the ``state`` that `autograd_lite.export` gives.

        Raises
        ------
        ValueError
            If a key is missing or unknown, or a shape differs. Nothing is changed then.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True, name="w")
        >>> step = al.compile(lambda x: (w * x - 42) ** 2, al.optim.SGD([w], lr=0.01))
        >>> step.put({"w": 8.4, "lr": 0.02})
        >>> w.item()
        8.4
        """
        around = Surroundings(self._f, but=self._apart())
        places = self._places(around)
        now = self._named(places)
        if state.keys() != now.keys():
            raise ValueError(f"put needs the keys {[*now]}, got {[*state]}.")
        arrays = [np.array(state[key], np.asarray(x).dtype) for key, x in now.items()]
        for (key, x), array in zip(now.items(), arrays, strict=True):
            if array.shape != np.shape(x):
                raise ValueError(f"put needs {key} of shape {np.shape(x)}, got {array.shape}.")
        for place, x, array in zip(places, now.values(), arrays, strict=True):
            place.write(array.item() if type(x) in (int, float) else array[()])

    def _named(self, places: list[Place]) -> dict[str, Any]:
        """Return what is at the places, by name: that of a Tensor, or of what is kept of it."""
        owners = {id(parts): p for p, parts in self._optimiser.state.items()}
        names: dict[int, str] = {}
        found: dict[str, Any] = {}
        for place in places:
            holder, owner = place.holder, owners.get(id(place.holder))
            if isinstance(holder, Tensor):
                name = holder.name or "w"
            else:
                name = place.key if owner is None else f"{names[id(owner)]}.{place.key}"
            if name in found:
                name = next(x for k in itertools.count(1) if (x := f"{name}_{k}") not in found)
            names[id(holder)] = name
            found[name] = kept(place.read())
        return found

    def _moves(self, guard: Guard, now: Any) -> None:
        """Make an input of a number that has moved, such as a momentum with a schedule."""
        groups = {id(group): i for i, group in enumerate(self._optimiser.param_groups)}
        if id(guard.holder) not in groups:
            super()._moves(guard, now)
        elif _is_of_numbers(now) and now != guard.value:
            self._moving[groups[id(guard.holder)], guard.key] = None

    def _advice(self, around: Surroundings) -> str:  # noqa: ARG002  (a step needs none)
        return ""

    def _apart(self) -> tuple[Any, ...]:
        return (self._optimiser,)

    def _watch(self, around: Surroundings) -> None:
        super()._watch(around)
        optimiser = self._optimiser
        around.look_into(optimiser, type(optimiser).__name__)
        settings = {(id(place.holder), place.key) for place in self._settings()}
        around.guards = [g for g in around.guards if (id(g.holder), g.key) not in settings]
        kept = {id(parts) for parts in optimiser.state.values()}
        ours = type(optimiser).__module__.startswith(Optimizer.__module__.rpartition(".")[0])
        if ours and around.names.isdisjoint({"defaults", *ANY}):
            # Only new groups, and who names them, read them.
            kept.add(id(optimiser.defaults))
            around.orders = [o for o in around.orders if o[1] is not optimiser.defaults]
        around.guards = [g for g in around.guards if id(g.holder) not in kept]
        around.arrays = [
            a for a in around.arrays
            if not any(a[1] is x for parts in optimiser.state.values() for x in parts.values())
        ]  # fmt: skip

    def _settings(self, *, moving: bool = True) -> list[Place]:
        """Return where the settings are that are inputs: the learning rate, and what has moved."""
        groups = self._optimiser.param_groups
        places = [Place(group, "lr") for group in groups]
        for i, key in self._moving if moving else ():
            value = groups[i].get(key) if i < len(groups) else None
            if _is_of_numbers(value):
                parts = range(len(value)) if isinstance(value, tuple) else [None]
                places += [Place(groups[i], key, part) for part in parts]
        return places

    def _places(self, around: Surroundings, *, moving: bool = False) -> list[Place]:
        optimiser = self._optimiser
        tensors = dict.fromkeys([*around.tensors, *optimiser.params])
        places = [Place(t) for t in tensors]
        places += self._settings(moving=moving)
        for p in optimiser.params:
            parts = optimiser.state.get(p, {})
            places += [
                Place(parts, name)
                for name, x in parts.items()
                if isinstance(x, int | float | np.ndarray | np.generic)
            ]
        return places

    def _trace(
        self, around: Surroundings, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any
    ) -> Traced:
        state, params = self._optimiser.state, self._optimiser.params
        before = {p: dict(parts) for p, parts in state.items()}
        try:
            moving = how.get("checked", True)
            places = self._places(around, moving=moving) + self._numbers() * moving
            traced = trace(self._once, *args, kwargs=kwargs, places=places, may_ask=True, **how)
            grew = any(parts.keys() != before.get(p, {}).keys() for p, parts in state.items())
            if grew and not all(before.get(p) for p in params):
                raise FirstStepError(
                    f"the first step of {type(self._optimiser).__name__} makes the arrays that it "
                    f"keeps, and differs from all later ones. Take it before: step(...)."
                )
            return traced
        finally:
            for p in list(state):
                if p in before:
                    state[p].clear()
                    state[p].update(before[p])
                else:
                    del state[p]

    def _once(self, *args: Any, **kwargs: Any) -> Any:
        loss = self._f(*args, **kwargs)
        if not isinstance(loss, Tensor):
            got = loss.sample if isinstance(loss, Symbol) else loss
            raise TypeError(
                f"{self!r} needs a loss that depends on the parameters, got a "
                f"{type(got).__name__}. Return the Tensor itself, not loss.item()."
            )
        loss.backward()
        self._optimiser.step()
        return loss.detach()

    def _eagerly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = (*args, *kwargs.values())
        if any(type(x) is not np.ndarray and Input in map(type, leaves_of(x)) for x in given):
            raise TypeError(
                f"{self!r} moves the parameters, and gives no gradient towards its arguments. "
                f"Write al.grad(loss), of the loss itself."
            )
        # One thread at a time. A trace holds its own lock, which is always taken after this one.
        with self._lock if NOTES.get() is None else nullcontext():
            self._optimiser.zero_grad()
            loss = self._once(*args, **kwargs)
            self._optimiser.zero_grad()
            return np.array(loss.data)[()]


def _check_count(name: str, count: Any, least: int) -> None:
    """Raise an error unless `count` is an integer of `least` or more.

    Where `n` was forgotten, the first array stands in its place, and the message says so.
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        got = f"of shape {count.shape}" if isinstance(count, np.ndarray) else repr(count)
        got = got if len(got) < 80 else "of many parts"
        raise TypeError(
            f"run needs {name}, a number of steps, got a {type(count).__name__} {got}. Write "
            f"step.run(100, X, y)."
        )
    if count < least:
        raise ValueError(f"run needs {name}, a number of steps, of {least} or more, got {count}.")


def _check_stacks(args: Any, kwargs: Any) -> None:
    """Refuse arrays that are not for the same steps."""
    named = {**{f"argument {i}": x for i, x in enumerate(args)}, **kwargs}
    for name, x in named.items():
        if any(np.ndim(part) for part in leaves_of(x) if part is not x):
            raise TypeError(
                f"run(stacked=True) needs arrays, got a {type(x).__name__} of them as {name}. "
                f"Write np.stack(batches); for batches of several sizes, call step(x) for each x."
            )
    shapes = {name: x.shape for name, x in named.items() if isinstance(x, np.ndarray)}
    if () in shapes.values() or len(lengths := {s[0] for s in shapes.values()}) > 1 or 0 in lengths:
        raise ValueError(
            f"run(stacked=True) needs arrays with a leading axis of one length, a step each, got "
            f"{', '.join(f'{name} of shape {shape}' for name, shape in shapes.items())}."
        )


def _at(k: int, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments of step `k`."""
    return _changed(lambda x: x[k % len(x)], args, kwargs)


def _changed(change: Callable[[Any], Any], args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments with other arrays."""

    def changed(x: Any) -> Any:
        return change(x) if isinstance(x, np.ndarray) else x

    return tuple(map(changed, args)), {key: changed(x) for key, x in kwargs.items()}


def _is_of_numbers(x: Any) -> bool:
    """Return whether a setting is a number or a tuple of them."""
    return all(type(part) in (int, float) for part in (x if isinstance(x, tuple) else [x]))
