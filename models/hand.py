"""An article's derivation as formulas: its code is run on Tensors, and what it does is written out.

So the formulas on the page are those of `Experiment.by_hand`, and stand nowhere a second time.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from autograd_lite import GradientError, Graph, Tensor, ops
from autograd_lite.derive.lines import Draft, Line, Names, finish, symbol_for
from autograd_lite.derive.math_names import entry, gradient, partial
from autograd_lite.graph import Node, names_in
from autograd_lite.program.expression import Expression, Name
from models.experiment import Experiment

Call = tuple[Callable[..., Any], list[Tensor], Tensor]
"""A function, what it was called with, and its result, which so keeps its identity."""


@dataclass
class Trace:
    """One call of a function, as it was watched.

    Attributes
    ----------
    result : Tensor, dict of str to Tensor, or None
        What it returned; None if it ended by making a bare array of its Tensors.
    variables : dict of str to Any
        Its local variables in the end.
    calls : dict of int to tuple
        Of functions of the article's own, by the identity of the result.
    """

    result: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)


def lines_by_hand(experiment: Experiment) -> list[Line]:
    """Return the lines of an article's derivation, after those of the functions that it uses."""
    net = experiment.build(experiment.seed)
    x, y = (Tensor(t.data, True, name=t.name) for t in experiment.samples()[0])
    w = {p.name or "": Tensor(p.data, True, name=p.name) for p in net.parameters()}
    trace = _watched(experiment.by_hand, w, x, y)
    called = dict.fromkeys(function for function, *_ in trace.calls.values())
    definitions = [line for function in called for line in _definition(function)]
    gradients = {gradient(Name(name)): t for name, t in (trace.result or {}).items()}
    return definitions + _lines(trace, gradients)


def _watched(function: Callable[..., Any], *args: Any) -> Trace:
    """Call a function on Tensors; note its variables, and the article's functions that it calls."""
    trace, code = Trace(), getattr(function, "__func__", function).__code__
    space = getattr(function, "__func__", function).__globals__

    def watch(frame: FrameType, event: str, result: Any) -> None:
        if event != "return" or frame.f_globals is not space:
            return
        if frame.f_code is code:
            trace.variables.update(frame.f_locals)
        elif isinstance(result, Tensor):
            operands = [frame.f_locals[x] for x in _parameters(frame.f_code)]
            trace.calls[id(result)] = (space[frame.f_code.co_name], operands, result)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with contextlib.suppress(GradientError):  # Of laying numbers out in a bare array.
            trace.result = function(*args)
    finally:
        sys.setprofile(before)
    return trace


def _definition(function: Callable[..., Any]) -> list[Line]:
    """Return the line that defines a function of numbers."""
    names = _parameters(function.__code__)
    trace = _watched(function, *(Tensor(0.5, True, name=x) for x in names))
    return _lines(trace, {Name(f"{function.__name__}({', '.join(names)})"): trace.result})


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount]


def _lines(trace: Trace, results: dict[Name, Tensor]) -> list[Line]:
    """Write every variable of a call as a line, and then its results."""
    variables = {k: v for k, v in names_in(trace.variables).items() if not v.is_leaf}
    if not (outputs := [*results.values(), *variables.values()]):
        return []
    graph = Graph(outputs, variables)
    drafts: list[Draft] = []
    known: dict[str, Expression] = {}
    for node in graph:
        expression = _expression(node, known, trace.calls.get(id(node.tensor)), graph)
        if node.name is not None and expression.name is None:
            drafts.append(_draft(_name(node.name), expression))
            expression = drafts[-1].symbol
        known[node.id] = expression
    for name, tensor in results.items():
        drafts.append(_draft(name, known[graph.find(tensor).id]))
    return finish(drafts, [draft.symbol for draft in drafts], Names(), common=False)


def _draft(name: Name, expression: Expression) -> Draft:
    """Make a line that stays as it is called."""
    return Draft(symbol_for(expression, name), expression, called=lambda: name)


def _expression(
    node: Node, known: dict[str, Expression], call: Call | None, graph: Graph
) -> Expression:
    """Return what a value is, as the code has it."""
    if node.primitive is None:
        name = None if node.kind == "constant" else Name(node.name or "")
        return Expression(node.value, name=name)
    if call is not None:
        operands = tuple(known[graph.find(x).id] for x in call[1])
        return Expression(node.value, operation=call[0], operands=operands)
    operands = tuple(known[x] for x in node.operands)
    array = operands[0].name
    if node.primitive is ops.getitem and array is not None:  # One of the numbers given.
        index = (node.parameters["index"],) if operands[0].size > 1 else ()
        return Expression(node.value, name=Name(node.name) if node.name else entry(array, index))
    return Expression(
        node.value, operation=node.primitive, operands=operands, parameters=dict(node.parameters)
    )


def _name(variable: str) -> Name:
    """Read ``d_h1_d_w1`` as the derivative that it is."""
    found = re.fullmatch(r"d_(\w+)_d_(\w+)", variable)
    if found is None:
        return Name(variable)
    above, below = found.groups()
    return partial(Name("L" if above == "l" else above), Name(below))
