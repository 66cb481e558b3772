"""What writes into an array: into a Tensor, it is a recorded write, ``t[i] = v``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.core.operands import is_recorder
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION
from autograd_lite.numpy_api.arguments import frozen_index
from autograd_lite.numpy_api.table import as_array, composes, untyped, values_of

NO_GRADIENT = (
    "{name} writes into an array, which has no gradient. Make the array a Tensor, a = "
    "al.Tensor(a), and write into that; for an array that is full of t, np.broadcast_to(t, shape)."
)

WRITING: set[Any] = set()
"""The functions whose first argument is written to."""


def needs_gradient(*xs: Any) -> bool:
    """Return whether there is a Tensor that requires a gradient, in lists and tuples too."""
    return any(
        needs_gradient(*x) if isinstance(x, list | tuple) else getattr(x, "requires_grad", False)
        for x in xs
    )


def written(out: Any, result: Any, name: str, casting: str = "same_kind") -> Any:
    """Write a result into a Tensor, if its type may be converted."""
    result = as_array(result)
    if not np.can_cast(result.dtype, out.dtype, casting):  # type: ignore[arg-type]  # NumPy's word.
        raise TypeError(
            f"{name}: cannot write {result.dtype} into a Tensor of dtype {out.dtype} by the rule "
            f"{casting!r}. Convert one of them first, with t.astype(...)."
        )
    out[...] = result
    return out


def _into(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compose a function whose first argument is written to; an array takes bare values only."""

    def decorate(write: Callable[..., Any]) -> Callable[..., Any]:
        WRITING.add(function)
        name = f"np.{function.__name__}"

        @composes(function)
        def composed(a: Any, *args: Any, **kwargs: Any) -> None:
            if is_recorder(a):
                write(a, *args, **kwargs)
            elif needs_gradient(*args, *kwargs.values()):
                raise TypeError(NO_GRADIENT.format(name=name))
            else:
                function(a, *map(values_of, args), **{k: values_of(v) for k, v in kwargs.items()})

        return composed

    return decorate


@_into(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Write everywhere, or where a condition holds."""
    src = as_array(src)
    if values_of(where) is not True:
        old = dst.astype(src.dtype) if src.dtype != dst.dtype else dst
        src = ops.where(values_of(where), src, old)
    written(dst, src, "np.copyto", casting)


def _at(a: Any, positions: Any) -> Any:
    """Return an index for positions that count through all entries."""
    return np.unravel_index(positions, a.shape)


@_into(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """Write to positions that are counted through all entries; few values come again."""
    positions = np.asarray(values_of(ind)).ravel()
    if positions.size:
        numbers = untyped.take(np.arange(a.size), positions, mode=mode)
        a[_at(a, numbers)] = np.resize(as_array(v), numbers.shape)


@_into(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write where a mask holds, one value after the other."""
    numbers = np.flatnonzero(values_of(mask))
    if numbers.size:
        arr[_at(arr, numbers)] = np.resize(as_array(vals), numbers.shape)


@_into(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write where a mask holds, the values that are there."""
    numbers = np.flatnonzero(values_of(mask))
    a[_at(a, numbers)] = np.resize(as_array(values), (a.size,))[numbers]


@_into(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """Write to an entry at each of the positions along an axis."""
    numbers = np.arange(arr.size).reshape(arr.shape)
    picked = np.take_along_axis(numbers, np.asarray(values_of(indices)), axis)
    arr[_at(arr, picked)] = values


@_into(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write to the diagonal."""
    numbers = np.zeros(a.shape, int)
    np.fill_diagonal(numbers, 1, wrap)
    on = np.flatnonzero(numbers)
    a[_at(a, on)] = np.resize(as_array(val), on.shape)


# ---------------------------------------------------------------- universal functions

_HARMLESS = {"above one": 2.0, "probability": 0.5}
"""A number from the middle of a domain, where it is not 1."""


def harmless(ufunc: np.ufunc, inputs: tuple[Any, ...], where: Any) -> list[Any]:
    """Replace entries that are not computed with: not even their derivatives may be infinite."""
    entry = BY_NUMPY_FUNCTION.get(ufunc)
    domains = [entry.domain[name] for name in entry.operands] if entry else ["real"] * len(inputs)
    return [
        ops.where(where, x, np.asarray(_HARMLESS.get(domain, 1.0), as_array(x).dtype))
        for x, domain in zip(inputs, domains, strict=True)
    ]


def into_out(
    ufunc: np.ufunc, compute: Callable[..., Any], inputs: tuple[Any, ...], out: Any, where: Any,
    name: str,
) -> Any:  # fmt: skip
    """Compute a universal function and write the result into a Tensor, where a condition holds."""
    where = values_of(where)
    if where is True:
        return written(out, compute(*inputs), name)
    result = compute(*harmless(ufunc, inputs, where))
    shape = np.broadcast_shapes(result.shape, np.shape(where))
    if shape != out.shape:
        raise ValueError(f"{name}: the result of shape {shape} does not fit out= of {out.shape}.")
    old = out if out.dtype == result.dtype else out.astype(result.dtype)
    return written(out, ops.where(where, result, old), name)


def at(ufunc: np.ufunc, a: Any, indices: Any, *more: Any) -> None:
    """Do what ``ufunc.at`` does: positions that come again are computed with again, in order."""
    name = f"np.{ufunc.__name__}.at"
    if not is_recorder(a):
        if needs_gradient(*more):
            raise TypeError(
                NO_GRADIENT.format(name=name) + " Sums are np.bincount(i, weights=t), too."
            )
        ufunc.at(a, values_of(indices), *map(values_of, more))
        return
    numbers = np.arange(a.size).reshape(a.shape)[frozen_index(indices)]
    more = tuple(np.broadcast_to(as_array(b), numbers.shape).reshape(-1) for b in more)
    numbers = numbers.reshape(-1)
    if ufunc in (np.add, np.subtract) and more:
        total = ops.scatter_add(more[0], index=numbers, shape=(a.size,)).reshape(a.shape)
        written(a, ufunc(a, total), name)
        return
    order = np.argsort(numbers, kind="stable")
    ranked = numbers[order]
    first = np.searchsorted(ranked, ranked)
    turns = np.empty(numbers.shape, int)  # How often a position was there before.
    turns[order] = np.arange(len(numbers)) - first
    for turn in range(int(turns.max(initial=-1)) + 1):
        chosen = np.flatnonzero(turns == turn)
        place = _at(a, numbers[chosen])
        a[place] = ufunc(a[place], *(b[chosen] for b in more))
