"""Methods that make one number of many, or a number for each place on the way."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from autograd_lite import ops
from autograd_lite.core.primitive import Primitive
from autograd_lite.numpy_api.moving_methods import MovingMethods


class ReducingMethods(MovingMethods):
    """Sums, products, extremes, their positions, and truth."""

    __slots__ = ()

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
            If the array is empty.

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
        if more:
            return self._numpy(np.std, axis, dtype, out, ddof, keepdims, **more)
        return self.var(axis, dtype, out, ddof, keepdims)._apply(ops.sqrt)

    def _reduced(
        self, primitive: Primitive, function: Callable[..., Any], axis: Any, keepdims: bool,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Record an operation; what it does not take is left to NumPy's function."""
        for value in more.values():
            if value is not None:
                given = {name: x for name, x in more.items() if x is not None}
                return self._numpy(function, axis=axis, keepdims=keepdims, **given)
        return self.__record__(primitive, (self,), {"axis": axis, "keepdims": keepdims})

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
            If the axis is out of range.

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
            If the array is empty.
        numpy.exceptions.AxisError
            If the axis is out of range.

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
            If the axis is out of range.

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
