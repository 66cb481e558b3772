"""Functions and training steps at the speed of machine code: `compile` makes one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from autograd_lite.core.later import later, names_its_arguments

F = TypeVar("F", bound=Callable[..., Any])
Backend = Literal["auto", "numpy", "numba"]

if TYPE_CHECKING:
    from autograd_lite.compile.compiled import Compiled as Untyped
    from autograd_lite.compile.export import export
    from autograd_lite.compile.plan import StaleError
    from autograd_lite.compile.step import Step
    from autograd_lite.optim.optimizer import Optimizer

    class Compiled(Untyped, Generic[F]):
        """Called like the function that it is made of."""

        __call__: F

else:
    __getattr__ = later(
        globals(),
        {
            "autograd_lite.compile.compiled": ("Compiled",),
            "autograd_lite.compile.export": ("export",),
            "autograd_lite.compile.plan": ("StaleError",),
            "autograd_lite.compile.step": ("Step",),
        },
    )

__all__ = ["Compiled", "StaleError", "Step", "compile", "export"]


@overload
def compile(f: F, optimiser: None = None, *, backend: Backend = "auto") -> Compiled[F]: ...
@overload
def compile(f: Callable[..., Any], optimiser: Optimizer, *, backend: Backend = "auto") -> Step: ...
@overload
def compile(
    f: None = None, optimiser: None = None, *, backend: Backend = "auto"
) -> Callable[[F], Compiled[F]]: ...
@overload
def compile(
    f: None = None, *, optimiser: Optimizer, backend: Backend = "auto"
) -> Callable[[Callable[..., Any]], Step]: ...
@names_its_arguments
def compile(
    f: Callable[..., Any] | None = None, optimiser: Any = None, *, backend: Backend = "auto"
) -> Any:
    """Return a function, or a training step, that runs as a program without Python in between.

    Parameters
    ----------
    f : callable
        A function of arrays, such as ``al.value_and_grad(loss)``; or, with an optimiser, a loss:
        a function of data that returns a Tensor. Without it, a decorator is returned.
    optimiser : Optimizer, optional
        What moves the parameters: then a call is a step, ``zero_grad``, ``backward`` and ``step``.
    backend : {"auto", "numpy", "numba"}
        "numpy" runs NumPy's functions in memory that was got beforehand; "numba" writes small
        programs out as arithmetic and compiles it, and of others the arithmetic between NumPy's
        calls; "auto" also leaves to Python what cannot be compiled. ``why`` says what was done.

    Returns
    -------
    Compiled or Step
        Called like `f`. A `Step` also has ``run(n, *data)`` and ``bind(*data)``.

    Raises
    ------
    ValueError
        If the backend is unknown.
    TypeError
        If `f` is not a function, or `optimiser` is not an optimiser; when called, with a backend
        that was named, if the function cannot be compiled.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> derivative = al.compile(al.grad(lambda x: np.sum(np.tanh(x) * x)), backend="numpy")
    >>> derivative(np.array([0.5, 1.0])).round(4)
    array([0.8553, 1.1816])
    """
    if f is None:
        return functools.partial(compile, optimiser=optimiser, backend=backend)
    from autograd_lite.compile.compiled import BACKENDS, Compiled
    from autograd_lite.compile.step import Step
    from autograd_lite.optim.optimizer import Optimizer

    if backend not in BACKENDS:
        raise ValueError(f"compile needs a backend among {BACKENDS}, got {backend!r}.")
    if not callable(f):
        raise TypeError(
            f"compile needs a function, got a {type(f).__name__}. Write al.compile(f), or "
            f"al.compile(loss, optimiser) for a training step."
        )
    if optimiser is None:
        return Compiled(f, backend)
    if isinstance(optimiser, list | tuple) and all(isinstance(o, Optimizer) for o in optimiser):
        raise TypeError(
            f"compile needs one optimiser, got {len(optimiser)}. Give one of them groups, each "
            f'with its settings: [{{"params": a, "lr": 0.1}}, {{"params": b, "lr": 0.01}}]; or '
            f"compile a step for each, which take turns."
        )
    if not isinstance(optimiser, Optimizer):
        raise TypeError(
            f"compile needs an optimiser, got a {type(optimiser).__name__}. Write "
            f"al.compile(loss, al.optim.SGD(net.parameters(), lr=0.1))."
        )
    return Step(f, optimiser, backend)
