"""Check the backward function of a layer, or a Jacobian, that was written by hand."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.compare import compare
from autograd_lite.check.finding import (
    FORWARDS,
    OTHERS,
    SOME_ENTRIES,
    TURNED,
    UNEXPLAINED,
    Diagnosis,
)
from autograd_lite.check.mistakes.backward_steps import always
from autograd_lite.check.mistakes.registry import same
from autograd_lite.check.names import PREFIXES, SUFFIXES
from autograd_lite.check.report import Comparison
from autograd_lite.functional.tracing import require_function
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
        What to call `forward` with. Arrays of floating-point numbers are differentiated by; a bare
        number, as ``eps=1e-5``, only if `backward` has a gradient for it. Whatever else there is,
        running statistics in a dict, say, is passed as a copy, so that it stays as it was.
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
    TypeError
        If `backward` does not take the arguments above.
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
    1 - y stands in place of 1 - y ** 2 at y
    """
    for f in (forward, backward):
        require_function(f, "check_layer", "{0}(forward, backward, inputs)")
    rng = [seed, 1]  # Inputs may come from default_rng(seed).

    def drawn(shapes: Sequence[tuple[int, ...]]) -> list[Array]:
        draw = np.random.default_rng(rng)
        return [draw.normal(size=shape) for shape in shapes]

    return _checked(forward, backward, inputs, drawn, options)


def _checked(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    drawn: Callable[[Sequence[tuple[int, ...]]], list[Array]],
    options: Mapping[str, Any],
) -> Comparison:
    """Check a layer with cotangents that are drawn for the shapes of its results."""
    named = _named(forward, inputs)
    varied = {name: np.asarray(x) for name, x in named.items() if _is_real(x)}
    if not varied:
        raise ValueError("check_layer needs an array of floating-point numbers among the inputs.")
    upstream = next(iter(_parameters(backward)), "dout")

    def arguments(arrays: Sequence[Any]) -> list[Any]:
        moved = dict(zip(varied, arrays, strict=True))
        return [moved[n] if n in moved else copy.deepcopy(x) for n, x in named.items()]

    def result_of(arrays: Sequence[Any]) -> Any:
        returned = forward(*arguments(arrays))
        return returned[0] if isinstance(returned, tuple) else returned

    _same_twice(forward, result_of, list(varied.values()))

    def cotangents(ys: Sequence[Any]) -> list[Array]:
        kinds = [np.dtype(getattr(y, "dtype", np.float64)) for y in ys]
        return [
            g.astype(kind if kind.kind == "f" else np.float64)
            for g, kind in zip(drawn([np.shape(y) for y in ys]), kinds, strict=True)
        ]

    def loss(*arrays: Any) -> Any:
        result = result_of(arrays)
        ys, several = _several(result), isinstance(result, tuple | list)
        terms = []
        for i, (y, g) in enumerate(zip(ys, cotangents(ys), strict=True)):
            name = f"{upstream}[{i}]" if several else upstream
            terms.append(np.sum(y * (Tensor(g, name=name) if isinstance(y, Tensor) else g)))
        return sum(terms[1:], terms[0])

    def backwards(arrays: Sequence[Any]) -> Any:
        used = arguments(arrays)
        returned = forward(*used)
        y, *rest = returned if isinstance(returned, tuple) else (returned, *arguments(arrays))
        given = cotangents([np.asarray(x) for x in _several(y)])
        dout = tuple(given) if isinstance(y, tuple | list) else given[0]
        _must_take(backward, dout, *rest)
        return backward(dout, *rest)

    def by_hand(*arrays: Any) -> dict[str, Any]:
        return _gradients(backwards(arrays), list(varied))

    bare = [name for name in varied if isinstance(named[name], float)]
    if bare and len(bare) < len(varied):
        found = backwards([x.copy(order="K") for x in varied.values()])
        known = _spelled(varied)
        given = {known.get(key) for key in found} if isinstance(found, Mapping) else None
        if len(bare) + len(_several(found)) == len(varied) or given is not None:
            varied = {n: x for n, x in varied.items() if n not in bare or n in (given or ())}

    loss.__wrapped__ = forward  # type: ignore[attr-defined]  # Its variables give the names.
    loss.__name__ = getattr(forward, "__name__", "forward")
    result = compare(loss, by_hand, varied, **options)
    rows = []
    for row in result.rows:
        if row.diagnosis is not None and row.diagnosis.name in OR_TURNED:
            (g, *others) = cotangents(_several(result_of(list(varied.values()))))
            if not others and g.shape == row.by_hand.shape:
                again = result_of([g if name == row.name else x for name, x in varied.items()])
                if same(np.asarray(again), row.by_hand):
                    row = dataclasses.replace(row, diagnosis=_forwards_again(upstream))
        rows.append(row)
    return Comparison(tuple(rows), result.notes)


