"""A plan: how one program is called, where its inputs are read and its outputs are put.

A trace holds for arguments of one structure, shapes and dtypes, and for surroundings that are as
they were. The check of all that, and the call, are generated as Python code: a call must cost less
than the step that it guards.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compile.fused import functions
from autograd_lite.compile.machine import arrays_lie_so, available
from autograd_lite.compile.numba_code import Machine, call_source, loop_source, machine_code
from autograd_lite.compile.numpy_code import made, nest_source, numpy_function
from autograd_lite.compile.python_code import cost_of_calls, python_function
from autograd_lite.compile.sheet import LoweringError, check_dtype
from autograd_lite.compile.signature import Signature
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.program.program import Program, Variable
from autograd_lite.program.refusals import TraceError
from autograd_lite.program.surroundings import MISSING, Surroundings
from autograd_lite.program.symbol import Symbol
from autograd_lite.program.trace import LENT, TRACING, Moved, Output, Traced
from autograd_lite.tensor import Tensor

_FLAGS = 0x101
"""NumPy's flags of an array in C's order, whose entries are aligned."""

_DIFFERS = "except (LookupError, AttributeError, TypeError, ValueError):"

_LASTING = re.compile(
    r"(not |len\()(kw)?args(\) == \d+)?|\[\*kwargs\] == o\d+|"
    r"(type\()?(kw)?args\[[^][]*\](\) is k\d+| (is|==|is not) (o\d+|(kw)?args\[[^][]*\]))|"
    r"\(-\d+ <= (kw)?args\[[^][]*\] < \d+\) is (True|False)|"
    r"len\(\{(id\((kw)?args\[[^][]*\]\)(, )?)+\}\) == \d+"
)
"""What holds of arguments for good once they are bound."""

LONG = 1500
"""How many lines of arithmetic take about two seconds to compile."""

MANY_NUMBERS = 64
"""Lines of machine code for each call of NumPy from which NumPy is nearly as fast."""

MANY = 1 << 14
"""Calls after which it is worth letting machine code check whether anything has changed."""


class StaleError(RuntimeError):
    """A compiled function gave, or would give, something else than the function itself."""

    __module__ = __name__.partition(".")[0]  # Where users find it.


class Plan:
    """One program of a compiled function, ready to be called.

    - `lock`: held while a call writes.
    - `eagerly`: ``eagerly(args, kwargs)`` runs the function as it is.
    - `fits`: ``fits(args, kwargs)``: whether the program is for these, now.
    - `call`: ``call(args, kwargs)``, without checks.
    - `quick`: the same with the checks: `MISSING` if it does not fit, or if it has been called as
      often as was allowed.
    - `allow`: ``allow(n)`` says how many calls of `quick` may follow.
    - `bind`: ``bind(args, kwargs)`` is a function of nothing.
    - `many`: ``many(n, args, kwargs, at, values)`` is n calls without checks; at is None, or gives
      the arguments ``at(k)``.
    """

    fits: Callable[[Any, Any], bool]
    call: Callable[[Any, Any], Any]
    quick: Callable[[Any, Any], Any]
    allow: Callable[[int], None]
    bind: Callable[[Any, Any], Callable[[], Any]]
    many: Callable[..., None]

    def __init__(
        self,
        traced: Traced,
        signature: Signature,
        around: Surroundings,
        lock: threading.RLock,
        eagerly: Callable[[Any, Any], Any],
    ) -> None:
        self.traced, self.signature, self.around, self.lock = traced, signature, around, lock
        around.contents.clear()  # Whoever holds an array keeps it from being written to.
        self.names: dict[str, Any] = {
            "array": np.array, "empty": np.empty, "MISSING": MISSING, "refs": sys.getrefcount,
            "contiguous": _handed_over, "changed": around.changed, **signature.names,
            "tracing": TRACING, "lent": LENT, "lock": lock, "Symbol": Symbol,
            "TraceError": TraceError, "eagerly": eagerly,
        }  # fmt: skip
        self.reads = [*signature.reads, *map(self._read, range(len(traced.places)))]
        for i, (rng, draw) in enumerate(traced.drawn):
            self.names[f"draw{i}"] = partial(draw, rng)
            self.reads.append(f"draw{i}()")
        self.back = [
            len(signature.reads) + next(i for i, p in enumerate(traced.places) if p is place)
            for place in traced.written
        ]
        self.source, self.native, self.calls = "", False, 0
        self.buffers = self.fused = False
        self.machine: Machine | None = None
        self._loops: dict[bool, Callable[..., Any]] = {}
        self.without_loop: set[bool] = set()

    def _read(self, i: int) -> str:
        place = self.traced.places[i]
        self.names[f"p{i}"] = place.holder
        if isinstance(place.holder, Tensor):
            return f"(p{i}._array if p{i}._rare is None else p{i}._value())"
        return f"p{i}[{place.key!r}]" + ("" if place.part is None else f"[{place.part}]")

    # ------------------------------------------------------------ what is checked

    def _conditions(self) -> list[str]:
        """Return the conditions under which the program may be called."""
        conditions = list(self.signature.conditions)
        if self.around.compares:
            self.names["apart"] = self.around.apart
            rest, arrays = map(", ".join, (self.signature.rest, self.signature.arrays))
            conditions.append(f"apart([{rest}], [{arrays}])")
        for i, place in enumerate(self.traced.places):
            variable = self.traced.program.inputs[len(self.signature.reads) + i]
            t, x = place.holder, place.read()
            at = f"p{i}[{place.key!r}]"
            if isinstance(t, Tensor):
                conditions.append(
                    f"p{i}._requires_grad is {t._requires_grad} and "
                    f"(p{i}._rare is None or not p{i}._rare.get('_taps'))"
                )
                at = f"p{i}._array"
            elif place.part is not None:
                length = len(t[place.key])
                conditions.append(f"type({at}) is tuple and len({at}) == {length}")
            if not isinstance(t, Tensor):
                self.names[f"t{i}"] = type(x)
                conditions.append(f"type({self._read(i)}) is t{i}")
            if variable.shape:
                self.names[f"u{i}"] = x.dtype
                conditions.append(f"{at}.shape == {variable.shape} and {at}.dtype is u{i}")
            elif isinstance(t, Tensor):
                conditions.append(f"type({at}) is not Symbol")
        for variable, what in self.traced.asked.items():
            i = self.traced.program.inputs.index(variable)
            self.names[f"asked{i}"] = _asked(what, self.traced.inputs[i])
            conditions.append(f"asked{i}({self.reads[i]})")
        position = self.traced.program.inputs.index
        for k, (decides, what) in enumerate(self.traced.decided):
            places = [*map(position, decides.inputs)]
            answer = what(decides(*(self.traced.inputs[i] for i in places))[0])
            self.names[f"decides{k}"], self.names[f"what{k}"] = decides, what
            reads = ", ".join(self.reads[i] for i in places)
            conditions.append(f"what{k}(decides{k}({reads})[0]) == {answer!r}")
        return conditions

    # ------------------------------------------------------------ backends

    def fuse(self, *, make: bool) -> bool:
        """Let loops of machine code be in NumPy code; return whether that is new.

        - `make`: whether to make them if they are not on the disk.
        """
        able = self.buffers and available() and arrays_lie_so()
        if self.native or self.fused or not able:
            return False
        try:
            self.use_numpy(partial(functions, make=make))
        except LoweringError:
            self.fused = make
            return False
        self.fused = True
        return True

    def use_numpy(self, loops: Callable[[list[Any]], list[Any]] | None = None) -> None:
        """Call the program as NumPy code, or as Python's arithmetic, if that is faster."""
        self.native = False
        program = self.traced.program
        try:
            if self.buffers:
                raise LoweringError("a program of calls")
            self.source, self.names["program"] = python_function(program, cost_of_calls(program))
        except LoweringError:
            self.source, self.names["program"] = numpy_function(program, loops)
            self.buffers = True
        values = [f"outputs[{k}]" for k in range(len(program.outputs))]
        count = len(values) - len(self.back)
        after = [
            line
            for position, value in zip(self.back, values[count:], strict=True)
            for line in self._written(position, value)
        ]
        locked = bool(after) or self.buffers
        lines = ["outputs = program({})"]
        self._make(lines, self.reads, self._returned(values[:count]), after, locked=locked)

    def use_numba(self, *, hurry: bool = False) -> None:
        """Call the program as machine code; raise a LoweringError if that does not work.

        Before the first call, `compiled` makes that code. In a hurry, it is not made where it would
        take seconds, and NumPy's calls are nearly as fast, as they are of many numbers each.

        It writes into the parameters' own arrays, ``m1``, as long as nobody else holds them.
        """
        program = self.traced.program
        outputs = [x if isinstance(x, Variable) else np.asarray(x) for x in program.outputs]
        count = len(self.signature.reads)
        kept = zip(program.inputs[count:], self.traced.places, strict=False)
        theirs = [*program.inputs[:count], *(x for x, p in kept if isinstance(p, Moved))]
        if _computes_with_numbers(program, theirs):
            raise LoweringError("arithmetic of Python's numbers as Python does it")
        if not program.inputs:
            raise LoweringError("what is constant")
        for x in outputs:
            check_dtype(x.dtype)
        if any(v.weak and v.dtype.kind not in "bif" for v in program.inputs):
            raise LoweringError("integers of 2**63 and more")
        source, within = call_source(program, self.back)
        length = source.count("\n")
        if hurry and length > max(LONG, MANY_NUMBERS * len(program.statements)):
            raise LoweringError(f"{length} lines in little time")
        count = len(outputs) - len(self.back)
        kinds = [(v.dtype, len(v.shape) or -1) for v in program.inputs]
        kinds += [(x.dtype, len(x.shape)) for x in outputs[:count] if x.shape]
        numbers = [(x.dtype, bool(getattr(x, "weak", False))) for x in outputs if not x.shape]
        self._compile = partial(machine_code, source, kinds, numbers, direct=True)
        self.source, self.native = source, True
        asked = self.traced.asked
        for variable, ends in within.items():
            others = asked.get(variable, ())
            if isinstance(others, tuple):
                asked[variable] = (*others, partial(_lie_within, *ends))
        before, after, given, results, values = [], [], [], [], []
        for i, (read, variable) in enumerate(zip(self.reads, program.inputs, strict=True)):
            given.append(f"m{i}" if i in self.back and variable.shape else read)
            if i in self.back and variable.shape:
                slot, rare, p = read, "False", f"p{i - len(self.signature.reads)}"
                if "_value" in read:
                    slot, rare = f"{p}._array", f"{p}._rare is not None"
                before += [f"if {slot} is not m{i} or refs(m{i}) != 3 or {rare}:",
                           f"    m{i} = {slot} = array({read}, order='C')"]  # fmt: skip
        for k, x in enumerate(outputs):
            values.append(f"out{k}")
            if x.shape and k < count:
                self.names[f"type{k}"] = x.dtype
                before.append(f"out{k} = empty({tuple(x.shape)}, type{k})")
            elif not x.shape:
                results.append(f"out{k}")
        for position, value, x in zip(self.back, values[count:], outputs[count:], strict=True):
            after += self._written(position, None if x.shape else value)
        outs = [f"out{k}" for k, x in enumerate(outputs[:count]) if x.shape]
        call = f"machine({{}}{''.join(f', {x}' for x in outs)})"
        lines = [*before, f"{', '.join(results)} = {call}" if results else call, *after]
        gil = getattr(sys, "_is_gil_enabled", lambda: True)()  # Numbers go through one place.
        self._make(lines, given, self._returned(values[:count]), locked=not gil)

    def compiled(self) -> Machine | None:
        """Return the machine code of a call, if it is one; raise a LoweringError as `use_numba`."""
        if self.native and self.machine is None:
            self.machine = self._compile()
            self.names["machine"] = self.machine.call
        return self.machine

    def _make(
        self,
        body: list[str],
        given: list[str],
        result: str,
        after: Sequence[str] = (),
        *,
        locked: bool,
    ) -> None:
        """Generate the functions by which the program is called.

        - `body`: lines; ``{}`` in one stands for what is handed over.
        - `given`: how each input is read.
        - `result`: an expression.
        - `after`: lines that put away what was computed.
        - `locked`: whether calls take turns for all that, and not only where they read and write
          Tensors.
        """
        inputs = self.traced.program.inputs
        conditions = self._conditions()
        arguments = len(self.signature.reads)
        kept = "".join(f"{c} and " for c in conditions if not _LASTING.fullmatch(c))
        guards = f"(unchanged() if unchanged else {self.around.conditions(self.names)})"
        self.names["stale"] = lambda: StaleError(
            f"{self.around.changed() or 'Something'} has changed since bind(). Bind again."
        )
        plain, bound = list(given), list(given)
        hold, hold_bound, fixed, gather = [], [], [], []
        for i, (read, variable) in enumerate(zip(given, inputs, strict=True)):
            if read.startswith("m"):
                continue
            if i < arguments and self.is_fixed(i):
                bound[i] = f"x{i}"
                fixed.append(f"x{i} = {read}")
            strict = self.native and variable.shape  # Machine code reads only the address.
            if strict or read.startswith("draw"):  # In the order of the program, those.
                check = [f"if a{i}.flags.num & {_FLAGS} != {_FLAGS}:",
                         f"    a{i} = contiguous(a{i})"] if strict else []  # fmt: skip
                hold += [f"a{i} = {plain[i]}", *check]
                hold_bound += [f"a{i} = {bound[i]}", *check]
                plain[i] = bound[i] = f"a{i}"
            elif i >= arguments and not self.native:
                gather.append(f"a{i} = {read}")
                plain[i] = bound[i] = f"a{i}"
        mine = [x for x in given if x.startswith("m")]
        keep = [f"nonlocal {', '.join(mine)}"] if mine else []
        within = "with lent:" if self.traced.places else ""
        gather, after = _block(within, gather), _block(within, after)

        def done(hold: list[str], handed: list[str]) -> list[str]:
            lines = [line.replace("{}", ", ".join(handed)) for line in [*hold, *body]]
            lines = _block(within, lines) if self.native else [*gather, *lines, *after]
            return _block("with lock:" if locked else "", lines)

        do, do_bound = done(hold, plain), done(hold_bound, bound)
        check = [*conditions, f"({guards} or not changed())"]
        call = [*do, f"return {result}"]
        if not self.traced.drawn:  # Else, `_undoing` does it.
            call = [  # If NumPy raises, the function runs as it is: it may catch the error.
                *_block("try:", call),
                *("except TraceError:", "    raise"),
                *("except Exception:", "    return eagerly(args, kwargs)"),
            ]
        lines = [
            *(f"{m} = MISSING" for m in mine), "left, unchanged = 0, None",
            *_function("fits(args, kwargs)", [
                "try:", f"    return {' and '.join(check)}",
                _DIFFERS, "    return False",
            ]),
            *_function("call(args, kwargs)", [*keep, *call]),
            *_function("allow(n)", ["nonlocal left", "left = n"]),
            *_function("watch(by)", ["nonlocal unchanged", "unchanged = by"]),
            *_function("quick(args, kwargs)", [
                f"nonlocal {', '.join(['left', *mine])}",
                "try:", "    if not (",
                *(f"        {condition} and" for condition in ["left > 0", *check[:-1]]),
                f"        {check[-1]}", "    ):", "        return MISSING",
                _DIFFERS, "    return MISSING",
                "left -= 1", *call,
            ]),
            *_function("bind(args, kwargs)", [
                *fixed,
                *_function("bound()", [
                    *keep, "try:", f"    same = {kept}({guards} or not changed())",
                    _DIFFERS, "    same = False", "if not same:", "    with tracing:",
                    f"        if not ({kept}not changed()):", "            raise stale()",
                    *do_bound, f"return {result}",
                ]),
                "return bound",
            ]),
            *_function("many(n, args, kwargs, at, values)", [
                *keep, "for k in range(n):",
                *_block("    if at is not None:", ["    args, kwargs = at(k)"]),
                *(f"    {line}" for line in do), f"    values[k] = {result}",
            ]),
            "return fits, call, allow, watch, quick, bind, many",
        ]  # fmt: skip
        make = made("\n".join([*_function("make()", lines), ""]), "make", self.names, "call")
        self.fits, self.call, self.allow, self.watch, self.quick, self.bind, self.many = make()
        if self.traced.drawn:
            self.call, self.quick = (
                self._undoing(run, self.names["eagerly"]) for run in (self.call, self.quick)
            )
        if self.traced.drawn and self.traced.may_refuse:
            bind = self.bind
            self.bind = lambda args, kwargs: self._undoing(bind(args, kwargs))

    def called(self) -> None:
        """Count a call beside eager, the second, the fourth, the eighth and so on, as done."""
        self.calls *= 2
        self.allow(self.calls - 1)
        if (self.native or self.fused) and self.calls == MANY:
            from autograd_lite.compile.native import unchanged  # It needs numba.

            self.watch(unchanged(self.around))

    def is_fixed(self, i: int) -> bool:
        """Return whether an argument, once bound, cannot change, as part of a nest can."""
        return re.fullmatch(r"k?w?args\[[^][]*\]", self.reads[i]) is not None

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any]:
        """Return a bound step: a built-in function of machine code, where that is possible."""
        bound, machine = self.bind(args, kwargs), self.compiled()
        if machine is None:
            return bound
        from autograd_lite.compile.native import UnfitError, bound_step  # It needs numba.

        try:
            with TRACING:
                return bound_step(self, machine, bound, args, kwargs)
        except UnfitError:
            return bound

    def _undoing(
        self, run: Callable[..., Any], eagerly: Callable[..., Any] | None = None
    ) -> Callable[..., Any]:
        """Return a function that has drawn nothing where what it calls does not fit, or fails."""
        drawers = [rng.bit_generator for rng, _ in self.traced.drawn]

        def undoing(*args: Any) -> Any:
            states = [drawer.state for drawer in drawers]
            try:
                return run(*args)
            except Exception as error:
                unfit = isinstance(error, TraceError)
                if unfit or eagerly is not None:
                    for drawer, state in zip(drawers, states, strict=True):
                        drawer.state = state
                if unfit or eagerly is None:
                    raise
            return eagerly(*args)

        return undoing

    def _written(self, position: int, value: str | None) -> list[str]:
        """Return the lines that put a value, unless it is there already, where input i is read."""
        i = position - len(self.signature.reads)
        place = self.traced.places[i]
        if not isinstance(place.holder, Tensor):
            if place.part is not None:
                self.names[f"put{i}"] = place.write
                return [f"put{i}({value})"]
            return [] if value is None else [f"p{i}[{place.key!r}] = {value}"]
        lines = [] if value is None else [f"p{i}._array = {value}"]
        lines.append(f"p{i}._grad = None")  # As `zero_grad` does; there may be an older one.
        return [*lines, f"if p{i}._rare is not None:", f"    p{i}._note_write()"]

    def _returned(self, outputs: list[str]) -> str:
        """Return the result as an expression in the outputs."""
        result, forms = self.traced.result, self.traced.forms
        outputs = [forms.get(k, "{}").format(text) for k, text in enumerate(outputs)]
        written = nest_source(result, outputs)
        if written is not None and "inf" not in written and "nan" not in written:
            return written
        self.names["rebuild"], self.names["result"] = filled, result
        return f"rebuild(result, [{', '.join(outputs)}])"

    def is_steady(self, *, stacked: bool) -> bool:
        """Return whether nothing that changes from step to step decides what is computed."""
        changing = {*self.back, *range(len(self.signature.reads) if stacked else 0)}
        deciding = [*self.traced.asked, *(x for p, _ in self.traced.decided for x in p.inputs)]
        return changing.isdisjoint(map(self.traced.program.inputs.index, deciding))

    def loop(self, *, stacked: bool) -> Callable[..., Any]:
        """Return ``loop(n, *inputs, values)`` in machine code; a LoweringError if there is none."""
        if stacked not in self._loops:
            program, data = self.traced.program, len(self.signature.reads)
            if not self.is_steady(stacked=stacked):
                raise LookupError(
                    "values that change from step to step and decide what is computed"
                )
            if self.traced.drawn:
                raise LookupError("random numbers, which are drawn before each step")
            source, within = loop_source(program, self.back, data=data, stacked=stacked)
            if not within.keys() <= self.traced.asked.keys():
                raise LookupError("an index, which is checked before each step")
            kinds = [(np.dtype(int), -1)]
            for i, v in enumerate(program.inputs):
                axes = len(v.shape) + (stacked and i < data)
                kinds.append((v.dtype, axes if axes or i in self.back else -1))
            kinds.append((_dtype(program.outputs[0]), 1))
            self._loops[stacked] = machine_code(source, kinds).call
            self.source = source
        return self._loops[stacked]

    def run(
        self, loop: Callable[..., Any], n: int, args: tuple[Any, ...], kwargs: dict[str, Any],
        values: Any,
    ) -> None:  # fmt: skip
        """Do steps in machine code, then put the last values where they belong."""
        with self.lock:
            with LENT:
                inputs = self.inputs(args, kwargs)
            arrays = [_handed_over(x) if np.ndim(x) else x for x in inputs]
            for i in self.back:
                arrays[i] = np.array(inputs[i])
            loop(n, *arrays, values)
            with LENT:
                for place, i in zip(self.traced.written, self.back, strict=True):
                    weak = self.traced.program.inputs[i].weak
                    place.write(arrays[i].item() if weak else arrays[i][()])

    @cached_property
    def inputs(self) -> Callable[[tuple[Any, ...], dict[str, Any]], list[Any]]:
        """A function that returns the inputs of the program, as they are now."""
        listed = ", ".join(self.reads)
        return eval(f"lambda args, kwargs: [{listed}]", self.names)  # type: ignore[no-any-return]  # Any, of eval.


