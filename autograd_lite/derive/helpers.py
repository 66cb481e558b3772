"""What a derivation calls and NumPy does not have: printed before it, so that it runs by itself."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.lines import Line
from autograd_lite.program.expression import walk


def helpers(lines: Iterable[Line]) -> list[str]:
    """Return definitions of the functions that lines call, besides those of NumPy."""
    return [definition(operation) for operation in _called(lines)]


def namespace(lines: Iterable[Line]) -> dict[str, Any]:
    """Return what the code of lines calls, by its name."""
    return {"np": np} | {operation.name: operation.forward for operation in _called(lines)}


def is_called(operation: Primitive) -> bool:
    """Return whether an operation is written as a call of its own name, not of NumPy's."""
    form = getattr(operation.notation, "python", None)
    return form is not None and form.template.startswith(f"{operation.name}(")


def definition(operation: Primitive) -> str:
    """Return the source of a forward function, and before it of the functions that it calls."""
    return "\n".join(_sources(inspect.unwrap(operation.forward), set()))


def _sources(function: Any, seen: set[str]) -> Iterator[str]:
    """Yield the source of a function behind those of its own package or script that it calls."""
    seen.add(function.__name__)
    for name in function.__code__.co_names:
        other = function.__globals__.get(name)
        if inspect.isfunction(other) and name not in seen:
            yield from _sources(other, seen)
    yield _source(function)


def _source(function: Any) -> str:
    """Return the source of a function without decorators and annotations."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except OSError:
        return f"# {function.__name__} is a function of yours.\n"
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    given = tree.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg):
        if argument is not None:
            argument.annotation = None
    signature = ast.unparse(given)
    if '"' not in signature:
        signature = signature.replace("'", '"')
    body = source.splitlines()[tree.body[0].lineno - 1 :]
    return "\n".join([f"def {tree.name}({signature}):", *body, "", ""])


def _called(lines: Iterable[Line]) -> Iterator[Primitive]:
    """Yield the operations that are written as calls of their own names, each once."""
    used = {part.operation: None for line in lines for part in walk((line.expression,))}
    yield from (x for x in used if isinstance(x, Primitive) and is_called(x))
