"""Python's operators on symbols: Python's arithmetic of its numbers, NumPy's of all else."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.program.program import Variable
from autograd_lite.program.refusals import under_way
from autograd_lite.tensor import Tensor

COMPARISONS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
"""Comparisons by the names of their operators; of Python numbers, these give a Python bool."""
_OF_NUMBERS: dict[Any, Callable[..., Any]] = {
    np.remainder: operator.mod, np.floor_divide: operator.floordiv, np.absolute: operator.abs,
    np.bitwise_and: operator.and_, np.bitwise_or: operator.or_, np.bitwise_xor: operator.xor,
    np.invert: operator.invert, np.positive: operator.pos,
    np.left_shift: operator.lshift, np.right_shift: operator.rshift,
}  # fmt: skip
"""Python's operators, by the NumPy functions that would make NumPy numbers of Python numbers."""


class Operators:
    """What Python's operators work on. `sample` stands in for its value; `_ask` asks for it."""

    __slots__ = ()
    variable: Variable
    sample: Any
    _ask: Callable[..., Any]


def is_weak(x: Any) -> bool:
    """Return whether it is a Python number, which takes on the dtype of what it meets."""
    return type(x) in (bool, int, float)


def of_numpys(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Make NumPy numbers of Python numbers if there are no others, as NumPy's functions do."""
    if not all(is_weak(sample_of(x)) for x in operands):
        return operands
    return tuple(
        x if not isinstance(x, Operators)
        else under_way().apply(np.logical_or, (x, x), {}) if x.variable.dtype == bool
        else under_way().apply(np.positive, (x,), {})
        for x in operands
    )  # fmt: skip


def sample_of(x: Any) -> Any:
    """Return what stands for the value of a symbol, in lists and tuples, too."""
    if isinstance(x, list | tuple):
        return type(x)(map(sample_of, x))
    return x.sample if isinstance(x, Operators) else x


def _stands_alone(x: Any) -> bool:
    """Return whether NumPy leaves all operators to an object of another class."""
    if hasattr(type(x), "__array_ufunc__"):
        return type(x).__array_ufunc__ is None
    return getattr(x, "__array_priority__", 0) > 0


def apply_operator(function: Any, *operands: Any) -> Any:
    """Note down what an operator does; NotImplemented where it is that of the other operand."""
    if any(isinstance(x, Tensor) or _stands_alone(x) for x in operands):
        return NotImplemented
    if any(isinstance(x, list | tuple | str) for x in operands) and any(
        is_weak(x) or (function is np.multiply and isinstance(x, np.generic))
        for x in map(sample_of, operands)
    ):
        return NotImplemented  # Python repeats a list, by an integer alone.
    if function in _OF_NUMBERS and all(is_weak(sample_of(x)) for x in operands):
        known = [x._ask("the value") if isinstance(x, Operators) else x for x in operands]
        return _OF_NUMBERS[function](*known)
    return under_way().apply(ops.recorded_as(function) or function, operands, {})


def _methods(name: str, function: Any) -> None:
    def forward(self: Any, other: Any) -> Any:
        return apply_operator(function, self, other)

    def reflected(self: Any, other: Any) -> Any:
        return apply_operator(function, other, self)

    def in_place(self: Any, other: Any) -> Any:
        return self._write(function, other)

    setattr(Operators, f"__{name}__", forward)
    setattr(Operators, f"__r{name}__", reflected)
    setattr(Operators, f"__i{name}__", in_place)


for _sign, _function in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
    "pow": np.power, "matmul": np.matmul, "mod": np.remainder, "floordiv": np.floor_divide,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift,
}.items():  # fmt: skip
    _methods(_sign, _function)


for _sign, _function in {
    "neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert,
}.items():  # fmt: skip
    setattr(Operators, f"__{_sign}__", lambda self, _f=_function: apply_operator(_f, self))

for _sign, _function in COMPARISONS.items():
    setattr(Operators, f"__{_sign}__", lambda a, b, _f=_function: apply_operator(_f, a, b))
