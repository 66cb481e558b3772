"""One call of a function on its own Tensors, and the way back: what transforms are made of."""

from __future__ import annotations

import operator
import struct
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Self

import numpy as np

from autograd_lite import ops
from autograd_lite.core.backward import backward_pass, operands_of
from autograd_lite.core.modes import GradientError, enable_grad, is_grad_enabled, refusals
from autograd_lite.core.operands import owned
from autograd_lite.functional.nests import flatten, leaves_of, rebuild
from autograd_lite.functional.signatures import Argnums
from autograd_lite.tensor import Tensor


class Input(Tensor):
    """A leaf that a trace has made of an argument.

    - `active`: whether the function is being called: afterwards, no other level can differentiate
      by it.
    """

    __slots__ = ("active",)
    _keeps_grad = False  # The trace finds it, also after something was written to this.

    def __init__(self, x: Any) -> None:
        super().__init__(x, requires_grad=True)
        self.active = True

    def _twin(self) -> Self:
        twin = super()._twin()
        twin.active = self.active
        return twin


_VARIES = object()
"""What a leaf is differentiated by, and has a gradient for."""


class Trace:
    """One call of a function on its own Tensors, and the way back.

    - `f`: takes `args` and `kwargs`.
    - `argnums`: the positions of the arguments to differentiate with respect to; all if None.
    - `has_aux`: whether `f` returns a pair, of which only the first part is differentiated.

    It has

    - `inputs`, `outputs`: the leaves of the arguments to differentiate with respect to, and of the
      result.
    - `linked`: whether an outer level may differentiate the outputs: then everything that is
      returned is a Tensor, else an array.
    - `aux`: the second part of the pair.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        argnums: Argnums | None = None,
        *,
        has_aux: bool = False,
    ) -> None:
        self.name = name_of(f)
        bind = "bind it: lambda x: f(x, ...)"
        self.instead = bind if argnums is None else "leave it out of argnums"
        which = range(len(args)) if argnums is None else self._positions(argnums, len(args))
        self.arguments = [args[i] for i in which]
        self.inputs: list[Tensor] = []
        self.fixed: list[Any] = []
        lifted = list(args)
        for i in which:
            leaves = [self._lift(x, path, i) for path, x in flatten(args[i])]
            found = [x for x, fixed in leaves if fixed is _VARIES]
            if leaves and not found and argnums is not None:
                raise self._not_numbers(args[i], str(i))
            self.inputs += found
            self.fixed += [fixed for _, fixed in leaves]
            lifted[i] = rebuild(args[i], [x for x, _ in leaves])
        outer, around = is_grad_enabled(), _innermost.get()
        self.passed_on = False
        token = _innermost.set(self)
        try:
            with enable_grad():
                self.result = call_with_tensors(f, lifted, kwargs)
        finally:
            _innermost.reset(token)
            for x in self.inputs:
                for version in (x, x._first()):
                    if isinstance(version, Input):
                        version.active = False
        self.inputs = [x._first() for x in self.inputs]
        self.aux = None
        if has_aux:
            self.result, self.aux = self._pair(self.result)
        self.outputs = [self._output(x, path) for path, x in flatten(self.result)]
        self._refuse_truth()
        linked, reached = self._reach(self.outputs)
        self.linked = outer and linked
        if around is not None:
            around.passed_on = around.passed_on or reached
        elif self.inputs and not reached and not self.passed_on:
            warnings.warn(self._constant(argnums), stacklevel=_outside())
        if has_aux:
            self.aux = rebuild(self.aux, [self._passed_on(x, outer) for x in leaves_of(self.aux)])

    @property
    def output(self) -> Tensor:
        """The only output."""
        if isinstance(self.result, dict | list | tuple):
            raise TypeError(
                f"{self.name} must return one array, got a {type(self.result).__name__}. Return "
                f"the rest with has_aux=True, or join the parts with np.concatenate."
            )
        return self.outputs[0]

    @property
    def value(self) -> Any:
        """The result of the function."""
        return rebuild(self.result, [self.given(y) for y in self.outputs])

    def given(self, x: Tensor) -> Any:
        """Return a tensor as the caller gets it: an array, or a copy that may be changed."""
        return x.copy() if self.linked else owned(x.data)

    def pull(self, outputs: Sequence[Tensor], cotangents: Sequence[Any]) -> list[Any]:
        """Pull cotangents of some outputs back to every argument, in its structure."""
        linked = self.linked or any(isinstance(g, Tensor) and g.requires_grad for g in cotangents)
        pairs = list(zip(outputs, cotangents, strict=True))
        return self.filled(pull_back(pairs, self.inputs, linked))

    def filled(self, gradients: Sequence[Any]) -> list[Any]:
        """Return gradients by the inputs in the structure of the arguments, zeros in between."""
        found = iter(gradients)
        leaves = [next(found) if fixed is _VARIES else fixed for fixed in self.fixed]
        return list(rebuild(self.arguments, leaves))

    def varying(self, leaves: Sequence[Any]) -> list[Any]:
        """Return the leaves that belong to inputs, of one for every leaf of the arguments."""
        return [x for x, fixed in zip(leaves, self.fixed, strict=True) if fixed is _VARIES]

    def _positions(self, argnums: Argnums, count: int) -> list[int]:
        """Return the positions to differentiate with respect to, counted from the front."""
        wanted = [argnums] if isinstance(argnums, int) else [operator.index(i) for i in argnums]
        for i in wanted:
            if not -count <= i < count:
                raise TypeError(
                    f"{self.name}: argnums={argnums} asks for argument {i}, got {count} positional "
                    f"arguments. Pass that argument by position, not by keyword."
                )
        found = [i % count for i in wanted]
        if len(set(found)) < len(found):
            raise ValueError(
                f"{self.name}: argnums={argnums} asks for an argument twice. List each once."
            )
        return found

    def _lift(self, x: Any, path: str, i: int) -> tuple[Any, Any]:
        """Return a tensor of this trace's own for an argument, linked to it if it is a Tensor.

        What is in a nest and not made of floating-point numbers is passed on as it is, and its
        gradient is an integer 0.
        """
        if isinstance(x, Tensor) and x.requires_grad:
            with enable_grad():
                return ops.copy(x), _VARIES
        place = f"{i}{path}"
        try:
            if path and _is_fixed(x):
                return x, np.zeros(np.shape(x), int)[()]
            return Input(x.data if isinstance(x, Tensor) else x), _VARIES
        except (TypeError, ValueError):
            raise self._not_numbers(x, place) from None

    def _not_numbers(self, x: Any, place: str) -> TypeError:
        if np.iscomplexobj(x):
            how = "Make its parts two arguments of a function that adds them, a + 1j * b"
        else:
            how = f"Convert it, e.g. with {'x.astype(float)' if np.ndim(x) else 'float(x)'}"
        return TypeError(
            f"{self.name}: argument {place} is {_shown(x)}, and only floating-point numbers can be "
            f"differentiated. {how}, or {self.instead}."
        )

    def _pair(self, result: Any) -> tuple[Any, Any]:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"{self.name} must return a pair for has_aux=True, got {_shown(result)}. Return "
                f"the result to differentiate, and anything else: return loss, rest."
            )
        return result

    def _output(self, x: Any, path: str) -> Tensor:
        if isinstance(x, Tensor):
            return x
        try:
            return Tensor(x)
        except (TypeError, ValueError):
            what = f"its result{path}" if path else "it"
            raise TypeError(
                f"{self.name} must return numbers, but {what} is {_shown(x)}. Return anything else "
                f"with has_aux=True."
            ) from None

    def _refuse_truth(self) -> None:
        if self.outputs and all(y.dtype == bool for y in self.outputs):
            raise TypeError(
                f"{self.name} returned a truth value, which has no derivative. Return the numbers "
                f"that are compared, or al.sigmoid of their difference."
            )

    def _constant(self, argnums: Argnums | None) -> str:
        """Return a warning: the result does not depend on what it is differentiated by."""
        by = "its arguments" if argnums is None else f"what argnums={argnums} names"
        return (
            f"The result of {self.name} does not depend on {by}: all derivatives are 0. Where it "
            f"should, a bare value was taken on the way: by t.item(), t.numpy() or t.detach(), by "
            f"a comparison, by rounding or inside no_grad()."
        )

    def _passed_on(self, x: Any, outer: bool) -> Any:
        """Return a part of the other result without the record of this trace."""
        if not isinstance(x, Tensor) or (outer and self._reach([x])[0]):
            return x
        return owned(x.data)

    def _reach(self, outputs: Sequence[Tensor]) -> tuple[bool, bool]:
        """Return whether outputs depend on tensors that are not inputs, and on any that are.

        Only what requires a gradient counts, and can still be differentiated by.
        """
        inputs = set(self.inputs)
        linked = reached = False
        for tensor in upstream([x for x in outputs if x.requires_grad], inputs.__contains__):
            if tensor in inputs:
                reached = True
                linked = linked or not tensor.is_leaf  # It is a tensor of an outer level.
            elif tensor.is_leaf:
                linked = linked or getattr(tensor, "active", True)
            if linked and reached:
                break
        return linked, reached


def upstream(
    outputs: Iterable[Tensor], ends: Callable[[Tensor], bool], known: Iterable[Tensor] = ()
) -> Iterator[Tensor]:
    """Yield outputs and what they depend on, if it requires a gradient, each once.

    It goes no further at what is `known`, which is left out, and where `ends` is true.
    """
    seen = {*known}
    waiting = [x for x in dict.fromkeys(outputs) if x not in seen]
    seen.update(waiting)
    while waiting:
        tensor = waiting.pop()
        yield tensor
        if not ends(tensor):
            for x in operands_of(tensor):
                if x is not None and x._requires_grad and x not in seen:
                    seen.add(x)
                    waiting.append(x)


def _is_fixed(x: Any) -> bool:
    """Return whether nobody differentiates by a part of a nest: a size, a name, a flag."""
    if isinstance(x, Tensor):
        x = x.data
    if x is None or isinstance(x, str) or callable(x):
        return True
    dtype = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype  # A symbol has no values.
    return dtype.kind in "biu"


def _outside() -> int:
    """Count the calls to the one that is not in this package, for a warning."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    return level


