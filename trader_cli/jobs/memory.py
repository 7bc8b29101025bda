"""Keep the memory that replays of a search give back, instead of asking the system for it again page by page.

glibc returns large arrays to the system as soon as they are dropped, and every page that comes back has to be cleared. A replay
of 100,000 bars drops some 2 MB: measured, up to 400 page faults a replay, half of its time on a virtual machine.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_LARGEST = 32 * 1024 * 1024
"""The most that every version of glibc accepts; larger arrays still come and go."""
_MOST_KEPT = 64 * 1024 * 1024


def keep_memory() -> bool:
    """Keep what is given back, up to 64 MB at the end of the heap, for the rest of this process.

    Tell whether the C library can; glibc does.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _MOST_KEPT))
