"""Memory of this process and its tree."""

import psutil

MIB = 1 << 20


def rss_mb() -> float:
    """Resident set of this process in MiB. Cheap enough for the loop."""
    return float(psutil.Process().memory_info().rss / MIB)


def pss_tree_mb() -> float:
    """Proportional set size of this process and all its descendants in MiB: shared pages are counted once.

    Reading smaps takes milliseconds a process: call it in a lane. Processes that end meanwhile, or may not be read,
    do not count.
    """
    me = psutil.Process()
    return sum(_pss_mb(process) for process in (me, *me.children(recursive=True)))


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss / MIB)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
