"""One door for market events: what each of them does to candles, quotes and the health of their feeds."""

import pytest

from core.domain.candles import Candle, SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import (
    BookChanged,
    CandleChanged,
    MarkChanged,
    QuoteChanged,
    StreamInterrupted,
    StreamRestored,
    TradePrinted,
)
from core.market.candle_store import Applied, CandleStore
from core.market.feed_states import Channel, FeedState, RestFallback
from core.market.feeds import FeedHealth
from core.market.picture import MarketPicture
from core.market.quotes import Quotes
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import VirtualClock

A, B = InstrumentId("A/USDT"), InstrumentId("B/USDT")
S = 1_000_000_000
MINUTE_MS = 60_000
FIRST_MS = 1_800_000_000_000 - 1_800_000_000_000 % (5 * MINUTE_MS)
KEYS = (SeriesKey(A, Timeframe.M5), SeriesKey(A, Timeframe.M1), SeriesKey(B, Timeframe.M5))
ONE_MINUTE, FIVE_MINUTES = KEYS[1], KEYS[0]


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock(FIRST_MS * 1_000_000)
        subscriptions = StreamSubscriptions(candles=KEYS, quotes=(A, B))
        self.picture = MarketPicture(CandleStore(KEYS), Quotes(), FeedHealth(subscriptions, self.clock))
        self.picture.apply(StreamRestored((A, B), self.now_ns))

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    def candle(self, number: int, close: float, *, key: SeriesKey = ONE_MINUTE, closed: bool = True) -> Applied | None:
        """Candle `number` of a series; it is said when it closes."""
        open_ms = FIRST_MS + number * key.timeframe.ms
        self.clock.jump(max(0.0, (open_ms + key.timeframe.ms) / 1_000 - self.now_ns / S))
        candle = Candle(open_ms, close, close, close, close, 1.0)
        return self.picture.apply(
            CandleChanged(key.instrument_id, key.timeframe, candle, closed, self.now_ns, self.now_ns)
        )

    def quote(self, bid: float, ask: float) -> None:
        self.picture.apply(QuoteChanged(A, bid, 1.0, ask, 1.0, self.now_ns, None, self.now_ns))

    def interrupt(self) -> None:
        self.picture.apply(StreamInterrupted((A, B), "CONNECTION_CLOSED code=1006", self.now_ns))


def test_a_price_is_the_middle_of_the_quote_else_the_newest_candles_close() -> None:
    world = World()
    assert world.picture.price(A) is None
    world.candle(0, 90.0, key=FIVE_MINUTES)
    assert world.picture.price(A) is None, "the finest series speaks for the instrument"
    world.candle(0, 100.0)
    assert world.picture.price(A) == 100.0
    world.candle(1, 101.0, closed=False)
    assert world.picture.price(A) == 101.0
    world.quote(102.0, 104.0)
    assert world.picture.price(A) == 103.0
    world.interrupt()
    assert world.picture.price(A) == 101.0, "a quote of before an interruption is no price"
    world.quote(0.0, 104.0)
    assert world.picture.price(A) == 101.0
    assert world.picture.price(B) is None
    assert world.picture.price(InstrumentId("C/USDT")) is None


def test_a_hole_in_the_candles_is_an_illness_until_it_is_filled() -> None:
    world = World()
    assert world.candle(0, 100.0) is Applied.CLOSED
    assert world.candle(2, 102.0) is Applied.GAP
    cures = world.picture.check(world.now_ns)
    assert RestFallback(Channel.CANDLES, (A,)) in cures
    assert world.picture.feeds.state(A, Channel.CANDLES) is FeedState.GAPPED
    world.picture.backfill(ONE_MINUTE, [_at(1, 101.0), _at(2, 102.0)], FIRST_MS + 3 * MINUTE_MS)
    assert world.picture.candles.window(ONE_MINUTE, 2).close.tolist() == [101.0, 102.0]
    world.picture.check(world.now_ns)
    assert world.picture.feeds.state(A, Channel.CANDLES) is FeedState.LIVE
    assert world.candle(3, 103.0) is Applied.CLOSED


def test_a_backfill_that_leaves_a_hole_does_not_mend_the_feed() -> None:
    world = World()
    world.candle(0, 100.0)
    world.candle(4, 104.0)
    world.picture.backfill(ONE_MINUTE, [_at(1, 101.0)], FIRST_MS + 5 * MINUTE_MS)
    world.picture.check(world.now_ns)
    assert world.picture.feeds.state(A, Channel.CANDLES) is FeedState.GAPPED


