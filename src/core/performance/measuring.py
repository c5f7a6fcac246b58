"""Doing one workload in one way, with an eye on the loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvloop

from core.compute.lag import LagMonitor
from core.domain.errors import ComputeError
from core.performance.ways import Way, WayName, opened
from core.performance.workload import Markets, Workload
from core.runtime.histogram import Histogram
from core.runtime.loop import freeze_long_lived
from core.settings.compute import ComputeSettings

_SYMBOLS_A_TURN = 20
"""Candles that close in one turn of the loop, as a stream would bring them."""
_OPERATIONS_A_TURN = 20
"""Asked for in one turn of the loop, whatever the way; all of them are under way together."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Of one workload, done in one way, once."""

    seconds: float
    lag: Histogram
    """Of the loop, against scheduled deadlines."""
    operations: int
    """That could succeed."""
    operations_done: int
    """Of those, within their deadline."""
    features: int
    """Symbols whose features were computed."""
    signals: int
    """Symbols whose signal was generated."""
    failures: int
    """Features and signals that were asked for and did not come."""

    @property
    def success_pct(self) -> float:
        """Of all that could succeed."""
        asked = self.operations + self.features + self.signals + self.failures
        return 100.0 * (self.operations_done + self.features + self.signals) / max(1, asked)

    @property
    def operations_per_s(self) -> float:
        return self.operations_done / self.seconds

    @property
    def features_per_s(self) -> float:
        return self.features / self.seconds

    @property
    def signals_per_s(self) -> float:
        return self.signals / self.seconds


def measure(name: WayName, workload: Workload, settings: ComputeSettings) -> Measurement:
    """In a loop of its own, whose default pool is thus a fresh one, and ends with it. Warm-up is not counted. Raises
    `ComputeError` where workers can't start."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(name, workload, settings))


def measure_idle(seconds: float) -> Histogram:
    """The lag of a loop that has nothing to do: the floor of all others on this machine, now."""

    async def idle() -> Histogram:
        async with _watched() as lag:
            await asyncio.sleep(seconds)
        return lag.distribution()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(idle())


async def _measure(name: WayName, workload: Workload, settings: ComputeSettings) -> Measurement:
    markets = Markets(workload.symbols, workload.candles)
    try:
        async with opened(name, markets, workload, settings) as way:
            await way.features()
            await way.signals()
            freeze_long_lived()  # as the daemon does when it has started
            return await _Doing(way, markets, workload).run()
    finally:
        markets.store.close()


@asynccontextmanager
async def _watched() -> AsyncIterator[LagMonitor]:
    lag = LagMonitor(blame_after_s=None)
    watching = asyncio.create_task(lag.run(), name="lag")
    await asyncio.sleep(0)
    try:
        yield lag
    finally:
        lag.tick()  # a loop that was blocked until now has yet to see how late it is
        watching.cancel()


class _Doing:
    def __init__(self, way: Way, markets: Markets, workload: Workload) -> None:
        self._way = way
        self._markets = markets
        self._workload = workload
        self._asked = self._done = 0
        self._features = self._signals = self._failures = 0
        self._over = False

    async def run(self) -> Measurement:
        began = time.perf_counter()
        async with _watched() as lag, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_computing(self._way.features, self._count_features), name="features")
            tasks.create_task(self._keep_computing(self._way.signals, self._count_signals), name="signals")
            await self._operate(began + self._workload.seconds)
            self._over = True
        seconds = time.perf_counter() - began
        return Measurement(
            seconds, lag.distribution(), self._asked, self._done, self._features, self._signals, self._failures
        )

    async def _operate(self, until: float) -> None:
        waits = self._workload.waits_s()
        while time.perf_counter() < until:
            async with asyncio.TaskGroup() as tasks:
                for number, wait_s in enumerate(waits):
                    tasks.create_task(self._one(wait_s, time.perf_counter()))
                    if number % _OPERATIONS_A_TURN == 0:
                        await asyncio.sleep(0)

    async def _one(self, wait_s: float, asked: float) -> None:
        can_succeed = wait_s < self._workload.deadline_s
        self._asked += can_succeed
        try:
            await self._way.operation(wait_s)
        except (TimeoutError, ComputeError):
            return
        self._done += can_succeed and time.perf_counter() - asked <= self._workload.deadline_s

    async def _keep_computing(self, compute: Callable[[], Awaitable[int]], count: Callable[[int], None]) -> None:
        while not self._over:
            for number, _ in enumerate(self._markets.close_candles()):
                if number % _SYMBOLS_A_TURN == 0:
                    await asyncio.sleep(0)
            try:
                count(await compute())
            except ComputeError:  # one job's end; what it should have brought has failed
                count(0)

    def _count_features(self, n: int) -> None:
        self._features += n
        self._failures += len(self._markets.keys) - n

    def _count_signals(self, n: int) -> None:
        self._signals += n
        self._failures += len(self._markets.keys) - n
