"""The methods of NumPy's arrays, for whatever records the operations done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from autograd_lite import numpy_api, ops
from autograd_lite.core.later import names_its_arguments
from autograd_lite.core.primitive import Primitive
from autograd_lite.numpy_api.filling import picked


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
        """The transpose: all axes in reverse order, as a view.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1, 2, 3]]).T.shape
        (3, 1)
        """
        return self._apply(ops.transpose, axes=None)

    def sum(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Return the sum of the entries along some axes.

        Parameters
        ----------
        axis : int or tuple of int, optional
            The axes to reduce; by default all.
        dtype : dtype, optional
            In which to add up, and of the result; by default as in NumPy.
        out : None
            Nothing else: the value of a Tensor never changes under its graph.
        keepdims : bool
            Keep the reduced axes, with length 1.
        **more
            ``initial=`` and ``where=``, as in ``np.sum``.

        Returns
        -------
        Tensor
            Of this shape without the reduced axes.

        Raises
        ------
        TypeError
            For ``out=``.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1.0, 2.0], [3.0, 4.0]]).sum(axis=0)
        Tensor([4., 6.])
        """
        return self._reduced(ops.sum, np.sum, axis, keepdims, dtype=dtype, out=out, **more)

    def mean(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Return the arithmetic mean along some axes: as `sum`, but without ``initial=``.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1.0, 2.0], [3.0, 4.0]]).mean(axis=0)
        Tensor([2., 3.])
        """
        return self._reduced(ops.mean, np.mean, axis, keepdims, dtype=dtype, out=out, **more)

    def prod(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Return the product of the entries along some axes: as `sum`.

        Zeros among the entries are differentiated correctly, to every order.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1.0, 2.0], [3.0, 4.0]]).prod()
        Tensor(24.)
        """
        return self._reduced(ops.prod, np.prod, axis, keepdims, dtype=dtype, out=out, **more)

    def max(self, axis: Any = None, out: None = None, keepdims: bool = False, **more: Any) -> Self:
        """Return the largest entry along some axes: as `sum`, in this dtype.

        Entries that tie share the derivative evenly.

        Raises
        ------
        ValueError
            If there are no entries.

        Examples
        --------
        >>> import autograd_lite as al
        >>> t = al.Tensor([3.0, 1.0, 3.0], requires_grad=True)
        >>> t.max().backward()
        >>> t.grad
        Tensor([0.5, 0. , 0.5])
        """
        return self._reduced(ops.max, np.max, axis, keepdims, out=out, **more)

    def min(self, axis: Any = None, out: None = None, keepdims: bool = False, **more: Any) -> Self:
        """Return the smallest entry along some axes: as `max`.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([3.0, 1.0, 3.0]).min().item()
        1.0
        """
        return self._reduced(ops.min, np.min, axis, keepdims, out=out, **more)

    def var(
        self, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
        keepdims: bool = False, **more: Any,
    ) -> Self:  # fmt: skip
        """Return the variance along some axes: the mean squared distance from the mean.

        Parameters
        ----------
        axis, dtype, out, keepdims
            As of `sum`.
        ddof : number
            The sum of squares is divided by the number of entries less this.
        **more
            ``where=`` and ``mean=``, as in ``np.var``.

        Returns
        -------
        Tensor
            Of this shape without the reduced axes.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1.0, 3.0]).var().item(), al.Tensor([1.0, 3.0]).var(ddof=1).item()
        (1.0, 2.0)
        """
        if ddof:
            more["ddof"] = ddof
        return self._reduced(ops.var, np.var, axis, keepdims, dtype=dtype, out=out, **more)

    def std(
        self, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
        keepdims: bool = False, **more: Any,
    ) -> Self:  # fmt: skip
        """Return the standard deviation along some axes: the root of `var`, with its arguments.

        Its derivative is 0 where it is 0 itself.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1.0, 3.0]).std().item()
        1.0
        """
        return self.var(axis, dtype, out, ddof, keepdims, **more)._apply(ops.sqrt)

    def _reduced(
        self, primitive: Primitive, function: Callable[..., Any], axis: Any, keepdims: bool,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Record an operation; what it does not take is left to NumPy's function."""
        for value in more.values():
            if value is not None:
                given = {name: x for name, x in more.items() if x is not None}
                return self._numpy(function, axis=axis, keepdims=keepdims, **given)
        reduced: Self = self.__record__(primitive, (self,), {"axis": axis, "keepdims": keepdims})
        return reduced

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Return the sum of a diagonal: arguments and errors as of `diagonal`.

        Returns
        -------
        Tensor
            Of this shape without the two axes.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1.0, 2.0], [3.0, 4.0]]).trace().item()
        5.0
        """
        return self.diagonal(offset, axis1, axis2).sum(-1)

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
        product: Self = numpy_api.dot(self, other)
        return product

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
        clipped: Self = numpy_api.clip(self, min, max)
        return clipped

    def reshape(self, *shape: Any, order: str = "C") -> Self:
        """Return the same entries in another shape, as a view where NumPy has one.

        Parameters
        ----------
        *shape : int or tuple of int
            ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``; one length may be -1: it follows from the
            others.
        order : {"C", "F"}
            Whether the last or the first index changes fastest.

        Returns
        -------
        Tensor
            Of that shape, and of this dtype.

        Raises
        ------
        ValueError
            If the number of entries differs.
        TypeError
            For another order.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1, 2, 3, 4]).reshape(2, -1).tolist()
        [[1, 2], [3, 4]]
        """
        if order == "C":
            return self._apply(ops.reshape, shape=_one_tuple(shape))
        return self._numpy(np.reshape, _one_tuple(shape), order)

    def ravel(self, order: str = "C") -> Self:
        """Return all entries along one axis, as a view where NumPy has one.

        Parameters
        ----------
        order : {"C", "F"}
            Row by row, or column by column.

        Returns
        -------
        Tensor
            Of shape ``(t.size,)``.

        Raises
        ------
        TypeError
            For another order.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1, 2], [3, 4]]).ravel("F").tolist()
        [1, 3, 2, 4]
        """
        return self._numpy(np.ravel, order)

    def flatten(self, order: str = "C") -> Self:
        """Return a copy of all entries along one axis: as `ravel`, but no view.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1, 2], [3, 4]]).flatten().tolist()
        [1, 2, 3, 4]
        """
        if isinstance(order, int):
            raise TypeError(
                f"flatten takes the order 'C' or 'F', got {order}. For the axes from {order} on, "
                f"write nn.Flatten({order})(t)."
            )
        return self.ravel(order).copy()

    def transpose(self, *axes: Any) -> Self:
        """Return a view with the axes in another order.

        Parameters
        ----------
        *axes : int or tuple of int
            Which axis comes where; by default all in reverse order.

        Returns
        -------
        Tensor
            Of this shape with its lengths in that order.

        Raises
        ------
        ValueError
            If `axes` is not an order of the axes.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[[1, 2, 3]]]).transpose(0, 2, 1).shape
        (1, 3, 1)
        """
        order = None if not axes or axes == (None,) else _one_tuple(axes)
        return self._apply(ops.transpose, axes=order)

    def swapaxes(self, axis1: int, axis2: int) -> Self:
        """Return a view with two axes exchanged.

        Parameters
        ----------
        axis1, axis2 : int
            The axes.

        Returns
        -------
        Tensor
            Of this shape with two lengths exchanged.

        Raises
        ------
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[[1, 2, 3]]]).swapaxes(0, 2).shape
        (3, 1, 1)
        """
        swapped: Self = numpy_api.swapaxes(self, axis1, axis2)
        return swapped

    def squeeze(self, axis: Any = None) -> Self:
        """Return a view without axes of length 1.

        Parameters
        ----------
        axis : int or tuple of int, optional
            Which; by default all.

        Returns
        -------
        Tensor
            Of this shape without these axes.

        Raises
        ------
        ValueError
            If one of them has another length.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[[1, 2, 3]]]).squeeze(0).shape
        (1, 3)
        """
        return self._apply(ops.squeeze, axis=axis)

    def copy(self, order: str = "C") -> Self:
        """Return a copy that is recorded: gradients flow through it.

        Parameters
        ----------
        order : {"C", "F", "A", "K"}
            How it lies in memory, as in ``np.copy``.

        Returns
        -------
        Tensor
            Of this shape and dtype; no view.

        Notes
        -----
        For a leaf of the same value that no gradient flows through, use `detach`.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor([1.0, 2.0], requires_grad=True)
        >>> t = w.copy()
        >>> t[0] = 0.0
        >>> t.sum().backward()
        >>> w.tolist(), w.grad.tolist()
        ([1.0, 2.0], [0.0, 1.0])
        """
        return self._apply(ops.copy, order=order)

    def _numpy(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Do what NumPy's function of the same name does."""
        result: Self = numpy_api.call_function(function, (self, *args), kwargs)
        return result

    @property
    def mT(self) -> Self:  # noqa: N802  (NumPy's name)
        """The transpose of the last two axes, as a view.

        Raises
        ------
        ValueError
            If there are fewer than two axes.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[[1, 2, 3]]]).mT.shape
        (1, 3, 1)
        """
        if np.ndim(numpy_api.values_of(self)) < 2:
            raise ValueError("mT of a tensor needs at least two axes: it exchanges the last two.")
        return self.swapaxes(-1, -2)

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

    def cumsum(self, axis: Any = None, dtype: Any = None) -> Self:
        """Return the sums of the entries up to each of them.

        Parameters
        ----------
        axis : int, optional
            The axis; by default the entries are counted through, row by row.
        dtype : dtype, optional
            In which to compute, and of the result; by default as in NumPy.

        Returns
        -------
        Tensor
            Of this shape, or of shape ``(t.size,)`` without an axis.

        Raises
        ------
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1.0, 2.0, 3.0]).cumsum().tolist()
        [1.0, 3.0, 6.0]
        """
        return self._numpy(np.cumsum, axis, dtype)

    def cumprod(self, axis: Any = None, dtype: Any = None) -> Self:
        """Return the products of the entries up to each of them: as `cumsum`.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1.0, 2.0, 3.0]).cumprod().tolist()
        [1.0, 2.0, 6.0]
        """
        return self._numpy(np.cumprod, axis, dtype)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Return the entries on a diagonal, as a read-only view.

        Parameters
        ----------
        offset : int
            Which diagonal: above the main one if positive.
        axis1, axis2 : int
            The axes of the matrices.

        Returns
        -------
        Tensor
            Of this shape without the two axes, and with the length of the diagonal at the end.

        Raises
        ------
        ValueError
            If there are fewer than two axes, or the two are the same.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1.0, 2.0], [3.0, 4.0]]).diagonal().tolist()
        [1.0, 4.0]
        """
        return self._apply(ops.diagonal, offset=offset, axis1=axis1, axis2=axis2)

    def repeat(self, repeats: Any, axis: Any = None) -> Self:
        """Return every entry several times in a row.

        Parameters
        ----------
        repeats : int or array_like of int
            How often; for all entries, or for each along the axis.
        axis : int, optional
            The axis; by default the entries are counted through, row by row.

        Returns
        -------
        Tensor
            Of this shape, but longer along the axis; of one axis without one.

        Raises
        ------
        ValueError
            If the lengths of `repeats` and of the axis differ.
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1, 2]).repeat(2).tolist()
        [1, 1, 2, 2]
        """
        return self._apply(ops.repeat, repeats=repeats, axis=axis)

    def take(self, indices: Any, axis: Any = None, mode: str = "raise") -> Self:
        """Return the entries at given positions along an axis.

        Parameters
        ----------
        indices : array_like of int
            The positions.
        axis : int, optional
            The axis; by default the entries are counted through, row by row.
        mode : {"raise", "wrap", "clip"}
            What becomes of positions that do not exist.

        Returns
        -------
        Tensor
            Of this shape, with that of `indices` in place of the axis.

        Raises
        ------
        IndexError
            If there is no such position, and `mode` is "raise".
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1, 2, 3]).take([2, 0]).tolist()
        [3, 1]
        """
        return self._numpy(np.take, indices, axis, mode=mode)

    def compress(self, condition: Any, axis: Any = None) -> Self:
        """Return the entries along an axis where a condition holds.

        Parameters
        ----------
        condition : array_like of bool, one axis
            It may be shorter than the axis.
        axis : int, optional
            The axis; by default the entries are counted through, row by row.

        Returns
        -------
        Tensor
            Of this shape, but shorter along the axis; of one axis without one.

        Raises
        ------
        ValueError
            If `condition` has several axes.
        IndexError
            If it is longer than the axis.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([1, 2, 3]).compress([True, False, True]).tolist()
        [1, 3]
        """
        taken: Self = numpy_api.call_function(np.compress, (condition, self, axis), {})
        return taken

    def choose(self, choices: Any, mode: str = "raise") -> Any:
        """Return entries of other arrays; the integers of this say of which.

        Parameters
        ----------
        choices : sequence of array_like or Tensor
            They broadcast with this.
        mode : {"raise", "wrap", "clip"}
            What becomes of numbers that are not positions in `choices`.

        Returns
        -------
        Tensor or ndarray
            Of the shape to which all broadcast; a Tensor if one of `choices` is.

        Raises
        ------
        TypeError
            If this is not made of integers.
        ValueError
            If there is no such choice, and `mode` is "raise".

        Examples
        --------
        >>> import autograd_lite as al
        >>> choice = al.Tensor([1, 0])
        >>> choice.choose([al.Tensor([1.0, 2.0]), al.Tensor([3.0, 4.0])]).tolist()
        [3.0, 2.0]
        """
        return self._numpy(np.choose, choices, mode)

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

    def argmax(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Return the position of the largest entry, which has no derivative.

        Parameters
        ----------
        axis : int, optional
            The axis; by default the entries are counted through, row by row.
        keepdims : bool
            Keep the axis, with length 1.

        Returns
        -------
        int or ndarray of int
            Of this shape without the axis; the first of entries that tie.

        Raises
        ------
        ValueError
            If there are no entries.
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import autograd_lite as al
        >>> int(al.Tensor([1.0, 3.0, 3.0]).argmax())
        1
        """
        return self._numpy(np.argmax, axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Return the position of the smallest entry: as `argmax`.

        Examples
        --------
        >>> import autograd_lite as al
        >>> int(al.Tensor([1.0, 3.0, 3.0]).argmin())
        0
        """
        return self._numpy(np.argmin, axis, keepdims=keepdims)

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
            If there is no such axis.

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
            If there is no such place.
        numpy.exceptions.AxisError
            If there is no such axis.

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

    def any(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Return whether any entry is different from 0.

        Parameters
        ----------
        axis : int or tuple of int, optional
            The axes to reduce; by default all.
        keepdims : bool
            Keep the reduced axes, with length 1.

        Returns
        -------
        bool or ndarray of bool
            Of this shape without the reduced axes.

        Raises
        ------
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import autograd_lite as al
        >>> bool(al.Tensor([0.0, 2.0]).any())
        True
        """
        return self._numpy(np.any, axis, keepdims=keepdims)

    def all(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Return whether all entries are different from 0: as `any`.

        Examples
        --------
        >>> import autograd_lite as al
        >>> bool(al.Tensor([0.0, 2.0]).all())
        False
        """
        return self._numpy(np.all, axis, keepdims=keepdims)

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
        entry: Self = picked(self, index)
        return entry

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


def _one_tuple(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple | list):
        return tuple(arguments[0])
    return arguments
