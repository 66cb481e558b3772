"""Batches of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.core.later import names_its_arguments
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.functional.settings import check_counts
from autograd_lite.tensor import Tensor


@names_its_arguments
def batches(
    X: Any,  # noqa: N803  (as everybody writes it)
    y: Any = None,
    batch_size: int = 32,
    rng: np.random.Generator | None = None,
    *,
    drop_last: bool = False,
) -> Iterator[Any]:
    """Return the rows in batches, each once: one pass over the data.

    Parameters
    ----------
    X, y : array, or dict, list or tuple of arrays
        Rows along the first axis, as many in all of them. Without `y`, a batch is one of `X` alone.
    batch_size : int
        The number of rows of a batch; the last may be smaller.
    rng : numpy.random.Generator, optional
        Shuffles the rows. Without, they come in their order.
    drop_last : bool
        Whether to leave out a last batch that is smaller.

    Yields
    ------
    tuple
        The same rows of `X` and of `y`, which are copies; without `y`, those of `X`.

    Raises
    ------
    TypeError
        If the batch size is not an integer, `rng` is not a generator, or a Tensor that requires a
        gradient is among the data.
    ValueError
        If the numbers of rows differ, or the batch size is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> X, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> for rows, labels in al.data.batches(X, y, 2, np.random.default_rng(0)):
    ...     print(rows.tolist(), labels.tolist())
    [[4, 5], [8, 9]] [2, 4]
    [[6, 7], [0, 1]] [3, 0]
    [[2, 3]] [1]
    """
    if isinstance(y, int | np.integer):
        raise TypeError(f"batches needs arrays as X and y, got y={y}. Write batch_size={y}.")
    check_counts("batches", batch_size=batch_size)
    if rng is not None and not hasattr(rng, "permutation"):
        raise TypeError(
            f"batches needs a numpy.random.Generator, got rng={rng!r}. Write "
            f"rng=np.random.default_rng(0), and the same one for every pass."
        )
    whole = X if y is None else (X, y)
    arrays = [_array(part) for part in leaves_of(whole)]
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1:
        raise ValueError(f"batches needs as many rows in all arrays, got {lengths}.")
    return _cut(whole, arrays, int(batch_size), rng, drop_last)


def _array(part: Any) -> Any:
    if isinstance(part, Tensor):
        if part.requires_grad:
            raise TypeError(
                "batches would lose the gradient of a Tensor among the data. Write t.detach(), or "
                "take rows of it in the loop: t[rows]."
            )
        part = part.numpy()
    array = np.asarray(part)
    if not array.ndim:
        raise ValueError(
            f"batches needs arrays of rows, got the single number {array}. Write np.array(X)."
        )
    return array


def _cut(
    whole: Any, arrays: list[Any], size: int, rng: np.random.Generator | None, drop_last: bool
) -> Iterator[Any]:
    count = len(arrays[0])
    order = np.arange(count) if rng is None else rng.permutation(count)
    for start in range(0, count - size + 1 if drop_last else count, size):
        rows = order[start : start + size]
        yield rebuild(whole, [array[rows] for array in arrays])
