"""Arguments that are refused on Tensors."""

from __future__ import annotations

from typing import Any


def refuse(name: str, reason: str, **arguments: Any) -> None:
    """Raise a TypeError for an argument that was given and that Tensors have no use for.

    Parameters
    ----------
    name : str
        The NumPy function.
    reason : str
        Why, or what to do.
    **arguments
        What was given; None stands for nothing.
    """
    for key, value in arguments.items():
        if value is not None:
            raise TypeError(f"{name} on Tensors takes no {key}= (got {value!r}): {reason}.")
