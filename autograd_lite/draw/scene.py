"""What is in a picture, before anything is laid out: every format is written from a `Scene`."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.draw.backprop import rules
from autograd_lite.draw.cards import role_of_leaf, shape_and_type
from autograd_lite.draw.fold import Box, Fold, Plan
from autograd_lite.draw.formulas import LONGEST_NAME, cut, formulas, is_inline, printable, shortened
from autograd_lite.draw.loops import LEAST_HIDDEN, indexed, loops
from autograd_lite.draw.planning import Folding, plan
from autograd_lite.draw.style import Role
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.cotangents import Use, cotangents
from autograd_lite.graph.repetition import Repetition
from autograd_lite.ops.writing import Written

LONGEST_SUBJECT = 60
PREVIOUS = "previous"
"""What a result of the round before is called, where it has no name."""
ON_A_SCREEN = 20  # Boxes of an overview.
DETAILED = 60
"""Boxes up to which arrays are drawn small, and what adds to a gradient stands on arrows: beyond,
nobody looks that closely, and the layout takes long."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a picture shows; the fields are parameters of `draw`.

    With `turns`, one that is too wide may run from top to bottom.
    """

    show: tuple[str, ...]
    rankdir: str
    legend: bool
    title: str | None
    folding: Folding
    width: float | None = None
    turns: bool = False
    height: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A computation, its boxes, and what they are called."""

    graph: Graph  # The computation, with the values and gradients it had when it was drawn.
    names: Mapping[str, str]  # What the user calls the values, by the identifier of their nodes.
    options: Options
    plan: Plan
    # The name of a box, and how it was computed, for those that have one.
    titles: Mapping[str, str]
    formulas: Mapping[str, str]
    # How a value is written where it is used: its name, or its formula.
    called: Mapping[str, Written]
    roles: Mapping[str, Role]  # What a box is in the computation.
    # By the identifier of a value that is used more than once, and whose gradient is known: what
    # each use adds to that, in the order of computation.
    parts: Mapping[str, Mapping[Use, NDArray[Any]]]

    def heading(self, box: Box) -> tuple[Role, str, str]:
        """Return role, name and formula of a box; the last two may be empty."""
        return self.roles[box.id], self.titles.get(box.id, ""), self.formulas.get(box.id, "")

    def title(self, box: Box) -> str:
        """Return a name for a box, or its formula, or its identifier."""
        if isinstance(box, Fold):
            return box.title
        return self.titles.get(box.id) or self.formulas.get(box.id) or box.id

    @property
    def subject(self) -> str:
        """What the picture shows."""
        forward = self.graph.differentiated or self.graph
        shown = ", ".join(
            self.titles.get(node.id)
            or self.formulas.get(node.id)
            or self.names.get(node.id, node.id)
            for node in dict.fromkeys(forward.outputs)
        )
        alone = forward is not self.graph and self.graph.outputs[0].backward
        return self.options.title or cut(shown, LONGEST_SUBJECT) + ", backward" * alone


def scene(
    graph: Graph,
    names: Mapping[str, str],
    options: Options,
    repeated: Sequence[Repetition] | None = None,
) -> Scene:
    """Decide what is in the picture of a computation, given its loops, if they are known."""
    if graph.differentiated is not None:
        names, options = _for_gradients(graph, names, options)
    kept = set(names)
    repeated = loops_of(graph, options) if repeated is None else repeated
    for loop in repeated:
        names = {**names, **indexed(loop, names)}
    planned = plan(graph, names, options.folding, repeated, kept)
    if len(planned.boxes) > DETAILED:
        options = replace(options, show=tuple(part for part in options.show if part != "map"))
    short = {key: shortened(printable(name), LONGEST_NAME) for key, name in names.items()}
    for fold in planned.folds:
        if fold.has_output:
            fold.name = short.get(fold.result.id, "")
    visible = {box.id for box in planned.boxes}
    returned = {fold.result.id: _path(fold) for fold in planned.folds if fold.has_output}
    folded = returned | {key: name for key, name in short.items() if key not in visible}
    folded = {key: PREVIOUS for _, key in planned.carried if key not in visible} | folded
    titles, written, called = formulas(graph, short, visible, folded)
    outputs = {node.id for node in graph.outputs}
    written |= rules(graph, called)
    roles = {box.id: _role(box, outputs) for box in planned.boxes}
    sums = "grad" in options.show and graph.differentiated is None
    parts = _contributions(graph, planned.boxes) if sums else {}
    return Scene(graph, names, options, planned, titles, written, called, roles, parts)


