"""A computation as formulas, and as the NumPy code that a person would have written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from autograd_lite.core.later import later

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from autograd_lite.derive.derivation import Derivation
    from autograd_lite.derive.lines import Line
    from autograd_lite.derive.proof import Proof
    from autograd_lite.derive.rounding import Rounded, Rounding
    from autograd_lite.tensor import Tensor
else:
    __getattr__ = later(
        globals(),
        {
            "autograd_lite.derive.derivation": ("Derivation",),
            "autograd_lite.derive.lines": ("Line",),
            "autograd_lite.derive.proof": ("Proof",),
            "autograd_lite.derive.rounding": ("Rounded", "Rounding"),
        },
    )

__all__ = ["Derivation", "Line", "Proof", "Rounded", "Rounding", "derive"]


@overload
def derive(
    loss: Tensor | Callable[..., Any],
    *args: ArrayLike,
    wrt: Tensor | str | Iterable[Tensor | str] | None = None,
    names: Mapping[str, Any] | None = None,
    chain: bool = False,
    blanks: Literal[False] = False,
) -> Derivation: ...
@overload
def derive(
    loss: Tensor | Callable[..., Any],
    *args: ArrayLike,
    wrt: Tensor | str | Iterable[Tensor | str] | None = None,
    names: Mapping[str, Any] | None = None,
    chain: bool = False,
    blanks: Literal[True],
) -> str: ...
def derive(
    loss: Tensor | Callable[..., Any],
    *args: ArrayLike,
    wrt: Tensor | str | Iterable[Tensor | str] | None = None,
    names: Mapping[str, Any] | None = None,
    chain: bool = False,
    blanks: bool = False,
) -> Derivation | str:
    """Write a computation and its gradients down as a person would.

    Parameters
    ----------
    loss : Tensor with one entry, or callable
        What is differentiated: a computation that was recorded, or a function of arrays.
    *args : array_like, or dicts and lists of arrays
        Where to call the function; it is differentiated by all arrays of floating-point numbers.
        They have the names of its parameters and variables, and of keys: ``params["W1"]`` is W1.
    wrt : "all", Tensor, str, or iterable of Tensor or str, optional
        By what: tensors or their names; "all" is every tensor that has a name, inner ones, too. By
        default every leaf that requires a gradient.
    names : mapping of str to Tensor or ndarray, optional
        Names for tensors and bare arrays that have none of their own; by default the caller's
        variables.
    chain : bool
        Write every number by itself, and every partial derivative as the product of the chain
        rule, as for a network that is drawn neuron by neuron. Entries of arrays are counted from
        1: ``W_1_2``, or ``h2``. For small networks.
    blanks : bool
        Return a worksheet: the forward pass, and None in the place of every gradient.

    Returns
    -------
    Derivation, or str
        Prints as a function in plain NumPy, ``.latex`` has the formulas, ``.function`` runs. With
        `blanks`, the text of its `Derivation.worksheet`.

    Raises
    ------
    GradientError
        If `loss` depends on nothing that requires a gradient.
    ValueError
        If `loss` has several entries; with `chain`, if there are too many numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as al
    >>> X = al.Tensor(np.eye(3))
    >>> y = al.Tensor(np.ones((3, 1)))
    >>> w = al.Tensor(np.zeros((3, 1)), requires_grad=True)
    >>> out = al.sigmoid(X @ w)
    >>> loss = al.mse(out, y, reduction="half_sum")
    >>> derivation = al.derive(loss)
    >>> print(derivation)
    def loss_and_gradients(X, y, w):
        # forward
        out = 1 / (1 + np.exp(-(X @ w)))           # (3, 1)
        loss = 0.5 * np.sum((out - y) ** 2)        # ()
        # backward
        out_delta = (out - y) * (out * (1 - out))  # (3, 1), at X @ w
        d_w = X.T @ out_delta                      # (3, 1)
        return loss, {"w": d_w}
    >>> print(derivation.text)
    out = σ(X w)
    loss = ½ Σ (out − y)²
    δout = (out − y) ⊙ out ⊙ (1 − out)
    ∂L/∂w = Xᵀ δout

    Number by number:

    >>> def network(w1, w2, x, y):
    ...     h = al.sigmoid(w1 * x)
    ...     out = w2 * h
    ...     return (out - y) ** 2
    >>> print(al.derive(network, 0.5, 2.0, 3.0, 1.0, wrt=["w1", "w2"], chain=True).text)
    h = σ(w₁ x)
    out = w₂ h
    loss = (out − y)²
    ∂L/∂out = 2 (out − y)
    ∂out/∂w₂ = h
    ∂out/∂h = w₂
    ∂h/∂w₁ = h (1 − h) x
    ∂L/∂w₁ = ∂L/∂out ∂out/∂h ∂h/∂w₁
    ∂L/∂w₂ = ∂L/∂out ∂out/∂w₂
    """
    from autograd_lite.derive.arguments import derived

    derivation = derived(loss, args, wrt, names, chain, sys._getframe(1))
    return derivation.worksheet() if blanks else derivation
