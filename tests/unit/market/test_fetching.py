"""REST into the picture: as few requests as will do, and never more than a page at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compute.computer import Kind
from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.errors import VenueUnavailable
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, QuoteChanged
from core.market.candle_store import CandleStore
from core.market.feeds import FeedHealth
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.market.quotes import Quotes
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import VirtualClock

A = InstrumentId("A/USDT")
KEY = SeriesKey(A, Timeframe.M1)
MINUTE_MS = 60_000
NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % MINUTE_MS + 30_000
FORMING_MS = NOW_MS - 30_000


@dataclass
class Venue:
    """Has `history` closed candles and the one that forms; sells pages of ten."""

    history: int = 1_000
    page: int = 10
    asked: list[tuple[int | None, int]] = field(default_factory=list)
    book: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([(99.0, 1.0)], [(101.0, 2.0)])
    is_down: bool = False

    @property
    def capabilities(self) -> Any:
        return SimpleNamespace(max_klines=self.page)

    def ohlcv(
        self, instrument_id: InstrumentId, timeframe: Timeframe, since_ms: int | None, limit: int
    ) -> list[Candle]:
        assert (instrument_id, timeframe) == (A, Timeframe.M1)
        assert 1 <= limit <= self.page
        if self.is_down:
            raise VenueUnavailable("down")
        self.asked.append((since_ms, limit))
        opens = range(FORMING_MS - self.history * MINUTE_MS, FORMING_MS + 1, MINUTE_MS)
        wanted = opens[-limit:] if since_ms is None else [each for each in opens if each >= since_ms][:limit]
        return [Candle(each, 1.0, 1.0, 1.0, 1.0, 1.0) for each in wanted]

    def order_book(self, instrument_id: InstrumentId, limit: int) -> BookChanged:
        bids, asks = self.book
        return BookChanged(instrument_id, bids, asks, 7, 7, True, NOW_MS * 1_000_000, 123)


class Inline:
    """Runs what it is given at once, and notes how it was asked to."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    async def run(self, fn: Callable[..., Any], *args: Any, **how: Any) -> Any:
        self.calls.append(how)
        return fn(*args)


class World:
    def __init__(self, venue: Venue, *, capacity: int = 1_000) -> None:
        clock = VirtualClock(NOW_MS * 1_000_000)
        subscriptions = StreamSubscriptions(candles=(KEY,), quotes=(A,))
        self.market = MarketPicture(CandleStore([KEY], capacity=capacity), Quotes(), FeedHealth(subscriptions, clock))
        self.computer = Inline()
        self.passed_on: list[QuoteChanged] = []
        self.fetcher = MarketFetcher(
            venue,
            self.computer,
            self.market,
            clock,
            clock,
            deadline_s=3.0,
            on_quote=self.passed_on.append,
        )

    def held(self) -> list[int]:
        """Open times of the closed candles."""
        return [int(each) for each in self.market.candles.window(KEY, 10_000).open_ms]


async def test_what_one_page_holds_is_one_request_in_the_data_lane() -> None:
    venue = Venue(page=10)
    world = World(venue)
    await world.fetcher.candles(KEY, 8)
    assert venue.asked == [(None, 10)]
    assert world.held() == list(range(FORMING_MS - 9 * MINUTE_MS, FORMING_MS, MINUTE_MS))
    forming = world.market.candles.forming(KEY)
    assert forming is not None
    assert forming.open_ms == FORMING_MS
    assert world.computer.calls == [{"kind": Kind.IO, "lane": "data", "deadline_s": 3.0, "operation": "ohlcv"}]


@given(count=st.integers(9, 200), page=st.integers(2, 40), history=st.integers(1, 250))
async def test_what_is_more_than_a_page_comes_page_after_page(count: int, page: int, history: int) -> None:
    venue = Venue(page=page, history=history)
    world = World(venue)
    await world.fetcher.candles(KEY, count)
    held = world.held()
    assert held == list(range(FORMING_MS - len(held) * MINUTE_MS, FORMING_MS, MINUTE_MS)), "whole, and up to now"
    assert len(held) >= min(count, history)
    assert len(venue.asked) <= (count + 2) // page + 1
    world.market.candles.close()


async def test_a_long_series_that_is_there_is_not_fetched_again() -> None:
    venue = Venue(page=10)
    world = World(venue)
    await world.fetcher.candles(KEY, 50)
    assert len(venue.asked) > 1
    venue.asked.clear()
    await world.fetcher.candles(KEY, 50)
    assert venue.asked == [(None, 10)]


async def test_a_series_that_slept_longer_than_a_page_is_fetched_whole_again() -> None:
    venue = Venue(page=10)
    world = World(venue)
    world.market.backfill(KEY, [Candle(FORMING_MS - 500 * MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0)], NOW_MS)
    await world.fetcher.candles(KEY, 50)
    assert len(world.held()) >= 50
    assert world.held()[-1] == FORMING_MS - MINUTE_MS


async def test_a_venue_that_is_down_is_said_and_changes_nothing() -> None:
    world = World(Venue(is_down=True))
    with pytest.raises(VenueUnavailable):
        await world.fetcher.candles(KEY, 5)
    assert world.held() == []


async def test_a_quote_is_taken_from_the_book() -> None:
    world = World(Venue())
    await world.fetcher.quote(A)
    quote = world.market.quotes.quote(A)
    assert quote is not None
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == (99.0, 1.0, 101.0, 2.0)
    assert (quote.sequence, quote.received_ns) == (7, 123)
    assert [(each.bid, each.ask) for each in world.passed_on] == [(99.0, 101.0)]


async def test_an_empty_side_leaves_the_quote_that_is_known() -> None:
    venue = Venue()
    world = World(venue)
    await world.fetcher.quote(A)
    venue.book = ([], [(50.0, 1.0)])
    await world.fetcher.quote(A)
    quote = world.market.quotes.quote(A)
    assert quote is not None
    assert quote.ask == 101.0
