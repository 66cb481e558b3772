"""Hold the derivatives of a function against numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.module_function import with_parameters
from autograd_lite.check.numerical import central_differences, complex_step, swept_differences
from autograd_lite.core.modes import no_grad
from autograd_lite.functional.tracing import require_function
from autograd_lite.functional.transforms import jvp, vjp
from autograd_lite.graph import Graph
from autograd_lite.nn.module import Module
from autograd_lite.tensor import Tensor

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

Array = NDArray[Any]

Mode = Literal["rev", "fwd"]
MODES: tuple[Mode, ...] = ("rev", "fwd")

WHICH = {1: "first", 2: "second", 3: "third"}


class GradcheckError(AssertionError):
    """A derivative differs from the numerical one; the message says where, and by how much."""


@dataclass(frozen=True)
class _Check:
    """What is checked, and how strictly."""

    f: Callable[..., Any]
    arrays: Sequence[Array]
    names: Sequence[str]
    rng: np.random.Generator
    eps: float | None
    atol: float | None
    rtol: float | None
    order: int = 1

    @property
    def derivative(self) -> str:
        """What the messages call it."""
        return f"{WHICH.get(self.order, f'{self.order}th')} derivative"


class _Checker(Protocol[P, R_co]):
    """A function with the test of itself as an attribute."""

    __name__: str
    selftest: Callable[[], dict[str, str]]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Check."""


def _checker(function: Callable[P, R_co]) -> _Checker[P, R_co]:
    return cast(_Checker[P, R_co], function)


@_checker
def gradcheck(
    f: Callable[..., Any] | Module,
    inputs: Sequence[Any] | Any,
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    order: int = 1,
    modes: Sequence[Mode] = MODES,
    draws: int = 2,
    rng: np.random.Generator | None = None,
    raise_exception: bool = True,
) -> bool:
    """Check the derivatives of a function against numerical ones.

    The result is weighted with random numbers, all different, before it is differentiated: with
    equal weights, a permuted gradient, or a wrong one of softmax, could pass. The numbers come from
    the complex step, which has no cut-off and no rounding, where the function turns out to be
    analytic; else from central differences, where they are in doubt with several steps.

    Parameters
    ----------
    f : callable or Module
        Takes arrays, returns an array of any shape. Of a module, the derivatives by its parameters
        are checked as well.
    inputs : array_like or sequence of array_like
        Where; a sequence gives one array per argument. Computed in float64, whatever their type:
        float32 has not the digits to tell a wrong gradient from rounding.
    eps : float, optional
        Step of the differences, for numbers up to 1; no complex step then.
    atol, rtol : float, optional
        What is allowed: ``atol + rtol * |numerical|``, entry by entry. By default 1e-7 and 1e-6; of
        a complex step, 1e-10 (times the largest entry, if that is larger than 1) and 1e-8.
    order : int
        Also check the derivatives of the derivatives, up to this order.
    modes : sequence of {"rev", "fwd"}
        Check the gradients by `vjp`, and for the first order the forward derivative by `jvp`.
    draws : int
        How often new weights, and new directions, are drawn.
    rng : numpy.random.Generator, optional
        Draws them; by default always the same ones.
    raise_exception : bool
        Whether to raise, or to return False.

    Returns
    -------
    bool
        Whether all agree.

    Raises
    ------
    GradcheckError
        If a derivative is wrong, depends on how the inputs lie in memory, differs from one call to
        the next, or has another shape or dtype than its input; or if `f` changes its inputs or
        returns different values for equal ones.
    TypeError
        If `f` is not a function.
    ValueError
        For an unknown mode, or when there is nothing to check.

    Notes
    -----
    ``gradcheck.selftest()`` breaks right derivatives in every way that has been seen to slip
    through other checkers, and shows that each is caught.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.gradcheck(lambda x, w: al.sigmoid(x @ w), [np.ones((4, 3)), np.zeros((3, 1))], order=2)
    True
    >>> al.gradcheck(lambda x: np.floor(x.numpy()) + x, [1.0], raise_exception=False)
    False
    >>> net = al.nn.Sequential(al.nn.Linear(3, 2), al.nn.Tanh())
    >>> al.gradcheck(net, np.ones((4, 3)))
    True
    """
    require_function(f, "gradcheck", "{0}(f, inputs)")
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise ValueError(f"gradcheck needs modes among {', '.join(MODES)}, got {modes!r}.")
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arrays = [np.array(x, dtype=np.float64) for x in given]
    names = [f"input {i}" for i in range(len(arrays))]
    if isinstance(f, Module):
        f, arrays, names = with_parameters(f, arrays, names)
    if not any(x.size for x in arrays) or order < 1 or draws < 1:
        raise ValueError(
            f"gradcheck has nothing to check: {len(arrays)} inputs with "
            f"{sum(x.size for x in arrays)} entries, order={order}, draws={draws}."
        )
    rng = np.random.default_rng(0) if rng is None else rng
    check = _Check(f, arrays, names, rng, eps, atol, rtol)
    try:
        _check_types(f, given, names)
        for level in range(1, order + 1):
            check = _Check(f, arrays, names, rng, eps, atol, rtol, level)
            _check_order(check, modes if level == 1 else ("rev",), draws)
            f = _gradient_of(check)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_order(check: _Check, modes: Sequence[str], draws: int) -> None:
    """Check the derivatives of one order."""
    _check_repeatable(check)
    for _ in range(draws):
        if "rev" in modes:
            _check_reverse(check)
        if "fwd" in modes:
            _check_forward(check)


