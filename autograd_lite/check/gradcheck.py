"""Hold the derivatives of a function against numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.module_function import with_parameters
from autograd_lite.check.numerical import (
    STEP,
    central_differences,
    complex_step,
    one_sided,
    steadiest,
    steps_for,
)
from autograd_lite.core.modes import Watch, enable_grad, no_grad
from autograd_lite.functional.nests import flatten, leaves_of, rebuild
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
class _Check:
    """What is checked, and how strictly."""

    f: Callable[..., list[Any]]  # Returns the leaves of the result.
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

    @property
    def strict(self) -> bool:
        """Whether the caller says what is allowed, or how to differentiate."""
        return not self.eps is self.atol is self.rtol is None


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
        last digits of the inputs do.
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
        is no derivative, at a kink or at the end of the domain; or if `f` changes its inputs or
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
    arguments: list[Any] = [np.array(x) if _is_array_like(x) else x for x in given]
    names = [f"input {i}" for i in range(len(arguments))]
    if isinstance(f, Module):
        f, arguments, names = with_parameters(f, arguments, names)
    flat, originals, names = _flattened(f, arguments, names)
    arrays = [np.array(x, dtype=np.float64) for x in originals]
    if not any(x.size for x in arrays) or order < 1 or draws < 1:
        raise ValueError(
            f"gradcheck has nothing to check: {len(arrays)} inputs with "
            f"{sum(x.size for x in arrays)} entries, order={order}, draws={draws}."
        )
    rng = np.random.default_rng(0) if rng is None else rng
    message = ""
    with no_grad():  # Tensors from outside that `flat` uses are constants.
        try:
            _check_types(flat, originals, names)
            for level in range(1, order + 1):
                check = _Check(flat, arrays, names, rng, eps, atol, rtol, level)
                _check_order(check, modes if level == 1 else ("rev",), draws)
                flat = _gradient_of(check)
        except GradcheckError as error:
            if raise_exception:
                raise
            message = str(error)
    pairs = (
        (name, len(_entries(x, arrays)), x.size) for name, x in zip(names, arrays, strict=True)
    )
    return Checked(message, {name: (few, size) for name, few, size in pairs if few < size})


def _check_order(check: _Check, modes: Sequence[str], draws: int) -> None:
    """Check the derivatives of one order."""
    _check_repeatable(check)
    for _ in range(draws):
        along = _Along(check)
        if "rev" in modes:
            _check_reverse(check, along)
        if "fwd" in modes:
            _check_forward(check, along)


# ------------------------------------------------------------------------ nests of arrays


def _is_array_like(x: Any) -> bool:
    """Return whether a list holds nothing but numbers, as one array."""
    return isinstance(x, list | tuple) and all(
        isinstance(leaf, bool | int | float) for leaf in leaves_of(x)
    )


def _flattened(
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
            if not path or _kind(x) == "f":
                places.append(len(leaves))
                labels.append(name + path)
            leaves.append(x)

    def flat(*values: Any) -> list[Any]:
        filled = list(leaves)
        for place, x in zip(places, values, strict=True):
            filled[place] = x
        found = leaves_of(f(*rebuild(arguments, filled)))
        if any(_kind(x) == "c" for x in values):  # A complex step.
            return found
        parts = [(np.real(y), np.imag(y)) if _kind(y) == "c" else (y,) for y in found]
        return [y for pair in parts for y in pair]

    flat.__name__ = getattr(f, "__name__", "the function")
    return flat, [_array(leaves[place]) for place in places], labels


def _kind(x: Any) -> str:
    return str(x.dtype.kind if isinstance(x, Tensor) else np.asarray(x).dtype.kind)


def _array(x: Any) -> Array:
    return np.asarray(x.data if isinstance(x, Tensor) else x)


def _values(f: Callable[..., list[Any]], arrays: Sequence[Array]) -> list[Array]:
    """Compute without recording."""
    with no_grad(), np.errstate(all="ignore"):
        return [_array(y) for y in f(*map(Tensor, arrays))]


def _inner(left: Sequence[Any], right: Sequence[Any]) -> Any:
    return sum(np.sum(a * b) for a, b in zip(left, right, strict=True))


def _joined(parts: Sequence[Any]) -> Array:
    return np.concatenate([np.ravel(part) for part in parts] or [np.zeros(0)])


MOST_WORK, FEWEST_ENTRIES, MOST_ENTRIES = 2e7, 20, 5000
"""How many numbers are computed for the entries of one input; and how few, and many, of them."""


def _entries(x: Array, arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    """Return the entries of an input to differentiate by: all, or some drawn at random."""
    work = MOST_WORK / max(1, sum(other.size for other in arrays))
    most = int(max(FEWEST_ENTRIES, min(MOST_ENTRIES, work)))
    if x.size <= most:
        return list(np.ndindex(x.shape))
    drawn = np.sort(np.random.default_rng(x.size).choice(x.size, most, replace=False))
    return [tuple(map(int, at)) for at in zip(*np.unravel_index(drawn, x.shape), strict=True)]


# ------------------------------------------------------------------------ what must hold at all


def _check_repeatable(check: _Check) -> None:
    """Refuse a function that changes its inputs, or is random: it has no derivative to check."""
    tensors = [Tensor(x) for x in check.arrays]
    first, second = ([np.array(_array(y)) for y in check.f(*tensors)] for _ in range(2))
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


def _check_layout(check: _Check, weights: list[Array], gradients: Sequence[Any]) -> None:
    """Check that nothing depends on the order in memory, and that a second sweep gives the same."""
    for words, arrays in (
        ("in a second sweep", check.arrays),
        ("for inputs that are not contiguous", [_strided(x) for x in check.arrays]),
    ):
        _, pullback = vjp(check.f, *arrays)
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


# ------------------------------------------------------------------------ the derivatives


class _Along:
    """The derivative along a direction of all inputs, from values; and which oracle can be trusted.

    The complex step is, where all recorded operations are analytic and differences agree with it:
    not all that a function does is recorded.
    """

    def __init__(self, check: _Check) -> None:
        self.check = check
        self.tangents = [check.rng.normal(size=x.shape) * _size(x) for x in check.arrays]
        moves = max(float(np.abs(v).max(initial=0.0)) for v in self.tangents)
        self.steps = [h / moves for h in steps_for(moves)]
        self.largest, analytic = _recorded(check)
        self.oracle, self.error = "central differences", np.zeros(())
        h = check.eps or self.steps[0]
        wide, narrow = ((self.at(s) - self.at(-s)) / (2 * s) for s in (h, h / 2))
        self.derivative: Array = np.asarray((4 * narrow - wide) / 3)
        if check.eps is None and analytic:
            exact = self._complex(check.arrays)
            close = 1e-5 * np.abs(exact) + 1e-6 * np.abs(exact).max(initial=0.0)
            if not (np.abs(exact - self.derivative) <= close).all():
                self.sweep()
            unsteady = 10 * self.error.max(initial=0.0)
            if (np.abs(exact - self.derivative) <= close + unsteady).all():
                self.derivative, self.oracle = exact, "complex step"

    def at(self, t: Any, arrays: Sequence[Array] | None = None) -> Array:
        """Return all results, laid end to end, having gone so far."""
        pairs = zip(arrays or self.check.arrays, self.tangents, strict=True)
        return _joined(_values(self.check.f, [x + t * v for x, v in pairs]))

    def sweep(self) -> None:
        """Take the steadiest of several steps."""
        self.derivative, self.error = steadiest(self.at, self.steps)

    def again(self, arrays: Sequence[Array]) -> Array:
        """Return the derivative at other inputs, by the same oracle."""
        if self.oracle == "complex step":
            return self._complex(arrays)
        return steadiest(lambda t: self.at(t, arrays), self.steps)[0]

    def _complex(self, arrays: Sequence[Array]) -> Array:
        try:
            return np.asarray(self.at(1e-30j, arrays).imag / 1e-30)
        except Exception:  # noqa: BLE001  (whatever it cannot do with complex numbers)
            return np.full(self.derivative.shape, np.nan)


def _size(x: Array) -> Array:
    """Return the size of every entry; of one that is 0, that of the largest, else 1."""
    size = np.abs(x)
    return np.where(size > 0, size, size.max(initial=0.0) or 1.0)


def _recorded(check: _Check) -> tuple[float, bool]:
    """Return the largest number that is recorded, and whether all operations are analytic."""
    with enable_grad():
        found = check.f(*(Tensor(x, requires_grad=True) for x in check.arrays))
    results = [y for y in found if isinstance(y, Tensor)]
    nodes = list(Graph(results, {})) if results else []
    sizes = [np.abs(np.asarray(node.value)) for node in nodes]
    largest = max((float(s[np.isfinite(s)].max(initial=0.0)) for s in sizes), default=0.0)
    analytic = all(node.primitive is None or node.primitive.analytic for node in nodes)
    return largest, analytic and len(results) == len(found)


class _Arriving(Watch):
    """The largest number that arrives anywhere in a backward pass: its digits are rounded off."""

    def __init__(self) -> None:
        self.largest = 0.0

    def passed(self, *sent: Any) -> None:
        """See what is sent to an operand: the fourth."""
        gx = sent[3]
        array = _array(gx)
        self.largest = max(self.largest, _largest(array[np.isfinite(array)]))


def _pulled(
    check: _Check, arrays: Sequence[Array], weights: list[Array]
) -> tuple[Sequence[Any], float]:
    """Return the gradients at other inputs, and the largest number on the way."""
    _, pullback = vjp(check.f, *arrays)
    with _Arriving() as arriving:
        gradients = pullback(weights)
    return gradients, arriving.largest


def _check_reverse(check: _Check, along: _Along) -> None:
    """Compare all gradients for one draw of weights."""
    y, pullback = vjp(check.f, *check.arrays)
    weights = [check.rng.normal(size=np.shape(part)) for part in y]
    gradients = pullback(weights)
    for i, (x, g) in enumerate(zip(check.arrays, gradients, strict=True)):
        _check_type(check.names[i], x, g)
        _compare_entries(check, along, i, weights, np.asarray(g))
    _check_layout(check, weights, gradients)
    if any(len(_entries(x, check.arrays)) < x.size for x in check.arrays):
        _compare_all(check, along, weights, gradients)


def _compare_entries(check: _Check, along: _Along, i: int, weights: list[Array], g: Array) -> None:
    """Compare one gradient with numbers, entry by entry."""
    x, entries = check.arrays[i], _entries(check.arrays[i], check.arrays)
    if not entries:
        return

    def weighted(arrays: Sequence[Array]) -> Callable[[Array], Any]:
        before, after = arrays[:i], arrays[i + 1 :]
        return lambda moved: _inner(weights, _values(check.f, [*before, moved, *after]))

    def moved(arrays: Sequence[Array], index: tuple[int, ...]) -> Callable[[float], Array]:
        unit = np.zeros(x.shape)
        unit[index] = 1.0
        f = weighted(arrays)
        return lambda t: np.asarray(f(arrays[i] + t * unit))

    def steady(arrays: Sequence[Array], entries: Sequence[tuple[int, ...]]) -> tuple[Array, Array]:
        derivative, error = np.zeros(x.shape), np.zeros(x.shape)
        for k in entries:
            steps = steps_for(abs(float(arrays[i][k])))
            derivative[k], error[k] = steadiest(moved(arrays, k), steps)
        return derivative, error

    def again(
        arrays: Sequence[Array], entries: Sequence[tuple[int, ...]]
    ) -> tuple[Array, Array, float]:
        gradients, largest = _pulled(check, arrays, weights)
        if along.oracle == "complex step":
            numerical = complex_step(weighted(arrays), arrays[i], entries)
        else:
            numerical = steady(arrays, entries)[0]
        return np.asarray(gradients[i]), numerical, largest

    f = weighted(check.arrays)
    if along.oracle == "complex step":
        numerical = complex_step(f, x, entries)
    else:
        numerical = central_differences(f, x, entries, step=check.eps)
    looked = np.zeros(x.shape, bool)
    looked[tuple(np.transpose(entries))] = True
    g, numerical = np.where(looked, g, 0.0), np.where(looked, numerical, 0.0)
    error = np.zeros(x.shape)
    wrong = _wrong(check, g, numerical, error, along.oracle)
    if wrong.any() and check.eps is None and along.oracle != "complex step":
        better, error = steady(check.arrays, _indices(wrong))
        numerical = np.where(wrong, better, numerical)
    size = _size(x)
    _hold(
        check,
        f"by {check.names[i]} of shape {x.shape}",
        g,
        numerical,
        error,
        along.oracle,
        natural=along.largest * max(map(_largest, weights)) / (_largest(x) or 1.0),
        again=again,
        towards=lambda k: (moved(check.arrays, k), float(size[k])),
    )


def _compare_all(
    check: _Check, along: _Along, weights: list[Array], gradients: Sequence[Any]
) -> None:
    """Compare all entries at once, along a direction."""
    flat, terms = _joined(weights), [g * v for g, v in zip(gradients, along.tangents, strict=True)]
    rounded = 1e-8 * np.sqrt(sum(np.sum(term**2) for term in terms))
    by_rules, by_values = np.asarray(sum(map(np.sum, terms))), np.sum(flat * along.derivative)
    error = np.asarray(rounded + np.sqrt(np.sum((flat * along.error) ** 2)))
    words = "along a direction of all inputs, backwards,"
    _hold(check, words, by_rules, np.asarray(by_values), error, along.oracle)


def _check_forward(check: _Check, along: _Along) -> None:
    """Compare the derivative along one direction of all inputs."""

    def again(arrays: Sequence[Array], _: object) -> tuple[Array, Array, float]:
        _, y_dot = jvp(check.f, tuple(arrays), tuple(along.tangents))
        _, largest = _pulled(check, arrays, [np.ones(np.shape(part)) for part in y])
        return _joined(y_dot), along.again(arrays), largest * max(map(_largest, along.tangents))

    y, y_dot = jvp(check.f, tuple(check.arrays), tuple(along.tangents))
    for part, rate in zip(y, y_dot, strict=True):
        if np.shape(rate) != np.shape(part):
            raise GradcheckError(
                f"gradcheck: the forward derivative has shape {np.shape(rate)}, the result has "
                f"shape {np.shape(part)}."
            )
    by_rules = _joined(y_dot)
    wrong = _wrong(check, by_rules, along.derivative, along.error, along.oracle)
    if wrong.any() and check.eps is None and along.oracle != "complex step":
        along.sweep()
    _hold(
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


# ------------------------------------------------------------------------ the verdict

Entry = tuple[int, ...]
Again = Callable[[Sequence[Array], Sequence[Entry]], tuple[Array, Array, float]]


def _largest(x: Any) -> float:
    return float(np.abs(x).max(initial=0.0))


def _indices(chosen: Array) -> list[Entry]:
    return [tuple(map(int, index)) for index in np.argwhere(chosen)]


def _allowed(check: _Check, g: Array, numerical: Array, error: Array, oracle: str) -> Array:
    """Return by how much the two may differ: in proportion to their size, whatever that is."""
    exact = oracle == "complex step"
    scale = float(np.abs(numerical[np.isfinite(numerical)]).max(initial=0.0))
    atol = ((1e-10 if exact else 1e-7) * scale) if check.atol is None else check.atol
    rtol = (1e-8 if exact else 1e-6) if check.rtol is None else check.rtol
    unsteady = np.minimum(10 * error, 1e-3 * np.maximum(np.abs(g), np.abs(numerical)))
    return np.asarray(atol + rtol * np.abs(numerical) + (0.0 if check.strict else unsteady))


def _wrong(check: _Check, g: Array, numerical: Array, error: Array, oracle: str) -> Array:
    with np.errstate(invalid="ignore"):
        allowed = _allowed(check, g, numerical, error, oracle)
        return np.asarray(~(np.abs(g - numerical) <= allowed))


def _hold(
    check: _Check,
    words: str,
    g: Array,
    numerical: Array,
    error: Array,
    oracle: str,
    *,
    natural: float = 0.0,
    again: Again | None = None,
    towards: Callable[[Entry], tuple[Callable[[float], Array], float]] | None = None,
) -> None:
    """Raise, with the worst entry and both sides by name, if any entry is wrong.

    Parameters
    ----------
    natural : float
        The size that derivatives have here where nothing cancels.
    again : callable, optional
        Computes both sides at other inputs, and the largest number on the way.
    towards : callable, optional
        For an entry, the result as a function of how far one goes, and the scale of that.
    """
    wrong = _wrong(check, g, numerical, error, oracle)
    if not wrong.any():
        return
    gap = np.where(wrong, np.nan_to_num(np.abs(g - numerical), nan=np.inf), -1.0)
    at = tuple(int(k) for k in np.unravel_index(np.argmax(gap), gap.shape))
    doubt = ""
    if again and not check.strict:
        suspects = sorted(_indices(wrong), key=lambda k: -gap[k])[:5]
        rules, values = _rounding(check, suspects, g, numerical, error, again)
        if all(
            gap[k] <= 10 * (rules[k] + values[k])
            and _is_harmless(abs(g[k]), rules[k], values[k], _largest(g), natural)
            for k in suspects
        ):
            return
        if gap[at] <= 10 * values[at] < np.inf:
            doubt = (
                f" It cannot be told, though: so large are the values that their rounding alone "
                f"changes what they say by {values[at]:.2g}."
            )
    if towards and not check.strict and oracle != "complex step":
        f, scale = towards(at)
        left, right, kink = one_sided(f, [scale * h for h in (1e-4, 1e-5, 1e-6)])
        ends = not np.isfinite(left - right)
        steady = error[at] < 1e-2 * abs(left - right) > 1e-8 * natural
        if kink and (ends or steady):
            what = "is where the function ends" if ends else "has a kink, and no derivative,"
            raise GradcheckError(
                f"gradcheck: the {check.derivative} {words} {what} at {at}: {left:.6g} to the "
                f"left, {right:.6g} to the right, {g[at]:.6g} by the rules. Move the input away."
            )
    by_rules, by_values = g[at], numerical[at]
    ratio = by_rules / by_values if by_values else np.inf
    raise GradcheckError(
        f"gradcheck: the {check.derivative} {words} is wrong in {np.count_nonzero(wrong)} of "
        f"{g.size} entries, worst at {at}: {by_rules:.10g} by the rules, {by_values:.10g} by "
        f"{oracle} (ratio {ratio:.6g}); allowed is a difference of "
        f"{_allowed(check, g, numerical, error, oracle)[at]:.2g}.{doubt}"
    )


def _rounding(
    check: _Check,
    entries: Sequence[Entry],
    g: Array,
    numerical: Array,
    error: Array,
    again: Again,
) -> tuple[Array, Array]:
    """Return by how much both sides change when the last digits of the inputs do."""
    rules, values = np.zeros(g.shape), error
    rng = np.random.default_rng(0)
    for _ in range(3):
        arrays = [x * (1 + 1e-15 * rng.normal(size=x.shape)) for x in check.arrays]
        other_g, other_numerical, largest = again(arrays, entries)
        added = np.finfo(float).eps * largest
        rules = np.fmax(rules, np.fmax(np.abs(other_g - g), added))
        values = np.fmax(values, np.abs(other_numerical - numerical))
        if np.abs(g - numerical)[entries[0]] > 1000 * (rules + values)[entries[0]]:
            break  # It is certain.
    return rules, values


def _is_harmless(size: float, rules: float, values: float, scale: float, natural: float) -> bool:
    """Return whether rounding may be all that is left of a derivative, since all else cancels."""
    if rules + values <= 1e-4 * scale:
        return True
    return size <= 10 * rules and rules + values <= 1e-6 * natural


def _gradient_of(check: _Check) -> Callable[..., list[Any]]:
    """Return the function of all first derivatives for one draw of weights."""
    f = check.f
    weights = [check.rng.normal(size=y.shape) for y in _values(f, check.arrays)]

    def gradient(*xs: Any) -> list[Any]:
        return list(vjp(f, *xs)[1](weights))

    return gradient


check_grads = gradcheck
"""The name that HIPS autograd and JAX have for it."""
