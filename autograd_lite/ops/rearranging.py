"""Moving, repeating and ordering entries: every entry of the result is one of the operand's, or 0.

Where each comes from is what NumPy itself says, by doing the same to the numbers of the entries.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.core.notation import call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.indexing import scatter_add


def put_back(g: Any, x: Any, move: Callable[[Any], Any]) -> Any:
    """Send every entry of a cotangent to where `move` took it from; -1 is from nowhere.

    What came from nowhere is added to one entry too many, the last, which is then left out.
    """
    numbers = move(np.arange(x.size).reshape(x.shape))
    return scatter_add(g, index=numbers, shape=(x.size + 1,))[:-1].reshape(x.shape)


def _on_diagonal(g: Any, x: Any, offset: int, axis1: int, axis2: int) -> Any:
    """Cotangent of what a diagonal was taken of."""
    if x.ndim == 2 and x.shape[0] == x.shape[1] and g.size and (axis1, axis2) == (0, 1):
        return np.diagflat(g, offset)
    return put_back(g, x, lambda numbers: np.diagonal(numbers, offset, axis1, axis2))


def _opposite(shift: Any) -> Any:
    return tuple(-n for n in shift) if isinstance(shift, tuple | list) else -shift


@primitive(
    x=lambda g, y, x, shift, axis: np.roll(g, _opposite(shift), axis),
    numpy=(np.roll,),
    analytic=True,
    linear=("x",),
    examples=(
        example((5,), shift=2),
        example((2, 3), shift=-1),
        example((2, 3), shift=1, axis=0),
        example((2, 3), shift=(1, -1), axis=(0, 1)),
        example((), shift=1),
    ),
)
def roll(x: Any, *, shift: Any, axis: Any = None) -> Any:
    """Move entries along, those that leave at one end coming in at the other."""
    return np.roll(x, shift, axis)


def _backwards(e: Any) -> Any:
    """Flip a vector -> x[::-1]; ``axis=()`` flips nothing."""
    return e.operands[0][::-1] if e.ndim == 1 and e.parameters["axis"] != () else None


@primitive(
    x=lambda g, y, x, axis: np.flip(g, axis),
    numpy=(np.flip,),
    analytic=True,
    linear=("x",),
    simplify=(_backwards,),
    examples=(
        example((5,)),
        example((2, 3)),
        example((2, 3), axis=0),
        example((2, 3, 2), axis=(0, -1)),
        example(()),
    ),
)
def flip(x: Any, *, axis: Any = None) -> Any:
    """Reverse the order along `axis`, or along all axes."""
    return np.flip(x, axis)


@primitive(
    x=lambda g, y, x, k, axes: np.rot90(g, -k, axes),
    numpy=(np.rot90,),
    analytic=True,
    linear=("x",),
    examples=(example((2, 3)), example((2, 3), k=2), example((2, 3, 4), k=-1, axes=(1, 2))),
)
def rot90(x: Any, *, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Turn by `k` right angles in the plane of two axes."""
    return np.rot90(x, k, axes)


@primitive(
    x=lambda g, y, x, k: np.tril(g, k=k),
    numpy=(np.tril,),
    jax="jnp.where(jnp.tri(*{x}.shape[-2:], k={k}, dtype=bool), {x}, 0)",
    analytic=True,
    linear=("x",),
    examples=(example((3, 3)), example((2, 3), k=1), example((2, 3, 4), k=-1), example((3,))),
)
def tril(x: Any, *, k: int = 0) -> Any:
    """Keep the entries on and below the k-th diagonal; the others are 0."""
    return np.tril(x, k=k)


@primitive(
    x=lambda g, y, x, k: np.triu(g, k=k),
    numpy=(np.triu,),
    jax="jnp.where(jnp.tri(*{x}.shape[-2:], k={k} - 1, dtype=bool), 0, {x})",
    analytic=True,
    linear=("x",),
    examples=(example((3, 3)), example((2, 3), k=1), example((2, 3, 4), k=-1), example((3,))),
)
def triu(x: Any, *, k: int = 0) -> Any:
    """Keep the entries on and above the k-th diagonal; the others are 0."""
    return np.triu(x, k=k)


