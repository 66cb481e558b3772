"""Compiled functions and training steps: what `al.compile` returns."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_lite.compile.numba_code import available
from autograd_lite.compile.plan import Plan, Signature, StaleError
from autograd_lite.compile.scalars import LoweringError
from autograd_lite.functional.nests import leaves_of
from autograd_lite.optim.optimizer import Optimizer
from autograd_lite.program.program import Program, fingerprint
from autograd_lite.program.surroundings import MISSING, Surroundings
from autograd_lite.program.symbol import TraceError
from autograd_lite.program.trace import Output, Place, Traced, trace
from autograd_lite.tensor import Tensor

BACKENDS = ("auto", "numpy", "numba")
TRACES = 8
"""How many programs a function gets; one that needs more is run as it is."""

FASTER = "pip install 'autograd_lite[compile]'"


class Compiled:
    """A function of arrays that runs as a program; `autograd_lite.compile` makes it.

    Attributes
    ----------
    source : str
        The code that ran last.
    why : str
        What was decided, and the reasons: which backend, why it was traced again, why it fell
        back.
    """

    _depends_on: tuple[str, ...] = ("_f",)  # All else is ours; what uses us need not look at it.

    def __init__(self, f: Callable[..., Any], backend: str) -> None:
        functools.update_wrapper(self, f, updated=())
        self._f, self._backend = f, backend
        self._plans: dict[Any, list[Plan]] = {}
        self._plan: Plan | None = None
        self._traces = 0
        self._reasons: dict[str, None] = {}
        self._not_yet = "It has not been called yet."
        self._eager_because = ""
        self._error: Exception | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute what the function computes."""
        try:
            if self._plan is not None:
                result = self._plan.quick(args, kwargs)
                if result is not MISSING:
                    return result
            return self._called(args, kwargs)
        except TraceError as error:  # Of other values, something has another shape.
            if self._backend != "auto" or self._eager_because:
                raise
            self._plan = None
            self._give_up(str(error))
        return self._eagerly(args, kwargs)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._error = None
        plan = self._plan_for(args, kwargs)
        if plan is None:
            result = self._eagerly(args, kwargs)
            if self._error is not None:  # The error was not the function's own.
                said = str(self._error).partition("\n")[0]
                self._give_up(f"tracing it raises {type(self._error).__name__}: {said}")
            return result
        result = plan.quick(args, kwargs)
        if result is not MISSING:
            return result
        if not plan.calls:
            plan.calls = 1
            return plan.call(args, kwargs)
        plan.called()
        return self._beside_eager(plan, args, kwargs)

    def _plan_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan | None:
        """Return the plan for these arguments, now; None if the function must run as it is."""
        plan = self._plan
        return plan if plan is not None and plan.fits(args, kwargs) else self._fitting(args, kwargs)

    @property
    def source(self) -> str:
        """The code that runs; empty before the first call."""
        return self._plan.source if self._plan is not None else ""

    @property
    def why(self) -> str:
        """What was decided, and why, a line each."""
        return "\n".join(self._reasons) or self._not_yet

    def __repr__(self) -> str:
        return f"<compiled {getattr(self._f, '__name__', 'function')}>"

    # ------------------------------------------------------------ making a plan

    def _fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan | None:
        """Return a plan for these arguments, now; None if the function must run as it is."""
        if self._eager_because:
            return None
        signature = Signature(args, kwargs)
        for plan in self._plans.get(signature.key, ()):
            if plan.fits(args, kwargs):
                self._plan = plan
                return plan
        if self._needs_a_first_step(args, kwargs):
            self._not_yet = (
                "The first step ran as it is, since it makes what the optimiser keeps; the next "
                "one is compiled."
            )
            return None
        if self._traces >= TRACES:
            self._give_up(
                f"it was traced {TRACES} times, since something that it depends on changes again "
                f"and again: {self._difference(signature)}"
            )
            return None
        if self._traces:
            self._note(f"traced again: {self._difference(signature)}")
            self._learn()
        self._traces += 1
        around = Surroundings(self._f, *signature.others, but=self._apart())
        self._watch(around)
        if around.hazard:
            self._give_up(around.hazard)
            return None
        try:
            traced = self._traced_twice(around, args, kwargs)
        except (StaleError, TraceError) as error:
            around.restore()
            self._give_up(str(error))
            return None
        except Exception as error:
            around.restore()
            if isinstance(error.__cause__, TraceError):  # NumPy's own words do not say why.
                self._give_up(str(error.__cause__))
                return None
            if self._backend != "auto":
                raise  # Most often, it is the function's own.
            self._error = error
            return None
        plan = Plan(traced, signature, around)
        self._lower(plan)
        self._plans.setdefault(signature.key, []).append(plan)
        self._plan = plan
        return plan

    def _traced_twice(
        self, around: Surroundings, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any
    ) -> Traced:
        """Return a trace that another one has confirmed."""
        first = confirmed(lambda: self._trace(around, args, kwargs, **how), around)
        found = [rng for _, rng, _ in around.generators]
        if any(rng not in found for rng, _ in first.drawn):
            raise StaleError("it draws from a generator of random numbers that is not to be seen")
        if first.recorded:
            raise StaleError(
                "its result requires a gradient, by a Tensor that is not an argument; compile "
                "al.value_and_grad of a function of that Tensor, or give an optimiser"
            )
        return first

    def _lower(self, plan: Plan) -> None:
        """Choose a backend for a plan."""
        if self._backend != "numpy":
            if not available():
                self._note(f"NumPy, since numba is not installed; faster: {FASTER}")
            else:
                try:
                    plan.use_numba()
                except LoweringError as error:
                    self._note(f"NumPy, since numba does not do {error}")
                else:
                    lines = len(plan.source.splitlines())
                    self._note(f"numba, {lines} lines of arithmetic: its arrays are small")
                    return
        else:
            self._note("NumPy, as asked for")
        plan.use_numpy()

    def _note(self, reason: str) -> None:
        self._reasons[reason] = None

    def _give_up(self, reason: str) -> None:
        reason = reason.rstrip(".")
        self._eager_because = reason
        self._note(f"not compiled: {reason}")
        if self._backend != "auto":
            raise TraceError(f"{self!r} cannot be compiled: {reason}.")

    def _difference(self, signature: Signature) -> str:
        plan = self._plan
        if plan is None:
            return "arguments"
        if plan.signature.key != signature.key:
            return "arguments of other shapes, dtypes or structure"
        return plan.around.changed() or "a value that the trace asked for"

    # ------------------------------------------------------------ what a step does otherwise

    def _needs_a_first_step(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:  # noqa: ARG002
        """Return whether it must run as it is before it can be traced."""
        return False

    def _learn(self) -> None:
        """Look at what made the last program unfit, for the next one."""

    def _apart(self) -> tuple[Any, ...]:
        """Return what is not looked into for things that may change."""
        return ()

    def _watch(self, around: Surroundings) -> None:
        """Add what the trace depends on besides the function."""
        for t in around.tensors:
            if t.requires_grad and not t.is_leaf:
                around.hazard = f"it uses {t._label()}, which has a history of its own"

    def _places(self, around: Surroundings) -> list[Place]:
        return [Place(t) for t in around.tensors]

    def _trace(
        self, around: Surroundings, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any
    ) -> Traced:
        places = self._places(around)
        return pure(trace(self._f, *args, kwargs=kwargs, places=places, may_ask=True, **how))

    def _eagerly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._f(*args, **kwargs)

    def _beside_eager(self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call both, and compare all that comes out."""
        places = plan.traced.places
        drawers = [rng.bit_generator for rng, _ in plan.traced.drawn]
        before = [_kept(place.read()) for place in places]
        states = [drawer.state for drawer in drawers]

        def restore() -> None:
            for place, value in zip(places, before, strict=True):
                place.write(value)
            for drawer, state in zip(drawers, states, strict=True):
                drawer.state = state

        expected = self._eagerly(args, kwargs)
        written = [_kept(place.read()) for place in places]
        moved = [repr(drawer.state) for drawer in drawers]
        restore()
        result = plan.call(args, kwargs)
        pairs = list(zip(_plain(expected), _plain(result), strict=False))
        pairs += [(w, place.read()) for w, place in zip(written, places, strict=True)]
        pairs += [(w, repr(drawer.state)) for w, drawer in zip(moved, drawers, strict=True)]
        if all(_close(*pair) for pair in pairs):
            return result
        restore()  # What is left where all cancels out is nothing but rounding.
        noise = _noise(plan, args, kwargs)
        restore()
        if not all(_close(a, b, by) for (a, b), by in itertools.zip_longest(pairs, noise)):
            raise StaleError(
                f"{self!r} gives something else than the function itself does now. It depends on "
                f"something that is neither an argument, nor a Tensor, nor to be seen in its "
                f"closure, globals and attributes. Pass that as an argument."
            )
        return plan.call(args, kwargs)


class Step(Compiled):
    """A compiled training step; `autograd_lite.compile` makes it of a loss and an optimiser."""

    _depends_on = ("_f", "_optimiser")

    def __init__(self, loss: Callable[..., Any], optimiser: Optimizer, backend: str) -> None:
        super().__init__(loss, backend)
        self._optimiser = optimiser
        self._grew = False
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
            If `n` or `every` is not an integer.
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
        return np.concatenate(losses) if losses else np.empty(0)

    def _some(
        self, n: int, done: int, args: tuple[Any, ...], kwargs: dict[str, Any], stacked: bool
    ) -> Any:
        """Do steps; the first of them by a call, which checks and compiles."""
        one, named = _slice(args, kwargs, done) if stacked else (args, kwargs)
        first = self(*one, **named)
        values = np.empty(n, np.asarray(first).dtype)
        values[0] = first
        if n == 1:
            return values
        plan = self._plan
        loop = None
        if self._eager_because == "" and self._backend != "numpy" and available():
            one, named = _slice(args, kwargs, done + 1) if stacked else (args, kwargs)
            plan = self._plan_for(one, named)
            if plan is not None:
                try:
                    loop = plan.loop(stacked=stacked)
                except (LoweringError, LookupError) as error:
                    self._note(f"a loop of calls, since machine code does not do {error}")
        if loop is None or plan is None:
            for k in range(1, n):
                one, named = _slice(args, kwargs, done + k) if stacked else (args, kwargs)
                values[k] = self(*one, **named)
            return values
        if stacked:
            args, kwargs = _rolled(args, kwargs, done + 1)
        plan.run(loop, n - 1, args, kwargs, values[1:])
        return values

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
        if self._needs_a_first_step(args, {}):
            raise TraceError(
                f"the first step of {type(self._optimiser).__name__} makes the arrays that it "
                f"keeps, and differs from all later ones. Take it before: step(...)."
            )
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
            found[name] = _kept(place.read())
        return found

    def _needs_a_first_step(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Find out whether the first step gives the optimiser a state."""
        optimiser = self._optimiser
        if any(optimiser.state.get(p) for p in optimiser.params):
            return False
        around = Surroundings(self._f, *Signature(args, kwargs).others, but=self._apart())
        if around.hazard:
            return False
        try:
            self._trace(around, args, kwargs)
        except Exception:  # noqa: BLE001  (whoever traces it next says so)
            return False
        finally:
            around.restore()
        return self._grew

    def _learn(self) -> None:
        """Make inputs of the optimiser's numbers that move, such as a momentum with a schedule."""
        groups = {id(group): i for i, group in enumerate(self._optimiser.param_groups)}
        for guard in self._plan.around.guards if self._plan is not None else ():
            i, now = groups.get(id(guard.holder)), guard.now()
            if i is not None and _is_of_numbers(now) and now != guard.value:
                self._moving[i, guard.key] = None

    def _apart(self) -> tuple[Any, ...]:
        return (self._optimiser,)

    def _watch(self, around: Surroundings) -> None:
        super()._watch(around)
        optimiser = self._optimiser
        around.look_into(optimiser, type(optimiser).__name__)
        settings = {(id(place.holder), place.key) for place in self._settings()}
        around.guards = [g for g in around.guards if (id(g.holder), g.key) not in settings]
        kept = {id(parts) for parts in optimiser.state.values()}
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
        state = self._optimiser.state
        before = {p: dict(parts) for p, parts in state.items()}
        try:
            places = self._places(around, moving=how.get("checked", True))
            return trace(self._once, *args, kwargs=kwargs, places=places, may_ask=True, **how)
        finally:
            self._grew = any(parts.keys() != before.get(p, {}).keys() for p, parts in state.items())
            for p in list(state):
                if p in before:
                    state[p].clear()
                    state[p].update(before[p])
                else:
                    del state[p]

    def _once(self, *args: Any, **kwargs: Any) -> Any:
        loss = self._f(*args, **kwargs)
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"{self!r} needs a loss that depends on the parameters, got a "
                f"{type(loss).__name__}. Return the Tensor itself, not loss.item()."
            )
        loss.backward()
        self._optimiser.step()
        return loss.detach()

    def _eagerly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._optimiser.zero_grad()
        loss = self._once(*args, **kwargs)
        self._optimiser.zero_grad()
        return np.array(loss.data)[()]


def confirmed(once: Callable[[], Traced], around: Surroundings) -> Traced:
    """Return a trace that another one has confirmed, with everything around it put back."""
    first, second = once(), once()
    changed = around.restore()
    if changed:
        raise StaleError(f"it changes {changed}, which every call would have to do")
    if fingerprint(first.program) != fingerprint(second.program):
        raise StaleError(
            "two traces differ: it depends on random numbers, a counter, the time, or something "
            "else that changes from call to call"
        )
    return first


def pure(traced: Traced) -> Traced:
    """Refuse a function that adds to gradients, which its program does not."""
    if traced.graded:
        label = traced.graded[0]._label()
        raise StaleError(f"it changes the gradient of {label}, which every call would have to do")
    return traced


def _check_count(name: str, count: Any, least: int) -> None:
    """Raise an error unless `count` is an integer of `least` or more.

    Where `n` was forgotten, the first array stands in its place, and the message says so.
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        got = f"of shape {count.shape}" if isinstance(count, np.ndarray) else repr(count)
        raise TypeError(
            f"run needs {name}, a number of steps, got a {type(count).__name__} {got}. Write "
            f"step.run(100, X, y)."
        )
    if count < least:
        raise ValueError(f"run needs {name}, a number of steps, of {least} or more, got {count}.")


def _check_stacks(args: Any, kwargs: Any) -> None:
    """Refuse arrays that are not for the same steps."""
    named = {**{f"argument {i}": x for i, x in enumerate(args)}, **kwargs}
    shapes = {name: x.shape for name, x in named.items() if isinstance(x, np.ndarray)}
    if () in shapes.values() or len({shape[0] for shape in shapes.values()}) > 1:
        raise ValueError(
            f"run(stacked=True) needs arrays with a leading axis of one length, a step each, got "
            f"{', '.join(f'{name} of shape {shape}' for name, shape in shapes.items())}."
        )


def _slice(args: Any, kwargs: Any, k: int) -> tuple[Any, Any]:
    """Return the arguments of step `k`."""

    def at(x: Any) -> Any:
        return x[k % len(x)] if isinstance(x, np.ndarray) else x

    return tuple(map(at, args)), {key: at(x) for key, x in kwargs.items()}


def _rolled(args: Any, kwargs: Any, k: int) -> tuple[Any, Any]:
    """Return the arguments, with those of step `k` first."""

    def at(x: Any) -> Any:
        return np.roll(x, -(k % len(x)), axis=0) if isinstance(x, np.ndarray) else x

    return tuple(map(at, args)), {key: at(x) for key, x in kwargs.items()}


def _is_of_numbers(x: Any) -> bool:
    """Return whether a setting is a number or a tuple of them."""
    return all(type(part) in (int, float) for part in (x if isinstance(x, tuple) else [x]))


def _kept(x: Any) -> Any:
    return x.copy() if isinstance(x, np.ndarray) else x


def _plain(x: Any) -> list[Any]:
    return [leaf.data if isinstance(leaf, Tensor) else leaf for leaf in leaves_of(x)]


def _noise(plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[float]:
    """Return how far rounding moves what a call returns and what is then at each place.

    Every input and every result of a statement is moved by one unit in its last place, up or down:
    so this follows the size of the terms, whatever is left of them.
    """
    traced, rng = plan.traced, np.random.default_rng(0)
    program = traced.program

    def moved(x: Any) -> Any:
        x = np.asarray(x)
        if x.dtype.kind in "fc":
            x = x + x * (rng.choice([-1, 1], x.shape) * np.finfo(x.dtype).eps).astype(x.dtype)
        return x[()]

    def shaken(compute: Callable[..., Any], *operands: Any, **parameters: Any) -> Any:
        return moved(compute(*operands, **parameters))

    statements = tuple(
        replace(s, function=functools.partial(shaken, s.compute)) for s in program.statements
    )
    values = plan.inputs(args, kwargs)
    with np.errstate(all="ignore"):
        outputs = program(*values)
        runs = [replace(program, statements=statements)(*map(moved, values)) for _ in range(8)]
        far = [
            max(float(np.max(np.abs(np.subtract(y, x)), initial=0.0)) for y in ys)
            if np.asarray(x).dtype.kind in "fc" else 0.0
            for x, *ys in zip(outputs, *runs, strict=True)
        ]  # fmt: skip
    far = [x if np.isfinite(x) else 0.0 for x in far]
    returned = [far[x] if isinstance(x, Output) else 0.0 for x in leaves_of(traced.result)]
    ends = dict(zip(map(id, traced.written), far[len(far) - len(traced.written) :], strict=True))
    return [*returned, *(ends.get(id(place), 0.0) for place in traced.places)]


def _close(a: Any, b: Any, noise: float | None = None) -> bool:
    """Return whether two numbers or arrays are equal to rounding, which moves them so far."""
    try:
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype.kind not in "fc":
            return bool(np.array_equal(a, b))
        exact = float(np.finfo(a.dtype).eps) ** 0.5
        largest = float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a)))
        return a.shape == b.shape and bool(
            np.allclose(
                a, b, rtol=exact, atol=max(exact * largest, 8 * (noise or 0)), equal_nan=True
            )
        )
    except TypeError:
        return a is b or bool(a == b)
