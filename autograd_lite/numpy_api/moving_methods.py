"""Methods that move entries, or pick them, and compute nothing."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from autograd_lite import numpy_api, ops
from autograd_lite.core.primitive import Primitive


class MovingMethods:
    """Methods like those of ``ndarray``, by way of ``__record__`` of the class that has them."""

    __slots__ = ()

    __record__: Callable[[Primitive, tuple[Any, ...], dict[str, Any]], Any]
    """Carries out one operation."""

    def _apply(self, primitive: Primitive, **parameters: Any) -> Self:
        return self.__record__(primitive, (self,), parameters)

    def _numpy(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Do what NumPy's function of the same name does."""
        return numpy_api.call_function(function, (self, *args), kwargs)

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

    @property
    def mT(self) -> Self:  # noqa: N802  (NumPy's name)
        """The transpose of the last two axes, as a view.

        Raises
        ------
        ValueError
            If the array has fewer than two axes.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[[1, 2, 3]]]).mT.shape
        (1, 3, 1)
        """
        if np.ndim(numpy_api.values_of(self)) < 2:
            raise ValueError("mT of a tensor needs at least two axes: it exchanges the last two.")
        return self.swapaxes(-1, -2)

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
            If the axis is out of range.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[[1, 2, 3]]]).swapaxes(0, 2).shape
        (3, 1, 1)
        """
        return numpy_api.swapaxes(self, axis1, axis2)

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
            If the array has fewer than two axes, or the two axes are the same.

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
            If the axis is out of range.

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
            If an index is out of range and `mode` is "raise".
        numpy.exceptions.AxisError
            If the axis is out of range.

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
        return numpy_api.call_function(np.compress, (condition, self, axis), {})

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
            If an index names no choice and `mode` is "raise".

        Examples
        --------
        >>> import autograd_lite as al
        >>> choice = al.Tensor([1, 0])
        >>> choice.choose([al.Tensor([1.0, 2.0]), al.Tensor([3.0, 4.0])]).tolist()
        [3.0, 2.0]
        """
        return self._numpy(np.choose, choices, mode)


def _one_tuple(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple | list):
        return tuple(arguments[0])
    return arguments
