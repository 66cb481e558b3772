"""Compiled functions: traced when needed, and checked before every call."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import CellType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.compile.machine import available
from autograd_lite.compile.plan import Plan, StaleError, filled
from autograd_lite.compile.sheet import LoweringError
from autograd_lite.compile.signature import Signature
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.program.program import fingerprint
from autograd_lite.program.refusals import NOTES, TraceError
from autograd_lite.program.surroundings import MISSING, Attributes, Guard, Surroundings
from autograd_lite.program.trace import TRACING, Moved, Output, Place, Traced, alone, lent, trace
from autograd_lite.tensor import Tensor

BACKENDS = ("auto", "numpy", "numba")
TRACES = 8
"""How many programs a function gets; one that needs more is run as it is."""

OFTEN = 256
"""Calls after which it is worth making loops of machine code, which takes tenths of a second."""

GRADIENT = "_grad"
"""Where a Tensor has its gradient."""

SHAPES = 2
"""For how many kinds of arguments machine code is made, unless it is asked for."""

FASTER = "pip install 'autograd_lite[compile]'"


class _RecordedError(StaleError):
    """A result requires a gradient."""


class FirstStepError(TraceError):
    """A step makes what its optimiser keeps, and differs from all later ones."""


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
        self._plans: list[Plan] = []
        self._plan: Plan | None = None
        self._enough = False
        self._lock, self._traces = threading.RLock(), 0
        self._moved: dict[tuple[int, Any], Moved] = {}
        self._may_move = True
        self._recorded = False
        self._reasons: dict[str, None] = {}
        self._not_yet = "It has not been called yet."
        self._eager_because = ""
        self._error: Exception | None = None

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self!r} is not copied or pickled. Copy what it is made of, and compile that."
        )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            said = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in ("run", "bind"):
                said += ". A training step has it: write al.compile(loss, optimiser)."
            raise AttributeError(said, name=name, obj=self)

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        """Bind the object, as the function itself would in a class."""
        bind = None if owner is None else getattr(type(self._f), "__get__", None)
        bound = bind and bind(self._f, owner, kind)
        binds = isinstance(bound, MethodType) and bound.__self__ is owner
        return MethodType(self, owner) if binds else self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute what the function computes."""
        if NOTES.get() is not None:  # Another trace looks on.
            return self._eagerly(args, kwargs)
        if self._eager_because:
            return self._as_it_is(args, kwargs)
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
        return self._as_it_is(args, kwargs)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._error = None
        plan = self._plan_for(args, kwargs)
        if plan is None:
            result = self._as_it_is(args, kwargs)
            if self._error is not None:  # The error was not the function's own.
                self._give_up(_said(self._error))
            return result
        result = plan.quick(args, kwargs)
        if result is not MISSING:
            return result
        with self._lock, TRACING:
            self._ready(plan)
            if not plan.calls:
                plan.calls = 1
                return plan.call(args, kwargs)
            with alone():
                result = self._beside_eager(plan, args, kwargs)
            if 2 * plan.calls >= OFTEN:  # This is that call.
                self._fuse(plan, make=True)
            plan.called()
            return result

    def _plan_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan | None:
        """Return the plan for these arguments, now; None if the function must run as it is."""
        plan = None if self._eager_because else self._known(args, kwargs)
        if plan is not None or self._enough or self._eager_because:
            return plan
        with self._lock, TRACING:  # Another thread may have made it meanwhile.
            return self._known(args, kwargs) or self._fitting(args, kwargs)

    def _known(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan | None:
        """Return the plan for these arguments, now, if there is one."""
        for plan in (self._plan, *self._plans):
            if plan is not None and plan.fits(args, kwargs):
                self._plan = plan
                return plan
        return None

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
        if self._traces >= TRACES:
            new = signature.key not in self._keys()
            way = "Pad them to a few shapes" if new else "Pass a number or an array that does"
            reason = (
                f"it was traced {TRACES} times, since something that it depends on changes again "
                f"and again: {self._difference(signature)}. {way}{'' if new else ' as an argument'}"
            )
            if new and self._backend == "auto":
                self._enough = True
                self._note(f"not compiled for all: {reason}")
            else:
                self._give_up(reason)
            return None
        towards = any(isinstance(x, Tensor) and x.requires_grad for x in signature.others)
        if towards and self._recorded and self._backend == "auto":
            return None
        if self._traces:
            self._note(f"traced again: {self._difference(signature)}")
            self._learn()
        around = Surroundings(self._f, *signature.others, but=self._apart())
        self._watch(around)
        rest, arrays = signature.rest.values(), signature.arrays.values()
        if around.compares and not around.apart(rest, arrays):
            around.hazard = around.hazard or "it asks whether an argument is some other object"
        if around.hazard:
            self._give_up(around.hazard)
            return None
        said = ""
        try:
            with alone():
                traced = self._traced_twice(around, args, kwargs)
        except (StaleError, TraceError) as error:
            around.restore()
            if isinstance(error, FirstStepError):
                self._not_yet = (
                    "The first step ran as it is, since it makes what the optimiser keeps; the "
                    "next one is compiled."
                )
                return None
            if towards and isinstance(error, _RecordedError):  # It is this call, not the function.
                self._recorded = True
                if self._backend == "auto":
                    self._note("where an argument requires a gradient, it runs as it is")
                    return None
                raise TraceError(
                    f"{self!r} got an argument that requires a gradient, and a program records "
                    f"none. Compile al.value_and_grad of the function, or pass t.detach()."
                ) from None
            self._give_up(str(error).rstrip(".") + self._advice(around))
            return None
        except Exception as error:  # noqa: BLE001  (any: it is named, or the function raises it)
            around.restore()
            self._error, said = error, _said(error)
            if self._backend == "auto":
                return None
        if said:  # Most often, the error is the function's own.
            rehearsed(lambda: self._eagerly(args, kwargs), self._places(around), around)
            self._give_up(said)
        inputs = {*map(id, traced.places)}
        moved = {key for key, place in self._moved.items() if id(place) in inputs}
        around.guards = [g for g in around.guards if (id(g.holder), g.key) not in moved]
        plan = Plan(traced, signature, around, self._lock, self._eagerly)
        self._lower(plan)
        self._traces += 1
        self._plans.append(plan)
        self._plan = plan
        return plan

    def _traced_twice(
        self, around: Surroundings, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any
    ) -> Traced:
        """Return a trace that another one has confirmed; numbers that move are inputs, if so."""
        try:
            return self._confirmed(around, args, kwargs, **how)
        except Exception as error:  # Raised again, unless numbers as inputs may be its cause.
            if not self._moved or isinstance(error, FirstStepError):
                raise
            around.restore()
            self._moved, self._may_move = {}, False
            return self._confirmed(around, args, kwargs, **how)

    def _confirmed(
        self, around: Surroundings, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any
    ) -> Traced:
        first = confirmed(lambda: self._trace(around, args, kwargs, **how), around)
        for guard in around.guards:
            if guard.key is GRADIENT and guard.value is not None:
                raise StaleError(f"it may read {guard.path}")
        found = [rng for _, rng, _ in around.generators]
        if any(rng not in found for rng, _ in first.drawn):
            raise StaleError("it draws from a generator of random numbers that is not to be seen")
        if first.recorded:
            raise _RecordedError(
                "its result requires a gradient, by a Tensor that is not an argument; compile "
                "al.value_and_grad of a function of that Tensor, or, for its value alone, "
                "al.no_grad()(f)"
            )
        as_called(first, around, lambda: self._eagerly(args, kwargs))
        return first

    def _lower(self, plan: Plan) -> None:
        """Choose a backend for a plan."""
        if self._backend == "numpy":
            self._note("NumPy, as asked for")
        elif not available():
            self._note(f"NumPy, since numba is not installed; faster: {FASTER}")
        else:
            hurry = self._backend == "auto"
            try:
                if hurry and len(self._keys() | {plan.signature.key}) > SHAPES:
                    raise LoweringError("arguments of ever more shapes in little time")
                plan.use_numba(hurry=hurry)
            except LoweringError as error:
                self._left_to_numpy(error)
            else:
                lines = len(plan.source.splitlines())
                self._note(f"numba, {lines} lines of arithmetic: its arrays are small")
                return
        plan.use_numpy()
        self._fuse(plan, make=False)

    def _fuse(self, plan: Plan, *, make: bool) -> None:
        """Let loops of machine code be between NumPy's calls."""
        if self._backend != "numpy" and plan.fuse(make=make):
            self._note("loops of machine code between NumPy's calls")

    def _ready(self, plan: Plan) -> None:
        """Compile a plan, if that is still to be done."""
        try:
            plan.compiled()
        except LoweringError as error:
            self._reasons.popitem()
            self._left_to_numpy(error)
            plan.use_numpy()

    def _left_to_numpy(self, error: LoweringError) -> None:
        way = (
            f" ({error.source}). Computed outside, and passed as an argument, it leaves the rest "
            f"to numba"
        )
        self._note(f"NumPy, since numba does not do {error}{way if error.source else ''}")

    def _note(self, reason: str) -> None:
        self._reasons[reason] = None

    def _give_up(self, reason: str) -> None:
        reason = reason.rstrip(".")
        self._note(f"not compiled: {reason}")
        if self._backend != "auto":  # Other arguments may be no reason.
            raise TraceError(f"{self!r} cannot be compiled: {reason}.")
        self._eager_because = reason

    def _keys(self) -> set[Any]:
        """Return what kinds of arguments there are programs for."""
        return {plan.signature.key for plan in self._plans}

    def _difference(self, signature: Signature) -> str:
        plan = self._plan
        if plan is None:
            return "what no one can see"
        if plan.signature.key != signature.key:
            return "arguments of other shapes, dtypes or structure"
        return plan.around.changed() or "a value that the trace asked for"

    # ------------------------------------------------------------ what a step does otherwise

    def _learn(self) -> None:
        """Make inputs of numbers that made the last program unfit, such as a weight in the loss."""
        for guard in self._plan.around.guards if self._plan is not None else ():
            now = guard.now()
            if now is not guard.value:
                self._moves(guard, now)

    def _moves(self, guard: Guard, now: Any) -> None:
        """Make an input of a number that has moved."""
        holder, key = guard.holder, guard.key
        numbers = type(now) is type(guard.value) and type(now) in (int, float)
        if not (self._may_move and numbers and now != guard.value):
            return
        if type(holder) is CellType:
            self._moved[id(holder), key] = Moved(Attributes(holder), "cell_contents")
        elif type(holder) in (dict, list) and type(key) in (str, int):
            self._moved[id(holder), key] = Moved(holder, key)

    def _advice(self, around: Surroundings) -> str:
        """Return what to write if a function that cannot be compiled is a training step."""
        trains = any(x.requires_grad for x in around.tensors)
        return "; for a training step, write al.compile(loss, optimiser)" if trains else ""

    def _apart(self) -> tuple[Any, ...]:
        """Return what is not looked into for things that may change."""
        return ()

    def _watch(self, around: Surroundings) -> None:
        """Add what the trace depends on besides the function."""
        cleared = {p for optimiser in self._apart() for p in optimiser.params}
        for t in around.tensors:
            if t.requires_grad and not t.is_leaf:
                around.hazard = f"it uses {t._label()}, which has a history of its own"
            elif ".grad" in around.names and t not in cleared:
                label = f"the gradient of {t._label()}"
                around.guard(Attributes(t), GRADIENT, t._grad, label, deeper=False)

    def _numbers(self) -> list[Place]:
        return [place for place in self._moved.values() if type(place.read()) in (int, float)]

    def _places(self, around: Surroundings) -> list[Place]:
        return [Place(t) for t in around.tensors]

    def _trace(
        self, around: Surroundings, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any
    ) -> Traced:
        places = [*self._places(around), *self._numbers()]
        return pure(trace(self._f, *args, kwargs=kwargs, places=places, may_ask=True, **how))

    def _eagerly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._f(*args, **kwargs)

    def _as_it_is(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function itself; what needs no gradient is an array, as if it were compiled."""
        result = self._eagerly(args, kwargs)
        leaves = leaves_of(result)
        bare = [isinstance(x, Tensor) and not x.requires_grad for x in leaves]
        if not any(bare):
            return result
        pairs = zip(leaves, bare, strict=True)
        return rebuild(result, [x.numpy()[()].copy() if is_bare else x for x, is_bare in pairs])

    def _beside_eager(self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call both, and compare all that comes out."""
        places, written = plan.traced.places, plan.traced.written
        drawers = [rng.bit_generator for rng, _ in plan.traced.drawn]
        arrays = [place.read() for place in places]
        before = [kept(place.read()) for place in written]
        states = [drawer.state for drawer in drawers]
        grads = {p.holder: p.holder._grad for p in places if isinstance(p.holder, Tensor)}

        def restore() -> None:  # What is only read, another thread may have changed.
            for place, value in zip(written, before, strict=True):
                place.write(value)
            for drawer, state in zip(drawers, states, strict=True):
                drawer.state = state
            for t, grad in grads.items():
                t._grad = grad

        def after(result: Any) -> list[Any]:
            found = [*_plain(result), *(kept(place.read()) for place in places)]
            return [*found, *(repr(drawer.state) for drawer in drawers)]

        expected = after(self._eagerly(args, kwargs))
        restore()
        result = plan.call(args, kwargs)
        got = after(result)
        if all(map(_close, expected, got)):
            return result
        restore()  # What is left where all cancels out is nothing but rounding.
        returned, far = _noise(plan.traced, plan.inputs(args, kwargs))
        ends = dict(zip(map(id, written), far, strict=True))
        noise = [*returned, *(ends.get(id(place), 0.0) for place in places)]
        if all(itertools.starmap(_close, itertools.zip_longest(expected, got, noise))):
            return plan.call(args, kwargs)
        pairs = zip(places, arrays, strict=True)
        if not plan.fits(args, kwargs) or any(
            place.read() is not x for place, x in pairs if id(place) not in ends
        ):  # Another thread has changed something meanwhile.
            return self._eagerly(args, kwargs)
        self._plan = None
        self._plans.remove(plan)
        raise StaleError(
            f"{self!r} gives something else than the function itself does now. It depends on "
            f"something that is neither an argument, nor a Tensor, nor to be seen in its "
            f"closure, globals and attributes. Pass that as an argument."
        )


def confirmed(once: Callable[[], Traced], around: Surroundings) -> Traced:
    """Return a trace that another one has confirmed, with everything around it put back."""
    first, second = once(), once()
    changed = around.restore()
    if changed:
        draws = changed.endswith("random numbers")
        way = "draw outside, and pass them" if draws else "do that outside, or keep it in a Tensor"
        raise StaleError(f"it changes {changed}, which every call would have to do; {way}")
    if fingerprint(first.program) != fingerprint(second.program):
        raise StaleError(
            "two traces differ: it depends on random numbers, a counter, the time, or something "
            "else that changes from call to call"
        )
    return first


def rehearsed(
    call: Callable[[], Any],
    places: list[Place],
    around: Surroundings,
    written: Sequence[Place] = (),
) -> tuple[list[Any], list[Any]]:
    """Return the parts of what a call gives, and what it writes; nothing of it stays."""
    try:
        with lent(places):
            for place in places:
                place.write(kept(place.read()))  # An optimiser may write into what it keeps.
            return leaves_of(call()), [kept(place.read()) for place in written]
    finally:
        around.restore()


def as_called(traced: Traced, around: Surroundings, call: Callable[[], Any]) -> None:
    """Refuse a trace that gives something else than a call does, of which nothing stays."""
    returned, after = rehearsed(call, traced.places, around, traced.written)
    expected = [*_plain(returned), *after]
    inputs = traced.inputs[: len(traced.inputs) - len(traced.drawn)]
    inputs += [draw(rng) for rng, draw in traced.drawn]
    around.restore()
    with np.errstate(all="ignore"):
        outputs = traced.program(*inputs)
    got = [*leaves_of(filled(traced.result, outputs))]
    got += outputs[len(outputs) - len(traced.written) :]
    if len(got) != len(expected) or not (
        all(map(_close, expected, got))
        or all(map(_close, expected, got, itertools.chain(*_noise(traced, inputs))))
    ):
        raise StaleError(
            "tracing it gives something else than calling it; if it asks what an array is, by "
            "type(x), write isinstance(x, np.ndarray)"
        )
    for k, x in zip(leaves_of(traced.result), returned, strict=True):
        if isinstance(k, Output) and not np.ndim(x):
            if isinstance(x, np.ndarray):
                traced.forms[k] = "array({})"
            elif isinstance(x, np.generic) and isinstance(traced.samples[k], np.ndarray):
                traced.forms[k] = "{}[()]"
            elif isinstance(x, np.generic) and not isinstance(traced.samples[k], np.generic):
                traced.forms[k] = "array({})[()]"


def _said(error: Exception) -> str:
    said = str(error).partition("\n")[0]
    return f"tracing it raises {type(error).__name__}: {said}"


def pure(traced: Traced) -> Traced:
    """Refuse a function that adds to gradients, which its program does not."""
    if traced.graded:
        label = traced.graded[0]._label()
        raise StaleError(
            f"it changes the gradient of {label}, which every call would have to do. Compile the "
            f"loss alone, with an optimiser: al.compile(loss, al.optim.SGD([...], lr=...)); or "
            f"al.value_and_grad(f), which returns gradients"
        )
    return traced


def kept(x: Any) -> Any:
    """Return what stays as it is when an array is written to."""
    return x.copy() if isinstance(x, np.ndarray) else x


def _plain(x: Any) -> list[Any]:
    return [leaf.data if isinstance(leaf, Tensor) else leaf for leaf in leaves_of(x)]


def _noise(traced: Traced, values: list[Any]) -> tuple[list[float], list[float]]:
    """Return how far rounding moves what a call returns, and what it writes.

    Every input and every result of a statement is moved by one unit in its last place, up or down:
    so this follows the size of the terms, whatever is left of them.
    """
    program, rng = traced.program, np.random.default_rng(0)

    def moved(x: Any) -> Any:
        x = np.array(
            x, order="K"
        )  # It lies in memory as before: what is computed may depend on it.
        if x.dtype.kind in "fc":
            x += x * (rng.choice([-1, 1], x.shape) * np.finfo(x.dtype).eps).astype(x.dtype)
        return x[()]

    def shaken(compute: Callable[..., Any], *operands: Any, **parameters: Any) -> Any:
        return moved(compute(*operands, **parameters))

    statements = tuple(
        replace(s, function=functools.partial(shaken, s.compute)) for s in program.statements
    )
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
    return returned, far[len(far) - len(traced.written) :]


def _close(a: Any, b: Any, noise: float | None = None) -> bool:
    """Return whether two numbers or arrays are equal to rounding, which moves them so far."""
    try:
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype != b.dtype or a.dtype.kind not in "fc":
            return a.dtype == b.dtype and bool(np.array_equal(a, b))
        if noise is not None and a.shape == b.shape:  # Terms that overflow give nan, or inf.
            over = ~(np.isfinite(a) | np.isfinite(b))
            a, b = np.where(over, 0, a), np.where(over, 0, b)
        exact = float(np.finfo(a.dtype).eps) ** 0.5
        largest = float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a)))
        return a.shape == b.shape and bool(
            np.allclose(
                a, b, rtol=exact, atol=max(exact * largest, 8 * (noise or 0)), equal_nan=True
            )
        )
    except TypeError:
        return a is b or bool(a == b)
