"""A state that a module is to take on: whether it fits, and what to do if it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def fitting(
    name: str, own: Mapping[str, Any], state: Mapping[str, ArrayLike], strict: bool
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a state, if they fit those that a module has; else say what is wrong."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict needs a dict of arrays, got {type(state).__name__}. Pass "
            f"net.state_dict(); or read a file with al.load(path, into=net)."
        )
    if any(type(value).__module__.partition(".")[0] == "torch" for value in state.values()):
        raise TypeError(
            "load_state_dict got a state of PyTorch's, whose weights lie the other way round. "
            "Write net.load_state_dict(nn.from_pytorch(net, state))."
        )
    if inner := [key for key, value in state.items() if isinstance(value, Mapping)]:
        raise ValueError(
            f"load_state_dict needs the state of one {name}, got one with "
            f"states in it: {', '.join(map(repr, inner))}. Pass state[{inner[0]!r}], or for a "
            f"file write al.load(path, into={{{inner[0]!r}: net}})."
        )
    arrays = {path: np.asarray(value) for path, value in state.items()}
    problems = []
    if strict:
        problems += [f"missing: {path} {own[path].shape}" for path in own if path not in arrays]
        problems += [
            f"unexpected: {path} {arrays[path].shape}" for path in arrays if path not in own
        ]
    shared = [path for path in own if path in arrays]
    problems += [
        f"wrong shape: {path} is {own[path].shape}, got {arrays[path].shape}"
        for path in shared
        if own[path].shape != arrays[path].shape
    ]
    problems += [
        f"wrong dtype: {path} is {own[path].dtype}, got {arrays[path].dtype}"
        for path in shared
        if not np.can_cast(arrays[path].dtype, own[path].dtype, "same_kind")
    ]
    if problems:
        listed = "\n  ".join(problems)
        raise ValueError(
            f"load_state_dict: the state does not fit this {name}, which is unchanged.\n  {listed}"
        )
    return arrays
