"""Tracing: a function is called on symbols, and what it did is a program."""

from __future__ import annotations

import keyword
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import numpy_api
from autograd_lite.core.node import leaf
from autograd_lite.core.primitive import REGISTRY, Primitive
from autograd_lite.functional.nests import flatten, leaves_of, rebuild
from autograd_lite.functional.tracing import call_with_tensors
from autograd_lite.program.cleaning import cleaned
from autograd_lite.program.formulas import FORMULAS
from autograd_lite.program.program import Program, Statement, Variable
from autograd_lite.program.refusals import ALONE, NOTES, TraceError
from autograd_lite.program.symbol import Call, Notes, Symbol, joined
from autograd_lite.tensor import Tensor

TAKEN = re.compile(
    r"[vx]\d*|n|np|straight|argument|let_go|take_back|handed|block\d*|jax|jnp|math|pick|values|state|draws|(k|given|rows|out|loop)\d*|(row|new)_.*"
)
"""Names that programs, and machine code of them, have for something else."""

TRACING = threading.RLock()
"""Held while programs are made: other threads wait that make one."""

LENT = threading.RLock()
"""Held while a trace puts stand-ins into Tensors, and while steps read and write Tensors."""

BUSY = np.zeros(1, np.intp)
"""Not 0 while they have; machine code looks there."""

_INPUTS = (int, float, np.ndarray, np.memmap)
"""What becomes an input; anything else that a function is given is a part of the program."""


def is_input(x: Any) -> bool:
    """Return whether a symbol can stand for it: a number, or a plain NumPy array."""
    return type(x) in _INPUTS or isinstance(x, np.number | np.bool)


class Place(NamedTuple):
    """Where something is kept that a program reads or gives a new value."""

    holder: Any
    key: Any = None  # Under which a mapping or list has it; None for the value of a Tensor.
    part: int | None = None  # Which part of it is meant, if it is a tuple.

    def read(self) -> Any:
        """Return what is there."""
        if isinstance(self.holder, Tensor):
            return self.holder._value()
        value = self.holder[self.key]
        return value if self.part is None else value[self.part]

    def write(self, value: Any) -> None:
        """Put something there."""
        if isinstance(self.holder, Tensor):
            self.holder._array = value
            self.holder._note_write()
        elif self.part is None:
            self.holder[self.key] = value
        else:
            parts = list(self.holder[self.key])
            parts[self.part] = value
            self.holder[self.key] = tuple(parts)


