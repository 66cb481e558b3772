"""Names of a package that are imported when they are first used.

Pictures, derivations and checks take twice as long to import as all that computes.
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
        Its ``globals()``.
    names : mapping of str to tuple of str
        What is to be found in which module.
    """
    where = {name: module for module, found in names.items() for name in found}

    def find(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        package[name] = getattr(importlib.import_module(where[name]), name)
        return package[name]

    package["__dir__"] = lambda: sorted({*package, *where})
    return find
