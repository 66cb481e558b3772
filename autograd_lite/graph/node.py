"""One value of a recorded computation, and how its operation is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autograd_lite.core.primitive import Primitive
from autograd_lite.graph.calls import Call
from autograd_lite.graph.source import Source
from autograd_lite.ops import writing
from autograd_lite.ops.writing import Style, Written
from autograd_lite.tensor import Tensor

Kind = Literal["input", "parameter", "constant", "operation"]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value of a computation.

    Attributes
    ----------
    id : str
        ``n0``, ``n1``, … in the order of computation; the same for the same program.
    kind : {"input", "parameter", "constant", "operation"}
        A Tensor that was given; one that requires a gradient; a bare array or number; a result.
    name : str or None
        What the user calls it.
    primitive : Primitive or None
        The operation that made it.
    operands : tuple of str
        Identifiers of what it was computed from, in the operation's order.
    parameters : mapping of str to object
        The static parameters of the operation.
    value : ndarray or NumPy scalar or Python number
        As it was when the computation was recorded.
    grad : ndarray or None
        Its gradient, where one is known; None is "not computed", which is not 0.
    requires_grad : bool
        Whether a gradient flows to it.
    tensor : Tensor or None
        The tensor that it shows; None in copies and pickles.
    source : Source or None
        The line of the user's code that made it, if that was recorded (`record_source`).
    calls : tuple of Call
        The calls of modules that it was made in, the outermost first.
    gradient_of : tuple of str
        Identifiers of the values whose gradient it is, in a graph from `Graph.backward`.
    backward : bool
        Whether it was computed on the way back.
    passes : int
        How many backward passes `grad` is the sum of: 2 after two without `zero_grad`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor([3.0, 4.0], requires_grad=True, name="w")
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> node = al.Graph(loss).find("w")
    >>> node.kind, node.shape, node.value, node.grad
    ('parameter', (2,), array([3., 4.]), array([6., 8.]))
    """

    id: str
    kind: Kind
    name: str | None
    primitive: Primitive | None
    operands: tuple[str, ...]
    parameters: Mapping[str, Any]
    value: Any
    grad: NDArray[Any] | None
    requires_grad: bool
    tensor: Tensor | None
    source: Source | None = None
    calls: tuple[Call, ...] = ()
    gradient_of: tuple[str, ...] = ()
    backward: bool = False
    passes: int = 1

    def __getstate__(self) -> list[Any]:
        """Return what a copy or a pickle is made of; the tensor stays with its graph."""
        return [None if f.name == "tensor" else getattr(self, f.name) for f in fields(self)]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes of the value."""
        return np.shape(self.value)

    @property
    def label(self) -> str:
        """Its name, else its operation, else what kind it is."""
        return self.name or (self.primitive.name if self.primitive else self.kind)

    def __repr__(self) -> str:
        made = f" = {self.primitive.name}({', '.join(self.operands)})" if self.primitive else ""
        return f"<{self.id} {self.label}{made} {self.kind} {self.shape}>"


def write(node: Node, operands: Sequence[str | Written], form: Style = "python") -> str:
    """Write the operation of a node, given the text of each operand.

    Parameters
    ----------
    node : Node
        A result.
    operands : sequence of str or Written
        What to write for each operand: a name, or anything that needs no parentheses; a `Written`
        gets parentheses where it needs them.
    form : {"python", "latex", "text", "picture"}
        NumPy code, LaTeX, mathematics as it is typed, or the short form of pictures.

    Raises
    ------
    ValueError
        If the node is not the result of an operation.

    Examples
    --------
    >>> import autograd_lite as al
    >>> from autograd_lite.graph import write
    >>> node = al.Graph(al.Tensor(2.0, requires_grad=True) ** 3).outputs[0]
    >>> write(node, ["x", "3"]), write(node, ["x", "3"], form="latex")
    ('x ** 3', '{x}^{3}')
    """
    primitive = node.primitive
    if primitive is None:
        raise ValueError(f"{node!r} is not the result of an operation: nothing to write.")
    parts = [x if isinstance(x, Written) else Written(x) for x in operands]
    written = writing.write(primitive, parts, node.parameters, form)
    return written.text
