"""Decide as algebra, not at sample points, whether a formula by hand is the derivative.

The printed derivation is run on symbols in place of numbers, and so is the formula by hand. What
has a line of its own on the way forward (``l1``, say) is first a symbol itself; only where that
does not settle the matter is it replaced by what it stands for.
"""

from __future__ import annotations

import ctypes
import inspect
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

from autograd_lite.derive.helpers import namespace
from autograd_lite.derive.lines import Line
from autograd_lite.derive.math_names import identifier
from autograd_lite.derive.symbols import NUMPY, Symbols, called, wrap
from autograd_lite.derive.writer import Steps
from autograd_lite.program.expression import walk

MOST_IN_A_RATIO = 10
"""Where the ratio is longer, the difference says more."""

SAMPLES = 2
"""At how many sets of values formulas are compared, besides those that were recorded."""

TIME_FOR_REASONS = 5.0
"""How many seconds it may take to say by how much a formula is wrong."""

MOST_COMPARISONS = 6
"""Of more, not all outcomes are tried."""

ROUNDING = 1e-13
"""A difference that is smaller comes from numbers with 16 digits, and refutes nothing."""

MOST_IN_A_DIFFERENCE = 30
"""Where the difference is longer, two numbers say more."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What algebra says of a formula by hand.

    Attributes
    ----------
    name : str
        Of the tensor whose gradient it is to be.
    equal : bool
        Whether the formula is the gradient: proved, entry by entry.
    ratio : sympy.Expr or None
        By hand divided by the gradient, if that is the same for all entries and not 1.
    difference : sympy.Expr or None
        By hand minus the gradient, of the first entry where they differ.
    where : tuple of int
        That entry.
    reason : str
        What is known where there is neither a proof nor a short ratio or difference.
    """

    name: str
    equal: bool
    ratio: Any = None
    difference: Any = None
    where: tuple[int, ...] = ()
    reason: str = ""

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        if self.equal:
            return f"{self.name}: proved, by hand = gradient{self.reason}"
        if self.ratio is not None:
            return f"{self.name}: by hand = {self.ratio} × gradient"
        at = f" at {self.where}" if self.where else ""
        if self.difference is None:
            return f"{self.name}: {self.reason}{at}"
        return f"{self.name}: by hand - gradient = {self.difference}{at}"


def prove(
    derivation: Steps,
    by_hand: Mapping[str, Any] | Callable[..., Any] | None,
    formulas: Mapping[str, str],
    time_limit: float = 60.0,
) -> list[Proof]:
    """Compare formulas with gradients; see `Derivation.prove`."""
    try:
        import sympy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "prove needs SymPy, which is not installed. Run: pip install 'autograd_lite[symbolic]'"
        ) from None
    given = dict.fromkeys(by_hand or {}) if not callable(by_hand) else {}
    if callable(by_hand):
        given = dict.fromkeys(
            _called(by_hand, dict(derivation.arguments) | _values(derivation, [])[0], derivation)
        )
    given |= dict.fromkeys(formulas)
    derivation = _with_all(derivation, given)
    special = {k: what for k, x in derivation.arguments.items() if (what := _special(x))
               and (k not in derivation.gradients or what == IS_SYMMETRIC)}  # fmt: skip
    failed: list[str] = []
    samples = _values(derivation, failed, *range(SAMPLES), keep=special)
    others = _values(derivation, failed, *range(SAMPLES))[1:] if special else []
    hand = [_by_hand(by_hand, formulas, x, derivation) for x in (*samples, *others)]
    proofs: dict[str, Proof] = {}
    for name in given:
        line, n = derivation.gradients[name], len(samples)
        pairs = [_fitted(name, h[name], x[line])
                 for h, x in zip(hand, (*samples, *others), strict=True)]  # fmt: skip
        found = _refuted(name, pairs[:n], "at the values given", sympy)
        if found is None:
            kept = "as long as " + " and ".join(f"{k} {what}" for k, what in special.items())
            found = _refuted(name, [pairs[0], *pairs[n:]], f"at sample points, {kept}", sympy)
        if found is not None:
            proofs[name] = found
    open_ = [n for n in given if n not in proofs]
    wrong = [n for n, x in proofs.items() if not x.ratio and "; else " not in x.reason]
    sampled = "at sample points, by hand = gradient"
    if failed:
        sampled += f"; at others, NumPy raises: {failed[0]}"
    if SINGULAR in failed:  # Not by chance.
        proofs |= {n: Proof(n, False, reason=f"not decided; {sampled}") for n in open_}
        open_ = []
    # For what is wrong, algebra can say why; that is worth less time.
    for left, limit in ((open_, time_limit), (wrong, min(time_limit, TIME_FOR_REASONS))):
        if left:
            proofs |= _by_algebra(
                derivation, by_hand, formulas, left, proofs,
                (*samples, *others)[-1], sampled, sympy, limit,
            )  # fmt: skip
    return [proofs[name] for name in given]


