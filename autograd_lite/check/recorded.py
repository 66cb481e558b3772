"""A function of arrays, recorded at its inputs; and which gradient by hand is whose."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.check.alignment import Aligned, align
from autograd_lite.check.names import is_library, with_forms
from autograd_lite.core.modes import enable_grad
from autograd_lite.graph import Graph, names_in
from autograd_lite.graph.variables import watching
from autograd_lite.tensor import Tensor

Array = NDArray[Any]


def named_inputs(f: Callable[..., Any], inputs: Any) -> tuple[list[str], list[Array]]:
    """Return the inputs as arrays, with the names of the parameters that they are for."""
    if isinstance(inputs, Mapping):
        names = [str(name) for name in inputs]
        return names, [_array(x) for x in inputs.values()]
    arrays = [_array(x) for x in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names += [f"input {i}" for i in range(len(names), len(arrays))]
    return names[: len(arrays)], arrays


def _array(x: Any) -> Array:
    return np.array(x.data if isinstance(x, Tensor) else x)


def by_position(f: Any, names: Sequence[str]) -> Any:
    """Return a function that takes keywords alone, as ``lambda **x: ...``, as one of positions."""
    if not callable(f):
        return f
    try:
        kinds = {x.kind for x in inspect.signature(f).parameters.values()}
    except (TypeError, ValueError):
        return f
    if not kinds or kinds - {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}:
        return f

    @functools.wraps(f)
    def called(*arrays: Any) -> Any:
        return f(**dict(zip(names, arrays, strict=True)))

    return called


def traced(
    f: Callable[..., Any], names: Sequence[str], arrays: Sequence[Array]
) -> tuple[Graph, list[Tensor]]:
    """Record a call of the function."""
    lifted = [
        Tensor(x, requires_grad=x.dtype.kind == "f", name=name)
        for name, x in zip(names, arrays, strict=True)
    ]
    title = getattr(f, "__name__", "the function")
    with enable_grad():
        loss, variables = _watched(f, lifted)
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"compare: {title} returned {type(loss).__name__}, so it could not be recorded. It "
            f"must compute with its arguments in NumPy, without float() or np.asarray()."
        )
    if loss.size != 1 or not loss.requires_grad:
        raise ValueError(
            f"compare needs a function that returns a single number and depends on its "
            f"floating-point inputs, got {loss!r} from {title}."
        )
    unused = [x for x in lifted if x.requires_grad]
    others = {k: x for k, x in variables.items() if k not in names}  # x = np.tanh(x), say.
    return Graph([loss, *unused], _names(others)), lifted


def _watched(f: Callable[..., Any], lifted: Sequence[Tensor]) -> tuple[Any, dict[str, Any]]:
    """Call a function; return its result, and its local variables, for names."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    variables = _from_outside(f)
    named = (np.ndarray, Tensor) if code and code.co_name == "<lambda>" else np.ndarray

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            variables.update(frame.f_locals)
        elif event == "return" and not is_library(frame.f_globals):
            for name, x in frame.f_locals.items():  # Of a function that it calls.
                if isinstance(x, named):
                    variables.setdefault(name, x)

    if code is None:
        return f(*lifted), {}
    with watching(watch):
        return f(*lifted), variables


def _from_outside(f: Callable[..., Any]) -> dict[str, Any]:
    """Return the arrays that a function uses and that are not its own, by name."""
    try:
        found = inspect.getclosurevars(inspect.unwrap(f))
    except (TypeError, ValueError):
        return {}
    outside = {**found.globals, **found.nonlocals}
    return {name: x for name, x in outside.items() if isinstance(x, np.ndarray)}


def _names(variables: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {
        name: x
        for name, x in variables.items()
        if isinstance(x, np.ndarray) and name.isidentifier() and not name.startswith("_")
    }
    return with_forms({**arrays, **names_in(variables)})


def aligned(
    graph: Graph,
    lifted: Sequence[Tensor],
    names: Sequence[str],
    arrays: Sequence[Array],
    by_hand: Any,
) -> Aligned:
    """Call the function by hand, and pair what it returns with the inputs."""
    given = by_hand
    if callable(by_hand):
        given = by_hand(*(x.copy(order="K") for x in arrays))
    if isinstance(given, np.ndarray | np.generic | float | int) and len(arrays) == 1:
        given = [given]
    if isinstance(given, list | tuple):
        if len(given) != len(arrays):
            raise ValueError(
                f"compare: by position there must be one gradient for every input: "
                f"{', '.join(names)}. Got {len(given)}; leave one out with None, or give a dict."
            )
        pairs = zip(lifted, given, strict=True)
        given = {tensor: g for tensor, g in pairs if g is not None}
    elif isinstance(given, np.ndarray | np.generic | float | int):
        raise ValueError(
            f"compare: by_hand gives one array for {len(arrays)} inputs ({', '.join(names)}). "
            f"Give a dict that says whose gradient it is."
        )
    return align(graph, given)
