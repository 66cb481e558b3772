"""Functions to functions: gradients, products with Jacobians, second derivatives.

Every transform takes a plain function of arrays, calls it on Tensors, and gives arrays back. They
nest: inside an outer transform, or where the function uses Tensors that require a gradient, the
results are Tensors that the outer level differentiates.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.engine import enable_grad, sweep
from autograd_lite.tensor import Tensor

Argnums = int | Sequence[int]

# ---------------------------------------------------------------- nested arguments


def flatten(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return path and leaf of every array in nested dicts, lists and tuples."""
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in flatten(tree[key], f"{path}[{key!r}]")]
    if isinstance(tree, list | tuple):
        return [leaf for i, part in enumerate(tree) for leaf in flatten(part, f"{path}[{i}]")]
    return [(path, tree)]


def rebuild(tree: Any, leaves: Sequence[Any]) -> Any:
    """Return the same nest of dicts, lists and tuples with other leaves."""
    remaining = iter(leaves)

    def build(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: build(value) for key, value in part.items()}
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*map(build, part))
        if isinstance(part, list | tuple):
            return type(part)(map(build, part))
        return next(remaining)

    return build(tree)


# ---------------------------------------------------------------- one trace


class _Trace:
    """One call of a function on Tensors of its own, and the way back."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        which: Sequence[int],
        has_aux: bool = False,
    ) -> None:
        self.inputs: list[Tensor] = []
        self.arguments = [args[i] for i in which]
        lifted = list(args)
        for i in which:
            leaves = [_lift(x, f, f"{i}{path}") for path, x in flatten(args[i])]
            self.inputs += leaves
            lifted[i] = rebuild(args[i], leaves)
        with enable_grad():
            result = f(*lifted)
        self.aux = None
        if has_aux:
            result, self.aux = result
        self.name = getattr(f, "__name__", "the function")
        if isinstance(result, dict | list | tuple):
            raise TypeError(
                f"{self.name} must return one array, got a {type(result).__name__}. Return the "
                f"rest with has_aux=True, or join the parts with np.concatenate."
            )
        self.output = result if isinstance(result, Tensor) else Tensor(result)
        self.linked = self._depends_on_more()

    @property
    def value(self) -> Any:
        """The output: a Tensor if an outer level may differentiate it, else an array."""
        return self.output if self.linked else np.array(self.output.data)[()]

    def pull(self, cotangent: Any) -> list[Any]:
        """Return what a cotangent of the output is for every argument, in its structure."""
        linked = self.linked or (isinstance(cotangent, Tensor) and cotangent.requires_grad)
        leaves = _pull_back(self.output, cotangent, self.inputs, linked)
        return list(rebuild(self.arguments, leaves))

    def _depends_on_more(self) -> bool:
        """Say whether the output depends on tensors that require a gradient, but are not inputs."""
        inputs, waiting = set(self.inputs), [self.output]
        seen = set(waiting)
        while waiting:
            tensor = waiting.pop()
            if tensor in inputs:
                if not tensor.is_leaf:
                    return True  # The argument is a tensor of an outer level.
            elif tensor.is_leaf and tensor.requires_grad:
                return True
            else:
                for x in tensor._operands:
                    if x is not None and x.requires_grad and x not in seen:
                        seen.add(x)
                        waiting.append(x)
        return False


def _pull_back(output: Any, cotangent: Any, inputs: Sequence[Tensor], linked: bool) -> list[Any]:
    """Return the cotangents of inputs: as Tensors with a record if `linked`, else as arrays."""
    found: dict[Tensor, Any] = {}
    if isinstance(output, Tensor) and output.requires_grad:
        seed = cotangent if isinstance(cotangent, Tensor) else Tensor(cotangent, dtype=output.dtype)
        with enable_grad():
            sweep(
                output,
                seed if linked else seed.data[()],
                found.__setitem__,
                targets=frozenset(inputs),
                create_graph=linked,
            )
    zeros = (np.zeros(x.shape, x.dtype)[()] for x in inputs)
    if linked:
        return [found.get(x, zero) for x, zero in zip(inputs, zeros, strict=True)]
    return [np.array(found.get(x, zero))[()] for x, zero in zip(inputs, zeros, strict=True)]


def _lift(x: Any, f: Callable[..., Any], place: str) -> Tensor:
    """Return a tensor of this trace's own for an argument, linked to it if it is a Tensor."""
    if isinstance(x, Tensor) and x.requires_grad:
        with enable_grad():
            lifted: Tensor = ops.copy(x)
            return lifted
    try:
        return Tensor(x.data if isinstance(x, Tensor) else x, requires_grad=True)
    except TypeError:
        raise TypeError(
            f"{getattr(f, '__name__', 'the function')}: argument {place} is {x!r}, and only "
            f"floating-point numbers can be differentiated. Convert it, e.g. with float(x), or "
            f"leave it out of argnums."
        ) from None


def _positions(f: Callable[..., Any], argnums: Argnums, args: Sequence[Any]) -> list[int]:
    """Return the positions to differentiate by, counted from the front."""
    wanted = [argnums] if isinstance(argnums, int) else list(argnums)
    for i in wanted:
        if not -len(args) <= i < len(args):
            raise TypeError(
                f"{getattr(f, '__name__', 'the function')}: argnums={argnums} asks for argument "
                f"{i}, got {len(args)} positional arguments. Pass what is to be differentiated by "
                f"position."
            )
    return [i % len(args) for i in wanted]


