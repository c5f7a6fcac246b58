"""How late the event loop is: sampled all the time against scheduled deadlines, and who made it late."""

import asyncio
import threading
from collections import Counter, deque
from dataclasses import dataclass

import structlog

from core.domain.status import LagMs
from core.ports.clock import MonotonicClock
from core.runtime.clocks import NS_PER_MS, NS_PER_S, SystemMonotonicClock
from core.runtime.histogram import Histogram, LatencySummary
from core.runtime.stacks import culprit

SLICE_S = 10
SLICES = 6
"""The last minute is the last so many slices, the one under way included."""
EARLY_NS = 1_000_000
"""A loop's timers have a resolution of 1 ms and may come early by that: such a tick is on time."""
MOST_BLAMED = 10
MOST_KNOWN = 1_000


@dataclass(frozen=True, slots=True)
class LagStatistics:
    run_ms: LatencySummary
    """Since the start, or the last `reset`."""
    minute_ms: LatencySummary
    """The last 50 to 60 s."""
    blame: tuple[tuple[str, int], ...]
    """`file:line function` with how often it was seen on the loop's thread while the loop was late, most often
    first."""


class LagMonitor:
    """Ticks on a fixed grid and counts, for each tick, how long after its due time it came. Ticks that a stalled loop
    missed count too, each with its own lateness, so a long stall weighs what it cost (no coordinated omission).

    With `blame_after_s` a thread looks on, and samples the stack of the loop's thread while the loop is late by so
    much.
    """

    def __init__(
        self,
        monotonic: MonotonicClock | None = None,
        *,
        interval_s: float = 0.01,
        blame_after_s: float | None = 0.1,
    ) -> None:
        """`blame_after_s` `None`: nobody is blamed."""
        self._monotonic = monotonic or SystemMonotonicClock()
        self._interval_ns = round(interval_s * NS_PER_S)
        self._blame_after_s = blame_after_s
        self._blame: Counter[str] = Counter()
        self._log = structlog.get_logger(__name__)
        self.reset()

    async def run(self) -> None:
        """Runs until cancelled."""
        ended = threading.Event()
        self.start_grid()
        if self._blame_after_s is not None:
            watcher = (threading.get_ident(), self._blame_after_s, ended)
            threading.Thread(target=self._look_on, args=watcher, name="lag-blame", daemon=True).start()
        try:
            while True:
                wait_ns = self._due_ns - self._monotonic.now_ns()
                await asyncio.sleep(max(0, wait_ns) / NS_PER_S)
                self.tick()
        finally:
            ended.set()

    def start_grid(self) -> None:
        """The first tick is due one interval from now."""
        self._due_ns = self._monotonic.now_ns() + self._interval_ns

    def tick(self) -> None:
        """Count what was due until now. `run` calls both; so may a test with a clock of its own."""
        now_ns = self._monotonic.now_ns()
        passed = (now_ns + EARLY_NS - self._due_ns) // self._interval_ns + 1
        if passed <= 0:
            return
        histogram, stride = self._slice(now_ns), max(1, passed // 1_000)
        for first in range(0, passed, stride):  # a stall of hours is counted in strides
            late_ns = now_ns - self._due_ns - first * self._interval_ns
            histogram.record_ns(late_ns, times=min(stride, passed - first))
        self._due_ns += passed * self._interval_ns

    def reset(self) -> None:
        """Forget all samples, and what is overdue now: call after warm-up."""
        self.start_grid()
        self._before = Histogram()
        self._slices: deque[tuple[int, Histogram]] = deque()
        self._blame.clear()

    def lag_ms(self) -> LagMs:
        """Over the whole run, for status and summary."""
        run_ms = self.statistics().run_ms
        return LagMs(p50=run_ms.p50, p99=run_ms.p99, max=run_ms.max, p95=run_ms.p95)

    def statistics(self) -> LagStatistics:
        newest = self._monotonic.now_ns() // (SLICE_S * NS_PER_S)
        minute = Histogram()
        for number, histogram in self._slices:
            if number > newest - SLICES:
                minute.merge(histogram)
        blame = tuple(self._blame.most_common(MOST_BLAMED))
        return LagStatistics(run_ms=self.distribution().summary(), minute_ms=minute.summary(), blame=blame)

    def distribution(self) -> Histogram:
        """All samples since the start, or the last `reset`: a copy."""
        run = Histogram()
        for histogram in (self._before, *(histogram for _, histogram in self._slices)):
            run.merge(histogram)
        return run

    def _slice(self, now_ns: int) -> Histogram:
        """The histogram of the slice under way; older ones than a minute are folded into one."""
        number = now_ns // (SLICE_S * NS_PER_S)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, Histogram()))
            while self._slices[0][0] <= number - SLICES:
                self._before.merge(self._slices.popleft()[1])
        return self._slices[-1][1]

    def _look_on(self, loop_thread_id: int, blame_after_s: float, ended: threading.Event) -> None:
        """The blaming thread: half as often as lateness is worth a look, so that it costs next to nothing."""
        while not ended.wait(blame_after_s / 2):
            late_ns = self._monotonic.now_ns() - self._due_ns
            if late_ns > blame_after_s * NS_PER_S:
                self._blame_on(culprit(loop_thread_id), late_ns)

    def _blame_on(self, where: str, late_ns: int) -> None:
        """Count it, and log each place once."""
        if where not in self._blame:
            if len(self._blame) >= MOST_KNOWN:
                return
            self._log.warning("loop_late", where=where, late_ms=round(late_ns / NS_PER_MS, 1))
        self._blame[where] += 1
