"""Operations that users define: the entry is checked, and its functions are guarded.

What is wrong with an entry is said by name when it is defined. The operations of the package go
without, and are held to the same rules by a test.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy import asarray

from autograd_lite import ops
from autograd_lite.core.notation import Choice, Notation, call
from autograd_lite.core.primitive import FIELDS, REGISTRY, Primitive, RuleForEach, register

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


def primitive(
    bare: object = None,
    /,
    *,
    notation: Notation | Choice | None = None,
    numpy: Sequence[Callable[..., Any]] = (),
    domain: Mapping[str, str] | None = None,
    examples: Sequence[tuple[tuple[Any, ...], dict[str, Any]]] = (),
    analytic: bool = False,
    takes_complex: bool = False,
    entrywise: bool | None = None,
    bends: bool = False,
    linear: Sequence[str] = (),
    jointly_linear: bool = False,
    reduces: bool = False,
    stretches: bool = False,
    only_shapes: bool = False,
    packed: bool = False,
    whole: bool = False,
    jax: str = "",
    sentence: str = "",
    simplify: Sequence[Callable[[Any], Any]] = (),
    **rules: Callable[..., Any] | None,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an operation: decorate its NumPy forward pass with one rule per operand.

    Parameters
    ----------
    notation, numpy, domain, examples, analytic, takes_complex, entrywise, bends, \
linear, jointly_linear, reduces, stretches, only_shapes, packed, whole, jax, sentence, simplify
        What else the entry says; all are attributes of `Primitive`, and described there.
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
    fields = {name: given for name, given in locals().items() if name in FIELDS}
    if bare is not None:
        raise PrimitiveDefinitionError(
            f"primitive needs a rule for every operand, got {bare!r} alone. Write "
            f"@primitive(x=lambda g, y, x: ...) above `def f(x): ...`."
        )

    for name, kind, how in (
        ("notation", Notation | Choice | None, "call('f')"),
        ("domain", Mapping | None, "{'x': 'positive'}"),
    ):
        if not isinstance(fields[name], kind):
            raise PrimitiveDefinitionError(
                f"primitive got {name}={fields[name]!r}. Write {name}={how}, for example."
            )

    def define(forward: Callable[..., Any]) -> Primitive:
        if not hasattr(forward, "__code__"):
            raise PrimitiveDefinitionError(
                f"a primitive must be a plain function, whose signature names the operands, got "
                f"{forward!r}. Wrap it: `def name(x): return ...`."
            )
        said = notation or call(forward.__name__)
        made = Primitive(forward, rules, **{**fields, "notation": said})
        check(made, rules)
        if numpy or forward.__name__ in ops.__all__:
            ops.load()  # An operation of the package must neither be missed nor come afterwards.
        known = REGISTRY.get(forward.__name__)
        if known is not None and known.__module__ != forward.__module__:
            raise PrimitiveDefinitionError(
                f"primitive {known.name!r} is already defined in {known.__module__}. "
                f"Give yours another name."
            )
        made.forward = made.compute = _guarded(forward)
        guarded = [rule and _without_writing(rule) for rule in map(rules.get, made.operands)]
        made.rules = RuleForEach(guarded[0]) if made.variadic else tuple(guarded)
        return register(made)

    return define


def check(made: Primitive, rules: Mapping[str, Callable[..., Any] | None]) -> None:
    """Hold the rules of an entry against its signature: names are law."""
    where = f"primitive {made.name!r}"
    star = "*" if made.variadic else ""
    operands = [star + name for name in made.operands]
    signature = f"{made.name}({', '.join((*operands, *made.parameters))})"
    forward = made.forward
    if not made.name.isidentifier():
        raise PrimitiveDefinitionError(
            f"{where} needs a name that Python allows: `def name(x): return ...`."
        )
    if forward.__defaults__ or forward.__code__.co_flags & inspect.CO_VARKEYWORDS:
        raise PrimitiveDefinitionError(
            f"{where}: an operand cannot have a default, and ** is not allowed. Static "
            f"parameters stand behind a star: `def {made.name}(x, *, axis=None)`."
        )
    if made.variadic and forward.__code__.co_argcount:
        raise PrimitiveDefinitionError(
            f"{where} takes named operands and {operands[0]}. Give it either named operands or "
            f"one *starred list of them."
        )
    for name in made.operands:
        if name not in rules:
            others = [repr(other) for other in rules if other not in made.operands]
            but = f", but one for {', '.join(others)}, which is not an operand" if others else ""
            raise PrimitiveDefinitionError(
                f"{where} has no rule for its operand {name!r}{but}. Add `{name}=lambda g, y, "
                f"{', '.join(made.operands)}: ...`, or `{name}=None` if the result does not "
                f"depend on it differentiably."
            )
    for name, rule in rules.items():
        if name in FIELDS and name not in made.operands:
            raise PrimitiveDefinitionError(
                f"{where} got {name!r}, a field of the operations of this package alone. Leave it "
                f"out."
            )
        if name not in made.operands:
            raise PrimitiveDefinitionError(
                f"{where} has a rule for {name!r}, which is not an operand of {signature}. "
                f"Operands are the positional parameters: {', '.join(made.operands)}."
            )
        if rule is None:
            continue
        if not hasattr(rule, "__code__"):
            raise PrimitiveDefinitionError(
                f"{where}: the rule for {name!r} must be a plain function, got {rule!r}."
            )
        # The operands are passed by position, so their order matters; parameters by name.
        static = [*made.parameters, *(["i"] if made.variadic else [])]
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
    for name in made.linear:
        if name not in made.operands:
            raise PrimitiveDefinitionError(
                f"{where}: linear names {name!r}, which is not an operand. Operands are: "
                f"{', '.join(made.operands)}."
            )
    for name, kind in made.domain.items():
        if name not in made.operands or kind not in DOMAINS:
            raise PrimitiveDefinitionError(
                f"{where}: domain {name}={kind!r} must map an operand "
                f"({', '.join(made.operands)}) to one of {', '.join(DOMAINS)}."
            )


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
            return asarray(result)[()]
        dtype = getattr(result, "dtype", None)
        if any(hasattr(x, "__record__") for x in args):
            return result  # Of symbols: the function is being traced.
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
    """Return the parameters of a rule as they are written, and whether it takes ``**``."""
    code = rule.__code__
    names, last = code.co_varnames, code.co_argcount + code.co_kwonlyargcount
    starred = bool(code.co_flags & inspect.CO_VARARGS)
    star = ["*" + names[last]] if starred else ["*"] if code.co_kwonlyargcount else []
    by_name = names[code.co_argcount : last]
    listed = [*names[: code.co_argcount], *star, *by_name]
    return listed, bool(code.co_flags & inspect.CO_VARKEYWORDS)