class Moved(Place):
    """Where a number of the user's is kept, which computes as Python's numbers do."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class Traced:
    """A program, and where its inputs come from and its outputs go."""

    # The inputs are the arguments' arrays, then what is at `places`, then what is `drawn`; the
    # outputs are the arrays of the result, then the new values of what is at `written`.
    program: Program
    result: Any  # What the function returned, with the position of an output in place of an array.
    places: list[Place]
    written: list[Place]
    # The inputs whose "value" (or "truth") was asked for: the program holds for that one only; or
    # conditions, which must give what they gave.
    asked: dict[Variable, Any]
    decided: list[tuple[Program, Callable[[Any], Any]]]  # What numbers among the inputs decide.
    # What draws the random numbers that are the last inputs, in this order.
    drawn: list[tuple[np.random.Generator, Callable[[Any], Any]]]
    # What inputs and outputs were when it was traced.
    inputs: list[Any]
    samples: list[Any]
    recorded: bool  # Whether a result requires a gradient, which the outputs do not carry.
    # Those at `places` that a backward pass inside the function gave a gradient.
    graded: list[Tensor]
    # How outputs without axes are made what a call returns: an array, or a number, of the other.
    forms: dict[int, str] = field(default_factory=dict)

    @property
    def may_refuse(self) -> bool:
        """Whether a run may raise a TraceError, as a result has another shape then."""
        return any(isinstance(s.function, Call) for s in self.program.statements)


def trace(
    f: Callable[..., Any],
    *args: Any,
    places: Sequence[Place] = (),
    kwargs: Mapping[str, Any] | None = None,
    may_ask: bool = False,
    checked: bool = True,
    drawing: bool | None = None,
) -> Traced:
    """Call a function on symbols and return what it did.

    Parameters
    ----------
    f : callable
        Of arrays, numbers, Tensors, or nested dicts, lists and tuples of them.
    *args : arrays, numbers, or nests of them
        They say what shapes and dtypes the program is for.
    places : sequence of Place
        What else is an input: parameters, settings, the state of an optimiser.
    kwargs : mapping of str to object
        Keyword arguments; they are inputs too.
    may_ask : bool
        Whether the value of an input may be asked for, which is then noted.
    checked : bool
        Whether conditions on inputs may then be noted, too.
    drawing : bool, optional
        Whether random numbers are inputs; by default if conditions may be noted.

    Returns
    -------
    Traced

    Raises
    ------
    TraceError
        If the function asks for the value of an array: the error names the line.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> traced = trace(al.grad(lambda x: np.sum(np.sin(x))), np.zeros(2))
    >>> print(traced.program)
    x0: float64[2]
    v0: float64[2] = cos(x0)
    return v0
    """
    conditions = may_ask and checked
    drawing = conditions if drawing is None else drawing
    notes = Notes(may_ask=may_ask, conditions=conditions, drawing=drawing)
    nest = (args, dict(kwargs or {}))
    leaves = leaves_of(nest)
    lifted = [_lifted(x, notes) for x in leaves]
    if conditions:  # An array that is given twice is the same one for whoever asks.
        pairs = list(zip(leaves, lifted, strict=True))
        one = {id(x): y for x, y in pairs if isinstance(x, np.ndarray | Tensor)}
        lifted = [one.get(id(x), y) for x, y in pairs]
    given, named = nest = rebuild(nest, lifted)
    stand_ins = {id(y) for x, y in zip(leaves, lifted, strict=True) if y is not x}
    before = _looks(nest, stand_ins)
    token = NOTES.set(notes)
    try:
        with lent(places):
            symbols = []
            for place in places:
                value = place.read()
                holder = place.holder
                name = holder.name if isinstance(holder, Tensor) else str(place.key)
                symbols.append(notes.input(value, _name(name, notes)))
            variables = [symbol.variable for symbol in symbols]
            for place, symbol in zip(places, symbols, strict=True):
                place.write(symbol)
            try:
                returned = call_with_tensors(f, given, named)
            except Exception:  # Raised again, or what it came from: NumPy's words do not say why.
                if isinstance(notes.failure, TraceError):
                    raise notes.failure from None
                raise
            if notes.failure is not None:
                raise TraceError(
                    f"it catches an error, which other values might not raise: {notes.failure}"
                ) from notes.failure
            if _looks(nest, stand_ins) != before:
                raise TraceError(
                    "it changes an argument, which every call would have to do. Change a copy: "
                    "t = t + u, not t += u; {**d, key: x}, not d[key] = x"
                )
            # Now, as long as Tensors hold symbols and views can still be taken again.
            leaves = [
                x._value() if isinstance(x, Tensor) else joined(x) for x in leaves_of(returned)
            ]
            after = [place.read() for place in places]
            for x in (*leaves, *after):  # Views catch up.
                _ = isinstance(x, Symbol) and x.variable
            tensors = [place.holder for place in places if isinstance(place.holder, Tensor)]
            graded = [t for t in tensors if t._grad is not None]
    finally:
        NOTES.reset(token)
    changed = [
        i for i, x in enumerate(after) if x is not symbols[i] or x.variable is not variables[i]
    ]
    recorded = any(isinstance(x, Tensor) and x.requires_grad for x in leaves_of(returned))
    arrays = [i for i, x in enumerate(leaves) if isinstance(x, Symbol | np.ndarray | np.generic)]
    marked = list(leaves)
    for position, i in enumerate(arrays):
        marked[i] = Output(position)
    outputs = [leaves[i] for i in arrays] + [after[i] for i in changed]
    program = Program(
        tuple(notes.inputs),
        tuple(notes.statements),
        tuple(x.variable if isinstance(x, Symbol) else x for x in outputs),
    )
    return Traced(
        cleaned(program),
        rebuild(returned, marked),
        list(places),
        [places[i] for i in changed],
        notes.asked,
        notes.decided,
        list(notes.drawn.values()),
        notes.samples,
        [x.sample if isinstance(x, Symbol) else x for x in outputs],
        recorded,
        graded,
    )


def expanded(s: Statement) -> Program | None:
    """Return simpler statements for one: a program of its variable operands.

    They are those of its formula, if it has one; else, of an operation's forward function, or of
    what NumPy's function does on Tensors. None if there are none that are simpler.
    """
    f, given = s.function, [x for x in s.operands if isinstance(x, Variable)]
    samples: list[Any] = [np.ones(x.shape, x.dtype)[()] for x in given]
    samples = [one.item() if x.weak else one for x, one in zip(given, samples, strict=True)]
    formula = FORMULAS.get(function_of(s)) or getattr(f, "formula", None)
    compute = formula or s.compute
    if isinstance(f, Call):
        compute, p = f.of(formula or f.function), operation_of(s)
        if formula is None and (p is None or p.whole):
            whole = all(x.dtype.kind in "biu" for x in given)  # Compositions are of real numbers.
            if whole or f.function not in numpy_api.COMPOSED:
                return None
            samples = list(map(Tensor, samples))
    elif formula is None and (not isinstance(f, Primitive) or f.whole):
        return None

    def does(*arrays: Any) -> Any:
        rest = iter(arrays)
        operands = (next(rest) if isinstance(x, Variable) else x for x in s.operands)
        return compute(*operands, **s.parameters)

    try:
        program = trace(does, *samples).program
    except Exception:  # noqa: BLE001  (on ones, NumPy and compositions may raise anything: then the statement stays)
        return None
    same = any(inner.function == f for inner in program.statements)
    fits = len(program.outputs) == 1 and isinstance(program.outputs[0], Variable)
    return program if fits and not same and program.statements else None


def function_of(s: Statement) -> Any:
    """Return the NumPy function that a statement applies, or None."""
    if isinstance(s.function, Call):
        return s.function.function
    return next(iter(s.function.numpy), None) if isinstance(s.function, Primitive) else s.function


def operation_of(s: Statement) -> Primitive | None:
    """Return the operation that a statement applies, with parameters that are computed, or None."""
    if not isinstance(s.function, Call):
        return None
    p = REGISTRY.get(s.function.__name__)
    return p if p is not None and p.forward is s.function.function else None


def _looks(nest: Any, stand_ins: set[int]) -> list[Any]:
    """Return what must stay as it is of arguments: their structure, and what Tensors have."""
    found: list[Any] = flatten(nest)
    for _, t in flatten(nest):
        if isinstance(t, Tensor) and id(t) in stand_ins:
            found += [t._array, t._array.variable, t._requires_grad, t._grad]
    return [(part[0], id(part[1])) if isinstance(part, tuple) else id(part) for part in found]


def _lifted(x: Any, notes: Notes) -> Any:
    """Return a symbol for a number or an array; for a Tensor, one that holds a symbol."""
    if isinstance(x, Tensor) and not x.requires_grad:
        return leaf(notes.input(x._value()))
    return notes.input(x).__unchanging__() if is_input(x) else x


class Output(int):
    """The position of an output, where a result has an array."""


def _name(wanted: str | None, notes: Notes) -> str:
    """Return a name for an input that no other has."""
    name = re.sub(r"\W|_+", "_", wanted or "w", flags=re.ASCII).strip("_")
    free = name.isidentifier() and not keyword.iskeyword(name) and not TAKEN.fullmatch(name)
    name = name if free else f"w_{name}"
    taken = {variable.name for variable in notes.inputs}
    candidates = [name, *(f"{name}_{k}" for k in range(1, len(taken) + 2))]
    return next(x for x in candidates if x not in taken)


@contextmanager
def alone() -> Iterator[None]:
    """Let no other thread do a step; what is compiled runs as it is in this one."""
    with TRACING, LENT:
        token = NOTES.set(NOTES.get() or ALONE)
        BUSY[0] += 1
        try:
            yield
        finally:
            BUSY[0] -= 1
            NOTES.reset(token)


@contextmanager
def lent(places: Sequence[Place]) -> Iterator[None]:
    """Put everything back afterwards that symbols were put into."""
    with alone():
        yield from _lent(places)


def _lent(places: Sequence[Place]) -> Iterator[None]:
    tensors = [place.holder for place in places if isinstance(place.holder, Tensor)]
    slots = ("_array", "_birth", "_requires_grad", "_primitive", "_inputs", "_parameters", "_grad")
    kept = [[getattr(t, slot) for slot in slots] + [t._rare and dict(t._rare)] for t in tensors]
    others = [place for place in places if not isinstance(place.holder, Tensor)]
    values = [place.holder[place.key] for place in others]
    for t in tensors:
        t._grad = None
    try:
        yield
    finally:
        for t, before in zip(tensors, kept, strict=True):
            for slot, value in zip((*slots, "_rare"), before, strict=True):
                setattr(t, slot, value)
        for place, value in zip(others, values, strict=True):
            place.holder[place.key] = value
