"""Loops in a picture: one round is drawn, the last, whose results the rest of the computation uses.

Equal leaves, one for each round or many of one operation, are one box together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autograd_lite.draw.clusters import Loop
from autograd_lite.draw.fold import Fold
from autograd_lite.draw.formulas import is_inline
from autograd_lite.graph import Graph, Node
from autograd_lite.graph.calls import Call
from autograd_lite.graph.nodes import Homes
from autograd_lite.graph.repetition import Repetition, bound_again, repetitions

LEAST_HIDDEN = 12
"""Operations that a loop hides, from which on it is drawn as one without being asked for."""
FEWEST_ALIKE = 9  # Leaves of one operation; fewer are drawn, with their numbers.
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, slots=True)
class Rolled:
    """What of loops is drawn."""

    at: Homes  # The calls that each value belongs to, with the loops among them.
    # The operations of all other rounds, by that of the last round in whose box they are.
    hidden: Mapping[str, Sequence[Node]] = field(default_factory=dict)
    # Which operation uses which result of the round before, by identifiers.
    carried: frozenset[tuple[str, str]] = frozenset()
    groups: tuple[Fold, ...] = ()  # Leaves that are alike.


def loops(graph: Graph, *, least: int = LEAST_HIDDEN) -> list[Repetition]:
    """Find the loops that are worth a frame; there are none in a graph of gradients."""
    if any(node.backward for node in graph):
        return []
    found = repetitions(graph)
    return [loop for loop in found if (len(loop) - 1) * len(loop.body) >= least]


def indexed(loop: Repetition, names: Mapping[str, str]) -> dict[str, str]:
    """Name what a loop bound to one variable again and again: ``h₁``, ``h₂``, …."""
    return {key: _numbered(*pair) for key, pair in bound_again(loop, names).items()}


def _numbered(name: str, number: int) -> str:
    if name[-1].isdigit():
        return f"{name}[{number}]"
    return f"{name}{str(number).translate(_SUBSCRIPTS)}"


def rolled(
    graph: Graph, found: Sequence[Repetition], at: Homes, names: Mapping[str, str]
) -> Rolled:
    """Decide what is drawn of loops, and of leaves that are alike.

    - `found`: the loops that are to be drawn as such.
    - `at`: the calls that each value belongs to.
    - `names`: what values are called.
    """
    chains = dict(at)
    hidden: dict[str, list[Node]] = {}
    carried: set[tuple[str, str]] = set()
    alike = [_fan_in(graph, node) for node in graph if len(node.operands) >= FEWEST_ALIKE]
    for loop in found:
        columns = loop.columns
        for column in columns:
            hidden[column[-1].id] = list(column[:-1])
        for level, inner in enumerate(loop.walk()):
            _frame(inner, level, at, chains, names)
        carried.update(_carried(loop))
        for column in columns:
            chains.update((node.id, chains[column[-1].id]) for node in column[:-1])
        alike += [column for column in loop.all_given if not any(x.operands for x in column)]
    groups = [Fold(f"fold_{nodes[0].id}", nodes, alike=True, name=_range(nodes, names))
              for nodes in _joined(alike)]  # fmt: skip
    for group in groups:
        last = chains[group.nodes[-1].id]
        chains.update((node.id, last) for node in group.nodes)
    return Rolled(chains, hidden, frozenset(carried), tuple(groups))


def _frame(
    loop: Repetition,
    level: int,
    at: Homes,
    chains: dict[str, tuple[Call, ...]],
    names: Mapping[str, str],
) -> None:
    """Put the last round of a loop, and what is given to it, into a frame."""
    around = _common([at[node.id] for body in loop.rounds for node in body])
    depth = len(around) + level
    states = [loop.body[x.source] for x in loop.carried] or list(loop.body[-1:])
    first = [loop.rounds[0][loop.body.index(state)] for state in states]
    title = ", ".join(
        f"{names[a.id]} … {names[z.id]}"
        for a, z in zip(first, states, strict=True) if a.id in names and z.id in names
    )  # fmt: skip
    frame = Loop(title, f"× {len(loop):,}", birth(loop.body[0]), None, len(loop))
    own = [column[-1] for column in loop.given if not any(x.operands for x in column)]
    for node in (*loop.body, *own):
        chain = chains[node.id]
        if frame not in chain:
            chains[node.id] = (*chain[:depth], frame, *chain[depth:])


def _common(chains: Iterable[tuple[Call, ...]]) -> tuple[Call, ...]:
    """Return the calls with which all of several chains begin."""
    first, *others = chains
    for chain in others:
        first = tuple(a for a, b in zip(first, chain, strict=False) if a == b)
    return first


def _carried(outer: Repetition) -> Iterator[tuple[str, str]]:
    """Yield the pairs of user and used where a round uses what an earlier one computed."""
    shown = {key: column[-1] for key, column in outer.counterparts.items()}
    round_of = [
        {node.id: t for t, body in enumerate(loop.rounds) for node in body}
        for loop in outer.walk()
    ]  # fmt: skip
    for node in dict.fromkeys(x for column in outer.columns for x in column):
        for x in node.operands:
            if x in shown and (
                birth(shown[x]) >= birth(shown[node.id])
                or any(of.get(x, len(of)) < of.get(node.id, -1) for of in round_of)
            ):
                yield node.id, x


def _fan_in(graph: Graph, node: Node) -> tuple[Node, ...]:
    """Return the leaves of an operation with very many operands, if they are alike."""
    leaves = tuple(dict.fromkeys(graph.operands(node)))
    looks = {(x.kind, x.shape, bool(x.operands)) for x in leaves}
    usable = len(leaves) >= FEWEST_ALIKE and len(looks) == 1 and not leaves[0].operands
    return leaves if usable and not is_inline(leaves[0]) else ()


def _joined(columns: Iterable[Sequence[Node]]) -> list[list[Node]]:
    """Join groups that have a leaf in common."""
    group_of: dict[str, dict[str, Node]] = {}
    for column in columns:
        joined: dict[str, Node] = {}
        for node in column:
            if is_inline(node):
                break
            joined |= group_of.get(node.id, {node.id: node})
        else:
            group_of.update(dict.fromkeys(joined, joined))
    groups = {id(group): group for group in group_of.values()}
    return [
        sorted(group.values(), key=birth)
        for group in groups.values() if len(group) > 1
    ]  # fmt: skip


def _range(nodes: Sequence[Node], names: Mapping[str, str]) -> str:
    """Return what leaves are called together: ``p0 … p49``."""
    first, last = (names.get(nodes[i].id) for i in (0, -1))
    return f"{first} … {last}" if first and last else ""


def birth(node: Node) -> int:
    """Return the place of a node in the order of computation."""
    return int(node.id[1:])
