"""The methods of NumPy's arrays, for whatever records the operations done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from autograd_lite import numpy_api, ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.numpy_api.in_place import frozen_index
from autograd_lite.numpy_api.table import untyped


class ArrayMethods:
    """Methods like those of ``ndarray``, by way of ``__record__`` of the class that has them."""

    __slots__ = ()

    __record__: Callable[[Primitive, tuple[Any, ...], dict[str, Any]], Any]
    """Carries out one operation."""

    def _apply(self, primitive: Primitive, **parameters: Any) -> Self:
        result: Self = self.__record__(primitive, (self,), parameters)
        return result

    @property
    def T(self) -> Self:  # noqa: N802  (NumPy's name)
        """The transpose: all axes reversed."""
        return self._apply(ops.transpose, axes=None)

    def sum(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Add up, along `axis` or all; with ``initial=`` and ``where=`` as in NumPy."""
        return self._reduced(ops.sum, np.sum, axis, keepdims, dtype=dtype, out=out, **more)

    def mean(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Arithmetic mean, along `axis` or of all; with ``where=`` as in NumPy."""
        return self._reduced(ops.mean, np.mean, axis, keepdims, dtype=dtype, out=out, **more)

    def prod(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Product, along `axis` or of all; with ``initial=`` and ``where=`` as in NumPy."""
        return self._reduced(ops.prod, np.prod, axis, keepdims, dtype=dtype, out=out, **more)

    def max(self, axis: Any = None, out: None = None, keepdims: bool = False, **more: Any) -> Self:
        """Largest entry, along `axis` or of all; with ``initial=`` and ``where=`` as in NumPy."""
        return self._reduced(ops.max, np.max, axis, keepdims, out=out, **more)

    def min(self, axis: Any = None, out: None = None, keepdims: bool = False, **more: Any) -> Self:
        """Smallest entry, along `axis` or of all; with ``initial=`` and ``where=`` as in NumPy."""
        return self._reduced(ops.min, np.min, axis, keepdims, out=out, **more)

    def var(
        self, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
        keepdims: bool = False, **more: Any,
    ) -> Self:  # fmt: skip
        """Variance, along `axis` or of all, over ``n - ddof``; the rest as in NumPy."""
        if ddof:
            more["ddof"] = ddof
        return self._reduced(ops.var, np.var, axis, keepdims, dtype=dtype, out=out, **more)

    def std(
        self, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
        keepdims: bool = False, **more: Any,
    ) -> Self:  # fmt: skip
        """Take the root of `var`: the standard deviation."""
        return self.var(axis, dtype, out, ddof, keepdims, **more)._apply(ops.sqrt)

    def _reduced(
        self, primitive: Primitive, function: Callable[..., Any], axis: Any, keepdims: bool,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Record an operation; what it does not take is left to NumPy's function."""
        given = {key: value for key, value in more.items() if value is not None}
        if not given:
            return self._apply(primitive, axis=axis, keepdims=keepdims)
        reduced: Self = self._numpy(function, axis=axis, keepdims=keepdims, **given)
        return reduced

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Add up the entries on a diagonal."""
        return self.diagonal(offset, axis1, axis2).sum(-1)

    def dot(self, other: Any) -> Self:
        """Product with NumPy's rules for ``np.dot``."""
        product: Self = numpy_api.dot(self, other)
        return product

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Keep between two bounds."""
        clipped: Self = numpy_api.clip(self, min, max)
        return clipped

    def reshape(self, *shape: Any, order: str = "C") -> Self:
        """Give another shape: ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
        if order == "C":
            return self._apply(ops.reshape, shape=_one_tuple(shape))
        reshaped: Self = self._numpy(np.reshape, _one_tuple(shape), order)
        return reshaped

    def ravel(self, order: str = "C") -> Self:
        """Lay all entries along one axis."""
        laid: Self = self._numpy(np.ravel, order)
        return laid

    def flatten(self, order: str = "C") -> Self:
        """Copy all entries along one axis."""
        return self.ravel(order).copy()

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

    def copy(self, order: str = "C") -> Self:
        """Return an equal array that is recorded as a node of its own."""
        return self._apply(ops.copy, order=order)

    def _numpy(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do what NumPy's function of the same name does."""
        return numpy_api.call_function(function, (self, *args), kwargs)

    @property
    def mT(self) -> Self:  # noqa: N802  (NumPy's name)
        """The transpose of the last two axes."""
        return self.swapaxes(-1, -2)

    @property
    def real(self) -> Self:
        """The real part: of real numbers, this itself."""
        part: Self = self._numpy(np.real)
        return part

    def cumsum(self, axis: Any = None, dtype: Any = None) -> Self:
        """Sum up, keeping every step."""
        summed: Self = self._numpy(np.cumsum, axis, dtype)
        return summed

    def cumprod(self, axis: Any = None, dtype: Any = None) -> Self:
        """Multiply up, keeping every step."""
        multiplied: Self = self._numpy(np.cumprod, axis, dtype)
        return multiplied

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Take the entries on a diagonal."""
        return self._apply(ops.diagonal, offset=offset, axis1=axis1, axis2=axis2)

    def repeat(self, repeats: Any, axis: Any = None) -> Self:
        """Repeat every entry."""
        return self._apply(ops.repeat, repeats=repeats, axis=axis)

    def take(self, indices: Any, axis: Any = None, mode: str = "raise") -> Self:
        """Take the entries at positions."""
        taken: Self = self._numpy(np.take, indices, axis, mode=mode)
        return taken

    def compress(self, condition: Any, axis: Any = None) -> Self:
        """Take the entries at the positions where a condition holds."""
        taken: Self = numpy_api.call_function(np.compress, (condition, self, axis), {})
        return taken

    def choose(self, choices: Any, mode: str = "raise") -> Any:
        """Choose among arrays, by numbers."""
        return self._numpy(np.choose, choices, mode)

    def conj(self) -> Self:
        """Return the conjugate: of real numbers, this itself."""
        if not np.iscomplexobj(numpy_api.values_of(self)):
            return self
        conjugated: Self = self._numpy(np.conjugate)
        return conjugated

    conjugate = conj

    def argmax(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Return the position of the largest entry."""
        return self._numpy(np.argmax, axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Return the position of the smallest entry."""
        return self._numpy(np.argmin, axis, keepdims=keepdims)

    def argsort(self, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Any:
        """Return the positions of the entries in order of size."""
        return self._numpy(np.argsort, axis, kind, stable=stable)

    def argpartition(self, kth: Any, axis: Any = -1) -> Any:
        """Return the positions that put smaller entries before the k-th."""
        return self._numpy(np.argpartition, kth, axis)

    def nonzero(self) -> Any:
        """Return the positions of what is not 0."""
        return self._numpy(np.nonzero)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Return where entries would have to be put in."""
        return self._numpy(np.searchsorted, v, side, sorter)

    def any(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Say whether any entry is not 0."""
        return self._numpy(np.any, axis, keepdims=keepdims)

    def all(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Say whether no entry is 0."""
        return self._numpy(np.all, axis, keepdims=keepdims)

    def round(self, decimals: int = 0) -> Any:
        """Return the rounded values, which have no derivative."""
        return self._numpy(np.round, decimals)

    @property
    def itemsize(self) -> int:
        """Bytes of an entry."""
        return int(numpy_api.values_of(self).itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return int(numpy_api.values_of(self).nbytes)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        return numpy_api.call_function(function, args, kwargs)

    def _call_ufunc(self, ufunc: np.ufunc, method: str, inputs: Any, kwargs: Any) -> Any:
        return numpy_api.call_ufunc(ufunc, method, inputs, kwargs)

    def __getitem__(self, index: Any) -> Self:
        return self._apply(ops.getitem, index=frozen_index(index))

    def __abs__(self) -> Self:
        return self._apply(ops.absolute)

    def __floordiv__(self, other: Any) -> Any:
        return untyped.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return untyped.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return untyped.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return untyped.remainder(other, self)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __len__(self) -> int:
        if not np.shape(numpy_api.values_of(self)):
            raise TypeError(f"len() of a 0-d {type(self).__name__}: it is a single number.")
        return len(numpy_api.values_of(self))

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self.__eq__(value)))


def _one_tuple(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple | list):
        return tuple(arguments[0])
    return arguments
