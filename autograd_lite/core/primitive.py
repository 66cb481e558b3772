"""An operation: a forward function, and one rule per operand; and the registry of them.

Everything that the framework knows about an operation stands in its entry. Here is what computing
and differentiating need; what else an entry may say is listed in `Primitive`, and is read by the
pictures, formulas, programs and tests that need it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

import numpy as np
from numpy import array, asarray, ndarray

from autograd_lite.core.later import add_spelling
from autograd_lite.core.notation import Choice, Notation, call

REGISTRY: dict[str, Primitive] = {}
"""Every operation by name, in the order of definition."""

BY_NUMPY_FUNCTION: dict[Callable[..., Any], Primitive] = {}
"""The operation that a NumPy function is recorded as."""

VARIADIC = 4  # A flag of code objects: there is a *parameter.


class Primitive:
    """An operation with its derivative.

    Calling it with arrays computes; calling it with a Tensor among the operands records.

    Parameters
    ----------
    forward : callable
        ``forward(a, b, *, axis=None)``: NumPy code. Positional parameters are the operands;
        keyword-only parameters are static. One ``*operands`` parameter makes it variadic.
    rules : mapping of str to callable or None
        For each operand ``rule(g, y, a, b, axis)``: the cotangent of that operand, given the
        cotangent `g` of the output `y`. It has the shape of the operand as it was broadcast: the
        backward pass undoes broadcasting. ``None``: not differentiable there. The one rule of a
        variadic operation gets the position of the operand as the keyword ``i``.
    **fields
        What else the entry says: any of the attributes below.

    Attributes
    ----------
    operands, parameters : tuple of str
        The names in the signature of `forward`.
    defaults : dict
        The values of static parameters that may be left out.

    Raises
    ------
    TypeError
        If a field is unknown.
    """

    # What every recorded operation reads: five times as fast as from a dictionary.
    __slots__ = ("__dict__", "__weakref__", "compute", "parameters", "rules", "takes_complex")

    notation: Notation | Choice
    """How it is written; by default, as a call of the function in `numpy`, or of its name."""

    numpy: Sequence[Callable[..., Any]] = ()
    """The NumPy functions that it stands for."""

    domain: Mapping[str, str] = {}
    """For an operand, what tests draw it from, one of `DOMAINS`; "real" if not said."""

    examples: Sequence[tuple[tuple[Any, ...], dict[str, Any]]] = ()
    """Shapes and parameters that the tests try; derived from the signature if empty."""

    analytic: bool = False
    """Whether `forward` also computes the analytic continuation to complex numbers."""

    takes_complex: bool
    """Whether its rules are right for complex numbers: as for every analytic function."""

    compute: Callable[..., Any]
    """A function in C that does what `forward` does, and is called in its place: by default, the
    first of `numpy` if that is an entrywise ufunc, else `forward`."""

    entrywise: bool
    """Whether an entry of the result depends on nothing but the entries at its place, as for every
    ufunc without a signature."""

    bends: bool = False
    """Whether it has a kink where its operands are equal, or where the only one is 0."""

    linear: Sequence[str] = ()
    """The operands that it is linear in, each by itself: ``f(2 * x)`` is ``2 * f(x)``."""

    jointly_linear: bool = False
    """Whether it is linear in all operands together: ``f(2 * a, 2 * b)`` is ``2 * f(a, b)``."""

    reduces: bool = False
    """Whether an entry of the result depends on those of the only operand along ``axis``, and every
    one of them goes into no other; ``axis`` and ``keepdims`` are NumPy's."""

    stretches: bool = False
    """Whether it does no more than broadcasting does: new axes of length 1, and repetition."""

    only_shapes: bool = False
    """Whether the result has the entries of the operand, in their order, in another shape."""

    packed: bool = False
    """Whether the result is several arrays in one, which users get apart."""

    whole: bool = False
    """Whether its forward function fills arrays, so that a trace can only keep it in one piece."""

    formula: Callable[..., Any] | None = None
    """The same, of the same arguments, in operations and NumPy functions alone, where the forward
    function fills arrays: for machine code, which has none."""

    at: str = ""
    """What it does with the entries at its parameter `index`: "reads", "adds" or "writes"."""

    machine: str = ""
    """Code for numba, a template: an entry, given those of the operands by position and the number
    ``{zero}``, where the NumPy function of that name is not what it is."""

    jax: str | Callable[..., str] = ""
    """Python code for JAX, a template, where the forward function is not what JAX can do; or a
    function of the parameters that returns one, or nothing where the formula serves."""

    sentence: str = ""
    """What its rule does, in words, where it is not arithmetic: {y} is the result, {x} the operand,
    and {others} are the other operands."""

    simplify: Sequence[Callable[[Any], Any]] = ()
    """Functions of an expression of it: each returns an equal and simpler one, or None."""

    def __init__(
        self,
        forward: Callable[..., Any],
        rules: Mapping[str, Callable[..., Any] | None],
        **fields: Any,
    ) -> None:
        functools.update_wrapper(self, forward)
        self.name, self.forward = forward.__name__, forward
        code = forward.__code__
        named, last = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
        self.variadic = bool(code.co_flags & VARIADIC)
        self.operands = code.co_varnames[last : last + 1 if self.variadic else last]
        self.operands = self.operands or code.co_varnames[:named]
        self.parameters = code.co_varnames[named:last]
        self.defaults: dict[str, Any] = dict(forward.__kwdefaults__ or {})
        # The rule of operand i is rules[i], for a variadic operation too.
        self.rules: Any = tuple(rules.get(name) for name in self.operands)
        if self.variadic:
            self.rules = RuleForEach(self.rules[0])
        function = next(iter(fields.get("numpy") or [forward]))
        prefix = "np." if vars(np).get(self.name) is function else ""
        self.notation = call(prefix + self.name)
        self.entrywise = isinstance(function, np.ufunc) and function.signature is None
        self.compute, self.takes_complex = function if self.entrywise else forward, False
        for name, value in fields.items():
            if name not in FIELDS:
                raise TypeError(f"primitive {self.name!r} got an unknown field {name!r}.")
            if value is not None:
                setattr(self, name, value)
        if self.whole:
            self.compute = self._whole
        self.takes_complex = self.takes_complex or self.analytic
        self.domain = dict.fromkeys(self.operands, "real") | dict(self.domain)

    def __call__(self, *operands: Any, **parameters: Any) -> Any:
        """Compute, or record if an operand is a Tensor (or anything else that records)."""
        for x in operands:
            if type(x) is not ndarray and hasattr(x, "__record__"):
                if parameters:
                    for name, value in parameters.items():
                        if type(value) not in UNCHANGING:
                            parameters[name] = kept(value, self.name, name)
                return x.__record__(self, operands, parameters)
        try:
            return self.forward(*as_arrays(operands), **parameters)
        except TypeError as error:
            add_spelling(error, self.forward)
            raise

    def _whole(self, *operands: Any, **parameters: Any) -> Any:
        """Compute, or record if an operand or a part of a parameter, such as an index, records."""
        for value in parameters.values():
            for part in value if type(value) is tuple else (value,):
                if type(part) is not ndarray and hasattr(type(part), "lift"):
                    first, *rest = operands
                    known = first if hasattr(first, "__record__") else asarray(first)
                    return self(part.lift(known), *rest, **parameters)
        return self(*operands, **parameters)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> str:
        return self.name  # Pickled, like a function, as its name in its module.


