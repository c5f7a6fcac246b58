"""Venue time as the bot knows it: learned from samples of the venue's server time, corrected by their round trip."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_MS

DRIFT = 1e-4
"""How fast a sample loses worth: 100 ppm is more than any crystal drifts."""
HALF_MS_NS = NS_PER_MS // 2
HOLD_NS = 1_000 * NS_PER_MS
"""Corrections backwards up to here are waited out, so that time does not go back; larger ones are steps of the
venue."""


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
    """At `monotonic_ns` the venue showed `venue_ns`, give or take."""

    venue_ns: int
    monotonic_ns: int
    half_trip_ns: int
    speed: float

    def venue_at(self, monotonic_ns: int) -> int:
        return self.venue_ns + int((monotonic_ns - self.monotonic_ns) * self.speed)

    def uncertainty_ns(self, monotonic_ns: int) -> float:
        """In venue ns: half the round trip, what drifts since, and the half millisecond that the venue cut off."""
        return (self.half_trip_ns + abs(monotonic_ns - self.monotonic_ns) * DRIFT) * self.speed + HALF_MS_NS


class SyncedClock:
    """A `TradingClock` on a monotonic base, so that jumps of the local wall clock do not reach it.

    Each sample says: when the reply was made, the venue's clock showed `server_ms`; that moment lies between
    `sent_ns` and `received_ns` (monotonic), so their middle is wrong by half the round trip at most (Cristian,
    "Probabilistic clock synchronization", 1989). Of the last samples the one with the least uncertainty, age counted,
    is in use. Where a new sample contradicts the clock by more than both can be wrong, the venue's clock has stepped
    and older samples are dropped.

    The speed is what the venue declares. Where it declares none, it is 1.0 until two samples refute that, then the
    slope between the oldest and the newest sample. Before the first sample the local wall clock answers, and
    `is_synchronised` is false.
    """

    def __init__(
        self, monotonic: MonotonicClock, *, wall_ns: Callable[[], int] = time.time_ns, window: int = 16
    ) -> None:
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._window: deque[_Sample] = deque(maxlen=window)
        self._anchor: _Sample | None = None
        self._samples = 0
        self._steps = 0
        self._last_ns = 0

    @property
    def is_synchronised(self) -> bool:
        return self._anchor is not None

    @property
    def speed(self) -> float:
        anchor = self._anchor
        return anchor.speed if anchor else 1.0

    @property
    def skew_ms(self) -> float | None:
        """Venue time minus the local wall clock; positive where the local clock is behind. `None` before the first
        sample, and on a venue whose clock runs at another speed, where the difference means nothing."""
        anchor = self._anchor
        if anchor is None or anchor.speed != 1.0:
            return None
        return (anchor.venue_at(self._monotonic.now_ns()) - self._wall_ns()) / NS_PER_MS

    def now_ns(self) -> int:
        """UTC ns of the venue. May be called from any thread."""
        anchor = self._anchor
        if anchor is None:
            return self._wall_ns()
        now_ns = anchor.venue_at(self._monotonic.now_ns())
        last_ns = self._last_ns
        if 0 < last_ns - now_ns < HOLD_NS:
            return last_ns
        self._last_ns = now_ns
        return now_ns

    def observe(self, server_ms: int, sent_ns: int, received_ns: int, *, declared_speed: float | None = None) -> None:
        """Take one sample: `server_ms` as the venue said it, `sent_ns` and `received_ns` by the monotonic clock.

        `declared_speed` is the venue's own word (1.0 on every real venue); `None`: learn it. Raises `ValueError`
        where the reply came before the request. Called by one owner at a time.
        """
        if received_ns < sent_ns:
            raise ValueError(f"the reply came {sent_ns - received_ns} ns before the request")
        sample = _Sample(
            venue_ns=server_ms * NS_PER_MS + HALF_MS_NS,
            monotonic_ns=(sent_ns + received_ns) // 2,
            half_trip_ns=(received_ns - sent_ns + 1) // 2,
            speed=declared_speed if declared_speed is not None else self.speed,
        )
        self._samples += 1
        if declared_speed is None:
            self._learn_speed(sample)
        else:
            self._drop_contradicted(sample)
        newest_ns = sample.monotonic_ns
        self._anchor = min(self._window, key=lambda kept: kept.uncertainty_ns(newest_ns))

    def statistics(self) -> ClockStatistics:
        anchor = self._anchor
        return ClockStatistics(
            samples=self._samples,
            steps=self._steps,
            speed=self.speed,
            skew_ms=self.skew_ms,
            uncertainty_ms=anchor.uncertainty_ns(self._monotonic.now_ns()) / NS_PER_MS if anchor else None,
        )

    def _drop_contradicted(self, sample: _Sample) -> None:
        anchor = self._anchor
        if anchor is not None and anchor.speed != sample.speed:
            self._window.clear()
        elif anchor is not None:
            error_ns = abs(anchor.venue_at(sample.monotonic_ns) - sample.venue_ns)
            if error_ns > anchor.uncertainty_ns(sample.monotonic_ns) + sample.uncertainty_ns(sample.monotonic_ns):
                self._steps += 1
                self._window.clear()
        self._window.append(sample)

    def _learn_speed(self, sample: _Sample) -> None:
        self._window.append(sample)
        oldest = self._window[0]
        elapsed_ns = sample.monotonic_ns - oldest.monotonic_ns
        if elapsed_ns <= 0:
            return
        slope = (sample.venue_ns - oldest.venue_ns) / elapsed_ns
        blur_ns = (oldest.half_trip_ns + sample.half_trip_ns) * max(slope, sample.speed) + 2 * HALF_MS_NS
        if slope > 0 and abs(slope - sample.speed) > blur_ns / elapsed_ns + DRIFT * sample.speed:
            kept = [replace(older, speed=slope) for older in self._window]
            self._window.clear()
            self._window.extend(kept)
