"""Names of a package that are imported when they are first used.

A program pays for what it uses: everything together takes as long to import as NumPy does, twice.
"""

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

import numpy as np


def _missing(package: dict[str, Any], name: str) -> str:
    """Return what to say of a name that there is not: what to write, if that can be guessed."""
    said = f"module {package['__name__']!r} has no attribute {name!r}"
    known = list(package.get("__all__", ()))
    parent, _, short = package["__name__"].rpartition(".")
    if name in package.get("INSTEAD", ()):
        return f"{said}. Write {package['INSTEAD'][name]}."
    where = short if parent else "al"
    for other in known:
        if other.lower() == name.lower():
            return f"{said}. Write {where}.{other}."
    for where_else, numpy in (("np", np), ("np.linalg", np.linalg)):
        if callable(found := getattr(numpy, name, None)):
            takes = "" if isinstance(found, type) else ": NumPy's functions take Tensors"
            return f"{said}. Write {where_else}.{name}{takes}."
    import difflib  # It is for errors alone.

    # A name that is nearly the same may be that of something else, so this is a question.
    alike = difflib.get_close_matches(name, known, 1, 0.7)
    return f"{said}. Did you mean {where}.{alike[0]}?" if alike else said


def later(package: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    - `package`: its ``globals()``, where a name stands from its first use on.
    - `names`: what is to be found in which module; without names, a module of the package itself.
    """
    where = {name: module for module, found in names.items() for name in found}
    modules = {module.rpartition(".")[2]: module for module, found in names.items() if not found}

    def find(name: str) -> Any:
        if name in where:
            found = getattr(importlib.import_module(where[name]), name)
        elif name in modules:
            found = importlib.import_module(modules[name])
        else:
            # Without `obj` Python adds no guess of its own.
            raise AttributeError(_missing(package, name), name=name)
        package[name] = found
        return found

    package["__dir__"] = lambda: sorted({*package, *where, *modules})
    return find


def missing(module: dict[str, Any], instead: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that has some names of another, and says what else.

    - `module`: its ``globals()``.
    - `instead`: what to write in place of ``{name}``.
    """

    def find(name: str) -> Any:
        said = _missing(module, name)
        if name.startswith("__") or said.endswith((".", "?")):  # Another name, or where it is.
            raise AttributeError(said)
        raise AttributeError(f"{said}. {instead.format(name=name)}.")

    return find


class _File(ModuleType):
    """A file that has the name of what somebody would call."""

    def __call__(self, *_args: Any, **_kwargs: Any) -> None:
        """Say what to write."""
        raise TypeError(f"{self.__name__} is a file. Write {vars(self)['INSTEAD_OF_CALL']}.")


def refuse_call(module: dict[str, Any], instead: str) -> None:
    """Let a file, given as its ``globals()``, say what to write if it is called."""
    module["INSTEAD_OF_CALL"] = instead
    sys.modules[module["__name__"]].__class__ = _File


F = TypeVar("F", bound=Callable[..., Any])


def names_its_arguments(function: F) -> F:
    """Let a misspelt keyword argument be answered with the right one."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            add_spelling(error, function)
            raise

    return checked  # type: ignore[return-value]  # It has the signature of the function.


def unknown_argument(function: Callable[..., Any], given: Mapping[str, Any]) -> TypeError:
    """Return the error about a misspelt argument of a function that looks at its caller."""
    name = next(iter(given))
    error = TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}")
    add_spelling(error, function)
    return error


ELSEWHERE = {
    "dim": "axis", "dims": "axis", "keepdim": "keepdims", "unbiased": "ddof", "argnum": "argnums",
    "learning_rate": "lr", "shuffle": "rng", "seed": "rng", "generator": "rng",
}  # fmt: skip
"""Names of arguments in other libraries, and what they are called here."""

ANSWERS = {
    "retain_graph": "Leave it out: a graph may be walked any number of times",
    "set_to_none": "Leave it out: the gradient is None afterwards",
    "inplace": "Leave it out: a result is a new Tensor",
    **dict.fromkeys(("device", "map_location", "pin_memory", "num_workers", "fused", "foreach"),
                    "Leave it out: arrays are on the CPU"),
    "use_reentrant": "Leave it out: there is one way, checkpoint(f)(x)",
    "static_argnums": "Leave it out: a number that is an argument may decide",
    "start_dim": "Write nn.Flatten(1)(t)",
    "padding_idx": "Write layer(x) * (x != i)[..., None], which is 0 there, with no gradient",
    "padding_mode": "Pad first: np.pad(x, widths, mode='reflect')",
    "size_average": "Write reduction='mean' or 'sum'",
}  # fmt: skip
"""What to say about arguments of other libraries that do not exist here."""


CALLS = {
    "Optimizer.step": "loss.backward(), and then optimiser.step()",
    "checkpoint": "checkpoint(f)(x)",
}
"""What to write for a call with too many arguments."""


def add_spelling(error: TypeError, function: Callable[..., Any], name: str | None = None) -> None:
    """Add what to write to an error about an unknown argument, or one too many, of a function.

    `name` is what the user calls it, where that is not its own name.
    """
    own = getattr(function, "__qualname__", "")
    name = name or (own if own.endswith("__init__") else str(getattr(function, "__name__", own)))
    said = str(error).replace(f"{own}()", f"{name}()")
    if error.args != (str(error),):
        return
    if own.endswith("__init__"):
        error.args = (said,)
    if re.search(r"takes .*\d+ positional arguments? but \d+ [wp]", said):
        parameters = inspect.signature(function).parameters
        by_name = [f"{p.name}=" for p in parameters.values() if p.kind == p.KEYWORD_ONLY]
        if own in CALLS or by_name:
            error.args = (f"{said}. Write {CALLS.get(own) or ' or '.join(by_name)}.",)
        if "reduction" in parameters and own.endswith("__init__"):
            call = f"nn.{name.partition('.')[0]}()(x, target)"
            error.args = (f"{said}. Make the loss first, and then call it: {call}.",)
    elif found := re.search(r"unexpected keyword argument '(\w+)'$", said):
        # A class without its own __init__ has that of object, which has no arguments.
        ours = getattr(function, "__init__", function) if isinstance(function, type) else function
        listed = inspect.signature(ours).parameters.values()
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        known = [p.name for p in listed if p.name != "self" and p.kind not in kinds]
        if found[1] not in known:
            import difflib  # It is for errors alone.

            alike = difflib.get_close_matches(found[1], known, 1, 0.7)
            answer = f"Did you mean {alike[0]}=?" if alike else f"There are {', '.join(known)}."
            if not known:
                answer = "There are none."
            elif "by_hand" in known and not alike:
                answer = f"Write {name}({known[0]}, {{{found[1]!r}: ...}})."
            if found[1] in ANSWERS:
                answer = f"{ANSWERS[found[1]]}."
            if ELSEWHERE.get(found[1]) in known:
                answer = f"Write {ELSEWHERE[found[1]]}=."
            called = "" if "()" in said else f"{name}() "
            error.args = (f"{called}{said}. {answer}",)
