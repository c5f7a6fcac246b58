"""The daemon's end of the feed, against a venue that takes notes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from core.domain.candles import Candle, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import CandleChanged, QuoteChanged, StreamInterrupted, StreamRestored, TradePrinted
from core.simulation.server.feed_messages import (
    MOST_EVENTS,
    FeedAnswer,
    FeedMessage,
    LostMessage,
    QuoteMessage,
    TradeMessage,
)
from core.simulation.server.forwarding import MarketForwarder
from core.simulation.server.probe import RunningVenue

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")


def quote(symbol: InstrumentId = BTC, bid: float = 100.0) -> QuoteChanged:
    return QuoteChanged(symbol, bid, 1.0, bid + 1, 2.0, 7, None, 0)


def trade(number: int, symbol: InstrumentId = BTC) -> TradePrinted:
    return TradePrinted(symbol, number, str(number), "0.5", True, 1_000 + number, 0)


class NotingVenue:
    """Takes feeds on a port of its own, one after another. `answers` are given before those that take all."""

    def __init__(self) -> None:
        self.batches: list[list[FeedMessage]] = []
        self.answers: list[FeedAnswer] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.connections: set[ServerConnection] = set()
        self._server: Server | None = None
        self._changed = asyncio.Condition()

    @property
    def events(self) -> list[FeedMessage]:
        return [event for batch in self.batches for event in batch]

    @property
    def trades(self) -> list[int]:
        return [int(event.price) for event in self.events if isinstance(event, TradeMessage)]

    async def where(self) -> RunningVenue:
        if self._server is None:
            self._server = await serve(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return RunningVenue("", "", f"http://{host}:{port}", "epoch", 1.0)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(condition)

    async def hang_up(self) -> None:
        for connection in list(self.connections):
            await connection.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.add(connection)
        try:
            async for message in connection:
                self.batches.append(msgspec.json.decode(message, type=list[FeedMessage]))
                async with self._changed:
                    self._changed.notify_all()
                await self.may_answer.wait()
                answer = self.answers.pop(0) if self.answers else FeedAnswer(len(self.batches[-1]))
                await connection.send(msgspec.json.encode(answer))
        finally:
            self.connections.discard(connection)


@asynccontextmanager
async def forwarding(**options: Any) -> AsyncIterator[tuple[MarketForwarder, NotingVenue]]:
    """A forwarder that is connected: its venue holds back the answer to a first quote of ETH."""
    venue = NotingVenue()
    forwarder = MarketForwarder(venue.where, **options)
    venue.may_answer.clear()
    forwarder.offer(quote(ETH))
    task = asyncio.create_task(forwarder.run())
    try:
        await venue.until(lambda: len(venue.batches) == 1)
        yield forwarder, venue
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await venue.close()
    assert task.cancelled()


async def test_events_arrive_in_their_order() -> None:
    async with forwarding() as (forwarder, venue):
        for event in (trade(1), quote(), trade(2)):
            forwarder.offer(event)
        venue.may_answer.set()
        await venue.until(lambda: len(venue.events) == 4)
        assert venue.events[1:] == [
            TradeMessage(BTC, "1", "0.5", True, 1_001),
            QuoteMessage(BTC, 100.0, 1.0, 101.0, 2.0),
            TradeMessage(BTC, "2", "0.5", True, 1_002),
        ]


async def test_of_the_quotes_that_wait_the_newest_goes() -> None:
    async with forwarding() as (forwarder, venue):
        for event in (quote(bid=1.0), trade(1), quote(bid=2.0), quote(ETH, 3.0)):
            forwarder.offer(event)
        venue.may_answer.set()
        await venue.until(lambda: len(venue.events) == 4)
        assert [getattr(event, "bid", None) for event in venue.events[1:]] == [None, 2.0, 3.0]
        assert forwarder.statistics().conflated == 1


async def test_many_trades_travel_in_several_messages_and_all_arrive() -> None:
    async with forwarding() as (forwarder, venue):
        for number in range(3 * MOST_EVENTS):
            forwarder.offer(trade(number))
            forwarder.offer(quote(bid=float(number)))
        venue.may_answer.set()
        await venue.until(lambda: len(venue.trades) == 3 * MOST_EVENTS and venue.events[-1] == _last_quote())
        assert venue.trades == list(range(3 * MOST_EVENTS))
        assert max(map(len, venue.batches)) <= MOST_EVENTS
        assert forwarder.statistics().trades_dropped == 0


def _last_quote() -> QuoteMessage:
    return QuoteMessage(BTC, 3 * MOST_EVENTS - 1.0, 1.0, 3.0 * MOST_EVENTS, 2.0)


async def test_beyond_its_bound_the_oldest_trades_are_dropped_and_counted() -> None:
    async with forwarding(most_trades=10) as (forwarder, venue):
        for number in range(25):
            forwarder.offer(trade(number))
        venue.may_answer.set()
        await venue.until(lambda: len(venue.trades) == 10)
        assert venue.trades == list(range(15, 25))
        assert forwarder.statistics().trades_dropped == 15


async def test_an_interrupted_stream_is_told_and_its_quote_forgotten() -> None:
    async with forwarding() as (forwarder, venue):
        forwarder.offer(quote())
        forwarder.offer(StreamInterrupted((BTC,), "CONNECTION_CLOSED", 0))
        venue.may_answer.set()
        await venue.until(lambda: len(venue.events) == 2)
        assert venue.events[1:] == [LostMessage((BTC,))]
        await venue.hang_up()
        await venue.until(lambda: len(venue.events) == 3)
        assert venue.events[2:] == [QuoteMessage(ETH, 100.0, 1.0, 101.0, 2.0)]


async def test_a_venue_that_was_away_gets_the_newest_quotes_and_no_old_trades() -> None:
    async with forwarding() as (forwarder, venue):
        forwarder.offer(quote())
        forwarder.offer(trade(1))
        await venue.hang_up()
        venue.may_answer.set()
        await venue.until(lambda: len(venue.events) == 3)
        assert venue.trades == []
        assert {event.instrument_id for event in venue.batches[-1] if isinstance(event, QuoteMessage)} == {BTC, ETH}
        statistics = forwarder.statistics()
        assert (statistics.connections, statistics.trades_dropped) == (2, 1)


async def test_a_full_venue_is_sent_the_same_again() -> None:
    async with forwarding() as (_, venue):
        venue.answers = [FeedAnswer(is_full=True), FeedAnswer(is_full=True)]
        venue.may_answer.set()
        await venue.until(lambda: len(venue.batches) == 3)
        assert venue.batches[0] == venue.batches[1] == venue.batches[2]


async def test_refusals_are_counted() -> None:
    async with forwarding() as (forwarder, venue):
        venue.answers = [FeedAnswer(refused=1, reason="ETH/USDT is not listed here")]
        venue.may_answer.set()
        forwarder.offer(trade(1))
        await venue.until(lambda: venue.trades == [1])
        assert forwarder.statistics().refused == 1


async def test_times_are_translated() -> None:
    async with forwarding(venue_time_ns=lambda event_ns: event_ns + 500) as (forwarder, venue):
        forwarder.offer(trade(1))
        venue.may_answer.set()
        await venue.until(lambda: venue.trades == [1])
        assert venue.events[-1] == TradeMessage(BTC, "1", "0.5", True, 1_501)


async def test_other_events_are_no_business_of_the_venue() -> None:
    async with forwarding() as (forwarder, venue):
        candle = Candle(0, 1.0, 1.0, 1.0, 1.0, 1.0)
        forwarder.offer(CandleChanged(BTC, Timeframe.M1, candle, True, 0, 0))
        forwarder.offer(StreamRestored((BTC,), 0))
        forwarder.offer(trade(1))
        venue.may_answer.set()
        await venue.until(lambda: len(venue.events) == 2)
        assert venue.trades == [1]


async def test_without_a_venue_it_waits_and_counts() -> None:
    forwarder = MarketForwarder(asyncio.get_running_loop().create_future)
    task = asyncio.create_task(forwarder.run())
    for number in range(3):
        forwarder.offer(trade(number))
        forwarder.offer(quote())
    await asyncio.sleep(0)
    assert forwarder.statistics().trades_dropped == 3
    assert not forwarder.statistics().is_connected
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
