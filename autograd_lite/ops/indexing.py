"""Picking entries out, and putting entries in."""

import itertools
from typing import Any

import numpy as np

from autograd_lite.core.notation import LOOSE, Form, Notation, call
from autograd_lite.core.primitive import example, primitive

INDICES = (
    example((3, 4), index=1),
    example((3, 4), index=(slice(None), slice(1, 4, 2))),
    example((3, 4), index=(..., -1)),
    example((3, 4), index=(slice(None, None, -1), None)),
    example((3, 4), index=np.array([2, 0, 2])),
    example((3, 4), index=(np.array([0, 1, 0]), np.array([3, 3, 3]))),
    example((2, 2), index=np.array([[True, False], [True, True]])),
    example((3,), index=()),
)


def may_repeat(index: Any) -> bool:
    """Return whether an index can name the same entry twice: one with integer arrays can."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [p for p in parts if not isinstance(p, (slice, int)) and np.ndim(p)]
    return any((p if hasattr(p, "dtype") else np.asarray(p)).dtype != bool for p in arrays)


def windows_at(index: Any, shape: tuple[int, ...]) -> str:
    """Return the last arguments of the ``sliding_window_view`` that an index is; "" if none."""
    parts = index if isinstance(index, tuple) else (index,)
    there, more = np.shape(parts[0]) if parts else (), len(shape)
    if len(there) <= more or len(parts) != more or any(np.shape(x) != there for x in parts):
        return ""
    entries = np.arange(np.prod(shape)).reshape(shape)
    for axes in itertools.combinations(range(more), len(there) - more):
        size = there[more:]
        if all(shape[i] - n + 1 == there[i] for i, n in zip(axes, size, strict=True)):
            windows = np.lib.stride_tricks.sliding_window_view(entries, size, axes)
            if np.array_equal(windows, entries[index]):
                given = f"{size if len(size) > 1 else size[0]}"
                which = axes if len(axes) > 1 else axes[0]
                return given if len(axes) == more else f"{given}, axis={which}"
    return ""


def _at(operation: Any, index: Any) -> Any:
    """Return an operation, which takes less time, or what looks for symbols in an index, too."""
    return operation if type(index) in (int, slice) else operation.compute


def _picked(g: Any, index: Any) -> Any:
    return g[index] if type(index) in (int, slice) else getitem.compute(g, index=index)


def _one_index(e: Any) -> Any:
    """x[(0,)] -> x[0]."""
    index = e.parameters["index"]
    is_one = isinstance(index, tuple) and len(index) == 1
    return getitem(*e.operands, index=index[0]) if is_one else None


def _past_writes(e: Any) -> Any:
    """Pick what was not written -> pick it from what was there before."""
    x, before = e.operands[0], None
    while not e.positions:
        x = x.meant if x.name == "?" else x
        if x.operation is not assign or x.positions:
            break
        at = np.zeros(x.shape, bool)
        at[x.parameters["index"]] = True
        if at[e.parameters["index"]].any():
            break
        x = before = x.operands[0]
    return None if before is None else getitem(before, index=e.parameters["index"])


def _turned_twice(e: Any) -> Any:
    """x[::-1][::-1] -> x."""
    (x,) = e.operands
    twice = x.operation is getitem and _is_turned(e) and _is_turned(x)
    return x.operands[0] if twice else None


def _is_turned(e: Any) -> bool:
    index = e.parameters["index"]
    return isinstance(index, slice) and index == slice(None, None, -1)


@primitive(
    x=lambda g, y, x, index: _at(scatter_add, index)(g, index=index, shape=x.shape),
    notation=Notation(
        python=Form("{x}[{index}]"), latex=Form("{{{x}}}_{{{index}}}"), text=Form("{x}[{index}]")
    ),
    analytic=True,
    linear=("x",),
    at="reads",
    jax="jnp.asarray({x})[{index}]",
    sentence="{y} is picked out of {x}: the gradient goes back there, and the rest gets 0.",
    simplify=(_one_index, _turned_twice, _past_writes),
    examples=INDICES,
)
def getitem(x: Any, *, index: Any) -> Any:
    """Pick entries by NumPy's basic and advanced indexing."""
    return x[index]


