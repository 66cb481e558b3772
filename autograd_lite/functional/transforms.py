"""Transforms: from a function to its gradient, its products with Jacobians, its second derivatives.

Every transform takes a plain function of arrays, calls it on Tensors, and returns arrays. They
nest: inside an outer transform, and where the function uses Tensors that require a gradient, the
results are Tensors that the outer level differentiates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, TypeVarTuple, overload

import numpy as np

from autograd_lite.core.later import names_its_arguments
from autograd_lite.core.modes import enable_grad
from autograd_lite.core.node import variable
from autograd_lite.functional.forward import push_forward
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.functional.signatures import (
    Argnums,
    Derivatives,
    Gradient,
    Nest,
    Value,
    ValueAndGradient,
)
from autograd_lite.functional.tracing import Trace, matched, name_of, pull_back, require_function
from autograd_lite.tensor import Tensor

P = ParamSpec("P")
X = TypeVar("X")
Xs = TypeVarTuple("Xs")


@overload
def grad(
    f: Callable[Concatenate[Any, P], Any], *, has_aux: Literal[False] = False
) -> Gradient[P]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]
) -> Callable[..., tuple[Any, Any]]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: Sequence[int], *, has_aux: Literal[False] = False
) -> Callable[..., tuple[Any, ...]]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: Argnums, *, has_aux: bool = False
) -> Callable[..., Any]: ...
@names_its_arguments
def grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        Takes arrays, or nested dicts, lists and tuples of them; returns a single number.
    argnums : int or sequence of int
        The positions of the arguments to differentiate with respect to.
    has_aux : bool
        Whether `f` returns a pair: the number, and anything else, which is passed on.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns the gradient, in the structure, shapes and dtypes of the
        argument; a tuple of gradients if `argnums` is a sequence. With `has_aux`, returns a pair of
        that and the other result of `f`.

    Raises
    ------
    TypeError
        If `f` is not a function. When the gradient is computed: if an argument to differentiate
        with respect to is not made of floating-point numbers, or `f` does not return one array.
    ValueError
        When the gradient is computed: if the result of `f` has more than one entry.

    See Also
    --------
    value_and_grad : The gradient together with the value, for the price of the gradient.

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
    require_function(f, "grad", argnums=argnums)
    both = value_and_grad(f, argnums, has_aux=has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return Derived(gradient, ("grad", f, argnums, has_aux))


@overload
def value_and_grad(
    f: Callable[Concatenate[Any, P], Any], *, has_aux: Literal[False] = False
) -> ValueAndGradient[P]: ...
@overload
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]
) -> Callable[..., tuple[tuple[Any, Any], Any]]: ...
@overload
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums, *, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]: ...
@names_its_arguments
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the value of `f` and its gradient, in one pass.

    Parameters
    ----------
    f, argnums, has_aux
        As of `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns a pair: the value, and the gradient in the structure,
        shapes and dtypes of the argument (a tuple of gradients if `argnums` is a sequence). With
        `has_aux`, the first of the pair is itself a pair, of the value and the other result of `f`.

    Raises
    ------
    TypeError, ValueError
        As `grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> def loss(w, x, y):
    ...     return np.mean((x @ w - y) ** 2)
    >>> x, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 4.0])
    >>> value, gradient = al.value_and_grad(loss)(np.zeros(2), x, y)
    >>> value.item(), gradient
    (8.5, array([-1., -8.]))
    """
    require_function(f, "value_and_grad", argnums=argnums)

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        trace = Trace(f, args, kwargs, argnums, has_aux=has_aux)
        y = trace.output
        if y.size != 1:
            same = [x.shape for x in trace.inputs] == [y.shape]
            entrywise = "; where every entry depends on its own input, that sum is all it takes"
            raise ValueError(
                f"grad needs a function that returns a single number, but {trace.name} returned "
                f"shape {y.shape}. Sum the result, grad(lambda x: np.sum(f(x)))"
                f"{entrywise if same else ''}; or use vjp or jacobian."
            )
        gradients = trace.pull([y], [np.ones(y.shape, y.dtype)])
        result = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        return (trace.value, trace.aux) if has_aux else trace.value, result

    return Derived(value_and_gradient, ("value_and_grad", f, argnums, has_aux))


