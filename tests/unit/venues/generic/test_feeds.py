"""What is new in ccxt.pro's caches, however often they are shown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Candle, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import TradePrinted
from core.venues.generic.feeds import (
    BookFollower,
    BuiltCandles,
    CandleFollower,
    CrossedBook,
    QuoteFollower,
    TradeFollower,
)

BTC = InstrumentId("BTC/USDT")
MINUTE_MS = 60_000
T0 = 1_800_000_000_000 - 1_800_000_000_000 % MINUTE_MS
S = 1_000_000_000


def row(at_ms: int, name: str | None = None, price: float = 100.0, amount: float = 1.0) -> dict[str, Any]:
    return {"id": name, "timestamp": at_ms, "price": price, "amount": amount, "side": "sell"}


def names(events: list[TradePrinted]) -> list[int]:
    return [event.trade_id for event in events]


def test_a_trade_is_told_once_and_exactly() -> None:
    follower = TradeFollower(BTC, T0)
    cache = [row(T0 + 5, "11", 60123.45, 1e-07)]
    (told,) = follower.take(cache, 9)
    assert told == TradePrinted(BTC, 11, "60123.45", "0.0000001", True, (T0 + 5) * 1_000_000, 9)
    assert follower.take(cache, 10) == []
    cache.append(row(T0 + 5, "12"))
    assert names(follower.take(cache, 11)) == [12]


def test_trades_of_before_and_those_shown_again_are_left_out() -> None:
    follower = TradeFollower(BTC, T0)
    assert names(follower.take([row(T0 - 1, "1"), row(T0, "2")], 0)) == [2]
    again = [row(T0 - 1, "1"), row(T0, "2"), row(T0 + 1, "3")]
    assert names(follower.take(again, 0)) == [3]


def test_the_newest_may_come_first() -> None:
    follower = TradeFollower(BTC, T0)
    assert names(follower.take([row(T0 + 3, "3"), row(T0 + 2, "2"), row(T0 + 1, "1")], 0)) == [1, 2, 3]


def test_a_trade_whose_id_is_no_number_is_numbered() -> None:
    follower = TradeFollower(BTC, T0)
    assert names(follower.take([row(T0, "a-b"), row(T0 + 1, None), row(T0 + 1, "9" * 30)], 0)) == [1, 2, 3]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=40), st.integers(1, 10))
def test_growing_caches_are_read_completely(steps: list[tuple[int, int]], kept: int) -> None:
    """The cache holds the newest few and is shown after each batch that fits."""
    follower, cache, told, number, at_ms = TradeFollower(BTC, T0), list[dict[str, Any]](), list[int](), 0, T0
    for later_ms, count in steps:
        at_ms += later_ms
        for _ in range(min(count, kept)):
            number += 1
            cache.append(row(at_ms, str(number)))
        cache = cache[-kept:]
        told += names(follower.take(cache, 0))
    assert told == list(range(1, number + 1))


def bar(minute: int, close: float, volume: float = 1.0) -> list[float]:
    return [T0 + minute * MINUTE_MS, 100.0, max(close, 100.0), min(close, 100.0), close, volume]


def told(follower: CandleFollower, *rows: list[float]) -> list[tuple[int, float, bool]]:
    events = follower.take(list(rows), 7, 8)
    return [((event.candle.open_ms - T0) // MINUTE_MS, event.candle.close, event.closed) for event in events]


def test_a_candle_is_closed_by_the_next() -> None:
    follower = CandleFollower(BTC, Timeframe.M1)
    assert told(follower, bar(0, 101)) == [(0, 101, False)]
    assert told(follower, bar(0, 101)) == []
    assert told(follower, bar(0, 102), bar(1, 103)) == [(0, 102, False), (0, 102, True), (1, 103, False)]
    assert told(follower, bar(0, 102), bar(1, 103)) == []


def test_a_last_word_that_comes_late_is_told() -> None:
    follower = CandleFollower(BTC, Timeframe.M1)
    told(follower, bar(0, 101), bar(1, 103))
    assert told(follower, bar(0, 104)) == [(0, 104, True)]
    assert told(follower, bar(-1, 104)) == []


def test_what_formed_when_the_stream_broke_is_never_closed_by_it() -> None:
    follower = CandleFollower(BTC, Timeframe.M1)
    told(follower, bar(0, 101))
    follower.interrupted()
    assert told(follower, bar(-1, 100), bar(0, 101)) == [], "the cache still shows it"
    assert told(follower, bar(-1, 100), bar(0, 101), bar(3, 105)) == [(3, 105, False)]
    follower.interrupted()
    assert told(follower, bar(3, 105), bar(3, 106), bar(4, 107)) == [(3, 106, False), (3, 106, True), (4, 107, False)]


def printed(at_ms: int, price: str) -> TradePrinted:
    return TradePrinted(BTC, 1, price, "2", False, at_ms * 1_000_000, 0)


def test_candles_are_built_from_trades_but_for_the_first() -> None:
    built = BuiltCandles(BTC, Timeframe.M1, grace_ms=1_000)
    assert built.take([printed(T0 + 30_000, "100")], T0 + 30_000, 0) == []
    assert built.take([], T0 + MINUTE_MS + 1_000, 0) == [], "it began unseen"
    forming = built.take([printed(T0 + MINUTE_MS + 2_000, "101")], T0 + MINUTE_MS + 2_000, 0)
    assert [(event.candle.close, event.closed) for event in forming] == [(101.0, False)]
    assert built.take([], T0 + 2 * MINUTE_MS + 999, 0) == []
    (closed,) = built.take([], T0 + 2 * MINUTE_MS + 1_000, 0)
    assert closed.closed and closed.candle == Candle(T0 + MINUTE_MS, 101.0, 101.0, 101.0, 101.0, 2.0, 202.0, 1)


def test_a_gap_in_the_trades_begins_anew() -> None:
    built = BuiltCandles(BTC, Timeframe.M1, grace_ms=0)
    built.take([printed(T0, "100"), printed(T0 + MINUTE_MS, "101")], T0 + MINUTE_MS, 0)
    built.interrupted()
    assert built.take([printed(T0 + MINUTE_MS + 30_000, "102")], T0 + 2 * MINUTE_MS, 0) == []


def ticker(bid: float | None, ask: float | None, quantity: float | None = 1.0) -> dict[str, Any]:
    return {"bid": bid, "bidVolume": quantity, "ask": ask, "askVolume": quantity, "timestamp": None}


def test_a_quote_is_told_when_it_changes_or_is_repeated_after_a_while() -> None:
    follower = QuoteFollower(BTC)
    same = ticker(99, 101)
    assert [(each.bid, each.ask) for each in follower.of_ticker(same, S)] == [(99, 101)]
    assert follower.of_ticker(same, 9 * S) == [], "nothing has come: no sign of life"
    assert follower.of_ticker(ticker(99, 101), 2 * S) == []
    assert len(follower.of_ticker(ticker(99, 101), 4 * S)) == 1
    assert len(follower.of_ticker(ticker(99.5, 101), 4 * S)) == 1


def test_a_quote_from_before_an_interruption_is_not_told_after_it() -> None:
    follower = QuoteFollower(BTC)
    old = ticker(99, 101)
    follower.of_ticker(old, S)
    follower.interrupted()
    assert follower.of_ticker(old, 2 * S) == []
    assert len(follower.of_ticker(ticker(99, 101), 2 * S)) == 1
    of_books = QuoteFollower(BTC)
    of_books.of_book(book([[99, 2]], [[101, 3]]), S)
    of_books.interrupted()
    assert of_books.of_book(book([[99, 2]], [[101, 3]]), 9 * S) == []
    assert len(of_books.of_book(book([[99, 2]], [[101, 3]], 2), 9 * S)) == 1


@pytest.mark.parametrize("bad", [ticker(None, 101), ticker(99, 101, None), ticker(float("nan"), 101), ticker(-1, 101)])
def test_a_ticker_that_is_no_quote_is_said(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        QuoteFollower(BTC).of_ticker(bad, 0)


def book(bids: list[list[float]], asks: list[list[float]], nonce: int | None = 1) -> dict[str, Any]:
    return {"bids": bids, "asks": asks, "nonce": nonce, "timestamp": None}


def test_a_books_touch_is_a_quote_once_the_book_is_there() -> None:
    follower = QuoteFollower(BTC)
    assert follower.of_book(book([], [], None), S) == []
    (quote,) = follower.of_book(book([[99, 2], [98, 1]], [[101, 3]]), S)
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == (99, 2, 101, 3)
    (one_sided,) = follower.of_book(book([[99, 2]], []), 2 * S)
    assert (one_sided.ask, one_sided.ask_quantity) == (0, 0)


def test_a_crossed_book_is_no_quote_until_it_is_whole() -> None:
    follower, shown = QuoteFollower(BTC), BookFollower(BTC)
    crossed = book([[102, 1]], [[101, 1]])
    for _ in range(2):
        with pytest.raises(CrossedBook):
            follower.of_book(crossed, S)
        with pytest.raises(CrossedBook):
            shown.take(crossed, S, S)
    assert follower.of_book(book([[100, 1]], [[101, 1]]), S)


def test_a_book_is_shown_whole_ten_times_a_second_at_most() -> None:
    follower = BookFollower(BTC)
    (event,) = follower.take(book([[99, 1]] * 80, [[101, 1]]), 5, S)
    assert event.is_snapshot and len(event.bids) == 50 and event.event_ns == 5
    assert follower.take(book([[98, 1]], [[101, 1]], 2), 5, S + S // 20) == []
    assert len(follower.take(book([[98, 1]], [[101, 1]], 2), 5, S + S // 10)) == 1
    assert follower.take(book([[98, 1]], [[101, 1]], 2), 5, 9 * S) == []
