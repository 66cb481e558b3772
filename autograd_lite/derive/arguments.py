"""What `derive` was asked for: its arguments are checked, and the derivation made."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autograd_lite.core.modes import GradientError
from autograd_lite.derive.chain import ChainWriter, by_component
from autograd_lite.derive.derivation import Derivation
from autograd_lite.derive.leaves import as_told
from autograd_lite.derive.other_lengths import Again, Made, measured, most_made
from autograd_lite.derive.writer import Writer
from autograd_lite.functional.nests import flatten, leaves_of, parts_of, rebuild
from autograd_lite.graph import Graph, Node, arrays_in, names_in
from autograd_lite.graph.repetition import in_loops
from autograd_lite.program.expression import Name
from autograd_lite.program.graph_of import Recorded, record
from autograd_lite.tensor import Tensor


def derived(
    loss: Any,
    args: tuple[ArrayLike, ...],
    wrt: Tensor | str | Iterable[Tensor | str] | None,
    names: Mapping[str, Any] | None,
    chain: bool,
    frame: FrameType,
) -> Derivation:
    """Derive a loss that was recorded, or a function, of which the lengths are found, too."""
    if callable(loss) and not isinstance(loss, Tensor):
        loss, given, parts = _flat(loss, _bound(loss, args))
        if not (wrt is None or isinstance(wrt, str | Tensor)) and np.iterable(wrt):
            wrt = [y for x in wrt for y in (parts.get(x, [x]) if isinstance(x, str) else [x])]
        elif isinstance(wrt, str):
            wrt = parts.get(wrt, wrt)

        def at(values: Mapping[str, Any], most: float = math.inf) -> Made:
            recorded = record(loss, values)
            called = recorded.names if names is None else names
            made = _derived(recorded.result, recorded, tuple(values), wrt, called, chain, most)
            return made, {k: x for k, x in recorded.variables.items() if type(x) is int}

        own, numbers = at(given)
        if chain:
            return own
        return measured(own, loss, given, lambda x: at(x, most_made(own)), numbers)
    if args:
        raise TypeError("derive takes arguments for a function only; the loss is a Tensor.")
    names = {**names_in(frame), **arrays_in(frame)} if names is None else names
    own = _derived(loss, None, (), wrt, names, chain)
    again = Again(own)
    return own if chain else measured(own, again, again.given, again.at, {})


def _derived(
    loss: Any,
    recorded: Recorded | None,
    order: tuple[str, ...],
    wrt: Tensor | str | Iterable[Tensor | str] | None,
    names: Mapping[str, Any],
    chain: bool,
    most: float = math.inf,
) -> Derivation:
    """Name the values, and derive the gradients.

    - `order`: the parameters of the function that was recorded.
    - `most`: how many expressions may be made.
    """
    if isinstance(loss, dict | list | tuple):
        raise TypeError(
            f"derive needs a single number as the loss, got a {type(loss).__name__}. Return that."
        )
    if recorded is not None and not (isinstance(loss, Tensor) and loss.requires_grad):
        raise GradientError(
            f"derive: the result of the function is computed from none of its arguments "
            f"({', '.join(order)}) in a way that has a derivative. Pass 3.0, not 3."
        )
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"derive needs the loss as a Tensor, got {type(loss).__name__}. Make the parameters "
            f"Tensors, al.Tensor(w, requires_grad=True), and pass the loss, not its value."
        )
    if loss.size != 1:
        shape = loss.shape if recorded is None else np.shape(loss._array.sample)
        raise ValueError(
            f"derive needs a loss with a single entry, got shape {shape}. Sum it: np.sum(loss)."
        )
    if recorded is not None and loss.is_leaf:
        raise GradientError(f"derive: the function returns its argument {loss.name} as it is.")
    if not loss.requires_grad or loss.is_leaf:
        raise GradientError(
            "derive: the loss is not computed from anything that requires a gradient. Create the "
            "parameters with Tensor(..., requires_grad=True)."
        )
    graph = Graph(loss, names) if recorded is None else recorded.graph(loss, names)
    bound = in_loops(graph) if recorded is None else recorded.bound_in(graph)
    graph = as_told(graph, names if recorded is None else {}, bound)
    if wrt is None:
        nodes = [node for node in graph if node.kind == "parameter"]
    elif isinstance(wrt, str) and wrt == "all":
        nodes = [x for x in graph if x.requires_grad and x.name and x not in graph.outputs]
    else:
        own: dict[Any, Node] = {x.name: x for x in graph if x.name in order and x.primitive is None}
        nodes = [
            own.get(x) or _asked_for(graph, x, {*names, *order})
            for x in ([wrt] if isinstance(wrt, str | Tensor) or not np.iterable(wrt) else wrt)
        ]
    entries: dict[str, Name] = {}
    if chain:
        graph, nodes, entries = by_component(graph, nodes)
    values = {k: x.data if isinstance(x, Tensor) else x for k, x in names.items()}
    return Derivation(
        graph,
        nodes,
        ChainWriter if chain else Writer,
        entries=entries,
        arrays={k: x for k, x in values.items() if issubclass(type(x), np.ndarray)},  # No symbols.
        asked={} if recorded is None else recorded.asked,
        order=order,
        most=most,
    )


def _asked_for(graph: Graph, what: Tensor | str, known: set[str]) -> Node:
    """Return the node of a tensor; say so if the loss does not depend on it."""
    there = what in graph.tensors if isinstance(what, Tensor) else any(
        what in (node.name, node.id) for node in graph
    )  # fmt: skip
    if not there and (isinstance(what, Tensor) or what in known):
        name = what if isinstance(what, str) else what.name or "a tensor that is asked for"
        raise GradientError(
            f"derive: the loss does not depend on {name}, so the gradient with respect to it is "
            f"zero. Leave it out of wrt, or use it in the loss."
        )
    return graph.find(what)


def _flat(
    f: Callable[..., Any], given: Mapping[str, Any]
) -> tuple[Callable[..., Any], Mapping[str, Any], Mapping[str, list[str]]]:
    """Return a function of arrays in the place of one of nests, and the names in every nest.

    What a key has is called by it, ``W1``, if nothing else is; else as the function unpacks it.
    """
    found = {x: flatten(value, x) for x, value in given.items() if _is_nest(value)}
    if not found:
        return f, given, {}
    leaves = [leaf for x, value in given.items() for leaf in found.get(x, [(x, value)])]
    nest = {x: value if x in found else None for x, value in given.items()}
    nest = rebuild(nest, [None] * len(leaves))

    @functools.wraps(f)
    def of_leaves(*leaves: Any) -> Any:
        return f(*rebuild(nest, leaves).values())

    words = {path: re.findall(r"\w+", path) for path, _ in leaves}
    ends = {path: ["_".join(x[-k:]) for k in range(1, len(x) + 1)] for path, x in words.items()}
    counts = Counter(x for y in ends.values() for x in y)
    told = _as_unpacked(of_leaves, dict(leaves))
    names = {path: path if path in given else next(
        y for y in (x[0], told.get(path, ""), *x) if y.isidentifier() and counts[y] == (y in x))
        for path, x in ends.items()}  # fmt: skip
    parts = {x: [names[path] for path, _ in leaves] for x, leaves in found.items()}
    return of_leaves, {names[x]: leaf for x, leaf in leaves}, parts


def _as_unpacked(f: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Return what a function calls its arguments: ``for W, b in layers``, the second time W2."""
    told: dict[str, str] = {}
    for name, t in record(f, given).bound:
        if t.is_leaf and t.name is not None and t.name in given:
            told.setdefault(t.name, name)
    counts = Counter(told.values())
    turns = {name: itertools.count(1) for name, n in counts.items() if n > 1}
    return {x: f"{name}{next(turns[name])}" if name in turns else name for x, name in told.items()}


def _is_nest(x: Any) -> bool:
    """Return whether an argument has arrays in it; a list of numbers is one."""
    if isinstance(x, list | tuple):
        return any(isinstance(leaf, np.ndarray | Tensor) for leaf in leaves_of(x))
    return isinstance(x, dict) or parts_of(x) is not None


def _bound(f: Callable[..., Any], args: tuple[ArrayLike, ...]) -> Mapping[str, Any]:
    """Return the arguments of a function by the names of its parameters."""
    signature = inspect.signature(f)
    if any(x.kind is x.VAR_POSITIONAL for x in signature.parameters.values()):
        raise TypeError(
            f"derive takes the names of parameters, and {signature} leaves them open. Write "
            f"lambda w, x: ..."
        )
    try:
        return signature.bind(*args).arguments
    except TypeError as error:
        raise TypeError(
            f"derive cannot call the function: {error}. Write al.derive(f, x)."
        ) from None
