"""Functions to functions: gradients, products with Jacobians, second derivatives.

Every transform takes a plain function of arrays, calls it on Tensors, and gives arrays back. They
nest: inside an outer transform, or where the function uses Tensors that require a gradient, the
results are Tensors that the outer level differentiates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.core.modes import enable_grad
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.functional.tracing import (
    Argnums,
    Trace,
    matched,
    name_of,
    pull_back,
    require_function,
)
from autograd_lite.tensor import Tensor


def grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        Takes arrays, or nested dicts, lists and tuples of them; returns a single number.
    argnums : int or sequence of int
        The positions of the arguments to differentiate by.
    has_aux : bool
        Whether `f` returns a pair: the number, and anything else, which is passed on.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns the gradient in the structure of the argument, a tuple
        of them if `argnums` is a sequence; with `has_aux`, a pair of that and the other result.

    Raises
    ------
    TypeError
        When `f` is no function, an argument to be differentiated is not made of floating-point
        numbers, or the result is not one array.
    ValueError
        When the result has several entries.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.grad(np.sin)(0.0).item()
    1.0
    >>> al.grad(al.grad(lambda x: x**3))(2.0).item()  # 6 x
    12.0
    >>> al.grad(lambda p, x: np.sum(p["w"] * x + p["b"]))({"w": 2.0, "b": 1.0}, np.arange(3.0))
    {'w': np.float64(3.0), 'b': np.float64(3.0)}
    """
    require_function(f, "grad")
    both = value_and_grad(f, argnums, has_aux=has_aux)

    @_named_after(f, "grad")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the value of `f` and its gradient; see `grad`.

    Examples
    --------
    >>> import autograd_lite as al
    >>> value, gradient = al.value_and_grad(lambda x: x**2)(3.0)
    >>> value.item(), gradient.item()
    (9.0, 6.0)
    """
    require_function(f, "value_and_grad")

    @_named_after(f, "value_and_grad")
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        trace = Trace(f, args, kwargs, argnums, has_aux=has_aux)
        y = trace.output
        if y.size != 1:
            raise ValueError(
                f"grad needs a function with a single number as its result, but {trace.name} "
                f"returned shape {y.shape}. Sum it up, or use vjp or jacobian."
            )
        gradients = trace.pull([y], [np.ones(y.shape, y.dtype)])
        result = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        return (trace.value, trace.aux) if has_aux else trace.value, result

    return value_and_gradient


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False, **kwargs: Any) -> Any:
    """Compute `f`, and return it with the function that pulls a cotangent back.

    Parameters
    ----------
    f : callable
        Takes `primals`, returns an array, or nested dicts, lists and tuples of them.
    *primals : array_like, or nested dicts, lists and tuples of them
        Where.
    has_aux : bool
        Whether `f` returns a pair: the result, and anything else, which is passed on.
    **kwargs
        What else `f` takes; not differentiated.

    Returns
    -------
    y : array
        ``f(*primals)``.
    pullback : callable
        Takes a cotangent of the structure and shapes of `y`; returns a tuple with the product of
        the cotangent and the Jacobian for every primal. May be called several times.
    aux : object
        The other result, if `has_aux`.

    Raises
    ------
    TypeError
        When a primal is not made of floating-point numbers; it says which.
    ValueError
        In `pullback`: when the cotangent has another structure or shape.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> y, pullback = al.vjp(lambda a, b: a * b, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    require_function(f, "vjp", "{0}(f, x)")
    trace = Trace(f, primals, kwargs, has_aux=has_aux)
    shapes = rebuild(trace.result, trace.outputs)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        message = f"The pullback of {trace.name} needs a cotangent of shape {{}}, got {{}}."
        return tuple(trace.pull(trace.outputs, matched(shapes, cotangent, message)))

    return (trace.value, pullback, trace.aux) if has_aux else (trace.value, pullback)


def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool = False,
    **kwargs: Any,
) -> Any:
    """Compute `f`, and how it changes as its arguments move along `tangents`.

    The pullback is linear in its cotangent, so pulling back through the pullback pushes forward:
    the same rules serve, and no other.

    Parameters
    ----------
    f : callable
        Takes `primals`, returns an array, or nested dicts, lists and tuples of them.
    primals, tangents : sequence
        Where, and in which direction: of the same structure and shapes.
    has_aux : bool
        Whether `f` returns a pair: the result, and anything else, which is passed on.
    **kwargs
        What else `f` takes; not differentiated.

    Returns
    -------
    y, y_dot : array
        ``f(*primals)``, and the Jacobian times the tangents, in the structure of the result.
    aux : object
        The other result, if `has_aux`.

    Raises
    ------
    TypeError, ValueError
        When primals are not floating-point numbers, or the tangents have another structure.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> y, y_dot = al.jvp(np.sin, (0.0,), (2.0,))
    >>> y.item(), y_dot.item()
    (0.0, 2.0)
    """
    require_function(f, "jvp", "{0}(f, (x,), (v,))")
    along = _tangents(primals, tangents)
    trace = Trace(f, primals, kwargs, has_aux=has_aux)
    outputs = [y for y in trace.outputs if y.requires_grad]
    cotangents = [Tensor(np.zeros(y.shape, y.dtype), requires_grad=True) for y in outputs]
    with enable_grad():
        pulled = _inner(leaves_of(trace.pull(outputs, cotangents)), along)
    linked = trace.linked or any(isinstance(v, Tensor) and v.requires_grad for v in along)
    pushed = iter(pull_back([(pulled, np.ones(()))], cotangents, linked))
    rates = [next(pushed) if y.requires_grad else np.zeros(y.shape)[()] for y in trace.outputs]
    y_dot = rebuild(trace.result, rates)
    return (trace.value, y_dot, trace.aux) if has_aux else (trace.value, y_dot)


