"""States that PyTorch's modules of the same names take and give, without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.nn.module import Module


def from_pytorch(module: Module, state: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return a state of PyTorch's as `load_state_dict` takes it.

    The weights of `Linear`, of recurrent layers and of attention are (inputs, outputs) here, and
    the transpose of that there. Everything else is the same.

    Parameters
    ----------
    module : Module
        The network that is to take it: of the same layers, under the same names.
    state : mapping of str to array_like
        What ``net.state_dict()`` of a torch.nn.Module returned, or a file had in it: tensors of
        PyTorch's on the CPU, or arrays.

    Raises
    ------
    TypeError
        If a value is not an array of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> layer = nn.Linear(3, 2)
    >>> theirs = {"weight": np.zeros((2, 3)), "bias": np.zeros(2)}
    >>> layer.load_state_dict(nn.from_pytorch(layer, theirs))
    """
    _require(module, "from_pytorch(net, state)")
    if not isinstance(state, Mapping):
        raise TypeError(
            f"from_pytorch needs a state, got {type(state).__name__}. Write "
            f"nn.from_pytorch(net, theirs.state_dict())."
        )
    turned, found = _transposed(module), {}
    for path, value in state.items():
        try:
            array = np.asarray(value)
        except (TypeError, RuntimeError) as error:  # PyTorch's: of bfloat16, or of a parameter.
            fix = "{k: v.detach().float() for k, v in state.items()}"
            raise TypeError(f"from_pytorch cannot read {path}: {error}. Write {fix}.") from None
        if array.dtype.kind not in "biufc":
            raise TypeError(
                f"from_pytorch needs arrays of numbers, got {type(value).__name__} as {path}. "
                f"Pass net.state_dict()."
            )
        found[path] = np.array(array.T if path in turned else array)
    return found


def to_pytorch(module: Module) -> dict[str, NDArray[Any]]:
    """Return the state of a module as PyTorch's modules take it, arrays by path.

    Make tensors of them there: ``{k: torch.from_numpy(v) for k, v in state.items()}``.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> {path: a.shape for path, a in nn.to_pytorch(nn.Linear(3, 2)).items()}
    {'weight': (2, 3), 'bias': (2,)}
    """
    _require(module, "to_pytorch(net)")
    return from_pytorch(module, module.state_dict())


def _require(module: Any, call: str) -> None:
    if not isinstance(module, Module):
        raise TypeError(
            f"{call.partition('(')[0]} needs a module, got a {type(module).__name__}. Write "
            f"nn.{call}."
        )


def _transposed(module: Module) -> set[str]:
    """Return the paths of what PyTorch holds transposed."""
    return {
        f"{path}.{name}" if path else name
        for path, part in module.named_modules()
        for name in part.transposed
    }