def _values(f: Callable[..., Any], arrays: Sequence[Array]) -> Array:
    """Compute without recording."""
    with no_grad():
        result = f(*map(Tensor, arrays))
    return np.asarray(result.data if isinstance(result, Tensor) else result)


# ------------------------------------------------------------------------ what must hold at all


def _check_repeatable(check: _Check) -> None:
    """Refuse a function that changes its inputs, or is random: it has no derivative to check."""
    tensors = [Tensor(x) for x in check.arrays]
    with no_grad():
        first, second = np.array(check.f(*tensors)), np.array(check.f(*tensors))
    for name, tensor, x in zip(check.names, tensors, check.arrays, strict=True):
        if not np.array_equal(tensor.data, x, equal_nan=True):
            raise GradcheckError(f"gradcheck: the function changed its {name} in place.")
    if not np.array_equal(first, second, equal_nan=True):
        raise GradcheckError(
            "gradcheck: the function returned different values for equal inputs. Pass it a "
            "random generator that starts anew at every call."
        )


def _check_types(f: Callable[..., Any], given: Sequence[Any], names: Sequence[str]) -> None:
    """Check that a float32 input gets a float32 gradient, if any was given."""
    kinds = [np.asarray(x.data if isinstance(x, Tensor) else x).dtype for x in given]
    short = [dtype for dtype in kinds if dtype.kind == "f" and dtype != np.float64]
    if not short or len(given) != len(names):
        return
    arrays = [
        np.asarray(x, d if d.kind == "f" else float) for x, d in zip(given, kinds, strict=True)
    ]
    y, pullback = vjp(f, *arrays)
    for name, x, g in zip(names, arrays, pullback(np.ones(np.shape(y))), strict=True):
        _check_type(name, x, g)


def _check_type(name: str, x: Array, g: Any) -> None:
    if np.shape(g) != x.shape or np.asarray(g).dtype != x.dtype:
        raise GradcheckError(
            f"gradcheck: the gradient of {name} is {np.asarray(g).dtype} {np.shape(g)}, "
            f"but the input is {x.dtype} {x.shape}."
        )


def _check_layout(check: _Check, weights: Array, gradients: Sequence[Any]) -> None:
    """Check that nothing depends on the order in memory, and that a second sweep gives the same."""
    for words, arrays in (
        ("in a second sweep", check.arrays),
        ("for inputs that are not contiguous", [_strided(x) for x in check.arrays]),
    ):
        _, pullback = vjp(check.f, *arrays)
        for name, g, again in zip(check.names, gradients, pullback(weights), strict=True):
            scale = np.abs(g).max(initial=0.0)
            if not np.allclose(g, again, rtol=1e-12, atol=1e-13 * scale, equal_nan=True):
                raise GradcheckError(
                    f"gradcheck: the {check.derivative} by {name} is another one {words}: "
                    f"differences up to {np.abs(g - again).max():.2g}."
                )


def _strided(x: Array) -> Array:
    """Return an equal array whose entries lie in another order in memory."""
    if x.ndim > 1:
        return np.asfortranarray(x)
    return np.repeat(x, 2)[::2] if x.ndim else x


# ------------------------------------------------------------------------ the derivatives


def _check_reverse(check: _Check) -> None:
    """Compare all gradients for one draw of weights."""
    y, pullback = vjp(check.f, *check.arrays)
    weights = check.rng.normal(size=np.shape(y))
    gradients = pullback(weights)
    for i, (x, g) in enumerate(zip(check.arrays, gradients, strict=True)):
        _check_type(check.names[i], x, g)
        numerical, oracle = _gradient_by_numbers(check, i, weights, np.asarray(g))
        _hold(check, f"by {check.names[i]} of shape {x.shape}", np.asarray(g), numerical, oracle)
    _check_layout(check, weights, gradients)


def _gradient_by_numbers(check: _Check, i: int, weights: Array, g: Array) -> tuple[Array, str]:
    """Differentiate the weighted result by one input, entry by entry."""
    arrays, x = check.arrays, check.arrays[i]

    def weighted(moved: Array) -> Any:
        return np.sum(weights * _values(check.f, [*arrays[:i], moved, *arrays[i + 1 :]]))

    if check.eps is None and _is_analytic(check):
        try:
            exact = complex_step(weighted, x)
        except Exception:  # noqa: BLE001  (whatever it cannot do with complex numbers)
            exact = np.full(x.shape, np.nan)
        if _confirmed(check, weighted, x, exact):
            return exact, "complex step"
    numerical = central_differences(weighted, x, step=check.eps)
    if check.eps is None and _wrong(check, g, numerical, "").any():
        numerical = swept_differences(weighted, x)
    return numerical, "central differences"


