"""Derive the gradients of a recorded computation, one line for each step.

The rules of the operations are run on expressions in place of arrays; what they return is the
derivation. Nothing is differentiated twice, and there is no second set of rules.
"""

from __future__ import annotations

import inspect
import keyword
import linecache
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_lite import ops
from autograd_lite.derive import simplify  # noqa: F401  (fills the table of rewrites)
from autograd_lite.derive.expression import Expression, as_expression, walk
from autograd_lite.derive.proof import Proof, prove
from autograd_lite.derive.writing import latex_name, text_name, write
from autograd_lite.engine import GradientError
from autograd_lite.graph import Graph, Node, arrays_in, names_in
from autograd_lite.primitive import Primitive
from autograd_lite.tensor import Tensor

HELPERS = {
    ops.scatter_add: """\
def scatter_add(x, index, shape):
    filled = np.zeros(shape)
    np.add.at(filled, index, x)
    return filled

""",
    ops.assign: """\
def assign(x, v, index):
    changed = np.array(x)
    changed[index] = v
    return changed

""",
    ops.mirror: """\
def mirror(x, upper=False):
    read = np.tri(x.shape[-1], dtype=bool)
    return np.where(read.T if upper else read, x, x.swapaxes(-1, -2))

""",
    ops.fold: """\
def fold(x, upper=False):
    flipped = x.swapaxes(-1, -2)
    return np.triu(x) + np.triu(flipped, 1) if upper else np.tril(x) + np.tril(flipped, -1)

""",
    ops.inverse_or_zero: """\
def inverse_or_zero(x, limit):
    nothing = np.abs(x) <= limit
    return np.where(nothing, 0, 1 / np.where(nothing, 1, x))

""",
    ops.interp_slope: """\
def interp_slope(x, xp, fp):
    slopes = np.concatenate([[0.0], np.diff(fp) / np.diff(xp), [0.0]])
    return (slopes[np.searchsorted(xp, x)] + slopes[np.searchsorted(xp, x, "right")]) / 2

""",
    ops.interp_adjoint: """\
def interp_adjoint(c, x, xp):
    i = np.clip(np.searchsorted(xp, x, "right") - 1, 0, len(xp) - 1)
    k = np.minimum(i + 1, len(xp) - 1)
    t = np.clip((x - xp[i]) / np.where(i < k, xp[k] - xp[i], 1.0), 0, 1)
    shares = np.zeros(len(xp))
    np.add.at(shares, i, c * (1 - t))
    np.add.at(shares, k, c * t)
    return shares

""",
    ops.interp_slope_adjoint: """\
def interp_slope_adjoint(c, x, xp):
    taken = np.zeros(len(xp) + 1)
    np.add.at(taken, np.searchsorted(xp, x), c / 2)
    np.add.at(taken, np.searchsorted(xp, x, "right"), c / 2)
    return -np.diff(np.concatenate([[0.0], taken[1:-1] / np.diff(xp), [0.0]]))

""",
    ops.qr: """\
def qr(a):
    q, r = np.linalg.qr(a)
    return np.concatenate([q, r.swapaxes(-1, -2)], axis=-2)

""",
    ops.eigh: """\
def eigh(a, uplo="L"):
    w, v = np.linalg.eigh(a, uplo)
    return np.concatenate([w[..., None, :], v], axis=-2)

""",
    ops.eig: """\
def eig(a):
    w, v = np.linalg.eig(a)
    return np.concatenate([w[..., None, :], v], axis=-2)

""",
    ops.svd: """\
def svd(a):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], vt.swapaxes(-1, -2)], axis=-2)

""",
}
"""What NumPy has no function for, printed before a derivation that needs it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step: a name, and what it stands for.

    Attributes
    ----------
    name : str
        As it stands in the code.
    expression : Expression
        What it is computed from; parts that have lines of their own are names in it.
    of : Node or None
        On the way back, the node whose gradient this is; None on the way forward.
    node : Node or None
        On the way forward, the node that this computes.
    """

    name: str
    expression: Expression
    of: Node | None = None
    node: Node | None = None

    @property
    def code(self) -> str:
        """The step as NumPy code."""
        return f"{self.name} = {write(self.expression, 'python')}"

    @property
    def text(self) -> str:
        """The step as plain text."""
        return f"{text_name(self.name)} = {write(self.expression, 'text')}"

    @property
    def latex(self) -> str:
        """The step as LaTeX."""
        return rf"{latex_name(self.name)} &= {write(self.expression, 'latex')}"


