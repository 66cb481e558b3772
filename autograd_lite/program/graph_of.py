"""A function's computation as a graph in which whatever depends on an argument is computed from it.

Tensors record what has a derivative. Called on symbols, a function also notes down the rest:
comparisons and masks, positions, and what requires no gradient. Both together are the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.core.notation import Form, Notation
from autograd_lite.core.operands import is_recorder
from autograd_lite.core.primitive import Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.functional.tracing import call_with_tensors
from autograd_lite.graph import Graph, Node, names_in
from autograd_lite.graph.nodes import Nodes
from autograd_lite.graph.source import record_source
from autograd_lite.graph.variables import variables_of, watching
from autograd_lite.program.expression import identity, uniform
from autograd_lite.program.program import Statement, Variable
from autograd_lite.program.refusals import NOTES
from autograd_lite.program.surroundings import Surroundings
from autograd_lite.program.symbol import Call, Notes, Symbol
from autograd_lite.program.trace import Place, lent, operation_of
from autograd_lite.program.underived import underived
from autograd_lite.tensor import Tensor


class Recorded(NamedTuple):
    """What a function did."""

    result: Any  # What it returned: Tensors that hold symbols.
    variables: dict[str, Any]  # Its variables when it returned.
    bound: list[tuple[str, Tensor]]  # What its variables were bound to, in order.
    notes: Notes  # What was noted down besides.

    @property
    def names(self) -> dict[str, Any]:
        """Names of Tensors and arrays, as `Graph` takes them."""
        arrays = {
            name: x
            for name, x in self.variables.items()
            if isinstance(x, np.ndarray) and not name.startswith("_") and name.isidentifier()
        }
        return {**arrays, **names_in(self.variables)}

    def bound_in(self, graph: Graph) -> list[tuple[str, Node]]:
        """Return what variables were bound to, as nodes, in order."""
        node_of = {id(node.tensor): node for node in graph if node.primitive is not None}
        return [(name, node_of[id(t)]) for name, t in self.bound if id(t) in node_of]

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments whose value the function asked for, and that value."""
        pairs = zip(self.notes.inputs, self.notes.samples, strict=True)
        return {x.name: value for x, value in pairs if x in self.notes.asked}

    def graph(self, output: Tensor, names: Mapping[str, Any]) -> Graph:
        """Return the computation of an output, with values in the place of symbols."""
        return _Resolved(Graph(output, names), self).graph


def record(f: Callable[..., Any], inputs: Mapping[str, Any]) -> Recorded:
    """Call a function on Tensors that hold symbols.

    What it closes over is as it was afterwards: Tensors, lists, generators of random numbers.

    - `inputs`: its arguments by name, in their order. Floating-point numbers require a gradient.

    It raises a TraceError if it asks for a value that was computed, as a Python branch does: it
    names the line.
    """
    notes, around = Notes(may_ask=True), Surroundings(f)
    places = [Place(t) for t in around.tensors if t.is_leaf]
    variables: dict[str, Any] = {}

    bound: list[tuple[str, Tensor]] = []
    last: dict[str, Tensor] = {}
    code = getattr(getattr(f, "__wrapped__", f), "__code__", None)

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            variables.update(variables_of(frame, unused=True))
        elif event == "call" and frame.f_back is not None and frame.f_back.f_code is code:
            for name, x in frame.f_back.f_locals.items():  # Before it is bound again.
                if isinstance(x, Tensor) and last.get(name) is not x:
                    last[name] = x
                    bound.append((name, x))

    token = NOTES.set(notes)
    try:
        given = {name: _argument(name, value, notes) for name, value in inputs.items()}
        with lent(places), record_source():
            for place in places:
                place.write(notes.input(place.read(), place.holder.name))
            with watching(watch):
                result = call_with_tensors(f, tuple(given.values()), {})
            for t in names_in(variables).values():
                t._value()  # A view, as it is after the last write: later is too late.
    finally:
        NOTES.reset(token)
        around.restore()
    return Recorded(result, variables, bound, notes)


def _argument(name: str, value: Any, notes: Notes) -> Any:
    """Return a Tensor that holds a symbol for an argument."""
    array = Tensor(value)._value()
    return Tensor(notes.input(array, name), array.dtype.kind == "f", name=name)


