"""Expressions: the arithmetic of a derivation, simplified as it is built.

An `Expression` answers to operators and NumPy functions like a Tensor does, so the rules of the
operations can be run on it as they stand. It also carries its value, so that a rule may ask for
shapes and values, and every line that is printed can be checked against what was computed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from autograd_lite import numpy_api, ops
from autograd_lite.core.notation import SIGN, Choice, Form, Notation, call
from autograd_lite.core.primitive import Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.numpy_api.methods import ArrayMethods
from autograd_lite.numpy_api.table import OF_SHAPES
from autograd_lite.ops.writing import literal, names
from autograd_lite.program.symbol import Call, Symbol
from autograd_lite.program.underived import underived

_numbers = itertools.count()

REWRITES: dict[Primitive | None, tuple[Callable[[Expression], Expression | None], ...]] = {}
"""Algebra over several operations (see `autograd_lite.program.simplify`), by the outermost one, or
under None for any. What concerns one operation alone is in its entry."""

COMPARISON = 4
COMPARISONS: dict[Callable[..., Any], Notation] = {
    function: Notation(
        python=Form(f"{{a:tight}} {python} {{b:tight}}", COMPARISON),  # Python chains a < b < c.
        latex=Form(f"[{{a:loose}} {latex} {{b:loose}}]"),
        text=Form(f"[{{a:loose}} {text} {{b:loose}}]"),
        picture=Form(f"{{a:tight}} {python} {{b:tight}}", COMPARISON),
    )
    for function, python, latex, text in (
        (np.greater, ">", ">", ">"),
        (np.less, "<", "<", "<"),
        (np.greater_equal, ">=", r"\ge", "≥"),
        (np.less_equal, "<=", r"\le", "≤"),
        (np.equal, "==", "=", "="),
        (np.not_equal, "!=", r"\ne", "≠"),
    )
}
"""Comparisons, which only a derivation writes down; as mathematics, they are Iverson's brackets."""

BITWISE = 4.5
COMPARISONS |= {
    function: Notation(
        python=Form(f"{{a:tight}} {python} {{b:tight}}", BITWISE),
        latex=Form(rf"{{a:tight}} {latex} {{b:tight}}", BITWISE),
        text=Form(f"{{a:tight}} {text} {{b:tight}}", BITWISE),
    )
    for function, python, latex, text in (
        (np.bitwise_and, "&", r"\wedge", "∧"),
        (np.bitwise_or, "|", r"\vee", "∨"),
    )
}
COMPARISONS[np.invert] = Notation(
    python=Form("~{a:factor}", SIGN),
    latex=Form(r"\neg {a:factor}", SIGN),
    text=Form("¬{a:factor}", SIGN),
)


class Name(str):
    """An identifier, and what it stands for: it is written as mathematics accordingly.

    - `kind`: {"value", "word", "entry", "round", "gradient", "total", "delta", "partial"}; ``l1``,
      ``l_1`` beside it, ``W_1_2``, ``h[t]``, ``d_w``, ``d_w`` in a chain, ``l1_delta``,
      ``d_h1_d_w1``.
    - `parts`: what it is made of: of an entry or a round, the array and its indices; else the
      values differentiated.
    """

    kind: str
    parts: tuple[Name, ...]

    def __new__(cls, text: str, kind: str = "value", *parts: Name) -> Name:
        """Make a string that knows more."""
        made = super().__new__(cls, text)
        made.kind, made.parts = kind, parts
        return made


