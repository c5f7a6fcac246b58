"""glibc's malloc, told to suit a process that runs for months.

By default every thread that meets another in malloc gets an arena of its own, and what one leaves half empty no other
fills: memory creeps up for as long as threads come and go. One arena for all is what a process with a GIL needs.
Source: mallopt(3).
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
_TRIM_ABOVE_BYTES = 64 * 1_024


def keep_memory_level() -> bool:
    """Call before threads are started. False where the C library knows no such setting: then nothing has changed."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_M_ARENA_MAX, 1), (_M_TRIM_THRESHOLD, _TRIM_ABOVE_BYTES))
    return all(mallopt(key, value) == 1 for key, value in wanted)


def release_memory() -> None:
    """Give the holes between what is still in use back to the system: milliseconds, for after much was freed. Does
    nothing where the C library can't."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
