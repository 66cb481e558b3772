"""Decide as algebra, not at sample points, whether a formula by hand is the derivative.

The printed derivation is run on symbols in place of numbers, and so is the formula by hand. What
has a line of its own on the way forward (``l1``, say) is first a symbol itself; only where that
does not settle the matter is it replaced by what it stands for.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.derive.helpers import namespace
from autograd_lite.derive.lines import Line
from autograd_lite.derive.steps import Steps
from autograd_lite.derive.symbols import Symbols, called, wrap

MOST_IN_A_RATIO = 10
"""Where the ratio is longer, the difference says more."""


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
    """

    name: str
    equal: bool
    ratio: Any = None
    difference: Any = None
    where: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        if self.equal:
            return f"{self.name}: proved, by hand = gradient"
        if self.ratio is not None:
            return f"{self.name}: by hand = {self.ratio} × gradient"
        at = f" at {self.where}" if self.where else ""
        return f"{self.name}: by hand - gradient = {self.difference}{at}"


def prove(
    derivation: Steps,
    by_hand: Mapping[str, Any] | Callable[..., Any] | None,
    formulas: Mapping[str, str],
) -> list[Proof]:
    """Compare formulas with gradients; see `Derivation.prove`."""
    try:
        import sympy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "prove needs SymPy, which is not installed. Run: pip install 'autograd_lite[symbolic]'"
        ) from None
    names: dict[Any, Any] = {}
    token = called.set(names)
    try:
        return _prove(derivation, by_hand, formulas, _Forward(derivation, sympy, names))
    finally:
        called.reset(token)


def _prove(
    derivation: Steps,
    by_hand: Mapping[str, Any] | Callable[..., Any] | None,
    formulas: Mapping[str, str],
    forward: _Forward,
) -> list[Proof]:
    """Prove, given the values of the forward pass as symbols."""
    given = (
        _called(by_hand, forward.symbols, derivation) if callable(by_hand) else dict(by_hand or {})
    )
    given |= formulas
    inner = [name for name in given if name not in derivation.gradients]
    known = [node.name for node in derivation.graph if node.name and node.requires_grad]
    unknown = [name for name in inner if name not in known]
    if unknown:
        raise KeyError(
            f"prove: {', '.join(unknown)} is not among the gradients that can be derived: "
            f"{', '.join(dict.fromkeys((*derivation.gradients, *known)))}."
        )
    if inner:
        derivation = derivation.also(inner)
    names = _run(derivation.backward, forward.symbols, derivation)
    return [
        _compare(
            name,
            _formula(name, formula, names) if isinstance(formula, str) else formula,
            names[derivation.gradients[name]],
            forward,
        )
        for name, formula in given.items()
    ]


def _called(
    function: Callable[..., Any], symbols: Mapping[str, Any], derivation: Steps
) -> dict[str, Any]:
    """Call a derivation by hand with symbols for the values of its parameters' names."""
    wanted = inspect.signature(function).parameters.values()
    own = {node.name: re.sub(r"\W", "_", node.name) for node in derivation.graph if node.name}
    known = {name: symbols[code] for name, code in own.items() if code in symbols}
    known = dict(symbols) | known
    if any(x.kind is x.VAR_KEYWORD for x in wanted):
        return dict(function(**known))
    unknown = [x.name for x in wanted if x.name not in known]
    if unknown:
        raise KeyError(f"prove: by_hand takes {', '.join(unknown)}; there are {', '.join(known)}.")
    return dict(function(**{x.name: known[x.name] for x in wanted}))


class _Forward:
    """The values of the forward pass as symbols, and what these stand for."""

    def __init__(self, derivation: Steps, sympy: Any, names: dict[Any, Any]) -> None:
        self.sympy = sympy
        values = derivation.arguments.items()
        self.symbols = {name: self._symbol(name, np.shape(value)) for name, value in values}
        self.meanings: list[dict[Any, Any]] = []  # Of each line, in the symbols before it.
        space = namespace(derivation.lines)
        rng = np.random.default_rng(0)
        numbers = {name: rng.uniform(0.5, 1.5, np.shape(value)) for name, value in values}
        for line in derivation.forward:
            result = _run([line], self.symbols, derivation)[line.name]
            defined = wrap(result).view(np.ndarray)
            symbol = self.symbols[line.name] = self._symbol(line.name, defined.shape)
            plain = symbol.view(np.ndarray)
            self.meanings.append(dict(zip(plain.flat, defined.flat, strict=True)))
            for entry, meaning in zip(plain.flat, defined.flat, strict=True):
                if getattr(meaning, "args", ()):  # No number, and no other symbol.
                    names.setdefault(meaning, entry)
            exec(line.code, space, numbers)
        self.sample = {
            symbol: float(number)
            for name, array in self.symbols.items()
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

    def is_zero(self, expression: Any) -> bool:
        """Return whether an expression vanishes, by itself or once symbols are replaced.

        A sample point can only refute; what it does not refute is decided by algebra.
        """
        sympy = self.sympy
        expression = sympy.nsimplify(expression, rational=True)
        if abs(float(expression.subs(self.sample))) > 1e-9:
            return False
        if sympy.expand(expression) == 0:
            return True
        for meaning in reversed(self.meanings):
            expression = expression.xreplace(meaning)
            if sympy.cancel(sympy.together(sympy.nsimplify(expression, rational=True))) == 0:
                return True
        choices = sympy.piecewise_fold(expression.rewrite(sympy.Piecewise))
        return bool(sympy.simplify(choices) == 0)


def _run(lines: Iterable[Line], names: Mapping[str, Any], derivation: Steps) -> dict[str, Any]:
    """Run lines of a derivation on symbols."""
    space = {**namespace(derivation.lines), **names}
    for line in lines:
        exec(line.code, space)
    return {name: value for name, value in space.items() if name not in ("np", "__builtins__")}


def _formula(name: str, formula: str, names: Mapping[str, Any]) -> Any:
    """Evaluate a formula by hand on symbols."""
    try:
        return eval(formula, {**names, "np": np})
    except NameError as error:
        known = [x for x in names if x.isidentifier()]
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


def _compare(name: str, hand: Any, gradient: Any, forward: _Forward) -> Proof:
    """Compare entry by entry."""
    sympy = forward.sympy
    hand, gradient = wrap(hand).view(np.ndarray), wrap(gradient).view(np.ndarray)
    if hand.shape != gradient.shape:
        gradient = np.broadcast_to(gradient, np.broadcast_shapes(hand.shape, gradient.shape))
        if hand.shape != gradient.shape:
            raise ValueError(
                f"prove: the formula for {name} has shape {hand.shape}, the gradient "
                f"{gradient.shape}."
            )
    apart = [
        (index, hand[index] - gradient[index])
        for index in np.ndindex(hand.shape)
        if not forward.is_zero(hand[index] - gradient[index])
    ]
    if not apart:
        return Proof(name, True)
    where, difference = apart[0]
    ratio = sympy.cancel(sympy.nsimplify(hand[where] / gradient[where], rational=True))
    gaps = (hand[index] - ratio * gradient[index] for index in np.ndindex(hand.shape))
    shared = all(forward.is_zero(gap) for gap in gaps)
    ratio = sympy.factor(ratio)
    shared = shared and sympy.count_ops(ratio) <= MOST_IN_A_RATIO
    simplest = sympy.factor(sympy.nsimplify(difference, rational=True))
    return Proof(name, False, ratio if shared else None, simplest, where)
