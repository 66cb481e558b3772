"""A plan: how one program is called, where its inputs are read and its outputs are put.

A trace holds for arguments of one structure, shapes and dtypes, and for surroundings that are as
they were. The check of all that, and the call, are generated as Python code: a call must cost less
than the step that it guards.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

from autograd_lite.compile.numba_code import call_source, loop_source, machine_code
from autograd_lite.compile.numpy_code import made, numpy_function
from autograd_lite.compile.scalars import LoweringError
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.program.program import Variable
from autograd_lite.program.surroundings import MISSING, Surroundings
from autograd_lite.program.trace import NUMBER, Output, Traced
from autograd_lite.tensor import Tensor


class StaleError(RuntimeError):
    """A compiled function gave, or would give, something else than the function itself."""

    __module__ = __name__.partition(".")[0]  # Where users find it.


class Signature:
    """What arguments have in common that one program serves: as conditions in Python.

    Attributes
    ----------
    key : tuple
        Equal for arguments that fit.
    reads : list of str
        How each array is read from ``args`` and ``kwargs``.
    conditions : list of str
    names : dict of str to object
        What the conditions refer to.
    others : list
        Arguments that are not numbers.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.reads: list[str] = []
        self.conditions: list[str] = []
        self.names: dict[str, Any] = {"ndarray": np.ndarray, "Tensor": Tensor}
        self.others: list[Any] = []
        self._key: list[Any] = []
        self._look(args, "args")
        self._look(kwargs, "kwargs")
        self.key = tuple(self._key)

    def _look(self, x: Any, at: str) -> None:
        kind = type(x)
        self._key.append(kind)
        self.names[f"k{len(self.names)}"] = kind
        same_kind = f"type({at}) is k{len(self.names) - 1}"
        if isinstance(x, dict | list | tuple):
            self._key.append(tuple(x) if isinstance(x, dict) else len(x))
            self.conditions.append(f"{same_kind} and len({at}) == {len(x)}")
            for key in x if isinstance(x, dict) else range(len(x)):
                self._look(x[key], f"{at}[{key!r}]")
        elif isinstance(x, Tensor) and not x.requires_grad:
            value = x._value()
            self._array(value, f"{at}._array", f"{same_kind} and not {at}._requires_grad")
            self.reads.append(f"{at}._value()")
        elif isinstance(x, NUMBER) and kind is not bool:
            if isinstance(x, np.ndarray):
                self._array(x, at, same_kind)
            else:
                self.conditions.append(same_kind)
            # Machine code takes numbers, not arrays without axes.
            self.reads.append(f"{at}[()]" if isinstance(x, np.ndarray) and not x.ndim else at)
        else:
            self._key.append(x if isinstance(x, str | bool | None) else id(x))
            self.others.append(x)
            self.names[f"o{len(self.names)}"] = x
            sign = "==" if isinstance(x, str) else "is"
            self.conditions.append(f"{at} {sign} o{len(self.names) - 1}")

    def _array(self, x: Any, at: str, before: str) -> None:
        dtype = f"d{len(self.names)}"
        self.names[dtype] = x.dtype
        self._key += [x.shape, x.dtype]
        self.conditions.append(f"{before} and {at}.shape == {x.shape} and {at}.dtype is {dtype}")


