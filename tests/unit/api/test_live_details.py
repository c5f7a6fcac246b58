"""What the daemon tells beside its status: many lines never take one long turn of the loop."""

import asyncio
from types import SimpleNamespace
from typing import Any

from core.api.live_details import FEEDS_A_TURN, LiveDetails
from core.domain.instruments import InstrumentId
from core.domain.market import QuoteChanged
from core.market.feeds import FeedHealth
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import SystemMonotonicClock, WallClock

IDS = tuple(InstrumentId(f"C{number}/USDT") for number in range(3 * FEEDS_A_TURN))


async def test_feeds_are_told_in_several_turns_and_what_comes_meanwhile_is_new_not_from_the_future() -> None:
    health, monotonic = FeedHealth(StreamSubscriptions((), quotes=IDS), WallClock()), SystemMonotonicClock()
    parts: Any = SimpleNamespace(market=SimpleNamespace(feeds=health))
    details = LiveDetails(monotonic)
    assert await details.feeds() == ()
    details.attach(parts)
    telling = asyncio.create_task(details.feeds())
    await asyncio.sleep(0)
    assert not telling.done(), "all in one turn"
    health.observe(QuoteChanged(IDS[-1], 1.0, 1.0, 2.0, 1.0, 1, None, monotonic.now_ns()))
    lines = await telling
    assert [line.symbol for line in lines] == list(IDS)
    assert [line.age_s for line in lines] == [None] * (len(IDS) - 1) + [0.0]