class Positions(np.ndarray[Any, Any]):
    """Positions or a mask among static parameters, that a node of the graph is."""

    node: str

    @classmethod
    def of(cls, node: str, value: Any) -> Positions:
        """Return an array that knows its node."""
        made = np.array(value).view(cls)
        made.node = node
        return made

    def __deepcopy__(self, memo: Any) -> Positions:
        return self.of(self.node, self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Positions.of, (self.node, self.view(np.ndarray))


class _Resolved:
    """Makes nodes of what has been noted down."""

    def __init__(self, graph: Graph, recorded: Recorded) -> None:
        self.nodes: list[Node] = []
        self.at: dict[Variable, str] = {}
        self.renamed: dict[str, str] = {}
        notes = recorded.notes
        self.made = {statement.result: statement for statement in notes.statements}
        self.given = dict(zip(notes.inputs, notes.samples, strict=True))
        self.names = {
            x.variable: name
            for name, x in recorded.variables.items()
            if isinstance(x, Symbol) and not name.startswith("_")
        }
        for node in graph:
            self.renamed[node.id] = self._resolved(node)
        outputs = [self.renamed[node.id] for node in graph.outputs]
        self.graph = Graph.__new__(Graph)
        Nodes.__init__(self.graph, self.nodes, outputs, graph.held)
        self.graph.differentiated, self.graph._how = None, {}

    def _resolved(self, node: Node) -> str:
        """Return the new identifier of a node."""
        symbol = node.value
        if not isinstance(symbol, Symbol):
            if node.primitive is None:
                # A function that makes np.zeros(n), or np.eye(n), makes it always.
                is_made = node.name is None and bool(node.shape) and not node.requires_grad
                is_made = is_made and (uniform(node.value) or identity(node.value) is not None)
                return self._put(node, parameters={"made": True} if is_made else {})
            return self._put(
                node,
                operands=tuple(self.renamed[x] for x in node.operands),
                parameters=self._parameters(node.parameters),
            )
        variable = symbol.variable
        if node.primitive is not None:
            parameters = self._parameters(node.parameters)
            operands = tuple(self.renamed[x] for x in node.operands)
            found = self._put(node, value=symbol.sample, operands=operands, parameters=parameters)
            self.at.setdefault(variable, found)
            return found
        if variable in self.given or node.kind == "parameter":
            if variable in self.at:
                return self._detached(node, self.at[variable])
            self.at[variable] = self._put(node, value=symbol.sample)
            return self.at[variable]
        return self._detached(node, self._computed(variable, node.name))

    def _detached(self, node: Node, source: str) -> str:
        """Return a node of the same value through which no gradient flows."""
        if not any(x.requires_grad for x in self.nodes if x.id == source):
            return source
        known = next(x for x in self.nodes if x.id == source)
        return self._put(
            node, kind="operation", value=known.value, operands=(source,), primitive=UNLINKED
        )

    def _computed(self, variable: Variable, name: str | None = None) -> str:
        """Return the node of what no Tensor has recorded."""
        waiting = [variable]
        while waiting:
            x = waiting[-1]
            if x in self.at:
                waiting.pop()
                continue
            if x in self.given:
                self.at[x] = self._constant(self.given[x], x.name)
                continue
            missing = [y for y in self.made[x].operands
                       if isinstance(y, Variable) and y not in self.at]  # fmt: skip
            if missing:
                waiting += missing
                continue
            called = name if x is variable else None
            self.at[x] = self._applied(self.made[x], called or self.names.get(x))
        return self.at[variable]

    def _applied(self, statement: Statement, name: str | None) -> str:
        """Return the node of a statement whose operands have nodes."""
        operands = tuple(
            self.at[x] if isinstance(x, Variable) else self._constant(x, None)
            for x in statement.operands
        )
        by_id = {node.id: node for node in self.nodes}
        values = [by_id[x].value for x in operands]
        with np.errstate(all="ignore"):
            value = statement.compute(*values, **statement.parameters)
        primitive, parameters = statement.function, statement.parameters
        if isinstance(primitive, Call) and (known := operation_of(statement)) is not None:
            args, kwargs = primitive.nest
            positions = iter(zip(operands, values, strict=True))
            filled = [
                Positions.of(*next(positions)) if x is Symbol else x
                for x in leaves_of((args, kwargs))
            ]
            args, parameters = rebuild((args, kwargs), filled)
            operands = tuple(
                x.node if isinstance(x, Positions) else self._constant(x, None) for x in args
            )
            primitive = known
        elif not isinstance(primitive, Primitive):
            primitive, parameters = underived(primitive, len(operands)), {}
        return self._put(
            None, value=value, operands=operands, primitive=primitive, kind="operation",
            name=name, parameters=dict(parameters),
        )  # fmt: skip

    def _constant(self, value: Any, name: str | None) -> str:
        return self._put(None, kind="input" if name else "constant", name=name, value=value)

    def _parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return static parameters with the values of symbols, which know their nodes."""
        leaves = leaves_of(dict(parameters))
        if not any(map(is_recorder, leaves)):
            return dict(parameters)
        filled = [
            Positions.of(self._computed(x.variable), x.sample) if isinstance(x, Symbol) else x
            for x in leaves
        ]
        found: dict[str, Any] = rebuild(dict(parameters), filled)
        return found

    def _put(self, node: Node | None, **fields: Any) -> str:
        """Append a node, and return its identifier."""
        fields["id"] = f"n{len(self.nodes)}"
        if node is None:
            empty: dict[str, Any] = {
                "primitive": None, "operands": (), "parameters": {}, "grad": None,
                "requires_grad": False, "tensor": None,
            }  # fmt: skip
            self.nodes.append(Node(**{**empty, **fields}))
        else:
            self.nodes.append(replace(node, **fields))
        return str(fields["id"])


def _same(x: Any) -> Any:
    return x


UNLINKED = Primitive(_same, {}, notation=Notation(python=Form("{x}"), latex=Form("{x}"),
                                                  text=Form("{x}")))  # fmt: skip
"""What hands a value on, and no gradient: it is not written."""
