"""Settings that nothing could compute with, refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

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


def check_counts(name: str, least: int = 1, **counts: Any) -> None:
    """Raise an error for a setting that is not an integer, or is less than `least`."""
    for key, x in counts.items():
        if not isinstance(x, int | np.integer) or isinstance(x, bool):
            raise TypeError(f"{name} needs an integer as {key}, got {x!r}.")
        if x < least:
            raise ValueError(f"{name} needs {key} of {least} or more, got {x!r}.")


def check_range(name: str, within: str | None = "that is a number", /, **settings: Any) -> None:
    """Raise an error for a setting that is not a number, or not in the range `within`, if given."""
    for key, x in settings.items():
        try:
            number = float("" if isinstance(x, str | bool) else x)
        except (TypeError, ValueError):
            raise TypeError(f"{name} needs a number as its {key}, got {x!r}.") from None
        if within is not None and not _RANGES[within](number):
            an = "an" if key.startswith((*"aeiou", "lr", "rtol")) else "a"
            raise ValueError(f"{name} needs {an} {key} {within}, got {x!r}.")


def if_given(**settings: Any) -> dict[str, Any]:
    """Return the settings that are not None."""
    return {key: x for key, x in settings.items() if x is not None}
