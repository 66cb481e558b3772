"""`derive`: from a recorded loss, or a function, to its derivation."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from autograd_lite.core.modes import GradientError
from autograd_lite.functional.tracing import call_with_tensors
from autograd_lite.graph import Graph, Node, arrays_in, names_in
from autograd_lite.graph.source import record_source
from autograd_lite.graph.variables import variables_of
from autograd_lite.tensor import Tensor

if TYPE_CHECKING:
    from autograd_lite.derive.derivation import Derivation
    from autograd_lite.program.expression import Name


def derive(
    loss: Tensor | Callable[..., Any],
    *args: ArrayLike,
    wrt: Iterable[Tensor | str] | None = None,
    names: Mapping[str, Any] | None = None,
    chain: bool = False,
) -> Derivation:
    """Write a computation and its gradients down as a person would.

    Parameters
    ----------
    loss : Tensor with one entry, or callable
        What is differentiated: a computation that was recorded, or a function of arrays.
    *args : array_like
        Where to call the function; it is differentiated by all of them that hold floating-point
        numbers. The derivation uses the names of its parameters and of its variables.
    wrt : iterable of Tensor or str, optional
        By what: tensors or their names. By default every leaf that requires a gradient.
    names : mapping of str to Tensor or ndarray, optional
        Names for tensors and bare arrays that have none of their own; by default the caller's
        variables.
    chain : bool
        Write every number by itself, and every partial derivative as the product of the chain
        rule, as for a network that is drawn neuron by neuron. Entries of arrays are counted from
        1: ``W_1_2``, or ``h2``. For small networks.

    Returns
    -------
    Derivation
        Prints as a function in plain NumPy, ``.latex`` has the formulas, ``.function`` runs.

    Raises
    ------
    GradientError
        If `loss` depends on nothing that requires a gradient.
    ValueError
        If `loss` has several entries; with `chain`, if there are too many numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> X = al.Tensor(np.eye(3))
    >>> y = al.Tensor(np.ones((3, 1)))
    >>> w = al.Tensor(np.zeros((3, 1)), requires_grad=True)
    >>> out = al.sigmoid(X @ w)
    >>> loss = al.mse(out, y, reduction="half_sum")
    >>> derivation = al.derive(loss)
    >>> print(derivation)
    def loss_and_gradients(X, y, w):
        # forward
        out = 1 / (1 + np.exp(-(X @ w)))           # (3, 1)
        loss = 0.5 * np.sum((out - y) ** 2)        # ()
        # backward
        out_delta = (out - y) * (out * (1 - out))  # (3, 1)
        d_w = X.T @ out_delta                      # (3, 1)
        return loss, {"w": d_w}
    >>> print(derivation.text)
    out = σ(X w)
    loss = ½ Σ (out − y)²
    δout = (out − y) ⊙ out ⊙ (1 − out)
    ∂L/∂w = Xᵀ δout

    Number by number:

    >>> def network(w1, w2, x, y):
    ...     h = al.sigmoid(w1 * x)
    ...     out = w2 * h
    ...     return (out - y) ** 2
    >>> print(al.derive(network, 0.5, 2.0, 3.0, 1.0, wrt=["w1", "w2"], chain=True).text)
    h = σ(w₁ x)
    out = w₂ h
    loss = (out − y)²
    ∂L/∂out = 2 (out − y)
    ∂out/∂w₂ = h
    ∂out/∂h = w₂
    ∂h/∂w₁ = h (1 − h) x
    ∂L/∂w₁ = ∂L/∂out ∂out/∂h ∂h/∂w₁
    ∂L/∂w₂ = ∂L/∂out ∂out/∂w₂
    """
    if callable(loss) and not isinstance(loss, Tensor):
        loss, found = _traced(loss, args)
        names = found if names is None else names
    elif args:
        raise TypeError("derive takes arguments for a function only; the loss is a Tensor.")
    if not isinstance(loss, Tensor):
        raise TypeError(f"derive needs the loss as a Tensor, got {type(loss).__name__}.")
    if loss.size != 1:
        raise ValueError(f"derive needs a loss with a single entry, got shape {loss.shape}.")
    if not loss.requires_grad or loss.is_leaf:
        raise GradientError(
            "derive: the loss is not computed from anything that requires a gradient. Create the "
            "parameters with Tensor(..., requires_grad=True)."
        )
    if names is None:
        caller = sys._getframe(1)
        names = {**names_in(caller), **arrays_in(caller)}
    graph = Graph(loss, names)
    nodes = (
        [node for node in graph if node.kind == "parameter"]
        if wrt is None
        else [graph.find(x) for x in wrt]
    )
    return _derived(graph, nodes, chain)


def _derived(graph: Graph, nodes: list[Node], chain: bool) -> Derivation:
    """Write a derivation; what does so is imported when the first one is asked for."""
    from autograd_lite.derive.chain import ChainWriter
    from autograd_lite.derive.components import by_component
    from autograd_lite.derive.derivation import Derivation
    from autograd_lite.derive.writer import Writer

    entries: dict[str, Name] = {}
    if chain:
        graph, nodes, entries = by_component(graph, nodes)
    return Derivation(graph, nodes, ChainWriter if chain else Writer, entries=entries)


def _traced(f: Callable[..., Any], args: tuple[ArrayLike, ...]) -> tuple[Any, Mapping[str, Tensor]]:
    """Call a function on Tensors; return its result, and the tensors among its variables."""
    try:
        bound = inspect.signature(f).bind(*args)
    except TypeError as error:
        raise TypeError(f"derive cannot call the function: {error}.") from None
    inputs = {
        name: Tensor(value, np.asarray(value).dtype.kind == "f", name=name)
        for name, value in bound.arguments.items()
    }
    variables: dict[str, Any] = {}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is getattr(f, "__code__", None):
            variables.update(variables_of(frame, unused=True))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with record_source():
            result = call_with_tensors(f, (), inputs)
    finally:
        sys.setprofile(before)
    return result, names_in(variables)
