"""Nests of dicts, lists and tuples, with anything in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any


def flatten(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return path and leaf of everything in nested dicts, lists and tuples."""
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in flatten(tree[key], f"{path}[{key!r}]")]
    if isinstance(tree, list | tuple):
        return [leaf for i, part in enumerate(tree) for leaf in flatten(part, f"{path}[{i}]")]
    return [(path, tree)]


def leaves_of(tree: Any) -> list[Any]:
    """Return everything in nested dicts, lists and tuples."""
    return [leaf for _, leaf in flatten(tree)]


def rebuild(tree: Any, leaves: Sequence[Any]) -> Any:
    """Return the same nest of dicts, lists and tuples with other leaves."""
    return _build(tree, iter(leaves))


def _build(part: Any, leaves: Iterator[Any]) -> Any:
    """Take the leaves of a nest one by one (a closure that calls itself would be a cycle)."""
    if isinstance(part, dict):
        built = copy.copy(part)  # Of the same type, whatever that is made with.
        for key, value in part.items():
            built[key] = _build(value, leaves)
        return built
    if isinstance(part, list | tuple):
        parts = [_build(value, leaves) for value in part]
        return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)
    return next(leaves)
