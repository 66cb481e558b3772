"""The record: what a result remembers of how it was made, and how an operation is recorded.

A node holds the operation that made it and, for each operand, the node and the array that was
computed with. `record` makes it; `backward.backward_pass` sends a cotangent back through it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from autograd_lite.core.backward import next_birth, operands_of
from autograd_lite.core.modes import Watched, recording
from autograd_lite.core.operands import (
    NUMBERS,
    complex_like,
    constant,
    does_it,
    explained,
    refuse_complex,
)
from autograd_lite.core.primitive import Primitive

Value = TypeVar("Value")


class Rare(Generic[Value]):
    """An attribute that few tensors have; None in the others, where it takes no memory."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, tensor: None, owner: type) -> Self: ...
    @overload
    def __get__(self, tensor: Node, owner: type) -> Value | None: ...
    def __get__(self, tensor: Node | None, owner: type) -> Self | Value | None:
        if tensor is None:
            return self
        return tensor._rare.get(self._name) if tensor._rare else None

    def __set__(self, tensor: Node, value: Value | None) -> None:
        if value is not None:
            tensor._rare = tensor._rare or {}
            tensor._rare[self._name] = value
        elif tensor._rare:
            tensor._rare.pop(self._name, None)


class Node:
    """An array, and how it was made; a leaf has no operation. `Tensor` adds what users do."""

    __slots__ = (
        "__weakref__",
        "_array",
        "_birth",
        "_grad",
        "_inputs",
        "_parameters",
        "_primitive",
        "_rare",
        "_requires_grad",
        "name",
    )

    __record__: ClassVar[Callable[..., Any]]  # `record`, which is defined below.

    name: str | None
    _array: Any  # An array, or a NumPy scalar, which is several times as fast as a 0-d array.
    _birth: int  # Increases with every tensor: inputs are older than outputs.
    _requires_grad: bool
    _primitive: Primitive | None  # None: a leaf.
    _inputs: tuple[Any, ...]  # `_operands` and `_values` in turn: one object in place of two.
    _parameters: dict[str, Any] | None
    _grad: Any  # An array, or a Tensor once somebody has seen it.
    _keeps_grad = True  # Whether a leaf that requires a gradient is asked for it afterwards.
    _rare: dict[str, Any] | None  # What few tensors have; slots of their own would cost all:

    # What looks at the cotangent as it passes: hooks, retain_grad.
    _taps: Rare[Any] = Rare()
    # Those that the gradient was last asked of, maybe before a write.
    _retaining: Rare[Any] = Rare()
    # What this was before the first write to it. Operations on later versions hold these.
    _past: Rare[Any] = Rare()
    # The tensor that this was a version of.
    _now: Rare[weakref.ref[Any]] = Rare()
    # What this is a view of, if it is one.
    _view: Rare[Any] = Rare()
    # How many backward passes its gradient is the sum of, where that is more than one.
    _passes: Rare[int] = Rare()
    # That this was given as an array, though it is a single number.
    _given: Rare[bool] = Rare()

    def _value(self) -> Any:
        """Return what the slot holds, up to date."""
        if self._rare is not None and "_view" in self._rare:
            self._catch_up()
        return self._array

    def _has(self, value: Any) -> bool:
        """Return whether this is the value that a node was computed from."""
        return self._array is value

    # What a Tensor with views and in-place writes does; here, every value is one of its own.

    def _catch_up(self) -> None:
        """Show what has been written to the tensor that this is a view of."""

    def _as_it_was(self, value: Any) -> Any:
        """Return the value that a node was computed from, given what the node holds of it."""
        return value

    def _as_operand(self) -> Self:
        """Return what an operation on this remembers, which never changes."""
        return self

    def _known(self) -> Self:
        """Return the tensor that the user has, if it still has the value of this operand."""
        return self

    def _note_write(self) -> None:
        """Remember that this has another value now, for all views of it."""

    def _note_view(self, inputs: Any, primitive: Primitive, parameters: dict[str, Any]) -> None:
        """Remember what this result of an operation is a view of, if it is one."""

    @property
    def _operands(self) -> tuple[Self | None, ...]:
        """What it was computed from; None for a bare array or number."""
        return self._inputs[::2]

    @property
    def _values(self) -> tuple[Any, ...]:
        """For each operand the array that was computed with."""
        pairs = zip(operands_of(self), self._inputs[1::2], strict=True)
        return tuple([value if x is None else x._as_it_was(value) for x, value in pairs])

    def _version_before(self, birth: int) -> Any:
        """Return what this tensor was for a node of that birth; None: a constant."""
        past = self._past
        return past if past is not None and past._birth < birth else None


