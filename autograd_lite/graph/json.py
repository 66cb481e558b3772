"""A computation as data: JSON with documented keys, in which ``nan`` and ``inf`` are text.

The document has these keys:

``format``, ``version``
    ``"autograd_lite graph"`` and 1.
``title``
    What the picture shows.
``outputs``
    Identifiers of the values that were asked for.
``modules``
    The calls of modules, an outer one before those in it. Each has ``path`` (empty for the
    outermost), ``class``, ``call`` (0 for the first one of that path), and ``parameters``, the
    count, which is null where the module is gone.
``nodes``
    A list in the order of computation. Each has ``id``; ``kind`` (input, parameter, constant or
    operation); ``name``, what the user calls it, or null; ``operation``, ``operands`` (a list of
    identifiers), ``parameters`` (text by name) and ``code`` (NumPy, in terms of identifiers) of
    a result, null for the others; ``requires_grad``; ``shape``; ``dtype``; ``value``; ``grad``,
    which is null where none is known; ``modules``, positions in that list, the outermost first;
    ``source`` (``file``, ``line``, ``code``), null where no line was recorded; and
    ``gradient_of``, identifiers of the values whose gradient it is.

``left_out``
    How many arrays are summed up instead of written out, where a limit says so; else it is missing.
    Such a ``value`` or ``grad`` is an object with ``entries``, how many there are, and, where they
    are finite numbers, ``min``, ``mean`` and ``max``.

Other arrays are nested lists, and numbers read back as exactly what they were. Where JSON has no
number, there is text: ``"nan"``, ``"inf"``, ``"-inf"``, complex numbers, and integers past 2 to
the 53.
"""

import json
import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite.graph.node import Node, write
from autograd_lite.graph.nodes import Nodes, homes, ordered_calls
from autograd_lite.ops.writing import literal

EXACT = 2**53  # Up to here every integer is a number in JavaScript.


def as_json(
    graph: Nodes,
    names: Mapping[str, str],
    title: str,
    most: float = math.inf,
    shown: Container[str] | None = None,
) -> str:
    """Write a computation as JSON; the module says with which keys.

    - `names`: what its values are called, by identifier.
    - `title`: what it shows.
    - `most`: how many entries of arrays are written, in all: the small arrays first.
    - `shown`: identifiers of the nodes that are written; by default all.
    """
    nodes = [node for node in graph if shown is None or node.id in shown]
    arrays = [
        (node.id, key, np.asarray(x))
        for node in nodes
        for key, x in (("value", node.value), ("grad", node.grad))
        if x is not None
    ]
    written: set[tuple[str, str]] = set()
    for identifier, key, array in sorted(arrays, key=lambda entry: entry[2].size):
        most -= array.size
        if most < 0:
            break
        written.add((identifier, key))
    left_out = len(arrays) - len(written)
    missing = {"left_out": left_out, "nodes_left_out": len(graph) - len(nodes)}
    document: dict[str, Any] = {
        "format": "autograd_lite graph",
        "version": 1,
        "title": title,
        "outputs": [node.id for node in graph.outputs],
    } | {key: count for key, count in missing.items() if count}
    head = "".join(f"{_text(key)}: {_text(value)},\n" for key, value in document.items())
    homes_of = homes(graph, names)
    at = {node.id: homes_of[node.id] for node in nodes}
    calls = {call: i for i, call in enumerate(ordered_calls(at))}
    modules = [
        _text({"path": x.path, "class": x.kind, "call": x.number, "parameters": x.parameters})
        for x in calls
    ]
    lines = [
        _text(
            _node(node, names.get(node.id), written)
            | {"modules": [calls[call] for call in at[node.id]]}
        )
        for node in nodes
    ]  # A line for each, so that files can be compared.
    return f'{{\n{head}"modules": {_list(modules)},\n"nodes": {_list(lines)}\n}}\n'


def _list(lines: Sequence[str]) -> str:
    return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"


def _text(part: Any) -> str:
    return json.dumps(part, allow_nan=False)


def _node(node: Node, name: str | None, written: Container[tuple[str, str]]) -> dict[str, Any]:
    """Describe a value."""

    def array(key: str, x: Any) -> Any:
        return entries(np.asarray(x)) if (node.id, key) in written else _summed_up(np.asarray(x))

    made, line, value = node.primitive, node.source, np.asarray(node.value)
    return {
        "id": node.id,
        "kind": node.kind,
        "name": name,
        "operation": made.name if made else None,
        "operands": list(node.operands) if made else None,
        "parameters": {key: literal(x) for key, x in node.parameters.items()} if made else None,
        "code": write(node, node.operands) if made else None,
        "requires_grad": node.requires_grad,
        "shape": list(value.shape),
        "dtype": value.dtype.name,
        "value": array("value", value),
        "grad": None if node.grad is None else array("grad", node.grad),
        "source": line and {"file": line.file, "line": line.line, "code": line.text},
        "gradient_of": list(node.gradient_of),
    }


def _summed_up(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Describe an array that is not written out."""
    found: dict[str, Any] = {"entries": array.size}
    if array.dtype.kind in "iuf" and np.isfinite(array).all():
        found |= {"min": entry(array.min()), "mean": entry(array.mean()), "max": entry(array.max())}
    return found


def entries(array: np.ndarray[Any, Any]) -> Any:
    """Return an array as nested lists of what JSON has, losing nothing."""
    if array.ndim:
        return [entries(part) for part in array] if array.ndim > 1 else list(map(entry, array))
    return entry(array[()])


def entry(x: Any) -> Any:
    """Return a number as JSON can hold it: where there is no such number, as text."""
    kind = np.asarray(x).dtype.kind
    if kind == "b":
        return bool(x)
    if kind in "iu":
        return int(x) if abs(int(x)) <= EXACT else str(int(x))
    if kind != "f":
        return str(x)
    # Its own shortest text: 0.1 in single precision is not 0.10000000149011612.
    return float(str(x)) if math.isfinite(x) else str(float(x))