def _by_algebra(
    derivation: Steps, by_hand: Any, formulas: Mapping[str, str], left: list[str],
    refuted: Mapping[str, Proof], sample: Mapping[str, Any], sampled: str, sympy: Any,
    time_limit: float,
) -> dict[str, Proof]:  # fmt: skip
    """Prove or refute with symbols what numbers do not settle, until the time is over."""
    names: dict[Any, Any] = {}
    found: dict[str, Proof] = {}
    token = called.set(names)
    try:
        with _until(time_limit):
            forward = _Forward(derivation, sympy, names, sample)
            space = _run(derivation.backward, forward.symbols, derivation)
            hand = _by_hand(by_hand, formulas, space, derivation)
            for name in left:
                gradient = space[derivation.gradients[name]]
                proof = _compare(name, hand[name], gradient, forward, sampled)
                short = proof.ratio is not None or (
                    proof.difference is not None
                    and sympy.count_ops(proof.difference) <= MOST_IN_A_DIFFERENCE
                )
                found[name] = proof if proof.equal or short else refuted.get(name, proof)
    except _Expired:
        over = f"not decided in {time_limit:g} s; {sampled}"
        for name in left:
            found.setdefault(name, refuted.get(name, Proof(name, False, reason=over)))
    except Exception as error:  # noqa: BLE001  (On numbers it ran; on symbols, NumPy raises anything.)
        over = f"not decided by algebra ({error}); {sampled}"
        for name in left:
            found.setdefault(name, refuted.get(name, Proof(name, False, reason=over)))
    finally:
        called.reset(token)
    return found


def _with_all(derivation: Steps, names: Iterable[str]) -> Steps:
    """Return a derivation that has the gradients of inner tensors, too."""
    inner = [name for name in names if name not in derivation.gradients]
    known = [node.name for node in derivation.graph if node.name and node.requires_grad]
    unknown = [name for name in inner if name not in known]
    if unknown:
        raise KeyError(
            f"prove: {', '.join(unknown)} is not among the gradients that can be derived: "
            f"{', '.join(dict.fromkeys((*derivation.gradients, *known)))}."
        )
    return derivation.also(inner) if inner else derivation


def _by_hand(
    by_hand: Any, formulas: Mapping[str, str], names: Mapping[str, Any], derivation: Steps
) -> dict[str, Any]:
    """Compute what was derived by hand, on numbers or on symbols."""
    given: dict[str, Any] = (
        _called(by_hand, names, derivation) if callable(by_hand) else dict(by_hand or {})
    )
    given |= formulas
    return {
        name: _formula(name, x, names, derivation) if isinstance(x, str) else x
        for name, x in given.items()
    }


SINGULAR = "Singular matrix"

IS_SYMMETRIC = "is symmetric"


def _special(value: Any) -> str:
    """Return what an array is that a formula by hand may rely on; "" if it is any array."""
    array = np.asarray(value)
    symmetric = array.ndim == 2 and np.array_equal(array, array.T)
    if symmetric and np.any(array - np.diag(np.diag(array))):
        return IS_SYMMETRIC
    if array.ndim and np.isin(array, (-1, 0, 1)).all():
        return "has no entries but -1, 0 and 1"
    sums = (array.sum(axis) for axis in range(array.ndim))
    return "adds up to 1" if any(np.allclose(x, 1, atol=0) for x in sums) else ""


