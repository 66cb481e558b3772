"""The Tensor that users get: the core's, with NumPy's methods, functions, views and writes."""

from __future__ import annotations

from autograd_lite.core.later import refuse_call
from autograd_lite.core.node import results_are
from autograd_lite.numpy_api.guesses import Guesses
from autograd_lite.numpy_api.in_place import Writes
from autograd_lite.numpy_api.memory import keep_freed_memory
from autograd_lite.numpy_api.methods import ArrayMethods


class Tensor(ArrayMethods, Writes, Guesses):
    """An array that records the operations on it, so that they can be differentiated.

    Parameters
    ----------
    data : array_like, any shape
        The values. They are copied: what happens to the caller's array later changes nothing here.
    requires_grad : bool
        Whether `backward` is to compute a gradient for this tensor.
    dtype : dtype, optional
        As for ``np.array``: by default that of `data`; Python integers stay integers.
    name : str, optional
        What it is called in pictures, tables and messages; may be set at any time.

    Raises
    ------
    TypeError
        If the data are not numbers, or `requires_grad` is asked for other than floating-point
        ones; for an unknown dtype, and a name that is not text.
    ValueError
        If the data are lists of different lengths.

    Notes
    -----
    A recorded value never changes under its graph: `data` and `numpy` give read-only arrays,
    ``t[i] = v`` and ``t += u`` make `t` a new node (or fail, on a leaf that requires a gradient),
    and an optimiser gives a parameter a new array. ``t[1:]`` and ``t.T`` are views as in NumPy:
    they show what is written to `t` later, and what is written to them is written to `t`.
    Comparisons give plain arrays of booleans.
    Copies and pickles are leaves: they carry value, name and gradient, and no history.

    Examples
    --------
    >>> import autograd_lite as al
    >>> w = al.Tensor([1.0, -2.0], requires_grad=True, name="w")
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> w.grad
    Tensor([ 2., -4.])
    """

    __slots__ = ()


results_are(Tensor)
refuse_call(globals(), "al.Tensor(data, requires_grad=True)")
keep_freed_memory()
