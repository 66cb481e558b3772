"""Labels, masks and positions among static parameters: arguments by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.derive.lines import Names
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.graph.variables import name_of_copy
from autograd_lite.program.expression import Expression, Given, Name


class Positioned:
    """The arrays in static parameters of a computation.

    - `arguments`: those that are given, and are not among the leaves of the computation.
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.arguments: dict[str, Any] = {}
        self._arrays = arrays
        self._found: dict[Any, Expression] = {}

    def named(
        self, parameters: Mapping[str, Any], expressions: Mapping[str, Expression], names: Names
    ) -> dict[str, Any]:
        """Return static parameters in which every array knows its expression."""
        found = {}
        for key, value in parameters.items():
            leaves = [
                Given.of(self._expression(x, key, expressions, names)) if _is_named(x) else x
                for x in leaves_of([value])
            ]
            (found[key],) = rebuild([value], leaves)
        return found

    def _expression(
        self, array: Any, key: str, expressions: Mapping[str, Expression], names: Names
    ) -> Expression:
        """Return what is written for an array: a computed one is known by its node."""
        node = getattr(array, "node", None)
        if node is not None:
            return expressions[node]
        kind = array.dtype.str, array.shape, array.tobytes()
        if kind not in self._found:
            leaves = {e.name: e.value for e in expressions.values()
                      if e.name is not None and e.meaning is None}  # fmt: skip
            known = name_of_copy(array, {k: np.asarray(x) for k, x in leaves.items() if np.ndim(x)})
            if known is not None:
                self._found[kind] = next(e for e in expressions.values() if e.name == known)
            else:
                called = name_of_copy(array, self._arrays)
                name = names.new(Name(called or ("mask" if array.dtype == bool else key)))
                self.arguments[name] = array
                self._found[kind] = Expression(array, name=name)
        return self._found[kind]


def _is_named(x: Any) -> bool:
    """Return whether an array is written by a name; one that counts from 0 is np.arange."""
    if not isinstance(x, np.ndarray) or not x.ndim:
        return hasattr(x, "node")
    counts = x.dtype.kind == "i" and x.size == max(x.shape) and (x.ravel() == range(x.size)).all()
    return hasattr(x, "node") or (x.size > 0 and not counts)