def _values(
    derivation: Steps, failed: list[str], *seeds: int,
    keep: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:  # fmt: skip
    """Run a derivation on the values that were recorded, and on others that it can be run on.

    - `failed`: takes the errors where it cannot be run.
    - `keep`: the arguments whose entries change places only, so that they stay what they are.
    """
    fixed, own = _positions(derivation), derivation._how["order"] or derivation.arguments
    fixed |= {x for x, value in derivation.arguments.items()
              if x not in own and np.asarray(value).dtype == bool}  # fmt: skip
    found = []
    for seed in (None, *seeds):
        space = namespace(derivation.lines)
        for name, value in derivation.arguments.items():
            rng, known = np.random.default_rng(seed), np.asarray(value)
            space[name] = value
            if seed is None or name in fixed or (name in keep and not known.ndim):
                continue
            if name in keep:
                order = rng.permutation(len(known))
                space[name] = known[order]
                if keep[name] == IS_SYMMETRIC:
                    space[name] = space[name][:, order]
            else:
                noise = rng.uniform(0.5, 1.5, known.shape)
                space[name] = noise * np.where(known == 0, 1, known) if seed else noise
        try:
            with np.errstate(all="ignore"):
                for line in derivation.lines:
                    exec(line.code, space)
        except np.linalg.LinAlgError as error:
            if seed is None:
                raise
            failed.append(str(error))
            continue
        found.append({k: x for k, x in space.items() if k != "__builtins__"})
    return found


def _positions(derivation: Steps) -> set[str]:
    """Return the arguments that say where something is, and keep their values."""
    parts = [x for line in derivation.lines for x in walk((line.expression,))]
    return {str(x.name) for e in parts for x in walk(e.positions) if x.name is not None}


def _fitted(name: str, hand: Any, gradient: Any) -> tuple[Any, Any]:
    """Return a gradient in the shape of the formula by hand, which may repeat it."""
    shapes = np.shape(hand), np.shape(gradient)
    if shapes[0] != shapes[1]:
        try:
            gradient = np.broadcast_to(gradient, shapes[0])
        except ValueError:
            raise ValueError(
                f"prove: the formula for {name} has shape {shapes[0]}, the gradient {shapes[1]}."
            ) from None
    return hand, gradient


def _refuted(name: str, pairs: list[tuple[Any, Any]], where_equal: str, sympy: Any) -> Proof | None:
    """Return what numbers say where they refute: a ratio, if it is the same everywhere."""
    h, g = (np.concatenate([np.ravel(pair[i]).astype(float) for pair in pairs]) for i in (0, 1))
    finite = np.isfinite(h) & np.isfinite(g)
    h, g = h[finite], g[finite]
    apart = ~np.isclose(h, g, rtol=1e-7, atol=1e-9 * np.abs(g).max(initial=1e-3))
    if not apart.any():
        return None
    with np.errstate(all="ignore"):
        ratio = h[np.argmax(np.abs(g))] / np.abs(g).max() * np.sign(g[np.argmax(np.abs(g))])
    fraction = Fraction(float(ratio)).limit_denominator(1000) if np.isfinite(ratio) else Fraction(0)
    if fraction and np.allclose(h, float(fraction) * g, rtol=1e-8, atol=1e-12):
        return Proof(name, False, sympy.Rational(fraction.numerator, fraction.denominator))
    for x, y in pairs:
        at = np.argwhere(~np.isclose(x, y, rtol=1e-7, atol=1e-9))
        if len(at):
            where = tuple(map(int, at[0]))
            numbers = np.asarray(x)[where], np.asarray(y)[where]
            reason = f"by hand is {numbers[0]:.5g} where the gradient is {numbers[1]:.5g}"
            if x is not pairs[0][0]:
                reason = f"by hand = gradient {where_equal}; else {reason}"
            return Proof(name, False, where=where, reason=reason)
    return None


class _Expired(BaseException):
    """The time for a proof is over."""


@contextmanager
def _until(seconds: float) -> Iterator[None]:
    """Raise `_Expired` here when the time is over: SymPy cannot be asked to stop."""
    me, lock, state = threading.get_ident(), threading.Lock(), {"over": False, "sent": False}

    def expire() -> None:
        with lock:
            if not state["over"]:
                state["sent"] = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(me), ctypes.py_object(_Expired)
                )

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
        with lock:
            state["over"] = True
        if state["sent"]:  # It comes at one of the next instructions.
            time.sleep(0.01)
    finally:
        state["over"] = True
        timer.cancel()