def operator(primitive: Primitive, name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make a method of Tensor that records an operation, and the one for a Tensor on the right.

    - `name`: of the latter; an object that is not an array, and has one, does it.

    It does what `record` does. One call less than through `_record_binary` is a tenth of the time.
    """
    compute = primitive.compute

    def method(a: Any, b: Any) -> Any:
        if a._rare is not None:
            a = a._as_operand()
        x, needs = a._array, a._requires_grad
        if type(b) in NUMBERS:  # First: it takes longer to find out that a number is not a Tensor.
            z, b = b, None
        elif isinstance(b, Node):
            if b._rare is not None:
                b = b._as_operand()
            z, needs = b._array, needs or b._requires_grad
        else:
            try:
                z, b = constant(b, primitive), None
            except TypeError:
                if does_it(b, name):
                    return NotImplemented
                raise
            if type(z) is complex:
                z = complex_like(z, x)
        try:
            data = compute(x, z)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, primitive, (x, z), None) from None
        if needs and recording.get() is True:  # As in `result_of`, whose call takes a tenth more.
            result = _new(Result)
            result._array, result._birth, result._requires_grad = data, next_birth(), True
            result._primitive, result._parameters = primitive, None
            result._inputs = (a, x, b, z)
            result._grad = result._rare = result.name = None
            return result
        return result_of(primitive, data, needs, (a, x, b, z), None)

    def reflected(b: Any, a: Any) -> Any:
        return _record_binary(primitive, a, b)

    method.__qualname__ = primitive.name  # In Python's own errors.
    return method, reflected


Result: type[Any] = Node
"""What the results of operations are."""


def record(
    primitive: Primitive, operands: tuple[Any, ...], parameters: dict[str, Any] | None = None
) -> Any:
    """Compute one operation, and remember it if a gradient may be asked for.

    - `operands`: Tensors, arrays or numbers.
    - `parameters`: those with defaults may be left out.

    The result is a node of the graph, or a leaf if no operand requires a gradient.
    """
    if not parameters:
        parameters = primitive.defaults if primitive.parameters else None
    elif len(parameters) < len(primitive.parameters):
        parameters = {**primitive.defaults, **parameters}
    count = len(operands)
    if count == 2:
        return _record_binary(primitive, operands[0], operands[1], parameters)
    if count == 1 and isinstance(operands[0], Node):
        return record_unary(primitive, operands[0], parameters)
    inputs: list[Any] = []
    needs = False
    for x in operands:
        if isinstance(x, Node):
            x = x._as_operand()
            inputs += x, x._array
            needs = needs or x._requires_grad
        else:
            inputs += None, constant(x, primitive)
    values = inputs[1::2]
    try:
        data = (
            primitive.compute(*values, **parameters) if parameters else primitive.compute(*values)
        )
    except (ValueError, TypeError, IndexError) as error:
        raise explained(error, primitive, values, parameters) from None
    return result_of(primitive, data, needs, tuple(inputs), parameters)


Node.__record__ = staticmethod(record)


def record_unary(primitive: Primitive, x: Node, parameters: dict[str, Any] | None = None) -> Any:
    """Do what `record` does for one tensor and all parameters, in half of the time."""
    if x._rare is not None:
        x = x._as_operand()
    value = x._array
    try:
        data = primitive.compute(value, **parameters) if parameters else primitive.compute(value)
    except (ValueError, TypeError, IndexError) as error:
        raise explained(error, primitive, (value,), parameters) from None
    if x._requires_grad and recording.get() is True:
        if not primitive.takes_complex and value.dtype.kind == "c":
            refuse_complex(primitive, (value,))
        result = _new(Result)
        result._array, result._birth, result._requires_grad = data, next_birth(), True
        result._primitive, result._inputs, result._parameters = primitive, (x, value), parameters
        result._grad = result._rare = result.name = None
        if parameters and data.base is not None:
            result._note_view((x, value), primitive, parameters)
        return result
    return result_of(primitive, data, x._requires_grad, (x, value), parameters)


def _record_binary(
    primitive: Primitive, a: Any, b: Any, parameters: dict[str, Any] | None = None
) -> Any:
    """Do what `record` does for two operands and all parameters, in half of the time."""
    if isinstance(a, Node):
        if a._rare is not None:
            a = a._as_operand()
        x, needs = a._array, a._requires_grad
    else:
        x, needs, a = constant(a, primitive), False, None
        if type(x) is complex:
            x = complex_like(x, b._value() if isinstance(b, Node) else b)
    if type(b) in NUMBERS:  # First: to find out that a number is not a Tensor takes long.
        z, b = b, None
    elif isinstance(b, Node):
        if b._rare is not None:
            b = b._as_operand()
        z, needs = b._array, needs or b._requires_grad
    else:
        z, b = constant(b, primitive), None
        if type(z) is complex:
            z = complex_like(z, x)
    try:
        data = primitive.compute(x, z, **parameters) if parameters else primitive.compute(x, z)
    except (ValueError, TypeError, IndexError) as error:
        raise explained(error, primitive, (x, z), parameters) from None
    if needs and recording.get() is True:  # As in `result_of`, whose call would take a tenth more.
        if not primitive.takes_complex:
            refuse_complex(primitive, (x, z))
        result = _new(Result)
        result._array, result._birth, result._requires_grad = data, next_birth(), True
        result._primitive, result._parameters = primitive, parameters
        result._inputs = (a, x, b, z)
        result._grad = result._rare = result.name = None
        return result
    return result_of(primitive, data, needs, (a, x, b, z), parameters)


def result_of(
    primitive: Primitive,
    data: Any,
    needs: bool,
    inputs: tuple[Any, ...],
    parameters: dict[str, Any] | None,
) -> Any:
    """Wrap what an operation computed, and record it if that `needs` a gradient."""
    result = _new(Result)
    result._array = data
    result._birth = next_birth()
    result._grad = result._rare = result.name = None
    mode = recording.get()
    if needs and mode:
        if not primitive.takes_complex:
            refuse_complex(primitive, inputs[1::2])
        result._requires_grad = True
        result._primitive, result._inputs, result._parameters = primitive, inputs, parameters
    else:
        result._requires_grad = False
        result._primitive, result._inputs, result._parameters = None, (), None
    if parameters and data.base is not None:
        result._note_view(inputs, primitive, parameters)
    if mode.__class__ is Watched:
        for watch in mode.watches:
            watch.computed(result, primitive, inputs[::2], inputs[1::2])
    return result


_new = object.__new__


def results_are(kind: type[Node]) -> None:
    """Make the results of operations Tensors of this kind from now on."""
    global Result
    Result = kind


def fill(tensor: Any, data: Any) -> Any:
    """Set every slot as for a leaf that requires no gradient."""
    tensor._array = data
    tensor._birth = next_birth()
    tensor._requires_grad = False
    tensor._primitive, tensor._inputs, tensor._parameters = None, (), None
    tensor._grad = tensor._rare = tensor.name = None
    return tensor


def leaf(data: Any, name: str | None = None) -> Any:
    """Wrap an array that is known never to change."""
    tensor = fill(_new(Result), data)
    tensor.name = name
    return tensor


def new_tensor(value: Any, **how: Any) -> Any:
    """Make a Tensor of what a user gave, of the kind that results are."""
    return Result(value, **how)


def variable(value: Any, name: str | None = None) -> Any:
    """Make a tensor to differentiate by, inside of a computation: complex ones are there, too."""
    tensor = new_tensor(value, name=name)
    tensor._requires_grad = True
    return tensor
