"""What the C library does with memory that was given up: kept for the next large body, or returned to the system.

By itself glibc returns what lies beyond some tens of megabytes at once, and pieces of the largest size that it has seen
always. The system clears every page of it before it gives it out again, which costs more than all that is done with a
body of many megabytes.
"""

import ctypes
import os
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""What glibc's ``malloc.h`` calls them, ``M_`` before."""
_MOST_MMAP_THRESHOLD: Final = 32 << 20
"""glibc refuses more."""
_MOST_INTEGER: Final = 2**31 - 1
_SAID: Final = {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_TRIM_THRESHOLD_"}
_TIMES_HELD: Final = 5
"""A body is held so often at once: as it comes, whole, read, written, and what that has needed beyond its length."""


def keep_freed_memory(largest: int) -> None:
    """Let the C library keep what one body of ``largest`` bytes needs.

    Nothing is changed under another C library than glibc, or where the operator has said in the environment what is to
    be kept (``MALLOC_TRIM_THRESHOLD_``, …).
    """
    if _SAID & os.environ.keys() or "malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    try:
        change = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    change(_TRIM_THRESHOLD, min(_TIMES_HELD * largest, _MOST_INTEGER))
    change(_MMAP_THRESHOLD, min(2 * largest, _MOST_MMAP_THRESHOLD))
