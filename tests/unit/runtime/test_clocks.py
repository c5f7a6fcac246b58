import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runtime.clocks import (
    NS_PER_S,
    AcceleratedClock,
    SystemMonotonicClock,
    VirtualClock,
    WallClock,
    real_delay_s,
)


def test_system_monotonic_clock_is_the_kernels() -> None:
    before = time.monotonic_ns()
    assert before <= SystemMonotonicClock().now_ns() <= time.monotonic_ns()


def test_wall_clock_adds_its_offset() -> None:
    clock = WallClock(offset_ns=5, wall_ns=lambda: 100)
    assert clock.now_ns() == 105
    assert clock.speed == 1.0


@given(
    speed=st.floats(0.1, 60.0),
    steps=st.lists(st.integers(0, 10**15), max_size=20),
    start_ns=st.integers(0, 2 * 10**18),
)
def test_accelerated_clock_never_goes_back_and_keeps_its_speed(speed: float, steps: list[int], start_ns: int) -> None:
    monotonic = VirtualClock(start_ns=77)
    clock = AcceleratedClock(start_ns, speed, monotonic)
    last = clock.now_ns()
    assert last == start_ns
    for step_ns in steps:
        monotonic.jump(step_ns / NS_PER_S)
        assert clock.now_ns() >= last
        last = clock.now_ns()
    elapsed = monotonic.now_ns() - 77
    assert abs(clock.now_ns() - start_ns - elapsed * speed) <= 1 + elapsed * speed * 1e-12


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_accelerated_clock_refuses_a_speed_that_is_none(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        AcceleratedClock(0, speed, VirtualClock())


async def test_virtual_clock_wakes_sleepers_in_order_and_at_their_own_time() -> None:
    clock = VirtualClock()
    woken: list[tuple[float, int]] = []

    async def sleeper(delay_s: float) -> None:
        await clock.sleep(delay_s)
        woken.append((delay_s, clock.now_ns()))

    async with asyncio.TaskGroup() as group:
        for delay_s in (3.0, 1.0, 2.0):
            group.create_task(sleeper(delay_s))
        await clock.advance(0.5)
        assert woken == []
        await clock.advance(2.0)
        assert woken == [(1.0, NS_PER_S), (2.0, 2 * NS_PER_S)]
        await clock.advance(10.0)
    assert woken[-1] == (3.0, 3 * NS_PER_S)
    assert clock.now_ns() == 12_500_000_000


async def test_virtual_clock_forgets_a_cancelled_sleeper() -> None:
    clock = VirtualClock()
    task = asyncio.create_task(clock.sleep(1.0))
    await clock.settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await clock.advance(2.0)
    assert clock.now_ns() == 2 * NS_PER_S


def test_real_delay_is_shorter_on_a_faster_clock() -> None:
    clock = VirtualClock(start_ns=0, speed=20.0)
    assert real_delay_s(clock, 60 * NS_PER_S) == 3.0
    assert real_delay_s(clock, -5) == 0.0