def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the Jacobian of `f`.

    Parameters
    ----------
    f : callable
        Returns an array of any shape, or nested dicts, lists and tuples of them.
    argnums : int or sequence of int
        The positions of the arguments to differentiate by.
    has_aux : bool
        Whether `f` returns a pair: the result, and anything else, which is passed on.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns, in the structure of the result and within that in the
        structure of the argument (a tuple of them if `argnums` is a sequence), arrays of the shape
        of the output followed by the shape of the argument; with `has_aux`, a pair of that and the
        other result.

    Raises
    ------
    TypeError
        When an argument to be differentiated is not made of floating-point numbers; it says which.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    require_function(f, "jacobian")

    @_named_after(f, "jacobian")
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        trace = Trace(f, args, kwargs, argnums, has_aux=has_aux)
        found = rebuild(trace.result, [_by_all(trace, y, argnums) for y in trace.outputs])
        return (found, trace.aux) if has_aux else found

    return jacobian_of


def _by_all(trace: Trace, y: Tensor, argnums: Argnums) -> Any:
    """Return the Jacobian of one output by all arguments, in their structure."""
    basis = np.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
    rows = [leaves_of(trace.pull([y], [unit])) for unit in basis]
    leaves = []
    for i, x in enumerate(trace.inputs):
        column = [row[i] for row in rows]
        stacked = np.stack(column) if column else np.zeros((0, *x.shape), x.dtype)
        leaves.append(stacked.reshape(y.shape + x.shape))
    result = rebuild(trace.arguments, leaves)
    return result[0] if isinstance(argnums, int) else tuple(result)


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the matrix of second derivatives of `f`.

    Parameters
    ----------
    f : callable
        Returns a single number.
    argnums : int or sequence of int
        The positions of the arguments to differentiate by.
    has_aux : bool
        Whether `f` returns a pair: the number, and anything else, which is passed on.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns an array of the argument's shape, twice over; where the
        argument is a nest, that nest of such nests: ``result["w"]["b"]`` is of the shape of ``w``
        followed by that of ``b``. With `has_aux`, a pair of that and the other result.

    Raises
    ------
    TypeError, ValueError
        As `grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    require_function(f, "hessian")
    return jacobian(grad(f, argnums, has_aux=has_aux), argnums, has_aux=has_aux)


def hvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], **kwargs: Any
) -> tuple[Any, ...]:
    """Multiply the Hessian of `f` by a vector, without making the matrix.

    Parameters
    ----------
    f : callable
        Takes `primals`, returns a single number.
    primals, tangents : sequence
        Where, and the vector: of the same structure and shapes.
    **kwargs
        What else `f` takes; not differentiated.

    Returns
    -------
    tuple
        The product, in the structure of `primals`.

    Raises
    ------
    TypeError, ValueError
        As `grad`, and when the tangents have another structure.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    require_function(f, "hvp", "{0}(f, (x,), (v,))")
    along = _tangents(primals, tangents)
    everywhere = tuple(range(len(primals)))
    gradient = grad(f, everywhere)

    @_named_after(f, "grad")
    def rise(*xs: Any) -> Any:
        return _inner(leaves_of(gradient(*xs, **kwargs)), along)

    product: tuple[Any, ...] = grad(rise, everywhere)(*primals)
    return product


def _inner(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """Sum the products of all entries of two lists of arrays."""
    return sum(np.sum(a * b) for a, b in zip(left, right, strict=True))


def _tangents(primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """Return the leaves of the tangents in the order of those of the primals."""
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError(
            "primals and tangents must be tuples, one entry per argument: f, (x,), (v,)."
        )
    message = "Tangents must have the structure and shapes of the primals, {}, got {}."
    return matched(tuple(primals), tuple(tangents), message)


def _named_after(
    f: Callable[..., Any], transform: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Name a made function ``grad(f)``, for messages and tracebacks."""

    def rename(made: Callable[..., Any]) -> Callable[..., Any]:
        made.__name__ = made.__qualname__ = f"{transform}({name_of(f)})"
        return made

    return rename
