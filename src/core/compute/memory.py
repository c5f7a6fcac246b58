"""Memory of this process and its tree."""


def rss_mb() -> float:
    """Resident set of this process in MiB. Cheap enough for the loop."""
    raise NotImplementedError


def pss_tree_mb() -> float:
    """Proportional set size of this process and all its descendants in MiB: shared pages are counted once. Reading
    smaps takes milliseconds a process: call it in a lane."""
    raise NotImplementedError
