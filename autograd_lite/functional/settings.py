"""Settings of layers, optimisers and checks: what nothing could compute with is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def check_counts(name: str, least: int = 1, **counts: Any) -> None:
    """Raise an error for a count that is not an integer, or less than `least`."""
    for key, count in counts.items():
        if not isinstance(count, int | np.integer) or isinstance(count, bool):
            raise TypeError(f"{name} needs an integer as {key}, got {count!r}.")
        if count < least:
            raise ValueError(f"{name} needs {key} of {least} or more, got {count!r}.")


def check_numbers(name: str, **settings: Any) -> None:
    """Raise an error for a setting that is not a single real number."""
    for key, value in settings.items():
        try:
            float(None if isinstance(value, str) else value)
        except (TypeError, ValueError):
            raise TypeError(f"{name} needs a number as its {key}, got {value!r}.") from None


FINITE = "of 0 or more, and finite"
_RANGES: dict[str, Callable[[float], bool]] = {
    "that is a number": lambda x: x == x,  # Not nan.
    FINITE: lambda x: 0 <= x < np.inf,
    "of 0 or more": lambda x: x >= 0,
    "of more than 0": lambda x: x > 0,
    "of more than 0 and at most 1": lambda x: 0 < x <= 1,
    "from 0 to 1": lambda x: 0 <= x <= 1,
    "of less than 1": lambda x: x < 1,
}


def check_range(name: str, within: str = "that is a number", /, **settings: Any) -> None:
    """Raise an error for a setting that is not a number, or out of a range of `_RANGES`."""
    check_numbers(name, **settings)
    for key, value in settings.items():
        if not _RANGES[within](float(value)):
            raise ValueError(f"{name} needs {_an(key)} {within}, got {value!r}.")


def if_given(**settings: Any) -> dict[str, Any]:
    """Return the settings that are not None."""
    return {key: value for key, value in settings.items() if value is not None}


def _an(word: str) -> str:
    return f"{'an' if word.startswith((*'aeiou', 'lr', 'rtol')) else 'a'} {word}"
