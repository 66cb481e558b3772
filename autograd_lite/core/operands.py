"""Bare operands in the form that is recorded, and errors that name them."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_lite.core.later import add_spelling
from autograd_lite.core.primitive import Primitive

NUMBERS = frozenset((float, int, bool))


def is_recorder(x: Any) -> bool:
    """Return whether this operand records what is done to it."""
    return hasattr(type(x), "__record__")


def unchanging(x: Any) -> Any:
    """Return what stands for an array, with the entries that it has now, whoever writes to it."""
    return x.__unchanging__() if hasattr(type(x), "__unchanging__") else x


def has_values(x: Any) -> bool:
    """Return whether entries are known: those of a symbol or an expression are not."""
    return not is_recorder(x._value() if hasattr(x, "_birth") else x)


def checked(check: Callable[..., Any], values: Any, *args: Any) -> Any:
    """Return values after a check, which returns them or raises; programs make it at every run."""
    return values.__checked__(check, *args) if is_recorder(values) else check(values, *args)


DRAWS_FROM: ContextVar[Callable[[Any], Any]] = ContextVar("DRAWS_FROM", default=lambda rng: rng)
"""The generator to draw from in place of one: for what is computed again, as it was then."""


def drawn(rng: Any, draw: Callable[[Any], Any], like: Any) -> Any:
    """Return random numbers, ``draw(rng)``; programs draw anew, in this order, at every run."""
    value = like._value() if hasattr(like, "_birth") else like
    if is_recorder(value):
        return value.__drawn__(rng, draw)
    return draw(DRAWS_FROM.get()(rng))


def joined(x: Any, whole: Any = None) -> Any:
    """Return a list of numbers that are not known as one array; anything else as it is.

    With a Tensor in it, it is refused: NumPy would take its value and lose its gradient.
    """
    whole = x if whole is None else whole
    for part in x if isinstance(x, list | tuple) else ():
        if hasattr(type(part), "__joined__"):
            return part.__joined__(whole)
        if is_recorder(part):
            raise TypeError(
                f"A {type(x).__name__} of Tensors would lose their gradients. "
                f"Join them with np.stack([...]) or np.concatenate([...])."
            )
        if (found := joined(part, whole)) is not part:
            return found
    return x


def refuse_other_arrays(x: Any, where: str) -> None:
    """Refuse what is more than an array of numbers: with a mask, labels, or another ``*``."""
    if type(x) is np.ndarray or not hasattr(x, "shape"):
        return
    if hasattr(x, "tocsr"):
        raise TypeError(
            f"{where} got a sparse matrix. Write al.scipy.sparse.matmul(a, t) for a @ t; for "
            f"anything else, a.toarray()."
        )
    if not isinstance(x, np.ndarray):
        return
    if hasattr(x, "_mask"):
        raise TypeError(
            f"{where} got a masked array, and would drop its mask. Say what masked entries count "
            f"as: m.filled(0.0); or leave them out: np.sum(t, where=~m.mask)."
        )
    if isinstance(x, np.matrix):
        raise TypeError(
            f"{where} got an np.matrix, whose * is a product of matrices. Convert it first, with "
            f"np.asarray(m), and write @ for that product."
        )


def constant(x: Any, primitive: Primitive) -> Any:
    """Return a bare operand in a form that nobody can change afterwards.

    Python numbers stay what they are: they take on the other operand's dtype.
    """
    kind = type(x)
    if kind is not np.ndarray:
        if kind in NUMBERS or kind is complex or is_recorder(x):
            return unchanging(x)
        if (found := joined(x)) is not x:
            return found
        refuse_other_arrays(x, primitive.name)
    array = np.asarray(x)
    check_numbers(array, primitive.name, x)
    if array.ndim == 0:
        return array[()]
    # Only an array that owns its data and is locked is safe from its owner.
    return array.copy("K") if array.flags.writeable or array.base is not None else array


def does_it(x: Any, method: str) -> bool:
    """Return whether an operand that is not an array of numbers has a method for an operation."""
    no_array = not isinstance(x, Number | Sequence) and not hasattr(x, "shape")
    return no_array and hasattr(type(x), method)


def numbers(given: Any, dtype: DTypeLike | None, where: str) -> NDArray[Any]:
    """Copy what is given into an array of numbers, of its own dtype if none is asked for."""
    if is_recorder(given):  # What stands for an array while a function is traced.
        symbol: NDArray[Any] = unchanging(given)
        return symbol if dtype is None else symbol.astype(known_dtype(dtype, where))
    if (found := joined(given)) is not given:
        return numbers(found, dtype, where)
    if hasattr(given, "_mask"):
        refuse_other_arrays(given, where)
    dtype = dtype if dtype is None else known_dtype(dtype, where)
    try:
        array = np.array(given, dtype)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        text = repr(given)
        shown = text if len(text) < 60 else f"a {type(given).__name__}"
        raise kind(f"{where} needs a number or an array of numbers, got {shown}: {error}") from None
    check_numbers(array, where, given)
    return array


def known_dtype(dtype: DTypeLike, where: str) -> np.dtype[Any]:
    """Return a dtype that was asked for."""
    if isinstance(dtype, bool):
        raise TypeError(f"{where} got dtype={dtype}, by position. Write keepdims={dtype}.")
    try:
        return np.dtype(dtype)
    except TypeError:
        raise TypeError(
            f"{where} got dtype={dtype!r}, which NumPy does not know. Write, for instance, "
            f"dtype=float or dtype=np.float32."
        ) from None


def owned(value: Any) -> Any:
    """Return an array, or number, that nobody else holds."""
    return value.astype(value.dtype) if is_recorder(value) else np.array(value)[()]


def check_numbers(array: NDArray[Any], where: str, given: Any) -> None:
    """Raise a TypeError if an array is not made of numbers."""
    if array.dtype.kind not in "biufc":
        missing = array.dtype.kind == "O" and any(x is None for x in array.flat)
        fix = (
            "None is not a number: leave it out, or write what it stands for."
            if missing
            else "Convert it first, e.g. np.asarray(x, dtype=float)."
        )
        raise TypeError(
            f"{where} needs numbers, got {type(given).__name__} of dtype {array.dtype}. {fix}"
        )


def complex_like(z: complex, x: Any) -> Any:
    """Return a complex number in the precision of the other operand.

    Python computes with its own numbers and with NumPy's scalars, and the result is its own.
    """
    return np.result_type(x, 1j).type(z)


def refuse_complex(primitive: Primitive, values: Sequence[Any]) -> None:
    """Refuse complex operands of an operation whose rules are for real numbers only."""
    for value in values:
        if getattr(value, "dtype", None) is not None and value.dtype.kind == "c":
            raise TypeError(
                f"{primitive.name} has no derivative for complex numbers, got an operand of dtype "
                f"{value.dtype}. Apply it to np.real(t), np.imag(t) or np.abs(t), or to "
                f"t.detach() for the value alone."
            )


def explained(
    error: Exception, primitive: Primitive, values: Sequence[Any], parameters: dict[str, Any] | None
) -> Exception:
    """Name the operation and its operands in an error that NumPy raised inside a forward pass."""
    if isinstance(error, TypeError):
        add_spelling(error, primitive.forward)
    message = str(error)
    if message.startswith(primitive.name):
        return error  # The operation's own message says it already.
    names = (
        [f"{primitive.operands[0]}[{i}]" for i in range(len(values))]
        if primitive.variadic
        else primitive.operands
    )
    got = [f"{name}: {np.shape(value)}" for name, value in zip(names, values, strict=False)]
    got += [f"{name}={value!r}" for name, value in (parameters or {}).items()]
    reason = message
    if "broadcast" in message:
        reason = (
            "the shapes do not broadcast. Counted from the right, the lengths of the axes must be "
            "equal or 1; reshape one operand, or insert an axis with t[:, None]."
        )
    message = f"{primitive.name} got {', '.join(got)}: {reason}"
    try:
        return type(error)(message)
    except TypeError:  # It is made from something other than a message.
        kinds = (kind for kind in (IndexError, ValueError) if isinstance(error, kind))
        return next(kinds, TypeError)(message)
