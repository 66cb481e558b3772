"""Hold the derivatives of a function against numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.numerical import central_differences
from autograd_lite.engine import no_grad
from autograd_lite.tensor import Tensor
from autograd_lite.transforms import vjp


class GradcheckError(AssertionError):
    """A derivative differs from the numerical one; the message says where, and by how much."""


def gradcheck(
    f: Callable[..., Any],
    inputs: Sequence[Any] | Any,
    *,
    eps: float | None = None,
    atol: float = 1e-7,
    rtol: float = 1e-6,
    order: int = 1,
    draws: int = 2,
    rng: np.random.Generator | None = None,
    raise_exception: bool = True,
) -> bool:
    """Check the gradients of a function against central differences.

    The result is weighted with random numbers, all different, before it is differentiated: with
    equal weights, a permuted gradient, or a wrong one of softmax, could pass.

    Parameters
    ----------
    f : callable
        Takes arrays, returns an array of any shape.
    inputs : array_like or sequence of array_like
        Where; a sequence gives one array per argument. Converted to float64.
    eps : float, optional
        Step of the differences, for numbers up to 1.
    atol, rtol : float
        What is allowed: ``atol + rtol * |numerical|``, entry by entry.
    order : int
        Also check the derivatives of the derivatives, up to this order.
    draws : int
        How often new weights are drawn.
    rng : numpy.random.Generator, optional
        Draws the weights; by default always the same ones.
    raise_exception : bool
        Whether to raise, or to return False.

    Returns
    -------
    bool
        Whether all agree.

    Raises
    ------
    GradcheckError
        If a gradient is wrong, or of another shape or dtype than its input, or if `f` changes its
        inputs or returns different values for equal ones.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.gradcheck(lambda x, w: al.sigmoid(x @ w), [np.ones((4, 3)), np.zeros((3, 1))], order=2)
    True
    >>> al.gradcheck(lambda x: np.floor(x.numpy()) + x, [1.0], raise_exception=False)
    False
    """
    arrays = [np.array(x, dtype=np.float64) for x in _arguments(inputs)]
    rng = np.random.default_rng(0) if rng is None else rng
    try:
        for level in range(1, order + 1):
            _check_repeatable(f, arrays)
            for _ in range(draws):
                _check_once(f, arrays, rng, (eps, atol, rtol), level)
            f = _gradient_of(f, arrays, rng)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _arguments(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, list | tuple) else [inputs]


def _values(f: Callable[..., Any], arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Compute without recording."""
    with no_grad():
        return np.asarray(f(*map(Tensor, arrays)))


def _check_repeatable(f: Callable[..., Any], arrays: Sequence[NDArray[Any]]) -> None:
    """Refuse a function that changes its inputs, or is random: it has no derivative to check."""
    tensors = [Tensor(x) for x in arrays]
    with no_grad():
        first, second = np.array(f(*tensors)), np.array(f(*tensors))
    for i, (tensor, x) in enumerate(zip(tensors, arrays, strict=True)):
        if not np.array_equal(tensor.data, x, equal_nan=True):
            raise GradcheckError(f"gradcheck: the function changed its input {i} in place.")
    if not np.array_equal(first, second, equal_nan=True):
        raise GradcheckError(
            "gradcheck: the function returned different values for equal inputs. Pass it a "
            "random generator that starts anew at every call."
        )


def _check_once(
    f: Callable[..., Any],
    arrays: Sequence[NDArray[Any]],
    rng: np.random.Generator,
    tolerances: tuple[float | None, float, float],
    order: int,
) -> None:
    """Compare all gradients for one draw of weights."""
    eps, atol, rtol = tolerances
    y, pullback = vjp(f, *arrays)
    weights = rng.normal(size=np.shape(y))
    for i, (x, g) in enumerate(zip(arrays, pullback(weights), strict=True)):
        if np.shape(g) != x.shape or np.asarray(g).dtype != x.dtype:
            raise GradcheckError(
                f"gradcheck: the gradient of input {i} is {np.asarray(g).dtype} {np.shape(g)}, "
                f"but the input is {x.dtype} {x.shape}."
            )

        def weighted(moved: NDArray[Any], i: int = i) -> Any:
            return np.sum(weights * _values(f, [*arrays[:i], moved, *arrays[i + 1 :]]))

        numerical = central_differences(weighted, x, step=eps)
        wrong = ~(np.abs(g - numerical) <= atol + rtol * np.abs(numerical))
        if wrong.any():
            excess = np.where(wrong, np.nan_to_num(np.abs(g - numerical), nan=np.inf), -1.0)
            at = tuple(int(k) for k in np.unravel_index(np.argmax(excess), x.shape))
            by_rules, by_values = np.asarray(g)[at], numerical[at]
            ratio = by_rules / by_values if by_values else np.inf
            which = {1: "first", 2: "second", 3: "third"}.get(order, f"{order}th")
            raise GradcheckError(
                f"gradcheck: the {which} derivative by input {i} of shape {x.shape} is wrong in "
                f"{np.count_nonzero(wrong)} of {x.size} entries, worst at {at}: {by_rules:.10g} by "
                f"the rules, {by_values:.10g} by central differences (ratio {ratio:.6g}); allowed "
                f"is a difference of {atol + rtol * abs(by_values):.2g}."
            )


def _gradient_of(
    f: Callable[..., Any], arrays: Sequence[NDArray[Any]], rng: np.random.Generator
) -> Callable[..., Any]:
    """Return the function of all first derivatives, laid end to end, for one draw of weights."""
    weights = rng.normal(size=_values(f, arrays).shape)

    def gradient(*xs: Any) -> Any:
        _, pullback = vjp(f, *xs)
        return np.concatenate([np.ravel(g) for g in pullback(weights)])

    return gradient
