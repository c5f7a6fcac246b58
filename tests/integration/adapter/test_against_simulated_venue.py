"""The adapter's streams against a venue that is a process of its own: what is pushed is what REST says."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from pydantic import SecretStr

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, CandleChanged, MarketEvent, QuoteChanged, StreamInterrupted, TradePrinted
from core.domain.orders import (
    BalancesChanged,
    ClientOrderId,
    Leg,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Side,
    UserEvent,
    UserStreamInterrupted,
    UserStreamRestored,
)
from core.market.books import Books
from core.market.candle_builder import TradeCandleBuilder
from core.market.candle_store import CandleStore
from core.market.feeds import FeedHealth
from core.ports.venue import Credentials, StreamSubscriptions
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.venue import VenueSettings
from core.venues.adapter import VenueAdapter, build_adapter
from tests.venues import SYMBOLS, VenueProcess
from tests.waiting import eventually

pytestmark = pytest.mark.processes

IDS = tuple(InstrumentId(symbol) for symbol in SYMBOLS)
BTC = IDS[0]
KEYS = tuple(SeriesKey(each, Timeframe.M1) for each in IDS)
EVERYTHING = StreamSubscriptions(candles=KEYS, quotes=IDS, trades=IDS, books=IDS)
_ids = itertools.count(1)


@pytest.fixture(scope="module")
def fast_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """A minute lasts a second."""
    process = VenueProcess(
        tmp_path_factory.mktemp("fast venue"), speed=60.0, options=("--latency-ms", "0", "--weight-limit", "10000000")
    )
    yield process
    process.stop()


class Bot:
    """An adapter with what the market package makes of its events."""

    def __init__(self, venue: VenueProcess, credentials: Credentials) -> None:
        settings = VenueSettings(
            name="binance",
            base_url=venue.url,
            ws_base_url=venue.ws_url,
            api_key=SecretStr(credentials.api_key),
            secret=SecretStr(credentials.secret),
        )
        self.monotonic = SystemMonotonicClock()
        self.clock = SyncedClock(self.monotonic)
        self.adapter: VenueAdapter = build_adapter(settings, self.clock, self.monotonic)
        for _ in range(3):
            self.sample_clock()
        self.wanted: list[InstrumentId] = []
        self.books = Books(self.wanted.append)
        self.candles = CandleStore(KEYS)
        self.feeds = FeedHealth(EVERYTHING, self.clock)
        self.events: list[MarketEvent] = []
        self.user_events: list[UserEvent] = []

    def sample_clock(self) -> None:
        sent_ns = self.monotonic.now_ns()
        server_ms = self.adapter.rest.server_time_ms()
        speed = self.adapter.rest.clock_speed()
        self.clock.observe(server_ms, sent_ns, self.monotonic.now_ns(), declared_speed=speed)

    def publish(self, event: MarketEvent) -> None:
        self.events.append(event)
        self.feeds.observe(event)
        if isinstance(event, BookChanged):
            self.books.apply(event)
        elif isinstance(event, CandleChanged):
            self.candles.apply(event)
        elif isinstance(event, StreamInterrupted):
            self.books.interrupted(event.instrument_ids)

    async def serve_snapshots(self) -> None:
        while True:
            while self.wanted:
                wanted = self.wanted.pop()
                self.books.apply(await asyncio.to_thread(self.adapter.rest.order_book, wanted, 1_000))
            self.books.check(self.monotonic.now_ns())
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        assert self.adapter.user_stream is not None
        streams = self.adapter.streams(EVERYTHING)
        tasks = [
            asyncio.create_task(streams.run(self.publish)),
            asyncio.create_task(self.adapter.user_stream.run(self.user_events.append)),
            asyncio.create_task(self.serve_snapshots()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.adapter.close()


def from_trades(events: list[MarketEvent], instrument_id: InstrumentId) -> list[Candle]:
    builder = TradeCandleBuilder(Timeframe.M1)
    trades = [event for event in events if isinstance(event, TradePrinted) and event.instrument_id == instrument_id]
    built = [c for t in trades for c in builder.add(t.event_ns // 1_000_000, t.price, t.quantity)]
    return [*built, *builder.advance(trades[-1].event_ns // 1_000_000 + Timeframe.M1.ms)]


def test_pushed_candles_are_the_ones_that_rest_has_and_that_the_trades_make(fast_venue: VenueProcess) -> None:
    bot = Bot(fast_venue, fast_venue.register())

    def closed(key: SeriesKey) -> list[Candle]:
        return [
            event.candle
            for event in bot.events
            if isinstance(event, CandleChanged) and event.closed and event.instrument_id == key.instrument_id
        ]

    async def watch() -> None:
        async with bot.running():
            await eventually(lambda: all(len(closed(key)) >= 4 for key in KEYS))

    asyncio.run(watch())
    for key in KEYS:
        pushed = closed(key)
        rest = Bot(fast_venue, fast_venue.register()).adapter.rest
        said = {each.open_ms: each for each in rest.ohlcv(key.instrument_id, Timeframe.M1, pushed[0].open_ms, 100)}
        rest.close()
        assert [said[candle.open_ms] for candle in pushed] == pushed
        built = {candle.open_ms: candle for candle in from_trades(bot.events, key.instrument_id)}
        traded = [candle for candle in pushed[1:] if candle.n_trades]  # trades came before the first subscription
        assert traded and [built.get(candle.open_ms) for candle in traded] == traded
    assert bot.candles.statistics().gaps == 0
    assert {bot.feeds.summary(each) for each in IDS} <= {"live", "starting"}


LEVELS = 100
"""Of a side that are compared; more would cost so much weight that few tries are allowed."""


def test_books_kept_by_diffs_are_the_books_that_rest_shows(venue: VenueProcess) -> None:
    bot = Bot(venue, venue.register())
    compared: set[InstrumentId] = set()

    async def compare() -> None:
        """A snapshot and the book at the same update id are the same."""
        async with bot.running():
            await eventually(lambda: all(bot.books.book(each) is not None for each in IDS))
            while compared != set(IDS):
                for each in set(IDS) - compared:
                    snapshot = await asyncio.to_thread(bot.adapter.rest.order_book, each, LEVELS)
                    sync = bot.books._entries[each].sync
                    if sync.last_sequence == snapshot.last_sequence:
                        assert (sync.book.bids(LEVELS), sync.book.asks(LEVELS)) == (snapshot.bids, snapshot.asks)
                        compared.add(each)

    asyncio.run(compare())
    assert bot.books.statistics().gaps == 0
    quotes = [event for event in bot.events if isinstance(event, QuoteChanged)]
    assert quotes and all(quote.bid < quote.ask for quote in quotes)


def test_an_orders_whole_life_is_pushed(venue: VenueProcess) -> None:
    bot = Bot(venue, venue.register(deposit={"USDT": "100000", "BTC": "1"}))
    rest = bot.adapter.rest
    mine = ClientOrderId(f"pushed-{next(_ids)}")
    taken = ClientOrderId(f"pushed-{next(_ids)}")

    def reports(client_order_id: ClientOrderId) -> list[OrderReport]:
        return [
            event
            for event in bot.user_events
            if isinstance(event, OrderReport) and event.client_order_id == client_order_id
        ]

    async def live() -> None:
        async with bot.running():
            await eventually(lambda: any(isinstance(event, UserStreamRestored) for event in bot.user_events))
            instruments = await asyncio.to_thread(rest.instruments)
            tick = instruments[BTC].tick_size
            book = await asyncio.to_thread(rest.order_book, BTC, 5)
            price = Decimal(str(book.bids[0][0])) * Decimal("0.9") // tick * tick
            leg = Leg(BTC, Side.BUY, Decimal("0.01"), OrderType.LIMIT, price=price)
            await asyncio.to_thread(rest.place, OrderRequest(mine, leg))
            await asyncio.to_thread(rest.cancel, BTC, mine)
            await eventually(lambda: len(reports(mine)) == 2)
            assert [each.status for each in reports(mine)] == [OrderStatus.NEW, OrderStatus.CANCELLED]
            leg = Leg(BTC, Side.SELL, Decimal("0.02"), OrderType.MARKET)
            placed = await asyncio.to_thread(rest.place, OrderRequest(taken, leg))
            await eventually(lambda: bool(reports(taken)) and reports(taken)[-1].status is OrderStatus.FILLED)
            assert [fill for each in reports(taken) for fill in each.fills] == list(placed.fills)
            assert reports(taken)[-1].filled_notional == placed.filled_notional
            balances = await asyncio.to_thread(rest.balances)
            changed = [event for event in bot.user_events if isinstance(event, BalancesChanged)]
            held = {balance.asset: balance for event in changed for balance in event.balances}
            assert (held["USDT"], held["BTC"]) == (balances["USDT"], balances["BTC"])

    asyncio.run(live())


@pytest.mark.slow
def test_a_venue_that_is_killed_and_started_again_is_found_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    process = VenueProcess(tmp_path_factory.mktemp("mortal venue"), options=("--latency-ms", "0"))
    bot = Bot(process, process.register())
    epoch = bot.adapter.rest.epoch_id()

    async def survive() -> None:
        async with bot.running():
            await eventually(lambda: bot.books.statistics().live == len(IDS))
            await eventually(lambda: any(isinstance(event, UserStreamRestored) for event in bot.user_events))
            await asyncio.to_thread(process.kill)
            await eventually(lambda: any(isinstance(event, StreamInterrupted) for event in bot.events))
            await eventually(lambda: any(isinstance(event, UserStreamInterrupted) for event in bot.user_events))
            assert bot.books.statistics().live == 0
            await asyncio.to_thread(process.start)
            await eventually(lambda: bot.books.statistics().live == len(IDS))
            await eventually(lambda: isinstance(bot.user_events[-1], UserStreamRestored))
            await asyncio.to_thread(bot.sample_clock)

    try:
        asyncio.run(survive())
        assert bot.adapter.rest.epoch_id() == epoch, "the same books, so the same epoch"
    finally:
        process.stop()
