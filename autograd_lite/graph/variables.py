"""What the variables of the user's code are bound to, for names."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_lite.tensor import Tensor


def locals_of(frame: FrameType) -> dict[str, Any]:
    """Return the variables of a frame, which does not go on holding what they are bound to.

    Before Python 3.13, a function keeps the mapping that it was asked for, and all that is in it,
    until it returns. Its own variables are taken out again (what `exec` made is only there), unless
    a debugger works on it, or somebody else has it.
    """
    kept, code = frame.f_locals, frame.f_code
    found = dict(kept)
    own = code.co_flags & inspect.CO_OPTIMIZED and sys.getrefcount(kept) == 3
    if own and sys.version_info < (3, 13) and not (sys.gettrace() or sys.getprofile()):
        for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
            kept.pop(name, None)
    return found


@contextmanager
def watching(watch: Callable[[FrameType, str, Any], object]) -> Iterator[None]:
    """Let a function look on, as that of `sys.setprofile`, which is as before afterwards."""
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield
    finally:
        enable = getattr(before, "enable", None)  # cProfile, up to 3.11, is more than a function.
        if enable is None:
            sys.setprofile(before)
        else:
            enable()


def variables_of(frame: FrameType, *, unused: bool = False) -> dict[str, Any]:
    """Return the variables of a frame, then those of its module that its code uses.

    The `unused` ones of the module come last, if they are asked for.
    """
    variables, module = locals_of(frame), frame.f_globals
    for name in (*frame.f_code.co_names, *(module if unused else ())):
        if name in module:
            variables.setdefault(name, module[name])
    return variables


def names_in(where: FrameType | Mapping[str, Any] | None) -> dict[str, Tensor]:
    """Return the tensors that the variables of a frame or mapping are bound to, first name first.

    Lists and tuples of tensors count too: the second of ``layers`` is called ``layers[1]``. So do
    variables of the module that a frame does not use, since a tensor is itself and no other: in
    ``def main(): al.compare(loss, {"w": by_hand})``, ``w`` is found. Then come the values of dicts
    and the attributes of objects: ``cache["Z1"]``, ``net.Z1`` and ``net.cache["Z1"]`` are called
    ``Z1``, if nothing else is; ``hs[1]`` of a dict is called that. Variables that begin with an
    underscore do not count.

    Parameters
    ----------
    where : frame, mapping of str to object, or None
        A frame of the user's code, or variables by name, as from ``locals()``.

    Returns
    -------
    dict of str to Tensor
        Each tensor once, under the first of its names; `Graph` takes it as ``names``.

    Examples
    --------
    >>> import autograd_lite as al
    >>> from autograd_lite.graph import names_in
    >>> x, y = al.Tensor(1.0), al.Tensor(2.0)
    >>> names_in({"x": x, "same": x, "layers": [y], "n": 3})
    {'x': Tensor(1.), 'layers[0]': Tensor(2.)}
    """
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    variables = variables_of(where, unused=True) if isinstance(where, FrameType) else where or {}
    for name, value in variables.items():
        if name.startswith("_") or not name.isidentifier():
            continue
        several = enumerate(value) if type(value) in (list, tuple) and len(value) < 1000 else ()
        for text, x in [(name, value), *((f"{name}[{i}]", part) for i, part in several)]:
            if isinstance(x, Tensor) and id(x) not in taken:
                taken.add(id(x))
                found[text] = x
    held: dict[str, dict[int, tuple[str, Tensor]]] = {}
    for name, value in variables.items():
        for key, text, x in held_by(name, value):
            if isinstance(x, Tensor) and id(x) not in taken:
                held.setdefault(key, {}).setdefault(id(x), (text, x))
    for key, tensors in held.items():
        every = [x for _, x in tensors.values()]  # As a parameter and its gradient.
        owners = [x for x in every if x.is_leaf and x.requires_grad] or every
        free = key.isidentifier() and key not in variables and len(owners) == 1
        for text, x in tensors.values():
            if id(x) not in taken:
                taken.add(id(x))
                found[key if free and x is owners[0] else text] = x
    return found


def held_by(name: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield what a dict or an object holds: its key or attribute, how it is written, itself."""
    if name.startswith("_") or issubclass(type(value), type | ModuleType):
        return
    if type(value) is not dict:
        try:
            attributes = object.__getattribute__(value, "__dict__")  # Runs no code of the user's.
        except AttributeError:
            return
        for key, x in attributes.items():
            if type(key) is str:  # vars(x) takes any.
                yield key, f"{name}.{key}", x
            if type(x) is dict:
                yield from held_by(f"{name}.{key}", x)
    elif len(value) < 1000:
        for key, x in value.items():
            text = f"{name}[{key!r}]"
            if type(key) is str:
                yield key, text, x
            elif type(key) is int and key >= 0:
                yield text, text, x


def arrays_in(where: FrameType | None) -> dict[str, NDArray[Any]]:
    """Return the arrays that the variables of a frame are bound to.

    Of its module, those that it uses: an array is known by its entries, which others may share.

    Examples
    --------
    >>> import sys
    >>> import numpy as np
    >>> from autograd_lite.graph import arrays_in
    >>> def f():
    ...     data = np.ones(2)
    ...     return arrays_in(sys._getframe())
    >>> f()
    {'data': array([1., 1.])}
    """
    return {
        name: value
        for name, value in (variables_of(where) if where is not None else {}).items()
        if isinstance(value, np.ndarray) and not name.startswith("_") and name.isidentifier()
    }


def name_of_copy(value: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> str | None:
    """Return the name of the array that a value was copied from, if it can be only one.

    That has the same entries, of the same type: a copy of ``[0.0, 1.0]`` is none of ``[0, 1]``.
    """
    found = {
        name: id(array)
        for name, array in arrays.items()
        if array.shape == value.shape and array.dtype == value.dtype and same(array, value)
    }
    return next(iter(found)) if len(set(found.values())) == 1 else None


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Compare entry by entry; two that are nan are equal."""
    return a is b or bool(((a == b) | ((a != a) & (b != b))).all())
