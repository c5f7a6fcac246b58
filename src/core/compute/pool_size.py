"""How many workers there should be: more when jobs wait, fewer when nobody has needed them for a while."""

GROW_AFTER_S = 0.5
"""A job that waits so long wants another worker."""
SHRINK_AFTER_S = 60.0


class PoolSizer:
    """Between stated bounds, one step at a time. Time is handed in."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most
        self._spare_since_s: float | None = None
        """Since when there was always one worker more than were busy; `None`: all were busy when last seen."""

    def wanted(self, *, workers: int, busy: int, oldest_wait_s: float, now_s: float) -> int:
        """`oldest_wait_s`: of the jobs that wait, 0 where none does; `now_s`: monotonic."""
        if busy >= workers:
            self._spare_since_s = None
            return min(workers + 1, self._most) if oldest_wait_s > GROW_AFTER_S else workers
        if self._spare_since_s is None:
            self._spare_since_s = now_s
        if now_s - self._spare_since_s <= SHRINK_AFTER_S:
            return workers
        self._spare_since_s = None
        return max(workers - 1, self._least)
