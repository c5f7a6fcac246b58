"""ccxt.pro's streams, in their own loop, against a real process: what they tell is what REST says, and they come
back."""

import asyncio
import contextlib
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import (
    BookChanged,
    CandleChanged,
    MarketEvent,
    QuoteChanged,
    StreamInterrupted,
    StreamRestored,
    TradePrinted,
)
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.venue import VenueSettings
from core.venues.adapter import VenueAdapter, build_adapter
from tests.venues import SYMBOLS, VenueProcess, binance_at
from tests.waiting import eventually

pytestmark = [pytest.mark.processes, pytest.mark.slow]

IDS = tuple(InstrumentId(symbol) for symbol in SYMBOLS)
EVERYTHING = StreamSubscriptions(
    candles=tuple(SeriesKey(each, Timeframe.M1) for each in IDS), quotes=IDS, trades=IDS, books=IDS[:1]
)


def connected(venue: VenueProcess, *, has: dict[str, bool] | None = None, stale_stream_s: float = 15.0) -> VenueAdapter:
    monotonic = SystemMonotonicClock()
    clock = SyncedClock(monotonic)
    at = {**binance_at(venue.url, venue.ws_url), "rateLimit": 1, "has": has or {}}
    settings = VenueSettings(name="binance", adapter="ccxt", ccxt=at, stale_stream_s=stale_stream_s)
    adapter = build_adapter(settings, clock, monotonic)
    sent_ns = monotonic.now_ns()
    server_ms = adapter.rest.server_time_ms()
    clock.observe(server_ms, sent_ns, monotonic.now_ns(), declared_speed=adapter.rest.clock_speed())
    return adapter


def closed(events: list[MarketEvent]) -> dict[InstrumentId, dict[int, Candle]]:
    found: dict[InstrumentId, dict[int, Candle]] = defaultdict(dict)
    for event in events:
        if isinstance(event, CandleChanged) and event.closed:
            found[event.instrument_id][event.candle.open_ms] = event.candle
    return found


def values(candle: Candle) -> tuple[float, ...]:
    return (candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)


async def assert_as_rest_says(adapter: VenueAdapter, candles: dict[InstrumentId, dict[int, Candle]]) -> None:
    for instrument_id, by_time in candles.items():
        said = await asyncio.to_thread(adapter.rest.ohlcv, instrument_id, Timeframe.M1, min(by_time), 20)
        rest = {candle.open_ms: values(candle) for candle in said}
        assert {open_ms: values(candle) for open_ms, candle in by_time.items()}.items() <= rest.items()


@pytest.mark.parametrize("watches_candles", [True, False])
async def test_what_they_tell_is_what_rest_says_also_after_the_venue_was_gone(
    tmp_path: Path, watches_candles: bool
) -> None:
    venue = VenueProcess(tmp_path, speed=60, options=("--latency-ms", "0", "--weight-limit", "10000000"))
    adapter = connected(venue, has={} if watches_candles else {"watchOHLCV": False})
    events: list[MarketEvent] = []
    running = asyncio.create_task(adapter.streams(EVERYTHING).run(events.append))
    try:
        await eventually(lambda: min((len(each) for each in closed(events).values()), default=0) >= 3)
        await eventually(lambda: set(closed(events)) == set(IDS))
        await assert_as_rest_says(adapter, closed(events))
        trades = [event for event in events if isinstance(event, TradePrinted)]
        names = [(event.instrument_id, event.trade_id) for event in trades]
        assert len(names) == len(set(names)) > 0
        for instrument_id in IDS:
            numbers = [event.trade_id for event in trades if event.instrument_id == instrument_id]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "none is missing"
        quotes = [event for event in events if isinstance(event, QuoteChanged)]
        assert {event.instrument_id for event in quotes} == set(IDS)
        assert all(event.bid < event.ask and event.bid_quantity > 0 for event in quotes)
        books = [event for event in events if isinstance(event, BookChanged)]
        assert books and all(event.bids[0][0] < event.asks[0][0] for event in books)

        venue.kill()
        await eventually(lambda: _ids(events, StreamInterrupted) == set(IDS))
        before = len(events)
        venue.start()
        await eventually(lambda: _ids(events[before:], StreamRestored) == set(IDS))
        await eventually(lambda: min((len(each) for each in closed(events[before:]).values()), default=0) >= 2)
        await assert_as_rest_says(adapter, closed(events[before:]))
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        adapter.close()
        venue.stop()


async def test_a_connection_that_is_only_half_there_is_dialled_again(tmp_path: Path) -> None:
    venue = VenueProcess(tmp_path, options=("--latency-ms", "0"))
    adapter = connected(venue, stale_stream_s=1.0)
    events: list[MarketEvent] = []
    running = asyncio.create_task(adapter.streams(EVERYTHING).run(events.append))
    try:
        await eventually(lambda: _ids(events, QuoteChanged) == set(IDS))
        assert venue.process is not None
        venue.process.send_signal(signal.SIGSTOP)
        await eventually(lambda: _ids(events, StreamInterrupted) == set(IDS))
        venue.process.send_signal(signal.SIGCONT)
        before = len(events)
        await eventually(lambda: _ids(events[before:], StreamRestored) == set(IDS))
        await eventually(lambda: _ids(events[before:], QuoteChanged) == set(IDS))
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        adapter.close()
        venue.stop()


def _ids(events: list[MarketEvent], kind: type) -> set[InstrumentId]:
    found = [event for event in events if isinstance(event, kind)]
    return {each for event in found for each in getattr(event, "instrument_ids", None) or (event.instrument_id,)}
