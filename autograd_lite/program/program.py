"""Programs: a computation as statements, each one application of a function, and no values.

Every variable is assigned once (SSA form). A function is a primitive of the registry, or a NumPy
function without a derivative, such as a comparison. Derivatives are statements like any other:
they were computed by the rules of the entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.core.primitive import Primitive
from autograd_lite.ops.writing import literal


@dataclass(eq=False, slots=True)
class Variable:
    """What an input or a statement gives: an array whose entries are not known."""

    name: str  # Unique in its program.
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool = False  # Whether it is a Python number, which takes on the dtype of what it meets.

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def type(self) -> str:
        """Dtype and shape, as text: ``float64[3, 4]``."""
        kind = "number" if self.weak else self.dtype.name
        return f"{kind}[{', '.join(map(str, self.shape))}]" if self.shape else kind

    def like(self, other: Any) -> bool:
        """Return whether something else is a variable of this shape, dtype and weakness."""
        of = (self.shape, self.dtype, self.weak)
        return isinstance(other, Variable) and of == (other.shape, other.dtype, other.weak)

    def __repr__(self) -> str:
        return f"{self.name}: {self.type}"


@dataclass(eq=False, slots=True)
class Statement:
    """A variable, and what it is: a function of variables and constants."""

    result: Variable
    function: Primitive | Callable[..., Any]
    operands: tuple[Any, ...]
    parameters: dict[str, Any] = field(default_factory=dict)  # Static parameters.
    source: str = ""  # The line of the user's code that asked for it.

    @property
    def uses(self) -> tuple[Any, ...]:
        """The operands; loops and blocks of statements have this property too."""
        return self.operands

    @property
    def results(self) -> tuple[Variable, ...]:
        """The result alone; loops of statements have several."""
        return (self.result,)

    @property
    def compute(self) -> Callable[..., Any]:
        """The function of arrays."""
        return self.function.forward if isinstance(self.function, Primitive) else self.function

    @property
    def name(self) -> str:
        """What the function is called."""
        return str(getattr(self.function, "name", None) or getattr(self.function, "__name__", "f"))

    @property
    def ufunc(self) -> np.ufunc | None:
        """The universal function that does it, if there is one."""
        if isinstance(self.function, np.ufunc):
            return self.function
        functions = getattr(self.function, "numpy", ())
        return next((f for f in functions if isinstance(f, np.ufunc)), None)

    @property
    def entrywise(self) -> bool:
        """Whether an entry of the result depends on nothing but the entries at its place."""
        if isinstance(self.function, Primitive):
            return self.function.entrywise
        return isinstance(self.function, np.ufunc) and self.function.signature is None

    def __str__(self) -> str:
        parts = [
            x.name if isinstance(x, Variable) else literal(x) if np.size(x) < 9 else _table(x)
            for x in self.operands
        ]
        parts += [f"{name}={literal(value)}" for name, value in self.parameters.items()]
        return f"{self.result!r} = {self.name}({', '.join(parts)})"


def _table(x: Any) -> str:
    return f"<{x.dtype.name}[{', '.join(map(str, x.shape))}]>"


@dataclass(eq=False, slots=True)
class Program:
    """Statements from inputs to outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.program.trace import trace
    >>> print(trace(lambda x: np.sum(x * x), np.arange(3.0)).program)
    x0: float64[3]
    v0: float64[3] = multiply(x0, x0)
    v1: float64 = sum(v0, axis=None, keepdims=False)
    return v1
    """

    inputs: tuple[Variable, ...]
    statements: tuple[Statement, ...]  # Operands come before what is computed from them.
    outputs: tuple[Any, ...]  # An output that does not depend on the inputs is a constant.

    def __call__(self, *values: Any) -> list[Any]:
        """Compute the outputs, one statement at a time."""
        known: dict[Any, Any] = dict(zip(self.inputs, values, strict=True))
        for statement in self.statements:
            operands = [known[x] if isinstance(x, Variable) else x for x in statement.operands]
            compute = statement.compute
            if all(type(x) in (bool, int, float) for x in operands):  # As it was traced.
                compute = getattr(statement.function, "compute", compute)
            known[statement.result] = compute(*operands, **statement.parameters)
        return [known[x] if isinstance(x, Variable) else x for x in self.outputs]

    def __str__(self) -> str:
        outputs = ", ".join(x.name if isinstance(x, Variable) else literal(x) for x in self.outputs)
        lines = [", ".join(map(repr, self.inputs)), *map(str, self.statements), f"return {outputs}"]
        return "\n".join(lines)


def fingerprint(program: Program) -> tuple[Any, ...]:
    """Return something that is equal for equal programs, with equal constants."""
    parts: list[Any] = [repr(x) for x in program.inputs]
    parts += [
        (repr(s.result), *key_of(s.function, s.operands, s.parameters, by_name=True))
        for s in program.statements
    ]
    parts += [x.name if isinstance(x, Variable) else constant_key(x) for x in program.outputs]
    return tuple(parts)


def key_of(
    function: Any, operands: Sequence[Any], parameters: dict[str, Any], *, by_name: bool = False
) -> tuple[Any, ...]:
    """Return what two statements share exactly if they compute the same."""
    return (
        function,
        tuple(
            (x.name if by_name else x) if isinstance(x, Variable) else constant_key(x)
            for x in operands
        ),
        tuple((name, constant_key(value)) for name, value in parameters.items()),
    )


def constant_key(x: Any) -> Any:
    """Return something hashable that stands for a constant, to the last bit."""
    if isinstance(x, np.ndarray | np.generic):
        array = np.asarray(x)
        return array.dtype.str, array.shape, array.tobytes()
    if isinstance(x, list | tuple):
        return type(x), tuple(map(constant_key, x))
    if isinstance(x, slice):
        return slice, x.start, x.stop, x.step
    return type(x), repr(x)
