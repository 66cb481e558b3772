"""The operations that NumPy has no name for, with the types of their operands and results.

Each is the entry of the same name in `autograd_lite.ops.neural`. Calling an entry with a Tensor
gives a Tensor and with an array gives an array; here a type checker is told so.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeVar, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_lite.ops import neural
from autograd_lite.tensor import Tensor

Array = TypeVar("Array", bound=Tensor | NDArray[Any] | np.floating[Any])
Axis = int | tuple[int, ...] | None
Reduction = Literal["mean", "sum", "half_sum", "none"]


class Elementwise(Protocol):
    """A function of every entry."""

    def __call__(self, x: Array, /) -> Array:
        """Return an array of the shape of `x`."""


class AlongAxis(Protocol):
    """A function of the entries along an axis, or several."""

    def __call__(self, x: Array, /, *, axis: Axis = -1) -> Array:
        """Return an array of the shape of `x`."""


class Reducing(Protocol):
    """A function of the entries along an axis, several or all that leaves one of them."""

    @overload
    def __call__(self, x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor: ...
    @overload
    def __call__(
        self, x: NDArray[Any], /, *, axis: Axis = None, keepdims: bool = False
    ) -> NDArray[Any]: ...


class Loss(Protocol):
    """A comparison of a prediction with a target of the same shape; numbers for arrays."""

    @overload
    def __call__(
        self, prediction: Tensor, target: Tensor | ArrayLike, /, *, reduction: Reduction = "mean"
    ) -> Tensor: ...
    @overload
    def __call__(
        self, prediction: NDArray[Any], target: Tensor, /, *, reduction: Reduction = "mean"
    ) -> Tensor: ...
    @overload
    def __call__(
        self, prediction: NDArray[Any], target: NDArray[Any], /, *, reduction: Reduction = "mean"
    ) -> Any: ...


relu = cast(Elementwise, neural.relu)
sigmoid = cast(Elementwise, neural.sigmoid)
softplus = cast(Elementwise, neural.softplus)
softmax = cast(AlongAxis, neural.softmax)
log_softmax = cast(AlongAxis, neural.log_softmax)
logsumexp = cast(Reducing, neural.logsumexp)
mse = cast(Loss, neural.mse)
