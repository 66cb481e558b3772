"""Freed memory stays with the process, for the next graph."""

import ctypes
import os

SWITCH = "AUTOGRAD_LITE_KEEP_MEMORY"
"""The environment variable that switches this off: ``AUTOGRAD_LITE_KEEP_MEMORY=0``."""

KEPT = 128 * 2**20
"""Bytes that the process may keep, which is how large a graph may be before it costs more."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # From glibc's malloc.h.
_LARGEST = 32 * 2**20  # Larger arrays are always given back: glibc allows no more.


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, up to `KEPT` bytes, instead of giving it back at once.

    This holds for the whole process, other libraries included, from ``import autograd_lite`` on.
    Without it, the arrays of a graph that is dropped go back to the system, and the next step asks
    for them again, page by page: more than half the time of a step with arrays of 100 kB to 32 MB.

    Notes
    -----
    ``AUTOGRAD_LITE_KEEP_MEMORY=0`` in the environment, before the import, switches it off. Nothing
    is changed either where somebody has decided already (``MALLOC_TRIM_THRESHOLD_`` and the other
    ``MALLOC_`` variables, ``GLIBC_TUNABLES``), nor with another C library than glibc.
    """
    decided = any(name.startswith("MALLOC_") for name in os.environ)
    if decided or "GLIBC_TUNABLES" in os.environ or os.environ.get(SWITCH) == "0":
        return
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(_MMAP_THRESHOLD, _LARGEST)
    set_option(_TRIM_THRESHOLD, KEPT)
