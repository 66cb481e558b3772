"""Decide as algebra, not at sample points, whether a formula by hand is the derivative.

The printed derivation is run on symbols in place of numbers, and so is the formula by hand. What
has a line of its own on the way forward (``l1``, say) is first a symbol itself; only where that
does not settle the matter is it replaced by what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from autograd_lite.derive.derivation import Derivation, Line


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


class _SymbolicNumpy:
    """NumPy's functions on arrays of symbols: its own where they can, SymPy's entry by entry."""

    def __init__(self) -> None:
        import sympy

        self._elementwise = {
            "exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt, "sin": sympy.sin,
            "cos": sympy.cos, "tanh": sympy.tanh, "abs": sympy.Abs,
        }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        function = self._elementwise.get(name)
        if function is None:
            return getattr(np, name)
        return np.vectorize(function, otypes=[object])


def prove(derivation: Derivation, by_hand: Mapping[str, str]) -> list[Proof]:
    """Compare formulas with gradients; see `Derivation.prove`."""
    try:
        import sympy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "prove needs SymPy, which is not installed. Run: pip install 'autograd_lite[symbolic]'"
        ) from None
    unknown = [name for name in by_hand if name not in derivation.gradients]
    if unknown:
        raise KeyError(
            f"prove: {', '.join(unknown)} is not among the gradients derived: "
            f"{', '.join(derivation.gradients)}."
        )
    forward = _Forward(derivation, sympy)
    backward = _run(derivation.backward, forward.symbols)
    return [
        _compare(name, _formula(formula, backward), backward[derivation.gradients[name]], forward)
        for name, formula in by_hand.items()
    ]


class _Forward:
    """The values of the forward pass as symbols, and what these stand for."""

    def __init__(self, derivation: Derivation, sympy: Any) -> None:
        self.sympy = sympy
        values = derivation.arguments.items()
        self.symbols = {name: self._symbol(name, np.shape(value)) for name, value in values}
        self.meanings: list[dict[Any, Any]] = []  # Of each line, in the symbols before it.
        rng = np.random.default_rng(0)
        numbers = {name: rng.uniform(0.5, 1.5, np.shape(value)) for name, value in values}
        for line in derivation.forward:
            defined = np.asarray(_run([line], self.symbols)[line.name], dtype=object)
            symbol = self.symbols[line.name] = self._symbol(line.name, defined.shape)
            self.meanings.append(dict(zip(symbol.ravel(), defined.ravel(), strict=True)))
            exec(line.code, {"np": np}, numbers)
        self.sample = {
            symbol: float(number)
            for name, array in self.symbols.items()
            for symbol, number in zip(array.ravel(), np.ravel(numbers[name]), strict=True)
        }

    def _symbol(self, name: str, shape: tuple[int, ...]) -> Any:
        """Return an array of symbols ``w_0_1``, or a symbol for a single number."""
        array = np.empty(shape, dtype=object)
        for index in np.ndindex(shape):
            label = "_".join([name, *map(str, index)])
            array[index] = self.sympy.Symbol(label, real=True)
        return array

    def is_zero(self, expression: Any) -> bool:
        """Say whether an expression vanishes, by itself or once symbols are replaced.

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
        return bool(sympy.simplify(expression) == 0)


def _run(lines: Iterable[Line], names: Mapping[str, Any]) -> dict[str, Any]:
    """Run lines of a derivation on symbols."""
    space = {**names, "np": _SymbolicNumpy()}
    for line in lines:
        exec(line.code, space)
    return {name: value for name, value in space.items() if name not in ("np", "__builtins__")}


def _formula(formula: str, names: Mapping[str, Any]) -> Any:
    """Evaluate a formula by hand on symbols."""
    try:
        return eval(formula, {**names, "np": _SymbolicNumpy()})
    except NameError as error:
        known = [name for name in names if name.isidentifier()]
        raise NameError(
            f"prove: {error} in {formula!r}. Names that it may use: {', '.join(known)}, np."
        ) from None


def _compare(name: str, hand: Any, gradient: Any, forward: _Forward) -> Proof:
    """Compare entry by entry."""
    sympy = forward.sympy
    hand, gradient = np.asarray(hand, dtype=object), np.asarray(gradient, dtype=object)
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
    simplest = sympy.factor(sympy.nsimplify(difference, rational=True))
    return Proof(name, False, ratio if shared else None, simplest, where)
