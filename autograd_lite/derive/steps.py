"""The steps of a derivation: what is written as formulas and code, run, and proved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from autograd_lite.derive.lines import Line
from autograd_lite.derive.writer import Writer
from autograd_lite.graph import Graph, Node
from autograd_lite.program.expression import Name


class Steps:
    """The forward pass and every gradient, one line for each step; `Derivation` says which.

    - `wrt`: by what it is differentiated.
    - `writer`: writes the lines.
    - `**how`: as the writer takes it.

    `lengths` are those that have names, `made` is how many expressions it took.
    """

    def __init__(self, graph: Graph, wrt: Sequence[Node], writer: type[Writer], **how: Any) -> None:
        self.graph = graph
        self._wrt, self._writer, self._how = tuple(wrt), writer, how
        written = writer(graph, wrt, **how)
        back = {draft.symbol.name for draft in written.drafts if draft.backward}
        first = next(
            (i for i, line in enumerate(written.lines) if line.name in back), len(written.lines)
        )
        self.forward, self.backward = tuple(written.lines[:first]), tuple(written.lines[first:])
        self.gradients: dict[str, Name] = written.gradients
        self.arguments: dict[str, Any] = written.arguments
        self._loss = written.loss
        self._asked, self._sums = written.asked, written.sums
        self._unties, self._divides = written.unties, written.divides
        self._unnamed = written.unnamed
        self.lengths: dict[str, int] = {}
        self.made = written.made

    @property
    def lines(self) -> tuple[Line, ...]:
        """All steps."""
        return (*self.forward, *self.backward)

    def also(self, names: Iterable[str]) -> Self:
        """Return the same derivation with the gradients of further tensors, by their names."""
        more = [self.graph.find(name) for name in names]
        made = type(self)(self.graph, (*self._wrt, *more), self._writer, **self._how)
        made.lengths = self.lengths
        return made

    def of(self, graph: Graph, **how: Any) -> Self:
        """Return the same derivation of a graph with other values, or written otherwise."""
        wrt = [graph[node.id] for node in self._wrt]
        return type(self)(graph, wrt, self._writer, **{**self._how, **how})
