"""What `gradcheck` checks: a function of arrays, and the entries that are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.modes import no_grad
from autograd_lite.functional.nests import flatten, leaves_of, rebuild
from autograd_lite.tensor import Tensor

Array = NDArray[Any]


WHICH = {1: "first", 2: "second", 3: "third"}


class GradcheckError(AssertionError):
    """A derivative differs from the numerical one; the message says where, and by how much."""


class Checked:
    """What `gradcheck` returns: true if all that was compared agrees; it prints what was.

    Attributes
    ----------
    message : str
        What is wrong; empty if nothing is.
    sampled : dict of str to tuple of int
        For every input too large to look at each entry, by name: how many entries were looked at,
        and how many it has.
    """

    def __init__(self, message: str, sampled: dict[str, tuple[int, int]]) -> None:
        self.message, self.sampled = message, sampled

    def __bool__(self) -> bool:
        return not self.message

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Checked):
            return (self.message, self.sampled) == (other.message, other.sampled)
        return bool(self) == other

    __hash__ = None  # type: ignore[assignment]  # Equal to True and to others, so in no set.

    def __repr__(self) -> str:
        said = [
            f"{few:,} of {all:,} entries of {name}" for name, (few, all) in self.sampled.items()
        ]
        drawn = f" (drawn at random: {', '.join(said)}; the rest along directions)" if said else ""
        return f"{bool(self)}{drawn}"


@dataclass(frozen=True)
class Check:
    """What is checked, and how strictly."""

    f: Callable[..., list[Any]]  # Returns the leaves of the result.
    arrays: Sequence[Array]
    names: Sequence[str]
    rng: np.random.Generator
    eps: float | None
    atol: float | None
    rtol: float | None
    order: int = 1
    rounded: float = 0.0  # What is rounded off at 1 inside of the function; 0: as in float64.

    @property
    def derivative(self) -> str:
        """What the messages call it."""
        return f"{WHICH.get(self.order, f'{self.order}th')} derivative"

    @property
    def strict(self) -> bool:
        """Whether the caller says what is allowed, or how to differentiate."""
        return not self.eps is self.atol is self.rtol is None


def is_array_like(x: Any) -> bool:
    """Return whether a list holds nothing but numbers, as one array."""
    return isinstance(x, list | tuple) and all(
        isinstance(leaf, bool | int | float) for leaf in leaves_of(x)
    )


def flattened(
    f: Callable[..., Any], arguments: list[Any], names: list[str]
) -> tuple[Callable[..., list[Any]], list[Any], list[str]]:
    """Return a function of nests as one of arrays, which returns a list; its inputs, their names.

    Inside a nest, only floating-point arrays are inputs; indices and names stay as they are.
    """
    leaves: list[Any] = []
    places: list[int] = []
    labels: list[str] = []
    for name, argument in zip(names, arguments, strict=True):
        for path, x in flatten(argument):
            if not path or kind_of(x) == "f":
                places.append(len(leaves))
                labels.append(name + path)
            leaves.append(x)

    def flat(*values: Any) -> list[Any]:
        filled = list(leaves)
        for place, x in zip(places, values, strict=True):
            filled[place] = x
        result = f(*rebuild(arguments, filled))
        found = [y for y in leaves_of(result) if y is not None]
        if not found or any(kind_of(y) not in "biufc" for y in found):
            raise TypeError(f"gradcheck: {flat.__name__} must return numbers, got {result!r}.")
        if any(kind_of(x) == "c" for x in values):  # A complex step.
            return found
        parts = [(np.real(y), np.imag(y)) if kind_of(y) == "c" else (y,) for y in found]
        return [y for pair in parts for y in pair]

    flat.__name__ = getattr(f, "__name__", "the function")
    return flat, [array_of(leaves[place]) for place in places], labels


def kind_of(x: Any) -> str:
    """Return the letter of a type."""
    return str(x.dtype.kind if isinstance(x, Tensor) else np.asarray(x).dtype.kind)


def array_of(x: Any) -> Array:
    """Return the values of a tensor or of what NumPy takes for an array."""
    return np.asarray(x.data if isinstance(x, Tensor) else x)


def lying_like(x: Array, entries: Any) -> Array:
    """Return numbers that lie in memory as an array does: a function may look at that."""
    made = np.empty_like(x, dtype=np.float64)
    made[...] = entries
    return made


def values_of(f: Callable[..., list[Any]], arrays: Sequence[Array]) -> list[Array]:
    """Compute without recording."""
    with no_grad(), np.errstate(all="ignore"):
        return [array_of(y) for y in f(*map(Tensor, arrays))]


def inner(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """Return the scalar product of two lists of arrays."""
    return sum(np.sum(a * b) for a, b in zip(left, right, strict=True))


def joined(parts: Sequence[Any]) -> Array:
    """Lay all entries end to end."""
    return np.concatenate([np.ravel(part) for part in parts] or [np.zeros(0)])


MOST_WORK, FEWEST_ENTRIES, MOST_ENTRIES = 2e7, 20, 5000
"""How many numbers are computed for the entries of one input; and how few, and many, of them."""


def entries_of(x: Array, arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    """Return the entries of an input to differentiate by: all, or some drawn at random."""
    work = MOST_WORK / max(1, sum(other.size for other in arrays))
    most = int(max(FEWEST_ENTRIES, min(MOST_ENTRIES, work)))
    if x.size <= most:
        return list(np.ndindex(x.shape))
    drawn = np.sort(np.random.default_rng(x.size).choice(x.size, most, replace=False))
    return [tuple(map(int, at)) for at in zip(*np.unravel_index(drawn, x.shape), strict=True)]
