"""What a Tensor is where its value is taken: numbers, arrays, text, comparisons, copies.

Where that would lose a gradient which nobody has given up by name, it is refused.
"""

import operator
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_lite.core import arithmetic
from autograd_lite.core.modes import GradientError, recording
from autograd_lite.core.node import leaf, record
from autograd_lite.core.operands import known_dtype
from autograd_lite.core.tensor import Tensor

# What to write instead where a number, or an array, would lose the gradient.
_FOR_NUMBERS = (
    "t.item() for the value alone. To keep the gradient, write np.exp(t) for math.exp(t), and so "
    "on; and a = al.Tensor(a) before a[i] = t"
)
_FOR_ARRAYS = (
    "t.numpy() for the value alone. To keep the gradient, write np.stack([t, u]) or "
    "al.array([t, 1.0]) for a list; a = al.Tensor(a) before a[i] = t; the namesake in np.linalg, "
    "np.fft or al.scipy for what is SciPy's, as al.scipy.special.softmax(t) and "
    "al.scipy.sparse.matmul(a, t); np.dot(a, t) for a.dot(t); np.broadcast_to for np.full; "
    "np.concatenate for np.r_; s.to_numpy() * t for a Series s; and no np.vectorize"
)


def _number(kind: type) -> Callable[[Any], Any]:
    """Make the method that converts to a number of Python's."""

    def convert(t: Any) -> Any:
        t._must_not_lose("A Python number", _FOR_NUMBERS)
        return kind(t._value())

    return convert


def _compared(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make the method that compares values."""
    return lambda t, other: compare(
        t._value(), other._value() if isinstance(other, Tensor) else other
    )


class Conversions(Tensor):
    """A Tensor that converts to numbers, arrays, text and other dtypes, and is compared."""

    __slots__ = ()

    def astype(self, dtype: DTypeLike, *, copy: bool = True) -> Self:
        """Return the entries converted to another dtype.

        Gradients flow through a conversion to floating-point numbers: that of a float64 tensor
        through ``t.astype(np.float32)`` is float64 again. Integers and booleans have no gradient.

        Parameters
        ----------
        dtype : dtype
            ``float``, ``np.float32``, ``"int64"``, ...
        copy : bool
            If False, and the dtype is this one already, return this tensor itself.

        Returns
        -------
        Tensor
            Of this shape and that dtype; a leaf that requires no gradient if it is of integers or
            booleans.

        Raises
        ------
        TypeError
            If NumPy does not know the dtype, or it is not one of numbers.

        Examples
        --------
        >>> import numpy as np
        >>> import autograd_lite as al
        >>> w = al.Tensor([1.5, 2.5], requires_grad=True)
        >>> single = w.astype(np.float32)
        >>> single.sum().backward()
        >>> single.dtype, w.grad.dtype
        (dtype('float32'), dtype('float64'))
        >>> w.astype(int)
        Tensor([1, 2])
        """
        if not copy and self.dtype == dtype:
            return self
        kind = known_dtype(dtype, "astype")
        if kind.kind in "fc":
            return record(arithmetic.astype, (self,), {"dtype": kind.name})
        return leaf(self._value().astype(kind.name))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        self._must_not_lose("A NumPy array", _FOR_ARRAYS)
        return np.array(self.data, dtype, copy=copy)

    __int__ = __trunc__ = _number(int)
    __float__ = _number(float)
    __complex__ = _number(complex)

    def __round__(self, digits: int | None = None) -> Any:
        self._must_not_lose("A Python number", _FOR_NUMBERS)
        return round(self.item(), digits)

    def __index__(self) -> int:
        return operator.index(self._value())

    def __format__(self, spec: str) -> str:
        return format(self._value(), spec) if spec else str(self)

    def __str__(self) -> str:
        return str(self._value())

    __eq__ = _compared(operator.eq)
    __ne__ = _compared(operator.ne)
    __lt__ = _compared(operator.lt)
    __le__ = _compared(operator.le)
    __gt__ = _compared(operator.gt)
    __ge__ = _compared(operator.ge)

    __hash__ = object.__hash__  # By identity: a tensor can be a key, whatever its value.

    def __reduce__(self) -> tuple[Any, ...]:
        keeps = self._primitive is None and self._keeps_grad
        if self.requires_grad and not keeps and recording.get():
            raise GradientError(
                f"A copy or a pickle of {self._label()} would be detached from its gradient. Write "
                f"t.copy() for a copy that is recorded, t.detach() for the value alone."
            )
        kept: Any = None if self._grad is None else self.grad
        grad = None if kept is None else np.asarray(kept.data)
        data = np.asarray(self._value())
        return _rebuild, (type(self), data, keeps and self._requires_grad, self.name, grad)


def _rebuild(
    kind: type[Tensor],
    data: NDArray[Any],
    requires_grad: bool,
    name: str | None,
    grad: NDArray[Any] | None,
) -> Any:
    """Make a Tensor from what was pickled or copied."""
    tensor = kind(data, requires_grad, name=name)
    tensor._grad = None if grad is None else kind(grad)
    return tensor