# ---------------------------------------------------------------- the transforms


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
        When an argument to be differentiated is not made of floating-point numbers, or the result
        is not one array.
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

    @_named_after(f, "value_and_grad")
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = functools.partial(f, **kwargs) if kwargs else f
        trace = _Trace(call, args, _positions(f, argnums, args), has_aux)
        if trace.output.size != 1:
            raise ValueError(
                f"grad needs a function with a single number as its result, but {trace.name} "
                f"returned shape {trace.output.shape}. Sum it up, or use vjp or jacobian."
            )
        gradients = trace.pull(np.ones(trace.output.shape, trace.output.dtype))
        result = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        return (trace.value, trace.aux) if has_aux else trace.value, result

    return value_and_gradient


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Compute `f`, and return it with the function that pulls a cotangent back.

    Parameters
    ----------
    f : callable
        Takes `primals`, returns an array.
    *primals : array_like, or nested dicts, lists and tuples of them
        Where.

    Returns
    -------
    y : array
        ``f(*primals)``.
    pullback : callable
        Takes a cotangent of the shape of `y`; returns a tuple with the product of the cotangent
        and the Jacobian for every primal.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> y, pullback = al.vjp(lambda a, b: a * b, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    trace = _Trace(f, primals, range(len(primals)))

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        if np.shape(cotangent) != trace.output.shape:
            raise ValueError(
                f"The pullback of {trace.name} needs a cotangent of shape {trace.output.shape}, "
                f"got {np.shape(cotangent)}."
            )
        return tuple(trace.pull(cotangent))

    return trace.value, pullback


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Compute `f`, and how it changes as its arguments move along `tangents`.

    The pullback is linear in its cotangent, so pulling back through the pullback pushes forward:
    the same rules serve, and no other.

    Parameters
    ----------
    f : callable
        Takes `primals`, returns an array.
    primals, tangents : sequence
        Where, and in which direction: of the same structure and shapes.

    Returns
    -------
    y, y_dot : array
        ``f(*primals)``, and the Jacobian times the tangents.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> y, y_dot = al.jvp(np.sin, (0.0,), (2.0,))
    >>> y.item(), y_dot.item()
    (0.0, 2.0)
    """
    _check_alike(primals, tangents)
    trace = _Trace(f, primals, range(len(primals)))
    y = trace.output
    cotangent = Tensor(np.zeros(y.shape), requires_grad=True, dtype=y.dtype)
    pulled = _inner(trace.pull(cotangent), tangents)
    linked = trace.linked or any(
        isinstance(x, Tensor) and x.requires_grad for _, x in flatten(tangents)
    )
    y_dot = _pull_back(pulled, np.ones((), pulled.dtype), [cotangent], linked)[0]
    return trace.value, y_dot


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return the function that computes the Jacobian of `f`.

    Parameters
    ----------
    f : callable
        Returns an array of any shape.
    argnums : int or sequence of int
        The positions of the arguments to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns, in the structure of the argument, arrays of the shape
        of the output followed by the shape of the argument.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @_named_after(f, "jacobian")
    def jacobian_of(*args: Any) -> Any:
        which = _positions(f, argnums, args)
        trace = _Trace(f, args, which)
        shape, dtype = trace.output.shape, trace.output.dtype
        size = trace.output.size
        basis = np.eye(size, dtype=dtype).reshape(size, *shape)
        rows = [[leaf for _, leaf in flatten(trace.pull(unit))] for unit in basis]
        leaves = []
        for i, x in enumerate(trace.inputs):
            column = [row[i] for row in rows]
            stacked = np.stack(column) if column else np.zeros((0, *x.shape), x.dtype)
            leaves.append(stacked.reshape(shape + x.shape))
        result = rebuild(trace.arguments, leaves)
        return result[0] if isinstance(argnums, int) else tuple(result)

    return jacobian_of


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return the function that computes the matrix of second derivatives of `f`.

    Parameters
    ----------
    f : callable
        Returns a single number.
    argnums : int
        The position of the argument, one array.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns an array of the argument's shape, twice over.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """Multiply the Hessian of `f` by a vector, without making the matrix.

    Parameters
    ----------
    f : callable
        Takes `primals`, returns a single number.
    primals, tangents : sequence
        Where, and the vector: of the same structure and shapes.

    Returns
    -------
    tuple
        The product, in the structure of `primals`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> al.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    _check_alike(primals, tangents)
    everywhere = tuple(range(len(primals)))
    gradient = grad(f, everywhere)
    product: tuple[Any, ...] = grad(lambda *xs: _inner(gradient(*xs), tangents), everywhere)(
        *primals
    )
    return product


def _inner(left: Any, right: Any) -> Any:
    """Sum the products of all entries of two nests of arrays."""
    pairs = zip(flatten(left), flatten(right), strict=True)
    return sum(np.sum(a * b) for (_, a), (_, b) in pairs)


def _check_alike(primals: Sequence[Any], tangents: Sequence[Any]) -> None:
    """Hold tangents against primals: same structure, same shapes."""
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError(
            "primals and tangents must be tuples, one entry per argument: f, (x,), (v,)."
        )
    at, along = ({p: np.shape(x) for p, x in flatten(tuple(nest))} for nest in (primals, tangents))
    if at != along:
        raise ValueError(
            f"Tangents must have the structure and shapes of the primals, got {along} for {at}."
        )


def _named_after(
    f: Callable[..., Any], transform: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Name a made function ``grad(f)``, for messages and tracebacks."""

    def rename(made: Callable[..., Any]) -> Callable[..., Any]:
        made.__name__ = made.__qualname__ = f"{transform}({getattr(f, '__name__', 'function')})"
        return made

    return rename
