"""The exchange's request rate, kept across threads."""

import threading
import time
from collections.abc import Callable

from core.domain.errors import VenueUnavailable


class Pace:
    """One request each `every_s` over time. Reads wait for their turn, orders go at once and push the others back."""

    def __init__(
        self,
        every_s: float,
        *,
        longest_wait_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._every_s = every_s
        self._longest_wait_s = longest_wait_s
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at_s = 0.0

    def take(self, *, at_once: bool) -> None:
        """Blocks until it is this request's turn. Raises `VenueUnavailable`, and takes none, where that is too far
        off."""
        with self._lock:
            now_s = self._monotonic_s()
            wait_s = 0.0 if at_once else max(0.0, self._free_at_s - now_s)
            if wait_s > self._longest_wait_s:
                raise VenueUnavailable("too many requests wait for their turn here", retry_after_s=wait_s)
            self._free_at_s = max(self._free_at_s, now_s) + self._every_s
        if wait_s:
            self._sleep(wait_s)