def _computes_with_numbers(program: Program, numbers: Sequence[Variable]) -> bool:
    """Return whether some inputs get where Python's arithmetic of numbers is its own.

    Its integers have no end, and it raises errors at 0 and where floats overflow in powers.
    """
    found = {x for x in numbers if x.weak}
    for s in program.statements:
        if s.result.weak and not found.isdisjoint(x for x in s.operands if isinstance(x, Variable)):
            found.add(s.result)
            by = s.operands[-1]
            safe = s.function is ops.divide and not isinstance(by, Variable) and by != 0
            fails = s.function in (ops.divide, ops.power) and not safe
            if fails or s.result.dtype.kind not in "fb":
                return True
    return False


def _function(head: str, lines: list[str]) -> list[str]:
    return _block(f"def {head}:", lines)


def _block(head: str, lines: Sequence[str]) -> list[str]:
    """Return lines under a head, if there are both."""
    return [head, *(f"    {line}" for line in lines)] if head and lines else [*lines]


def _handed_over(x: Any) -> Any:
    """Return an array as machine code takes it: in the order of C, and not read-only."""
    return np.require(x, requirements=["C", "W"])


def _dtype(x: Any) -> np.dtype[Any]:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def filled(result: Any, outputs: Sequence[Any]) -> Any:
    """Return a result with the outputs of a program in it."""
    leaves = [outputs[x] if isinstance(x, Output) else x for x in leaves_of(result)]
    return rebuild(result, leaves)


def _lie_within(low: int, high: int, x: Any) -> bool:
    """Return whether all of an array of integers lie between two."""
    return bool(np.min(x) >= low and np.max(x) <= high)


def _asked(what: Any, value: Any) -> Callable[[Any], bool]:
    """Return the condition under which a program holds whose trace asked for a value."""
    if isinstance(what, tuple):
        given = [condition(value) for condition in what]
        return lambda x: [condition(x) for condition in what] == given
    if what == "truth":
        truth = bool(value)
        return lambda x: bool(x) is truth
    kept = np.array(value)
    return lambda x: np.asarray(x).tobytes() == kept.tobytes()
