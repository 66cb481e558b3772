"""One entry per operation: what it computes, what its derivative is, how it is written.

Everything else in the framework reads these entries: the engine calls ``forward`` and the
rules, the pictures and formulas call the notation, NumPy's protocols look up the functions that
an entry stands for, and the tests make their cases from ``domain`` and ``examples``. This module
needs the standard library only, and knows nothing about tensors.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from autograd_lite.ops.notation import Choice, Notation, Written, call

REGISTRY: dict[str, Primitive] = {}
"""Every operation by name, in the order of definition."""

BY_NUMPY_FUNCTION: dict[Callable[..., Any], Primitive] = {}
"""The operation that a NumPy function is recorded as."""

DOMAINS = (
    "real", "positive", "nonzero", "above one", "probability", "boolean",
    "increasing", "full rank", "symmetric", "positive definite",
)  # fmt: skip
"""What an operand may be drawn from in generated tests: any real number, a positive one, one
that keeps away from 0, one strictly between 0 and 1, a truth value; numbers in order; a matrix, or
a stack of them, whose singular values, and eigenvalues if it is square, are real, not 0 and apart;
one that is symmetric, or positive definite, besides."""


class PrimitiveDefinitionError(TypeError):
    """An operation's entry contradicts itself: a rule is missing, misnamed or unknown."""


