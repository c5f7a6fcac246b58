"""An exchange that behaves as ccxt.pro lets them: refuses, breaks off, falls silent, and forgets to wake."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, QuoteChanged, StreamInterrupted, StreamRestored, TradePrinted
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.venues.ccxt_import import exchange_class
from core.venues.generic import watcher as watching
from core.venues.generic.channels import Followers, groups_of
from core.venues.generic.watcher import Watcher
from tests.waiting import eventually

exchange_class("kraken")
from ccxt.base.errors import BadSymbol, NetworkError  # noqa: E402  # after the stand-in, or all of ccxt is loaded

A, B, C = (InstrumentId(f"{name}/USDT") for name in "ABC")


class Client:
    def __init__(self, exchange: "Exchange") -> None:
        self.exchange = exchange
        self.isConnected = True  # ccxt's name
        self.last_message_at = 0

    def on_error(self, error: Exception) -> None:
        self.exchange.fail(error)

    def reject(self, error: Exception) -> None:
        self.exchange.fail(error)


class Exchange:
    """As much of ccxt.pro as is used: one connection, a future a call, caches."""

    id = "fake"

    def __init__(self, **has: bool) -> None:
        self.has = {"watchBidsAsks": True, "watchTrades": True, "watchTradesForSymbols": True, **has}
        self.clients: dict[str, Client] = {"ws": Client(self)}
        self.trades: dict[str, list[dict[str, Any]]] = {}
        self.bidsasks: dict[str, dict[str, Any]] = {}
        self.orderbooks: dict[str, Any] = {}
        self.waiting: list[tuple[tuple[str, ...], asyncio.Future[None]]] = []
        self.bad: set[str] = set()
        self.asked: list[tuple[str, ...]] = []
        self.is_closed = False

    def handle_message(self, client: Any, message: Any) -> None:
        raise ValueError(f"cannot take {message}")

    async def watch_bids_asks(self, symbols: list[str]) -> None:
        await self._wait(symbols)

    async def watch_trades(self, symbol: str) -> None:
        await self._wait([symbol])

    async def watch_trades_for_symbols(self, symbols: list[str]) -> None:
        await self._wait(symbols)

    async def close(self) -> None:
        self.is_closed = True

    async def _wait(self, symbols: list[str]) -> None:
        self.asked.append(tuple(symbols))
        if self.bad.intersection(symbols):
            raise BadSymbol("no such symbol")
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((tuple(symbols), future))
        await future

    def fail(self, error: Exception) -> None:
        waiting, self.waiting = self.waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)

    def wake(self) -> None:
        self.clients["ws"].last_message_at += 1
        waiting, self.waiting = self.waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_result(None)

    def quote(self, symbol: str, bid: float, *, wakes: bool = True) -> None:
        self.bidsasks[symbol] = {"bid": bid, "bidVolume": 1, "ask": bid + 1, "askVolume": 1}
        if wakes:
            self.wake()


class Rig:
    def __init__(self, exchange: Exchange, wanted: StreamSubscriptions, stale_s: float) -> None:
        self.exchange = exchange
        self.events: list[MarketEvent] = []
        self.watcher = Watcher(
            exchange,
            groups_of(wanted, exchange),
            Followers(wanted, since_ms=0, builds_candles=False),
            self.events.append,
            clock=WallClock(),
            monotonic=SystemMonotonicClock(),
            chance=random.Random(1),
            stale_s=stale_s,
        )

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def interrupted(self) -> set[InstrumentId]:
        return {each for event in self.of(StreamInterrupted) for each in event.instrument_ids}

    def restored(self) -> set[InstrumentId]:
        return {each for event in self.of(StreamRestored) for each in event.instrument_ids}

    def bids(self, instrument_id: InstrumentId) -> list[float]:
        return [event.bid for event in self.of(QuoteChanged) if event.instrument_id == instrument_id]


@asynccontextmanager
async def running(
    exchange: Exchange,
    *,
    quotes: tuple[InstrumentId, ...] = (),
    trades: tuple[InstrumentId, ...] = (),
    stale_s: float = 60,
) -> AsyncIterator[Rig]:
    rig = Rig(exchange, StreamSubscriptions(candles=(), quotes=quotes, trades=trades), stale_s)
    task = asyncio.create_task(rig.watcher.run())
    try:
        yield rig
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert exchange.is_closed


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_SWEEP_S", 0.01)
    monkeypatch.setattr(watching, "_SETTLED_S", 0.05)
    monkeypatch.setattr(watching, "_CROSSED_S", 0.02)


async def until(condition: Callable[[], object]) -> None:
    await eventually(condition, 10)


async def test_what_comes_is_told_and_who_is_up_is_said() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A, B)) as rig:
        await until(lambda: exchange.waiting)
        exchange.quote(A, 10)
        await until(lambda: rig.bids(A) == [10])
        assert rig.restored() == {A, B} and not rig.interrupted()


async def test_a_quiet_stream_counts_as_up() -> None:
    async with running(Exchange(), trades=(A,)) as rig:
        await until(lambda: rig.restored() == {A})


async def test_a_wake_up_that_was_missed_is_made_good() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A,)) as rig:
        await until(lambda: exchange.waiting)
        exchange.quote(A, 11, wakes=False)
        await until(lambda: rig.bids(A) == [11])


async def test_a_lost_connection_is_said_once_and_taken_up_again() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A, B)) as rig:
        await until(lambda: exchange.waiting)
        exchange.quote(A, 10)
        await until(lambda: len(exchange.waiting) == 1)
        exchange.fail(NetworkError("gone"))
        await until(lambda: rig.interrupted() == {A, B})
        await until(lambda: len(exchange.waiting) == 1)
        exchange.quote(A, 10)
        await until(lambda: rig.bids(A) == [10, 10])
        assert [event.reason for event in rig.of(StreamInterrupted)] == ["LOST error=NetworkError"]
        assert len(rig.of(StreamRestored)) == 2


async def test_while_it_is_down_nothing_old_is_told() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A,)) as rig:
        await until(lambda: exchange.waiting)
        exchange.quote(A, 10)
        await until(lambda: len(exchange.waiting) == 1)
        exchange.clients["ws"].isConnected = False
        exchange.fail(NetworkError("gone"))
        await until(lambda: rig.interrupted() == {A})
        await until(lambda: exchange.waiting)
        exchange.clients["ws"].isConnected = True
        await until(lambda: len(rig.of(StreamRestored)) == 2)
        assert rig.bids(A) == [10]


async def test_futures_that_ccxt_cancels_are_a_lost_connection_not_our_end() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A,)) as rig:
        await until(lambda: exchange.waiting)
        exchange.waiting[0][1].cancel()
        await until(lambda: [event.reason for event in rig.of(StreamInterrupted)] == ["CONNECTION_CLOSED"])
        exchange.waiting.clear()
        await until(lambda: exchange.waiting)


async def test_one_bad_symbol_never_stops_the_others() -> None:
    exchange = Exchange()
    exchange.bad = {B}
    async with running(exchange, quotes=(A, B, C)) as rig:
        await until(lambda: {symbols for symbols, _ in exchange.waiting} == {(A,), (C,)})
        exchange.quote(A, 10)
        exchange.quote(C, 30)
        await until(lambda: rig.bids(A) and rig.bids(C))
        assert rig.restored() == {A, C}
        assert exchange.asked.count((B,)) == 1, "asked again only after a long while"


async def test_anothers_refusal_disturbs_nobody_who_is_up() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A, B)) as rig:
        await until(lambda: exchange.waiting)
        exchange.quote(A, 10)
        await until(lambda: len(exchange.waiting) == 1)
        exchange.fail(BadSymbol("somebody else's"))
        await until(lambda: len(exchange.waiting) == 1)
        assert not rig.interrupted() and set(exchange.asked) == {(A, B)}


async def test_a_message_that_ccxt_cannot_take_fails_who_waits_and_no_more() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A,)) as rig:
        await until(lambda: exchange.waiting)
        exchange.handle_message(exchange.clients["ws"], "nonsense")
        await until(lambda: rig.watcher.malformed == 1)
        await until(lambda: rig.interrupted() == {A})
        await until(lambda: exchange.waiting)


async def test_a_connection_without_a_sound_is_dropped() -> None:
    exchange = Exchange()
    async with running(exchange, quotes=(A,), stale_s=0.2) as rig:
        await until(lambda: rig.interrupted() == {A})
        assert rig.of(StreamInterrupted)[0].reason == "LOST error=NetworkError"


async def test_pongs_are_sound_enough() -> None:
    exchange = Exchange()
    async with running(exchange, trades=(A,), stale_s=0.2) as rig:
        end_s = asyncio.get_running_loop().time() + 0.6
        while asyncio.get_running_loop().time() < end_s:
            exchange.clients["ws"].last_message_at += 1
            await asyncio.sleep(0.02)
        assert not rig.interrupted()


async def test_quotes_come_from_the_book_where_the_ticker_has_none() -> None:
    class WithBooks(Exchange):
        async def watch_order_book(self, symbol: str) -> None:
            await self._wait([symbol])

    exchange = WithBooks(watchOrderBook=True)
    async with running(exchange, quotes=(A, B)) as rig:
        await until(lambda: exchange.waiting)
        exchange.bidsasks[A] = {"bid": 10, "ask": 11}
        exchange.wake()
        await until(lambda: {(A,), (B,)} <= set(exchange.asked))
        exchange.orderbooks[A] = {"bids": [[9, 1]], "asks": [[12, 1]], "nonce": 1, "timestamp": None}
        exchange.wake()
        await until(lambda: rig.bids(A) == [9])
        assert exchange.asked.count((A, B)) == 1, "nobody asks for tickers any more"


async def test_a_book_that_stays_crossed_is_fetched_anew() -> None:
    class WithBooks(Exchange):
        async def watch_order_book(self, symbol: str) -> None:
            await self._wait([symbol])

    exchange = WithBooks(watchBidsAsks=False, watchOrderBook=True)
    async with running(exchange, quotes=(A,)) as rig:
        await until(lambda: exchange.waiting)
        exchange.orderbooks[A] = {"bids": [[12, 1]], "asks": [[11, 1]], "nonce": 1, "timestamp": None}
        await until(lambda: A not in exchange.orderbooks)
        await until(lambda: rig.interrupted() == {A})
        assert rig.bids(A) == []


async def test_trades_are_told_once_though_the_cache_keeps_them() -> None:
    exchange = Exchange()
    async with running(exchange, trades=(A,)) as rig:
        exchange.trades[A] = [{"id": "5", "timestamp": 1, "price": 2.5, "amount": 1.0, "side": "buy"}]
        await until(lambda: rig.of(TradePrinted))
        await until(lambda: exchange.waiting)
        exchange.wake()
        await until(lambda: exchange.waiting)
        assert [(event.trade_id, event.price) for event in rig.of(TradePrinted)] == [(5, "2.5")]
