"""Venue time for the whole process."""

import time
from collections.abc import Callable

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class VenueClock:
    """Was at `start_ns` (UTC ns) when the monotonic clock showed `began_ns` (`None`: now), runs `speed` times as fast
    as real time on a monotonic base, and never shows a time that a later process could show again: it stops at a
    horizon that is raised only once it is on disk.
    """

    def __init__(
        self,
        start_ns: int,
        speed: float,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        *,
        began_ns: int | None = None,
    ) -> None:
        self._start_ns = start_ns
        self._speed = speed
        self._monotonic_ns = monotonic_ns
        self._base_ns = monotonic_ns() if began_ns is None else began_ns
        self._horizon_ns = start_ns
        self.error_ms: Callable[[], int] | None = None
        """By how much the clock that clients see is wrong; `None`: it is right."""

    @property
    def speed(self) -> float:
        """Venue seconds per real second."""
        return self._speed

    def now_ns(self) -> int:
        return min(self._running_ns(), self._horizon_ns)

    def now_ms(self) -> int:
        return self.now_ns() // NS_PER_MS

    def shown_ms(self) -> int:
        """The server's time as clients are told it, and as their timestamps are judged by."""
        return self.now_ms() if self.error_ms is None else self.now_ms() + self.error_ms()

    def ahead_ns(self, real_s: float) -> int:
        """The time that will be in `real_s` real seconds."""
        return self._running_ns() + int(real_s * self._speed * NS_PER_S)

    def raise_horizon(self, horizon_ns: int) -> None:
        self._horizon_ns = max(self._horizon_ns, horizon_ns)

    def _running_ns(self) -> int:
        return self._start_ns + int((self._monotonic_ns() - self._base_ns) * self._speed)
