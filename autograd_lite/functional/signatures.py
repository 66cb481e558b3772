"""What the functions that transforms return take and give back, for a type checker.

By the rule of every transform, a gradient has the structure, shape and dtype of its argument: an
array for an array, a dict for a dict, a Tensor for a Tensor. A checker cannot see whether a Tensor
requires a gradient, nor whether the function uses one besides its arguments; it assumes that what
is a Tensor does, and that nothing else is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from autograd_lite.tensor import Tensor

A = TypeVar("A", bound=NDArray[Any])
P = ParamSpec("P")
X = TypeVar("X")

Argnums = int | Sequence[int]
Nest = dict[Any, Any] | list[Any] | tuple[Any, ...]
Value = Tensor | NDArray[Any] | float


class Gradient(Protocol[P]):
    """The gradient by the first argument; the others are those of the function."""

    @overload
    def __call__(self, x: float, /, *args: P.args, **kwargs: P.kwargs) -> np.float64: ...
    @overload
    def __call__(self, x: X, /, *args: P.args, **kwargs: P.kwargs) -> X: ...


class ValueAndGradient(Protocol[P]):
    """The value, and the gradient by the first argument."""

    @overload
    def __call__(
        self, x: Tensor, /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(
        self, x: float, /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[np.floating[Any], np.float64]: ...
    @overload
    def __call__(
        self, x: A, /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[np.floating[Any], A]: ...
    @overload
    def __call__(self, x: X, /, *args: P.args, **kwargs: P.kwargs) -> tuple[Any, X]: ...


class Derivatives(Protocol[P]):
    """A Jacobian or a Hessian by the first argument: an array, unless that is a nest."""

    @overload
    def __call__(self, x: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor: ...
    @overload
    def __call__(
        self, x: float | NDArray[Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> NDArray[Any]: ...
    @overload
    def __call__(self, x: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any: ...