class Primitive:
    """An operation with its derivative.

    Calling it with arrays computes; calling it with a Tensor among the operands records.

    Parameters
    ----------
    forward : callable
        ``forward(a, b, *, axis=None)``: NumPy code. Positional parameters are the operands;
        keyword-only parameters are static and need defaults, unless they are always given. One
        ``*operands`` parameter makes the operation variadic.
    rules : mapping of str to callable or None
        For each operand ``rule(g, y, a, b, axis)``: the cotangent of that operand, given the
        cotangent `g` of the output `y`. It has the shape of the operand as it was broadcast;
        the engine sums over what broadcasting stretched. ``None``: not differentiable there.
        A variadic operation's one rule gets the position as the keyword ``i``.
    notation : Notation, optional
        How it is written; by default, as a call of its name.
    numpy : sequence of callable
        The NumPy functions that it stands for.
    domain : mapping of str to str
        For an operand, one of `DOMAINS`; "real" if not said.
    analytic : bool
        Whether ``forward`` also computes the analytic continuation to complex numbers, so that
        complex-step differentiation applies.
    examples : sequence of example
        Shapes and parameters that the tests try; derived from the signature if empty.

    Raises
    ------
    PrimitiveDefinitionError
        If the names of the rules or of their parameters differ from the signature of `forward`.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        rules: Mapping[str, Callable[..., Any] | None],
        *,
        notation: Notation | Choice | None = None,
        numpy: Sequence[Callable[..., Any]] = (),
        domain: Mapping[str, str] | None = None,
        analytic: bool = False,
        examples: Sequence[tuple[tuple[Any, ...], dict[str, Any]]] = (),
    ) -> None:
        if not hasattr(forward, "__code__"):
            raise PrimitiveDefinitionError(
                f"a primitive must be a plain function, whose signature names the operands, got "
                f"{forward!r}. Wrap it: `def name(x): return ...`."
            )
        functools.update_wrapper(self, forward)
        self.name = forward.__name__
        # Ours are tested with read-only arrays; one from outside is given nothing else.
        outside = not str(forward.__module__).startswith("autograd_lite.")
        self.forward = _guarded(forward) if outside else forward
        code = forward.__code__
        names = code.co_varnames
        self.operands = names[: code.co_argcount]
        self.parameters = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        self.variadic = bool(code.co_flags & inspect.CO_VARARGS)
        if self.variadic:
            self.operands = (names[code.co_argcount + code.co_kwonlyargcount],)
        self.defaults: dict[str, Any] = dict(forward.__kwdefaults__ or {})
        self.notation = notation or call(self.name)
        self.numpy = tuple(numpy)
        self.domain = dict.fromkeys(self.operands, "real") | dict(domain or {})
        self.analytic = analytic
        self.examples = tuple(examples)
        self._check(rules)
        # The rule of operand i is rules[i], for a variadic operation too.
        chosen = [rules[name] for name in self.operands]
        self.rules: Any = tuple(_without_writing(r) if r and outside else r for r in chosen)
        if self.variadic:
            self.rules = _RuleForEach(self.rules[0])

    def _check(self, rules: Mapping[str, Callable[..., Any] | None]) -> None:
        """Hold the rules against the signature: names are law."""
        where = f"primitive {self.name!r}"
        star = "*" if self.variadic else ""
        operands = [star + name for name in self.operands]
        signature = f"{self.name}({', '.join((*operands, *self.parameters))})"
        forward = inspect.unwrap(self.forward)
        if not self.name.isidentifier():
            raise PrimitiveDefinitionError(
                f"{where} needs a name that Python allows: `def name(x): return ...`."
            )
        if forward.__defaults__ or forward.__code__.co_flags & inspect.CO_VARKEYWORDS:
            raise PrimitiveDefinitionError(
                f"{where}: an operand cannot have a default, and ** is not allowed. Static "
                f"parameters stand behind a star: `def {self.name}(x, *, axis=None)`."
            )
        if self.variadic and forward.__code__.co_argcount:
            raise PrimitiveDefinitionError(
                f"{where} takes named operands and {operands[0]}. Give it either named operands or "
                f"one *starred list of them."
            )
        for name in self.operands:
            if name not in rules:
                others = [repr(other) for other in rules if other not in self.operands]
                but = f", but one for {', '.join(others)}, which is no operand" if others else ""
                raise PrimitiveDefinitionError(
                    f"{where} has no rule for its operand {name!r}{but}. Add `{name}=lambda g, y, "
                    f"{', '.join(self.operands)}: ...`, or `{name}=None` if the result does not "
                    f"depend on it differentiably."
                )
        for name, rule in rules.items():
            if name not in self.operands:
                raise PrimitiveDefinitionError(
                    f"{where} has a rule for {name!r}, which is not an operand of {signature}. "
                    f"Operands are the positional parameters: {', '.join(self.operands)}."
                )
            if rule is None:
                continue
            if not hasattr(rule, "__code__"):
                raise PrimitiveDefinitionError(
                    f"{where}: the rule for {name!r} must be a plain function, got {rule!r}."
                )
            # The operands are passed by position, so their order matters; parameters by name.
            static = [*self.parameters, *(["i"] if self.variadic else [])]
            got, keywords = _parameters(rule)
            want = ["g", "y", *operands]
            rest = set(got[len(want) :]) - {"*"}
            if got[: len(want)] != want or not (
                rest == set(static) or (keywords and rest < set(static))
            ):
                raise PrimitiveDefinitionError(
                    f"{where}: the rule for {name!r} takes ({', '.join(got)}), but must take "
                    f"({', '.join([*want, *static])}): g is the cotangent of the output y, then "
                    f"come the operands and parameters of {signature}."
                )
        for name, kind in self.domain.items():
            if name not in self.operands or kind not in DOMAINS:
                raise PrimitiveDefinitionError(
                    f"{where}: domain {name}={kind!r} must map an operand "
                    f"({', '.join(self.operands)}) to one of {', '.join(DOMAINS)}."
                )

    def __call__(self, *operands: Any, **parameters: Any) -> Any:
        """Apply to arrays, or be recorded by the first operand that records (a Tensor)."""
        for operand in operands:
            record = getattr(type(operand), "__record__", None)
            if record is not None:
                if parameters:
                    for name, value in parameters.items():
                        if type(value) not in _UNCHANGING:
                            parameters[name] = _kept(value)
                return record(self, operands, parameters)
        return self.forward(*operands, **parameters)

    def python(self, operands: Mapping[str, Written], parameters: Mapping[str, Any]) -> Written:
        """Write one use of the operation as NumPy code."""
        return self.notation.python(operands, parameters, self.defaults)

    def latex(self, operands: Mapping[str, Written], parameters: Mapping[str, Any]) -> Written:
        """Write one use of the operation as LaTeX mathematics."""
        return self.notation.latex(operands, parameters, self.defaults)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> str:
        return self.name  # Pickled, like a function, as its name in its module.


def _locked(x: Any) -> Any:
    """Return a read-only view of an array, and anything else as it is."""
    if type(x).__module__ != "numpy" or not hasattr(x, "setflags") or not x.ndim:
        return x
    view = x.view()
    view.flags.writeable = False
    return view


def _without_writing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function read-only views, so that it cannot change what others have recorded."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return _unshared(function(*map(_locked, args), **kwargs))

    return guarded


def _guarded(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Do the same to a forward function, and see to it that it returns an array."""
    guarded = _without_writing(forward)

    @functools.wraps(forward)
    def checked(*args: Any, **kwargs: Any) -> Any:
        result = guarded(*args, **kwargs)
        if type(result) in (float, int, bool, complex):
            from numpy import asarray

            return asarray(result)[()]
        dtype = getattr(result, "dtype", None)
        if hasattr(result, "__record__"):
            what = "a Tensor: it uses one that it is not given, which would get no gradient"
        elif dtype is None or not hasattr(result, "__array_interface__"):
            what = "None" if result is None else f"a {type(result).__name__}"
        elif dtype.kind not in "biufc":
            what = f"an array of dtype {dtype}"
        else:
            return result
        raise TypeError(
            f"{forward.__name__}: its forward function returned {what}. It must return one array "
            f"of numbers, computed from the arrays that are its operands."
        )

    return checked


