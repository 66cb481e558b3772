"""A nest of dicts, lists and tuples as JSON, with the arrays beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

FORMAT = 1
NUMBERS = "biufc"


def join(path: str, name: Any) -> str:
    """Return the path of a part."""
    return f"{path}.{name}" if path else str(name)


def encode(x: Any, arrays: dict[str, Any], path: str = "") -> Any:
    """Return a nest as JSON has it; arrays are put into `arrays`, under their paths."""
    if x is None or (isinstance(x, bool | int | float | str) and not isinstance(x, np.generic)):
        return x
    if isinstance(x, np.ndarray | np.generic):
        array = np.asarray(x)
        if array.dtype.kind not in NUMBERS:
            raise TypeError(
                f"save: {path or 'the state'} is an array of dtype {array.dtype}, and only numbers "
                f"can be saved."
            )
        name = path or "array"
        while name in arrays:
            name += "_"
        arrays[name] = np.array(array, array.dtype.newbyteorder("="), order="C")
        return {"array": name} if isinstance(x, np.ndarray) else {"scalar": name}
    if isinstance(x, dict):
        wrong = [key for key in x if not isinstance(key, str | int) or isinstance(key, bool)]
        if wrong:
            raise TypeError(
                f"save: {path or 'the state'} has the key {wrong[0]!r}; keys must be strings or "
                f"integers."
            )
        return {"dict": [[key, encode(part, arrays, join(path, key))] for key, part in x.items()]}
    if isinstance(x, list | tuple):
        parts = [encode(part, arrays, join(path, i)) for i, part in enumerate(x)]
        return parts if isinstance(x, list) else {"tuple": parts}
    raise TypeError(
        f"save: {path or 'the state'} is a {type(x).__name__}, which cannot be saved. Save "
        f"numbers, strings, arrays, Tensors, generators, and what has a state_dict."
    )


def decode(x: Any, arrays: dict[str, Any]) -> Any:
    """Return the nest."""
    if x is None or isinstance(x, bool | int | float | str):
        return x
    if isinstance(x, list):
        return [decode(part, arrays) for part in x]
    ((kind, inside),) = x.items()
    if kind == "array":
        return arrays[inside]
    if kind == "scalar":
        return arrays[inside][()]
    if kind == "tuple":
        return tuple(decode(part, arrays) for part in inside)
    if kind == "dict":
        return {key: decode(part, arrays) for key, part in inside}
    raise ValueError(f"there is a {kind!r} in it")


def is_flat(x: Any, arrays: dict[str, Any]) -> bool:
    """Return whether a nest is a dict of arrays under their own names."""
    return bool(x == {"dict": [[name, {"array": name}] for name in arrays]})
