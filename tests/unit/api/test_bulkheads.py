"""Breakers, lanes and workers as whoever asks for the status sees them."""

import asyncio
import threading

from core.api.bulkheads import breaker_states, lane_states, workers_state
from core.compute.computer import AsyncFeatureComputer
from core.domain.errors import DeadlineExceeded, LaneBroken
from core.domain.status import BreakerStatus
from core.runtime.breaker import BreakerPolicy, Breakers
from core.runtime.clocks import VirtualClock
from core.settings.compute import ComputeSettings

POLICY = BreakerPolicy(failures_to_open=2, first_backoff_s=8.0, jitter=0.0)


def test_a_breaker_is_told_with_what_it_guards_until_it_is_closed() -> None:
    clock = VirtualClock()
    symbols, requests = Breakers(POLICY, clock), Breakers(POLICY, clock)
    computing = AsyncFeatureComputer(ComputeSettings()).statistics()
    guards = {"symbol": symbols, "request": requests}
    for _ in range(2):
        requests.failed("ohlcv BTC/USDT", "no answer")
    symbols.failed("BTC/USDT", "once is not enough")
    clock.jump(2.0)
    (shut,) = breaker_states(guards, computing, clock.now_ns())
    assert shut == BreakerStatus("request", "ohlcv BTC/USDT", "open", 2, 1, 6.0, "no answer")
    clock.jump(7.0)
    assert requests.admits("ohlcv BTC/USDT")
    (probed,) = breaker_states(guards, computing, clock.now_ns())
    assert probed.phase == "half_open"
    requests.succeeded("ohlcv BTC/USDT")
    assert breaker_states(guards, computing, clock.now_ns()) == ()


async def test_hung_threads_are_counted_replaced_and_where_all_hang_the_lane_is_said_to_be_open() -> None:
    computer = AsyncFeatureComputer(ComputeSettings(), lanes={"narrow": 1})
    lane, release = computer.lane("narrow"), threading.Event()
    try:
        hung = 0
        while not lane.is_broken:
            call = asyncio.create_task(lane.run(release.wait, deadline_s=0.02))
            (end,) = await asyncio.gather(call, return_exceptions=True)
            hung += isinstance(end, DeadlineExceeded)
        (refused,) = await asyncio.gather(lane.run(int, deadline_s=1), return_exceptions=True)
        assert isinstance(refused, LaneBroken)
        computing = computer.statistics()
        (narrow,) = [each for each in lane_states(computing.lanes) if each.name == "narrow"]
        assert (narrow.abandoned, narrow.abandoned_total, narrow.replaced_total) == (hung, hung, hung - 1)
        assert (narrow.refused_total, narrow.is_broken) == (1, True)
        (shut,) = breaker_states({}, computing, 0)
        assert (shut.guards, shut.name, shut.phase, shut.retry_in_s) == ("lane", "lane narrow", "open", None)
        assert workers_state(computing.workers).workers == 1
    finally:
        release.set()
        await computer.close()
