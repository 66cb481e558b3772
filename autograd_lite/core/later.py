"""Names of a package that are imported when they are first used.

A program pays for what it uses: everything together takes as long to import as NumPy does, twice.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def later(package: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    Parameters
    ----------
    package : dict
        Its ``globals()``, where a name stands from its first use on.
    names : mapping of str to tuple of str
        What is to be found in which module; without names, a module of the package itself.
    """
    where = {name: module for module, found in names.items() for name in found}
    modules = {module.rpartition(".")[2]: module for module, found in names.items() if not found}

    def find(name: str) -> Any:
        if name in where:
            found = getattr(importlib.import_module(where[name]), name)
        elif name in modules:
            found = importlib.import_module(modules[name])
        else:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        package[name] = found
        return found

    package["__dir__"] = lambda: sorted({*package, *where, *modules})
    return find
