"""The methods of NumPy's arrays, for whatever records the operations done to it."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from autograd_lite import numpy_api, ops
from autograd_lite.core.later import names_its_arguments
from autograd_lite.numpy_api.filling import picked
from autograd_lite.numpy_api.reducing_methods import ReducingMethods


class ArrayMethods(ReducingMethods):
    """Methods like those of ``ndarray``, by way of ``__record__`` of the class that has them."""

    __slots__ = ()
    _requires_grad: bool

    def dot(self, other: Any) -> Self:
        """Return the product with another array, by the rules of ``np.dot``.

        Parameters
        ----------
        other : array_like or Tensor
            Its last axis but one, or its only one, is as long as the last axis of this.

        Returns
        -------
        Tensor
            Of the other axes of both: for two vectors a number, for two matrices their product.

        Raises
        ------
        ValueError
            If the lengths differ.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1.0, 2.0]).dot([3.0, 4.0]).item()
        11.0
        """
        return numpy_api.dot(self, other)

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Return the entries, kept between two bounds.

        Parameters
        ----------
        min, max : array_like or Tensor, optional
            The bounds, which broadcast with this; None for no bound.

        Returns
        -------
        Tensor
            Of the shape to which all broadcast.

        Notes
        -----
        An entry that equals a bound shares its derivative evenly with it.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([-2.0, 0.5, 2.0]).clip(-1, 1)
        Tensor([-1. ,  0.5,  1. ])
        """
        return numpy_api.clip(self, min, max)

    @property
    def real(self) -> Self:
        """The real part, as a view that is not written to; of real numbers, this tensor itself.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1 + 2j]).real
        Tensor([1.])
        """
        return self._numpy(np.real)

    @real.setter
    def real(self, part: Any) -> None:
        t: Any = self
        t[...] = part + 1j * t.imag if t.dtype.kind == "c" else part

    @property
    def imag(self) -> Any:
        """The imaginary part, as a view that is not written to; of real numbers, an array of zeros.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1 + 2j]).imag
        Tensor([2.])
        """
        return self._numpy(np.imag)

    @imag.setter
    def imag(self, part: Any) -> None:
        t: Any = self
        if t.dtype.kind != "c":
            raise TypeError("t.imag = v on real numbers, which have no imaginary part to set.")
        t[...] = t.real + 1j * part

    def conj(self) -> Self:
        """Return the complex conjugate; of real numbers, this tensor itself.

        Returns
        -------
        Tensor
            Of this shape and dtype.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1 + 2j]).conj().tolist()
        [(1-2j)]
        """
        if not np.iscomplexobj(numpy_api.values_of(self)):
            return self
        return self._numpy(np.conjugate)

    conjugate = conj

    def argsort(self, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Any:
        """Return the positions that put the entries in increasing order.

        Parameters
        ----------
        axis : int or None
            The axis to sort along; None for all entries.
        kind : str, optional
            The algorithm, as in ``np.argsort``.
        stable : bool, optional
            Whether entries that tie keep their order.

        Returns
        -------
        ndarray of int
            Of this shape.

        Raises
        ------
        numpy.exceptions.AxisError
            If the axis is out of range.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([3.0, 1.0, 2.0]).argsort().tolist()
        [1, 2, 0]
        """
        return self._numpy(np.argsort, axis, kind, stable=stable)

    def argpartition(self, kth: Any, axis: Any = -1) -> Any:
        """Return positions that put the k-th entry in its place, and smaller ones before it.

        Parameters
        ----------
        kth : int or sequence of int
            Which places, counted from 0.
        axis : int or None
            The axis; None for all entries.

        Returns
        -------
        ndarray of int
            Of this shape.

        Raises
        ------
        ValueError
            If an index is out of range.
        numpy.exceptions.AxisError
            If the axis is out of range.

        Examples
        --------
        >>> import autograd_lite as al
        >>> t = al.Tensor([3.0, 1.0, 2.0])
        >>> t[t.argpartition(0)][0].item()
        1.0
        """
        return self._numpy(np.argpartition, kth, axis)

    def nonzero(self) -> Any:
        """Return the positions of the entries that are not 0.

        Returns
        -------
        tuple of ndarray of int
            For every axis, the indices along it.

        Raises
        ------
        ValueError
            Of a single number.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[0.0, 3.0], [4.0, 0.0]]).nonzero()
        (array([0, 1]), array([1, 0]))
        """
        return self._numpy(np.nonzero)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Return the positions at which values would keep the entries in order.

        Parameters
        ----------
        v : array_like
            The values.
        side : {"left", "right"}
            Before or after entries that are equal.
        sorter : array_like of int, optional
            Positions that put the entries in order; by default they are in order.

        Returns
        -------
        int or ndarray of int
            Of the shape of `v`.

        Raises
        ------
        ValueError
            If this has several axes.

        Examples
        --------
        >>> import autograd_lite as al
        >>> int(al.Tensor([1.0, 2.0, 3.0]).searchsorted(2.5))
        2
        """
        return self._numpy(np.searchsorted, v, side, sorter)

    def round(self, decimals: int = 0) -> Any:
        """Return the entries rounded to decimals, which have no derivative.

        Parameters
        ----------
        decimals : int
            How many; negative ones round in front of the point.

        Returns
        -------
        ndarray, or a NumPy number
            Of this shape and dtype.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1.26, 2.0]).round(1).tolist()
        [1.3, 2.0]
        """
        return self._numpy(np.round, decimals)

    @property
    def itemsize(self) -> int:
        """Bytes of one entry."""
        return int(numpy_api.values_of(self).itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return int(numpy_api.values_of(self).nbytes)

    @property
    def _mask(self) -> Any:
        """Refuse what ``np.ma`` asks of its operands: it computes with bare arrays and masks."""
        if not self._requires_grad:  # As that of plots of Matplotlib: it takes the bare array.
            raise AttributeError
        raise TypeError(
            "A masked array cannot carry a gradient. Say what masked entries count as, "
            "t * m.filled(0.0), or leave them out: np.sum(t, where=~m.mask), "
            "np.where(m.mask, 0.0, t)."
        )

    _data = _mask  # np.ma takes the numbers from here, where there are any.

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        return numpy_api.call_function(function, args, kwargs)

    def _call_ufunc(self, ufunc: np.ufunc, method: str, inputs: Any, kwargs: Any) -> Any:
        primitive = ops.recorded_as(ufunc)
        if primitive is not None and method == "__call__" and not kwargs:  # Loaded just now.
            return self.__record__(primitive, inputs, {})
        return numpy_api.call_ufunc(ufunc, method, inputs, kwargs)

    def __getitem__(self, index: Any) -> Self:
        return picked(self, index)

    def __abs__(self) -> Self:
        return self._apply(ops.absolute)

    def __floordiv__(self, other: Any) -> Any:
        return numpy_api.untyped.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return numpy_api.untyped.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return numpy_api.untyped.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return numpy_api.untyped.remainder(other, self)

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


for _name in (
    "flatten", "argmax", "argmin", "argsort", "argpartition", "any", "all", "cumsum", "cumprod",
    "repeat", "squeeze", "diagonal", "take", "clip", "trace", "round", "swapaxes",
):  # fmt: skip
    setattr(ArrayMethods, _name, names_its_arguments(getattr(ArrayMethods, _name)))