class Derivation:
    """The forward pass and every gradient, step by step.

    Attributes
    ----------
    forward, backward : tuple of Line
        The steps, in the order of computation.
    gradients : dict of str to str
        For every tensor asked for, by the user's name, the line that has its gradient.
    arguments : dict of str to array
        What the computation starts from, by name, with the values that were recorded.
    """

    def __init__(
        self,
        loss: str,
        forward: Iterable[Line],
        backward: Iterable[Line],
        gradients: Mapping[str, str],
        arguments: Mapping[str, Any],
    ) -> None:
        self._loss = loss
        self.forward, self.backward = tuple(forward), tuple(backward)
        self.gradients, self.arguments = dict(gradients), dict(arguments)

    @cached_property
    def code(self) -> str:
        """A function in plain NumPy that computes the loss and its gradients."""
        body: list[tuple[str, str]] = [("# forward", "")]
        body += [(line.code, str(line.expression.shape)) for line in self.forward]
        body.append(("# backward", ""))
        body += [(line.code, str(line.expression.shape)) for line in self.backward]
        short = [len(code) for code, shape in body if shape and len(code) <= 60]
        width = max(short, default=0)
        lines = [
            f"    {code:{width}}  # {shape}" if shape else f"    {code}" for code, shape in body
        ]
        steps = (*self.forward, *self.backward)
        used = {part.operation for line in steps for part in walk((line.expression,))}
        helpers = [source for operation, source in HELPERS.items() if operation in used]
        result = ", ".join(f'"{name}": {line}' for name, line in self.gradients.items())
        return "\n".join(
            [
                *helpers,
                f"def loss_and_gradients({', '.join(self.arguments)}):",
                *lines,
                f"    return {self._loss}, {{{result}}}",
            ]
        )

    @cached_property
    def latex(self) -> str:
        """All steps as one aligned display of LaTeX."""
        steps = " \\\\\n".join(line.latex for line in (*self.forward, *self.backward))
        return f"\\begin{{aligned}}\n{steps}\n\\end{{aligned}}"

    @cached_property
    def text(self) -> str:
        """All steps as plain text: ``∂L/∂w = Xᵀ δz``."""
        return "\n".join(line.text for line in (*self.forward, *self.backward))

    def function(self, *args: ArrayLike, **kwargs: ArrayLike) -> tuple[Any, dict[str, Any]]:
        """Call the function that `code` defines; tracebacks show its lines.

        Parameters
        ----------
        *args, **kwargs : array_like
            The `arguments`, with other values and the same shapes: sizes may stand in the code as
            numbers.

        Returns
        -------
        loss : number
        gradients : dict of str to array

        Raises
        ------
        ValueError
            If a shape differs from the one that was derived for.
        """
        given = inspect.signature(self._compiled).bind(*args, **kwargs).arguments
        for name, value in given.items():
            want = np.shape(self.arguments[name])
            if np.shape(value) != want:
                raise ValueError(
                    f"This derivation is for {name} of shape {want}, got {np.shape(value)}. Derive "
                    f"it anew for other sizes: they may stand in the code as numbers."
                )
        return self._compiled(**given)

    @cached_property
    def _compiled(self) -> Callable[..., tuple[Any, dict[str, Any]]]:
        filename = f"<derivation {id(self):#x}>"
        lines = self.code.splitlines(keepends=True)
        linecache.cache[filename] = (len(self.code), None, lines, filename)
        names: dict[str, Any] = {"np": np}
        exec(compile(self.code, filename, "exec"), names)
        function: Callable[..., tuple[Any, dict[str, Any]]] = names["loss_and_gradients"]
        return function

    def evaluate(self) -> dict[str, NDArray[Any]]:
        """Run the function on the recorded values; return the gradients."""
        _, gradients = self.function(**self.arguments)
        return {name: np.asarray(value) for name, value in gradients.items()}

    def prove(self, **by_hand: str) -> list[Proof]:
        """Decide as algebra whether formulas by hand are the gradients (needs SymPy).

        Parameters
        ----------
        **by_hand : str
            For a tensor, by its name in `gradients` (``prove(**{"a.b": ...})`` where that is no
            identifier), the formula as NumPy code, in the names of the derivation.

        Returns
        -------
        list of Proof
            True where the formula is proved; else with the ratio or the difference.

        Raises
        ------
        KeyError, NameError, ValueError
            If a name is not known, or a shape does not fit.
        ModuleNotFoundError
            Without SymPy, which the extra ``symbolic`` installs.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> delta = 5 * w - 42
        >>> error = delta**2
        >>> print(al.derive(error).prove(w="delta * 5")[0])
        w: by hand = 1/2 × gradient
        """
        return prove(self, by_hand)

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        return f"<Derivation of {self._loss} by {', '.join(self.gradients)}>"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