@overload
def vjp(
    f: Callable[..., Any], *primals: *Xs, has_aux: Literal[False] = False, **kwargs: Any
) -> tuple[Any, Callable[[Any], tuple[*Xs]]]: ...
@overload
def vjp(
    f: Callable[..., Any], *primals: *Xs, has_aux: Literal[True], **kwargs: Any
) -> tuple[Any, Callable[[Any], tuple[*Xs]], Any]: ...
def vjp(f: Callable[..., Any], *primals: *Xs, has_aux: bool = False, **kwargs: Any) -> Any:
    r"""Compute `f`, and return it with the function that pulls a cotangent back.

    With :math:`J` the Jacobian of `f` at `primals`, the pullback takes :math:`g` to the
    vector-Jacobian product :math:`g^\top J`, at the cost of one backward pass.

    Parameters
    ----------
    f : callable
        Takes `primals`; returns an array, or nested dicts, lists and tuples of arrays.
    *primals : array_like, or nested dicts, lists and tuples of them
        The point: the positional arguments of `f`.
    has_aux : bool
        Whether `f` returns a pair: the result, and anything else, which is passed on.
    **kwargs
        Keyword arguments of `f`, which are not differentiated.

    Returns
    -------
    y : array, or a nest of arrays
        ``f(*primals, **kwargs)``.
    pullback : callable
        Takes a cotangent of the structure and shapes of `y`. Returns a tuple with the product of
        the cotangent and the Jacobian for every primal, in its structure, shapes and dtypes. It may
        be called several times.
    aux : object
        The other result of `f`; only with `has_aux`.

    Raises
    ------
    TypeError
        If `f` is not a function, or a primal is not made of floating-point numbers. In `pullback`:
        if the cotangent is not made of real numbers.
    ValueError
        In `pullback`: if the cotangent has another structure or shape.

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


@overload
def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *,
    has_aux: Literal[False] = False, **kwargs: Any,
) -> tuple[Any, Any]: ...  # fmt: skip
@overload
def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *,
    has_aux: Literal[True], **kwargs: Any,
) -> tuple[Any, Any, Any]: ...  # fmt: skip
def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *,
    has_aux: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    r"""Compute `f`, and its derivative along `tangents`.

    With :math:`J` the Jacobian of `f` at `primals` and :math:`v` the tangents, the derivative is
    the Jacobian-vector product :math:`J v`.

    Parameters
    ----------
    f : callable
        Takes `primals`; returns an array, or nested dicts, lists and tuples of arrays.
    primals, tangents : list or tuple
        The point and the direction: one entry per argument of `f`, of the same structure and
        shapes.
    has_aux, **kwargs
        As of `vjp`.

    Returns
    -------
    y, y_dot : array, or a nest of arrays
        ``f(*primals, **kwargs)``, and its derivative, in the same structure and shapes.
    aux : object
        The other result of `f`; only with `has_aux`.

    Raises
    ------
    TypeError
        If `f` is not a function, `primals` or `tangents` is not a list or tuple, or a primal is not
        made of floating-point numbers.
    ValueError
        If `tangents` has another structure or shapes than `primals`.

    Notes
    -----
    It costs one walk over the record, forwards. The rules of the backward pass serve, and no
    others: they are linear in their cotangent (`autograd_lite.functional.forward` says how).

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
    linked = trace.linked or any(isinstance(v, Tensor) and v.requires_grad for v in along)
    rates = push_forward(trace.outputs, trace.inputs, trace.varying(along), linked)
    if rates is None:
        rates = _pulled_twice(trace, along, linked)
    y_dot = rebuild(trace.result, rates)
    return (trace.value, y_dot, trace.aux) if has_aux else (trace.value, y_dot)


