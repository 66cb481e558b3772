"""Check the backward function of a layer, or a Jacobian, that was written by hand."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.alignment import PREFIXES, SUFFIXES
from autograd_lite.check.compare import compare
from autograd_lite.check.report import Comparison
from autograd_lite.tensor import Tensor

Array = NDArray[Any]


def check_layer(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    *,
    seed: int = 0,
    **options: Any,
) -> Comparison:
    r"""Check a backward function that was written by hand against its forward function.

    The layer is made a loss by a random cotangent :math:`\bar y` of the shape of its result,
    :math:`L = \sum \bar y \odot \mathrm{forward}(x)`: then ``backward(dout)`` must give the
    gradients of :math:`L`. With equal cotangents, a gradient in another order could pass.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs)`` returns an array, or a pair of it and a cache of any kind. In place of
        the array, a tuple of several, as in ``((h, c), cache)``.
    backward : callable
        ``backward(dout, cache)``, with a tuple of cotangents for a tuple of results; without a
        cache, ``backward(dout, *inputs)``. Returns the gradient of the only floating-point input;
        a sequence with one for each of them, in their order (None leaves one out); or a mapping by
        name (``dx``, ``d_x``, ``x_grad``).
    inputs : mapping or sequence
        What to call `forward` with. Arrays of floating-point numbers are differentiated by.
        Whatever else there is, running statistics in a dict, say, is passed as a copy, so that it
        stays as it was.
    seed : int
        Of the cotangent.
    **options
        As in `compare`: `rtol`, `atol`, `kinks`, `diagnose`.

    Returns
    -------
    Comparison
        As from `compare`, with the mistake by name. If `forward` cannot be recorded, since it
        fills a bare array entry by entry, the numbers alone decide, and a note says so.

    Raises
    ------
    ValueError
        If `forward` gives another result when it is called again, as unseeded dropout does, or
        no input is floating-point, or `backward` returns another number of gradients.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> def forward(x, w):
    ...     y = np.tanh(x @ w)
    ...     return y, (x, w, y)
    >>> def backward(dy, cache):
    ...     x, w, y = cache
    ...     dz = dy * (1 - y)
    ...     return dz @ w.T, x.T @ dz
    >>> rng = np.random.default_rng(0)
    >>> inputs = {"x": rng.normal(size=(5, 3)), "w": rng.normal(size=(3, 2))}
    >>> result = al.check_layer(forward, backward, inputs)
    >>> bool(result), result["x"].verdict
    (False, 'by hand is wrong')
    >>> print(result["x"].diagnosis)
    the factor 1 + y is missing
    """
    named = _named(forward, inputs)
    varied = {name: np.asarray(x) for name, x in named.items() if _is_real(x)}
    if not varied:
        raise ValueError("check_layer needs an array of floating-point numbers among the inputs.")

    def arguments(arrays: Sequence[Any]) -> list[Any]:
        moved = dict(zip(varied, arrays, strict=True))
        return [moved[n] if n in moved else copy.deepcopy(x) for n, x in named.items()]

    def result_of(arrays: Sequence[Any]) -> Any:
        returned = forward(*arguments(arrays))
        return returned[0] if isinstance(returned, tuple) else returned

    _same_twice(forward, result_of, list(varied.values()))

    def cotangents(ys: Sequence[Any]) -> list[Array]:
        rng = np.random.default_rng(seed)
        kinds = [np.dtype(getattr(y, "dtype", np.float64)) for y in ys]
        return [
            rng.normal(size=np.shape(y)).astype(kind if kind.kind == "f" else np.float64)
            for y, kind in zip(ys, kinds, strict=True)
        ]

    def loss(*arrays: Any) -> Any:
        ys = _several(result_of(arrays))
        terms = [np.sum(y * weights) for y, weights in zip(ys, cotangents(ys), strict=True)]
        return sum(terms[1:], terms[0])

    def by_hand(*arrays: Any) -> dict[str, Any]:
        used = arguments(arrays)
        returned = forward(*used)
        y, *rest = returned if isinstance(returned, tuple) else (returned, *arguments(arrays))
        given = cotangents([np.asarray(x) for x in _several(y)])
        found = backward(tuple(given) if isinstance(y, tuple | list) else given[0], *rest)
        return _gradients(found, list(varied))

    loss.__wrapped__ = forward  # type: ignore[attr-defined]  # Its variables give the names.
    loss.__name__ = getattr(forward, "__name__", "forward")
    return compare(loss, by_hand, varied, **options)


def check_jacobian(
    f: Callable[..., Any], jacobian: Callable[..., Any], x: Any, *, seed: int = 0, **options: Any
) -> Comparison:
    """Check a Jacobian that was written by hand of a function with an array as its result.

    Parameters
    ----------
    f : callable
        Of one array.
    jacobian : callable
        ``jacobian(x)`` returns an array of shape ``f(x).shape + x.shape``.
    x : array
        Where.
    seed : int
        Of the random weights with which the entries of the result are summed.
    **options
        As in `compare`.

    Raises
    ------
    ValueError
        If the Jacobian has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> def softmax(x):
    ...     e = np.exp(x)
    ...     return e / np.sum(e)
    >>> def jacobian(x):
    ...     p = softmax(x)
    ...     return np.diag(p) - np.outer(p, p)
    >>> bool(al.check_jacobian(softmax, jacobian, np.array([0.5, -1.0, 2.0])))
    True
    """
    x = np.array(x, dtype=float)

    def backward(dy: Array, x: Array) -> Array:
        found = np.asarray(jacobian(x.copy(order="K")), dtype=float)
        if found.shape != dy.shape + x.shape:
            turned = found.shape == x.shape + dy.shape
            hint = " It is transposed: outputs come first." if turned else ""
            raise ValueError(
                f"check_jacobian: the Jacobian has the shape {found.shape}, but that of the result "
                f"followed by that of x is {dy.shape + x.shape}.{hint}"
            )
        return np.tensordot(dy, found, axes=dy.ndim)

    return check_layer(f, backward, {"x": x}, seed=seed, **options)


def _named(forward: Callable[..., Any], inputs: Any) -> dict[str, Any]:
    """Return the inputs by name, in the order of the parameters of a function."""
    try:
        names = list(inspect.signature(forward).parameters)
    except (TypeError, ValueError):
        names = []
    if isinstance(inputs, Mapping):
        missing = [name for name in names if name in inputs]
        return {n: inputs[n] for n in [*missing, *(k for k in inputs if k not in missing)]}
    if not isinstance(inputs, list | tuple):
        inputs = [inputs]
    names += [f"input {i}" for i in range(len(names), len(inputs))]
    return dict(zip(names, inputs, strict=False))


def _is_real(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.floating | float | Tensor) and (
        np.asarray(x.data if isinstance(x, Tensor) else x).dtype.kind == "f"
    )


def _several(y: Any) -> list[Any]:
    """Return the results of a layer that has one or several."""
    return list(y) if isinstance(y, tuple | list) else [y]


def _same_twice(
    forward: Callable[..., Any], result_of: Callable[..., Any], arrays: list[Array]
) -> None:
    twice = (_several(result_of([x.copy(order="K") for x in arrays])) for _ in range(2))
    if not all(
        np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)
        for a, b in zip(*twice, strict=True)
    ):
        name = getattr(forward, "__name__", "forward")
        raise ValueError(
            f"check_layer: {name} gives another result when it is called again with the same "
            f"inputs, so it has no derivative to check. Does it draw random numbers? Draw them "
            f"before, and pass the mask, or make a generator with a fixed seed inside."
        )


def _gradients(found: Any, names: list[str]) -> dict[str, Any]:
    """Return gradients by the name of the input that each belongs to."""
    if isinstance(found, Mapping):
        spelled = {
            spelling: name
            for name in names
            for spelling in (
                name,
                *(f"{p}{name}" for p in PREFIXES),
                *(f"{name}{s}" for s in SUFFIXES),
            )
        }
        strange = [key for key in found if key not in spelled]
        if strange:
            raise ValueError(
                f"check_layer: backward returns a gradient called {strange[0]!r}. The inputs are "
                f"{', '.join(names)}; for x, one of x, dx, d_x, grad_x, x_grad is expected."
            )
        return {spelled[key]: g for key, g in found.items() if g is not None}
    if not isinstance(found, list | tuple):
        found = [found]
    if len(found) != len(names):
        raise ValueError(
            f"check_layer: backward returns {len(found)} gradients for {len(names)} floating-point "
            f"inputs ({', '.join(names)}). Return one for each, None to leave one out, or a dict."
        )
    return {name: g for name, g in zip(names, found, strict=True) if g is not None}


def assert_gradients(loss: Any, by_hand: Any, inputs: Any = None, **options: Any) -> None:
    """Compare, and raise with the table and the mistakes unless all agrees: for a test.

    Parameters
    ----------
    loss, by_hand, inputs, **options
        As in `compare`.

    Raises
    ------
    DisagreementError
        An AssertionError.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> def test_my_formula():
    ...     al.assert_gradients(
    ...         lambda x: np.sum(x**3), lambda x: {"x": 3 * x**2}, [np.array([1.0, 2.0])]
    ...     )
    >>> test_my_formula()
    """
    __tracebackhide__ = True
    compare(loss, by_hand, inputs, **options).assert_ok()
