"""What a derivation calls and NumPy does not have: printed before it, so that it runs by itself."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite.core.primitive import Primitive
from autograd_lite.derive.collected import roots
from autograd_lite.derive.lines import Line
from autograd_lite.program.expression import walk


def helpers(lines: Iterable[Line]) -> list[str]:
    """Return what the code of lines needs besides NumPy: imports, and definitions of functions."""
    used = _used(lines)
    imports = _imports({name: module for x in used for name, module in _modules(x).items()})
    return [*imports, *(_defined(x) for x in used if is_called(x))]


def namespace(lines: Iterable[Line]) -> dict[str, Any]:
    """Return what the code of lines calls, by its name."""
    names: dict[str, Any] = {"np": np}
    for x in _used(lines):
        names |= {x.name: x.forward} if is_called(x) else _modules(x)
    return names


def is_called(operation: Primitive) -> bool:
    """Return whether an operation is written as a call of its own name, not of NumPy's."""
    return _template(operation).startswith(f"{operation.name}(")


def definition(operation: Primitive) -> str:
    """Return the source of a forward function, and before it of what it calls and imports."""
    return "\n".join([*_imports(_modules(operation)), _defined(operation)])


def _template(operation: Primitive) -> str:
    form = getattr(operation.notation, "python", None)
    return "" if form is None else form.template


def _defined(operation: Primitive) -> str:
    return "\n".join(map(_source, _functions(operation)))


def _functions(operation: Primitive) -> list[Any]:
    """Return a forward function behind those of its own package or script that it calls."""
    found: list[Any] = []

    def add(function: Any, above: tuple[Any, ...]) -> None:
        for name in function.__code__.co_names:
            other = function.__globals__.get(name)
            if inspect.isfunction(other) and other not in (*found, *above, function):
                add(other, (*above, function))
        found.append(function)

    add(inspect.unwrap(operation.forward), ())
    return found


def _modules(operation: Primitive) -> dict[str, Any]:
    """Return the modules that the code of an operation names, besides NumPy."""
    functions, template = _functions(operation), _template(operation)
    return {
        name: module
        for function in functions
        for name in function.__code__.co_names
        if inspect.ismodule(module := function.__globals__.get(name))
        and module is not np
        and (is_called(operation) or f"{name}." in template)
    }


def _imports(modules: dict[str, Any]) -> list[str]:
    """Return a statement for every module, under the name that it has in the code."""
    lines = []
    for name, module in sorted(modules.items()):
        package, _, last = module.__name__.rpartition(".")
        whole = f"import {module.__name__}" + (f" as {name}" if name != module.__name__ else "")
        lines.append(f"from {package} import {name}" if package and last == name else whole)
    return ["\n".join(lines) + "\n"] if lines else []


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
    first = tree.body[0]
    body = source.splitlines()[first.lineno - 1 :]
    body[0] = "    " + body[0].encode()[first.col_offset :].decode()  # Behind the colon, maybe.
    return "\n".join([f"def {tree.name}({signature}):", *body, "", ""])


def _used(lines: Iterable[Line]) -> list[Primitive]:
    """Return the operations of lines, each once."""
    used = dict.fromkeys(
        part.operation for line in lines for part in walk(tuple(roots(line.expression)))
    )
    return [x for x in used if isinstance(x, Primitive)]