def _pulled_twice(trace: Trace, along: Sequence[Any], linked: bool) -> list[Any]:
    """Push tangents forward by pulling back through the pullback, which is linear."""
    outputs = [y for y in trace.outputs if y.requires_grad]
    cotangents = [variable(np.zeros(y.shape, y.dtype)) for y in outputs]
    with enable_grad():
        pulled = _inner(leaves_of(trace.pull(outputs, cotangents)), along)
    pushed = iter(pull_back([(pulled, np.ones(()))], cotangents, linked))
    return [next(pushed) if y.requires_grad else np.zeros(y.shape)[()] for y in trace.outputs]


@overload
def jacobian(
    f: Callable[Concatenate[Any, P], Value], *, has_aux: Literal[False] = False
) -> Derivatives[P]: ...
@overload
def jacobian(
    f: Callable[Concatenate[Any, P], Nest], *, has_aux: Literal[False] = False
) -> Callable[Concatenate[Any, P], Any]: ...
@overload
def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]
) -> Callable[..., tuple[Any, Any]]: ...
@overload
def jacobian(
    f: Callable[..., Any], argnums: Argnums, *, has_aux: bool = False
) -> Callable[..., Any]: ...
@names_its_arguments
def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    r"""Return the function that computes the Jacobian of `f`.

    Its entries are :math:`J_{ij} = \partial y_i / \partial x_j`. It takes one backward pass per
    entry of the result.

    Parameters
    ----------
    f : callable
        Returns an array of any shape, or nested dicts, lists and tuples of arrays.
    argnums, has_aux
        As of `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns an array of the shape of the result followed by the
        shape of the argument (a tuple of arrays if `argnums` is a sequence). Where the result is a
        nest, returns that nest of such arrays; where the argument is a nest, each of them is a nest
        in turn. With `has_aux`, returns a pair of that and the other result of `f`.

    Raises
    ------
    TypeError
        If `f` is not a function. When the Jacobian is computed: if an argument to differentiate
        with respect to is not made of floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    require_function(f, "jacobian", argnums=argnums)

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        trace = Trace(f, args, kwargs, argnums, has_aux=has_aux)
        found = rebuild(trace.result, [_by_all(trace, y, argnums) for y in trace.outputs])
        return (found, trace.aux) if has_aux else found

    return Derived(jacobian_of, ("jacobian", f, argnums, has_aux))


def _by_all(trace: Trace, y: Tensor, argnums: Argnums) -> Any:
    """Return the Jacobian of one output by all arguments, in their structure."""
    leaves = None
    if sum(x.size for x in trace.inputs) < y.size:
        leaves = _by_columns(trace, y)
    result = trace.filled(leaves or _by_rows(trace, y))
    return result[0] if isinstance(argnums, int) else tuple(result)


def _by_rows(trace: Trace, y: Tensor) -> list[Any]:
    """Return the Jacobians of one output, with a walk backwards for each of its entries."""
    rows = [pull_back([(y, unit)], trace.inputs, trace.linked) for unit in _basis(y)]
    leaves = []
    for i, x in enumerate(trace.inputs):
        column = [row[i] for row in rows]
        stacked = np.stack(column) if column else np.zeros((0, *x.shape), x.dtype)
        leaves.append(stacked.reshape(y.shape + x.shape))
    return leaves


def _by_columns(trace: Trace, y: Tensor) -> list[Any] | None:
    """Return them with a walk forwards for each entry of an input; None if that cannot be done."""
    leaves = []
    for x in trace.inputs:
        columns = []
        for unit in _basis(x):
            along = [unit if z is x else np.zeros(z.shape, z.dtype) for z in trace.inputs]
            pushed = push_forward([y], trace.inputs, along, trace.linked)
            if pushed is None:
                return None
            columns += pushed
        stacked = np.stack(columns, -1) if columns else np.zeros((*y.shape, 0), y.dtype)
        stacked = stacked if stacked.dtype == x.dtype else stacked.astype(x.dtype)
        leaves.append(stacked.reshape(y.shape + x.shape))
    return leaves


def _basis(x: Tensor) -> Any:
    """Return arrays of the shape of `x`, each with a 1 in one place."""
    return np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)


@overload
def hessian(
    f: Callable[Concatenate[Any, P], Any], *, has_aux: Literal[False] = False
) -> Derivatives[P]: ...
@overload
def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]
) -> Callable[..., tuple[Any, Any]]: ...
@overload
def hessian(
    f: Callable[..., Any], argnums: Argnums, *, has_aux: bool = False
) -> Callable[..., Any]: ...
@names_its_arguments
def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    r"""Return the function that computes the second derivatives of `f`.

    These are :math:`H_{ij} = \partial^2 y / \partial x_i \partial x_j`, computed as the Jacobian of
    the gradient.

    Parameters
    ----------
    f, argnums, has_aux
        As of `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns an array of the shape of the argument, twice over. Where
        the argument is a nest, returns that nest of such nests: ``result["w"]["b"]`` has the shape
        of ``w`` followed by that of ``b``. With `has_aux`, returns a pair of that and the other
        result of `f`.

    Raises
    ------
    TypeError, ValueError
        As `grad`.

    See Also
    --------
    hvp : The product of the Hessian and a vector, without the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    require_function(f, "hessian", argnums=argnums)
    derived = jacobian(grad(f, argnums, has_aux=has_aux), argnums, has_aux=has_aux)
    return Derived(derived, ("hessian", f, argnums, has_aux))


@overload
def hvp(
    f: Callable[..., Any], primals: tuple[*Xs], tangents: Sequence[Any], **kwargs: Any
) -> tuple[*Xs]: ...
@overload
def hvp(
    f: Callable[..., Any], primals: list[X], tangents: Sequence[Any], **kwargs: Any
) -> tuple[X, ...]: ...
def hvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], **kwargs: Any
) -> tuple[Any, ...]:
    """Multiply the Hessian of `f` by a vector, without computing the matrix.

    It takes two backward passes: the product is the gradient of the inner product of the gradient
    and the vector (B. A. Pearlmutter, "Fast exact multiplication by the Hessian", Neural
    Computation 6, 1994).

    Parameters
    ----------
    f : callable
        Takes `primals`; returns a single number.
    primals, tangents : list or tuple
        The point and the vector: one entry per argument of `f`, of the same structure and shapes.
    **kwargs
        Keyword arguments of `f`, which are not differentiated.

    Returns
    -------
    tuple
        The product: one entry per primal, in its structure, shapes and dtypes.

    Raises
    ------
    TypeError, ValueError
        As `grad` and `jvp`.

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

    def rise(*xs: Any) -> Any:
        return _inner(leaves_of(gradient(*xs, **kwargs)), along)

    rise.__name__ = gradient.__name__
    return grad(rise, everywhere)(*primals)


def _inner(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """Sum the products of all entries of two lists of arrays."""
    pairs = zip(left, right, strict=True)
    return sum(np.sum(a * b) for a, b in pairs if a.dtype.kind == "f")  # Others are fixed.


def _tangents(primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """Return the leaves of the tangents in the order of those of the primals."""
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError(
            f"primals and tangents must be lists or tuples with one entry per argument, got a "
            f"{type(primals).__name__} and a {type(tangents).__name__}. Write (x,) and (v,)."
        )
    message = "tangents need the structure and shapes of the primals, {}, got {}."
    return matched(tuple(primals), tuple(tangents), message)


class Derived:
    """What a transform returns: a function like any other, and pickled as what it was made of."""

    def __init__(
        self, run: Callable[..., Any], made: tuple[str, Callable[..., Any], Any, bool]
    ) -> None:
        self._run, self._made = run, made
        transform, f, _, _ = made
        self.__name__ = self.__qualname__ = f"{transform}({name_of(f)})"
        self.__doc__ = f.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the derivative."""
        return self._run(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind to an instance, as a function in the body of a class."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, self._made


def _made_again(transform: str, f: Callable[..., Any], argnums: Argnums, has_aux: bool) -> Any:
    """Apply a transform to a function again, after a pickle."""
    made: Callable[..., Any] = globals()[transform]
    return made(f, argnums, has_aux=has_aux)
