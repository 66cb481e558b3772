"""Derivatives that are wrong on purpose: what a checker must catch, and that `gradcheck` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.check.gradcheck import gradcheck
from autograd_lite.check.subject import GradcheckError
from autograd_lite.tensor import Tensor


def _with_fault(function: Callable[..., Any], fault: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function whose first input gets a wrong gradient."""

    def faulty(x: Any, *others: Any) -> Any:
        if isinstance(x, Tensor) and x.requires_grad:
            x = x * 1.0  # A node of its own, so that each call has its own hook.
            x.register_hook(fault)
        return function(x, *others)

    return faulty


def _one_entry(g: Any) -> Any:
    unit = np.zeros(g.shape)
    unit.flat[-1] = 1e-3
    return g + unit


def _rough(x: Any) -> Any:
    """Cube, with a derivative that is right and does not know its own."""
    if not isinstance(x, Tensor):
        return x**3
    fixed = x.detach()
    return fixed**3 + (x - fixed) * (3 * fixed**2)


def _unseen(x: Any) -> Any:
    """Add something that is not recorded."""
    return x + np.sin(np.asarray(x.data if isinstance(x, Tensor) else x))


def _counting() -> Callable[[Any], Any]:
    calls = iter(range(1_000_000))
    return lambda x: x * (1.0 + next(calls))


def _overwriting(x: Any) -> Any:
    if not x.requires_grad:
        x[0] = 5.0
    return x * 2.0


def _layout(x: Any) -> Any:
    """Let the gradient depend on the order of the entries in memory."""
    if isinstance(x, Tensor) and x.requires_grad:
        contiguous = x.data.flags.c_contiguous
        x = x * 1.0
        x.register_hook(lambda g: g if contiguous else g * 2.0)
    return x * x


SQUARE = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6], [-0.2, 0.9, 1.5]])
LINE = np.array([0.3, -1.2, 0.7, 2.0])

GRADIENT_FAULTS: dict[str, Callable[[Any], Any]] = {
    "scaled by 777": lambda g: 777 * g,
    "scaled by 1.0001": lambda g: 1.0001 * g,
    "halved": lambda g: 0.5 * g,
    "averaged, not summed": lambda g: g / g.size,
    "sign flipped": lambda g: -g,
    "zero": lambda g: 0.0 * g,
    "permuted": lambda g: g[::-1],
    "transposed": lambda g: g.T,
    "one entry off by 0.001": _one_entry,
    "nan": lambda g: g * np.nan,
    "the mean for all": lambda g: g * 0.0 + g.mean(),
}
"""What is done to a right gradient."""

Fault = tuple[Callable[..., Any], Any, int]
"""A function with a fault, where it is checked, and to which order."""


def faults() -> dict[str, Fault]:
    """Return every fault by name."""
    found: dict[str, Fault] = {}
    for name, fault in GRADIENT_FAULTS.items():
        found[f"softmax, {name}"] = (_with_fault(ops.softmax, fault), SQUARE, 1)
        found[f"product, {name}"] = (_with_fault(ops.matmul, fault), (SQUARE, SQUARE.T + 1), 1)
    found["second derivative left out"] = (_rough, LINE, 2)
    found["something not recorded"] = (_unseen, LINE, 1)
    found["another value at every call"] = (_counting(), LINE, 1)
    found["input overwritten"] = (_overwriting, LINE, 1)
    found["dependent on the memory layout"] = (_layout, SQUARE, 1)
    return found


def selftest() -> dict[str, str]:
    """Inject faults, and show that `gradcheck` catches each and accepts what is right.

    Returns
    -------
    dict of str to str
        For every fault, the message with which it was caught.

    Raises
    ------
    AssertionError
        If a fault was not caught, or a right derivative was rejected.

    Examples
    --------
    >>> import autograd_lite as al
    >>> caught = al.gradcheck.selftest()
    >>> len(caught)
    27
    >>> caught["another value at every call"].partition(". ")[0]
    'gradcheck: the function returned different values for equal inputs'
    """
    gradcheck(ops.softmax, SQUARE, order=2)
    gradcheck(ops.matmul, (SQUARE, SQUARE.T + 1), order=2)
    gradcheck(lambda x: x**3, LINE, order=2)
    caught, missed = {}, []
    for name, (function, inputs, order) in faults().items():
        try:
            gradcheck(function, inputs, order=order)
        except GradcheckError as error:
            caught[name] = str(error)
        else:
            missed.append(name)
    if missed:
        raise AssertionError(f"gradcheck did not catch: {', '.join(missed)}.")
    return caught
