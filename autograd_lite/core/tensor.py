"""The Tensor: an array that remembers how it was made.

To the record of `node.py` it adds what users do: values, gradients, ``backward()``, hooks, and
Python's operators.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_lite.core import arithmetic
from autograd_lite.core.backward import backward_pass, next_birth
from autograd_lite.core.hooks import HookHandle, Taps, accumulate, adding, cast
from autograd_lite.core.later import unknown_argument
from autograd_lite.core.modes import GradientError, enable_grad, recording, refusals
from autograd_lite.core.node import (
    Node,
    fill,
    leaf,
    new_tensor,
    operator,
    record,
    record_unary,
    results_are,
)
from autograd_lite.core.operands import does_it, is_recorder, numbers, unchanging
from autograd_lite.core.primitive import BY_NUMPY_FUNCTION


class Tensor(Node):
    """An array that remembers how it was made; `autograd_lite.Tensor` adds NumPy's surface.

    Its parameters and errors are described there. Here it has operators, ``backward()`` and hooks.
    A recorded value never changes under its graph: `data` and `numpy` return read-only arrays.

    Examples
    --------
    >>> from autograd_lite.core.tensor import Tensor
    >>> w = Tensor(3.0, requires_grad=True)
    >>> (w * w).backward()
    >>> w.grad.item()
    6.0
    """

    def __init__(
        self,
        data: ArrayLike,
        requires_grad: bool = False,
        *,
        dtype: DTypeLike | None = None,
        name: str | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_argument(Tensor, unknown)
        if isinstance(data, Tensor):
            if data.requires_grad and recording.get():
                raise GradientError(
                    f"Tensor(t) would detach {data._label()} from its gradient. Use it as it is, "
                    f"or t.copy(), t.astype(dtype); for a leaf of the same value, t.detach()."
                )
            data = data._value()
        if name is not None and not isinstance(name, str):
            raise TypeError(f"Tensor: a name is text, got name={name!r}. Write name={str(name)!r}.")
        array = numbers(data, dtype, "Tensor")
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        fill(self, array[()])
        self.name = name
        if requires_grad:
            self.requires_grad = requires_grad
        elif not array.ndim:
            self._given = True

    # ---------------------------------------------------------------- the array

    @property
    def data(self) -> NDArray[Any]:
        """The values, as a read-only array. Assign to it to give a leaf new values.

        What has used the old values keeps them. New values need this shape, and get this dtype.

        Raises
        ------
        GradientError
            On assignment to a result, which follows from its operands, or of a Tensor that requires
            a gradient.
        ValueError
            On assignment of another shape.
        TypeError
            On assignment of what is not a number, or of complex numbers to a real tensor.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor([1.0, 2.0], requires_grad=True)
        >>> w.data = [3, 4]
        >>> w.data
        array([3., 4.])
        """
        value = self._value()
        if is_recorder(value):
            return unchanging(value)  # Of a trace.
        array = np.asarray(value)
        array.flags.writeable = False
        return array

    @data.setter
    def data(self, value: ArrayLike) -> None:
        if self._primitive is not None:
            raise GradientError(
                f"data of {self._label()} is the result of {self._primitive.name} and cannot be "
                f"replaced. Assign to a leaf, or make one: t = t.detach()."
            )
        if isinstance(value, Tensor):
            value._must_not_lose("t.data = u, which takes values,", "t.data = u.numpy()")
            value = value._value()
        if hasattr(value, "dtype") and value.dtype == self._array.dtype:  # The usual case.
            array = numbers(value, None, "data")
        else:
            array = numbers(value, None, f"data of {self._label()}")
            if array.dtype.kind == "c" != self.dtype.kind:
                raise TypeError(
                    f"data of {self._label()} is of dtype {self.dtype}, got complex numbers: their "
                    f"imaginary part would be lost. Assign np.real(...), or make a new Tensor."
                )
            array = array.astype(self.dtype)
        if array.shape != self.shape:
            raise ValueError(
                f"data of {self._label()} has shape {self.shape}, got {array.shape}: the shape of "
                f"a tensor does not change. Make a new Tensor."
            )
        self._array = array[()]
        self._note_write()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, as a tuple."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries, a ``np.dtype``."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._array.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(self._array.size)

    def numpy(self) -> NDArray[Any]:
        """Return the values as a read-only array, without their gradient.

        Returns
        -------
        ndarray
            Of this shape and dtype. ``t.numpy().copy()`` may be written to.

        Examples
        --------
        >>> import autograd_lite as al
        >>> (al.Tensor([1.0, 2.0], requires_grad=True) * 2).numpy()
        array([2., 4.])
        """
        return self.data

    def item(self, *index: Any) -> Any:
        """Return an entry as a Python number, without its gradient.

        Parameters
        ----------
        *index : int
            None for the only entry; one for each axis; or a single one that counts through all
            entries, row by row.

        Returns
        -------
        float, int, complex or bool

        Raises
        ------
        ValueError
            If there are several entries and no index is given.
        IndexError
            If there is no such entry.

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor(2.5).item(), al.Tensor([[1, 2], [3, 4]]).item(1, 0)
        (2.5, 3)
        """
        try:
            return self._value().item(*index)
        except ValueError as error:
            said = f"item needs a tensor of size 1, got shape {self.shape}. Write t.tolist()."
            raise error if index else ValueError(said) from None

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers, without their gradient.

        Returns
        -------
        list, or a number for a tensor without axes

        Examples
        --------
        >>> import autograd_lite as al
        >>> al.Tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        return self._value().tolist()

    def detach(self) -> Self:
        """Return a leaf of the same value and name that no gradient flows through.

        Returns
        -------
        Tensor
            Of this shape and dtype. What is written to one of the two does not change the other.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(3.0, requires_grad=True)
        >>> (w * w.detach()).backward()
        >>> w.grad.item()
        3.0
        """
        return leaf(self._value(), self.name)

    # ---------------------------------------------------------------- gradients

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow here: set for a leaf, inherited by a result.

        Raises
        ------
        GradientError
            When set for a result.
        TypeError
            When set to True for numbers that are not floating-point.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor([1.0, 2.0])
        >>> w.requires_grad = True
        >>> (w * 2).requires_grad
        True
        """
        if self._rare is not None and "_view" in self._rare:
            self._catch_up()
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self._primitive is not None:
            raise GradientError(
                f"requires_grad of {self._label()}, a result of {self._primitive.name}, follows "
                f"from its operands. To stop gradients there, use t.detach()."
            )
        if not isinstance(wanted, int | np.bool):
            raise TypeError(f"requires_grad needs True or False, got {wanted!r}.")
        if wanted and self._array.dtype.kind == "c":
            raise TypeError(
                f"requires_grad=True needs real numbers, got dtype {self.dtype} for "
                f"{self._label()}: gradients with respect to complex numbers are not defined here. "
                f"Make two Tensors, of the real and of the imaginary parts, and compute with "
                f"x + 1j * y."
            )
        if wanted and self._array.dtype.kind != "f":
            raise TypeError(
                f"requires_grad=True needs floating-point numbers, got dtype {self.dtype} for "
                f"{self._label()}. Write Tensor(data, requires_grad=True, dtype=float)."
            )
        if wanted and not self._requires_grad:
            self._birth = next_birth()  # What used it as a constant goes on doing so.
            self._view = None  # A parameter has a value of its own.
        self._requires_grad = bool(wanted)

    @property
    def is_leaf(self) -> bool:
        """Whether it is given, and not computed from a tensor that requires a gradient.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(1.0, requires_grad=True)
        >>> w.is_leaf, (w * 2).is_leaf, (w.detach() * 2).is_leaf
        (True, False, True)
        """
        self._value()
        return self._primitive is None

    @property
    def grad(self) -> Self | None:
        """The gradient that backward passes have added up; None before the first, which is not 0.

        A Tensor of this shape and dtype. It requires a gradient itself if it was computed with
        ``create_graph=True``. An array may be assigned.

        Raises
        ------
        ValueError
            On assignment of another shape.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor([1.0, 2.0], requires_grad=True)
        >>> for _ in range(2):
        ...     (w * w).sum().backward()
        >>> w.grad
        Tensor([4., 8.])
        """
        if self._grad is not None and not isinstance(self._grad, Tensor):
            with adding:
                if not isinstance(self._grad, Tensor):
                    self._grad = leaf(self._grad)
        elif self._grad is None and self._primitive and self._requires_grad and not self._retaining:
            warnings.warn(
                f"grad of {self._label()}: it is a result, and only leaves keep their gradients. "
                f"Before backward(), call retain_grad() on it; or, if it is to be a parameter, "
                f"write w.data = ... for its new value in place of w = ...",
                stacklevel=2,
            )
        gradient: Any = self._grad
        return gradient

    @grad.setter
    def grad(self, value: ArrayLike | Tensor | None) -> None:
        if value is not None:
            given: Any = value if isinstance(value, Tensor) else new_tensor(value, dtype=self.dtype)
            if given.shape != self.shape:
                raise ValueError(
                    f"grad of {self._label()} needs shape {self.shape}, got {given.shape}."
                )
            value = given if given.dtype == self.dtype else cast(given, self.dtype)
        self._grad = value
        self._passes = None

    def zero_grad(self, **unknown: Never) -> None:
        """Forget the gradient: `grad` is None again.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(3.0, requires_grad=True)
        >>> (w * w).backward()
        >>> w.zero_grad()
        >>> w.grad is None
        True
        """
        if unknown:
            raise unknown_argument(Tensor.zero_grad, unknown)
        self._grad = None

    def backward(
        self,
        gradient: ArrayLike | Tensor | None = None,
        *,
        create_graph: bool = False,
        **unknown: Never,
    ) -> None:
        """Differentiate, and add the gradient of every leaf that requires one to its `grad`.

        Parameters
        ----------
        gradient : array_like or Tensor, shape of this tensor, optional
            The cotangent to start from: the derivative of some final scalar with respect to this
            tensor. A tensor with one entry needs none: it starts from 1.
        create_graph : bool
            Record the backward pass itself, so that the gradients can be differentiated again.

        Raises
        ------
        GradientError
            If nothing that this tensor was computed from requires a gradient, or it has several
            entries and no `gradient` is given.
        ValueError
            If `gradient` has another shape.

        Examples
        --------
        >>> import autograd_lite as al
        >>> x = al.Tensor(2.0, requires_grad=True)
        >>> (x**3).backward(create_graph=True)
        >>> first = x.grad
        >>> x.zero_grad()
        >>> first.backward()
        >>> first.item(), x.grad.item()  # 3 x**2 and 6 x
        (12.0, 12.0)
        """
        if unknown:
            raise unknown_argument(Tensor.backward, unknown)
        rare = self._rare or ()
        if gradient is None and self._requires_grad and not create_graph and "_view" not in rare:
            one = _ONES.get(type(self._array))
            if one is not None:  # A single number: the usual case.
                accumulate(backward_pass(self, one))
                return
        cotangent = self._seed(gradient)
        if not create_graph:
            plain = cotangent._value() if isinstance(cotangent, Tensor) else cotangent
            accumulate(backward_pass(self, plain))
            return
        with enable_grad():
            seed = cotangent if isinstance(cotangent, Tensor) else leaf(cotangent)
            found, given = [], {id(seed)}
            for x, g in backward_pass(self, seed, create_graph=True):
                # Two gradients are two Tensors, since either may be changed in place.
                shared = id(g) in given or g._array.base is not None
                found.append((x, record(arithmetic.copy, (g,)) if shared else g))
                given.add(id(g))
            accumulate(found)

    def _seed(self, gradient: ArrayLike | Tensor | None) -> Any:
        """Return the cotangent that a backward pass from this tensor starts with."""
        data = self._value()
        if not self._requires_grad:
            raise GradientError(
                f"backward from {self._label()}: nothing it was computed from requires a gradient. "
                f"Create the parameters with Tensor(..., requires_grad=True), and check that it "
                f"was not computed inside no_grad()."
            )
        if data.dtype.kind == "c":
            raise TypeError(
                f"backward from {self._label()} needs a real result, got dtype {data.dtype}. "
                f"Take np.real(t), np.imag(t) or np.abs(t) of it first."
            )
        if gradient is None:
            if data.size != 1:
                raise GradientError(
                    f"backward from {self._label()} needs a gradient of its shape "
                    f"{self.shape}: only a single number can start from 1. Reduce it first, e.g. "
                    f"t.sum().backward(), or pass backward(gradient)."
                )
            one = data.dtype.type(1)  # The usual case, and ten times as fast.
            return one if not data.shape else np.full(data.shape, one)
        given: Any = gradient if isinstance(gradient, Tensor) else new_tensor(gradient)
        if given.dtype.kind == "c":
            raise TypeError(
                f"backward from {self._label()} needs a gradient of real numbers, got "
                f"{given.dtype}: gradients with respect to complex numbers are not defined here."
            )
        if given.shape != self.shape:
            raise ValueError(
                f"backward from {self._label()} needs a gradient of its shape {self.shape}, got "
                f"{given.shape}."
            )
        return given if given.dtype == data.dtype else cast(given, data.dtype)

    def retain_grad(self) -> None:
        """Keep the gradient of this result too, in `grad`, from the next backward pass on.

        It is the gradient of the value that this tensor has now. After ``t += u`` or ``t[i] = v``
        it remains that of the value before, until it is asked for again.

        Raises
        ------
        GradientError
            If this tensor does not require a gradient.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(3.0, requires_grad=True)
        >>> inner = w * w
        >>> inner.retain_grad()
        >>> (inner * 2).backward()
        >>> inner.grad.item()
        2.0
        """
        self._value()
        if not self._requires_grad:
            raise GradientError(f"retain_grad: {self._label()} does not require a gradient.")
        if self._primitive is not None:
            if self._retaining is not None:  # The last one asked for is kept.
                self._retaining.retain = False
            self._retaining = self._tap()
            self._retaining.retain = True

    def register_hook(self, hook: Callable[[Tensor], Any]) -> HookHandle:
        """Call ``hook(gradient)`` with the gradient of this tensor, in every backward pass.

        It is called once, with the gradient of the value that this tensor has now, also after
        ``t += u`` or ``t[i] = v``.

        Parameters
        ----------
        hook : callable
            Gets a Tensor of this shape and dtype. What it returns, if not None, replaces the
            gradient, here and for what this was computed from.

        Returns
        -------
        HookHandle
            ``handle.remove()`` takes the hook away.

        Raises
        ------
        GradientError
            If this tensor does not require a gradient.
        TypeError
            If `hook` is not a function.
        ValueError
            In the backward pass, if the hook returns another shape.

        Examples
        --------
        >>> import autograd_lite as al
        >>> w = al.Tensor(2.0, requires_grad=True)
        >>> handle = w.register_hook(lambda g: g.numpy().clip(-1, 1))
        >>> (5 * w).backward()
        >>> w.grad.item()
        1.0
        >>> handle.remove()
        """
        self._value()
        if not self._requires_grad:
            raise GradientError(f"register_hook: {self._label()} does not require a gradient.")
        if not callable(hook):
            raise TypeError(f"register_hook needs a function of the gradient, got {hook!r}.")
        return HookHandle(self._tap().hooks, hook)

    def _tap(self) -> Taps:
        if self._taps is None:
            self._taps = Taps()
        return self._taps

    # ---------------------------------------------------------------- operators

    if TYPE_CHECKING:

        def __add__(self, other: Any) -> Self: ...
        def __radd__(self, other: Any) -> Self: ...
        def __sub__(self, other: Any) -> Self: ...
        def __rsub__(self, other: Any) -> Self: ...
        def __mul__(self, other: Any) -> Self: ...
        def __rmul__(self, other: Any) -> Self: ...
        def __truediv__(self, other: Any) -> Self: ...
        def __rtruediv__(self, other: Any) -> Self: ...
        def __pow__(self, other: Any) -> Self: ...
        def __rpow__(self, other: Any) -> Self: ...
        def __matmul__(self, other: Any) -> Self: ...
        def __rmatmul__(self, other: Any) -> Self: ...
    else:
        __add__, __radd__ = operator(arithmetic.add, "__radd__")
        __sub__, __rsub__ = operator(arithmetic.subtract, "__rsub__")
        __mul__, __rmul__ = operator(arithmetic.multiply, "__rmul__")
        __truediv__, __rtruediv__ = operator(arithmetic.divide, "__rtruediv__")
        __pow__, __rpow__ = operator(arithmetic.power, "__rpow__")
        __matmul__, __rmatmul__ = operator(arithmetic.matmul, "__rmatmul__")

    def __neg__(self) -> Self:
        return record_unary(arithmetic.negative, self)

    def __pos__(self) -> Self:
        return record(arithmetic.copy, (self,))  # Not self: that may be changed in place later.

    # ---------------------------------------------------------------- Python and NumPy

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        primitive = BY_NUMPY_FUNCTION.get(ufunc)
        if primitive is not None and method == "__call__" and not kwargs:  # The usual case.
            if len(inputs) == 1 and not primitive.parameters:
                return record_unary(primitive, self)
            try:
                return record(primitive, inputs)
            except TypeError:
                if any(does_it(x, "__array_ufunc__") for x in inputs if x is not self):
                    return NotImplemented
                raise
        return self._call_ufunc(ufunc, method, inputs, kwargs)

    def _call_ufunc(self, *_: Any) -> Any:
        """Do what is not an operation by itself: nothing here; NumPy's surface does more."""
        return NotImplemented

    def __bool__(self) -> bool:
        return bool(self._value())

    def _must_not_lose(self, what: str, instead: str) -> None:
        """Raise an error if a gradient would be lost that nobody has given up by name."""
        if self.requires_grad and recording.get():
            message = f"{what} cannot carry the gradient of {self._label()}. Write {instead}."
            if (said := refusals.get()) is not None:
                said.append(message)
            raise GradientError(message)

    def __repr__(self) -> str:
        data = self.data
        parts = [
            repr(data) if is_recorder(data)
            else np.array2string(data, separator=", ", prefix="Tensor(")
        ]  # fmt: skip
        if self.dtype not in (np.float64, np.int64, np.bool_):
            parts.append(f"dtype={self.dtype}")
        if self._primitive is not None:
            parts.append(f"from={self._primitive.name}")
        elif self._requires_grad:
            parts.append("requires_grad=True")
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        return f"Tensor({', '.join(parts)})"

    @staticmethod
    def _wrap(data: Any) -> Any:
        """Make a constant of an array that never changes, for the backward pass."""
        return leaf(data)

    def _label(self) -> str:
        """Return what messages call this tensor."""
        return f"tensor {self.name!r}" if self.name else f"a tensor of shape {self.shape}"


_ONES = {kind: kind(1) for kind in (np.float64, np.float32, np.float16)}
"""The cotangents that a backward pass from a single number starts with."""

results_are(Tensor)