def _called(
    function: Callable[..., Any], symbols: Mapping[str, Any], derivation: Steps
) -> dict[str, Any]:
    """Call a derivation by hand with symbols for the values of its parameters' names."""
    wanted = inspect.signature(function).parameters.values()
    own = {node.name: identifier(node.name) for node in derivation.graph if node.name}
    known = {name: symbols[code] for name, code in own.items() if code in symbols}
    known = derivation.lengths | dict(symbols) | known
    if any(x.kind is x.VAR_KEYWORD for x in wanted):
        return dict(function(**known))
    unknown = [x.name for x in wanted if x.name not in known]
    if unknown:
        raise KeyError(f"prove: by_hand takes {', '.join(unknown)}; there are {', '.join(known)}.")
    return dict(function(**{x.name: known[x.name] for x in wanted}))


class _Forward:
    """The values of the forward pass as symbols, and what these stand for."""

    def __init__(
        self, derivation: Steps, sympy: Any, names: dict[Any, Any], numbers: Mapping[str, Any]
    ) -> None:
        self.sympy = sympy
        values = derivation.arguments.items()
        fixed = _positions(derivation)
        self.symbols = {
            name: value if name in fixed else self._symbol(name, np.shape(value))
            for name, value in values
        }
        self.meanings: list[dict[Any, Any]] = []  # Of each line, in the symbols before it.
        self.opaque: Exception | None = None  # Why a line has no meaning in symbols.
        for line in derivation.forward:
            try:
                result = _run([line], self.symbols, derivation)[line.name]
            except TypeError as error:  # What holds for any value of it still holds.
                self.opaque = error
                self.symbols[line.name] = self._symbol(line.name, np.shape(numbers[line.name]))
                continue
            defined = wrap(result).view(np.ndarray)
            symbol = self.symbols[line.name] = self._symbol(line.name, defined.shape)
            plain = symbol.view(np.ndarray)
            self.meanings.append(dict(zip(plain.flat, defined.flat, strict=True)))
            for entry, meaning in zip(plain.flat, defined.flat, strict=True):
                if getattr(meaning, "args", ()):  # No number, and no other symbol.
                    names.setdefault(meaning, entry)
        self.sample = {
            symbol: float(number)
            for name, array in self.symbols.items()
            if name not in fixed
            for symbol, number in zip(
                array.view(np.ndarray).flat, np.ravel(numbers[name]), strict=True
            )
        }

    def _symbol(self, name: str, shape: tuple[int, ...]) -> Any:
        """Return an array of symbols ``w_0_1``, or a symbol for a single number."""
        array = np.empty(shape, dtype=object)
        for index in np.ndindex(shape):
            label = "_".join([name, *map(str, index)])
            array[index] = self.sympy.Symbol(label, real=True)
        return array.view(Symbols)

    def is_zero(self, expression: Any) -> bool | None:
        """Return whether an expression vanishes, by itself or once symbols are replaced.

        A sample point can only refute; what it does not refute is decided by algebra, or is None.
        """
        sympy = self.sympy
        expression = sympy.nsimplify(expression, rational=True)
        value = abs(float(expression.subs(self.sample)))
        if value > 1e-9:
            return False
        if sympy.expand(expression) == 0:
            return True
        for meaning in reversed(self.meanings):
            expression = expression.xreplace(meaning)
            if self._cancels(expression):
                return True
        if expression.is_rational_function():
            return False if value > ROUNDING else None
        choices = sympy.piecewise_fold(expression.rewrite(sympy.Piecewise))
        return self._cancels_in_all_cases(expression) or sympy.simplify(choices) == 0 or None

    def _cancels_in_all_cases(self, expression: Any) -> bool:
        """Try both outcomes of each comparison: equal numbers are a set without volume."""
        sympy = self.sympy
        expression = expression.rewrite(sympy.Piecewise)
        if expression.has(sympy.tanh):
            expression = expression.rewrite(sympy.exp)
        above: dict[Any, Any] = {}
        for x in expression.atoms(sympy.StrictGreaterThan, sympy.StrictLessThan,
                                  sympy.GreaterThan, sympy.LessThan):  # fmt: skip
            gap = sympy.expand(x.gts - x.lts)
            is_lower = gap.could_extract_minus_sign()
            above[x] = (-gap if is_lower else gap, is_lower)
        gaps = list({gap for gap, _ in above.values()})
        return len(gaps) <= MOST_COMPARISONS and all(
            self._cancels(expression.xreplace({
                x: sympy.true if outcomes[gaps.index(gap)] != is_lower else sympy.false
                for x, (gap, is_lower) in above.items()
            }))
            for outcomes in product((True, False), repeat=len(gaps))
        )  # fmt: skip

    def _cancels(self, expression: Any) -> bool:
        sympy = self.sympy
        if expression.has(sympy.sinh, sympy.cosh):
            expression = expression.rewrite(sympy.exp)
        return bool(sympy.cancel(sympy.together(sympy.nsimplify(expression, rational=True))) == 0)

    def spelled(self, ratio: Any) -> Any:
        """Put what v1, v2, … stand for in their place, where that is as short."""
        for meaning in reversed(self.meanings):
            own = {x: y for x, y in meaning.items() if re.fullmatch(r"v\d+", x.name)}
            new = self.sympy.factor(ratio.xreplace(own))
            if self.sympy.count_ops(new) <= self.sympy.count_ops(ratio):
                ratio = new
        return ratio