def derive(
    loss: Tensor | Callable[..., Any],
    *args: ArrayLike,
    wrt: Iterable[Tensor | str] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Derivation:
    """Write a computation and its gradients down as a person would.

    Parameters
    ----------
    loss : Tensor with one entry, or callable
        What is differentiated: a computation that was recorded, or a function of arrays.
    *args : array_like
        Where to call the function; it is differentiated by all of them that hold floating-point
        numbers. The derivation uses the names of its parameters and of its local variables.
    wrt : iterable of Tensor or str, optional
        By what: tensors or their names. By default every leaf that requires a gradient.
    names : mapping of str to Tensor or ndarray, optional
        Names for tensors and bare arrays that have none of their own; by default the caller's
        local variables.

    Returns
    -------
    Derivation
        Prints as a function in plain NumPy, ``.latex`` has the formulas, ``.function`` runs.

    Raises
    ------
    GradientError
        If `loss` depends on nothing that requires a gradient.
    ValueError
        If `loss` has several entries.

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
    δout = (out − y) ⊙ (out ⊙ (1 − out))
    ∂L/∂w = Xᵀ δout
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
    return _Writer(graph, nodes).derivation()


def _traced(f: Callable[..., Any], args: tuple[ArrayLike, ...]) -> tuple[Any, Mapping[str, Tensor]]:
    """Call a function on Tensors; return its result, and the tensors among its local variables."""
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
            variables.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        result = f(**inputs)
    finally:
        sys.setprofile(before)
    return result, names_in(variables)


class _Writer:
    """The state of one derivation."""

    def __init__(self, graph: Graph, wrt: list[Node]) -> None:
        self.graph, self.wrt = graph, wrt
        self.taken: set[str] = {"np"}
        self.unnamed = 0
        self.expressions: dict[str, Expression] = {}
        self.data: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self.forward: list[Line] = []
        self.backward: list[Line] = []

    def derivation(self) -> Derivation:
        """Write the forward pass, then the backward pass."""
        uses = self._uses()
        for node in self.graph:
            self.expressions[node.id] = self._forward(node, uses[node.id])
        gradients = self._sweep()
        loss = self.expressions[self.graph.outputs[0].id].name
        assert loss is not None
        arguments = self.data | self.parameters
        return Derivation(loss, self.forward, self.backward, gradients, arguments)

    def _name(self, wanted: str) -> str:
        """Return a new identifier, as near to what is wanted as Python and the others allow."""
        base = re.sub(r"\W", "_", wanted)
        if not base.isidentifier() or keyword.iskeyword(base):
            base = f"_{base}"
        name, i = base, 1
        while name in self.taken:
            i += 1
            name = f"{base}_{i}"
        self.taken.add(name)
        return name

    def _next_value(self) -> str:
        """Return the next of v1, v2, …, the usual names of intermediate values."""
        self.unnamed += 1
        return self._name(f"v{self.unnamed}")

    def _uses(self) -> dict[str, int]:
        """Count how often each forward value will be read, by the forward and the backward pass."""
        counts = {node.id: 0 for node in self.graph}
        for node in self.graph:
            for x in node.operands:
                counts[x] += 1
        return counts

    def _forward(self, node: Node, uses: int) -> Expression:
        """Return the expression of a node, with a line of its own where it deserves one."""
        if node.primitive is None:
            if node.kind == "constant" and np.ndim(node.value) == 0:
                return Expression(node.value)
            name = self._name(node.name or node.kind)
            group = self.parameters if node.kind == "parameter" else self.data
            group[name] = node.value
            return Expression(node.value, name=name)
        expression = Expression(
            node.value,
            operation=node.primitive,
            operands=tuple(self.expressions[x] for x in node.operands),
            parameters=dict(node.parameters),
        )
        is_loss = node is self.graph.outputs[0]
        wanted = node.name or ("loss" if is_loss else None)
        if wanted is None and uses < 2 and not self._read_again(node):
            return expression
        name = self._name(wanted) if wanted else self._next_value()
        self.forward.append(Line(name, expression, node=node))
        return Expression(node.value, name=name)

    def _read_again(self, node: Node) -> bool:
        """Say whether the backward pass reads a value: the rules of it or of its consumers do."""
        readers = [node, *self.graph.consumers(node)]
        return any(
            reader.requires_grad and _reads(reader.primitive, reader, node) for reader in readers
        )

    def _sweep(self) -> dict[str, str]:
        """Run the rules backwards over expressions; return the line of every gradient asked for."""
        root = self.graph.outputs[0]
        arrived: dict[str, Expression] = {root.id: Expression(np.ones(root.shape)[()])}
        found: dict[str, str] = {}
        wanted = {node.id for node in self.wrt}
        for node in reversed(self.graph.nodes):
            g = arrived.pop(node.id, None)
            if g is None:
                continue
            if node.id in wanted:
                g = self._line(f"d_{node.name or node.label}", g, node)
                found[node.id] = g.name or ""
            elif self._has_line(node):
                g = self._line(f"{self._subject(node)}_delta", g, node)
            self._push(node, g, arrived)
        missing = [node for node in self.wrt if node.id not in found]
        if missing:
            raise GradientError(
                f"derive: no gradient flows to {', '.join(node.label for node in missing)}; "
                f"create them with requires_grad=True."
            )
        names = [node.name or node.label for node in self.wrt]
        # Tensors of one name are told apart as their lines are: w, w_2.
        return {
            name if names.count(name) == 1 else found[node.id].removeprefix("d_"): found[node.id]
            for name, node in zip(names, self.wrt, strict=True)
        }

    def _push(self, node: Node, g: Expression, arrived: dict[str, Expression]) -> None:
        """Apply the rules of one node."""
        if node.primitive is None:
            return
        # Rules look at the type of a plain number: x**2 has another derivative than x**b.
        expressions = [self.expressions[x] for x in node.operands]
        operands = [x.value if x.is_number and x.ndim == 0 else x for x in expressions]
        y = self.expressions[node.id]
        for i, x in enumerate(node.operands):
            rule = node.primitive.rules[i]
            if rule is None or not self.graph[x].requires_grad:
                continue
            gx = as_expression(rule(g, y, *operands, **node.parameters))
            gx = _fitted(gx, self.graph[x].shape)
            arrived[x] = arrived[x] + gx if x in arrived else gx

    def _line(self, wanted: str, g: Expression, node: Node) -> Expression:
        """Give a gradient a line, unless it is a name already."""
        if node.primitive is not None and (g.name is not None or g.is_number):
            return g
        name = self._name(wanted)
        self.backward.append(Line(name, g, of=node))
        return Expression(g.value, name=name)

    def _has_line(self, node: Node) -> bool:
        """Give a line to the gradient of a result that several, or a parameter, take it from."""
        if node.primitive is None or node is self.graph.outputs[0]:
            return False
        receivers = [x for x in self.graph.operands(node) if x.requires_grad]
        return len(receivers) > 1 or any(x.kind == "parameter" for x in receivers)

    def _subject(self, node: Node) -> str:
        """Return what to call a delta after: the result, or the named activation of it."""
        seen = node
        while (name := self.expressions[seen.id].name) is None:
            after = self.graph.consumers(seen)
            if len(after) != 1 or after[0].shape != node.shape:
                return node.label
            seen = after[0]
        return name


def _reads(primitive: Primitive | None, reader: Node, node: Node) -> bool:
    """Say whether the rules of an operation need one of its values, and not only its shape."""
    if primitive is None:
        return False
    linear = (ops.add, ops.subtract, ops.negative, ops.sum, ops.mean, ops.reshape, ops.transpose,
              ops.broadcast_to, ops.expand_dims, ops.squeeze, ops.concatenate, ops.stack,
              ops.getitem, ops.copy, ops.astype)  # fmt: skip
    if primitive in linear:
        return False
    own_output = primitive in (ops.exp, ops.tanh, ops.sigmoid, ops.sqrt, ops.softmax)
    return own_output if reader is node else not own_output


def _fitted(gx: Expression, shape: tuple[int, ...]) -> Expression:
    """Sum a gradient over the axes along which its operand was stretched."""
    if gx.shape == shape:
        return gx
    extra = gx.ndim - len(shape)
    stretched = tuple(
        i for i in range(gx.ndim) if i < extra or (shape[i - extra] == 1 != gx.shape[i])
    )
    fitted: Expression = gx.sum(axis=stretched).reshape(shape)
    return fitted
