"""Who goes first when work waits for a thread or a worker."""

from enum import IntEnum


class Priority(IntEnum):
    """Lower goes first. A job that waits gains one step every `AGEING_S`, so none starves."""

    CANCEL = 0
    ORDER = 1
    RECONCILE = 2
    NORMAL = 3
    BACKGROUND = 4


AGEING_S = 10.0
