"""What a process that only computes gives up, so that the one that trades is never short of anything."""

import os
import resource
from contextlib import suppress
from pathlib import Path

MIB = 1 << 20
_OOM_SCORE = "500"
"""Where memory runs out the kernel shall take such a process, not the daemon."""


def give_way(niceness: int) -> None:
    """`niceness` is added to this process's own."""
    os.nice(niceness)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def limit_memory(memory_mb: int) -> None:
    """What asks for more gets a MemoryError, or takes its process down; not the machine. Counted is private memory
    (Linux since 4.7), not mapped files."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb * MIB, memory_mb * MIB))