@primitive(
    x=lambda g, y, x, k: np.diagonal(g, k).reshape(x.shape),
    notation=call(
        "np.diagflat", r"\mathrm{{diag}}\left({x:loose}\right)", text="diag({operands}{parameters})"
    ),
    numpy=(np.diagflat,),
    analytic=True,
    linear=("x",),
    examples=(example((3,)), example((2, 2), k=1), example((3,), k=-2), example(())),
)
def diagflat(x: Any, *, k: int = 0) -> Any:
    """Put entries on the k-th diagonal of a square matrix that else is 0."""
    return np.diagflat(x, k)


@primitive(
    x=lambda g, y, x, offset, axis1, axis2: _on_diagonal(g, x, offset, axis1, axis2),
    numpy=(np.diagonal,),
    analytic=True,
    linear=("x",),
    examples=(
        example((3, 3)),
        example((2, 3), offset=1),
        example((2, 3, 4), offset=-1, axis1=2, axis2=0),
        example((2, 3, 3), axis1=-1, axis2=-2),
    ),
)
def diagonal(x: Any, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Take the entries on a diagonal."""
    return np.diagonal(x, offset, axis1, axis2)


@primitive(
    x=lambda g, y, x, reps: put_back(g, x, lambda numbers: np.tile(numbers, reps)),
    numpy=(np.tile,),
    analytic=True,
    linear=("x",),
    examples=(
        example((3,), reps=2),
        example((2, 3), reps=(2, 1)),
        example((3,), reps=(2, 1, 2)),
        example((), reps=3),
        example((2,), reps=0),
    ),
)
def tile(x: Any, *, reps: Any) -> Any:
    """Lay copies side by side."""
    return np.tile(x, reps)


@primitive(
    x=lambda g, y, x, repeats, axis: put_back(
        g, x, lambda numbers: np.repeat(numbers, repeats, axis)
    ),
    numpy=(np.repeat,),
    analytic=True,
    linear=("x",),
    examples=(
        example((3,), repeats=2),
        example((2, 3), repeats=2),
        example((2, 3), repeats=np.array([0, 3, 1]), axis=1),
        example((), repeats=3),
    ),
)
def repeat(x: Any, *, repeats: Any, axis: Any = None) -> Any:
    """Repeat every entry."""
    return np.repeat(x, repeats, axis)


@primitive(
    x=lambda g, y, x, new_shape: put_back(g, x, lambda numbers: np.resize(numbers, new_shape)),
    numpy=(np.resize,),
    analytic=True,
    linear=("x",),
    examples=(example((3,), new_shape=(2, 2)), example((2, 3), new_shape=(7,))),
)
def resize(x: Any, *, new_shape: Any) -> Any:
    """Fill another shape with the entries, over and over."""
    return np.resize(x, new_shape)


_BORROWED = ("edge", "reflect", "symmetric", "wrap")


def _padded(numbers: Any, pad_width: Any, mode: Any) -> Any:
    """Pad the numbers of entries; with -1 where no entry is put."""
    if mode in _BORROWED:
        return np.pad(numbers, pad_width, mode)
    return np.pad(numbers, pad_width, constant_values=-1)


@primitive(
    x=lambda g, y, x, pad_width, mode, constant_values: put_back(
        g, x, lambda numbers: _padded(numbers, pad_width, mode)
    ),
    numpy=(np.pad,),
    analytic=True,
    examples=(
        example((3,), pad_width=2),
        example((2, 3), pad_width=((1, 0), (2, 1)), constant_values=3.0),
        example((2, 3), pad_width=1, mode="edge"),
        example((4,), pad_width=(2, 3), mode="reflect"),
        example((4,), pad_width=(2, 3), mode="symmetric"),
        example((2, 3), pad_width=((0, 1), (2, 2)), mode="wrap"),
    ),
)
def pad(x: Any, *, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    """Put a border around: of constants, or of entries from the edge on."""
    if mode not in (*_BORROWED, "constant"):
        raise TypeError(
            f"pad has derivatives for the modes constant, {', '.join(_BORROWED)}, and np.pad for "
            f"maximum, mean, median, minimum and linear_ramp; got {mode!r}."
        )
    constant = {"constant_values": constant_values} if mode == "constant" else {}
    return np.pad(x, pad_width, mode, **constant)


def _taken(g: Any, x: Any, indices: Any, axis: Any, mode: Any) -> Any:
    """Send every entry back to the position that it was taken from."""
    if mode != "raise":
        return put_back(g, x, lambda numbers: np.take(numbers, indices, axis, mode=mode))
    if axis is None:
        return scatter_add(g, index=indices, shape=(x.size,)).reshape(x.shape)
    before = (slice(None),) * (axis % max(1, x.ndim))
    index = (*before, indices) if before else indices
    return scatter_add(g, index=index, shape=x.shape)


@primitive(
    x=lambda g, y, x, indices, axis, mode: _taken(g, x, indices, axis, mode),
    numpy=(np.take,),
    analytic=True,
    linear=("x",),
    examples=(
        example((5,), indices=np.array([3, 0, 3])),
        example((2, 3), indices=np.array([[2, 0], [1, 1]]), axis=1),
        example((2, 3), indices=4),
        example((2, 3), indices=np.array([7, -1]), mode="wrap"),
        example((2, 3), indices=np.array([7, -1]), axis=0, mode="clip"),
    ),
)
def take(x: Any, *, indices: Any, axis: Any = None, mode: Any = "raise") -> Any:
    """Take the entries at positions along `axis`, or in the order of all entries."""
    return np.take(x, indices, axis, mode=mode)


def _taken_along(g: Any, x: Any, indices: Any, axis: Any) -> Any:
    """Send every entry back to the position along `axis` that it was taken from."""
    if axis is None:
        return scatter_add(g, index=indices, shape=(x.size,)).reshape(x.shape)
    places: list[Any] = list(np.ogrid[tuple(map(slice, x.shape))])
    places[axis] = indices
    return scatter_add(g, index=tuple(places), shape=x.shape)


@primitive(
    x=lambda g, y, x, indices, axis: _taken_along(g, x, indices, axis),
    numpy=(np.take_along_axis,),
    analytic=True,
    linear=("x",),
    examples=(
        example((2, 3), indices=np.array([[2, 0], [1, 1]])),
        example((2, 3), indices=np.array([[1, 0, 1]]), axis=0),
        example((3,), indices=np.array([2, 2])),
    ),
)
def take_along_axis(x: Any, *, indices: Any, axis: Any = -1) -> Any:
    """Take an entry at each of the positions along `axis`."""
    return np.take_along_axis(x, indices, axis)


def _put_along(g: Any, order: Any, axis: Any, shape: Any) -> Any:
    """Send back what was put in order: where each entry went, it comes from."""
    return np.take_along_axis(g, np.argsort(order, axis, stable=True), axis).reshape(shape)


@primitive(
    # Of equal entries the first gets the first gradient, on every machine.
    x=lambda g, y, x, axis, kind, order, stable: _put_along(
        g, np.argsort(x, axis, stable=True), axis, x.shape
    ),
    numpy=(np.sort,),
    jax="jnp.sort({x}, {axis})",
    examples=(
        example((5,)),
        example((2, 3)),
        example((3, 2), axis=0),
        example((2, 3), axis=None, kind="stable"),
        example((2, 3), stable=True),
    ),
)
def sort(x: Any, *, axis: Any = -1, kind: Any = None, order: Any = None, stable: Any = None) -> Any:
    """Put entries in order of size; each keeps its own derivative."""
    return np.sort(x, axis, kind=kind, order=order, stable=stable)


@primitive(
    # In which order `np.argpartition` would put them may be another one.
    x=lambda g, y, x, kth, axis, kind, order: _put_along(
        np.take_along_axis(g, np.argsort(y, axis, stable=True), axis),
        np.argsort(x, axis, stable=True),
        axis,
        x.shape,
    ),
    numpy=(np.partition,),
    whole=True,
    jax="jnp.sort({x}, {axis})",
    examples=(
        example((5,), kth=2),
        example((2, 4), kth=(0, 2)),
        example((3, 2), kth=1, axis=0),
        example((2, 3), kth=-1, axis=None),
    ),
)
def partition(
    x: Any, *, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    """Put smaller entries before the k-th, and larger ones behind it."""
    return np.partition(x, kth, axis, kind, order)