def _one_hot(e: Any) -> Any:
    """One number per row, in the columns that labels say -> the number * np.eye(k)[labels]."""
    (x,), index, shape = e.operands, e.parameters["index"], e.parameters["shape"]
    if not (x.is_number and isinstance(index, tuple) and len(index) == len(shape) > 1):
        return None
    *rows, labels = index
    if not all(isinstance(i, np.ndarray) and i.dtype != bool for i in index):
        return None
    each = zip(rows, np.indices(shape[:-1]), strict=True)
    if labels.shape != shape[:-1] or not all((i == there).all() for i, there in each):
        return None
    number = np.ravel(x.value)
    if number.dtype.kind != "f" or not number.size or (number != number[0]).any():
        return None
    return (x.ratio or float(number[0])) * getitem(type(e)(np.eye(shape[-1])), index=labels)


def _without_axes(e: Any) -> Any:
    """Put back what has further axes only, a reshape, or is turned around: that again."""
    index = e.parameters["index"]
    if _is_turned(e):
        return e.operands[0][index]
    parts = index if isinstance(index, tuple) else (index,)
    moved = all(i is None or i is Ellipsis or (isinstance(i, slice) and i == slice(None))
                for i in parts)  # fmt: skip
    return e.operands[0].reshape(e.shape) if moved else None


@primitive(
    x=lambda g, y, x, index, shape: _picked(g, index),
    notation=call(
        "scatter_add",
        r"\mathrm{{scatter}}_{{{index}}}\left({x:loose}\right)",
        picture="scatter({operands}{parameters})",
    ),
    analytic=True,
    linear=("x",),
    examples=(
        example((4,), index=1, shape=(3, 4)),
        example((3,), index=np.array([2, 0, 2]), shape=(4,)),
        example((3,), index=np.array([True, False, True, True]), shape=(4,)),
    ),
    simplify=(_one_hot, _without_axes),
    whole=True,
    at="adds",
    jax="jnp.zeros({shape}, jnp.result_type({x})).at[{index}].add({x})",
)
def scatter_add(x: Any, *, index: Any, shape: Any) -> Any:
    """Add entries into zeros, at an index: the adjoint of picking them."""
    x = np.asarray(x)
    filled = np.zeros(shape, x.dtype)
    if not may_repeat(index):
        filled[index] = x
    elif x.dtype == np.float64 and x.size >= filled.size:
        # The same sums in the same order, in less than half the time.
        places = np.arange(filled.size).reshape(shape)[index]
        shares = np.broadcast_to(x, places.shape)
        filled = np.bincount(places.ravel(), shares.ravel(), filled.size).reshape(shape)
    else:
        np.add.at(filled, index, x)
    return filled


def _written(g: Any, v: Any, index: Any) -> Any:
    """Cotangent of the entries that were put in; one that was overwritten at once gets none."""
    picked = _picked(g, index)
    if may_repeat(index):
        order = np.arange(picked.size).reshape(picked.shape)
        last = assign.compute(np.zeros_like(g, dtype=int), order, index=index)
        picked = picked * (getitem.compute(last, index=index) == order)
    if picked.ndim < v.ndim:  # NumPy lets values have further leading axes of length 1.
        picked = picked.reshape((1,) * (v.ndim - picked.ndim) + picked.shape)
    return picked


@primitive(
    x=lambda g, y, x, v, index: _at(assign, index)(g, 0.0, index=index),
    v=lambda g, y, x, v, index: _written(g, v, index),
    notation=call(
        "assign",
        r"\left({x:loose}\ \mathrm{{with}}\ [{index}] = {v:loose}\right)",
        picture=Form("{x} with [{index}] = {v:loose}", LOOSE),
    ),
    analytic=True,
    jointly_linear=True,
    examples=(
        example((3, 4), (4,), index=1),
        example((3, 4), (), index=(slice(None), slice(0, 2))),
        example((3, 4), (3, 4), index=np.array([2, 0, 2])),
        example((3,), (1, 2), index=slice(0, 2)),
    ),
    whole=True,
    at="writes",
    jax="jnp.asarray({x}).at[{index}].set({v})",
)
def assign(x: Any, v: Any, *, index: Any) -> Any:
    """Return `x` with the entries at `index` replaced by `v`: what ``x[index] = v`` records."""
    changed = np.array(x)
    if getattr(v, "dtype", changed.dtype).kind == "c" != changed.dtype.kind:
        raise TypeError(
            f"assign got complex numbers to write into {changed.dtype}: their imaginary part would "
            f"be lost. Write np.real(v), or make it complex first: t = t.astype(complex)."
        )
    changed[index] = v
    return changed
