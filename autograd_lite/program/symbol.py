"""Symbols: arrays whose entries nobody may ask for, which note down what is done to them.

A `Symbol` answers to operators, methods and NumPy functions as an array does. It stands in a
Tensor where its array is, so that whatever Tensors do (record, differentiate, write, step) is noted
down too. Beside it runs a sample, which says what shape, dtype, layout and error a result has;
what is asked of its entries is refused.
"""

from __future__ import annotations

import itertools
import operator
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd_lite import numpy_api, ops
from autograd_lite.core.backward import STAND_INS
from autograd_lite.core.primitive import Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.functional.tracing import PACKAGE
from autograd_lite.graph.source import Source
from autograd_lite.numpy_api.arguments import frozen_index
from autograd_lite.numpy_api.into import WRITING
from autograd_lite.numpy_api.methods import ArrayMethods
from autograd_lite.numpy_api.table import NEW, OF_SHAPES, REDUCTIONS
from autograd_lite.program.operators import (
    COMPARISONS,
    Operators,
    apply_operator,
    is_weak,
    of_numpys,
    sample_of,
)
from autograd_lite.program.program import Program, Statement, Variable, constant_key
from autograd_lite.program.refusals import (
    CHOICES,
    INDICES,
    KEPT,
    LISTS,
    NOTES,
    TraceError,
    asking,
    outside,
    refused,
    under_way,
    unwritable,
)
from autograd_lite.tensor import Tensor

TOGETHER = 4
"""How many numbers may decide about a program together."""
SILENT = {"ignore", "warn"}
"""What NumPy may do about an error of floating point where a function is traced."""


def layout(x: Any) -> Any:
    """Return in which order the entries of an array lie in memory, and whether without gaps."""
    steps = np.argsort(-np.abs(x.strides), kind="stable").tolist()
    return steps, x.flags.c_contiguous, x.flags.f_contiguous


