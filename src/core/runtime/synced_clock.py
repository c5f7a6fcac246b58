"""Venue time as the bot knows it: learned from samples of the venue's server time, corrected by their round trip."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_MS

DRIFT_PER_NS = 1e-4
"""How fast a sample loses worth: 100 ppm is more than any crystal drifts."""
HOLD_NS = 1_000 * NS_PER_MS
"""Corrections backwards up to here are waited out, so that time does not go back; larger ones are steps of the venue."""


@dataclass(frozen=True, slots=True)
class ClockStatistics:
    samples: int
    steps: int
    """How often the venue's clock jumped against ours."""
    speed: float
    skew_ms: float | None
    uncertainty_ms: float | None
    """Half the round trip of the sample in use, plus its age's drift; `None` before the first sample."""


@dataclass(frozen=True, slots=True)
class _Sample:
    venue_ns: int
    monotonic_ns: int
    half_trip_ns: int

    def uncertainty_ns(self, now_ns: int) -> float:
        return self.half_trip_ns + abs(now_ns - self.monotonic_ns) * DRIFT_PER_NS


class SyncedClock:
    """A `TradingClock` on a monotonic base, so that jumps of the local wall clock do not reach it.

    Each sample says: when the reply was made, the venue's clock showed `server_ms`; that moment lies between `sent_ns` and
    `received_ns` (monotonic), so their middle is wrong by half the round trip at most (Cristian's algorithm). Of the last
    samples the one with the least uncertainty, age counted, is in use. Where a new sample contradicts the clock by more
    than both can be wrong, the venue's clock has stepped and the older samples are dropped.

    The speed is what the venue declares. Where it declares none, it is 1.0 until two samples refute that, then the slope
    between the oldest and the newest sample. Before the first sample the local wall clock answers, and
    `is_synchronised` is false.
    """

    def __init__(
        self, monotonic: MonotonicClock, *, wall_ns: Callable[[], int] = time.time_ns, window: int = 16
    ) -> None:
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._window: deque[_Sample] = deque(maxlen=window)
        self._anchor: _Sample | None = None
        self._speed = 1.0
        self._samples = 0
        self._steps = 0
        self._last_ns = 0

    @property
    def is_synchronised(self) -> bool:
        return self._anchor is not None

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def skew_ms(self) -> float | None:
        """Venue time minus the local wall clock; positive where the local clock is behind. `None` before the first sample,
        and on a venue whose clock runs at another speed, where the difference means nothing."""
        raise NotImplementedError

    def now_ns(self) -> int:
        """UTC ns of the venue. May be called from any thread."""
        raise NotImplementedError

    def observe(self, server_ms: int, sent_ns: int, received_ns: int, *, declared_speed: float | None = None) -> None:
        """Take one sample: `server_ms` as the venue said it, `sent_ns` and `received_ns` by the monotonic clock.

        `declared_speed` is the venue's own word (1.0 on every real venue); `None`: learn it. Raises `ValueError` where the
        reply came before the request.
        """
        raise NotImplementedError

    def statistics(self) -> ClockStatistics:
        raise NotImplementedError