FIELDS = frozenset(Primitive.__annotations__)
"""What an entry may say besides its forward function and its rules."""


class RuleForEach:
    """The rules of a variadic operation: one rule, told which operand is meant.

    It is a function ``rule(g, y, *operands, axis, i)`` of the position `i`. Or it takes no ``i``,
    and returns a function of the position: then what all operands share is computed once.
    """

    def __init__(self, rule: Callable[..., Any] | None) -> None:
        self.rule = rule
        self.once = rule is not None and "i" not in _by_keyword(rule)

    def bound(self, g: Any, y: Any, operands: Any, parameters: Any) -> Iterator[Any]:
        """Yield a function without arguments for every operand, its cotangent; None: no rule."""
        if self.rule is None:
            return itertools.repeat(None, len(operands))
        parameters = parameters or {}
        if self.once:
            at = self.rule(g, y, *operands, **parameters)
            return (functools.partial(at, i) for i in range(len(operands)))
        rule = functools.partial(self.rule, g, y, *operands, **parameters)
        return (functools.partial(rule, i=i) for i in range(len(operands)))

    def __getitem__(self, i: int) -> Callable[..., Any] | None:
        """Return the rule of one operand, called like any other rule."""
        if self.rule is None or not self.once:
            return self.rule and functools.partial(self.rule, i=i)
        whole = self.rule
        return lambda g, y, *operands, **parameters: whole(g, y, *operands, **parameters)(i)


def _by_keyword(rule: Callable[..., Any]) -> tuple[str, ...]:
    code: CodeType = inspect.unwrap(rule).__code__
    return code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]


def as_arrays(operands: Sequence[Any]) -> Sequence[Any]:
    """Make arrays of lists, and of numbers where no array says which type they are to take on."""
    for x in operands:
        if hasattr(x, "dtype"):
            break
    else:
        return [asarray(x)[()] for x in operands]
    return [asarray(x) if isinstance(x, list | tuple) else x for x in operands]


def bare(value: Any, *where: str) -> Any:
    """Return the value of a Tensor among static parameters: an index, say."""
    if getattr(value, "requires_grad", False):
        what = "{} has no derivative for {}=" if where else "A static parameter has no derivative"
        raise TypeError(
            f"{what.format(*where)}, got a Tensor of shape {value.shape} that requires a gradient. "
            f"Pass its value: t.numpy(), or t.item()."
        )
    data = value.data
    return data if hasattr(type(data), "__record__") else asarray(data)[()]  # A symbol stays one.


UNCHANGING = frozenset({type(None), bool, int, float, str})


def kept(value: Any, *where: str) -> Any:
    """Copy a static parameter that somebody could change after it has been recorded.

    `where` names the operation and the parameter in errors.
    """
    if hasattr(type(value), "__record__"):
        return bare(value, *where)
    if isinstance(value, list | tuple):
        parts = [kept(part, *where) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if hasattr(value, "__array_interface__"):
        return value.copy()
    return array(value) if hasattr(value, "tolist") else value  # As of pandas, JAX or PyTorch.


def example(*shapes: Any, **parameters: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """State a case for the tests: a shape for each operand, and the static parameters."""
    return shapes, parameters


def primitive(**entry: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """Make a forward function the operation that an entry says: rules by operand, and fields.

    Operations of the package are defined with this; `autograd_lite.primitive` does the same, and
    checks the entry first.
    """
    fields = {name: entry[name] for name in entry if name in FIELDS}
    rules = {name: entry[name] for name in entry if name not in fields}

    def define(forward: Callable[..., Any]) -> Primitive:
        return register(Primitive(forward, rules, **fields))

    return define


def register(made: Primitive) -> Primitive:
    """Enter an operation in the registry, under its name and its NumPy functions."""
    REGISTRY[made.name] = made
    BY_NUMPY_FUNCTION.update(dict.fromkeys(made.numpy, made))
    return made
