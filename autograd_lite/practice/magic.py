"""For notebooks: ``%load_ext autograd_lite``, then ``%backprop loss``."""

from __future__ import annotations

from typing import Any

from autograd_lite.check import compare
from autograd_lite.practice.exercises import Exercise
from autograd_lite.tensor import Tensor


def load_ipython_extension(shell: Any) -> None:
    """Register ``%backprop name``: hold the gradients of the notebook against a loss.

    If `name` is an `Exercise`, it says what is right, and no more; if it is a loss, it compares,
    and names the mistakes. Gradients are found by name: that of ``W`` is ``dW`` or ``d_W``.

    Parameters
    ----------
    shell : IPython.InteractiveShell
        With ``user_ns`` and ``register_magic_function``.
    """

    def backprop(line: str) -> Any:
        """Hold the gradients of the notebook against a loss, or check an exercise."""
        return held_against(line.strip(), shell.user_ns)

    shell.register_magic_function(backprop, magic_kind="line", magic_name="backprop")


def held_against(name: str, variables: dict[str, Any]) -> Any:
    """Return what `compare`, or `Exercise.check`, says of the gradients among variables.

    Raises
    ------
    NameError
        If no variable has the name.
    TypeError
        If it is neither a Tensor nor an Exercise.
    """
    if name not in variables:
        raise NameError(f"%backprop: there is no variable {name!r}. Write: %backprop loss")
    what = variables[name]
    if isinstance(what, Exercise):
        return what.check(variables)
    if not isinstance(what, Tensor):
        raise TypeError(f"%backprop needs a loss or an exercise, got {type(what).__name__}.")
    for key, value in variables.items():
        if isinstance(value, Tensor) and value.name is None and not key.startswith("_"):
            value.name = key
    return compare(what, variables)