def test_a_backfill_of_one_series_does_not_mend_the_hole_in_another() -> None:
    world = World()
    world.candle(0, 100.0)
    world.candle(2, 102.0)
    world.picture.backfill(FIVE_MINUTES, [_at(0, 100.0)], FIRST_MS + 3 * MINUTE_MS)
    world.picture.check(world.now_ns)
    assert world.picture.feeds.state(A, Channel.CANDLES) is FeedState.GAPPED


def test_an_unchanged_quote_is_confirmed_by_a_healthy_feed_and_by_nothing_else() -> None:
    world = World()
    assert world.picture.quote_confirmed_ns(A) == 0
    world.quote(100.0, 101.0)
    said_ns = world.now_ns
    world.candle(0, 100.0)
    world.quote(100.0, 101.0)
    world.picture.check(world.now_ns)
    assert world.picture.quote_confirmed_ns(A) == world.now_ns > said_ns
    checked_ns = world.now_ns
    world.clock.jump(1.0)
    assert world.picture.quote_confirmed_ns(A) == checked_ns, "nobody has looked since"
    world.interrupt()
    world.picture.check(world.now_ns)
    world.quote(100.0, 101.0)
    confirmed_ns = world.picture.quote_confirmed_ns(A)
    assert confirmed_ns == world.now_ns, "its own arrival, though the feed has not been judged well yet"


def test_messages_and_interruptions_are_counted() -> None:
    world = World()
    world.quote(1.0, 2.0)
    world.picture.apply(TradePrinted(A, 1, "1.5", "2", False, world.now_ns, world.now_ns))
    world.interrupt()
    assert (world.picture.messages, world.picture.interruptions) == (4, 1)
    trade = world.picture.quotes.last_trade(A)
    assert trade is not None
    assert trade.price == "1.5"


def test_candles_of_other_series_are_let_pass() -> None:
    world = World()
    assert world.candle(0, 100.0, key=SeriesKey(B, Timeframe.H1)) is Applied.UNKNOWN_SERIES
    with pytest.raises(KeyError):
        world.picture.backfill(SeriesKey(B, Timeframe.H1), [], FIRST_MS)


def _at(number: int, close: float) -> Candle:
    return Candle(FIRST_MS + number * MINUTE_MS, close, close, close, close, 1.0)


def test_the_books_touch_bridges_a_silent_quote_feed() -> None:
    symbol = A
    subscriptions = StreamSubscriptions(candles=(), quotes=(symbol,), books=(symbol,))
    picture = MarketPicture(CandleStore([]), Quotes(), FeedHealth(subscriptions, VirtualClock()))

    def book(first: int, last: int, received_s: float, *, is_snapshot: bool = False, bid: float = 99.0) -> BookChanged:
        return BookChanged(
            symbol, [(bid, 1.0)], [(101.0, 2.0)], first, last, is_snapshot, 0, int(received_s * 1e9), None
        )

    picture.apply(book(11, 12, 1.0))
    assert picture.wanted_snapshots() == (symbol,)
    assert picture.wanted_snapshots() == ()
    picture.apply(book(11, 11, 1.5, is_snapshot=True))
    quote = picture.quotes.quote(symbol)
    assert quote is not None
    assert (quote.bid, quote.ask) == (99.0, 101.0)
    picture.apply(QuoteChanged(symbol, 100.0, 1.0, 100.5, 1.0, 13, None, int(2.0 * 1e9)))
    picture.apply(book(13, 13, 2.5, bid=99.5))
    assert picture.quotes.quote(symbol).bid == 100.0
    picture.apply(book(14, 14, 5.0, bid=100.2))
    assert picture.quotes.quote(symbol).bid == 100.2


def test_a_perpetual_is_worth_its_mark_price_while_that_is_fresh() -> None:
    world = World()
    assert world.picture.mark(A) is None
    world.picture.apply(QuoteChanged(A, 99.0, 1.0, 101.0, 1.0, 1, None, world.now_ns))
    assert world.picture.price(A) == 100.0
    mark = MarkChanged(A, 100.5, 0.0001, FIRST_MS + MINUTE_MS, world.now_ns, world.now_ns)
    assert world.picture.apply(mark) is None
    assert (world.picture.price(A), world.picture.mark(A), world.picture.price(B)) == (100.5, mark, None)
    later_ns = world.now_ns + 60 * S
    world.picture.apply(QuoteChanged(A, 199.0, 1.0, 201.0, 1.0, 2, None, later_ns))
    assert world.picture.price(A) == 200.0, "the mark price has fallen silent"
