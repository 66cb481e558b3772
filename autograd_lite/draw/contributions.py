"""What each use of a value adds to its gradient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.graph import Graph, Node
from autograd_lite.graph.cotangents import Use, cotangents


def contributions(graph: Graph, boxes: Iterable[object]) -> dict[str, dict[Use, NDArray[Any]]]:
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
