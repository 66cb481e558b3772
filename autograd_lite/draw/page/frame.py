"""What is kept of one step of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded step.

    Attributes
    ----------
    label : int or float
        What the step is called.
    loss : float
        The result.
    values, grads : mapping of str to ndarray
        By the identifier of the node.
    """

    label: float
    loss: float
    values: Mapping[str, NDArray[Any]]
    grads: Mapping[str, NDArray[Any]]