def loops_of(graph: Graph, options: Options) -> list[Repetition]:
    """Find the loops that a picture shows."""
    return loops(graph, least=1 if options.folding.roll else LEAST_HIDDEN)


def overview_of(
    graph: Graph,
    names: Mapping[str, str],
    options: Options,
    repeated: Sequence[Repetition] | None = None,
) -> Scene:
    """Decide what is in an overview: modules and loops are boxes, on one screen."""
    shown = tuple(part for part in options.show if part in ("shape", "local"))
    repeated = loops_of(graph, options) if repeated is None else repeated
    for depth in (1, 0) if any(node.calls for node in graph) else (0,):
        folding = replace(options.folding, depth=depth, max_nodes=ON_A_SCREEN, shut_loops=True)
        best = scene(graph, names, replace(options, show=shown, folding=folding), repeated)
        if not best.plan.remarks:  # Nothing had to be folded besides.
            break
    for fold in best.plan.folds:
        inside = {node.id for node in fold.nodes} | {
            x.id for node in fold.nodes for x in best.plan.steps.get(node.id, ())
        }
        entering = {
            x.id: shape_and_type(x).split(" · ")[0]
            for node in fold.nodes for x in graph.operands(node)
            if x.id not in inside and x.kind != "parameter" and not is_inline(x)
        }  # fmt: skip
        fold.takes = ", ".join(dict.fromkeys(entering.values())) if fold.calls else ""
    return best


def _for_gradients(
    graph: Graph, names: Mapping[str, str], options: Options
) -> tuple[dict[str, str], Options]:
    """Name every value that has a gradient in the picture, and leave those to their own boxes."""
    own = {node.id: node.name for node in graph if node.gradient_of and node.name}
    forced = {key: key for node in graph for key in node.gradient_of}
    show = tuple(part for part in options.show if part != "grad")
    return forced | dict(names) | own, replace(options, show=show)


def _path(fold: Fold) -> str:
    """Return what the output of a folded module is called: where the module stands."""
    last = fold.calls[-1]
    number = last.path.replace(".", "").isdigit()  # relu(0) would be of a number.
    name = f"{last.kind}[{last.path}]" if number else last.path or last.kind
    return shortened(printable(name), LONGEST_NAME)


def _role(box: Box, outputs: Collection[str]) -> Role:
    """Return what a box is in the computation."""
    if isinstance(box, Fold):
        return role_of_leaf(box.nodes[0]) if box.alike else "fold"
    if box.backward:
        return "gradient"
    if box.kind != "operation":
        return box.kind
    return "output" if box.id in outputs else "result"


def _contributions(graph: Graph, boxes: Iterable[object]) -> dict[str, dict[Use, NDArray[Any]]]:
    """Return what each use of a value adds to its gradient, where there are several uses.

    Only of the values among `boxes` with a gradient that is the sum of these: it may also come
    from several calls of ``backward``, or have been changed by a hook.
    """
    known = {x.id for x in boxes if isinstance(x, Node) and x.grad is not None}
    uses = Counter(x for node in graph for x in node.operands)
    several = {key for key in known if uses[key] > 1}
    if not several:
        return {}
    passed = cotangents(graph)
    found: dict[str, dict[Use, NDArray[Any]]] = {}
    for (user, i), part in reversed(passed.parts.items()):  # Kept newest first.
        operand = graph[user].operands[i]
        if operand in several:
            found.setdefault(operand, {})[user, i] = part
    return {
        key: parts
        for key, parts in found.items()
        if len(parts) > 1
        and (grad := graph[key].grad) is not None
        and np.allclose(grad, passed.arrived[key], rtol=1e-5, atol=0, equal_nan=True)
    }
