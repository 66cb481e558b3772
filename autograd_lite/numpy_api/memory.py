"""Memory that is freed stays with the process for the next graph."""

from __future__ import annotations

import ctypes
import os

KEPT = 128 * 2**20
"""Bytes that may be kept, and a graph may take before it is slowed down by the system."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # From glibc's malloc.h.
_LARGEST = 32 * 2**20  # Larger arrays are always given back: glibc allows no more.


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, up to `KEPT` bytes, instead of giving it back at once.

    When a graph is dropped, its arrays would go back to the system, and the next step would ask for
    them again, page by page: more than half of the time of a step with arrays of 100 kB to 32 MB.

    Nothing is changed where somebody has set it already (``MALLOC_TRIM_THRESHOLD_`` and the like,
    or ``GLIBC_TUNABLES``), nor with another C library than glibc.
    """
    if any(name.startswith("MALLOC_") for name in os.environ) or "GLIBC_TUNABLES" in os.environ:
        return
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(_MMAP_THRESHOLD, _LARGEST)
    set_option(_TRIM_THRESHOLD, KEPT)
