"""Hold the derivatives of a function against numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Never, ParamSpec, Protocol, TypeVar, cast

import numpy as np

from autograd_lite.check.along import Along, coarsest, pulled, size_of
from autograd_lite.check.judging import hold, indices, largest_in, wrong_of
from autograd_lite.check.module_function import with_parameters
from autograd_lite.check.numerical import (
    EPS,
    STEP,
    central_differences,
    complex_step,
    steadiest,
    steps_for,
)
from autograd_lite.check.subject import (
    Array,
    Check,
    Checked,
    GradcheckError,
    array_of,
    entries_of,
    flattened,
    inner,
    is_array_like,
    joined,
    lying_like,
    values_of,
)
from autograd_lite.core.later import names_its_arguments
from autograd_lite.core.modes import no_grad
from autograd_lite.functional.settings import check_counts, check_range, if_given
from autograd_lite.functional.tracing import require_function
from autograd_lite.functional.transforms import jvp, vjp
from autograd_lite.nn.module import Module
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.trace import Place, lent
from autograd_lite.tensor import Tensor

P = ParamSpec("P")


R_co = TypeVar("R_co", covariant=True)


Mode = Literal["rev", "fwd"]


MODES: tuple[Mode, ...] = ("rev", "fwd")


class _Checker(Protocol[P, R_co]):
    """A function with the test of itself as an attribute."""

    __name__: str
    selftest: Callable[[], dict[str, str]]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Check."""


def _checker(function: Callable[P, R_co]) -> _Checker[P, R_co]:
    return cast(_Checker[P, R_co], function)