class Plan:
    """One program of a compiled function, ready to be called.

    Parameters
    ----------
    traced : Traced
    signature : Signature
    around : Surroundings
    """

    def __init__(self, traced: Traced, signature: Signature, around: Surroundings) -> None:
        self.traced, self.signature, self.around = traced, signature, around
        self.names: dict[str, Any] = {"array": np.array, "empty": np.empty, "MISSING": MISSING}
        self.reads = [*signature.reads, *map(self._read, range(len(traced.places)))]
        self.fits = self._fits()
        self.back = [
            len(signature.reads) + next(i for i, p in enumerate(traced.places) if p is place)
            for place in traced.written
        ]
        self.source, self.native = "", False
        self._loops: dict[bool, Callable[..., Any]] = {}
        self.call: Callable[..., Any]

    # ------------------------------------------------------------ what is checked

    def _read(self, i: int) -> str:
        place = self.traced.places[i]
        self.names[f"p{i}"] = place.holder
        if isinstance(place.holder, Tensor):
            return f"p{i}._value()"
        return f"p{i}[{place.key!r}]"

    def _fits(self) -> Callable[[Any, Any], bool]:
        """Return ``fits(args, kwargs)``: whether the program is for these, now."""
        names = {**self.names, **self.signature.names, "unchanged": self.around.unchanged()}
        conditions = list(self.signature.conditions)
        for i, place in enumerate(self.traced.places):
            if isinstance(place.holder, Tensor):
                t = place.holder
                conditions.append(
                    f"p{i}._requires_grad is {t._requires_grad} and "
                    f"(p{i}._rare is None or '_taps' not in p{i}._rare)"
                )
        for variable, what in self.traced.asked.items():
            i = self.traced.program.inputs.index(variable)
            names[f"asked{i}"] = _asked(what, self.traced.inputs[i])
            conditions.append(f"asked{i}({self.reads[i]})")
        lines = ["def fits(args, kwargs):", "    return ("]
        lines += [f"        {condition} and" for condition in conditions]
        lines += ["        unchanged()", "    )", ""]
        return made("\n".join(lines), "fits", names, "guards")

    # ------------------------------------------------------------ NumPy

    def use_numpy(self) -> None:
        """Call the program as NumPy code."""
        self.source, program = numpy_function(self.traced.program)
        lock = threading.Lock()
        names = {**self.names, "program": program, "lock": lock}
        lines = ["def call(args, kwargs):", "    with lock:",
                 f"        outputs = program({', '.join(self.reads)})"]  # fmt: skip
        count = len(self.traced.program.outputs) - len(self.back)
        lines += self._writes([f"outputs[{count + i}]" for i in range(len(self.back))])
        lines.append(f"    return {self._returned('outputs[{}]', names)}")
        self.call = made("\n".join(lines) + "\n", "call", names, "call")

    def _writes(self, values: list[str]) -> list[str]:
        lines = []
        for position, value in zip(self.back, values, strict=True):
            i = position - len(self.signature.reads)
            place = self.traced.places[i]
            if isinstance(place.holder, Tensor):
                lines += [f"    p{i}._array = {value}", f"    if p{i}._rare is not None:",
                          f"        p{i}._note_write()"]  # fmt: skip
            else:
                lines.append(f"    p{i}[{place.key!r}] = {value}")
        return lines

    def _returned(self, output: str, names: dict[str, Any]) -> str:
        """Return the result as an expression in the outputs."""
        result = self.traced.result
        if isinstance(result, Output):
            return output.format(int(result))
        if isinstance(result, tuple) and all(type(x) is Output for x in result):
            return f"({''.join(output.format(int(x)) + ', ' for x in result)})"
        names["rebuild"], names["result"] = _filled, result
        count = len(self.traced.program.outputs) - len(self.back)
        outputs = ", ".join(output.format(i) for i in range(count))
        return f"rebuild(result, [{outputs}])"

    # ------------------------------------------------------------ numba

    def use_numba(self) -> None:
        """Call the program as machine code; raise a LoweringError if that does not work."""
        program = self.traced.program
        outputs = [x if isinstance(x, Variable) else np.asarray(x) for x in program.outputs]
        source = call_source(program)
        kinds = [(v.dtype, len(v.shape) or -1) for v in program.inputs]
        kinds += [(x.dtype, len(x.shape)) for x in outputs]
        names = {**self.names, "ascontiguous": _handed_over}
        names["machine"] = machine_code(source, "call", kinds)
        self.source, self.native = source, True
        lines = ["def call(args, kwargs):"]
        for k, x in enumerate(outputs):
            names[f"type{k}"] = x.dtype
            lines.append(f"    out{k} = empty({tuple(x.shape)}, type{k})")
        outs = ", ".join(f"out{k}" for k in range(len(outputs)))
        lines += ["    try:", f"        machine({', '.join(self.reads)}, {outs})",
                  "    except TypeError:  # Not contiguous, or read-only."]  # fmt: skip
        plain = [
            f"ascontiguous({read})" if variable.shape else read
            for read, variable in zip(self.reads, program.inputs, strict=True)
        ]
        lines.append(f"        machine({', '.join(plain)}, {outs})")
        count = len(outputs) - len(self.back)
        values = [f"out{k}" if x.shape else f"out{k}{_scalar(x)}" for k, x in enumerate(outputs)]
        for k, value in enumerate(values):
            if value != f"out{k}":
                lines.append(f"    out{k} = {value}")
        lines += self._writes([f"out{count + i}" for i in range(len(self.back))])
        lines.append(f"    return {self._returned('out{}', names)}")
        self.call = made("\n".join(lines) + "\n", "call", names, "call")

    def loop(self, *, stacked: bool) -> Callable[..., Any]:
        """Return ``loop(n, *inputs, values)`` in machine code; a LoweringError if there is none."""
        if stacked not in self._loops:
            program, data = self.traced.program, len(self.signature.reads)
            if any(
                position in self.back for position in map(program.inputs.index, self.traced.asked)
            ):
                raise LookupError("a value that changes from step to step decides what is computed")
            source = loop_source(program, self.back, data=data, stacked=stacked)
            kinds = [(np.dtype(int), -1)]
            for i, v in enumerate(program.inputs):
                axes = len(v.shape) + (stacked and i < data)
                kinds.append((v.dtype, axes if axes or i in self.back else -1))
            kinds.append((_dtype(program.outputs[0]), 1))
            self._loops[stacked] = machine_code(source, "loop", kinds)
            self.source = source
        return self._loops[stacked]

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any]:
        """Return a function of nothing that does a step on these arguments.

        In machine code, it writes into the parameters' arrays, as long as nobody else holds them.
        """
        names = {**self.names, "args": args, "kwargs": kwargs, "refs": getrefcount}
        if not self.native:
            return functools.partial(self.call, args, kwargs)
        names |= {"unchanged": self.around.unchanged(), "values": np.empty(1)}
        try:
            names["loop"] = self.loop(stacked=False)
        except (LoweringError, LookupError, ImportError):
            return functools.partial(self.call, args, kwargs)
        names["values"] = np.empty(1, _dtype(self.traced.program.outputs[0]))
        lines, given, before, after = [], [], [], []
        for i, (read, variable) in enumerate(
            zip(self.reads, self.traced.program.inputs, strict=True)
        ):
            if i not in self.back:
                if i < len(self.signature.reads):
                    lines.append(f"    a{i} = {read}" if not variable.shape else
                                 f"    a{i} = contiguous({read})")  # fmt: skip
                    given.append(f"a{i}")
                else:
                    given.append(read)
                continue
            place = self.traced.places[i - len(self.signature.reads)]
            slot = read.replace("._value()", "._array")
            given.append(f"a{i}")
            if variable.shape:
                lines.append(f"    a{i} = {slot} = array({read})")
                before += [f"        if {slot} is not a{i} or refs(a{i}) != 3:",
                           f"            a{i} = {slot} = array({slot})"]  # fmt: skip
            else:
                lines += [f"    s{i} = {read}", f"    a{i} = array(s{i})"]
                before += [f"        if {slot} is not s{i}:", f"            a{i}[()] = {slot}"]
                after.append(f"        s{i} = {slot} = a{i}{_scalar(variable)}")
            if isinstance(place.holder, Tensor):
                holder = slot.removesuffix("._array")
                after += [f"        if {holder}._rare is not None:",
                          f"            {holder}._note_write()"]  # fmt: skip
        names["contiguous"] = _handed_over
        changing = [n for i in self.back for n in (f"a{i}", f"s{i}")
                    if self.traced.program.inputs[i].shape == () or n[0] == "a"]  # fmt: skip
        lines += ["    def bound():", f"        nonlocal {', '.join(changing)}",
                  "        if not unchanged():", "            raise stale()", *before,
                  f"        loop(1, {', '.join(given)}, values)", *after,
                  "        return values[0]", "    return bound"]  # fmt: skip
        names["stale"] = lambda: StaleError(
            f"{self.around.changed()} has changed since bind(). Bind again."
        )
        make = made("\n".join(["def make():", *lines, ""]), "make", names, "bound step")
        step: Callable[[], Any] = make()
        return step

    def run(
        self, loop: Callable[..., Any], n: int, args: tuple[Any, ...], kwargs: dict[str, Any],
        values: Any,
    ) -> None:  # fmt: skip
        """Do steps in machine code, then put the last values where they belong."""
        inputs = self.inputs(args, kwargs)
        arrays = [_handed_over(x) if np.ndim(x) else x for x in inputs]
        for i in self.back:
            arrays[i] = np.array(inputs[i])
        loop(n, *arrays, values)
        for place, i in zip(self.traced.written, self.back, strict=True):
            weak = self.traced.program.inputs[i].weak
            place.write(arrays[i].item() if weak else arrays[i][()])

    def inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Return the inputs of the program, as they are now."""
        names = {**self.names, "args": args, "kwargs": kwargs}
        return [eval(read, names) for read in self.reads]


def _handed_over(x: Any) -> Any:
    """Return an array as machine code takes it: in the order of C, and not read-only."""
    return np.require(x, requirements=["C", "W"])


def _dtype(x: Any) -> np.dtype[Any]:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def _scalar(x: Any) -> str:
    return ".item()" if getattr(x, "weak", False) else "[()]"


def _filled(result: Any, outputs: list[Any]) -> Any:
    leaves = [outputs[x] if isinstance(x, Output) else x for x in leaves_of(result)]
    return rebuild(result, leaves)


def _asked(what: str, value: Any) -> Callable[[Any], bool]:
    """Return the condition under which a program holds whose trace asked for a value."""
    if what == "truth":
        truth = bool(value)
        return lambda x: bool(x) is truth
    kept = np.array(value)
    return lambda x: np.asarray(x).tobytes() == kept.tobytes()
