"""Two clocks: venue time, which may run faster than the wall, and monotonic time, which never does."""

from typing import Protocol


class TradingClock(Protocol):
    """Venue time: candles, cooldowns, schedules, expiry."""

    def now_ns(self) -> int:
        """UTC ns, corrected by the measured skew to the venue."""
        ...

    @property
    def speed(self) -> float:
        """Trading seconds per real second; 1.0 except on the simulated venue."""
        ...


class MonotonicClock(Protocol):
    """Real time: socket deadlines, watchdog, lag."""

    def now_ns(self) -> int: ...
