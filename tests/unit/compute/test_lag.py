import asyncio
import time

import pytest

from core.compute.lag import LagMonitor
from core.domain.status import LagMs
from core.runtime.clocks import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start_ns=10**12)


@pytest.fixture
def monitor(clock: VirtualClock) -> LagMonitor:
    return LagMonitor(clock, interval_s=0.01, blame_after_s=None)


def step(monitor: LagMonitor, clock: VirtualClock, seconds: float) -> None:
    clock.jump(seconds)
    monitor.tick()


def test_ticks_on_time_have_no_lag(monitor: LagMonitor, clock: VirtualClock) -> None:
    for _ in range(100):
        step(monitor, clock, 0.01)
    run_ms = monitor.statistics().run_ms
    assert (run_ms.count, run_ms.max) == (100, 0.0)


def test_a_stall_weighs_all_the_ticks_it_swallowed(monitor: LagMonitor, clock: VirtualClock) -> None:
    for _ in range(90):
        step(monitor, clock, 0.01)
    step(monitor, clock, 0.1)
    run_ms = monitor.statistics().run_ms
    assert run_ms.count == 100
    assert run_ms.max == 90.0
    assert run_ms.p50 == 0.0
    assert run_ms.p95 == pytest.approx(40.0, rel=0.04), "late by 90, 80, ... 0 ms"


def test_ticks_keep_to_their_grid_after_a_late_one(monitor: LagMonitor, clock: VirtualClock) -> None:
    step(monitor, clock, 0.014)
    step(monitor, clock, 0.006)
    run_ms = monitor.statistics().run_ms
    assert (run_ms.count, run_ms.max) == (2, 4.0)


def test_a_tick_slightly_early_is_on_time_and_one_too_early_does_not_count(
    monitor: LagMonitor, clock: VirtualClock
) -> None:
    step(monitor, clock, 0.0095)
    assert monitor.statistics().run_ms.count == 1
    step(monitor, clock, 0.005)
    assert monitor.statistics().run_ms.count == 1


def test_a_stall_of_hours_is_counted_whole(monitor: LagMonitor, clock: VirtualClock) -> None:
    step(monitor, clock, 7200.0)
    run_ms = monitor.statistics().run_ms
    assert run_ms.count == 720_000
    assert run_ms.p50 == pytest.approx(3_600_000, rel=0.04)


def test_the_last_minute_forgets_the_run_does_not(monitor: LagMonitor, clock: VirtualClock) -> None:
    step(monitor, clock, 0.5)
    for _ in range(700):
        step(monitor, clock, 0.1)
    statistics = monitor.statistics()
    assert statistics.run_ms.max == 490.0
    assert statistics.minute_ms.max == 90.0
    assert 5_000 <= statistics.minute_ms.count <= 6_000
    run = statistics.run_ms
    assert monitor.lag_ms() == LagMs(p50=run.p50, p95=run.p95, p99=run.p99, max=490.0)


def test_reset_forgets(monitor: LagMonitor, clock: VirtualClock) -> None:
    step(monitor, clock, 0.5)
    clock.jump(0.5)
    monitor.reset()
    assert monitor.lag_ms() == LagMs()
    step(monitor, clock, 0.01)
    run_ms = monitor.statistics().run_ms
    assert (run_ms.count, run_ms.max) == (1, 0.0), "what was overdue is forgotten, too"


async def test_a_real_loop_that_blocks_is_late_and_the_culprit_is_named() -> None:
    monitor = LagMonitor(interval_s=0.005, blame_after_s=0.05)
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(0.02)
    time.sleep(0.5)
    await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    statistics = monitor.statistics()
    assert statistics.run_ms.max is not None
    assert statistics.run_ms.max >= 450
    where, times = statistics.blame[0]
    assert "test_lag.py" in where
    assert "test_a_real_loop_that_blocks" in where
    assert times >= 2
