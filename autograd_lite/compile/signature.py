"""A signature: what arguments have in common that one program serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite.functional.nests import parts_of
from autograd_lite.program.code import is_users_class
from autograd_lite.program.trace import is_input
from autograd_lite.tensor import Tensor


class Signature:
    """What arguments have in common that one program serves: as conditions in Python.

    - `key`: equal for arguments that fit.
    - `reads`: how each array is read from ``args`` and ``kwargs``.
    - `names`: what the conditions refer to.
    - `others`: arguments that are not numbers.
    - `arrays`, `rest`: arrays and Tensors, and numbers and containers, by how each is read.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.reads: list[str] = []
        self.conditions: list[str] = []
        self.names: dict[str, Any] = {"kinds": _kinds, "parts": parts_of, "of": _attributes}
        self.others: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.rest: dict[str, Any] = {}
        self._values: list[Any] = []
        self._parts(args, "args")
        self._parts(kwargs, "kwargs")
        first: dict[int, str] = {}
        for at, x in self.arrays.items():
            if first.setdefault(id(x), at) != at:
                self.conditions.append(f"{at} is {first[id(x)]}")
        if len(first) == 2:
            self.conditions.append(" is not ".join(first.values()))
        elif len(first) > 2:
            ids = ", ".join(f"id({at})" for at in first.values())
            self.conditions.append(f"len({{{ids}}}) == {len(first)}")
        self.key = (*self.conditions, *self._values)

    def _look(self, x: Any, at: str) -> None:
        kind = type(x)
        same_kind = f"type({at}) is {self._named('k', kind)}"
        parts = parts_of(x)
        if isinstance(x, dict | list | tuple) or parts is not None:
            self.conditions.append(same_kind)
            self.rest[at] = x
            if is_users_class(kind):
                self.others.append(kind)
                if _attributes(x):
                    self._same(x, at)
                else:
                    self.conditions.append(f"not of({at})")
            self._parts(x if parts is None else parts, at if parts is None else f"parts({at})")
        elif isinstance(x, Tensor) and not x.requires_grad:
            value = x._value()
            self._array(value, f"{at}._array", f"{same_kind} and not {at}._requires_grad")
            self.arrays[at] = x
            self.reads.append(f"{at}._value()")
        elif is_input(x):
            if isinstance(x, np.ndarray):
                self._array(x, at, same_kind)
                self.arrays[at] = x
            else:
                self.conditions.append(same_kind)
                self.rest[at] = x
                if kind is int:  # C has no others.
                    within = -(2**63) <= x < 2**63
                    self.conditions.append(f"(-{2**63} <= {at} < {2**63}) is {within}")
            # Machine code takes numbers, not arrays without axes.
            self.reads.append(f"{at}[()]" if isinstance(x, np.ndarray) and not x.ndim else at)
        else:
            if kind is str:
                self.conditions.append(same_kind)
            self._same(x, at)

    def _named(self, prefix: str, x: Any, value: Any = None) -> str:
        """Name something in the conditions; in the key stands itself, or what is given for it."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = x
        self._values.append(x if value is None else value)
        return name

    def _same(self, x: Any, at: str) -> None:
        """Demand the very same object, or text."""
        self.others.append(x)
        name = self._named("o", x, None if isinstance(x, str | bool) else id(x))
        self.conditions.append(f"{at} {'==' if type(x) is str else 'is'} {name}")

    def _parts(self, x: Any, at: str) -> None:
        """Look at parts; those of a dict in its order, since a function may go through them."""
        keys = [*x] if isinstance(x, dict) else range(len(x))
        texts = all(type(key) is str for key in keys)
        if not keys:
            self.conditions.append(f"not {at}")
        elif not isinstance(x, dict):
            self.conditions.append(f"len({at}) == {len(x)}")
        elif texts:
            self.conditions.append(f"[*{at}] == {self._named('o', keys, tuple(keys))}")
        else:
            self.conditions.append(f"kinds({at}) == {self._named('o', _kinds(keys))}")
        for key in keys:
            plain = type(key) in (int, str)
            self._look(x[key], f"{at}[{repr(key) if plain else self._named('o', key)}]")

    def _array(self, x: Any, at: str, before: str) -> None:
        dtype = self._named("d", x.dtype)
        self.conditions += [before, f"{at}.shape == {x.shape} and {at}.dtype is {dtype}"]


def _kinds(keys: Iterable[Any]) -> tuple[Any, ...]:
    """Return keys with their classes: 1, 1.0 and True are equal."""
    return tuple((type(key), key) for key in keys)


def _attributes(x: Any) -> dict[str, Any]:
    """Return attributes of an object that are not parts of it as a nest."""
    fields = getattr(x, "__dataclass_fields__", ())
    return {key: value for key, value in getattr(x, "__dict__", {}).items() if key not in fields}