PACKAGE = __name__.partition(".")[0] + "."

_innermost: ContextVar[Trace | None] = ContextVar("innermost", default=None)
"""The trace whose function is being called."""


def call_with_tensors(f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call the user's function; a refusal of ours is raised as such, whatever others make of it.

    ``array[i] = t`` ends in "setting an array element with a sequence", ``struct.pack("d", t)`` in
    "required argument is not a float", and neither says why.
    """
    said: list[str] = []
    token = refusals.set(said)
    try:
        return f(*args, **kwargs)
    except (TypeError, ValueError, SystemError, struct.error) as error:
        if isinstance(error.__cause__, GradientError):
            refused = error.__cause__.with_traceback(error.__traceback__)
        elif said:  # C code has asked for a number, and gone on without one.
            refused = GradientError(said[-1]).with_traceback(error.__traceback__)
            refused.add_note(f"What called for it went on, and failed: {error!r}")
        else:
            raise
    finally:
        refusals.reset(token)
    raise refused


def require_function(f: Any, what: str, write: str = "{0}(f)(x)", argnums: Any = 0) -> None:
    """Refuse what is not a function, its value for instance, and argnums that are arguments."""
    if not callable(f):
        value = f"a {type(f).__name__}" if isinstance(f, np.ndarray | Tensor) else _shown(f)
        raise TypeError(
            f"{what} needs a function, got {value}. Write {write.format(what)}: pass the function "
            f"itself, not its value f(x)."
        )
    try:
        [*map(operator.index, [argnums] if isinstance(argnums, int) else argnums[:])]
    except (KeyError, TypeError):  # The former of a dict.
        raise TypeError(
            f"{what}: argnums must be a position or a sequence of them, got {argnums!r}. Write "
            f"{write.format(what)}."
        ) from None


def pull_back(
    pairs: Sequence[tuple[Any, Any]], inputs: Sequence[Tensor], linked: bool
) -> list[Any]:
    """Return the cotangents of inputs, given pairs of outputs and their cotangents.

    They are Tensors with a record if `linked`, else arrays; zeros where nothing arrives.
    """
    found: dict[Tensor, Any] = {}
    seeds = []
    for y, g in pairs:
        if isinstance(y, Tensor) and y.requires_grad:
            if y.dtype.kind == "c" and not (isinstance(g, Tensor) and g.dtype.kind == "c"):
                raise TypeError(
                    f"A function is differentiated where its result is real, got dtype {y.dtype}. "
                    f"Return np.real(y), np.imag(y) or np.abs(y); jvp takes complex results."
                )
            seed = g if isinstance(g, Tensor) else Tensor(g, dtype=y.dtype)
            seed = seed if seed.dtype == y.dtype else seed.astype(y.dtype)
            seeds.append((y, seed if linked else seed.data[()]))
    if seeds:
        with enable_grad():
            found = dict(
                backward_pass(
                    *seeds[0], more=seeds[1:], targets=frozenset(inputs), create_graph=linked
                )
            )
    zeros = (np.zeros(x.shape, x.dtype)[()] for x in inputs)
    pulled = [found.get(x, zero) for x, zero in zip(inputs, zeros, strict=True)]
    if not linked:
        return [owned(g) for g in pulled]
    with enable_grad():  # Two gradients are two Tensors, since either may be changed in place.
        return [g.copy() if isinstance(g, Tensor) else g for g in pulled]


def name_of(f: Callable[..., Any]) -> str:
    """Return what messages call a function."""
    return getattr(f, "__name__", "the function")


def _shown(x: Any) -> str:
    if isinstance(x, np.ndarray | Tensor) and x.ndim:
        return f"an array of {x.dtype}"
    text = repr(x)
    return text if len(text) < 60 else f"a {type(x).__name__}"


def matched(like: Any, nest: Any, message: str) -> list[Any]:
    """Return the leaves of a nest in the order of another of the same structure and shapes.

    Raises
    ------
    ValueError
        If structure or shapes differ: the message, with both.
    TypeError
        If they are not real numbers.
    """
    wanted = {path: np.shape(x) for path, x in flatten(like)}
    leaves = dict(flatten(nest))
    got = {path: np.shape(x) for path, x in leaves.items()}
    if got != wanted:
        said = message.format(_written(wanted), _written(got))
        if any(f"{path}[0]" in got for path in wanted):
            said += " A list is several arrays: write np.array([...]) for one."
        raise ValueError(said)
    parts = dict(flatten(like))
    for path, x in leaves.items():
        if path and _is_fixed(parts[path]):
            continue
        dtype = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
        if dtype.kind not in "biuf":
            where = f" at {path}" if path else ""
            raise TypeError(f"Cotangents and tangents are real numbers, got {_shown(x)}{where}.")
    return [leaves[path] for path in wanted]


def _written(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{path}: {shape}" if path else str(shape) for path, shape in shapes.items())
