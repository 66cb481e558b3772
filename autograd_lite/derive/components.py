"""A computation with arrays, written out number by number."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.math_names import entry, identifier
from autograd_lite.graph import Graph, Node
from autograd_lite.numpy_api import WITHOUT_DERIVATIVE
from autograd_lite.program.expression import Name
from autograd_lite.program.underived import operation_of
from autograd_lite.tensor import Tensor

MOST_NUMBERS = 200
"""Nobody reads more."""


def by_component(graph: Graph, wrt: list[Node]) -> tuple[Graph, list[Node], dict[str, Name]]:
    """Record a computation again with a scalar in place of every entry.

    - `graph`: of one output.
    - `wrt`: nodes of it.

    It returns the same computation on scalars, the entries of the nodes in it, and what the entries
    of arrays are called.

    It raises a ValueError if there are too many numbers, or an operation cannot be written out.
    """
    numbers = sum(int(np.size(node.value)) for node in graph)
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"derive with chain=True writes every number by itself, and here are {numbers}; "
            f"{MOST_NUMBERS} are the most that it writes. Derive a smaller case, or leave chain "
            f"out for formulas of whole arrays."
        )
    entries: dict[str, Name] = {}
    scalars: dict[str, NDArray[Any]] = {}
    for node in graph:
        if node.primitive is None:
            scalars[node.id] = _leaves(node)
        else:
            scalars[node.id] = _applied(node, [scalars[x] for x in node.operands])
        if node.name is not None:
            _call(scalars[node.id], node.name, entries)
    (loss,) = (scalars[node.id].reshape(()).item() for node in graph.outputs)
    written = Graph(loss, {})
    used = [x for node in wrt for x in scalars[node.id].flat if x in written.tensors]
    found = dict.fromkeys(map(written.find, used))
    return written, [node for node in found if node.requires_grad], entries


def _bare(x: Any) -> Any:
    if isinstance(x, np.ndarray):  # Written at a position, an array of one stays an array.
        x = x.item()
    return x.scalar if isinstance(x, _Number) else x


def _operator(function: Callable[..., Any], back: bool = False) -> Callable[..., Any]:
    return lambda *xs: _Number(function(*map(_bare, xs[::-1] if back else xs)))


class _Number:
    """A scalar that only does arithmetic: a comparison would choose the formula by the values."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar

    def conjugate(self) -> _Number:
        """Return itself, as NumPy asks a real number to."""
        return self

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *xs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or ufunc in WITHOUT_DERIVATIVE:
            return NotImplemented
        return np.vectorize(_operator(ufunc), otypes=[object])(*xs)[()]

    __neg__, __pos__, __abs__ = _operator(operator.neg), _operator(operator.pos), _operator(abs)
    __add__, __radd__ = _operator(operator.add), _operator(operator.add, back=True)
    __sub__, __rsub__ = _operator(operator.sub), _operator(operator.sub, back=True)
    __mul__, __rmul__ = _operator(operator.mul), _operator(operator.mul, back=True)
    __truediv__, __rtruediv__ = _operator(operator.truediv), _operator(operator.truediv, back=True)
    __pow__ = _operator(operator.pow)
    __eq__ = __hash__ = None  # type: ignore[assignment]  # Neither may be called.


def _leaves(node: Node) -> NDArray[Any]:
    """Return a scalar for every entry of what is given; a constant without a name stays itself."""
    if node.kind == "constant" and not np.ndim(node.value):
        made = np.empty((), dtype=object)
        made[()] = node.value
        return made
    value = np.asarray(node.value)
    made = np.empty(value.shape, dtype=object)
    for index in np.ndindex(value.shape):
        as_is = node.kind == "constant" and node.name is None
        number = value[index]
        made[index] = number.item() if as_is else Tensor(number, node.requires_grad)
    return made


def _call(scalars: NDArray[Any], name: str, entries: dict[str, Name]) -> None:
    """Name the entries of an array, after their indices along the axes that have several."""
    for index in np.ndindex(scalars.shape):
        short = tuple(i for i, n in zip(index, scalars.shape, strict=True) if n > 1)
        called, scalar = entry(identifier(name), short), scalars[index]
        if isinstance(scalar, Tensor):
            scalar.name = called
            entries[called] = called


def _applied(node: Node, operands: list[NDArray[Any]]) -> NDArray[Any]:
    """Apply an operation to arrays of scalars."""
    primitive = node.primitive
    assert primitive is not None  # It has operands.
    if _is_elementwise(primitive, node, [x.shape for x in operands]):

        def once(*numbers: Any) -> Any:
            return primitive(*numbers, **node.parameters)

        result = np.vectorize(once, otypes=[object])(*operands)
    else:
        wrap, unwrap = (np.vectorize(f, otypes=[object]) for f in (_Number, _bare))
        try:
            result = unwrap(primitive.forward(*map(wrap, operands), **node.parameters))
        except (TypeError, AttributeError, ValueError):
            raise ValueError(
                f"derive with chain=True cannot write {primitive.name} out number by number. Leave "
                f"chain out, or compose it of operations on single numbers."
            ) from None
    made = np.empty(np.shape(node.value), dtype=object)
    if isinstance(result, np.ndarray):
        made[...] = result
    else:
        made[()] = result
    return made


def _is_elementwise(primitive: Primitive, node: Node, shapes: list[tuple[int, ...]]) -> bool:
    """Find out whether every entry of a result is made of the entries in its place alone."""
    if isinstance(operation_of(primitive), np.ufunc):  # Without derivative: it may take bools only.
        return True
    rng = np.random.default_rng(0)
    drawn = [rng.uniform(0.1, 0.9, shape) for shape in shapes]
    try:
        shape = np.broadcast_shapes(*shapes)
        together = np.asarray(primitive.forward(*drawn, **node.parameters))
        if together.shape != shape:
            return False
        spread = [np.broadcast_to(x, shape) for x in drawn]
        return all(
            np.isclose(
                together[index],
                primitive.forward(*(np.float64(x[index]) for x in spread), **node.parameters),
                rtol=1e-9,
            )
            for index in np.ndindex(shape)
        )
    except (TypeError, ValueError, IndexError, AttributeError):
        return False
