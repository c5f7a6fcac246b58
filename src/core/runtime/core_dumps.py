"""No image of this process' memory, which holds the keys, is ever written to a disk."""

import contextlib
import resource
from pathlib import Path

_FILTER = Path("/proc/self/coredump_filter")


def forbid() -> None:
    """For this process and all that it starts. The limit keeps the kernel from writing a file; a program that is piped
    the dump (`core_pattern`) is not bound by it, and gets one without any memory of ours in it (core(5),
    `coredump_filter`)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # a kernel without it
        _FILTER.write_text("0")
