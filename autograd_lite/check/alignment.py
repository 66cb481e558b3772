"""Which gradient by hand is whose: by name, by tensor, by position, by attribute."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.gradients import of_delta
from autograd_lite.check.mistakes.registry import same
from autograd_lite.check.mistakes.repeated import loops
from autograd_lite.check.mistakes.replay import Replay
from autograd_lite.graph import Graph, Node
from autograd_lite.tensor import Tensor

PREFIXES = ("d_", "grad_", "g_", "d", "g", "delta_")
SUFFIXES = ("_grad", "_delta", "_g")
"""What stands before or after the name of a tensor in the name of its gradient."""

Aligned = list[tuple[Node, str, NDArray[Any]]]
"""Node, what it is called, its gradient by hand."""

SPELLINGS = ("{}_grad", "grad_{}", "d_{}", "d{}", "{}")
"""Names of an attribute that holds the gradient of something, the clearest first."""


def align(graph: Graph, by_hand: Any) -> Aligned:
    """Return the nodes that gradients by hand belong to.

    Parameters
    ----------
    graph : Graph
        Of the loss.
    by_hand : mapping, sequence, array, callable or object
        See `compare`.
    """
    if inspect.isroutine(by_hand) or isinstance(by_hand, functools.partial):
        by_hand = _called(graph, by_hand)
    if isinstance(by_hand, Mapping):
        pairs = _by_name(graph, by_hand)
    elif isinstance(by_hand, list | tuple):
        pairs = _by_position(graph, by_hand)
    elif isinstance(by_hand, np.ndarray | np.generic | float | int | Tensor):
        pairs = _by_position(graph, [by_hand])
    else:
        pairs = _by_attribute(graph, by_hand)
    if not pairs:
        hint = " One that fits no step of a loop is passed over; compare it as {tensor: gradient}."
        hint = hint if isinstance(by_hand, Mapping) and by_hand else ""
        raise ValueError(f"compare needs at least one gradient by hand, got none.{hint}")
    found = []
    for key, gradient in pairs:
        node, name = key if isinstance(key, tuple) else (None, key)
        if node is None:
            node = _parameters(graph)[key] if isinstance(key, int) else _found(graph, key)
            name = key if isinstance(key, str) else node.label
        if np.iscomplexobj(node.value):
            raise TypeError(
                f"compare: {name} is complex, and only gradients of real tensors are compared. "
                f"Leave it out."
            )
        found.append((node, name, as_array(gradient, name)))
    return found


def as_array(gradient: Any, name: str, who: str = "compare") -> NDArray[Any]:
    """Return a gradient by hand as an array of floating-point numbers."""
    if isinstance(gradient, list | tuple) and any(isinstance(x, Tensor) for x in gradient):
        raise TypeError(
            f"{who}: the gradient of {name} by hand is a {type(gradient).__name__} with a Tensor "
            f"in it. For tensors with their gradients, write {{w: dw}}."
        )
    array = np.asarray(gradient.data if isinstance(gradient, Tensor) else gradient)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{who}: the gradient of {name} by hand is {gradient!r}, which is not an array of "
            f"real numbers."
        )
    return array if array.dtype.kind == "f" else array.astype(float)


def _parameters(graph: Graph) -> list[Node]:
    return [node for node in graph if node.kind == "parameter"]


def _by_name(graph: Graph, gradients: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Pair gradients with tensors by name, that of the tensor (``W``) or of the gradient (``dW``).

    In ``locals()``, tensors and data themselves and whatever else there is are ignored.
    """
    names = {node.name for node in graph if node.name}
    known = names | {node.id for node in graph}
    others = {key for key in gradients if isinstance(key, str)} - known
    spelled = {stem for key in others if not is_delta(key) for stem in stems(key)} & names
    plain = _of_themselves(graph, gradients, gradients.keys() - others, spelled)
    found: list[tuple[Any, Any]] = []
    strange: list[str] = []
    for key, gradient in gradients.items():
        stem = next((stem for stem in stems(key) if stem in names), "") if key in others else ""
        if key in plain:
            found.append((key, gradient))
        elif key in others and not stem:
            strange.append(key)
        elif stem and (of := _of_name(graph, key, stem, gradients, plain | spelled)) is not None:
            found.append((of, gradient))
    if len(found) + len(strange) == len(gradients):  # Else it is a namespace.
        for key in strange:
            node = _held(graph, key)
            if node is None and difflib.get_close_matches(key, names):
                _near(key, names)
            node = node or graph.find(key)
            found.append(((node, node.name or key), gradients[key]))
    return found


def _of_themselves(
    graph: Graph, gradients: Mapping[Any, Any], keys: set[Any], spelled: set[str]
) -> set[Any]:
    """Return the keys that name a tensor whose gradient they have.

    Where a ``W`` is the tensor itself, gradients are called as ``dW`` is.
    """
    variables = {key for key in keys if isinstance(key, str)}
    if not spelled or not any(_is_itself(graph, x, gradients[x], True) for x in variables):
        variables &= spelled
    return {key for key in keys - variables if not _is_itself(graph, key, gradients[key], False)}


def _of_name(
    graph: Graph, key: str, stem: str, gradients: Mapping[Any, Any], given: Collection[Any]
) -> Any:
    """Return the tensor whose gradient is called `key`, after the variable `stem`; None if none.

    With each node comes what it is called; `given` are those with a gradient by their own name.
    """
    its, hand = gradients.get(stem), gradients[key]
    node = _meant(graph, stem, its)
    if node is None:
        return None
    if is_delta(key):
        node = of_delta(graph, node, as_array(hand, key), given)
        return node, node.name or key
    return stem if its is None else _of_a_step(graph, node, stem, as_array(hand, key))


