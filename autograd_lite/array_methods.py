"""The methods of NumPy's arrays, for whatever records the operations done to it."""

from __future__ import annotations

from typing import Any, Self

from autograd_lite import numpy_api, ops
from autograd_lite.primitive import Primitive


class ArrayMethods:
    """Methods like those of ``ndarray``, by way of ``__record__`` of the class that has them."""

    __slots__ = ()

    @staticmethod
    def __record__(
        primitive: Primitive, operands: tuple[Any, ...], parameters: dict[str, Any]
    ) -> Any:
        """Carry out one operation; what a subclass defines."""
        raise NotImplementedError

    def _apply(self, primitive: Primitive, **parameters: Any) -> Self:
        result: Self = self.__record__(primitive, (self,), parameters)
        return result

    @property
    def T(self) -> Self:  # noqa: N802  (NumPy's name)
        """The transpose: all axes reversed."""
        return self._apply(ops.transpose, axes=None)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Add up, along `axis` or all."""
        return self._apply(ops.sum, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Arithmetic mean, along `axis` or of all."""
        return self._apply(ops.mean, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False) -> Self:
        """Variance, along `axis` or of all, over ``n - ddof``."""
        return self._apply(ops.var, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False) -> Self:
        """Take the root of `var`: the standard deviation."""
        return self.var(axis, ddof=ddof, keepdims=keepdims)._apply(ops.sqrt)

    def max(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Largest entry, along `axis` or of all."""
        return self._apply(ops.max, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Smallest entry, along `axis` or of all."""
        return self._apply(ops.min, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Product, along `axis` or of all."""
        return self._apply(ops.prod, axis=axis, keepdims=keepdims)

    def dot(self, other: Any) -> Self:
        """Product with NumPy's rules for ``np.dot``."""
        product: Self = numpy_api.dot(self, other)
        return product

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Keep between two bounds."""
        clipped: Self = numpy_api.clip(self, min, max)
        return clipped

    def reshape(self, *shape: Any) -> Self:
        """Give another shape: ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
        return self._apply(ops.reshape, shape=_one_tuple(shape))

    def ravel(self) -> Self:
        """Lay all entries along one axis."""
        return self._apply(ops.reshape, shape=(-1,))

    flatten = ravel

    def transpose(self, *axes: Any) -> Self:
        """Reorder the axes; reverse them if none are given."""
        order = None if not axes or axes == (None,) else _one_tuple(axes)
        return self._apply(ops.transpose, axes=order)

    def swapaxes(self, axis1: int, axis2: int) -> Self:
        """Exchange two axes."""
        swapped: Self = numpy_api.swapaxes(self, axis1, axis2)
        return swapped

    def squeeze(self, axis: Any = None) -> Self:
        """Remove axes of length 1."""
        return self._apply(ops.squeeze, axis=axis)

    def copy(self) -> Self:
        """Return an equal array that is recorded as a node of its own."""
        return self._apply(ops.copy)


def _one_tuple(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple | list):
        return tuple(arguments[0])
    return arguments