def _is_analytic(check: _Check) -> bool:
    """Return whether all operations that are recorded are."""
    result = check.f(*(Tensor(x, requires_grad=True) for x in check.arrays))
    if not isinstance(result, Tensor):
        return False
    return all(node.primitive is None or node.primitive.analytic for node in Graph(result, {}))


def _confirmed(check: _Check, f: Callable[[Array], Any], x: Array, exact: Array) -> bool:
    """Whether differences along a direction agree: not all that a function does is recorded."""
    if not np.isfinite(exact).all():
        return False
    direction = check.rng.normal(size=x.shape)
    along = swept_differences(lambda t: f(x + t * direction), np.zeros(()))
    expected = float(np.sum(exact * direction))
    return bool(abs(along - expected) <= 1e-5 * np.sum(np.abs(exact * direction)) + 1e-8)


def _check_forward(check: _Check) -> None:
    """Compare the derivative along one direction of all inputs."""
    tangents = [check.rng.normal(size=x.shape) for x in check.arrays]
    y, y_dot = jvp(check.f, tuple(check.arrays), tuple(tangents))
    if np.shape(y_dot) != np.shape(y):
        raise GradcheckError(
            f"gradcheck: the forward derivative has shape {np.shape(y_dot)}, the result has shape "
            f"{np.shape(y)}."
        )

    def along(t: float) -> Array:
        moved = [x + t * v for x, v in zip(check.arrays, tangents, strict=True)]
        return _values(check.f, moved)

    h = check.eps or 1e-3
    wide, narrow = ((along(s) - along(-s)) / (2 * s) for s in (h, h / 2))
    numerical = np.asarray((4 * narrow - wide) / 3)
    if check.eps is None and _wrong(check, np.asarray(y_dot), numerical, "").any():
        numerical = _forward_by_sweep(along, np.shape(y))
    words = "along a direction of all inputs, forwards,"
    _hold(check, words, np.asarray(y_dot), numerical, "central differences")


def _forward_by_sweep(along: Callable[[float], Array], shape: tuple[int, ...]) -> Array:
    """Differentiate every entry of the result with the steadiest of several steps."""
    slopes = np.zeros(shape)
    for index in np.ndindex(shape):

        def one(t: Any, index: tuple[int, ...] = index) -> Any:
            return along(float(t))[index]

        slopes[index] = swept_differences(one, np.zeros(()))
    return slopes


# ------------------------------------------------------------------------ the verdict


def _allowed(check: _Check, numerical: Array, oracle: str) -> Array:
    exact = oracle == "complex step"
    scale = max(1.0, float(np.abs(numerical).max(initial=0.0))) if exact else 1.0
    atol = ((1e-10 if exact else 1e-7) * scale) if check.atol is None else check.atol
    rtol = (1e-8 if exact else 1e-6) if check.rtol is None else check.rtol
    return np.asarray(atol + rtol * np.abs(numerical))


def _wrong(check: _Check, g: Array, numerical: Array, oracle: str) -> Array:
    return np.asarray(~(np.abs(g - numerical) <= _allowed(check, numerical, oracle)))


def _hold(check: _Check, words: str, g: Array, numerical: Array, oracle: str) -> None:
    """Raise, with the worst entry and both sides by name, if any entry is wrong."""
    wrong = _wrong(check, g, numerical, oracle)
    if not wrong.any():
        return
    excess = np.where(wrong, np.nan_to_num(np.abs(g - numerical), nan=np.inf), -1.0)
    at = tuple(int(k) for k in np.unravel_index(np.argmax(excess), g.shape))
    by_rules, by_values = g[at], numerical[at]
    ratio = by_rules / by_values if by_values else np.inf
    raise GradcheckError(
        f"gradcheck: the {check.derivative} {words} is wrong in {np.count_nonzero(wrong)} of "
        f"{g.size} entries, worst at {at}: {by_rules:.10g} by the rules, {by_values:.10g} by "
        f"{oracle} (ratio {ratio:.6g}); allowed is a difference of "
        f"{_allowed(check, numerical, oracle)[at]:.2g}."
    )


def _gradient_of(check: _Check) -> Callable[..., Any]:
    """Return the function of all first derivatives, laid end to end, for one draw of weights."""
    f, weights = check.f, check.rng.normal(size=_values(check.f, check.arrays).shape)

    def gradient(*xs: Any) -> Any:
        _, pullback = vjp(f, *xs)
        return np.concatenate([np.ravel(g) for g in pullback(weights)])

    return gradient


check_grads = gradcheck
"""The name that HIPS autograd and JAX have for it."""
