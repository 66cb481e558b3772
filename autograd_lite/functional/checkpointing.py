"""Memory for time: the backward pass computes again what a function computed on its way."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import numpy as np

from autograd_lite import ops
from autograd_lite.core.backward import backward_pass, next_birth, operands_of
from autograd_lite.core.later import names_its_arguments
from autograd_lite.core.modes import GradientError, enable_grad, recording
from autograd_lite.core.node import result_of
from autograd_lite.core.operands import DRAWS_FROM, has_values
from autograd_lite.core.primitive import Primitive
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.functional.tracing import require_function, upstream
from autograd_lite.tensor import Tensor

AGAIN = ContextVar("AGAIN", default=False)
"""Whether a checkpointed function is being called again: running means have taken note of it."""

P = ParamSpec("P")
R = TypeVar("R")


@names_its_arguments
def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """Return a function that computes `f` and records it as a single operation.

    The record keeps no intermediate result of `f`. The backward pass calls `f` again,
    differentiates that call, and forgets it. A deep network of checkpointed parts thus needs memory
    for the results of its parts and for one part at a time, and the time of a second forward pass
    (T. Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016).

    Parameters
    ----------
    f : callable
        A function or module that takes anything, and returns an array, or nested dicts, lists and
        tuples with arrays in them. Gradients flow to the Tensors among its arguments (in nested
        dicts, lists and tuples, too) and to other Tensors that it uses, such as its parameters.

    Returns
    -------
    callable
        Takes the arguments of `f`, and returns its result.

    Raises
    ------
    TypeError
        If `f` is not a function, or its result holds anything but arrays.
    GradientError
        If `f` writes to an array that it is given. In the backward pass: if `f` returns something
        else when it is called again (it draws random numbers, or uses an array that has changed:
        pass such things as arguments), or if a tensor that it uses and does not take as an argument
        has a new value.

    Notes
    -----
    Since `f` is called twice, its side effects happen twice, but for the running means of batch
    normalisation and the masks of `Dropout`: draw other random numbers before the call and pass
    them in. Only what it returns is recorded, not what it stores elsewhere. It may not change a
    tensor from outside in place. Derivatives of higher order are right, but they keep what the
    second call records. In a program, compiled or exported, `f` is computed once.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> w = al.Tensor(2.0, requires_grad=True)
    >>> @al.checkpoint
    ... def block(x):
    ...     return np.tanh(w * x) * x
    >>> y = block(al.Tensor(0.5))
    >>> print(al.Graph(y, names={"w": w}))
    n0  w      parameter      ()
    n1  input  input          ()
    n2  block  block(n1, n0)  ()
    >>> y.backward()
    """
    require_function(f, "checkpoint")

    @functools.wraps(f, updated=())
    def checkpointed(*args: P.args, **kwargs: P.kwargs) -> R:
        known = all(map(has_values, leaves_of((args, kwargs))))  # A program keeps what it needs.
        if not recording.get() or not known:
            return f(*args, **kwargs)
        result: R = _Segment(f, args, kwargs).record()
        return result

    return checkpointed


_PLAIN = (Tensor, np.ndarray, np.generic, int, float, complex, str, type(None))


class _Segment:
    """One call of a checkpointed function.

    - `places`: where among the leaves of all arguments the Tensors are.
    - `arguments`, `others`: those Tensors; and what the result depends on besides. Together, the
      operands.
    - `states`: of the generators, before each mask of `Dropout` was drawn.
    """

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.f = f
        self.name = f"checkpoint({getattr(f, '__name__', type(f).__name__)})"
        leaves = leaves_of((args, kwargs))
        self.places = [i for i, x in enumerate(leaves) if isinstance(x, Tensor)]
        self.arguments: list[Tensor] = [leaves[i] for i in self.places]
        self.wanted = [x.requires_grad for x in self.arguments]
        self.others: list[Tensor] = []
        self.states: list[Any] = []
        # Nobody else can change what the second call is to be given.
        frozen = [x.copy() if isinstance(x, np.ndarray) else x for x in leaves]
        self.nest = rebuild((args, kwargs), frozen)

    def record(self) -> Any:
        """Call the function, keep nothing but its result, and make that a node."""
        since = next_birth()
        around = DRAWS_FROM.get()

        def noted(rng: Any) -> Any:
            rng = around(rng)
            self.states.append(rng.bit_generator.state)
            return rng

        given, result = self.call([x._value() for x in self.arguments], noted)
        if any(x._written for x in given):
            raise GradientError(
                f"{self.name}: the function writes to an array that it is given, and would do so "
                f"again in the backward pass. Write to a copy: x = x.copy()."
            )
        outputs = _differentiable(result)
        if not outputs:
            return result
        self.others = _used_besides(outputs, since)
        inputs = tuple([part for x in (*self.arguments, *self.others) for part in (x, x._array)])
        node = result_of(self.primitive(), _joined(outputs)._array, True, inputs, None)
        parted = dict(zip(outputs, _parted(node, outputs), strict=True))
        return rebuild(
            result, [parted.get(x, x) if isinstance(x, Tensor) else x for x in leaves_of(result)]
        )

    def call(
        self, values: Sequence[Any], draws_from: Callable[[Any], Any]
    ) -> tuple[list[Tensor], Any]:
        """Call the function; return the Tensors that it was given, and its result.

        What is a Tensor already is linked to what it is given as; an array is not linked.
        """
        leaves, given = leaves_of(self.nest), []
        with enable_grad():
            for i, wanted, value in zip(self.places, self.wanted, values, strict=False):
                x = ops.copy(value) if isinstance(value, Tensor) else Tensor._wrap(value)
                if wanted and not x.requires_grad:
                    x.requires_grad = True
                leaves[i] = x
                given.append(x)
            args, kwargs = rebuild(self.nest, leaves)
            token = DRAWS_FROM.set(draws_from)
            try:
                result = self.f(*args, **kwargs)
            finally:
                DRAWS_FROM.reset(token)
        for x in leaves_of(result):
            if not isinstance(x, _PLAIN):
                raise TypeError(
                    f"{self.name} must return arrays, or dicts, lists and tuples of them, got a "
                    f"{type(x).__name__}: its gradients would be lost."
                )
        return given, result

    def call_again(self, values: Sequence[Any]) -> tuple[list[Tensor], Any]:
        """Do the same where the first call has been made."""
        states, token = iter(self.states), AGAIN.set(True)

        def as_then(rng: Any) -> Any:
            rng = copy.deepcopy(rng)
            rng.bit_generator.state = next(states, rng.bit_generator.state)
            return rng

        try:
            return self.call(values, as_then)
        finally:
            AGAIN.reset(token)

    def primitive(self) -> Primitive:
        """Define the operation that the result is recorded as."""

        def forward(*operands: Any) -> Any:
            self.check_others(operands)
            return _joined(_differentiable(self.call_again(operands)[1]))._array

        def rule(g: Any, y: Any, *operands: Any) -> Callable[[int], Any]:
            return self.pull(g, y, operands).__getitem__

        name = self.name[len("checkpoint(") : -1]
        forward.__name__ = name if name.isidentifier() else "checkpoint"
        return Primitive(forward, {"operands": rule}, takes_complex=True)

    def pull(self, g: Any, y: Any, operands: Sequence[Any]) -> dict[int, Any]:
        """Call the function again, and return the cotangents of all operands that need one."""
        recorded = isinstance(g, Tensor)
        if not recorded and not isinstance(g, np.ndarray | np.generic):
            raise TypeError(
                f"{self.name} has no formula: it is differentiated by calling the function again. "
                f"Derive the function without checkpoint."
            )
        self.check_others(operands)
        since = next_birth()
        given, result = self.call_again(operands)
        outputs = _differentiable(result)
        if not outputs or not _same(_joined(outputs)._array, y._array if recorded else y):
            raise GradientError(
                f"{self.name} returns another result now than when it was recorded. Pass random "
                f"numbers, and arrays that change, as arguments."
            )
        known = {*self.others, *(x for x in operands if isinstance(x, Tensor))}
        for x in upstream(outputs, lambda x: x.is_leaf, known):
            if x.is_leaf and x._birth < since:
                raise GradientError(
                    f"{self.name} uses {x._label()} now, and did not when it was recorded."
                )
        tensors = [*given, *self.others]
        with enable_grad():
            found = dict(
                backward_pass(
                    _joined(outputs),
                    g,
                    targets=frozenset(tensors),
                    untapped=frozenset(self.others),
                    create_graph=recorded,
                )
            )
        wanted = [*self.wanted, *[True] * len(self.others)]
        return {
            i: found[x] if x in found else np.zeros(x.shape, x.dtype)[()]
            for i, x in enumerate(tensors)
            if wanted[i]
        }

    def check_others(self, operands: Sequence[Any]) -> None:
        """Refuse to call the function again if it would use other values than it did."""
        for x, value in zip(self.others, operands[len(self.arguments) :], strict=True):
            if x._value() is not (value._array if isinstance(value, Tensor) else value):
                raise GradientError(
                    f"{self.name} uses {x._label()}, which is not an argument and has a new value "
                    f"now, so it cannot be called again with the old one. Compute the result "
                    f"again, or pass the tensor as an argument."
                )


def _differentiable(result: Any) -> list[Tensor]:
    """Return the tensors in a result that require a gradient, each once."""
    tensors = [x for x in leaves_of(result) if isinstance(x, Tensor) and x.requires_grad]
    return list(dict.fromkeys(tensors))


def _same(again: Any, before: Any) -> bool:
    """Return whether a result is the same, up to what the order of additions may change."""
    if again.shape != before.shape or again.dtype != before.dtype:
        return False
    tolerance = 1e3 * float(np.finfo(before.dtype).eps)
    return np.allclose(again, before, rtol=tolerance, atol=tolerance, equal_nan=True)


def _joined(outputs: Sequence[Tensor]) -> Tensor:
    """Return a single tensor with the entries of all: an operation has one result."""
    if len(outputs) == 1:
        return outputs[0]
    joined: Tensor = ops.concatenate(*[x.reshape(-1) for x in outputs])
    return joined


def _parted(joined: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Undo `_joined`."""
    if len(like) == 1:
        return [joined]
    ends = np.cumsum([x.size for x in like])
    return [
        joined[end - x.size : end].reshape(x.shape).astype(x.dtype)
        for x, end in zip(like, ends, strict=True)
    ]


def _used_besides(outputs: Sequence[Tensor], since: int) -> list[Tensor]:
    """Return the tensors that outputs depend on and that were there before."""
    found = []
    for node in upstream(outputs, lambda x: x._birth < since):
        if node._birth < since:
            found.append(node)
            continue
        for x in (node, *operands_of(node)):
            if x is None or x._view is not None:  # A view is taken again, when it is used.
                continue
            if x._birth > since and x._past is not None and x._past._birth < since:
                raise GradientError(
                    f"checkpoint: the function changes {x._label()}, which is not its own, in "
                    f"place, and would do so again in the backward pass. Change a copy of it."
                )
    return sorted(found, key=lambda x: x._birth)