class Notes:
    """What a trace notes down.

    - `asked`: the inputs whose "value" or "truth" was asked for: the trace holds for that one only.
      Or conditions, of which the trace holds for inputs that give what they gave.
    - `decided`: what is true of numbers that are inputs, or is not, as programs: the trace holds
      where it is so.
    - `drawn`: the inputs that are random numbers, and what draws them at every run.
    - `failure`: what was raised; if the function caught it, other values might not have raised it.
    """

    def __init__(
        self, *, may_ask: bool = False, conditions: bool = False, drawing: bool = False
    ) -> None:
        self.inputs: list[Variable] = []
        self.statements: list[Statement] = []
        self.lines: dict[Variable, Source | None] = {}
        self.asked: dict[Variable, Any] = {}
        self.decided: list[tuple[Program, Callable[[Any], Any]]] = []
        self.drawn: dict[Variable, tuple[np.random.Generator, Callable[[Any], Any]]] = {}
        self.samples: list[Any] = []
        self.may_ask, self.conditions, self.drawing = may_ask, conditions, drawing
        self.reshaped = False
        self._kept: dict[Any, tuple[Any, Any]] = {}
        self.failure: Exception | None = None

    def input(self, sample: Any, name: str | None = None) -> Symbol:
        """Return a symbol for an array that is given."""
        name = name or f"x{len(self.inputs)}"
        variable = Variable(name, np.shape(sample), np.asarray(sample).dtype, is_weak(sample))
        self.inputs.append(variable)
        self.samples.append(sample)
        return Symbol(variable, sample, None)

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note down a call of any function, whose arguments may be nests with symbols in them."""
        leaves = [self._unchanging(joined(x)) for x in leaves_of((args, kwargs))]
        symbols = [x for x in leaves if isinstance(x, Symbol)]
        given = [x.sample if isinstance(x, Symbol) else x for x in leaves]
        if kwargs.get("out") is not None:
            raise unwritable(f"writing with {_name(function)}; write into a Tensor")
        locked = [x for x in given if isinstance(x, np.ndarray) and x.flags.writeable]
        for x in locked:  # Whoever writes to an array fails, and changes nothing.
            x.flags.writeable = False
        try:
            with np.errstate(all="ignore"):
                result = _call(function, rebuild((args, kwargs), given))
        except ValueError as error:
            if "read-only" in str(error):
                raise unwritable(f"writing with {_name(function)}; write into a Tensor") from None
            raise
        except Exception as error:
            self.failure = error
            raise
        finally:
            for x in sorted(locked, key=lambda x: x.base is not None):  # Views after their bases.
                x.flags.writeable = True
        if result is None:
            raise refused(f"{_name(function)}, which returns nothing")
        marked = [Symbol if isinstance(x, Symbol) else x for x in leaves]
        nest = rebuild((args, kwargs), marked)
        if isinstance(result, tuple | list):
            if not all(isinstance(x, np.ndarray | np.generic) for x in result):
                raise refused(f"{_name(function)}, with what it returns")
            parts = [
                self.apply(Call(function, nest, i, np.shape(x)), tuple(symbols), {})
                for i, x in enumerate(result)
            ]
            return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
        return self.apply(Call(function, nest, None, np.shape(result)), tuple(symbols), {})

    def decide(self, variable: Variable, what: Callable[[Any], Any], most: int) -> bool:
        """Let the trace hold for what something is, its truth say, if numbers alone decide it.

        Return whether they do: `most` inputs or fewer, which are all numbers.
        """
        needed, within = {variable}, []
        for s in reversed(self.statements):
            if s.result in needed:
                within.append(s)
                needed.update(x for x in s.operands if isinstance(x, Variable))
        behind = tuple(x for x in self.inputs if x in needed)
        numbers = self.conditions and not any(x.shape or x in self.drawn for x in behind)
        if what is repr:  # Of what is trained, it is another one at every step.
            numbers = numbers and all(x.weak or x.dtype.kind in "biu" for x in behind)
        if numbers and within and 0 < len(behind) <= most:
            self.decided.append((Program(behind, tuple(reversed(within)), (variable,)), what))
            return True
        return False

    def _unchanging(self, x: Any) -> Any:
        """Return a bare array with the entries that it has now, whoever writes to it later."""
        if type(x) is not np.ndarray:
            return x
        place = *x.__array_interface__["data"], x.strides, x.shape, x.dtype  # A.T is a new view.
        _, kept = self._kept.get(place, (x, None))
        if kept is None or constant_key(kept) != constant_key(x):
            self._kept[place] = x, (kept := x.copy("K"))
        return kept

    def ask_layout(self, ndim: int = 2) -> None:
        """Let the trace hold for inputs alone that lie in memory as their samples do."""
        inputs = [x for x in self.inputs if len(x.shape) > 1 and x not in self.drawn]
        inputs = inputs if ndim > 1 else []
        if inputs and not self.conditions:
            at = f" ({asking() or 'unknown line'})"
            raise TraceError(
                f"The result depends on how an array lies in memory{at}, which a program does "
                f'not know. Give order="C" or order="F" in place of "K" or "A".'
            )
        for variable in inputs:
            asked = self.asked.get(variable, ())
            if isinstance(asked, tuple) and layout not in asked:
                self.asked[variable] = (*asked, layout)

    def apply(self, function: Any, operands: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """Note down an application, and return its result."""
        lists = (np.array(x) if isinstance(x, list | tuple) else x for x in operands)
        operands = tuple(self._unchanging(joined(x)) for x in lists)
        parameters = {name: self._unchanging(x) for name, x in parameters.items()}
        if function is ops.reshape and len(operands[0].shape) > 1:
            self.reshaped = True
        elif function is ops.assign and self.reshaped and self.conditions:
            self.ask_layout()  # What was reshaped may be a view, or a copy.
        if "index" in parameters:
            parameters = {**parameters, "index": _with_ends(parameters["index"])}
        if any(isinstance(x, Symbol) for x in leaves_of(list(parameters.values()))):
            compute = function.forward if isinstance(function, Primitive) else function
            return self.call(compute, operands, parameters)
        if NOTES.get() is not self:
            raise outside()
        for x in operands:
            if isinstance(x, np.ma.MaskedArray | np.matrix):
                raise refused(f"arithmetic of a {type(x).__name__}", "Pass it as np.asarray(a)")
            if getattr(getattr(x, "dtype", None), "kind", "") == "O":
                raise refused("arithmetic of objects", "Give the array a dtype of numbers")
        if not SILENT.issuperset(np.geterr().values()):
            raise refused("np.errstate that does more than warn", "Use np.where for such entries")
        primitive = isinstance(function, Primitive)
        compute = function.forward if primitive else function
        samples = [x.sample if isinstance(x, Symbol) else x for x in operands]
        weak = all(is_weak(x) for x in samples)
        if primitive and weak:
            compute = function.compute  # Operators keep Python's numbers Python's.
        try:
            with np.errstate(all="ignore"):
                sample = compute(*samples, **parameters)
        except Exception as error:
            self.failure = error
            raise
        if weak and function in COMPARISONS.values():
            sample = bool(sample)
        if any(x.dtype.kind in "fc" for x in samples if hasattr(x, "dtype")):  # As NumPy does.
            wide = [type(x) is int and x.bit_length() > 63 for x in operands]
            operands = tuple(float(x) if far else x for x, far in zip(operands, wide, strict=True))
        variable = Variable(
            f"v{len(self.statements)}", np.shape(sample), np.asarray(sample).dtype, is_weak(sample)
        )
        where = self.lines[variable] = asking()
        given = tuple(x.variable if isinstance(x, Symbol) else x for x in operands)
        self.statements.append(Statement(variable, function, given, parameters, str(where or "")))
        owners = [x for x in operands if isinstance(x, Symbol)]
        owners = [x for x in owners if np.may_share_memory(sample, x.sample)]
        view = View(owners[-1], function, operands, parameters) if owners else None
        return Symbol(variable, sample, view)


class View(NamedTuple):
    """What a symbol is a view of, and how it is taken."""

    owner: Symbol
    function: Any
    operands: tuple[Any, ...]
    parameters: dict[str, Any]


def _with_ends(index: Any) -> Any:
    """Return an index that stays, whose slices have numbers as ends: they decide the shape."""
    if isinstance(index, tuple):
        return tuple(map(_with_ends, index))
    if isinstance(index, np.ndarray):
        return index.copy()
    if not isinstance(index, slice):
        return index
    ends = index.start, index.stop, index.step
    return slice(*(operator.index(x) if isinstance(x, Symbol) else x for x in ends))


def joined(x: Any) -> Any:
    """Return what `np.array` made of a list with symbols in it as one symbol; else the same."""
    if type(x) is not np.ndarray or x.dtype != object:
        return x
    parts = x.ravel().tolist()
    if not all(isinstance(part, Symbol | int | float) for part in parts):
        raise refused("an array of NumPy", LISTS)
    known = [part if isinstance(part, Symbol) else np.asarray(part)[()] for part in parts]
    return ops.reshape(ops.stack(*known), shape=x.shape)


class Call:
    """A call of a function that is not an operation, as a function of the arrays in it.

    - `nest`: with `Symbol` in the place of every array.
    - `part`: which of its results is meant, if there are several.
    - `shape`: of the result; a call that gives another one raises an error, since the rest of the
      program was made for this one.
    """

    def __init__(self, function: Any, nest: Any, part: int | None, shape: tuple[int, ...]) -> None:
        self.function, self.nest, self.part, self.shape = function, nest, part, shape
        self.__name__ = _name(function).removeprefix("np.")
        leaves = leaves_of(nest)  # The text of a large array leaves entries out.
        constants = [x for x in leaves if isinstance(x, np.ndarray)]
        marks = rebuild(nest, [... if isinstance(x, np.ndarray) else x for x in leaves])
        self._key = (function, repr(marks), tuple(map(constant_key, constants)), part, shape)

    def __call__(self, *arrays: Any) -> Any:
        """Call the function on arrays."""
        args, kwargs = self._filled(arrays)
        result = self.function(*args, **kwargs)
        result = result if self.part is None else result[self.part]
        if np.shape(result) != self.shape:
            raise TraceError(
                f"{self.__name__} gave shape {np.shape(result)} where it gave {self.shape} when "
                f"the function was traced: its shape depends on values, so it cannot be compiled."
            )
        return result

    @cached_property
    def _filled(self) -> Callable[[tuple[Any, ...]], Any]:
        """A function of arrays that returns the nest with them in it."""
        constants: list[Any] = []
        try:  # Written out, it takes a tenth of the time.
            text = _text_of(self.nest, itertools.count(), constants)
        except TypeError:
            return lambda x: rebuild(self.nest, [*_each(leaves_of(self.nest), iter(x))])
        return eval(f"lambda x: {text}", {"c": constants})  # type: ignore[no-any-return]  # Any, of eval.

    def __reduce__(self) -> Any:
        return Call, (self.function, self.nest, self.part, self.shape)

    def of(self, function: Any) -> Call:
        """Return the same call of another function."""
        return Call(function, self.nest, self.part, self.shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _each(leaves: list[Any], given: Iterator[Any]) -> Iterator[Any]:
    return (next(given) if x is Symbol else x for x in leaves)


def _text_of(nest: Any, count: Iterator[int], constants: list[Any]) -> str:
    """Return the source of a nest, of arrays x and constants c; a TypeError for other kinds."""
    if nest is Symbol:
        return f"x[{next(count)}]"
    if type(nest) is dict:
        keys = [_text_of(key, count, constants) for key in nest]
        values = [_text_of(x, count, constants) for x in nest.values()]
        return f"{{{', '.join(map('{}: {}'.format, keys, values))}}}"
    if type(nest) in (tuple, list):
        text = "".join(f"{_text_of(x, count, constants)}, " for x in nest)
        return f"({text})" if type(nest) is tuple else f"[{text}]"
    if any(x is Symbol for x in leaves_of(nest)):
        raise TypeError
    constants.append(nest)
    return f"c[{len(constants) - 1}]"


def _call(function: Any, nest: Any) -> Any:
    args, kwargs = nest
    return function(*args, **kwargs)


def _name(function: Any) -> str:
    return getattr(function, "name", None) or f"np.{function.__name__}"


def _tested(function: Any) -> Any:
    def tested(self: Symbol, axis: Any = None, keepdims: bool = False) -> Any:
        given = {"axis": axis, "keepdims": keepdims} if keepdims else {"axis": axis}
        return under_way().call(function, (self,), given)

    return tested


def _by_us() -> bool:
    """Return whether this package or NumPy calls whoever asks."""
    return str(sys._getframe(2).f_globals.get("__name__")).startswith((PACKAGE, "numpy."))


class Symbol(Operators, ArrayMethods):
    """An array without values.

    - `variable`: what it is in the program.
    - `sample`: says what shape, dtype and layout it has.
    - `_view`: what it is a view of, which shows what is written there.
    - `fixed`: whether nobody may write to it: an argument, or what a Tensor holds.
    """

    __slots__ = ("__weakref__", "_now", "_seen", "_view", "fixed")
    __array_priority__ = 100

    def __init__(
        self, variable: Variable, sample: Any, view: View | None, *, fixed: bool = False
    ) -> None:
        self._now, self._view, self.fixed = (variable, sample), view, fixed
        self._seen = None if view is None else view.owner.variable

    @property
    def variable(self) -> Variable:  # type: ignore[override]  # An attribute elsewhere.
        """What it is in the program now."""
        return self._up_to_date()[0]

    @property
    def sample(self) -> Any:
        """What says which shape, dtype and layout it has."""
        return self._up_to_date()[1]

    @property
    def base(self) -> Symbol | None:
        """What owns the entries, if this does not."""
        if self._view is None:
            return None
        owner = self._view.owner
        return owner if owner._view is None else owner.base

    def _up_to_date(self) -> tuple[Variable, Any]:
        if self._view is not None and self._view.owner.variable is not self._seen:
            self._seen = self._view.owner.variable
            again = under_way().apply(*self._view[1:])
            self._now = again.variable, again.sample
        return self._now

    def __unchanging__(self) -> Symbol:
        """Return what keeps the entries that this has now."""
        return Symbol(self.variable, self.sample, None, fixed=True)

    @staticmethod
    def __joined__(nest: Any) -> Any:
        """Return a list with symbols in it as one."""
        return joined(np.array(nest))

    def _write(self, function: Any, other: Any) -> Any:
        """Take on the result of an operator, for all names that this has: ``t += other``."""
        if self.is_number:
            return NotImplemented  # It is bound anew.
        if isinstance(other, Tensor):
            raise unwritable("writing a Tensor into an array; write into a Tensor")
        new = apply_operator(function, self, other)
        if new.shape != self.shape or not np.can_cast(new.dtype, self.dtype, "same_kind"):
            raise unwritable(f"writing shape {new.shape}, {new.dtype}, into {self.variable!r}")
        self._become(new.astype(self.dtype))
        return self

    def _become(self, new: Symbol) -> None:
        """Take on other entries, for all names and views that this has."""
        if self.fixed:
            raise unwritable("writing into an argument, or what a Tensor has; write into a copy")
        if self._view is None:
            self._now = new.variable, new.sample
            return
        owner, function, operands, parameters = self._view
        if not (self.sample.flags.writeable and owner.dtype == self.dtype):
            raise unwritable("writing into a view of this kind; write into what it is a view of")
        if function is ops.getitem:
            index = parameters["index"]
        else:
            compute = function.forward if isinstance(function, Primitive) else function
            places = np.arange(owner.size).reshape(owner.shape)
            places = compute(*(places if x is owner else x for x in operands), **parameters)
            index = np.unravel_index(places, owner.shape)
        owner[index] = new

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, Tensor):
            value._must_not_lose("a[i] = t, of an array a,", "a = al.Tensor(a) before")
            value = value.data
        index = frozen_index(index)
        view = value._view if isinstance(value, Symbol) else None  # Python puts it back after +=.
        if (
            view is None
            or view.owner is not self
            or repr(view.parameters) != repr({"index": index})
        ):
            self._become(under_way().apply(ops.assign, (self, value), {"index": index}))

    @staticmethod
    def __record__(
        primitive: Primitive, operands: tuple[Any, ...], parameters: dict[str, Any]
    ) -> Any:
        if any(isinstance(x, Tensor) for x in operands):
            return Tensor.__record__(primitive, operands, parameters)
        given = {**primitive.defaults, **parameters}
        return under_way().apply(primitive, of_numpys(operands), given)

    @staticmethod
    def lift(x: Any) -> Any:
        """Return a symbol for an array that is known; anything else as it is."""
        known = isinstance(x, np.ndarray)
        return under_way().apply(ops.copy, (x,), {"order": "K"}) if known else x

    # ------------------------------------------------------------ what is known

    @property  # type: ignore[misc]  # It is read-only on purpose.
    def __class__(self) -> Any:
        """What it stands for, where neither this package nor NumPy asks, as isinstance does."""
        return Symbol if _by_us() else type(self.sample)

    def __hash__(self) -> int:
        return object.__hash__(self) if _by_us() else hash(self._ask("hash"))

    @property
    def data(self) -> Symbol:
        """Itself."""
        return self

    @property
    def is_number(self) -> bool:
        """Whether NumPy would have a number here, and not an array without axes."""
        return not isinstance(self.sample, np.ndarray)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes; another thread that asks for them gets an error."""
        under_way()
        return self.variable.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.variable.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.variable.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        return self.variable.dtype

    @property
    def strides(self) -> Any:
        """Of the sample: the trace then holds for arrays that lie in memory as it does."""
        under_way().ask_layout(self.ndim)
        return np.asarray(self.sample).strides

    @property
    def nbytes(self) -> int:
        """Bytes that all entries take."""
        return self.size * self.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes that an entry takes."""
        return int(self.dtype.itemsize)

    @property
    def flags(self) -> Any:
        """Of the sample, as `strides`."""
        under_way().ask_layout(self.ndim)
        return np.asarray(self.sample).flags

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    @property
    def is_checked(self) -> bool:
        """Whether every run of the program makes the checks of this one."""
        return bool(under_way().conditions)

    # ------------------------------------------------------------ what is noted down

    def astype(self, dtype: Any, **_: Any) -> Symbol:
        """Convert to another type."""
        name = np.dtype(dtype).name
        if self.variable.weak:  # A number of Python's has no dtype to leave.
            number: Symbol = of_numpys((self,))[0]
            return number.astype(dtype)
        if name == self.dtype.name:
            return Symbol(self.variable, self.sample, None)
        return self._apply(ops.astype, dtype=name)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented
        if method == "__call__" and kwargs.keys() == {"dtype"} and kwargs["dtype"] is not None:
            inputs, kwargs = numpy_api.cast_for(ufunc, inputs, kwargs["dtype"]), {}
        if method == "__call__" and not kwargs and ufunc.nout == 1:
            return under_way().apply(ops.recorded_as(ufunc) or ufunc, of_numpys(inputs), {})
        if kwargs.get("out") is not None or method == "at":
            return numpy_api.call_ufunc(ufunc, method, inputs, kwargs)
        if method == "outer" and not kwargs and ufunc.nout == 1:
            a, b = of_numpys(inputs)
            return ufunc(np.reshape(a, (*np.shape(a), *(1,) * np.ndim(b))), b)
        if method == "reduce" and ufunc in REDUCTIONS and "where" not in kwargs:
            return numpy_api.call_ufunc(ufunc, method, inputs, kwargs)
        called = ufunc if method == "__call__" else getattr(ufunc, method)
        return under_way().call(called, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        if function in WRITING or isinstance(kwargs.get("out"), Symbol):
            return numpy_api.call_function(function, args, kwargs)
        if function is np.empty_like:
            function = np.zeros_like  # The same numbers in every trace.
        if function in OF_SHAPES:
            made = function(*map(sample_of, args), **{k: sample_of(v) for k, v in kwargs.items()})
            # What is new may be written to with what is not known.
            return under_way().apply(ops.copy, (made,), {"order": "K"}) if function in NEW else made
        # The first two take a list, as operands; the others may ask how an array lies in memory.
        if function in (np.concatenate, np.stack, np.ravel, np.reshape):
            return numpy_api.call_function(function, of_numpys(args), kwargs)
        primitive = ops.recorded_as(function)
        if (
            primitive is not None
            and len(args) == len(primitive.operands)
            and kwargs.keys() <= primitive.defaults.keys()
        ):
            return primitive(*args, **kwargs)
        return under_way().call(function, args, kwargs)

    def sort(self, axis: Any = -1, **how: Any) -> None:
        """Put entries in order."""
        self[...] = np.sort(self, axis, **how)

    def fill(self, value: Any) -> None:
        """Write one number to all entries."""
        self[...] = value

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple) and not index:
            return self
        if isinstance(index, list) and all(type(x) in (int, bool) for x in leaves_of(index)):
            index = np.array(index, None if index else int)
        return ops.getitem(self, index=index)

    any, all = _tested(np.any), _tested(np.all)

    # ------------------------------------------------------------ what is refused

    def _ask(self, what: str, instead: str = CHOICES) -> Any:
        """Return the sample, if this is an input and the trace then holds for its value only."""
        notes = under_way()
        if not notes.may_ask or self.variable not in notes.inputs or self.variable in notes.drawn:
            if what != "bool" and not self.shape and notes.decide(self.variable, repr, TOGETHER):
                return self.sample
            raise refused(what, instead)
        if notes.asked.get(self.variable) != "value":
            notes.asked[self.variable] = "truth" if what == "bool" else "value"
        return self.sample

    def __decide__(self, condition: Callable[[Any], bool]) -> bool | None:
        """Return what a condition gives of the entries, for which the trace then holds.

        None where that cannot be noted: then ask for the entries themselves. A program that is
        exported makes no check.
        """
        notes = under_way()
        asked = notes.asked.get(self.variable, ())
        if self.variable not in notes.inputs or self.variable in notes.drawn or asked == "truth":
            return None
        if not notes.conditions:
            return condition(self.sample)
        if isinstance(asked, tuple):
            notes.asked[self.variable] = (*asked, condition)
        return condition(self.sample)

    def __checked__(self, check: Callable[..., Any], *args: Any) -> Symbol:
        """Return itself after a check, which raises an error or returns the entries.

        Every run of a compiled program makes it too; one that is exported does not.
        """
        notes = under_way()
        if not notes.conditions:
            check(self.sample, *args)
        elif self.__decide__(lambda x: check(x, *args) is not None) is None:
            checked: Symbol = notes.call(check, (self, *args), {})
            return checked
        return self

    def __drawn__(self, rng: np.random.Generator, draw: Callable[[Any], Any]) -> Any:
        """Return random numbers; in a program that runs again, an input drawn at every run."""
        notes = under_way()
        if not notes.drawing:
            return draw(rng)
        before = rng.bit_generator.state
        symbol = notes.input(draw(rng))
        rng.bit_generator.state = before  # A trace draws nothing.
        notes.drawn[symbol.variable] = rng, draw
        return symbol.__unchanging__()

    def __bool__(self) -> bool:
        listed = str(sys._getframe(1).f_globals.get("__name__")).startswith("numpy.")
        if under_way().decide(self.variable, bool, 1 if listed else TOGETHER):
            return bool(self.sample)
        return bool(self._ask("bool", LISTS if listed else CHOICES))

    def __float__(self) -> float:
        return float(self._ask("float", KEPT))

    def __int__(self) -> int:
        return int(self._ask("int"))

    def __index__(self) -> int:
        return operator.index(self._ask("an index", INDICES))

    def __complex__(self) -> complex:
        return complex(self._ask("complex"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        computed = self.dtype == int and self.variable not in under_way().inputs
        if dtype is None and not self.shape and (computed or self.dtype == float):
            array = np.empty((), object)
            (array[()],) = of_numpys((self,))
            return array  # So `np.array` makes an array of objects, which `joined` takes.
        way = LISTS if dtype is None or np.dtype(dtype).kind != "b" else CHOICES
        return np.array(self._ask("an array of NumPy", way), dtype)

    def __round__(self, digits: Any = None) -> Any:
        known = digits is None or self.variable.weak
        return round(self._ask("round"), digits) if known else np.round(self, digits)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_") and hasattr(self.sample, name):
                raise refused(name, "Compute that outside, and pass it as an argument")
            raise AttributeError(f"array has no attribute {name!r}", name=name, obj=self)

    def item(self, *index: Any) -> Any:
        """Return an entry."""
        return np.asarray(self._ask("item()", KEPT)).item(*index)

    def tolist(self) -> Any:
        """Return all entries."""
        return np.asarray(self._ask("tolist()", KEPT)).tolist()

    def __repr__(self) -> str:
        return f"<{self.variable!r}>" if _by_us() else repr(self._ask("its text"))

    def __str__(self) -> str:
        raise refused("its text")

    def __format__(self, spec: str) -> str:
        raise refused("its text")

    def __reduce__(self) -> Any:
        raise refused("a copy of it")


for _ufunc in vars(np).values():  # What NumPy calls for each part of an array of objects.
    if isinstance(_ufunc, np.ufunc) and _ufunc.nin == 1 and not hasattr(Symbol, _ufunc.__name__):
        setattr(Symbol, _ufunc.__name__, lambda self, _f=_ufunc: _f(self))


def _unsettable(name: str, instead: str) -> None:
    def refuse(_: Symbol, __: Any) -> None:
        raise unwritable(f"setting the {name} of an array; write {instead}")

    setattr(Symbol, name, getattr(Symbol, name).setter(refuse))


_unsettable("dtype", "a.astype(dtype), or a.view(dtype) outside")
_unsettable("shape", "a.reshape(shape)")
_unsettable("strides", "a.reshape(shape) or a.T")

STAND_INS.add(Symbol)
