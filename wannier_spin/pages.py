"""Memory that a batch gives back is kept for the next one, where the C library is glibc's.

Batches make and drop the same arrays again and again. glibc hands those of more than a few MiB back to the system, which clears
each page before it is given out once more: 10 to 18 % of the time of a mesh of platinum.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

KEPT = 2**28  # bytes: what a process may hold that it does not use, and from which on an array is the system's all the same
MOST_BEFORE = 2**25  # bytes: glibc before 2.35 takes no larger threshold for an array, and refuses it
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


@cache
def keep_freed_pages() -> bool:
    """Let this process keep up to KEPT bytes that are not in use. Returns whether that was done: not on other systems, nor where
    the user has set glibc's own variables.
    """
    if sys.platform != "linux" or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:  # musl
        return False
    # the first option that is taken ends glibc's own rule for both: without one for arrays the other would do harm
    taken = any(set_option(M_MMAP_THRESHOLD, size) == 1 for size in (KEPT, MOST_BEFORE))
    return taken and set_option(M_TRIM_THRESHOLD, KEPT) == 1
