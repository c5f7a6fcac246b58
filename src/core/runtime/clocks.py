"""Clocks behind `core.ports.clock`: the system's, the simulated venue's, and a hand-driven one for tests.

The bot's own picture of venue time is `core.runtime.synced_clock`.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from core.ports.clock import MonotonicClock, TradingClock

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class SystemMonotonicClock:
    """The kernel's monotonic clock: never jumps, stands still while the machine sleeps."""

    def now_ns(self) -> int:
        return time.monotonic_ns()


class SystemBootClock:
    """Like `SystemMonotonicClock`, but goes on while the machine sleeps, and is the same for all its processes. Where
    the system has no such clock, the monotonic one."""

    _ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now_ns(self) -> int:
        return time.clock_gettime_ns(self._ID)


class WallClock:
    """Trading time at speed 1: the system's UTC plus a measured offset.

    It follows the wall clock's jumps. Where the venue can be asked the time, `SyncedClock` is the better clock.
    """

    def __init__(self, offset_ns: int = 0, *, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self.offset_ns = offset_ns
        """Added to the wall clock; positive where the wall clock is behind."""
        self._wall_ns = wall_ns

    def now_ns(self) -> int:
        return self._wall_ns() + self.offset_ns

    @property
    def speed(self) -> float:
        return 1.0


class AcceleratedClock:
    """Trading time of a simulated venue: starts at `start_ns` (UTC ns) and runs `speed` times as fast as real time.

    Its base is monotonic, so it never goes backwards, whatever happens to the wall clock. Resume it after a restart
    with the last time that was persisted as `start_ns`.
    """

    def __init__(self, start_ns: int, speed: float, monotonic: MonotonicClock) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._start_ns = start_ns
        self._speed = speed
        self._monotonic = monotonic
        self._base_ns = monotonic.now_ns()

    def now_ns(self) -> int:
        return self._start_ns + int((self._monotonic.now_ns() - self._base_ns) * self._speed)

    @property
    def speed(self) -> float:
        return self._speed


class VirtualClock:
    """Both clocks for tests: stands still until `advance` moves it, and its `sleep` wakes in due order while it
    moves."""

    def __init__(self, start_ns: int = 0, *, speed: float = 1.0) -> None:
        self._now_ns = start_ns
        self._speed = speed
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now_ns(self) -> int:
        return self._now_ns

    @property
    def speed(self) -> float:
        return self._speed

    async def sleep(self, delay_s: float) -> None:
        """Stands in for `asyncio.sleep`. Cancelling is safe."""
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_ns + round(delay_s * NS_PER_S), next(self._order), woken))
        await woken

    def jump(self, delta_s: float) -> None:
        """Move time without letting anything run, as a stuck loop would."""
        self._now_ns += round(delta_s * NS_PER_S)

    async def advance(self, delta_s: float) -> None:
        """Move time forward, stopping at each sleeper on the way so that it runs at its own due time."""
        end_ns = self._now_ns + round(delta_s * NS_PER_S)
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end_ns:
            due_ns, _, woken = heapq.heappop(self._sleepers)
            self._now_ns = max(self._now_ns, due_ns)
            if not woken.done():
                woken.set_result(None)
                await self.settle()
        self._now_ns = max(self._now_ns, end_ns)

    async def settle(self, turns: int = 20) -> None:
        """Let everything that is ready run for some turns of the loop."""
        for _ in range(turns):
            await asyncio.sleep(0)


def real_delay_s(clock: TradingClock, due_ns: int) -> float:
    """Real seconds until `clock` shows `due_ns`; 0 where it already has."""
    return max(0, due_ns - clock.now_ns()) / NS_PER_S / clock.speed
