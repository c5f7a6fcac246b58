"""Venue time for the whole process."""

from core.runtime.clocks import AcceleratedClock, SystemMonotonicClock

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class VenueClock:
    """An accelerated clock that never shows a time that a later process could show again.

    It stops at `horizon_ns`, which is raised only once it is on disk; a process that was killed goes on from there.
    """

    def __init__(self, start_ns: int, speed: float) -> None:
        self._clock = AcceleratedClock(start_ns, speed, SystemMonotonicClock())
        self._horizon_ns = start_ns

    @property
    def speed(self) -> float:
        return self._clock.speed

    def now_ns(self) -> int:
        return min(self._clock.now_ns(), self._horizon_ns)

    def now_ms(self) -> int:
        return self.now_ns() // NS_PER_MS

    def ahead_ns(self, real_s: float) -> int:
        """The time that will be in `real_s` real seconds."""
        return self._clock.now_ns() + int(real_s * self.speed * NS_PER_S)

    def raise_horizon(self, horizon_ns: int) -> None:
        self._horizon_ns = max(self._horizon_ns, horizon_ns)