def _unshared(result: Any) -> Any:
    """Copy an array that somebody else holds, too, and may write to: a buffer, say."""
    if type(result).__module__ != "numpy" or not hasattr(result, "setflags"):
        return result
    return result.copy() if result.base is not None or sys.getrefcount(result) > _ALONE else result


def _count(result: Any) -> int:
    return sys.getrefcount(result)


_ALONE = _count(object())
"""How many references there are to what a function was passed and nobody else holds."""


def _parameters(rule: Callable[..., Any]) -> tuple[list[str], bool]:
    """List the parameters of a rule as they are written; say whether it takes ``**`` too."""
    code = rule.__code__
    names, last = code.co_varnames, code.co_argcount + code.co_kwonlyargcount
    starred = bool(code.co_flags & inspect.CO_VARARGS)
    star = ["*" + names[last]] if starred else ["*"] if code.co_kwonlyargcount else []
    by_name = names[code.co_argcount : last]
    listed = [*names[: code.co_argcount], *star, *by_name]
    return listed, bool(code.co_flags & inspect.CO_VARKEYWORDS)


_UNCHANGING = frozenset({type(None), bool, int, float, str})


def _kept(value: Any) -> Any:
    """Copy a static parameter that somebody could change after it has been recorded."""
    if isinstance(value, list):
        return list(value)
    if isinstance(value, tuple):
        return tuple(map(_kept, value))
    return value.copy() if hasattr(value, "__array_interface__") else value


class _RuleForEach:
    """The rules of a variadic operation: the one rule, told which operand is meant."""

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __getitem__(self, i: int) -> Callable[..., Any]:
        return functools.partial(self.rule, i=i)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return map(self.__getitem__, itertools.count())


def example(*shapes: Any, **parameters: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """State a case for the tests: a shape for each operand, and the static parameters."""
    return shapes, parameters


def primitive(
    bare: object = None,
    /,
    *,
    notation: Notation | Choice | None = None,
    numpy: Sequence[Callable[..., Any]] = (),
    domain: Mapping[str, str] | None = None,
    analytic: bool = False,
    examples: Sequence[tuple[tuple[Any, ...], dict[str, Any]]] = (),
    **rules: Callable[..., Any] | None,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an operation: decorate its NumPy forward pass with one rule per operand.

    Parameters
    ----------
    notation, numpy, domain, analytic, examples
        As in `Primitive`.
    **rules : callable or None
        Keyed by the operand's name: ``rule(g, y, *operands, **parameters)``.

    Returns
    -------
    callable
        A decorator that turns the forward function into a registered `Primitive`.

    Raises
    ------
    PrimitiveDefinitionError
        If a rule does not fit the signature, the name is taken, or it is used without rules,
        as ``@primitive`` without parentheses.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> @al.primitive(x=lambda g, y, x: g * 3 * x**2)
    ... def cube(x):
    ...     "Raise to the third power."
    ...     return x**3
    >>> x = al.Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    Tensor([ 3., 12.])
    """
    if bare is not None:
        raise PrimitiveDefinitionError(
            f"primitive needs a rule for every operand, got {bare!r} alone. Write "
            f"@primitive(x=lambda g, y, x: ...) above `def f(x): ...`."
        )

    def define(forward: Callable[..., Any]) -> Primitive:
        made = Primitive(
            forward,
            rules,
            notation=notation,
            numpy=numpy,
            domain=domain,
            analytic=analytic,
            examples=examples,
        )
        known = REGISTRY.get(made.name)
        if known is not None and known.__module__ != forward.__module__:
            raise PrimitiveDefinitionError(
                f"primitive {made.name!r} is already defined in {known.__module__}. "
                f"Give yours another name."
            )
        REGISTRY[made.name] = made
        BY_NUMPY_FUNCTION.update(dict.fromkeys(made.numpy, made))
        return made

    return define
