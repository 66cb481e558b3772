"""Nests: dicts, lists, tuples, named tuples, dataclasses and registered classes, in each other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

Kind = TypeVar("Kind")

_REGISTERED: dict[type, tuple[Callable[[Any], Mapping[str, Any]], Callable[[Any, Any], Any]]] = {}


def register_nest(
    kind: type[Kind],
    parts: Callable[[Kind], Mapping[str, Any]],
    rebuild: Callable[[Kind, dict[str, Any]], Kind],
) -> type[Kind]:
    """Let transforms look into the objects of a class, as they look into dicts and lists.

    Dataclasses need none of it.

    Parameters
    ----------
    kind : type
        The class; subclasses are not meant.
    parts : callable
        Takes an object. Returns a dict of its parts: arrays, or nests of them.
    rebuild : callable
        Takes an object, and a dict with the same keys and other parts. Returns a new object of the
        class with those, which may be Tensors or gradients.

    Returns
    -------
    type
        The class.

    Examples
    --------
    >>> import autograd_lite as al
    >>> class Line:
    ...     def __init__(self, slope, height):
    ...         self.slope, self.height = slope, height
    >>> Line = al.register_nest(Line, vars, lambda line, parts: Line(**parts))
    >>> gradient = al.grad(lambda line: line.slope * 3 + line.height)(Line(2.0, 1.0))
    >>> gradient.slope.item(), gradient.height.item()
    (3.0, 1.0)
    """
    _REGISTERED[kind] = parts, rebuild
    return kind


def parts_of(tree: Any) -> dict[Any, Any] | None:
    """Return the parts of an object by attribute; None of what is a leaf."""
    kind = type(tree)
    if kind in _REGISTERED:
        parts = _REGISTERED[kind][0](tree)
        if not isinstance(parts, Mapping):
            raise TypeError(
                f"register_nest needs a function that gives the parts of a {kind.__name__} as a "
                f"dict, by name, as vars does, got a {type(parts).__name__}."
            )
        return dict(parts)
    fields = getattr(kind, "__dataclass_fields__", None)
    return None if fields is None else {n: getattr(tree, n) for n in fields if hasattr(tree, n)}


def flatten(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return path and leaf of everything in a nest."""
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in flatten(tree[key], f"{path}[{key!r}]")]
    if isinstance(tree, list | tuple):
        names = getattr(tree, "_fields", None)
        at = [f".{name}" for name in names] if names else [f"[{i}]" for i in range(len(tree))]
        return [leaf for i, part in zip(at, tree, strict=True) for leaf in flatten(part, path + i)]
    if (parts := parts_of(tree)) is not None:
        return [leaf for key in parts for leaf in flatten(parts[key], f"{path}.{key}")]
    return [(path, tree)]


def leaves_of(tree: Any) -> list[Any]:
    """Return everything in a nest."""
    return [leaf for _, leaf in flatten(tree)]


def rebuild(tree: Any, leaves: Sequence[Any]) -> Any:
    """Return the same nest with other leaves."""
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
    if (named := parts_of(part)) is not None:
        made = {key: _build(value, leaves) for key, value in named.items()}
        if type(part) in _REGISTERED:
            return _REGISTERED[type(part)][1](part, made)
        built = copy.copy(part)  # Without its checks, which are for numbers: the parts are Tensors.
        for key, value in made.items():
            object.__setattr__(built, key, value)
        return built
    return next(leaves)