class Given(np.ndarray[Any, Any]):
    """An array in a static parameter, and the expression that is written in its place.

    - `looked`: whether something was computed from its entries, which nobody has written down.
    """

    expression: Expression
    looked = False

    @classmethod
    def of(cls, expression: Expression) -> Given:
        """Return the value of an expression, as an array that knows it."""
        made = np.array(expression.value).view(cls)
        made.expression = expression
        return made

    def copy(self, order: Any = "C") -> Given:
        """Return a copy that knows it, too."""
        del order
        return self.of(self.expression)

    def __deepcopy__(self, memo: Any) -> Given:
        return self.of(deepcopy(self.expression, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return Given.of, (self.expression,)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _look(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        return _look(function, args, kwargs)

    @property
    def called(self) -> str:
        """What tells it from others while it has no name."""
        return f"?{self.expression.number}"


def as_plain(nest: Any) -> Any:
    """Return a nest with plain arrays in it."""
    leaves = leaves_of(nest)
    return rebuild(nest, [x.view(np.ndarray) if isinstance(x, Given) else x for x in leaves])


def _look(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function on what is given, and remember that."""
    for x in leaves_of((args, kwargs)):
        if isinstance(x, Given):
            x.looked = True
    args, kwargs = as_plain((args, kwargs))
    return function(*args, **kwargs)


class Ratio(float):
    """A number over a count: 2 / 5 stays what it is, and is not written as 0.4."""

    top: float
    bottom: int

    def __new__(cls, top: float, bottom: int) -> Ratio:
        """Make a number that remembers what it was divided by."""
        made = super().__new__(cls, top / bottom)
        made.top, made.bottom = float(top), bottom
        return made

    def __getnewargs__(self) -> tuple[float, int]:  # type: ignore[override]  # A float has one.
        return self.top, self.bottom

    @staticmethod
    def of(top: float, bottom: float) -> float:
        """Return a quotient; of the count that it is divided by, what does not cancel is kept."""
        whole = float(bottom).is_integer() and 1 < abs(bottom) < 2**53
        if not whole or not np.isfinite(top) or top % bottom == 0:
            return top / bottom
        return Ratio(top, int(bottom)) if bottom > 0 else Ratio(-top, -int(bottom))

    def __mul__(self, other: float) -> float:
        if not isinstance(other, int | float):
            return NotImplemented
        top, bottom = parts_of(other)
        return self.of(self.top * top, self.bottom * bottom)

    __rmul__ = __mul__

    def __neg__(self) -> Ratio:
        return Ratio(-self.top, self.bottom)

    def __abs__(self) -> Ratio:
        return Ratio(abs(self.top), self.bottom)


def parts_of(number: float) -> tuple[float, int]:
    """Return what is over a count, and the count."""
    return (number.top, number.bottom) if isinstance(number, Ratio) else (number, 1)


def quotient(a: float, b: float) -> float:
    """Divide; a count stays what it is divided by."""
    (top, bottom), (over, count) = parts_of(a), parts_of(b)
    return Ratio.of(top * count, bottom * over)


def _operator(
    primitive: Primitive,
) -> tuple[Callable[[Any, Any], Expression], Callable[[Any, Any], Expression]]:
    """Return the methods of an operator, for what stands before its sign and after it."""
    return (
        lambda self, other: Expression.__record__(primitive, (self, other), {}),
        lambda self, other: Expression.__record__(primitive, (other, self), {}),
    )


def _comparison(ufunc: np.ufunc) -> Any:
    return lambda self, other: _compared(ufunc, self, other)


class Expression(ArrayMethods):
    """A number, a name, or an operation on expressions.

    - `value`: what it evaluates to.
    - `operation`: the operation, or a NumPy function without derivative; None for a number or a
      name.
    - `parameters`: static parameters.
    - `name`: what it is called, where it has a line of its own or was given.
    - `meaning`: what a name stands for.
    - `positions`: what arrays in its static parameters are, an index for instance.
    - `length`: how many operations are written out in it.
    - `ratio`: the number that it is, where that is to be written as a quotient.
    """

    __slots__ = (
        "length", "meaning", "name", "number", "operands", "operation", "parameters", "positions",
        "ratio", "value",
    )  # fmt: skip

    def __init__(
        self,
        value: Any,
        *,
        name: str | None = None,
        meaning: Expression | None = None,
        operation: Primitive | Callable[..., Any] | None = None,
        operands: tuple[Expression, ...] = (),
        parameters: dict[str, Any] | None = None,
    ) -> None:
        self.ratio = value if isinstance(value, Ratio) else None
        self.value: Any = value if self.ratio is None else float(value)
        self.name = name if isinstance(name, Name | None) else Name(name)
        self.operation = operation
        self.operands = operands
        self.parameters = parameters or {}
        self.meaning = meaning
        self.positions: tuple[Expression, ...] = ()
        if parameters:
            leaves = leaves_of(list(parameters.values()))
            self.positions = tuple(x.expression for x in leaves if isinstance(x, Given))
        self.length: int = (operation is not None) + sum(x.length for x in self.parts)
        self.number = next(_numbers)

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for name, value in state[1].items():
            setattr(self, name, value)
        self.number = next(_numbers)  # The one that it had may be taken, in another process.

    @staticmethod
    def __record__(
        primitive: Primitive, operands: tuple[Any, ...], parameters: dict[str, Any]
    ) -> Expression:
        parameters = _given({**primitive.defaults, **parameters})
        lifted = tuple(map(as_expression, operands))
        with np.errstate(all="ignore"):  # The values are only looked at, as they were before.
            value = primitive.forward(*(x.value for x in lifted), **as_plain(parameters))
        plain = Expression(value, operation=primitive, operands=lifted, parameters=parameters)
        folds = all(x.is_number for x in plain.parts)
        # A picked diagonal goes back in several steps, of which the last is a matrix again.
        folds = folds or (primitive.only_shapes and not any(x.name for x in walk((plain,))))
        if folds and (uniform(value) or identity(value)):
            number = Expression(value)
            number.ratio = _ratio(primitive, lifted)
            return number
        rewrites = (*primitive.simplify, *REWRITES.get(primitive, ()), *REWRITES.get(None, ()))
        for rewrite in rewrites:
            better = rewrite(plain)
            if better is None or better.shape != plain.shape:
                continue
            # 1.0 * (x > 0) is of floats; (x > 0) is of bools, and its sum is an integer.
            other = {"f": "biu", "b": "iufc"}.get(plain.dtype.kind, "")
            if better.dtype.kind not in other:
                return as_expression(better)
        return plain

    @property
    def parts(self) -> tuple[Expression, ...]:
        """What it is made of: its operands, and what its static parameters say."""
        return self.operands + self.positions

    def of_parts(self, parts: Sequence[Expression]) -> Expression:
        """Return the same operation on others, not simplified."""
        operands, parameters = self.given(parts)
        return Expression(
            self.value, operation=self.operation, operands=operands, parameters=parameters
        )

    def given(self, parts: Sequence[Expression]) -> tuple[tuple[Expression, ...], dict[str, Any]]:
        """Return operands and static parameters, with others for its parts."""
        operands, parameters = tuple(parts[: len(self.operands)]), self.parameters
        if self.positions:
            others = iter(parts[len(self.operands) :])
            leaves = [Given.of(next(others)) if isinstance(x, Given) else x
                      for x in leaves_of(parameters)]  # fmt: skip
            parameters = rebuild(parameters, leaves)
        return operands, parameters

    @property
    def is_number(self) -> bool:
        """Whether it is a plain number, an array of one number, or a multiple of the identity."""
        return self.operation is None and self.name is None

    @property
    def meant(self) -> Expression:
        """What a name stands for; anything else, itself."""
        return self if self.meaning is None else self.meaning

    @property
    def key(self) -> tuple[Any, ...]:
        """The operation and its static parameters, as something that can be looked up."""
        return self.operation, tuple((k, literal(v)) for k, v in self.parameters.items())

    @property
    def data(self) -> Expression:
        """Itself: what is computed from its value is written down, too."""
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.size(self.value))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        return np.asarray(self.value).dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Expression]:
        return (self[i] for i in range(len(self)))

    def astype(self, dtype: Any) -> Expression:
        """Convert to another type."""
        name = np.dtype(dtype).name
        return self if name == self.dtype.name else self._apply(ops.astype, dtype=name)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        """Say of the value whether any entry is true: rules choose their form by it."""
        return np.asarray(self.value).any(*args, **kwargs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and ufunc in numpy_api.WITHOUT_DERIVATIVE and not kwargs:
            return _compared(ufunc, *inputs)
        return numpy_api.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        if function in numpy_api.WITHOUT_DERIVATIVE:
            return _underived(function, args, kwargs)
        return numpy_api.call_function(function, args, kwargs)

    __add__, __radd__ = _operator(ops.add)
    __sub__, __rsub__ = _operator(ops.subtract)
    __mul__, __rmul__ = _operator(ops.multiply)
    __truediv__, __rtruediv__ = _operator(ops.divide)
    __pow__, __rpow__ = _operator(ops.power)
    __matmul__, __rmatmul__ = _operator(ops.matmul)
    __gt__, __lt__ = _comparison(np.greater), _comparison(np.less)
    __ge__, __le__ = _comparison(np.greater_equal), _comparison(np.less_equal)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)
    __and__ = __rand__ = _comparison(np.logical_and)
    __or__ = __ror__ = _comparison(np.logical_or)
    __hash__ = object.__hash__

    def __neg__(self) -> Expression:
        return self.__record__(ops.negative, (self,), {})

    def __abs__(self) -> Expression:
        return self.__record__(ops.absolute, (self,), {})

    def __getitem__(self, index: Any) -> Expression:
        return self.__record__(ops.getitem, (self,), {"index": index})

    def __invert__(self) -> Any:
        return _compared(np.logical_not, self)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"<Expression {self.name or self.operation or self.value} {self.shape}>"


def _ratio(primitive: Primitive, numbers: tuple[Expression, ...]) -> Ratio | None:
    """Return the quotient that an operation on numbers gives, if it is to be written as one."""
    plain = [x.ratio or float(np.ravel(x.value)[0]) for x in numbers if uniform(x.value)
             or (np.ndim(x.value) == 0 and np.isrealobj(x.value))]  # fmt: skip
    found = 0.0
    if len(plain) < len(numbers):
        return None
    if primitive is ops.multiply:
        found = plain[0] * plain[1]
    elif primitive is ops.divide and plain[1]:
        found = quotient(*plain)
    elif primitive is ops.negative:
        found = -plain[0]
    elif len(plain) == 1 and (primitive.only_shapes or primitive.stretches):
        found = plain[0]
    return found if isinstance(found, Ratio) else None


def _compared(ufunc: Any, *operands: Any) -> Expression:
    """Apply a function without derivative, which only a derivation writes down."""
    lifted = tuple(map(as_expression, operands))
    value = ufunc(*(x.value for x in lifted))
    return Expression(value, operation=ufunc, operands=lifted)


def _underived(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function without derivative: positions are written down, shapes are known."""
    leaves = leaves_of((args, kwargs))
    parts = tuple(x for x in leaves if isinstance(x, Expression))
    marked = [Symbol if isinstance(x, Expression) else x for x in leaves]
    values = rebuild((args, kwargs), [getattr(x, "value", x) for x in leaves])
    value = function(*values[0], **values[1])
    if function in OF_SHAPES or not isinstance(value, np.ndarray | np.generic):
        return value
    call = Call(function, rebuild((args, kwargs), marked), None, np.shape(value))
    return Expression(value, operation=underived(call, len(parts)), operands=parts)


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return static parameters in which an expression is an array that knows it."""
    leaves = leaves_of(parameters)
    if not any(isinstance(x, Expression) for x in leaves):
        return parameters
    filled = [Given.of(x) if isinstance(x, Expression) else x for x in leaves]
    found: dict[str, Any] = rebuild(parameters, filled)
    return found


def uniform(value: Any) -> bool:
    """Return whether an array holds one number only, so that it can be written as that number."""
    array = np.asarray(value)
    return array.dtype.kind == "f" and array.size > 0 and bool((array == array.flat[0]).all())


def identity(value: Any) -> float | None:
    """Return the number before the identity matrix that an array is, if it is one."""
    array = np.asarray(value)
    if array.ndim != 2 or array.dtype.kind != "f" or not len(array) == array.shape[1] > 1:
        return None
    same = np.array_equal(array, array[0, 0] * np.eye(len(array)))
    return float(array[0, 0]) if same and array[0, 0] else None


def as_expression(x: Any) -> Expression:
    """Return an expression for a number or an array; expressions stay what they are."""
    return x if isinstance(x, Expression) else Expression(x)


class Budget:
    """How many expressions may be made, from now on."""

    def __init__(self, most: float) -> None:
        self.most, self.start = most, next(_numbers)

    def spent(self) -> int:
        """Return how many have been made; a RuntimeError says that these are too many."""
        made = next(_numbers) - self.start
        if made > self.most:
            raise RuntimeError(f"A derivation took more than {self.most:g} expressions.")
        return made


def walk(roots: tuple[Expression, ...]) -> Iterator[Expression]:
    """Yield every expression below the roots once, operands first, without recursion."""
    seen: set[int] = set()
    waiting = [(root, False) for root in reversed(roots)]
    while waiting:
        expression, ready = waiting.pop()
        if ready:
            yield expression
        elif expression.number not in seen:
            seen.add(expression.number)
            waiting.append((expression, True))
            waiting += [(x, False) for x in reversed(expression.parts)]


def notation_of(expression: Expression) -> tuple[Notation | Choice, dict[str, Any], list[str]]:
    """Return how an operation is written, its defaults, and the names of its operands."""
    operation = expression.operation
    if isinstance(operation, Primitive):
        called = list(names(operation, len(expression.operands)))
        return operation.notation, operation.defaults, called
    assert operation is not None
    operands = ["a", "b"][: len(expression.operands)]
    if operation in COMPARISONS:
        return COMPARISONS[operation], {}, operands
    return call(f"np.{operation.__name__}"), {}, operands