def _forwards_again(upstream: str) -> Diagnosis:
    return Diagnosis(
        FORWARDS,
        f"{upstream} is sent through the layer forwards, where its transpose belongs",
        OTHERS[FORWARDS],
        f"the layer turns {upstream} into the numbers by hand",
    )


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
    for function in (f, jacobian):
        require_function(function, "check_jacobian", "{0}(f, lambda x: ..., x)")
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

    result = check_layer(f, backward, {"x": x}, seed=seed, **options)
    row = result.rows[0]
    if row.diagnosis is None or row.diagnosis.name == "sign flipped":
        return result
    y = np.asarray(f(x.copy(order="K")))
    if y.shape == x.shape and x.ndim and check_layer(
        f, lambda dy, x: np.tensordot(jacobian(x), dy, axes=dy.ndim), {"x": x}, seed=seed,
        **{**options, "diagnose": False},
    ):  # fmt: skip
        found = Diagnosis(
            TURNED, "the Jacobian is transposed: outputs come first, then inputs", OTHERS[TURNED],
            "with its axes exchanged, it agrees",
        )  # fmt: skip
        return Comparison((dataclasses.replace(row, diagnosis=found),), result.notes)
    if row.diagnosis.name not in (UNEXPLAINED, SOME_ENTRIES) or y.size < 2:
        return result
    for k, place in enumerate(itertools.islice(np.ndindex(y.shape), MOST_ROWS)):
        one = np.eye(1, y.size, k).reshape(y.shape)
        alone = _checked(f, backward, {"x": x}, always([one]), options).rows[0]
        if alone.diagnosis is not None and alone.diagnosis.explained:
            at = place[0] if len(place) == 1 else place
            found = dataclasses.replace(
                alone.diagnosis, title=f"in row {at} of the Jacobian: {alone.diagnosis.title}"
            )
            return Comparison((dataclasses.replace(row, diagnosis=found),), result.notes)
    return result


OR_TURNED = (UNEXPLAINED, "sign flipped in part")
"""What a rotation that is not turned back can be called, too."""

MOST_ROWS = 20
"""How many rows of a Jacobian are looked at one by one, where nothing explains their sum."""


def _named(forward: Callable[..., Any], inputs: Any) -> dict[str, Any]:
    """Return the inputs by name, in the order of the parameters of a function."""
    names = _parameters(forward)
    if isinstance(inputs, Mapping):
        missing = [name for name in names if name in inputs]
        return {n: inputs[n] for n in [*missing, *(k for k in inputs if k not in missing)]}
    if not isinstance(inputs, list | tuple):
        inputs = [inputs]
    names += [f"input {i}" for i in range(len(names), len(inputs))]
    return dict(zip(names, inputs, strict=False))


def _must_take(backward: Callable[..., Any], *given: Any) -> None:
    try:
        signature = inspect.signature(backward)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*given)
    except TypeError:
        raise TypeError(
            f"check_layer calls backward with the cotangent, then with what forward returns after "
            f"its result, or else with the inputs: {len(given)} arguments here. "
            f"backward{signature} does not take that many. Write def backward(dout, cache), or "
            f"give its arguments defaults."
        ) from None


def _parameters(f: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return []


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
        spelled = _spelled(names)
        strange = [key for key in found if key not in spelled]
        if strange:
            raise ValueError(
                f"check_layer: backward returns a gradient called {strange[0]!r}. The inputs are "
                f"{', '.join(names)}; for x, one of x, dx, d_x, grad_x, x_grad is expected."
            )
        return {spelled[key]: g for key, g in found.items() if g is not None}
    if not isinstance(found, list | tuple):
        found = [found]
    if all(g is None for g in found):
        raise ValueError(
            f"check_layer: backward returns no gradient. Return one for each of {', '.join(names)}."
        )
    if len(found) != len(names):
        raise ValueError(
            f"check_layer: backward returns {len(found)} gradients for {len(names)} floating-point "
            f"inputs ({', '.join(names)}). Return one for each, None to leave one out, or a dict."
        )
    return {name: g for name, g in zip(names, found, strict=True) if g is not None}


def _spelled(names: Iterable[str]) -> dict[str, str]:
    """Return for every way to call the gradient of an input the name of that."""
    return {
        spelling: name
        for name in names
        for spelling in (name, *(f"{p}{name}" for p in PREFIXES), *(f"{name}{s}" for s in SUFFIXES))
    }


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