def _run(lines: Iterable[Line], names: Mapping[str, Any], derivation: Steps) -> dict[str, Any]:
    """Run lines of a derivation on symbols."""
    space = {**namespace(derivation.lines), **names, "np": NUMPY}
    for line in lines:
        exec(line.code, space)
    return {name: value for name, value in space.items() if name not in ("np", "__builtins__")}


def _formula(name: str, formula: str, names: Mapping[str, Any], derivation: Steps) -> Any:
    """Evaluate a formula by hand, on numbers or on symbols."""
    own = derivation.gradients[name]
    if re.search(rf"\b{own}\b", formula):
        raise ValueError(
            f"prove: the formula for {name}, {formula!r}, uses {own}, which is the gradient that "
            f"was derived, and proves nothing of itself. Write it from the lines before it."
        )
    space = {
        **derivation.lengths,
        **names,
        "np": NUMPY if any(isinstance(x, Symbols) for x in names.values()) else np,
    }
    try:
        return eval(formula, space)
    except NameError as error:
        known = [x for x in names if x.isidentifier() and x != "np"]
        raise NameError(
            f"prove: {error} in the formula for {name}, {formula!r}. Names that it may use: "
            f"{', '.join(known)}, np."
        ) from None
    except SyntaxError as error:
        raise SyntaxError(
            f"prove: the formula for {name}, {formula!r}, is not Python: {error.msg}. Write it as "
            f"an expression, as in w='2 * (y - t) * x'."
        ) from None
    except Exception as error:
        error.add_note(f"This was the formula for {name}, {formula!r}, in prove.")
        raise


def _compare(name: str, hand: Any, gradient: Any, forward: _Forward, sampled: str) -> Proof:
    """Compare entry by entry."""
    sympy = forward.sympy
    hand, gradient = wrap(hand).view(np.ndarray), wrap(gradient).view(np.ndarray)
    hand, gradient = _fitted(name, hand, gradient)
    zero = {i: forward.is_zero(hand[i] - gradient[i]) for i in np.ndindex(hand.shape)}
    if all(zero.values()):
        return Proof(name, True)
    if forward.opaque is not None:
        raise forward.opaque
    if False not in zero.values():
        return Proof(name, False, reason=f"not decided by algebra; {sampled}")
    where = next(i for i, is_zero in zero.items() if is_zero is False)
    difference = hand[where] - gradient[where]
    ratio = sympy.cancel(sympy.nsimplify(hand[where] / gradient[where], rational=True))
    gaps = (hand[index] - ratio * gradient[index] for index in np.ndindex(hand.shape))
    shared = all(forward.is_zero(gap) for gap in gaps)
    ratio = forward.spelled(sympy.factor(ratio))
    shared = shared and sympy.count_ops(ratio) <= MOST_IN_A_RATIO
    simplest = sympy.factor(sympy.nsimplify(difference, rational=True))
    return Proof(name, False, ratio if shared else None, simplest, where)