@_checker
@names_its_arguments
def gradcheck(
    f: Callable[..., Any] | Module,
    inputs: Sequence[Any] | Any,
    *more: Never,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    order: int = 1,
    modes: Sequence[Mode] = MODES,
    draws: int = 2,
    rng: np.random.Generator | None = None,
    raise_exception: bool = True,
) -> Checked:
    """Check the derivatives of a function against numerical ones.

    The result is weighted with random numbers, all different, before it is differentiated: with
    equal weights, a permuted gradient, or a wrong one of softmax, could pass. The numbers come from
    the complex step, which has no cut-off and no rounding, where the function turns out to be
    analytic; else from central differences, where they are in doubt with several steps, down to
    those that stay inside the domain.

    Parameters
    ----------
    f : callable or Module
        Takes arrays, or nested dicts, lists and tuples of them, and returns such. Of a module, the
        derivatives by its parameters are checked as well. Other Tensors that it uses are constants.
        Running means, as of batch normalisation, are afterwards what they were.
    inputs : array_like, nest, or sequence of these
        Where; a sequence gives one entry per argument. Computed in float64, whatever their type:
        float32 has not the digits to tell a wrong gradient from rounding. Inside a nest, what is
        not floating-point is passed on as it is.
    eps : float, optional
        Step of the differences, for numbers up to 1; no complex step then.
    atol, rtol : float, optional
        What is allowed: ``atol + rtol * |numerical|``, entry by entry. By default 1e-7 times the
        largest entry, and 1e-6; of a complex step, 1e-10 times the largest entry, and 1e-8. By
        default, too, what rounding can explain is allowed: how much both sides change when the
        last digits of the inputs do. A function that computes in float32 inside is held to what
        differences can tell in float32: to 3e-4.
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
    Checked
        True if all agree, else false, with the message. Of an input with so many entries that to
        look at each takes too long, some are drawn at random, and all are checked along
        directions; `Checked.sampled` has the counts, and they are printed.

    Raises
    ------
    GradcheckError
        If a derivative is wrong, depends on how the inputs lie in memory, differs from one call to
        the next, or has another shape or dtype than its input; if the two sides differ where there
        is no derivative, at a kink or at the end of the domain; or if `f` changes its inputs,
        returns different values for equal ones, or is not finite there.
    TypeError
        If `f` is not a function, or its inputs are not given as one sequence.
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
    if more:
        raise TypeError(
            f"gradcheck takes the inputs of a function as one sequence, got {1 + len(more)} "
            f"arguments. Write gradcheck(f, [x, y])."
        )
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise ValueError(f"gradcheck needs modes among {', '.join(MODES)}, got {modes!r}.")
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arguments: list[Any] = [np.array(x) if is_array_like(x) else x for x in given]
    names = [f"input {i}" for i in range(len(arguments))]
    if isinstance(f, Module):
        f, arguments, names = with_parameters(f, arguments, names)
    flat, originals, names = flattened(f, arguments, names)
    arrays = [np.array(x, dtype=np.float64) for x in originals]
    check_counts("gradcheck", order=order, draws=draws)
    if not any(x.size for x in arrays):
        raise ValueError(
            f"gradcheck has nothing to check: {len(arrays)} inputs without a single entry."
        )
    check_range("gradcheck", "of more than 0", **if_given(eps=eps))
    check_range("gradcheck", "of 0 or more", **if_given(atol=atol, rtol=rtol))
    rng = np.random.default_rng(0) if rng is None else rng
    message = ""
    used = [Place(t) for t in Surroundings(f).tensors]
    with no_grad(), lent(used):  # Tensors that `flat` uses are constants, and stay what they are.
        try:
            _check_types(flat, originals, names)
            rounded = coarsest(flat, arrays)
            rounded = rounded if rounded > EPS else 0.0
            eps = eps or (rounded**0.2 or None)
            for level in range(1, order + 1):
                check = Check(flat, arrays, names, rng, eps, atol, rtol, level, rounded)
                _check_order(check, modes if level == 1 else ("rev",), draws)
                flat = _gradient_of(check)
        except GradcheckError as error:
            if raise_exception:
                raise
            message = str(error)
    pairs = (
        (name, len(entries_of(x, arrays)), x.size) for name, x in zip(names, arrays, strict=True)
    )
    return Checked(message, {name: (few, size) for name, few, size in pairs if few < size})


def _check_order(check: Check, modes: Sequence[str], draws: int) -> None:
    """Check the derivatives of one order."""
    _check_repeatable(check)
    for _ in range(draws):
        along = Along(check)
        if "rev" in modes:
            _check_reverse(check, along)
        if "fwd" in modes:
            _check_forward(check, along)


def _check_repeatable(check: Check) -> None:
    """Refuse a function that changes its inputs, or is random: it has no derivative to check."""
    tensors = [Tensor(x) for x in check.arrays]
    first, second = ([np.array(array_of(y)) for y in check.f(*tensors)] for _ in range(2))
    for name, tensor, x in zip(check.names, tensors, check.arrays, strict=True):
        if not np.array_equal(tensor.data, x, equal_nan=True):
            raise GradcheckError(f"gradcheck: the function changed its {name} in place.")
    same = len(first) == len(second) and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        for a, b in zip(first, second, strict=True)
    )
    if not same:
        raise GradcheckError(
            "gradcheck: the function returned different values for equal inputs. Pass it a "
            "random generator that starts anew at every call."
        )
    unknown = [y for y in first if not np.isfinite(y).all()]
    if unknown and check.order == 1:
        where = indices(~np.isfinite(unknown[0]))
        raise GradcheckError(
            f"gradcheck: the function itself is {unknown[0][where[0]]} there, in {len(where)} of "
            f"{unknown[0].size} entries of a result{f', first at {where[0]}' if where[0] else ''}: "
            f"no derivative can be checked. Choose inputs inside its domain."
        )


def _check_types(f: Callable[..., list[Any]], given: Sequence[Array], names: Sequence[str]) -> None:
    """Check that a float32 input gets a float32 gradient, if any was given."""
    if not any(x.dtype.kind == "f" and x.dtype != np.float64 for x in given):
        return
    arrays = [x if x.dtype.kind == "f" else x.astype(float) for x in given]
    y, pullback = vjp(f, *arrays)
    ones = [np.ones(np.shape(part)) for part in y]
    for name, x, g in zip(names, arrays, pullback(ones), strict=True):
        _check_type(name, x, g)


def _check_type(name: str, x: Array, g: Any) -> None:
    if np.shape(g) != x.shape or np.asarray(g).dtype != x.dtype:
        raise GradcheckError(
            f"gradcheck: the gradient of {name} is {np.asarray(g).dtype} {np.shape(g)}, "
            f"but the input is {x.dtype} {x.shape}."
        )


def _check_layout(check: Check, weights: list[Array], gradients: Sequence[Any]) -> None:
    """Check that nothing depends on the order in memory, and that a second sweep gives the same."""
    value = joined(values_of(check.f, check.arrays))
    for words, arrays in (
        ("in a second sweep", check.arrays),
        ("for inputs that are not contiguous", [_strided(x) for x in check.arrays]),
    ):
        ys, pullback = vjp(check.f, *arrays)
        if not np.allclose(joined(ys), value, rtol=1e-9):
            continue  # The function itself looks at that, as np.ravel(x, "K") does.
        again = pullback(weights)
        scale = max(float(np.abs(g).max(initial=0.0)) for g in gradients)
        for name, g, other in zip(check.names, gradients, again, strict=True):
            if not np.allclose(g, other, rtol=1e-12, atol=1e-13 * scale, equal_nan=True):
                raise GradcheckError(
                    f"gradcheck: the {check.derivative} by {name} is another one {words}: "
                    f"differences up to {np.abs(g - other).max():.2g}."
                )


def _strided(x: Array) -> Array:
    """Return an equal array whose entries lie in another order in memory."""
    if x.ndim > 1:
        return np.asfortranarray(x)
    return np.repeat(x, 2)[::2] if x.ndim else x


def _check_reverse(check: Check, along: Along) -> None:
    """Compare all gradients for one draw of weights."""
    y, pullback = vjp(check.f, *check.arrays)
    weights = [check.rng.normal(size=np.shape(part)) for part in y]
    gradients = pullback(weights)
    for i, (x, g) in enumerate(zip(check.arrays, gradients, strict=True)):
        _check_type(check.names[i], x, g)
        _compare_entries(check, along, i, weights, np.asarray(g))
    _check_layout(check, weights, gradients)
    if any(len(entries_of(x, check.arrays)) < x.size for x in check.arrays):
        _compare_all(check, along, weights, gradients)


def _compare_entries(check: Check, along: Along, i: int, weights: list[Array], g: Array) -> None:
    """Compare one gradient with numbers, entry by entry."""
    x, entries = check.arrays[i], entries_of(check.arrays[i], check.arrays)
    if not entries:
        return

    def weighted(arrays: Sequence[Array]) -> Callable[[Array], Any]:
        before, after = arrays[:i], arrays[i + 1 :]
        return lambda moved: inner(weights, values_of(check.f, [*before, moved, *after]))

    def moved(arrays: Sequence[Array], index: tuple[int, ...]) -> Callable[[float], Array]:
        unit = lying_like(x, 0.0)
        unit[index] = 1.0
        f = weighted(arrays)
        return lambda t: np.asarray(f(arrays[i] + t * unit))

    def steady(arrays: Sequence[Array], entries: Sequence[tuple[int, ...]]) -> tuple[Array, Array]:
        derivative, error = np.zeros(x.shape), np.zeros(x.shape)
        for k in entries:
            steps = steps_for(abs(float(arrays[i][k])))
            derivative[k], error[k] = steadiest(moved(arrays, k), steps)
        return derivative, error

    def stepped(arrays: Sequence[Array]) -> Array:
        # All are complex: one may be written into what another one gives.
        return complex_step(weighted([a.astype(complex) for a in arrays]), arrays[i], entries)

    def again(
        arrays: Sequence[Array], entries: Sequence[tuple[int, ...]]
    ) -> tuple[Array, Array, float, float]:
        gradient, of_rules, of_values = pulled(check, arrays, weights, i)
        if along.oracle == "complex step":
            numerical = stepped(arrays)
        else:
            numerical = steady(arrays, entries)[0]
        return np.asarray(gradient), numerical, of_rules, of_values

    f = weighted(check.arrays)
    if along.oracle == "complex step":
        numerical = stepped(check.arrays)
    else:
        numerical = central_differences(f, x, entries, step=check.eps)
    looked = np.zeros(x.shape, bool)
    looked[tuple(np.transpose(entries))] = True
    g, numerical = np.where(looked, g, 0.0), np.where(looked, numerical, 0.0)
    error = np.zeros(x.shape)
    wrong = wrong_of(check, g, numerical, error, along.oracle)
    if wrong.any() and check.eps is None and along.oracle != "complex step":
        better, error = steady(check.arrays, indices(wrong))
        numerical = np.where(wrong, better, numerical)
    size = size_of(x)
    hold(
        check,
        f"by {check.names[i]} of shape {x.shape}",
        g,
        numerical,
        error,
        along.oracle,
        natural=along.largest * max(map(largest_in, weights)) / (largest_in(x) or 1.0),
        again=again,
        towards=lambda k: (moved(check.arrays, k), float(size[k])),
    )


def _compare_all(
    check: Check, along: Along, weights: list[Array], gradients: Sequence[Any]
) -> None:
    """Compare all entries at once, along a direction."""
    flat, terms = joined(weights), [g * v for g, v in zip(gradients, along.tangents, strict=True)]
    rounded = 1e-8 * np.sqrt(sum(np.sum(term**2) for term in terms))
    by_rules, by_values = np.asarray(sum(map(np.sum, terms))), np.sum(flat * along.derivative)
    error = np.asarray(rounded + np.sqrt(np.sum((flat * along.error) ** 2)))
    words = "along a direction of all inputs, backwards,"
    hold(check, words, by_rules, np.asarray(by_values), error, along.oracle)


def _check_forward(check: Check, along: Along) -> None:
    """Compare the derivative along one direction of all inputs."""

    def again(arrays: Sequence[Array], _: object) -> tuple[Array, Array, float, float]:
        _, y_dot = jvp(check.f, tuple(arrays), tuple(along.tangents))
        ones = [np.ones(np.shape(part)) for part in y]
        sizes = [
            (rules * largest_in(v), values * largest_in(v))
            for i, v in enumerate(along.tangents)
            for _, rules, values in [pulled(check, arrays, ones, i)]
        ]
        of_rules, of_values = np.max(sizes, axis=0)
        return joined(y_dot), along.again(arrays), float(of_rules), float(of_values)

    y, y_dot = jvp(check.f, tuple(check.arrays), tuple(along.tangents))
    for part, rate in zip(y, y_dot, strict=True):
        if np.shape(rate) != np.shape(part):
            raise GradcheckError(
                f"gradcheck: the forward derivative has shape {np.shape(rate)}, the result has "
                f"shape {np.shape(part)}."
            )
    by_rules = joined(y_dot)
    wrong = wrong_of(check, by_rules, along.derivative, along.error, along.oracle)
    if wrong.any() and check.eps is None and along.oracle != "complex step":
        along.sweep()
    hold(
        check,
        "along a direction of all inputs, forwards,",
        by_rules,
        along.derivative,
        along.error,
        along.oracle,
        natural=along.largest,
        again=again,
        towards=lambda k: (lambda t: along.at(t)[k], min(1.0, along.steps[0] / STEP)),
    )


def _gradient_of(check: Check) -> Callable[..., list[Any]]:
    """Return the function of all first derivatives for one draw of weights."""
    f = check.f
    weights = [check.rng.normal(size=y.shape) for y in values_of(f, check.arrays)]

    def gradient(*xs: Any) -> list[Any]:
        return list(vjp(f, *xs)[1](weights))

    return gradient


check_grads = gradcheck
"""The name that HIPS autograd and JAX have for it."""