def _held(graph: Graph, key: str) -> Node | None:
    """Return what a dict or an object holds by a key, where a variable is called so, too."""
    for stem in (key, *stems(key)):
        ends = (f"['{stem}']", f".{stem}")
        found = [x for x in graph if x.requires_grad and (x.name or "").endswith(ends)]
        if len(found) == 1:
            return found[0]
    return None


def _near(key: str, names: set[str]) -> None:
    near = ", ".join(difflib.get_close_matches(key, names))
    listed = ", ".join(sorted(names))
    raise KeyError(f"{key!r} is not in this graph. Did you mean {near}? Names in it: {listed}.")


def is_delta(key: str) -> bool:
    """Return whether a name is that of a delta, which may be the gradient before an activation."""
    return key.startswith("delta_") or DELTA.search(key) is not None


DELTA = re.compile(r"_delta(_\d+)?$")
"""How the name of a delta ends: the second one of ``h``, in `derive`, is ``h_delta_2``."""


def stems(key: str) -> list[str]:
    """Return the names whose gradient may be called `key`: of ``dW`` or ``dL_dW``, ``W``."""
    key = DELTA.sub("_delta", re.sub(r"^d_?(L|J|loss)_?d", "d", key))
    found = [key[len(p) :] for p in PREFIXES if key.startswith(p) and len(key) > len(p)]
    return found + [key[: -len(s)] for s in SUFFIXES if key.endswith(s) and len(key) > len(s)]


def _is_itself(graph: Graph, key: Any, value: Any, inner: bool) -> bool:
    """Return whether a value is the tensor or data that it is called after, and not a gradient.

    With `inner`, also a bare array of what has a gradient.
    """
    if isinstance(value, Tensor) and value in graph.tensors and value.requires_grad:
        return True
    named = [node for node in graph if node.name == key] if isinstance(key, str) else []
    return any((inner or not x.requires_grad) and np.array_equal(x.value, value) for x in named)


def _found(graph: Graph, key: str | Tensor) -> Node:
    """Return the node that a gradient is of: data may have a name of a tensor, too."""
    named = [x for x in graph if isinstance(key, str) and x.name == key and x.requires_grad]
    return named[0] if len(named) == 1 else graph.find(key)


def _meant(graph: Graph, stem: str, its: Any) -> Node | None:
    """Return the node that a variable is, `its` being what is called so; None if it is data."""
    if its is None:
        return _found(graph, stem)
    if isinstance(its, Tensor) and its in graph.tensors:
        node = graph.find(its)
        return node if node.requires_grad else None
    return next((x for x in reversed(graph) if x.name == stem and x.requires_grad), None)


def _of_a_step(graph: Graph, node: Node, name: str, hand: NDArray[Any]) -> tuple[Node, str] | None:
    """Return the step of a loop that a gradient is of, and what that is called; None if of none.

    After two loops, a tensor is that of the last step, and its gradient that of the first one, or
    of what came before it.
    """
    replay = Replay(graph)
    for nodes in (nodes for loop in loops(replay) for nodes in loop.classes if node in nodes):
        fits = (k for k, x in enumerate(nodes) if same(replay.gradients[x.id], hand))
        return next(((nodes[k], f"{name} of step {k + 1}") for k in fits), None)
    return node, name


def _by_position(graph: Graph, gradients: Any) -> list[tuple[Any, Any]]:
    """Pair gradients with the parameters, in the order in which these were made."""
    names = [node.label for node in _parameters(graph)]
    if len(gradients) != len(names):
        raise ValueError(
            f"compare: by position there must be one gradient for every parameter, in their "
            f"order: {', '.join(names)}. Got {len(gradients)}; leave one out with None, or give a "
            f"dict."
        )
    return [(i, gradient) for i, gradient in enumerate(gradients) if gradient is not None]


def _called(graph: Graph, by_hand: Callable[..., Any]) -> Any:
    """Call a function with the values of the tensors that its parameters are called after."""
    arguments = {}
    for name, parameter in inspect.signature(by_hand).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        known = [node for node in graph if node.name in (name, name.replace("_", "."))]
        if len(known) == 1:
            arguments[name] = np.array(known[0].value)
        elif parameter.default is parameter.empty:
            names = ", ".join(dict.fromkeys(node.name for node in graph if node.name))
            raise TypeError(
                f"compare: {getattr(by_hand, '__name__', 'by_hand')} takes {name!r}, which is "
                f"no name of a tensor of the graph. Names in it: {names or 'none'}."
            )
    return by_hand(**arguments)


def _by_attribute(graph: Graph, thing: Any) -> list[tuple[Any, Any]]:
    """Pair the attributes of an object with the tensors that they are called after."""
    found: list[tuple[Any, Any]] = []
    for node in graph:
        if not node.name or not node.requires_grad:
            continue
        *path, last = node.name.split(".")
        for words in ([*path, last], ["_".join([*path, last])]):
            *outer, inner = words
            owner = thing
            for part in outer:
                owner = getattr(owner, part, None)
            value = next(
                (
                    getattr(owner, spelling.format(inner))
                    for spelling in SPELLINGS
                    if hasattr(owner, spelling.format(inner))
                    and getattr(owner, spelling.format(inner)) is not node.tensor
                ),
                None,
            )
            if value is not None and not callable(value):
                found.append((node.name, value))
                break
    if not found:
        names = ", ".join(dict.fromkeys(node.name for node in graph if node.name))
        raise TypeError(
            f"compare: {type(thing).__name__} has no attribute that is called after a tensor of "
            f"the graph ({names or 'which has no names'}). For a tensor w, one of "
            f"{', '.join(spelling.format('w') for spelling in SPELLINGS)} is looked for."
        )
    return found
